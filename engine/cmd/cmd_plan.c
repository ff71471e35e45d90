/* cmd_plan.c - `weir model plan`: would this model fit on these cards, what would lie where, how
 * fast could it be at most, and what device: auto would do.
 *
 * JSON on standard output, the same as a few lines for people on standard error unless --json.
 * Every answer says that it is arithmetic and that nothing has run on hardware.
 */
#include "engine/cmd/commands.h"
#include "engine/plan/auto.h"
#include "engine/plan/plan.h"
#include "engine/plan/plan_counts.h"

#include "base/json.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define NOT_RUN                                                                                    \
    "arithmetic from sizes and stated bandwidths, an upper bound; Weir's CUDA kernels were "       \
    "compiled and emulated: not yet run on hardware"

static const char USAGE[] =
    "usage: weir model plan FILE.gguf [--gpu CARD[xN][,CARD...]] [--split layers|experts]\n"
    "           [--context 4096] [--parallel 1] [--slice 512] [--experts COUNTS.json]\n"
    "           [--bandwidth GB/s] [--pcie GB/s] [--cpu-bandwidth 50] [--cpu-tops 1]\n"
    "           [--host-memory BYTES] [--json]\n"
    "  --gpu            cards of one host, or a card's memory in bytes (then with --bandwidth, if\n"
    "                   speed is wanted): h100x2; rtx4090,rtx4090; 25769803776. Without: this\n"
    "                   machine's devices, their bandwidths as told or measured, and what\n"
    "                   device: auto does with them: which of them it takes, and how\n"
    "  --split          several cards: ranges of layers, or experts of every layer\n"
    "  --context        tokens that each sequence may hold\n"
    "  --parallel       sequences at once\n"
    "  --slice          tokens of a prompt that go through the layers at once\n"
    "  --experts        what weir model info FILE --experts --json wrote: which experts are hot\n"
    "  --cpu-bandwidth  GB/s of the host's memory, for experts that do not fit on the cards\n"
    "                   (50; measured where there is no --gpu)\n"
    "  --cpu-tops       10^12 operations a second of the CPU on int8, for the same in prompts\n"
    "  --json           nothing for people on standard error\n"
    "Cards:";

static const char EXITS[] =
    "Exit: 0 it fits, whole or with experts left to the CPU; 1 it does not; 2 error.";

struct job {
    const char *file, *gpu, *counts;
    bool json, cpu_told;
    double bandwidth, pcie;
    struct eng_plan_ask ask;
    struct eng_plan_limits limits;
    struct eng_auto here; /* without --gpu: the machine; else only choice and plan */
    char names[1024];
};

static void put_usage(void)
{
    const struct eng_card *c;
    fputs(USAGE, stderr);
    for (size_t i = 0; (c = eng_card_at(i)); i++)
        fprintf(stderr, "%s %s", i % 8 ? "" : "\n ", c->name);
    fprintf(stderr, "\n%s\n", EXITS);
}

static bool number(const char *s, double lo, double hi, double *out)
{
    char *end = NULL;
    errno = 0;
    *out = s ? strtod(s, &end) : 0;
    return s && end != s && *end == '\0' && errno == 0 && *out >= lo && *out <= hi;
}

/* A card's name, or bytes. */
static bool one_gpu(struct base_str s, struct eng_plan_gpu *out)
{
    const struct eng_card *c = eng_card_find(s);
    uint64_t bytes = 0;
    if (c) {
        *out = (struct eng_plan_gpu){c->bytes, c->bytes_s, c->pcie_bytes_s, c->flops};
        return true;
    }
    if (!base_str_u64(s, &bytes) || bytes == 0 || bytes > 1000000000000000u)
        return false;
    *out = (struct eng_plan_gpu){.bytes = bytes, .pcie_bytes_s = 32e9};
    return true;
}

/* CARD, or CARDxN. */
static bool some_gpus(struct job *j, struct base_str s)
{
    struct eng_plan_gpu g;
    uint64_t n = 1;
    if (!one_gpu(s, &g)) {
        size_t at = s.n;
        while (at > 0 && s.p[at - 1] != 'x')
            at--;
        struct base_str count = {s.p + at, s.n - at}, name = {s.p, at ? at - 1 : 0};
        if (at == 0 || !base_str_u64(count, &n) || n == 0 || !one_gpu(name, &g))
            return false;
    }
    for (; n > 0; n--) {
        if (j->ask.n_gpu == ENG_PLAN_GPUS)
            return false;
        j->ask.gpu[j->ask.n_gpu++] = g;
    }
    return true;
}

static bool take_gpus(struct job *j, const char *z)
{
    struct base_str rest = base_str_c(z);
    j->gpu = z;
    j->ask.n_gpu = 0;
    while (rest.p)
        if (!some_gpus(j, base_str_cut(&rest, ',')))
            return false;
    return j->ask.n_gpu > 0;
}

/* One option and its value. */
static bool take(struct job *j, struct base_str a, const char *next)
{
    double v = 0;
    if (base_str_is(a, "--gpu"))
        return next && take_gpus(j, next);
    if (base_str_is(a, "--experts")) {
        j->counts = next;
        return next != NULL;
    }
    if (base_str_is(a, "--split")) {
        bool experts = next && strcmp(next, "experts") == 0;
        j->ask.split = experts ? ENG_PLAN_BY_EXPERTS : ENG_PLAN_BY_LAYERS;
        j->limits.experts_only = experts;
        j->limits.layers_only = !experts;
        return experts || (next && strcmp(next, "layers") == 0);
    }
    const struct {
        const char *name;
        uint32_t *out;
        double most;
    } whole[] = {{"--context", &j->ask.context, 1e8},
                 {"--parallel", &j->ask.parallel, 4096},
                 {"--slice", &j->ask.slice, 1e6}};
    for (size_t i = 0; i < sizeof(whole) / sizeof(whole[0]); i++)
        if (base_str_is(a, whole[i].name)) {
            bool good = number(next, 1, whole[i].most, &v);
            *whole[i].out = (uint32_t)v;
            return good;
        }
    const struct {
        const char *name;
        double *out, unit;
    } real[] = {{"--bandwidth", &j->bandwidth, 1e9},
                {"--pcie", &j->pcie, 1e9},
                {"--cpu-bandwidth", &j->ask.cpu_bytes_s, 1e9},
                {"--cpu-tops", &j->ask.cpu_ops_s, 1e12}};
    for (size_t i = 0; i < sizeof(real) / sizeof(real[0]); i++)
        if (base_str_is(a, real[i].name)) {
            bool good = number(next, 0.001, 1e5, &v);
            *real[i].out = v * real[i].unit;
            j->cpu_told = j->cpu_told || real[i].out == &j->ask.cpu_bytes_s;
            return good;
        }
    if (!base_str_is(a, "--host-memory") || !number(next, 1, 1e15, &v))
        return false;
    j->ask.host_bytes = (uint64_t)v;
    return true;
}

static bool parse(struct job *j, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--json") == 0) {
            j->json = true;
        } else if (argv[i][0] != '-' && !j->file) {
            j->file = argv[i];
        } else if (take(j, base_str_c(argv[i]), next)) {
            i++;
        } else {
            fprintf(stderr, "weir model plan: \"%s%s%s\" is not understood\n", argv[i],
                    next ? " " : "", next ? next : "");
            put_usage();
            return false;
        }
    }
    if (!j->file) {
        fputs("weir model plan: the file is missing\n", stderr);
        put_usage();
        return false;
    }
    return true;
}

/* Bandwidths that were given on the command line. */
static void take_told(struct job *j)
{
    for (uint32_t i = 0; i < j->ask.n_gpu; i++) {
        if (j->bandwidth > 0)
            j->ask.gpu[i].bytes_s = j->bandwidth;
        if (j->pcie > 0)
            j->ask.gpu[i].pcie_bytes_s = j->pcie;
    }
}

/* This machine's devices, in place of --gpu. */
static void look_here(struct job *j)
{
    struct eng_machine *m = &j->here.machine;
    eng_machine_look(0, m);
    if (!m->n_usable)
        return;
    if (!j->cpu_told) {
        eng_machine_measure(m);
        j->ask.cpu_bytes_s = m->cpu_bytes_s;
    } else {
        m->cpu_bytes_s = j->ask.cpu_bytes_s;
        m->cpu_how = "as given";
    }
    for (uint32_t i = 0; i < m->n_gpus; i++) {
        struct eng_machine_gpu *g = &m->gpu[i];
        g->gpu.bytes_s = j->bandwidth > 0 ? j->bandwidth : g->gpu.bytes_s;
        g->gpu.pcie_bytes_s = j->pcie > 0 ? j->pcie : g->gpu.pcie_bytes_s;
        g->how = j->bandwidth > 0 ? "as given" : g->how;
        g->pcie_how = j->pcie > 0 ? "as given" : g->pcie_how;
    }
    eng_auto_cards(m, &j->ask);
}

/* The figures are those of what device: auto takes of them. */
static void plan_here(struct job *j, const struct eng_plan_sizes *z, struct eng_plan *p)
{
    const struct eng_machine *m = &j->here.machine;
    size_t n = 0;
    eng_auto_take(z, &j->ask, &j->limits, &j->here);
    *p = j->here.plan;
    j->ask = j->here.choice.ask;
    for (uint32_t i = 0; i < m->n_gpus && m->n_usable; i++)
        if (m->gpu[i].usable)
            n += (size_t)snprintf(j->names + n, n < sizeof(j->names) ? sizeof(j->names) - n : 0,
                                  "%s%s", n ? ", " : "", m->gpu[i].name);
    j->gpu = n ? j->names : NULL;
}

/* The cards of --gpu all together; and which of them device: auto would take. */
static void plan_given(struct job *j, const struct eng_plan_sizes *z, struct eng_plan *p)
{
    take_told(j);
    eng_plan(z, &j->ask, p);
    eng_plan_choose(z, &j->ask, &j->limits, &j->here.choice);
    j->here.plan = j->here.choice.plan;
}

/* ---- JSON ---- */

static void knum(struct base_json *o, const char *key, double v, int digits)
{
    base_json_key(o, key);
    if (v > 0)
        base_json_num(o, v, digits);
    else
        base_json_null(o);
}

static void put_devices(struct base_json *o, const struct job *j, const struct eng_plan *p)
{
    base_json_key(o, "devices");
    base_json_arr(o);
    for (uint32_t i = 0; i < j->ask.n_gpu && p->fit != ENG_PLAN_NONE; i++) {
        const struct eng_plan_device *d = &p->device[i];
        base_json_obj(o);
        base_json_kint(o, "bytes", (int64_t)j->ask.gpu[i].bytes);
        base_json_kint(o, "first_layer", d->layer0);
        base_json_kint(o, "layers", d->n_layers);
        base_json_kint(o, "experts_per_layer", d->experts);
        base_json_kint(o, "weights_dense", (int64_t)d->dense);
        base_json_kint(o, "weights_experts", (int64_t)d->expert_bytes);
        base_json_kint(o, "cache", (int64_t)d->cache);
        base_json_kint(o, "reserve", (int64_t)d->reserve);
        base_json_kint(o, "total", (int64_t)d->total);
        base_json_obj_end(o);
    }
    base_json_arr_end(o);
}

static void put_speed(struct base_json *o, const struct eng_plan *p)
{
    base_json_key(o, "batches");
    base_json_arr(o);
    for (size_t i = 0; i < ENG_PLAN_BATCHES && p->fit != ENG_PLAN_NONE; i++) {
        base_json_obj(o);
        base_json_kint(o, "sequences", eng_plan_batches[i]);
        base_json_kint(o, "gpu_bytes_a_step", (int64_t)p->step[i].gpu);
        base_json_kint(o, "host_bytes_a_step", (int64_t)p->step[i].host);
        knum(o, "bound_tok_s", p->step[i].tok_s, 0);
        knum(o, "cpu_alone_tok_s", p->step[i].cpu_s, 1);
        base_json_obj_end(o);
    }
    base_json_arr_end(o);
    if (p->fit == ENG_PLAN_NONE)
        return;
    base_json_key(o, "prompt");
    base_json_obj(o);
    base_json_kint(o, "slice", p->prompt.slice);
    base_json_kint(o, "experts_off_gpu_bytes", (int64_t)p->prompt.off_bytes);
    knum(o, "bound_tok_s_sent", p->prompt.stream_tok_s, 0);
    knum(o, "bound_tok_s_cpu", p->prompt.cpu_tok_s, 0);
    base_json_key(o, "send_from_tokens");
    if (p->prompt.stream_from)
        base_json_int(o, p->prompt.stream_from);
    else
        base_json_null(o);
    base_json_obj_end(o);
}

static const char *const autos[] = {"cuda", "hybrid", "cpu"};
static const char *const fits[] = {"all", "hybrid", "no"};

static const char *split_name(enum eng_plan_split split)
{
    return split == ENG_PLAN_BY_EXPERTS ? "experts" : "layers";
}

/* Of the cards given, or of this machine's devices. */
static void put_numbers(struct base_json *o, const struct job *j, const struct eng_plan_set *s)
{
    const struct eng_machine *m = &j->here.machine;
    base_json_key(o, "gpus");
    base_json_arr(o);
    for (uint32_t i = 0; s && i < s->n; i++)
        base_json_int(o, m->n_usable ? eng_auto_ordinal(m, s->gpu[i]) : s->gpu[i]);
    base_json_arr_end(o);
}

/* All that was compared, and of this machine's devices those that were left out. */
static void put_sets(struct base_json *o, const struct job *j)
{
    const struct eng_plan_choice *c = &j->here.choice;
    char why[ENG_AUTO_WHY];
    base_json_key(o, "sets");
    base_json_arr(o);
    for (uint32_t i = 0; i < c->n_sets; i++) {
        base_json_obj(o);
        put_numbers(o, j, &c->set[i]);
        base_json_kz(o, "split", split_name(c->set[i].split));
        base_json_kz(o, "fits", fits[c->set[i].fit]);
        base_json_kint(o, "experts_per_layer_on_gpu", c->set[i].on_gpu);
        knum(o, "bound_tok_s", c->set[i].tok_s, 1);
        base_json_kbool(o, "best", i == c->best && c->set[i].fit != ENG_PLAN_NONE);
        base_json_obj_end(o);
    }
    base_json_arr_end(o);
    base_json_key(o, "left_out");
    base_json_arr(o);
    for (uint32_t i = 0; i < j->here.machine.n_gpus; i++) {
        eng_auto_left_out(&j->here, i, why);
        if (*why)
            base_json_z(o, why);
    }
    base_json_arr_end(o);
}

static const char *why(const struct job *j, const struct eng_plan *p)
{
    if (j->here.line[0])
        return j->here.line;
    if (p->fit == ENG_PLAN_NONE)
        return "what must be on the cards does not fit there";
    if (p->host_short)
        return "what stays in the host's memory does not fit there";
    if (p->would == ENG_AUTO_CPU)
        return "the CPU alone would be faster";
    return p->fit == ENG_PLAN_ALL ? "everything fits on the cards"
                                  : "experts that do not fit on the cards are left to the CPU";
}

static void put_json(struct base_json *o, const struct job *j, const struct eng_plan_sizes *z,
                     const struct eng_plan *p)
{
    uint64_t gpu_bytes = 0;
    for (uint32_t i = 0; i < j->ask.n_gpu; i++)
        gpu_bytes += j->ask.gpu[i].bytes;
    base_json_obj(o);
    base_json_kz(o, "file", j->file);
    base_json_key(o, "gpu");
    if (j->gpu)
        base_json_z(o, j->gpu);
    else
        base_json_null(o);
    base_json_kint(o, "gpu_bytes", (int64_t)gpu_bytes);
    base_json_kz(o, "split", split_name(j->ask.split));
    base_json_kint(o, "context", j->ask.context);
    base_json_kint(o, "parallel", j->ask.parallel);
    base_json_kz(o, "fits", fits[p->fit]);
    if (p->fit == ENG_PLAN_NONE)
        base_json_kint(o, "bytes_missing", (int64_t)p->missing);
    base_json_key(o, "bytes");
    base_json_obj(o);
    base_json_kint(o, "weights_dense", (int64_t)z->dense);
    base_json_kint(o, "weights_experts", (int64_t)z->experts);
    base_json_kint(o, "embeddings_on_host", (int64_t)z->table);
    base_json_kint(o, "cache", (int64_t)p->cache);
    base_json_kint(o, "reserve", (int64_t)p->reserve);
    base_json_kint(o, "on_gpu", (int64_t)p->gpu_total);
    base_json_kint(o, "on_host", (int64_t)p->host_total);
    base_json_obj_end(o);
    base_json_key(o, "experts");
    base_json_obj(o);
    base_json_kint(o, "per_layer", z->n_expert);
    base_json_kint(o, "used", z->n_used);
    base_json_kint(o, "per_layer_on_gpu", p->on_gpu);
    knum(o, "choices_on_gpu", p->hit, 4);
    base_json_kbool(o, "counted", j->counts != NULL);
    base_json_obj_end(o);
    put_devices(o, j, p);
    put_speed(o, p);
    base_json_key(o, "auto");
    base_json_obj(o);
    const struct eng_plan *best = &j->here.plan;
    const struct eng_plan_set *taken = best->would == ENG_AUTO_CPU || !j->here.choice.n_sets
                                           ? NULL
                                           : &j->here.choice.set[j->here.choice.best];
    base_json_kz(o, "device", autos[best->would]);
    base_json_kz(o, "why", why(j, best));
    put_numbers(o, j, taken);
    base_json_kz(o, "split", split_name(taken ? taken->split : ENG_PLAN_BY_LAYERS));
    base_json_kint(o, "sequences", j->ask.parallel);
    knum(o, "bound_tok_s", best->weigh.gpu_tok_s, 1);
    knum(o, "cpu_alone_tok_s", best->weigh.cpu_tok_s, 1);
    put_sets(o, j);
    base_json_obj_end(o);
    base_json_kz(o, "note", NOT_RUN);
    base_json_obj_end(o);
}

/* ---- for people ---- */

static double gib(uint64_t n)
{
    return (double)n / (1 << 30);
}

static void print_missing(const struct job *j, const struct eng_plan_sizes *z,
                          const struct eng_plan *p)
{
    uint64_t cache = 0, bytes = 0;
    for (uint32_t l = 0; l < z->n_layer; l++)
        cache += j->ask.parallel * eng_plan_held(&z->layers[l], j->ask.context, z->rows);
    for (uint32_t i = 0; i < j->ask.n_gpu; i++)
        bytes += j->ask.gpu[i].bytes;
    fprintf(stderr,
            "It does not fit: %.1f GiB are missing for what must be on the card (weights beside "
            "the experts %.1f, cache %.1f, and working space, of %.1f GiB). What to do: a smaller "
            "--context or --parallel, another quantisation, a larger card or more of them.\n",
            gib(p->missing), gib(z->dense), gib(cache), gib(bytes));
}

static void print_cards(const struct job *j, const struct eng_plan *p)
{
    bool layers = j->ask.split == ENG_PLAN_BY_LAYERS && j->ask.n_gpu > 1;
    for (uint32_t i = 0; i < j->ask.n_gpu; i++) {
        const struct eng_plan_device *d = &p->device[i];
        if (j->ask.n_gpu > 1)
            fprintf(stderr, "Card %u", i);
        else
            fputs("On the card", stderr);
        if (layers && d->n_layers)
            fprintf(stderr, " (layers %u to %u)", d->layer0, d->layer0 + d->n_layers - 1);
        fprintf(stderr, ": %.1f of %.1f GiB (weights beside the experts %.1f, cache %.1f, ",
                gib(d->total), gib(j->ask.gpu[i].bytes), gib(d->dense), gib(d->cache));
        fprintf(stderr, "working space %.1f, experts %.1f)\n", gib(d->reserve),
                gib(d->expert_bytes));
    }
}

/* What device: auto does, with which cards, and what else there was. */
static void print_taken(const struct job *j)
{
    const struct eng_plan_choice *c = &j->here.choice;
    const struct eng_plan *best = &j->here.plan;
    fprintf(stderr, "device: auto %s %s", j->here.line[0] ? "takes" : "would take",
            autos[best->would]);
    if (best->would != ENG_AUTO_CPU && !j->here.line[0] && c->n_sets > 1) {
        const struct eng_plan_set *s = &c->set[c->best];
        fprintf(stderr, " on card%s", s->n > 1 ? "s" : "");
        for (uint32_t i = 0; i < s->n; i++)
            fprintf(stderr, "%s %u", i ? "," : "", s->gpu[i]);
        if (s->n > 1)
            fprintf(stderr, " by %s", split_name(s->split));
        if (s->tok_s > 0 && c->next < c->n_sets)
            fprintf(stderr, " (%.0f tok/s at most; the next best %.0f)", s->tok_s,
                    c->set[c->next].tok_s);
    }
    fprintf(stderr, ": %s\n(%s)\n", why(j, best), NOT_RUN);
}

static void print_prose(const struct job *j, const struct eng_plan_sizes *z,
                        const struct eng_plan *p)
{
    if (p->fit == ENG_PLAN_NONE && j->ask.n_gpu == 0) {
        fprintf(stderr, "device: auto takes the CPU here: %s\n(%s)\n", j->here.machine.why,
                NOT_RUN);
        return;
    }
    if (p->fit == ENG_PLAN_NONE) {
        print_missing(j, z, p);
        fprintf(stderr, "(%s)\n", NOT_RUN);
        return;
    }
    print_cards(j, p);
    fprintf(stderr, "In the host's memory: %.1f GiB", gib(p->host_total));
    if (p->fit == ENG_PLAN_HYBRID)
        fprintf(stderr, ", among it %u of %u experts a layer, which %.0f %% of choices go to%s",
                z->n_expert - p->on_gpu, z->n_expert, 100 * (1 - p->hit),
                j->counts ? " by those counts" : " if all are alike");
    fprintf(stderr, "%s\n", p->host_short ? ": more than the host has" : "");
    for (size_t i = 0; i < ENG_PLAN_BATCHES; i++)
        if (p->step[i].tok_s > 0)
            fprintf(stderr, "%2u at once: at most %.0f tok/s in all\n", eng_plan_batches[i],
                    p->step[i].tok_s);
    if (p->fit == ENG_PLAN_HYBRID && p->prompt.stream_from && p->prompt.stream_tok_s > 0)
        fprintf(stderr,
                "Prompts of %u tokens and more: experts are sent to the card; at most %.0f tok/s\n",
                p->prompt.stream_from, p->prompt.stream_tok_s);
    print_taken(j);
}

/* ---- the run ---- */

static enum base_status run(struct job *j, struct eng_plan *p, struct base_buf *out,
                            struct base_err *err)
{
    struct eng_model_opts opts = {.device = ENG_DEVICE_REF, .n_threads = 1};
    struct eng_plan_sizes z = {0};
    struct eng_model *m = NULL;
    uint64_t *counts = NULL;
    struct base_json o;
    enum base_status st = eng_model_open(j->file, &opts, &m, err);
    if (st == BASE_OK)
        st = eng_plan_sizes_of(m, &z, err);
    if (st == BASE_OK && j->counts)
        st = eng_plan_counts_read(j->counts, z.n_layer, z.n_expert, &counts, err);
    if (st == BASE_OK) {
        j->ask.counts = counts;
        if (j->gpu) {
            plan_given(j, &z, p);
        } else {
            look_here(j);
            plan_here(j, &z, p);
        }
        base_json_init(&o, out);
        put_json(&o, j, &z, p);
        base_buf_byte(out, '\n');
        if (!j->json)
            print_prose(j, &z, p);
    }
    free(counts);
    eng_plan_sizes_release(&z);
    eng_model_free(m);
    return st;
}

int eng_cmd_plan(int argc, char **argv)
{
    struct job j = {
        .ask = {.cpu_bytes_s = 50e9, .cpu_ops_s = 1e12, .context = 4096, .parallel = 1}};
    struct eng_plan p = {0};
    struct base_err err;
    struct base_buf out;
    int rc = 2;
    if (!parse(&j, argc, argv))
        return 2;
    base_buf_init(&out, 4u << 20);
    if (run(&j, &p, &out, &err) != BASE_OK)
        fprintf(stderr, "weir model plan: %s\n", err.text);
    else if (!base_buf_ok(&out) || fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout))
        fputs("weir model plan: cannot write\n", stderr);
    else
        rc = p.fit == ENG_PLAN_NONE ? 1 : 0;
    base_buf_release(&out);
    return rc;
}
