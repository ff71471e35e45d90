/* policy_bench.c - what the policy costs: nanoseconds per decision with 200 rules, and megabytes
 * per second of scanning, in CPU time of one thread. One JSON line on standard output, load average
 * beside it, because a busy machine changes the figures all the same.
 *
 * Usage: policy_bench [SECONDS_PER_PART]     (default 1)
 */
#include "base/clock.h"
#include "policy/detect/detect.h"

#include <stdio.h>
#include <stdlib.h>

/* What needs the tagger's pass: names, attacks, and statements on somebody. */
#define WITH_TAGGER                                                                                \
    (POL_TYPE_BIT(POL_PERSON) | POL_TYPE_BIT(POL_ORG) | POL_TYPE_BIT(POL_LOCATION) |               \
     POL_TYPE_BIT(POL_INJECTION) | POL_TYPE_BIT(POL_SPECIAL_HEALTH) |                              \
     POL_TYPE_BIT(POL_SPECIAL_RELIGION) | POL_TYPE_BIT(POL_SPECIAL_ETHNIC) |                       \
     POL_TYPE_BIT(POL_SPECIAL_POLITICAL) | POL_TYPE_BIT(POL_SPECIAL_UNION) |                       \
     POL_TYPE_BIT(POL_SPECIAL_ORIENTATION) | POL_TYPE_BIT(POL_SPECIAL_GENETIC) |                   \
     POL_TYPE_BIT(POL_SPECIAL_BIOMETRIC) | POL_TYPE_BIT(POL_SPECIAL_CRIMINAL))

static double decide_ns(double seconds, size_t *chosen)
{
    static const char *classes[] = {"none", "personal", "special", "criminal", "secret"};
    static const char *places[] = {"on_premises", "EU", "US"};
    static struct conf_pos pos[4];
    static struct conf_rule rules[200];
    static char ids[200][24];
    static struct conf_backend be = {.name = "b",
                                     .residency = {.location = {&places[1], 1},
                                                   .basis = CONF_BASIS_DPA,
                                                   .reference = "R",
                                                   .expires_day = INT64_MAX}};
    static struct conf_backend us = {.name = "u",
                                     .residency = {.location = {&places[2], 1},
                                                   .basis = CONF_BASIS_DPF,
                                                   .reference = "R",
                                                   .expires_day = INT64_MAX}};
    static struct conf_local_model lm = {.name = "m"};
    const struct conf_target t[3] = {{.text = "u/x", .backend = &us},
                                     {.text = "b/x", .backend = &be},
                                     {.text = "local/m", .local = &lm}};
    struct conf c = {.policy = {.id = "sha256:0", .default_location = {places, 1}}};
    struct conf_problems pr = {0};
    struct pol_candidate cand[3] = {{&t[0], true, NULL}, {&t[1], true, NULL}, {&t[2], true, NULL}};
    struct pol_facts f = {.candidates = cand, .n_candidates = 3, .task = "chat", .today = 20000};
    struct pol_decision d;
    struct base_arena *a = base_arena_new(1 << 20);
    struct pol_policy *p;
    uint64_t t0, n = 0;

    for (int i = 0; i < 200; i++) {
        snprintf(ids[i], sizeof(ids[i]), "rule-%d", i);
        rules[i] = (struct conf_rule){.id = ids[i],
                                      .when_data = {&classes[i % 5], pos, 1},
                                      .has_location = true,
                                      .location = {places, 2 + (size_t)(i % 5 == 0)},
                                      .basis = i % 5 == 0 ? 0 : CONF_BASIS_BIT(CONF_BASIS_DPA)};
    }
    c.policy.rules = rules;
    c.policy.n_rules = 200;
    p = pol_policy_new(&c, &pr);
    conf_problems_release(&pr);
    if (!p || !a)
        exit(1);
    f.findings.classes = POL_CLASS_PERSONAL;
    t0 = base_thread_cpu_us();
    while (base_thread_cpu_us() - t0 < (uint64_t)(seconds * 1e6)) {
        for (int k = 0; k < 100; k++, n++) {
            if (pol_decide(p, &f, a, &d, NULL) != BASE_OK)
                exit(1);
            *chosen = d.chosen;
            base_arena_reset(a);
        }
    }
    t0 = base_thread_cpu_us() - t0;
    pol_policy_free(p);
    base_arena_free(a);
    return (double)t0 * 1e3 / (double)n;
}

/* 16 KiB of running text: prose, a few identifiers, some code and JSON. */
static void make_text(char *out, size_t n, bool accents)
{
    static const char *const lines[] = {
        "Please summarise the following minutes of the meeting in five short sentences.\n",
        "The committee agreed to move the launch from March to the second week of April 2027.\n",
        "for (size_t i = 0; i < n; i++) { total += v[i] * 3.14159; } /* checked, see r1234 */\n",
        "{\"order\": 48213, \"items\": [{\"sku\": \"A-1002\", \"qty\": 3, \"price\": 19.90}]}\n",
        "Revenue rose by 4.2 % to 1,234,567 EUR, while costs fell to 987,654 EUR in Q3.\n",
        "Contact anna.berg@example.eu or +49 30 1234567 for the details of the contract.\n",
        "See https://example.com/docs/2026/11/22/report.html?page=2 for the whole report.\n",
    };
    static const char *const foreign[] = {
        "Bitte fassen Sie das Protokoll der gestrigen Sitzung in fünf kurzen Sätzen zusammen.\n",
        "Le comité a décidé de reporter le déménagement à la deuxième semaine d’avril prochain.\n",
        "Proszę sprawdzić, czy umowa została już podpisana przez obie strony i wysłać kopię.\n",
    };
    size_t at = 0;

    for (size_t i = 0; at < n; i++) {
        const char *l = accents && i % 2 ? foreign[i / 2 % 3] : lines[i % 7];
        size_t k = strlen(l) < n - at ? strlen(l) : n - at;

        memcpy(out + at, l, k);
        at += k;
    }
}

/* names: with the tagger, as requests are scanned; else everything but it. */
static double scan_mb_s(const struct pol_detector *d, struct pol_scratch *s, bool accents,
                        bool names, double seconds, size_t *spans)
{
    static char text[16384];
    struct base_arena *a = base_arena_new(16 << 20);
    struct pol_spans out;
    uint64_t t0, n = 0;

    make_text(text, sizeof(text), accents);
    t0 = base_thread_cpu_us();
    while (base_thread_cpu_us() - t0 < (uint64_t)(seconds * 1e6)) {
        for (int k = 0; k < 4; k++, n++) {
            if (pol_scan_types(d, s, (struct base_str){text, sizeof(text)},
                               names ? ~(pol_types)0 : ~WITH_TAGGER, a, &out, NULL,
                               NULL) != BASE_OK)
                exit(1);
            *spans = out.n;
            base_arena_reset(a);
        }
    }
    t0 = base_thread_cpu_us() - t0;
    base_arena_free(a);
    return (double)n * sizeof(text) / (double)t0;
}

int main(int argc, char **argv)
{
    double seconds = argc > 1 ? strtod(argv[1], NULL) : 1, load = 0;
    struct pol_detector *d;
    struct pol_scratch *s;
    uint64_t t0 = base_thread_cpu_us(), start_us;
    size_t spans = 0, spans2 = 0, chosen = 0;
    double ns, ascii, accents, ascii_names, accents_names;

    if (pol_detector_new(&d, NULL) != BASE_OK || pol_scratch_new(d, &s, NULL) != BASE_OK)
        return 1;
    start_us = base_thread_cpu_us() - t0;
    ns = decide_ns(seconds, &chosen);
    ascii = scan_mb_s(d, s, false, false, seconds, &spans);
    accents = scan_mb_s(d, s, true, false, seconds, &spans2);
    ascii_names = scan_mb_s(d, s, false, true, seconds, &spans);
    accents_names = scan_mb_s(d, s, true, true, seconds, &spans2);
    (void)getloadavg(&load, 1);
    printf("{\"decide_ns_200_rules\":%.0f,\"scan_mb_s_ascii_16k\":%.1f,"
           "\"scan_mb_s_ascii_16k_with_names\":%.1f,\"spans\":%zu,"
           "\"scan_mb_s_accented_16k\":%.1f,\"scan_mb_s_accented_16k_with_names\":%.1f,\"spans_"
           "accented\":%zu,\"detector_new_ms\":%.0f,"
           "\"load_1m\":%.2f}\n",
           ns, ascii, ascii_names, spans, accents, accents_names, spans2, (double)start_us / 1000,
           load);
    pol_scratch_free(s);
    pol_detector_free(d);
    return chosen == 1 ? 0 : 1;
}
