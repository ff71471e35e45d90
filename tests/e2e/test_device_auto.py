"""Goal: `device: auto` does what `weir model plan` says, and says why in one line: for every way in which a GPU can be
missing, too small, or slower than the CPU; and with experts on both sides the engine can be killed while they move.

Method: the emulated device in libcuda's place. As the driver's own library (a link named libcuda.so.1 in front of the
loader's path) for what is found before any kernel is looked for; by WEIR_CUDA_LIBRARY, which `auto` takes instead, for
what comes behind. `weir serve`, `weir model run` and `weir model plan` as a user types them.
"""
import json
import os
import re
import signal
import socket
import ssl
import subprocess

import harness
import pytest

MODEL = os.path.abspath("tests/vectors/models/qwen3moe.gguf")
SMALL = "context: 128, slots: 2"


def library(weir):
    path = os.path.join(os.path.dirname(weir), "tests", "libweir-emu.so")
    assert os.path.exists(path), "make emulator"
    return path


def has_gpu():
    return os.path.exists("/proc/driver/nvidia/version")


def run(weir, *args, env=None, rc=0):
    done = subprocess.run([weir, "model", *map(str, args)], capture_output=True, text=True, check=False, timeout=120,
                          env={**os.environ, **(env or {})})
    assert done.returncode == rc, done.stderr
    return done


def told(g):
    with open(g.log_path, encoding="utf-8") as f:
        return [r for r in f if re.search(r"home: on ", r)]


def text_of(g):
    status, _, answer = g.chat("abc", model="local/home", temperature=0, max_tokens=4)
    assert status == 200, answer
    return answer["choices"][0]["message"].get("content")


def driver_env(weir, folder, **more):
    """The emulated device as this machine's driver."""
    link = os.path.join(folder, "libcuda.so.1")
    if not os.path.exists(link):
        os.symlink(library(weir), link)
    return {"LD_LIBRARY_PATH": str(folder), **more}


MISSING = [
    ({"WEIR_EMU_DEVICES": "0"}, "there is an NVIDIA driver, but no device that it can use"),
    ({"WEIR_EMU_DRIVER": "11080"}, "the NVIDIA driver is too old: it speaks CUDA 11.8, this build needs"),
    ({"WEIR_EMU_ARCH": "75"}, "has compute capability 7.5; this build has kernels for 8.0 and later"),
]


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
@pytest.mark.parametrize("env,sentence", [({}, "no NVIDIA driver (libcuda.so.1 was not found)"), *MISSING])
def test_what_is_missing_is_one_sentence_and_the_cpu_takes_over(tmp_path, weir, env, sentence):
    if env:
        env = driver_env(weir, tmp_path, **env)
    done = run(weir, "run", MODEL, "-p", "abc", "-n", 2, "--device", "auto", env=env)
    lines = done.stderr.splitlines()
    assert len(lines) == 2 and lines[0].startswith("on the CPU: ") and sentence in lines[0], lines
    assert done.stdout.strip() != ""
    done = run(weir, "plan", MODEL, env=env, rc=1)
    answer = json.loads(done.stdout)
    assert answer["auto"]["device"] == "cpu" and sentence in answer["auto"]["why"]
    assert answer["gpu"] is None and sentence in done.stderr
    done = run(weir, "run", MODEL, "-p", "abc", "-n", 2, "--device", "cuda", env=env, rc=2)
    assert done.stderr.count("\n") == 1 and sentence in done.stderr, done.stderr


@pytest.mark.skipif(has_gpu(), reason="this machine has a GPU")
def test_serve_says_it_too(tmp_path, weir):
    env = driver_env(weir, tmp_path, **MISSING[0][0])
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=SMALL, device="auto", env=env)
    rows = told(g)
    assert len(rows) == 1 and "on the CPU: " + MISSING[0][1] in rows[0], rows
    assert text_of(g) is not None
    g.kill()
    g = harness.Gateway(str(tmp_path / "gw2"), weir, model=MODEL, model_extra=SMALL, device="cuda", env=env,
                        start=False)
    g.key = g.new_key("tests")
    try:
        g.start(timeout_s=5)
    except Exception:  # as configured: no CPU in its place
        pass
    harness.wait_for("the reason", lambda: "cannot be used: " + MISSING[0][1] in open(g.log_path).read(), 20)
    assert g.chat("abc", model="local/home")[0] == 503
    g.kill()


def emulated(weir, **more):
    return {"WEIR_CUDA_LIBRARY": library(weir), **more}


def between(weir):
    """Memory in MiB of an emulated card, and a context, with which some of the experts fit and not all, as the plan
    says; and how many."""
    for mib in range(513, 518):
        for context in range(512, 1025, 64):
            done = subprocess.run([weir, "model", "plan", MODEL, "--context", str(context), "--parallel", "2", "--gpu",
                                   str(mib << 20), "--bandwidth", "1000", "--json"], capture_output=True, check=False)
            answer = json.loads(done.stdout)
            if answer["fits"] == "hybrid" and 2 <= answer["experts"]["per_layer_on_gpu"] <= 8:
                return mib, context, answer["experts"]["per_layer_on_gpu"]
    pytest.fail("no size of card splits this model")
    return None


CASES = [  # what the device is, what is taken, words of the line
    ({}, "cuda", "whole; bounds of 2 at once: "),
    ({"WEIR_EMU_MEMORY_MIB": "100"}, "cpu", "has 100 MiB free, and 41"),
    ({"WEIR_EMU_MBS": "10"}, "cpu", "would be slower; bounds of 2 at once: "),
]


@pytest.mark.parametrize("env,device,words", CASES)
def test_plan_and_serve_agree(tmp_path, weir, env, device, words):
    env = emulated(weir, **env)
    plan = json.loads(run(weir, "plan", MODEL, "--context", 128, "--parallel", 2, env=env,
                          rc=1 if "WEIR_EMU_MEMORY_MIB" in env else 0).stdout)
    assert plan["auto"]["device"] == device and words in plan["auto"]["why"], plan["auto"]
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=SMALL, device="auto", env=env)
    rows = told(g)
    assert len(rows) == 1 and words in rows[0], rows
    if "bounds" in words:
        assert "GB/s by its driver" in rows[0] and "GB/s assumed" in rows[0] and "GB/s measured" in rows[0]
        assert ("on the CPU: " in rows[0]) == (device == "cpu")
    text_of(g)
    g.kill()


def figures(g, name):
    text = g.get("/metrics", port=g.admin_port)[2].decode()
    return {m.group(1): float(m.group(2)) for m in re.finditer(rf"^{name}\{{([^}}]*)\}} (\S+)$", text, re.M)}


def test_hybrid_as_planned_and_killed_while_experts_move(tmp_path, weir):
    mib, context, experts = between(weir)
    env = emulated(weir, WEIR_EMU_MEMORY_MIB=str(mib))
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=f"context: {context}, slots: 2",
                        device="auto", env=env)
    rows = told(g)
    assert len(rows) == 1 and f"with {experts} of 12 experts of each layer" in rows[0], rows
    first = text_of(g)
    harness.wait_for("figures", lambda: figures(g, "weir_engine_expert_pairs_total").get(
        'model="home",where="device"', 0) > 0, 10)
    at = figures(g, "weir_engine_experts_on_device")
    assert list(at.values()) == [experts], at
    for i in range(6):  # until experts have moved
        g.chat("abcabc"[i % 3:] + str(i), model="local/home", temperature=0, max_tokens=12)
        if sum(figures(g, "weir_engine_expert_moves_total").values()) > 0:
            break
    else:
        pytest.fail("no expert has moved")
    assert figures(g, "weir_engine_expert_bytes_total")['model="home",for="moves"'] > 0
    # a client that goes away in the middle of its answer costs nobody else anything
    with socket.create_connection(("127.0.0.1", g.port)) as raw, \
            ssl.create_default_context(cafile=g.certificate).wrap_socket(raw, server_hostname="localhost") as s:
        body = json.dumps({"model": "local/home", "stream": True, "max_tokens": 100, "temperature": 0,
                           "messages": [{"role": "user", "content": "abcabc"}]})
        s.sendall((f"POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {g.key}\r\n"
                   f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode())
        assert s.recv(15).startswith(b"HTTP/1.1 200")
    harness.wait_for("the request to be cancelled",
                     lambda: sum(figures(g, "weir_engine_active").values()) == 0, 30)
    assert text_of(g) == first
    before = g.pids()["engine"]
    os.kill(before, signal.SIGKILL)
    harness.wait_for("another engine", lambda: g.pids().get("engine", before) != before, 30)
    harness.wait_for("it to be ready", lambda: g.get("/readyz")[0] == 200, 60)
    assert text_of(g) == first
    assert g.stop() == 0  # with experts still under way, perhaps


def test_a_device_lost_with_experts_on_both_sides_is_another_process(tmp_path, weir):
    mib, context, _ = between(weir)
    env = emulated(weir, WEIR_EMU_MEMORY_MIB=str(mib), WEIR_EMU_FAIL="300")
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=f"context: {context}, slots: 2",
                        device="auto", env=env)
    before, first, seen = g.pids()["engine"], text_of(g), []
    for i in range(30):
        seen.append(g.chat(f"abc{i}", model="local/home", temperature=0, max_tokens=3)[0])
        if seen[-1] != 200:
            break
    assert seen[-1] in (500, 502, 503), seen
    harness.wait_for("another engine", lambda: g.pids().get("engine", before) != before, 30)
    harness.wait_for("it to be ready", lambda: g.get("/readyz")[0] == 200, 60)
    assert text_of(g) == first
    with open(g.log_path, encoding="utf-8") as f:
        log = f.read()
    assert "CUDA error 719" in log and "a device has failed" in log, log
    assert len(told(g)) == 2  # chosen anew by the new process
    g.kill()


SEVERAL = [  # the devices, what is taken of them, how, how many experts, words of the line
    ({"WEIR_EMU_DEVICES": "3"}, [0], "layers", "cuda",
     ["on emulated device (GPU 0), whole; ", "the next best: emulated device (GPU 0) and emulated device (GPU 1) by ",
      "left out: GPU 1, emulated device: not faster with it; left out: GPU 2, "]),
    ({"WEIR_EMU_DEVICES": "3", "WEIR_EMU_ARCH": "75,90,86", "WEIR_EMU_MBS": "1000000,1000000,2000000"}, [2], "layers", "cuda",
     ["on emulated device (GPU 2), whole; ", "memory of the device 2000 GB/s",
      "left out: GPU 0: emulated device has compute capability 7.5; this build has kernels for 8.0 and later"]),
    ({"WEIR_EMU_DEVICES": "3", "WEIR_EMU_MEMORY_MIB": "512.75,100,512.65"}, [0, 2], "layers", "cuda",
     ["on emulated device (GPU 0) and emulated device (GPU 2) by layers, whole; ",
      "the next best: emulated device (GPU 0) and emulated device (GPU 2) by experts, whole, ", "memory of the devices 1000 + 1000 GB/s", "left out: GPU 1, emulated device: too small, it has 100 MiB free"]),
]


@pytest.mark.parametrize("env,gpus,split,device,words", SEVERAL)
def test_all_devices_are_weighed(tmp_path, weir, env, gpus, split, device, words):
    env = emulated(weir, **env)
    plan = json.loads(run(weir, "plan", MODEL, "--context", 128, "--parallel", 2, env=env).stdout)
    took = plan["auto"]
    assert (took["device"], took["gpus"], took["split"]) == (device, gpus, split), took
    assert [(s["gpus"], s["split"], s["bound_tok_s"]) for s in took["sets"] if s["best"]] == [
        (gpus, split, took["bound_tok_s"])]
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=MODEL, model_extra=SMALL, device="auto", env=env)
    rows = told(g)
    assert len(rows) == 1 and all(w in rows[0] and w in took["why"] for w in words), (rows, took["why"])
    with open(g.log_path, encoding="utf-8") as f:
        on = sorted({int(n) for n in re.findall(r"home: GPU (\d+), emulated device: \d+ MiB reserved", f.read())})
    assert on == gpus
    assert text_of(g) is not None
    g.kill()


def test_limits_of_the_choice_and_unlike_cards_on_paper(weir):
    env = emulated(weir, WEIR_EMU_DEVICES="3", WEIR_EMU_MEMORY_MIB="512.65")
    done = run(weir, "run", MODEL, "-p", "abc", "-n", 2, "--device", "auto", "--gpus", "1", env=env)
    assert done.stderr.startswith("on the CPU: emulated device (GPU 0) has 512 MiB free"), done.stderr
    wide = json.loads(run(weir, "plan", MODEL, "--gpu", f"{4 << 30},{2 << 30}", "--bandwidth", "1000").stdout)
    assert wide["devices"][1]["layers"] > 0  # as asked for
    assert wide["auto"]["gpus"] == [0] and len(wide["auto"]["sets"]) >= 3  # and what would be taken
    told_of = run(weir, "plan", MODEL, "--gpu", f"{2 << 30},{4 << 30}", "--bandwidth", "1000").stderr
    assert "device: auto would take cuda on card 1 (" in told_of, told_of
