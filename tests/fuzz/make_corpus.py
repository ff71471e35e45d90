#!/usr/bin/env python3
"""Writes the seeds of tests/fuzz/corpus/engine_{gguf,model,jinja,tok}: small inputs that reach deep, made from nothing.

The models are of a few kilobytes, one a family, of random weights in several types; the templates use every statement,
filter, test and method that engine/jinja*.c knows; the vocabularies have merges, special and byte tokens.

usage: tests/fuzz/make_corpus.py [tests/fuzz/corpus]
"""
import os
import random
import struct
import sys

F32, F16, Q4_0, Q8_0, MXFP4, NVFP4 = 0, 1, 2, 8, 39, 40
BLOCK = {F32: (1, 4), F16: (1, 2), Q4_0: (32, 18), Q8_0: (32, 34), MXFP4: (32, 17), NVFP4: (64, 36)}


def string(s):
    b = s.encode() if isinstance(s, str) else s
    return struct.pack("<Q", len(b)) + b


def value(v):
    if isinstance(v, bool):
        return struct.pack("<IB", 7, v)
    if isinstance(v, int):
        return struct.pack("<II", 4, v) if v >= 0 else struct.pack("<Ii", 5, v)
    if isinstance(v, float):
        return struct.pack("<If", 6, v)
    if isinstance(v, str):
        return struct.pack("<I", 8) + string(v)
    kind = {bool: 7, int: 5, float: 6, str: 8}[type(v[0])]
    form = {7: lambda x: struct.pack("<B", x), 5: lambda x: struct.pack("<i", x), 6: lambda x: struct.pack("<f", x),
            8: string}[kind]
    return struct.pack("<IIQ", 9, kind, len(v)) + b"".join(form(x) for x in v)


def weights(rnd, kind, ne):
    n = 1
    for d in ne:
        n *= d
    if kind == F32:
        return b"".join(struct.pack("<f", rnd.uniform(-0.3, 0.3)) for _ in range(n))
    if kind == F16:
        return b"".join(struct.pack("<e", rnd.uniform(-0.3, 0.3)) for _ in range(n))
    values, size = BLOCK[kind]
    blocks = []
    for _ in range(n // values):
        if kind == MXFP4:
            head = bytes([122])
        elif kind == NVFP4:
            head = bytes([30, 31, 32, 33])
        else:
            head = struct.pack("<e", 0.02)
        blocks.append(head + rnd.randbytes(size - len(head)))
    return b"".join(blocks)


def gguf(kv, tensors, seed=1):
    """tensors: (name, type, [fastest dimension first])"""
    rnd = random.Random(seed)
    out = struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(kv))
    for k, v in kv.items():
        out += string(k) + value(v)
    at, data = 0, []
    for name, kind, ne in tensors:
        out += string(name) + struct.pack("<I", len(ne)) + struct.pack(f"<{len(ne)}Q", *ne)
        out += struct.pack("<IQ", kind, at)
        b = weights(rnd, kind, ne)
        b += bytes(-len(b) % 32)
        at += len(b)
        data.append(b)
    return out + bytes(-len(out) % 32) + b"".join(data)


WORDS = ["<unk>", "<s>", "</s>", "\u0120", "a", "b", "c", "ab", "abc", "\u0120a", "!", "1", "2", "<|x|>", "\u010a", "q"]


def vocabulary(model="gpt2"):
    kv = {"tokenizer.ggml.model": model, "tokenizer.ggml.tokens": WORDS,
          "tokenizer.ggml.token_type": [2, 3, 3] + [1] * 10 + [3, 1, 1], "tokenizer.ggml.bos_token_id": 1,
          "tokenizer.ggml.eos_token_id": 2,
          "tokenizer.chat_template": "{% for m in messages %}{{ m.role }}: {{ m.content }}{% endfor %}"}
    if model == "gpt2":
        kv.update({"tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.merges": ["a b", "ab c", "\u0120 a"]})
    else:
        kv["tokenizer.ggml.scores"] = [-float(i) for i in range(16)]
    return kv


def common(arch, **more):
    kv = {"general.architecture": arch, "general.name": "seed", f"{arch}.block_count": 1, f"{arch}.context_length": 64,
          f"{arch}.embedding_length": 32, f"{arch}.feed_forward_length": 32, f"{arch}.attention.head_count": 2,
          f"{arch}.attention.head_count_kv": 1, f"{arch}.attention.layer_norm_rms_epsilon": 1e-5,
          f"{arch}.rope.freq_base": 10000.0, f"{arch}.vocab_size": 16}
    kv.update({f"{arch}.{k.replace('__', '.')}": v for k, v in more.items()})
    return kv


def frame(body, tied=False):
    head = [("token_embd.weight", F16, [32, 16]), ("output_norm.weight", F32, [32])]
    return head + ([] if tied else [("output.weight", Q8_0, [32, 16])]) + body


def attention(kind=Q4_0, dim=16, norm="attn_norm"):
    return [(f"blk.0.{norm}.weight", F32, [32]), ("blk.0.attn_q.weight", kind, [32, 2 * dim]),
            ("blk.0.attn_k.weight", kind, [32, dim]), ("blk.0.attn_v.weight", kind, [32, dim]),
            ("blk.0.attn_output.weight", kind, [2 * dim, 32])]


def ffn(kind=Q4_0):
    return [("blk.0.ffn_norm.weight", F32, [32]), ("blk.0.ffn_gate.weight", kind, [32, 32]),
            ("blk.0.ffn_up.weight", kind, [32, 32]), ("blk.0.ffn_down.weight", kind, [32, 32])]


def experts(kind=Q4_0, n=4, norm="ffn_norm"):
    return [(f"blk.0.{norm}.weight", F32, [32]), ("blk.0.ffn_gate_inp.weight", F32, [32, n]),
            ("blk.0.ffn_gate_exps.weight", kind, [32, 32, n]), ("blk.0.ffn_up_exps.weight", kind, [32, 32, n]),
            ("blk.0.ffn_down_exps.weight", kind, [32, 32, n])]


def models():
    moe = {"expert_count": 4, "expert_used_count": 2, "expert_feed_forward_length": 32}
    yield "llama", gguf(dict(common("llama", rope__dimension_count=16), **vocabulary()), frame(attention() + ffn()))
    yield "llama-spm", gguf(dict(common("llama"), **vocabulary("llama")), frame(attention(F16) + ffn(Q8_0), True))
    yield "llama-moe", gguf(common("llama", **moe), frame(attention() + experts()))
    yield "llama-scales", gguf(common("llama", **moe), frame(attention() + experts(Q8_0) + [
        ("blk.0.attn_q.scale", F32, [1]), ("blk.0.ffn_down_exps.scale", F32, [4])]))
    heads = [("blk.0.attn_q_norm.weight", F32, [16]), ("blk.0.attn_k_norm.weight", F32, [16])]
    yield "qwen3moe", gguf(common("qwen3moe", attention__key_length=16, attention__value_length=16, **moe),
                           frame(attention() + heads + experts()))
    biases = [(f"blk.0.attn_{x}.bias", F32, [n]) for x, n in (("q", 32), ("k", 16), ("v", 16), ("output", 32))]
    biases += [("blk.0.ffn_gate_inp.bias", F32, [4])]
    biases += [(f"blk.0.ffn_{x}_exps.bias", F32, [32, 4]) for x in ("gate", "up", "down")]
    yield "gpt-oss", gguf(common("gpt-oss", attention__sliding_window=4, attention__key_length=16,
                                 attention__value_length=16, rope__scaling__type="yarn", rope__scaling__factor=2.0,
                                 rope__scaling__original_context_length=32, **moe),
                          frame(attention() + [("blk.0.attn_sinks.weight", F32, [2])] + biases
                                + experts(MXFP4, norm="post_attention_norm")))
    yield "qwen2", gguf(common("qwen2"), frame(attention() + biases[:3] + ffn()))
    sandwich = [(f"blk.0.{x}.weight", F32, [32]) for x in ("post_attention_norm", "post_ffw_norm")]
    yield "gemma3", gguf(common("gemma3", attention__sliding_window=4, attention__key_length=16,
                                attention__value_length=16),
                         frame(attention() + heads + sandwich + ffn(), True))
    yield "phi3", gguf(common("phi3", rope__dimension_count=16, rope__scaling__original_context_length=32),
                       frame([("blk.0.attn_norm.weight", F32, [32]), ("blk.0.attn_qkv.weight", Q4_0, [32, 64]),
                              ("blk.0.attn_output.weight", Q4_0, [32, 32]), ("blk.0.ffn_norm.weight", F32, [32]),
                              ("blk.0.ffn_up.weight", Q4_0, [32, 64]), ("blk.0.ffn_down.weight", Q4_0, [32, 32])]))
    latent = [("blk.0.attn_norm.weight", F32, [32]), ("blk.0.attn_q.weight", Q4_0, [32, 2 * 24]),
              ("blk.0.attn_kv_a_mqa.weight", Q4_0, [32, 32 + 8]), ("blk.0.attn_kv_a_norm.weight", F32, [32]),
              ("blk.0.attn_k_b.weight", F16, [16, 32, 2]), ("blk.0.attn_v_b.weight", F16, [32, 16, 2]),
              ("blk.0.attn_output.weight", Q4_0, [32, 32])]
    yield "deepseek2", gguf(dict(common("deepseek2", attention__kv_lora_rank=32, attention__key_length=40,
                                        attention__value_length=32, attention__key_length_mla=24,
                                        attention__value_length_mla=16, rope__dimension_count=8,
                                        leading_dense_block_count=0, expert_shared_count=1, expert_weights_scale=1.0,
                                        expert_gating_func=2, **moe), **{"deepseek2.attention.head_count_kv": 1}),
                            frame(latent + experts() + [("blk.0.exp_probs_b.bias", F32, [4]),
                                                        ("blk.0.ffn_gate_shexp.weight", Q4_0, [32, 32]),
                                                        ("blk.0.ffn_up_shexp.weight", Q4_0, [32, 32]),
                                                        ("blk.0.ffn_down_shexp.weight", Q4_0, [32, 32])]))


    yield from later_models(moe, heads, sandwich, latent)


SHARED = [("blk.0.ffn_gate_shexp.weight", Q4_0, [32, 32]), ("blk.0.ffn_up_shexp.weight", Q4_0, [32, 32]),
          ("blk.0.ffn_down_shexp.weight", Q4_0, [32, 32])]


def layer_1(tensors):
    return tensors + [(n.replace("blk.0.", "blk.1."), kind, ne) for n, kind, ne in tensors]


def delta(apart):
    """A gated DeltaNet: one key head, two value heads, all of length 16."""
    gates = [("blk.0.ssm_beta.weight", F32, [32, 2]), ("blk.0.ssm_alpha.weight", F32, [32, 2])]
    return [("blk.0.attn_norm.weight", F32, [32]), ("blk.0.attn_qkv.weight", Q4_0, [32, 64]),
            ("blk.0.attn_gate.weight", Q4_0, [32, 32]), ("blk.0.ssm_conv1d.weight", F32, [4, 64]),
            ("blk.0.ssm_dt.bias", F32, [2]), ("blk.0.ssm_a", F32, [2]), ("blk.0.ssm_norm.weight", F32, [16]),
            ("blk.0.ssm_out.weight", Q4_0, [32, 32])] + (gates if apart else [("blk.0.ssm_ba.weight", F32, [32, 4])])


def later_models(moe, heads, sandwich, latent):
    """Those with states, indexers, embeddings of layers, and several residual streams."""
    ssm = {"ssm__group_count": 1, "ssm__state_size": 16, "ssm__conv_kernel": 4, "ssm__time_step_rank": 2,
           "ssm__inner_size": 32, "attention__key_length": 16, "attention__value_length": 16,
           "expert_shared_feed_forward_length": 32, "rope__dimension_count": 8}
    mixture = experts(norm="post_attention_norm") + SHARED + [("blk.0.ffn_gate_inp_shexp.weight", F32, [32])]
    full = [("blk.0.attn_norm.weight", F32, [32]), ("blk.0.attn_q.weight", Q4_0, [32, 64]),
            ("blk.0.attn_k.weight", Q4_0, [32, 16]), ("blk.0.attn_v.weight", Q4_0, [32, 16]),
            ("blk.0.attn_output.weight", Q4_0, [32, 32])] + heads
    second = [(n.replace("blk.0.", "blk.1."), kind, ne) for n, kind, ne in full + mixture]
    yield "qwen3next", gguf(dict(common("qwen3next", full_attention_interval=2, **ssm, **moe),
                                 **{"qwen3next.block_count": 2}), frame(delta(False) + mixture + second))
    yield "qwen35moe", gguf(common("qwen35moe", **ssm, **moe), frame(delta(True) + mixture))
    indexer = [("blk.0.attn_q_a.weight", Q4_0, [32, 32]), ("blk.0.attn_q_a_norm.weight", F32, [32]),
               ("blk.0.attn_q_b.weight", Q4_0, [32, 48]), ("blk.0.indexer.k_norm.weight", F32, [16]),
               ("blk.0.indexer.k_norm.bias", F32, [16]), ("blk.0.indexer.proj.weight", F32, [32, 2]),
               ("blk.0.indexer.attn_k.weight", Q4_0, [32, 16]), ("blk.0.indexer.attn_q_b.weight", Q4_0, [32, 32])]
    keys = {"attention__indexer__head_count": 2, "attention__indexer__key_length": 16, "attention__indexer__top_k": 1,
            "attention__q_lora_rank": 32}
    yield "glm-dsa", gguf(common("glm-dsa", attention__kv_lora_rank=32, attention__key_length=40,
                                 attention__value_length=32, attention__key_length_mla=24,
                                 attention__value_length_mla=16, rope__dimension_count=8, **keys, **moe),
                          frame([t for t in latent if "attn_q." not in t[0]] + indexer + experts() + SHARED))
    side = [("blk.0.inp_gate.weight", F32, [32, 8]), ("blk.0.proj.weight", F32, [8, 32]),
            ("blk.0.post_norm.weight", F32, [32]), ("blk.0.layer_output_scale.weight", F32, [1])]
    yield "gemma4", gguf(dict(common("gemma4", attention__sliding_window=4, attention__key_length=16,
                                     attention__value_length=16, attention__key_length_swa=16,
                                     attention__value_length_swa=16, attention__sliding_window_pattern=[True, True],
                                     embedding_length_per_layer_input=8, attention__shared_kv_layers=1),
                              **{"gemma4.block_count": 2}),
                         frame(layer_1(attention() + heads + sandwich + ffn() + side)
                               + [("per_layer_token_embd.weight", F16, [16, 16]),
                                  ("per_layer_model_proj.weight", Q4_0, [32, 16]),
                                  ("per_layer_proj_norm.weight", F32, [8])], True))
    yield "deepseek4", deepseek4(moe, keys)


def deepseek4(moe, keys):
    def squeeze(name, length):
        return [(f"blk.0.{name}_kv.weight", Q4_0, [32, 2 * length]), (f"blk.0.{name}_gate.weight", Q4_0, [32, 2 * length]),
                (f"blk.0.{name}_ape.weight", F32, [2 * length, 4]), (f"blk.0.{name}_norm.weight", F32, [length])]
    streams = [(f"blk.0.hc_{half}_{x}.weight", F32, ne) for half in ("attn", "ffn")
               for x, ne in (("fn", [64, 8]), ("base", [8]), ("scale", [3]))]
    return gguf(common("deepseek4", attention__sliding_window=4, attention__key_length=16, attention__value_length=16,
                       rope__dimension_count=8, attention__output_group_count=1, attention__output_lora_rank=32,
                       attention__compress_rope_freq_base=20000.0, hyper_connection__count=2,
                       hyper_connection__sinkhorn_iterations=2, hyper_connection__epsilon=1e-6, hash_layer_count=0,
                       attention__compress_ratios=[4], swiglu_clamp_exp=[4.0], expert_gating_func=4, **keys, **moe),
                frame([("blk.0.attn_norm.weight", F32, [32]), ("blk.0.attn_sinks.weight", F32, [2]),
                       ("blk.0.attn_q_a.weight", Q4_0, [32, 32]), ("blk.0.attn_q_a_norm.weight", F32, [32]),
                       ("blk.0.attn_q_b.weight", Q4_0, [32, 32]), ("blk.0.attn_kv.weight", Q4_0, [32, 16]),
                       ("blk.0.attn_kv_a_norm.weight", F32, [16]), ("blk.0.attn_output_a.weight", Q4_0, [32, 32]),
                       ("blk.0.attn_output_b.weight", Q4_0, [32, 32]), ("blk.0.indexer.proj.weight", F32, [32, 2]),
                       ("blk.0.indexer.attn_q_b.weight", Q4_0, [32, 32]), ("output_hc_fn.weight", F32, [64, 2]),
                       ("output_hc_base.weight", F32, [2]), ("output_hc_scale.weight", F32, [1])]
                      + squeeze("attn_compressor", 16) + squeeze("indexer_compressor", 16) + streams + experts()
                      + SHARED))


def readers():
    """Files whose interest is their form: every kind of value, several dimensions, odd alignment."""
    kinds = {"a.u": 7, "a.i": -7, "a.f": 1.5, "a.b": True, "a.s": "text", "a.ai": [1, 2, 3], "a.af": [0.5, 2.0],
             "a.as": ["x", "", "\u017c"], "a.ab": [True, False], "general.alignment": 32}
    yield "kinds", gguf(kinds, [("t1", F32, [3]), ("t2", F16, [2, 2]), ("t4", F32, [2, 1, 2, 1]), ("q", Q4_0, [32, 2])])
    yield "none", gguf({}, [])
    yield "types", gguf({"general.alignment": 64}, [(f"t{k}", k, [64, 1]) for k in BLOCK])


TEMPLATES = {
    "loop": "{%- for m in messages if m.role != 'system' -%}{{ loop.index }}/{{ loop.length }}{{ loop.first }}"
            "{{ loop.last }}{{ loop.index0 }}{{ loop.previtem is defined }}{{ loop.cycle('a', 'b') }}{% else %}none"
            "{%- endfor -%}{% for k, v in tools[0].function | items %}{{ k }}={{ v }}{% endfor %}"
            "{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% if i == 2 %}{% break %}{% endif %}"
            "{% endfor %}",
    "set": "{% set ns = namespace(n=0, s='') %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% set ns.s = ns.s ~ "
           "m.role[0] %}{% endfor %}{{ ns.n }}{{ ns.s }}{% set a, b = 1, [2, 3] %}{{ a + b[1] }}{% set x %}block"
           "{% endset %}{{ x | trim | length }}",
    "macro": "{% macro f(x, y=2, z='k') %}{{ x }}-{{ y }}{{ z }}{{ caller is defined }}{% endmacro %}{{ f(1) }}"
             "{{ f(1, z=3) }}{% macro g(n) %}{% if n > 0 %}{{ g(n - 1) }}{{ n }}{% endif %}{% endmacro %}{{ g(4) }}"
             "{% call f(0) %}x{% endcall %}",
    "expr": "{{ 1 + 2 * 3 - 4 / 2 ** 2 // 1 % 5 }}{{ (1 < 2) and not (3 >= 4) or 'a' in 'abc' }}{{ x ~ n ~ z }}"
            "{{ 'y' if t else 'n' }}{{ [1, 'a', {'k': [2]}] }}{{ (1, 2) }}{{ {'a': 1}.get('b', 3) }}{{ none is none }}"
            "{{ messages[-1].content }}{{ messages[0]['role'][1:] }}{{ 'abcdef'[::-2] }}{{ -x + +n }}{{ 1.5e3 }}"
            "{{ '\\n\\t\\u00e9\\x41' }}{{ true == True }}{{ 'a' 'b' }}",
    "filters": "{{ messages | map(attribute='role') | list | join(',') }}{{ [3, 1, 2] | sort | first }}{{ [1, 2] | last }}"
               "{{ [3, 1] | sum }}{{ 'aB' | upper | lower | capitalize | title }}{{ ' x ' | trim }}{{ x | abs | round(1) }}"
               "{{ '12' | int + 1 }}{{ '1.5' | float }}{{ n | string }}{{ tools | tojson(indent=2) }}{{ z | default('d') }}"
               "{{ 'a,b' | replace(',', ';') }}{{ [1, 1, 2] | unique | list }}{{ {'b': 1, 'a': 2} | dictsort }}"
               "{{ messages | selectattr('role', 'equalto', 'user') | list | length }}{{ messages | rejectattr('content') "
               "| list | length }}{{ [1, 2, 3] | select('odd') | list }}{{ [1, none] | reject('none') | list }}"
               "{{ 'x' | indent(2, true) }}{{ '<&>' | escape }}{{ '<a>' | safe }}{{ [1, 2, 3] | batch(2) | list }}"
               "{{ [[1, 2], [3]] | map('length') | list }}{{ 'a b' | wordcount }}{{ [2, 1] | max }}{{ [2, 1] | min }}"
               "{{ messages | groupby('role') | length }}{{ 'abc' | list | reverse | join }}{{ 'abcabc' | truncate(4) }}",
    "methods": "{{ 'a-b'.split('-') }}{{ ' a '.strip() }}{{ 'ab'.startswith('a') }}{{ 'ab'.endswith(('b', 'c')) }}"
               "{{ 'Ab'.upper().lower().title() }}{{ 'aXa'.replace('X', 'y') }}{{ 'abc'.find('c') }}{{ 'x'.join(['1', '2']) }}"
               "{{ 'ab'.rsplit('b') }}{{ 'a\\nb'.splitlines() }}{{ {'a': 1}.items() | list }}{{ {'a': 1}.keys() | list }}"
               "{{ {'a': 1}.values() | list }}{{ [1].append(2) }}{{ 'x{}'.format(1) }}{{ 'a'.isdigit() }}{{ 'aab'.count('a') }}"
               "{{ 'abc'.lstrip('a').rstrip('c') }}{{ [3, 4].index(4) }}{{ [1, 2].pop() }}",
    "tests": "{{ n is number }}{{ x is float }}{{ n is integer }}{{ 'a' is string }}{{ messages is sequence }}"
             "{{ tools[0] is mapping }}{{ z is none }}{{ nope is undefined }}{{ n is odd }}{{ n is even }}{{ t is true }}"
             "{{ t is boolean }}{{ messages is iterable }}{{ n is divisibleby(3) }}{{ n is eq(3) }}{{ n is in([3]) }}"
             "{{ n is not defined }}{{ range is callable }}{{ n is gt(2) }}{{ n is ne(1) }}",
    "globals": "{{ raise_exception('no') if nope }}{{ strftime_now('%Y-%m-%d') }}{{ range(1, 9, 2) | list }}{{ dict(a=1) }}"
               "{{ bos_token }}{{ eos_token }}{{ namespace(a=1).a }}{% raw %}{{ not this }}{% endraw %}{# a comment #}",
    "endless": "{% for i in range(1000000000) %}{% for j in range(1000000000) %}{{ i }}{% endfor %}{% endfor %}",
    "cyclic": "{% set l = [] %}{% set _ = l.append(l) %}{{ l }}{% set d = {} %}{% set _ = d.update({'d': d}) %}{{ d | tojson }}",
    "recursive": "{% macro f(x) %}{{ f(x) }}{{ f(x) }}{% endmacro %}{{ f(1) }}",
    "growing": "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}{{ ns.s }}",
    "chat": "{%- if tools %}{{ tools | tojson }}{% endif %}{% for m in messages %}{% if m.tool_calls %}{% for c in "
            "m.tool_calls %}<tool_call>{\"name\": \"{{ c.function.name }}\", \"arguments\": {{ c.function.arguments | tojson "
            "}}}</tool_call>{% endfor %}{% elif m.role == 'tool' %}<r>{{ m.content }}</r>{% else %}<|im_start|>{{ m.role }}\n"
            "{{ m.content | default('') }}<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>"
            "assistant\n{% endif %}",
}


def vocabularies():
    """The input of engine_tok.c: kind and rule, how many tokens, each a length, a type and its bytes; then the text."""
    def tokens(pairs):
        return b"".join(bytes([len(t), k]) + t for t, k in pairs)
    pairs = [(b"a", 1), (b"b", 1), (b"ab", 1), (b"abab", 1), (b"<|x|>", 3), (b"user", 4), ("ż".encode(), 1), (b"<0x41>", 6)]
    texts = ["abab <|x|> abż user 12345 don't  \n\n x", "żółć 漢字 👩‍👩‍👧 e\u0301\u200d ABC'll 1,234.5\t\r\n", "a" * 40 + " \u3000é"]
    for rule in range(14):
        for i, flags in enumerate((64, 128)):
            body = bytes([flags | rule, len(pairs)]) + tokens(pairs) + texts[(rule + i) % 3].encode()
            yield f"{'spm' if flags == 128 else 'bpe'}-{rule}", body


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else "tests/fuzz/corpus"
    made = {"engine_model": dict(models()), "engine_gguf": dict(readers()), "engine_tok": dict(vocabularies()),
            "engine_jinja": {k: v.encode() for k, v in TEMPLATES.items()}}
    made["engine_gguf"]["model"] = made["engine_model"]["llama"]
    for target, files in made.items():
        os.makedirs(os.path.join(root, target), exist_ok=True)
        for name, body in files.items():
            with open(os.path.join(root, target, name), "wb") as f:
                f.write(body)
    return 0


if __name__ == "__main__":
    sys.exit(main())
