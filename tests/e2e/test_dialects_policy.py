"""Goal: what a policy asks of requests and answers holds in every dialect of OpenAI's, not only in chat completions:
tools taken away, answers redacted and withheld, limits, records of origin, human review, restoring.

Method: one gateway with a use case for each obligation in front of a stand-in that says what the test wants, asked at
/v1/responses and /v1/completions, whole and streamed; what arrived there, what came back, what the log says.
"""
import base64
import hashlib
import json

import openai
import pytest

import harness

POLICY = """\
version: 1
default: { location: [on_premises] }
use_cases:
  - { id: tools, purpose: tools, tools: { allow: [get_*], deny: [get_secret*] } }
  - { id: redact, purpose: redact, answers: { action: redact, data: [IBAN, secret] } }
  - { id: withhold, purpose: withhold, answers: withhold }
  - { id: marked, purpose: marked, obligations: [provenance, notice, label-output] }
  - { id: hiring, purpose: screening, ai_act: annex3.4, human_review: hold }
  - { id: clamp, purpose: help, limits: { output_tokens: 64, temperature: [0.1, 0.7], effort: low, beyond: clamp } }
  - { id: strict, purpose: triage, limits: { output_tokens: 64, temperature: 0.2, input_bytes: 300, effort: low } }
rules:
  - { id: eu, when: { data: [none, personal] }, location: [on_premises, EU], basis: [dpa], redact: [EMAIL] }
"""
IBAN, SECRET = "DE89 3704 0044 0532 0130 00", "AKIAIOSFODNN7EXAMPLQ"
ANSWERS = {
    "iban": f"Please pay to {IBAN} before noon.",
    "secret": f"The deployment key is {SECRET} as you know." + " And so on." * 60,
    "first-half": f"The account is {IBAN[:14]}",
    "second-half": f"{IBAN[14:]} as you know.",
    "plain": "Nothing to hide here. " * 40,
    "late": "All is well so far. " * 40 + f"But the key is {SECRET} now. " + "More words. " * 40,
}
DIALECTS = ["responses", "completions"]


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir):
    tmp = tmp_path_factory.mktemp("dialects")
    s = harness.StandIn(str(tmp / "eu"), "eu", answers=ANSWERS)
    g = harness.Gateway(str(tmp / "gw"), weir, backends=[harness.backend("eu", s, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]", policy=POLICY)
    g.admin = g.new_key("reviewer", role="admin")
    harness.wait_for("the reviewer's key", lambda: admin(g, "GET", "reviews")[0] == 200)
    yield g, s
    g.kill()
    s.kill()


def admin(g, method, path, body=None):
    status, _, raw = g.request(method, "/admin/v1/" + path, body, key=g.admin, port=g.admin_port)
    return status, json.loads(raw)


def ask(g, dialect, use_case, text, headers=None, **more):
    """(status, headers, raw body)"""
    body = {"model": "auto", "input": text} if dialect == "responses" else \
        {"model": "auto", "prompt": text, "max_tokens": 4000}
    if use_case == "strict":
        body.pop("max_tokens", None)
    body.update(more)
    status, head, raw = g.request("POST", f"/v1/{dialect}", body, {"x-weir-use-case": use_case, **(headers or {})})
    return status, head, raw.decode()


def parts(raw):
    return [json.loads(b.split("data: ", 1)[1]) for b in raw.split("\n\n")
            if "data: " in b and not b.endswith("data: [DONE]")]


def text_of(dialect, stream, raw):
    if dialect == "completions":
        return "".join(c["choices"][0]["text"] for c in (parts(raw) if stream else [json.loads(raw)]))
    if stream:
        return "".join(e["delta"] for e in parts(raw) if e["type"] == "response.output_text.delta")
    return "".join(p["text"] for i in json.loads(raw)["output"] if i["type"] == "message" for p in i["content"])


def whole_of(stream, raw):
    """The response object, of a stream its last event's."""
    return parts(raw)[-1]["response"] if stream else json.loads(raw)


def outcome(g, head):
    return next(x for x in g.leaves() if x.get("req") == head["x-request-id"] and x["ev"] == "req.outcome")


def tool(name):
    return {"type": "function", "name": name, "parameters": {"type": "object"}}


# ---- tools ----

def test_tools_are_taken_away(world):
    g, s = world
    status, head, _ = ask(g, "responses", "tools", "weather?", tools=[tool("get_weather"), tool("rm_rf"), tool("get_secret_x")])
    assert status == 200 and head["x-weir-tools-removed"] == "rm_rf,get_secret_x"
    assert [t["function"]["name"] for t in s.received()[-1]["body"]["tools"]] == ["get_weather"]
    before = len(s.received())
    for choice in ("required", {"type": "function", "name": "rm_rf"},
                   {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "rm_rf"}]}):
        status, _, raw = ask(g, "responses", "tools", "x", tools=[tool("rm_rf")], tool_choice=choice)
        assert status == 403 and json.loads(raw)["error"]["code"] == "use_case:tools"
    assert len(s.received()) == before


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_a_forbidden_tool_does_not_reach_the_client(world, stream):
    g, _ = world
    status, head, raw = ask(g, "responses", "tools", "[[standin: call=rm_rf]] now", tools=[tool("get_weather")], stream=stream)
    assert "rm_rf" not in raw and status == 403 and json.loads(raw)["error"]["code"] == "tool_denied"
    assert outcome(g, head)["status"] == "withheld"


# ---- answers ----

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_answers_are_redacted(world, dialect, stream):
    g, _ = world
    status, head, raw = ask(g, dialect, "redact", "[[standin: answer=iban]] hi", stream=stream)
    assert status == 200 and text_of(dialect, stream, raw) == "Please pay to [IBAN withheld] before noon."
    assert "3704 0044" not in raw and outcome(g, head)["answer_findings"] == {"IBAN": 1}
    _, _, raw = ask(g, dialect, "redact", "[[standin: answer=plain]] hi", stream=stream)
    assert text_of(dialect, stream, raw) == ANSWERS["plain"]


@pytest.mark.parametrize("stream", [False, True])
def test_a_value_cut_between_thought_and_text_is_found(world, stream):
    g, _ = world
    for more in ({}, {"reasoning": {"summary": "auto"}}):
        _, head, raw = ask(g, "responses", "redact", "[[standin: reason,think=first-half,answer=second-half]] go",
                           stream=stream, **more)
        assert "DE89 3704" not in raw and "0532 0130" not in raw and "[IBAN withheld]" in raw
        items = whole_of(stream, raw)["output"]
        kinds = [i["type"] for i in items]  # in a stream what is let go first opens first
        assert kinds == ["reasoning", "message"] or (stream and kinds == ["message", "reasoning"]), kinds
        assert all(i["status"] == "completed" for i in items)


@pytest.mark.parametrize("stream", [False, True])
def test_arguments_are_redacted(world, stream):
    g, _ = world
    _, _, raw = ask(g, "responses", "redact", "[[standin: tools,answer=iban]] go", tools=[tool("pay")], stream=stream)
    call = whole_of(stream, raw)["output"][0]
    assert "3704 0044" not in raw and json.loads(call["arguments"])["text"].startswith("Please pay to [IBAN")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_withheld_answers(world, dialect):
    g, _ = world
    status, head, raw = ask(g, dialect, "withhold", "[[standin: answer=secret]] hi")
    error = json.loads(raw)["error"]
    assert status == 403 and (error["type"], error["code"]) == ("policy_denied", "use_case:withhold") and SECRET not in raw
    status, head, raw = ask(g, dialect, "withhold", "[[standin: answer=late]] hi", stream=True)
    text = text_of(dialect, True, raw)
    assert status == 200 and SECRET[:8] not in raw and "More words" not in raw and text.startswith("All is well")
    assert outcome(g, head)["status"] == "withheld"
    last = parts(raw)[-1]
    if dialect == "completions":
        assert last["choices"][0]["finish_reason"] == "content_filter" and raw.endswith("data: [DONE]\n\n")
    else:
        assert last["type"] == "response.incomplete"
        assert last["response"]["incomplete_details"] == {"reason": "content_filter"}
        assert last["response"]["output"][0]["content"][0]["text"] == text


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_was_replaced_comes_back(world, dialect, stream):
    g, s = world
    said = "Say again: bob@firma.example and eve@firma.example"
    _, head, raw = ask(g, dialect, "withhold", said, stream=stream)
    assert head["x-weir-redacted"] == "EMAIL=2" and text_of(dialect, stream, raw).endswith(said)
    assert "firma.example" not in s.received()[-1]["body_text"]


# ---- limits ----

def test_limits_are_kept_and_told_in_the_dialects_words(world):
    g, s = world
    _, head, _ = ask(g, "responses", "clamp", "hi", max_output_tokens=4000, temperature=1.5, reasoning={"effort": "high"})
    sent = s.received()[-1]["body"]
    assert (sent["max_completion_tokens"], sent["temperature"], sent["reasoning_effort"]) == (64, 0.7, "low")
    assert head["x-weir-limited"] == "output_tokens=64,temperature=0.7,effort=low"
    _, head, _ = ask(g, "completions", "clamp", "hi", max_tokens=4000)
    assert s.received()[-1]["body"]["max_completion_tokens"] == 64 and "output_tokens=64" in head["x-weir-limited"]
    before = len(s.received())
    for dialect, param, more in (("responses", "max_output_tokens", {"max_output_tokens": 65}),
                                 ("responses", "reasoning.effort", {"reasoning": {"effort": "high"}}),
                                 ("responses", "reasoning.effort", {"thinking": {"type": "enabled"}}),
                                 ("responses", "temperature", {"temperature": 0.21}),
                                 ("completions", "max_tokens", {"max_tokens": 65})):
        status, _, raw = ask(g, dialect, "strict", "hi", **more)
        error = json.loads(raw)["error"]
        assert status == 403 and (error["code"], error["param"]) == ("use_case:strict", param)
    for dialect, param in (("responses", "input"), ("completions", "prompt")):
        status, _, raw = ask(g, dialect, "strict", "lorem " * 61)
        assert status == 403 and json.loads(raw)["error"]["param"] == param
    assert len(s.received()) == before


# ---- records of origin, review ----

@pytest.mark.parametrize("dialect", DIALECTS)
def test_record_of_origin(world, dialect):
    g, _ = world
    for stream in (False, True):
        status, head, raw = ask(g, dialect, "marked", "[[standin: answer=plain]] x", stream=stream)
        assert status == 200 and head["x-weir-ai-generated"] == "1" and head["x-weir-notice"]
        record = head.get("x-weir-provenance")
        if stream:
            record = next(x for x in raw.splitlines() if x.startswith(": x-weir-provenance: ")).split(": ", 2)[2]
        assert hashlib.sha256(ANSWERS["plain"].encode()).hexdigest() in base64.b64decode(record).decode()
    _, head, _ = ask(g, "responses", "marked", [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}])
    assert "x-weir-notice" not in head, "not the first answer of the conversation"


def test_the_sdk_reads_over_the_record(world):
    g, _ = world
    c = openai.OpenAI(base_url=g.base_url, api_key=g.key, http_client=openai.DefaultHttpxClient(verify=g.context()))
    with c.responses.stream(model="auto", input="[[standin: answer=plain]] x",
                            extra_headers={"x-weir-use-case": "marked"}) as s:
        assert s.get_final_response().output_text == ANSWERS["plain"]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_answer_under_review_waits_for_approval(world, dialect, stream):
    g, s = world
    status, head, raw = ask(g, dialect, "hiring", "[[standin: answer=plain]] rank them", stream=stream)
    assert status == 403 and json.loads(raw)["error"]["type"] == "review_pending" and "Nothing to hide" not in raw
    ident, sent = head["x-weir-review"], len(s.received())
    assert admin(g, "GET", f"reviews/{ident}")[1]["answer"] == ANSWERS["plain"]
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "approve"}) == (200, {"state": "approved"})
    status, head, raw = ask(g, dialect, "hiring", "rank them", stream=stream, headers={"x-weir-review": ident})
    assert status == 200 and text_of(dialect, stream, raw) == ANSWERS["plain"] and len(s.received()) == sent
    if dialect == "responses":
        assert whole_of(stream, raw)["status"] == "completed"


def test_the_log_holds(world):
    g, _ = world
    assert {x["dialect"] for x in g.leaves() if x["ev"] == "req.intent"} == {"openai-responses", "openai-completions"}
    assert g.verify()[0] == 0
