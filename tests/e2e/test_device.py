"""Goal: where a local model is computed: `device: cuda` without a GPU says in one sentence what is missing and the
rest of Weir runs; `auto` takes the CPU; a model on the emulated device answers as on the CPU; and when the device
fails, the engine's process ends and another takes over.

Method: the tiny llama of tests/vectors; the emulated device is told by its environment which launch fails.
"""
import os
import re
import subprocess

import harness
import pytest

MODEL = os.path.abspath("tests/vectors/models/llama.gguf")
SMALL = "context: 128, slots: 2"


def emulator(weir):
    path = os.path.join(os.path.dirname(weir), "tests", "libweir-emu.so")
    return os.path.exists(path)


def has_gpu():
    return os.path.exists("/proc/driver/nvidia/version")


def log_of(g):
    with open(g.log_path, encoding="utf-8") as f:
        return f.read()


def text_of(g):
    status, _, answer = g.chat("abc", model="local/home", temperature=0, max_tokens=6)
    assert status == 200, answer
    return answer["choices"][0]["message"].get("content")


@pytest.fixture(scope="module")
def on_cpu(tmp_path_factory, weir):
    """What the CPU answers; `auto` has chosen it."""
    g = harness.Gateway(str(tmp_path_factory.mktemp("auto")), weir, model=MODEL, model_extra=SMALL, device="auto")
    text = text_of(g)
    log = log_of(g)
    g.kill()
    return text, log


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_auto_takes_the_cpu_and_says_why(on_cpu):
    _, log = on_cpu
    lines = [row for row in log.split("\n") if "on the CPU: " in row]
    assert len(lines) == 1 and ("NVIDIA driver" in lines[0] or "device" in lines[0]), log


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_cuda_without_a_gpu_is_one_sentence(tmp_path, weir):
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=SMALL, device="cuda", start=False)
    g.key = g.new_key("tests")
    try:
        g.start(timeout_s=5)
    except Exception:  # no backend is ready: /readyz says so
        pass
    harness.wait_for("the reason", lambda: "cannot be used: " in log_of(g), 20)
    row = [r for r in log_of(g).split("\n") if "cannot be used: " in r][0]
    assert "no NVIDIA driver (libcuda.so.1 was not found)" in row, row
    status, _, answer = g.chat("abc", model="local/home")
    assert status == 503, answer
    g.kill()


def test_the_command_says_it_too(weir):
    if has_gpu():
        pytest.skip("this machine has a GPU")
    done = subprocess.run([weir, "model", "run", MODEL, "-p", "abc", "--device", "cuda"], capture_output=True,
                          text=True, check=False, timeout=60)
    assert done.returncode == 2 or done.returncode == 1
    last = done.stderr.rstrip("\n").split("\n")[-1]  # a line before says that the model has no template
    assert "no NVIDIA driver (libcuda.so.1 was not found)" in last, done.stderr


def test_emulated_answers_as_the_cpu(tmp_path, weir, on_cpu):
    assert emulator(weir), "make emulator"
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=SMALL, device="emulated")
    assert text_of(g) == on_cpu[0]
    assert text_of(g) == on_cpu[0]
    g.kill()


def test_a_lost_device_is_another_process(tmp_path, weir, on_cpu):
    assert emulator(weir), "make emulator"
    # the prompt passes, a launch of some step behind it does not
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=SMALL, device="emulated",
                        env={"WEIR_EMU_FAIL": "260"})
    before = g.pids()["engine"]
    seen = []
    for i in range(30):     # a prompt of its own each: what is cached or in a graph launches nothing
        status, _, answer = g.chat(f"abc{i or ''}", model="local/home", temperature=0, max_tokens=6)
        seen.append(status)
        if i == 0:
            assert answer["choices"][0]["message"].get("content") == on_cpu[0]
        if status != 200:
            assert status in (500, 502, 503), answer
            break
    assert seen[0] == 200 and seen[-1] != 200, seen
    harness.wait_for("another engine", lambda: g.pids().get("engine", before) != before, 30)
    harness.wait_for("it to be ready", lambda: g.get("/readyz")[0] == 200, 30)
    log = log_of(g)
    assert "CUDA error 719" in log and "a device has failed" in log, log
    harness.wait_for("an answer", lambda: g.chat("abc", model="local/home", temperature=0, max_tokens=6)[0] == 200, 30)
    g.kill()


def test_two_gpus_answer_as_one(tmp_path, weir, on_cpu):
    """`gpus: 2` puts layers on both, and the log says what each has reserved; one too many is one sentence."""
    if not emulator(weir):
        pytest.skip("the emulated device is not built")
    two = {"WEIR_EMU_DEVICES": "2"}
    g = harness.Gateway(str(tmp_path / "two"), weir, model=MODEL, model_extra=SMALL, device="emulated\n  gpus: 2",
                        env=two)
    assert text_of(g) == on_cpu[0]
    rows = [r for r in log_of(g).split("\n") if "MiB reserved" in r]
    assert len(rows) == 2 and "GPU 0, emulated device: " in rows[0] and "GPU 1, " in rows[1], log_of(g)
    g.kill()
    g = harness.Gateway(str(tmp_path / "three"), weir, model=MODEL, model_extra=SMALL, env=two, start=False,
                        device="emulated\n  gpus: 3")
    g.key = g.new_key("tests")
    try:
        g.start(timeout_s=5)
    except Exception:  # no backend is ready: /readyz says so
        pass
    harness.wait_for("the reason", lambda: "cannot be used: " in log_of(g), 20)
    assert "this machine has 2 CUDA devices, so there is none for number 2" in log_of(g)
    g.kill()


MIXTURE = os.path.abspath("tests/vectors/models/qwen3moe.gguf")


def gpu_figures(g, name):
    text = g.get("/metrics", port=g.admin_port)[2].decode()
    return {tuple(m.group(1).replace('"', "").split(",")): int(m.group(2))
            for m in re.finditer(rf'^{name}\{{model="home",gpu=("\d+"[^}}]*)\}} (\d+)$', text, re.M)}


@pytest.mark.parametrize("split", ["layers", "experts"])
def test_memory_and_copies_of_each_gpu_are_in_the_metrics(tmp_path, weir, split):
    """Planned, used by purpose, and copied: of each device by its number; what is used is what the log says, and a
    device that is lost shows as a new engine's figures."""
    if not emulator(weir):
        pytest.skip("the emulated device is not built")
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MIXTURE, model_extra=SMALL,
                        device=f"emulated\n  gpus: 2\n  split: {split}",
                        env={"WEIR_EMU_DEVICES": "2", "WEIR_EMU_FAIL": "400"})
    harness.wait_for("figures", lambda: len(gpu_figures(g, "weir_engine_gpu_planned_bytes")) == 2, 10)
    planned = gpu_figures(g, "weir_engine_gpu_planned_bytes")
    used = gpu_figures(g, "weir_engine_gpu_used_bytes")
    assert set(used) == {(n, f"purpose={p}") for n in "01" for p in ("weights", "experts", "cache", "scratch")}
    for n in "01":
        of = {k[1].removeprefix("purpose="): v for k, v in used.items() if k[0] == n}
        assert sum(of.values()) <= planned[(n,)] and of["experts"] > 100000 and of["scratch"] > 0, of
        has_layers = split == "layers" or n == "0"
        assert (of["cache"] > 10000) == has_layers and (of["weights"] > 50000) == has_layers, of
        row = next(r for r in log_of(g).split("\n") if f"GPU {n}, emulated device: " in r)
        said = re.search(r"(\d+) MiB reserved, (\d+) in use", row)
        assert int(said.group(1)) == planned[(n,)] >> 20
        assert abs(int(said.group(2)) - (sum(of.values()) >> 20)) <= 1
    before, engine = gpu_figures(g, "weir_engine_gpu_copied_bytes_total"), g.pids()["engine"]
    assert before[("0", "way=from_host")] > used[("0", "purpose=weights")]
    assert text_of(g) is not None
    harness.wait_for("copies", lambda: all(
        v > before[k] for k, v in gpu_figures(g, "weir_engine_gpu_copied_bytes_total").items()
        if k == ("0", "way=from_host") or k == ("1", "way=from_gpus")), 10)
    for i in range(40):  # until the launch that fails
        if g.chat(f"abc{i}", model="local/home", temperature=0, max_tokens=3)[0] != 200:
            break
    harness.wait_for("another engine", lambda: g.pids().get("engine", engine) != engine, 30)
    harness.wait_for("it to be ready", lambda: g.get("/readyz")[0] == 200, 30)
    harness.wait_for("its figures", lambda: gpu_figures(g, "weir_engine_gpu_planned_bytes") == planned, 10)
    g.kill()


def test_cublas_is_looked_for_and_may_be_required(tmp_path, weir):
    """`auto` says in one line what it found; `required` without it is one sentence, and the rest of Weir runs."""
    g = harness.Gateway(str(tmp_path / "found"), weir, model=MODEL, model_extra=SMALL,
                        device="emulated\n  cublas: required")
    assert text_of(g)
    rows = [r for r in log_of(g).split("\n") if "large products of long prompts: cuBLAS 13.0.0" in r]
    assert len(rows) == 1, log_of(g)
    g.kill()
    none = {"WEIR_CUBLAS_LIBRARY": "/nowhere/libcublas.so"}
    g = harness.Gateway(str(tmp_path / "auto"), weir, model=MODEL, model_extra=SMALL, device="emulated", env=none)
    assert text_of(g)
    rows = [r for r in log_of(g).split("\n") if "large products of long prompts: this machine has no cuBLAS" in r]
    assert len(rows) == 1, log_of(g)
    g.kill()
    g = harness.Gateway(str(tmp_path / "none"), weir, model=MODEL, model_extra=SMALL, env=none, start=False,
                        device="emulated\n  cublas: required")
    g.key = g.new_key("tests")
    try:
        g.start(timeout_s=5)
    except Exception:  # no backend is ready: /readyz says so
        pass
    harness.wait_for("the reason", lambda: "cannot be used: " in log_of(g), 20)
    assert 'cublas is "required", but this machine has no cuBLAS' in log_of(g)
    g.kill()
