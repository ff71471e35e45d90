"""Goal: what people run works unchanged: the official anthropic SDK against Weir, streaming or not, whichever model
answers: the local one, an upstream of OpenAI's dialect, one of Anthropic's own.

Oracle: the SDK's own types (it raises on what it cannot read), and the bytes that the stand-ins received.
"""
import json
import ssl

import anthropic
import harness
import httpx
import pytest

ANSWERS = {
    "thinking": [
        {"type": "thinking", "thinking": "First I weigh it.", "signature": "EqQBCgIYAhIkYmFzZTY0+/=="},
        {"type": "redacted_thinking", "data": "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw=="},
        {"type": "text", "text": "Then I say it."},
        {"type": "tool_use", "id": "toolu_77", "name": "get_weather", "input": {"city": "Köln", "days": [1, 2]}}],
    "search": [
        {"type": "text", "text": "Let me look. "},
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "weir"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": [
            {"type": "web_search_result", "url": "https://example.org/", "title": "Weir", "encrypted_content": "Zm9v",
             "page_age": None}]},
        {"type": "text", "text": "A weir holds water.", "citations": [
            {"type": "web_search_result_location", "url": "https://example.org/", "title": "Weir",
             "encrypted_index": "YmFy", "cited_text": "A weir is a low dam."}]},
        {"type": "text", "text": " So it is."}],
    "calls": [{"type": "text", "text": "Both at once."},
              {"type": "tool_use", "id": "toolu_1", "name": "a", "input": {}},
              {"type": "tool_use", "id": "toolu_2", "name": "b", "input": {"x": "}{\"[", "y": [{"z": 1}]}}],
}

POLICY = harness.POLICY.replace("rules:\n", """\
  - { id: bound, purpose: summaries, legal_basis: 6.1.f, limits: { output_tokens: 64, temperature: 0.5, effort: low, beyond: clamp } }
  - { id: strict, purpose: triage, legal_basis: 6.1.c, limits: { output_tokens: 64, effort: medium } }
rules:
""")


@pytest.fixture(scope="module")
def an(tmp_path_factory):
    s = harness.StandIn(str(tmp_path_factory.mktemp("an")), "an", dialect="anthropic", answers=ANSWERS)
    yield s
    s.kill()


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, model, eu, us, an):
    g = harness.Gateway(
        str(tmp_path_factory.mktemp("gw")), weir, model=model, policy=POLICY,
        backends=[harness.backend("eu", eu, "EU", models=("gpt-x", "standin-status=429", "standin-tools")),
                  harness.backend("an", an, "EU", models=("claude-x", "standin-status=529", "standin-status=429",
                                                          "standin-tools")),
                  harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))],
        routing="  commodity: [local/home]\n  hard: [an/claude-x, eu/gpt-x]\n  threshold: 0.5\n"
                "  when_hard_is_denied: local\n"
                "  aliases: { claude: [an/claude-x], falls: [an/standin-status=529, eu/gpt-x] }")
    yield g
    g.kill()


def sdk(gw, key=None, **more):
    return anthropic.Anthropic(base_url=f"https://127.0.0.1:{gw.port}", api_key=key or gw.key,
                               max_retries=more.pop("max_retries", 0),
                               http_client=httpx.Client(verify=ssl.create_default_context(cafile=gw.certificate)), **more)


@pytest.fixture(scope="module")
def client(gw):
    return sdk(gw)


def user(text):
    return [{"role": "user", "content": text}]


def sent(standin):
    return standin.received()[-1]["body"]


WEATHER = {"name": "get_weather", "description": "Weather of a city", "input_schema": {
    "type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}

EVERYWHERE = pytest.mark.parametrize("target", ["local/home", "eu/gpt-x", "an/claude-x"])


# ---- text ----

def test_local_answer_usage_and_headers(client):
    raw = client.messages.with_raw_response.create(model="auto", max_tokens=24, temperature=0,
                                                   messages=user("What is the capital of Germany?"))
    m = raw.parse()
    assert m.type == "message" and m.role == "assistant" and m.id.startswith("msg_")
    assert [b.type for b in m.content] == ["text"] and "Berlin" in m.content[0].text
    assert m.model == "local/home" and m.stop_reason in ("end_turn", "max_tokens") and m.stop_sequence is None
    assert m.usage.input_tokens + m.usage.cache_read_input_tokens > 5 and 0 < m.usage.output_tokens <= 24
    h = raw.headers
    assert h["request-id"] == h["x-request-id"] == m._request_id == m.id[len("msg_"):]
    assert h["x-weir-route"] == "local/home" and h["x-weir-tier"] == "commodity" and h["x-weir-ai-generated"] == "1"
    assert float(h["x-weir-difficulty"]) < 0.5 and h["x-weir-policy"].startswith("sha256:")
    assert h["x-weir-log-index"].isdigit()


@EVERYWHERE
def test_stream_equals_whole(client, target):
    ask = dict(model=target, max_tokens=24, temperature=0, system="Be brief.",
               messages=user("Name three rivers of Germany."))
    whole = client.messages.create(**ask)
    with client.messages.stream(**ask) as s:
        text = "".join(s.text_stream)
        final = s.get_final_message()
    assert text == whole.content[0].text == final.content[0].text and text
    assert final.stop_reason == whole.stop_reason and final.model == whole.model == target
    assert final.usage.output_tokens == whole.usage.output_tokens > 0
    together = [u.input_tokens + u.cache_read_input_tokens + u.cache_creation_input_tokens
                for u in (whole.usage, final.usage)]
    assert together[0] == together[1] > 0


@EVERYWHERE
def test_the_events_of_a_stream_in_order(client, target):
    events = list(client.messages.create(model=target, max_tokens=16, temperature=0, stream=True, messages=user("Say hi")))
    kinds = [e.type for e in events]
    assert kinds[0] == "message_start" and kinds[1] == "content_block_start"
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    assert set(kinds[2:-3]) == {"content_block_delta"}
    assert events[0].message.content == [] and events[0].message.stop_reason is None
    assert events[-2].delta.stop_reason in ("end_turn", "max_tokens") and events[-2].usage.output_tokens > 0


def test_a_ping_and_the_names_of_events(gw):
    status, head, raw = gw.request("POST", "/v1/messages", {"model": "eu/gpt-x", "max_tokens": 20, "stream": True,
                                                            "messages": user("hello there")})
    assert status == 200 and head["content-type"].startswith("text/event-stream")
    events = [dict(line.split(": ", 1) for line in e.split("\n")) for e in raw.decode().strip().split("\n\n")]
    assert [e["event"] for e in events][:3] == ["message_start", "ping", "content_block_start"]
    assert all(json.loads(e["data"])["type"] == e["event"] for e in events)
    assert b"[DONE]" not in raw


def test_many_turns_system_blocks_and_a_prefill(client, an, eu):
    messages = [*user("My word is larch."), {"role": "assistant", "content": "Noted."},
                {"role": "user", "content": [{"type": "text", "text": "Which "}, {"type": "text", "text": "word?"}]},
                {"role": "assistant", "content": "It is"}]
    system = [{"type": "text", "text": "You are terse.", "cache_control": {"type": "ephemeral"}},
              {"type": "text", "text": "Answer in English."}]
    client.messages.create(model="an/claude-x", max_tokens=20, system=system, messages=messages)
    got = sent(an)
    assert got["system"] == system and got["max_tokens"] == 20 and got["model"] == "claude-x"
    assert [(m["role"], "".join(b["text"] for b in m["content"])) for m in got["messages"]] == [
        ("user", "My word is larch."), ("assistant", "Noted."), ("user", "Which word?"), ("assistant", "It is")]
    r = client.messages.with_raw_response.create(model="eu/gpt-x", max_tokens=20, system=system, messages=messages)
    got = sent(eu)
    assert [m["role"] for m in got["messages"]] == ["system", "user", "assistant", "user", "assistant"]
    assert {"messages.prefill", "messages.content.cache_control"} <= set(r.headers["x-weir-dropped"].split(","))
    r = client.messages.with_raw_response.create(model="local/home", max_tokens=8, system=system, messages=messages)
    assert r.parse().usage.output_tokens > 0
    assert {"messages.prefill", "messages.content.cache_control"} <= set(r.headers["x-weir-dropped"].split(","))


@EVERYWHERE
def test_stop_sequences_and_length(client, target, an):
    prompt = "What is the capital of Germany?"
    if target == "an/claude-x":
        prompt = "[[standin: stopped]]" + prompt
    m = client.messages.create(model=target, max_tokens=40, temperature=0, stop_sequences=["Berlin", "zzz"],
                               messages=user(prompt))
    if target == "local/home":
        assert m.stop_reason == "stop_sequence" and m.stop_sequence == "Berlin" and "Berlin" not in m.content[0].text
    elif target == "an/claude-x":
        assert (m.stop_reason, m.stop_sequence) == ("stop_sequence", "Berlin")
        assert sent(an)["stop_sequences"] == ["Berlin", "zzz"]
    else:
        assert m.stop_reason == "end_turn"
    m = client.messages.create(model=target, max_tokens=3, temperature=0, messages=user("Count from one to fifty."))
    assert m.stop_reason == "max_tokens" and m.usage.output_tokens == 3


def test_numbers_metadata_and_betas_reach_the_same_dialect(client, an, eu):
    client.messages.create(model="an/claude-x", max_tokens=9, temperature=0.5, top_p=0.9, top_k=40,
                           metadata={"user_id": "u-1"}, service_tier="auto", messages=user("hi"),
                           extra_body={"x_future": {"a": [1, 2.5, None]}},
                           extra_headers={"anthropic-beta": "context-1m-2025-08-07, interleaved-thinking-2025-05-14"})
    got = sent(an)
    assert (got["temperature"], got["top_p"], got["top_k"], got["metadata"]) == (0.5, 0.9, 40, {"user_id": "u-1"})
    assert got["service_tier"] == "auto" and got["x_future"] == {"a": [1, 2.5, None]}
    head = an.received()[-1]["headers"]
    assert head["anthropic-beta"] == "context-1m-2025-08-07,interleaved-thinking-2025-05-14"
    assert head["anthropic-version"] == "2023-06-01"
    r = client.messages.with_raw_response.create(
        model="eu/gpt-x", max_tokens=9, top_k=40, service_tier="auto", messages=user("hi"), metadata={"user_id": "u-1"},
        extra_headers={"anthropic-beta": "context-1m-2025-08-07"})
    assert {"top_k", "service_tier", "anthropic-beta"} <= set(r.headers["x-weir-dropped"].split(","))
    got = sent(eu)
    assert "top_k" not in got and "service_tier" not in got and got["user"] == "u-1"
    assert "anthropic-beta" not in eu.received()[-1]["headers"]


def test_aliases_tiers_and_both_ways_to_send_a_key(client, gw, an):
    assert client.messages.create(model="claude", max_tokens=5, messages=user("hi")).model == "an/claude-x"
    m = client.messages.create(model="auto", max_tokens=5, messages=user("hi"), extra_headers={"x-weir-tier": "hard"})
    assert m.model == "an/claude-x"
    bearer = anthropic.Anthropic(base_url=f"https://127.0.0.1:{gw.port}", auth_token=gw.key, api_key=None, max_retries=0,
                                 http_client=httpx.Client(verify=ssl.create_default_context(cafile=gw.certificate)))
    assert bearer.messages.create(model="eu/gpt-x", max_tokens=5, messages=user("hi")).stop_reason
    assert gw.key not in json.dumps(an.received())


# ---- tools ----

@pytest.mark.parametrize("target", ["eu/standin-tools", "an/standin-tools"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_round_with_a_tool(client, target, stream, eu, an):
    standin = an if target.startswith("an") else eu
    messages = user("Weather of Köln?")

    def turn():
        ask = dict(model=target, max_tokens=200, messages=messages, tools=[WEATHER], tool_choice={"type": "any"})
        if not stream:
            return client.messages.create(**ask)
        with client.messages.stream(**ask) as s:
            return s.get_final_message()
    m = turn()
    assert m.stop_reason == "tool_use"
    call = m.content[-1]
    assert (call.type, call.name, call.input) == ("tool_use", "get_weather", {"text": "Weather of Köln?"})
    results = [{"type": "tool_result", "tool_use_id": call.id, "content": [
        {"type": "text", "text": "18 "}, {"type": "text", "text": "degrees"}]}]
    if standin is an:
        results.append({"type": "text", "text": "Tell me."})
    messages += [{"role": "assistant", "content": m.content}, {"role": "user", "content": results}]
    m = turn()
    assert m.stop_reason == "end_turn" and "the tool said: 18 degrees" in m.content[0].text
    got = sent(standin)
    if standin is an:
        assert got["tools"] == [WEATHER] and got["tool_choice"] == {"type": "any"}
        assert got["messages"][1]["content"][0]["input"] == {"text": "Weather of Köln?"}
        assert [b["type"] for b in got["messages"][2]["content"]] == ["tool_result", "text"]
        assert got["messages"][2]["content"][0]["tool_use_id"] == call.id
    else:
        assert [x["role"] for x in got["messages"]] == ["user", "assistant", "tool"]
        assert got["messages"][2]["tool_call_id"] == call.id and got["tool_choice"] == "required"


@pytest.mark.parametrize("choice,theirs,openais", [
    ({"type": "auto", "disable_parallel_tool_use": True}, None, "auto"), ({"type": "none"}, None, "none"),
    ({"type": "tool", "name": "get_weather"}, None, {"type": "function", "function": {"name": "get_weather"}})])
def test_tool_choices(client, choice, theirs, openais, eu, an):
    ask = dict(max_tokens=50, messages=user("hi"), tools=[WEATHER], tool_choice=choice)
    client.messages.create(model="an/claude-x", **ask)
    assert sent(an)["tool_choice"] == choice
    client.messages.create(model="eu/gpt-x", **ask)
    assert sent(eu)["tool_choice"] == openais
    assert sent(eu).get("parallel_tool_calls") == (False if "disable_parallel_tool_use" in choice else None)


def test_what_stands_on_tools_and_results_goes_along(client, an):
    mark = {"type": "ephemeral"}
    tools = [dict(WEATHER, cache_control=mark), {"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "x", "cache_control": mark}],
              "is_error": True, "cache_control": mark}
    client.messages.create(model="an/claude-x", max_tokens=50, tools=tools, messages=[
        *user("hi"), {"role": "assistant", "content": [{"type": "tool_use", "id": "toolu_1", "name": "get_weather",
                                                        "input": {"city": "Köln"}, "cache_control": mark}]},
        {"role": "user", "content": [result, dict(result, tool_use_id="toolu_2", content=[])]}])
    got = sent(an)
    assert got["tools"] == tools and got["messages"][2]["content"][0] == result
    assert got["messages"][1]["content"][0]["cache_control"] == mark
    assert got["messages"][2]["content"][1]["tool_use_id"] == "toolu_2"


def test_the_local_model_is_offered_tools_and_gets_results(client):
    m = client.messages.create(model="local/home", max_tokens=8, tools=[WEATHER], messages=[
        *user("hi"), {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": "get_weather", "input": {}}]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "18 C"}]}])
    assert m.usage.output_tokens > 0


# ---- thoughts and blocks of Anthropic's own ----

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", list(ANSWERS))
def test_blocks_arrive_as_they_were_written(client, name, stream):
    ask = dict(model="an/claude-x", max_tokens=2000, messages=user(f"[[standin: blocks={name}]]go"))
    if stream:
        with client.messages.stream(**ask) as s:
            m = s.get_final_message()
    else:
        m = client.messages.create(**ask)
    got = [b.model_dump(exclude_none=True, exclude={"parsed_output"}) for b in m.content]
    for b in got:
        b.pop("caller", None)
    want = json.loads(json.dumps(ANSWERS[name]))
    for b in want:
        for r in b.get("content", []) if isinstance(b.get("content"), list) else []:
            r.pop("page_age", None)
    assert got == want


@pytest.mark.parametrize("stream", [False, True])
def test_thoughts_go_back_with_their_signatures(client, an, stream):
    messages = user("[[standin: blocks=thinking]]go")
    ask = dict(model="an/claude-x", max_tokens=2000, thinking={"type": "enabled", "budget_tokens": 1024}, tools=[WEATHER])
    if stream:
        with client.messages.stream(messages=messages, **ask) as s:
            m = s.get_final_message()
    else:
        m = client.messages.create(messages=messages, **ask)
    assert sent(an)["thinking"] == {"type": "enabled", "budget_tokens": 1024}
    messages += [{"role": "assistant", "content": m.content},
                 {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_77", "content": "rain"}]}]
    client.messages.create(messages=messages, **ask)
    back = sent(an)["messages"][1]["content"]
    for b in back:
        b.pop("caller", None)
    assert back == ANSWERS["thinking"]


def test_thoughts_of_others_have_no_signature_and_are_named_when_they_cannot_go(client, eu):
    m = client.messages.create(model="eu/gpt-x", max_tokens=200, messages=user("[[standin: reason]]why"))
    assert [b.type for b in m.content] == ["thinking", "text"] and m.content[0].signature == ""
    assert m.content[0].thinking == "I am thinking."
    r = client.messages.with_raw_response.create(model="an/claude-x", max_tokens=50, messages=[
        *user("why"), {"role": "assistant", "content": m.content}, *user("and?")])
    assert "messages.thinking" in r.headers["x-weir-dropped"]


# ---- counts ----

def test_a_local_count_is_what_a_message_uses(client, gw):
    ask = dict(model="local/home", system="Be brief.", messages=[*user("Name a river."), {
        "role": "assistant", "content": "Rhine"}, *user("Another one, please.")])
    n = client.messages.count_tokens(**ask).input_tokens
    u = client.messages.create(max_tokens=1, **ask).usage
    assert n == u.input_tokens + u.cache_read_input_tokens > 10
    assert client.messages.count_tokens(tools=[WEATHER], **ask).input_tokens >= n


def test_a_count_of_anthropics_upstream_is_its_own(client, an):
    raw = client.messages.with_raw_response.count_tokens(model="an/claude-x", messages=user("How long am I?"), tools=[WEATHER],
                                                         system="x", thinking={"type": "enabled", "budget_tokens": 2000})
    got = an.received()[-1]
    assert got["path"] == "/v1/messages/count_tokens"
    assert set(got["body"]) == {"model", "messages", "system", "tools", "thinking"} and got["body"]["model"] == "claude-x"
    assert raw.parse().input_tokens == len(json.dumps(got["body"]["messages"], ensure_ascii=False)) // 4 + 1
    assert raw.headers["x-weir-route"] == "an/claude-x" and "x-weir-ai-generated" not in raw.headers


def test_what_cannot_be_counted_is_not_guessed(client, eu):
    before = len(eu.received())
    with pytest.raises(anthropic.BadRequestError) as e:
        client.messages.count_tokens(model="eu/gpt-x", messages=user("hi"))
    assert "estimate" in e.value.message and len(eu.received()) == before


def test_a_count_is_decided_redacted_and_recorded_as_a_message_is(client, gw, an, us):
    raw = client.messages.with_raw_response.count_tokens(model="an/claude-x", messages=user("Mail anna.k@example.eu"))
    assert raw.headers["x-weir-redacted"] == "EMAIL=1" and "anna" not in json.dumps(an.received()[-1])
    before = len(us.received())
    with pytest.raises(anthropic.PermissionDeniedError):
        client.messages.count_tokens(model="us/claude-x", messages=user("Mail anna.k@example.eu"))
    assert len(us.received()) == before
    leaves = [x for x in gw.leaves() if x.get("req") == raw.headers["request-id"]]
    assert [x["ev"] for x in leaves] == ["req.intent", "req.outcome"]
    assert leaves[0]["dialect"] == "anthropic-count" and leaves[1]["left"] == 1
    assert (leaves[1]["tokens_in"], leaves[1]["cost_micro"]) == (0, 0), "nobody has used them"


# ---- policy ----

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("target", ["eu/gpt-x", "an/claude-x"])
def test_redacted_on_the_way_out_restored_on_the_way_back(client, target, stream, eu, an):
    ask = dict(model=target, max_tokens=400, messages=user("Say anna.kowalska@example.eu and DE89370400440532013000 twice"),
               metadata={"user_id": "bob.builder@example.eu"}, stop_sequences=["carl.c@example.eu"])
    if stream:
        with client.messages.stream(**ask) as s:
            text = s.get_final_text()
    else:
        text = client.messages.create(**ask).content[0].text
    assert "anna.kowalska@example.eu" in text and "DE89370400440532013000" in text
    got = json.dumps((an if target[0] == "a" else eu).received()[-1])
    assert not [x for x in ("anna", "DE8937", "bob.builder", "carl.c") if x in got]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("target", ["eu/standin-tools", "an/standin-tools"])
def test_restored_in_the_input_of_a_tool(client, target, stream):
    ask = dict(model=target, max_tokens=400, tools=[WEATHER], messages=user("Send it to \"anna.kowalska@example.eu\"\n"))
    if stream:
        with client.messages.stream(**ask) as s:
            m = s.get_final_message()
    else:
        m = client.messages.create(**ask)
    assert m.content[-1].input == {"text": "Send it to \"anna.kowalska@example.eu\"\n"}


def test_a_stop_sequence_that_was_redacted_comes_back_as_the_callers(client, an):
    m = client.messages.create(model="an/claude-x", max_tokens=50, stop_sequences=["anna.k@example.eu"],
                               messages=user("[[standin: stopped]]hi"))
    assert "anna" not in json.dumps(sent(an)) and m.stop_sequence == "anna.k@example.eu"


IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}}
PDF = {"type": "document", "title": "t", "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}


@pytest.mark.parametrize("block", [IMAGE, PDF, {"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}])
def test_what_cannot_be_looked_into_stays_at_home(client, block, eu, an):
    before = len(eu.received()), len(an.received())
    for target in ("eu/gpt-x", "an/claude-x"):
        with pytest.raises(anthropic.PermissionDeniedError) as e:
            client.messages.create(model=target, max_tokens=9, messages=[{"role": "user", "content": [block]}])
        assert "cannot be scanned" in e.value.message and e.value.body["error"]["code"] == "unscannable-content"
    assert (len(eu.received()), len(an.received())) == before
    with pytest.raises(anthropic.BadRequestError) as e:
        client.messages.create(model="local/home", max_tokens=9, messages=[{"role": "user", "content": [block]}])
    assert "text only" in e.value.message


def test_limits_of_use(client, an, eu):
    def ask(use, model="an/claude-x", **more):
        return client.messages.with_raw_response.create(model=model, messages=user("hi"), extra_headers={"x-weir-use-case": use},
                                                        **dict({"max_tokens": 50}, **more))
    r = ask("bound", max_tokens=4000, temperature=1.0, thinking={"type": "enabled", "budget_tokens": 3000})
    got = sent(an)
    assert r.headers["x-weir-limited"] == "output_tokens=64,temperature=0.5,effort=low"
    assert (got["max_tokens"], got["temperature"], got["thinking"]) == (64, 0.5, {"type": "disabled"})
    ask("bound", temperature=0.1, thinking={"type": "adaptive"}, output_config={"effort": "max"})
    assert sent(an)["output_config"] == {"effort": "low"} and sent(an)["thinking"] == {"type": "adaptive"}
    ask("bound", temperature=0.1, thinking={"type": "disabled"}, output_config={"effort": "low"})
    assert sent(an)["output_config"] == {"effort": "low"} and sent(an)["thinking"] == {"type": "disabled"}
    before = len(an.received())
    for more, word in (({"max_tokens": 65}, "max_tokens"), ({"thinking": {"type": "enabled", "budget_tokens": 9000}}, "thinking"),
                       ({"output_config": {"effort": "high"}}, "thinking"), ({"thinking": {"type": "adaptive"}}, "thinking"),
                       ({"extra_body": {"reasoning_effort": "low"}}, "thinking"), ({"thinking": {"type": "odd"}}, "thinking")):
        with pytest.raises(anthropic.PermissionDeniedError) as e:
            ask("strict", **more)
        assert e.value.body["error"]["param"] == word and e.value.body["error"]["code"] == "use_case:strict"
    assert len(an.received()) == before
    ask("strict", thinking={"type": "enabled", "budget_tokens": 8192}, max_tokens=64)
    assert sent(an)["thinking"]["budget_tokens"] == 8192


# ---- errors ----

def test_errors_are_the_sdks_classes(client, gw):
    with pytest.raises(anthropic.NotFoundError) as e:
        client.messages.create(model="nope/none", max_tokens=5, messages=user("x"))
    assert e.value.type == "not_found_error" and e.value.request_id == e.value.body["request_id"]
    with pytest.raises(anthropic.BadRequestError) as e:
        client.messages.create(model="auto", max_tokens=5, messages=[])
    assert e.value.type == "invalid_request_error" and "messages" in e.value.message
    with pytest.raises(anthropic.PermissionDeniedError) as e:
        client.messages.create(model="us/claude-x", max_tokens=5, messages=user("mail a.b@example.eu"))
    error = e.value.body["error"]
    assert (e.value.type, error["weir_type"], error["code"]) == ("permission_error", "policy_denied", "personal-eu-only")
    assert "What to do" in e.value.message
    with pytest.raises(anthropic.AuthenticationError) as e:
        sdk(gw, key="weir_nobody_nothing").messages.create(model="auto", max_tokens=5, messages=user("x"))
    assert "weir_nobody_nothing" not in str(e.value) and e.value.type == "authentication_error"
    with pytest.raises(anthropic.BadRequestError) as e:
        client.messages.create(model="auto", max_tokens=5, messages=user("x"), extra_headers={"anthropic-version": "2999-01-01"})
    assert "2023-06-01" in e.value.message
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.list()


def test_upstreams_errors_and_what_a_client_may_retry_on(client, gw, an):
    with pytest.raises(anthropic.OverloadedError) as e:
        client.messages.create(model="an/standin-status=529", max_tokens=5, messages=user("x"))
    assert e.value.body["error"]["message"] == "stand-in says 529", "a pinned model's own words"
    with pytest.raises(anthropic.RateLimitError) as e:
        client.messages.create(model="an/standin-status=429", max_tokens=5, messages=user("[[standin: status=429,retry-after=7]]x"))
    assert e.value.response.headers["retry-after"] == "7"
    assert e.value.response.headers["anthropic-ratelimit-requests-limit"] == "50"
    with pytest.raises(anthropic.RateLimitError) as e:
        client.messages.create(model="eu/standin-status=429", max_tokens=5, messages=user("x"))
    assert e.value.type == "rate_limit_error" and e.value.body["type"] == "error"
    before = len(an.received())
    with pytest.raises(anthropic.RateLimitError):
        sdk(gw, max_retries=2).messages.create(model="an/standin-status=429", max_tokens=5,
                                               messages=user("[[standin: status=429,retry-after=0.01]]x"))
    assert len(an.received()) == before + 3, "the SDK has tried again, as it does"


def test_an_alias_falls_through_to_the_next(client):
    m = client.messages.create(model="falls", max_tokens=5, messages=user("x"))
    assert m.model == "eu/gpt-x"


@pytest.mark.parametrize("how", ["error-event", "truncate", "die=4", "bad-json"])
@pytest.mark.parametrize("target", ["eu/gpt-x", "an/claude-x"])
def test_a_broken_stream_raises_and_never_ends_well(client, gw, how, target):
    kinds = []
    with pytest.raises(anthropic.APIStatusError) as e:
        for event in client.messages.create(model=target, max_tokens=500, stream=True,
                                            messages=user(f"[[standin: {how}]]" + "some words to cut " * 4)):
            kinds.append(event.type)
    assert "message_delta" not in kinds and "message_stop" not in kinds
    assert kinds or how in ("error-event", "bad-json"), "those come before the first word in one dialect"
    assert e.value.body["type"] == "error" and e.value.body["error"]["message"]


def test_a_use_case_that_is_denied_and_headers_of_ours(client):
    with pytest.raises(anthropic.PermissionDeniedError) as e:
        client.messages.create(model="auto", max_tokens=5, messages=user("x"),
                               extra_headers={"x-weir-use-case": "social-scoring"})
    assert e.value.body["error"]["code"] == "prohibited"
    with pytest.raises(anthropic.PermissionDeniedError):
        client.messages.create(model="us/claude-x", max_tokens=5, messages=user("x"), extra_headers={"x-weir-region": "EU"})


# ---- models ----

def test_models_in_their_shape_page_by_page(client, gw):
    everything = [m.id for m in client.models.list(limit=1000)]
    assert {"auto", "claude", "local/home", "an/claude-x", "eu/gpt-x"} <= set(everything)
    one_by_one = [m.id for m in client.models.list(limit=2)]
    assert one_by_one == everything, "the SDK has turned the pages"
    page = client.models.list(limit=2, after_id=everything[1])
    assert [m.id for m in page.data] == everything[2:4] and page.has_more and page.first_id == everything[2]
    page = client.models.list(limit=2, before_id=everything[3])
    assert [m.id for m in page.data] == everything[1:3]
    m = client.models.retrieve("an/claude-x")
    assert (m.type, m.id) == ("model", "an/claude-x") and m.display_name and m.created_at
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("no-such")
    with pytest.raises(anthropic.BadRequestError):
        client.models.list(limit=0)
    with pytest.raises(anthropic.BadRequestError):
        client.models.list(after_id="no-such")
    assert json.loads(gw.get("/v1/models")[2])["object"] == "list", "without the header it is OpenAI's"


def test_the_async_client_and_many_at_once(gw):
    import asyncio

    async def go():
        async with anthropic.AsyncAnthropic(
                base_url=f"https://127.0.0.1:{gw.port}", api_key=gw.key, max_retries=0,
                http_client=httpx.AsyncClient(verify=ssl.create_default_context(cafile=gw.certificate))) as c:
            async def one(i):
                async with c.messages.stream(model="an/claude-x", max_tokens=100, messages=user(f"number {i}")) as s:
                    return await s.get_final_text()
            return await asyncio.gather(*(one(i) for i in range(12)))
    assert asyncio.run(go()) == [f"STAND-IN ANSWER: number {i}" for i in range(12)]


def test_the_log_holds_and_names_the_dialect(gw):
    code, text = gw.verify()
    assert code == 0, text
    intents = [x for x in gw.leaves() if x["ev"] == "req.intent"]
    assert {"anthropic", "anthropic-count"} <= {x["dialect"] for x in intents}
