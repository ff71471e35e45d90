"""Goal: whatever place, disguise, route, stream, fallback or reload a request comes with, no byte of a canary reaches
a back end that may not have it.

Method: random requests. Each plants one canary made for it alone (an address, a card or an account that passes its
check, a key) in a random place of the request, under a random disguise, asks for a pinned model, an alias whose first
back end fails (the next may speak another dialect), or auto, in any of the clients' dialects, with a stream or not, on four connections at once, while
the policy is swapped for an equal one now and then. Afterwards all that the stand-ins wrote down is undressed and searched for every canary. Repeats itself
for the same seed: WEIR_CANARIES=N requests (500), WEIR_CANARY_SEED=S (1).
"""
import json
import os
import random
import re
import signal
import threading

import canary_places
import harness
import places_messages
from test_redteam_residency import DISGUISES, PLACES, bare, red  # noqa: F401

N = int(os.environ.get("WEIR_CANARIES", "500"))
SEED = int(os.environ.get("WEIR_CANARY_SEED", "1"))

# Places of text; those of the red team's module, and the plain ones.
TEXT_PLACES = {
    "user": lambda d: {"messages": [{"role": "user", "content": d}]},
    "system": lambda d: {"messages": [{"role": "system", "content": d}, {"role": "user", "content": "hi"}]},
    "history": lambda d: {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": d},
                                       {"role": "user", "content": "b"}]},
    "part": lambda d: {"messages": [{"role": "user", "content": [{"type": "text", "text": "see"},
                                                                 {"type": "text", "text": d}]}]},
    "tool result": lambda d: {"messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
                                              "function": {"name": "f", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "c", "content": d}]},
}


CHAT = "/v1/chat/completions"
MESSAGES = (places_messages.TEXT, places_messages.PLAIN)
PATHS = {CHAT: (TEXT_PLACES, PLACES)} | {p: (canary_places.TEXT[p], canary_places.ODD[p]) for p in canary_places.TEXT} | {
    "/v1/messages": MESSAGES, "/v1/messages/count_tokens": MESSAGES}


def luhn(digits):
    total = sum(sum(divmod(int(d) * (2 if i % 2 == 0 else 1), 10)) for i, d in enumerate(reversed(digits)))
    return digits + str(-total % 10)


def iban(rng):
    bban = f"{rng.randrange(10 ** 18):018d}"
    return f"DE{98 - int(bban + '131400') % 97:02d}{bban}"


def canary(rng, n):
    """(what it is, the canary, what to look for in undressed text)"""
    kind = rng.choice(["mail", "card", "iban", "key"])
    word = "".join(rng.choice("abcdefghijklmnopqrstuvwxyz") for _ in range(10))
    if kind == "mail":
        return kind, f"{word}.{n}@firma-{n}.example", word
    if kind == "card":
        number = luhn("4" + f"{rng.randrange(10 ** 14):014d}")
        return kind, number, number
    if kind == "iban":
        number = iban(rng)
        return kind, number, number[4:]
    key = "AKIA" + "".join(rng.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16))
    return kind, key, key.lower()


def request(rng, n):
    kind, value, look = canary(rng, n)
    hide = rng.choice(list(DISGUISES))
    while kind == "iban" and hide in ("groups of four", "mathematical", "circled"):
        hide = rng.choice(list(DISGUISES))  # made for the others' shapes
    path = rng.choice([CHAT, *PATHS, "/v1/responses", "/v1/messages"])
    plain, odd = PATHS[path]
    where = rng.choice(list(plain) * (1 + 4 * len(odd) // (5 * len(plain))) + list(odd))
    if where in plain:
        body = plain[where](f"Please note {DISGUISES[hide](value)} for later")
    else:
        hide, body = "plain", odd[where](value) or next(iter(plain.values()))(value)
    body["model"] = rng.choice(["eu/gpt-x", "falls", "us-first", "auto", "an/claude-x", "changes", "clouds",
                                "gem/gemini-3-flash", "az/gpt-x", "mis/mistral-x", "usgem/m", "more", "co/command-x", "bed/claude-x"])
    if path.endswith("tokens") and rng.random() < 0.7:
        body["model"] = "an/claude-x"  # the only one that counts
    body["stream"] = rng.random() < 0.5 and not path.endswith("tokens")
    if not body["stream"]:
        body.pop("stream_options", None)
    return kind, look, f"{path} {where}", hide, body, path


def digits_only(text):
    return re.sub(r"\D", "", text)


def odd_path(path):
    return not re.fullmatch(r"/v1/(chat/completions|messages(/count_tokens)?)|/openai/v1/chat/completions|/v1beta/models/[a-z0-9.%-]+"
                            r":(generateContent|streamGenerateContent\?alt=sse)|/v2/chat|/model/claude-x/converse(-stream)?", path, re.I)


def test_no_canary_arrives(red):  # noqa: F811
    g, eu, us = red
    rng = random.Random(SEED)
    todo = [request(rng, i) for i in range(N)]
    start = len(eu.received()), len(us.received()), len(g.other.received())
    more = {name: len(s.received()) for name, s in g.more.items()}
    answered, lock, stop = {}, threading.Lock(), threading.Event()

    def work(part):
        for i in part:
            status, _, _ = g.request("POST", todo[i][5], json.dumps(todo[i][4]).encode())
            with lock:
                answered[i] = status

    def swap():
        flip = 0
        while not stop.wait(0.7):
            flip += 1
            path = os.path.join(g.folder, "policy.yaml")
            with open(path, encoding="utf-8") as f:
                text = re.sub(r"\n# swap \d+\n$", "\n", f.read())
            with open(path, "w", encoding="utf-8") as f:
                f.write(text + f"# swap {flip}\n")
            g.process.send_signal(signal.SIGHUP)

    threads = [threading.Thread(target=work, args=(range(k, N, 4),)) for k in range(4)]
    swapper = threading.Thread(target=swap)
    for t in threads + [swapper]:
        t.start()
    for t in threads:
        t.join()
    stop.set()
    swapper.join()

    bodies = [("eu", r) for r in eu.received()[start[0]:]] + [("us", r) for r in us.received()[start[1]:]]
    bodies += [("an", r) for r in g.other.received()[start[2]:]]
    bodies += [(name, r) for name, s in g.more.items() for r in s.received()[more[name]:]]
    texts = [bare(json.dumps(r["body"], ensure_ascii=False) + r["body_text"]) for _, r in bodies]
    all_text, all_digits = "\n".join(texts), "\n".join(digits_only(t) for t in texts)
    leaks = []
    for kind, look, where, hide, body, _ in todo:
        there = look in all_digits if kind in ("card", "iban") else look in all_text
        if there:
            leaks.append((kind, where, hide, body["model"]))
    assert not leaks, leaks[:10]
    assert not [r for where, r in bodies if where in ("us", "usgem") and "note" in r["body_text"]
                and "@" in bare(r["body_text"])]
    assert not [r for _, r in bodies if odd_path(r["path"])], "an address holds what the configuration says"
    assert len(answered) == N and set(answered.values()) <= {200, 400, 403, 502, 503}, set(answered.values())
    for path in PATHS:
        asked = [answered[i] for i in range(N) if todo[i][5] == path]
        assert asked.count(200) > len(asked) // 8, f"{path}: what may leave redacted is answered, so there is much to read"
    assert {"eu", "an", "gem", "az", "mis", "co", "bed"} <= {where for where, _ in bodies}, "something arrived, in each dialect"
    harness.wait_for("the log", lambda: g.verify()[0] == 0, 20)
