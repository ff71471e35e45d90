"""Places of a request in the client dialects beside chat completions: what test_canaries.py plants its canaries in.

TEXT: path of the dialect -> name -> function of a text, giving a body without `model`. ODD: the same for places that
are no plain text; a function may give None where its kind of datum does not fit.
"""
import base64
import json

CALL = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}


def items(*more, **top):
    return dict({"input": list(more)}, **top)


def said(text, role="user"):
    return {"role": role, "content": text}


def tool(**more):
    return dict({"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}, **more)


def part(kind, text):
    return {"role": "user" if kind != "output_text" else "assistant", "content": [
        {"type": "input_text", "text": "see"} if kind != "output_text" else {"type": kind, "text": "yes"},
        {"type": kind, "text": text}]}


RESPONSES = {
    "input": lambda d: {"input": d},
    "instructions": lambda d: {"input": "hi", "instructions": d},
    "user": lambda d: items(said(d)),
    "system": lambda d: items(said(d, "system"), said("hi")),
    "developer": lambda d: items(said(d, "developer"), said("hi")),
    "history": lambda d: items(said("a"), said(d, "assistant"), said("b")),
    "input_text": lambda d: items(part("input_text", d)),
    "output_text": lambda d: items(said("a"), part("output_text", d), said("b")),
    "output": lambda d: items(said("a"), CALL, {"type": "function_call_output", "call_id": "c", "output": d}),
    "output part": lambda d: items(said("a"), CALL, {"type": "function_call_output", "call_id": "c", "output": [
        {"type": "input_text", "text": d}]}),
    "summary": lambda d: items(said("a"), {"type": "reasoning", "id": "r", "summary": [
        {"type": "summary_text", "text": d}]}, said("x", "assistant"), said("b")),
    "thought": lambda d: items(said("a"), {"type": "reasoning", "id": "r", "summary": [], "content": [
        {"type": "reasoning_text", "text": d}]}, said("x", "assistant"), said("b")),
}

RESPONSES_ODD = {
    "seed": lambda d: items(said("hi"), seed=int(d)) if d.isdigit() else None,
    "metadata": lambda d: items(said("hi"), metadata={"a": d}),
    "metadata key": lambda d: items(said("hi"), metadata={d: "a"}),
    "user id": lambda d: items(said("hi"), user=d, safety_identifier=d, prompt_cache_key=d),
    "service_tier": lambda d: items(said("hi"), service_tier=d),
    "effort": lambda d: items(said("hi"), reasoning={"effort": d, "summary": d, "x": d}),
    "verbosity": lambda d: items(said("hi"), text={"verbosity": d, "x": d}),
    "format": lambda d: items(said("hi"), text={"format": {"type": "json_schema", "name": "n", "x": d, "schema": {
        "const": d, "properties": {d: {"enum": [d]}}}}}),
    "format name": lambda d: items(said("hi"), text={"format": {"type": "json_schema", "name": d, "schema": {}}}),
    "tool name": lambda d: items(said("hi"), tools=[tool(name=d)]),
    "tool description": lambda d: items(said("hi"), tools=[tool(description=d)]),
    "tool extra": lambda d: items(said("hi"), tools=[tool(x=d, y={d: [d]})]),
    "schema": lambda d: items(said("hi"), tools=[tool(parameters={"properties": {d: {"enum": [d], "default": d}}})]),
    "choice": lambda d: items(said("hi"), tools=[tool(name=d)], tool_choice={"type": "function", "name": d, "x": d}),
    "allowed": lambda d: items(said("hi"), tools=[tool(name=d), tool(description=d)], tool_choice={
        "type": "allowed_tools", "mode": "auto", "x": d, "tools": [{"type": "function", "name": d}]}),
    "choice unknown": lambda d: items(said("hi"), tool_choice={"type": "custom", "name": d}),
    "built-in": lambda d: items(said("hi"), tools=[{"type": "web_search", "user_location": d}]),
    "call id": lambda d: items(said("a"), dict(CALL, call_id=d, id=d), {
        "type": "function_call_output", "call_id": d, "id": d, "output": "x"}),
    "call name": lambda d: items(said("a"), dict(CALL, name=d, x=d), {
        "type": "function_call_output", "call_id": "c", "output": "x"}),
    "arguments": lambda d: items(said("a"), dict(CALL, arguments=json.dumps({"n": d, d: 1})), {
        "type": "function_call_output", "call_id": "c", "output": "x"}),
    "custom input": lambda d: items(said("a"), {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": d}, {
        "type": "custom_tool_call_output", "call_id": "c", "output": d}),
    "custom tool": lambda d: items(said("a"), tools=[{"type": "custom", "name": "f", "description": d, "format": {
        "type": "grammar", "syntax": d, "definition": d}}]),
    "arguments no JSON": lambda d: items(said("a"), dict(CALL, arguments="{\"a\": " + d), {
        "type": "function_call_output", "call_id": "c", "output": "x"}),
    "item extra": lambda d: items({"role": "user", "content": "a", "id": d, "x": {d: d}}),
    "part extra": lambda d: items({"role": "user", "content": [{"type": "input_text", "text": "a", "x": {d: d}}]}),
    "annotations": lambda d: items(said("a"), {"role": "assistant", "id": d, "content": [
        {"type": "output_text", "text": "b", "annotations": [{"type": "url_citation", "url": d, "title": d}]}]}, said("c")),
    "encrypted": lambda d: items(said("a"), {"type": "reasoning", "id": d, "summary": [], "encrypted_content": d,
                                             "content": [{"type": "reasoning_text", "text": "x"}]},
                                 said("x", "assistant"), said("b")),
    "refusal": lambda d: items(said("a"), {"role": "assistant", "content": [{"type": "refusal", "refusal": d}]}, said("b")),
    "reference": lambda d: items({"type": "item_reference", "id": d}),
    "stops": lambda d: items(said("hi"), stop=["a", d]),
    "unknown": lambda d: items(said("hi"), x={d: [d]}),
    "stream_options": lambda d: items(said("hi"), stream=True, stream_options={"x": d}),
    "include": lambda d: items(said("hi"), include=[d], truncation="auto", context_management=[{"type": d}]),
    "image": lambda d: items({"role": "user", "content": [{"type": "input_image", "detail": d,
                                                           "image_url": f"https://h.example/{d}.png"}]}),
    "image data": lambda d: items({"role": "user", "content": [{"type": "input_image", "image_url": (
        "data:text/plain;base64," + base64.b64encode(f"the value is {d} here".encode()).decode())}]}),
    "file": lambda d: items({"role": "user", "content": [{"type": "input_file", "filename": d, "file_data": d}]}),
    "output file": lambda d: items(said("a"), CALL, {"type": "function_call_output", "call_id": "c", "output": [
        {"type": "input_file", "filename": d, "file_data": d}]}),
}

COMPLETIONS = {
    "prompt": lambda d: {"prompt": d, "max_tokens": 200},
    "list": lambda d: {"prompt": [d], "max_tokens": 200},
}

COMPLETIONS_ODD = {
    "seed": lambda d: {"prompt": "hi", "seed": int(d)} if d.isdigit() else None,
    "stops": lambda d: {"prompt": "hi", "stop": ["a", d]},
    "user id": lambda d: {"prompt": "hi", "user": d},
    "logit_bias": lambda d: {"prompt": "hi", "logit_bias": {d: 1}},
    "unknown": lambda d: {"prompt": "hi", "x": {d: [d]}},
    "special": lambda d: {"prompt": "hi", "parse_special": True, "template": d},
    "stream_options": lambda d: {"prompt": "hi", "stream": True, "stream_options": {"x": d}},
    "suffix": lambda d: {"prompt": "hi", "suffix": d},
}

TEXT = {"/v1/responses": RESPONSES, "/v1/completions": COMPLETIONS}
ODD = {"/v1/responses": RESPONSES_ODD, "/v1/completions": COMPLETIONS_ODD}
