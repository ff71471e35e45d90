"""Goal: what a policy asks of the answering side happens: tools are taken away before the model sees
them, answers are looked at as they pass, the notice and the record of origin travel along, and an
answer under review reaches nobody before a human has approved it.

Method: a gateway whose rules ask for one thing a use case, in front of a stand-in that says what the
test wants; streams and whole answers; what arrived there, what came back, and what the log says.
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
notice: "Sie sprechen mit einer KI – 100 %."
use_cases:
  - { id: tools, purpose: tools, tools: { allow: [get_*, web_search], deny: [get_secret*] } }
  - { id: warn, purpose: warn, answers: warn }
  - { id: redact, purpose: redact, answers: { action: redact, data: [IBAN, secret] } }
  - { id: withhold, purpose: withhold, answers: withhold }
  - { id: marked, purpose: marked, obligations: [provenance, notice, label-output] }
  - { id: hiring, purpose: screening, ai_act: annex3.4, human_review: hold }
  - { id: oversight, purpose: screening, ai_act: annex3.4, human_review: required }
rules:
  - { id: eu, when: { data: [none, personal] }, location: [on_premises, EU], basis: [dpa], redact: [EMAIL] }
"""
IBAN = "DE89 3704 0044 0532 0130 00"
SECRET = "AKIAIOSFODNN7EXAMPLQ"
ANSWERS = {
    "iban": f"Please pay to {IBAN} before noon.",
    "secret": f"The deployment key is {SECRET} as you know." + " And so on." * 60,
    "first-half": f"The account is {IBAN[:14]}",
    "second-half": f"{IBAN[14:]} as you know.",
    "plain": "Nothing to hide here. " * 40,
    "late": "All is well so far. " * 40 + f"But the key is {SECRET} now. " + "More words. " * 40,
}


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir):
    tmp = tmp_path_factory.mktemp("obligations")
    s = harness.StandIn(str(tmp / "eu"), "eu", answers=ANSWERS)
    g = harness.Gateway(str(tmp / "gw"), weir, backends=[harness.backend("eu", s, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]", policy=POLICY)
    g.admin = g.new_key("reviewer", role="admin")
    harness.wait_for("the reviewer's key", lambda: admin(g, "GET", "reviews")[0] == 200)
    yield g, s
    g.kill()
    s.kill()


def ask(g, use_case, text, **kw):
    return g.chat(text, headers={"x-weir-use-case": use_case, **kw.pop("headers", {})}, **kw)


def text_of(stream, answer):
    if not stream:
        return answer["choices"][0]["message"]["content"]
    return "".join(json.loads(d)["choices"][0]["delta"].get("content") or "" for d in answer
                   if d != "[DONE]" and json.loads(d).get("choices"))


def finish_of(stream, answer):
    if not stream:
        return answer["choices"][0]["finish_reason"]
    return [json.loads(d)["choices"][0]["finish_reason"] for d in answer
            if d != "[DONE]" and json.loads(d).get("choices")][-1]


def outcome(g, head):
    return next(x for x in g.leaves() if x.get("req") == head["x-request-id"] and x["ev"] == "req.outcome")


# ---- tools ----

def tool(name):
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}


def test_tools_are_taken_away_before_the_model_sees_them(world):
    g, s = world
    tools = [tool("get_weather"), tool("get_secret_plan"), tool("rm_rf"), {"type": "web_search"},
             {"type": "code_interpreter"}]
    status, head, _ = ask(g, "tools", "weather?", tools=tools)
    assert status == 200
    sent = s.received()[-1]["body"]["tools"]
    assert [t.get("function", t).get("name", t["type"]) for t in sent] == ["get_weather", "web_search"]
    assert "get_secret_plan" not in s.received()[-1]["body_text"]
    assert head["x-weir-tools-removed"] == "get_secret_plan,rm_rf,code_interpreter"
    intent = next(x for x in g.leaves() if x.get("req") == head["x-request-id"] and x["ev"] == "req.intent")
    assert intent["tools_removed"] == "get_secret_plan,rm_rf,code_interpreter"


def test_what_is_about_tools_goes_with_the_last_of_them(world):
    """OpenAI answers 400 to parallel_tool_calls without tools: a policy that takes all of them must not cause it."""
    g, s = world
    status, head, _ = ask(g, "tools", "hello", tools=[tool("rm_rf")], parallel_tool_calls=False)
    sent = s.received()[-1]["body"]
    assert status == 200 and "tools" not in sent and "parallel_tool_calls" not in sent, sent
    assert "parallel_tool_calls" in head["x-weir-dropped"]
    assert ask(g, "tools", "hello", tools=[tool("get_weather")], parallel_tool_calls=False)[0] == 200
    assert s.received()[-1]["body"]["parallel_tool_calls"] is False


@pytest.mark.parametrize("choice", [{"type": "function", "function": {"name": "rm_rf"}}, "required"])
def test_insisting_on_a_forbidden_tool_is_a_403(world, choice):
    g, s = world
    before = len(s.received())
    status, _, answer = ask(g, "tools", "do it", tools=[tool("rm_rf")], tool_choice=choice)
    assert status == 403 and answer["error"]["type"] == "policy_denied"
    assert answer["error"]["code"] == "use_case:tools"
    assert len(s.received()) == before


@pytest.mark.parametrize("stream", [False, True])
def test_a_call_of_a_forbidden_tool_does_not_reach_the_client(world, stream):
    g, _ = world
    status, head, answer = ask(g, "tools", "[[standin: call=rm_rf]] now", tools=[tool("get_weather")],
                               stream=stream)
    assert "rm_rf" not in json.dumps(answer)
    assert status == 403 and answer["error"]["code"] == "tool_denied"
    assert outcome(g, head)["status"] == "withheld"


def test_an_allowed_call_passes(world):
    g, _ = world
    _, _, answer = ask(g, "tools", "[[standin: tools]] Paris", tools=[tool("get_weather")], stream=True)
    calls = [json.loads(d)["choices"][0]["delta"].get("tool_calls") for d in answer if d != "[DONE]"]
    assert "get_weather" in json.dumps(calls)
    assert "Paris" in "".join(c[0]["function"].get("arguments", "") for c in calls if c)


# ---- answers ----

@pytest.mark.parametrize("stream", [False, True])
def test_warn_lets_pass_and_tells(world, stream):
    g, _ = world
    status, head, answer = ask(g, "warn", "[[standin: answer=iban]] hi", stream=stream)
    assert status == 200 and text_of(stream, answer) == ANSWERS["iban"]
    if not stream:
        assert head["x-weir-answer-findings"] == "IBAN=1"
    assert outcome(g, head)["answer_findings"] == {"IBAN": 1}


@pytest.mark.parametrize("stream", [False, True])
def test_redact_takes_out_what_is_named_and_only_that(world, stream):
    g, _ = world
    status, head, answer = ask(g, "redact", "[[standin: answer=iban]] hi", stream=stream)
    assert status == 200
    assert text_of(stream, answer) == "Please pay to [IBAN withheld] before noon."
    assert finish_of(stream, answer) == "stop"
    assert outcome(g, head)["answer_findings"] == {"IBAN": 1}
    _, _, answer = ask(g, "redact", "[[standin: answer=plain]] hi", stream=stream)
    assert text_of(stream, answer) == ANSWERS["plain"]


def test_redact_in_tool_arguments(world):
    g, _ = world
    _, _, answer = ask(g, "redact", "[[standin: tools,answer=iban]] go", tools=[tool("pay")])
    args = answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert "3704" not in args and json.loads(args)["text"].startswith("Please pay to [IBAN")


@pytest.mark.parametrize("stream", [False, True])
def test_a_value_cut_between_reasoning_and_text_is_found(world, stream):
    g, _ = world
    say = "[[standin: reason,think=first-half,answer=second-half]] go"
    _, head, answer = ask(g, "redact", say, stream=stream)
    raw = json.dumps(answer)
    assert "3704" not in raw and "0532" not in raw and "[IBAN withheld]" in raw, raw
    assert outcome(g, head)["answer_findings"] == {"IBAN": 1}
    status, head, answer = ask(g, "withhold", say, stream=stream)
    raw = json.dumps(answer)
    assert "3704" not in raw and "0532" not in raw
    assert outcome(g, head)["status"] == "withheld" and (stream or status == 403)
    _, head, answer = ask(g, "warn", say, stream=stream)
    assert "3704" in json.dumps(answer) and outcome(g, head)["answer_findings"]["IBAN"] == 1


@pytest.mark.parametrize("stream", [False, True])
def test_what_the_caller_gave_may_come_back(world, stream):
    g, _ = world
    _, _, answer = ask(g, "redact", f"Say again: {IBAN}", stream=stream)
    assert IBAN in text_of(stream, answer)
    # placeholders are put back after the guard has looked
    _, head, answer = ask(g, "withhold", "Say again: bob@firma.example", stream=stream)
    assert "bob@firma.example" in text_of(stream, answer) and head["x-weir-redacted"] == "EMAIL=1"


def test_withhold_before_the_first_byte_is_a_403(world):
    g, _ = world
    status, head, answer = ask(g, "withhold", "[[standin: answer=secret]] hi")
    assert status == 403 and answer["error"]["type"] == "policy_denied"
    assert answer["error"]["code"] == "use_case:withhold"
    assert SECRET not in json.dumps(answer)
    assert outcome(g, head)["status"] == "withheld"


def test_withhold_in_a_stream_ends_it_in_good_order(world):
    g, _ = world
    status, head, answer = ask(g, "withhold", "[[standin: answer=late]] hi", stream=True)
    text = text_of(True, answer)
    assert status == 200 and SECRET not in text and SECRET[:8] not in text
    assert text.startswith("All is well so far.") and "More words" not in text
    assert finish_of(True, answer) == "content_filter" and answer[-1] == "[DONE]"
    assert outcome(g, head)["status"] == "withheld"


# ---- notice, label, record of origin ----

def verify(g, record, text):
    status, _, raw = g.request("POST", "/v1/provenance/verify", {"provenance": record, "text": text})
    return status, json.loads(raw)


@pytest.mark.parametrize("stream", [False, True])
def test_record_of_origin(world, stream):
    g, _ = world
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "[[standin: answer=plain]] x"}]}
    status, head, raw = g.request("POST", "/v1/chat/completions", body, {"x-weir-use-case": "marked"})
    assert status == 200 and head["x-weir-ai-generated"] == "1"
    assert set(head["x-weir-obligations"].split(",")) == {"provenance", "notice", "label-output"}
    assert head["x-weir-notice"] == "Sie sprechen mit einer KI %E2%80%93 100 %25."
    if stream:
        comments = [x for x in raw.decode().splitlines() if x.startswith(": x-weir-provenance: ")]
        assert len(comments) == 1
        record = comments[0].split(": ", 2)[2]
        assert raw.decode().rstrip().endswith("data: [DONE]")
    else:
        record = head["x-weir-provenance"]
    note = base64.b64decode(record).decode()
    assert f"request {head['x-request-id']}\n" in note and "route eu/gpt-x\n" in note
    assert hashlib.sha256(ANSWERS["plain"].encode()).hexdigest() in note
    status, said = verify(g, record, ANSWERS["plain"])
    assert status == 200 and said["valid"] is True and said["matches"] is True
    assert said["route"] == "eu/gpt-x" and said["request"] == head["x-request-id"]
    assert verify(g, record, ANSWERS["plain"] + " ")[1]["matches"] is False
    bad = record[:40] + ("A" if record[40] != "A" else "B") + record[41:]
    assert verify(g, bad, ANSWERS["plain"])[1]["valid"] is False
    assert outcome(g, head)["provenance"] is True


def test_notice_comes_with_the_first_answer_only(world):
    g, _ = world
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"},
                {"role": "user", "content": "and?"}]
    _, head, _ = ask(g, "marked", "", messages=messages)
    assert "x-weir-notice" not in head
    _, head, _ = g.chat("hi")
    assert "x-weir-notice" not in head and "x-weir-provenance" not in head


# ---- human review ----

def admin(g, method, path, body=None):
    status, head, raw = g.request(method, "/admin/v1/" + path, body, key=g.admin, port=g.admin_port)
    return status, json.loads(raw)


@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_under_review_waits_for_approval(world, stream):
    g, s = world
    status, head, answer = ask(g, "hiring", "[[standin: answer=plain]] rank them", stream=stream)
    assert status == 403 and "Nothing to hide" not in json.dumps(answer)
    ident = head["x-weir-review"]
    if not stream:
        assert answer["error"]["type"] == "review_pending"
    assert outcome(g, head)["status"] == "held"
    sent = len(s.received())
    again = lambda: ask(g, "hiring", "rank them", stream=stream, headers={"x-weir-review": ident})
    assert again()[0] == 403
    rows = admin(g, "GET", "reviews")[1]["reviews"]
    assert [r["state"] for r in rows if r["id"] == ident] == ["pending"]
    assert "answer" not in rows[0]
    assert admin(g, "GET", f"reviews/{ident}")[1]["answer"] == ANSWERS["plain"]
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "maybe"})[0] == 400
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "approve"}) == (200, {"state": "approved"})
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "reject", "reason": "x"})[0] == 409
    status, head, answer = again()
    assert status == 200 and text_of(stream, answer) == ANSWERS["plain"]
    assert head["x-weir-route"] == "eu/gpt-x" and head["x-weir-ai-generated"] == "1"
    assert len(s.received()) == sent, "nothing is asked twice"
    evs = [x["ev"] for x in g.leaves() if x.get("review") == ident]
    assert evs == ["review.read", "review.approved", "review.delivered"]


def test_a_rejected_answer_is_gone(world):
    g, _ = world
    _, head, _ = ask(g, "hiring", "[[standin: answer=plain]] rank them")
    ident = head["x-weir-review"]
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "reject"})[0] == 400, "a reason is needed"
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "reject", "reason": "biased"})[0] == 200
    status, _, answer = ask(g, "hiring", "x", headers={"x-weir-review": ident})
    assert status == 403 and answer["error"]["type"] == "review_rejected" and "biased" in answer["error"]["message"]
    assert admin(g, "GET", f"reviews/{ident}")[1]["answer"] == ""


def test_only_the_same_tenant_gets_it_and_only_admins_decide(world):
    g, _ = world
    _, head, _ = ask(g, "hiring", "[[standin: answer=plain]] rank them")
    ident = head["x-weir-review"]
    other = g.command("key", "new", "-c", g.config, "--tenant", "rival", "--name", f"rival-{ident}").stdout.decode().strip()
    harness.wait_for("the key", lambda: g.request("GET", "/v1/models", key=other)[0] == 200)
    assert admin(g, "POST", f"reviews/{ident}", {"verdict": "approve"})[0] == 200
    assert ask(g, "hiring", "x", key=other, headers={"x-weir-review": ident})[0] == 404
    assert g.request("POST", f"/admin/v1/reviews/{ident}", {"verdict": "approve"}, port=g.admin_port)[0] == 401
    assert g.request("GET", "/admin/v1/reviews", port=g.admin_port)[0] == 401
    assert ask(g, "hiring", "x", headers={"x-weir-review": "0" * 36})[0] == 404


def test_erasure_reaches_answers_that_wait(world):
    g, _ = world
    held = {}
    for who in ("subject-one", "subject-two"):
        _, head, _ = ask(g, "hiring", "[[standin: answer=plain]] rank", headers={"x-weir-subject": who})
        held[who] = head["x-weir-review"]
    g.command("audit", "erase", g.audit, "--subject", "subject-one")
    left = [r["id"] for r in admin(g, "GET", "reviews")[1]["reviews"]]
    assert held["subject-one"] not in left and held["subject-two"] in left


def test_oversight_without_a_hold_is_told_to_the_caller(world):
    g, _ = world
    status, head, _ = ask(g, "oversight", "rank them")
    assert status == 200 and "human-review" in head["x-weir-obligations"]


def test_the_official_client_meets_it_as_errors(world):
    g, _ = world
    client = openai.OpenAI(base_url=g.base_url, api_key=g.key, http_client=openai.DefaultHttpxClient(verify=g.context()))
    ask_it = lambda **h: client.chat.completions.create(
        model="auto", messages=[{"role": "user", "content": "[[standin: answer=plain]] q"}],
        extra_headers={"x-weir-use-case": "hiring", **h})
    with pytest.raises(openai.PermissionDeniedError) as e:
        ask_it()
    ident = e.value.response.headers["x-weir-review"]
    admin(g, "POST", f"reviews/{ident}", {"verdict": "approve"})
    assert ask_it(**{"x-weir-review": ident}).choices[0].message.content == ANSWERS["plain"]


def test_the_log_holds_and_has_no_content(world):
    g, _ = world
    text = json.dumps(g.leaves())
    assert "Nothing to hide" not in text and SECRET not in text and "biased" not in text
    code, said = g.verify()
    assert code == 0, said


# ---- watermark ----

@pytest.fixture(scope="module")
def marked(tmp_path_factory, weir, model):
    tmp = tmp_path_factory.mktemp("watermark")
    s = harness.StandIn(str(tmp / "eu"), "eu")
    g = harness.Gateway(
        str(tmp / "gw"), weir, model=model, backends=[harness.backend("eu", s, "EU")],
        engine_extra="  watermark: { key: watermark.key, gamma: 0.25, delta: 4 }\n",
        routing="  commodity: [eu/gpt-x, local/home]\n  hard: [eu/gpt-x, local/home]",
        policy=POLICY.replace("rules:", "  - { id: press, purpose: press, obligations: [watermark] }\nrules:"))
    yield g, s
    g.kill()
    s.kill()


def mark_in(g, model, text):
    done = g.command("model", "watermark", model, "--key", f"{g.folder}/watermark.key", stdin=text.encode(), check=False)
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


def test_a_watermark_is_put_in_where_the_policy_asks_for_it(marked, model):
    g, s = marked
    story = dict(max_tokens=200, temperature=0.9, seed=5)
    status, head, answer = ask(g, "press", "Write a long story about a river.", **story)
    assert status == 200 and head["x-weir-route"] == "local/home", "others cannot mark their text"
    assert "watermark" in head["x-weir-obligations"]
    assert mark_in(g, model, text_of(False, answer))["marked"] is True
    status, head, answer = g.chat("Write a long story about a river.", model="local/home", **story)
    assert mark_in(g, model, text_of(False, answer))["marked"] is False
    before = len(s.received())
    status, _, answer = ask(g, "press", "Write a story.", model="eu/gpt-x")
    assert status == 403 and "watermark" in answer["error"]["message"] and len(s.received()) == before


def test_a_watermark_without_a_key_is_refused_by_check(marked):
    g, _ = marked
    with open(g.config, encoding="utf-8") as f:
        text = f.read()
    bad = g.config + ".bad.yaml"
    with open(bad, "w", encoding="utf-8") as f:
        f.write(text.replace("  watermark: { key: watermark.key, gamma: 0.25, delta: 4 }\n", ""))
    done = g.command("check", "-c", bad, check=False)
    assert done.returncode == 1 and b"engine.watermark" in done.stdout + done.stderr
    assert b"policy.yaml:" in done.stdout + done.stderr
