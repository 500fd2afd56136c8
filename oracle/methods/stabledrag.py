"""StableDrag (docs/methods/stabledrag.md): DragDiffusion's loop with a tracker that learns each handle against its surroundings. The score
of the place that it finds decides whether the source's features or the present ones supervise the handle."""
import torch

import oracle as O
from . import dragdiffusion

PUBLISHED = {k: v for k, v in dragdiffusion.PUBLISHED.items() if k not in ("motion_template", "tracking")}
PUBLISHED.update(stabledrag_filter_steps=10, stabledrag_filter_share=0.5, stabledrag_confidence=0.8)
SURROUNDINGS, REGULARISATION = 4, 0.01


def unit(x):
    """(…, C) over its norm, in double precision."""
    x = x.double()
    norm = x.square().sum(-1, keepdim=True).sqrt()
    return torch.where(norm > 0, x / norm, x)


def window(feat, centre, radius):
    """The cells of the square around a cell as (rows, columns, C), and the square's first row and column."""
    H, W = feat.shape[-2:]
    r, c = max(0, centre[0] - radius), max(0, centre[1] - radius)
    return feat[0, :, r:min(H, centre[0] + radius + 1), c:min(W, centre[1] + radius + 1)].permute(1, 2, 0), r, c


class Filter:
    def __init__(self, feat0, handle, radius, steps):
        self.wanted = feat0[0, :, handle[0], handle[1]]
        cells, r, c = window(feat0, handle, SURROUNDINGS * radius)
        x = unit(cells).reshape(-1, cells.shape[-1])
        rows = torch.arange(r, r + cells.shape[0], dtype=torch.float64).view(-1, 1) - handle[0]
        cols = torch.arange(c, c + cells.shape[1], dtype=torch.float64).view(1, -1) - handle[1]
        spread = max(1.0, radius / 3)
        y = torch.exp(-(rows * rows + cols * cols) / (2 * spread * spread)).flatten()
        near = y > 0.5
        v = torch.where(near, 0.5 / near.sum(), 0.5 / max(int((~near).sum()), 1)).double()
        w = unit(self.wanted)
        for _ in range(steps):                              # steepest descent, each step as long as the quadratic asks
            g = x.T @ (v * (x @ w - y)) + REGULARISATION * w
            curvature = (v * (x @ g).square()).sum() + REGULARISATION * (g @ g)
            if curvature <= 0:
                break
            w = w - (g @ g) / curvature * g
        self.weights, self.peak = w, float(w @ unit(self.wanted))

    def score(self, cells, share):
        a, b = cells.double(), self.wanted.double()
        size = a.abs().sum(-1) + b.abs().sum()
        likeness = torch.where(size > 0, 1 - (a - b).abs().sum(-1) / size, torch.ones_like(size))
        if self.peak <= 0:
            return likeness
        return share * (unit(cells) @ self.weights) / self.peak + (1 - share) * likeness


class Tracker:
    """In place of O.track."""

    def __init__(self, settings, radius):
        self.s, self.radius, self.filters = settings, radius, None

    def begin(self, feat0, handles):
        self.filters = [Filter(feat0, h, self.radius, self.s.stabledrag_filter_steps) for h in handles]
        self.confidences = [1.0] * len(handles)

    def track(self, feat, handles):
        new, gaps = [], []
        for i, (f, h) in enumerate(zip(self.filters, handles)):
            cells, r, c = window(feat, h, self.radius)
            score = f.score(cells, self.s.stabledrag_filter_share).flatten()
            best = int(score.argmax())
            others = score[score < score[best]]
            self.confidences[i] = float(score[best])
            gaps.append(float((score[best] - others.max()) / score[best]) if len(others) else None)
            new.append((r + best // cells.shape[1], c + best % cells.shape[1]))
        return new, gaps

    def templates(self):
        return ["start" if c < self.s.stabledrag_confidence else "current" for c in self.confidences]


def drag(*inputs):
    return O.drag_loop(*inputs, tracker=Tracker(inputs[7], inputs[7].radii(inputs[6])[1]))
