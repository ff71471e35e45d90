"""Starts what an end-to-end test or the demo needs: a stand-in for a closed API, a gateway with a
configuration of its own, keys; and reads back what they recorded. Standard library only.

Everything runs on loopback, in a folder of its own; only processes started here are ended here.
"""
import http.client
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
STANDIN = os.path.join(HERE, "standin", "standin.py")
DENIED_EVERYWHERE = "on_premises"

POLICY = """\
version: 1
default: { location: [on_premises] }
use_cases:
  - { id: support, purpose: customer support, legal_basis: 6.1.f, ai_act: minimal }
  - { id: health, purpose: patient letters, legal_basis: 9.2.h, ai_act: minimal, data: [special] }
  - { id: social-scoring, purpose: scoring of people, ai_act: prohibited }
rules:
  - { id: no-secrets-out, when: { data: [secret] }, location: [on_premises] }
  - { id: special-stays-home, when: { data: [special, criminal] }, location: [on_premises] }
  - { id: personal-eu-only, when: { data: [personal] }, location: [on_premises, EU], basis: [dpa],
      redact: [EMAIL, PHONE, IBAN, CREDIT_CARD, NATIONAL_ID] }
  - { id: plain-anywhere, when: { data: [none] }, location: [on_premises, EU, US], basis: [dpa, dpf, scc, adequacy] }
  - { id: prohibited, when: { use_case: [social-scoring] }, deny: AI Act Art. 5(1)(c) }
"""


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_for(what, check, timeout_s=30.0, step_s=0.05):
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        got = check()
        if got:
            return got
        time.sleep(step_s)
    raise TimeoutError(f"waited {timeout_s} s for {what}")


class StandIn:
    """A server of ours that speaks a closed API's dialect over real TLS and records what it gets."""

    def __init__(self, folder, name, dialect="openai", port=0, answers=None, key=None):
        os.makedirs(folder, exist_ok=True)
        self.answers = os.path.join(folder, f"{name}-answers.json")
        with open(self.answers, "w", encoding="utf-8") as f:
            json.dump(answers or {}, f)
        self.name, self.dialect, self.folder, self.key = name, dialect, folder, key
        self.record = os.path.join(folder, f"{name}.jsonl")
        self.certs = os.path.join(folder, f"{name}-certs")
        self.port = port or free_port()
        self.process = None
        self.start()

    def start(self):
        os.makedirs(self.certs, exist_ok=True)
        self.log = open(os.path.join(self.folder, f"{self.name}.log"), "ab")
        self.process = subprocess.Popen(
            [sys.executable, STANDIN, "--dialect", self.dialect, "--port", str(self.port),
             "--cert-dir", self.certs, "--record", self.record, "--answers", self.answers,
             *(["--key", self.key] if self.key else [])],
            stdout=self.log, stderr=self.log)
        wait_for(f"stand-in {self.name}", self.listening)

    def listening(self):
        if self.process.poll() is not None:
            raise RuntimeError(f"stand-in {self.name} ended: see {self.log.name}")
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1):
                return True
        except OSError:
            return False

    @property
    def ca(self):
        return os.path.join(self.certs, "ca.pem")

    @property
    def url(self):
        end = {"gemini": "/v1beta", "azure-openai": "/openai/v1", "bedrock": "", "cohere": "/v2"}.get(self.dialect, "/v1")
        return f"https://127.0.0.1:{self.port}{end}"

    def received(self):
        """What arrived, oldest first: dicts with method, path, headers, body (text)."""
        if not os.path.exists(self.record):
            return []
        with open(self.record, encoding="utf-8") as f:
            return [json.loads(line) for line in f if line.strip()]

    def kill(self, sig=signal.SIGKILL):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(10)
        self.log.close()


def backend(name, standin, location, *, api=None, basis="dpa", expires="2099-12-31", models=("gpt-x",),
            trains=False, reference="DPA-2026-01", url=None, ca=None, more=(),
            credentials="key: ${STANDIN_KEY}", kind=""):
    """One entry of `backends:` as YAML."""
    lines = [f"  - name: {name}", f"    api: {api or standin.dialect}", f"    url: {url or standin.url}",
             *(f"    {line}" for line in credentials.split("\n")), *(f"    {line}" for line in more), "    models:"]
    lines += [f"      - {{ name: {m}, price: {{ input: 1.25, output: 10.0 }}, context: 400000{kind} }}"
              for m in models]
    transfer = f"basis: {basis}" + (f", reference: {reference}" if reference else "") + \
        (f", expires: {expires}" if expires else "")
    lines += ["    residency:", f"      location: [{location}]", f"      entity: Stand-in {name}",
              "      retention_days: 0", f"      trains_on_data: {'true' if trains else 'false'}",
              f"      transfer: {{ {transfer} }}"]
    if ca or standin:
        lines.append(f"    ca: {ca or standin.ca}")
    return "\n".join(lines)


class Gateway:
    """`weir serve` with a configuration of its own."""

    def __init__(self, folder, weir, *, backends=(), routing=None, policy=POLICY, model=None,
                 limits="", model_extra="context: 2048, slots: 4", start=True, env=None, tls_extra="",
                 audit="on_failure: refuse, content: off",
                 engine_extra="", device="cpu"):
        os.makedirs(folder, exist_ok=True)
        self.folder, self.weir = folder, weir
        self.port, self.admin_port = free_port(), free_port()
        self.config = os.path.join(folder, "weir.yaml")
        self.audit = os.path.join(folder, "audit")
        self.certificate = os.path.join(folder, "tls.crt")
        self.env = dict(os.environ, STANDIN_KEY="standin-secret-key-canary-4711", **(env or {}))
        self.process = None
        self.limits, self.tls_extra, self.model_extra = limits, tls_extra, model_extra
        self.audit_settings = audit
        self.engine_extra, self.device = engine_extra, device
        self.write(backends, routing, policy, model)
        self.key = None
        if start:
            self.key = self.new_key("tests")
            self.start()

    def write(self, backends, routing, policy, model):
        engine = ""
        if model:
            engine = (f"engine:\n  device: {self.device}\n  models:\n"
                      f"    - {{ name: home, file: {model}, {self.model_extra} }}\n{self.engine_extra}")
        back = "backends:\n" + "\n".join(backends) + "\n" if backends else ""
        with open(os.path.join(self.folder, "policy.yaml"), "w", encoding="utf-8") as f:
            f.write(policy)
        segment = "" if "segment_mib" in self.audit_settings else "segment_mib: 4, "  # of zeros, for each gateway
        with open(self.config, "w", encoding="utf-8") as f:
            f.write(f"""\
server:
  listen: 127.0.0.1:{self.port}
  admin: 127.0.0.1:{self.admin_port}
  tls: {{ certificate: tls.crt, key: tls.key, self_signed: true{self.tls_extra} }}
  workers: 2
{self.limits}
keys: keys.json
{engine}{back}routing:
{routing or '  commodity: [local/home]'}
policy: policy.yaml
audit: {{ {segment}directory: audit, origin: weir.test/gw1, {self.audit_settings} }}
""")

    def command(self, *args, stdin=None, check=True):
        done = subprocess.run([self.weir, *args], input=stdin, capture_output=True, env=self.env,
                              timeout=120, check=False)
        if check and done.returncode != 0:
            raise RuntimeError(f"weir {' '.join(args)}: exit {done.returncode}: "
                               f"{done.stderr.decode()[-2000:]}")
        return done

    def new_key(self, name, role=None):
        extra = ["--role", role] if role else []
        out = self.command("key", "new", "-c", self.config, "--tenant", "acme", "--name", name, *extra)
        return out.stdout.decode().strip()

    def start(self, timeout_s=60):
        self.log_path = os.path.join(self.folder, "weir.log")
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([self.weir, "serve", "-c", self.config], stdout=self.log,
                                        stderr=self.log, env=self.env)
        wait_for("the gateway", lambda: self.get("/readyz")[0] == 200, timeout_s)

    def context(self):
        ctx = ssl.create_default_context(cafile=self.certificate)
        return ctx

    @property
    def base_url(self):
        return f"https://127.0.0.1:{self.port}/v1"

    def request(self, method, path, body=None, headers=None, key=None, timeout_s=120, port=None):
        """(status, headers, body bytes) of one request; status 0 where no answer came."""
        if self.process and self.process.poll() is not None:
            raise RuntimeError(f"weir ended with {self.process.returncode}: "
                               f"{open(self.log_path, encoding='utf-8').read()[-3000:]}")
        data = json.dumps(body).encode() if isinstance(body, (dict, list)) else body
        req = urllib.request.Request(f"https://127.0.0.1:{port or self.port}{path}", data=data,
                                     method=method)
        req.add_header("content-type", "application/json")
        if key or self.key:
            req.add_header("authorization", f"Bearer {key or self.key}")
        for k, v in (headers or {}).items():
            req.add_header(k, v)
        try:
            with urllib.request.urlopen(req, context=self.context(), timeout=timeout_s) as r:
                return r.status, {k.lower(): v for k, v in r.headers.items()}, r.read()
        except urllib.error.HTTPError as e:
            return e.code, {k.lower(): v for k, v in e.headers.items()}, e.read()
        except (OSError, ValueError, http.client.HTTPException):
            return 0, {}, b""

    def get(self, path, **kw):
        return self.request("GET", path, **kw)

    def chat(self, text, *, model="auto", stream=False, headers=None, key=None, **more):
        """One user message; (status, headers, answer dict or list of SSE data)."""
        messages = more.pop("messages", None) or [{"role": "user", "content": text}]
        body = {"model": model, "messages": messages, "stream": stream, **more}
        status, head, raw = self.request("POST", "/v1/chat/completions", body, headers, key)
        if stream and status == 200:
            return status, head, [line[5:].strip() for line in raw.decode().split("\n")
                                  if line.startswith("data:")]
        try:
            return status, head, json.loads(raw)
        except ValueError:
            return status, head, {"raw": raw.decode("utf-8", "replace")}

    def pids(self):
        """{'gateway': pid, 'engine': pid} of the children."""
        found = {}
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                    parent = int(f.read().rsplit(")", 1)[1].split()[1])
                with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as f:
                    args = f.read().split("\0")
            except (OSError, ValueError, IndexError):
                continue  # not a process, or one that has just ended
            for what in ("gateway", "engine"):
                if parent == self.process.pid and f"{what}-child" in args:
                    found[what] = int(entry)
        return found

    def stop(self, timeout_s=20):
        """SIGTERM; the exit code."""
        if not self.process:
            return None
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout_s)
        self.log.close()
        self.process = None
        return code

    def kill(self):
        if self.process and self.process.poll() is None:
            for pid in self.pids().values():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            self.process.kill()
            self.process.wait(10)
        if self.process:
            self.log.close()
        self.process = None

    def verify(self):
        """(exit code, text) of `weir audit verify`."""
        done = self.command("audit", "verify", self.audit, check=False)
        return done.returncode, done.stdout.decode() + done.stderr.decode()

    def leaves(self):
        """All records, as dicts, each with its index as `_index`."""
        out = self.command("audit", "show", self.audit, "--json").stdout.decode()
        rows = [json.loads(line) for line in out.splitlines() if line.strip()]
        return [dict(r["leaf"], _index=r["index"]) for r in rows]
