#!/usr/bin/env python3
"""What small requests wait while large bodies are examined: latency of /healthz and of small streamed chats on one
worker (one event loop), alone and beside clients that send large bodies one after another.

Method: one gateway with one worker and a stand-in back end; each probe keeps one TLS connection and asks again 5 ms after
each answer; the large bodies are chat requests of prose with identifiers in it that the policy refuses at the end, so that
nothing but the examining costs. One JSON line per figure. usage: gateway_large_bench.py [--seconds 12] [--mib 30] [--clients 2]
"""
import argparse
import http.client
import json
import os
import ssl
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from harness import Gateway, StandIn, backend  # noqa: E402

POLICY = """version: 1
default: { location: [on_premises] }
rules:
  - { id: open, when: { data: [none] }, location: [on_premises, EU], basis: [dpa] }
  - { id: shut, when: { data: [personal] }, deny: "no personal data here" }
"""
PROSE = ("The quarterly report of the river authority says that weirs were opened on twelve days; Anna Schmidt "
         "(anna.schmidt@example.com, +49 170 1234567) counted 4711 fish, invoice 2024-00817, and left. ")


def connection(g):
    return http.client.HTTPSConnection("127.0.0.1", g.port, context=ssl.create_default_context(cafile=g.certificate), timeout=300)


def ask(c, g, method, path, body=None):
    c.request(method, path, body, {"authorization": f"Bearer {g.key}", "content-type": "application/json"})
    r = c.getresponse()
    r.read()
    return r.status


def probe(g, method, path, body, until, out):
    c = connection(g)
    while time.monotonic() < until:
        start = time.monotonic()
        status = ask(c, g, method, path, body)
        assert status == 200, status
        out.append(time.monotonic() - start)
        time.sleep(0.005)


def large(g, body, until, out):
    c = connection(g)
    while time.monotonic() < until:
        start = time.monotonic()
        status = ask(c, g, "POST", "/v1/chat/completions", body)
        assert status == 403, status
        out.append(time.monotonic() - start)


def at(v, share):
    v = sorted(v)
    return round(v[min(len(v) - 1, int(len(v) * share))] * 1000, 1) if v else None


def measure(g, name, seconds, clients, body):
    until = time.monotonic() + seconds
    health, chat, big = [], [], []
    small = json.dumps({"model": "auto", "stream": True, "messages": [{"role": "user", "content": "What is a weir?"}]})
    threads = [threading.Thread(target=probe, args=(g, "GET", "/healthz", None, until, health)),
               threading.Thread(target=probe, args=(g, "POST", "/v1/chat/completions", small, until, chat))]
    threads += [threading.Thread(target=large, args=(g, body, until, big)) for _ in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for what, v in (("healthz", health), ("small stream", chat), ("large body", big)):
        print(json.dumps({"beside": name, "what": what, "n": len(v), "p50_ms": at(v, 0.5), "p99_ms": at(v, 0.99),
                          "max_ms": at(v, 1.0), "load": round(os.getloadavg()[0], 2)}), flush=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__)
    ap.add_argument("--seconds", type=float, default=12)
    ap.add_argument("--mib", type=int, default=30)
    ap.add_argument("--clients", type=int, default=2)
    a = ap.parse_args()
    weir = os.environ.get("WEIR_BIN", os.path.join(ROOT, "build", "weir"))
    with tempfile.TemporaryDirectory() as folder:
        eu = StandIn(os.path.join(folder, "eu"), "eu")
        g = Gateway(os.path.join(folder, "gw"), weir, backends=[backend("eu", eu, "EU")], policy=POLICY, start=False,
                    routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]",
                    limits=f"  limits: {{ body_bytes: {(a.mib + 4) << 20} }}")
        with open(g.config, encoding="utf-8") as f:
            text = f.read().replace("workers: 2", "workers: 1")
        with open(g.config, "w", encoding="utf-8") as f:
            f.write(text)
        g.key = g.new_key("bench")
        g.start()
        try:
            prose = PROSE * ((a.mib << 20) // len(PROSE))
            body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": prose}]}).encode()
            measure(g, "nothing", a.seconds / 2, 0, body)
            measure(g, f"{a.clients} clients with {a.mib} MiB", a.seconds, a.clients, body)
        finally:
            g.kill()
            eu.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main())
