#!/usr/bin/env python3
"""Makes the pictures of docs/editor.md and README.md from the page itself: editor_pictures.py FOLDER (`make editor-pictures`)."""

import io
import pathlib
import sys

from PIL import Image
from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "Tests/EditorTests"))

from browser import EditorPage, launch  # noqa: E402


def save(page, path):
    """A screenshot as a small file."""
    Image.open(io.BytesIO(page.screenshot())).convert("RGB").save(path, optimize=True)
    print(path, path.stat().st_size // 1000, "kB")


def drag(editor):
    """A rabbit whose ear is being pulled, with a mask and a text."""
    editor.open(ROOT / "examples/rabbit-face.png")
    editor.page.fill("#prompt-source", "rabbit face")
    editor.page.fill("#prompt-edit", "crying rabbit face")
    editor.tool("circle")
    for corner in ((92, 24), (92, 62)):
        editor.page.mouse.click(*editor.corner(*corner))
    editor.tool("drag")
    editor.click(84, 22)
    editor.page.mouse.move(*editor.place(100, 26))
    editor.page.wait_for_timeout(200)


def main():
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = launch(playwright)
        for name, size, theme in (("editor", (1280, 800), "light"), ("editor-dark", (1920, 1080), "dark")):
            editor = EditorPage(browser, *size, color_scheme=theme)
            drag(editor)
            if name == "editor-dark":
                editor.click(100, 26)
                editor.page.click("#tab-settings")
                editor.page.fill("#setting-max_steps", "60")
            save(editor.page, folder / f"{name}.png")
            editor.close()
        browser.close()


if __name__ == "__main__":
    main()
