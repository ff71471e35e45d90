#!/usr/bin/env python3
"""Runs libFuzzer targets one after another, each for --seconds, on the corpus tests/fuzz/corpus/NAME, and prints
executions, coverage and corpus size. Ends 1 if any target found something; the input is kept under build/fuzz/.

usage: run.py [--seconds 60] TARGET...
"""
import argparse
import os
import re
import subprocess
import sys


def run(target, seconds):
    name = os.path.basename(target)
    seeds = os.path.join("tests", "fuzz", "corpus", name)
    work = os.path.join("build", "fuzz", name + ".corpus")
    os.makedirs(work, exist_ok=True)
    args = [target, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1",
            f"-artifact_prefix=build/fuzz/{name}-"]
    if os.path.exists(f"tests/fuzz/{name}.dict"):
        args.append(f"-dict=tests/fuzz/{name}.dict")
    args.append(work)
    if os.path.isdir(seeds):
        args.append(seeds)
    done = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    out = done.stdout.decode("utf-8", "replace")
    executions = re.search(r"number_of_executed_units: (\d+)", out)
    coverage = re.findall(r"cov: (\d+)", out)
    print(f"{name:24} {'ok' if done.returncode == 0 else 'FOUND'} "
          f"executions {executions.group(1) if executions else '?'} "
          f"coverage {coverage[-1] if coverage else '?'} inputs {len(os.listdir(work))}", flush=True)
    if done.returncode != 0:
        print(out[-4000:])
    return done.returncode == 0


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--seconds", type=int, default=60)
    args.add_argument("targets", nargs="*")
    a = args.parse_args()
    if not a.targets:
        print("no fuzz targets under tests/fuzz", file=sys.stderr)
        return 2
    results = [run(t, a.seconds) for t in a.targets]
    print(f"{sum(results)} passed, {len(results) - sum(results)} failed")
    return 0 if all(results) else 1


if __name__ == "__main__":
    sys.exit(main())
