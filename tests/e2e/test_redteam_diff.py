"""Goal: `weir policy diff` over a log that somebody else wrote ends in order, whatever stands in its records, and
nothing of them reaches the terminal as a command.

Method: the records of a real gateway, with their members replaced, doubled, nested and cut, in a log of their own.
Oracles: the exit code, the counts, no control characters in what is printed; ASan where the binary has it.
"""
import copy
import json
import os
import random
import subprocess

import pytest

import harness

ROUNDS = int(os.environ.get("WEIR_DIFF_RECORDS", "3000"))
WORDS = [None, True, -1, 0, 2**62, 1e300, "", "\u001b]0;x\u0007\u001b[2J", "a\nb\r\u202e", "local/home", "eu/gpt-x", "x" * 9000, [], {}, [[[]]], ["x"] * 600,
         {"x": {"x": 1}}, "9999-99-99", "\ud7ff", "\u0000"]


@pytest.fixture(scope="module")
def leaves(tmp_path_factory, weir, eu, us):
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, routing="  commodity: [us/claude-x, eu/gpt-x]\n  hard: [us/claude-x, eu/gpt-x]",
                        backends=[harness.backend("eu", eu, "EU", models=("gpt-x",)),
                                  harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))])
    try:
        for text in ("Hello", "Mail anna@example.eu", "IBAN DE89 3704 0044 0532 0130 00"):
            g.chat(text, max_tokens=2)
        return g.leaves(), open(os.path.join(g.folder, "policy.yaml"), encoding="utf-8").read()
    finally:
        g.kill()


def places(x, path=()):
    yield path
    for k, v in x.items() if isinstance(x, dict) else enumerate(x) if isinstance(x, list) else ():
        yield from places(v, path + (k,))


def mutated(r, leaf):
    x = copy.deepcopy(leaf)
    for _ in range(r.choice([1, 1, 2, 4])):
        path = r.choice([p for p in places(x) if p and p[0] in ("decision", "facts", "residency", "conf", "name", "req", "tenant", "t")] or [("req",)])
        at = x
        for k in path[:-1]:
            at = at[k]
        if isinstance(at, dict) and r.random() < 0.2:
            at.pop(path[-1])
        elif isinstance(at, list) and r.random() < 0.2:
            at.extend(copy.deepcopy(at) * r.choice([1, 70]))
        else:
            at[path[-1]] = copy.deepcopy(r.choice(WORDS))
    return json.dumps(x, sort_keys=True, separators=(",", ":"), ensure_ascii=r.random() < 0.5)


def test_records_of_somebody_else(tmp_path, weir, leaves):
    records, policy = leaves
    r = random.Random(11)
    kinds = [x for x in records if x["ev"] in ("req.intent", "conf.backend")]
    for n, text in (("a", policy), ("b", policy.replace("[on_premises, EU", "[on_premises") + "\n")):
        (tmp_path / f"{n}.yaml").write_text(text, encoding="utf-8")
    lines = [json.dumps(x, sort_keys=True, separators=(",", ":")) for x in kinds] + [mutated(r, r.choice(kinds)) for _ in range(ROUNDS)]
    make = os.path.join(os.path.dirname(weir), "tests", "fault", "audit_make")
    subprocess.run([make, str(tmp_path / "log"), "weir.test/red", "r", "0", "1000000", "0", "lines"], check=True, stderr=subprocess.DEVNULL,
                   input="\n".join(lines).encode("utf-8", "replace"))
    for more in ([], ["--json"], ["--limit", "1000"]):
        done = subprocess.run([weir, "policy", "diff", str(tmp_path / "a.yaml"), str(tmp_path / "b.yaml"), "--log", str(tmp_path / "log"), *more],
                              capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        out = done.stdout.decode()
        assert not [c for c in out if (ord(c) < 32 and c != "\n") or ord(c) == 127], repr(out[:500])
        if more == ["--json"]:
            told = json.loads(out)
            assert told["decisions"] > ROUNDS / 4 and 3 <= told["replayed"] <= told["decisions"]
            assert told["replayed"] + told["without_facts"] == told["decisions"] == sum(told["changes"].values()) + told["without_facts"]
