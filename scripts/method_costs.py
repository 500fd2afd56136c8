#!/usr/bin/env python3
"""Measures what a default edit by each method takes with Stable Diffusion 1.5 at 512x512 on two cores, and writes the table `costs` of
docs/methods/README.md (make method-costs).

    method_costs.py [--docs docs/methods/README.md] [--model FOLDER] [--only METHOD …]

The model has Stable Diffusion 1.5's shapes and random weights (synthetic_model.py): time does not depend on the weights' values. `fastdrag`
and `regiondrag` run whole. Of the others a shortened edit runs: 2 fine-tuning steps, 3 inversion steps, 2 updates; the time of a
fine-tuning step, a pass, an update and a sampling step is multiplied up to the method's own numbers. A drag of 50 pixels takes SDE-Drag
three copies. So the time is an upper bound: drags may arrive earlier. The machine must be idle; about 15 minutes. The script fails
where `fastdrag` or `regiondrag` takes more than three minutes. Needs PyTorch, diffusers, Pillow and NumPy.
"""
import argparse
import dataclasses
import os
import sys
import tempfile

from measuring import ROOT, edit, load_average, smooth_picture, synthetic_model, table, write_block

SPEC = """prompt: {source: a rabbit face, edit: a crying rabbit face}
drags: [{from: [231, 256], to: [281, 256]}]
mask: {circle: [256, 256, 120]}
output: {metrics: none}
"""
PATH, TUNED, UPDATES = 3, 2, 2
LIMIT = 180


@dataclasses.dataclass
class Method:
    """The numbers of a default edit: fine-tuning steps of `batch` samples, inversion and sampling passes, and updates. An update has
    `passes`, pull-backs counted; `extra` passes of the drag come besides."""
    tuning: int
    batch: int
    inversion: int
    sampling: int
    updates: int
    passes: int
    extra: int = 0
    decoder: bool = False
    # Of the shortened edit: its settings, its updates, and its passes besides.
    settings: str = ""
    short_updates: int = UPDATES
    short_extra: int = 0
    advice: str = ""

    @property
    def total(self):
        return 3 * self.tuning * self.batch + self.inversion + self.sampling + self.updates * self.passes + self.extra


METHODS = {
    "fastdrag": Method(0, 0, 7, 14, 0, 0, advice="a thing under a mask that moves, bends or stretches"),
    "regiondrag": Method(0, 0, 0, 0, 10, 2, advice="a thing whose outline you can name"),
    "diffclip": Method(0, 0, 6, 6, 60, 3, extra=6, decoder=True, settings=f"max_steps: {UPDATES}", short_extra=6,
                       advice="a text without drags"),
    "dragdiffusion": Method(80, 4, 35, 70, 80, 2, settings=f"max_steps: {UPDATES}", advice="the baseline of other papers"),
    "stabledrag": Method(80, 4, 35, 70, 80, 2, settings=f"max_steps: {UPDATES}", advice="content with look-alikes nearby"),
    "gooddrag": Method(70, 4, 38, 62, 210, 2, extra=14, short_extra=2,
                       settings=f"max_steps: {UPDATES}, gooddrag.timesteps: 1, gooddrag.trackings: 1, gooddrag.motion_steps: {UPDATES}",
                       advice="a drag over a long way"),
    "clipdrag": Method(80, 4, 35, 70, 160, 3, decoder=True, settings=f"max_steps: {UPDATES}",
                       advice="a text together with a drag"),
    "sdedrag": Method(100, 1, 0, 0, 3 * 120, 4, settings="sdedrag.paste_step: 1000, num_steps: 10", short_updates=6,
                      advice="a comparison"),
    "freedrag": Method(200, 4, 35, 70, 300, 2, extra=2, short_extra=2, settings=f"max_steps: {UPDATES}, freedrag.place_steps: {UPDATES}",
                       advice="a drag whose tracking goes wrong"),
}


def short_settings(name, method):
    """`--set` of the shortened edit. Equal fine-tuning in all methods of one batch comes from the cache."""
    found = [s.replace(": ", "=") for s in method.settings.split(", ") if s]
    if method.tuning:
        found += [f"lora.steps={TUNED}", "lora.lr=0.0005"]
    if name not in ("fastdrag", "regiondrag", "diffclip", "sdedrag"):
        found += ["num_steps=50", f"inversion_strength={PATH / 50}"]
    return [x for s in found for x in ("--set", s)]


def whole(name, method, seconds, known):
    """Seconds of the whole edit from those of the shortened one. `known` keeps what the cache gives to later methods."""
    if name in ("fastdrag", "regiondrag"):
        return sum(s for stage, s in seconds.items() if stage != "total")
    if "fine-tune" in seconds:
        known["tune", method.batch] = seconds["fine-tune"] / TUNED
    if "invert" in seconds and name != "diffclip":
        known["pass"] = seconds["invert"] / PATH
    one = known["pass"]
    update = (seconds["drag"] - method.short_extra * one) / method.short_updates
    steps = method.sampling * one
    if method.sampling and "sample" in seconds and name != "diffclip":
        steps = method.sampling * seconds["sample"] / (2 * (PATH - (name == "gooddrag")))
    rest = sum(s for stage, s in seconds.items() if stage not in ("total", "fine-tune", "invert", "drag", "sample"))
    tuning = method.tuning * known.get(("tune", method.batch), 0)
    return tuning + method.inversion * one + method.extra * one + method.updates * update + steps + rest


def shown(seconds):
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.1f} min" if seconds < 600 else f"{seconds / 60:.0f} min"


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--docs")
    p.add_argument("--model", help="a folder that synthetic_model.py has written")
    p.add_argument("--only", nargs="*")
    a = p.parse_args()
    print(f"load average {load_average()}", flush=True)
    rows, known, late = [], {}, []
    with tempfile.TemporaryDirectory(dir=ROOT, prefix=".build-costs-") as folder:
        model = a.model or synthetic_model(folder)
        image, spec = smooth_picture(folder), os.path.join(folder, "picture.yaml")
        with open(spec, "w", encoding="utf-8") as f:
            f.write(SPEC)
        # `dragdiffusion` first: its fine-tuning and its passes count for the others.
        for name in sorted(METHODS, key=lambda n: n != "dragdiffusion"):
            if a.only and name not in a.only and name != "dragdiffusion":
                continue
            method = METHODS[name]
            found = edit(image, spec, os.path.join(folder, name), "--model", model, "--method", name, "--threads", "2",
                         "--state", os.path.join(folder, "state"), *short_settings(name, method))
            seconds = found["job"]["seconds"]
            total = whole(name, method, seconds, known)
            print(name, seconds, f"{total:.0f} s", flush=True)
            rows.append((total, name, found["job"]["peak_memory"]))
            if name in ("fastdrag", "regiondrag") and total > LIMIT:
                late.append(name)
    lines = []
    for total, name, memory in sorted(rows):
        method = METHODS[name]
        passes = f"{method.total}" + (f" and {method.updates} × the decoder both ways" if method.decoder else "")
        lines.append([f"[`{name}`]({name}.md)", shown(total), passes, f"{memory / 1e9:.1f} GB", method.advice])
    result = table(["method", "at most, 2 cores", "U-Net passes", "memory", "choose it for"], lines)
    print(result)
    if a.docs and not a.only:
        write_block(a.docs, "costs", result)
    if late:
        sys.exit(f"more than {LIMIT} s: {', '.join(late)}")


if __name__ == "__main__":
    main()
