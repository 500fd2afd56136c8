// What `clipdragd check` says of drags and masks that will hardly do what they say (DragDoubts.swift, MaskDoubts.swift).

/** A drag longer than this part of the grid's longer side seldom leaves the picture whole. */
const LONGEST_PART = 0.5;
/** Sentences of one kind at most. */
const SHOWN_DOUBTS = 10;
/** A mask with fewer of the latent's cells is almost none. */
const FEWEST_CELLS = 9;

/** Drags in pixels of the picture; `frees` tells whether a point may change, and is null without a mask that is known. */
function dragDoubts(drags, frees, grid, method, setting) {
  const leaving = frees ? drags.flatMap((drag, i) => leavingDoubts(drag, i, frees)) : [];
  const notes = [...leaving.slice(0, SHOWN_DOUBTS), ...pairDoubts(drags)];
  const steps = method.steps === "max_steps" ? swiftNumber(setting("max_steps")) : method.steps;
  if (!(steps > 0)) return notes;
  return [...notes, ...drags.flatMap((drag, i) => lengthDoubts(drag, i, grid, steps, setting)).slice(0, SHOWN_DOUBTS)];
}

function pointText([x, y]) { return `(${plainNumber(x)}, ${plainNumber(y)})`; }

/** A length to half a pixel. */
function lengthText(pixels) { return plainNumber(Math.round(2 * pixels) / 2); }

/** A drag that ends outside the mask, or leaves it on its way. */
function leavingDoubts({ from, to }, i, frees) {
  if (!frees(from)) return [];
  if (!frees(to)) {
    return [`the target of drag ${i + 1} at ${pointText(to)} lies outside the mask: content stays behind the mask's rim`];
  }
  const samples = Math.max(2, Math.floor(distance(from, to)));
  for (let k = 1; k < samples; k++) {
    const t = k / samples;
    if (!frees([from[0] + t * (to[0] - from[0]), from[1] + t * (to[1] - from[1])])) {
      return [`drag ${i + 1} leaves the mask on its way from ${pointText(from)} to ${pointText(to)}: free the way between`];
    }
  }
  return [];
}

/** Pairs of drags that contradict each other, the first ones. */
function pairDoubts(drags) {
  const notes = [];
  for (let j = 0; j < drags.length; j++) {
    for (let i = 0; i < j; i++) {
      const why = conflict(drags[i], drags[j]);
      if (why) notes.push(`drags ${i + 1} and ${j + 1} ${why}`);
      if (notes.length === SHOWN_DOUBTS) return notes;
    }
  }
  return notes;
}

function conflict(a, b) {
  const areEqual = (p, q) => p[0] === q[0] && p[1] === q[1];
  if (areEqual(a.from, b.from)) {
    return areEqual(a.to, b.to) ? "are the same" : "pull the same handle to two targets: it goes to neither";
  }
  if (areEqual(a.to, b.to)) return "have the same target: two contents cannot lie at one place";
  return doCross(a, b) ? "cross: each one's content passes through the other's" : null;
}

/** Whether two drags' segments have a point in common that is no end of either. */
function doCross(a, b) {
  const side = (p, q, r) => (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
  return side(a.from, a.to, b.from) * side(a.from, a.to, b.to) < 0 && side(b.from, b.to, a.from) * side(b.from, b.to, a.to) < 0;
}

/** A drag too short for the grid to show, or too long for the method. */
function lengthDoubts({ from, to }, i, grid, steps, setting) {
  const cells = distance(grid.cell(from), grid.cell(to));
  const reach = swiftNumber(setting("reach"));
  const is = `drag ${i + 1} is ${lengthText(distance(from, to))} pixels long`;
  if (cells < reach) {
    return [`${is}, and the model sees none below ${lengthText(reach * grid.pixelsPerCell)}: it counts as arrived before it begins`];
  }
  const furthest = steps * (setting("step_length") === "capped" ? 4 : 1);
  if ((1 - swiftNumber(setting("warp"))) * cells - reach > furthest) {
    return [`${is}, and ${steps === 1 ? "1 drag step goes" : `${steps} drag steps go`} ${lengthText(furthest * grid.pixelsPerCell)} at most: raise \`max_steps\` or shorten it`];
  }
  const part = cells / Math.max(grid.width, grid.height);
  return part > LONGEST_PART
    ? [`drag ${i + 1} goes through ${Math.round(100 * part)} % of what the model sees: content seldom arrives whole beyond ${100 * LONGEST_PART} %`]
    : [];
}

/** A mask of which the model sees almost nothing. */
function maskDoubts(mask, picture, region, model) {
  const { native, cell } = MODEL_SIZES[model];
  const working = workingSize(region, native(), cell);
  const latent = { width: working.width / cell, height: working.height / cell };
  const cells = mask.cells(region, latent).reduce((sum, value) => sum + value, 0);
  if (cells >= FEWEST_CELLS) return [];
  const start = `the mask frees ${freePixels(mask, picture, region)} pixels`;
  const size = `${latent.width}×${latent.height}`;
  return cells === 0
    ? [`${start} and none of the model's ${size} cells: the model takes it for no mask, and everything may change`]
    : [`${start}, ${cells} of the model's ${size} cells: that is almost nothing`];
}

/** The pixels of a region that a small mask frees. */
function freePixels(mask, picture, region) {
  const [left, top, right, bottom] = mask.box(picture) ?? [0, 0, 0, 0];
  let count = 0;
  for (let y = Math.max(top, region.y); y < Math.min(bottom, region.y + region.height); y++) {
    for (let x = Math.max(left, region.x); x < Math.min(right, region.x + region.width); x++) {
      if (mask.contains(x, y)) count += 1;
    }
  }
  return count;
}
