"""Goal: what a local model writes is judged as a provider's answer is: the marks of its family's dialect carry no
forbidden tool call and no finding past the policy, in thoughts, text or arguments.

Method: scripted models (scripted.py) that answer with a thought, a text and calls, each holding an IBAN, in the
marks of their family; the engine and its parsers are the real ones. The whole of what the client got is searched.
"""
import json

import harness
import pytest
import scripted
from scripted import Script, Special
from test_local_tools import BASE, MODELS, TOOLS

IBAN = "DE89370400440532013000"
NAMES = ["qwen3", "coder", "glm", "mistral", "llama", "scout", "kimi", "granite", "gptoss"]
POLICY = """version: 1
default: { location: [on_premises] }
use_cases:
  - { id: deny, purpose: t, tools: { deny: ["get_*"] } }
  - { id: redact, purpose: t, answers: { action: redact, data: [IBAN] } }
  - { id: withhold, purpose: t, answers: { action: withhold, data: [IBAN] } }
"""


def tainted(item):
    text = item.replace("Nord", IBAN).replace("should ask", f"ask {IBAN}").replace("Let me see", f"See {IBAN}")
    return Special(text) if isinstance(item, Special) else text


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, weir):
    folder = tmp_path_factory.mktemp("tainted")
    files = {}
    for i, name in enumerate(NAMES):
        _, template, marks, answer, _, _ = MODELS[name]
        files[name] = str(folder / f"{name}.gguf")
        scripted.build(files[name], template, [Script([tainted(x) for x in answer])], {**BASE, **marks}, seed=i)
    entries = " }\n".join(f"    - {{ name: {n}, file: {files[n]}, context: 8192, slots: 1" for n in NAMES)
    g = harness.Gateway(str(tmp_path_factory.mktemp("gw")), weir, model=files[NAMES[0]], policy=POLICY, start=False,
                        model_extra="context: 8192, slots: 1 }\n" + entries)
    g.key = g.new_key("tests")
    g.start()
    yield g
    g.kill()


def ask(g, name, use_case, tools, stream):
    """(status, everything the client got, deltas put together)"""
    body = {"model": f"local/{name}", "temperature": 0, "max_tokens": 700, "stream": stream, "tools": tools,
            "messages": [{"role": "user", "content": "What is the weather?"}]}
    status, head, raw = g.request("POST", "/v1/chat/completions", body, {"x-weir-use-case": use_case})
    seen = raw.decode()
    for line in raw.decode().split("\n"):
        if not line.startswith("data: {"):
            continue
        for choice in json.loads(line[6:]).get("choices", []):
            for call in choice["delta"].pop("tool_calls", []):
                seen += "".join(call["function"].values())
            seen += "".join(v for v in choice["delta"].values() if isinstance(v, str))
    return status, json.dumps(head) + seen


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("name", NAMES)
def test_a_forbidden_call_is_not_seen_in_any_dialect(gateway, name, stream):
    """Also where no tool is left to offer: then a dialect's marks would be text."""
    for tools in (TOOLS, TOOLS[:1]):
        status, seen = ask(gateway, name, "deny", tools, stream)
        assert "x-weir-tools-removed" in seen
        assert "get_weather" not in seen.replace('"x-weir-tools-removed": "get_weather"', ""), seen[-2000:]
        assert status == 403 or "content_filter" in seen, (status, seen[-500:])
    status, seen = ask(gateway, name, "redact", TOOLS, stream)
    assert status == 200 and "get_weather" in seen, "allowed calls pass"


@pytest.mark.parametrize("use_case", ["redact", "withhold"])
@pytest.mark.parametrize("name", NAMES)
def test_no_finding_passes_in_thought_text_or_arguments(gateway, name, use_case):
    for tools in (TOOLS, TOOLS[:1], []):
        for stream in (False, True):
            status, seen = ask(gateway, name, use_case, tools, stream)
            assert IBAN not in "".join(c for c in seen if c.isalnum()), (len(tools), stream, seen[-2000:])
            assert use_case == "withhold" or (status == 200 and "[IBAN" in seen), seen[-500:]
