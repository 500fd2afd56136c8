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
