"""Goal: AI Act Art. 26(1), a model is used as its instructions say: what a policy's `limits` allow is what a model is asked
for, from whichever key, in streams and at a fallback, and the record says what was changed and by whom.

Oracle: the bytes that the stand-ins received, the caller's headers and errors, the log.
"""
import json

import harness
import pytest

POLICY = """\
version: 1
default: { location: [on_premises, EU] }
use_cases:
  - { id: assistant, purpose: help, legal_basis: 6.1.f,
      limits: { output_tokens: 64, temperature: [0.1, 0.7], top_p: 0.9, effort: low, beyond: clamp } }
  - { id: strict, purpose: triage, legal_basis: 6.1.c, limits: { output_tokens: 64, temperature: 0.2, input_bytes: 300, effort: low } }
  - { id: tested, purpose: letters, legal_basis: 6.1.f, limits: { models: [eu/gpt-x] } }
rules:
  - { id: open, location: [on_premises, EU], basis: [dpa] }
"""


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, model, eu, us):
    g = harness.Gateway(str(tmp_path_factory.mktemp("limits")), weir, model=model, policy=POLICY,
                        backends=[harness.backend("eu", eu, "EU"),
                                  harness.backend("old", eu, "EU", api="openai-compatible", models=("gpt-y",)),
                                  harness.backend("other", us, "EU", models=("claude-x",))],
                        routing="  commodity: [local/home]\n  hard: [eu/gpt-x]\n  threshold: 0.5")
    yield g
    g.kill()


def ask(g, standin, use, model="eu/gpt-x", **more):
    """(status, headers, answer, what the stand-in got)"""
    before = len(standin.received())
    status, head, answer = g.chat("Say hello", model=model, headers={"x-weir-use-case": use}, **more)
    got = standin.received()[before:]
    assert len(got) <= 1
    body = got[0]["body"] if got else None
    return status, head, answer, json.loads(body) if isinstance(body, str) else body


def test_ai_act_art_26_1_what_is_beyond_is_brought_back_and_said(gw, eu):
    status, head, _, got = ask(gw, eu, "assistant", temperature=1.5, max_tokens=4000, top_p=0.5, reasoning_effort="high")
    assert status == 200
    assert (got["temperature"], got["max_tokens"], got["top_p"], got["reasoning_effort"]) == (0.7, 64, 0.5, "low")
    assert head["x-weir-limited"] == "output_tokens=64,temperature=0.7,effort=low"
    leaf = next(x for x in gw.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])
    assert leaf["facts"]["asks"].pop("input_bytes") >= len("Say hello")
    assert leaf["facts"]["asks"] == {"output_tokens": 4000, "temperature_micro": 1500000, "top_p_micro": 500000, "effort": "high"}
    assert gw.verify()[0] == 0
    assert [(x["field"], x["from"], x["to"], x["rule"]) for x in leaf["decision"]["limited"]] == [
        ("output_tokens", 4000, 64, "use_case:assistant"), ("temperature", 1.5, 0.7, "use_case:assistant"),
        ("effort", "high", "low", "use_case:assistant")]
    # within them nothing is touched, and nothing is said
    status, head, _, got = ask(gw, eu, "assistant", temperature=0.25, max_completion_tokens=10, top_p=0.3)
    assert status == 200 and "x-weir-limited" not in head
    assert (got["temperature"], got["max_completion_tokens"], got["top_p"]) == (0.25, 10, 0.3)


def test_ai_act_art_26_1_who_asks_for_nothing_is_limited_too(gw, eu):
    status, head, _, got = ask(gw, eu, "assistant", stream=True)
    assert status == 200 and head["x-weir-limited"] == "output_tokens=64,temperature=0.7,top_p=0.9"
    assert (got["max_completion_tokens"], got["temperature"], got["top_p"]) == (64, 0.7, 0.9) and "reasoning_effort" not in got
    assert ask(gw, eu, "assistant", model="old/gpt-y")[3]["max_tokens"] == 64  # the word that older servers know


@pytest.mark.parametrize("more", [{"reasoning": {"effort": "high"}}, {"reasoning": {"max_tokens": 9000}},
                                  {"thinking": {"type": "enabled", "budget_tokens": 9000}}, {"reasoning_effort": "utmost"}])
def test_ai_act_art_26_1_another_spelling_of_effort_is_no_way_around(gw, eu, more):
    _, head, _, got = ask(gw, eu, "assistant", temperature=0.5, max_tokens=5, **more)
    assert got["reasoning_effort"] == "low" and "reasoning" not in got and "thinking" not in got
    assert head["x-weir-limited"] == "top_p=0.9,effort=low"
    status, _, answer, got = ask(gw, eu, "strict", temperature=0.1, max_tokens=5, **more)
    assert status == 403 and answer["error"]["param"] == "reasoning_effort" and got is None


@pytest.mark.parametrize("param, more", [("temperature", {"temperature": 0.21}), ("max_tokens", {"max_tokens": 65}),
                                         ("max_completion_tokens", {"max_completion_tokens": 65}),
                                         ("messages", {"messages": [{"role": "user", "content": "word " * 61}]})])
def test_ai_act_art_26_1_beyond_a_limit_that_refuses_nothing_leaves(gw, eu, param, more):
    for model in ("eu/gpt-x", "local/home"):
        status, head, answer, got = ask(gw, eu, "strict", model=model, **more)
        error = answer["error"]
        assert status == 403 and got is None
        assert (error["type"], error["code"], error["param"]) == ("policy_denied", "use_case:strict", param)
        assert "use_case:strict allows" in error["message"] and ("64" in error["message"] or "0.2" in error["message"]
                                                                 or "300" in error["message"])
    leaf = next(x for x in gw.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])
    assert leaf["decision"]["outcome"] == "deny" and leaf["decision"]["param"]


def test_ai_act_art_26_1_only_the_models_that_the_instructions_are_about(gw, eu, us):
    assert ask(gw, eu, "tested")[0] == 200
    before = len(us.received())
    status, _, answer = gw.chat("Say hello", model="other/claude-x", headers={"x-weir-use-case": "tested"})
    assert status == 403 and answer["error"]["code"] == "use_case:tested" and len(us.received()) == before
    status, _, answer = gw.chat("Say hello", model="local/home", headers={"x-weir-use-case": "tested"})
    assert status == 403 and "none of the models" in answer["error"]["message"]


def test_ai_act_art_26_1_the_local_model_stops_where_the_limit_says(gw):
    status, head, answer = gw.chat("Count from one to five hundred in words.", model="local/home",
                                   headers={"x-weir-use-case": "assistant"})
    assert status == 200 and head["x-weir-limited"].startswith("output_tokens=64")
    assert answer["usage"]["completion_tokens"] <= 64


def test_ai_act_art_26_1_explain_and_diff_know_limits(gw, weir, tmp_path):
    body = json.dumps({"model": "eu/gpt-x", "messages": [{"role": "user", "content": "hi"}], "temperature": 1.1}).encode()
    done = gw.command("explain", "-c", gw.config, "--use-case", "strict", stdin=body)
    d = json.loads(done.stdout)
    assert (d["outcome"], d["code"], d["param"]) == ("deny", "use_case:strict", "temperature")
    old, new = tmp_path / "a.yaml", tmp_path / "b.yaml"
    old.write_text(POLICY)
    new.write_text(POLICY.replace("output_tokens: 64, temperature: [0.1, 0.7]", "output_tokens: 32, temperature: [0.1, 0.7]"))
    gw.chat("Say hello", model="eu/gpt-x", headers={"x-weir-use-case": "assistant"})
    done = gw.command("policy", "diff", str(old), str(new), "--log", gw.audit, "--json", check=False)
    row = json.loads(done.stdout.decode().splitlines()[-1])
    counts = row.get("changes", row)
    assert counts["handling"] >= 1 and row.get("not_reproduced", 0) == 0, row
