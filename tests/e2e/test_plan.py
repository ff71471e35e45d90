"""Goal: `weir model plan` tells for real models and cards what lies where and how fast it could be at most, the
figures agree with those worked out apart from it, and every answer says that nothing has run on hardware.

Method: sparse GGUF files with the shapes of published models (tools/cuda_shapes.py) and the command as a user
types it; the same sums made here from the models' published dimensions.
"""
import json
import os
import subprocess
import sys

import pytest
import harness

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tools"))
import cuda_shapes  # noqa: E402

WEIR = os.environ.get("WEIR_BIN", os.path.join(harness.ROOT, "build", "weir"))
VECTORS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "vectors", "models")


def plan(path, *args, rc=0, prose=False):
    r = subprocess.run([WEIR, "model", "plan", str(path), *map(str, args)], capture_output=True, text=True,
                       timeout=60)
    assert r.returncode == rc, r.stderr
    return (r.stdout, r.stderr) if prose else json.loads(r.stdout)


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    folder, made = tmp_path_factory.mktemp("shapes"), {}
    for name, m in cuda_shapes.MODELS.items():
        made[name] = folder / f"{name}.gguf"
        cuda_shapes.write(m, made[name], contents=False)
    return made


def figures(answer):
    return [b["bound_tok_s"] for b in answer["batches"]]


def test_gpt_oss_20b_by_hand(models):
    """Published dimensions: 24 layers of 2880, 64 and 8 heads of 64, 4 of 32 experts of 2880 in MXFP4 (17 bytes for 32
    weights), the rest in BF16, half of the layers with a window of 128."""
    experts, attention = 24 * 4 * 3 * 2880 * 2880 * 17 / 32, 24 * 2 * (2 * 2880 * 4096 + 2 * 2880 * 512)
    head, key = 2 * 201088 * 2880, 2 * 2 * 8 * 64
    full, windows = 24 * 4096 * key, 12 * (4096 + 128) * key
    assert round((experts + attention + head + full) / 1e9, 2) == 3.90
    small = 24 * 4 * (32 * 2880 + 32 + 2 * 2880 + 4096 + 2 * 512 + 2880 + 64) + 4 * 2880  # routers, norms, biases
    small += 24 * 4 * 4 * 3 * 2880  # biases of four experts
    for card, bandwidth, published in (("h100", 3.35e12, 859), ("a100", 2.039e12, 522), ("rtx4090", 1.008e12, 258)):
        assert bandwidth / (experts + attention + head + full) == pytest.approx(published, rel=2e-3)
        answer = plan(models["gpt-oss-20b"], "--gpu", card)
        assert answer["batches"][0]["gpu_bytes_a_step"] == pytest.approx(experts + attention + head + windows + small,
                                                                        rel=1e-6)
        assert figures(answer)[0] == pytest.approx(bandwidth / (experts + attention + head + windows + small), abs=1)


def test_qwen3_by_hand(models):
    q4 = 144 / 256
    experts, attention = 48 * 8 * 3 * 2048 * 768 * q4, 48 * q4 * 2048 * (2 * 4096 + 2 * 512)
    head, keys = 151936 * 2048 * q4, 48 * 4096 * 2 * 2 * 4 * 128
    assert round((experts + attention + head + keys) / 1e9, 2) == 2.11
    small = 48 * 4 * (128 * 2048 + 2 * 2048 + 2 * 128) + 4 * 2048
    answer = plan(models["Qwen3-30B-A3B"], "--gpu", "h100")
    assert answer["batches"][0]["gpu_bytes_a_step"] == pytest.approx(experts + attention + head + keys + small, rel=1e-6)
    # eight sequences touch 52 of 128 experts a layer
    touched = 128 * (1 - (1 - 8 / 128) ** 8)
    assert round(touched) == 52
    more = answer["batches"][1]["gpu_bytes_a_step"] - 7 * keys - answer["batches"][0]["gpu_bytes_a_step"]
    assert more == pytest.approx(experts / 8 * (touched - 8), rel=1e-6)


def test_hybrid_and_what_hot_experts_save(models, tmp_path):
    answer = plan(models["gpt-oss-120b"], "--gpu", "rtx4090")
    on = answer["experts"]["per_layer_on_gpu"]
    assert answer["fits"] == "hybrid" and answer["auto"]["device"] == "hybrid" and 0 < on < 128
    assert answer["experts"]["choices_on_gpu"] == pytest.approx(on / 128, abs=1e-4)
    assert answer["devices"][0]["total"] <= answer["devices"][0]["bytes"]
    counts = tmp_path / "counts.json"
    counts.write_text(json.dumps({"experts": 128, "layers": [
        {"layer": i, "counts": [1000 // (1 + (e * 37 + i) % 128) for e in range(128)]} for i in range(36)]}))
    hot = plan(models["gpt-oss-120b"], "--gpu", "rtx4090", "--experts", counts)
    assert hot["experts"]["counted"] and hot["experts"]["choices_on_gpu"] > answer["experts"]["choices_on_gpu"] + 0.2
    assert figures(hot)[0] > 1.5 * figures(answer)[0]
    counts.write_text("{}")
    out, err = plan(models["gpt-oss-120b"], "--gpu", "rtx4090", "--experts", counts, rc=2, prose=True)
    assert "counts.json" in err and out == ""


def test_several_cards(models):
    one = plan(models["DeepSeek-V3"], "--gpu", "h100", "--split", "layers")
    assert one["fits"] == "hybrid"
    eight = plan(models["DeepSeek-V3"], "--gpu", "h100x8")
    assert eight["fits"] == "all" and len(eight["devices"]) == 8
    assert sum(d["layers"] for d in eight["devices"]) == 61
    at = 0
    for d in eight["devices"]:
        assert d["first_layer"] == at and d["layers"] > 0 and d["total"] <= d["bytes"]
        at += d["layers"]
    spread = plan(models["DeepSeek-V3"], "--gpu", "h100x8", "--split", "experts")
    assert spread["fits"] == "all" and sum(d["experts_per_layer"] for d in spread["devices"]) == 256
    assert figures(spread)[0] > figures(eight)[0]  # experts are read by eight cards at the same time
    sets = eight["auto"]["sets"]
    assert {(len(s["gpus"]), s["split"]) for s in sets} >= {(1, "layers"), (8, "layers"), (8, "experts")}
    best = next(s for s in sets if s["best"])
    assert best["bound_tok_s"] == eight["auto"]["bound_tok_s"]
    assert best["bound_tok_s"] * 1.02 >= max(s["bound_tok_s"] or 0 for s in sets)
    assert best["fits"] == "all" and eight["auto"]["device"] == "cuda" and best["gpus"] == eight["auto"]["gpus"]
    mixed = plan(models["gpt-oss-120b"], "--gpu", "rtx4090,rtx5090,l40s")
    assert mixed["auto"]["gpus"][0] == 1  # the fastest has the first layers, or all but the experts
    assert [d["bytes"] >> 30 for d in mixed["devices"]] == [23, 31, 44]


def test_context_slots_and_windows(models):
    base = plan(models["gpt-oss-120b"], "--gpu", "h100")
    long = plan(models["gpt-oss-120b"], "--gpu", "h100", "--context", 131072, "--parallel", 2)
    key = 2 * 2 * 8 * 64
    window = (128 + 512 + 64) * key  # 512: tokens that come at once
    assert base["bytes"]["cache"] == 18 * (4096 * key + window)
    assert long["bytes"]["cache"] == 2 * 18 * (131072 * key + window)
    answer = plan(models["gpt-oss-120b"], "--gpu", "rtx4090", "--context", 131072, "--parallel", 16, rc=1)
    assert answer["fits"] == "no" and answer["bytes_missing"] > 0 and answer["auto"]["device"] == "cpu"


def test_prompts_that_stream_experts(models):
    answer = plan(models["gpt-oss-120b"], "--gpu", "rtx4090", "--slice", 4096)
    p = answer["prompt"]
    off = (128 - answer["experts"]["per_layer_on_gpu"]) / 128 * answer["bytes"]["weights_experts"]
    assert p["experts_off_gpu_bytes"] == pytest.approx(off, rel=1e-3)
    assert p["bound_tok_s_sent"] == pytest.approx(4096 / (off / 32e9), rel=1e-2)
    assert p["bound_tok_s_sent"] > p["bound_tok_s_cpu"]
    assert 32 <= p["send_from_tokens"] <= 512
    slow = plan(models["gpt-oss-120b"], "--gpu", "rtx4090", "--slice", 4096, "--pcie", 0.5)
    assert slow["prompt"]["send_from_tokens"] is None or slow["prompt"]["send_from_tokens"] > p["send_from_tokens"]


def test_counts_from_a_run(tmp_path):
    """The two commands together, on a file that runs."""
    path, counts = os.path.join(VECTORS, "qwen3moe.gguf"), tmp_path / "counts.json"
    r = subprocess.run([WEIR, "model", "info", path, "--experts", "--tokens", ",".join(map(str, range(64))),
                        "--json"], capture_output=True, text=True, timeout=60)
    assert r.returncode == 0, r.stderr
    counts.write_text(r.stdout)
    size = plan(path, "--gpu", "h100")["bytes"]
    card = size["weights_dense"] + size["cache"] + (512 << 20) + size["weights_experts"] // 2
    even, hot = plan(path, "--gpu", card), plan(path, "--gpu", card, "--experts", counts)
    assert even["experts"]["choices_on_gpu"] == 0.5
    layers = json.loads(r.stdout)["layers"]
    best = sum(sum(sorted(x["counts"])[-6:]) / sum(x["counts"]) for x in layers) / len(layers)
    assert hot["experts"]["choices_on_gpu"] == pytest.approx(best, abs=2e-3) and best > 0.5


def test_says_what_it_is(models):
    for args in (("--gpu", "h100"), ("--gpu", "rtx4090", "--parallel", 4096, "--context", 100000)):
        rc = 1 if len(args) > 2 else 0
        out, err = plan(models["gpt-oss-120b"], *args, rc=rc, prose=True)
        assert "not yet run on hardware" in err and "not yet run on hardware" in json.loads(out)["note"]
    out, err = plan(models["gpt-oss-120b"], "--gpu", "h100", "--json", prose=True)
    assert err == "" and "not yet run on hardware" in json.loads(out)["note"]


@pytest.mark.parametrize("args", [["--gpu"], ["--gpu", "voodoo2"], ["--gpu", "h100x0"], ["--gpu", "h100x17"],
                                  ["--gpu", ""], ["--gpu", "h100", "--split", "rows"], ["--gpu", "h100", "--context", "0"],
                                  ["--gpu", "h100", "--experts"], ["--gpu", "h100", "--pcie", "-1"], ["--gpu", "x2"],
                                  ["--gpu", "h100", "more"]])
def test_bad_usage(args):
    out, err = plan(os.path.join(VECTORS, "qwen3moe.gguf"), *args, rc=2, prose=True)
    assert out == "" and "usage: weir model plan" in err and "rtx-pro-6000" in err
