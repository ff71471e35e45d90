#!/usr/bin/env python3
"""Trains the judge of statements (GDPR Art. 9 and 10) and writes policy/detect/statement_rows.bin.

    make build/statement_fit && python3 tools/train_statements.py [--cross] [--pii DIR] [--corpora DIR]

Learns from tools/statements/*.txt, which are ours and were written for this (a line each: letter of the
category, + said of somebody or - a topic, text); from the dev half of tests/bench/art9; with --pii from
the dev half of the sources that policy_pii.py names (and as topics from prompts of its neighbour
router/); with --corpora from passages without any person's name of the corpora that
train_tagger.py names. Rebuild afterwards. --cross trains nothing and judges the dev half in eight
folds, each by what was learned from the rest.
"""
import argparse
import glob
import hashlib
import json
import os
import random
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, HERE)
LETTERS = {"H": "HEALTH", "R": "RELIGION", "U": "UNION", "P": "POLITICAL", "O": "ORIENTATION", "E": "ETHNIC",
           "B": "BIOMETRIC", "G": "GENETIC", "C": "CRIMINAL"}
NAMES = {"health": "HEALTH", "religion": "RELIGION", "union": "UNION", "politics": "POLITICAL", "criminal": "CRIMINAL",
         "sexual_orientation": "ORIENTATION", "ethnicity": "ETHNIC", "biometric": "BIOMETRIC", "genetic": "GENETIC"}


def line(person, kind, weight, text):
    return "\t".join(("P" if person else "T", kind, str(weight), text.replace("\t", " ").replace("\n", "\\n"))) + "\n"


def ours():
    for path in sorted(glob.glob(os.path.join(HERE, "statements/*.txt"))):
        for row in open(path, encoding="utf-8"):
            yield line(row[1] == "+", LETTERS[row[0]], 1, row[3:].rstrip("\n"))


def dev():
    for row in map(json.loads, open(os.path.join(ROOT, "tests/bench/art9/dev.jsonl"), encoding="utf-8")):
        yield line(row["label"] == "person", NAMES[row["category"]], 1, row["text"])


def half(row_id):
    return int(hashlib.sha256(row_id.encode()).hexdigest()[:8], 16) % 2 == 0


def pii(folder):
    """Dev half: rows with a labelled fact, and rows without one."""
    for path in sorted(glob.glob(os.path.join(folder, "p*.jsonl"))):
        for row in map(json.loads, open(path, encoding="utf-8")):
            kinds = {s["type"][8:] for s in row["spans"] if s["type"].startswith("SPECIAL_")}
            if not half(row["id"]) or "presidio" in path:
                continue
            if "pl_" in path and len(row["text"]) < 1500:
                yield line(bool(kinds), min(kinds) if len(kinds) == 1 else "*", 1, row["text"])
            elif not kinds and ("technology" in path or "format" in path):
                yield line(False, "*", 0.1, row["text"][:1500])


def prompts(folder, count):
    """Prompts of benchmarks: questions about the world."""
    r, rows = random.Random(5), []
    for path in sorted(glob.glob(os.path.join(folder, "../router/*.tsv"))):
        if "weak_responses" in path:
            continue
        rows += [c[7] for c in (x.split("\t") for x in open(path, encoding="utf-8").read().split("\n")[1:])
                 if len(c) > 7 and half(c[0])]
    for text in r.sample(rows, min(count, len(rows))):
        yield line(False, "*", 0.1, text[:800].replace("\\n", "\n"))


def passages(folder, count):
    """Passages of the tagger's corpora that name no person."""
    import train_tagger
    r, rows = random.Random(6), []
    for name, _, column in train_tagger.CORPORA:
        path = os.path.join(folder, name)
        if os.path.exists(path) and "fiction" not in name and "europeana" not in name:
            rows += [t for t, s in train_tagger.documents(train_tagger.read_conll(path, column))
                     if not any(k == "P" for _, _, k in s) and len(t) > 80]
    for text in r.sample(rows, min(count, len(rows))):
        yield line(False, "*", 0.1, text)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--cross", action="store_true")
    ap.add_argument("--pii")
    ap.add_argument("--corpora")
    ap.add_argument("--fit", default=os.path.join(ROOT, "build/statement_fit"))
    ap.add_argument("--work", default=os.path.join(ROOT, "build/statements"))
    args = ap.parse_args()
    os.makedirs(args.work, exist_ok=True)
    base, judged = os.path.join(args.work, "base.tsv"), os.path.join(args.work, "dev.tsv")
    with open(base, "w", encoding="utf-8") as f:
        f.writelines(ours())
        if args.pii:
            f.writelines(pii(args.pii))
            f.writelines(prompts(args.pii, 3000))
        if args.corpora:
            f.writelines(passages(args.corpora, 3000))
    with open(judged, "w", encoding="utf-8") as f:
        f.writelines(dev())
    subprocess.run([args.fit, "cover", judged], check=True)
    if args.cross:
        subprocess.run([args.fit, "cross", base, judged, "8"], check=True)
    else:
        subprocess.run([args.fit, "fit", os.path.join(ROOT, "policy/detect/statement_rows.bin"), base, judged], check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
