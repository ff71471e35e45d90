/* note.h - C2SP signed notes, verifier keys and checkpoints (signed-note v1.0.0, tlog-checkpoint
 * v1.0.0), Ed25519 only; signature lines of other types and keys are carried and ignored.
 *
 * Pure functions over caller-owned memory; any thread; nothing blocks.
 */
#ifndef AUD_NOTE_H
#define AUD_NOTE_H

#include "audit/log/merkle.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define AUD_NAME_MAX      255
#define AUD_VKEY_MAX      512
#define AUD_NOTE_MAX      65536 /* bytes of a note, signatures included */
#define AUD_NOTE_SIGS_MAX 64

#define AUD_KEY_ED25519  0x01
#define AUD_KEY_COSIGNER 0x04 /* Ed25519, cosignature/v1: a witness's */

/* A public key and the name it signs under. */
struct aud_vkey {
    char name[AUD_NAME_MAX + 1];
    uint8_t type;  /* AUD_KEY_... */
    uint8_t id[4]; /* SHA-256(name || 0x0A || type || key), first four bytes */
    uint8_t pub[32];
};

/* A private key; wipe with aud_skey_wipe. */
struct aud_skey {
    struct aud_vkey vkey;
    uint8_t seed[32];
    /* Not NULL: another process has the seed, and is asked through this; signer is borrowed.
     * Blocks; any thread that signs. */
    enum base_status (*sign)(void *signer, struct base_str text, uint8_t sig[64],
                             struct base_err *err);
    void *signer;
};

/* Standard base64 with padding, canonical only: what decodes is what this would encode. */
bool aud_b64_encode(struct base_buf *out, const void *p, size_t n);
/* Decodes into out (at most max bytes); SIZE_MAX when it is not canonical base64 or too long. */
size_t aud_b64_decode(struct base_str s, uint8_t *out, size_t max);

/* Non-empty printable ASCII without spaces and '+', at most AUD_NAME_MAX. (The specification
 * allows more of Unicode; we sign under ASCII names only.) */
bool aud_name_valid(struct base_str name);

enum base_status aud_skey_from_seed(const char *name, const uint8_t seed[32], struct aud_skey *out,
                                    struct base_err *err) BASE_MUST_CHECK;
/* The same for any type of key. */
enum base_status aud_skey_make(uint8_t type, const char *name, const uint8_t seed[32],
                               struct aud_skey *out, struct base_err *err) BASE_MUST_CHECK;
void aud_skey_wipe(struct aud_skey *k);
/* The same key under another name (of a later period). out may be k. */
enum base_status aud_skey_named(const struct aud_skey *k, const char *name, struct aud_skey *out,
                                struct base_err *err) BASE_MUST_CHECK;
/* The bare signature. Blocks when the key is remote. */
enum base_status aud_skey_sign(const struct aud_skey *k, struct base_str text, uint8_t sig[64],
                               struct base_err *err) BASE_MUST_CHECK;

/* "name+hex8(id)+base64(type || key)" */
bool aud_vkey_print(const struct aud_vkey *k, char out[AUD_VKEY_MAX]);
enum base_status aud_vkey_parse(struct base_str s, struct aud_vkey *out,
                                struct base_err *err) BASE_MUST_CHECK;
/* The vkey of a witness (type 0x04). */
enum base_status aud_wkey_parse(struct base_str s, struct aud_vkey *out,
                                struct base_err *err) BASE_MUST_CHECK;
/* All of n such vkeys. BASE_EINVAL if one is none, or if two are the same public key, under another
 * name too: whoever signs once must not count twice. out may be NULL. Any thread. */
enum base_status aud_wkeys_parse(const char *const *s, size_t n, struct aud_vkey *out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The same key under another name, as the periods of a log have it. */
enum base_status aud_vkey_named(const struct aud_vkey *k, struct base_str name,
                                struct aud_vkey *out) BASE_MUST_CHECK;
/* "PRIVATE+KEY+name+hex8(id)+base64(type || seed)", the form of the file in keys/. */
bool aud_skey_print(const struct aud_skey *k, struct base_buf *out);
enum base_status aud_skey_parse(struct base_str s, struct aud_skey *out,
                                struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_wskey_parse(struct base_str s, struct aud_skey *out,
                                 struct base_err *err) BASE_MUST_CHECK;

/* Raw Ed25519 (RFC 8032). */
bool aud_ed25519_sign(const struct aud_skey *k, struct base_str msg, uint8_t sig[64]);
bool aud_ed25519_verify(const uint8_t pub[32], struct base_str msg, const uint8_t sig[64]);

/* Appends text (which must end in '\n'), an empty line and one signature line to out. */
enum base_status aud_note_sign(struct base_str text, const struct aud_skey *k, struct base_buf *out,
                               struct base_err *err) BASE_MUST_CHECK;
/* Checks form and the signature of k (exactly the rules of the specification: a known key with a
 * bad signature rejects, unknown keys are ignored, k itself must have signed). *text borrows from
 * note; *n_sigs (may be NULL) is the number of signature lines. */
enum base_status aud_note_verify(struct base_str note, const struct aud_vkey *k,
                                 struct base_str *text, size_t *n_sigs,
                                 struct base_err *err) BASE_MUST_CHECK;

/* Splits a note into its text and its signature lines; checks form only. */
enum base_status aud_note_split(struct base_str note, struct base_str *text, struct base_str *lines,
                                struct base_err *err) BASE_MUST_CHECK;
/* The next of those lines: its name and its bytes (key id first). BASE_DONE: no more. */
enum base_status aud_note_line(struct base_str *lines, struct base_str *name, uint8_t *raw,
                               size_t max, size_t *n) BASE_MUST_CHECK;

/* ---- cosignatures (tlog-cosignature, cosignature/v1) ---- */

/* Appends a witness's line over text at a time (seconds since 1970). */
enum base_status aud_cosign(struct base_str text, const struct aud_skey *witness, uint64_t unix_s,
                            struct base_buf *out, struct base_err *err) BASE_MUST_CHECK;
/* Has the witness signed? BASE_EINVAL: a line under its name and key does not hold. *unix_s (may be
 * NULL): the newest time it signed at. */
enum base_status aud_cosigned(struct base_str note, const struct aud_vkey *witness, bool *has,
                              uint64_t *unix_s, struct base_err *err) BASE_MUST_CHECK;

/* The body of a checkpoint: origin, size, base64 of the root, one line each. */
struct aud_checkpoint {
    char origin[AUD_NAME_MAX + 1];
    uint64_t size;
    struct aud_hash root;
};
bool aud_checkpoint_print(const struct aud_checkpoint *c, struct base_buf *out);
/* Extension lines are refused: we never write any. */
enum base_status aud_checkpoint_parse(struct base_str text, struct aud_checkpoint *out,
                                      struct base_err *err) BASE_MUST_CHECK;

#endif
