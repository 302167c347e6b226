"""Seconds per textual-inversion step at Stable Diffusion 1.5's shape: Contextura and the peer script, in turns.

The U-Net at 512x512 pixels, batch 1, float32, forwards and backwards to the prompt's states, on random weights. Each
round runs one and then the other, so that what else the machine does falls on both. Prints one JSON object: medians,
the ratio of each round (peer / ours) and its median, peak memory, load averages. On a GPU (--device webgpu or cuda, the
peer by CUDA) memory is what the card holds, contexts and caches included, by nvidia-smi; --half compares our
--precision float16 with the peer's bfloat16. With --dreambooth it is a step that trains all weights of the U-Net and the text
encoder, without the MLM objective: ours the whole of customize, the first step left out where there are more, the peer's
oracle/dreambooth_step.py.

    python3 oracle/step_ratio.py [--peer ../shared/peers/ti_step.py] [--rounds 3] [--steps 3] [--threads 2] [--dir FOLDER]
        [--device cpu|webgpu|cuda] [--half] [--dreambooth]

Needs torch and diffusers in the Python that runs it, and `npm run build`. The random checkpoint is written on first use.
"""
import argparse, contextlib, json, os, pathlib, resource, statistics, subprocess, sys, threading, time

root = pathlib.Path(__file__).resolve().parent.parent
p = argparse.ArgumentParser()
p.add_argument("--peer")
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--steps", type=int, default=3)
p.add_argument("--threads", type=int, default=os.cpu_count())
p.add_argument("--dir", default=None)
p.add_argument("--device", choices=["cpu", "webgpu", "cuda"], default="cpu")
p.add_argument("--half", action="store_true")
p.add_argument("--dreambooth", action="store_true")
a = p.parse_args()
if a.dreambooth and a.device != "cpu":
    sys.exit("--dreambooth compares on the CPU only")
peer_script = a.peer or str(root / "oracle" / "dreambooth_step.py" if a.dreambooth else root.parent / "shared" / "peers" / "ti_step.py")


def card_memory():
    query = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"]
    return float(subprocess.run(query, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0]) * 2**20 / 1e9


class CardMemory:
    """What the first card holds at most while this is open, beyond what it held before, in GB."""

    def __enter__(self):
        self.before, self.most, self.over = card_memory(), 0, threading.Event()
        self.thread = threading.Thread(target=self.watch)
        self.thread.start()
        return self

    def watch(self):
        while not self.over.is_set():
            self.most = max(self.most, card_memory() - self.before)
            time.sleep(0.1)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


def timed(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with contextlib.nullcontext() if a.device == "cpu" else CardMemory() as card:
        out = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = json.loads(out.strip().splitlines()[-1])
    if card:
        figures["peakGB"] = card.most
    return figures, cpu


ours_command = ["node", "dist/cli/main.js", "bench", "--sd15", "--json", "--steps", str(a.steps)]
ours_command += ["--method", "dreambooth", "--lambda", "0"] if a.dreambooth else ["--unet"]
if a.dir:
    ours_command += ["--dir", a.dir]
peer_command = [sys.executable, peer_script, "--threads", str(a.threads), "--steps", str(a.steps)]
if a.device != "cpu":
    ours_command += ["--device", a.device]
    peer_command += ["--device", "cuda"]
if a.half:
    ours_command += ["--precision", "float16"]
    peer_command += ["--bf16"]
rounds = []
for _ in range(a.rounds):
    load = os.getloadavg()[0]
    ours, ours_cpu = timed(ours_command)
    peer, peer_cpu = timed(peer_command)
    seconds = ours["stepSeconds"]
    step = statistics.median(seconds[1:] if a.dreambooth and len(seconds) > 1 else seconds)
    rounds.append(dict(ours=step, peer=peer["step"], ratio=peer["step"] / step, oursPeakGB=ours["peakGB"], peerPeakGB=peer["peakGB"],
                       oursCpuSeconds=ours_cpu, peerCpuSeconds=peer_cpu, load=load))
    print(json.dumps(rounds[-1]), file=sys.stderr)
middle = lambda key: statistics.median(r[key] for r in rounds)
print(json.dumps(dict(ours=middle("ours"), peer=middle("peer"), ratio=middle("ratio"), oursPeakGB=middle("oursPeakGB"),
                      peerPeakGB=middle("peerPeakGB"), threads=a.threads, steps=a.steps, torch=peer["torch"],
                      diffusers=peer["diffusers"], rounds=rounds)))
