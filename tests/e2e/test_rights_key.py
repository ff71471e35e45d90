"""Goal: the key of the lists of people lies wrapped by the log's master key, whichever kind that is: who has the log's
folder and not the master can try no identifier against the lists, and nothing starts on lists that cannot be read.
"""
import os
import stat
import sys

import harness
import pytest

KMS = """#!{python}
import base64, sys
with open({log!r}, "a") as f:
    f.write(sys.argv[1] + "\\n")
data = base64.b64decode(sys.stdin.readline())
print(base64.b64encode(bytes(b ^ 0x5a for b in data)).decode())
"""


@pytest.fixture
def own(tmp_path, weir, eu):
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, backends=[harness.backend("eu", eu, "EU")],
                        policy="version: 1\ndefault: { location: [on_premises, EU] }\n",
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]\n  threshold: 0.5")
    g.key, g.admin = g.new_key("tests"), g.new_key("root", role="admin")
    yield g
    g.kill()


def rights(g, verb, who=None, check=True):
    more = [] if verb == "list" else ["--list", "objected", "--reason", "r", "--approver", "a"]
    return g.command("rights", verb, "-c", g.config, *more, stdin=who.encode() if who else None, check=check)


def key(g):
    with open(os.path.join(g.audit, "keys", "rights.key"), encoding="ascii") as f:
        return f.read()


def objection(g, who):
    status, _, answer = g.chat(f"Write to {who}")
    return status == 403 and answer["error"]["code"] == "objection"


def test_the_key_of_the_lists_is_wrapped_by_the_master_file(own):
    g = own
    g.start()
    rights(g, "add", "erika@example.eu")
    harness.wait_for("the list", lambda: objection(g, "erika@example.eu"))
    assert key(g).startswith("weir-rights-key/1 ") and len(key(g)) > 64 + 18
    master = os.path.join(g.audit, "keys", "master.key")
    with open(master, encoding="ascii") as f:
        assert f.read().split()[-1] not in key(g)
    assert g.stop() == 0
    g.start()
    assert objection(g, "erika@example.eu") and b'"id"' in g.command("rights", "list", "-c", g.config, "--json").stdout
    assert g.stop() == 0
    os.rename(master, master + ".away")
    done = rights(g, "list", check=False)
    assert done.returncode == 2 and b"master key" in done.stderr
    with pytest.raises((RuntimeError, TimeoutError)):
        g.start(timeout_s=10)
    os.rename(master + ".away", master)
    g.kill()
    g.start()
    assert objection(g, "erika@example.eu")


def test_a_command_wraps_it_once_and_is_not_asked_while_requests_run(own, tmp_path):
    g, log = own, str(tmp_path / "calls")
    kms = str(tmp_path / "kms")
    with open(kms, "w", encoding="utf-8") as f:
        f.write(KMS.format(python=sys.executable, log=log))
    os.chmod(kms, stat.S_IRWXU)
    with open(g.config, encoding="utf-8") as f:
        text = f.read()
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(text.replace("content: off", f"content: off, master: {{ command: [{kms}], timeout_ms: 5000 }}"))
    g.start()
    assert key(g).startswith("weir-rights-key/1 ")
    os.rename(kms, kms + ".away")
    status, _, raw = g.request("POST", "/admin/v1/rights", {"list": "objected", "identifier": "erika@example.eu", "reason": "r", "approver": "a"},
                               key=g.admin, port=g.admin_port)
    assert status == 200, raw
    harness.wait_for("the list", lambda: objection(g, "erika@example.eu"))
    assert rights(g, "list", check=False).returncode == 2, "another process needs the command"
    os.rename(kms + ".away", kms)
    assert rights(g, "list").returncode == 0
    assert g.stop() == 0
    g.start()
    assert objection(g, "erika@example.eu")
