/* rights_seal.c - see rights_seal.h.
 *
 * Owns       where the log and its master key are, for the process. Any thread; blocks on files, a
 *            token or a command.
 * Invariants the context that is bound to the wrapped key is of its own, so it stands for no
 *            tenant's key; the master is opened for one call (a file), or once, before the keeper
 *            has it (a token knows one session of a process).
 */
#include "audit/content/rights_seal.h"

#include "audit/content/kcrypt.h"
#include "audit/content/master.h"
#include "audit/log/merkle.h"
#include "audit/log/state.h"
#include "conf/rights.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

_Static_assert(CONF_RIGHTS_KEY_BYTES == AUD_KEY_BYTES, "the same kind of key");

static struct {
    char dir[AUD_PATH_MAX], file[AUD_PATH_MAX]; /* file: the master's, where it is one */
    struct conf_master master;
} own;

static enum base_status open_master(struct aud_master **out, struct base_err *err)
{
    char usual[AUD_PATH_MAX], tenants[AUD_PATH_MAX];
    enum base_status st = aud_path(usual, own.dir, "keys/master.key", err);

    if (st == BASE_OK)
        st = aud_path(tenants, own.dir, "keys/tenants.json", err);
    if (st != BASE_OK)
        return st;
    /* as for the tenants' keys: made while there is nothing that it would have to open */
    return aud_master_open(&own.master, usual, access(tenants, F_OK) != 0, out, err);
}

static void context_of(uint8_t out[32])
{
    struct aud_hash h;

    aud_sha256("weir/rights-key/1", 17, &h);
    memcpy(out, h.b, 32);
}

static enum base_status wrap(void *ctx, const uint8_t key[CONF_RIGHTS_KEY_BYTES],
                             struct base_buf *out, struct base_err *err)
{
    struct aud_master *m = NULL;
    uint8_t context[32];
    enum base_status st = open_master(&m, err);

    (void)ctx;
    context_of(context);
    if (st == BASE_OK)
        st = aud_master_wrap(m, context, key, out, err);
    aud_master_free(m);
    return st;
}

static enum base_status unwrap(void *ctx, struct base_str wrapped,
                               uint8_t key[CONF_RIGHTS_KEY_BYTES], struct base_err *err)
{
    struct aud_master *m = NULL;
    uint8_t context[32];
    enum base_status st = open_master(&m, err);

    (void)ctx;
    context_of(context);
    if (st == BASE_OK)
        st = aud_master_unwrap(m, context, wrapped, key, err);
    aud_master_free(m);
    return st;
}

void aud_rights_seal(const char *dir, const struct conf_master *master)
{
    static const struct conf_rights_seal seal = {wrap, unwrap, NULL};

    snprintf(own.dir, sizeof(own.dir), "%s", dir);
    own.master = *master;
    if (master->file) { /* outlives the configuration */
        snprintf(own.file, sizeof(own.file), "%s", master->file);
        own.master.file = own.file;
    }
    conf_rights_sealed_by(&seal);
}

enum base_status aud_rights_ready(const char *dir, const struct conf_master *master,
                                  struct base_err *err)
{
    bool file = master->kind == CONF_MASTER_FILE;

    aud_rights_seal(dir, master);
    enum base_status st = conf_rights_key_ready(dir, !file, err);
    if (!file)
        conf_rights_sealed_by(NULL);
    return st;
}
