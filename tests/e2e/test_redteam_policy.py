"""Goal: what governs a decision cannot be taken back behind the log's back: kill switches, revisions, signed files,
dated tables, the shadow policy, the use case of a key.

Method: the real binary between two stand-ins; each test does what somebody with a text editor, a backup, an old
signed file or a client key can do. Oracles: where the next request goes, exit codes, what the log holds.
"""
import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time

import harness
import pytest

ROUTING = "  commodity: [us/claude-x, eu/gpt-x]\n  hard: [us/claude-x, eu/gpt-x]"


def backends(eu, us):
    return [harness.backend("eu", eu, "EU", models=("gpt-x",)),
            harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("claude-x",))]


@pytest.fixture
def gw(tmp_path, weir, eu, us):
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING)
    yield g
    g.kill()


def events(g, ev):
    return [x for x in g.leaves() if x["ev"] == ev]


def policy(g, verb, *args, check=True):
    return g.command("policy", verb, "-c", g.config, *args, check=check)


def route(g):
    return g.chat("Hello", max_tokens=2)[1].get("x-weir-route")


def off(g):
    return {x["value"] for x in json.loads(policy(g, "list", "--json").stdout)}


def state_of(g):
    return os.path.join(g.folder, "policy-state.json")


def log_text(g):
    with open(g.log_path, encoding="utf-8") as f:
        return f.read()


# ---- kill switches ----

def lose(g):
    os.unlink(state_of(g))


def edit(g):
    with open(state_of(g), encoding="utf-8") as f:
        state = json.load(f)
    state["kills"] = []
    with open(state_of(g), "w", encoding="utf-8") as f:
        json.dump(state, f)


def old_backup(g):
    shutil.copy(state_of(g) + ".backup", state_of(g))


@pytest.mark.parametrize("how", [lose, edit, old_backup])
@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_a_switch_is_taken_back_by_revive_only(gw, how, running):
    """A file that was lost, edited or put back from a backup, and a further switch written into it."""
    policy(gw, "kill", "--basis", "scc", "--reason", "first")
    shutil.copy(state_of(gw), state_of(gw) + ".backup")
    policy(gw, "kill", "--backend", "us", "--reason", "incident 12")
    harness.wait_for("the switch", lambda: route(gw) == "eu/gpt-x", 15)
    harness.wait_for("its record", lambda: len(events(gw, "policy.kill")) == 2, 15)
    if not running:
        assert gw.stop() == 0
    how(gw)
    policy(gw, "kill", "--country", "CH", "--reason", "another thing")
    if not running:
        gw.start()
    harness.wait_for("the new switch", lambda: any(x["value"] == "CH" for x in events(gw, "policy.kill")), 15)
    time.sleep(0.3)
    assert route(gw) == "eu/gpt-x"
    assert {"us", "CH"} <= off(gw), "the file says so too"
    back = [x for x in events(gw, "policy.kill") if x["value"] == "us"]
    assert len(back) == 2 and back[1]["reason"] == "incident 12" and "put back" in back[1]["by"]
    policy(gw, "revive", "--backend", "us", "--reason", "over")
    harness.wait_for("the way back", lambda: route(gw) == "us/claude-x", 15)
    time.sleep(0.3)
    assert route(gw) == "us/claude-x" and "us" not in off(gw)


def test_a_switch_thrown_while_no_file_can_be_opened_still_acts(gw):
    """Connections up to the limit of open files: the switch waits, it is not missed."""
    assert route(gw) == "us/claude-x"
    pid = gw.pids()["gateway"]
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    policy(gw, "kill", "--backend", "us", "--reason", "now")
    time.sleep(0.6)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    harness.wait_for("the switch", lambda: route(gw) == "eu/gpt-x", 5)


def test_a_key_revoked_while_no_file_can_be_opened_is_revoked(gw):
    key = gw.new_key("other")
    harness.wait_for("the key", lambda: gw.chat("Hello", key=key, max_tokens=2)[0] == 200, 15)
    time.sleep(1.5)  # the log has written its checkpoint
    pid = gw.pids()["gateway"]
    limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
    gw.command("key", "revoke", "-c", gw.config, key.split("_")[1])
    time.sleep(1.5)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
    harness.wait_for("the revocation", lambda: gw.chat("Hello", key=key, max_tokens=2)[0] == 401, 5)


def test_a_pipe_or_a_folder_in_place_of_the_file_stops_nothing_else(gw):
    policy(gw, "kill", "--backend", "us", "--reason", "now")
    harness.wait_for("the switch", lambda: route(gw) == "eu/gpt-x", 15)
    os.rename(state_of(gw), state_of(gw) + ".away")
    for make in (os.mkfifo, os.mkdir):
        if os.path.isdir(state_of(gw)):
            os.rmdir(state_of(gw))
        elif os.path.lexists(state_of(gw)):
            os.unlink(state_of(gw))     # the gateway has put it back already
        make(state_of(gw))
        time.sleep(0.5)
        assert route(gw) == "eu/gpt-x"
    os.rmdir(state_of(gw))
    os.rename(state_of(gw) + ".away", state_of(gw))
    policy(gw, "revive", "--backend", "us", "--reason", "over")
    harness.wait_for("the way back", lambda: route(gw) == "us/claude-x", 15)


def test_a_switch_that_has_lost_its_object_is_told(gw):
    """A back end that gets another name sheds its switch: the reload and the list say so."""
    policy(gw, "kill", "--backend", "us", "--reason", "now")
    harness.wait_for("the switch", lambda: route(gw) == "eu/gpt-x", 15)
    with open(gw.config, encoding="utf-8") as f:
        text = f.read()
    with open(gw.config, "w", encoding="utf-8") as f:
        f.write(text.replace("name: us\n", "name: us2\n").replace("us/claude-x", "us2/claude-x"))
    reload(gw)
    harness.wait_for("the word", lambda: "backend us stops nothing" in log_text(gw), 5)
    assert b"stops nothing" in policy(gw, "list").stdout


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <time.h>
int clock_gettime(clockid_t id, struct timespec *t)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real)
        real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int r = real(id, t);
    if (id == CLOCK_REALTIME)
        t->tv_sec += 3600;
    return r;
}
"""


def test_a_clock_set_back_does_not_delay_a_switch(weir, eu, us, tmp_path):
    """The program reads one hour more than the kernel waits by: what a wait sees when the clock is set back."""
    with open(weir, "rb") as f:
        if b"__asan_init" in f.read():
            pytest.skip("a preloaded library and the address sanitizer do not go together")
    source, lib = tmp_path / "clock.c", tmp_path / "clock.so"
    source.write_text(CLOCK)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(lib), str(source), "-ldl"], check=True)
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING,
                        env={"LD_PRELOAD": str(lib)})
    try:
        assert route(g) == "us/claude-x"
        policy(g, "kill", "--backend", "us", "--reason", "now")
        harness.wait_for("the switch", lambda: route(g) == "eu/gpt-x", 5)
        g.command("rights", "add", "-c", g.config, "--list", "restricted", "--reason", "x", "--approver", "dpo",
                  stdin=b"KD-2024-00817")
        harness.wait_for("the list", lambda: g.chat("About KD-2024-00817")[0] == 403, 5)
        assert g.stop() == 0
    finally:
        g.kill()


# ---- signed files ----

@pytest.fixture
def signed(tmp_path, weir, eu, us):
    """A stopped gateway that asks for signatures, its policy signed at revision 7."""
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING, start=False)
    g.sign_key = str(tmp_path / "key")
    g.vkey = policy_key(g, "policy.test/dpo", g.sign_key)
    g.key = g.new_key("tests")
    configure(g, f'policy_keys: ["{g.vkey}"]\n')
    put(g, 7)
    yield g
    g.kill()


def policy_key(g, name, out):
    return g.command("policy", "keygen", "--name", name, "--out", out).stdout.decode().strip()


def configure(g, more):
    with open(g.config, encoding="utf-8") as f:
        text = f.read().split("# more\n")[0]
    with open(g.config, "w", encoding="utf-8") as f:
        f.write(text + "# more\n" + more)


def put(g, revision, name="policy.yaml", text=None, keys=None):
    path = os.path.join(g.folder, name)
    if os.path.exists(path + ".sig"):
        os.unlink(path + ".sig")
    with open(path, "w", encoding="utf-8") as f:
        f.write((text or harness.POLICY).replace("version: 1", f"version: 1\nrevision: {revision}", 1))
    for key in keys or [g.sign_key]:
        g.command("policy", "sign", "--key", key, path)


def serves(g):
    """Starts it; what it said when it does not."""
    try:
        g.start(30)
        return ""
    except RuntimeError:
        return log_text(g)


def refused(g, what):
    with subprocess.Popen([g.weir, "serve", "-c", g.config], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env=g.env) as serve:
        try:
            said = serve.communicate(timeout=15)[0].decode()
        except subprocess.TimeoutExpired:
            serve.terminate()
            raise
    assert serve.returncode == 2 and what in said, (serve.returncode, said)
    done = g.command("check", "-c", g.config, check=False)
    assert done.returncode == 1 and what in (done.stdout + done.stderr).decode(), done


def reload(g, done=True):
    before = len(events(g, "admin.reload"))
    g.process.send_signal(signal.SIGHUP)
    harness.wait_for("a reload", lambda: len(events(g, "admin.reload")) > before, 15)
    assert events(g, "admin.reload")[-1]["done"] is done, log_text(g)[-2000:]
    return events(g, "admin.reload")[-1]


def test_an_old_policy_does_not_come_back_with_the_state_file_gone(signed):
    put(signed, 8)
    assert not serves(signed)
    assert signed.stop() == 0
    put(signed, 7)
    os.unlink(state_of(signed))
    refused(signed, "revision 7 is older than 8")
    policy(signed, "rollback", "--to", "7", "--reason", "8 was wrong")
    assert not serves(signed)
    assert [x["revision"] for x in events(signed, "policy.rollback")] == [7]


def test_nor_with_an_older_state_file_or_an_edited_one(signed):
    assert not serves(signed)
    shutil.copy(state_of(signed), state_of(signed) + ".backup")
    put(signed, 8)
    reload(signed)
    old_backup(signed)
    put(signed, 7)
    assert "older than 8" in reload(signed, done=False)["why"]
    assert signed.stop() == 0
    refused(signed, "revision 7 is older than 8")
    put(signed, 8, text=harness.POLICY + "# another text\n")
    refused(signed, "another text")


def test_a_rollback_goes_back_only(signed):
    assert not serves(signed)
    done = policy(signed, "rollback", "--to", "90", "--reason", "a slip", check=False)
    assert done.returncode == 2 and b"7" in done.stderr, done
    put(signed, 8)
    reload(signed)


def test_signatures_are_not_dropped_in_silence(signed):
    """A configuration without policy_keys would take any text."""
    assert not serves(signed)
    configure(signed, "")
    put(signed, 6)
    assert "policy_keys" in reload(signed, done=False)["why"]
    assert signed.stop() == 0
    refused(signed, "policy_keys")
    policy(signed, "rollback", "--to", "0", "--reason", "no signatures from now on")
    assert not serves(signed)
    assert events(signed, "policy.rollback")[-1]["revision"] == 0


def test_two_signers_and_a_change_of_keys(signed, tmp_path):
    """Both sign; each key alone suffices; a key that is taken out counts no more."""
    second = str(tmp_path / "second")
    vkey = policy_key(signed, "policy.test/second", second)
    path = os.path.join(signed.folder, "policy.yaml")
    put(signed, 7, keys=[signed.sign_key, second])
    for key in (signed.vkey, vkey):
        configure(signed, f'policy_keys: ["{key}"]\n')
        assert signed.command("check", "-c", signed.config, check=False).returncode == 0, key
        signed.command("policy", "verify", "--vkey", key, path)
    put(signed, 7, keys=[signed.sign_key])
    refused(signed, "none of policy_keys has signed it")
    put(signed, 7, keys=[second, second])
    with open(path + ".sig", encoding="utf-8") as f:
        assert f.read().count("policy.test/second") == 1, "signed twice by one is signed once"


TABLES = """version: 1
adequacy:
  - {{ country: US, decision: an old one, source: OJ, checked_on: {day}, valid_until: none }}
dpf: {{ country: US, decision: D, source: OJ, checked_on: {day}, valid_until: none }}
dpf_listed:
  - {{ entity: Stand-in us, source: list, checked_on: {day}, valid_until: {until} }}
"""
DUTIES = """version: 1
duties:
  - {{ id: d1, article: Art. 1, source: OJ, needs: {needs}, applies_from: 2020-01-01, checked_on: 2020-01-01,
      high_risk: true }}
"""


def test_signed_tables_do_not_go_back_either(signed):
    """An old table, truly signed in its day, from before a decision lapsed."""
    today = time.strftime("%Y-%m-%d", time.gmtime())
    configure(signed, f'policy_keys: ["{signed.vkey}"]\ntransfer_tables: tables.yaml\nduties: duties.yaml\n')
    fresh = TABLES.format(day=today, until="2020-01-01")
    stale = TABLES.format(day=today, until="none")
    put(signed, 3, "duties.yaml", DUTIES.format(needs="dpia"))
    put(signed, 1, "tables.yaml", stale)
    assert not serves(signed)
    assert route(signed) == "us/claude-x"
    put(signed, 2, "tables.yaml", fresh)
    reload(signed)
    assert route(signed) == "eu/gpt-x"
    put(signed, 1, "tables.yaml", stale)
    assert "revision 1 of the transfer tables is older than 2" in reload(signed, done=False)["why"]
    put(signed, 2, "tables.yaml", fresh + "# same number\n")
    assert "another text" in reload(signed, done=False)["why"]
    put(signed, 2, "tables.yaml", fresh)
    put(signed, 2, "duties.yaml", DUTIES.format(needs="label"))
    assert "revision 2 of the duties is older than 3" in reload(signed, done=False)["why"]
    assert route(signed) == "eu/gpt-x"
    assert signed.stop() == 0
    os.unlink(state_of(signed))
    put(signed, 1, "tables.yaml", stale)
    refused(signed, "revision 1 of the transfer tables is older than 2")
    text = fresh.replace("version: 1\n", "version: 1\n")
    path = os.path.join(signed.folder, "tables.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    signed.command("policy", "sign", "--key", signed.sign_key, path)
    refused(signed, "revision")


def test_a_signature_is_for_its_bytes_and_no_others(signed, tmp_path):
    """File swap, a note of something else, rubbish, links and pipes where a signature should be."""
    path = os.path.join(signed.folder, "policy.yaml")
    with open(path + ".sig", "rb") as f:
        note = f.read()

    def says(content, what):
        with open(path + ".sig", "wb") as f:
            f.write(content)
        refused(signed, what)
    says(note.replace(b"sha256:", b"sha256:0", 1), "another text")
    says(note + note, "does not hold")
    says(note + b"\n", "does not hold")
    says(note.replace("\u2014 ".encode(), b"- "), "does not hold")
    says(note[:-20] + b"AAAA" + note[-16:], "does not hold")
    says(note.split(b"\n\n")[0] + b"\n\n", "is not accepted")
    says(b"", "another text")
    says(note.replace(b"weir-policy/v1", b"weir-policy/v2"), "another text")
    says(note.replace(b"policy.test/dpo", b"policy.test/dpp"), "none of policy_keys")
    says(note + b"x" * 20000, "cannot be read")
    os.unlink(path + ".sig")
    os.mkfifo(path + ".sig")
    start = time.monotonic()
    refused(signed, "cannot be read")
    assert time.monotonic() - start < 20
    os.unlink(path + ".sig")
    os.symlink("/nonexistent", path + ".sig")
    refused(signed, "there is no signature")
    os.unlink(path + ".sig")
    with open(path + ".sig", "wb") as f:
        f.write(note)
    assert not serves(signed)
    os.unlink(path)
    os.mkfifo(path)
    signed.process.send_signal(signal.SIGHUP)
    harness.wait_for("the refusal", lambda: "not a file" in log_text(signed), 10)
    assert route(signed) == "us/claude-x"


# ---- headers of a client ----

SPOOF = """version: 1
default: { location: [on_premises, EU, US] }
require: [exception]
use_cases:
  - { id: support, purpose: p, legal_basis: 6.1.f, ai_act: minimal }
  - { id: hiring, purpose: p, legal_basis: 6.1.b, ai_act: annex3.4, decides: true, human_review: hold,
      tools: { deny: ["shell*"] }, retention: short }
  - { id: chat, purpose: p, legal_basis: 6.1.f, ai_act: limited, answers: withhold, obligations: [notice] }
  - { id: banned, purpose: p, ai_act: prohibited.5.1.c }
  - { id: ward, purpose: p, legal_basis: 6.1.c, exceptions: [9.2.h] }
retention_classes: [ { id: short, record_days: 30, content_days: 1 } ]
rules:
  - { id: open, when: { data: [none, personal, special] }, location: [on_premises, EU, US], basis: [dpa, dpf] }
  - { id: hiring-eu, when: { use_case: [hiring] }, location: [on_premises, EU] }
  - { id: annex-eu, when: { ai_act: [annex3] }, backend: { retention_days: 0 } }
  - { id: undeclared, when: { use_case: [named-only] }, location: [on_premises, EU] }
"""


@pytest.fixture
def spoof(tmp_path, weir, eu, us):
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING, policy=SPOOF)
    g.keys = {}
    for use in ("hiring", "chat", "banned", "support", "gone"):
        g.keys[use] = g.command("key", "new", "-c", g.config, "--tenant", "acme", "--name", use, "--use-case",
                                use).stdout.decode().strip()
    harness.wait_for("the keys", lambda: all(g.chat("Hello", key=k, max_tokens=2)[0] != 401 for k in
                                             g.keys.values()), 20)
    yield g
    g.kill()


def test_a_header_does_not_shed_what_the_key_is_bound_to(spoof):
    """A key made for hiring says support: residency, review, tools, obligations, bans and switches stay."""
    g, as_support = spoof, {"x-weir-use-case": "support"}

    def ask(use, headers=as_support, **more):
        return g.chat("Hello there", key=g.keys[use], headers=headers, max_tokens=2, **more)
    assert ask("support")[1]["x-weir-route"] == "us/claude-x"
    for headers in ({}, as_support, {"x-weir-use-case": "ward"}):
        status, head, answer = ask("hiring", headers)
        assert status == 403 and answer["error"]["code"] == "review_pending", (headers, answer)
        assert head["x-weir-route"] == "eu/gpt-x", headers
        status, _, answer = ask("hiring", headers, tools=[{"type": "function", "function": {
            "name": "shell_run", "parameters": {"type": "object"}}}], tool_choice="required")
        assert status == 403 and answer["error"]["code"] == "use_case:hiring", (headers, answer)
        status, _, answer = ask("banned", headers)
        assert status == 403 and answer["error"]["code"] == "ai-act-prohibited", (headers, answer)
        head = ask("chat", headers)[1]
        assert "label-output" in head["x-weir-obligations"], (headers, head)
    status, _, answer = ask("gone")
    assert status == 403 and answer["error"]["code"] == "unknown-use-case"
    status, _, answer = ask("hiring", {"x-weir-use-case": "ward"}, model="eu/gpt-x", messages=[
        {"role": "user", "content": "My mother has been diagnosed with breast cancer"}])
    assert status == 403 and answer["error"]["code"] == "require", "the key's own has no exception"
    policy(g, "kill", "--use-case", "chat", "--reason", "complaint")
    harness.wait_for("the switch", lambda: ask("chat")[0] == 403, 15)
    assert ask("support")[0] == 200
    leaf = next(x for x in g.leaves() if x["ev"] == "req.intent" and x["facts"].get("key_use_case") == "hiring")
    assert "hiring-eu" in leaf["decision"]["rules"] and leaf["decision"]["use_case"] == "support"


def test_explain_tells_what_the_gateway_would_decide_for_that_key(spoof):
    body = json.dumps({"model": "auto", "messages": [{"role": "user", "content": "Hello there"}]}).encode()
    done = spoof.command("explain", "-c", spoof.config, "--key", "hiring", "--use-case", "support", stdin=body)
    assert "hiring-eu" in done.stdout.decode(), done


# ---- the shadow policy, and records that are full ----

def test_a_shadow_policy_cannot_refuse_anything(tmp_path, weir, eu, us):
    """Nine hundred rules that deny with a long text, in capitals, in three-byte letters."""
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING, start=False)
    configure(g, "policy_shadow: next.yaml\n")
    text = "\u4e00" * 20000
    with open(os.path.join(g.folder, "next.yaml"), "w", encoding="utf-8") as f:
        f.write("version: 1\ndefault: { location: [EU] }\nrules:\n" +
                "".join(f'  - {{ id: {"r" * 55}{i:03d}, location: [EU] }}\n' for i in range(900)) +
                f'  - {{ id: big, deny: "{text}" }}\n')
    g.key = g.new_key("tests")
    g.start()
    try:
        status, head, _ = g.chat("Hello", max_tokens=2)
        assert status == 200 and head["x-weir-route"] == "us/claude-x"
        leaf = events(g, "req.intent")[-1]
        assert leaf["shadow"]["change"] == "newly_denied" and leaf["shadow"]["code"] == "big"
        assert len(leaf["shadow"]["reason"].encode()) <= 400 and "\u4e00" in leaf["shadow"]["reason"]
        assert g.verify()[0] == 0
    finally:
        g.kill()


def test_rules_of_two_policies_do_not_overfill_a_record(tmp_path, weir, eu, us):
    """Hundreds of applying rules with long ids in the policy and in its shadow: answered, recorded, the lists cut."""
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING)

    def put(name, n, more=""):
        with open(os.path.join(g.folder, name), "w", encoding="utf-8") as f:
            f.write("version: 1\nrules:\n" + more + "".join(
                f'  - {{ id: {"r" * 55}{i:03d}, when: {{ data: [none] }}, location: [EU, US], basis: [dpa, dpf] }}\n'
                for i in range(n)))
    try:
        configure(g, "policy_shadow: next.yaml\n")
        put("policy.yaml", 900)
        put("next.yaml", 900, "  - { id: no, deny: " + "x" * 500 + " }\n")
        reload(g)
        assert g.chat("Hello", max_tokens=2)[0] == 200
        leaf = events(g, "req.intent")[-1]
        assert leaf["decision"]["rules_cut"]["n"] == 900 and leaf["shadow"]["code"] == "no"
    finally:
        g.kill()


def test_many_switches_with_long_reasons_refuse_what_they_are_about(tmp_path, weir, eu, us):
    """A thousand in force: a request that none of them stops is answered, and recorded."""
    countries = "AF AL AM AO AR AU AZ BA BD BH BO BR BW BY CA CH CL CN CO CR CU DO DZ EC EG".split()
    models = [f"m{i:03d}-{'x' * 50}" for i in range(235)]
    more = ["more1", "more2", "more3"]
    g = harness.Gateway(str(tmp_path / "gw"), weir, routing=ROUTING, backends=backends(eu, us) + [
        harness.backend(name, eu, "EU", models=models) for name in more])
    try:
        kills = [{"kind": "country", "value": c, "reason": "r" * 390, "since": "2026-11-22T00:00:00Z"} for c in countries]
        kills += [{"kind": "model", "value": f"{b}/{m}", "reason": "r" * 390, "since": "2026-11-22T00:00:00Z"}
                  for b in more for m in models]
        policy(g, "kill", "--basis", "scc", "--reason", "first")
        with open(state_of(g), encoding="utf-8") as f:
            state = json.load(f)
        state["kills"] += kills
        with open(state_of(g) + ".new", "w", encoding="utf-8") as f:
            json.dump(state, f)
        os.rename(state_of(g) + ".new", state_of(g))
        harness.wait_for("the switches", lambda: f"kill switches: {len(kills) + 1} in force" in log_text(g), 10)
        assert route(g) == "us/claude-x"
        status, _, answer = g.chat("Hello", model=f"more1/{models[3]}")
        assert status == 403 and answer["error"]["code"] == "kill-switch"
        leaf = events(g, "req.intent")[-1]
        assert leaf["facts"]["kills"] == [{"kind": "model", "value": f"more1/{models[3]}"}]
        assert g.verify()[0] == 0
    finally:
        g.kill()


def test_a_policy_of_a_thousand_rules_fills_no_record(tmp_path, weir, eu, us):
    """Lists that grow with the policy are cut, with a digest of the whole: the request is answered, at 63 candidates too."""
    ids = [f'{"r" * 55}{i:03d}' for i in range(900)]
    tools = "tools: { deny: [%s] }" % ", ".join(f'"{"t" * 50}{k}*"' for k in range(8))
    rules = "".join(f'  - {{ id: {i}, location: [EU, US], basis: [dpa, dpf], {tools} }}\n' for i in ids)
    models = [f"m{i:02d}-{'x' * 50}" for i in range(62)]
    many = harness.backend("b" * 40, us, "US", basis="scc", reference="R" * 60, models=models)
    one, two = (", ".join(f"{'b' * 40}/{m}" for m in part) for part in (models[:31], models[31:]))
    routing = f"  commodity: [{one}]\n  hard: [{two}, eu/gpt-x]\n  overflow: hard"
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us) + [many], routing=routing,
                        policy="version: 1\ndefault: { location: [EU, US] }\nrules:\n" + rules)
    try:
        status, head, answer = g.chat("Hello", headers={"x-weir-tier": "commodity"})
        assert status == 200 and head["x-weir-route"] == "eu/gpt-x", answer
        leaf = next(x for x in events(g, "req.intent") if x["req"] == head["x-request-id"])["decision"]
        assert len(leaf["candidates"]) == 63
        assert 50 < len(leaf["rules"]) < 100 and leaf["rules"] == ids[:len(leaf["rules"])]
        assert leaf["rules_cut"] == {"n": 900, "sha256": hashlib.sha256("".join(i + "\n" for i in ids).encode()).hexdigest()}
        assert leaf["tools_cut"]["n"] == 900 and "tools" not in leaf
        out = g.command("policy", "diff", os.path.join(g.folder, "policy.yaml"), os.path.join(g.folder, "policy.yaml"), "--log", g.audit).stdout.decode()
        assert "not_reproduced" not in out or "not_reproduced 0" in " ".join(out.replace(":", " ").split()), out
        assert g.verify()[0] == 0
    finally:
        g.kill()


# ---- weir check: dated tables, huge and odd files ----

PLAIN = """version: 1
default: { location: [on_premises] }
rules:
  - { id: eu, when: { data: [personal] }, location: [on_premises, EU], basis: [dpa] }
tests:
  - { text: "Mail anna@example.eu", expect: { data: [personal] } }
"""


def check(weir, folder, policy_text=PLAIN, tables=None, duties=None, *more):
    """(exit code, what it said, seconds) of weir check --policy."""
    args = [weir, "check", *more]
    for name, text in (("policy", policy_text), ("tables", tables), ("duties", duties)):
        if text is None:
            continue
        path = os.path.join(str(folder), name + ".yaml")
        with open(path, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        args += ["--" + name, path]
    start = time.monotonic()
    done = subprocess.run(args, capture_output=True, timeout=60, check=False)
    return done.returncode, (done.stdout + done.stderr).decode(), time.monotonic() - start


def test_a_dated_table_says_each_thing_once_and_nothing_of_tomorrow(weir, tmp_path):
    today = time.strftime("%Y-%m-%d", time.gmtime())
    good = TABLES.format(day=today, until="none")
    assert check(weir, tmp_path, PLAIN, good)[0] == 0
    row = f"  - {{ entity: Stand-in us, source: list, checked_on: {today}, valid_until: 2020-01-01 }}\n"
    code, said, _ = check(weir, tmp_path, PLAIN, good + row)
    assert code == 1 and 'a second listing of "Stand-in us"' in said, "which of the two would count?"
    for bad in ("9999-12-31", "2026-02-30", "2026-13-01", "0000-00-00", "2026-1-01", "26-01-01", "2026-01-01T00:00:00Z",
                "tomorrow", "''", "~", "[2026-01-01]"):
        code, said, _ = check(weir, tmp_path, PLAIN, TABLES.format(day=bad, until="none"))
        assert code == 1 and "checked_on" in said, (bad, said)
        code, said, _ = check(weir, tmp_path, PLAIN, TABLES.format(day=today, until=bad))
        assert (code == 0) if bad == "9999-12-31" else (code == 1 and "valid_until" in said), (bad, said)
        code, said, _ = check(weir, tmp_path, PLAIN, None, DUTIES.format(needs="dpia").replace(
            "checked_on: 2020-01-01", f"checked_on: {bad}"))
        assert code == 1 and "checked_on" in said, (bad, said)
    for country in ("ch", "UK", "EU", "EEA", "CHE", "on_premises", "XX", "''"):
        code, said, _ = check(weir, tmp_path, PLAIN, good.replace("- { country: US", f"- {{ country: {country}"))
        assert code == 1 and "country" in said, (country, said)
    missing = good.replace(", valid_until: none }\n", " }\n", 1)
    assert check(weir, tmp_path, PLAIN, missing)[0] == 1, "no last day is not for ever"


@pytest.mark.parametrize("day,holds", [("2027-01-31", True), ("2027-02-01", False), ("9999-12-31", False),
                                       ("2024-02-29", True)])
def test_the_last_day_holds_and_the_next_does_not(weir, tmp_path, day, holds):
    """Days are those of the clock in UTC; a policy's test states its own."""
    text = f"""version: 1
rules:
  - {{ id: all, when: {{ data: [none, personal] }}, location: [on_premises, EU, US], basis: [dpa, derogation, adequacy] }}
test_backends:
  - {{ name: dpa/x, location: [US], trains_on_data: false, transfer: {{ basis: dpa, reference: R, expires: 2027-01-31 }} }}
  - {{ name: der/x, location: [US], trains_on_data: false, transfer: {{ basis: derogation, reference: R, derogation: 49.1.a,
      approver: dpo, expires: 2027-01-31 }} }}
  - {{ name: der/no-end, location: [US], trains_on_data: false, transfer: {{ basis: derogation, reference: R,
      derogation: 49.1.a, approver: dpo }} }}
  - {{ name: der/nobody, location: [US], trains_on_data: false, transfer: {{ basis: derogation, reference: R,
      derogation: 49.1.a, expires: 2027-01-31 }} }}
  - {{ name: adq/x, location: [US], trains_on_data: false, transfer: {{ basis: adequacy, reference: R }} }}
tests:
  - {{ text: Hello, at: {day}, expect: {{ {'backend: dpa/x' if holds else 'outcome: deny'},
      refused: [{'' if holds else 'dpa/x, der/x, adq/x, '}der/no-end, der/nobody] }} }}
"""
    tables = TABLES.format(day="2026-01-01", until="none").replace("version: 1", "version: 1\nstale: "
                                                                  "{ refuse_after_days: 0 }").replace(
        "source: OJ, checked_on: 2026-01-01, valid_until: none", "source: OJ, checked_on: 2026-01-01, valid_until: "
        "2027-01-31")
    code, said, _ = check(weir, tmp_path, text, tables)
    assert code == 0, said


def test_a_huge_policy_is_checked_in_seconds_and_tells_each_thing_once(weir, tmp_path):
    tenants = ",".join(f"t{i}" for i in range(900))
    text = "version: 1\nrules:\n" + "".join(f"  - {{ id: r{i}, when: {{ tenant: [{tenants}] }}, location: [EU] }}\n"
                                             for i in range(100))
    code, said, took = check(weir, tmp_path, text)
    assert code == 0 and took < 20, took
    assert said.count("changes nothing") == 99, said[:2000]


ODD = {
    "aliases": b"version: 1\nrules: &a [ { id: x, deny: y } ]\ntests: *a\n",
    "a bomb": b"version: 1\na: &a [x,x]\nb: &b [*a,*a,*a]\nc: [*b,*b,*b]\n",
    "deep": b"version: 1\nrules: " + b"[" * 200000,
    "deep maps": b"version: 1\nrules: " + b"{a: " * 100000,
    "NUL": b"version: 1\nru\0les: []\n",
    "escaped NUL": b'version: 1\nrules: [ { id: "a\\0b", deny: x } ]\n',
    "tab": b"version: 1\nrules:\n\t- { id: a, deny: x }\n",
    "twice": b"version: 1\ndefault: { location: [EU] }\ndefault: { location: [US] }\n",
    "twice inside": b"version: 1\nrules: [ { id: a, deny: x, id: b } ]\n",
    "merge": b"version: 1\n<<: { default: { location: [EU] } }\n",
    "tag": b"version: !!str 1\n",
    "two documents": b"version: 1\n---\nversion: 1\n",
    "UTF-16": "version: 1\n".encode("utf-16"),
    "bad UTF-8": b"version: 1\nnotice: \xc0\xaf\n",
    "a list": b"- version: 1\n",
    "huge": b"version: 1\nnotice: " + b"x" * (2 << 20),
    "a huge number": b"version: 1\nrevision: 99999999999999999999\n",
    "hex": b"version: 0x1\n",
    "case": b"version: 1\ndefault: { location: [eu] }\n",
    "a use case in other case": b"version: 1\nRules: []\n",
    "an empty list": b"version: 1\nrules: [ { id: a, when: { data: [] }, deny: x } ]\n",
    "an empty expectation": b"version: 1\nrules: [ { id: a, deny: x } ]\ntests: [ { text: a, expect: { tools: {} } } ]\n",
    "nothing": b"",
    "comments": b"# only\n",
}


@pytest.mark.parametrize("what", ODD)
def test_odd_files_are_errors_with_a_place(weir, tmp_path, what):
    code, said, took = check(weir, tmp_path, ODD[what])
    assert code == 1 and took < 10, (code, said[:500])
    first = said.splitlines()[0]
    assert first.startswith(str(tmp_path)) and ("policy.yaml:" in first), first
    assert len(said) < 20000


def test_a_byte_order_mark_is_no_text(weir, tmp_path):
    code, said, _ = check(weir, tmp_path, b"\xef\xbb\xbf" + PLAIN.encode())
    assert code == 0, said


def test_a_denial_for_want_of_a_back_end_proves_nothing(weir, tmp_path):
    """A policy that lets everything out, and a test that says it does not."""
    text = """version: 1
rules: [ { id: open, when: { data: [none, personal] }, location: [on_premises, EU, US], basis: [dpa] } ]
"""
    for test in ("{ text: hello, expect: { outcome: deny } }", "{ text: x, backends: [], expect: { outcome: deny } }"):
        code, said, _ = check(weir, tmp_path, text + f"tests: [ {test} ]\n")
        assert code == 1 and "no back end to ask" in said, said
    for test in ("{ text: x, expect: { outcome: deny, rule: no-candidate } }",
                 "{ text: x, backends: [ { name: a/b, location: [CN], transfer: { basis: dpa, reference: R } } ], "
                 "expect: { outcome: deny, rule: open } }"):
        code, said, _ = check(weir, tmp_path, text + f"tests: [ {test} ]\n")
        assert code == 0, said


def test_a_policy_without_tests_is_told(weir, tmp_path):
    code, said, _ = check(weir, tmp_path, PLAIN.split("tests:")[0])
    assert code == 0 and "the policy has rules and no tests" in said
    assert "no tests" not in check(weir, tmp_path)[1]
    code, said, _ = check(weir, tmp_path, PLAIN.split("tests:")[0], None, None, "--coverage-min", "1")
    assert code == 1 and "0 of 1 rules" in said


def test_what_check_says_of_rules_is_so(weir):
    done = subprocess.run([sys.executable, os.path.join(harness.ROOT, "tests", "reference", "policy_lint.py"), "--weir",
                           weir, "--policies", os.environ.get("WEIR_LINT_POLICIES", "120"), "--seed", "5"],
                          capture_output=True, check=False)
    count = json.loads(done.stdout)
    assert done.returncode == 0 and count["wrong"] == 0, done.stderr.decode()[:3000]
    assert count["nothing"] > 10 and count["never"] > 3


# ---- registers made from the log ----

NASTY = '=HYPERLINK(\\"http://x\\") <script>alert(1)</script> | a,b \\u009b31m \\u202e'


def rows(g, report, table):
    out = g.command("audit", "export", g.audit, "--report", report, "--format", "jsonl").stdout.decode()
    return [r for r in map(json.loads, out.splitlines()) if r.get("table", "").startswith(table)]


def test_registers_agree_with_the_log_and_carry_no_code(tmp_path, weir, eu, us):
    """What changed between two configurations is two lines, never one with either's word; what a policy's texts
    hold is text in every format."""
    text = harness.POLICY.replace("purpose: customer support", f'purpose: "{NASTY}"')
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING, policy=text)
    try:
        for n, days in ((3, "1"), (2, "30")):
            with open(g.config, encoding="utf-8") as f:
                conf = f.read()
            with open(g.config, "w", encoding="utf-8") as f:
                f.write(conf.replace("retention_days: 0" if n == 3 else "retention_days: 1", f"retention_days: {days}").replace(
                    "      transfer: { basis: dpf", "      sub_processors: [ { name: Cloud AG, location: [US, DE] } ]\n"
                    "      transfer: { basis: dpf", n == 3))
            reload(g)
            for _ in range(n):
                assert g.chat("Hello", headers={"x-weir-use-case": "support"}, max_tokens=2)[0] == 200
        assert g.chat("Mail anna@example.eu", model="eu/gpt-x", max_tokens=2)[0] == 200
        assert g.chat("Mail anna@example.eu", model="us/claude-x", max_tokens=2)[0] == 403
        intents = events(g, "req.intent")
        for report, table in (("article30", "Transfers"), ("transfers", "Recipients"), ("dpia", "Recipients")):
            got = {(r["backend"], r["retention_days"]): r["requests"] for r in rows(g, report, table)}
            want = {}
            for x in intents:
                if "to" in x and (report == "dpia" or x["to"]["location"] != ["EU"]):
                    k = x["to"]["backend"], x["to"]["retention_days"]
                    want[k] = want.get(k, 0) + 1
            assert got == want and len([k for k in want if k[0] == "us"]) == 2, (report, got, want)
        for report in ("article30", "transfers"):
            subs = rows(g, report, "Sub-processors")
            assert [(r["backend"], r["sub_processor"], r["places"]) for r in subs] == [("us", "Cloud AG", "US DE")], subs
        act = {r["activity"]: r for r in rows(g, "article30", "Processing")}
        assert act["support"]["requests"] == 5 and act["(none declared)"]["requests"] == 2
        assert [r["requests"] for r in rows(g, "dpia", "Measures: requests refused")] == [1]
        left = rows(g, "dpia", "Residual risk: personal data that may have left without")
        assert left == [], left
        for report in ("article30",):
            for form in ("html", "csv", "text"):
                out = g.command("audit", "export", g.audit, "--report", report, "--format", form).stdout.decode()
                assert "<script" not in out or form != "html"
                assert "\x9b" not in out or form != "text", "an escape sequence of the second control set"
                assert form != "csv" or ',"=HYPER' not in out
                assert form != "text" or "\u202e" not in out
    finally:
        g.kill()


def test_a_reason_is_one_line_of_text(gw):
    admin = gw.new_key("admin", role="admin")
    harness.wait_for("the key", lambda: gw.request("GET", "/admin/v1/kill", key=admin, port=gw.admin_port)[0] == 200, 15)
    for reason in ("a\x1b[2Jb", "two\nlines", "\u009b31m", "x" * 401, "\x7f"):
        done = policy(gw, "kill", "--backend", "us", "--reason", reason, check=False)
        assert done.returncode == 2 and off(gw) == set(), reason
        status, _, _ = gw.request("POST", "/admin/v1/kill", {"backend": "us", "reason": reason}, key=admin,
                                  port=gw.admin_port)
        assert status == 400 and off(gw) == set(), reason


# ---- held answers ----

HELD = """version: 1
default: { location: [on_premises, EU] }
use_cases: [ { id: hiring, purpose: h, ai_act: annex3.4, human_review: hold } ]
rules: [ { id: o, when: { data: [none, personal] }, location: [on_premises, EU, US], basis: [dpa, dpf] } ]
"""


def test_held_answers_are_their_tenants_and_one_verdict_counts(tmp_path, weir, eu, us):
    g = harness.Gateway(str(tmp_path / "gw"), weir, backends=backends(eu, us), routing=ROUTING, policy=HELD)
    try:
        admin = g.new_key("admin", role="admin")
        other = g.command("key", "new", "-c", g.config, "--tenant", "else", "--name", "o").stdout.decode().strip()

        def ask(method, path, body=None, key=admin):
            return g.request(method, "/admin/v1/reviews" + path, body, key=key, port=g.admin_port)[0]

        def fetch(review, key=None):
            body = {"model": "auto", "messages": [{"role": "user", "content": "x"}]}
            status, _, raw = g.request("POST", "/v1/chat/completions", body, {"x-weir-review": review}, key=key)
            return status, json.loads(raw).get("error", {}).get("code")
        harness.wait_for("the keys", lambda: ask("GET", "") == 200 and g.get("/v1/models", key=other)[0] == 200, 15)
        head = g.chat("question", headers={"x-weir-use-case": "hiring"})[1]
        review = head["x-weir-review"]
        assert fetch(review) == (403, "review_pending") and fetch(review, other) == (404, "unknown_review")
        assert [ask(m, "/" + review, {"verdict": "approve"}, g.key) for m in ("GET", "POST")] == [401, 401]
        for bad in (b"", b"[]", b'{"verdict":"approve","verdict":"reject"}', {"verdict": "APPROVE"}, {"verdict": "reject"},
                    {"verdict": ["approve"]}, {"verdict": "approve", "reason": "x" * 100000}, b"\xff"):
            assert ask("POST", "/" + review, bad) == 400, bad
        for path in (review.upper(), review + "/", review[:-1], "a" * 5000, "%2e%2e/kill", "/" + review):
            assert ask("GET", "/" + path) == 404, path
        got, threads = [], []
        for word in ["approve", "reject"] * 6:
            threads.append(threading.Thread(target=lambda w=word: got.append(
                ask("POST", "/" + review, {"verdict": w, "reason": "r"}))))
            threads[-1].start()
        for t in threads:
            t.join()
        assert sorted(got) == [200] + [409] * 11
        verdicts = [x["ev"] for x in g.leaves() if x["ev"] in ("review.approved", "review.rejected")]
        assert len(verdicts) == 1 and fetch(review, other)[0] == 404
        if verdicts == ["review.rejected"]:
            head = g.chat("question", headers={"x-weir-use-case": "hiring"})[1]
            review = head["x-weir-review"]
            assert ask("POST", "/" + review, {"verdict": "approve"}) == 200
        policy(g, "kill", "--use-case", "hiring", "--reason", "complaint")
        harness.wait_for("the switch", lambda: g.chat("x", headers={"x-weir-use-case": "hiring"})[2]["error"]["code"]
                         == "kill-switch", 10)
        assert fetch(review) == (403, "kill-switch"), "an approved answer of it, too"
        policy(g, "revive", "--use-case", "hiring", "--reason", "settled")
        harness.wait_for("the way back", lambda: fetch(review)[0] == 200, 10)
    finally:
        g.kill()


def test_facts_that_do_not_fit_are_refused(weir, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(PLAIN)
    for residency in ({"retention_days": 4294967296}, {"retention_days": -1}, {"retention_days": "0"}, {"location": "EU"},
                      {"location": ["eu"]}, {"trains_on_data": "no"}, {"transfer": {"basis": "dpa", "expires": "soon"}},
                      {"transfer": {"basis": "DPA"}}, {"unknown": 1}, []):
        facts = {"today": "2026-11-22", "candidates": [{"backend": "b/x", "residency": dict({"location": ["EU"]}, **residency)
                                                        if residency else residency}]}
        for text in (json.dumps(facts), json.dumps(facts)[:-1], json.dumps(dict(facts, today="2026-02-30"))):
            done = subprocess.run([weir, "policy", "eval", "--policy", str(path)], input=text.encode(),
                                  capture_output=True, check=False)
            assert done.returncode == 2 and b"line 1" in done.stderr and not done.stdout, (residency, done)


def test_a_line_of_facts_without_end_is_one_error(weir, tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(PLAIN)
    good = json.dumps({"id": 7, "today": "2026-11-22", "candidates": [{"backend": "local/m"}]}).encode()
    done = subprocess.run([weir, "policy", "eval", "--policy", str(path)], capture_output=True, check=False,
                          input=good + b"\n" + b"[" * (40 << 20) + b"\n\n" + good)
    assert done.returncode == 2 and b"line 2 is no JSON object" in done.stderr
    assert [json.loads(x)["id"] for x in done.stdout.splitlines()] == [7, 7]


# ---- people on a list ----

def test_a_fallback_is_decided_by_the_lists_of_its_own_time(gw, eu, us):
    """An objection that arrives while the first back end is being waited for: the second gets nothing."""
    before, got = len(eu.received()), []
    ask = threading.Thread(target=lambda: got.append(gw.chat(
        "[[standin: delay=2,status=500]] Write to KD-2024-00817", headers={"x-weir-tier": "hard"})))
    ask.start()
    time.sleep(0.7)
    gw.command("rights", "add", "-c", gw.config, "--list", "restricted", "--reason", "x", "--approver", "dpo",
               stdin=b"KD-2024-00817")
    ask.join()
    assert len(eu.received()) == before, "it went to the next one"
    assert got[0][0] != 200 and not events(gw, "req.fallback"), got
    assert gw.chat("[[standin: delay=1,status=500]] Write to KD-2024-00818", headers={"x-weir-tier": "hard"})[0] != 403
    assert len(eu.received()) == before + 1 and events(gw, "req.fallback"), "others fall back as before"
