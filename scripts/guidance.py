#!/usr/bin/env python3
"""Compares `guidance_decoder: small` with the exact gradient: how far G_g turns, and the time saved. Writes the table `guidance` of
docs/measurements/performance.md.

    guidance.py [--docs FILE] [--only NAME …] [--steps 40] [--model NAME] [--no-times]

Both are traced along the same drag: with `fusion: add` and `lambda: 0` G_g is computed and recorded at every step but moves
nothing, so both runs have the same latents (checked). Then both make the whole edit, text and drag, with the model's own settings.
The time is that of a drag iteration at Stable Diffusion 1.5's size. Needs NumPy and Pillow.
"""
import argparse
import json
import os
import tempfile

import numpy as np

from measuring import ROOT, bench, edit, load_average, machine, psnr, table, tensors, write_block

WAYS = ("full", "small")


def cosine(a, b):
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def fused(local, text, weight=0.7):
    """Eq. 6, as the preset `recommended` has it."""
    c = cosine(local, text)
    return local + weight * np.sqrt(1 - c * c) * text if c >= 0 else local - weight * c * text


def spec_file(entry, folder):
    path = os.path.join(folder, entry["name"] + ".json")
    with open(path, "w") as f:
        json.dump(dict(prompt=dict(source=entry["source"], edit=entry["edit"]), drags=[{"from": a, "to": b} for a, b in entry["drags"]]), f)
    return path


def directions(entry, folder, a):
    """Per step of one drag: the cosine between both ways' G_g, the ratio of their lengths, the cosine of what eq. 6 makes of them."""
    image, spec = os.path.join(ROOT, "examples/images", entry["image"]), spec_file(entry, folder)
    lora = os.path.join(folder, entry["name"] + ".lora.safetensors")
    traces = []
    for way in WAYS:
        name = os.path.join(folder, f"{entry['name']}.{way}")
        edit(image, spec, name, "--model", a.model, "--precision", "f32", "--trace", name + ".safetensors",
             *(["--save-lora", lora] if way == "full" else ["--lora", lora]),
             *(x for s in (f"guidance_decoder={way}", "fusion=add", "lambda=0", f"max_steps={a.steps}") for x in ("--set", s)))
        traces.append(tensors(name + ".safetensors"))
    rows = []
    for key in sorted(k for k in traces[0] if k.endswith(".grad_global")):
        latent, local = (key.replace("grad_global", x) for x in ("latent", "grad_local"))
        full, small = (t[key] for t in traces)
        if not np.array_equal(traces[0][latent], traces[1][latent]):
            raise SystemExit(f"{entry['name']}: the latents differ at {key}; nothing is compared")
        rows.append((cosine(full, small), np.linalg.norm(small) / np.linalg.norm(full),
                     cosine(fused(traces[0][local], full), fused(traces[1][local], small))))
    return np.array(rows)


def whole_edits(entry, folder, a):
    """Both ways' trajectories, and the PSNR between the results."""
    image, spec = os.path.join(ROOT, "examples/images", entry["image"]), spec_file(entry, folder)
    outs = [os.path.join(folder, f"{entry['name']}.{way}.edit") for way in WAYS]
    found = [edit(image, spec, out, "--model", a.model, "--precision", "f32", "--state", os.path.join(folder, "state"),
                  "--set", f"guidance_decoder={way}") for way, out in zip(WAYS, outs)]
    return found, psnr(*(os.path.join(out, "result.png") for out in outs))


def measure(a, folder):
    with open(os.path.join(ROOT, "examples/results.json")) as f:
        entries = [e for e in json.load(f)["edits"] if not a.only or e["name"] in a.only]
    rows, everything = [], []
    for entry in entries:
        found = directions(entry, folder, a)
        (full, small), likeness = whole_edits(entry, folder, a)
        everything.append(found)
        rows.append([entry["name"], len(found), f"{found[0, 0]:.2f}", f"{found[:, 0].mean():.2f}", f"{found[:, 0].min():.2f}",
                     f"{found[:, 1].mean():.2f}", f"{found[:, 2].mean():.3f}", f"{full['summary']}, {small['summary']}",
                     f"{full['metrics']['clip_score_result']:.3f}, {small['metrics']['clip_score_result']:.3f}", f"{likeness:.1f} dB"])
        print(rows[-1], flush=True)
    everything = np.concatenate(everything)
    rows.append(["all", len(everything), "", f"{everything[:, 0].mean():.2f}", f"{everything[:, 0].min():.2f}",
                 f"{everything[:, 1].mean():.2f}", f"{everything[:, 2].mean():.3f}", "", "", ""])
    return table(["", "steps", "cos at the first step", "mean cos", "least cos", "length, small/full", "mean cos of the fused gradient",
                  "verdict, full and small", "CLIP score of the result", "PSNR between the results"], rows)


def times(runs):
    full, small = (bench(["--synthetic", "sd15", "--runs", runs, "--only", name])[0]
                   for name in ("drag_iteration", "drag_iteration_small_guidance"))
    ratio = small["seconds"] / full["seconds"]
    return (f"Time, {machine(full)}, {full['pixels']}x{full['pixels']}, f32, best of {runs}, load average {load_average()}: "
            f"a drag iteration takes {full['seconds']:.2f} s with the whole picture decoded and {small['seconds']:.2f} s with the small "
            f"one ({ratio:.2f}); peak memory {full['peak_rss_mb'] / 1024:.1f} and {small['peak_rss_mb'] / 1024:.1f} GB.")


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs", default="docs/measurements/performance.md")
    p.add_argument("--only", nargs="*")
    p.add_argument("--steps", type=int, default=40)
    p.add_argument("--model", default="starter")
    p.add_argument("--runs", type=int, default=2)
    p.add_argument("--no-times", action="store_true")
    a = p.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        text = measure(a, folder)
    if not a.no_times:
        text += "\n\n" + times(a.runs)
    write_block(a.docs, "guidance", text)
    print(text)


if __name__ == "__main__":
    main()
