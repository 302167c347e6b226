"""Seconds per textual-inversion step at Stable Diffusion 1.5's shape: Contextura and the peer script, in turns.

The U-Net at 512x512 pixels, batch 1, float32, forwards and backwards to the prompt's states, on random weights. Each
round runs one and then the other, so that what else the machine does falls on both. Prints one JSON object: medians,
the ratio of each round (peer / ours) and its median, peak memory, load averages.

    python3 oracle/step_ratio.py [--peer ../shared/peers/ti_step.py] [--rounds 3] [--steps 3] [--threads 2] [--dir FOLDER]

Needs torch and diffusers in the Python that runs it, and `npm run build`. The random checkpoint is written on first use.
"""
import argparse, json, os, pathlib, resource, statistics, subprocess, sys

root = pathlib.Path(__file__).resolve().parent.parent
p = argparse.ArgumentParser()
p.add_argument("--peer", default=str(root.parent / "shared" / "peers" / "ti_step.py"))
p.add_argument("--rounds", type=int, default=3)
p.add_argument("--steps", type=int, default=3)
p.add_argument("--threads", type=int, default=os.cpu_count())
p.add_argument("--dir", default=None)
a = p.parse_args()


def timed(command):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(out.strip().splitlines()[-1]), cpu


ours_command = ["node", "dist/cli/main.js", "bench", "--sd15", "--unet", "--json", "--steps", str(a.steps)]
if a.dir:
    ours_command += ["--dir", a.dir]
peer_command = [sys.executable, a.peer, "--threads", str(a.threads), "--steps", str(a.steps)]
rounds = []
for _ in range(a.rounds):
    load = os.getloadavg()[0]
    ours, ours_cpu = timed(ours_command)
    peer, peer_cpu = timed(peer_command)
    step = statistics.median(ours["stepSeconds"])
    rounds.append(dict(ours=step, peer=peer["step"], ratio=peer["step"] / step, oursPeakGB=ours["peakGB"], peerPeakGB=peer["peakGB"],
                       oursCpuSeconds=ours_cpu, peerCpuSeconds=peer_cpu, load=load))
    print(json.dumps(rounds[-1]), file=sys.stderr)
middle = lambda key: statistics.median(r[key] for r in rounds)
print(json.dumps(dict(ours=middle("ours"), peer=middle("peer"), ratio=middle("ratio"), oursPeakGB=middle("oursPeakGB"),
                      peerPeakGB=middle("peerPeakGB"), threads=a.threads, steps=a.steps, torch=peer["torch"],
                      diffusers=peer["diffusers"], rounds=rounds)))
