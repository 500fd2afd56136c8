"""SDE-Drag (docs/methods/sdedrag.md): copy and paste at t_0, then the reverse SDE with the noise of the way there; repeated."""
import math

import torch

import oracle as O
from . import stochastic as S

PUBLISHED = dict(num_steps=200, inversion_strength=0.6, paste_step=2.0, paste_radius=5, paste_gain=1.1, source_kept=0.3, guidance=3.0,
                 lora_scale_least=0.5, lora=dict(steps=100, rank=4, batch=1, lr=2e-4))


def paste_count(longest, step):
    if longest <= step:
        return 1
    n = int(longest / step)
    return n + 1 if abs(longest / n - step) > abs(longest / (n + 1) - step) else n


def squares(source, target, r, size):
    """The square's rows and columns around a place: as large as fits around both."""
    out = []
    for axis in (0, 1):
        low = min(r, source[axis], target[axis])
        high = max(0, min(r, size[axis] - 1 - source[axis], size[axis] - 1 - target[axis]))
        out.append((low, high))
    return out


def drag(models, clean, texts, handles, targets, settings, draws, lora=None, mask=None, keep=None):
    """The finished latent. handles, targets: whole cells of the latent; texts: states of "" and of the prompt; lora: the pairs that are
    attached; draws: 'K.path.I' and 'K.source.D' for copy K, step I, drag D."""
    s = settings
    steps, stride = S.timesteps(models, s)
    size = clean.shape[-2:]
    cut = lambda v: math.trunc(v)
    drags = [(t[0] - h[0], t[1] - h[1]) for h, t in zip(handles, targets)]
    count = paste_count(max(math.hypot(*d) for d in drags), s.paste_step)
    for k in range(count):
        place = lambda h, d, part: (h[0] + cut(part * d[0] / count), h[1] + cut(part * d[1] / count))
        path = S.forward(models, clean, steps, stride, [draws[f"{k}.path.{i}"] for i in range(len(steps))])
        z = path[-1].clone()
        for n, (h, d) in enumerate(zip(handles, drags)):
            a, b = place(h, d, k), place(h, d, k + 1)
            (top, bottom), (left, right) = squares(a, b, s.paste_radius, size)
            at = lambda p: (slice(None), slice(None), slice(p[0] - top, p[0] + bottom), slice(p[1] - left, p[1] + right))
            copied = z[at(a)].clone()
            z[at(a)] = s.source_kept * copied + (1 - s.source_kept ** 2) ** 0.5 * draws[f"{k}.source.{n}"][at(a)]
            z[at(b)] = s.paste_gain * copied
        if keep is not None:
            keep[f"sdedrag.{k}.pasted"] = z.clone()
        for i in reversed(range(len(steps))):
            part = (i + 1) / max(len(steps) - 1, 1)
            if lora:
                share = (1 - math.cos(part * math.pi)) / 2
                O.lora_attach(models.unet, {n: (x, y, c * ((1 - share) + share * s.lora_scale_least)) for n, (x, y, c) in lora.items()})
            g = 1 + (s.guidance - 1) * part

            def guided(x):
                with torch.no_grad():
                    plain, prompted = (O.unet_forward(models.unet, x, steps[i], e) for e in texts)
                return plain + g * (prompted - plain)
            noise = S.implied(models, path[i + 1], path[i], guided(path[i + 1]), steps[i], stride)
            z = S.reverse(models, z, guided(z), steps[i], stride, noise)
            if mask is not None:
                z = torch.where(mask, z, path[i])
        clean = z
        if keep is not None:
            keep[f"sdedrag.{k}.latent"] = z.clone()
    if lora:
        O.lora_attach(models.unet, lora)
    return clean
