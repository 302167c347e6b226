"""Writes test/golden/features.safetensors and resample.safetensors: CLIP's and DINO's features by transformers of
photographs of google/dreambooth, preprocessed by torchvision's rules with Pillow, and metrics by numpy.

    python oracle/features.py ../shared/dreambooth/dataset

Networks have the true shapes and weights made by a formula that the test repeats, so that none need be kept.
"""
import math
import sys
import tempfile
from pathlib import Path
import numpy as np
import torch
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import save_file
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer, Dinov2Config, Dinov2Model, ViTConfig, ViTModel

folder = Path(sys.argv[1])
photographs = ["dog/00.jpg", "backpack/02.jpg", "teapot/01.jpg"]
prompts = ["a dog in the jungle", "a purple backpack", "a teapot with the Eiffel Tower in the background"]


def seed(model):
    """Tensors in order of their names on disk; element i of tensor n is MurmurHash3's finalizer of i + n·2654435761,
    spread over [-√3, √3) and divided by sqrt(fan-in), in float32; norms' weights are near one, vectors and embeddings small."""
    with tempfile.TemporaryDirectory() as place:
        model.save_pretrained(place)
        file = f"{place}/model.safetensors"
        with safe_open(file, "np") as opened:
            shapes = {name: opened.get_slice(name).get_shape() for name in sorted(opened.keys())}
        tensors = {}
        for n, (name, shape) in enumerate(shapes.items()):
            count = math.prod(shape)
            x = (np.arange(count, dtype=np.uint64) + np.uint64(n * 2654435761)).astype(np.uint32)
            for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35)]:
                x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
            spread = ((x ^ (x >> np.uint32(16))) / 2.0**32 - 0.5) * math.sqrt(12)
            if ("norm" in name and name.endswith("weight")) or "lambda1" in name:
                values = 1 + 0.1 * spread
            elif len(shape) < 2 or "token" in name or "position" in name:
                values = 0.1 * spread
            else:
                values = spread / math.sqrt(count / shape[0])
            tensors[name] = values.astype(np.float32).reshape(shape)
        save_file(tensors, file, {"format": "pt"})
        return type(model).from_pretrained(place).float().eval()


def checksum(crop):
    return np.float32([int((crop.astype(np.int64).reshape(-1) * (np.arange(crop.size) % 251)).sum() % 65521)])


def prepared(picture, short, mean, std):
    w, h = picture.size
    long = int(short * max(w, h) / min(w, h))
    size = (short, long) if w <= h else (long, short)
    resized = picture.resize(size, Image.BICUBIC)
    left, top = int(round((size[0] - 224) / 2.0)), int(round((size[1] - 224) / 2.0))
    crop = resized.crop((left, top, left + 224, top + 224))
    x = np.asarray(crop, dtype=np.float32) / 255
    x = (x - np.float32(mean)) / np.float32(std)
    return np.ascontiguousarray(x.transpose(2, 0, 1)), np.asarray(crop)


clip_colours = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
imagenet = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
pictures = [Image.open(folder / name).convert("RGB") for name in photographs]
out = {}

# Pillow's bicubic on a small picture with sharp edges, up, down and oddly.
rng = np.random.default_rng(6)
small = rng.integers(0, 256, (37, 53, 3), dtype=np.uint8)
small[5:20, 10:30] = 255
small[22:, :9] = 0
resample = {"source": small}
for w, h in [(24, 24), (53, 11), (20, 37), (80, 64), (7, 5), (52, 36)]:
    resample[f"to {w}x{h}"] = np.asarray(Image.fromarray(small).resize((w, h), Image.BICUBIC))
save_file(resample, "test/golden/resample.safetensors")

clip = seed(CLIPModel(CLIPConfig(projection_dim=512, text_config={"eos_token_id": 2}, vision_config={})))
dino = seed(ViTModel(ViTConfig(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, intermediate_size=1536, patch_size=16, image_size=224), add_pooling_layer=False))
dinov2 = seed(Dinov2Model(Dinov2Config(hidden_size=384, num_hidden_layers=12, num_attention_heads=6, patch_size=14, image_size=518)))
bpe = folder / "../../clip-bpe"
tokenizer = CLIPTokenizer(vocab=str(bpe / "vocab.json"), merges=str(bpe / "merges.txt"))


def feature(value):
    return value if isinstance(value, torch.Tensor) else value.pooler_output


with torch.no_grad():
    for k, picture in enumerate(pictures):
        x, crop = prepared(picture, 224, *clip_colours)
        y, crop2 = prepared(picture, 256, *imagenet)
        out[f"clip.sum.{k}"] = checksum(crop)
        out[f"dino.sum.{k}"] = checksum(crop2)
        out[f"clip.image.{k}"] = feature(clip.get_image_features(pixel_values=torch.from_numpy(x)[None]))[0].numpy()
        for name, model in [("dino", dino), ("dinov2", dinov2)]:
            out[f"{name}.{k}"] = model(pixel_values=torch.from_numpy(y)[None]).last_hidden_state[0, 0].numpy()
    print([len(tokenizer(p).input_ids) for p in prompts])
    ids = tokenizer(prompts, padding="max_length", max_length=77, return_tensors="pt").input_ids
    texts = feature(clip.get_text_features(input_ids=ids)).numpy()
    for k, text in enumerate(texts):
        out[f"clip.text.{k}"] = text

unit = lambda rows: np.stack(rows) / np.linalg.norm(np.stack(rows), axis=1, keepdims=True)
images, texts = unit([out[f"clip.image.{k}"] for k in range(3)]), unit(list(texts))
identities = unit([out[f"dino.{k}"] for k in range(3)])
# Pictures 1 and 2 against reference 0, and each against its own prompt.
out["metric.clipT"] = np.float32([(images[1:] * texts[1:]).sum(1).mean()])
out["metric.clipI"] = np.float32([(images[1:] @ images[:1].T).mean()])
out["metric.dino"] = np.float32([(identities[1:] @ identities[:1].T).mean()])
save_file({k: np.ascontiguousarray(v) for k, v in out.items()}, "test/golden/features.safetensors", {"photographs": "\n".join(photographs), "prompts": "\n".join(prompts)})
for name in sorted(out):
    print(name, out[name].shape, out[name].reshape(-1)[:3])
