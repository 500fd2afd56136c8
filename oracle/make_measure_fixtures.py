#!/usr/bin/env python3
"""Makes Tests/Fixtures/measures/: PSNR, SSIM and LPIPS of small pictures by scikit-image and the PyPI package lpips.

    python make_measure_fixtures.py --out ../Tests/Fixtures/measures

Needs torch, lpips, torchvision, scikit-image, scipy, safetensors. AlexNet's weights are a hash of their index, as in the test; the linear
heads are those that lpips ships.
"""
import argparse
import json
import math
import os

import lpips
import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from scipy.ndimage import binary_dilation
from skimage.metrics import structural_similarity


def hashed(shape, salt, bound):
    n = math.prod(shape)
    with np.errstate(over="ignore"):
        x = np.arange(n, dtype=np.uint32) + np.uint32(salt) * np.uint32(0x9E3779B9)
        x = (x ^ (x >> 16)) * np.uint32(0x85EBCA6B)
        x = (x ^ (x >> 13)) * np.uint32(0xC2B2AE35)
        x ^= x >> 16
    return torch.from_numpy((np.float32(bound) * ((x >> 8).astype(np.float32) / np.float32(8388608) - np.float32(1))).reshape(shape))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--out", required=True)
    a = p.parse_args()
    os.makedirs(a.out, exist_ok=True)
    g = torch.Generator().manual_seed(7)
    x = F.interpolate(torch.rand(1, 3, 6, 7, generator=g), size=(30, 37), mode="bicubic").clamp(0, 1)
    y = x.clone()
    y[:, :, 8:20, 10:18] = (y[:, :, 8:20, 10:18] + 0.3 * torch.rand(1, 3, 12, 8, generator=g)).clamp(0, 1)
    y = (y + 0.005 * torch.randn(y.shape, generator=g)).clamp(0, 1)
    part = torch.zeros(30, 37)
    part[4:27, 3:30] = 1
    part[10:14, 20:25] = 0
    hwc = lambda t: t[0].permute(1, 2, 0).contiguous()
    u, v, where = hwc(x).double().numpy(), hwc(y).double().numpy(), part.numpy() > 0
    _, similarity = structural_similarity(u, v, channel_axis=-1, data_range=1, gaussian_weights=True, sigma=1.5,
                                          use_sample_covariance=False, full=True)
    error = ((u - v) ** 2)[where].mean()
    changed = binary_dilation(np.abs(u - v).max(-1) > 8 / 255, np.ones((3, 3)), iterations=6)

    model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    layers = []
    with torch.no_grad():
        for i, name in enumerate(("net.slice1.0", "net.slice2.3", "net.slice3.6", "net.slice4.8", "net.slice5.10")):
            conv = model.get_submodule(name)
            bound = math.sqrt(6 / conv.weight[0].numel())
            layers.append(dict(name=name, shape=list(conv.weight.shape), bound=float(np.float32(bound))))
            conv.weight.copy_(hashed(tuple(conv.weight.shape), 2 * i + 1, float(np.float32(bound))))
            conv.bias.copy_(hashed(tuple(conv.bias.shape), 2 * i + 2, 0.1))
        p0, p1 = torch.rand(1, 3, 67, 75, generator=g), None
        p1 = (p0 + 0.1 * torch.randn(p0.shape, generator=g)).clamp(0, 1)
        distance = float(model(2 * p0 - 1, 2 * p1 - 1))
        up = lambda t: 2 * F.interpolate(t, size=(224, 224), mode="bilinear", align_corners=False) - 1
        fidelity = 1 - float(model(up(p0), up(p1)))
    heads = {f"lin{i}": getattr(model, f"lin{i}").model[1].weight.detach().contiguous().clone() for i in range(5)}
    save_file({"a": hwc(x), "b": hwc(y), "part": part, "lpips.a": p0, "lpips.b": p1, **heads}, f"{a.out}/measures.safetensors")
    facts = dict(psnr=-10 * math.log10(error), ssim=float(similarity.mean(-1)[where].mean()), changed=int(changed.sum()), lpips=distance,
                 fidelity=fidelity, layers=layers)
    with open(f"{a.out}/measures.json", "w") as f:
        json.dump(facts, f, indent=1)
    print(facts)


if __name__ == "__main__":
    main()
