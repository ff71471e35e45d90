#!/usr/bin/env python3
"""Runs Weir's tests and adds up what they say: unit programs (cmocka), then end-to-end and fault
tests (pytest). The last line is `N passed, N failed[, N skipped]`; the exit status is 0 only if nothing
failed and something ran.

usage: run_tests.py [--build DIR] [--only unit|e2e] [--match PREFIX,PREFIX]
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET

UNIT_TIMEOUT_S = 600
SPACE_MIB = 1024  # a whole run held 130 MiB under TMPDIR at once; what fails keeps its folders


def unit_programs(build, match):
    folder = os.path.join(build, "unit")
    names = sorted(n for n in os.listdir(folder) if "." not in n) if os.path.isdir(folder) else []
    if match:
        names = [n for n in names if n.startswith(tuple(match))]
    return [os.path.join(folder, n) for n in names]


def run_unit(program):
    """One cmocka program -> (passed, failed, skipped). Its output is shown only when it fails."""
    start = time.monotonic()
    env = dict(os.environ, UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1")
    try:
        done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=UNIT_TIMEOUT_S, env=env, check=False)
        out, code = done.stdout.decode("utf-8", "replace"), done.returncode
    except subprocess.TimeoutExpired as late:
        out = (late.stdout or b"").decode("utf-8", "replace") + "\ntimed out"
        code = -1
    passed = sum(int(n) for n in re.findall(r"^\[  PASSED  \] (\d+) test", out, re.M))
    failed = len(re.findall(r"^\[  FAILED  \] (?!\d+ test)\S", out, re.M))
    failed = sum(int(n) for n in re.findall(r"^\[  FAILED  \] .*?(\d+) test", out, re.M)) or \
        (failed // 2 if failed > 1 else failed)
    skipped = sum(int(n) for n in re.findall(r"^\[  SKIPPED \] .*?(\d+) test", out, re.M))
    if code != 0 and failed == 0:
        failed = 1  # a crash or a sanitizer report is a failure, whatever the counts say
    word = "ok" if code == 0 else "FAILED"
    print(f"{os.path.basename(program):32} {word:6} {passed} passed, {failed} failed"
          f"{f', {skipped} skipped' if skipped else ''}  {time.monotonic() - start:.1f} s", flush=True)
    if code != 0:
        # the program's own log lines say little beside what the test itself reports
        told = [r for r in out.splitlines() if not re.match(r"\d{4}-\d\d-\d\dT\S+Z (info|warn|debug) ", r)]
        print("\n".join(told)[-8000:], flush=True)
    for line in re.findall(r"^(?:skipped: .*|SKIPPED?: .*)$", out, re.M):
        print("    " + line, flush=True)
    return passed, failed, skipped


def run_pytest(build, paths):
    """pytest in the project's environment, results read from its XML report."""
    python = "build/venv/bin/python"
    with tempfile.TemporaryDirectory() as tmp:
        report = os.path.join(tmp, "report.xml")
        env = dict(os.environ, WEIR_BIN=os.path.abspath(os.path.join(build, "weir")))
        subprocess.run([python, "-m", "pytest", "-q", "-x" if os.environ.get("WEIR_STOP") else "-q",
                        "-p", "no:cacheprovider", "--junitxml", report, *paths], env=env, check=False)
        if not os.path.exists(report):
            print("pytest wrote no report")
            return 0, 1, 0
        try:
            root = ET.parse(report).getroot()
        except ET.ParseError as bad:
            print(f"pytest's report ends early ({bad}): is {tmp} full?")
            return 0, 1, 0
        suite = root if root.tag == "testsuite" else root.find("testsuite")
        total, bad = int(suite.get("tests")), int(suite.get("failures")) + int(suite.get("errors"))
        skipped = int(suite.get("skipped"))
        return total - bad - skipped, bad, skipped


def main():
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--build", default="build")
    args.add_argument("--only", choices=["unit", "e2e"])
    args.add_argument("--match", default="")
    a = args.parse_args()
    counts = [0, 0, 0]

    def add(result):
        for i, n in enumerate(result):
            counts[i] += n

    free = shutil.disk_usage(tempfile.gettempdir()).free >> 20
    if free < SPACE_MIB:
        print(f"{tempfile.gettempdir()} has {free} MiB free and the tests want {SPACE_MIB}: "
              "make room there, or set TMPDIR to a folder on another disk", flush=True)
        return 1
    if a.only != "e2e":
        for program in unit_programs(a.build, [m for m in a.match.split(",") if m]):
            add(run_unit(program))
    if a.only != "unit":
        add(run_pytest(a.build, ["tests/e2e", "tests/fault"]))
    if counts[0] + counts[1] == 0:
        print("no test ran")
        counts[1] = 1
    print(f"{counts[0]} passed, {counts[1]} failed" + (f", {counts[2]} skipped" if counts[2] else ""))
    return 0 if counts[1] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
