#!/usr/bin/env python3
"""Weir's engine beside ik_llama.cpp, the fork of llama.cpp that is fastest on CPUs, on the same file, threads and work.

Needs PyPI's `ik-llama-cpp-python` in the Python that runs this; not part of `make bench`. That package's library uses AVX2
and no AVX-512, so Weir is measured with WEIR_CPU=avx2 for a fair ratio, and once more with the best that the machine has.
They run in turns. The prompt is a batch of --pp tokens, generation --tg tokens one by one, as in
llama-bench; figures are tokens a second of CPU time of the process, the best of --rounds, since other work takes the
wall clock; elapsed ones stand beside them.

usage: engine_peer.py FILE.gguf... [--weir build/weir] [-t 1] [--pp 256] [--tg 48] [--rounds 4]
"""
import argparse
import json
import os
import subprocess
import sys
import time


def peer(path, threads, pp, tg, flash):
    """One process a round: prints one JSON line."""
    from ik_llama_cpp import _internals as ik
    model = ik.IkModel(path)
    ctx = ik.IkContext(model, n_ctx=pp + tg + 8, n_threads=threads, flash_attn=flash)
    figures = {}
    for _ in range(2):  # the first warms up
        ctx.kv_cache_clear()
        ids = [(i * 2654435761 >> 7) % model.n_vocab for i in range(pp)]
        c0, t0 = time.process_time(), time.monotonic()
        assert ctx.decode(ik.make_batch(ids)) == 0
        ctx.get_logits(-1)
        c1, t1 = time.process_time(), time.monotonic()
        for i in range(tg):
            assert ctx.decode(ik.make_batch_range([7 + i], pos_start=pp + i)) == 0
            ctx.get_logits(-1)
        c2, t2 = time.process_time(), time.monotonic()
        figures = {"pp_tok_cpu_s": pp / (c1 - c0), "tg_tok_cpu_s": tg / (c2 - c1), "pp_tok_s": pp / (t1 - t0),
                   "tg_tok_s": tg / (t2 - t1)}
    print(json.dumps(figures))


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("files", nargs="+")
    args.add_argument("--weir", default="build/weir")
    args.add_argument("-t", type=int, default=1)
    args.add_argument("--pp", type=int, default=256)
    args.add_argument("--tg", type=int, default=48)
    args.add_argument("--rounds", type=int, default=4)
    args.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    a = args.parse_args()
    if a.peer:
        peer(a.files[0], a.t, a.pp, a.tg, False)
        return 0
    common = ["-t", str(a.t), "--pp", str(a.pp), "--tg", str(a.tg)]
    for path in a.files:
        weir = [a.weir, "model", "bench", path, *common, "--reps", "1", "--activations"]
        runs = {"ik_llama.cpp": ([sys.executable, __file__, path, *common, "--peer"], {})}
        for act in ("int8", "int16"):
            runs[f"weir avx2 {act}"] = (weir + [act], {"WEIR_CPU": "avx2"})
            runs[f"weir best {act}"] = (weir + [act], {})
        best = {name: {} for name in runs}
        for _ in range(a.rounds):
            for name, (command, env) in runs.items():
                out = json.loads(subprocess.run(command, stdout=subprocess.PIPE, env=dict(os.environ, **env), check=True).stdout)
                for k in ("pp_tok_cpu_s", "tg_tok_cpu_s", "pp_tok_s", "tg_tok_s"):
                    best[name][k] = max(best[name].get(k, 0), out[k])
        for name, v in best.items():
            line = {"file": os.path.basename(path), "what": name, "threads": a.t}
            for k, x in v.items():
                line[k] = round(x, 1)
                line[k + "_ratio"] = round(x / best["ik_llama.cpp"][k], 2)
            line["load_average"] = round(os.getloadavg()[0], 1)
            print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
