#!/usr/bin/env python3
"""Writes results.md and its pictures from the files of `results.py all`: results_report.py --out DIR --docs docs/measurements"""
import argparse
import json
import os
import platform
import re

from PIL import Image

from measuring import wrapped

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def cpu():
    with open("/proc/cpuinfo") as f:
        text = f.read()
    field = lambda name: (re.search(rf"^{name}\s*: (.*)$", text, re.M) or [None, "?"])[1]
    return f"{field('model name')} (family {field('cpu family')}), {os.cpu_count()} cores"


def montage(edit, folder, target):
    parts = [os.path.join(ROOT, "examples/images", edit["image"]), f"{folder}/{edit['name']}.drag/overlay.png"]
    parts += [f"{folder}/{edit['name']}.{v}/result.png" for v in ("drag", "text", "both")]
    pictures = [Image.open(p).convert("RGB").resize((192, 192), Image.LANCZOS) for p in parts]
    sheet = Image.new("RGB", (192 * 5 + 8 * 4, 192), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (200 * i, 0))
    sheet.save(target)


def number(x, digits=2):
    return "" if x is None else f"{x:.{digits}f}"


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    p.add_argument("--docs", required=True)
    a = p.parse_args()
    with open(os.path.join(ROOT, "examples/results.json")) as f:
        edits = json.load(f)["edits"]
    with open(f"{a.out}/rows.json") as f:
        rows = {(r["name"], r["variant"]): r for r in json.load(f)}
    with open(f"{a.out}/ablations.json") as f:
        ablations = json.load(f)
    with open(os.path.join(ROOT, "Models/starter/clipdrag.json")) as f:
        values = json.load(f)["recommended"]
    os.makedirs(f"{a.docs}/results", exist_ok=True)
    drag = [rows[e["name"], "drag"] for e in edits]
    both = [rows[e["name"], "both"] for e in edits]
    text = [rows[e["name"], "text"] for e in edits]
    least = lambda r: min(r["moved"])
    half, most = sum(least(r) >= 0.5 for r in drag), sum(least(r) >= 0.9 for r in drag)
    kept = sum(r["psnr"] >= 26 for r in drag)
    rises = sum(r["clip_after"] > r["clip_before"] for r in both)
    wish = [rows[e["name"], "wish"] for e in edits]
    alone = [sum(least(r) >= 0.5 for r in wish), sum(least(r) >= 0.9 for r in wish), sum(r["psnr"] >= 26 for r in wish)]
    higher = sum(b["clip_after"] > w["clip_after"] for b, w in zip(both, wish))
    undragged = [rows[e["name"], "none"]["psnr"] for e in edits]
    slowest = max(r["seconds"] for r in rows.values())
    lines = ["# Results on the starter model", "",
             "`make results` wrote this page on " + cpu() + ". The edits are those of examples/results.json.", "",
             "Each row of pictures shows the source, the drag and its mask, drag alone, text alone, and text and drag.", "",
             "## Targets", "",
             "| target | measured |", "| --- | --- |",
             f"| drag alone moves the content at least half-way: 7 of 8 (the least of a job's drags counts) | {half} of {len(edits)} |",
             f"| drag alone moves it nine tenths: 4 of 8 | {most} of {len(edits)} |",
             f"| drag alone keeps the rest at 26 dB or better | {kept} of {len(edits)} |",
             f"| the same three counts with `fusion: drag` | {', '.join(map(str, alone))} of {len(edits)} |",
             f"| text and drag raises CLIP's score for P_e: 6 of 8 | {rises} of {len(edits)} |",
             f"| text and drag scores higher than `fusion: drag` | {higher} of {len(edits)} |",
             f"| text alone raises CLIP's score for P_e | {sum(r['clip_after'] > r['clip_before'] for r in text)} of {len(edits)} |",
             f"| reconstruction without drags at 28 dB or better | {sum(p >= 28 for p in undragged)} of {len(edits)}, "
             f"least {min(undragged):.1f} dB |",
             f"| an edit takes at most 30 s on 2 cores | slowest {slowest:.1f} s |", "",
             "Moved: the place where the handle's 15×15 patch matches best along the drag, as a part of the drag (1: at the target). "
             "PSNR: outside discs of 1.5 drag lengths + 14 pixels around the drags. CLIP: score for P_e (for P_o with a drag alone), "
             "before → after. Settings of "
             f"`recommended` for this model (Models/starter/clipdrag.json): `{json.dumps(values)}`.", ""]
    for e in edits:
        montage(e, a.out, f"{a.docs}/results/{e['name']}.png")
        held = ", never trained on" if e["held_out"] else ""
        lines += [f"## {e['name']} ({e['kind']}{held})", "", f"![{e['name']}](results/{e['name']}.png)", "",
                  f"“{e['source']}” → “{e['edit']}”, drags {'; '.join(f'{tuple(p)} → {tuple(q)}' for p, q in e['drags'])}", "",
                  "| | moved | PSNR, dB | CLIP | verdict | steps | seconds | peak MB |",
                  "| --- | --- | --- | --- | --- | --- | --- | --- |"]
        for v, label in (("none", "reconstruction"), ("drag", "drag"), ("wish", "drag, `fusion: drag`"), ("text", "text"),
                         ("both", "text + drag")):
            r = rows[e["name"], v]
            lines.append(f"| {label} | {' '.join(number(m) for m in r.get('moved', []))} | {number(r['psnr'], 1)} | "
                         f"{number(r['clip_before'], 3)} → {number(r['clip_after'], 3)} | {r['verdict']} | {r['steps']} | "
                         f"{number(r['seconds'], 1)} | {number(r['memory'], 0)} |")
        lines.append("")
    lines += ["## Ablations with text and drag", "", "| edit | variant | moved | PSNR, dB | CLIP | verdict | steps |",
              "| --- | --- | --- | --- | --- | --- | --- |"]
    for r in ablations:
        lines.append(f"| {r['name']} | {r['label']} | {' '.join(number(m) for m in r['moved'])} | {number(r['psnr'], 1)} | "
                     f"{number(r['clip_before'], 3)} → {number(r['clip_after'], 3)} | {r['verdict']} | {r['steps']} |")
    notes = f"{a.docs}/results-notes.md"
    if os.path.exists(notes):
        with open(notes) as f:
            lines += ["", f.read().strip()]
    with open(f"{a.docs}/results.md", "w") as f:
        f.write(wrapped("\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
