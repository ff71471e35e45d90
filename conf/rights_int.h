/* rights_int.h - what rights.c (the file) and rights_find.c (the search) share. */
#ifndef CONF_RIGHTS_INT_H
#define CONF_RIGHTS_INT_H

#include "base/buf.h"
#include "conf/rights.h"

#define RIGHTS_KEY_BYTES 32
#define RIGHTS_FORMS_MAX 6
#define RIGHTS_PIECES    12

/* One way in which an identifier is looked up: a letter and what stands behind it, letters and
 * digits only, capitals. */
struct rights_form {
    char text[CONF_RIGHTS_CANON_MAX + 1];
    uint32_t n; /* with the letter */
};

struct rights_hash {
    uint64_t quick;  /* SipHash-2-4 of the form: finds */
    uint8_t mac[32]; /* HMAC-SHA256 of the form: decides */
    char way;        /* the form's letter */
    uint8_t n;       /* its length */
    uint32_t entry;
};

struct conf_rights {
    struct base_arena *arena;
    bool there;
    uint8_t key[RIGHTS_KEY_BYTES];
    uint64_t sip[2];
    uint64_t serial;
    struct conf_rights_entry *v;
    size_t n;
    struct conf_rights_event *events;
    size_t n_events;
    struct rights_hash *hashes; /* all of them, in no order */
    size_t n_hashes;
    uint32_t *slots; /* open addressing by quick: index in hashes plus 1 */
    size_t mask;
    uint64_t lengths[4][2]; /* which lengths there are, a way each: i t l a */
    bool words;             /* an identifier without digits and without @ is listed */
};

/* ---- rights_find.c: a text, cut up ---- */

#define RIGHTS_CANON_MIN 4
#define RIGHTS_PHONE_MIN 7
#define RIGHTS_PHONE_MAX 15

struct rights_piece {
    uint32_t from;     /* in canon */
    bool digit, other; /* holds a digit; something that is none */
    bool at;           /* an @ stands before it */
    bool plus;         /* a + stands directly before it */
    bool capital;      /* begins with a capital, or a letter of which that is not known */
};

/* A text as it is cut up: canon holds the letters and digits of the last pieces. */
struct rights_cut {
    char canon[4096];
    size_t n;
    struct rights_piece v[RIGHTS_PIECES];
    size_t k; /* of v, oldest first */
};

typedef void (*rights_window_fn)(void *ctx, const struct rights_cut *c, size_t first);
/* t is folded. Calls fn at the end of every piece, for each run of pieces that ends there. */
void rights_cut_text(struct base_str t, rights_window_fn fn, void *ctx);
/* A folded copy where the text is not ASCII; *own is what to wipe and free. False: no memory. */
bool rights_fold(struct base_str in, struct base_str *out, struct base_buf *own);

/* The forms that an identifier is stored under; n == 0: it does not fit. */
size_t rights_forms(struct base_str identifier, struct rights_form out[RIGHTS_FORMS_MAX],
                    const char **kind);
void rights_hash_form(const struct conf_rights *r, const struct rights_form *f,
                      struct rights_hash *out);
void rights_mac(const uint8_t key[RIGHTS_KEY_BYTES], const char *what, struct base_str text,
                uint8_t out[32]);
/* DIR/keys/NAME into out; false: too long. */
bool rights_path_of(const char *dir, const char *name, char *out, size_t bytes);
/* rights_key.c. A new key, durable, wrapped where somebody wraps; or the one that lies there. */
enum base_status rights_make_key(const char *path, struct conf_rights *r,
                                 struct base_err *err) BASE_MUST_CHECK;
bool rights_unhex(struct base_str s, uint8_t *out, size_t n);
void rights_to_hex(const uint8_t *p, size_t n, char *out);
/* The key file into r->key and r->sip. */
enum base_status rights_read_key(struct conf_rights *r, const char *path,
                                 struct base_err *err) BASE_MUST_CHECK;
/* After hashes are there: the table. False: no memory. */
bool rights_index(struct conf_rights *r);

#endif
