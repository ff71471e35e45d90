"""Every place of Anthropic's dialect that has room for a datum: functions from the datum to a body (or None)."""
import base64
import json


def ask(content, **more):
    return {"model": "eu/gpt-x", "max_tokens": 64, "messages": [{"role": "user", "content": content}], **more}


def turns(*blocks, after=None):
    return {"model": "eu/gpt-x", "max_tokens": 64, "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": list(blocks)},
        {"role": "user", "content": after or "b"}]}


def result(content, **more):
    return turns({"type": "tool_use", "id": "t1", "name": "f", "input": {}},
                 after=[{"type": "tool_result", "tool_use_id": "t1", "content": content, **more}])


def inside(d):
    return base64.b64encode(f"the value is {d} here".encode()).decode()


def tool(name="f", **more):
    return {"name": name, "input_schema": {"type": "object"}, **more}


# Where a text stands that a model reads: under any disguise.
TEXT = {
    "user": ask,
    "user block": lambda d: ask([{"type": "text", "text": "see"}, {"type": "text", "text": d}]),
    "system": lambda d: ask("hi", system=d),
    "system block": lambda d: ask("hi", system=[{"type": "text", "text": "x"}, {"type": "text", "text": d,
                                                                               "cache_control": {"type": "ephemeral"}}]),
    "assistant": lambda d: {"model": "eu/gpt-x", "max_tokens": 64, "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": d}, {"role": "user", "content": "b"}]},
    "assistant block": lambda d: turns({"type": "text", "text": d}),
    "prefill": lambda d: {"model": "eu/gpt-x", "max_tokens": 64, "messages": [
        {"role": "user", "content": "a"}, {"role": "assistant", "content": d}]},
    "thought": lambda d: turns({"type": "thinking", "thinking": d, "signature": "c2ln"}),
    "tool result": result,
    "tool result blocks": lambda d: result([{"type": "text", "text": "x"}, {"type": "text", "text": d}]),
    "failed tool": lambda d: result(d, is_error=True),
    "text after a result": lambda d: turns({"type": "tool_use", "id": "t1", "name": "f", "input": {}}, after=[
        {"type": "tool_result", "tool_use_id": "t1"}, {"type": "text", "text": d}]),
    "tool description": lambda d: ask("hi", tools=[tool(description=d)]),
}

# Where it stands as it is.
PLAIN = {
    "signature": lambda d: turns({"type": "thinking", "thinking": "x", "signature": d}),
    "signature with members": lambda d: turns({"type": "thinking", "thinking": "x", "signature": "c2ln", "x": {d: [d]}}),
    "redacted thinking": lambda d: turns({"type": "redacted_thinking", "data": d}),
    "redacted thinking inside": lambda d: turns({"type": "redacted_thinking", "data": inside(d)}),
    "input": lambda d: turns({"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [d], "b": {d: 1}}}),
    "input number": lambda d: turns({"type": "tool_use", "id": "t1", "name": "f", "input": {"n": int(d)}}) if d.isdigit() else None,
    "call id": lambda d: turns({"type": "tool_use", "id": d, "name": "f", "input": {}}, after=[
        {"type": "tool_result", "tool_use_id": d, "content": "x"}]),
    "call name": lambda d: turns({"type": "tool_use", "id": "t1", "name": d, "input": {}}),
    "call extra": lambda d: turns({"type": "tool_use", "id": "t1", "name": "f", "input": {}, "caller": {"type": d}}),
    "result extra": lambda d: result("x", cache_control={"type": d}),
    "result text extra": lambda d: result([{"type": "text", "text": "x", "y": d}]),
    "result image": lambda d: result([{"type": "image", "source": {"type": "url", "url": f"https://h.example/{d}"}}]),
    "result document": lambda d: result([{"type": "document", "title": d, "context": d, "source": {
        "type": "text", "media_type": "text/plain", "data": d}}]),
    "result search result": lambda d: result([{"type": "search_result", "source": d, "title": d, "content": [
        {"type": "text", "text": d}]}]),
    "block extra": lambda d: ask([{"type": "text", "text": "a", "cache_control": {"type": d}}]),
    "citations": lambda d: turns({"type": "text", "text": "a", "citations": [{"type": "char_location", "cited_text": d}]}),
    "message extra": lambda d: {"model": "eu/gpt-x", "max_tokens": 9, "messages": [{"role": "user", "content": "a", "x": {d: d}}]},
    "system extra": lambda d: ask("hi", system=[{"type": "text", "text": "a", "citations": [d]}]),
    "image": lambda d: ask([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": inside(d)}}]),
    "image address": lambda d: ask([{"type": "image", "source": {"type": "url", "url": f"https://h.example/{d}.png"}}]),
    "document text": lambda d: ask([{"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": d}}]),
    "document title": lambda d: ask([{"type": "document", "title": d, "context": d, "source": {
        "type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}}]),
    "document content": lambda d: ask([{"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": d}]}}]),
    "search result": lambda d: ask([{"type": "search_result", "source": d, "title": "t", "content": [{"type": "text", "text": d}]}]),
    "unknown block": lambda d: ask([{"type": "hologram", "x": d}]),
    "block type": lambda d: ask([{"type": d, "x": 1}]),
    "server tool's use": lambda d: turns({"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": d}}),
    "server tool's result": lambda d: turns({"type": "web_search_tool_result", "tool_use_id": "s", "content": [
        {"type": "web_search_result", "url": "https://h.example", "title": d, "encrypted_content": d}]}),
    "container upload": lambda d: ask([{"type": "container_upload", "file_id": d}]),
    "tool name": lambda d: ask("hi", tools=[tool(d)]),
    "tool schema": lambda d: ask("hi", tools=[{"name": "f", "input_schema": {"properties": {d: {"enum": [d]}}}}]),
    "tool extra": lambda d: ask("hi", tools=[tool(cache_control={"type": d}, input_examples=[{"x": d}])]),
    "tool of theirs": lambda d: ask("hi", tools=[{"type": "web_search_20250305", "name": "web_search", "user_location": {"city": d}}]),
    "tool type": lambda d: ask("hi", tools=[{"type": d, "name": "x"}]),
    "tool choice": lambda d: ask("hi", tools=[tool()], tool_choice={"type": "tool", "name": d}),
    "tool choice extra": lambda d: ask("hi", tools=[tool()], tool_choice={"type": "auto", "x": d}),
    "user id": lambda d: ask("hi", metadata={"user_id": d}),
    "metadata": lambda d: ask("hi", metadata={"user_id": "u", "x": {d: d}}),
    "metadata number": lambda d: ask("hi", metadata={"card": int(d)}) if d.isdigit() else None,
    "stops": lambda d: ask("hi", stop_sequences=["a", d]),
    "top extra": lambda d: ask("hi", x_future={"deep": [[[{d: d}]]]}),
    "top number": lambda d: ask("hi", x=[1, [int(d)]]) if d.isdigit() else None,
    "thinking": lambda d: ask("hi", thinking={"type": "enabled", "budget_tokens": 1024, "display": d}),
    "output format": lambda d: ask("hi", output_config={"format": {"type": "json_schema", "schema": {"const": d}}}),
    "mcp servers": lambda d: ask("hi", mcp_servers=[{"type": "url", "url": f"https://h.example/{d}", "name": d, "authorization_token": d}]),
    "container": lambda d: ask("hi", container={"id": d, "skills": [{"skill_id": d}]}),
    "context management": lambda d: ask("hi", context_management={"edits": [{"type": d}]}),
    "service tier": lambda d: ask("hi", service_tier=d),
    "deep": lambda d: ask("hi", x=json.loads("[" * 45 + json.dumps(d) + "]" * 45)),
}
