"""Goal: AI Act Art. 26(12), who audits reads a running gateway's decisions, proofs, reports, policy and switches with a key
of his own, changes nothing, sees no content, and leaves a record of each look.

Oracle: the router's own table (GET /admin/v1), so an endpoint that is added is asked too; the log; the command line on the
same directory.
"""
import json
import os
import subprocess

import harness
import pytest

SECRET = "canary-auditor-5151"


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, model):
    policy = harness.POLICY.replace("ai_act: minimal }", "ai_act: minimal, human_review: hold }", 1)
    g = harness.Gateway(str(tmp_path_factory.mktemp("auditor")), weir, model=model, policy=policy,
                        audit="on_failure: refuse, content: { rules: [ { tenant: [acme], data: [none, personal], maximum: 30d } ] }")
    g.admin, g.auditor = g.new_key("root", role="admin"), g.new_key("outside", role="auditor")
    harness.wait_for("the keys", lambda: call(g, "GET", "", key=g.auditor)[0] == 200)
    g.held = g.chat(f"say {SECRET}", headers={"x-weir-use-case": "support"}, max_tokens=4)[1]["x-request-id"]
    g.first = g.chat(f"say {SECRET}", max_tokens=4)[1]
    yield g
    g.kill()


def call(g, method, path, body=None, key=None):
    status, head, raw = g.request(method, "/admin/v1" + path, body, key=key or g.auditor, port=g.admin_port)
    return status, raw


def reads(g):
    return [x for x in g.leaves() if x["ev"] == "audit.read" and "outside" in x["by"]]


def table(g):
    return json.loads(call(g, "GET", "")[1])["endpoints"]


BODIES = {"/admin/v1/kill": {"backend": "local", "reason": "x"}, "/admin/v1/erase": {"req": "x", "reason": "x"},
          "/admin/v1/rights": {"list": "objected", "identifier": "anna@example.eu", "reason": "r", "approver": "a"},
          "/admin/v1/corrections": {"req": "x", "subject": "s", "field": "f", "text": "t"},
          "/admin/v1/rights/check": {"identifier": "anna@example.eu"}, "/admin/v1/reviews/*": {"verdict": "approve"}}


def test_ai_act_art_26_12_an_auditor_changes_nothing_on_any_endpoint_there_is(gw):
    rows = table(gw)
    assert len(rows) >= 19 and {"change", "content", "look"} == {r["kind"] for r in rows}
    before = (call(gw, "GET", "/kill", key=gw.admin)[1], call(gw, "GET", "/rights", key=gw.admin)[1],
              call(gw, "GET", "/reviews", key=gw.admin)[1])
    for r in rows:
        path = r["path"].replace("*", gw.held)[len("/admin/v1"):]
        body = BODIES.get(r["path"], {"reason": "x"}) if r["method"] != "GET" else None
        n = len(reads(gw))
        status, raw = call(gw, r["method"], path, body)
        assert r["auditor"] == (r["kind"] == "look")
        if r["kind"] == "look":
            assert status in (200, 400, 404), (r, status, raw)
        else:
            assert status == 403 and json.loads(raw)["error"]["type"] == "permission_error", (r, status, raw)
            last = reads(gw)[n:]
            assert len(last) == 1 and last[0]["denied"] == "auditor" and last[0]["rows"] == 0
            assert last[0]["what"] == f"{r['method']} {r['path']}"
        assert SECRET.encode() not in raw
    assert before == (call(gw, "GET", "/kill", key=gw.admin)[1], call(gw, "GET", "/rights", key=gw.admin)[1],
                      call(gw, "GET", "/reviews", key=gw.admin)[1])
    # what changes for an admin is a change: methods that the table does not have do not exist
    for r in rows:
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            if not any(x["method"] == method and x["path"] == r["path"] for x in rows):
                path = r["path"].replace("*", gw.held)[len("/admin/v1"):]
                if any(x["path"].endswith("/*") and path.startswith(x["path"][len("/admin/v1"):-1]) and x["method"] == method
                       for x in rows):
                    continue
                assert call(gw, method, path, {}, key=gw.admin)[0] == 405, (method, path)


def test_ai_act_art_26_12_what_is_read_is_what_the_log_holds_and_is_on_record(gw, weir, tmp_path):
    n = len(reads(gw))
    status, raw = call(gw, "GET", "/audit/verify")
    assert status == 200 and json.loads(raw)["holds"] is True and json.loads(raw)["content"]["kept"] >= 2
    row = json.loads(call(gw, "GET", f"/audit/query?req={gw.first['x-request-id']}")[1].splitlines()[0])
    assert gw.first["x-request-id"] in json.dumps(row)
    index = int(gw.first["x-weir-log-index"])
    leaf = json.loads(call(gw, "GET", f"/audit/records?number={index}&limit=1")[1])
    assert leaf["index"] == index and leaf["leaf"]["req"] == gw.first["x-request-id"]
    checkpoint = json.loads(call(gw, "GET", "/audit/checkpoint")[1])
    assert checkpoint["checkpoint"].startswith("weir.test/gw1\n")

    def proof():
        status, raw = call(gw, "GET", f"/audit/proof?number={index}")
        return raw if status == 200 else None
    path = tmp_path / "proof"
    path.write_bytes(harness.wait_for("the checkpoint to cover it", proof))
    done = subprocess.run([weir, "audit", "verify-proof", str(path), "--vkey", checkpoint["vkey"]], capture_output=True, check=False)
    assert done.returncode == 0 and json.loads(done.stdout)["req"] == gw.first["x-request-id"]
    status, raw = call(gw, "GET", "/audit/export?report=article30&format=html")
    assert status == 200 and raw.startswith(b"<!doctype html>")
    policy = json.loads(call(gw, "GET", "/policy")[1])
    with open(os.path.join(gw.folder, "policy.yaml"), encoding="utf-8") as f:
        assert policy["text"] == f.read() and policy["policy"] == gw.first["x-weir-policy"]
    assert json.loads(call(gw, "GET", "/kill")[1]) == {"kills": []}
    looks = [x["what"] for x in reads(gw)[n:]]
    for what in ("verify", "query", "show", "checkpoint", "prove", "export article30", "policy", "GET /admin/v1/kill"):
        assert what in looks, looks
    assert next(x for x in reads(gw)[n:] if x["what"] == "query")["question"] == {"req": gw.first["x-request-id"]}


@pytest.mark.parametrize("path", ["/audit/query?subject=anna", "/audit/query?since=yesterdayish", "/audit/export", "/audit/export?report=x",
                                  "/audit/records?number=x", "/audit/query?req=%0a", "/audit/proof?limit=2", "/audit/verify?x=1"])
def test_ai_act_art_26_12_what_is_no_question_is_told(gw, path):
    status, raw = call(gw, "GET", path)
    assert status == 400 and json.loads(raw)["error"]["message"]


def test_ai_act_art_26_12_an_auditors_key_asks_no_model_and_sees_no_other_page(gw):
    before = len([x for x in gw.leaves() if x["ev"] == "req.intent"])
    for path, body in (("/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}), ("/v1/models", None)):
        status, _, raw = gw.request("POST" if body else "GET", path, body, key=gw.auditor)
        assert status == 403 and json.loads(raw)["error"]["code"] == "auditor_key"
    assert len([x for x in gw.leaves() if x["ev"] == "req.intent"]) == before
    assert gw.request("GET", "/", key=gw.auditor, port=gw.admin_port)[0] == 401
    assert gw.request("GET", "/admin/v1x", key=gw.auditor, port=gw.admin_port)[0] in (401, 404)
    assert gw.request("GET", "/admin/v1/kill", key=gw.key, port=gw.admin_port)[0] == 401
    out = gw.command("key", "list", "-c", gw.config, "--json").stdout.decode()
    assert [json.loads(x)["role"] for x in out.splitlines()] == ["user", "admin", "auditor"]
    assert next(x for x in gw.leaves() if x["ev"] == "key.new" and x["name"] == "outside")["role"] == "auditor"
    gw.command("key", "revoke", "-c", gw.config, "outside")
    harness.wait_for("the revocation", lambda: call(gw, "GET", "/kill")[0] == 401)
