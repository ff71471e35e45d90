/* conf_fuzz.c - Goal: no bytes in a configuration or a policy crash the loader or make it forget to
 * say what is wrong.
 *
 * Method: the input is written as both files of a folder in memory (/dev/shm where there is one),
 * split at the first 0x1e: before it weir.yaml, behind it policy.yaml. The loader must return
 * either a configuration without errors or errors without a configuration, in file order, and with
 * texts that hold no control characters. A configuration that loads is walked.
 */
#include "base/file.h"
#include "conf/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char folder[64], main_file[96], policy_file[96];

static void prepare(void)
{
    snprintf(folder, sizeof(folder), "%s/weir-fuzz-XXXXXX",
             access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (!mkdtemp(folder))
        abort();
    snprintf(main_file, sizeof(main_file), "%s/weir.yaml", folder);
    snprintf(policy_file, sizeof(policy_file), "%s/policy.yaml", folder);
    setenv("A", "value", 1);
}

static void put(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    if (!f || (n && fwrite(p, 1, n, f) != n) || fclose(f) != 0)
        abort();
}

static void walk(const struct conf *c)
{
    struct conf_target t;
    for (size_t i = 0; i < c->targets.n; i++)
        if (conf_target_find(c, base_str_c(c->targets.v[i].text), &t) != BASE_OK ||
            !t.local == !t.backend)
            abort();
    for (size_t i = 0; i < c->routing.n_aliases; i++)
        if (!conf_alias_find(c, base_str_c(c->routing.aliases[i].name)))
            abort();
    for (size_t i = 0; i < c->policy.n_rules; i++)
        if (!c->policy.rules[i].id)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct conf_problems p;
    struct conf *c;
    if (!folder[0])
        prepare();
    const uint8_t *cut = size ? memchr(data, 0x1e, size) : NULL;
    size_t n = cut ? (size_t)(cut - data) : size;
    put(main_file, data, n);
    put(policy_file, cut ? cut + 1 : (const uint8_t *)"version: 1\n", cut ? size - n - 1 : 11);
    enum base_status st = conf_load(main_file, &c, &p);
    if ((st == BASE_OK) != (c != NULL) || (st == BASE_OK) != (p.n_errors == 0))
        abort();
    for (size_t i = 0; i < p.n; i++) {
        const struct conf_problem *a = &p.v[i], *b = i ? &p.v[i - 1] : NULL;
        for (const char *t = a->text; *t; t++)
            if ((unsigned char)*t < 0x20)
                abort();
        if (b && a->pos.file == b->pos.file &&
            (a->pos.line < b->pos.line || (a->pos.line == b->pos.line && a->pos.col < b->pos.col)))
            abort();
    }
    if (c)
        walk(c);
    conf_free(c);
    conf_problems_release(&p);
    return 0;
}
