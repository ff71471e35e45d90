/* pkcs11.c - the master key in a PKCS#11 token, which wraps and unwraps with it and never shows it.
 *
 * The module is loaded at run time, so nothing of PKCS#11 is needed where a file does. The token is
 * found by its label, the key (an AES secret key) by its label; the PIN is read from a file of mode
 * 0600 and wiped after the login. Mechanism: CKM_AES_GCM, 96-bit random nonce, 128-bit tag.
 * Runs on the keeper's thread. A token that was taken out gives an error at each use; there is no
 * retry with another key.
 */
#include "audit/content/master.h"

#include "base/clock.h"
#include "base/file.h"

#include <dlfcn.h>
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS_MAX 64

struct aud_p11 {
    void *module;
    CK_FUNCTION_LIST *f;
    CK_SESSION_HANDLE session;
    CK_OBJECT_HANDLE key;
    bool initialised, open;
};

static enum base_status refused(const struct conf_master *c, const char *what, CK_RV rv,
                                struct base_err *err)
{
    return base_err_set(err, rv == CKR_PIN_INCORRECT ? BASE_DENIED : BASE_EIO,
                        "%s: %s failed (CKR 0x%lx%s)", c->module, what, (unsigned long)rv,
                        rv == CKR_PIN_INCORRECT ? ", wrong PIN" : "");
}

void aud_p11_free(struct aud_p11 *p)
{
    if (!p)
        return;
    if (p->open)
        p->f->C_CloseSession(p->session);
    if (p->initialised)
        p->f->C_Finalize(NULL);
    if (p->module)
        dlclose(p->module);
    free(p);
}

/* Labels in tokens are padded with blanks. */
static bool label_is(const unsigned char *label, size_t n, const char *wanted)
{
    size_t k = strlen(wanted);

    if (k > n || memcmp(label, wanted, k) != 0)
        return false;
    for (; k < n; k++) {
        if (label[k] != ' ')
            return false;
    }
    return true;
}

static enum base_status find_slot(struct aud_p11 *p, const struct conf_master *c, CK_SLOT_ID *out,
                                  struct base_err *err)
{
    CK_SLOT_ID slots[SLOTS_MAX];
    CK_ULONG n = SLOTS_MAX;
    CK_RV rv = p->f->C_GetSlotList(CK_TRUE, slots, &n);

    if (rv != CKR_OK)
        return refused(c, "listing its slots", rv, err);
    for (CK_ULONG i = 0; i < n; i++) {
        CK_TOKEN_INFO info;

        if (p->f->C_GetTokenInfo(slots[i], &info) == CKR_OK &&
            label_is(info.label, sizeof(info.label), c->token)) {
            *out = slots[i];
            return BASE_OK;
        }
    }
    return base_err_set(err, BASE_ENOENT, "%s: there is no token labelled \"%s\"", c->module,
                        c->token);
}

static enum base_status login(struct aud_p11 *p, const struct conf_master *c, struct base_err *err)
{
    struct base_buf pin;

    base_buf_init(&pin, 1024);
    enum base_status st = base_file_read(c->pin_file, &pin, err);
    struct base_str s = base_str_trim(base_buf_view(&pin));
    if (st == BASE_OK) {
        CK_RV rv = p->f->C_Login(p->session, CKU_USER, (unsigned char *)(uintptr_t)s.p, s.n);
        if (rv != CKR_OK && rv != CKR_USER_ALREADY_LOGGED_IN)
            st = refused(c, "the login", rv, err);
    }
    base_buf_wipe(&pin);
    return st;
}

static enum base_status find_key(struct aud_p11 *p, const struct conf_master *c,
                                 struct base_err *err)
{
    CK_OBJECT_CLASS class = CKO_SECRET_KEY;
    CK_KEY_TYPE type = CKK_AES;
    CK_ATTRIBUTE t[] = {{CKA_CLASS, &class, sizeof(class)},
                        {CKA_KEY_TYPE, &type, sizeof(type)},
                        {CKA_LABEL, (void *)(uintptr_t)c->key, strlen(c->key)}};
    CK_OBJECT_HANDLE found[2];
    CK_ULONG n = 0;
    CK_RV rv = p->f->C_FindObjectsInit(p->session, t, 3);

    if (rv == CKR_OK) {
        rv = p->f->C_FindObjects(p->session, found, 2, &n);
        p->f->C_FindObjectsFinal(p->session);
    }
    if (rv != CKR_OK)
        return refused(c, "looking for the key", rv, err);
    if (n != 1)
        return base_err_set(err, n ? BASE_EINVAL : BASE_ENOENT,
                            "%s: the token \"%s\" has %s AES key labelled \"%s\"", c->module,
                            c->token, n ? "more than one" : "no", c->key);
    p->key = found[0];
    return BASE_OK;
}

enum base_status aud_p11_open(const struct conf_master *c, struct aud_p11 **out,
                              struct base_err *err)
{
    struct aud_p11 *p = calloc(1, sizeof(*p));
    CK_C_INITIALIZE_ARGS args = {.flags = CKF_OS_LOCKING_OK};
    CK_C_GetFunctionList list;
    CK_SLOT_ID slot = 0;
    enum base_status st = BASE_OK;
    CK_RV rv;

    *out = NULL;
    if (!p)
        return base_err_set(err, BASE_ENOMEM, "no memory for the token");
    p->module = dlopen(c->module, RTLD_NOW | RTLD_LOCAL);
    void *sym = p->module ? dlsym(p->module, "C_GetFunctionList") : NULL;
    if (!sym) {
        const char *why = dlerror();
        st = base_err_set(err, BASE_EINVAL, "%s is no PKCS#11 module: %s", c->module,
                          why ? why : "?");
        goto out;
    }
    memcpy(&list, &sym, sizeof(list));
    if ((rv = list(&p->f)) != CKR_OK ||
        ((rv = p->f->C_Initialize(&args)) != CKR_OK && rv != CKR_CRYPTOKI_ALREADY_INITIALIZED)) {
        st = refused(c, "its start", rv, err);
        goto out;
    }
    p->initialised = rv == CKR_OK;
    st = find_slot(p, c, &slot, err);
    if (st != BASE_OK)
        goto out;
    rv = p->f->C_OpenSession(slot, CKF_SERIAL_SESSION, NULL, NULL, &p->session);
    if (rv != CKR_OK) {
        st = refused(c, "opening a session", rv, err);
        goto out;
    }
    p->open = true;
    st = login(p, c, err);
    if (st == BASE_OK)
        st = find_key(p, c, err);
out:
    if (st == BASE_OK)
        *out = p;
    else
        aud_p11_free(p);
    return st;
}

static void gcm(CK_MECHANISM *m, CK_GCM_PARAMS *g, uint8_t *nonce, const uint8_t context[32])
{
    *g = (CK_GCM_PARAMS){.pIv = nonce,
                         .ulIvLen = AUD_NONCE_BYTES,
                         .ulIvBits = AUD_NONCE_BYTES * 8,
                         .pAAD = (uint8_t *)(uintptr_t)context,
                         .ulAADLen = 32,
                         .ulTagBits = AUD_TAG_BYTES * 8};
    *m = (CK_MECHANISM){CKM_AES_GCM, g, sizeof(*g)};
}

enum base_status aud_p11_seal(struct aud_p11 *p, const uint8_t context[32],
                              const uint8_t key[AUD_KEY_BYTES], struct base_buf *out,
                              struct base_err *err)
{
    uint8_t b[AUD_NONCE_BYTES + AUD_KEY_BYTES + AUD_TAG_BYTES];
    CK_ULONG n = sizeof(b) - AUD_NONCE_BYTES;
    CK_GCM_PARAMS g;
    CK_MECHANISM m;

    base_random(b, AUD_NONCE_BYTES);
    gcm(&m, &g, b, context);
    CK_RV rv = p->f->C_EncryptInit(p->session, &m, p->key);
    if (rv == CKR_OK)
        rv = p->f->C_Encrypt(p->session, (uint8_t *)(uintptr_t)key, AUD_KEY_BYTES,
                             b + AUD_NONCE_BYTES, &n);
    if (rv != CKR_OK || n != sizeof(b) - AUD_NONCE_BYTES)
        return base_err_set(err, BASE_EIO, "the token does not wrap (CKR 0x%lx)",
                            (unsigned long)rv);
    return base_buf_add(out, b, sizeof(b)) ? BASE_OK
                                           : base_err_set(err, BASE_ENOMEM, "no memory for a key");
}

enum base_status aud_p11_unseal(struct aud_p11 *p, const uint8_t context[32],
                                struct base_str wrapped, uint8_t key[AUD_KEY_BYTES],
                                struct base_err *err)
{
    uint8_t b[AUD_NONCE_BYTES + AUD_KEY_BYTES + AUD_TAG_BYTES], plain[AUD_KEY_BYTES + 16];
    CK_ULONG n = sizeof(plain);
    CK_GCM_PARAMS g;
    CK_MECHANISM m;

    if (wrapped.n != sizeof(b))
        return base_err_set(err, BASE_EINVAL, "a wrapped tenant key has a wrong length");
    memcpy(b, wrapped.p, sizeof(b));
    gcm(&m, &g, b, context);
    CK_RV rv = p->f->C_DecryptInit(p->session, &m, p->key);
    if (rv == CKR_OK)
        rv = p->f->C_Decrypt(p->session, b + AUD_NONCE_BYTES, sizeof(b) - AUD_NONCE_BYTES, plain,
                             &n);
    if (rv == CKR_OK && n == AUD_KEY_BYTES)
        memcpy(key, plain, AUD_KEY_BYTES);
    base_wipe(plain, sizeof(plain));
    if (rv != CKR_OK || n != AUD_KEY_BYTES)
        return base_err_set(err, BASE_DENIED,
                            "a tenant key does not open with the token's key (CKR 0x%lx)",
                            (unsigned long)rv);
    return BASE_OK;
}
