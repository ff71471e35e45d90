#!/usr/bin/env python3
"""`make bench`: runs every benchmark under tests/bench and prints what each says, with the load average
before it. Results worth keeping are copied by hand into docs/benchmarks.md with their command.

usage: run.py [--build build] [--match WORD]

A benchmark is a program build/tests/bench/NAME (from tests/bench/NAME.c) or a script tests/bench/*_bench.py; each
prints one JSON line per figure and ends 0.
"""
import argparse
import glob
import os
import subprocess
import sys


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--build", default="build")
    args.add_argument("--match", default="")
    a = args.parse_args()
    programs = sorted(p for p in glob.glob(os.path.join(a.build, "tests", "bench", "*_bench")))
    scripts = sorted(glob.glob("tests/bench/*_bench.py"))
    env = dict(os.environ, WEIR_BIN=os.path.abspath(os.path.join(a.build, "weir")))
    failed = 0
    for path in programs + scripts:
        if a.match not in path:
            continue
        python = "build/venv/bin/python" if os.path.exists("build/venv/bin/python") else sys.executable
        command = [python, path] if path.endswith(".py") else [path]
        print(f"# {' '.join(command)}   (load average {os.getloadavg()[0]:.2f})", flush=True)
        failed += subprocess.run(command, env=env, check=False).returncode != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
