#!/usr/bin/env python3
"""LoRA files both ways between this engine and the PyTorch reference in oracle/ (make test-oracle).

The methods:          every recorded job of a drag method (Tests/Fixtures/FAMILY/methods.json) is run by both, within the same bound.
Ours in the oracle:   files that this engine has written again (Tests write the same bytes) and one that it has trained are read
                      by the oracle and change its U-Net as they change ours.
The oracle's in ours: the oracle writes a LoRA in both layouts; our edit with it is compared with the oracle's own run, within the
                      usual bound of Tests/Fixtures/README.md.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "oracle"))
import oracle as O  # noqa: E402
import test_model_files  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

BINARY = os.path.join(ROOT, ".build/release/clipdragd")
FIXTURES = os.path.join(ROOT, "Tests/Fixtures")
failures = 0


def check(what, value, bound):
    global failures
    good = value <= bound
    failures += not good
    print(f"{'pass' if good else 'FAIL'}  {what:64} {value:.2e}  (at most {bound:.0e})", flush=True)


def relative(x, y):
    return float((x - y).norm() / y.norm()) if y.norm() > 0 else float(x.norm() > 0)


def our_edit(folder, family, job, lora, *more):
    out, trace = os.path.join(folder, "out"), os.path.join(folder, "trace.safetensors")
    command = [BINARY, "edit", f"{job}/image.png", f"{job}/job.json", "--model", f"{FIXTURES}/{family}/model", "--out", out, "--trace",
               trace]
    subprocess.run(command + (["--lora", lora] if lora else []) + list(more), check=True, capture_output=True)
    return load_file(trace)


def compare_methods(models, family):
    with open(f"{FIXTURES}/{family}/methods.json") as f:
        rows = json.load(f)
    for row in rows:
        job, lora = f"{FIXTURES}/{family}/methods/{row['name']}", f"{FIXTURES}/{family}/{row['lora']}"
        with open(f"{job}/job.json") as f:
            spec = json.load(f)
        image = O.read_image(f"{job}/image.png")
        _, _, theirs = O.edit(models, image, spec, O.lora_read(lora, models.unet), O.read_mask(spec, job))
        with tempfile.TemporaryDirectory() as folder:
            ours = our_edit(folder, family, job, lora)
        for key, bound in (("latent.dragged", 3e-4), ("latent.sampled", 4e-3), ("image.decoded", 3e-3)):
            check(f"{family}: {row['method']}, {row['name']}, {key}", relative(ours[key], theirs[key]), bound)


def main():
    O.deterministic(1)
    for family, name in (("sd15", "paper_one_pair"), ("sd21", "released"), ("starter", "paper")):
        models = O.Models(f"{FIXTURES}/{family}/model")
        compare_methods(models, family)
        job = f"{FIXTURES}/{family}/jobs/{name}"
        with open(f"{job}/job.json") as f:
            spec = json.load(f)
        spec.setdefault("settings", {})["max_steps"] = 2
        image = O.read_image(f"{job}/image.png")
        size = O.working_size(*image.shape[-2:], models.native, models.vae_factor)
        short = O.Settings.of(dict(spec, settings=dict(spec["settings"], lora=dict(steps=2, rank=3))))
        pairs, _ = O.lora_train(models, O.to_working(image, size), spec["prompt"]["source"], short)
        for legacy in (False, True):
            with tempfile.TemporaryDirectory() as folder:
                lora = os.path.join(folder, "lora.safetensors")
                O.lora_write(lora, pairs, legacy)
                _, _, theirs = O.edit(models, image, spec, O.lora_read(lora, models.unet), O.read_mask(spec, job))
                ours = our_edit(folder, family, job, lora, "--set", "max_steps=2")
                label = f"{family}: the oracle's {'legacy' if legacy else 'peft'} file in ours, "
                for key, bound in (("latent.inverted", 3e-4), ("latent.dragged", 3e-4), ("latent.sampled", 4e-3), ("image.decoded", 3e-3)):
                    check(label + key, relative(ours[key], theirs[key]), bound)
        with tempfile.TemporaryDirectory() as folder:
            trained = os.path.join(folder, "ours.safetensors")
            ours = our_edit(folder, family, job, None, "--set", "max_steps=1", "--set", "lora.steps=2", "--set", "lora.rank=3",
                            "--save-lora", trained)
            read = O.lora_read(trained, models.unet)
            check(f"{family}: sites of our file that the oracle lacks", len(set(O.lora_sites(models.unet)) ^ set(read)), 0)
            one = dict(spec, settings=dict(spec["settings"], max_steps=1))
            _, _, theirs = O.edit(models, image, one, read, O.read_mask(one, job))
            check(f"{family}: our file in the oracle, latent.inverted", relative(ours["latent.inverted"], theirs["latent.inverted"]), 3e-4)
            check(f"{family}: our file in the oracle, latent.sampled", relative(ours["latent.sampled"], theirs["latent.sampled"]), 4e-3)
    test_model_files.main(check)
    print("all passed" if not failures else f"{failures} failed")
    sys.exit(failures > 0)


if __name__ == "__main__":
    main()
