#!/usr/bin/env python3
"""Plants the bugs that the kernels keep for this (WEIR_BUG_n in engine/cuda/*.cu and *.cuh), one at a time, and
looks whether the tests on the emulated device catch them: the tests' eyes, tested.

For each: the .cu files that hold it are compiled with -DWEIR_BUG_n, linked with the others as they are to an
emulator of its own, and the programs of tests/unit/engine_cuda_* that concern those files run on it until one
fails. Prints a line for each, and ends 1 if one was caught by none.

usage: bugs.py [--build build] [--only 41,42] [--all-tests]
"""
import argparse
import glob
import os
import re
import subprocess
import sys
import tempfile

# The programs to try first for a file, by the beginning of its name; then all others with --all-tests.
TESTS = {"product": ["product", "grouped"], "round": ["product", "rows"], "attend": ["attend"], "heads": ["heads"],
         "index": ["index"], "compress": ["state"], "delta": ["state"], "route": ["route"], "rows": ["rows"],
         "hyper": ["rows"], "sample": ["sample"], "reduce": ["rows", "route"]}


def includes(path, seen=None):
    """The files of engine/cuda that path is made of, itself too."""
    seen = seen if seen is not None else set()
    if path in seen or not os.path.exists(path):
        return seen
    seen.add(path)
    with open(path, encoding="utf-8") as f:
        for m in re.finditer(r'^#include "(engine/cuda/[^"]+)"', f.read(), re.M):
            includes(m.group(1), seen)
    return seen


def planted():
    """{n: (file, what stands beside it)}"""
    found = {}
    for path in sorted(glob.glob("engine/cuda/*.cu") + glob.glob("engine/cuda/*.cuh")):
        with open(path, encoding="utf-8") as f:
            for m in re.finditer(r"WEIR_BUG_(\d+)\)?[^\n]*?(?:/\* (.*?) \*/)?$", f.read(), re.M):
                found.setdefault(int(m.group(1)), [path, m.group(2) or ""])
    return found


def build(n, path, out, objects, cxx):
    """An emulator with the bug; its path, and the .cu files that were compiled anew."""
    made, parts = [], list(objects)
    for cu in sorted(glob.glob("engine/cuda/*.cu")):
        if path not in includes(cu):
            continue
        name = os.path.basename(cu)[:-3]
        target = os.path.join(out, f"{name}.o")
        subprocess.run([*cxx, f"-DWEIR_BUG_{n}", "-c", "-o", target, cu], check=True)
        parts = [p for p in parts if os.path.basename(p) != f"{name}.o"] + [target]
        made.append(cu)
    library = os.path.join(out, "libweir-emu.so")
    subprocess.run(["g++", "-shared", "-o", library, *parts, "-lpthread", "-ldl"], check=True)
    return library, made


def programs(path, build_folder, all_tests):
    stem = re.match(r"[a-z]+", os.path.basename(path)).group(0)
    names = list(TESTS.get(stem, []))
    if all_tests:
        names += [os.path.basename(p)[len("engine_cuda_"):] for p in sorted(glob.glob(f"{build_folder}/unit/engine_cuda_*"))
                  if not p.endswith((".d", ".o"))]
    return [p for p in (f"{build_folder}/unit/engine_cuda_{n}" for n in dict.fromkeys(names)) if os.path.exists(p)]


def caught(library, tests):
    """(program, how it ended, what it said) of the first that failed, or None."""
    env = dict(os.environ, WEIR_CUDA_LIBRARY=library)
    for test in tests:
        try:
            done = subprocess.run([test], env=env, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return test, "timed out", ""
        if done.returncode != 0:
            said = [r for r in (done.stderr + done.stdout).split("\n") if "weir-emu:" in r or "ERROR:" in r or " instead of " in r]
            return test, f"exit {done.returncode}", (said or [""])[0].strip()
    return None


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--build", default="build")
    args.add_argument("--only", default="")
    args.add_argument("--all-tests", action="store_true")
    a = args.parse_args()
    cxx = ["g++", "-x", "c++", "-O1", "-std=gnu++17", "-fPIC", "-fvisibility=hidden", "-fno-strict-aliasing",
           "-ffp-contract=off", "-I.", "-w", "-fsanitize=alignment,bounds,shift-exponent,integer-divide-by-zero",
           "-fno-sanitize-recover=all"]
    objects = glob.glob(f"{a.build}/emu/engine/cuda/*.o") + glob.glob(f"{a.build}/emu/tests/emu/*.o")
    bugs = planted()
    want = [int(n) for n in a.only.split(",") if n] or sorted(bugs)
    missed = []
    for n in want:
        path, what = bugs[n]
        with tempfile.TemporaryDirectory() as out:
            library, made = build(n, path, out, objects, cxx)
            found = None
            for cu in made:     # a header's bug: through whichever kernel sees it
                found = found or caught(library, programs(cu, a.build, False))
            if not found and a.all_tests:
                found = caught(library, programs(path, a.build, True))
        if not found:
            missed.append(n)
        print(f"{n} {os.path.basename(path)}: {what or '-'}: " +
              (f"caught by {os.path.basename(found[0])} ({found[1]}): {found[2][:160]}" if found else "NOT CAUGHT"), flush=True)
    print(f"{len(want) - len(missed)} of {len(want)} planted bugs caught")
    return 1 if missed or not want else 0


if __name__ == "__main__":
    sys.exit(main())
