"""Goal: GDPR Art. 16, what somebody says is wrong stands beside the record and never in its place; and Art. 15, who is only
named in kept texts is found there, on record, and not once it is erased.

Oracle: the bytes of the log before and after, every file under the log's directory, what the commands print.
"""
import base64
import json
import time

import harness
import pytest
from test_audit_content import anywhere, ask, content, own, with_content  # noqa: F401

WRONG = "canary-wrong-77: the address is Mill Lane 4, not 5"


def correct(g, req, subject, text=WRONG, field="answer.address", check=True):
    return g.command("audit", "correct", g.audit, "--req", req, "--subject", subject, "--field", field, stdin=text.encode(), check=check)


def find(g, who, reason="Art. 15, ticket 9", check=False):
    done = g.command("audit", "content", g.audit, "--find", "--reason", reason, stdin=who.encode(), check=check)
    return done.returncode, [json.loads(x) for x in done.stdout.splitlines()], done.stderr.decode()


def made(g):
    return [x for x in g.leaves() if x["ev"] == "correction.made"]


def test_gdpr_art_16_a_correction_stands_beside_the_record(own):  # noqa: F811
    g = own
    with_content(g)
    g.start()
    _, req, _ = ask(g, "hello from anna", "anna")
    before = g.command("audit", "show", g.audit, "--req", req, "--json").stdout
    intent = next(x for x in g.leaves() if x["ev"] == "req.intent" and x["req"] == req)
    index = json.loads(correct(g, req, "anna").stdout)["index"]
    leaf = made(g)[0]
    assert leaf["_index"] == index and (leaf["record"], leaf["req"], leaf["subj"]) == (intent["_index"], req, intent["subj"])
    assert leaf["field"] == "answer.address" and leaf["by"].startswith("uid ") and leaf["tenant"] == "acme"
    assert len(leaf["blobs"]) == 1 and leaf["blobs"][0]["kind"] == "correction" and len(leaf["blobs"][0]["commit"]) == 64
    assert g.command("audit", "show", g.audit, "--req", req, "--json").stdout.startswith(before), "the record is as it was"
    assert anywhere(g.audit, b"canary-wrong-77") is None and "Mill Lane" not in json.dumps(g.leaves())
    # where it shows
    assert f"field=answer.address  record={intent['_index']}" in g.command("audit", "show", g.audit).stdout.decode()
    rows = g.command("audit", "query", g.audit, "--req", req, "--format", "jsonl").stdout.decode().splitlines()
    assert json.loads(rows[0])["corrections"] == 1
    out = g.command("audit", "export", g.audit, "--report", "subject", "--subject", "anna", "--format", "jsonl").stdout.decode()
    row = next(x for x in map(json.loads, out.splitlines()) if x.get("table", "").startswith("Corrections (Art. 16"))
    assert (row["request"], row["record"], row["field"]) == (req, intent["_index"], "answer.address")
    assert content(g, req, "--kind", "correction")[0]["content"] == WRONG
    assert g.verify()[0] == 0
    # with an admin's key, of a request that names nobody, and offline
    admin = g.new_key("root", role="admin")
    _, nobody, _ = ask(g, "hello from nobody")
    harness.wait_for("the key", lambda: g.request("GET", "/admin/v1/kill", key=admin, port=g.admin_port)[0] == 200)
    status, _, raw = g.request("POST", "/admin/v1/corrections", {"req": nobody, "subject": "carl", "field": "request", "text": WRONG},
                               key=admin, port=g.admin_port)
    assert status == 200 and made(g)[-1]["_index"] == json.loads(raw)["index"] and made(g)[-1]["by"].endswith("(root)")
    assert g.stop() == 0
    assert correct(g, req, "anna", "once more").returncode == 0
    assert len(made(g)) == 3 and g.verify()[0] == 0


def test_gdpr_art_16_what_does_not_fit_leaves_nothing(own):  # noqa: F811
    g = own
    g.start()
    _, req, _ = ask(g, "hello from anna", "anna")
    ask(g, "hello from ben", "ben")
    admin = g.new_key("root", role="admin")
    harness.wait_for("the key", lambda: g.request("GET", "/admin/v1/kill", key=admin, port=g.admin_port)[0] == 200)
    for args, code, status in (((req, "ben"), 1, 409), (("no-such-request", "anna"), 1, 404), ((req, "anna", "x", "A field"), 2, 400),
                               ((req, "anna", "x" * 16385), 2, 400)):
        done = correct(g, *args, check=False)
        assert done.returncode == code and done.stderr, (args, done)
        body = dict(zip(("req", "subject", "text", "field"), args + (WRONG, "answer")[len(args) - 2:]))
        got = g.request("POST", "/admin/v1/corrections", body, key=admin, port=g.admin_port)
        assert got[0] == status, (args, got)
    assert correct(g, req, "anna", " \n ", check=False).returncode == 2
    assert g.request("POST", "/admin/v1/corrections", {"req": req}, key=admin, port=g.admin_port)[0] == 400
    assert not made(g)
    assert correct(g, req, "anna").returncode == 0, "content need not be switched on for it"


def test_gdpr_art_16_a_correction_outlives_content_and_goes_with_its_subject(own):  # noqa: F811
    g = own
    with_content(g, maximum="2s")
    g.start()
    _, req, _ = ask(g, "hello from anna", "anna")
    correct(g, req, "anna")
    harness.wait_for("the content to go", lambda: [x["kind"] for x in content(g, req)] == ["correction"], 20, 0.5)
    g.command("audit", "erase", g.audit, "--subject", "anna")
    assert g.command("audit", "content", g.audit, "--req", req, check=False).returncode == 1
    assert len(made(g)) == 1 and g.verify()[0] == 0
    done = correct(g, req, "anna", check=False)
    assert done.returncode == 1 and b"erased" in done.stderr


def test_gdpr_art_15_who_is_only_named_in_a_text_is_found_on_record(own):  # noqa: F811
    g = own
    with_content(g)
    g.start()
    _, one, _ = ask(g, "Write to Anna Nowak about the roof", "ben")
    _, two, _ = ask(g, "Nowak, Anna called again", "carl", stream=True)
    _, other, _ = ask(g, "Write to Anna Kowal about the roof", "ben")
    assert correct(g, other, "ben", "it was ANNA NOWAK").returncode == 0
    time.sleep(0.1)
    code, rows, said = find(g, "Anna Nowak")
    assert code == 0 and {x["req"] for x in rows} == {one, two, other}
    assert [x["kind"] for x in rows if x["req"] == other] == ["correction"]
    assert {"request", "delivered"} <= {x["kind"] for x in rows if x["req"] == one} and "Nowak" not in json.dumps(rows)
    assert [x["t"] for x in rows] == sorted(x["t"] for x in rows) and " of " in said
    assert rows[0]["subj"] == next(x for x in g.leaves() if x["ev"] == "req.intent" and x["req"] == one)["subj"]
    looks = [x for x in g.leaves() if x["ev"] == "audit.read" and x["what"] == "content find"]
    assert [x["question"]["state"] for x in looks] == ["begins", "found"] and looks[1]["rows"] == len(rows)
    assert looks[0]["rows"] >= len(rows) and looks[0]["question"]["reason"] == "Art. 15, ticket 9"
    tag = looks[0]["question"]["find"]
    assert len(tag) == 32 and anywhere(g.audit, b"Nowak") is None and anywhere(g.audit, b"NOWAK") is None
    find(g, "anna  NOWAK")
    find(g, "Anna Kowal")
    tags = [x["question"]["find"] for x in g.leaves() if x["ev"] == "audit.read" and x["what"] == "content find"]
    assert tags[2] == tag and tags[4] != tag, "the same name is the same tag"
    # what is erased is not found, one subject's first
    g.command("audit", "erase", g.audit, "--subject", "ben")
    assert {x["req"] for x in find(g, "Anna Nowak")[1]} == {two}
    assert g.stop() == 0
    assert {x["req"] for x in find(g, "Anna Nowak")[1]} == {two}, "offline too"
    g.command("audit", "erase", g.audit, "--subject", "carl")
    code, rows, _ = find(g, "Anna Nowak")
    assert code == 1 and rows == [] and g.verify()[0] == 0


def test_gdpr_art_15_a_name_that_is_encoded_in_a_kept_text_is_found(own):  # noqa: F811
    g = own
    with_content(g)
    g.start()
    hidden = ["the note: " + base64.b64encode(b"please write to Anna Nowak about the roof").decode(),
              "short: " + base64.b64encode(b"Anna Nowak").decode(), "Anna%20Nowak", "A\u200bnna No\u00adwak", "&#65;nna Nowak",
              base64.b64encode(base64.b64encode(b"call Anna Nowak this afternoon")).decode(), b"write to Anna Nowak please".hex()]
    reqs = [ask(g, text, "ben")[1] for text in hidden]
    ask(g, base64.b64encode(b"please write to Anna Kowal about the roof").decode(), "ben")
    time.sleep(0.1)
    code, rows, _ = find(g, "Anna Nowak")
    missed = [t for t, r in zip(hidden, reqs) if r not in {x["req"] for x in rows}]
    assert code == 0 and not missed and len({x["req"] for x in rows}) == len(reqs)


@pytest.mark.parametrize("who, reason, why", [("Anna Nowak", "letter of Anna Nowak", "leave him out"), ("x", "r", "an identifier has"),
                                              ("", "r", "standard input"), ("Anna Nowak", "r" * 257, "256 bytes")])
def test_gdpr_art_15_a_search_that_does_not_fit_is_none(own, who, reason, why):  # noqa: F811
    g = own
    g.start()
    ask(g, "hello", "ben")
    code, rows, said = find(g, who, reason)
    assert code == 2 and why in said and rows == []
    assert not [x for x in g.leaves() if x["ev"] == "audit.read"]
    assert g.command("audit", "content", g.audit, "--find", stdin=b"Anna Nowak", check=False).returncode == 2, "a reason is needed"
