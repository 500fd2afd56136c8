#!/usr/bin/env python3
"""Model files as the libraries save them today, through `models import` and `edit`, beside the PyTorch reference (make test-oracle).

Pipelines: tiny and random, made by diffusers and transformers: shards, fp16 variants, several schedulers, SD 2.x's prediction and padding.
Text states, the VAE's latent, the U-Net's inversion and the decoded picture are compared within the usual bound.
LoRAs:     the files of Tests/Fixtures/model_files, loaded and fused by diffusers in the reference, by `edit --lora` here.
"""
import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(ROOT, "oracle"))
import diffusers  # noqa: E402
import make_model_files as M  # noqa: E402
import oracle as O  # noqa: E402
import torch  # noqa: E402
from diffusers import AutoencoderKL, StableDiffusionPipeline, UNet2DConditionModel  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import CLIPConfig, CLIPModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer  # noqa: E402

BINARY = os.environ.get("CLIPDRAGD_BINARY", os.path.join(ROOT, ".build/release/clipdragd"))
FIXTURES = os.path.join(ROOT, "Tests/Fixtures")
JOB = f"{FIXTURES}/starter/jobs/paper"
BOUNDS = (("text.states", 1e-4), ("latent.encoded", 3e-4), ("latent.inverted", 3e-4), ("latent.dragged", 3e-4), ("image.decoded", 3e-3))


def run(*arguments):
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)}: {done.stderr}")
    return done.stdout


def job():
    with open(f"{JOB}/job.json") as f:
        spec = json.load(f)
    spec["settings"] = dict(spec["settings"], max_steps=1, lora=dict(steps=0))
    return spec


def ours(folder, state, model, *more):
    spec, trace = f"{folder}/job.json", f"{folder}/trace.safetensors"
    with open(spec, "w") as f:
        json.dump(dict(job(), prompt=dict(source="a <cattu> cat", edit="an open mouth")), f)
    run("edit", f"{JOB}/image.png", spec, "--model", model, "--state", state, "--out", f"{folder}/out-{os.path.basename(model)}",
        "--trace", trace, *more)
    return load_file(trace)


def theirs(models):
    image = O.read_image(f"{JOB}/image.png")
    spec = dict(job(), prompt=dict(source="a <cattu> cat", edit="an open mouth"))
    return O.edit(models, image, spec, None, O.read_mask(spec, JOB))[2]


def compare(check, name, a, b):
    for key, bound in BOUNDS:
        check(f"{name}: {key}", float((a[key] - b[key]).norm() / b[key].norm()), bound)


def pipeline(seed, scheduler, second=False, **unet):
    """A random Stable Diffusion with the starter's vocabulary and a token more."""
    torch.manual_seed(seed)
    tokenizer = CLIPTokenizer.from_pretrained(f"{FIXTURES}/starter/model/tokenizer", **(dict(pad_token="!") if second else {}))
    tokenizer.add_tokens(["<cattu>"])
    size = len(tokenizer)
    ids = dict(bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id)
    text = dict(vocab_size=size, hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4,
                hidden_act="gelu" if second else "quick_gelu", projection_dim=24, **ids)
    network = UNet2DConditionModel(
        sample_size=16, block_out_channels=(16, 24, 32), layers_per_block=1, norm_num_groups=8, cross_attention_dim=32,
        attention_head_dim=(2, 3, 4) if second else 2, use_linear_projection=second,
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"), **unet)
    vae = AutoencoderKL(block_out_channels=(8, 16, 16), down_block_types=("DownEncoderBlock2D",) * 3,
                        up_block_types=("UpDecoderBlock2D",) * 3,
                        norm_num_groups=8, sample_size=64, scaling_factor=0.3)
    whole = StableDiffusionPipeline(
        vae=vae, text_encoder=CLIPTextModel(CLIPTextConfig(**text)), tokenizer=tokenizer, unet=network, scheduler=scheduler,
        safety_checker=None, feature_extractor=None, requires_safety_checker=False)
    vision = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=4, image_size=32, patch_size=8)
    return whole, CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24))


PIPELINES = {
    "DPM++ as diffusers writes it": (lambda: pipeline(1, diffusers.DPMSolverMultistepScheduler(**M.STABLE, use_karras_sigmas=True)), {}),
    "shards, UniPC": (lambda: pipeline(2, diffusers.UniPCMultistepScheduler(**M.STABLE)), dict(max_shard_size="60KB")),
    "2.x, v-prediction, Euler": (lambda: pipeline(3, diffusers.EulerDiscreteScheduler(**M.STABLE, prediction_type="v_prediction"),
                                                  second=True), {}),
    "fp16 variant, PNDM": (lambda: pipeline(4, diffusers.PNDMScheduler(**M.STABLE, skip_prk_steps=True)), dict(variant="fp16")),
}


def pipelines(check):
    for name, (make, options) in PIPELINES.items():
        with tempfile.TemporaryDirectory() as folder:
            whole, clip = make()
            if "variant" in options:
                whole, clip = whole.to(torch.float16), clip.to(torch.float16)
            whole.save_pretrained(f"{folder}/model", **options)
            clip.save_pretrained(f"{folder}/clip")
            whole.tokenizer.save_pretrained(f"{folder}/clip")
            printed = run("models", "import", f"{folder}/model", "--name", "made", "--clip", f"{folder}/clip", "--state", f"{folder}/state")
            check(f"{name}: the added token is listed", float("added: <cattu>" not in printed), 0)
            found = ours(folder, f"{folder}/state", "made")
            # The reference has one name for weights.
            plain = options.get("variant")
            if plain:
                whole.save_pretrained(f"{folder}/reference")
            reference = f"{folder}/{'reference' if plain else 'model'}"
            os.symlink(f"{folder}/clip", f"{reference}/clip")
            compare(check, name, found, theirs(O.Models(reference)))


def loras(check):
    for name in ["alpha16", "rslora", "patterns", "text", "convolutions", "locon"]:
        path = f"{FIXTURES}/model_files/lora/{name}.safetensors"
        models, loaded = O.Models(M.BASE), M.load()
        loaded.load_lora_weights(os.path.dirname(path), weight_name=os.path.basename(path))
        loaded.fuse_lora()
        loaded.unload_lora_weights()
        models.unet, models.text = loaded.unet.eval().requires_grad_(False), loaded.text_encoder.eval().requires_grad_(False)
        with tempfile.TemporaryDirectory() as folder:
            compare(check, f"LoRA {name}", ours(folder, f"{folder}/state", M.BASE, "--lora", path), theirs(models))


def main(check):
    pipelines(check)
    loras(check)
