// swift-format-ignore-file
// `make generate` writes this file from web/report.

enum ReportPage {
    static let html = ###"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'sha256-qrrDdFxqa8HAzirbzT5aTn8rBPiftd/UrH/w+KiCwmU='; script-src 'sha256-DKTrJrXg2/wUr+q4n6BgbOFZOPxyht2ubnUP4+9axxw='; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='4.5' cy='11.5' r='3' fill='%23d4281c'/%3E%3Cpath d='M6.5 9.5 13 3M8.500 3H13v4.500' stroke='%231f57d6' stroke-width='2' fill='none'/%3E%3C/svg%3E">
<title>Report of an edit</title>
<style>/* Colours, type and controls that the pages of clipdragd share. Contrast: text 4.5:1 and signs 3:1 at least, both themes. */

:root {
  color-scheme: light dark;
  --ground: light-dark(#f3f2ee, #131518);
  --surface: light-dark(#ffffff, #1d2024);
  --sunken: light-dark(#f8f7f4, #17191d);
  --ink: light-dark(#1c2126, #e9eaec);
  --muted: light-dark(#565e68, #a7adb6);
  --line: light-dark(#dcd9d1, #33383f);
  --edge: light-dark(#858b93, #767d87);
  --accent: light-dark(#2a59c8, #8fb2ff);
  --accent-ink: light-dark(#ffffff, #0c1836);
  --accent-soft: light-dark(#e6edfb, #243150);
  --good: light-dark(#1c6a39, #83d69d);
  --good-soft: light-dark(#e4f3e8, #1c3324);
  --warn: light-dark(#7d5300, #f0c169);
  --warn-soft: light-dark(#fbf0d9, #38301c);
  --bad: light-dark(#ab1f17, #ffa199);
  --bad-soft: light-dark(#fce8e6, #42211f);
  --shadow: 0 1px 2px light-dark(rgb(20 24 30 / 8%), rgb(0 0 0 / 40%)), 0 7px 22px light-dark(rgb(20 24 30 / 8%), rgb(0 0 0 / 35%));
  --radius: 8px;
  --sans: "Inter", "Segoe UI", system-ui, "Noto Sans", "DejaVu Sans", sans-serif;
  --mono: "JetBrains Mono", ui-monospace, "Cascadia Mono", "DejaVu Sans Mono", monospace;
}

:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }

*, *::before, *::after { box-sizing: border-box; }
[hidden] { display: none !important; }

body {
  margin: 0;
  background: var(--ground);
  color: var(--ink);
  font: 14px/1.45 var(--sans);
  -webkit-font-smoothing: antialiased;
}

h1, h2, h3, p, ul, ol { margin: 0; padding: 0; }
ul, ol { list-style: none; }
code, textarea.code { font-family: var(--mono); font-size: 12.5px; }
button, input, select, textarea { font: inherit; color: inherit; }

:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }

.button, .icon-button, .tool {
  display: inline-flex;
  align-items: center;
  justify-content: center;
  gap: 6px;
  min-height: 34px;
  padding: 0 12px;
  border: 1px solid var(--edge);
  border-radius: var(--radius);
  background: var(--surface);
  cursor: pointer;
  white-space: nowrap;
}

.button:hover, .icon-button:hover { background: var(--accent-soft); }
.button.is-main { border-color: var(--accent); background: var(--accent); color: var(--accent-ink); font-weight: 600; }
.button.is-main:hover { filter: brightness(1.08); }
.button:disabled, .button[aria-disabled="true"] { border-color: var(--line); background: var(--sunken); color: var(--muted); cursor: default; }
.button[aria-pressed="true"] { border-color: var(--accent); background: var(--accent-soft); color: var(--accent); }
.icon-button { min-width: 32px; min-height: 32px; padding: 0; border-color: transparent; background: transparent; font-size: 17px; line-height: 1; }

input[type="text"], input[type="number"], input[type="search"], select, textarea {
  width: 100%;
  min-height: 34px;
  padding: 5px 9px;
  border: 1px solid var(--edge);
  border-radius: 6px;
  background: var(--surface);
}

input[aria-invalid="true"], select[aria-invalid="true"], textarea[aria-invalid="true"] { border-color: var(--bad); }
::placeholder { color: var(--muted); opacity: 1; }

.hint { color: var(--muted); font-size: 12.5px; }
.visually-hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }

@media (prefers-reduced-motion: no-preference) {
  .button, .icon-button, .tool { transition: background-color 0.12s, border-color 0.12s; }
}

/* What report and gallery share besides common.css. */
body { font-size: 15px; line-height: 1.5; }

h1, h2, h3 { line-height: 1.25; }
h1 { font-size: 1.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; }
h3 { font-size: 0.95rem; }

input[type="search"], select { width: auto; }
input[type="range"] { accent-color: var(--accent); width: 100%; min-height: 1.5rem; }
input[type="checkbox"] { accent-color: var(--accent); width: 1.05rem; height: 1.05rem; }

pre { font-family: var(--mono); font-size: 12.5px; }

.panel {
  background: var(--surface);
  border: 1px solid var(--line);
  border-radius: 10px;
  box-shadow: var(--shadow);
  padding: 1rem 1.1rem;
}

.badge {
  display: inline-block;
  padding: 0.1rem 0.6rem;
  border-radius: 999px;
  font-weight: 600;
  font-size: 0.87rem;
  max-width: 100%;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  color: var(--muted);
  background: var(--sunken);
}
.badge.good { color: var(--good); background: var(--good-soft); }
.badge.middling { color: var(--warn); background: var(--warn-soft); }
.badge.bad { color: var(--bad); background: var(--bad-soft); }

header {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1.5rem;
  align-items: center;
  justify-content: space-between;
  max-width: 1280px;
  margin: 0 auto;
  padding: 1.4rem 1.2rem 0.9rem;
}
#answer .badge { font-size: 1.05rem; padding: 0.25rem 1rem; white-space: normal; border-radius: 1.1rem; }

main, .column { display: flex; gap: 1rem; }
main {
  max-width: 1280px;
  margin: 0 auto;
  padding: 0 1.2rem 2.5rem;
  align-items: flex-start;
}
.column { flex: 2 1 0; flex-direction: column; align-items: stretch; min-width: 0; }
.column:first-child { flex-grow: 3; }
h2 { margin-bottom: 0.6rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.6rem; align-items: baseline; }

#stage {
  position: relative;
  overflow: hidden;
  margin: 0 auto;
  border-radius: 6px;
  touch-action: none;
  cursor: ew-resize;
  background: repeating-conic-gradient(#b9b9b9 0 25%, #d6d6d6 0 50%) 0 0 / 18px 18px;
}
#stage img { display: block; width: 100%; height: 100%; user-select: none; }
#stage.pixels img { image-rendering: pixelated; }
#after, #mask, #marks { position: absolute; inset: 0; width: 100%; height: 100%; }
#after { clip-path: inset(0 0 0 var(--cut, 50%)); }
#divider {
  position: absolute;
  top: 0;
  bottom: 0;
  left: var(--cut, 50%);
  width: 2px;
  margin-left: -1px;
  background: #fff;
  box-shadow: 0 0 3px rgb(0 0 0 / 80%);
}
#divider::after {
  content: "⇔";
  position: absolute;
  top: 50%;
  left: 50%;
  width: 30px;
  height: 30px;
  margin: -15px;
  border-radius: 50%;
  background: #fff;
  color: #1b1d21;
  font-size: 16px;
  line-height: 28px;
  text-align: center;
  box-shadow: 0 1px 4px rgb(0 0 0 / 60%);
}
.alone #divider { display: none; }
.alone #after { clip-path: none; }
.alone { cursor: default; }

.control {
  display: flex;
  gap: 0.7rem;
  align-items: center;
  margin-top: 0.7rem;
}
.control output { min-width: 9.5em; text-align: right; font-variant-numeric: tabular-nums; }
#play { min-width: 5.2rem; }
.switches { flex-wrap: wrap; gap: 0.4rem 1.4rem; }
.switches label { display: inline-flex; gap: 0.45rem; align-items: center; }

.part + .part { border-top: 1px solid var(--line); margin-top: 0.8rem; padding-top: 0.8rem; }
.part .row { justify-content: space-between; }
.part h3 { min-width: 0; overflow-wrap: anywhere; }
.numbers { list-style: none; margin: 0.5rem 0 0; padding: 0; display: grid; gap: 0.35rem; }
.numbers li { display: grid; grid-template-columns: 4.6rem minmax(0, 1fr); gap: 0.6rem; }
.numbers b { font-variant-numeric: tabular-nums; text-align: right; }
.numbers .hint { font-size: 0.87rem; }

dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: 0.3rem 1rem; margin: 0.9rem 0 0; }
#facts { border-top: 1px solid var(--line); padding-top: 0.8rem; }
#origin { margin-top: 0; }
dt { color: var(--muted); }
dd { margin: 0; overflow-wrap: anywhere; }
dd code { font-size: 0.8em; }

.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(270px, 1fr)); gap: 1.1rem; margin-top: 0.8rem; }
.chart { margin: 0; }
.chart figcaption { display: flex; justify-content: space-between; gap: 0.5rem; font-size: 0.9rem; }
.chart figcaption output { font-variant-numeric: tabular-nums; font-weight: 600; }
.chart svg { display: block; width: 100%; height: 120px; background: var(--ground); border-radius: 6px; }
.chart .curve { fill: none; stroke: var(--accent); stroke-width: 1.6; vector-effect: non-scaling-stroke; }
.chart .zero { stroke: var(--edge); stroke-width: 1; stroke-dasharray: 3 3; vector-effect: non-scaling-stroke; }
.chart .here { stroke: var(--bad); stroke-width: 1.5; vector-effect: non-scaling-stroke; }
.chart .ends { display: flex; justify-content: space-between; font-size: 0.78rem; color: var(--muted); font-variant-numeric: tabular-nums; }
.chart .meaning { font-size: 0.82rem; color: var(--muted); }

table { border-collapse: collapse; width: 100%; font-size: 0.92rem; }
th { text-align: left; color: var(--muted); font-weight: 600; }
th, td { padding: 0.3rem 0.5rem 0.3rem 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.origin { white-space: nowrap; padding-left: 0.6rem; }
tr.named td { border-bottom: 0; padding-bottom: 0; }
tr.meaning td { padding-top: 0.1rem; }
tfoot td { font-weight: 600; border-bottom: 0; }
.bar { position: relative; height: 0.55rem; background: var(--line); border-radius: 4px; min-width: 5rem; margin-top: 0.5rem; overflow: hidden; }
.bar i { position: absolute; inset: 0 auto 0 0; background: var(--accent); border-radius: 4px; }

#spec {
  max-height: 24rem;
  overflow: auto;
  margin: 0.6rem 0 0;
  padding: 0.7rem;
  background: var(--ground);
  border-radius: 6px;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
#notes { list-style: disc; padding-left: 1.2rem; }
#notes li { overflow-wrap: anywhere; }

@media (max-width: 860px) {
  main { flex-direction: column; align-items: stretch; }
}
</style>
</head>
<body>
<header>
  <div>
    <h1 id="name">Report</h1>
    <p class="hint" id="line"></p>
  </div>
  <p id="answer"></p>
</header>
<noscript><p class="panel">This report draws itself with a script, which this browser does not run.</p></noscript>
<main>
  <section class="panel viewer" aria-label="The picture before and after">
    <div id="stage">
      <img id="before" alt="The picture before the edit" draggable="false">
      <img id="after" alt="The picture after the edit" draggable="false">
      <img id="mask" alt="" draggable="false">
      <svg id="marks" aria-hidden="true"></svg>
      <div id="divider" aria-hidden="true"></div>
    </div>
    <div class="control" id="slider">
      <label for="cut">Before</label>
      <input type="range" id="cut" min="0" max="100" value="50" step="1" aria-label="Share of the picture that shows the state before the edit">
      <span aria-hidden="true">After</span>
    </div>
    <div class="control" id="player">
      <button type="button" class="button" id="play">Play</button>
      <input type="range" id="step" min="0" max="0" value="0" step="1" aria-label="Step of the drag">
      <output id="at" for="step"></output>
    </div>
    <div class="control switches">
      <label><input type="checkbox" id="show-marks" checked> Handles and paths</label>
      <label id="mask-switch"><input type="checkbox" id="show-mask"> Mask</label>
      <span class="hint" id="scale"></span>
    </div>
  </section>

  <section class="panel" id="answers" aria-labelledby="verdict-title">
    <h2 id="verdict-title">Verdict</h2>
    <div id="verdict"></div>
    <dl id="facts"></dl>
  </section>

  <section class="panel" id="course" aria-labelledby="course-title">
    <h2 id="course-title">Course of the edit</h2>
    <p class="hint">Move over a curve, or move the step above: all curves show the same step.</p>
    <div class="charts" id="charts"></div>
  </section>

  <section class="panel" aria-labelledby="times-title">
    <h2 id="times-title">Times</h2>
    <div id="times"></div>
  </section>

  <section class="panel" aria-labelledby="settings-title">
    <h2 id="settings-title">Settings that differ from the preset</h2>
    <div id="settings"></div>
  </section>

  <section class="panel" id="notes-panel" aria-labelledby="notes-title">
    <h2 id="notes-title">Notes</h2>
    <ul id="notes"></ul>
  </section>

  <section class="panel" aria-labelledby="spec-title">
    <div class="row">
      <h2 id="spec-title">Spec, as it was run</h2>
      <button type="button" class="button" id="copy">Copy the spec</button>
      <span role="status" id="copied" class="hint"></span>
    </div>
    <pre id="spec" tabindex="0"></pre>
  </section>

  <section class="panel" aria-labelledby="origin-title">
    <h2 id="origin-title">Model and files</h2>
    <dl id="origin"></dl>
  </section>
</main>
<script type="application/json" id="data">{{data}}</script>
<script>"use strict";

/** An element with attributes and children; texts become text nodes, so nothing of them is read as HTML. */
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

/** An element of a drawing. */
function shape(name, attributes = {}, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

/** A number with about four digits. */
function plain(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0 || Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size >= 1e5 || size < 1e-4) return value.toExponential(2);
  return String(Number(value.toPrecision(4)));
}

/** Seconds as people say them. */
function duration(seconds) {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 100 ? `${minutes} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** A moment in the reader's own time. */
function moment(text) {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  const two = (n) => String(n).padStart(2, "0");
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} ${two(date.getHours())}:${two(date.getMinutes())}`;
}

/** What is said, in the colour of an answer: good, middling, bad or none. */
function badge(answer, words) {
  return element("span", { class: `badge ${answer ?? ""}` }, words);
}

"use strict";

/** Width and height of a chart's own coordinates. */
const chartWidth = 300;
const chartHeight = 100;

/**
 * A curve of values over the steps. `series` has a title, what it means, and values that may be null.
 *
 * @returns the figure, with `show(index)` for the step that all charts point at.
 */
function chart(series, onPoint) {
  const known = series.values.filter((value) => value !== null);
  let low = Math.min(...known);
  let high = Math.max(...known);
  if (series.range) [low, high] = series.range;
  if (low === high) [low, high] = [low - Math.abs(low || 1) * 0.1, high + Math.abs(high || 1) * 0.1];
  const last = Math.max(1, series.values.length - 1);
  const x = (index) => (index / last) * chartWidth;
  const y = (value) => 5 + (1 - (value - low) / (high - low)) * (chartHeight - 10);

  const drawing = shape("svg", { viewBox: `0 0 ${chartWidth} ${chartHeight}`, preserveAspectRatio: "none", role: "img" });
  drawing.append(shape("title", {}, `${series.title}: from ${plain(known[0])} to ${plain(known[known.length - 1])}`));
  if (low < 0 && high > 0) {
    drawing.append(shape("line", { class: "zero", x1: 0, x2: chartWidth, y1: y(0), y2: y(0) }));
  }
  drawing.append(shape("path", { class: "curve", d: curve(series.values, x, y) }));
  const here = shape("line", { class: "here", x1: 0, x2: 0, y1: 0, y2: chartHeight });
  drawing.append(here);

  const value = element("output", {}, "");
  const figure = element(
    "figure", { class: "chart" },
    element("figcaption", {}, element("span", {}, series.title), value),
    drawing,
    element("div", { class: "ends" }, element("span", {}, `${plain(low)} … ${plain(high)}`), element("span", {}, series.span)),
    element("div", { class: "meaning" }, series.meaning));
  drawing.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const part = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    onPoint(Math.round(part * last));
  });
  figure.show = (index) => {
    const place = Math.min(last, Math.max(0, index));
    here.setAttribute("x1", x(place));
    here.setAttribute("x2", x(place));
    value.textContent = plain(series.values[place]);
  };
  figure.show(series.values.length - 1);
  return figure;
}

/** A path through the values; it breaks where one is missing, and shows a lone value as a short dash. */
function curve(values, x, y) {
  let path = "";
  let isDrawing = false;
  values.forEach((value, index) => {
    if (value === null) {
      isDrawing = false;
      return;
    }
    path += `${isDrawing ? "L" : "M"}${x(index).toFixed(1)} ${y(value).toFixed(1)}`;
    if (!isDrawing) path += "h1";
    isDrawing = true;
  });
  return path;
}

"use strict";

/** The longest side at which a picture is shown, and the side below which its pixels are shown as squares. */
const largestStage = 720;
const pixelArt = 256;

/** Shows the picture before and after with its marks; `show(index)` goes to a step of the drag. */
function viewer(data, onStep) {
  const find = (id) => document.getElementById(id);
  const stage = find("stage");
  const { before, after, mask, width, height, drags } = data;
  stage.style.aspectRatio = `${width} / ${height}`;
  stage.style.maxWidth = `min(100%, ${Math.round((largestStage * width) / Math.max(width, height))}px)`;
  stage.classList.toggle("pixels", Math.max(width, height) <= pixelArt);
  find("after").src = after;
  if (before) {
    find("before").src = before;
    slide(stage, find("cut"));
  } else {
    find("before").remove();
    find("slider").hidden = true;
    stage.classList.add("alone");
  }

  find("mask").hidden = true;
  if (mask) {
    find("mask").src = mask;
    find("show-mask").addEventListener("change", (event) => { find("mask").hidden = !event.target.checked; });
  } else {
    find("mask-switch").hidden = true;
  }

  const marks = find("marks");
  marks.setAttribute("viewBox", `0 0 ${width} ${height}`);
  find("show-marks").addEventListener("change", (event) => { marks.toggleAttribute("hidden", !event.target.checked); });
  const stroke = Math.max(width, height) / 220;
  const drawn = drags.map((drag) => drawDrag(marks, drag, stroke));

  const steps = Math.max(0, ...drags.map((drag) => drag.path.length));
  const slider = find("step");
  slider.max = String(steps);
  const show = (index) => {
    slider.value = String(index);
    drawn.forEach((draw) => draw(index));
    find("at").textContent = index === 0 ? "before the drag" : `step ${data.steps[index - 1] + 1} of ${data.stepCount}`;
    slider.setAttribute("aria-valuetext", find("at").textContent);
  };
  slider.addEventListener("input", () => onStep(Number(slider.value)));
  if (steps === 0) find("player").hidden = true;
  if (drags.length === 0) find("show-marks").parentElement.hidden = true;
  play(find("play"), slider, steps, onStep);
  show(steps);
  return { show, steps };
}

/** Lets the slider and the pointer move the border between before and after. */
function slide(stage, slider) {
  const move = () => stage.style.setProperty("--cut", `${slider.value}%`);
  slider.addEventListener("input", move);
  const follow = (event) => {
    const box = stage.getBoundingClientRect();
    slider.value = String(Math.round(Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)) * 100));
    move();
  };
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    follow(event);
  });
  stage.addEventListener("pointermove", (event) => { if (event.buttons & 1) follow(event); });
  move();
}

/** Draws one drag; the function it gives moves the handle to a step. */
function drawDrag(marks, drag, stroke) {
  const line = (color, width) => shape("polyline", {
    fill: "none", stroke: color, "stroke-width": width, "stroke-linejoin": "round", "stroke-linecap": "round",
  });
  const wish = shape("line", {
    x1: drag.from[0], y1: drag.from[1], x2: drag.to[0], y2: drag.to[1],
    stroke: "#fff", "stroke-width": stroke * 0.8, "stroke-dasharray": `${stroke * 2} ${stroke * 2}`,
  });
  const rim = line("#1b1d21", stroke * 1.9);
  const path = line("#ffd91a", stroke * 1.1);
  const dot = (x, y, r, color) => shape("circle", {
    cx: x, cy: y, r: r * stroke, fill: color, stroke: "#fff", "stroke-width": stroke * 0.7,
  });
  const target = dot(drag.to[0], drag.to[1], 2, "#1a59f2");
  const handle = dot(drag.from[0], drag.from[1], 2, "#e61a26");
  marks.append(wish, rim, path, target, handle);
  return (index) => {
    const points = index === 0 ? [drag.from] : [drag.from, ...drag.lead, ...drag.path.slice(0, index)];
    const text = points.map((point) => point.join(",")).join(" ");
    rim.setAttribute("points", text);
    path.setAttribute("points", text);
    const [x, y] = points[points.length - 1];
    handle.setAttribute("cx", x);
    handle.setAttribute("cy", y);
  };
}

/** Plays the steps in about three seconds. */
function play(button, slider, steps, onStep) {
  let timer = null;
  const stop = () => {
    clearInterval(timer);
    timer = null;
    button.textContent = "Play";
  };
  button.addEventListener("click", () => {
    if (timer !== null) return stop();
    button.textContent = "Pause";
    let at = Number(slider.value) >= steps ? 0 : Number(slider.value);
    onStep(at);
    timer = setInterval(() => {
      at += 1;
      onStep(Math.min(at, steps));
      if (at >= steps) stop();
    }, Math.min(120, Math.max(16, 3000 / Math.max(1, steps))));
  });
  slider.addEventListener("input", stop);
}

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
</script>
</body>
</html>
"""###
}
