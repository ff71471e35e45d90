"""The stand-in's Azure OpenAI: OpenAI's dialect at Azure's two addresses, with its header, its verdicts of the
content filter around the answer, and its errors."""
import re
import time
import json
import urllib.parse

from standin import OpenAI

FILTER = {"hate": {"filtered": False, "severity": "safe"}, "violence": {"filtered": False, "severity": "safe"}}


class Azure(OpenAI):
    vendor = "Azure OpenAI's"
    base = "/openai/v1 and /openai/deployments"
    id_header = "apim-request-id"

    @classmethod
    def asked(cls, path, headers, body):
        path, _, query = path.partition("?")
        query = urllib.parse.parse_qs(query)
        classic = re.fullmatch(r"/openai/deployments/([^/]+)/chat/completions", path)
        if not classic and path != "/openai/v1/chat/completions":
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        if classic and not re.fullmatch(r"\d{4}-\d\d-\d\d(-preview)?", query.get("api-version", [""])[0]):
            return 404, {"error": {"code": "404", "message": "Resource not found"}}
        if "api-key" not in headers:
            return cls.bad_key(0)
        if classic:
            name = urllib.parse.unquote(classic.group(1))
            if name == "gone":
                return 404, {"error": {"code": "DeploymentNotFound",
                                       "message": "The API deployment for this resource does not exist."}}
            body = dict(body, model=name)
        return body if isinstance(body.get("messages"), list) else (400, cls.error(400, 0))

    @staticmethod
    def key_of(headers):
        return headers.get("api-key", "")

    @staticmethod
    def bad_key(n):
        return 401, {"error": {"code": "401", "message": "Access denied due to invalid subscription key or wrong "
                                                         "API endpoint."}}

    @staticmethod
    def blocked(n):
        return 400, {"error": {
            "message": "The response was filtered due to the prompt triggering the content management policy.",
            "type": None, "param": "prompt", "code": "content_filter", "status": 400,
            "innererror": {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {
                "violence": {"filtered": True, "severity": "medium"}}}}}

    @classmethod
    def whole(cls, q, n):
        out = super().whole(q, n)
        out["choices"][0]["content_filter_results"] = FILTER
        out["prompt_filter_results"] = [{"prompt_index": 0, "content_filter_results": FILTER}]
        return out

    @classmethod
    def stream(cls, q, n):
        yield "data: " + json.dumps({"choices": [], "created": 0, "id": "", "model": "", "object": "",
                                     "prompt_filter_results": [{"prompt_index": 0,
                                                                "content_filter_results": FILTER}]}) + "\n\n"
        yield from super().stream(q, n)

    @classmethod
    def error(cls, status, n):
        if status == 429:
            return {"error": {"code": "429", "message": "Requests have exceeded the token rate limit of your "
                                                        "pricing tier. Please retry after 26 seconds."}}
        return super().error(status, n)

    @staticmethod
    def rate_headers():
        return {"x-ratelimit-remaining-requests": "9", "x-ratelimit-remaining-tokens": "990",
                "x-ms-region": "Sweden Central", "x-request-id": f"azure-{int(time.time())}"}
