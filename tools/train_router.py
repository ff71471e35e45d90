#!/usr/bin/env python3
"""Trains the difficulty model of gateway/route and writes gateway/route/route_weights.inc.

    python3 -m venv build/venv && build/venv/bin/pip install numpy scipy
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
# model's "accuracy" falls to the weak one's). Kept for training at half weight, where
# only the weak model's answer is the label, and left out of the "nonquant" figures.
QUANT = {"abstract_algebra", "college_chemistry", "college_mathematics", "college_physics",
         "college_computer_science", "econometrics", "electrical_engineering",
         "elementary_mathematics", "formal_logic", "high_school_chemistry",
         "high_school_mathematics", "high_school_physics", "high_school_statistics",
         "machine_learning", "professional_accounting", "high_school_computer_science"}


SHIM = """
#include "gateway/route/task.h"
float prior_of(const char *text, size_t n)
{
    struct base_str piece = {text, n};
    struct gw_features f;
    gw_features_extract(&piece, 1, &f);
    return gw_task_prior(&f, gw_task_of(&f));
}
int is_open(const char *text, size_t n);
int is_open(const char *text, size_t n)
{
    struct base_str piece = {text, n};
    struct gw_features f;
    gw_features_extract(&piece, 1, &f);
    return gw_task_openness(&f, gw_task_of(&f)) >= 1.0f;
}
"""


def build_so():
    folder = tempfile.mkdtemp(prefix="weir-router-")
    out, shim = os.path.join(folder, "features.so"), os.path.join(folder, "shim.c")
    open(shim, "w").write(SHIM)
    subprocess.check_call(["cc", "-std=gnu11", "-O2", "-fPIC", "-shared", "-D_GNU_SOURCE", "-I", ROOT,
                           "-o", out, shim] + [os.path.join(ROOT, p) for p in
                                         ("gateway/route/features.c", "gateway/route/fold.c",
                                          "gateway/route/cues.c",
                                          "gateway/route/task.c", "base/err.c",
                                          "base/str.c")] + ["-lm", "-lpthread"])
    lib = ctypes.CDLL(out)
    lib.gw_features_dump.restype = ctypes.c_uint32
    lib.prior_of.restype = ctypes.c_float
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
                                 strong=float(c[4]), out=float(c[6]), text=unescape(c[7])))
    for r in rows:
        stem = re.split(r"\n\(?A[.)]", r["text"])[0]  # MMLU-Pro reuses MMLU's questions
        key = re.sub(r"[^a-z0-9]+", "", stem.lower())
        r["key"] = key
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

    def __init__(self, l2_gram=80.0, l2_hand=8.0, min_df=3, iters=60, w_power=0.5):
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


class Data:
    """All rows with features and targets."""

    def __init__(self, folder):
        self.lib = build_so()
        self.rows = [r for r in load(folder) if r["set"] != "routellm_mtbench"]
        col = lambda k: np.array([r[k] for r in self.rows])
        self.set, self.domain, self.fold = col("set"), col("domain"), col("fold")
        self.weak, self.strong, out = col("weak"), col("strong"), col("out")
        self.quant = (self.set == "routellm_mmlu") & np.isin(self.domain, list(QUANT))
        self.x, self.hand = featurise(self.lib, [r["text"] for r in self.rows])
        self.prior = np.array([prior(self.lib, r["text"]) for r in self.rows])
        # Where the strong model fails as well, escalating buys nothing: such rows count less.
        both = (self.weak < 0.5) & (self.strong < 0.5)
        self.weight = np.where(self.quant, 0.5, 1.0) * np.where(both, 0.45, 1.0)
        # Second target: how long the strong model's answer is, as a rank within its set.
        self.length = np.full(len(self.rows), np.nan)
        for s in SETS:
            m = (self.set == s) & (out > 0)
            if m.any():
                self.length[m] = (np.argsort(np.argsort(out[m])) + 0.5) / m.sum()

    def fit(self, m):
        """The head from the rows of mask m: wrong answers plus, less, long answers; both linear,
        so they add up to one set of weights."""
        w = Model().fit(self.x[m], self.hand[m], 1 - np.minimum(self.weak[m], 1), self.set[m],
                        self.weight[m])
        k = m & ~np.isnan(self.length)
        if k.any():
            v = Model().fit(self.x[k], self.hand[k], self.length[k], self.set[k], np.ones(k.sum()))
            ratio = LENGTH_SHARE * w.sd / v.sd
            w.bias += LENGTH_SHARE * v.bias + float(((w.mu - v.mu) / v.sd) @ v.wh) * LENGTH_SHARE
            w.wh = w.wh + ratio * v.wh
            w.wg = w.wg + LENGTH_SHARE * v.wg
        return w


LENGTH_SHARE = 0.5
BOUND, MIX_CLOSED, MIX_OPEN = 2.0, 1.0, 0.5  # as in route.c


def prior(lib, text):
    """The task prior and the share of the learned log-odds beside it."""
    b = text.encode()
    n = ctypes.c_size_t(len(b))
    return lib.prior_of(b, n), MIX_OPEN if lib.is_open(b, n) else MIX_CLOSED


def difficulty(z, platt, pr):
    learned = BOUND * np.tanh((platt[0] * z + platt[1]) / BOUND)
    return 1 / (1 + np.exp(-(pr[:, 1] * learned + pr[:, 0])))


def fit_platt(z, y, groups):
    """Scale and shift of z for P(weak wrong), every set weighing the same."""
    w = np.zeros(len(z))
    for s in set(groups):
        w[groups == s] = 1 / (groups == s).sum()

    def f(p):
        v = p[0] * z + p[1]
        r = w * (1 / (1 + np.exp(-v)) - y)
        return (w * (np.logaddexp(0, v) - y * v)).sum(), np.array([r @ z, r.sum()])

    return scipy.optimize.minimize(f, np.array([1.0, 0.0]), jac=True).x


def show(name, score, weak, strong, length, n_boot=300):
    rng = np.random.default_rng(1)
    boot = []
    for _ in range(n_boot):
        i = rng.integers(0, len(score), len(score))
        boot.append(apgr(score[i], weak[i], strong[i]))
    lo, hi = np.nanpercentile(boot, [2.5, 97.5])
    print("| %-30s | %5d | %.3f | %.3f [%.3f, %.3f] | %4.1f | %4.1f | %.3f |" % (
        name, len(score), auc(score, weak < 0.5), apgr(score, weak, strong), lo, hi,
        cpt(score, weak, strong, .5), cpt(score, weak, strong, .8), apgr(length, weak, strong)),
        flush=True)


def show_sets(title, d, score, sets):
    length = d.hand[:, 0]
    print("\n%s\n| set | n | AUC | APGR [95%%] | CPT50 | CPT80 | APGR of length |\n"
          "|---|---|---|---|---|---|---|" % title)
    for s in sets:
        m = d.set == s
        show(s, score[m], d.weak[m], d.strong[m], length[m])
        if s == "routellm_mmlu":
            m &= ~d.quant
            show("routellm_mmlu, not quantitative", score[m], d.weak[m], d.strong[m], length[m])


def out_of_fold(d):
    z = np.zeros(len(d.rows))
    for k in range(0, 10, 2):
        test = (d.fold == k) | (d.fold == k + 1)
        z[test] = d.fit(~test).z(d.x[test], d.hand[test])
    return z


def leave_sets_out(d, platt):
    """Each family of sets scored by a model that saw none of it, nor its questions elsewhere."""
    z = np.zeros(len(d.rows))
    keys = np.array([r["key"] for r in d.rows])
    for family in (("routellm_mmlu", "mmlupro_gemini15pro"),
                   ("routellm_gsm8k_fixed", "zeroeval_gsm"), ("zeroeval_crux",),
                   ("llmrouter_qwen7b_nemotron51b",)):
        test = np.isin(d.set, family)
        train = ~test & ~np.isin(keys, keys[test])
        z[test] = d.fit(train).z(d.x[test], d.hand[test])
    return difficulty(z, platt, d.prior)


def quality_table(d, score, steps=100):
    """Mean over the sets of (outcome when score >= t goes strong) / (outcome of always strong)."""
    rows = []
    for i in range(steps + 1):
        up = score >= i / steps
        kept = [np.where(up, d.strong, d.weak)[d.set == s].mean() / d.strong[d.set == s].mean()
                for s in SETS]
        rows.append(np.mean(kept))
    return np.array(rows)


def calibration_error(p, y, bins=10):
    edge = np.quantile(p, np.linspace(0, 1, bins + 1)[1:-1])
    b = np.searchsorted(edge, p)
    return sum(abs(p[b == i].mean() - y[b == i].mean()) * (b == i).mean() for i in range(bins)
               if (b == i).any())


# ---- writing -------------------------------------------------------------------------------------


def quantise(w):
    scale = max(np.quantile(np.abs(w[w != 0]), 0.9995), 1e-9) / 127
    return np.clip(np.rint(w / scale), -127, 127).astype(int), scale


def write_inc(path, m, platt, quality):
    qw, sw = quantise(m.wg[:N_WORD])
    qc, sc = quantise(m.wg[N_WORD:])
    q = np.concatenate([qw, qc])
    m.word_scale, m.char_scale = sw, sc
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


def write_vectors(path, lib, q, d, m, platt, n=60):
    """Texts and the difficulty that the written (rounded) weights give, for the C test."""
    r = Model()
    r.mu, r.sd, r.wh, r.bias = m.mu, m.sd, m.wh, m.bias
    r.wg = np.concatenate([q[:N_WORD] * m.word_scale, q[N_WORD:] * m.char_scale])
    texts = [row.split("\t")[3] for row in
             open(os.path.join(ROOT, "tests/vectors/route/everyday.tsv"), encoding="utf-8")
             .read().split("\n")[1:] if row]
    texts = texts[::len(texts) // n][:n]
    x, hand = featurise(lib, texts)
    score = difficulty(r.z(x, hand), platt, np.array([prior(lib, t) for t in texts]))
    with open(path, "w", encoding="utf-8") as f:
        f.write("difficulty\ttext\n")
        f.writelines("%.6f\t%s\n" % (s, t) for s, t in zip(score, texts))


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--data", required=True, help="folder with the router/*.tsv files")
    p.add_argument("--report", action="store_true", help="measure only, write nothing")
    a = p.parse_args()
    d = Data(a.data)
    y = 1 - np.minimum(d.weak, 1)
    z = out_of_fold(d)
    platt = fit_platt(z, y, d.set)
    score = difficulty(z, platt, d.prior)
    show_sets("Out of fold (5 folds by question)", d, score, SETS)
    show_sets("The learned head alone, out of fold", d, z, SETS)
    show_sets("Left out as a family", d, leave_sets_out(d, platt), SETS)
    print("\nPlatt %.3f z %+.3f; calibration error of the learned head %.3f, with the prior %.3f" % (
        *platt, calibration_error(1 / (1 + np.exp(-(platt[0] * z + platt[1]))), y),
        calibration_error(score, y)))
    if a.report:
        return
    m = d.fit(np.ones(len(d.rows), bool))
    out = os.path.join(ROOT, "gateway/route/route_weights.inc")
    q = write_inc(out, m, platt, quality_table(d, score))
    write_vectors(os.path.join(ROOT, "tests/vectors/route/scores.tsv"), d.lib, q, d, m, platt)
    print("wrote %s (%d KiB)" % (os.path.relpath(out, ROOT), os.path.getsize(out) // 1024))


if __name__ == "__main__":
    main()
