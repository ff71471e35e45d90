"""What a data protection officer asks and the commands that answer, against a gateway whose traffic we
made and therefore know: query, export, report; and that asking is itself recorded."""
import csv
import io
import json
import os
import re
import shutil

import pytest

import harness

PERSONAL = "Please write to anna.kowalska@example.eu about the invoice."


@pytest.fixture(scope="module")
def asked(tmp_path_factory, weir, eu, us):
    """The log of a gateway with known traffic, which has ended: a live one signs once a second, and every
    question leaves a record to be signed. (gateway, list of what was sent)"""
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, backends=[
        harness.backend("eu", eu, "EU"),
        harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))],
        routing="  commodity: [eu/gpt-x]\n  hard: [us/claude-x, eu/gpt-x]\n  threshold: 0.5")
    sent = []

    def send(text, model, **headers):
        status, head, _ = g.chat(text, model=model, headers={k.replace("_", "-"): v for k, v in headers.items()})
        sent.append((head["x-request-id"], status, model))
        return status

    assert send("hello", "us/claude-x", x_weir_use_case="support") == 200
    assert send("hello there", "eu/gpt-x") == 200
    assert send(PERSONAL, "eu/gpt-x", x_weir_use_case="support") == 200
    assert send(PERSONAL, "us/claude-x") == 403
    assert send("rate me", "eu/gpt-x", x_weir_use_case="social-scoring") == 403
    assert g.chat("x", key="weir_nobody")[0] == 401
    assert g.stop() == 0
    yield g, sent
    g.kill()


def rows(g, *args):
    """The rows of a query, and its statement of completeness."""
    out = g.command("audit", "query", g.audit, "--format", "jsonl", *args).stdout.decode().splitlines()
    said = json.loads(out[-1])["completeness"]
    return [json.loads(line) for line in out[:-1]], said


def ids(found):
    return {r["request"] for r in found}


def test_what_left_the_eea_to_whom_on_which_basis_and_that_this_is_all(asked):
    g, sent = asked
    found, said = rows(g, "--outside", "EEA", "--since", "1h")
    assert ids(found) == {sent[0][0]}
    assert found[0]["sent_to"] == "Stand-in us" and found[0]["basis"] == "dpf DPF-1" and found[0]["places"] == "US"
    covered = said["covered"]
    assert covered["first_index"] == 0 and covered["last_index"] + 1 == covered["size"] and covered["verified"]
    assert covered["checkpoint"].split("\n")[1] == str(covered["size"]), "the statement holds the signed checkpoint"
    assert ids(rows(g, "--left")[0]) == {r for r, status, _ in sent if status == 200}
    assert ids(rows(g, "--data", "personal")[0]) == {sent[2][0], sent[3][0]}
    assert ids(rows(g, "--denied")[0]) == {sent[3][0], sent[4][0]}
    assert ids(rows(g, "--use-case", "support", "--entity", "Stand-in eu")[0]) == {sent[2][0]}
    assert rows(g, "--tenant", "nobody")[0] == []
    assert ids(rows(g)[0]) == {r for r, _, _ in sent}


def test_an_index_made_afresh_says_the_same(asked):
    g, _ = asked
    a, b = rows(g)[0], rows(g, "--fresh")[0]
    assert a == b and len(a) == 5
    with open(os.path.join(g.audit, "index.sqlite"), "r+b") as f:
        f.seek(4096)
        f.write(b"\x5a" * 4096)
    assert rows(g)[0] == a, "a damaged index is made again"


def test_asking_is_recorded_with_who_and_what(asked):
    g, _ = asked
    g.start()
    before = len([x for x in g.leaves() if x["ev"] == "audit.read"])
    rows(g, "--data", "personal", "--outside", "EEA")
    g.command("audit", "export", g.audit, "--report", "residency")
    reads = [x for x in g.leaves() if x["ev"] == "audit.read"][before:]
    assert [x["what"] for x in reads] == ["query", "export residency"]
    assert reads[0]["question"] == {"data": "personal", "outside": "EEA"} and reads[0]["rows"] == 0
    assert reads[0]["by"].startswith(f"uid {os.geteuid()} ")
    out = g.command("audit", "export", g.audit, "--report", "access", "--format", "text").stdout.decode()
    assert "export residency" in out and '"outside":"EEA"' in out
    assert g.stop() == 0


def test_every_report_in_every_format(asked):
    g, sent = asked
    for report in ("residency", "article30", "incident", "access", "transfers", "dpia"):
        page = g.command("audit", "export", g.audit, "--report", report).stdout.decode()
        assert page.startswith("<!doctype html>") and "</html>" in page
        assert not re.search(r"(src|href)\s*=|https?://|<script", page), "the page fetches nothing"
        for fmt in ("text", "csv", "jsonl"):
            out = g.command("audit", "export", g.audit, "--report", report, "--format", fmt).stdout.decode()
            assert len(out) > 100
            if fmt == "jsonl":
                assert all(json.loads(line) for line in out.splitlines())
    out = g.command("audit", "export", g.audit, "--report", "transfers", "--format", "jsonl").stdout.decode()
    table = [json.loads(x) for x in out.splitlines()]
    assert [x["request"] for x in table if x.get("table") == "Every such attempt"] == [sent[0][0]]
    out = g.command("audit", "export", g.audit, "--report", "article30", "--format", "jsonl").stdout.decode()
    act = [x for x in map(json.loads, out.splitlines()) if x.get("activity") == "support" and "purpose" in x]
    assert act[0]["purpose"] == "customer support" and act[0]["legal_basis"] == "6.1.f" and act[0]["requests"] == 2


def test_incident_window_of_a_key(asked):
    g, sent = asked
    key = [x["key"] for x in g.leaves() if x["ev"] == "key.new"][0]
    out = g.command("audit", "export", g.audit, "--report", "incident", "--key", key, "--since", "1h",
                    "--format", "jsonl").stdout.decode()
    t = [json.loads(x) for x in out.splitlines()]
    assert t[0]["requests"] == 5 and t[0]["may_have_left"] == 3
    assert {x["request"] for x in t if x.get("table") == "Every request"} == {r for r, _, _ in sent}
    assert any(x.get("table", "").startswith("Turned away") and x["http"] == 401 for x in t)
    out = g.command("audit", "export", g.audit, "--report", "incident", "--until", "1h", "--format", "jsonl")
    assert json.loads(out.stdout.decode().splitlines()[0])["requests"] == 0


def test_csv_runs_nothing_in_a_spreadsheet(asked):
    g, _ = asked
    out = g.command("audit", "query", g.audit, "--format", "csv").stdout.decode()
    table = list(csv.reader(io.StringIO(out)))
    assert len(table) == 6 and len({len(r) for r in table}) == 1
    assert all(not cell.startswith(("=", "+", "@", "\t")) for r in table for cell in r)


def test_report_adds_up(asked, tmp_path):
    g, _ = asked
    out = json.loads(g.command("report", "-c", g.config, "--json").stdout)
    t = out["traffic"][0]
    assert (t["requests"], t["answered"], t["denied_by_policy"]) == (5, 3, 2)
    outcomes = [x for x in g.leaves() if x["ev"] == "req.outcome"]
    assert abs(sum(float(x["cost"]) for x in out["cost"]) - sum(x["cost_micro"] for x in outcomes) / 1e6) < 1e-6
    assert {x["entity"] for x in out["residency"]} == {"Stand-in eu", "Stand-in us"}
    assert out["completeness"]["covered"]["verified"] is True
    page = tmp_path / "r.html"
    g.command("report", "-c", g.config, "--html", str(page), "--since", "30d")
    html = page.read_text()
    assert html.count("<svg") == 3 and "may have left" in html
    assert not re.search(r"(src|href)\s*=|https?://|<script", html)
    assert "Tiering" in g.command("report", "-c", g.config).stdout.decode()
    bad = g.command("report", "-c", g.config, "--since", "soon", check=False)
    assert bad.returncode == 2 and b"is no time" in bad.stderr


def test_offline_a_copy_and_a_broken_log(asked, tmp_path):
    g, sent = asked
    n = len(g.leaves())
    found, _ = rows(g)
    assert len(found) == 5
    leaves = g.leaves()
    assert leaves[n]["ev"] == "log.open" and leaves[n + 1]["ev"] == "audit.read", "recorded without a gateway"
    assert g.verify()[0] == 0
    copy = str(tmp_path / "copy")
    shutil.copytree(g.audit, copy, ignore=shutil.ignore_patterns("keys"))
    done = g.command("audit", "query", copy, "--format", "jsonl")
    assert b"NOT recorded" in done.stderr and len(done.stdout.decode().splitlines()) == 6
    wal = sorted(os.listdir(os.path.join(copy, "wal")))[0]
    with open(os.path.join(copy, "wal", wal), "r+b") as f:
        data = f.read()
        at = data.index(sent[0][0].encode())
        f.seek(at)
        f.write(b"f")
    for args in (("audit", "query", copy), ("audit", "export", copy, "--report", "residency")):
        done = g.command(*args, check=False)
        assert done.returncode == 1 and b"does not hold" in done.stderr and done.stdout == b""


@pytest.mark.parametrize("args", [
    ("query",), ("query", "DIR", "--data", "nonsense"), ("query", "DIR", "--since", "soon"),
    ("query", "DIR", "--format", "pdf"), ("query", "DIR", "--nonsense"), ("query", "DIR", "--report", "residency"),
    ("export", "DIR", "--report", "nonsense"), ("export", "DIR", "--report", "subject"),
    ("query", "/nonexistent/log"), ("query", "DIR", "--vkey", "nonsense")])
def test_bad_questions_are_told(asked, args):
    g, _ = asked
    done = g.command("audit", *[g.audit if a == "DIR" else a for a in args], check=False)
    assert done.returncode == 2 and done.stderr and done.stdout == b""
