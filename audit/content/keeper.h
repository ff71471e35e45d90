/* keeper.h - the thread that keeps what the log does not: subjects' keys and encrypted content; and
 * that destroys it again, on time, on order, and on record.
 *
 * Loops hand it what is to be kept and get a callback when it is durable and in the log; orders
 * (erasure, holds, reading) block their caller until they are done. It owns DIR/keys/{tenants.json,
 * subjects/,holds.json,erasing.json} and DIR/content/.
 */
#ifndef AUD_KEEPER_H
#define AUD_KEEPER_H

#include "audit/audit.h"
#include "audit/content/content.h"
#include "base/buf.h"

#include <jansson.h>

struct aud_keeper;

/* Appends to out what hides in a text (base64, percent signs, look-alikes); false if it could not,
 * then the text counts as one that names everybody. Any thread. */
typedef bool (*aud_forms_fn)(struct base_str text, struct base_buf *out);
/* Says how; once, before anything is opened. The detectors know it, and this folder may not include
 * them. Without it, texts are looked through as they stand. */
void aud_forms_use(aud_forms_fn fn);

struct aud_erasure;
struct aud_keeper_options {
    const char *directory;
    const struct conf_master *master;   /* copied */
    const struct conf_content *content; /* copied; for retention and bounds. NULL: defaults */
    bool rights_ready;                  /* aud_rights_ready has been called */
    /* Told of each erasure that is allowed, before it is carried out, for what others hold in
     * memory of the subject or request. On the keeper's thread; must not block. May be NULL. */
    void (*erased)(void *ctx, const struct aud_erasure *what);
    void *erased_ctx;
};

/* Opens keys and content (making what is missing), finishes an erasure that was interrupted, starts
 * the thread. The log outlives the keeper. Blocks. */
enum base_status aud_keeper_open(const struct aud_keeper_options *o, struct aud_log *log,
                                 struct aud_keeper **out, struct base_err *err) BASE_MUST_CHECK;
/* Finishes what is queued, ends the thread, wipes the keys. Before the log is closed. */
void aud_keeper_close(struct aud_keeper *k);
/* New rules of retention after a reload. Any thread. */
enum base_status aud_keeper_configure(struct aud_keeper *k, const struct conf_content *content,
                                      struct base_err *err) BASE_MUST_CHECK;

/* ---- keeping: any thread, never blocks ---- */

#define AUD_KEEP_BLOBS_MAX 4

struct aud_keep {
    struct base_str tenant, subject; /* subject empty: about nobody in particular */
    char req[AUD_REQ_MAX + 1];
    unsigned classes;
    int64_t minimum_s, maximum_s; /* from now */
    struct {
        enum aud_content_kind kind;
        uint16_t index;
        struct base_str bytes;
    } blob[AUD_KEEP_BLOBS_MAX];
    size_t n_blobs; /* 0: only the subject's tag is wanted */
};

/* Told once, on the keeper's or the log's writer thread: hand over only. BASE_OK: what was given is
 * durable, its leaf too; tag names the subject in leaves ("" for nobody). */
typedef void (*aud_kept_fn)(void *ctx, enum base_status st, const char *tag);
/* Copies what it is given. BASE_LIMIT: too much waits, or a blob is too long, or the disk is too
 * full for content; BASE_EIO: the keeper has failed for good. fn is not called then. */
enum base_status aud_keeper_keep(struct aud_keeper *k, const struct aud_keep *what, aud_kept_fn fn,
                                 void *ctx) BASE_MUST_CHECK;

/* ---- orders: block until done; not from a loop ---- */

struct aud_erasure {
    const char *subject; /* either this (of tenant, or of all) */
    const char *tenant;
    const char *req;    /* or the content of one request */
    const char *reason; /* not NULL: also before the minimum retention is over */
    const char *who;
};

struct aud_erased {
    uint64_t subjects, blobs, bytes;
    char tags[8][AUD_TAG_HEX]; /* of the first subjects */
};

/* BASE_ENOENT: nothing is kept of it. BASE_DENIED: a hold, or the minimum; that is recorded too. */
enum base_status aud_keeper_erase(struct aud_keeper *k, const struct aud_erasure *what,
                                  struct aud_erased *out, struct base_err *err) BASE_MUST_CHECK;
/* The same without waiting: copies what, calls fn on the keeper's thread (hand over only). For
 * loops; never blocks. BASE_LIMIT: the queue is full. */
typedef void (*aud_erased_fn)(void *ctx, enum base_status st, const struct aud_erased *done,
                              const struct base_err *err);
enum base_status aud_keeper_erase_later(struct aud_keeper *k, const struct aud_erasure *what,
                                        aud_erased_fn fn, void *ctx) BASE_MUST_CHECK;
/* Sets (or with release ends) a legal hold: no erasure and no retention touches the subject. */
enum base_status aud_keeper_hold(struct aud_keeper *k, const char *subject, const char *tenant,
                                 const char *reason, bool release, const char *who,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The tags of a subject (one a tenant that knows it); *n is how many of at most max. */
enum base_status aud_keeper_tags(struct aud_keeper *k, const char *subject, const char *tenant,
                                 char (*tags)[AUD_TAG_HEX], size_t max, size_t *n,
                                 struct base_err *err) BASE_MUST_CHECK;
/* Calls fn with each blob of a request, decrypted. The reading is recorded first. ground: why
 * content that names a person whose data are restricted (conf/rights.h) may be read all the same,
 * one of the words of aud_ground_known; NULL: it may not, and nothing of the request comes out
 * (BASE_DENIED, recorded). Lists that cannot be read count as restricted. */
typedef enum base_status (*aud_plain_fn)(void *ctx, const struct aud_blob *b,
                                         struct base_str plain);
enum base_status aud_keeper_read(struct aud_keeper *k, const char *req, const char *who,
                                 const char *ground, aud_plain_fn fn, void *ctx,
                                 struct base_err *err) BASE_MUST_CHECK;
/* GDPR Art. 18(2): consent, legal-claims, rights-of-others, public-interest. */
bool aud_ground_known(const char *word);
/* A blob as one line of JSON, content included, to the descriptor *(int *)ctx: an aud_plain_fn. */
enum base_status aud_plain_jsonl(void *ctx, const struct aud_blob *b, struct base_str plain);
/* ---- correct.c: GDPR Art. 16, a correction beside a record ---- */

#define AUD_CORRECTION_BYTES_MAX 16384
#define AUD_FIELD_MAX            64

struct aud_correction {
    const char *req;     /* the request whose record it is about */
    const char *subject; /* who it is of, as in x-weir-subject: the text is kept under his key */
    const char *field;   /* what is said to be wrong: at most 64 of a-z 0-9 . _ - */
    struct base_str text;
    const char *who;
};
/* The record of a request: its first leaf. */
struct aud_record {
    uint64_t number;
    char tenant[AUD_TENANT_BYTES + 1], subj[AUD_TAG_HEX]; /* subj "": it names nobody */
};
/* Reads the log: blocks for as long as it is. BASE_ENOENT: it holds no such request. */
enum base_status aud_record_find(const char *dir, const char *req, struct aud_record *out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* Keeps the text encrypted and leaves correction.made, which names the record and the text's
 * hashes; the record stays as it is. *index: of that leaf. BASE_DENIED: r is about somebody else;
 * BASE_EINVAL: what is asked does not fit. */
enum base_status aud_keeper_correct(struct aud_keeper *k, const struct aud_correction *c,
                                    const struct aud_record *r, uint64_t *index,
                                    struct base_err *err) BASE_MUST_CHECK;

/* ---- find.c: GDPR Art. 15, who is only named in kept texts ---- */

struct aud_found {
    const struct aud_blob *blob;
    const char *tenant;
    char subject[AUD_TAG_HEX]; /* whose content it is, as leaves name him */
};
typedef enum base_status (*aud_found_fn)(void *ctx, const struct aud_found *f);

struct aud_find {
    const char *identifier; /* as on the lists of conf/rights.h */
    const char *reason;     /* recorded; 1 to 256 bytes, without the person in it */
    const char *who;
    aud_found_fn fn;
    void *ctx;
};
struct aud_find_sum {
    uint64_t searched, found, unreadable; /* blobs; unreadable: could not be looked through */
    bool cut;                             /* more were found than are told */
};
/* Looks through all kept content, on the keeper's thread in slices between which it keeps and
 * erases; tells what was found by time. Recorded before it begins and before anything is told, with
 * a keyed tag in the name's place. Not from a loop: minutes for many GiB. */
enum base_status aud_keeper_find(struct aud_keeper *k, const struct aud_find *f,
                                 struct aud_find_sum *out, struct base_err *err) BASE_MUST_CHECK;

/* A finding as one line of JSON to the descriptor *(int *)ctx: an aud_found_fn. */
enum base_status aud_found_jsonl(void *ctx, const struct aud_found *f);

/* What was erased, for a reply; owned by the caller. */
json_t *aud_erased_json(const struct aud_erased *e);
/* Deletes what is past its maximum, now. */
enum base_status aud_keeper_sweep(struct aud_keeper *k, uint64_t *deleted,
                                  struct base_err *err) BASE_MUST_CHECK;

struct aud_keeper_stats {
    uint64_t kept_blobs, kept_bytes, deleted_blobs, waiting_bytes, refused;
    bool failed;
    char failure[256];
};
void aud_keeper_stats(struct aud_keeper *k, struct aud_keeper_stats *out); /* any thread */

/* ---- offline: is the content what the log says? ---- */

struct aud_content_report {
    uint64_t recorded, live, destroyed, unrecorded, damaged;
    uint64_t first_bad; /* index of the leaf; UINT64_MAX: none */
    bool holds;
    char problem[512];
    bool absent; /* there is no DIR/content at all */
};
/* Every blob that a leaf names is there with the hash it says, or was destroyed after a leaf that
 * names it for erasure or deletion. Needs no key. A directory without content holds. */
enum base_status aud_content_check(const char *dir, struct aud_content_report *out,
                                   struct base_err *err) BASE_MUST_CHECK;

#endif
