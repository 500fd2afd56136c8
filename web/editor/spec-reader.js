// A spec's text as the document that the page edits, checked as `clipdragd check` checks it. Follows Sources/SpecParser.
//
// The document is a plain value that nothing changes in place:
//   image, source, edit, units, preset, method     text, or null where the spec says nothing
//   seed, priority                                  as written, or null
//   drags    [{from, to}], each [x, y] in the spec's units, or {rect | circle | polygon: …} of a region drag
//   mask     [{file} | {rect: [x, y, w, h]} | {circle: [x, y, r]} | {polygon: [[x, y], …]}]
//   region   null, "auto", "whole" or {rect: …}
//   settings {name: as written}, output {format, quality, metrics: as written, extras: […]}

const SPEC_KEYS = [
  "image", "prompt", "drags", "mask", "region", "units", "preset", "method", "seed", "priority", "settings", "output",
];

const OUTPUT_KEYS = ["format", "quality", "extras", "metrics"];

/** Where the keys of `settings` and `output` belong. */
const placesOfKeys = () => Object.fromEntries([
  ...OUTPUT_KEYS.map((key) => [key, "output"]), ...TABLES.groups.map(({ name }) => [name, "settings"]),
  ...TABLES.settings.filter(({ name }) => !name.includes(".")).map(({ name }) => [name, "settings"]),
]);

const EMPTY_SPEC = Object.freeze({
  image: null, source: null, edit: null, drags: [], mask: [], region: null, units: null, preset: null, method: null,
  seed: null, priority: null, settings: {}, output: {},
});

/** Reads a spec: {spec, marks}. Throws the SpecError of the first thing that is wrong. */
function readSpec(bytes, fileName = "spec.yaml") {
  const { root, source } = readSpecDocument(bytes, fileName);
  if (!root || isNull(root)) {
    throw new SpecError("spec.empty", "the spec is empty", 1, 1, "Write at least `drags:` or `prompt: {edit: …}`.");
  }
  return new SpecReader(source).spec(root);
}

function readSpecDocument(bytes, fileName) {
  try {
    return readDocument(bytes, fileName);
  } catch (error) {
    const isTooLarge = ["spec.too_large", "spec.alias_expansion"].includes(error.code);
    if (isTooLarge && beginsAsTrajectory(bytes)) refuseTrajectory({ line: 1, column: 1 });
    throw error;
  }
}

class SpecReader extends DocumentDecoder {
  spec(root) {
    this.refuseGluedColon(root);
    new DragForms(this.source).refuseOtherDocument(root);
    const entries = this.mapping(root, "a spec", SPEC_KEYS, placesOfKeys());
    const value = (key) => entries[key]?.value;
    const given = (key) => (value(key) && !isNull(value(key)) ? value(key) : null);
    const spec = { ...EMPTY_SPEC };
    this.marks = { drags: [], mask: [], settings: {} };
    if (value("image")) spec.image = this.fileName(value("image"), "`image`");
    if (value("prompt")) this.prompt(value("prompt"), spec);
    if (value("units")) {
      spec.units = this.word(value("units"), "`units`", TABLES.units, "spec.unknown_unit");
    }
    if (value("drags")) spec.drags = this.drags(value("drags"), spec.units === "relative");
    if (given("mask")) spec.mask = this.mask(given("mask"));
    if (given("region")) {
      this.marks.region = given("region").mark;
      spec.region = this.workingRegion(given("region"));
    }
    if (value("preset")) {
      spec.preset = this.word(value("preset"), "`preset`", TABLES.presets, "spec.unknown_preset");
    }
    if (value("method")) {
      spec.method = this.word(
        value("method"), "`method`", TABLES.methods.map(({ name }) => name), "spec.unknown_method");
    }
    if (value("seed")) spec.seed = this.seed(value("seed"));
    if (value("priority")) spec.priority = String(this.integer(value("priority"), "`priority`", [-1000, 1000]));
    if (given("settings")) spec.settings = this.settings(given("settings"));
    if (given("output")) spec.output = this.output(given("output"));
    if (!spec.drags.length && spec.edit === null) {
      this.fail(
        "spec.nothing_to_do", "there are neither drags nor an edit prompt", entries.drags?.keyMark ?? root.mark,
        "Write `drags:`, or `prompt: {edit: …}`, or both.");
    }
    return { spec, marks: this.marks };
  }

  refuseGluedColon(root) {
    if (root.kind !== "scalar" || !root.isPlain) return;
    const colon = root.text.indexOf(":");
    if (colon < 0 || !SPEC_KEYS.includes(root.text.slice(0, colon)) || OddCharacter.first(root.text)) return;
    const rest = root.text.slice(colon + 1).replace(/^\s+/u, "");
    this.wrongKind(root, "a spec", "a mapping", `Write a space behind the colon: ${root.text.slice(0, colon + 1)} ${rest}`);
  }

  seed(node) {
    if (node.kind === "scalar" && node.isPlain && node.text === "-1") {
      this.fail(
        "spec.range", "`seed` is -1, which is out of range", node.mark,
        "Write a value from 0 to 9223372036854775807. No value draws a seed by chance.");
    }
    return String(this.integer(node, "`seed`", [0, 9223372036854775807n]));
  }

  fileName(node, what) {
    const name = this.text(node, what);
    if (!name) this.fail("spec.type", `${what} is empty`, node.mark, "Write a file name.");
    if (name.includes("\0")) this.fail("spec.type", `${what} holds a null character`, node.mark, "Write a file name.");
    return name;
  }

  prompt(node, spec) {
    if (isNull(node)) return;
    if (node.kind !== "mapping") {
      spec.edit = this.words(node, "`prompt`");
      return;
    }
    const entries = this.mapping(node, "`prompt`", ["source", "edit"]);
    for (const key of ["source", "edit"]) {
      const value = entries[key]?.value;
      if (value && !isNull(value)) spec[key] = this.words(value, `\`prompt.${key}\``);
    }
  }

  words(node, what) {
    if (node.kind === "scalar" && node.isPlain) {
      const comment = this.source.commentCutting(node.text, node.mark);
      if (comment) {
        throw this.source.error(new Complaint(
          `${what} ends before \`${comment.words}\`, which YAML takes for a comment`, comment.index,
          `Quote the whole text: "${node.text} ${comment.words}". Before a comment write two spaces.`, "spec.unquoted"));
      }
    }
    const text = this.text(node, what);
    if (!/\S/u.test(text)) {
      this.fail(
        "spec.empty_prompt", `${what} is empty`, node.mark,
        "Describe the picture in a few words, or leave the key out.");
    }
    return text;
  }

  drags(node, isRelative) {
    const forms = new DragForms(this.source);
    const items = isNull(node) ? [] : forms.items(node);
    if (items.length > TABLES.dragsMax) {
      this.fail(
        "spec.too_many_drags", `there are ${items.length} drags`, items[TABLES.dragsMax].mark,
        `Write at most ${TABLES.dragsMax}.`);
    }
    return items.map((item) => {
      const entries = forms.ends(item);
      const ends = ["from", "to"].map((key) => this.dragEnd(entries[key]?.value, key, item, isRelative));
      const marks = { from: entries.from.value.mark, to: entries.to.value.mark };
      if (Array.isArray(ends[0]) !== Array.isArray(ends[1])) {
        this.fail(
          "spec.drag_kinds", "one end of the drag is a point and the other a region", item.mark,
          "Write two points or two regions, such as {from: {circle: [x, y, r]}, to: {circle: [x, y, r]}}.");
      }
      const [handle, target] = ends.map(endPoint);
      if (handle[0] === target[0] && handle[1] === target[1]) {
        this.fail(
          "spec.handle_on_target", "the handle lies on its target", marks.to,
          "Move `to` away from `from`, or remove the drag.");
      }
      this.marks.drags.push(marks);
      return { from: ends[0], to: ends[1] };
    });
  }

  /** A point, or a region whose middle lies in the picture. */
  dragEnd(node, key, item, isRelative) {
    if (!node) {
      this.fail("spec.missing_key", `a drag has no \`${key}\``, item.mark, `Write ${DRAG_FORM}.`);
    }
    const what = `\`${key}\``;
    if (isPointForm(node)) return this.point(node, what, isRelative);
    const shape = this.shape(node, what);
    const middle = endPoint(shape);
    if (middle.some((value) => value < 0 || value > (isRelative ? 1 : Infinity))) {
      const [x, y] = middle.map(plainNumber);
      this.fail(
        "spec.point_outside", `the middle of ${what} is at (${x}, ${y}), outside the picture`, node.mark,
        "Write a region whose middle lies in the picture.");
    }
    return shape;
  }

  point(node, what, isRelative) {
    const numbers = this.numbers(node, what, 2, "[x, y]");
    const beyond = isRelative ? numbers.find((n) => n < 0 || n > 1) : undefined;
    if (beyond !== undefined) {
      this.fail(
        "spec.point_outside", `${what} is at ${plainNumber(beyond)}, outside 0…1`, node.mark,
        "With `units: relative` write numbers from 0 to 1.");
    }
    const negative = numbers.find((n) => n < 0);
    if (negative !== undefined) {
      this.fail(
        "spec.point_outside", `${what} is at ${plainNumber(negative)}, outside the picture`, node.mark,
        "Write pixels from the top left corner, from 0.");
    }
    return numbers;
  }

  numbers(node, what, count, form) {
    if (node.kind !== "sequence") {
      const meant = numberList(meantNumbers(node), count);
      this.wrongKind(node, what, form, meant && `Write ${meant}.`);
    }
    if (node.items.length !== count) this.wrongCount(node, what, count, form);
    const meant = node.items[0].kind === "mapping" ? numberList(meantNumbers(node), count) : null;
    if (meant) this.fail("spec.type", `${what} must be ${form}, not a list of mappings`, node.mark, `Write ${meant}.`);
    return node.items.map((item) => this.number(item, `a number of ${what}`));
  }

  /** Throws the error of a list of too few or too many numbers. */
  wrongCount(node, what, count, form) {
    const { items } = node;
    for (const item of items) {
      if (item.kind === "scalar" && item.isPlain && OddCharacter.first(item.text)) {
        this.wrongKind(item, `a number of ${what}`, "a number");
      }
    }
    let hint = `Write ${form}.`;
    for (let i = 0; i + 1 < items.length; i++) {
      const [left, right] = [items[i], items[i + 1]];
      if (![left, right].every((item) => item.kind === "scalar" && item.isPlain)) continue;
      const number = this.decimalComma(left.text, left.mark, right.text, right.mark);
      if (number) {
        hint = `A comma separates numbers. Write a decimal point: ${number}.`;
        break;
      }
    }
    const meant = items.length === 1 ? numberList(meantNumbers(items[0]), count) : null;
    if (meant) hint = items[0].kind === "scalar" ? `Write a comma between numbers: ${meant}.` : `Write ${meant}.`;
    this.fail(
      "spec.type", `${what} must be ${form}, not a list of ${items.length} ${items.length === 1 ? "value" : "values"}`,
      node.mark, hint);
  }

  mask(node) {
    if (node.kind !== "sequence") {
      this.marks.mask.push(node.mark);
      return [this.maskRegion(node)];
    }
    const shape = bareShape(node.items);
    if (shape) {
      this.fail(
        "spec.type", "`mask` is a list of numbers, which names no shape", node.mark, `Write mask: ${shape}.`);
    }
    if (!node.items.length) {
      this.fail("spec.empty_mask", "`mask` is an empty list", node.mark, "Name a region, or leave `mask` out.");
    }
    return node.items.map((item) => {
      this.marks.mask.push(item.mark);
      return this.maskRegion(item);
    });
  }

  maskRegion(node) {
    if (node.kind === "mapping") return this.shape(node, "a region of `mask`");
    const isName = node.kind === "scalar" && !isNull(node)
      && (!node.isPlain || (!isPlainNumber(node.text) && !["true", "false"].includes(node.text.toLowerCase())));
    if (isName) return { file: this.fileName(node, "`mask`") };
    return this.wrongKind(
      node, "a region of `mask`", "a picture's name, {rect: …}, {circle: …} or {polygon: …}",
      "Write {rect: [x, y, width, height]}, {circle: [x, y, radius]} or {polygon: [[x, y], …]}.");
  }

  /** A rectangle, a circle or a polygon. */
  shape(node, what) {
    const entries = this.mapping(node, what, ["rect", "circle", "polygon"]);
    if (node.entries.length !== 1) {
      this.fail(
        "spec.mask_region", `a region has ${Object.keys(entries).length} shapes`, node.mark,
        "Write one shape a region; a list joins several.");
    }
    const [{ key, value }] = node.entries;
    const refuseEmpty = () => {
      this.fail("spec.mask_region", `\`${key}\` has no area`, value.mark, "Write sizes above 0.");
    };
    if (key === "rect") {
      const rect = this.numbers(value, "`rect`", 4, "[x, y, width, height]");
      if (rect[2] <= 0 || rect[3] <= 0) refuseEmpty();
      return { rect };
    }
    if (key === "circle") {
      const circle = this.numbers(value, "`circle`", 3, "[x, y, radius]");
      if (circle[2] <= 0) refuseEmpty();
      return { circle };
    }
    const numbers = meantNumbers(value);
    const isFlat = value.kind !== "sequence" || value.items.every((item) => item.kind === "scalar");
    if (numbers?.length >= 6 && numbers.length % 2 === 0 && isFlat) {
      const kind = value.kind === "sequence" ? "a list of numbers" : kindInWords(value);
      this.fail(
        "spec.type", `\`polygon\` must be a list of [x, y], not ${kind}`, value.mark,
        `Write [[${numbers[0]}, ${numbers[1]}], …].`);
    }
    const items = this.list(value, "`polygon`");
    if (items.length < 3 || items.length > 10000) {
      this.fail(
        "spec.mask_region", `\`polygon\` has ${items.length} corners`, value.mark, "Write at least 3: [[x, y], …].");
    }
    return { polygon: items.map((item) => this.numbers(item, "a corner", 2, "[x, y]")) };
  }

  workingRegion(node) {
    if (node.kind !== "mapping") {
      const rectangle = numberList(meantNumbers(node), 4);
      if (rectangle) this.wrongKind(node, "`region`", "auto, whole or {rect: …}", `Write {rect: ${rectangle}}.`);
      return this.word(node, "`region`", ["auto", "whole"]);
    }
    const value = this.mapping(node, "`region`", ["rect"]).rect?.value;
    if (!value) {
      this.fail(
        "spec.missing_key", "`region` has no `rect`", node.mark, "Write auto, whole, or {rect: [x, y, width, height]}.");
    }
    const rect = this.numbers(value, "`rect`", 4, "[x, y, width, height]");
    if (rect[2] <= 0 || rect[3] <= 0) {
      this.fail("spec.region", "`rect` has no extent", value.mark, "Write sizes above 0.");
    }
    return { rect };
  }

  settings(node) {
    const ungrouped = TABLES.settings.filter(({ name }) => !name.includes("."));
    const groups = TABLES.groups.map(({ name }) => name);
    const entries = this.mapping(node, "`settings`", [...ungrouped.map(({ name }) => name), ...groups],
      Object.fromEntries(SPEC_KEYS.map((key) => [key, ""])));
    const found = {};
    const read = (setting, entry) => {
      if (!entry) return;
      this.setting(entry.value, setting);
      found[setting.name] = isNull(entry.value) ? "null" : entry.value.text;
      this.marks.settings[setting.name] = entry.value.mark;
    };
    for (const setting of ungrouped) read(setting, entries[setting.name]);
    for (const group of groups) {
      if (!entries[group]) continue;
      const members = TABLES.settings.filter(({ name }) => name.startsWith(`${group}.`));
      const keys = members.map(({ name }) => name.slice(group.length + 1));
      const inner = this.mapping(entries[group].value, `\`${group}\``, keys);
      members.forEach((setting, i) => read(setting, inner[keys[i]]));
    }
    return found;
  }

  setting(node, { name, kind, range, words, isOptional }) {
    if (isOptional && isNull(node)) return;
    const what = `\`${name}\``;
    if (kind === "integer") this.integer(node, what, range);
    else if (kind === "number") this.number(node, what, range);
    else if (kind === "word") this.word(node, what, words);
    else if (kind === "flag") this.flag(node, what);
    else this.duration(node, what);
  }

  output(node) {
    const entries = this.mapping(node, "`output`", OUTPUT_KEYS);
    const value = (key) => entries[key]?.value;
    const output = {};
    if (value("format")) {
      output.format = this.word(value("format"), "`format`", TABLES.formats, "spec.unknown_format");
    }
    if (value("quality")) output.quality = String(this.integer(value("quality"), "`quality`", TABLES.qualities));
    if (value("extras") && !isNull(value("extras"))) {
      const extras = this.list(value("extras"), "`extras`")
        .map((item) => this.word(item, "an extra", TABLES.extras, "spec.unknown_extra"));
      output.extras = [...new Set(extras)];
    }
    if (value("metrics")) output.metrics = this.word(value("metrics"), "`metrics`", TABLES.metrics);
    return output;
  }
}

/** The shape that a list of numbers or points was meant as; null for other lists. */
function bareShape(items) {
  const numbers = (list) => {
    const texts = list.filter((i) => i.kind === "scalar" && i.isPlain && isPlainNumber(i.text)).map((i) => i.text);
    return texts.length === list.length ? `[${texts.join(", ")}]` : null;
  };
  const list = numbers(items);
  if (list && items.length) {
    if (items.length === 3) return `{circle: ${list}}`;
    return items.length === 4 ? `{rect: ${list}}` : "{rect: [x, y, width, height]}";
  }
  const corners = items.map((i) => (i.kind === "sequence" && i.items.length === 2 ? numbers(i.items) : null));
  if (!corners.length || corners.includes(null)) return null;
  return corners.length === 1 ? "{circle: [x, y, radius]}" : `{polygon: [${corners[0]}, …]}`;
}

/** Checks what needs the picture: that points and masks lie in it. */
function validateSpec({ spec, marks }, width, height) {
  const fail = (code, message, mark, hint) => { throw new SpecError(code, message, mark.line, mark.column, hint); };
  const isRelative = spec.units === "relative";
  spec.drags.forEach((drag, i) => {
    for (const name of ["from", "to"]) {
      const point = endPoint(drag[name]);
      if (isRelative || (point[0] < width && point[1] < height)) continue;
      const what = Array.isArray(drag[name]) ? `\`${name}\`` : `the middle of \`${name}\``;
      const [x, y] = point.map(plainNumber);
      const isExchanged = point[1] < width && point[0] < height;
      fail(
        "spec.point_outside", `${what} is at (${x}, ${y}), outside the picture of ${width}×${height} pixels`,
        marks.drags[i][name],
        `Write x from 0 to ${width - 1} and y from 0 to ${height - 1}.`
          + (isExchanged ? ` x comes first: [${y}, ${x}] lies in the picture.` : ""));
    }
  });
  const scale = isRelative ? [width, height] : [1, 1];
  spec.mask.forEach((region, i) => {
    if (touchesPicture(region, scale, width, height)) return;
    fail(
      "spec.mask_outside", `this region of the mask lies outside the picture of ${width}×${height} pixels`,
      marks.mask[i], "Write regions in the picture's pixels.");
  });
}

function touchesPicture(region, [sx, sy], width, height) {
  if (region.rect) {
    const [x, y, w, h] = region.rect;
    return x * sx < width && y * sy < height && x + w > 0 && y + h > 0;
  }
  if (region.circle) {
    const [x, y, r] = region.circle;
    return (x - r) * sx < width && (y - r) * sy < height && x + r > 0 && y + r > 0;
  }
  if (!region.polygon) return true;
  const [xs, ys] = [0, 1].map((i) => region.polygon.map((corner) => corner[i]));
  return Math.min(...xs) * sx < width && Math.min(...ys) * sy < height && Math.max(...xs) > 0 && Math.max(...ys) > 0;
}
