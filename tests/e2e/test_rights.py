"""GDPR Art. 18 and 21: who is restricted or objected is found in every part of a request, stays at home or is
refused, and nothing of it is stored, read back or delivered later.

Method: one gateway with a home model and a stand-in in the EU; the openai SDK as the client. Oracles: what the
stand-in received, exit codes, and the records, in which no identifier may stand.
"""
import base64
import json
import os
import time

import httpx
import openai
import pytest

import harness

ERIKA, KD, TEL = "erika.mustermann@example.com", "KD-2024-00817", "+49 170 1234567"
POLICY = """version: 1
default: { location: [on_premises, EU] }
"""
CONTENT = ("on_failure: refuse, content: { on_failure: refuse, rules: [ "
           "{ tenant: [acme], data: [none, personal], minimum: 0s, maximum: 30d } ] }")


@pytest.fixture(scope="module")
def eu(tmp_path_factory):
    s = harness.StandIn(str(tmp_path_factory.mktemp("standin")), "eu", answers={"kd": f"It is about {KD}, who paid."})
    yield s
    s.kill()


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, model, eu):
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, model=model, policy=POLICY, audit=CONTENT,
                        backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [local/home]\n  hard: [eu/gpt-x]\n  threshold: 0.5\n  when_hard_is_denied: local")
    g.admin = g.new_key("admin", role="admin")
    harness.wait_for("the admin key", lambda: g.get("/admin/v1/rights", key=g.admin, port=g.admin_port)[0] == 200)
    yield g
    g.kill()


def rights(g, verb, *args, who=None, check=True):
    return g.command("rights", verb, "-c", g.config, *args, stdin=who.encode() if who else None, check=check)


def add(g, lst, who, *more):
    return rights(g, "add", "--list", lst, "--reason", "letter 7", "--approver", "dpo", *more, who=who).stdout.decode().strip()


def remove(g, lst, who):
    rights(g, "remove", "--list", lst, "--reason", "withdrawn", "--approver", "dpo", who=who)


@pytest.fixture
def listed(gw):
    """listed(list, who): listed until the test ends, and in force now."""
    done = []

    def one(lst, who, *more):
        entry = add(gw, lst, who, *more)
        done.append((lst, who))
        until(gw)
        return entry
    yield one
    for lst, who in done:
        rights(gw, "remove", "--list", lst, "--reason", "end", "--approver", "dpo", who=who, check=False)
    until(gw)


def until(g):
    """Until the loops have what is in the file; with WEIR_TIMED=1 that takes no longer than a second."""
    start = time.monotonic()
    want = {x: 0 for x in ("restricted", "objected")}
    for e in json.loads(rights(g, "list", "--json").stdout):
        want[e["list"]] += e["in_force"]

    def there():
        text = g.get("/metrics", port=g.admin_port)[2].decode()
        return all(f'weir_rights_entries{{list="{k}"}} {n}\n' in text for k, n in want.items())
    harness.wait_for("the lists", there, 15, 0.02)
    assert time.monotonic() - start < 1.0 or not os.environ.get("WEIR_TIMED")
    time.sleep(0.15)  # the other loop


def hard(g, text, **kw):
    kw.setdefault("headers", {})["x-weir-tier"] = "hard"
    return g.chat(text, max_tokens=4, **kw)


def decision(g, head):
    return next(x for x in g.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])


def client(g, **headers):
    return openai.OpenAI(base_url=g.base_url, api_key=g.key, max_retries=0, default_headers=headers,
                         http_client=httpx.Client(verify=g.context()))


def b64(text):
    return base64.b64encode(f"The customer is {text} and wants her file.".encode()).decode()


PLACES = {
    "user": lambda who: {"messages": [{"role": "user", "content": f"Write to {who} today."}]},
    "system": lambda who: {"messages": [{"role": "system", "content": f"You serve {who}."}, {"role": "user", "content": "hi"}]},
    "history": lambda who: {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": f"Dear {who}"},
                                         {"role": "user", "content": "go on"}]},
    "parts": lambda who: {"messages": [{"role": "user", "content": [{"type": "text", "text": f"Write to {who[:9]}"},
                                                                    {"type": "text", "text": f"{who[9:]} today"}]}]},
    "tool-result": lambda who: {"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "find", "arguments": json.dumps({"q": "x"})}}]},
        {"role": "tool", "tool_call_id": "c1", "content": json.dumps({"rows": [{"contact": who}]})}]},
    "tool-arguments": lambda who: {"messages": [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "find", "arguments": json.dumps({"q": who})}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "nothing"}]},
    "schema": lambda who: {"messages": [{"role": "user", "content": "hi"}], "tools": [
        {"type": "function", "function": {"name": "find", "description": f"Looks for {who}", "parameters": {
            "type": "object", "properties": {}}}}]},
    "metadata": lambda who: {"messages": [{"role": "user", "content": "hi"}], "metadata": {"contact": who}},
    "user-field": lambda who: {"messages": [{"role": "user", "content": "hi"}], "user": who},
    "base64": lambda who: {"messages": [{"role": "user", "content": "Read this: " + b64(who)}]},
    "escaped": lambda who: {"messages": [{"role": "user", "content": "Read " + "".join(f"%{ord(c):02x}" for c in who)}]},
    "zero-width": lambda who: {"messages": [{"role": "user", "content": "Read " + "\u200b".join(who)}]},
}


@pytest.mark.parametrize("place", PLACES)
def test_gdpr_art_21_an_objector_never_leaves_wherever_he_stands(gw, eu, listed, place):
    entry = listed("objected", KD)
    before = len(eu.received())
    answer = client(gw, **{"x-weir-tier": "hard"}).chat.completions.with_raw_response.create(
        model="auto", max_tokens=4, **PLACES[place](KD))
    assert answer.headers["x-weir-route"] == "local/home", answer.headers
    assert len(eu.received()) == before
    leaf = decision(gw, answer.headers)
    assert leaf["facts"]["rights"] == ["objected"] and leaf["decision"]["rights"] == ["objected"]
    first = leaf["decision"]["candidates"][0]
    assert (first["rule"], first["allowed"]) == ("objection", False) and "Art. 21" in first["reason"], first
    assert KD not in json.dumps(leaf) and entry not in json.dumps(leaf)


def test_gdpr_art_21_others_leave_as_before(gw, eu, listed):
    listed("objected", KD)
    before = len(eu.received())
    status, head, _ = hard(gw, "Write to KD-2024-00818 today.")
    assert status == 200 and head["x-weir-route"] == "eu/gpt-x" and len(eu.received()) == before + 1


@pytest.mark.parametrize("written", ["0170 1234567", "0049 170 123 45 67", "+49 (0)170/1234567", "+491701234567"])
def test_gdpr_art_21_a_telephone_number_however_it_is_written(gw, eu, listed, written):
    listed("objected", TEL)
    before = len(eu.received())
    status, head, _ = hard(gw, f"Please call {written} about the invoice.")
    assert status == 200 and head["x-weir-route"] == "local/home" and len(eu.received()) == before


def test_gdpr_art_21_by_subject_header_and_pinned(gw, eu, listed):
    listed("objected", "employee-4711")
    before = len(eu.received())
    assert hard(gw, "hi", headers={"x-weir-subject": "employee-4711"})[1]["x-weir-route"] == "local/home"
    status, _, answer = gw.chat("hi", model="eu/gpt-x", headers={"x-weir-subject": "employee-4711"}, max_tokens=4)
    assert status == 403 and answer["error"]["code"] == "objection" and "Art. 21" in answer["error"]["message"]
    assert len(eu.received()) == before


@pytest.mark.parametrize("stream", [False, True])
def test_gdpr_art_18_a_restricted_person_is_refused_and_nothing_is_kept(gw, eu, listed, stream):
    listed("restricted", ERIKA)
    before = len(eu.received())
    with pytest.raises(openai.PermissionDeniedError) as e:
        client(gw).chat.completions.create(model="auto", messages=PLACES["user"](ERIKA)["messages"], stream=stream)
    assert e.value.code == "restriction" and "Art. 18" in str(e.value)
    assert len(eu.received()) == before
    head = e.value.response.headers
    leaf = decision(gw, head)
    assert leaf["decision"]["code"] == "restriction" and leaf["facts"]["rights"] == ["restricted"]
    done = gw.command("audit", "content", gw.audit, "--req", head["x-request-id"], check=False)
    assert done.returncode == 1 and done.stdout == b"", done.stderr
    assert rights(gw, "check", who=ERIKA.upper()).returncode == 0
    assert rights(gw, "check", who="somebody@example.org", check=False).returncode == 1


def test_gdpr_art_18_what_was_kept_before_is_not_read_but_on_a_ground(gw, listed):
    status, head, _ = hard(gw, f"Write to {ERIKA} today.")
    assert status == 200
    other = hard(gw, "Hello.", headers={"x-weir-subject": "anna-77"})[1]
    for h in (head, other):
        assert b"content" in gw.command("audit", "content", gw.audit, "--req", h["x-request-id"]).stdout
    listed("restricted", ERIKA)
    listed("restricted", "anna-77")  # only the log's own name of her is in what was kept
    for h in (head, other):
        done = gw.command("audit", "content", gw.audit, "--req", h["x-request-id"], check=False)
        assert done.returncode == 1 and done.stdout == b"" and b"Art. 18" in done.stderr
        read = [x for x in gw.leaves() if x["ev"] == "audit.read"][-1]
        assert read["denied"] == "restriction" and read["rows"] == 0
    done = gw.command("audit", "content", gw.audit, "--req", head["x-request-id"], "--ground", "legal-claims")
    assert ERIKA.encode() in done.stdout
    assert [x for x in gw.leaves() if x["ev"] == "audit.read"][-1]["ground"] == "legal-claims"
    assert gw.command("audit", "content", gw.audit, "--req", "x", "--ground", "curiosity", check=False).returncode == 2


@pytest.mark.parametrize("stream", [False, True])
def test_gdpr_art_18_an_answer_that_names_a_restricted_person_is_not_kept(gw, listed, stream):
    def kinds():
        status, head, _ = hard(gw, "[[standin: answer=kd]] Whose file is it?", stream=stream)
        assert status == 200 and head["x-weir-route"] == "eu/gpt-x"
        out = gw.command("audit", "content", gw.audit, "--req", head["x-request-id"]).stdout.decode()
        assert stream or ("00817" in out) == ("delivered" in out)
        return {json.loads(line)["kind"] for line in out.splitlines()}
    before = kinds()
    assert {"request", "delivered"} <= before
    old = [x["req"] for x in gw.leaves() if x["ev"] == "req.intent"][-1]
    listed("restricted", KD)
    assert kinds() == before - {"delivered", "received"}
    # and what was kept of the earlier one is not read, though a stream's pieces cut the number
    done = gw.command("audit", "content", gw.audit, "--req", old, check=False)
    assert done.returncode == 1 and done.stdout == b""


def test_the_policy_says_what_a_list_does(gw, eu, listed, weir, tmp_path):
    """`rights:` in the policy; the tree names the rule; the policy's own tests can state it."""
    path = str(tmp_path / "p.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("""version: 1
default: { location: [on_premises, EU] }
rights: { objected: refuse, restricted: local }
test_backends:
  - { name: eu/x, location: [EU], trains_on_data: false, transfer: { basis: dpa, reference: R, expires: 2099-01-01 } }
  - { name: home/x, location: [on_premises] }
tests:
  - { name: a, data: [none], rights: [restricted], expect: { backend: home/x } }
  - { name: b, data: [none], rights: [objected], expect: { outcome: deny, rule: objection } }
  - { name: c, data: [none], rights: [unreadable], expect: { backend: home/x, refused: [eu/x] } }
  - { name: d, data: [none], expect: { backend: eu/x } }
""")
    done = gw.command("check", "--policy", path, check=False)
    assert done.returncode == 0, done.stderr.decode() + done.stdout.decode()
    with open(path, encoding="utf-8") as f:
        wrong = f.read().replace("rights: [restricted], expect: { backend: home/x }", "rights: [restricted], expect: { backend: eu/x }")
    with open(path, "w", encoding="utf-8") as f:
        f.write(wrong)
    assert gw.command("check", "--policy", path, check=False).returncode == 1
    listed("objected", KD)
    done = gw.command("explain", "-c", gw.config, "--tier", "hard", "--tree",
                      stdin=json.dumps({"model": "auto", "messages": [{"role": "user", "content": KD}]}).encode())
    tree = json.loads(done.stdout)["tree"]
    assert tree["rights"] == {"found": ["objected"], "objected": "local", "restricted": "refuse"}
    step = next(s for s in tree["candidates"][0]["steps"] if s["check"] == "rights")
    assert step["ok"] is False and step["rule"] == "objection"


def test_changes_are_recorded_without_the_identifier_and_survive_a_restart(gw, eu):
    entry = add(gw, "objected", ERIKA, "--expires", "2099-12-31")
    again = rights(gw, "add", "--list", "objected", "--reason", "x", "--approver", "dpo", who=ERIKA.upper(), check=False)
    assert again.returncode == 1 and entry.encode() in again.stderr
    assert gw.stop() == 0
    other = add(gw, "restricted", KD)  # while it is down
    gw.start()
    until(gw)
    leaves = [x for x in gw.leaves() if x["ev"] == "rights.add" and x["id"] in (entry, other)]
    assert [(x["id"], x["list"], x["kind"], x["reason"], x["approver"]) for x in leaves] == [
        (entry, "objected", "email", "letter 7", "dpo"), (other, "restricted", "id", "letter 7", "dpo")]
    assert leaves[0]["expires"] == "2099-12-31"
    assert hard(gw, f"Write to {ERIKA}.")[1]["x-weir-route"] == "local/home"
    assert hard(gw, f"Look at {KD}.")[0] == 403
    rights(gw, "remove", "--list", "objected", "--id", entry, "--reason", "back", "--approver", "dpo")
    remove(gw, "restricted", KD)
    until(gw)
    assert hard(gw, f"Write to {ERIKA}.")[1]["x-weir-route"] == "eu/gpt-x"
    harness.wait_for("records", lambda: len([x for x in gw.leaves() if x["ev"] == "rights.remove" and x["id"] in (entry, other)]) == 2)
    for top, _, names in os.walk(gw.folder):
        for name in names:
            if name.startswith("rights.") or os.path.basename(top) == "wal":
                with open(os.path.join(top, name), "rb") as f:
                    raw = f.read()
                assert b"erika" not in raw.lower() and b"2024-00817" not in raw, os.path.join(top, name)
    assert gw.verify()[0] == 0


def test_the_admin_listener_does_the_same(gw):
    def admin(method, body=None, path="", key=None):
        return gw.request(method, "/admin/v1/rights" + path, body, key=key or gw.admin, port=gw.admin_port)
    assert admin("GET", key=gw.key)[0] in (401, 403)
    body = {"list": "objected", "identifier": TEL, "reason": "call of 3 May", "approver": "dpo", "expires": "2099-01-01"}
    status, _, raw = admin("POST", body)
    assert status == 200, raw
    entry = json.loads(raw)["id"]
    assert admin("POST", body)[0] == 409
    status, _, raw = admin("GET")
    got = json.loads(raw)
    assert got["readable"] is True and [e["id"] for e in got["entries"]] == [entry] and b"1234567" not in raw
    until(gw)
    assert hard(gw, "Call 0170 1234567.")[1]["x-weir-route"] == "local/home"
    assert json.loads(admin("POST", {"identifier": "00491701234567"}, "/check")[2])["entries"][0]["id"] == entry
    for wrong in ({"list": "x"}, {**body, "reason": ""}, {**body, "expires": "soon"}, {**body, "identifier": "abc"}):
        assert admin("POST", wrong)[0] == 400, wrong
    harness.wait_for("the record", lambda: [x for x in gw.leaves() if x["ev"] == "rights.add" and x["id"] == entry and x["by"] == "admin"])
    assert admin("DELETE", {"list": "objected", "id": entry, "reason": "done", "approver": "dpo"})[0] == 200
    assert admin("DELETE", {"list": "objected", "id": entry, "reason": "done", "approver": "dpo"})[0] == 404
    assert json.loads(admin("GET")[2])["entries"] == []
    assert admin("PUT")[0] == 405 and admin("GET", path="/x")[0] == 404


def test_lists_that_cannot_be_read_stop_everything_that_leaves(gw, eu, listed):
    listed("objected", KD)
    listed("restricted", ERIKA)
    path = os.path.join(gw.audit, "keys", "rights.json")
    with open(path, "rb") as f:
        good = f.read()
    before = len(eu.received())
    try:
        with open(path, "wb") as f:
            f.write(good[:-40])
        harness.wait_for("the gauge", lambda: b"\nweir_rights_readable 0\n" in gw.get("/metrics", port=gw.admin_port)[2], 10)
        status, head, _ = hard(gw, "Compare two empires.")
        assert status == 200 and head["x-weir-route"] == "local/home"
        assert decision(gw, head)["decision"]["candidates"][0]["rule"] == "rights-unreadable"
        status, _, answer = gw.chat("hi", model="eu/gpt-x")
        assert status == 403 and answer["error"]["code"] == "rights-unreadable"
        assert hard(gw, f"Write to {ERIKA}.")[0] == 403  # who was known to be restricted still is
        assert "nothing leaves until this is mended" in open(gw.log_path, encoding="utf-8").read()
        assert len(eu.received()) == before
        assert rights(gw, "list", check=False).returncode == 2
        gw.stop()
        done = gw.command("serve", "-c", gw.config, check=False)
        assert done.returncode != 0 and b"rights.json" in done.stderr
        os.unlink(path)
        done = gw.command("serve", "-c", gw.config, check=False)
        assert done.returncode != 0 and b"it is gone" in done.stderr
    finally:
        with open(path, "wb") as f:
            f.write(good)
        if gw.process is None:
            gw.start()
    harness.wait_for("the gauge", lambda: b"\nweir_rights_readable 1\n" in gw.get("/metrics", port=gw.admin_port)[2], 10)
    assert hard(gw, "Compare two empires.")[1]["x-weir-route"] == "eu/gpt-x"


def test_the_command_line_tells_what_is_missing(gw):
    assert b"usage" in gw.command("rights", "--help").stdout
    for args, who in ((("add",), "a@b.example"), (("add", "--list", "blocked"), "a@b.example"),
                      (("add", "--list", "objected"), "a@b.example"),
                      (("add", "--list", "objected", "--reason", "x", "--approver", "y"), "  "),
                      (("add", "--list", "objected", "--reason", "x", "--approver", "y"), "two\nlines@b.example"),
                      (("add", "--list", "objected", "--reason", "x", "--approver", "y"), "abc")):
        done = rights(gw, *args, who=who, check=False)
        assert done.returncode == 2 and done.stderr.startswith(b"weir:"), (args, done)
    assert gw.command("rights", "add", "a@b.example", check=False).returncode == 2  # no identifier as an argument
