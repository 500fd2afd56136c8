// YAML and JSON as nodes with places. libyaml, the daemon's own library, reads the YAML: it is built into this page.
// A node is {kind: "scalar" | "sequence" | "mapping", mark}, with text and isPlain, items, or entries of {key, keyMark, value}.

const YAML_LIMITS = { bytes: 1 << 20, depth: 64, values: 20000 };
const NULL_WORDS = ["", "~", "null", "Null", "NULL"];

const isNull = (node) => node.kind === "scalar" && node.isPlain && NULL_WORDS.includes(node.text);

/** What a node is, in a message's words. */
function kindInWords(node) {
  if (node.kind === "sequence") return "a list";
  if (node.kind === "mapping") return "a mapping";
  if (!node.isPlain) return "text";
  if (isNull(node)) return "nothing";
  if (["true", "false"].includes(node.text.toLowerCase())) return "true or false";
  return swiftNumber(node.text) !== null ? "a number" : "text";
}

/** libyaml in WebAssembly. */
class LibYAML {
  static async load(base64) {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const { instance } = await WebAssembly.instantiate(bytes, {});
    LibYAML.exports = instance.exports;
  }

  constructor(text) {
    const bytes = new TextEncoder().encode(text);
    const at = LibYAML.exports.begin(bytes.length);
    new Uint8Array(LibYAML.exports.memory.buffer).set(bytes, at);
    LibYAML.exports.start();
  }

  string(at, length) {
    const memory = new Uint8Array(LibYAML.exports.memory.buffer);
    const end = length === undefined ? memory.indexOf(0, at) : at + length;
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(memory.slice(at, end));
  }

  /** The next event, or what libyaml says against the text. */
  next() {
    const good = LibYAML.exports.next() === 1;
    const words = new Int32Array(LibYAML.exports.memory.buffer, LibYAML.exports.found(), 11);
    const [type, start, end, text, length, isPlain, anchor, problem, problemIndex, context, contextIndex] = words;
    if (!good) {
      return {
        problem: problem ? this.string(problem) : "the text is not YAML", index: problemIndex,
        context: context ? this.string(context) : "", contextIndex: context ? contextIndex : null,
      };
    }
    return {
      type: LibYAML.types[type], start, end, isPlain: isPlain === 1,
      text: type === 6 ? this.string(text, length) : "", anchor: anchor ? this.string(anchor) : null,
    };
  }
}

LibYAML.types = [
  "none", "streamStart", "streamEnd", "documentStart", "documentEnd", "alias", "scalar", "sequenceStart", "end",
  "mappingStart", "end",
];

/** Reads one document; its value is null where the text holds none. Throws a SpecError. */
function readDocument(bytes, fileName = "spec.yaml") {
  const foreign = foreignFile(bytes);
  if (bytes.length > YAML_LIMITS.bytes && !foreign) {
    throw new SpecError(
      "spec.too_large", `the file has ${bytes.length} bytes`, 1, 1, "At most 1 MiB is read.");
  }
  let text;
  try {
    text = documentText(bytes);
  } catch (complaint) {
    throw new SourceText(new TextDecoder().decode(bytes)).error(complaint);
  }
  const source = new SourceText(text);
  const json = readJSON(source);
  if (json.refused) throw source.error(json.refused);
  if (!json.notJSON) return { root: json.root, source };
  try {
    const unfit = characterUnfitForYAML(source);
    if (unfit) throw source.error(unfit);
    return { root: new YAMLReader(source, text).document(), source };
  } catch (error) {
    throw error.code === "spec.syntax" && fileName.toLowerCase().endsWith(".json") ? source.error(json.notJSON) : error;
  }
}

class YAMLReader {
  constructor(source, text) {
    Object.assign(this, {
      source, parser: new LibYAML(text), anchors: new Map(), unusedAnchors: [], values: 0, read: 0,
    });
  }

  fail(code, message, mark, hint) { throw new SpecError(code, message, mark.line, mark.column, hint); }

  document() {
    let root = null;
    for (;;) {
      const event = this.next();
      if (event.type === "streamEnd") {
        if (this.unusedAnchors.length) {
          throw this.source.error(takenFor("an anchor", this.unusedAnchors[0].index, this.source));
        }
        return root;
      }
      if (event.type === "documentStart") {
        if (root) {
          this.fail(
            "spec.several_documents", "a second document begins here", event.mark,
            "Write one document per file; remove `---`.");
        }
      } else if (["alias", "scalar", "sequenceStart", "mappingStart"].includes(event.type)) {
        root = this.node(event, 0);
      }
    }
  }

  node(event, depth) {
    const { mark } = event;
    if (depth >= YAML_LIMITS.depth) {
      this.fail("spec.too_deep", "values are nested too deeply", mark, "A spec needs five levels at most.");
    }
    this.count(1, mark);
    if (event.type === "scalar") {
      return this.remember({ kind: "scalar", text: event.text, isPlain: event.isPlain, mark }, event.anchor);
    }
    if (event.type === "sequenceStart") {
      const items = [];
      for (let item = this.next(); item.type !== "end"; item = this.next()) items.push(this.node(item, depth + 1));
      return this.remember({ kind: "sequence", items, mark }, event.anchor);
    }
    if (event.type === "mappingStart") {
      return this.remember({ kind: "mapping", entries: this.entries(depth), mark }, event.anchor);
    }
    if (event.type !== "alias") {
      this.fail("spec.syntax", "a value is missing here", mark, "Complete the line.");
    }
    const value = this.anchors.get(event.anchor);
    if (!value) {
      this.fail(
        "spec.alias", `the alias \`*${event.anchor}\` refers to nothing, or to itself`, mark,
        "Write the value itself. Quote a text that begins with `*`.");
    }
    this.unusedAnchors = this.unusedAnchors.filter(({ name }) => name !== event.anchor);
    this.count(sizeOfNode(value), mark);
    return value;
  }

  entries(depth) {
    const entries = [];
    const lines = new Map();
    for (;;) {
      const key = this.next();
      if (key.type === "end") return entries;
      if (key.type !== "scalar") this.fail("spec.key_kind", "a key must be a word", key.mark, "Write `key: value`.");
      if (key.text === "<<") {
        this.fail(
          "spec.unknown_key", "`<<` is a merge key of YAML, which specs do not have", key.mark,
          "Write the keys and values out.");
      }
      if (lines.has(key.text) && !isPlainNumber(key.text.replace(/[()<>]/g, ""))) {
        this.fail(
          "spec.duplicate_key", `\`${key.text}\` is given twice; first on line ${lines.get(key.text)}`, key.mark,
          "Keep one of the two.");
      }
      lines.set(key.text, key.mark.line);
      const value = this.next();
      entries.push({ key: key.text, keyMark: key.mark, value: this.node(value, depth + 1) });
    }
  }

  remember(node, anchor) {
    if (anchor !== null) this.anchors.set(anchor, node);
    return node;
  }

  count(more, mark) {
    this.values += more;
    if (this.values > YAML_LIMITS.values) {
      this.fail(
        "spec.alias_expansion", `the file grows to more than ${YAML_LIMITS.values} values`, mark,
        "Write fewer aliases.");
    }
  }

  next() {
    const event = this.parser.next();
    if (event.problem !== undefined) throw this.source.error(new YAMLSyntax(this.source, event).complaint);
    this.refuseGluedComment(event.start);
    this.read = Math.max(this.read, event.end);
    event.mark = this.source.mark(event.start);
    if (["scalar", "sequenceStart", "mappingStart"].includes(event.type)) this.noteAnchor(event);
    return event;
  }

  /** Notes the anchor of a node until an alias uses it, and refuses a tag. */
  noteAnchor({ anchor, start }) {
    const { source } = this;
    let i = start;
    if (source.at(i) === "&") {
      i += Array.from(wordAt(i, source)).length;
      while (source.isBlank(i) || (source.at(i) !== undefined && source.isLineEnd(i))) i++;
    }
    if (source.at(i) === "!") throw source.error(takenFor("a tag", i, source));
    if (anchor !== null && source.at(start) === "&") this.unusedAnchors.push({ name: anchor, index: start });
  }

  /** Refuses a comment that begins right behind a quote, a bracket or a comma. */
  refuseGluedComment(end) {
    const { source } = this;
    let i = this.read;
    while (i < end) {
      if (source.at(i) !== "#") {
        i++;
        continue;
      }
      if (i > 0 && !source.isBlank(i - 1) && !source.isLineEnd(i - 1)) {
        throw source.error(new Complaint(
          `YAML takes \`${source.slice(i, source.lineAt(i).end)}\` for a comment`, i,
          "Put the whole text between quotes, or a blank before the comment.", "spec.unquoted"));
      }
      i = source.lineAt(i).end;
    }
  }
}

function sizeOfNode(node) {
  if (node.kind === "sequence") return node.items.reduce((sum, item) => sum + sizeOfNode(item), 1);
  if (node.kind === "mapping") return node.entries.reduce((sum, entry) => sum + 1 + sizeOfNode(entry.value), 1);
  return 1;
}
