// Drags that will hardly do what they say, as `clipdragd check` notes them. Lengths count in cells of the grid on which the
// chosen model compares features (FeatureGrid): half its working size over the region that is edited.

class FeatureGrid {
  constructor(region, model) {
    const { native, cell } = MODEL_SIZES[model];
    const working = workingSize(region, native(), cell);
    Object.assign(this, { region, width: working.width >> 1, height: working.height >> 1 });
  }

  /** The cell of a point of the picture: scaled, halves rounded to even, clamped into the grid. */
  cell([x, y]) {
    const { region } = this;
    const index = (value, from, to) => clamp(roundedToEven((value * to) / from), 0, to - 1);
    return [index(x - region.x, region.width, this.width), index(y - region.y, region.height, this.height)];
  }

  get pixelsPerCell() { return (this.region.width / this.width + this.region.height / this.height) / 2; }
}

function roundedToEven(value) {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

const methodNamed = (name) => TABLES.methods.find((method) => method.name === (name ?? TABLES.methods[0].name));

/** Whether a method, or a stage that all methods share, reads a setting. */
const readsSetting = (method, name) => TABLES.stageSettings.includes(name) || method.reads.includes(name);

/** What `check` notes of a method first: settings that it does not read, and a mask that it does not use. */
function methodInputNotes(spec, setting) {
  const method = methodNamed(spec.method);
  const notes = [];
  const groups = [undefined, ...TABLES.groups.map(({ name }) => name)];
  const groupOf = ({ name }) => groups.indexOf(name.includes(".") ? name.split(".")[0] : undefined);
  const unread = TABLES.settings.filter(({ name }) => spec.settings[name] !== undefined && !readsSetting(method, name))
    .sort((a, b) => groupOf(a) - groupOf(b)).map(({ name }) => name);
  if (unread.length) {
    notes.push(`the method \`${method.name}\` does not read ${unread.map((name) => `\`${name}\``).join(", ")}`);
  }
  if (spec.mask.length && !method.usesMask && swiftNumber(setting("warp")) === 0) {
    notes.push(`the method \`${method.name}\` does not use the mask`);
  }
  return notes;
}

/** What a method says of its drags. `setting` reads a setting's text by its name. */
function methodNotes(drags, grid, spec, setting) {
  if (!drags.length) return [];
  const method = methodNamed(spec.method);
  const reach = swiftNumber(setting("reach"));
  const areShort = drags.every(({ from, to }) => distance(grid.cell(from), grid.cell(to)) < reach);
  return areShort ? method.notesOfShortDrags : method.notesOfDrags;
}
