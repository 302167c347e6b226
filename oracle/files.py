"""Small models in the files that diffusers, transformers and PyTorch write; and ours, opened by diffusers.

    python oracle/files.py make DIR     # .bin, shards, fp16 variants, a .ckpt of two models
    npx tsx oracle/files.ts DIR         # Contextura loads each and writes what came as a .ckpt as a folder
    python oracle/files.py open DIR     # diffusers loads those folders, and the single file
"""
import json
import sys
from pathlib import Path

import torch
from checkpoints import PREDICTION, SMALL, as_ldm, models, state_of, weights_of
from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors.torch import save_file

PARTS = {"text": "text_encoder", "unet": "unet", "vae": "vae"}
KINDS = {"bin": {"safe_serialization": False}, "shards": {"max_shard_size": "150KB"}, "fp16": {"variant": "fp16"}}


def make(root, version):
    parts = models(SMALL[version])
    states = {part: {name: weights_of(name, tuple(value.shape)) for name, value in state_of(part, model).items()} for part, model in parts.items()}
    for part, model in parts.items():
        own = model.state_dict()
        for name, value in states[part].items():
            own[name if name in own else name.removeprefix("text_model.")].copy_(value)
    single = as_ldm(version, states)
    # A class as the key of a dictionary, as pytorch-lightning leaves one.
    torch.save({"epoch": 1, "callbacks": {AutoencoderKL: {"best": 1}}, "state_dict": single}, root / f"single{version}.ckpt")
    save_file({name: value.contiguous() for name, value in single.items()}, root / f"single{version}.safetensors")
    for kind, options in KINDS.items():
        folder = root / f"{kind}{version}"
        for part, name in PARTS.items():
            model = parts[part].half() if kind == "fp16" else parts[part]
            model.save_pretrained(folder / name, **({} if part == "text" and kind == "bin" else options))
            model.float()
        DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=PREDICTION[version]).save_pretrained(
            folder / "scheduler"
        )
        (folder / "tokenizer").mkdir()
        words = ["!", *(f"w{i}</w>" for i in range(997)), "<|startoftext|>", "<|endoftext|>"]
        (folder / "tokenizer/vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
        (folder / "tokenizer/merges.txt").write_text("#version: 0.2\n")
        (folder / "model_index.json").write_text(json.dumps({"_class_name": "StableDiffusionPipeline"}))


def difference(part, model):
    return max((weights_of(name, tuple(value.shape)) - value).abs().max().item() for name, value in state_of(part, model).items())


def reopen(root, version):
    folder = root / f"ours{version}"
    pipeline = StableDiffusionPipeline.from_pretrained(folder)
    found = {"text": pipeline.text_encoder, "unet": pipeline.unet, "vae": pipeline.vae}
    print(version, pipeline.tokenizer.pad_token, pipeline.scheduler.config.prediction_type)
    print("  our folder", {part: difference(part, model) for part, model in found.items()})
    for cls, part in ((UNet2DConditionModel, "unet"), (AutoencoderKL, "vae")):
        model = cls.from_single_file(str(root / f"single{version}.safetensors"), config=str(folder), subfolder=part)
        print("  from_single_file", part, difference(part, model))


if __name__ == "__main__":
    root = Path(sys.argv[2])
    root.mkdir(exist_ok=True)
    for version in (1, 2):
        (make if sys.argv[1] == "make" else reopen)(root, version)
