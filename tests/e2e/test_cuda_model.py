"""Goal: what Weir's CUDA kernels move and take does not grow unseen, and the hardware benchmark's script works where
there is no GPU.

Method: tools/cuda_model.py check counts a step of a reduced model on the emulated device anew and holds it, and the
compiler's reports where there are any, against tests/bench/cuda_model.json; it must also fail on a record that says
better. tests/bench/cuda.py is run without a device.
"""
import json
import os
import subprocess
import sys

import harness
import pytest

BUILD = os.path.dirname(os.environ.get("WEIR_BIN", os.path.join(harness.ROOT, "build", "weir")))
TOOL = os.path.join(harness.ROOT, "tools", "cuda_model.py")
RECORD = os.path.join(harness.ROOT, "tests", "bench", "cuda_model.json")


def run(*args, env=None):
    return subprocess.run([sys.executable, *map(str, args)], capture_output=True, text=True, timeout=600,
                          env=dict(os.environ, **(env or {})))


@pytest.fixture(scope="module")
def counted():
    if not os.path.exists(os.path.join(BUILD, "tests", "libweir-emu-count.so")):
        pytest.skip("the counting emulator is not built here")
    sys.path.insert(0, os.path.dirname(TOOL))
    import cuda_model
    counter = cuda_model.Counter(BUILD)
    try:
        return cuda_model, cuda_model.quick(counter)
    finally:
        counter.close()


def test_nothing_is_worse_than_recorded(counted):
    model, now = counted
    record = json.load(open(RECORD, encoding="utf-8"))
    assert model.compare(record, now, model.compiler(BUILD)[0]) == []


def test_the_check_sees_what_is_worse(counted):
    model, now = counted
    record = json.load(open(RECORD, encoding="utf-8"))
    record["quick"] = json.loads(json.dumps(now))
    assert [x for x in model.compare(record, now, {}) if "recorded" in x] == []
    product = next(x for x in record["quick"]["Qwen3-30B-A3B"][0] if x["kernel"].startswith("weir_mv_q4_k"))
    product["read"] -= product["read"] // 10
    assert any("weir_mv_q4_k, read" in x for x in model.compare(record, now, {}))
    kernel = next(k for k, x in record["ptxas"].items() if "90" in x)
    worse = {kernel: {"90": [255, 200000, 16]}}
    said = model.compare(record, now, worse)
    assert any("spilled" in x for x in said) and any("fewer warps" in x for x in said)


def test_roofline_is_the_published_one():
    """reference figures: 3.90 GB a token of gpt-oss-20b with keys and values of all layers at 4096; 2.11 of Qwen3."""
    sys.path.insert(0, os.path.dirname(TOOL))
    import cuda_model
    import cuda_shapes
    weights, cache = cuda_model.minimal(cuda_shapes.MODELS["gpt-oss-20b"], 1)
    full = weights + 2 * cache * 4096 / (4096 + 128)
    assert full / 1e9 == pytest.approx(3.90, abs=0.03)
    weights, cache = cuda_model.minimal(cuda_shapes.MODELS["Qwen3-30B-A3B"], 1)
    assert (weights + cache) / 1e9 == pytest.approx(2.11, abs=0.06)
    assert round(cuda_model.touched(cuda_shapes.MODELS["gpt-oss-20b"], 8)) == 21
    assert round(cuda_model.touched(cuda_shapes.MODELS["Qwen3-30B-A3B"], 8)) == 52


def test_every_kernel_was_tested_on_every_shape():
    """docs/cuda-tested.md, made by `tools/cuda_tested.py --run` of what tests launched, has every kernel and no hole."""
    r = run(os.path.join(harness.ROOT, "tools", "cuda_tested.py"), "--check")
    assert r.returncode == 0, r.stdout + r.stderr


def test_bench_cuda_says_that_there_is_no_device():
    r = run(os.path.join(harness.ROOT, "tests", "bench", "cuda.py"), "--build", BUILD)
    if r.returncode == 2:
        assert len(r.stdout.splitlines()) == 1 and "no CUDA device" in r.stdout
    else:
        assert "report in" in r.stdout


def test_bench_cuda_on_the_emulator(tmp_path):
    if not os.path.exists(os.path.join(BUILD, "tests", "libweir-emu.so")):
        pytest.skip("the emulator is not built here")
    r = run(os.path.join(harness.ROOT, "tests", "bench", "cuda.py"), "--build", BUILD, "--device", "emulated", "--out",
            tmp_path / "report")
    assert r.returncode == 0, r.stdout + r.stderr
    told = json.loads((tmp_path / "report.json").read_text())
    assert told["note"].startswith("ran on the emulator") and set(told["steps"]) == {"kernels", "fixtures", "sweep"}
    assert all(x["good"] for x in told["steps"]["fixtures"]["rows"])
    assert "ran on the emulator" in (tmp_path / "report.md").read_text()
