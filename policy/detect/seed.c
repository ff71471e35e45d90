/* seed.c - the words of a wallet's seed phrase (BIP-39) where nothing says that they are one.
 *
 * A phrase is 12, 15, 18, 21 or 24 words in a row out of the 2,048 of the English list, whose last
 * bits are the first of SHA-256 over the others. Words stand apart by white space, commas or the
 * numbers of a list ("1. abandon 2. ability"). Prose holds such a row practically never, and one
 * in sixteen (for 12 words) of those that chance makes has the right sum; rows that say the same
 * words again and again are none.
 *
 * Cheap: twelve words with their gaps are 47 bytes or more, so a word of each phrase lies over one
 * of every STEP bytes; only from a word of the list that lies there the row is read to both sides.
 * With a word in front that says so, secret.c finds phrases without a sum as well.
 */
#include "policy/detect/detect.h"
#include "policy/words/seed_words.h"

#include <openssl/sha.h>
#include <pthread.h>
#include <string.h>

#define STEP      44
#define WORDS_MAX 24
#define GAP_MAX   6 /* ", 12. " */

/* Which three letters some word of the list begins with: most words of prose end here. */
static uint8_t heads[26 * 26 * 26];
static pthread_once_t heads_once = PTHREAD_ONCE_INIT;

static size_t head(const char *w)
{
    return ((size_t)(w[0] | 32) - 'a') * 676 + ((size_t)(w[1] | 32) - 'a') * 26 +
           ((size_t)(w[2] | 32) - 'a');
}

static void heads_fill(void)
{
    for (size_t i = 0; i < POL_SEED_WORDS; i++)
        heads[head(pol_seed_words[i])] = 1;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c | 32) : c;
}

/* The number of the word [a, e), or -1. */
static int number_of(const char *p, size_t a, size_t e)
{
    char w[8] = {0};
    size_t lo = 0, hi = POL_SEED_WORDS;

    if (e - a < 3 || e - a > 8 || !heads[head(p + a)])
        return -1;
    for (size_t i = a; i < e; i++)
        w[i - a] = lower(p[i]);
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        int c = memcmp(pol_seed_words[mid], w, sizeof(w));

        if (c == 0)
            return (int)mid;
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return -1;
}

static bool parts(char c)
{
    return c && (strchr(" \n\r\t,.;:)", c) || pol_is_digit(c));
}

/* The word behind e, over what stands between words: *a and its end; false if none is near. */
static bool next_word(const struct pol_scan *s, size_t e, size_t *a, size_t *end)
{
    size_t i = e;

    while (i < s->n && i - e < GAP_MAX && parts(s->p[i]))
        i++;
    if (i == e || i >= s->n || !pol_is_alpha(s->p[i]))
        return false;
    for (*a = i; i < s->n && i - *a < 9 && pol_is_alpha(s->p[i]); i++)
        ;
    *end = i;
    return true;
}

static bool word_before(const struct pol_scan *s, size_t a, size_t *from, size_t *end)
{
    size_t i = a;

    while (i > 0 && a - i < GAP_MAX && parts(s->p[i - 1]))
        i--;
    if (i == a || i == 0 || !pol_is_alpha(s->p[i - 1]))
        return false;
    for (*end = i; i > 0 && *end - i < 9 && pol_is_alpha(s->p[i - 1]); i--)
        ;
    *from = i;
    return true;
}

/* The sum of n words holds. */
static bool sums(const uint16_t *v, size_t n)
{
    uint8_t bits[33] = {0}, hash[SHA256_DIGEST_LENGTH];
    size_t sum = n / 3, all = n * 11, data = (all - sum) / 8;

    for (size_t i = 0; i < all; i++) {
        if (v[i / 11] >> (10 - i % 11) & 1)
            bits[i / 8] |= (uint8_t)(0x80 >> i % 8);
    }
    SHA256(bits, data, hash);
    return (bits[data] ^ hash[0]) >> (8 - sum) == 0;
}

/* More than half of n words are different ones: of a drawn phrase nearly all are, while "text 1
 * word word word" has the right sum as often as any row. (Vectors of the standard that say one word
 * eleven times are nobody's wallet; with a word for them secret.c finds them.) */
static bool various(const uint16_t *v, size_t n)
{
    size_t distinct = 0;

    for (size_t i = 0; i < n; i++) {
        size_t k = 0;

        while (k < i && v[k] != v[i])
            k++;
        distinct += k == i;
    }
    return distinct > n / 2;
}

/* The row of words of the list around [a, e); *last: where it ends. */
static void read_row(struct pol_scan *s, size_t a, size_t e, size_t *last)
{
    size_t from[3 * WORDS_MAX], to[3 * WORDS_MAX], n = 0, b, c;
    uint16_t v[3 * WORDS_MAX];
    int k;

    for (size_t back = 0;
         back < WORDS_MAX && word_before(s, a, &b, &c) && number_of(s->p, b, c) >= 0; back++)
        a = b;
    for (b = a, c = a; c < s->n && pol_is_alpha(s->p[c]) && c - a < 9;)
        c++;
    while (n < sizeof(v) / sizeof(v[0]) && (k = number_of(s->p, b, c)) >= 0) {
        from[n] = b;
        to[n] = c;
        v[n++] = (uint16_t)k;
        if (!next_word(s, c, &b, &c))
            break;
    }
    *last = n > 0 ? to[n - 1] : e;
    for (size_t words = WORDS_MAX; words >= 12; words -= 3) {
        for (size_t i = 0; i + words <= n; i++) {
            if (!various(v + i, words) || !sums(v + i, words))
                continue;
            pol_found(s, from[i], to[i + words - 1], POL_SECRET, POL_CHECK, "seed_phrase", 88);
            return;
        }
    }
}

void pol_scan_seed(struct pol_scan *s)
{
    (void)pthread_once(&heads_once, heads_fill);
    for (size_t i = STEP / 2; i < s->n; i += STEP) {
        size_t a = i, e, last;

        /* a gap under the point: the word behind it */
        while (a < s->n && a - i < GAP_MAX && !pol_is_alpha(s->p[a]))
            a++;
        for (e = a; e < s->n && e - a < 9 && pol_is_alpha(s->p[e]); e++)
            ;
        while (a > 0 && e - a < 9 && pol_is_alpha(s->p[a - 1]))
            a--;
        if (number_of(s->p, a, e) < 0)
            continue;
        read_row(s, a, e, &last);
        while (i + STEP < last)
            i += STEP;
    }
}
