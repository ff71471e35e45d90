/* kill.c - kill switches, as far as a decision reads them: what each one stops.
 *
 * A switch is a fact like any other: a decision is handed a snapshot and stays pure. Where the
 * switches are kept and how they reach the loops is the gateway's matter. A switch on a place stops
 * every back end that is there in part: one in "EU" is in every member state, so a switch on any of
 * them stops it; places of sub-processors count.
 */
#include "policy/decide/compiled.h"

static const char *const kinds[] = {"backend", "model", "country", "basis", "use_case"};

const char *pol_kill_kind_name(enum pol_kill_kind k)
{
    return (unsigned)k <= POL_KILL_USE_CASE ? kinds[k] : "?";
}

bool pol_kill_kind_find(struct base_str word, enum pol_kill_kind *out)
{
    for (int k = 0; k <= POL_KILL_USE_CASE; k++) {
        if (base_str_is(word, kinds[k])) {
            *out = (enum pol_kill_kind)k;
            return true;
        }
    }
    return false;
}

static bool in_place(const struct conf_residency *r, struct base_str place)
{
    struct pol_places stopped = {{0}};

    if (!pol_places_add(&stopped, place))
        return false;
    for (size_t i = 0; i < r->location.n; i++) {
        struct pol_places one = {{0}};

        if (pol_places_add(&one, base_str_c(r->location.v[i])) && pol_places_meet(&stopped, &one))
            return true;
    }
    for (size_t k = 0; k < r->n_sub_processors; k++) {
        for (size_t i = 0; i < r->sub_processors[k].location.n; i++) {
            struct pol_places one = {{0}};

            if (pol_places_add(&one, base_str_c(r->sub_processors[k].location.v[i])) &&
                pol_places_meet(&stopped, &one))
                return true;
        }
    }
    return false;
}

static bool stops(const struct pol_kill *k, const struct conf_target *t)
{
    const struct conf_residency *r = t->backend ? &t->backend->residency : NULL;

    switch (k->kind) {
    case POL_KILL_BACKEND:
        return base_str_is(k->value, t->backend ? t->backend->name : "local");
    case POL_KILL_MODEL:
        return base_str_is(k->value, t->text);
    case POL_KILL_COUNTRY:
        return r && !r->on_premises && in_place(r, k->value);
    case POL_KILL_BASIS:
        return r && !r->on_premises && base_str_is(k->value, conf_basis_name(r->basis));
    case POL_KILL_USE_CASE:
        break;
    }
    return false;
}

const struct pol_kill *pol_kill_hits(const struct pol_kills *kills, const struct conf_target *t)
{
    for (size_t i = 0; kills && i < kills->n; i++) {
        if (stops(&kills->v[i], t))
            return &kills->v[i];
    }
    return NULL;
}

const struct pol_kill *pol_kill_use_case(const struct pol_kills *kills, struct base_str use_case)
{
    for (size_t i = 0; kills && use_case.n && i < kills->n; i++) {
        if (kills->v[i].kind == POL_KILL_USE_CASE && base_str_eq(kills->v[i].value, use_case))
            return &kills->v[i];
    }
    return NULL;
}
