// What libyaml has found wrong, in terms of what people write. Follows Sources/YAMLDocuments/YAMLSyntax.swift.

class YAMLSyntax {
  constructor(text, { problem, index, context, contextIndex }) {
    Object.assign(this, { text, problem, index, context, contextIndex });
  }

  get complaint() {
    return this.misplacedCharacter() ?? this.unclosedQuote() ?? this.escape() ?? this.indicator()
      ?? this.unclosedBracket() ?? this.missingColon() ?? this.structure()
      ?? this.say(
        this.problem, this.shownIndex, "Check indentation, colons, quotes and brackets around this place.");
  }

  say(message, index, hint) { return new Complaint(`this is not YAML: ${message}`, index, hint); }

  /** Where libyaml says so; what it finds at the end of the text is said where it began, or at the last line. */
  get shownIndex() {
    const { text, index, contextIndex } = this;
    const line = text.lineAt(index);
    if (index < text.length && line.end > line.start) return index;
    if (contextIndex !== null && contextIndex < text.length) return contextIndex;
    let last = Math.min(index, text.length);
    while (last > 0 && (text.isLineEnd(last) || text.isBlank(last))) last--;
    return last;
  }

  /** A character in the place of an indicator or of indentation that looks like the right one. */
  misplacedCharacter() {
    const { text } = this;
    for (const place of [this.contextIndex, this.index].filter((i) => i !== null)) {
      const line = text.lineAt(Math.min(place, text.length));
      let i = line.start;
      while (i < line.end && text.isBlank(i)) i++;
      const odd = i < line.end ? OddCharacter.first(text.at(i)) : null;
      if (!odd) {
        const found = this.fullWidthPunctuation(line);
        if (found) return found;
        continue;
      }
      if (odd.isSpace || (odd.lookalike === null && !odd.isLetter)) {
        return this.say(`${odd.name} stands in the indentation`, i, "Indent with plain spaces alone.");
      }
      if (odd.lookalike === "-") {
        return this.say(
          `${odd.name} stands where \`-\` begins an item of a list`, i, "Write `- ` before the item.");
      }
      return this.say(`${odd.name} begins the line and looks like \`${odd.lookalike ?? ""}\``, i, odd.remedy);
    }
    return null;
  }

  fullWidthPunctuation(line) {
    const { text } = this;
    for (let i = line.start; i < line.end; i++) {
      const odd = OddCharacter.first(text.at(i));
      if (!odd) continue;
      const before = text.at(i - 1);
      if (odd.isSpace && before !== undefined && ":-?,".includes(before)) {
        return this.say(`${odd.name} stands behind \`${before}\`, where a plain space must`, i, odd.remedy);
      }
      const number = odd.character.codePointAt(0);
      if (number >= 0xff01 && number <= 0xff5e && !odd.isLetter) {
        return this.say(`${odd.name} stands here`, i, odd.remedy);
      }
    }
    return null;
  }

  unclosedQuote() {
    if (this.context !== "while scanning a quoted scalar" || this.contextIndex === null) return null;
    const quote = this.text.at(this.contextIndex) ?? "";
    return this.say(
      `the quote \`${quote}\` that begins here is not closed`, this.contextIndex, `Write \`${quote}\` behind the text.`);
  }

  escape() {
    if (this.context !== "while parsing a quoted scalar") return null;
    const { text } = this;
    let start = Math.min(this.index, text.length);
    while (start > 0 && text.at(start) !== "\\") start--;
    const written = text.slice(start, start + 2);
    if (this.problem === "found unknown escape character") {
      return this.say(
        `\`${written}\` is no escape`, start,
        "In double quotes write \\\\ for a backslash, or use single quotes.");
    }
    if (this.problem === "found invalid Unicode character escape code") {
      return this.say(
        `\`${text.slice(start, start + (written === "\\U" ? 10 : 6))}\` stands for no character`, start,
        "Write the character itself, or \\U and eight digits; only JSON takes pairs of \\u.");
    }
    return this.say(
      `\`${written}\` lacks hexadecimal digits`, start,
      "Write \\x and 2 digits, \\u and 4, or \\U and 8; \\\\ for a backslash.");
  }

  /** A text without quotes that begins with a character of YAML's own. */
  indicator() {
    const { text, context, problem, index } = this;
    const start = this.contextIndex ?? index;
    if (context === "while scanning a tag" || context === "while parsing a tag"
      || problem === "found undefined tag handle") {
      return takenFor("a tag", start, text);
    }
    if (context === "while scanning an anchor") return takenFor("an anchor", start, text);
    if (context === "while scanning an alias") return takenFor("an alias", start, text);
    const cannotStart = problem === "found character that cannot start any token";
    if (cannotStart && text.at(index) === "\t") {
      return this.say("a tab stands in the indentation", index, "Indent with spaces alone.");
    }
    if (problem === "found a tab character that violates indentation"
      || problem === "found a tab character where an indentation space is expected") {
      const line = text.lineAt(index);
      let tab = line.start;
      while (tab < line.end && text.at(tab) !== "\t") tab++;
      return this.say(
        "a tab stands in the indentation", tab < line.end ? tab : index, "Indent with spaces alone.");
    }
    if (context === "while scanning a block scalar" && problem === "did not find expected comment or line break") {
      const sign = this.contextIndex === null ? "|" : text.at(this.contextIndex);
      return this.say(
        `text stands behind \`${sign}\``, start, "Quote the text, or begin it on the next line.");
    }
    if (problem === "block sequence entries are not allowed in this context") {
      return this.say(
        "`- ` stands where no list can begin", index,
        "Begin the list on a line of its own; quote a text that begins with `- `.");
    }
    if (!cannotStart) return null;
    if (text.slice(index, index + 3) === "```") {
      return this.say("a fence of Markdown stands here", index, "Remove the lines that begin with ```.");
    }
    return this.say(
      `\`${text.slice(index, index + 1)}\` cannot begin a text without quotes`, index,
      `Quote the text: ${quotedRest(text, index)}.`);
  }

  unclosedBracket() {
    const { text } = this;
    const bracket = firstUnclosedBracket(text);
    if (!bracket || bracket.opening > this.index) return null;
    const opening = text.at(bracket.opening);
    const comment = this.commentHidingBracket(bracket.opening);
    if (comment) {
      return new Complaint(
        `YAML takes \`${text.slice(comment.start, comment.end)}\` for a comment, and the bracket \`${opening}\` stays open`,
        comment.start, "Quote the text that holds `#`.", "spec.unquoted");
    }
    let other = "";
    if (bracket.mismatch !== null) {
      const { line, column } = text.mark(bracket.mismatch);
      other = `: \`${text.at(bracket.mismatch)}\` at ${line}:${column} closes another kind`;
    }
    return this.say(
      `the bracket \`${opening}\` is not closed${other}`, bracket.opening,
      `Write \`${opening === "[" ? "]" : "}"}\` where it ends.`);
  }

  commentHidingBracket(opening) {
    const { text } = this;
    const { end } = text.lineAt(opening);
    for (let start = opening; start < end; start++) {
      if (text.at(start) === "#" && text.isBlank(start - 1)) {
        return /[\]}]/.test(text.slice(start, end)) ? { start, end } : null;
      }
    }
    return null;
  }

  /** A line without a colon, or with two. */
  missingColon() {
    const { text, problem, index } = this;
    if (problem === "could not find expected ':'") {
      const start = this.contextIndex ?? this.shownIndex;
      if (text.lineAt(start).end - start > 1024) {
        return this.say(
          "the key that begins here is longer than 1024 characters", start,
          "Write `key: value`; quote a long text, or begin it on the next line behind `|`.");
      }
      return this.say("this line has no `: `", start, "Write `key: value`.");
    }
    if (problem !== "mapping values are not allowed in this context") return null;
    const above = this.lineWithoutColon();
    if (above !== null) return this.say("this line has no `: `", above, "Write `key: value`.");
    const { line } = text.mark(index);
    const whole = text.lineAt(index);
    if (!text.slice(whole.start, index).includes(":") && line > 1) {
      const start = firstNonBlank(text, whole);
      if (start !== null) {
        return this.say(
          `this line is indented more than line ${line - 1}, whose text it would go on with`, start,
          `Indent it as line ${line - 1}.`);
      }
    }
    return this.say(
      "a second `:` stands in this line", index,
      "Quote a text that holds a colon, and begin a mapping on a line of its own.");
  }

  lineWithoutColon() {
    const { text, index } = this;
    const line = text.lineAt(index);
    const above = text.lineNumber(text.mark(index).line - 1);
    if (text.slice(line.start, index).includes(": ") || !above || above.start === above.end
      || text.slice(above.start, above.end).includes(": ") || text.at(above.end - 1) === ":") {
      return null;
    }
    return firstNonBlank(text, above);
  }

  /** Text behind a value, wrong indentation, commas. */
  structure() {
    const { text, index, problem } = this;
    const isClosing = text.at(index) === "]" || text.at(index) === "}";
    switch (problem) {
    case "did not find expected key":
    case "did not find expected '-' indicator": {
      if (isClosing) return this.closingNothing();
      const end = this.valueBefore();
      if (end !== null) {
        return this.say(
          `text stands behind \`${text.at(end)}\`, which ends the value`, index,
          "Put the whole text between quotes, and one key on a line.");
      }
      const start = this.contextIndex === null ? { line: 1, column: 1 } : text.mark(this.contextIndex);
      return this.say(
        `this line is indented by ${text.mark(index).column - 1}, which fits no line above`, index,
        `Indent it as the line it belongs with: by ${start.column - 1} as line ${start.line}, or more.`);
    }
    case "did not find expected <document start>":
      if (isClosing) return this.closingNothing();
      return this.say(
        "text stands behind the whole value", this.shownIndex,
        "Write one mapping, with `key: value` on each line.");
    case "did not find expected ',' or ']'":
    case "did not find expected ',' or '}'": {
      if (text.at(index) === undefined) return null;
      const slashes = this.slashesBefore();
      if (slashes !== null) {
        return this.say("`//` begins no comment", slashes, "Begin the comment with `#`, or remove it.");
      }
      return this.say(
        `\`${wordAt(index, text)}\` stands where ${problem.replace("did not find expected ", "")} is expected`, index,
        "Write `,` between values, and quote a text that holds brackets or quotes.");
    }
    default: return null;
    }
  }

  slashesBefore() {
    const { text, index } = this;
    const above = text.lineNumber(text.mark(index).line - 1)?.start ?? index;
    for (let i = above; i < index; i++) {
      if (text.at(i) === "/" && (text.at(i + 1) === "/" || text.at(i + 1) === "*")
        && (text.isBlank(i - 1) || text.isLineEnd(i - 1))) return i;
    }
    return null;
  }

  closingNothing() { return this.say(`\`${this.text.at(this.index)}\` closes no bracket`, this.index, "Remove it."); }

  /** The end of a quoted text or of brackets on the same line right before the problem's place. */
  valueBefore() {
    let i = this.index - 1;
    while (this.text.isBlank(i)) i--;
    const c = this.text.at(i);
    return c !== undefined && "\"']}".includes(c) ? i : null;
  }
}

function firstNonBlank(text, line) {
  for (let i = line.start; i < line.end; i++) if (!text.isBlank(i)) return i;
  return null;
}

/** The complaint of a text that YAML takes for something of its own: "a tag", "an anchor", "an alias". */
function takenFor(what, index, text) {
  const written = wordAt(index, text);
  let hint = `Quote the text: ${quotedRest(text, index)}. Otherwise remove \`${written}\`.`;
  if (written.startsWith("!!") || written.startsWith("!<") || written === "!") {
    let rest = index + Array.from(written).length;
    while (text.isBlank(rest)) rest++;
    hint = `Remove \`${written}\`. If the value is text, quote it: ${text.isLineEnd(rest) ? '"…"' : quotedRest(text, rest)}.`;
  }
  return new Complaint(`YAML takes \`${written}\` for ${what}, not for text`, index, hint, "spec.unquoted");
}

/** What stands at an index up to the next blank. */
function wordAt(index, text) {
  let end = index;
  while (!text.isBlank(end) && !text.isLineEnd(end) && (end === index || !",[]{}".includes(text.at(end)))) end++;
  return text.slice(index, end);
}

/** The rest of a line, or of a value in brackets, in quotes. */
function quotedRest(text, index) {
  const line = text.lineAt(index);
  const isInBrackets = /[[{]/.test(text.slice(line.start, index));
  let end = index;
  while (end < line.end && (end === index || !isInBrackets || !",]}".includes(text.at(end)))) end++;
  while (end > index && text.isBlank(end - 1)) end--;
  return `"${text.slice(index, end).replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/** The first bracket that is not closed, or whose place another kind of bracket closes. */
function firstUnclosedBracket(text) {
  const openings = [];
  const isTokenStart = (index, isInBlock) => {
    let i = index - 1;
    while (text.isBlank(i)) i--;
    const before = text.at(i);
    if (i < 0 || text.isLineEnd(i) || "[{,".includes(before)) return true;
    return (before === ":" || ((before === "-" || before === "?") && isInBlock)) && (i < index - 1 || !isInBlock);
  };
  const endOfQuote = (index) => {
    const quote = text.at(index);
    let i = index + 1;
    for (; text.at(i) !== undefined; i++) {
      if (text.at(i) === "\\" && quote === '"') i++;
      else if (text.at(i) === quote) {
        if (quote !== "'" || text.at(i + 1) !== "'") return i;
        i++;
      }
    }
    return i;
  };
  for (let i = 0; text.at(i) !== undefined; i++) {
    const c = text.at(i);
    if ((c === '"' || c === "'") && isTokenStart(i, !openings.length)) i = endOfQuote(i);
    else if (c === "#" && (i === 0 || text.isBlank(i - 1) || text.isLineEnd(i - 1))) i = text.lineAt(i).end;
    else if ((c === "[" || c === "{") && (openings.length || isTokenStart(i, true))) openings.push(i);
    else if ((c === "]" || c === "}") && openings.length) {
      const opening = openings.pop();
      if ((text.at(opening) === "[") !== (c === "]")) return { opening, mismatch: i };
    }
  }
  return openings.length ? { opening: openings.at(-1), mismatch: null } : null;
}
