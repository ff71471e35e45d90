"""Witnesses: what they sign, what they refuse, that they remember it over a kill, and that a gateway neither
waits for them nor hides from them. Periods: a gateway goes from one to the next under load. Both verifiers
look at everything."""
import base64
import hashlib
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

import pytest

import harness

sys.path.insert(0, os.path.join(harness.ROOT, "tools"))
import audit_verify as second  # noqa: E402

PLAIN = "on_failure: refuse, content: off"


class Witness:
    def __init__(self, folder, weir, standin, name):
        self.folder, self.weir, self.certs, self.ca = str(folder), weir, standin.certs, standin.ca
        self.port, self.process = harness.free_port(), None
        self.vkey = subprocess.run([weir, "audit", "witness", self.folder, "--init", "--name", name], check=True,
                                   stdout=subprocess.PIPE).stdout.decode().strip()
        self.context = ssl.create_default_context(cafile=self.ca)

    @property
    def url(self):
        return f"https://127.0.0.1:{self.port}/"

    def start(self, *logs, rate=100000):
        args = [a for v in logs for a in ("--log", v)]
        self.out = open(self.folder + ".log", "ab")
        self.process = subprocess.Popen(
            [self.weir, "audit", "witness", self.folder, "--listen", f"127.0.0.1:{self.port}", "--cert",
             os.path.join(self.certs, "server.pem"), "--key", os.path.join(self.certs, "server.key"), "--rate",
             str(rate), *args], stdout=self.out, stderr=self.out)
        harness.wait_for("the witness", lambda: self.request("vkey")[0] == 200, 10)
        return self

    def request(self, path, body=None):
        """(status, content type, body)"""
        req = urllib.request.Request(self.url + path, data=body)
        try:
            with urllib.request.urlopen(req, context=self.context, timeout=10) as r:
                return r.status, r.headers["content-type"], r.read()
        except urllib.error.HTTPError as e:
            return e.code, e.headers["content-type"], e.read()
        except OSError:
            return 0, "", b""

    def add(self, old, proof, note):
        lines = b"".join(base64.b64encode(h) + b"\n" for h in proof)
        return self.request("add-checkpoint", b"old %d\n" % old + lines + b"\n" + note)

    def end(self, sig=signal.SIGTERM):
        if self.process and self.process.poll() is None:
            self.process.send_signal(sig)
            self.process.wait(15)
        self.process = None
        self.out.close()


@pytest.fixture
def witnesses(tmp_path, weir, eu):
    made = [Witness(tmp_path / n, weir, eu, f"witness.test/{n}") for n in ("w1", "w2")]
    yield made
    for w in made:
        if w.process:
            w.end(signal.SIGKILL)


@pytest.fixture
def gateways(tmp_path, weir, eu):
    made = []

    def make(audit, name="gw"):
        made.append(harness.Gateway(str(tmp_path / name), weir, backends=[harness.backend("eu", eu, "EU")],
                                    routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]", audit=audit))
        return made[-1]

    yield make
    for g in made:
        g.kill()


def settings(witnesses, quorum):
    one = ", ".join(f"{{ name: w{i}, url: '{w.url}', vkey: '{w.vkey}', ca: '{w.ca}' }}"
                    for i, w in enumerate(witnesses))
    return f"{PLAIN}, witnesses: [ {one} ], quorum: {quorum}"


def vkey_of(g):
    with open(os.path.join(g.audit, "log.conf"), encoding="utf-8") as f:
        return next(line[5:].strip() for line in f if line.startswith("vkey "))


def metric(g, name):
    text = g.request("GET", "/metrics", port=g.admin_port)[2].decode()
    return [float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if line.startswith(name)]


def talk(g, n):
    for i in range(n):
        assert g.chat(f"hello {i}", model="eu/gpt-x")[0] == 200


def verify(g, *more):
    return g.command("audit", "verify", g.audit, "--json", *more, check=False)


def test_checkpoints_are_countersigned(gateways, witnesses, tmp_path):
    g = gateways(settings(witnesses, 2))
    talk(g, 3)  # nobody is there yet, and nothing waits
    key = vkey_of(g)
    for w in witnesses:
        w.start(key)
    talk(g, 3)
    harness.wait_for("the quorum", lambda: metric(g, "weir_audit_witnessed_size")[:1] >= [7], 20)
    assert metric(g, "weir_audit_witness_refused_total") == [0, 0]
    assert g.stop() == 0
    flags = ["--vkey", key, "--quorum", "2"] + [a for w in witnesses for a in ("--witness", w.vkey)]
    done = verify(g, *flags)
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["cosigned"] == 2
    assert report["witnessed"] == report["size_signed"], "the last checkpoint of an orderly stop too"
    py = second.verify(g.audit, key, [w.vkey for w in witnesses], 2)
    assert py["holds"] and py["witnessed"] == report["witnessed"]
    proof = g.command("audit", "prove", g.audit, "5").stdout
    path = tmp_path / "proof"
    path.write_bytes(proof)
    done = g.command("audit", "verify-proof", str(path), *flags)
    assert json.loads(done.stdout)["v"] == 1
    assert second.verify_proof(proof, key, [w.vkey for w in witnesses], 2)[1] == 5
    other = Witness(tmp_path / "w3", g.weir, witnesses[0], "witness.test/w3")
    done = verify(g, *flags, "--witness", other.vkey, "--quorum", "3")
    assert done.returncode == 1 and "3 must" in json.loads(done.stdout)["problem"]
    text = (tmp_path / "gw" / "audit" / "checkpoint").read_bytes()
    (tmp_path / "gw" / "audit" / "checkpoint").write_bytes(  # a cosignature that was changed
        text[:-20] + (b"A" if text[-20:-19] != b"A" else b"B") + text[-19:])
    assert verify(g, *flags).returncode == 1
    assert not second.verify(g.audit, key, [w.vkey for w in witnesses], 2)["holds"]


def test_a_rollback_is_an_alarm(gateways, witnesses, tmp_path):
    w = witnesses[0]
    g = gateways(settings([w], 1))
    w.start(vkey_of(g))
    talk(g, 2)
    g.stop()
    shutil.copytree(g.audit, tmp_path / "old")
    g.start()
    talk(g, 4)
    g.stop()
    assert verify(g, "--witness", w.vkey).returncode == 0
    kept = tmp_path / "kept"  # what an auditor's monitor saw
    assert g.command("audit", "monitor", g.audit, "--state", str(kept), "--once").returncode == 0
    shutil.rmtree(g.audit)
    shutil.copytree(tmp_path / "old", g.audit)
    assert verify(g).returncode == 0, "the directory alone cannot tell"
    done = g.command("audit", "monitor", g.audit, "--state", str(kept), "--once", check=False)
    assert done.returncode == 1 and b"rolled back" in done.stdout
    done = verify(g, "--checkpoint", str(kept))
    assert done.returncode == 1
    assert not second.verify(g.audit, kept=[kept.read_bytes()])["holds"]
    g.start()
    talk(g, 1)  # it serves; the alarm is raised
    harness.wait_for("the alarm", lambda: sum(metric(g, "weir_audit_witness_refused_total")) > 0, 20)
    with open(g.log_path, encoding="utf-8") as f:
        assert "rolled back" in f.read()


def test_what_a_witness_refuses(witnesses, gateways, tmp_path):
    w = witnesses[0]
    g = gateways(PLAIN)
    key = vkey_of(g)
    talk(g, 4)
    g.stop()
    with open(os.path.join(g.audit, "checkpoint"), "rb") as f:
        first = f.read()
    size = int(first.split(b"\n")[1])
    g.start()
    talk(g, 4)
    g.stop()
    with open(os.path.join(g.audit, "checkpoint"), "rb") as f:
        now = f.read()
    old_file = tmp_path / "old"
    old_file.write_bytes(first)
    made = g.command("audit", "consistency", g.audit, str(old_file)).stdout
    assert second.verify_consistency(made, first, key)[0] == size
    proof = second.proof_hashes(made.split(b"\n\n")[0].split(b"\n")[3:])
    w.start(key)
    known = second.need_vkey(w.vkey, 4)
    assert w.request("add-checkpoint", b"nonsense")[0] == 400
    assert w.add(0, [], b"other.example/log\n1\n" + first.split(b"\n", 2)[2])[0] == 404
    damaged = first[:-8] + (b"AAAA" if first[-8:-4] != b"AAAA" else b"BBBB") + first[-4:]
    assert w.add(0, [], damaged)[0] == 403
    assert w.add(size + 1, [], first)[0] == 400
    assert w.add(size, [], first)[:1] == (409,)
    assert w.request("add-checkpoint", b"x" * 200000)[0] == 413
    status, _, line = w.add(0, [], first)
    assert status == 200 and second.is_cosigned(first + line, known, "it")
    assert w.add(0, [], now)[1:] == ("text/x.tlog.size", b"%d\n" % size), "409 says where it is"
    assert w.add(size, proof[:-1], now)[0] == 422
    assert w.add(size, [hashlib.sha256(b"x").digest()] + proof[1:], now)[0] == 422
    w.end(signal.SIGKILL)  # it has not forgotten
    w.start(key)
    assert w.add(0, [], first)[0] == 409
    assert w.add(size, proof, now)[0] == 200
    assert w.add(size, [], first)[0] == 409, "never back"
    hexed = hashlib.sha256(b"weir.test/gw1").hexdigest()
    status, _, latest = w.request(hexed + "/checkpoint")
    assert status == 200 and latest.startswith(now) and second.is_cosigned(latest, known, "it")
    assert w.request("0" * 64 + "/checkpoint")[0] == 404
    # a fork: another log of the same key and origin, as long as this one
    shutil.copytree(os.path.join(g.audit, "keys"), tmp_path / "fork" / "keys")
    make = os.path.join(os.path.dirname(g.weir), "tests", "fault", "audit_make")
    subprocess.run([make, str(tmp_path / "fork"), "weir.test/gw1", "f", "60", "65536", "0", "clean"], check=True,
                   stderr=subprocess.DEVNULL)
    with open(tmp_path / "fork" / "checkpoint", "rb") as f:
        fork = f.read()
    at = int(now.split(b"\n")[1])
    (tmp_path / "now").write_bytes(now)
    assert g.command("audit", "consistency", str(tmp_path / "fork"), str(tmp_path / "now"), check=False).returncode == 1
    assert w.add(at, proof, fork)[0] == 422
    w.end()
    w.start(key, rate=3)
    assert [w.request("vkey")[0] for _ in range(5)][-1] == 429


def test_one_address_cannot_keep_a_witness_busy(witnesses, gateways):
    w = witnesses[0].start(vkey_of(gateways(PLAIN)))
    idle = [socket.create_connection(("127.0.0.1", w.port)) for _ in range(40)]
    try:
        time.sleep(0.5)
        raw = socket.create_connection(("127.0.0.1", w.port), timeout=5, source_address=("127.0.0.2", 0))
        with w.context.wrap_socket(raw, server_hostname="127.0.0.1") as s:
            s.sendall(b"GET /vkey HTTP/1.1\r\nhost: x\r\n\r\n")
            assert s.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        for c in idle:
            c.close()


def test_a_gateway_changes_its_period_under_load(gateways, witnesses, tmp_path):
    w = witnesses[0]
    g = gateways(settings([w], 1) + ", period_records: 40")
    key = vkey_of(g)
    w.start(key)
    kept = tmp_path / "kept"
    seen, lock = [], threading.Lock()

    def many():
        for i in range(20):
            status, head, _ = g.chat(f"hello {i}", model="eu/gpt-x")
            with lock:
                seen.append((status, int(head["x-weir-log-index"])))

    threads = [threading.Thread(target=many) for _ in range(4)]
    for t in threads:
        t.start()
    for _ in range(5):
        done = g.command("audit", "monitor", g.audit, "--state", str(kept), "--vkey", key, "--once", check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        time.sleep(0.3)
    for t in threads:
        t.join()
    assert g.stop() == 0
    assert all(s == 200 for s, _ in seen) and len({i for _, i in seen}) == 80, "a number is given once"
    done = verify(g, "--vkey", key, "--witness", w.vkey)
    r = json.loads(done.stdout)
    assert done.returncode == 0 and r["periods"] >= 2 and r["intents"] == 80 and r["outcomes"] == 80
    assert second.verify(g.audit, key, [w.vkey])["leaves"] == r["leaves"]
    intents = {x["_index"] for x in g.leaves() if x["ev"] == "req.intent"}
    assert intents == {i for _, i in seen}
    for number in (seen[0][1], seen[-1][1]):
        proof = g.command("audit", "prove", g.audit, str(number)).stdout
        assert json.loads(second.verify_proof(proof, key)[3])["ev"] == "req.intent"
    for place in [g.audit] + [os.path.join(g.audit, "periods", n) for n in os.listdir(os.path.join(g.audit, "periods"))]:
        assert second.verify_tiles(place, key) > 0
    shutil.move(os.path.join(g.audit, "periods", "0001"), tmp_path / "gone")
    assert verify(g).returncode == 1
    assert not second.verify(g.audit, key)["holds"]


def signed(g):
    """The size of the newest checkpoint."""
    with open(os.path.join(g.audit, "checkpoint"), encoding="utf-8") as f:
        return int(f.read().split("\n")[1])


def test_a_late_quorum_stays_with_its_period(gateways, witnesses):
    """The first period's name is how every other's begins: what its witness signs after the change must not stand
    beside the next period's checkpoint."""
    w = witnesses[0]
    g = gateways(settings([w], 1) + ", period_records: 40")
    w.start(vkey_of(g))
    harness.wait_for("the first quorum", lambda: metric(g, "weir_audit_witnessed_size")[:1] >= [1], 20)
    w.process.send_signal(signal.SIGSTOP)  # connections are taken, answers wait
    try:
        before = signed(g)
        talk(g, 3)
        harness.wait_for("a checkpoint", lambda: signed(g) > before, 20)
        time.sleep(0.6)  # the witness is asked about it: five looks a second
        talk(g, 17)
        harness.wait_for("the next period", lambda: os.path.isdir(os.path.join(g.audit, "periods", "0001"))
                         and not os.path.exists(os.path.join(g.audit, "next")), 20, 0.01)
    finally:
        w.process.send_signal(signal.SIGCONT)
    seen, end = set(), time.monotonic() + 2
    while time.monotonic() < end:
        try:
            with open(os.path.join(g.audit, "witnessed"), encoding="utf-8") as f:
                seen.add(f.readline().strip())
        except FileNotFoundError:
            pass
        time.sleep(0.003)
    with open(os.path.join(g.audit, "checkpoint"), encoding="utf-8") as f:
        assert seen <= {f.readline().strip()}, seen
