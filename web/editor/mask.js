// Where the picture may change: shapes, and what is painted. A painted mask has one byte a pixel of the upright picture.

class PaintedMask {
  constructor(width, height, values = new Uint8Array(width * height)) { Object.assign(this, { width, height, values }); }

  get isEmpty() { return this.bounds === null; }

  contains(x, y) { return this.values[y * this.width + x] === 255; }

  /** Paints a round brush along a line; returns the box that it touched: {x, y, width, height}, or null. */
  stroke([ax, ay], [bx, by], radius, value) {
    const x = Math.max(0, Math.floor(Math.min(ax, bx) - radius));
    const y = Math.max(0, Math.floor(Math.min(ay, by) - radius));
    const right = Math.min(this.width, Math.ceil(Math.max(ax, bx) + radius) + 1);
    const bottom = Math.min(this.height, Math.ceil(Math.max(ay, by) + radius) + 1);
    if (right <= x || bottom <= y) return null;
    const [dx, dy] = [bx - ax, by - ay];
    const length = dx * dx + dy * dy;
    for (let row = y; row < bottom; row++) {
      for (let column = x; column < right; column++) {
        const [px, py] = [column + 0.5 - ax, row + 0.5 - ay];
        const along = length ? clamp((px * dx + py * dy) / length, 0, 1) : 0;
        const [ex, ey] = [px - along * dx, py - along * dy];
        if (ex * ex + ey * ey <= radius * radius) this.values[row * this.width + column] = value;
      }
    }
    this.box = undefined;
    return { x, y, width: right - x, height: bottom - y };
  }

  copy({ x, y, width, height }) {
    const part = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const start = (y + row) * this.width + x;
      part.set(this.values.subarray(start, start + width), row * width);
    }
    return part;
  }

  paste({ x, y, width, height }, part) {
    for (let row = 0; row < height; row++) {
      this.values.set(part.subarray(row * width, (row + 1) * width), (y + row) * this.width + x);
    }
    this.box = undefined;
  }

  /** The box of what is white: [left, top, right, bottom]; null without any. */
  get bounds() {
    if (this.box === undefined) this.box = paintedBox(this);
    return this.box;
  }

  /** Reads a mask picture as the daemon does (MaskPicture): white and opaque may change. Null for another size. */
  static of(pixels, width, height) {
    const count = width * height;
    const lumas = new Uint8Array(count);
    let [visible, white] = [0, 0];
    for (let i = 0; i < count; i++) {
      lumas[i] = Math.round(0.299 * pixels[4 * i] + 0.587 * pixels[4 * i + 1] + 0.114 * pixels[4 * i + 2]);
      if (pixels[4 * i + 3] >= 128) {
        visible++;
        if (lumas[i] >= 128) white++;
      }
    }
    const isFromAlpha = visible < count && (white === 0 || white === visible);
    const mask = new PaintedMask(width, height);
    for (let i = 0; i < count; i++) {
      const alpha = pixels[4 * i + 3];
      const value = isFromAlpha ? alpha : Math.min(lumas[i], alpha);
      mask.values[i] = value >= 128 ? 255 : 0;
    }
    return mask;
  }
}

/** The mask of a spec on the canvas: shapes in pixels, and painted masks by file name. */
class MaskView {
  constructor(spec, size, painted) {
    const units = new Units(spec, size);
    this.shapes = spec.mask.filter((region) => region.file === undefined).map((shape) => units.shape(shape));
    this.files = spec.mask.filter((region) => region.file !== undefined).map(({ file }) => painted.get(file) ?? null);
    /** The painted mask of each region of the spec; null for shapes and for files that are not open. */
    this.filesByRegion = spec.mask.map(({ file }) => (file === undefined ? null : painted.get(file) ?? null));
    this.isGiven = spec.mask.length > 0;
    this.isKnown = !this.files.includes(null);
  }

  contains(column, row) {
    return this.shapes.some((shape) => shapeContains(shape, column, row))
      || this.files.some((file) => file?.contains(column, row));
  }

  /** The mask on a grid over a region, by nearest neighbours as the engine resizes it. */
  cells(region, grid) {
    const inside = new Uint8Array(grid.width * grid.height);
    for (let row = 0; row < grid.height; row++) {
      const y = region.y + Math.floor((row * region.height) / grid.height);
      for (let column = 0; column < grid.width; column++) {
        const x = region.x + Math.floor((column * region.width) / grid.width);
        inside[row * grid.width + column] = this.contains(x, y) ? 1 : 0;
      }
    }
    return inside;
  }

  /** The box of all that may change: [left, top, right, bottom]; null where that is nothing. */
  box(size) {
    const boxes = this.shapes.map(shapeBounds);
    for (const file of this.files) {
      const found = file ? file.bounds : null;
      if (found) boxes.push(found);
    }
    if (!boxes.length) return null;
    const limits = [0, 0, size.width, size.height];
    return [0, 1, 2, 3].map((i) => {
      const values = boxes.map((box) => clamp(i < 2 ? Math.floor(box[i]) : Math.ceil(box[i]), limits[i % 2], limits[2 + (i % 2)]));
      return i < 2 ? Math.min(...values) : Math.max(...values);
    });
  }
}

function paintedBox({ width, height, values }) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let y = 0; y < height; y++) {
    const first = values.subarray(y * width, (y + 1) * width).indexOf(255);
    if (first < 0) continue;
    const last = values.subarray(y * width, (y + 1) * width).lastIndexOf(255);
    left = Math.min(left, first);
    right = Math.max(right, last + 1);
    top = Math.min(top, y);
    bottom = y + 1;
  }
  return right > left ? [left, top, right, bottom] : null;
}
