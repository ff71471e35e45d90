"""The stand-in's Mistral: near OpenAI's dialect, and it refuses what Mistral's API refuses: members that it does
not know (422), ids of tool calls that are not nine letters and digits, arguments without a call."""
import json
import re

from standin import OpenAI

KNOWN = {"model", "messages", "temperature", "top_p", "max_tokens", "stream", "stop", "random_seed", "metadata",
         "response_format", "tools", "tool_choice", "presence_penalty", "frequency_penalty", "n", "prediction",
         "parallel_tool_calls", "reasoning_effort", "prompt_mode", "guardrails", "prompt_cache_key", "safe_prompt",
         "min_tokens", "repetition_penalty", "top_k"}
ROLES = {"system": {"role", "content"}, "user": {"role", "content"},
         "assistant": {"role", "content", "tool_calls", "prefix"},
         "tool": {"role", "content", "tool_call_id", "name"}}
ID = re.compile(r"[a-zA-Z0-9]{9}")


def extra(loc, name):
    return {"type": "extra_forbidden", "loc": ["body", *loc, name], "msg": "Extra inputs are not permitted",
            "input": None}


def faults(body):
    """What FastAPI would say of it."""
    out = [extra([], k) for k in body if k not in KNOWN]
    for i, m in enumerate(body["messages"]):
        known = ROLES.get(m.get("role"))
        if not known:
            out.append({"type": "union_tag_invalid", "loc": ["body", "messages", i], "msg": "unknown role"})
            continue
        out += [extra(["messages", i, m["role"]], k) for k in m if k not in known]
    for i, t in enumerate(body.get("tools") or []):
        if "parameters" not in t.get("function", {}):
            out.append({"type": "missing", "loc": ["body", "tools", i, "function", "parameters"],
                        "msg": "Field required"})
    if isinstance(body.get("tool_choice"), str) and body["tool_choice"] not in ("auto", "none", "any", "required"):
        out.append({"type": "enum", "loc": ["body", "tool_choice"], "msg": "Input should be auto, none or any"})
    return out


class Mistral(OpenAI):
    vendor = "Mistral's"
    id_header = "mistral-correlation-id"

    @classmethod
    def asked(cls, path, headers, body):
        body = super().asked(path, headers, body)
        if isinstance(body, tuple):
            return body
        wrong = faults(body)
        if wrong:
            return 422, {"detail": wrong}
        known, answered = set(), set()
        for m in body["messages"]:
            for c in m.get("tool_calls") or []:
                known.add(c["id"])
            if m["role"] == "tool":
                answered.add(m["tool_call_id"])
        bad = [i for i in known | answered if not ID.fullmatch(i)]
        if bad:
            return 400, {"object": "error", "type": "invalid_function_call", "param": None, "code": "3280",
                         "message": f"Tool call id was {bad[0]} but must be a-z, A-Z, 0-9, with a length of 9."}
        if answered - known:
            return 400, {"object": "error", "type": "invalid_request_message_order", "param": None,
                         "code": "3230", "message": "Unexpected tool call id in tool results"}
        return dict(body, tool_choice="required" if body.get("tool_choice") == "any" else body.get("tool_choice"))

    @staticmethod
    def usage(q):
        return {"prompt_tokens": q.usage_in, "completion_tokens": q.usage_out,
                "total_tokens": q.usage_in + q.usage_out}

    @staticmethod
    def content(q):
        text = "" if q.tool else "".join(q.pieces)
        if "reason" not in q.how:
            return text
        return [{"type": "thinking", "thinking": [{"type": "text", "text": q.thought}], "closed": True},
                {"type": "text", "text": text}]

    @staticmethod
    def calls(q, n):
        arguments = json.loads(q.arguments) if "args-object" in q.how else q.arguments
        return [{"id": f"Standin{n % 90 + 10}", "function": {"name": q.tool, "arguments": arguments}, "index": 0}]

    @classmethod
    def whole(cls, q, n):
        message = {"role": "assistant", "content": cls.content(q), "prefix": False,
                   "tool_calls": cls.calls(q, n) if q.tool else None}
        return {"id": f"mistral-standin-{n}", "object": "chat.completion", "created": 1700000000,
                "model": q.model, "choices": [{"index": 0, "message": message, "finish_reason": cls.finish(q)}],
                "usage": cls.usage(q)}

    @classmethod
    def stream(cls, q, n):
        def chunk(delta, finish=None, **more):
            return "data: " + json.dumps({
                "id": f"mistral-standin-{n}", "object": "chat.completion.chunk", "created": 1700000000,
                "model": q.model, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}],
                **more}, ensure_ascii=False) + "\n\n"
        yield chunk({"role": "assistant", "content": ""})
        if "reason" in q.how:
            for p in (q.thought[:5], q.thought[5:]):
                yield chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": p}]}]})
        for p in q.pieces if not q.tool else []:
            yield chunk({"content": p})
        last = {"content": "", "tool_calls": cls.calls(q, n)} if q.tool else {"content": ""}
        yield chunk(last, cls.finish(q), usage=cls.usage(q))
        yield cls.end_marker

    @classmethod
    def error(cls, status, n):
        if status == 401:
            return {"detail": "Unauthorized"}
        if status == 429:
            return {"object": "error", "message": "Requests rate limit exceeded", "type": "rate_limited",
                    "param": None, "code": "1300", "raw_status_code": 429}
        return {"object": "error", "message": f"stand-in says {status}", "type": "internal_server_error",
                "param": None, "code": "1000"}

    @staticmethod
    def error_event():
        return 'data: {"object":"error","message":"stand-in broke","type":"server_error","code":"standin"}\n\n'

    @staticmethod
    def rate_headers():
        return {"x-ratelimit-limit-req-minute": "60", "x-ratelimit-remaining-req-minute": "59"}


