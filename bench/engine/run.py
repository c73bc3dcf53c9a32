#!/usr/bin/env python3
# run.py -- times the engine beside llama.cpp (and torch), round by round.
# SPDX-License-Identifier: Apache-2.0
"""usage: bench/engine/run.py [--build build] [--rounds 5] [--threads 1,2]
                     [--only decode,prefill,together,embed,busy,memory,loss]

The same SmolLM2 file, the same threads, the same tokens. Each round asks one
side and then the other; both run as long-lived processes that are asked by
lines, so that nothing but the work is timed. A figure is the best round's, by
CPU time of the whole process and by wall time: on a machine that is shared the
best round is the one least disturbed. llama.cpp is the one that the pinned
node-llama-cpp package ships, with the backend that it chooses here; it is
installed once below ${XDG_CACHE_HOME:-~/.cache}/sluice-tests. TORCH_PYTHON
names a Python that has torch and transformers, for MiniLM. What is printed goes
to bench/results/engine.txt too, with every round's figures.

Models: tools/fetch-models. First: make -C build sluice bench/engine_bench
"""
import argparse
import contextlib
import hashlib
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
CACHE = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
MODELS = os.path.join(CACHE, "sluice", "models")
SMOLLM2 = os.path.join(MODELS, "SmolLM2-135M-Instruct.Q4_1.gguf")
MINILM = os.path.join(MODELS, "all-MiniLM-L6-v2")
PINS = ("package.json", "package-lock.json")


def peer_modules():
    """The folder of the pinned package's modules, installed when missing."""
    digest = hashlib.sha256()
    for name in PINS:
        with open(os.path.join(HERE, name), "rb") as data:
            digest.update(data.read())
    folder = os.path.join(CACHE, "sluice-tests",
                          "engine-" + digest.hexdigest()[:16])
    if not os.path.exists(os.path.join(folder, "complete")):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for name in PINS:
            shutil.copy(os.path.join(HERE, name), folder)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit",
                        "--no-fund"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        open(os.path.join(folder, "complete"), "w").close()
    return os.path.join(folder, "node_modules")


class Side:
    """One process that is asked by lines."""

    def __init__(self, name, command):
        self.name = name
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True, bufsize=1)
        while self.process.stdout.readline().strip() != "ready":
            if self.process.poll() is not None:
                raise SystemExit(f"{name} did not start: {command}")

    def words(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline().split()

    def ask(self, line):
        return [int(word) for word in self.words(line)]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Bench:
    def __init__(self, args):
        self.args = args
        self.ours = os.path.join(args.build, "bench", "engine_bench")
        self.modules = None
        results = os.path.join(TOP, "bench", "results")
        os.makedirs(results, exist_ok=True)
        self.out = open(os.path.join(results, "engine.txt"), "w")

    def say(self, line, is_raw=False):
        self.out.write(line + "\n")
        self.out.flush()
        if not is_raw:
            print(line, flush=True)

    def sluice(self, model, threads, *how):
        return Side("sluice", [self.ours, model, str(threads), *how])

    def llama(self, threads):
        self.modules = self.modules or peer_modules()
        return Side("llama.cpp", ["node", os.path.join(HERE, "peer.cjs"),
                                  self.modules, SMOLLM2, str(threads)])

    def torch(self, threads):
        python = os.environ.get("TORCH_PYTHON")
        if not python:
            return None
        return Side("torch", [python, os.path.join(HERE, "peer_torch.py"),
                              MINILM, str(threads)])

    def compare(self, what, line, tokens, sides):
        """Asks all sides in turn, some rounds, and prints what a token took.

        Returns the best wall time of each side."""
        for side in sides:
            side.ask(line)
        rounds = {side.name: [] for side in sides}
        for _ in range(self.args.rounds):
            for side in sides:
                rounds[side.name].append(side.ask(line))
        self.say(what)
        for side in sides:
            wall = min(w for w, _ in rounds[side.name]) / tokens
            cpu = min(c for _, c in rounds[side.name]) / tokens
            half = statistics.median(c for _, c in rounds[side.name]) / tokens
            self.say(f"  {side.name:10} {1e9 / wall:8.1f} tokens/s wall, "
                     f"CPU {cpu / 1e6:7.3f} ms a token "
                     f"(median {half / 1e6:7.3f})")
            self.say(f"    rounds, {line!r}, wall and CPU ns: "
                     + " ".join(f"{w}/{c}" for w, c in rounds[side.name]),
                     is_raw=True)
        if len(sides) > 1:
            a, b = (rounds[side.name] for side in sides)
            wall = min(w for w, _ in b) / min(w for w, _ in a)
            cpu = min(c for _, c in b) / min(c for _, c in a)
            self.say(f"  ratio      {wall:8.2f} wall, {cpu:.2f} CPU")
        return {name: min(w for w, _ in all) for name, all in rounds.items()}

    def language(self, threads, only, *how):
        sides = [self.sluice(SMOLLM2, threads, *how), self.llama(threads)]
        many = f", {threads} thread{'s' if threads > 1 else ''}"
        many += ", --int8" if how else ""
        if "decode" in only:
            self.compare("decode" + many, "decode 16 64", 64, sides)
        if "prefill" in only:
            self.compare("prefill of 128" + many, "prefill 128", 128, sides)
            self.compare("prefill of 512" + many, "prefill 512", 512, sides)
        if "together" in only:
            self.compare("one text" + many, "together 1 16 32", 32, sides)
            for texts in (4, 8, 16):
                self.compare(f"{texts} texts together" + many,
                             f"together {texts} 16 32", 32 * texts, sides)
            self.gain(8, sides, many)
        if "busy" in only and threads > 1:
            self.busy(sides, many)
        if "memory" in only:
            for side in sides:
                kib = side.ask("rss")
                self.say(f"  {side.name:10} resident {kib[0]} KiB")
        for side in sides:
            side.close()

    def gain(self, texts, sides, many):
        """How much faster texts are together than one, asked in turns: what
        other guests of the host leave changes from minute to minute."""
        self.say(f"{texts} texts beside one, in turns" + many)
        for side in sides:
            gains = []
            for _ in range(self.args.rounds):
                one, all_ = (side.ask(f"together {n} 16 32")[0]
                             for n in (1, texts))
                gains.append(texts * one / all_)
            gains.sort()
            self.say(f"  {side.name:10} {statistics.median(gains):.2f} times "
                     f"({gains[0]:.2f} to {gains[-1]:.2f})")

    def busy(self, sides, many):
        """What is left of the speed beside four loops that never wait, which
        the system shares time with by session: those of another one (another
        login or service, as a gateway's neighbours are), and those of the one
        that both sides were started in. The peer stays in that, and shares
        with them thread by thread; ours leaves it (base/apart.h), so that both
        kinds of loops are of another session to it. The peer writes a few
        tokens only: it takes a second for each."""
        for side, tokens in zip(sides, (64, 2)):
            line = f"decode 4 {tokens}"
            for is_own, where in ((True, "of another session"),
                                  (False, "of the session it was started in")):
                alone = self.compare("decode before the loops" + many, line,
                                     tokens, [side])
                with four_loops(is_own):
                    beside = self.compare(
                        f"decode beside four busy loops {where}" + many, line,
                        tokens, [side])
                self.say(f"  {side.name:10} keeps "
                         f"{100 * alone[side.name] / beside[side.name]:.0f}% of "
                         "its speed")

    def llama_score(self, ids):
        """What llama.cpp says of the same tokens."""
        side = self.llama(2)
        lines = [side.words("score " + " ".join(map(str, row)))
                 for row in ids]
        side.close()
        return [float(word) for line in lines for word in line]

    def score(self, rows, *flags):
        """The ids of some texts, and all their tokens' log-probabilities."""
        done = subprocess.run(
            [os.path.join(self.args.build, "sluice"), "score", "--model",
             SMOLLM2, *flags], input=rows, stdout=subprocess.PIPE, text=True,
            check=True)
        rows = [json.loads(line) for line in done.stdout.splitlines()]
        return ([row["ids"] for row in rows],
                [value for row in rows for value in row["logprobs"][1:]])

    def loss(self):
        """How far the fast ways are from --exact, on this project's prose."""
        texts = []
        for name in sorted(os.listdir(os.path.join(TOP, "docs"))):
            if not name.endswith(".md"):
                continue
            with open(os.path.join(TOP, "docs", name)) as text:
                texts.append(text.read(1000))
        rows = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        ids, exact = self.score(rows, "--exact")
        for name, found in (("sluice", self.score(rows)[1]),
                            ("sluice --int8", self.score(rows, "--int8")[1]),
                            ("llama.cpp", self.llama_score(ids))):
            far = sorted(abs(a - b) for a, b in zip(found, exact))
            self.say(f"{name} from exact on {len(far)} tokens of docs/: "
                     f"mean {statistics.mean(far):.4f} nat, "
                     f"p99 {far[len(far) * 99 // 100]:.4f}, "
                     f"most {far[-1]:.3f}; their mean log-probability "
                     f"{statistics.mean(found):.4f}, "
                     f"exactly {statistics.mean(exact):.4f}")

    def sentences(self, threads, *how):
        sides = [self.sluice(MINILM, threads, *how), self.torch(threads)]
        sides = [side for side in sides if side]
        many = f", {threads} thread{'s' if threads > 1 else ''}"
        many += ", --int8" if how else ""
        self.compare("MiniLM, one text of 128" + many, "embed 1 128", 128,
                     sides)
        self.compare("MiniLM, 16 texts of 128" + many, "embed 16 128", 2048,
                     sides)
        self.compare("MiniLM, 16 texts of 7 to 96 tokens, 474 in all" + many,
                     "mixed", 474, sides)
        for side in sides:
            side.close()


# Starts four loops and ends them when its input ends.
LOOPS = """
import subprocess, sys
loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
         for _ in range(4)]
sys.stdin.read()
for loop in loops:
    loop.kill()
"""


@contextlib.contextmanager
def four_loops(is_own):
    with subprocess.Popen([sys.executable, "-c", LOOPS], text=True,
                          stdin=subprocess.PIPE,
                          start_new_session=is_own) as leader:
        try:
            time.sleep(0.5)
            yield
        finally:
            leader.stdin.close()


def machine():
    model = platform.processor()
    try:
        with open("/proc/cpuinfo") as info:
            model = [line.split(":")[1].strip() for line in info
                     if line.startswith("model name")][0]
    except OSError:
        pass
    return (f"{model}, {os.cpu_count()} CPUs, {platform.system()} "
            f"{platform.release()}, load {os.getloadavg()[0]:.1f}")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default=os.path.join(TOP, "build"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--only", default="decode,prefill,together,embed,busy,memory,loss")
    args = parser.parse_args()
    only = args.only.split(",")
    bench = Bench(args)
    bench.say(machine())
    if "loss" in only:
        bench.loss()
    for threads in (int(word) for word in args.threads.split(",")):
        for how in ([], ["short"]):
            if set(only) - {"embed", "loss"}:
                bench.language(threads, only, *how)
            if "embed" in only:
                bench.sentences(threads, *how)


if __name__ == "__main__":
    main()
