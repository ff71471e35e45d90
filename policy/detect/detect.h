/* detect.h - how recognisers plug into one scan. Internal to policy/.
 *
 * A recogniser is a pattern for the prefilter plus a function that looks exactly. The function is
 * called for each match of its pattern, with cue words already known, and reports what holds with
 * pol_found. Recognisers of digits need no pattern: pol_scan_numbers walks all of them.
 */
#ifndef POLICY_DETECT_H
#define POLICY_DETECT_H

#include "policy/policy.h"
#include "policy/text/norm.h"
#include "policy/words/cues.h"

/* No cue is longer. */
#define POL_CUE_BYTES 64

struct pol_cue_hit {
    uint32_t from, to, what, where;
};

struct pol_cand {
    uint32_t from, to; /* in the normalised text */
    uint8_t type, level, rank;
    const char *subtype;
};

/* One text being scanned. */
struct pol_scan {
    const char *p; /* normalised */
    size_t n;
    const struct pol_cue_hit *cues; /* by end */
    size_t n_cues;
    struct pol_cand *v;
    size_t n_v, cap;
    size_t n_names; /* the first of v: what the tagger found, in order */
    bool truncated;
    bool slips; /* pol_scan_numbers saw letters among digits */
};

struct pol_pat;
typedef void (*pol_pat_fn)(struct pol_scan *s, const struct pol_pat *pat, size_t from, size_t to);

enum { PAT_SOM = 1, PAT_CASELESS = 2 }; /* SOM: `from` is the start of the match, else 0 */

struct pol_pat {
    const char *expr;
    unsigned flags;
    pol_pat_fn fn;
    enum pol_type type;
    const char *subtype;
    unsigned arg, arg2;
};

/* The recognisers, a table a subject. */
extern const struct pol_pat pol_pats_net[], pol_pats_secret[], pol_pats_other[],
    pol_pats_position[], pol_pats_bank[];
extern const size_t pol_pats_net_n, pol_pats_secret_n, pol_pats_other_n, pol_pats_position_n,
    pol_pats_bank_n;

/* Statements on a person; the terms found, by end, `what` being the index in pol_terms. */
void pol_scan_special(struct pol_scan *s, const struct pol_cue_hit *hits, size_t n);
/* A person's name within [from, to); full: one that says who it is, no bare first name. */
bool pol_named_within(const struct pol_scan *s, size_t from, size_t to, bool full);
/* Fills the word set of special.c; thread safe. pol_detector_new calls it. */
void pol_special_setup(void);

/* Persons, organisations and places; called first, so that the others may ask pol_person_near. */
struct pol_tagger;
void pol_scan_names(struct pol_scan *s, const struct pol_tagger *t);
/* Every run of digits and separators in the text: national numbers, cards, telephones. */
void pol_scan_numbers(struct pol_scan *s);
/* Once more for numbers with letters that look like digits, if s->slips; shadow: s->n bytes of the
 * caller's. */
void pol_scan_slips(struct pol_scan *s, char *shadow);
/* A postal code in a form of its own, at the token that begins at `at` and holds a digit. */
void pol_postal_at(struct pol_scan *s, size_t at);
/* Streets with house numbers, postal codes. */
void pol_scan_address(struct pol_scan *s);
void pol_scan_seed(struct pol_scan *s); /* words of a wallet without a word for it */
/* Values that a cue announces ("passport no. X123"): called once, after the patterns. */
void pol_scan_keyed(struct pol_scan *s);
/* Telephone numbers; from pol_scan_numbers at every place where one may begin. Returns the end of
 * the number found, or 0. */
size_t pol_phone_at(struct pol_scan *s, size_t from);
/* Identifiers with letters in them, at the token that begins at run and holds a digit. */
void pol_ids_at(struct pol_scan *s, size_t run);
/* The same for what has its own file: an IBAN, an IPv4 address, a wallet. */
void pol_iban_at(struct pol_scan *s, size_t from);
/* The date behind a cue for a birth. */
void pol_dob_after(struct pol_scan *s, const struct pol_cue_hit *c);
/* A date whose day, or year, is the number at from. */
void pol_date_at(struct pol_scan *s, size_t from);
/* A plus code (Open Location Code) whose sign stands at plus. */
void pol_plus_code_at(struct pol_scan *s, size_t plus);
/* A token of three parts, the first from from to to: keys without a prefix of their own. */
void pol_secret_at(struct pol_scan *s, size_t from, size_t to);
/* A bank's code behind a cue for one. */
void pol_bic_after(struct pol_scan *s, const struct pol_cue_hit *c);
void pol_ipv4_at(struct pol_scan *s, size_t from);
void pol_wallet_at(struct pol_scan *s, size_t from, size_t to);
/* A window of n digits between from and to: card or device number? */
void pol_card_at(struct pol_scan *s, const uint8_t *d, size_t n, size_t from, size_t to,
                 const char *sig);

/* Reports a finding; rank decides between overlapping ones (higher wins, then longer). */
void pol_found(struct pol_scan *s, size_t from, size_t to, enum pol_type type, enum pol_level level,
               const char *subtype, unsigned rank);

/* Index of the first cue that ends after pos; cues are ordered by their ends. */
size_t pol_cue_after(const struct pol_scan *s, size_t pos);
/* A cue of one of the meanings, for one of the countries (0: any), ending at most `before` bytes
 * before from or beginning at most `after` bytes behind to, at most one line away. */
bool pol_cue_near(const struct pol_scan *s, size_t from, size_t to, uint32_t what, uint32_t where,
                  size_t before, size_t after);
/* A cue of that meaning directly before: nothing but a few words without digits between. */
bool pol_cue_leads(const struct pol_scan *s, size_t from, uint32_t what, size_t before);
/* Something that looks like a person's name, or says that one is near, stands before or behind. */
bool pol_person_near(const struct pol_scan *s, size_t from, size_t to);

static inline bool pol_is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static inline bool pol_is_alpha(char c)
{
    return (c | 32) >= 'a' && (c | 32) <= 'z';
}

/* Letters of other scripts count: a number glued to a word is part of a word. */
static inline bool pol_is_word(char c)
{
    return pol_is_digit(c) || pol_is_alpha(c) || c == '_' || (unsigned char)c >= 0x80;
}

/* [from, to) is a whole token: no letter or digit touches it, and it is no part of a longer run
 * such as a UUID, a path, a version or a decimal. */
bool pol_stands_alone(const struct pol_scan *s, size_t from, size_t to);
/* Only that no letter or digit touches it. */
bool pol_word_bounds(const struct pol_scan *s, size_t from, size_t to);

/* As pol_scan_text for the types of `types` only; *classes gets the classes of all that was found,
 * overlapped findings included. */
enum base_status pol_scan_types(const struct pol_detector *d, struct pol_scratch *s,
                                struct base_str text, pol_types types, struct base_arena *a,
                                struct pol_spans *out, unsigned *classes,
                                struct base_err *err) BASE_MUST_CHECK;
/* The text of the last scan as detectors read it; borrowed until the next one. */
const struct pol_norm *pol_scratch_norm(const struct pol_scratch *s);
/* The same of what it decoded from base64; NULL: nothing. */
const struct pol_norm *pol_scratch_inner(const struct pol_scratch *s);

#endif
