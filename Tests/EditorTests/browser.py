"""The editor page in a real browser, with what every test needs: clicks at pixels, files, and what `clipdragd check` says."""

import base64
import io
import json
import mimetypes
import pathlib
import subprocess
import sys

from PIL import Image

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "share/clipdragd/editor.html"
sys.path.insert(0, str(ROOT / "Tests/Pages"))

from watched import WatchedPage, faults_for_people, launch  # noqa: E402, F401


class EditorPage(WatchedPage):
    """The editor, ready for clicks."""

    def __init__(self, browser, width=1280, height=800, address=PAGE.as_uri(), **options):
        super().__init__(browser, address, width, height, **options)
        self.page.wait_for_selector("body.is-ready")

    def open(self, *files):
        """Files by path, or as (name, bytes)."""
        payload = [
            {"name": file[0], "mimeType": mimetypes.guess_type(file[0])[0] or "application/octet-stream", "buffer": file[1]}
            if isinstance(file, tuple) else str(file) for file in files]
        if any(isinstance(file, str) for file in payload):
            payload = [
                {"name": pathlib.Path(file).name, "mimeType": "application/octet-stream", "buffer": pathlib.Path(file).read_bytes()}
                if isinstance(file, str) else file for file in payload]
        self.page.set_input_files("#file", payload)
        self.until("() => !document.body.classList.contains('is-busy')")

    def place(self, x, y):
        """Where the middle of a pixel is on the screen."""
        return self.run(
            "([x, y]) => { const v = editorApp.view; const r = v.canvas.getBoundingClientRect();"
            " const [a, b] = v.middleOf([x, y]); return [a + r.left, b + r.top]; }", [x, y])

    def corner(self, x, y):
        """Where the corner of a pixel is on the screen: shapes are measured from corners."""
        a, b = self.place(x, y)
        zoom = self.run("editorApp.view.zoom")
        return a - zoom / 2, b - zoom / 2

    def click(self, x, y):
        self.page.mouse.click(*self.place(x, y))

    def zoom(self, zoom, around):
        """Zooms with a pixel in the middle of the canvas."""
        self.run(
            "([zoom, x, y]) => { const v = editorApp.view; v.zoomTo(zoom); const [a, b] = v.middleOf([x, y]);"
            " v.pan(v.width / 2 - a, v.height / 2 - b); }", [zoom, *around])

    def tool(self, name):
        self.page.click(f"#tool-{name}")

    def yaml(self):
        return self.page.input_value("#yaml")

    def spec(self):
        return self.run("editorApp.editor.state.spec")

    def messages(self):
        """What stands below the YAML: [(kind, message)]."""
        return self.run(
            "[...document.querySelectorAll('#messages .message')].map((item) =>"
            " [item.className.replace('message is-', ''), item.querySelector('.message-what').textContent])")

    def saved(self):
        """The files that saving writes, in their order: [(name, bytes)]."""
        files = self.run("""async () => {
            const encode = async (blob) => { const bytes = new Uint8Array(await blob.arrayBuffer()); let text = '';
              for (let i = 0; i < bytes.length; i += 8192) {
                text += String.fromCharCode(...bytes.subarray(i, i + 8192)); } return btoa(text); };
            const files = await editorApp.saving.files();
            return Promise.all(files.map(async ({ name, blob }) => [name, await encode(blob)])); }""")
        return [(name, base64.b64decode(content)) for name, content in files]


def png(width, height, colour=None):
    """A PNG file: noise of one's own colours where none is given."""
    image = Image.new("RGB", (width, height), colour or (0, 0, 0))
    if colour is None:
        image.putdata([((7 * x + 3 * y) % 256, (x * y) % 256, (5 * y + x) % 256) for y in range(height) for x in range(width)])
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


class Program:
    """The clipdragd whose messages count."""

    def read(self, files):
        """What the program's readers say of files, given as (name, bytes): one object each."""
        place = self.new_folder()
        for name, content in files:
            (place / name).write_bytes(content)
        ran = subprocess.run([self.path, "read-files", *(name for name, _ in files)], cwd=place, capture_output=True, text=True)
        return [json.loads(line) for line in ran.stdout.splitlines()]

    def errors(self, files):
        """What `check` says against files, given as (name, bytes), without their pictures: the error's object by the file's name."""
        place = self.new_folder()
        for name, content in files:
            (place / name).write_bytes(content)
        ran = subprocess.run([self.path, "check", "--json", *(name for name, _ in files)], cwd=place, capture_output=True, text=True)
        return {said["file"]: said for said in map(json.loads, ran.stdout.splitlines()) if said["schema"].startswith("clipdrag-error/")}

    def new_folder(self):
        place = self.folder / f"place-{len(list(self.folder.iterdir()))}"
        place.mkdir()
        return place

    def __init__(self, path, folder):
        self.path, self.folder = str(path), pathlib.Path(folder)

    def check(self, files, spec):
        """Writes files into a new folder and checks the spec: (exit code, JSON object, standard error)."""
        place = self.new_folder()
        for name, content in files:
            (place / name).write_bytes(content)
        ran = subprocess.run(
            [self.path, "check", "--json", "--state", str(self.folder / "state"), spec], cwd=place, capture_output=True, text=True)
        lines = [json.loads(line) for line in ran.stdout.splitlines() if line.startswith("{")]
        return ran.returncode, lines[-1] if lines else {}, ran.stderr
