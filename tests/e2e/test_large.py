"""A large body is examined by threads of its own: with the same result, while others are answered, and nothing
goes on for somebody who went away.

Method: one gateway with a stand-in in the EU; canaries at the edges of bodies around the size from which the threads
take over. Oracles: what `weir explain` says of the same body, what the stand-in received, the records.
"""
import http.client
import json
import ssl
import threading

import httpx
import openai
import pytest

import harness

INLINE = 65536  # GW_POOL_INLINE_MAX
MAIL = "erika.mustermann@firma.example"
POLICY = """version: 1
default: { location: [on_premises, EU] }
rules:
  - { id: mask, when: { data: [personal] }, location: [on_premises, EU], redact: [EMAIL] }
"""
PROSE = "The river authority says that weirs were opened on twelve days of the year, and that fish were counted. "


@pytest.fixture(scope="module")
def eu(tmp_path_factory):
    s = harness.StandIn(str(tmp_path_factory.mktemp("standin")), "eu")
    yield s
    s.kill()


@pytest.fixture(scope="module")
def gw(tmp_path_factory, weir, eu):
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, backends=[harness.backend("eu", eu, "EU")], policy=POLICY,
                        limits="  limits: { body_bytes: 50331648 }",
                        routing="  commodity: [eu/gpt-x]\n  hard: [eu/gpt-x]")
    yield g
    g.kill()


def body_of(size, at, **more):
    """A request of exactly that many bytes with the address at the start, the middle or the end of its text."""
    def dump(text):
        return json.dumps({"model": "auto", "messages": [{"role": "user", "content": text}], **more}).encode()
    empty = len(dump(f" {MAIL} "))
    fill = (PROSE * ((size - empty) // len(PROSE) + 1))[:size - empty]
    cut = {"start": 0, "middle": len(fill) // 2, "end": len(fill)}[at]
    out = dump(f"{fill[:cut]} {MAIL} {fill[cut:]}")
    assert len(out) == size
    return out


def post(g, body, **headers):
    status, head, raw = g.request("POST", "/v1/chat/completions", body, headers)
    return status, head, raw


def metric(g, name):
    text = g.get("/metrics", port=g.admin_port)[2].decode()
    return float(next(x.split()[-1] for x in text.splitlines() if x.startswith(name + " ")))


@pytest.mark.parametrize("size", [INLINE - 1, INLINE, INLINE + 1, 3 << 20])
@pytest.mark.parametrize("at", ["start", "middle", "end"])
def test_the_same_is_found_and_replaced_whoever_looks(gw, eu, size, at):
    body = body_of(size, at)
    before = len(eu.received())
    status, head, raw = post(gw, body)
    assert status == 200 and head["x-weir-redacted"] == "EMAIL=1", raw[:500]
    got = eu.received()[before:]
    assert len(got) == 1 and MAIL not in got[0]["body_text"] and "[EMAIL_1]" in got[0]["body_text"]
    assert MAIL in json.loads(raw)["choices"][0]["message"]["content"]
    leaf = next(x for x in gw.leaves() if x["ev"] == "req.intent" and x["req"] == head["x-request-id"])
    told = json.loads(gw.command("explain", "-c", gw.config, stdin=body).stdout)
    for k in ("findings", "data", "difficulty", "task", "tier", "rules", "redact", "route"):
        assert leaf["decision"][k] == told[k], k


def test_a_stream_and_what_is_wrong_with_a_large_body(gw):
    client = openai.OpenAI(base_url=gw.base_url, api_key=gw.key, max_retries=0, http_client=httpx.Client(verify=gw.context()))
    text = PROSE * 700 + MAIL  # its echo is a stream of more than 4096 pieces
    parts = client.chat.completions.create(model="auto", messages=[{"role": "user", "content": text}], stream=True)
    assert MAIL in "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
    for body, status, code in ((b'{"model": "auto", "messages": [' + b" " * (2 * INLINE), 400, None),
                               (body_of(2 * INLINE, "end", temperature="hot"), 400, None)):
        got, _, raw = post(gw, body)
        assert got == status, raw
    assert post(gw, body_of(2 * INLINE, "end"), **{"x-weir-use-case": "nobody-knows"})[0] == 400
    assert post(gw, body_of(2 * INLINE, "end", model="nobody/knows"))[0] == 404


def slow(g, body, out):
    out.append(post(g, body, **{"x-weir-region": "NO"}))  # examined whole, then denied: no back end is there


def test_others_are_answered_meanwhile(gw):
    """Not timed: the small ones are through before the large one is."""
    out = []
    t = threading.Thread(target=slow, args=(gw, body_of(24 << 20, "end"), out))
    t.start()
    harness.wait_for("the large one", lambda: metric(gw, "weir_large_running") == 1, 30, 0.005)
    for _ in range(8):  # more than there are loops
        assert gw.get("/healthz")[0] == 200
    assert gw.chat("What is a weir?")[0] == 200
    assert not out, "the large one was faster than nine small ones"
    t.join()
    assert out[0][0] == 403


def hang_up(g, body):
    """Sends all of it and goes away."""
    c = http.client.HTTPSConnection("127.0.0.1", g.port, context=ssl.create_default_context(cafile=g.certificate))
    c.request("POST", "/v1/chat/completions", body, {"authorization": f"Bearer {g.key}", "content-type": "application/json"})
    harness.wait_for("its examination", lambda: metric(g, "weir_large_running") + metric(g, "weir_large_waiting") >= 1, 30, 0.002)
    c.sock.close()
    c.close()


def test_who_goes_away_is_not_examined_further(gw, eu):
    before, stopped = len(eu.received()), metric(gw, "weir_large_stopped_total")
    hang_up(gw, body_of(24 << 20, "end"))
    harness.wait_for("the stop", lambda: metric(gw, "weir_large_stopped_total") == stopped + 1, 30)
    harness.wait_for("the record", lambda: [x for x in gw.leaves() if x["ev"] == "req.refused" and x["http"] == 499], 30)
    harness.wait_for("the end", lambda: metric(gw, "weir_large_running") == 0, 30)
    assert len(eu.received()) == before
    assert gw.chat("What is a weir?")[0] == 200 and gw.verify()[0] == 0


def test_gdpr_art_21_somebody_listed_while_a_large_one_is_examined_does_not_leave(gw, eu):
    before, out = len(eu.received()), []
    t = threading.Thread(target=lambda: out.append(post(gw, body_of(24 << 20, "start"))))
    t.start()
    harness.wait_for("the large one", lambda: metric(gw, "weir_large_running") == 1, 30, 0.005)
    gw.command("rights", "add", "-c", gw.config, "--list", "objected", "--reason", "x", "--approver", "dpo", stdin=MAIL.encode())
    t.join()
    gw.command("rights", "remove", "-c", gw.config, "--list", "objected", "--reason", "x", "--approver", "dpo", stdin=MAIL.encode())
    assert out[0][0] == 403 and json.loads(out[0][2])["error"]["code"] == "objection", out[0][2][:300]
    assert len(eu.received()) == before
    harness.wait_for("nobody listed", lambda: 'weir_rights_entries{list="objected"} 0' in
                     gw.get("/metrics", port=gw.admin_port)[2].decode())


def test_a_stop_while_a_large_one_is_examined_is_in_order(gw):
    out = []
    t = threading.Thread(target=slow, args=(gw, body_of(24 << 20, "end"), out))
    t.start()
    harness.wait_for("the large one", lambda: metric(gw, "weir_large_running") == 1, 30, 0.005)
    assert gw.stop(timeout_s=30) == 0
    t.join()
    assert gw.verify()[0] == 0
    gw.start()
