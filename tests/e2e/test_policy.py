"""Goal: a policy is a product: kill switches act within a second and stay, a shadow policy is compared and
never enforced, a change can be rehearsed on the log, and a policy that nobody signed is not taken.

Method: one gateway with a home model and stand-ins in the EU and the US; each test reloads it with what it
needs. Oracles: what the stand-ins received, what the log holds, exit codes.
"""
import json
import os
import signal
import threading
import time

import harness
import pytest

ROUTING = ("  commodity: [local/home]\n  hard: [us/claude-x, eu/gpt-x]\n  threshold: 0.5\n"
           "  when_hard_is_denied: local")


def backends(eu, us):
    return [harness.backend("eu", eu, "EU", models=("gpt-x",)),
            harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))]


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, model, eu, us):
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, model=model, backends=backends(eu, us),
                        routing=ROUTING)
    g.admin = g.new_key("admin", role="admin")
    yield g
    g.kill()


def events(g, ev):
    return [x for x in g.leaves() if x["ev"] == ev]


def hard(g, text="Compare two empires.", **kw):
    return g.chat(text, headers={"x-weir-tier": "hard"}, max_tokens=4, **kw)


def policy(g, verb, *args, check=True):
    return g.command("policy", verb, "-c", g.config, *args, check=check)


def until(what, check):
    """Waits until check() holds. With WEIR_TIMED=1 (a quiet machine) it has to within a second."""
    start = time.monotonic()
    harness.wait_for(what, check, timeout_s=15, step_s=0.02)
    took = time.monotonic() - start
    print(f"{what}: {took * 1000:.0f} ms")
    assert took < 1.0 or not os.environ.get("WEIR_TIMED")


def reload(g, done=True):
    before = len(events(g, "admin.reload"))
    g.process.send_signal(signal.SIGHUP)
    harness.wait_for("a reload", lambda: len(events(g, "admin.reload")) > before, 15)
    assert events(g, "admin.reload")[-1]["done"] is done, open(g.log_path, encoding="utf-8").read()[-2000:]
    return events(g, "admin.reload")[-1]


# ---- kill switches ----

KILLS = [("--backend", "us"), ("--model", "us/claude-x"), ("--country", "US"), ("--basis", "dpf")]


@pytest.mark.parametrize("kind,value", KILLS, ids=[k[0] for k in KILLS])
def test_a_kill_switch_acts_within_a_second_and_is_recorded(gw, us, kind, value):
    assert hard(gw)[1]["x-weir-route"] == "us/claude-x"
    told = len(events(gw, "policy.kill"))
    policy(gw, "kill", kind, value, "--reason", "drill 7")
    until("the switch", lambda: hard(gw)[1]["x-weir-route"] == "eu/gpt-x")
    before = len(us.received())
    status, head, answer = gw.chat("Compare", model="us/claude-x")
    assert status == 403 and answer["error"]["code"] == "kill-switch" and "drill 7" in answer["error"]["message"]
    assert len(us.received()) == before
    leaf = next(x for x in gw.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])
    assert leaf["decision"]["candidates"][0]["rule"] == "kill-switch"
    assert leaf["facts"]["kills"] == [{"kind": kind[2:], "value": value}]
    assert policy(gw, "kill", kind, value, "--reason", "again", check=False).returncode == 1
    policy(gw, "revive", kind, value, "--reason", "drill over")
    until("the way back", lambda: hard(gw)[1]["x-weir-route"] == "us/claude-x")
    harness.wait_for("records", lambda: len(events(gw, "policy.kill")) == told + 1, 5)
    leaf = events(gw, "policy.kill")[-1]
    assert (leaf["kind"], leaf["value"], leaf["reason"], leaf["kills"]) == (kind[2:], value, "drill 7", 1)
    assert leaf["by"] and events(gw, "policy.revive")[-1]["reason"] == "drill over"


def test_a_switch_on_a_use_case_stops_it_everywhere(gw):
    use = {"x-weir-use-case": "support"}
    assert gw.chat("hello", headers=use, max_tokens=2)[0] == 200
    policy(gw, "kill", "--use-case", "support", "--reason", "complaint 12")
    until("the switch", lambda: gw.chat("hello", headers=use, max_tokens=2)[0] == 403)
    assert gw.chat("hello", max_tokens=2)[0] == 200
    policy(gw, "revive", "--use-case", "support", "--reason", "answered")
    until("the way back", lambda: gw.chat("hello", headers=use, max_tokens=2)[0] == 200)


def test_an_unknown_name_is_refused(gw):
    done = policy(gw, "kill", "--backend", "eu-", "--reason", "x", check=False)
    assert done.returncode == 2 and b"would stop nothing" in done.stderr
    assert policy(gw, "kill", "--backend", "eu", check=False).returncode == 2
    assert json.loads(policy(gw, "list", "--json").stdout) == []


def test_a_switch_outlives_a_restart(gw, us):
    policy(gw, "kill", "--country", "US", "--reason", "ruling")
    until("the switch", lambda: hard(gw)[1]["x-weir-route"] == "eu/gpt-x")
    assert gw.stop() == 0
    policy(gw, "kill", "--basis", "scc", "--reason", "while it was down")
    gw.start()
    before = len(us.received())
    assert hard(gw)[1]["x-weir-route"] == "eu/gpt-x" and len(us.received()) == before
    told = events(gw, "policy.kill")
    assert [x["reason"] for x in told][-2:] == ["ruling", "while it was down"]
    assert sum(x["reason"] == "ruling" for x in told) == 1, "told once"
    assert gw.stop() == 0
    state = os.path.join(gw.folder, "policy-state.json")
    os.rename(state, state + ".away")
    done = gw.command("serve", "-c", gw.config, check=False)
    assert done.returncode == 2 and b"kill switches were in force" in done.stderr
    os.rename(state + ".away", state)
    gw.start()
    policy(gw, "revive", "--country", "US", "--reason", "appeal")
    policy(gw, "revive", "--basis", "scc", "--reason", "appeal")
    until("the way back", lambda: hard(gw)[1]["x-weir-route"] == "us/claude-x")


def test_what_is_off_stays_off_when_the_file_goes(gw):
    policy(gw, "kill", "--backend", "us", "--reason", "drill")
    until("the switch", lambda: hard(gw)[1]["x-weir-route"] == "eu/gpt-x")
    state = os.path.join(gw.folder, "policy-state.json")
    os.rename(state, state + ".away")
    time.sleep(0.5)
    assert hard(gw)[1]["x-weir-route"] == "eu/gpt-x"
    with open(state, "w", encoding="utf-8") as f:
        f.write("{broken")
    time.sleep(0.5)
    assert hard(gw)[1]["x-weir-route"] == "eu/gpt-x"
    os.rename(state + ".away", state)
    policy(gw, "revive", "--backend", "us", "--reason", "over")
    until("the way back", lambda: hard(gw)[1]["x-weir-route"] == "us/claude-x")


def test_a_stream_to_a_killed_back_end_is_cut(gw, eu):
    got = {}

    def ask():
        got["answer"] = gw.chat("[[standin: long=400,drip=0.02]] Tell it slowly", model="eu/gpt-x", stream=True)

    before = len(eu.received())
    t = threading.Thread(target=ask)
    t.start()
    harness.wait_for("the stream", lambda: len(eu.received()) > before, 10)
    time.sleep(0.5)
    policy(gw, "kill", "--backend", "eu", "--reason", "incident 3")
    t.join(30)
    assert not t.is_alive()
    policy(gw, "revive", "--backend", "eu", "--reason", "over")
    status, head, lines = got["answer"]
    assert status == 200 and "[DONE]" not in lines and len(lines) < 390, "400 pieces would have come"
    last = json.loads(lines[-1])
    assert last["error"]["code"] == "kill-switch", last
    outcome = next(x for x in gw.leaves() if x["ev"] == "req.outcome" and x["req"] == head["x-request-id"])
    assert outcome["status"] == "error" and outcome["error"] == "policy_denied"
    until("the way back", lambda: gw.chat("x", model="eu/gpt-x")[0] == 200)


def test_the_admin_listener_has_the_switch_too(gw, us):
    def admin(method, body=None, key=None):
        return gw.request(method, "/admin/v1/kill", body, key=key or gw.admin, port=gw.admin_port)

    assert json.loads(admin("GET")[2]) == {"kills": []}
    assert gw.request("POST", "/admin/v1/kill", {"backend": "us", "reason": "x"}, port=gw.admin_port)[0] == 401
    assert admin("POST", {"backend": "us"})[0] == 400
    assert admin("POST", {"backend": "nobody", "reason": "x"})[0] == 400
    assert admin("POST", {"backend": "us", "country": "US", "reason": "x"})[0] == 400
    status, _, raw = admin("POST", {"backend": "us", "reason": "by admin"})
    assert status == 200 and json.loads(raw)["kills"][0]["value"] == "us"
    before = len(us.received())
    assert hard(gw)[1]["x-weir-route"] == "eu/gpt-x" and len(us.received()) == before
    assert admin("POST", {"backend": "us", "reason": "again"})[0] == 409
    assert admin("DELETE", {"backend": "us", "reason": "over"})[0] == 200
    assert admin("DELETE", {"backend": "us", "reason": "over"})[0] == 404
    assert hard(gw)[1]["x-weir-route"] == "us/claude-x"
    harness.wait_for("records", lambda: events(gw, "policy.kill")[-1]["by"] == "admin", 5)


def test_explain_shows_the_whole_tree_and_the_switches(gw):
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Mail anna@example.eu"}]}).encode()
    policy(gw, "kill", "--backend", "eu", "--reason", "drill 9")
    out = json.loads(gw.command("explain", "-c", gw.config, "--tier", "hard", "--tree", stdin=body).stdout)
    policy(gw, "revive", "--backend", "eu", "--reason", "over")
    rules = {r["rule"]: r for r in out["tree"]["rules"]}
    assert rules["personal-eu-only"]["applies"] and not rules["no-secrets-out"]["applies"]
    assert rules["no-secrets-out"]["conditions"] == [{"on": "data", "asks": ["secret"], "holds": False}]
    steps = {c["backend"]: {s["check"]: s for s in c["steps"]} for c in out["tree"]["candidates"]}
    assert not steps["eu/gpt-x"]["kill"]["ok"] and steps["eu/gpt-x"]["location"]["ok"]
    assert not steps["us/claude-x"]["location"]["ok"] and not steps["us/claude-x"]["basis"]["ok"]
    assert out["decision"]["route"] == "local/home"
    until("the way back", lambda: gw.chat("x", model="eu/gpt-x")[0] == 200)


# ---- shadow, diff ----

STRICTER = harness.POLICY.replace("location: [on_premises, EU, US], basis: [dpa, dpf, scc, adequacy] }",
                                  "location: [on_premises, EU], basis: [dpa] }")
LOOSER = harness.POLICY.replace(
    "{ id: personal-eu-only, when: { data: [personal] }, location: [on_premises, EU], basis: [dpa],",
    "{ id: personal-eu-only, when: { data: [personal] }, location: [on_premises, EU, US], basis: [dpa, dpf],")
ASKED = [("What is a monad?", "hard"), ("Mail anna@example.eu about it", "hard"),
         ("my key is AKIAIOSFODNN7EXAMPLQ", "hard"), ("hello", "commodity")]


def ask_all(g):
    return [g.chat(text, headers={"x-weir-tier": tier}, max_tokens=4)[1]["x-request-id"] for text, tier in ASKED]


def test_a_shadow_policy_is_compared_and_never_enforced(gw):
    with open(os.path.join(gw.folder, "next.yaml"), "w", encoding="utf-8") as f:
        f.write(STRICTER)
    plain = open(gw.config, encoding="utf-8").read()
    try:
        with open(gw.config, "w", encoding="utf-8") as f:
            f.write(plain + "policy_shadow: next.yaml\n")
        reload(gw)
        ids = ask_all(gw)
        leaves = {x["req"]: x for x in events(gw, "req.intent")}
        assert leaves[ids[0]]["decision"]["route"] == "us/claude-x", "the policy in force decides"
        assert leaves[ids[0]]["shadow"]["change"] == "other_route"
        assert leaves[ids[0]]["shadow"]["route"] == "eu/gpt-x"
        assert leaves[ids[3]]["shadow"]["change"] == "same" and "route" not in leaves[ids[3]]["shadow"]
        assert leaves[ids[0]]["shadow"]["policy"] != leaves[ids[0]]["decision"]["policy"]
        text = gw.request("GET", "/metrics", port=gw.admin_port)[2].decode()
        assert 'weir_shadow_decisions_total{change="other_route"} 1' in text
        assert 'weir_shadow_decisions_total{change="same"} 3' in text
    finally:
        with open(gw.config, "w", encoding="utf-8") as f:
            f.write(plain)
        reload(gw)


def test_a_change_is_rehearsed_on_the_log(gw, tmp_path):
    ask_all(gw)
    files = {}
    for name, text in (("a", harness.POLICY), ("stricter", STRICTER), ("looser", LOOSER)):
        files[name] = str(tmp_path / f"{name}.yaml")
        with open(files[name], "w", encoding="utf-8") as f:
            f.write(text)

    def diff(a, b, *more, check=True):
        done = gw.command("policy", "diff", files[a], files[b], "--log", gw.audit, "--json", *more, check=check)
        return done.returncode, json.loads(done.stdout)

    code, same = diff("a", "a")
    assert code == 0 and same["decisions"] > 10 and same["without_facts"] == 0
    assert same["replayed"] == same["changes"]["same"] and same["not_reproduced"] == 0
    assert same["decided_by_a"] == same["replayed"]
    _, less = diff("a", "stricter")
    assert less["changes"]["other_route"] > 0 and less["changes"]["newly_leaves"] == 0
    code, more = diff("a", "looser", "--strict", check=False)
    assert more["changes"]["other_route"] + more["changes"]["newly_leaves"] > 0
    _, back = diff("stricter", "a")
    assert back["changes"]["other_route"] == less["changes"]["other_route"]
    home = str(tmp_path / "home.yaml")
    with open(home, "w", encoding="utf-8") as f:
        f.write("version: 1\n")
    files["home"] = home
    _, closed = diff("a", "home")
    assert closed["changes"]["stays_home"] > 0 and closed["changes"]["newly_denied"] > 0, "pinned ones are denied"
    code, opened = diff("home", "a", "--strict", check=False)
    assert code == 1 and opened["changes"]["newly_leaves"] > 0
    first = opened["examples"][0]
    assert first["change"] in ("newly_denied", "newly_leaves") and first["req"] and first["reason"]
    table = gw.command("policy", "diff", files["home"], files["a"], "--log", gw.audit).stdout.decode()
    assert "newly_denied" in table and "newly_leaves" in table
    assert "anna@example.eu" not in table + json.dumps(opened), "facts hold no content"


# ---- signatures ----

def test_only_signed_policies_and_none_from_the_past(weir, model, eu, us, tmp_path):
    key, other = str(tmp_path / "key"), str(tmp_path / "other")
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=model, backends=backends(eu, us), routing=ROUTING,
                        start=False)
    vkey = g.command("policy", "keygen", "--name", "policy.test/dpo", "--out", key).stdout.decode().strip()
    g.command("policy", "keygen", "--name", "policy.test/else", "--out", other)
    path = os.path.join(g.folder, "policy.yaml")

    def write(text, sign=key):
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        if sign:
            g.command("policy", "sign", "--key", sign, path)

    def check():
        return g.command("check", "-c", g.config, check=False)

    with open(g.config, "a", encoding="utf-8") as f:
        f.write(f'policy_keys: ["{vkey}"]\n')
    done = check()
    assert done.returncode == 1 and b"there is no signature" in done.stdout
    assert g.command("serve", "-c", g.config, check=False).returncode == 2
    first = harness.POLICY.replace("version: 1", "version: 1\nrevision: 7")
    write(harness.POLICY)
    assert b"needs `revision: N`" in check().stdout
    write(first, sign=other)
    assert b"none of policy_keys has signed it" in check().stdout
    write(first)
    assert check().returncode == 0
    g.command("policy", "verify", "--vkey", vkey, path)
    with open(path, "a", encoding="utf-8") as f:
        f.write("# one byte more\n")
    assert b"made for another text" in check().stdout
    assert g.command("policy", "verify", "--vkey", vkey, path, check=False).returncode == 1
    write(first)
    g.key = g.new_key("tests")
    g.start()
    try:
        head = g.chat("hello", max_tokens=2)[1]
        leaf = next(x for x in events(g, "req.intent") if x["req"] == head["x-request-id"])
        assert leaf["decision"]["revision"] == 7 and leaf["decision"]["signed_by"] == "policy.test/dpo"
        write(first + "# changed\n", sign=None)
        g.process.send_signal(signal.SIGHUP)
        harness.wait_for("the refusal", lambda: "made for another text" in
                         open(g.log_path, encoding="utf-8").read(), 10)
        write(first.replace("revision: 7", "revision: 6"))
        assert "revision 6 is older than 7" in reload(g, done=False)["why"]
        write(first + "# the same number\n")
        assert "revision 7 was in force with another text" in reload(g, done=False)["why"]
        assert g.chat("hello", max_tokens=2)[1]["x-weir-policy"] == leaf["decision"]["policy"]
        write(first.replace("revision: 7", "revision: 8"))
        reload(g)
        write(first)
        assert "older than 8" in reload(g, done=False)["why"]
        g.command("policy", "rollback", "-c", g.config, "--to", "7", "--reason", "8 was wrong")
        reload(g)
        harness.wait_for("the record", lambda: events(g, "policy.rollback"), 5)
        assert events(g, "policy.rollback")[-1]["revision"] == 7
        assert g.stop() == 0
        write(first.replace("revision: 7", "revision: 6"))
        assert g.command("serve", "-c", g.config, check=False).returncode == 2, "nor at the start"
        assert g.verify()[0] == 0
    finally:
        g.kill()
