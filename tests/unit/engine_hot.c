/* Goal: which experts get places on a device (engine/cuda/hot.h): those that are used more and
 * more lately, never by chance alone, never two exchanges that share an expert, and an expert that
 * has come stays for a while.
 *
 * Method: uses told by hand and drawn evenly; no device.
 */
#include "engine/cuda/hot.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
// cmocka needs the headers above first
#include <cmocka.h>

#define LAYERS  3
#define EXPERTS 32
#define SLOTS   12

static void open_hot(struct eng_hot *h)
{
    struct base_err err;
    assert_int_equal(eng_hot_new(LAYERS, EXPERTS, h, &err), BASE_OK);
    for (uint32_t l = 1; l < LAYERS; l++) /* the first has no experts */
        assert_int_equal(eng_hot_layer_new(h, l, &err), BASE_OK);
    assert_int_equal(eng_hot_slots(h, SLOTS, &err), BASE_OK);
}

/* Every expert in one slot at most, both lists agree. */
static void check(const struct eng_hot *h)
{
    for (uint32_t l = 1; l < LAYERS; l++) {
        uint32_t on = 0;
        for (uint32_t e = 0; e < EXPERTS; e++)
            if (h->layers[l].slot_of[e] >= 0) {
                assert_int_equal(h->layers[l].expert_in[h->layers[l].slot_of[e]], e);
                on++;
            }
        assert_int_equal(on, SLOTS);
    }
}

/* Steps in which these experts of a layer are met, with what is worth it done at once. */
static uint32_t steps(struct eng_hot *h, uint32_t layer, const uint32_t *experts, size_t n,
                      uint32_t times)
{
    struct eng_hot_move v;
    uint32_t moves = 0;
    for (uint32_t i = 0; i < times; i++) {
        for (size_t k = 0; k < n; k++)
            eng_hot_used(h, layer, experts[k], 1);
        eng_hot_step(h);
        if (eng_hot_find(h, &v)) {
            eng_hot_exchange(h, &v);
            moves++;
            check(h);
        }
    }
    return moves;
}

static void hot_ones_come(void **state)
{
    static const uint32_t first[] = {20, 25, 31}, second[] = {14, 19, 0};
    (void)state;
    struct eng_hot h;
    open_hot(&h);
    assert_int_equal(steps(&h, 2, first, 3, 8), 0); /* not yet: it could be chance */
    assert_int_equal(steps(&h, 2, first, 3, 100), 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(h.layers[2].slot_of[first[i]] >= 0);
    for (uint32_t s = 0; s < SLOTS; s++) /* the other layer is as it was */
        assert_int_equal(h.layers[1].expert_in[s], s);
    /* what is hot changes; those that were stay, since nobody else is used */
    uint32_t moved = steps(&h, 2, second, 3, 200);
    assert_true(moved == 2 || moved == 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(h.layers[2].slot_of[second[i]] >= 0 && h.layers[2].slot_of[first[i]] >= 0);
    eng_hot_release(&h);
}

static void chance_moves_little(void **state)
{
    (void)state;
    struct eng_hot h;
    struct eng_hot_move v;
    uint32_t moves = 0;
    uint64_t x = 88172645463325252ull;
    open_hot(&h);
    for (uint32_t i = 0; i < 20000; i++) {
        for (uint32_t l = 1; l < LAYERS; l++)
            for (int k = 0; k < 4; k++) {
                x ^= x << 13;
                x ^= x >> 7;
                x ^= x << 17;
                eng_hot_used(&h, l, (uint32_t)(x >> 32) % EXPERTS, 1);
            }
        eng_hot_step(&h);
        if (eng_hot_find(&h, &v)) {
            eng_hot_exchange(&h, &v);
            moves++;
        }
    }
    assert_true(moves < 200); /* one step in a hundred */
    eng_hot_release(&h);
}

static void exchanges_share_nothing(void **state)
{
    static const uint32_t hot[] = {20, 25};
    (void)state;
    struct eng_hot h;
    struct eng_hot_move v[3];
    open_hot(&h);
    for (int i = 0; i < 30; i++) {
        for (int k = 0; k < 2; k++)
            eng_hot_used(&h, 1, hot[k], 1);
        eng_hot_step(&h);
    }
    assert_true(eng_hot_find(&h, &v[0]));
    eng_hot_going(&h, &v[0], true);
    assert_true(eng_hot_find(&h, &v[1]));
    assert_true(v[1].expert != v[0].expert && v[1].slot != v[0].slot && v[1].goes != v[0].goes);
    eng_hot_going(&h, &v[1], true);
    assert_false(eng_hot_find(&h, &v[2]));
    eng_hot_going(&h, &v[1], false); /* given up: it may be asked for again */
    assert_true(eng_hot_find(&h, &v[2]));
    assert_int_equal(v[2].expert, v[1].expert);
    eng_hot_release(&h);
}

static void who_came_stays(void **state)
{
    static const uint32_t first[] = {20}, second[] = {21};
    (void)state;
    struct eng_hot h;
    open_hot(&h);
    for (uint32_t e = 0; e < SLOTS; e++) /* nobody else would give way */
        for (int i = 0; i < 2000; i++)
            eng_hot_used(&h, 1, e == 0 ? 22 : e, ENG_HOT_MOST);
    eng_hot_step(&h);
    struct eng_hot_move v;
    assert_true(eng_hot_find(&h, &v));
    assert_int_equal(v.expert, 22);
    assert_int_equal(v.goes, 0);
    eng_hot_exchange(&h, &v);
    for (int i = 0; i < 40000; i++)
        eng_hot_used(&h, 1, first[0], ENG_HOT_MOST); /* far above all others */
    assert_true(eng_hot_find(&h, &v));
    assert_true(v.goes != 22); /* it has just come */
    assert_int_equal(steps(&h, 1, second, 1, 1), 1);
    eng_hot_release(&h);
}

/* A long prompt counts as ENG_HOT_MOST tokens in a step. Scores outlive their rescaling. */
static void bounds(void **state)
{
    static const uint32_t hot[] = {30};
    (void)state;
    struct eng_hot h;
    struct eng_hot_move v;
    open_hot(&h);
    eng_hot_used(&h, 1, 25, 100000);
    eng_hot_step(&h);
    assert_false(eng_hot_find(&h, &v));
    assert_int_equal(steps(&h, 1, hot, 1, 200000), 1);
    assert_true(h.unit < 1e13f && h.layers[1].score[30] / h.unit > ENG_HOT_STEPS / 2.0f);
    assert_true(h.layers[1].score[30] / h.unit < ENG_HOT_STEPS * 1.01f);
    eng_hot_release(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hot_ones_come),
        cmocka_unit_test(chance_moves_little),
        cmocka_unit_test(exchanges_share_nothing),
        cmocka_unit_test(who_came_stays),
        cmocka_unit_test(bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
