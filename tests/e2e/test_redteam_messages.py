"""Goal: no place of Anthropic's dialect carries an e-mail address, a card number or a secret to a back end that may only
see it redacted, or not at all; neither as a message nor as a count, nor in a header.

Method and oracle: those of test_redteam_residency.py, with the places of places_messages.py, each to a back end of the
other dialect and to one of the same.
"""
import json
import re

import places_messages as places
import pytest
from test_redteam_residency import CARD, DISGUISES, MAIL, SECRET, leaked, red  # noqa: F401

ALL = {**places.TEXT, **places.PLAIN}


def send(red, body, path="/v1/messages", **headers):  # noqa: F811
    """(status, what the stand-ins got, the answer)"""
    g, eu, us = red
    before = [len(s.received()) for s in (eu, us, g.other)]
    status, _, answer = g.request("POST", path, body, headers)
    return status, [r for s, n in zip((eu, us, g.other), before) for r in s.received()[n:]], answer


@pytest.mark.parametrize("where", list(ALL))
def test_every_place(red, where):  # noqa: F811
    went = 0
    for target in ("eu/gpt-x", "an/claude-x"):
        for datum in (MAIL, CARD, SECRET):
            body = ALL[where](datum)
            if body is None:
                continue
            for path in ("/v1/messages", "/v1/messages/count_tokens")[:2 if target[0] == "a" else 1]:
                status, got, answer = send(red, dict(body, model=target), path)
                assert status in (200, 400, 403), (where, status, answer[:300])
                assert (status == 200) == bool(got), (where, target, status, answer[:300])
                assert not (datum == SECRET and got), (where, got[0]["body_text"][:300])
                for r in got:
                    assert not leaked(r), (where, target, datum, r["body_text"][:400])
                went += len(got)
    opaque = ("image", "document", "search", "block type", "unknown block", "server tool", "container upload", "result image")
    assert went or any(w in where for w in opaque), f"{where}: nothing went out, so nothing was tested"


@pytest.mark.parametrize("name", list(DISGUISES))
def test_disguises(red, name):  # noqa: F811
    for where in ("system block", "tool result blocks", "thought"):
        for datum in (MAIL, CARD, SECRET):
            body = places.TEXT[where](f"Please look at this: {DISGUISES[name](datum)} and say what it is")
            status, got, answer = send(red, dict(body, model="an/claude-x"))
            assert status == (403 if datum == SECRET else 200) or (status == 403 and not got), (where, datum, answer[:200])
            assert not [r for r in got if leaked(r)], (name, where, got[0]["body_text"][:300])


def test_headers_stay_here_but_for_names_of_betas(red):  # noqa: F811
    g = red[0]
    headers = {"user-agent": "canary-h2", "cookie": "c=canary-h3", "x-stainless-lang": "canary-h4", "x-weir-subject": "canary-h5",
               "anthropic-dangerous-direct-browser-access": "canary-h6", "anthropic-organization-id": "canary-h7",
               "anthropic-user-profile-id": "canary-h8", "anthropic-beta": "context-1m-2025-08-07"}
    status, got, answer = send(red, places.ask("hello", model="an/claude-x"), **headers)
    assert status == 200 and len(got) == 1, answer[:300]
    assert "canary-h" not in json.dumps(got[0]) and g.key not in json.dumps(got[0])
    assert set(k.lower() for k in got[0]["headers"]) <= {
        "host", "user-agent", "content-type", "accept-encoding", "accept", "content-length", "x-client-request-id",
        "x-api-key", "anthropic-version", "anthropic-beta"}, got[0]["headers"]
    assert got[0]["headers"]["anthropic-beta"] == "context-1m-2025-08-07"


@pytest.mark.parametrize("datum", [CARD, SECRET, "DE89370400440532013000"])
def test_a_beta_with_a_datum_in_it_does_not_go(red, datum):  # noqa: F811
    status, got, answer = send(red, places.ask("hello", model="an/claude-x"), **{"anthropic-beta": f"x-2025-01-01,{datum}"})
    assert status in (200, 403), answer[:300]
    for r in got:
        assert datum not in json.dumps(r) and "anthropic-beta" not in r["headers"]


def test_split_over_blocks_and_results(red):  # noqa: F811
    for parts in (["write to anna.kowa", "lska@example.eu now"], ["card 4111 1111 ", "1111 1111"]):
        for body in (places.ask([{"type": "text", "text": t} for t in parts]),
                     places.ask("x", system=[{"type": "text", "text": t} for t in parts]),
                     places.result([{"type": "text", "text": t} for t in parts])):
            status, got, _ = send(red, dict(body, model="an/claude-x"))
            assert status in (200, 403)
            for r in got:
                joined = json.dumps(r["body"]).replace('"}, {"type": "text", "text": "', "")
                assert "kowalska@" not in joined and CARD not in re.sub(r"\D", "", joined), joined
