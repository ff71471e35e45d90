/* conf.h - the typed configuration: what conf/weir.yaml and the policy file say, checked.
 *
 * A struct conf is immutable once loaded and freed as a whole; a reload makes a new one. Every
 * struct carries `pos`, where it stands in its file, so that later checks can still point there.
 * Strings are NUL-terminated and live in the configuration's arena. Paths are absolute (resolved
 * against the folder of the file that names them).
 */
#ifndef CONF_H
#define CONF_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

struct conf_pos {
    const char *file;
    int line, col; /* from 1; 0: not from a file (a default) */
};

/* All that is wrong with a configuration, in file order: `weir check` prints every one of them as
 * FILE:LINE:COL: text. */
struct conf_problem {
    struct conf_pos pos;
    const char *text;
    bool warning;
};

#define CONF_PROBLEM_FILES_MAX 8

struct conf_problems {
    struct base_arena *arena;
    struct conf_problem *v;
    size_t n, cap;
    size_t n_errors;                           /* counts also what there was no room to keep */
    const char *files[CONF_PROBLEM_FILES_MAX]; /* in order of first mention */
    size_t n_files;
};

struct conf_address {
    const char *host; /* as written, without brackets */
    int port;
};

struct conf_limits {
    uint32_t header_bytes, body_bytes, connections;
    uint32_t idle_s, header_s, body_s;
    uint32_t first_token_s; /* upstream deadline until the first content */
    uint32_t total_s;       /* a whole request */
    uint32_t drain_s;
};

struct conf_server {
    struct conf_pos pos;
    struct conf_address listen, admin;
    const char *tls_certificate, *tls_key, *tls_client_ca; /* client_ca: NULL if not asked for */
    bool tls_self_signed;
    int workers; /* 0 = auto: one a core */
    struct conf_limits limits;
};

/* EMULATED: a CUDA device that is none (docs/cuda.md), for tests. */
enum conf_device { CONF_DEVICE_AUTO, CONF_DEVICE_CPU, CONF_DEVICE_CUDA, CONF_DEVICE_EMULATED };
/* What each of several GPUs takes: a range of layers; or the first all layers, and each some
 * experts of all. AUTO: what is faster where device: auto weighs, else by layers. */
enum conf_split { CONF_SPLIT_AUTO, CONF_SPLIT_LAYERS, CONF_SPLIT_EXPERTS };
enum conf_cublas { CONF_CUBLAS_AUTO, CONF_CUBLAS_OFF, CONF_CUBLAS_REQUIRED };

struct conf_local_model {
    struct conf_pos pos;
    const char *name, *file;
    uint32_t context, slots;
    uint32_t cache_tokens; /* of all slots together; 0: slots * context */
    bool has_price;        /* of running it at home, for the report; default 0 */
    double price_input, price_output;
};

/* engine.watermark: a statistical mark in what local models write, for requests whose policy asks
 * for it. */
struct conf_watermark {
    bool present;
    struct conf_pos pos;
    const char *key; /* file; made when there is none */
    double gamma, delta;
};

struct conf_engine {
    bool present;
    struct conf_watermark watermark;
    struct conf_pos pos;
    enum conf_device device;
    enum conf_cublas cublas;
    uint32_t gpus; /* of this machine, for each model: cuda: numbers 0 to gpus - 1; auto: at most so
                      many. 0, not given: one; with auto any number */
    enum conf_split split;
    uint32_t threads; /* 0 = one a core */
    uint32_t queue;   /* waiting requests a model before overflow applies */
    struct conf_local_model *models;
    size_t n_models;
};

enum conf_api {
    CONF_API_OPENAI,
    CONF_API_OPENAI_COMPATIBLE,
    CONF_API_ANTHROPIC,
    CONF_API_GEMINI,
    CONF_API_AZURE_OPENAI,
    CONF_API_BEDROCK,
    CONF_API_MISTRAL,
    CONF_API_COHERE
};

enum conf_basis {
    CONF_BASIS_NONE,
    CONF_BASIS_DPA,
    CONF_BASIS_ADEQUACY,
    CONF_BASIS_DPF,
    CONF_BASIS_SCC,
    CONF_BASIS_BCR,
    CONF_BASIS_DEROGATION /* GDPR Art. 49: only where every rule that applies names it */
};
#define CONF_BASIS_LAST CONF_BASIS_DEROGATION

#define CONF_BASIS_BIT(b) (1u << (b))

/* Places: two-letter ISO 3166 codes in upper case, "EU", "EEA", or "on_premises". */
struct conf_places {
    const char **v;
    size_t n;
};

struct conf_names {
    const char **v;
    struct conf_pos *pos; /* of each */
    size_t n;
};

/* Who else handles what a back end is sent; its places count as the back end's own. */
struct conf_sub_processor {
    struct conf_pos pos;
    const char *name;
    struct conf_places location;
};

struct conf_residency {
    struct conf_pos pos;
    bool on_premises; /* location is exactly [on_premises] */
    struct conf_places location;
    const char *entity;
    int32_t retention_days; /* -1 unknown */
    bool trains_on_data;    /* true when not stated: fail closed */
    enum conf_basis basis;
    const char *reference; /* NULL if none */
    const char *expires;   /* "YYYY-MM-DD" or NULL */
    int64_t expires_day; /* days since 1970-01-01 of `expires`, the last day it holds; INT64_MAX */
    const char *checked; /* "YYYY-MM-DD" when somebody last looked that it holds, or NULL */
    int64_t checked_day; /* 0: not stated */
    const char *assessment; /* reference of the transfer impact assessment, or NULL */
    const char *scope; /* how the recipient falls within an adequacy decision's scope, or NULL */
    const char *derogation; /* point of Art. 49(1), "49.1.a", or NULL */
    const char *approver;   /* who approved the derogation, or NULL */
    struct conf_names certifications;
    struct conf_sub_processor *sub_processors;
    size_t n_sub_processors;
};

struct conf_remote_model {
    struct conf_pos pos;
    const char *name;
    double price_input, price_output; /* per million tokens */
    uint32_t context;
    bool embeddings; /* kind: embeddings: makes vectors of texts, answers no chat */
};

struct conf_backend {
    struct conf_pos pos;
    const char *name;
    enum conf_api api;
    const char *url; /* as written, without a trailing slash */
    bool tls;        /* https; http only to loopback */
    const char *host;
    int port;
    const char *path;        /* "" or "/v1" */
    const char *key;         /* secret: never printed; NULL if none */
    const char *api_version; /* azure-openai: what stands behind ?api-version=, or NULL */
    const char *ca;          /* file, or NULL for the system's */
    /* bedrock: what requests are signed with where there is no key; the last two are secret */
    const char *region, *service, *access_key, *secret_key, *session_token;
    struct conf_remote_model *models;
    size_t n_models;
    struct conf_residency residency;
};

/* One entry of routing.commodity, routing.hard or an alias: a local model or a back end's. */
struct conf_target {
    struct conf_pos pos;
    const char *text; /* "local/smollm2", "openai-eu/gpt-x": also how decisions name it */
    const struct conf_local_model *local; /* exactly one of local and backend is set */
    const struct conf_backend *backend;
    const struct conf_remote_model *model;
};

struct conf_targets {
    struct conf_target *v;
    size_t n;
};

struct conf_alias {
    struct conf_pos pos;
    const char *name;
    struct conf_targets targets;
};

enum conf_hard_denied { CONF_HARD_DENIED_LOCAL, CONF_HARD_DENIED_DENY };
enum conf_overflow { CONF_OVERFLOW_QUEUE, CONF_OVERFLOW_HARD, CONF_OVERFLOW_REJECT };

struct conf_routing {
    struct conf_pos pos;
    struct conf_targets commodity, hard;
    struct conf_targets embeddings; /* what model: auto is at /v1/embeddings */
    struct conf_alias *aliases;
    size_t n_aliases;
    double threshold;      /* difficulty at or above it is hard */
    double target_quality; /* 0 = not given; else threshold follows from the score's calibration */
    enum conf_hard_denied when_hard_is_denied;
    enum conf_overflow overflow;
};

enum conf_audit_failure { CONF_AUDIT_REFUSE, CONF_AUDIT_SPOOL };
enum conf_audit_signer { CONF_SIGNER_GATEWAY, CONF_SIGNER_PROCESS };

/* Free space at or below which a stage begins; 0: that stage is off. */
struct conf_disk {
    struct conf_pos pos;
    uint32_t warn_mib, refuse_content_mib, refuse_all_mib;
};

enum conf_sink_type {
    CONF_SINK_FILE,
    CONF_SINK_SYSLOG,
    CONF_SINK_POSTGRES,
    CONF_SINK_KAFKA,
    CONF_SINK_S3,
    CONF_SINK_OTLP
};
enum conf_sink_format { CONF_SINK_LEAF, CONF_SINK_OCSF };
enum conf_sink_lock { CONF_LOCK_NONE, CONF_LOCK_GOVERNANCE, CONF_LOCK_COMPLIANCE };

/* A copy of the log for somebody else. Which members a type has: conf/load_sinks.c. */
struct conf_sink {
    struct conf_pos pos;
    const char *name;
    enum conf_sink_type type;
    enum conf_sink_format format;
    uint32_t batch;     /* records at a time */
    uint32_t tries;     /* how often a record may be refused before it goes to the dead letters */
    uint32_t timeout_s; /* of one exchange */
    const char *path;   /* file */
    uint32_t rotate_mib, keep;
    bool tls;                                       /* off only to loopback */
    struct conf_address address;                    /* syslog, postgres */
    const char *ca, *certificate, *certificate_key; /* NULL: the system's CAs; no own certificate */
    const char *database, *table;
    const char *user, *password; /* secret */
    const struct conf_address *brokers;
    size_t n_brokers;
    const char *topic;
    const char *url, *host; /* s3, otlp; without a trailing slash */
    const char *bucket, *prefix, *region;
    const char *access_key, *secret_key; /* secret */
    enum conf_sink_lock lock;
    uint32_t retain_days;
    const char *authorization; /* secret: otlp's header value, or NULL */
};

/* Who countersigns the log's checkpoints. */
struct conf_witness {
    struct conf_pos pos;
    const char *name, *url, *vkey, *ca; /* ca NULL: the system's */
};

enum conf_audit_period { CONF_PERIOD_NONE, CONF_PERIOD_MONTH };

enum conf_master_kind { CONF_MASTER_FILE, CONF_MASTER_PKCS11, CONF_MASTER_COMMAND };

/* Where the key over all content keys is. */
struct conf_master {
    enum conf_master_kind kind;
    const char *file;                            /* NULL: keys/master.key of the log's directory */
    const char *module, *token, *key, *pin_file; /* PKCS#11 */
    const char **argv;                           /* a command, NULL-ended; argv[0] absolute */
    uint32_t timeout_ms;
};

/* Content of these tenants ("*": all) and classes is kept, encrypted, between minimum and maximum.
 */
struct conf_content_rule {
    struct conf_pos pos;
    struct conf_names tenant;
    uint32_t classes; /* bits in the order of conf_content_classes */
    uint32_t kinds;   /* bits in the order of conf_content_kinds */
    int64_t minimum_s, maximum_s;
};

extern const char *const conf_content_classes[]; /* none personal special criminal secret; NULL */
extern const char *const conf_content_kinds[];   /* request sent received delivered; NULL */

enum conf_content_failure { CONF_CONTENT_REFUSE, CONF_CONTENT_CONTINUE };

struct conf_content {
    enum conf_content_failure on_failure;
    uint32_t blob_mib, queue_mib; /* the longest blob; what may wait to be stored */
    int64_t sweep_s;              /* how often what is too old is looked for */
    struct conf_content_rule *rules;
    size_t n_rules; /* 0: off */
};

struct conf_audit {
    struct conf_pos pos;
    const char *directory, *origin;
    enum conf_audit_failure on_failure;
    struct conf_master master;
    struct conf_content content;
    const char *spool; /* a folder on another file system, for CONF_AUDIT_SPOOL */
    enum conf_audit_signer signer;
    const char *signer_directory; /* for CONF_SIGNER_PROCESS: the key and what it signed last */
    uint32_t queue;               /* leaves that may wait to be written */
    uint32_t segment_mib;         /* a segment of the log's files, made whole ahead */
    struct conf_disk disk;
    enum conf_audit_period period;
    uint32_t period_records, period_mib; /* a new period after so much; 0: not for that reason */
    uint32_t keep_periods;               /* closed ones; 0: all */
    struct conf_pos keep_pos;            /* where keep_periods stands */
    struct conf_witness *witnesses;
    size_t n_witnesses;
    uint32_t quorum; /* of the witnesses; 0: all */
    struct conf_sink *sinks;
    size_t n_sinks;
    uint8_t sinks_id[32]; /* SHA-256 of the section `sinks` as it was read: did it change? */
};

/* ---- dated tables: what the law says today is data, never code ---- */

/* A date as written and as a day. */
struct conf_date {
    const char *text; /* NULL: not stated */
    int64_t day;
};

/* One adequacy decision (GDPR Art. 45). */
struct conf_adequacy {
    struct conf_pos pos;
    const char *country, *decision, *source;
    const char *scope;        /* what it is limited to, or NULL: the whole country */
    struct conf_date checked; /* when somebody last looked */
    struct conf_date until;   /* its last day; text NULL: it has no end of its own */
};

/* One organisation on the list of the EU-U.S. Data Privacy Framework. */
struct conf_listing {
    struct conf_pos pos;
    const char *entity, *source;
    struct conf_date checked, until;
};

struct conf_tables {
    bool present;
    int version;
    uint32_t revision; /* of the text; 0: not stated */
    const char *file;
    uint8_t sha256[32];
    char id[80];
    int32_t warn_days, refuse_days; /* age of a row's `checked` in days; refuse 0: never */
    struct conf_adequacy *adequacy;
    size_t n_adequacy;
    bool has_dpf;
    struct conf_adequacy dpf; /* the framework's own decision; country is the one it covers */
    struct conf_listing *listings;
    size_t n_listings;
};

/* What a duty asks of a use case. */
enum conf_duty_needs {
    CONF_NEEDS_DPIA,
    CONF_NEEDS_FRIA,
    CONF_NEEDS_WORKER_NOTICE,
    CONF_NEEDS_HUMAN_REVIEW,    /* becomes an obligation; the request is not refused */
    CONF_NEEDS_LABEL,           /* the same */
    CONF_NEEDS_DECISION_LABEL,  /* the same */
    CONF_NEEDS_LABEL_OR_REVIEW, /* a label, unless a human approves the answer first */
    CONF_NEEDS_NEVER            /* a ban: gives a prohibited use case its article and date */
};

/* A duty and the day from which it applies: before that day it does nothing. Conditions that are
 * stated must all hold. */
struct conf_duty {
    struct conf_pos pos;
    const char *id, *article, *source;
    enum conf_duty_needs needs;
    struct conf_date from, checked;
    struct conf_names ai_act;       /* one of these classes, or what begins with one and a dot */
    struct conf_names organisation; /* one of these is in the policy's organisation */
    bool workplace, high_risk, decides, publishes;
};

struct conf_duties {
    bool present;
    int version;
    uint32_t revision; /* of the text; 0: not stated */
    const char *file;
    uint8_t sha256[32];
    char id[80];
    struct conf_duty *v;
    size_t n;
};

/* ---- the policy file, typed but not yet compiled (policy/ does that) ---- */

/* What is done with an answer in which something is found, mildest first. */
enum conf_answers {
    CONF_ANSWERS_PASS,
    CONF_ANSWERS_WARN,
    CONF_ANSWERS_REDACT,
    CONF_ANSWERS_WITHHOLD
};

/* How long records are kept at least, and content (where it is kept) at most. */
struct conf_retention {
    struct conf_pos pos;
    const char *id;
    uint32_t record_days, content_days;
};

/* A number as policies and decisions compare it: in millionths, so that two evaluators agree. */
#define CONF_MICRO 1000000

/* From min to max, both allowed, in millionths. */
struct conf_range {
    bool set;
    int64_t min, max;
};

/* How a model may be used (AI Act Art. 26(1): as its instructions say). */
struct conf_bounds {
    bool present;
    struct conf_pos pos;
    bool clamp; /* what is beyond is brought to the limit; else the request is refused */
    uint32_t output_tokens, input_bytes; /* 0: no limit */
    struct conf_range temperature, top_p;
    unsigned effort;          /* the most, as conf_effort_find counts; 0: no limit */
    struct conf_names models; /* globs of routes ("local/smollm2"); n == 0: any */
};

/* What a rule or a use case asks of the answering side; all that apply are united by strictness. */
struct conf_handling {
    bool has_tools_allow;                   /* an empty list then allows none */
    struct conf_names tools_allow;          /* globs of tool names: * any run, ? one character */
    struct conf_names tools_deny;           /* same */
    enum conf_answers answers;              /* PASS: says nothing */
    struct conf_names answers_data;         /* classes and types it is about; n == 0: all */
    struct conf_names obligations;          /* words of conf_obligations */
    const struct conf_retention *retention; /* NULL: says nothing */
    struct conf_bounds limits;
};

const char *conf_needs_name(enum conf_duty_needs n); /* "dpia", ... */
/* The words that `obligations` may hold. NULL-ended. */
extern const char *const conf_obligations[];
/* How hard a model is to think, from 1 ("none") to 7 ("max"); 0: no such word. */
unsigned conf_effort_find(struct base_str word);
const char *conf_effort_name(unsigned effort);
/* v in millionths, to the nearest. */
int64_t conf_micro(double v);

struct conf_use_case {
    struct conf_pos pos;
    const char *id, *purpose, *legal_basis, *ai_act;
    const char *not_high_risk; /* point of AI Act Art. 6(3) relied on, "6.3.a", or NULL */
    bool human_review;         /* a human must look at what comes of it ... */
    bool review_hold;          /* ... and nobody gets the answer before (`human_review: hold`) */
    bool workplace;            /* used at a workplace (AI Act Art. 26(7)) */
    bool high_risk; /* likely a high risk to people (GDPR Art. 35(1)), as the organisation found */
    bool decides;   /* decides about people with legal or similar effect (GDPR Art. 22) */
    bool publishes; /* text that informs the public (AI Act Art. 50(4)) */
    bool profiling; /* profiles people: always high-risk where Annex III is (AI Act Art. 6(3)) */
    struct conf_names data;                  /* classes that the use case declares */
    struct conf_names exceptions;            /* of Art. 9(2), "9.2.h", or "10" for criminal data */
    const char *dpia, *fria, *worker_notice; /* references, or NULL */
    struct conf_names requires; /* references that the organisation itself asks for, law or not */
    struct conf_handling handling;
};

/* What a rule asks of a back end off premises, beyond place and basis. */
struct conf_needs {
    bool present;
    struct conf_names certifications; /* all of them */
    struct conf_names entities;       /* one of them; n == 0: any */
    bool has_sub_processors;
    struct conf_names sub_processors; /* the only ones allowed */
    int32_t retention_days;           /* at most; -1: not asked */
    int32_t checked_within_days;      /* age of checked_on at most; -1: not asked */
    bool assessment;                  /* a transfer impact assessment */
    bool no_training;                 /* also for requests without any class */
};

/* How a rule wants values replaced that its `redact` names. */
enum conf_redact_style { CONF_REDACT_UNSTATED, CONF_REDACT_PLACEHOLDER, CONF_REDACT_SUBSTITUTE };

struct conf_rule {
    struct conf_pos pos;
    const char *id;
    /* n == 0: not a condition */
    struct conf_names when_data, when_use_case, when_tier, when_task, when_tenant, when_region,
        when_ai_act;
    bool has_location;
    struct conf_places location;
    uint32_t basis; /* CONF_BASIS_BITs; 0 = any but none */
    struct conf_needs needs;
    struct conf_names redact;
    enum conf_redact_style redact_style;
    struct conf_handling handling;
    const char *deny; /* the reason, or NULL */
};

/* What a test's request asks of the model. */
struct conf_asks {
    int64_t output_tokens, input_bytes, temperature, top_p; /* -1: not stated; the last two micro */
    unsigned effort;                                        /* 0: not stated */
};

struct conf_policy_test {
    struct conf_pos pos;
    const char *text; /* "" when only facts are given */
    const char *use_case, *name, *tenant, *region, *tier;
    struct conf_names data; /* declared, as by a key */
    struct conf_date at;    /* the day it is decided on; text NULL: today */
    bool pinned;
    unsigned rights; /* CONF_RIGHTS_ bits */
    struct conf_asks asks;
    bool has_backends; /* `backends` are the candidates, instead of the configuration's */
    struct conf_targets backends;
    struct conf_names expect_data; /* n == 0 and !has_data: not checked */
    bool has_data;
    const char *expect_outcome, *expect_location, *expect_rule, *expect_tier; /* NULL: unchecked */
    const char *expect_backend, *expect_reason, *expect_retention, *expect_answers;
    struct conf_names expect_redact, expect_obligations, expect_refused;
    struct conf_names expect_tools, expect_no_tools; /* names that are allowed, that are not */
    const char *expect_redact_style;  /* placeholder or substitute; NULL: unchecked */
    struct conf_names expect_limited; /* "temperature=0.7": what is changed, all of it */
    bool has_obligations, has_redact, has_limited;
};

/* What happens to a request with an identifier of somebody who is on a list. */
enum conf_rights_do { CONF_RIGHTS_LOCAL = 1, CONF_RIGHTS_REFUSE };

struct conf_policy {
    struct conf_pos pos;
    const char *file;
    uint8_t sha256[32]; /* of the file's bytes */
    char id[80];        /* "sha256:<64 hex>" */
    int version;
    uint32_t revision;              /* of the text; 0: not stated */
    const char *signed_by;          /* name of the key whose signature holds; NULL: not asked for */
    struct conf_names organisation; /* public_body, public_service */
    struct conf_names require;      /* use_case, purpose, legal_basis, exception */
    struct conf_places default_location;
    enum conf_rights_do objected, restricted; /* what conf/rights.h's lists do; never 0 once read */
    const char *notice; /* what a person is told with the first answer, or NULL: the built-in one */
    struct conf_retention *retentions;
    size_t n_retentions;
    struct conf_use_case *use_cases;
    size_t n_use_cases;
    struct conf_rule *rules;
    size_t n_rules;
    bool has_test_backends;
    struct conf_targets test_backends; /* candidates of the tests that state none */
    struct conf_policy_test *tests;
    size_t n_tests;
};
/* The class with the largest record_days, or NULL. */
const struct conf_retention *conf_longest_retention(const struct conf_policy *p);

/* A public key that may sign the policy ("name+id+base64", C2SP signed note). */
struct conf_policy_key {
    const char *name;
    uint8_t id[4], pub[32];
};

struct conf {
    struct base_arena *arena;
    const char *file;
    uint8_t sha256[32]; /* of the file's bytes */
    struct conf_server server;
    const char *keys_file;
    struct conf_engine engine;
    struct conf_backend *backends;
    size_t n_backends;
    struct conf_targets targets; /* every one there is, local/ first: what /v1/models lists */
    struct conf_routing routing;
    struct conf_policy policy;
    bool has_shadow;
    struct conf_policy shadow; /* decided beside the policy, never enforced */
    struct conf_tables tables;
    struct conf_duties duties;
    struct conf_policy_key *policy_keys; /* any of them must have signed; none: signing not asked */
    size_t n_policy_keys;
    bool policy_watch;        /* policy files are taken when they change, without SIGHUP */
    const char *policy_state; /* file: kill switches and the last revision in force */
    struct conf_audit audit;
};

/* Loads and checks file and the policy it names. Blocks on files; any thread, not a loop.
 * Returns BASE_OK and an owned *out only if there is no error among the problems; warnings may
 * remain. *problems (owned by the caller, release with conf_problems_release) always tells all. */
enum base_status conf_load(const char *file, struct conf **out,
                           struct conf_problems *problems) BASE_MUST_CHECK;
/* As conf_load, for who checks: *out comes back even with errors (then BASE_EINVAL), and of it only
 * `policy` may be used, and that only if no error stands in the policy's own file
 * (conf_policy_sound), else only for pol_policy_words: a rule or use case may then lack its id.
 * NULL when nothing at all could be read. The problems' pos.file of the policy
 * is policy.pos.file. */
enum base_status conf_load_partial(const char *file, struct conf **out,
                                   struct conf_problems *problems) BASE_MUST_CHECK;
/* Only a policy file and, where not NULL, tables and duties, for who works on policies without a
 * configuration around them. As conf_load_partial. */
enum base_status conf_load_policy_only(const char *policy, const char *tables, const char *duties,
                                       struct conf **out,
                                       struct conf_problems *problems) BASE_MUST_CHECK;
/* The policy file was read and none of problems' errors is in it. */
bool conf_policy_sound(const struct conf_policy *policy, const struct conf_problems *problems);
/* Wipes the back ends' keys and the sinks' secrets and sets them to NULL: for processes that call
 * nobody. */
void conf_secrets_wipe(struct conf *c);
/* The word of words (NULL-ended) that s was perhaps meant to be, or NULL. */
const char *conf_nearest(struct base_str s, const char *const *words);
/* Only where `keys:` points, so that keys can be made before models, variables and certificates are
 * in place. path gets it, absolute. BASE_EINVAL with problems told, as conf_load. */
enum base_status conf_load_keys_file(const char *file, char *path, size_t path_bytes,
                                     struct conf_problems *problems) BASE_MUST_CHECK;
/* Only the section `audit:`, for commands that work on the log: nothing else need be in place. Of
 * *out only `audit` may be used; free it with conf_free. Problems outside of it are not told. */
enum base_status conf_load_audit_only(const char *file, struct conf **out,
                                      struct conf_problems *problems) BASE_MUST_CHECK;
void conf_free(struct conf *c); /* wipes the secrets */
void conf_problems_release(struct conf_problems *p);
/* Adds one problem (p zeroed or filled by conf_load; text and pos.file are copied). A problem that
 * says the same of the same place again is dropped. fmt never gets a secret to print. */
void conf_problem_add(struct conf_problems *p, struct conf_pos pos, bool warning, const char *fmt,
                      ...) BASE_PRINTF(4, 5);
/* Into file order: files as first mentioned, then line and column; stable. conf_load has done so;
 * who adds more (the policy's compiler, its tests) sorts again before printing. */
void conf_problems_sort(struct conf_problems *p);
/* "FILE:LINE:COL: text", without a newline; positions without a file print the text alone. */
void conf_problem_print(const struct conf_problem *p, struct base_buf *out);

/* Finds what a name such as "local/smollm2" or "openai-eu/gpt-x" means; BASE_ENOENT if nothing.
 * Does not look at aliases. out->pos is left zero. */
enum base_status conf_target_find(const struct conf *c, struct base_str name,
                                  struct conf_target *out) BASE_MUST_CHECK;
const struct conf_alias *conf_alias_find(const struct conf *c, struct base_str name);
/* True if the policy declares this use case or one of its rules names it (a rule may deny a use
 * case that nobody declares: then it is denied, not unknown). */
bool conf_use_case_known(const struct conf *c, struct base_str id);
/* True for an ISO 3166-1 alpha-2 code in upper case, "EU", "EEA" or "on_premises". */
bool conf_place_known(struct base_str place);
/* The place that s was perhaps meant to be ("eu", "UK"), or NULL. Any thread. */
const char *conf_place_meant(struct base_str s);
const char *conf_basis_name(enum conf_basis b);     /* "dpa", ... */
const char *conf_answers_name(enum conf_answers a); /* "warn", ...; PASS is "pass" */
const char *conf_api_name(enum conf_api a);
/* The defaults that `weir check --defaults` prints, as YAML. Static storage. */
const char *conf_defaults_yaml(void);

#endif
