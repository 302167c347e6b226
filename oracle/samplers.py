"""Writes test/golden/samplers.safetensors: trajectories of diffusers' schedulers with a denoiser of a few lines.

    python oracle/samplers.py

The denoiser is sin(2x) + cos(t / 300): not a model, but it depends on the sample and on the time, and any program can
compute it. Each trajectory holds what the denoiser was asked, at every evaluation, and the last latents: [evaluations + 1, 16].
"""
import json

import numpy as np
import torch
from diffusers import (
    DDIMScheduler,
    DPMSolverMultistepScheduler,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    PNDMScheduler,
)
from safetensors.torch import save_file

torch.manual_seed(20261124)
base = dict(num_train_timesteps=1000, beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1)
kinds = {
    "ddim": (DDIMScheduler, dict(clip_sample=False, set_alpha_to_one=False)),
    "pndm": (PNDMScheduler, dict(skip_prk_steps=True, set_alpha_to_one=False)),
    "euler": (EulerDiscreteScheduler, {}),
    "euler-a": (EulerAncestralDiscreteScheduler, {}),
    "dpm++": (DPMSolverMultistepScheduler, {}),
}
out, cases = {}, []
for name, (kind, own) in kinds.items():
    for prediction in ["epsilon", "v_prediction"]:
        for spacing in [None, "leading", "linspace", "trailing"]:
            if name == "pndm" and spacing in ("linspace", "trailing"):
                continue  # diffusers' own runs past the last timestep or sets no sensible times
            for karras in [False, True] if name in ("euler", "dpm++") else [False]:
                for steps in [7, 20]:
                    config = {**base, **own, "prediction_type": prediction}
                    if spacing is not None:
                        config["timestep_spacing"] = spacing
                    scheduler = kind(**config, **({"use_karras_sigmas": True} if karras else {}))
                    scheduler.set_timesteps(steps)
                    noise = torch.randn(16)
                    fresh = torch.randn(len(scheduler.timesteps), 16)
                    sample = noise * scheduler.init_noise_sigma
                    path = []
                    for i, t in enumerate(scheduler.timesteps):
                        x = scheduler.scale_model_input(sample, t)
                        path.append(x.clone())
                        predicted = torch.sin(2 * x) + np.cos(float(t) / 300)
                        if name == "euler-a":
                            import diffusers.schedulers.scheduling_euler_ancestral_discrete as module

                            module.randn_tensor = lambda *a, i=i, **k: fresh[i]
                        sample = scheduler.step(predicted, t, sample).prev_sample
                    path.append(sample)
                    key = f"{len(cases)}"
                    cases.append(dict(sampler=name, prediction_type=prediction, timestep_spacing=spacing, karras=karras, steps=steps))
                    out[f"{key}.noise"] = noise
                    out[f"{key}.times"] = scheduler.timesteps.float().clone()
                    out[f"{key}.path"] = torch.stack(path).float()
                    if name == "euler-a":
                        out[f"{key}.fresh"] = fresh
save_file(out, "test/golden/samplers.safetensors", {"cases": json.dumps(cases)})
print(len(cases), "trajectories")
