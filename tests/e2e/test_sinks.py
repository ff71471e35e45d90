"""Goal: every record reaches every target at least once, byte for byte, whatever is killed on the way; what comes twice
is what was promised to come twice; a record that a target refuses for good delays nobody.

Method: one gateway with a sink of each type, real servers where there are any (see targets.py), requests under way
while targets and the gateway are killed and started again; then each target's copy is held against the log.
"""
import importlib.util
import json
import os
import re
import threading
import time

import pytest

import harness
import targets

REQUESTS = int(os.environ.get("WEIR_SINK_REQUESTS", "40"))
KAFKA = os.path.join(harness.ROOT, "build", "tests", "fault", "audit_kafka_mock")


def have(module):
    return importlib.util.find_spec(module) is not None


class World:
    def __init__(self, folder, weir):
        self.eu = harness.StandIn(f"{folder}/eu", "eu")
        self.t = {"syslog": targets.Receiver(f"{folder}/syslog", "syslog").start(),
                  "otlp": targets.Receiver(f"{folder}/otlp", "otlp").start()}
        sinks = [
            "{ name: file, type: file, path: copies/audit.jsonl, rotate_mib: 1, keep: 3, batch: 50 }",
            "{ name: ocsf, type: file, format: ocsf, path: copies/ocsf.jsonl }",
            f"{{ name: syslog, type: syslog, address: 127.0.0.1:{self.t['syslog'].port},"
            f" ca: {self.t['syslog'].ca}, batch: 20, timeout_s: 3 }}",
            f"{{ name: otlp, type: otlp, url: https://127.0.0.1:{self.t['otlp'].port}, ca: {self.t['otlp'].ca},"
            " authorization: \"Bearer ${OTLP_SECRET}\", batch: 20, timeout_s: 3, tries: 2 }"]
        if targets.Postgres.programs():
            pg = self.t["postgres"] = targets.Postgres().start()
            sinks.append(f"{{ name: postgres, type: postgres, address: 127.0.0.1:{pg.port}, database: postgres,"
                         f" user: weir, password: \"${{PG_SECRET}}\", ca: {pg.ca}, batch: 20, timeout_s: 3, tries: 2 }}")
        if have("moto") and have("flask"):
            s3 = self.t["s3"] = targets.S3(f"{folder}/s3", "weir-audit").start()
            sinks.append(f"{{ name: s3, type: s3, url: http://127.0.0.1:{s3.port}, bucket: weir-audit, prefix: gw1,"
                         " region: eu-central-1, access_key: AKIATEST, secret_key: \"${S3_SECRET}\","
                         " lock: compliance, retain_days: 30, batch: 20, timeout_s: 3 }")
        if os.path.exists(KAFKA):
            k = self.t["kafka"] = targets.Kafka(f"{folder}/kafka", KAFKA, "weir-audit")
            sinks.append(f"{{ name: kafka, type: kafka, brokers: [\"{k.servers}\"], tls: off, topic: weir-audit,"
                         " batch: 20, timeout_s: 3 }")
        self.g = harness.Gateway(
            f"{folder}/gw", weir, start=False, routing="  commodity: [eu/gpt-x]\n",
            backends=[harness.backend("eu", self.eu, "EU")],
            env={"OTLP_SECRET": "otlp-secret", "PG_SECRET": "pg-secret", "S3_SECRET": "s3-secret"},
            audit="on_failure: refuse, content: off, sinks: [\n    " + ",\n    ".join(sinks) + " ]")
        self.g.key = self.g.new_key("tests")
        self.g.start()

    def ask(self, n=1, start=0):
        for i in range(start, start + n):
            try:
                self.g.chat(f"hello {i}")
            except RuntimeError:
                pass

    def sinks(self):
        out = self.g.command("audit", "sinks", self.g.audit, "--json").stdout.decode()
        return {r["name"]: r for r in map(json.loads, out.splitlines())}

    def settle(self, names=None, timeout_s=60):
        """Until the named sinks have everything (a sink that has not begun has no row yet)."""
        def done():
            rows = self.sinks()
            return all(n in rows and rows[n]["lag"] == 0 for n in names or ("file", "ocsf", *self.t)) and rows
        return harness.wait_for(f"sinks to catch up: {self.sinks()}", done, timeout_s)

    def leaves(self):
        """index -> the leaf's exact text"""
        out = self.g.command("audit", "show", self.g.audit, "--json").stdout.decode()
        rows = {}
        for line in out.splitlines():
            m = re.fullmatch(r'\{"index":(\d+),"leaf":(.*)\}', line)
            rows[int(m.group(1))] = m.group(2)
        return rows

    def end(self):
        self.g.kill()
        self.eu.kill()
        for t in self.t.values():
            getattr(t, "end", t.kill)()


@pytest.fixture(scope="module")
def world(tmp_path_factory, weir):
    w = World(str(tmp_path_factory.mktemp("sinks")), weir)
    yield w
    w.end()


def copies(w, name):
    """What the target has: a list of (index, leaf text), repetitions and all."""
    envelope = re.compile(r'\{"index":(\d+),"leaf":(.*),"origin":"weir.test/gw1"\}')
    if name == "file":
        folder = os.path.join(w.g.folder, "copies")
        rows = []
        for f in sorted(f for f in os.listdir(folder) if f.startswith("audit.jsonl")):
            with open(os.path.join(folder, f), encoding="utf-8") as lines:
                rows += [envelope.fullmatch(line.rstrip("\n")).groups() for line in lines]
    elif name == "syslog":
        form = re.compile(r'<1(?:10|08)>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z \S+ weir - \S+ \[weir@32473 '
                          r'origin="weir.test/gw1" index="(\d+)" req="[^"]*" tenant="[^"]*" leaf="[0-9a-f]{64}"\] '
                          '\ufeff(.*)')
        rows = [form.fullmatch(line).groups() for line in w.t["syslog"].lines()]
    elif name == "otlp":
        rows = [(r["at"].get("weir.log.index", 0), r["body"]) for r in map(json.loads, w.t["otlp"].lines())]
    elif name == "postgres":
        out = w.t["postgres"].query("select idx || ' ' || convert_from(leaf, 'UTF8') from weir_audit order by idx")
        rows = [line.split(" ", 1) for line in out.splitlines()]
    elif name == "kafka":
        rows = [(m[2], envelope.fullmatch(m[3]).group(2)) for m in w.t["kafka"].messages()]
    else:
        c, rows = w.t["s3"].client(), []
        for page in c.get_paginator("list_objects_v2").paginate(Bucket="weir-audit",
                                                                Prefix="gw1/weir.test/gw1/records/"):
            for o in page.get("Contents", []):
                text = c.get_object(Bucket="weir-audit", Key=o["Key"])["Body"].read().decode()
                rows += [envelope.fullmatch(line).groups() for line in text.splitlines()]
    return [(int(i), leaf) for i, leaf in rows]


def complete(w, name, twice=None):
    """All there, each as in the log; at most `twice` repetitions where a number is given."""
    leaves, rows = w.leaves(), copies(w, name)
    upto = w.sinks()[name]["next"]
    have_now = dict(rows)
    missing = [i for i in range(upto) if i not in have_now]
    assert not missing, f"{name} lacks {missing[:10]} of {upto}"
    for i, leaf in rows:
        assert leaves[i] == leaf, f"{name}: record {i} differs"
    if twice is not None:
        assert len(rows) - len(have_now) <= twice, f"{name}: {len(rows) - len(have_now)} repetitions"
    return len(rows) - len(have_now)


def need(w, name):
    if name not in w.t:
        pytest.skip({"postgres": "no postgresql on this machine (tools/install_deps.sh)",
                     "s3": "moto is not installed (tests/requirements.txt)",
                     "kafka": "audit_kafka_mock is not built (make test-programs)"}[name])


def test_everything_arrives(world):
    w = world
    w.ask(10)
    w.settle()
    for name in ("file", *w.t):
        complete(w, name, 0)
    metrics = w.g.request("GET", "/metrics", port=w.g.admin_port)[2].decode()
    for name in w.t:
        assert f'weir_audit_sink_lag_records{{sink="{name}",type="{name}"}} 0' in metrics
        assert f'weir_audit_sink_up{{sink="{name}",type="{name}"}} 1' in metrics
    text = w.g.command("audit", "sinks", w.g.audit).stdout.decode()
    assert re.search(r"^syslog +syslog +next \d+  lag 0  sent \d+  dead 0$", text, re.M), text


def test_ocsf_lines(world):
    w = world
    w.settle(["ocsf"])
    leaves = w.leaves()
    with open(os.path.join(w.g.folder, "copies", "ocsf.jsonl"), encoding="utf-8") as f:
        events = [json.loads(line) for line in f]
    assert len(events) >= 10
    for e in events:
        assert e["class_uid"] == 6003 and e["category_uid"] == 6 and e["type_uid"] == 600300 + e["activity_id"]
        assert e["metadata"]["version"] == "1.3.0" and e["metadata"]["log_name"] == "weir.test/gw1"
        assert e["severity_id"] in (1, 3) and e["status_id"] in (0, 1, 2)
        for must in ("actor", "api", "src_endpoint", "time", "status", "activity_name"):
            assert must in e, must
        leaf = json.loads(leaves[e["metadata"]["sequence"]])
        assert e["unmapped"]["leaf"] == leaf and e["time"] == leaf["t"] // 1000
    ended = [e for e in events if e["metadata"]["event_code"] == "req.outcome"]
    assert ended and all(e["status_id"] == 1 and e["api"]["response"]["code"] == 200 and "duration" in e
                         and e["dst_endpoint"]["name"] == "eu/gpt-x" for e in ended)
    w.g.chat("hello", key="wrong")
    w.settle(["ocsf"])
    with open(os.path.join(w.g.folder, "copies", "ocsf.jsonl"), encoding="utf-8") as f:
        refused = [e for e in map(json.loads, f) if e["metadata"]["event_code"] == "req.refused"]
    assert refused and refused[-1]["status_id"] == 2 and refused[-1]["severity_id"] == 3


@pytest.mark.parametrize("name", ["syslog", "otlp", "postgres", "s3", "kafka"])
def test_killed_mid_stream(world, name):
    """The target dies under load and comes back: nothing is lost, and only a batch a death comes again."""
    w = world
    need(w, name)
    w.settle([name])
    before = len(copies(w, name)) - len(dict(copies(w, name)))
    t = threading.Thread(target=w.ask, args=(REQUESTS, 1000))
    t.start()
    for _ in range(2):
        time.sleep(0.15)
        w.t[name].kill()
        time.sleep(0.3)
        w.t[name].start()
    t.join()
    w.settle([name])
    after = complete(w, name)
    assert after - before <= 2 * 20, "at most one batch again for each death"
    if name == "postgres":
        assert after == 0, "the table has each record once"


def test_a_target_that_is_away_delays_nobody(world):
    w = world
    w.t["otlp"].kill()
    try:
        start = time.monotonic()
        w.ask(10, 2000)
        assert time.monotonic() - start < 10
        w.settle(["file", "syslog"])
        row = harness.wait_for("the error", lambda: w.sinks()["otlp"].get("error") and w.sinks()["otlp"])
        assert row["lag"] > 0 and "curl" in row["error"]
        metrics = w.g.request("GET", "/metrics", port=w.g.admin_port)[2].decode()
        assert 'weir_audit_sink_up{sink="otlp",type="otlp"} 0' in metrics
        assert re.search(r'weir_audit_sink_lag_seconds\{sink="otlp",type="otlp"\} [0-9.]*[1-9]', metrics)
    finally:
        w.t["otlp"].start()
    w.settle(["otlp"])
    complete(w, "otlp")


def test_the_gateway_is_killed(world):
    """kill -9 of everything: each sink goes on where it was, with at most a second of records again."""
    w = world
    t = threading.Thread(target=w.ask, args=(REQUESTS, 3000))
    t.start()
    time.sleep(0.3)
    w.g.kill()
    t.join()
    w.g.start()
    w.ask(5, 4000)
    w.settle()
    for name in ("file", *w.t):
        complete(w, name)
    assert w.g.verify()[0] == 0


def test_stop_hands_over_what_is_there(world):
    """An orderly stop drains: only what is recorded after the sinks (log.close) is left for the next start."""
    w = world
    w.ask(20, 5000)
    assert w.g.stop() == 0
    rows = w.sinks()
    assert all(r["lag"] <= 2 for r in rows.values()), rows
    w.g.start()
    w.settle()
    for name in ("file", *w.t):
        complete(w, name)


@pytest.mark.parametrize("name", ["otlp", "postgres", "kafka"])
def test_refused_records_are_buried(world, name):
    """The target refuses one record for good: it goes to the dead letters, the rest arrives."""
    w = world
    need(w, name)
    w.settle([name])
    dead = w.sinks()[name]["dead"]
    if name == "postgres":
        w.t["postgres"].query("alter table weir_audit add check (doc->>'name' is distinct from 'unwanted')")
        mark = "unwanted"
    elif name == "otlp":
        mark = "poison"
    else:
        w.t["kafka"].say("refuse")
        w.ask(8, 6000)
        w.settle([name])
        complete(w, name)  # refused less often than `tries`: nothing is buried
        return
    w.g.new_key(mark)  # a record that the target will not have
    harness.wait_for("its record", lambda: any(x["ev"] == "key.new" and x["name"] == mark for x in w.g.leaves()), 10)
    w.ask(5, 6100)
    rows = w.settle([name])
    assert rows[name]["dead"] > dead
    with open(os.path.join(w.g.audit, "sinks", f"{name}.dead.jsonl"), encoding="utf-8") as f:
        buried = [json.loads(line) for line in f]
    leaves = w.leaves()
    assert buried and all(json.loads(leaves[b["index"]]) == b["leaf"] and mark in json.dumps(b["leaf"])
                          and b["why"] for b in buried)
    have_now = dict(copies(w, name))
    lost = {i for i in range(rows[name]["next"]) if i not in have_now}
    assert lost == {b["index"] for b in buried}, "buried, or there"


def test_s3_objects_are_locked(world):
    w = world
    need(w, "s3")
    w.settle(["s3"])
    w.g.stop()  # signs everything, so the next start has a checkpoint that covers what was sent
    w.g.start()
    w.settle(["s3"])
    w.ask(1, 7000)
    c = w.t["s3"].client()

    def checkpoints():
        return [o for o in c.list_objects_v2(Bucket="weir-audit")["Contents"] if "/checkpoint/" in o["Key"]]
    harness.wait_for("a checkpoint", checkpoints, 20)
    keys = [o["Key"] for o in c.list_objects_v2(Bucket="weir-audit")["Contents"]]
    assert any("/records/00000000000000000000-" in k for k in keys)
    points = [k for k in keys if "/checkpoint/" in k]
    assert points
    for k in (keys[0], points[-1]):
        head = c.head_object(Bucket="weir-audit", Key=k)
        assert head["ObjectLockMode"] == "COMPLIANCE"
        assert 29 * 86400 < head["ObjectLockRetainUntilDate"].timestamp() - time.time() < 31 * 86400
        version = c.list_object_versions(Bucket="weir-audit", Prefix=k)["Versions"][0]["VersionId"]
        with pytest.raises(Exception, match="AccessDenied|Access Denied"):
            c.delete_object(Bucket="weir-audit", Key=k, VersionId=version)
    note = c.get_object(Bucket="weir-audit", Key=points[-1])["Body"].read().decode()
    assert note.startswith("weir.test/gw1\n") and f"\n{int(points[-1][-20:])}\n" in note


def test_no_secret_is_told(world):
    w = world
    with open(w.g.log_path, encoding="utf-8", errors="replace") as f:
        log = f.read()
    for folder, _, files in os.walk(os.path.join(w.g.audit, "sinks")):
        for name in files:
            if ".cursor." in name:  # one that is being replaced: gone when we look
                continue
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as f:
                log += f.read()
    for secret in ("otlp-secret", "pg-secret", "s3-secret"):
        assert secret not in log


def test_another_certificate_is_refused(tmp_path, weir, world):
    """TLS is verified: a receiver with a certificate of somebody else gets nothing."""
    r = targets.Receiver(str(tmp_path / "r"), "syslog").start()
    o = targets.Receiver(str(tmp_path / "o"), "otlp").start()
    other = targets.certificate(str(tmp_path / "other"))
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, routing="  commodity: [eu/gpt-x]\n",
                        backends=[harness.backend("eu", world.eu, "EU")], audit=(
        "on_failure: refuse, content: off, sinks: [\n"
        f"    {{ name: a, type: syslog, address: 127.0.0.1:{r.port}, ca: {other}, timeout_s: 2 }},\n"
        f"    {{ name: b, type: syslog, address: localhost:{r.port}, timeout_s: 2 }},\n"
        f"    {{ name: c, type: otlp, url: https://127.0.0.1:{o.port}, ca: {other}, timeout_s: 2 }} ]"))
    try:
        g.key = g.new_key("tests")
        g.start()

        def errors():
            out = g.command("audit", "sinks", g.audit, "--json").stdout.decode()
            rows = [json.loads(line) for line in out.splitlines()]
            return len(rows) == 3 and all("error" in x for x in rows) and rows
        for row in harness.wait_for("three refusals", errors, 20):
            assert "certificate" in row["error"], row
            assert row["next"] == 0
        assert r.lines() == [] and o.lines() == []
    finally:
        g.kill()
        r.kill()
        o.kill()


def test_a_cursor_of_the_future_is_refused(tmp_path, weir, world):
    g = harness.Gateway(str(tmp_path / "gw"), weir, start=False, routing="  commodity: [eu/gpt-x]\n",
                        backends=[harness.backend("eu", world.eu, "EU")],
                        audit="on_failure: refuse, content: off, sinks: [{ name: f, type: file, path: f.jsonl }]")
    try:
        g.key = g.new_key("tests")
        g.start()
        harness.wait_for("a cursor", lambda: os.path.exists(os.path.join(g.audit, "sinks", "f.cursor")))
        assert g.stop() == 0
        path = os.path.join(g.audit, "sinks", "f.cursor")
        with open(path, encoding="utf-8") as f:
            text = f.read()
        with open(path, "w", encoding="utf-8") as f:
            f.write(re.sub(r"next \d+", "next 99999", text))
        with pytest.raises((TimeoutError, RuntimeError)):
            g.start(timeout_s=10)
        with open(g.log_path, encoding="utf-8") as f:
            assert "replaced by an older copy" in f.read()
        g.kill()
        assert g.verify()[0] == 0, "cursors are not evidence"
    finally:
        g.kill()
