"""Goal: who installs Weir from its package gets a service that starts, reloads and stops under systemd's eyes.
Method: the package is made from the built program, taken apart and looked at; its program runs with its configuration,
with a socket of ours in the service manager's place. The unit is read by systemd's own checker. The maintainer's
scripts run only in a machine of their own (a new Debian in a folder, by hand)."""
import glob
import hashlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import harness
import pytest

ROOT = harness.ROOT


def packaged(tmp, weir):
    """The path of a package of the built program, made in tmp."""
    build = os.path.join(tmp, "build")
    os.makedirs(build)
    shutil.copy2(weir, os.path.join(build, "weir"))
    # `make install` would build anew for another BUILD: the program is there, so its target is named as done
    make = os.path.join(tmp, "make")
    with open(make, "w", encoding="utf-8") as f:
        f.write('#!/bin/sh\nexec make -o all "$@"\n')
    os.chmod(make, 0o755)
    done = subprocess.run(["sh", "packaging/deb.sh", build, "0.0.7"], cwd=ROOT, env=dict(os.environ, MAKE=make),
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr + done.stdout
    (path,) = glob.glob(os.path.join(build, "*.deb"))
    return path


@pytest.fixture(scope="module")
def package(tmp_path_factory, weir):
    return packaged(str(tmp_path_factory.mktemp("deb")), weir)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory, package):
    root = str(tmp_path_factory.mktemp("root"))
    subprocess.run(["dpkg-deb", "-x", package, root], check=True)
    return root


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], capture_output=True, text=True, check=True).stdout.strip()


def test_the_package_says_what_it_needs_and_its_files_belong_to_root(package):
    assert field(package, "Version") == "0.0.7-1"
    for library in ("libc6", "libssl3", "libhyperscan5", "libevent-core-2.1-7", "adduser"):
        assert library in field(package, "Depends")
    listing = subprocess.run(["dpkg-deb", "-c", package], capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listing.splitlines()} == {"root/root"}
    assert re.search(r"^-rw------- .*\./etc/weir/weir\.env$", listing, re.M), "secrets' file is readable by others"
    assert not re.search(r"^-[rwx]{7}w", listing, re.M)
    conffiles = subprocess.run(["dpkg-deb", "-I", package, "conffiles"], capture_output=True, text=True, check=True).stdout
    assert set(conffiles.split()) == {f"/etc/weir/{n}" for n in
                                      ("weir.yaml", "policy.yaml", "adequacy.yaml", "duties.yaml", "weir.env")}


def test_the_same_tree_gives_the_same_bytes(package, tmp_path, weir):
    def digest(path):
        with open(path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()

    assert digest(packaged(str(tmp_path), weir)) == digest(package)


def test_only_the_model_is_missing_from_the_configuration(unpacked, model, tmp_path):
    weir = os.path.join(unpacked, "usr/bin/weir")
    config = os.path.join(unpacked, "etc/weir/weir.yaml")
    with open(config, encoding="utf-8") as f:
        text = f.read()
    assert "file: /var/lib/weir/models/smollm2-135m-moe.gguf" in text and "../" not in text
    missing = str(tmp_path / "smollm2-135m-moe.gguf")  # the machine may have Weir installed
    with open(config, "w", encoding="utf-8") as f:
        f.write(text.replace("/var/lib/weir/models/smollm2-135m-moe.gguf", missing))
    done = subprocess.run([weir, "check", "-c", config], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert [line for line in (done.stdout + done.stderr).splitlines() if "smollm2-135m-moe.gguf" not in line] == []
    with open(config, "w", encoding="utf-8") as f:
        f.write(text.replace("/var/lib/weir/models/smollm2-135m-moe.gguf", model))
    done = subprocess.run([weir, "check", "-c", config], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_systemd_understands_the_unit(unpacked, tmp_path):
    with open(os.path.join(unpacked, "lib/systemd/system/weir.service"), encoding="utf-8") as f:
        text = f.read()
    assert "User=weir" in text and "RestartPreventExitStatus=2" in text
    # the checker wants the program where the unit says, and its pages where man looks
    unit = tmp_path / "weir.service"
    unit.write_text(text.replace("/usr/bin/weir", os.path.join(unpacked, "usr/bin/weir"))
                    .replace("Documentation=man:weir(1) ", "Documentation="))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stderr
    done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=25", str(unit)],
                          capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]


class Manager:
    """What systemd is to a service of Type=notify: a socket that is told things."""

    def __init__(self, folder):
        self.path = os.path.join(folder, "notify")
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(30)

    def told(self):
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())


def test_the_service_manager_is_told(tmp_path, weir, eu):
    manager = Manager(str(tmp_path))
    g = harness.Gateway(str(tmp_path / "gw"), weir, model=None, start=False,
                        backends=[harness.backend("eu", eu, "EU", models=("m",))], routing="  commodity: [eu/m]",
                        env={"NOTIFY_SOCKET": manager.path})
    try:
        g.start()
        assert manager.told() == {"READY": "1", "STATUS": "Serving"}
        g.process.send_signal(signal.SIGHUP)
        told = manager.told()
        assert told["RELOADING"] == "1" and int(told["MONOTONIC_USEC"]) > 0
        assert manager.told()["READY"] == "1"
        with open(g.config, "a", encoding="utf-8") as f:
            f.write("nonsense: true\n")
        g.process.send_signal(signal.SIGHUP)
        assert manager.told()["RELOADING"] == "1"
        assert manager.told()["READY"] == "1", "a refused reload leaves the service serving"
        assert "refused" in manager.told()["STATUS"]
        with open(f"/proc/{g.pids()['gateway']}/environ", "rb") as f:
            assert b"NOTIFY_SOCKET" not in f.read(), "a child could speak for the service"
        assert g.stop() == 0
        assert manager.told()["STOPPING"] == "1"
    finally:
        g.kill()


def test_a_socket_that_nobody_holds_changes_nothing(tmp_path, weir, eu):
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=[harness.backend("eu", eu, "EU", models=("m",))],
                        routing="  commodity: [eu/m]", env={"NOTIFY_SOCKET": str(tmp_path / "nobody")})
    try:
        assert g.get("/healthz")[0] == 200
        with open(g.log_path, encoding="utf-8") as f:
            assert f.read().count("the service manager's socket") == 1
        assert g.stop() == 0
    finally:
        g.kill()


def test_the_board_names_only_series_that_there_are():
    path = os.path.join(ROOT, "packaging/grafana/weir.json")
    made = subprocess.run([sys.executable, os.path.join(ROOT, "tools/grafana_board.py")], capture_output=True, text=True, check=True)
    with open(path, encoding="utf-8") as f:
        text = f.read()
    assert text == made.stdout, "python3 tools/grafana_board.py > packaging/grafana/weir.json"
    known = set()
    for source in glob.glob(os.path.join(ROOT, "gateway", "**", "*.c"), recursive=True):
        with open(source, encoding="utf-8") as f:
            known |= set(re.findall(r"weir_[a-z_]+", f.read()))
    queries = [t["expr"] for p in json.loads(text)["panels"] for t in p.get("targets", [])]
    assert len(queries) > 25
    for name in re.findall(r"weir_[a-z_]+", " ".join(queries)):
        assert re.sub("_bucket$", "", name) in known, name
