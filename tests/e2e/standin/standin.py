#!/usr/bin/env python3
"""A stand-in for a closed API: real TLS, the real wire dialect, canned answers, and a record of
every request that reached it.

    standin.py --dialect openai|anthropic|gemini|azure-openai|mistral|bedrock|cohere [--port 0] --cert-dir DIR --record FILE.jsonl
               [--key KEY] [--behave SPEC] [--script FILE.json]
               [--answers FILE.json] [--host 127.0.0.1]

It makes its own CA and server certificate in DIR (ca.pem, server.pem, server.key; kept if they are
there), prints its port as the first line of standard output and then serves until SIGTERM. Nothing
here is part of the product: it stands where api.openai.com or api.anthropic.com would stand. The other
dialects are in files of their own (gemini.py, azure.py, mistral.py) and refuse what the real ones refuse.

Record: one JSON line a request, written and fsynced before the first byte of the answer:
    {"n", "t", "connection", "request_on_connection", "tls", "resumed", "method", "path",
     "headers" (credentials as "sha256:<hex>"), "key_sha256", "body" (JSON, or null),
     "body_text" (as it came)}

Answer: "STAND-IN ANSWER: " and the last user text, so that whatever was put into it comes back; or
the call of the first tool when tools are there and asked for; or, after a tool's result, that.

Behaviours are words and word=value pairs, comma separated, from the first of these that has any:
  the next entry of --script (a JSON list of such strings, one a request),
  [[standin: ...]] in the last user text (not repeated in the answer),
  the model's name after "standin-" ("standin-status=429"),
  --behave.
    status=N          answer with an error of that status     retry-after=S  with that header
    delay=S           wait before the head                    drip=S         wait between pieces
    hang              head, then nothing                      hang-head      not even a head
    die=N             close hard after N pieces               truncate       end in order, but
                                                                             without its last
                                                                             piece: [DONE],
                                                                             message_stop, ...
    error-event       an error event after two pieces         garbage        bytes that are no HTTP
    bad-json          a piece that is no JSON                 split          one byte a TLS record
    tools             call a tool                             redirect       302 elsewhere
    gzip              claim content-encoding: gzip            close          Connection: close
    linger            keep silent for 3 s after [DONE]        drop-reused    close a connection on
                                                                             its second request,
                                                                             unanswered
    reason            think first                             long=N         N more pieces
    answer=NAME       say what stands under NAME in --answers (a JSON object), instead of the echo
    think=NAME        with reason: think what stands under NAME (openai only)
    call=NAME         call a tool of that name, offered or not
    finish=WORD       end with that reason                    blocked        refuse the prompt
    blocks=NAME       the content blocks that stand under NAME (a list; anthropic only)
    stopped           end at the first of the stop sequences (anthropic only)

anthropic also counts: POST /v1/messages/count_tokens answers with the number that a message's usage
would have.
"""
import argparse
import asyncio
import hashlib
import json
import os
import re
import signal
import ssl
import subprocess
import sys
import time

import vectors

SECRET_HEADERS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token")
CONTROL = re.compile(r"\[\[standin:\s*([^\]]*)\]\]\s*")


def make_certificates(folder):
    """A CA and a server certificate for localhost, 127.0.0.1 and ::1, with the openssl program."""
    os.makedirs(folder, mode=0o700, exist_ok=True)
    at = lambda name: os.path.join(folder, name)
    if all(os.path.exists(at(f)) for f in ("ca.pem", "server.pem", "server.key")):
        return
    def run(*args):
        subprocess.run(["openssl", *args], check=True, stdout=subprocess.DEVNULL,
                       stderr=subprocess.PIPE)
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    run("req", "-x509", *curve, "-keyout", at("ca.key"), "-out", at("ca.pem"), "-days", "30",
        "-subj", "/CN=Weir stand-in CA", "-addext", "basicConstraints=critical,CA:TRUE",
        "-addext", "keyUsage=critical,keyCertSign,cRLSign")
    run("req", *curve, "-keyout", at("server.key"), "-out", at("server.csr"),
        "-subj", "/CN=localhost")
    with open(at("server.ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\n"
                "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n")
    run("x509", "-req", "-in", at("server.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key"),
        "-CAcreateserial", "-days", "30", "-out", at("server.pem"), "-extfile", at("server.ext"))


def parse_behaviour(text):
    out = {}
    for word in text.split(","):
        word = word.strip()
        if word:
            name, _, value = word.partition("=")
            out[name] = value or True
    return out


def text_of(content):
    """The text of a message's content, in either dialect."""
    if isinstance(content, str):
        return content
    out = []
    for part in content or []:
        if isinstance(part, str):
            out.append(part)
        elif part.get("type") == "text":
            out.append(part.get("text", ""))
        elif part.get("type") == "tool_result":
            out.append(text_of(part.get("content")))
    return "".join(out)


class Question:
    """What both dialects ask, and what the answer will be."""

    def __init__(self, body, chosen, default, answers):
        self.body = body
        self.stream = bool(body.get("stream"))
        self.model = body.get("model", "")
        messages = body.get("messages") or []
        last_user = next((text_of(m.get("content")) for m in reversed(messages)
                          if m.get("role") == "user" and text_of(m.get("content"))), "")
        found = CONTROL.search(last_user)
        self.text = CONTROL.sub("", last_user)
        if chosen is not None:
            self.how = parse_behaviour(chosen)
        elif found:
            self.how = parse_behaviour(found.group(1))
        elif "standin-" in self.model:
            self.how = parse_behaviour(self.model.split("standin-", 1)[1])
        else:
            self.how = parse_behaviour(default)
        self.result = None
        if messages and messages[-1].get("role") == "tool":
            self.result = text_of(messages[-1].get("content"))
        elif messages and isinstance(messages[-1].get("content"), list):
            for part in messages[-1]["content"]:
                if isinstance(part, dict) and part.get("type") == "tool_result":
                    self.result = text_of(part.get("content"))
        choice = body.get("tool_choice")
        forced = choice == "required" or (isinstance(choice, dict)
                                          and choice.get("type") not in ("auto", "none"))
        tools = body.get("tools") or []
        self.tool = None
        if tools and self.result is None and (forced or "tools" in self.how):
            first = tools[0].get("function") or tools[0]
            self.tool = first.get("name", "tool")
        if "call" in self.how and self.result is None:
            self.tool = self.how["call"]
        answer = ("STAND-IN ANSWER: the tool said: " + self.result if self.result is not None
                  else "STAND-IN ANSWER: " + self.text)
        if "answer" in self.how:
            answer = answers[self.how["answer"]]
        self.thought = answers[self.how["think"]] if "think" in self.how else "I am thinking."
        self.blocks = answers[self.how["blocks"]] if "blocks" in self.how else None
        # Pieces of up to 7 characters: words and placeholders get cut, as real tokens do.
        self.pieces = [answer[i:i + 7] for i in range(0, len(answer), 7)]
        self.pieces += ["more "] * int(self.how.get("long", 0))
        said = answer if "answer" in self.how else self.text
        self.arguments = json.dumps({"text": said}, ensure_ascii=False)
        self.usage_in = len(json.dumps(messages, ensure_ascii=False)) // 4 + 1
        self.usage_out = len(self.pieces)
        # Both dialects end early when the length is used up.
        limit = body.get("max_completion_tokens") or body.get("max_tokens")
        self.cut = isinstance(limit, int) and limit < len(self.pieces)
        if self.cut:
            self.pieces = self.pieces[:limit]
            self.usage_out = limit


# ---- the dialects: each yields the pieces of a stream, or makes one body ----

class Dialect:
    """What a dialect has unless it says otherwise; each also has whole, stream, error, error_event, key_of."""
    vendor = ""
    base = "/v1"
    stream_type = "text/event-stream; charset=utf-8"
    bad_piece = "data: {\"id\": oops\n\n"
    path = "/v1/chat/completions"
    id_header = "x-request-id"
    end_marker = "data: [DONE]\n\n"

    @classmethod
    def asked(cls, path, headers, body):
        """What is asked for, in OpenAI's words; or (status, body) of what refuses it."""
        if path != cls.path:
            return 404, cls.error(404, 0)
        return body if isinstance(body.get("messages"), list) else (400, cls.error(400, 0))

    @classmethod
    def is_end(cls, piece):
        return piece == cls.end_marker

    @classmethod
    def refused(cls, request, key, n):
        """None, or (status, body) and headers perhaps; request is (method, path, headers, raw)."""
        return None if cls.key_of(request[2]) == key else cls.bad_key(n)

    @staticmethod
    def error_headers(status, how):
        return {}

    @staticmethod
    def adjust(q):
        """Behaviours of the dialect's own, in terms of the common ones."""

    @classmethod
    def bad_key(cls, n):
        return 401, cls.error(401, n)

    @classmethod
    def blocked(cls, n):
        return 400, cls.error(400, n)

    @staticmethod
    def rate_headers():
        return {}


class OpenAI(Dialect):
    vendor = "OpenAI's"

    @staticmethod
    def key_of(headers):
        value = headers.get("authorization", "")
        return value[7:] if value.lower().startswith("bearer ") else ""

    @staticmethod
    def usage(q):
        return {"prompt_tokens": q.usage_in, "completion_tokens": q.usage_out,
                "total_tokens": q.usage_in + q.usage_out,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}}

    @staticmethod
    def finish(q):
        return q.how["finish"] if "finish" in q.how else "tool_calls" if q.tool else "length" if q.cut else "stop"

    @classmethod
    def whole(cls, q, n):
        message = {"role": "assistant", "content": None if q.tool else "".join(q.pieces),
                   "refusal": None, "annotations": []}
        if "reason" in q.how:
            message["reasoning_content"] = q.thought
        if q.tool:
            message["tool_calls"] = [{"id": f"call_{n}", "type": "function", "function": {
                "name": q.tool, "arguments": q.arguments}}]
        return {"id": f"chatcmpl-standin-{n}", "object": "chat.completion",
                "created": int(time.time()), "model": q.model,
                "choices": [{"index": 0, "message": message, "logprobs": None,
                             "finish_reason": cls.finish(q)}],
                "usage": cls.usage(q), "service_tier": "default", "system_fingerprint": "fp_stand"}

    @classmethod
    def stream(cls, q, n):
        wants_usage = (q.body.get("stream_options") or {}).get("include_usage")
        base = {"id": f"chatcmpl-standin-{n}", "object": "chat.completion.chunk",
                "created": int(time.time()), "model": q.model, "service_tier": "default",
                "system_fingerprint": "fp_stand"}

        def chunk(delta, finish=None, usage=None, choices=True):
            c = dict(base, choices=[{"index": 0, "delta": delta, "logprobs": None,
                                     "finish_reason": finish}] if choices else [])
            if wants_usage:
                c["usage"] = usage
            return "data: " + json.dumps(c, ensure_ascii=False) + "\n\n"
        yield chunk({"role": "assistant", "content": None if q.tool else "", "refusal": None})
        if "reason" in q.how:
            yield chunk({"reasoning_content": q.thought[:5]})
            yield chunk({"reasoning_content": q.thought[5:]})
        if q.tool:
            yield chunk({"tool_calls": [{"index": 0, "id": f"call_{n}", "type": "function",
                                         "function": {"name": q.tool, "arguments": ""}}]})
            for i in range(0, len(q.arguments), 5):
                yield chunk({"tool_calls": [{"index": 0, "function": {
                    "arguments": q.arguments[i:i + 5]}}]})
        else:
            for p in q.pieces:
                yield chunk({"content": p})
        yield chunk({}, cls.finish(q))
        if wants_usage:
            yield chunk({}, usage=cls.usage(q), choices=False)
        yield cls.end_marker

    @staticmethod
    def error(status, n):
        kind = {400: "invalid_request_error", 401: "authentication_error",
                429: "rate_limit_error"}.get(status, "server_error")
        return {"error": {"message": f"stand-in says {status}", "type": kind, "param": None,
                          "code": "rate_limit_exceeded" if status == 429 else None}}

    @staticmethod
    def error_event():
        return ('data: {"error":{"message":"stand-in broke","type":"server_error","param":null,'
                '"code":"standin"}}\n\n')

    @staticmethod
    def rate_headers():
        return {"x-ratelimit-limit-requests": "500", "x-ratelimit-remaining-requests": "499",
                "x-ratelimit-reset-requests": "12ms"}


class Anthropic(Dialect):
    vendor = "Anthropic's"
    path = "/v1/messages"
    id_header = "request-id"
    end_marker = 'event: message_stop\ndata: {"type":"message_stop"}\n\n'

    @staticmethod
    def key_of(headers):
        return headers.get("x-api-key", "")

    @staticmethod
    def stop(q):
        if q.blocks and any(b["type"] == "tool_use" for b in q.blocks):
            return "tool_use"
        if "stopped" in q.how:
            return "stop_sequence"
        return q.how["finish"] if "finish" in q.how else "tool_use" if q.tool else "max_tokens" if q.cut else "end_turn"

    @staticmethod
    def blocks(q, n):
        if q.blocks:
            return q.blocks
        out = []
        if "reason" in q.how:
            out.append({"type": "thinking", "thinking": "I am thinking.", "signature": "c2ln"})
        if q.tool:
            out.append({"type": "tool_use", "id": f"toolu_{n}", "name": q.tool,
                        "input": json.loads(q.arguments)})
        else:
            out.append({"type": "text", "text": "".join(q.pieces)})
        return out

    @classmethod
    def whole(cls, q, n):
        return {"id": f"msg_standin_{n}", "type": "message", "role": "assistant",
                "model": q.model, "content": cls.blocks(q, n), "stop_reason": cls.stop(q),
                "stop_sequence": q.body["stop_sequences"][0] if "stopped" in q.how else None,
                "usage": {"input_tokens": q.usage_in, "cache_creation_input_tokens": 0,
                          "cache_read_input_tokens": 0, "output_tokens": q.usage_out}}

    @classmethod
    def stream(cls, q, n):
        def event(kind, **members):
            return (f"event: {kind}\ndata: "
                    + json.dumps(dict(type=kind, **members), ensure_ascii=False) + "\n\n")
        start = dict(cls.whole(q, n), content=[], stop_reason=None)
        stopped = start.pop("stop_sequence")
        start["usage"] = dict(start["usage"], output_tokens=1)
        yield event("message_start", message=start)
        if q.blocks:
            for index, block in enumerate(q.blocks):
                yield from cls.stream_block(event, index, block)
            yield event("message_delta", delta={"stop_reason": cls.stop(q), "stop_sequence": stopped},
                        usage={"output_tokens": q.usage_out})
            yield cls.end_marker
            return
        index = 0
        if "reason" in q.how:
            yield event("content_block_start", index=0,
                        content_block={"type": "thinking", "thinking": "", "signature": ""})
            for p in ("I am ", "thinking."):
                yield event("content_block_delta", index=0,
                            delta={"type": "thinking_delta", "thinking": p})
            yield event("content_block_delta", index=0,
                        delta={"type": "signature_delta", "signature": "c2ln"})
            yield event("content_block_stop", index=0)
            index = 1
        yield event("ping")
        if q.tool:
            yield event("content_block_start", index=index,
                        content_block={"type": "tool_use", "id": f"toolu_{n}", "name": q.tool,
                                       "input": {}})
            for i in range(0, len(q.arguments), 5):
                yield event("content_block_delta", index=index,
                            delta={"type": "input_json_delta",
                                   "partial_json": q.arguments[i:i + 5]})
        else:
            yield event("content_block_start", index=index,
                        content_block={"type": "text", "text": ""})
            for p in q.pieces:
                yield event("content_block_delta", index=index,
                            delta={"type": "text_delta", "text": p})
        yield event("content_block_stop", index=index)
        yield event("message_delta", delta={"stop_reason": cls.stop(q), "stop_sequence": stopped},
                    usage={"output_tokens": q.usage_out})
        yield cls.end_marker

    @staticmethod
    def stream_block(event, index, block):
        """One block of any kind as the API streams it: texts and inputs in pieces, the rest at its start."""
        cut = lambda s: [s[i:i + 7] for i in range(0, len(s), 7)]
        kind = block["type"]
        empty = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}}.get(kind, {})
        if "input" in block:
            empty = {"input": {}}
        shown = dict(block, **empty)
        shown.pop("citations", None)
        yield event("content_block_start", index=index, content_block=shown)
        deltas = [{"type": "text_delta", "text": p} for p in cut(block.get("text", ""))]
        deltas += [{"type": "citations_delta", "citation": c} for c in block.get("citations") or []]
        deltas += [{"type": "thinking_delta", "thinking": p} for p in cut(block.get("thinking", ""))]
        if "signature" in block:
            deltas.append({"type": "signature_delta", "signature": block["signature"]})
        if "input" in block:
            deltas += [{"type": "input_json_delta", "partial_json": p}
                       for p in cut(json.dumps(block["input"], ensure_ascii=False))]
        for d in deltas:
            yield event("content_block_delta", index=index, delta=d)
        yield event("content_block_stop", index=index)

    @staticmethod
    def error(status, n):
        kind = {400: "invalid_request_error", 401: "authentication_error",
                429: "rate_limit_error", 529: "overloaded_error"}.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": f"stand-in says {status}"},
                "request_id": f"req_standin_{n}"}

    @staticmethod
    def error_event():
        return ('event: error\ndata: {"type":"error","error":{"type":"overloaded_error",'
                '"message":"stand-in broke"}}\n\n')

    @staticmethod
    def rate_headers():
        return {"anthropic-ratelimit-requests-limit": "50",
                "anthropic-ratelimit-requests-remaining": "49",
                "anthropic-ratelimit-requests-reset": "2026-01-01T00:00:00Z"}


def dialects():
    import azure, bedrock, cohere, gemini, mistral  # noqa: E401 - they build on this file
    return {"openai": OpenAI, "anthropic": Anthropic, "gemini": gemini.Gemini,
            "azure-openai": azure.Azure, "mistral": mistral.Mistral,
            "bedrock": bedrock.Bedrock, "cohere": cohere.Cohere}


# ---- the server ----

class Hangup(Exception):
    """Close the connection now, without ceremony."""


class Server:
    def __init__(self, args):
        self.args = args
        self.dialect = dialects()[args.dialect]
        self.script = json.load(open(args.script)) if args.script else []
        self.answers = json.load(open(args.answers)) if args.answers else {}
        self.record_fd = os.open(args.record, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self.n = 0
        self.connections = 0

    def record(self, conn, method, path, headers, raw, body):
        key = self.dialect.key_of(headers)
        shown = {k: ("sha256:" + hashlib.sha256(v.encode()).hexdigest()
                     if k in SECRET_HEADERS else v)
                 for k, v in headers.items()}
        line = json.dumps({
            "n": self.n, "t": time.time(), "connection": conn["id"],
            "request_on_connection": conn["requests"], "tls": conn["tls"],
            "resumed": conn["resumed"], "method": method, "path": path, "headers": shown,
            "key_sha256": hashlib.sha256(key.encode()).hexdigest() if key else None,
            "body": body, "body_text": raw.decode("utf-8", "replace")}, ensure_ascii=False)
        os.write(self.record_fd, line.encode() + b"\n")
        os.fsync(self.record_fd)

    async def read_request(self, reader):
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _ = lines[0].split(" ", 2)
        headers = {}
        for line in lines[1:]:
            if line:
                name, _, value = line.partition(":")
                headers[name.strip().lower()] = value.strip()
        raw = await reader.readexactly(int(headers.get("content-length", "0")))
        return method, path, headers, raw

    def head(self, status, extra, n):
        out = [f"HTTP/1.1 {status} Stand-In", f"{self.dialect.id_header}: req_standin_{n}"]
        out += [f"{k}: {v}" for k, v in extra.items()]
        return ("\r\n".join(out) + "\r\n\r\n").encode()

    async def send_whole(self, writer, status, body, extra, n):
        data = json.dumps(body, ensure_ascii=False).encode()
        head = self.head(status, dict({"content-type": "application/json",
                                       "content-length": len(data)}, **extra), n)
        writer.write(head + data)
        await writer.drain()

    async def send_stream(self, writer, q, extra, n):
        how = q.how

        async def chunk(text):
            data = text if isinstance(text, bytes) else text.encode()
            whole = b"%x\r\n%s\r\n" % (len(data), data)
            if "split" in how:
                for i in range(len(whole)):
                    writer.write(whole[i:i + 1])
                    await writer.drain()
            else:
                writer.write(whole)
                await writer.drain()
        writer.write(self.head(200, dict({"content-type": self.dialect.stream_type,
                                          "cache-control": "no-cache",
                                          "transfer-encoding": "chunked"}, **extra), n))
        await writer.drain()
        if "hang" in how:
            await asyncio.sleep(3600)
        for i, piece in enumerate(self.dialect.stream(q, n)):
            if "die" in how and i >= int(how["die"]):
                raise Hangup
            if self.dialect.is_end(piece) and "truncate" in how:
                break
            if i == 3 and "error-event" in how:
                await chunk(self.dialect.error_event())
                break
            if i == 3 and "bad-json" in how:
                await chunk(self.dialect.bad_piece)
            if "drip" in how:
                await asyncio.sleep(float(how["drip"]))
            await chunk(piece)
        if "linger" in how:
            await asyncio.sleep(3)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def answer(self, writer, q, extra, n):
        how = q.how
        if "delay" in how:
            await asyncio.sleep(float(how["delay"]))
        if "hang-head" in how:
            await asyncio.sleep(3600)
        if "garbage" in how:
            writer.write(b"\x16\x03 this is no HTTP\n\n\n")
            await writer.drain()
            raise Hangup
        if "redirect" in how:
            await self.send_whole(writer, 302, {}, {"location": "https://localhost:1/"}, n)
        elif "status" in how:
            extra = dict(extra, **self.dialect.error_headers(int(how["status"]), how))
            if "retry-after" in how:
                extra = dict(extra, **{"retry-after": how["retry-after"]})
            await self.send_whole(writer, int(how["status"]),
                                  how.get("body") or self.dialect.error(int(how["status"]), n), extra, n)
        elif "blocked" in how:
            await self.send_whole(writer, *self.dialect.blocked(n), extra, n)
        elif q.stream:
            await self.send_stream(writer, q, extra, n)
        elif "hang" in how:
            await asyncio.sleep(3600)
        elif "die" in how:
            data = json.dumps(self.dialect.whole(q, n)).encode()
            writer.write(self.head(200, {"content-type": "application/json",
                                         "content-length": len(data)}, n) + data[:len(data) // 2])
            await writer.drain()
            raise Hangup
        elif "bad-json" in how:
            writer.write(self.head(200, {"content-type": "application/json",
                                         "content-length": 9}, n) + b'{"id": oo')
            await writer.drain()
        else:
            await self.send_whole(writer, 200, self.dialect.whole(q, n), extra, n)

    async def serve_one(self, reader, writer, conn):
        method, path, headers, raw = await self.read_request(reader)
        self.n += 1
        n = self.n
        conn["requests"] += 1
        try:
            body = json.loads(raw)
        except ValueError:
            body = None
        self.record(conn, method, path, headers, raw, body)
        extra = self.dialect.rate_headers()
        counts = self.args.dialect == "anthropic" and path == self.dialect.path + "/count_tokens"
        if counts and method == "POST" and isinstance(body, dict):
            q = Question(body, None, self.args.behave, self.answers)
            if "status" not in q.how:
                await self.send_whole(writer, 200, {"input_tokens": q.usage_in}, extra, n)
                return True
            await self.answer(writer, q, extra, n)
            return True
        if method != "POST":
            await self.send_whole(writer, 404, self.dialect.error(404, n), extra, n)
            return True
        refused = self.dialect.refused((method, path, headers, raw), self.args.key, n) if self.args.key else None
        if refused:
            await self.send_whole(writer, *refused[:2], dict(extra, **(refused[2] if refused[2:] else {})), n)
            return True
        made = vectors.answer(self.args.dialect, path, body) if isinstance(body, dict) else None
        if made:
            await self.send_whole(writer, *made, extra, n)
            return True
        asked = self.dialect.asked(path, headers, body) if isinstance(body, dict) \
            else (400, self.dialect.error(400, n))
        if isinstance(asked, tuple):
            await self.send_whole(writer, *asked, extra, n)
            return True
        chosen = self.script.pop(0) if self.script else None
        q = Question(asked, chosen, self.args.behave, self.answers)
        self.dialect.adjust(q)
        if "drop-reused" in q.how and conn["requests"] > 1:
            raise Hangup
        if "gzip" in q.how:
            extra = dict(extra, **{"content-encoding": "gzip"})
        if "close" in q.how:
            extra = dict(extra, connection="close")
        await self.answer(writer, q, extra, n)
        return "close" not in q.how

    async def connection(self, reader, writer):
        self.connections += 1
        tls = writer.get_extra_info("ssl_object")
        conn = {"id": self.connections, "requests": 0, "tls": tls.version(),
                "resumed": tls.session_reused}
        try:
            while await self.serve_one(reader, writer, conn):
                pass
            writer.close()
        except Hangup:
            writer.transport.abort()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError, OSError):
            writer.transport.abort()
        except (ValueError, asyncio.LimitOverrunError) as e:
            print(f"stand-in: a request that is no HTTP: {e}", file=sys.stderr)
            writer.transport.abort()


async def main(args):
    make_certificates(args.cert_dir)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(os.path.join(args.cert_dir, "server.pem"),
                        os.path.join(args.cert_dir, "server.key"))
    state = Server(args)
    server = await asyncio.start_server(state.connection, args.host, args.port, ssl=tls,
                                        limit=1 << 20)
    port = server.sockets[0].getsockname()[1]
    print(port, flush=True)
    print(f"STAND-IN for {state.dialect.vendor} API on https://{args.host}:{port}"
          f"{state.dialect.base} (no real model behind it)",
          file=sys.stderr, flush=True)
    stop = asyncio.Event()
    for s in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(s, stop.set)
    await stop.wait()
    server.close()
    os.close(state.record_fd)


if __name__ == "__main__":
    p = argparse.ArgumentParser(description="stand-in for a closed API")
    p.add_argument("--dialect", choices=("openai", "anthropic", "gemini", "azure-openai", "mistral", "bedrock", "cohere"),
                   required=True)
    p.add_argument("--host", default="127.0.0.1")
    p.add_argument("--port", type=int, default=0)
    p.add_argument("--cert-dir", required=True)
    p.add_argument("--record", required=True)
    p.add_argument("--key", help="refuse any other with a 401")
    p.add_argument("--behave", default="", help="what to do where nothing else says")
    p.add_argument("--answers", help="JSON file: an object of named answers")
    p.add_argument("--script", help="JSON file: behaviours of the first requests, in order")
    try:
        asyncio.run(main(p.parse_args()))
    except KeyboardInterrupt:
        pass
    os._exit(0)  # connections that hang on purpose are not waited for
