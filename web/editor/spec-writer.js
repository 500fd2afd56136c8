// A spec as YAML: short, in one order, and ended by `...`, so that the daemon takes a file that was written in place at once.

/** Double-quoted YAML, every special character escaped. */
function quotedYAML(text) {
  return `"${Array.from(text, (c) => {
    const simple = { '"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r" }[c];
    if (simple) return simple;
    if (isPrintable(c) && c !== "\ufeff") return c;
    const number = c.codePointAt(0);
    return number > 0xffff ? "\\U" + hexadecimal(number, 8) : "\\u" + hexadecimal(number, 4);
  }).join("")}"`;
}

/** A text without quotes where YAML leaves it alone, else in quotes. */
function yamlText(text) {
  const isSafe = /^[\p{L}][\p{L}\p{M}\p{N} _.()'/-]*$/u.test(text) && !text.endsWith(" ") && isPrintable(text[0])
    && !/^(true|false|null|yes|no|on|off|y|n|inf|infinity|nan)$/i.test(text) && swiftNumber(text) === null;
  return isSafe ? text : quotedYAML(text);
}

/** A value as it was written: a number, a word; whatever else is quoted, so that it stays one value. */
const yamlWord = (text) => (/^[A-Za-z0-9_.+-]+$/.test(text) ? text : quotedYAML(text));

const yamlNumbers = (numbers) => `[${numbers.map(String).join(", ")}]`;

function yamlShape(shape) {
  if (shape.file !== undefined) return yamlText(shape.file);
  if (shape.rect) return `{rect: ${yamlNumbers(shape.rect)}}`;
  if (shape.circle) return `{circle: ${yamlNumbers(shape.circle)}}`;
  return `{polygon: [${shape.polygon.map(yamlNumbers).join(", ")}]}`;
}

const yamlEnd = (end) => (Array.isArray(end) ? yamlNumbers(end) : yamlShape(end));

/** The YAML of a spec; what it leaves to defaults is left out. */
function writeSpec(spec) {
  const lines = [];
  const put = (key, value) => { if (value !== null && value !== undefined) lines.push(`${key}: ${value}`); };
  put("image", spec.image === null ? null : yamlText(spec.image));
  if (spec.source !== null || spec.edit !== null) {
    lines.push("prompt:");
    put("  source", spec.source === null ? null : yamlText(spec.source));
    put("  edit", spec.edit === null ? null : yamlText(spec.edit));
  }
  if (spec.drags.length) {
    lines.push("drags:");
    for (const { from, to } of spec.drags) lines.push(`  - {from: ${yamlEnd(from)}, to: ${yamlEnd(to)}}`);
  }
  if (spec.mask.length === 1) put("mask", yamlShape(spec.mask[0]));
  else if (spec.mask.length) lines.push("mask:", ...spec.mask.map((shape) => `  - ${yamlShape(shape)}`));
  if (spec.region !== null) put("region", typeof spec.region === "string" ? spec.region : yamlShape(spec.region));
  put("units", spec.units);
  put("preset", spec.preset);
  put("method", spec.method);
  put("seed", spec.seed === null ? null : yamlWord(spec.seed));
  put("priority", spec.priority === null ? null : yamlWord(spec.priority));
  lines.push(...settingLines(spec.settings), ...outputLines(spec.output));
  return lines.length ? [...lines, "...", ""].join("\n") : "";
}

function settingLines(settings) {
  const given = TABLES.settings.filter(({ name }) => settings[name] !== undefined);
  if (!given.length) return [];
  const lines = ["settings:"];
  for (const { name } of given.filter(({ name }) => !name.includes("."))) {
    lines.push(`  ${name}: ${yamlWord(settings[name])}`);
  }
  for (const group of TABLES.groups) {
    const members = given.filter(({ name }) => name.startsWith(`${group.name}.`));
    if (members.length) lines.push(`  ${group.name}:`);
    for (const { name } of members) {
      lines.push(`    ${name.slice(group.name.length + 1)}: ${yamlWord(settings[name])}`);
    }
  }
  return lines;
}

function outputLines(output) {
  const lines = [];
  if (output.format) lines.push(`  format: ${output.format}`);
  if (output.quality) lines.push(`  quality: ${yamlWord(output.quality)}`);
  if (output.extras) lines.push(`  extras: [${output.extras.join(", ")}]`);
  if (output.metrics) lines.push(`  metrics: ${output.metrics}`);
  return lines.length ? ["output:", ...lines] : [];
}
