"""Goal: a back end of api bedrock answers as any other does: requests signed so that AWS' own signer agrees, streams and
whole answers, tools both ways, usage, personal data restored, errors told in plain words, another route where one will do.

Method: a stand-in on real TLS that computes each signature anew with botocore and answers in frames of its own making;
boto3 itself asks the stand-in first, so that the stand-in is what the real SDK takes for Bedrock.
"""
import json
import os
import urllib.request

import pytest

import harness

ACCESS, SECRET, TOKEN = "AKIDSTANDINEXAMPLE00", "standin/Secret+Key4711canary", "standin-session-token-canary//=="
ARN = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.anthropic.claude-x-v1:0"
SIGNED = "region: eu-central-1\naccess_key: ${AWS_ID}\nsecret_key: ${AWS_SECRET}\nsession_token: ${AWS_TOKEN}"
ENV = {"AWS_ID": ACCESS, "AWS_SECRET": SECRET, "AWS_TOKEN": TOKEN, "AWS_WRONG": "another/Secret"}
CANARIES = (SECRET, TOKEN, "standin-secret-key-canary-4711", "another/Secret")
FAILS = ["ThrottlingException", "ModelNotReadyException", "ServiceUnavailableException", "ModelErrorException"]


@pytest.fixture(scope="module")
def aws(tmp_path_factory, weir, model):
    top = tmp_path_factory.mktemp("aws")
    signed = harness.StandIn(str(top / "s"), "signed", dialect="bedrock",
                             key=f"{ACCESS}:{SECRET}:eu-central-1:{TOKEN}")
    bearer = harness.StandIn(str(top / "b"), "bearer", dialect="bedrock", key="standin-secret-key-canary-4711")
    other = harness.StandIn(str(top / "o"), "other")
    models = ["claude", f'"{ARN}"'] + [f"standin-fail={name}" for name in FAILS + ["ValidationException"]]
    quoted = [m if m.startswith('"') else f'"{m}"' for m in models]
    g = harness.Gateway(
        str(top / "gw"), weir, model=model, env=ENV,
        backends=[harness.backend("aws", signed, "EU", models=quoted, credentials=SIGNED),
                  harness.backend("bearer", bearer, "EU", models=("m",)),
                  harness.backend("wrong", signed, "EU", models=("m",),
                                  credentials=SIGNED.replace("AWS_SECRET", "AWS_WRONG")),
                  harness.backend("astray", signed, "EU", models=("m",),
                                  credentials=SIGNED.replace("eu-central-1", "eu-west-1")),
                  harness.backend("other", other, "EU", models=("m",))],
        routing="  commodity: [local/home]\n  hard: [aws/claude, other/m]\n  threshold: 0.5\n  aliases:\n"
                + "".join(f"    {name}: ['aws/standin-fail={name}', other/m]\n"
                          for name in FAILS + ["ValidationException"]),
        limits="  limits: { first_token_s: 5, total_s: 60 }")
    yield g, signed, bearer, other
    g.kill()
    for s in (signed, bearer, other):
        s.kill()


def said(answer):
    if isinstance(answer, dict):
        return answer["choices"][0]["message"]["content"]
    rows = [json.loads(d) for d in answer if d != "[DONE]"]
    return "".join(r["choices"][0]["delta"].get("content") or "" for r in rows if r.get("choices"))


def boto(standin):
    import boto3
    from botocore.config import Config
    return boto3.client("bedrock-runtime", region_name="eu-central-1", endpoint_url=standin.url, verify=standin.ca,
                        aws_access_key_id=ACCESS, aws_secret_access_key=SECRET, aws_session_token=TOKEN,
                        config=Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20))


def test_the_stand_in_is_what_boto3_takes_for_bedrock(aws):
    _, signed, _, _ = aws
    client = boto(signed)
    ask = [{"role": "user", "content": [{"text": "hello"}]}]
    whole = client.converse(modelId=ARN, messages=ask)
    assert whole["output"]["message"]["content"][0]["text"].endswith("hello") and whole["stopReason"] == "end_turn"
    events = list(client.converse_stream(modelId=ARN, messages=ask)["stream"])
    assert events[0] == {"messageStart": {"role": "assistant"}} and "usage" in events[-1]["metadata"]
    assert "".join(e["contentBlockDelta"]["delta"]["text"] for e in events if "contentBlockDelta" in e).endswith("hello")
    with pytest.raises(client.exceptions.ThrottlingException):
        client.converse(modelId="m", messages=[{"role": "user", "content": [
            {"text": "[[standin: fail=ThrottlingException]]"}]}])
    with pytest.raises(Exception, match="modelStreamErrorException|stand-in says"):
        list(client.converse_stream(modelId="m", messages=[{"role": "user", "content": [
            {"text": "[[standin: fail-late=ModelStreamErrorException]] a b c d e f g"}]}])["stream"])


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("target", ["aws/claude", f"aws/{ARN}", "bearer/m"])
def test_answers(aws, target, stream):
    g, signed, bearer, _ = aws
    status, head, answer = g.chat("hello there 🌊 Grüße", model=target, stream=stream, max_tokens=400, top_p=0.5,
                                  frequency_penalty=0.1)
    assert status == 200, answer
    assert head["x-weir-route"] == target and "hello there 🌊 Grüße" in said(answer)
    assert head["x-weir-dropped"] == "frequency_penalty"
    got = (bearer if target == "bearer/m" else signed).received()[-1]
    assert got["body"]["inferenceConfig"] == {"maxTokens": 400, "topP": 0.5}
    assert got["path"].endswith("/converse-stream" if stream else "/converse") and got["path"].count("/") == 3
    assert ("x-amz-security-token" in got["headers"]) == (target != "bearer/m")
    leaf = [x for x in g.leaves() if x["req"] == head["x-request-id"]][-1]
    assert leaf["status"] == "ok"


@pytest.mark.parametrize("stream", [False, True])
def test_usage_with_a_cache(aws, stream):
    g = aws[0]
    status, _, answer = g.chat("[[standin: cached]] hi", model="aws/claude", stream=stream,
                               **({"stream_options": {"include_usage": True}} if stream else {}))
    assert status == 200
    usage = answer["usage"] if not stream else json.loads(answer[-2])["usage"]
    assert usage["prompt_tokens_details"]["cached_tokens"] == 20
    assert usage["prompt_tokens"] >= 23 and usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


@pytest.mark.parametrize("stream", [False, True])
def test_tools_there_and_back(aws, stream):
    g, signed, _, _ = aws
    tools = [{"type": "function", "function": {"name": "send_mail", "description": "sends", "parameters": {
        "type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}}}]
    status, _, answer = g.chat("[[standin: tools,reason]] mail anna@example.eu", model="aws/claude", stream=stream,
                               tools=tools)
    assert status == 200, answer
    if stream:
        rows = [json.loads(d) for d in answer[:-1]]
        calls = [t for r in rows if r["choices"] for t in r["choices"][0]["delta"].get("tool_calls") or []]
        call = {"id": calls[0]["id"], "type": "function", "function": {
            "name": calls[0]["function"]["name"],
            "arguments": "".join(t["function"].get("arguments") or "" for t in calls)}}
        assert rows[-1]["choices"][0]["finish_reason"] == "tool_calls"
    else:
        call = answer["choices"][0]["message"]["tool_calls"][0]
        assert answer["choices"][0]["message"]["reasoning_content"] == "I am thinking."
    assert call["function"]["name"] == "send_mail"
    assert json.loads(call["function"]["arguments"])["text"] == "mail anna@example.eu"  # restored
    sent = signed.received()[-1]["body"]
    assert "anna@example.eu" not in json.dumps(sent)
    assert sent["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["required"] == ["to"]
    # and the result goes back, redacted on its way and restored in the answer
    status, head, answer = g.chat("", model="aws/claude", stream=stream, tools=tools, messages=[
        {"role": "user", "content": "mail anna@example.eu"}, {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "sent to anna@example.eu"}])
    assert status == 200, answer
    assert "sent to anna@example.eu" in said(answer) and head["x-weir-redacted"].startswith("EMAIL=")
    body = signed.received()[-1]["body"]
    assert "anna@example.eu" not in json.dumps(body)
    assert [list(b)[0] for m in body["messages"] for b in m["content"]] == ["text", "toolUse", "toolResult"]
    assert body["messages"][1]["content"][0]["toolUse"]["toolUseId"] == call["id"]


@pytest.mark.parametrize("order,reason", [("guardrail", "content_filter"), ("no-metadata", "stop")])
def test_ends(aws, order, reason):
    g = aws[0]
    status, _, answer = g.chat(f"[[standin: {order}]] hi", model="aws/claude", stream=True)
    assert status == 200 and answer[-1] == "[DONE]"
    assert [r["choices"][0]["finish_reason"] for r in map(json.loads, answer[:-1])
            if r["choices"]][-1] == reason


@pytest.mark.parametrize("order", ["die=3", "truncate", "error-event", "bad-json", "flip=2", "flip=4",
                                   "fail-late=ThrottlingException"])
def test_a_stream_that_breaks_is_never_called_complete(aws, order):
    g = aws[0]
    status, head, answer = g.chat(f"[[standin: {order}]] one two three four five six seven eight", model="aws/claude",
                                  stream=True)
    assert status == 200, answer
    assert "[DONE]" not in answer and "error" in json.loads(answer[-1])
    leaf = [x for x in g.leaves() if x["req"] == head["x-request-id"]][-1]
    assert leaf["ev"] == "req.outcome" and leaf["status"] == "error"


def test_one_byte_at_a_time(aws):
    g = aws[0]
    status, _, answer = g.chat("[[standin: split]] Grüße 你好 anna@example.eu", model="aws/claude", stream=True)
    assert status == 200 and answer[-1] == "[DONE]" and "Grüße 你好 anna@example.eu" in said(answer)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", FAILS)
def test_what_passes_moves_on(aws, name, stream):
    g, _, _, other = aws
    before = len(other.received())
    status, head, answer = g.chat("hello there", model=name, stream=stream)
    assert status == 200 and head["x-weir-route"] == "other/m" and "hello there" in said(answer)
    assert len(other.received()) == before + 1
    # pinned, the upstream's own words and status
    status, head, answer = g.chat(f"[[standin: fail={name},retry-after=7]] x", model="aws/claude", stream=stream)
    assert status in (424, 429, 503) and f"stand-in says {status}" in answer["error"]["message"]
    assert answer["error"]["code"] == name and head["retry-after"] == "7"


def test_what_is_the_callers_fault_does_not_move_on(aws):
    g, _, _, other = aws
    before = len(other.received())
    status, _, answer = g.chat("hello", model="ValidationException")
    assert status == 400 and answer["error"]["code"] == "ValidationException" and len(other.received()) == before


@pytest.mark.parametrize("target,order,words", [
    ("wrong/m", "", "secret_key does not belong to access_key, or region"),
    ("astray/m", "", "secret_key does not belong to access_key, or region"),
    ("aws/claude", "[[standin: skew=900]]", "s behind the upstream's"),
    ("aws/claude", "[[standin: skew=-900]]", "s ahead of the upstream's")])
def test_refused_credentials_are_told_plainly(aws, target, order, words):
    g = aws[0]
    status, _, answer = g.chat(f"{order} hello", model=target)
    assert status == 502 and words in answer["error"]["message"], answer
    text = json.dumps(answer)
    assert not [c for c in CANARIES if c in text] and "Canonical" not in text


def test_no_secret_anywhere(aws):
    g, signed, bearer, _ = aws
    places = [os.path.join(g.folder, "weir.log"), signed.record, bearer.record]
    for place in places:
        with open(place, encoding="utf-8") as f:
            text = f.read()
        assert not [c for c in CANARIES if c in text], place
    exported = g.command("audit", "show", g.audit, "--json").stdout.decode()
    assert not [c for c in CANARIES + (ACCESS,) if c in exported]
    with urllib.request.urlopen(urllib.request.Request(f"https://127.0.0.1:{g.admin_port}/metrics"),
                                context=g.context()) as r:
        assert not [c for c in CANARIES if c in r.read().decode()]


def test_check_names_what_is_wrong(aws, tmp_path, weir):
    g = aws[0]
    with open(g.config, encoding="utf-8") as f:
        text = f.read()
    bad = os.path.join(g.folder, "bad.yaml")
    with open(bad, "w", encoding="utf-8") as f:
        f.write(text.replace("    secret_key: ${AWS_SECRET}\n", "", 1))
    done = g.command("check", "-c", bad, check=False)
    out = (done.stdout + done.stderr).decode()
    line = text.split("access_key")[0].count("\n") + 1
    assert done.returncode == 1 and f"bad.yaml:{line}:17: access_key: secret_key is missing" in out, out


def test_the_log_holds(aws):
    code, text = aws[0].verify()
    assert code == 0, text
