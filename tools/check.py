#!/usr/bin/env python3
"""`make check`: the rules that a machine can hold. Prints FILE:LINE: rule, then the longest files and
functions for a look; ends 1 if any rule is broken.

Rules: clang-format; include direction (base < conf < audit, policy, engine < gateway; audit, policy and
engine never include one another); banned calls; every .c opens with an essay; every header has a
guard and an opening comment; no tabs, no line over 100 columns; no path of a build machine; no
unfinished work; no file over 1 MiB (test vectors:
8 MiB in all); no shell call from C.
"""
import os
import re
import shutil
import subprocess
import sys

FLOOR = {"base": 0, "conf": 1, "audit": 2, "policy": 2, "engine": 2, "gateway": 3}
BANNED = {
    "strcpy": "base_arena_dup or memcpy", "strcat": "base_buf", "sprintf": "snprintf or base_buf_printf",
    "vsprintf": "vsnprintf", "gets": "base_file_read", "strtok": "base_str_cut", "atoi": "base_str_u64",
    "atol": "base_str_u64", "atof": "strtod with a check", "alloca": "an arena", "system": "nothing",
    "popen": "nothing", "gmtime": "gmtime_r", "localtime": "localtime_r", "rand": "base_random",
    "srand": "base_random", "mktemp": "mkstemp", "tmpnam": "mkstemp", "strncpy": "memcpy",
    "strncat": "base_buf", "setjmp": "return codes", "longjmp": "return codes",
}
BANNED_RE = re.compile(r"(?<![\w.>])(" + "|".join(BANNED) + r")\s*\(")
MACHINE_RE = re.compile(r"(/(work|farm|root)/[a-z.]|[.]library|/tmp/b-|/tmp/w/)")
UNFINISHED_RE = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
problems = []


def bad(path, line, text):
    problems.append(f"{path}:{line}: {text}")


def tracked():
    out = subprocess.run(["git", "ls-files"], capture_output=True, text=True, check=False)
    if out.returncode == 0 and out.stdout:
        return [f for f in out.stdout.splitlines() if os.path.exists(f)]
    found = []
    for top, dirs, files in os.walk("."):
        dirs[:] = [d for d in dirs if d not in (".git", "build", "run", "__pycache__")]
        found += [os.path.relpath(os.path.join(top, f)) for f in files]
    return found


def strip_comments_and_strings(text):
    """Blanks comments and literals, keeping line numbers."""
    pattern = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group()), text)


def check_c(path, text):
    folder = path.split("/")[0]
    code = strip_comments_and_strings(text)
    if not text.startswith("/*") and not text.startswith("//"):
        bad(path, 1, "opens without an essay (a comment that says what the file owns)")
    multiple = "included more than once" in " ".join(text[:1200].split())
    if path.endswith(".h") and not multiple and not re.search(r"^#(ifndef \w+_H\b|pragma once)", text, re.M):
        bad(path, 1, "header without an include guard")
    for m in re.finditer(r'^#include "([^"]+)"', text, re.M):
        line = text.count("\n", 0, m.start()) + 1
        into = m.group(1).split("/")[0]
        if "/" not in m.group(1):
            bad(path, line, f'include "{m.group(1)}" by its path from the root')
        elif folder in FLOOR and into in FLOOR:
            if FLOOR[into] > FLOOR[folder] or (FLOOR[into] == FLOOR[folder] and into != folder):
                bad(path, line, f"{folder}/ may not include {into}/")
        elif folder in FLOOR and into == "tests":
            bad(path, line, "the product may not include its tests")
    if folder in FLOOR:
        for m in BANNED_RE.finditer(code):
            line = code.count("\n", 0, m.start()) + 1
            bad(path, line, f"{m.group(1)} is banned: use {BANNED[m.group(1)]}")
    for i, row in enumerate(text.split("\n"), 1):
        if "\t" in row:
            bad(path, i, "tab")
        if len(row) > 100 and not path.endswith(".inc"):
            bad(path, i, f"{len(row)} columns (100 at most)")


def check_any(path, text):
    for i, row in enumerate(text.split("\n"), 1):
        if MACHINE_RE.search(row) and path != "tools/check.py":
            bad(path, i, "names a path of a build machine")
        if path.endswith((".c", ".h", ".py", ".sh")) and UNFINISHED_RE.search(row):
            bad(path, i, "unfinished work")


def function_lengths(path, text):
    """(lines, name) of functions, by the style's braces in column 0."""
    rows, start, name, found = text.split("\n"), None, "", []
    for i, row in enumerate(rows):
        m = re.match(r"^[A-Za-z_].*?(\w+)\(", row)
        if m and start is None:
            name = m.group(1)
        if row == "{":
            start = i
        elif row == "}" and start is not None:
            found.append((i - start + 1, f"{path}: {name}"))
            start = None
    return found


def check_format(files):
    tool = shutil.which("clang-format-14") or shutil.which("clang-format")
    if not tool:
        bad("Makefile", 1, "clang-format is not installed (tools/install_deps.sh)")
        return
    for at in range(0, len(files), 40):
        out = subprocess.run([tool, "--dry-run", "-Werror", *files[at:at + 40]],
                             capture_output=True, text=True, check=False)
        for line in sorted({":".join(r.split(":")[:2]) for r in out.stderr.splitlines()
                            if "clang-format-violations" in r}):
            problems.append(f"{line}: not as clang-format writes it")


def main():
    files = tracked()
    c_files = [f for f in files if f.endswith((".c", ".h")) and not f.startswith("tests/vectors/")]
    lengths, functions = [], []
    vectors = 0
    for path in files:
        if path.startswith("tests/vectors/"):
            vectors += os.path.getsize(path)
        elif os.path.getsize(path) > 1 << 20:
            bad(path, 1, f"{os.path.getsize(path)} bytes: files over 1 MiB do not belong here")
        try:
            with open(path, encoding="utf-8") as f:
                text = f.read()
        except UnicodeDecodeError:
            continue
        if path.startswith("tests/vectors/"):
            continue
        check_any(path, text)
        if path in set(c_files):
            check_c(path, text)
            lengths.append((text.count("\n"), path))
            functions += function_lengths(path, text)
    if vectors > 8 << 20:
        bad("tests/vectors", 1, f"{vectors} bytes: 8 MiB of vectors at most")
    check_format(c_files)
    print("longest files:     " + ", ".join(f"{p} {n}" for n, p in sorted(lengths)[::-1][:6]))
    print("longest functions: " + ", ".join(f"{p} {n}" for n, p in sorted(functions)[::-1][:6]))
    for p in sorted(set(problems)):
        print(p)
    print(f"check: {len(files)} files, {len(set(problems))} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
