#!/usr/bin/env python3
"""Trains the difficulty model of gateway/route and writes gateway/route/route_weights.inc.

    python3 -m venv build/venv && build/venv/bin/pip install numpy scipy scikit-learn
    build/venv/bin/python tools/train_router.py --data DIR            # train, report, write
    build/venv/bin/python tools/train_router.py --data DIR --report   # report only

DIR holds the router/*.tsv files. Features come from features.c itself, compiled into a shared
object here, so that the trainer and the gateway cannot disagree. The head is a logistic regression
on "the cheap model's answer was wrong" with one intercept per data set, which is thrown away:
what is left ranks prompts within a set instead of telling the sets apart. The split is by hash of
the folded prompt, so that a question which stands in two sets falls on one side of it.
"""
import argparse
import ctypes
import hashlib
import json
import os
import re
import subprocess
import tempfile

import numpy as np
import scipy.optimize
import scipy.sparse as sp

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEAD = open(os.path.join(ROOT, "gateway/route/features.h"), encoding="utf-8").read()


def const(name):
    return int(re.search(r"#define %s\s+(\d+)" % name, HEAD).group(1))


N_WORD = 1 << const("GW_FEAT_WORD_BITS")
N_CHAR = 1 << const("GW_FEAT_CHAR_BITS")
N_STRUCT = const("GW_FEAT_STRUCT")
GRAM_MAX = const("GW_FEAT_GRAM_MAX")
CUES = re.findall(r"GW_CUE_\w+", re.search(r"enum gw_cue \{(.*?)\}", HEAD, re.S).group(1))[:-1]
N_HAND = N_STRUCT + len(CUES)
N_GRAM = N_WORD + N_CHAR

SETS = ["routellm_mmlu", "routellm_gsm8k_fixed", "mmlupro_gemini15pro", "zeroeval_gsm",
        "zeroeval_crux", "llmrouter_qwen7b_nemotron51b"]
# Domains of RouteLLM's MMLU whose labels suffer from scoring one generated token only (the strong
# model's "accuracy" falls to the weak one's). Kept for training, where only the weak model's
# answer counts at half weight, and left out of the "nonquant" figures.
QUANT = {"abstract_algebra", "college_chemistry", "college_mathematics", "college_physics",
         "college_computer_science", "econometrics", "electrical_engineering",
         "elementary_mathematics", "formal_logic", "high_school_chemistry",
         "high_school_mathematics", "high_school_physics", "high_school_statistics",
         "machine_learning", "professional_accounting", "high_school_computer_science"}


def build_so():
    out = os.path.join(tempfile.mkdtemp(prefix="weir-router-"), "features.so")
    subprocess.check_call(["cc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-D_GNU_SOURCE", "-I", ROOT,
                           "-o", out] + [os.path.join(ROOT, p) for p in
                                         ("gateway/route/features.c", "gateway/route/cues.c",
                                          "base/err.c", "base/str.c")] + ["-lm", "-lpthread"])
    lib = ctypes.CDLL(out)
    lib.gw_features_dump.restype = ctypes.c_uint32
    return lib


def unescape(s):
    return re.sub(r"\\(.)", lambda m: {"t": "\t", "r": "\r", "n": "\n"}.get(m[1], m[1]), s)


def load(folder):
    rows = []
    for name in SETS + ["routellm_mtbench"]:
        path = os.path.join(folder, name + ".tsv")
        for line in open(path, encoding="utf-8", newline="\n").read().split("\n")[1:]:
            c = line.split("\t")
            if len(c) == 8:
                rows.append(dict(id=c[0], set=c[1], domain=c[2], weak=float(c[3]),
                                 strong=float(c[4]), text=unescape(c[7])))
    for r in rows:
        key = re.sub(r"[^a-z0-9]+", "", r["text"].lower())[:300]
        r["fold"] = int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % 10
    return rows


def featurise(lib, texts):
    hand = np.zeros((len(texts), N_HAND), np.float32)
    grams = (ctypes.c_uint32 * GRAM_MAX)()
    n_word = ctypes.c_uint32()
    indptr, idx, val = [0], [], []
    for i, t in enumerate(texts):
        b = t.encode()
        n = lib.gw_features_dump(b, ctypes.c_size_t(len(b)),
                                 hand[i].ctypes.data_as(ctypes.POINTER(ctypes.c_float)), grams,
                                 ctypes.byref(n_word))
        g = np.frombuffer(grams, np.uint32, n).astype(np.int32)
        nw = n_word.value
        v = np.empty(n, np.float32)
        v[:nw] = 1 / np.sqrt(max(nw, 1))
        v[nw:] = 1 / np.sqrt(max(n - nw, 1))
        idx.append(g)
        val.append(v)
        indptr.append(indptr[-1] + n)
    x = sp.csr_matrix((np.concatenate(val), np.concatenate(idx), indptr),
                      shape=(len(texts), N_GRAM), dtype=np.float32)
    return x, hand


# ---- metrics, as reference: RouteLLM's curve with 11 quantile edges ------------------------------


def curve(score, weak, strong):
    t = np.quantile(score, np.linspace(0, 1, 11))
    pts = []
    for i, e in enumerate(t):
        s = score > e if i == 10 else score >= e
        pts.append((s.mean(), np.where(s, strong, weak).mean()))
    pts.sort()
    return np.array(pts)


def apgr(score, weak, strong):
    c = curve(score, weak, strong)
    span = c[-1, 0] - c[0, 0]
    if span <= 0 or strong.mean() == weak.mean():
        return float("nan")
    area = np.trapezoid(c[:, 1], c[:, 0])
    return (area - weak.mean() * span) / ((strong.mean() - weak.mean()) * span)


def cpt(score, weak, strong, x):
    c = curve(score, weak, strong)
    want = weak.mean() + x * (strong.mean() - weak.mean())
    for i in range(len(c)):
        if c[i, 1] >= want:
            if i == 0:
                return 100 * c[0, 0]
            (x0, y0), (x1, y1) = c[i - 1], c[i]
            return 100 * (x0 + (want - y0) / (y1 - y0) * (x1 - x0))
    return 100.0


def auc(score, wrong):
    order = np.argsort(score, kind="stable")
    s = score[order]
    rank = np.empty(len(s))
    _, start, count = np.unique(s, return_index=True, return_counts=True)
    for a, n in zip(start, count):
        rank[a:a + n] = a + (n + 1) / 2
    pos = wrong[order].astype(bool)
    np_, nn = pos.sum(), (~pos).sum()
    return (rank[pos].sum() - np_ * (np_ + 1) / 2) / (np_ * nn) if np_ and nn else float("nan")


# ---- the fit -------------------------------------------------------------------------------------


class Model:
    """z(x) = bias + hand . wh + grams . wg, grams already divided by the root of their number."""

    def __init__(self, l2_gram=3.0, l2_hand=0.02, min_df=3, iters=120, w_power=0.5, gain=0.0):
        self.__dict__.update(locals())

    def fit(self, x, hand, y, groups, weight):
        self.mu, self.sd = hand.mean(0), hand.std(0) + 1e-3
        h = (hand - self.mu) / self.sd
        h = np.clip(h, -4, 4)
        df = np.asarray((x > 0).sum(0)).ravel()
        self.idf = np.where(df >= self.min_df, np.log((1 + len(y)) / (1 + df)), 0).astype(np.float32)
        xs = (x @ sp.diags(self.idf)).tocsr()
        xt = xs.T.tocsr()
        names = sorted(set(groups))
        g = np.array([names.index(v) for v in groups])
        ng = len(names)
        sw = weight.copy()
        for k in range(ng):
            sw[g == k] *= (g == k).sum() ** -self.w_power
        sw *= len(y) / sw.sum()
        nh = h.shape[1]

        def f(p):
            b, wh, wg = p[:ng], p[ng:ng + nh], p[ng + nh:]
            z = b[g] + h @ wh + xs @ wg
            loss = (sw * (np.logaddexp(0, z) - y * z)).sum()
            loss += self.l2_gram / 2 * (wg @ wg) + self.l2_hand * len(y) / 2 * (wh @ wh) / 100
            r = sw * (1 / (1 + np.exp(-z)) - y)
            return loss, np.concatenate([np.bincount(g, r, ng),
                                         h.T @ r + self.l2_hand * len(y) / 100 * wh,
                                         xt @ r + self.l2_gram * wg])

        res = scipy.optimize.minimize(f, np.zeros(ng + nh + x.shape[1]), jac=True,
                                      method="L-BFGS-B", options=dict(maxiter=self.iters))
        p = res.x
        self.wh, self.wg = p[ng:ng + nh], p[ng + nh:] * self.idf
        self.bias = float(np.average(p[:ng]))
        return self

    def z(self, x, hand):
        h = np.clip((hand - self.mu) / self.sd, -4, 4)
        return self.bias + h @ self.wh + x @ self.wg


def evaluate(name, score, rows, n_boot=300):
    weak = np.array([r["weak"] for r in rows])
    strong = np.array([r["strong"] for r in rows])
    rng = np.random.default_rng(1)
    boot = []
    for _ in range(n_boot):
        i = rng.integers(0, len(rows), len(rows))
        boot.append(apgr(score[i], weak[i], strong[i]))
    lo, hi = np.nanpercentile(boot, [2.5, 97.5]) if n_boot else (np.nan, np.nan)
    return "%-22s n=%5d auc=%.3f apgr=%.3f [%.3f,%.3f] cpt50=%.1f cpt80=%.1f" % (
        name, len(rows), auc(score, weak < 0.5), apgr(score, weak, strong), lo, hi,
        cpt(score, weak, strong, .5), cpt(score, weak, strong, .8))


# ---- writing -------------------------------------------------------------------------------------


def quantise(w):
    scale = max(np.quantile(np.abs(w[w != 0]), 0.9995), 1e-9) / 127
    return np.clip(np.rint(w / scale), -127, 127).astype(int), scale


def write_inc(path, m, platt, quality):
    qw, sw = quantise(m.wg[:N_WORD])
    qc, sc = quantise(m.wg[N_WORD:])
    q = np.concatenate([qw, qc])
    with open(path, "w") as f:
        f.write("/* Generated by tools/train_router.py: do not edit. */\n")
        for name, v in (("w_bias", m.bias), ("w_word_scale", sw), ("w_char_scale", sc),
                        ("w_platt_scale", platt[0]), ("w_platt_shift", platt[1])):
            f.write("static const float %s = %s;\n" % (name, c_float(v)))
        f.write("static const struct {\n    float mean, inv_sd, w;\n} w_hand[] = {\n")
        for mu, sd, w in zip(m.mu, m.sd, m.wh):
            f.write("    {%s, %s, %s},\n" % tuple(c_float(v) for v in (mu, 1 / sd, w)))
        f.write("};\nstatic const double w_quality[] = {\n")
        f.write("".join("    %.4f,\n" % v for v in quality))
        f.write("};\nstatic const signed char w_gram[] = {\n")
        for i in range(0, len(q), 48):
            f.write(",".join(map(str, q[i:i + 48])) + ",\n")
        f.write("};\n")
    return q


def c_float(v):
    s = "%.7g" % v
    return (s if "." in s or "e" in s else s + ".0") + "f"
