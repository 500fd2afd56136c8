#!/usr/bin/env python3
"""Opens a report and galleries in Chromium: no message in the console, no request, keyboard alone, light, dark and narrow.

    test_pages.py --binary .build/debug/clipdragd [--screenshots FOLDER]

Needs Playwright (pip) and Chromium (Debian). Ends with 1 and names every check that fails.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from playwright.sync_api import sync_playwright

ROOT = pathlib.Path(__file__).resolve().parents[2]
HOSTILE = [
    "<img src=x onerror=document.title='pwned'>",
    "</script><script>document.title='pwned'</script>",
    "tower\u202egnp.exe",
    "javascript:alert(1)",
    "line\nfeed \"quotes\" & 'more'",
    "x" * 200,
]

# The least contrast of every visible text with its ground, as WCAG has it; 4.5 is AA.
CONTRAST = """() => {
  const channel = (c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const color = numbers(getComputedStyle(at).backgroundColor);
      if (color.length < 4 || color[3] === 1) return color;
    }
    return [255, 255, 255];
  };
  let worst = { ratio: 99, text: "" };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.textContent.trim() || ["SCRIPT", "STYLE", "NOSCRIPT", "OPTION"].includes(node.tagName)) continue;
    if (node.closest(".pictures, #stage, svg, .visually-hidden") || node.getClientRects().length === 0) continue;
    const [a, b] = [luminance(numbers(getComputedStyle(node).color)), luminance(ground(node))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < worst.ratio) worst = { ratio, text: walker.currentNode.textContent.slice(0, 60) };
  }
  return worst;
}"""

failures = []


def check(holds, what):
    print(("ok      " if holds else "FAILED  ") + what, flush=True)
    if not holds:
        failures.append(what)


def run(binary, *words):
    return subprocess.run([binary, *map(str, words)], check=True, capture_output=True, text=True).stdout


def job(folder, name, number, **more):
    """A published job's folder, as far as a gallery reads it."""
    place = folder / name
    place.mkdir(parents=True)
    record = {
        "job": {"id": f"job-{number}", "finished": f"2026-01-{number % 28 + 1:02}T10:00:00Z", "seconds": {"total": number % 300}},
        "model": {"name": "starter"}, "prompt": {"edit": more.get("edit", "a face")},
        "verdict": {"drag": ["moved", "partly", "unchanged"][number % 3], "text": None,
                    "damage": ["none", "slight", "severe"][number // 3 % 3]},
        "files": {"result": "result.png"},
    }
    (place / "trajectory.json").write_text(json.dumps(record))
    if more.get("picture"):
        shutil.copy(more["picture"], place / "result.png")
    return place


def until(page, expression, seconds=120):
    """Waits until an expression holds. (The pages' policy forbids what Playwright's own waiting evaluates.)"""
    end = time.monotonic() + seconds
    while not page.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(expression)
        time.sleep(0.05)


class Watched:
    """A page with all that it says and asks for."""

    def __init__(self, browser, address, scheme="light", width=1280, height=900):
        context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": height})
        self.page = context.new_page()
        self.said, self.asked = [], []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.goto(address)
        self.address = address

    def is_silent(self, own):
        """No message, and no request but for the page and files of its own."""
        others = [url for url in self.asked if url != self.address and not any(url.startswith(start) for start in own)]
        if self.said or others:
            print("        ", self.said[:3], others[:3])
        return not self.said and not others

    def is_narrow_enough(self):
        return self.page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_report(binary, browser, folder, shots):
    spec = folder / "rabbit.yaml"
    spec.write_text(
        "image: rabbit.png\nprompt: {source: rabbit face, edit: \"<img src=x onerror=document.title='pwned'> \\u202E</script>\"}\n"
        "drags: [{from: [84, 22], to: [100, 26]}, {from: [40, 30], to: [34, 40]}]\nmask: {circle: [72, 40, 60]}\n"
        "settings: {num_steps: 6, max_steps: 5, lora: {steps: 3}}\noutput: {extras: [report]}\n")
    shutil.copy(ROOT / "examples/rabbit-face.png", folder / "rabbit.png")
    run(binary, "edit", folder / "rabbit.png", spec, "--out", folder / "out", "--state", folder / "state")
    file = folder / "out/report.html"
    check(file.stat().st_size < 1_500_000, f"the report has {file.stat().st_size} bytes, below 1.5 MB")
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 420)]:
        name = f"report-{scheme}-{width}"
        watched = Watched(browser, file.as_uri(), scheme, width)
        page = watched.page
        page.wait_for_selector(".chart")
        check("pwned" not in page.title(), f"{name}: a hostile prompt is text")
        check(watched.is_narrow_enough(), f"{name}: nothing is wider than the window")
        worst = page.evaluate(CONTRAST)
        check(worst["ratio"] >= 4.5, f"{name}: contrast {worst['ratio']:.2f} ({worst['text']!r})")
        page.screenshot(path=shots / f"{name}.png", full_page=True)
        check(watched.is_silent(["data:"]), f"{name}: no message and no request")
    page = Watched(browser, file.as_uri()).page
    page.keyboard.press("Tab")
    check(page.evaluate("document.activeElement.id") == "cut", "report: the first Tab reaches the slider")
    page.keyboard.press("ArrowRight")
    cut = page.evaluate("getComputedStyle(document.getElementById('stage')).getPropertyValue('--cut')")
    check(cut == "51%", "report: arrow keys move the border")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('play').textContent === 'Play' && document.getElementById('step').value > 0")
    check(True, "report: Enter plays the steps to their end")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    check(page.inner_text("#at") == "before the drag", "report: Home goes to the first step")
    page.focus("#show-mask")
    page.keyboard.press("Space")
    check(page.is_visible("#mask"), "report: Space shows the mask")
    page.focus("#copy")
    page.keyboard.press("Enter")
    until(page, "document.getElementById('copied').textContent !== ''")
    check(page.inner_text("#spec").startswith("image:"), "report: the spec is there, and its button answers")


def test_hostile_gallery(binary, browser, folder, shots):
    picture = ROOT / "examples/rabbit-face.png"
    for number, name in enumerate(HOSTILE):
        job(folder / "out", name.replace("/", "\u2044"), number, edit=name * 20, picture=picture)
    job(folder / "out", "no-picture", 99)
    failed = folder / "in/failed/broken<b>"
    failed.mkdir(parents=True)
    shutil.copy(picture, failed / "broken.png")
    (failed / "error.json").write_text(json.dumps({
        "schema": "clipdrag-error/1", "code": "spec.unknown_key", "message": HOSTILE[0] + "y" * 4000, "file": None, "line": 1,
        "column": 1, "hint": HOSTILE[1], "retryable": False, "attempts": 1, "job": "failed-1"}))
    run(binary, "gallery", folder / "out", "--out", folder / "gallery", "--inbox", folder / "in", "--state", folder / "state")
    address = (folder / "gallery/index.html").as_uri()
    own = [(folder / "gallery").as_uri() + "/", "data:"]
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 420)]:
        name = f"gallery-{scheme}-{width}"
        watched = Watched(browser, address, scheme, width)
        page = watched.page
        until(page, "!document.getElementById('count').textContent.includes('loading')")
        page.wait_for_timeout(200)
        check(page.inner_text("#count") == f"{len(HOSTILE) + 2} jobs", f"{name}: every job is there")
        check("pwned" not in page.title() and page.locator("#grid b").count() == 0, f"{name}: hostile names are text")
        links = page.eval_on_selector_all(".card a", "all => all.map((a) => a.href)")
        check(all(link.startswith("file:") for link in links), f"{name}: no link runs a script")
        check(watched.is_narrow_enough(), f"{name}: nothing is wider than the window")
        worst = page.evaluate(CONTRAST)
        check(worst["ratio"] >= 4.5, f"{name}: contrast {worst['ratio']:.2f} ({worst['text']!r})")
        page.screenshot(path=shots / f"{name}.png")
        check(watched.is_silent(own), f"{name}: no message, and no request beyond its own files")
    page.set_viewport_size({"width": 1280, "height": 900})
    page.select_option("#which", "failed")
    check(page.locator(".card").count() == 1 and "spec.unknown_key" in page.inner_text(".card"), "gallery: failures, with their code")
    page.hover(".card a")
    check(page.evaluate("getComputedStyle(document.querySelector('.card .before')).opacity") == "1",
          "gallery: a failed job shows its picture")
    page.select_option("#which", "all")
    page.fill("#words", "nothing like this")
    check(page.is_visible("#empty") and page.locator(".card").count() == 0, "gallery: an empty search says so")


def test_large_gallery(binary, browser, folder):
    count = 10_000
    for number in range(count):
        job(folder / "out", f"edit-{number:05}", number)
    run(binary, "gallery", folder / "out", "--out", folder / "gallery", "--state", folder / "state")
    check(len(list((folder / "gallery/data").iterdir())) == count // 100 + 1, "10,000 jobs: 100 data files")
    watched = Watched(browser, (folder / "gallery/index.html").as_uri())
    page = watched.page
    until(page, "!document.getElementById('count').textContent.includes('loading')")
    check(page.inner_text("#count") == "10,000 jobs", "10,000 jobs: all are loaded")
    check(page.locator(".card").count() < 80, "10,000 jobs: only the cards in sight are drawn")
    page.focus(".card a")
    page.keyboard.press("End")
    check("edit-" in page.evaluate("document.activeElement.textContent") and page.evaluate("scrollY") > 100_000,
          "10,000 jobs: End reaches the last card")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowRight")
    check(page.evaluate("document.activeElement.closest('.card').index") > 1, "10,000 jobs: arrow keys move between cards")
    page.keyboard.press("/")
    page.keyboard.type("edit-0777")
    until(page, "document.getElementById('count').textContent.startsWith('10 of')")
    check(True, "10,000 jobs: the search finds its ten")
    check(watched.is_silent([(folder / "gallery").as_uri() + "/", "data:"]), "10,000 jobs: no message, and no request beyond its own files")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(ROOT / ".build/debug/clipdragd"))
    parser.add_argument("--screenshots", type=pathlib.Path, default=ROOT / ".results/pages")
    options = parser.parse_args()
    options.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        place = pathlib.Path(place)
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-dev-shm-usage"])
        for name in ["report", "hostile", "large"]:
            (place / name).mkdir()
        test_hostile_gallery(options.binary, browser, place / "hostile", options.screenshots)
        test_large_gallery(options.binary, browser, place / "large")
        test_report(options.binary, browser, place / "report", options.screenshots)
        browser.close()
    print(f"{len(failures)} failed" if failures else "all good")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
