// swift-format-ignore-file
// `make generate` writes this file from web/gallery.

enum GalleryPage {
    static let html = ###"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src 'self' data: file:; style-src 'sha256-ZRVBQXaBkleNumhKKcS1SUAqY/YIZHbmNYyJt4cIRcM='; script-src 'sha256-ARrswNvUhJOCh4SFm0tNQDHp8BoiFhv1vGN8uNMvcn4=' 'self' file:; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='4.5' cy='11.5' r='3' fill='%23d4281c'/%3E%3Cpath d='M6.5 9.5 13 3M8.500 3H13v4.500' stroke='%231f57d6' stroke-width='2' fill='none'/%3E%3C/svg%3E">
<title>Gallery of edits</title>
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
  position: sticky;
  top: 0;
  z-index: 2;
  display: flex;
  flex-wrap: wrap;
  gap: 0.4rem 1.2rem;
  align-items: center;
  padding: 0.8rem 1.2rem;
  background: var(--surface);
  border-bottom: 1px solid var(--line);
}
#tools { display: flex; flex-wrap: wrap; gap: 0.5rem 1rem; margin-left: auto; align-items: center; }
#tools label { display: inline-flex; gap: 0.4rem; align-items: center; }
#tools label > span { color: var(--muted); font-size: 0.9rem; }
#words { width: 17rem; max-width: 60vw; }

main { padding: 1rem 1.2rem 2rem; }
#empty { max-width: 40rem; margin: 2rem auto; }

#grid { position: relative; list-style: none; margin: 0; padding: 0; }
.card { position: absolute; }
.card a {
  display: flex;
  flex-direction: column;
  height: 100%;
  overflow: hidden;
  color: inherit;
  text-decoration: none;
  background: var(--surface);
  border: 1px solid var(--line);
  border-radius: 10px;
}
.card a:hover { border-color: var(--accent); box-shadow: var(--shadow); }
.card a:focus-visible { outline-offset: -1px; border-radius: 10px; }

.pictures { position: relative; flex: 1 1 0; min-height: 0; background: var(--ground); }
.pictures img { position: absolute; inset: 0; width: 100%; height: 100%; object-fit: contain; }
.pictures .before { opacity: 0; }
.card a:hover .before, .card a:focus-visible .before, .all-before .before, .alone .before { opacity: 1; }
.card a:hover .before ~ .after, .card a:focus-visible .before ~ .after, .all-before .before ~ .after { opacity: 0; }
.pictures .which {
  position: absolute;
  left: 0.4rem;
  bottom: 0.4rem;
  padding: 0 0.5rem;
  border-radius: 999px;
  font-size: 0.75rem;
  color: #fff;
  background: rgb(0 0 0 / 72%);
  opacity: 0;
}
.card a:hover .which, .card a:focus-visible .which, .all-before .which { opacity: 1; }
.pictures .none { position: absolute; inset: 0; display: grid; place-items: center; color: var(--muted); font-size: 0.87rem; }

.caption { flex: none; height: 8.4rem; padding: 0.5rem 0.7rem; display: grid; grid-template: auto auto auto 1fr / minmax(0, 1fr); gap: 0.15rem; }
.caption .top { display: flex; gap: 0.5rem; align-items: baseline; min-width: 0; }
.caption bdi { flex: 1 1 auto; min-width: 0; font-weight: 600; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.caption .badge { font-size: 0.78rem; padding: 0 0.5rem; vertical-align: top; }
.caption .when { font-size: 0.8rem; color: var(--muted); white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.caption .text {
  font-size: 0.84rem;
  line-height: 1.3;
  overflow: hidden;
  display: -webkit-box;
  -webkit-box-orient: vertical;
  -webkit-line-clamp: 2;
  max-height: 2.6em;
  overflow-wrap: anywhere;
}
.failed .text { color: var(--bad); }

@media (max-width: 700px) {
  header { position: static; }
  #tools { margin-left: 0; }
}
</style>
</head>
<body>
<header>
  <h1>Gallery</h1>
  <p class="hint" id="count" role="status"></p>
  <form id="tools" role="search">
    <label><span>Search</span><input type="search" id="words" placeholder="name, text, model, error code" autocomplete="off" spellcheck="false"></label>
    <label><span>Show</span>
      <select id="which">
        <option value="all">all jobs</option>
        <option value="published">published</option>
        <option value="good">good: done, undamaged</option>
        <option value="middling">middling: partly, unclear</option>
        <option value="bad">bad: unchanged, damaged</option>
        <option value="failed">failed</option>
      </select></label>
    <label><span>Order</span>
      <select id="order">
        <option value="newest">newest first</option>
        <option value="oldest">oldest first</option>
        <option value="name">by name</option>
        <option value="verdict">by verdict</option>
        <option value="slowest">slowest first</option>
      </select></label>
    <label class="switch"><input type="checkbox" id="before"> <span>show before</span></label>
  </form>
</header>
<noscript><p class="panel">The gallery draws itself with a script, which this browser does not run.</p></noscript>
<main>
  <p id="empty" class="panel" hidden></p>
  <ul id="grid" aria-label="Jobs"></ul>
</main>
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

/** How often a visible page looks for new jobs. */
const refreshMilliseconds = 15000;

/** The jobs of every data file that has arrived. The files call galleryPages and galleryPage. */
const store = { pages: [], count: 0, onChange: () => {} };

function galleryPages(record) {
  store.count = record.pages;
  store.pages.length = Math.min(store.pages.length, record.pages);
}

function galleryPage(number, entries) {
  store.pages[number] = entries;
}

/** Runs a data file. A page on a disk may not fetch, so data are scripts; the time keeps a browser from an old copy. */
function load(name) {
  return new Promise((done) => {
    const script = document.createElement("script");
    script.src = `data/${name}?${Date.now()}`;
    script.onload = () => { script.remove(); done(true); };
    script.onerror = () => { script.remove(); done(false); };
    document.head.append(script);
  });
}

/** The name of a data file. */
function pageName(number) { return `${String(number).padStart(5, "0")}.js`; }

/** Loads the newest jobs first, then the others. */
async function loadAll() {
  await load("pages.js");
  for (let number = store.count - 1; number >= 0; number -= 1) {
    await load(pageName(number));
    store.onChange();
  }
  store.onChange();
}

/** Loads what has come since. */
async function refresh() {
  const before = store.count;
  const last = store.pages[before - 1]?.length ?? 0;
  await load("pages.js");
  for (let number = Math.max(0, before - 1); number < store.count; number += 1) await load(pageName(number));
  if (store.count !== before || (store.pages[before - 1]?.length ?? 0) !== last) store.onChange();
}

function keepFresh() {
  setInterval(() => { if (!document.hidden) refresh(); }, refreshMilliseconds);
}

"use strict";

/** The least width of a card, its height, and the gap between cards, pixels. */
const cardWidth = 268;
const cardHeight = 345;
const gap = 14;

/** A grid that holds only the cards in sight: ten thousand jobs scroll as well as ten. */
class Grid {
  constructor(place, makeCard) {
    this.place = place;
    this.makeCard = makeCard;
    this.entries = [];
    this.cards = new Map();
    const draw = () => this.draw();
    addEventListener("scroll", draw, { passive: true });
    addEventListener("resize", draw);
    place.addEventListener("keydown", (event) => this.step(event));
  }

  /** Shows these jobs. */
  set(entries) {
    this.entries = entries;
    for (const [index, card] of this.cards) {
      if (entries[index] !== card.entry) this.drop(index);
    }
    this.draw();
  }

  layout() {
    const width = this.place.clientWidth;
    const columns = Math.max(1, Math.floor((width + gap) / (cardWidth + gap)));
    return { columns, width: (width - gap * (columns - 1)) / columns };
  }

  draw() {
    const { columns, width } = this.layout();
    const rows = Math.ceil(this.entries.length / columns);
    this.place.style.height = `${Math.max(0, rows * (cardHeight + gap) - gap)}px`;
    const top = this.place.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(-top / (cardHeight + gap)) - 1) * columns;
    const last = Math.min(this.entries.length, (Math.ceil((innerHeight - top) / (cardHeight + gap)) + 1) * columns);
    const focused = document.activeElement?.closest(".card");
    for (const [index, card] of this.cards) {
      if ((index < first || index >= last) && card !== focused) this.drop(index);
    }
    for (let index = first; index < last; index += 1) this.card(index, columns, width);
    if (focused && this.cards.get(focused.index) === focused) this.card(focused.index, columns, width);
  }

  card(index, columns, width) {
    let card = this.cards.get(index);
    if (!card) {
      card = this.makeCard(this.entries[index]);
      card.entry = this.entries[index];
      card.index = index;
      card.setAttribute("aria-posinset", index + 1);
      this.cards.set(index, card);
      // In the order of the jobs, so that Tab follows it.
      const next = [...this.place.children].find((other) => other.index > index);
      this.place.insertBefore(card, next ?? null);
    }
    card.setAttribute("aria-setsize", this.entries.length);
    card.style.left = `${(index % columns) * (width + gap)}px`;
    card.style.top = `${Math.floor(index / columns) * (cardHeight + gap)}px`;
    card.style.width = `${width}px`;
    card.style.height = `${cardHeight}px`;
    return card;
  }

  drop(index) {
    this.cards.get(index).remove();
    this.cards.delete(index);
  }

  /** Moves the focus by arrow keys, Home and End. */
  step(event) {
    const card = event.target.closest(".card");
    if (!card || event.altKey || event.ctrlKey || event.metaKey) return;
    const { columns, width } = this.layout();
    const ways = {
      ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns,
      Home: -card.index, End: this.entries.length - 1 - card.index,
    };
    if (!(event.key in ways)) return;
    event.preventDefault();
    const index = card.index + ways[event.key];
    if (index < 0 || index >= this.entries.length) return;
    const target = this.card(index, columns, width);
    const link = target.querySelector("a");
    link.focus({ preventScroll: true });
    target.scrollIntoView({ block: "nearest" });
    this.draw();
  }
}

"use strict";

/** A job's card. */
function makeCard(entry) {
  const isFailed = entry.state === "failed";
  const picture = (kind, source) => source ? element("img", { class: kind, src: source, alt: "", loading: "lazy", decoding: "async" }) : null;
  const pictures = element("span", { class: "pictures" }, picture("before", entry.before), picture("after", entry.after));
  if (!entry.after) pictures.classList.add("alone");
  if (!entry.after && !entry.before) pictures.append(element("span", { class: "none" }, "no picture"));
  if (entry.before && entry.after) pictures.append(element("span", { class: "which" }, "before"));
  const words = isFailed ? entry.code : entry.words;
  const when = [moment(entry.finished), entry.seconds === null ? null : duration(entry.seconds), entry.model];
  const link = element(
    "a", { href: entry.link, title: `${entry.name}\n${entry.text}` }, pictures,
    element(
      "span", { class: "caption" },
      element(
        "span", { class: "top" }, element("bdi", {}, entry.name)),
      element("span", {}, words ? badge(isFailed ? "bad" : entry.answer, words) : ""),
      element("span", { class: "when" }, when.filter((part) => part).join(" · ")),
      element("span", { class: "text" }, entry.text)));
  return element("li", { class: `card ${entry.state}` }, link);
}

/** Whether a job is among those that the form asks for. */
function isWanted(entry, which, words) {
  const fits = {
    all: true,
    published: entry.state === "published",
    failed: entry.state === "failed",
  }[which] ?? (entry.state === "published" && entry.answer === which);
  if (!fits) return false;
  if (words.length === 0) return true;
  entry.all ??= [entry.name, entry.text, entry.model, entry.code, entry.words].join("\n").toLowerCase();
  return words.every((word) => entry.all.includes(word));
}

const verdicts = ["bad", "middling", "good", ""];

/** The orders of the form. */
const orders = {
  newest: (a, b) => b.finished < a.finished ? -1 : b.finished > a.finished ? 1 : 0,
  oldest: (a, b) => a.finished < b.finished ? -1 : a.finished > b.finished ? 1 : 0,
  name: (a, b) => a.name < b.name ? -1 : a.name > b.name ? 1 : 0,
  verdict: (a, b) => rank(a) - rank(b),
  slowest: (a, b) => (b.seconds ?? -1) - (a.seconds ?? -1),
};

/** Failures first, then what needs a look. */
function rank(entry) { return entry.state === "failed" ? -1 : verdicts.indexOf(entry.answer ?? ""); }

function start() {
  const find = (id) => document.getElementById(id);
  const grid = new Grid(find("grid"), makeCard);
  let isLoading = true;
  const show = () => {
    const words = find("words").value.toLowerCase().split(/\s+/).filter((word) => word);
    const all = store.pages.flatMap((page) => page ?? []).reverse();
    const wanted = all.filter((entry) => isWanted(entry, find("which").value, words)).sort(orders[find("order").value]);
    grid.set(wanted);
    const number = (n) => n.toLocaleString("en");
    find("count").textContent =
      `${wanted.length === all.length ? number(all.length) : `${number(wanted.length)} of ${number(all.length)}`} jobs${isLoading ? ", loading …" : ""}`;
    find("empty").hidden = wanted.length > 0 || isLoading;
    find("empty").textContent = all.length === 0
      ? "No job has ended yet. Each one appears here when it does."
      : "No job fits. Change the search, or show all jobs.";
  };
  for (const id of ["words", "which", "order"]) find(id).addEventListener("input", show);
  find("before").addEventListener("input", (event) => find("grid").classList.toggle("all-before", event.target.checked));
  find("tools").addEventListener("submit", (event) => event.preventDefault());
  addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement?.tagName !== "INPUT") {
      event.preventDefault();
      find("words").focus();
    }
  });
  store.onChange = show;
  loadAll().then(() => {
    isLoading = false;
    show();
    keepFresh();
  });
}

start();
</script>
</body>
</html>
"""###
}
