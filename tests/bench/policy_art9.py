#!/usr/bin/env python3
"""Measures statements on special categories (GDPR Art. 9 and 10) against mere topics.

Usage: policy_art9.py [--scan "build/weir scan"] [--split dev|test] [--show] [FILE.jsonl ...]

Rows: tests/bench/art9/{dev,test}.jsonl (its README says how they were made); fields lang, category, label, text.
  recall      rows that say something of a person, with any special or criminal finding; in brackets
              with one of the row's category
  false       rows that are about the topic only, with any such finding
Intervals are Wilson's, 95 %. --show prints the rows that went wrong, of dev only.
"""
import argparse
import collections
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from policy_pii import share  # noqa: E402

TYPES = {"health": "HEALTH", "religion": "RELIGION", "union": "UNION", "politics": "POLITICAL", "criminal": "CRIMINAL",
         "sexual_orientation": "ORIENTATION", "ethnicity": "ETHNIC", "biometric": "BIOMETRIC", "genetic": "GENETIC"}


def main():
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "art9")
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--scan", default="build/weir scan")
    ap.add_argument("--split", default="test", choices=["dev", "test"])
    ap.add_argument("--show", action="store_true")
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    rows = [json.loads(line) for path in args.files or [os.path.join(here, args.split + ".jsonl")]
            for line in open(path, encoding="utf-8")]
    feed = "".join(json.dumps({"id": r["id"], "text": r["text"]}, ensure_ascii=False) + "\n" for r in rows)
    out = subprocess.run(shlex.split(args.scan), input=feed.encode(), stdout=subprocess.PIPE, check=True).stdout
    n, hit, right = (collections.Counter() for _ in range(3))
    for r, line in zip(rows, out.splitlines()):
        found = {s["type"][8:] for s in json.loads(line)["spans"] if s["type"].startswith("SPECIAL_")}
        for key in ("all", r["lang"], r["category"]):
            n[r["label"], key] += 1
            hit[r["label"], key] += bool(found)
            right[r["label"], key] += TYPES[r["category"]] in found
        if args.show and args.split == "dev" and bool(found) != (r["label"] == "person"):
            print("MISS" if r["label"] == "person" else "FALSE", r["lang"], r["category"], sorted(found), r["text"])
    for key in ["all"] + sorted({r["lang"] for r in rows}) + sorted({r["category"] for r in rows}):
        p, t = ("person", key), ("topic", key)
        print(f"{key:19} recall {share(hit[p], n[p]):34} [{right[p]:3} of its category]  false {share(hit[t], n[t])}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
