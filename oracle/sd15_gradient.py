"""The U-Net at Stable Diffusion 1.5's shape, 512x512 pixels: our prediction and gradient to the prompt against diffusers.

Needs the random checkpoint of `bench --sd15`, torch and diffusers, and 12 GB. The reference is diffusers in double
precision; diffusers in float32 stands beside it, so that our rounding can be told from anybody's. Prints relative
errors, root of the summed squares over that of the reference.

    python3 oracle/sd15_gradient.py FOLDER [--device cpu|webgpu|cuda] [--precision float32|float16] [--low-memory]
"""
import pathlib, subprocess, sys, tempfile
import torch
from diffusers import UNet2DConditionModel
from safetensors.torch import load_file

root = pathlib.Path(__file__).resolve().parent.parent
folder, *flags = sys.argv[1:]
with tempfile.TemporaryDirectory() as scratch:
    out = f"{scratch}/ours.safetensors"
    subprocess.run(["npx", "tsx", "oracle/sd15_gradient.ts", folder, out, *flags], cwd=root, check=True)
    ours = load_file(out)


def reference(dtype):
    unet = UNet2DConditionModel.from_pretrained(f"{folder}/unet", torch_dtype=dtype).requires_grad_(False)
    latents, noise, states = (ours[name].to(dtype) for name in ("latents", "noise", "states"))
    states.requires_grad_(True)
    prediction = unet(latents, torch.tensor([500]), states).sample
    ((prediction - noise) ** 2).mean().backward()
    return dict(prediction=prediction.detach().double(), gradient=states.grad.double())


def error(got, exact):
    return ((got.double() - exact).norm() / exact.norm()).item()


exact, single = reference(torch.float64), reference(torch.float32)
for name in exact:
    print(f"{name}: ours {error(ours[name], exact[name]):.1e}, diffusers in float32 {error(single[name], exact[name]):.1e}")
