#!/usr/bin/env python3
"""How fast the editor page is: a picture of 50 megapixels, and a frame of the stretch at 1 megapixel. Prints a JSON object.

benchmark.py [--pixels 50]; times are milliseconds of the page's own clock, the median, the 95th percentile and the longest of 200
frames. With --busy another process keeps a core busy meanwhile.
"""

import argparse
import io
import json
import subprocess
import sys
import tempfile

from PIL import Image
from playwright.sync_api import sync_playwright

from browser import EditorPage, launch

FRAMES = """async (kind) => {
  const { editor, view, tools } = editorApp;
  const { width, height } = editor.picture;
  const times = [];
  const frame = () => new Promise(requestAnimationFrame);
  for (let i = 0; i < 200; i++) {
    await frame();
    const start = performance.now();
    if (kind === 'stretch') {
      const [x, y] = [width * 0.5, height * 0.5];
      editor.pending = { kind: 'drag', from: [Math.round(x), Math.round(y)], to: null };
      const angle = i / 6;
      tools.move([x + width * 0.2 * Math.cos(angle), y + width * 0.2 * Math.sin(angle)]);
    } else if (kind === 'pan') view.pan(i % 2 ? 37 : -41, i % 3 ? 11 : -13);
    else view.zoomAt([view.width / 2, view.height / 2], i % 20 < 10 ? 1.3 : 1 / 1.3);
    view.drawNow();
    // A read makes the canvas draw what it has only noted.
    view.context.getImageData(0, 0, 1, 1);
    times.push(performance.now() - start);
  }
  if (kind === 'stretch') tools.cancel();
  times.sort((a, b) => a - b);
  const at = (part) => Math.round(10 * times[Math.min(199, Math.floor(200 * part))]) / 10;
  return { median: at(0.5), p95: at(0.95), longest: at(1) };
}"""

NOTE_OPENING = """() => {
  let start = 0;
  document.getElementById('file').addEventListener('change', () => { start = performance.now(); }, { capture: true });
  editorApp.editor.addEventListener('picture', () => { window.opened = performance.now() - start; });
}"""


def picture(megapixels):
    height = int((megapixels * 1e6 / 1.5) ** 0.5)
    image = Image.effect_noise((int(1.5 * height) // 8, height // 8), 80).resize((int(1.5 * height), height)).convert("RGB")
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pixels", type=float, default=50, help="of the large picture, in millions")
    parser.add_argument("--busy", type=int, default=0, help="processes that keep a core busy each")
    options = parser.parse_args()
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(options.busy)]
    try:
        print(json.dumps(measured(options), indent=1))
    finally:
        for process in busy:
            process.kill()


def measured(options):
    results = {}
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for megapixels in (1, options.pixels):
            editor = EditorPage(browser, 1280, 800)
            editor.run(NOTE_OPENING)
            with tempfile.NamedTemporaryFile(suffix=".jpg") as file:
                file.write(picture(megapixels))
                file.flush()
                editor.page.set_input_files("#file", file.name)
                editor.until("() => window.opened > 0")
            results[f"{megapixels:g} megapixels"] = {
                "open": round(editor.run("window.opened")),
                **{kind: editor.run(FRAMES, kind) for kind in ("pan", "zoom", "stretch")},
            }
            editor.close()
        browser.close()
    return results


if __name__ == "__main__":
    main()
