"""The stand-in's Cohere: v2 chat, streamed and whole. Further behaviours:
    timeout      finish_reason TIMEOUT at the end        failed      finish_reason ERROR, with a message
    cite         citations between the pieces            plan        a tool plan before a call
"""
import json

from standin import Dialect


class Cohere(Dialect):
    vendor = "Cohere's"
    base = "/v2"
    path = "/v2/chat"
    id_header = "x-debug-trace-id"
    bad_piece = "event: content-delta\ndata: {\"type\": oops\n\n"

    @staticmethod
    def key_of(headers):
        value = headers.get("authorization", "")
        return value[7:] if value.lower().startswith("bearer ") else ""

    @classmethod
    def asked(cls, path, headers, body):
        if path != cls.path:
            return 404, cls.error(404, 0)
        messages = body.get("messages")
        unknown = {"top_p", "top_k", "stop", "max_completion_tokens", "stream_options"} & set(body)
        if not isinstance(messages, list) or not messages or unknown or \
                body.get("tool_choice") not in (None, "NONE", "REQUIRED"):
            return 400, {"id": "x", "message": f"invalid request: {sorted(unknown)}"}
        if any(m["role"] == "system" for m in messages[1:]):
            return 400, {"id": "x", "message": "system turn must be the first in the list"}
        return dict(body, tool_choice="required" if body.get("tool_choice") == "REQUIRED" else None)

    @staticmethod
    def finish(q):
        return "TIMEOUT" if "timeout" in q.how else "ERROR" if "failed" in q.how else \
            "TOOL_CALL" if q.tool else "MAX_TOKENS" if q.cut else "COMPLETE"

    @staticmethod
    def usage(q):
        return {"billed_units": {"input_tokens": float(q.usage_in), "output_tokens": q.usage_out},
                "tokens": {"input_tokens": q.usage_in + 500, "output_tokens": q.usage_out + 2}, "cached_tokens": 4}

    @classmethod
    def whole(cls, q, n):
        message = {"role": "assistant", "content": []}
        if "reason" in q.how:
            message["content"].append({"type": "thinking", "thinking": "I am thinking."})
        if q.tool:
            message["tool_calls"] = [{"id": f"call_{n}", "type": "function",
                                      "function": {"name": q.tool, "arguments": q.arguments}}]
            if "plan" in q.how:
                message["tool_plan"] = "I will call it."
        else:
            message["content"].append({"type": "text", "text": "".join(q.pieces)})
        out = {"id": f"co-{n}", "finish_reason": cls.finish(q), "message": message, "usage": cls.usage(q)}
        if "failed" in q.how:
            out["error"] = "stand-in failed"
        return out

    @classmethod
    def stream(cls, q, n):
        def event(kind, **members):
            return f"event: {kind}\ndata: {json.dumps(dict(type=kind, **members), ensure_ascii=False)}\n\n"

        def message(**inner):
            return {"delta": {"message": inner}}
        yield event("message-start", id=f"co-{n}", **message(role="assistant", content=[], tool_plan="", tool_calls=[],
                                                             citations=[]))
        index = 0
        if "reason" in q.how:
            yield event("content-start", index=0, **message(content={"type": "thinking", "thinking": ""}))
            for p in ("I am ", "thinking."):
                yield event("content-delta", index=0, **message(content={"thinking": p}))
            yield event("content-end", index=0)
            index = 1
        if q.tool:
            if "plan" in q.how:
                for p in ("I will ", "call it."):
                    yield event("tool-plan-delta", **message(tool_plan=p))
            yield event("tool-call-start", index=0, **message(tool_calls={
                "id": f"call_{n}", "type": "function", "function": {"name": q.tool, "arguments": ""}}))
            for i in range(0, len(q.arguments), 5):
                yield event("tool-call-delta", index=0, **message(tool_calls={
                    "function": {"arguments": q.arguments[i:i + 5]}}))
            yield event("tool-call-end", index=0)
        else:
            yield event("content-start", index=index, **message(content={"type": "text", "text": ""}))
            for i, p in enumerate(q.pieces):
                yield event("content-delta", index=index, **message(content={"text": p}))
                if "cite" in q.how and i == 1:
                    yield event("citation-start", index=0, **message(citations={
                        "start": 0, "end": 5, "text": "STAND", "sources": []}))
                    yield event("citation-end", index=0)
            yield event("content-end", index=index)
        delta = {"finish_reason": cls.finish(q), "usage": cls.usage(q)}
        if "failed" in q.how:
            delta["error"] = "stand-in failed"
        yield event("message-end", id=f"co-{n}", delta=delta)

    @classmethod
    def is_end(cls, piece):
        return piece.startswith("event: message-end")

    @staticmethod
    def error(status, n):
        return {"id": f"co-{n}", "message": f"stand-in says {status}"}

    @staticmethod
    def error_event():
        return 'event: error\ndata: {"message":"stand-in broke"}\n\n'
