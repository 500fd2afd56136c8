#!/usr/bin/env python3
"""Measures how far bf16 moves an edit from f32: traces the examples on the starter model in both. Writes the table `precision` of
docs/measurements/performance.md.

    precision.py [--docs FILE] [--only NAME …] [--model NAME]      needs NumPy and Pillow, and a CPU that computes in bf16
"""
import argparse
import os
import re
import tempfile

import numpy as np

from measuring import ROOT, edit, psnr, table, tensors, write_block

EXAMPLES = ("rabbit-ear", "penguin-beak", "crying-mouth")
ROWS = {"text.states": "text states, relative difference", "latent.encoded": "encoded latent",
        "latent.inverted": "inverted latent (behind fine-tuning)", "features.initial": "first features",
        "latent.dragged": "dragged latent"}


def column(name, folder, model):
    spec = os.path.join(ROOT, "examples", name + ".yaml")
    with open(spec, encoding="utf-8") as f:
        image = os.path.join(ROOT, "examples", re.search(r"^image: (\S+)", f.read(), re.M).group(1))
    outs, found, traces = {}, {}, {}
    for precision in ("f32", "bf16"):
        out = outs[precision] = os.path.join(folder, f"{name}.{precision}")
        found[precision] = edit(image, spec, out, "--model", model, "--precision", precision, "--trace", out + ".safetensors")
        if found[precision]["model"]["precision"] != precision:
            raise SystemExit(f"this CPU does not compute in {precision}")
        traces[precision] = tensors(out + ".safetensors")
    values = [f"{found['f32']['summary']}, {found['bf16']['summary']}", f"{found['f32']['steps']}, {found['bf16']['steps']}",
              f"{psnr(*(os.path.join(outs[p], 'result.png') for p in ('f32', 'bf16'))):.1f} dB"]
    for key in ROWS:
        exact, other = traces["f32"][key], traces["bf16"][key]
        values.append(f"{np.linalg.norm(other - exact) / np.linalg.norm(exact):.1e}")
    return values


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs", default="docs/measurements/performance.md")
    p.add_argument("--only", nargs="*", default=EXAMPLES)
    p.add_argument("--model", default="starter")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        columns = [column(name, folder, a.model) for name in a.only]
    names = ["verdict, f32 and bf16", "drag steps, f32 and bf16", "result, PSNR between the two", *ROWS.values()]
    text = table(["", *a.only], [[name, *(c[i] for c in columns)] for i, name in enumerate(names)])
    write_block(a.docs, "precision", text)
    print(text)


if __name__ == "__main__":
    main()
