"""`policy_watch: true`: a policy whose file changes is in force without a signal; one that is broken, unsigned or
older is not, and that is said in the log, in a metric and on record. Oracles: answers, records, /metrics.
"""
import os
import random
import signal
import time

import pytest

import harness

POLICY = """version: 1
revision: {revision}
default: {{ location: [on_premises, EU] }}
rules:
  - {{ id: mark-{revision}, when: {{ data: [none, personal] }}, location: [on_premises, EU] }}
"""


@pytest.fixture
def gw(tmp_path, weir):
    eu = harness.StandIn(str(tmp_path / "eu"), "eu")
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[harness.backend("eu", eu, "EU")], start=False,
                        policy=POLICY.format(revision=1), routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]")
    g.policy = os.path.join(g.folder, "policy.yaml")
    with open(g.config, "a", encoding="utf-8") as f:
        f.write("policy_watch: true\n")
    g.key = g.new_key("tests")
    yield g
    g.kill()
    eu.kill()


def put(g, text):
    """As an editor or a deployment would: a new file in the old one's place."""
    with open(g.policy + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(g.policy + ".new", g.policy)


def reloads(g):
    return [x for x in g.leaves() if x["ev"] == "admin.reload"]


def rules(g):
    head = g.chat("hello")[1]
    return next(x for x in g.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])["decision"]["rules"]


def metric(g, name):
    text = g.get("/metrics", port=g.admin_port)[2].decode()
    return float(next(x.split()[-1] for x in text.splitlines() if x.startswith(name + " ")))


def test_a_changed_policy_is_taken_and_a_broken_one_is_not(gw):
    gw.start()
    assert rules(gw) == ["mark-1"]
    put(gw, POLICY.format(revision=2))
    harness.wait_for("the new policy", lambda: rules(gw) == ["mark-2"], 10)
    assert [x["done"] for x in reloads(gw)] == [True] and metric(gw, "weir_reload_refused") == 0
    for n, broken in enumerate(("version: 1\nrules: [", POLICY.format(revision=3) + "nonsense: 1\n", "")):
        put(gw, broken)
        harness.wait_for("the refusal", lambda n=n: len(reloads(gw)) == n + 2, 10)
        last = reloads(gw)[-1]
        assert last["done"] is False and "policy.yaml" in last["why"], last
        assert rules(gw) == ["mark-2"]
        assert metric(gw, "weir_reload_refused") == 1 and metric(gw, "weir_reloads_refused_total") == n + 1
    assert "reload refused, the old configuration stays" in open(gw.log_path, encoding="utf-8").read()
    os.unlink(gw.policy)
    harness.wait_for("the refusal", lambda: len(reloads(gw)) == 5, 10)
    put(gw, POLICY.format(revision=4))
    harness.wait_for("the mended policy", lambda: rules(gw) == ["mark-4"], 10)
    assert metric(gw, "weir_reload_refused") == 0
    # a file that is touched, or written as it was, loads nothing; SIGHUP still does
    os.utime(gw.policy)
    put(gw, POLICY.format(revision=4))
    before = len(reloads(gw))
    gw.process.send_signal(signal.SIGHUP)
    harness.wait_for("the signal's reload", lambda: len(reloads(gw)) > before, 10)
    assert len(reloads(gw)) == before + 1 and gw.verify()[0] == 0


def test_only_what_is_signed_and_not_older(gw):
    key = os.path.join(gw.folder, "dpo.key")
    vkey = gw.command("policy", "keygen", "--name", "policy.test/dpo", "--out", key).stdout.decode().strip()
    with open(gw.config, "a", encoding="utf-8") as f:
        f.write(f'policy_keys: ["{vkey}"]\n')
    put(gw, POLICY.format(revision=5))
    gw.command("policy", "sign", "--key", key, gw.policy)
    gw.start()
    assert rules(gw) == ["mark-5"]
    put(gw, POLICY.format(revision=6))  # with the old one's signature
    harness.wait_for("the refusal", lambda: reloads(gw) and reloads(gw)[-1]["done"] is False, 10)
    assert rules(gw) == ["mark-5"]
    gw.command("policy", "sign", "--key", key, gw.policy)  # only the signature changes now
    harness.wait_for("the signed policy", lambda: rules(gw) == ["mark-6"], 10)
    put(gw, POLICY.format(revision=5))
    gw.command("policy", "sign", "--key", key, gw.policy)
    harness.wait_for("the refusal of the older", lambda: "is older than 6" in str(reloads(gw)[-1].get("why")), 10)
    assert rules(gw) == ["mark-6"]


def test_a_storm_of_files_lets_only_the_signed_and_newest_in(gw):
    """Half-written, unsigned, older, foreign files, links and gaps in the policy's place, hundreds a second, under load."""
    key, foreign = (os.path.join(gw.folder, n) for n in ("dpo.key", "foreign.key"))
    vkey = gw.command("policy", "keygen", "--name", "policy.test/dpo", "--out", key).stdout.decode().strip()
    gw.command("policy", "keygen", "--name", "policy.test/dpo", "--out", foreign)
    with open(gw.config, "a", encoding="utf-8") as f:
        f.write(f'policy_keys: ["{vkey}"]\n')
    pairs = {}
    for name, revision, by in (("old", 4, key), ("now", 5, key), ("new", 6, key), ("foreign", 9, foreign)):
        put(gw, POLICY.format(revision=revision))
        gw.command("policy", "sign", "--key", by, gw.policy)
        with open(gw.policy, "rb") as f, open(gw.policy + ".sig", "rb") as g:
            pairs[name] = (f.read(), g.read())

    def lay(text, signature, link=False):
        for path, data in ((gw.policy, text), (gw.policy + ".sig", signature)):
            if data is None:
                os.path.exists(path) and os.unlink(path)
                continue
            with open(path + ".x", "wb") as f:
                f.write(data)
            if link:
                os.rename(path + ".x", path + ".y")
                os.symlink(path + ".y", path + ".x")
            os.rename(path + ".x", path)

    lay(*pairs["now"])
    gw.start()
    assert rules(gw) == ["mark-5"]
    rnd, seen, end = random.Random(3), [], time.monotonic() + 4
    evil = pairs["now"][0].replace(b"on_premises, EU", b"on_premises, US")
    while time.monotonic() < end:
        for _ in range(100):
            lay(*rnd.choice([(pairs["foreign"]), pairs["old"], (evil, pairs["now"][1]), (pairs["new"][0][:40], pairs["new"][1]),
                             (pairs["new"][0], None), (None, pairs["new"][1]), (b"", b""), (pairs["new"][0], pairs["old"][1])]),
                link=rnd.random() < 0.2)
        seen.append(rules(gw))
    assert set(map(tuple, seen)) == {("mark-5",)}
    lay(*pairs["new"])
    harness.wait_for("the new policy", lambda: rules(gw) == ["mark-6"], 20)
    os.chmod(gw.policy, 0)
    lay(*pairs["old"])
    time.sleep(1.5)
    assert rules(gw) == ["mark-6"]
    assert {x["done"] for x in reloads(gw)} == {True, False} and sum(x["done"] for x in reloads(gw)) == 1
    assert gw.verify()[0] == 0


def test_without_it_nothing_is_watched(gw):
    with open(gw.config, encoding="utf-8") as f:
        text = f.read().replace("policy_watch: true\n", "")
    with open(gw.config, "w", encoding="utf-8") as f:
        f.write(text)
    gw.start()
    put(gw, POLICY.format(revision=2))
    harness.wait_for("three looks", lambda: rules(gw) == ["mark-1"])

    time.sleep(1.2)
    assert rules(gw) == ["mark-1"] and not reloads(gw)
