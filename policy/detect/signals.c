/* signals.c - facts about a text that are no data: attempts to steer a model, prohibited uses.
 *
 * INJECTION: a linear model over words and pairs of neighbouring words, hashed, summed over a
 * window of WINDOW words that moves along the text; the highest sum decides, and the window is the
 * span. Two levels: "shape" from SHAPE_AT, "context" from SURE_AT on. tools/train_tagger.py
 * --signal trains it (inject_rows.bin, 2^POL_INJ_BITS signed bytes); the words come from the
 * tagger's tokeniser.
 *
 * PROHIBITED_USE: words of a practice that AI Act Art. 5 prohibits together with words of doing it,
 * within USE_NEAR bytes; for emotion recognition also words of work or school. Questions about the
 * law have no words of doing. A lawful exception (Art. 5 has some) is for people to judge.
 *
 * Both are recorded as findings and put no class on a request; only a rule that names them acts on
 * them. Neither is a defence by itself: docs/detectors.md says how much is missed.
 */
#include "policy/detect/signals.h"

#include "policy/detect/special.h"

__asm__(".section .rodata\n"
        ".balign 64\n"
        "pol_inject_rows:\n"
        ".incbin \"policy/detect/inject_rows.bin\"\n"
        ".previous\n");
extern const int8_t pol_inject_rows[];

#define SHAPE_AT 40
#define SURE_AT  70
#define USE_NEAR 300

void pol_inject_init(struct pol_inject *j, const int8_t *rows)
{
    memset(j, 0, sizeof(*j));
    j->rows = rows ? rows : pol_inject_rows;
    j->best = INT32_MIN;
}

void pol_inject_features(uint32_t word, uint32_t last, uint32_t out[2])
{
    out[0] = word * 2654435761u >> (32 - POL_INJ_BITS);
    out[1] = (word ^ (last << 7 | last >> 25)) * 2246822519u >> (32 - POL_INJ_BITS);
}

void pol_inject_token(struct pol_inject *j, const struct pol_tok *k)
{
    uint32_t f[2];
    int s;

    if (!(k->shape & TOK_ALNUM) || (k->shape & TOK_DIGIT))
        return;
    pol_inject_features(k->word, j->last, f);
    s = j->rows[f[0]] + j->rows[f[1]];
    j->last = k->word;
    j->n++;
    if (j->sum <= 0 || j->words >= POL_INJ_WINDOW) { /* begin anew */
        j->sum = 0;
        j->words = 0;
        j->from = k->from;
    }
    j->sum += s;
    j->words++;
    if (j->sum > j->best) {
        j->best = j->sum;
        j->best_from = j->from;
        j->best_to = k->to;
    }
}

void pol_scan_inject(struct pol_scan *s, const struct pol_inject *j)
{
    if (j->n > 3 && j->best >= SHAPE_AT)
        pol_found(s, j->best_from, j->best_to, POL_INJECTION,
                  j->best >= SURE_AT ? POL_CONTEXT : POL_SHAPE, NULL, 1);
}

void pol_scan_use(struct pol_scan *s, const struct pol_cue_hit *hits, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct pol_terms *t = &pol_terms[hits[i].what];
        bool doing = false, place = t->arg != 1;

        if (t->kind != TERM_USE || t->arg > 2)
            continue;
        for (size_t k = 0; k < n; k++) {
            const struct pol_terms *u = &pol_terms[hits[k].what];

            if (u->kind != TERM_USE || hits[k].to + USE_NEAR < hits[i].from ||
                hits[k].from > hits[i].to + USE_NEAR)
                continue;
            doing = doing || u->arg == 32;
            place = place || u->arg == 16;
        }
        if (doing && place) {
            pol_found(s, hits[i].from, hits[i].to, POL_PROHIBITED_USE, POL_CONTEXT, NULL, 2);
            return; /* one is enough, and a text of nothing else stays cheap */
        }
    }
}
