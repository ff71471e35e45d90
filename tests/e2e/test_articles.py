"""Goal: what docs/compliance.md says Weir does for an article, it does.

One test an article (or point); each name says which. Decisions that need no gateway are taken by `weir policy eval`
on facts; the rest goes through a gateway between stand-ins, with the tables that ship, and the oracle is what the
stand-ins received and what the log holds. Dates are those of conf/duties.yaml and conf/adequacy.yaml.
"""
import datetime
import json
import os
import signal
import subprocess
import time

import harness
import pytest
import yaml

LAW = ["--tables", os.path.join(harness.ROOT, "conf", "adequacy.yaml"), "--duties",
       os.path.join(harness.ROOT, "conf", "duties.yaml")]
HOME = {"backend": "home/x", "residency": {"location": ["on_premises"]}}


def remote(location="EU", basis="dpa", **more):
    transfer = {"basis": basis, "reference": "REF-1", **more.pop("transfer", {})}
    return {"backend": f"{location.lower()}/x",
            "residency": {"location": [location], "trains_on_data": False, "transfer": transfer, **more}}


@pytest.fixture
def decide(weir, tmp_path):
    """decide(policy text, facts...) -> the decision."""
    def run(policy, **facts):
        path = str(tmp_path / "p.yaml")
        with open(path, "w", encoding="utf-8") as f:
            f.write("version: 1\n" + policy)
        facts = {"today": "2026-11-22", "candidates": [remote(), HOME], **facts}
        done = subprocess.run([weir, "policy", "eval", "--policy", path, *LAW], capture_output=True, check=False,
                              input=(json.dumps(facts) + "\n").encode())
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)["decision"]
    return run


WIDE = "default: { location: [on_premises, EEA, US, CH, CA, GB] }\n"


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, model, eu, us):
    policy = harness.POLICY.replace(
        "  - { id: social-scoring,",
        "  - { id: scoring, purpose: scoring, legal_basis: 6.1.f, obligations: [label-decision] }\n"
        "  - { id: hiring, purpose: screening, legal_basis: 6.1.b, ai_act: annex3.4, decides: true, human_review: required }\n"
        "  - { id: social-scoring,")
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, model=model, policy=policy, start=False,
                        backends=[harness.backend("eu", eu, "EU"), harness.backend("us", us, "US", basis="dpf", reference="DPF-1",
                                                                                 models=("claude-x",))],
                        routing="  commodity: [local/home]\n  hard: [us/claude-x, eu/gpt-x]\n  threshold: 0.5\n"
                                "  when_hard_is_denied: local")
    with open(LAW[1], encoding="utf-8") as f:
        g.tables = f.read().replace("dpf_listed: []", "dpf_listed:\n  - { entity: Stand-in us, source: test, checked_on: 2026-11-21, "
                                    "valid_until: none }").replace("refuse_after_days: 365", "refuse_after_days: 0")
    g.tables_path = os.path.join(g.folder, "adequacy.yaml")
    with open(g.tables_path, "w", encoding="utf-8") as f:
        f.write(g.tables)
    with open(g.config, "a", encoding="utf-8") as f:
        f.write(f"transfer_tables: adequacy.yaml\nduties: {LAW[3]}\n")
    g.key = g.new_key("tests")
    g.start()
    yield g
    g.kill()


def hard(g, text, **headers):
    return g.chat(text, headers={"x-weir-tier": "hard", **headers}, max_tokens=4)


def intent(g, head):
    return next(x for x in g.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])


def in_a_second(what, check):
    """Waits; with WEIR_TIMED=1 (a quiet machine) no longer than a second."""
    start = time.monotonic()
    harness.wait_for(what, check, 15, 0.02)
    took = time.monotonic() - start
    print(f"{what}: {took * 1000:.0f} ms")
    assert took < 1.0 or not os.environ.get("WEIR_TIMED")


# ---- GDPR ----

def test_gdpr_art_4_5_what_leaves_is_pseudonymised_and_the_key_stays(gw, eu):
    before = len(eu.received())
    status, head, answer = gw.chat("Repeat: anna@example.eu", model="eu/gpt-x")
    assert status == 200 and "anna@example.eu" in answer["choices"][0]["message"]["content"]
    assert head["x-weir-redacted"] == "EMAIL=1"
    for r in eu.received()[before:]:
        assert "anna@example.eu" not in json.dumps(r["body"])
    assert "anna@example.eu" not in json.dumps(gw.leaves())


def test_gdpr_art_5_1_a_no_request_without_a_registered_purpose(decide):
    policy = WIDE + "require: [use_case, purpose]\nuse_cases: [ { id: a, legal_basis: 6.1.f }, { id: b, purpose: p } ]\n"
    assert decide(policy)["code"] == "no-use-case"
    assert decide(policy, use_case="a")["code"] == "no-purpose"
    assert decide(policy, use_case="b")["outcome"] == "route"


def test_gdpr_art_5_1_b_a_purpose_reaches_only_its_providers(decide):
    policy = WIDE + ("use_cases: [ { id: a, purpose: p }, { id: b, purpose: q } ]\n"
                     "rules: [ { id: a-home, when: { use_case: [a] }, location: [on_premises] } ]\n")
    assert decide(policy, use_case="a")["route"] == "home/x"
    assert decide(policy, use_case="b")["route"] == "eu/x"


def test_gdpr_art_5_1_c_only_what_is_needed_leaves(gw, eu):
    before = len(eu.received())
    assert gw.chat("hello", model="eu/gpt-x", headers={"x-canary": "c-4711", "cookie": "s=c-4711", "x-weir-subject": "c-4711",
                                                      "referer": "https://intranet.example/c-4711"})[0] == 200
    sent = eu.received()[before:]
    assert len(sent) == 1 and "c-4711" not in json.dumps(sent[0])


def test_gdpr_art_5_2_a_recorded_decision_can_be_taken_again_offline(gw, weir, tmp_path):
    head = hard(gw, "Mail bob@example.eu about it")[1]
    leaf = intent(gw, head)
    backends = {x["backend"]: x["residency"] for x in gw.leaves() if x["ev"] == "conf.backend" and x["conf"] == leaf["conf"]}
    d = leaf["decision"]
    facts = {k: leaf["facts"][k] for k in ("today", "found", "declared", "unscannable", "pinned", "unavailable")}
    facts.update(tier=d["tier"], task=d["task"], findings=d["findings"], tenant=leaf["tenant"], use_case=d["use_case"],
                 candidates=[{"backend": c["backend"]} if c["backend"].startswith("local/") else
                             {"backend": c["backend"], "residency": backends[c["backend"].split("/")[0]]}
                             for c in d["candidates"]])
    out = gw.command("policy", "eval", "--policy", os.path.join(gw.folder, "policy.yaml"), "--tables", gw.tables_path,
                     "--duties", LAW[3], "--tree", stdin=(json.dumps(facts) + "\n").encode()).stdout
    again = json.loads(out)
    for k in ("outcome", "route", "policy", "tables", "duties", "data", "rules", "redact", "obligations", "candidates", "reason"):
        assert again["decision"][k] == d[k], k
    steps = {s["check"]: s for c in again["tree"]["candidates"] for s in c["steps"] if not s["ok"]}
    assert steps, "why the first choice was refused"


def test_gdpr_art_6_1_no_legal_basis_no_answer(decide):
    policy = WIDE + "require: [legal_basis]\nuse_cases: [ { id: a, purpose: p }, { id: b, legal_basis: 6.1.a } ]\n"
    assert decide(policy, use_case="a")["code"] == "no-legal-basis"
    assert decide(policy, use_case="b")["outcome"] == "route"


def test_gdpr_art_9_special_categories_stay_unless_an_exception_is_stated(decide, gw, eu, us):
    policy = WIDE + ("require: [exception]\nuse_cases: [ { id: a }, { id: b, exceptions: [9.2.h] } ]\n"
                     "rules: [ { id: s, when: { data: [special, personal] }, location: [on_premises, EU] } ]\n")
    assert decide(policy, use_case="a", found=["special"])["route"] == "home/x"
    assert decide(policy, use_case="b", found=["special"])["route"] == "eu/x"
    assert decide(policy, use_case="b", found=["criminal"])["route"] == "home/x", "Art. 10 is another matter"
    before = (len(eu.received()), len(us.received()))
    assert hard(gw, "My colleague Jan was diagnosed with HIV last year, draft a letter.")[1]["x-weir-route"] == "local/home"
    assert (len(eu.received()), len(us.received())) == before
    assert hard(gw, "How does HIV infect a cell?")[1]["x-weir-route"] == "us/claude-x", "a topic is no statement about a person"


def test_gdpr_art_10_data_about_crimes_stay(decide):
    policy = WIDE + ("require: [exception]\nuse_cases: [ { id: a, exceptions: [9.2.h] }, { id: b, exceptions: [10] } ]\n"
                     "rules: [ { id: s, when: { data: [criminal, personal] }, location: [on_premises, EU] } ]\n")
    assert decide(policy, use_case="a", found=["criminal"])["route"] == "home/x"
    assert decide(policy, use_case="b", found=["criminal"])["route"] == "eu/x"


def test_gdpr_art_22_decisions_about_people_are_put_before_a_person(decide, gw):
    policy = WIDE + "use_cases: [ { id: a, decides: true }, { id: b } ]\n"
    assert "human-review" in decide(policy, use_case="a")["obligations"]
    assert "human-review" not in decide(policy, use_case="b")["obligations"]
    head = gw.chat("Rate this application", headers={"x-weir-use-case": "hiring"}, max_tokens=2)[1]
    assert "human-review" in intent(gw, head)["decision"]["obligations"]


def test_gdpr_art_25_an_empty_policy_keeps_everything_at_home(decide):
    for facts in ({}, {"found": ["personal"]}, {"tier": "hard"}):
        assert decide("", **facts)["route"] == "home/x"
    assert decide("", candidates=[remote()])["outcome"] == "deny"


def test_gdpr_art_28_no_contract_no_route_nor_behind_a_sub_processor(decide):
    assert decide(WIDE, candidates=[remote(transfer={"expires": "2026-11-22"})])["outcome"] == "route", "its last day"
    late = decide(WIDE, candidates=[remote(transfer={"expires": "2026-11-21"}), HOME])
    assert late["route"] == "home/x" and late["candidates"][0]["reason"] == "transfer basis expired 2026-11-21"
    assert decide(WIDE, candidates=[remote(transfer={"reference": ""})])["outcome"] == "deny"
    eu_only = "default: { location: [on_premises, EU] }\n"
    behind = remote(sub_processors=[{"name": "Elsewhere Inc", "location": ["US"]}])
    assert "sub-processor Elsewhere Inc" in decide(eu_only, candidates=[behind, HOME])["candidates"][0]["reason"]
    listed = eu_only + "rules: [ { id: l, backend: { sub_processors: [Known GmbH] } } ]\n"
    known = remote(sub_processors=[{"name": "Known GmbH", "location": ["DE"]}])
    assert decide(listed, candidates=[known])["outcome"] == "route"
    assert decide(listed, candidates=[remote(sub_processors=[{"name": "New GmbH", "location": ["DE"]}])])["outcome"] == "deny"


def test_gdpr_art_29_a_decision_names_the_instruction_it_followed(gw):
    head = gw.chat("hello", max_tokens=2)[1]
    d = intent(gw, head)["decision"]
    assert d["policy"] == head["x-weir-policy"] and d["policy"].startswith("sha256:")
    assert d["tables"].startswith("sha256:") and d["duties"].startswith("sha256:")


def test_gdpr_art_32_secrets_never_leave(gw, eu, us):
    before = (len(eu.received()), len(us.received()))
    assert hard(gw, "why is AKIAIOSFODNN7EXAMPLQ refused?")[1]["x-weir-route"] == "local/home"
    assert (len(eu.received()), len(us.received())) == before


def test_gdpr_art_35_a_high_risk_needs_its_assessment(decide):
    policy = WIDE + "use_cases: [ { id: a, high_risk: true }, { id: b, high_risk: true, references: { dpia: D-1 } } ]\n"
    refused = decide(policy, use_case="a")
    assert refused["code"] == "gdpr-35-1" and "applies from 2018-05-25" in refused["reason"]
    assert decide(policy, use_case="b")["outcome"] == "route"


def test_gdpr_art_44_no_silent_detour_abroad(gw, eu, us):
    before = len(us.received())
    eu.kill()
    try:
        status, head, _ = hard(gw, "Mail carol@example.eu about it")
        assert status == 200 and head["x-weir-route"] == "local/home" and len(us.received()) == before
    finally:
        eu.start()


def test_gdpr_art_45_a_decision_that_falls_stops_its_routes_within_a_second(gw, us):
    assert hard(gw, "Compare two empires")[1]["x-weir-route"] == "us/claude-x"
    without = gw.tables[:gw.tables.index("\ndpf: {")] + "\ndpf_listed: []\n"
    try:
        with open(gw.tables_path, "w", encoding="utf-8") as f:
            f.write(without)
        gw.process.send_signal(signal.SIGHUP)
        in_a_second("the reload", lambda: hard(gw, "Compare two empires")[1]["x-weir-route"] == "eu/gpt-x")
        before = len(us.received())
        status, _, answer = gw.chat("Compare", model="us/claude-x")
        assert status == 403 and "no dpf decision" in answer["error"]["message"] and len(us.received()) == before
    finally:
        with open(gw.tables_path, "w", encoding="utf-8") as f:
            f.write(gw.tables)
        gw.process.send_signal(signal.SIGHUP)
        harness.wait_for("the way back", lambda: hard(gw, "Compare two empires")[1]["x-weir-route"] == "us/claude-x", 15, 0.05)


def test_gdpr_art_45_countries_scopes_dates_and_listings(decide):
    def why(location, basis="adequacy", today="2026-11-22", **more):
        d = decide(WIDE, today=today, candidates=[remote(location, basis, **more)])
        return "" if d["outcome"] == "route" else d["candidates"][0]["reason"]
    assert why("CH") == "" and why("EU") == ""
    assert "no adequacy decision for US" in why("US")
    assert "covers only organisations under PIPEDA" in why("CA") and why("CA", transfer={"scope": "s. 4"}) == ""
    assert why("GB") == "" and "more than 365 days ago" in why("CH", today="2027-11-22")
    assert "has no dpf listing" in why("US", "dpf", entity="Somebody Inc")
    assert "no entity is stated" in why("US", "dpf")


def test_gdpr_art_46_safeguards_need_their_assessment(decide):
    policy = WIDE + "rules: [ { id: tia, backend: { assessment: true } } ]\n"
    assert decide(policy, candidates=[remote("US", "scc")])["code"] == "tia"
    assert decide(policy, candidates=[remote("US", "scc", transfer={"assessment": "TIA-1"})])["outcome"] == "route"


def test_gdpr_art_49_a_derogation_is_off_unless_named_approved_and_ending(decide):
    full = {"derogation": "49.1.c", "approver": "dpo", "expires": "2026-12-31"}
    named = WIDE + "rules: [ { id: n, basis: [dpa, derogation] } ]\n"
    assert decide(WIDE, candidates=[remote("US", "derogation", transfer=full)])["outcome"] == "deny"
    assert decide(named, candidates=[remote("US", "derogation", transfer=full)])["outcome"] == "route"
    for missing in full:
        less = {k: v for k, v in full.items() if k != missing}
        assert decide(named, candidates=[remote("US", "derogation", transfer=less)])["outcome"] == "deny", missing
    assert decide(named, today="2027-01-01", candidates=[remote("US", "derogation", transfer=full)])["outcome"] == "deny"


# ---- AI Act ----

def test_ai_act_art_5_prohibited_uses_are_refused_and_no_date_is_claimed_early(decide):
    policy = WIDE + "use_cases: [ { id: score, ai_act: prohibited.5.1.c }, { id: fake, ai_act: prohibited.5.1.ba } ]\n"
    d = decide(policy, use_case="score")
    assert d["code"] == "ai-act-prohibited" and "Art. 5(1)(c), which applies from 2025-02-02" in d["reason"]
    assert "Art. 5(1)(ba), which will apply from 2026-12-02" in decide(policy, use_case="fake", today="2026-12-01")["reason"]
    assert "Art. 5(1)(ba), which applies from 2026-12-02" in decide(policy, use_case="fake", today="2026-12-02")["reason"]


def test_ai_act_art_6_classes_are_known_and_profiling_is_always_high_risk(weir, tmp_path):
    import subprocess
    path = str(tmp_path / "p.yaml")
    with open(path, "w", encoding="utf-8") as f:
        f.write("version: 1\nuse_cases:\n  - { id: a, ai_act: annexe3.4 }\n"
                "  - { id: b, ai_act: annex3.4, not_high_risk: 6.3.a, profiling: true }\n")
    said = subprocess.run([weir, "check", "--policy", path], capture_output=True, check=False).stdout.decode()
    assert "no class of the AI Act" in said and "always high-risk" in said


def test_ai_act_art_12_a_record_holds_who_what_why_and_which_version(gw):
    head = hard(gw, "What is a monad?", **{"x-weir-use-case": "support"})[1]
    leaf = intent(gw, head)
    outcome = next(x for x in gw.leaves() if x["ev"] == "req.outcome" and x["req"] == head["x-request-id"])
    assert leaf["t"] < outcome["t"] and leaf["key"] and leaf["tenant"] == "acme" and leaf["use"]["purpose"] == "customer support"
    assert leaf["decision"]["reason"] and leaf["decision"]["policy"] and leaf["conf"] and outcome["route"] == head["x-weir-route"]


def test_ai_act_art_14_a_person_can_stop_it(gw):
    gw.command("policy", "kill", "-c", gw.config, "--model", "us/claude-x", "--reason", "oversight")
    in_a_second("the stop", lambda: hard(gw, "Compare")[1]["x-weir-route"] != "us/claude-x")
    gw.command("policy", "revive", "-c", gw.config, "--model", "us/claude-x", "--reason", "looked at")
    harness.wait_for("the way back", lambda: hard(gw, "Compare")[1]["x-weir-route"] == "us/claude-x", 15, 0.02)


def test_ai_act_art_26_2_oversight_becomes_an_obligation_on_its_day(decide):
    policy = WIDE + "use_cases: [ { id: a, ai_act: annex3.4 } ]\n"
    assert decide(policy, use_case="a", today="2027-12-01")["obligations"] == []
    assert decide(policy, use_case="a", today="2027-12-02")["obligations"] == ["human-review"]


def test_ai_act_art_26_5_a_use_case_is_suspended_and_taken_up_again(gw):
    def code():
        return gw.chat("hello", headers={"x-weir-use-case": "support"}, max_tokens=2)[0]
    assert code() == 200
    gw.command("policy", "kill", "-c", gw.config, "--use-case", "support", "--reason", "serious incident")
    in_a_second("the suspension", lambda: code() == 403)
    gw.command("policy", "revive", "-c", gw.config, "--use-case", "support", "--reason", "looked at")
    harness.wait_for("the way back", lambda: code() == 200, 15, 0.02)


def test_ai_act_art_26_7_staff_are_told_first_from_its_day(decide):
    policy = WIDE + "use_cases: [ { id: a, ai_act: annex3.4, workplace: true } ]\n"
    assert decide(policy, use_case="a", today="2027-12-01")["outcome"] == "route"
    assert decide(policy, use_case="a", today="2027-12-02")["code"] == "ai-act-26-7"
    told = policy.replace("workplace: true", "workplace: true, references: { worker_notice: BR-1 }")
    assert decide(told, use_case="a", today="2027-12-02")["outcome"] == "route"


def test_ai_act_art_26_11_people_decided_about_are_told_from_its_day(decide, gw):
    policy = WIDE + "use_cases: [ { id: a, ai_act: annex3.4, decides: true }, { id: b, ai_act: annex3.4 } ]\n"
    for use, day, owed in (("a", "2027-12-01", False), ("a", "2027-12-02", True), ("b", "2027-12-02", False)):
        assert ("label-decision" in decide(policy, use_case=use, today=day)["obligations"]) is owed, (use, day)
    for stream in (False, True):
        head = gw.chat("hello", stream=stream, max_tokens=2, headers={"x-weir-use-case": "scoring"})[1]
        assert head["x-weir-ai-assisted-decision"] == "1" and "label-decision" in head["x-weir-obligations"]
    assert "x-weir-ai-assisted-decision" not in gw.chat("hello", max_tokens=2)[1]


def test_ai_act_art_27_the_rights_assessment_is_asked_of_whom_it_concerns_from_its_day(decide):
    case = "use_cases: [ { id: a, ai_act: annex3.5a }, { id: b, ai_act: annex3.5b }, { id: c, ai_act: annex3.2 } ]\n"
    public, private = WIDE + "organisation: [public_body]\n" + case, WIDE + case
    for policy, use, owed in ((public, "a", True), (private, "a", False), (private, "b", True), (public, "c", False)):
        assert decide(policy, use_case=use, today="2027-12-01")["outcome"] == "route"
        d = decide(policy, use_case=use, today="2027-12-02")
        assert (d.get("code") or "").startswith("ai-act-27-1") is owed, (use, d)


def test_ai_act_art_50_1_and_2_answers_are_marked(decide, gw):
    policy = WIDE + "use_cases: [ { id: a, ai_act: limited } ]\n"
    assert decide(policy, use_case="a")["obligations"] == ["label-output"]
    for stream in (False, True):
        assert gw.chat("hello", stream=stream, max_tokens=2)[1]["x-weir-ai-generated"] == "1"


def test_ai_act_art_50_4_published_text_is_labelled_unless_somebody_approves_it(decide):
    case = "use_cases: [ {{ id: a, publishes: true{} }} ]\n"
    for more, day, labelled in (("", "2026-08-01", False), ("", "2026-08-02", True), (", human_review: required", "2026-08-02", True),
                                (", human_review: hold", "2026-08-02", False), (", obligations: [human-review]", "2026-08-02", False)):
        d = decide(WIDE + case.format(more), use_case="a", today=day)
        assert ("label-output" in d["obligations"]) is labelled, (more, day, d)


with open(LAW[3], encoding="utf-8") as duties_file:
    DUTIES = yaml.safe_load(duties_file)["duties"]


@pytest.mark.parametrize("duty", DUTIES, ids=[d["id"] for d in DUTIES])
def test_ai_act_art_113_and_gdpr_art_99_each_duty_counts_from_its_day_and_not_a_day_earlier(weir, tmp_path, duty):
    ai_act = {"annex3": "annex3.4"}.get((duty.get("ai_act") or ["minimal"])[0], (duty.get("ai_act") or ["minimal"])[0])
    case = {"id": "u", "ai_act": ai_act, **{k: True for k in ("workplace", "high_risk", "decides", "publishes") if duty.get(k)}}
    policy = {"version": 1, "organisation": duty.get("organisation") or [], "use_cases": [case]}
    (tmp_path / "p.yaml").write_text(json.dumps(policy))
    (tmp_path / "d.yaml").write_text(json.dumps({"version": 1, "duties": [{k: str(v) if k.endswith(("_from", "_on")) else v
                                                                          for k, v in duty.items()}]}))
    day = datetime.date.fromisoformat(str(duty["applies_from"]))

    def decided(when):
        facts = {"today": when.isoformat(), "use_case": "u", "candidates": [HOME]}
        done = subprocess.run([weir, "policy", "eval", "--policy", str(tmp_path / "p.yaml"), "--duties", str(tmp_path / "d.yaml")],
                              capture_output=True, check=False, input=(json.dumps(facts) + "\n").encode())
        assert done.returncode == 0, done.stderr.decode()
        return json.loads(done.stdout)["decision"]
    before, after = decided(day - datetime.timedelta(days=1)), decided(day)
    words = {"human_review": "human-review", "label": "label-output", "decision_label": "label-decision", "label_or_review": "label-output"}
    if duty["needs"] in ("dpia", "fria", "worker_notice"):
        assert before["outcome"] == "route" and after["code"] == duty["id"]
    elif duty["needs"] == "never":
        assert f"will apply from {day}" in before["reason"] and f"applies from {day}" in after["reason"]
    else:
        assert words[duty["needs"]] not in before["obligations"] or ai_act == "limited"
        assert words[duty["needs"]] in after["obligations"]
