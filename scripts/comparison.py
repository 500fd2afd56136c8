#!/usr/bin/env python3
"""Runs the comparison of all methods and its ablations, and writes docs/comparison.md.

    comparison.py --out DIR [--docs FILE.md] [--whole] [--cases N] [--minutes N] [--threads N] [--only PART …] [--forecast] [--page]

Each part is one `clipdragd evaluate` in a folder of its own below DIR, the most telling part first. A comparison that was broken off
goes on when it is started again. The page is written after each part, from what is there, and says what is missing. All parts share
the state folder DIR/state, so a fine-tuning counts once.

    --whole      every case of examples/bench and three seeds everywhere: many hours. Without it: N cases of each kind (8) of the
                 half that nobody tuned on, and three seeds at 80 steps on half of them
    --minutes    ends after that time and writes the page; the next start goes on
    --forecast   says how many edits each part has to do and how long they take at most, and edits nothing
    --page       writes the page and edits nothing

Needs Pillow and NumPy (for the folder in DragBench's form).
"""
import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import time

import comparison_page
from measuring import BINARY, ROOT, environment

BENCH = os.path.join(ROOT, "examples/bench")
# Cases of the test half, seen and unseen glyphs by turns.
WARPS = ["bear", "guitar", "frog", "rocket", "house", "snail", "dog-face", "lion"]
EXPRESSIONS = [
    "neutral-face-to-face-with-open-mouth", "winking-face-to-smirking-face", "slightly-smiling-face-to-grinning-face",
    "cat-face-to-grinning-cat-with-smiling-eyes", "neutral-face-to-slightly-smiling-face", "crying-face-to-worried-face",
    "kissing-face-to-kissing-face-with-smiling-eyes", "smiling-face-with-heart-eyes-to-star-struck"]
# Appendix D: the text wants the contrary of what the drags do.
CONFLICTS = {
    "neutral-face-to-slightly-smiling-face": "frowning face", "slightly-smiling-face-to-slightly-frowning-face": "grinning face",
    "slightly-frowning-face-to-frowning-face": "slightly smiling face", "neutral-face-to-face-with-open-mouth": "kissing face"}
# Figure 7b: one drag of one picture, three texts.
TEXTS_PICTURE = "neutral-face-to-face-with-open-mouth"
TEXTS_DRAG = "{from: [64, 84], to: [64, 95]}"
TEXTS = ["face with open mouth", "frowning face", "slightly smiling face"]
FUSIONS = ["clipdrag", "add", "prograd", "drag", "text", "components"]
STEPS = "10,20,40,80,160"
# The text works through CLIP's gradient alone, as in the paper: P_e does not guide the sampling (ours).
COMMON = ["text_sampling=0", "text_steps=30"]
SEED, SPREAD = "42", "43,44"


@dataclasses.dataclass
class Part:
    """One `evaluate`. `cases` makes its folder of cases and returns it; None: an earlier part's results are not there yet."""
    name: str
    cases: object
    methods: list
    settings: list
    steps: str = "80"
    seeds: str = SEED


def every_method():
    text = subprocess.run([BINARY, "evaluate", ROOT, "--methods", "?", "--out", "-"], capture_output=True, text=True).stderr
    names = " ".join(text.split()).split("there are: ")[1].split(" Usage")[0]
    return [n.strip() for n in names.split(",") if n.strip() != "none"]


class Cases:
    """The folders of cases below DIR/cases."""

    def __init__(self, out, whole, count):
        self.out, self.whole, self.count = out, whole, count

    def folder(self, name, anew=False):
        path = os.path.join(self.out, "cases", name)
        if anew:
            shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path, exist_ok=True)
        return path

    def of_bench(self, name, kinds, share=1):
        """Cases of examples/bench: whole kinds, or the first ones of each."""
        folder = self.folder(name)
        lists = {"warp": WARPS, "expression": EXPRESSIONS}
        for kind in kinds:
            chosen = [f"{kind}-{n}" for n in lists[kind][:max(1, self.count // share)]]
            if self.whole:
                chosen = sorted(n for n in os.listdir(BENCH) if n.startswith(kind))
            for case in chosen:
                shutil.copytree(os.path.join(BENCH, case), os.path.join(folder, case), dirs_exist_ok=True)
        return folder

    def dragbench(self):
        """A folder in DragBench's form, made and converted by dragbench_to_cases.py."""
        raw, folder = self.folder("dragbench-form"), self.folder("dragbench")
        script = [sys.executable, os.path.join(ROOT, "scripts/dragbench_to_cases.py")]
        subprocess.run([*script, raw, "--sample"], check=True)
        subprocess.run([*script, raw, folder], check=True)
        return folder

    def with_spec(self, folder, name, source, prompt, drags, picture=None, target=True):
        """A case of a bench case's picture under another spec. `drags`: the lines below `drags:`, or None for the bench case's."""
        case, origin = os.path.join(folder, name), os.path.join(BENCH, f"expression-{source}")
        os.makedirs(case, exist_ok=True)
        shutil.copy(picture or os.path.join(origin, "image.png"), os.path.join(case, "image.png"))
        if target:
            shutil.copy(os.path.join(origin, "target.png"), case)
        if drags is None:
            with open(os.path.join(origin, "spec.yaml"), encoding="utf-8") as f:
                drags = f.read().split("drags:\n")[1]
        with open(os.path.join(case, "spec.yaml"), "w", encoding="utf-8") as f:
            f.write(f"image: image.png\nprompt: {{{prompt}}}\n" + (f"drags:\n{drags}" if drags else ""))

    def conflicts(self):
        folder = self.folder("conflicts")
        for source, wish in CONFLICTS.items():
            before = source.split("-to-")[0].replace("-", " ")
            self.with_spec(folder, source, source, f'source: "{before}", edit: "{wish}"', None, target=False)
        return folder

    def texts(self):
        folder = self.folder("texts")
        for wish in TEXTS:
            self.with_spec(folder, wish.replace(" ", "-"), TEXTS_PICTURE, f'source: "neutral face", edit: "{wish}"',
                           f"  - {TEXTS_DRAG}\n", target=False)
        return folder

    def second(self, name, first, prompt, keeps_drags):
        """Cases whose pictures are the results of an ablation of fusion (appendix C); None: they are not there."""
        folder = self.folder(name)
        expressions = self.of_bench("expressions", ["expression"])
        for case in sorted(os.listdir(expressions)):
            picture = os.path.join(self.out, first, "results", f"{case}.clipdrag.80.{SEED}.png")
            if not os.path.exists(picture):
                return None
            source = case.removeprefix("expression-")
            before, after = (glyph.replace("-", " ") for glyph in source.split("-to-"))
            self.with_spec(folder, case, source, prompt.format(before=before, after=after), None if keeps_drags else "", picture)
        return folder


def all_parts(cases, methods):
    bench = lambda: cases.of_bench("bench", ["warp", "expression"])
    expressions = lambda: cases.of_bench("expressions", ["expression"])
    dragging = [m for m in methods if m != "diffclip"]
    spread = f"{SEED},{SPREAD}" if cases.whole else SEED
    yield Part("methods", bench, dragging, ["warp=0"], STEPS, spread)
    if not cases.whole:
        yield Part("spread", lambda: cases.of_bench("bench-half", ["warp", "expression"], 2), dragging, ["warp=0"], "80", SPREAD)
    for fusion in FUSIONS:
        yield Part(f"fusion-{fusion}", expressions, ["clipdrag"], [f"fusion={fusion}", "warp=0"], "80", spread)
    for tracking in ("fast", "nearest", "guarded"):
        yield Part(f"tracking-{tracking}", lambda: cases.of_bench("warps", ["warp"]), ["clipdrag"],
                   [f"tracking={tracking}", "warp=0"], "80", spread)
    for weight in ("0.7", "10", "100"):
        yield Part(f"lambda-{weight}", cases.conflicts, ["clipdrag"], [f"lambda={weight}", "warp=0"], "80", spread)
    yield Part("dragbench", cases.dragbench, dragging, ["warp=0"], STEPS, spread)
    # After the text the picture shows what the text says; the drags follow without a text. And the other way about.
    yield Part("text-first", lambda: cases.second("text-first", "fusion-text", 'source: "{after}"', True), ["clipdrag"],
               ["fusion=drag", "warp=0"])
    yield Part("drag-first", lambda: cases.second("drag-first", "fusion-drag", 'source: "{before}", edit: "{after}"', False),
               ["clipdrag"], ["fusion=text", "warp=0"])
    yield Part("texts", cases.texts, ["clipdrag"], ["warp=0"])
    yield Part("stretch", bench, ["clipdrag"], [], "80", spread)
    # Its own number of updates: drags do not end it.
    yield Part("text-alone", expressions, ["diffclip"], [], None, spread)


def evaluate(part, folder, a, until):
    """Runs a part; its state: `done`, `cut` at the time `until`, or `failed`."""
    command = [BINARY, "evaluate", folder, "--methods", ",".join(part.methods), "--seeds", part.seeds,
               "--out", os.path.join(a.out, part.name), "--state", os.path.join(a.out, "state")]
    for name, value in (("--steps", part.steps), ("--threads", a.threads), ("--model", a.model)):
        command += [name, str(value)] if value else []
    for setting in COMMON + part.settings:
        command += ["--set", setting]
    if a.forecast:
        command.append("--forecast")
    child = subprocess.Popen(command, env=environment())
    try:
        code = child.wait(timeout=until and max(0, until - time.monotonic()))
    except (subprocess.TimeoutExpired, KeyboardInterrupt) as end:
        child.send_signal(signal.SIGINT)
        child.wait()
        if isinstance(end, KeyboardInterrupt):
            raise
        return "cut"
    return "failed" if code else "done"


def run(parts, a, states):
    until = time.monotonic() + 60 * a.minutes if a.minutes else None
    for part in parts:
        if a.only and part.name not in a.only:
            continue
        if until and time.monotonic() >= until:
            break
        print(f"== {part.name}", flush=True)
        folder = part.cases()
        if folder is None:
            print("the results that it begins with are not there yet", flush=True)
            continue
        if a.forecast:
            evaluate(part, folder, a, until)
            continue
        states[part.name] = "cut"
        save(a, states)
        states[part.name] = evaluate(part, folder, a, until)
        save(a, states)
        write(a, parts, states)


def save(a, states):
    with open(os.path.join(a.out, "states.json"), "w", encoding="utf-8") as f:
        json.dump(states, f, indent=1)


def write(a, parts, states):
    if a.docs:
        comparison_page.write(a.docs, a.out, parts, states, dict(conflicts=CONFLICTS, texts=TEXTS, drag=TEXTS_DRAG, seed=SEED))


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--docs")
    p.add_argument("--model")
    p.add_argument("--whole", action="store_true")
    p.add_argument("--cases", type=int, default=8)
    p.add_argument("--minutes", type=float)
    p.add_argument("--threads", type=int)
    p.add_argument("--only", nargs="*")
    p.add_argument("--forecast", action="store_true")
    p.add_argument("--page", action="store_true")
    a = p.parse_args()
    a.out = os.path.abspath(a.out)
    os.makedirs(a.out, exist_ok=True)
    path = os.path.join(a.out, "states.json")
    states = {}
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            states = json.load(f)
    parts = list(all_parts(Cases(a.out, a.whole, a.cases), every_method()))
    try:
        if not a.page:
            run(parts, a, states)
    except KeyboardInterrupt:
        print("broken off; the next start goes on", file=sys.stderr)
    if not a.forecast:
        write(a, parts, states)
    sys.exit("failed" in states.values())


if __name__ == "__main__":
    main()
