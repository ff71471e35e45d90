"""Models that write a given answer: real GGUF files, run by the real engine.

What a model's output turns into can be tested only with a model that writes what the test wants to see. A
trained one does not do so on demand, so here the weights are laid out by hand. One layer, greedy sampling:

* the vocabulary has a token for each byte, the special tokens, and one token for each piece of each script,
  none twice (the scripts are cut at random places, within characters too);
* the embedding of token t is 100 in dimension t, and the output row of token c is 1 in the dimension of its
  predecessor in the script, so each piece is followed by the next; bytes and unused special tokens, one of
  which ends any prompt, are followed by the start of a script;
* queries and keys are zero, so attention averages over all tokens; the values pass on a few of them, which
  raise the score of certain tokens: the start of the second script if the prompt holds its trigger, and
  the right successor of a special token that occurs more than once in a script.

Standard library only.
"""
import random
import struct

NORMAL, CONTROL, USER = 1, 3, 4
SCALE, FEATURES = 100.0, 64


def alphabet():
    """The stand-ins of byte-level BPE: byte -> character."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    out, n = {}, 0
    for b in range(256):
        if b in plain:
            out[b] = chr(b)
        else:
            out[b] = chr(256 + n)
            n += 1
    return out


class Script:
    """Pieces of text and special tokens (as `Special`), cut into tokens that occur once."""

    def __init__(self, items, trigger=None):
        self.items, self.trigger = items, trigger


class Special(str):
    pass


def cut(data, rng, used):
    """data in pieces of two bytes or more, none in used (which they join)."""
    assert len(data) > 1, "a piece of one byte is a token already"
    out, at = [], 0
    while at < len(data):
        n = rng.randint(2, 7)
        if len(data) - at - n < 2:
            n = len(data) - at
        while data[at:at + n] in used and at + n < len(data):
            n += 1
        while data[at:at + n] in used:      # at the end: take the piece before it along
            n += len(out[-1])
            at -= len(out[-1])
            used.discard(out.pop())
        piece = data[at:at + n]
        used.add(piece)
        out.append(piece)
        at += n
    return out


def write_string(out, data):
    out += struct.pack("<Q", len(data)) + data


class Header:
    def __init__(self):
        self.kv, self.n = bytearray(), 0

    def add(self, key, kind, payload):
        write_string(self.kv, key.encode())
        self.kv += struct.pack("<I", kind) + payload
        self.n += 1

    def u32(self, key, v):
        self.add(key, 4, struct.pack("<I", v))

    def f32(self, key, v):
        self.add(key, 6, struct.pack("<f", v))

    def flag(self, key, v):
        self.add(key, 7, struct.pack("<?", v))

    def text(self, key, v):
        b = bytearray()
        write_string(b, v if isinstance(v, bytes) else v.encode())
        self.add(key, 8, bytes(b))

    def texts(self, key, vs):
        b = bytearray(struct.pack("<IQ", 8, len(vs)))
        for v in vs:
            write_string(b, v.encode())
        self.add(key, 9, bytes(b))

    def ints(self, key, vs):
        self.add(key, 9, struct.pack("<IQ", 5, len(vs)) + struct.pack(f"<{len(vs)}i", *vs))


class Matrix:
    """rows x columns of F32, sparse until written."""

    def __init__(self, columns, rows):
        self.columns, self.rows, self.data = columns, rows, bytearray(columns * rows * 4)

    def set(self, row, column, v):
        struct.pack_into("<f", self.data, (row * self.columns + column) * 4, v)


def ones(n):
    m = Matrix(n, 1)
    for i in range(n):
        m.set(0, i, 1.0)
    return m


def write(path, header, tensors):
    info, blob = bytearray(), bytearray()
    for name, m in tensors.items():
        dims = [m.columns] if m.rows == 1 else [m.columns, m.rows]
        write_string(info, name.encode())
        info += struct.pack("<I", len(dims)) + struct.pack(f"<{len(dims)}Q", *dims)
        info += struct.pack("<IQ", 0, len(blob))
        blob += m.data
        blob += bytes(-len(blob) % 32)
    head = struct.pack("<IIQQ", 0x46554747, 3, len(tensors), header.n) + bytes(header.kv) + bytes(info)
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % 32) + blob)


def tokenize(scripts, specials, seed):
    """(texts, types, scripts as lists of ids)"""
    letters = alphabet()
    rng, used = random.Random(seed), set()
    texts = [letters[b] for b in range(256)] + list(specials)
    types = [NORMAL] * 256 + [specials[s] for s in specials]
    id_of = {s: 256 + i for i, s in enumerate(specials)}
    out = []
    for script in scripts:
        ids = []
        for item in script.items:
            if isinstance(item, Special):
                ids.append(id_of[item])
                continue
            for piece in cut(item.encode(), rng, used):
                ids.append(len(texts))
                texts.append("".join(letters[b] for b in piece))
                types.append(NORMAL)
        out.append(ids)
    return texts, types, out, id_of


def follow(scripts, id_of, lists, eos):
    """(successor, its predecessor or None for a start, feature token or None, boost) of every step"""
    seen, steps = {}, []
    for script, ids in zip(scripts, lists):
        steps.append((ids[0], None, id_of.get(script.trigger), 1 if script.trigger else 0))
        for i, t in enumerate(ids):
            after = ids[i + 1] if i + 1 < len(ids) else eos
            k = seen.get(t, 0)
            seen[t] = k + 1
            near = (u for u in reversed(ids[:i]) if ids.count(u) == 1)
            mark = next(near, id_of.get(script.trigger)) if k else None
            steps.append((after, t, mark, k))
    return steps


def build(path, template, scripts, specials, eos="<|im_end|>", name="scripted", seed=1):
    """Writes the model. specials: {text: CONTROL or USER}, eos among them. The first script is the answer; a
    further one with a trigger (a special token's text) is the answer where the prompt holds that."""
    texts, types, lists, id_of = tokenize(scripts, specials, seed)
    n_vocab = len(texts)
    n_embd = -(-(n_vocab + FEATURES) // 64) * 64
    embd, out = Matrix(n_embd, n_vocab), Matrix(n_embd, n_vocab)
    value, back = Matrix(n_embd, FEATURES), Matrix(FEATURES, n_embd)
    for t in range(n_vocab):
        embd.set(t, t, SCALE)
    steps = follow(scripts, id_of, lists, id_of[eos])
    followed = {before for _, before, _, _ in steps}
    features = sorted({mark for _, _, mark, _ in steps if mark is not None})
    assert len(features) <= FEATURES
    for f, t in enumerate(features):
        value.set(f, t, 1.0)
        back.set(n_vocab + f, f, 2000.0 / n_embd ** 0.5)
    for after, before, mark, boost in steps:
        if before is not None:
            out.set(after, before, 1.0 - 0.001 * boost)     # without its feature the first one wins
        else:
            for t in range(n_vocab):
                if t not in followed:
                    out.set(after, t, 0.5 - 0.001 * boost)
        if mark is not None:
            out.set(after, n_vocab + features.index(mark), float(boost))
    h = Header()
    h.text("general.architecture", "llama")
    h.text("general.name", name)
    for key, v in {"context_length": 8192, "embedding_length": n_embd, "block_count": 1,
                   "feed_forward_length": 32, "attention.head_count": 1, "attention.head_count_kv": 1,
                   "attention.key_length": FEATURES, "attention.value_length": FEATURES,
                   "rope.dimension_count": FEATURES, "vocab_size": n_vocab}.items():
        h.u32("llama." + key, v)
    h.f32("llama.attention.layer_norm_rms_epsilon", 1e-6)
    h.text("tokenizer.ggml.model", "gpt2")
    h.text("tokenizer.ggml.pre", "qwen2")
    h.texts("tokenizer.ggml.tokens", texts)
    h.ints("tokenizer.ggml.token_type", types)
    h.texts("tokenizer.ggml.merges", ["\u0100 \u0100"])
    h.u32("tokenizer.ggml.eos_token_id", id_of[eos])
    h.flag("tokenizer.ggml.add_bos_token", False)
    h.text("tokenizer.chat_template", template)
    zero = Matrix(n_embd, FEATURES)
    write(path, h, {
        "token_embd.weight": embd, "output.weight": out, "output_norm.weight": ones(n_embd),
        "blk.0.attn_norm.weight": ones(n_embd), "blk.0.ffn_norm.weight": ones(n_embd),
        "blk.0.attn_q.weight": zero, "blk.0.attn_k.weight": zero, "blk.0.attn_v.weight": value,
        "blk.0.attn_output.weight": back, "blk.0.ffn_gate.weight": Matrix(n_embd, 32),
        "blk.0.ffn_up.weight": Matrix(n_embd, 32), "blk.0.ffn_down.weight": Matrix(32, n_embd)})
