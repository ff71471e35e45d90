"""Goal: nothing that may not leave arrives at a back end, whatever the data class, stream or tier; what may
leave is redacted there and restored here; each decision is on record.

Method: every class of data x stream or not x tier, with a canary in each text. Two recording stand-ins, one
in the EU, one in the US. The oracle is what the stand-ins wrote down, not what the gateway says.
"""
import json

import pytest

# (class, text, originals that must never be seen off premises, may leave to)
CASES = [
    ("none", "canary-n1: Compare the rise of two empires in three paragraphs.", [], {"eu", "us"}),
    ("none", "canary-n2: What is a monad?", [], {"eu", "us"}),
    ("personal", "canary-p1: write to anna.kowalska@example.eu about it", ["anna.kowalska@example.eu"], {"eu"}),
    ("personal", "canary-p2: pay to DE89 3704 0044 0532 0130 00 today", ["DE89 3704 0044 0532 0130 00",
                                                                      "DE89370400440532013000"], {"eu"}),
    ("personal", "canary-p3: card 4111 1111 1111 1111 was charged", ["4111 1111 1111 1111"], {"eu"}),
    ("personal", "canary-p4: call me at +49 30 901820 tomorrow", ["+49 30 901820"], {"eu"}),
    ("personal", "canary-p5: anna\u200b.kowalska\uff20example.eu is hidden", ["kowalska"], {"eu"}),
    ("secret", "canary-s1: why is AKIAIOSFODNN7EXAMPLQ refused by AWS, key id "
               "wJalrXUtnFEMIK7MDENGbPxRfiCYzzzzzzzzKEYx?", ["AKIAIOSFODNN7EXAMPLQ"], set()),
    ("secret", "canary-s2: -----BEGIN RSA PRIVATE KEY-----\nMIIEowIBAAKCAQEA7\n-----END RSA PRIVATE KEY-----",
     ["MIIEowIBAAKCAQEA7"], set()),
    ("special", "canary-x1: My colleague Jan was diagnosed with HIV last year, draft a letter.", ["HIV"], set()),
]


def seen(*standins):
    return {s.name: [json.dumps(r["body"], ensure_ascii=False) if not isinstance(r["body"], str) else r["body"]
                     for r in s.received()] for s in standins}


@pytest.mark.parametrize("tier", ["hard", "auto"])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("case", CASES, ids=[c[1].split(":")[0] for c in CASES])
def test_class_by_stream_by_tier(gateway, eu, us, case, stream, tier):
    kind, text, secrets, allowed = case
    before = {k: len(v) for k, v in seen(eu, us).items()}
    status, head, answer = gateway.chat(text, stream=stream, headers={"x-weir-tier": tier}, max_tokens=8)
    assert status == 200, answer
    arrived = {k: v[before[k]:] for k, v in seen(eu, us).items()}
    for name, bodies in arrived.items():
        for body in bodies:
            assert name in allowed, f"{kind} data reached {name}: {body[:200]}"
            for secret in secrets:
                assert secret not in body
            assert gateway.key not in body
    route = head["x-weir-route"].split("/")[0]
    assert route == "home" or route == "local" or arrived[route], "the route named is the route taken"
    decision = next(x["decision"] for x in gateway.leaves()
                    if x["req"] == head["x-request-id"] and x["ev"] == "req.intent")
    assert kind in decision["data"]
    if tier == "hard" and allowed:
        assert route in allowed
        if secrets:
            assert head["x-weir-redacted"]
    else:
        assert "x-weir-redacted" not in head or route != "local"


def test_redaction_is_restored_whatever_the_split(gateway, eu):
    text = "Repeat: anna.kowalska@example.eu and DE89 3704 0044 0532 0130 00 and anna.kowalska@example.eu"
    for stream in (False, True):
        status, head, answer = gateway.chat(text, model="eu/gpt-x", stream=stream)
        assert status == 200
        if stream:
            said = "".join(json.loads(d)["choices"][0]["delta"].get("content") or "" for d in answer[:-1]
                           if json.loads(d)["choices"])
            assert answer[-1] == "[DONE]"
        else:
            said = answer["choices"][0]["message"]["content"]
        assert said.count("anna.kowalska@example.eu") == 2, said
        assert "DE89 3704 0044 0532 0130 00" in said
        assert "[EMAIL" not in said
        assert head["x-weir-redacted"] in ("EMAIL=2,IBAN=1", "IBAN=1,EMAIL=2")


PLACES = [
    ("system", lambda s: {"messages": [{"role": "system", "content": s}, {"role": "user", "content": "hi"}]}),
    ("assistant", lambda s: {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": s},
                                          {"role": "user", "content": "hi"}]}),
    ("part", lambda s: {"messages": [{"role": "user", "content": [{"type": "text", "text": "hello"},
                                                                  {"type": "text", "text": s}]}]}),
    ("name", lambda s: {"messages": [{"role": "user", "content": "hi", "name": s}]}),
    ("tool result", lambda s: {"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c1", "content": s}]}),
    ("tool arguments", lambda s: {"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "content": None, "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "f", "arguments": json.dumps({"x": s})}}]},
        {"role": "tool", "tool_call_id": "c1", "content": "done"}]}),
    ("tool description", lambda s: {"messages": [{"role": "user", "content": "hi"}], "tools": [
        {"type": "function", "function": {"name": "f", "description": s, "parameters": {"type": "object"}}}]}),
    ("tool schema", lambda s: {"messages": [{"role": "user", "content": "hi"}], "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {
            "type": "object", "properties": {"a": {"type": "string", "description": s}}}}}]}),
    ("user", lambda s: {"messages": [{"role": "user", "content": "hi"}], "user": s}),
    ("metadata", lambda s: {"messages": [{"role": "user", "content": "hi"}], "metadata": {"who": s}}),
    ("unknown member", lambda s: {"messages": [{"role": "user", "content": "hi"}], "x_new": {"deep": [1, {"k": s}]}}),
    ("unknown key", lambda s: {"messages": [{"role": "user", "content": "hi"}], "x_new": {s: 1}}),
    ("stop", lambda s: {"messages": [{"role": "user", "content": "hi"}], "stop": [s]}),
]


@pytest.mark.parametrize("where,body", PLACES, ids=[p[0] for p in PLACES])
def test_every_place_in_a_request_is_scanned(gateway, eu, us, where, body):
    """A secret anywhere keeps the request home; an e-mail anywhere does not reach the EU in clear."""
    before = (len(eu.received()), len(us.received()))
    secret = "AKIAIOSFODNN7EXAMPLQ"
    status, head, raw = gateway.request("POST", "/v1/chat/completions",
                                        {"model": "eu/gpt-x", **body(secret)})
    assert status == 403, (where, raw[:300])
    assert (len(eu.received()), len(us.received())) == before
    mail = "anna.kowalska@example.eu"
    status, head, raw = gateway.request("POST", "/v1/chat/completions", {"model": "eu/gpt-x", **body(mail)})
    assert status in (200, 400, 403), raw[:300]
    for r in eu.received()[before[0]:]:
        assert mail not in json.dumps(r["body"], ensure_ascii=False)


def test_images_stay_home(gateway, eu, us):
    before = (len(eu.received()), len(us.received()))
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    body = {"model": "eu/gpt-x", "messages": [{"role": "user", "content": [{"type": "text", "text": "what is it"},
                                                                          image]}]}
    status, _, raw = gateway.request("POST", "/v1/chat/completions", body)
    assert status == 403, raw
    assert (len(eu.received()), len(us.received())) == before


def test_pinning_what_is_not_allowed_is_a_403_with_the_rule(gateway, us):
    before = len(us.received())
    status, head, answer = gateway.chat("Mail anna@example.eu", model="us/claude-x")
    assert status == 403
    assert answer["error"]["type"] == "policy_denied" and answer["error"]["code"] == "personal-eu-only"
    assert answer["error"]["param"] is None and "personal-eu-only" in answer["error"]["message"]
    assert head["x-weir-route"] == "none" and head["x-weir-log-index"].isdigit()
    assert len(us.received()) == before


def test_a_denied_use_case_and_an_unknown_one(gateway):
    status, _, answer = gateway.chat("hello", headers={"x-weir-use-case": "social-scoring"})
    assert status == 403 and answer["error"]["code"] == "prohibited"
    status, _, answer = gateway.chat("hello", headers={"x-weir-use-case": "nobody-wrote-this"})
    assert status == 400 and answer["error"]["code"] == "unknown_use_case"


def test_a_declaration_only_adds(gateway, eu, us):
    before = (len(eu.received()), len(us.received()))
    status, head, _ = gateway.chat("Write a long poem", headers={"x-weir-use-case": "health", "x-weir-tier": "hard"},
                                   max_tokens=4)
    assert status == 200 and head["x-weir-route"] == "local/home"
    assert (len(eu.received()), len(us.received())) == before


def test_a_region_narrows(gateway, us):
    before = len(us.received())
    status, head, _ = gateway.chat("Write a poem", headers={"x-weir-region": "EU", "x-weir-tier": "hard"})
    assert status == 200 and head["x-weir-route"] == "eu/gpt-x"
    status, _, answer = gateway.chat("Write a poem", model="us/claude-x", headers={"x-weir-region": "EU"})
    assert status == 403
    assert len(us.received()) == before


def test_every_body_that_arrived_has_an_intent_before_it(gateway, eu, us):
    intents = {x["req"]: x for x in gateway.leaves() if x["ev"] == "req.intent"}
    outcomes = {x["req"] for x in gateway.leaves() if x["ev"] == "req.outcome"}
    assert intents.keys() == outcomes
    arrived = len(eu.received()) + len(us.received())
    sent = [x for x in gateway.leaves() if x["ev"] in ("req.intent", "req.fallback")
            and x["decision"]["outcome"] == "route" and not x["decision"]["route"].startswith("local/")]
    assert arrived == len(sent)
    code, text = gateway.verify()
    assert code == 0, text
