/* policy.h - what may leave, to whom, on which basis: detect, decide, redact, restore.
 *
 * Data flow: text slots of a request -> pol_scan_request -> findings -> pol_facts
 *            -> pol_decide (pure) -> pol_decision -> (route off premises) pol_redact_request,
 *            answer events -> pol_restore_* -> client.
 *
 * Everything here is in-process and calls nobody. Detectors are built once (pol_detector_new) and
 * shared read-only; scratch space is per thread (pol_scratch_new).
 */
#ifndef POLICY_H
#define POLICY_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/chat.h"
#include "base/err.h"
#include "base/json.h"
#include "conf/conf.h"
#include "conf/rights.h"

/* ---- types and classes ---- */

/* The contract's types, in its order; pol_type_name gives the word. Types without a detector yet
 * exist so that a policy can name them. */
enum pol_type {
    POL_PERSON,
    POL_ORG,
    POL_LOCATION,
    POL_ADDRESS,
    POL_POSTAL_CODE,
    POL_DOB,
    POL_DATE,
    POL_PHONE,
    POL_EMAIL,
    POL_URL,
    POL_IP,
    POL_MAC,
    POL_IBAN,
    POL_BIC,
    POL_BANK_ACCOUNT,
    POL_CREDIT_CARD,
    POL_NATIONAL_ID,
    POL_NATIONAL_ID_CARD,
    POL_TAX_ID,
    POL_VAT_ID,
    POL_PASSPORT,
    POL_PASSPORT_MRZ,
    POL_DRIVER_LICENSE,
    POL_LICENSE_PLATE,
    POL_VIN,
    POL_HEALTH_ID,
    POL_EMPLOYEE_ID,
    POL_USERNAME,
    POL_DEVICE_ID,
    POL_GPS,
    POL_CRYPTO,
    POL_SECRET,
    POL_SPECIAL_HEALTH,
    POL_SPECIAL_RELIGION,
    POL_SPECIAL_ETHNIC,
    POL_SPECIAL_POLITICAL,
    POL_SPECIAL_UNION,
    POL_SPECIAL_ORIENTATION,
    POL_SPECIAL_GENETIC,
    POL_SPECIAL_BIOMETRIC,
    POL_SPECIAL_CRIMINAL,
    /* signals on the text as a whole, no data and no class: a rule may name them (signals.c) */
    POL_INJECTION,      /* words that try to steer a model against its instructions */
    POL_PROHIBITED_USE, /* a use that AI Act Art. 5 prohibits is asked for */
    POL_TYPE_COUNT
};

typedef uint64_t pol_types; /* one bit a type */
#define POL_TYPE_BIT(t) (1ull << (t))

enum pol_class { /* bits */
                 POL_CLASS_NONE = 0,
                 POL_CLASS_PERSONAL = 1,
                 POL_CLASS_SPECIAL = 2,  /* GDPR Art. 9; implies personal */
                 POL_CLASS_CRIMINAL = 4, /* GDPR Art. 10; implies personal */
                 POL_CLASS_SECRET = 8
};

enum pol_level { POL_SHAPE, POL_CHECK, POL_CONTEXT };

const char *pol_type_name(enum pol_type t);
const char *pol_level_name(enum pol_level l);
/* False if the word is no type. */
bool pol_type_find(struct base_str word, enum pol_type *out);
unsigned pol_type_class(enum pol_type t); /* the class that a finding of the type puts on a text */
/* Writes ["personal","special"], or ["none"]. */
void pol_classes_json(struct base_json *j, unsigned classes);

/* ---- detectors ---- */

struct pol_detector; /* immutable after creation, any thread */
struct pol_scratch;  /* one thread */

enum base_status pol_detector_new(struct pol_detector **out, struct base_err *err) BASE_MUST_CHECK;
void pol_detector_free(struct pol_detector *d);
enum base_status pol_scratch_new(const struct pol_detector *d, struct pol_scratch **out,
                                 struct base_err *err) BASE_MUST_CHECK;
void pol_scratch_free(struct pol_scratch *s);
/* From now on a scan in s fails soon (BASE_DENIED) once *stop is true; NULL: never. stop may be set
 * by any thread. */
void pol_scratch_stop(struct pol_scratch *s, const atomic_bool *stop);

struct pol_span {
    size_t start, end; /* byte offsets into the text as given, before normalising */
    enum pol_type type;
    enum pol_level level;
    const char *subtype; /* static ("pl_pesel", "aws_access_key"), or NULL */
};

struct pol_spans {
    struct pol_span *v; /* in the arena given; sorted by start, not overlapping */
    size_t n;
    struct pol_span signals[2]; /* INJECTION, PROHIBITED_USE: where; may lie across the others */
    size_t n_signals;
    bool truncated; /* more than the built-in maximum: the text counts as everything it could be */
};

/* Finds spans in one text. Never blocks. BASE_ENOMEM when the arena is full: the caller must then
 * refuse the request (fail closed). */
enum base_status pol_scan_text(const struct pol_detector *d, struct pol_scratch *s,
                               struct base_str text, struct base_arena *a, struct pol_spans *out,
                               struct base_err *err) BASE_MUST_CHECK;

/* What was found in a whole request, added up. */
struct pol_finding {
    enum pol_type type;
    enum pol_level level; /* the highest seen */
    uint32_t count;
};

struct pol_findings {
    struct pol_finding v[POL_TYPE_COUNT];
    size_t n; /* in order of type */
    pol_types types;
    unsigned classes; /* pol_class bits, implications applied */
    bool unscannable; /* an opaque part, or a text that could not be scanned whole */
    unsigned rights;  /* CONF_RIGHTS_ bits: people on a list are named; lists that cannot be read */
};

enum base_status pol_scan_request(const struct pol_detector *d, struct pol_scratch *s,
                                  struct chat_request *r, struct pol_findings *out,
                                  struct base_err *err) BASE_MUST_CHECK;

/* The same, looking also for people on the lists (conf/rights.h; NULL: none) as of `today`. */
enum base_status pol_scan_request_rights(const struct pol_detector *d, struct pol_scratch *s,
                                         const struct conf_rights *rights, int64_t today,
                                         struct chat_request *r, struct pol_findings *out,
                                         struct base_err *err) BASE_MUST_CHECK;
/* Appends to out what a scan would read in text beside the text itself: its normalised form, what
 * base64 and hexadecimal hold. False if there is no memory or it is too long. Any thread. */
bool pol_text_forms(struct base_str text, struct base_buf *out);
/* Writes ["restricted","objected"]. */
void pol_rights_json(struct base_json *j, unsigned rights);

/* ---- decision ---- */

struct pol_policy; /* compiled; immutable; borrows the struct conf it came from */

/* Compiles the policy of c; what does not hold is added to problems (unknown types, classes,
 * places, duplicate ids, unreachable rules as warnings). NULL if there is an error. */
struct pol_policy *pol_policy_new(const struct conf *c, struct conf_problems *problems);
/* The same for another policy (the shadow one) under c's tables and duties. */
struct pol_policy *pol_policy_new_of(const struct conf *c, const struct conf_policy *cp,
                                     struct conf_problems *problems);
/* For who checks a policy that did not load whole (conf_load_partial): tells which of its words are
 * no classes or types, and ids that are used twice, as compiling it would. */
void pol_policy_words(const struct conf_policy *cp, struct conf_problems *problems);
void pol_policy_free(struct pol_policy *p);
const char *pol_policy_id(const struct pol_policy *p); /* "sha256:..." of the file */
const struct conf_use_case *pol_use_case_find(const struct pol_policy *p, struct base_str id);

enum pol_tier { POL_TIER_COMMODITY, POL_TIER_HARD };

/* One way to answer, in order of preference. */
struct pol_candidate {
    const struct conf_target *target;
    bool available;          /* false: not now (engine down, overflow); reason says why */
    const char *unavailable; /* static text */
};

#define POL_CANDIDATES_MAX 64

/* ---- kill switches ---- */

enum pol_kill_kind {
    POL_KILL_BACKEND, /* a back end's name; "local": every local model */
    POL_KILL_MODEL,   /* a route: "openai-eu/gpt-x", "local/smollm2" */
    POL_KILL_COUNTRY, /* a country, EU or EEA: any back end (or sub-processor) that is there */
    POL_KILL_BASIS,   /* a transfer basis */
    POL_KILL_USE_CASE
};

struct pol_kill {
    enum pol_kill_kind kind;
    struct base_str value, reason, since; /* since: RFC 3339 */
};

/* What is switched off now: an immutable snapshot that the caller keeps alive. */
struct pol_kills {
    const struct pol_kill *v;
    size_t n;
};

const char *pol_kill_kind_name(enum pol_kill_kind k); /* "backend", "model", ... */
bool pol_kill_kind_find(struct base_str word, enum pol_kill_kind *out);
/* The first switch that stops t (use_case kinds are not about targets), or NULL. kills may be NULL.
 */
const struct pol_kill *pol_kill_hits(const struct pol_kills *kills, const struct conf_target *t);
/* The same for a use case. */
const struct pol_kill *pol_kill_use_case(const struct pol_kills *kills, struct base_str use_case);

/* ---- what a request asks of the model, and what the policy makes of it (limits.c) ---- */

/* A number that may be absent. */
struct pol_num {
    bool set;
    int64_t v;
};

#define POL_EFFORT_OTHER 99u /* asked for in a way that has no word: beyond every limit */

struct pol_asks {
    struct pol_num output_tokens;
    struct pol_num temperature, top_p; /* millionths: conf_micro */
    unsigned effort;                   /* conf_effort_find's; 0: not asked */
    int64_t input_bytes;               /* of all texts of the request */
};

enum pol_limited_field {
    POL_LIMITED_TOKENS,
    POL_LIMITED_TEMPERATURE,
    POL_LIMITED_TOP_P,
    POL_LIMITED_EFFORT,
    POL_LIMITED_MAX
};

/* One value that the model gets instead of what was asked. */
struct pol_limited {
    enum pol_limited_field field;
    bool asked; /* else nothing was, and `from` says nothing */
    int64_t from, to;
    const char *rule; /* whose limit it is */
};

const char *pol_limited_name(enum pol_limited_field f); /* as in policies */
/* "0.7", "1024", "medium". */
void pol_limited_text(enum pol_limited_field f, int64_t v, char out[24]);

/* Everything a decision depends on; the same facts with the same policy give the same bytes. */
struct pol_facts {
    struct pol_findings findings;
    unsigned declared_classes;    /* by key, use case or headers; only add */
    struct base_str use_case;     /* empty: none */
    struct base_str key_use_case; /* the key's own where it is another: it counts as well */
    struct base_str tenant;       /* the key's */
    struct base_str region;       /* x-weir-region: "EU", "EEA", a country; empty: no constraint */
    enum pol_tier tier;
    double difficulty;             /* 0 to 1 */
    const char *task;              /* static: "summarise", "code", ... */
    bool pinned;                   /* the caller named one model: anything else is no answer */
    int64_t today;                 /* days since 1970-01-01, UTC */
    const struct pol_kills *kills; /* NULL: none */
    struct pol_asks asks;
    const struct pol_candidate *candidates;
    size_t n_candidates;
};

/* One thing that was looked at for a candidate. */
struct pol_step {
    const char *check;         /* static: "location", "basis", ... */
    const char *rule, *reason; /* as in the verdict; empty when it held */
    bool ok;
};

#define POL_STEPS_MAX 16

struct pol_verdict {
    const struct conf_target *target;
    bool allowed;
    const char *reason;           /* in the arena; empty when allowed */
    const char *rule;             /* the rule that refuses, "default", or "" */
    const struct pol_step *steps; /* all of them, in order; only from pol_decide_tree */
    size_t n_steps;
};

/* One list of tool-name globs that holds for a request, and the rule (or "use_case:ID") it is from.
 */
struct pol_tool_list {
    const char *rule;
    const struct conf_names *globs;
};

struct pol_decision {
    bool routed;   /* else denied */
    size_t chosen; /* index of the candidate, when routed */
    const struct conf_target *target;
    bool off_premises;
    unsigned classes;   /* effective */
    const char **rules; /* ids of all rules that applied, in policy order */
    size_t n_rules;
    bool default_applies; /* `default` narrowed the places as well */
    pol_types redact;     /* to replace before the bytes leave; 0 for on premises */
    bool substitute;      /* by valid-looking substitutes: every rule that redacts says so */
    const char **obligations;
    size_t n_obligations;
    /* A tool's name needs a match in every allow list and none in any deny list. */
    struct pol_tool_list *tools_allow, *tools_deny;
    size_t n_tools_allow, n_tools_deny;
    enum conf_answers answers;
    const char *answers_rule;               /* who asks for the strictest, or "" */
    pol_types answer_types;                 /* what answers are looked at for */
    bool review_hold;                       /* nobody gets the answer before a human approved it */
    const struct conf_retention *retention; /* NULL: no class */
    uint32_t record_days, content_days;     /* records at least, content at most; with retention */
    struct pol_limited limited[POL_LIMITED_MAX];
    size_t n_limited;
    const char *deny_param; /* when a limit refuses: what is beyond it, as in policies; or NULL */
    struct pol_verdict *verdicts; /* one a candidate, in order */
    size_t n_verdicts;
    const char *deny_rule; /* when denied: x-weir code */
    const char *reason;    /* one plain sentence: why this outcome */
    const char *remedy;    /* when denied: what the caller can do */
};

/* Pure: no clock, no I/O, no allocation outside the arena. */
enum base_status pol_decide(const struct pol_policy *p, const struct pol_facts *f,
                            struct base_arena *a, struct pol_decision *out,
                            struct base_err *err) BASE_MUST_CHECK;

/* The same decision, and in the verdicts every step that was looked at, held or not. */
enum base_status pol_decide_tree(const struct pol_policy *p, const struct pol_facts *f,
                                 struct base_arena *a, struct pol_decision *out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* Writes the whole reason tree as one object: each rule with each of its conditions, the gates of
 * the use case, each candidate with each step. d is from pol_decide_tree. */
void pol_tree_json(struct base_json *j, const struct pol_policy *p, const struct pol_facts *f,
                   const struct pol_decision *d);

/* How a second decision about the same facts differs from a first (compare.c). */
enum pol_change {
    POL_CHANGE_NEWLY_DENIED,
    POL_CHANGE_NEWLY_LEAVES,
    POL_CHANGE_LESS_REDACTED,
    POL_CHANGE_NEWLY_ANSWERED,
    POL_CHANGE_MORE_REDACTED,
    POL_CHANGE_STAYS_HOME,
    POL_CHANGE_OTHER_ROUTE,
    POL_CHANGE_HANDLING,
    POL_CHANGE_RULES,
    POL_CHANGE_SAME
};
const char *pol_change_name(enum pol_change c);
enum pol_change pol_decision_compare(const struct pol_facts *f, const struct pol_decision *a,
                                     const struct pol_decision *b);

/* Whether the decision lets the model have the tool; if not, *rule says who refuses. */
bool pol_tool_allowed(const struct pol_decision *d, struct base_str name, const char **rule);
/* `*` matches any run of characters, `?` one. */
bool pol_glob(const char *glob, struct base_str s);

/* What the program around a policy can enforce. */
enum pol_can {
    POL_CAN_TOOLS = 1,
    POL_CAN_ANSWERS = 2,
    POL_CAN_RETENTION = 4,
    POL_CAN_LABEL = 8,
    POL_CAN_NOTICE = 16,
    POL_CAN_PROVENANCE = 32,
    POL_CAN_WATERMARK = 64,
    POL_CAN_HUMAN_REVIEW = 128,
    POL_CAN_LABEL_DECISION = 256,
    POL_CAN_LIMITS = 512
};
/* Adds an error for everything that the policy asks for and `enforced` (pol_can bits) lacks: a
 * policy that cannot be kept must not be in force. */
void pol_policy_unenforced(const struct pol_policy *p, unsigned enforced,
                           struct conf_problems *problems);

/* The decision as the contract's JSON object (explain and the audit leaf share it). */
void pol_decision_json(struct base_json *j, const struct pol_policy *p, const struct pol_facts *f,
                       const struct pol_decision *d);

/* Which rules, and which alternatives of their conditions, the tests of a policy have reached. */
struct pol_coverage;
struct pol_coverage *pol_coverage_new(const struct pol_policy *p); /* NULL: no memory */
void pol_coverage_free(struct pol_coverage *c);
void pol_coverage_add(struct pol_coverage *c, const struct pol_facts *f,
                      const struct pol_decision *d);
struct pol_coverage_sum {
    size_t rules, rules_reached;       /* a rule is reached when it applied */
    size_t branches, branches_reached; /* see coverage.c */
};
void pol_coverage_sum(const struct pol_coverage *c, struct pol_coverage_sum *out);
/* {"rules":N,"rules_reached":N,"branches":N,"branches_reached":N,"missed":[{"rule","branch",
 * "word"}]} */
void pol_coverage_json(struct base_json *j, const struct pol_coverage *c);
/* A warning at each rule that no test reached. */
void pol_coverage_warn(const struct pol_coverage *c, struct conf_problems *problems);

/* Runs the policy's `tests:`. route_fn lets the gateway supply tier and candidates for a text as it
 * would for a request; what the test states itself takes their place. Failures are added to
 * problems. coverage may be NULL. */
typedef enum base_status (*pol_test_route_fn)(void *ctx, const struct conf_policy_test *t,
                                              struct pol_facts *f, struct base_arena *a);
void pol_policy_tests_run(const struct pol_policy *p, const struct pol_detector *d,
                          pol_test_route_fn route_fn, void *ctx, struct conf_problems *problems,
                          struct pol_coverage *coverage, size_t *n_run);

/* ---- redaction ---- */

struct pol_vault; /* placeholder <-> original, one request, in memory only, wiped when freed */

/* Replaces every span of the types in `types` in all slots of r by stable placeholders such as
 * [EMAIL_1] (same original, same placeholder within the request; a placeholder never collides with
 * text already there). r's slots then point to arena bytes. counts[type] += replacements. A JSON
 * slot stays valid JSON (a bare number becomes a string). */
enum base_status pol_redact_request(const struct pol_detector *d, struct pol_scratch *s,
                                    pol_types types, struct chat_request *r,
                                    struct pol_vault **vault, uint32_t counts[POL_TYPE_COUNT],
                                    struct base_err *err) BASE_MUST_CHECK;
/* The same with valid-looking substitutes (subst.c) where a type and form have one: the same
 * original has the same one in every request of a tenant while the process lives, unless it stands
 * in the request's text already. */
enum base_status pol_substitute_request(const struct pol_detector *d, struct pol_scratch *s,
                                        pol_types types, struct base_str tenant,
                                        struct chat_request *r, struct pol_vault **vault,
                                        uint32_t counts[POL_TYPE_COUNT],
                                        struct base_err *err) BASE_MUST_CHECK;
void pol_vault_free(struct pol_vault *v);

/* Puts the originals back into one stream of text, whatever the chunk split. Holds back at most
 * POL_RESTORE_HOLD_MAX bytes, with substitutes POL_RESTORE_SUBST_HOLD_MAX (47 characters, each
 * possibly written as \u00XX). */
#define POL_RESTORE_HOLD_MAX       64
#define POL_RESTORE_SUBST_HOLD_MAX 320
struct pol_restore;
/* json_text: the stream is JSON text (tool arguments), originals are escaped for inside strings. */
struct pol_restore *pol_restore_new(const struct pol_vault *v, bool json_text);
void pol_restore_free(struct pol_restore *r);
/* Appends to out what can be given out now. */
enum base_status pol_restore_feed(struct pol_restore *r, struct base_str in, struct base_buf *out,
                                  struct base_err *err) BASE_MUST_CHECK;
/* Appends what was held. */
enum base_status pol_restore_end(struct pol_restore *r, struct base_buf *out,
                                 struct base_err *err) BASE_MUST_CHECK;

#endif
