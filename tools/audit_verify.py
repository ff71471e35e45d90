#!/usr/bin/env python3
"""A second verifier for Weir's audit log. Needs Python 3.9 and nothing else, and is one file on purpose: who
audits copies it to a machine of their own and reads it from top to bottom.

Written from docs/audit-format.md, RFC 6962/9162, RFC 8032 and the C2SP specifications (signed-note,
tlog-checkpoint, tlog-cosignature, tlog-tiles, tlog-proof); it shares no line with `weir audit
verify`, so that one mistake does not hide in both. It is slow (two or three megabytes a second: CRC-32C and
Ed25519 are plain Python here) and reads one segment at a time into memory.

  audit_verify.py DIR... [--vkey KEY] [--witness VKEY]... [--quorum N] [--checkpoint FILE]... [--json]
                  [--without-content]               DIR is a copy of the log alone
  audit_verify.py --proof FILE --vkey KEY           a tlog-proof, offline
  audit_verify.py --consistency FILE --old CHECKPOINT --vkey KEY
  audit_verify.py --tiles DIR --vkey KEY            as a reader of C2SP tlog-tiles sees it: tile/ and
                                                    checkpoint only

Exit status: 0 it holds, 1 it does not (the first record or file that does not is named), 2 it could
not be read."""

import argparse
import base64
import binascii
import errno
import fcntl
import hashlib
import json
import os
import re
import stat
import struct
import sys

NO_RECORD = None
BATCH_MAX, BATCH_LEAVES, LEAF_MAX, SEGMENT_MIN, SEGMENT_MAX = 524288, 4096, 32768, 8192, 1 << 30
NOTE_MAX, NOTE_LINES, TILE, TILE_NAME = 65536, 64, 256, 127


class Bad(Exception):
    """Something does not hold: the number of the first record (or None), and why."""

    def __init__(self, number, text):
        super().__init__(text)
        self.number = number


class Unreadable(Exception):
    pass


# ---- hashes ----

def sha256(b):
    return hashlib.sha256(b).digest()


def leaf_hash(b):
    return hashlib.sha256(b"\0" + b).digest()


def node_hash(l, r):
    return hashlib.sha256(b"\1" + l + r).digest()


class Range:
    """The roots of the perfect subtrees of n leaves, largest first."""

    def __init__(self):
        self.n, self.h = 0, []

    def add(self, h):
        n = self.n
        while n & 1:
            h = node_hash(self.h.pop(), h)
            n >>= 1
        self.h.append(h)
        self.n += 1

    def root(self):
        if not self.h:
            return sha256(b"")
        r = self.h[-1]
        for h in reversed(self.h[:-1]):
            r = node_hash(h, r)
        return r


def inclusion_holds(index, size, leaf, proof, root):
    """RFC 9162 2.1.3.2"""
    if index >= size:
        return False
    fn, sn, r = index, size - 1, leaf
    for p in proof:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and r == root


def consistency_holds(m, n, old, new, proof):
    """RFC 9162 2.1.4.2"""
    if m > n:
        return False
    if m == n:
        return not proof and old == new
    if m == 0:
        return not proof
    proof = list(proof)
    if m & (m - 1) == 0:
        proof.insert(0, old)
    if not proof:
        return False
    fn, sn = m - 1, n - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    fr = sr = proof[0]
    for c in proof[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    return sn == 0 and fr == old and sr == new


CRC_TABLE = []
for _i in range(256):
    _c = _i
    for _ in range(8):
        _c = (_c >> 1) ^ (0x82F63B78 if _c & 1 else 0)
    CRC_TABLE.append(_c)


def crc32c(crc, data):
    t, c = CRC_TABLE, crc ^ 0xFFFFFFFF
    for b in data:
        c = (c >> 8) ^ t[(c ^ b) & 0xFF]
    return c ^ 0xFFFFFFFF


# ---- Ed25519 (RFC 8032), verification only ----

P = 2**255 - 19
Q = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_M1 = pow(2, (P - 1) // 4, P)


def _add(a, b):
    x1, y1, z1, t1 = a
    x2, y2, z2, t2 = b
    e, f = (y1 - x1) * (y2 - x2) % P, (y1 + x1) * (y2 + x2) % P
    g, h = 2 * t1 * t2 * D % P, 2 * z1 * z2 % P
    i, j, k, l = f - e, h - g, h + g, f + e
    return i * j % P, k * l % P, j * k % P, i * l % P


def _mul(s, p):
    q = (0, 1, 1, 0)
    while s:
        if s & 1:
            q = _add(q, p)
        p = _add(p, p)
        s >>= 1
    return q


def _point(b):
    y = int.from_bytes(b, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


_BY = 4 * pow(5, P - 2, P) % P
BASE = _point(_BY.to_bytes(32, "little"))
_seen = {}


def ed25519_holds(pub, msg, sig):
    key = sha256(pub + sig + msg)
    if key not in _seen:
        if len(_seen) > 100000:
            _seen.clear()
        _seen[key] = _ed25519(pub, msg, sig)
    return _seen[key]


def _ed25519(pub, msg, sig):
    a, r, s = _point(pub), _point(sig[:32]), int.from_bytes(sig[32:], "little")
    if a is None or r is None or s >= Q:
        return False
    h = int.from_bytes(hashlib.sha512(sig[:32] + pub + msg).digest(), "little") % Q
    left, right = _mul(s, BASE), _add(r, _mul(h, a))
    return ((left[0] * right[2] - right[0] * left[2]) % P == 0 and
            (left[1] * right[2] - right[1] * left[2]) % P == 0)


# ---- notes, keys, checkpoints ----

B64 = re.compile(rb"^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")
NAME = re.compile(rb"^[!-*,-~]{1,255}\Z")  # printable ASCII without space and +
PERIOD = re.compile(r"^(.+)/[0-9]{4}-[0-9]{2}\.([1-9][0-9]{0,5})\Z", re.S)
DECIMAL = re.compile(rb"^(?:0|[1-9][0-9]*)\Z")


def unbase64(b):
    """Canonical only; None when it is not."""
    if not B64.match(b):
        return None
    try:
        raw = base64.b64decode(b, validate=True)
    except binascii.Error:
        return None
    return raw if base64.b64encode(raw) == b else None


def decimal(b):
    """An integer below 2^64 without leading zeros, or None."""
    if len(b) > 20 or not DECIMAL.match(b) or int(b) >= 1 << 64:
        return None
    return int(b)


class Key:
    def __init__(self, kind, name, pub):
        self.kind, self.name, self.pub = kind, name, pub
        self.id = sha256(name + b"\n" + bytes([kind]) + pub)[:4]

    def named(self, name):
        return Key(self.kind, name, self.pub)


def parse_vkey(s, kind=1):
    """name+hex+base64; None when it is none of that kind."""
    parts = s.split(b"+", 2)
    if len(parts) != 3 or not NAME.match(parts[0]) or not re.match(rb"^[0-9a-f]{8}\Z", parts[1]):
        return None
    raw = unbase64(parts[2])
    if raw is None or len(raw) != 33 or raw[0] != kind:
        return None
    k = Key(kind, parts[0], raw[1:])
    return k if k.id.hex().encode() == parts[1] else None


def split_origin(name):
    """The base and the number of an origin."""
    m = PERIOD.match(name.decode())
    if m and int(m.group(2)) >= 2:
        return m.group(1).encode(), int(m.group(2))
    return name, 1


def same_log(a, b):
    return a.pub == b.pub and split_origin(a.name)[0] == split_origin(b.name)[0]


def open_note(note):
    """The text and its signature lines [(name, bytes)]; None when it is no note."""
    cut = note.rfind(b"\n\n")
    if len(note) > NOTE_MAX or cut < 0 or note[-1:] != b"\n":
        return None
    if any((c < 0x20 and c != 10) or c == 0x7F for c in note):
        return None
    try:
        note.decode("utf-8")
    except UnicodeDecodeError:
        return None
    lines = []
    rest = note[cut + 2:]
    for line in rest[:-1].split(b"\n") if rest else []:
        if not line.startswith("\u2014 ".encode()):
            return None
        name, space, b64 = line[4:].partition(b" ")
        raw = unbase64(b64)
        if not name or not space or b"+" in name or raw is None or not 4 < len(raw) <= 8192:
            return None
        lines.append((name, raw))
    return (note[:cut + 1], lines) if len(lines) <= NOTE_LINES else None


def check_note(note, key, what):
    """The text of a note that key signed, and how many signature lines it has."""
    opened = open_note(note)
    if opened is None:
        raise Bad(NO_RECORD, f"{what}: not a signed note")
    text, lines = opened
    good = False
    for name, raw in lines:
        if name != key.name or raw[:4] != key.id:
            continue
        if len(raw) != 68 or not ed25519_holds(key.pub, text, raw[4:]):
            raise Bad(NO_RECORD, f"{what}: the signature of {name.decode()} does not hold")
        good = True
    if not good:
        raise Bad(NO_RECORD, f"{what}: no signature by {key.name.decode()}")
    return text, len(lines)


def is_cosigned(note, key, what):
    """Has this witness signed the note? (cosignature/v1)"""
    text, lines = open_note(note)
    has = False
    for name, raw in lines:
        if name != key.name or raw[:4] != key.id:
            continue
        msg = b"" if len(raw) != 76 else (
            b"cosignature/v1\ntime %d\n" % struct.unpack(">Q", raw[4:12]) + text)
        if not msg or not ed25519_holds(key.pub, msg, raw[12:]):
            raise Bad(NO_RECORD, f"{what}: the cosignature of {name.decode()} does not hold")
        has = True
    return has


def parse_checkpoint(text, what):
    lines = text.split(b"\n")
    if len(lines) != 4 or lines[3] or not NAME.match(lines[0]):
        raise Bad(NO_RECORD, f"{what}: not a checkpoint")
    size, root = decimal(lines[1]), unbase64(lines[2])
    if size is None or root is None or len(root) != 32:
        raise Bad(NO_RECORD, f"{what}: not a checkpoint")
    return lines[0], size, root


# ---- leaves ----

WS = re.compile(rb"[ \t\n\r]*")
STR = re.compile(rb'"((?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*)"')
NUM = re.compile(rb"-?(0|[1-9][0-9]{0,17})(?![0-9])(\.[0-9]+)?([eE][+-]?[0-9]{1,2})?(?![0-9])")
UNIT = re.compile(rb'\\(?:u([0-9a-fA-F]{4})|[^u])')


class NotALeaf(Exception):
    pass


def halves_pair(body):
    """Every escaped surrogate is the high half of a pair followed by the low one."""
    at, high = 0, False
    for m in UNIT.finditer(body):
        unit = int(m.group(1), 16) if m.group(1) else 0
        if high and (m.start() != at or not 0xDC00 <= unit <= 0xDFFF):
            return False
        if not high and 0xDC00 <= unit <= 0xDFFF:
            return False
        high = not high and 0xD800 <= unit <= 0xDBFF
        at = m.end()
    return not high


class Leaf:
    """The members every leaf has, strings as they stand."""

    def __init__(self, text):
        self.text, self.keys, self.member = text, 0, {}
        try:
            text.decode("utf-8")
        except UnicodeDecodeError:
            raise NotALeaf
        if not (text.startswith(b"{") and text.endswith(b"}")):
            raise NotALeaf
        if self.value(0, 0) != len(text):
            raise NotALeaf
        for k in (b"v", b"t"):
            if not re.match(rb"^(0|[1-9][0-9]*)\Z", self.member.get(k, b"")):
                raise NotALeaf
        for k in (b"ev", b"req", b"tenant"):
            if not self.member.get(k, b"").startswith(b'"'):
                raise NotALeaf
        self.v, self.t = int(self.member[b"v"]), int(self.member[b"t"])
        if self.v < 1 or self.t < 1:
            raise NotALeaf
        self.ev, self.req, self.tenant = (self.member[k][1:-1] for k in (b"ev", b"req", b"tenant"))
        status = self.member.get(b"status", b"")
        self.status = status[1:-1] if status.startswith(b'"') else b""

    def string(self, at):
        m = STR.match(self.text, at)
        if not m or (b"\\u" in m.group(1) and not halves_pair(m.group(1))):
            raise NotALeaf
        return m

    def value(self, at, around):
        """The end of the value at `at`."""
        t = self.text
        at = WS.match(t, at).end()
        if at >= len(t) or around > 31:
            raise NotALeaf
        c = t[at:at + 1]
        if c == b"{":
            return self.object(at + 1, around + 1)
        if c == b"[":
            return self.array(at + 1, around + 1)
        if c == b'"':
            return self.string(at).end()
        for word in (b"true", b"false", b"null"):
            if t.startswith(word, at):
                return at + len(word)
        m = NUM.match(t, at)
        if not m or m.end() - at > 32:
            raise NotALeaf
        return m.end()

    def array(self, at, around):
        t = self.text
        at = WS.match(t, at).end()
        if t[at:at + 1] == b"]":
            return at + 1
        while True:
            at = WS.match(t, self.value(at, around)).end()
            c, at = t[at:at + 1], at + 1
            if c == b"]":
                return at
            if c != b",":
                raise NotALeaf

    def object(self, at, around):
        t, mine = self.text, set()
        at = WS.match(t, at).end()
        if t[at:at + 1] == b"}":
            return at + 1
        while True:
            m = self.string(WS.match(t, at).end())
            key = m.group(1)
            self.keys += 1
            if b"\\" in key or key in mine or self.keys > 256:
                raise NotALeaf
            mine.add(key)
            at = WS.match(t, m.end()).end()
            if t[at:at + 1] != b":":
                raise NotALeaf
            start = WS.match(t, at + 1).end()
            end = self.value(start, around)
            if around == 1:
                self.member[key] = t[start:end]
            at = WS.match(t, end).end()
            c, at = t[at:at + 1], at + 1
            if c == b"}":
                self.keys -= len(mine)
                return at
            if c != b",":
                raise NotALeaf


CARRIED = re.compile(rb'\{"intent":([0-9]+),"req":"((?:[^"\\]|\\.)*)","tenant":"((?:[^"\\]|\\.)*)"\}')


def parse_carried(text):
    """[(intent, req, tenant)] of a log.carried leaf; None when it is malformed."""
    head = b'{"ev":"log.carried","open":['
    if not text.startswith(head):
        return None
    at, out = len(head), []
    while True:
        m = CARRIED.match(text, at)
        if not m or len(m.group(1)) > 20 or int(m.group(1)) >= 1 << 64:
            return None
        out.append((int(m.group(1)), m.group(2), m.group(3)))
        at = m.end()
        if text[at:at + 1] != b",":
            break
        at += 1
    return out if text.startswith(b'],"req":"",', at) else None


def members(text):
    try:
        o = json.loads(text)
    except ValueError:
        return {}
    return o if isinstance(o, dict) else {}


def unhex(v, n):
    return bytes.fromhex(v) if isinstance(v, str) and re.fullmatch(r"[0-9a-f]{%d}" % (2 * n), v) \
        else None


def whole(o, key, least=0):
    v = o.get(key)
    return v if isinstance(v, int) and not isinstance(v, bool) and v >= least else None


# ---- files ----

def slurp(path, limit):
    with open(path, "rb") as f:
        return f.read(limit + 1)


def slurp_file(path, limit):
    """Of a log's directory: a pipe or a device there would keep us waiting."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(fd, "rb") as f:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise OSError(errno.EINVAL, "not a file", path)
        return f.read(limit + 1)


class Place:
    """Where the files of one period are."""

    def __init__(self, label, first, second=None, period=None):
        self.label, self.first, self.second, self.period = label, first, second, period

    def path(self, name):
        p = os.path.join(self.first, name)
        if self.second and not os.path.exists(p) and name not in ("tile", "witnessed"):
            q = os.path.join(self.second, name)
            if os.path.exists(q):
                return q
        return p

    def evidence(self, name):
        try:
            return slurp_file(self.path(name), NOTE_MAX)
        except FileNotFoundError:
            raise Bad(NO_RECORD, f"{self.label}{name}: is missing")


def load_conf(place):
    b = place.evidence("log.conf")
    what = place.label + "log.conf"
    lines = b.split(b"\n")
    if len(lines) < 4 or lines[0] != b"weir-audit-log/1":
        raise Bad(NO_RECORD, f"{what}: malformed")
    want = (b"origin ", b"vkey ", b"created ")
    if any(not l.startswith(w) for l, w in zip(lines[1:4], want)):
        raise Bad(NO_RECORD, f"{what}: malformed")
    origin, key = lines[1][7:], parse_vkey(lines[2][5:])
    if not NAME.match(origin) or key is None or key.name != origin or \
            decimal(lines[3][8:]) is None:
        raise Bad(NO_RECORD, f"{what}: malformed")
    text, n = check_note(b, key, what)
    if n != 1 or text != b"\n".join(lines[:4]) + b"\n":
        raise Bad(NO_RECORD, f"{what}: malformed")
    return key, sha256(b)


def load_state(place, key):
    what = place.label + "state"
    text, n = check_note(place.evidence("state"), key, what)
    keys = (b"origin", b"size", b"root", b"segment", b"end", b"sha256", b"clean")
    lines = text.split(b"\n")
    if n != 1 or len(lines) != 9 or lines[0] != b"weir-audit-state/1" or lines[8]:
        raise Bad(NO_RECORD, f"{what}: malformed")
    v = {}
    for k, line in zip(keys, lines[1:8]):
        if not line.startswith(k + b" "):
            raise Bad(NO_RECORD, f"{what}: malformed")
        v[k.decode()] = line[len(k) + 1:]
    out = {"size": decimal(v["size"]), "end": decimal(v["end"]), "root": unbase64(v["root"]),
           "sha256": unbase64(v["sha256"]), "clean": v["clean"] == b"yes", "segment": None}
    if re.match(rb"^[0-9]{20}\Z", v["segment"]):
        out["segment"] = int(v["segment"])
    if v["origin"] != key.name or any(x is None for x in out.values()) or \
            len(out["root"]) != 32 or len(out["sha256"]) != 32 or not v["clean"]:
        raise Bad(NO_RECORD, f"{what}: malformed")
    return out


def load_checkpoint(place, name, key):
    note = place.evidence(name)
    what = place.label + name
    text, _ = check_note(note, key, what)
    origin, size, root = parse_checkpoint(text, what)
    if origin != key.name:
        raise Bad(NO_RECORD, f"{what}: belongs to another log")
    return size, root, note


# ---- tiles ----

def tile_name(level, n, width=TILE):
    groups = []
    while True:
        groups.append("%03d" % (n % 1000))
        n //= 1000
        if n == 0:
            break
    groups = [groups[0]] + ["x" + g for g in groups[1:]]
    name = f"tile/{level}/" + "/".join(reversed(groups))
    return name if width == TILE else f"{name}.p/{width}"


class Tiles:
    """Compares tile/ with the records as they come."""

    def __init__(self, place, before):
        self.dir = os.path.join(place.first, "tile")
        self.root, self.label, self.before = place.first, place.label, before
        self.there = os.path.exists(self.dir)
        self.n = 0
        self.level = [[] for _ in range(8)]
        self.bundle, self.ends = bytearray(), []

    def index_of(self, level, n, at):
        if level == "entries":
            slot = next((i for i, e in enumerate(self.ends[:255]) if e > at), 255)
            return n * TILE + slot
        return (n * TILE + at // 32) * TILE**level

    def compare(self, level, n, width, want):
        name = tile_name(level, n, width)
        try:
            have = slurp_file(os.path.join(self.root, name), TILE * (2 + LEAF_MAX) + 1)
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            have = None
        if have == want:
            return
        i = 0
        if have is not None and len(have) <= TILE * (2 + LEAF_MAX) + 1:
            while i < len(have) and i < len(want) and have[i] == want[i]:
                i += 1
        number = self.before + self.index_of(level, n, i)
        raise Bad(number, f"{self.label}{name}: does not match the records from {number} on")

    def content(self, level, width):
        if level == "entries":
            return bytes(self.bundle[:self.ends[width - 1]])
        return b"".join(self.level[level][:width])

    def tile(self, level, n, have):
        if not self.there or have == 0:
            return
        if have == TILE:
            self.compare(level, n, TILE, self.content(level, TILE))
        partial = os.path.join(self.root, tile_name(level, n, 1)[:-2])
        for w in os.listdir(partial) if os.path.isdir(partial) else []:
            if w.isdigit() and w.isascii() and 1 <= int(w) <= min(have, 255):
                self.compare(level, n, int(w), self.content(level, int(w)))

    def leaf(self, text, h):
        n = self.n
        self.n += 1
        if not self.there:
            return
        self.bundle += struct.pack(">H", len(text)) + text
        self.ends.append(len(self.bundle))
        for l in range(8):
            self.level[l].append(h)
            if len(self.level[l]) < TILE:
                break
            n //= TILE
            self.tile(l, n, TILE)
            if l == 0:
                self.tile("entries", n, TILE)
                self.bundle, self.ends = bytearray(), []
            r = Range()
            for x in self.level[l]:
                r.add(x)
            h = r.root()
            self.level[l] = []

    def end(self, live):
        if not self.there:
            return
        n = self.n
        self.tile("entries", n // TILE, len(self.level[0]))
        for l in range(8):
            n //= TILE
            self.tile(l, n, len(self.level[l]))
        if not live:
            self.walk("tile")

    def walk(self, name, depth=0):
        try:
            entries = list(os.scandir(os.path.join(self.root, name)))
        except NotADirectoryError:
            raise Bad(NO_RECORD, f"{self.label}{name}: is no folder")
        for e in entries:
            if e.name.startswith("."):
                continue
            child = f"{name}/{e.name}"
            if depth > 10 or len(os.fsencode(child)) > TILE_NAME:
                raise Bad(NO_RECORD, f"{self.label}{child[:80]}: does not belong here")
            if e.is_dir(follow_symlinks=False):
                self.walk(child, depth + 1)
            elif not self.belongs(child):
                raise Bad(NO_RECORD, f"{self.label}{child}: is not a tile of this log")

    def belongs(self, name):
        m = re.match(r"^tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/)*[0-9]{3})(?:\.p/([0-9]{1,3}))?\Z",
                     name, re.A)
        if not m:
            return False
        level = m.group(1) if m.group(1) == "entries" else int(m.group(1))
        n, width = int(m.group(2).replace("x", "").replace("/", "")), int(m.group(3) or TILE)
        if tile_name(level, n, width) != name or (level != "entries" and level > 7) or width == 0:
            return False
        have = self.n if level == "entries" else self.n // TILE**level
        return n * TILE + width <= have


# ---- one period ----

class Period:
    def __init__(self, chain, place, last):
        self.chain, self.place, self.last = chain, place, last
        self.label = place.label
        self.size, self.tree, self.sealed = 0, Range(), bytes(32)
        self.ended = self.state_seen = self.open_end = self.may_carry = False
        self.carried = 0
        self.points = []  # [size, root, who, seen]

    def bad(self, index, text):
        raise Bad(self.chain.before + index, f"{self.name}: index {index}: {text}")

    def load(self):
        chain = self.chain
        self.key, self.id = load_conf(self.place)
        if chain.key is None:
            chain.key = self.key
        if not same_log(chain.key, self.key):
            raise Bad(NO_RECORD, f"{self.label}log.conf: the vkey is not the one given")
        for _ in range(3):  # a log that is being closed shows both a moment apart
            size, root, note = load_checkpoint(self.place, "checkpoint", self.key)
            self.state = s = load_state(self.place, self.key)
            if not s["clean"] or s["size"] == size:
                break
        if size > s["size"] or (s["clean"] and size != s["size"]) or \
                (size == s["size"] and root != s["root"]):
            raise Bad(NO_RECORD, f"{self.label}checkpoint (size {size}) and {self.label}state "
                                 f"(size {s['size']}) do not belong together")
        self.clean = s["clean"]
        self.points = [[size, root, "checkpoint", False], [s["size"], s["root"], "state", False]]
        for kept in chain.kept:
            if kept.split(b"\n", 1)[0] == self.key.name:
                text, _ = check_note(kept, self.key, "the checkpoint that was kept")
                _, k_size, k_root = parse_checkpoint(text, "the checkpoint that was kept")
                self.points.append([k_size, k_root, "the checkpoint that was kept", False])
                chain.kept_seen += 1
        self.witnesses(size, note)
        self.signed = max(p[0] for p in self.points)
        if self.last:
            chain.report.update(origin=self.key.name.decode(), root=root.hex(), size_signed=size)

    def witnesses(self, size, note):
        chain, got = self.chain, {}
        if os.path.exists(self.place.path("witnessed")):
            w_size, w_root, w_note = load_checkpoint(self.place, "witnessed", self.key)
            n = sum(is_cosigned(w_note, k, self.label + "witnessed") for k in chain.witnesses)
            if w_size:
                self.points.append([w_size, w_root, "witnessed", False])
                got[w_size] = n
        if not chain.witnesses:
            return
        n = sum(is_cosigned(note, k, self.label + "checkpoint") for k in chain.witnesses)
        need = chain.quorum or len(chain.witnesses)
        if not self.last:
            if max([n] + list(got.values())) < need:
                chain.report["unwitnessed_periods"] += 1
            return
        best = None
        for s, k in list(got.items()) + [(size, n)]:
            if k >= need:
                best = (s, k)
        if best is None:
            raise Bad(NO_RECORD, f"checkpoint: {n} of {len(chain.witnesses)} witnesses have "
                                 f"signed, {need} must")
        chain.report.update(witnessed=best[0], cosigned=best[1])

    def check_origin(self):
        chain = self.chain
        _, n = split_origin(self.key.name)
        if self.place.period and self.place.period != n:
            raise Bad(NO_RECORD, f"{self.label}log.conf: is that of period {n}")
        if not chain.first and n != chain.period + 1:
            raise Bad(NO_RECORD, f"periods/{chain.period + 1:04d} is missing")
        if not chain.first and self.key.name != chain.next_origin:
            raise Bad(NO_RECORD, f"{self.label}log.conf: {chain.next_origin.decode()} should follow")
        chain.period = n
        if chain.first:
            chain.open_known = n == 1

    # -- segments --

    def segments(self):
        folder = self.place.path("wal")
        try:
            names = os.listdir(folder)
        except (FileNotFoundError, NotADirectoryError):
            raise Bad(self.chain.before, f"{self.label}wal/: there is no segment")
        firsts = []
        for n in names:
            if n in ("spare", "spare.part"):
                continue
            if not re.match(r"^[0-9]{20}\.wal\Z", n, re.A) or int(n[:20]) >= 1 << 64:
                raise Bad(self.chain.before, f"{self.label}wal/{n} does not belong here")
            firsts.append(int(n[:20]))
        if not firsts:
            raise Bad(self.chain.before, f"{self.label}wal/: there is no segment")
        firsts.sort()
        for i, first in enumerate(firsts):
            if first != self.size:
                raise Bad(self.chain.before + self.size, f"{self.label}wal/: the segment that holds "
                                                         f"index {self.size} is missing")
            self.name = f"{self.label}wal/{first:020d}.wal"
            self.segment(first, i + 1 == len(firsts))

    def segment(self, first, last):
        path = self.place.path(f"wal/{first:020d}.wal")
        if os.stat(path).st_size > SEGMENT_MAX:
            self.bad(first, "longer than any segment may be")
        data = slurp_file(path, SEGMENT_MAX)
        at, crc = self.header(data, first, last)
        self.check_state(data, at, first)
        sealed = False
        start = at  # of the batch
        leaves = []
        while not sealed:
            f = self.frame(data, at, crc)
            if f is None:
                break
            kind, index, body, after, crc = f
            due = self.size + len(leaves)
            if index != due or after - start > BATCH_MAX or len(body) > LEAF_MAX:
                self.bad(due, "is out of order")
            at = after
            if kind == 1:
                leaves.append(body)
                continue
            sealed = self.batch_end(kind, body, leaves)
            self.size += len(leaves)
            if leaves:
                self.signed_here()
            start, leaves, good_crc = at, [], crc
            if not sealed:
                self.check_state(data, at, first)
        if sealed:
            self.sealed = sha256(data[:at])
        self.open_end = not sealed
        due = self.size + len(leaves)
        if not sealed and last and (due < self.signed or (leaves and self.size < self.signed)):
            left = data[at:at + 24]
            if len(left) == 24 and (left[4] == 2 or (left[4] != 1 and left[8:12] == b"\x30\0\0\0")):
                due = self.size
            self.bad(due, f"does not hold; {self.signed} records were signed")
        self.end(data, start, sealed, last)

    def header(self, data, first, last):
        k = bin(first).count("1")
        n = 132 + 32 * k
        h = data[:n]
        ok = len(h) == n and h[:8] == b"WEIRWAL\n"
        if ok:
            version, length, size, index, salt, _, _, k2, zero = struct.unpack("<IIQQQQQII", h[8:64])
            ok = (version == 1 and length == n and index == first and k2 == k and zero == 0 and
                  SEGMENT_MIN <= size <= SEGMENT_MAX and
                  struct.unpack("<I", h[-4:])[0] == crc32c(0, h[:-4]))
        if not ok:
            self.bad(first, "the segment's header does not hold")
        if len(data) != size and (not last or self.clean or len(data) > size):
            self.bad(first, f"has {len(data)} bytes, its header says {size}")
        if h[64:96] != self.id:
            self.bad(first, "belongs to another log.conf")
        if first != self.size or h[96:128] != self.sealed or h[128:-4] != b"".join(self.tree.h):
            self.bad(min(first, self.size), "does not continue the segment before it")
        self.magic = struct.pack("<I", 0x4D524657 ^ (salt & 0xFFFFFFFF))
        return n, crc32c(0, h[:-4])

    def frame(self, data, at, crc):
        """(type, index, body, offset behind it, crc) or None."""
        head = data[at:at + 24]
        if len(head) < 24 or head[:4] != self.magic or head[5:8] != b"\0\0\0":
            return None
        length, index, want = struct.unpack("<IQI", head[8:24])
        body = data[at + 24:at + 24 + length] if length <= BATCH_MAX else b""
        if len(body) != length:
            return None
        crc = crc32c(crc32c(crc, head[:20]), body)
        return (head[4], index, body, at + 24 + length, crc) if crc == want else None

    def batch_end(self, kind, body, leaves):
        """COMMIT or SEAL; True when it is a SEAL."""
        n = self.size + len(leaves)
        if kind == 3:
            ok = not leaves and len(body) == 40 and struct.unpack("<Q", body[:8])[0] == n
        else:
            ok = (kind == 2 and 0 < len(leaves) <= BATCH_LEAVES and len(body) == 48 and
                  struct.unpack("<IIQ", body[:16]) == (len(leaves), 0, n))
        if not ok:
            self.bad(self.size, "the end of its batch is wrong")
        hashes = [leaf_hash(x) for x in leaves]
        for h in hashes:
            self.tree.add(h)
        if self.tree.root() != body[-32:]:
            self.bad(self.size, "its batch does not have the root that was recorded")
        for i, (text, h) in enumerate(zip(leaves, hashes)):
            self.tiles.leaf(text, h)
            self.leaf(self.size + i, text)
        return kind == 3

    def signed_here(self):
        for p in self.points:
            if p[0] == self.size and not p[3]:
                p[3] = True
                if p[1] != self.tree.root():
                    raise Bad(NO_RECORD, f"{self.name}: the records up to size {p[0]} do not have "
                                         f"the root that {self.label}{p[2]} signed")

    def check_state(self, data, at, first):
        s = self.state
        if self.size != s["size"] or self.state_seen or first != s["segment"]:
            return
        self.state_seen = True
        if at != s["end"] or sha256(data[:at]) != s["sha256"]:
            self.bad(first, "was changed after state was signed")

    def end(self, data, at, sealed, last):
        """What follows the last whole batch."""
        if not sealed and not last:
            self.bad(self.size, f"(offset {at}) does not hold")
        tail = data[at:].rstrip(b"\0")
        if not tail:
            return
        if sealed or self.clean:
            self.bad(self.size, f"(offset {at}) does not hold: stray bytes behind the last record")
        if self.ended or not self.torn(tail, at):
            self.bad(self.size, f"(offset {at}) does not hold, and is not the rest of an "
                                "interrupted write")
        self.chain.report["uncommitted_bytes"] = len(tail)

    def torn(self, tail, at):
        if len(tail) > BATCH_MAX:
            return False
        for m in re.finditer(re.escape(self.magic + b"\x02"), tail):
            f = tail[m.start():m.start() + 40]
            if len(f) < 40:
                break
            length, size = struct.unpack("<IQ", f[8:20])
            count, _, inside = struct.unpack("<IIQ", f[24:40])
            if length == 48 and size == inside and count <= size and size - count > self.size:
                return False
        if tail[0] == 0:
            there = [at + i for i, byte in enumerate(tail) if byte]
            bits = sum(bin(byte).count("1") for byte in tail)
            return len(there) >= 4 or bits > 1 and there[0] // 512 > at // 512 and all(
                x % 512 < 3 and x // 512 == there[0] // 512 for x in there)
        first = tail[:512 - at % 512].rstrip(b"\0")
        kind = b"\3" if first[4:5] == b"\3" else b"\1"
        want = self.magic + kind + b"\0\0\0"
        if first[:8] != want[:len(first)]:
            return False
        if len(first) <= 12:
            return True
        length = struct.unpack("<I", first[8:12])[0]
        return 1 <= length <= LEAF_MAX and \
            first[12:20] == struct.pack("<Q", self.size)[:len(first) - 12]

    # -- leaves --

    def leaf(self, i, text):
        chain, r = self.chain, self.chain.report
        if self.ended:
            self.bad(i, "follows log.end")
        try:
            l = Leaf(text)
        except NotALeaf:
            self.bad(i, "is not a record")
        r["leaves"] += 1
        if l.t < chain.last_t:
            r["time_back_us_max"] = max(r["time_back_us_max"], chain.last_t - l.t)
        chain.last_t = max(chain.last_t, l.t)
        if i == 0 and chain.period > 1:
            self.begin(text)
        else:
            self.joint(i, l)
        number = chain.before + i
        known = chain.open_known and not chain.spool
        if l.ev == b"req.intent":
            if not l.req or l.req in chain.open:
                self.bad(i, "a second intent for one request")
            chain.open[l.req] = (number, l.tenant)
            r["intents"] += 1
        elif l.ev == b"req.outcome":
            if chain.open.pop(l.req, None) is None and known:
                self.bad(i, "an outcome without an open intent")
            r["outcomes"] += 1
            r["unknown_outcomes"] += l.status == b"unknown"
        elif l.ev == b"req.fallback" and known and l.req not in chain.open:
            self.bad(i, "a fallback without an open intent")
        elif l.ev == b"log.spool" and i == 1:
            chain.spool = True
        elif l.ev == b"req.content":
            r["contents"] += 1
            for b in members(text).get("blobs") or []:
                key, ct, n = unhex(b.get("id"), 16), unhex(b.get("ct"), 32), whole(b, "bytes")
                if key and ct:
                    chain.blobs.setdefault(key, (number, n, ct))
        elif l.ev in (b"erasure.blobs", b"retention.delete"):
            chain.named.update(unhex(x, 16) for x in members(text).get("ids") or [])

    def begin(self, text):
        """Leaf 0 of a later period."""
        chain, o = self.chain, members(text)
        period, before, note = whole(o, "period", 2), whole(o, "before", 1), o.get("checkpoint")
        if o.get("ev") != "log.begin" or period is None or before is None or \
                not isinstance(note, str):
            self.bad(0, "is not a log.begin")
        if period != chain.period:
            self.bad(0, f"is the log.begin of period {period}")
        note = note.encode("utf-8", "surrogatepass")
        origin = note.split(b"\n", 1)[0]
        try:
            if not NAME.match(origin):
                raise Bad(0, "not a checkpoint")
            key = self.key.named(origin)
            if not same_log(key, self.key) or split_origin(origin)[1] != period - 1:
                raise Bad(0, "it continues another period")
            text, _ = check_note(note, key, "log.begin")
            origin, size, root = parse_checkpoint(text, "log.begin")
        except Bad as e:
            self.bad(0, str(e))
        if before < size or (not chain.first and before != chain.before):
            self.bad(0, f"says that {before} records came before it")
        if not chain.first and (size, root, origin) != chain.prev:
            self.bad(0, "the period before it does not end with the checkpoint it names")
        if chain.first:
            chain.before = self.tiles.before = before
            chain.report["before"] = before
            chain.gone = (period - 1, origin, size, root)
        self.may_carry = True

    def joint(self, i, l):
        """What joins periods."""
        chain = self.chain
        if l.ev == b"log.carried" and self.may_carry:
            entries = parse_carried(l.text)
            for intent, req, tenant in entries or []:
                if chain.open_known:
                    ok = chain.open.get(req) == (intent, tenant)
                else:
                    ok = req not in chain.open
                    chain.open[req] = (intent, tenant)
                if not ok:
                    entries = None
                    break
                self.carried += 1
            if entries is None:
                self.bad(i, "log.carried is malformed or names a request that was not open")
            return
        self.carried_end(i)
        if l.ev in (b"log.begin", b"log.carried"):
            self.bad(i, l.ev.decode() + " does not belong here")
        if l.ev == b"log.end":
            self.ended = True
            name = members(l.text).get("next")
            if not isinstance(name, str) or not NAME.match(name.encode("utf-8", "replace")):
                self.bad(i, "log.end does not name the next period")
            chain.next_origin = name.encode()
        elif l.ev == b"retention.dropped" and chain.gone and chain.dropped_at is None:
            o = members(l.text)
            if (whole(o, "period"), o.get("origin"), whole(o, "records"), o.get("root")) == (
                    chain.gone[0], chain.gone[1].decode(), chain.gone[2],
                    base64.b64encode(chain.gone[3]).decode()):
                chain.dropped_at = chain.before + i

    def carried_end(self, i):
        chain = self.chain
        if not self.may_carry:
            return
        self.may_carry = False
        if self.carried != len(chain.open):
            self.bad(i, f"{len(chain.open)} requests were open, log.carried names {self.carried}")
        chain.open_known = True

    # -- all of it --

    def run(self):
        chain = self.chain
        self.name = f"{self.label}wal"
        self.load()
        self.check_origin()
        self.tiles = Tiles(self.place, chain.before)
        self.signed_here()  # size 0 may be signed too
        self.segments()
        self.carried_end(self.size - 1)
        if self.size < self.signed:
            self.bad(self.size, f"is missing; {self.signed} records were signed")
        for p in self.points:
            if not p[3]:
                raise Bad(NO_RECORD, f"{self.name}: no batch ends where {self.label}{p[2]} says")
        if not self.state_seen:
            raise Bad(NO_RECORD, f"{self.name}: no batch ends where {self.label}state says")
        if self.clean and (self.size != self.state["size"] or not self.open_end):
            self.bad(self.state["size"], "was added after the log was closed")
        if not self.last and not self.ended:
            self.bad(self.size, "does not end with log.end")
        if not self.last and not self.clean and not chain.changing:
            raise Bad(NO_RECORD, f"{self.label}state: the period has ended and was not closed")
        self.tiles.end(chain.live)
        chain.prev = (self.size, self.tree.root(), self.key.name)
        chain.before += self.size
        chain.first = False
        chain.report["clean"] = self.clean
        chain.report["periods"] += 1


# ---- all periods ----

class Chain:
    def __init__(self, key, witnesses, quorum, kept, live):
        self.key, self.witnesses, self.quorum, self.kept = key, witnesses, quorum, kept
        self.live, self.changing, self.kept_seen = live, False, 0
        self.period = self.before = self.last_t = 0
        self.first, self.open_known, self.spool = True, False, False
        self.open, self.prev, self.next_origin = {}, None, b""
        self.blobs, self.named = {}, set()  # stored content: id -> (record, bytes, hash); destroyed
        self.gone = self.dropped_at = None
        self.report = {"holds": True, "leaves": 0, "before": 0, "periods": 0, "size_signed": 0,
                       "intents": 0, "outcomes": 0, "unknown_outcomes": 0, "open_intents": 0,
                       "uncommitted_bytes": 0, "time_back_us_max": 0, "dropped_periods": 0,
                       "unwitnessed_periods": 0, "contents": 0, "clean": False, "live": live}

    def places(self, d):
        out = []
        periods = os.path.join(d, "periods")
        for n in os.listdir(periods) if os.path.exists(periods) else []:
            if not re.match(r"^[0-9]{4,}\Z", n, re.A) or int(n) == 0 or "%04d" % int(n) != n:
                raise Bad(NO_RECORD, f"periods/{n} does not belong here")
            out.append(Place(f"periods/{n}/", os.path.join(periods, n), period=int(n)))
        out.sort(key=lambda p: p.period)
        new = os.path.join(d, "next")
        if not os.path.exists(new):
            return out + [Place("", d)]
        if not os.path.isdir(new):
            raise NotADirectoryError(errno.ENOTDIR, "not a folder", new)
        self.changing = True
        current = Place("next/", new, d)
        n = split_origin(load_conf(current)[0].name)[1]
        for p in out:
            p.second = d
        if not out or out[-1].period != n - 1:
            out.append(Place("", d))  # nothing of it has been moved yet
        return out + [current]

    def run(self, d):
        places = self.places(d)
        for i, place in enumerate(places):
            Period(self, place, i + 1 == len(places)).run()
        if self.gone:
            self.report.update(dropped_periods=self.gone[0])
            if self.dropped_at is None:
                raise Bad(NO_RECORD, f"periods/{self.gone[0]:04d} is missing, and no record says "
                                     "that it was dropped")
            self.report["dropped_at"] = self.dropped_at
        if self.kept_seen < len(self.kept):
            raise Bad(NO_RECORD, "a checkpoint that was kept is of no period that is here")
        self.report["open_intents"] = len(self.open)


# ---- content beside the log ----

BLOB, BLOB_MAX = 256, 64 << 20


def blob_header(data, at):
    """(state, bytes, id) of a header that holds and whose blob fits, else None."""
    h = data[at:at + BLOB]
    if len(h) < BLOB or h[:4] != b"WBLB":
        return None
    state, n = struct.unpack("<IQ", h[4:16])
    if state not in (1, 2) or n > BLOB_MAX or at + BLOB + (n + 7) // 8 * 8 > len(data) or \
            struct.unpack("<I", h[252:])[0] != crc32c(0, h[:252]):
        return None
    return state, n, h[48:64]


def stored_blobs(d, report):
    """(state, id, bytes, hash of the ciphertext) of everything in DIR/content."""
    folder = os.path.join(d, "content")
    for name in sorted(os.listdir(folder)):
        if not re.fullmatch(r"[0-9]{20}\.seg", name, re.A):
            continue
        try:
            data, at = slurp_file(os.path.join(folder, name), 1 << 31), 0
        except FileNotFoundError:
            continue  # nothing of it was live any more
        while at < len(data):
            h = blob_header(data, at)
            if h is None:
                report["damaged"] += 1
                at += 8
                while at < len(data) and blob_header(data, at) is None:
                    at = data.find(b"WBLB", at + 1)
                    at = len(data) if at < 0 else at + -at % 8
                continue
            state, n, key = h
            at += BLOB
            yield state, key, n, sha256(data[at:at + n])
            at += (n + 7) // 8 * 8


def check_content(d, chain):
    """What the records say is kept must be there, unchanged."""
    report = {"damaged": 0, "destroyed": 0, "kept": 0, "recorded": len(chain.blobs), "unrecorded": 0}
    missing, wrong = dict(chain.blobs), []
    there = os.path.isdir(os.path.join(d, "content"))
    for state, key, n, ct in stored_blobs(d, report) if there else ():
        known = chain.blobs.get(key)
        if known is None:
            report["unrecorded"] += state == 1
            continue
        missing.pop(key, None)
        report["kept" if state == 1 else "destroyed"] += 1
        if key not in chain.named and (state != 1 or (n, ct) != known[1:]):
            wrong.append((known[0], "was destroyed, and no record says why" if state != 1 else
                          "is not what the record says: it was changed", key))
    for key, known in missing.items():
        report["destroyed"] += key in chain.named
        if key not in chain.named:
            wrong.append((known[0], "is missing, and no record says why", key))
    chain.report["content"] = report
    if wrong:
        number, what, key = min(wrong)
        raise Bad(number, f"content {key.hex()} of record {number} {what}" +
                  ("" if there else "; there is no DIR/content (--without-content if you were not "
                   "given it)"))


def is_live(d):
    try:
        fd = os.open(os.path.join(d, "LOCK"), os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(fd, "rb") as f:
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
    except OSError:
        pass
    return False


def signs_of_life(d):
    out = []
    for n in ("state", "log.conf", "next/log.conf"):
        try:
            out.append(slurp_file(os.path.join(d, n), NOTE_MAX))
        except OSError:
            out.append(None)
    return out


def need_vkey(s, kind=1):
    k = parse_vkey(s.encode(), kind)
    if k is None:
        raise Unreadable(f"not a verifier key: {s}")
    return k


def need_witnesses(vkeys, quorum):
    keys = [need_vkey(w, 4) for w in vkeys]
    if len({k.pub for k in keys}) < len(keys):
        raise Unreadable("a witness is given twice")
    if quorum < 0 or quorum > len(keys):
        raise Unreadable("the quorum is more than there are witnesses")
    return keys


def verify(d, vkey=None, witnesses=(), quorum=0, kept=(), without_content=False):
    """The report, as a dict; `first_bad` and `problem` where it does not hold. Unreadable or OSError
    when it cannot be read."""
    key = need_vkey(vkey) if vkey else None
    witnesses = need_witnesses(witnesses, quorum)
    for note in kept:
        origin = note.split(b"\n", 1)[0]
        if not NAME.match(origin) or (key and not same_log(key, key.named(origin))):
            raise Unreadable("a checkpoint that was kept is none, or of another log")
    if not any(os.path.exists(os.path.join(d, n)) for n in ("log.conf", "wal", "next")):
        raise Unreadable(f"{d}: there is no log here")
    for tries in range(10):
        before = signs_of_life(d)
        chain = Chain(key, witnesses, quorum, list(kept), is_live(d))
        failure, in_content = None, False
        try:
            chain.run(d)
            if not without_content and (os.path.exists(os.path.join(d, "content")) or
                                        (chain.blobs and not chain.spool)):
                in_content = True
                check_content(d, chain)
            return chain.report
        except Bad as e:
            chain.report["holds"] = False
            if e.number is not None:
                chain.report["first_bad"] = e.number
            chain.report["problem"] = str(e)
        except OSError as e:
            failure = e
        if signs_of_life(d) == before and not (
                chain.live and (in_content or tries < 3)):
            break
    if failure:
        raise failure
    return chain.report


# ---- proofs ----

def split_proof(data):
    """The lines before the empty one, and the note behind it."""
    head, sep, note = data.partition(b"\n\n")
    if not sep:
        raise Bad(NO_RECORD, "not a proof")
    return head.split(b"\n"), note


def proof_hashes(lines):
    out = [unbase64(l) for l in lines]
    if any(h is None or len(h) != 32 for h in out) or len(out) > 63:
        raise Bad(NO_RECORD, "a hash of the proof is malformed")
    return out


def period_key(key, note):
    """The trusted key under the name that the checkpoint in note has."""
    origin = note.split(b"\n", 1)[0]
    if not NAME.match(origin) or split_origin(origin)[0] != split_origin(key.name)[0]:
        raise Bad(NO_RECORD, "the checkpoint is of another log")
    return key.named(origin)


def verify_proof(data, vkey, witnesses=(), quorum=0, leaf=None):
    """A tlog-proof. Returns (origin, index, size, leaf)."""
    key = need_vkey(vkey)
    lines, note = split_proof(data)
    if lines[0] != b"c2sp.org/tlog-proof@v1":
        raise Bad(NO_RECORD, "not a tlog-proof")
    del lines[0]
    if lines and lines[0].startswith(b"extra "):
        extra = unbase64(lines[0][6:])
        if extra is None:
            raise Bad(NO_RECORD, "extra is malformed")
        leaf = extra if leaf is None else leaf
        del lines[0]
    if leaf is None:
        raise Bad(NO_RECORD, "the proof has no record: give one")
    index = decimal(lines[0][6:]) if lines and lines[0].startswith(b"index ") else None
    if index is None:
        raise Bad(NO_RECORD, "the index is malformed")
    key = period_key(key, note)
    text, _ = check_note(note, key, "checkpoint")
    origin, size, root = parse_checkpoint(text, "checkpoint")
    keys = need_witnesses(witnesses, quorum)
    have = sum(is_cosigned(note, k, "checkpoint") for k in keys)
    if have < (quorum or len(keys)):
        raise Bad(NO_RECORD, f"{have} of {len(keys)} witnesses have signed")
    if not inclusion_holds(index, size, leaf_hash(leaf), proof_hashes(lines[1:]), root):
        raise Bad(NO_RECORD, "the proof does not hold")
    return origin, index, size, leaf


def verify_consistency(data, old_note, vkey):
    """Does the checkpoint in data extend old_note? Returns the two sizes."""
    key = need_vkey(vkey)
    lines, note = split_proof(data)
    if len(lines) < 3 or lines[0] != b"weir-audit-consistency/1":
        raise Bad(NO_RECORD, "not a consistency proof")
    text, _ = check_note(note, period_key(key, note), "the new checkpoint")
    origin, n, new = parse_checkpoint(text, "the new checkpoint")
    text, _ = check_note(old_note, period_key(key, old_note), "the old checkpoint")
    origin2, m, old = parse_checkpoint(text, "the old checkpoint")
    if origin != origin2:
        raise Bad(NO_RECORD, "the two checkpoints are of different periods")
    if lines[1] != b"old %d" % m or lines[2] != b"new %d" % n:
        raise Bad(NO_RECORD, "the proof is for other sizes")
    if not consistency_holds(m, n, old, new, proof_hashes(lines[3:])):
        raise Bad(NO_RECORD, "the proof does not hold")
    return m, n


def verify_tiles(d, vkey):
    """As somebody sees it who has only the C2SP specifications: the checkpoint and the tiles of its
    size, nothing of ours. Returns the size."""
    key = need_vkey(vkey)
    note = slurp(os.path.join(d, "checkpoint"), NOTE_MAX)
    text, _ = check_note(note, period_key(key, note), "checkpoint")
    _, size, root = parse_checkpoint(text, "checkpoint")
    hashes = []
    for n in range((size + TILE - 1) // TILE):
        width = min(TILE, size - n * TILE)
        name = tile_name("entries", n, width)
        data, at = slurp(os.path.join(d, name), TILE * 65537), 0
        for _ in range(width):
            if at + 2 > len(data):
                raise Bad(len(hashes), f"{name}: is cut short")
            k = struct.unpack(">H", data[at:at + 2])[0]
            if at + 2 + k > len(data):
                raise Bad(len(hashes), f"{name}: is cut short")
            hashes.append(leaf_hash(data[at + 2:at + 2 + k]))
            at += 2 + k
        if at != len(data):
            raise Bad(len(hashes) - 1, f"{name}: has more than its entries")
    level, l, whole_tree = hashes, 0, Range()
    for h in hashes:
        whole_tree.add(h)
    while level:
        for n in range((len(level) + TILE - 1) // TILE):
            part = level[n * TILE:(n + 1) * TILE]
            name = tile_name(l, n, len(part))
            if slurp(os.path.join(d, name), TILE * 32) != b"".join(part):
                raise Bad(n * TILE**(l + 1), f"{name}: does not match the level below it")
        up = []
        for n in range(len(level) // TILE):
            r = Range()
            for h in level[n * TILE:(n + 1) * TILE]:
                r.add(h)
            up.append(r.root())
        level, l = up, l + 1
    if whole_tree.root() != root:
        raise Bad(NO_RECORD, "the tiles do not have the checkpoint's root")
    return size


# ---- command line ----

def print_report(d, r, many, as_json):
    if as_json:
        print(json.dumps(dict(r, dir=d) if many else r, separators=(",", ":")))
        return
    head = f"{d}: " if many else ""
    if r["holds"]:
        print(f"{head}holds: {r['leaves']} records of {r['origin']} in {r['periods']} period(s), "
              f"root {r['root']} at {r['size_signed']}; {r['intents']} intents, {r['outcomes']} "
              f"outcomes, {r['open_intents']} open")
    elif "first_bad" in r:
        print(f"{head}DOES NOT HOLD at index {r['first_bad']}: {r['problem']}")
    else:
        print(f"{head}DOES NOT HOLD: {r['problem']}")


def run(o):
    if o.proof:
        origin, index, size, leaf = verify_proof(slurp(o.proof, 1 << 20), o.vkey, o.witness, o.quorum)
        print(f"holds: index {index} of {size} of {origin.decode()}", file=sys.stderr)
        sys.stdout.buffer.write(leaf + b"\n")
        return 0
    if o.consistency:
        m, n = verify_consistency(slurp(o.consistency, 1 << 20), slurp(o.old, NOTE_MAX), o.vkey)
        print(f"holds: size {n} extends size {m}")
        return 0
    if o.tiles:
        print(f"holds: {verify_tiles(o.tiles, o.vkey)} entries in tiles")
        return 0
    kept, worst = [slurp(f, NOTE_MAX) for f in o.checkpoint], 0
    for d in o.dir:
        try:
            r = verify(d, o.vkey, o.witness, o.quorum, kept, o.without_content)
            print_report(d, r, len(o.dir) > 1, o.json)
            worst = max(worst, 0 if r["holds"] else 1)
        except (OSError, Unreadable) as e:
            print(f"audit_verify: {e}", file=sys.stderr)
            worst = 2
    return worst


def main():
    a = argparse.ArgumentParser(description=__doc__.split("\n\n")[0],
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    a.add_argument("dir", nargs="*")
    a.add_argument("--vkey")
    a.add_argument("--witness", action="append", default=[])
    a.add_argument("--quorum", type=int, default=0)
    a.add_argument("--checkpoint", action="append", default=[])
    a.add_argument("--without-content", action="store_true")
    a.add_argument("--json", action="store_true")
    a.add_argument("--proof")
    a.add_argument("--consistency")
    a.add_argument("--old")
    a.add_argument("--tiles")
    o = a.parse_args()
    special = o.proof or o.consistency or o.tiles
    if bool(special) == bool(o.dir) or (special and not o.vkey) or (o.consistency and not o.old):
        a.error("give one or more DIRs, or --proof, --consistency with --old, or --tiles with --vkey")
    try:
        return run(o)
    except Bad as e:
        print(f"DOES NOT HOLD: {e}")
        return 1
    except (OSError, Unreadable) as e:
        print(f"audit_verify: {e}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
