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
