"""Does diffusers, given assets/tiny, draw our pictures?

    npx tsx oracle/pictures.ts --out /tmp/ours.safetensors [--sampler dpm++] [--artefact RUN]
    python oracle/pictures.py /tmp/ours.safetensors [RUN/artefact/learned_embeds.safetensors]

Prints the largest and mean difference per 8-bit pixel value; exit status 1 where it is above 2.
"""
import json
import sys

import torch
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline
from safetensors import safe_open

path = sys.argv[1]
with safe_open(path, "pt") as file:
    about = file.metadata()
    noise, ours = file.get_tensor("noise"), file.get_tensor("pixels")
pipe = StableDiffusionPipeline.from_pretrained("assets/tiny", safety_checker=None, torch_dtype=torch.float32)
pipe.set_progress_bar_config(disable=True)
prompts = json.loads(about["prompts"])
if about["sampler"] == "dpm++":
    config = dict(pipe.scheduler.config, algorithm_type="dpmsolver++", solver_order=2)
    pipe.scheduler = DPMSolverMultistepScheduler.from_config(config, timestep_spacing="linspace")
else:
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
if len(sys.argv) > 2:
    pipe.load_textual_inversion(sys.argv[2], token=about["token"])
with torch.no_grad():
    theirs = pipe(prompts, latents=noise, num_inference_steps=int(about["steps"]), guidance_scale=4.0, output_type="np").images
theirs = torch.from_numpy(theirs).permute(0, 3, 1, 2) * 255
ours = ((ours + 1) / 2).clamp(0, 1) * 255
difference = (theirs - ours).abs()
print(f"{about['sampler']}, {len(prompts)} pictures: largest difference {difference.max():.3f}/255, mean {difference.mean():.4f}/255")
sys.exit(int(difference.max() > 2))
