"""Goal: what a policy asks of the answering side holds for Anthropic's clients too: answers are looked at in every block,
whatever is held back comes out as a stream that the SDK reads, in the order thoughts, text, calls; signatures only where
they still hold; tools taken away; answers under review kept; notice and record of origin beside the answer.

Method: the SDK against an upstream of the same dialect and one of the other that say what the test wants.
"""
import base64
import json
import random
import ssl

import anthropic
import harness
import httpx
import pytest

POLICY = """\
version: 1
default: { location: [on_premises] }
use_cases:
  - { id: tools, purpose: tools, tools: { allow: [get_*], deny: [get_secret*] } }
  - { id: warn, purpose: warn, answers: warn }
  - { id: redact, purpose: redact, answers: { action: redact, data: [IBAN, secret] } }
  - { id: withhold, purpose: withhold, answers: withhold }
  - { id: marked, purpose: marked, obligations: [provenance, notice, label-output] }
  - { id: hiring, purpose: screening, ai_act: annex3.4, human_review: hold }
  - { id: swap, purpose: swap }
rules:
  - { id: eu, when: { data: [none, personal] }, location: [on_premises, EU], basis: [dpa], redact: [EMAIL] }
"""
IBAN, SECRET = "DE89370400440532013000", "AKIAIOSFODNN7EXAMPLQ"
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_x", "input": {"a": ["b", {"c": 1}]}}
SEAL = base64.b64encode(random.Random(4711).randbytes(300)).decode()  # as long as real ones, and as random
SIGNED = {"type": "thinking", "thinking": "I weigh this with care.", "signature": SEAL}
ANSWERS = {
    "clean": [SIGNED, {"type": "text", "text": "It is told here, and at some length. " * 9}, CALL,
              dict(CALL, id="toolu_2", name="get_y", input={})],
    "thought": [dict(SIGNED, thinking=f"It is {IBAN}, I think."), {"type": "text", "text": "Done."}, CALL],
    "text": [SIGNED, {"type": "text", "text": f"Pay to {IBAN} today. " + "And more. " * 30}],
    "call": [{"type": "text", "text": "I call."}, dict(CALL, input={"to": f"acct {IBAN}"})],
    "block": [{"type": "web_search_tool_result", "tool_use_id": "s", "content": [
        {"type": "web_search_result", "url": "https://h.example", "title": f"key {SECRET}", "encrypted_content": "eA=="}]},
        {"type": "text", "text": "Found."}],
    "cited": [{"type": "text", "text": "As it says.", "citations": [
        {"type": "char_location", "cited_text": f"the IBAN {IBAN}", "document_index": 0, "document_title": "t",
         "start_char_index": 0, "end_char_index": 9}]}],
    "secretly": [{"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}, {"type": "text", "text": "y"}],
    "forbidden": [{"type": "text", "text": "now"}, dict(CALL, name="get_secret_key")],
    "two thoughts": [SIGNED, {"type": "text", "text": "One."}, dict(SIGNED, signature=SEAL[::-1].strip("=")), {"type": "text", "text": "Two."}],
}


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir):
    tmp = tmp_path_factory.mktemp("answers")
    s = harness.StandIn(str(tmp / "an"), "an", dialect="anthropic", answers=ANSWERS)
    o = harness.StandIn(str(tmp / "eu"), "eu", answers={"said": f"Pay to {IBAN} now, please."})
    g = harness.Gateway(str(tmp / "gw"), weir, policy=POLICY, backends=[
        harness.backend("an", s, "EU", models=("claude-x",)), harness.backend("eu", o, "EU")],
        routing="  commodity: [an/claude-x]\n  hard: [an/claude-x]")
    g.client = anthropic.Anthropic(base_url=f"https://127.0.0.1:{g.port}", api_key=g.key, max_retries=0,
                                   http_client=httpx.Client(verify=ssl.create_default_context(cafile=g.certificate)))
    yield g, s, o
    g.kill()
    s.kill()
    o.kill()


def ask(g, use, text, stream, model="an/claude-x", **more):
    """The message that the SDK makes of the answer, as plain data, and its headers."""
    a = dict(model=model, max_tokens=3000, messages=[{"role": "user", "content": text}],
             extra_headers={"x-weir-use-case": use}, **more)
    if not stream:
        raw = g.client.messages.with_raw_response.create(**a)
        m, head = raw.parse(), raw.headers
    else:
        with g.client.messages.stream(**a) as s:
            m, head = s.get_final_message(), s.response.headers
    blocks = [b.model_dump(exclude_none=True, exclude={"parsed_output", "caller"}) for b in m.content]
    return m, blocks, head


STREAM = pytest.mark.parametrize("stream", [False, True])


@STREAM
@pytest.mark.parametrize("use", ["warn", "redact", "withhold"])
def test_a_clean_answer_is_the_same_under_every_guard(world, use, stream):
    g = world[0]
    m, blocks, head = ask(g, use, "[[standin: blocks=clean]]go", stream)
    assert blocks == ANSWERS["clean"] and m.stop_reason == "tool_use" and "x-weir-answer-findings" not in head


@STREAM
@pytest.mark.parametrize("name", ["thought", "text", "call", "block", "cited"])
def test_what_may_not_be_said_is_taken_out_of_every_block(world, name, stream):
    g = world[0]
    _, blocks, _ = ask(g, "redact", f"[[standin: blocks={name}]]go", stream)
    text = json.dumps(blocks)
    assert IBAN not in text and SECRET not in text and ("withheld" in text or "_1]" in text)
    assert [b["type"] for b in blocks] == [b["type"] for b in ANSWERS[name]]
    if name == "thought":
        assert blocks[0]["signature"] == "", "a signature of what was not said"
        assert blocks[1:] == ANSWERS["thought"][1:]
    if name == "text":
        assert blocks[0] == SIGNED
    _, blocks, head = ask(g, "warn", f"[[standin: blocks={name}]]go", False)
    assert blocks[-1] == ANSWERS[name][-1] and "=1" in head["x-weir-answer-findings"]


@pytest.mark.parametrize("name", ["thought", "text", "call", "block", "cited"])
def test_what_is_withheld_is_a_denial_or_ends_as_a_refusal(world, name):
    g = world[0]
    with pytest.raises(anthropic.PermissionDeniedError) as e:
        ask(g, "withhold", f"[[standin: blocks={name}]]go", False)
    assert e.value.body["error"]["weir_type"] == "policy_denied" and IBAN not in str(e.value.body)
    try:
        m, blocks, _ = ask(g, "withhold", f"[[standin: blocks={name}]]go", True)
        assert m.stop_reason == "refusal" and IBAN not in json.dumps(blocks) and SECRET not in json.dumps(blocks)
    except anthropic.PermissionDeniedError as denied:
        assert IBAN not in str(denied.body) and SECRET not in str(denied.body)


@STREAM
def test_thoughts_that_became_one_have_no_signature(world, stream):
    _, blocks, _ = ask(world[0], "redact", "[[standin: blocks=two thoughts]]go", stream)
    assert [b["type"] for b in blocks] == ["thinking", "text"]
    assert blocks[0] == {"type": "thinking", "thinking": SIGNED["thinking"] * 2, "signature": ""} and blocks[1]["text"] == "One.Two."


@STREAM
def test_the_other_dialects_answer_is_judged_too(world, stream):
    _, blocks, _ = ask(world[0], "redact", "[[standin: answer=said,reason]]go", stream, model="eu/gpt-x")
    assert blocks[1]["text"] == "Pay to [IBAN withheld] now, please." and blocks[0]["thinking"] == "I am thinking."


@STREAM
def test_tools_are_taken_away_and_what_the_model_uses_all_the_same_is_cut(world, stream):
    g, s, _ = world
    tools = [{"name": n, "input_schema": {"type": "object"}} for n in ("get_x", "get_secret_key")] + [
        {"type": "web_search_20250305", "name": "web_search"}, {"type": "bash_20250124", "name": "bash"}]
    _, _, head = ask(g, "tools", "hi", stream, tools=tools, extra_body={"mcp_servers": [{"type": "url", "url": "https://x", "name": "y"}]})
    got = s.received()[-1]["body"]
    assert [t["name"] for t in got["tools"]] == ["get_x"] and "mcp_servers" not in got
    assert set(head["x-weir-tools-removed"].split(",")) == {"get_secret_key", "web_search", "bash", "mcp_servers"}
    for choice in ({"type": "tool", "name": "get_secret_key"}, {"type": "tool", "name": "bash", "x": 1}):
        with pytest.raises(anthropic.PermissionDeniedError):
            ask(g, "tools", "hi", stream, tools=tools, tool_choice=choice)
    for name in ("secretly", "forbidden"):
        try:
            m, blocks, _ = ask(g, "tools", f"[[standin: blocks={name}]]go", stream, tools=tools)
            assert m.stop_reason == "refusal" and not [b for b in blocks if b["type"].endswith("use")]
        except anthropic.PermissionDeniedError as e:
            assert e.body["error"]["code"] == "tool_denied"


@STREAM
def test_notice_label_and_record_of_origin(world, stream):
    g = world[0]
    a = {"model": "an/claude-x", "max_tokens": 99, "stream": stream, "messages": [{"role": "user", "content": "say it"}]}
    status, head, raw = g.request("POST", "/v1/messages", a, {"x-weir-use-case": "marked"})
    assert status == 200 and "x-weir-notice" in head and "label-output" in head["x-weir-obligations"]
    token = head.get("x-weir-provenance") or raw.decode().split(": x-weir-provenance: ")[1].split("\n")[0]
    status, _, verdict = g.request("POST", "/v1/provenance/verify", {"provenance": token, "text": "STAND-IN ANSWER: say it"})
    assert status == 200 and json.loads(verdict)["valid"] is True
    m, blocks, _ = ask(g, "marked", "say it", stream)
    assert blocks == [{"type": "text", "text": "STAND-IN ANSWER: say it"}], "a comment line between events disturbs no SDK"


@STREAM
def test_an_answer_under_review_reaches_nobody_before_it_is_approved(world, stream):
    g = world[0]
    with pytest.raises(anthropic.PermissionDeniedError) as e:
        ask(g, "hiring", "[[standin: blocks=clean]]rank them", stream)
    assert e.value.body["error"]["weir_type"] == "review_pending" and "It is told here" not in str(e.value.body)
    ident = e.value.response.headers["x-weir-review"]
    admin = g.new_key(f"reviewer-{stream}", role="admin")
    look = lambda: g.request("GET", f"/admin/v1/reviews/{ident}", port=g.admin_port, key=admin)
    harness.wait_for("the reviewer's key", lambda: look()[0] == 200)
    reading = look()[2].decode()
    assert "It is told here" in reading and "[tool call: get_x]" in reading
    assert g.request("POST", f"/admin/v1/reviews/{ident}", {"verdict": "approve"}, port=g.admin_port, key=admin)[0] == 200
    a = dict(model="an/claude-x", max_tokens=9, messages=[{"role": "user", "content": "x"}],
             extra_headers={"x-weir-use-case": "hiring", "x-weir-review": ident})
    if stream:
        with g.client.messages.stream(**a) as s:
            m = s.get_final_message()
    else:
        m = g.client.messages.create(**a)
    assert [b.type for b in m.content] == ["thinking", "text", "tool_use", "tool_use"]
    n = g.client.messages.count_tokens(model="an/claude-x", messages=a["messages"], extra_headers={"x-weir-use-case": "hiring"})
    assert n.input_tokens > 0, "a count is no answer that somebody would review"


@STREAM
@pytest.mark.parametrize("cut", range(1, 8))
def test_a_placeholder_is_restored_wherever_blocks_cut_the_stream(world, cut, stream):
    """The stand-in cuts texts after seven characters; the padding moves every place of the placeholder over a cut."""
    g, s, _ = world
    text = "x" * cut + " write to anna.kowalska@example.eu and bob@example.eu."
    m, blocks, head = ask(g, "swap", text, stream)
    assert blocks == [{"type": "text", "text": "STAND-IN ANSWER: " + text}] and head["x-weir-redacted"] == "EMAIL=2"
    assert "anna" not in json.dumps(s.received()[-1])
