"""Goal: a back end of api cohere answers as any other does: streams and whole answers, tools both ways, thoughts and
plans, usage as billed, personal data restored, errors and failed answers told, another route where one will do.

Method: a stand-in on real TLS that refuses what Cohere's v2 chat does not know; what it recorded is compared.
"""
import json

import pytest

import harness

TOOLS = [{"type": "function", "function": {"name": "send_mail", "description": "sends", "parameters": {
    "type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}}}]


@pytest.fixture(scope="module")
def co(tmp_path_factory, weir, model):
    top = tmp_path_factory.mktemp("co")
    cohere = harness.StandIn(str(top / "c"), "cohere", dialect="cohere", key="standin-secret-key-canary-4711")
    other = harness.StandIn(str(top / "o"), "other")
    words = ["status=429", "status=500", "status=400", "status=498", "timeout", "failed"]
    g = harness.Gateway(
        str(top / "gw"), weir, model=model,
        backends=[harness.backend("co", cohere, "EU", models=["command-x"] + [f"standin-{w}" for w in words]),
                  harness.backend("other", other, "EU", models=("m",))],
        routing="  commodity: [local/home]\n  hard: [co/command-x, other/m]\n  threshold: 0.5\n  aliases:\n"
                + "".join(f"    {w.replace('=', '-')}: [co/standin-{w}, other/m]\n" for w in words),
        limits="  limits: { first_token_s: 5, total_s: 60 }")
    yield g, cohere, other
    g.kill()
    for s in (cohere, other):
        s.kill()


def parts(answer):
    """(text, thoughts, calls, finish reason, usage) of an answer, streamed or whole."""
    if isinstance(answer, dict):
        m = answer["choices"][0]["message"]
        return (m["content"] or "", m.get("reasoning_content") or "", m.get("tool_calls") or [],
                answer["choices"][0]["finish_reason"], answer["usage"])
    assert answer[-1] == "[DONE]"
    text, thought, calls, reason, usage = "", "", [], None, None
    for row in map(json.loads, answer[:-1]):
        usage = row.get("usage") or usage
        for choice in row["choices"]:
            d = choice["delta"]
            text += d.get("content") or ""
            thought += d.get("reasoning_content") or ""
            reason = choice["finish_reason"] or reason
            for c in d.get("tool_calls") or []:
                if c.get("id"):
                    calls.append({"id": c["id"], "type": "function",
                                  "function": {"name": c["function"]["name"], "arguments": ""}})
                calls[c["index"]]["function"]["arguments"] += c["function"].get("arguments") or ""
    return text, thought, calls, reason, usage


@pytest.mark.parametrize("stream", [False, True])
def test_answers(co, stream):
    g, cohere, _ = co
    more = {"stream_options": {"include_usage": True}} if stream else {}
    status, head, answer = g.chat(
        "[[standin: reason,cite]] hello 🌊 Grüße", model="co/command-x", stream=stream, max_tokens=400, top_p=0.5, seed=3,
        stop=["x"], logit_bias={"1": 2}, messages=[
            {"role": "user", "content": "a"}, {"role": "system", "content": "be brief"},
            {"role": "user", "content": "[[standin: reason,cite]] hello 🌊 Grüße"}], **more)
    assert status == 200, answer
    text, thought, _, reason, usage = parts(answer)
    assert "hello 🌊 Grüße" in text and thought == "I am thinking." and reason == "stop"
    assert usage["prompt_tokens"] < 500 and usage["prompt_tokens_details"]["cached_tokens"] == 4
    assert head["x-weir-dropped"] == "logit_bias" and head["x-weir-route"] == "co/command-x"
    body = cohere.received()[-1]["body"]
    assert [m["role"] for m in body["messages"]] == ["system", "user", "user"]
    assert (body["max_tokens"], body["p"], body["seed"], body["stop_sequences"]) == (400, 0.5, 3, ["x"])


@pytest.mark.parametrize("stream", [False, True])
def test_tools_there_and_back(co, stream):
    g, cohere, _ = co
    status, _, answer = g.chat("[[standin: plan]] mail anna@example.eu", model="co/command-x", stream=stream, tools=TOOLS,
                               tool_choice="required")
    assert status == 200, answer
    _, thought, calls, reason, _ = parts(answer)
    assert reason == "tool_calls" and thought == "I will call it." and calls[0]["function"]["name"] == "send_mail"
    assert json.loads(calls[0]["function"]["arguments"])["text"] == "mail anna@example.eu"  # restored
    assert "anna@example.eu" not in cohere.received()[-1]["body_text"]
    status, head, answer = g.chat("", model="co/command-x", stream=stream, tools=TOOLS, messages=[
        {"role": "user", "content": "mail anna@example.eu"},
        {"role": "assistant", "reasoning_content": thought, "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "sent to anna@example.eu"}])
    assert status == 200, answer
    assert "sent to anna@example.eu" in parts(answer)[0] and head["x-weir-redacted"].startswith("EMAIL=")
    sent = cohere.received()[-1]
    assert "anna@example.eu" not in sent["body_text"]
    assert sent["body"]["messages"][1]["tool_plan"] == "I will call it."
    assert sent["body"]["messages"][2]["tool_call_id"] == calls[0]["id"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("alias", ["status-429", "status-500"])
def test_what_passes_moves_on(co, alias, stream):
    g, _, _ = co
    status, head, answer = g.chat("hello there", model=alias, stream=stream)
    assert status == 200 and head["x-weir-route"] == "other/m" and "hello there" in parts(answer)[0]


@pytest.mark.parametrize("alias", ["timeout", "failed"])
def test_a_failed_answer_is_never_called_complete(co, alias):
    g = co[0]
    status, head, answer = g.chat("one two three four", model=f"co/standin-{alias}", stream=True)
    assert status == 200 and "[DONE]" not in answer and "error" in json.loads(answer[-1])
    status, head, answer = g.chat("one two three four", model=f"co/standin-{alias}")
    assert status == (504 if alias == "timeout" else 500), answer


def test_errors(co):
    g, _, other = co
    before = len(other.received())
    status, _, answer = g.chat("hello", model="status-400")
    assert status == 400 and "stand-in says 400" in answer["error"]["message"]
    status, _, answer = g.chat("hello", model="status-498")
    assert status == 502 and "credentials" in answer["error"]["message"] and "canary" not in json.dumps(answer)
    assert len(other.received()) == before
    status, head, answer = g.chat("[[standin: status=429,retry-after=7]] x", model="co/command-x")
    assert status == 429 and head["retry-after"] == "7" and "stand-in says 429" in answer["error"]["message"]


@pytest.mark.parametrize("order", ["die=3", "truncate", "error-event", "bad-json"])
def test_a_stream_that_breaks_is_never_called_complete(co, order):
    g = co[0]
    status, head, answer = g.chat(f"[[standin: {order}]] one two three four five six seven eight",
                                  model="co/command-x", stream=True)
    assert status == 200 and "[DONE]" not in answer and "error" in json.loads(answer[-1])
    leaf = [x for x in g.leaves() if x["req"] == head["x-request-id"]][-1]
    assert leaf["ev"] == "req.outcome" and leaf["status"] == "error"


def test_one_byte_at_a_time(co):
    status, _, answer = co[0].chat("[[standin: split]] Grüße 你好 anna@example.eu", model="co/command-x", stream=True)
    assert status == 200 and "Grüße 你好 anna@example.eu" in parts(answer)[0]


def test_the_log_holds(co):
    code, text = co[0].verify()
    assert code == 0, text
