/* cmd_model.c - `weir model VERB ...`: picks the verb; see commands.h. */
#include "engine/cmd/commands.h"
#include "engine/engine.h"

#include "base/str.h"
#include <stdio.h>

static const char HELP[] =
    "usage: weir model VERB FILE ...\n"
    "  info FILE.gguf                  what the file is, as JSON; --experts with prompts: which\n"
    "                                  experts they use\n"
    "  run FILE.gguf -p TEXT           answer TEXT: [-n 64] [--temp 0] [--seed 1] [--raw]\n"
    "  template FILE.gguf|FILE.jinja   a chat (JSON on standard input) as the model's prompt\n"
    "  tokenize FILE.gguf              standard input as a JSON array of ids: [--parse-special]\n"
    "  detokenize FILE.gguf            the reverse\n"
    "  logits FILE.gguf --tokens 1,2,3 --out OUT.f32    the scores of every token at every place\n"
    "  diff A.gguf B.gguf --tokens 1,2,3   where two files or devices part: [--device-a ref]\n"
    "                                  [--device-b cpu] [--tolerance 1e-6]\n"
    "  bench FILE.gguf                 tokens a second: [-t 2] [--pp 512] [--tg 128] [--parallel "
    "1]\n"
    "  plan FILE.gguf [--gpu CARD]     what would lie where on a GPU, and the speed it allows\n"
    "  watermark FILE.gguf --key FILE  does the text on standard input bear our mark?\n"
    "A verb without arguments tells more about itself. Exit: 0 done, 1 does not hold, 2 bad "
    "usage,\n"
    "file or input.\n";

int eng_model_command(int argc, char **argv)
{
    static const struct {
        const char *verb;
        int (*run)(int, char **);
    } verbs[] = {{"info", eng_cmd_info},
                 {"logits", eng_cmd_logits},
                 {"diff", eng_cmd_diff},
                 {"bench", eng_cmd_bench},
                 {"run", eng_cmd_run},
                 {"tokenize", eng_cmd_tokenize},
                 {"detokenize", eng_cmd_detokenize},
                 {"template", eng_cmd_template},
                 {"watermark", eng_cmd_watermark},
                 {"plan", eng_cmd_plan}};
    struct base_str verb = argc > 0 ? base_str_c(argv[0]) : BASE_STR_NULL;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (base_str_is(verb, verbs[i].verb))
            return verbs[i].run(argc, argv);
    if (base_str_is(verb, "--help") || base_str_is(verb, "-h") || base_str_is(verb, "help")) {
        fputs(HELP, stdout);
        return 0;
    }
    if (verb.n > 0)
        fprintf(stderr, "weir model: there is no verb \"%s\"\n%s", argv[0], HELP);
    else
        fputs(HELP, stderr);
    return 2;
}
