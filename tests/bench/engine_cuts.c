/* engine_cuts RULE - shows where a pre-tokenizer cuts: standard input is one JSON string a line,
 * standard output one JSON list a line, the lengths in bytes of the words.
 * tests/e2e/test_tokenizers.py holds them against the published expressions. Exit 2: no such rule,
 * or bad input.
 */
#include "engine/text/tok_int.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

static enum base_status word(void *ctx, struct base_str w)
{
    json_array_append_new(ctx, json_integer((json_int_t)w.n));
    return BASE_OK;
}

int main(int argc, char **argv)
{
    const struct tok_rule *r = argc != 2 ? NULL
                               : strcmp(argv[1], "gemma4") == 0
                                   ? &tok_rule_gemma
                                   : tok_rule_find(base_str_c(argv[1]));
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    if (r == NULL) {
        fprintf(stderr, "usage: engine_cuts RULE; the rules: gemma4, %s\n", eng_tok_rules());
        return 2;
    }
    while ((n = getline(&line, &cap, stdin)) > 0) {
        json_t *s = json_loadb(line, (size_t)n, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
        json_t *out = json_array();
        if (!json_is_string(s) ||
            tok_rule_split(r, base_str_n(json_string_value(s), json_string_length(s)), word, out) !=
                BASE_OK)
            return 2;
        json_dumpf(out, stdout, JSON_COMPACT);
        putchar('\n');
        json_decref(s);
        json_decref(out);
    }
    free(line);
    return 0;
}
