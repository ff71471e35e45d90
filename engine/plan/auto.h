/* auto.h - what `device: auto` does: looks at the machine's device, plans the model on it (plan.h),
 * weighs it against the CPU, and says so in one line. */
#ifndef ENG_PLAN_AUTO_H
#define ENG_PLAN_AUTO_H

#include "engine/model/model.h"
#include "engine/plan/plan.h"

/* What a machine gives, and how that is known. */
struct eng_machine {
    bool has_gpu;
    char why[512];        /* without one: what is missing, a sentence without its full stop */
    char name[128];       /* of the device */
    enum eng_device kind; /* CUDA, or EMULATED where WEIR_CUDA_LIBRARY names a library */
    uint64_t memory;      /* bytes of it in all; gpu.bytes: what is free */
    struct eng_plan_gpu gpu;
    double cpu_bytes_s, cpu_ops_s;
    uint32_t threads;
    const char *gpu_how, *pcie_how, *cpu_how; /* "by its attributes", "assumed", "measured", ... */
};
/* Opens the device and closes it again: up to seconds. It cannot fail: what is missing is in why.
 * threads: as eng_model_opts. The CPU is not measured yet. */
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
};
struct eng_auto {
    enum eng_plan_auto would;
    struct eng_machine machine;
    struct eng_plan plan; /* fit NONE and zeros without a device */
    char line[1024];      /* "on ..., because": for a log */
};
/* BASE_EINVAL, BASE_ENOENT, ...: the file cannot be read. Blocks for up to seconds. */
enum base_status eng_auto_choose(const struct eng_auto_ask *ask, struct eng_auto *out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The same for a model that is open, on a machine that was looked at (and measured, if it has a
 * device). */
enum base_status eng_auto_weigh(const struct eng_model *m, const struct eng_auto_ask *ask,
                                struct eng_auto *out, struct base_err *err) BASE_MUST_CHECK;
/* a->line from a plan and a machine. */
void eng_auto_say(const struct eng_plan_sizes *z, const struct eng_plan_ask *ask,
                  const struct eng_plan *p, struct eng_auto *a);
/* Sets device, experts and from how many tokens on they are sent; all else in o stays. */
void eng_auto_opts(const struct eng_auto *a, struct eng_model_opts *o);

#endif
