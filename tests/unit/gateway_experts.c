/* Goal: the experts' figures are those of the last frames, in the form that Prometheus reads, and a
 * frame that does not hold changes nothing.
 *
 * Method: frames as text into gateway/local/engine_experts.c; the figures compared as text.
 */
#include "gateway/local/engine_experts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
// cmocka needs the headers above first
#include <cmocka.h>

static struct gw_experts x;

static char *figures(bool all)
{
    static struct base_buf out;
    base_buf_release(&out);
    base_buf_init(&out, 16u << 20);
    base_buf_z(&out, "");
    gw_experts_metrics(&x, all, &out);
    assert_true(base_buf_ok(&out));
    return out.p;
}

static bool take(const char *json)
{
    return gw_experts_take(&x, base_str_c(json));
}

static void test_figures(void **state)
{
    (void)state;
    assert_string_equal(figures(true), "");
    assert_true(take("{\"model\":\"a\",\"experts\":4,\"used\":1,\"layers\":["
                     "{\"layer\":1,\"counts\":[9,9,9,9]},{\"layer\":2,\"counts\":[1,1,1,1]}]}"));
    assert_true(take("{\"model\":\"b\",\"experts\":2,\"used\":1,\"layers\":["
                     "{\"layer\":0,\"counts\":[0,0]}]}"));
    /* a later frame of a model takes the place of the earlier one */
    assert_true(take("{\"model\":\"a\",\"experts\":4,\"used\":1,\"layers\":["
                     "{\"layer\":1,\"counts\":[3,0,1,0]},{\"layer\":2,\"counts\":[2,2,2,2]}]}"));
    assert_int_equal(x.n, 2);
    const char *want = "# HELP weir_engine_expert_choices_total Experts that tokens were given to, "
                       "by layer: tokens times experts a token.\n"
                       "# TYPE weir_engine_expert_choices_total counter\n"
                       "weir_engine_expert_choices_total{model=\"a\",layer=\"1\"} 4\n"
                       "weir_engine_expert_choices_total{model=\"a\",layer=\"2\"} 8\n"
                       "weir_engine_expert_choices_total{model=\"b\",layer=\"0\"} 0\n"
                       "# HELP weir_engine_expert_imbalance The busiest expert's share over an "
                       "even share, by layer, since the engine started.\n"
                       "# TYPE weir_engine_expert_imbalance gauge\n"
                       "weir_engine_expert_imbalance{model=\"a\",layer=\"1\"} 3\n"
                       "weir_engine_expert_imbalance{model=\"a\",layer=\"2\"} 1\n"
                       "weir_engine_expert_imbalance{model=\"b\",layer=\"0\"} 0\n"
                       "# HELP weir_engine_experts_unused Experts that no token was given to yet, "
                       "by layer.\n"
                       "# TYPE weir_engine_experts_unused gauge\n"
                       "weir_engine_experts_unused{model=\"a\",layer=\"1\"} 2\n"
                       "weir_engine_experts_unused{model=\"a\",layer=\"2\"} 0\n"
                       "weir_engine_experts_unused{model=\"b\",layer=\"0\"} 2\n";
    assert_string_equal(figures(false), want);
    char *all = figures(true);
    assert_int_equal(strncmp(all, want, strlen(want)), 0);
    assert_non_null(strstr(all, "weir_engine_expert_tokens_total{model=\"a\",layer=\"1\","
                                "expert=\"2\"} 1\n"));
    size_t lines = 0;
    for (char *p = strstr(all, "expert=\""); p; p = strstr(p + 1, "expert=\""))
        lines++;
    assert_int_equal(lines, 4 + 4 + 2);
}

static void test_bad_frames(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "[]",
        "{}",
        "{\"model\":\"a\",\"experts\":2}",
        "{\"model\":\"a\",\"experts\":2,\"layers\":[]}",
        "{\"model\":\"\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1]}]}",
        "{\"model\":\"q\\\"\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1]}]}",
        "{\"model\":\"n\\n\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1]}]}",
        "{\"model\":7,\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1]}]}",
        "{\"model\":\"a\",\"experts\":0,\"layers\":[{\"layer\":0,\"counts\":[]}]}",
        "{\"model\":\"a\",\"experts\":-1,\"layers\":[{\"layer\":0,\"counts\":[]}]}",
        "{\"model\":\"a\",\"experts\":9000000000,\"layers\":[{\"layer\":0,\"counts\":[1]}]}",
        "{\"model\":\"a\",\"experts\":2,\"layers\":[{\"layer\":0,\"counts\":[1]}]}",
        "{\"model\":\"a\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1,2]}]}",
        "{\"model\":\"a\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[-1]}]}",
        "{\"model\":\"a\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1.5]}]}",
        "{\"model\":\"a\",\"experts\":1,\"layers\":[{\"layer\":-1,\"counts\":[1]}]}",
        "{\"model\":\"a\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1]},"
        "{\"layer\":0,\"counts\":[1]}]}",
    };
    gw_experts_clear(&x);
    assert_true(take("{\"model\":\"a\",\"experts\":1,\"layers\":[{\"layer\":5,\"counts\":[4]}]}"));
    char *before = strdup(figures(true));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        if (take(bad[i]))
            fail_msg("taken: %s", bad[i]);
    assert_string_equal(figures(true), before);
    free(before);
    /* more models than there can be */
    char name[100];
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name,
                 "{\"model\":\"m%d\",\"experts\":1,\"layers\":[{\"layer\":0,\"counts\":[1]}]}", i);
        assert_int_equal(take(name), i + 1 < (int)GW_EXPERTS_MODELS);
    }
    assert_int_equal(x.n, GW_EXPERTS_MODELS);
    gw_experts_clear(&x);
    assert_int_equal(x.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_figures),
                                       cmocka_unit_test(test_bad_frames)};
    return cmocka_run_group_tests_name("gateway_experts", tests, NULL, NULL);
}
