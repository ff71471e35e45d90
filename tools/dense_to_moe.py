#!/usr/bin/env python3
"""Turns a dense llama GGUF into a Mixture of Experts that computes the same thing.

Each layer's feed-forward network  down(silu(gate(x)) * up(x))  is cut along its hidden width into 8
experts, and all 8 are used. The router's weights are zero, so every expert gets the weight 1/8;
`down` is scaled by 8 in return. Powers of two do not round: the scales of the quantised blocks are
multiplied, the quantised values are moved as they are, and the new model's scores differ from the
old one's only by the order in which floating-point sums are formed.

gate and up are cut by rows, which lie one behind the other already: their bytes stay as they are.
down is cut by columns, so the cut must fall between blocks of its quantisation.

    usage: tools/dense_to_moe.py IN.gguf OUT.gguf [--experts 8]

OUT appears whole or not at all. Exit: 0 done, 1 it cannot be done.
Standard library only; reads and writes GGUF version 3.
"""
import argparse
import os
import struct
import sys
import tempfile

# type id: (values in a block, bytes in a block, offsets of its half-precision scales)
TYPES = {
    0: (1, 4, None),      # F32
    1: (1, 2, (0,)),      # F16
    2: (32, 18, (0,)),    # Q4_0: d
    3: (32, 20, (0, 2)),  # Q4_1: d, m
    6: (32, 22, (0,)),    # Q5_0
    7: (32, 24, (0, 2)),  # Q5_1
    8: (32, 34, (0,)),    # Q8_0
    10: (256, 84, (80, 82)),
    11: (256, 110, (108,)),
    12: (256, 144, (0, 2)),
    13: (256, 176, (0, 2)),
    14: (256, 210, (208,)),
}
U32, STRING, ARRAY = 4, 8, 9
KV_BYTES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}


class Problem(Exception):
    """Something that ends the run, in words for the reader."""


class Reader:
    """Walks a buffer, never beyond its end."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, n):
        if n < 0 or self.at + n > len(self.data):
            raise Problem("the file ends in the middle of its header")
        self.at += n
        return self.data[self.at - n:self.at]

    def number(self, fmt):
        return struct.unpack("<" + fmt, self.take(struct.calcsize(fmt)))[0]

    def string(self):
        return bytes(self.take(self.number("Q")))

    def skip_value(self, kind):
        if kind == STRING:
            self.string()
        elif kind == ARRAY:
            elem, n = self.number("I"), self.number("Q")
            if elem in KV_BYTES:
                self.take(KV_BYTES[elem] * n)
            elif elem == STRING:
                for _ in range(n):
                    self.string()
            else:
                raise Problem(f"an array of type {elem}")
        elif kind in KV_BYTES:
            self.take(KV_BYTES[kind])
        else:
            raise Problem(f"a value of type {kind}")


def pack_string(s):
    return struct.pack("<Q", len(s)) + s


def kv_u32(key, value):
    return pack_string(key) + struct.pack("<II", U32, value)


def read_header(data):
    r = Reader(data)
    if bytes(r.take(4)) != b"GGUF" or r.number("I") != 3:
        raise Problem("not a GGUF file of version 3")
    n_tensors, n_kv = r.number("Q"), r.number("Q")
    if n_tensors > 1 << 20 or n_kv > 1 << 20:
        raise Problem("absurd counts in the header")
    kv = {}
    for _ in range(n_kv):
        start = r.at
        key, kind = r.string(), r.number("I")
        at = r.at
        r.skip_value(kind)
        kv[key] = (kind, at, start, r.at)
    tensors = []
    for _ in range(n_tensors):
        name = r.string()
        dims = [r.number("Q") for _ in range(r.number("I"))]
        kind, offset = r.number("I"), r.number("Q")
        tensors.append((name, dims, kind, offset))
    return kv, tensors, r.at


def get_u32(data, kv, key, default=None):
    if key not in kv:
        if default is None:
            raise Problem(f"the file has no {key.decode()}")
        return default
    kind, at, _, _ = kv[key]
    if kind not in (4, 5, 10, 11):
        raise Problem(f"{key.decode()} is not a number")
    return struct.unpack_from("<" + {4: "I", 5: "i", 10: "Q", 11: "q"}[kind], data, at)[0]


def tensor_bytes(name, dims, kind):
    if kind not in TYPES:
        raise Problem(f"{name.decode()} has type {kind}, which is not built in")
    values, size, _ = TYPES[kind]
    n = 1
    for d in dims:
        n *= d
    if dims[0] % values:
        raise Problem(f"{name.decode()}: a row of {dims[0]} is not whole blocks of {values}")
    return n // values * size


def times(data, kind, factor):
    """A tensor's bytes with every scale multiplied by factor, a power of two; exactly."""
    _, size, scales = TYPES[kind]
    out = bytearray(data)
    if kind == 0:
        words = struct.unpack(f"<{len(out) // 4}f", out)
        return struct.pack(f"<{len(words)}f", *(w * factor for w in words))
    for off in scales:
        halves = {}
        for lo, hi in zip(out[off::size], out[off + 1::size]):
            key = (lo, hi)
            if key not in halves:
                v = struct.unpack("<e", bytes(key))[0]
                if v != v or abs(v * factor) > 65504:
                    raise Problem(f"a scale of {v} times {factor} does not fit half precision")
                halves[key] = struct.pack("<e", v * factor)
        pairs = list(zip(out[off::size], out[off + 1::size]))
        out[off::size] = bytes(halves[p][0] for p in pairs)
        out[off + 1::size] = bytes(halves[p][1] for p in pairs)
    return bytes(out)


def cut_columns(name, data, dims, kind, experts):
    """[in, out] as [in / experts, out, experts]."""
    values, size, _ = TYPES[kind]
    width, rows = dims
    if width % experts or width // experts % values:
        raise Problem(f"{name.decode()}: {width} columns cannot be cut into {experts} parts of whole "
                      f"blocks of {values}")
    part, row = width // experts // values * size, width // values * size
    out = bytearray()
    for e in range(experts):
        for r in range(rows):
            out += data[r * row + e * part:r * row + (e + 1) * part]
    return bytes(out), [width // experts, rows, experts]


def convert_tensors(data, start, tensors, n_embd, experts):
    """Yields name, dims, type and a function that gives the bytes, in the order of the file."""
    for name, dims, kind, offset in tensors:
        size = tensor_bytes(name, dims, kind)
        at = start + offset
        if at + size > len(data):
            raise Problem(f"{name.decode()} lies behind the end of the file")
        raw = data[at:at + size]
        base, _, what = name.rpartition(b".ffn_")
        if what in (b"gate.weight", b"up.weight"):
            if dims[1] % experts:
                raise Problem(f"{name.decode()}: {dims[1]} rows cannot be cut into {experts} parts")
            new = base + b".ffn_" + what.replace(b".weight", b"_exps.weight")
            yield new, [dims[0], dims[1] // experts, experts], kind, bytes(raw)
        elif what == b"down.weight":
            cut, new_dims = cut_columns(name, raw, dims, kind, experts)
            yield base + b".ffn_down_exps.weight", new_dims, kind, times(cut, kind, experts)
            yield base + b".ffn_gate_inp.weight", [n_embd, experts], 0, bytes(4 * n_embd * experts)
        elif what.startswith((b"gate_inp", b"gate_exps")):
            raise Problem("the file is a Mixture of Experts already")
        else:
            yield name, dims, kind, bytes(raw)


def header_kv(data, kv, experts):
    """The old keys, with the changed ones in place and the new ones behind."""
    n_ff = get_u32(data, kv, b"llama.feed_forward_length")
    part = n_ff // experts
    change = {b"llama.feed_forward_length": part, b"llama.expert_count": experts,
              b"llama.expert_used_count": experts, b"llama.expert_feed_forward_length": part}
    out = []
    for key, (_, at, begin, end) in kv.items():
        if key in change:
            out.append(kv_u32(key, change.pop(key)))
        elif key == b"general.name":
            name = Reader(data[at:end]).string()
            out.append(pack_string(key) + struct.pack("<I", STRING)
                       + pack_string(name + b" (as %d experts)" % experts))
        else:
            out.append(bytes(data[begin:end]))
    return out + [kv_u32(k, v) for k, v in change.items()]


def convert(data, out, experts):
    kv, tensors, end = read_header(data)
    if b"general.architecture" not in kv or \
            Reader(data[kv[b"general.architecture"][1]:]).string() != b"llama":
        raise Problem("only files of the llama architecture can be converted")
    if get_u32(data, kv, b"llama.expert_count", 0):
        raise Problem("the file is a Mixture of Experts already")
    align = get_u32(data, kv, b"general.alignment", 32)
    if align == 0 or align & (align - 1):
        raise Problem("bad alignment")
    n_embd = get_u32(data, kv, b"llama.embedding_length")
    start = (end + align - 1) // align * align
    pad = lambda n: -n % align
    kvs = header_kv(data, kv, experts)
    infos, blobs, offset = [], [], 0
    for name, dims, kind, raw in convert_tensors(data, start, tensors, n_embd, experts):
        infos.append(pack_string(name) + struct.pack("<I", len(dims))
                     + struct.pack(f"<{len(dims)}Q", *dims) + struct.pack("<IQ", kind, offset))
        blobs.append(raw)
        offset += len(raw) + pad(len(raw))
    head = b"GGUF" + struct.pack("<IQQ", 3, len(infos), len(kvs)) + b"".join(kvs) + b"".join(infos)
    out.write(head + bytes(pad(len(head))))
    for raw in blobs:
        out.write(raw)
        out.write(bytes(pad(len(raw))))


def main():
    ap = argparse.ArgumentParser(description="a dense llama GGUF as an exact Mixture of Experts")
    ap.add_argument("source")
    ap.add_argument("target")
    ap.add_argument("--experts", type=int, default=8, choices=(2, 4, 8, 16))
    a = ap.parse_args()
    try:
        with open(a.source, "rb") as f:
            data = memoryview(f.read())
        folder = os.path.dirname(a.target) or "."
        fd, tmp = tempfile.mkstemp(prefix=".moe-", dir=folder)
        try:
            with os.fdopen(fd, "wb") as out:
                convert(data, out, a.experts)
                out.flush()
                os.fsync(out.fileno())
            os.chmod(tmp, 0o644)
            os.replace(tmp, a.target)
            tmp = None
        finally:
            if tmp:
                os.unlink(tmp)
    except (OSError, struct.error) as e:
        raise Problem(str(e)) from e
    print(f"dense_to_moe: {a.target} is ready ({a.experts} experts, all used)", file=sys.stderr)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as e:
        print(f"dense_to_moe: {e}", file=sys.stderr)
        sys.exit(1)
