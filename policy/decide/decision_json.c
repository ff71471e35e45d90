/* decision_json.c - a decision as the contract's JSON object, for explain and the log alike.
 *
 * Keys stand in the contract's order; `code` and `remedy` follow when the request is denied.
 * `redact` names what was asked to be replaced and was found. Reasons hold texts of the policy and
 * of kill switches, once for each candidate; they are cut so that they never fill a record. So are
 * the lists that grow with the policy: of more than RULES_BYTES `rules` holds the first, and
 * `rules_cut` tells how many there are and the SHA-256 of all of them, each followed by a line
 * feed. `tools` of more than TOOLS_BYTES is left out, and `tools_cut` stands for it (over each
 * list's globs and rule). What was cut comes out again from the facts and the policy of that id.
 */
#include "policy/decide/compiled.h"

#include <openssl/evp.h>

#define REASONS_BYTES 12000u /* of all candidates together */
#define REASON_LEAST  120u
#define REASON_MOST   600u
#define RULES_BYTES   5000u /* of ids, with their quotes and commas */
#define TOOLS_BYTES   2500u

static void names(struct base_json *j, const char *key, const char **v, size_t n)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < n; i++)
        base_json_z(j, v[i]);
    base_json_arr_end(j);
}

/* ---- lists that are cut ---- */

static bool take(EVP_MD_CTX *c, const char *z)
{
    return EVP_DigestUpdate(c, z, strlen(z)) == 1 && EVP_DigestUpdate(c, "\n", 1) == 1;
}

/* {"n":..,"sha256":..} of what fed put into c; null in place of a digest that cannot be made. */
static void put_cut(struct base_json *j, const char *key, size_t n, EVP_MD_CTX *c, bool fed)
{
    static const char digits[] = "0123456789abcdef";
    uint8_t md[EVP_MAX_MD_SIZE];
    char hex[65];

    base_json_key(j, key);
    base_json_obj(j);
    base_json_kint(j, "n", (int64_t)n);
    if (fed && EVP_DigestFinal_ex(c, md, NULL) == 1) {
        for (size_t i = 0; i < 64; i++)
            hex[i] = digits[i % 2 ? md[i / 2] & 15 : md[i / 2] >> 4];
        hex[64] = '\0';
        base_json_kz(j, "sha256", hex);
    } else {
        base_json_kz(j, "sha256", NULL);
    }
    base_json_obj_end(j);
    EVP_MD_CTX_free(c);
}

static EVP_MD_CTX *digest(bool *fed)
{
    EVP_MD_CTX *c = EVP_MD_CTX_new();

    *fed = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) == 1;
    return c;
}

/* As names(), but at most max bytes of them; cut is the key that then tells the rest. */
static void names_most(struct base_json *j, const char *key, const char *cut, const char **v,
                       size_t n, size_t max)
{
    size_t fit = 0, bytes = 0;
    bool fed;

    while (fit < n && (bytes += strlen(v[fit]) + 3) <= max)
        fit++;
    names(j, key, v, fit);
    if (fit == n)
        return;
    EVP_MD_CTX *c = digest(&fed);
    for (size_t i = 0; i < n && fed; i++)
        fed = take(c, v[i]);
    put_cut(j, cut, n, c, fed);
}

static void findings(struct base_json *j, const struct pol_findings *f)
{
    base_json_key(j, "findings");
    base_json_arr(j);
    for (size_t i = 0; i < f->n; i++) {
        base_json_obj(j);
        base_json_kz(j, "type", pol_type_name(f->v[i].type));
        base_json_kz(j, "level", pol_level_name(f->v[i].level));
        base_json_kint(j, "count", f->v[i].count);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

void pol_rights_json(struct base_json *j, unsigned rights)
{
    base_json_arr(j);
    for (unsigned bit = CONF_RIGHTS_RESTRICTED; bit <= CONF_RIGHTS_UNREADABLE; bit *= 2)
        if (rights & bit)
            base_json_z(j, conf_rights_name(bit));
    base_json_arr_end(j);
}

static void tool_lists(struct base_json *j, const char *key, const struct pol_tool_list *v,
                       size_t n)
{
    base_json_key(j, key);
    base_json_arr(j);
    for (size_t i = 0; i < n; i++) {
        base_json_obj(j);
        names(j, "names", v[i].globs->v, v[i].globs->n);
        base_json_kz(j, "rule", v[i].rule);
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

static size_t tool_bytes(const struct pol_tool_list *v, size_t n)
{
    size_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        sum += strlen(v[i].rule) + 24;
        for (size_t k = 0; k < v[i].globs->n; k++)
            sum += strlen(v[i].globs->v[k]) + 3;
    }
    return sum;
}

static bool take_tools(EVP_MD_CTX *c, const struct pol_tool_list *v, size_t n)
{
    bool fed = true;

    for (size_t i = 0; i < n && fed; i++) {
        for (size_t k = 0; k < v[i].globs->n && fed; k++)
            fed = take(c, v[i].globs->v[k]);
        fed = fed && take(c, v[i].rule);
    }
    return fed;
}

/* Members that stand only where something asks for them. */
static void handling(struct base_json *j, const struct pol_decision *d)
{
    size_t tools =
        tool_bytes(d->tools_allow, d->n_tools_allow) + tool_bytes(d->tools_deny, d->n_tools_deny);
    bool fed;

    if (tools > TOOLS_BYTES) {
        EVP_MD_CTX *c = digest(&fed);
        fed = fed && take_tools(c, d->tools_allow, d->n_tools_allow) &&
              take_tools(c, d->tools_deny, d->n_tools_deny);
        put_cut(j, "tools_cut", d->n_tools_allow + d->n_tools_deny, c, fed);
    } else if (d->n_tools_allow || d->n_tools_deny) {
        base_json_key(j, "tools");
        base_json_obj(j);
        tool_lists(j, "allow", d->tools_allow, d->n_tools_allow);
        tool_lists(j, "deny", d->tools_deny, d->n_tools_deny);
        base_json_obj_end(j);
    }
    if (d->answers != CONF_ANSWERS_PASS)
        base_json_kz(j, "answers", conf_answers_name(d->answers));
    if (d->review_hold)
        base_json_kz(j, "human_review", "hold");
    if (d->retention) {
        base_json_key(j, "retention");
        base_json_obj(j);
        base_json_kz(j, "class", d->retention->id);
        base_json_kint(j, "record_days", d->record_days);
        base_json_kint(j, "content_days", d->content_days);
        base_json_obj_end(j);
    }
}

/* A reason of at most max bytes, cut between characters. */
static void reason(struct base_json *j, const char *z, size_t max)
{
    struct base_str s = base_str_c(z);

    if (s.n <= max) {
        base_json_kz(j, "reason", z);
        return;
    }
    s.n = max;
    s.n -= base_utf8_partial_tail(s);
    base_json_key(j, "reason");
    base_json_str(j, s);
}

static void candidates(struct base_json *j, const struct pol_decision *d)
{
    size_t max = d->n_verdicts ? REASONS_BYTES / d->n_verdicts : REASON_MOST;

    max = max < REASON_LEAST ? REASON_LEAST : max > REASON_MOST ? REASON_MOST : max;
    base_json_key(j, "candidates");
    base_json_arr(j);
    for (size_t i = 0; i < d->n_verdicts; i++) {
        const struct pol_verdict *v = &d->verdicts[i];

        base_json_obj(j);
        base_json_kz(j, "backend", v->target->text);
        base_json_kbool(j, "allowed", v->allowed);
        if (!v->allowed) {
            reason(j, v->reason, max);
            base_json_kz(j, "rule", v->rule);
        }
        base_json_obj_end(j);
    }
    base_json_arr_end(j);
}

void pol_decision_json(struct base_json *j, const struct pol_policy *p, const struct pol_facts *f,
                       const struct pol_decision *d)
{
    base_json_obj(j);
    base_json_kint(j, "v", 1);
    base_json_kz(j, "outcome", d->routed ? "route" : "deny");
    base_json_kz(j, "route", d->routed ? d->target->text : NULL);
    base_json_kz(j, "tier", f->tier == POL_TIER_HARD ? "hard" : "commodity");
    base_json_key(j, "difficulty");
    base_json_num(j, f->difficulty, 4);
    base_json_kz(j, "task", f->task);
    base_json_key(j, "data");
    pol_classes_json(j, d->classes);
    findings(j, &f->findings);
    if (f->findings.rights) {
        base_json_key(j, "rights");
        pol_rights_json(j, f->findings.rights);
    }
    base_json_key(j, "use_case");
    if (f->use_case.n)
        base_json_str(j, f->use_case);
    else
        base_json_null(j);
    base_json_kz(j, "policy", p->conf->id);
    if (p->conf->revision)
        base_json_kint(j, "revision", p->conf->revision);
    if (p->conf->signed_by)
        base_json_kz(j, "signed_by", p->conf->signed_by);
    if (p->tables)
        base_json_kz(j, "tables", p->tables->id);
    if (p->duties)
        base_json_kz(j, "duties", p->duties->id);
    names_most(j, "rules", "rules_cut", d->rules, d->n_rules, RULES_BYTES);
    base_json_key(j, "redact");
    base_json_arr(j);
    for (int t = 0; t < POL_TYPE_COUNT; t++) {
        if (d->redact & f->findings.types & POL_TYPE_BIT(t))
            base_json_z(j, pol_type_name((enum pol_type)t));
    }
    base_json_arr_end(j);
    if (d->substitute && (d->redact & f->findings.types))
        base_json_kz(j, "redact_style", "substitute");
    names(j, "obligations", d->obligations, d->n_obligations);
    handling(j, d);
    if (d->n_limited)
        pol_limited_json(j, d);
    candidates(j, d);
    reason(j, d->reason, REASON_MOST);
    if (!d->routed) {
        base_json_kz(j, "code", d->deny_rule);
        if (d->deny_param)
            base_json_kz(j, "param", d->deny_param);
        base_json_kz(j, "remedy", d->remedy);
    }
    base_json_obj_end(j);
}
