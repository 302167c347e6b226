"""Writes test/golden/tiny.safetensors: what diffusers, transformers and PyTorch compute with assets/tiny.

    python oracle/goldens.py

Inputs are seeded here and kept in the file, so that the test needs no Python.
"""
import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from safetensors.torch import save_file
from transformers import CLIPTextModel, CLIPTokenizer

torch.manual_seed(20261124)
root = "assets/tiny"
text = CLIPTextModel.from_pretrained(f"{root}/text_encoder").float().eval()
unet = UNet2DConditionModel.from_pretrained(f"{root}/unet").float().eval()
vae = AutoencoderKL.from_pretrained(f"{root}/vae").float().eval()
schedule = DDIMScheduler.from_pretrained(f"{root}/scheduler")
tokenizer = CLIPTokenizer.from_pretrained(f"{root}/tokenizer")
tokenizer.add_tokens(["<v>"])
text.resize_token_embeddings(len(tokenizer))
table = text.get_input_embeddings().weight
out = {}

batch = 2
prompts = ["a photo of a <v> dog", "a rendition of the <v> teapot"]
ids = tokenizer(prompts, padding="max_length", max_length=32, return_tensors="pt").input_ids
pixels = torch.rand(batch, 3, 64, 64) * 2 - 1
latents, noise = torch.randn(batch, 4, 16, 16), torch.randn(batch, 4, 16, 16)
timesteps = torch.tensor([37, 812])
concept = 0.3 * torch.randn(1, table.shape[1])
out.update(ids=ids.float(), pixels=pixels, latents=latents, noise=noise, timesteps=timesteps.float(), concept=concept.clone())
table.data[len(tokenizer) - 1] = concept[0]

with torch.no_grad():
    out["vae.mean"] = vae.encode(pixels).latent_dist.mean
    out["vae.decoded"] = vae.decode(latents).sample

states = text(ids)[0]
noisy = schedule.add_noise(latents, noise, timesteps)
predicted = unet(noisy, timesteps, states).sample
loss = torch.nn.functional.mse_loss(predicted, schedule.get_velocity(latents, noise, timesteps))
loss.backward()
weights = [
    "conv_in.weight",
    "down_blocks.0.downsamplers.0.conv.weight",
    "down_blocks.1.resnets.0.conv1.weight",
    "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
    "mid_block.attentions.0.norm.weight",
    "up_blocks.1.resnets.0.time_emb_proj.bias",
    "up_blocks.1.upsamplers.0.conv.weight",
]
named = dict(unet.named_parameters())
for name in weights:
    out[f"gradient.{name}"] = named[name].grad.clone()
out.update({"text.states": states.detach(), "unet.predicted": predicted.detach(), "loss": loss.detach().reshape(1)})

gradient = table.grad[len(tokenizer) - 1 :].clone()
vector = torch.nn.Parameter(concept.clone())
vector.grad = gradient.clone()
torch.nn.utils.clip_grad_norm_([vector], 1.0)
torch.optim.AdamW([vector], lr=0.06, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01).step()
out.update({"gradient.concept": gradient, "updated": vector.detach()})
save_file({name: tensor.contiguous() for name, tensor in out.items()}, "test/golden/tiny.safetensors", {"prompts": "\n".join(prompts)})
print(f"loss {loss.item():.6f}, gradient norm {gradient.norm():.6f}, {len(out)} tensors")
