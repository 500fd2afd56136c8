"""GoodDrag (docs/methods/gooddrag.md): at each of the first timesteps some drag steps on the edit, then one denoising step of edit and
source. Motion supervision and tracking compare with the source's features at the same timestep, around the handles' starts."""
import torch

import oracle as O

PUBLISHED = dict(fusion="drag", inversion_strength=0.75, max_steps=210, gooddrag_timesteps=7, gooddrag_trackings=10,
                 gooddrag_motion_steps=3, gooddrag_patience=5, latent_lr=0.02, r1=None, r2=None, reach=2.0, tracking="nearest",
                 step_length="capped", feature_block=3,
                 mask_term="previous", mask_weight=0.1, lora=dict(steps=70, batch=4))


def drag(models, z_start, emb, clip_target, handles, targets, grid, s, mask=None, keep=None, source=None, described=None):
    r1, r2 = s.radii(grid)
    loop = O.Updates(models, emb, clip_target, grid, s, mask, keep, source, described)
    starts, handles = list(handles), list(handles)
    reference, edit = z_start, z_start.detach().clone()
    trace, outcome, still, denoised = [], None, 0, 0
    for t in O.sampled_timesteps(models, s)[:s.gooddrag_timesteps]:
        if outcome:
            break
        with torch.no_grad():                               # the source's own pass
            original = loop.forward(reference, t)
        if denoised == 0 and keep is not None:
            keep["features.initial"] = original.features
        look = lambda feat: O.track(feat.detach(), original.features, handles, starts, targets, r2, s.tracking,
                                    s.tracking_template, s.tracking_norm)
        edit.requires_grad_(True)
        adam = loop.adam(edit)                              # another latent, another Adam
        for n in range(s.gooddrag_trackings * s.gooddrag_motion_steps):
            if len(trace) >= s.max_steps:
                outcome = "max_steps"
                break
            now, gaps = loop.forward(edit, t), None
            if n == 0 and denoised > 0:                     # at the very start every handle is where it is
                handles, gaps = look(now.features)
            row = O.iteration(len(trace), handles, targets, gaps)
            loop.remember(row, edit)
            if handles and all(d < s.reach for d in row["distances"]):
                outcome = "reached"
            elif handles and still >= s.gooddrag_patience:
                outcome = "stalled"
            if outcome:
                trace.append(dict(row, stopped=True))
                break
            loss = O.motion_loss(now.features, original.features, handles, starts, targets, s, r1,
                                 ["start"] * len(handles), factor=(2 * r1) ** 2, reduction="mean")
            loop.update(adam, edit, now, loss, row, held=(reference, original.previous))
            trace.append(row)
            if (n + 1) % s.gooddrag_motion_steps == 0:               # in the features before this last update
                before = handles
                handles, row["tracking_gap_after"] = look(now.features)
                still = still + 1 if handles == before else 0
        edit = edit.detach()
        with torch.no_grad():
            edit, reference = loop.forward(edit, t).previous, original.previous
        denoised += 1
    more = dict(outcome=outcome or "max_steps", timestep=O.drag_timestep(models, s), radii=[r1, r2])
    return O.Edited(edit, reference, denoised), O.trace_of(trace, handles, starts, targets, grid, **more)
