#!/usr/bin/env python3
"""The editor page in Firefox: firefox_test.py --program .build/debug/clipdragd [--screenshots DIR].

A picture is opened, drags and texts are made, and the pair is downloaded, as editor_tests.py does it in Chromium. Playwright
needs a Firefox of its own, so Marionette drives Debian's.
"""

import argparse
import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import yaml
from marionette_driver import By
from marionette_driver.marionette import ActionSequence, Marionette

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "share/clipdragd/editor.html"
RABBIT = ROOT / "examples/rabbit-face.png"

PLACE = """const [[x, y]] = arguments; const { view } = editorApp;
    const { left, top } = view.canvas.getBoundingClientRect();
    return [x, y].map((v, i) => Math.round((v + 0.5) * view.zoom + (i ? view.y + top : view.x + left)));"""

# What Firefox says about the page: script errors, and what the policy refuses. Its own parts have other addresses.
SAID = """return Services.console.getMessageArray().filter((one) => one instanceof Ci.nsIScriptError)
    .filter(({ sourceName }) => !/^(chrome|resource|moz-extension):/.test(sourceName)).map(String);"""


class Editor:
    def __init__(self, downloads):
        self.client = Marionette(
            host="127.0.0.1", port=2829, bin=shutil.which("firefox-esr") or shutil.which("firefox"), headless=True,
            gecko_log=str(downloads.parent / "gecko.log"), prefs={
                "browser.download.folderList": 2, "browser.download.dir": str(downloads),
                "browser.download.useDownloadDir": True, "browser.download.alwaysOpenPanel": False, "dom.disable_beforeunload": True,
            })
        self.client.start_session()
        self.client.set_window_rect(width=1280, height=900)
        self.client.navigate(PAGE.as_uri())
        self.until("return document.body.classList.contains('is-ready')")

    def run(self, script, *words):
        return self.client.execute_script(script, script_args=words, sandbox=None)

    def app(self, expression):
        """A value of the page's own state, as JSON."""
        return json.loads(self.run(f"return JSON.stringify({expression})"))

    def until(self, script, seconds=30):
        end = time.monotonic() + seconds
        while not self.run(script):
            if time.monotonic() > end:
                raise TimeoutError(script)
            time.sleep(0.05)

    def element(self, selector):
        return self.client.find_element(By.CSS_SELECTOR, selector)

    def move(self, mouse, x, y):
        px, py = self.run(PLACE, [x, y])
        return mouse.pointer_move(px, py)

    def mouse(self):
        return ActionSequence(self.client, "pointer", "mouse", {"pointerType": "mouse"})

    def click(self, x, y):
        self.move(self.mouse(), x, y).pointer_down().pointer_up().perform()

    def pull(self, start, end):
        mouse = self.move(self.mouse(), *start).pointer_down()
        self.move(mouse, *end).pointer_up().perform()

    def said(self):
        with self.client.using_context("chrome"):
            return self.client.execute_script(SAID)


def check(name, found, wanted):
    print(("ok      " if found == wanted else "FAILED  ") + name, flush=True)
    if found != wanted:
        print(f"         {found!r}\n         {wanted!r}")
    return found == wanted


def run(editor, program, downloads, screenshots):
    # Marionette types into visible fields only.
    editor.run("document.getElementById('file').hidden = false")
    editor.element("#file").send_keys(str(RABBIT))
    editor.until("return document.getElementById('picture-name').textContent !== ''")
    editor.click(84, 22)
    editor.move(editor.mouse(), 100, 26).perform()
    goal = editor.app("editorApp.editor.stretch.drawn.goals[0]")
    yield check("the picture stretches while a target is placed", [round(value) for value in goal], [100, 26])
    if screenshots:
        screenshots.mkdir(parents=True, exist_ok=True)
        (screenshots / "firefox.png").write_bytes(base64.b64decode(editor.client.screenshot(full=False)))
    editor.click(100, 26)
    editor.element("#tool-region").click()
    editor.pull((30, 80), (50, 100))
    editor.click(60, 90)
    editor.element("#prompt-source").send_keys("rabbit face")
    editor.element("#prompt-edit").send_keys("crying rabbit face")
    editor.element("#tool-brush").click()
    editor.pull((84, 22), (100, 26))
    editor.element("#tab-save").click()
    yield check("a browser without folders offers none", editor.element("#save-folder").is_displayed(), False)
    editor.element("#download").click()
    names = ["rabbit-face.mask.png", "rabbit-face.png", "rabbit-face.yaml"]
    end = time.monotonic() + 30
    while sorted(path.name for path in downloads.iterdir()) != names and time.monotonic() < end:
        time.sleep(0.1)
    time.sleep(0.5)
    yield check("the pair and its mask are downloaded", sorted(path.name for path in downloads.iterdir()), names)
    spec = yaml.safe_load((downloads / "rabbit-face.yaml").read_text())
    drags = [{"from": [84, 22], "to": [100, 26]}, {"from": {"rect": [30, 80, 20, 20]}, "to": {"rect": [50, 80, 20, 20]}}]
    found = [spec["drags"][0], {end: {"rect": [round(v) for v in spec["drags"][1][end]["rect"]]} for end in ("from", "to")}]
    near = all(abs(a - b) <= 1 for end in ("from", "to") for a, b in zip(found[1][end]["rect"], drags[1][end]["rect"]))
    yield check("the drags are those that were clicked", (found[0], near), (drags[0], True))
    yield check("the texts are those that were typed", spec["prompt"], {"source": "rabbit face", "edit": "crying rabbit face"})
    ran = subprocess.run(
        [program, "check", "--state", downloads.parent / "state", "rabbit-face.yaml"], cwd=downloads, capture_output=True, text=True)
    yield check("check takes the pair", (ran.returncode, ran.stderr), (0, ""))
    notes = [line.split("note", 1)[1].strip() for line in ran.stdout.splitlines() if line.startswith("  note")]
    shown = editor.run("return [...document.querySelectorAll('#messages .message-what')].map((e) => e.textContent)")
    yield check("and says what the page says", shown, notes or ["check has nothing to say against it."])
    yield check("Firefox has nothing to say about the page", editor.said(), [])
    editor.run("setTimeout(() => { throw new Error('on purpose'); })")
    time.sleep(0.5)
    yield check("and would say it", [("on purpose" in line) for line in editor.said()], [True])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / ".build/debug/clipdragd"))
    parser.add_argument("--screenshots", type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        downloads = pathlib.Path(place) / "downloads"
        downloads.mkdir()
        editor = Editor(downloads)
        try:
            results = list(run(editor, str(pathlib.Path(options.program).resolve()), downloads, options.screenshots))
        finally:
            editor.client.quit(in_app=False)
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
