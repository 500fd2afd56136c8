"""DiffCLIP (docs/methods/diffclip.md): a LoRA learns by the directional CLIP loss, one update a sampling step."""
import torch
import torch.nn.functional as F

import oracle as O
from . import stochastic as S

PUBLISHED = dict(num_steps=12, inversion_strength=0.5, max_steps=60, direction_lr=3e-4, direction_keep=0.3, lora=dict(rank=16))


def directional_loss(models, picture, source, texts, keep):
    """1 − cos(E_I(picture) − E_I(source), E_T(P_e) − E_T(P_o)), all embeddings at unit length, + keep · mean |picture − source|."""
    unit = lambda e: e / e.norm().clamp(min=1e-8)
    d = unit(O.clip_image(models, picture)) - unit(O.clip_image(models, source)).detach()
    direction = unit(texts[1]) - unit(texts[0])
    first = 1 - F.cosine_similarity(d, direction, dim=-1, eps=1e-8).squeeze()
    return first, first + keep * (picture - source).abs().mean()


def drag(models, source, inverted, emb, texts, settings, draws, losses):
    """The latent that the trained network samples. source: z_0; inverted: z^0; draws: 'down.SITE'; losses, a list, receives L."""
    s, sch = settings, models.schedule
    steps, stride = S.timesteps(models, s)
    down_path = steps[::-1]
    pairs = {}
    for site in O.lora_sites(models.unet):
        base = models.unet.get_submodule(site)
        pairs[site] = (draws[f"down.{site}"] / s.lora.rank, torch.zeros(base.out_features, s.lora.rank, dtype=models.dtype), 1.0)
    placed = O.lora_attach(models.unet, pairs)
    params = [p for m in placed.values() for p in (m.down, m.up)]
    adam = torch.optim.Adam(params, lr=s.direction_lr, betas=(s.beta1, s.beta2), eps=s.eps)
    with torch.no_grad():
        picture = O.decode(models, source)
    z, at = inverted, 0
    for _ in range(s.max_steps):
        t = down_path[at]
        out = O.unet_forward(models.unet, z, t, emb)
        x0, eps = sch.split(out, z, sch.at(t))
        _, loss = directional_loss(models, O.decode(models, x0), picture, texts, s.direction_keep)
        for p, g in zip(params, torch.autograd.grad(loss, params)):
            p.grad = g
        adam.step()
        losses.append(float(loss.detach()))
        a = sch.at(t - stride)
        z, at = (a.sqrt() * x0 + (1 - a).sqrt() * eps).detach(), at + 1
        if at == len(down_path):
            z, at = inverted, 0
    with torch.no_grad():
        z = inverted
        for t in down_path:
            x0, eps = sch.split(O.unet_forward(models.unet, z, t, emb), z, sch.at(t))
            a = sch.at(t - stride)
            z = a.sqrt() * x0 + (1 - a).sqrt() * eps
    O.lora_detach(models.unet)
    return z
