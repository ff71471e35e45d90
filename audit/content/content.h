/* content.h - encrypted content beside the log: blobs in segments, readable with the keyring,
 * destroyable without breaking a proof. Private to audit/; one thread (the keeper's); blocks.
 */
#ifndef AUD_CONTENT_H
#define AUD_CONTENT_H

#include "audit/content/keyring.h"
#include "audit/log/merkle.h"

/* CORRECTION: what somebody said is wrong about the request, not what went over a wire. */
enum aud_content_kind {
    AUD_REQUEST,
    AUD_SENT,
    AUD_RECEIVED,
    AUD_DELIVERED,
    AUD_CORRECTION,
    AUD_KINDS
};

#define AUD_REQ_MAX        40 /* bytes of a request's id */
#define AUD_BLOB_BYTES_MAX (64u << 20)

const char *aud_kind_name(enum aud_content_kind k);
/* Data classes as bits (0: none), as words. classes_json writes a sorted list. */
struct base_json;
void aud_classes_json(struct base_json *j, unsigned classes);

struct aud_blob {
    enum aud_content_kind kind;
    uint16_t index; /* of its kind in the request: the attempt for `sent` */
    uint8_t classes;
    int64_t t, keep_until, delete_after; /* microseconds UTC; filled before it is added */
    char req[AUD_REQ_MAX + 1];
    struct base_str bytes; /* plaintext, borrowed */
    /* filled by add and by scans */
    uint8_t id[AUD_ID_BYTES], tenant[AUD_ID_BYTES], subject[AUD_ID_BYTES];
    uint64_t n; /* of the plaintext */
    struct aud_hash ct, commit;
};

struct aud_content;

/* Opens DIR/content (made with make), cuts what an interrupted append left. */
enum base_status aud_content_open(const char *dir, const uint8_t ring[AUD_ID_BYTES], bool make,
                                  struct aud_content **out, struct base_err *err) BASE_MUST_CHECK;
void aud_content_free(struct aud_content *c);

/* Encrypts b under s and puts it into the open batch; b->id, ct, commit, ... are filled. */
enum base_status aud_content_add(struct aud_content *c, const struct aud_subject *s,
                                 struct aud_blob *b, struct base_err *err) BASE_MUST_CHECK;
/* Bytes in the open batch. */
size_t aud_content_pending(const struct aud_content *c);
/* Makes the batch durable. After an error the store is of no more use. */
enum base_status aud_content_sync(struct aud_content *c, struct base_err *err) BASE_MUST_CHECK;

/* Where a blob stands. */
struct aud_blob_at {
    uint64_t segment, offset;
    bool live; /* else destroyed: only id, n, t are known */
};
/* Calls fn for every blob, in order of storing; stops at the first status that is not BASE_OK. The
 * plaintext is not read (b->bytes is empty). *damaged (may be NULL) counts places that do not
 * parse. */
typedef enum base_status (*aud_blob_fn)(void *ctx, const struct aud_blob *b,
                                        const struct aud_blob_at *at);
enum base_status aud_content_each(struct aud_content *c, aud_blob_fn fn, void *ctx,
                                  uint64_t *damaged, struct base_err *err) BASE_MUST_CHECK;
/* The ciphertext's hash as it is on disk. */
enum base_status aud_content_hash(struct aud_content *c, const struct aud_blob_at *at,
                                  struct aud_hash *ct, struct base_err *err) BASE_MUST_CHECK;
/* Decrypts the blob at `at` with s into out. *commit (may be NULL) is computed anew. BASE_DENIED:
 * it does not authenticate. */
enum base_status aud_content_read(struct aud_content *c, const struct aud_blob_at *at,
                                  const struct aud_subject *s, struct base_buf *out,
                                  struct aud_hash *commit, struct base_err *err) BASE_MUST_CHECK;
/* Overwrites blobs (their keys and their bytes) in place and syncs; a segment that has nothing
 * live any more and is not being written is removed. */
enum base_status aud_content_destroy(struct aud_content *c, const struct aud_blob_at *v, size_t n,
                                     struct base_err *err) BASE_MUST_CHECK;

#endif
