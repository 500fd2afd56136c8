// The largest outline in a picture, as the engine finds it (LargestOutline.swift): where it surrounds the drags they move what is inside,
// and the outline holds its place.

class LargestOutline {
  /** `pixels`: RGBA of width × height. The outline whose bounding box is the largest, at 128 pixels or less. */
  constructor(pixels, width, height) {
    const scale = Math.min(1, 128 / Math.max(width, height));
    const side = (length) => Math.max(8, Math.round(scale * length));
    this.size = { width: side(width), height: side(height) };
    const channels = [0, 1, 2].map((channel) => shrunk(onWhite(pixels, channel), width, height, this.size));
    const slopes = channels.map((values) => slopesOf(values, this.size));
    const isEdge = slopes[0].map((slope, i) => (Math.max(slope, slopes[1][i], slopes[2][i]) > 12 ? 1 : 0));
    const found = largestJoined(isEdge, this.size);
    this.pixels = found.map((i) => [i % this.size.width, Math.floor(i / this.size.width)]);
    this.isOutside = outsideOf(found, this.size);
  }

  surrounds([x, y]) {
    const { width, height } = this.size;
    return !this.isOutside[clamp(Math.round(y), 0, height - 1) * width + clamp(Math.round(x), 0, width - 1)];
  }

  /**
   * What drags in pixels of an `image` may move, one value for each cell of a grid: all but the outline's cells. null, where it does
   * not surround them all, or one comes near it.
   */
  inside(drags, image, grid) {
    const { size, pixels } = this;
    const scaled = ([x, y]) => [
      ((x + 0.5) * size.width) / image.width - 0.5, ((y + 0.5) * size.height) / image.height - 0.5,
    ];
    const near = (5 / 128) * Math.max(size.width, size.height);
    const ways = drags.map(({ from, to }) => [scaled(from), scaled(to)]);
    const isNear = (pixel) => ways.some(([from, to]) => distanceFromWay(pixel, from, to) < near);
    if (!ways.length || !ways.every(([from]) => this.surrounds(from)) || pixels.some(isNear)) return null;
    const inside = new Uint8Array(grid.width * grid.height).fill(1);
    for (const [x, y] of pixels) {
      const row = Math.floor(((y + 0.5) * grid.height) / size.height);
      inside[row * grid.width + Math.floor(((x + 0.5) * grid.width) / size.width)] = 0;
    }
    return inside;
  }
}

/** Where a way over pixels' sides leads from the border, around an outline: one value a pixel. */
function outsideOf(outline, { width, height }) {
  const isOutside = new Uint8Array(width * height);
  const isOutline = new Uint8Array(width * height);
  for (const i of outline) isOutline[i] = 1;
  const next = [];
  for (let x = 0; x < width; x++) next.push(x, (height - 1) * width + x);
  for (let y = 0; y < height; y++) next.push(y * width, y * width + width - 1);
  while (next.length) {
    const i = next.pop();
    if (isOutside[i] || isOutline[i]) continue;
    isOutside[i] = 1;
    const [row, column] = [Math.floor(i / width), i % width];
    if (row > 0) next.push(i - width);
    if (row < height - 1) next.push(i + width);
    if (column > 0) next.push(i - 1);
    if (column < width - 1) next.push(i + 1);
  }
  return isOutside;
}

/** The stretch of a picture with this outline, where no mask is given: the outline holds where the content then still arrives. */
function stretchInside(outline, drags, part, image, grid) {
  const inside = outline.inside(drags, image, grid);
  const bounded = inside && new DragWarp(drags, part, image, new HeldCells(inside, grid, image, { isOutline: true }), grid);
  return bounded?.carries() ? bounded : new DragWarp(drags, part, image, null, grid);
}

/** One channel of RGBA over white, 0…255. */
function onWhite(pixels, channel) {
  const values = new Float32Array(pixels.length / 4);
  for (let i = 0; i < values.length; i++) {
    const alpha = pixels[4 * i + 3] / 255;
    values[i] = alpha * pixels[4 * i + channel] + (1 - alpha) * 255;
  }
  return values;
}

/** Resized as the engine resizes: a triangle of two pixels' width of the result. */
function shrunk(values, width, height, size) {
  const across = resampled(values, width, height, size.width);
  return turned(resampled(turned(across, size.width, height), height, size.width, size.height), size.height, size.width);
}

/** Rows of `width` values resized to `count` values each. */
function resampled(values, width, height, count) {
  if (count === width) return values;
  const step = width / count;
  const reach = Math.max(1, step);
  const out = new Float32Array(count * height);
  for (let i = 0; i < count; i++) {
    const middle = (i + 0.5) * step;
    const first = Math.max(0, Math.floor(middle - reach + 0.5));
    const last = Math.min(width, Math.floor(middle + reach + 0.5));
    const weights = [];
    for (let x = first; x < last; x++) weights.push(Math.max(0, 1 - Math.abs(x + 0.5 - middle) / reach));
    const sum = weights.reduce((a, b) => a + b, 0);
    for (let row = 0; row < height; row++) {
      let value = 0;
      for (let k = 0; k < weights.length; k++) value += weights[k] * values[row * width + first + k];
      out[row * count + i] = value / sum;
    }
  }
  return out;
}

/** Rows become columns. */
function turned(values, width, height) {
  return Float32Array.from(values, (_, i) => values[(i % height) * width + Math.floor(i / height)]);
}

/** Lengths of the gradient by Sobel's weights, per pixel; beyond the rim lie the rim's values. */
function slopesOf(values, { width, height }) {
  const at = (row, column) => values[clamp(row, 0, height - 1) * width + clamp(column, 0, width - 1)];
  return Float32Array.from(values, (_, i) => {
    const [row, column] = [Math.floor(i / width), i % width];
    const line = (place) => (place(-1) + 2 * place(0) + place(1)) / 8;
    const down = line((k) => at(row + 1, column + k)) - line((k) => at(row - 1, column + k));
    const across = line((k) => at(row + k, column + 1)) - line((k) => at(row + k, column - 1));
    return Math.hypot(down, across);
  });
}

/** Of the pixels that touch each other by a side or a corner, those with the largest bounding box. */
function largestJoined(isEdge, { width, height }) {
  const rest = isEdge.slice();
  let largest = { pixels: [], area: 0 };
  for (let start = 0; start < rest.length; start++) {
    if (!rest[start]) continue;
    rest[start] = 0;
    const pixels = [start];
    let [left, right, top, bottom] = [width, 0, height, 0];
    for (let next = 0; next < pixels.length; next++) {
      const [row, column] = [Math.floor(pixels[next] / width), pixels[next] % width];
      [left, right] = [Math.min(left, column), Math.max(right, column)];
      [top, bottom] = [Math.min(top, row), Math.max(bottom, row)];
      for (let y = Math.max(0, row - 1); y <= Math.min(height - 1, row + 1); y++) {
        for (let x = Math.max(0, column - 1); x <= Math.min(width - 1, column + 1); x++) {
          if (!rest[y * width + x]) continue;
          rest[y * width + x] = 0;
          pixels.push(y * width + x);
        }
      }
    }
    const area = (right - left + 1) * (bottom - top + 1);
    if (area > largest.area) largest = { pixels, area };
  }
  return largest.pixels;
}

/** Between a point and the nearest point of a way. */
function distanceFromWay([x, y], [fromX, fromY], [toX, toY]) {
  const [wayX, wayY] = [toX - fromX, toY - fromY];
  const along = clamp(((x - fromX) * wayX + (y - fromY) * wayY) / Math.max(wayX * wayX + wayY * wayY, 1e-12), 0, 1);
  return Math.hypot(x - fromX - along * wayX, y - fromY - along * wayY);
}
