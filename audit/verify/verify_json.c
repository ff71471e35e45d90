/* verify_json.c - what a record must be, for the verifier: one pass over the bytes, no memory.
 *
 * The other end, leaf.c, refuses a bad record before it is written; this is a second reading of the
 * same rules (docs/audit-format.md, "Leaves") that shares no code with it, and is made for speed:
 * strings are skipped by a table, and a key that sorts behind the one before it needs no search for
 * a double.
 */
#include "audit/verify/ver.h"

#include <string.h>

#define AROUND_MAX 31  /* arrays and objects around a value */
#define KEYS_MAX   256 /* in the objects open at one time */

struct json {
    const uint8_t *p, *end;
    unsigned around;
    unsigned n_keys;
    struct base_str key[KEYS_MAX];
    struct ver_record *out;
    unsigned seen; /* bits in the order of `names` */
};

/* 0: goes on inside a string; else a reason to stop: quote, backslash, control */
static const uint8_t stop[256] = {[0 ... 0x1f] = 1, ['"'] = 1, ['\\'] = 1};

static void blanks(struct json *j)
{
    while (j->p < j->end && (*j->p == ' ' || *j->p == '\n' || *j->p == '\t' || *j->p == '\r'))
        j->p++;
}

/* \uXXXX at p: its unit, or -1. */
static int32_t unit_at(const uint8_t *p, const uint8_t *end)
{
    int32_t u = 0;

    if (end - p < 6 || p[0] != '\\' || p[1] != 'u')
        return -1;
    for (int i = 2; i < 6; i++) {
        uint8_t c = p[i];
        int32_t d = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (d < 0)
            return -1;
        u = u * 16 + d;
    }
    return u;
}

/* How many bytes the escape at p has; 0: it is none. */
static size_t escape_at(const uint8_t *p, const uint8_t *end)
{
    if (end - p < 2)
        return 0;
    switch (p[1]) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't':
        return 2;
    default:
        break;
    }
    int32_t high = unit_at(p, end);
    if (high < 0 || (high >= 0xDC00 && high <= 0xDFFF))
        return 0;
    if (high < 0xD800 || high > 0xDBFF)
        return 6;
    int32_t low = unit_at(p + 6, end);
    return low >= 0xDC00 && low <= 0xDFFF ? 12 : 0;
}

static bool string_at(struct json *j, struct base_str *body, bool escapes)
{
    if (j->p >= j->end || *j->p != '"')
        return false;
    const uint8_t *start = ++j->p;
    for (;;) {
        while (j->p < j->end && !stop[*j->p])
            j->p++;
        if (j->p >= j->end || *j->p < 0x20)
            return false;
        if (*j->p == '"')
            break;
        size_t n = escapes ? escape_at(j->p, j->end) : 0;
        if (n == 0)
            return false;
        j->p += n;
    }
    *body = base_str_n(start, (size_t)(j->p - start));
    j->p++;
    return true;
}

static size_t run_of_digits(struct json *j)
{
    const uint8_t *start = j->p;

    while (j->p < j->end && *j->p >= '0' && *j->p <= '9')
        j->p++;
    return (size_t)(j->p - start);
}

/* A number of at most 32 bytes, 18 digits before the point and 2 in the exponent. *u is its value
 * if it is a whole number that is not negative, else *whole is false. */
static bool number_at(struct json *j, uint64_t *u, bool *whole)
{
    const uint8_t *start = j->p;

    *whole = true;
    if (*j->p == '-') {
        *whole = false;
        j->p++;
    }
    const uint8_t *first = j->p;
    size_t n = run_of_digits(j);
    if (n == 0 || n > 18 || (n > 1 && *first == '0'))
        return false;
    *u = 0;
    for (size_t i = 0; i < n; i++)
        *u = *u * 10 + (first[i] - '0');
    if (j->p < j->end && *j->p == '.') {
        *whole = false;
        j->p++;
        if (run_of_digits(j) == 0)
            return false;
    }
    if (j->p < j->end && (*j->p == 'e' || *j->p == 'E')) {
        *whole = false;
        j->p++;
        if (j->p < j->end && (*j->p == '+' || *j->p == '-'))
            j->p++;
        n = run_of_digits(j);
        if (n == 0 || n > 2)
            return false;
    }
    return j->p - start <= 32;
}

static bool literal_at(struct json *j, const char *w, size_t n)
{
    if ((size_t)(j->end - j->p) < n || memcmp(j->p, w, n) != 0)
        return false;
    j->p += n;
    return true;
}

static bool value_at(struct json *j);

/* The value of one of the record's own members. */
static bool member_at(struct json *j, struct base_str key)
{
    static const char names[6][8] = {"v", "t", "ev", "req", "tenant", "status"};
    struct ver_record *o = j->out;
    struct base_str *text[6] = {NULL, NULL, &o->ev, &o->req, &o->tenant, &o->status};
    bool whole;

    for (unsigned i = 0; i < 6; i++) {
        if (!base_str_is(key, names[i]))
            continue;
        j->seen |= 1u << i;
        if (i == 5 && (j->p >= j->end || *j->p != '"'))
            return value_at(j); /* a status that is no string is nobody's business here */
        if (text[i])
            return string_at(j, text[i], true);
        return j->p < j->end && *j->p != '"' && number_at(j, i == 0 ? &o->v : &o->t, &whole) &&
               whole;
    }
    return value_at(j);
}

/* No key twice: sorted keys are seen at a glance, others are searched. */
static bool key_new(const struct json *j, unsigned from, struct base_str key, bool *sorted)
{
    if (j->n_keys == from)
        return true;
    struct base_str prev = j->key[j->n_keys - 1];
    size_t n = prev.n < key.n ? prev.n : key.n;
    int c = memcmp(prev.p, key.p, n);
    if (*sorted && (c < 0 || (c == 0 && prev.n < key.n)))
        return true;
    *sorted = false;
    for (unsigned i = from; i < j->n_keys; i++) {
        if (base_str_eq(j->key[i], key))
            return false;
    }
    return true;
}

static bool object_at(struct json *j)
{
    unsigned from = j->n_keys;
    bool sorted = true, top = j->around == 1;
    struct base_str key;

    j->p++;
    blanks(j);
    if (j->p < j->end && *j->p == '}') {
        j->p++;
        return true;
    }
    for (;;) {
        blanks(j);
        if (j->n_keys == KEYS_MAX || !string_at(j, &key, false) || !key_new(j, from, key, &sorted))
            return false;
        j->key[j->n_keys++] = key;
        blanks(j);
        if (j->p >= j->end || *j->p++ != ':')
            return false;
        blanks(j);
        if (!(top ? member_at(j, key) : value_at(j)))
            return false;
        blanks(j);
        if (j->p >= j->end)
            return false;
        uint8_t c = *j->p++;
        if (c == '}')
            break;
        if (c != ',')
            return false;
    }
    j->n_keys = from;
    return true;
}

static bool array_at(struct json *j)
{
    j->p++;
    blanks(j);
    if (j->p < j->end && *j->p == ']') {
        j->p++;
        return true;
    }
    for (;;) {
        if (!value_at(j))
            return false;
        blanks(j);
        if (j->p >= j->end)
            return false;
        uint8_t c = *j->p++;
        if (c == ']')
            return true;
        if (c != ',')
            return false;
    }
}

static bool value_at(struct json *j)
{
    struct base_str ignored;
    uint64_t u;
    bool whole, ok;

    blanks(j);
    if (j->p >= j->end || j->around > AROUND_MAX)
        return false;
    switch (*j->p) {
    case '"':
        return string_at(j, &ignored, true);
    case '{':
    case '[':
        j->around++;
        ok = *j->p == '{' ? object_at(j) : array_at(j);
        j->around--;
        return ok;
    case 't':
        return literal_at(j, "true", 4);
    case 'f':
        return literal_at(j, "false", 5);
    case 'n':
        return literal_at(j, "null", 4);
    default:
        return number_at(j, &u, &whole);
    }
}

/* Is text UTF-8 (RFC 3629)? Eight bytes at a time while they are ASCII. */
static bool utf8(struct base_str text)
{
    size_t i = 0;

    while (i < text.n) {
        uint64_t w;
        uint32_t cp;

        if (text.n - i >= 8) {
            memcpy(&w, text.p + i, 8);
            if ((w & 0x8080808080808080u) == 0) {
                i += 8;
                continue;
            }
        }
        size_t k = base_utf8_decode(text.p + i, text.n - i, &cp);
        if (k == 0)
            return false;
        i += k;
    }
    return true;
}

bool ver_record_scan(struct base_str text, struct ver_record *out)
{
    struct json j;

    j.p = (const uint8_t *)text.p;
    j.end = j.p + text.n;
    j.around = j.n_keys = j.seen = 0;
    j.out = out;
    *out = (struct ver_record){.v = 0};
    if (text.n < 2 || text.p[0] != '{' || text.p[text.n - 1] != '}' || !utf8(text))
        return false;
    return value_at(&j) && j.p == j.end && (j.seen & 31u) == 31u && out->v >= 1 && out->t >= 1;
}
