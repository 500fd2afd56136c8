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

from playwright.sync_api import sync_playwright

from watched import ROOT, WatchedPage, faults_for_people, launch

HOSTILE = [
    "<img src=x onerror=document.title='pwned'>",
    "</script><script>document.title='pwned'</script>",
    "tower\u202egnp.exe",
    "javascript:alert(1)",
    "line\nfeed \"quotes\" & 'more'",
    "x" * 200,
]

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


class Page(WatchedPage):
    """A page of which nothing but `own` may be asked for."""

    def __init__(self, browser, address, scheme="light", width=1280, own=("data:",)):
        super().__init__(browser, address, width, 900, color_scheme=scheme)
        self.own = own

    def is_silent(self):
        """No message, and no request but for the page and what is its own."""
        if self.console or self.foreign_requests():
            print("        ", self.console[:3], self.foreign_requests()[:3])
        return not self.console and not self.foreign_requests()

    def is_narrow_enough(self):
        return self.run("document.documentElement.scrollWidth <= innerWidth")

    def is_for_people(self, name):
        """Checks names, roles and contrast."""
        found = faults_for_people(self)
        check(not found, f"{name}: WCAG AA {found[:4] or ''}")


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
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 700), ("light", 420)]:
        name = f"report-{scheme}-{width}"
        watched = Page(browser, file.as_uri(), scheme, width)
        page = watched.page
        page.wait_for_selector(".chart")
        check("pwned" not in page.title(), f"{name}: a hostile prompt is text")
        check(watched.is_narrow_enough(), f"{name}: nothing is wider than the window")
        check_layout(page, name, columns=2 if width > 860 else 1)
        watched.is_for_people(name)
        page.screenshot(path=shots / f"{name}.png", full_page=True)
        check(watched.is_silent(), f"{name}: no message and no request")
    watched = Page(browser, file.as_uri())
    page = watched.page
    watched.resize(700, 900)
    check_layout(page, "report, made narrow", columns=1)
    order = page.eval_on_selector_all(".panel h2", "all => all.map((one) => one.textContent)")
    check(order[:3] == ["Verdict", "Course of the edit", "Times"], "report, made narrow: the panels are in their order")
    watched.resize(1280, 900)
    check_layout(page, "report, made wide", columns=2)
    page.keyboard.press("Tab")
    check(page.evaluate("document.activeElement.id") == "cut", "report: the first Tab reaches the slider")
    page.keyboard.press("ArrowRight")
    cut = page.evaluate("getComputedStyle(document.getElementById('stage')).getPropertyValue('--cut')")
    check(cut == "51%", "report: arrow keys move the border")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    watched.until("document.getElementById('play').textContent === 'Play' && document.getElementById('step').value > 0")
    check(True, "report: Enter plays the steps to their end")
    page.keyboard.press("Tab")
    page.keyboard.press("Home")
    check(page.inner_text("#at") == "before the drag", "report: Home goes to the first step")
    page.focus("#show-mask")
    page.keyboard.press("Space")
    check(page.is_visible("#mask"), "report: Space shows the mask")
    page.focus("#copy")
    page.keyboard.press("Enter")
    watched.until("document.getElementById('copied').textContent !== ''")
    check(page.inner_text("#spec").startswith("image:"), "report: the spec is there, and its button answers")


def check_layout(page, name, columns):
    """No column of the report has an empty place, and none ends more than a panel before the other."""
    panels = page.eval_on_selector_all(
        ".panel", "all => all.map((one) => one.getBoundingClientRect()).map(({ left, top, bottom }) => [left, top, bottom])")
    panels = [panel for panel in panels if panel[2] > panel[1]]
    found = {}
    for left, top, bottom in sorted(panels):
        found.setdefault(round(left), []).append((top, bottom))
    check(len(found) == columns, f"{name}: {len(found)} of {columns} column(s)")
    gaps = [below[0] - above[1] for column in found.values() for above, below in zip(column, column[1:])]
    check(all(0 < gap < 24 for gap in gaps), f"{name}: no empty place between panels")
    ends = sorted(column[-1] for column in found.values())
    check(max(bottom for _, bottom in ends) - min(bottom for _, bottom in ends) <= max(bottom - top for top, bottom in ends),
          f"{name}: the columns end within a panel of each other")


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
    own = ((folder / "gallery").as_uri() + "/", "data:")
    for scheme, width in [("light", 1280), ("dark", 1280), ("light", 420)]:
        name = f"gallery-{scheme}-{width}"
        watched = Page(browser, address, scheme, width, own)
        page = watched.page
        watched.until("!document.getElementById('count').textContent.includes('loading')")
        check(page.inner_text("#count") == f"{len(HOSTILE) + 2} jobs", f"{name}: every job is there")
        check("pwned" not in page.title() and page.locator("#grid b").count() == 0, f"{name}: hostile names are text")
        links = page.eval_on_selector_all(".card a", "all => all.map((a) => a.href)")
        check(all(link.startswith("file:") for link in links), f"{name}: no link runs a script")
        check(watched.is_narrow_enough(), f"{name}: nothing is wider than the window")
        watched.is_for_people(name)
        page.screenshot(path=shots / f"{name}.png")
        check(watched.is_silent(), f"{name}: no message, and no request beyond its own files")
    watched.resize(1280, 900)
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
    own = ((folder / "gallery").as_uri() + "/", "data:")
    watched = Page(browser, (folder / "gallery/index.html").as_uri(), own=own)
    page = watched.page
    watched.until("!document.getElementById('count').textContent.includes('loading')")
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
    watched.until("document.getElementById('count').textContent.startsWith('10 of')")
    check(True, "10,000 jobs: the search finds its ten")
    check(watched.is_silent(), "10,000 jobs: no message, and no request beyond its own files")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--binary", default=str(ROOT / ".build/debug/clipdragd"))
    parser.add_argument("--screenshots", type=pathlib.Path, default=ROOT / ".results/pages")
    options = parser.parse_args()
    options.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        place = pathlib.Path(place)
        browser = launch(playwright)
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
