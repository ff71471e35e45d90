#!/usr/bin/env python3
"""A second opinion on the engine's families: tiny random models in PyPI's `transformers`, written as GGUF with PyPI's `gguf`,
run by `weir model logits`; every position's logits and the greedy continuation are compared.

The fixtures of the tests come from llama.cpp, as does the file format: a mistake that both share would pass there. This
script shares nothing with them but the names of keys and tensors. It needs torch, transformers 5 and gguf (a venv of its
own; not part of `make test`). Where the two worlds differ on purpose it says so in NOTES, and the models are made such
that the difference does not come into play.

usage: crosscheck_transformers.py [--weir build/weir] [--configs 3] [--device cpu|ref] [--only FAMILY,...] [--keep DIR]

Prints a table in Markdown; ends 1 if a logit is off by more than 1e-3 (2e-3 for GELU) or a greedy token differs.
"""
import argparse
import os
import random
import subprocess
import sys
import tempfile

import gguf
import numpy as np
import torch
import transformers

NOTES = """\
Differences by design between `transformers` and GGUF files as llama.cpp reads them:
* gpt-oss: `rope_parameters.truncate` is false in the published configuration, so YaRN's ramp begins and ends between
  pairs; llama.cpp cuts both to whole pairs, and so does the engine. The models here set it to true.
* DeepSeek V3, GLM-4: groups that are not chosen get the score 0 in transformers and minus infinity in llama.cpp: the
  same unless a biased score is negative. The biases here are too small for that.
* DeepSeek V3: the norms within latent attention have an epsilon of 1e-6 of their own in transformers, GGUF has one for
  all norms. Published models have 1e-6 for all; with another (1e-3), logits differ by 1e-2. The models here have 1e-6.
* Gemma 3: the factor of queries is its own number there (query_pre_attn_scalar), in GGUF a head's length except for the
  27B model. The models here have them equal.
* Llama, Mixtral, Granite: GGUF files turn neighbouring pairs, transformers halves of a head; rows of q and k change
  places when a file is written.
* Norms of Gemma hold their weight less 1 in transformers, the weight itself in GGUF.
"""


class Writer:
    """A GGUF file of f32 tensors, given as numpy arrays [out][in] (GGUF names dimensions the other way round)."""

    def __init__(self, path, arch, config):
        self.w = gguf.GGUFWriter(path, arch)
        self.arch = arch
        c = config
        self.w.add_block_count(c.num_hidden_layers)
        self.w.add_context_length(c.max_position_embeddings)
        self.w.add_embedding_length(c.hidden_size)
        self.w.add_head_count(c.num_attention_heads)
        self.w.add_head_count_kv(c.num_key_value_heads)
        self.w.add_layer_norm_rms_eps(c.rms_norm_eps)
        self.w.add_vocab_size(c.vocab_size)
        self.w.add_feed_forward_length(c.intermediate_size)

    def key(self, name, v):
        kind = {bool: self.w.add_bool, int: self.w.add_uint32, float: self.w.add_float32, str: self.w.add_string}[type(v)]
        kind(f"{self.arch}.{name}", v)

    def put(self, name, t):
        a = t.detach().float().numpy() if isinstance(t, torch.Tensor) else t
        self.w.add_tensor(name, np.ascontiguousarray(a, dtype=np.float32))

    def close(self):
        self.w.write_header_to_file()
        self.w.write_kv_data_to_file()
        self.w.write_tensors_to_file()
        self.w.close()


def pairs(t, n_head):
    """Rows of q or k from halves of a head to neighbouring pairs."""
    return t.reshape(n_head, 2, t.shape[0] // n_head // 2, *t.shape[1:]).swapaxes(1, 2).reshape(t.shape)


def plain(r, **more):
    heads = r.choice([2, 4])
    d = dict(num_hidden_layers=r.choice([2, 3]), hidden_size=r.choice([64, 96]), intermediate_size=r.choice([96, 160]),
             num_attention_heads=heads, num_key_value_heads=r.choice([1, heads // 2, heads]), vocab_size=r.choice([131, 200]),
             max_position_embeddings=256, rms_norm_eps=r.choice([1e-5, 1e-3]), pad_token_id=None, bos_token_id=1,
             eos_token_id=2, rope_parameters={"rope_type": "default", "rope_theta": r.choice([10000.0, 500000.0])})
    d.update(more)
    return d


def common(w, c, sd, turn, norm_add=0.0, tied=False):
    """What nearly all have: embeddings, norms, q, k, v, o (with biases), norms of heads."""
    w.put("token_embd.weight", sd["model.embed_tokens.weight"])
    w.put("output_norm.weight", sd["model.norm.weight"] + norm_add)
    if not tied:
        w.put("output.weight", sd["lm_head.weight"])
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.attn_norm.weight", sd[p + "input_layernorm.weight"] + norm_add)
        for x, to, heads in (("q", "attn_q", c.num_attention_heads), ("k", "attn_k", c.num_key_value_heads),
                             ("v", "attn_v", 0), ("o", "attn_output", 0)):
            for part in ("weight", "bias"):
                t = sd.get(p + f"self_attn.{x}_proj.{part}")
                if t is not None:
                    w.put(f"blk.{i}.{to}.{part}", pairs(t, heads) if turn and heads else t)
        for x in ("q", "k"):
            t = sd.get(p + f"self_attn.{x}_norm.weight")
            if t is not None:
                w.put(f"blk.{i}.attn_{x}_norm.weight", t + norm_add)


def rope(w, c):
    w.key("rope.freq_base", float(c.rope_parameters["rope_theta"]))


def dense(w, sd, i, src, name="ffn", part="mlp."):
    for x in ("gate", "up", "down"):
        suffix = "_shexp" if name == "shexp" else ""
        w.put(f"blk.{i}.ffn_{x}{suffix}.weight", sd[f"{src}{part}{x}_proj.weight"])


def experts(w, sd, i, src, part="mlp."):
    both = sd[src + part + "experts.gate_up_proj"]
    half = both.shape[1] // 2
    w.put(f"blk.{i}.ffn_gate_exps.weight", both[:, :half])
    w.put(f"blk.{i}.ffn_up_exps.weight", both[:, half:])
    w.put(f"blk.{i}.ffn_down_exps.weight", sd[src + part + "experts.down_proj"])


def moe_keys(w, n, used, ff):
    w.w.add_expert_count(n)
    w.w.add_expert_used_count(used)
    w.w.add_expert_feed_forward_length(ff)


# ---- families: a configuration, and how it is written ----

def llama(r):
    return "LlamaConfig", plain(r)


def write_llama(w, c, sd):
    rope(w, c)
    w.w.add_rope_dimension_count(c.hidden_size // c.num_attention_heads)
    common(w, c, sd, True)
    for i in range(c.num_hidden_layers):
        w.put(f"blk.{i}.ffn_norm.weight", sd[f"model.layers.{i}.post_attention_layernorm.weight"])
        dense(w, sd, i, f"model.layers.{i}.")


def mixtral(r):
    return "MixtralConfig", plain(r, num_local_experts=r.choice([4, 6]), num_experts_per_tok=2, sliding_window=None)


def write_mixtral(w, c, sd):
    rope(w, c)
    moe_keys(w, c.num_local_experts, c.num_experts_per_tok, c.intermediate_size)
    common(w, c, sd, True)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.ffn_norm.weight", sd[p + "post_attention_layernorm.weight"])
        part = "mlp." if p + "mlp.gate.weight" in sd else "block_sparse_moe."
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + part + "gate.weight"])
        experts(w, sd, i, p, part)


def qwen3(r):
    return "Qwen3Config", plain(r, head_dim=r.choice([16, 32]))


def write_qwen3(w, c, sd):
    rope(w, c)
    w.w.add_key_length(c.head_dim)
    w.w.add_value_length(c.head_dim)
    common(w, c, sd, False)
    for i in range(c.num_hidden_layers):
        w.put(f"blk.{i}.ffn_norm.weight", sd[f"model.layers.{i}.post_attention_layernorm.weight"])
        dense(w, sd, i, f"model.layers.{i}.")


def qwen3moe(r):
    return "Qwen3MoeConfig", plain(r, head_dim=r.choice([16, 32]), num_experts=r.choice([6, 8]), num_experts_per_tok=3,
                                   moe_intermediate_size=r.choice([32, 64]), norm_topk_prob=True, decoder_sparse_step=1,
                                   mlp_only_layers=[])


def write_qwen3moe(w, c, sd):
    rope(w, c)
    w.w.add_key_length(c.head_dim)
    w.w.add_value_length(c.head_dim)
    moe_keys(w, c.num_experts, c.num_experts_per_tok, c.moe_intermediate_size)
    common(w, c, sd, False)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.ffn_norm.weight", sd[p + "post_attention_layernorm.weight"])
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + "mlp.gate.weight"])
        experts(w, sd, i, p)


def qwen2moe(r):
    return "Qwen2MoeConfig", plain(r, num_experts=r.choice([6, 8]), num_experts_per_tok=3, norm_topk_prob=False,
                                   moe_intermediate_size=r.choice([32, 64]), shared_expert_intermediate_size=64,
                                   decoder_sparse_step=1, mlp_only_layers=[])


def write_qwen2moe(w, c, sd):
    rope(w, c)
    moe_keys(w, c.num_experts, c.num_experts_per_tok, c.moe_intermediate_size)
    w.key("expert_shared_feed_forward_length", c.shared_expert_intermediate_size)
    common(w, c, sd, False)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.ffn_norm.weight", sd[p + "post_attention_layernorm.weight"])
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + "mlp.gate.weight"])
        experts(w, sd, i, p)
        dense(w, sd, i, p, "shexp", "mlp.shared_expert.")
        w.put(f"blk.{i}.ffn_gate_inp_shexp.weight", sd[p + "mlp.shared_expert_gate.weight"].reshape(-1))


def olmoe(r):
    return "OlmoeConfig", plain(r, num_experts=r.choice([6, 8]), num_experts_per_tok=3, norm_topk_prob=False)


def write_olmoe(w, c, sd):
    rope(w, c)
    moe_keys(w, c.num_experts, c.num_experts_per_tok, c.intermediate_size)
    common(w, c, sd, False)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.ffn_norm.weight", sd[p + "post_attention_layernorm.weight"])
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + "mlp.gate.weight"])
        experts(w, sd, i, p)


def granitemoe(r):
    return "GraniteMoeConfig", plain(r, num_local_experts=r.choice([6, 8]), num_experts_per_tok=3,
                                     embedding_multiplier=6.0, residual_multiplier=0.5, attention_multiplier=0.11,
                                     logits_scaling=3.0, tie_word_embeddings=False)


def write_granitemoe(w, c, sd):
    rope(w, c)
    moe_keys(w, c.num_local_experts, c.num_experts_per_tok, c.intermediate_size)
    w.key("embedding_scale", float(c.embedding_multiplier))
    w.key("residual_scale", float(c.residual_multiplier))
    w.key("attention.scale", float(c.attention_multiplier))
    w.key("logit_scale", float(c.logits_scaling))
    common(w, c, sd, True)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.ffn_norm.weight", sd[p + "post_attention_layernorm.weight"])
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + "block_sparse_moe.router.weight"])
        experts(w, sd, i, p, "block_sparse_moe.")


def glm4moe(r):
    return "Glm4MoeConfig", plain(r, head_dim=32, n_routed_experts=r.choice([6, 8]), num_experts_per_tok=3, n_shared_experts=1,
                                  moe_intermediate_size=r.choice([32, 64]), first_k_dense_replace=1, n_group=1, topk_group=1,
                                  norm_topk_prob=True, routed_scaling_factor=1.5, use_qk_norm=r.choice([True, False]),
                                  attention_bias=r.choice([True, False]),
                                  rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                                                   "partial_rotary_factor": 0.5})


def write_sigmoid_moe(w, c, sd, norm):
    moe_keys(w, c.n_routed_experts, c.num_experts_per_tok, c.moe_intermediate_size)
    w.key("expert_shared_count", c.n_shared_experts)
    w.key("leading_dense_block_count", c.first_k_dense_replace)
    w.key("expert_weights_scale", float(c.routed_scaling_factor))
    w.key("expert_weights_norm", bool(c.norm_topk_prob))
    w.key("expert_gating_func", 2)
    if c.n_group > 1:
        w.key("expert_group_count", c.n_group)
        w.key("expert_group_used_count", c.topk_group)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.{norm}.weight", sd[p + "post_attention_layernorm.weight"])
        if i < c.first_k_dense_replace:
            dense(w, sd, i, p)
            continue
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + "mlp.gate.weight"])
        w.put(f"blk.{i}.exp_probs_b.bias", sd[p + "mlp.gate.e_score_correction_bias"])
        experts(w, sd, i, p)
        dense(w, sd, i, p, "shexp", "mlp.shared_experts.")


def write_glm4moe(w, c, sd):
    rope(w, c)
    w.w.add_key_length(c.head_dim)
    w.w.add_value_length(c.head_dim)
    w.w.add_rope_dimension_count(int(c.head_dim * 0.5))
    w.key("nextn_predict_layers", 0)
    common(w, c, sd, False)
    write_sigmoid_moe(w, c, sd, "post_attention_norm")


def deepseek(r):
    heads = r.choice([2, 4])
    groups = r.choice([1, 2])
    return "DeepseekV3Config", plain(r, num_attention_heads=heads, num_key_value_heads=heads, n_routed_experts=8,
                                     num_experts_per_tok=3, n_shared_experts=1, moe_intermediate_size=r.choice([32, 64]),
                                     first_k_dense_replace=1, n_group=groups, topk_group=1, norm_topk_prob=True,
                                     routed_scaling_factor=2.5, q_lora_rank=r.choice([32, 48]), kv_lora_rank=32,
                                     qk_rope_head_dim=8, qk_nope_head_dim=16, v_head_dim=16, rope_interleave=True,
                                     rms_norm_eps=1e-6)


def write_deepseek(w, c, sd):
    rope(w, c)
    n, nope, rot, vh, lora = c.num_attention_heads, c.qk_nope_head_dim, c.qk_rope_head_dim, c.v_head_dim, c.kv_lora_rank
    w.w.add_q_lora_rank(c.q_lora_rank)
    w.w.add_kv_lora_rank(lora)
    w.w.add_key_length(lora + rot)
    w.w.add_value_length(lora)
    w.key("attention.key_length_mla", nope + rot)
    w.key("attention.value_length_mla", vh)
    w.w.add_rope_dimension_count(rot)
    w.put("token_embd.weight", sd["model.embed_tokens.weight"])
    w.put("output_norm.weight", sd["model.norm.weight"])
    w.put("output.weight", sd["lm_head.weight"])
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.attn_norm.weight", sd[p + "input_layernorm.weight"])
        for x, to in (("q_a_proj", "attn_q_a"), ("q_a_layernorm", "attn_q_a_norm"), ("q_b_proj", "attn_q_b"),
                      ("kv_a_proj_with_mqa", "attn_kv_a_mqa"), ("kv_a_layernorm", "attn_kv_a_norm"),
                      ("o_proj", "attn_output")):
            w.put(f"blk.{i}.{to}.weight", sd[p + f"self_attn.{x}.weight"])
        b = sd[p + "self_attn.kv_b_proj.weight"].reshape(n, nope + vh, lora)
        w.put(f"blk.{i}.attn_k_b.weight", b[:, :nope].transpose(1, 2))
        w.put(f"blk.{i}.attn_v_b.weight", b[:, nope:])
    write_sigmoid_moe(w, c, sd, "ffn_norm")


def gpt_oss(r):
    return "GptOssConfig", plain(r, head_dim=32, num_local_experts=r.choice([6, 8]), num_experts_per_tok=3,
                                 sliding_window=16, num_hidden_layers=4, layer_types=["sliding_attention",
                                                                                      "full_attention"] * 2,
                                 intermediate_size=r.choice([64, 96]),
                                 rope_parameters={"rope_type": "yarn", "factor": 8.0, "beta_fast": 32.0, "beta_slow": 1.0,
                                                  "truncate": True, "original_max_position_embeddings": 64,
                                                  "rope_theta": 150000.0})


def write_gpt_oss(w, c, sd):
    rope(w, c)
    y = c.rope_parameters
    w.key("rope.scaling.type", "yarn")
    w.key("rope.scaling.factor", float(y["factor"]))
    w.key("rope.scaling.original_context_length", y["original_max_position_embeddings"])
    w.w.add_key_length(c.head_dim)
    w.w.add_value_length(c.head_dim)
    w.key("attention.sliding_window", c.sliding_window)
    moe_keys(w, c.num_local_experts, c.num_experts_per_tok, c.intermediate_size)
    common(w, c, sd, False)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        w.put(f"blk.{i}.post_attention_norm.weight", sd[p + "post_attention_layernorm.weight"])
        w.put(f"blk.{i}.attn_sinks.weight", sd[p + "self_attn.sinks"])
        w.put(f"blk.{i}.ffn_gate_inp.weight", sd[p + "mlp.router.weight"])
        w.put(f"blk.{i}.ffn_gate_inp.bias", sd[p + "mlp.router.bias"])
        both, bias = sd[p + "mlp.experts.gate_up_proj"], sd[p + "mlp.experts.gate_up_proj_bias"]
        for k, x in enumerate(("gate", "up")):  # columns of the two alternate
            w.put(f"blk.{i}.ffn_{x}_exps.weight", both[:, :, k::2].transpose(1, 2))
            w.put(f"blk.{i}.ffn_{x}_exps.bias", bias[:, k::2])
        w.put(f"blk.{i}.ffn_down_exps.weight", sd[p + "mlp.experts.down_proj"].transpose(1, 2))
        w.put(f"blk.{i}.ffn_down_exps.bias", sd[p + "mlp.experts.down_proj_bias"])


def gemma3(r):
    d = plain(r, head_dim=r.choice([16, 32]), sliding_window=12, num_hidden_layers=6,
              layer_types=["sliding_attention"] * 5 + ["full_attention"], tie_word_embeddings=True,
              rope_parameters={"sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
                               "full_attention": {"rope_type": "default", "rope_theta": 1000000.0}})
    return "Gemma3TextConfig", dict(d, query_pre_attn_scalar=d["head_dim"])


def write_gemma3(w, c, sd):
    w.key("rope.freq_base", 1000000.0)
    w.w.add_key_length(c.head_dim)
    w.w.add_value_length(c.head_dim)
    w.key("attention.sliding_window", c.sliding_window)
    common(w, c, sd, False, 1.0, True)
    for i in range(c.num_hidden_layers):
        p = f"model.layers.{i}."
        for x, to in (("post_attention_layernorm", "post_attention_norm"), ("pre_feedforward_layernorm", "ffn_norm"),
                      ("post_feedforward_layernorm", "post_ffw_norm")):
            w.put(f"blk.{i}.{to}.weight", sd[p + x + ".weight"] + 1.0)
        dense(w, sd, i, p)


FAMILIES = {  # transformers' name: GGUF architecture, configuration, writer, tolerance
    "Llama": ("llama", llama, write_llama, 1e-3), "Mixtral": ("llama", mixtral, write_mixtral, 1e-3),
    "Qwen3": ("qwen3", qwen3, write_qwen3, 1e-3), "Qwen2-MoE": ("qwen2moe", qwen2moe, write_qwen2moe, 1e-3),
    "Qwen3-MoE": ("qwen3moe", qwen3moe, write_qwen3moe, 1e-3), "gpt-oss": ("gpt-oss", gpt_oss, write_gpt_oss, 1e-3),
    "DeepSeek-V3": ("deepseek2", deepseek, write_deepseek, 1e-3), "GLM4-MoE": ("glm4moe", glm4moe, write_glm4moe, 1e-3),
    "OLMoE": ("olmoe", olmoe, write_olmoe, 1e-3), "Granite-MoE": ("granitemoe", granitemoe, write_granitemoe, 1e-3),
    "Gemma3": ("gemma3", gemma3, write_gemma3, 2e-3),
}


def randomise(model, family, seed):
    """Weights large enough that logits spread and experts differ."""
    g = torch.Generator().manual_seed(seed)
    for name, p in list(model.named_parameters()) + [(n, b) for n, b in model.named_buffers() if "correction_bias" in n]:
        x = torch.randn(p.shape, generator=g)
        with torch.no_grad():
            if "correction_bias" in name:
                p.copy_(0.02 * x)
            elif "norm" in name and p.dim() == 1:
                p.copy_(0.2 * x + (0.0 if family == "Gemma3" else 1.0))
            elif p.dim() == 1 or "_bias" in name:
                p.copy_(0.3 * x)
            elif "embed_tokens" in name and family != "Gemma3":
                p.copy_(x)
            else:
                fan_in = p.shape[1] if "experts" in name and family == "gpt-oss" else p.shape[-1]
                p.copy_(x * (1.5 / fan_in**0.5))


def one(weir, device, family, seed, keep):
    arch, make, write, tolerance = FAMILIES[family]
    r = random.Random(seed)
    kind, args = make(r)
    config = getattr(transformers, kind)(**args)
    config._attn_implementation = "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    randomise(model, family, seed)
    prompt = [r.randrange(config.vocab_size) for _ in range(48)]
    with torch.no_grad():
        ids = list(prompt)
        for _ in range(16):  # greedy, by whole passes: no cache takes part
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        want = model(torch.tensor([ids])).logits[0].double().numpy()
    path = os.path.join(keep, f"{family}-{seed}.gguf")
    w = Writer(path, arch, config)
    write(w, config, {k: v.clone() for k, v in model.state_dict().items()})
    w.close()
    out = path + ".f32"
    subprocess.run([weir, "model", "logits", path, "--tokens", ",".join(map(str, ids)), "--device", device, "--context",
                    "256", "--out", out], check=True)
    got = np.fromfile(out, "<f4").reshape(want.shape).astype(np.float64)
    top = np.sort(want, axis=1)
    sure = top[:, -1] - top[:, -2] > 2 * tolerance
    wrong = int(((got.argmax(1) != want.argmax(1)) & sure).sum())
    greedy = int((got[len(prompt) - 1:-1].argmax(1) == np.array(ids[len(prompt):])).sum())
    return abs(got - want).max(), ((got - want)**2).sum() / (want**2).sum(), want.std(), greedy, wrong, tolerance


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--weir", default="build/weir")
    args.add_argument("--device", default="cpu", choices=["cpu", "ref"])
    args.add_argument("--configs", type=int, default=3)
    args.add_argument("--only", default="")
    args.add_argument("--keep", default="", help="keep the files in this folder")
    a = args.parse_args()
    transformers.logging.set_verbosity_error()
    torch.set_num_threads(1)
    bad = 0
    print(f"transformers {transformers.__version__}, torch {torch.__version__}, --device {a.device}\n")
    print("| family | architecture | configurations | largest error | tolerance | NMSE | logits' deviation | greedy of 16 |")
    print("|---|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as tmp:
        for family in a.only.split(",") if a.only else FAMILIES:
            rows = [one(a.weir, a.device, family, seed, a.keep or tmp) for seed in range(1, a.configs + 1)]
            worst, tolerance = max(x[0] for x in rows), rows[0][5]
            bad += not worst <= tolerance or any(x[4] for x in rows)
            print(f"| {family} | {FAMILIES[family][0]} | {len(rows)} | {worst:.1e} | {tolerance:.0e} | "
                  f"{max(x[1] for x in rows):.1e} | {rows[0][2]:.1f} | {', '.join(str(x[3]) for x in rows)} |", flush=True)
    print("\n" + NOTES)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
