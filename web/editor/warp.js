// The picture stretched along its drags, as the engine stretches it before the first drag step (DragWarp.swift):
//
//     w_i(q) = room / (room + way)      room: from q to the nearest place that may not move; 1.5 times as far from an outline
//                                       way: from q to the core around where the handle's content goes
//     q comes from q − Σ_i share_i(q) · w_i(q) · a_i      share_i ~ 1 / (way_i + 4 · core_i)²
//
// The a_i are such that the content of every handle arrives at its goal; of a single drag a is its way. Where a mask leaves less
// room at the target than the drag is long, `way` is shortened behind the goal along the drag. Lengths are pixels of the picture (or
// of the region that is edited). The field has a grid of its own; between its cells it is bilinear.

/** What a mask holds in place, on the field's grid: for every cell the distance to the nearest held cell's middle. */
class HeldCells {
  /**
   * `inside`: one value a cell, true where the picture may change; `isOutline`: whether an outline's cells may not, and no mask. Beside
   * an outline content may be pressed more, and then what is dragged moves more as a whole.
   */
  constructor(inside, grid, image, { isOutline = false } = {}) {
    this.isOutline = isOutline;
    this.steepness = isOutline ? 1.5 : 1;
    const [dx, dy] = [image.width / grid.width, image.height / grid.height];
    this.radius = Math.hypot(dx, dy) / 2;
    this.cells = [];
    inside.forEach((isInside, i) => {
      if (isInside) return;
      this.cells.push([((i % grid.width) + 0.5) * dx - 0.5, (Math.floor(i / grid.width) + 0.5) * dy - 0.5]);
    });
    this.distances = distancesToHeld(inside, grid, dx, dy);
  }

  /** The room at any point: the distance to the nearest held cell, less half a cell's diagonal, times `steepness`. */
  roomAt(point) {
    const nearest = this.cells.reduce((least, cell) => Math.min(least, distance(cell, point)), Infinity);
    return this.steepness * (nearest - this.radius);
  }

  roomAtCell(index) { return this.steepness * (this.distances[index] - this.radius); }
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
    Object.assign(this, { image, grid, held });
    const margin = (14 / 128) * Math.max(image.width, image.height);
    const isMasked = !held?.isOutline;
    this.pulls = drags.map(({ from, to }) => {
      const length = distance(from, to);
      const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
      const radius = 1.5 * length + margin;
      const inside = radius - distance(to, middle);
      const ahead = inside <= 0 ? 0 : Math.max(0, held ? Math.min(inside, held.roomAt(to)) : inside);
      const core = Math.min(margin / 2, ahead / 2);
      const free = ahead - core;
      const kept = length > 0 ? Math.min(part, (19 * free) / length) : 0;
      const shift = [kept * (to[0] - from[0]), kept * (to[1] - from[1])];
      return { from, shift, length: kept * length, goal: [from[0] + shift[0], from[1] + shift[1]], core, free, isMasked, middle, radius };
    });
    this.field = this.makeField();
    this.unfold();
  }

  /** Offsets (x, y) of where content comes from, for each cell. */
  makeField() {
    const { grid, held } = this;
    const amounts = this.amounts();
    const field = new Float32Array(2 * grid.width * grid.height);
    for (let i = 0; i < grid.width * grid.height; i++) {
      const free = held ? held.roomAtCell(i) : Infinity;
      const [x, y] = combined(this.parts(this.middleOf(i), free), amounts);
      field[2 * i] = -x;
      field[2 * i + 1] = -y;
    }
    return field;
  }

  /** What each pull adds, so that together they carry the content of every handle to its goal. */
  amounts() {
    const { pulls, held } = this;
    const ways = pulls.map(({ shift }) => shift);
    if (pulls.length < 2) return ways;
    const most = 2 * Math.max(...ways.map(([x, y]) => Math.hypot(x, y)));
    const atGoals = pulls.map(({ goal }) => this.parts(goal, held ? held.roomAt(goal) : Infinity));
    let amounts = ways;
    for (let turn = 0; turn < 20; turn++) {
      const found = atGoals.map((parts) => combined(parts, amounts));
      amounts = amounts.map(([x, y], j) => {
        const amount = [x + ways[j][0] - found[j][0], y + ways[j][1] - found[j][1]];
        const length = Math.hypot(...amount);
        return length > most ? amount.map((part) => (part * most) / length) : amount;
      });
    }
    return amounts;
  }

  /** share_i · w_i at a point, where the shares' sum is 1; `free`: how far the point is from what a mask holds. */
  parts([x, y], free) {
    let sum = 0;
    const parts = this.pulls.map((pull) => {
      const { core, middle, radius } = pull;
      const way = Math.max(0, distanceFromGoal(pull, x - pull.goal[0], y - pull.goal[1]) - core);
      const room = Math.max(0, Math.min(radius - Math.hypot(x - middle[0], y - middle[1]), free));
      const share = 1 / Math.max((way + 4 * core) ** 2, 1e-6);
      sum += share;
      return room > 0 ? (share * room) / (room + way) : 0;
    });
    return parts.map((part) => part / sum);
  }

  /** Gives cells the mean of their neighbours' ways where drags against each other would fold the content between them. */
  unfold() {
    const { grid: { width, height }, field } = this;
    for (let turn = 0; turn < 200; turn++) {
      const folded = new Set(this.folds().flatMap((i) => [i, i + 1, i + width, i + width + 1]));
      if (!folded.size) return;
      const old = field.slice();
      for (const i of folded) {
        if (!this.mayMove(i)) continue;
        const [row, column] = [Math.floor(i / width), i % width];
        const around = [
          Math.max(row - 1, 0) * width + column, Math.min(row + 1, height - 1) * width + column,
          row * width + Math.max(column - 1, 0), row * width + Math.min(column + 1, width - 1),
        ];
        for (const k of [0, 1]) field[2 * i + k] = around.reduce((sum, cell) => sum + old[2 * cell + k], 0) / 4;
      }
    }
  }

  /** Whether any drag may move a cell. */
  mayMove(i) {
    const [x, y] = this.middleOf(i);
    const isFree = !this.held || this.held.roomAtCell(i) > 0;
    return isFree && this.pulls.some(({ middle, radius }) => Math.hypot(x - middle[0], y - middle[1]) < radius);
  }

  /** Whether the content of every handle comes at least three quarters of its way to its goal. */
  carries() {
    return this.pulls.every(({ from, goal, length }) => distance(this.originOf(goal), from) <= length / 4 + 1e-3);
  }

  /** Where the content at a point comes from. */
  originOf([x, y]) {
    const { grid, image, field } = this;
    const cell = (place, side, cells) => clamp(((place + 0.5) * cells) / side - 0.5, 0, cells - 1);
    const [column, row] = [cell(x, image.width, grid.width), cell(y, image.height, grid.height)];
    const [left, top] = [Math.floor(column), Math.floor(row)];
    const [right, below] = [Math.min(left + 1, grid.width - 1), Math.min(top + 1, grid.height - 1)];
    const mixed = (a, b, part) => a + part * (b - a);
    const [wayX, wayY] = [0, 1].map((k) => {
      const at = (i, j) => field[2 * (i * grid.width + j) + k];
      return mixed(mixed(at(top, left), at(top, right), column - left), mixed(at(below, left), at(below, right), column - left), row - top);
    });
    return [clamp(x + wayX, 0, image.width - 1), clamp(y + wayY, 0, image.height - 1)];
  }

  /** A cell's middle, in the image's pixels. */
  middleOf(i) {
    const { grid, image } = this;
    return [
      (((i % grid.width) + 0.5) * image.width) / grid.width - 0.5,
      ((Math.floor(i / grid.width) + 0.5) * image.height) / grid.height - 0.5,
    ];
  }

  /** The first of every four cells between which content is turned over, or pressed to less than a twentieth of its area. */
  folds() {
    const { grid, image, field } = this;
    const [dx, dy] = [image.width / grid.width, image.height / grid.height];
    const way = (from, to, x, y) => [x + field[2 * to] - field[2 * from], y + field[2 * to + 1] - field[2 * from + 1]];
    const area = (across, down) => across[0] * down[1] - across[1] * down[0];
    const found = [];
    for (let row = 0; row < grid.height - 1; row++) {
      for (let i = row * grid.width; i < (row + 1) * grid.width - 1; i++) {
        const below = i + grid.width;
        const [upper, lower] = [way(i, i + 1, dx, 0), way(below, below + 1, dx, 0)];
        const [left, right] = [way(i, below, 0, dy), way(i + 1, below + 1, 0, dy)];
        const least = Math.min(area(upper, left), area(lower, left), area(upper, right), area(lower, right));
        if (least < 0.05 * dx * dy) found.push(i);
      }
    }
    return found;
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
    // The field on one row of pixels, in 1/256 of a pixel: between the cells above and below, not yet between left and right.
    const across = new Float64Array(2 * grid.width + 2);
    for (let j = 0; j < box.height; j++) {
      const top = 2 * tops[j] * grid.width;
      const below = 2 * Math.min(tops[j] + 1, grid.height - 1) * grid.width;
      const down = rows[j];
      let isStill = true;
      for (let k = 0; k < 2 * grid.width; k++) {
        across[k] = (field[top + k] + down * (field[below + k] - field[top + k])) * (k & 1 ? sy : sx) * 256;
        if (across[k] !== 0) isStill = false;
      }
      across[2 * grid.width] = across[2 * grid.width - 2];
      across[2 * grid.width + 1] = across[2 * grid.width - 1];
      const y = box.y + j;
      const start = j * box.width;
      if (isStill) target.set(source.subarray(y * width + box.x, y * width + box.x + box.width), start);
      else stretchRow(source, width, height, target, start, box, y, across, columns, lefts);
    }
  }
}

/** The length of an offset from a pull's goal, shortened behind the goal along its way where a mask leaves less room. */
function distanceFromGoal({ shift, length, free, isMasked }, x, y) {
  if (!isMasked || length <= free) return Math.hypot(x, y);
  const along = (x * shift[0] + y * shift[1]) / length;
  const shorter = along < 0 ? (free / length - 1) * along / length : 0;
  return Math.hypot(x + shorter * shift[0], y + shorter * shift[1]);
}

/** Σ part_i · amount_i, as (x, y). */
function combined(parts, amounts) {
  let [x, y] = [0, 0];
  for (let i = 0; i < parts.length; i++) {
    x += parts[i] * amounts[i][0];
    y += parts[i] * amounts[i][1];
  }
  return [x, y];
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

/**
 * One row of a stretched picture. Places are in 1/256 of a pixel. Two channels are mixed at a time: each word holds two bytes
 * that lie 16 bits apart, and the four weights add up to 256.
 */
function stretchRow(source, width, height, target, start, box, y, across, columns, lefts) {
  const [lastX, lastY] = [(width - 1) << 8, (height - 1) << 8];
  const row = y * 256 + 0.5;
  for (let i = 0; i < box.width; i++) {
    const left = 2 * lefts[i];
    const weight = columns[i];
    let px = ((box.x + i) * 256 + 0.5 + across[left] + weight * (across[left + 2] - across[left])) | 0;
    let py = (row + across[left + 1] + weight * (across[left + 3] - across[left + 1])) | 0;
    px = px < 0 ? 0 : px > lastX ? lastX : px;
    py = py < 0 ? 0 : py > lastY ? lastY : py;
    const at = (py >> 8) * width + (px >> 8);
    const toRight = px & 255;
    const toBelow = py & 255;
    const a = source[at];
    if ((toRight | toBelow) === 0) {
      target[start + i] = a;
      continue;
    }
    // On the last column and row the neighbour's weight is 0.
    const right = px < lastX ? 1 : 0;
    const below = py < lastY ? width : 0;
    const both = (toRight * toBelow + 128) >> 8;
    const w = 256 - toRight - toBelow + both;
    const v = toRight - both;
    const u = toBelow - both;
    const b = source[at + right];
    const c = source[at + below];
    const d = source[at + below + right];
    const low = Math.imul(a & 0xff00ff, w) + Math.imul(b & 0xff00ff, v) + Math.imul(c & 0xff00ff, u)
      + Math.imul(d & 0xff00ff, both) + 0x800080;
    const high = Math.imul((a >>> 8) & 0xff00ff, w) + Math.imul((b >>> 8) & 0xff00ff, v)
      + Math.imul((c >>> 8) & 0xff00ff, u) + Math.imul((d >>> 8) & 0xff00ff, both) + 0x800080;
    target[start + i] = ((low >>> 8) & 0xff00ff) | (high & 0xff00ff00);
  }
}

/** The size at which the engine edits an image: its longer side becomes `native`, each side a multiple (WorkingSize). */
function workingSize({ width, height }, native, multiple) {
  const longer = Math.max(width, height);
  const near = (side) =>
    Math.max(multiple, Math.floor((2 * side * native + longer * multiple) / (2 * longer * multiple)) * multiple);
  return { width: near(width), height: near(height) };
}
