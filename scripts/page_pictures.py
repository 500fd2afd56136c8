#!/usr/bin/env python3
"""Makes the pictures of README.md and docs/pages.md: a preview, a report and a gallery of the examples, in Chromium.

    page_pictures.py --binary .build/release/clipdragd --out docs/pictures

Runs the daemon once on the examples, with a gallery. Needs Playwright and Pillow (pip) and Chromium (Debian).
"""

import argparse
import pathlib
import shutil
import subprocess
import sys
import tempfile

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "Tests/Pages"))

from watched import WatchedPage, launch  # noqa: E402

# Edits of examples/bench that the gallery shows besides the examples themselves.
BENCH = ["warp-tropical-fish", "expression-winking-face-to-grinning-face"]
BROKEN = "prompt: {source: penguin, edit: penguin with a hat}\nsettings: {max_step: 10}\n"


def fill(inbox):
    """Drops the examples, some edits of the bench, and one mistake."""
    for spec in sorted((ROOT / "examples").glob("*.yaml")):
        text = spec.read_text()
        if "image:" in text:
            shutil.copy(spec, inbox)
    for picture in (ROOT / "examples").glob("*.png"):
        shutil.copy(picture, inbox)
    for name in BENCH:
        folder = ROOT / "examples/bench" / name
        if not (folder / "spec.yaml").exists():
            continue
        text = (folder / "spec.yaml").read_text().replace("image.png", f"{name}.png")
        (inbox / f"{name}.yaml").write_text(text)
        shutil.copy(folder / "image.png", inbox / f"{name}.png")
    (inbox / "hat.yaml").write_text("image: penguin.png\n" + BROKEN)


def small(path, width):
    """A PNG of 256 colours and at most this width."""
    picture = Image.open(path).convert("RGB")
    if picture.width > width:
        picture = picture.resize((width, round(picture.height * width / picture.width)), Image.LANCZOS)
    picture.quantize(256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.FLOYDSTEINBERG).save(path, optimize=True)


def shoot(browser, page, path, scheme, height):
    view = WatchedPage(browser, page.as_uri(), 1240, height, color_scheme=scheme)
    view.page.wait_for_timeout(1300)
    view.page.screenshot(path=path)
    view.close()
    small(path, 1000)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(ROOT / ".build/release/clipdragd"))
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "docs/pictures")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        place = pathlib.Path(place)
        inbox, outbox, gallery = place / "in", place / "out", place / "gallery"
        inbox.mkdir()
        outbox.mkdir()
        fill(inbox)
        preview = options.out / "preview.png"
        subprocess.run([options.binary, "preview", inbox / "rabbit-ear.yaml", "--out", preview], check=True)
        config = place / "config.yaml"
        config.write_text(
            f"inboxes: [{{path: {inbox}}}]\noutbox: {outbox}\ngallery: {gallery}\n"
            "defaults: {preset: quick, output: {extras: [report]}}\n")
        for spec in inbox.glob("*.yaml"):
            spec.write_text("".join(line for line in spec.read_text().splitlines(True) if not line.startswith("output:")))
        # One job fails, on purpose.
        subprocess.run([options.binary, "run", "--once", "--config", config, "--state", place / "state"])
        browser = launch(playwright)
        shoot(browser, outbox / "rabbit-ear/report.html", options.out / "report.png", "light", 1180)
        shoot(browser, gallery / "index.html", options.out / "gallery.png", "dark", 700)
        browser.close()
    for path in sorted(options.out.glob("*.png")):
        print(path, path.stat().st_size)


if __name__ == "__main__":
    main()
