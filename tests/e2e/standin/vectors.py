"""The stand-ins' calls that turn texts into vectors. A vector is made of the text's SHA-256, so that equal texts give
equal ones and nothing else does; it has 8 dimensions unless told. Behaviours, as [[standin: WORD]] in the first input:
    status=N  short (one vector too few)  ragged (one of another length)  reorder  nan  word (no numbers)  empty
"""
import base64
import hashlib
import re
import struct
import urllib.parse

CONTROL = re.compile(r"\[\[standin:\s*([^\]]*)\]\]\s*")
BAD = {"error": {"message": "stand-in refuses the shape", "type": "invalid_request_error", "param": None, "code": None}}


def vector(text, n=8):
    text = CONTROL.sub("", text) if isinstance(text, str) else repr(text)
    raw = b"".join(hashlib.sha256(f"{i}{text}".encode()).digest() for i in range(n * 2 // 32 + 1))
    ints = struct.unpack(f"<{n}h", raw[:n * 2])
    return [struct.unpack("<f", struct.pack("<f", x / 32768))[0] for x in ints]


def spoil(rows, how):
    if "short" in how:
        rows = rows[:-1]
    if "ragged" in how:
        rows = rows[:-1] + [rows[-1][:-1]]
    if "word" in how:
        rows = rows[:-1] + [["a"] * len(rows[-1])]
    return [] if "empty" in how else rows


def openai(body, how, n, known):
    inputs = body.get("input")
    if isinstance(inputs, str) or (inputs and isinstance(inputs[0], int)):
        inputs = [inputs]
    if not inputs or set(body) - known:
        return 400, BAD
    rows = spoil([vector(t, n) for t in inputs], how)
    packed = body.get("encoding_format") == "base64"
    if "nan" in how:
        packed, rows = True, rows[:-1] + [[float("nan")] * n]
    data = [{"object": "embedding", "index": i, "embedding": base64.b64encode(struct.pack(f"<{len(r)}f", *r)).decode()
             if packed else r} for i, r in enumerate(rows)]
    if "reorder" in how:
        data.reverse()
    tokens = sum(len(str(t)) // 4 + 1 for t in inputs)
    return 200, {"object": "list", "data": data, "model": body.get("model", "x"),
                 "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def cohere(body, how, bedrock):
    if not body.get("texts") or "input_type" not in body or len(body["texts"]) > 96 or ("model" in body) == bedrock:
        return 400, {"id": "x", "message": "stand-in refuses the shape"}
    rows = spoil([vector(t, body.get("output_dimension", 8)) for t in body["texts"]], how)
    return 200, {"id": "x", "embeddings": {"float": rows}, "texts": body["texts"], "response_type": "embeddings_by_type",
                 "meta": {"billed_units": {"input_tokens": 7}}}


def titan(body):
    if not isinstance(body.get("inputText"), str) or not body["inputText"]:
        return 400, {"message": "stand-in refuses the shape"}
    row = vector(body["inputText"], body.get("dimensions", 8))
    return 200, {"embedding": row, "embeddingsByType": {"float": row}, "inputTextTokenCount": 5}


KNOWN = {"model", "input", "encoding_format", "dimensions", "user"}


def answer(dialect, path, body):
    """(status, body) if that path makes vectors, else None."""
    path = urllib.parse.unquote(path.partition("?")[0])
    first = body.get("input") or body.get("texts") or body.get("inputText") or ""
    first = first if isinstance(first, str) else first[0] if first and isinstance(first[0], str) else ""
    found = CONTROL.search(first)
    how = dict(w.strip().partition("=")[::2] for w in found.group(1).split(",")) if found else {}
    calls = {
        "openai": (r"/v1/embeddings", lambda: openai(body, how, body.get("dimensions", 8), KNOWN | {"extra_member"})),
        "azure-openai": (r"/openai/(v1|deployments/[^/]+)/embeddings",
                         lambda: openai(body, how, body.get("dimensions", 8), KNOWN)),
        "mistral": (r"/v1/embeddings", lambda: openai(body, how, body.get("output_dimension", 8), {
            "model", "input", "output_dimension", "output_dtype", "encoding_format", "metadata"})),
        "cohere": (r"/v2/embed", lambda: cohere(body, how, False)),
        "bedrock": (r"/model/.*/invoke", lambda: cohere(body, how, True) if "cohere" in path else titan(body))}
    if dialect not in calls or not re.fullmatch(calls[dialect][0], path):
        return None
    return (int(how["status"]), {"error": {"message": f"stand-in says {how['status']}", "type": "x"},
                                 "message": f"stand-in says {how['status']}"}) if "status" in how else calls[dialect][1]()
