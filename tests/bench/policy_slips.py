#!/usr/bin/env python3
"""Measures identifiers as a scanner misreads them: one labelled value of a row is damaged, and must still be flagged.

Usage: policy_slips.py [--scan "build/weir scan"] [--split dev|test] [--show N]

Data: $WEIR_DATA (default ../shared/data), pii: eu_ids_synth and the Polish sets with identifiers. Kinds: one digit
read as a letter; every 0 read as O; a line end, a space in the middle. Deterministic.
"""
import argparse
import collections
import json
import os
import random
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from policy_pii import in_split, share  # noqa: E402

FILES = ("pl_pii_bench_core", "pl_pii_bench_identifiers", "pl_pii_bench_robustness", "eu_ids_synth")
TYPES = {"PHONE", "IBAN", "CREDIT_CARD", "NATIONAL_ID", "TAX_ID", "VAT_ID", "PASSPORT", "NATIONAL_ID_CARD", "DOB",
         "BANK_ACCOUNT", "EMAIL", "HEALTH_ID", "LICENSE_PLATE"}
SLIPS = {"0": "O", "1": "l", "5": "S", "8": "B", "2": "Z", "6": "b"}


def damage(value, kind, dice):
    digits = [i for i, c in enumerate(value) if c.isdigit()]
    if kind == "letter":
        wrong = [i for i in digits if value[i] in SLIPS]
        i = dice.choice(wrong) if wrong else None
        return value[:i] + SLIPS[value[i]] + value[i + 1:] if wrong else None
    if len(digits) < 6:
        return None
    if kind == "O":
        return value.replace("0", "O") if "0" in value else None
    i = dice.choice(digits[2:-1])
    return value[:i] + ("\n" if kind == "line" else " ") + value[i:]


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--scan", default="build/weir scan")
    ap.add_argument("--split", default="test", choices=["dev", "test"])
    ap.add_argument("--show", type=int, default=0, help="so many missed ones, of dev only")
    args = ap.parse_args()
    folder = os.path.join(os.environ.get("WEIR_DATA", "../shared/data"), "pii")
    dice, rows, missed = random.Random(3), [], []
    for name in FILES:
        rows += [r for r in map(json.loads, open(os.path.join(folder, name + ".jsonl"), encoding="utf-8"))
                 if in_split(r["id"], args.split)]
    for kind in ("letter", "O", "line", "space"):
        feed, places, n, hit = [], [], collections.Counter(), collections.Counter()
        for r in rows:
            spans = [s for s in r["spans"] if s["type"] in TYPES and not s.get("optional")]
            s = dice.choice(spans) if spans else None
            value = damage(r["text"][s["start"]:s["end"]], kind, dice) if s else None
            if not value:
                continue
            at = len(r["text"][:s["start"]].encode())
            feed.append({"id": str(len(feed)), "text": r["text"][:s["start"]] + value + r["text"][s["end"]:]})
            places.append((s["type"], at, at + len(value.encode()), r["text"][max(0, s["start"] - 30):s["start"]], value))
        out = subprocess.run(shlex.split(args.scan), input="".join(json.dumps(f) + "\n" for f in feed).encode(),
                             stdout=subprocess.PIPE, check=True).stdout.splitlines()
        for (t, a, b, before, value), line in zip(places, out):
            ok = any(s["start"] < b and a < s["end"] for s in json.loads(line)["spans"])
            for key in ("all", t):
                n[key] += 1
                hit[key] += ok
            if not ok:
                missed.append((kind, t, before, value))
        for key in sorted(n):
            print(f"{kind:7} {key:17} flagged {share(hit[key], n[key])}")
    if args.split == "dev":
        dice.shuffle(missed)
        for m in missed[:args.show]:
            print("MISS", *map(repr, m))
    return 0


if __name__ == "__main__":
    sys.exit(main())
