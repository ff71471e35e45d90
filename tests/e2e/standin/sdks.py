#!/usr/bin/env python3
"""Whether the stand-ins speak their dialects: the vendors' own Python clients are pointed at them.

    python3 -m venv V && V/bin/pip install google-genai mistralai openai cohere && V/bin/python tests/e2e/standin/sdks.py

Not part of make test: the packages weigh 110 MB. Streams, tools there and back (google-genai keeps the thought
signature by itself), thoughts, usage, errors and refused prompts; ends with "the stand-ins are understood" or with
the first thing that is not.
"""
import os
import ssl
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import harness  # noqa: E402

HELLO = [{"role": "user", "content": "hello Grüße 🌊"}]
ECHO = "STAND-IN ANSWER: hello Grüße 🌊"


def check(what, got, want):
    if got != want:
        sys.exit(f"{what}: {got!r} instead of {want!r}")
    print(f"ok  {what}")


def google(standin):
    from google import genai
    from google.genai import types
    tls = ssl.create_default_context(cafile=standin.ca)
    client = genai.Client(api_key="k", http_options=types.HttpOptions(
        base_url=f"https://127.0.0.1:{standin.port}", client_args={"verify": tls}))
    c = client.models
    r = c.generate_content(model="gemini-3-flash", contents="hello Grüße 🌊")
    check("google-genai: text", r.text, ECHO)
    check("google-genai: finish", r.candidates[0].finish_reason, types.FinishReason.STOP)
    check("google-genai: usage", r.usage_metadata.prompt_token_count > 0, True)
    rows = c.generate_content_stream(model="gemini-3-flash", contents="hello Grüße 🌊")
    check("google-genai: stream", "".join(x.text or "" for x in rows), ECHO)
    declared = types.FunctionDeclaration(name="f", description="d", parameters_json_schema={"type": "object"})
    talk = client.chats.create(model="gemini-3-flash", config=types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=[declared])],
        thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="low")))
    r = talk.send_message("[[standin: tools,reason]]x")
    check("google-genai: call", (r.function_calls[0].name, r.function_calls[0].args), ("f", {"text": "x"}))
    check("google-genai: thought", r.candidates[0].content.parts[0].thought, True)
    r = talk.send_message(types.Part.from_function_response(name="f", response={"output": "done"}))
    check("google-genai: answer to it, signature kept", r.text, "STAND-IN ANSWER: the tool said: done")
    r = c.generate_content(model="gemini-3-flash", contents="[[standin: no-answer]]x")
    check("google-genai: refused prompt", r.prompt_feedback.block_reason, types.BlockedReason.SAFETY)
    try:
        c.generate_content(model="gemini-3-flash", contents="[[standin: status=403]]x")
        check("google-genai: error", None, 403)
    except genai.errors.APIError as e:
        check("google-genai: error", (e.code, e.status), (403, "PERMISSION_DENIED"))


def mistral(standin, http):
    from mistralai.client import Mistral
    m = Mistral(api_key="k", server_url=f"https://127.0.0.1:{standin.port}", client=http).chat
    r = m.complete(model="m", messages=HELLO, temperature=0.1, safe_prompt=True, random_seed=3, max_tokens=400)
    check("mistralai: text", (r.choices[0].message.content, r.choices[0].finish_reason), (ECHO, "stop"))
    check("mistralai: usage", r.usage.prompt_tokens > 0, True)
    rows = [x.data.choices[0].delta.content for x in m.stream(model="m", messages=[
        {"role": "user", "content": "[[standin: reason]]x"}])]
    check("mistralai: stream", "".join(x for x in rows if isinstance(x, str)), "STAND-IN ANSWER: x")
    check("mistralai: thought", "".join(t.text for x in rows if isinstance(x, list) for c in x for t in c.thinking),
          "I am thinking.")
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    first = m.complete(model="m", messages=HELLO, tools=tools, tool_choice="any").choices[0].message
    check("mistralai: call", first.tool_calls[0].function.name, "f")
    r = m.complete(model="m", tools=tools, messages=[*HELLO, first, {
        "role": "tool", "tool_call_id": first.tool_calls[0].id, "name": "f", "content": "done"}])
    check("mistralai: answer to it", r.choices[0].message.content, "STAND-IN ANSWER: the tool said: done")


def azure(standin, http):
    from openai import AzureOpenAI, BadRequestError, OpenAI
    for what, client in (
            ("AzureOpenAI", AzureOpenAI(azure_endpoint=f"https://127.0.0.1:{standin.port}", api_key="k",
                                        api_version="2024-10-21", max_retries=0, http_client=http)),
            ("OpenAI at /openai/v1", OpenAI(base_url=standin.url, api_key="k", max_retries=0, http_client=http,
                                            default_headers={"api-key": "k"}))):
        c = client.chat.completions
        check(f"{what}: text", c.create(model="gpt-x", messages=HELLO).choices[0].message.content, ECHO)
        rows = c.create(model="gpt-x", messages=HELLO, stream=True)
        check(f"{what}: stream", "".join(x.choices[0].delta.content or "" for x in rows if x.choices), ECHO)
        try:
            c.create(model="gpt-x", messages=[{"role": "user", "content": "[[standin: blocked]]x"}])
            check(f"{what}: refused prompt", None, "content_filter")
        except BadRequestError as e:
            check(f"{what}: refused prompt", e.code, "content_filter")


def cohere(standin, http):
    from cohere import ClientV2
    c = ClientV2(api_key="k", base_url=f"https://127.0.0.1:{standin.port}", httpx_client=http)
    r = c.chat(model="m", messages=HELLO)
    check("cohere: text", (r.message.content[0].text, r.finish_reason), (ECHO, "COMPLETE"))
    rows = list(c.chat_stream(model="m", messages=[{"role": "user", "content": "[[standin: reason,cite]]x"}]))
    check("cohere: stream", "".join(e.delta.message.content.text or "" for e in rows if e.type == "content-delta"),
          "STAND-IN ANSWER: x")
    check("cohere: end", (rows[-1].type, rows[-1].delta.finish_reason), ("message-end", "COMPLETE"))
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}]
    rows = list(c.chat_stream(model="m", messages=HELLO, tools=tools, tool_choice="REQUIRED"))
    check("cohere: call", [e.delta.message.tool_calls.function.name for e in rows if e.type == "tool-call-start"], ["f"])


def main():
    with tempfile.TemporaryDirectory() as top:
        standins = [harness.StandIn(f"{top}/{d}", d, dialect=d) for d in ("gemini", "mistral", "azure-openai", "cohere")]
        try:
            try:
                import httpx2 as httpx  # what newer clients are built on
            except ImportError:
                import httpx
            http = [httpx.Client(verify=ssl.create_default_context(cafile=s.ca)) for s in standins]
            google(standins[0])
            mistral(standins[1], http[1])
            azure(standins[2], http[2])
            cohere(standins[3], http[3])
        finally:
            for s in standins:
                s.kill()
    print("the stand-ins are understood")


if __name__ == "__main__":
    main()
