"""What the log holds of the gateway's own doings, and what a request's records carry for later: who the
recipient was, on which basis, at what price, and how the attempt before a fallback ended."""
import os
import signal

import pytest

import harness


@pytest.fixture
def own(tmp_path, weir, eu):
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[
        harness.backend("eu", eu, "EU", models=("gpt-x", "standin-status=503")), harness.backend("eu2", eu, "DE", reference="DPA-2")],
        routing="  commodity: [eu/gpt-x]\n  hard: [eu/standin-status=503, eu2/gpt-x]\n  threshold: 0.5")
    yield g
    g.kill()


def by(leaves, ev):
    return [x for x in leaves if x["ev"] == ev]


def test_a_request_carries_recipient_basis_price_and_use(own):
    g = own
    status, _, _ = g.chat("hello", model="eu/gpt-x", headers={"x-weir-use-case": "support"})
    assert status == 200
    g.stop()
    leaves = g.leaves()
    intent, outcome = by(leaves, "req.intent")[0], by(leaves, "req.outcome")[0]
    assert intent["to"] == {
        "backend": "eu", "basis": "dpa", "entity": "Stand-in eu", "expires": "2099-12-31", "location": ["EU"],
        "on_premises": False, "price_in": 1250000, "price_out": 10000000, "reference": "DPA-2026-01",
        "retention_days": 0, "trains": False}
    assert intent["use"] == {"ai_act": "minimal", "human_review": False, "id": "support", "legal_basis": "6.1.f",
                             "purpose": "customer support"}
    assert outcome["left"] == 1
    assert outcome["cost_micro"] == int(outcome["tokens_in"] * 1.25 + outcome["tokens_out"] * 10 + 0.5)
    assert outcome["cost_micro"] > 0
    for leaf in leaves:
        members = [k for k in leaf if k != "_index"]
        assert members == sorted(members), f"the members of a leaf stand in order: {members}"


def test_a_fallback_says_how_the_attempt_before_ended(own):
    g = own
    status, head, _ = g.chat("hello", headers={"x-weir-tier": "hard"})
    assert status == 200 and head["x-weir-route"] == "eu2/gpt-x"
    g.stop()
    leaves = g.leaves()
    after = by(leaves, "req.fallback")[0]["after"]
    assert after["route"] == "eu/standin-status=503" and after["http"] == 503 and "server error" in after["why"]
    assert by(leaves, "req.fallback")[0]["to"]["reference"] == "DPA-2"
    assert by(leaves, "req.outcome")[0]["left"] == 2


def test_start_stop_reload_and_keys_are_recorded(own):
    g = own
    second = g.new_key("second")
    harness.wait_for("the new key", lambda: g.get("/v1/models", key=second)[0] == 200, 10)
    g.command("key", "revoke", "-c", g.config, "second")
    harness.wait_for("the revocation", lambda: g.get("/v1/models", key=second)[0] == 401, 10)
    with open(g.config, encoding="utf-8") as f:
        good = f.read()
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(good + "nonsense: 1\n")
    os.kill(g.pids()["gateway"], signal.SIGHUP)
    harness.wait_for("the refused reload", lambda: any(x["ev"] == "admin.reload" and not x["done"]
                                                       for x in g.leaves()), 10)
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(good + "# another\n")
    os.kill(g.pids()["gateway"], signal.SIGHUP)
    harness.wait_for("the reload", lambda: any(x["ev"] == "admin.reload" and x["done"] for x in g.leaves()), 10)
    assert g.stop() == 0
    g.start()
    assert g.stop() == 0
    leaves = g.leaves()
    assert [(x["name"], x["ev"]) for x in leaves if x["ev"].startswith("key.")] == [
        ("tests", "key.new"), ("second", "key.new"), ("second", "key.revoked")], "told once each"
    done = [x for x in by(leaves, "admin.reload") if x["done"]][0]
    assert done["before"]["conf"] != done["after"]["conf"] and done["before"]["policy"] == done["after"]["policy"]
    assert len(by(leaves, "admin.start")) == len(by(leaves, "admin.stop")) == 2
    assert by(leaves, "admin.start")[1]["conf"] == done["after"]["conf"]
    refused = [x for x in by(leaves, "req.refused") if x["http"] == 401]
    assert refused, "the revoked key's refusal is there"
    assert g.verify()[0] == 0


def test_keys_made_while_the_gateway_was_down_are_told_at_the_next_start(own):
    g = own
    assert g.stop() == 0
    g.new_key("meanwhile")
    g.start()
    assert g.stop() == 0
    assert [x["name"] for x in by(g.leaves(), "key.new")] == ["tests", "meanwhile"]
