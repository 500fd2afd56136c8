#!/usr/bin/env python3
"""Measures what an edit with Stable Diffusion 1.5 at 512x512 takes, and writes the table `cost` of README.md (make cost-table).

    cost_table.py [--docs README.md] [--model FOLDER]

The model has Stable Diffusion 1.5's shapes and random weights stored as f16 (synthetic_model.py): time and memory do not depend on the
weights' values. Each edit runs shortened, with 2 fine-tuning steps, 3 inversion and sampling steps and 2 drag steps, with one
thread and with two; the time of each stage is multiplied up to the preset's own number of steps. So the time is an upper bound:
drags may arrive earlier. For 8 and 16 cores the script forecasts by Amdahl's law, from each stage's times with one thread and with
two. Memory is the trajectory's peak_memory with two threads. The machine must be idle. Needs PyTorch, diffusers, Pillow and NumPy.
"""
import argparse
import datetime
import os
import tempfile

from measuring import ROOT, cpu, edit, load_average, smooth_picture, synthetic_model, table, write_block

FINE_TUNING, PATH, DRAG = 2, 3, 2
SHORT = f"{{num_steps: 50, inversion_strength: {PATH / 50}, lora: {{steps: {FINE_TUNING}}}, max_steps: {DRAG}}}"
PROMPT = "prompt: {source: a rabbit face, edit: a crying rabbit face}\n"
DRAGS = "drags: [{from: [170, 170], to: [256, 256]}]\n"
# name, spec, fine-tuning steps, drag steps at most; inversion and sampling have 35 steps
EDITS = [("default", PROMPT + DRAGS, 80, 160), ("`quick`", PROMPT + DRAGS, 40, 40), ("text alone", PROMPT, 80, 160)]


def stages(seconds, fine_tuning, drag):
    """A whole edit's seconds by stage, from a shortened one's."""
    factors = {"fine-tune": fine_tuning / FINE_TUNING, "invert": 35 / PATH, "drag": drag / DRAG, "sample": 35 / PATH}
    return {name: value * factors.get(name, 1) for name, value in seconds.items() if name != "total"}


def forecast(one, two, threads):
    """Amdahl's law for each stage: t(n) = serial + parallel/n."""
    total = 0
    for name, t1 in one.items():
        parallel = min(max(2 * (t1 - two.get(name, t1)), 0), t1)
        total += t1 - parallel + parallel / threads
    return total


def shown(seconds):
    return f"{seconds / 60:.0f} min" if seconds >= 90 else f"{seconds:.0f} s"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs")
    p.add_argument("--model", help="a folder that synthetic_model.py has written")
    a = p.parse_args()
    print(f"load average {load_average()}", flush=True)
    rows = []
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".build-cost-") as folder:
        model = a.model or synthetic_model(folder)
        image, spec = smooth_picture(folder), os.path.join(folder, "picture.yaml")
        measured = {}
        for text in (PROMPT + DRAGS, PROMPT):
            with open(spec, "w", encoding="utf-8") as f:
                f.write(text + f"settings: {SHORT}\n")
            for threads in (1, 2):
                places = [os.path.join(folder, f"{x}.{len(measured)}") for x in ("state", "out")]
                found = edit(image, spec, places[1], "--model", model, "--threads", str(threads), "--state", places[0])
                measured[text, threads] = found["job"]["seconds"], found["job"]["peak_memory"]
                print(text.count("drags"), threads, found["job"]["seconds"], flush=True)
        for name, text, fine_tuning, drag in EDITS:
            one, two = (stages(measured[text, threads][0], fine_tuning, drag) for threads in (1, 2))
            rows.append([name, f"{fine_tuning} + {drag}", shown(sum(two.values())), shown(forecast(one, two, 8)),
                         shown(forecast(one, two, 16)), f"{measured[text, 2][1] / 1e9:.1f} GB"])
    result = table(["edit", "fine-tuning + drag steps", "2 cores, measured", "8 cores, forecast", "16 cores, forecast", "memory"], rows)
    result += f"\n\nMeasured on {cpu()}, {datetime.date.today():%d %B %Y}."
    print(result)
    if a.docs:
        write_block(a.docs, "cost", result)


if __name__ == "__main__":
    main()
