/* oblige.c - tools, guard, notice and record of origin of one request.
 *
 * Owns       q->oblige: the guard and the running digest; freed by gw_oblige_drop.
 * Runs on    the loop's thread.
 * Tools      a tool without a name (a provider's own, such as web_search) goes by its `type`. A
 *            member of the body beside `tools` can bring tools too: see may_send. What is taken
 * away is named in the intent leaf and in x-weir-tools-removed; a caller that insists on such a
 * tool gets a 403. Digest     SHA-256 over the answer's text as the client gets it: restored,
 * reasoning and tool calls left out. Fails by   q->error; what cannot be guarded or signed is not
 * answered.
 */
#include "gateway/oblige.h"
#include "gateway/app.h"
#include "gateway/dialect/jsonx.h"
#include "gateway/ending.h"
#include "gateway/guard.h"
#include "gateway/provenance.h"
#include <openssl/evp.h>
#include <stdio.h>

#define NOTICE        "You are talking to an AI system; its answers can be wrong."
#define READING_MAX   (4u << 20)
#define REMOVED_BYTES 1024 /* of the list of names; past it the list is cut */

bool gw_obliged(const struct gw_request *q, const char *word)
{
    /* all of them are about answers; a count or a vector is none */
    bool answer = !q->chat.count_only && !q->chat.embed;
    for (size_t i = 0; q->decided && answer && i < q->decision.n_obligations; i++)
        if (strcmp(q->decision.obligations[i], word) == 0)
            return true;
    return false;
}

/* ---- tools ---- */

/* The name that a tool, or a choice of one, goes by: a function's or custom tool's own, else its
 * type. Borrowed from v. */
static struct base_str name_of(const json_t *v)
{
    struct base_str name = gw_json_get_str(gw_json_get_obj(v, "function"), "name");
    if (!name.n)
        name = gw_json_get_str(gw_json_get_obj(v, "custom"), "name");
    if (!name.n)
        name = gw_json_get_str(v, "name");
    return name.n ? name : gw_json_get_str(v, "type");
}

static struct base_str tool_name(const struct gw_request *q, const struct chat_tool *t)
{
    struct base_err err;
    if (t->name.n || !t->extra.n)
        return t->name;
    json_t *v = gw_json_load(t->extra, true, &err);
    struct base_str name = base_arena_dup(q->arena, name_of(v));
    json_decref(v);
    return name;
}

static bool may_have(const struct gw_request *q, const struct chat_tool *t, const char **rule)
{
    return pol_tool_allowed(&q->decision, tool_name(q, t), rule);
}

/* A member of the body that Weir has no field for. Providers have members that bring tools (web
 * search, plugins, MCP servers) and invent more; so where tools are limited only those go along
 * that are known to bring none, and those that an `allow` list names. */
static bool may_send(const struct gw_request *q, const char *member)
{
    static const char *const plain[] = {"audio",
                                        "cache_control",
                                        "context_management",
                                        "frequency_penalty",
                                        "inference_geo",
                                        "logit_bias",
                                        "logprobs",
                                        "max_tokens",
                                        "metadata",
                                        "min_p",
                                        "modalities",
                                        "output_config",
                                        "output_format",
                                        "prediction",
                                        "presence_penalty",
                                        "prompt_cache_key",
                                        "parallel_tool_calls",
                                        "response_format",
                                        "reasoning",
                                        "reasoning_effort",
                                        "repetition_penalty",
                                        "seed",
                                        "safety_identifier",
                                        "service_tier",
                                        "store",
                                        "stream_options",
                                        "thinking",
                                        "tool_choice",
                                        "top_k",
                                        "top_logprobs",
                                        "verbosity",
                                        "prompt_cache_retention"};
    const char *rule;
    for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
        if (strcmp(member, plain[i]) == 0)
            return true;
    if (strcmp(member, "web_search_options") == 0)
        return pol_tool_allowed(&q->decision, BASE_STR("web_search"), &rule);
    return q->decision.n_tools_allow && pol_tool_allowed(&q->decision, base_str_c(member), &rule);
}

static void note_removed(struct base_buf *names, struct base_str name)
{
    char z[65];
    snprintf(z, sizeof z, "%.*s", BASE_FMT(name));
    gw_dropped_add(names, "", z);
}

void gw_oblige_decided(struct gw_request *q)
{
    struct gw_oblige *o = &q->oblige;
    struct base_buf names;
    struct base_err err;
    const char *rule, *key;
    json_t *v;

    o->n_tools_removed = 0;
    o->members_removed = false;
    o->tools_removed = BASE_STR_NULL;
    if (!q->decision.n_tools_allow && !q->decision.n_tools_deny)
        return;
    base_buf_init(&names, REMOVED_BYTES);
    for (size_t i = 0; i < q->chat.n_tools; i++) {
        const struct chat_tool *t = &q->chat.tools[i];
        if (may_have(q, t, &rule))
            continue;
        if (o->n_tools_removed++ == 0)
            o->tools_rule = rule;
        note_removed(&names, tool_name(q, t));
    }
    json_t *extra = q->chat.extra.n ? gw_json_load(q->chat.extra, true, &err) : NULL;
    json_object_foreach(extra, key, v)
    {
        if (may_send(q, key))
            continue;
        o->members_removed = true;
        note_removed(&names, base_str_c(key));
    }
    json_decref(extra);
    o->tools_removed = base_arena_dup(q->arena, base_buf_view(&names));
    base_buf_release(&names);
}

/* A tool_choice that the canonical form cannot hold: one tool, or a list of those to choose from.
 * True if it names one that may not be used. */
static bool chooses_forbidden(const struct gw_request *q, const json_t *choice, const char **rule)
{
    const json_t *inner = gw_json_get_obj(choice, "allowed_tools");
    const json_t *list = json_object_get(inner ? inner : choice, "tools");
    if (!json_is_object(choice))
        return false;
    if (!list)
        return !pol_tool_allowed(&q->decision, name_of(choice), rule);
    for (size_t i = 0; i < json_array_size(list); i++)
        if (!pol_tool_allowed(&q->decision, name_of(json_array_get(list, i)), rule))
            return true;
    return false;
}

/* Takes out of q->sent's further members what may not go along. False: no memory. *rule: the rule
 * against a choice in there, or NULL. */
static bool filter_members(struct gw_request *q, const char **rule)
{
    struct base_err err;
    const char *key;
    void *next;
    json_t *v;

    *rule = NULL;
    if (!q->sent.extra.n)
        return true;
    json_t *extra = gw_json_load(q->sent.extra, true, &err);
    const char *against = NULL;
    if (chooses_forbidden(q, json_object_get(extra, "tool_choice"), &against))
        *rule = against;
    bool ok = extra != NULL;
    if (ok && q->oblige.members_removed) {
        json_object_foreach_safe(extra, next, key, v)
        {
            if (!may_send(q, key))
                json_object_del(extra, key);
        }
        q->sent.extra = json_object_size(extra) ? gw_json_text(q->arena, extra) : BASE_STR_NULL;
        ok = json_object_size(extra) == 0 || q->sent.extra.p;
    }
    json_decref(extra);
    return ok;
}

static bool no_memory(struct gw_request *q)
{
    gw_request_fail(q, 503, "server_error", "out_of_memory", NULL, "Out of memory.");
    return false;
}

/* Takes the tools that the model may not have out of q->sent. */
static bool filter_tools(struct gw_request *q)
{
    struct gw_oblige *o = &q->oblige;
    struct chat_request *r = &q->sent;
    const char *rule, *against = NULL;
    size_t n = 0;

    if (!q->decision.n_tools_allow && !q->decision.n_tools_deny)
        return true;
    if (!filter_members(q, &against))
        return no_memory(q);
    if (r->tool_choice == CHAT_TOOLS_NAMED &&
        !pol_tool_allowed(&q->decision, q->chat.tool_choice_name, &rule))
        against = rule;
    if (!against && o->n_tools_removed && o->n_tools_removed == r->n_tools &&
        r->tool_choice == CHAT_TOOLS_REQUIRED)
        against = o->tools_rule;
    if (against) {
        gw_request_fail(q, 403, "policy_denied", against, "tool_choice",
                        "Denied by policy (rule %s): the tool that this request insists on may not "
                        "be used. What to do: leave tool_choice out, or use an allowed tool.",
                        against);
        return false;
    }
    if (o->n_tools_removed == 0)
        return true;
    struct chat_tool *kept = base_arena_array(q->arena, r->n_tools, sizeof *kept);
    if (!kept)
        return no_memory(q);
    /* Judged by the names as the caller wrote them: redaction may have changed those in r. */
    for (size_t i = 0; i < r->n_tools; i++)
        if (may_have(q, &q->chat.tools[i], &rule))
            kept[n++] = r->tools[i];
    r->tools = kept;
    r->n_tools = n;
    if (n == 0)
        r->tool_choice = CHAT_TOOLS_UNSET;
    return true;
}

static bool tool_allowed(void *ctx, struct base_str name)
{
    const struct gw_request *q = ctx;
    const char *rule;
    return pol_tool_allowed(&q->decision, name, &rule);
}

/* ---- an attempt ---- */

bool gw_oblige_holds(const struct gw_request *q)
{
    return q->decision.answers == CONF_ANSWERS_REDACT ||
           q->decision.answers == CONF_ANSWERS_WITHHOLD;
}

static enum pol_guard_action guard_action(enum conf_answers a)
{
    return a == CONF_ANSWERS_WARN     ? POL_GUARD_WARN
           : a == CONF_ANSWERS_REDACT ? POL_GUARD_REDACT
                                      : POL_GUARD_WITHHOLD;
}

bool gw_oblige_begin(struct gw_request *q)
{
    const struct pol_decision *d = &q->decision;
    struct gw_oblige *o = &q->oblige;

    gw_oblige_drop(q);
    base_buf_init(&o->reading, READING_MAX);
    if (!filter_tools(q))
        return false;
    bool tools = d->n_tools_allow || d->n_tools_deny;
    if (tools || d->answers != CONF_ANSWERS_PASS) {
        const struct gw_guard_spec spec = {
            .detector = q->app->detector,
            .scratch = q->app->scratch,
            /* substitutes look like data, and are what this back end was asked with */
            .asked = q->vault && q->decision.substitute ? &q->sent : &q->chat,
            .scan = d->answers != CONF_ANSWERS_PASS,
            .action = guard_action(d->answers),
            .types = d->answer_types,
            .tool = tools ? tool_allowed : NULL,
            .tool_ctx = q,
        };
        o->guard = gw_guard_new(&spec);
    }
    if (gw_obliged(q, "provenance")) {
        o->digest = EVP_MD_CTX_new();
        o->bytes = 0;
        if (o->digest && EVP_DigestInit_ex(o->digest, EVP_sha256(), NULL) != 1) {
            EVP_MD_CTX_free(o->digest);
            o->digest = NULL;
        }
    }
    if (((tools || d->answers != CONF_ANSWERS_PASS) && !o->guard) ||
        (gw_obliged(q, "provenance") && !o->digest)) {
        gw_request_fail(q, 503, "server_error", "out_of_memory", NULL, "Out of memory.");
        return false;
    }
    return true;
}

static bool may_show(struct gw_request *q, struct base_str text)
{
    return !q->oblige.guard || gw_guard_clean(q->oblige.guard, text);
}

void gw_oblige_error(struct gw_request *q, struct chat_error *e)
{
    bool ours = e->status == 0; /* could not be reached, and the like: no words of a stranger's */
    const char *why = NULL;

    if (ours)
        return;
    if (q->decision.review_hold)
        why = "a human must see answers first";
    else if (!may_show(q, e->message) || !may_show(q, e->code) || !may_show(q, e->type) ||
             !may_show(q, e->body))
        why = "it holds data that may not be given out";
    if (!why)
        return;
    e->message = base_arena_printf(q->arena,
                                   "the upstream reported an error (status %d); its text "
                                   "is not shown: %s",
                                   e->status, why);
    e->type = e->code = e->body = BASE_STR_NULL;
}

bool gw_oblige_header(struct gw_request *q, struct base_str name, struct base_str value)
{
    if (!gw_oblige_holds(q) && !q->decision.review_hold)
        return true;
    for (size_t i = 0; i < name.n; i++) /* limits are named in words */
        if (name.p[i] != '-' && ((name.p[i] | 32) < 'a' || (name.p[i] | 32) > 'z'))
            return false;
    return name.n + value.n <= 96 && may_show(q, value);
}

/* What a reviewer reads: the text, and what tools the model wants to call with what. */
static enum base_status note_for_reviewer(struct gw_oblige *o, const struct chat_event *ev)
{
    if (ev->kind == CHAT_EV_TOOL_CALL)
        base_buf_printf(&o->reading, "\n[tool call: %.*s] ", BASE_FMT(ev->name));
    else if (ev->kind == CHAT_EV_BLOCK || ev->kind == CHAT_EV_CITATION)
        base_buf_printf(&o->reading, "\n%.*s\n", BASE_FMT(ev->text));
    else if (ev->kind == CHAT_EV_TEXT || ev->kind == CHAT_EV_REFUSAL ||
             ev->kind == CHAT_EV_TOOL_ARGS)
        base_buf_str(&o->reading, ev->text);
    return base_buf_ok(&o->reading) ? BASE_OK : BASE_LIMIT;
}

enum base_status gw_oblige_piece(struct gw_request *q, const struct chat_event *ev)
{
    struct gw_oblige *o = &q->oblige;
    if (o->digest && ev->kind == CHAT_EV_TEXT && ev->text.n) {
        if (EVP_DigestUpdate(o->digest, ev->text.p, ev->text.n) != 1)
            return BASE_ENOMEM;
        o->bytes += ev->text.n;
    }
    return q->decision.review_hold ? note_for_reviewer(o, ev) : BASE_OK;
}

bool gw_oblige_end(struct gw_request *q)
{
    struct gw_oblige *o = &q->oblige;
    struct gw_prov_claim claim = {.bytes = o->bytes};
    struct base_buf token;
    struct base_err err;
    unsigned n = 0;

    if (!gw_obliged(q, "provenance"))
        return true;
    base_buf_init(&token, GW_PROV_TOKEN_MAX);
    snprintf(claim.request, sizeof claim.request, "%s", q->http->id);
    snprintf(claim.route, sizeof claim.route, "%s", q->decision.target->text);
    base_rfc3339(base_wall_us(), claim.time);
    bool ok = o->digest && EVP_DigestFinal_ex(o->digest, claim.sha256, &n) == 1 && n == 32 &&
              gw_prov_sign(q->app->prov, &claim, &token, &err) == BASE_OK;
    if (ok)
        o->provenance = base_arena_dup(q->arena, base_buf_view(&token));
    base_buf_release(&token);
    if (ok && o->provenance.p)
        return true;
    gw_request_fail(q, 500, "server_error", "provenance_failed", NULL,
                    "The record of origin that the policy asks for could not be made.");
    return false;
}

void gw_oblige_drop(struct gw_request *q)
{
    struct gw_oblige *o = &q->oblige;
    gw_guard_free(o->guard);
    o->guard = NULL;
    EVP_MD_CTX_free(o->digest);
    o->digest = NULL;
    base_buf_wipe(&o->reading);
}

/* ---- headers ---- */

/* The first answer of a conversation: nothing of the assistant's is in it yet. */
static bool is_first(const struct gw_request *q)
{
    for (size_t i = 0; i < q->chat.n_messages; i++)
        if (q->chat.messages[i].role == CHAT_ASSISTANT)
            return false;
    return true;
}

/* Text in a header: RFC 3986 percent-encoding of what is not visible ASCII, and of '%'. */
static void put_text_header(struct base_buf *out, const char *name, const char *text)
{
    base_buf_printf(out, "%s: ", name);
    for (const unsigned char *p = (const unsigned char *)text; *p; p++) {
        if (*p < 0x20 || *p > 0x7e || *p == '%')
            base_buf_printf(out, "%%%02X", *p);
        else
            base_buf_byte(out, (char)*p);
    }
    base_buf_z(out, "\r\n");
}

void gw_oblige_headers(const struct gw_request *q, struct base_buf *out)
{
    const struct gw_oblige *o = &q->oblige;
    const char *notice = q->http->gen->conf->policy.notice;

    if (!q->decided)
        return;
    if (q->decision.n_obligations && !q->chat.embed) {
        base_buf_z(out, "x-weir-obligations: ");
        for (size_t i = 0; i < q->decision.n_obligations; i++)
            base_buf_printf(out, "%s%s", i ? "," : "", q->decision.obligations[i]);
        base_buf_z(out, "\r\n");
    }
    if (gw_obliged(q, "label-decision"))
        base_buf_z(out, "x-weir-ai-assisted-decision: 1\r\n");
    if (gw_obliged(q, "notice") && is_first(q))
        put_text_header(out, "x-weir-notice", notice ? notice : NOTICE);
    if (o->tools_removed.n)
        gw_http_put_header(out, "x-weir-tools-removed", o->tools_removed);
    if (o->provenance.n)
        gw_http_put_header(out, "x-weir-provenance", o->provenance);
    bool any = false;
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (!o->found[t])
            continue;
        base_buf_printf(out, "%s%s=%u",
                        any ? "," : "x-weir-answer-findings: ", pol_type_name((enum pol_type)t),
                        o->found[t]);
        any = true;
    }
    if (any)
        base_buf_z(out, "\r\n");
}
