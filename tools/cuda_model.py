#!/usr/bin/env python3
"""cuda_model.py - what Weir's CUDA kernels cost on a GPU, as a model: nothing of it was measured on one.

  cuda_model.py measure --build build     counts the real kernels in the emulator, reads the compiler's reports,
                                          writes tests/bench/cuda_model.json
  cuda_model.py report  --build build     reads the compiler's reports and what the check counts anew
  cuda_model.py check   --build build     fails if a figure is worse than the recorded one (make test runs it)
  cuda_model.py table                     the table of docs/cuda-model.md, from the record
  cuda_model.py plot                      docs/cuda-model.svg, from the record

How. A reduced model with the real length of every row (cuda_shapes.py) makes one step of B sequences with a context of
C tokens through the engine's CUDA path on the emulated device that counts (tests/emu/count.cpp). Each launch of a
layer gives bytes and sectors; runs that differ in sequences or context give how each launch grows with them, and the
real model is that line at its own numbers; products of experts and of the output count as many times as there are more
matrices or rows than in the reduced model. What is counted:

  moved    bytes of the different 32-byte sectors that a launch reads and writes, added up over launches: weights,
           cache and activations alike. A sector that blocks of one launch share is taken to come from memory once
  minimal  every weight that the step must use, as it stands in the file, and the keys and values that it must see
  L2       the same sectors, once for each block that touches them
  issue    instructions of the loop that works (of mma, or of most loads), from the machine code, per byte that it
           loads, times the bytes that threads asked for; the loop is taken with all its branches (an upper figure)
  flight   bytes of that loop's loads that resident warps keep under way, against bandwidth times 700 ns

A launch's time on a card is at least the largest of moved / bandwidth, L2 / L2 bandwidth, issue / issue rate and moved /
(flight / 700 ns); the bound of a step adds its launches up, and 1.5 us for each launch in the bound "with launches".
"""
import argparse
import difflib
import json
import math
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import cuda_shapes as shapes  # noqa: E402

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
RECORD = os.path.join(ROOT, "tests", "bench", "cuda_model.json")
CONTEXT, BATCHES = 4096, (1, 8, 64)
LATENCY_S, LAUNCH_S = 700e-9, 1.5e-6
WORSE = 1.02  # a figure may grow by so much before the check fails: alignment, a byte more of arguments


@dataclass
class Card:
    """Multiprocessors, clock (boost), bandwidth and L2 as the maker's data sheets and whitepapers state them (A100: 5120
    bytes a clock of L2; H100 taken the same; RTX 4090: what has been measured and published, 5 TB/s); the rest are the
    limits of the compute capability in the CUDA programming guide's table of technical specifications."""
    name: str
    arch: int
    sms: int
    clock: float
    bandwidth: float
    l2: float
    warps: int
    blocks: int
    shared: int      # bytes of a multiprocessor that blocks can have; each block takes 1024 more


CARDS = (Card("H100", 90, 132, 1.755e9, 3.35e12, 5120 * 1.755e9, 64, 32, 228 << 10),
         Card("A100-80", 80, 108, 1.41e9, 2.039e12, 5120 * 1.41e9, 64, 32, 164 << 10),
         Card("RTX 4090", 89, 128, 2.52e9, 1.008e12, 5.0e12, 48, 24, 100 << 10))


def occupancy(card, registers, shared, threads):
    """Resident warps of a multiprocessor: 65536 registers in units of 256 a warp, shared memory in units of 128."""
    warps = -(-threads // 32)
    by_registers = 65536 // (max(1, -(-registers * 32 // 256)) * 256) // warps
    by_shared = card.shared // (-(-(shared + 1024) // 128) * 128)
    return min(card.blocks, card.warps // warps, by_registers, by_shared) * warps


# ---- minimal bytes ----

def touched(model, batch):
    return model.n_expert * (1 - (1 - model.n_used / model.n_expert) ** batch)


def minimal(model, batch, context=CONTEXT):
    """(bytes of weights, bytes of cache) of a step; biases, norms and routers among the weights."""
    weights = 0
    for name, ne, kind in model.tensors():
        n = shapes.tensor_bytes(ne, kind)
        if name == "token_embd.weight":
            n = batch * shapes.tensor_bytes((ne[0],), kind)
        elif "_exps" in name:
            n *= touched(model, batch) / model.n_expert
        weights += n
    cell = 2 * (model.mla["kv_lora"] + model.mla["rope"] if model.mla else 2 * model.n_head_kv * model.n_dim)
    cache = sum(batch * min(w or context, context) * cell for w in model.windows())
    return weights, cache


# ---- the compiler's reports ----

def ptxas(build):
    """{kernel: {arch: (registers, shared, spilled bytes)}} of build/cuda/*.ptxas."""
    out, at = {}, None
    folder = os.path.join(build, "cuda")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        if not name.endswith(".ptxas"):
            continue
        for line in open(os.path.join(folder, name), encoding="utf-8"):
            if m := re.search(r"Compiling entry function '(\w+)' for 'sm_(\d+)'", line):
                at = out.setdefault(m[1], {}).setdefault(int(m[2]), [0, 0, 0])
            elif at is not None and (m := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line)):
                at[2] = int(m[1]) + int(m[2])
            elif at is not None and (m := re.search(r"Used (\d+) registers", line)):
                at[0] = int(m[1])
                smem = re.search(r"(\d+) bytes smem", line)
                at[1] = int(smem[1]) if smem else 0
    return out


WIDTH = {"128": 16, "64": 8, "U16": 2, "S16": 2, "U8": 1, "S8": 1}


def load_bytes(op):
    """Bytes a lane of a load from global memory, 0 of anything else."""
    if not op.startswith(("LDG", "LDGSTS")):
        return 0
    return next((n for w, n in WIDTH.items() if "." + w in op), 4)


def hot_loop(code):
    """(instructions, bytes a lane loads, mma) of the loop that works: of [(address, operation, target or None)] the
    shortest span between a branch back and its target that has the most mma and loads; without mma, that loads most."""
    best = (0, 0, 0)
    for lo, hi in sorted({(t, at) for at, _, t in code if t is not None and t <= at}, key=lambda x: x[1] - x[0]):
        body = [op for at, op, _ in code if lo <= at <= hi]
        mma = sum(op.startswith(("HMMA", "IMMA", "QMMA")) for op in body)
        loaded = sum(map(load_bytes, body))
        if loaded and (mma, loaded if not mma else 0) > (best[2], best[1] if not best[2] else 0):
            best = (len(body), loaded, mma)
    return best


def sass(build, arch=90):
    """{kernel: {instructions, bytes, mma, code}}: of the loop that works, and all instructions. Empty
    without cuobjdump and nvdisasm (NVIDIA's packages of these names)."""
    tool, out = shutil.which("cuobjdump"), {}
    folder = os.path.join(build, "cuda")
    if not tool or not shutil.which("nvdisasm") or not os.path.isdir(folder):
        return out
    for name in sorted(os.listdir(folder)):
        if not name.endswith(".fatbin"):
            continue
        text = subprocess.run([tool, "-sass", "-arch", f"sm_{arch}", os.path.join(folder, name)], capture_output=True,
                              text=True, check=True).stdout
        for part in text.split("Function : ")[1:]:
            code = []
            for m in re.finditer(r"^\s+/\*([0-9a-f]{4,5})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)([^;]*);", part, re.M):
                branch = m[2].startswith("BRA") and re.search(r"0x([0-9a-f]+)", m[3])
                code.append((int(m[1], 16), m[2], int(branch[1], 16) if branch else None))
            best = hot_loop(code)
            out[part.split()[0]] = {"instructions": best[0], "bytes": best[1], "mma": best[2], "code": len(code)}
    return out


# ---- counting ----

FIELDS = ("read", "written", "l2_read", "l2_written", "asked", "put", "requests", "request_sectors", "mma")


class Counter:
    """Runs the harness, keeps nothing but the launches of a step by layer."""

    def __init__(self, build):
        self.tool = os.path.join(build, "tests", "bench", "engine_cuda_count")
        self.so = os.path.join(build, "tests", "libweir-emu-count.so")
        self.folder = tempfile.mkdtemp(prefix="weir-model-")
        self.made = {}

    def close(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    def file(self, model):
        key = (model.name, model.n_layer, model.n_expert, model.n_vocab)
        if key not in self.made:
            self.made[key] = os.path.join(self.folder, "-".join(map(str, key)) + ".gguf")
            shapes.write(model, self.made[key])
        return self.made[key]

    def run(self, model, batch, context, blocks=0):
        """[launches from a layer's launch over heads to the next one's], what comes before the first layer and behind
        the last one, and experts touched a layer in the mean. blocks: of a product's launch that run, 0: all."""
        counts = os.path.join(self.folder, "counts.jsonl")
        if os.path.exists(counts):
            os.remove(counts)
        r = subprocess.run([self.tool, self.file(model), str(batch), str(context), counts], capture_output=True,
                           text=True, env=dict(os.environ, WEIR_EMU_COUNTS=counts, WEIR_CUDA_LIBRARY=self.so,
                                               WEIR_EMU_MEMORY_MIB="65536", WEIR_EMU_COUNT_BLOCKS=str(blocks)))
        if r.returncode:
            raise SystemExit(f"{' '.join(r.args)}: {r.stderr}")
        told = json.loads(r.stdout)
        raw = open(counts, "rb").read()
        ends = [told["start"]] + told["heads"] + [len(raw)]
        parts = [[vector(json.loads(x)) for x in raw[a:b].splitlines()] for a, b in zip(ends, ends[1:])]
        ends_of = [x for x in parts[0] if x["kernel"] in ("weir_embed", "weir_angles")]
        # behind the last layer's down matrices, the second product behind its router
        last = next(i for i, x in enumerate(parts[-1]) if x["kernel"] == "weir_router") + 2
        return parts[1:-1], ends_of + parts[-1][last + 1:], told["touched"]


def vector(launch):
    threads = math.prod(launch["block"])
    return {"kernel": launch["kernel"], "threads": threads, "shared": launch["shared"] + launch["dynamic"],
            "blocks": math.prod(launch["grid"]), **{f: launch[f] for f in FIELDS}}


def align(a, b):
    """Pairs of launches of two runs by kernel, in order; a launch that only one has is paired with nothing."""
    out = []
    match = difflib.SequenceMatcher(None, [x["kernel"] for x in a], [x["kernel"] for x in b], autojunk=False)
    for op, a0, a1, b0, b1 in match.get_opcodes():
        if op == "equal":
            out += zip(a[a0:a1], b[b0:b1])
        else:
            out += [(x, None) for x in a[a0:a1]] + [(None, x) for x in b[b0:b1]]
    return out


NUMBERS = FIELDS + ("blocks",)


def line(base, a, b, times):
    """base plus (b - a) times so many, launch by launch: the n-th of base's launches of a kernel takes the difference
    of the n-th of a's and b's, matrix-vector and tile kernels of a type being the same here. A launch that b alone has
    (joining the parts of long rows) is added."""
    stem = lambda x: re.sub(r"^weir_(mv|tile)_", "weir_", x["kernel"])
    out, places, at, seen = [dict(x) for x in base], {}, {}, {}
    for i, x in enumerate(out):
        n = at[stem(x)] = at.get(stem(x), -1) + 1
        places[stem(x), n] = i
    for x, y in align(a, b):
        key = stem(x or y)
        n = seen[key] = seen.get(key, -1) + 1
        i = places.get((key, n))
        if i is None:
            if x is None and times > 0:
                out.append(dict(y, **{f: y[f] * times for f in NUMBERS}))
            continue
        for f in NUMBERS:
            out[i][f] = max(0, out[i][f] + ((y[f] if y else 0) - (x[f] if x else 0)) * times)
    return out


BLOCKS = 24           # of a product's launch that run
NEAR, FAR = 64, CONTEXT  # contexts
VOCAB = 1024


class Runs:
    """The steps that are run for a model's rows, and what they gave. gpt-oss-120b has those of gpt-oss-20b."""

    def __init__(self, counter, log):
        self.counter, self.log, self.kept = counter, log, {}

    def get(self, model, batch, context=NEAR):
        """(layers, ends): of gpt-oss layers with a window and without, of DeepSeek dense and with experts. There are as
        many experts as a token uses, and all of them are touched."""
        lead = 1 if model.n_dense_lead else 0
        small = model.reduced(3 if lead or model.window else 2, model.n_used, VOCAB)
        if lead:
            small = replace(small, n_dense_lead=1, keys=small.keys | {"leading_dense_block_count": 1})
        key = (model.arch, model.n_embd, model.n_ff, batch, context)
        if key not in self.kept:
            self.log(f"{model.name}: {batch} sequences, context {context}")
            self.kept[key] = self.counter.run(small, batch, context, BLOCKS)[:2]
        return self.kept[key]


PACKED = {shapes.Q4_K: 1.028}  # bytes of a packed matrix over the file's (engine/cuda/pack.h); others: 1


def more_weights(launch, n):
    """A product that reads n bytes of weights more."""
    return dict(launch, **{f: launch[f] + n for f in ("read", "l2_read", "asked")})


def with_experts(part, model, batch):
    """A layer as counted, with the real number of experts: products behind the grouping read as many matrices as a
    batch touches in the mean, and the router's rows are those of all experts. (The pairs are as many as they are.)"""
    out, product, packed = [], None, PACKED.get(model.experts, 1)
    each = packed * shapes.tensor_bytes((model.n_embd, model.n_ff), model.experts)
    for x in part:
        name = x["kernel"]
        if name == "weir_router":
            x = more_weights(x, 4 * model.n_embd * (model.n_expert - model.n_used))
            x["blocks"] *= math.ceil(model.n_expert / 16) / math.ceil(model.n_used / 16)
        elif product in (0, 1) and name.startswith(("weir_mv_", "weir_tile_")):
            x = more_weights(x, (2 - product) * each * (touched(model, batch) - model.n_used))
            product += 1
        if name == "weir_router":
            product = 0
        out.append(x)
    return out


def with_vocabulary(ends, model):
    """What is there once, with all rows of the output matrix."""
    row = PACKED.get(model.head, 1) * shapes.tensor_bytes((model.n_embd,), model.head)
    grown = [dict(more_weights(x, row * (model.n_vocab - VOCAB)), written=x["written"] * model.n_vocab / VOCAB,
                  blocks=x["blocks"] * model.n_vocab / VOCAB)
             if x["kernel"].startswith(("weir_mv_", "weir_tile_")) else x for x in ends]
    return grown


def step(runs, model, batch):
    """[(how many, launches)] of a step of the real model: its layers by kind, then what is there once."""
    if model.n_dense_lead:
        kinds = [(model.n_dense_lead, 0), (model.n_layer - model.n_dense_lead, 1)]
    elif model.window:
        kinds = [((model.n_layer + 1) // 2, 0), (model.n_layer // 2, 1)]
    else:
        kinds = [(model.n_layer, 0)]
    one, far = runs.get(model, 1)[0], runs.get(model, 1, FAR)[0]
    at = min(batch, 8) if batch <= 8 else 16     # above eight sequences products work by tiles
    base, ends = runs.get(model, at)
    total = []
    for count, i in kinds:
        part = base[i]
        if batch > at:
            part = line(part, part, runs.get(model, 24)[0][i], (batch - at) / 8)
        part = with_experts(part, model, batch)
        total.append((count, line(part, one[i], far[i], (CONTEXT - NEAR) / (FAR - NEAR) * batch)))
    if batch > at:
        ends = line(ends, ends, runs.get(model, 24)[1], (batch - at) / 8)
    total.append((1, with_vocabulary(ends, model)))
    return total


# ---- from counts to bounds ----

# Kernels of several loops, by the type whose loop the models here take in them.
LIKE = {"weir_mv_any": "weir_mv_q4_k", "weir_tile_any": "weir_tile_q4_k"}


def seconds(card, launch, report, code):
    """(what bounds it, seconds) of a launch."""
    moved = launch["read"] + launch["written"]
    regs, shared = (report.get(launch["kernel"], {}).get(str(card.arch)) or (64, 0, 0))[:2]
    warps = occupancy(card, regs, max(shared, launch["shared"]), launch["threads"])
    block = -(-launch["threads"] // 32)
    resident = min(warps * card.sms, max(1, launch["blocks"]) * block)
    busy = min(card.sms, max(1, launch["blocks"]))
    loop = code.get(LIKE.get(launch["kernel"], launch["kernel"]))
    ways = {"memory": moved / card.bandwidth, "L2": (launch["l2_read"] + launch["l2_written"]) / card.l2}
    if loop and loop["bytes"]:
        iterations = launch["asked"] / (32 * loop["bytes"])
        ways["issue"] = iterations * loop["instructions"] / (busy * 4 * card.clock)
        ways["flight"] = moved / (resident * 32 * loop["bytes"] / LATENCY_S)
    return max(ways.items(), key=lambda x: x[1])


def summary(model, batch, parts, report, code):
    weights, cache = minimal(model, batch)
    launches = sum(count * len(part) for count, part in parts)
    moved = sum(count * sum(x["read"] + x["written"] for x in part) for count, part in parts)
    per_layer = max(len(part) for _, part in parts[:-1])
    out = {"minimal": round(weights + cache), "moved": round(moved), "ratio": round(moved / (weights + cache), 4),
           "launches": launches, "launches_per_layer": per_layer, "cards": {}}
    for card in CARDS:
        t, by = 0.0, {}
        for count, part in parts:
            for x in part:
                why, s = seconds(card, x, report, code)
                t += count * s
                by[why] = by.get(why, 0) + count * s
        out["cards"][card.name] = {
            "roofline_tok_s": round(batch / ((weights + cache) / card.bandwidth), 1), "bound_tok_s": round(batch / t, 1),
            "with_launches_tok_s": round(batch / (t + launches * LAUNCH_S), 1),
            "bound_by": {why: round(s / t, 3) for why, s in sorted(by.items(), key=lambda x: -x[1])}}
    return out


def rounded(parts):
    return [[count, [{f: (round(v) if isinstance(v, float) else v) for f, v in x.items()} for x in part]]
            for count, part in parts]


# ---- the commands ----

def compiler(build):
    report = {k: {str(a): v for a, v in x.items() if a in {c.arch for c in CARDS}} for k, x in ptxas(build).items()}
    return report, sass(build)


def evaluate(record):
    """The summaries, from what was counted."""
    return {name: {b: summary(shapes.MODELS[name], int(b), parts, record["ptxas"], record["loops"])
                   for b, parts in batches.items()} for name, batches in record["counts"].items()}


def save(record, build):
    """The compiler's reports where there are any, the table, and all of it into the file."""
    report, code = compiler(build)
    record["ptxas"] = report or record.get("ptxas", {})
    record["loops"] = code or record.get("loops", {})
    record["models"] = evaluate(record)
    with open(RECORD, "w", encoding="utf-8") as f:
        f.write(compact(record))


def report(args):
    record = json.load(open(RECORD))
    if os.path.exists(os.path.join(args.build, "tests", "libweir-emu-count.so")):
        counter = Counter(args.build)
        try:
            record["quick"] = quick(counter)
        finally:
            counter.close()
    save(record, args.build)


def measure(args):
    record = json.load(open(RECORD)) if os.path.exists(RECORD) else {"counts": {}}
    counter = Counter(args.build)
    try:
        runs = Runs(counter, lambda s: print(s, file=sys.stderr, flush=True))
        for name in args.models or shapes.MODELS:
            record["counts"][name] = {str(b): rounded(step(runs, shapes.MODELS[name], b)) for b in BATCHES}
        record["quick"] = quick(counter)
    finally:
        counter.close()
    save(record, args.build)


def compact(record):
    """JSON with a line a launch."""
    text = json.dumps(record, indent=1, sort_keys=True)
    return re.sub(r"\{\n\s+(\"asked\".*?)\n\s+\}", lambda m: "{" + re.sub(r"\n\s+", " ", m[1]) + "}", text,
                  flags=re.S) + "\n"


QUICK = (("Qwen3-30B-A3B", 1),)


def quick(counter):
    """What the check counts anew: a step of one sequence of reduced models, by launch."""
    out = {}
    for name, batch in QUICK:
        m = shapes.MODELS[name]
        layers, ends, _ = counter.run(m.reduced(2, m.n_used, 1024), batch, NEAR, BLOCKS)
        out[name] = [[{f: x[f] for f in ("kernel", "read", "written", "l2_read", "request_sectors")} for x in p]
                     for p in layers + [ends]]
    return out


def worse(what, now, then):
    return [f"{what}: {now} where {then} is recorded"] if now > then * WORSE + 64 else []


def compare(record, counted, report):
    """What is worse than the record, in words."""
    bad = []
    for kernel, archs in report.items():
        for arch, (regs, shared, spill) in archs.items():
            then = record["ptxas"].get(kernel, {}).get(arch)
            card = next(c for c in CARDS if str(c.arch) == arch)
            if spill:
                bad.append(f"{kernel} on sm_{arch}: {spill} bytes are spilled")
            if then and occupancy(card, regs, shared, 128) < occupancy(card, then[0], then[1], 128):
                bad.append(f"{kernel} on sm_{arch}: {regs} registers and {shared} bytes of shared memory, recorded "
                           f"{then[0]} and {then[1]}: fewer warps fit")
    for name, parts in counted.items():
        for i, (now, then) in enumerate(zip(parts, record["quick"][name])):
            if len(now) > len(then):
                bad.append(f"{name}, part {i}: {len(now)} launches where {len(then)} are recorded")
            for a, b in align(now, then):
                for f in ("read", "written", "l2_read", "request_sectors"):
                    if a and b:
                        bad += worse(f"{name}, part {i}, {a['kernel']}, {f}", a[f], b[f])
    if evaluate(record) != record["models"]:
        bad.append("the record's table is not what its counts give: run tools/cuda_model.py report")
    return bad


def check(args):
    report_now = compiler(args.build)[0]
    counter = Counter(args.build)
    try:
        bad = compare(json.load(open(RECORD)), quick(counter), report_now)
    finally:
        counter.close()
    for text in bad:
        print(text)
    print(f"cuda_model: {len(report_now)} kernels' reports, {len(QUICK)} models counted, {len(bad)} worse than "
          "recorded")
    return 1 if bad else 0


def table(_):
    record = json.load(open(RECORD))
    print("| model | sequences | minimal GB | moved GB | moved / minimal | launches a layer | "
          + " | ".join(f"{c.name}: roofline, bound, with launches (tok/s)" for c in CARDS) + " |")
    print("|---" * (6 + len(CARDS)) + "|")
    for name, batches in record["models"].items():
        for b in map(str, BATCHES):
            s = batches[b]
            cells = [f"{x['roofline_tok_s']:.0f}, {x['bound_tok_s']:.0f}, {x['with_launches_tok_s']:.0f}"
                     for x in (s["cards"][c.name] for c in CARDS)]
            print(f"| {name} | {b} | {s['minimal'] / 1e9:.2f} | {s['moved'] / 1e9:.2f} | {s['ratio']:.3f} | "
                  f"{s['launches_per_layer']} | " + " | ".join(cells) + " |")


def plot(args):
    """Bars of the bound as a part of the roofline."""
    record = json.load(open(RECORD))["models"]
    names, w, h, left, top = list(record), 980, 420, 60, 60
    colours = {"H100": "#2b6ca3", "A100-80": "#6aa84f", "RTX 4090": "#c77f2a"}
    group = (w - left - 20) / (len(names) * len(BATCHES))
    y = lambda v: top + (1 - v) * (h - top - 80)
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{w}" height="{h}" font-family="sans-serif" font-size="12">',
           f'<rect width="{w}" height="{h}" fill="white"/>',
           '<text x="60" y="22" font-size="15">Modelled bound of a decode step over the roofline (context 4096)</text>',
           '<text x="60" y="40" fill="#555">bars: without launches; ticks: with 1.5 us a launch. A model from emulated '
           "counts: not yet run on hardware</text>"]
    for v in (0, 0.25, 0.5, 0.75, 1):
        out.append(f'<line x1="{left}" x2="{w - 20}" y1="{y(v):.1f}" y2="{y(v):.1f}" stroke="#ccc"/>'
                   f'<text x="{left - 8}" y="{y(v) + 4:.1f}" text-anchor="end">{v:g}</text>')
    for i, (name, b) in enumerate((n, b) for n in names for b in BATCHES):
        x0 = left + i * group
        for k, card in enumerate(CARDS):
            s = record[name][str(b)]["cards"][card.name]
            part, tick = (s[f] / s["roofline_tok_s"] for f in ("bound_tok_s", "with_launches_tok_s"))
            bar = (group - 10) / len(CARDS)
            x = x0 + 5 + k * bar
            out.append(f'<rect x="{x:.1f}" y="{y(part):.1f}" width="{bar - 2:.1f}" height="{y(0) - y(part):.1f}" '
                       f'fill="{colours[card.name]}"/><line x1="{x:.1f}" x2="{x + bar - 2:.1f}" y1="{y(tick):.1f}" '
                       f'y2="{y(tick):.1f}" stroke="black" stroke-width="2"/>')
        out.append(f'<text x="{x0 + group / 2:.1f}" y="{h - 62}" text-anchor="middle">{b}</text>')
        if b == BATCHES[1]:
            out.append(f'<text x="{x0 + group / 2:.1f}" y="{h - 42}" text-anchor="middle">{name}</text>')
    for k, card in enumerate(CARDS):
        out.append(f'<rect x="{left + 110 * k}" y="{h - 24}" width="12" height="12" fill="{colours[card.name]}"/>'
                   f'<text x="{left + 110 * k + 17}" y="{h - 13}">{card.name}</text>')
    out.append(f'<text x="{left + 350}" y="{h - 13}" fill="#555">numbers below bars: sequences at once</text></svg>')
    with open(os.path.join(ROOT, "docs", "cuda-model.svg"), "w", encoding="utf-8") as f:
        f.write("\n".join(out) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    sub = parser.add_subparsers(dest="what", required=True)
    for name, fn in (("measure", measure), ("report", report), ("check", check), ("table", table), ("plot", plot)):
        p = sub.add_parser(name)
        p.set_defaults(fn=fn)
        p.add_argument("--build", default=os.path.join(ROOT, "build"))
        if name == "measure":
            p.add_argument("models", nargs="*", help="names of cuda_shapes.py; all")
    args = parser.parse_args()
    return args.fn(args) or 0


if __name__ == "__main__":
    sys.exit(main())
