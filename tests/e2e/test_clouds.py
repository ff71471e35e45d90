"""Goal: Gemini, Azure OpenAI (both addresses) and Mistral answer through the gateway as any other back end does:
streamed and whole, with tools both ways, thoughts, usage on record, redaction undone, their errors passed on or
fallen back from; and nothing that they refuse is ever sent to them.

Method: stand-ins of each dialect over real TLS that refuse what the real ones refuse (unknown members, ids that are
none, a call without its thought signature) and write down what they got. The oracle is that record, the answer, and
the log.
"""
import json

import pytest

import harness

HARD = {"x-weir-tier": "hard"}
TARGETS = ["gem/gemini-3-flash", "azure/gpt-x", "classic/my/gpt", "mis/mistral-x"]
FAIL = ("standin-status=429", "standin-status=500", "standin-status=400", "standin-hang", "standin-blocked")
TOOLS = [{"type": "function", "function": {"name": "send_mail", "description": "sends", "strict": True, "parameters": {
    "type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"]}}}]


@pytest.fixture(scope="module")
def clouds(tmp_path_factory, weir):
    top = tmp_path_factory.mktemp("clouds")
    gem = harness.StandIn(str(top / "gem"), "gem", dialect="gemini")
    azure = harness.StandIn(str(top / "azure"), "azure", dialect="azure-openai")
    mis = harness.StandIn(str(top / "mis"), "mis", dialect="mistral")
    root = f"https://127.0.0.1:{azure.port}"
    g = harness.Gateway(
        str(top / "gw"), weir,
        backends=[harness.backend("gem", gem, "EU", models=(
                      "gemini-3-flash", "gemini-2.5-flash", "standin-finish=MALFORMED_FUNCTION_CALL", *FAIL)),
                  harness.backend("azure", azure, "EU", models=("gpt-x", *FAIL)),
                  harness.backend("classic", azure, "EU", url=root, more=("api_version: 2024-10-21",),
                                  models=("my/gpt", "gone")),
                  harness.backend("mis", mis, "EU", models=("mistral-x", "standin-finish=error", *FAIL))],
        routing="  commodity: [gem/gemini-3-flash]\n  hard: [gem/gemini-3-flash, azure/gpt-x, mis/mistral-x]\n"
                "  threshold: 0.5\n  aliases:\n" + "".join(
                    f"    {name}-{word}: [{name}/{model}, {nxt}]\n"
                    for name, nxt in (("gem", "azure/gpt-x"), ("azure", "mis/mistral-x"), ("mis", "gem/gemini-2.5-flash"))
                    for word, model in (("limited", FAIL[0]), ("broken", FAIL[1]), ("refused", FAIL[2]),
                                        ("silent", FAIL[3]), ("blocked", FAIL[4]))) +
                "    malformed: [gem/standin-finish=MALFORMED_FUNCTION_CALL, mis/mistral-x]\n"
                "    broke-off: [mis/standin-finish=error, gem/gemini-3-flash]",
        limits="  limits: { first_token_s: 2, total_s: 60 }")
    yield g, {"gem": gem, "azure": azure, "classic": azure, "mis": mis}
    g.kill()
    for s in (gem, azure, mis):
        s.kill()


every_target = pytest.mark.parametrize("target", TARGETS)
both_ways = pytest.mark.parametrize("stream", [False, True])


def standin_of(clouds, target):
    return clouds[1][target.split("/")[0]]


def choice_of(answer):
    """An answer, streamed or whole, as one choice with its message, and the usage."""
    if isinstance(answer, dict):
        return answer["choices"][0], answer.get("usage")
    assert answer[-1] == "[DONE]", answer[-1]
    rows, out = [json.loads(d) for d in answer[:-1]], {"content": "", "reasoning_content": "", "tool_calls": []}
    finish = usage = None
    for r in rows:
        usage = r.get("usage") or usage
        for c in r["choices"]:
            finish = c["finish_reason"] or finish
            for key in ("content", "reasoning_content"):
                out[key] += c["delta"].get(key) or ""
            for t in c["delta"].get("tool_calls") or []:
                if "id" in t:
                    out["tool_calls"].append(dict(t))
                else:
                    out["tool_calls"][t["index"]]["function"]["arguments"] += t["function"]["arguments"]
    return {"message": dict(out, role="assistant"), "finish_reason": finish}, usage


def outcome(g, head):
    rows = [x for x in g.leaves() if x["req"] == head["x-request-id"]]
    return rows[-1]


@every_target
@both_ways
def test_answer_usage_and_record(clouds, target, stream):
    g, _ = clouds
    more = {"stream_options": {"include_usage": True}} if stream else {}
    status, head, answer = g.chat("hello Grüße 🌊", model=target, stream=stream, **more)
    assert status == 200, answer
    choice, usage = choice_of(answer)
    assert choice["message"]["content"] == "STAND-IN ANSWER: hello Grüße 🌊" and choice["finish_reason"] == "stop"
    assert head["x-weir-route"] == target
    assert usage["prompt_tokens"] > 0 and usage["completion_tokens"] > 0
    leaf = outcome(g, head)
    assert (leaf["tokens_in"], leaf["tokens_out"]) == (usage["prompt_tokens"], usage["completion_tokens"])
    # the price: 1.25 and 10 a million
    assert abs(leaf["cost_micro"] - (leaf["tokens_in"] * 1.25 + leaf["tokens_out"] * 10)) <= 1
    assert leaf["status"] == "ok" and leaf["route"] == target
    assert leaf.get("region") == ("Sweden Central" if target in TARGETS[1:3] else None)


def test_addresses_and_keys(clouds):
    g, s = clouds
    seen = {}
    for target in TARGETS:
        assert g.chat("hi", model=target)[0] == 200
        seen[target] = standin_of(clouds, target).received()[-1]
    assert seen[TARGETS[0]]["path"] == "/v1beta/models/gemini-3-flash:generateContent"
    assert "x-goog-api-key" in seen[TARGETS[0]]["headers"] and "key=" not in seen[TARGETS[0]]["path"]
    assert seen[TARGETS[1]]["path"] == "/openai/v1/chat/completions"
    assert seen[TARGETS[2]]["path"] == "/openai/deployments/my%2Fgpt/chat/completions?api-version=2024-10-21"
    assert "api-key" in seen[TARGETS[2]]["headers"] and "authorization" not in seen[TARGETS[2]]["headers"]
    assert seen[TARGETS[3]]["path"] == "/v1/chat/completions" and "authorization" in seen[TARGETS[3]]["headers"]
    assert len({r["key_sha256"] for r in seen.values()}) == 1 and seen[TARGETS[0]]["key_sha256"]
    assert g.chat("hi", model=TARGETS[0], stream=True)[0] == 200
    assert s["gem"].received()[-1]["path"] == "/v1beta/models/gemini-3-flash:streamGenerateContent?alt=sse"


@every_target
@both_ways
def test_redacted_there_and_restored_here(clouds, target, stream):
    g, _ = clouds
    text = "[[standin: split]]mail anna.kowalska@example.eu about DE89370400440532013000"
    status, head, answer = g.chat(text, model=target, stream=stream)
    assert status == 200, answer
    content = choice_of(answer)[0]["message"]["content"]
    assert "anna.kowalska@example.eu about DE89370400440532013000" in content
    assert "EMAIL=1" in head["x-weir-redacted"] and "IBAN=1" in head["x-weir-redacted"]
    sent = standin_of(clouds, target).received()[-1]["body_text"]
    assert "kowalska" not in sent and "DE8937" not in sent and "[" in sent


@every_target
@both_ways
def test_tools_both_ways(clouds, target, stream):
    g, _ = clouds
    talk = [{"role": "system", "content": "be kind"},
            {"role": "user", "content": "[[standin: tools]]mail anna@example.eu"}]
    status, _, answer = g.chat("", model=target, stream=stream, messages=talk, tools=TOOLS, tool_choice="auto")
    assert status == 200, answer
    choice, _ = choice_of(answer)
    call = choice["message"]["tool_calls"][0]
    assert choice["finish_reason"] == "tool_calls" and call["function"]["name"] == "send_mail" and call["id"]
    assert json.loads(call["function"]["arguments"]) == {"text": "mail anna@example.eu"}
    signature = call.get("extra_content")
    assert bool(signature) == target.startswith("gem/")
    if target.startswith("gem/"):
        assert signature["google"]["thought_signature"]
    # the client answers the call: with what it got, then as one that keeps only what it knows of
    for lost in (False, True):
        if lost:
            call.pop("extra_content", None)
        message = {"role": "assistant", "content": None, "tool_calls": [call]}
        status, _, answer = g.chat("", model=target, stream=stream, tools=TOOLS, messages=talk + [
            message, {"role": "tool", "tool_call_id": call["id"], "content": "sent to anna@example.eu"}])
        assert status == 200, answer
        assert choice_of(answer)[0]["message"]["content"] == \
            "STAND-IN ANSWER: the tool said: sent to anna@example.eu"
        sent = standin_of(clouds, target).received()[-1]["body_text"]
        assert "anna@" not in sent
        if target.startswith("gem/"):
            kept = signature["google"]["thought_signature"]
            assert (kept in sent) == (not lost) and ("skip_thought_signature_validator" in sent) == lost


@every_target
def test_calls_of_another_model_are_understood(clouds, target):
    """A conversation that began elsewhere: ids of any form, two calls, answers in another order of text."""
    g, _ = clouds
    calls = [{"id": f"call_{'x' * 20}{i}", "type": "function",
              "function": {"name": "send_mail", "arguments": '{"text": "a"}'}} for i in range(2)]
    status, _, answer = g.chat("", model=target, tools=TOOLS, messages=[
        {"role": "user", "content": "go"}, {"role": "assistant", "content": "so", "tool_calls": calls},
        {"role": "tool", "tool_call_id": calls[0]["id"], "content": "[1]"},
        {"role": "tool", "tool_call_id": calls[1]["id"], "content": '{"done": true}'},
        {"role": "user", "content": "and now?"}])
    assert status == 200, answer
    assert answer["choices"][0]["message"]["content"] == "STAND-IN ANSWER: and now?"


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "send_mail"}}])
@every_target
def test_a_forced_tool(clouds, target, choice):
    g, _ = clouds
    status, _, answer = g.chat("hi", model=target, tools=TOOLS, tool_choice=choice)
    assert status == 200, answer
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "send_mail"


def test_calls_without_ids_get_different_ones(clouds):
    g, _ = clouds
    ids = {g.chat("[[standin: tools,no-id]]x", model="gem/gemini-2.5-flash", tools=TOOLS)[2]["choices"][0]["message"]
           ["tool_calls"][0]["id"] for _ in range(3)}
    assert len(ids) == 3


@both_ways
def test_thoughts(clouds, stream):
    g, s = clouds
    for target in ("gem/gemini-3-flash", "mis/mistral-x"):
        status, head, answer = g.chat("[[standin: reason]]hm", model=target, stream=stream, reasoning_effort="high")
        assert status == 200, answer
        message = choice_of(answer)[0]["message"]
        assert message["reasoning_content"] == "I am thinking." and message["content"] == "STAND-IN ANSWER: hm"
        # and what the client sends back of it does no harm
        status, head, answer = g.chat("", model=target, stream=stream, messages=[
            {"role": "user", "content": "a"}, message, {"role": "user", "content": "b"}])
        assert status == 200, answer
        assert ("messages.reasoning_content" in head.get("x-weir-dropped", "")) == target.startswith("gem/")
    assert s["gem"].received()[-2]["body"]["generationConfig"]["thinkingConfig"] == {
        "includeThoughts": True, "thinkingLevel": "HIGH"}
    whole = g.chat("[[standin: reason]]hm", model="gem/gemini-2.5-flash", reasoning_effort="low")[2]["usage"]
    assert whole["completion_tokens_details"]["reasoning_tokens"] == 3 and \
        whole["prompt_tokens_details"]["cached_tokens"] == 1


@pytest.mark.parametrize("target,order,finish", [
    ("gem/gemini-3-flash", "finish=SAFETY", "content_filter"), ("gem/gemini-3-flash", "finish=RECITATION", "content_filter"),
    ("gem/gemini-3-flash", "finish=OTHER", "OTHER"), ("azure/gpt-x", "finish=content_filter", "content_filter"),
    ("mis/mistral-x", "finish=model_length", "length")])
@both_ways
def test_finish_reasons(clouds, target, order, finish, stream):
    g, _ = clouds
    status, _, answer = g.chat(f"[[standin: {order}]]x", model=target, stream=stream)
    assert status == 200 and choice_of(answer)[0]["finish_reason"] == finish


@every_target
@both_ways
def test_max_tokens(clouds, target, stream):
    g, _ = clouds
    for word in ("max_tokens", "max_completion_tokens"):
        status, _, answer = g.chat("one two three four five", model=target, stream=stream, **{word: 2})
        assert status == 200, answer
        assert choice_of(answer)[0]["finish_reason"] == "length"


@every_target
def test_what_is_dropped_is_named(clouds, target):
    g, _ = clouds
    status, head, answer = g.chat("hi", model=target, min_p=0.1, user="u", logit_bias={"1": 2}, seed=3,
                                  response_format={"type": "json_object"}, metadata={"a": "b"})
    assert status == 200, answer
    want = {"gem": "min_p,user,logit_bias,metadata", "mis": "min_p,user,logit_bias"}
    dropped = set(filter(None, head.get("x-weir-dropped", "").split(",")))
    assert dropped == set(filter(None, want.get(target.split("/")[0], "").split(",")))
    body = standin_of(clouds, target).received()[-1]["body"]
    if target.startswith("gem/"):
        assert body["generationConfig"]["seed"] == 3 and \
            body["generationConfig"]["responseMimeType"] == "application/json"
    elif target.startswith("mis/"):
        assert body["random_seed"] == 3 and body["response_format"] == {"type": "json_object"}
    else:
        assert body["logit_bias"] == {"1": 2} and body["metadata"] == {"a": "b"}


# ---- other clients ----

def sse(raw, kind):
    return [d for d in (json.loads(line[5:]) for line in raw.decode().split("\n")
                        if line.startswith("data:") and "[DONE]" not in line) if d.get("type") == kind]


@every_target
@both_ways
def test_a_client_of_anthropics_dialect(clouds, target, stream):
    g, _ = clouds
    tools = [{"name": "send_mail", "input_schema": {"type": "object"}}]
    ask = {"model": target, "max_tokens": 400, "system": "be kind", "stream": stream, "tools": tools,
           "messages": [{"role": "user", "content": "[[standin: tools]]mail anna@example.eu"}]}
    status, head, raw = g.request("POST", "/v1/messages", ask)
    assert status == 200, raw
    if stream:
        block = sse(raw, "content_block_start")[-1]["content_block"]
        pieces = [d["delta"]["partial_json"] for d in sse(raw, "content_block_delta")
                  if d["delta"]["type"] == "input_json_delta"]
        block["input"] = json.loads("".join(pieces))
        assert sse(raw, "message_delta")[-1]["delta"]["stop_reason"] == "tool_use"
    else:
        block = [b for b in json.loads(raw)["content"] if b["type"] == "tool_use"][0]
        assert json.loads(raw)["stop_reason"] == "tool_use"
    assert block["name"] == "send_mail" and block["input"] == {"text": "mail anna@example.eu"}
    ask["messages"] += [{"role": "assistant", "content": [block]}, {"role": "user", "content": [
        {"type": "tool_result", "tool_use_id": block["id"], "content": [{"type": "text", "text": "sent"}]}]}]
    status, head, raw = g.request("POST", "/v1/messages", ask)
    assert status == 200, raw
    text = "".join(d["delta"].get("text", "") for d in sse(raw, "content_block_delta")) if stream else \
        "".join(b["text"] for b in json.loads(raw)["content"])
    assert text == "STAND-IN ANSWER: the tool said: sent"
    assert "anna@" not in standin_of(clouds, target).received()[-1]["body_text"]


@every_target
@both_ways
def test_a_client_of_the_responses_api(clouds, target, stream):
    g, _ = clouds
    tools = [{"type": "function", "name": "send_mail", "parameters": {"type": "object"}, "strict": False}]
    ask = {"model": target, "instructions": "be kind", "stream": stream, "tools": tools, "store": False,
           "input": [{"role": "user", "content": "[[standin: tools]]mail anna@example.eu"}]}
    status, head, raw = g.request("POST", "/v1/responses", ask)
    assert status == 200, raw
    answer = sse(raw, "response.completed")[0]["response"] if stream else json.loads(raw)
    call = [o for o in answer["output"] if o["type"] == "function_call"][0]
    assert json.loads(call["arguments"]) == {"text": "mail anna@example.eu"}
    assert answer["usage"]["output_tokens"] > 0
    ask["input"] += [call, {"type": "function_call_output", "call_id": call["call_id"], "output": "sent"}]
    status, head, raw = g.request("POST", "/v1/responses", ask)
    assert status == 200, raw
    answer = sse(raw, "response.completed")[0]["response"] if stream else json.loads(raw)
    text = "".join(c["text"] for o in answer["output"] if o["type"] == "message" for c in o["content"])
    assert text == "STAND-IN ANSWER: the tool said: sent"
    assert "anna@" not in standin_of(clouds, target).received()[-1]["body_text"]


# ---- errors ----

@every_target
@both_ways
def test_a_pinned_429_passes_what_the_upstream_says(clouds, target, stream):
    g, _ = clouds
    status, head, answer = g.chat("[[standin: status=429]]x", model=target, stream=stream)
    assert status == 429 and answer["error"]["message"]
    if target.startswith("gem/"):  # said in the body alone: 36.5 s
        assert head["retry-after"] == "37" and answer["error"]["code"] == "RESOURCE_EXHAUSTED"
    status, head, _ = g.chat("[[standin: status=429,retry-after=7]]x", model=target, stream=stream)
    assert status == 429 and head["retry-after"] == "7"
    if target.startswith("mis/"):
        assert head["x-ratelimit-remaining-req-minute"] == "59"


@both_ways
def test_a_refused_prompt_is_the_callers(clouds, stream):
    g, s = clouds
    standins = [s[x] for x in ("gem", "azure", "mis")]
    for target in (*TARGETS[:3], "gem-blocked", "azure-blocked"):
        before = sum(len(x.received()) for x in standins)
        order = "no-answer" if target.startswith("gem") else "blocked"
        status, _, answer = g.chat(f"[[standin: {order}]]x", model=target, stream=stream)
        assert status == 400 and answer["error"]["code"] == "content_filter", answer
        assert sum(len(x.received()) for x in standins) == before + 1, "nobody else was asked"


def test_azures_own_words(clouds):
    g, _ = clouds
    status, _, answer = g.chat("[[standin: blocked]]x", model="azure/gpt-x")
    assert status == 400 and answer["error"]["innererror"]["code"] == "ResponsibleAIPolicyViolation"
    status, _, answer = g.chat("x", model="classic/gone")
    assert status == 404 and answer["error"]["code"] == "DeploymentNotFound"


@pytest.mark.parametrize("alias,route,stays", [
    ("gem-limited", "azure/gpt-x", False), ("gem-broken", "azure/gpt-x", False), ("gem-refused", None, True),
    ("gem-silent", "azure/gpt-x", False), ("azure-limited", "mis/mistral-x", False),
    ("azure-broken", "mis/mistral-x", False), ("azure-refused", None, True), ("azure-silent", "mis/mistral-x", False),
    ("mis-limited", "gem/gemini-2.5-flash", False), ("mis-broken", "gem/gemini-2.5-flash", False),
    ("mis-refused", None, True), ("mis-silent", "gem/gemini-2.5-flash", False),
    ("malformed", "mis/mistral-x", False)])
def test_fallback(clouds, alias, route, stays):
    g, _ = clouds
    stream = alias != "malformed"
    status, head, answer = g.chat("hello anna@example.eu", model=alias, stream=stream)
    if stays:
        assert status == 400, answer
        return
    assert status == 200 and head["x-weir-route"] == route, answer
    assert choice_of(answer)[0]["message"]["content"] == "STAND-IN ANSWER: hello anna@example.eu"
    leaves = [x["ev"] for x in g.leaves() if x["req"] == head["x-request-id"]]
    assert leaves == ["req.intent", "req.fallback", "req.outcome"]


def test_an_answer_that_broke_off_is_no_answer(clouds):
    """Mistral's finish_reason error comes behind content: too late for another route, and never a success."""
    g, _ = clouds
    status, head, answer = g.chat("hello", model="broke-off", stream=True)
    assert status == 200 and "[DONE]" not in answer and "error" in json.loads(answer[-1])
    assert outcome(g, head)["status"] == "error"
    status, head, answer = g.chat("hello", model="broke-off")  # whole: nothing has been given out yet
    assert status == 200 and head["x-weir-route"] == "gem/gemini-3-flash"


@every_target
@pytest.mark.parametrize("order", ["die=3", "truncate", "error-event", "bad-json"])
def test_a_stream_that_breaks_is_never_called_complete(clouds, target, order):
    g, _ = clouds
    status, head, answer = g.chat(f"[[standin: {order}]]one two three four five six", model=target, stream=True)
    assert status == 200 and "[DONE]" not in answer
    assert "error" in json.loads(answer[-1])
    assert outcome(g, head)["status"] == "error"


@every_target
@pytest.mark.parametrize("order", ["garbage", "redirect", "gzip", "die=0", "bad-json"])
def test_what_http_forbids_is_a_5xx(clouds, target, order):
    g, _ = clouds
    status, _, answer = g.chat(f"[[standin: {order}]]hello", model=target)
    assert status in (502, 504) and answer["error"]["message"]


@pytest.mark.parametrize("target", [TARGETS[0], TARGETS[1], TARGETS[3]])
def test_a_connection_that_is_refused(clouds, target):
    """The provider is not there: a pinned model says so, auto answers elsewhere, and both work again after."""
    g, s = clouds
    standin = standin_of(clouds, target)
    standin.kill()
    try:
        status, head, answer = g.chat("hello", model=target)
        assert status == 502 and answer["error"]["code"] == "upstream_unreachable"
        status, head, answer = g.chat("hello", headers=HARD)
        assert status == 200 and head["x-weir-route"] != target
    finally:
        standin.start()
    assert g.chat("hello", model=target)[0] == 200


def test_a_missed_first_token_is_a_504(clouds):
    g, _ = clouds
    for target in (TARGETS[0], TARGETS[3]):
        assert g.chat("[[standin: hang]]x", model=target, stream=True)[0] == 504


@pytest.mark.parametrize("dialect", ["gemini", "azure-openai", "mistral"])
def test_a_wrong_key_is_not_the_callers_fault(tmp_path, weir, dialect):
    """Google calls it a 400, as if the caller had written something wrong."""
    s = harness.StandIn(str(tmp_path / "s"), "s", dialect=dialect, key="another")
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[harness.backend("b", s, "EU", models=("m",))],
                        routing="  commodity: [b/m]")
    try:
        for stream in (False, True):
            status, _, answer = g.chat("hello", model="b/m", stream=stream)
            assert status == 502 and "credentials" in answer["error"]["message"]
            assert "canary" not in json.dumps(answer) and "valid API key" not in json.dumps(answer)
    finally:
        g.kill()
        s.kill()


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages", "/v1/responses"])
def test_a_limit_on_effort_holds_in_every_dialect(tmp_path, weir, path):
    policy = harness.POLICY.replace("use_cases:", "use_cases:\n  - { id: brief, purpose: triage, legal_basis: 6.1.f, "
                                    "ai_act: minimal, limits: { effort: low, output_tokens: 3000, beyond: clamp } }")
    gem = harness.StandIn(str(tmp_path / "gem"), "gem", dialect="gemini")
    mis = harness.StandIn(str(tmp_path / "mis"), "mis", dialect="mistral")
    g = harness.Gateway(str(tmp_path / "gw"), weir, policy=policy, routing="  commodity: [gem/gemini-2.5-flash]", backends=[
        harness.backend("gem", gem, "EU", models=("gemini-2.5-flash",)),
        harness.backend("mis", mis, "EU", models=("mistral-x",))])
    say = {"/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "high",
                                    "max_tokens": 9000},
           "/v1/messages": {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9000,
                            "thinking": {"type": "enabled", "budget_tokens": 8000}},
           "/v1/responses": {"input": "hi", "reasoning": {"effort": "high"}, "max_output_tokens": 9000,
                             "store": False}}[path]
    try:
        for target in ("gem/gemini-2.5-flash", "mis/mistral-x"):
            status, head, raw = g.request("POST", path, dict(say, model=target), {"x-weir-use-case": "brief"})
            assert status == 200, raw
        config = gem.received()[-1]["body"]["generationConfig"]
        assert config["thinkingConfig"]["thinkingBudget"] == 1024 and config["maxOutputTokens"] == 3000
        body = mis.received()[-1]["body"]
        assert body["reasoning_effort"] == "low" and body["max_tokens"] == 3000
    finally:
        g.kill()
        gem.kill()
        mis.kill()


def test_the_log_holds(clouds):
    code, text = clouds[0].verify()
    assert code == 0, text
