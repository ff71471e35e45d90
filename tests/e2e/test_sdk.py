"""Goal: what people run works unchanged: the official openai SDK against Weir, streaming or not, local or
upstream, with tools, usage and errors as the SDK types them.
"""
import re
import ssl
import time

import httpx
import openai
import pytest


@pytest.fixture(scope="module")
def client(gateway):
    return openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0,
                         http_client=httpx.Client(
                             verify=ssl.create_default_context(cafile=gateway.certificate)))


def test_local_answer_and_usage(client):
    r = client.chat.completions.create(model="auto", max_tokens=24, temperature=0, messages=[
        {"role": "user", "content": "What is the capital of Germany?"}])
    assert "Berlin" in r.choices[0].message.content
    assert r.model == "local/home" and r.choices[0].finish_reason in ("stop", "length")
    assert r.usage.prompt_tokens > 5 and 0 < r.usage.completion_tokens <= 24
    assert r.usage.total_tokens == r.usage.prompt_tokens + r.usage.completion_tokens


@pytest.mark.parametrize("target", ["local/home", "eu/gpt-x", "us/claude-x"])
def test_stream_equals_whole(client, target):
    ask = dict(model=target, max_tokens=24, temperature=0, seed=1,
               messages=[{"role": "user", "content": "Name three rivers of Germany."}])
    whole = client.chat.completions.create(**ask).choices[0].message.content
    chunks = list(client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **ask))
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == whole and whole
    assert len({c.id for c in chunks}) == 1 and len({c.created for c in chunks}) == 1
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert sum(1 for c in chunks if c.choices and c.choices[0].finish_reason) == 1


def test_no_usage_chunk_unless_asked(client):
    chunks = list(client.chat.completions.create(model="eu/gpt-x", stream=True,
                                                 messages=[{"role": "user", "content": "hi"}]))
    assert all(c.choices for c in chunks) and all(c.usage is None for c in chunks)


def test_max_tokens_and_stop(client):
    r = client.chat.completions.create(model="local/home", max_tokens=5, temperature=0,
                                       messages=[{"role": "user", "content": "Count from one to fifty."}])
    assert r.choices[0].finish_reason == "length" and r.usage.completion_tokens == 5
    r = client.chat.completions.create(model="local/home", max_tokens=40, temperature=0, stop=["Berlin"],
                                       messages=[{"role": "user", "content": "What is the capital of Germany?"}])
    assert "Berlin" not in r.choices[0].message.content and r.choices[0].finish_reason == "stop"


def test_models_list(client):
    ids = {m.id for m in client.models.list()}
    assert {"auto", "local/home", "eu/gpt-x", "us/claude-x"} <= ids
    assert client.models.retrieve("eu/gpt-x").owned_by == "eu"


def test_errors_are_the_sdks_types(client, gateway):
    with pytest.raises(openai.NotFoundError) as e:
        client.chat.completions.create(model="nope/none", messages=[{"role": "user", "content": "x"}])
    assert e.value.code == "model_not_found" and e.value.request_id
    with pytest.raises(openai.BadRequestError) as e:
        client.chat.completions.create(model="auto", n=2, messages=[{"role": "user", "content": "x"}])
    assert e.value.param == "n"
    with pytest.raises(openai.PermissionDeniedError) as e:
        client.chat.completions.create(model="us/claude-x",
                                       messages=[{"role": "user", "content": "mail a.b@example.eu"}])
    assert e.value.type == "policy_denied"
    bad = openai.OpenAI(base_url=gateway.base_url, api_key="weir_nobody_nothing", max_retries=0,
                        http_client=httpx.Client(
                            verify=ssl.create_default_context(cafile=gateway.certificate)))
    with pytest.raises(openai.AuthenticationError) as e:
        bad.chat.completions.create(model="auto", messages=[{"role": "user", "content": "x"}])
    assert "weir_nobody_nothing" not in str(e.value)


def test_key_made_and_revoked_while_running(gateway):
    key = gateway.new_key("short-lived")
    for _ in range(40):
        if gateway.chat("hi", key=key, max_tokens=1)[0] == 200:
            break
        time.sleep(0.1)
    else:
        pytest.fail("a new key was never known")
    gateway.command("key", "revoke", "-c", gateway.config, "--name", "short-lived")
    for _ in range(40):
        if gateway.chat("hi", key=key, max_tokens=1)[0] == 401:
            return
        time.sleep(0.1)
    pytest.fail("a revoked key still worked after 4 s")


def test_health_metrics_and_admin(gateway):
    assert gateway.get("/healthz")[0] == 200 and gateway.get("/readyz")[0] == 200
    assert gateway.get("/metrics")[0] == 404, "the main listener never serves metrics"
    status, _, text = gateway.get("/metrics", port=gateway.admin_port)
    text = text.decode()
    assert status == 200 and "weir_requests_total" in text and "weir_audit" in text
    assert gateway.key not in text
    assert gateway.get("/admin/v1/anything", port=gateway.admin_port)[0] in (401, 403)
    admin = gateway.new_key("root", role="admin")
    assert gateway.get("/", port=gateway.admin_port, key=admin)[0] in (200, 401, 403)


def test_figures_of_the_experts(gateway):
    """After an answer of the local mixture: its experts in /metrics, each family and series once."""
    assert gateway.chat("hi", max_tokens=2)[0] == 200
    for _ in range(60):
        text = gateway.get("/metrics", port=gateway.admin_port)[2].decode()
        if "weir_engine_expert_imbalance{" in text:
            break
        time.sleep(0.1)
    assert 'weir_engine_expert_imbalance{model="' in text and "weir_engine_expert_tokens_total" not in text
    choices = re.findall(r'^weir_engine_expert_choices_total\{model="[^"]+",layer="(\d+)"\} (\d+)$', text, re.M)
    assert [int(layer) for layer, _ in choices] == list(range(30)) and all(int(n) > 0 for _, n in choices)
    every = gateway.get("/metrics?experts=all", port=gateway.admin_port)[2].decode()
    assert len(re.findall(r"^weir_engine_expert_tokens_total\{.*expert=\"\d+\"\} \d+$", every, re.M)) == 30 * 8
    for page in (text, every):
        kinds = re.findall(r"^# TYPE (\S+)", page, re.M)
        series = [line.rsplit(" ", 1)[0] for line in page.splitlines() if not line.startswith("#")]
        assert len(kinds) == len(set(kinds)) and len(series) == len(set(series))


def test_unknown_fields_pass_through_to_the_same_dialect(gateway, eu, us):
    body = {"model": "eu/gpt-x", "messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "low",
            "x_future": {"a": [1, 2.5, None, "z"]}, "logit_bias": {"42": 1}}
    status, head, _ = gateway.request("POST", "/v1/chat/completions", body)
    assert status == 200
    sent = eu.received()[-1]["body"]
    sent = sent if isinstance(sent, dict) else __import__("json").loads(sent)
    assert sent["reasoning_effort"] == "low" and sent["x_future"] == {"a": [1, 2.5, None, "z"]}
    assert sent["logit_bias"] == {"42": 1} and sent["model"] == "gpt-x"
    assert not [k for k in sent if k.startswith("weir")]
    status, head, _ = gateway.request("POST", "/v1/chat/completions", dict(body, model="us/claude-x"))
    assert status == 200 and "x_future" in head["x-weir-dropped"]


def test_no_key_leaks(gateway, eu):
    """The gateway's own upstream key and the client's key appear in no log, metric or record."""
    with open(gateway.log_path, encoding="utf-8", errors="replace") as f:
        everything = f.read()
    everything += "".join(map(str, gateway.leaves()))
    everything += gateway.get("/metrics", port=gateway.admin_port)[2].decode()
    assert "standin-secret-key-canary-4711" not in everything
    assert gateway.key not in everything
