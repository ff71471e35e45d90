"""Goal: bad input gets a clear error, loses nothing and leaves the gateway standing.

Method: raw bytes over TLS for HTTP (ambiguous framing must be a 400 and the end of the connection), JSON bodies
for the dialect, hostile credentials for the door. After each one the gateway must still answer.
"""
import json
import re
import socket
import ssl
import time

import pytest

CHAT = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n"


def raw(gateway, data, timeout_s=8.0, shutdown=False):
    """Sends bytes, returns all that comes until the peer closes or the time is over."""
    ctx = gateway.context()
    ctx.check_hostname = False
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=timeout_s) as s:
        with ctx.wrap_socket(s, server_hostname="localhost") as t:
            t.settimeout(timeout_s)
            t.sendall(data)
            got = b""
            try:
                while True:
                    more = t.recv(65536)
                    if not more:
                        break
                    got += more
            except (socket.timeout, ssl.SSLError, ConnectionError):
                return got, False
            return got, True


HTTP = {
    "conflicting lengths": CHAT + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "repeated length": CHAT + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
    "length list": CHAT + "Content-Length: 2, 2\r\n\r\n{}",
    "length and chunked": CHAT + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "negative length": CHAT + "Content-Length: -1\r\n\r\n",
    "hex length": CHAT + "Content-Length: 0x2\r\n\r\n{}",
    "plus length": CHAT + "Content-Length: +2\r\n\r\n{}",
    "huge length": CHAT + "Content-Length: 99999999999999999999\r\n\r\n",
    "unknown coding": CHAT + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "coding twice": CHAT + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "bad chunk size": CHAT + "Transfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "chunk size overflow": CHAT + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
    "chunk without end": CHAT + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}XX0\r\n\r\n",
    "bare LF": "POST /v1/chat/completions HTTP/1.1\nHost: x\n\n",
    "folded header": CHAT + "X-A: 1\r\n  2\r\n\r\n",
    "space before colon": CHAT + "X-A : 1\r\n\r\n",
    "NUL in header": CHAT + "X-A: 1\x002\r\n\r\n",
    "no colon": CHAT + "nonsense\r\n\r\n",
    "no host": "GET /healthz HTTP/1.1\r\n\r\n",
    "two hosts": "GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "host with path": "GET /healthz HTTP/1.1\r\nHost: h/?\r\n\r\n",
    "host with fragment": "GET /healthz HTTP/1.1\r\nHost: h/#\r\n\r\n",
    "host with userinfo": "GET /healthz HTTP/1.1\r\nHost: a@b\r\n\r\n",
    "control in target": "GET /heal\x01thz HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in target": "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no version": "GET /healthz\r\nHost: x\r\n\r\n",
    "lower-case version": "GET /healthz http/1.1\r\nHost: x\r\n\r\n",
    "version 3": "GET /healthz HTTP/3.0\r\nHost: x\r\n\r\n",
    "HTTP/2 preface": "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "not HTTP": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello\r\n\r\n",
    "method with comma": "GE,T /healthz HTTP/1.1\r\nHost: x\r\n\r\n",
    "huge header": "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + "a" * 70000 + "\r\n\r\n",
    "many headers": "GET /healthz HTTP/1.1\r\nHost: x\r\n" + "A: b\r\n" * 500 + "\r\n",
}


@pytest.mark.parametrize("name", list(HTTP))
def test_ambiguous_framing_is_refused_and_the_connection_closed(gateway, name):
    got, closed = raw(gateway, HTTP[name].encode("latin-1"))
    first = got.split(b"\r\n")[0].decode("latin-1")
    assert first.startswith("HTTP/1.1 4") or first.startswith("HTTP/1.1 50"), (name, got[:200])
    assert closed, f"{name}: the connection stayed open"
    assert len(re.findall(rb"HTTP/1\.1 \d\d\d ", got)) == 1, "what follows a malformed request is not answered"
    assert gateway.get("/healthz")[0] == 200


def bodies():
    ok = {"role": "user", "content": "x"}
    yield "not JSON", b"{"
    yield "empty", b""
    yield "an array", b"[]"
    yield "a number", b"7"
    yield "duplicate key", b'{"model":"auto","model":"eu/gpt-x","messages":[{"role":"user","content":"x"}]}'
    yield "duplicate key deep", b'{"model":"auto","messages":[{"role":"user","role":"user","content":"x"}]}'
    yield "invalid UTF-8", b'{"model":"auto","messages":[{"role":"user","content":"\xff"}]}'
    yield "lone surrogate", b'{"model":"auto","messages":[{"role":"user","content":"\\ud800"}]}'
    yield "trailing bytes", b'{"model":"auto","messages":[{"role":"user","content":"x"}]} x'
    yield "deep nesting", b'{"model":"auto","messages":' + b"[" * 5000 + b"]" * 5000 + b"}"
    for name, body in {
        "no messages": {"model": "auto"},
        "empty messages": {"model": "auto", "messages": []},
        "messages an object": {"model": "auto", "messages": {}},
        "message a string": {"model": "auto", "messages": ["x"]},
        "no role": {"model": "auto", "messages": [{"content": "x"}]},
        "unknown role": {"model": "auto", "messages": [{"role": "wizard", "content": "x"}]},
        "content a number": {"model": "auto", "messages": [{"role": "user", "content": 7}]},
        "part a string": {"model": "auto", "messages": [{"role": "user", "content": ["x"]}]},
        "text part without text": {"model": "auto", "messages": [{"role": "user", "content": [{"type": "text"}]}]},
        "no model": {"messages": [ok]},
        "model a number": {"model": 7, "messages": [ok]},
        "stream a string": {"model": "auto", "messages": [ok], "stream": "yes"},
        "temperature a string": {"model": "auto", "messages": [ok], "temperature": "hot"},
        "max_tokens negative": {"model": "auto", "messages": [ok], "max_tokens": -1},
        "n two": {"model": "auto", "messages": [ok], "n": 2},
        "stop an object": {"model": "auto", "messages": [ok], "stop": {}},
        "tools an object": {"model": "auto", "messages": [ok], "tools": {}},
        "tool without function": {"model": "auto", "messages": [ok], "tools": [{"type": "function"}]},
        "tool result without id": {"model": "auto", "messages": [ok, {"role": "tool", "content": "x"}]},
    }.items():
        yield name, json.dumps(body).encode()


@pytest.mark.parametrize("name,body", list(bodies()), ids=[n for n, _ in bodies()])
def test_bad_bodies_are_400_in_the_dialect(gateway, name, body):
    status, head, raw_body = gateway.request("POST", "/v1/chat/completions", body)
    assert status == 400, (name, status, raw_body[:300])
    error = json.loads(raw_body)["error"]
    assert set(error) == {"message", "type", "param", "code"} and error["type"] == "invalid_request_error"
    assert error["message"] and head["x-request-id"] and head["x-weir-log-index"].isdigit()


def message_bodies():
    """Of Anthropic's dialect; each with the place that the error must name."""
    ok = {"role": "user", "content": "x"}
    yield "not JSON", b"{", ""
    yield "duplicate key", b'{"model":"auto","max_tokens":1,"max_tokens":2,"messages":[{"role":"user","content":"x"}]}', ""
    yield "deep", b'{"model":"auto","max_tokens":1,"messages":' + b"[" * 5000 + b"]" * 5000 + b"}", ""

    def one(content, role="user", **more):
        return {"model": "auto", "max_tokens": 1, "messages": [{"role": role, "content": content}], **more}
    for name, body, where in (
            ("no model", {"max_tokens": 1, "messages": [ok]}, "model"),
            ("no max_tokens", {"model": "auto", "messages": [ok]}, "max_tokens"),
            ("max_tokens zero", one("x", max_tokens=0), "max_tokens"), ("max_tokens real", one("x", max_tokens=1.5), "max_tokens"),
            ("no messages", {"model": "auto", "max_tokens": 1}, "messages"),
            ("empty messages", {"model": "auto", "max_tokens": 1, "messages": []}, "messages"),
            ("message a string", {"model": "auto", "max_tokens": 1, "messages": ["x"]}, "messages[0]"),
            ("a system role", one("x", "system"), "messages[0].role"), ("no role", one("x", None), "messages[0].role"),
            ("content a number", one(7), "messages[0].content"), ("content empty", one(""), "messages[0].content"),
            ("content no blocks", one([]), "messages[0].content"), ("block a string", one(["x"]), "messages[0].content[0]"),
            ("block without type", one([{"text": "x"}]), "messages[0].content[0].type"),
            ("text without text", one([{"type": "text"}]), "messages[0].content[0].text"),
            ("a call of the user's", one([{"type": "tool_use", "id": "a", "name": "b", "input": {}}]), "messages[0].content[0].type"),
            ("a thought of the user's", one([{"type": "thinking", "thinking": "x", "signature": "y"}]), "messages[0].content[0].type"),
            ("a thought unsigned", one([{"type": "thinking", "thinking": "x"}], "assistant"), "messages[0].content[0].signature"),
            ("a result of the assistant's", one([{"type": "tool_result", "tool_use_id": "a"}], "assistant"), "messages[0].content[0].type"),
            ("a result of nothing", one([{"type": "tool_result", "content": "x"}]), "messages[0].content[0].tool_use_id"),
            ("a result that holds a number", one([{"type": "tool_result", "tool_use_id": "a", "content": 7}]), "messages[0].content[0].content"),
            ("a result's text a number", one([{"type": "tool_result", "tool_use_id": "a", "content": [{"type": "text", "text": 7}]}]),
             "messages[0].content[0].content[0].text"),
            ("input a string", one([{"type": "tool_use", "id": "a", "name": "b", "input": "{}"}], "assistant"), "messages[0].content[0].input"),
            ("system a number", one("x", system=7), "system"), ("system an image", one("x", system=[{"type": "image"}]), "system[0].type"),
            ("tool without schema", one("x", tools=[{"name": "a"}]), "tools[0].input_schema"),
            ("tool without name", one("x", tools=[{"input_schema": {}}]), "tools[0].name"), ("tools an object", one("x", tools={}), "tools"),
            ("tool_choice a string", one("x", tool_choice="auto"), "tool_choice"),
            ("tool_choice unknown", one("x", tool_choice={"type": "some"}), "tool_choice.type"),
            ("tool_choice of nothing", one("x", tool_choice={"type": "tool"}), "tool_choice.name"),
            ("stream a string", one("x", stream="yes"), "stream"), ("temperature two", one("x", temperature=2), "temperature"),
            ("stop a string", one("x", stop_sequences="a"), "stop_sequences"), ("stop empty", one("x", stop_sequences=[""]), "stop_sequences"),
            ("too many stops", one("x", stop_sequences=["a"] * 17), "stop_sequences"),
            ("metadata a string", one("x", metadata="u"), "metadata"), ("user a number", one("x", metadata={"user_id": 7}), "metadata.user_id")):
        yield name, json.dumps(body).encode(), where


@pytest.mark.parametrize("name,body,where", list(message_bodies()), ids=[n for n, _, _ in message_bodies()])
def test_bad_messages_are_400_in_anthropics_dialect(gateway, name, body, where):
    for path in ("/v1/messages", "/v1/messages/count_tokens"):
        if path.endswith("tokens") and name == "no max_tokens":
            continue  # a count needs none
        status, head, raw_body = gateway.request("POST", path, body)
        assert status == 400, (name, status, raw_body[:300])
        answer = json.loads(raw_body)
        assert answer["type"] == "error" and answer["error"]["type"] == "invalid_request_error"
        assert answer["error"].get("param", "") == where and where in answer["error"]["message"]
        assert answer["request_id"] == head["request-id"] == head["x-request-id"] and head["x-weir-log-index"].isdigit()


@pytest.mark.parametrize("head", [{"anthropic-version": "2022-01-01"}, {"anthropic-beta": "a b"}, {"anthropic-beta": "a@b.example"},
                                  {"anthropic-beta": "x" * 65}, {"anthropic-beta": ",".join("abcdefghijklmnopqrstuvwxyz0123456789")}])
def test_bad_headers_of_anthropics_clients_are_400(gateway, head):
    status, _, body = gateway.request("POST", "/v1/messages", {"model": "auto", "max_tokens": 1, "messages": [
        {"role": "user", "content": "x"}]}, headers=head)
    assert status == 400 and json.loads(body)["error"]["param"] == next(iter(head))


def test_a_tier_that_is_none_is_the_headers_fault(gateway):
    status, _, answer = gateway.chat("x", headers={"x-weir-tier": "soft"})
    assert status == 400 and answer["error"]["param"] == "x-weir-tier" and '"soft"' in answer["error"]["message"]
    status, _, answer = gateway.chat("x", model="nobody/knows")
    assert status == 404 and answer["error"]["param"] == "model"


@pytest.mark.parametrize("value", ["", "Bearer", "Bearer ", "Basic YTpi", "Bearer ' OR 1=1 --", "Bearer " + "A" * 8000,
                                   "Bearer weir_x_y", "Bearer \xfc\xff", "bearer  weir__", 'Bearer {"a":1}'])
def test_hostile_credentials_are_401(gateway, value):
    head = CHAT + f"Authorization: {value}\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    got, _ = raw(gateway, head.encode("latin-1"))
    assert b" 401 " in got.split(b"\r\n")[0], got[:200]
    assert b"SQL" not in got and b"OR 1=1" not in got


def test_a_stored_verifier_is_no_credential(gateway):
    with open(f"{gateway.folder}/keys.json", encoding="utf-8") as f:
        stored = json.load(f)

    def strings(v):
        if isinstance(v, str):
            yield v
        elif isinstance(v, dict):
            for x in v.values():
                yield from strings(x)
        elif isinstance(v, list):
            for x in v:
                yield from strings(x)
    for s in set(strings(stored)):
        if s.isascii() and s.isprintable():
            assert gateway.chat("hi", key=s)[0] == 401


def test_a_body_over_the_limit_is_413(gateway):
    got, closed = raw(gateway, (CHAT + f"Authorization: Bearer {gateway.key}\r\n"
                                "Content-Length: 999999999\r\n\r\n").encode())
    assert b" 413 " in got.split(b"\r\n")[0] and closed


ALWAYS = ("x-request-id", "x-weir-route", "x-weir-tier", "x-weir-difficulty", "x-weir-policy", "x-weir-log-index")


def test_every_answer_has_the_headers_and_what_was_refused_its_record(gateway):
    """What is no HTTP, too large, or of another version: all headers, the index of its own record among them, on
    record before the answer, and in the words of the dialect that its path speaks."""
    long = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: " + "b" * 20000 + "\r\n\r\n"
    messages = CHAT.replace("chat/completions", "messages") + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}"
    chunk = CHAT + f"Authorization: Bearer {gateway.key}\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"
    for data, status in ((HTTP["bare LF"], 400), (HTTP["conflicting lengths"], 400), (chunk, 400),
                         (long, 431), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505), ("hello\r\n\r\n", 400),
                         (messages, 400)):
        got, closed = raw(gateway, data.encode())
        head, _, body = got.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        found = dict(line.lower().split(": ", 1) for line in lines[1:])
        assert f" {status} " in lines[0] and closed, got
        assert all(found.get(h) for h in ALWAYS), lines
        error = json.loads(body)["error"]
        assert error["message"] and ("type" in json.loads(body)) == ("/v1/messages" in data)
        leaf = [x for x in gateway.leaves() if x["_index"] == int(found["x-weir-log-index"])][0]
        assert leaf["ev"] == "req.refused" and leaf["req"] == found["x-request-id"] and leaf["http"] == status
    for path in ("/v1/models", "/v1/models/auto", "/healthz", "/readyz", "/nothing"):
        _, headers, _ = gateway.get(path)
        assert all(headers.get(h) for h in ALWAYS), (path, headers)


def test_who_sends_all_of_a_body_that_is_refused_gets_the_answer(gateway):
    """urllib writes the whole body before it reads: bytes behind the answer must not become a reset."""
    body = b'{"x":"' + b"a" * 40_000_000 + b'"}'
    status, headers, answer = gateway.request("POST", "/v1/chat/completions", body)
    assert status == 413 and b"larger than" in answer and all(headers.get(h) for h in ALWAYS)
    status, _, answer = gateway.request("POST", "/v1/chat/completions", body[:30_000_000], key="weir_nobody")
    assert status == 401 and b"API key" in answer


def test_unknown_paths_and_methods(gateway):
    for path in ("/", "/v1", "/v1/chat", "/v1/chat/completions/", "/v1/../healthz", "/admin/v1/x", "/v1/embedding"):
        status, _, body = gateway.get(path)
        assert status == 404 and json.loads(body)["error"]["message"]
    assert gateway.get("/v1/chat/completions")[0] == 405
    status, _, body = gateway.request("POST", "/v1/messages/batches", {"model": "x"})
    assert status == 404 and json.loads(body)["type"] == "error"
    assert json.loads(gateway.get("/v1/messages")[2])["error"]["type"] == "invalid_request_error"
    status, _, body = gateway.get("/v1/nothing", headers={"anthropic-version": "2023-06-01"})
    assert status == 404 and json.loads(body)["error"]["type"] == "not_found_error"


def test_a_slow_head_is_cut(gateway):
    """A client that sends one byte now and then is cut when header_s is over (2 s here)."""
    start = time.monotonic()
    ctx = gateway.context()
    ctx.check_hostname = False
    with socket.create_connection(("127.0.0.1", gateway.port)) as s, ctx.wrap_socket(s) as t:
        t.settimeout(30)
        t.sendall(b"GET /healthz HTTP/1.1\r\n")
        got = t.recv(4096)
        assert got == b"" or b" 408 " in got
    assert time.monotonic() - start < 20


def test_pipelined_requests_are_answered_in_order(gateway):
    one = f"GET /v1/models HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {gateway.key}\r\n\r\n"
    two = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    got, closed = raw(gateway, (one + two).encode())
    assert closed and got.count(b"HTTP/1.1 200") == 2
    assert got.index(b'"object":"list"') < got.index(b'"status"')


def test_the_log_holds_after_all_that(gateway):
    code, text = gateway.verify()
    assert code == 0, text
    refused = [x for x in gateway.leaves() if x["ev"] == "req.refused"]
    assert len(refused) >= 60
