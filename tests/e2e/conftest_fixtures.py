"""Fixtures of the end-to-end tests: the built binary, the demo model, a gateway between stand-ins."""
import glob
import os
import shutil
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import harness  # noqa: E402


@pytest.fixture(scope="module", autouse=True)
def little_disk(request, tmp_path_factory):
    """A log's first segment is some MiB of zeros, and two hundred gateways start in a whole run: what a module
    wrote goes when it passed; when something in it failed the folders stay for whoever looks, without the zeros."""
    top = str(tmp_path_factory.getbasetemp())
    before, failed = set(os.listdir(top)), request.session.testsfailed
    yield
    new = [os.path.join(top, name) for name in set(os.listdir(top)) - before]
    if request.session.testsfailed == failed:
        for folder in new:
            shutil.rmtree(folder, ignore_errors=True) if os.path.isdir(folder) and not os.path.islink(folder) \
                else os.unlink(folder)
        return
    for folder in new:
        for segment in glob.glob(os.path.join(folder, "**", "*.wal*"), recursive=True):
            subprocess.run(["fallocate", "--dig-holes", segment], check=False)


@pytest.fixture(scope="session")
def weir():
    path = os.environ.get("WEIR_BIN", os.path.join(harness.ROOT, "build", "weir"))
    if not os.path.exists(path):
        pytest.fail(f"{path} is not built: run make")
    return path


@pytest.fixture(scope="session")
def model():
    path = os.path.join(harness.ROOT, "run", "models", "smollm2-135m-moe.gguf")
    if not os.path.exists(path):
        pytest.fail(f"{path} is missing: run `make {os.path.relpath(path, harness.ROOT)}`")
    return path


@pytest.fixture(scope="module")
def eu(tmp_path_factory):
    s = harness.StandIn(str(tmp_path_factory.mktemp("eu")), "eu")
    yield s
    s.kill()


@pytest.fixture(scope="module")
def us(tmp_path_factory):
    s = harness.StandIn(str(tmp_path_factory.mktemp("us")), "us", dialect="anthropic")
    yield s
    s.kill()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, weir, model, eu, us):
    """Home, an EU back end (OpenAI's dialect) and a US one (Anthropic's)."""
    g = harness.Gateway(
        str(tmp_path_factory.mktemp("gw")), weir, model=model,
        backends=[harness.backend("eu", eu, "EU", models=("gpt-x", "gpt-slow")),
                  harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))],
        routing="  commodity: [local/home]\n  hard: [us/claude-x, eu/gpt-x]\n  threshold: 0.5\n"
                "  when_hard_is_denied: local")
    yield g
    g.kill()
