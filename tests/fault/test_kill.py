"""Goal: whoever is killed, nothing hangs past its deadline, the log verifies, and every body that arrived anywhere
has an intent that was durable before.

Method: requests under way, kill -9 of gateway, engine or stand-in at a random moment, many rounds; then the
stand-in's record is held against the log.
"""
import json
import os
import random
import signal
import threading
import time

import pytest

import harness

ROUNDS = int(os.environ.get("WEIR_KILL_ROUNDS", "6"))


@pytest.fixture()
def own(tmp_path, weir, model):
    s = harness.StandIn(str(tmp_path / "eu"), "eu")
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=model, backends=[harness.backend("eu", s, "EU")],
                        routing="  commodity: [local/home]\n  hard: [eu/gpt-x]\n  threshold: 0.5\n"
                                "  when_hard_is_denied: local",
                        limits="  limits: { first_token_s: 10, total_s: 30 }")
    yield g, s
    g.kill()
    s.kill()


class Load:
    """Some threads that keep asking until told to stop; every result is kept."""

    def __init__(self, g, n=4):
        self.g, self.results, self.longest, self.over = g, [], 0.0, False
        self.told = []  # (request id, log index, whether the answer was whole) of what was answered
        # daemons: a test that fails before stop() must not keep the whole run alive
        self.threads = [threading.Thread(target=self.work, args=(i,), daemon=True) for i in range(n)]
        for t in self.threads:
            t.start()

    def work(self, i):
        k = 0
        while not self.over:
            k += 1
            start = time.monotonic()
            model = "local/home" if (i + k) % 2 else "eu/gpt-x"
            text = f"[[standin: drip=0.02,long=20]] canary {i} {k}"
            try:
                status, head, got = self.g.chat(text, model=model, stream=k % 3 != 0, max_tokens=12)
                self.results.append(status)
                whole = status == 200 and (got and got[-1] == "[DONE]" if isinstance(got, list) else "choices" in got)
                if "x-weir-log-index" in head:
                    self.told.append((head["x-request-id"], int(head["x-weir-log-index"]), whole))
            except RuntimeError:
                self.results.append(0)
            self.longest = max(self.longest, time.monotonic() - start)
            time.sleep(0.02)

    def stop(self):
        self.over = True
        for t in self.threads:
            t.join(40)
            assert not t.is_alive(), "a request hung past its deadline"


def complete(g, s, told=()):
    """The log holds, every intent has its outcome, whatever arrived at the stand-in was intended, and what callers
    were told is there: the intent at the index they were given, the outcome if they had the whole answer."""
    code, text = g.verify()
    assert code == 0, text
    leaves = g.leaves()
    intents = {x["req"] for x in leaves if x["ev"] == "req.intent"}
    outcomes = [x["req"] for x in leaves if x["ev"] == "req.outcome"]
    assert len(outcomes) == len(set(outcomes))
    planned = sum(1 for x in leaves if x["ev"] in ("req.intent", "req.fallback")
                  and x["decision"]["outcome"] == "route" and x["decision"]["route"].startswith("eu/"))
    arrived = len(s.received())
    assert arrived <= planned, f"{arrived} bodies arrived, {planned} were recorded before"
    at = {x["_index"]: x for x in leaves}
    known = {x["req"] for x in leaves if x["ev"] == "req.outcome" and x["status"] != "unknown"}
    for req, index, whole in told:
        assert index in at and at[index]["ev"] == "req.intent" and at[index]["req"] == req, f"{req} at {index} is lost"
        assert not whole or req in known, f"{req} was answered and its outcome is lost"
    return intents, set(outcomes)


def test_kill_the_engine_under_load(own):
    g, s = own
    load = Load(g)
    for _ in range(3):
        time.sleep(0.5 + random.random())
        os.kill(g.pids()["engine"], signal.SIGKILL)
        harness.wait_for("the engine again", lambda: g.get("/readyz")[0] == 200, 30)
    load.stop()
    assert load.results.count(200) > 5
    assert g.stop() == 0
    intents, outcomes = complete(g, s)
    assert intents == outcomes


def test_kill_the_standin_mid_stream(own):
    g, s = own
    load = Load(g)
    for _ in range(3):
        time.sleep(0.5 + random.random())
        s.kill()
        time.sleep(0.3)
        s.start()
    load.stop()
    assert load.results.count(200) > 5
    assert g.stop() == 0
    intents, outcomes = complete(g, s)
    assert intents == outcomes


def test_kill_the_gateway_under_load(own):
    """kill -9 of everything, again and again; after each start recovery has closed what was open."""
    g, s = own
    told = []
    for _ in range(ROUNDS):
        load = Load(g)
        time.sleep(0.3 + random.random())
        g.kill()
        load.stop()
        told += load.told
        g.start()
        intents, outcomes = complete(g, s, told)
        assert intents == outcomes, "recovery closes open intents"
    print(f"{ROUNDS} rounds, {len(told)} answered requests, {sum(w for _, _, w in told)} of them whole, all recorded")
    assert sum(w for _, _, w in told) > ROUNDS
    unknown = [x for x in g.leaves() if x["ev"] == "req.outcome" and x["status"] == "unknown"]
    assert unknown, "at least one round interrupted a request"


def test_the_gateway_child_alone_dies_and_comes_back(own):
    g, s = own
    load = Load(g, 2)
    time.sleep(0.7)
    os.kill(g.pids()["gateway"], signal.SIGKILL)
    harness.wait_for("the gateway again", lambda: g.get("/readyz")[0] == 200, 30)
    load.stop()
    assert g.chat("hello again", max_tokens=2)[0] == 200
    assert g.stop() == 0
    complete(g, s)


def test_a_client_that_leaves_frees_the_engine(own):
    g, s = own
    import socket
    body = json.dumps({"model": "local/home", "stream": True, "max_tokens": 1500,
                       "messages": [{"role": "user", "content": "Tell me everything about rivers."}]}).encode()
    for _ in range(6):  # more than there are slots
        ctx = g.context()
        ctx.check_hostname = False
        with socket.create_connection(("127.0.0.1", g.port)) as c, ctx.wrap_socket(c) as t:
            t.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                      + f"Authorization: Bearer {g.key}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
            t.recv(2000)
    start = time.monotonic()
    assert g.chat("hello", max_tokens=2)[0] == 200
    assert time.monotonic() - start < 15, "slots were not freed"
    harness.wait_for("outcomes", lambda: sum(x["ev"] == "req.outcome" and x["status"] == "client_gone"
                                             for x in g.leaves()) == 6, 10)


def test_a_log_that_cannot_be_written_refuses(tmp_path, weir, model):
    """The disk fills (a file size limit plays it): 503 for everything from then on, and the log verifies."""
    import resource
    s = harness.StandIn(str(tmp_path / "eu"), "eu")
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=model, backends=[harness.backend("eu", s, "EU")],
                        start=False)
    try:
        g.key = g.new_key("tests")
        g.start()
        assert g.chat("hello", max_tokens=1)[0] == 200
        pid = g.pids()["gateway"]
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, 1))
        arrived = len(s.received())
        statuses = [g.chat("hello", model="eu/gpt-x")[0] for _ in range(5)]
        assert statuses == [503] * 5, statuses
        assert g.get("/readyz")[0] == 503
        assert len(s.received()) == arrived, "nothing leaves without a durable intent, the first one included"
        g.kill()
        code, text = g.verify()
        assert code == 0, text
    finally:
        g.kill()
        s.kill()


def test_a_stream_whose_outcome_cannot_be_recorded_is_not_called_complete(own):
    """The log fails while a stream runs: the reader gets the dialect's error and no terminator."""
    import resource
    g, s = own
    got = []
    t = threading.Thread(daemon=True, target=lambda: got.append(
        g.chat("[[standin: drip=0.1,long=20]] hello", model="eu/gpt-x", stream=True)))
    t.start()
    harness.wait_for("the request at the stand-in", lambda: len(s.received()) == 1, 10)
    time.sleep(0.5)
    resource.prlimit(g.pids()["gateway"], resource.RLIMIT_FSIZE, (1, 1))
    t.join(20)
    status, _, events = got[0]
    assert status == 200 and len(events) > 2
    assert "[DONE]" not in events and "error" in json.loads(events[-1])
