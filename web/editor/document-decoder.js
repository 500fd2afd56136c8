// Typed values out of nodes; every mismatch is an error at its place. Follows Sources/YAMLDocuments/DocumentDecoder.swift.

const PLAIN_NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;

/** The number that Swift's `Double(text)` gives; null where it gives none. */
function swiftNumber(text) {
  if (PLAIN_NUMBER.test(text)) return Number(text);
  const special = /^([+-]?)(inf|infinity|nan)$/i.exec(text);
  if (special) return special[2].toLowerCase() === "nan" ? NaN : special[1] === "-" ? -Infinity : Infinity;
  const hex = /^([+-]?)0[xX]([0-9a-fA-F]+)$/.exec(text);
  return hex ? (hex[1] === "-" ? -1 : 1) * parseInt(hex[2], 16) : null;
}

/** Whether a spec takes a text for a number. */
const isPlainNumber = (text) => PLAIN_NUMBER.test(text);

/** A number without needless digits: 2 for 2.0, 1e-6 for 1e-06. */
function plainNumber(value) {
  if (Number.isInteger(value) && Math.abs(value) < 1e9) return String(value);
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 2 ** 53) return value.toExponential();
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** "; did you mean `…`?" when a known word is near a misspelt one, else nothing. */
function suggestion(word, known) {
  const lower = Array.from(word.toLowerCase());
  let best = null;
  for (const candidate of known) {
    const letters = Array.from(candidate);
    const distance = editDistance(lower, Array.from(candidate.toLowerCase()));
    if (distance <= Math.max(1, Math.floor((letters.length + 1) / 3)) && (!best || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best ? `; did you mean \`${best.candidate}\`?` : "";
}

function editDistance(a, b) {
  const row = Array.from({ length: b.length + 1 }, (_, i) => i);
  a.forEach((letter, i) => {
    let diagonal = row[0];
    row[0] = i + 1;
    b.forEach((other, j) => {
      const change = diagonal + (letter === other ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = Math.min(change, row[j + 1] + 1, row[j] + 1);
    });
  });
  return row[b.length];
}

class DocumentDecoder {
  constructor(source) { this.source = source; }

  fail(code, message, mark, hint) { throw new SpecError(code, message, mark.line, mark.column, hint); }

  /** The entries of a mapping whose keys are all known, by key. `places` says where others belong; "": to the document itself. */
  mapping(node, what, keys, places = {}) {
    if (node.kind !== "mapping") {
      const isItems = node.kind === "sequence" && node.items[0]?.kind === "mapping"
        && keys.includes(node.items[0].entries[0]?.key);
      this.wrongKind(
        node, what, `a mapping of ${keys.slice(0, 4).join(", ")}…`, isItems ? "Remove the `- ` before each key." : null);
    }
    node.entries.forEach((entry, i) => {
      if (!keys.includes(entry.key)) this.refuseKey(entry, node.entries[i - 1], what, keys, places);
    });
    return Object.fromEntries(node.entries.map((entry) => [entry.key, entry]));
  }

  refuseKey(entry, before, what, keys, places) {
    if (before && before.value.kind === "scalar" && before.value.isPlain && isNull(entry.value)) {
      const { text, mark } = before.value;
      const number = this.decimalComma(text, mark, entry.key, entry.keyMark);
      if (number) {
        this.fail(
          "spec.type", `\`${before.key}\` is ${text},${entry.key}, and a comma ends a value`, mark,
          `Write a decimal point: ${number}.`);
      }
    }
    this.refuseOddKey(entry, what, keys);
    this.refuseMisplacedKey(entry, what, keys, places);
    if (before) this.refuseKeyCutByComma(before, entry, what);
    this.fail(
      "spec.unknown_key", `${what} has no key \`${entry.key}\`${suggestion(entry.key, keys)}`, entry.keyMark,
      `Known keys: ${keys.join(", ")}.`);
  }

  /** A key that another mapping has, or that is written as `group.key`. */
  refuseMisplacedKey({ key, keyMark, value }, what, keys, places) {
    const text = value.kind !== "scalar" ? "…" : value.isPlain ? value.text : `"${value.text}"`;
    const message = `${what} has no key \`${key}\``;
    if (Object.hasOwn(places, key)) {
      const place = places[key];
      this.fail(
        "spec.unknown_key", `${message}, which belongs ${place ? `into \`${place}\`` : "to the document itself"}`, keyMark,
        place ? `Write ${place}: {${key}: ${text}}.` : `Write ${key}: ${text} at the beginning of a line.`);
    }
    const dot = key.indexOf(".");
    if (dot < 0 || !keys.includes(key.slice(0, dot))) return;
    this.fail("spec.unknown_key", message, keyMark, `Write ${key.slice(0, dot)}: {${key.slice(dot + 1)}: ${text}}.`);
  }

  /** A "key" that is the rest of a value: a comma between brackets ends a value without quotes. */
  refuseKeyCutByComma(before, entry, what) {
    const { value } = before;
    if (!isNull(entry.value) || value.kind !== "scalar" || !value.isPlain || isNull(value)
      || value.mark.line !== entry.keyMark.line) return;
    this.fail(
      "spec.unknown_key", `${what} has no key \`${entry.key}\`: the comma before it ends the value \`${value.text}\``,
      entry.keyMark,
      isPlainNumber(value.text)
        ? `Put the numbers between brackets: ${before.key}: [${value.text}, ${entry.key}, …].`
        : `Quote the whole text: ${before.key}: "${value.text}, ${entry.key}".`);
  }

  /** The number that two parts were meant as: digits with nothing but a comma between. */
  decimalComma(whole, mark, part, next) {
    if (!isPlainNumber(whole) || !/^[0-9]+$/.test(part) || mark.line !== next.line
      || next.column !== mark.column + whole.length + 1) return null;
    return `${whole}.${part}`;
  }

  /** A key that is unknown for a character that looks like another one, or like nothing. */
  refuseOddKey(entry, what, keys) {
    const odd = OddCharacter.first(entry.key);
    if (!odd) return;
    const repaired = OddCharacter.repaired(entry.key);
    const mark = { line: entry.keyMark.line, column: entry.keyMark.column + odd.offset };
    if (odd.isSpace && odd.offset === 0) {
      this.fail(
        "spec.unknown_key", `${odd.name} stands in the indentation of \`${repaired}\``, mark,
        "Indent with plain spaces.");
    }
    this.fail(
      "spec.unknown_key", `${what} has no key \`${entry.key}\`, which holds ${odd.name}`, mark,
      keys.includes(repaired)
        ? `Write \`${repaired}\` in plain letters.` : `${odd.remedy} Known keys: ${keys.join(", ")}.`);
  }

  /** Throws the error of a value of another kind. */
  wrongKind(node, what, wanted, hint = null) {
    if (hint === null && node.kind === "scalar" && node.isPlain) {
      const odd = OddCharacter.first(node.text);
      if (odd) {
        const line = this.source.lineNumber(node.mark.line);
        const isOnLine = this.source.at(line.start + node.mark.column - 1 + odd.offset) === odd.character;
        this.fail(
          "spec.type", `${what} must be ${wanted}, not \`${node.text}\`, which holds ${odd.name}`,
          { line: node.mark.line, column: node.mark.column + (isOnLine ? odd.offset : 0) }, odd.remedy);
      }
    }
    this.fail("spec.type", `${what} must be ${wanted}, not ${kindInWords(node)}`, node.mark, hint ?? `Write ${wanted}.`);
  }

  /** Throws the error of a value that is no number, or no whole one, of the form that is wanted. */
  noNumber(node, what, wanted, isWhole) {
    if (node.kind !== "scalar") this.wrongKind(node, what, wanted);
    const { text, isPlain } = node;
    if (!isPlain && isPlainNumber(text)) this.wrongKind(node, what, wanted, `Write ${text} without quotes.`);
    if (isPlain && ["None", "nil", "undefined"].includes(text)) {
      this.wrongKind(node, what, wanted, "Write null, or leave the key out.");
    }
    const number = isPlain ? foreignNumber(text, isWhole) : null;
    if (!number) this.wrongKind(node, what, wanted);
    this.fail("spec.type", `${what} must be ${wanted}, not ${number.kind}`, node.mark, number.hint);
  }

  list(node, what) {
    if (node.kind !== "sequence") this.wrongKind(node, what, "a list", listHint(node));
    return node.items;
  }

  /** Text, quoted or not; a bare number or truth value is no text. */
  text(node, what) {
    if (node.kind !== "scalar" || isNull(node)) this.wrongKind(node, what, "text");
    const { text, isPlain } = node;
    if (isPlain && text && /^[\p{Pi}„‚”’]/u.test(text)) this.refuseCurlyQuotes(text, what, node.mark);
    if (isPlain && (swiftNumber(text) !== null || text === "true" || text === "false")) {
      this.fail(
        "spec.type", `${what} must be text, not ${kindInWords(node)}`, node.mark, `Put it in quotes: "${text}".`);
    }
    return text;
  }

  /** Refuses a text that stands in curly quotes as a whole, or whose curly quote nothing closes. */
  refuseCurlyQuotes(text, what, mark) {
    const odd = OddCharacter.first(text);
    if (!odd || odd.offset !== 0) return;
    const inner = Array.from(text).slice(1);
    const isQuote = (c) => /[\p{Pi}\p{Pf}]/u.test(c);
    const closing = inner.findIndex(isQuote);
    if (closing >= 0 && closing !== inner.length - 1) return;
    this.fail(
      "spec.type", `${what} begins with the curly quote ${odd.name}, which YAML takes for text`, mark,
      `Write plain quotes: "${inner.filter((c) => !isQuote(c)).join("")}".`);
  }

  flag(node, what) {
    if (node.kind !== "scalar") this.wrongKind(node, what, "true or false");
    const { text, isPlain } = node;
    if (isPlain && (text === "true" || text === "false")) return text === "true";
    const lower = text.toLowerCase();
    const isTrue = ["true", "yes", "on", "1", "y"].includes(lower);
    if (!isTrue && !["false", "no", "off", "0", "n"].includes(lower)) this.wrongKind(node, what, "true or false");
    this.fail(
      "spec.type", `${what} must be true or false, not \`${text}\``, node.mark,
      !isPlain ? `Write ${isTrue} without quotes.`
        : lower === String(isTrue) ? `Write ${isTrue}, in small letters.` : `Write ${isTrue}.`);
  }

  number(node, what, range = null) {
    if (node.kind !== "scalar" || !node.isPlain) this.noNumber(node, what, "a number", false);
    const { text } = node;
    const special = [".nan", ".inf", "-.inf", "+.inf", "nan", "inf", "-inf", "infinity"].includes(text.toLowerCase());
    const value = swiftNumber(text);
    if (special || value === null || !Number.isFinite(value) || !/^[0-9+\-.eE]*$/.test(text)) {
      if (special || (value !== null && !Number.isFinite(value))) {
        this.fail("spec.not_finite", `${what} is ${text}`, node.mark, "Write a finite number.");
      }
      this.noNumber(node, what, "a decimal number", false);
    }
    if (range && (value < range[0] || value > range[1])) {
      this.outside(what, plainNumber(value), node.mark, range.map(plainNumber));
    }
    return value;
  }

  /** A whole number, written as digits; as a BigInt, since a seed has 63 bits. */
  integer(node, what, range) {
    if (node.kind !== "scalar" || !node.isPlain) this.noNumber(node, what, "a whole number", true);
    if (!/^[+-]?[0-9]+$/.test(node.text)) this.noNumber(node, what, "a whole number written as digits", true);
    const value = BigInt(node.text.replace(/^\+/, ""));
    if (value < BigInt(range[0]) || value > BigInt(range[1])) {
      this.outside(what, node.text, node.mark, range.map(String));
    }
    return value;
  }

  outside(what, value, mark, [low, high]) {
    this.fail("spec.range", `${what} is ${value}, which is out of range`, mark, `Write a value from ${low} to ${high}.`);
  }

  /** One of some words. */
  word(node, what, words, code = "spec.unknown_word") {
    if (node.kind !== "scalar" || isNull(node)) this.wrongKind(node, what, `one of ${words.join(", ")}`);
    const { text } = node;
    if (words.includes(text)) return text;
    const list = `Write one of: ${words.join(", ")}.`;
    const odd = OddCharacter.first(text);
    if (odd) {
      const repaired = OddCharacter.repaired(text).replace(/["']/g, "");
      this.fail(
        code, `${what} is \`${text}\`, which holds ${odd.name}`, node.mark,
        words.includes(repaired) ? `Write ${repaired} in plain letters.` : list);
    }
    this.fail(code, `${what} is \`${text}\`${suggestion(text, words)}`, node.mark, list);
  }

  /** A length of time: a number with s, m, h or d; in seconds. */
  duration(node, what) {
    const seconds = node.kind === "scalar" ? durationSeconds(node.text) : null;
    if (seconds === null) {
      this.wrongKind(node, what, "a duration such as 30s, 10m, 2h or 7d", node.kind === "scalar" ? meantDuration(node.text) : null);
    }
    return seconds;
  }
}

/** What to write for a list's one value, or for words by commas; null for others. */
function listHint(node) {
  if (node.kind !== "scalar" || isNull(node) || OddCharacter.first(node.text)) return null;
  // Words without quotes may be several by commas.
  if (/^[A-Za-z, ]*$/.test(node.text)) return `Write a list: [${node.text.split(/[, ]+/).filter((word) => word).join(", ")}].`;
  return `Write a list: [${node.isPlain ? node.text : `"${node.text}"`}].`;
}

function durationSeconds(text) {
  const match = /^([0-9.]+)([smhd])$/.exec(text);
  const number = match ? swiftNumber(match[1]) : null;
  if (number === null) return null;
  const seconds = number * { s: 1, m: 60, h: 3600, d: 86400 }[match[2]];
  return seconds <= 1e10 ? seconds : null;
}

/** The hint for the duration of a number with another unit, as in `20 min`; null without one. */
function meantDuration(text) {
  const number = /^[0-9.]*/.exec(text)[0];
  const unit = text.slice(number.length).replace(/^ +/, "").toLowerCase();
  const names = {
    s: ["s", "sec", "secs", "second", "seconds"], m: ["m", "min", "mins", "minute", "minutes"],
    h: ["h", "hr", "hrs", "hour", "hours"], d: ["d", "day", "days"],
  };
  const short = Object.keys(names).find((key) => names[key].includes(unit));
  return short && durationSeconds(number + short) !== null ? `Write ${number}${short}.` : null;
}

/** A number in a form that people and other programs write and a spec does not take: its kind and a hint; null for none. */
function foreignNumber(text, isWhole) {
  const odd = OddCharacter.first(text);
  if (odd) {
    const number = OddCharacter.repaired(text).replace(/["']/g, "");
    return {
      kind: `\`${text}\`, which holds ${odd.name}`, hint: isPlainNumber(number) ? `Write ${number}.` : odd.remedy,
    };
  }
  const sign = text.startsWith("-") ? "-" : "";
  const radix = /^[+-]?0(?:(x)([0-9a-f]+)|(b)([01]+)|(o)([0-7]+))$/i.exec(text);
  if (radix) {
    const [name, base, digits] = radix[1] ? ["a hexadecimal", 16, radix[2]]
      : radix[3] ? ["a binary", 2, radix[4]] : ["an octal", 8, radix[6]];
    return { kind: `${name} number`, hint: `Write ${sign}${parseInt(digits, base)}.` };
  }
  const percent = text.endsWith("%") ? swiftNumber(text.slice(0, -1).trim()) : null;
  if (percent !== null) {
    return {
      kind: "a percentage",
      hint: isWhole && Number.isInteger(percent) && Math.abs(percent) < 1e15 ? `Write ${percent}.`
        : `Write ${plainNumber(percent / 100)}. With \`units: relative\` points and masks are parts of the picture, 0…1.`,
    };
  }
  const joined = text.replaceAll("_", "");
  if (text.includes("_") && isPlainNumber(joined)) return { kind: `\`${text}\``, hint: `Write ${joined}.` };
  const pointed = text.replace(",", ".");
  if (text.split(",").length === 2 && isPlainNumber(pointed)) {
    return { kind: `\`${text}\``, hint: `Write a decimal point: ${pointed}.` };
  }
  const number = /^[+\-.0-9]*/.exec(text)[0];
  const unit = text.slice(number.length).trim();
  if (isPlainNumber(number) && unit && /^\p{L}+$/u.test(unit)) {
    return { kind: `\`${text}\``, hint: `Write ${number}, without a unit.` };
  }
  if (isWhole && isPlainNumber(text) && Number.isFinite(Number(text))) {
    const value = Number(text);
    const rounded = Math.sign(value) * Math.round(Math.abs(value));
    const isExact = Number.isInteger(value) && Math.abs(value) < 1e15;
    return {
      kind: `\`${text}\``,
      hint: isExact ? `Write ${value}.`
        : `Write a whole number: ${Math.abs(value) < 1e15 ? rounded : plainNumber(value)}.`,
    };
  }
  return null;
}
