#!/usr/bin/env python3
"""Writes images.c for the build (engine/cuda/images.h): a table of the fat binaries named, each taken
into the object file by the assembler's .incbin; or, if there are none, an empty table that says why.

usage: cuda_images.py --out FILE --nvcc PATH --why TEXT [FATBIN...]
"""
import argparse
import os
import re
import subprocess


def toolkit_version(nvcc):
    """13000 for 13.0."""
    out = subprocess.run([nvcc, "--version"], capture_output=True, text=True, check=True).stdout
    m = re.search(r"release (\d+)\.(\d+)", out)
    return int(m.group(1)) * 1000 + int(m.group(2)) * 10


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--out", required=True)
    args.add_argument("--nvcc", required=True)
    args.add_argument("--why", required=True)
    args.add_argument("fatbins", nargs="*")
    a = args.parse_args()
    names = [os.path.basename(f)[:-len(".fatbin")] for f in a.fatbins]
    version = toolkit_version(a.nvcc) if names else 0
    out = ["/* Written by tools/cuda_images.py. */", '#include "engine/cuda/images.h"', ""]
    for name, path in zip(names, a.fatbins):
        out += ['__asm__(".section .rodata\\n.balign 64\\n"',
                f'        ".hidden eng_cuda_image_{name}\\neng_cuda_image_{name}:\\n"',
                f'        ".incbin \\"{path}\\"\\n"',
                f'        ".hidden eng_cuda_image_{name}_end\\neng_cuda_image_{name}_end:\\n.previous");',
                f"extern const char eng_cuda_image_{name}[], eng_cuda_image_{name}_end[];"]
    out.append(f"const struct eng_cuda_image eng_cuda_images[{max(1, len(names))}] = {{")
    out += [f'    {{"{name}.cu", eng_cuda_image_{name}}},' for name in names] or ["    {0, 0},"]
    out += ["};", f"const size_t eng_cuda_n_images = {len(names)};",
            f"const uint32_t eng_cuda_images_version = {version};",
            f'const char eng_cuda_images_why[] = "{a.why}";', ""]
    text = "\n".join(out)
    if not os.path.exists(a.out) or open(a.out, encoding="utf-8").read() != text:
        with open(a.out, "w", encoding="utf-8") as f:
            f.write(text)
    else:
        os.utime(a.out)


if __name__ == "__main__":
    main()
