"""Goal: the official openai SDK's Responses API works against Weir in every common use: whole and streamed answers,
tool round trips, structured output, thoughts, errors as the SDK's exceptions, sync and async.

Method: a gateway with a local model and two stand-ins (OpenAI's and Anthropic's dialect), asked through the SDK. Raw
streams are read once more without it: every event and object must satisfy the SDK's own types strictly, sequence
numbers have no gap, and each item opens, grows and closes in the order that OpenAI documents.
"""
import asyncio
import json
import ssl

import httpx
import openai
import pydantic
import pytest
from openai.types.responses import Response, ResponseStreamEvent

EVENT = pydantic.TypeAdapter(ResponseStreamEvent)
WEATHER = {"type": "function", "name": "weather", "description": "The weather of a city.", "strict": True,
           "parameters": {"type": "object", "properties": {"text": {"type": "string"}}, "required": ["text"],
                          "additionalProperties": False}}


def http(gateway, kind=httpx.Client):
    return kind(verify=ssl.create_default_context(cafile=gateway.certificate))


@pytest.fixture(scope="module")
def client(gateway):
    return openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0, http_client=http(gateway))


def events(gateway, body, **kw):
    """The events of a stream, held against the SDK's types and the order of the protocol."""
    status, head, text = gateway.request("POST", "/v1/responses", dict(body, stream=True), **kw)
    assert status == 200, text
    assert head["content-type"] == "text/event-stream"
    out = []
    for block in text.decode().split("\n\n"):
        if block.strip() and not block.startswith(":"):
            name, data = block.split("\n")
            data = json.loads(data.removeprefix("data: "))
            assert name == "event: " + data["type"]
            EVENT.validate_python(data)
            out.append(data)
    check_order(out)
    return out


def check_order(seen):
    assert [e["sequence_number"] for e in seen] == list(range(len(seen)))
    assert [e["type"] for e in seen[:2]] == ["response.created", "response.in_progress"]
    assert seen[0]["response"]["status"] == "in_progress" and seen[0]["response"]["output"] == []
    items, parts = {}, {}
    for e in seen[2:-1]:
        kind, at = e["type"].removeprefix("response."), e.get("output_index")
        if kind == "output_item.added":
            assert at == len(items) and e["item"]["status"] == "in_progress"
            items[at] = dict(e["item"], grown="", open=True)
            continue
        item = items[at]
        assert item["open"], f"{kind} after the item was done"
        if kind == "output_item.done":
            item["open"] = False
            items[at] = dict(e["item"], open=False)
            assert e["item"]["id"] == item["id"] and e["item"]["status"] in ("completed", "incomplete")
            continue
        assert e["item_id"] == item["id"]
        place = (at, e.get("content_index", e.get("summary_index")))
        if kind in ("content_part.added", "reasoning_summary_part.added"):
            assert place not in parts
            parts[place] = ""
        elif kind.endswith(".delta"):
            call = "arguments" in kind or "input" in kind
            key = (at, "args") if call else place
            assert call or key in parts
            parts[key] = parts.get(key, "") + e["delta"]
        elif kind == "custom_tool_call_input.done":
            assert e["input"] == parts.get((at, "args"), "")
        elif kind == "function_call_arguments.done":
            assert e["arguments"] == parts.get((at, "args"), "") and e["name"] == item["name"]
        elif kind.endswith("text.done"):
            assert e["text"] == parts[place]
        elif kind == "refusal.done":
            assert e["refusal"] == parts[place]
        else:
            assert kind in ("content_part.done", "reasoning_summary_part.done"), kind
            assert parts[place] in (e["part"].get("text"), e["part"].get("refusal"))
    assert not [i for i in items.values() if i["open"]]
    last = seen[-1]
    assert last["type"] in ("response.completed", "response.incomplete")
    assert last["response"]["output"] == [{k: v for k, v in items[i].items() if k != "open"} for i in sorted(items)]


def whole(gateway, body, **kw):
    status, head, text = gateway.request("POST", "/v1/responses", body, **kw)
    assert status == 200, text
    r = json.loads(text)
    Response.model_validate(r)
    return r, head


# ---- answers ----

def test_local_answer_and_usage(client):
    r = client.responses.create(model="auto", input="What is the capital of Germany?", max_output_tokens=24,
                                temperature=0)
    assert "Berlin" in r.output_text and r.model == "local/home" and r.object == "response"
    assert r.status in ("completed", "incomplete") and r.id.startswith("resp_") and r.output[0].id.startswith("msg_")
    assert 0 < r.usage.output_tokens <= 24 and r.usage.input_tokens > 5
    assert r.usage.total_tokens == r.usage.input_tokens + r.usage.output_tokens
    assert r.usage.input_tokens_details.cached_tokens >= 0 and r.usage.output_tokens_details.reasoning_tokens == 0


@pytest.mark.parametrize("target", ["local/home", "eu/gpt-x", "us/claude-x"])
def test_stream_equals_whole(gateway, client, target):
    ask = dict(model=target, input="Name three rivers of Germany.", max_output_tokens=24, temperature=0)
    whole_answer = client.responses.create(**ask)
    with client.responses.stream(**ask) as s:
        text = "".join(e.delta for e in s if e.type == "response.output_text.delta")
    assert text == whole_answer.output_text and text
    seen = events(gateway, ask)
    r, head = whole(gateway, ask)
    assert seen[-1]["response"]["output"][0]["content"] == r["output"][0]["content"]
    assert seen[-1]["response"]["usage"]["output_tokens"] == r["usage"]["output_tokens"] > 0
    assert seen[-1]["response"]["model"] == target == head["x-weir-route"]
    assert head["x-weir-ai-generated"] == "1" and head["x-weir-log-index"]


def test_plain_stream_and_its_final_response(client):
    kinds = [e.type for e in client.responses.create(model="eu/gpt-x", input="hi", stream=True)]
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"
    with client.responses.stream(model="eu/gpt-x", input="hi") as s:
        final = s.get_final_response()
    assert final.output_text == "STAND-IN ANSWER: hi" and final.status == "completed" and final.completed_at


def test_instructions_items_and_roles(client, eu):
    client.responses.create(model="eu/gpt-x", instructions="Be brief.", input=[
        {"role": "developer", "content": "Dev."},
        {"role": "user", "content": [{"type": "input_text", "text": "one"}, {"type": "input_text", "text": "two"}]},
        {"type": "message", "role": "assistant", "id": "msg_1", "status": "completed",
         "content": [{"type": "output_text", "text": "yes", "annotations": []}]},
        {"role": "user", "content": "three"}])
    assert eu.received()[-1]["body"]["messages"] == [
        {"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Dev."},
        {"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]},
        {"role": "assistant", "content": "yes"}, {"role": "user", "content": "three"}]


def test_cut_by_length(gateway, client):
    ask = {"model": "local/home", "input": "Count from one to fifty.", "max_output_tokens": 5, "temperature": 0}
    r = client.responses.create(**ask)
    assert r.status == "incomplete" and r.incomplete_details.reason == "max_output_tokens"
    assert r.usage.output_tokens == 5 and r.output[-1].status == "incomplete"
    seen = events(gateway, ask)
    assert seen[-1]["type"] == "response.incomplete"


def test_what_cannot_be_examined_stays_home(client, eu):
    before = len(eu.received())
    for part in ({"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "low"},
                 {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}):
        with pytest.raises(openai.PermissionDeniedError):
            client.responses.create(model="eu/gpt-x", input=[{"role": "user", "content": [part]}])
    assert len(eu.received()) == before


# ---- parameters ----

def test_parameters_reach_the_back_end(client, eu):
    raw = client.responses.with_raw_response.create(
        model="eu/gpt-x", input="hi", temperature=0.5, top_p=0.9, max_output_tokens=77, user="u-1",
        reasoning={"effort": "low", "summary": "auto"}, parallel_tool_calls=False, metadata={"team": "blue"},
        store=True, service_tier="default", prompt_cache_key="k", truncation="auto", top_logprobs=2,
        include=["reasoning.encrypted_content"], tools=[WEATHER], tool_choice="auto",
        text={"verbosity": "low", "format": {"type": "json_schema", "name": "thing", "strict": True,
                                             "schema": {"type": "object"}}}, extra_body={"x_future": [1], "seed": 7})
    sent = eu.received()[-1]["body"]
    assert eu.received()[-1]["path"] == "/v1/chat/completions"
    assert (sent["temperature"], sent["top_p"], sent["max_completion_tokens"], sent["user"]) == (0.5, 0.9, 77, "u-1")
    assert sent["reasoning_effort"] == "low" and sent["verbosity"] == "low" and sent["parallel_tool_calls"] is False
    assert sent["response_format"] == {"type": "json_schema", "json_schema": {
        "name": "thing", "strict": True, "schema": {"type": "object"}}}
    assert sent["service_tier"] == "default" and sent["prompt_cache_key"] == "k" and sent["x_future"] == [1]
    assert sent["tools"] == [{"type": "function", "function": {
        "name": "weather", "description": WEATHER["description"], "parameters": WEATHER["parameters"], "strict": True}}]
    assert sent["tool_choice"] == "auto" and sent["seed"] == 7
    assert not {"store", "metadata", "include", "reasoning", "text", "input", "truncation", "top_logprobs"} & set(sent)
    dropped = set(raw.headers["x-weir-dropped"].split(","))
    assert {"store", "metadata", "include", "truncation", "top_logprobs"} == dropped
    r = raw.parse()
    assert r.metadata == {"team": "blue"} and r.temperature == 0.5 and r.top_p == 0.9 and r.max_output_tokens == 77
    assert r.reasoning.effort == "low" and r.text.format.name == "thing" and r.tools[0].name == "weather"
    assert r.parallel_tool_calls is False and r.tool_choice == "auto" and r.to_dict()["store"] is False


def test_an_anthropic_back_end_gets_its_own_form(client, us):
    client.responses.create(model="us/claude-x", instructions="Be brief.", input="hi", max_output_tokens=9,
                            tools=[WEATHER], tool_choice={"type": "function", "name": "weather"},
                            parallel_tool_calls=False)
    sent = us.received()[-1]["body"]
    assert sent["system"] == "Be brief." and sent["max_tokens"] == 9
    assert sent["tool_choice"] == {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}
    assert sent["tools"][0]["input_schema"] == WEATHER["parameters"]


def test_allowed_tools_are_the_tools(client, eu):
    other = dict(WEATHER, name="other")
    r = client.responses.create(model="eu/gpt-x", input="hi", tools=[WEATHER, other], tool_choice={
        "type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "other"}]})
    sent = eu.received()[-1]["body"]
    assert [t["function"]["name"] for t in sent["tools"]] == ["other"] and sent["tool_choice"] == "required"
    assert r.output[0].name == "other"


# ---- tools ----

@pytest.mark.parametrize("target", ["eu/gpt-x", "us/claude-x"])
def test_tools_round_trip(gateway, client, eu, us, target):
    """The loop of every agent: call, run, hand everything back."""
    conversation = [{"role": "user", "content": "the weather"}]
    r = client.responses.create(model=target, input=conversation, tools=[WEATHER], tool_choice="required")
    call = r.output[0]
    assert call.type == "function_call" and call.name == "weather" and json.loads(call.arguments) and call.call_id
    conversation += r.output
    conversation.append({"type": "function_call_output", "call_id": call.call_id, "output": "21 degrees"})
    r = client.responses.create(model=target, input=conversation, tools=[WEATHER])
    assert "21 degrees" in r.output_text
    sent = (eu if target.startswith("eu") else us).received()[-1]["body"]["messages"]
    if target.startswith("eu"):
        assert sent[1]["tool_calls"][0]["id"] == call.call_id == sent[2]["tool_call_id"]
    else:
        assert sent[1]["content"][0]["id"] == call.call_id == sent[2]["content"][0]["tool_use_id"]
    seen = events(gateway, {"model": target, "input": "x", "tools": [WEATHER], "tool_choice": "required"})
    assert [e["type"] for e in seen if "arguments" in e["type"]][-1] == "response.function_call_arguments.done"
    assert json.loads(seen[-1]["response"]["output"][0]["arguments"]) == {"text": "x"}


@pytest.mark.parametrize("target", ["eu/gpt-x", "us/claude-x"])
def test_custom_tools_round_trip(gateway, client, eu, us, target):
    """A tool that takes text: to a back end a function of one text, to the client what it asked for."""
    tools = [{"type": "custom", "name": "patch", "description": "Edits.", "format": {
        "type": "grammar", "syntax": "lark", "definition": "start: WORD"}}]
    ask = {"model": target, "input": [{"role": "user", "content": "line\n\"two\""}], "tools": tools,
           "tool_choice": {"type": "custom", "name": "patch"}}
    r = client.responses.with_raw_response.create(**ask)
    assert "tools.format" in r.headers["x-weir-dropped"].split(",")
    call = r.parse().output[0]
    sent = (eu if target.startswith("eu") else us).received()[-1]["body"]["tools"][0]
    function = sent.get("function", sent)
    assert "start: WORD" in function["description"]
    assert function.get("parameters", function.get("input_schema"))["required"] == ["input"]
    assert call.type == "custom_tool_call" and call.id.startswith("ctc_") and call.name == "patch"
    assert json.loads(call.input) == {"text": "line\n\"two\""}, "the stand-in knows no input: what it wrote comes back"
    seen = events(gateway, ask)
    assert json.loads(seen[-1]["response"]["output"][0]["input"]) == json.loads(call.input)
    client.responses.create(model=target, tools=tools, input=[*ask["input"], call, {
        "type": "custom_tool_call_output", "call_id": call.call_id, "output": "done"}])
    sent = (eu if target.startswith("eu") else us).received()[-1]["body"]["messages"]
    if target.startswith("eu"):
        assert json.loads(sent[1]["tool_calls"][0]["function"]["arguments"]) == {"input": call.input}
        assert sent[2]["tool_call_id"] == call.call_id and sent[2]["content"] == "done"
    else:
        assert sent[1]["content"][0]["input"] == {"input": call.input}


def test_parallel_calls_are_one_turn(client, eu):
    client.responses.create(model="eu/gpt-x", tools=[WEATHER], input=[
        {"role": "user", "content": "both"},
        {"type": "reasoning", "id": "rs_1", "summary": [{"type": "summary_text", "text": "hm"}]},
        {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "weather", "arguments": "{\"text\":\"a\"}"},
        {"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "weather", "arguments": "{\"text\":\"b\"}"},
        {"type": "function_call_output", "call_id": "c1", "output": "1"},
        {"type": "function_call_output", "call_id": "c2", "output": [{"type": "input_text", "text": "2"}]}])
    sent = eu.received()[-1]["body"]["messages"]
    assert [m["role"] for m in sent] == ["user", "assistant", "tool", "tool"]
    assert [c["id"] for c in sent[1]["tool_calls"]] == ["c1", "c2"] and "reasoning_content" not in sent[1]
    assert [m["content"] for m in sent[2:]] == ["1", "2"]


# ---- structured output, thoughts ----

class City(pydantic.BaseModel):
    name: str
    rivers: list[str]


@pytest.fixture(scope="module")
def structured(tmp_path_factory, weir, eu):
    """A back end that answers with JSON."""
    import harness
    s = harness.StandIn(str(tmp_path_factory.mktemp("json")), "json",
                        answers={"city": json.dumps({"name": "Köln", "rivers": ["Rhein"]})})
    g = harness.Gateway(str(tmp_path_factory.mktemp("gwjson")), weir,
                        backends=[harness.backend("eu", s, "EU", models=("gpt-x", "standin-answer=city"))],
                        routing="  hard: [eu/gpt-x]\n  commodity: [eu/gpt-x]")
    yield g, s
    g.kill()
    s.kill()


def test_parse_gives_an_object(structured):
    g, s = structured
    c = openai.OpenAI(base_url=g.base_url, api_key=g.key, max_retries=0, http_client=http(g))
    r = c.responses.parse(model="eu/standin-answer=city", input="a city", text_format=City)
    assert r.output_parsed == City(name="Köln", rivers=["Rhein"])
    assert s.received()[-1]["body"]["response_format"]["json_schema"]["strict"] is True
    with c.responses.stream(model="eu/standin-answer=city", input="a city", text_format=City) as stream:
        final = stream.get_final_response()
    assert final.output_parsed.name == "Köln"


@pytest.mark.parametrize("target", ["eu/gpt-x", "us/claude-x"])
def test_thoughts(gateway, client, target):
    ask = {"model": target, "input": "[[standin: reason]] hello"}
    seen = events(gateway, ask)
    thought, message = seen[-1]["response"]["output"]
    assert thought["type"] == "reasoning" and thought["summary"] == []
    assert thought["content"] == [{"type": "reasoning_text", "text": "I am thinking."}]
    assert message["content"][0]["text"] == "STAND-IN ANSWER: hello"
    assert [e["delta"] for e in seen if e["type"] == "response.reasoning_text.delta"]
    seen = events(gateway, dict(ask, reasoning={"summary": "auto"}))
    thought = seen[-1]["response"]["output"][0]
    assert thought["summary"] == [{"type": "summary_text", "text": "I am thinking."}] and "content" not in thought
    kinds = [e["type"] for e in seen]
    assert "response.reasoning_summary_part.added" in kinds and "response.reasoning_summary_text.done" in kinds
    r = client.responses.create(**ask)
    r = client.responses.create(model=target, input=[{"role": "user", "content": "a"}, *r.output,
                                                     {"role": "user", "content": "b"}])
    assert r.output_text == "STAND-IN ANSWER: b"


# ---- what goes wrong ----

def test_errors_are_the_sdks_types(client, gateway):
    with pytest.raises(openai.NotFoundError) as e:
        client.responses.create(model="nope/none", input="x")
    assert e.value.code == "model_not_found" and e.value.request_id
    with pytest.raises(openai.PermissionDeniedError) as e:
        client.responses.create(model="us/claude-x", input="mail a.b@example.eu")
    assert e.value.type == "policy_denied" and e.value.code
    with pytest.raises(openai.RateLimitError):
        client.responses.create(model="eu/gpt-x", input="[[standin: status=429]] x")
    with pytest.raises(openai.InternalServerError):
        client.responses.create(model="eu/gpt-x", input="[[standin: status=500]] x", stream=True)
    with pytest.raises(openai.NotFoundError) as e:
        client.responses.retrieve("resp_1")
    assert "keeps no responses" in str(e.value)
    bad = openai.OpenAI(base_url=gateway.base_url, api_key="weir_nobody_nothing", max_retries=0,
                        http_client=http(gateway))
    with pytest.raises(openai.AuthenticationError):
        bad.responses.create(model="auto", input="x")


@pytest.mark.parametrize("more, param", [
    ({"previous_response_id": "resp_1"}, "previous_response_id"), ({"conversation": "conv_1"}, "conversation"),
    ({"background": True}, "background"), ({"prompt": {"id": "p"}}, "prompt"),
    ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0].type"),
    ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
    ({"tools": [WEATHER, {"type": "mcp", "server_label": "x", "server_url": "https://x.example"}]}, "tools[1].type"),
    ({"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}, "tools[0].type"),
    ({"tools": [{"type": "code_interpreter", "container": "c"}]}, "tools[0].type"),
    ({"tool_choice": {"type": "web_search_preview"}}, "tool_choice.type"),
    ({"input": [{"type": "web_search_call", "id": "ws", "status": "completed"}]}, "input[0].type"),
    ({"input": [{"role": "user", "content": [{"type": "input_image", "file_id": "f"}]}]},
     "input[0].content[0].file_id"),
])
def test_what_needs_a_provider_is_refused(client, eu, more, param):
    before = len(eu.received())
    ask = dict({"model": "eu/gpt-x", "input": "x"}, **more)
    with pytest.raises(openai.BadRequestError) as e:
        client.responses.create(**ask)
    assert e.value.param == param and len(eu.received()) == before


def test_a_cut_stream_raises(client, gateway):
    for how in ("die=3", "truncate", "error-event"):
        got = []
        with pytest.raises(openai.APIError):
            for e in client.responses.create(model="eu/gpt-x", input=f"[[standin: {how},long=9]] x", stream=True):
                got.append(e.type)
        assert "response.output_text.delta" in got and "response.completed" not in got
        status, _, text = gateway.request("POST", "/v1/responses", {
            "model": "eu/gpt-x", "input": f"[[standin: {how},long=9]] x", "stream": True})
        blocks = [json.loads(b.split("data: ", 1)[1]) for b in text.decode().split("\n\n") if b.strip()]
        assert [e["sequence_number"] for e in blocks] == list(range(len(blocks)))
        assert [e["type"] for e in blocks[-2:]] == ["error", "response.failed"]
        for e in blocks:
            EVENT.validate_python(e)
        assert blocks[-1]["response"]["status"] == "failed" and blocks[-1]["response"]["error"]["message"]


# ---- policy ----

PLACES = {
    "input": lambda s: {"input": s},
    "instructions": lambda s: {"instructions": s, "input": "x"},
    "message": lambda s: {"input": [{"role": "user", "content": [{"type": "input_text", "text": s}]}]},
    "assistant": lambda s: {"input": [{"role": "assistant", "content": [{"type": "output_text", "text": s}]},
                                      {"role": "user", "content": "x"}]},
    "refusal": lambda s: {"input": [{"role": "assistant", "content": [{"type": "refusal", "refusal": s}]},
                                    {"role": "user", "content": "x"}]},
    "reasoning": lambda s: {"input": [{"type": "reasoning", "id": "r", "summary": [{"type": "summary_text", "text": s}]},
                                      {"role": "assistant", "content": "y"}, {"role": "user", "content": "x"}]},
    "arguments": lambda s: {"input": [{"type": "function_call", "call_id": "c", "name": "f",
                                       "arguments": json.dumps({"a": s})},
                                      {"type": "function_call_output", "call_id": "c", "output": "o"}]},
    "output": lambda s: {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                                   {"type": "function_call_output", "call_id": "c", "output": s}]},
    "custom input": lambda s: {"input": [{"type": "custom_tool_call", "call_id": "c", "name": "f", "input": s},
                                         {"type": "custom_tool_call_output", "call_id": "c", "output": "o"}]},
    "grammar": lambda s: {"input": "x", "tools": [{"type": "custom", "name": "f", "format": {
        "type": "grammar", "syntax": "regex", "definition": s}}]},
    "output part": lambda s: {"input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
                                        {"type": "function_call_output", "call_id": "c",
                                         "output": [{"type": "input_text", "text": s}]}]},
    "tool": lambda s: {"input": "x", "tools": [dict(WEATHER, description=s)]},
    "schema": lambda s: {"input": "x", "tools": [dict(WEATHER, parameters={"type": "object", "description": s})]},
    "format": lambda s: {"input": "x", "text": {"format": {"type": "json_schema", "name": "n", "schema": {
        "type": "object", "description": s}}}},
    "metadata": lambda s: {"input": "x", "metadata": {"a": s}},
    "user": lambda s: {"input": "x", "user": s},
    "safety": lambda s: {"input": "x", "safety_identifier": s},
    "unknown": lambda s: {"input": "x", "x_future": {"deep": [s]}},
}


@pytest.mark.parametrize("place", PLACES)
def test_every_place_is_redacted(gateway, eu, place):
    said = "Mail anna.muster@example.eu about DE89370400440532013000"
    r, head = whole(gateway, dict(PLACES[place](said), model="eu/gpt-x"))
    assert "EMAIL=" in head["x-weir-redacted"] and "IBAN=" in head["x-weir-redacted"]
    sent = eu.received()[-1]["body_text"]
    assert "anna.muster" not in sent and "0532013000" not in sent
    if place == "metadata":
        assert r["metadata"] == {"a": said}, "the caller's own comes back"


def test_no_place_gets_past_a_denial(gateway, us):
    before = len(us.received())
    for place in PLACES:
        status, _, text = gateway.request("POST", "/v1/responses", dict(
            PLACES[place]("Mail anna.muster@example.eu"), model="us/claude-x"))
        assert status == 403 and json.loads(text)["error"]["type"] == "policy_denied", place
    assert len(us.received()) == before


def test_what_is_redacted_is_restored(gateway, client):
    """In text and arguments, streams cut anywhere (the stand-in sends seven characters at a time)."""
    said = "Mail anna.muster@example.eu, call +49 30 901820, pay DE89370400440532013000 "
    r = client.responses.create(model="eu/gpt-x", input=said)
    assert r.output_text.strip() == ("STAND-IN ANSWER: " + said).strip()
    seen = events(gateway, {"model": "eu/gpt-x", "input": said})
    assert "".join(e["delta"] for e in seen if e["type"] == "response.output_text.delta").strip() == r.output_text.strip()
    ask = {"model": "eu/gpt-x", "input": said, "tools": [WEATHER], "tool_choice": "required"}
    seen = events(gateway, ask)
    assert json.loads(seen[-1]["response"]["output"][0]["arguments"])["text"].strip() == said.strip()
    seen = events(gateway, {"model": "eu/gpt-x", "input": "[[standin: reason]] " + said})
    assert [i["type"] for i in seen[-1]["response"]["output"]] == ["reasoning", "message"]


def test_headers_narrow_and_pin(gateway):
    status, _, text = gateway.request("POST", "/v1/responses", {"model": "eu/gpt-x", "input": "x"},
                                      headers={"x-weir-use-case": "social-scoring"})
    assert status == 403 and json.loads(text)["error"]["code"] == "prohibited"
    _, head = whole(gateway, {"model": "auto", "input": "hi", "max_output_tokens": 4}, headers={"x-weir-tier": "hard"})
    assert head["x-weir-tier"] == "hard" and head["x-weir-route"] == "us/claude-x"


def test_the_log_names_the_dialect(gateway, client):
    r = client.responses.with_raw_response.create(model="eu/gpt-x", input="hi")
    leaf = [x for x in gateway.leaves() if x.get("req") == r.headers["x-request-id"] and x["ev"] == "req.intent"]
    assert leaf and leaf[0]["dialect"] == "openai-responses"


# ---- others than the plain client ----

def test_async_clients_at_once(gateway):
    async def run():
        async with openai.AsyncOpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0,
                                      http_client=http(gateway, httpx.AsyncClient)) as c:
            async def one(i):
                async with c.responses.stream(model="eu/gpt-x", input=f"number {i}") as s:
                    return (await s.get_final_response()).output_text
            return await asyncio.gather(*(one(i) for i in range(12)))
    assert asyncio.run(run()) == [f"STAND-IN ANSWER: number {i}" for i in range(12)]


def test_large_requests_go_the_same_way(gateway, eu):
    long = "lorem " * 100_000
    r, head = whole(gateway, {"model": "eu/gpt-x", "instructions": long, "input": "Mail anna.muster@example.eu"})
    assert r["instructions"] is None and head["x-weir-redacted"] == "EMAIL=1"
    assert "anna.muster" not in eu.received()[-1]["body_text"]
