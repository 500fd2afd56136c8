// What the pointer and the keyboard do on the canvas. Each tool has press, move and release in pixels of the picture; a
// press and release at one place, or the keyboard's Enter, make a click, so that every tool works by drawing and by clicks.

const TOOLS = [
  { name: "drag", label: "Drag points", key: "d", hint: "Click what is to move, then where it goes. Esc takes the handle back." },
  { name: "region", label: "Drag a region", key: "g", hint: "Draw what is to move. Then click where its middle goes." },
  { name: "select", label: "Select and move", key: "v", hint: "Pull a point, a shape or its corners. Delete removes." },
  { name: "pan", label: "Pan", key: "h", hint: "Pull the picture. Space does the same with every tool; the wheel zooms." },
  { name: "brush", label: "Mask: brush", key: "b", hint: "Paint where the picture may change. [ and ] change the brush." },
  { name: "eraser", label: "Mask: eraser", key: "e", hint: "Take painted parts of the mask away." },
  { name: "rectangle", label: "Mask: rectangle", key: "r", hint: "Two corners of where the picture may change." },
  { name: "circle", label: "Mask: circle", key: "c", hint: "The middle, then the rim." },
  { name: "polygon", label: "Mask: polygon", key: "p", hint: "Corners one by one; the first one again closes it, or Enter." },
];

/** What the region tool draws. */
const DRAG_SHAPES = ["rectangle", "circle", "polygon"];

const HIT_RADIUS = 12;

class CanvasTools {
  constructor(editor, view) {
    Object.assign(this, { editor, view, touches: new Map(), panning: null });
    const { canvas } = view;
    canvas.addEventListener("pointerdown", (event) => this.pointerDown(event));
    canvas.addEventListener("pointermove", (event) => this.pointerMove(event));
    canvas.addEventListener("pointerup", (event) => this.pointerUp(event));
    canvas.addEventListener("pointercancel", (event) => this.pointerUp(event));
    canvas.addEventListener("pointerleave", () => {
      editor.pointer = null;
      view.draw();
    });
    canvas.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    canvas.addEventListener("keydown", (event) => this.keyDown(event));
    canvas.addEventListener("keyup", (event) => { if (event.key === " ") this.isSpaceHeld = false; });
    canvas.addEventListener("blur", () => {
      this.isSpaceHeld = false;
      editor.cursor = null;
      view.draw();
    });
  }

  placeOf(event) {
    const { left, top } = this.view.canvas.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  // Pointer

  pointerDown(event) {
    const { view, editor } = this;
    view.canvas.focus({ preventScroll: true });
    if (!editor.picture || event.button > 1) return;
    event.preventDefault();
    const place = this.placeOf(event);
    this.touches.set(event.pointerId, place);
    view.canvas.setPointerCapture(event.pointerId);
    editor.cursor = null;
    if (this.touches.size === 2) {
      this.cancel();
      return;
    }
    if (event.button === 1 || this.isSpaceHeld || editor.tool === "pan") {
      this.panning = place;
      return;
    }
    this.pressedAt = place;
    this.press(view.toPicture(place));
  }

  pointerMove(event) {
    const { view, editor } = this;
    if (!editor.picture) return;
    const place = this.placeOf(event);
    if (this.touches.size === 2 && this.touches.has(event.pointerId)) {
      this.pinch(event.pointerId, place);
      return;
    }
    if (this.touches.has(event.pointerId)) this.touches.set(event.pointerId, place);
    if (this.panning) {
      view.pan(place[0] - this.panning[0], place[1] - this.panning[1]);
      this.panning = place;
      return;
    }
    editor.pointer = view.toPicture(place);
    const moves = event.getCoalescedEvents?.() ?? [];
    for (const one of moves.length && editor.strokeState ? moves : [event]) this.move(view.toPicture(this.placeOf(one)));
    editor.tell("pointer");
  }

  pointerUp(event) {
    const { view, editor } = this;
    const wasDown = this.touches.delete(event.pointerId);
    if (!wasDown || !editor.picture) return;
    if (this.panning) {
      this.panning = null;
      return;
    }
    if (!this.pressedAt) return;
    const place = this.placeOf(event);
    const isClick = distance(place, this.pressedAt) < 4;
    this.pressedAt = null;
    this.release(view.toPicture(place), isClick);
  }

  pinch(pointerId, place) {
    const [other] = [...this.touches].filter(([id]) => id !== pointerId).map(([, at]) => at);
    const before = this.touches.get(pointerId);
    const middle = [(place[0] + other[0]) / 2, (place[1] + other[1]) / 2];
    this.view.pan((place[0] - before[0]) / 2, (place[1] - before[1]) / 2);
    this.view.zoomAt(middle, distance(place, other) / Math.max(1, distance(before, other)));
    this.touches.set(pointerId, place);
    this.pressedAt = null;
  }

  wheel(event) {
    if (!this.editor.picture) return;
    event.preventDefault();
    if (event.shiftKey) this.view.pan(-(event.deltaX || event.deltaY), 0);
    else this.view.zoomAt(this.placeOf(event), Math.exp(-clamp(event.deltaY, -200, 200) / (event.deltaMode ? 20 : 400)));
  }

  // Tools; `at` is a place in the picture.

  press(at) {
    const { editor } = this;
    const { tool } = editor;
    if (tool === "brush" || tool === "eraser") {
      editor.beginStroke();
      editor.continueStroke(at);
    } else if (editor.pending?.kind === "region") {
      editor.pending.start = at;
    } else if (["rectangle", "circle"].includes(this.shapeKind)) {
      // The middle of a drag's region lies in the picture.
      const start = tool === "region" ? this.inPicture(at) : at;
      if (!editor.pending) editor.pending = { kind: "shape", start, shape: null };
    } else if (tool === "drag" || tool === "select") {
      this.pressPoint(at);
    }
    this.view.draw();
  }

  /** The shape that the tool draws: rectangle, circle or polygon; null for other tools. */
  get shapeKind() {
    const { tool, options } = this.editor;
    if (tool === "region") return options.dragShape;
    return ["rectangle", "circle", "polygon"].includes(tool) ? tool : null;
  }

  inPicture([x, y]) {
    const { width, height } = this.editor.picture;
    return [clamp(x, 0, width - 1), clamp(y, 0, height - 1)];
  }

  pressPoint(at) {
    const { editor } = this;
    if (editor.pending?.kind === "drag") return;
    const hit = this.hit(at, editor.tool === "select");
    if (hit) {
      editor.selection = hit;
      editor.pending = { ...hit, kind: "move", what: hit.kind, start: at, at: this.valueOf(hit) };
      editor.tell("selection");
    } else if (editor.tool === "drag") {
      editor.pending = { kind: "drag", from: editor.clampedPixel(at), to: null };
    } else {
      editor.selection = null;
      editor.tell("selection");
    }
  }

  move(at) {
    const { editor } = this;
    const { pending } = editor;
    if (editor.strokeState) editor.continueStroke(at);
    else if (pending?.kind === "drag") {
      const to = editor.clampedPixel(at);
      const isElsewhere = to[0] !== pending.from[0] || to[1] !== pending.from[1];
      pending.to = isElsewhere ? to : null;
      editor.updateStretch();
    } else if (pending?.kind === "region") {
      pending.to = this.targetRegion(pending, at);
      editor.updateStretch();
    } else if (pending?.kind === "move") this.moveSelected(pending, at);
    else if (pending?.kind === "shape") pending.shape = this.shapeBetween(pending.start, at);
    this.view.draw();
  }

  moveSelected(pending, at) {
    const { editor } = this;
    if (distance(at, pending.start) * this.view.zoom >= 2) pending.isMoved = true;
    if (!pending.isMoved) return;
    const units = new Units(editor.state.spec, editor.picture);
    const [dx, dy] = [Math.round(at[0] - pending.start[0]), Math.round(at[1] - pending.start[1])];
    const pulled = (shape) => (pending.grip === undefined ? movedShape(shape, dx, dy)
      : reshaped(shape, pending.grip, at.map(Math.round)));
    if (pending.what === "drag") {
      const end = editor.state.spec.drags[pending.index][pending.end];
      pending.at = Array.isArray(end) ? units.written(editor.clampedPixel(at)) : units.writtenShape(pulled(units.shape(end)));
      editor.updateStretch();
    } else pending.at = pulled(units.shape(editor.state.spec.mask[pending.index]));
  }

  release(at, isClick) {
    const { editor } = this;
    const { pending } = editor;
    if (editor.strokeState) editor.endStroke();
    else if (pending?.kind === "drag") this.releaseDrag(pending, at, isClick);
    else if (pending?.kind === "region") this.releaseRegion(pending, at, isClick);
    else if (pending?.kind === "move") this.releaseMove(pending);
    else if (pending?.kind === "shape") this.releaseShape(pending, at, isClick);
    else if (this.shapeKind === "polygon") this.addCorner(at);
    this.view.draw();
  }

  releaseDrag(pending, at, isClick) {
    const { editor } = this;
    const to = editor.clampedPixel(at);
    const isElsewhere = to[0] !== pending.from[0] || to[1] !== pending.from[1];
    if (isElsewhere && (!isClick || pending.isPlaced)) {
      editor.pending = null;
      editor.addDrag(pending.from, to);
      editor.tell("say", `Drag ${editor.state.spec.drags.length} from ${pending.from.join(", ")} to ${to.join(", ")}.`);
    } else {
      pending.isPlaced = true;
      pending.to = isElsewhere ? to : null;
      editor.tell("say", `Handle at ${pending.from.join(", ")}. Now its target.`);
      editor.tell("pending");
    }
  }

  releaseMove(pending) {
    const { editor } = this;
    editor.pending = null;
    if (!pending.isMoved) editor.updateStretch();
    else if (pending.what === "drag") editor.setDragEnd(pending.index, pending.end, pending.at);
    else editor.setShape(pending.index, pending.at);
  }

  releaseShape(pending, at, isClick) {
    const { editor } = this;
    const shape = this.shapeBetween(pending.start, at);
    if (isClick && !pending.isPlaced) {
      pending.isPlaced = true;
      editor.tell("say", this.shapeKind === "circle" ? "Middle placed. Now the rim." : "Corner placed. Now the other one.");
    } else if (shape) this.finishShape(shape, "Mask shape added.");
  }

  /** A shape is drawn: a part of the mask, or what a drag moves. */
  finishShape(shape, words) {
    const { editor } = this;
    if (editor.tool === "region") {
      editor.pending = { kind: "region", from: shape, to: null, start: null };
      editor.tell("pending");
      editor.tell("say", "Region drawn. Now click where its middle goes.");
      return;
    }
    editor.pending = null;
    editor.addShape(shape);
    editor.tell("say", words);
  }

  /** Where a drag takes a region: a copy of it around a place, or another shape that is pulled. Null where it would stay. */
  targetRegion({ from, start }, at) {
    const isPulled = start && this.shapeKind !== "polygon" && distance(start, at) * this.view.zoom >= 4;
    const to = isPulled ? this.shapeBetween(this.inPicture(start), at) : this.copyAround(from, at);
    return to && distance(endPoint(to), endPoint(from)) > 0 ? to : null;
  }

  copyAround(shape, at) {
    const [x, y] = this.editor.clampedPixel(at);
    const [middleX, middleY] = endPoint(shape);
    return movedShape(shape, Math.round(x - middleX), Math.round(y - middleY));
  }

  releaseRegion(pending, at, isClick) {
    const { editor } = this;
    pending.to = this.targetRegion(isClick ? { from: pending.from } : pending, at);
    pending.start = null;
    if (!pending.to) return;
    editor.pending = null;
    editor.addDrag(pending.from, pending.to);
    editor.tell("say", `Drag ${editor.state.spec.drags.length} from one region to another added.`);
  }

  /** A rectangle between two corners, or a circle around the first; null without an area. */
  shapeBetween(start, at) {
    const { width, height } = this.editor.picture;
    const [ax, ay, bx, by] = [...start, ...at].map(Math.round);
    if (this.shapeKind === "circle") {
      const radius = Math.round(distance(start, at));
      return radius > 0 ? { circle: [ax, ay, radius] } : null;
    }
    const left = clamp(Math.min(ax, bx), 0, width);
    const top = clamp(Math.min(ay, by), 0, height);
    const [w, h] = [clamp(Math.max(ax, bx), 0, width) - left, clamp(Math.max(ay, by), 0, height) - top];
    return w > 0 && h > 0 ? { rect: [left, top, w, h] } : null;
  }

  addCorner(at) {
    const { editor, view } = this;
    const { width, height } = editor.picture;
    const corner = [clamp(Math.round(at[0]), 0, width), clamp(Math.round(at[1]), 0, height)];
    if (editor.pending?.kind !== "polygon") {
      editor.pending = { kind: "polygon", corners: [corner] };
      editor.tell("say", "First corner placed.");
      return;
    }
    const { corners } = editor.pending;
    if (distance(view.toCanvas(corners[0]), view.toCanvas(corner)) < HIT_RADIUS) this.closePolygon();
    else if (distance(corners.at(-1), corner) > 0) corners.push(corner);
  }

  closePolygon() {
    const { editor } = this;
    const { corners } = editor.pending;
    if (corners.length < 3) {
      editor.tell("say", "A polygon needs three corners.");
      return;
    }
    this.finishShape({ polygon: corners }, `Polygon of ${corners.length} corners added.`);
  }

  /** What lies under a place: the end of a drag, or a shape of the mask or of a drag. */
  hit(at, withShapes) {
    const { editor, view } = this;
    const units = new Units(editor.state.spec, editor.picture);
    const place = view.toCanvas(at);
    let best = null;
    editor.state.spec.drags.forEach((drag, index) => {
      for (const end of ["to", "from"]) {
        const away = distance(view.middleOf(units.point(endPoint(drag[end]))), place);
        if (away <= HIT_RADIUS && (!best || away < best.away)) best = { kind: "drag", index, end, away };
      }
    });
    if (best || !withShapes) return best;
    const { shape: selected, ...selection } = editor.selectedShape ?? {};
    const grip = selected ? shapeGrips(selected).findIndex((one) => distance(view.toCanvas(one), place) <= HIT_RADIUS) : -1;
    if (grip >= 0) return { ...selection, grip };
    const found = editor.shapes().findLast(({ shape }) => shapeContains(shape, Math.floor(at[0]), Math.floor(at[1])));
    if (!found) return null;
    const { shape, ...hit } = found;
    return hit;
  }

  valueOf({ kind, index, end }) {
    if (kind === "drag") return this.editor.state.spec.drags[index][end];
    return this.editor.maskShapes().find((shape) => shape.index === index).shape;
  }

  cancel() {
    const { editor } = this;
    if (editor.strokeState) editor.endStroke();
    editor.pending = null;
    this.pressedAt = null;
    editor.updateStretch();
    editor.tell("pending");
    this.view.draw();
  }

  // Keyboard

  keyDown(event) {
    const { editor, view } = this;
    if (!editor.picture || event.ctrlKey || event.metaKey || event.altKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (arrow) this.moveByKey(arrow, event.shiftKey ? 10 : 1);
    else if (event.key === " ") this.isSpaceHeld = true;
    else if (event.key === "Enter") this.enter();
    else if (event.key === "Escape") this.cancel();
    else if (event.key === "Delete" || event.key === "Backspace") this.removeSelected();
    else if (event.key === "n" || event.key === "N") this.selectNext(event.key === "n" ? 1 : -1);
    else if (event.key === "+" || event.key === "=") view.zoomAt(this.zoomPlace(), 1.25);
    else if (event.key === "-") view.zoomAt(this.zoomPlace(), 0.8);
    else return;
    event.preventDefault();
  }

  zoomPlace() {
    const { editor, view } = this;
    return editor.cursor ? view.middleOf(editor.cursor) : [view.width / 2, view.height / 2];
  }

  /** Arrow keys move what is selected with the select tool, else the keyboard's place. */
  moveByKey([dx, dy], step) {
    const { editor, view } = this;
    if (editor.tool === "select" && editor.selection) {
      this.nudge(dx * step, dy * step);
      return;
    }
    const start = editor.cursor ?? editor.clampedPixel(view.toPicture([view.width / 2, view.height / 2]));
    editor.cursor = editor.cursor ? editor.clampedPixel([start[0] + dx * step, start[1] + dy * step]) : start;
    view.reveal(editor.cursor);
    editor.pointer = [editor.cursor[0] + 0.5, editor.cursor[1] + 0.5];
    this.move(editor.pointer);
    editor.tell("pointer");
    editor.tell("say", editor.cursor.join(", "));
  }

  nudge(dx, dy) {
    const { editor, view } = this;
    const { kind, index, end } = editor.selection;
    const units = new Units(editor.state.spec, editor.picture);
    const key = `nudge ${kind} ${index} ${end ?? ""}`;
    if (kind === "drag") {
      const value = editor.state.spec.drags[index][end];
      if (!Array.isArray(value)) {
        editor.setDragEnd(index, end, units.writtenShape(movedShape(units.shape(value), dx, dy)), key);
        return;
      }
      const [x, y] = units.point(value);
      const moved = [clamp(x + dx, 0, editor.picture.width - 1), clamp(y + dy, 0, editor.picture.height - 1)];
      editor.setDragEnd(index, end, units.written(moved), key);
      view.reveal(moved);
      editor.tell("say", moved.map(plainNumber).join(", "));
    } else {
      const { shape } = editor.maskShapes().find((one) => one.index === index) ?? {};
      if (shape) editor.setShape(index, movedShape(shape, dx, dy), key);
    }
  }

  /** Makes the selected shape larger or smaller by pixels; false where none is selected. */
  grow(by) {
    const { editor } = this;
    const { shape, kind, index, end } = editor.selectedShape ?? {};
    if (editor.tool !== "select" || !shape) return false;
    const units = new Units(editor.state.spec, editor.picture);
    const grown = grownShape(shape, by);
    const key = `grow ${kind} ${index} ${end ?? ""}`;
    if (kind === "drag") editor.setDragEnd(index, end, units.writtenShape(grown), key);
    else editor.setShape(index, grown, key);
    editor.tell("say", shapeInWords(grown));
    return true;
  }

  /** Enter is a click at the keyboard's place; it closes a polygon whose last corner is there already. */
  enter() {
    const { editor, view } = this;
    editor.cursor ??= editor.clampedPixel(view.toPicture([view.width / 2, view.height / 2]));
    const at = [editor.cursor[0] + 0.5, editor.cursor[1] + 0.5];
    const { pending } = editor;
    const isLastCorner = pending?.kind === "polygon" && distance(pending.corners.at(-1), at.map(Math.round)) === 0;
    if (isLastCorner) this.closePolygon();
    else {
      this.press(at);
      this.release(at, true);
    }
    view.draw();
  }

  selectNext(by) {
    const { editor, view } = this;
    const all = [
      ...editor.state.spec.drags.flatMap((_, index) => ["from", "to"].map((end) => ({ kind: "drag", index, end }))),
      ...editor.maskShapes().map(({ index }) => ({ kind: "mask", index })),
    ];
    if (!all.length) return;
    const same = (a) => a.kind === editor.selection?.kind && a.index === editor.selection.index && a.end === editor.selection.end;
    const at = all.findIndex(same);
    editor.selection = all[(at + by + all.length + (at < 0 && by < 0 ? 1 : 0)) % all.length];
    const { kind, index, end } = editor.selection;
    const isRegion = kind === "drag" && !Array.isArray(editor.state.spec.drags[index][end]);
    const what = { from: isRegion ? "Region that moves" : "Handle", to: isRegion ? "Region where it goes" : "Target" }[end];
    const name = kind === "mask" ? `Mask region ${index + 1}` : `${what} of drag ${index + 1}`;
    editor.tell("selection");
    editor.tell("say", `${name} selected.`);
    view.draw();
  }

  removeSelected() {
    const { editor } = this;
    if (!editor.selection) return;
    const { kind, index } = editor.selection;
    if (kind === "drag") editor.removeDrag(index); else editor.removeMask(index);
    editor.tell("say", "Removed.");
  }
}
