#!/usr/bin/env python3
"""What a person saw in the pictures of results.md, beside the verdict's answers: eye.py --out DIR --eye FILE.json

FILE.json has an answer to each of the verdict's questions for each picture, with a digest of the picture's pixels. An answer about a
picture that has changed since counts no more. This command adds the pictures that have no answer yet to the file, with the answers
null: look at them enlarged, write what you see, and run `make results` again. Needs Pillow.
"""
import argparse
import hashlib
import json
import os

from PIL import Image

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
# The variants that a person looks at, with the questions that each can answer.
QUESTIONS = {"stretch": ("drag", "damage"), "drag-w0": ("drag", "damage"), "drag": ("drag", "damage"), "text": ("text", "damage"),
             "both-w0": ("drag", "text", "damage"), "both": ("drag", "text", "damage")}
STEPS = {"drag": ("unchanged", "partly", "moved"), "text": ("none", "unclear", "visible"), "damage": ("none", "slight", "severe")}


def digest(path):
    picture = Image.open(path).convert("RGB")
    return hashlib.sha256(str(picture.size).encode() + picture.tobytes()).hexdigest()[:16]


def read(path):
    """The answers by edit and variant."""
    if not os.path.exists(path):
        return {}
    with open(path) as f:
        return {(row["edit"], row["variant"]): row for row in json.load(f)}


def words(text):
    """A row's verdict (`drag moved, damage none`) as a dictionary."""
    return dict(part.split(" ") for part in text.split(", "))


def agreement(edits, rows, out, path):
    """Lines of Markdown: how often the verdict's answers are the eye's, and where they are not."""
    eye, counts, others, unseen = read(path), {q: [0, 0, 0] for q in STEPS}, [], []
    for edit in edits:
        for variant, questions in QUESTIONS.items():
            name = edit["name"]
            seen = eye.get((name, variant))
            picture = digest(f"{out}/{name}.{variant}/result.png")
            if seen is None or seen["picture"] != picture or any(seen[q] is None for q in questions):
                unseen.append(f"{name} {variant}")
                continue
            verdict = words(rows[name, variant]["verdict"])
            for q in questions:
                away = abs(STEPS[q].index(verdict[q]) - STEPS[q].index(seen[q]))
                counts[q][0] += 1
                counts[q][1] += away == 0
                counts[q][2] += away == 1
                if away:
                    others.append(f"| {name} | {variant} | {q} | {seen[q]} | {verdict[q]} |")
    asked, right = (sum(c[i] for c in counts.values()) for i in (0, 1))
    lines = ["## The verdict and the eye", "",
             f"One person looked at the pictures enlarged and answered the verdict's questions (results-eye.json). {right} of the "
             f"verdict's {asked} answers are the eye's.", "",
             "| question | answers | the eye's | one step away |", "| --- | --- | --- | --- |"]
    lines += [f"| {q} | {a} | {b} | {c} |" for q, (a, b, c) in counts.items()]
    if others:
        lines += ["", "| edit | variant | question | eye | verdict |", "| --- | --- | --- | --- | --- |", *others]
    if unseen:
        lines += ["", f"Nobody has looked at {len(unseen)} pictures as they are now: {', '.join(unseen)}."]
    return lines


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--out", required=True)
    p.add_argument("--eye", required=True)
    a = p.parse_args()
    with open(os.path.join(ROOT, "examples/results.json")) as f:
        edits = json.load(f)["edits"]
    eye, rows = read(a.eye), []
    for edit in edits:
        for variant, questions in QUESTIONS.items():
            picture, old = digest(f"{a.out}/{edit['name']}.{variant}/result.png"), eye.get((edit["name"], variant))
            is_seen = old is not None and old["picture"] == picture
            rows.append(old if is_seen else dict(edit=edit["name"], variant=variant, picture=picture, **{q: None for q in questions}))
    with open(a.eye, "w") as f:
        f.write("[\n" + ",\n".join(json.dumps(row) for row in rows) + "\n]\n")


if __name__ == "__main__":
    main()
