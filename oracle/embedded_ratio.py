"""The embedded model by Contextura and by PyTorch 2 with diffusers and transformers, in turns: seconds and their ratio.

The same networks, weights and inputs: a textual-inversion step at batch 4 (loss, gradient to the prompt's vector, AdamW on
it), ten pictures (DPM-Solver++(2M), 20 steps, guidance 4, text and decoding included), and, as evidence about the engine, a
training step of the VAE's and of the U-Net's weights (AdamW, moving average). First losses and pictures are compared, so
that both are known to compute the same. PyTorch runs as it is and with channels last; the ratio is to the faster of both.

    taskset -c 1 python3 oracle/embedded_ratio.py [--rounds 5] [--threads 1] [--cases ti,sampling,vae,denoiser] [--json]

A round runs each case by one and then by the other, in an order that alternates. A round's figure is its median run; the
interval is the bootstrap's 95 % over rounds for the geometric mean of PyTorch's seconds / ours. Needs the Python packages
of oracle/requirements.txt, and `npm ci`.
"""
import argparse, json, math, os, pathlib, random, statistics, subprocess, sys, tempfile, time

import torch
import torch.nn.functional as F
import diffusers
from diffusers import AutoencoderKL, DDIMScheduler, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from safetensors import safe_open
from transformers import CLIPTextModel

root = pathlib.Path(__file__).resolve().parent.parent
p = argparse.ArgumentParser()
p.add_argument("--rounds", type=int, default=5)
p.add_argument("--threads", type=int, default=1)
p.add_argument("--seconds", type=float, default=4, help="about how long each side of a case runs in a round")
p.add_argument("--cases", default="ti,sampling,vae,denoiser")
p.add_argument("--json", action="store_true")
a = p.parse_args()
torch.set_num_threads(a.threads)
tiny = root / "assets" / "tiny"
log = lambda line: print(line, file=sys.stderr, flush=True)


class Ours:
    """Our half: a process that measures what it is asked to and is idle otherwise."""

    def __init__(self, folder):
        file = f"{folder}/first.safetensors"
        command = ["node", "--import", "tsx", "oracle/embedded_ratio.ts", "--out", file, "--threads", str(a.threads)]
        self.process = subprocess.Popen(command, cwd=root, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.answer()
        with safe_open(file, "pt") as f:
            self.about = f.metadata()
            self.first = {name: f.get_tensor(name) for name in f.keys()}

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("our half ended: its message is above")
        return json.loads(line)

    def time(self, case, times):
        self.process.stdin.write(json.dumps({"case": case, "times": times}) + "\n")
        self.process.stdin.flush()
        out = self.answer()
        return out["seconds"], out["processor"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def freeze(module):
    return module.float().eval().requires_grad_(False)


class Rows(torch.nn.Module):
    """The frozen token table with learned rows past its end, so that no gradient of the whole table is taken."""

    def __init__(self, table, rows):
        super().__init__()
        self.table, self.rows = table, torch.nn.Parameter(rows)

    def forward(self, ids):
        count = len(self.table)
        embedded = F.embedding(ids.clamp(max=count - 1), self.table)
        return torch.where((ids >= count)[..., None], self.rows[(ids - count).clamp(min=0)], embedded)


class Trained:
    """AdamW with clipping on some parameters, and a moving average of them where a decay is given."""

    def __init__(self, parameters, rate, decay=None):
        self.parameters = list(parameters)
        self.optimizer = torch.optim.AdamW(self.parameters, lr=rate, weight_decay=0.01, fused=True)
        self.decay = decay
        self.averages = [p.detach().clone() for p in self.parameters] if decay else []

    def update(self, loss):
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.decay:
            with torch.no_grad():
                torch._foreach_lerp_(self.averages, self.parameters, 1 - self.decay)


# A case is a function run() that does the work once on fresh noise; check() gives what our half wrote as f"{case}.{checked}".
class Denoising:
    """The text encoder, the U-Net and a batch of `case`; `text_states` says how the prompt is read."""

    checked = "loss"

    def load(self, ours, case):
        self.scheduler = DDIMScheduler.from_pretrained(tiny / "scheduler")
        self.text = freeze(CLIPTextModel.from_pretrained(tiny / "text_encoder"))
        self.unet = UNet2DConditionModel.from_pretrained(tiny / "unet")
        side = self.unet.config.sample_size
        shape = (-1, self.unet.config.in_channels, side, side)
        self.latents, self.noise = (ours.first[f"{case}.{name}"].reshape(shape) for name in ("latents", "noise"))
        self.timesteps = ours.first[f"{case}.timesteps"].long()
        self.ids = ours.first[f"{case}.ids"].long().reshape(len(self.timesteps), -1)

    def text_states(self):
        return self.text(self.ids).last_hidden_state

    def loss(self, noise):
        states = self.text_states()
        noisy = self.scheduler.add_noise(self.latents, noise, self.timesteps)
        predicted = self.unet(noisy, self.timesteps, states).sample
        return F.mse_loss(predicted, self.scheduler.get_velocity(self.latents, noise, self.timesteps))

    def check(self):
        return self.loss(self.noise).detach().reshape(1)

    def run(self):
        self.trained.update(self.loss(torch.randn_like(self.noise)))


class TextualInversion(Denoising):
    def __init__(self, ours, layout):
        self.load(ours, "ti")
        freeze(self.unet).to(memory_format=layout)
        rows = Rows(self.text.get_input_embeddings().weight, ours.first["ti.concept"].clone())
        self.text.set_input_embeddings(rows)
        self.trained = Trained(rows.parameters(), 5e-3)


class Sampling:
    checked = "pixels"

    def __init__(self, ours, layout):
        self.pipe = StableDiffusionPipeline.from_pretrained(tiny, safety_checker=None, torch_dtype=torch.float32)
        self.pipe.set_progress_bar_config(disable=True)
        config = dict(self.pipe.scheduler.config, algorithm_type="dpmsolver++", solver_order=2)
        self.pipe.scheduler = DPMSolverMultistepScheduler.from_config(config, timestep_spacing="linspace")
        for part in (self.pipe.unet, self.pipe.vae):
            freeze(part).to(memory_format=layout)
        self.prompts, self.steps = json.loads(ours.about["prompts"]), int(ours.about["steps"])
        side = self.pipe.unet.config.sample_size
        self.noise = ours.first["sampling.latents"].reshape(len(self.prompts), -1, side, side)

    def draw(self):
        with torch.inference_mode():
            options = dict(num_inference_steps=self.steps, guidance_scale=4.0, output_type="pt")
            return self.pipe(self.prompts, latents=self.noise, **options).images

    def check(self):
        return (self.draw().contiguous() * 2 - 1).flatten()

    def run(self):
        self.draw()


class Vae:
    checked = "loss"

    def __init__(self, ours, layout):
        self.vae = AutoencoderKL.from_pretrained(tiny / "vae").float().train().to(memory_format=layout)
        side = self.vae.config.sample_size
        self.pixels = ours.first["vae.pixels"].reshape(-1, 3, side, side).contiguous(memory_format=layout)
        self.noise = ours.first["vae.noise"].reshape(len(self.pixels), self.vae.config.latent_channels, side // 4, side // 4)
        self.trained = Trained(self.vae.parameters(), 1e-4, 0.995)

    def loss(self, noise):
        moments = self.vae.encode(self.pixels).latent_dist
        difference = self.vae.decode(moments.mean + moments.std * noise).sample - self.pixels
        return difference.square().mean() + 0.1 * difference.abs().mean() + 2e-6 * moments.kl().mean()

    def check(self):
        return self.loss(self.noise).detach().reshape(1)

    def run(self):
        self.trained.update(self.loss(torch.randn_like(self.noise)))


class Denoiser(Denoising):
    def __init__(self, ours, layout):
        self.load(ours, "denoiser")
        self.unet.float().train().to(memory_format=layout)
        self.trained = Trained(self.unet.parameters(), 1e-4, 0.995)

    def text_states(self):
        with torch.no_grad():
            return super().text_states()


kinds = dict(ti=TextualInversion, sampling=Sampling, vae=Vae, denoiser=Denoiser)
layouts = {"contiguous": torch.contiguous_format, "channels last": torch.channels_last}
# What the first runs may differ by: a share of the loss, and grey levels of 255 in pixels of [-1, 1].
tolerances = {"loss": 1e-3, "pixels": 2 / 127.5}


def timed(run, times):
    seconds, processor = [], []
    for _ in range(times):
        start, used = time.perf_counter(), time.process_time()
        run()
        seconds.append(time.perf_counter() - start)
        processor.append(time.process_time() - used)
    return seconds, processor


def interval(ratios):
    """Geometric mean of a round's ratios, and the bootstrap's 95 % interval for it."""
    logs = [math.log(r) for r in ratios]
    draw = random.Random(0)
    means = sorted(statistics.fmean(draw.choices(logs, k=len(logs))) for _ in range(2000))
    return dict(ratio=math.exp(statistics.fmean(logs)), low=math.exp(means[50]), high=math.exp(means[1949]))


def main():
    names = a.cases.split(",")
    with tempfile.TemporaryDirectory() as folder:
        ours = Ours(folder)
    peers, times, differences = {}, {}, {}
    for name in names:
        peers[name] = {layout: kinds[name](ours, memory) for layout, memory in layouts.items()}
        for layout, peer in peers[name].items():
            expected = ours.first[f"{name}.{peer.checked}"].clamp(-1, 1) if peer.checked == "pixels" else ours.first[f"{name}.loss"]
            difference = (peer.check() - expected).abs().max().item()
            difference = difference if peer.checked == "pixels" else difference / expected.abs().max().item()
            if not difference <= tolerances[peer.checked]:
                sys.exit(f"{name}: PyTorch's {peer.checked} ({layout}) differs by {difference:.2g}: not the same computation")
            differences[name] = max(differences.get(name, 0), difference)
            timed(peer.run, 2)
        ours.time(name, 1)
        once = ours.time(name, 1)[0][0]
        times[name] = max(1, min(50, round(a.seconds / once)))
    rounds = {name: [] for name in names}
    for r in range(a.rounds):
        for name in names:
            sides = {"ours": lambda: ours.time(name, times[name])}
            for layout, peer in peers[name].items():
                sides[layout] = lambda peer=peer: timed(peer.run, times[name])
            figures = dict(load=os.getloadavg()[0])
            for side in list(sides) if r % 2 == 0 else reversed(list(sides)):
                seconds, processor = sides[side]()
                figures[side] = dict(seconds=statistics.median(seconds), processor=statistics.median(processor))
            rounds[name].append(figures)
            log(f"round {r + 1} {name}: " + ", ".join(f"{s} {1000 * figures[s]['seconds']:.0f} ms" for s in sides))
    ours.close()
    out = {}
    for name in names:
        middle = lambda side, kind: statistics.median(f[side][kind] for f in rounds[name])
        best = min(layouts, key=lambda layout: middle(layout, "seconds"))
        out[name] = dict(
            ours=middle("ours", "seconds"),
            peers={layout: middle(layout, "seconds") for layout in layouts},
            best=best,
            clock=interval([f[best]["seconds"] / f["ours"]["seconds"] for f in rounds[name]]),
            processor=interval([f[best]["processor"] / f["ours"]["processor"] for f in rounds[name]]),
            runsARound=times[name],
            difference=differences[name],
            rounds=rounds[name],
        )
    versions = dict(torch=torch.__version__, diffusers=diffusers.__version__, threads=a.threads, rounds=a.rounds)
    if a.json:
        print(json.dumps(dict(versions, cases=out)))
        return
    print(f"PyTorch {versions['torch']}, diffusers {versions['diffusers']}, {a.threads} thread(s), {a.rounds} rounds")
    for name, case in out.items():
        spread = lambda kind: "{ratio:.2f} [{low:.2f}, {high:.2f}]".format(**case[kind])
        theirs = ", ".join(f"{layout} {1000 * seconds:.1f}" for layout, seconds in case["peers"].items())
        print(f"{name:9} ours {1000 * case['ours']:.1f} ms; PyTorch {theirs} ms; times as fast by the clock {spread('clock')}, by the processor {spread('processor')}")


main()
