// The state of the page: the document, the picture, what is selected, and what changes them.
//
// A state is {spec, text, marks, error}: the YAML in `text` is always what is saved. A change on the canvas or in the form
// writes the text anew; a change of the text is read, and the spec stays as it was while the text is wrong.

class Editor extends EventTarget {
  constructor() {
    super();
    this.stem = "spec";
    this.painted = new Map();
    this.overlays = new Map();
    this.options = { brush: 24, mask: true, region: true, stretch: false, model: "starter", dragShape: "rectangle" };
    this.tool = "drag";
    this.zoom = 1;
    this.resetState(EMPTY_SPEC);
  }

  resetState(spec, text = null) {
    this.history = new EditHistory(this.stateOf(spec, text));
    Object.assign(this, { selection: null, pending: null, cursor: null, playback: null });
    this.refresh();
  }

  get state() { return this.history.state; }

  tell(name, detail = null) { this.dispatchEvent(new CustomEvent(name, { detail })); }

  stateOf(spec, text = null) {
    const written = text ?? writeSpec(spec);
    const found = this.check(new TextEncoder().encode(written));
    return { spec: text !== null && found.spec ? found.spec : spec, text: written, marks: found.marks, error: found.error };
  }

  /** Reads a spec's bytes: {spec, marks, error}; the spec is there when only the picture's size makes it wrong. */
  check(bytes, fileName = "spec.yaml") {
    let read = null;
    try {
      read = readSpec(bytes, fileName);
      const setting = (name) => this.settingText(name, read.spec);
      let error = stepError(read, setting);
      if (this.picture && !error) {
        validateSpec(read, this.picture.width, this.picture.height);
        error = planError(read, this.picture, new MaskView(read.spec, this.picture, this.painted), setting);
      }
      return { ...read, error };
    } catch (error) {
      if (!(error instanceof SpecError)) throw error;
      return { spec: read?.spec ?? null, marks: read?.marks ?? null, error };
    }
  }

  /** Replaces parts of the spec. Changes of one key in quick succession are undone together. */
  change(parts, { key = null, paint = null } = {}) {
    this.history.push(this.stateOf({ ...this.state.spec, ...parts }), key, paint);
    this.refresh();
  }

  changeText(text) {
    this.history.push(this.stateOf(this.state.spec, text), "text");
    this.refresh();
  }

  undo() { this.step(-1); }
  redo() { this.step(1); }

  step(by) {
    const repaint = ({ name, box }, part) => {
      this.painted.get(name)?.paste(box, part);
      this.updateOverlay(name, box);
    };
    if (!this.history.step(by, repaint)) return;
    this.pending = null;
    this.selection = null;
    this.refresh();
  }

  /** Checks the spec again: what it is checked with has changed. */
  checkAgain() {
    const { spec, text } = this.state;
    this.history.entries[this.history.index].state = this.stateOf(spec, text);
    this.refresh();
  }

  /** Brings all that follows from the state up to date, and tells the views. */
  refresh() {
    const { spec } = this.state;
    this.mask = this.picture ? new MaskView(spec, this.picture, this.painted) : null;
    this.region = this.picture ? this.workingRegion(this.drags()) : null;
    this.updateStretch();
    this.tell("change");
  }

  workingRegion(drags) {
    const { spec } = this.state;
    const units = new Units(spec, this.picture);
    const points = drags.map(({ from, to }) => ({
      from: units.point(endPoint(from)), to: units.point(endPoint(to)),
    }));
    const isTextWide = spec.edit !== null && !spec.mask.length && swiftNumber(this.settingText("text_sampling")) > 0;
    const isWhole = spec.region === null && (isTextWide || this.settingText("keep_source") === "false");
    const choice = isWhole ? "whole" : spec.region?.rect ? units.shape(spec.region) : spec.region ?? "auto";
    const padding = swiftNumber(this.settingText("region_padding")) ?? 0.25;
    const held = this.mask?.isGiven && this.mask.isKnown ? this.mask.box(this.picture) : null;
    const shapes = drags.flatMap(({ from, to }) => [from, to]).filter((end) => !Array.isArray(end))
      .map((end) => shapeBounds(units.shape(end)));
    const box = [held, ...shapes].filter(Boolean).reduce(joinedBounds, null);
    return workingRegion(choice, points, box, this.picture, MODEL_SIZES[this.options.model].native(), padding);
  }

  /** A setting as a spec, the preset or the table has it. */
  settingText(name, spec = this.state.spec) { return spec.settings[name] ?? this.defaultOf(name, spec); }

  /** What holds where a spec says nothing: by preset, method and model. */
  defaultOf(name, { preset, method } = this.state.spec) {
    return defaultSetting(name, preset, method, this.options.model === "starter" ? "starter" : "standard");
  }

  // Picture

  async openPicture(file) {
    const picture = await Picture.decode(file);
    this.picture?.close();
    this.picture = picture;
    this.stretch = new Stretch(picture);
    this.overlays.clear();
    for (const [name, mask] of this.painted) {
      if (mask.width !== picture.width || mask.height !== picture.height) this.painted.delete(name);
    }
    if (this.stem === "spec" || !this.hasWork) this.stem = stemOf(file.name);
    this.selection = null;
    this.pending = null;
    const { spec, text } = this.state;
    const isNamed = spec.image === file.name || (spec.image === null && text !== "" && stemOf(file.name) === this.stem);
    this.history.entries[this.history.index].state = isNamed
      ? this.stateOf(spec, text) : this.stateOf({ ...spec, image: file.name });
    this.refresh();
    this.tell("picture");
  }

  get hasWork() { return this.state.spec.drags.length > 0 || this.state.spec.edit !== null || this.history.canUndo; }

  openSpec(bytes, fileName) {
    const found = this.check(bytes, fileName);
    let text;
    try { text = documentText(bytes); } catch { text = new TextDecoder().decode(bytes); }
    this.stem = stemOf(fileName);
    this.resetState(found.spec ?? EMPTY_SPEC, text);
    return found.error;
  }

  async openMask(file) {
    const bitmap = await createImageBitmap(file);
    if (!this.picture || bitmap.width !== this.picture.width || bitmap.height !== this.picture.height) {
      const size = this.picture ? `${this.picture.width}×${this.picture.height}` : "not open yet";
      throw new Error(`the mask ${file.name} has ${bitmap.width}×${bitmap.height} pixels, the picture ${size}`);
    }
    const context = plainCanvas(bitmap.width, bitmap.height).getContext("2d", { willReadFrequently: true });
    context.drawImage(bitmap, 0, 0);
    const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
    this.painted.set(file.name, PaintedMask.of(data, bitmap.width, bitmap.height));
    this.overlays.delete(file.name);
    if (!this.state.spec.mask.some((region) => region.file === file.name)) {
      this.change({ mask: [...this.state.spec.mask, { file: file.name }] });
    } else this.checkAgain();
  }

  openTrajectory(text) {
    const trajectory = readTrajectory(text);
    const { picture } = this;
    if (picture && (picture.width !== trajectory.size.width || picture.height !== trajectory.size.height)) {
      const { width, height } = trajectory.size;
      throw new Error(
        `The trajectory is of a picture of ${width}×${height} pixels, and ${picture.name} has ${picture.width}×${picture.height}.`);
    }
    const mask = this.state.spec.mask;
    this.stem = trajectory.name;
    this.resetState({ ...trajectory.spec, image: picture?.name ?? null, mask });
    const last = Math.max(0, ...trajectory.paths.map(({ points }) => points.length - 1));
    this.playback = { ...trajectory, step: 0, isPlaying: false, last };
    this.tell("playback");
    this.tell("change");
  }

  // Drags

  /** The drags, with the one that is being moved where it is now. */
  drags() {
    const { drags } = this.state.spec;
    if (this.pending?.kind !== "move" || this.pending.what !== "drag") return drags;
    const { index, end, at } = this.pending;
    return drags.map((drag, i) => (i === index ? { ...drag, [end]: at } : drag));
  }

  clampedPixel([x, y]) {
    return [clamp(Math.floor(x), 0, this.picture.width - 1), clamp(Math.floor(y), 0, this.picture.height - 1)];
  }

  /** Adds a drag between two points, or between two regions, in pixels. */
  addDrag(from, to) {
    const drags = [...this.state.spec.drags, this.writtenDrag(from, to)];
    this.selection = { kind: "drag", index: drags.length - 1, end: "to" };
    this.change({ drags });
  }

  setDragEnd(index, end, point, key = null) {
    this.change({ drags: this.state.spec.drags.map((drag, i) => (i === index ? { ...drag, [end]: point } : drag)) }, { key });
  }

  removeDrag(index) {
    this.selection = null;
    this.change({ drags: this.state.spec.drags.filter((_, i) => i !== index) });
  }

  // Mask

  /** Shapes in pixels with their place in the spec's list, with the one that is being moved where it is now. */
  maskShapes() {
    const units = new Units(this.state.spec, this.picture);
    return this.state.spec.mask.flatMap((region, index) => {
      if (region.file !== undefined) return [];
      const isMoved = this.pending?.kind === "move" && this.pending.what === "mask" && this.pending.index === index;
      return [{ index, shape: isMoved ? this.pending.at : units.shape(region) }];
    });
  }

  /** All shapes that can be pulled, in pixels: {kind, index, shape} of the mask, {kind, index, end, shape} of drags. */
  shapes() {
    const units = new Units(this.state.spec, this.picture);
    const ends = this.drags().flatMap((drag, index) => ["from", "to"].filter((end) => !Array.isArray(drag[end]))
      .map((end) => ({ kind: "drag", index, end, shape: units.shape(drag[end]) })));
    return [...this.maskShapes().map((one) => ({ kind: "mask", ...one })), ...ends];
  }

  /** The one of them that is selected; undefined without one. */
  get selectedShape() {
    const { selection } = this;
    return this.shapes().find(({ kind, index, end }) => (
      kind === selection?.kind && index === selection.index && end === selection.end));
  }

  addShape(shape) {
    const units = new Units(this.state.spec, this.picture);
    const mask = [...this.state.spec.mask, units.writtenShape(shape)];
    this.selection = { kind: "mask", index: mask.length - 1 };
    this.change({ mask });
  }

  setShape(index, shape, key = null) {
    const units = new Units(this.state.spec, this.picture);
    this.change({ mask: this.state.spec.mask.map((region, i) => (i === index ? units.writtenShape(shape) : region)) }, { key });
  }

  removeMask(index) {
    this.selection = null;
    this.change({ mask: this.state.spec.mask.filter((_, i) => i !== index) });
  }

  /** The painted mask that the brush works on: the spec's first, or a new one. A file that is not open keeps its name. */
  paintedName() {
    const files = this.state.spec.mask.map(({ file }) => file).filter((file) => file !== undefined);
    const known = files.find((file) => this.painted.has(file));
    if (known) return known;
    let name = `${this.stem}.mask.png`;
    for (let number = 2; files.includes(name); number++) name = `${this.stem}.${number}.mask.png`;
    return name;
  }

  beginStroke() {
    const name = this.paintedName();
    if (!this.painted.has(name)) this.painted.set(name, new PaintedMask(this.picture.width, this.picture.height));
    const mask = this.painted.get(name);
    this.strokeState = { name, before: mask.values.slice(), box: null, last: null };
  }

  continueStroke(point) {
    const { strokeState } = this;
    const mask = this.painted.get(strokeState.name);
    const value = this.tool === "eraser" ? 0 : 255;
    const box = mask.stroke(strokeState.last ?? point, point, this.options.brush / 2, value);
    strokeState.last = point;
    if (!box) return;
    strokeState.box = strokeState.box ? joinedBox(strokeState.box, box) : box;
    this.updateOverlay(strokeState.name, box);
    if (!this.mask.files.includes(mask)) this.mask.files.push(mask);
    this.mask.isGiven = true;
    this.tell("paint");
  }

  endStroke() {
    const { name, before, box } = this.strokeState;
    this.strokeState = null;
    if (!box) return;
    const mask = this.painted.get(name);
    const old = new PaintedMask(mask.width, mask.height, before);
    const isNamed = this.state.spec.mask.some(({ file }) => file === name);
    this.paintVersion = (this.paintVersion ?? 0) + 1;
    this.change(
      { mask: isNamed ? this.state.spec.mask : [...this.state.spec.mask, { file: name }] },
      { paint: { name, box, before: old.copy(box), after: mask.copy(box) } });
  }

  /** The painted mask as a tinted picture of at most four million pixels. */
  overlayOf(mask, colour) {
    let overlay = this.overlays.get(mask);
    if (!overlay || overlay.colour !== colour) {
      const step = Math.max(1, Math.ceil(Math.sqrt((mask.width * mask.height) / 4_000_000)));
      const canvas = plainCanvas(Math.ceil(mask.width / step), Math.ceil(mask.height / step));
      overlay = { canvas, step, colour };
      this.overlays.set(mask, overlay);
      this.paintOverlay(mask, overlay, { x: 0, y: 0, width: mask.width, height: mask.height });
    }
    return overlay.canvas;
  }

  updateOverlay(name, box) {
    const mask = this.painted.get(name);
    const overlay = this.overlays.get(mask);
    if (overlay) this.paintOverlay(mask, overlay, box);
    this.paintVersion = (this.paintVersion ?? 0) + 1;
  }

  paintOverlay(mask, { canvas, step, colour }, box) {
    const [x, y] = [Math.floor(box.x / step), Math.floor(box.y / step)];
    const width = Math.min(canvas.width, Math.ceil((box.x + box.width) / step)) - x;
    const height = Math.min(canvas.height, Math.ceil((box.y + box.height) / step)) - y;
    if (width < 1 || height < 1) return;
    const [red, green, blue] = rgbOf(colour);
    const image = new ImageData(width, height);
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        if (mask.values[(y + row) * step * mask.width + (x + column) * step] === 0) continue;
        const i = 4 * (row * width + column);
        image.data[i] = red;
        image.data[i + 1] = green;
        image.data[i + 2] = blue;
        image.data[i + 3] = 255;
      }
    }
    canvas.getContext("2d").putImageData(image, x, y);
  }

  // Preview

  /** The spec's drags, and the one whose target is being placed. */
  drawnDrags() {
    const { pending } = this;
    const isPlaced = ["drag", "region"].includes(pending?.kind) && pending.to;
    return isPlaced ? [...this.drags(), this.writtenDrag(pending.from, pending.to)] : this.drags();
  }

  /** Stretches anew. While a target moves, frames may be coarse; when it rests, the picture becomes whole. */
  updateStretch({ isResting = false } = {}) {
    if (!this.stretch) return;
    clearTimeout(this.resting);
    const drawn = this.drawnDrags();
    const isDragging = drawn !== this.state.spec.drags;
    const units = new Units(this.state.spec, this.picture);
    const drags = (isDragging || this.options.stretch ? drawn : [])
      .map(({ from, to }) => ({ from: units.point(endPoint(from)), to: units.point(endPoint(to)) }))
      .filter(({ from, to }) => distance(from, to) > 0);
    if (!drags.length) {
      this.stretch.hide();
      return;
    }
    const part = swiftNumber(this.settingText("warp"));
    const box = this.mask?.isGiven && this.mask.isKnown ? this.mask.box(this.picture) : null;
    const region = isDragging ? this.workingRegion(drawn) : this.region;
    this.stretch.show(drags, {
      part: part > 0 ? part : 1, region, model: this.options.model, mask: this.mask, zoom: this.zoom,
      isMoving: isDragging && !isResting,
      maskKey: JSON.stringify([this.state.spec.mask, this.paintVersion ?? 0, box]),
    });
    if (this.stretch.drawn?.isCoarse) this.stretchAtRest();
  }

  stretchAtRest() {
    clearTimeout(this.resting);
    this.resting = setTimeout(() => {
      this.updateStretch({ isResting: true });
      this.tell("stretch");
    }, 120);
  }

  /** Device pixels to one of the picture. The stretch has as many pixels as they show. */
  setZoom(zoom) {
    if (zoom === this.zoom) return;
    this.zoom = zoom;
    if (this.stretch?.drawn) this.stretchAtRest();
  }

  /** A drag as the spec writes it. */
  writtenDrag(from, to) {
    const units = new Units(this.state.spec, this.picture);
    const written = (end) => (Array.isArray(end) ? units.written(end) : units.writtenShape(end));
    return { from: written(from), to: written(to) };
  }
}

/** A setting's default under a preset and a method, with the starter model's own values or without any ("standard"). */
function defaultSetting(name, preset, method, model) {
  const defaults = TABLES.defaults[preset ?? "recommended"][method ?? TABLES.methods[0].name][model];
  return defaults[name] ?? TABLES.settings.find((setting) => setting.name === name)?.default ?? "null";
}

const joinedBounds = (a, b) => (a === null ? b : b.map((value, i) => (i < 2 ? Math.min(value, a[i]) : Math.max(value, a[i]))));

const joinedBox = (a, b) => {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return {
    x, y, width: Math.max(a.x + a.width, b.x + b.width) - x, height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
};

/** The part of a name before its last dot. */
const stemOf = (name) => (name.lastIndexOf(".") > 0 ? name.slice(0, name.lastIndexOf(".")) : name);

/** The parts of a colour that is written #rrggbb. */
const rgbOf = (colour) => [1, 3, 5].map((i) => parseInt(colour.slice(i, i + 2), 16));
