"""Bugs planted in the kernels (WEIR_BUG_n in engine/cuda) must each make the test of their subject fail.

A bug is compiled into one kernel file of the emulator; the subject's test program, itself unchanged, then
opens that emulator. A few by default, for each takes seconds to compile; WEIR_PLANTED=all takes all.
"""
import os
import re
import subprocess

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.path.abspath(os.environ.get("WEIR_BIN", os.path.join(ROOT, "build", "weir"))))
# number: the file that is compiled with it, the test that must see it
BUGS = {
    40: ("round", "product"), 41: ("product_q4", "product"), 42: ("product_q4", "product"),
    43: ("product_q4", "grouped"), 44: ("product_q4", "product"), 45: ("product_q4", "product"),
    46: ("product_q6", "product"), 47: ("product_q4", "product"), 48: ("product_q4", "product"),
    49: ("product_fp4", "product"),
    51: ("product_q4", "tail"), 53: ("attend_mma", "attend"), 54: ("product_f", "tail"),
    55: ("product_q4", "tail"), 56: ("router", "route"),
    57: ("product_any_mv", "any"), 58: ("product_any_tile", "any"), 59: ("product_values", "any"),
    60: ("product_any_mv", "any"),
    61: ("attend_mma", "attend"), 62: ("attend_mma", "attend"), 63: ("attend_fma", "attend"),
    64: ("heads", "heads"), 65: ("delta", "state"), 66: ("attend_mma", "attend"),
    67: ("attend_mma", "attend"), 68: ("attend_fma", "attend"), 69: ("attend_mma", "attend"),
    93: ("delta_chunk", "state"), 94: ("delta_chunk", "state"),
    70: ("compress", "state"), 71: ("index", "index"), 72: ("attend_mma", "attend"),
    100: ("spread", "gpus"),
}
# in the host's code: the file, and the test that must see it
HOST_BUGS = {80: ("ops_hybrid", "moves"), 81: ("ops_hybrid", "moves"), 82: ("ops_hybrid", "moves"),
             83: ("hybrid_move", "moves"),
             90: ("blas", "blas"), 91: ("blas", "blas"), 92: ("ops_blas", "blas"),
             101: ("driver_peer", "gpus"), 102: ("gpus", "gpus"), 103: ("ops_step", "shares"),
             104: ("hybrid_lists", "shares"), 105: ("hybrid", "shares"), 106: ("hybrid_move", "shares"),
             107: ("ops_hybrid", "shares"), 108: ("ops_step", "shares"), 109: ("driver_arena", "shares")}
# that only show where blocks run at once: the emulator that watches their order (tests/emu/order.cpp)
ORDER_BUGS = {50: ("router", "route"), 52: ("router", "route")}
FEW = [40, 51, 57, 63, 64, 65, 70, 71, 93]
CHOSEN = sorted(BUGS) if os.environ.get("WEIR_PLANTED") == "all" else FEW


def test_every_planted_bug_is_listed():
    found = set()
    folder = os.path.join(ROOT, "engine", "cuda")
    for name in os.listdir(folder):
        with open(os.path.join(folder, name), encoding="utf-8") as f:
            found |= {int(n) for n in re.findall(r"WEIR_BUG_(\d+)", f.read())}
    assert found == set(BUGS) | set(HOST_BUGS) | set(ORDER_BUGS)


@pytest.mark.parametrize("bug", CHOSEN)
def test_planted_bug_is_caught(bug):
    source, subject = BUGS[bug]
    library = os.path.join(BUILD, "planted", f"{bug}.so")
    program = os.path.join(BUILD, "unit", f"engine_cuda_{subject}")
    if os.path.exists(library):
        os.unlink(library)
    subprocess.run(["make", "-C", ROOT, f"BUILD={os.path.relpath(BUILD, ROOT)}", "CUDA=no",
                    os.path.relpath(program, ROOT), os.path.relpath(library, ROOT),
                    f"PLANT=engine/cuda/{source}.cu"], check=True, stdout=subprocess.DEVNULL)
    got = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
                         env={**os.environ, "WEIR_CUDA_LIBRARY": library})
    assert got.returncode != 0, f"bug {bug} of {source}.cu: {subject}'s test passes"
    told = got.stdout + got.stderr
    assert "FAILED" in told or "weir-emu" in told, told  # by what it says, not for want of a library
    assert "FAILED  ] GROUP SETUP" not in told, told


@pytest.mark.parametrize("bug", sorted(HOST_BUGS) if os.environ.get("WEIR_PLANTED") == "all" else [81, 90, 101, 102, 104])
def test_planted_bug_of_the_host_is_caught(bug):
    """What a copy beside the work may overwrite, and what one device may read of another, and when: a matter of the
    host's code alone."""
    source, subject = HOST_BUGS[bug]
    planted = os.path.join(BUILD, "planted", f"{bug}.host")
    test = os.path.join(BUILD, "obj", "tests", "unit", f"engine_cuda_{subject}.o")
    if os.path.exists(planted):
        os.unlink(planted)
    build = os.path.relpath(BUILD, ROOT)
    subprocess.run(["make", "-C", ROOT, f"BUILD={build}", "CUDA=no",
                    os.path.relpath(os.path.join(BUILD, "unit", f"engine_cuda_{subject}"), ROOT),
                    os.path.relpath(planted, ROOT), f"PLANT=engine/cuda/{source}.c",
                    f"PLANT_TEST={os.path.relpath(test, ROOT)}"], check=True, stdout=subprocess.DEVNULL)
    emulator = os.path.join(BUILD, "tests", "libweir-emu.so")
    got = subprocess.run([planted], cwd=ROOT, capture_output=True, text=True, timeout=300, check=False,
                         env={**os.environ, "WEIR_CUDA_LIBRARY": emulator})
    assert got.returncode != 0, f"bug {bug} of {source}.c: {subject}'s test passes"
    assert "FAILED" in got.stdout + got.stderr or "weir-emu" in got.stdout + got.stderr, got.stderr


ORDER = {**os.environ, "WEIR_EMU_ORDER": "1"}


@pytest.mark.parametrize("subject", ["tail", "route", "attend", "any"] if os.environ.get("WEIR_PLANTED") == "all" else ["route"])
def test_blocks_are_in_order(subject):
    """No kernel reads what another block wrote without a fence and a counter between them."""
    library = os.path.join(BUILD, "tests", "libweir-emu-count.so")
    program = os.path.join(BUILD, "unit", f"engine_cuda_{subject}")
    if not os.path.exists(library):
        pytest.skip("the counting emulator is not built here")
    got = subprocess.run([program], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False,
                         env={**ORDER, "WEIR_CUDA_LIBRARY": library})
    assert got.returncode == 0, got.stdout + got.stderr


@pytest.mark.parametrize("bug", sorted(ORDER_BUGS))
def test_planted_bug_between_blocks_is_caught(bug):
    source, subject = ORDER_BUGS[bug]
    library = os.path.join(BUILD, "planted", f"{bug}.order.so")
    if not os.path.exists(os.path.join(BUILD, "tests", "libweir-emu-count.so")):
        pytest.skip("the counting emulator is not built here")
    if os.path.exists(library):
        os.unlink(library)
    subprocess.run(["make", "-C", ROOT, f"BUILD={os.path.relpath(BUILD, ROOT)}", "CUDA=no",
                    os.path.relpath(library, ROOT), f"PLANT=engine/cuda/{source}.cu"], check=True,
                   stdout=subprocess.DEVNULL)
    got = subprocess.run([os.path.join(BUILD, "unit", f"engine_cuda_{subject}")], cwd=ROOT, capture_output=True,
                         text=True, timeout=600, check=False, env={**ORDER, "WEIR_CUDA_LIBRARY": library})
    assert got.returncode != 0 and "no fence and counter between" in got.stdout + got.stderr, got.stdout + got.stderr
