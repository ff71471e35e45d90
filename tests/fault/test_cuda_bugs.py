"""Goal: the tests of the CUDA kernels see: bugs that are planted into the kernels one at a time are caught.

Method: tests/emu/bugs.py on three of them, of different kinds (a wrong result, a missing barrier, a fault at an edge);
WEIR_CUDA_BUGS=all: on every one that the kernels keep.
"""
import os
import subprocess
import sys

SOME = "47,61,67"


def test_planted_bugs_are_caught(weir):
    want = os.environ.get("WEIR_CUDA_BUGS", SOME)
    extra = [] if want == "all" else ["--only", want]
    done = subprocess.run([sys.executable, "tests/emu/bugs.py", "--build", os.path.dirname(weir), *extra],
                          capture_output=True, text=True, check=False, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "NOT CAUGHT" not in done.stdout and "planted bugs caught" in done.stdout
