// The picture stretched along its drags, as the engine stretches it before the first drag step (DragWarp.swift):
//
//     w_i(q) = room / (room + way)      room: from q to the nearest place that may not move
//                                       way: from q to the core around where the handle's content goes
//     q comes from q − Σ_i share_i(q) · w_i(q) · d_i      share_i ~ 1 / way_i²
//
// Lengths are pixels of the picture (or of the region that is edited). The field has a grid of its own; between its cells it
// is bilinear.

/** What a mask holds in place, on the field's grid: for every cell the distance to the nearest held cell's middle. */
class HeldCells {
  /** `inside`: one value a cell, true where the picture may change. */
  constructor(inside, grid, image) {
    const [dx, dy] = [image.width / grid.width, image.height / grid.height];
    this.radius = Math.hypot(dx, dy) / 2;
    this.cells = [];
    inside.forEach((isInside, i) => {
      if (isInside) return;
      this.cells.push([((i % grid.width) + 0.5) * dx - 0.5, (Math.floor(i / grid.width) + 0.5) * dy - 0.5]);
    });
    this.distances = distancesToHeld(inside, grid, dx, dy);
  }

  /** The distance from any point to the nearest held cell, less half a cell's diagonal. */
  distanceFrom(point) {
    return this.cells.reduce((least, cell) => Math.min(least, distance(cell, point)), Infinity) - this.radius;
  }

  distanceFromCell(index) { return this.distances[index] - this.radius; }
}

/** Exact Euclidean distances on a grid of cells dx by dy: first along columns, then lower envelopes along rows. */
function distancesToHeld(inside, { width, height }, dx, dy) {
  const squares = new Float64Array(width * height);
  for (let x = 0; x < width; x++) {
    let last = -Infinity;
    for (let y = 0; y < height; y++) {
      if (!inside[y * width + x]) last = y;
      squares[y * width + x] = ((y - last) * dy) ** 2;
    }
    last = Infinity;
    for (let y = height - 1; y >= 0; y--) {
      if (!inside[y * width + x]) last = y;
      squares[y * width + x] = Math.min(squares[y * width + x], ((last - y) * dy) ** 2);
    }
  }
  const found = new Float64Array(width * height);
  const [seats, borders] = [new Int32Array(width), new Float64Array(width + 1)];
  for (let y = 0; y < height; y++) {
    const row = y * width;
    let count = 0;
    for (let x = 0; x < width; x++) {
      if (squares[row + x] === Infinity) continue;
      let border = -Infinity;
      while (count) {
        const seat = seats[count - 1];
        border = (squares[row + x] - squares[row + seat] + (x * x - seat * seat) * dx * dx) / (2 * (x - seat) * dx * dx);
        if (border > borders[count - 1]) break;
        count--;
      }
      borders[count] = count ? border : -Infinity;
      seats[count++] = x;
    }
    let k = 0;
    for (let x = 0; x < width; x++) {
      while (k + 1 < count && borders[k + 1] <= x) k++;
      found[row + x] = count ? Math.sqrt(squares[row + seats[k]] + ((x - seats[k]) * dx) ** 2) : Infinity;
    }
  }
  return found;
}

class DragWarp {
  /**
   * drags: [{from, to}] in the image's pixels; part: of each drag, 0…1; image, grid: {width, height};
   * held: HeldCells on the grid, or null without a mask.
   */
  constructor(drags, part, image, held, grid) {
    Object.assign(this, { image, grid });
    const margin = (14 / 128) * Math.max(image.width, image.height);
    this.pulls = drags.map(({ from, to }) => {
      const length = distance(from, to);
      const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
      const radius = 1.5 * length + margin;
      const inside = radius - distance(to, middle);
      const ahead = inside <= 0 ? 0 : Math.max(0, held ? Math.min(inside, held.distanceFrom(to)) : inside);
      const core = Math.min(margin / 2, ahead / 2);
      const kept = length > 0 ? Math.min(part, (ahead - core) / length) : 0;
      const shift = [kept * (to[0] - from[0]), kept * (to[1] - from[1])];
      return { shift, goal: [from[0] + shift[0], from[1] + shift[1]], core, middle, radius };
    });
    this.field = this.makeField(held);
  }

  /** Offsets (x, y) of where content comes from, for each cell. */
  makeField(held) {
    const { grid, image, pulls } = this;
    const [dx, dy] = [image.width / grid.width, image.height / grid.height];
    const field = new Float32Array(2 * grid.width * grid.height);
    for (let i = 0; i < grid.width * grid.height; i++) {
      const [px, py] = [((i % grid.width) + 0.5) * dx - 0.5, (Math.floor(i / grid.width) + 0.5) * dy - 0.5];
      let [x, y, shares] = [0, 0, 0];
      for (const { shift, goal, core, middle, radius } of pulls) {
        const way = Math.max(0, Math.hypot(px - goal[0], py - goal[1]) - core);
        const inside = radius - Math.hypot(px - middle[0], py - middle[1]);
        const room = inside <= 0 ? 0 : Math.max(0, held ? Math.min(inside, held.distanceFromCell(i)) : inside);
        const share = 1 / Math.max(way * way, 1e-6);
        const weight = room > 0 ? room / (room + way) : 0;
        x += share * weight * shift[0];
        y += share * weight * shift[1];
        shares += share;
      }
      field[2 * i] = -x / shares;
      field[2 * i + 1] = -y / shares;
    }
    return field;
  }

  /** The box outside which nothing moves, in pixels of a picture `scale` times the image. */
  bounds(width, height) {
    const [sx, sy] = [width / this.image.width, height / this.image.height];
    const [cx, cy] = [width / this.grid.width, height / this.grid.height];
    const reach = (select, scale, cell) => [
      Math.min(...this.pulls.map((p) => p.middle[select] - p.radius)) * scale - cell - 1,
      Math.max(...this.pulls.map((p) => p.middle[select] + p.radius)) * scale + cell + 1,
    ];
    if (!this.pulls.length) return { x: 0, y: 0, width: 0, height: 0 };
    const [left, right] = reach(0, sx, cx);
    const [top, bottom] = reach(1, sy, cy);
    const x = Math.max(0, Math.floor(left));
    const y = Math.max(0, Math.floor(top));
    return {
      x, y, width: Math.max(0, Math.min(width, Math.ceil(right)) - x),
      height: Math.max(0, Math.min(height, Math.ceil(bottom)) - y),
    };
  }

  /**
   * Stretches `from` (RGBA of width × height) into `to` (RGBA of the box of `bounds`): bilinear, and at the border the
   * border's values. Fixed-point weights of 1/256: a channel is at most two levels from the engine's.
   */
  apply(from, width, height, to, box) {
    const { grid, field, image } = this;
    const [sx, sy] = [width / image.width, height / image.height];
    const [columns, lefts] = resizeSteps(box.x, box.width, width, grid.width);
    const [rows, tops] = resizeSteps(box.y, box.height, height, grid.height);
    const source = new Uint32Array(from.buffer, from.byteOffset, width * height);
    const target = new Uint32Array(to.buffer, to.byteOffset, box.width * box.height);
    // The field on one row of pixels, in pixels: between the cells above and below, not yet between left and right.
    const across = new Float64Array(2 * grid.width + 2);
    for (let j = 0; j < box.height; j++) {
      const top = 2 * tops[j] * grid.width;
      const below = 2 * Math.min(tops[j] + 1, grid.height - 1) * grid.width;
      const down = rows[j];
      for (let k = 0; k < 2 * grid.width; k++) {
        across[k] = (field[top + k] + down * (field[below + k] - field[top + k])) * (k & 1 ? sy : sx);
      }
      across[2 * grid.width] = across[2 * grid.width - 2];
      across[2 * grid.width + 1] = across[2 * grid.width - 1];
      const y0 = box.y + j;
      for (let i = 0; i < box.width; i++) {
        const left = 2 * lefts[i];
        const weight = columns[i];
        const dx = across[left] + weight * (across[left + 2] - across[left]);
        const dy = across[left + 1] + weight * (across[left + 3] - across[left + 1]);
        const x0 = box.x + i;
        target[j * box.width + i] = dx === 0 && dy === 0 ? source[y0 * width + x0]
          : sampled(source, width, height, clamp(x0 + dx, 0, width - 1), clamp(y0 + dy, 0, height - 1));
      }
    }
  }
}

const clamp = (value, low, high) => (value < low ? low : value > high ? high : value);

/** For each of `count` pixels from `start` on: the cell left of it and the weight of the next one (align_corners false). */
function resizeSteps(start, count, side, cells) {
  const [weights, firsts] = [new Float32Array(count), new Int32Array(count)];
  for (let i = 0; i < count; i++) {
    const place = Math.max(0, ((start + i + 0.5) * cells) / side - 0.5);
    firsts[i] = Math.min(Math.floor(place), cells - 1);
    weights[i] = place - firsts[i];
  }
  return [weights, firsts];
}

/** Two channels at a time: each word holds two bytes that lie 16 bits apart. */
function sampled(source, width, height, x, y) {
  const left = x | 0;
  const top = y | 0;
  const right = left + 1 < width ? 1 : 0;
  const below = top + 1 < height ? width : 0;
  const across = ((x - left) * 256 + 0.5) | 0;
  const down = ((y - top) * 256 + 0.5) | 0;
  const at = top * width + left;
  const a = source[at];
  if ((across | down) === 0) return a;
  const b = source[at + right];
  const c = source[at + below];
  const d = source[at + below + right];
  const low = mixed(mixed(a & 0xff00ff, b & 0xff00ff, across), mixed(c & 0xff00ff, d & 0xff00ff, across), down);
  const high = mixed(
    mixed((a >>> 8) & 0xff00ff, (b >>> 8) & 0xff00ff, across),
    mixed((c >>> 8) & 0xff00ff, (d >>> 8) & 0xff00ff, across), down);
  return (low | (high << 8)) >>> 0;
}

const mixed = (a, b, weight) =>
  ((Math.imul(a, 256 - weight) + Math.imul(b, weight) + 0x800080) >>> 8) & 0xff00ff;

/** The size at which the engine edits an image: its longer side becomes `native`, each side a multiple (WorkingSize). */
function workingSize({ width, height }, native, multiple) {
  const longer = Math.max(width, height);
  const near = (side) =>
    Math.max(multiple, Math.floor((2 * side * native + longer * multiple) / (2 * longer * multiple)) * multiple);
  return { width: near(width), height: near(height) };
}
