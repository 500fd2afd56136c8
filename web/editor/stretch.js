// The live preview: the picture stretched along its drags, at no more than a million pixels.

/** How a model sees pictures: the longer side of its own, and the pixels of a cell of its latent. */
const MODEL_SIZES = {
  starter: { label: "starter model (128 px)", native: () => TABLES.starter.native, cell: 4 },
  sd1: { label: "Stable Diffusion 1.x (512 px)", native: () => 512, cell: 8 },
  sd2: { label: "Stable Diffusion 2.x (768 px)", native: () => 768, cell: 8 },
};

class Stretch {
  constructor(picture) {
    this.picture = picture;
    this.canvas = plainCanvas(picture.preview.width, picture.preview.height);
    this.pixels = new Uint8ClampedArray(4 * picture.preview.width * picture.preview.height);
    this.held = { key: null, cells: null };
    this.drawn = null;
  }

  /** Stretches by drags in pixels of the picture; `mask` is a MaskView, `maskKey` changes whenever it does. */
  show(drags, { part, region, model, mask, maskKey }) {
    const { preview } = this.picture;
    const local = drags.map(({ from, to }) => ({
      from: [from[0] - region.x, from[1] - region.y], to: [to[0] - region.x, to[1] - region.y],
    }));
    const grid = this.gridOf(region, model);
    const warp = new DragWarp(local, part, region, this.heldCells(mask, maskKey, region, grid), grid);
    const [sx, sy] = [preview.width / this.picture.width, preview.height / this.picture.height];
    const area = {
      x: Math.round(region.x * sx), y: Math.round(region.y * sy),
      width: Math.max(1, Math.round(region.width * sx)), height: Math.max(1, Math.round(region.height * sy)),
    };
    const box = warp.bounds(area.width, area.height);
    if (box.width < 1 || box.height < 1) return this.hide();
    const source = this.cropped(area);
    const to = this.pixels.subarray(0, 4 * box.width * box.height);
    warp.apply(source, area.width, area.height, to, box);
    this.canvas.getContext("2d").putImageData(new ImageData(to, box.width, box.height), 0, 0);
    this.drawn = {
      canvas: this.canvas, box: { ...box, x: box.x + area.x, y: box.y + area.y }, goals: warp.pulls.map(({ goal }) => goal),
    };
  }

  hide() { this.drawn = null; }

  gridOf(region, model) {
    const { native, cell } = MODEL_SIZES[model];
    const { width, height } = workingSize(region, native(), cell);
    return { width: width / cell, height: height / cell };
  }

  heldCells(mask, maskKey, region, grid) {
    if (!mask?.isGiven || !mask.isKnown) return null;
    const key = JSON.stringify([maskKey, region, grid]);
    if (this.held.key !== key) this.held = { key, cells: new HeldCells(mask.cells(region, grid), grid, region) };
    return this.held.cells;
  }

  /** The preview's pixels of a region; the whole picture needs no copy. */
  cropped(area) {
    const { preview } = this.picture;
    if (area.width === preview.width && area.height === preview.height) return preview.data;
    const key = JSON.stringify(area);
    if (this.crop?.key !== key) {
      const data = new Uint8ClampedArray(4 * area.width * area.height);
      for (let row = 0; row < area.height; row++) {
        const start = 4 * ((area.y + row) * preview.width + area.x);
        data.set(preview.data.subarray(start, start + 4 * area.width), 4 * row * area.width);
      }
      this.crop = { key, data };
    }
    return this.crop.data;
  }
}
