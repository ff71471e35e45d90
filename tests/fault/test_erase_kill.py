"""An erasure that dies anywhere is finished by whoever opens the log next, or has not begun; and what was
erased is gone from the raw disk.

Each round erases a subject from a fresh copy of one small log with `weir audit erase`, killed (SIGKILL) or
failed (EIO) at one numbered system call under strace. WEIR_ERASE_POINTS=all walks through every call;
without it a sample keeps `make test` short.
"""
import json
import os
import shutil
import subprocess

import pytest

import harness

CANARY = "canary-of-anna-in-the-clear"
SAMPLE = ("pwrite64", "fdatasync", "renameat", "linkat", "unlink")
CALLS = ("pwrite64", "write", "fdatasync", "fsync", "rename", "renameat", "linkat", "unlink", "unlinkat", "openat",
         "ftruncate", "close")


@pytest.fixture(scope="module")
def seed(tmp_path_factory, weir, eu):
    """A stopped gateway whose log keeps content of anna (two requests) and ben (one)."""
    folder = str(tmp_path_factory.mktemp("seed"))
    g = harness.Gateway(os.path.join(folder, "gw"), weir, start=False, backends=[harness.backend("eu", eu, "EU")],
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]\n  threshold: 0.5")
    with open(g.config, encoding="utf-8") as f:
        text = f.read()
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(text.replace("content: off", "content: { rules: [ { tenant: [acme], data: [none, personal], "
                                             "maximum: 30d } ] }"))
    g.key = g.new_key("tests")
    g.start()
    reqs = [g.chat(f"hello {CANARY} {i}", headers={"x-weir-subject": s})[1]["x-request-id"]
            for i, s in enumerate(("anna", "anna", "ben"))]
    assert g.stop() == 0
    yield g, reqs
    g.kill()


def run(weir, *args):
    return subprocess.run([weir, "audit", *args], capture_output=True, timeout=60, check=False)


def calls_made(weir, folder, name):
    """How often an undisturbed erasure makes this call."""
    log = folder + ".strace"
    subprocess.run(["strace", "-f", "-qq", "-o", log, "-e", f"trace={name}", weir, "audit", "erase", folder,
                    "--subject", "anna"], capture_output=True, timeout=60, check=True)
    with open(log, encoding="utf-8", errors="replace") as f:
        return sum(1 for line in f if f"{name}(" in line)


def wrapped_keys(folder):
    """{file: bytes} of the subjects' key records."""
    top = os.path.join(folder, "keys", "subjects")
    return {n: open(os.path.join(top, n), "rb").read() for n in sorted(os.listdir(top))}


def settled(weir, folder, reqs, seed_keys, started):
    """After recovery: either nothing of the erasure has happened, or all of it."""
    leaves = [json.loads(x)["leaf"] for x in run(weir, "show", folder, "--json").stdout.decode().splitlines()]
    evs = [x["ev"] for x in leaves]
    there = [run(weir, "content", folder, "--req", r).returncode == 0 for r in reqs]
    assert there[2], "ben's content stays"
    verified = run(weir, "verify", folder)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert not os.path.exists(os.path.join(folder, "keys", "erasing.json"))
    names = os.listdir(os.path.join(folder, "keys", "subjects"))
    assert all(len(n) == 2 for n in names), f"nothing of a rewrite is left: {names}"
    if "erasure.done" in evs:
        assert there[:2] == [False, False]
        now = wrapped_keys(folder)
        gone = [rec for name, old in seed_keys.items() for rec in
                (old[i:i + 128] for i in range(0, len(old), 128)) if rec[64:124] not in now.get(name, b"")]
        assert len(gone) == 1, "exactly anna's key is gone"
        blob = b"".join(open(os.path.join(top, n), "rb").read() for top, _, ns in os.walk(folder) for n in ns
                        if not n.endswith(".sock"))
        assert gone[0][64:124] not in blob, "no file holds a copy"
        return True
    assert there[:2] == [True, True], "half an erasure"
    assert "erasure.ordered" not in evs or started
    return False


@pytest.mark.parametrize("how", ["signal=KILL", "error=EIO"])
def test_an_erasure_interrupted_anywhere(seed, weir, tmp_path, how):
    g, reqs = seed
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    keys, points, finished, recovered = wrapped_keys(g.audit), 0, 0, 0
    every = os.environ.get("WEIR_ERASE_POINTS") == "all"
    for name in CALLS if every else SAMPLE:
        probe = str(tmp_path / "probe")
        shutil.copytree(g.audit, probe)
        total = calls_made(weir, probe, name)
        shutil.rmtree(probe)
        numbers = range(1, total + 1) if every else [max(1, total * 2 // 3)]
        for n in numbers:
            folder = str(tmp_path / "log")
            shutil.copytree(g.audit, folder)
            done = subprocess.run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={name}", "-e",
                                   f"inject={name}:{how}:when={n}", weir, "audit", "erase", folder, "--subject", "anna"],
                                  capture_output=True, timeout=60, check=False)
            journal = os.path.exists(os.path.join(folder, "keys", "erasing.json"))
            # whoever opens it next: a hold of somebody else
            nxt = run(weir, "hold", folder, "--subject", "nobody", "--reason", "r", "--tenant", "acme")
            assert nxt.returncode == 0, (name, n, nxt.stderr)
            erased = settled(weir, folder, reqs, keys, journal)
            assert erased or done.returncode != 0, f"{name} {n}: said to be done, and was not"
            points, finished, recovered = points + 1, finished + erased, recovered + journal
            shutil.rmtree(folder)
    print(f"{how}: {points} points, {finished} erased in the end, {recovered} finished by recovery, 0 exceptions")
    assert points >= len(SAMPLE) and finished > 0 and recovered > 0


def test_the_raw_disk_holds_nothing_of_the_subject(seed, weir, tmp_path):
    """An ext4 file system in a file, the log on it; after the erasure the image is searched byte by byte."""
    g, reqs = seed
    image, mount = str(tmp_path / "disk.img"), str(tmp_path / "mnt")
    os.makedirs(mount)
    with open(image, "wb") as f:
        f.truncate(192 << 20)
    if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
        pytest.skip("needs root and mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    if subprocess.run(["mount", "-o", "loop", image, mount], capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not allow loop mounts")
    try:
        folder = os.path.join(mount, "log")
        shutil.copytree(g.audit, folder)
        proof = run(weir, "prove", folder, "--index", "5").stdout
        shutil.copy(os.path.join(folder, "checkpoint"), tmp_path / "before")
        # written on this disk, so that every copy that its life made is on it: two more of anna's, then the sync
        assert run(weir, "hold", folder, "--subject", "anna", "--reason", "r").returncode == 0
        assert run(weir, "hold", folder, "--subject", "anna", "--release").returncode == 0
        seg = os.path.join(folder, "content", sorted(os.listdir(os.path.join(folder, "content")))[0])
        with open(seg, "rb") as f:
            data = f.read()
        at = data.index(reqs[0].encode())
        blob = data[at + 40:at + 40 + 140]  # nonces, wrapped key, tags, the ciphertext's beginning
        before = wrapped_keys(folder)
        os.sync()
        with open(image, "rb") as f:
            raw = f.read()
        assert blob in raw, "the search finds what is there"
        assert run(weir, "erase", folder, "--subject", "anna").returncode == 0
        now = wrapped_keys(folder)
        record = [old[i:i + 128] for name, old in before.items() for i in range(0, len(old), 128)
                  if old[i + 64:i + 124] not in now.get(name, b"")]
        assert len(record) == 1
        assert run(weir, "verify", folder, "--checkpoint", str(tmp_path / "before")).returncode == 0
        assert proof.startswith(b"c2sp.org/tlog-proof@v1")
    finally:
        subprocess.run(["umount", mount], check=True)
    with open(image, "rb") as f:
        raw = f.read()
    assert CANARY.encode() not in raw and blob not in raw and record[0][64:124] not in raw
    lookup = record[0][16:32]
    assert lookup not in raw and lookup.hex().encode() not in raw, "not even by which she was found"
