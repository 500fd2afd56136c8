// What is JSON (RFC 8259) is read as JSON, with the places of its values; YAML would refuse some of it.

/** {root}, {notJSON: Complaint} where the text may be YAML, or {refused: Complaint}. */
function readJSON(text) {
  try {
    return { root: new JSONReader(text).document() };
  } catch (problem) {
    if (problem instanceof NotJSON) return { notJSON: problem.complaint };
    if (problem instanceof Complaint) return { refused: problem };
    throw problem;
  }
}

class NotJSON extends Error {
  constructor(message, index, hint) {
    super(message);
    this.complaint = new Complaint(`this is not JSON: ${message}`, index, hint);
  }
}

class JSONReader {
  constructor(text) { Object.assign(this, { text, index: 0, values: 0, openings: [] }); }

  get character() { return this.text.at(this.index); }

  document() {
    this.refuseComments(true);
    this.skipSpace();
    const root = this.value();
    this.skipSpace();
    if (this.index < this.text.length) this.unexpected("the end of the text", "Remove what stands behind the value.");
    return root;
  }

  skipSpace() { while (this.character !== undefined && " \t\n\r".includes(this.character)) this.index++; }

  value() {
    const { text } = this;
    const start = this.index;
    if (this.openings.length >= YAML_LIMITS.depth) {
      throw new Complaint(
        "values are nested too deeply", start, "A spec needs five levels at most.", "spec.too_deep");
    }
    if (++this.values > YAML_LIMITS.values) {
      throw new Complaint(
        `the file has more than ${YAML_LIMITS.values} values`, start, "Write fewer.", "spec.alias_expansion");
    }
    const mark = text.mark(start);
    if (this.character === "{") return { kind: "mapping", entries: this.members(), mark };
    if (this.character === "[") return { kind: "sequence", items: this.items(), mark };
    if (this.character === '"') return { kind: "scalar", text: this.string(), isPlain: false, mark };
    const rest = text.slice(start, start + 400);
    const word = /^(true|false|null|-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?)/.exec(rest)?.[0];
    // `01` and `1.` are no numbers of JSON.
    if (!word || /^[-0-9]/.test(word) && /^([0-9]|\.(?![0-9])|[eE])/.test(rest.slice(word.length))) {
      this.unexpected("a value", "Write a value.");
    }
    this.index += word.length;
    return { kind: "scalar", text: word, isPlain: true, mark };
  }

  items() {
    const items = [];
    this.open();
    if (this.close("]")) return items;
    for (;;) {
      items.push(this.value());
      this.skipSpace();
      if (this.close("]")) return items;
      this.comma("]");
    }
  }

  members() {
    const entries = [];
    const lines = new Map();
    this.open();
    if (this.close("}")) return entries;
    for (;;) {
      const start = this.index;
      if (this.character !== '"') this.unexpected("a key in double quotes", 'Write "key": value.');
      const keyMark = this.text.mark(start);
      const key = this.string();
      if (lines.has(key)) {
        throw new Complaint(
          `\`${key}\` is given twice; first on line ${lines.get(key)}`, start, "Keep one of the two.",
          "spec.duplicate_key");
      }
      lines.set(key, keyMark.line);
      this.skipSpace();
      if (this.character !== ":") this.unexpected("`:`", 'Write "key": value.');
      this.index++;
      this.skipSpace();
      entries.push({ key, keyMark, value: this.value() });
      this.skipSpace();
      if (this.close("}")) return entries;
      this.comma("}");
    }
  }

  open() {
    this.openings.push(this.index++);
    this.skipSpace();
  }

  close(bracket) {
    if (this.character !== bracket) return false;
    this.openings.pop();
    this.index++;
    return true;
  }

  comma(bracket) {
    if (this.character !== ",") this.unexpected(`\`,\` or \`${bracket}\``, "Write `,` between values.");
    const comma = this.index++;
    this.skipSpace();
    if (this.character === bracket) {
      throw new NotJSON(`a comma stands before \`${bracket}\``, comma, "Remove the comma.");
    }
  }

  string() {
    const start = this.index++;
    let string = "";
    for (let c = this.character; c !== undefined && c !== '"'; c = this.character) {
      if (c.codePointAt(0) < 0x20) {
        const number = hexadecimal(c.codePointAt(0), 4);
        throw this.text.isLineEnd(this.index)
          ? new NotJSON(
            "the quote that begins here is not closed on its line", start,
            "Write `\"` behind the text; a line break in it is \\n.")
          : new NotJSON(`the control character U+${number} stands in a string`, this.index, `Write \\u${number}.`);
      }
      if (c === "\\") string += this.escaped();
      else {
        string += c;
        this.index++;
      }
    }
    if (this.character !== '"') {
      throw new NotJSON("the quote that begins here is not closed", start, 'Write `"` behind the text.');
    }
    this.index++;
    return string;
  }

  escaped() {
    const start = this.index;
    const simple = { '"': '"', "\\": "\\", "/": "/", b: "\b", f: "\f", n: "\n", r: "\r", t: "\t" };
    const character = simple[this.text.at(start + 1)];
    if (character !== undefined) {
      this.index += 2;
      return character;
    }
    const unit = this.codeUnit(start);
    if (unit === null) {
      throw new NotJSON(
        `\`${this.text.slice(start, start + 2)}\` is no escape`, start, "Write \\\\ for a backslash.");
    }
    this.index += 6;
    if (unit < 0xd800 || unit > 0xdfff) return String.fromCharCode(unit);
    const low = unit < 0xdc00 ? this.codeUnit(this.index) : null;
    if (low !== null && low >= 0xdc00 && low <= 0xdfff) {
      this.index += 6;
      return String.fromCharCode(unit, low);
    }
    throw new Complaint(
      `\`${this.text.slice(start, start + 6)}\` is half of a character`, start,
      "Write both halves, such as \\ud83d\\ude22, or the character itself.");
  }

  codeUnit(index) {
    const match = /^\\u([0-9a-fA-F]{4})$/.exec(this.text.slice(index, index + 6));
    return match ? parseInt(match[1], 16) : null;
  }

  unexpected(wanted, hint) {
    const { text, index } = this;
    this.refuseComments(false);
    const isEnd = index === text.length;
    if (this.openings.length && (isEnd || this.character === "]" || this.character === "}")) {
      const opening = this.openings.at(-1);
      const bracket = text.at(opening);
      const end = isEnd ? "" : `, and line ${text.mark(index).line} closes another one`;
      throw new NotJSON(
        `the bracket \`${bracket}\` is not closed${end}`, opening,
        `Write \`${bracket === "[" ? "]" : "}"}\` where it ends.`);
    }
    const found = isEnd ? "the text ends" : `\`${this.character}\` stands`;
    throw new NotJSON(`${found} where ${wanted} is expected`, index, hint);
  }

  /** Refuses a comment at the present place; before the value only where brackets follow. */
  refuseComments(isBefore) {
    const { text } = this;
    const isComment = (i) => text.at(i) === "/" && (text.at(i + 1) === "/" || text.at(i + 1) === "*");
    const afterSpace = (i) => {
      while (text.at(i) !== undefined && (text.isBlank(i) || text.isLineEnd(i))) i++;
      return i;
    };
    let i = afterSpace(this.index);
    if (!isComment(i)) return;
    const comment = i;
    while (isBefore && isComment(i)) {
      if (text.at(i + 1) === "/") while (!text.isLineEnd(i)) i++;
      else {
        i += 2;
        while (i < text.length && !(text.at(i) === "*" && text.at(i + 1) === "/")) i++;
        i += 2;
      }
      i = afterSpace(i);
    }
    if (isBefore && text.at(i) !== "{" && text.at(i) !== "[") return;
    throw new Complaint(
      "a comment begins here, and JSON has no comments", comment,
      "Remove it, or write the spec as YAML, where a comment begins with `#`.");
  }
}
