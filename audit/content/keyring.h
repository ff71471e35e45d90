/* keyring.h - tenant keys and subject keys. Private to audit/; one thread (the keeper's); blocks.
 *
 *   master --wraps--> tenant key TK --wraps--> subject key SK --wraps--> one key for each blob
 *
 * A subject is found by HMAC(TK, name): its name stands nowhere. Its tag, by which leaves name it,
 * comes from its SK: when that is gone nobody can say any more whose tag it was.
 */
#ifndef AUD_KEYRING_H
#define AUD_KEYRING_H

#include "audit/content/kcrypt.h"
#include "audit/content/master.h"

#define AUD_ID_BYTES     16
#define AUD_TAG_HEX      33 /* a subject's tag in leaves: 16 bytes in hexadecimal, NUL */
#define AUD_TENANTS_MAX  10000
#define AUD_SUBJECT_MAX  128 /* bytes of a subject's name */
#define AUD_TENANT_BYTES 64

struct aud_keyring;

/* One subject's key. Holds a secret: wipe it. */
struct aud_subject {
    uint8_t tenant[AUD_ID_BYTES]; /* id of the tenant key */
    uint8_t lookup[AUD_ID_BYTES];
    uint8_t id[AUD_ID_BYTES];
    uint8_t key[AUD_KEY_BYTES];
    char tag[AUD_TAG_HEX];
};

/* Opens (or makes, with make) the keyring under DIR/keys. Finishes what an interrupted rewrite
 * left. */
enum base_status aud_keyring_open(const char *dir, const struct conf_master *master, bool make,
                                  struct aud_keyring **out, struct base_err *err) BASE_MUST_CHECK;
void aud_keyring_free(struct aud_keyring *k); /* wipes */
/* Random id of the ring: bound into everything that is encrypted under it. */
const uint8_t *aud_keyring_id(const struct aud_keyring *k);

/* The key of a subject of a tenant; made when it is new and make is set, else BASE_ENOENT. name ""
 * is what is about nobody in particular. A made one is durable after aud_keyring_sync. */
enum base_status aud_keyring_subject(struct aud_keyring *k, struct base_str tenant,
                                     struct base_str name, bool make, struct aud_subject *out,
                                     struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_keyring_sync(struct aud_keyring *k, struct base_err *err) BASE_MUST_CHECK;
/* By the ids that stand in a blob's header. BASE_ENOENT: destroyed. Reads one bucket after the
 * other: slow. */
enum base_status aud_keyring_by_id(struct aud_keyring *k, const uint8_t tenant[AUD_ID_BYTES],
                                   const uint8_t id[AUD_ID_BYTES], struct aud_subject *out,
                                   struct base_err *err) BASE_MUST_CHECK;
size_t aud_keyring_tenants(const struct aud_keyring *k);
/* The name of tenant number i, in order of creation. */
const char *aud_keyring_tenant(const struct aud_keyring *k, size_t i);
/* The name that belongs to a tenant key's id, or NULL. */
const char *aud_keyring_tenant_of(const struct aud_keyring *k, const uint8_t id[AUD_ID_BYTES]);

/* Destroys the record with this lookup and id: overwritten with zeros where it stands and synced,
 * then the file is written anew without it, and the old file's bytes are overwritten before they
 * are freed. BASE_OK also when it is gone already. */
enum base_status aud_keyring_destroy(struct aud_keyring *k, const uint8_t lookup[AUD_ID_BYTES],
                                     const uint8_t id[AUD_ID_BYTES],
                                     struct base_err *err) BASE_MUST_CHECK;

#endif
