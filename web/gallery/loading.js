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
