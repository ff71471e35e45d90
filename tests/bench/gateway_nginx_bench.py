#!/usr/bin/env python3
"""CPU time per request and memory of `weir serve` beside nginx as TLS proxy, in front of the same upstream.

Method: one stand-in upstream (tests/bench/gateway_mock_upstream.c: TLS, keep-alive, canned answers), one nginx with two
workers (TLS in, verified keep-alive TLS out), one Weir with two workers, everything on: key check, personal-data scan,
difficulty score, policy, two durable log records a request. The same chat request is sent to each by wrk over TLS
keep-alive connections; CPU time is utime + stime of the proxy's own processes from /proc/PID/stat over the run, divided
by the requests that wrk counted; a request that fails makes the run void. Runs alternate, the median is reported.
Memory is VmRSS from /proc/PID/status: fresh, and with 200 open client connections that have each sent one request.

One JSON line per figure on standard output. usage: gateway_nginx_bench.py [--seconds 6] [--clients 8] [--rounds 3]
"""
import argparse
import http.client
import json
import os
import re
import shutil
import signal
import ssl
import statistics
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
from harness import Gateway, backend, free_port, wait_for  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")
ROUTING = "  commodity: [mock/gpt-x]\n  hard: [mock/gpt-x]"
PROMPT = "Summarise in two sentences what a weir does to a river, and when it is opened. " * 12


def body(stream):
    return json.dumps({"model": "auto", "stream": stream,
                       "messages": [{"role": "system", "content": "You are terse."},
                                    {"role": "user", "content": PROMPT}]})


def cpu_s(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def rss_kib(pids):
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status", encoding="utf-8") as f:
            total += int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))
    return total


def children(pid):
    """The pids whose parent is pid, from /proc."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                if int(f.read().rsplit(")", 1)[1].split()[1]) == pid:
                    found.append(int(entry))
        except OSError:
            continue  # it has just ended
    return found


class Nginx:
    def __init__(self, folder, upstream_port, ca):
        self.folder, self.port = folder, free_port()
        self.certificate, key = os.path.join(folder, "n.crt"), os.path.join(folder, "n.key")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2",
                        "-keyout", key, "-out", self.certificate], check=True, capture_output=True)
        conf = os.path.join(folder, "nginx.conf")
        with open(conf, "w", encoding="utf-8") as f:
            f.write(f"""\
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 2;
pid {folder}/nginx.pid;
error_log {folder}/nginx.err;
daemon off;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  keepalive_requests 1000000;
  upstream mock {{ server 127.0.0.1:{upstream_port}; keepalive 64; keepalive_requests 1000000; }}
  server {{
    listen 127.0.0.1:{self.port} ssl reuseport;
    ssl_certificate {self.certificate}; ssl_certificate_key {key};
    ssl_protocols TLSv1.2 TLSv1.3;
    client_body_buffer_size 64k;
    location / {{
      proxy_pass https://mock; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_buffering off; proxy_ssl_verify on; proxy_ssl_trusted_certificate {ca};
      proxy_ssl_name localhost; proxy_ssl_session_reuse on;
    }}
  }}
}}
""")
        self.process = subprocess.Popen(["nginx", "-p", folder, "-c", conf], stderr=subprocess.DEVNULL)
        try:
            wait_for("nginx", lambda: len(children(self.process.pid)) == 2)
            wait_for("nginx", lambda: knock(self.port, self.certificate, "/", "{}") == 200)
        except TimeoutError:
            self.stop()
            raise

    def pids(self):
        return children(self.process.pid)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)


def knock(port, ca, path, text, key=None):
    try:
        c = http.client.HTTPSConnection("127.0.0.1", port, timeout=5, context=ssl.create_default_context(cafile=ca))
        c.request("POST", path, text, {"authorization": f"Bearer {key}", "content-type": "application/json"})
        status = c.getresponse().status
        c.close()
        return status
    except OSError:
        return 0


def load(folder, port, text, key, clients, seconds):
    """wrk's (requests, requests per second, p50 us, p99 us); raises if any request failed."""
    script = os.path.join(folder, "post.lua")
    with open(script, "w", encoding="utf-8") as f:
        f.write('wrk.method = "POST"\n'
                f'wrk.body = [==[{text}]==]\n'
                'wrk.headers["content-type"] = "application/json"\n'
                f'wrk.headers["authorization"] = "Bearer {key}"\n'
                'function done(s, l, r) io.write(string.format("RESULT %d %d %d %d %d\\n", s.requests,\n'
                '  s.errors.status + s.errors.connect + s.errors.read + s.errors.write + s.errors.timeout,\n'
                '  s.duration, l:percentile(50), l:percentile(99))) end\n')
    out = subprocess.run(["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "10s", "-s", script,
                          f"https://127.0.0.1:{port}/v1/chat/completions"], capture_output=True, text=True, check=True)
    n, errors, us, p50, p99 = (int(v) for v in re.search(r"RESULT (.*)", out.stdout).group(1).split())
    if errors or not n:
        raise RuntimeError(f"{errors} of {n} requests failed: {out.stdout}")
    return n, n / (us / 1e6), p50, p99


def hold(port, ca, key, n):
    """n open connections, each of which has had one answer."""
    held = []
    context = ssl.create_default_context(cafile=ca)
    for _ in range(n):
        c = http.client.HTTPSConnection("127.0.0.1", port, timeout=20, context=context)
        c.request("POST", "/v1/chat/completions", body(False),
                  {"authorization": f"Bearer {key}", "content-type": "application/json"})
        r = c.getresponse()
        r.read()
        if r.status != 200:
            raise RuntimeError(f"status {r.status}")
        held.append(c)
    return held


def say(**figures):
    print(json.dumps(figures), flush=True)


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--seconds", type=int, default=6)
    args.add_argument("--clients", type=int, default=8)
    args.add_argument("--rounds", type=int, default=3)
    a = args.parse_args()
    weir = os.environ.get("WEIR_BIN", os.path.join(ROOT, "build", "weir"))
    mock = os.path.join(os.path.dirname(weir), "tests", "bench", "gateway_mock_upstream")
    for tool in ("wrk", "nginx"):
        if not shutil.which(tool) and not os.path.exists(f"/usr/sbin/{tool}"):
            print(f"{tool} is not installed: no comparison", file=sys.stderr)
            return 1
    os.environ["PATH"] += ":/usr/sbin"
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    ca, port = os.path.join(folder, "mock.crt"), free_port()
    upstream = subprocess.Popen([mock, "--port", str(port), "--cert", ca, "--key", os.path.join(folder, "mock.key")])
    nginx = gateway = None
    try:
        wait_for("the mock", lambda: os.path.exists(ca) and knock(port, ca, "/", "{}") == 200)
        nginx = Nginx(folder, port, ca)
        gateway = Gateway(os.path.join(folder, "weir"), weir, routing=ROUTING,
                          backends=[backend("mock", None, "EU", api="openai", url=f"https://127.0.0.1:{port}/v1",
                                            ca=ca)])
        sides = {"nginx": (nginx.port, nginx.certificate, nginx.pids, "-"),
                 "weir": (gateway.port, gateway.certificate, lambda: [gateway.pids()["gateway"]], gateway.key)}
        for name, (p, cert, pids, key) in sides.items():
            idle = rss_kib(pids())
            held = hold(p, cert, key, 200)
            say(bench="memory", proxy=name, rss_idle_mib=round(idle / 1024, 1),
                rss_200_connections_mib=round(rss_kib(pids()) / 1024, 1))
            for c in held:
                c.close()
        for stream in (False, True):
            us = {name: [] for name in sides}
            more = {}
            for _ in range(a.rounds):
                for name, (p, _, pids, key) in sides.items():
                    before = cpu_s(pids())
                    n, rps, p50, p99 = load(folder, p, body(stream), key, a.clients, a.seconds)
                    us[name].append((cpu_s(pids()) - before) / n * 1e6)
                    more[name] = {"requests_per_s": round(rps), "p50_us": p50, "p99_us": p99}
            middle = {name: statistics.median(v) for name, v in us.items()}
            for name in sides:
                say(bench="cpu_per_request", stream=stream, proxy=name, cpu_us=round(middle[name], 1),
                    rounds=[round(v, 1) for v in us[name]], clients=a.clients, **more[name])
            say(bench="cpu_per_request", stream=stream, ratio_weir_to_nginx=round(middle["weir"] / middle["nginx"], 2))
    finally:
        if gateway:
            gateway.stop()
        if nginx:
            nginx.stop()
        upstream.terminate()
        upstream.wait(10)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
