"""Does diffusers open every file that Contextura exports for it, and draw our pictures?

    python oracle/exports.py [METHOD]

Runs oracle/exports.ts, which teaches the embedded model a dog by each method and exports it in every layout, then loads
each with diffusers' own loaders and draws two prompts from the same noise with DDIM and DPM-Solver++. Prints a table of the
differences per 8-bit pixel value; exit status 1 where one is above 2, where a file is refused, or where what was learned
would not show (a mean difference from the base model's pictures of 3 or less).

XTI has no loader in diffusers: a few lines below condition each cross-attention layer by the vectors of its own.
diffusers 0.42's load_attn_procs sets the processors only where it is told of the pipeline; `_pipeline` does that.
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile
import warnings

import diffusers
import peft
import torch
import transformers
from diffusers import DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline
from diffusers.models.attention_processor import CustomDiffusionAttnProcessor
from safetensors import safe_open
from safetensors.torch import load_file

torch.set_num_threads(1)
warnings.simplefilter("ignore")
diffusers.utils.logging.set_verbosity_error()
transformers.utils.logging.set_verbosity_error()


def opened(path="assets/tiny"):
    pipe = StableDiffusionPipeline.from_pretrained(path, safety_checker=None, torch_dtype=torch.float32)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def textual_inversion(case):
    pipe = opened()
    pipe.load_textual_inversion(case["path"], weight_name="learned_embeds.safetensors")
    return pipe, "load_textual_inversion"


def layered(case):
    """XTI from kohya's file, whose keys sort in the order of execution: IN.., MID, OUT.."""
    pipe = opened()
    tensors = load_file(f"{case['path']}/xti_embeds.safetensors")
    names = sorted(tensors)
    # In lower case, as diffusers looks for them in the words of a prompt.
    tokens = [f"<{name.lower()}>" for name in names]
    for name, token in zip(names, tokens):
        pipe.load_textual_inversion({name: tensors[name]}, token=token)
    attentions = [module for key, module in pipe.unet.named_modules() if key.endswith("attn2")]
    assert len(attentions) == len(names)
    texts = []
    for token in tokens:
        prompts = [prompt.replace(case["token"], token) for prompt in case["prompts"]]
        positive, negative = pipe.encode_prompt(prompts, "cpu", 1, True)
        texts.append(torch.cat([negative, positive]))
    layer = [0]
    pipe.unet.register_forward_pre_hook(lambda *_: layer.__setitem__(0, 0))

    def own_text(module, args, kwargs):
        layer[0] += 1
        return args, {**kwargs, "encoder_hidden_states": texts[layer[0] - 1]}

    for module in attentions:
        module.register_forward_pre_hook(own_text, with_kwargs=True)
    return pipe, "each layer's text by a hook"


def whole(case):
    return opened(case["path"]), "from_pretrained"


def single_file(case):
    """The configs are those of a folder, since the embedded model is narrower than Stable Diffusion."""
    path = f"{case['path']}/model.safetensors"
    pipe = StableDiffusionPipeline.from_single_file(path, config=os.path.abspath("assets/tiny"), safety_checker=None, local_files_only=True)
    pipe.set_progress_bar_config(disable=True)
    return pipe.to(torch.float32), "from_single_file"


def processors(case):
    pipe = opened()
    name = "pytorch_custom_diffusion_weights.safetensors"
    pipe.unet.load_attn_procs(case["path"], weight_name=name, _pipeline=pipe)
    assert all(isinstance(one, CustomDiffusionAttnProcessor) for one in pipe.unet.attn_processors.values())
    pipe.load_textual_inversion(case["path"], weight_name=f"{case['token']}.safetensors")
    return pipe, "load_attn_procs, load_textual_inversion"


def low_rank(case, weight_name=None):
    pipe = opened()
    pipe.load_lora_weights(case["path"], weight_name=weight_name or "pytorch_lora_weights.safetensors")
    return pipe, "load_lora_weights"


def low_rank_of_kohya(case):
    return low_rank(case, "lora.safetensors")


def low_rank_and_word(case):
    pipe, _ = low_rank_of_kohya(case)
    pipe.load_textual_inversion(case["path"], weight_name=f"{case['token']}.safetensors")
    return pipe, "load_lora_weights, load_textual_inversion"


loaders = {
    ("ti", "diffusers"): textual_inversion,
    ("xti", "kohya"): layered,
    ("dreambooth", "diffusers"): whole,
    ("dreambooth", "checkpoint"): single_file,
    ("custom-diffusion", "diffusers"): processors,
    ("custom-diffusion", "kohya"): low_rank_and_word,
    ("lora", "diffusers"): low_rank,
    ("lora", "kohya"): low_rank_of_kohya,
}
titles = {"ddim": "DDIM", "dpm++": "DPM-Solver++(2M)"}


def with_sampler(pipe, name):
    if name == "ddim":
        return DDIMScheduler.from_config(pipe.scheduler.config)
    config = dict(pipe.scheduler.config, algorithm_type="dpmsolver++", solver_order=2, timestep_spacing="linspace")
    return DPMSolverMultistepScheduler.from_config(config)


def bytes_of(pixels):
    return ((pixels + 1) / 2).clamp(0, 1) * 255


with tempfile.TemporaryDirectory() as folder:
    only = ["--only", sys.argv[1]] if len(sys.argv) > 1 else []
    subprocess.run(["npx", "tsx", "oracle/exports.ts", "--out", folder, *only], check=True, env={**os.environ, "NODE_NO_WARNINGS": "1"})
    with safe_open(f"{folder}/ours.safetensors", "pt") as file:
        about = json.loads(file.metadata()["about"])
        ours = {name: file.get_tensor(name) for name in file.keys()}
    print(f"{datetime.date.today()}: diffusers {diffusers.__version__}, transformers {transformers.__version__}, PEFT {peft.__version__}, PyTorch {torch.__version__}")
    print("| method | layout | opened by | sampler | largest difference | mean | from the base model, mean |")
    failed = False
    for case in about["cases"]:
        method, layout = case["method"], case["format"]
        title = layout + (", float16" if case["half"] else "")
        try:
            pipe, how = loaders[method, layout](case)
        except Exception as error:  # a refusal is a result
            print(f"| {method} | {title} | refused: {type(error).__name__}: {error} |")
            failed = True
            continue
        base_scheduler = pipe.scheduler
        for sampler in about["samplers"]:
            pipe.scheduler = base_scheduler
            pipe.scheduler = with_sampler(pipe, sampler)
            steps, guidance = about["steps"], about["guidance"]
            with torch.no_grad():
                images = pipe(
                    case["prompts"], latents=ours["noise"].clone(), num_inference_steps=steps, guidance_scale=guidance, output_type="np"
                ).images
            theirs = torch.from_numpy(images).permute(0, 3, 1, 2) * 255
            drawn = f"{method}{'.half' if case['half'] else ''}.{sampler}"
            mine = bytes_of(ours[drawn])
            effect = (mine - bytes_of(ours[f"{drawn}.base"])).abs().mean()
            difference = (theirs - mine).abs()
            failed |= bool(difference.max() > 2 or effect <= 3)
            print(
                f"| {method} | {title} | {how} | {titles[sampler]} | {difference.max():.3f}/255 | {difference.mean():.4f}/255 | {effect:.0f}/255 |"
            )
sys.exit(int(failed))
