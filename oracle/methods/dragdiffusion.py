"""DragDiffusion (docs/methods/dragdiffusion.md): the loop of oracle.py. What lies one step ahead of a handle is to look like what lies
there now, tracking admits every cell, and no text takes part unless `fusion` says so."""
import oracle as O

PUBLISHED = dict(fusion="drag", max_steps=80, latent_lr=0.01, r1=1, r2=3, reach=2.0, motion_template="current", tracking="nearest",
                 step_length="unit", feature_block=3, mask_term="previous", mask_weight=0.1, lora=dict(steps=80, batch=4))


def drag(*inputs):
    return O.drag_loop(*inputs)
