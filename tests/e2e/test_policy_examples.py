"""Goal: the policies that ship hold, with every rule reached by a test of their own, and each rule is needed.

Method: `weir check --policy` with full rule coverage. With WEIR_EXAMPLE_MUTANTS=1 also: each example without each
of its rules must fail its own tests (some minutes). Then each is served, beside two providers and with nothing at home.
"""
import glob
import json
import os
import re
import subprocess

import harness
import pytest
import yaml

EXAMPLES = sorted(glob.glob(os.path.join(harness.ROOT, "conf", "examples", "*.yaml")))
LAW = ["--tables", os.path.join(harness.ROOT, "conf", "adequacy.yaml"), "--duties",
       os.path.join(harness.ROOT, "conf", "duties.yaml")]


def check(weir, path, *more):
    return subprocess.run([weir, "check", "--policy", path, *LAW, *more], capture_output=True, check=False)


def rules(text):
    """(start, end) of each rule in the file."""
    start = text.index("\nrules:\n") + len("\nrules:\n")
    end = start + re.search(r"\n\S", text[start:]).start()
    at = [start + m.start() for m in re.finditer(r"^  - ", text[start:end], re.M)]
    return list(zip(at, at[1:] + [end]))


@pytest.mark.parametrize("path", EXAMPLES, ids=[os.path.basename(p)[:-5] for p in EXAMPLES])
def test_example(weir, path, tmp_path):
    assert len(EXAMPLES) == 4
    done = check(weir, path, "--coverage", "--coverage-min", "100")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout.splitlines()[0])
    assert report["rules"] == report["rules_reached"] >= 6
    told = [x for x in done.stderr.splitlines() if b"warning" in x and b"last checked" not in x]
    assert not told, "the age of the tables is told as time goes by; nothing else may be"
    page = os.path.join(harness.ROOT, "docs", "policies", os.path.basename(path)[:-5] + ".md")
    assert os.path.exists(page)
    if not os.environ.get("WEIR_EXAMPLE_MUTANTS"):
        return
    text = open(path, encoding="utf-8").read()
    for a, b in rules(text):
        mutant = str(tmp_path / "mutant.yaml")
        with open(mutant, "w", encoding="utf-8") as f:
            f.write(text[:a] + text[b:])
        assert check(weir, mutant).returncode == 1, f"nobody misses {text[a:b][:60]}"


def test_a_broken_example_is_told_where(weir, tmp_path):
    text = open(EXAMPLES[0], encoding="utf-8").read()
    path = str(tmp_path / "broken.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text.replace("location: [on_premises, EU]", "location: [on_premises, US]", 1))
    done = check(weir, path)
    assert done.returncode == 1 and b"broken.yaml:" in done.stdout and b"expected" in done.stdout


def test_rules_that_do_nothing_are_told(weir, tmp_path):
    path = str(tmp_path / "odd.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("""\
version: 1
use_cases: [ { id: a, data: [personal], ai_act: minimal } ]
rules:
  - { id: all, when: { data: [personal] }, location: [on_premises] }
  - { id: repeats, when: { data: [personal], tier: [hard] }, location: [on_premises, EU] }
  - { id: never-none, when: { data: [none], use_case: [a] }, location: [EU] }
  - { id: never-class, when: { ai_act: [annex3] }, location: [EU] }
  - { id: nowhere, when: { data: [personal], tier: [commodity] }, location: [EU] }
tests: []
""")
    said = check(weir, path).stderr.decode()
    assert "repeats changes nothing" in said
    assert "never-none can never apply" in said and "never-class can never apply" in said
    assert "nowhere applies" in said and "leave no place" in said
    assert said.count("changes nothing") == 1


def test_words_that_nobody_knows_are_errors(weir, tmp_path):
    path = str(tmp_path / "wrong.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("""\
version: 1
require: [purpos]
organisation: [company]
use_cases:
  - { id: a, ai_act: anex3.4 }
  - { id: b, ai_act: annex3.4, not_high_risk: 6.3.a, profiling: true }
  - { id: c, exceptions: [9.2.z], requires: [papers] }
rules:
  - { id: r, obligations: [smile], retention: long }
  - { id: s, when: { region: [Europe], ai_act: [annex9] }, basis: [handshake], deny: x }
  - { id: t, backend: {} }
tests:
  - { expect: { outcome: route } }
""")
    done = check(weir, path)
    said = done.stdout.decode()
    assert done.returncode == 1
    for part in ("purpos", 'did you mean purpose?', "company", "anex3.4", "always high-risk", "9.2.z", "papers", "smile", "retention_classes",
                 "Europe", "annex9", "handshake", "asks nothing", '"text" is missing'):
        assert part in said, (part, said)


@pytest.mark.parametrize("wrong, right, told", [
    ("[EMAIL]", "[EMIAL]", b":4:91: \"EMIAL\" is no type of data that can be redacted; did you mean EMAIL?"),
    ("data: [none]", "data: [non]", b"\"non\" is no data class or type; did you mean none?"),
    ("[dpa]", "[dpaa]", b"did you mean dpa?"),
    ("use_case: [support]", "use_case: [suport]", b"is not declared under use_cases; did you mean support?"),
    ("[notice]", "[notise]", b"did you mean notice?"),
    ("rule: personal-eu", "rule: personl-eu", b"no rule of this policy has that id, did you mean personal-eu?"),
    ("  - { id: plain", "\t- { id: plain", b":5:1: not YAML: a tab stands here; indent with spaces"),
    ("[notice] }", "[notice]", b"that begins on line 5, did not find"),
    ("support team", "support \udce4", b":2:51: the file is not UTF-8 text"),
    ("version: 1", "version: 2", b":1:10: version: must be 1, not 2"),
])
def test_slips_are_told_with_place_and_remedy(weir, tmp_path, wrong, right, told):
    text = """\
version: 1
use_cases: [ { id: support, purpose: the support team, legal_basis: 6.1.f, ai_act: minimal } ]
rules:
  - { id: personal-eu, when: { data: [personal] }, location: [EU], basis: [dpa], redact: [EMAIL] }
  - { id: plain, when: { data: [none] }, location: [EU], obligations: [notice] }
  - { id: helps, when: { use_case: [support] }, location: [EU] }
test_backends: [ { name: eu/m, location: [EU], trains_on_data: false, transfer: { basis: dpa, reference: D-1 } } ]
tests:
  - { text: "Mail anna@example.eu", use_case: support, expect: { outcome: route, rule: personal-eu } }
"""
    assert wrong in text
    path = str(tmp_path / "slip.yaml")
    with open(path, "wb") as f:
        f.write(text.encode())
    assert check(weir, path).returncode == 0, check(weir, path).stdout
    with open(path, "wb") as f:
        f.write(text.replace(wrong, right, 1).encode("utf-8", "surrogateescape"))
    done = check(weir, path)
    assert told in done.stdout + done.stderr, done.stdout + done.stderr
    assert b"slip.yaml:" in done.stdout + done.stderr


@pytest.mark.parametrize("path", EXAMPLES, ids=[os.path.basename(p)[:-5] for p in EXAMPLES])
def test_served_as_it_is(weir, path, tmp_path):
    """With two ordinary providers and nothing at home: what each use case lets out, and with what replaced."""
    eu, us = harness.StandIn(str(tmp_path / "eu"), "eu"), harness.StandIn(str(tmp_path / "us"), "us")
    text = open(path, encoding="utf-8").read()
    g = harness.Gateway(str(tmp_path / "gw"), weir, policy=text, backends=[
        harness.backend("eu", eu, "EU"), harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("m",))],
        routing="  commodity: [us/m, eu/gpt-x]\n  hard: [us/m, eu/gpt-x]")
    try:
        cases = [c["id"] for c in yaml.safe_load(text)["use_cases"]]
        prohibited = [c["id"] for c in yaml.safe_load(text)["use_cases"] if c.get("ai_act", "").startswith("prohibited")]
        assert len(cases) >= 3
        said = {}
        for case in cases + [None]:
            for what, words in (("plain", "What is the capital of France?"), ("personal", "Mail anna@example.eu today"),
                                ("special", "Anna Nowak suffers from diabetes"), ("secret", "key AKIAIOSFODNN7EXAMPLQ")):
                before = len(us.received())
                status, head, _ = g.request("POST", "/v1/chat/completions", {
                    "model": "auto", "messages": [{"role": "user", "content": words}]},
                    {"x-weir-use-case": case} if case else {})
                said[case, what] = status
                assert status in (200, 403), (case, what, status)
                assert what == "plain" or len(us.received()) == before, "only what is about nobody may go there"
                if status == 200 and what == "personal":
                    assert head["x-weir-redacted"] == "EMAIL=1"
        assert all(said[c, w] == 403 for c in cases for w in ("special", "secret"))
        assert all(said[c, w] == 403 for c in prohibited for w in ("plain", "personal"))
        assert "anna@example.eu" not in json.dumps([r["body_text"] for r in eu.received() + us.received()])
        assert harness.wait_for("the log", lambda: g.verify()[0] == 0, 20)
    finally:
        g.kill()
        eu.kill()
        us.kill()
