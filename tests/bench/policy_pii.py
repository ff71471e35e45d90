#!/usr/bin/env python3
"""Measures the detectors on labelled rows: leaks, over-block, per source and per type.

Usage: policy_pii.py [--scan "build/weir scan"] [--split all|dev|test] [--show TYPE] [FILE.jsonl ...]

Data: $WEIR_DATA (default ../shared/data), folder pii; see the README there. Nothing is copied.
A row leaks if it holds a high-risk span that no reported span overlaps (and says so: worst case of
one miss counts); it is over-blocked if it has no labelled span at all and something was reported.
Per type: share of labelled spans overlapped by any reported span with a data class.
The split is by a hash of the row's id: dev for looking at misses, test for the figures.
"""
import argparse
import collections
import glob
import hashlib
import json
import math
import os
import shlex
import subprocess
import sys
import time

# What this program claims to find; names, places and the like come with the tagger.
CLAIMED = {"PHONE", "EMAIL", "IP", "MAC", "IBAN", "CREDIT_CARD", "NATIONAL_ID", "TAX_ID", "VAT_ID",
           "SSN_US", "PASSPORT_MRZ", "HEALTH_ID", "SECRET", "DEVICE_ID", "GPS", "CRYPTO",
           "NATIONAL_ID_CARD", "DOB", "PASSPORT", "DRIVER_LICENSE", "EMPLOYEE_ID", "VIN"}
SPECIAL = "SPECIAL_"


def wilson(k, n, z=1.96):
    if n == 0:
        return (0.0, 0.0)
    p = k / n
    d = 1 + z * z / n
    c = p + z * z / (2 * n)
    h = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return ((c - h) / d, (c + h) / d)


def in_split(row_id, split):
    if split == "all":
        return True
    odd = int(hashlib.sha256(row_id.encode()).hexdigest()[:8], 16) % 2
    return odd == (split == "test")


def scan(command, rows):
    text = "".join(json.dumps({"id": r["id"], "text": r["text"]}, ensure_ascii=False) + "\n" for r in rows)
    t0 = time.time()
    out = subprocess.run(shlex.split(command), input=text.encode(), stdout=subprocess.PIPE, check=True)
    return [json.loads(line) for line in out.stdout.splitlines()], time.time() - t0, len(text)


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--scan", default="build/weir scan")
    ap.add_argument("--split", default="test", choices=["all", "dev", "test"])
    ap.add_argument("--show", help="print missed spans of this type (dev split only makes sense)")
    ap.add_argument("--show-over", action="store_true", help="print what over-blocked rows held")
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    folder = os.path.join(os.environ.get("WEIR_DATA", "../shared/data"), "pii")
    files = args.files or sorted(glob.glob(os.path.join(folder, "*.jsonl")))
    if not files:
        print(f"no data in {folder}: set WEIR_DATA", file=sys.stderr)
        return 2
    for path in files:
        rows = [r for r in map(json.loads, open(path, encoding="utf-8")) if in_split(r["id"], args.split)]
        if not rows:
            continue
        found, seconds, n_bytes = scan(args.scan, rows)
        hit, all_ = collections.Counter(), collections.Counter()
        risky = leaks = clean = over = 0
        for r, f in zip(rows, found):
            assert r["id"] == f["id"]
            spans = [s for s in f["spans"] if s["type"] not in ("URL", "BIC")]
            row_risk = row_miss = False
            for s in r["spans"]:
                t = s["type"]
                if s.get("optional") or not (t in CLAIMED or t.startswith(SPECIAL)):
                    continue
                key = SPECIAL + "*" if t.startswith(SPECIAL) else t
                all_[key] += 1
                ok = any(x["start"] < s["bend"] and x["end"] > s["bstart"] for x in spans)
                hit[key] += ok
                row_risk = True
                row_miss = row_miss or not ok
                if not ok and args.show and (args.show in (t, s.get("src_type"), "ALL")):
                    a = max(0, s["start"] - 40)
                    print("MISS", t, s.get("src_type"), repr(r["text"][a:s["start"]]), ">>>",
                          repr(r["text"][s["start"]:s["end"]]), repr(r["text"][s["end"]:s["end"] + 20]))
            risky += row_risk
            leaks += row_miss
            if not r["spans"]:
                clean += 1
                over += bool(spans)
                if spans and args.show_over:
                    b = r["text"].encode()
                    print("OVER", [(x["type"], x["subtype"], b[x["start"]:x["end"]].decode(errors="replace"))
                                   for x in spans][:6], repr(r["text"][:80]))
        lo, hi = wilson(leaks, risky)
        print(json.dumps({
            "source": os.path.basename(path)[:-6], "split": args.split, "rows": len(rows),
            "leak": round(leaks / risky, 4) if risky else None, "leak_ci": [round(lo, 4), round(hi, 4)],
            "risky_rows": risky, "over_block": round(over / clean, 4) if clean else None, "clean_rows": clean,
            "recall": {t: f"{hit[t]}/{all_[t]}" for t in sorted(all_)},
            "seconds": round(seconds, 2), "bytes": n_bytes}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
