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

/** The methods that move handle points by motion supervision until they have arrived. */
const REACHING_METHODS = ["clipdrag"];

/** What `check` notes of a method's drags: that none is long enough to begin. `setting` reads a setting's text by its name. */
function methodNotes(drags, grid, method, setting) {
  if (!drags.length || !REACHING_METHODS.includes(method)) return [];
  const reach = swiftNumber(setting("reach"));
  const areShort = drags.every(({ from, to }) => distance(grid.cell(from), grid.cell(to)) < reach);
  return areShort
    ? ["every drag is shorter than `reach` on this model's grid: nothing will be dragged, and the edit prompt not used"] : [];
}
