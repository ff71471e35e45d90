"""Goal: nothing that the policy keeps out of answers reaches a client by a side door: no split, no
invisible padding, no channel beside the text, no error text, header, id or finish reason; and no tool
is offered to a model under another member's name.

Method: an upstream of ours that says whatever the test wants, byte for byte, behind a use case that
redacts answers, one that withholds them and one that limits tools; the whole of what the client got is
searched, headers too.
"""
import json
import os
import socketserver
import ssl
import sys
import threading

import pytest

import harness

sys.path.insert(0, os.path.dirname(harness.STANDIN))
import standin  # noqa: E402

POLICY = """\
version: 1
default: { location: [on_premises] }
use_cases:
  - { id: redact, purpose: r, answers: { action: redact, data: [IBAN, EMAIL, secret] } }
  - { id: withhold, purpose: w, answers: withhold }
  - { id: tools, purpose: t, tools: { deny: [rm_*, web_search] } }
  - { id: hiring, purpose: h, ai_act: annex3.4, human_review: hold }
rules:
  - { id: eu, when: { data: [none, personal] }, location: [on_premises, EU], basis: [dpa] }
"""
IBAN = "DE89370400440532013000"
MAIL = "mara.leak@firma-beispiel.de"
SECRET = "AKIAIOSFODNN7EXAMPLQ"
SSE = {"content-type": "text/event-stream"}


class Hostile:
    """Answers every request over TLS with what `say` holds: (status, headers, body)."""

    def __init__(self, folder):
        standin.make_certificates(folder)
        self.ca, self.say, self.got = os.path.join(folder, "ca.pem"), (500, {}, b""), []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(os.path.join(folder, "server.pem"), os.path.join(folder, "server.key"))
        outer = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                n, line = 0, self.rfile.readline()
                while line.strip():
                    if line.lower().startswith(b"content-length:"):
                        n = int(line.split(b":")[1])
                    line = self.rfile.readline()
                outer.got.append(json.loads(self.rfile.read(n) or b"{}"))
                status, headers, body = outer.say
                head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
                self.wfile.write(f"HTTP/1.1 {status} X\r\n{head}content-length: {len(body)}\r\n"
                                 "connection: close\r\n\r\n".encode() + body)

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = allow_reuse_address = True

            def get_request(self):
                sock, at = self.socket.accept()
                return context.wrap_socket(sock, server_side=True), at

            def handle_error(self, *_):
                pass
        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"https://127.0.0.1:{self.server.server_address[1]}/v1"
        self.dialect = "openai"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def stream(self, *deltas, finish="stop", headers=None, done=True):
        events = [{"choices": [{"index": 0, "delta": d}]} for d in deltas]
        if finish:
            events.append({"choices": [{"index": 0, "delta": {}, "finish_reason": finish}]})
        body = "".join(f"data: {json.dumps(e, ensure_ascii=False)}\n\n" for e in events)
        self.say = 200, {**SSE, **(headers or {})}, (body + ("data: [DONE]\n\n" if done else "")).encode()

    def whole(self, message, finish="stop", headers=None):
        body = {"choices": [{"index": 0, "message": message, "finish_reason": finish}]}
        self.say = 200, {"content-type": "application/json", **(headers or {})}, json.dumps(body).encode()


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir):
    tmp = tmp_path_factory.mktemp("redanswers")
    up = Hostile(str(tmp / "certs"))
    g = harness.Gateway(str(tmp / "gw"), weir, backends=[harness.backend("eu", up, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]", policy=POLICY)
    yield g, up
    g.kill()
    up.server.shutdown()


def ask(g, use_case="redact", stream=True, **more):
    """(status, headers, raw bytes, text of `content`, all that a client could read)"""
    body = {"model": "auto", "stream": stream, "messages": [{"role": "user", "content": "hi"}], **more}
    status, head, raw = g.request("POST", "/v1/chat/completions", body, {"x-weir-use-case": use_case})
    text = {}
    for line in raw.decode().split("\n"):
        if line.startswith("data: {"):
            for choice in json.loads(line[6:]).get("choices", []):
                for k, v in choice["delta"].items():
                    if isinstance(v, str):
                        text[k] = text.get(k, "") + v
    everything = json.dumps([head, raw.decode()])
    return status, head, raw, text, everything


def leaked(value, seen):
    """value, or all but its last few characters, stands there, whatever stands between."""
    plain = "".join(c for c in seen if c.isalnum() or c in "@.")
    return value[:max(len(value) - 6, 12)] in plain


# ---- texts ----

def test_a_finding_in_pieces_between_other_channels(world):
    g, up = world
    for first, second in (("content", "reasoning_content"), ("reasoning_content", "content"),
                          ("content", "refusal")):
        deltas = [{first: "Take "}]
        for c in IBAN:
            deltas += [{first: c}, {second: "."}]
        up.stream(*deltas, {first: " now."})
        for use_case in ("redact", "withhold"):
            *_, text, _ = ask(g, use_case)
            assert not leaked(IBAN, text.get(first, "")), (first, second, use_case, text)
        up.stream(*[d for d in deltas])
        *_, text, _ = ask(g, "redact")
        assert text[first].startswith("Take [IBAN withheld]"), text


def test_a_finding_in_pieces_between_tool_calls(world):
    g, up = world
    call = lambda i: {"tool_calls": [{"index": i, "id": f"c{i}", "function": {"name": "get", "arguments": "{}"}}]}
    up.stream(*[d for i, c in enumerate(IBAN) for d in ({"content": c}, call(i))], finish="tool_calls")
    *_, text, _ = ask(g)
    assert not leaked(IBAN, text.get("content", "")), text


@pytest.mark.parametrize("pad", ["\u200b", "\u2060\u200d", "\u00ad", "\u0301"])
@pytest.mark.parametrize("value", [IBAN, MAIL, SECRET])
def test_a_finding_stretched_by_what_nobody_sees(world, pad, value):
    g, up = world
    up.stream(*[{"content": c + pad * 40} for c in "Take " + value + " now. " + "Bye. " * 50])
    *_, text, _ = ask(g)
    assert not leaked(value, text["content"])
    assert "withheld]" in text["content"]


def test_a_finding_stretched_by_escapes(world):
    g, up = world
    for form in (lambda c: f"\\\\\\\\\\\\u{ord(c):04x}", lambda c: f"&#{ord(c):06};", lambda c: f"%252525252525{ord(c):02x}"):
        hidden = "".join(map(form, MAIL))
        up.stream(*[{"content": c} for c in "Take " + hidden + " now. " + "Bye. " * 100])
        *_, text, _ = ask(g)
        assert "withheld]" in text["content"] and hidden[:200] not in text["content"], (form("a"), text)


def test_endless_invisible_text_neither_hangs_nor_passes(world):
    g, up = world
    up.stream({"content": "DE89" + "\u200b" * 200000 + "370400440532013000"})
    _, _, _, text, _ = ask(g)
    assert not leaked(IBAN, text.get("content", ""))


@pytest.mark.parametrize("finish", [None, "stop"])
def test_what_stands_behind_the_finish_is_neither_lost_nor_unseen(world, finish):
    g, up = world
    up.stream({"content": "All of it."}, finish=finish)
    if finish:
        body = up.say[2].replace(b"data: [DONE]", b'data: {"choices":[{"index":0,"delta":{"content":" And %s"}}]}\n\n'
                                 b"data: [DONE]" % IBAN.encode())
        up.say = *up.say[:2], body
    status, _, _, text, _ = ask(g)
    assert status == 200
    assert text["content"] == "All of it." + (" And [IBAN withheld]" if finish else "")


# ---- beside the text ----

@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("use_case", ["redact", "withhold"])
@pytest.mark.parametrize("value", [IBAN, SECRET])
def test_names_ids_finish_reasons_and_headers(world, stream, use_case, value):
    g, up = world
    headers = {"x-ratelimit-remaining-tokens": value, "retry-after": value, "x-should-retry": value,
               "x-ratelimit-" + value.lower(): "1"}
    for where in ("id", "name", "finish", "header"):
        function = {"name": value if where == "name" else "get_x", "arguments": "{}"}
        calls = {"tool_calls": [{"index": 0, "id": value if where == "id" else "c", "type": "function",
                                 "function": function}]}
        finish = value if where == "finish" else "tool_calls"
        if stream:
            up.stream(calls, finish=finish, headers=headers if where == "header" else None)
        else:
            up.whole(dict(calls, role="assistant"), finish, headers if where == "header" else None)
        *_, seen = ask(g, use_case, stream)
        assert value.lower() not in seen.lower(), where


def test_tool_arguments_with_escapes(world):
    g, up = world
    for value in (IBAN, MAIL):
        hidden = "".join(f"\\u{ord(c):04x}" for c in value)
        for args in ('{"to":"%s"}' % hidden, '{"%s":1}' % hidden, '"%s"' % hidden, hidden, "[[[%s" % value):
            up.stream({"tool_calls": [{"index": 0, "id": "c", "function": {"name": "get", "arguments": args}}]})
            *_, seen = ask(g)
            assert value not in seen and hidden not in json.loads(f'"{hidden}"') + seen.replace("\\\\", "\\"), args


@pytest.mark.parametrize("use_case", ["redact", "withhold", "hiring"])
@pytest.mark.parametrize("value", [IBAN, SECRET])
def test_errors_of_the_upstream(world, use_case, value):
    g, up = world
    error = {"error": {"message": f"cannot pay to {value} today", "type": value, "code": value, "param": value}}
    for status in (400, 404, 422, 500):
        up.say = status, {"content-type": "application/json"}, json.dumps(error).encode()
        got, *_, seen = ask(g, use_case, model="eu/gpt-x")
        assert got >= 400 and value not in seen, status
    up.stream({"content": "Well. " * 200}, finish=None, done=False)
    up.say = *up.say[:2], up.say[2] + b"data: " + json.dumps(error).encode() + b"\n\n"
    *_, seen = ask(g, use_case, model="eu/gpt-x")
    assert value not in seen and ("error" in seen)


@pytest.mark.parametrize("value", [IBAN, SECRET])
def test_what_is_no_json_is_not_quoted(world, value):
    g, up = world
    bad = [b'{"choices": %s}' % value.encode(), b'{"a" "%s"}' % value.encode(), b'{"choices":"%s"}' % value.encode(),
           b'{"%s":1,"%s":2}' % (value.encode(), value.encode()), value.encode()]
    for text in bad:
        for stream in (False, True):
            up.say = (200, SSE if stream else {"content-type": "application/json"},
                      b"data: " + text + b"\n\n" if stream else text)
            *_, seen = ask(g, "redact", stream, model="eu/gpt-x")
            assert value not in seen, text
    with open(g.log_path, encoding="utf-8") as f:
        assert value not in f.read()


def test_members_that_nobody_asked_for_stay_behind(world):
    g, up = world
    message = {"role": "assistant", "content": "ok", "annotations": [{"x": IBAN}], "audio": {"data": IBAN},
               "function_call": {"name": IBAN, "arguments": IBAN}, IBAN: 1}
    body = {"choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": {"content": [{"token": IBAN}]}},
                        {"index": 1, "message": {"content": IBAN}}],
            "id": IBAN, "model": IBAN, "system_fingerprint": IBAN, "service_tier": IBAN}
    up.say = 200, {"content-type": "application/json"}, json.dumps(body).encode()
    status, *_, seen = ask(g, "redact", False)
    assert status == 200 and IBAN not in seen


# ---- tools ----

@pytest.mark.parametrize("more", [
    {"functions": [{"name": "rm_rf"}]}, {"functions": [{"name": "rm_rf"}], "function_call": {"name": "rm_rf"}},
    {"web_search_options": {}}, {"tools": [{"type": "custom", "custom": {"name": "rm_rf"}}]},
    {"tools": [{"type": "function", "function": {"name": "ok"}}],
     "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
         {"type": "function", "function": {"name": "rm_rf"}}]}}},
    {"tools": [{"type": "custom", "custom": {"name": "rm_rf"}}], "tool_choice": {"type": "custom", "custom": {"name": "rm_rf"}}},
    {"plugins": [{"id": "web_search"}]}])
def test_a_forbidden_tool_is_not_offered_by_another_name(world, more):
    g, up = world
    before = len(up.got)
    up.whole({"role": "assistant", "content": "ok"})
    ask(g, "tools", False, **more)
    sent = json.dumps(up.got[before:])
    assert "rm_rf" not in sent and "web_search" not in sent, sent


# ---- long findings, large answers ----

def test_a_long_token_is_held_whole(world):
    import base64
    g, up = world
    b64 = lambda x: base64.urlsafe_b64encode(x).decode().rstrip("=")
    for n in (300, 1500, 4000):
        body = b64(json.dumps({"sub": "1", "pad": "".join(chr(97 + i * 7 % 26) for i in range(n))}).encode())
        token = b64(b'{"alg":"HS256","typ":"JWT"}') + "." + body + "." + b64(bytes(range(32)))
        up.stream(*[{"content": ("Use " + token + " today. " + "Bye. " * 60)[i:i + 9]} for i in range(0, len(token) + 320, 9)])
        *_, text, _ = ask(g)
        assert token[:60] not in text["content"] and "[SECRET withheld]" in text["content"], n
    up.stream({"content": "A" * 50000 + " end."})
    *_, text, _ = ask(g)
    assert text["content"] == "A" * 50000 + " end.", "what is long and no finding passes"


@pytest.mark.parametrize("unit", ["rue-", "strasse5", "Hauptstrasse 5, 10115 Berlin\n", "Mr. Diagnose: Frau "])
def test_a_hostile_text_does_not_hold_the_gateway(world, unit):
    """Each took from half a minute to an hour when its cues were walked one for each other; then
    the intent's record is late and the answer a 503."""
    g, up = world
    up.whole({"role": "assistant", "content": "ok"})
    status, *_ = ask(g, "redact", False, messages=[{"role": "user", "content": unit * ((4 << 20) // len(unit))}])
    assert status in (200, 403)
