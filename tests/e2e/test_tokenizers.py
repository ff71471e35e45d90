"""Goal: words are cut, and Gemma's characters joined, exactly as the models' makers publish it.

Method: random texts, made to hit what the expressions tell apart (cases, marks, scripts, digits, line ends,
contractions), are cut by the engine and by the published expressions run by Python's `regex`. Gemma 4's
tokenizer is held against the `tokenizers` package: a vocabulary trained there is written into a GGUF file.
WEIR_TOKENIZER_TEXTS sets how many texts a rule gets (default 1500; 60000 for a thorough run).
"""
import json
import os
import random
import subprocess
import unicodedata

import pytest
import regex
import scripted
import tokenizers

COUNT = int(os.environ.get("WEIR_TOKENIZER_TEXTS", "1500"))
CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
UP, LOW = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
SPACES = r"\s*[\r\n]+|\s+(?!\S)|\s+"
RULES = {
    "gpt-2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    "llama-bpe": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES,
    "glm4": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES,
    "qwen2": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES,
    "qwen35": CONTRACTIONS + r"|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|" + SPACES,
    "gpt-4o": rf"[^\r\n\p{{L}}\p{{N}}]?[{UP}]*[{LOW}]+{CONTRACTIONS}?|[^\r\n\p{{L}}\p{{N}}]?[{UP}]+[{LOW}]*"
              rf"{CONTRACTIONS}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|" + SPACES,
    "tekken": rf"[^\r\n\p{{L}}\p{{N}}]?[{UP}]*[{LOW}]+|[^\r\n\p{{L}}\p{{N}}]?[{UP}]+[{LOW}]*"
              r"|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|" + SPACES,
    "kimi-k2": rf"\p{{Han}}+|[^\r\n\p{{L}}\p{{N}}]?[[{UP}]&&[^\p{{Han}}]]*[[{LOW}]&&[^\p{{Han}}]]+{CONTRACTIONS}?"
               rf"|[^\r\n\p{{L}}\p{{N}}]?[[{UP}]&&[^\p{{Han}}]]+[[{LOW}]&&[^\p{{Han}}]]*{CONTRACTIONS}?"
               r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|" + SPACES,
    "gemma4": r"[^\n]+|\n+",
}
STAGES = {
    "deepseek-v3": [r"\p{N}{1,3}", r"[\u4E00-\u9FA5\u3040-\u309F\u30A0-\u30FF]+",
                    r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+"""
                    r"| ?[\p{P}\p{S}]+[\r\n]*|" + SPACES],
    "deepseek-coder": [r"[\r\n]", r"\s?\p{L}+", r"\s?\p{P}+", r"[\u4E00-\u9FA5\u0800-\u4E00\uAC00-\uD7FF]+",
                       r"\p{N}"],
    "smollm": [r"\p{N}", RULES["gpt-2"]],
}


def known(cp):
    """Code points that every Unicode version in use here knows, and whose folding is ASCII's."""
    return not 0xD800 <= cp < 0xE000 and unicodedata.category(chr(cp)) != "Cn" and cp != 0x17F


POOLS = [[chr(c) for c in pool if known(c)] for pool in (
    range(0x20, 0x7F), range(ord("a"), ord("z")), range(ord("A"), ord("Z")), range(ord("0"), ord("9")),
    [0x20, 0x20, 0x0A, 0x0D, 0x09, 0xA0, 0x3000, 0x2028, 0x85], range(0xA0, 0x250), range(0x300, 0x370),
    range(0x370, 0x590), range(0x590, 0x700), range(0x900, 0xA00), range(0x1C4, 0x1CD), range(0x2000, 0x2070),
    range(0x2150, 0x2190), [*range(0x2E80, 0x3040), *range(0x3005, 0x3008), *range(0x3021, 0x302A)],
    range(0x3040, 0x3100), range(0x4E00, 0x4E80), range(0xAC00, 0xAC40), range(0xFF01, 0xFF5F),
    range(0x1F300, 0x1F650), range(0x20000, 0x20020), range(0x10400, 0x10450), range(0x2B0, 0x300))]
BITS = ["'s", "'T", "'re", "'LL", "'d ", "'ve", "\r\n", "\n\n", "  ", "   \n", "don't", "I'M", " 12345", "x/y//\n",
        "...\n", "!!\r\n\r\n", "\u4e2d\u6587", "\u3007", "e\u0301", "\u01c5", "http://a.b/c", "\t\tif (x):\n"]


def texts(n, seed):
    rng = random.Random(seed)
    for _ in range(n):
        out = []
        for _ in range(rng.randint(1, 14)):
            if rng.random() < 0.35:
                out.append(rng.choice(BITS))
            else:
                pool = rng.choice(POOLS)
                out.extend(rng.choice(pool) for _ in range(rng.randint(1, 5)))
        yield "".join(out)


def cut(stages, text):
    if not stages:
        return [text] if text else []
    out, at = [], 0
    for m in stages[0].finditer(text):
        if m.end() == m.start():
            continue
        out += cut(stages[1:], text[at:m.start()]) + cut(stages[1:], m.group())
        at = m.end()
    return out + cut(stages[1:], text[at:])


@pytest.mark.parametrize("rule", [*RULES, *STAGES])
def test_cuts(weir, rule):
    program = os.path.join(os.path.dirname(weir), "tests", "bench", "engine_cuts")
    lines = list(texts(COUNT, seed=hash(rule) if COUNT > 1500 else 1))
    done = subprocess.run([program, rule], input="".join(json.dumps(t) + "\n" for t in lines).encode(),
                          capture_output=True, check=True)
    stages = [regex.compile(e, regex.V1) for e in STAGES.get(rule) or [RULES[rule]]]
    answers = done.stdout.decode().splitlines()
    assert len(answers) == len(lines)
    for text, answer in zip(lines, answers):
        want = [len(w.encode()) for w in cut(stages, text)]
        assert json.loads(answer) == want, ascii(text)


def gemma_vocabulary(folder):
    """A vocabulary as Gemma's, small: trained, with byte tokens, runs of line ends and special tokens."""
    tok = tokenizers.Tokenizer(tokenizers.models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tok.normalizer = tokenizers.normalizers.Replace(" ", "\u2581")
    tok.pre_tokenizer = tokenizers.pre_tokenizers.Split("\n", "isolated")
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>"] + [f"<0x{b:02X}>" for b in range(256)]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=1500, limit_alphabet=400, special_tokens=special,
                                             show_progress=False)
    corpus = [t for t in texts(800, seed=5)] + ["the weather in the city is the same as in the other city"] * 20
    tok.train_from_iterator(corpus, trainer)
    model = json.loads(tok.to_str())["model"]
    vocab = sorted(model["vocab"], key=model["vocab"].get)
    merges = [m if isinstance(m, list) else m.split(" ") for m in model["merges"]]
    # what remains is the published arrangement: spaces replaced, then BPE over the whole text
    plain = tokenizers.Tokenizer(tokenizers.models.BPE(
        vocab=model["vocab"], merges=[tuple(m) for m in merges], byte_fallback=True, fuse_unk=True,
        unk_token="<unk>"))
    plain.normalizer = tokenizers.normalizers.Replace(" ", "\u2581")
    types = [6 if v.startswith("<0x") else 3 if i < 6 else 1 for i, v in enumerate(vocab)]
    h = scripted.Header()
    h.text("general.architecture", "llama")
    h.text("tokenizer.ggml.model", "gemma4")
    h.texts("tokenizer.ggml.tokens", vocab)
    h.ints("tokenizer.ggml.token_type", types)
    h.texts("tokenizer.ggml.merges", [" ".join(m) for m in merges])
    h.u32("tokenizer.ggml.bos_token_id", 2)
    h.u32("tokenizer.ggml.eos_token_id", 1)
    h.u32("tokenizer.ggml.unknown_token_id", 3)
    path = str(folder / "gemma.gguf")
    scripted.write(path, h, {"token_embd.weight": scripted.Matrix(32, 1)})
    return plain, path


def test_gemma_tokens(weir, tmp_path):
    plain, path = gemma_vocabulary(tmp_path)
    n = 0
    for text in [*texts(min(COUNT // 15, 1500), seed=9), "", " ", "\n\n a", "<eos>", "\u2581"]:
        done = subprocess.run([weir, "model", "tokenize", path], input=text.encode(), capture_output=True,
                              check=True)
        ids = json.loads(done.stdout)
        assert ids == plain.encode(text).ids, ascii(text)
        back = subprocess.run([weir, "model", "detokenize", path], input=json.dumps(ids).encode(),
                              capture_output=True, check=True)
        assert back.stdout.decode() == text.replace("\u2581", " ")
        n += len(ids)
    assert n > 500


def test_unknown_rules_are_refused(weir, tmp_path):
    for kind, pre, words in (("gpt2", "qwen36", 'pre "qwen36" is not built in'),
                             ("bert", "", 'model "bert" is not built in')):
        h = scripted.Header()
        h.text("general.architecture", "llama")
        h.text("tokenizer.ggml.model", kind)
        h.text("tokenizer.ggml.pre", pre)
        h.texts("tokenizer.ggml.tokens", ["a", "b", "ab"])
        h.texts("tokenizer.ggml.merges", ["a b"])
        scripted.write(str(tmp_path / "x.gguf"), h, {"token_embd.weight": scripted.Matrix(32, 1)})
        done = subprocess.run([weir, "model", "tokenize", str(tmp_path / "x.gguf")], input=b"ab",
                              capture_output=True, check=False)
        assert done.returncode == 2 and words in done.stderr.decode() and "kimi-k2" in done.stderr.decode() + \
            ("" if kind == "gpt2" else "kimi-k2")
