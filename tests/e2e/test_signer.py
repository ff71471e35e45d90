"""Goal: with `signer: process` the gateway never has the log's key; the process that has it signs only trees that extend
what it signed, lives without network or files of others, and may die: records go on, the checkpoint comes later.
"""
import base64
import os
import signal
import struct
import subprocess
import socket

import pytest

import harness


@pytest.fixture()
def own(tmp_path, weir, eu):
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, routing="  commodity: [eu/gpt-x]\n",
                        backends=[harness.backend("eu", eu, "EU")],
                        audit="on_failure: refuse, content: off, signer: process, signer_directory: keeper")
    g.key = g.new_key("tests")
    g.start()
    yield g
    g.kill()


def signer_pid(g):
    for entry in os.listdir("/proc"):
        try:
            with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as f:
                parent = int(f.read().rsplit(")", 1)[1].split()[1])
            with open(f"/proc/{entry}/cmdline", encoding="utf-8", errors="replace") as f:
                args = f.read().split("\0")
        except (OSError, ValueError, IndexError):
            continue
        if g.process and parent == g.process.pid and "signer-child" in args:
            return int(entry)
    return None


def seed_of(g):
    with open(os.path.join(g.folder, "keeper", "keys", "log.key"), encoding="utf-8") as f:
        return base64.b64decode(f.read().strip().split("+", 4)[4] + "==")[1:33]


def memory_of(pid):
    found = b""
    with open(f"/proc/{pid}/maps", encoding="utf-8") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            span, rights = line.split()[:2]
            if "rw" not in rights or "[v" in line:
                continue
            lo, hi = (int(x, 16) for x in span.split("-"))
            try:
                mem.seek(lo)
                found += mem.read(min(hi - lo, 64 << 20))
            except (OSError, ValueError, OverflowError):
                pass
    return found


def signed(g):
    with open(os.path.join(g.audit, "checkpoint"), encoding="utf-8") as f:
        return int(f.read().split("\n")[1])


def test_the_gateway_has_no_key(own):
    g = own
    assert g.chat("hello")[0] == 200
    harness.wait_for("a checkpoint", lambda: signed(g) >= 4, 10)
    assert not os.path.exists(os.path.join(g.audit, "keys", "log.key"))
    try:
        memory = memory_of(g.pids()["gateway"])
    except PermissionError:
        pytest.skip("this user may not look into the gateway's memory")
    assert len(memory) > 1 << 20
    assert seed_of(g) not in memory
    code, text = g.verify()
    assert code == 0, text
    assert g.stop() == 0
    assert g.verify()[0] == 0
    g.start()
    assert g.chat("hello")[0] == 200
    assert g.stop() == 0
    assert g.verify()[0] == 0


def test_the_signer_is_shut_in(own):
    pid = signer_pid(own)
    with open(f"/proc/{pid}/status", encoding="utf-8") as f:
        status = f.read()
    assert "Seccomp:\t2" in status and "NoNewPrivs:\t1" in status
    fds = {os.readlink(f"/proc/{pid}/fd/{n}") for n in os.listdir(f"/proc/{pid}/fd") if int(n) > 2}
    assert all(f.startswith("socket:") for f in fds) and len(fds) == 1, fds


def test_a_dead_signer_delays_only_the_checkpoint(own):
    g = own
    assert g.chat("hello")[0] == 200
    for _ in range(3):
        before = signer_pid(g)
        os.kill(before, signal.SIGSTOP)  # there, and silent
        assert g.chat("while it is away")[0] == 200
        os.kill(before, signal.SIGKILL)
        assert g.chat("while it is gone")[0] == 200
        harness.wait_for("another signer", lambda b=before: signer_pid(g) not in (None, b), 15)
        size = len(g.leaves())
        harness.wait_for("the late checkpoint", lambda n=size: signed(g) >= n, 20)
    assert g.get("/readyz")[0] == 200
    metrics = g.request("GET", "/metrics", port=g.admin_port)[2].decode()
    assert "weir_audit_signer_up 1" in metrics and "weir_audit_failed 0" in metrics
    assert g.stop() == 0
    assert g.verify()[0] == 0


def test_the_gateway_dies_under_it(own):
    g = own
    for _ in range(2):
        assert g.chat("hello")[0] == 200
        os.kill(g.pids()["gateway"], signal.SIGKILL)
        harness.wait_for("the gateway again", lambda: g.get("/readyz")[0] == 200, 30)
    assert g.chat("hello")[0] == 200
    assert g.stop() == 0
    assert g.verify()[0] == 0


def test_an_older_copy_is_not_signed(own):
    """The log is put back to an earlier state that holds by itself: the signer knows better."""
    g = own
    assert g.chat("hello")[0] == 200
    assert g.stop() == 0
    copy = g.audit + ".copy"
    subprocess.run(["cp", "-a", g.audit, copy], check=True)
    g.start()
    assert g.chat("hello")[0] == 200
    assert g.stop() == 0
    subprocess.run(["rm", "-r", g.audit], check=True)
    os.rename(copy, g.audit)
    assert g.verify()[0] == 0, "by itself it holds"
    with pytest.raises((TimeoutError, RuntimeError)):
        g.start(timeout_s=10)
    with open(g.log_path, encoding="utf-8") as f:
        assert "were signed before" in f.read()


def test_it_signs_nothing_else(tmp_path, weir, own):
    """A gateway that is taken over asks for what it likes: every forged request is refused."""
    g = own
    assert g.chat("hello")[0] == 200
    assert g.stop() == 0
    ours, theirs = socket.socketpair()
    os.set_inheritable(theirs.fileno(), True)
    keeper = subprocess.Popen([weir, "signer-child", "--directory", os.path.join(g.folder, "keeper"),
                               "--origin", "weir.test/gw1", "--fd", str(theirs.fileno())],
                              pass_fds=[theirs.fileno()], env=g.env, stderr=subprocess.DEVNULL)
    theirs.close()

    def ask(kind, payload):
        ours.sendall(struct.pack("<I", len(payload) + 1) + kind + payload)
        n, = struct.unpack("<I", ours.recv(4, socket.MSG_WAITALL))
        answer = ours.recv(n, socket.MSG_WAITALL)
        return answer[:1], answer[1:]

    try:
        kind, who = ask(b"H", b"")
        assert kind == b"h" and who[32:] == b"weir.test/gw1"
        kind, size = ask(b"Q", b"weir.test/gw1")
        size, = struct.unpack("<Q", size)
        assert kind == b"q" and size == signed(g)
        with open(os.path.join(g.audit, "checkpoint"), encoding="utf-8") as f:
            text = f.read().split("\n\n")[0] + "\n"
        assert ask(b"S", text.encode())[0] == b"s", "what it signed before it signs again"
        origin, _, root = text.split("\n")[:3]
        other = base64.b64encode(b"\1" * 32).decode()
        for forged in (f"{origin}\n{size}\n{other}\n", f"{origin}\n{size - 1}\n{root}\n",
                       f"{origin}\n{size + 1}\n{root}\n", f"{origin}2\n{size}\n{root}\n", "hello\n", "",
                       f"{origin}\n{size}\n{root}\nmore\n", f"{origin}\n0\n{root}\n",
                       f"weir-audit-log/1\norigin {origin}\nvkey x\ncreated 1\n"):
            assert ask(b"S", forged.encode())[0] == b"e", forged
        assert ask(b"X", struct.pack("<Q", size + 1) + b"\0" * 32 + origin.encode())[0] == b"e"
        assert ask(b"X", struct.pack("<Q", size - 1) + b"\0" * 32 + origin.encode())[0] == b"e"
        assert ask(b"Z", b"")[0] == b"e"
        # it cannot be made to forget a tree, nor to begin a period twice under two names
        leaf = b"\7" * 32

        def begin(name):
            ask(b"X", struct.pack("<Q", 0) + leaf + name.encode())
            return ask(b"S", f"{name}\n1\n{base64.b64encode(leaf).decode()}\n".encode())[0]

        assert [begin(f"{origin}/{i}") for i in range(6)] == [b"e"] * 6, "no period of this log"
        for i in range(6):
            ask(b"X", struct.pack("<Q", 0) + leaf + f"{origin}/2030-0{i + 1}.9".encode())
        assert begin(origin) == b"e" and ask(b"S", text.encode())[0] == b"s"
        assert begin(f"{origin}/2026-11.2") == b"s" and begin(f"{origin}/2026-12.2") == b"e"
        assert [begin(f"{origin}/2027-01.{i}") for i in range(3, 8)] == [b"s"] * 5
        assert [begin(x) for x in (origin, f"{origin}/2026-11.2", f"{origin}/2028-01.5")] == [b"e"] * 3
        ours.sendall(struct.pack("<I", 1 << 30) + b"S")
        assert ours.recv(1) == b"", "nonsense ends it"
        assert keeper.wait(10) == 1
    finally:
        keeper.kill()
        keeper.wait(10)
        ours.close()


def test_periods_follow_each_other_under_it(tmp_path, weir, eu):
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [eu/gpt-x]\n",
                        audit="on_failure: refuse, content: off, signer: process, signer_directory: keeper, "
                              "period_records: 12")
    try:
        for i in range(25):
            assert g.chat(f"hello {i}")[0] == 200
        assert g.stop() == 0
        g.start()
        assert g.chat("again")[0] == 200
        assert g.stop() == 0
        code, text = g.verify()
        assert code == 0 and "periods: " in text, text
    finally:
        g.kill()


def test_periods_are_signed_too(tmp_path, weir, eu):
    """A change of period needs five signatures of a new tree, from a signer that may be away; killed anywhere, all
    of it is made good."""
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, routing="  commodity: [eu/gpt-x]\n",
                        backends=[harness.backend("eu", eu, "EU")],
                        audit="on_failure: refuse, content: off, signer: process, signer_directory: keeper, "
                              "period_records: 15")
    g.key = g.new_key("tests")
    g.start()
    try:
        def periods():
            folder = os.path.join(g.audit, "periods")
            return len(os.listdir(folder)) if os.path.isdir(folder) else 0

        def on_to(n):
            def more():
                assert g.chat("hello")[0] == 200
                return periods() >= n

            harness.wait_for(f"period {n} to end", more, 30)

        on_to(5)  # more trees than the signer remembers
        os.kill(signer_pid(g), signal.SIGSTOP)
        for _ in range(12):  # the next change is due, nobody signs it: records go on
            assert g.chat("while it is away")[0] == 200
        os.kill(signer_pid(g), signal.SIGKILL)
        on_to(6)
        os.kill(g.pids()["gateway"], signal.SIGKILL)
        harness.wait_for("the gateway again", lambda: g.get("/readyz")[0] == 200, 30)
        on_to(7)
        assert g.stop() == 0
        code, text = g.verify()
        assert code == 0, text
        assert not os.path.exists(os.path.join(g.audit, "keys", "log.key"))
        g.start()
        on_to(periods() + 1)
        assert g.stop() == 0
        assert g.verify()[0] == 0
    finally:
        g.kill()


def test_offline_orders_say_who_has_the_key(own):
    """What appends to the log needs the signer: with no gateway there, the command says so and changes nothing."""
    g = own
    assert g.chat("hello", headers={"x-weir-subject": "anna"})[0] == 200
    assert g.command("audit", "hold", g.audit, "--subject", "anna", "--reason", "case", "--tenant", "acme").returncode == 0
    assert g.stop() == 0

    def files():
        out = {}
        for name in ("state", "checkpoint", "log.conf", "keys/holds.json"):
            with open(os.path.join(g.audit, name), "rb") as f:
                out[name] = f.read()
        return out

    before = files()
    for args in (("erase", g.audit, "--subject", "anna"), ("hold", g.audit, "--subject", "anna", "--release"),
                 ("content", g.audit, "--req", "x")):
        done = g.command("audit", *args, check=False)
        assert done.returncode == 2 and b"start the gateway" in done.stderr, (args, done)
    done = g.command("audit", "query", g.audit, check=False)
    assert done.returncode == 0 and b"NOT recorded: no gateway runs" in done.stderr, done
    assert files() == before
    assert g.verify()[0] == 0
    g.start()
    assert g.command("audit", "erase", g.audit, "--subject", "anna", check=False).returncode == 1, "it is held"
    g.command("audit", "hold", g.audit, "--subject", "anna", "--release")
    g.command("audit", "erase", g.audit, "--subject", "anna")
    assert g.stop() == 0
    assert g.verify()[0] == 0
