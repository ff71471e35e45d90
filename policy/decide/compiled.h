/* compiled.h - a policy ready to decide. Internal to policy/. */
#ifndef POLICY_COMPILED_H
#define POLICY_COMPILED_H

#include "policy/policy.h"

/* A set of places: one bit for each two-letter code, one for on_premises. EU and EEA are opened
 * into their members. */
#define POL_PLACE_HOME  676
#define POL_PLACE_WORDS 11

struct pol_places {
    uint64_t w[POL_PLACE_WORDS];
};

struct pol_rule {
    const struct conf_rule *conf;
    unsigned when_classes; /* POL_CLASS bits named */
    bool when_none;        /* "none" is named */
    bool has_data;         /* `when.data` is a condition */
    pol_types when_types;
    bool by_words;  /* there is a condition besides data and tier */
    unsigned tiers; /* bit 0 commodity, bit 1 hard; 3: any */
    struct pol_places location;
    uint32_t basis; /* CONF_BASIS_BITs allowed */
    pol_types redact;
    pol_types answer_types; /* what `answers` looks for; 0 where it says nothing */
};

/* A duty whose conditions a use case meets; it counts from duty->from on. */
struct pol_due {
    const struct conf_duty *duty;
    bool met; /* the reference that it needs is there */
};

struct pol_use_case {
    const struct conf_use_case *conf;
    const char *label; /* "use_case:ID", to name it where rules are named */
    unsigned classes;
    pol_types answer_types; /* as a rule's */
    struct pol_due *due;
    size_t n_due;
};

enum pol_require {
    POL_REQUIRE_USE_CASE = 1,
    POL_REQUIRE_PURPOSE = 2,
    POL_REQUIRE_BASIS = 4,
    POL_REQUIRE_EXCEPTION = 8
};

struct pol_policy {
    struct base_arena *arena;
    const struct conf_policy *conf;
    struct pol_rule *rules;
    size_t n_rules;
    struct pol_use_case *use_cases;
    size_t n_use_cases;
    struct pol_places default_location;
    bool limits;                      /* somebody has some */
    unsigned require;                 /* pol_require bits */
    const struct conf_tables *tables; /* NULL: adequacy and dpf are taken at their word */
    const struct conf_duties *duties; /* NULL: none */
    const struct conf_adequacy *adequacy[26 * 26]; /* by country; NULL: no decision */
};

#define POL_BASIS_ANY                                                                              \
    (CONF_BASIS_BIT(CONF_BASIS_DPA) | CONF_BASIS_BIT(CONF_BASIS_ADEQUACY) |                        \
     CONF_BASIS_BIT(CONF_BASIS_DPF) | CONF_BASIS_BIT(CONF_BASIS_SCC) |                             \
     CONF_BASIS_BIT(CONF_BASIS_BCR))

/* Adds a place ("DE", "EU", "EEA", "on_premises"); false if it is none. */
bool pol_places_add(struct pol_places *p, struct base_str place);
void pol_places_and(struct pol_places *p, const struct pol_places *q);
/* Every bit of q is in p. */
bool pol_places_hold(const struct pol_places *p, const struct pol_places *q);
/* Any bit of q is in p. */
bool pol_places_meet(const struct pol_places *p, const struct pol_places *q);
/* class is one of words, or lies under one: annex3.5b under annex3.5 and annex3. */
bool pol_ai_act_in(const struct conf_names *words, const char *class);
/* The row for one country, or NULL. */
const struct conf_adequacy *pol_adequacy_of(const struct pol_policy *p, const char *country);
/* A country of the EEA. */
bool pol_place_in_eea(const char *country);
/* A class word; false if it is none. "none" gives 0. */
bool pol_class_find(struct base_str word, unsigned *out);
/* special and criminal imply personal. */
unsigned pol_classes_close(unsigned classes);
/* lint.c: ids used twice (errors), rules that change nothing or can never apply (warnings). */
void pol_lint(const struct pol_policy *p, struct conf_problems *pr);
void pol_lint_id_twice(const struct conf_rule *r, struct conf_problems *pr);
/* limits.c: `"limits":{..}` of a rule; `"limited":[..]` of a decision; the same changes in both. */
void pol_limits_json(struct base_json *j, const struct conf_bounds *b);
void pol_limited_json(struct base_json *j, const struct pol_decision *d);
bool pol_limits_same(const struct pol_decision *a, const struct pol_decision *b);
/* h asks for nothing. */
bool pol_handling_silent(const struct conf_handling *h);
const struct pol_use_case *pol_use_case_of(const struct pol_policy *p, struct base_str id);

#endif
