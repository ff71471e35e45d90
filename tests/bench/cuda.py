#!/usr/bin/env python3
"""`make bench-cuda`: what must be seen on a machine with a GPU before a word about speed may be said, in one report.

  1. the device opens, and says what it is (else one sentence, and the exit status is 2)
  2. kernel checks: the unit tests of the kernels, run on the device
  3. logits of every fixture against the reference that lies beside it
  4. batch sweeps: tokens a second at 1 to 64 sequences, prompts, for the files that fit
  5. the sweeps beside the model's bound (tests/bench/cuda_model.json), where the file is one of the modelled shapes

The report is one JSON file with everything and the same as Markdown beside it. CUDA_DEVICE=emulated runs the same
steps on the emulator with tiny sizes: that tests this script and says nothing about speed, which the report repeats.
Files to sweep: BENCH_CUDA_MODELS, paths separated by colons; without it, shapes of published models with empty weights
(tools/cuda_shapes.py) that fit into the device's memory. Exit: 0 all that ran is right, 1 something is not, 2 no device.
"""
import argparse
import array
import json
import math
import os
import platform
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import cuda_shapes  # noqa: E402

FIXTURES = os.path.join(os.environ.get("WEIR_FIXTURES", os.path.join(ROOT, "..", "shared", "fixtures")), "models")
VECTORS = os.path.join(ROOT, "tests", "vectors", "models")
EMULATED_NOTE = "ran on the emulator: says that this script and the kernels work there, and nothing about any GPU"


class Bench:
    def __init__(self, build, device):
        self.build, self.device = build, device
        self.weir = os.path.join(build, "weir")
        self.emulated = device == "emulated"
        self.report = {"device": device, "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
                       "host": platform.processor() or platform.machine(), "steps": {}}
        if self.emulated:
            self.report["note"] = EMULATED_NOTE

    def run(self, *args, timeout=3600, env=None):
        return subprocess.run([str(a) for a in args], capture_output=True, text=True, timeout=timeout, cwd=ROOT,
                              env=dict(os.environ, **(env or {})))

    # -- 1 --

    def open(self):
        """None, or why there is no device."""
        with tempfile.NamedTemporaryFile() as out:
            r = self.run(self.weir, "model", "logits", os.path.join(VECTORS, "qwen3moe.gguf"), "--tokens", "1,2,3",
                         "--device", self.device, "--out", out.name)
        if r.returncode:
            return r.stderr.strip().splitlines()[-1] if r.stderr.strip() else f"exit status {r.returncode}"
        if not self.emulated:
            s = self.run("nvidia-smi", "--query-gpu=name,memory.total,driver_version,clocks.max.sm,pcie.link.gen.max",
                         "--format=csv,noheader") if which("nvidia-smi") else None
            self.report["gpu"] = s.stdout.strip() if s and s.returncode == 0 else "nvidia-smi is not there"
        return None

    # -- 2 --

    def kernels(self):
        """The tests of kernels; on the emulator a few of them, since make test runs all."""
        folder, rows = os.path.join(self.build, "unit"), []
        names = sorted(n for n in os.listdir(folder) if n.startswith("engine_cuda") and "." not in n) \
            if os.path.isdir(folder) else []
        for name in names[:1] if self.emulated else names:
            t = time.monotonic()
            r = self.run(os.path.join(folder, name), env={} if self.emulated else {"WEIR_CUDA_TEST": "hardware"})
            rows.append({"program": name, "good": r.returncode == 0, "seconds": round(time.monotonic() - t, 2),
                         **({} if r.returncode == 0 else {"says": (r.stdout + r.stderr)[-2000:]})})
        return rows, bool(rows) and all(x["good"] for x in rows)

    # -- 3 --

    def one_fixture(self, folder, name, prompt):
        about = json.load(open(os.path.join(folder, name + ".json"), encoding="utf-8"))
        deq = os.path.join(folder, f"{name}.deq.{prompt}.logits.f32")
        want = floats(deq if os.path.exists(deq) else os.path.join(folder, f"{name}.{prompt}.logits.f32"))
        with tempfile.NamedTemporaryFile() as out:
            r = self.run(self.weir, "model", "logits", os.path.join(folder, name + ".gguf"), "--tokens",
                         ",".join(map(str, about[prompt]["tokens"])), "--pos", about[prompt].get("pos0", 0), "--device",
                         self.device, "--activations", "int16", "--out", out.name)
            got = floats(out.name) if r.returncode == 0 else []
        row = {"model": name, "prompt": prompt}
        if r.returncode or len(got) != len(want):
            return {**row, "good": False, "says": r.stderr.strip()[-500:]}
        error = sum((a - b) ** 2 for a, b in zip(got, want)) / sum(b * b for b in want)
        return {**row, "max_abs": round(max(abs(a - b) for a, b in zip(got, want)), 6), "nmse": error,
                "good": error < 1e-4}

    def fixtures(self):
        folder, rows = FIXTURES if os.path.isdir(FIXTURES) else VECTORS, []
        names = sorted(n[:-5] for n in os.listdir(folder) if n.endswith(".gguf") and
                       os.path.exists(os.path.join(folder, n[:-5] + ".json")))
        for name in ["gpt-oss-mxfp4", "qwen3moe"] if self.emulated else names:
            rows.append(self.one_fixture(folder, name, "p1"))
            if not self.emulated:
                rows.append(self.one_fixture(folder, name, "p2"))
        return rows, all(x["good"] for x in rows)

    # -- 4, 5 --

    def files(self, folder):
        """(path, name of the shape or None)"""
        named = os.environ.get("BENCH_CUDA_MODELS")
        if named:
            return [(p, next((n for n in cuda_shapes.MODELS if n in os.path.basename(p)), None))
                    for p in named.split(":")]
        if self.emulated:
            return [(os.path.join(VECTORS, "qwen3moe.gguf"), None)]
        out = []
        for name, model in cuda_shapes.MODELS.items():
            path = os.path.join(folder, name + ".gguf")
            cuda_shapes.write(model, path)
            out.append((path, name))
        return out

    def sweep(self):
        record = os.path.join(ROOT, "tests", "bench", "cuda_model.json")
        modelled = json.load(open(record, encoding="utf-8"))["models"] if os.path.exists(record) else {}
        rows, good = [], True
        with tempfile.TemporaryDirectory(prefix="weir-bench-cuda-") as folder:
            for path, shape in self.files(folder):
                for batch in (1, 2) if self.emulated else (1, 2, 4, 8, 16, 32, 64):
                    size = ["--pp", 8, "--tg", 2, "--reps", 1] if self.emulated else ["--pp", 512, "--tg", 128]
                    r = self.run(self.weir, "model", "bench", path, "--device", self.device, "--parallel", batch, *size)
                    row = {"model": os.path.basename(path), "sequences": batch}
                    if r.returncode:
                        rows.append({**row, "says": r.stderr.strip()[-500:]})
                        good = good and "memory" in r.stderr  # a file that does not fit is no failure
                        break
                    told = json.loads(r.stdout)
                    row |= {"pp_tok_s": told["pp_tok_s"], "tg_tok_s": told["tg_tok_s"]}
                    if shape and str(batch) in modelled.get(shape, {}):
                        row["model_bound_tok_s"] = {c: x["with_launches_tok_s"] for c, x in
                                                    modelled[shape][str(batch)]["cards"].items()}
                    rows.append(row)
        return rows, good

    # -- the report --

    def write(self, path):
        with open(path + ".json", "w", encoding="utf-8") as f:
            json.dump(self.report, f, indent=1)
        with open(path + ".md", "w", encoding="utf-8") as f:
            f.write(f"# bench-cuda on {self.device}, {self.report['when']}\n\n")
            f.write(f"{self.report.get('gpu', '')}{self.report.get('note', '')}\n")
            for name, step in self.report["steps"].items():
                f.write(f"\n## {name}: {'good' if step['good'] else 'NOT GOOD'}\n\n")
                keys = list(dict.fromkeys(k for row in step["rows"] for k in row))
                f.write("| " + " | ".join(keys) + " |\n" + "|---" * len(keys) + "|\n")
                for row in step["rows"]:
                    f.write("| " + " | ".join(str(row.get(k, "")).replace("\n", " ") for k in keys) + " |\n")


def which(name):
    return any(os.access(os.path.join(p, name), os.X_OK) for p in os.environ.get("PATH", "").split(":"))


def floats(path):
    a = array.array("f")
    with open(path, "rb") as f:
        a.frombytes(f.read())
    if sys.byteorder == "big":
        a.byteswap()
    return [x if math.isfinite(x) else 1e30 for x in a]


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument("--build", default=os.path.join(ROOT, "build"))
    p.add_argument("--device", default="cuda", choices=("cuda", "emulated"))
    p.add_argument("--out", help="the report without its ending; BUILD/bench-cuda")
    args = p.parse_args()
    b = Bench(os.path.abspath(args.build), args.device)
    why = b.open()
    if why:
        print(f"bench-cuda: no CUDA device to run on: {why}")
        return 2
    for name, step in (("kernels", b.kernels), ("fixtures", b.fixtures), ("sweep", b.sweep)):
        rows, good = step()
        b.report["steps"][name] = {"good": good, "rows": rows}
        print(f"bench-cuda: {name}: {len(rows)} rows, {'good' if good else 'NOT GOOD'}", flush=True)
    out = args.out or os.path.join(args.build, "bench-cuda")
    b.write(out)
    print(f"bench-cuda: report in {out}.json and {out}.md" + (f" ({EMULATED_NOTE})" if b.emulated else ""))
    return 0 if all(s["good"] for s in b.report["steps"].values()) else 1


if __name__ == "__main__":
    sys.exit(main())
