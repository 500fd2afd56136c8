// Points, shapes and regions of a picture. A point (x, y) names a pixel; its middle lies at (x + ½, y + ½) on the canvas.

const distance = ([ax, ay], [bx, by]) => Math.hypot(ax - bx, ay - by);

/** A number with no more digits than a place in the picture needs. */
const tidy = (value, digits = 2) => Number(value.toFixed(digits));

/** Numbers of a spec in pixels, and back: `units: relative` counts parts of the sides. */
class Units {
  constructor(spec, size) {
    this.isRelative = spec.units === "relative";
    [this.width, this.height] = size ? [size.width, size.height] : [1, 1];
  }

  point([x, y]) { return this.isRelative ? [x * this.width, y * this.height] : [x, y]; }

  /** A pixel as the spec writes it; relative numbers have the digits that lead back to the same pixel. */
  written([x, y]) { return this.isRelative ? [tidy(x / this.width, 6), tidy(y / this.height, 6)] : [x, y]; }

  shape(shape) {
    if (!this.isRelative) return shape;
    const [w, h] = [this.width, this.height];
    if (shape.rect) return { rect: [shape.rect[0] * w, shape.rect[1] * h, shape.rect[2] * w, shape.rect[3] * h] };
    if (shape.circle) return { circle: [shape.circle[0] * w, shape.circle[1] * h, shape.circle[2] * Math.max(w, h)] };
    if (shape.polygon) return { polygon: shape.polygon.map((corner) => this.point(corner)) };
    return shape;
  }

  writtenShape(shape) {
    if (!this.isRelative) return shape;
    const [w, h] = [this.width, this.height];
    const part = (value, side) => tidy(value / side, 6);
    if (shape.rect) {
      return { rect: [part(shape.rect[0], w), part(shape.rect[1], h), part(shape.rect[2], w), part(shape.rect[3], h)] };
    }
    if (shape.circle) {
      return { circle: [part(shape.circle[0], w), part(shape.circle[1], h), part(shape.circle[2], Math.max(w, h))] };
    }
    return { polygon: shape.polygon.map((corner) => this.written(corner)) };
  }
}

/** Whether a shape holds a pixel's middle, as the daemon decides it (MaskShape). */
function shapeContains(shape, column, row) {
  const [px, py] = [column + 0.5, row + 0.5];
  if (shape.rect) {
    const [x, y, w, h] = shape.rect;
    return px >= x && px < x + w && py >= y && py < y + h;
  }
  if (shape.circle) {
    const [x, y, r] = shape.circle;
    return (px - x) * (px - x) + (py - y) * (py - y) <= r * r;
  }
  if (!shape.polygon) return false;
  let inside = false;
  shape.polygon.forEach(([ax, ay], i) => {
    const [bx, by] = shape.polygon.at(i - 1);
    if (ay > py !== by > py && px < ((bx - ax) * (py - ay)) / (by - ay) + ax) inside = !inside;
  });
  return inside;
}

/** The corners of a shape's box: [left, top, right, bottom]. */
function shapeBounds(shape) {
  if (shape.rect) return [shape.rect[0], shape.rect[1], shape.rect[0] + shape.rect[2], shape.rect[1] + shape.rect[3]];
  if (shape.circle) {
    const [x, y, r] = shape.circle;
    return [x - r, y - r, x + r, y + r];
  }
  const [xs, ys] = [0, 1].map((i) => shape.polygon.map((corner) => corner[i]));
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

/** A shape moved by (dx, dy). */
function movedShape(shape, dx, dy) {
  if (shape.rect) return { rect: [shape.rect[0] + dx, shape.rect[1] + dy, shape.rect[2], shape.rect[3]] };
  if (shape.circle) return { circle: [shape.circle[0] + dx, shape.circle[1] + dy, shape.circle[2]] };
  return { polygon: shape.polygon.map(([x, y]) => [x + dx, y + dy]) };
}

/** The places at which a shape can be pulled: a rectangle's and a polygon's corners, a circle's rim. */
function shapeGrips(shape) {
  if (shape.polygon) return shape.polygon;
  if (shape.circle) {
    const [x, y, r] = shape.circle;
    return [[x + r, y], [x, y + r], [x - r, y], [x, y - r]];
  }
  const [left, top, right, bottom] = shapeBounds(shape);
  return [[left, top], [right, top], [right, bottom], [left, bottom]];
}

/** A shape whose grip was pulled to a place; the shape itself where nothing of it would be left. */
function reshaped(shape, grip, [x, y]) {
  if (shape.polygon) return { polygon: shape.polygon.map((corner, i) => (i === grip ? [x, y] : corner)) };
  if (shape.circle) {
    const radius = Math.round(distance(shape.circle, [x, y]));
    return radius > 0 ? { circle: [shape.circle[0], shape.circle[1], radius] } : shape;
  }
  const [fx, fy] = shapeGrips(shape)[(grip + 2) % 4];
  const rect = [Math.min(fx, x), Math.min(fy, y), Math.abs(fx - x), Math.abs(fy - y)];
  return rect[2] > 0 && rect[3] > 0 ? { rect } : shape;
}

/** A shape whose sides move outwards by `by` pixels, inwards where that is negative; itself where nothing would be left. */
function grownShape(shape, by) {
  if (shape.circle) {
    const [x, y, radius] = shape.circle;
    return radius + by > 0 ? { circle: [x, y, radius + by] } : shape;
  }
  const [left, top, right, bottom] = shapeBounds(shape);
  const [width, height] = [right - left, bottom - top];
  if (width + 2 * by <= 0 || height + 2 * by <= 0) return shape;
  if (shape.rect) return { rect: [left - by, top - by, width + 2 * by, height + 2 * by] };
  const grown = (value, low, side) => (side > 0 ? tidy(low - by + ((value - low) * (side + 2 * by)) / side) : value);
  return { polygon: shape.polygon.map(([x, y]) => [grown(x, left, width), grown(y, top, height)]) };
}

/** The middle of a drag's end: a point, or the middle of a region's box. */
function endPoint(end) {
  if (Array.isArray(end)) return end;
  const [left, top, right, bottom] = shapeBounds(end);
  return [(left + right) / 2, (top + bottom) / 2];
}

/** The part of a rectangle that lies in the picture, in whole pixels; its sides are below 1 where nothing does. */
function clippedRegion([x, y, width, height], size) {
  const [left, top] = [Math.max(0, Math.round(x)), Math.max(0, Math.round(y))];
  const [right, bottom] = [Math.min(size.width, Math.round(x + width)), Math.min(size.height, Math.round(y + height))];
  return { x: left, y: top, width: right - left, height: bottom - top };
}

/** The part of the picture that the edit works on: {x, y, width, height}. Follows EditRegion. */
function workingRegion(choice, drags, maskBox, size, native, padding) {
  const whole = { x: 0, y: 0, width: size.width, height: size.height };
  if (choice === "whole") return whole;
  if (choice?.rect) return clippedRegion(choice.rect, size);
  const box = maskBox ? [...maskBox] : [Infinity, Infinity, -Infinity, -Infinity];
  for (const { from, to } of drags) {
    const radius = 1.5 * distance(from, to);
    const middle = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2];
    [0, 1].forEach((i) => {
      box[i] = Math.min(box[i], middle[i] - radius);
      box[i + 2] = Math.max(box[i + 2], middle[i] + radius);
    });
  }
  if (box[0] > box[2]) return whole;
  const pad = padding * Math.max(box[2] - box[0], box[3] - box[1]);
  const span = (low, high, side) => {
    const length = Math.min(side, Math.max(native, Math.ceil(high - low)));
    const start = Math.floor((low + high - length) / 2);
    return [Math.min(Math.max(0, start), side - length), length];
  };
  const [x, width] = span(box[0] - pad, box[2] + pad, size.width);
  const [y, height] = span(box[1] - pad, box[3] + pad, size.height);
  return { x, y, width, height };
}
