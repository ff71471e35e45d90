"""What `weir check` says about rules, held against the slow evaluator: a rule that "changes nothing" is taken out and
nothing may change; one that "can never apply" may not apply; where two "leave no place" nothing may be answered.

    policy_lint.py --weir build/weir [--policies 400] [--seed 1]

Prints one JSON line: {"policies","nothing","never","no_place","wrong"}; ends 1 when something said was not so.
"""
import argparse
import copy
import json
import os
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import policy_diff  # noqa: E402
import policy_eval  # noqa: E402

R = policy_diff.R
WORDS = {"tier": "hard", "task": "code", "tenant": "acme", "region": "EU", "use_case": "support", "data": "personal"}


def make_policy():
    """A random policy, mostly with a near copy of one of its rules somewhere."""
    p = policy_diff.make_policy()
    if p["rules"] and R.random() < 0.7:
        r = copy.deepcopy(R.choice(p["rules"]))
        r["id"] = "copy"
        if R.random() < 0.5:
            k = R.choice(sorted(WORDS))
            r.setdefault("when", {})[k] = [WORDS[k]]
        if R.random() < 0.3 and "location" in r:
            r["location"] = policy_diff.PLACES
        p["rules"].insert(R.randint(0, len(p["rules"])), r)
    return p


def differ(a, b):
    """The first thing that an asker or a record would notice; None."""
    routed = a["outcome"] == "route"
    for k in ("outcome", "route", "data", "redact", "redact_style", "retention") + (
            ("obligations", "answers") if routed else ()):
        if a[k] != b[k] and b["code"] != "unknown-use-case":
            return k
    if [c[:2] for c in a["candidates"]] != [c[:2] for c in b["candidates"]] and b["code"] != "unknown-use-case":
        return "candidates"
    if routed and any(policy_eval.tool_allowed(a, t) != policy_eval.tool_allowed(b, t) for t in policy_diff.TOOLS):
        return "tools"
    return None


def one(weir, folder, count):
    p = make_policy()
    path = os.path.join(folder, "policy.yaml")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(p, f)
    done = subprocess.run([weir, "check", "--policy", path], capture_output=True, check=False)
    said = (done.stdout + done.stderr).decode()
    claims = [(kind, m) for kind, pattern in (("nothing", r"the rule (\S+) changes nothing"),
                                              ("never", r"the rule (\S+) can never apply"),
                                              ("no_place", r"where the rule (\S+) applies \S+ does too, and together"))
              for m in re.findall(pattern, said)]
    facts = [policy_diff.make_facts(i) for i in range(150)] if claims else []
    for kind, rule in claims:
        count[kind] += 1
        without = dict(p, rules=[r for r in p["rules"] if r["id"] != rule])
        for f in facts:
            d = policy_eval.decide(p, f)
            if kind == "nothing":
                wrong = differ(d, policy_eval.decide(without, f))
            else:
                wrong = rule in d["rules"] and (kind == "never" or d["outcome"] == "route")
            if wrong:
                count["wrong"] += 1
                print(kind, rule, wrong, json.dumps({"policy": p, "facts": f}), file=sys.stderr)
                break


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--weir", required=True)
    ap.add_argument("--policies", type=int, default=400)
    ap.add_argument("--seed", type=int, default=1)
    a = ap.parse_args()
    R.seed(a.seed)
    count = {"policies": a.policies, "nothing": 0, "never": 0, "no_place": 0, "wrong": 0}
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(a.policies):
            one(a.weir, folder, count)
    print(json.dumps(count))
    return 1 if count["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
