"""A second evaluator of policies: slow, plain, and written from docs/policy.md and the interfaces alone.

It knows nothing of the C code. Sets of words where that has bits, one pass after the other where that has one;
nothing is shared between decisions. tests/reference/policy_diff.py holds the two against each other.

decide(policy, facts, tables=None, duties=None) takes what YAML and JSON parsers give and returns a dict with
outcome, route, code, param, data, rules, redact, obligations, tools, answers, retention, limited, candidates.
"""
import datetime
import math
import unicodedata

EU = set("AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split())
EEA = EU | {"IS", "LI", "NO"}
CLASSES = ["personal", "special", "criminal", "secret"]
ANSWERS = ["pass", "warn", "redact", "withhold"]
PERSONAL_TYPES = set("PERSON ADDRESS DOB PHONE EMAIL IP MAC IBAN BANK_ACCOUNT CREDIT_CARD NATIONAL_ID NATIONAL_ID_CARD "
                     "TAX_ID VAT_ID PASSPORT PASSPORT_MRZ DRIVER_LICENSE LICENSE_PLATE VIN HEALTH_ID EMPLOYEE_ID "
                     "USERNAME DEVICE_ID GPS CRYPTO".split())


def day(text):
    return datetime.date.fromisoformat(text).toordinal()


def atoms(place):
    """The single places that a word stands for."""
    return {"EU": EU, "EEA": EEA}.get(place, {place})


def all_atoms(places):
    out = set()
    for p in places:
        out |= atoms(p)
    return out


def is_place(word):
    return word in ("EU", "EEA", "on_premises") or (len(word) == 2 and all("A" <= c <= "Z" for c in word))


def close(classes):
    return classes | ({"personal"} if classes & {"special", "criminal"} else set())


def type_classes(name):
    if name == "SECRET":
        return {"secret"}
    if name == "SPECIAL_CRIMINAL":
        return {"criminal"}
    if name.startswith("SPECIAL_"):
        return {"special"}
    return {"personal"} if name in PERSONAL_TYPES else set()


def lies_under(ai_act, words):
    for w in words:
        if ai_act == w:
            return True
        if ai_act.startswith(w):
            rest = ai_act[len(w):]
            if rest[0] == "." or (w[-1].isdigit() and rest[0].isalpha() and rest[0].islower()):
                return True
    return False


def glob(pattern, name):
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(glob(pattern[1:], name[i:]) for i in range(len(name) + 1))
    return bool(name) and pattern[0] in ("?", name[0]) and glob(pattern[1:], name[1:])


def plain(name):
    """As a deny list reads it: no case, no accents, no width, nothing invisible."""
    out = unicodedata.normalize("NFKD", name)
    return "".join(c for c in out if unicodedata.category(c) not in ("Mn", "Cf")).lower()


def tool_allowed(decision, name):
    if any(glob(g, name) or glob(plain(g), plain(name)) for names in decision["tools_deny"] for g in names):
        return False
    return all(any(glob(g, name) for g in names) for names in decision["tools_allow"])


EFFORTS = ["none", "minimal", "low", "medium", "high", "xhigh", "max"]
FIELDS = ["output_tokens", "temperature", "top_p", "effort"]


def micro(value):
    """In millionths, to the nearest."""
    return math.floor(value * 1000000 + 0.5)


def scale(field, value):
    if field == "effort":
        return EFFORTS.index(value) + 1 if value in EFFORTS else 99
    return micro(value) if field in ("temperature", "top_p") else value


def span(field, limits):
    """From and to of one limit, or None."""
    v = limits.get(field)
    if v is None:
        return None
    return (scale(field, v[0]), scale(field, v[1])) if isinstance(v, list) else (0, scale(field, v))


def is_ours(candidate):
    """A model of our own engine."""
    return candidate["backend"].startswith("local/") and "residency" not in candidate


def at_home(candidate):
    return is_ours(candidate) or candidate["residency"].get("location") == ["on_premises"]


class Case:
    def __init__(self, policy, facts, tables, duties):
        self.p, self.f, self.tables, self.duties = policy, facts, tables, duties
        self.today = day(facts["today"])
        declared = {u["id"]: u for u in policy.get("use_cases") or []}
        self.sent = facts.get("use_case") or ""
        self.own = facts.get("key_use_case") or ""
        if self.own == self.sent:
            self.own = ""
        self.ids = [x for x in (self.sent, self.own) if x]
        self.uses = [declared[x] for x in self.ids if x in declared]
        self.found_types = {x["type"] for x in facts.get("findings", [])}
        self.rights = set(facts.get("rights", []))
        c = set(facts.get("found", [])) | set(facts.get("declared", []))
        for t in self.found_types:
            c |= type_classes(t)
        for u in self.uses:
            c |= set(u.get("data") or [])
        self.classes = close(c - {"none"})
        self.rules = [r for r in policy.get("rules") or [] if self.applies(r)]
        self.places, self.default_applies = self.allowed_places()
        self.gate_by_limit = False

    # ---- rules ----

    def applies(self, rule):
        when = rule.get("when") or {}
        tests = {
            "data": lambda ws: any(w in self.classes or w in self.found_types or (w == "none" and not self.classes)
                                   for w in ws),
            "tier": lambda ws: self.f.get("tier", "commodity") in ws,
            "task": lambda ws: bool(self.f.get("task")) and self.f["task"] in ws,
            "tenant": lambda ws: (self.f.get("tenant") or "") in ws,
            "region": lambda ws: (self.f.get("region") or "") in ws,
        }
        return (all(tests[k](v) for k, v in when.items() if k in tests)
                and any(self.about(x, when) for x in self.ids or [""]))

    def about(self, use_case, when):
        """The conditions on a use case hold for this one."""
        ai_act = next((u.get("ai_act") for u in self.uses if u["id"] == use_case), None)
        return (("use_case" not in when or use_case in when["use_case"])
                and ("ai_act" not in when or bool(ai_act and lies_under(ai_act, when["ai_act"]))))

    def allowed_places(self):
        places = None
        open_classes = set(self.classes) if self.classes else {"none"}
        for r in self.rules:
            if "location" not in r:
                continue
            a = all_atoms(r["location"])
            places = a if places is None else places & a
            open_classes -= set((r.get("when") or {}).get("data") or [])
        default = all_atoms((self.p.get("default") or {"location": ["on_premises"]})["location"])
        if open_classes:
            places = default if places is None else places & default
        return (places if places is not None else set()), bool(open_classes)

    @staticmethod
    def accepts(rule, basis):
        return basis in rule["basis"] if rule.get("basis") else basis not in ("none", "derogation")

    # ---- how a model may be used ----

    def sources(self):
        """Who limits, in the order in which they are asked."""
        return ([("use_case:" + u["id"], u["limits"]) for u in self.uses if u.get("limits")]
                + [(r["id"], r["limits"]) for r in self.rules if r.get("limits")])

    def limits(self):
        """(the rule that refuses, what is beyond it, [(field, from, to, rule)])"""
        asks, changed = self.f.get("asks") or {}, []
        for who, lim in self.sources():
            if lim.get("input_bytes") and asks.get("input_bytes", 0) > lim["input_bytes"]:
                return who, "input_bytes", []
        for field in FIELDS:
            spans = [(who, span(field, lim), lim) for who, lim in self.sources() if span(field, lim)]
            said = field in asks
            if not spans or (field == "effort" and not said):
                continue
            v = scale(field, asks[field]) if said else {"output_tokens": float("inf")}.get(field, 1000000)
            low, high = max(s[0] for _, s, _ in spans), min(s[1] for _, s, _ in spans)
            if low <= v <= high:
                continue
            for who, (a, b), lim in spans:
                if said and lim.get("beyond", "refuse") == "refuse" and not a <= v <= b:
                    return who, field, []
            if low > high:
                return next(who for who, s, _ in spans if s[1] == high), field, []
            to = low if v < low else high
            rule = next(who for who, s, _ in spans if s[0 if v < low else 1] == to)
            changed.append((field, v if said else None, to, rule))
        return None, None, changed

    def other_model(self, name):
        return next((who for who, lim in self.sources()
                     if lim.get("models") and not any(glob(g, name) for g in lim["models"])), None)

    # ---- gates ----

    def killed_use(self):
        return any(k["kind"] == "use_case" and k["value"] in self.ids for k in self.f.get("kills", []))

    def duty_concerns(self, d, u):
        if d.get("ai_act") and (not u.get("ai_act") or not lies_under(u["ai_act"], d["ai_act"])
                                or u.get("not_high_risk")):
            return False
        if d.get("organisation") and not set(d["organisation"]) & set(self.p.get("organisation") or []):
            return False
        return all(u.get(k) for k in ("workplace", "high_risk", "decides", "publishes") if d.get(k))

    def duties_in_force(self, u):
        return [d for d in (self.duties or {}).get("duties", [])
                if self.duty_concerns(d, u) and self.today >= day(d["applies_from"])]

    def gate(self):
        require = set(self.p.get("require") or [])
        known = {u["id"] for u in self.uses}
        for r in self.p.get("rules") or []:
            known |= set((r.get("when") or {}).get("use_case") or [])
        if self.killed_use():
            return "kill-switch"
        lists = self.p.get("rights") or {}
        if "restricted" in self.rights and lists.get("restricted", "refuse") == "refuse":
            return "restriction"
        if "objected" in self.rights and lists.get("objected", "local") == "refuse":
            return "objection"
        if set(self.ids) - known:
            return "unknown-use-case"
        if any((u.get("ai_act") or "").startswith("prohibited") for u in self.uses):
            return "ai-act-prohibited"
        if "use_case" in require and not self.sent:
            return "no-use-case"
        for u in self.uses:
            if "purpose" in require and not u.get("purpose"):
                return "no-purpose"
            if "legal_basis" in require and not u.get("legal_basis"):
                return "no-legal-basis"
        for u in self.uses:
            references = u.get("references") or {}
            if any(not references.get(x) for x in u.get("requires") or []):
                return "missing-reference"
            for d in self.duties_in_force(u):
                if d["needs"] in ("dpia", "fria", "worker_notice") and not references.get(d["needs"]):
                    return d["id"]
        if self.limits()[0]:
            self.gate_by_limit = True
            return self.limits()[0]
        region = self.f.get("region") or ""
        return "unknown-region" if region and not is_place(region) else None

    # ---- candidates ----

    def leading(self):
        for r in self.rules:
            if "location" in r:
                return r["id"]
        return "default" if self.default_applies or not self.rules else self.rules[0]["id"]

    def place_rule(self, place):
        for r in self.rules:
            if "location" in r and not atoms(place) <= all_atoms(r["location"]):
                return r["id"]
        return "default"

    def stopped_by_kill(self, name, res, home):
        for k in self.f.get("kills", []):
            kind, value = k["kind"], k["value"]
            if kind == "backend" and value == name.split("/")[0]:
                return True
            if kind == "model" and value == name:
                return True
            if home:
                continue
            if kind == "basis" and value == (res.get("transfer") or {}).get("basis", "none"):
                return True
            here = list(res.get("location", []))
            for s in res.get("sub_processors", []):
                here += s["location"]
            if kind == "country" and is_place(value) and any(atoms(p) & atoms(value) for p in here):
                return True
        return False

    def row_bad(self, row):
        stale = self.tables.get("stale") or {}
        refuse = stale.get("refuse_after_days", 365)
        if str(row["valid_until"]) != "none" and self.today > day(str(row["valid_until"])):
            return True
        return bool(refuse) and self.today - day(str(row["checked_on"])) > refuse

    def table_bad(self, res):
        t = res.get("transfer") or {}
        basis = t.get("basis", "none")
        if not self.tables or basis not in ("adequacy", "dpf"):
            return False
        third = [p for p in res.get("location", []) if not atoms(p) <= EEA]
        if basis == "adequacy":
            rows = {r["country"]: r for r in self.tables.get("adequacy") or []}
            return any(p not in rows or self.row_bad(rows[p]) or (rows[p].get("scope") and not t.get("scope"))
                       for p in third)
        dpf = self.tables.get("dpf")
        if not dpf or self.row_bad(dpf) or any(p != dpf["country"] for p in third):
            return True
        listed = [r for r in self.tables.get("dpf_listed") or [] if r["entity"] == (res.get("entity") or "")]
        return not listed or self.row_bad(listed[0])

    def needs_unmet(self, rule, res):
        n = rule.get("backend") or {}
        t = res.get("transfer") or {}
        days = res.get("retention_days")
        if set(n.get("certifications") or []) - set(res.get("certifications") or []):
            return True
        if n.get("entity") and res.get("entity") not in n["entity"]:
            return True
        if "sub_processors" in n and {s["name"] for s in res.get("sub_processors", [])} - set(n["sub_processors"]):
            return True
        if "retention_days" in n and (days is None or days > n["retention_days"]):
            return True
        if "checked_within_days" in n and (not t.get("checked_on")
                                           or self.today - day(t["checked_on"]) > n["checked_within_days"]):
            return True
        if n.get("assessment") and not t.get("assessment"):
            return True
        return bool(n.get("no_training")) and res.get("trains_on_data", True)

    def basis_refusal(self, res):
        t = res.get("transfer") or {}
        basis = t.get("basis", "none")
        for r in self.rules:
            if not self.accepts(r, basis):
                return r["id"]
        bad = not self.rules and basis in ("none", "derogation")
        bad = bad or not t.get("reference")
        bad = bad or (bool(t.get("expires")) and self.today > day(t["expires"]))
        bad = bad or (basis == "derogation" and not (t.get("derogation") and t.get("approver") and t.get("expires")))
        return self.leading() if bad else None

    def refusal(self, index, c, gate):
        """None, or (step, rule) of the first step that fails."""
        res, name = c.get("residency") or {}, c["backend"]
        home = at_home(c)
        region = self.f.get("region") or ""
        inside = atoms(region) if region and is_place(region) else None
        denier = next((r["id"] for r in self.rules if "deny" in r), None)
        if denier:
            return "deny", denier
        if gate:
            return "deny", ""
        if self.f.get("pinned") and index > 0:
            return "pinned", ""
        if self.stopped_by_kill(name, res, home):
            return "kill", "kill-switch"
        if self.other_model(name):
            return "model", self.other_model(name)
        if home:
            if "on_premises" not in self.places:
                return "location", self.place_rule("on_premises")
        else:
            refused = self.refusal_remote(res, inside)
            if refused:
                return refused
        if "watermark" in self.handling()["obligations"] and not is_ours(c):
            return "watermark", "watermark"
        return None if c.get("available", True) else ("available", "")

    def refusal_remote(self, res, inside):
        for word, rule in (("restricted", "restriction"), ("objected", "objection"),
                           ("unreadable", "rights-unreadable")):
            if word in self.rights:
                return "rights", rule
        if self.f.get("unscannable"):
            return "content", ""
        if not res.get("location"):
            return "location", self.leading()
        for p in res["location"]:
            if not atoms(p) <= self.places:
                return "location", self.place_rule(p)
        for p in res["location"]:
            if inside is not None and not atoms(p) <= inside:
                return "region", ""
        for s in res.get("sub_processors", []):
            for p in s["location"]:
                if not atoms(p) <= self.places:
                    return "sub_processors", self.place_rule(p)
                if inside is not None and not atoms(p) <= inside:
                    return "sub_processors", ""
        basis = self.basis_refusal(res)
        if basis:
            return "basis", basis
        if self.table_bad(res):
            return "table", self.leading()
        if res.get("trains_on_data", True) and self.classes:
            return "training", self.leading()
        exceptions = [set(u.get("exceptions") or []) for u in self.uses] or [set()]
        if len(self.uses) < len(self.ids):
            exceptions.append(set())
        if "exception" in (self.p.get("require") or []):
            if "special" in self.classes and not all(e - {"10"} for e in exceptions):
                return "exception", "require"
            if "criminal" in self.classes and not all("10" in e for e in exceptions):
                return "exception", "require"
        for r in self.rules:
            if self.needs_unmet(r, res):
                return "needs", r["id"]
        return None

    # ---- the answering side ----

    def handling(self):
        sources = self.uses + self.rules
        obligations = set()
        for u in self.uses:
            if u.get("human_review") in (True, "required", "hold"):
                obligations.add("human-review")
            if u.get("ai_act") == "limited":
                obligations.add("label-output")
            for d in self.duties_in_force(u):
                if d["needs"] == "human_review":
                    obligations.add("human-review")
                if d["needs"] == "label":
                    obligations.add("label-output")
                if d["needs"] == "decision_label":
                    obligations.add("label-decision")
        out = {"tools_allow": [], "tools_deny": [], "answers": "pass", "retention": None}
        classes = {r["id"]: r for r in self.p.get("retention_classes") or []}
        held = any(u.get("human_review") == "hold" for u in self.uses) or any(
            "human-review" in (s.get("obligations") or []) for s in sources)
        if not held and any(d["needs"] == "label_or_review" for u in self.uses for d in self.duties_in_force(u)):
            obligations.add("label-output")
        for s in sources:
            obligations |= set(s.get("obligations") or [])
            tools = s.get("tools") or {}
            if "allow" in tools:
                out["tools_allow"].append(tools["allow"] or [])
            if tools.get("deny"):
                out["tools_deny"].append(tools["deny"])
            out["answers"] = max(out["answers"], s.get("answers", "pass"), key=ANSWERS.index)
            if s.get("retention"):
                k = classes[s["retention"]]
                r, c = k.get("record_days", 0), k.get("content_days", 0)
                if out["retention"] is None:
                    out["retention"] = {"class": k["id"], "record_days": r, "content_days": c}
                else:
                    if c < out["retention"]["content_days"]:
                        out["retention"].update({"class": k["id"], "content_days": c})
                    out["retention"]["record_days"] = max(r, out["retention"]["record_days"])
        out["obligations"] = obligations
        return out

    # ---- all of it ----

    def decide(self):
        gate = self.gate()
        candidates = self.f.get("candidates", [])
        refusals = [self.refusal(i, c, gate) for i, c in enumerate(candidates)]
        chosen = next((i for i, r in enumerate(refusals) if r is None), None)
        out = self.handling()
        out["data"] = [c for c in CLASSES if c in self.classes] or ["none"]
        out["rules"] = [r["id"] for r in self.rules]
        out["candidates"] = [(c["backend"], r is None, r[1] if r else None) for c, r in zip(candidates, refusals)]
        refused_by, param, out["limited"] = self.limits()
        out["redact"] = set()
        out["redact_style"] = None
        if chosen is not None:
            c = candidates[chosen]
            out.update(outcome="route", route=c["backend"], code=None, param=None)
            if not at_home(c):
                for r in self.rules:
                    out["redact"] |= set(r.get("redact") or []) & self.found_types
                if out["redact"] and all(r.get("redact_style") == "substitute" for r in self.rules if r.get("redact")):
                    out["redact_style"] = "substitute"
            return out
        out.update(outcome="deny", route=None, code=self.code(gate, candidates, refusals))
        denied = any("deny" in r for r in self.rules)
        out["param"] = param if refused_by and self.gate_by_limit and not denied else None
        return out

    def code(self, gate, candidates, refusals):
        denier = next((r["id"] for r in self.rules if "deny" in r), None)
        if denier or gate:
            return denier or gate
        if not candidates:
            return "no-candidate"
        named = next((r[1] for r in refusals if r[1]), None)
        if named:
            return named
        first = candidates[0]
        if self.f.get("unscannable") and not at_home(first):
            return "unscannable-content"
        return "region" if self.f.get("region") and first.get("available", True) else "unavailable"


def decide(policy, facts, tables=None, duties=None):
    return Case(policy, facts, tables, duties).decide()
