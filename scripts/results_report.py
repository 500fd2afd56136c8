#!/usr/bin/env python3
"""Writes results.md and its pictures from the files of `results.py all`: results_report.py --out DIR --docs docs/measurements"""
import argparse
import json
import os

from PIL import Image

from eye import agreement
from measuring import cpu, wrapped

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def montage(edit, folder, target):
    parts = [os.path.join(ROOT, "examples/images", edit["image"]), f"{folder}/{edit['name']}.drag/overlay.png"]
    parts += [f"{folder}/{edit['name']}.{v}/result.png" for v in ("drag-w0", "drag", "text", "both-w0", "both")]
    pictures = [Image.open(p).convert("RGB").resize((192, 192), Image.LANCZOS) for p in parts]
    sheet = Image.new("RGB", (200 * len(pictures) - 8, 192), "white")
    for i, picture in enumerate(pictures):
        sheet.paste(picture, (200 * i, 0))
    sheet.save(target)


LABELS = (("none", "reconstruction"), ("stretch", "stretch alone (ours)"), ("drag-w0", "drag, `warp: 0`"), ("drag", "drag"),
          ("wish-w0", "drag, `fusion: drag`, `warp: 0`"), ("text", "text"), ("both-w0", "text + drag, `warp: 0`"), ("both", "text + drag"))


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
    of = lambda variant: [rows[e["name"], variant] for e in edits]
    count = lambda variant, test: f"{sum(test(r) for r in of(variant))}"
    least = lambda r: min(r["moved"])
    both_ways = lambda variant, test: f"{count(variant + '-w0', test)} | {count(variant, test)}"
    stretched = lambda test: count("stretch", test)
    says = lambda words: lambda r: any(w in r["verdict"] for w in words)
    whole = says(["damage none", "damage slight"])
    half, most = (lambda r: least(r) >= 0.5), (lambda r: least(r) >= 0.9)
    kept, raised = (lambda r: r["psnr"] >= 26), (lambda r: r["clip_after"] > r["clip_before"])
    higher = sum(b["clip_after"] > w["clip_after"] for b, w in zip(of("both-w0"), of("wish-w0")))
    slowest = lambda *variants: f"{max(r['seconds'] for v in variants for r in of(v)):.1f}"
    lines = ["# Results on the starter model", "",
             "`make results` wrote this page on " + cpu() + ". The edits are those of examples/results.json.", "",
             "Each row of pictures shows the source, the drag and its mask, drag with `warp: 0`, drag, text alone, text and drag with "
             "`warp: 0`, and text and drag. `warp` stretches the picture before the method begins. It is ours, not the paper's.", "",
             "## Targets", "",
             f"Of {len(edits)} edits. Only the column `warp: 0` shows what the method does.", "",
             "| | stretch alone | `warp: 0` | with the stretch |", "| --- | --- | --- | --- |",
             f"| drag: content at least half-way (the least of a job's drags counts) | {stretched(half)} | {both_ways('drag', half)} |",
             f"| drag: content nine tenths of the way | {stretched(most)} | {both_ways('drag', most)} |",
             f"| drag: verdict `drag moved` | {stretched(says(['drag moved']))} | {both_ways('drag', says(['drag moved']))} |",
             f"| drag: damage none or slight | {stretched(whole)} | {both_ways('drag', whole)} |",
             f"| drag: the rest at 26 dB or better | {stretched(kept)} | {both_ways('drag', kept)} |",
             f"| text + drag: text visible | | {both_ways('both', says(['text visible']))} |",
             f"| text + drag: damage none or slight | | {both_ways('both', whole)} |",
             f"| text + drag raises CLIP's score for P_e | | {both_ways('both', raised)} |",
             f"| text + drag scores higher than `fusion: drag`, both with `warp: 0` | | {higher} | |",
             f"| text alone: text visible | | {count('text', says(['text visible']))} | |",
             f"| text alone: damage none or slight | | {count('text', whole)} | |",
             f"| reconstruction at 28 dB or better | | {count('none', lambda r: r['psnr'] >= 28)}, "
             f"least {min(r['psnr'] for r in of('none')):.1f} dB | |",
             f"| slowest edit, s | {slowest('stretch')} | {slowest('drag-w0', 'both-w0', 'text')} | {slowest('drag', 'both')} |", "",
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
        for v, label in LABELS:
            r = rows[e["name"], v]
            lines.append(f"| {label} | {' '.join(number(m) for m in r.get('moved', []))} | {number(r['psnr'], 1)} | "
                         f"{number(r['clip_before'], 3)} → {number(r['clip_after'], 3)} | {r['verdict']} | {r['steps']} | "
                         f"{number(r['seconds'], 1)} | {number(r['memory'], 0)} |")
        lines.append("")
    lines += ["## Ablations with text and drag, `warp: 0`", "", "| edit | variant | moved | PSNR, dB | CLIP | verdict | steps |",
              "| --- | --- | --- | --- | --- | --- | --- |"]
    for r in ablations:
        lines.append(f"| {r['name']} | {r['label']} | {' '.join(number(m) for m in r['moved'])} | {number(r['psnr'], 1)} | "
                     f"{number(r['clip_before'], 3)} → {number(r['clip_after'], 3)} | {r['verdict']} | {r['steps']} |")
    notes = f"{a.docs}/results-notes.md"
    if os.path.exists(notes):
        with open(notes) as f:
            lines += ["", f.read().strip()]
    lines += ["", *agreement(edits, rows, a.out, f"{a.docs}/results-eye.json")]
    with open(f"{a.docs}/results.md", "w") as f:
        f.write(wrapped("\n".join(lines)) + "\n")


if __name__ == "__main__":
    main()
