#!/usr/bin/env python3
"""Tests of share/clipdragd/editor.html in Chromium: editor_tests.py --program .build/debug/clipdragd [--screenshots DIR].

`make test` runs it. Timing is measured by benchmark.py, not here.
"""

import argparse
import base64
import io
import json
import math
import pathlib
import random
import re
import sys
import tempfile
import unittest

import yaml
from PIL import Image, ImageChops, PngImagePlugin
from playwright.sync_api import sync_playwright

from browser import PAGE, ROOT, EditorPage, Program, faults_for_people, launch, png

CASES = ROOT / "Tests/SpecParserTests/Cases"
RABBIT = ROOT / "examples/rabbit-face.png"


class EditorTest(unittest.TestCase):
    """A page for each test; none may say anything on the console or ask for anything from outside."""

    browser, program, screenshots = None, None, None
    size, options = (1280, 800), {}

    def setUp(self):
        self.editor = EditorPage(self.browser, *self.size, **self.options)
        self.page = self.editor.page

    def tearDown(self):
        self.assertEqual(self.editor.console, [])
        self.assertEqual(self.editor.foreign_requests(), [])
        self.editor.close()

    def shot(self, name):
        if self.screenshots:
            self.page.screenshot(path=str(self.screenshots / f"{name}.png"))


PIECES = """' " [ ] { } : # , - | > % @ ! & * ? ~ .5 5. +1 -0 nan 0x1 1e3 0b1 5% 1_0 1,5 null true
    ... --- <<: !x &a *a \\ \\u12 “ а ： ä""".split()


def broken_specs(count):
    paths = [path for folder in ("bad", "good") for path in sorted((CASES / folder).iterdir())]
    texts = [path.read_bytes() for path in paths if path.suffix == ".yaml" and path.stat().st_size < 3000]
    pieces = [piece.encode() for piece in PIECES] + [b" ", b"  ", b"\n", b"\t", b": ", b" #", b"- ", b"\r\n", b"\xc2\xa0", b"a" * 1100]
    chance = random.Random(21)
    for _ in range(count):
        text = bytearray(chance.choice(texts))
        for _ in range(chance.randint(1, 3)):
            at, length = chance.randint(0, len(text)), chance.randint(1, 8)
            kind = chance.random()
            if kind < 0.5:
                text[at:at] = chance.choice(pieces)
            elif kind < 0.75:
                del text[at:at + length]
            else:
                other = chance.choice(texts)
                start = chance.randint(0, len(other))
                text[at:at] = other[start:start + length]
        yield bytes(text)


POINTS = """[A, B] | {x: A, y: B} | {y: A, x: B} | (A, B) | A B | A,B | "A, B" | {A, B} | [[A, B]] | [x: A, y: B] | A | {X: A, y: B, r: 3}
    | {circle: [A, B, 5]} | x=A y=B | [A] | ~ | [] | {} | A → B | A->B | “A B” | A/B""".split("|")
DRAGS = """{from: P, to: P} | {handle: P, target: P} | {start: P, End: P} | {from: P, dst: P} | {from: P} | [P, P] | [A, B, A, B] | A,B:A,B
    | {x1: A, y1: B, x2: A, y2: B} | P""".split("|")
SHAPES = ["drags:\n  - D\n", "drags:\n  - D\n  - D\n", "drags: D\n", "drags: [D, D]\n", "- D\n", "prompt: x\nmask: {rect: P}\n",
          "prompt: x\nmask: {polygon: [A, B, A, B, A, B]}\n", "prompt: x\nmask: {polygon: [P, P, P]}\n", "prompt: x\nregion: P\n",
          "prompt: x\nregion: [A, B, A, B]\n"]


def drags_in_other_forms(count):
    chance = random.Random(18)
    choices = {"D": DRAGS, "P": POINTS, "A": ["84", "1.5", "-3", "0x10", "5%", "84px", "x"], "B": ["22", "1e3", ".5", "22px"]}
    for _ in range(count):
        text = chance.choice(SHAPES)
        for sign, words in choices.items():
            text = re.sub(rf"\b{sign}\b", lambda _: chance.choice(words).strip(), text)
        yield text.encode()


class Messages(EditorTest):
    """The page says what `check` says."""

    def read(self, files):
        return self.editor.run("""(files) => files.map(([name, content]) => {
            const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
            try { readSpec(bytes, name); return null; } catch (error) {
                if (!(error instanceof SpecError)) throw error;
                const { line, column, message, hint } = error;
                return { line, column, message, hint }; } })""", files)

    def test_every_bad_spec_of_the_parsers_tests_gets_its_message_place_and_remedy(self):
        paths = sorted(path for path in (CASES / "bad").iterdir() if path.suffix in (".yaml", ".json"))
        self.assertGreater(len(paths), 200)
        found = self.read([[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths])
        wrong = []
        for path, error in zip(paths, found):
            lines = path.with_suffix(".expected").read_text().rstrip("\n").split("\n")
            said = error and [f"{path.name}:{error['line']}:{error['column']}: error: {error['message']}", error["hint"]]
            if said != [lines[0], lines[-1]]:
                wrong.append(f"{path.name}\n  check: {lines[0]} | {lines[-1]}\n  page:  {said}")
        self.assertEqual(wrong, [], "\n".join(wrong))

    def test_broken_specs_get_the_programs_message(self):
        """Specs of the tests with pieces put in, taken out and doubled by chance; the same each time."""
        files = [(f"{i}.{'json' if i % 10 == 0 else 'yaml'}", text) for i, text in enumerate(broken_specs(400))]
        found = self.read([[name, base64.b64encode(content).decode()] for name, content in files])
        escape = lambda text: self.editor.run("printable", text)
        # The page names fewer characters than Unicode does.
        nameless = lambda text: re.sub(r"(U\+[0-9A-F]{4,}) \([A-Z0-9 -]+\)", r"\1", text)
        for (name, content), page, program in zip(files, found, self.program.read(files)):
            said = None if program["ok"] else nameless(escape(program["message"]))
            self.assertEqual(page and nameless(page["message"]), said, f"{name}: {content!r}")

    def test_drags_in_other_forms_get_the_programs_message_place_and_remedy(self):
        files = [(f"{i}.yaml", text) for i, text in enumerate(drags_in_other_forms(400))]
        found = self.read([[name, base64.b64encode(content).decode()] for name, content in files])
        said = self.program.errors(files)
        # The page names fewer characters than Unicode does.
        nameless = lambda text: re.sub(r"(U\+[0-9A-F]{4,}) \([A-Z0-9 -]+\)", r"\1", text)
        refused = 0
        for (name, content), page in zip(files, found):
            if not page:  # what needs no picture is good
                continue
            refused += 1
            keys = ("line", "column", "message", "hint")
            self.assertEqual(
                [nameless(str(page[key])) for key in keys], [nameless(str(said[name][key])) for key in keys], f"{name}: {content!r}")
        self.assertGreater(refused, 350)

    def test_every_good_spec_is_read_and_written_as_the_same_spec(self):
        paths = [path for path in sorted((CASES / "good").iterdir()) if path.suffix in (".yaml", ".json")]
        paths += sorted((ROOT / "examples").glob("*.yaml")) + sorted((ROOT / "examples/bench").glob("*/spec.yaml"))
        paths = [path for path in paths if path.name != "config.yaml"]
        self.assertGreater(len(paths), 40)
        files = [[path.name, base64.b64encode(path.read_bytes()).decode()] for path in paths]
        for path, error in zip(paths, self.read(files)):
            self.assertIsNone(error, path.name)
        pairs = self.editor.run("""(files) => files.map(([name, content]) => {
            const read = (bytes) => readSpec(bytes, name).spec;
            const first = read(Uint8Array.from(atob(content), (c) => c.charCodeAt(0)));
            const text = writeSpec(first);
            return [first, read(new TextEncoder().encode(text)), text]; })""", files)
        for path, (first, second, text) in zip(paths, pairs):
            self.assertEqual(first, second, f"{path.name}\n{text}")

    def test_what_needs_the_picture_is_said_as_check_says_it(self):
        specs = {
            "outside": "image: p.png\ndrags: [{from: [10, 20], to: [130, 20]}]\n",
            "exchanged": "image: p.png\ndrags: [{from: [20, 100], to: [20, 30]}]\n",
            "mask": "image: p.png\ndrags: [{from: [10, 20], to: [30, 20]}]\nmask: {rect: [300, 300, 10, 10]}\n",
        }
        picture = png(128, 64)
        self.editor.open(("p.png", picture))
        for name, text in specs.items():
            with self.subTest(name):
                code, said, _ = self.program.check([("p.png", picture), (f"{name}.yaml", text.encode())], f"{name}.yaml")
                self.assertEqual(code, 65)
                self.page.fill("#yaml", text)
                error = self.editor.run(
                    "(({ line, column, message, hint, code }) => ({ line, column, message, hint, code }))"
                    "(editorApp.editor.state.error)")
                self.assertEqual(error, {key: said[key] for key in ("line", "column", "message", "hint", "code")})
                self.assertEqual(self.editor.messages(), [["error", said["message"]]])

    def test_what_does_not_go_together_is_refused_as_check_refuses_it(self):
        drag, far = "drags: [{from: [10, 20], to: [30, 20]}]\n", "drags: [{from: [100, 20], to: [120, 20]}]\n"
        regions = "drags: [{from: {circle: [20, 20, 6]}, to: {circle: [40, 20, 6]}}]\n"
        mask = "mask: {circle: [20, 20, 15]}\n"
        good = {
            "fastdrag-masked": f"{drag}{mask}method: fastdrag\n",
            "fastdrag-regions": f"{regions}method: fastdrag\n",
            "regiondrag-masked": f"{drag}{mask}method: regiondrag\n",
            "diffclip": "prompt: {source: a cat, edit: a dog}\nmethod: diffclip\n",
        }
        bad = {
            "no-drags": "prompt: a\nmethod: fastdrag\n",
            "no-drags-sde": "prompt: a\nmethod: sdedrag\n",
            "no-drags-regions": f"prompt: a\n{mask}method: regiondrag\n",
            "no-mask": f"{drag}method: fastdrag\nsettings: {{auto_mask: false}}\n",
            "no-regions": f"{drag}method: regiondrag\n",
            "one-region": regions.replace("}}]", "}}, {from: [1, 1], to: [9, 9]}]") + "method: regiondrag\n",
            "no-text": f"{drag}method: diffclip\n",
            "empty-region": "drags: [{from: {rect: [1, 1, 0.2, 0.2]}, to: {circle: [9, 9, 5]}}]\n",
            "empty-mask": f"{drag}mask: {{rect: [20.1, 20.1, 0.2, 0.2]}}\n",
            "small-region": f"{drag}region: {{rect: [0, 50, 60, 40]}}\n",
            "outside-region": f"{far}region: {{rect: [0, 0, 60, 60]}}\n",
            "no-step": f"{drag}settings: {{num_steps: 3, inversion_strength: 0.1}}\n",
            "no-step-by-default": f"{drag}settings: {{num_steps: 1, inversion_strength: 0.5}}\n",
        }
        picture = png(128, 64)
        self.editor.open(("p.png", picture))
        for name, text in {**good, **bad}.items():
            with self.subTest(name):
                text = "image: p.png\n" + text
                code, said, errors = self.program.check([("p.png", picture), (f"{name}.yaml", text.encode())], f"{name}.yaml")
                self.assertEqual(code == 0, name in good, errors)
                self.page.fill("#yaml", text)
                error = self.editor.run("editorApp.editor.state.error && (({ line, column, message, hint, code }) =>"
                                        " ({ line, column, message, hint, code }))(editorApp.editor.state.error)")
                if name in good:
                    self.assertIsNone(error)
                    continue
                self.assertEqual(error, {key: said.get(key) for key in ("line", "column", "message", "hint", "code")})
                self.assertEqual(self.editor.messages(), [["error", said["message"]]])

    def test_a_mask_that_is_rubbed_out_is_refused_as_check_refuses_it(self):
        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.editor.click(100, 26)
        for tool in ("brush", "eraser"):
            self.editor.tool(tool)
            self.page.mouse.click(*self.editor.place(92, 24))
        code, said, _ = self.program.check(self.editor.saved(), "rabbit-face.yaml")
        self.assertEqual((code, said["code"]), (65, "spec.empty_mask"))
        self.assertEqual(self.editor.messages(), [["error", said["message"]]])
        self.page.keyboard.press("Control+z")
        self.assertEqual(self.editor.messages(), [["good", "check has nothing to say against it."]])

    def test_notes_are_those_of_check(self):
        words = " ".join(["elephant", "wearing", "sunglasses"] * 30)
        specs = {
            "handle-outside-mask": "drags: [{from: [10, 20], to: [30, 20]}]\nmask: {circle: [90, 40, 12]}\n",
            "two-handles-outside": (
                "drags: [{from: [10, 20], to: [30, 20]}, {from: [11, 40], to: [30, 44]}]\nmask: {rect: [80, 30, 20, 20]}\n"),
            "mask-beyond": (
                "drags: [{from: [90, 40], to: [96, 40]}]\n"
                "mask: [{rect: [60, 20, 100, 100]}, {polygon: [[-3, 0], [20, 0], [20, 20]]}]\n"),
            "long-prompt": f"prompt: {{source: a cat, edit: {words}}}\n",
            "unread": (
                "method: none\ndrags: [{from: [90, 40], to: [96, 40]}]\nmask: {circle: [90, 40, 20]}\n"
                "settings: {max_steps: 3, warp: 0, lambda: 2}\n"),
            "too-short": "drags: [{from: [90, 40], to: [91, 40]}]\nsettings: {reach: 2}\n",
            "target-outside-mask": "drags: [{from: [90, 40], to: [110, 40]}]\nmask: {circle: [90, 40, 12]}\n",
            "leaves-mask": "drags: [{from: [20, 20], to: [60, 20]}]\nmask: [{rect: [10, 10, 20, 20]}, {rect: [50, 10, 20, 20]}]\n",
            "crossing": "drags: [{from: [20, 20], to: [60, 50]}, {from: [60, 20], to: [20, 50]}, {from: [20, 20], to: [60, 50]}]\n",
            "one-target": "drags: [{from: [20, 20], to: [60, 50]}, {from: [90, 20], to: [60, 50]}, {from: [90, 20], to: [80, 50]}]\n",
            "too-few-steps": "drags: [{from: [20, 20], to: [60.4, 50]}]\nsettings: {max_steps: 3}\n",
            "too-long": "drags: [{from: [4, 20], to: [120, 50]}]\n",
            "one-short-of-two": "drags: [{from: [90, 40], to: [91, 40]}, {from: [20, 20], to: [30, 20]}]\n",
            "tiny-mask": "drags: [{from: [90, 40], to: [98, 40]}]\nmask: {rect: [89, 39, 11, 3]}\n",
            "one-cell": "drags: [{from: [90, 40], to: [96, 40]}, {from: [90.4, 40], to: [84, 44]}]\n",
            "regions": "drags: [{from: {circle: [60, 30, 9]}, to: {circle: [72, 34, 9]}}]\nmask: {circle: [66, 32, 14]}\n",
            "good": "drags: [{from: [90, 40], to: [96, 40]}]\n",
        }
        picture = png(128, 64)
        self.editor.open(("p.png", picture))
        for name, text in specs.items():
            with self.subTest(name):
                text = "image: p.png\n" + text
                code, said, errors = self.program.check([("p.png", picture), (f"{name}.yaml", text.encode())], f"{name}.yaml")
                self.assertEqual(code, 0, errors)
                self.page.fill("#yaml", text)
                kinds = self.editor.messages()
                self.assertEqual([message for kind, message in kinds if kind == "note"], said["notes"])
                self.assertEqual(any(kind == "good" for kind, _ in kinds), not said["notes"])

    def test_a_handle_on_one_colour_is_noted_as_check_notes_it(self):
        picture = png(128, 64, (200, 30, 40))
        text = "image: p.png\ndrags: [{from: [20, 20], to: [40, 20]}]\n"
        _, said, _ = self.program.check([("p.png", picture), ("s.yaml", text.encode())], "s.yaml")
        self.editor.open(("p.png", picture))
        self.page.fill("#yaml", text)
        self.assertEqual([message for kind, message in self.editor.messages()], said["notes"])

    def test_defaults_are_what_check_would_run(self):
        """For every preset and method, with the starter model: the defaults in the form are the settings of `check`."""
        picture = png(128, 128)
        self.editor.open(("p.png", picture))
        rows = self.editor.run("TABLES.settings.map(({ name }) => name)")
        presets, methods = self.editor.run("[TABLES.presets, TABLES.methods.map(({ name }) => name)]")
        for preset in presets:
            for method in methods:
                with self.subTest(f"{preset} {method}"):
                    text = (
                        f"image: p.png\nprompt: {{source: a cat, edit: a dog}}\ndrags: [{{from: [40, 40], to: [60, 40]}}]\n"
                        f"mask: {{circle: [50, 40, 30]}}\npreset: {preset}\nmethod: {method}\n")
                    code, said, errors = self.program.check([("p.png", picture), ("s.yaml", text.encode())], "s.yaml")
                    self.assertEqual(code, 0, errors)
                    self.page.fill("#yaml", text)
                    shown = self.editor.run("(names) => names.map((name) => editorApp.editor.defaultOf(name))", rows)
                    for name, default in zip(rows, shown):
                        value = said["settings"][name]
                        wanted = yaml.safe_load(default)
                        self.assertEqual(float(wanted) if isinstance(value, float) else wanted, value, name)

    def test_a_settings_field_says_what_check_says(self):
        self.editor.open(RABBIT)
        self.page.click("#tab-settings")
        self.page.fill("#setting-max_steps", "10.0")
        self.assertEqual(
            self.page.text_content("#setting-max_steps-error"),
            "`max_steps` must be a whole number written as digits, not `10.0`. Write 10.")
        self.page.fill("#setting-max_steps", "40")
        self.assertEqual(self.page.text_content("#setting-max_steps-error"), "")


class Clicks(EditorTest):
    """Points are exact to the pixel, and `check` takes what was clicked."""

    def check_saved(self, drags):
        files = self.editor.saved()
        spec = yaml.safe_load(files[-1][1])
        self.assertEqual(spec["drags"], [{"from": list(a), "to": list(b)} for a, b in drags])
        code, said, errors = self.program.check(files, files[-1][0])
        self.assertEqual(code, 0, errors)
        return said

    def test_clicks_are_exact_at_three_zooms(self):
        drags = [((84, 22), (100, 26)), ((0, 0), (7, 127)), ((127, 60), (64, 65))]
        self.editor.open(RABBIT)
        for zoom, (handle, target) in zip((0.8, 3, 17), drags):
            self.editor.zoom(zoom, handle)
            self.editor.click(*handle)
            self.editor.zoom(zoom, target)
            self.editor.click(*target)
        self.check_saved(drags)
        self.shot("three-drags")

    def test_clicks_are_exact_for_all_orientations(self):
        upright = Image.open(io.BytesIO(png(96, 64)))
        turns = {
            2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
            5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_90, 7: Image.Transpose.TRANSVERSE, 8: Image.Transpose.ROTATE_270,
        }
        for kind in ("PNG", "JPEG"):
            for orientation in range(1, 9):
                with self.subTest(f"{kind} {orientation}"):
                    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
                    exif = Image.Exif()
                    exif[0x0112] = orientation
                    file = io.BytesIO()
                    stored.save(file, kind, exif=exif, **({"quality": 98, "subsampling": 0} if kind == "JPEG" else {}))
                    self.editor.open((f"o{orientation}.{kind.lower()}", file.getvalue()))
                    self.editor.run("editorApp.editor.change({ drags: [] })")
                    self.editor.click(80, 10)
                    self.editor.click(5, 60)
                    self.check_saved([((80, 10), (5, 60))])
                    self.assert_shows(upright, 3 if kind == "PNG" else 40)

    def test_orientations_that_stand_elsewhere_are_read_as_the_program_reads_them(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        profile = b"Exif\0\0" + exif.tobytes()[6:]
        raw = "\nexif\n%8d\n%s\n" % (len(profile), profile.hex())
        xmp = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><r tiff:Orientation="8"/></x:xmpmeta>'
        texts = {
            "xmp": lambda info: info.add_itxt("XML:com.adobe.xmp", xmp),
            "xmp-deflated": lambda info: info.add_itxt("XML:com.adobe.xmp", xmp, zip=True),
            "raw": lambda info: info.add_text("Raw profile type exif", raw),
            "raw-deflated": lambda info: info.add_text("Raw profile type APP1", raw, zip=True),
            "none": lambda info: info.add_text("Comment", "tiff:Orientation=6"),
        }
        files = []
        for name, add in texts.items():
            info = PngImagePlugin.PngInfo()
            add(info)
            file = io.BytesIO()
            Image.new("RGB", (96, 64), (9, 90, 200)).save(file, "PNG", pnginfo=info)
            files.append((f"{name}.png", file.getvalue()))
        sizes = [(read["width"], read["height"]) for read in self.program.read(files)]
        self.assertEqual(sizes, [(64, 96)] * 4 + [(96, 64)])
        for file, size in zip(files, sizes):
            self.editor.open(file)
            shown = self.editor.run("[editorApp.editor.picture.width, editorApp.editor.picture.height]")
            self.assertEqual(tuple(shown), size, file[0])

    def assert_shows(self, upright, tolerance):
        """The canvas shows the upright picture."""
        samples = [(3, 3), (90, 5), (6, 58), (70, 33)]
        for x, y in samples:
            shown = self.editor.run(
                "([x, y]) => { const level = editorApp.editor.picture.levels[0]; const c = plainCanvas(1, 1).getContext('2d');"
                " c.drawImage(level, x, y, 1, 1, 0, 0, 1, 1); return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3); }", [x, y])
            wanted = upright.getpixel((x, y))
            self.assertLessEqual(max(abs(a - b) for a, b in zip(shown, wanted)), tolerance, (x, y))

    def test_pulling_moves_deleting_removes_undo_and_redo_bring_back(self):
        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.editor.click(100, 26)
        self.page.mouse.move(*self.editor.place(100, 26))
        self.page.mouse.down()
        self.page.mouse.move(*self.editor.place(104, 30), steps=4)
        self.page.mouse.up()
        self.check_saved([((84, 22), (104, 30))])
        self.page.keyboard.press("Delete")
        self.assertEqual(self.editor.spec()["drags"], [])
        self.page.keyboard.press("Control+z")
        self.check_saved([((84, 22), (104, 30))])
        self.page.keyboard.press("Control+z")
        self.check_saved([((84, 22), (100, 26))])
        self.page.keyboard.press("Control+Shift+Z")
        self.check_saved([((84, 22), (104, 30))])

    def test_shapes_are_saved_in_pixels(self):
        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.editor.click(100, 26)
        self.editor.tool("rectangle")
        for x, y in ((70, 4), (120, 60)):
            self.page.mouse.click(*self.editor.corner(x, y))
        self.editor.tool("circle")
        self.page.mouse.move(*self.editor.corner(60, 80))
        self.page.mouse.down()
        self.page.mouse.move(*self.editor.corner(80, 80), steps=3)
        self.page.mouse.up()
        self.editor.tool("polygon")
        for x, y in ((10, 10), (40, 12), (30, 50), (10, 10)):
            self.page.mouse.click(*self.editor.corner(x, y))
        self.shot("mask-shapes")
        files = self.editor.saved()
        self.assertEqual(
            yaml.safe_load(files[-1][1])["mask"],
            [{"rect": [70, 4, 50, 56]}, {"circle": [60, 80, 20]}, {"polygon": [[10, 10], [40, 12], [30, 50]]}])
        self.assertEqual(self.program.check(files, files[-1][0])[0], 0)

    def test_a_shape_is_pulled_by_its_corner_and_moved_by_its_middle(self):
        self.editor.open(RABBIT)
        self.editor.run("editorApp.editor.change({ mask: [{ rect: [40, 40, 20, 20] }], edit: 'x' })")
        self.editor.tool("select")
        for start, end in (((50, 50), (54, 52)), ((64, 62), (80, 90))):
            self.page.mouse.move(*self.editor.corner(*start))
            self.page.mouse.down()
            self.page.mouse.move(*self.editor.corner(*end), steps=4)
            self.page.mouse.up()
        self.assertEqual(self.editor.spec()["mask"], [{"rect": [44, 42, 36, 48]}])

    def pull(self, start, end):
        self.page.mouse.move(*self.editor.corner(*start))
        self.page.mouse.down()
        self.page.mouse.move(*self.editor.corner(*end), steps=4)
        self.page.mouse.up()

    def test_a_region_is_drawn_and_taken_to_where_its_middle_is_clicked(self):
        self.editor.open(RABBIT)
        self.editor.tool("region")
        self.pull((74, 10), (94, 30))
        self.page.mouse.move(*self.editor.place(104, 26))
        goal = self.editor.run("editorApp.editor.stretch.drawn.goals.at(-1)")
        self.assertLess(math.dist(goal, (104, 26)), 1)
        self.shot("region-target")
        self.editor.click(104, 26)
        self.page.click("[name=drag-shape][value=circle]")
        self.pull((40, 40), (50, 40))
        self.pull((40, 60), (54, 60))
        self.page.click("[name=drag-shape][value=polygon]")
        for x, y in ((20, 90), (40, 90), (30, 110), (20, 90)):
            self.page.mouse.click(*self.editor.corner(x, y))
        self.editor.click(50, 100)
        drags = [
            {"from": {"rect": [74, 10, 20, 20]}, "to": {"rect": [94, 16, 20, 20]}},
            {"from": {"circle": [40, 40, 10]}, "to": {"circle": [40, 60, 14]}},
            {"from": {"polygon": [[20, 90], [40, 90], [30, 110]]}, "to": {"polygon": [[40, 90], [60, 90], [50, 110]]}},
        ]
        files = self.editor.saved()
        self.assertEqual(yaml.safe_load(files[-1][1])["drags"], drags)
        code, said, errors = self.program.check(files, files[-1][0])
        self.assertEqual(code, 0, errors)
        self.assertEqual([m for kind, m in self.editor.messages() if kind == "note"], said["notes"])
        self.shot("region-drags")
        self.page.keyboard.press("Control+z")
        self.assertEqual(self.editor.spec()["drags"], drags[:2])
        self.editor.tool("select")
        self.page.mouse.click(*self.editor.corner(44, 44))
        self.pull((50, 40), (53, 40))
        self.pull((40, 66), (44, 70))
        self.assertEqual(self.editor.spec()["drags"][1], {"from": {"circle": [40, 40, 13]}, "to": {"circle": [44, 64, 14]}})

    def test_a_spec_with_region_drags_is_opened_changed_and_saved_as_it_was(self):
        text = (
            "image: p.png\ndrags:\n  - {from: {circle: [20, 20, 6]}, to: {circle: [40.5, 20, 9]}}\n"
            "  - {from: {polygon: [[60, 30], [80, 30], [70, 50]]}, to: {polygon: [[70, 30], [90, 30], [80, 50]]}}\n"
            "  - {from: {rect: [90, 5, 10, 10]}, to: {circle: [110, 30, 7]}}\nmethod: regiondrag\n...\n")
        self.editor.open(("p.png", png(128, 64)), ("s.yaml", text.encode()))
        self.assertEqual(self.editor.saved()[-1][1].decode(), text)
        self.page.fill("#seed", "7") if self.page.is_visible("#seed") else self.editor.run("editorApp.editor.change({ seed: '7' })")
        self.assertEqual(yaml.safe_load(self.editor.yaml()), {**yaml.safe_load(text), "seed": 7})
        self.page.select_option("#units", "relative")
        self.page.select_option("#units", "")
        self.assertEqual(yaml.safe_load(self.editor.yaml()), {**yaml.safe_load(text), "seed": 7})
        files = self.editor.saved()
        self.assertEqual(self.program.check(files, files[-1][0])[0], 0)

    def test_a_painted_mask_is_the_picture_that_is_saved(self):
        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.editor.click(100, 26)
        self.editor.tool("brush")
        self.page.mouse.move(*self.editor.place(80, 24))
        self.page.mouse.down()
        self.page.mouse.move(*self.editor.place(106, 30), steps=8)
        self.page.mouse.up()
        self.editor.tool("eraser")
        self.page.mouse.click(*self.editor.place(70, 24))
        self.shot("painted-mask")
        files = dict(self.editor.saved())
        self.assertEqual(list(files), ["rabbit-face.png", "rabbit-face.mask.png", "rabbit-face.yaml"])
        saved = Image.open(io.BytesIO(files["rabbit-face.mask.png"]))
        painted = Image.new("L", (128, 128))
        painted.putdata(self.editor.run("[...editorApp.editor.painted.get('rabbit-face.mask.png').values]"))
        self.assertEqual((saved.mode, saved.size), ("L", (128, 128)))
        self.assertIsNone(ImageChops.difference(saved, painted).getbbox())
        self.assertEqual(saved.getpixel((90, 26)), 255)
        self.assertEqual(saved.getpixel((70, 24)), 0)
        self.assertEqual(yaml.safe_load(files["rabbit-face.yaml"])["mask"], "rabbit-face.mask.png")
        code, said, errors = self.program.check(list(files.items()), "rabbit-face.yaml")
        self.assertEqual((code, said.get("notes")), (0, []), errors)
        self.page.keyboard.press("Control+z")
        self.page.keyboard.press("Control+z")
        self.assertEqual(self.editor.spec()["mask"], [])
        self.assertTrue(self.editor.run("editorApp.editor.painted.get('rabbit-face.mask.png').isEmpty"))
        self.page.keyboard.press("Control+y")
        self.page.keyboard.press("Control+y")
        self.assertEqual(dict(self.editor.saved())["rabbit-face.mask.png"], files["rabbit-face.mask.png"])


class Files(EditorTest):
    """Opening and saving."""

    def test_a_spec_that_is_opened_and_saved_is_the_same_text(self):
        text = (ROOT / "examples/rabbit-ear.yaml").read_text()
        self.editor.open(RABBIT, ROOT / "examples/rabbit-ear.yaml")
        name, saved = self.editor.saved()[-1]
        self.assertEqual((name, saved.decode()), ("rabbit-ear.yaml", text + "...\n"))
        self.assertEqual(len(self.page.query_selector_all("#drag-list li")), 1)

    def test_relative_points_and_regions_of_drags_stay_what_they_are(self):
        text = """\
image: p.png
drags:
  - {from: [0.25, 0.5], to: [0.75, 0.5]}
  - {from: {rect: [0.1, 0.1, 0.2, 0.2]}, to: {circle: [0.6, 0.6, 0.1]}}
units: relative
...
"""
        self.editor.open(("p.png", png(64, 96)), ("s.yaml", text.encode()))
        self.editor.run("editorApp.editor.change({ seed: '7' })")
        spec = yaml.safe_load(self.editor.yaml())
        wanted = yaml.safe_load(text)
        self.assertEqual({**wanted, "seed": 7}, spec)
        self.page.select_option("#units", "")
        spec = yaml.safe_load(self.editor.yaml())
        self.assertEqual(spec["drags"][0], {"from": [16, 48], "to": [48, 48]})
        self.assertEqual(spec["drags"][1]["from"], {"rect": [6.4, 9.6, 12.8, 19.2]})

    def test_a_mask_picture_opens_with_its_spec(self):
        mask = Image.new("L", (128, 128))
        mask.paste(255, (70, 5, 120, 60))
        file = io.BytesIO()
        mask.save(file, "PNG")
        text = b"image: rabbit-face.png\ndrags: [{from: [84, 22], to: [100, 26]}]\nmask: rabbit-face.mask.png\n"
        self.editor.open(RABBIT, ("cat.yaml", text), ("rabbit-face.mask.png", file.getvalue()))
        self.assertEqual(self.editor.messages(), [["good", "check has nothing to say against it."]])
        saved = Image.open(io.BytesIO(dict(self.editor.saved())["rabbit-face.mask.png"]))
        self.assertIsNone(ImageChops.difference(saved, mask).getbbox())

    def test_painting_leaves_the_name_of_a_mask_that_is_not_open(self):
        text = b"image: rabbit-face.png\ndrags: [{from: [84, 22], to: [100, 26]}]\nmask: cat.mask.png\n"
        self.editor.open(RABBIT, ("cat.yaml", text))
        self.editor.tool("brush")
        self.page.mouse.click(*self.editor.place(80, 24))
        self.assertEqual(self.editor.spec()["mask"], [{"file": "cat.mask.png"}, {"file": "cat.2.mask.png"}])

    def test_a_trajectory_becomes_a_spec_and_plays_its_paths(self):
        record = {
            "schema": "clipdrag-trajectory/1", "job": {"name": "ear"}, "image": {"width": 128, "height": 128},
            "prompt": {"source": "rabbit face", "edit": "crying rabbit face", "source_origin": "spec"},
            "preset": "recommended", "method": "clipdrag", "seed": 5, "verdict": "moved", "steps": 3,
            "settings": {"max_steps": 60, "reach": 1, "budget": 90, "lora": {"steps": 80, "rank": 8}},
            "handles": [{"from": [84, 22], "to": [100, 26], "path": [[84, 22], [90, 24], [96, 25], [99, 26]]}],
        }
        self.editor.open(RABBIT, ("trajectory.json", json.dumps(record).encode()))
        spec = yaml.safe_load(self.editor.yaml())
        self.assertEqual(spec["drags"], [{"from": [84, 22], "to": [100, 26]}])
        self.assertEqual(spec["prompt"], {"source": "rabbit face", "edit": "crying rabbit face"})
        self.assertEqual((spec["seed"], spec["settings"]["max_steps"], spec["settings"]["lora"]), (5, 60, {"rank": 8}))
        self.assertEqual(spec["settings"]["budget"], "90s")
        self.assertTrue(self.page.is_visible("#playback"))
        before = self.page.input_value("#step")
        self.editor.until("(before) => document.getElementById('step').value !== before", before)
        self.page.click("#play")
        self.page.fill("#step", "3")
        self.assertEqual(self.page.text_content("#step-number"), "step 3 of 3")
        self.shot("trajectory")
        files = self.editor.saved()
        self.assertEqual(self.program.check(files, files[-1][0])[0], 0)

    def test_a_folder_gets_the_picture_first_and_the_whole_spec_last(self):
        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.editor.click(100, 26)
        self.editor.run("""() => {
            window.written = [];
            const fail = () => { throw Object.assign(new Error(), { name: 'NotFoundError' }); };
            window.showDirectoryPicker = async () => ({ name: 'inbox', getFileHandle: async (name, options) => options?.create
              ? { createWritable: async () => { let text = null; return { write: async (blob) => { text = await blob.text(); },
                  close: async () => { window.written.push([name, text.length, text.slice(-8)]); } }; } } : fail() }); }""")
        self.page.click("#tab-save")
        self.page.click("#save-folder")
        self.page.wait_for_selector(".toast.is-good")
        written = self.editor.run("window.written")
        self.assertEqual([name for name, *_ in written], ["rabbit-face.png", "rabbit-face.yaml"])
        self.assertTrue(written[1][2].endswith("\n...\n"))

    def test_a_real_folder_gets_the_picture_first_and_each_file_whole(self):
        """The origin's private file system has the handles that a folder of the disk has."""
        self.editor.close()
        self.editor = EditorPage(self.browser, address="https://editor.test/", content=PAGE.read_text())
        self.page = self.editor.page
        self.editor.run("""async () => {
            const root = await navigator.storage.getDirectory();
            window.inbox = await root.getDirectoryHandle('inbox', { create: true });
            window.showDirectoryPicker = async () => inbox;
            window.written = [];
            const create = FileSystemFileHandle.prototype.createWritable;
            FileSystemFileHandle.prototype.createWritable = async function (...words) {
              const stream = await create.apply(this, words);
              const close = stream.close.bind(stream);
              const size = async () => (await this.getFile()).size;
              stream.close = async () => {
                const before = await size();
                await close();
                written.push([this.name, before, await size()]);
              };
              return stream;
            }; }""")
        answers, asked = [], []
        self.page.on("dialog", lambda dialog: (
            asked.append(dialog.message), dialog.accept() if answers.pop(0) else dialog.dismiss()))

        def save():
            self.page.click("#save-folder")
            self.editor.until("document.querySelector('.toast')")
            self.page.click(".toast button")
            written = self.editor.run("written.splice(0)")
            return written, self.editor.run("""async () => { const found = {};
                for await (const [name, handle] of inbox) found[name] = await (await handle.getFile()).text();
                return found; }""")

        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.editor.click(100, 26)
        self.editor.tool("brush")
        self.page.mouse.click(*self.editor.place(90, 24))
        files = self.editor.saved()
        self.page.click("#tab-save")
        written, found = save()
        # Until a file is closed its name has nothing of it: the browser renames.
        self.assertEqual(written, [[name, 0, len(content)] for name, content in files])
        self.assertEqual([name for name, *_ in written], ["rabbit-face.png", "rabbit-face.mask.png", "rabbit-face.yaml"])
        self.assertEqual(found["rabbit-face.yaml"], files[-1][1].decode())
        self.assertTrue(found["rabbit-face.yaml"].endswith("\n...\n"))
        self.editor.run("editorApp.editor.change({ seed: '7' })")
        answers[:] = [False]
        self.assertEqual(save(), ([], found))
        answers[:] = [True]
        written, found = save()
        self.assertEqual([name for name, *_ in written], ["rabbit-face.yaml"])
        self.assertIn("seed: 7", found["rabbit-face.yaml"])
        self.assertEqual(asked, ["rabbit-face.yaml is in the folder already. Replace it?"] * 2)

    def test_a_download_is_the_pair(self):
        self.editor.open(RABBIT)
        self.page.fill("#prompt-edit", "crying rabbit face")
        self.page.click("#tab-save")
        self.page.fill("#stem", "tears")
        files = []
        with self.page.expect_event("download", lambda download: files.append(download) or len(files) == 2):
            self.page.click("#download")
        names = [(file.suggested_filename, pathlib.Path(file.path()).read_bytes()) for file in files]
        self.page.wait_for_selector(".toast.is-good")
        self.assertEqual([name for name, _ in names], ["rabbit-face.png", "tears.yaml"])
        self.assertIn(f"{ROOT}/.build/release/clipdragd edit rabbit-face.png tears.yaml", self.page.text_content(".toast.is-good"))
        for address, word in (
                ("/usr/share/clipdragd/editor.html", "clipdragd"), ("/home/m/editor.html", "clipdragd"),
                ("/home/m%20n/c/share/clipdragd/editor.html", "'/home/m n/c/.build/release/clipdragd'")):
            self.assertEqual(self.editor.run("(pathname) => programWord({ protocol: 'file:', pathname })", address), word)
        self.assertEqual(names[0][1], RABBIT.read_bytes())

    def test_what_is_no_picture_is_said(self):
        for name, content in (("a.png", b"GIF89a...."), ("b.png", RABBIT.read_bytes()[:900]), ("c.txt", b"x"), ("d.png", png(20, 20))):
            self.editor.open((name, content))
        self.assertEqual(len(self.page.query_selector_all(".toast.is-bad")), 4)

    def test_a_webp_is_saved_as_png(self):
        file = io.BytesIO()
        source = Image.open(io.BytesIO(png(64, 48)))
        source.save(file, "WEBP", lossless=True)
        self.editor.open(("cat.webp", file.getvalue()))
        self.editor.click(20, 20)
        self.editor.click(30, 22)
        files = dict(self.editor.saved())
        self.assertEqual(list(files), ["cat.png", "cat.yaml"])
        self.assertIsNone(ImageChops.difference(Image.open(io.BytesIO(files["cat.png"])).convert("RGB"), source).getbbox())
        self.assertEqual(self.program.check(list(files.items()), "cat.yaml")[0], 0)

    def test_drop_and_paste_open_a_picture(self):
        for kind in ("drop", "paste"):
            self.editor.run("""([kind, content]) => {
                const bytes = Uint8Array.from(atob(content), (c) => c.charCodeAt(0));
                const data = new DataTransfer();
                data.items.add(new File([bytes], `${kind}.png`, { type: 'image/png' }));
                const event = kind === 'drop' ? new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true })
                  : new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true });
                document.body.dispatchEvent(event); }""", [kind, base64.b64encode(png(64, 48)).decode()])
            self.editor.until("(name) => editorApp.editor.picture?.name === name", f"{kind}.png")


# The fields of warp.json's cases, with the pixels of their pictures or null.
STRETCHED = """([cases, pictures]) => cases.map(({ drags, part, image, grid, mask }, n) => {
    const [imageSize, gridSize] = [image, grid].map(([width, height]) => ({ width, height }));
    if (pictures[n]) {
      const outline = new LargestOutline(new Uint8ClampedArray(pictures[n]), ...image);
      return [...stretchInside(outline, drags, part, imageSize, gridSize).field];
    }
    const inside = mask && Uint8Array.from({ length: grid[0] * grid[1] }, (_, i) =>
      ((i % grid[0]) - mask[0]) ** 2 + (Math.floor(i / grid[0]) - mask[1]) ** 2 <= mask[2] ** 2 ? 1 : 0);
    const held = inside ? new HeldCells(inside, gridSize, imageSize) : null;
    return [...new DragWarp(drags, part, imageSize, held, gridSize).field]; })"""


def pixels_of(picture):
    """RGBA, row by row."""
    return list(picture.convert("RGBA").tobytes())


class Preview(EditorTest):
    """The stretch is the engine's."""

    def test_the_field_is_that_of_the_engine(self):
        cases = json.loads((ROOT / "Tests/EditorTests/warp.json").read_text())
        pictures = [case.get("picture") and pixels_of(Image.open(ROOT / case["picture"])) for case in cases]
        fields = self.editor.run(STRETCHED, [cases, pictures])
        for case, field in zip(cases, fields):
            self.assertEqual(len(field), len(case["field"]))
            self.assertLess(max(abs(a - b) for a, b in zip(field, case["field"])), 1e-3)
            self.assertGreater(max(map(abs, field)), 3)

    def test_an_outline_is_held_in_a_larger_picture_too(self):
        case = next(case for case in json.loads((ROOT / "Tests/EditorTests/warp.json").read_text()) if case.get("picture"))
        large = {**case, "image": [512, 512], "drags": [
            {end: [4 * value + 1.5 for value in point] for end, point in drag.items()} for drag in case["drags"]]}
        picture = pixels_of(Image.open(ROOT / case["picture"]).resize((512, 512), Image.BICUBIC))
        [field] = self.editor.run(STRETCHED, [[large], [picture]])
        away = [abs(a / 4 - b) for a, b in zip(field, case["field"])]
        self.assertLess(sum(away) / len(away), 0.1)
        free = self.editor.run(STRETCHED, [[large], [None]])[0]
        self.assertGreater(sum(abs(a - b) for a, b in zip(field, free)) / len(field) / 4, 0.3)

    def test_the_pixels_are_the_field_applied_in_full_precision(self):
        """DragWarp.warped in double precision against the page's fixed point: two levels of 255 at most."""
        case = json.loads((ROOT / "Tests/EditorTests/warp.json").read_text())[0]
        source = Image.open(io.BytesIO(png(128, 128))).convert("RGB").resize((64, 64)).resize((128, 128), Image.BICUBIC)
        pixels = [channel for pixel in source.get_flattened_data() for channel in (*pixel, 255)]
        result = self.editor.run("""([{ drags, part, image, grid }, pixels]) => {
            const [imageSize, gridSize] = [image, grid].map(([width, height]) => ({ width, height }));
            const warp = new DragWarp(drags, part, imageSize, null, gridSize);
            const box = warp.bounds(128, 128);
            const to = new Uint8ClampedArray(4 * box.width * box.height);
            warp.apply(new Uint8ClampedArray(pixels), 128, 128, to, box);
            return [box, [...to]]; }""", [case, pixels])
        box, shown = result
        worst = 0
        for row in range(box["height"]):
            for column in range(box["width"]):
                x, y = box["x"] + column, box["y"] + row
                wanted = self.warped(case, source, x, y)
                at = 4 * (row * box["width"] + column)
                worst = max(worst, *(abs(a - b) for a, b in zip(shown[at:at + 3], wanted)))
        self.assertLess(worst, 2.5)

    def warped(self, case, source, x, y):
        width, height = case["grid"]

        def bilinear(read, px, py, w, h):
            left, top = min(int(px), w - 1), min(int(py), h - 1)
            right, below = min(left + 1, w - 1), min(top + 1, h - 1)
            across, down = px - left, py - top
            mix = lambda a, b, t: [i + t * (j - i) for i, j in zip(a, b)]
            return mix(mix(read(left, top), read(right, top), across), mix(read(left, below), read(right, below), across), down)

        offset = bilinear(
            lambda i, j: case["field"][2 * (j * width + i):][:2],
            max(0, (x + 0.5) * width / 128 - 0.5), max(0, (y + 0.5) * height / 128 - 0.5), width, height)
        px, py = (min(max(a + b, 0), 127) for a, b in zip((x, y), offset))
        return bilinear(lambda i, j: source.getpixel((i, j)), px, py, 128, 128)

    def test_the_picture_stretches_while_a_target_is_placed(self):
        self.editor.open(RABBIT)
        self.editor.click(84, 22)
        self.page.mouse.move(*self.editor.place(100, 26))
        goal = self.editor.run("editorApp.editor.stretch.drawn.goals.at(-1)")
        self.assertLess(math.dist(goal, (100, 26)), 1)
        self.shot("stretch")
        self.page.keyboard.press("Escape")
        self.assertIsNone(self.editor.run("editorApp.editor.stretch.drawn"))
        self.assertEqual(self.editor.spec()["drags"], [])


    def test_a_slow_machine_draws_coarse_frames_while_a_target_moves_and_a_whole_one_when_it_rests(self):
        self.editor.open(("p.png", png(1200, 800)))
        self.editor.zoom(1, (600, 400))
        self.editor.run("editorApp.editor.stretch.pace = 1e-3")
        self.editor.click(600, 400)
        self.page.mouse.move(*self.editor.place(760, 420))
        self.assertTrue(self.editor.run("editorApp.editor.stretch.drawn.isCoarse"))
        self.editor.until("!editorApp.editor.stretch.drawn.isCoarse")
        self.assertEqual(self.editor.run("editorApp.editor.stretch.drawn.preview.width"), 1200)
        # As small as it is shown, no more pixels are needed.
        self.editor.zoom(0.5, (600, 400))
        self.editor.until("editorApp.editor.stretch.drawn.preview.width === 600")


class Keyboard(EditorTest):
    def test_the_keyboard_alone_makes_a_spec(self):
        self.editor.open(RABBIT)
        press = self.page.keyboard.press
        self.page.focus("#canvas")
        press("d")
        press("ArrowRight")
        start = self.editor.run("editorApp.editor.cursor")
        press("Enter")
        for _ in range(2):
            press("Shift+ArrowUp")
        for _ in range(3):
            press("ArrowRight")
        press("Enter")
        target = [start[0] + 3, start[1] - 20]
        self.assertEqual(self.editor.spec()["drags"], [{"from": start, "to": target}])
        press("r")
        press("Enter")
        press("Shift+ArrowRight")
        press("Shift+ArrowDown")
        press("Enter")
        self.assertEqual(len(self.editor.spec()["mask"]), 1)
        press("v")
        press("n")
        press("ArrowLeft")
        moved = self.editor.spec()["drags"][0]
        self.assertNotEqual(moved, {"from": start, "to": target})
        press("Control+z")
        self.assertEqual(self.editor.spec()["drags"], [{"from": start, "to": target}])
        reached = set()
        self.page.focus("#open")
        for _ in range(40):
            press("Tab")
            reached.add(self.editor.run("document.activeElement.id || document.activeElement.className"))
        for wanted in ("canvas", "prompt-source", "prompt-edit", "tab-edit", "preset", "method", "yaml", "undo", "theme"):
            self.assertIn(wanted, reached)
        self.page.focus("#tool-select")
        press("ArrowDown")
        press("Enter")
        self.assertEqual(self.page.get_attribute("#tool-pan", "aria-pressed"), "true")
        self.page.focus("#prompt-edit")
        self.page.keyboard.type("crying rabbit face")
        self.page.focus("#tab-edit")
        press("ArrowRight")
        self.assertTrue(self.page.is_visible("#setting-max_steps"))
        files = self.editor.saved()
        self.assertEqual(self.program.check(files, files[-1][0])[0], 0)

    def test_the_keyboard_alone_drags_a_region_and_changes_its_size(self):
        self.editor.open(RABBIT)
        press = self.page.keyboard.press
        self.page.focus("#canvas")
        press("g")
        press("g")
        self.assertTrue(self.page.is_checked("[name=drag-shape][value=circle]"))
        press("ArrowRight")
        x, y = self.editor.run("editorApp.editor.cursor")
        press("Enter")
        press("Shift+ArrowRight")
        press("Enter")
        press("Shift+ArrowUp")
        press("Enter")
        self.assertEqual(
            self.editor.spec()["drags"], [{"from": {"circle": [x + 1, y + 1, 10]}, "to": {"circle": [x + 10, y - 10, 10]}}])
        press("v")
        press("Escape")
        press("]")
        press("]")
        press("ArrowLeft")
        self.assertEqual(self.editor.spec()["drags"][0]["to"], {"circle": [x + 9, y - 10, 12]})
        press("Shift+N")
        press("[")
        self.assertEqual(self.editor.spec()["drags"][0]["from"], {"circle": [x + 1, y + 1, 9]})
        files = self.editor.saved()
        self.assertEqual(self.program.check(files, files[-1][0])[0], 0)

    def test_the_focus_shows(self):
        self.editor.open(RABBIT)
        self.page.focus("#open")
        for _ in range(12):
            self.page.keyboard.press("Tab")
            outline = self.editor.run(
                "(() => { const s = getComputedStyle(document.activeElement); return [s.outlineStyle, parseFloat(s.outlineWidth)]; })()")
            self.assertNotEqual(outline[0], "none")
            self.assertGreaterEqual(outline[1], 2)


NAMELESS = """() => [...document.querySelectorAll('button, input, select, textarea, canvas, dialog, fieldset, aside, ol, ul, '
  + '[role=group], [role=tabpanel], [role=toolbar]')].filter((e) => {
  if (e.closest('[hidden]') && !e.closest('[role=tabpanel]')) return false;
  const labelled = e.getAttribute('aria-label') || e.textContent.trim() || e.labels?.length
    || (e.getAttribute('aria-labelledby') || '').split(' ').some((id) => document.getElementById(id)?.textContent.trim());
  return !labelled; }).map((e) => e.outerHTML.slice(0, 100))"""

class Accessibility(EditorTest):
    """WCAG AA by axe-core; names, contrast of every text, unique ids, one heading; dark and light."""

    options = {"reduced_motion": "reduce"}

    def test_everything_has_a_name_and_enough_contrast(self):
        for theme in ("light", "dark"):
            self.editor.run("(theme) => { document.documentElement.dataset.theme = theme; }", theme)
            for state in ("empty", "picture", "settings", "save", "error"):
                if state == "picture" and not self.editor.run("Boolean(editorApp.editor.picture)"):
                    self.editor.open(RABBIT, ROOT / "examples/rabbit-ear.yaml")
                if state in ("settings", "save"):
                    self.page.click(f"#tab-{state}")
                if state == "error":
                    self.page.click("#tab-edit")
                    self.page.fill("#yaml", "drags: [{from: [1, 2], too: [3, 4]}]\n")
                with self.subTest(f"{theme} {state}"):
                    self.assertEqual(self.editor.run(NAMELESS), [])
                    self.assertEqual(faults_for_people(self.editor), [])

    def test_ids_are_unique_and_references_exist(self):
        ids = self.editor.run("[...document.querySelectorAll('[id]')].map((e) => e.id)")
        self.assertEqual(len(ids), len(set(ids)))
        named = self.editor.run(
            "[...document.querySelectorAll('*')].flatMap((e) => ['for', 'aria-labelledby', 'aria-describedby', 'aria-controls']"
            ".flatMap((a) => (e.getAttribute(a) || '').split(' ').filter(Boolean)))")
        self.assertEqual([one for one in named if one not in ids], [])
        self.assertEqual(self.editor.run("document.querySelectorAll('h1').length"), 1)

    def test_the_tables_settings_all_have_a_field_with_text_range_and_default(self):
        documented = (ROOT / "docs/spec.md").read_text()
        table = documented.split("generated: settings")[1].split("end of settings")[0]
        rows = re.findall(r"^\| `([a-z_0-9.]+)` \| (\S+) \| ([^|]+) \| ([^|]+) \|$", table, re.M)
        self.assertGreater(len(rows), 30)
        self.page.select_option("#model", "sd1")
        for name, default, _, text in rows:
            field = self.page.query_selector(f'[id="setting-{name}"]')
            self.assertIsNotNone(field, name)
            hint = self.page.text_content(f'[id="setting-{name}-text"]')
            self.assertIn(text, hint)
            shown = field.get_attribute("placeholder") or field.evaluate("(e) => e.options?.[0].textContent ?? ''")
            self.assertIn(default, shown)


class Narrow(EditorTest):
    size, options = (390, 844), {"has_touch": True, "color_scheme": "dark"}

    def test_a_phone_shows_everything_without_scrolling_sideways(self):
        self.editor.open(RABBIT)
        self.assertLessEqual(self.editor.run("document.documentElement.scrollWidth"), 390)
        self.page.touchscreen.tap(*self.editor.place(84, 22))
        self.page.touchscreen.tap(*self.editor.place(100, 26))
        self.assertEqual(self.editor.spec()["drags"], [{"from": [84, 22], "to": [100, 26]}])
        self.shot("phone")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", default=str(ROOT / ".build/debug/clipdragd"))
    parser.add_argument("--screenshots", type=pathlib.Path)
    parser.add_argument("tests", nargs="*")
    options = parser.parse_args()
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        EditorTest.browser = launch(playwright)
        EditorTest.program = Program(pathlib.Path(options.program).resolve(), folder)
        EditorTest.screenshots = options.screenshots
        result = unittest.main(argv=[sys.argv[0], *options.tests], exit=False, verbosity=1).result
        EditorTest.browser.close()
    sys.exit(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
