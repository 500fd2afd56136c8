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

/** Handle points that the model's grid cannot tell apart. */
function coincidingNotes(drags, grid) {
  const cells = drags.map(({ from }) => grid.cell(from).join());
  return cells.flatMap((cell, i) => cells.slice(0, i).flatMap((other, j) => (other === cell
    ? [`on the model's grid the handles of drags ${j + 1} and ${i + 1} are one point: the grid cannot tell them apart`] : [])));
}

/** Regions of drags that do less than they say. */
function dragRegionNotes(spec, picture, mask) {
  const regions = spec.drags.map((_, i) => i).filter((i) => !Array.isArray(spec.drags[i].from));
  if (!regions.length) return [];
  const method = methodNamed(spec.method);
  const units = new Units(spec, picture);
  const notes = [];
  if (!method.takesRegions) {
    notes.push(`the method \`${method.name}\` moves points: of each region of a drag it takes the middle`);
  }
  if (mask.isGiven && mask.isKnown) {
    const cut = regions.filter((i) => ["from", "to"].some((end) => reachesOut(units.shape(spec.drags[i][end]), picture, mask)));
    if (cut.length) {
      const numbers = cut.map((i) => i + 1).join(", ");
      notes.push(`regions of drag ${numbers} reach out of the mask: what lies outside the mask does not change`);
    }
  }
  return notes;
}

/** Whether a shape has a pixel of the picture that the mask holds. */
function reachesOut(shape, { width, height }, mask) {
  const [left, top, right, bottom] = shapeBounds(shape);
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, Math.ceil(bottom)); y++) {
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(width, Math.ceil(right)); x++) {
      if (shapeContains(shape, x, y) && !mask.contains(x, y)) return true;
    }
  }
  return false;
}
