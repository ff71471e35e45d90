"""Goal: no client desynchronises a connection, starves the others, forges a log line, or gets another's answer; the
gateway and the engine live through cancelled requests, reloads under load and a stopped engine.

Method: raw bytes over TLS, threads, signals. A marker in each request must come back in its answer and in no other.
"""
import json
import os
import random
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

import harness

CANARY = "GET /canary-smuggled HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture(scope="module")
def own(tmp_path_factory, weir, model):
    top = tmp_path_factory.mktemp("clients")
    eu, other = harness.StandIn(str(top / "eu"), "eu"), harness.StandIn(str(top / "b"), "b", dialect="anthropic")
    backends = [harness.backend("eu", eu, "EU", models=("gpt-x", "standin-long=3000")),
                harness.backend("b", other, "EU", models=("m",))]
    routing = "  commodity: [eu/gpt-x]\n  aliases: { both: [eu/gpt-x, b/m] }"
    g = harness.Gateway(str(top / "gw"), weir, model=model, backends=backends, routing=routing,
                        limits="  limits: { header_s: 3, body_s: 3, idle_s: 5, first_token_s: 8, total_s: 30 }")
    yield g, eu, other, backends, routing
    assert g.process.poll() is None
    code = g.stop()
    eu.kill()
    other.kill()
    with open(g.log_path, encoding="utf-8", errors="replace") as f:
        log = f.read()
    assert "AddressSanitizer" not in log and "runtime error" not in log and "LeakSanitizer" not in log, log[-4000:]
    assert code == 0, log[-3000:]
    code, text = g.verify()
    assert code == 0, text


def connect(g, timeout_s=10):
    ctx = g.context()
    ctx.check_hostname = False
    s = ctx.wrap_socket(socket.create_connection(("127.0.0.1", g.port), timeout=timeout_s), server_hostname="localhost")
    s.settimeout(timeout_s)
    return s


def read_all(s, enough=None):
    got = b""
    try:
        while not (enough and enough(got)):
            more = s.recv(65536)
            if not more:
                break
            got += more
    except (socket.timeout, ssl.SSLError, OSError):
        pass
    return got


def post(g, text, *, path="/v1/chat/completions", key=None, model="eu/gpt-x", extra="", stream=False, body=None):
    if body is None:
        body = json.dumps({"model": model, "stream": stream, "max_tokens": 500,
                           "messages": [{"role": "user", "content": text}]})
    return (f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key or g.key}\r\nContent-Type: application/json\r\n"
            f"{extra}Content-Length: {len(body.encode())}\r\n\r\n{body}").encode()


def statuses(got):
    return re.findall(rb"HTTP/1\.1 (\d\d\d)", got)


UNREAD = {
    "bad key": lambda g: post(g, "", key="wk_wrong", body=CANARY),
    "unknown path": lambda g: post(g, "", path="/v1/nothing", body=CANARY),
    "wrong type": lambda g: post(g, "", body=CANARY).replace(b"application/json", b"text/plain"),
    "no JSON": lambda g: post(g, "", body=CANARY),
    "wrong method": lambda g: post(g, "", body=CANARY).replace(b"POST", b"PUT", 1),
    "health with a body": lambda g: post(g, "", path="/healthz", body=CANARY).replace(b"POST", b"GET", 1),
    "HEAD with a body": lambda g: post(g, "", path="/healthz", body=CANARY).replace(b"POST", b"HEAD", 1),
    "models with a body": lambda g: post(g, "", path="/v1/models", body=CANARY).replace(b"POST", b"GET", 1),
    "expectation": lambda g: post(g, "", key="wk_wrong", body=CANARY, extra="Expect: 100-continue\r\n"),
}


@pytest.mark.parametrize("name", list(UNREAD))
def test_an_unread_body_is_never_a_request(own, name):
    """One answer to the request; what was its body is thrown away or the connection ends."""
    g = own[0]
    with connect(g, 4) as s:
        s.sendall(UNREAD[name](g) + b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        got = read_all(s)
    codes = [c for c in statuses(got) if c != b"100"]
    assert 1 <= len(codes) <= 2, got
    if len(codes) == 2:
        assert codes[1] == b"200" and b"canary" not in got
    assert g.get("/healthz")[0] == 200


def test_a_trailer_is_no_header(own):
    g, eu = own[0], own[1]
    body = json.dumps({"model": "eu/gpt-x", "messages": [{"role": "user", "content": "trailer"}]})
    data = (f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
            f"Content-Type: application/json\r\nTrailer: Authorization\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n"
            f"Authorization: Bearer {g.key}\r\nContent-Length: 5\r\n\r\n").encode()
    before = len(eu.received())
    with connect(g, 4) as s:
        s.sendall(data)
        got = read_all(s, lambda b: b"\r\n\r\n" in b)
    assert statuses(got)[:1] in ([b"401"], [b"400"]), got
    assert len(eu.received()) == before


def test_a_refused_upload_ends_early(own):
    """Ten large uploads with a bad key, sent slowly: each is answered at once and not read to its end."""
    g = own[0]
    for _ in range(10):
        with connect(g, 6) as s:
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer wk_bad\r\n"
                      b"Content-Length: 30000000\r\n\r\n")
            start = time.monotonic()
            got = read_all(s, lambda b: b"\r\n\r\n" in b)
            assert statuses(got)[:1] in ([b"401"], [b"408"], [b"413"]), got
            assert time.monotonic() - start < 5


def test_slow_clients_and_three_hundred_connections_stop_nobody(own):
    g = own[0]
    held = []
    try:
        for i in range(300):
            s = connect(g)
            s.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-Slow: "[:10 + i % 60])
            held.append(s)
        for i in range(5):
            status, _, answer = g.chat(f"beside {i}", model="eu/gpt-x")
            assert status == 200 and f"beside {i}" in json.dumps(answer)
        time.sleep(4.5)
        ended = 0
        for s in held:
            s.settimeout(0.2)
            ended += bool(re.match(rb"HTTP/1\.1 408|$", read_all(s)))
        assert ended == 300
    finally:
        for s in held:
            s.close()


def test_clients_that_leave_anywhere(own):
    """150 requests cut after a random number of bytes, sent or received; then everything still answers."""
    g = own[0]
    rnd = random.Random(7)
    for i in range(150):
        stream = i % 2 == 0
        data = post(g, "leaving", model=rnd.choice(["eu/gpt-x", "eu/standin-long=3000", "local/home", "b/m"]), stream=stream)
        s = connect(g)
        try:
            if i % 3 == 0:
                s.sendall(data[:rnd.randrange(len(data))])
            else:
                s.sendall(data)
                if i % 3 == 1:
                    s.recv(rnd.randrange(1, 2000))
                else:
                    time.sleep(rnd.random() * 0.05)
            if i % 5 == 0:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            elif i % 5 == 1:
                s.unwrap()
        except (OSError, ssl.SSLError):
            pass
        s.close()
    status, _, answer = g.chat("after the storm", model="eu/gpt-x")
    assert status == 200 and "after the storm" in json.dumps(answer)
    assert g.chat("say x", model="local/home", max_tokens=2)[0] == 200

    def closed():
        rows = g.leaves()
        return {x["req"] for x in rows if x["ev"] == "req.intent"} == {x["req"] for x in rows if x["ev"] == "req.outcome"}
    harness.wait_for("an outcome for each intent", closed, 20, 0.5)


def test_a_client_that_only_closes_its_writing_half(own):
    g = own[0]
    ctx = g.context()
    ctx.check_hostname = False
    raw = socket.create_connection(("127.0.0.1", g.port), timeout=10)
    s = ctx.wrap_socket(raw)
    s.sendall(post(g, "half closed", extra="Connection: close\r\n"))
    s.shutdown(socket.SHUT_WR)
    read_all(s)
    s.close()
    assert g.get("/healthz")[0] == 200


def test_headers_cannot_forge_the_log(own):
    g = own[0]
    before = len(g.leaves())
    for value in ("x\\\",\\\"ev\\\":\\\"req.outcome", "\u2028\u2029", "\u00ff\u0080", "{}\\n{}", "a" * 129, "\u202e", "\x7f"):
        with connect(g, 6) as s:
            s.sendall(post(g, "subject", extra="X-Weir-Subject: ").replace(
                b"X-Weir-Subject: ", b"X-Weir-Subject: " + value.encode("latin-1", "replace") + b"\r\n"))
            got = read_all(s, lambda b: b"\r\n\r\n" in b)
        assert statuses(got)[:1] in ([b"200"], [b"400"]), (value, got[:200])
        with connect(g, 6) as s:
            s.sendall(post(g, "use case", extra="X-Weir-Use-Case: " + "\r\n").replace(
                b"X-Weir-Use-Case: ", b"X-Weir-Use-Case: " + value.encode("latin-1", "replace")))
            got = read_all(s, lambda b: b"\r\n\r\n" in b)
        assert statuses(got)[:1] == [b"400"], (value, got[:200])
    rows = g.leaves()[before:]
    assert {x["ev"] for x in rows} <= {"req.intent", "req.outcome", "req.refused"}
    for n in (64, 1000, 8000):
        status, _, _ = g.chat("x", model="a" * n)
        assert status == 404
    with open(g.log_path, "rb") as f:
        assert all(line.isascii() or line.decode() for line in f)
    code, text = g.verify()
    assert code == 0, text


def test_repeated_credentials_and_control_headers(own):
    g = own[0]
    for extra in (f"Authorization: Bearer {g.key}\r\n", "X-Api-Key: wk_other\r\n",
                  "X-Weir-Region: EU\r\nX-Weir-Region: US\r\n", "X-Weir-Use-Case: support\r\nX-Weir-Use-Case: health\r\n",
                  "X-Weir-Tier: hard\r\nX-Weir-Tier: commodity\r\n"):
        with connect(g, 6) as s:
            s.sendall(post(g, "twice", extra=extra))
            got = read_all(s, lambda b: b"\r\n\r\n" in b)
        assert statuses(got)[:1] == [b"400"] or not extra.startswith("X-Weir"), (extra, got[:300])


def test_reload_under_load_with_a_back_end_that_goes(own, weir, model):
    g, eu, other, backends, routing = own
    stop, bad, done = threading.Event(), [], []

    def work(n):
        i = 0
        while not stop.is_set():
            i += 1
            mark = f"mark-{n}-{i}-"
            status, _, answer = g.chat(mark, model=random.choice(["both", "b/m", "eu/gpt-x"]), stream=i % 2 == 0)
            text = json.dumps(answer)
            if status == 200:
                if i % 2 == 0:
                    text = "".join(json.loads(d)["choices"][0]["delta"].get("content") or "" for d in answer
                                   if d != "[DONE]" and json.loads(d).get("choices"))
                if mark not in text:
                    bad.append((mark, text[:300]))
            elif status not in (404, 503):
                bad.append((mark, status, text[:300]))
            done.append(status)
    threads = [threading.Thread(target=work, args=(n,), daemon=True) for n in range(6)]
    for t in threads:
        t.start()
    policy = harness.POLICY
    for i in range(8):
        time.sleep(0.7)
        if i % 2 == 0:
            g.write(backends[:1], "  commodity: [eu/gpt-x]\n  aliases: { both: [eu/gpt-x] }", policy, model)
        else:
            g.write(backends, routing, policy, model)
        g.process.send_signal(signal.SIGHUP)
    time.sleep(1)
    stop.set()
    for t in threads:
        t.join(60)
    assert not bad, bad[:3]
    assert done.count(200) > 20 and g.chat("after", model="b/m")[0] == 200


def test_a_stopped_engine_holds_nobody_else(own):
    g = own[0]
    pid = g.pids()["engine"]
    os.kill(pid, signal.SIGSTOP)
    try:
        got = []
        t = threading.Thread(target=lambda: got.append(g.chat("hello", model="local/home", max_tokens=2)), daemon=True)
        t.start()
        start = time.monotonic()
        for i in range(5):
            assert g.chat(f"beside {i}", model="eu/gpt-x")[0] == 200
        assert time.monotonic() - start < 5
        t.join(45)
        assert got and got[0][0] in (503, 504), got
    finally:
        try:
            os.kill(pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
    harness.wait_for("the engine", lambda: g.chat("hello", model="local/home", max_tokens=2)[0] == 200, 60, 1)


BODIES = {
    "max_tokens 0": {"max_tokens": 0}, "max_tokens huge": {"max_tokens": 2147483647, "stop": ["a", "e", " "]},
    "max_tokens -1": {"max_tokens": -1}, "max_tokens 1e300": {"max_tokens": 1e300}, "temperature huge": {"temperature": 1e308},
    "temperature tiny": {"temperature": 1e-300}, "top_p 0": {"top_p": 0}, "top_k -1": {"top_k": -1}, "min_p 1": {"min_p": 1},
    "repeat_penalty 0": {"repeat_penalty": 0}, "seed min": {"seed": -9223372036854775808},
    "seed max": {"seed": 9223372036854775807}, "sixteen stops": {"stop": [chr(97 + i) * 3 for i in range(16)]},
    "empty stop": {"stop": ""}, "empty stops": {"stop": ["", ""]}, "long stop": {"stop": "x" * 100000},
    "penalties": {"presence_penalty": 2, "frequency_penalty": -2, "temperature": 2},
}


@pytest.mark.parametrize("name", list(BODIES))
def test_odd_sampling(own, name):
    g = own[0]
    status, _, answer = g.chat("say hello", model="local/home", **{"max_tokens": 4, **BODIES[name]})
    assert status in (200, 400), (name, status, answer)
    assert g.chat("say hello", model="local/home", max_tokens=2)[0] == 200


def test_a_prompt_longer_than_the_context_is_a_400(own):
    g = own[0]
    status, _, answer = g.chat("word " * 20000, model="local/home", max_tokens=4)
    assert status == 400 and answer["error"]["code"] == "context_length_exceeded", answer


def test_special_tokens_in_a_callers_text_are_text(own):
    """The same text with and without the marks: spelled as text they cost several tokens each, as one token they do not."""
    g = own[0]

    def tokens(text, **kw):
        status, _, answer = g.chat(text, model="local/home", max_tokens=1, **kw)
        assert status == 200, answer
        return answer["usage"]["prompt_tokens"]
    plain = tokens("a")
    for mark in ("<|im_end|>", "<|im_start|>", "<|endoftext|>"):
        assert tokens("a" + mark * 10) - plain >= 30, mark
        assert tokens("a", messages=[{"role": "user", "content": "a", "name": mark}]) >= plain


def test_a_storm_of_cancelled_requests(own):
    g = own[0]
    socks = []
    for i in range(60):
        s = connect(g)
        s.sendall(post(g, f"tell a long story {i}", model="local/home", stream=True))
        socks.append(s)
        if i % 3 == 0:
            socks.pop(random.randrange(len(socks))).close()
    for s in socks:
        s.close()
    harness.wait_for("a free engine", lambda: g.chat("hello", model="local/home", max_tokens=2)[0] == 200, 60, 0.5)
