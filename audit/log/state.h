/* state.h - the small signed files of a log directory: log.conf, state, checkpoint, keys/log.key.
 * Private to audit/. Everything here blocks on files.
 */
#ifndef AUD_STATE_H
#define AUD_STATE_H

#include "audit/log/note.h"
#include "audit/log/place.h"
#include "audit/log/wal.h"

#include <pthread.h>

struct aud_conf {
    char origin[AUD_NAME_MAX + 1];
    struct aud_vkey vkey;
    uint64_t created_us;
    struct aud_hash id; /* SHA-256 of the file */
};

/* The last size that was signed, and where it ends in the write-ahead log. */
struct aud_state {
    uint64_t size;
    struct aud_hash root;
    uint64_t segment;    /* first index of the segment that holds the COMMIT of that size */
    uint64_t end;        /* the offset behind that COMMIT */
    struct aud_hash sha; /* SHA-256 over that segment's bytes [0, end) */
    bool clean;          /* closed in order: nothing follows */
};

/* log.conf signs itself; vkey (may be NULL) is the key the caller trusts instead of its own. */
enum base_status aud_conf_load(const char *dir, struct base_str vkey, struct aud_conf *out,
                               struct base_err *err) BASE_MUST_CHECK;
/* The text of a log.conf that does not exist yet, and its id. */
enum base_status aud_conf_make(const struct aud_skey *k, uint64_t created_us, struct base_buf *file,
                               struct aud_hash *id, struct base_err *err) BASE_MUST_CHECK;

enum base_status aud_state_load(const char *dir, const struct aud_conf *c, struct aud_state *out,
                                struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_state_save(const char *dir, const struct aud_skey *k,
                                const struct aud_state *s, struct base_err *err) BASE_MUST_CHECK;

/* *note (may be NULL) receives the whole file. */
enum base_status aud_checkpoint_load(const char *dir, const struct aud_conf *c,
                                     struct aud_checkpoint *out, struct base_buf *note,
                                     struct base_err *err) BASE_MUST_CHECK;
/* The same from another file of the directory. */
enum base_status aud_checkpoint_file(const char *dir, const char *name, const struct aud_conf *c,
                                     struct aud_checkpoint *out, struct base_buf *note,
                                     struct base_err *err) BASE_MUST_CHECK;
/* The same as a note in memory. */
enum base_status aud_checkpoint_note(const struct aud_skey *k, const struct aud_state *s,
                                     struct base_buf *out, struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_checkpoint_save(const char *dir, const struct aud_skey *k,
                                     const struct aud_state *s,
                                     struct base_err *err) BASE_MUST_CHECK;

/* Held while checkpoint or witnessed is replaced and while files change their period, by whichever
 * thread does it: cosignatures of an older checkpoint must never go over a newer one. */
extern pthread_mutex_t aud_checkpoint_mu;

/* keys/log.key, mode 0600. */
enum base_status aud_key_load(const char *dir, struct aud_skey *out,
                              struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_key_make(const char *dir, const char *origin, struct aud_skey *out,
                              struct base_err *err) BASE_MUST_CHECK;

#endif
