// What `clipdragd check` notes though it is no error (PlanNotes.swift), as far as a page can know it.

function specNotes({ spec, marks }, editor) {
  const { picture, mask } = editor;
  const setting = (name) => editor.settingText(name);
  const notes = methodInputNotes(spec, setting);
  for (const [key, name] of [["source", "`prompt.source`"], ["edit", "`prompt.edit`"]]) {
    const note = spec[key] === null ? null : PromptTokens.noteOfCut(spec[key], name);
    if (note) notes.push(note);
  }
  if (editor.options.model === "starter") notes.push(...unknownWordNotes(spec));
  if (picture) {
    const units = new Units(spec, picture);
    const drags = spec.drags.map(({ from, to }) => ({ from: units.point(endPoint(from)), to: units.point(endPoint(to)) }));
    const grid = new FeatureGrid(editor.region, editor.options.model);
    notes.push(
      ...regionNotes(spec, marks, picture), ...handleNotes(spec, picture, mask),
      ...dragRegionNotes(spec, picture, mask), ...coincidingNotes(drags, grid), ...methodNotes(drags, grid, spec, setting));
    const isKnown = mask.isGiven && mask.isKnown;
    const pixel = (value, side) => clamp(Math.floor(value), 0, side - 1);
    const frees = ([x, y]) => mask.contains(pixel(x, picture.width), pixel(y, picture.height));
    notes.push(...dragDoubts(drags, isKnown ? frees : null, grid, methodNamed(spec.method), setting));
    if (isKnown) notes.push(...maskDoubts(mask, picture, editor.region, editor.options.model));
  }
  return notes.map(printable);
}

const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{M}]+/gu) ?? [];

/** Words of the prompts that the starter model was never trained on. */
function unknownWordNotes(spec) {
  const known = new Set(wordsOf(TABLES.starter.words));
  if (!known.size) return [];
  return [["source", "prompt.source"], ["edit", "prompt.edit"]].flatMap(([key, name]) => {
    const unknown = [...new Set(wordsOf(spec[key] ?? "").filter((word) => Array.from(word).length > 1 && !known.has(word)))];
    if (!unknown.length) return [];
    const shown = unknown.slice(0, 5).map((word) => `\`${word}\``).join(", ");
    const more = unknown.length > 5 ? ` and ${unknown.length - 5} more` : "";
    return [`the model was not trained on ${unknown.length === 1 ? "a word" : "words"} of \`${name}\`: ${shown}${more}`];
  });
}

/** Shapes of the mask that reach beyond the picture. */
function regionNotes(spec, marks, { width, height }) {
  const units = new Units(spec, { width, height });
  const lines = spec.mask.flatMap((region, i) => {
    if (!region.rect && !region.circle && !region.polygon) return [];
    const [left, top, right, bottom] = shapeBounds(units.shape(region));
    return left < 0 || top < 0 || right > width || bottom > height ? [marks.mask[i].line] : [];
  });
  if (!lines.length) return [];
  const shown = 5;
  const more = lines.length > shown ? ` and ${lines.length - shown} more` : "";
  const places = lines.length === 1 ? `a region of the mask (line ${lines[0]}) reaches`
    : `regions of the mask (lines ${lines.slice(0, shown).join(", ")}${more}) reach`;
  return [`${places} beyond the picture of ${width}×${height} pixels: the part in the picture counts`];
}

/** Handles from which nothing can move. */
function handleNotes(spec, picture, mask) {
  const units = new Units(spec, picture);
  const handles = spec.drags.map(({ from }) => units.point(endPoint(from)));
  const pixel = ([x, y]) => [clamp(Math.floor(x), 0, picture.width - 1), clamp(Math.floor(y), 0, picture.height - 1)];
  const indices = handles.map((_, i) => i);
  const outside = mask.isGiven && mask.isKnown ? indices.filter((i) => !mask.contains(...pixel(handles[i]))) : [];
  const flat = indices.filter((i) => picture.isFlat(handles[i]));
  const notes = [];
  if (outside.length) {
    notes.push(`${named(outside, handles)} outside the mask: what the mask holds still is not dragged`);
  }
  const beside = indices.filter((i) => !flat.includes(i) && picture.isGround(handles[i]));
  if (beside.length) {
    notes.push(`${named(beside, handles)} on the picture's plain background: what lies beside the content is dragged`);
  }
  if (flat.length) {
    notes.push(`${named(flat, handles)} on a part of the picture that has one colour: nothing is there to be dragged`);
  }
  return notes;
}

/** "the handle of drag 2 at (20, 20) lies", or "the handles of drags 1 and 3 lie". */
function named(indices, handles) {
  const last = indices.at(-1);
  if (indices.length === 1) {
    const [x, y] = handles[last].map(plainNumber);
    return `the handle of drag ${last + 1} at (${x}, ${y}) lies`;
  }
  return `the handles of drags ${indices.slice(0, -1).map((i) => i + 1).join(", ")} and ${last + 1} lie`;
}
