#!/usr/bin/env python3
"""Measures the peak resident memory of a whole edit at 512x512, by drag steps and precision. Writes the table `memory` of
docs/measurements/performance.md.

    memory.py [--docs FILE] [--steps N …] [--model FOLDER]

The model has Stable Diffusion 1.5's shapes and random weights stored as f16 (synthetic_model.py, unless --model names a folder). The
edit runs every stage; fine-tuning, inversion and sampling take few steps. The figure is the trajectory's peak_memory (VmHWM). The
script needs PyTorch, diffusers, Pillow and NumPy.
"""
import argparse
import os
import tempfile

from measuring import ROOT, edit, smooth_picture, synthetic_model, table, write_block

SPEC = """prompt: {source: rabbit face, edit: crying rabbit face}
drags: [{from: [170, 170], to: [256, 256]}]
settings: {num_steps: 50, inversion_strength: 0.06, lora: {steps: 2}, max_steps: %d}
"""


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs", default="docs/measurements/performance.md")
    p.add_argument("--steps", type=int, nargs="*", default=(1, 4), help="of the drag")
    p.add_argument("--model", help="a folder that synthetic_model.py has written")
    a = p.parse_args()
    computes_bf16 = "avx512_bf16" in open("/proc/cpuinfo", encoding="utf-8").read()
    rows = []
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".build-memory-") as folder:
        model = a.model or synthetic_model(folder)
        image, spec = smooth_picture(folder), os.path.join(folder, "picture.yaml")
        for precision in ("f32", "bf16") if computes_bf16 else ("f32",):
            row = [precision]
            for steps in a.steps:
                with open(spec, "w", encoding="utf-8") as f:
                    f.write(SPEC % steps)
                state, out = (os.path.join(folder, f"{x}.{precision}.{steps}") for x in ("state", "out"))
                found = edit(image, spec, out, "--model", model, "--precision", precision, "--state", state)
                row.append(f"{found['job']['peak_memory'] / 1e9:.2f} GB")
            rows.append(row)
    text = table(["", *(f"{n} drag step{'s' * (n > 1)}" for n in a.steps)], rows)
    write_block(a.docs, "memory", text)
    print(text)


if __name__ == "__main__":
    main()
