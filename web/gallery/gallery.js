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
