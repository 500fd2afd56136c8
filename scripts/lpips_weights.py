#!/usr/bin/env python3
"""Writes the weights of LPIPS (AlexNet, version 0.1) as safetensors, for `clipdragd models import FILE --as lpips`.

    pip install torch torchvision lpips safetensors
    lpips_weights.py OUT.safetensors

torchvision fetches AlexNet's weights from pytorch.org; the linear heads come with the package lpips.
"""
import sys

import lpips
from safetensors.torch import save_file

if len(sys.argv) != 2:
    sys.exit(__doc__)
state = lpips.LPIPS(net="alex", version="0.1", verbose=False).state_dict()
wanted = {k: x.float().contiguous().clone() for k, x in state.items() if k.startswith(("net.slice", "lin")) and not k.startswith("lins")}
save_file(wanted, sys.argv[1], metadata={"format": "pt"})
print(f"{sys.argv[1]}: {len(wanted)} tensors")
