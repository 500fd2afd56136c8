// A spec's text by characters, and what is wrong in it. Follows Sources/YAMLDocuments: the messages are those of `check`.

/** A mistake in a spec at its place. Line and column count from 1; columns count characters. */
class SpecError extends Error {
  constructor(code, message, line, column, hint) {
    super(printable(message));
    Object.assign(this, { code, line, column, hint: printable(hint) });
  }
}

/** What is wrong and what to do, as sentences. A message that ends as a sentence does gets no second full stop. */
const sentences = ({ message, hint }) => `${message}${/[.?!…]$/.test(message) ? "" : "."} ${hint}`.trim();

/** What is wrong at a character's index, before lines are known. */
class Complaint extends Error {
  constructor(message, index, hint, code = "spec.syntax") {
    super(message);
    Object.assign(this, { code, index, hint });
  }
}

class SourceText {
  constructor(text) {
    this.characters = Array.from(text);
    this.lineStarts = [0];
    this.characters.forEach((c, i) => {
      if (c === "\n" || (c === "\r" && this.characters[i + 1] !== "\n")) this.lineStarts.push(i + 1);
    });
  }

  get length() { return this.characters.length; }

  /** The character at an index; undefined outside the text. */
  at(index) { return index < 0 ? undefined : this.characters[index]; }

  mark(index) {
    let [low, high] = [0, this.lineStarts.length];
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.lineStarts[middle] <= index) low = middle; else high = middle;
    }
    return { line: low + 1, column: index - this.lineStarts[low] + 1 };
  }

  /** The line that holds an index, without what ends it: its first index and the one behind its last. */
  lineAt(index) {
    const number = this.mark(index).line - 1;
    let end = this.lineStarts[number + 1] ?? this.length;
    while (end > this.lineStarts[number] && "\r\n".includes(this.characters[end - 1])) end--;
    return { start: this.lineStarts[number], end };
  }

  /** A line by its number, from 1; null where there is none. */
  lineNumber(number) {
    return number >= 1 && number <= this.lineStarts.length ? this.lineAt(this.lineStarts[number - 1]) : null;
  }

  slice(start, end) { return this.characters.slice(Math.max(0, start), Math.max(0, end)).join(""); }
  isLineEnd(index) { const c = this.at(index); return c === undefined || c === "\n" || c === "\r"; }
  isBlank(index) { const c = this.at(index); return c === " " || c === "\t"; }

  error(complaint) {
    const { line, column } = this.mark(complaint.index);
    return new SpecError(complaint.code, complaint.message, line, column, complaint.hint);
  }

  /** A comment that cuts a text without quotes: one blank before its `#`, as in a sentence. Null where there is none. */
  commentCutting(value, mark) {
    const line = this.lineNumber(mark.line);
    if (!line) return null;
    let i = line.start + mark.column - 1;
    const skipBlanks = () => { while (this.isBlank(i) || (i < this.length && this.isLineEnd(i))) i++; };
    if (this.at(i) === "&") {
      while (!this.isBlank(i) && !this.isLineEnd(i)) i++;
      skipBlanks();
    }
    for (const c of value) {
      if (c === " " || c === "\n") skipBlanks();
      else if (this.at(i) !== c) return null;
      else i++;
    }
    if (this.at(i) !== " " || this.at(i + 1) !== "#") return null;
    return { index: i + 1, words: this.slice(i + 1, this.lineAt(i).end) };
  }
}

/** Whether a character shows as itself and leaves the text around it alone. */
function isPrintable(c) {
  if (/[\p{Cc}\p{Zl}\p{Zp}]/u.test(c)) return false;
  if (/\p{Cf}/u.test(c)) return c === "\u200c" || c === "\u200d";
  return (c.codePointAt(0) & 0xfffe) !== 0xfffe;
}

const hexadecimal = (number, digits) => number.toString(16).toUpperCase().padStart(digits, "0");

/** A text on one line, all of it visible. */
function printable(text) {
  return Array.from(text, (c) => {
    if (isPrintable(c)) return c;
    const number = c.codePointAt(0);
    if (/\p{Cc}/u.test(c)) return Array.from(new TextEncoder().encode(c), (b) => "\\x" + hexadecimal(b, 2)).join("");
    return number > 0xffff ? "\\U" + hexadecimal(number, 8) : "\\u" + hexadecimal(number, 4);
  }).join("");
}

/** A character that looks like another one, or like nothing: all that a spec knows by name is ASCII. */
class OddCharacter {
  constructor(character, offset) { Object.assign(this, { character, offset }); }

  static isPlain(c) { return c.codePointAt(0) < 128 && isPrintable(c); }

  /** The first character of a text that is not printable ASCII; null without one. */
  static first(text) {
    const characters = Array.from(text);
    const offset = characters.findIndex((c) => !OddCharacter.isPlain(c));
    return offset < 0 ? null : new OddCharacter(characters[offset], offset);
  }

  static repaired(text) {
    return Array.from(text, (c) => (OddCharacter.isPlain(c) ? c : new OddCharacter(c, 0).lookalike ?? "")).join("")
      .replace(/^ +| +$/g, "");
  }

  /** Its number and Unicode name: `U+00A0 (NO-BREAK SPACE)`. */
  get name() {
    const number = this.character.codePointAt(0);
    const name = /\p{Unified_Ideograph}/u.test(this.character)
      ? `CJK UNIFIED IDEOGRAPH-${hexadecimal(number, 4)}` : TABLES.characterNames[number];
    return "U+" + hexadecimal(number, 4) + (name ? ` (${name})` : "");
  }

  get remedy() {
    const plain = this.lookalike;
    if (plain === null) return this.isLetter ? "Write it in letters from a to z." : "Remove it.";
    if (plain === " ") return "Write a plain space.";
    if (plain === '"') return 'Write plain quotes (") or none.';
    return `Write \`${plain}\`.`;
  }

  get isLetter() { return /\p{Alphabetic}/u.test(this.character); }
  get isSpace() { return /\p{Zs}/u.test(this.character); }

  /** The ASCII character that it looks like, if it does. */
  get lookalike() {
    const c = this.character;
    const number = c.codePointAt(0);
    if (this.isSpace) return " ";
    if (/\p{Pd}/u.test(c)) return "-";
    if (/[\p{Pi}\p{Pf}]/u.test(c)) return "‘’‚‛‹›".includes(c) ? "'" : '"';
    if (c === "\u2212" || c === "\u2022" || c === "\u00b7") return "-";
    if ("\u201e\u301d\u301e".includes(c)) return '"';
    if (/\p{Nd}/u.test(c)) return decimalDigit(c);
    if (number >= 0xff01 && number <= 0xff5e) return String.fromCodePoint(number - 0xfee0);
    return OddCharacter.letters.get(c) ?? null;
  }
}

OddCharacter.letters = new Map(
  [
    ["аеорсухіјѕԁһԛԝӏ", "aeopcyxijsdhqwl"], ["АВЕКМНОРСТХІЈЅ", "ABEKMHOPCTXIJS"],
    ["αονικρτυχγ", "aovikptuxy"], ["ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ", "ABEZHIKMNOPTYX"], ["ıɡ", "ig"],
  ].flatMap(([foreign, plain]) => Array.from(foreign, (c, i) => [c, plain[i]])));

/** A decimal digit's value: Unicode's decimal digits stand in runs of ten. */
function decimalDigit(c) {
  let value = 0;
  for (let n = c.codePointAt(0) - 1; value < 9 && /\p{Nd}/u.test(String.fromCodePoint(n)); n--) value++;
  return String(value % 10);
}

/** Text of a file's bytes: UTF-8, a byte order mark left out. */
function documentText(bytes) {
  const foreign = foreignFile(bytes);
  if (foreign) throw foreign;
  const encoding = foreignEncoding(bytes);
  if (encoding) {
    throw new Complaint(`the text is ${encoding}, not UTF-8`, 0, "Save the file as UTF-8.", "spec.encoding");
  }
  let text = null;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch { /* told below */ }
  const zero = bytes.indexOf(0);
  if (zero >= 0) {
    const before = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, zero));
    throw new Complaint(
      "this is a binary file, not text", text === null ? 0 : Array.from(before).length,
      "Write the spec as YAML or JSON text.", "spec.binary");
  }
  if (text === null) throw notUTF8(bytes);
  if (!text.startsWith("\ufeff")) return text;
  if (text[1] === "\ufeff") {
    throw new Complaint(
      "the file begins with two byte order marks (U+FEFF)", 0, "Save the file as UTF-8 without a byte order mark.");
  }
  return text.slice(1);
}

function foreignEncoding(bytes) {
  const starts = (...mark) => mark.every((b, i) => bytes[i] === b);
  if (starts(0xff, 0xfe, 0, 0) || starts(0, 0, 0xfe, 0xff)) return "UTF-32";
  if (starts(0xff, 0xfe) || starts(0xfe, 0xff)) return "UTF-16";
  const start = Array.from(bytes.subarray(0, 64));
  if (start.length < 4 || (start.length % 2 !== 0 && start.length !== 64)) return null;
  const zeros = [0, 1].map((parity) => start.filter((b, i) => i % 2 === parity && b === 0).length);
  const half = start.length >> 1;
  return (zeros[0] === 0 && zeros[1] === half) || (zeros[1] === 0 && zeros[0] === half) ? "UTF-16" : null;
}

/** The first byte that no UTF-8 text has at its place. */
function notUTF8(bytes) {
  let [index, offset] = [0, 0];
  const encoder = new TextEncoder();
  for (const c of new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes)) {
    const encoded = encoder.encode(c);
    if (!encoded.every((b, i) => bytes[offset + i] === b)) break;
    index++;
    offset += encoded.length;
  }
  const byte = offset < bytes.length ? bytes[offset].toString(16).toUpperCase() : "?";
  return new Complaint(
    `the text is not UTF-8: the byte 0x${byte} stands here`, index, "Save the file as UTF-8.", "spec.encoding");
}

/** The complaint of a character that YAML does not take as it is; null without one. */
function characterUnfitForYAML(text) {
  const index = text.characters.findIndex((c) => {
    const n = c.codePointAt(0);
    if (n === 9 || n === 10 || n === 13) return false;
    return n < 0x20 || (n >= 0x7f && n < 0xa0) || [0x2028, 0x2029, 0xfeff, 0xfffe, 0xffff].includes(n);
  });
  if (index < 0) return null;
  const character = text.at(index);
  const number = character.codePointAt(0);
  const isBreak = [0x85, 0x2028, 0x2029].includes(number);
  const isControl = /\p{Cc}/u.test(character) && !isBreak;
  return new Complaint(
    `this is not YAML: ${isControl ? "the control character" : "the character"} ${new OddCharacter(character, 0).name}`
      + ` stands here${isBreak ? " and would end the line" : ""}`,
    index, `Remove it. In double quotes it may be written as \\u${hexadecimal(number, 4)}.`);
}
