// Puts the page together: toolbar, files, keys, playback of a trajectory.

const TABLES = JSON.parse(byId("tables").textContent);

class App {
  constructor() {
    this.editor = new Editor();
    this.view = new CanvasView(byId("canvas"), this.editor);
    this.tools = new CanvasTools(this.editor, this.view);
    this.form = new EditForm(this.editor, this.view);
    this.yaml = new YAMLPane(this.editor);
    this.saving = new Saving(this.editor);
    this.makeToolbar();
    this.listen();
    this.update();
  }

  makeToolbar() {
    byId("tools").append(...TOOLS.map(({ name, label, key }) => element(
      "button", {
        type: "button", class: "tool", id: `tool-${name}`, "aria-pressed": "false", "aria-label": label,
        "aria-keyshortcuts": key, title: `${label} (${key.toUpperCase()})`, onclick: () => this.setTool(name),
      }, icon(name))));
    byId("tools").addEventListener("keydown", (event) => this.moveTool(event));
  }

  /** Arrow keys go from tool to tool; Tab leaves the toolbar. */
  moveTool(event) {
    const by = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const buttons = [...byId("tools").children];
    const at = buttons.indexOf(document.activeElement);
    buttons[(at + by + buttons.length) % buttons.length].focus();
    event.preventDefault();
    event.stopPropagation();
  }

  listen() {
    const { editor, view } = this;
    const click = (id, action) => byId(id).addEventListener("click", action);
    click("open", () => byId("file").click());
    click("open-empty", () => byId("file").click());
    byId("file").addEventListener("change", (event) => {
      this.openFiles([...event.target.files]);
      event.target.value = "";
    });
    click("undo", () => editor.undo());
    click("redo", () => editor.redo());
    click("zoom-in", () => view.zoomAt([view.width / 2, view.height / 2], 1.25));
    click("zoom-out", () => view.zoomAt([view.width / 2, view.height / 2], 0.8));
    click("zoom-fit", () => view.fit());
    click("zoom-level", () => view.zoomTo(1));
    click("theme", () => this.changeTheme());
    click("save", () => {
      this.showTab(byId("tab-save"));
      byId("stem").focus();
    });
    click("show-keys", () => byId("keys").showModal());
    click("close-keys", () => byId("keys").close());
    click("toggle-stretch", () => this.toggleStretch());
    for (const choice of document.querySelectorAll("[name=drag-shape]")) {
      choice.addEventListener("change", () => this.setDragShape(choice.value));
    }
    byId("brush").addEventListener("input", (event) => this.setBrush(Number(event.target.value)));
    for (const tab of document.querySelectorAll("[role=tab]")) {
      tab.addEventListener("click", () => this.showTab(tab));
      tab.addEventListener("keydown", (event) => this.moveTab(event, tab));
    }
    window.addEventListener("keydown", (event) => this.keyDown(event));
    window.addEventListener("paste", (event) => this.paste(event));
    window.addEventListener("beforeunload", (event) => { if (editor.history.canUndo && !this.isSaved) event.preventDefault(); });
    this.listenToDrops();
    editor.zoomChanged = (zoom) => {
      byId("zoom-level").textContent = `${(100 * zoom).toFixed(zoom < 0.1 ? 1 : 0)} %`;
      editor.setZoom(zoom * view.ratio);
    };
    editor.addEventListener("picture", () => view.fit());
    for (const name of ["change", "pending", "paint", "selection", "stretch"]) editor.addEventListener(name, () => view.draw());
    editor.addEventListener("change", () => {
      this.isSaved = false;
      this.update();
    });
    editor.addEventListener("pending", () => this.updateHint());
    editor.addEventListener("pointer", () => this.updatePlace());
    editor.addEventListener("say", ({ detail }) => { byId("spoken").textContent = detail; });
    editor.addEventListener("fail", ({ detail }) => this.toast(detail, "bad"));
    editor.addEventListener("done", ({ detail }) => {
      this.isSaved = true;
      this.toast(detail, "good");
    });
    editor.addEventListener("playback", () => this.startPlayback());
    this.listenToPlayback();
  }

  // Files

  listenToDrops() {
    let depth = 0;
    const isOfFiles = (event) => event.dataTransfer?.types.includes("Files");
    window.addEventListener("dragenter", (event) => {
      if (!isOfFiles(event)) return;
      depth++;
      document.body.classList.add("is-dropping");
    });
    window.addEventListener("dragleave", () => {
      depth = Math.max(0, depth - 1);
      if (!depth) document.body.classList.remove("is-dropping");
    });
    window.addEventListener("dragover", (event) => { if (isOfFiles(event)) event.preventDefault(); });
    window.addEventListener("drop", (event) => {
      if (!isOfFiles(event)) return;
      event.preventDefault();
      depth = 0;
      document.body.classList.remove("is-dropping");
      this.openFiles([...event.dataTransfer.files]);
    });
  }

  paste(event) {
    const files = [...event.clipboardData.files];
    if (!files.length) return;
    event.preventDefault();
    const isNamed = ({ name }) => name && name !== "image.png";
    this.openFiles(files.map((file) => (isNamed(file) ? file : new File([file], "pasted.png", { type: file.type }))));
  }

  /** Opens what was chosen or dropped together: a picture, a spec or a trajectory, and a mask. */
  async openFiles(files) {
    const { editor } = this;
    const isPicture = ({ name, type }) => /\.(png|jpe?g|jpe|jfif)$/i.test(name) || type.startsWith("image/");
    const texts = files.filter(({ name }) => /\.(ya?ml|json)$/i.test(name));
    const pictures = files.filter((file) => isPicture(file) && !texts.includes(file));
    const named = editor.state.spec.mask.map(({ file }) => file);
    const isMask = ({ name }) => /\.mask\.(png|jpe?g)$/i.test(name) || named.includes(name);
    document.body.classList.add("is-busy");
    try {
      const unknown = files.filter((file) => !texts.includes(file) && !pictures.includes(file));
      if (unknown.length) throw new Error(`${unknown[0].name} is no picture, spec or trajectory.`);
      const photos = pictures.filter((file) => !isMask(file));
      for (const file of texts) await this.openText(file, photos);
      if (photos.length) await this.openPicture(this.pictureOf(photos));
      for (const file of pictures.filter(isMask)) await editor.openMask(file);
      if (editor.picture) this.view.canvas.focus({ preventScroll: true });
    } catch (error) {
      this.toast(error.message, "bad");
    } finally {
      document.body.classList.remove("is-busy");
    }
  }

  async openPicture(file) {
    const readable = await readableFile(file);
    await this.editor.openPicture(readable);
    if (readable !== file) {
      this.toast(`clipdragd reads PNG and JPEG: ${file.name} is saved as ${readable.name}.`, "note");
    }
  }

  /** Of several pictures the one that the spec names. */
  pictureOf(pictures) {
    return pictures.find(({ name }) => name === this.editor.state.spec.image) ?? pictures[0];
  }

  async openText(file, pictures) {
    const { editor } = this;
    const bytes = new Uint8Array(await file.arrayBuffer());
    const text = new TextDecoder().decode(bytes);
    if (/"schema"\s*:\s*"clipdrag-trajectory\//.test(text.slice(0, 4096))) {
      if (pictures.length) await this.openPicture(pictures.shift());
      editor.openTrajectory(text);
      if (!editor.picture) this.toast("Open the picture of this trajectory too, to see its paths.", "note");
      return;
    }
    const error = editor.openSpec(bytes, file.name);
    if (error) this.toast(`${[file.name, error.line, error.column].filter(Boolean).join(":")}: ${sentences(error)}`, "bad");
    else if (/(^|\s)#/m.test(text)) {
      this.toast(`${file.name} has comments. They stay as long as you change the YAML by hand only.`, "note");
    }
    const { image } = editor.state.spec;
    if (image && !pictures.length && editor.picture?.name !== image) {
      this.toast(`The spec names ${image}. Open this picture too.`, "note");
    }
  }

  // Tools

  setTool(name) {
    const { editor } = this;
    if (editor.tool !== name) this.tools.cancel();
    else if (name === "region") this.setDragShape(DRAG_SHAPES[(DRAG_SHAPES.indexOf(editor.options.dragShape) + 1) % 3]);
    editor.tool = name;
    this.update();
    this.view.draw();
  }

  /** What the region tool draws. A region that waits for its target stays. */
  setDragShape(shape) {
    const { editor } = this;
    if (editor.pending?.kind !== "region") this.tools.cancel();
    editor.options.dragShape = shape;
    for (const choice of document.querySelectorAll("[name=drag-shape]")) choice.checked = choice.value === shape;
    editor.tell("say", `Regions are drawn as a ${shape}.`);
  }

  setBrush(size) {
    this.editor.options.brush = clamp(size, 1, 500);
    byId("brush").value = String(this.editor.options.brush);
    byId("brush-size").textContent = `${this.editor.options.brush} px`;
    this.view.draw();
  }

  toggleStretch() {
    const { editor } = this;
    editor.options.stretch = !editor.options.stretch;
    byId("toggle-stretch").setAttribute("aria-pressed", String(editor.options.stretch));
    editor.updateStretch();
    this.view.draw();
  }

  keyDown(event) {
    const isTyping = event.target.closest?.("input, textarea, select, dialog");
    const command = event.ctrlKey || event.metaKey;
    if (command && !event.altKey && ["z", "y", "s", "o"].includes(event.key.toLowerCase())) {
      // A field undoes its own typing.
      if (isTyping && "zy".includes(event.key.toLowerCase()) && event.target.id !== "yaml") return;
      event.preventDefault();
      const key = event.key.toLowerCase();
      if (key === "s") byId("download").click();
      else if (key === "o") byId("file").click();
      else if (key === "y" || event.shiftKey) this.editor.redo();
      else this.editor.undo();
      return;
    }
    if (isTyping || command || event.altKey) return;
    const tool = TOOLS.find(({ key }) => key === event.key.toLowerCase());
    const actions = {
      "?": () => byId("keys").showModal(), s: () => this.toggleStretch(),
      "0": () => this.view.fit(), "1": () => this.view.zoomTo(1),
      "[": () => this.tools.grow(-1) || this.setBrush(this.editor.options.brush - 2),
      "]": () => this.tools.grow(1) || this.setBrush(this.editor.options.brush + 2),
    };
    if (tool && !event.shiftKey) {
      this.setTool(tool.name);
      this.view.canvas.focus({ preventScroll: true });
    } else if (actions[event.key]) actions[event.key]();
    else return;
    event.preventDefault();
  }

  // Tabs

  showTab(tab) {
    for (const other of document.querySelectorAll("[role=tab]")) {
      const isShown = other === tab;
      other.setAttribute("aria-selected", String(isShown));
      other.tabIndex = isShown ? 0 : -1;
      byId(other.getAttribute("aria-controls")).hidden = !isShown;
    }
  }

  moveTab(event, tab) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!by) return;
    const tabs = [...document.querySelectorAll("[role=tab]")];
    const next = tabs[(tabs.indexOf(tab) + by + tabs.length) % tabs.length];
    event.preventDefault();
    this.showTab(next);
    next.focus();
  }

  // What is shown

  update() {
    const { editor } = this;
    for (const { name } of TOOLS) {
      const button = byId(`tool-${name}`);
      button.setAttribute("aria-pressed", String(editor.tool === name));
      button.tabIndex = editor.tool === name ? 0 : -1;
    }
    byId("undo").disabled = !editor.history.canUndo;
    byId("redo").disabled = !editor.history.canRedo;
    const isPainting = ["brush", "eraser"].includes(editor.tool);
    byId("brush-row").hidden = !isPainting;
    byId("drag-shape-row").hidden = editor.tool !== "region";
    byId("welcome").hidden = Boolean(editor.picture);
    document.body.classList.toggle("has-picture", Boolean(editor.picture));
    byId("canvas").dataset.tool = editor.tool;
    const { picture } = editor;
    byId("picture-name").textContent = picture ? `${picture.name} · ${picture.width} × ${picture.height}` : "";
    this.updateHint();
  }

  updateHint() {
    const { editor } = this;
    const { pending } = editor;
    const tool = TOOLS.find(({ name }) => name === editor.tool);
    const waiting = {
      drag: "Now click where it goes. The picture stretches as you move.",
      region: "Now click where its middle goes, or draw another shape there.",
    };
    const hint = waiting[pending?.kind] ?? tool.hint;
    byId("hint").textContent = editor.picture ? hint : "";
  }

  updatePlace() {
    const { editor } = this;
    const { pointer, picture } = editor;
    const isInside = pointer && picture && pointer.every((v, i) => v >= 0 && v < [picture.width, picture.height][i]);
    byId("place").textContent = isInside ? pointer.map(Math.floor).join(", ") : "";
  }

  toast(text, kind) {
    const toast = element("div", { class: `toast is-${kind}` }, element("span", {}, text), element("button", {
      type: "button", class: "icon-button", "aria-label": "Close this message", onclick: () => toast.remove(),
    }, "×"));
    // What was saved stays until the next time: its message has a command to copy.
    if (kind === "good") for (const old of byId("toasts").querySelectorAll(".is-good")) old.remove();
    byId("toasts").append(toast);
    if (kind === "note") setTimeout(() => toast.remove(), 8000);
  }

  changeTheme() {
    const root = document.documentElement;
    const isDark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = isDark ? "light" : "dark";
    this.view.draw();
  }

  // Playback of a trajectory

  listenToPlayback() {
    const { editor, view } = this;
    byId("play").addEventListener("click", () => this.play(!editor.playback.isPlaying));
    byId("step").addEventListener("input", (event) => {
      this.play(false);
      editor.playback.step = Number(event.target.value);
      this.showStep();
      view.draw();
    });
    byId("close-playback").addEventListener("click", () => {
      editor.playback = null;
      this.update();
      byId("playback").hidden = true;
      view.draw();
    });
  }

  startPlayback() {
    const { playback } = this.editor;
    byId("playback").hidden = false;
    byId("step").max = String(playback.last);
    byId("playback-name").textContent = `${playback.name}${playback.verdict ? `: ${playback.verdict}` : ""}`;
    playback.step = matchMedia("(prefers-reduced-motion: reduce)").matches ? playback.last : 0;
    this.showStep();
    this.play(playback.step < playback.last);
  }

  play(isPlaying) {
    const { editor, view } = this;
    const { playback } = editor;
    if (isPlaying && playback.step >= playback.last) playback.step = 0;
    playback.isPlaying = isPlaying;
    byId("play").textContent = isPlaying ? "Pause" : "Play";
    let before = performance.now();
    const frame = (now) => {
      if (editor.playback !== playback || !playback.isPlaying) return;
      // Any path is played in four seconds.
      playback.step = Math.min(playback.last, playback.step + (Math.max(0, now - before) / 4000) * Math.max(1, playback.last));
      before = now;
      this.showStep();
      view.draw();
      if (playback.step < playback.last) requestAnimationFrame(frame);
      else this.play(false);
    };
    if (isPlaying) requestAnimationFrame(frame);
  }

  showStep() {
    const { playback } = this.editor;
    setValue(byId("step"), String(Math.floor(playback.step)));
    byId("step-number").textContent = `step ${Math.floor(playback.step)} of ${playback.last}`;
  }
}

/** The tools' icons: lines on a grid of 24. */
function icon(name) {
  const paths = {
    region: "M3 12h9v9H3zM12 8V3h9v9h-4M8.500 12 15 6m-4 0h4v4",
    drag: "M6.5 17.5a2.5 2.5 0 1 0 0-.01M9 15 17 7m-6 0h6v6", select: "M5 3l14 8-6.2 1.8L10 19z",
    pan: "M12 3v18M3 12h18M12 3l-3 3m3-3 3 3M12 21l-3-3m3 3 3-3M3 12l3-3m-3 3 3 3M21 12l-3-3m3 3-3 3",
    brush: "M19 4 10 13l2 2 9-9zM9 14c-3 0-3 3-5 5 3 1 7 0 7-3z", eraser: "M4 15 13 6l6 6-7 7H8zM9 10l6 6M12 19h8",
    rectangle: "M4 6h16v12H4z", circle: "M12 4a8 8 0 1 0 .01 0", polygon: "M12 3l8 6-3 10H7L4 9z",
  };
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const attributes = { viewBox: "0 0 24 24", width: "22", height: "22", "aria-hidden": "true" };
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", paths[name]);
  svg.append(path);
  return svg;
}

LibYAML.load(byId("libyaml").textContent.trim()).then(
  () => { window.editorApp = new App(); document.body.classList.add("is-ready"); },
  (error) => { document.body.textContent = `The editor needs WebAssembly, which this browser does not run: ${error.message}`; });
