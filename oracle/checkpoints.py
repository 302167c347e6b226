"""Writes test/golden/sd{1,2}.safetensors and sd{1,2}-names.json.gz: small models of the shape of Stable Diffusion 1 and 2.

    python oracle/checkpoints.py

The models are diffusers' and transformers' own. Their weights are a function of each tensor's name (`weights_of`, and
`formulaWeights` in test/models/formula.ts), so that they need not be committed. The names are those of the real
models, in diffusers' layout and in latent-diffusion's; the way from one to the other is written here and held against
diffusers' own converters, which go the other way.
"""
import gzip
import json
import math
import re

import numpy as np
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.loaders import single_file_utils as converters
from safetensors.torch import save_file
from transformers import CLIPTextConfig, CLIPTextModel

CROSS, CROSS_UP = "CrossAttnDownBlock2D", "CrossAttnUpBlock2D"
TOPOLOGY = {
    "layers_per_block": 2,
    "down_block_types": [CROSS, CROSS, CROSS, "DownBlock2D"],
    "up_block_types": ["UpBlock2D", CROSS_UP, CROSS_UP, CROSS_UP],
}
VAE_TOPOLOGY = {"layers_per_block": 2, "down_block_types": ["DownEncoderBlock2D"] * 4, "up_block_types": ["UpDecoderBlock2D"] * 4}
REAL = {
    1: {
        "text": dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, vocab_size=49408),
        "unet": dict(block_out_channels=[320, 640, 1280, 1280], cross_attention_dim=768, attention_head_dim=8),
        "vae": dict(block_out_channels=[128, 256, 512, 512]),
    },
    2: {
        "text": dict(hidden_size=1024, intermediate_size=4096, num_hidden_layers=23, num_attention_heads=16, vocab_size=49408, hidden_act="gelu"),
        "unet": dict(
            block_out_channels=[320, 640, 1280, 1280],
            cross_attention_dim=1024,
            attention_head_dim=[5, 10, 20, 20],
            use_linear_projection=True,
        ),
        "vae": dict(block_out_channels=[128, 256, 512, 512]),
    },
}
SMALL = {
    1: {
        "text": dict(hidden_size=32, intermediate_size=128, num_hidden_layers=3, num_attention_heads=4, vocab_size=1000, hidden_act="quick_gelu"),
        "unet": dict(block_out_channels=[16, 32, 64, 64], cross_attention_dim=32, attention_head_dim=8, norm_num_groups=8),
        "vae": dict(block_out_channels=[8, 16, 32, 32], norm_num_groups=4),
    },
    2: {
        "text": dict(hidden_size=48, intermediate_size=192, num_hidden_layers=5, num_attention_heads=4, vocab_size=1000, hidden_act="gelu"),
        "unet": dict(
            block_out_channels=[16, 32, 64, 64],
            cross_attention_dim=48,
            attention_head_dim=[2, 4, 8, 8],
            use_linear_projection=True,
            norm_num_groups=8,
        ),
        "vae": dict(block_out_channels=[8, 16, 32, 32], norm_num_groups=4),
    },
}
PREDICTION = {1: "epsilon", 2: "v_prediction"}
WEIGHTS = [
    "conv_in.weight",
    "time_embedding.linear_1.bias",
    "down_blocks.0.attentions.1.transformer_blocks.0.attn2.to_k.weight",
    "down_blocks.1.resnets.0.conv_shortcut.weight",
    "down_blocks.2.attentions.0.proj_in.weight",
    "down_blocks.3.resnets.1.norm2.weight",
    "mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj.bias",
    "up_blocks.1.attentions.2.transformer_blocks.0.attn1.to_v.weight",
    "up_blocks.2.upsamplers.0.conv.bias",
    "up_blocks.3.resnets.2.conv2.bias",
]


def models(configs):
    text = CLIPTextModel(CLIPTextConfig(max_position_embeddings=77, **configs["text"]))
    unet = UNet2DConditionModel(sample_size=16, **TOPOLOGY, **configs["unet"])
    vae = AutoencoderKL(latent_channels=4, **VAE_TOPOLOGY, **configs["vae"])
    return {"text": text.eval(), "unet": unet.eval(), "vae": vae.eval()}


def uniform(name, count):
    """Numbers in [-1, 1): a 32-bit mix of the index and of the name's FNV-1a hash."""
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) * np.uint32(0x9E3779B1) + np.uint32(seed)
        for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
            x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    x = x ^ (x >> np.uint32(16))
    return x.astype(np.float64) / 2.0**31 - 1


def weights_of(name, shape):
    u = uniform(name, math.prod(shape)).reshape(shape)
    if name.endswith(".bias"):
        u = 0.1 * u
    elif len(shape) == 1:
        u = 1 + 0.1 * u
    elif name.endswith("embedding.weight"):
        u = 0.3 * u
    else:
        u = u * math.sqrt(3 / math.prod(shape[1:]))
    return torch.from_numpy(u.astype(np.float32))


def state_of(part, model):
    """A model's state under the names that transformers' and diffusers' files have."""
    prefix = "text_model." if part == "text" else ""
    names = {name: value for name, value in model.state_dict().items() if not name.endswith("position_ids")}
    return {name if name.startswith(prefix) else prefix + name: value for name, value in names.items()}


# --- diffusers' names → latent-diffusion's --------------------------------------------------------------------------


def ldm_resnet(rest):
    inside = {"norm1": "in_layers.0", "conv1": "in_layers.2", "time_emb_proj": "emb_layers.1", "norm2": "out_layers.0"}
    inside |= {"conv2": "out_layers.3", "conv_shortcut": "skip_connection"}
    head, tail = rest.split(".", 1)
    return f"{inside[head]}.{tail}"


def ldm_unet(name):
    """Blocks of latent-diffusion are numbered through all levels: two of them and a change of resolution per level."""
    fixed = {
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "conv_in": "input_blocks.0.0",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
    }
    module, leaf = name.rsplit(".", 1)
    if module in fixed:
        return f"{fixed[module]}.{leaf}"
    part, *path = name.split(".")
    if part == "mid_block":
        kind, index, rest = path[0], int(path[1]), ".".join(path[2:])
        return f"middle_block.1.{rest}" if kind == "attentions" else f"middle_block.{2 * index}.{ldm_resnet(rest)}"
    level, kind, index, rest = int(path[0]), path[1], int(path[2]), ".".join(path[3:])
    if part == "down_blocks":
        if kind == "downsamplers":
            return f"input_blocks.{3 * level + 3}.0.op.{leaf}"
        block = f"input_blocks.{3 * level + 1 + index}"
    else:
        if kind == "upsamplers":
            # It comes after the level's last block, behind the attention where there is one.
            return f"output_blocks.{3 * level + 2}.{1 if level == 0 else 2}.conv.{leaf}"
        block = f"output_blocks.{3 * level + index}"
    return f"{block}.0.{ldm_resnet(rest)}" if kind == "resnets" else f"{block}.1.{rest}"


def ldm_vae(name):
    name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    attention = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}
    name = re.sub(
        r"mid_block\.attentions\.0\.(group_norm|to_q|to_k|to_v|to_out\.0)", lambda m: "mid.attn_1." + attention[m[1]], name
    )
    name = re.sub(r"down_blocks\.(\d)\.resnets\.(\d)", r"down.\1.block.\2", name)
    name = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", name)
    name = re.sub(r"up_blocks\.(\d)\.resnets\.(\d)", lambda m: f"up.{3 - int(m[1])}.block.{m[2]}", name)
    name = re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda m: f"up.{3 - int(m[1])}.upsample", name)
    return name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")


def open_clip(name):
    name = name.removeprefix("text_model.")
    name = name.replace("embeddings.position_embedding.weight", "positional_embedding")
    name = name.replace("embeddings.token_embedding", "token_embedding").replace("final_layer_norm", "ln_final")
    name = name.replace("encoder.layers", "transformer.resblocks").replace("self_attn", "attn")
    name = name.replace("layer_norm", "ln_").replace("mlp.fc1", "mlp.c_fc").replace("mlp.fc2", "mlp.c_proj")
    return re.sub(r"attn\.([qkv])_proj\.", "attn.in_proj_", name)


def ldm_name(version, part, name):
    if part == "unet":
        return f"model.diffusion_model.{ldm_unet(name)}"
    if part == "vae":
        return f"first_stage_model.{ldm_vae(name)}"
    return f"cond_stage_model.transformer.{name}" if version == 1 else f"cond_stage_model.model.{open_clip(name)}"


def as_ldm(version, states):
    """One state dict in latent-diffusion's layout; OpenCLIP's three projections are one matrix there."""
    out = {}
    for part, state in states.items():
        for name, value in state.items():
            if part == "vae" and re.search(r"attentions\.0\.to_.*weight", name):
                value = value[:, :, None, None]
            out.setdefault(ldm_name(version, part, name), []).append((name, value))
    order = ["q_proj", "k_proj", "v_proj"]
    single = {}
    for name, pieces in out.items():
        pieces.sort(key=lambda piece: next((i for i, key in enumerate(order) if key in piece[0]), 0))
        single[name] = pieces[0][1] if len(pieces) == 1 else torch.cat([value for _, value in pieces])
        assert len(pieces) == (3 if "in_proj" in name else 1), name
    return single


def check_converters(version, parts, states):
    """diffusers' own converters bring our single file back to the names and values that it was made of."""
    single = as_ldm(version, states)
    unet = converters.convert_ldm_unet_checkpoint(dict(single), dict(parts["unet"].config))
    vae = converters.convert_ldm_vae_checkpoint(dict(single), dict(parts["vae"].config))
    if version == 1:
        text = converters.convert_ldm_clip_checkpoint(dict(single), remove_prefix="cond_stage_model.transformer.")
    else:
        text = converters.convert_open_clip_checkpoint(parts["text"], dict(single), prefix="cond_stage_model.model.")
    text = {name if name.startswith("text_model.") else f"text_model.{name}": value for name, value in text.items()}
    text.pop("text_model.embeddings.position_ids", None)
    for part, found in (("unet", unet), ("vae", vae), ("text", text)):
        assert set(found) == set(states[part]), (part, set(found) ^ set(states[part]))
        for name, value in states[part].items():
            assert torch.equal(found[name].reshape(value.shape), value), (part, name)


def names_of(version):
    """The real model's tensors under both names. Values are stand-ins of no size, all different."""
    with torch.device("meta"):
        parts = models(REAL[version])
    counter = iter(range(1, 10_000))
    states = {
        part: {name: torch.full((1,) * value.dim(), float(next(counter))).expand(value.shape) for name, value in state_of(part, model).items()}
        for part, model in parts.items()
    }
    # OpenCLIP's projections are joined: real memory for those, which are small.
    check_converters(version, parts, states)
    rows = [[part, name, ldm_name(version, part, name), list(value.shape)] for part, state in states.items() for name, value in state.items()]
    with open(f"test/golden/sd{version}-names.json.gz", "wb") as file:
        file.write(gzip.compress(json.dumps(rows, separators=(",", ":")).encode(), 9, mtime=0))
    return {part: len(state) for part, state in states.items()}


def goldens(version):
    parts = models(SMALL[version])
    states = {}
    for part, model in parts.items():
        states[part] = {name: weights_of(name, tuple(value.shape)) for name, value in state_of(part, model).items()}
        own = model.state_dict()
        for name, value in states[part].items():
            own[name if name in own else name.removeprefix("text_model.")].copy_(value)
    check_converters(version, parts, states)
    text, unet, vae = parts["text"], parts["unet"], parts["vae"]
    generator = torch.Generator().manual_seed(20261125 + version)
    normal = lambda *shape: torch.randn(*shape, generator=generator)
    ids = torch.randint(0, 1000, (2, 77), generator=generator)
    latents, noise, timesteps = normal(2, 4, 16, 16), normal(2, 4, 16, 16), torch.tensor([41, 777])
    pixels, small = normal(1, 3, 64, 64).clamp(-1, 1), normal(1, 4, 8, 8)
    schedule = DDIMScheduler(beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", prediction_type=PREDICTION[version])
    tokens = []
    for module in text.modules():
        if isinstance(module, torch.nn.Embedding) and module.num_embeddings == 1000:
            module.register_forward_hook(lambda *call: (call[2].retain_grad(), tokens.append(call[2]))[1])
    hidden = text(ids)[0]
    hidden.retain_grad()
    predicted = unet(schedule.add_noise(latents, noise, timesteps), timesteps, hidden).sample
    target = noise if version == 1 else schedule.get_velocity(latents, noise, timesteps)
    loss = torch.nn.functional.mse_loss(predicted, target)
    loss.backward()
    with torch.no_grad():
        moments = vae.encode(pixels).latent_dist
        decoded = vae.decode(small).sample
    out = {"ids": ids.float(), "latents": latents, "noise": noise, "timesteps": timesteps.float(), "pixels": pixels, "small": small}
    out |= {"hidden": hidden.detach(), "predicted": predicted.detach(), "loss": loss.detach().reshape(1)}
    out |= {"gradient.tokens": tokens[0].grad, "gradient.hidden": hidden.grad, "vae.mean": moments.mean, "vae.logvar": moments.logvar, "vae.decoded": decoded}
    named = dict(unet.named_parameters())
    out |= {f"gradient.{name}": named[name].grad for name in WEIGHTS}
    configs = json.dumps({part: {**SMALL[version][part], **(TOPOLOGY if part == "unet" else {})} for part in parts})
    save_file({name: value.contiguous() for name, value in out.items()}, f"test/golden/sd{version}.safetensors", {"configs": configs})
    return loss.item(), predicted.std().item(), {name: value.abs().max().item() for name, value in out.items() if name.startswith("gradient")}


if __name__ == "__main__":
    for version in (1, 2):
        print(version, names_of(version))
        print(version, *goldens(version))
