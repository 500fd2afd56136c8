// Saving: picture, painted masks, then the spec, so that the daemon finds the pair whole. The spec ends with YAML's end
// marker `...`: the daemon then takes it as soon as it is closed (docs/delivery.md).

class Saving {
  constructor(editor) {
    this.editor = editor;
    byId("download").addEventListener("click", () => this.report(() => this.download()));
    byId("save-folder").addEventListener("click", () => this.report(() => this.intoFolder()));
    byId("stem").addEventListener("input", (event) => this.rename(event.target.value));
    byId("save-folder").hidden = !window.showDirectoryPicker;
    for (const name of ["change", "picture"]) editor.addEventListener(name, () => this.update());
    this.update();
  }

  update() {
    const { editor } = this;
    setValue(byId("stem"), editor.stem);
    const canSave = !editor.state.error;
    for (const id of ["download", "save-folder"]) byId(id).setAttribute("aria-disabled", String(!canSave));
    byId("save-files").textContent = canSave ? this.names().join(", ") : "";
  }

  /** A new stem renames the mask that is painted here. */
  rename(value) {
    const { editor } = this;
    const stem = value.trim().replace(/[/\0]/g, "").replace(/^\.+/, "");
    if (!stem) return;
    const [old, name] = [`${editor.stem}.mask.png`, `${stem}.mask.png`];
    editor.stem = stem;
    const mask = editor.painted.get(old);
    if (mask && old !== name) {
      editor.painted.delete(old);
      editor.painted.set(name, mask);
      const { spec } = editor.state;
      editor.change({ mask: spec.mask.map((region) => (region.file === old ? { file: name } : region)) }, { key: "stem" });
      editor.history.entries.forEach(({ paint }) => { if (paint?.name === old) paint.name = name; });
    } else this.update();
  }

  names() {
    const { editor } = this;
    const masks = editor.state.spec.mask.map(({ file }) => file).filter((file) => editor.painted.has(file));
    return [...(editor.picture ? [editor.picture.name] : []), ...new Set(masks), `${editor.stem}.yaml`];
  }

  /** The files in the order in which they are written: [{name, blob}]. */
  async files() {
    const { editor } = this;
    const files = [];
    for (const name of this.names().slice(0, -1)) {
      files.push({ name, blob: name === editor.picture?.name ? editor.picture.file : await maskPNG(editor.painted.get(name)) });
    }
    files.push({ name: `${editor.stem}.yaml`, blob: new Blob([withEndMarker(editor.state.text)], { type: "application/yaml" }) });
    return files;
  }

  async download() {
    for (const { name, blob } of await this.files()) {
      const url = URL.createObjectURL(blob);
      const link = element("a", { href: url, download: name });
      link.click();
      setTimeout(() => URL.revokeObjectURL(url), 60_000);
      // A browser drops downloads that begin at once.
      await new Promise((done) => setTimeout(done, 120));
    }
    const names = this.names();
    const [picture] = names;
    return `Downloaded ${names.join(", ")}. Now, in the folder of your downloads: `
      + `${programWord()} edit ${shellWord(picture)} ${shellWord(names.at(-1))} --out result`;
  }

  async intoFolder() {
    const folder = await window.showDirectoryPicker({ mode: "readwrite", id: "clipdragd-inbox" });
    const written = [];
    const files = await this.files();
    const [last] = files.slice(-1);
    if (await fileIn(folder, last.name) && !window.confirm(`${last.name} is in the folder already. Replace it?`)) {
      return "Nothing was saved.";
    }
    for (const { name, blob } of files) {
      const old = await fileIn(folder, name);
      if (old && name !== last.name && await haveSameBytes(old, blob)) continue;
      if (old && name !== last.name && !window.confirm(`Another ${name} is in the folder. Replace it?`)) {
        return "Nothing more was saved.";
      }
      const file = await folder.getFileHandle(name, { create: true });
      // The browser writes beside the file and renames when it closes.
      const stream = await file.createWritable();
      await stream.write(blob);
      await stream.close();
      written.push(name);
    }
    return `Saved ${written.join(", ")} in ${folder.name}. A daemon that watches this folder begins now. None runs? Start one: `
      + `${programWord()} run --inbox ${shellWord(folder.name)} --outbox results`;
  }

  async report(save) {
    const { editor } = this;
    if (editor.state.error) {
      editor.tell("fail", sentences(editor.state.error));
      return;
    }
    try {
      editor.tell("done", await save());
    } catch (error) {
      if (error.name !== "AbortError") editor.tell("fail", `It could not be saved: ${error.message}`);
    }
  }
}

/** How a shell calls the program: by its name, or by its place in the checkout that this page lies in. */
function programWord(address = window.location) {
  const checkout = /^(?!\/usr\/)(.*)\/share\/clipdragd\/editor\.html$/.exec(decodeURIComponent(address.pathname));
  if (address.protocol !== "file:" || !checkout) return "clipdragd";
  const path = `${checkout[1]}/.build/release/clipdragd`;
  return /^[\w.@%+=:,/-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}

/** A file's name as a shell takes it. */
const shellWord = (name) => (/^[\w.@%+=:,-]+$/.test(name) && !name.startsWith("-") ? name : `'./${name.replaceAll("'", "'\\''")}'`);

/** The text with YAML's end marker; JSON shows its end by itself. */
function withEndMarker(text) {
  if (/^\s*[{[]/.test(text) || /^\.\.\.\s*$/m.test(text)) return text;
  return `${text.replace(/\n*$/, "\n")}...\n`;
}

async function fileIn(folder, name) {
  try {
    return await (await folder.getFileHandle(name)).getFile();
  } catch (error) {
    if (error.name === "NotFoundError") return null;
    throw error;
  }
}

async function haveSameBytes(a, b) {
  if (a.size !== b.size) return false;
  const [x, y] = await Promise.all([a.arrayBuffer(), b.arrayBuffer()]);
  const [left, right] = [new Uint8Array(x), new Uint8Array(y)];
  return left.every((byte, i) => byte === right[i]);
}
