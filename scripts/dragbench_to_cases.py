#!/usr/bin/env python3
"""Makes cases for `clipdragd evaluate` of DragBench's folders.

    dragbench_to_cases.py DRAGBENCH OUT
    dragbench_to_cases.py --sample FOLDER      a small folder of DragBench's form, to try this script on

DragBench: CATEGORY/SAMPLE/original_image.png, meta_data.pkl with prompt, mask (H×W, above 0 may change) and points ([x, y] handle, target,
handle, …). RegionDrag's meta_data_region.pkl gives matched regions instead of points; a region becomes the convex hull of its points.
Each sample becomes OUT/CATEGORY-SAMPLE/ with image.png, mask.png and spec.yaml.

The pickles are read here and never by clipdragd. Of a pickle only plain values and NumPy arrays are read; anything else is refused.
Needs NumPy and Pillow.
"""
import argparse
import json
import os
import pickle
import re

import numpy as np
from PIL import Image

EXAMPLES = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "examples")
# The sample: category, name, picture, prompt, points (handle, target, …), the mask's circle.
SAMPLES = [
    ("animals", "JH_2023-09-14-1820-16", "rabbit-face.png", "rabbit face", [[84, 22], [100, 26]], (92, 24, 40)),
    ("human_head", "LC_2023-09-14-1959-12", "crying-face.png", "crying face", [[65, 84], [65, 97]], (65, 90, 36)),
    ("animals", "JH_2023-09-14-1830-02", "penguin.png", "penguin", [[33, 27], [21, 21]], (27, 24, 34)),
    ("plants", "ZW_2023-09-15-1012-07", "mushroom.png", "mushroom", [[27, 45], [14, 40], [100, 45], [113, 40]], (64, 40, 60)),
]

ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype"),
    ("numpy.core.multiarray", "scalar"), ("numpy._core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"), ("numpy._core.numeric", "_frombuffer"),
}


class PlainUnpickler(pickle.Unpickler):
    """Reads numbers, texts, lists, dictionaries and arrays; a pickle that names anything else may run code."""

    def find_class(self, module, name):
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"the pickle names {module}.{name}")
        return super().find_class(module, name)


def read(path):
    with open(path, "rb") as f:
        return PlainUnpickler(f).load()


def hull(points):
    """The convex hull of [x, y] points, as corners in order (monotone chain)."""
    points = sorted({(float(x), float(y)) for x, y in points})
    if len(points) < 3:
        return points

    def half(points):
        out = []
        for p in points:
            while len(out) > 1 and (out[-1][0] - out[-2][0]) * (p[1] - out[-2][1]) - (out[-1][1] - out[-2][1]) * (p[0] - out[-2][0]) <= 0:
                out.pop()
            out.append(p)
        return out[:-1]
    return half(points) + half(points[::-1])


def numbers(point):
    return "[" + ", ".join(f"{float(v):g}" for v in point) + "]"


def polygon(points):
    return "{polygon: [" + ", ".join(numbers(p) for p in hull(points)) + "]}"


def spec(prompt, drags, has_mask):
    lines = ["image: image.png"]
    if prompt.strip():
        lines += ["prompt:", f"  source: {json.dumps(prompt, ensure_ascii=False)}"]
    lines += ["drags:"] + [f"  - {{from: {a}, to: {b}}}" for a, b in drags]
    if has_mask:
        lines.append("mask: mask.png")
    return "\n".join(lines) + "\n"


def convert(sample, out):
    """One sample; what is odd about it."""
    image = Image.open(os.path.join(sample, "original_image.png")).convert("RGB")
    path = os.path.join(sample, "meta_data.pkl")
    regions = os.path.join(sample, "meta_data_region.pkl")
    data = read(path if os.path.exists(path) else regions)
    points = np.asarray(data["points"], dtype=float).reshape(-1, 2)
    if len(points) < 2 or len(points) % 2:
        return "its points are no pairs"
    inside = (points[:, 0] >= 0) & (points[:, 1] >= 0) & (points[:, 0] < image.width) & (points[:, 1] < image.height)
    if not inside.all():
        return "a point lies outside the picture"
    handles, targets = points[0::2], points[1::2]
    if os.path.exists(path):
        drags = [(numbers(a), numbers(b)) for a, b in zip(handles, targets) if (a != b).any()]
    else:
        drags = [(polygon(handles), polygon(targets))]
    if not drags:
        return "no drag has a length"
    mask = np.asarray(data.get("mask", np.zeros((0, 0))))
    has_mask = mask.shape == (image.height, image.width) and (mask > 0).any()
    os.makedirs(out, exist_ok=True)
    image.save(os.path.join(out, "image.png"))
    if has_mask:
        Image.fromarray(np.where(mask > 0, 255, 0).astype(np.uint8)).save(os.path.join(out, "mask.png"))
    with open(os.path.join(out, "spec.yaml"), "w", encoding="utf-8") as f:
        f.write(spec(str(data.get("prompt", "")), drags, has_mask))
    return None


def samples(root):
    for folder, _, files in sorted(os.walk(root)):
        if "original_image.png" in files and any(f.startswith("meta_data") and f.endswith(".pkl") for f in files):
            yield folder


def make_sample(root):
    """Example pictures of this repository as DragBench has its own: category, date, pickle, mask."""
    for category, name, picture, prompt, points, (x, y, radius) in SAMPLES:
        folder = os.path.join(root, category, name)
        os.makedirs(folder, exist_ok=True)
        image = Image.open(os.path.join(EXAMPLES, picture)).convert("RGB")
        rows, columns = np.mgrid[:image.height, :image.width]
        mask = ((columns - x) ** 2 + (rows - y) ** 2 <= radius ** 2).astype(np.uint8)
        for file in ("original_image.png", "user_drag.png"):
            image.save(os.path.join(folder, file))
        with open(os.path.join(folder, "meta_data.pkl"), "wb") as f:
            pickle.dump({"prompt": prompt, "points": points, "mask": mask}, f)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("dragbench")
    p.add_argument("out", nargs="?")
    p.add_argument("--sample", action="store_true", help="write a small folder of DragBench's form to the first argument")
    a = p.parse_args()
    if a.sample:
        make_sample(a.dragbench)
        return
    if not a.out:
        p.error("give the folder for the cases")
    done = skipped = 0
    for sample in samples(a.dragbench):
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", os.path.relpath(sample, a.dragbench).replace(os.sep, "-"))
        try:
            problem = convert(sample, os.path.join(a.out, name))
        except (pickle.UnpicklingError, KeyError, ValueError, TypeError, OSError) as error:
            problem = str(error)
        if problem:
            skipped += 1
            print(f"{sample}: left out: {problem}")
        else:
            done += 1
    print(f"{done} cases in {a.out}" + (f", {skipped} left out" if skipped else ""))


if __name__ == "__main__":
    main()
