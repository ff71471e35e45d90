#!/usr/bin/env python3
"""Changes logs in every way we can think of and asks both verifiers.

  audit_mutations.py --weir build/weir --make build/tests/fault/audit_make [-n 10000] [--seed 1]

Makes a log of one period, one of several, one that crashed, and a second of the same key and origin
for each. Each mutation is one change to a copy of one of them: a flipped bit or byte, a range
zeroed, swapped, dropped, duplicated, truncated, text edited with every checksum recomputed, a file
removed, renamed, exchanged with another or spliced from the other log, the tail replayed, periods
swapped, dropped or taken from the other log. `weir audit verify` and tools/audit_verify.py, both
with the vkey, must both say no and name the same record; or the change is one of those that
docs/audit-format.md declares harmless, and both must say yes. Prints a JSON line; status 1 if there
was one exception."""

import argparse
import collections
import json
import os
import random
import re
import shutil
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import audit_verify as second  # noqa: E402

ORIGIN = "audit.example/mutations"
SEGMENT = 8192
BATCH = 40


def files_of(d):
    out = []
    for root, _, names in os.walk(d):
        out += [os.path.relpath(os.path.join(root, n), d) for n in names]
    return sorted(out)


def declared(name):
    """Not evidence: changes to these need not be noticed."""
    return (name == "LOCK" or name.startswith(("keys/", "next.part/", "dropped.part/")) or
            os.path.basename(name) in ("spare", "spare.part"))


class Base:
    """A log to be mutated, and another of the same key and origin."""

    def __init__(self, make, top, name, requests, periods, how):
        self.name, self.dir, self.other = name, os.path.join(top, name), os.path.join(top, name + "-b")
        self.run(make, self.dir, "a", requests, periods, how)
        os.makedirs(os.path.join(self.other, "keys"), 0o700)
        shutil.copy(os.path.join(self.dir, "keys/log.key"), os.path.join(self.other, "keys/log.key"))
        self.run(make, self.other, "b", requests, periods, how)
        self.files = files_of(self.dir)
        self.evidence = [f for f in self.files if not declared(f)]
        self.other_files = set(files_of(self.other))
        with open(os.path.join(self.dir, "log.conf"), encoding="utf-8") as f:
            self.vkey = re.search(r"^vkey (.*)$", f.read(), re.M).group(1)
        with open(os.path.join(self.dir, "state"), encoding="utf-8") as f:
            state = f.read()
        self.last = "wal/" + re.search(r"^segment (.*)$", state, re.M).group(1) + ".wal"
        self.signed_end = int(re.search(r"^end (.*)$", state, re.M).group(1))
        self.clean = "clean yes" in state

    @staticmethod
    def run(make, d, prefix, requests, periods, how):
        subprocess.run([make, d, ORIGIN, prefix, str(requests), str(SEGMENT), str(periods), how],
                       check=True, stderr=subprocess.DEVNULL)


def used(data):
    """The part of a segment that is not only zeros, or the whole of another file."""
    return max(len(data.rstrip(b"\0")), 1)


def place(rng, name, data):
    """A place to change: in a segment mostly where something stands."""
    n = used(data) if name.endswith(".wal") and rng.random() < 0.95 else len(data)
    return rng.randrange(n)


# Each takes (rng, name, bytes) and gives the changed bytes.

def flip_bit(rng, name, b):
    i = place(rng, name, b)
    return b[:i] + bytes([b[i] ^ 1 << rng.randrange(8)]) + b[i + 1:]


def set_byte(rng, name, b):
    i = place(rng, name, b)
    return b[:i] + bytes([rng.randrange(256)]) + b[i + 1:]


def zero_range(rng, name, b):
    i = place(rng, name, b)
    k = min(rng.choice((1, 8, 24, 100, 512, 4096)), len(b) - i)
    return b[:i] + bytes(k) + b[i + k:]


def swap_ranges(rng, name, b):
    i, j = sorted((place(rng, name, b), place(rng, name, b)))
    k = min(rng.choice((1, 8, 32, 200)), j - i, len(b) - j)
    return b[:i] + b[j:j + k] + b[i + k:j] + b[i:i + k] + b[j + k:]


def drop_range(rng, name, b):
    i = place(rng, name, b)
    k = min(rng.choice((1, 2, 24, 100, 1000)), len(b) - i)
    b2 = b[:i] + b[i + k:]
    return b2 + bytes(len(b) - len(b2)) if name.endswith(".wal") and rng.random() < 0.5 else b2


def duplicate_range(rng, name, b):
    i = place(rng, name, b)
    k = min(rng.choice((1, 24, 100, 1000)), len(b) - i)
    b2 = b[:i + k] + b[i:]
    return b2[:len(b)] if name.endswith(".wal") and rng.random() < 0.5 else b2


def truncate(rng, name, b):
    return b[:place(rng, name, b)]


def append(rng, name, b):
    return b + rng.randbytes(rng.choice((1, 24, 500)))


def frames(b):
    """[(offset, type, length)] of a segment's valid frames, and its header's length."""
    if len(b) < 132:
        return [], 0
    at = head = struct.unpack("<I", b[12:16])[0]
    magic, out = struct.pack("<I", 0x4D524657 ^ struct.unpack("<I", b[32:36])[0]), []
    while b[at:at + 4] == magic and at + 24 <= len(b):
        n = struct.unpack("<I", b[at + 8:at + 12])[0]
        out.append((at, b[at + 4], n))
        at += 24 + n
    return out, head


def reseal(b, body_of):
    """The segment again with other leaves: every checksum, count, root and SEAL is made to fit, as
    somebody would who has everything but the key. body_of(index, bytes) gives a leaf or None."""
    fs, head = frames(b)
    tree = second.Range()
    first = struct.unpack("<Q", b[24:32])[0]
    k = (head - 132) // 32
    tree.n, tree.h = first, [b[128 + 32 * i:160 + 32 * i] for i in range(k)]
    crc = second.crc32c(0, b[:head - 4])
    out, count = bytearray(b[:head]), 0

    def frame(kind, index, body):
        nonlocal crc
        h = b[fs[0][0]:fs[0][0] + 4] + bytes([kind, 0, 0, 0]) + struct.pack("<IQ", len(body), index)
        crc = second.crc32c(second.crc32c(crc, h), body)
        out.extend(h + struct.pack("<I", crc) + body)

    for at, kind, n in fs:
        body = b[at + 24:at + 24 + n]
        if kind == 1:
            body = body_of(struct.unpack("<Q", b[at + 12:at + 20])[0], body)
            if body is not None:
                frame(1, tree.n, body)
                tree.add(second.leaf_hash(body))
                count += 1
        elif kind == 2 and count:
            frame(2, tree.n, struct.pack("<IIQ", count, 0, tree.n) + tree.root())
            count = 0
        elif kind == 3:
            frame(3, tree.n, struct.pack("<Q", tree.n) + tree.root())
    return bytes(out[:len(b)]) + bytes(max(0, len(b) - len(out)))


def edit_leaf(rng, name, b):
    leaves = [f for f in frames(b)[0] if f[1] == 1]
    if not name.endswith(".wal") or not leaves:
        return flip_bit(rng, name, b)
    at = rng.choice(leaves)[0]
    index, how = struct.unpack("<Q", b[at + 12:at + 20])[0], rng.randrange(5)

    def body_of(i, body):
        if i != index:
            return body
        if how == 0:
            return None
        if how == 1:
            return body.replace(b'"v":1', b'"v":2')
        if how == 2:
            return body.replace(b"200", b"500") if b"200" in body else body[:-1] + b',"x":1}'
        if how == 3:
            return body.replace(b'"req"', b'"Req"')
        return body[:-1]
    return reseal(b, body_of)


CONTENT = (flip_bit, flip_bit, flip_bit, set_byte, zero_range, swap_ranges, drop_range,
           duplicate_range, truncate, append, edit_leaf, edit_leaf)


# Each takes (rng, base, dir) and changes the directory; it says what it did.

def read(d, name):
    with open(os.path.join(d, name), "rb") as f:
        return f.read()


def write(d, name, b):
    with open(os.path.join(d, name), "wb") as f:
        f.write(b)


def change_content(rng, base, d):
    name = rng.choice(base.weighted)
    b, how = read(d, name), rng.choice(CONTENT)
    if not b:
        return None
    b2 = how(rng, name, b)
    write(d, name, b2)
    tail = None
    if name == base.last and not base.clean:
        first = next((i for i in range(max(len(b), len(b2)))
                      if b[i:i + 1] != b2[i:i + 1]), len(b))
        tail = first >= base.signed_end
    return how.__name__, name, b == b2, bool(tail)


def remove(rng, base, d):
    name = rng.choice(base.evidence)
    os.remove(os.path.join(d, name))
    return "remove", name, name.startswith("tile/") or "/tile/" in name or name == "witnessed", False


def rename(rng, base, d):
    name = rng.choice(base.evidence)
    new = name + rng.choice(("0", "~"))
    if name.endswith(".wal"):
        new = os.path.join(os.path.dirname(name), "%020d.wal" % (int(name[-24:-4]) + rng.randint(1, 9)))
    if os.path.exists(os.path.join(d, new)):
        return None
    os.rename(os.path.join(d, name), os.path.join(d, new))
    return "rename", name, False, False


def exchange(rng, base, d):
    a, b = rng.sample(base.evidence, 2)
    x, y = read(d, a), read(d, b)
    write(d, a, y)
    write(d, b, x)
    return "exchange", a, x == y, False


def splice(rng, base, d):
    name = rng.choice([f for f in base.evidence if f in base.other_files])
    a, b = read(d, name), read(base.other, name)
    if name.endswith(".wal") and rng.random() < 0.5:
        i = place(rng, name, a)
        b = a[:i] + b[i:]
    write(d, name, b)
    return "splice", name, a == b, name == base.last and not base.clean and a[:base.signed_end] == b[:base.signed_end]


def replay_tail(rng, base, d):
    """Frames that stood in the segment before stand behind its end again."""
    name = rng.choice([f for f in base.evidence if f.endswith(".wal")])
    b = read(d, name)
    fs, _ = frames(b)
    if not fs:
        return None
    end = fs[-1][0] + 24 + fs[-1][2]
    at = rng.choice(fs)[0]
    part = b[at:end][:len(b) - end]
    if not part.strip(b"\0"):
        return None
    write(d, name, b[:end] + part + b[end + len(part):])
    return "replay_tail", name, False, name == base.last and not base.clean


def older_file(rng, base, d):
    """state or checkpoint from elsewhere in the chain, or of the other log."""
    name = rng.choice([f for f in base.evidence if os.path.basename(f) in
                       ("state", "checkpoint", "log.conf")])
    source = rng.choice([(base.dir, f) for f in base.evidence
                         if os.path.basename(f) == os.path.basename(name) and f != name] +
                        [(base.other, name)])
    if not os.path.exists(os.path.join(*source)):
        return None
    b = read(*source)
    same = b == read(d, name)
    write(d, name, b)
    return "older_file", name, same, False


def move_period(rng, base, d):
    periods = os.path.join(d, "periods")
    names = sorted(os.listdir(periods)) if os.path.isdir(periods) else []
    if len(names) < 2:
        return None
    how, a = rng.randrange(4), rng.choice(names)
    if how == 0:
        shutil.rmtree(os.path.join(periods, a))
    elif how == 1:
        b = rng.choice([n for n in names if n != a])
        os.rename(os.path.join(periods, a), os.path.join(periods, "x"))
        os.rename(os.path.join(periods, b), os.path.join(periods, a))
        os.rename(os.path.join(periods, "x"), os.path.join(periods, b))
    elif how == 2 and os.path.isdir(os.path.join(base.other, "periods", a)):
        shutil.rmtree(os.path.join(periods, a))
        shutil.copytree(os.path.join(base.other, "periods", a), os.path.join(periods, a))
    else:
        os.rename(os.path.join(periods, a), os.path.join(periods, "%04d" % (len(names) + 5)))
    return "period", "periods/" + a, False, False


def stray(rng, base, d):
    name = rng.choice(("wal/x", "wal/0.wal", "periods/x", "periods/1", "tile/x", "tile/0/x"))
    os.makedirs(os.path.dirname(os.path.join(d, name)), exist_ok=True)
    write(d, name, b"stray")
    return "stray", name, False, False


WHOLE = (remove, rename, exchange, splice, splice, replay_tail, older_file, move_period, stray)


def both_agree(c, py):
    if c.get("error") or py is None:
        return bool(c.get("error")) == (py is None)
    return c["holds"] == py["holds"] and c.get("first_bad") == py.get("first_bad")


class Round:
    """Some mutated copies, judged together."""

    def __init__(self, weir, top):
        self.weir, self.top, self.todo = weir, top, []
        self.count, self.exceptions = collections.Counter(), []

    def add(self, base, d, what):
        self.todo.append((base, d, what))

    def judge(self):
        by_key = collections.defaultdict(list)
        for t in self.todo:
            by_key[t[0].vkey].append(t)
        for vkey, items in by_key.items():
            dirs = [d for _, d, _ in items]
            if len(dirs) == 1:
                dirs = dirs * 2  # two or more: one line each
            out = subprocess.run([self.weir, "audit", "verify", *dirs, "--vkey", vkey, "--json"],
                                 stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
            lines = [json.loads(x) for x in out.stdout.decode().splitlines()]
            assert len(lines) == len(dirs), out
            for (base, d, what), c in zip(items, lines):
                self.one(base, d, what, c, vkey)
        self.todo = []

    def one(self, base, d, what, c, vkey):
        how, name, same, tail = what
        try:
            py = second.verify(d, vkey)
        except (OSError, second.Unreadable):
            py = None
        noticed = not c.get("holds", False)
        self.count["mutations"] += 1
        if noticed:
            self.count["noticed"] += 1
        elif same or tail or declared(name):
            self.count["harmless"] += 1
        if not both_agree(c, py) or (not noticed and not (same or tail or declared(name))) or \
                (noticed and same and not tail and how != "remove"):
            self.exceptions.append({"log": base.name, "how": how, "file": name, "c": c, "py": py})
            keep = os.path.join(self.top, f"exception-{len(self.exceptions)}")
            shutil.copytree(d, keep)
        shutil.rmtree(d)


def main():
    a = argparse.ArgumentParser()
    a.add_argument("--weir", required=True)
    a.add_argument("--make", required=True)
    a.add_argument("-n", type=int, default=10000)
    a.add_argument("--seed", type=int, default=1)
    a.add_argument("--keep", action="store_true", help="keep the folder if there was an exception")
    o = a.parse_args()
    shm = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    top = tempfile.mkdtemp(prefix="weir-mutations-", dir=shm)
    rng = random.Random(o.seed)
    bases = [Base(o.make, top, "one", 24, 0, "clean"), Base(o.make, top, "periods", 30, 18, "clean"),
             Base(o.make, top, "crash", 24, 0, "crash")]
    for b in bases:
        # tiles of a small log repeat what stands in wal/: less of them
        b.weighted = [f for f in b.evidence for _ in range(1 if "tile/" in f else 4)]
        if not second.verify(b.dir, b.vkey)["holds"]:
            raise SystemExit(f"{b.name} does not hold before it was touched")
    r = Round(o.weir, top)
    hows = collections.Counter()
    while r.count["mutations"] + len(r.todo) < o.n:
        base = rng.choice(bases)
        d = os.path.join(top, "m%d" % (r.count["mutations"] + len(r.todo)))
        shutil.copytree(base.dir, d)
        what = (change_content if rng.random() < 0.7 else rng.choice(WHOLE))(rng, base, d)
        if what is None:
            shutil.rmtree(d)
            continue
        hows[what[0]] += 1
        r.add(base, d, what)
        if len(r.todo) == BATCH:
            r.judge()
    r.judge()
    for e in r.exceptions[:10]:
        print(json.dumps(e), file=sys.stderr)
    print(json.dumps(dict(r.count, exceptions=len(r.exceptions), seed=o.seed,
                          by_kind=dict(sorted(hows.items())))))
    if r.exceptions and o.keep:
        print(top, file=sys.stderr)
    else:
        shutil.rmtree(top)
    return 1 if r.exceptions else 0


if __name__ == "__main__":
    sys.exit(main())
