"""Goal: who hangs up, asks for too much or floods the local model neither keeps pages of its cache nor keeps another
tenant from being answered, and finds nothing of that tenant in it.

Method: the demo model with four slots and room for 640 tokens; one tenant floods it with long answers and leaves in
the middle of them, a switch is thrown meanwhile. Oracles: another tenant's answers, the cache's figures afterwards.
"""
import json
import random
import socket
import ssl
import threading

import harness
import pytest

from test_pages import SYSTEM, ask, figure, other_tenant


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, weir, model):
    g = harness.Gateway(str(tmp_path_factory.mktemp("pages")), weir, model=model,
                        model_extra="context: 512, slots: 4, cache_tokens: 640")
    yield g
    g.kill()


def hang_up(g, text, r):
    """Asks for a long answer as a stream and goes away before, in the middle, or at the end of it."""
    body = json.dumps({"model": "auto", "stream": True, "max_tokens": 300, "temperature": 0,
                       "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]}).encode()
    with socket.create_connection(("127.0.0.1", g.port)) as plain:
        plain.settimeout(30)
        s = ssl.create_default_context(cafile=g.certificate).wrap_socket(plain, server_hostname="127.0.0.1")
        s.sendall(f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {g.key}\r\n"
                  f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        for _ in range(r.choice([0, 0, 1, 5, 40])):
            if not s.recv(2048):
                break
        s.close()


def at_rest(g):
    harness.wait_for("the slots", lambda: figure(g, 'weir_engine_active{model="home"}') == 0, 60)
    harness.wait_for("the pages", lambda: figure(g, 'weir_engine_cache_tokens{model="home",state="running"}') == 0, 60)
    assert figure(g, 'weir_engine_cache_tokens{model="home",state="kept"}') <= 640 + 64


def test_a_flood_of_one_tenant_that_hangs_up(gateway):
    key = other_tenant(gateway)
    harness.wait_for("the key", lambda: gateway.get("/v1/models", key=key)[0] == 200, 10)
    alone, _, _ = ask(gateway, "Who kept the books?", key=key)
    stop, count = threading.Event(), [0]

    def flood(i):
        r = random.Random(i)
        while not stop.is_set():
            try:
                hang_up(gateway, f"The story of house {r.randrange(50)} at length.", r)
            except OSError:
                pass
            count[0] += 1

    threads = [threading.Thread(target=flood, args=(i,)) for i in range(7)]
    for t in threads:
        t.start()
    try:
        for k in range(3):
            text, _, cached = ask(gateway, "Who kept the books?" if k % 2 else f"Tell of house {k} at length.", key=key)
            assert text == alone or not k % 2
        gateway.command("policy", "kill", "-c", gateway.config, "--backend", "local", "--reason", "x", check=False)
        gateway.command("policy", "revive", "-c", gateway.config, "--backend", "local", "--reason", "x", check=False)
    finally:
        stop.set()
        for t in threads:
            t.join()
    assert count[0] > 3
    at_rest(gateway)
    harness.wait_for("the switch", lambda: gateway.chat("hi", max_tokens=1)[0] == 200, 10)
    assert ask(gateway, "Who kept the books?", key=key)[0] == alone
    leaves = gateway.leaves()
    intents, outcomes = (sorted(x["req"] for x in leaves if x["ev"] == ev) for ev in ("req.intent", "req.outcome"))
    assert intents == outcomes and gateway.verify()[0] == 0


def test_what_can_never_fit_is_told_and_keeps_nothing(gateway):
    for _ in range(20):
        status, _, answer = gateway.chat("word " * 3000, max_tokens=4)
        assert status == 400, answer
    status, _, answer = gateway.chat("Go on for ever.", max_tokens=100000, temperature=0)
    assert status == 200 and answer["usage"]["total_tokens"] <= 512
    at_rest(gateway)
