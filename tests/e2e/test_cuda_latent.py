"""Models with latent attention and quantised weights on the emulated device beside the CPU: prompts, and then steps of
1, 3, 8 and 20 sequences, whose attention is fewer launches (docs/decisions/054-latent-launches.md). The fixtures'
own have F32 weights, so these files are made here: random values in Q8_0, Q4_K, Q6_K and Q4_0.
"""
import json
import os
import random
import struct
import subprocess
import sys

import pytest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.dirname(os.path.abspath(os.environ.get("WEIR_BIN", os.path.join(ROOT, "build", "weir"))))
sys.path.insert(0, os.path.join(ROOT, "tools"))
import cuda_shapes as shapes  # noqa: E402

TOOL = os.path.join(BUILD, "tests", "bench", "engine_cuda_beside")
Q4_0, Q6_K = shapes.Q4_0, shapes.Q6_K
HALF = {shapes.Q8_0: (0,), Q4_0: (0,), Q6_K: (208,), shapes.Q4_K: (0, 2)}  # where blocks have their scales


def contents(name, ne, kind, rng):
    n = shapes.tensor_bytes(ne, kind)
    if kind == shapes.F32:
        near = 1.0 if "norm" in name else 0.0
        return struct.pack(f"<{n // 4}f", *(near + rng.uniform(-0.3, 0.3) for _ in range(n // 4)))
    raw, block = bytearray(rng.randbytes(n)), shapes.BLOCK[kind][1]
    size = {shapes.Q8_0: 0.0016, Q4_0: 0.024, Q6_K: 0.00006, shapes.Q4_K: 0.0003}[kind]
    for at in range(0, n, block):
        for k in HALF[kind]:
            raw[at + k:at + k + 2] = struct.pack("<e", size * rng.choice((-1, 1)) * (1 if k != 2 else 0.5))
    return bytes(raw)


def model(dense, k_b, v_b, neighbours=None, **keys):
    """DeepSeek V3's layers, small; neighbours: types of single tensors."""
    m = shapes.Model(name="latent", arch="deepseek2", n_layer=2, n_embd=256, n_vocab=256, n_expert=6, n_used=2, n_ff=256,
                     n_head=5, n_head_kv=5, n_dim=96, dense=dense, experts=shapes.Q8_0, head=shapes.Q8_0, shared=True,
                     n_dense_lead=1, n_ff_dense=512,
                     mla={"q_lora": 256, "kv_lora": 256, "nope": 64, "rope": 32, "vhead": 64},
                     keys={"rope.dimension_count": 32, "attention.kv_lora_rank": 256, "attention.q_lora_rank": 256,
                           "attention.key_length": 288, "attention.value_length": 256, "attention.key_length_mla": 96,
                           "attention.value_length_mla": 64, "leading_dense_block_count": 1, "expert_shared_count": 1,
                           "expert_weights_scale": 1.5, "expert_weights_norm": True, "expert_gating_func": 2} | keys)
    types = {"attn_k_b.weight": k_b, "attn_v_b.weight": v_b} | (neighbours or {})

    class Made(shapes.Model):
        def layer(self, i):
            return [(name, ne, types.get(name.split(".", 2)[2], kind)) for name, ne, kind in super().layer(i)]
    return Made(**{f: getattr(m, f) for f in m.__dataclass_fields__})


MODELS = {
    "q8_0": model(shapes.Q8_0, shapes.Q8_0, shapes.Q8_0),
    "mixed": model(shapes.Q4_K, Q4_0, shapes.Q4_K, {"attn_kv_a_mqa.weight": Q6_K, "attn_q_b.weight": Q6_K,
                                                    "attn_output.weight": shapes.Q8_0,
                                                    "ffn_down_shexp.weight": Q6_K, "ffn_gate_shexp.weight": shapes.Q8_0,
                                                    "ffn_up_shexp.weight": shapes.Q8_0}),
    # no kernel joins these: operators are launches of their own
    "apart": model(Q4_0, Q4_0, Q4_0),
}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("latent"), {}
    keep = shapes._contents  # pylint: disable=protected-access
    shapes._contents = contents  # pylint: disable=protected-access
    try:
        for name, m in MODELS.items():
            made[name] = str(folder / f"{name}.gguf")
            shapes.write(m, made[name])
    finally:
        shapes._contents = keep  # pylint: disable=protected-access
    return made


def beside(path, sequences, prompt, steps, cells, launches=None):
    env = {"WEIR_CUDA_LIBRARY": os.path.join(BUILD, "tests", "libweir-emu.so"), **os.environ}
    if launches:
        env |= {"WEIR_EMU_LAUNCHES": str(launches), "WEIR_EMU_CASE": "n=2"}
    got = subprocess.run([TOOL, path, str(sequences), str(prompt), str(steps), cells], capture_output=True, text=True,
                         timeout=300, env=env, check=False)
    assert got.returncode == 0, got.stderr
    return json.loads(got.stdout)


@pytest.mark.parametrize("name, sequences, prompt, steps", [
    ("q8_0", 1, 40, 5), ("q8_0", 3, 30, 4), ("q8_0", 20, 12, 2), ("mixed", 8, 20, 3), ("apart", 2, 12, 3)])
def test_latent_attention_beside_the_cpu(files, name, sequences, prompt, steps):
    got = beside(files[name], sequences, prompt, steps, "f32")
    assert got["rows"] > sequences * steps
    assert got["nmse"] < 1e-7 and got["worst"] < 1e-6, got


def test_latent_attention_with_halves(files):
    got = beside(files["mixed"], 3, 24, 3, "f16")
    assert got["nmse"] < 1e-4, got


def test_which_launches_are_joined(files, tmp_path):
    log = tmp_path / "launches"
    beside(files["q8_0"], 2, 10, 2, "f32", log)
    text = log.read_text()
    assert "weir_mv_any" in text and "weir_values" in text
    log = tmp_path / "apart"
    beside(files["apart"], 2, 10, 2, "f32", log)
    assert "weir_mv_any" not in log.read_text()
