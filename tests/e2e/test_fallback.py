"""Goal: before the first content another allowed candidate answers; after it nobody else does; never a route that
the policy forbids; pinned models get the upstream's own words.

Method: stand-ins that fail on order ([[standin: ...]] in the text); the oracle is what each of them recorded.
"""
import json

import pytest

import harness

HARD = {"x-weir-tier": "hard"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory, weir, model):
    """Two EU back ends, a US one, and home."""
    top = tmp_path_factory.mktemp("pair")
    a = harness.StandIn(str(top / "a"), "a")
    b = harness.StandIn(str(top / "b"), "b", dialect="anthropic")
    c = harness.StandIn(str(top / "c"), "c")
    g = harness.Gateway(
        str(top / "gw"), weir, model=model,
        backends=[harness.backend("a", a, "EU", models=("m", "standin-status=429", "standin-status=500",
                                                        "standin-status=400", "standin-status=401")),
                  harness.backend("b", b, "EU", models=("m",)),
                  harness.backend("us", c, "US", basis="scc", reference="SCC-1", models=("m",))],
        routing="  commodity: [local/home]\n  hard: [a/m, us/m, b/m]\n  threshold: 0.5\n"
                "  when_hard_is_denied: deny\n"
                "  aliases: { flaky: [a/standin-status=500, b/m], limited: [a/standin-status=429, b/m],\n"
                "             bad-request: [a/standin-status=400, b/m], refused: [a/standin-status=401, b/m] }",
        limits="  limits: { first_token_s: 3, total_s: 60 }")
    yield g, a, b, c
    g.kill()
    for s in (a, b, c):
        s.kill()


def counts(*standins):
    return [len(s.received()) for s in standins]


def said(answer):
    """The text of an answer, streamed or whole."""
    if isinstance(answer, dict):
        return answer["choices"][0]["message"]["content"]
    rows = [json.loads(d) for d in answer if d != "[DONE]"]
    return "".join(r["choices"][0]["delta"].get("content") or "" for r in rows if r.get("choices"))


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("alias", ["flaky", "limited"])
def test_5xx_and_429_move_on(pair, alias, stream):
    g, a, b, c = pair
    before = counts(a, b, c)
    status, head, answer = g.chat("hello there", model=alias, stream=stream, headers=HARD)
    assert status == 200 and head["x-weir-route"] == "b/m"
    assert "hello there" in said(answer)
    assert [x - y for x, y in zip(counts(a, b, c), before)] == [1, 1, 0]
    leaves = [x for x in g.leaves() if x["req"] == head["x-request-id"]]
    assert [x["ev"] for x in leaves] == ["req.intent", "req.fallback", "req.outcome"]
    assert leaves[0]["decision"]["route"].startswith("a/") and leaves[1]["decision"]["route"] == "b/m"
    assert any("already tried" in x["reason"] for x in leaves[1]["decision"]["candidates"])


@pytest.mark.parametrize("stream", [False, True])
def test_a_missed_first_token_deadline_moves_on(pair, stream):
    g, a, b, c = pair
    status, head, answer = g.chat("[[standin: hang]] hello", model="a/m", stream=stream)
    assert status == 504, answer  # (12 s without a stream: four times first_token_s) pinned: no other route
    # The order travels in the text, so the second candidate would hang as well: an alias whose first hangs by name
    # is not needed; what matters is that the deadline holds and the connection is given up.
    assert head["x-weir-route"] == "a/m"


def test_a_400_is_the_callers(pair):
    g, a, b, c = pair
    before = counts(a, b, c)
    status, head, answer = g.chat("hello", model="bad-request", headers=HARD)
    assert status == 400 and head["x-weir-route"].startswith("a/")
    assert [x - y for x, y in zip(counts(a, b, c), before)] == [1, 0, 0]


def test_a_refused_upstream_key_is_not_the_callers_fault(pair):
    g, a, b, c = pair
    status, head, answer = g.chat("hello", model="refused", headers=HARD)
    assert status == 502 and "credentials" in answer["error"]["message"]
    assert "canary" not in json.dumps(answer)


def test_a_pinned_429_passes_the_upstreams_headers(pair):
    g, a, b, c = pair
    before = counts(a, b, c)
    status, head, answer = g.chat("[[standin: status=429,retry-after=7]] x", model="a/m")
    assert status == 429 and head["retry-after"] == "7"
    assert answer["error"]["message"]
    assert [x - y for x, y in zip(counts(a, b, c), before)] == [1, 0, 0]


@pytest.mark.parametrize("stream", [False, True])
def test_personal_data_never_falls_back_abroad(pair, stream):
    """hard: [a (EU), us, b (EU)]: when a is down, personal data goes to b; the US back end never sees it."""
    g, a, b, c = pair
    before = counts(a, b, c)
    a.kill()
    try:
        status, head, answer = g.chat("mail anna.kowalska@example.eu", stream=stream, headers=HARD)
        assert status == 200 and head["x-weir-route"] == "b/m"
        assert "anna.kowalska@example.eu" in said(answer)
        assert counts(c) == [before[2]]
        assert "anna" not in json.dumps(b.received()[-1]["body"])
        # without personal data the US back end is next
        status, head, _ = g.chat("hello", stream=stream, headers=HARD)
        assert status == 200 and head["x-weir-route"] == "us/m"
    finally:
        a.start()


def test_everything_down_is_a_502_and_recorded(pair):
    g, a, b, c = pair
    for s in (a, b, c):
        s.kill()
    try:
        status, head, answer = g.chat("hello", headers=HARD)
        assert status in (502, 503), answer
        leaves = [x for x in g.leaves() if x["req"] == head["x-request-id"]]
        assert leaves[0]["ev"] == "req.intent" and leaves[-1]["ev"] == "req.outcome"
        assert leaves[-1]["status"] == "error" and len(leaves) == 4
    finally:
        for s in (a, b, c):
            s.start()


@pytest.mark.parametrize("order", ["die=3", "truncate", "error-event", "bad-json"])
def test_a_stream_that_breaks_is_never_called_complete(pair, order):
    g, a, b, c = pair
    before = counts(a, b, c)
    status, head, answer = g.chat(f"[[standin: {order}]] one two three four five six seven", model="a/m", stream=True)
    assert status == 200
    assert "[DONE]" not in answer
    assert "error" in json.loads(answer[-1])
    assert counts(b, c) == before[1:]
    leaf = [x for x in g.leaves() if x["req"] == head["x-request-id"]][-1]
    assert leaf["ev"] == "req.outcome" and leaf["status"] == "error"


@pytest.mark.parametrize("order", ["garbage", "redirect", "gzip", "hang-head", "die=0"])
def test_what_http_forbids_is_a_5xx_not_an_answer(pair, order):
    g, a, b, c = pair
    status, _, answer = g.chat(f"[[standin: {order}]] hello", model="a/m")
    assert status in (502, 504), (order, answer)
    assert answer["error"]["message"]


@pytest.mark.parametrize("target", ["a/m", "b/m"])
def test_split_utf8_and_placeholders(pair, target):
    """One byte a TLS record, multi-byte text and placeholders in it."""
    g, a, b, c = pair
    text = "[[standin: split]] Grüße 你好 🌊 anna@example.eu und DE89370400440532013000!"
    status, _, answer = g.chat(text, model=target, stream=True)
    assert status == 200 and answer[-1] == "[DONE]"
    for word in ("Grüße", "你好", "🌊", "anna@example.eu", "DE89370400440532013000"):
        assert word in said(answer), said(answer)


@pytest.mark.parametrize("target", ["a/m", "b/m"])
@pytest.mark.parametrize("stream", [False, True])
def test_tool_calls_through_both_wires(pair, target, stream):
    g, a, b, c = pair
    tools = [{"type": "function", "function": {"name": "send_mail", "description": "sends", "parameters": {
        "type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}}}]
    status, _, answer = g.chat("[[standin: tools]] mail anna@example.eu", model=target, stream=stream, tools=tools)
    assert status == 200, answer
    if stream:
        rows = [json.loads(d) for d in answer[:-1]]
        calls = [t for r in rows if r["choices"] for t in r["choices"][0]["delta"].get("tool_calls") or []]
        assert calls[0]["function"]["name"] == "send_mail" and calls[0]["id"]
        arguments = "".join(t["function"].get("arguments") or "" for t in calls)
        assert rows[-1]["choices"][0]["finish_reason"] == "tool_calls"
    else:
        call = answer["choices"][0]["message"]["tool_calls"][0]
        assert call["function"]["name"] == "send_mail"
        arguments = call["function"]["arguments"]
        assert answer["choices"][0]["finish_reason"] == "tool_calls"
    assert isinstance(json.loads(arguments), dict)


def test_the_log_holds(pair):
    g = pair[0]
    code, text = g.verify()
    assert code == 0, text
