#!/usr/bin/env python3
"""Makes Tests/Fixtures/captions: 40 pictures whose names the starter model knows, to measure captions with.

    apt-get install fonts-noto-color-emoji unicode-cldr-core
    make_caption_pictures.py --out Tests/Fixtures/captions

The script draws the names by chance (a fixed seed) from Models/starter/vocabulary.txt, without the glyphs that the starter never saw
(HELD_OUT in Models/starter/train.py). No result decides which names it takes. Twenty pictures are plain on white, as the
pictures of examples/bench; twenty are smaller, off the middle, and on a coloured ground. names.json has the names. Needs Pillow and NumPy.
"""
import argparse
import ast
import json
import os
import random
import xml.etree.ElementTree as ET

from PIL import Image, ImageDraw, ImageFont

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FONT = os.environ.get("STARTER_FONT", "/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
CLDR = os.environ.get("STARTER_CLDR", "/usr/share/unicode/cldr/common/annotations/en.xml")
SIZE = 128
PICTURES = 40


def constant(name):
    """A constant of Models/starter/train.py, which this script does not import: it needs torch."""
    with open(os.path.join(ROOT, "Models/starter/train.py")) as f:
        tree = ast.parse(f.read())
    for node in tree.body:
        if isinstance(node, ast.Assign) and node.targets[0].id == name:
            return ast.literal_eval(node.value)
    raise SystemExit(f"train.py has no {name}")


def things():
    """The section [things] of the starter's vocabulary."""
    section = None
    with open(os.path.join(ROOT, "Models/starter/vocabulary.txt")) as f:
        for line in filter(None, map(str.strip, f)):
            if line.startswith("["):
                section = line
            elif section == "[things]" and not line.startswith("#"):
                yield line


def code_points():
    found = {}
    for a in ET.parse(CLDR).getroot().iter("annotation"):
        if a.get("type") == "tts":
            found[a.text] = a.get("cp").replace("\ufe0f", "")
    return found


def picture(character, font, ground, scale, shift):
    glyph = Image.new("RGBA", (136, 136))
    ImageDraw.Draw(glyph).text((0, 4), character, font=font, embedded_color=True)
    side = round(scale * SIZE * 136 / 148)
    glyph = glyph.resize((side, side), Image.LANCZOS)
    image = Image.new("RGBA", (SIZE, SIZE), ground)
    room = SIZE - side
    image.alpha_composite(glyph, tuple(round(room * (0.5 + 0.5 * s)) for s in shift))
    return image.convert("RGB")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    out = p.parse_args().out
    os.makedirs(out, exist_ok=True)
    known = sorted(set(things()) - constant("HELD_OUT"))
    draws = random.Random(19)
    colours = sorted(constant("COLOURS").items())
    points, font = code_points(), ImageFont.truetype(FONT, 109)
    names = draws.sample(known, PICTURES)
    for i, name in enumerate(names):
        ground, scale, shift = (255, 255, 255), 1, (0, 0)
        if i >= PICTURES // 2:
            ground = draws.choice(colours)[1]
            scale, shift = draws.uniform(0.6, 0.95), (draws.uniform(-1, 1), draws.uniform(-1, 1))
        picture(points[name], font, ground, scale, shift).save(os.path.join(out, f"{i + 1:02}.png"), optimize=True)
    with open(os.path.join(out, "names.json"), "w") as f:
        json.dump(names, f, indent=0)
        f.write("\n")


if __name__ == "__main__":
    main()
