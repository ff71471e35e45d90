"""Goal: restoring gives the caller his own words and nothing else: a placeholder that he wrote himself stays as it is,
one that nobody gave out is left alone, half a one at the end is passed on, and in tool arguments the result is JSON.

Method: a stand-in that repeats what it gets, in pieces of seven characters, as text or as a tool's arguments.
"""
import json

import pytest

import harness

MAIL, OTHER = "anna.kowalska@example.eu", "jan.nowak@example.eu"


@pytest.fixture(scope="module")
def echo(tmp_path_factory, weir):
    top = tmp_path_factory.mktemp("echo")
    eu = harness.StandIn(str(top / "eu"), "eu")
    g = harness.Gateway(str(top / "gw"), weir, backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [eu/gpt-x]")
    yield g, eu
    g.kill()
    eu.kill()


def said(answer):
    if isinstance(answer, dict):
        return answer["choices"][0]["message"]["content"]
    rows = [json.loads(d) for d in answer if d != "[DONE]"]
    return "".join(r["choices"][0]["delta"].get("content") or "" for r in rows if r.get("choices"))


TEXTS = [
    f"[EMAIL_1] is mine, {MAIL} is hers",
    f"{MAIL} then [EMAIL_1] then [EMAIL_2] and \\[EMAIL_3\\]",
    f"{MAIL} [PHONE_1] [EMAIL_99] [SECRET_1] [email_1] [EMAIL_1",
    f"{MAIL} and {OTHER} and {MAIL.upper()} [",
    f"{MAIL} ends in [EMAIL",
    f"{MAIL} ends in \\",
    f"{MAIL} [[EMAIL_1]] [EMAIL_01] [EMAIL_1000000] [EMAIL_]",
    f"[EMAIL_999998] {MAIL}",
    f"[EMAIL_1]{MAIL}[EMAIL_1]",
    f"{MAIL} \U0001f600 \u05d0 [EMAIL_\u0661]",
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", TEXTS)
def test_what_comes_back_is_what_was_said(echo, text, stream):
    g, eu = echo
    before = len(eu.received())
    status, _, answer = g.chat(text, model="eu/gpt-x", stream=stream)
    assert status == 200, answer
    assert MAIL not in eu.received()[before]["body_text"]
    assert said(answer) == "STAND-IN ANSWER: " + text


def test_the_last_number_is_taken(echo):
    """No free placeholder is left: the request stays here rather than two things sharing a name."""
    g, eu = echo
    before = len(eu.received())
    status, _, answer = g.chat(f"[EMAIL_999999] {MAIL}", model="eu/gpt-x")
    assert status in (200, 403)
    assert all(MAIL not in r["body_text"] for r in eu.received()[before:])
    if status == 200:
        assert said(answer) == f"STAND-IN ANSWER: [EMAIL_999999] {MAIL}"


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("text", [f"{MAIL} \"quoted\" \\ [EMAIL_1] \n end", f"<{MAIL}>\t[EMAIL_7]",
                                  "card 4111 1111 1111 1111, pay", f"{MAIL}\\[EMAIL_2\\]"])
def test_tool_arguments_stay_json(echo, text, stream):
    g, _ = echo
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    status, _, answer = g.chat(text, model="eu/gpt-x", stream=stream, tools=tools, tool_choice="required")
    assert status == 200, answer
    if stream:
        rows = [json.loads(d) for d in answer if d != "[DONE]"]
        args = "".join(c["function"].get("arguments") or "" for r in rows if r.get("choices")
                       for c in r["choices"][0]["delta"].get("tool_calls") or [])
    else:
        args = answer["choices"][0]["message"]["tool_calls"][0]["function"]["arguments"]
    assert json.loads(args) == {"text": text}
