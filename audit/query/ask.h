/* ask.h - what is asked of the index: filters, reports. Private to audit/ and the command line. */
#ifndef AUD_ASK_H
#define AUD_ASK_H

#include "audit/query/out.h"

#define AUD_ASK_SUBJECTS 64

/* NULL, 0 or false: not asked. Strings are borrowed. */
struct aud_ask {
    int64_t since, until; /* microseconds UTC; until is exclusive */
    const char *tenant, *key, *use_case, *location, *outside, *entity, *basis, *data, *status,
        *route, *req, *rule;
    const char *subject;                    /* as asked, for who is told; not for SQL */
    const char *subjects[AUD_ASK_SUBJECTS]; /* its tags in the log */
    size_t n_subjects;
    bool left, denied;
    uint64_t limit;
};

/* "2026-11-22", RFC 3339, or a time ago such as 90s, 15m, 12h, 30d. False: none of them. */
bool aud_time_parse(const char *z, int64_t now_us, int64_t *out);

/* The options of struct aud_ask, for getopt_long; values from 256 on. */
#define AUD_ASK_OPTIONS                                                                            \
    {"since", required_argument, NULL, 256}, {"until", required_argument, NULL, 257},              \
        {"tenant", required_argument, NULL, 258}, {"key", required_argument, NULL, 259},           \
        {"use-case", required_argument, NULL, 260}, {"location", required_argument, NULL, 261},    \
        {"outside", required_argument, NULL, 262}, {"entity", required_argument, NULL, 263},       \
        {"basis", required_argument, NULL, 264}, {"data", required_argument, NULL, 265},           \
        {"status", required_argument, NULL, 266}, {"route", required_argument, NULL, 267},         \
        {"req", required_argument, NULL, 268}, {"rule", required_argument, NULL, 269},             \
        {"subject", required_argument, NULL, 270}, {"subject-tag", required_argument, NULL, 271},  \
        {"left", no_argument, NULL, 272}, {"denied", no_argument, NULL, 273},                      \
    {                                                                                              \
        "limit", required_argument, NULL, 274                                                      \
    }
extern const char aud_ask_help[];
/* Takes one option. False after telling what is wrong with it on standard error. */
bool aud_ask_option(struct aud_ask *a, int option, const char *value);
/* The question as a JSON object, without the subject's own name (its tags stand for it). */
void aud_ask_json(struct base_json *j, const struct aud_ask *a);

/* Fills the temporary table sel(req) with the requests asked for. *n is how many. */
enum base_status aud_ask_select(struct aud_index *ix, const struct aud_ask *a, uint64_t *n,
                                struct base_err *err) BASE_MUST_CHECK;

/* ---- reports.c ---- */

/* The names of the reports, NULL-ended, for messages. */
const char *const *aud_report_names(void);
/* One line a request, the requests of sel. */
enum base_status aud_report_query(struct aud_index *ix, const struct aud_ask *a, struct aud_out *o,
                                  struct base_err *err) BASE_MUST_CHECK;
/* A whole document. BASE_ENOENT: no such report. sel must have been filled. */
enum base_status aud_report_run(struct aud_index *ix, const char *name, const struct aud_ask *a,
                                enum aud_format format, FILE *f, struct base_str statement,
                                struct base_err *err) BASE_MUST_CHECK;

#endif
