"""Goal: statements on special categories are found and topics are not, as far as docs/detectors.md says.
Method: tests/bench/policy_art9.py over its rows, with the built program; the test half's totals must stay near the
documented ones (68 % and 5 %), wide enough for a change elsewhere, too narrow for a model that broke."""
import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def test_art9_statements_against_topics():
    weir = os.environ.get("WEIR_BIN", os.path.join(ROOT, "build/weir"))
    out = subprocess.run([sys.executable, os.path.join(ROOT, "tests/bench/policy_art9.py"), "--scan", weir + " scan"],
                         stdout=subprocess.PIPE, check=True, text=True).stdout
    found, n, false, topics = map(int, re.match(r"all +recall (\d+) of (\d+),.*false (\d+) of (\d+)", out).groups())
    assert n == 290 and topics == 306
    assert found >= 0.6 * n, out
    assert false <= 0.08 * topics, out
