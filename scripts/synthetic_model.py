#!/usr/bin/env python3
"""Writes a model folder in Stable Diffusion 1.5's shapes with random weights stored as f16: for measuring memory and time.

    synthetic_model.py FOLDER TOKENIZERS      TOKENIZERS: a model folder whose tokenizers and schedule are copied
"""
import shutil
import sys
from pathlib import Path

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel

folder, base = Path(sys.argv[1]), Path(sys.argv[2])
torch.manual_seed(0)
text = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, hidden_act="quick_gelu")
vision = dict(text, patch_size=16, image_size=224)
clip_text = dict(text, hidden_size=512, intermediate_size=2048, num_attention_heads=8)
networks = {
    "unet": UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8),
    "vae": AutoencoderKL(latent_channels=4, sample_size=512, layers_per_block=2, block_out_channels=(128, 256, 512, 512),
                         down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4),
    "text_encoder": CLIPTextModel(CLIPTextConfig(**text)),
    "clip": CLIPModel(CLIPConfig(text_config=clip_text, vision_config=vision, projection_dim=512)),
}
for name, network in networks.items():
    network.half().save_pretrained(folder / name)
for name in ("tokenizer", "scheduler"):
    shutil.copytree(base / name, folder / name, dirs_exist_ok=True)
for file in (base / "clip").iterdir():
    if "tokenizer" in file.name or file.name in ("vocab.json", "merges.txt", "preprocessor_config.json", "special_tokens_map.json"):
        shutil.copy(file, folder / "clip")
shutil.copy(base / "model_index.json", folder)
