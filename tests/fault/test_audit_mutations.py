"""Changed logs, judged by both verifiers. WEIR_MUTATIONS sets how many (10,000 for the record)."""
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))


def test_every_change_is_noticed_by_both_verifiers(weir):
    make = os.path.join(os.path.dirname(weir), "tests", "fault", "audit_make")
    n = int(os.environ.get("WEIR_MUTATIONS", "400"))
    done = subprocess.run([sys.executable, os.path.join(HERE, "audit_mutations.py"), "--weir", weir, "--make", make,
                           "-n", str(n), "--seed", os.environ.get("WEIR_SEED", "1")],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 0, done.stderr.decode()[-4000:]
    result = json.loads(done.stdout)
    assert result["mutations"] == n and result["exceptions"] == 0
    assert result["noticed"] > 0.9 * n
