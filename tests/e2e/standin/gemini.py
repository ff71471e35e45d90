"""The stand-in's Gemini: generateContent and streamGenerateContent?alt=sse, and it refuses what the API refuses:
members that it does not know, roles it has not, answers that do not match the calls before them, and, for models of
the third generation, a turn of calls without a thought signature that it gave out (or the word for none).

Further behaviours: no-id (2.5: calls have no ids)."""
import base64
import json
import re
import urllib.parse

from standin import Dialect

TOP = {"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings", "cachedContent",
       "labels"}
CONFIG = {"temperature", "topP", "topK", "maxOutputTokens", "stopSequences", "seed", "candidateCount",
          "presencePenalty", "frequencyPenalty", "responseMimeType", "responseSchema", "responseJsonSchema",
          "thinkingConfig", "responseLogprobs", "logprobs", "responseModalities", "speechConfig", "mediaResolution"}
PART = {"text", "thought", "thoughtSignature", "inlineData", "fileData", "functionCall", "functionResponse"}
NO_SIGNATURE = ("skip_thought_signature_validator", "context_engineering_is_the_way_to_go")
SIGNATURE = "stand-in signature "


def refuse(message):
    return 400, {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


def unknown(where, given, known):
    bad = sorted(set(given) - known)
    return refuse(f'Invalid JSON payload received. Unknown name "{bad[0]}" at \'{where}\': Cannot find field.') \
        if bad else None


def words_of(parts):
    return "".join(p.get("text", "") for p in parts if not p.get("thought"))


def thinking(body):
    """Google's JSON takes both spellings of a name; its own client sends the other one here."""
    return body.get("generationConfig", {}).get("thinkingConfig", {})


def signed(part):
    value = part.get("thoughtSignature", "")
    if value in NO_SIGNATURE:
        return True
    try:
        return base64.b64decode(value, validate=True).decode().startswith(SIGNATURE)
    except ValueError:
        return False


def check(body, model):
    """(status, body) of a refusal, or None."""
    bad = unknown("", body, TOP) or unknown("generation_config", body.get("generationConfig", {}), CONFIG)
    if bad:
        return bad
    if "thinkingLevel" in thinking(body) and ("thinkingBudget" in thinking(body) or "gemini-2" in model):
        return refuse("Thinking level is not supported for this model.")
    calls = []
    for i, c in enumerate(body["contents"]):
        if c.get("role") not in ("user", "model"):
            return refuse("Please use a valid role: user, model.")
        if not c.get("parts"):
            return refuse(f"* GenerateContentRequest.contents[{i}].parts: contents.parts must not be empty.")
        for p in c["parts"]:
            bad = unknown(f"contents[{i}].parts", p, PART)
            if bad:
                return bad
        mine = [p for p in c["parts"] if "functionCall" in p]
        answers = [p["functionResponse"] for p in c["parts"] if "functionResponse" in p]
        if answers and (len(answers) != len(calls) or
                        [a["name"] for a in answers] != [p["functionCall"]["name"] for p in calls] or
                        not all(isinstance(a["response"], dict) for a in answers)):
            return refuse("Please ensure that the number of function response parts is equal to the number of "
                          "function call parts of the function call turn.")
        if mine and "gemini-3" in model and not signed(mine[0]):
            return refuse("Function call is missing a thought_signature in functionCall parts.")
        calls = mine
    return None


class Gemini(Dialect):
    vendor = "Gemini's"
    base = "/v1beta"
    id_header = "server-timing"

    @classmethod
    def asked(cls, path, headers, body):
        path, _, query = path.partition("?")
        found = re.fullmatch(r"/v1(?:beta|alpha)?/models/([^/:]+):(generateContent|streamGenerateContent)", path)
        if not found or not isinstance(body.get("contents"), list):
            return 404, cls.error(404, 0)
        stream = found.group(2) == "streamGenerateContent"
        if stream != (query == "alt=sse"):
            return refuse("the stand-in streams server-sent events only")
        model = urllib.parse.unquote(found.group(1))
        refused = check(body, model)
        if refused:
            return refused
        messages = []
        for c in body["contents"]:
            answers = [p["functionResponse"]["response"] for p in c["parts"] if "functionResponse" in p]
            for r in answers:
                messages.append({"role": "tool", "content": str(r["output"]) if set(r) == {"output"} else
                                 json.dumps(r, ensure_ascii=False)})
            if words_of(c["parts"]):
                messages.append({"role": "assistant" if c["role"] == "model" else "user",
                                 "content": words_of(c["parts"])})
        mode = body.get("toolConfig", {}).get("functionCallingConfig", {})
        tools = [{"function": f} for t in body.get("tools", []) for f in t["functionDeclarations"]]
        names = mode.get("allowedFunctionNames")
        return {"model": model, "stream": stream, "messages": messages,
                "tools": [t for t in tools if not names or t["function"]["name"] in names],
                "tool_choice": "required" if mode.get("mode") == "ANY" else None,
                "max_tokens": body.get("generationConfig", {}).get("maxOutputTokens"),
                "thoughts": thinking(body).get("includeThoughts", thinking(body).get("include_thoughts"))}

    @staticmethod
    def key_of(headers):
        return headers.get("x-goog-api-key", "")

    @staticmethod
    def finish(q):
        return q.how["finish"] if "finish" in q.how else "MAX_TOKENS" if q.cut and not q.tool else "STOP"

    @staticmethod
    def response(q, n, parts, finish=None, **more):
        candidate = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {"candidates": [candidate], "modelVersion": q.model, "responseId": f"Standin-{n}", **more}

    @staticmethod
    def usage(q):
        thoughts = 3 if "reason" in q.how else 0
        return {"promptTokenCount": q.usage_in, "candidatesTokenCount": q.usage_out,
                "thoughtsTokenCount": thoughts, "cachedContentTokenCount": 1,
                "totalTokenCount": q.usage_in + q.usage_out + thoughts}

    @classmethod
    def call(cls, q, n):
        call = {"name": q.tool, "args": json.loads(q.arguments)}
        if "no-id" not in q.how:
            call["id"] = f"standin{n}"
        return {"functionCall": call,
                "thoughtSignature": base64.b64encode(f"{SIGNATURE}{n}".encode()).decode()}

    @classmethod
    def thoughts(cls, q):
        return [{"text": q.thought, "thought": True}] if "reason" in q.how and q.body["thoughts"] else []

    @classmethod
    def whole(cls, q, n):
        if "no-answer" in q.how:
            return {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": cls.usage(q)}
        parts = cls.thoughts(q) + ([cls.call(q, n)] if q.tool else [{"text": "".join(q.pieces)}])
        return cls.response(q, n, parts, cls.finish(q), usageMetadata=cls.usage(q))

    @classmethod
    def stream(cls, q, n):
        def event(data):
            return "data: " + json.dumps(data, ensure_ascii=False) + "\r\n\r\n"
        if "no-answer" in q.how:
            yield event({"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": cls.usage(q)})
            return
        for p in cls.thoughts(q):
            yield event(cls.response(q, n, [p]))
        if q.tool:
            yield event(cls.response(q, n, [cls.call(q, n)]))
        else:
            for p in q.pieces:
                yield event(cls.response(q, n, [{"text": p}], usageMetadata={
                    "promptTokenCount": q.usage_in, "totalTokenCount": q.usage_in}))
        yield event(cls.response(q, n, [{"text": ""}], cls.finish(q), usageMetadata=cls.usage(q)))

    @classmethod
    def is_end(cls, piece):
        return '"finishReason"' in piece or '"promptFeedback"' in piece

    @classmethod
    def error(cls, status, n):
        word = {400: "INVALID_ARGUMENT", 403: "PERMISSION_DENIED", 404: "NOT_FOUND", 429: "RESOURCE_EXHAUSTED",
                500: "INTERNAL", 503: "UNAVAILABLE"}.get(status, "UNKNOWN")
        details = [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "36.5s"}] \
            if status == 429 else []
        return {"error": {"code": status, "message": f"stand-in says {status}", "status": word,
                          "details": details}}

    @staticmethod
    def bad_key(n):
        return 400, {"error": {"code": 400, "message": "API key not valid. Please pass a valid API key.",
                               "status": "INVALID_ARGUMENT", "details": [{
                                   "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                                   "reason": "API_KEY_INVALID", "domain": "googleapis.com"}]}}

    @staticmethod
    def blocked(n):
        return 200, {"promptFeedback": {"blockReason": "SAFETY"}}

    @staticmethod
    def error_event():
        return 'data: {"error":{"code":503,"message":"stand-in broke","status":"UNAVAILABLE"}}\r\n\r\n'
