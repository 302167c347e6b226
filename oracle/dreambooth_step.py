"""The peer's figure: one DreamBooth step at Stable Diffusion 1.5's shape with PyTorch, diffusers and transformers.

Random weights, 512x512 pixels (64x64 latents), batch 1, float32: gradients of all of the U-Net's and the text encoder's
weights, clipped to norm 1, and PyTorch's fused AdamW. Prints one JSON object: seconds (medians, the first step left out),
peak resident memory in GB, versions. Takes 18 GB.

    python3 dreambooth_step.py [--threads 2] [--steps 3]
"""
import argparse, json, resource, statistics, time
import torch, diffusers
from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel

p = argparse.ArgumentParser()
p.add_argument("--threads", type=int, default=2)
p.add_argument("--steps", type=int, default=3)
a = p.parse_args()
torch.set_num_threads(a.threads)
torch.manual_seed(0)
unet = UNet2DConditionModel(sample_size=64, in_channels=4, out_channels=4, cross_attention_dim=768,
                            block_out_channels=(320, 640, 1280, 1280), layers_per_block=2, attention_head_dim=8)
text = CLIPTextModel(CLIPTextConfig(vocab_size=49408, hidden_size=768, intermediate_size=3072, num_hidden_layers=12,
                                    num_attention_heads=12, max_position_embeddings=77))
weights = [*unet.parameters(), *text.parameters()]
optimizer = torch.optim.AdamW(weights, lr=2e-6, weight_decay=0.01, fused=True)
latents, ids = torch.randn(1, 4, 64, 64), torch.randint(0, 49000, (1, 77))
noise = torch.randn_like(latents)
seconds = []
for step in range(a.steps + 1):
    start = time.perf_counter()
    predicted = unet(latents, torch.tensor([500]), text(ids).last_hidden_state).sample
    ((predicted - noise) ** 2).mean().backward()
    torch.nn.utils.clip_grad_norm_(weights, 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    if step:
        seconds.append(time.perf_counter() - start)
print(json.dumps(dict(step=statistics.median(seconds), peakGB=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
                      torch=torch.__version__, diffusers=diffusers.__version__, threads=a.threads)))
