/* handling.c - what all that applies asks of the answering side, united by strictness.
 *
 * Owns nothing; runs inside pol_decide, so it is as pure as that: same facts, same result.
 *
 * What the AI Act class and the duties in force ask comes first, then the use case's own (the one
 * that the request names, then its key's), then the applying rules in policy order:
 *   tools        a name needs a match in every `allow` list there is, to the letter, and none in
 * any `deny` list, however it is written (case, width, accents, invisible characters); answers the
 * strictest word, withhold over redact over warn, about all that any names; obligations  all of
 * them, each once. An answer is held for a human where an obligation or a use case says so
 * (`human_review: hold`); `required` only tells the caller; retention    records are kept as long
 * as the longest record_days asks, content no longer than the shortest content_days allows; the
 * class named is the one with that shortest.
 */
#include "policy/decide/decide_int.h"
#include "policy/text/norm.h"

#define ANNEX_LIMITED "limited"

/* A tool's name folded for a deny list is at most this long; a longer one is denied. */
#define PLAIN_MAX 512

/* Behind the UTF-8 character at i. */
static size_t next_char(struct base_str s, size_t i)
{
    for (i++; i < s.n && ((unsigned char)s.p[i] & 0xC0) == 0x80; i++)
        ;
    return i;
}

/* `*` any run of characters, `?` one; the rest is itself. Linear but for one step back. */
bool pol_glob(const char *glob, struct base_str s)
{
    const char *star = NULL;
    size_t i = 0, mark = 0;

    while (i < s.n) {
        if (*glob == '*') {
            star = glob++;
            mark = i;
        } else if (*glob == '?') {
            glob++;
            i = next_char(s, i);
        } else if (*glob && *glob == s.p[i]) {
            glob++;
            i++;
        } else if (star) {
            glob = star + 1;
            i = mark = next_char(s, mark);
        } else {
            return false;
        }
    }
    while (*glob == '*')
        glob++;
    return !*glob;
}

static bool any_glob(const struct conf_names *globs, struct base_str name)
{
    for (size_t i = 0; i < globs->n; i++) {
        if (pol_glob(globs->v[i], name))
            return true;
    }
    return false;
}

/* s without case, accents, width, look-alikes and what nobody sees; false: too long. */
static bool plain(struct base_str s, char out[PLAIN_MAX])
{
    size_t n = 0;

    for (size_t i = 0, len; i < s.n; i += len) {
        char b[32];
        uint32_t cp;
        size_t k = 1;

        len = base_utf8_decode(s.p + i, s.n - i, &cp);
        if (len == 0) {
            len = 1;
            b[0] = '?';
        } else if ((b[0] = cp < 0x80 ? (char)cp : pol_norm_latin(cp)) == 0) {
            k = pol_norm_fold(cp, b);
        }
        if (n + k >= PLAIN_MAX)
            return false;
        for (size_t j = 0; j < k; j++)
            out[n++] = (char)(b[j] >= 'A' && b[j] <= 'Z' ? b[j] | 32 : b[j]);
    }
    out[n] = 0;
    return true;
}

/* "Shell" is denied by "shell*", and its full-width twin too: a name is easily written otherwise.
 */
static bool denied(const struct conf_names *globs, struct base_str name)
{
    char as_read[PLAIN_MAX], glob[PLAIN_MAX];

    if (!plain(name, as_read))
        return true;
    for (size_t i = 0; i < globs->n; i++) {
        if (pol_glob(globs->v[i], name))
            return true;
        if (plain(base_str_c(globs->v[i]), glob) && pol_glob(glob, base_str_c(as_read)))
            return true;
    }
    return false;
}

bool pol_tool_allowed(const struct pol_decision *d, struct base_str name, const char **rule)
{
    *rule = "";
    for (size_t i = 0; i < d->n_tools_deny; i++) {
        if (denied(d->tools_deny[i].globs, name)) {
            *rule = d->tools_deny[i].rule;
            return false;
        }
    }
    for (size_t i = 0; i < d->n_tools_allow; i++) {
        if (!any_glob(d->tools_allow[i].globs, name)) {
            *rule = d->tools_allow[i].rule;
            return false;
        }
    }
    return true;
}

static void oblige(struct pol_decision *d, const char *word)
{
    for (size_t i = 0; i < d->n_obligations; i++) {
        if (strcmp(d->obligations[i], word) == 0)
            return;
    }
    d->obligations[d->n_obligations++] = word;
}

static void keep(struct pol_decision *d, const struct conf_retention *r)
{
    if (!r)
        return;
    if (!d->retention || r->content_days < d->content_days) {
        d->retention = r;
        d->content_days = r->content_days;
    }
    if (r->record_days > d->record_days)
        d->record_days = r->record_days;
}

static void unite(struct pol_decision *d, const struct conf_handling *h, pol_types answer_types,
                  const char *who)
{
    if (h->has_tools_allow)
        d->tools_allow[d->n_tools_allow++] = (struct pol_tool_list){who, &h->tools_allow};
    if (h->tools_deny.n)
        d->tools_deny[d->n_tools_deny++] = (struct pol_tool_list){who, &h->tools_deny};
    if (h->answers > d->answers) {
        d->answers = h->answers;
        d->answers_rule = who;
    }
    d->answer_types |= answer_types;
    for (size_t i = 0; i < h->obligations.n; i++) {
        oblige(d, h->obligations.v[i]);
        d->review_hold = d->review_hold || strcmp(h->obligations.v[i], "human-review") == 0;
    }
    keep(d, h->retention);
}

/* What a use case's class, the duties in force and its own text ask. */
static void of_class(struct pol_work *w, const struct pol_use_case *use_case)
{
    struct pol_decision *d = w->d;
    const struct conf_use_case *u = use_case->conf;

    if (u->human_review)
        oblige(d, "human-review");
    d->review_hold = d->review_hold || u->review_hold;
    if (u->ai_act && strncmp(u->ai_act, ANNEX_LIMITED, sizeof(ANNEX_LIMITED) - 1) == 0)
        oblige(d, "label-output");
    for (size_t i = 0; i < use_case->n_due; i++) {
        const struct conf_duty *duty = use_case->due[i].duty;

        if (w->f->today < duty->from.day)
            continue;
        if (duty->needs == CONF_NEEDS_HUMAN_REVIEW)
            oblige(d, "human-review");
        else if (duty->needs == CONF_NEEDS_LABEL)
            oblige(d, "label-output");
        else if (duty->needs == CONF_NEEDS_DECISION_LABEL)
            oblige(d, "label-decision");
    }
}

/* What duties ask of an answer that nobody approves before it is out; last, when all who might hold
 * it have spoken. */
static void unreviewed(struct pol_work *w)
{
    for (size_t i = 0; !w->d->review_hold && i < w->uses.n; i++)
        for (size_t k = 0; k < w->uses.v[i]->n_due; k++) {
            const struct conf_duty *duty = w->uses.v[i]->due[k].duty;

            if (duty->needs == CONF_NEEDS_LABEL_OR_REVIEW && w->f->today >= duty->from.day)
                oblige(w->d, "label-output");
        }
}

bool pol_handle(struct pol_work *w)
{
    struct pol_decision *d = w->d;
    size_t most = 0, lists = w->uses.n + w->n_applied + 1;

    for (size_t i = 0; i < w->uses.n; i++)
        most += 2 + w->uses.v[i]->n_due + w->uses.v[i]->conf->handling.obligations.n;
    for (size_t i = 0; i < w->n_applied; i++)
        most += w->applied[i]->conf->handling.obligations.n;
    d->obligations = base_arena_array(w->a, most + 1, sizeof(*d->obligations));
    d->tools_allow = base_arena_array(w->a, 2 * lists, sizeof(*d->tools_allow));
    if (!d->obligations || !d->tools_allow)
        return false;
    d->tools_deny = d->tools_allow + lists;
    d->answers_rule = "";
    d->review_hold = false;
    for (size_t i = 0; i < w->uses.n; i++)
        of_class(w, w->uses.v[i]);
    for (size_t i = 0; i < w->uses.n; i++)
        unite(d, &w->uses.v[i]->conf->handling, w->uses.v[i]->answer_types, w->uses.v[i]->label);
    for (size_t i = 0; i < w->n_applied; i++)
        unite(d, &w->applied[i]->conf->handling, w->applied[i]->answer_types,
              w->applied[i]->conf->id);
    unreviewed(w);
    return true;
}

bool pol_handling_silent(const struct conf_handling *h)
{
    return !h->has_tools_allow && !h->tools_deny.n && h->answers == CONF_ANSWERS_PASS &&
           !h->obligations.n && !h->retention && !h->limits.present;
}

/* ---- what a gateway can do, against what a policy asks ---- */

static void ask(const struct conf_handling *h, struct conf_pos pos, const char *who,
                unsigned enforced, struct conf_problems *pr)
{
    static const struct {
        const char *word;
        unsigned bit;
    } words[] = {{"label-output", POL_CAN_LABEL},  {"label-decision", POL_CAN_LABEL_DECISION},
                 {"notice", POL_CAN_NOTICE},       {"provenance", POL_CAN_PROVENANCE},
                 {"watermark", POL_CAN_WATERMARK}, {"human-review", POL_CAN_HUMAN_REVIEW}};
    const char *const fmt = "%.60s asks for %.60s, which this version cannot enforce: take it out";

    if ((h->has_tools_allow || h->tools_deny.n) && !(enforced & POL_CAN_TOOLS))
        conf_problem_add(pr, pos, false, fmt, who, "tools");
    if (h->answers != CONF_ANSWERS_PASS && !(enforced & POL_CAN_ANSWERS))
        conf_problem_add(pr, pos, false, fmt, who, "answers");
    if (h->retention && !(enforced & POL_CAN_RETENTION))
        conf_problem_add(pr, pos, false, fmt, who, "retention");
    if (h->limits.present && !(enforced & POL_CAN_LIMITS))
        conf_problem_add(pr, h->limits.pos, false, fmt, who, "limits");
    for (size_t i = 0; i < h->obligations.n; i++) {
        for (size_t k = 0; k < sizeof(words) / sizeof(words[0]); k++) {
            if (strcmp(h->obligations.v[i], words[k].word) != 0 || enforced & words[k].bit)
                continue;
            if (words[k].bit == POL_CAN_WATERMARK)
                conf_problem_add(pr, h->obligations.pos[i], false,
                                 "%.60s asks for a watermark, which needs engine.watermark in the "
                                 "configuration",
                                 who);
            else
                conf_problem_add(pr, h->obligations.pos[i], false, fmt, who, words[k].word);
        }
    }
}

void pol_policy_unenforced(const struct pol_policy *p, unsigned enforced, struct conf_problems *pr)
{
    for (size_t i = 0; i < p->n_use_cases; i++)
        ask(&p->use_cases[i].conf->handling, p->use_cases[i].conf->pos, p->use_cases[i].conf->id,
            enforced, pr);
    for (size_t i = 0; i < p->n_rules; i++)
        ask(&p->rules[i].conf->handling, p->rules[i].conf->pos, p->rules[i].conf->id, enforced, pr);
}
