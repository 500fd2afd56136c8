#!/usr/bin/env python3
"""What the doubts of `clipdragd check` rest on: edits of examples/bench by growing drags and in growing masks, and specks in masks.

    scripts/doubts.py --out .results/doubts --docs docs/measurements/doubts.md

Goes on where it stopped. Needs Pillow, NumPy and SciPy (.edit-bench-venv). About ten minutes on two cores.
"""

import argparse
import io
import json
import math
import pathlib

import numpy as np
from PIL import Image, ImageDraw, ImageFilter
from scipy import ndimage

import measuring

ROOT = pathlib.Path(__file__).resolve().parent.parent
BENCH = ROOT / "examples/bench"
# Pictures of 128 pixels whose handle lies on content of its own.
CASES = ["warp-carrot", "warp-fox", "warp-house", "warp-penguin", "warp-rabbit-face", "warp-tropical-fish"]
# Parts of the picture's longer side.
LENGTHS = [0.2, 0.35, 0.5, 0.65, 0.8]
# Sides of square masks in cells of the latent (4 pixels), and the drag's length in pixels within each.
MASKS = [(1, 2), (2, 5), (3, 8), (4, 11), (6, 16), (8, 22)]


def handle_of(case):
    text = (BENCH / case / "spec.yaml").read_text()
    start = text.index("from: [") + len("from: [")
    return [float(value) for value in text[start:text.index("]", start)].split(",")]


def target(handle, length):
    """Where a drag of a length ends: towards the corner that is furthest away, so that it stays in the picture."""
    corner = [4 if value > 64 else 123 for value in handle]
    away = math.dist(handle, corner)
    if length > away:
        return None
    return [round(h + length * (c - h) / away, 1) for h, c in zip(handle, corner)]


def edited(out, name, case, drag, mask=None):
    """An edit's answer, its handle's numbers and what changed; made once."""
    folder = out / name
    record = folder / "trajectory.json"
    if not record.exists():
        lines = [
            f"prompt: {{source: {case.removeprefix('warp-').replace('-', ' ')}}}",
            f"drags: [{{from: {drag[0]}, to: {drag[1]}}}]", *([f"mask: {{rect: {mask}}}"] if mask else []),
        ]
        spec = out / f"{name}.yaml"
        spec.write_text("\n".join(lines) + "\n")
        measuring.edit(BENCH / case / "image.png", spec, folder, "--state", out / "state")
    trajectory = json.loads(record.read_text())
    one = trajectory["handles"][0]
    before = np.asarray(Image.open(BENCH / case / "image.png").convert("RGB"), float)
    after = np.asarray(Image.open(folder / "result.png").convert("RGB"), float)
    return {
        "drag": trajectory["verdict"]["drag"], "damage": trajectory["verdict"]["damage"], "part": one["part"],
        "changed": int((np.abs(before - after).max(axis=2) > 12).sum()),
    }


def counts(rows, key, words):
    return [sum(row[key] == word for row in rows) for word in words]


def lengths(out):
    rows = []
    for part in LENGTHS:
        found = []
        for case in CASES:
            handle = handle_of(case)
            goal = target(handle, 128 * part)
            if goal:
                found.append(edited(out, f"length-{case}-{part}", case, (handle, goal)))
        rows.append([
            f"{100 * part:.0f} %", len(found), *counts(found, "drag", ["moved", "partly", "unchanged"]),
            *counts(found, "damage", ["none", "slight", "severe"]), f"{np.mean([row['part'] for row in found]):.2f}"])
    head = ["length", "edits", "moved", "partly", "unchanged", "undamaged", "slight", "severe", "mean part"]
    return measuring.table(head, rows)


def masks(out):
    rows = []
    for side, length in MASKS:
        found = []
        for case in CASES:
            handle = handle_of(case)
            goal = target(handle, length)
            middle = [(a + b) / 2 for a, b in zip(handle, goal)]
            # On the latent's cells, so that the model sees exactly this many.
            left, top = (4 * round((value - 2 * side) / 4) for value in middle)
            ends = [[min(max(value, low + 0.5), low + 4 * side - 1) for value, low in zip(end, (left, top))] for end in (handle, goal)]
            ends = [[round(value, 1) for value in end] for end in ends]
            found.append(edited(out, f"mask-{case}-{side}", case, ends, [left, top, 4 * side, 4 * side]))
        rows.append([
            f"{side}×{side} = {side * side}", f"{4 * side}×{4 * side}", *counts(found, "drag", ["moved", "partly", "unchanged"]),
            f"{np.median([row['changed'] for row in found]):.0f}"])
    return measuring.table(["cells", "pixels", "moved", "partly", "unchanged", "pixels changed (median)"], rows)


def specks(mask, largest):
    """Free and held parts of at most `largest` pixels, as `check` counts them."""
    found = 0
    for side in (mask, ~mask):
        labels, count = ndimage.label(side)
        if count:
            found += int((ndimage.sum_labels(side, labels, range(1, count + 1)) <= largest).sum())
    return found


def paintings(size, random):
    """Masks as people make them, grey: shapes, a hard brush, a soft brush, and a photograph's threshold."""
    def drawn(draw_on):
        image = Image.new("L", (size, size))
        draw_on(ImageDraw.Draw(image))
        return image

    def brush(width, blur):
        points = np.cumsum(random.normal(0, size / 12, (14, 2)), axis=0) + size / 2
        line = [tuple(np.clip(point, 0, size)) for point in points]
        image = drawn(lambda draw: draw.line(line, fill=255, width=width, joint="curve"))
        return image.filter(ImageFilter.GaussianBlur(blur)) if blur else image

    yield "rectangle, circle, polygon", drawn(lambda draw: (
        draw.rectangle((size * 0.1, size * 0.1, size * 0.4, size * 0.5), fill=255),
        draw.ellipse((size * 0.5, size * 0.4, size * 0.9, size * 0.8), fill=255),
        draw.polygon([(size * 0.2, size * 0.6), (size * 0.45, size * 0.7), (size * 0.3, size * 0.95)], fill=255)))
    yield "hard brush", brush(size // 10, 0)
    yield "soft brush", brush(size // 8, size / 40)
    fox = np.asarray(Image.open(BENCH / "warp-fox/image.png").convert("L").resize((size, size), Image.BICUBIC), float)
    noisy = np.clip(fox + random.normal(0, 6, fox.shape), 0, 255).astype(np.uint8)
    yield "a photograph's brightness, with noise", Image.fromarray(noisy)


def stored(image, quality):
    if quality is None:
        return np.asarray(image)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file).convert("L"))


def noise():
    rows = {}
    for size in (512, 1536):
        for seed in range(8):
            for kind, image in paintings(size, np.random.default_rng(seed)):
                for quality in (None, 90, 60, 30):
                    mask = stored(image, quality) >= 128
                    rows.setdefault((kind, size), {}).setdefault(quality, []).append(specks(mask, max(8, mask.size // 50_000)))
    text = lambda values: f"{min(values)}–{max(values)}" if min(values) != max(values) else str(min(values))
    return measuring.table(
        ["mask", "side", "PNG", "JPEG 90", "JPEG 60", "JPEG 30"],
        [[kind, size, *(text(found[quality]) for quality in (None, 90, 60, 30))] for (kind, size), found in rows.items()])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / ".results/doubts")
    parser.add_argument("--docs", type=pathlib.Path)
    parser.add_argument("--only", choices=["lengths", "masks", "specks"])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    parts = {"lengths": lambda: lengths(options.out), "masks": lambda: masks(options.out), "specks": noise}
    for name, measure in parts.items():
        if options.only not in (None, name):
            continue
        text = measure()
        print(text, flush=True)
        if options.docs:
            measuring.write_block(options.docs, name, text)


if __name__ == "__main__":
    main()
