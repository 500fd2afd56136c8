// How a picture lies in its file, as the daemon reads it (FileMetadata.swift): the first block of EXIF that can be read
// counts, without one XMP. The page turns the picture itself, so it shows what the daemon edits.

/** {kind: "png" | "jpeg" | null, orientation: 1…8, bytes: the file without its orientation}. */
async function readOrientation(bytes) {
  const isPNG = bytes[0] === 0x89 && bytes[1] === 0x50;
  const isJPEG = bytes[0] === 0xff && bytes[1] === 0xd8;
  if (!isPNG && !isJPEG) return { kind: null, orientation: 1, bytes };
  const found = isPNG ? await pngMetadata(bytes) : jpegMetadata(bytes);
  const exif = found.exif.map(exifOrientation).find((value) => value !== undefined);
  const orientation = exif ?? (found.xmp ? xmpOrientation(found.xmp) : null) ?? 1;
  return { kind: isPNG ? "png" : "jpeg", orientation, bytes: withoutParts(bytes, found.parts) };
}

/** The file without the parts that hold metadata: a decoder then turns nothing. */
function withoutParts(bytes, parts) {
  if (!parts.length) return bytes;
  const pieces = [];
  let at = 0;
  for (const [start, end] of parts) {
    pieces.push(bytes.subarray(at, start));
    at = end;
  }
  return new Blob([...pieces, bytes.subarray(at)]);
}

const startsWithText = (bytes, text) => Array.from(text).every((c, i) => bytes[i] === c.charCodeAt(0));

function jpegMetadata(bytes) {
  const found = { exif: [], xmp: null, parts: [] };
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff;) {
    const marker = bytes[at + 1];
    if (marker === 0xff) {
      at++;
      continue;
    }
    if (marker === 0xda || marker === 0xd9) break;
    if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd7)) {
      at += 2;
      continue;
    }
    const end = at + 2 + (bytes[at + 2] << 8 | bytes[at + 3]);
    const content = bytes.subarray(at + 4, end);
    if (marker === 0xe1) {
      const xmp = "http://ns.adobe.com/xap/1.0/\0";
      if (startsWithText(content, "Exif\0\0")) found.exif.push(content.subarray(6));
      else if (startsWithText(content, xmp)) found.xmp ??= content.subarray(xmp.length);
      found.parts.push([at, end]);
    }
    at = end;
  }
  return found;
}

async function pngMetadata(bytes) {
  const found = { exif: [], xmp: null, parts: [] };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    const name = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (name === "IEND" || end > bytes.length) break;
    const data = bytes.subarray(at + 8, end - 4);
    if (name === "eXIf") {
      found.exif.unshift(data);
      found.parts.push([at, end]);
    } else if (["tEXt", "zTXt", "iTXt"].includes(name)) {
      await readPNGText(name, data, found);
    }
    at = end;
  }
  return found;
}

/** The text chunks that may hold an orientation: XMP, and the raw profiles of ImageMagick. */
async function readPNGText(chunk, data, found) {
  const zero = data.indexOf(0);
  const keyword = new TextDecoder("latin1").decode(data.subarray(0, zero)).toLowerCase();
  if (!["xml:com.adobe.xmp", "raw profile type exif", "raw profile type app1", "raw profile type xmp"].includes(keyword)) {
    return;
  }
  let text = data.subarray(zero + 1);
  let isDeflated = chunk === "zTXt";
  if (isDeflated) text = text.subarray(1);
  if (chunk === "iTXt") {
    isDeflated = text[0] === 1;
    text = text.subarray(2);
    for (let i = 0; i < 2; i++) text = text.subarray(text.indexOf(0) + 1);
  }
  try {
    if (isDeflated) {
      const stream = new Blob([text]).stream().pipeThrough(new DecompressionStream("deflate"));
      text = new Uint8Array(await new Response(stream).arrayBuffer());
    }
  } catch {
    return;
  }
  if (keyword === "xml:com.adobe.xmp") found.xmp = text;
  else {
    const profile = rawProfile(text);
    const header = "http://ns.adobe.com/xap/1.0/\0";
    if (!profile) return;
    if (keyword.endsWith("xmp")) found.xmp = profile;
    else if (startsWithText(profile, header)) found.xmp = profile.subarray(header.length);
    else found.exif.push(profile);
  }
}

/** ImageMagick's raw profile: a name, a length and hexadecimal digits on lines; null where it is none. */
function rawProfile(bytes) {
  const match = /^\s*\S+\s+([0-9]+)\s+([0-9a-fA-F\s]*)$/.exec(new TextDecoder("latin1").decode(bytes));
  const digits = match?.[2].replace(/\s/g, "");
  if (!digits || digits.length % 2) return null;
  return Uint8Array.from(digits.match(/../g), (pair) => parseInt(pair, 16));
}

/** The orientation of a TIFF structure: 1…8, null where it tells none, undefined where the block is broken. */
function exifOrientation(block) {
  const bytes = startsWithText(block, "Exif") ? block.subarray(6) : block;
  const isBig = startsWithText(bytes, "MM");
  if (!isBig && !startsWithText(bytes, "II")) return undefined;
  const number = (at, count) => {
    if (at < 0 || at + count > bytes.length) return null;
    let value = 0;
    for (let i = 0; i < count; i++) value = value * 256 + bytes[at + (isBig ? i : count - 1 - i)];
    return value;
  };
  const directory = number(4, 4);
  const entries = directory === null ? null : number(directory, 2);
  if (entries === null) return undefined;
  let orientation = null;
  for (let i = 0; i < entries; i++) {
    const at = directory + 2 + 12 * i;
    if (number(at, 2) === null || number(at + 2, 2) === null) break;
    if (number(at, 2) !== 0x0112) continue;
    const value = number(at + 8, number(at + 2, 2) === 4 ? 4 : 2);
    orientation = value >= 1 && value <= 8 ? value : null;
  }
  return orientation;
}

/** `tiff:Orientation` of an XMP packet, as an attribute or an element; null without one. */
function xmpOrientation(packet) {
  const match = /tiff:Orientation[ ="'>]*([1-8])/.exec(new TextDecoder("latin1").decode(packet));
  return match ? Number(match[1]) : null;
}

/** The canvas transform [a, b, c, d, e, f] that sets a picture of width × height upright. */
function uprightTransform(orientation, width, height) {
  return {
    1: [1, 0, 0, 1, 0, 0], 2: [-1, 0, 0, 1, width, 0], 3: [-1, 0, 0, -1, width, height], 4: [1, 0, 0, -1, 0, height],
    5: [0, 1, 1, 0, 0, 0], 6: [0, 1, -1, 0, height, 0], 7: [0, -1, -1, 0, height, width], 8: [0, -1, 1, 0, 0, width],
  }[orientation];
}
