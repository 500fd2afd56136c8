// The live preview: the picture stretched along its drags, at no more than a million pixels.

/** How a model sees pictures: the longer side of its own, and the pixels of a cell of its latent. */
const MODEL_SIZES = {
  starter: { label: "starter model (128 px)", native: () => TABLES.starter.native, cell: 4 },
  sd1: { label: "Stable Diffusion 1.x (512 px)", native: () => 512, cell: 8 },
  sd2: { label: "Stable Diffusion 2.x (768 px)", native: () => 768, cell: 8 },
};

/** Parts of the preview's sides with which a frame can be drawn, each of half as many pixels as the one before. */
const STRETCH_SIZES = [1, Math.SQRT1_2, 0.5, Math.SQRT1_2 / 2, 0.25];
/** Milliseconds that the pixels of a frame may take while a target moves. */
const FRAME_MILLISECONDS = 20;

class Stretch {
  constructor(picture) {
    this.picture = picture;
    this.canvas = plainCanvas(picture.preview.width, picture.preview.height);
    this.pixels = new Uint8ClampedArray(4 * picture.preview.width * picture.preview.height);
    this.held = { key: null, cells: null };
    this.outline = { key: null, found: null };
    this.drawn = null;
    this.crops = new Map();
    /** Milliseconds a pixel, as the last frames took. */
    this.pace = 2e-5;
    this.size = 0;
  }

  /**
   * Stretches by drags in pixels of the picture; `mask` is a MaskView, `maskKey` changes whenever it does. No more pixels are
   * drawn than `zoom` shows; while a target moves (`isMoving`), no more than the time of a frame allows.
   */
  show(drags, { part, region, model, mask, maskKey, zoom, isMoving }) {
    const local = drags.map(({ from, to }) => ({
      from: [from[0] - region.x, from[1] - region.y], to: [to[0] - region.x, to[1] - region.y],
    }));
    const grid = this.gridOf(region, model);
    const warp = mask?.isGiven
      ? new DragWarp(local, part, region, this.heldCells(mask, maskKey, region, grid), grid)
      : stretchInside(this.outlineOf(region), local, part, region, grid);
    this.size = this.sizeFor(warp, region, zoom, isMoving);
    const preview = this.picture.previewAt(STRETCH_SIZES[this.size]);
    const area = areaOf(region, this.picture, preview);
    const box = warp.bounds(area.width, area.height);
    if (box.width < 1 || box.height < 1) return this.hide();
    const source = this.cropped(area, preview);
    const to = this.pixels.subarray(0, 4 * box.width * box.height);
    const start = performance.now();
    warp.apply(source, area.width, area.height, to, box);
    this.canvas.getContext("2d").putImageData(new ImageData(to, box.width, box.height), 0, 0);
    this.note(performance.now() - start, box.width * box.height);
    this.drawn = {
      canvas: this.canvas, box: { ...box, x: box.x + area.x, y: box.y + area.y }, preview,
      goals: warp.pulls.map(({ goal }) => goal), isCoarse: this.size > this.finest(zoom),
    };
  }

  hide() { this.drawn = null; }

  /** The place in STRETCH_SIZES of the smallest size that shows all that a zoom can show. */
  finest(zoom) {
    const seen = (zoom * this.picture.width) / this.picture.preview.width;
    return Math.max(0, STRETCH_SIZES.findLastIndex((size) => size >= Math.min(1, seen) - 1e-6));
  }

  sizeFor(warp, region, zoom, isMoving) {
    const finest = this.finest(zoom);
    if (!isMoving) return finest;
    const { preview } = this.picture;
    const area = areaOf(region, this.picture, preview);
    const box = warp.bounds(area.width, area.height);
    const takes = (size) => this.pace * box.width * box.height * STRETCH_SIZES[size] ** 2;
    // A finer size than that of the frame before must fit with room to spare: sizes do not flicker.
    const fits = (size) => takes(size) <= FRAME_MILLISECONDS * (size < this.size ? 0.7 : 1);
    for (let size = finest; size < STRETCH_SIZES.length; size++) if (fits(size)) return size;
    return STRETCH_SIZES.length - 1;
  }

  /** What a frame took. A few pixels say little. */
  note(milliseconds, pixels) {
    if (pixels > 20_000) this.pace = (this.pace + milliseconds / pixels) / 2;
  }

  gridOf(region, model) {
    const { native, cell } = MODEL_SIZES[model];
    const { width, height } = workingSize(region, native(), cell);
    return { width: width / cell, height: height / cell };
  }

  heldCells(mask, maskKey, region, grid) {
    if (!mask.isKnown) return null;
    const key = JSON.stringify([maskKey, region, grid]);
    if (this.held.key !== key) this.held = { key, cells: new HeldCells(mask.cells(region, grid), grid, region) };
    return this.held.cells;
  }

  outlineOf(region) {
    const key = JSON.stringify(region);
    if (this.outline.key !== key) {
      const { preview } = this.picture;
      const area = areaOf(region, this.picture, preview);
      this.outline = { key, found: new LargestOutline(this.cropped(area, preview), area.width, area.height) };
    }
    return this.outline.found;
  }

  /** A preview's pixels of a region; the whole picture needs no copy. */
  cropped(area, preview) {
    if (area.width === preview.width && area.height === preview.height) return preview.data;
    const key = JSON.stringify(area);
    if (this.crops.get(preview)?.key !== key) {
      const data = new Uint8ClampedArray(4 * area.width * area.height);
      for (let row = 0; row < area.height; row++) {
        const start = 4 * ((area.y + row) * preview.width + area.x);
        data.set(preview.data.subarray(start, start + 4 * area.width), 4 * row * area.width);
      }
      this.crops.set(preview, { key, data });
    }
    return this.crops.get(preview).data;
  }
}

/** A region of a picture in the pixels of a preview. */
function areaOf(region, picture, preview) {
  const [sx, sy] = [preview.width / picture.width, preview.height / picture.height];
  return {
    x: Math.round(region.x * sx), y: Math.round(region.y * sy),
    width: Math.max(1, Math.round(region.width * sx)), height: Math.max(1, Math.round(region.height * sy)),
  };
}
