"""FastDrag (docs/methods/fastdrag.md): one warp of the inverted latent inside the mask, then oracle.sample_with_reference."""
import math

import torch

PUBLISHED = dict(num_steps=10, inversion_strength=0.7, start_step=0, start_layer=-1, lora=dict(steps=0))


def warp(z, domain, handles, drags):
    """The warped latent, and how many cells moved and were filled.

    z: (1, C, h, w). domain: (h, w) bool. handles, drags: (row, column) of the latent, floats."""
    h, w = domain.shape
    cells = [(i, j) for i in range(h) for j in range(w) if domain[i, j]]
    rows, columns = [c[0] for c in cells], [c[1] for c in cells]
    middle = ((min(rows) + max(rows)) / 2, (min(columns) + max(columns)) / 2)
    radius = math.dist(middle, (min(rows), min(columns)))
    out = z.clone()
    for i, j in cells:
        out[0, :, i, j] = 0
    taken = set()
    for cell in cells:
        move, total = [0.0, 0.0], sum(1 / (math.dist(cell, a) + 1e-4) for a in handles)
        for a, d in zip(handles, drags):
            share = 1 / (math.dist(cell, a) + 1e-4) / total
            factor = reach(a, cell, middle, radius)
            move = [move[0] + share * factor * d[0], move[1] + share * factor * d[1]]
        to = (min(max(round(cell[0] + move[0]), 0), h - 1), min(max(round(cell[1] + move[1]), 0), w - 1))
        if to in taken:
            continue
        taken.add(to)
        out[0, :, to[0], to[1]] = z[0, :, cell[0], cell[1]]
    holes = [c for c in cells if c not in taken]
    empty = set(holes)
    for i, j in holes:                                      # row by row; a filled hole counts for those after it
        found = []
        for di, dj in ((0, -1), (0, 1), (-1, 0), (1, 0)):
            a, b, n = i + di, j + dj, 1
            while 0 <= a < h and 0 <= b < w and (a, b) in empty:
                a, b, n = a + di, b + dj, n + 1
            if 0 <= a < h and 0 <= b < w:
                found.append((out[0, :, a, b].clone(), 1 / n))
        if found:
            out[0, :, i, j] = sum(x * v for v, x in found) / sum(x for _, x in found)
            empty.discard((i, j))
    return out, len(taken), len(holes)


def reach(a, cell, middle, radius):
    """|PC| / |AP|, P where the ray from the handle a through the cell leaves the circle: where the line
    |a + s·(cell − a) − middle| = radius is met for the larger s."""
    d = (cell[0] - a[0], cell[1] - a[1])
    length = math.hypot(*d)
    if length == 0:
        return 1.0
    u = (d[0] / length, d[1] / length)
    o = (a[0] - middle[0], a[1] - middle[1])
    b = u[0] * o[0] + u[1] * o[1]
    square = b * b - (o[0] * o[0] + o[1] * o[1] - radius * radius)
    if square < 0:
        return 0.0
    ap = math.sqrt(square) - b
    return abs(ap - length) / ap if ap > 0 else 0.0
