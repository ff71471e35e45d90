#!/usr/bin/env python3
"""Registers, spills, stack and shared memory of each kernel on each architecture, from what ptxas said when the
images were made (build/cuda/*.ptxas), held against the caps of engine/cuda/caps.txt.

usage: cuda_report.py [--build build] [--check | --record]

Without an option it prints a table: a row a kernel, the most over the architectures. --check: any spill, any stack,
more registers or static shared memory than the cap, or a kernel without a cap is told, and the exit status is 1.
--record writes the caps anew, a little above what there is: registers in steps of 16, memory of 512 bytes.
"""
import argparse
import glob
import os
import re
import sys

CAPS = "engine/cuda/caps.txt"


def read(build):
    """{kernel: {arch: (registers, spilled bytes, stack, shared)}}, [images]"""
    found, files = {}, sorted(glob.glob(os.path.join(build, "cuda", "*.ptxas")))
    for path in files:
        kernel = arch = None
        stack = spill = 0
        with open(path, encoding="utf-8") as f:
            for row in f:
                m = re.search(r"Compiling entry function '(\w+)' for 'sm_(\d+)'", row)
                if m:
                    kernel, arch, stack, spill = m.group(1), int(m.group(2)), 0, 0
                m = re.search(r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", row)
                if m:
                    stack, spill = int(m.group(1)), int(m.group(2)) + int(m.group(3))
                m = re.search(r"Used (\d+) registers", row)
                if m and kernel:
                    smem = re.search(r"(\d+) bytes smem", row)
                    found.setdefault(kernel, {})[arch] = (int(m.group(1)), spill, stack,
                                                          int(smem.group(1)) if smem else 0)
    return found, [p[:-len(".ptxas")] + ".fatbin" for p in files]


def most(by_arch):
    return tuple(max(v[i] for v in by_arch.values()) for i in range(4))


def caps():
    out = {}
    with open(CAPS, encoding="utf-8") as f:
        for row in f:
            if row.strip() and not row.startswith("#"):
                name, registers, shared = row.split()
                out[name] = (int(registers), int(shared))
    return out


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--build", default="build")
    args.add_argument("--check", action="store_true")
    args.add_argument("--record", action="store_true")
    a = args.parse_args()
    found, images = read(a.build)
    if not found:
        print("cuda_report: no images were made: make cuda")
        return 1
    if a.record:
        with open(CAPS, "w", encoding="utf-8") as f:
            f.write("# Registers and bytes of static shared memory that a kernel may have on any architecture:\n"
                    "# tools/cuda_report.py --check, part of make check-cuda; --record writes them anew.\n")
            for name in sorted(found):
                registers, _, _, shared = most(found[name])
                f.write(f"{name} {-(-registers // 16) * 16} {-(-shared // 512) * 512}\n")
        return 0
    bad, limits = [], caps() if a.check else {}
    if not a.check:
        print(f"{'kernel':32} {'regs':>5} {'spill':>6} {'stack':>6} {'shared':>7}  architectures")
    for name in sorted(found):
        registers, spill, stack, shared = most(found[name])
        if not a.check:
            print(f"{name:32} {registers:5} {spill:6} {stack:6} {shared:7}  {' '.join(map(str, sorted(found[name])))}")
            continue
        if spill or stack:
            bad.append(f"{name}: {spill} bytes spilled, {stack} bytes of stack")
        if name not in limits:
            bad.append(f"{name}: no cap in {CAPS} (tools/cuda_report.py --record)")
        elif registers > limits[name][0] or shared > limits[name][1]:
            bad.append(f"{name}: {registers} registers, {shared} bytes of shared memory; the caps are "
                       f"{limits[name][0]} and {limits[name][1]}")
    size = sum(os.path.getsize(p) for p in images if os.path.exists(p))
    print("\n".join(bad + [f"{len(found)} kernels, {len(images)} images, {size / 2**20:.1f} MiB, {len(bad)} problems"]))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
