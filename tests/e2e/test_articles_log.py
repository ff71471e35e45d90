"""Goal: what docs/compliance.md says of the log for an article, it does: what is known of a person can be told,
and goes; registers and incidents are exactly the traffic.

One test an article, named after it, in the order in which things happen to a log. Method: a gateway with two
stand-ins and traffic of three subjects that we made and therefore know. Oracles: what the stand-ins received, what is
on the disk, exit codes. Policy's articles: test_articles.py; restriction and objection: test_rights.py.
"""
import json
import os
import shutil
import stat

import pytest

import harness

CANARY = "canary-of-anna-77f0"
ANNA = "anna-k-4711"
MAIL = "anna.kowalska@example.eu"
CONTENT = ("on_failure: refuse, content: { on_failure: refuse, sweep: 1s, rules: [ "
           "{ tenant: [acme], data: [none], minimum: 0s, maximum: 2s }, "
           "{ tenant: [acme], data: [personal], minimum: 0s, maximum: 30d } ] }")


class World:
    def __init__(self, g, eu, us):
        self.g, self.eu, self.us, self.sent = g, eu, us, []

    def send(self, subject, text, model):
        status, head, _ = self.g.chat(text, model=model, headers={"x-weir-subject": subject, "x-weir-use-case": "support"})
        self.sent.append({"subject": subject, "req": head["x-request-id"], "status": status, "model": model,
                          "route": head.get("x-weir-route")})


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir):
    tmp = tmp_path_factory.mktemp("world")
    eu, us = harness.StandIn(str(tmp / "eu"), "eu"), harness.StandIn(str(tmp / "us"), "us", "anthropic")
    g = harness.Gateway(str(tmp / "gw"), weir, audit=CONTENT, backends=[
        harness.backend("eu", eu, "EU"),
        harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))],
        routing="  commodity: [eu/gpt-x]\n  hard: [us/claude-x, eu/gpt-x]\n  threshold: 0.5")
    w = World(g, eu, us)
    w.send(ANNA, f"Please write to {MAIL} about {CANARY}.", "eu/gpt-x")
    w.send("ben", "hello from the mill", "us/claude-x")
    w.send(ANNA, f"And once more to {MAIL}, about {CANARY}.", "eu/gpt-x")
    w.send("carl", f"Please write to {MAIL}.", "us/claude-x")
    assert [x["status"] for x in w.sent] == [200, 200, 200, 403]
    yield w
    g.kill()
    eu.kill()
    us.kill()


def export(g, report, *args):
    out = g.command("audit", "export", g.audit, "--report", report, "--format", "jsonl", *args).stdout.decode()
    return [json.loads(line) for line in out.splitlines()]


def query(g, *args):
    out = g.command("audit", "query", g.audit, "--format", "jsonl", *args).stdout.decode().splitlines()
    return [json.loads(line) for line in out[:-1]]


def on_disk(folder, what):
    for top, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(top, name)
            if stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "rb") as f:
                    if what in f.read():
                        return path
    return None


def test_gdpr_art_5_1_d_every_answer_and_record_names_its_model(world):
    for x in world.sent[:3]:
        assert x["route"] == x["model"]
        leaf = next(y for y in world.g.leaves() if y["ev"] == "req.intent" and y["req"] == x["req"])
        assert leaf["decision"]["route"] == x["model"]


def test_gdpr_art_5_1_e_content_goes_when_its_time_is_over_and_the_chain_holds(world):
    g, ben = world.g, world.sent[1]["req"]
    harness.wait_for("the end of ben's content", lambda: g.command(
        "audit", "content", g.audit, "--req", ben, check=False).returncode == 1, 20)
    assert g.command("audit", "content", g.audit, "--req", world.sent[0]["req"]).stdout  # anna's has 30 days
    assert g.verify()[0] == 0 and ben in {x.get("req") for x in g.leaves()}, "the record stays"


def test_gdpr_art_5_1_f_and_32_a_changed_byte_is_noticed(world, tmp_path):
    g, copy = world.g, str(tmp_path / "copy")
    shutil.copytree(g.audit, copy, ignore=shutil.ignore_patterns("*.sock", "LOCK"))
    assert g.command("audit", "verify", copy, check=False).returncode == 0
    wal = os.path.join(copy, "wal", sorted(n for n in os.listdir(os.path.join(copy, "wal")) if n.endswith(".wal"))[0])
    with open(wal, "r+b") as f:
        raw = f.read(65536)
        at = raw.index(world.sent[0]["req"].encode())
        f.seek(at)
        f.write(bytes([raw[at] ^ 1]))
    done = g.command("audit", "verify", copy, check=False)
    assert done.returncode == 1 and b"record" in done.stdout + done.stderr


def test_gdpr_art_12_15_and_20_all_about_one_person_and_nothing_of_others(world):
    g = world.g
    for who in (ANNA, "ben", "carl"):
        told = export(g, "subject", "--subject", who)
        found = {x["request"] for x in told if x.get("table", "").startswith("Processing")}
        assert found == {x["req"] for x in world.sent if x["subject"] == who}, who
    kept = g.command("audit", "content", g.audit, "--req", world.sent[0]["req"]).stdout.decode()
    assert CANARY in kept and all(json.loads(line) for line in kept.splitlines()), "what she wrote, machine-readable"


def test_gdpr_art_13_14_and_30_the_register_is_the_traffic(world):
    table = export(world.g, "article30")
    acts = [x for x in table if x.get("activity") == "support" and "purpose" in x]
    assert acts[0]["requests"] == 4 and acts[0]["purpose"] and acts[0]["legal_basis"]
    text = json.dumps(table)
    assert "Stand-in eu" in text and "Stand-in us" in text and "DPF-1" in text
    transfers = [x for x in export(world.g, "transfers") if x.get("table") == "Every such attempt"]
    assert len(transfers) == len(world.us.received()) == 1


def test_gdpr_art_19_who_received_data_of_a_person(world):
    got = query(world.g, "--subject", ANNA, "--left")
    assert {x["sent_to"] for x in got} == {"Stand-in eu"}
    assert len(got) == sum(CANARY in x["body_text"] for x in world.eu.received()) == 2
    assert not any(CANARY in x["body_text"] for x in world.us.received())
    assert query(world.g, "--subject", "carl", "--left") == []


def test_gdpr_art_33_and_34_an_incident_names_exactly_what_it_touched(world):
    g = world.g
    told = export(g, "incident", "--since", "1h")
    every = {x["request"] for x in told if x.get("table") == "Every request"}
    assert every == {x["req"] for x in world.sent} and told[0]["may_have_left"] == 3
    touched = query(g, "--entity", "Stand-in us", "--left")
    assert {x["request"] for x in touched} == {world.sent[1]["req"]}
    assert export(g, "incident", "--until", "1h")[0]["requests"] == 0


def test_gdpr_art_17_what_is_erased_is_gone_everywhere_and_the_chain_holds(world):
    g = world.g
    done = json.loads(g.command("audit", "erase", g.audit, "--subject", ANNA).stdout)
    assert done["subjects"] == 1 and done["blobs"] > 0
    for x in world.sent:
        if x["subject"] == ANNA:
            assert g.command("audit", "content", g.audit, "--req", x["req"], check=False).returncode == 1
    assert g.stop() == 0
    for what in (CANARY, MAIL, ANNA):
        assert on_disk(g.audit, what.encode()) is None, what
    assert g.verify()[0] == 0
    assert {"erasure.ordered", "erasure.done"} <= {x["ev"] for x in g.leaves()}
