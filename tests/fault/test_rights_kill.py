"""Whoever was put on a list, and was told so, is on it after any crash; and the file is the old one or the new one,
never a half.

Method: `weir rights add` and `remove` killed (SIGKILL) at one numbered system call under strace, or failed there (EIO,
ENOSPC); WEIR_RIGHTS_POINTS=all walks through every call, else a sample keeps `make test` short. And a gateway whose
processes are killed while its admin listener takes changes; WEIR_RIGHTS_ROUNDS says how often (default 2). Oracle: what
was acknowledged, kept here; the list; the log.
"""
import json
import os
import random
import re
import shutil
import subprocess
import threading

import harness
import pytest

CALLS = ("openat", "read", "write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "renameat2", "unlink", "close", "flock",
         "fcntl", "fchmod")
SAMPLE = ("write", "fsync", "rename")


@pytest.fixture(scope="module")
def seed(tmp_path_factory, weir, eu):
    """A gateway that has run once, with two entries; no process has it open."""
    g = harness.Gateway(str(tmp_path_factory.mktemp("seed") / "gw"), weir, backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]\n  threshold: 0.5")
    assert g.stop() == 0
    for who in ("first@example.eu", "second@example.eu"):
        assert command(g.weir, g.config, "add", who).returncode == 0
    yield g
    g.kill()


def command(weir, config, verb, who, before=()):
    return subprocess.run([*before, weir, "rights", verb, "-c", config, "--list", "objected", "--reason", "r", "--approver", "a"],
                          input=who.encode(), capture_output=True, timeout=60, check=False)


def listed(weir, config):
    done = subprocess.run([weir, "rights", "list", "-c", config, "--json"], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return {x["id"] for x in json.loads(done.stdout)}


def holds(weir, config, who):
    done = subprocess.run([weir, "rights", "check", "-c", config], input=who.encode(), capture_output=True, timeout=60, check=False)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.returncode == 0


def made(g, verb, who, call):
    """How often an undisturbed command makes this call."""
    folder = g.folder + "-count"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(g.folder, folder)
    log = folder + ".strace"
    command(g.weir, os.path.join(folder, "weir.yaml"), verb, who, ("strace", "-f", "-qq", "-o", log, "-e", f"trace={call}"))
    with open(log, encoding="utf-8", errors="replace") as f:
        return sum(1 for line in f if re.search(rf"\b{call}\(", line))


def disturbed(g, verb, who, call, n, how):
    folder = g.folder + "-round"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(g.folder, folder)
    config = os.path.join(folder, "weir.yaml")
    before, was = listed(g.weir, config), holds(g.weir, config, who)
    done = command(g.weir, config, verb, who, ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                                               f"inject={call}:{how}:when={n}"))
    after, now = listed(g.weir, config), holds(g.weir, config, who)
    where = f"{verb} {how} at {call} {n}"
    assert (after ^ before) == (after - before if verb == "add" else before - after) and len(after ^ before) <= 1, where
    assert now == (was if after == before else not was), where
    if done.returncode == 0:
        assert after != before and done.stdout.decode().strip() in (after ^ before), where
    # and the next change goes through, whatever was left lying there
    other = command(g.weir, config, "add", "after@example.eu")
    assert other.returncode == 0 and listed(g.weir, config) == after | {other.stdout.decode().strip()}, (where, other.stderr)


@pytest.mark.parametrize("verb, who", [("add", "third@example.eu"), ("remove", "second@example.eu")])
def test_a_change_that_dies_anywhere_is_whole_or_has_not_begun(seed, verb, who):
    every = os.environ.get("WEIR_RIGHTS_POINTS") == "all"
    points = 0
    for call in CALLS if every else SAMPLE:
        n = made(seed, verb, who, call)
        # the last ones are the command's own; a sample takes those
        for k in range(1, n + 1) if every else range(max(1, n - 2), n + 1):
            disturbed(seed, verb, who, call, k, "signal=KILL")
            points += 1
            if call in ("write", "fsync", "rename", "renameat", "openat"):
                disturbed(seed, verb, who, call, k, "error=" + ("ENOSPC" if call == "write" else "EIO"))
                points += 1
    print(f"{verb}: {points} points")
    assert points >= 6


def test_what_the_admin_listener_acknowledged_survives_a_killed_gateway(seed):
    g, draw = seed, random.Random(11)
    g.admin = g.new_key("admin", role="admin")
    entries = {i: f"person-{i}@example.eu" for i in range(10000)}
    want, unsure, next_one = listed(g.weir, g.config), set(), 0
    for _ in range(int(os.environ.get("WEIR_RIGHTS_ROUNDS", "2"))):
        g.start()
        harness.wait_for("the admin key", lambda: g.get("/admin/v1/rights", key=g.admin, port=g.admin_port)[0] == 200)
        killer = threading.Timer(draw.uniform(0.02, 0.6), g.kill)
        process = g.process
        killer.start()
        last = None
        while process.poll() is None:
            body = {"list": "objected", "identifier": entries[next_one], "reason": "r", "approver": "a"}
            remove = last is not None and draw.random() < 0.3
            if remove:
                body = {"list": "objected", "id": last, "reason": "r", "approver": "a"}
            else:
                next_one += 1
            try:
                status, _, raw = g.request("DELETE" if remove else "POST", "/admin/v1/rights", body, key=g.admin, port=g.admin_port,
                                           timeout_s=10)
            except RuntimeError:  # it has ended
                status = 0
            if status == 200 and remove:
                want.discard(last)
            elif status == 200:
                want.add(json.loads(raw)["id"])
            elif remove:
                unsure.add(last)
            last = json.loads(raw)["id"] if status == 200 and not remove else None
            if status == 0:
                break
        killer.join()
        have = listed(g.weir, g.config)
        assert want - unsure <= have, "an acknowledged entry is lost"
        assert len(have - want) <= 1, "one more at most: under way when it died"
        want = have
    # the log is told of all of them by the next start
    g.start()
    harness.wait_for("the records", lambda: want <= {x["id"] for x in g.leaves() if x["ev"] == "rights.add"}, 20)
    assert g.stop() == 0 and g.verify()[0] == 0

