"""Goal: /v1/embeddings gives the official SDK the vectors that a back end made, whichever API it speaks and in either
encoding; inputs are judged, redacted and recorded as any other text; what does not fit together is said, never guessed.

Method: the openai SDK against stand-ins that make a vector of a text's hash: the oracle is vectors.vector of the text
that was recorded there. Policies, wrong answers and fallbacks with plain requests.
"""
import base64
import json
import os
import ssl
import struct
import sys

import httpx
import openai
import pytest

import harness

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "standin"))
from vectors import vector  # noqa: E402

KINDS = {"eu": ("openai", "text-x"), "compat": ("openai", "text-x"), "az": ("azure-openai", "text-x"),
         "mis": ("mistral", "mistral-embed"), "co": ("cohere", "embed-x"),
         "bedc": ("bedrock", "cohere.embed-x-v3"), "bedt": ("bedrock", "amazon.titan-embed-text-v2:0")}


@pytest.fixture(scope="module")
def emb(tmp_path_factory, weir, model):
    top = tmp_path_factory.mktemp("emb")
    s = {n: harness.StandIn(str(top / n), n, dialect=d) for n, (d, _) in KINDS.items()}
    s["us"] = harness.StandIn(str(top / "us"), "us")
    back = [harness.backend(n, s[n], "EU", models=(f'"{m}"',), kind=", kind: embeddings",
                            api="openai-compatible" if n == "compat" else None,
                            more=("region: eu-central-1",) if n.startswith("bed") else ())
            for n, (_, m) in KINDS.items()]
    back.append(harness.backend("us", s["us"], "US", basis="dpf", reference="DPF-1", models=("text-x",),
                                kind=", kind: embeddings"))
    back.append(harness.backend("chat", s["eu"], "EU", models=("gpt-x",)))
    policy = harness.POLICY.replace("use_cases:\n", "use_cases:\n  - { id: hiring, purpose: candidates, legal_basis: "
                                    "6.1.b, ai_act: annex3.4, human_review: hold }\n")
    g = harness.Gateway(str(top / "gw"), weir, model=model, backends=back, policy=policy,
                        routing="  commodity: [local/home]\n  hard: [chat/gpt-x]\n  threshold: 0.5\n"
                                "  embeddings: [us/text-x, eu/text-x]\n"
                                "  aliases: { vectors: [compat/text-x, eu/text-x] }")
    g.standins = s
    http = httpx.Client(verify=ssl.create_default_context(cafile=g.certificate))
    g.sdk = openai.OpenAI(base_url=g.base_url, api_key=g.key, http_client=http, max_retries=0)
    yield g
    g.kill()
    for x in s.values():
        x.kill()


def ask(g, body, headers=None):
    status, head, raw = g.request("POST", "/v1/embeddings", body, headers)
    return status, head, json.loads(raw)


def f32(row):
    """As float32: nine digits say which it is, and no more."""
    return list(struct.unpack(f"<{len(row)}f", struct.pack(f"<{len(row)}f", *row)))


def rows(answer):
    return [f32(d["embedding"]) for d in answer["data"]]


@pytest.mark.parametrize("encoding", [None, "float", "base64"])
@pytest.mark.parametrize("name", list(KINDS))
def test_the_sdk_gets_the_vectors(emb, name, encoding):
    target = f"{name}/{KINDS[name][1]}"
    texts = ["Grüße aus Köln"] if name == "bedt" else ["Grüße aus Köln", "second", "third"]
    more = {"encoding_format": encoding} if encoding else {}
    r = emb.sdk.embeddings.create(model=target, input=texts, **more)
    got = [d.embedding for d in r.data]
    if encoding == "base64":  # asked for as such, the SDK leaves it so
        got = [list(struct.unpack(f"<{len(base64.b64decode(x)) // 4}f", base64.b64decode(x))) for x in got]
    assert [f32(row) for row in got] == [vector(t) for t in texts]
    assert [d.index for d in r.data] == list(range(len(texts))) and r.model == target
    assert r.usage.prompt_tokens == r.usage.total_tokens > 0


@pytest.mark.parametrize("name", list(KINDS))
def test_one_text_and_dimensions(emb, name):
    r = emb.sdk.embeddings.create(model=f"{name}/{KINDS[name][1]}", input="alone", dimensions=5)
    assert [f32(d.embedding) for d in r.data] == [vector("alone", 5)]
    body = emb.standins[name].received()[-1]["body"]
    assert body.get("input", body.get("texts", body.get("inputText"))) in ("alone", ["alone"])


def test_what_goes_along_and_what_stays(emb):
    body = {"model": "eu/text-x", "input": ["a"], "user": "u1", "extra_member": 1}
    status, head, _ = ask(emb, body)
    assert status == 200 and "x-weir-dropped" not in head and "x-weir-ai-generated" not in head
    assert head["x-weir-route"] == "eu/text-x" and head["x-weir-difficulty"] == "none"
    assert emb.standins["eu"].received()[-1]["body"] == {
        "model": "text-x", "input": ["a"], "encoding_format": "base64", "user": "u1", "extra_member": 1}
    status, head, _ = ask(emb, dict(body, model="co/embed-x", input_type="search_query"))
    assert status == 200 and head["x-weir-dropped"] == "extra_member,user"
    sent = emb.standins["co"].received()[-1]["body"]
    assert (sent["input_type"], sent["truncate"], sent["embedding_types"]) == ("search_query", "NONE", ["float"])


def test_personal_data_is_replaced_and_stays_in_the_eu(emb):
    us = len(emb.standins["us"].received())
    text = "mail anna.kowalska@example.eu about DE89370400440532013000"
    status, head, answer = ask(emb, {"model": "auto", "input": ["hello", text]})
    assert status == 200 and head["x-weir-route"] == "eu/text-x"  # us/text-x stands first, and may not have it
    assert len(emb.standins["us"].received()) == us
    assert sorted(head["x-weir-redacted"].split(",")) == ["EMAIL=1", "IBAN=1"]
    sent = emb.standins["eu"].received()[-1]
    assert "anna" not in sent["body_text"] and "DE8937" not in sent["body_text"]
    assert rows(answer) == [vector("hello"), vector(sent["body"]["input"][1])]  # of the redacted text
    leaves = [x for x in emb.leaves() if x["req"] == head["x-request-id"]]
    assert [x["ev"] for x in leaves] == ["req.intent", "req.outcome"] and leaves[1]["status"] == "ok"
    assert leaves[0]["decision"]["data"] == ["personal"] and leaves[1]["tokens_in"] == answer["usage"]["prompt_tokens"]
    status, head, _ = ask(emb, {"model": "auto", "input": "nothing personal"})
    assert status == 200 and head["x-weir-route"] == "us/text-x"


def test_what_nobody_can_read_stays_home(emb):
    n = {k: len(s.received()) for k, s in emb.standins.items()}
    for tokens in ([1, 2, 3], [[1, 2], [3]]):
        status, _, answer = ask(emb, {"model": "eu/text-x", "input": tokens})
        assert status == 403 and answer["error"]["type"] == "policy_denied", answer
    status, _, answer = ask(emb, {"model": "us/text-x", "input": "mail anna@example.eu"})
    assert status == 403
    status, _, answer = ask(emb, {"model": "eu/text-x", "input": "x"}, headers={"x-weir-use-case": "hiring"})
    assert status == 403 and "nobody can read vectors" in answer["error"]["message"]
    assert n == {k: len(s.received()) for k, s in emb.standins.items()}


@pytest.mark.parametrize("body,param", [
    ({"model": "eu/text-x"}, "input"), ({"model": "eu/text-x", "input": []}, "input"),
    ({"model": "eu/text-x", "input": ""}, "input"), ({"model": "eu/text-x", "input": ["a", ""]}, "input[1]"),
    ({"model": "eu/text-x", "input": ["a", 5]}, "input[1]"), ({"model": "eu/text-x", "input": [[]]}, "input[0]"),
    ({"model": "eu/text-x", "input": [-1]}, "input"), ({"model": "eu/text-x", "input": {"a": 1}}, "input"),
    ({"model": "eu/text-x", "input": ["a"] * 2049}, "input"), ({"input": "a"}, "model"),
    ({"model": "eu/text-x", "input": "a", "encoding_format": "int8"}, "encoding_format"),
    ({"model": "eu/text-x", "input": "a", "dimensions": 0}, "dimensions")])
def test_bad_requests_are_named(emb, body, param):
    status, _, answer = ask(emb, body)
    assert status == 400 and answer["error"]["param"] == param, answer


def test_models_of_the_other_kind(emb):
    for model, words in (("chat/gpt-x", "makes no vectors"), ("local/home", "local models do not yet")):
        status, _, answer = ask(emb, {"model": model, "input": "a"})
        assert status == 400 and words in answer["error"]["message"], answer
    for model in ("eu/text-x", "vectors"):
        status, _, answer = emb.chat("hello", model=model)
        assert status == 400 and "ask it at /v1/embeddings" in answer["error"]["message"], answer


@pytest.mark.parametrize("how", ["short", "ragged", "nan", "word", "empty"])
@pytest.mark.parametrize("target", ["eu/text-x", "compat/text-x", "co/embed-x"])
def test_wrong_vectors_are_an_error(emb, target, how):
    if (how, target[:2]) in (("nan", "co"), ("word", "eu")):
        pytest.skip("this form has no way to say it")
    for encoding in ("float",) if target.startswith("compat") and how == "word" else ("float", "base64"):
        status, head, answer = ask(emb, {"model": target, "input": [f"[[standin: {how}]] a", "b"],
                                         "encoding_format": encoding})
        assert status == 502 and "data" not in answer, answer
        leaf = [x for x in emb.leaves() if x["req"] == head["x-request-id"]][-1]
        assert leaf["ev"] == "req.outcome" and leaf["status"] == "error"


def test_order_is_that_of_the_inputs(emb):
    status, _, answer = ask(emb, {"model": "eu/text-x", "input": ["[[standin: reorder]] a", "b", "c"]})
    assert status == 200 and rows(answer) == [vector("a"), vector("b"), vector("c")]


def test_fallback_and_pinned_errors(emb):
    s = emb.standins["compat"]
    s.kill()
    try:
        status, head, answer = ask(emb, {"model": "vectors", "input": "a"})
        assert status == 200 and head["x-weir-route"] == "eu/text-x" and rows(answer) == [vector("a")]
    finally:
        s.start()
    status, _, answer = ask(emb, {"model": "eu/text-x", "input": "[[standin: status=429]] a"})
    assert status == 429 and "stand-in says 429" in answer["error"]["message"]
    status, _, answer = ask(emb, {"model": "bedt/amazon.titan-embed-text-v2:0", "input": ["a", "b"]})
    assert status >= 400 and "one text a request" in answer["error"]["message"], answer


def test_many_and_large(emb):
    texts = [f"text {i} " + "word " * 20 for i in range(1000)]
    status, _, answer = ask(emb, {"model": "eu/text-x", "input": texts, "dimensions": 50, "encoding_format": "base64"})
    assert status == 200 and len(answer["data"]) == 1000
    status, _, answer = ask(emb, {"model": "eu/text-x", "input": texts[:300], "dimensions": 3000})
    assert status >= 400 and "fewer inputs" in answer["error"]["message"], answer


def test_check_names_what_does_not_fit(emb):
    with open(emb.config, encoding="utf-8") as f:
        text = f.read()
    bad = os.path.join(emb.folder, "bad.yaml")
    with open(bad, "w", encoding="utf-8") as f:
        f.write(text.replace("hard: [chat/gpt-x]", "hard: [chat/gpt-x, eu/text-x]").replace(
            "embeddings: [us/text-x, eu/text-x]", "embeddings: [us/text-x, chat/gpt-x, co/embed-x]"))
    done = emb.command("check", "-c", bad, check=False)
    out = (done.stdout + done.stderr).decode()
    assert done.returncode == 1 and '"eu/text-x" makes vectors (kind: embeddings): hard answers chats' in out
    assert '"chat/gpt-x" answers chats: routing.embeddings lists models with kind: embeddings' in out
    assert "vectors of different models cannot be compared" in out, out


def test_explain_says_the_same(emb):
    body = json.dumps({"model": "auto", "input": ["mail anna.kowalska@example.eu"]}).encode()
    said = json.loads(emb.command("explain", "-c", emb.config, "--api", "embeddings", stdin=body).stdout)
    assert said["route"] == "eu/text-x" and said["data"] == ["personal"] and "EMAIL" in said["redact"]
    body = body.replace(b'"auto"', b'"chat/gpt-x"')
    done = emb.command("explain", "-c", emb.config, "--api", "embeddings", stdin=body, check=False)
    assert done.returncode != 0 and b"makes no vectors" in done.stderr


def test_the_log_holds(emb):
    code, text = emb.verify()
    assert code == 0, text
