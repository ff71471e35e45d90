"""Goal: a disk that fills up, a log that fails and a queue that is full each do what the manual says, as a caller and
an operator see it.

Method: thresholds that the machine's disk is below from the start; system calls on the log's own files that strace
makes fail or wait.
"""
import json
import os
import re
import shutil
import subprocess
import threading
import time

import pytest

import harness


class Meddler:
    """strace on the gateway: the calls named in `inject` on one file of the log."""

    def __init__(self, g, inject):
        wal = os.path.join(g.audit, "wal")
        path = os.path.join(wal, sorted(f for f in os.listdir(wal) if f.endswith(".wal"))[-1])
        self.out = os.path.join(g.folder, "strace.out")
        self.process = subprocess.Popen(
            ["strace", "-f", "-o", self.out, "-p", str(g.pids()["gateway"]), "-P", path, "-e", "trace=fdatasync",
             "-e", f"inject=fdatasync:{inject}"], stderr=subprocess.PIPE, text=True)
        line = self.process.stderr.readline()
        if "attached" not in line:
            self.process.wait(10)
            pytest.skip(f"strace may not attach here: {line.strip()}")
        time.sleep(0.3)

    def end(self):
        self.process.terminate()
        self.process.wait(10)


def gateway(tmp_path, weir, eu, audit, **kw):
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, routing="  commodity: [eu/gpt-x]\n",
                        backends=[harness.backend("eu", eu, "EU")], audit=audit, **kw)
    g.key = g.new_key("tests")
    return g


def figure(g, name):
    text = g.request("GET", "/metrics", port=g.admin_port)[2].decode()
    return float(re.search(rf"^{name} (\S+)$", text, re.M).group(1))


def need_strace():
    if not shutil.which("strace"):
        pytest.skip("strace is not installed (tools/install_deps.sh)")


def test_a_full_disk_refuses_new_requests(tmp_path, weir, eu):
    big = 2000000000
    g = gateway(tmp_path, weir, eu, "on_failure: refuse, content: off, disk: "
                f"{{ warn_mib: {big}, refuse_content_mib: {big}, refuse_all_mib: {big} }}")
    try:
        with pytest.raises(TimeoutError):
            g.start(timeout_s=3)  # never ready
        status, _, body = g.get("/readyz")
        assert status == 503 and b"disk" in body
        arrived = len(eu.received())
        status, head, body = g.chat("hello")
        assert status == 503 and body["error"]["code"] == "audit_disk_full", body
        assert int(head["retry-after"]) >= 1
        assert len(eu.received()) == arrived, "nothing left"
        assert figure(g, "weir_audit_disk_stage") == 3
        assert figure(g, "weir_audit_disk_free_bytes") > 0
        assert g.stop() == 0, "what administrators do is still possible"
        leaves = g.leaves()
        assert [x["stage"] for x in leaves if x["ev"] == "log.disk"] == ["refuse-all"]
        assert not any(x["ev"] == "req.intent" for x in leaves)
        assert g.verify()[0] == 0
    finally:
        g.kill()


def test_a_warning_refuses_nothing(tmp_path, weir, eu):
    g = gateway(tmp_path, weir, eu, "on_failure: refuse, content: off, disk: { warn_mib: 2000000000 }")
    try:
        g.start()
        assert g.chat("hello")[0] == 200
        assert figure(g, "weir_audit_disk_stage") == 1
        with open(g.log_path, encoding="utf-8") as f:
            assert "make room" in f.read()
    finally:
        g.kill()


def test_a_failed_log_goes_on_in_its_spool(tmp_path, weir, eu):
    need_strace()
    g = gateway(tmp_path, weir, eu, "on_failure: spool-to-second-disk, spool: second, content: off")
    try:
        g.start()
        assert g.chat("before")[0] == 200
        m = Meddler(g, "error=EIO")
        told = []
        for i in range(8):
            status, head, _ = g.chat(f"meanwhile {i}")
            assert status == 200
            told.append((head["x-request-id"], int(head["x-weir-log-index"])))
        assert g.get("/readyz")[0] == 200
        assert figure(g, "weir_audit_spooling") == 1 and figure(g, "weir_audit_failed") == 0
        assert figure(g, "weir_audit_spooled_total") >= 16
        m.end()
        g.kill()
        second = os.path.join(g.folder, "second")
        spool = [d for d in os.listdir(second) if not d.endswith(".replayed")]
        for d in spool:
            assert g.command("audit", "verify", os.path.join(second, d)).returncode == 0
        g.start()
        assert g.chat("after")[0] == 200
        assert g.stop() == 0
        code, text = g.verify()
        assert code == 0, text
        leaves = g.leaves()
        at = {x["_index"]: x for x in leaves}
        for req, index in told:
            assert at[index]["ev"] == "req.intent" and at[index]["req"] == req, "the index that was promised"
        back = [x for x in leaves if x["ev"] == "log.replayed"]
        assert len(back) == 1 and back[0]["leaves"] >= 16
        assert [d.endswith(".replayed") for d in os.listdir(second)] == [True]
        assert not [x for x in leaves if x["ev"] == "req.outcome" and x["status"] == "unknown"]
    finally:
        g.kill()


def test_a_full_queue_says_try_again(tmp_path, weir, eu):
    need_strace()
    g = gateway(tmp_path, weir, eu, "on_failure: refuse, content: off, queue: 16")
    try:
        g.start()
        assert g.chat("hello")[0] == 200
        m = Meddler(g, "delay_enter=1500000")
        got = []
        threads = [threading.Thread(target=lambda: got.append(g.chat("hello"))) for _ in range(60)]
        for t in threads:
            t.start()
        for t in threads:
            t.join(60)
        m.end()
        busy = [(head, body) for status, head, body in got if status == 503]
        assert busy, [x[0] for x in got]
        assert all(int(head["retry-after"]) >= 1 and body["error"]["code"] == "audit_busy" for head, body in busy), busy
        assert sum(x[0] == 200 for x in got) >= 16
        assert figure(g, "weir_audit_ring_max") == 16
        assert g.chat("hello")[0] == 200, "and goes on"
        assert g.stop() == 0
        assert g.verify()[0] == 0
    finally:
        g.kill()


def test_reload_does_not_move_sinks(tmp_path, weir, eu):
    g = gateway(tmp_path, weir, eu, "on_failure: refuse, content: off")
    try:
        g.start()
        with open(g.config, encoding="utf-8") as f:
            text = f.read()
        with open(g.config, "w", encoding="utf-8") as f:
            f.write(text.replace("content: off }", "content: off, sinks: [{ name: a, type: file, path: a.jsonl }] }"))
        g.process.send_signal(1)

        def told():
            with open(g.log_path, encoding="utf-8") as f:
                return "cannot change while it is written: restart instead" in f.read()
        harness.wait_for("the refusal", told, 10)
        assert g.chat("hello")[0] == 200
        g.stop()
        assert json.loads(g.command("audit", "verify", g.audit, "--json").stdout)["holds"]
    finally:
        g.kill()
