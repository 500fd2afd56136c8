#!/usr/bin/env python3
"""Runs the edits of examples/results.json and measures them on pixels.

    results.py run   --out DIR [--variants drag-w0,drag,text,both] [--only NAME …] [--set KEY=VALUE …]   one setting, a table
    results.py sweep --out DIR --grid FILE.json                                                    many settings, drags only
    results.py all   --out DIR        every row of docs/measurements/results.md: rows.json, ablations.json

`--edits examples/others/edits.json` takes other edits: twelve drags that no setting was tuned on. `--edits examples/bench/texts.json` takes
the bench's warps, each with a text that names another thing.

Moved: the script searches the source's 15x15 patch around the handle in the result, in a strip along the drag, so that it does not
match a similar place elsewhere. The figure is the place of the best match along the drag, as a part of the drag. PSNR: result against
source, outside the drags' surroundings (discs of radius 1.5 drag lengths + 14/128 of the side). Variants:

    none      no edit: the model's own picture
    stretch   the stretch alone (`warp`, ours), no step of the method
    drag      the drags without an edit prompt
    wish      the drags without guidance (`fusion: drag`), judged by P_e
    text      the edit prompt without the drags
    both      drags and edit prompt

`-w0` behind drag, wish or both: without the stretch. Only these rows show what the method does. Needs Pillow and NumPy.
"""
import argparse
import collections
import json
import math
import os
import shutil
import subprocess
import time

import numpy as np
from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("CLIPDRAGD", os.path.join(ROOT, ".build/release/clipdragd"))
PATCH = 7
DRAGGED = ("stretch", "drag", "wish", "both")
VARIANTS = ("none", "stretch", "drag-w0", "drag", "wish-w0", "text", "both-w0", "both")


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), dtype=np.float64)


def surroundings(drags, shape):
    rows, columns = np.mgrid[:shape[0], :shape[1]]
    inside = np.zeros(shape[:2], bool)
    for (ax, ay), (bx, by) in drags:
        radius = 1.5 * math.hypot(bx - ax, by - ay) + 14 / 128 * max(shape[:2])
        inside |= (columns - (ax + bx) / 2) ** 2 + (rows - (ay + by) / 2) ** 2 <= radius ** 2
    return inside


def moved(source, result, drag):
    """Part of the drag that the handle's patch has moved, found in a strip from a quarter before the handle to half beyond
    the target, 4 pixels to either side."""
    (ax, ay), (bx, by) = drag
    length = math.hypot(bx - ax, by - ay)
    ux, uy = (bx - ax) / length, (by - ay) / length
    pad = lambda x: np.pad(x, ((PATCH, PATCH), (PATCH, PATCH), (0, 0)), mode="edge")
    s, r = pad(source), pad(result)
    patch = s[ay:ay + 2 * PATCH + 1, ax:ax + 2 * PATCH + 1]
    best = None
    for y in range(source.shape[0]):
        for x in range(source.shape[1]):
            along, across = (x - ax) * ux + (y - ay) * uy, -(x - ax) * uy + (y - ay) * ux
            if not -0.25 * length <= along <= 1.5 * length or abs(across) > 4:
                continue
            error = ((r[y:y + 2 * PATCH + 1, x:x + 2 * PATCH + 1] - patch) ** 2).mean()
            if best is None or error < best[0]:
                best = (error, along / length)
    return best[1]


def answers(verdict):
    """A verdict's answers in words: `drag moved, damage none`."""
    return ", ".join(f"{question} {answer}" for question, answer in verdict.items() if answer)


def psnr(a, b, where):
    error = ((a - b) ** 2)[where].mean()
    return 99.0 if error == 0 else 10 * math.log10(255 ** 2 / error)


def spec_of(edit, variant):
    unstretched = variant.endswith("-w0")
    variant = variant.removesuffix("-w0")
    prompt = {"source": edit["source"]}
    if variant not in ("drag", "stretch"):
        prompt["edit"] = edit["edit"]
    spec = {"image": os.path.basename(edit["image"]), "prompt": prompt, "output": {"extras": ["overlay"]}}
    if variant == "none":
        spec["settings"] = {"max_steps": 0, "keep_source": False, "text_sampling": 0}  # how well the model reconstructs
    if variant == "wish":                       # the drag alone, but judged by P_e
        spec["settings"] = {"fusion": "drag", "text_sampling": 0}
    if variant == "stretch":
        spec["settings"] = {"warp": 1, "max_steps": 0, "text_steps": 0}
    if unstretched:
        spec.setdefault("settings", {})["warp"] = 0
    if variant in DRAGGED:
        spec["drags"] = [{"from": a, "to": b} for a, b in edit["drags"]]
    return spec


def run_one(edit, variant, out, settings):
    folder = os.path.join(out, f"{edit['name']}.{variant}")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(out, exist_ok=True)
    image = os.path.join(ROOT, "examples/images", edit["image"])
    work = os.path.join(out, f"{edit['name']}.{variant}.spec")
    os.makedirs(work, exist_ok=True)
    shutil.copy(image, work)
    spec = os.path.join(work, "spec.json")
    with open(spec, "w") as f:
        json.dump(spec_of(edit, variant), f)
    command = [BINARY, "edit", image, spec, "--out", folder]
    for setting in settings:
        command += ["--set", setting]
    start = time.time()
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    seconds = time.time() - start
    shutil.rmtree(work)
    if done.returncode:
        raise SystemExit(f"{edit['name']}: {done.stderr}")
    with open(os.path.join(folder, "trajectory.json")) as f:
        trajectory = json.load(f)
    source, result = pixels(image), pixels(os.path.join(folder, "result.png"))
    row = dict(name=edit["name"], variant=variant, seconds=seconds, memory=trajectory["job"]["peak_memory"] / 2 ** 20,
               verdict=answers(trajectory["verdict"]), outcome=trajectory["outcome"], steps=trajectory["steps"],
               clip_before=trajectory["metrics"]["clip_score_source"], clip_after=trajectory["metrics"]["clip_score_result"])
    outside = np.ones(source.shape[:2], bool) if variant == "none" else ~surroundings(edit["drags"], source.shape)
    row["psnr"] = psnr(source, result, outside)
    if variant.removesuffix("-w0") in DRAGGED:
        row["moved"] = [moved(source, result, d) for d in edit["drags"]]
    return row


def summary(rows):
    movement = [min(r["moved"]) for r in rows if "moved" in r]
    return dict(half=sum(m >= 0.5 for m in movement), nine_tenths=sum(m >= 0.9 for m in movement),
                kept=sum(r["psnr"] >= 26 for r in rows), mean_moved=float(np.mean([min(max(m, 0), 1) for m in movement])),
                mean_psnr=float(np.mean([r["psnr"] for r in rows])), seconds=float(np.mean([r["seconds"] for r in rows])))


def show(row):
    motion = " ".join(f"{m:5.2f}" for m in row.get("moved", []))
    score = "" if row["clip_before"] is None else f"clip {row['clip_before']:.3f} -> {row['clip_after']:.3f}"
    print(f"{row['name']:14} {row['variant']:5} moved {motion:12} psnr {row['psnr']:5.1f}  {row['verdict']:40} {row['steps']:3} steps "
          f"{row['seconds']:5.1f} s  {score}", flush=True)


# All without the stretch and without P_e in sampling: both would hide what the method does.
ABLATIONS = [("recommended", []), ("fusion: add", ["fusion=add"]), ("fusion: prograd", ["fusion=prograd"]),
             ("fusion: drag", ["fusion=drag"]),
             ("fusion: text", ["fusion=text"]), ("tracking: fast", ["tracking=fast"]), ("tracking: guarded", ["tracking=guarded"])]
PAPER = ["feature_block=-1", "tracking=fast", "latent_lr=0.01", "reach=2", "max_steps=160", "auto_mask=false", "mask_weight=0.1", "r1=1",
         "patience=null", "warp=0", "text_steps=0", "motion_area=patch", "step_length=unit", "settle_steps=0"]


def everything(edits, out):
    rows = []
    for edit in edits:
        for variant in VARIANTS:
            rows.append(run_one(edit, variant, out, []))
            show(rows[-1])
    with open(os.path.join(out, "rows.json"), "w") as f:
        json.dump(rows, f, indent=1)
    ablations = []
    for edit in [e for e in edits if e["name"] in ("rabbit-ear", "crying-mouth")]:
        for label, settings in ABLATIONS + [("the paper's own defaults", PAPER)]:
            row = run_one(edit, "both-w0", os.path.join(out, "ablations"), ["text_sampling=0", "text_steps=30"] + settings)
            ablations.append(dict(row, label=label))
            show(row)
    with open(os.path.join(out, "ablations.json"), "w") as f:
        json.dump(ablations, f, indent=1)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("mode", choices=["run", "sweep", "all"])
    p.add_argument("--out", required=True)
    p.add_argument("--variants", default="drag-w0")
    p.add_argument("--only", nargs="*")
    p.add_argument("--edits", default=os.path.join(ROOT, "examples/results.json"))
    p.add_argument("--set", nargs="*", default=[], dest="settings")
    p.add_argument("--grid")
    a = p.parse_args()
    with open(a.edits) as f:
        edits = [e for e in json.load(f)["edits"] if not a.only or e["name"] in a.only]
    if a.mode == "all":
        everything(edits, a.out)
        return
    if a.mode == "run":
        rows = []
        for edit in edits:
            for variant in a.variants.split(","):
                rows.append(run_one(edit, variant, a.out, a.settings))
                show(rows[-1])
        dragged = [r for r in rows if "moved" in r]
        if dragged:
            print(summary(dragged))
        for variant in a.variants.split(","):
            print(variant, collections.Counter(answer for r in rows if r["variant"] == variant for answer in r["verdict"].split(", ")))
        with open(os.path.join(a.out, "rows.json"), "w") as f:
            json.dump(rows, f, indent=1)
        return
    with open(a.grid) as f:
        grid = json.load(f)
    found = []
    for i, settings in enumerate(grid):
        rows = [run_one(e, "drag-w0", os.path.join(a.out, str(i)),
                        [f"{k}={json.dumps(v).strip(chr(34))}" for k, v in settings.items()]) for e in edits]
        found.append(dict(settings=settings, **summary(rows), rows=rows))
        print(settings, {k: round(v, 3) for k, v in found[-1].items() if k not in ("settings", "rows")},
              " ".join(f"{min(r['moved']):.2f}/{r['psnr']:.0f}" for r in rows), flush=True)
        with open(os.path.join(a.out, "sweep.json"), "w") as f:
            json.dump(found, f, indent=1)


if __name__ == "__main__":
    main()
