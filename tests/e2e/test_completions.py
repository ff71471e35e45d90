"""Goal: the official openai SDK's older completions work against Weir: a local model goes on with the prompt as it is,
without its chat template; a back end that only chats gets it as a user's message, and the answer says so.

Method: the SDK against a gateway with a local model and two stand-ins. What the local model writes is compared with
`weir model run --raw` of the same file.
"""
import json
import ssl

import httpx
import openai
import pytest

PROMPT = "The capital of Germany is"


@pytest.fixture(scope="module")
def client(gateway):
    return openai.OpenAI(base_url=gateway.base_url, api_key=gateway.key, max_retries=0,
                         http_client=httpx.Client(verify=ssl.create_default_context(cafile=gateway.certificate)))


def test_a_local_model_goes_on_with_the_prompt(client, gateway, model):
    r = client.completions.create(model="local/home", prompt=PROMPT, temperature=0, max_tokens=12)
    said = gateway.command("model", "run", model, "-p", PROMPT, "-n", "12", "--temp", "0", "--raw").stdout.decode()
    assert r.choices[0].text.strip() == said.strip() and r.choices[0].text
    assert r.object == "text_completion" and r.id.startswith("cmpl-") and r.model == "local/home"
    assert r.usage.completion_tokens == 12 and r.choices[0].finish_reason == "length"
    chat = client.chat.completions.create(model="local/home", temperature=0, max_tokens=12,
                                          messages=[{"role": "user", "content": PROMPT}])
    assert chat.usage.prompt_tokens > r.usage.prompt_tokens + 5, "no template around it"


def test_sixteen_tokens_unless_said(client):
    assert client.completions.create(model="local/home", prompt="One, two,").usage.completion_tokens <= 16
    r = client.completions.create(model="local/home", prompt=["One, two,"], temperature=0, max_tokens=40, stop=["nine"])
    assert "nine" not in r.choices[0].text


@pytest.mark.parametrize("target", ["local/home", "eu/gpt-x", "us/claude-x"])
def test_stream_equals_whole(client, target):
    ask = dict(model=target, prompt=PROMPT, temperature=0, max_tokens=12)
    whole = client.completions.create(**ask)
    chunks = list(client.completions.create(stream=True, stream_options={"include_usage": True}, **ask))
    assert "".join(c.choices[0].text for c in chunks if c.choices) == whole.choices[0].text != ""
    assert len({c.id for c in chunks}) == 1 and {c.object for c in chunks} == {"text_completion"}
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] in ("stop", "length")
    assert all(c.usage is None for c in chunks[:-1])


def test_a_chat_back_end_gets_one_message_and_that_is_said(client, eu, us):
    raw = client.completions.with_raw_response.create(model="eu/gpt-x", prompt="Say hi", extra_body={
        "parse_special": True, "x_future": 1})
    sent = eu.received()[-1]["body"]
    assert sent["messages"] == [{"role": "user", "content": "Say hi"}] and sent["max_completion_tokens"] == 16
    assert sent["x_future"] == 1 and "parse_special" not in sent and "prompt" not in sent
    assert "raw_prompt" in raw.headers["x-weir-dropped"].split(",")
    assert raw.parse().choices[0].text == "STAND-IN ANSWER: Say hi"
    client.completions.create(model="us/claude-x", prompt="Say hi", max_tokens=5)
    assert us.received()[-1]["body"]["messages"][0]["content"][0]["text"] == "Say hi"
    raw = client.completions.with_raw_response.create(model="local/home", prompt="x", max_tokens=1)
    assert "x-weir-dropped" not in raw.headers


def test_spelled_tokens_are_text_unless_asked_for(client):
    prompt = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
    plain = client.completions.create(model="local/home", prompt=prompt, max_tokens=1).usage.prompt_tokens
    special = client.completions.create(model="local/home", prompt=prompt, max_tokens=1,
                                        extra_body={"parse_special": True}).usage.prompt_tokens
    assert special < plain / 2


@pytest.mark.parametrize("more, param", [
    ({"n": 2}, "n"), ({"best_of": 3}, "best_of"), ({"echo": True}, "echo"), ({"suffix": "x"}, "suffix"),
    ({"logprobs": 1}, "logprobs"), ({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"),
    ({"prompt": [[1, 2]]}, "prompt"), ({"prompt": 5}, "prompt"),
    ({"extra_body": {"messages": [{"role": "user", "content": "x"}]}}, "messages"),
])
def test_what_is_not_done_is_refused(client, more, param):
    with pytest.raises(openai.BadRequestError) as e:
        client.completions.create(**dict({"model": "local/home", "prompt": "x"}, **more))
    assert e.value.param == param


def test_policy_sees_the_prompt(client, gateway, eu, us):
    said = "Mail anna.muster@example.eu about DE89370400440532013000"
    raw = client.completions.with_raw_response.create(model="eu/gpt-x", prompt=said, max_tokens=99)
    assert raw.headers["x-weir-redacted"] == "EMAIL=1,IBAN=1" and raw.parse().choices[0].text.endswith(said)
    assert "anna.muster" not in eu.received()[-1]["body_text"]
    chunks = client.completions.create(model="eu/gpt-x", prompt=said, max_tokens=99, stream=True)
    assert "".join(c.choices[0].text for c in chunks).endswith(said)
    before = len(us.received())
    with pytest.raises(openai.PermissionDeniedError) as e:
        client.completions.create(model="us/claude-x", prompt=said)
    assert e.value.type == "policy_denied" and len(us.received()) == before


def test_errors_and_cut_streams(client, gateway):
    with pytest.raises(openai.NotFoundError):
        client.completions.create(model="nope/none", prompt="x")
    with pytest.raises(openai.RateLimitError):
        client.completions.create(model="eu/gpt-x", prompt="[[standin: status=429]] x")
    with pytest.raises(openai.APIError):
        list(client.completions.create(model="eu/gpt-x", prompt="[[standin: die=3,long=9]] x", stream=True))
    status, _, text = gateway.request("POST", "/v1/completions", {"model": "eu/gpt-x", "stream": True,
                                                                  "prompt": "[[standin: die=3,long=9]] x"})
    assert status == 200 and b"[DONE]" not in text
    status, _, text = gateway.request("POST", "/v1/completions", {"model": "local/home", "prompt": "lorem " * 4000})
    assert status == 400 and json.loads(text)["error"]["code"], text
