#!/usr/bin/env python3
"""Edits photographs and measures what the composition promises: what lies outside is untouched, and no detail is lost.

    photographs.py --out DIR [--side 4000] [--docs FILE.md]

The photographs are those that the PyPI package scikit-image carries. Each is edited at its own size and enlarged to `--side` pixels.
The starter model knows emoji, so these edits show the composition, not the model. The figures:

    outside    pixels outside the edited region that differ from the source
    sharpness  variance of the Laplacian in the region, further from the drag than three of its lengths, result over source
    seam       largest mean step across an edge of the region over the mean step one to eight pixels beside it, result over source
    changed    part of the region's pixels that differ from the source

Needs Pillow, NumPy, SciPy and scikit-image.
"""
import argparse
import os
import re
import shutil

import numpy as np
import skimage
from PIL import Image
from scipy.ndimage import laplace

import measuring

DATA = os.path.join(os.path.dirname(skimage.__file__), "data")
# The photograph, and a drag in its own pixels.
PHOTOGRAPHS = {
    "astronaut.png": ((222, 122), (236, 116)),
    "chelsea.png": ((290, 110), (306, 104)),
    "coffee.png": ((300, 190), (330, 180)),
    "rocket.jpg": ((320, 150), (340, 150)),
}


def region_of(trajectory, picture):
    """x, y, width and height of the edited region, from the trajectory's note."""
    for note in trajectory["notes"]:
        found = re.search(r"region (\d+)×(\d+) at \((\d+), (\d+)\)", note)
        if found:
            width, height, x, y = map(int, found.groups())
            return x, y, width, height
    return 0, 0, picture.shape[1], picture.shape[0]


def seam(picture, x, y, width, height):
    """The mean step across each inner edge of the region over the mean step beside it."""
    steps = []
    grey = picture.mean(-1)
    for axis, start, length, across, size in ((1, x, width, slice(y, y + height), picture.shape[1]),
                                              (0, y, height, slice(x, x + width), picture.shape[0])):
        for edge in (start, start + length):
            if not 9 <= edge <= size - 9:
                continue
            lines = np.take(grey, range(edge - 9, edge + 9), axis)
            lines = lines[across] if axis == 1 else lines[:, across].T
            differences = np.abs(np.diff(lines, axis=1)).mean(0)
            steps.append(differences[8] / max(1e-6, np.delete(differences, 8).mean()))
    return steps


def measure(source, result, region, drag):
    x, y, width, height = region
    inside = np.zeros(source.shape[:2], bool)
    inside[y:y + height, x:x + width] = True
    different = (source != result).any(-1)
    (fx, fy), (tx, ty) = drag
    rows, columns = np.mgrid[:source.shape[0], :source.shape[1]]
    far = np.hypot(columns - (fx + tx) / 2, rows - (fy + ty) / 2) > 3 * np.hypot(tx - fx, ty - fy)
    still = inside & far
    detail = [laplace(p.mean(-1))[still].var() for p in (source, result)]
    steps = [r / s for s, r in zip(seam(source, *region), seam(result, *region))]
    return dict(outside=int((different & ~inside).sum()), sharpness=float(detail[1] / detail[0]),
                seam=float(max(steps, default=1)), changed=float(different[inside].mean()))


def edit(name, drag, side, out):
    picture = Image.open(os.path.join(DATA, name)).convert("RGB")
    scale = 1.0
    if side:
        scale = side / max(picture.size)
        picture = picture.resize([round(s * scale) for s in picture.size], Image.Resampling.LANCZOS)
    drag = [[round(c * scale) for c in point] for point in drag]
    folder = os.path.join(out, f"{os.path.splitext(name)[0]}-{side or 'own'}")
    os.makedirs(folder, exist_ok=True)
    source, spec, result = (os.path.join(folder, n) for n in ("source.png", "spec.yaml", "result"))
    picture.save(source)
    with open(spec, "w", encoding="utf-8") as f:
        f.write(f"image: source.png\nprompt: {{source: a picture}}\ndrags:\n  - {{from: {drag[0]}, to: {drag[1]}}}\n")
    shutil.rmtree(result, ignore_errors=True)
    trajectory = measuring.edit(source, spec, result)
    before, after = (np.asarray(Image.open(p).convert("RGB"), np.float64) for p in (source, os.path.join(result, "result.png")))
    region = region_of(trajectory, before)
    figures = measure(before, after, region, drag)
    row = [os.path.splitext(name)[0], f"{before.shape[1]}×{before.shape[0]}", f"{region[2]}×{region[3]}", figures["outside"],
           f"{figures['sharpness']:.3f}", f"{figures['seam']:.3f}", f"{100 * figures['changed']:.1f} %",
           f"{trajectory['job']['peak_memory'] / 2**20:.0f} MiB"]
    print(" | ".join(map(str, row)), flush=True)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True)
    parser.add_argument("--side", type=int, default=4000)
    parser.add_argument("--docs")
    arguments = parser.parse_args()
    rows = [edit(name, drag, side, arguments.out) for side in (0, arguments.side) for name, drag in PHOTOGRAPHS.items()]
    if arguments.docs:
        measuring.write_block(arguments.docs, "photographs", measuring.table(
            ["photograph", "size", "region", "pixels changed outside", "sharpness where nothing moves", "step across the seam",
             "changed in the region", "peak memory"], rows))


main()
