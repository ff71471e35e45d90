"""Goal: a local model behind `weir serve`, on the CPU and on the emulated GPU, holds out: whatever clients do - many at
once, of many tenants, more than the queue holds, gone in mid-stream - each answer is the one that its prompt gets alone,
nothing leaks, and an engine that is killed in a step is replaced and answers the same.

Method: real HTTPS clients on the loopback. Every question has an answer of its own at temperature 0, asked for alone
first; what a client then reads must be that answer or, where it left or the engine was killed, begin it. Between the
rounds, with nobody there: cache pages, slots, file descriptors and memory of both processes are what they were.

A short run by default; WEIR_SOAK_S=N: seconds of each part (clients alone; kills), WEIR_SOAK_CLIENTS=N: how many at once.
"""
import http.client
import json
import os
import random
import signal
import threading
import time

import harness
import pytest

MODEL = os.path.abspath("tests/vectors/models/llama.gguf")
SECONDS = float(os.environ.get("WEIR_SOAK_S", "3"))
CLIENTS = int(os.environ.get("WEIR_SOAK_CLIENTS", "8"))
TENANTS = ("red", "green", "blue", "grey")
SLOTS, QUEUE = 3, 4
GROWTH_KIB = 24 << 10  # of a process, beyond what it had after the first round: buffers of the first large requests


def question(k):
    """Some share a beginning; each asks for something of its own."""
    shared = "You count rivers, and you count them twice. " * (k % 3)
    return f"{shared}Tell me of river {k} and of hill {k * 7 % 13}."


class Answers:
    """What each question is answered alone."""

    def __init__(self, g, n, tokens):
        self.n, self.tokens, self.text = n, tokens, []
        for k in range(n):
            status, _, got = g.chat(question(k), model="local/home", temperature=0, max_tokens=tokens[k % len(tokens)])
            assert status == 200, got
            self.text.append(got["choices"][0]["message"].get("content") or "")
        # a mix-up must show
        assert len(set(self.text)) >= n * 2 // 3, self.text

    def body(self, k, stream):
        return {"model": "local/home", "messages": [{"role": "user", "content": question(k)}], "stream": stream,
                "temperature": 0, "max_tokens": self.tokens[k % len(self.tokens)]}


class Clients:
    """Threads that ask until told to stop."""

    def __init__(self, g, keys, answers, killing=False, seed=1):
        self.g, self.keys, self.answers, self.killing = g, keys, answers, killing
        self.over, self.wrong, self.lock = False, [], threading.Lock()
        self.seen = {"whole": 0, "left": 0, "full": 0, "broken": 0}
        self.threads = [threading.Thread(target=self.work, args=(random.Random(seed * 1000 + i),), daemon=True)
                        for i in range(CLIENTS)]
        for t in self.threads:
            t.start()

    def count(self, what, complaint=None):
        with self.lock:
            self.seen[what] = self.seen.get(what, 0) + 1
            if complaint:
                self.wrong.append(complaint)

    def work(self, rnd):
        while not self.over:
            k = rnd.randrange(self.answers.n)
            try:
                self.ask(rnd, k, rnd.choice(self.keys))
            except (OSError, ValueError, http.client.HTTPException) as e:
                self.count("broken", None if self.killing else f"question {k}: {e!r}")
            if rnd.random() < 0.2:
                time.sleep(rnd.random() * 0.05)

    def ask(self, rnd, k, key):
        stream, leave = rnd.random() < 0.7, rnd.random() < 0.35
        c = http.client.HTTPSConnection("127.0.0.1", self.g.port, context=self.g.context(), timeout=120)
        try:
            c.request("POST", "/v1/chat/completions", json.dumps(self.answers.body(k, stream)),
                      {"content-type": "application/json", "authorization": f"Bearer {key}"})
            if leave and not stream:  # before anything has come
                time.sleep(rnd.random() * 0.1)
                self.count("left")
                return
            r = c.getresponse()
            if r.status == 429 or r.status == 503:
                said = r.read().decode("utf-8", "replace")
                full = r.status == 429 or "queue is full" in said
                self.count("full" if full else "broken",
                           None if full or self.killing else f"question {k}: {r.status} {said[:300]}")
            elif r.status != 200:
                self.count("broken", None if self.killing else f"question {k}: {r.status} {r.read()[:200]}")
            elif stream:
                self.read_stream(k, r, rnd.randrange(1, 6) if leave else None)
            else:
                text = json.loads(r.read())["choices"][0]["message"].get("content") or ""
                self.count("whole", self.told(k, text, True))
        finally:
            c.close()

    def told(self, k, text, whole):
        want = self.answers.text[k]
        good = text == want if whole else want.startswith(text.rstrip("\ufffd"))
        return None if good else f"question {k}: {text!r}, not {want!r}"

    def read_stream(self, k, r, leave_after):
        text, ended, chunks, failed = "", False, 0, False
        while not ended:
            line = r.readline()
            if not line:
                break
            if not line.startswith(b"data:"):
                continue
            data = line[5:].strip()
            if data == b"[DONE]":
                ended = True
                break
            event = json.loads(data)
            failed |= "error" in event
            for choice in event.get("choices") or []:
                text += choice["delta"].get("content") or ""
            chunks += 1
            if leave_after and chunks >= leave_after:
                self.count("left", self.told(k, text, False))
                return
        whole = ended and not failed
        complaint = self.told(k, text, whole)
        if not whole and not self.killing:
            complaint = complaint or f"question {k}: the stream ended early: {text!r}"
        self.count("whole" if whole else "broken", complaint)

    def stop(self):
        self.over = True
        for t in self.threads:
            t.join(150)
            assert not t.is_alive(), "a request hangs"


def metric(g, name, **labels):
    _, _, body = g.request("GET", "/metrics", port=g.admin_port)
    for row in body.decode().split("\n"):
        if row.startswith(name + "{") and all(f'{k}="{v}"' in row for k, v in labels.items()):
            return float(row.rsplit(" ", 1)[1])
    return None


def idle(g):
    return metric(g, "weir_engine_active") == 0 and metric(g, "weir_engine_queued") == 0 and \
        metric(g, "weir_engine_cache_tokens", state="running") == 0


def used(g):
    """{process: (file descriptors, KiB resident)}, with nobody there."""
    harness.wait_for("nobody in a slot, in the queue or on a page", lambda: idle(g), 60)
    found = {}
    for what, pid in g.pids().items():
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            rss = next(int(row.split()[1]) for row in f if row.startswith("VmRSS"))
        found[what] = (len(os.listdir(f"/proc/{pid}/fd")), rss)
    return found


def same(before, after, what):
    for process in before:
        # connections that are being closed take a moment
        assert after[process][0] <= before[process][0] + 2, f"{process} after {what}: {after} from {before}"
        assert after[process][1] <= before[process][1] + GROWTH_KIB, f"{process} after {what}: {after} from {before}"


def engine_ready(g):
    pids = g.pids()
    return "engine" in pids and metric(g, "weir_engine_ready") == 1 and idle(g)


def soak(folder, weir, device, questions, tokens):
    g = harness.Gateway(folder, weir, model=MODEL, device=device, start=False,
                        model_extra=f"context: 256, slots: {SLOTS}, cache_tokens: 640",
                        engine_extra=f"  queue: {QUEUE}\n")
    keys = [json_key(g, t) for t in TENANTS]
    g.key = keys[0]
    try:
        g.start()
        answers = Answers(g, questions, tokens)
        total = {}

        def round_of(seconds, seed, kill_every=None):
            clients, rnd, kills = Clients(g, keys, answers, killing=bool(kill_every), seed=seed), random.Random(seed), 0
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                time.sleep(min(0.2, seconds / 10))
                if kill_every and time.monotonic() > end - seconds + kill_every * (kills + 1):
                    harness.wait_for("an engine with work", lambda: (metric(g, "weir_engine_active") or 0) > 0, 60)
                    time.sleep(rnd.random() * 0.05)
                    os.kill(g.pids()["engine"], signal.SIGKILL)
                    kills += 1
                    harness.wait_for("another engine", lambda: metric(g, "weir_engine_ready") == 1, 60)
            clients.stop()
            assert not clients.wrong, clients.wrong[:5]
            for k, v in clients.seen.items():
                total[k] = total.get(k, 0) + v
            total["kills"] = total.get("kills", 0) + kills
            return clients.seen

        round_of(SECONDS / 2, 1)  # the first requests make buffers
        before = used(g)
        seen = round_of(SECONDS, 2)
        assert seen["whole"] > 0 and seen["broken"] == 0, seen
        same(before, used(g), "clients that come and go")
        round_of(SECONDS, 3, kill_every=SECONDS / 3)
        assert total["kills"] > 0
        harness.wait_for("an engine", lambda: engine_ready(g), 60)
        after = used(g)
        same({"gateway": before["gateway"]}, {"gateway": after["gateway"]}, "engines that were killed")
        assert Answers(g, questions, tokens).text == answers.text
        assert total["left"] > 0 and total["full"] > 0, total
        code, text = g.verify()
        assert code == 0, text
        print(f"\n{device}: {total}, before {before}, after {after}")
    finally:
        g.kill()


def json_key(g, tenant):
    out = g.command("key", "new", "-c", g.config, "--tenant", tenant, "--name", tenant)
    return out.stdout.decode().strip()


def test_on_the_cpu(tmp_path, weir):
    soak(str(tmp_path / "gw"), weir, "cpu", 16, (12, 25, 6, 40))


def test_on_the_emulated_gpu(tmp_path, weir):
    path = os.path.join(os.path.dirname(weir), "tests", "libweir-emu.so")
    if not os.path.exists(path):
        pytest.skip("the emulator is not built here")
    soak(str(tmp_path / "gw"), weir, "emulated", 8, (3, 5, 4))
