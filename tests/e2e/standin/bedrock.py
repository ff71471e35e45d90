"""The stand-in's Amazon Bedrock: Converse and ConverseStream. Signatures are computed with botocore's own signer
over what arrived and compared; frames are made here, with zlib's checksums.

--key is either a Bedrock API key, or ACCESS:SECRET:REGION[:SESSION TOKEN] for signed requests. Further behaviours:
    fail=NAME    an exception of that name, with its status; in a stream after two pieces with fail-late=NAME
    skew=S       refuse the signature as S seconds old
    flip=N       flip a bit of the N-th frame            cached      usage with cache tokens
    guardrail    a guardrail intervened                  no-metadata end without the metadata event
"""
import email.utils
import json
import struct
import time
import urllib.parse
import zlib

from standin import Dialect

STATUS = {"ThrottlingException": 429, "ModelNotReadyException": 429, "ServiceUnavailableException": 503,
          "InternalServerException": 500, "ModelTimeoutException": 408, "ModelErrorException": 424,
          "ModelStreamErrorException": 424, "ValidationException": 400, "AccessDeniedException": 403,
          "ResourceNotFoundException": 404, "ServiceQuotaExceededException": 400}


def frame(kind, name, payload):
    """One frame: kind is event or exception."""
    headers = b""
    for key, value in ((f":{kind}-type", name), (":content-type", "application/json"), (":message-type", kind)):
        headers += bytes([len(key)]) + key.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload, ensure_ascii=False).encode()
    head = struct.pack(">II", 16 + len(headers) + len(body), len(headers))
    whole = head + struct.pack(">I", zlib.crc32(head)) + headers + body
    return whole + struct.pack(">I", zlib.crc32(whole))


def signed_with(request, access, secret, region, token):
    """The signature that AWS would compute for what arrived, over the headers that it says are signed."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials
    method, path, headers, raw = request
    said = headers["authorization"].split("SignedHeaders=", 1)[1].split(",", 1)[0].split(";")
    signed = AWSRequest(method, f"https://{headers['host']}{path}", data=raw,
                        headers={name: headers.get(name, "") for name in said})
    signed.context["timestamp"] = headers["x-amz-date"]
    auth = SigV4Auth(Credentials(access, secret, token or None), "bedrock", region)
    canonical = auth.canonical_request(signed)
    credential = f"{access}/{auth.credential_scope(signed)}"
    return credential, auth.signature(auth.string_to_sign(signed, canonical), signed), canonical


class Bedrock(Dialect):
    stream_type = "application/vnd.amazon.eventstream"
    bad_piece = frame("event", "contentBlockDelta", {})[:-20] + b"oops" * 5
    vendor = "Amazon Bedrock's"
    base = ""
    id_header = "x-amzn-RequestId"

    @classmethod
    def is_end(cls, piece):
        return False  # pieces() leaves its own end out where it is told to

    @classmethod
    def asked(cls, path, headers, body):
        parts = path.split("/")
        if len(parts) != 4 or parts[1] != "model" or parts[3] not in ("converse", "converse-stream"):
            return 404, cls.error(404, 0)
        return cls.question(path, body) or (400, cls.error(400, 0))

    @staticmethod
    def key_of(headers):
        value = headers.get("authorization", "")
        return value[7:] if value.lower().startswith("bearer ") else ""

    @classmethod
    def refused(cls, request, key, n):
        headers = request[2]

        def no(name, text):
            return 403, {"message": text}, {"x-amzn-ErrorType": f"{name}:http://internal.amazon.com/coral/",
                                            "date": email.utils.formatdate(usegmt=True)}
        if ":" not in key:
            return None if cls.key_of(headers) == key else no("UnrecognizedClientException", "bad key " + key)
        access, secret, region, *token = key.split(":", 3)
        token = token[0] if token else ""
        authorization = headers.get("authorization", "")
        if not authorization.startswith("AWS4-HMAC-SHA256 "):
            return no("MissingAuthenticationTokenException", "Missing Authentication Token")
        if headers.get("x-amz-security-token", "") != token:
            return no("ExpiredTokenException", "The security token included in the request is expired")
        age = abs(time.time() - time.mktime(time.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ")) + time.timezone)
        if age > 300:
            return no("InvalidSignatureException", f"Signature expired: {headers['x-amz-date']} is now earlier than")
        for must in ("host", "x-amz-date", "content-type") + (("x-amz-security-token",) if token else ()):
            if must not in authorization.split("SignedHeaders=", 1)[1].split(",", 1)[0].split(";"):
                return no("InvalidSignatureException", f"{must} must be signed")
        credential, want, canonical = signed_with(request, access, secret, region, token)
        if f"Credential={credential}," not in authorization or not authorization.endswith(f"Signature={want}"):
            return no("InvalidSignatureException", "The request signature we calculated does not match. "
                      f"The Canonical String for this request should have been '{canonical}'")
        return None

    @staticmethod
    def question(path, body):
        """As an OpenAI body, or None where a real service would refuse the shape."""
        parts = path.split("/")
        messages, role = [], None
        if not isinstance(body.get("messages"), list) or not body["messages"]:
            return None
        for m in body["messages"]:
            if m.get("role") == role or m.get("role") not in ("user", "assistant") or not m.get("content"):
                return None  # turns alternate and are not empty
            role, blocks = m["role"], []
            for block in m["content"]:
                if len(block) != 1:
                    return None  # a union
                if "text" in block:
                    if not block["text"]:
                        return None
                    blocks.append({"type": "text", "text": block["text"]})
                elif "toolResult" in block:
                    result = block["toolResult"]
                    blocks.append({"type": "tool_result", "tool_use_id": result["toolUseId"],
                                   "content": [{"type": "text", "text": c.get("text", "")}
                                               for c in result["content"]]})
            messages.append({"role": role, "content": blocks})
        config = body.get("toolConfig") or {}
        choice = config.get("toolChoice") or {}
        said = {"model": urllib.parse.unquote(parts[2]), "messages": messages,
                "stream": parts[3] == "converse-stream",
                "tools": [{"name": t["toolSpec"]["name"]} for t in config.get("tools", []) if "toolSpec" in t],
                "max_tokens": (body.get("inferenceConfig") or {}).get("maxTokens")}
        if "any" in choice or "tool" in choice:
            said["tool_choice"] = "required"
        return said

    @staticmethod
    def adjust(q):
        if "fail" in q.how:
            q.how["status"] = STATUS[q.how["fail"]]
        if "skew" in q.how:
            q.how.update(status=403, fail="InvalidSignatureException",
                         body={"message": "Signature expired: 20261122T000000Z is now earlier than 20261122T001500Z"})

    @staticmethod
    def stop(q):
        return "guardrail_intervened" if "guardrail" in q.how else "tool_use" if q.tool \
            else "max_tokens" if q.cut else "end_turn"

    @staticmethod
    def usage(q):
        read, written = (20, 3) if "cached" in q.how else (0, 0)
        return {"inputTokens": q.usage_in, "outputTokens": q.usage_out,
                "totalTokens": q.usage_in + q.usage_out + read + written,
                "cacheReadInputTokens": read, "cacheWriteInputTokens": written}

    @classmethod
    def whole(cls, q, n):
        content = []
        if "reason" in q.how:
            content.append({"reasoningContent": {"reasoningText": {"text": "I am thinking.", "signature": "c2ln"}}})
        if q.tool:
            content.append({"toolUse": {"toolUseId": f"tooluse_{n}", "name": q.tool,
                                        "input": json.loads(q.arguments)}})
        else:
            content.append({"text": "".join(q.pieces)})
        return {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": cls.stop(q),
                "usage": cls.usage(q), "metrics": {"latencyMs": 1}}

    @classmethod
    def stream(cls, q, n):
        for i, piece in enumerate(cls.pieces(q, n)):
            if "fail-late" in q.how and i == 3:
                name = q.how["fail-late"]
                yield frame("exception", name[0].lower() + name[1:], {"message": f"stand-in says {name}"})
                return
            if "flip" in q.how and i == int(q.how["flip"]):
                piece = piece[:-6] + bytes([piece[-6] ^ 1]) + piece[-5:]
            yield piece

    @classmethod
    def pieces(cls, q, n):
        def event(name, **members):
            return frame("event", name, dict(members, p="abcdefgh"[:len(name) % 8]))
        index = 0
        yield event("messageStart", role="assistant")
        if "reason" in q.how:
            for p in ("I am ", "thinking."):
                yield event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"text": p}})
            yield event("contentBlockDelta", contentBlockIndex=0, delta={"reasoningContent": {"signature": "c2ln"}})
            yield event("contentBlockStop", contentBlockIndex=0)
            index = 1
        if q.tool:
            yield event("contentBlockStart", contentBlockIndex=index,
                        start={"toolUse": {"toolUseId": f"tooluse_{n}", "name": q.tool}})
            for i in range(0, len(q.arguments), 5):
                yield event("contentBlockDelta", contentBlockIndex=index,
                            delta={"toolUse": {"input": q.arguments[i:i + 5]}})
        else:
            for p in q.pieces:
                yield event("contentBlockDelta", contentBlockIndex=index, delta={"text": p})
        yield event("contentBlockStop", contentBlockIndex=index)
        if "truncate" in q.how:
            return
        yield event("messageStop", stopReason=cls.stop(q))
        if "no-metadata" not in q.how:
            yield event("metadata", usage=cls.usage(q), metrics={"latencyMs": 1})

    @staticmethod
    def error(status, n):
        return {"message": f"stand-in says {status}"}

    @staticmethod
    def error_headers(status, how):
        named = how.get("fail") or next((k for k, v in STATUS.items() if v == status), "InternalServerException")
        date = email.utils.formatdate(time.time() + float(how.get("skew", 0)), usegmt=True)
        return {"x-amzn-ErrorType": f"{named}:http://internal.amazon.com/coral/", "date": date}

    @staticmethod
    def error_event():
        return frame("exception", "modelStreamErrorException", {"message": "stand-in broke"})

    @staticmethod
    def rate_headers():
        return {}

