#!/usr/bin/env python3
"""Makes Tests/Fixtures/latent_methods/: what the methods without a drag gradient compute on the tiny models of Tests/Fixtures.

    python make_latent_fixtures.py --fixtures ../Tests/Fixtures [--only fastdrag …]

Each case has its inputs and results in f32, and in NAME.json `noise`: how far the results move when noise of relative size 4e-6, about
the rounding of another engine, is added to every input latent (the largest of five draws), and `rounding`: f32 against f64.
"""
import argparse
import json
import math
import os

import torch
from safetensors.torch import save_file

import oracle as O
from methods import diffclip, fastdrag, regiondrag, sdedrag, stochastic

NOISE = 4e-6
# What specs call the settings that one method alone reads.
NAMES = {"source_noise": "regiondrag.source_noise", "paste_step": "sdedrag.paste_step", "paste_radius": "sdedrag.paste_radius",
         "paste_gain": "sdedrag.paste_gain", "source_kept": "sdedrag.source_kept", "guidance": "sdedrag.guidance",
         "lora_scale_least": "sdedrag.lora_scale", "direction_lr": "diffclip.lr", "direction_keep": "diffclip.keep"}


def disc(h, w, i, j, r):
    return torch.tensor([[(a - i) ** 2 + (b - j) ** 2 <= r * r for b in range(w)] for a in range(h)])


def box(h, w, top, left, bottom, right):
    m = torch.zeros(h, w, dtype=torch.bool)
    m[top:bottom, left:right] = True
    return m


def rel(a, b):
    return float((a.double() - b.double()).norm() / b.double().norm())


def deviations(compute, models, exact, inputs):
    """The results, how far noise on the inputs moves each, and f32 against f64."""
    result = compute(models, inputs)
    g = torch.Generator().manual_seed(5)
    moved = {k: 0.0 for k in result}
    for _ in range(5):
        shaken = {k: x + NOISE * x.norm() / math.sqrt(x.numel()) * torch.randn(x.shape, generator=g) for k, x in inputs.items()}
        other = compute(models, shaken)
        moved = {k: max(moved[k], rel(other[k], result[k])) for k in result}
    f64 = compute(exact, {k: x.double() for k, x in inputs.items()})
    return result, moved, {k: rel(result[k], f64[k]) for k in result}


def fastdrag_cases():
    """Warps of random latents. Drags are (handle row, column, rows down, columns right) in cells of the latent, quarters allowed."""
    g = torch.Generator().manual_seed(11)
    cases = []
    for name, h, w, domain, drags in [
        ("one", 16, 16, disc(16, 16, 7, 8, 5), [(7.25, 8.0, 0.0, 3.5)]),
        ("three", 16, 13, disc(16, 13, 8, 6, 5), [(6.0, 4.5, -2.0, 1.0), (9.5, 6.0, 2.25, 0.0), (8.0, 9.0, 0.0, -3.0)]),
        ("border", 11, 13, box(11, 13, 0, 0, 6, 5), [(1.0, 1.0, -3.0, -3.0)]),
        ("two parts", 14, 14, disc(14, 14, 3, 3, 2) | disc(14, 14, 10, 9, 3), [(3.0, 3.0, 2.0, 2.0), (10.0, 9.0, 0.0, 3.0)]),
        ("handle outside the circle", 12, 12, box(12, 12, 4, 4, 8, 8), [(1.0, 1.0, 0.0, 4.0)]),
        ("long", 16, 16, disc(16, 16, 8, 5, 4), [(8.0, 5.0, 0.0, 20.0)]),
    ]:
        z = torch.randn(1, 4, h, w, generator=g)
        out, moved, holes = fastdrag.warp(z, domain, [d[:2] for d in drags], [d[2:] for d in drags])
        cases.append(dict(name=name, drags=drags, moved=moved, holes=holes, tensors=dict(z=z, domain=domain.to(torch.uint8), out=out)))
    return cases


def regiondrag_cases(fixtures):
    g = torch.Generator().manual_seed(12)
    cases = []
    for name, family, size, regions, mask, prompt in [
        ("discs", "sd15", (11, 13), [(disc(11, 13, 4, 4, 2), disc(11, 13, 5, 8, 2.6))], None, "a photo of a cat"),
        ("two with a mask", "sd15", (11, 13), [(box(11, 13, 1, 1, 4, 5), box(11, 13, 5, 2, 10, 5)),
                                               (disc(11, 13, 4, 9, 1.5), disc(11, 13, 8, 9, 2))],
         box(11, 13, 0, 0, 10, 12), "two birds"),
        ("velocity", "sd21", (9, 12), [(box(9, 12, 2, 2, 6, 6), box(9, 12, 3, 6, 6, 11))], box(9, 12, 1, 1, 8, 11), "a red apple"),
    ]:
        m, exact = O.Models(f"{fixtures}/{family}/model"), O.Models(f"{fixtures}/{family}/model", torch.float64)
        s = O.Settings(num_steps=20, inversion_strength=0.5)
        s.source_noise = 0.8 if name == "velocity" else 1.0
        n = round(s.num_steps * s.inversion_strength)
        inputs = dict(clean=torch.randn(1, 4, *size, generator=g), source=torch.randn(1, 4, *size, generator=g))
        inputs |= {f"path.{i}": torch.randn(1, 4, *size, generator=g) for i in range(n)}
        pairs = [p for a, b in regions for p in regiondrag.matched(a, b)]
        pairs = list({to: (a, to) for a, to in pairs}.values())
        sources = sorted({tuple(c) for a, _ in regions for c in a.nonzero().tolist()} | {a for a, _ in pairs})

        def compute(models, x):
            keep = {}
            with torch.no_grad():
                emb = O.text_states(models, prompt)
            out = regiondrag.drag(models, x["clean"], emb, pairs, sources, s, x, mask, keep)
            return dict(out=out, middle=keep[f"regiondrag.{n // 2}.latent"])
        result, moved, rounding = deviations(compute, m, exact, inputs)
        tensors = inputs | result | {f"region.{i}.{k}": r.to(torch.uint8) for i, (a, b) in enumerate(regions) for k,
                                     r in (("from", a), ("to", b))}
        if mask is not None:
            tensors["mask"] = mask.to(torch.uint8)
        cases.append(dict(name=name, family=family, prompt=prompt, middle=n // 2,
                          settings=dict(num_steps=20, inversion_strength=0.5, source_noise=s.source_noise),
                          pairs=[[*a, *b] for a, b in sorted(pairs, key=lambda p: p[1])], noise=moved, rounding=rounding, tensors=tensors))
    return cases


def sdedrag_cases(fixtures):
    g = torch.Generator().manual_seed(13)
    cases = []
    for name, family, size, drags, mask, own, lora in [
        ("guided with a LoRA", "sd15", (11, 13), [(4, 3, 5, 8)], None, {}, "lora.safetensors"),
        ("two with a mask", "sd15", (11, 13), [(2, 2, 4, 3), (8, 9, 8, 12)], box(11, 13, 1, 1, 10, 13),
         dict(guidance=1.0, paste_radius=3), None),
        ("velocity", "sd21", (9, 12), [(4, 8, 3, 3)], None, dict(guidance=2.0, lora_scale_least=1.0), None),
    ]:
        m, exact = O.Models(f"{fixtures}/{family}/model"), O.Models(f"{fixtures}/{family}/model", torch.float64)
        values = dict(sdedrag.PUBLISHED, num_steps=20, paste_radius=2, **{}) | own
        values.pop("lora")
        s = O.Settings(num_steps=values["num_steps"], inversion_strength=values["inversion_strength"])
        for k, x in values.items():
            setattr(s, k, x)
        n = len(stochastic.timesteps(m, s)[0])
        handles, targets = [d[:2] for d in drags], [d[2:] for d in drags]
        count = sdedrag.paste_count(max(math.dist(a, b) for a, b in zip(handles, targets)), s.paste_step)
        shape = (1, 4, *size)
        inputs = dict(clean=torch.randn(shape, generator=g))
        for k in range(count):
            inputs |= {f"{k}.path.{i}": torch.randn(shape, generator=g) for i in range(n)}
            inputs |= {f"{k}.source.{i}": torch.randn(shape, generator=g) for i in range(len(drags))}

        def compute(models, x):
            keep = {}
            pairs = O.lora_read(f"{fixtures}/{family}/{lora}", models.unet) if lora else None
            with torch.no_grad():
                texts = [O.text_states(models, t) for t in ("", "a small house near the lake")]
            if s.guidance == 1:
                texts = [texts[1]] * 2
            out = sdedrag.drag(models, x["clean"], texts, handles, targets, s, x, pairs, mask, keep)
            O.lora_detach(models.unet)
            return dict(out=out, pasted=keep["sdedrag.0.pasted"])
        result, moved, rounding = deviations(compute, m, exact, inputs)
        tensors = inputs | result | ({} if mask is None else {"mask": mask.to(torch.uint8)})
        cases.append(dict(name=name, family=family, prompt="a small house near the lake", drags=drags, copies=count, settings=values,
                          lora=lora,
                          noise=moved, rounding=rounding, tensors=tensors))
    return cases


def diffclip_cases(fixtures):
    g = torch.Generator().manual_seed(14)
    cases = []
    for name, family, size, count in [("a walk and a half", "starter", (16, 14), 5), ("velocity", "sd21", (9, 12), 2)]:
        m, exact = O.Models(f"{fixtures}/{family}/model"), O.Models(f"{fixtures}/{family}/model", torch.float64)
        s = O.Settings(num_steps=6, inversion_strength=0.5, max_steps=count)
        s.lora.rank, s.direction_lr, s.direction_keep = 2, 1e-3, 0.3
        prompts = ("a photo of a cat", "a smiling dog")
        shape = (1, 4, *size)
        inputs = dict(source=torch.randn(shape, generator=g), inverted=torch.randn(shape, generator=g))
        inputs |= {f"down.{n}": torch.randn(s.lora.rank, m.unet.get_submodule(n).in_features, generator=g) for n in O.lora_sites(m.unet)}
        values = {}

        def compute(models, x):
            losses = []
            with torch.no_grad():
                emb = O.text_states(models, prompts[0])
                texts = [O.clip_text(models, p) for p in prompts]
            out = diffclip.drag(models, x["source"], x["inverted"], emb, texts, s, x, losses)
            values.setdefault("losses", losses)
            return dict(out=out, losses=torch.tensor(losses, dtype=torch.float64))
        result, moved, rounding = deviations(compute, m, exact, inputs)
        cases.append(dict(name=name, family=family, prompts=prompts, noise=moved, rounding=rounding, losses=values["losses"],
                          settings={"num_steps": 6, "inversion_strength": 0.5, "max_steps": count, "direction_lr": 1e-3,
                                    "direction_keep": 0.3,
                                    "lora.rank": 2},
                          tensors=inputs | {"out": result["out"]}))
    return cases


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--fixtures", required=True)
    p.add_argument("--only", nargs="*")
    a = p.parse_args()
    O.deterministic(1)
    folder = f"{a.fixtures}/latent_methods"
    os.makedirs(folder, exist_ok=True)
    makers = dict(fastdrag=fastdrag_cases, regiondrag=lambda: regiondrag_cases(a.fixtures), sdedrag=lambda: sdedrag_cases(a.fixtures),
                  diffclip=lambda: diffclip_cases(a.fixtures))
    for name, make in makers.items():
        if a.only and name not in a.only:
            continue
        cases = make()
        for c in cases:
            if "settings" in c:
                c["settings"] = {NAMES.get(k, k): x for k, x in c["settings"].items()}
        tensors = {f"{i}.{k}": x.detach().contiguous().clone() for i, c in enumerate(cases) for k, x in c.pop("tensors").items()}
        save_file(tensors, f"{folder}/{name}.safetensors")
        with open(f"{folder}/{name}.json", "w") as f:
            json.dump(cases, f, indent=1)
        print(name, [(c["name"], c.get("noise"), c.get("rounding"), c.get("moved"), c.get("holes"), c.get("copies")) for c in cases],
              flush=True)


if __name__ == "__main__":
    main()
