"""RegionDrag (docs/methods/regiondrag.md), as its authors run it: a pass over the stored latents saves the noise and the keys and values
of every self-attention; the way back pastes them."""
import torch

import oracle as O
from . import stochastic as S

PUBLISHED = dict(num_steps=20, inversion_strength=0.5, source_noise=1.0, lora=dict(steps=0))


def matched(source, target):
    """(from, to) cells of two regions (bool, h × w): a target cell's column is stretched to the source's columns and cut to a whole
    number, then its row from the target's rows in its column to the source's rows in that one."""
    src, dst = source.nonzero().tolist(), target.nonzero().tolist()
    span = lambda v: (min(v), max(v))
    rows = lambda cells: {c: span([i for i, j in cells if j == c]) for c in {j for _, j in cells}}
    stretch = lambda v, a, b: b[0] + (v - a[0]) * (b[1] - b[0]) // (a[1] - a[0]) if a[1] > a[0] else (b[0] + b[1]) // 2
    a, b, ra, rb = span([j for _, j in dst]), span([j for _, j in src]), rows(dst), rows(src)
    pairs = []
    for i, j in dst:
        c = stretch(j, a, b)
        c = min(rb, key=lambda k: (abs(k - c), k))
        pairs.append(((stretch(i, ra[j], rb[c]), c), (i, j)))
    return pairs


class SavedKeys:
    """Keys and values of all self-attentions: saved pass by pass, pasted in the reverse order of passes."""

    def __init__(self, unet):
        self.passes, self.use, self.hooks = [], None, []
        self.layers = [unet.get_submodule(f"{b}.attn1.{n}") for b in O.attention_blocks(unet) for n in ("to_k", "to_v")]

    def __enter__(self):
        for i, m in enumerate(self.layers):
            self.hooks.append(m.register_forward_hook(lambda _, __, out, i=i: self.step(i, out)))
        return self

    def __exit__(self, *_):
        for h in self.hooks:
            h.remove()

    def step(self, i, out):
        if self.use is None:
            if i == 0:
                self.passes.append([None] * len(self.layers))
            self.passes[-1][i] = out.clone()
            return None
        return self.use[i]


def drag(models, clean, emb, pairs, sources, settings, draws, mask=None, keep=None):
    """The finished latent. pairs: (from, to) cells that are copied; sources: cells that noise is mixed into; draws: 'path.I' and
    'source'; mask: bool, h × w, where the picture may change."""
    steps, stride = S.timesteps(models, settings)
    path = S.forward(models, clean, steps, stride, [draws[f"path.{i}"] for i in range(len(steps))])
    with torch.no_grad(), SavedKeys(models.unet) as saved:
        noises = []
        for i, t in enumerate(steps):
            out = O.unet_forward(models.unet, path[i + 1], t, emb)
            noises.append(S.implied(models, path[i + 1], path[i], out, t, stride))
        z, scale = path[-1].clone(), settings.source_noise
        for i, j in sources:
            z[0, :, i, j] = (1 - scale ** 2) ** 0.5 * z[0, :, i, j] + scale * draws["source"][0, :, i, j]
        for k, i in enumerate(reversed(range(len(steps)))):
            stored = path[i + 1]
            pasted = z.clone()
            for (a, b), (c, d) in pairs:
                pasted[0, :, c, d] = stored[0, :, a, b]
            z = pasted if mask is None else torch.where(mask, pasted, stored)
            if keep is not None:
                keep[f"regiondrag.{k}.latent"] = z.clone()
            saved.use = saved.passes[i]
            out = O.unet_forward(models.unet, z, steps[i], emb)
            z = S.reverse(models, z, out, steps[i], stride, noises[i])
    return z
