"""Random policies and facts through both evaluators: `weir policy eval` and policy_eval.py must agree.

    policy_diff.py --weir build/weir [--pairs 20000] [--per-policy 250] [--seed 1]

Prints one JSON line: {"pairs","policies","differences","routed","left","denied","limited","beyond",
"seconds"}; ends 1 on a
difference, after showing the first. Policies are written as JSON, which is YAML.
"""
import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import policy_eval  # noqa: E402

CLASSES = ["none", "personal", "special", "criminal", "secret"]
TYPES = ["EMAIL", "IBAN", "PHONE", "SECRET", "SPECIAL_HEALTH", "SPECIAL_CRIMINAL", "ORG"]
PLACES = ["on_premises", "EU", "EEA", "US", "DE", "FR", "NO", "CH", "CA", "GB"]
BASES = ["none", "dpa", "adequacy", "dpf", "scc", "bcr", "derogation"]
AI_ACT = ["minimal", "limited", "annex3.4", "annex3.5", "annex3.5b", "annex1", "prohibited.5.1.b", "prohibited.5.1.ba",
          "prohibited"]
USES = ["support", "hiring", "clinic"]
DATES = ["2025-02-01", "2026-08-02", "2026-11-21", "2026-11-22", "2026-11-23", "2027-12-01", "2027-12-02", "2031-12-28"]
TOOLS = ["search", "search_web", "shell", "x", ""]
OBLIGATIONS = ["label-output", "label-decision", "notice", "provenance", "watermark", "human-review"]
R = random.Random()


def some(words, low, high):
    return R.sample(words, R.randint(low, min(high, len(words))))


def perhaps(out, key, p, make):
    if R.random() < p:
        out[key] = make()


def handling(out, p):
    perhaps(out, "tools", p, lambda: {k: v for k, v in (
        ("allow", some(["search*", "*", "s?e*", "x"], 0, 2)),
        ("deny", some(["shell", "*web", "?"], 1, 2))) if R.random() < 0.7} or {"deny": ["shell"]})
    perhaps(out, "answers", p, lambda: R.choice(policy_eval.ANSWERS[1:]))
    perhaps(out, "obligations", p, lambda: some(OBLIGATIONS, 1, 2))
    perhaps(out, "limits", p, limits)
    perhaps(out, "retention", p, lambda: R.choice(["short", "long", "other"]))


def limits():
    out = {}
    perhaps(out, "output_tokens", 0.5, lambda: R.choice([100, 512, 4096]))
    perhaps(out, "temperature", 0.5, lambda: R.choice([0, 0.2, 0.7, 1, 1.5, [0.1, 0.7], [1.1, 1.4], [0.3, 0.3]]))
    perhaps(out, "top_p", 0.3, lambda: R.choice([0.1, 0.9, 1, [0.5, 1], [0.123456, 0.95]]))
    perhaps(out, "effort", 0.3, lambda: R.choice(policy_eval.EFFORTS))
    perhaps(out, "input_bytes", 0.15, lambda: R.choice([10, 1000, 100000]))
    perhaps(out, "models", 0.15, lambda: some(["local/*", "b?/x", "b1/x", "b*", "local/m0"], 1, 2))
    if not out:
        out["output_tokens"] = 1
    if set(out) & set(policy_eval.FIELDS):
        perhaps(out, "beyond", 0.6, lambda: R.choice(["clamp", "clamp", "refuse"]))
    return out


def asks():
    out = {}
    perhaps(out, "output_tokens", 0.6, lambda: R.choice([1, 100, 101, 512, 1000, 4096, 10 ** 6]))
    perhaps(out, "temperature", 0.6, lambda: R.choice([0, 0.1, 0.2, 0.3, 0.7, 0.7000004, 0.7000006, 1, 1.2, 2,
                                                       R.random()]))
    perhaps(out, "top_p", 0.4, lambda: R.choice([0, 0.1, 0.5, 0.9, 1, R.random()]))
    perhaps(out, "effort", 0.4, lambda: R.choice(policy_eval.EFFORTS + ["other"]))
    perhaps(out, "input_bytes", 0.6, lambda: R.choice([0, 10, 11, 1000, 1001, 10 ** 7]))
    return out


def rule(i):
    when, out = {}, {"id": f"r{i}"}
    perhaps(when, "data", 0.7, lambda: some(CLASSES + TYPES[:4], 1, 3))
    perhaps(when, "use_case", 0.15, lambda: some(USES + ["named"], 1, 2))
    perhaps(when, "tier", 0.15, lambda: some(["hard", "commodity"], 1, 2))
    perhaps(when, "task", 0.1, lambda: some(["code", "chat"], 1, 1))
    perhaps(when, "tenant", 0.1, lambda: some(["acme", "other"], 1, 1))
    perhaps(when, "region", 0.1, lambda: some(["EU", "DE", "US"], 1, 2))
    perhaps(when, "ai_act", 0.1, lambda: some(["annex3", "annex3.5", "limited", "prohibited.5.1.b"], 1, 2))
    perhaps(out, "location", 0.6, lambda: sorted(set(some(PLACES, 1, 5) + R.choice([
        ["on_premises"], ["on_premises", "EU"], ["on_premises", "EU", "US"], PLACES, []]))))
    perhaps(out, "basis", 0.3, lambda: some(BASES, 3, 7))
    perhaps(out, "redact", 0.3, lambda: some(["EMAIL", "IBAN", "PHONE"], 1, 2))
    if "redact" in out:
        perhaps(out, "redact_style", 0.6, lambda: R.choice(["substitute", "substitute", "placeholder"]))
    perhaps(out, "deny", 0.03, lambda: "no")
    if R.random() < 0.2:
        needs = {}
        perhaps(needs, "certifications", 0.3, lambda: some(["C5", "ISO27001"], 1, 2))
        perhaps(needs, "entity", 0.2, lambda: some(["Example Inc", "Example GmbH"], 1, 1))
        perhaps(needs, "sub_processors", 0.2, lambda: some(["Sub A", "Sub B"], 0, 1))
        perhaps(needs, "retention_days", 0.3, lambda: R.choice([0, 30]))
        perhaps(needs, "checked_within_days", 0.3, lambda: R.choice([1, 365]))
        perhaps(needs, "assessment", 0.3, lambda: R.random() < 0.8)
        perhaps(needs, "no_training", 0.3, lambda: R.random() < 0.8)
        if needs:
            out["backend"] = needs
    handling(out, 0.12)
    if len(out) == 1:
        out["location"] = ["on_premises", "EU"]
    if when:
        out["when"] = when
    return out


def use_case(name):
    out = {"id": name}
    perhaps(out, "purpose", 0.8, lambda: "a purpose")
    perhaps(out, "legal_basis", 0.8, lambda: "6.1.f")
    perhaps(out, "ai_act", 0.7, lambda: R.choice(AI_ACT[:6] if R.random() < 0.93 else AI_ACT))
    if str(out.get("ai_act")).startswith("annex3."):
        perhaps(out, "not_high_risk", 0.2, lambda: "6.3.a")
    for flag in ("workplace", "high_risk", "decides", "publishes"):
        perhaps(out, flag, 0.3, lambda: R.random() < 0.8)
    perhaps(out, "human_review", 0.2, lambda: R.choice([True, False, "required", "hold"]))
    perhaps(out, "exceptions", 0.3, lambda: some(["9.2.a", "9.2.h", "10"], 1, 2))
    perhaps(out, "references", 0.5, lambda: {k: "R-1" for k in some(["dpia", "fria", "worker_notice"], 1, 3)})
    perhaps(out, "requires", 0.06, lambda: some(["dpia", "fria", "worker_notice"], 1, 2))
    perhaps(out, "data", 0.3, lambda: some(CLASSES[1:], 1, 2))
    handling(out, 0.1)
    return out


def wide_policy():
    """Lets nearly everything through, so that the late steps decide."""
    rules = [{"id": "wide", "location": PLACES, "basis": BASES}]
    if R.random() < 0.7:
        r = rule(1)
        rules.append({"id": "asks", "backend": r.get("backend") or {"retention_days": 30, "checked_within_days": 1}})
    return {"version": 1, "rules": rules, "use_cases": [{"id": u, "exceptions": some(["9.2.h", "10"], 0, 2)} for u in USES],
            "default": {"location": PLACES}, "require": some(["exception"], 0, 1)}


def make_policy():
    if R.random() < 0.4:
        return wide_policy()
    out = {"version": 1, "rules": [rule(i) for i in range(R.choice([0, 1, 1, 2, 2, 3, 4, 6]))],
           "use_cases": [use_case(u) for u in some(USES, R.choice([0, 3, 3]), 3)],
           "retention_classes": [{"id": "short", "record_days": 10, "content_days": 1},
                                 {"id": "long", "record_days": 365, "content_days": 30},
                                 {"id": "other", "record_days": 40, "content_days": 1}]}
    perhaps(out, "default", 0.6, lambda: {"location": R.choice([["on_premises"], ["on_premises", "EU"], ["EEA"],
                                                              ["on_premises", "EU", "US", "CH"], PLACES])})
    perhaps(out, "organisation", 0.4, lambda: some(["public_body", "public_service"], 1, 2))
    perhaps(out, "rights", 0.3, lambda: {k: R.choice(["local", "refuse"]) for k in some(["objected", "restricted"], 1, 2)})
    perhaps(out, "require", 0.15, lambda: some(["use_case", "purpose", "legal_basis", "exception"], 1, 2))
    return out


def make_tables():
    def row(**more):
        return dict(more, source="s", checked_on=R.choice(["2026-11-21", "2026-11-21", "2025-01-01"]),
                    valid_until=R.choice(["none", "none", "2026-11-22", "2026-11-21"]))
    out = {"version": 1, "adequacy": [row(country=c, decision="d") for c in some(["CH", "GB", "US", "CA"], 0, 4)]}
    for a in out["adequacy"]:
        perhaps(a, "scope", 0.3, lambda: "some only")
    perhaps(out, "dpf", 0.8, lambda: row(country="US", decision="d"))
    perhaps(out, "dpf_listed", 0.8, lambda: [row(entity=e) for e in some(["Example Inc", "Example GmbH"], 0, 2)])
    perhaps(out, "stale", 0.4, lambda: {"refuse_after_days": R.choice([0, 1, 30, 700])})
    return out


def make_duties():
    needs = ["dpia", "fria", "worker_notice", "human_review", "label", "decision_label", "label_or_review", "never"]
    out = []
    for i in range(R.randint(1, 4)):
        d = {"id": f"d{i}", "article": f"Art. {i}", "source": "s", "needs": R.choice(needs),
             "applies_from": R.choice(DATES), "checked_on": "2026-11-21"}
        perhaps(d, "ai_act", 0.6, lambda: some(["annex3", "annex3.5", "annex3.5b", "limited", "prohibited.5.1.b"], 1, 2))
        perhaps(d, "organisation", 0.3, lambda: some(["public_body", "public_service"], 1, 2))
        for flag in ("workplace", "high_risk", "decides", "publishes"):
            perhaps(d, flag, 0.2, lambda: True)
        if not set(d) & {"ai_act", "organisation", "workplace", "high_risk", "decides", "publishes"}:
            d["high_risk"] = True
        out.append(d)
    return {"version": 1, "duties": out}


def residency():
    if R.random() < 0.2:
        return {"location": ["on_premises"]}
    kind = R.random()
    basis = R.choice(BASES) if kind < 0.4 else "dpa" if kind < 0.7 else R.choice(["adequacy", "dpf", "scc"])
    t = {"basis": basis}
    perhaps(t, "reference", 0.95, lambda: "REF-1")
    perhaps(t, "expires", 0.3, lambda: R.choice(DATES[3:]))
    perhaps(t, "checked_on", 0.5, lambda: R.choice(["2026-11-21", "2025-06-01"]))
    perhaps(t, "assessment", 0.5, lambda: "TIA-1")
    perhaps(t, "scope", 0.4, lambda: "registered")
    if basis == "derogation":
        perhaps(t, "derogation", 0.8, lambda: "49.1.a")
        perhaps(t, "approver", 0.8, lambda: "dpo")
        perhaps(t, "expires", 0.8, lambda: R.choice(DATES[3:]))
    out = {"location": some(PLACES[1:], 1, 2 if R.random() < 0.3 else 1), "transfer": t}
    if R.random() < 0.02:
        out["location"] = []
    perhaps(out, "entity", 0.7, lambda: R.choice(["Example Inc", "Example GmbH"]))
    perhaps(out, "trains_on_data", 0.8, lambda: R.random() < 0.15)
    perhaps(out, "retention_days", 0.6, lambda: R.choice([0, 30, 90]))
    perhaps(out, "certifications", 0.5, lambda: some(["C5", "ISO27001", "SOC2"], 1, 3))
    perhaps(out, "sub_processors", 0.3, lambda: [{"name": n, "location": some(PLACES[1:6], 1, 2)}
                                                 for n in some(["Sub A", "Sub B"], 1, 2)])
    return out


def kill():
    kind = R.choice(["backend", "model", "country", "basis", "use_case"])
    value = {"backend": ["b0", "b1", "local"], "model": ["b0/x", "b2/x"], "country": ["US", "DE", "EU", "EEA"],
             "basis": BASES[1:], "use_case": USES}[kind]
    return {"kind": kind, "value": R.choice(value), "reason": "drill", "since": "2026-11-22T00:00:00Z"}


def make_facts(i):
    f = {"id": i, "today": R.choice(DATES[2:5] if R.random() < 0.7 else DATES), "candidates": []}
    perhaps(f, "tier", 0.8, lambda: R.choice(["hard", "commodity"]))
    perhaps(f, "task", 0.7, lambda: R.choice(["code", "chat", "other"]))
    perhaps(f, "found", 0.4, lambda: some(CLASSES[1:], 0, 2))
    perhaps(f, "declared", 0.2, lambda: some(CLASSES[1:], 0, 2))
    perhaps(f, "findings", 0.5, lambda: [{"type": t, "level": "check", "count": 1} for t in some(TYPES, 0, 3)])
    perhaps(f, "use_case", 0.5, lambda: R.choice(5 * USES + ["named", "unknown"]))
    perhaps(f, "key_use_case", 0.2, lambda: R.choice(4 * USES + ["named", "gone"]))
    perhaps(f, "tenant", 0.5, lambda: R.choice(["acme", "other", "third"]))
    perhaps(f, "region", 0.2, lambda: R.choice(["EU", "EEA", "DE", "US", "nowhere", "on_premises"]))
    perhaps(f, "pinned", 0.1, lambda: True)
    perhaps(f, "unscannable", 0.08, lambda: True)
    perhaps(f, "asks", 0.5, asks)
    perhaps(f, "rights", 0.12, lambda: some(["restricted", "objected", "unreadable"], 1, 2))
    perhaps(f, "kills", 0.15, lambda: [kill() for _ in range(R.randint(1, 2))])
    for k in range(R.randint(0, 4)):
        c = {"backend": f"b{k}/x", "residency": residency()} if R.random() < 0.85 else {"backend": f"local/m{k}"}
        perhaps(c, "available", 0.1, lambda: False)
        f["candidates"].append(c)
    return f


def seen(d):
    """What `weir policy eval` said, in the reference's words."""
    tools = d.get("tools") or {}
    return {"outcome": d["outcome"], "route": d["route"], "code": d.get("code"), "data": d["data"], "rules": d["rules"],
            "redact": set(d["redact"]), "redact_style": d.get("redact_style"),
            "obligations": set(d["obligations"]), "answers": d.get("answers", "pass"),
            "retention": d.get("retention"), "param": d.get("param"),
            "limited": [(x["field"], None if x["from"] is None else policy_eval.scale(x["field"], x["from"]),
                         policy_eval.scale(x["field"], x["to"]), x["rule"]) for x in d.get("limited", [])],
            "tools_allow": [x["names"] for x in tools.get("allow", [])],
            "tools_deny": [x["names"] for x in tools.get("deny", [])],
            "candidates": [(c["backend"], c["allowed"], c.get("rule")) for c in d["candidates"]]}


def one_policy(weir, folder, per_policy):
    """(facts, decisions of weir, policy, tables, duties)"""
    policy = make_policy()
    tables = make_tables() if R.random() < 0.6 else None
    duties = make_duties() if R.random() < 0.6 else None
    facts = [make_facts(i) for i in range(per_policy)]
    args = [weir, "policy", "eval"]
    for name, what in (("policy", policy), ("tables", tables), ("duties", duties)):
        if what is not None:
            path = os.path.join(folder, name + ".yaml")
            with open(path, "w", encoding="utf-8") as f:
                json.dump(what, f)
            args += ["--" + name, path]
    done = subprocess.run(args, input="".join(json.dumps(f) + "\n" for f in facts).encode(), capture_output=True,
                          check=False)
    if done.returncode != 0:
        raise SystemExit(f"weir policy eval: {done.stderr.decode()[:2000]}\n{json.dumps(policy)}")
    return policy, tables, duties, facts, [json.loads(x) for x in done.stdout.splitlines()]


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weir", required=True)
    ap.add_argument("--pairs", type=int, default=20000)
    ap.add_argument("--per-policy", type=int, default=50)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    R.seed(a.seed)
    start, n, policies, differences = time.monotonic(), 0, 0, 0
    count = {"routed": 0, "left": 0, "denied": 0, "limited": 0, "beyond": 0}
    with tempfile.TemporaryDirectory() as folder:
        while n < a.pairs:
            policy, tables, duties, facts, lines = one_policy(a.weir, folder, min(a.per_policy, a.pairs - n))
            policies += 1
            assert len(lines) == len(facts)
            for f, line in zip(facts, lines):
                want, got = policy_eval.decide(policy, f, tables, duties), seen(line["decision"])
                n += 1
                for name in TOOLS:  # names, not lists: what the two lists mean
                    policy_eval.tool_allowed(want, name)
                count["denied" if want["outcome"] == "deny" else "routed"] += 1
                count["limited"] += bool(want["limited"])
                count["beyond"] += bool(want["param"])
                home = {c["backend"] for c in f["candidates"] if policy_eval.at_home(c)}
                count["left"] += want["outcome"] == "route" and want["route"] not in home
                diff = {k: (want[k], got[k]) for k in got if want[k] != got[k]}
                if diff:
                    differences += 1
                    if differences == 1:
                        print(json.dumps({"policy": policy, "tables": tables, "duties": duties, "facts": f}),
                              "reference, weir:", diff, line["decision"]["reason"], sep="\n", file=sys.stderr)
    print(json.dumps({"pairs": n, "policies": policies, "differences": differences, **count,
                      "seconds": round(time.monotonic() - start, 1)}))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
