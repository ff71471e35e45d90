"""Content kept only where a rule switches it on, readable by order and on record, erased on order and on
time; a subject's canary is then in no file; and what happens when it cannot be kept."""
import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

import harness

CANARY = "canary-of-anna-5d1c"
RULES = """content:
    on_failure: %s
    sweep: 1s
    rules:
      - { tenant: [acme], data: [none, personal], minimum: 0s, maximum: %s }
"""


def with_content(g, on_failure="refuse", maximum="30d", extra=""):
    with open(g.config, encoding="utf-8") as f:
        text = f.read()
    old = "audit: { segment_mib: 4, directory: audit, origin: weir.test/gw1, on_failure: refuse, content: off }"
    assert old in text
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(text.replace(old, "audit:\n  directory: audit\n  origin: weir.test/gw1\n  on_failure: refuse\n"
                             + extra + "  " + RULES % (on_failure, maximum)))


@pytest.fixture
def own(tmp_path, weir, eu):
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]\n  threshold: 0.5")
    g.key = g.new_key("tests")
    yield g
    g.kill()


def ask(g, text, subject=None, stream=False, **kw):
    status, head, answer = g.chat(text, stream=stream, headers={"x-weir-subject": subject} if subject else {}, **kw)
    return status, head.get("x-request-id"), answer


def content(g, req, *more):
    out = g.command("audit", "content", g.audit, "--req", req, *more).stdout.decode()
    return [json.loads(line) for line in out.splitlines()]


def anywhere(folder, what):
    for top, _, files in os.walk(folder):
        for name in files:
            path = os.path.join(top, name)
            if stat.S_ISREG(os.stat(path).st_mode):
                with open(path, "rb") as f:
                    if what in f.read():
                        return path
    return None


def test_off_by_default(own):
    g = own
    g.start()
    assert ask(g, "hello " + CANARY, "subject-of-ours-9")[0] == 200
    assert g.stop() == 0
    assert not any(x["ev"] == "req.content" for x in g.leaves())
    assert anywhere(g.audit, CANARY.encode()) is None and anywhere(g.audit, b"subject-of-ours-9") is None
    assert os.listdir(os.path.join(g.audit, "content")) == []
    intent = [x for x in g.leaves() if x["ev"] == "req.intent"][0]
    assert len(intent["subj"]) == 32 and "content" not in intent, "a subject has a tag, its name is nowhere"


def test_kept_read_erased_and_proved(own):
    g = own
    with_content(g)
    g.start()
    status, req, answer = ask(g, f"Mail anna.kowalska@example.eu about {CANARY}", "anna")
    assert status == 200
    _, other, _ = ask(g, "hello from ben", "ben")
    _, streamed, events = ask(g, f"stream {CANARY}", "anna", stream=True)
    assert anywhere(g.audit, CANARY.encode()) is None, "nothing is kept in the clear"
    rows = {r["kind"]: r for r in content(g, req)}
    assert set(rows) == {"request", "sent", "received", "delivered"}
    assert CANARY in rows["request"]["content"] and "anna.kowalska@example.eu" in rows["request"]["content"]
    assert "[EMAIL_1]" in rows["sent"]["content"] and "kowalska" not in rows["sent"]["content"]
    assert json.loads(rows["delivered"]["content"])["choices"] == answer["choices"]
    got = {r["kind"]: r["content"] for r in content(g, streamed)}
    assert all(e in got["delivered"] for e in events if e != "[DONE]") and "received" not in got
    reads = [x for x in g.leaves() if x["ev"] == "audit.read" and x["what"] == "content"]
    assert [x["question"]["req"] for x in reads] == [req, streamed], "reading is on record"
    leaf = [x for x in g.leaves() if x["ev"] == "req.content" and x["req"] == req][0]
    blob = leaf["blobs"][0]
    assert set(blob) >= {"commit", "ct", "id", "kind", "bytes"} and len(blob["commit"]) == 64

    # Art. 15 by name, through the running gateway
    out = g.command("audit", "export", g.audit, "--report", "subject", "--subject", "anna", "--format", "jsonl")
    found = [json.loads(x) for x in out.stdout.decode().splitlines()]
    assert {x["request"] for x in found if x.get("table", "").startswith("Processing")} == {req, streamed}
    question = [x for x in g.leaves() if x["ev"] == "audit.read"][-1]["question"]
    assert question["subjects"] == [leaf["subj"]] and "anna" not in json.dumps(question)

    # a proof from before the erasure
    harness.wait_for("a checkpoint over it", lambda: g.command(
        "audit", "prove", g.audit, "--index", str(leaf["_index"]), check=False).returncode == 0, 10)
    with open(os.path.join(g.audit, "checkpoint"), "rb") as f:
        kept_checkpoint = f.read()
    with open(os.path.join(g.folder, "kept"), "wb") as f:
        f.write(kept_checkpoint)

    done = json.loads(g.command("audit", "erase", g.audit, "--subject", "anna").stdout)
    assert done["subjects"] == 1 and done["blobs"] == 7 and done["tags"] == [leaf["subj"]]
    assert g.command("audit", "content", g.audit, "--req", req, check=False).returncode == 1
    assert content(g, other)[0]["content"], "ben's is still there"
    again = g.command("audit", "erase", g.audit, "--subject", "anna", check=False)
    assert again.returncode == 1 and b"never seen, or is erased" in again.stderr
    harness.wait_for("a checkpoint over it", lambda: g.command(
        "audit", "verify", g.audit, "--checkpoint", os.path.join(g.folder, "kept"), check=False).returncode == 0, 10)
    assert g.stop() == 0
    code, text = g.verify()
    assert code == 0 and "7 destroyed, each named by a record" in text, text
    done = g.command("audit", "verify", g.audit, "--checkpoint", os.path.join(g.folder, "kept"))
    evs = [x["ev"] for x in g.leaves()]
    assert evs.index("erasure.ordered") < evs.index("erasure.blobs") < evs.index("erasure.done")
    out = g.command("audit", "query", g.audit, "--subject", "anna", "--format", "jsonl")
    assert len(out.stdout.decode().splitlines()) == 1 and b"never seen, or erased" in out.stderr


def test_erase_by_request_over_http_holds_and_offline(own):
    g = own
    with_content(g)
    admin = g.new_key("dpo", role="admin")
    g.start()
    _, one, _ = ask(g, "first", "anna")
    _, two, _ = ask(g, "second", "anna")

    def erase(body, key=admin):
        status, _, raw = g.request("POST", "/admin/v1/erase", body, key=key, port=g.admin_port)
        return status, json.loads(raw)

    assert erase({"req": one}, key=g.key)[0] == 401
    assert erase({"nonsense": 1})[0] == 400 and erase({"subject": ""})[0] == 400
    assert erase({"req": "nobody"})[0] == 404
    status, body = erase({"req": one})
    assert status == 200 and body["blobs"] == 3 and body["subjects"] == 0
    assert g.command("audit", "content", g.audit, "--req", one, check=False).returncode == 1
    assert content(g, two)
    g.command("audit", "hold", g.audit, "--subject", "anna", "--reason", "court order 7")
    status, body = erase({"subject": "anna"})
    assert status == 409 and "legal hold" in body["error"]["message"]
    assert g.stop() == 0
    refused = g.command("audit", "erase", g.audit, "--subject", "anna", "--order", "boss says so", check=False)
    assert refused.returncode == 1 and b"legal hold" in refused.stderr
    g.command("audit", "hold", g.audit, "--subject", "anna", "--release")
    done = json.loads(g.command("audit", "erase", g.audit, "--subject", "anna", "--tenant", "acme").stdout)
    assert done["subjects"] == 1
    who = [(x["ev"], x["by"]) for x in g.leaves() if x["ev"] in ("erasure.done", "hold.set", "erasure.refused")]
    assert who[0][1].startswith("key ") and who[-1][1].startswith("uid ")
    code, text = g.verify()
    assert code == 0, text
    for bad in (["erase", g.audit], ["erase", g.audit, "--subject", "a", "--req", "b"],
                ["hold", g.audit, "--subject", "a"], ["content", g.audit]):
        assert g.command("audit", *bad, check=False).returncode == 2


def test_maximum_retention_deletes_by_itself(own):
    g = own
    with_content(g, maximum="2s")
    g.start()
    _, req, _ = ask(g, "short-lived", "anna")
    assert content(g, req)
    harness.wait_for("the deletion", lambda: any(x["ev"] == "retention.delete" for x in g.leaves()), 15)
    harness.wait_for("the end of the content", lambda: g.command(
        "audit", "content", g.audit, "--req", req, check=False).returncode == 1, 10)
    assert g.stop() == 0
    assert g.verify()[0] == 0


def test_what_cannot_be_kept_is_refused_or_said_to_be_lost(own, eu):
    g = own
    with_content(g)
    g.start()
    assert ask(g, "hello", "anna")[0] == 200
    arrived = len(eu.received())
    shutil.rmtree(os.path.join(g.audit, "keys", "subjects"))
    status, _, body = ask(g, "a new one", "ben")
    assert status == 503 and body["error"]["code"] == "content_unavailable"
    assert len(eu.received()) == arrived, "nothing left without its content being kept"
    assert ask(g, "hello", "anna")[0] == 503
    refused = [x for x in g.leaves() if x["ev"] == "req.refused"]
    assert refused and refused[-1]["why"] == "content_unavailable", "the record is not lost with it"
    g.kill()
    os.makedirs(os.path.join(g.audit, "keys", "subjects"), exist_ok=True)
    with open(g.config, encoding="utf-8") as f:
        text = f.read()
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(text.replace("on_failure: refuse\n    sweep", "on_failure: continue\n    sweep"))
    g.start()
    assert ask(g, "hello", "carl")[0] == 200
    shutil.rmtree(os.path.join(g.audit, "keys", "subjects"))
    assert ask(g, "hello", "dora")[0] == 200
    last = [x for x in g.leaves() if x["ev"] == "req.intent"][-1]
    assert last["content"] == "lost" and "subj" not in last


def test_content_that_was_changed_is_noticed(own):
    g = own
    with_content(g)
    g.start()
    ask(g, "hello", "anna")
    assert g.stop() == 0
    assert g.verify()[0] == 0
    seg = os.path.join(g.audit, "content", sorted(os.listdir(os.path.join(g.audit, "content")))[0])
    with open(seg, "r+b") as f:
        f.seek(300)
        b = f.read(1)
        f.seek(300)
        f.write(bytes([b[0] ^ 1]))
    code, text = g.verify()
    assert code == 1 and "is not what the record says" in text


def test_bad_content_configuration_is_told(own):
    g = own
    for bad, why in (("content: on", "does not say whose"),
                     ("content: { rules: [ { tenant: [a], data: [nonsense], maximum: 1d } ] }", "is no data class"),
                     ("content: { rules: [ { tenant: [a], data: [none], maximum: soon } ] }", "is no duration"),
                     ("content: { rules: [ { tenant: [a], data: [none], minimum: 2d, maximum: 1d } ] }", "longer than"),
                     ("content: off\n  master: { command: [kms] }", "absolute path")):
        with open(g.config, encoding="utf-8") as f:
            lines = f.read().split("audit:")[0]
        with open(g.config, "w", encoding="utf-8") as f:
            f.write(lines + "audit:\n  directory: audit\n  origin: weir.test/gw1\n  " + bad + "\n")
        done = g.command("check", "-c", g.config, check=False)
        assert done.returncode == 1 and why in done.stdout.decode() + done.stderr.decode(), (bad, done)


def both(g, folder, *flags):
    """Exit status and text of both verifiers, which must agree on the status and the first bad record."""
    key = g.command("audit", "verify", g.audit, "--json").stdout
    vkey = json.loads(key)["vkey"]
    tool = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools", "audit_verify.py")
    a = g.command("audit", "verify", folder, "--vkey", vkey, "--json", *flags, check=False)
    b = subprocess.run([sys.executable, tool, folder, "--vkey", vkey, "--json", *flags], check=False,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    x, y = json.loads(a.stdout), json.loads(b.stdout)
    assert (a.returncode, x.get("first_bad")) == (b.returncode, y.get("first_bad")), (x, y)
    assert x.get("content") == y.get("content") or not x["holds"], (x, y)
    assert x.get("problem") == y.get("problem"), (x, y)
    return a.returncode, x


def test_content_that_is_gone_is_a_finding_of_both_verifiers(own, tmp_path):
    g = own
    with_content(g)
    g.start()
    ask(g, "erased " + CANARY, "ben")
    ask(g, "kept " + CANARY, "anna")
    ask(g, "kept too", "anna")
    g.command("audit", "erase", g.audit, "--subject", "ben", "--reason", "test")
    assert g.stop() == 0
    g.start()  # a second segment
    ask(g, "later", "anna")
    assert g.stop() == 0
    code, report = both(g, g.audit)
    assert code == 0 and report["content"]["destroyed"] >= 2 and report["content"]["kept"] >= 6, report
    rows = [(i, x["req"]) for i, x in enumerate(g.leaves()) if x["ev"] == "req.content"]
    named = [min(i for i, r in rows if r == req) for req in dict.fromkeys(r for _, r in rows)]
    assert len(named) == 4
    copy = str(tmp_path / "copy")

    def broken(change):
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(g.audit, copy)
        change(os.path.join(copy, "content"))
        return both(g, copy)

    code, report = broken(shutil.rmtree)  # all of it: the erased one is not missed
    assert (code, report["first_bad"]) == (1, named[1]) and "there is no DIR/content" in report["problem"], report
    code, report = both(g, copy, "--without-content")
    assert code == 0 and "content" not in report
    segments = sorted(os.listdir(os.path.join(g.audit, "content")))
    assert len(segments) == 2
    code, report = broken(lambda c: os.unlink(os.path.join(c, segments[1])))
    assert (code, report["first_bad"]) == (1, named[3]) and "is missing" in report["problem"], report

    def overwritten(at, what):
        def change(c):
            with open(os.path.join(c, segments[1]), "r+b") as f:
                f.seek(at)
                f.write(what)
        return change

    code, report = broken(overwritten(256, b"\0\0\0\0"))
    assert (code, report["first_bad"]) == (1, named[3]) and "it was changed" in report["problem"], report
    code, report = broken(overwritten(0, b"????"))  # a header that is none: missing
    assert (code, report["first_bad"]) == (1, named[3]) and "is missing" in report["problem"], report
    code, report = broken(lambda c: [os.unlink(os.path.join(c, s)) for s in segments])
    assert (code, report["first_bad"]) == (1, named[1]), report
