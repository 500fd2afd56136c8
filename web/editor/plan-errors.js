// What `clipdragd check` refuses of a spec that is good by itself: settings, drags, mask, method and region that do not go
// together. Follows Sources/Daemon/EditJobs/JobPlan.swift and MaskFile.swift, and Sources/SpecParser/SpecValidation.swift.

/** The SpecError of settings that leave the inversion no step; null where they leave one. */
function stepError({ marks }, setting) {
  const [strength, steps] = ["inversion_strength", "num_steps"].map((name) => swiftNumber(setting(name)));
  if (roundedToEven(strength * steps) >= 1) return null;
  const mark = marks.settings.inversion_strength ?? marks.settings.num_steps ?? { line: 1, column: 1 };
  return new SpecError(
    "spec.range", `inversion_strength ${plainNumber(strength)} of ${steps} steps leaves no step`, mark.line, mark.column,
    "Raise one of the two.");
}

/** The first SpecError of what needs the picture; null without one. `mask` is its MaskView, `setting` reads a setting's text. */
function planError({ spec, marks }, picture, mask, setting) {
  return emptyRegionError(spec, marks, picture) ?? maskError(spec, marks, picture, mask) ?? methodError(spec, mask, setting)
    ?? workingRegionError(spec, marks, picture);
}

function emptyRegionError(spec, marks, picture) {
  const units = new Units(spec, picture);
  for (const [i, drag] of spec.drags.entries()) {
    for (const end of ["from", "to"]) {
      if (Array.isArray(drag[end]) || coversPixels(units.shape(drag[end]), picture)) continue;
      const { line, column } = marks.drags[i][end];
      return new SpecError("spec.empty_region", "the region covers the middle of no pixel", line, column, "Make it larger.");
    }
  }
  return null;
}

function maskError(spec, marks, picture, mask) {
  const blank = spec.mask.findIndex((_, i) => mask.filesByRegion[i]?.isEmpty);
  if (blank >= 0) {
    const { line, column } = marks.mask[blank];
    return new SpecError(
      "spec.empty_mask", `the mask ${spec.mask[blank].file} is black everywhere: its largest value is 0 of 255`, line, column,
      "White may change: paint that part with 128 or more. Without `mask` all may change.");
  }
  const covers = !mask.isGiven || mask.files.length > 0 || mask.shapes.some((shape) => coversPixels(shape, picture));
  if (covers) return null;
  const { line, column } = marks.mask[0];
  return new SpecError(
    "spec.empty_mask", "the mask covers the middle of no pixel", line, column, "Make it larger. Without `mask` all may change.");
}

/** What the method lacks. The table has the program's answer for every combination of what a spec gives. */
function methodError(spec, mask, setting) {
  const given = {
    drags: spec.drags.length > 0, mask: mask.isGiven, regions: spec.drags.every(({ from }) => !Array.isArray(from)),
    text: spec.edit !== null, autoMask: setting("auto_mask") === "true",
  };
  const refusals = methodNamed(spec.method).refusals ?? [];
  const refusal = refusals.find(({ given: cases }) => cases.some((one) => TABLES.givens.every((name) => (
    one.includes(name) === given[name]))));
  return refusal ? new SpecError(refusal.code, refusal.message, null, null, refusal.hint) : null;
}

function workingRegionError(spec, marks, picture) {
  if (!spec.region?.rect) return null;
  const units = new Units(spec, picture);
  const region = clippedRegion(units.shape(spec.region).rect, picture);
  if (region.width < 32 || region.height < 32) {
    const { line, column } = marks.region;
    return new SpecError(
      "spec.region",
      `the region has ${Math.max(0, region.width)}×${Math.max(0, region.height)} pixels inside the picture of `
        + `${picture.width}×${picture.height}`,
      line, column, "Give it at least 32 pixels on each side.");
  }
  for (const [i, drag] of spec.drags.entries()) {
    for (const end of ["from", "to"]) {
      const [x, y] = units.point(endPoint(drag[end]));
      const isInside = x >= region.x && y >= region.y && x < region.x + region.width && y < region.y + region.height;
      if (isInside) continue;
      const { line, column } = marks.drags[i][end];
      return new SpecError(
        "spec.region",
        `this point lies outside the region ${region.width}×${region.height} at (${region.x}, ${region.y})`, line, column,
        "Enlarge `region`, or write `region: auto`.");
    }
  }
  return null;
}

/** Whether a shape holds the middle of a pixel of the picture. */
function coversPixels(shape, { width, height }) {
  const [left, top, right, bottom] = shapeBounds(shape);
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(height, Math.ceil(bottom)); y++) {
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(width, Math.ceil(right)); x++) {
      if (shapeContains(shape, x, y)) return true;
    }
  }
  return false;
}
