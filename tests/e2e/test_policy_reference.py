"""Goal: the decision is what the documents say, not what the code happens to do.

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
