#!/usr/bin/env python3
"""Trains the judge of statements (GDPR Art. 9 and 10): policy/detect/statement_rows.bin, statement_wide_*.bin.

    make build/statement_fit && python3 tools/train_statements.py [--pii DIR] [--corpora DIR] [--cross N] [--judge GLOB]

Learns from tools/statements/*.txt, which are ours and were written for this (a line each: letter of the
category, + said of somebody or - a topic, text; in *_4 and *_5 topics are what people say all day, and weigh less); from the dev half of tests/bench/art9; with --pii from
the dev half of the sources that policy_pii.py names (and as topics from prompts of its neighbour
router/); with --corpora from passages without any person's name of the corpora that
train_tagger.py names and what its templates make. Rebuild afterwards.

--cross N trains nothing and judges our rows and the dev half in N folds, each by what was learned from the rest;
--judge GLOB judges the files of ours that it names (or `dev`) by what was learned from all else. Both print the area
under the curve and how many statements are found at some shares of topics.
"""
import argparse
import bisect
import fnmatch
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

EVERYDAY = ("_4.txt", "_5.txt")  # what people say all day; a category letter there means nothing


def line(person, kind, weight, text):
    return "\t".join(("P" if person else "T", kind, str(weight), text.replace("\t", " ").replace("\n", "\\n"))) + "\n"


def ours(path):
    everyday = path.endswith(EVERYDAY)
    for row in open(path, encoding="utf-8"):
        yield line(row[1] == "+", LETTERS[row[0]], 0.3 if everyday and row[1] == "-" else 1, row[3:].rstrip("\n"))


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


def report(out):
    rows = [row.split("\t") for row in out.splitlines()]
    yes = [(float(r[4]), r[1] == r[2]) for r in rows if r[0] == "P"]
    no = sorted((float(r[4]) for r in rows if r[0] == "T"), reverse=True)
    up = no[::-1]
    area = sum(bisect.bisect_left(up, s) for s, _ in yes) / max(1, len(yes) * len(no))
    print(f"{len(yes)} statements, {len(no)} topics: area under the curve {area:.4f}")
    for share in (0.02, 0.03, 0.04, 0.05, 0.08):
        at = no[int(share * len(no))]
        hit = [right for s, right in yes if s > at]
        if yes:
            print(f"{100 * share:4.1f} % false from {at:+.2f} on: {100 * len(hit) / len(yes):.1f} % found, "
                  f"{100 * sum(right for right in hit) / len(yes):.1f} % with their category")


def mundane(count):
    """Sentences of the tagger's templates: somebody is named, and nothing is said of them."""
    import tagger_text
    for _, text, _ in tagger_text.generate(tagger_text.Names(), count, seed=9):
        yield line(False, "*", 0.1, text[:1500])


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--cross", type=int)
    ap.add_argument("--judge")
    ap.add_argument("--pii")
    ap.add_argument("--corpora")
    ap.add_argument("--fit", default=os.path.join(ROOT, "build/statement_fit"))
    ap.add_argument("--work", default=os.path.join(ROOT, "build/statements"))
    args = ap.parse_args()
    os.makedirs(args.work, exist_ok=True)
    base, judged = os.path.join(args.work, "base.tsv"), os.path.join(args.work, "judged.tsv")
    with open(base, "w", encoding="utf-8") as b, open(judged, "w", encoding="utf-8") as j:
        for path in sorted(glob.glob(os.path.join(HERE, "statements/*.txt"))):
            apart = args.cross or (args.judge and fnmatch.fnmatch(os.path.basename(path), args.judge))
            (j if apart else b).writelines(ours(path))
        (j if args.cross or args.judge == "dev" else b).writelines(dev())
        if args.pii:
            b.writelines(pii(args.pii))
            b.writelines(prompts(args.pii, 6000))
        if args.corpora:
            b.writelines(passages(args.corpora, 3000))
            b.writelines(mundane(6000))
    if args.cross or args.judge:
        report(subprocess.run([args.fit, "cross", base, judged, str(args.cross or 1)], check=True,
                              stdout=subprocess.PIPE).stdout.decode())
    else:
        subprocess.run([args.fit, "fit", os.path.join(ROOT, "policy/detect/statement_rows.bin"),
                        os.path.join(args.work, "wide"), base], check=True)
        raw = open(os.path.join(args.work, "wide"), "rb").read()
        for i in (0, 1):  # no file of the repository is larger than 1 MiB
            with open(os.path.join(ROOT, f"policy/detect/statement_wide_{i}.bin"), "wb") as f:
                f.write(raw[i * len(raw) // 2:(i + 1) * len(raw) // 2])
    return 0


if __name__ == "__main__":
    sys.exit(main())
