"""Goal: `weir check` tells all that is wrong at once, each with its place; data on standard output, prose on standard
error; 0 only for what holds. Files as editors on other systems write them are read as well.

Method: the real program on files, as somebody in a terminal or a CI job would run it.
"""
import json
import os
import subprocess

from harness import ROOT


def check(weir, *args):
    done = subprocess.run([weir, "check", *args], capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout.splitlines(), done.stderr


WRONG = """\
version: 1
default: { location: [Mars] }
use_cases:
  - { id: a, data: [persnal] }
  - { id: a, ai_act: annex9 }
rules:
  - { when: { data: [persnal] }, redact: [EMIAL] }
  - { id: q, answers: { action: warn, data: [IBANN] } }
  - { id: q, location: [EU] }
tests:
  - { text: x, expect: { outcome: fly } }
"""
PLACES = ["2:23", "4:21", "5:5", "5:22", "7:5", "7:22", "7:43", "8:46", "9:5", "11:35"]


def test_form_and_words_are_told_together(weir, tmp_path):
    """A place that is none or a key that is missing used to hide words that are none and ids used twice."""
    file = tmp_path / "policy.yaml"
    for text in (WRONG, WRONG.replace("\n", "\r\n")):
        file.write_text(text, encoding="utf-8", newline="")
        code, out, err = check(weir, "--policy", str(file))
        assert code == 1 and err == ""
        assert [line.removeprefix(f"{file}:").split(": ")[0] for line in out] == PLACES, "\n".join(out)


def test_a_shadow_policy_too(weir, tmp_path):
    (tmp_path / "policy.yaml").write_text("version: 1\n", encoding="utf-8")
    (tmp_path / "next.yaml").write_text(WRONG, encoding="utf-8")
    (tmp_path / "weir.yaml").write_text("""\
server: { tls: { certificate: tls.crt, key: tls.key, self_signed: true } }
keys: keys.json
routing: { commodity: [] }
policy: policy.yaml
policy_shadow: next.yaml
audit: { directory: audit, origin: weir.test/gw1 }
""", encoding="utf-8")
    code, out, _ = check(weir, "-c", str(tmp_path / "weir.yaml"))
    file = tmp_path / "next.yaml"
    assert code == 1
    assert [line.removeprefix(f"{file}:").split(": ")[0] for line in out if "next.yaml" in line] == PLACES, "\n".join(out)


def test_byte_order_marks_and_crlf(weir, tmp_path):
    (tmp_path / "p.yaml").write_bytes(b"\xef\xbb\xbfversion: 1\r\ndefault: { location: [on_premises] }\r\n")
    assert check(weir, "--policy", str(tmp_path / "p.yaml"))[:2] == (0, ["ok"])
    lines = b'\xef\xbb\xbf{"id":"1","text":"mail a@example.com"}\r\n{"id":"2","text":"none"}\r\n'
    done = subprocess.run([weir, "scan"], input=lines, capture_output=True, timeout=60, check=False)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and [r["data"] for r in rows] == [["personal"], ["none"]], done.stderr
    assert (rows[0]["spans"][0]["start"], rows[0]["spans"][0]["end"]) == (5, 18)
    head = "id dataset domain weak_score strong_score weak_out_chars strong_out_chars prompt".split()
    table = "\t".join(head) + "\r\n" + "\t".join(["a", "d", "x", "0", "1", "-1", "-1", "What is two and two?"]) + "\r\n"
    (tmp_path / "t.tsv").write_bytes(b"\xef\xbb\xbf" + table.encode())
    done = subprocess.run([weir, "eval", "router", "--data", str(tmp_path / "t.tsv")], capture_output=True, timeout=60,
                          check=False)
    assert done.returncode == 0 and json.loads(done.stdout)["n"] == 1, done.stderr


def test_conditions_that_nothing_can_meet(weir, tmp_path):
    """A rule that denies and never applies lets through what its author believes stopped."""
    file = tmp_path / "policy.yaml"
    file.write_text("""\
version: 1
rules:
  - { id: a, when: { task: [sumarise, code] }, deny: no }
""", encoding="utf-8")
    code, out, _ = check(weir, "--policy", str(file))
    assert code == 1 and len(out) == 1 and out[0].startswith(f"{file}:3:29: ") and "summarise?" in out[0]
    file.write_text("""\
version: 1
rules:
  - { id: a, when: { tenant: [acme, "acme-*"], task: [summarise] }, deny: no }
""", encoding="utf-8")
    code, out, err = check(weir, "--policy", str(file))
    assert code == 0 and out == ["ok"] and f"{file}:3:37: warning: no tenant can be called" in err


def test_the_policy_page_says_how_tests_name_back_ends(weir, tmp_path):
    """The example of docs/policy.md, with a rule beside it."""
    with open(os.path.join(ROOT, "docs", "policy.md"), encoding="utf-8") as f:
        page = f.read()
    example = page[page.index("```yaml\ntest_backends:") + 8:]
    file = tmp_path / "policy.yaml"
    file.write_text("version: 1\nrules:\n  - { id: out, when: { data: [none, personal] }, location: [EU] }\n"
                    + example[:example.index("```")], encoding="utf-8")
    code, out, err = check(weir, "--policy", str(file))
    assert code == 0 and out == ["ok"] and "2 policy tests hold" in err, (out, err)
