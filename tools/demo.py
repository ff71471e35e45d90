#!/usr/bin/env python3
"""`make demo`: the whole path in front of your eyes.

Starts a stand-in for a closed API (or uses the real one, if OPENAI_API_KEY is set), starts Weir on loopback,
sends a handful of requests through the official `openai` SDK over TLS, prints what was answered, where
and why, shows what reached the stand-in, verifies the log, stops. Ends 0 only if all of it worked.

usage: demo.py [--weir build/weir] [--keep]
"""
import argparse
import json
import os
import shutil
import ssl
import sys
import textwrap
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))
import harness  # noqa: E402  (the tests' way of starting a gateway serves the demo too)

COLOUR = sys.stdout.isatty()
IBAN = "DE89 3704 0044 0532 0130 00"
MAIL = "anna.kowalska@example.eu"

REQUESTS = [
    ("commodity", "What is the capital of Germany?", False,
     "an easy question: the model in the house answers it"),
    ("hard", "Prove that for every prime p > 3 the number p^2 - 1 is divisible by 24, then design a "
             "fault-tolerant distributed algorithm that verifies the claim for all primes up to 10^12, "
             "analyse its complexity step by step and discuss its failure modes.", True,
     "a hard one without personal data: it may go to the closed API"),
    ("personal, hard", f"Write to {MAIL} about the refund to {IBAN}: derive step by step, with a proof of "
                       "each legal and arithmetic step, the interest owed under three different "
                       "compounding schemes, compare them, and justify which one a court would apply.",
     True, "hard, with personal data: it may go to the EU only, and e-mail and IBAN are replaced on the way"),
    ("special, hard", "Our employee Jan Nowak was diagnosed with depression and is on sick leave. Analyse step by "
                      "step, with all legal and medical considerations, whether and how his contract can be ended.",
     False, "hard, but about somebody's health (GDPR Art. 9): it stays in the house"),
]


def say(text="", style=None):
    codes = {"head": "1;36", "good": "32", "bad": "31", "dim": "2"}
    if COLOUR and style:
        text = f"\033[{codes[style]}m{text}\033[0m"
    print(text, flush=True)


def wrap(label, text):
    text = " ".join(str(text).split())
    body = textwrap.fill(text, 96, initial_indent="", subsequent_indent=" " * 12)
    say(f"  {label:9} {body}")


class Failed(Exception):
    pass


def expect(what, holds):
    if not holds:
        raise Failed(what)


def ask(client, label, text, stream):
    """Sends one request; (answer, headers, seconds)."""
    start = time.monotonic()
    raw = client.chat.completions.with_raw_response.create(
        model="auto", messages=[{"role": "user", "content": text}], stream=stream, max_tokens=48,
        temperature=0)
    if stream:
        answer = "".join(c.choices[0].delta.content or "" for c in raw.parse() if c.choices)
    else:
        answer = raw.parse().choices[0].message.content
    return answer, raw.headers, time.monotonic() - start


def show(gateway, label, text, why, answer, head, took):
    leaf = next(x for x in gateway.leaves() if x["req"] == head["x-request-id"] and x["ev"] == "req.intent")
    decision = leaf["decision"]
    say()
    say(f"{label}: {why}", "head")
    wrap("asked", text)
    wrap("answered", answer)
    say(f"  route     {head['x-weir-route']}   tier {head['x-weir-tier']}   difficulty "
        f"{head['x-weir-difficulty']}   {took:.1f} s")
    say(f"  data      {', '.join(decision['data'])}   rules {', '.join(decision['rules']) or '-'}")
    if head.get("x-weir-redacted"):
        say(f"  redacted  {head['x-weir-redacted']} (restored in the answer)")
    wrap("reason", decision["reason"])
    for c in decision["candidates"]:
        if not c["allowed"]:
            wrap("refused", f"{c['backend']}: {c['reason']}")
    say(f"  log       record {head['x-weir-log-index']}, policy {decision['policy'][:23]}…", "dim")
    return decision


def run(args):
    import httpx
    import openai

    folder = os.path.join(ROOT, "run", "demo")
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    model = os.path.join(ROOT, "run", "models", "smollm2-135m-moe.gguf")
    real_key = os.environ.get("OPENAI_API_KEY")
    standin = None
    if real_key:
        url = os.environ.get("OPENAI_BASE_URL", "https://eu.api.openai.com/v1")
        name = os.environ.get("WEIR_DEMO_MODEL", "gpt-5-mini")
        say(f"Using the real closed API at {url} (OPENAI_API_KEY is set), model {name}.", "head")
        back = harness.backend("closed-eu", None, "EU", api="openai", url=url, models=(name,))
    else:
        name = "gpt-x"
        standin = harness.StandIn(folder, "closed-api-stand-in")
        say("No OPENAI_API_KEY: the closed API is played by a STAND-IN of ours on "
            f"{standin.url}. It only repeats what it received.", "head")
        back = harness.backend("closed-eu", standin, "EU", models=(name,))
    gateway = None
    try:
        start = time.monotonic()
        gateway = harness.Gateway(
            os.path.join(folder, "weir"), args.weir, model=model, backends=[back],
            routing=f"  commodity: [local/home]\n  hard: [closed-eu/{name}]\n  threshold: 0.5\n"
                    "  when_hard_is_denied: local",
            env={"STANDIN_KEY": real_key} if real_key else None)
        say(f"Weir is up on {gateway.base_url} after {time.monotonic() - start:.1f} s: a Mixture-of-Experts "
            "form of SmolLM2-135M on this machine's CPU, one API key, an empty log.")
        client = openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0,
                               http_client=httpx.Client(
                                   verify=ssl.create_default_context(cafile=gateway.certificate)))
        routes = {}
        for label, text, stream, why in REQUESTS:
            answer, head, took = ask(client, label, text, stream)
            expect(f"{label}: an answer", answer and answer.strip())
            decision = show(gateway, label, text, why, answer, head, took)
            routes[label] = (head["x-weir-route"], answer, decision)

        expect("the easy question was answered at home", routes["commodity"][0] == "local/home")
        expect("the capital of Germany is Paris", "Berlin" in routes["commodity"][1])
        expect("the hard question was escalated", routes["hard"][0] == f"closed-eu/{name}")
        expect("the health question stayed at home", routes["special, hard"][0] == "local/home")
        expect("personal data was redacted", set(routes["personal, hard"][2]["redact"]) >= {"EMAIL", "IBAN"})

        say()
        if standin:
            say("What reached the stand-in:", "head")
            got = standin.received()
            for i, r in enumerate(got, 1):
                body = r["body"] if isinstance(r["body"], str) else json.dumps(r["body"])
                content = json.loads(body)["messages"][-1]["content"]
                wrap(f"{i}", content if isinstance(content, str) else json.dumps(content))
                for secret in (MAIL, IBAN, IBAN.replace(" ", ""), "Nowak", "depression"):
                    expect(f"{secret} stayed in the house", secret not in body)
            expect("exactly two requests left", len(got) == 2)
            expect("the placeholders were restored in the answer", MAIL in routes["personal, hard"][1])
            say("  No e-mail address, no IBAN, nothing of the health case.", "good")

        say()
        say("The log:", "head")
        code = gateway.stop()
        expect(f"weir serve ends 0 on SIGTERM (got {code})", code == 0)
        for leaf in gateway.leaves():
            detail = leaf.get("decision", {}).get("route") or leaf.get("status") or ""
            say(f"  {leaf['_index']:4} {leaf['ev']:14} {leaf.get('req', ''):38} {detail}", "dim")
        code, text = gateway.verify()
        say("  " + text.strip().replace("\n", "\n  "), "good" if code == 0 else "bad")
        expect("the log verifies", code == 0)
        say()
        say("All of it worked.", "good")
        return 0
    except Failed as e:
        say(f"NOT as promised: {e}", "bad")
        if gateway:
            say(open(gateway.log_path, encoding="utf-8").read()[-3000:], "dim")
        return 1
    finally:
        if gateway:
            gateway.kill()
        if standin:
            standin.kill()


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--weir", default=os.path.join(ROOT, "build", "weir"))
    a = args.parse_args()
    a.weir = os.path.abspath(a.weir)
    return run(a)


if __name__ == "__main__":
    sys.exit(main())
