"""FreeDrag (docs/methods/freedrag.md): no point tracking. A template of features moves along the line from its handle to its target by a
search, and takes over the features that it meets as far as they fit."""
import math

import torch

import oracle as O

PUBLISHED = dict(fusion="drag", max_steps=300, latent_lr=0.01, r1=None, reach=2.0, feature_block=3, freedrag_loss=1.0,
                 freedrag_distance=5.0, freedrag_place_steps=5, mask_term="previous", mask_weight=10.0,
                 lora=dict(steps=200, batch=4, lr=2e-4))
CANDIDATES = 10


def patch(feat, place, radius):
    """The features around a place between cells, (1, C, 2r+1, 2r+1). Outside the grid the border's value is taken."""
    span = torch.arange(-radius, radius + 1)
    return O.shifted_patch(feat, span, span, place)


def moved(a, part, b):
    return a[0] + part * (b[0] - a[0]), a[1] + part * (b[1] - a[1])


def distance(a, b):
    return math.sqrt((a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]))


class Template:
    def __init__(self, handle, target, feat0, radius):
        self.place, self.target, self.radius = (float(handle[0]), float(handle[1])), (float(target[0]), float(target[1])), radius
        self.features = patch(feat0, self.place, radius).detach()
        self.before = self.after = 0.0
        self.arrived = False

    def loss(self, feat, place=None):
        return (patch(feat, place or self.place, self.radius) - self.features).abs().mean()

    def next(self, feat, s):
        """The next place, and the relative gap to the second best of the search."""
        if self.after < 0.5 * s.freedrag_loss:
            return self.best(self.place, s.freedrag_distance, feat, lambda x: abs(x - s.freedrag_loss))
        if self.after < self.before:
            return self.place, None
        back = moved(self.place, -self.part(s.freedrag_distance, self.place), self.target)
        return self.best(back, 2 * s.freedrag_distance, feat, lambda x: x)

    def part(self, length, start):
        return min(length / (distance(start, self.target) + 1e-8), 1.0)

    def best(self, start, length, feat, score):
        end = moved(start, self.part(length, start), self.target)
        places = [moved(start, j / CANDIDATES, end) for j in range(1, CANDIDATES + 1)]
        scores = [score(float(self.loss(feat, p))) for p in places]
        best = scores.index(min(scores))
        others = [x for x in scores if x != scores[best]]
        return places[best], min(((x - scores[best]) / x for x in others), default=None)

    def adapt(self, feat, s):
        self.after = float(self.loss(feat))
        self.arrived = distance(self.place, self.target) < s.reach and self.after <= 0.5 * s.freedrag_loss
        share = 1.0 if self.arrived else 1 / (1 + math.exp(math.log(9) / (0.6 * s.freedrag_loss) * (self.after - 0.2 * s.freedrag_loss)))
        self.features = share * patch(feat, self.place, self.radius).detach() + (1 - share) * self.features


def drag(models, z_start, emb, clip_target, handles, targets, grid, s, mask=None, keep=None, source=None, described=None):
    radius = s.radii(grid)[0]
    loop, t = O.Updates(models, emb, clip_target, grid, s, mask, keep, source, described), O.drag_timestep(models, s)
    z = z_start.detach().clone().requires_grad_(True)
    adam = loop.adam(z)
    now = loop.forward(z, t)
    feat0, held = now.features.detach(), (z_start, now.previous.detach())
    if keep is not None:
        keep["features.initial"] = feat0
    templates = [Template(h, g, feat0, radius) for h, g in zip(handles, targets)]
    near = lambda v, n: min(max(round(v), 0), n - 1)
    cells = lambda: [(near(x.place[0], grid[0]), near(x.place[1], grid[1])) for x in templates]
    rows, outcome = [], "max_steps"
    while True:
        if templates and all(x.arrived for x in templates):
            outcome = "reached"
            break
        if len(rows) >= s.max_steps:
            break
        gaps = []
        for x in templates:
            if not x.arrived:
                with torch.no_grad():
                    x.place, gap = x.next(now.features.detach(), s)
                gaps.append(gap)
        for inner in range(s.freedrag_place_steps):
            if len(rows) >= s.max_steps:
                break
            row = O.iteration(len(rows), cells(), targets, gaps if inner == 0 else None)
            row["distances"] = [distance(x.place, x.target) for x in templates]
            loop.remember(row, z)
            losses = [x.loss(now.features) for x in templates]
            loop.update(adam, z, now, sum(losses, z.new_zeros(())), row, held, s.mask_weight / z.numel())
            rows.append(row)
            now = loop.forward(z, t)
            for x, loss in zip(templates, losses):
                if inner == 0:
                    x.before = float(loss.detach())
            if losses and max(float(x.detach()) for x in losses) < 0.5 * s.freedrag_loss:
                break
        for x in templates:
            x.adapt(now.features.detach(), s)
    more = dict(outcome=outcome, timestep=t, radii=[radius])
    return O.Edited(z.detach()), O.trace_of(rows, cells(), handles, targets, grid, **more)
