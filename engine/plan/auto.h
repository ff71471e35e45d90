/* auto.h - what `device: auto` does: looks at the machine's devices, plans the model on sets of
 * them (plan.h), weighs the best against the CPU, and says so in one line. */
#ifndef ENG_PLAN_AUTO_H
#define ENG_PLAN_AUTO_H

#include "engine/model/model.h"
#include "engine/plan/plan.h"

/* A device, and how what is known of it is known. */
struct eng_machine_gpu {
    char name[128];
    uint32_t ordinal; /* which of the machine's */
    bool usable;
    char why[512];   /* if not: a sentence without its full stop */
    uint64_t memory; /* bytes of it in all; gpu.bytes: what is free */
    struct eng_plan_gpu gpu;
    const char *how, *pcie_how; /* "by its driver", "by its maker", "assumed", "not told" */
};

/* What a machine gives. */
struct eng_machine {
    uint32_t n_gpus, n_usable;
    struct eng_machine_gpu gpu[ENG_PLAN_GPUS];
    char why[512];        /* without a usable one: what is missing, likewise */
    enum eng_device kind; /* CUDA, or EMULATED where WEIR_CUDA_LIBRARY names a library */
    double cpu_bytes_s, cpu_ops_s;
    uint32_t threads;
    const char *cpu_how; /* "assumed", "measured", "as given" */
};
/* Opens the devices and closes them again: up to seconds each. It cannot fail: what is missing is
 * in why. threads: as eng_model_opts. The CPU is not measured yet. */
void eng_machine_look(int threads, struct eng_machine *out);
/* Measures how fast the CPU's threads read memory, a fraction of a second and 256 MiB for as long;
 * with too little of it ENG_CPU_BYTES_S is assumed. */
#define ENG_CPU_BYTES_S 50e9
#define ENG_CPU_OPS_S   1e12 /* assumed: products of int8 */
void eng_machine_measure(struct eng_machine *out);

struct eng_auto_ask {
    const char *file;
    uint32_t context, parallel; /* context 0: what the model was trained for */
    uint64_t cache_tokens;      /* 0: context * parallel */
    int threads;
    struct eng_plan_limits limits;
};
struct eng_auto {
    enum eng_plan_auto would;
    struct eng_machine machine;
    struct eng_plan_choice choice; /* its cards: the machine's usable ones, in their order */
    struct eng_plan plan;          /* of the choice; fit NONE and zeros without a device */
    char line[3072];               /* "on ..., because": for a log */
};
/* BASE_EINVAL, BASE_ENOENT, ...: the file cannot be read. Blocks for up to seconds. */
enum base_status eng_auto_choose(const struct eng_auto_ask *ask, struct eng_auto *out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The same for a model that is open, on a machine that was looked at (and measured, if it has a
 * device). */
enum base_status eng_auto_weigh(const struct eng_model *m, const struct eng_auto_ask *ask,
                                struct eng_auto *out, struct base_err *err) BASE_MUST_CHECK;
/* The machine's usable devices as cards to plan with; a->choice, plan and line out of them. */
void eng_auto_cards(const struct eng_machine *m, struct eng_plan_ask *ask);
void eng_auto_take(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                   const struct eng_plan_limits *limits, struct eng_auto *a);
/* The number of the machine's device that is card `card` of the choice. */
uint32_t eng_auto_ordinal(const struct eng_machine *m, uint32_t card);
/* Why the machine's device i is not among the chosen ones, as a sentence; "": it is. */
#define ENG_AUTO_WHY 640
void eng_auto_left_out(const struct eng_auto *a, uint32_t i, char out[ENG_AUTO_WHY]);
/* Sets device, GPUs and their split, experts and from how many tokens on they are sent; all else in
 * o stays. */
void eng_auto_opts(const struct eng_auto *a, struct eng_model_opts *o);

#endif
