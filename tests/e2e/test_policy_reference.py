"""Goal: the decision is what the documents say, not what the code happens to do.

Also: deciding is pure. What it is made of calls no clock, no file, no allocator but the request's arena.

Method: random policies, tables, duties and facts through `weir policy eval` and through the evaluator that was
written from the documents (tests/reference/policy_eval.py); every part of the decision has to be the same.
WEIR_POLICY_PAIRS sets the number of pairs (default 4000).
"""
import json
import os
import subprocess
import sys

import harness


def test_both_evaluators_agree(weir):
    script = os.path.join(harness.ROOT, "tests", "reference", "policy_diff.py")
    pairs = os.environ.get("WEIR_POLICY_PAIRS", "4000")
    done = subprocess.run([sys.executable, script, "--weir", weir, "--pairs", pairs, "--seed", "7"],
                          capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()[-4000:] + done.stdout.decode()
    row = json.loads(done.stdout)
    assert row["differences"] == 0 and row["pairs"] == int(pairs)
    assert row["routed"] > row["pairs"] / 5 and row["left"] > row["pairs"] / 30 and row["denied"] > row["pairs"] / 5


PURE = ["decide/decide", "decide/gates", "decide/backends", "decide/limits", "decide/handling", "decide/words", "decide/kill",
        "check/compare", "decide/tree"]
MAY_CALL = ("pol_", "conf_", "base_arena_", "base_str_", "base_utf8_", "base_json_", "base_err_set", "mem", "str", "snprintf",
            "__snprintf_chk", "__mem", "__str", "__stack_chk_fail", "_GLOBAL_OFFSET_TABLE_")


def test_deciding_is_pure(weir):
    folder = os.path.join(os.path.dirname(weir), "obj", "policy")
    for name in PURE:
        out = subprocess.run(["nm", "-u", os.path.join(folder, name + ".o")], capture_output=True, check=True).stdout.decode()
        for symbol in out.replace(" U ", " ").split():
            assert symbol.startswith(MAY_CALL), f"policy/{name}.c calls {symbol}"
