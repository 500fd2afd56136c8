#!/usr/bin/env python3
"""Trains the starter model further, from the weights of Models/starter. Pictures are drawn and encoded on the device as needed.

    continue_training.py unet    --minutes 8   # the U-Net
    continue_training.py decoder --minutes 1   # the VAE's decoder; latents stay what the U-Net knows
    continue_training.py clip    --minutes 2 --batch 1024   # CLIP, against pictures changed on purpose, so that its gradients show
    continue_training.py judge   --minutes 1 --batch 1024   # another CLIP, from nothing, which guides nothing and only judges
    continue_training.py faces   --minutes 45 --device cpu --batch 64      # CLIP, so that it tells one face from another
    continue_training.py unet    --minutes 90 --device cpu --batch 32 --lr 3e-4 --faces 0.4     # the U-Net, more faces than before

Without --device cpu a stage needs a GPU. Each writes its weights (f16) into --out at its end; `unet` also every ten minutes.
Drawing, captions, networks and the held-out glyphs are those of train.py. Do not compile the U-Net with torch.compile: with PyTorch
2.11 its loss became NaN after about 200 steps on an H100, and eager training did not.
"""
import argparse
import contextlib
import os
import random
import re
import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import train as T

FACES = ((0x2639, 0x263a), (0x1f600, 0x1f644), (0x1f910, 0x1f917), (0x1f920, 0x1f92f), (0x1f970, 0x1f97a), (0x1fae0, 0x1fae8))


def half(device):
    return torch.autocast(device, dtype=torch.bfloat16, enabled=device != "cpu")


class Source:
    """Draws pictures of glyphs on the device, as train.py's `data` does on the CPU.

    `shares`: groups of glyphs, by name, and the part of the pictures that is drawn from each. All glyphs share the rest.
    """

    def __init__(self, device, seed, shares, size=T.SIZE):
        self.device, self.size = device, size
        self.glyphs = [g for g in T.glyphs() if g[0] not in T.HELD_OUT]
        rgba = torch.from_numpy(np.stack([g[2] for g in self.glyphs])).permute(0, 3, 1, 2).float() / 255
        rgba[:, :3] *= rgba[:, 3:]
        side = rgba.shape[-1] * size // T.SIZE
        self.rgba = F.interpolate(rgba, (side, side), mode="area").to(device)
        chance = torch.full((len(self.glyphs),), (1 - sum(share for _, share in shares)) / len(self.glyphs))
        for names, share in shares:
            among = torch.tensor([float(g[0] in names) for g in self.glyphs])
            chance += among / among.sum() * share
        self.chance = chance.to(device)
        self.g, self.rng = torch.Generator(device).manual_seed(seed), random.Random(seed)
        self.palette = list(T.COLOURS.items())
        self.values = torch.tensor([v for _, v in self.palette], device=device).float() / 255

    def grounds(self, colours):
        """Backgrounds (n,3,size,size): plain, or with a gradient towards a lighter or darker tone."""
        n, g, device = len(colours), self.g, self.device
        r = lambda *s: torch.rand(*s, generator=g, device=device)
        coloured = (colours != 0).float().view(-1, 1)
        base = (self.values[colours] + 0.04 * torch.randn(n, 3, generator=g, device=device) * coloured).clamp(0, 1).view(n, 3, 1, 1)
        ramp = torch.linspace(-0.15, 0.15, self.size, device=device).view(1, 1, self.size, 1)
        across, down = ramp.transpose(2, 3).expand(n, 1, self.size, self.size), ramp.expand(n, 1, self.size, self.size)
        ramp = torch.where(r(n, 1, 1, 1) < 0.5, down, across)
        return (base + ramp * coloured.view(n, 1, 1, 1) * (r(n, 1, 1, 1) < 0.3)).clamp(0, 1)

    def draw(self, n):
        """Pictures (n,3,size,size) in [0,1], their captions, and the indices of their glyphs."""
        rows = torch.multinomial(self.chance, n, replacement=True, generator=self.g)
        colours = [0 if self.rng.random() < 0.45 else self.rng.randrange(len(self.palette)) for _ in range(n)]
        ground = self.grounds(torch.tensor(colours, device=self.device))
        x = T.compose(self.rgba[rows], self.g, ground, self.size)
        captions = [T.caption(*self.glyphs[i][:2], self.palette[c][0], self.rng) for i, c in zip(rows.tolist(), colours)]
        return x, captions, rows


class Training:
    """AdamW with a warm-up and a cosine over the time that a stage has, and averaged weights."""

    def __init__(self, model, args, lr, ema, warm=200):
        self.parameters = [p for p in model.parameters() if p.requires_grad]
        groups = [dict(params=[p for p in self.parameters if p.dim() > 1], weight_decay=0.01),
                  dict(params=[p for p in self.parameters if p.dim() <= 1], weight_decay=0.0)]
        self.optimizer = torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.99), fused=args.device != "cpu")
        self.average = [p.detach().clone() for p in self.parameters]
        self.lr, self.ema, self.warm, self.seconds, self.begun = lr, ema, warm, 60 * args.minutes, time.time()
        self.step, self.sums, self.count, self.told = 0, 0, 0, time.time()

    @property
    def progress(self):
        return (time.time() - self.begun) / self.seconds

    def apply(self, name, loss, *figures):
        rate = min(1, (self.step + 1) / self.warm) * (0.02 + 0.98 * (1 + np.cos(np.pi * min(1, self.progress))) / 2)
        for group in self.optimizer.param_groups:
            group["lr"] = self.lr * rate
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.step += 1
        torch._foreach_lerp_(self.average, [p.detach() for p in self.parameters], 1 - min(self.ema, (1 + self.step) / (10 + self.step)))
        self.sums, self.count = self.sums + torch.stack([v.detach() for v in (loss, *figures)]), self.count + 1
        if self.step % 50 == 0 and time.time() - self.told > 20:
            print(name, "step", self.step, " ".join(f"{v:.4f}" for v in (self.sums / self.count).tolist()), flush=True)
            self.sums, self.count, self.told = 0, 0, time.time()

    def take_average(self):
        for p, a in zip(self.parameters, self.average):
            p.data.copy_(a)

    @contextlib.contextmanager
    def averaged(self):
        own = [p.detach().clone() for p in self.parameters]
        self.take_average()
        yield
        for p, o in zip(self.parameters, own):
            p.data.copy_(o)


def of_model(args):
    """train.py's arguments, so that it takes what lies in the model folder."""
    return argparse.Namespace(work="", out=args.model, device="cpu")


def shipped(args, network, name):
    network.load_state_dict(T.trained(of_model(args), name))
    return network.to(args.device)


def export(args, model, name):
    os.makedirs(args.out, exist_ok=True)
    save_file({k: v.detach().half().contiguous().cpu() if v.is_floating_point() else v.cpu() for k, v in model.state_dict().items()},
              os.path.join(args.out, name + ".safetensors"), metadata={"format": "pt"})


def tokenizer_of(args):
    return T.tokenizer(of_model(args))


def unet(args):
    """A ring of latents and text states feeds the U-Net; every 16 steps a part of it is drawn anew: it sees a picture four times."""
    shares = [(faces(), args.faces), (T.in_focus() - faces(), 0.9 - args.faces)] if args.faces else [(T.in_focus(), 0.9)]
    source, tokenizer = Source(args.device, int(time.time()), shares), tokenizer_of(args)
    vae, words = shipped(args, T.new_vae(), "vae").eval(), T.text_encoder(of_model(args)).to(args.device)
    scaling, (size, chunk) = T.json.load(open(f"{args.model}/vae/config.json"))["scaling_factor"], (96 * args.batch, 4 * args.batch)
    latents = torch.zeros(size, 4, 32, 32, dtype=torch.float16, device=args.device)
    states = torch.zeros(size, T.TOKENS, 128, dtype=torch.float16, device=args.device)
    state_of = lambda texts: words(input_ids=T.tokens(tokenizer, texts, T.TOKENS).to(args.device)).last_hidden_state.half()

    @torch.no_grad()
    def fill(at):
        x, captions, _ = source.draw(chunk)
        states[at:at + chunk] = state_of(captions)
        with half(args.device):
            latents[at:at + chunk] = vae.encode(2 * x - 1).latent_dist.mean.half()
    for at in range(0, size, chunk):
        fill(at)
    with torch.no_grad():
        nothing = state_of([""])
    model = shipped(args, T.new_unet(), "unet").to(memory_format=torch.channels_last)
    bars, g = T.alpha_bar(args.device), torch.Generator(args.device).manual_seed(int(time.time()) + 1)
    at, kept = 0, time.time()
    training = Training(model, args, lr=args.lr, ema=0.9995 if args.batch > 100 else 0.998)
    while training.progress < 1:
        rows = torch.randint(size, (args.batch,), generator=g, device=args.device)
        z, text = latents[rows].float() * scaling, states[rows]
        text = torch.where((torch.rand(args.batch, generator=g, device=args.device) < 0.08).view(-1, 1, 1), nothing, text).float()
        u = torch.rand(args.batch, generator=g, device=args.device)
        t = torch.where(u < 0.85, u / 0.85 * 720, 720 + (u - 0.85) / 0.15 * 280).long().clamp(max=999)
        a, noise = bars[t].view(-1, 1, 1, 1), torch.randn(z.shape, generator=g, device=args.device)
        x = (a.sqrt() * z + (1 - a).sqrt() * noise).contiguous(memory_format=torch.channels_last)
        with half(args.device):
            out = model(x, t, encoder_hidden_states=text).sample
        error = (out.float() - noise).square().mean((1, 2, 3))
        training.apply("unet", ((5 * (1 - a) / a).flatten().clamp(max=1) * error).mean(), error.mean())      # min-SNR, γ = 5
        if training.step % 16 == 0:
            fill(at)
            at = (at + chunk) % size
        if time.time() - kept > 600:
            kept = time.time()
            with training.averaged():
                export(args, model, "unet")
    training.take_average()
    export(args, model, "unet")
    print("unet", training.step, "steps of", args.batch)


@torch.no_grad()
def held_out_fit(args, model):
    x = 2 * torch.stack(list(T.plain_pictures(T.HELD_OUT).values())).to(args.device) - 1
    y = model.decode(model.encode(x).latent_dist.mean).sample.clamp(-1, 1)
    fit = -10 * torch.log10(((x - y) / 2).square().mean((1, 2, 3)))
    return f"held-out glyphs {fit.mean():.2f} dB, worst {fit.min():.2f}"


def decoder(args):
    source, model = Source(args.device, 77, [(T.in_focus(), 0.6)]), shipped(args, T.new_vae(), "vae")
    print("decoder before:", held_out_fit(args, model), flush=True)
    for name, p in model.named_parameters():
        p.requires_grad_(name.startswith(("decoder", "post_quant")))
    training = Training(model, args, lr=8e-4, ema=0.998)
    edges = lambda x: (x[..., 1:, :] - x[..., :-1, :], x[..., :, 1:] - x[..., :, :-1])
    while training.progress < 1:
        x = 2 * source.draw(48)[0] - 1
        with torch.no_grad(), half(args.device):
            z = model.encode(x).latent_dist.sample()
        with half(args.device):
            y = model.decode(z).sample
        y = y.float()
        mse = F.mse_loss(x, y)
        training.apply("decoder", (x - y).abs().mean() + 2 * mse + sum(F.l1_loss(a, b) for a, b in zip(edges(x), edges(y))), mse)
    training.take_average()
    print("decoder after:", held_out_fit(args, model), training.step, "steps")
    export(args, model, "vae")


class Contrast:
    """CLIP's loss over pictures and captions drawn for it."""

    blurred_to = ((40, 0.25), (20, 0.15))       # sides, and the part of the pictures that is blurred to each
    noise = (0.12, 0.5)                         # the largest deviation, and the part of the pictures that has noise
    attack_steps = 2

    def __init__(self, args, model, source, seed):
        self.args, self.model, self.source, self.tokenizer = args, model, source, tokenizer_of(args)
        self.g = torch.Generator(args.device).manual_seed(seed)

    def random(self, *shape):
        return torch.rand(*shape, generator=self.g, device=self.args.device)

    def seen(self, x):
        """Directions of pictures."""
        with half(self.args.device):
            out = T.pooled(self.model.get_image_features(pixel_values=T.normalise(x)))
        return F.normalize(out.float(), dim=-1)

    def said(self, ids):
        """Directions of captions."""
        with half(self.args.device):
            out = T.pooled(self.model.get_text_features(input_ids=ids))
        return F.normalize(out.float(), dim=-1)

    def softened(self, x):
        """Some pictures blurred, some with noise: what a decoder shows is softer than what was drawn."""
        n, size = len(x), (T.CLIP_SIZE, T.CLIP_SIZE)
        u, drawn, below = self.random(n, 1, 1, 1), x, 0
        for side, part in self.blurred_to:
            blurred = F.interpolate(F.interpolate(drawn, (side, side), mode="area"), size, mode="bilinear")
            x = torch.where((below <= u) & (u < below + part), blurred, x)
            below += part
        noise = torch.randn(x.shape, generator=self.g, device=self.args.device)
        deviation, part = self.noise
        return (x + noise * deviation * self.random(n, 1, 1, 1) * (self.random(n, 1, 1, 1) < part)).clamp(0, 1)

    def batch(self, n):
        """Pictures, token ids, and for each picture and text: is it right, may it not count as wrong?

        Equal captions are all right answers.
        """
        x, captions, _ = self.source.draw(n)
        ids = T.tokens(self.tokenizer, captions, 20).to(self.args.device)
        same = ids[:, None].eq(ids[None]).all(-1).float()
        x = self.softened(F.interpolate(x, (T.CLIP_SIZE, T.CLIP_SIZE), mode="area"))
        return x, ids, same / same.sum(1, keepdim=True), torch.zeros_like(same, dtype=torch.bool)

    def loss(self, pictures, texts, goal, hidden):
        logits = self.model.logit_scale.exp().clamp(max=100) * pictures @ texts.T
        logits = logits.masked_fill(hidden, -1e4)
        asked = goal.sum(0) > 0                 # texts that are some picture's caption
        back = goal[:, asked] / goal[:, asked].sum(0)
        forth, back = (goal * logits.log_softmax(1)).sum(1).mean(), (back * logits[:, asked].log_softmax(0)).sum(0).mean()
        return -(forth + back) / 2, logits

    def worst(self, x, texts, goal, hidden, reach):
        """The pictures moved by at most `reach` (2-norm) towards a higher loss."""
        norm = lambda d: d.flatten(1).norm(dim=1).clamp(min=1e-12).view(-1, 1, 1, 1)
        reach = reach * self.random(len(x), 1, 1, 1)
        d = torch.randn(x.shape, generator=self.g, device=self.args.device)
        d = 0.3 * reach * d / norm(d)
        for _ in range(self.attack_steps):
            d = d.detach().requires_grad_()
            slope, = torch.autograd.grad(self.loss(self.seen((x + d).clamp(0, 1)), texts, goal, hidden)[0], d)
            d = d.detach() + 0.7 * reach * slope / norm(slope)
            d = d * (reach / norm(d)).clamp(max=1)
        return (x + d.detach()).clamp(0, 1)

    @torch.no_grad()
    def names_found(self):
        """Of every glyph plain on white: is its own name the first of all names, or among the first five?"""
        every = [g[0] for g in T.glyphs()]
        texts = self.said(T.tokens(self.tokenizer, every, 20).to(self.args.device))
        for label, names in (("faces", faces()), ("seen", T.in_focus() - T.HELD_OUT), ("held out", T.HELD_OUT)):
            plain = T.plain_pictures(names)
            x = F.interpolate(torch.stack(list(plain.values())).to(self.args.device), (T.CLIP_SIZE, T.CLIP_SIZE), mode="area")
            order = (self.seen(x) @ texts.T).argsort(1, descending=True)[:, :5].tolist()
            first = sum(every[o[0]] == n for n, o in zip(plain, order))
            five = sum(n in [every[k] for k in o] for n, o in zip(plain, order))
            print(f"{label}: {len(plain)} glyphs among {len(every)} names, first {first}, among five {five}", flush=True)


class FacesContrast(Contrast):
    """Every picture is told apart from the names of all faces, not from its batch's alone, where another face is rare."""

    blurred_to, noise, attack_steps = ((44, 0.3), (30, 0.1)), (0.1, 0.4), 1

    def __init__(self, args, model, source, seed):
        super().__init__(args, model, source, seed)
        self.names = [g[0] for g in source.glyphs]
        self.faces = sorted(faces())
        self.own = [{name, *keywords} for name, keywords, _ in source.glyphs]

    def batch(self, n):
        """As Contrast's. A glyph's other words are right too: they do not count as wrong."""
        x, captions, rows = self.source.draw(n)
        texts = list(dict.fromkeys(captions + self.faces + self.source.rng.sample(self.names, 40)))
        at, things = {t: i for i, t in enumerate(texts)}, [thing(t) for t in texts]
        goal = torch.zeros(n, len(texts))
        goal[torch.arange(n), torch.tensor([at[c] for c in captions])] = 1
        own = torch.tensor([[t in self.own[row] for t in things] for row in rows.tolist()])
        ids = T.tokens(self.tokenizer, texts, 20)
        ids = ids[:, :int((ids != self.tokenizer.eos_token_id).sum(1).max()) + 1]
        device = self.args.device
        return self.softened(x), ids.to(device), goal.to(device), (own & (goal == 0)).to(device)


def faces():
    """Names of the faces that are trained on."""
    return T.in_focus(FACES) - T.HELD_OUT


def thing(caption):
    """A caption of train.py's `caption` without article and background."""
    return re.sub(r"^an? ", "", caption.split(" on a ")[0])


def train_clip(args, name, contrast, lr, reach, ema=0.998, warm=200):
    model = contrast.model
    training = Training(model, args, lr=lr, ema=ema, warm=warm)
    while training.progress < 1:
        x, ids, goal, hidden = contrast.batch(args.batch)
        texts = contrast.said(ids)
        if reach:
            x = contrast.worst(x, texts.detach(), goal, hidden, reach(training.progress))
        loss, logits = contrast.loss(contrast.seen(x), texts, goal, hidden)
        training.apply(name, loss, (goal.gather(1, logits.argmax(1, keepdim=True)) > 0).float().mean())
    training.take_average()
    contrast.names_found()
    export(args, model, name)


def clip(args):
    model = shipped(args, T.new_clip(tokenizer_of(args)), "clip")
    contrast = Contrast(args, model, Source(args.device, 77, [(T.in_focus(), 0.6)]), 5)
    train_clip(args, "clip", contrast, 8e-4, lambda progress: 2.0 * min(1, 2 * progress + 0.2))


def judge(args):
    torch.manual_seed(11)
    model = T.new_clip(tokenizer_of(args)).to(args.device)
    train_clip(args, "judge", Contrast(args, model, Source(args.device, 77, [(T.in_focus(), 0.6)]), 11), 1.5e-3, None)


def tell_faces_apart(args):
    model = shipped(args, T.new_clip(tokenizer_of(args)), "clip")
    source = Source(args.device, int(time.time()), [(faces(), 0.5), (T.in_focus() - faces(), 0.35)], T.CLIP_SIZE)
    train_clip(args, "clip", FacesContrast(args, model, source, 5), 8e-4, lambda progress: 0.8, ema=0.997, warm=50)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("stage", choices=["unet", "decoder", "clip", "judge", "faces"])
    p.add_argument("--minutes", type=float, required=True)
    p.add_argument("--model", default=os.path.dirname(os.path.abspath(__file__)))
    p.add_argument("--out", default="trained")
    p.add_argument("--device", default="cuda")
    p.add_argument("--batch", type=int, default=512)
    p.add_argument("--lr", type=float, default=8e-4, help="the U-Net's learning rate")
    p.add_argument("--faces", type=float, default=0, help="the part of the U-Net's pictures that are faces; 0: as many as other glyphs")
    args = p.parse_args()
    dict(unet=unet, decoder=decoder, clip=clip, judge=judge, faces=tell_faces_apart)[args.stage](args)


if __name__ == "__main__":
    main()
