/* rights.h - people whose data are restricted (GDPR Art. 18) or who objected (Art. 21): two lists
 * of identifiers that are kept as keyed hashes only.
 *
 * An identifier is anything that names one person: an e-mail address, a telephone number, an IBAN,
 * a personal or customer number, x-weir-subject, a name. Spaces, separators, case and accents do
 * not count, and a telephone number is the same with and without its country code. What is looked
 * through is the text itself, not what detectors make of it, so a customer number that no detector
 * knows is found too.
 *
 * DIR is the audit log's directory: DIR/keys/rights.json and DIR/keys/rights.key. Loading and
 * changing block on files: command line, watcher, keeper, never a loop. Searching a snapshot is
 * pure and may run on any thread.
 */
#ifndef CONF_RIGHTS_H
#define CONF_RIGHTS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"

/* Bits: lists, and that they cannot be read (only in facts). */
#define CONF_RIGHTS_RESTRICTED 1u
#define CONF_RIGHTS_OBJECTED   2u
#define CONF_RIGHTS_UNREADABLE 4u

#define CONF_RIGHTS_MAX        20000 /* entries */
#define CONF_RIGHTS_EVENTS_MAX 1000  /* of the past, kept in the file */
#define CONF_RIGHTS_TEXT_MAX   400   /* bytes of a reason */
#define CONF_RIGHTS_NAME_MAX   120   /* bytes of an approver */
#define CONF_RIGHTS_TAGS_MAX   16
#define CONF_RIGHTS_TAG_MAX    40
#define CONF_RIGHTS_INPUT_MAX  1024 /* bytes of an identifier as given */
#define CONF_RIGHTS_CANON_MAX  96   /* letters and digits of one */
#define CONF_RIGHTS_ID_MAX     16

/* "restricted", "objected", "unreadable"; NULL for no single bit of these. */
const char *conf_rights_name(unsigned bit);
/* 0 for a word that is neither restricted nor objected. */
unsigned conf_rights_find(struct base_str word);

/* What is told of an entry; strings are the snapshot's. */
struct conf_rights_entry {
    struct base_str id; /* "r-" and 12 hexadecimal digits, random */
    unsigned list;
    struct base_str kind; /* email, phone, number, id, name: what the identifier looked like */
    struct base_str reason, approver, by, since;
    struct base_str expires; /* its last day, YYYY-MM-DD, or empty */
    int64_t expires_day;     /* INT64_MAX: none */
    struct base_str *tags;   /* names of the same person in the log, found when it was added */
    size_t n_tags;
};

struct conf_rights_event {
    bool removed;
    struct conf_rights_entry what; /* by and since are those of the change */
    uint64_t serial;
};

struct conf_rights; /* a snapshot, immutable */

/* Who wraps the lists' key where it lies (the log's master key, audit/content/rights_seal.h). Both
 * append to or fill what they are given; any thread, may block. */
#define CONF_RIGHTS_KEY_BYTES 32
struct conf_rights_seal {
    enum base_status (*wrap)(void *ctx, const uint8_t key[CONF_RIGHTS_KEY_BYTES],
                             struct base_buf *out, struct base_err *err);
    enum base_status (*unwrap)(void *ctx, struct base_str wrapped,
                               uint8_t key[CONF_RIGHTS_KEY_BYTES], struct base_err *err);
    void *ctx;
};
/* For the whole process, before other threads load; NULL: nobody from now on. A key that was
 * unwrapped once stays known to the process. */
void conf_rights_sealed_by(const struct conf_rights_seal *s);
/* Makes DIR's key wrapped if it lies there as it is (an older version's), unwraps it if it is; with
 * make, makes it if there is none. Locks. */
enum base_status conf_rights_key_ready(const char *dir, bool make,
                                       struct base_err *err) BASE_MUST_CHECK;

/* Files that are not there are empty lists. BASE_EINVAL: they do not hold (changed, cut, rolled
 * back to before what `seen` says, without their key); err names the file and the way out. */
enum base_status conf_rights_load(const char *dir, struct conf_rights **out,
                                  struct base_err *err) BASE_MUST_CHECK;
void conf_rights_free(struct conf_rights *r); /* wipes the key; NULL is fine */
bool conf_rights_there(const struct conf_rights *r);
uint64_t conf_rights_serial(const struct conf_rights *r); /* of the newest change; 0: none yet */
size_t conf_rights_count(const struct conf_rights *r, unsigned list, int64_t today); /* in force */
size_t conf_rights_n(const struct conf_rights *r);
const struct conf_rights_entry *conf_rights_at(const struct conf_rights *r, size_t i);
size_t conf_rights_events(const struct conf_rights *r, const struct conf_rights_event **out);
/* In force on that day (days since 1970-01-01 UTC). */
bool conf_rights_holds(const struct conf_rights_entry *e, int64_t today);

/* The lists (bits) that hold an identifier standing anywhere in text, as of today. r may be NULL.
 * Linear in the text; needs no memory where the text is ASCII, else a copy: when there is none the
 * answer is both lists (fail closed). */
unsigned conf_rights_in_text(const struct conf_rights *r, struct base_str text, int64_t today);
/* The lists that hold a name of the log ("subject_tag" in leaves). */
unsigned conf_rights_of_tag(const struct conf_rights *r, struct base_str tag, int64_t today);
/* The entries that one identifier, given whole, is in: indexes, at most max. */
size_t conf_rights_of(const struct conf_rights *r, struct base_str identifier, size_t *out,
                      size_t max);
/* Whether an identifier can be listed: 4 to CONF_RIGHTS_CANON_MAX letters and digits in at most 12
 * pieces. */
enum base_status conf_rights_fit(struct base_str identifier, struct base_err *err) BASE_MUST_CHECK;

/* Lists with this one identifier in them (as objected), in memory alone, under a key of their own:
 * for looking for it elsewhere. Free it with conf_rights_free. */
enum base_status conf_rights_one(struct base_str identifier, struct conf_rights **out,
                                 struct base_err *err) BASE_MUST_CHECK;
/* The identifier as it is compared, NUL-terminated: the same for all its ways of writing but those
 * of a telephone number. False: it does not fit. Wipe it. */
bool conf_rights_canon(struct base_str identifier, char out[CONF_RIGHTS_CANON_MAX + 2]);

struct conf_rights_change {
    bool remove;
    unsigned list;
    struct base_str identifier; /* never stored; or, to remove, */
    struct base_str id;         /* the entry's */
    struct base_str reason, approver, by;
    struct base_str expires; /* YYYY-MM-DD or empty */
    struct base_str tags[CONF_RIGHTS_TAGS_MAX];
    size_t n_tags;
};
/* Locks, reads, changes, writes. BASE_DONE: it is listed already; BASE_ENOENT: it is not listed;
 * BASE_EINVAL: what is asked does not fit. id gets the entry's (of the first, when removing). */
enum base_status conf_rights_change(const char *dir, const struct conf_rights_change *c,
                                    char id[CONF_RIGHTS_ID_MAX],
                                    struct base_err *err) BASE_MUST_CHECK;

/* Entries as a JSON list; today: those that are over are marked. */
void conf_rights_json(struct base_json *j, const struct conf_rights *r, int64_t today);
void conf_rights_entry_json(struct base_json *j, const struct conf_rights_entry *e, int64_t today);

/* DIR/keys/rights.seen: up to which change the log has been told. */
enum base_status conf_rights_seen_write(const char *dir, uint64_t serial, size_t entries,
                                        struct base_err *err) BASE_MUST_CHECK;
void conf_rights_seen(const char *dir, uint64_t *serial, uint64_t *entries);
/* "DIR/keys/rights.json" into out; false: too long. */
bool conf_rights_path(const char *dir, char *out, size_t bytes);

#endif
