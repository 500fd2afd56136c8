#!/usr/bin/env python3
"""Makes Tests/Fixtures/text_sampling.safetensors and .json: sampling towards an edit prompt on the tiny model of Tests/Fixtures/starter.

    python make_text_fixtures.py --fixtures ../Tests/Fixtures
"""
import argparse
import json
import os

import torch
from safetensors.torch import save_file

import oracle as O

PROMPTS = ("a red apple", "a lemon")
SETTINGS = dict(num_steps=10, inversion_strength=0.5)
CASES = {
    "free": dict(guidance=3.0, freedom=0.6, area=1.0, layout="free"),
    "area": dict(guidance=3.0, freedom=0.4, area=0.25, layout="free"),
    "held": dict(guidance=2.0, freedom=0.0, area=1.0, layout="free"),
    "kept": dict(guidance=3.0, freedom=0.6, area=0.25, layout="kept"),
    "redrawn": dict(guidance=1.5, freedom=0.6, area=0.25, layout="redrawn"),
}


def sampled(folder, dtype):
    models = O.Models(folder, dtype)
    settings = O.Settings(**SETTINGS)
    draws = torch.Generator().manual_seed(5)
    pair = [torch.randn(1, 4, 8, 12, generator=draws).to(dtype) for _ in range(2)]
    emb, wish = (O.text_states(models, p) for p in PROMPTS)
    path = [torch.cat(pair)]
    O.sample_with_reference(models, *pair, emb, settings, path)
    found = {name: O.sample_towards(models, path, emb, wish, settings, **case) for name, case in CASES.items()}
    noises = [torch.randn(1, 4, 8, 12, generator=draws).to(dtype) for _ in range(3)]
    gain = O.text_gain(models, found["redrawn"], wish, noises)
    found.update({f"noise.{i}": x for i, x in enumerate(noises)})
    return gain, dict(found, reference=pair[0], edit=pair[1], plain=path[-1][1:])


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--fixtures", required=True)
    folder = p.parse_args().fixtures
    O.deterministic(1)
    (_, single), (gain, double) = (sampled(os.path.join(folder, "starter/model"), t) for t in (torch.float32, torch.float64))
    rounding = {k: float((single[k].double() - double[k]).norm() / double[k].norm()) for k in CASES}
    tensors = {k: x.float().contiguous() for k, x in single.items()}
    save_file(tensors, os.path.join(folder, "text_sampling.safetensors"))
    with open(os.path.join(folder, "text_sampling.json"), "w") as f:
        json.dump(dict(prompts=PROMPTS, settings=SETTINGS, cases=CASES, gain=gain, rounding=rounding), f, indent=1)
        f.write("\n")
    print(rounding)


if __name__ == "__main__":
    main()
