#!/usr/bin/env python3
"""Makes examples/bench: edits whose right result is known, from Noto Color Emoji.

    apt-get install fonts-noto-color-emoji unicode-cldr-core
    make_edit_bench.py --out examples/bench

Each case is a folder with image.png, target.png, spec.yaml and case.json. There are two kinds:

- warp: the target is the image under a known smooth local warp, and the drags are sampled from that warp. A bump
  u(q) = v·exp(-|q - c|²/2σ²) gives target(q) = image(q - u(q)), so a drag to q starts at q - u(q) exactly.
- expression: image and target are two faces that differ in mouth, eyes or brows. The drags join points of the image to the
  same points of the target, and the prompts are the two faces' names.

Half of each kind shows glyphs that the starter model never saw (HELD_OUT in Models/starter/train.py). `half` in case.json
says whether a case is for tuning (`tune`) or for judging (`test`). Needs Pillow, NumPy and SciPy.
"""
import argparse
import json
import os
import xml.etree.ElementTree as ET

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy.ndimage import map_coordinates

FONT = os.environ.get("STARTER_FONT", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
CLDR = os.environ.get("STARTER_CLDR", "/usr/share/unicode/cldr/common/annotations/en.xml")
SIZE = 128

# Names of glyphs, those the starter has seen first, then those it has not.
WARPED = {
    True: ["rabbit face", "dog face", "penguin", "tropical fish", "red apple", "house", "sunflower", "bear", "pear", "carrot",
           "sun with face", "frog"],
    False: ["fox", "owl", "elephant", "snail", "cactus", "mushroom", "tulip", "rocket", "sailboat", "guitar", "teapot", "lion"],
}

# Source, target, drags in pixels of the 128-pixel rendering, whether the starter has seen the source.
EXPRESSIONS = [
    ("slightly smiling face", "slightly frowning face", [((43, 77), (44, 88)), ((84, 77), (84, 88)), ((63, 86), (63, 79))], True),
    ("neutral face", "face with open mouth", [((64, 79), (64, 71)), ((64, 84), (64, 95)), ((40, 81), (48, 83)), ((88, 81), (81, 83))],
     True),
    ("grinning face", "grinning face with big eyes", [((47, 45), (47, 39)), ((80, 45), (80, 39))], True),
    ("slightly smiling face", "grinning face", [((43, 78), (32, 73)), ((84, 78), (96, 73)), ((63, 86), (64, 95))], True),
    ("slightly frowning face", "frowning face", [((44, 88), (37, 92)), ((84, 88), (91, 92)), ((63, 78), (63, 73))], True),
    ("kissing face", "kissing face with smiling eyes", [((47, 60), (47, 54)), ((80, 60), (80, 54))], True),
    ("face with open mouth", "frowning face with open mouth", [((47, 52), (47, 60)), ((80, 52), (80, 60)), ((64, 71), (64, 79))], True),
    ("neutral face", "slightly smiling face", [((40, 81), (43, 77)), ((88, 81), (84, 77)), ((64, 81), (64, 86))], True),
    ("cat face", "grinning cat", [((49, 83), (43, 81)), ((80, 83), (85, 81)), ((64, 86), (64, 94))], False),
    ("cat face", "grinning cat with smiling eyes",
     [((49, 83), (41, 84)), ((80, 83), (88, 84)), ((64, 88), (64, 101)), ((42, 74), (42, 67)), ((86, 74), (86, 67))], False),
    ("winking face", "slightly smiling face", [((64, 90), (63, 86)), ((47, 57), (46, 52)), ((84, 52), (80, 45))], False),
    ("winking face", "smirking face", [((44, 80), (48, 92)), ((41, 39), (37, 47))], False),
    ("winking face", "grinning face", [((43, 79), (32, 73)), ((86, 79), (96, 73)), ((64, 90), (64, 95)), ((47, 57), (47, 52))], False),
    ("crying face", "worried face", [((49, 38), (48, 32)), ((33, 47), (32, 42)), ((80, 38), (80, 32)), ((96, 47), (96, 42))], False),
    ("smiling face with sunglasses", "nerd face", [((45, 80), (31, 73)), ((83, 80), (96, 73)), ((64, 89), (64, 95))], False),
    ("smiling face with heart-eyes", "star-struck", [((47, 81), (32, 73)), ((83, 81), (96, 73))], False),
]


def code_points():
    found = {}
    for a in ET.parse(CLDR).getroot().iter("annotation"):
        if a.get("type") == "tts":
            found[a.text] = a.get("cp").replace("\ufe0f", "")
    return found


def rendering(character, font):
    """The glyph plain on white, (128, 128, 3) in [0, 255]."""
    glyph = Image.new("RGBA", (136, 136))
    ImageDraw.Draw(glyph).text((0, 4), character, font=font, embedded_color=True)
    ground = Image.new("RGBA", (148, 148), "white")
    ground.alpha_composite(glyph, (6, 6))
    return np.asarray(ground.convert("RGB").resize((SIZE, SIZE), Image.LANCZOS), np.float64)


def warped(image, bumps):
    """The image under the bumps, each (centre of the target, shift, width), and the map back."""
    rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float64)
    back = lambda x, y: tuple(
        p - sum(v[k] * np.exp(-((x - c[0]) ** 2 + (y - c[1]) ** 2) / (2 * s * s)) for c, v, s in bumps) for k, p in enumerate((x, y)))
    x, y = back(columns, rows)
    planes = [map_coordinates(image[..., k], [y, x], order=3, mode="nearest") for k in range(3)]
    return np.stack(planes, -1).clip(0, 255), back


def local_contrast(image, x, y):
    patch = image[max(0, y - 7):y + 8, max(0, x - 7):x + 8].mean(-1)
    return patch.std()


def bumps_for(image, seed):
    """One or two bumps at places with something to see, whose content stays in the picture; a bump never folds the picture."""
    draws = np.random.default_rng(seed)
    bumps = []
    while len(bumps) < 1 + seed % 2:
        x, y = draws.integers(24, SIZE - 24, 2)
        width, angle = draws.uniform(13, 19), draws.uniform(0, 2 * np.pi)
        shift = draws.uniform(9, 0.95 * width) * np.array([np.cos(angle), np.sin(angle)])
        target = np.array([x, y]) + shift
        if local_contrast(image, x, y) < 35 or not (10 < target).all() or not (target < SIZE - 10).all():
            continue
        if any(np.hypot(*(target - c)) < 2.2 * (width + s) for c, _, s in bumps):
            continue
        bumps.append((target, shift, width))
    return bumps


def write_case(folder, image, target, source_prompt, edit_prompt, drags, facts):
    os.makedirs(folder, exist_ok=True)
    for name, pixels in (("image.png", image), ("target.png", target)):
        Image.fromarray(pixels.round().astype(np.uint8)).save(os.path.join(folder, name), optimize=True)
    quoted = lambda text: json.dumps(text)
    lines = ["image: image.png", "prompt:", f"  source: {quoted(source_prompt)}"]
    if edit_prompt:
        lines.append(f"  edit: {quoted(edit_prompt)}")
    lines.append("drags:")
    for (ax, ay), (bx, by) in drags:
        lines.append(f"  - {{from: [{ax:g}, {ay:g}], to: [{bx:g}, {by:g}]}}")
    with open(os.path.join(folder, "spec.yaml"), "w") as f:
        f.write("\n".join(lines) + "\n")
    with open(os.path.join(folder, "case.json"), "w") as f:
        json.dump(facts, f, indent=1)
        f.write("\n")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    out = p.parse_args().out
    points, font = code_points(), ImageFont.truetype(FONT, 109)
    for seen, names in WARPED.items():
        for i, name in enumerate(names):
            image = rendering(points[name], font)
            bumps = bumps_for(image, 100 + i + (0 if seen else 50))
            target, back = warped(image, bumps)
            drags = [(tuple(round(float(v), 1) for v in back(*c)), tuple(round(float(v), 1) for v in c)) for c, _, _ in bumps]
            facts = dict(kind="warp", glyph=name, seen=seen, half="tune" if i % 2 == 0 else "test",
                         bumps=[dict(target=list(map(float, c)), shift=list(map(float, v)), width=float(s)) for c, v, s in bumps])
            write_case(os.path.join(out, "warp-" + name.replace(" ", "-")), image, target, name, None, drags, facts)
    for i, (source, wish, drags, seen) in enumerate(EXPRESSIONS):
        facts = dict(kind="expression", glyph=source, target=wish, seen=seen, half="tune" if i % 2 == 0 else "test")
        folder = f"expression-{source.replace(' ', '-')}-to-{wish.replace(' ', '-')}"
        write_case(os.path.join(out, folder), rendering(points[source], font), rendering(points[wish], font), source, wish, drags, facts)


if __name__ == "__main__":
    main()
