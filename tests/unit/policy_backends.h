/* policy_backends.h - back ends that the tests of pol_decide choose from: one of each kind of
 * place, basis, reference and last day. */
#ifndef TESTS_POLICY_BACKENDS_H
#define TESTS_POLICY_BACKENDS_H

#include "policy/policy.h"

#define B(x) CONF_BASIS_BIT(CONF_BASIS_##x)

#define TODAY 20779 /* 2026-11-22 */

/* ---- back ends that the cases choose from ---- */

static const char *p_eu[] = {"EU"}, *p_us[] = {"US"}, *p_de[] = {"DE"}, *p_no[] = {"NO"},
                  *p_home[] = {"on_premises"}, *p_eu_us[] = {"EU", "US"}, *p_eea[] = {"EEA"};

#define REMOTE(var, txt, loc, nloc, bas, ref, exp_text, exp_day, trains, home)                     \
    static struct conf_backend be_##var = {.name = #var,                                           \
                                           .residency = {.on_premises = (home),                    \
                                                         .location = {loc, nloc},                  \
                                                         .trains_on_data = (trains),               \
                                                         .basis = CONF_BASIS_##bas,                \
                                                         .reference = (ref),                       \
                                                         .expires = (exp_text),                    \
                                                         .expires_day = (exp_day)}};               \
    static const struct conf_target t_##var = {.text = (txt), .backend = &be_##var}

REMOTE(eu, "openai-eu/x", p_eu, 1, DPA, "DPA-1", NULL, INT64_MAX, false, false);
REMOTE(us, "us/x", p_us, 1, DPF, "DPF-1", NULL, INT64_MAX, false, false);
REMOTE(us_scc, "us-scc/x", p_us, 1, SCC, "SCC-1", NULL, INT64_MAX, false, false);
REMOTE(de, "de/x", p_de, 1, DPA, "DPA-2", NULL, INT64_MAX, false, false);
REMOTE(no, "no/x", p_no, 1, ADEQUACY, "A-1", NULL, INT64_MAX, false, false);
REMOTE(eea, "eea/x", p_eea, 1, DPA, "DPA-3", NULL, INT64_MAX, false, false);
REMOTE(both, "both/x", p_eu_us, 2, DPA, "DPA-4", NULL, INT64_MAX, false, false);
REMOTE(noref, "noref/x", p_eu, 1, DPA, NULL, NULL, INT64_MAX, false, false);
REMOTE(old, "old/x", p_eu, 1, DPA, "DPA-5", "2026-11-21", TODAY - 1, false, false);
REMOTE(last, "last/x", p_eu, 1, DPA, "DPA-6", "2026-11-22", TODAY, false, false);
REMOTE(nobasis, "nobasis/x", p_eu, 1, NONE, NULL, NULL, INT64_MAX, false, false);
REMOTE(train, "train/x", p_eu, 1, DPA, "DPA-7", NULL, INT64_MAX, true, false);
REMOTE(house, "house/x", p_home, 1, NONE, NULL, NULL, INT64_MAX, true, true);
static struct conf_local_model lm = {.name = "small"};
static const struct conf_target t_local = {.text = "local/small", .local = &lm};

#endif
