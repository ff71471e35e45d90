#!/usr/bin/env python3
"""Speed of the engine on the demo models: prompt and generation, one and four sequences, one and two threads.

Needs run/models (tools/get_demo_model.py); says so and measures nothing without it. Prints one JSON line a
measurement as `weir model bench` gives it, with `cpu_s`, the CPU time of the whole run: on a machine with other
load that is what compares, not the wall clock.
"""
import json
import os
import resource
import subprocess
import sys

MODELS = ["run/models/smollm2-135m-instruct.gguf", "run/models/smollm2-135m-moe.gguf"]
CASES = [["-t", "1"], ["-t", "2"], ["-t", "2", "--parallel", "4", "--tg", "64"]]


def main():
    weir = os.environ.get("WEIR_BIN", "build/weir")
    for model in MODELS:
        if not os.path.exists(model):
            print(f"engine_bench: no {model}, not measured (python3 tools/get_demo_model.py)", file=sys.stderr)
            continue
        for case in CASES:
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            out = subprocess.run([weir, "model", "bench", model, *case], stdout=subprocess.PIPE, check=True)
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            line = json.loads(out.stdout)
            line["cpu_s"] = round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2)
            print(json.dumps(line), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
