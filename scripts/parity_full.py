#!/usr/bin/env python3
"""Compares the engine with the PyTorch reference at full size (make parity-full).

    parity_full.py [--docs FILE] [--model FOLDER] [--size 512] [--precisions f32 bf16]

The model has Stable Diffusion 1.5's shapes and random weights stored as f16 (synthetic_model.py): published weights cannot be had here.
Both programs edit one picture of 512×512 with one drag and an edit prompt: 7 inversion steps and two drag steps, with the same random
LoRA. The script compares handles, inverted latents and the first step's gradients. Bounds hold for f32: handles equal, inverted
latents within 5e-6, first gradients within 2e-3 (relative, 2-norm). In bf16 the handles must be equal; the rest is told.

The reference takes one thread, several minutes and about 12 GB. Needs PyTorch, diffusers, transformers, Pillow and NumPy.
"""
import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "oracle"))

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

import oracle as O
from measuring import cpu, table, write_block

BINARY = os.environ.get("CLIPDRAGD", os.path.join(ROOT, ".build/release/clipdragd"))
BOUNDS = {"latent.inverted": 5e-6, "iter.0000.grad_local": 2e-3, "iter.0000.grad_global": 2e-3}


def spec(size):
    at = lambda x, y: [x * size // 512, y * size // 512]
    return dict(prompt=dict(source="rabbit face", edit="crying rabbit face"), drags=[{"from": at(170, 170), "to": at(256, 240)}],
                preset="recommended", settings=dict(num_steps=10, max_steps=2))


def relative(x, y):
    x, y = x.double(), y.double()
    return float((x - y).norm() / y.norm())


def reference(model, image, spec, lora):
    """The reference's tensors and the handles of each iteration, cells of the feature grid, without its sampling."""
    models = O.Models(model)
    job = O.Job(models, O.read_image(image), spec, O.lora_read(lora, models.unet))
    keep = {}
    job.drag(keep)
    keep["latent.inverted"] = job.path[-1]
    return {k: v for k, v in keep.items() if k in BOUNDS}, handles(keep)


def handles(tensors):
    """The handles of each iteration in a trace, cells of the feature grid."""
    return {k: v.int().tolist() for k, v in tensors.items() if k.endswith(".handles")}


def random_lora(model, path):
    """A LoRA of rank 4 that changes every layer a little, so that the comparison covers it too."""
    from diffusers import UNet2DConditionModel
    unet = UNet2DConditionModel.from_pretrained(os.path.join(model, "unet"))
    g = torch.Generator().manual_seed(3)
    pairs = {}
    for site in O.lora_sites(unet):
        weight = unet.get_submodule(site).weight
        pairs[site] = (torch.randn(4, weight.shape[1], generator=g) / 16, torch.randn(weight.shape[0], 4, generator=g) / 64, 1.0)
    O.lora_write(path, pairs)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs", help="a Markdown file with the block `parity-full`")
    p.add_argument("--model", help="a folder that synthetic_model.py has written")
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--precisions", nargs="*", default=["f32", "bf16"])
    a = p.parse_args()
    O.deterministic(1)
    failed = 0
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".build-parity-") as folder:
        model = a.model or os.path.join(folder, "model")
        if not a.model:
            subprocess.run([sys.executable, os.path.join(ROOT, "scripts/synthetic_model.py"), model, os.path.join(ROOT, "Models/starter")],
                           check=True, stdout=subprocess.DEVNULL)
        image, job, lora = (os.path.join(folder, n) for n in ("image.png", "job.json", "lora.safetensors"))
        coarse = np.random.default_rng(1).integers(0, 256, (16, 16, 3), dtype=np.uint8)
        Image.fromarray(coarse).resize((a.size, a.size), Image.Resampling.BICUBIC).save(image)
        with open(job, "w") as f:
            json.dump(spec(a.size), f)
        random_lora(model, lora)
        rows = []
        ours = {}
        for precision in a.precisions:
            out, trace = os.path.join(folder, precision), os.path.join(folder, f"{precision}.safetensors")
            subprocess.run([BINARY, "edit", image, job, "--model", model, "--lora", lora, "--out", out, "--trace", trace,
                            "--precision", precision, "--state", os.path.join(folder, "state"), "--threads", "1"],
                           check=True, capture_output=True)
            ours[precision] = load_file(trace)
            print(f"{precision}: edited", flush=True)
        start = time.time()
        tensors, cells = reference(model, image, spec(a.size), lora)
        print(f"reference: {time.time() - start:.0f} s", flush=True)
        for precision, found in ours.items():
            equal = handles(found) == cells
            failed += not equal
            row = [precision, f"equal in {len(cells)} iterations" if equal else f"{handles(found)} against {cells}"]
            for key, bound in BOUNDS.items():
                value = relative(found[key], tensors[key])
                failed += precision == "f32" and value > bound
                row.append(f"{value:.1e}")
            rows.append(row)
    text = table(["", "handles", "inverted latent", "first G_l", "first G_g"], rows)
    text += f"\n\nMeasured on {cpu()}, {datetime.date.today():%d %B %Y}."
    print(text)
    if a.docs:
        write_block(a.docs, "parity-full", text)
    print("all within the bounds" if not failed else f"{failed} outside the bounds")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
