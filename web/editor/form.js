// The panel beside the canvas: text, drags, mask, output and every setting. The settings' fields are made from the table.

/** An element: its attributes, listeners (`onclick`) and children. */
function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value === true) made.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(name, value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

const byId = (id) => document.getElementById(id);

class EditForm {
  constructor(editor, view) {
    Object.assign(this, { editor, view });
    this.makeSettings();
    this.fillChoices();
    this.listen();
    for (const name of ["change", "selection", "picture"]) editor.addEventListener(name, () => this.update());
    this.update();
  }

  listen() {
    const { editor } = this;
    const text = (id, key) => byId(id).addEventListener("input", (event) => {
      const words = event.target.value.replace(/\s*\n\s*/g, " ");
      editor.change({ [key]: /\S/.test(words) ? words : null }, { key: id });
    });
    text("prompt-source", "source");
    text("prompt-edit", "edit");
    for (const key of ["preset", "method", "units"]) {
      byId(key).addEventListener("change", (event) => this.choose(key, event.target.value || null));
    }
    byId("region").addEventListener("change", (event) => {
      const { value } = event.target;
      editor.change({ region: value === "rect" ? { rect: this.regionRect() } : value || null });
    });
    for (const key of ["seed", "priority"]) {
      byId(key).addEventListener("input", (event) => editor.change({ [key]: event.target.value.trim() || null }, { key }));
    }
    for (const key of ["format", "metrics", "quality"]) {
      byId(key).addEventListener("input", (event) => this.changeOutput(key, event.target.value.trim()));
    }
    byId("model").addEventListener("change", (event) => {
      editor.options.model = event.target.value;
      editor.checkAgain();
    });
    byId("settings-filter").addEventListener("input", () => this.filterSettings());
    byId("settings-changed").addEventListener("change", () => this.filterSettings());
  }

  /** A change of units writes all points and shapes anew, so that they stay where they are. */
  choose(key, value) {
    const { editor } = this;
    const { spec } = editor.state;
    if (key !== "units" || !editor.picture || value === spec.units) {
      editor.change({ [key]: value });
      return;
    }
    const [from, to] = [new Units(spec, editor.picture), new Units({ units: value }, editor.picture)];
    const tidied = (shape) => (to.isRelative ? to.writtenShape(from.shape(shape)) : roundedShape(from.shape(shape)));
    const end = (point) => (Array.isArray(point) ? to.written(from.point(point).map((v) => tidy(v))) : tidied(point));
    editor.change({
      units: value,
      drags: spec.drags.map((drag) => ({ from: end(drag.from), to: end(drag.to) })),
      mask: spec.mask.map((region) => (region.file === undefined ? tidied(region) : region)),
      region: spec.region?.rect ? tidied(spec.region) : spec.region,
    });
  }

  regionRect() {
    const { region, picture, state } = this.editor;
    const rect = region ? [region.x, region.y, region.width, region.height] : [0, 0, 512, 512];
    return picture ? new Units(state.spec, picture).writtenShape({ rect }).rect : rect;
  }

  changeOutput(key, value) {
    const output = { ...this.editor.state.spec.output };
    if (value === "") delete output[key]; else output[key] = value;
    this.editor.change({ output }, { key: `output ${key}` });
  }

  fillChoices() {
    const options = (id, words, label = (word) => word) => byId(id).append(
      ...words.map((word) => element("option", { value: word }, label(word))));
    options("preset", TABLES.presets);
    options("method", TABLES.methods.map(({ name }) => name));
    options("units", TABLES.units);
    options("format", TABLES.formats);
    options("metrics", TABLES.metrics);
    options("model", Object.keys(MODEL_SIZES), (name) => MODEL_SIZES[name].label);
    byId("extras").append(...TABLES.extras.map((extra) => element(
      "label", { class: "check" },
      element("input", { type: "checkbox", value: extra, onchange: () => this.changeExtras() }), extra)));
    byId("quality").placeholder = "95";
    byId("method").options[0].textContent = `(${TABLES.methods[0].name})`;
  }

  changeExtras() {
    const chosen = [...byId("extras").querySelectorAll("input:checked")].map(({ value }) => value);
    const output = { ...this.editor.state.spec.output };
    if (chosen.length) output.extras = chosen; else delete output.extras;
    this.editor.change({ output });
  }

  // Settings

  makeSettings() {
    this.rows = TABLES.settings.map((setting) => this.settingRow(setting));
    const list = byId("settings-list");
    list.append(...this.rows.filter(({ group }) => !group).map(({ row }) => row));
    for (const group of TABLES.groups) {
      const rows = this.rows.filter((one) => one.group === group.name).map(({ row }) => row);
      list.append(element(
        "section", { class: "setting-group", "aria-labelledby": `group-${group.name}` },
        element("h2", { id: `group-${group.name}` }, group.name), element("p", { class: "hint" }, group.text), ...rows));
    }
  }

  settingRow(setting) {
    const id = `setting-${setting.name}`;
    const change = (event) => this.changeSetting(setting.name, event.target.value.trim());
    const described = { id, "aria-describedby": `${id}-text ${id}-error` };
    const choices = setting.kind === "word" ? setting.words : setting.kind === "flag" ? ["true", "false"] : null;
    const field = choices
      ? element(
        "select", { ...described, onchange: change }, element("option", { value: "" }),
        ...choices.map((word) => element("option", { value: word }, word)))
      : element("input", {
        ...described, type: "text", inputmode: setting.kind === "integer" ? "numeric" : "text", autocomplete: "off",
        spellcheck: "false", oninput: change,
      });
    const reset = element("button", {
      type: "button", class: "icon-button reset", title: "Leave to its default",
      "aria-label": `Leave ${setting.name} to its default`,
      onclick: () => {
        this.changeSetting(setting.name, "");
        field.focus();
      },
    }, "×");
    const error = element("p", { class: "field-error", id: `${id}-error` });
    const unread = element("strong", { class: "unread" });
    const row = element(
      "div", { class: "setting" },
      element("label", { for: id }, element("code", {}, setting.name)),
      element("div", { class: "setting-field" }, field, reset),
      element("p", { class: "hint", id: `${id}-text` }, `${setting.text} ${rangeInWords(setting)} `, unread), error);
    return { setting, row, field, reset, error, unread, group: setting.name.includes(".") ? setting.name.split(".")[0] : null };
  }

  changeSetting(name, value) {
    const settings = { ...this.editor.state.spec.settings };
    if (value === "") delete settings[name]; else settings[name] = value;
    this.editor.change({ settings }, { key: `setting ${name}` });
  }

  filterSettings() {
    const words = byId("settings-filter").value.toLowerCase().trim();
    const changedOnly = byId("settings-changed").checked;
    let shown = 0;
    for (const { setting, row } of this.rows) {
      const isMeant = `${setting.name} ${setting.text}`.toLowerCase().includes(words);
      row.hidden = !isMeant || (changedOnly && this.editor.state.spec.settings[setting.name] === undefined);
      if (!row.hidden) shown++;
    }
    for (const section of byId("settings-list").querySelectorAll(".setting-group")) {
      section.hidden = ![...section.querySelectorAll(".setting")].some((row) => !row.hidden);
    }
    byId("settings-none").hidden = shown > 0;
  }

  updateSettings() {
    const { editor } = this;
    const { spec } = editor.state;
    const method = methodNamed(spec.method);
    for (const { setting, row, field, reset, error, unread } of this.rows) {
      const value = spec.settings[setting.name];
      setValue(field, value ?? "");
      const standard = editor.defaultOf(setting.name);
      if (field.tagName === "SELECT") {
        field.options[0].textContent = `(${standard})`;
        if (value !== undefined && field.value !== value) field.selectedIndex = -1;
      } else field.placeholder = standard;
      row.classList.toggle("is-changed", value !== undefined);
      row.classList.toggle("is-unread", !readsSetting(method, setting.name));
      unread.hidden = readsSetting(method, setting.name);
      unread.textContent = `Not read by ${method.name}.`;
      reset.hidden = value === undefined;
      const message = value === undefined ? "" : settingError(setting, value);
      error.textContent = message;
      field.setAttribute("aria-invalid", String(message !== ""));
    }
    const count = Object.keys(spec.settings).length;
    byId("settings-count").textContent = count ? String(count) : "";
  }

  // Everything

  update() {
    const { editor } = this;
    const { spec } = editor.state;
    setValue(byId("prompt-source"), spec.source ?? "");
    setValue(byId("prompt-edit"), spec.edit ?? "");
    for (const key of ["source", "edit"]) {
      const count = PromptTokens.count(spec[key] ?? "");
      const limit = TABLES.tokens.length - 2;
      const counter = byId(`tokens-${key}`);
      counter.textContent = count ? `${count} of ${limit} tokens` : "";
      counter.classList.toggle("is-over", count > limit);
    }
    for (const key of ["preset", "method", "units", "seed", "priority"]) setValue(byId(key), spec[key] ?? "");
    setValue(byId("region"), spec.region?.rect ? "rect" : spec.region ?? "");
    byId("region-rect").textContent = spec.region?.rect ? `rect: ${yamlNumbers(spec.region.rect)}` : "";
    setValue(byId("format"), spec.output.format ?? "");
    setValue(byId("metrics"), spec.output.metrics ?? "");
    setValue(byId("quality"), spec.output.quality ?? "");
    for (const box of byId("extras").querySelectorAll("input")) box.checked = spec.output.extras?.includes(box.value) ?? false;
    byId("method-text").textContent = methodNamed(spec.method)?.text ?? "";
    this.updateDrags();
    this.updateMask();
    this.updateSettings();
    this.filterSettings();
  }

  updateDrags() {
    const { editor } = this;
    const { drags } = editor.state.spec;
    const list = byId("drag-list");
    while (list.children.length > drags.length) list.lastChild.remove();
    while (list.children.length < drags.length) list.append(this.dragRow(list.children.length));
    [...list.children].forEach((row, index) => {
      const drag = drags[index];
      row.classList.toggle("is-selected", editor.selection?.kind === "drag" && editor.selection.index === index);
      for (const end of ["from", "to"]) {
        const isPoint = Array.isArray(drag[end]);
        const fields = row.querySelectorAll(`input[data-end=${end}]`);
        fields.forEach((field, axis) => {
          field.hidden = !isPoint;
          field.step = editor.state.spec.units === "relative" ? "0.001" : "1";
          if (isPoint) setValue(field, String(drag[end][axis]));
        });
        row.querySelector(`[data-region=${end}]`).textContent = isPoint ? ""
          : `${Object.keys(drag[end])[0]} ${shapeInWords(drag[end])}`;
      }
    });
    byId("drags-empty").hidden = drags.length > 0;
    byId("drags-count").textContent = drags.length ? String(drags.length) : "";
  }

  dragRow(index) {
    const { editor } = this;
    const field = (end, axis) => element("input", {
      type: "number", "data-end": end, "aria-label": `Drag ${index + 1}, ${end === "from" ? "handle" : "target"} ${"xy"[axis]}`,
      oninput: (event) => {
        const value = Number(event.target.value);
        const point = editor.state.spec.drags[index][end];
        if (event.target.value !== "" && Number.isFinite(value)) {
          editor.setDragEnd(index, end, point.map((old, i) => (i === axis ? value : old)), `drag ${index} ${end}`);
        }
      },
      onfocus: () => {
        editor.selection = { kind: "drag", index, end };
        this.view.draw();
      },
    });
    return element(
      "li", { class: "drag-row" }, element("span", { class: "number", "aria-hidden": "true" }, String(index + 1)),
      element("span", { class: "dot handle", "aria-hidden": "true" }), field("from", 0), field("from", 1),
      element("span", { class: "hint", "data-region": "from" }),
      element("span", { class: "arrow", "aria-hidden": "true" }, "→"),
      element("span", { class: "dot target", "aria-hidden": "true" }), field("to", 0), field("to", 1),
      element("span", { class: "hint", "data-region": "to" }),
      element("button", {
        type: "button", class: "icon-button", "aria-label": `Remove drag ${index + 1}`, title: "Remove",
        onclick: () => editor.removeDrag(index),
      }, "×"));
  }

  updateMask() {
    const { editor } = this;
    const { mask } = editor.state.spec;
    byId("mask-list").replaceChildren(...mask.map((region, index) => {
      const isFile = region.file !== undefined;
      const isKnown = isFile && editor.painted.has(region.file);
      const what = isFile ? region.file : Object.keys(region)[0];
      const detail = isFile ? (isKnown ? "painted" : "open this picture too, to see and change it") : shapeInWords(region);
      const isSelected = editor.selection?.kind === "mask" && editor.selection.index === index;
      return element(
        "li", { class: isSelected ? "mask-row is-selected" : "mask-row" },
        element("button", {
          type: "button", class: "mask-name",
          onclick: () => {
            editor.selection = isFile ? null : { kind: "mask", index };
            editor.tell("selection");
            this.view.draw();
          },
        }, element("strong", {}, what), element("span", { class: "hint" }, ` ${detail}`)),
        element("button", {
          type: "button", class: "icon-button", "aria-label": `Remove ${what} from the mask`, title: "Remove",
          onclick: () => editor.removeMask(index),
        }, "×"));
    }));
    byId("mask-empty").hidden = mask.length > 0;
    byId("mask-count").textContent = mask.length ? String(mask.length) : "";
  }
}

/** Sets a field without moving the cursor of who types in it. */
function setValue(field, value) { if (field.value !== value) field.value = value; }

function rangeInWords({ kind, range, isOptional }) {
  const orNull = isOptional ? ", or null" : "";
  if (kind === "integer") return `Whole, ${range[0]} … ${range[1]}${orNull}.`;
  if (kind === "number") return `${plainNumber(range[0])} … ${plainNumber(range[1])}${orNull}.`;
  return kind === "duration" ? `A duration: 90s, 20m, 2h${orNull}.` : "";
}

/** What `check` says against a setting's value; empty when it is good. */
function settingError(setting, value) {
  try {
    const isWord = yamlWord(value) === value;
    new SpecReader(new SourceText(value))
      .setting({ kind: "scalar", text: value, isPlain: isWord, mark: { line: 1, column: 1 } }, setting);
    return "";
  } catch (error) {
    return sentences(error);
  }
}

function shapeInWords(shape) {
  if (shape.rect) return `${shape.rect[2]} × ${shape.rect[3]} at ${shape.rect[0]}, ${shape.rect[1]}`;
  if (shape.circle) return `radius ${shape.circle[2]} at ${shape.circle[0]}, ${shape.circle[1]}`;
  return `${shape.polygon.length} corners`;
}

const roundedShape = (shape) => JSON.parse(JSON.stringify(shape), (_, value) => (typeof value === "number" ? tidy(value) : value));
