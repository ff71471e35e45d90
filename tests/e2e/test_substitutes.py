"""Goal: with `redact_style: substitute` a back end gets valid-looking values that are nobody's, the same in every
turn, and the caller gets his own back: stream and not, in tool arguments, after a fallback. A rule that redacts
without saying so, or that asks for placeholders, wins.

Method: stand-ins that repeat what they get, in pieces of seven characters. Oracles: what they received; that what
comes back is what was said; the log's decision.
"""
import json
import re

import harness
import pytest

MAIL, PHONE, IBAN = "anna.kowalska@firma.eu", "+49 170 1234567", "DE89 3704 0044 0532 0130 00"
TEXT = f"Write to {MAIL}, call {PHONE}, pay into {IBAN}; once more {MAIL}."
SUBSTITUTE = harness.POLICY.replace("redact: [EMAIL,", "redact_style: substitute, redact: [EMAIL,")
STRICT = SUBSTITUTE + ("  - { id: old-style, when: { use_case: [support] }, redact: [EMAIL] }\n"
                       "  - { id: said, when: { use_case: [letters] }, redact: [EMAIL], redact_style: placeholder }\n")


@pytest.fixture(scope="module")
def echo(tmp_path_factory, weir):
    top = tmp_path_factory.mktemp("subst")
    eu, two = harness.StandIn(str(top / "eu"), "eu"), harness.StandIn(str(top / "two"), "two")
    g = harness.Gateway(str(top / "gw"), weir, policy=STRICT, backends=[
        harness.backend("eu", eu, "EU"), harness.backend("two", two, "EU")], routing="  commodity: [eu/gpt-x, two/gpt-x]")
    yield g, eu, two
    g.kill()
    eu.kill()
    two.kill()


def said(answer):
    if isinstance(answer, dict):
        return answer["choices"][0]["message"]["content"]
    rows = [json.loads(d) for d in answer if d != "[DONE]"]
    return "".join(r["choices"][0]["delta"].get("content") or "" for r in rows if r.get("choices"))


def sent(standin, n=-1):
    body = standin.received()[n]["body_text"]
    assert MAIL not in body and "1234567" not in body and "0532" not in body
    return body


@pytest.mark.parametrize("stream", [False, True])
def test_originals_never_arrive_and_come_back(echo, stream):
    g, eu, _ = echo
    status, head, answer = g.chat(TEXT, model="eu/gpt-x", stream=stream)
    assert status == 200, answer
    body = sent(eu)
    assert len(set(re.findall(r"[a-z]+\.[a-z]+@example\.\w+", body))) == 1 and "[EMAIL" not in body
    iban = re.search(r"DE\d\d 0000 0000 [\d ]{12}", body).group().strip().replace(" ", "")
    assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
    assert "+49 " in body
    assert said(answer) == "STAND-IN ANSWER: " + TEXT
    assert head["x-weir-redacted"].replace(" ", "") == "PHONE=1,EMAIL=2,IBAN=1"
    leaf = next(x for x in g.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])
    assert leaf["decision"]["redact_style"] == "substitute"


def test_two_turns_say_the_same(echo):
    g, eu, _ = echo
    _, _, first = g.chat(TEXT, model="eu/gpt-x")
    one = set(re.findall(r"[a-z.]+@example\.\w+", sent(eu)))
    status, _, answer = g.chat("", model="eu/gpt-x", messages=[
        {"role": "user", "content": TEXT}, {"role": "assistant", "content": said(first)},
        {"role": "user", "content": f"and {MAIL}?"}])
    assert status == 200 and said(answer) == f"STAND-IN ANSWER: and {MAIL}?"
    assert set(re.findall(r"[a-z.]+@example\.\w+", sent(eu))) == one and len(one) == 1


@pytest.mark.parametrize("stream", [False, True])
def test_tool_arguments_come_back_as_json(echo, stream):
    g, eu, _ = echo
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    text = f"\n{MAIL}\t\"{PHONE}\""
    status, _, answer = g.chat(text, model="eu/gpt-x", stream=stream, tools=tools, tool_choice="required")
    assert status == 200, answer
    assert "@example." in sent(eu)
    if stream:
        rows = [json.loads(d) for d in answer if d != "[DONE]"]
        args = "".join(c["function"].get("arguments") or "" for r in rows if r.get("choices")
                       for c in r["choices"][0]["delta"].get("tool_calls") or [])
    else:
        args = answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(args) == {"text": text}


def test_a_fallback_gets_the_same(echo):
    g, eu, two = echo
    eu.kill()
    try:
        status, head, answer = g.chat(TEXT, model="auto")
        assert status == 200 and head["x-weir-route"] == "two/gpt-x", answer
        assert "@example." in sent(two) and said(answer) == "STAND-IN ANSWER: " + TEXT
    finally:
        eu.start()


@pytest.mark.parametrize("use_case", ["support", "letters"])
def test_placeholders_win(echo, use_case):
    g, _, two = echo
    status, _, answer = g.chat(TEXT, model="two/gpt-x", headers={"x-weir-use-case": use_case})
    assert status == 200, answer
    assert "[EMAIL_1]" in sent(two) and "@example." not in sent(two)
    assert said(answer) == "STAND-IN ANSWER: " + TEXT


def test_what_is_wrong_is_told_with_its_place(echo):
    g, _, _ = echo
    for bad, what in ((SUBSTITUTE.replace("redact_style: substitute", "redact_style: fake"), "placeholder or substitute"),
                      (harness.POLICY + "  - { id: x, location: [EU], redact_style: substitute }\n", "nothing to redact")):
        path = f"{g.folder}/bad.yaml"
        with open(path, "w", encoding="utf-8") as f:
            f.write(bad)
        done = g.command("check", "--policy", path, check=False)
        said_ = done.stdout + done.stderr
        said_ = said_.decode() if isinstance(said_, bytes) else said_
        assert done.returncode != 0 and what in said_ and re.search(r"bad\.yaml:\d+:\d+", said_), said_
