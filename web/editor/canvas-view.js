// The picture on its canvas: zoom, pan, and everything that is drawn over it. It reads the editor's state and changes none.

const MIN_ZOOM = 0.01;
const MAX_ZOOM = 64;

class CanvasView {
  constructor(canvas, editor) {
    Object.assign(this, { canvas, editor, zoom: 1, x: 0, y: 0, isScheduled: false, dash: 0 });
    this.context = canvas.getContext("2d");
    new ResizeObserver(() => this.resize()).observe(canvas);
    this.resize();
  }

  resize() {
    const { width, height } = this.canvas.getBoundingClientRect();
    const wasFitted = this.isFitted;
    this.ratio = window.devicePixelRatio || 1;
    Object.assign(this, { width, height });
    this.canvas.width = Math.max(1, Math.round(width * this.ratio));
    this.canvas.height = Math.max(1, Math.round(height * this.ratio));
    if (wasFitted) this.fit(); else this.draw();
  }

  /** A point of the page's canvas (CSS pixels) as a place in the picture; pixel (x, y) is [x, x + 1) × [y, y + 1). */
  toPicture([px, py]) { return [(px - this.x) / this.zoom, (py - this.y) / this.zoom]; }
  toCanvas([x, y]) { return [x * this.zoom + this.x, y * this.zoom + this.y]; }

  /** The middle of a pixel on the canvas. */
  middleOf([x, y]) { return this.toCanvas([x + 0.5, y + 0.5]); }

  fit() {
    const { picture } = this.editor;
    if (!picture || !this.width) return;
    const margin = Math.min(24, this.width / 20);
    const zoom = Math.min((this.width - 2 * margin) / picture.width, (this.height - 2 * margin) / picture.height);
    this.setZoom(clamp(zoom, MIN_ZOOM, 16));
    this.x = (this.width - picture.width * this.zoom) / 2;
    this.y = (this.height - picture.height * this.zoom) / 2;
    this.isFitted = true;
    this.changed();
  }

  setZoom(zoom) { this.zoom = clamp(zoom, MIN_ZOOM, MAX_ZOOM); }

  /** Zooms so that the place under a point of the canvas stays there. */
  zoomAt([px, py], factor) {
    const [x, y] = this.toPicture([px, py]);
    this.setZoom(this.zoom * factor);
    this.x = px - x * this.zoom;
    this.y = py - y * this.zoom;
    this.isFitted = false;
    this.keepInSight();
  }

  zoomTo(zoom) { this.zoomAt([this.width / 2, this.height / 2], zoom / this.zoom); }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.isFitted = false;
    this.keepInSight();
  }

  /** Some of the picture always stays on the canvas. */
  keepInSight() {
    const { picture } = this.editor;
    if (picture) {
      const least = 40;
      this.x = clamp(this.x, least - picture.width * this.zoom, this.width - least);
      this.y = clamp(this.y, least - picture.height * this.zoom, this.height - least);
    }
    this.changed();
  }

  /** Pans so that a pixel is on the canvas. */
  reveal(point) {
    const [px, py] = this.middleOf(point);
    const margin = 30;
    const dx = px < margin ? margin - px : px > this.width - margin ? this.width - margin - px : 0;
    const dy = py < margin ? margin - py : py > this.height - margin ? this.height - margin - py : 0;
    if (dx || dy) this.pan(dx, dy); else this.draw();
  }

  changed() {
    this.editor.zoomChanged?.(this.zoom);
    this.draw();
  }

  /** Draws before the next frame, once however often it is asked. */
  draw() {
    if (this.isScheduled) return;
    this.isScheduled = true;
    requestAnimationFrame(() => {
      this.isScheduled = false;
      this.drawNow();
    });
  }

  drawNow() {
    const { context, editor, ratio } = this;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (!editor.picture) return;
    this.drawPicture();
    this.drawMask();
    this.drawRegion();
    if (editor.playback) this.drawPaths();
    this.drawDrags();
    this.drawPending();
    this.drawCursor();
  }

  drawPicture() {
    const { context, editor, zoom } = this;
    const { picture } = editor;
    const level = picture.levelFor(zoom * this.ratio);
    const [left, top] = this.toPicture([0, 0]).map((v) => Math.max(0, v));
    const [right, bottom] = this.toPicture([this.width, this.height]);
    const width = Math.min(picture.width, right) - left;
    const height = Math.min(picture.height, bottom) - top;
    if (width <= 0 || height <= 0) return;
    const [sx, sy] = [level.width / picture.width, level.height / picture.height];
    const [px, py] = this.toCanvas([left, top]);
    context.imageSmoothingEnabled = zoom < 3;
    context.imageSmoothingQuality = "medium";
    context.drawImage(level, left * sx, top * sy, width * sx, height * sy, px, py, width * zoom, height * zoom);
    const stretch = editor.stretch?.drawn;
    if (stretch) {
      const { box, canvas, preview } = stretch;
      const [kx, ky] = [picture.width / preview.width, picture.height / preview.height];
      const [bx, by] = this.toCanvas([box.x * kx, box.y * ky]);
      context.drawImage(
        canvas, 0, 0, box.width, box.height, bx, by, box.width * kx * zoom, box.height * ky * zoom);
    }
  }

  get colours() {
    const style = getComputedStyle(this.canvas);
    const read = (name) => style.getPropertyValue(name).trim();
    return {
      handle: read("--canvas-handle"), target: read("--canvas-target"), mask: read("--canvas-mask"),
      region: read("--canvas-region"), halo: read("--canvas-halo"),
    };
  }

  drawMask() {
    const { editor, context } = this;
    const { mask } = editor;
    if (!mask || !mask.isGiven || !editor.options.mask) return;
    context.save();
    context.globalAlpha = 0.36;
    for (const file of mask.files) {
      if (!file) continue;
      const overlay = editor.overlayOf(file, this.colours.mask);
      const [px, py] = this.toCanvas([0, 0]);
      context.imageSmoothingEnabled = this.zoom < 3;
      context.drawImage(overlay, px, py, file.width * this.zoom, file.height * this.zoom);
    }
    this.clipToPicture();
    context.fillStyle = this.colours.mask;
    context.globalAlpha = 0.3;
    editor.maskShapes().forEach(({ shape }) => {
      this.pathOf(shape);
      context.fill("evenodd");
    });
    context.restore();
    editor.maskShapes().forEach(({ shape, index }) => {
      const isSelected = editor.selection?.kind === "mask" && editor.selection.index === index;
      this.pathOf(shape);
      this.strokeWithHalo(this.colours.mask, isSelected ? 3 : 1.5, isSelected ? [] : [6, 4]);
      if (isSelected) this.drawGrips(shape, this.colours.mask);
    });
  }

  /** The places at which a selected shape can be pulled. */
  drawGrips(shape, colour) {
    if (this.editor.tool !== "select") return;
    for (const grip of shapeGrips(shape)) {
      const [x, y] = this.toCanvas(grip);
      this.context.beginPath();
      this.context.rect(x - 4, y - 4, 8, 8);
      this.context.fillStyle = this.colours.halo;
      this.context.fill();
      this.strokeWithHalo(colour, 1.5);
    }
  }

  /** The outline of a region that a drag moves, or of where it goes, faintly filled. */
  drawDragRegion(shape, colour, isSelected = false) {
    const { context } = this;
    this.pathOf(shape);
    context.save();
    context.globalAlpha = 0.14;
    context.fillStyle = colour;
    context.fill("evenodd");
    context.restore();
    this.strokeWithHalo(colour, isSelected ? 2.5 : 1.5, [3, 3]);
    if (isSelected) this.drawGrips(shape, colour);
  }

  clipToPicture() {
    const { picture } = this.editor;
    this.pathOf({ rect: [0, 0, picture.width, picture.height] });
    this.context.clip();
  }

  /** The outline of a shape in pixels' corners. */
  pathOf(shape) {
    const { context } = this;
    context.beginPath();
    if (shape.rect) {
      const [px, py] = this.toCanvas(shape.rect);
      context.rect(px, py, shape.rect[2] * this.zoom, shape.rect[3] * this.zoom);
    } else if (shape.circle) {
      const [px, py] = this.toCanvas(shape.circle);
      context.arc(px, py, Math.max(0, shape.circle[2] * this.zoom), 0, 2 * Math.PI);
    } else if (shape.polygon) {
      shape.polygon.forEach((corner, i) => {
        const [px, py] = this.toCanvas(corner);
        if (i) context.lineTo(px, py); else context.moveTo(px, py);
      });
      context.closePath();
    }
  }

  strokeWithHalo(colour, width, dash = []) {
    const { context } = this;
    context.setLineDash([]);
    context.lineJoin = "round";
    context.strokeStyle = this.colours.halo;
    context.lineWidth = width + 2;
    context.stroke();
    context.setLineDash(dash);
    context.strokeStyle = colour;
    context.lineWidth = width;
    context.stroke();
    context.setLineDash([]);
  }

  /** The part that the edit works on, where it is not the whole picture. */
  drawRegion() {
    const { editor } = this;
    const region = editor.region;
    if (!editor.options.region || !region || !editor.state.spec.drags.length) return;
    if (region.width === editor.picture.width && region.height === editor.picture.height) return;
    this.pathOf({ rect: [region.x, region.y, region.width, region.height] });
    this.strokeWithHalo(this.colours.region, 1, [2, 4]);
  }

  drawDrags() {
    const { editor } = this;
    const units = new Units(editor.state.spec, editor.picture);
    editor.drags().forEach(({ from, to }, index) => {
      const selected = editor.selection?.kind === "drag" && editor.selection.index === index ? editor.selection.end : null;
      if (!Array.isArray(from)) {
        this.drawDragRegion(units.shape(from), this.colours.handle, selected === "from");
        this.drawDragRegion(units.shape(to), this.colours.target, selected === "to");
      }
      const [a, b] = [from, to].map((end) => this.middleOf(units.point(endPoint(end))));
      // A path that is played shows the way instead.
      if (!editor.playback) this.drawArrow(a, b);
      this.drawHandle(a, selected === "from");
      this.drawTarget(b, selected === "to");
      this.drawNumber(index + 1, a, b);
    });
  }

  drawArrow(a, b) {
    const { context } = this;
    const length = distance(a, b);
    if (length < 14) return;
    const [ux, uy] = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
    const tip = [b[0] - 9 * ux, b[1] - 9 * uy];
    context.beginPath();
    context.moveTo(a[0] + 7 * ux, a[1] + 7 * uy);
    context.lineTo(...tip);
    context.moveTo(tip[0] - 7 * ux - 4 * uy, tip[1] - 7 * uy + 4 * ux);
    context.lineTo(...tip);
    context.lineTo(tip[0] - 7 * ux + 4 * uy, tip[1] - 7 * uy - 4 * ux);
    this.strokeWithHalo(this.colours.target, 2);
  }

  /** A filled disc: where the content is. */
  drawHandle([x, y], isSelected) {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, isSelected ? 8 : 6, 0, 2 * Math.PI);
    this.strokeWithHalo(this.colours.handle, 2);
    context.fillStyle = this.colours.handle;
    context.fill();
    if (isSelected) this.drawSelection(x, y);
  }

  /** A ring with a dot: where it goes. */
  drawTarget([x, y], isSelected) {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, isSelected ? 9 : 7, 0, 2 * Math.PI);
    this.strokeWithHalo(this.colours.target, 2.5);
    context.beginPath();
    context.arc(x, y, 1.5, 0, 2 * Math.PI);
    this.strokeWithHalo(this.colours.target, 1.5);
    if (isSelected) this.drawSelection(x, y);
  }

  drawSelection(x, y) {
    const { context } = this;
    context.beginPath();
    context.arc(x, y, 14, 0, 2 * Math.PI);
    this.strokeWithHalo(this.colours.handle, 1, [3, 3]);
  }

  drawNumber(number, a, b) {
    if (this.editor.drags().length < 2) return;
    const { context } = this;
    const away = a[0] <= b[0] ? -1 : 1;
    context.font = "600 12px system-ui, sans-serif";
    context.textAlign = away < 0 ? "right" : "left";
    context.textBaseline = "middle";
    context.lineWidth = 4;
    context.strokeStyle = this.colours.halo;
    context.strokeText(String(number), a[0] + away * 12, a[1] - 10);
    context.fillStyle = this.colours.handle;
    context.fillText(String(number), a[0] + away * 12, a[1] - 10);
  }

  /** What is being placed: a handle without its target, a shape or a polygon in the making, the brush. */
  drawPending() {
    const { pending, pointer, tool } = this.editor;
    const colour = tool === "region" ? this.colours.handle : this.colours.mask;
    if (pending?.kind === "drag" || pending?.kind === "region") this.drawPendingDrag(pending);
    if (pending?.kind === "shape" && pending.shape) {
      this.pathOf(pending.shape);
      this.strokeWithHalo(colour, 2, [6, 4]);
    }
    if (pending?.kind === "polygon") {
      const { context } = this;
      context.beginPath();
      const corners = pointer ? [...pending.corners, pointer] : pending.corners;
      corners.forEach((corner, i) => {
        const [px, py] = this.toCanvas(corner);
        if (i) context.lineTo(px, py); else context.moveTo(px, py);
      });
      this.strokeWithHalo(colour, 2, [6, 4]);
      const [px, py] = this.toCanvas(pending.corners[0]);
      context.beginPath();
      context.arc(px, py, 5, 0, 2 * Math.PI);
      this.strokeWithHalo(colour, 2);
    }
    if (pointer && ["brush", "eraser"].includes(this.editor.tool)) {
      const [px, py] = this.toCanvas(pointer);
      this.context.beginPath();
      this.context.arc(px, py, (this.editor.options.brush / 2) * this.zoom, 0, 2 * Math.PI);
      this.strokeWithHalo(this.colours.mask, 1.5);
    }
  }

  drawPendingDrag({ from, to }) {
    if (!Array.isArray(from)) {
      this.drawDragRegion(from, this.colours.handle);
      if (to) this.drawDragRegion(to, this.colours.target);
    }
    const a = this.middleOf(endPoint(from));
    if (to) {
      const b = this.middleOf(endPoint(to));
      this.drawArrow(a, b);
      this.drawTarget(b, false);
    }
    this.drawHandle(a, true);
  }

  /** The keyboard's place in the picture. */
  drawCursor() {
    const { cursor } = this.editor;
    if (!cursor) return;
    const [x, y] = this.middleOf(cursor);
    const { context } = this;
    context.beginPath();
    for (const [dx, dy] of [[1, 0], [-1, 0], [0, 1], [0, -1]]) {
      context.moveTo(x + 4 * dx, y + 4 * dy);
      context.lineTo(x + 16 * dx, y + 16 * dy);
    }
    this.strokeWithHalo(this.colours.handle, 2);
  }

  /** A trajectory's paths up to the step that is played. */
  drawPaths() {
    const { context, editor } = this;
    const { paths, step } = editor.playback;
    for (const { points } of paths) {
      const shown = points.slice(0, Math.floor(step) + 1);
      context.beginPath();
      shown.forEach((point, i) => {
        const [px, py] = this.middleOf(point);
        if (i) context.lineTo(px, py); else context.moveTo(px, py);
      });
      this.strokeWithHalo(this.colours.region, 2.5);
      const [px, py] = this.middleOf(shown.at(-1));
      context.beginPath();
      context.arc(px, py, 4.5, 0, 2 * Math.PI);
      this.strokeWithHalo(this.colours.region, 2);
      context.fillStyle = this.colours.region;
      context.fill();
    }
  }
}
