/* cmd_args.h - what several verbs of `weir model` read from their command line.
 *
 * Messages for people go to standard error, with the verb that the caller gives.
 */
#ifndef ENG_CMD_ARGS_H
#define ENG_CMD_ARGS_H

#include "engine/model/model.h"
#include "engine/text/tok.h"

/* The most tokens that a command line or a file of prompts may hold. */
#define ENG_ARGS_TOKENS_MAX (1u << 20)

/* A whole number up to max. */
bool eng_args_u32(const char *z, uint32_t max, uint32_t *out);
#define ENG_ARGS_GPUS                                                                              \
    "           [--gpus N] [--split layers|experts] [--gpu-experts N] [--send-from N]\n"           \
    "           [--cublas auto|off|required] [--cublas-from ROWS]\n"
#define ENG_ARGS_GPUS_HELP                                                                         \
    "--gpus: several GPUs of this machine; they take ranges of layers or, with --split experts, "  \
    "the\n"                                                                                        \
    "first all layers and each some experts of every layer. --gpu-experts: of each layer, the\n"   \
    "others are computed by the CPU; or, of slices of --send-from tokens and more, sent to the "   \
    "GPU. --cublas: dense products of prompts of so many ROWS and more; without ROWS, where it "   \
    "pays.\n"
/* --gpus N, --split layers|experts: how many GPUs, and what each takes; --gpu-experts N,
 * --send-from N: which of a model's experts lie on the GPU; --cublas auto, off or required,
 * --cublas-from N: products that go to cuBLAS there (struct eng_model_opts). *known tells
 * whether name was one of them; false: its value is not such a one. */
bool eng_args_gpus(const char *name, const char *value, struct eng_model_opts *o, bool *known);
/* "1,2, 3": appended to ids; false for anything else and at ids->max. */
bool eng_args_tokens(const char *z, struct eng_ids *ids);
/* "cpu", "ref", "cuda" or "emulated"; else false, having said what there is. */
bool eng_args_device(const char *verb, const char *z, enum eng_device *out);
const char *eng_args_device_name(enum eng_device d);
/* "f16" or "f32". */
bool eng_args_kv(const char *z, bool *f32);

/* The prompts of a run that looks inside a model: token ids as they are, or texts. Texts become the
 * user's message in the model's own chat template, or stay as they are when `raw`. */
struct eng_prompts {
    struct eng_ids ids; /* all prompts, one after another */
    size_t *end;        /* [n] where each ends */
    size_t n, cap;
    bool raw;
    char **texts; /* not yet tokens; owned */
    size_t n_texts, cap_texts;
};
void eng_prompts_init(struct eng_prompts *p);
void eng_prompts_release(struct eng_prompts *p);
/* Takes name and its value if it is one of -p TEXT, --prompts FILE (one a line; empty lines do not
 * count), --tokens IDS. *known tells whether it was; errors are about the value. */
enum base_status eng_prompts_option(struct eng_prompts *p, const char *name, const char *value,
                                    bool *known, struct base_err *err) BASE_MUST_CHECK;
bool eng_prompts_any(const struct eng_prompts *p);
/* Turns the texts into tokens with the file's tokenizer and template. */
enum base_status eng_prompts_encode(struct eng_prompts *p, const struct eng_gguf *g,
                                    struct base_err *err) BASE_MUST_CHECK;

/* A text as the user's message (after system, unless NULL) in the file's chat template; *own is
 * false if the file has none and a stand-in was taken. */
enum base_status eng_args_chat(const struct eng_gguf *g, const struct eng_tok *tok,
                               const char *system, const char *text, struct eng_ids *ids, bool *own,
                               struct base_err *err) BASE_MUST_CHECK;

#endif
