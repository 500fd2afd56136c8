#!/usr/bin/env python3
"""Model files as people have them, made by the libraries themselves, and what the libraries compute from them.

    python make_model_files.py --out Tests/Fixtures/model_files

Needs diffusers, transformers and peft (the versions of the Makefile). The base is Tests/Fixtures/starter/model; seeds are inside.

    tokens.json        files laid over the base's tokenizer, prompts, and the ids that transformers' CLIPTokenizer gives
    saved5/            the base's tokenizer as transformers 5 saves it, with two tokens added
    schedules.json     every scheduler's own configuration as it saves it, and its ᾱ
    lora/*             LoRAs of peft, diffusers and kohya, the scale written in every place
    lora.safetensors   NAME.unet, NAME.text: what the U-Net (the inputs of modules.safetensors) and the text encoder ("a cat") give
                       once diffusers has loaded NAME
"""
import argparse
import json
import os
import shutil
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"
import diffusers  # noqa: E402
import torch  # noqa: E402
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel  # noqa: E402
from diffusers.training_utils import _collate_lora_metadata  # noqa: E402
from diffusers.utils import convert_state_dict_to_diffusers  # noqa: E402
from peft import LoraConfig, get_peft_model  # noqa: E402
from peft.utils import get_peft_model_state_dict  # noqa: E402
from safetensors.torch import load_file, save_file  # noqa: E402
from transformers import CLIPTextModel, CLIPTokenizer  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BASE = f"{ROOT}/Tests/Fixtures/starter/model"
PROMPTS = ["a cat", "A <cattu> b", "a<cattu>b, <CATTU>", "<Cattu>x <cattu><cattu>", "a <|ENDOFTEXT|> b!", "it's 12 cats!!  x",
           "a \u0301b", "x\r\ny\u00a0z", "\u0130stanbul \u03a3\u0391\u03a3", "Caf\u00e9 cafe\u0301 <cattu>s s<cattu>"]


def tokenizers():
    token = dict(content="<cattu>", lstrip=False, normalized=False, rstrip=False, single_word=False, special=False)
    yield "plain", {}
    yield "added_tokens.json", {"added_tokens.json": {"<cattu>": 574}}
    yield "capitals", {"added_tokens.json": {"<Cattu>": 574}}
    yield "two, one the beginning of the other", {"added_tokens.json": {"<cattu>": 574, "<cat": 575}}
    yield "decoder", {"tokenizer_config.json": {"added_tokens_decoder": {"574": token}}}
    yield "decoder, a whole word", {"tokenizer_config.json": {"added_tokens_decoder": {
        "574": dict(token, content="<Cattu>", normalized=True, single_word=True)}}}
    yield "special by name", {"special_tokens_map.json": {"additional_special_tokens": ["<cattu>"]}}
    yield "special", {"added_tokens.json": {"<cattu>": 574}, "special_tokens_map.json": {"additional_special_tokens": ["<cattu>"]}}
    yield "padded with an exclamation mark", {"tokenizer_config.json": {"pad_token": "!"}, "special_tokens_map.json": {"pad_token": "!"}}
    yield "normalised, a part of words", {"tokenizer_config.json": {"added_tokens_decoder": {
        "574": dict(token, content="cats", normalized=True)}}}


def write_tokens(out):
    rows = []
    for name, files in tokenizers():
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(f"{BASE}/tokenizer", folder, dirs_exist_ok=True)
            for file, fields in files.items():
                path = f"{folder}/{file}"
                known = json.load(open(path)) if os.path.exists(path) else {}
                json.dump(dict(known, **fields), open(path, "w"))
            ids = CLIPTokenizer.from_pretrained(folder)(PROMPTS, padding="max_length", truncation=True).input_ids
            rows.append(dict(name=name, files=files, ids=ids))
    json.dump(dict(prompts=PROMPTS, tokenizers=rows), open(f"{out}/tokens.json", "w"), separators=(",", ":"))
    tokenizer = CLIPTokenizer.from_pretrained(f"{BASE}/tokenizer")
    tokenizer.add_tokens(["<cattu>"])
    tokenizer.add_special_tokens({"additional_special_tokens": ["<style>"]})
    tokenizer.save_pretrained(f"{out}/saved5")
    assert sorted(os.listdir(f"{out}/saved5")) == ["tokenizer.json", "tokenizer_config.json"]
    ids = tokenizer(PROMPTS + ["a <style>cat"], padding="max_length", truncation=True).input_ids
    json.dump(dict(prompts=PROMPTS + ["a <style>cat"], ids=ids), open(f"{out}/saved5.json", "w"), separators=(",", ":"))


SCHEDULERS = ["DDIMScheduler", "DDIMParallelScheduler", "DDIMInverseScheduler", "DDPMScheduler", "DDPMParallelScheduler", "PNDMScheduler",
              "LMSDiscreteScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler", "HeunDiscreteScheduler",
              "DPMSolverMultistepScheduler", "DPMSolverMultistepInverseScheduler", "DPMSolverSinglestepScheduler",
              "DEISMultistepScheduler", "UniPCMultistepScheduler", "SASolverScheduler", "KDPM2DiscreteScheduler",
              "KDPM2AncestralDiscreteScheduler", "LCMScheduler", "TCDScheduler"]
STABLE = dict(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
PLACES = [0, 1, 10, 100, 500, 900, 998, 999]


def write_schedules(out):
    rows = []

    def add(scheduler, name):
        with tempfile.TemporaryDirectory() as folder:
            scheduler.save_pretrained(folder)
            text = open(f"{folder}/scheduler_config.json").read()
        # Euler and others put 2^-24 for the 0 at the end of zero terminal SNR; DDIM, by which this program samples, does not.
        rescaled = getattr(scheduler.config, "rescale_betas_zero_snr", False)
        bars = (DDIMScheduler.from_config(scheduler.config) if rescaled else scheduler).alphas_cumprod
        rows.append(dict(name=name, config=text, alpha_bar=[float(bars[i]) for i in PLACES],
                         final=float(getattr(scheduler, "final_alpha_cumprod", 1.0)), prediction=scheduler.config.prediction_type))

    for name in SCHEDULERS:
        kind = getattr(diffusers, name)
        add(kind(), f"{name}, its own defaults")
        add(kind.from_config(STABLE), f"{name}, Stable Diffusion's betas")
    for name in ["DDIMScheduler", "DDPMScheduler", "EulerDiscreteScheduler", "EulerAncestralDiscreteScheduler",
                 "DPMSolverMultistepScheduler",
                 "UniPCMultistepScheduler", "LCMScheduler", "TCDScheduler"]:
        add(getattr(diffusers, name)(**STABLE, rescale_betas_zero_snr=True, prediction_type="v_prediction"), f"{name}, zero terminal SNR")
    json.dump(dict(places=PLACES, schedules=rows), open(f"{out}/schedules.json", "w"), separators=(",", ":"))


def load(base=BASE):
    unet = UNet2DConditionModel.from_pretrained(f"{base}/unet", torch_dtype=torch.float32)
    text = CLIPTextModel.from_pretrained(f"{base}/text_encoder", torch_dtype=torch.float32)
    return StableDiffusionPipeline(
        vae=AutoencoderKL.from_pretrained(f"{base}/vae"), text_encoder=text, tokenizer=CLIPTokenizer.from_pretrained(f"{base}/tokenizer"),
        unet=unet, scheduler=DDIMScheduler.from_pretrained(f"{base}/scheduler"), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False)


def randomised(module, seed):
    """Factors as training leaves them: none is zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, value in sorted(module.named_parameters()):
        if "lora_" in name:
            with torch.no_grad():
                value.copy_(0.1 * torch.randn(value.shape, generator=generator))


Q = r".*(mid_block|up_blocks\.1).*attn1\.to_q"
LORAS = {
    "alpha16": dict(r=2, lora_alpha=16, target_modules=Q),
    "rslora": dict(r=4, lora_alpha=3, use_rslora=True, target_modules=Q),
    "patterns": dict(r=2, lora_alpha=2, target_modules=r".*mid_block.*attn[12]\.to_(q|k)", rank_pattern={"attn2.to_k": 4},
                     alpha_pattern={"attn2.to_k": 1, "to_k": 6, r"mid_block\..*attn1\.to_q": 8}),
    "convolutions": dict(r=2, lora_alpha=4,
                         target_modules=r"(.*resnets\.0\.(conv1|time_emb_proj|conv_shortcut)|.*samplers\.0\.conv|conv_in)"),
}


def outputs(pipeline, inputs):
    with torch.no_grad():
        noise = pipeline.unet(inputs["unet.0.latent"], inputs["unet.0.timestep"], inputs["unet.0.text"]).sample
        ids = pipeline.tokenizer(["a cat"], padding="max_length", truncation=True, return_tensors="pt").input_ids
        return noise, pipeline.text_encoder(ids)[0]


def write_loras(out):
    inputs = load_file(f"{ROOT}/Tests/Fixtures/starter/modules.safetensors")
    os.makedirs(f"{out}/lora")
    results = {}
    plain = outputs(load(), inputs)

    def record(name, file, text=False):
        pipeline = load()
        pipeline.load_lora_weights(os.path.dirname(file), weight_name=os.path.basename(file))
        found = outputs(pipeline, inputs)
        assert float((found[0] - plain[0]).abs().max()) > 1e-3 or text
        results[f"{name}.unet"], results[f"{name}.text"] = found[0], found[1]
        assert text == bool(float((found[1] - plain[1]).abs().max()) > 1e-3)

    for seed, (name, fields) in enumerate(LORAS.items()):
        pipeline = load()
        pipeline.unet.add_adapter(LoraConfig(**fields))
        randomised(pipeline.unet, seed)
        state = convert_state_dict_to_diffusers(get_peft_model_state_dict(pipeline.unet))
        StableDiffusionPipeline.save_lora_weights(f"{out}/lora", unet_lora_layers=state, weight_name=f"{name}.safetensors",
                                                  **_collate_lora_metadata({"unet": pipeline.unet}))
        record(name, f"{out}/lora/{name}.safetensors")

    # The text encoder's too, each with a scale of its own.
    pipeline = load()
    pipeline.unet.add_adapter(LoraConfig(r=2, lora_alpha=8, target_modules=Q))
    pipeline.text_encoder.add_adapter(LoraConfig(r=2, lora_alpha=6, target_modules=["q_proj", "fc1"]))
    randomised(pipeline.unet, 11)
    randomised(pipeline.text_encoder, 12)
    StableDiffusionPipeline.save_lora_weights(
        f"{out}/lora", unet_lora_layers=convert_state_dict_to_diffusers(get_peft_model_state_dict(pipeline.unet)),
        text_encoder_lora_layers=convert_state_dict_to_diffusers(get_peft_model_state_dict(pipeline.text_encoder)),
        weight_name="text.safetensors", **_collate_lora_metadata({"unet": pipeline.unet, "text_encoder": pipeline.text_encoder}))
    record("text", f"{out}/lora/text.safetensors", text=True)

    # peft alone: a folder with adapter_config.json.
    model = get_peft_model(load().unet, LoraConfig(r=2, lora_alpha=5, target_modules=Q))
    randomised(model, 21)
    model.save_pretrained(f"{out}/lora/peft")
    os.remove(f"{out}/lora/peft/README.md")
    with torch.no_grad():
        results["peft.unet"] = model(inputs["unet.0.latent"], inputs["unet.0.timestep"], inputs["unet.0.text"]).sample

    # kohya: alphas beside the factors, convolutions by LyCORIS' LoCon, diffusers' names and the original ones.
    unet = load().unet
    generator = torch.Generator().manual_seed(31)
    state = {}

    def kohya(key, down, up, rank, alpha):
        state[f"{key}.lora_down.weight"] = 0.1 * torch.randn(rank, *down, generator=generator)
        state[f"{key}.lora_up.weight"] = 0.1 * torch.randn(up, rank, *([1] * (len(down) - 1)), generator=generator)
        state[f"{key}.alpha"] = torch.tensor(float(alpha))

    modules = dict(unet.named_modules())
    for name, alpha in [("down_blocks.0.resnets.0.conv1", 1), ("down_blocks.0.resnets.0.time_emb_proj", 3),
                        ("down_blocks.1.resnets.0.conv_shortcut", 2),
                        ("down_blocks.0.downsamplers.0.conv", 2), ("up_blocks.0.upsamplers.0.conv", 4),
                        ("mid_block.attentions.0.proj_in", 1), ("mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj", 2)]:
        weight = modules[name].weight
        kohya("lora_unet_" + name.replace(".", "_"), tuple(weight.shape[1:]), weight.shape[0], 2, alpha)
    save_file(state, f"{out}/lora/locon.safetensors", metadata={"ss_network_module": "lycoris.kohya", "format": "pt"})
    record("locon", f"{out}/lora/locon.safetensors")

    # With a core between the factors (CP decomposition), which diffusers does not read: joined by hand.
    name = "down_blocks.0.resnets.0.conv2"
    weight = modules[name].weight
    down = 0.3 * torch.randn(3, weight.shape[1], 1, 1, generator=generator)
    up = 0.3 * torch.randn(weight.shape[0], 3, 1, 1, generator=generator)
    core = 0.3 * torch.randn(3, 3, 3, 3, generator=generator)
    key = "lora_unet_" + name.replace(".", "_")
    save_file({f"{key}.lora_down.weight": down, f"{key}.lora_up.weight": up, f"{key}.lora_mid.weight": core,
               f"{key}.alpha": torch.tensor(6.0)},
              f"{out}/lora/core.safetensors")
    with torch.no_grad():
        weight += 2 * torch.einsum("or,rjhw,ji->oihw", up[:, :, 0, 0], core, down[:, :, 0, 0])
        results["core.unet"] = unet(inputs["unet.0.latent"], inputs["unet.0.timestep"], inputs["unet.0.text"]).sample
    save_file({k: v.contiguous() for k, v in results.items()}, f"{out}/lora.safetensors")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=f"{ROOT}/Tests/Fixtures/model_files")
    out = parser.parse_args().out
    shutil.rmtree(out, ignore_errors=True)
    os.makedirs(out)
    torch.set_num_threads(1)
    write_tokens(out)
    write_schedules(out)
    write_loras(out)


if __name__ == "__main__":
    main()
