"""CLIPDrag: docs/algorithm.md section 3."""
import oracle as O

PUBLISHED = {}


def drag(*inputs):
    return O.drag_loop(*inputs)
