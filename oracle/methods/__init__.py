"""The drag methods, one module each: PUBLISHED, the method's own settings (empty: the presets of oracle.py hold), and drag(…), which
takes what oracle.drag_loop takes and returns an oracle.Edited with its trace."""
from . import clipdrag, dragdiffusion, freedrag, gooddrag, stabledrag

METHODS = {m.__name__.split(".")[-1]: m for m in (clipdrag, dragdiffusion, gooddrag, freedrag, stabledrag)}
