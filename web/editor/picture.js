// The picture: decoded once, upright as the daemon sees it, with smaller copies so that every zoom draws few pixels.

const PREVIEW_PIXELS = 1 << 20;

class Picture {
  /** Decodes a PNG or JPEG file. Throws an Error whose message says what is wrong. */
  static async decode(file) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const { kind, orientation, bytes: plain } = await readOrientation(bytes);
    if (!kind) throw new Error(`${file.name} is neither PNG nor JPEG. Convert it: clipdragd reads these two.`);
    let decoded;
    try {
      decoded = await createImageBitmap(new Blob([plain]));
    } catch {
      throw new Error(`${file.name} is damaged, or not whole: it cannot be decoded.`);
    }
    const isTurned = orientation > 4;
    const width = isTurned ? decoded.height : decoded.width;
    const height = isTurned ? decoded.width : decoded.height;
    if (Math.min(width, height) < 32 || width * height > 64_000_000) {
      throw new Error(`${file.name} has ${width}×${height} pixels. clipdragd takes sides from 32 and at most 64 million pixels.`);
    }
    const picture = new Picture();
    Object.assign(picture, { file, kind, orientation, width, height, name: file.name });
    picture.levels = [orientation === 1 ? decoded : await upright(decoded, orientation, width, height)];
    await picture.addSmallerLevels();
    picture.readPreview();
    return picture;
  }

  /** Halves until the picture is small: zoomed out, the canvas draws from a level of about its own size. */
  async addSmallerLevels() {
    for (let last = this.levels[0]; last.width * last.height > 400_000;) {
      const [width, height] = [Math.max(1, last.width >> 1), Math.max(1, last.height >> 1)];
      last = await createImageBitmap(last, { resizeWidth: width, resizeHeight: height, resizeQuality: "medium" });
      this.levels.push(last);
    }
  }

  /** The pixels that the stretch is shown with: at most a million. */
  readPreview() {
    const scale = Math.min(1, Math.sqrt(PREVIEW_PIXELS / (this.width * this.height)));
    this.preview = this.reduced(this.width * scale, this.height * scale);
    this.previews = new Map([[1, this.preview]]);
  }

  /** The preview at a part of its size. */
  previewAt(part) {
    if (!this.previews.has(part)) this.previews.set(part, this.reduced(this.preview.width * part, this.preview.height * part));
    return this.previews.get(part);
  }

  reduced(wide, high) {
    const [width, height] = [Math.max(1, Math.round(wide)), Math.max(1, Math.round(high))];
    const source = [...this.levels].reverse().find((level) => level.width >= width) ?? this.levels[0];
    const context = plainCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(source, 0, 0, width, height);
    return context.getImageData(0, 0, width, height);
  }

  /** The level to draw at a zoom: the smallest that is not enlarged by more than a quarter. */
  levelFor(zoom) {
    return this.levels.findLast((level) => level.width / this.width >= zoom * 0.8) ?? this.levels[0];
  }

  /** Whether all pixels around a point have one colour, but for the noise of a JPEG (Image.isFlat). */
  isFlat(point) {
    const key = point.map(Math.floor).join();
    this.flatness ??= new Map();
    if (!this.flatness.has(key)) this.flatness.set(key, this.looksFlat(point));
    return this.flatness.get(key);
  }

  looksFlat(point) {
    const data = this.pixelsAround(point, Math.max(3, Math.floor(Math.max(this.width, this.height) / 32)));
    for (let channel = 0; channel < 3; channel++) {
      let [low, high] = [255, 0];
      for (let i = channel; i < data.length; i += 4) {
        if (data[i] < low) low = data[i];
        if (data[i] > high) high = data[i];
      }
      if (high - low > 6) return false;
    }
    return true;
  }

  /** The pixels of a square around a point, as far as they lie in the picture. */
  pixelsAround([x, y], reach) {
    const [left, top] = [Math.max(0, Math.floor(x) - reach), Math.max(0, Math.floor(y) - reach)];
    const right = Math.min(this.width - 1, Math.floor(x) + reach);
    const bottom = Math.min(this.height - 1, Math.floor(y) + reach);
    return this.pixels(left, top, Math.max(1, right - left + 1), Math.max(1, bottom - top + 1));
  }

  pixels(left, top, width, height) {
    const context = plainCanvas(width, height).getContext("2d", { willReadFrequently: true });
    context.drawImage(this.levels[0], left, top, width, height, 0, 0, width, height);
    return context.getImageData(0, 0, width, height).data;
  }

  /** The colour of the picture's rim, where nine tenths of the rim have it; null for others. */
  get ground() {
    if (this.rimColour === undefined) {
      const { width, height } = this;
      const sides = [[0, 0, 1, height], [width - 1, 0, 1, height], [0, 0, width, 1], [0, height - 1, width, 1]];
      const rim = sides.flatMap((side) => colours(this.pixels(...side)));
      const middle = [0, 1, 2].map((i) => rim.map((colour) => colour[i]).sort((a, b) => a - b)[rim.length >> 1]);
      const same = rim.filter((colour) => areNear(colour, middle)).length;
      this.rimColour = 10 * same >= 9 * rim.length ? middle : null;
    }
    return this.rimColour;
  }

  /** Whether the 3×3 pixels at a point have the colour of the picture's plain background. */
  isGround(point) {
    const { ground } = this;
    return ground !== null && colours(this.pixelsAround(point, 1)).every((colour) => areNear(colour, ground));
  }

  close() { for (const level of this.levels) level.close?.(); }
}

/** The colours of pixels, [red, green, blue] each. */
const colours = (data) => Array.from({ length: data.length / 4 }, (_, i) => [data[4 * i], data[4 * i + 1], data[4 * i + 2]]);

/** Whether two colours are equal, but for the noise of a JPEG. */
const areNear = (a, b) => a.every((value, i) => Math.abs(value - b[i]) <= 6);

/** A file that clipdragd reads: itself, or a PNG of a picture that the browser reads and clipdragd does not (WebP, AVIF, …). */
async function readableFile(file) {
  const start = new Uint8Array(await file.slice(0, 4).arrayBuffer());
  const isReadable = (start[0] === 0x89 && start[1] === 0x50) || (start[0] === 0xff && start[1] === 0xd8);
  if (isReadable) return file;
  let decoded;
  try {
    decoded = await createImageBitmap(file);
  } catch {
    return file;
  }
  const canvas = plainCanvas(decoded.width, decoded.height);
  canvas.getContext("2d").drawImage(decoded, 0, 0);
  decoded.close();
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  return new File([blob], `${stemOf(file.name)}.png`, { type: "image/png" });
}

function plainCanvas(width, height) {
  const canvas = document.createElement("canvas");
  Object.assign(canvas, { width, height });
  return canvas;
}

async function upright(decoded, orientation, width, height) {
  const canvas = plainCanvas(width, height);
  const context = canvas.getContext("2d");
  context.setTransform(...uprightTransform(orientation, decoded.width, decoded.height));
  context.drawImage(decoded, 0, 0);
  decoded.close();
  return createImageBitmap(canvas);
}
