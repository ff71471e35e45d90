#!/usr/bin/env python3
"""Counts what a warp of the matrix-vector products (engine/cuda/product.cuh) executes for a unit of
weights: instructions between the first tensor-core instructions of two units that follow one another
in the machine code. With two planes those behind a branch around the third are left out; those that
are there under a predicate count, since they take their turn as well.

usage: cuda_units.py [--build build] [--arch 90]

Needs the CUDA images (make CUDA=yes cuda) and, on the PATH, NVIDIA's cuobjdump and nvdisasm, which
come with the toolkit or as the PyPI packages nvidia-cuda-cuobjdump and nvidia-cuda-nvdisasm.
"""
import argparse
import os
import re
import subprocess
import sys
import tempfile

# form: (bytes of a unit of 16 rows with its part of the scales, tensor-core instructions of a unit)
FORMS = {"q4_0": (576, 6), "q4_1": (640, 6), "q5_0": (704, 6), "q5_1": (768, 6), "q8_0": (1088, 6),
         "q2_k": (400, 12), "q3_k": (456, 12), "q4_k": (592, 6), "q5_k": (720, 6), "q6_k": (840, 12),
         "iq4_nl": (576, 6), "iq4_xs": (552, 6), "mxfp4": (544, 6), "nvfp4": (576, 12),
         "f16": (1024, 4), "bf16": (1024, 6)}


def machine_code(path, arch):
    """The disassembly of the image for one architecture."""
    with tempfile.TemporaryDirectory() as d:
        subprocess.run(["cuobjdump", "-xelf", f"sm_{arch}", os.path.abspath(path)], cwd=d,
                       check=True, capture_output=True)
        cubins = [f for f in os.listdir(d) if f.endswith(".cubin")]
        return subprocess.run(["nvdisasm", "-c", os.path.join(d, cubins[0])], check=True,
                              capture_output=True, text=True).stdout


def unit(text, form):
    """Instructions of a unit: with and without what belongs to the third plane."""
    body = re.search(rf"^\.text\.weir_mv_{form}:\n(.*?)(?=^\s+\.section|\Z)", text, re.S | re.M)
    code, labels = [], {}
    for line in body.group(1).split("\n"):
        if m := re.match(r"(\.L_x_\d+):", line):
            labels[m.group(1)] = len(code)
        elif m := re.match(r"\s+/\*[0-9a-f]{4,5}\*/\s+(.*)", line):
            code.append(m.group(1))
    mma = [i for i, c in enumerate(code) if "MMA" in c]
    first, last = mma[0], mma[FORMS[form][1]]
    third = set()
    for i in range(first, last):
        if m := re.search(r"@!?P\d BRA `\((\.L_x_\d+)\)", code[i]):
            to = labels[m.group(1)]
            if i < to < i + 25 and sum("MMA" in c for c in code[i + 1:to]) == 1:
                third |= set(range(i + 1, min(to, last)))
    return last - first, last - first - len(third)


def main():
    args = argparse.ArgumentParser(description=__doc__,
                                   formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--build", default="build")
    args.add_argument("--arch", default="90")
    a = args.parse_args()
    folder = os.path.join(a.build, "cuda")
    images = sorted(f for f in os.listdir(folder) if re.fullmatch(r"product_\w+\.fatbin", f))
    if not images:
        sys.exit(f"cuda_units: there are no images of products in {folder}: run make CUDA=yes cuda")
    print("form      bytes   two planes        three planes")
    for image in images:
        text = machine_code(os.path.join(folder, image), a.arch)
        for form, (size, _) in FORMS.items():
            if f".text.weir_mv_{form}:" in text:
                three, two = unit(text, form)
                print(f"{form:8} {size:6} {two:6} {size / two:5.1f} B each {three:6} "
                      f"{size / three:5.1f} B each")


if __name__ == "__main__":
    main()
