"""Goal: who is on a list of people (GDPR Art. 18, 21) is found however the request is cut up.

Method: one gateway with a stand-in in the EU and nobody at home; each case is a request that a model reads as naming
the person. Oracle: the stand-in has received nothing of it.
"""
import base64
import json

import pytest

import harness
from test_redteam_large import rights

ERIKA, KD, TEL, IBAN, NAME = "erika.mustermann@example.com", "KD-2024-00817", "+49 170 1234567", "DE89 3704 0044 0532 0130 00", "Erika Mustermann"
EVERYBODY = (ERIKA, KD, TEL, IBAN, NAME)


def text(*parts):
    return [{"role": "user", "content": [{"type": "text", "text": p} for p in parts]}]


def turns(*parts, roles=("user", "assistant")):
    return [{"role": roles[i % len(roles)], "content": p} for i, p in enumerate(parts)]


def tool(arguments, *results):
    return [{"role": "user", "content": "look"},
            {"role": "assistant", "content": None, "tool_calls": [
                {"id": "a", "type": "function", "function": {"name": "f", "arguments": arguments}}]},
            *({"role": "tool", "tool_call_id": "a", "content": r} for r in results)]


CASES = {
    "as it stands": text(f"Write to {ERIKA} now."),
    "parts": text("The client KD-20", "24-008", "17 complains."),
    "parts with spaces": text("The client KD-2024 ", " 00817 complains."),
    "many spaces": text("The client KD-2024      -      00817 complains."),
    "a column": text("Erika\n            Mustermann"),
    "two turns": turns("It is about KD-2024-", "00817, I see."),
    "two turns of the user": turns("It is about KD-2024-", "Yes?", "00817, please."),
    "a turn in brackets": turns("It is about KD-2024-", "(00817), I see."),
    "a turn in square brackets": turns("It is about KD-2024", "[00817] I see."),
    "a turn in braces": turns("It is about KD-2024", "{00817} I see."),
    "three turns": turns("It is about KD-", "2024-", "00817, I see."),
    "a result that is JSON": tool("{}", "The client is KD-2024-", json.dumps(["00817", "late"])),
    "values of a call": tool(json.dumps({"a": "KD-2024-", "b": "00817"})),
    "values of a list": tool(json.dumps(["KD-2024-", "00817"])),
    "a name's two members": tool(json.dumps({"first": "Erika", "last": "Mustermann"})),
    "another order": text("Mustermann, Erika has paid."),
    "a name in capitals": text("ERIKA MUSTERMANN"),
    "base64": text("Decode " + base64.b64encode(f"the client {KD} is late".encode()).decode()),
    "short base64": text("Decode " + base64.b64encode(KD.encode()).decode()),
    "short base64 without padding": text("Decode:" + base64.urlsafe_b64encode(KD.encode()).decode().rstrip("=") + ", please"),
    "base64 of base64": text("Decode twice " + base64.b64encode(base64.b64encode(KD.encode())).decode()),
    "base64 in a tool's result": tool("{}", json.dumps({"x": base64.b64encode(KD.encode()).decode()})),
    "a name with another one between": text("Erika, geb. Maria, Mustermann"),
    "a name with an initial": text("Mustermann, Erika M. and Erika M. Mustermann"),
    "three pieces, others in between": [
        {"role": "user", "content": "KD-"}, {"role": "assistant", "content": "and then?"},
        {"role": "system", "content": "2024-"}, {"role": "assistant", "content": "and then?"}, {"role": "user", "content": "00817"}],
    "four pieces": turns("KD-", "20", "24-", "00817"),
    "escapes in JSON": tool('{"a":"KD\\u002d2024\\u002d00817"}'),
    "percent": text("mail=erika%2Emustermann%40example%2Ecom"),
    "a URL": text("https://crm.example/c?id=KD-2024-00817&x=1"),
    "an account in groups": text("DE89.3704.0044.0532.0130.00"),
    "full-width": text("ＫＤ－２０２４－００８１７"),
    "zero-width": text("KD\u200b-20\u200b24-00\u200d817"),
    "a soft hyphen": text("KD-20\u00ad24-00817"),
    "dashes": text("KD\u20132024\u201300817"),
    "Cyrillic look-alikes": text("\u041aD-2024-00817"),
    "(at)": text("erika.mustermann (at) example (dot) com"),
    "markdown": text("KD-**2024**-00817"),
    "a table": text("| KD | 2024 | 00817 |"),
    "a telephone number": text("Ring 0170/1234567 at six."),
    "parts of a telephone number": text("Ring 0170 12", "34567."),
}


@pytest.fixture(scope="module")
def eu(tmp_path_factory):
    s = harness.StandIn(str(tmp_path_factory.mktemp("standin")), "eu")
    yield s
    s.kill()


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, eu):
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, backends=[harness.backend("eu", eu, "EU")],
                        policy="version: 1\ndefault: { location: [on_premises, EU] }\n",
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]")
    for who in EVERYBODY:
        rights(g, "add", who)
    harness.wait_for("the lists", lambda: f'weir_rights_entries{{list="objected"}} {len(EVERYBODY)}\n'
                     in g.get("/metrics", port=g.admin_port)[2].decode())
    yield g
    g.kill()


@pytest.mark.parametrize("case", CASES)
def test_gdpr_art_21_an_identifier_that_is_cut_up(gw, eu, case):
    before = len(eu.received())
    status, _, raw = gw.request("POST", "/v1/chat/completions", json.dumps({"model": "auto", "messages": CASES[case]}).encode(),
                                {"content-type": "application/json"})
    assert status == 403, raw[:300]
    assert json.loads(raw)["error"]["code"] == "objection" or b"personal" in raw
    assert len(eu.received()) == before


def test_who_is_not_listed_is_answered(gw):
    for harmless in ("The client KD-2024 paid 00817 cents less.", "Max Mustermann", "Erika has left.", "Ring 0170 7654321.", "Erika paid what Mustermann owed.",
                     base64.b64encode(b"KD-2024-00818").decode(), "erika maria mustermann"):
        assert gw.chat(harmless)[0] == 200, harmless
