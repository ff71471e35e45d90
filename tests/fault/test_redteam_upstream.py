"""Goal: a hostile upstream, or who answers in its name, costs a request at most: bounded memory, a clean error in
the caller's dialect, no answer mixed into another's, no connection to a server that cannot prove its name.

Method: a server of raw bytes over TLS; the model's name says which bytes. After each attack the gateway answers an
ordinary request, its process lives on and its memory has not grown past a bound.
"""
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest

import harness

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(harness.__file__)), "standin"))
import standin  # noqa: E402

GROWTH_MAX_MIB = 200
CHUNK = 'data: {"choices":[{"index":0,"delta":{"content":"%s"}}]}\n\n'
END = 'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
SSE = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def ok_body(text):
    return json.dumps({"id": "x", "choices": [{"index": 0, "message": {"role": "assistant", "content": text},
                                               "finish_reason": "stop"}]})


def ok(text, extra=""):
    body = ok_body(text)
    return f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n{extra}Content-Length: {len(body)}\r\n\r\n{body}"


def forever(c, piece, limit=400 << 20):
    """Sends until the peer hangs up; how much it took."""
    data = piece if isinstance(piece, bytes) else piece.encode()
    data *= max(1, 65536 // len(data))
    sent = 0
    try:
        while sent < limit:
            c.sendall(data)
            sent += len(data)
    except OSError:
        pass
    return sent


def says(text):
    return lambda c: c.sendall(text.encode("latin-1"))


BIG = 9223372036854775807
ATTACKS = {
    "endless-headers": lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\n"), forever(c, "X-A: aaaaaaaaaaaaaaaaaaaaaaaa\r\n")),
    "endless-header": lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\nX-A: "), forever(c, "a" * 1000)),
    "endless-status": lambda c: forever(c, "H" * 1000),
    "endless-1xx": lambda c: forever(c, "HTTP/1.1 100 Continue\r\n\r\n"),
    "endless-event": lambda c: (c.sendall(SSE.encode() + b"data: "), forever(c, "a" * 4096)),
    "endless-event-lines": lambda c: (c.sendall(SSE.encode()), forever(c, "data: a\n")),
    "endless-comments": lambda c: (c.sendall(SSE.encode()), forever(c, ": ping\n\n", 40 << 20)),
    "endless-body": lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                         b"Content-Length: 1073741824\r\n\r\n{\"a\":\""), forever(c, "a" * 4096)),
    "endless-error": lambda c: (c.sendall(b"HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\n"
                                          b"Content-Length: 1073741824\r\n\r\n{\"a\":\""), forever(c, "a" * 4096)),
    "endless-chunks": lambda c: (c.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                                           b"Transfer-Encoding: chunked\r\n\r\n"), forever(c, "1\r\na\r\n")),
    "endless-chunk-extension": lambda c: (c.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n1;"),
        forever(c, "a" * 4096)),
    "endless-trailers": lambda c: (c.sendall(
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"),
        forever(c, "X-A: b\r\n")),
    "no-answer": says(""),
    "half-head": says("HTTP/1.1 200 OK\r\nContent-"),
    "half-body": says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"choices\""),
    "two-lengths": says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"
                        "Content-Length: 3\r\n\r\n{}}"),
    "length-and-chunked": says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5\r\n"
                               "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"),
    "redirect": says("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "redirect-307": says("HTTP/1.1 307 Found\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"),
    "switch": says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nboo"),
    "html": says("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>"),
    "gzip": says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\nContent-Length: 2"
                 "\r\n\r\n{}"),
    "not-http": says("\x00\x01\x02SSH-2.0-OpenSSH\r\n\r\n"),
    "deep": says(SSE + "data: " + "[" * 100000 + "\n\n"),
    "array": says("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n[]"),
    "choices-wrong": says(SSE + 'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":99999,"function":{}}]}}]}'
                          "\n\n"),
    "many-calls": lambda c: (c.sendall(SSE.encode()), [c.sendall((
        'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":%d,"id":"c%d","function":{"name":"f",'
        '"arguments":"["}}]}}]}\n\n' % (i, i)).encode()) for i in range(600)]),
    "no-done": says(SSE + CHUNK % "half of an answer"),
    "error-after-text": says(SSE + CHUNK % "half" + 'data: {"error":{"message":"no","type":"x"}}\n\n'),
    "no-choices": says(SSE + "data: [DONE]\n\n"),
}


class Hostile:
    """Answers each POST with the attack that the model's name chooses."""

    def __init__(self, folder, certs=None, key=None):
        self.certs = certs or os.path.join(folder, "certs")
        standin.make_certificates(self.certs) if not certs else None
        self.ca = os.path.join(self.certs, "ca.pem")
        self.ctx = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ctx.load_cert_chain(os.path.join(self.certs, "server.pem"), key or os.path.join(self.certs, "server.key"))
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self.sock.getsockname()[1]
        self.dialect, self.seen, self.requests = "openai", [], 0
        self.how = dict(ATTACKS)
        threading.Thread(target=self.accept, daemon=True).start()

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/v1"

    def accept(self):
        while True:
            try:
                c, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(c,), daemon=True).start()

    def serve(self, plain):
        try:
            plain.settimeout(60)
            with self.ctx.wrap_socket(plain, server_side=True) as c:
                buf = b""
                while True:
                    while b"\r\n\r\n" not in buf:
                        more = c.recv(65536)
                        if not more:
                            return
                        buf += more
                    head, _, buf = buf.partition(b"\r\n\r\n")
                    n = int(next(x.split(b":")[1] for x in head.split(b"\r\n")
                                 if x.lower().startswith(b"content-length")))
                    while len(buf) < n:
                        buf += c.recv(65536)
                    body, buf = json.loads(buf[:n]), buf[n:]
                    self.requests += 1
                    self.seen.append(body)
                    model = body["model"]
                    if model in self.how:
                        self.how[model](c)
                        return
                    text = "echo: " + str(body["messages"][-1]["content"])
                    if body.get("stream"):
                        c.sendall((SSE + CHUNK % "echo" + END).encode())
                        return
                    c.sendall(ok(text).encode())
        except (OSError, ValueError, StopIteration):
            pass

    def close(self):
        self.sock.close()


def rss_mib(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return next(int(x.split()[1]) for x in f if x.startswith("VmRSS")) // 1024


@pytest.fixture(scope="module")
def hostile(tmp_path_factory, weir):
    top = tmp_path_factory.mktemp("hostile")
    h = Hostile(str(top))
    g = harness.Gateway(str(top / "gw"), weir,
                        backends=[harness.backend("up", h, "EU", models=("plain", "desync", *ATTACKS, *USAGES, "flood"))],
                        routing="  commodity: [up/plain]", limits="  limits: { first_token_s: 5, total_s: 30 }")
    yield g, h
    assert g.process.poll() is None
    g.stop()
    h.close()
    with open(g.log_path, encoding="utf-8", errors="replace") as f:
        log = f.read()
    assert "AddressSanitizer" not in log and "runtime error" not in log, log[-4000:]


USAGES = [f"usage{i}" for i in range(6)]
USAGE = ['{"prompt_tokens":%d,"completion_tokens":%d}' % (BIG, BIG),
         '{"prompt_tokens":-5,"completion_tokens":-%d}' % BIG,
         '{"prompt_tokens":1e308,"completion_tokens":1e18}',
         '{"prompt_tokens":"7","completion_tokens":[]}', '[]',
         '{"prompt_tokens":1,"completion_tokens":%d,"prompt_tokens_details":{"cached_tokens":%d}}' % (BIG, BIG)]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("name", list(ATTACKS))
def test_attack(hostile, name, stream):
    g, h = hostile
    pid = g.pids()["gateway"]
    before = rss_mib(pid)
    status, head, answer = g.chat("hello", model=f"up/{name}", stream=stream)
    assert status != 200 or stream, (name, answer)
    if status == 200:
        assert answer[-1:] != ["[DONE]"] or name == "no-choices", f"{name}: a broken stream ended as if complete"
    assert status in (200, 400, 408, 502, 504), (name, status, answer)
    assert rss_mib(pid) - before < GROWTH_MAX_MIB
    status, _, answer = g.chat("still there", model="up/plain")
    assert status == 200 and "echo: still there" in json.dumps(answer)
    assert g.pids()["gateway"] == pid, "the gateway died"


@pytest.mark.parametrize("n", range(len(USAGE)))
def test_usage_of_any_size(hostile, n):
    g, h = hostile
    body = ok_body("x")[:-1] + ',"usage":' + USAGE[n] + "}"
    h.how[USAGES[n]] = says(f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
                            + body)
    status, _, answer = g.chat("hello", model=f"up/{USAGES[n]}")
    assert status in (200, 502)
    if status == 200 and answer.get("usage"):
        assert all(v >= 0 for v in answer["usage"].values() if isinstance(v, int))


def test_a_response_longer_than_its_length_never_answers_the_next_request(hostile):
    g, h = hostile
    poison = ok("POISON")

    def twice(c):
        c.sendall((ok("first") + poison).encode())
        time.sleep(1.5)
    h.how["desync"] = twice
    assert g.chat("a", model="up/desync")[2]["choices"][0]["message"]["content"] == "first"
    for i in range(6):
        status, _, answer = g.chat(f"ask {i}", model="up/plain")
        assert status == 200 and answer["choices"][0]["message"]["content"] == f"echo: ask {i}"

    def late(c):
        c.sendall(ok("first").encode())
        time.sleep(0.3)
        c.sendall(poison.encode())
        time.sleep(1)
    h.how["desync"] = late
    for i in range(4): # the poison comes while the connection is idle: then it is not used again
        assert g.chat("a", model="up/desync")[2]["choices"][0]["message"]["content"] == "first"
        time.sleep(0.5)
        status, _, answer = g.chat(f"ask {i}", model="up/plain")
        assert status == 200 and answer["choices"][0]["message"]["content"] == f"echo: ask {i}"


def test_a_client_that_never_reads_bounds_the_memory(hostile):
    """20 clients ask for an endless stream and read nothing."""
    g, h = hostile
    pid = g.pids()["gateway"]
    sent = []
    h.how["flood"] = lambda c: (c.sendall(SSE.encode()), sent.append(forever(c, CHUNK % ("word " * 200), 300 << 20)))
    before = rss_mib(pid)
    ctx = g.context()
    ctx.check_hostname = False
    body = json.dumps({"model": "up/flood", "stream": True, "messages": [{"role": "user", "content": "x"}]})
    held = []
    try:
        for _ in range(20):
            s = socket.create_connection(("127.0.0.1", g.port))
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            t = ctx.wrap_socket(s)
            t.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {g.key}\r\n"
                       f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
            held.append(t)
        peak = 0
        for _ in range(25):
            peak = max(peak, rss_mib(pid))
            time.sleep(0.2)
        assert peak - before < 20 * 16 + 100, f"{peak - before} MiB for 20 clients that do not read"
        assert g.chat("still there", model="up/plain")[0] == 200
    finally:
        for t in held:
            t.close()
    harness.wait_for("the connections to end", lambda: len(sent) >= 20, 30)


def openssl(folder, *args):
    subprocess.run(["openssl", *args], cwd=folder, check=True, capture_output=True)


@pytest.mark.parametrize("fault", ["another CA", "another name", "expired", "client certificate only", "self-signed"])
def test_a_server_that_cannot_prove_its_name_gets_nothing(tmp_path, weir, fault):
    good = str(tmp_path / "good")
    standin.make_certificates(good)
    bad = str(tmp_path / "bad")
    if fault == "another CA":
        standin.make_certificates(bad)
    else:
        os.makedirs(bad)
        ext = {"another name": "subjectAltName=DNS:evil.example,IP:127.0.0.2\n",
               "client certificate only": "subjectAltName=IP:127.0.0.1\nextendedKeyUsage=clientAuth\n"}.get(
                   fault, "subjectAltName=IP:127.0.0.1,DNS:localhost\n")
        with open(os.path.join(bad, "e"), "w", encoding="ascii") as f:
            f.write(ext)
        openssl(bad, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", "server.key", "-out", "csr", "-subj", "/CN=127.0.0.1")
        if fault == "self-signed":
            openssl(bad, "x509", "-req", "-in", "csr", "-signkey", "server.key", "-out", "server.pem", "-extfile", "e")
        else:
            days = ["-days", "1"] if fault != "expired" else ["-days", "-1"]
            try:
                openssl(bad, "x509", "-req", "-in", "csr", "-CA", f"{good}/ca.pem", "-CAkey", f"{good}/ca.key",
                        "-CAcreateserial", *days, "-out", "server.pem", "-extfile", "e")
            except subprocess.CalledProcessError:
                pytest.skip("this openssl cannot make an expired certificate")
    h = Hostile(str(tmp_path), certs=bad)
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[
        harness.backend("up", h, "EU", models=("plain",), ca=os.path.join(good, "ca.pem"))],
        routing="  commodity: [up/plain]", limits="  limits: { first_token_s: 5, total_s: 30 }")
    try:
        for stream in (False, True):
            status, _, answer = g.chat("canary-cert", model="up/plain", stream=stream)
            assert status == 502, (status, answer)
        assert h.requests == 0
    finally:
        g.kill()
        h.close()
