"""Goal: who runs the machine has the log's key, and can write a log that is coherent and still not the one that was
promised; who reads it can be lied to, or kept waiting. Method: files rewritten and signed again with the log's own key,
things that are no files in the place of files, a witness that lies."""
import base64
import hashlib
import http.server
import json
import os
import shutil
import stat
import subprocess
import sys
import threading

import pytest

import harness

sys.path.insert(0, os.path.join(harness.ROOT, "tools"))
import audit_verify as second  # noqa: E402

VERIFIER = os.path.join(harness.ROOT, "tools", "audit_verify.py")


class Signer:
    """Ed25519 signatures (RFC 8032) under any name."""

    def __init__(self, name, seed, kind=1):
        h = hashlib.sha512(seed).digest()
        self.a = (int.from_bytes(h[:32], "little") & ((1 << 254) - 8)) | (1 << 254)
        self.prefix, self.pub = h[32:], self.encode(second._mul(self.a, second.BASE))
        self.key = second.Key(kind, name.encode(), self.pub)

    @staticmethod
    def of_log(directory, name=None):
        with open(os.path.join(directory, "keys", "log.key"), encoding="utf-8") as f:
            parts = f.read().strip().split("+", 4)
        return Signer(name or parts[2], base64.b64decode(parts[4])[1:])

    @staticmethod
    def encode(p):
        z = pow(p[2], second.P - 2, second.P)
        return (p[1] * z % second.P | (p[0] * z % second.P & 1) << 255).to_bytes(32, "little")

    def sign(self, msg):
        r = int.from_bytes(hashlib.sha512(self.prefix + msg).digest(), "little") % second.Q
        big_r = self.encode(second._mul(r, second.BASE))
        k = int.from_bytes(hashlib.sha512(big_r + self.pub + msg).digest(), "little") % second.Q
        return big_r + ((r + k * self.a) % second.Q).to_bytes(32, "little")

    def line(self, raw):
        return "— ".encode() + self.key.name + b" " + base64.b64encode(self.key.id + raw) + b"\n"

    def note(self, text):
        return text + b"\n" + self.line(self.sign(text))

    def cosign(self, text, when):
        return self.line(when.to_bytes(8, "big") + self.sign(b"cosignature/v1\ntime %d\n" % when + text))

    def vkey(self):
        k = self.key
        return f"{k.name.decode()}+{k.id.hex()}+{base64.b64encode(bytes([k.kind]) + k.pub).decode()}"


@pytest.fixture
def make(tmp_path, weir):
    def it(requests=30, per_period=0, name="log"):
        d = tmp_path / name
        subprocess.run([os.path.join(os.path.dirname(weir), "tests", "fault", "audit_make"), str(d), "weir.test/red", "r",
                        str(requests), "65536", str(per_period), "clean"], check=True, stderr=subprocess.DEVNULL)
        return str(d)

    return it


def both(weir, d, *more):
    """The exit codes of the two verifiers, and what the first said."""
    one = subprocess.run([weir, "audit", "verify", d, "--json", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=20, check=False)
    two = subprocess.run([sys.executable, VERIFIER, d, "--json", *more], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         timeout=20, check=False)
    assert b"Traceback" not in two.stderr, two.stderr
    a, b = (json.loads(x.stdout) if x.stdout else {} for x in (one, two))
    assert a.get("first_bad") == b.get("first_bad")
    return one.returncode, two.returncode, a


def write(path, data):
    with open(path, "wb") as f:
        f.write(data)


def read(path):
    with open(path, "rb") as f:
        return f.read()


def test_what_is_no_file_keeps_nobody_waiting(make, weir):
    d = make()
    assert both(weir, d)[:2] == (0, 0)
    tile = "tile/0/000.p"
    names = ["log.conf", "state", "checkpoint", "wal/" + sorted(os.listdir(os.path.join(d, "wal")))[0], "LOCK", "periods",
             f"{tile}/{os.listdir(os.path.join(d, tile))[0]}", "witnessed"]
    for name in names:
        for kind in ("pipe", "folder"):
            path, aside = os.path.join(d, name), d + ".aside"
            there = os.path.exists(path)
            if there:
                os.rename(path, aside)
            if kind == "pipe":
                os.mkfifo(path)
            else:
                os.mkdir(path)
            if name != "LOCK" and not (name == "periods" and kind == "folder"):
                one, two, _ = both(weir, d)
                assert one == two and one in (1, 2), (name, kind, one, two)
            else:
                assert both(weir, d)[:2] == (0, 0), (name, kind)
            (os.remove if stat.S_ISFIFO(os.stat(path).st_mode) else os.rmdir)(path)
            if there:
                os.rename(aside, path)
    assert both(weir, d)[:2] == (0, 0)


@pytest.mark.parametrize("what", ["next", "tile", "deep", "huge"])
def test_both_say_the_same_of_a_strange_place(make, weir, what):
    d = make()
    if what == "next":
        write(os.path.join(d, "next"), b"x")
    elif what == "tile":
        shutil.rmtree(os.path.join(d, "tile"))
        write(os.path.join(d, "tile"), b"x")
    elif what == "deep":
        os.makedirs(os.path.join(d, "tile", *["a"] * 40))
    else:
        os.truncate(os.path.join(d, "wal", f"{0:020d}.wal"), 1 << 40)
    one, two, _ = both(weir, d)
    assert one == two and one in (1, 2)


def test_a_number_of_any_length_is_only_wrong(make, weir):
    d = make()
    s = Signer.of_log(d)
    lines = read(os.path.join(d, "checkpoint")).split(b"\n")
    write(os.path.join(d, "checkpoint"), s.note(b"\n".join([lines[0], b"9" * 5000, lines[2]]) + b"\n"))
    assert both(weir, d)[:2] == (1, 1)


def test_one_witness_is_one_witness(make, weir):
    d = make()
    seed = b"w" * 32
    w, same = Signer("witness.test/a", seed, 4), Signer("witness.test/b", seed, 4)
    note = read(os.path.join(d, "checkpoint"))
    text = note[:note.index(b"\n\n") + 1]
    write(os.path.join(d, "checkpoint"), note + w.cosign(text, 1800000000) + same.cosign(text, 1800000000))
    assert both(weir, d, "--witness", w.vkey())[:2] == (0, 0)
    for other in (w, same):
        assert both(weir, d, "--witness", w.vkey(), "--witness", other.vkey(), "--quorum", "2")[:2] == (2, 2)
    assert both(weir, d, "--quorum", "1")[:2] == (2, 2), "a quorum of nobody"


def test_a_period_that_has_just_begun_makes_no_monitor_forget(make, weir, tmp_path):
    d = make(300, 40)
    s = Signer.of_log(d, second.load_conf(second.Place("", d))[0].name.decode())
    first = os.path.join(d, "wal", f"{0:020d}.wal")
    header = read(first)[:132]
    empty = base64.b64encode(hashlib.sha256(b"").digest())
    write(os.path.join(d, "checkpoint"), s.note(s.key.name + b"\n0\n" + empty + b"\n"))
    write(os.path.join(d, "state"), s.note(
        b"weir-audit-state/1\norigin " + s.key.name + b"\nsize 0\nroot " + empty + b"\nsegment " + b"0" * 20 +
        b"\nend 132\nsha256 " + base64.b64encode(hashlib.sha256(header).digest()) + b"\nclean no\n"))
    assert both(weir, d)[:2] == (0, 0)
    before = sorted(os.listdir(os.path.join(d, "periods")))[-1]
    kept = tmp_path / "kept"
    shutil.copy(os.path.join(d, "periods", before, "checkpoint"), kept)
    seen = kept.read_bytes()
    done = subprocess.run([weir, "audit", "monitor", d, "--state", str(kept), "--once"], check=False)
    assert done.returncode == 0
    assert kept.read_bytes() == seen, "size 0 would let all that came before be written anew"


def test_periods_without_cosignatures_are_told(make, weir):
    d = make(300, 40)
    w = Signer("witness.test/a", b"w" * 32, 4)
    note = read(os.path.join(d, "checkpoint"))
    text = note[:note.index(b"\n\n") + 1]
    write(os.path.join(d, "checkpoint"), note + w.cosign(text, 1800000000))
    one, two, report = both(weir, d, "--witness", w.vkey())
    closed = len(os.listdir(os.path.join(d, "periods")))
    assert (one, two) == (0, 0) and closed > 0 and report["unwitnessed_periods"] == closed
    assert second.verify(d, witnesses=[w.vkey()])["unwitnessed_periods"] == closed


class Liar(http.server.BaseHTTPRequestHandler):
    """A witness whose own line is good. The others are what would ruin the note they are added to."""

    def log_message(self, *args):
        pass

    def do_POST(self):
        note = self.rfile.read(int(self.headers["content-length"])).split(b"\n\n", 1)[1]
        text = note[:note.index(b"\n\n") + 1]
        name, key_id = note.split("— ".encode(), 1)[1].split(b" ", 1)
        forged = base64.b64encode(base64.b64decode(key_id.split(b"\n")[0])[:4] + b"\0" * 64)
        junk = ("— ".encode() + b"x AAAAAAA=\n") * 60
        reply = "— ".encode() + name + b" " + forged + b"\n" + self.server.signer.cosign(text, 1800000000) + junk
        self.server.asked += 1
        self.send_response(200)
        self.send_header("content-length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)


def test_a_witness_that_lies_ruins_nothing(tmp_path, weir, eu):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Liar)
    server.signer, server.asked = Signer("witness.test/liar", b"l" * 32, 4), 0
    threading.Thread(target=server.serve_forever, daemon=True).start()
    one = f"{{ name: liar, url: 'http://127.0.0.1:{server.server_port}/', vkey: '{server.signer.vkey()}' }}"
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]",
                        audit=f"on_failure: refuse, content: off, witnesses: [ {one} ]")
    try:
        for i in range(3):
            assert g.chat(f"hello {i}", model="eu/gpt-x")[0] == 200
        harness.wait_for("the witness", lambda: server.asked > 0, 20)
        assert g.stop() == 0
        assert both(weir, g.audit, "--witness", server.signer.vkey())[:2] == (0, 0)
        g.start()
        assert g.chat("again", model="eu/gpt-x")[0] == 200
        assert g.stop() == 0
    finally:
        g.kill()
        server.shutdown()
