/* task.c - what kind of work a text asks for, and what that alone says about its difficulty.
 *
 * The learned head (route.c) was trained on exam questions, school maths, code traces and trivia:
 * it ranks those, but has never seen a greeting, a translation or a deployment. The prior here
 * covers the rest of the day: a task category from cue words (cues.c), a base for that category and
 * saturating bonuses for what makes work hard (proof, design, fault finding, law and medicine,
 * constraints, several goals), in log-odds. Every term is capped and so is the sum, so that no
 * phrase or repetition of it decides alone. In multiple-choice form the prior counts little, since
 * there the learned head has evidence. Pure functions; nothing can fail.
 */
#include "gateway/route/task.h"

#include "conf/conf.h"

#include <math.h>
#include <string.h>

static const char *const task_names[GW_TASK_COUNT] = {
    [GW_TASK_UNKNOWN] = "unknown",     [GW_TASK_QUESTION] = "question",
    [GW_TASK_TRANSLATE] = "translate", [GW_TASK_SUMMARISE] = "summarise",
    [GW_TASK_EXTRACT] = "extract",     [GW_TASK_CLASSIFY] = "classify",
    [GW_TASK_CODE] = "code",           [GW_TASK_MATHS] = "maths",
    [GW_TASK_REASON] = "reason",       [GW_TASK_WRITE] = "write",
    [GW_TASK_AGENT] = "agent",         [GW_TASK_CHAT] = "chat",
};

const char *gw_task_name(enum gw_task t)
{
    return (unsigned)t < GW_TASK_COUNT ? task_names[t] : "unknown";
}

void gw_tasks_check(const struct conf_policy *p, struct conf_problems *problems)
{
    const char *words[GW_TASK_COUNT + 1];

    memcpy(words, task_names, sizeof(task_names));
    words[GW_TASK_COUNT] = NULL;
    for (size_t i = 0; i < p->n_rules; i++) {
        const struct conf_names *names = &p->rules[i].when_task;

        for (size_t k = 0; k < names->n; k++) {
            int t = 0;
            while (t < GW_TASK_COUNT && strcmp(names->v[k], task_names[t]) != 0)
                t++;
            if (t < GW_TASK_COUNT)
                continue;
            const char *near = conf_nearest(base_str_c(names->v[k]), words);
            conf_problem_add(problems, names->pos[k], false,
                             "task: \"%.60s\" is none of question, translate, summarise, extract, "
                             "classify, code, maths, reason, write, agent, chat, unknown%s%s%s",
                             names->v[k], near ? "; did you mean " : "", near ? near : "",
                             near ? "?" : "");
        }
    }
}

static int at_most(int v, int cap)
{
    return v < cap ? v : cap;
}

/* A school word problem: several numbers, a question of how much, and no trade's vocabulary. */
static bool is_word_problem(const struct gw_features *f)
{
    const uint16_t *c = f->cues;

    return f->n_numbers >= 2 && f->n_questions >= 1 && c[GW_CUE_QUANT] >= 1 &&
           c[GW_CUE_DESIGN] + c[GW_CUE_DEBUG] + c[GW_CUE_LEGAL] + c[GW_CUE_MEDICAL] +
                   c[GW_CUE_SAFETY] <
               2;
}

/* How strongly the text asks for each task: words at its start weigh most, since that is where an
 * instruction stands; words in a payload behind it weigh little. */
enum gw_task gw_task_of(const struct gw_features *f)
{
    int s[GW_TASK_COUNT] = {0}, best = GW_TASK_UNKNOWN;
    const uint16_t *c = f->cues, *l = f->lead, *a = f->first;

    s[GW_TASK_TRANSLATE] = 12 * at_most(a[GW_CUE_TRANSLATE], 1);
    s[GW_TASK_SUMMARISE] = 11 * at_most(a[GW_CUE_SUMMARISE], 1);
    s[GW_TASK_EXTRACT] = 6 * at_most(a[GW_CUE_EXTRACT], 1) + at_most(c[GW_CUE_EXTRACT], 2);
    s[GW_TASK_CLASSIFY] = 7 * at_most(a[GW_CUE_CLASSIFY], 1) + at_most(c[GW_CUE_CLASSIFY], 2);
    s[GW_TASK_WRITE] = 5 * at_most(a[GW_CUE_WRITE], 2) + 6 * at_most(a[GW_CUE_REWRITE], 1);
    s[GW_TASK_CODE] = 5 * at_most(a[GW_CUE_CODE], 2) + at_most(c[GW_CUE_CODE], 4) +
                      2 * at_most((int)f->n_code_lines, 4);
    s[GW_TASK_MATHS] = 4 * at_most(l[GW_CUE_MATHS], 2) + at_most(c[GW_CUE_MATHS], 3) +
                       at_most(c[GW_CUE_QUANT], 3) * (f->n_numbers >= 2) +
                       3 * (f->n_numbers >= 2 && f->n_ops >= 1 && f->n_words < 12) +
                       8 * is_word_problem(f);
    s[GW_TASK_REASON] = 9 * at_most(l[GW_CUE_PROOF], 1) + 5 * at_most(l[GW_CUE_REASON], 2) +
                        3 * at_most(c[GW_CUE_DESIGN], 3) + 3 * at_most(c[GW_CUE_DEBUG], 3) +
                        2 * at_most(c[GW_CUE_LEGAL] + c[GW_CUE_MEDICAL], 4);
    s[GW_TASK_AGENT] = c[GW_CUE_AGENT] >= 3 ? 4 * at_most(c[GW_CUE_AGENT], 4) : 0;
    s[GW_TASK_QUESTION] = 3 * at_most(l[GW_CUE_FACT] + l[GW_CUE_HOW], 2) +
                          3 * at_most(a[GW_CUE_EXPLAIN] + a[GW_CUE_LIST], 1) +
                          2 * at_most((int)f->n_questions, 1) + 2 * (f->n_options >= 3);
    s[GW_TASK_CHAT] = f->n_words <= 12 ? 7 * at_most(a[GW_CUE_GREET], 1) : 0;
    for (int t = 1; t < GW_TASK_COUNT; t++) {
        if (s[t] > s[best])
            best = t;
    }
    return (enum gw_task)best;
}

/* A bonus in log-odds per word of a class, and how many words of it count at most. */
struct bonus {
    enum gw_cue cue;
    float each;
    int most;
};

static const struct bonus bonuses[] = {
    {GW_CUE_PROOF, 1.8f, 2},      {GW_CUE_REASON, 0.5f, 4},  {GW_CUE_DESIGN, 0.6f, 4},
    {GW_CUE_DEBUG, 0.6f, 4},      {GW_CUE_AGENT, 0.5f, 4},   {GW_CUE_LEGAL, 0.7f, 4},
    {GW_CUE_MEDICAL, 0.7f, 4},    {GW_CUE_FINANCE, 0.6f, 4}, {GW_CUE_SAFETY, 0.6f, 4},
    {GW_CUE_CONSTRAINT, 0.3f, 5}, {GW_CUE_MULTI, 0.2f, 4},   {GW_CUE_SCIENCE, 0.4f, 3},
};

static const float task_base[GW_TASK_COUNT] = {
    [GW_TASK_UNKNOWN] = -0.3f,   [GW_TASK_QUESTION] = -1.0f, [GW_TASK_TRANSLATE] = -2.0f,
    [GW_TASK_SUMMARISE] = -1.9f, [GW_TASK_EXTRACT] = -1.7f,  [GW_TASK_CLASSIFY] = -1.7f,
    [GW_TASK_CODE] = -0.8f,      [GW_TASK_MATHS] = -0.3f,    [GW_TASK_REASON] = -0.6f,
    [GW_TASK_WRITE] = -1.2f,     [GW_TASK_AGENT] = 0.4f,     [GW_TASK_CHAT] = -2.2f,
};

#define PRIOR_MAX  3.0f
#define LONG_WORDS 14

/* How much of the bonuses counts. In the closed forms of school and exam the learned head has
 * evidence and cue words are part of the question; in a payload they are the material. */
float gw_task_openness(const struct gw_features *f, enum gw_task task)
{
    if (f->n_options >= 3 || f->n_code_lines >= 3)
        return 0.1f;
    if (task == GW_TASK_MATHS && f->n_numbers >= 2)
        return 0.1f;
    if (task == GW_TASK_TRANSLATE || task == GW_TASK_SUMMARISE || task == GW_TASK_EXTRACT ||
        task == GW_TASK_CLASSIFY)
        return 0.25f;
    return 1.0f;
}

float gw_task_prior(const struct gw_features *f, enum gw_task task)
{
    float base = task_base[task], hard = 0.0f;

    if (f->n_options >= 3 || f->n_code_lines >= 3)
        base = 0.0f;
    for (size_t i = 0; i < sizeof bonuses / sizeof *bonuses; i++)
        hard += bonuses[i].each * (float)at_most(f->cues[bonuses[i].cue], bonuses[i].most);
    if (f->first[GW_CUE_DESIGN]) /* "design ...", not a word of it somewhere */
        hard += 0.4f;
    if (f->n_words > LONG_WORDS)
        hard += 0.6f * fminf(logf((float)f->n_words / LONG_WORDS), 2.0f);
    return fmaxf(-PRIOR_MAX, fminf(PRIOR_MAX, base + gw_task_openness(f, task) * hard));
}
