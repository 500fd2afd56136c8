"use strict";

/** Fills the page from its data. */
function fill(data) {
  const find = (id) => document.getElementById(id);
  document.title = `${data.name}: ${data.answer.words}`;
  find("name").textContent = data.name;
  find("line").textContent = `${moment(data.finished)}, ${duration(data.seconds)}, model ${data.model.name}, preset ${data.preset}`;
  find("answer").append(badge(data.answer.answer, data.answer.words));
  find("scale").textContent = data.shown;
  find("verdict").append(...data.parts.map(part));
  list(find("facts"), data.facts);
  fillCourse(find, data);
  find("times").append(times(data));
  find("settings").append(settings(data));
  find("notes").append(...data.notes.map((note) => element("li", {}, note)));
  find("notes-panel").hidden = data.notes.length === 0;
  find("spec").textContent = data.spec;
  find("copy").addEventListener("click", () => copy(data.spec, find("spec"), find("copied")));
  list(find("origin"), data.origin, true);
}

/** The curves, moved by the viewer's step and moving it. */
function fillCourse(find, data) {
  let parts;
  const go = (index) => {
    parts.viewer.show(index);
    parts.charts.forEach((figure) => figure.show(index - 1));
  };
  const charts = data.series.map((series) => chart(series, (index) => go(index + 1)));
  parts = { viewer: viewer(data, go), charts };
  find("charts").append(...charts);
  if (data.fineTuning.length > 0) {
    const figure = chart(
      { title: "Fine-tuning loss", meaning: data.fineTuningMeaning, values: data.fineTuning, span: `${data.fineTuningSteps} steps` },
      (index) => figure.show(index));
    find("charts").append(figure);
  }
  find("course").hidden = find("charts").children.length === 0;
}

/** One answer of the verdict with its numbers. */
function part(answer) {
  return element(
    "div", { class: "part" },
    element("div", { class: "row" }, element("h3", {}, answer.title), badge(answer.answer, answer.words)),
    element("p", {}, answer.sentence),
    element("ul", { class: "numbers" }, ...answer.numbers.map(number)));
}

/** A number of the verdict, and what it means. */
function number({ name, value, meaning }) {
  const words = element("span", {}, name);
  if (meaning) words.append(element("br"), element("span", { class: "hint" }, meaning));
  return element("li", {}, element("b", {}, Number.isInteger(value) ? plain(value) : value.toFixed(3)), words);
}

/** Names with their texts. */
function list(target, rows, isCode = false) {
  for (const [name, text] of rows) {
    target.append(element("dt", {}, name), element("dd", {}, isCode && text.length > 30 ? element("code", {}, text) : text));
  }
}

/** What every stage took, beside what was forecast. */
function times(data) {
  const longest = Math.max(...data.stages.map((stage) => Math.max(stage.seconds, stage.forecast ?? 0)), 0.001);
  const rows = data.stages.map((stage) => {
    const bar = element("i");
    bar.style.width = `${(100 * stage.seconds) / longest}%`;
    return element(
      "tr", {}, element("td", {}, stage.title, stage.note ? element("span", { class: "hint" }, ` (${stage.note})`) : null),
      element("td", { class: "number" }, duration(stage.seconds)),
      element("td", { class: "number" }, stage.forecast === null ? "–" : `${duration(stage.forecast)}`),
      element("td", {}, element("div", { class: "bar" }, bar)));
  });
  return element(
    "table", {},
    element("thead", {}, element(
      "tr", {}, element("th", { scope: "col" }, "Stage"), element("th", { scope: "col", class: "number" }, "took"),
      element("th", { scope: "col", class: "number" }, "forecast"), element("th", {}, element("span", { class: "visually-hidden" }, "share")))),
    element("tbody", {}, ...rows),
    element("tfoot", {}, ...data.totals.map(([name, took, forecast]) => element(
      "tr", {}, element("td", {}, name), element("td", { class: "number" }, took),
      element("td", { class: "number" }, forecast ?? "–"), element("td")))));
}

/** Settings that are not the preset's. */
function settings(data) {
  if (data.settings.length === 0) return element("p", { class: "hint" }, `None: all are those of ${data.preset}.`);
  const rows = data.settings.flatMap((setting) => [
    element(
      "tr", { class: "named" },
      element("td", {}, element("code", {}, setting.name)),
      element("td", { class: "number" }, setting.value),
      element("td", { class: "number" }, setting.preset),
      element("td", { class: "origin" }, setting.origin)),
    element("tr", { class: "meaning" }, element("td", { class: "hint", colspan: "4" }, setting.text)),
  ]);
  return element(
    "table", {},
    element("thead", {}, element(
      "tr", {}, element("th", { scope: "col" }, "Setting"), element("th", { scope: "col", class: "number" }, "here"),
      element("th", { scope: "col", class: "number" }, "preset"), element("th", { scope: "col", class: "origin" }, "from"))),
    element("tbody", {}, ...rows));
}

/** Copies a text, by selection where the browser has no clipboard for files. */
async function copy(text, source, status) {
  try {
    await navigator.clipboard.writeText(text);
    status.textContent = "Copied.";
  } catch {
    const range = document.createRange();
    range.selectNodeContents(source);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    status.textContent = document.execCommand("copy") ? "Copied." : "Selected: press Ctrl+C.";
  }
}

/**
 * Lays out the panels: on a wide page the picture with its curves on the left, the verdict on the right, and each further panel in the
 * column that is shorter; on a narrow page all below one another.
 */
function arrange(main, panels, isWide) {
  main.replaceChildren(...panels);
  if (!isWide) return;
  const columns = [0, 1].map(() => element("div", { class: "column" }));
  const first = [panels.filter((panel) => panel.matches(".viewer, #course")), panels.filter((panel) => panel.id === "answers")];
  columns.forEach((column, i) => column.append(...first[i]));
  main.replaceChildren(...columns);
  for (const panel of panels) {
    if (first.flat().includes(panel)) continue;
    const [left, right] = columns.map((column) => column.offsetHeight);
    columns[left < right ? 0 : 1].append(panel);
  }
}

fill(JSON.parse(document.getElementById("data").textContent));
const width = matchMedia("(min-width: 861px)");
const main = document.querySelector("main");
const panels = [...main.children];
arrange(main, panels, width.matches);
width.addEventListener("change", () => arrange(main, panels, width.matches));
