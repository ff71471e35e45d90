"""Goal: no disguise and no odd place carries an e-mail address, a card number or a secret to a back end that may only
see it redacted, or not at all.

Method: one EU back end, pinned. Every disguise of one address, one card and one secret, in every place of a request
that has room for it. The oracle reads what the stand-in wrote down, takes every disguise off again (JSON, entities,
percent, base64, compatibility forms, invisible characters, separators) and looks for the datum.
"""
import base64
import html
import json
import re
import unicodedata
import urllib.parse

import pytest

import harness

MAIL, CARD, SECRET = "anna.kowalska@example.eu", "4111111111111111", "AKIAIOSFODNN7EXAMPLQ"


@pytest.fixture(scope="module")
def red(tmp_path_factory, weir):
    top = tmp_path_factory.mktemp("red")
    eu, us = harness.StandIn(str(top / "eu"), "eu"), harness.StandIn(str(top / "us"), "us")
    an = harness.StandIn(str(top / "an"), "an", dialect="anthropic")
    more = {name: harness.StandIn(str(top / name), name, dialect=dialect) for name, dialect in (
        ("gem", "gemini"), ("az", "azure-openai"), ("mis", "mistral"), ("usgem", "gemini"), ("co", "cohere"),
        ("bed", "bedrock"))}
    g = harness.Gateway(
        str(top / "gw"), weir,
        backends=[harness.backend("eu", eu, "EU", models=("gpt-x",)),
                  harness.backend("us", us, "US", basis="dpf", reference="DPF-1", models=("m", "standin-status=500")),
                  harness.backend("eufail", eu, "EU", models=("standin-status=500",)),
                  harness.backend("an", an, "EU", models=("claude-x",)),
                  harness.backend("gem", more["gem"], "EU", models=("gemini-3-flash", "standin-status=500")),
                  harness.backend("az", more["az"], "EU", models=("gpt-x",)),
                  harness.backend("mis", more["mis"], "EU", models=("mistral-x",)),
                  harness.backend("co", more["co"], "EU", models=("command-x", "standin-status=500")),
                  harness.backend("bed", more["bed"], "EU", models=("claude-x",)),
                  harness.backend("usgem", more["usgem"], "US", basis="dpf", reference="DPF-2", models=("m",))],
        routing="  commodity: [eu/gpt-x]\n"
                "  aliases: { us-first: [us/m, eu/gpt-x], falls: [eufail/standin-status=500, eu/gpt-x, us/m],\n"
                "             changes: [eufail/standin-status=500, an/claude-x, us/m],\n"
                "             clouds: [gem/standin-status=500, usgem/m, mis/mistral-x, az/gpt-x],\n"
                "             more: [co/standin-status=500, usgem/m, bed/claude-x] }")
    g.other = an  # the other dialect, also in the EU
    g.more = more  # further dialects, one of them in the US
    yield g, eu, us
    g.kill()
    for s in (eu, us, an, *more.values()):
        s.kill()


def unbase64(run):
    """What a run of base64 or base64url says, read from each of its first four characters."""
    run = run.translate(str.maketrans("-_", "+/"))
    whole = (run[i:len(run) if (len(run) - i) % 4 != 1 else -1] for i in range(4))
    return " ".join(base64.b64decode(r + "=" * (-len(r) % 4)).decode("utf-8", "replace") for r in whole)


def bare(text):
    """text without any disguise, for looking only."""
    for _ in range(3):
        text = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda m: chr(int(m.group(1), 16)), text)
        text = html.unescape(urllib.parse.unquote(text))
    text += "".join(" " + unbase64(run) for run in re.findall(r"[A-Za-z0-9+/_-]{16,}", text))
    text = unicodedata.normalize("NFKC", text)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    return text.translate(str.maketrans("аеорсухіЅ", "aeopcyxiS")).lower()


def leaked(record):
    text = bare(json.dumps(record["body"], ensure_ascii=False) + record["body_text"])
    digits = re.sub(r"\D", "", re.sub(r'"(created|max_tokens)":\d+', "", text))
    return [what for what, there in (("mail", "kowalska" in text), ("card", CARD in digits),
                                     ("secret", SECRET.lower() in text)) if there]


def send(red, body, **headers):
    """(status, what the stand-ins got)."""
    g, eu, us = red
    before = len(eu.received()), len(us.received())
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, head, answer = g.request("POST", "/v1/chat/completions", raw, headers)
    return status, eu.received()[before[0]:], us.received()[before[1]:], head, answer


def user(text, **more):
    return {"model": "eu/gpt-x", "messages": [{"role": "user", "content": text}], **more}


def wide(s):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in s)


DISGUISES = {
    "plain": lambda s: s,
    "upper case": str.upper,
    "zero width": lambda s: "\u200b".join(s),
    "word joiner": lambda s: "\u2060".join(s),
    "soft hyphen": lambda s: "\u00ad".join(s),
    "variation selector": lambda s: "\ufe0f".join(s),
    "tags": lambda s: "\U000e0041".join(s),
    "combining grapheme joiner": lambda s: "\u034f".join(s),
    "hangul filler": lambda s: "\u3164".join(s),
    "mongolian separator": lambda s: "\u180e".join(s),
    "accents": lambda s: "".join(c + "\u0301" if c.isalpha() else c for c in s),
    "full width": wide,
    "mathematical": lambda s: "".join(chr(0x1D41A + ord(c) - 97) if "a" <= c <= "z" else
                                      chr(0x1D7CE + ord(c) - 48) if c.isdigit() else c for c in s),
    "circled": lambda s: "".join(chr(0x24D0 + ord(c) - 97) if "a" <= c <= "z" else c for c in s),
    "cyrillic look-alikes": lambda s: s.translate(str.maketrans("aeopcyx", "аеорсух")),
    "bidi": lambda s: "\u202a" + s + "\u202c",
    "json escape": lambda s: "".join(f"\\u{ord(c):04x}" for c in s),
    "json escape twice": lambda s: "".join(f"\\\\u{ord(c):04x}" for c in s),
    "percent": lambda s: "".join(f"%{ord(c):02x}" for c in s),
    "percent of the at": lambda s: s.replace("@", "%40"),
    "percent twice": lambda s: s.replace("@", "%2540"),
    "entities": lambda s: "".join(f"&#{ord(c)};" for c in s),
    "hex entities": lambda s: "".join(f"&#x{ord(c):x};" for c in s),
    "entity of an entity": lambda s: s.replace("@", "&amp;#64;"),
    "nested JSON": lambda s: json.dumps({"a": json.dumps({"b": s})}),
    "url": lambda s: "https://h.example/?q=" + urllib.parse.quote(s) + "&x=1",
    "base64": lambda s: base64.b64encode(s.encode()).decode(),
    "base64url": lambda s: base64.urlsafe_b64encode(f"the value is <{s}>?".encode()).decode().rstrip("="),
    "base64 in lines": lambda s: base64.encodebytes(f"{'lorem ipsum ' * 8}{s}{' dolor sit' * 8}".encode()).decode(),
    "base64 in a URL": lambda s: "https://h.example/a/b/" + base64.urlsafe_b64encode(s.encode()).decode() + "?x=1",
    "mailto": lambda s: f"<a href='mailto:{s}'>x</a>",
    "markdown": lambda s: f"**{s}** `{s}` [{s}](x)",
    "in a word": lambda s: f"\"{s}\",",
    "line ends": lambda s: f"\r\n{s}\r\n",
    "NUL escape": lambda s: f"\\u0000{s}\\u0000",
    "arabic digits": lambda s: "".join(chr(0x660 + int(c)) if c.isdigit() else c for c in s),
    "groups of four": lambda s: "-".join(s[i:i + 4] for i in range(0, 16, 4)) if s.isdigit() else s,
    "non-breaking groups": lambda s: "\u00a0".join(s[i:i + 4] for i in range(0, 16, 4)) if s.isdigit() else s,
}


@pytest.mark.parametrize("name", list(DISGUISES))
def test_disguises(red, name):
    hide = DISGUISES[name]
    for datum in (MAIL, CARD, SECRET):
        text = f"Please look at this: {hide(datum)} and say what it is"
        status, eu, us, _, answer = send(red, user(text))
        assert not us
        assert status == (403 if datum == SECRET else 200) or (status == 403 and not eu), (datum, status, answer[:200])
        for r in eu:
            assert not leaked(r), (name, r["body_text"][:300])


@pytest.mark.parametrize("edge", [4096, 8192, 16384, 32768, 65536, 131072, 262144, 1 << 20])
def test_no_buffer_edge_hides_a_datum(red, edge):
    """The datum begins at, before and after each power of two; also as the very last bytes."""
    for filler in ("lorem ipsum ", "\u00e9t\u00e9 \u200b"):
        for shift in (-len(MAIL) - 1, -len(MAIL), -12, -1, 0, 1):
            if edge > 70000 and shift not in (-12, 0):
                continue
            fill = (filler * (edge // len(filler.encode()) + 1)).encode()[:edge + shift].decode("utf-8", "ignore")
            status, eu, us, _, answer = send(red, user(fill + " " + MAIL))
            assert status == 200 or (status == 403 and not eu), (status, answer[:300])
            assert not us
            for r in eu:
                assert not leaked(r), (edge, shift, filler)


def test_many_findings_are_all_replaced(red):
    text = " ".join(f"u{i}.kowalska@example{i}.eu" for i in range(20000))
    status, eu, us, head, _ = send(red, user(text))
    assert status in (200, 403) and not us
    for r in eu:
        assert not leaked(r)
        assert "[EMAIL_20000]" in r["body_text"]


PLACES = {
    "seed": lambda d: user("hi", seed=int(d)) if d.isdigit() else None,
    "number in metadata": lambda d: user("hi", metadata={"card": int(d)}) if d.isdigit() else None,
    "real number": lambda d: user("hi", metadata={"card": float(d)}) if d.isdigit() else None,
    "array of numbers": lambda d: user("hi", x=[1, [int(d)]]) if d.isdigit() else None,
    "logit_bias key": lambda d: user("hi", logit_bias={d: 1}),
    "stream_options": lambda d: user("hi", stream=True, stream_options={"x": d, "include_usage": True}),
    "stream_options key": lambda d: user("hi", stream=True, stream_options={d: 1}),
    "tool_choice name": lambda d: user("hi", tools=[{"type": "function", "function": {"name": "f"}}],
                                       tool_choice={"type": "function", "function": {"name": d}}),
    "tool_choice unknown": lambda d: user("hi", tool_choice={"type": "custom", "custom": {"name": d}}),
    "tool_choice extra": lambda d: user("hi", tools=[{"type": "function", "function": {"name": "f"}}], tool_choice={
        "type": "function", "x": d, "function": {"name": "f", "y": d}}),
    "tool name": lambda d: user("hi", tools=[{"type": "function", "function": {"name": d}}]),
    "tool extra": lambda d: user("hi", tools=[{"type": "function", "x": d, "function": {"name": "f", "y": {d: [d]}}}]),
    "tool of another type": lambda d: user("hi", tools=[{"type": "web_search", "location": d}]),
    "tool type": lambda d: user("hi", tools=[{"type": d, "x": 1}]),
    "schema key": lambda d: user("hi", tools=[{"type": "function", "function": {
        "name": "f", "parameters": {"properties": {d: {"enum": [d], "default": d}}}}}]),
    "response_format": lambda d: user("hi", response_format={"type": "json_schema", "json_schema": {
        "name": "n", "schema": {"const": d}}}),
    "prediction": lambda d: user("hi", prediction={"type": "content", "content": d}),
    "tool_call id": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a"},
        {"role": "assistant", "tool_calls": [{"id": d, "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"role": "tool", "tool_call_id": d, "content": "x"}]},
    "tool arguments no JSON": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{\"a\": " + d}}]},
        {"role": "tool", "tool_call_id": "c", "content": "x"}]},
    "tool arguments number": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps({"n": d, d: 1})}}]},
        {"role": "tool", "tool_call_id": "c", "content": "x"}]},
    "tool arguments duplicate keys": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "tool_calls": [
            {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a":"%s","a":"x"}' % d}}]},
        {"role": "tool", "tool_call_id": "c", "content": "x"}]},
    "refusal": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "refusal": d, "reasoning_content": d},
        {"role": "user", "content": "b"}]},
    "message extra": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a", "x": {"deep": [[[[{d: d}]]]]}}]},
    "part extra": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a", "cache_control": {"type": d}}]}]},
    "part of another type": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "note", "note": d}]}]},
    "function_call": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": "b",
                                           "function_call": {"name": d, "arguments": d}}]},
    "user with tool_calls": lambda d: {"model": "eu/gpt-x", "messages": [
        {"role": "user", "content": "a", "tool_calls": [{"function": {"arguments": d}}]}]},
    "stops": lambda d: user("hi", stop=["a", d, "b"]),
    "user id": lambda d: user("hi", user=d, safety_identifier=d, prompt_cache_key=d),
    "deep": lambda d: user("hi", x=json.loads("[" * 50 + json.dumps(d) + "]" * 50)),
    "huge array": lambda d: user("hi", x=["n"] * 50000 + [d]),
    "service_tier": lambda d: user("hi", service_tier=d),
    "image address": lambda d: user([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {
        "url": f"https://h.example/{d}.png", "detail": d}}]),
    "image data": lambda d: user([{"type": "text", "text": "see"}, {"type": "image_url", "image_url": {
        "url": "data:text/plain;base64," + base64.b64encode(f"the value is {d} here".encode()).decode()}}]),
    "audio": lambda d: user([{"type": "input_audio", "input_audio": {
        "data": base64.b64encode(f"the value is {d} here".encode()).decode(), "format": d}}]),
    "file name": lambda d: user([{"type": "file", "file": {"filename": f"{d}.pdf", "file_id": d}}]),
    "file data": lambda d: user([{"type": "file", "file": {"filename": "a.txt", "file_data":
        "data:text/plain;base64," + base64.b64encode(f"the value is {d} here".encode()).decode()}}]),
    "name of who speaks": lambda d: {"model": "eu/gpt-x", "messages": [{"role": "user", "content": "hi", "name": d}]},
    "developer": lambda d: {"model": "eu/gpt-x", "messages": [{"role": "developer", "content": d},
                                                              {"role": "user", "content": "hi"}]},
    "custom tool": lambda d: user("hi", tools=[{"type": "custom", "custom": {
        "name": "f", "description": d, "format": {"type": "grammar", "definition": d}}}]),
    "mcp tool": lambda d: user("hi", tools=[{"type": "mcp", "server_label": d, "server_url": f"https://h.example/{d}",
                                             "headers": {"Authorization": d}}]),
    "search options": lambda d: user("hi", web_search_options={"user_location": {"approximate": {"city": d}}}),
    "model-like": lambda d: user("hi", models=[d], route=d, provider={"order": [d]}),
}


@pytest.mark.parametrize("where", list(PLACES))
def test_places(red, where):
    for datum in (MAIL, CARD, SECRET):
        body = PLACES[where](datum)
        if body is None:
            continue
        status, eu, us, _, answer = send(red, body)
        assert status in (200, 400, 403), (where, status, answer[:300])
        assert not us
        if datum == SECRET:
            assert not eu, (where, eu[0]["body_text"][:300])
        for r in eu:
            assert not leaked(r), (where, datum, r["body_text"][:300])


@pytest.mark.parametrize("where", list(PLACES))
def test_places_in_the_other_dialect(red, where):
    """The same through a translation: what it drops is dropped, what it carries is redacted."""
    an = red[0].other
    for datum in (MAIL, CARD, SECRET):
        body = PLACES[where](datum)
        if body is None:
            continue
        body["model"], before = "an/claude-x", len(an.received())
        status, eu, us, _, answer = send(red, body)
        assert status in (200, 400, 403), (where, status, answer[:300])
        assert not us and not eu
        got = an.received()[before:]
        assert (status == 200) == bool(got)
        assert not (datum == SECRET and got), (where, got[0]["body_text"][:300])
        for r in got:
            assert not leaked(r), (where, datum, r["body_text"][:300])


def test_split_over_parts(red):
    for parts in (["write to anna.kowa", "lska@example.eu now"], ["anna.kowalska@", "example.eu"],
                  ["card 4111 1111 ", "1111 1111"]):
        body = {"model": "eu/gpt-x", "messages": [{"role": "user", "content": [
            {"type": "text", "text": t} for t in parts]}]}
        status, eu, us, _, _ = send(red, body)
        assert status in (200, 403) and not us
        for r in eu:
            joined = bare("".join(p["text"] for p in r["body"]["messages"][0]["content"])
                          if isinstance(r["body"]["messages"][0]["content"], list)
                          else r["body"]["messages"][0]["content"])
            assert "kowalska@" not in joined and CARD not in re.sub(r"\D", "", joined), joined


def test_headers_and_gateway_fields_stay_here(red):
    g = red[0]
    canaries = {
        "x-canary": "canary-h1", "user-agent": "canary-h2", "cookie": "c=canary-h3", "anthropic-beta": "canary-h4",
        "openai-organization": "canary-h5", "openai-beta": "canary-h6", "idempotency-key": "canary-h7",
        "x-weir-subject": "canary-h8", "x-request-id": "canary-h9", "x-client-request-id": "canary-h10",
        "forwarded": "for=canary-h11", "x-forwarded-for": "canary-h12", "referer": "https://canary-h13/",
        "traceparent": "canary-h14", "baggage": "canary-h15", "accept-language": "canary-h16", "te": "canary-h17",
        "x-stainless-lang": "canary-h18", "connection": "x-canary",
    }
    status, eu, us, _, answer = send(red, user("hello"), **canaries)
    assert status == 200 and len(eu) == 1 and not us, answer[:300]
    text = json.dumps(eu[0])
    assert "canary-h" not in text, re.findall(r"canary-h\d+", text)
    assert g.key not in text
    assert set(k.lower() for k in eu[0]["headers"]) <= {
        "host", "user-agent", "content-type", "accept-encoding", "accept", "content-length", "x-client-request-id",
        "authorization"}, eu[0]["headers"]
    assert not any(k.startswith("x_weir") or k.startswith("weir") for k in eu[0]["body"])


@pytest.mark.parametrize("value", ["us", "US ", "EU,US", "EU, US", "*", "", "eu", "EU;US", "on_premises", "a" * 5000,
                                   "\u00c9U", "EU\tUS"])
def test_odd_regions_never_widen(red, value):
    for model in ("us/m", "us-first"):
        status, eu, us, head, answer = send(red, {"model": model, "messages": [
            {"role": "user", "content": f"Mail {MAIL}"}]}, **{"x-weir-region": value.encode().decode("latin-1")})
        assert status in (200, 400, 403, 431), (value, status, answer[:200])
        assert not us, f"region {value!r} let personal data to the US"
        for r in eu:
            assert not leaked(r)


@pytest.mark.parametrize("value", ["hard", "HARD", "hard,commodity", "../us", "us/m", "\x7f", "x" * 4000])
def test_odd_tiers_never_widen(red, value):
    status, eu, us, _, answer = send(red, user(f"Mail {MAIL}", model="auto"), **{"x-weir-tier": value})
    assert status in (200, 400, 403), (status, answer[:200])
    assert not us and not any(leaked(r) for r in eu)


def test_a_fallback_gets_the_redacted_copy_too(red):
    for stream in (False, True):
        status, eu, us, head, answer = send(red, {"model": "falls", "stream": stream, "messages": [
            {"role": "user", "content": f"Repeat {MAIL} and {CARD}"}]})
        assert status == 200 and len(eu) == 2 and not us, (status, len(eu), answer[:300])
        assert head["x-weir-route"] == "eu/gpt-x"
        assert not any(leaked(r) for r in eu)
        if not stream:
            assert MAIL in json.loads(answer)["choices"][0]["message"]["content"]


@pytest.mark.parametrize("name", ["us/m\r\nX-Evil: 1", "us/m\u0000", "eu/gpt-x\n", "eu/../us/m", "https://evil.example/v1",
                                  "us/m ", " us/m", "US/m", "us//m", "us/m?x=1", "us/m#", "\u202eus/m", "x" * 100000])
def test_a_model_name_is_never_a_way(red, name):
    status, eu, us, _, answer = send(red, {"model": name, "messages": [{"role": "user", "content": f"Mail {MAIL}"}]})
    assert status in (400, 403, 404), (name[:40], status, answer[:200])
    assert not eu and not us
    json.loads(answer)


def test_personal_data_in_a_pinned_us_model_under_every_disguise(red):
    for name, hide in DISGUISES.items():
        status, eu, us, _, _ = send(red, user(f"Mail {hide(MAIL)} today", model="us/m"))
        assert not us, f"{name}: {us[0]['body_text'][:200]}"
        assert status == 403, name


def test_a_header_does_not_take_back_what_the_key_declares(red):
    """A key for patient letters (special data) stays one when a header names a harmless use case."""
    g, eu, us = red
    key = g.command("key", "new", "-c", g.config, "--tenant", "acme", "--name", "ward", "--use-case",
                    "health").stdout.decode().strip()
    before = len(eu.received()) + len(us.received())
    body = {"model": "eu/gpt-x", "messages": [{"role": "user", "content": "canary-ward"}]}

    def known():
        status, _, _ = g.request("POST", "/v1/chat/completions", body, key=key)
        return status if status != 401 else 0
    assert harness.wait_for("the key", known, 30, 0.5) == 403
    for use_case in ("support", "health", ""):
        status, _, answer = g.request("POST", "/v1/chat/completions", body, {"x-weir-use-case": use_case}, key=key)
        assert status == 403, (use_case, answer[:300])
    assert len(eu.received()) + len(us.received()) == before
