// Drags and points in forms that people write and a spec does not take. Follows Sources/SpecParser/DragForms.swift and
// OtherDocument.swift.

const DRAG_FORM = "{from: [x, y], to: [x, y]}";
const NUMBER_NAMES = [
  { x: 0, y: 1, w: 2, width: 2, r: 2, radius: 2, h: 3, height: 3 },
  { x1: 0, y1: 1, x2: 2, y2: 3 },
];
const HANDLE_NAMES = [
  "handle", "handle_point", "start", "start_point", "source", "src", "begin", "origin", "old", "p1", "a",
];
const TARGET_NAMES = [
  "target", "target_point", "end", "end_point", "destination", "dest", "dst", "goal", "stop", "new", "p2", "b",
];

/** The numbers of a value that holds nothing else, as their author wrote them; null where their order is not certain. */
function meantNumbers(node) {
  if (node.kind === "scalar") return numbersInText(node.text);
  if (node.kind === "mapping") return namedNumbers(node.entries);
  // `[x: 84, y: 22]` is a list of two mappings.
  const isPairs = node.items.every((item) => item.kind === "mapping" && item.entries.length === 1);
  if (isPairs && node.items.length) return namedNumbers(node.items.map(({ entries }) => entries[0]));
  const parts = node.items.map(meantNumbers);
  return parts.length && !parts.includes(null) ? parts.flat() : null;
}

function namedNumbers(entries) {
  if (!entries.length) return null;
  // `{84, 22}` has numbers for keys.
  if (entries.every(({ key, value }) => isPlainNumber(key) && isNull(value))) return entries.map(({ key }) => key);
  for (const places of NUMBER_NAMES) {
    const texts = [];
    for (const { key, value } of entries) {
      const name = key.toLowerCase();
      const numbers = Object.hasOwn(places, name) ? meantNumbers(value) : null;
      if (numbers?.length !== 1) break;
      texts[places[name]] = numbers[0];
    }
    if (texts.length === entries.length && Object.keys(texts).length === entries.length) return texts;
  }
  return null;
}

/** The numbers of a text such as `84 22`, `(84, 22)`, `84px, 22px`, `x=84 y=22` and `84,22 -> 90,30`. */
function numbersInText(text) {
  const words = text.replaceAll("->", " ").split(/[ \t\n,;:()[\]{}<>/|=]+/).filter((word) => word).map((word) => word.toLowerCase());
  const names = words.filter((word) => word === "x" || word === "y");
  const numbers = words.filter((word) => !["x", "y", "px", "-", "to", "\u2192"].includes(word))
    .map((word) => (word.endsWith("px") ? word.slice(0, -2) : word));
  const isOrdered = names.every((name, i) => name === "xy"[i % 2]);
  return numbers.length && numbers.every(isPlainNumber) && isOrdered && names.length <= numbers.length ? numbers : null;
}

/** Numbers as one list, where there are `count` of them; else null. */
const numberList = (numbers, count) => (numbers?.length === count ? `[${numbers.join(", ")}]` : null);

/** Numbers as drags, four a drag: the first one, and an ellipsis for more; null where they are no whole points. */
function numbersAsDrags(numbers) {
  if (!numbers || numbers.length < 2 || numbers.length % 2) return null;
  const to = numbers.length > 2 ? `[${numbers[2]}, ${numbers[3]}]` : "[x, y]";
  return `{from: [${numbers[0]}, ${numbers[1]}], to: ${to}}${numbers.length > 4 ? ", …" : ""}`;
}

const numbersAsDrag = (numbers) => (numbers?.length === 4 ? numbersAsDrags(numbers) : null);

/** The drag that a mapping with any names for its ends holds, as far as these are points. */
function dragOfEntries(entries) {
  const [from, to] = [["from", ...HANDLE_NAMES], ["to", ...TARGET_NAMES]].map((names) => {
    const entry = entries.find(({ key }) => names.includes(key.toLowerCase()));
    return (entry && numberList(meantNumbers(entry.value), 2)) ?? "[x, y]";
  });
  return `{from: ${from}, to: ${to}}`;
}

/** Whether a node at a drag's end is a point, in any form, and not a region. */
const isPointForm = (node) => node.kind !== "mapping"
  || node.entries.some(({ key }) => ["x", "y"].includes(key.toLowerCase()) || isPlainNumber(key));

class DragForms extends DocumentDecoder {
  /** The items of `drags`. */
  items(node) {
    if (node.kind !== "sequence") this.wrongKind(node, "`drags`", `a list of ${DRAG_FORM}`, this.meantDrags(node));
    const isPlain = (item) => item.kind === "scalar" && isPlainNumber(item.text);
    const { items } = node;
    const isNumbers = items.every(isPlain);
    const isPoints = items.every((item) => item.kind === "sequence" && item.items.length === 2 && item.items.every(isPlain));
    if (items.length && (isNumbers || isPoints)) {
      this.fail(
        "spec.type", `\`drags\` is a list of ${isNumbers ? "numbers" : "points"}, which does not say what goes where`,
        node.mark, `Write drags: [${numbersAsDrags(meantNumbers(node)) ?? DRAG_FORM}].`);
    }
    items.slice(1).forEach((next, i) => {
      const isAlone = (item, key) => item.kind === "mapping" && item.entries.length === 1 && item.entries[0].key === key;
      if (!isAlone(items[i], "from") || !isAlone(next, "to")) return;
      this.fail(
        "spec.missing_key", "this item of `drags` has `to` alone, and the item before it `from`", next.mark,
        "Remove the `- ` before `to`: one drag is one item.");
    });
    return items;
  }

  meantDrags(node) {
    const drags = numbersAsDrags(meantNumbers(node));
    if (drags) return `Write drags: [${drags}].`;
    return node.kind === "mapping" ? `Put each drag into a list: drags: [${dragOfEntries(node.entries)}].` : null;
  }

  /** The ends of a drag by their keys. */
  ends(item) {
    const drag = numbersAsDrag(meantNumbers(item));
    if (item.kind !== "mapping" || drag) this.wrongKind(item, "a drag", DRAG_FORM, drag && `Write ${drag}.`);
    this.refuseCutPoint(item.entries);
    for (const { key, keyMark } of item.entries) {
      const isHandle = HANDLE_NAMES.includes(key.toLowerCase());
      if (!isHandle && !TARGET_NAMES.includes(key.toLowerCase())) continue;
      this.fail(
        "spec.unknown_key",
        `a drag has no key \`${key}\`: its ${isHandle ? "handle" : "target"} is \`${isHandle ? "from" : "to"}\``, keyMark,
        `Write ${dragOfEntries(item.entries)}.`);
    }
    return this.mapping(item, "a drag", ["from", "to"], Object.fromEntries(SPEC_KEYS.map((key) => [key, ""])));
  }

  /** Refuses `{from: (84, 22), …}`: a comma between brackets ends a value, so the second number is a key without a value. */
  refuseCutPoint(entries) {
    entries.slice(1).forEach((rest, i) => {
      const { key, value } = entries[i];
      if (value.kind !== "scalar" || !value.isPlain || !isNull(rest.value) || value.mark.line !== rest.keyMark.line) return;
      const text = `${value.text}, ${rest.key}`;
      const point = numberList(numbersInText(text), 2);
      if (point) this.fail("spec.type", `\`${key}\` must be [x, y], not \`${text}\``, value.mark, `Write ${key}: ${point}.`);
    });
  }

  /** Refuses what is YAML or JSON but another thing than a spec. */
  refuseOtherDocument(root) {
    if (root.kind === "sequence") {
      const isDrags = root.items.some((item) => (
        item.kind === "mapping" ? item.entries.some(({ key }) => key === "from" || key === "to")
          : numbersAsDrag(meantNumbers(item)) !== null));
      if (!isDrags) return;
      this.fail(
        "spec.type", "a spec must be a mapping, not a list of drags", root.mark,
        `Write \`drags:\` before the list: drags: [${DRAG_FORM}, …].`);
    }
    if (root.kind === "scalar" && root.isPlain) {
      const drag = numbersAsDrag(meantNumbers(root));
      const key = /^[^= ]*/.exec(root.text)[0];
      const isAssigned = SPEC_KEYS.includes(key) && /^ *=/.test(root.text.slice(key.length));
      const hint = isAssigned ? `Write a colon in place of \`=\`: ${key}: …` : drag && `Write drags: [${drag}].`;
      if (hint) this.wrongKind(root, "a spec", "a mapping", hint);
    }
    for (const { key, keyMark, value } of root.kind === "mapping" ? root.entries : []) {
      if (key === "schema" && value.kind === "scalar" && value.text.startsWith("clipdrag-")) {
        if (value.text.startsWith(TRAJECTORY_SCHEMA)) refuseTrajectory(keyMark);
        this.fail(
          "spec.unknown_key", `this is a record of clipdragd (${value.text}), not a spec`, keyMark,
          "Write a spec, with `drags:` or `prompt: {edit: …}`.");
      }
      if (["inbox", "inboxes", "outbox"].includes(key)) {
        this.fail(
          "spec.unknown_key", `a spec has no key \`${key}\`, which belongs into a configuration`, keyMark,
          "Give a configuration to `clipdragd run --config FILE`. Write a spec with `drags:` or `prompt:`.");
      }
    }
  }
}

const TRAJECTORY_SCHEMA = "clipdrag-trajectory/";

function refuseTrajectory({ line, column }) {
  throw new SpecError(
    "spec.unknown_key", "this is the trajectory of an edit, not a spec", line, column,
    "The spec of that edit is the spec.yaml beside it. The editor page makes one of a trajectory, too.");
}

/** Whether a file begins as a trajectory, which may be too large to be read as a spec. */
function beginsAsTrajectory(bytes) {
  const start = new TextDecoder().decode(bytes.subarray(0, 200)).replace(/[ \t\r\n]/g, "");
  return start.startsWith(`{"schema":"${TRAJECTORY_SCHEMA}`);
}
