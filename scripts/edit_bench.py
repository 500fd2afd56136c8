#!/usr/bin/env python3
"""Runs the edits of examples/bench and measures how near each result comes to the known target.

    edit_bench.py --out DIR [--seeds 42,43,44] [--half tune|test|both] [--kind warp|expression|both] [--variants NAME,…]
                  [--only CASE …] [--model DIR] [--set KEY=VALUE …] [--docs FILE.md]

The script keeps one line per edit in DIR/rows.jsonl and skips what stands there, so an interrupted run goes on.
Region: every pixel within 6 pixels of one where image and target differ by more than 8 of 255. PSNR and SSIM compare the result
with the target inside the region and outside it. Variants:

    source    the image itself (a null result)
    stretch   the stretch alone: no drag step (a null result)
    drag      the drags without an edit prompt; drag-w0 does the same without the stretch
    text      the edit prompt without the drags
    both      drags and edit prompt; both-w0 does the same without the stretch

Needs Pillow, NumPy and scikit-image.
"""
import argparse
import json
import os
import shutil
import subprocess

import numpy as np
from PIL import Image
from scipy.ndimage import binary_dilation
from skimage.metrics import structural_similarity

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BINARY = os.environ.get("CLIPDRAGD", os.path.join(ROOT, ".build/release/clipdragd"))
VARIANTS = {
    "warp": ["source", "stretch", "drag-w0", "drag"],
    "expression": ["source", "stretch", "drag-w0", "drag", "text", "both-w0", "both"],
}
SETTINGS = {"stretch": ["warp=1", "max_steps=0", "text_steps=0"], "drag-w0": ["warp=0"], "both-w0": ["warp=0"]}


def pixels(path):
    return np.asarray(Image.open(path).convert("RGB"), np.float64)


def answers(verdict):
    """A verdict's answers in words: `drag moved, damage none`."""
    return ", ".join(f"{question} {answer}" for question, answer in verdict.items() if answer)


def region_of(image, target):
    return binary_dilation(np.abs(image - target).max(-1) > 8, np.ones((3, 3)), iterations=6)


def nearness(result, target, region):
    """PSNR in dB and SSIM of the result against the target, inside the region and outside."""
    error = ((result - target) ** 2).mean(-1)
    psnr = lambda where: min(99.0, float(10 * np.log10(255 ** 2 / max(error[where].mean(), 1e-9))))
    _, similarity = structural_similarity(target, result, channel_axis=-1, data_range=255, gaussian_weights=True, sigma=1.5,
                                          use_sample_covariance=False, full=True)
    similarity = similarity.mean(-1)
    return dict(psnr_in=psnr(region), psnr_out=psnr(~region), ssim_in=float(similarity[region].mean()),
                ssim_out=float(similarity[~region].mean()))


def spec_lines(folder, facts, variant):
    with open(os.path.join(folder, "spec.yaml")) as f:
        lines = f.read().splitlines()
    at = lines.index("drags:")
    head, drags = lines[:at], lines[at:]
    if variant in ("drag", "drag-w0", "stretch"):
        head = [l for l in head if not l.startswith("  edit:")]
    if variant == "text":
        drags = []
    return "\n".join(head + drags) + "\n"


def run_edit(folder, facts, variant, seed, out, arguments):
    work = os.path.join(out, "work")
    result = os.path.join(out, "results", f"{os.path.basename(folder)}.{variant}.{seed}")
    for place in (work, result):
        shutil.rmtree(place, ignore_errors=True)
    os.makedirs(work)
    os.makedirs(os.path.dirname(result), exist_ok=True)
    shutil.copy(os.path.join(folder, "image.png"), work)
    with open(os.path.join(work, "spec.yaml"), "w") as f:
        f.write(spec_lines(folder, facts, variant) + f"seed: {seed}\n")
    command = [BINARY, "edit", os.path.join(work, "image.png"), os.path.join(work, "spec.yaml"), "--out", result, *arguments]
    for setting in SETTINGS.get(variant, []):
        command += ["--set", setting]
    environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise SystemExit(f"{folder} ({variant}): {done.stderr}")
    with open(os.path.join(result, "trajectory.json")) as f:
        trajectory = json.load(f)
    return pixels(os.path.join(result, "result.png")), trajectory


def table(rows, kinds):
    lines = []
    for kind in kinds:
        for half in ("tune", "test"):
            chosen = [r for r in rows if r["kind"] == kind and r["half"] == half]
            if not chosen:
                continue
            lines += [f"## {kind}, {half} half ({len({r['case'] for r in chosen})} cases)", "",
                      "| variant | PSNR inside | SSIM inside | PSNR outside | SSIM outside | nearer than the source | steps | seconds |",
                      "| --- | --- | --- | --- | --- | --- | --- | --- |"]
            source = {r["case"]: r for r in chosen if r["variant"] == "source"}
            for variant in VARIANTS[kind]:
                of = [r for r in chosen if r["variant"] == variant]
                if not of:
                    continue
                seeds = sorted({r["seed"] for r in of})
                cell = lambda key, digits: spread([np.mean([r[key] for r in of if r["seed"] == s]) for s in seeds], digits)
                nearer = spread([sum(r["psnr_in"] > source[r["case"]]["psnr_in"] for r in of if r["seed"] == s) for s in seeds], 1) \
                    if source and variant != "source" else ""
                lines.append(f"| {variant} | {cell('psnr_in', 2)} | {cell('ssim_in', 3)} | {cell('psnr_out', 1)} | {cell('ssim_out', 3)} "
                             f"| {nearer} | {np.mean([r['steps'] for r in of]):.0f} | {np.mean([r['seconds'] for r in of]):.1f} |")
            lines.append("")
    return lines


def spread(values, digits):
    """Mean over the seeds, and half of the distance between the largest and the least."""
    middle = f"{np.mean(values):.{digits}f}"
    return middle if len(values) < 2 else f"{middle} ± {(max(values) - min(values)) / 2:.{digits}f}"


def comparisons(rows):
    """How often text + drag comes nearer to the target than each part alone, over cases and seeds."""
    at = {(r["case"], r["variant"], r["seed"]): r["psnr_in"] for r in rows if r["kind"] == "expression"}
    lines = []
    for both, parts in (("both-w0", ("drag-w0", "text")), ("both", ("drag", "text"))):
        for part in parts:
            pairs = [(at[k], at[(k[0], part, k[2])]) for k in at if k[1] == both and (k[0], part, k[2]) in at]
            if pairs:
                same = sum(a == b for a, b in pairs)
                lines.append(f"- `{both}` comes nearer to the target than `{part}` in {sum(a > b for a, b in pairs)} of {len(pairs)} edits"
                             + (f", and is the same picture in {same}" if same else "")
                             + f" (mean difference {np.mean([a - b for a, b in pairs]):+.2f} dB).")
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--seeds", default="42,43,44")
    p.add_argument("--half", default="both")
    p.add_argument("--kind", default="both")
    p.add_argument("--variants")
    p.add_argument("--only", nargs="*")
    p.add_argument("--model")
    p.add_argument("--set", nargs="*", default=[], dest="settings")
    p.add_argument("--docs")
    a = p.parse_args()
    bench = os.path.join(ROOT, "examples/bench")
    arguments = (["--model", a.model] if a.model else []) + [x for s in a.settings for x in ("--set", s)]
    os.makedirs(a.out, exist_ok=True)
    book = os.path.join(a.out, "rows.jsonl")
    rows = [json.loads(line) for line in open(book)] if os.path.exists(book) else []
    done = {(r["case"], r["variant"], r["seed"]) for r in rows}
    for seed in map(int, a.seeds.split(",")):
        for case in sorted(os.listdir(bench)):
            folder = os.path.join(bench, case)
            if not os.path.isdir(folder) or (a.only and case not in a.only):
                continue
            with open(os.path.join(folder, "case.json")) as f:
                facts = json.load(f)
            if a.half not in ("both", facts["half"]) or a.kind not in ("both", facts["kind"]):
                continue
            image, target = (pixels(os.path.join(folder, n)) for n in ("image.png", "target.png"))
            region = region_of(image, target)
            for variant in VARIANTS[facts["kind"]]:
                if (case, variant, seed) in done or (a.variants and variant not in a.variants.split(",")):
                    continue
                row = dict(case=case, kind=facts["kind"], half=facts["half"], seen=facts["seen"], variant=variant, seed=seed)
                if variant == "source":
                    row.update(steps=0, seconds=0.0, **nearness(image, target, region))
                else:
                    result, t = run_edit(folder, facts, variant, seed, a.out, arguments)
                    row.update(steps=t["steps"], seconds=sum(t["job"]["seconds"].values()), verdict=answers(t["verdict"]),
                               clip_before=t["metrics"]["clip_score_source"], clip_after=t["metrics"]["clip_score_result"],
                               **nearness(result, target, region))
                rows.append(row)
                with open(book, "a") as f:
                    f.write(json.dumps(row) + "\n")
                print(f"{case:50} {variant:8} {seed}  in {row['psnr_in']:5.2f} dB {row['ssim_in']:.3f}  out {row['psnr_out']:5.1f} dB",
                      flush=True)
    lines = table(rows, ("warp", "expression")) + comparisons(rows)
    print("\n".join(lines))
    if a.docs:
        with open(a.docs, "w") as f:
            f.write("# Edits with a known answer\n\nMade by `make edit-bench`. The cases lie in examples/bench.\n"
                    "Each figure is the mean over the cases; ± is half of the range over the seeds.\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
