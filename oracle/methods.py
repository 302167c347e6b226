"""Writes test/golden/methods.safetensors: one training step of each method, by diffusers, transformers, PEFT and PyTorch.

    python oracle/methods.py

Double precision, on assets/tiny as it is. The U-Net and the text encoder are diffusers' and transformers' own; Custom
Diffusion runs through diffusers' CustomDiffusionAttnProcessor and LoRA through PEFT. Three things have no namesake there
and are a few lines of PyTorch: a new word's rows beside the frozen token table, a text for each cross-attention layer (XTI;
a hook on attn2), and the contextualizer with its masked-word loss. AdamW is torch.optim.AdamW, clipping is
clip_grad_norm_; matrices decay and vectors of one axis do not.

The step is the tenth of a run whose first moments are zero and whose second moments are one number for each tensor, kept
here: from zero, Adam's first step is the sign of the gradient, which no two programs agree on where it is about zero.

diffusers' train_custom_diffusion.py divides the masked error by the mask's area alone, so with C channels its loss is C
times the mean over the region. Here, as in this project, it is the mean.
"""
import json
import math

import torch
import torch.nn.functional as F
from diffusers import DDIMScheduler, UNet2DConditionModel
from diffusers.models.attention_processor import CustomDiffusionAttnProcessor
from peft import LoraConfig, inject_adapter_in_model
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPTextModel, CLIPTokenizer

torch.set_num_threads(1)
torch.manual_seed(20261125)
torch.set_default_dtype(torch.float64)
root = "assets/tiny"
scheduler = DDIMScheduler.from_pretrained(f"{root}/scheduler")
tokenizer = CLIPTokenizer.from_pretrained(f"{root}/tokenizer")
with open(f"{root}/contextualizer/config.json") as file:
    psi = json.load(file)
psi_weights = {name: tensor.double() for name, tensor in load_file(f"{root}/contextualizer/model.safetensors").items()}
vocabulary, width = psi["vocab_size"], psi["hidden_size"]
new_word = ["<v>", "<v>_1"]  # the names that diffusers gives to two vectors of one word
tokenizer.add_tokens(new_word)

rich = [
    "a {} beside a red ball in the snow",
    "a photo of two cups and a {} on a wooden table",
    "the {} on the beach under a blue sky",
    "a painting of a green {}",
]
hidden_words = [[5, 9], [4, 13], [5], [2, 5]]  # positions that are masked, of the words above


class Words(nn.Module):
    """The frozen token table with learned rows past its end; masked words are exchanged for p_mask."""

    def __init__(self, table, rows):
        super().__init__()
        self.table, self.rows, self.mask = table, rows, None

    def forward(self, ids):
        embedded = F.embedding(ids.clamp(max=vocabulary - 1), self.table)
        if self.rows is not None:
            fresh = self.rows[(ids - vocabulary).clamp(min=0)]
            embedded = torch.where((ids >= vocabulary)[..., None], fresh, embedded)
        if self.mask is not None:
            embedded = torch.where(self.mask[..., None], psi_weights["mask_embedding"].reshape(-1), embedded)
        return embedded


def contextualizer(x):
    """Transformer layers before their norms, a last norm and a head over the vocabulary."""
    w, heads = psi_weights, psi["num_attention_heads"]
    norm = lambda name, t: F.layer_norm(t, [width], w[f"{name}.weight"], w[f"{name}.bias"], psi["layer_norm_eps"])
    linear = lambda name, t: F.linear(t, w[f"{name}.weight"], w[f"{name}.bias"])
    for i in range(psi["num_hidden_layers"]):
        layer = f"encoder.layers.{i}"
        normed = norm(f"{layer}.layer_norm1", x)
        q, k, v = (linear(f"{layer}.self_attn.{n}_proj", normed).unflatten(-1, (heads, -1)).transpose(1, 2) for n in "qkv")
        attended = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)
        x = x + linear(f"{layer}.self_attn.out_proj", attended)
        inner = linear(f"{layer}.mlp.fc1", norm(f"{layer}.layer_norm2", x))
        inner = F.gelu(inner) if psi["hidden_act"] == "gelu" else inner * torch.sigmoid(1.702 * inner)
        x = x + linear(f"{layer}.mlp.fc2", inner)
    return linear("head", norm("final_layer_norm", x))


class Models:
    def __init__(self, rows=None):
        self.unet = UNet2DConditionModel.from_pretrained(f"{root}/unet").double().eval().requires_grad_(False)
        self.text = CLIPTextModel.from_pretrained(f"{root}/text_encoder").double().eval().requires_grad_(False)
        self.words = Words(self.text.get_input_embeddings().weight, rows)
        self.text.set_input_embeddings(self.words)

    def states(self, ids, mask=None):
        self.words.mask = mask
        return self.text(ids).last_hidden_state


def text_name(name):
    """A parameter's name in the file: transformers 5 leaves the prefix out, and ours is the table's owner here."""
    name = name.removeprefix("text_model.").replace("token_embedding.table", "token_embedding.weight")
    return f"text_encoder.text_model.{name}"


def encode(prompts, length):
    return tokenizer(prompts, padding="max_length", max_length=length, return_tensors="pt").input_ids


def step(name, settings, models, learned, batch, layers, own, prior, show):
    """Losses, gradients, and weights after one update; what is kept of them goes into `out`."""
    subject = own["subject"]
    length = models.text.config.max_position_embeddings
    prompts = [own["prompt"].format(subject)] * batch + ([prior["prompt"]] if prior else [])
    ids = encode(prompts, length)
    size = models.unet.config.sample_size
    shape = (len(prompts), models.unet.config.in_channels, size, size)
    latents, noise = torch.randn(shape).float().double(), torch.randn(shape).float().double()
    timesteps = torch.randint(0, scheduler.config.num_train_timesteps, (len(prompts),))
    vectors = settings["vectors"]

    def at_layer(these, layer):
        return torch.where(these >= vocabulary, these + layer * vectors, these) if layers > 1 else these

    layered = torch.cat([at_layer(ids, layer) for layer in range(layers)])
    states = models.states(layered).chunk(layers)
    models.conditions[:] = states
    noisy = scheduler.add_noise(latents, noise, timesteps)
    predicted = models.unet(noisy, timesteps, states[0]).sample
    kind = scheduler.config.prediction_type
    target = scheduler.get_velocity(latents, noise, timesteps) if kind == "v_prediction" else noise
    error = (predicted - target) ** 2
    region = own.get("region")
    if region is None:
        diffusion = error[:batch].mean()
    else:
        diffusion = (error[:batch] * region).sum() / (shape[1] * region.sum())
    if prior:
        diffusion = diffusion + settings["priorWeight"] * error[batch:].mean()

    rich_length = max(len(tokenizer(prompt.format(subject)).input_ids) for prompt in rich)
    rich_ids = torch.stack(
        [at_layer(row, (2 * i) % layers) for i, row in enumerate(encode([prompt.format(subject) for prompt in rich], rich_length))]
    )
    mask = torch.zeros(rich_ids.shape, dtype=torch.bool)
    kept = set(tokenizer(subject.split()[0], add_special_tokens=False).input_ids)
    for i, positions in enumerate(hidden_words):
        for position in positions:
            ordinary = int(rich_ids[i, position]) < vocabulary - 2 and int(rich_ids[i, position]) not in kept
            mask[i, position] = ordinary
    assert mask.any(1).all()
    logits = contextualizer(models.states(rich_ids, mask))
    mlm = F.cross_entropy(logits[mask], rich_ids[mask])
    loss = diffusion + settings["lambda"] * mlm
    diffusion, mlm = diffusion.item(), mlm.item()

    parameters = dict(sorted(learned.items()))
    gradients = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values()))))
    norm = math.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
    settings["maxGradientNorm"] = min(1.0, norm / 2) if settings.pop("clips") else max(1.0, 2 * norm)
    root_mean = {key: float(g.square().mean().sqrt()) for key, g in gradients.items()}
    floor = 1e-3 * max(root_mean.values())
    # An attention's keys have a bias whose gradient is zero; it has a second moment nonetheless.
    second = {key: float(torch.tensor((x + floor) ** 2 / 100).float()) for key, x in root_mean.items()}
    first = {key: p.detach().clone() for key, p in parameters.items()}
    rate = lambda key: settings["tokenLearningRate"] if key == "concept" else settings["learningRate"]
    optimizer = torch.optim.AdamW(
        [{"params": [p], "lr": rate(key), "weight_decay": 0.01 if p.ndim > 1 else 0.0} for key, p in parameters.items()],
        betas=(0.9, 0.999),
        eps=1e-8,
    )
    for key, p in parameters.items():
        p.grad = gradients[key].clone()
        full = torch.full_like(p, second[key])
        optimizer.state[p] = {"step": torch.tensor(9.0), "exp_avg": torch.zeros_like(p), "exp_avg_sq": full}
    torch.nn.utils.clip_grad_norm_(parameters.values(), settings["maxGradientNorm"])
    optimizer.step()

    keep = lambda key, value: out.__setitem__(f"{name}.{key}", value.detach().float().contiguous())
    for key, value in {"latents": latents, "noise": noise, "timesteps": timesteps, "ids": layered, "richIds": rich_ids, "mask": mask}.items():
        keep(key, value)
    if region is not None:
        keep("region", region)
    keep("losses", torch.tensor([diffusion, mlm, norm]))
    pattern = lambda t: (t.flatten() * torch.cos(torch.arange(t.numel()))).sum()
    sums = lambda t: [t.sum().item(), t.square().sum().item(), pattern(t).item()]
    keep("sums", torch.tensor([[second[key], *sums(gradients[key]), *sums(p.detach() - first[key])] for key, p in parameters.items()]))
    whole = [key for key in parameters if show(key)]
    for key in whole:
        keep(f"gradient.{key}", gradients[key])
        keep(f"updated.{key}", parameters[key])
    if name in ("ti", "xti", "custom-diffusion"):
        keep("first.concept", first["concept"])
    if name == "lora":
        for key in parameters:
            keep(f"first.{key}", first[key])
    about[name] = {
        "settings": settings,
        "names": list(parameters),
        "whole": whole,
        "own": prompts[0],
        "prior": prior["prompt"] if prior else None,
        "rich": [prompt.format(subject) for prompt in rich],
    }
    kinds = f"{len(parameters)} tensors, {sum(p.numel() for p in parameters.values())} numbers"
    print(f"{name}: diffusion {diffusion:.6f}, mlm {mlm:.6f}, norm {norm:.6f} (clipped to {settings['maxGradientNorm']:.3g}), {kinds}")


def settings_of(**changes):
    common = {"vectors": 2, "rank": 2, "loraText": False, "lambda": 0.5, "priorWeight": 1.0, "learningRate": 0.01, "clips": False}
    return {**common, **changes}


def concept_rows(count):
    return nn.Parameter((0.3 * torch.randn(count, width)).float().double())


def with_hooks(models):
    """Every cross-attention layer, in the order of execution, reads its own text."""
    models.conditions = []
    calls = [0]
    models.unet.register_forward_pre_hook(lambda *_: calls.__setitem__(0, 0))

    def own_text(module, args, kwargs):
        states = models.conditions[calls[0] % len(models.conditions)]
        calls[0] += 1
        return args, {**kwargs, "encoder_hidden_states": states}

    attentions = [module for key, module in models.unet.named_modules() if key.endswith("attn2")]
    for module in attentions:
        module.register_forward_pre_hook(own_text, with_kwargs=True)
    return len(attentions)


out, about = {}, {}
word = " ".join(new_word) + " dog"
everything = lambda key: True

rows = concept_rows(2)
models = Models(rows)
with_hooks(models)
step(
    "ti",
    settings_of(tokenLearningRate=0.01),
    models,
    {"concept": rows},
    batch=2,
    layers=1,
    own={"subject": word, "prompt": "a photo of a {}"},
    prior=None,
    show=everything,
)

layers = sum(key.endswith("attn2") for key, _ in models.unet.named_modules())
rows = concept_rows(2 * layers)
models = Models(rows)
assert with_hooks(models) == layers
step(
    "xti",
    settings_of(tokenLearningRate=0.01),
    models,
    {"concept": rows},
    batch=1,
    layers=layers,
    own={"subject": word, "prompt": "a rendition of a {}"},
    prior=None,
    show=everything,
)

models = Models()
with_hooks(models)
models.unet.requires_grad_(True)
models.text.requires_grad_(True)
learned = {f"unet.{key}": p for key, p in models.unet.named_parameters()}
learned |= {text_name(key): p for key, p in models.text.named_parameters()}
some = {
    "unet.conv_in.weight",
    "unet.time_embedding.linear_1.bias",
    "unet.down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
    "unet.down_blocks.1.resnets.0.norm1.weight",
    "unet.mid_block.attentions.0.norm.weight",
    "unet.up_blocks.1.resnets.0.time_emb_proj.bias",
    "unet.conv_out.weight",
    "text_encoder.text_model.embeddings.position_embedding.weight",
    "text_encoder.text_model.encoder.layers.1.self_attn.q_proj.weight",
    "text_encoder.text_model.encoder.layers.3.mlp.fc1.bias",
    "text_encoder.text_model.final_layer_norm.weight",
}
assert some <= learned.keys()
step(
    "dreambooth",
    settings_of(priorWeight=0.7, tokenLearningRate=0.01, clips=True),
    models,
    learned,
    batch=1,
    layers=1,
    own={"subject": "sks dog", "prompt": "a photo of a {}"},
    prior={"prompt": "a photo of a dog"},
    show=some.__contains__,
)

rows = concept_rows(2)
models = Models(rows)
with_hooks(models)
learned, processors = {"concept": rows}, {}
for key in models.unet.attn_processors:
    module = models.unet.get_submodule(key.removesuffix(".processor"))
    cross = key.endswith("attn2.processor")
    processors[key] = CustomDiffusionAttnProcessor(
        train_kv=cross,
        train_q_out=False,
        hidden_size=module.to_k.out_features if cross else None,
        cross_attention_dim=module.to_k.in_features if cross else None,
    )
    if cross:
        for part in ("to_k", "to_v"):
            weight = getattr(processors[key], f"{part}_custom_diffusion").weight
            weight.data = getattr(module, part).weight.data.clone()
            learned[f"unet.{key.removesuffix('processor')}{part}.weight"] = weight
models.unet.set_attn_processor(processors)
size = models.unet.config.sample_size
region = torch.zeros(1, 1, size, size)
region[..., size // 4 : size - 2, size // 8 : size // 2 + 1] = 1
step(
    "custom-diffusion",
    settings_of(tokenLearningRate=0.004, clips=True),
    models,
    learned,
    batch=1,
    layers=1,
    own={"subject": word, "prompt": "far away photo of a {}", "region": region},
    prior={"prompt": "a photo of a dog"},
    show=lambda key: key == "concept" or "mid_block" in key,
)

models = Models()
with_hooks(models)
rank = 2
adapt = lambda modules: LoraConfig(r=rank, lora_alpha=rank, target_modules=modules)
inject_adapter_in_model(adapt(["to_q", "to_k", "to_v", "to_out.0"]), models.unet)
inject_adapter_in_model(adapt(["q_proj", "k_proj", "v_proj", "out_proj"]), models.text)
learned = {}
for prefix, model in (("unet", models.unet), ("text", models.text)):
    for key, p in model.double().named_parameters():
        if "lora_" in key:
            p.requires_grad_(True)
            # PEFT's second factor begins at zero, where the first has no gradient.
            p.data = (torch.randn(p.shape) * (0.5 if "lora_A" in key else 0.1)).float().double()
            key = key.replace(".default.", ".")
            learned[f"unet.{key}" if prefix == "unet" else text_name(key)] = p
step(
    "lora",
    settings_of(loraText=True, tokenLearningRate=0.01),
    models,
    learned,
    batch=1,
    layers=1,
    own={"subject": "sks dog", "prompt": "a photo of a {}"},
    prior=None,
    show=lambda key: "mid_block" in key or "layers.2" in key,
)

save_file(out, "test/golden/methods.safetensors", {"about": json.dumps(about)})
print(f"{len(out)} tensors, {sum(t.numel() for t in out.values()) * 4 / 1e6:.2f} MB")
