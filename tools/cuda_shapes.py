"""cuda_shapes.py - the models whose cost on a GPU is modelled (cuda_model.py), as GGUF headers.

A file made here has the tensors, types and sizes of the model that it is named after and next to no
contents: weights are holes in a sparse file, so that 400 GB of model take a few MB of disk. What a
plan or a count of bytes asks of a model is all there. Norms are ones and routers and embeddings are
random, so that tokens spread over experts as evenly as they would in the mean.

Reduced files keep every row's length (and with it what a kernel does per row) and have fewer layers,
experts or tokens in the vocabulary.
"""
import random
import struct
from dataclasses import dataclass, field

F32, Q4_0, Q8_0, Q4_K, Q6_K, BF16, MXFP4 = 0, 2, 8, 12, 14, 30, 39
BLOCK = {F32: (1, 4), Q4_0: (32, 18), Q8_0: (32, 34), Q4_K: (256, 144), Q6_K: (256, 210), BF16: (1, 2),
         MXFP4: (32, 17)}
TYPE_NAME = {F32: "F32", Q4_0: "Q4_0", Q8_0: "Q8_0", Q4_K: "Q4_K", Q6_K: "Q6_K", BF16: "BF16", MXFP4: "MXFP4"}


def tensor_bytes(ne, kind):
    values, size = BLOCK[kind]
    assert ne[0] % values == 0, (ne, kind)
    n = ne[0] // values * size
    for k in ne[1:]:
        n *= k
    return n


@dataclass
class Model:
    name: str
    arch: str
    n_layer: int
    n_embd: int
    n_vocab: int
    n_expert: int
    n_used: int
    n_ff: int                 # of an expert
    n_head: int
    n_head_kv: int
    n_dim: int                # of a head
    dense: int                # type of what is not an expert
    experts: int              # type of the experts
    head: int                 # type of the output matrix
    keys: dict = field(default_factory=dict)   # further metadata, without the architecture's name
    window: int = 0           # of every other layer
    mla: dict = None          # q_lora, kv_lora, nope, rope, vhead
    n_dense_lead: int = 0
    n_ff_dense: int = 0
    shared: bool = False
    qk_norm: bool = False
    biases: bool = False      # of gpt-oss: everywhere, and sinks

    def layer(self, i):
        """Tensors of layer i: (name, ne, type); ne[0] is a row."""
        d, t = self.n_embd, []
        add = lambda name, ne, kind: t.append((f"blk.{i}.{name}", ne, kind))
        add("attn_norm.weight", (d,), F32)
        add("post_attention_norm.weight" if self.arch == "gpt-oss" else "ffn_norm.weight", (d,), F32)
        if self.mla:
            m = self.mla
            add("attn_q_a.weight", (d, m["q_lora"]), self.dense)
            add("attn_q_a_norm.weight", (m["q_lora"],), F32)
            add("attn_q_b.weight", (m["q_lora"], self.n_head * (m["nope"] + m["rope"])), self.dense)
            add("attn_kv_a_mqa.weight", (d, m["kv_lora"] + m["rope"]), self.dense)
            add("attn_kv_a_norm.weight", (m["kv_lora"],), F32)
            add("attn_k_b.weight", (m["nope"], m["kv_lora"], self.n_head), Q8_0)
            add("attn_v_b.weight", (m["kv_lora"], m["vhead"], self.n_head), Q8_0)
            add("attn_output.weight", (self.n_head * m["vhead"], d), self.dense)
        else:
            q, kv = self.n_head * self.n_dim, self.n_head_kv * self.n_dim
            for name, ne in (("attn_q", (d, q)), ("attn_k", (d, kv)), ("attn_v", (d, kv)), ("attn_output", (q, d))):
                add(name + ".weight", ne, self.dense)
                if self.biases:
                    add(name + ".bias", (ne[1],), F32)
            if self.biases:
                add("attn_sinks.weight", (self.n_head,), F32)
            if self.qk_norm:
                add("attn_q_norm.weight", (self.n_dim,), F32)
                add("attn_k_norm.weight", (self.n_dim,), F32)
        if i < self.n_dense_lead:
            for name, ne in (("gate", (d, self.n_ff_dense)), ("up", (d, self.n_ff_dense)), ("down", (self.n_ff_dense, d))):
                add(f"ffn_{name}.weight", ne, self.dense)
            return t
        add("ffn_gate_inp.weight", (d, self.n_expert), F32)
        if self.biases:
            add("ffn_gate_inp.bias", (self.n_expert,), F32)
        if self.arch == "deepseek2":
            add("exp_probs_b.bias", (self.n_expert,), F32)
        for name, ne in (("gate", (d, self.n_ff)), ("up", (d, self.n_ff)), ("down", (self.n_ff, d))):
            add(f"ffn_{name}_exps.weight", ne + (self.n_expert,), self.experts)
            if self.biases:
                add(f"ffn_{name}_exps.bias", (ne[1], self.n_expert), F32)
            if self.shared:
                add(f"ffn_{name}_shexp.weight", ne, self.dense)
        return t

    def tensors(self):
        t = [("token_embd.weight", (self.n_embd, self.n_vocab), self.head),
             ("output_norm.weight", (self.n_embd,), F32), ("output.weight", (self.n_embd, self.n_vocab), self.head)]
        for i in range(self.n_layer):
            t += self.layer(i)
        return t

    def metadata(self):
        a, m = self.arch, self.mla
        kv = {"general.architecture": a, "general.name": self.name, f"{a}.block_count": self.n_layer,
              f"{a}.context_length": 131072, f"{a}.embedding_length": self.n_embd,
              f"{a}.feed_forward_length": self.n_ff_dense or self.n_ff, f"{a}.attention.head_count": self.n_head,
              f"{a}.attention.head_count_kv": 1 if m else self.n_head_kv,
              f"{a}.attention.layer_norm_rms_epsilon": 1e-6, f"{a}.expert_count": self.n_expert,
              f"{a}.expert_used_count": self.n_used, f"{a}.expert_feed_forward_length": self.n_ff,
              f"{a}.vocab_size": self.n_vocab, f"{a}.rope.freq_base": 150000.0}
        if not m:
            kv |= {f"{a}.attention.key_length": self.n_dim, f"{a}.attention.value_length": self.n_dim}
        if self.window:
            kv[f"{a}.attention.sliding_window"] = self.window
        return kv | {f"{a}.{k}": v for k, v in self.keys.items()}

    def windows(self):
        """Per layer, the keys that a token sees at most; 0: all. gpt-oss: every other one, the first among them."""
        return [self.window if self.window and i % 2 == 0 else 0 for i in range(self.n_layer)]

    def reduced(self, n_layer=None, n_expert=None, n_vocab=None):
        """The same rows, fewer of them."""
        from dataclasses import replace
        groups = {}
        if n_expert and "expert_group_count" in self.keys:
            groups = {"expert_group_count": 1, "expert_group_used_count": 1}
        return replace(self, n_layer=n_layer or self.n_layer, n_expert=n_expert or self.n_expert,
                       n_vocab=n_vocab or self.n_vocab, keys=self.keys | groups)


def gpt_oss(name, layers, experts):
    return Model(name=name, arch="gpt-oss", n_layer=layers, n_embd=2880, n_vocab=201088, n_expert=experts, n_used=4,
                 n_ff=2880, n_head=64, n_head_kv=8, n_dim=64, dense=BF16, experts=MXFP4, head=BF16, window=128,
                 biases=True,
                 keys={"rope.dimension_count": 64, "rope.scaling.type": "yarn", "rope.scaling.factor": 32.0,
                       "rope.scaling.original_context_length": 4096})


MODELS = {m.name: m for m in (
    gpt_oss("gpt-oss-120b", 36, 128),
    gpt_oss("gpt-oss-20b", 24, 32),
    Model(name="Qwen3-30B-A3B", arch="qwen3moe", n_layer=48, n_embd=2048, n_vocab=151936, n_expert=128, n_used=8,
          n_ff=768, n_head=32, n_head_kv=4, n_dim=128, dense=Q4_K, experts=Q4_K, head=Q4_K, qk_norm=True),
    Model(name="DeepSeek-V3", arch="deepseek2", n_layer=61, n_embd=7168, n_vocab=129280, n_expert=256, n_used=8,
          n_ff=2048, n_head=128, n_head_kv=128, n_dim=192, dense=Q4_K, experts=Q4_K, head=Q4_K, shared=True,
          n_dense_lead=3, n_ff_dense=18432,
          mla={"q_lora": 1536, "kv_lora": 512, "nope": 128, "rope": 64, "vhead": 128},
          keys={"rope.dimension_count": 64, "attention.kv_lora_rank": 512, "attention.q_lora_rank": 1536,
                "attention.key_length": 576, "attention.value_length": 512, "attention.key_length_mla": 192,
                "attention.value_length_mla": 128, "leading_dense_block_count": 3, "expert_shared_count": 1,
                "expert_weights_scale": 2.5, "expert_weights_norm": True, "expert_gating_func": 2,
                "expert_group_count": 8, "expert_group_used_count": 4}),
)}


# ---- GGUF ----

def _string(s):
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def _value(v):
    if isinstance(v, bool):
        return struct.pack("<I?", 7, v)
    if isinstance(v, int):
        return struct.pack("<II", 4, v)
    if isinstance(v, float):
        return struct.pack("<If", 6, v)
    return struct.pack("<I", 8) + _string(v)


def _floats(n, rng, scale):
    """n numbers as f32, up to +-scale, from random bytes: fast."""
    import array
    raw = array.array("h", rng.randbytes(2 * n))
    return array.array("f", (scale / 32768 * x for x in raw)).tobytes()


def _contents(name, ne, kind, rng):
    """Bytes of the tensors that are not left as holes."""
    n = 1
    for k in ne:
        n *= k
    if name.endswith("norm.weight"):
        return struct.pack("<f", 1.0) * n
    if name.endswith("ffn_gate_inp.weight"):
        return _floats(n, rng, 0.1)
    if name == "token_embd.weight" and n <= 1 << 24:  # of a reduced vocabulary
        values, block = BLOCK[kind]
        raw = bytearray(rng.randbytes(tensor_bytes(ne, kind)))
        if kind == BF16:  # sign and fraction of numbers from 0.5 to 2
            raw[1::2] = bytes(x & 0x80 | 0x3F for x in raw[1::2])
        else:
            scale = struct.pack("<ee", 0.01, 0.05)
            for at in range(0, len(raw), block):
                raw[at:at + 4] = scale
        return bytes(raw)
    return None


def write(model, path, seed=1, contents=True):
    """A GGUF file of the model at path; sparse, without contents nothing but holes. The bytes that it stands for."""
    rng, tensors, kv = random.Random(seed), model.tensors(), model.metadata()
    head = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(kv)))
    for key, v in kv.items():
        head += _string(key) + _value(v)
    at, places = 0, []
    for name, ne, kind in tensors:
        head += _string(name) + struct.pack(f"<I{len(ne)}QIQ", len(ne), *ne, kind, at)
        places.append(at)
        at += (tensor_bytes(ne, kind) + 31) // 32 * 32
    data = (len(head) + 31) // 32 * 32
    with open(path, "wb") as f:
        f.write(head)
        f.truncate(data + at)
        for (name, ne, kind), place in zip(tensors, places):
            raw = _contents(name, ne, kind, rng) if contents else None
            if raw is not None:
                f.seek(data + place)
                f.write(raw)
    return data + at
