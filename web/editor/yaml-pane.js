// The spec's YAML, live beside the canvas, and what `clipdragd check` says about it. It can be typed into.

class YAMLPane {
  constructor(editor) {
    Object.assign(this, { editor, area: byId("yaml"), gutter: byId("yaml-lines"), messages: byId("messages") });
    this.area.addEventListener("input", () => editor.changeText(this.area.value));
    this.area.addEventListener("scroll", () => { this.gutter.scrollTop = this.area.scrollTop; });
    byId("copy-yaml").addEventListener("click", () => this.copy());
    for (const name of ["change", "picture"]) editor.addEventListener(name, () => this.update());
    this.update();
  }

  update() {
    const { editor } = this;
    const { text, error } = editor.state;
    setValue(this.area, text);
    const badLine = this.isEmpty ? null : error?.line;
    this.gutter.replaceChildren(...text.split("\n").map((_, i) => element(
      "span", { class: i + 1 === badLine ? "bad" : null }, `${i + 1}\n`)));
    this.gutter.scrollTop = this.area.scrollTop;
    this.area.setAttribute("aria-invalid", String(Boolean(error) && !this.isEmpty));
    this.messages.replaceChildren(...this.items());
    byId("state").className = error ? (this.isEmpty ? "state" : "state is-bad") : "state is-good";
    byId("state").textContent = error ? (this.isEmpty ? "Nothing to do yet" : "Not yet right") : "Good";
  }

  /** Whether the spec lacks work and nothing else. */
  get isEmpty() { return ["spec.empty", "spec.nothing_to_do"].includes(this.editor.state.error?.code); }

  items() {
    const { editor } = this;
    const { error, spec, marks } = editor.state;
    if (this.isEmpty) {
      return [this.item("hint", editor.picture ? "Click what is to move, then where it goes; or write what the result is to show."
        : "Open a picture to begin.")];
    }
    if (error) return [this.item("error", error.message, error.hint, error)];
    const notes = specNotes({ spec, marks }, editor);
    const list = notes.map((note) => this.item("note", note));
    const praise = editor.picture ? "check has nothing to say against it." : "Good as far as can be told without the picture.";
    if (!list.length) list.push(this.item("good", praise));
    return list;
  }

  item(kind, message, hint = "", place = null) {
    const sign = { error: "Error", note: "Note", good: "Good", hint: "Next" }[kind];
    const where = place?.line ? element("button", {
      type: "button", class: "place", "aria-label": `Go to line ${place.line}, column ${place.column}`,
      onclick: () => this.goTo(place),
    }, `${place.line}:${place.column}`) : null;
    return element(
      "li", { class: `message is-${kind}` }, element("span", { class: "sign" }, sign), where,
      element("span", { class: "message-text" }, element("span", { class: "message-what" }, message),
        hint ? element("span", { class: "message-hint" }, hint) : null));
  }

  goTo({ line, column }) {
    const lines = this.area.value.split("\n");
    const start = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0) + column - 1;
    this.area.focus();
    this.area.setSelectionRange(start, start + Math.max(1, (lines[line - 1] ?? "").length - column + 1));
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.area.value);
      this.editor.tell("say", "YAML copied.");
    } catch {
      this.area.select();
      this.editor.tell("say", "The YAML is selected. Press Ctrl+C.");
    }
  }
}
