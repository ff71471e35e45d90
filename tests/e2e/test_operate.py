"""Goal: the operator's side: check, explain, reload, drain, a full disk of keys: clear words and nothing lost.

Method: the command line as a user types it; a gateway of its own, changed while it runs.
"""
import json
import os
import signal
import threading
import time

import pytest

import harness


@pytest.fixture()
def own(tmp_path, weir, model, eu, us):
    g = harness.Gateway(
        str(tmp_path / "gw"), weir, model=model,
        backends=[harness.backend("eu", eu, "EU"),
                  harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))],
        routing="  commodity: [local/home]\n  hard: [us/claude-x, eu/gpt-x]\n  threshold: 0.5\n"
                "  when_hard_is_denied: local")
    yield g
    g.kill()


def edit(path, old, new):
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert old in text
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace(old, new))


def test_check_says_ok_or_everything_that_is_wrong(own):
    done = own.command("check", "-c", own.config)
    assert done.returncode == 0 and b"ok" in done.stdout + done.stderr
    edit(own.config, "threshold: 0.5", "threshold: 7\n  treshold: 0.5")
    edit(own.config, "hard: [us/claude-x, eu/gpt-x]", "hard: [us/claude-y]")
    done = own.command("check", "-c", own.config, check=False)
    text = (done.stdout + done.stderr).decode()
    assert done.returncode == 1
    rows = [r for r in text.splitlines() if r.startswith(own.config)]
    assert len(rows) >= 3, text
    for word in ("threshold", "treshold", "claude-y"):
        assert any(word in r for r in rows), text
    assert all(r.split(":")[1].isdigit() and r.split(":")[2].isdigit() for r in rows)


def test_explain_agrees_with_the_log(own):
    texts = ["What is the capital of France?", "Mail anna@example.eu", "token AKIAIOSFODNN7EXAMPLQ",
             "Prove step by step that there are infinitely many primes of the form 4k+3, then analyse it."]
    for text in texts:
        body = {"model": "auto", "messages": [{"role": "user", "content": text}], "max_tokens": 4}
        said = json.loads(own.command("explain", "-c", own.config, stdin=json.dumps(body).encode()).stdout)
        status, head, _ = own.request("POST", "/v1/chat/completions", body)
        logged = next(x["decision"] for x in own.leaves()
                      if x["req"] == head["x-request-id"] and x["ev"] == "req.intent")
        assert said == logged
        assert said["route"] == head["x-weir-route"]


def test_reload_swaps_whole_or_keeps_the_old(own, us):
    assert own.chat("x", model="us/claude-x")[0] == 200
    policy = os.path.join(own.folder, "policy.yaml")
    edit(policy, "location: [on_premises, EU, US], basis", "location: [on_premises, EU], basis")
    own.process.send_signal(signal.SIGHUP)
    harness.wait_for("the new policy", lambda: own.chat("x", model="us/claude-x")[0] == 403, 15)
    _, head, _ = own.chat("x", model="us/claude-x")
    edit(policy, "location: [on_premises, EU], basis", "location: [on_premises, Atlantis], basis")
    own.process.send_signal(signal.SIGHUP)
    time.sleep(1.5)
    status, again, _ = own.chat("x", model="us/claude-x")
    assert status == 403 and again["x-weir-policy"] == head["x-weir-policy"]
    with open(own.log_path, encoding="utf-8") as f:
        log = f.read()
    assert "Atlantis" in log, "the log says why the old configuration stays"


def test_sigterm_drains_and_the_log_is_complete(own):
    results = []

    def one():
        results.append(own.chat("Tell me a long story about a river.", max_tokens=60))

    threads = [threading.Thread(target=one, daemon=True) for _ in range(4)]
    for t in threads:
        t.start()
    time.sleep(0.6)
    start = time.monotonic()
    assert own.stop() == 0
    assert time.monotonic() - start < 15
    for t in threads:
        t.join()
    leaves = own.leaves()
    intents = [x["req"] for x in leaves if x["ev"] == "req.intent"]
    outcomes = [x["req"] for x in leaves if x["ev"] == "req.outcome"]
    assert sorted(intents) == sorted(outcomes) and len(intents) == 4
    done = [r for r in results if r[0] == 200]
    assert done, "requests in progress are answered"
    code, text = own.verify()
    assert code == 0, text


def test_a_change_of_the_log_is_found(own):
    for i in range(5):
        own.chat(f"hello {i}", max_tokens=1)
    assert own.stop() == 0
    assert own.verify()[0] == 0
    segment = sorted(os.listdir(os.path.join(own.audit, "wal")))[0]
    path = os.path.join(own.audit, "wal", segment)
    with open(path, "rb") as f:
        data = bytearray(f.read())
    at = data.index(b"req.intent")
    data[at + 1] ^= 1
    with open(path, "wb") as f:
        f.write(data)
    code, text = own.verify()
    assert code == 1 and segment in text, text


def test_usage_errors_are_exit_2_with_help(own, weir):
    for args in (["serve"], ["nonsense"], ["check"], ["key", "new"], ["audit", "verify"], ["model", "logits"],
                 ["serve", "-c", "/nonexistent/weir.yaml"], ["audit", "verify", "/nonexistent"],
                 ["report"], ["report", "-c", "/nonexistent/weir.yaml"], ["scan", "--bogus"]):
        done = own.command(*args, check=False)
        assert done.returncode == 2, (args, done.returncode, done.stderr)
        assert done.stderr, args
    for args in ([], ["serve"], ["model"], ["model", "run"], ["audit", "verify"], ["key", "new"], ["report"]):
        done = own.command(*args, "--help")
        assert b"usage:" in done.stdout + done.stderr, args


def test_scan_gives_byte_offsets(own):
    text = "Grüße an anna@example.eu, IBAN DE89370400440532013000"
    out = own.command("scan", stdin=(json.dumps({"id": "a", "text": text}) + "\n").encode()).stdout
    row = json.loads(out)
    raw = text.encode()
    found = {s["type"]: raw[s["start"]:s["end"]].decode() for s in row["spans"]}
    assert row["id"] == "a" and row["data"] == ["personal"]
    assert found["EMAIL"] == "anna@example.eu" and found["IBAN"] == "DE89370400440532013000"


def test_mutual_tls(tmp_path, weir, eu):
    """With client_ca only clients with a certificate of that CA get in; the API key is still asked for."""
    import ssl
    import subprocess
    import urllib.error
    import urllib.request

    def openssl(*args):
        subprocess.run(["openssl", *args], check=True, capture_output=True, cwd=tmp_path)

    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=clients")
    openssl("req", *curve, "-keyout", "c.key", "-out", "c.csr", "-subj", "/CN=app-1")
    openssl("x509", "-req", "-in", "c.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2",
            "-out", "c.pem")
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[harness.backend("eu", eu, "EU")], start=False,
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]",
                        tls_extra=f", client_ca: {tmp_path}/ca.pem")
    plain = harness.Gateway.context

    def with_certificate(self):
        ctx = plain(self)
        ctx.load_cert_chain(tmp_path / "c.pem", tmp_path / "c.key")
        return ctx
    try:
        g.key = g.new_key("tests")
        g.context = with_certificate.__get__(g)
        g.start()
        assert g.chat("hello")[0] == 200
        assert g.chat("hello", key="weir_no_key")[0] == 401
        g.context = plain.__get__(g)
        with pytest.raises((urllib.error.URLError, ssl.SSLError, ConnectionError)):
            urllib.request.urlopen(f"https://127.0.0.1:{g.port}/healthz", context=plain(g), timeout=10)
    finally:
        g.kill()
