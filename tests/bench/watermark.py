#!/usr/bin/env python3
"""How well the watermark is found, and what it costs: marked and unmarked answers of a local model at
several lengths, and texts by people (the files given), all tested with the same key.

    tests/bench/watermark.py --weir build/weir --model run/models/smollm2-135m-moe.gguf [--n 40] TEXT...

Prints Markdown: per length the share found at z >= 4, the median z, and the share of unmarked texts
and of human texts (windows of that many tokens) wrongly called marked.
"""
import argparse
import json
import os
import re
import statistics
import subprocess
import tempfile

PROMPTS = ["Write a story about a river and a town.", "Explain how bread is made.",
           "Describe a walk through a forest.", "Why is sleep important?",
           "Tell me about the history of trains.", "Give advice to a new gardener."]


def answer(a, prompt, seed, key, n):
    cmd = [a.weir, "model", "run", a.model, "-p", prompt, "-n", str(n), "--temp", "0.8", "--seed", str(seed)]
    done = subprocess.run(cmd + (["--watermark", key] if key else []), capture_output=True, check=True)
    rate = re.search(rb"([0-9.]+) generated", done.stderr) or re.search(rb"([0-9.]+) tok", done.stderr)
    return done.stdout, float(rate.group(1)) if rate else None


def test(a, key, text):
    done = subprocess.run([a.weir, "model", "watermark", a.model, "--key", key], input=text, capture_output=True)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["z"]


def cut(a, text, n, most=1 << 30):
    """text in windows of n tokens."""
    ids = json.loads(subprocess.run([a.weir, "model", "tokenize", a.model], input=text, capture_output=True,
                                    check=True).stdout)
    back = lambda part: subprocess.run([a.weir, "model", "detokenize", a.model], input=json.dumps(part).encode(),
                                       capture_output=True, check=True).stdout
    return [back(ids[i:i + n]) for i in range(0, len(ids) - n + 1, n)[:most]]


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--weir", required=True)
    p.add_argument("--model", required=True)
    p.add_argument("--n", type=int, default=40)
    p.add_argument("--human", type=int, default=300, help="windows of human text at most")
    p.add_argument("texts", nargs="+")
    a = p.parse_args()
    human = b"\n".join(open(t, "rb").read() for t in a.texts)
    with tempfile.TemporaryDirectory() as tmp:
        key = os.path.join(tmp, "key")
        marked, plain = [], []
        for i in range(a.n):
            marked.append(answer(a, PROMPTS[i % len(PROMPTS)], i, key, 200))
            plain.append(answer(a, PROMPTS[i % len(PROMPTS)], i, None, 200))
        print(f"load average {os.getloadavg()[0]:.1f}; {a.n} answers of up to 200 tokens each way\n")
        print("| tokens | marked found | median z | unmarked called marked | human texts called marked |")
        print("|---|---|---|---|---|")
        for n in (50, 100, 200):
            zs = [[test(a, key, c[0]) for c in (cut(a, t, n, 1) for t, _ in side) if c] for side in (marked, plain)]
            hz = [test(a, key, w) for w in cut(a, human, n, a.human)]
            share = lambda v: f"{sum(z >= 4 for z in v)} of {len(v)}"
            print(f"| {n} | {share(zs[0])} | {statistics.median(zs[0]):.1f} | {share(zs[1])} | {share(hz)} |")
        rates = [[r for _, r in side if r] for side in (marked, plain)]
        if all(rates):
            print(f"\ngenerated tokens a second, median: marked {statistics.median(rates[0]):.0f}, "
                  f"unmarked {statistics.median(rates[1]):.0f}")


if __name__ == "__main__":
    main()
