/* context.c - what stands around a candidate: cue words, names, boundaries.
 *
 * Pure functions over one scan; all look a bounded number of bytes to either side.
 */
#include "policy/detect/detect.h"

size_t pol_cue_after(const struct pol_scan *s, size_t pos)
{
    size_t lo = 0, hi = s->n_cues;

    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;

        if (s->cues[mid].to <= pos)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static size_t newlines(const struct pol_scan *s, size_t from, size_t to)
{
    size_t n = 0;

    for (size_t i = from; i < to; i++)
        n += s->p[i] == '\n';
    return n;
}

static bool fits(const struct pol_cue_hit *c, uint32_t what, uint32_t where)
{
    return (c->what & what) && (c->where == 0 || where == 0 || (c->where & where));
}

bool pol_cue_near(const struct pol_scan *s, size_t from, size_t to, uint32_t what, uint32_t where,
                  size_t before, size_t after)
{
    size_t i = pol_cue_after(s, from);

    for (size_t k = i; k > 0 && s->cues[k - 1].to + before >= from; k--) {
        if (fits(&s->cues[k - 1], what, where) && newlines(s, s->cues[k - 1].to, from) <= 1)
            return true;
    }
    for (size_t k = i; after > 0 && k < s->n_cues && s->cues[k].to <= to + after + 32; k++) {
        if (s->cues[k].from >= to && s->cues[k].from <= to + after &&
            fits(&s->cues[k], what, where) && newlines(s, to, s->cues[k].from) == 0)
            return true;
    }
    return false;
}

bool pol_cue_leads(const struct pol_scan *s, size_t from, uint32_t what, size_t before)
{
    for (size_t k = pol_cue_after(s, from); k > 0 && s->cues[k - 1].to + before >= from; k--) {
        const struct pol_cue_hit *c = &s->cues[k - 1];
        size_t i = c->to;

        if (!(c->what & what))
            continue;
        while (i < from && !pol_is_digit(s->p[i]) &&
               (s->p[i] != '\n' || (i > c->to && s->p[i - 1] == ':')))
            i++;
        if (i == from)
            return true;
    }
    return false;
}

bool pol_word_bounds(const struct pol_scan *s, size_t from, size_t to)
{
    return (from == 0 || !pol_is_word(s->p[from - 1])) && (to >= s->n || !pol_is_word(s->p[to]));
}

/* from lies in an address of the web: its path has pieces of its own between slashes. */
static bool in_url(const struct pol_scan *s, size_t from)
{
    for (size_t i = from, k = 0; i >= 3 && k < 256; i--, k++) {
        if ((unsigned char)s->p[i - 1] <= ' ' || strchr("\"'<>`?#", s->p[i - 1]))
            return false;
        if (memcmp(s->p + i - 3, "://", 3) == 0)
            return true;
    }
    return false;
}

bool pol_stands_alone(const struct pol_scan *s, size_t from, size_t to)
{
    if (!pol_word_bounds(s, from, to))
        return false;
    if (from >= 2 && s->p[from - 1] == '/' && (to >= s->n || s->p[to] != '-') && in_url(s, from))
        return !(to + 1 < s->n && s->p[to] == '.' && pol_is_digit(s->p[to + 1]));
    if (from >= 2 && strchr("-./", s->p[from - 1]) && pol_is_word(s->p[from - 2]))
        return false;
    if (to + 1 < s->n && s->p[to] == '.')
        return !pol_is_digit(s->p[to + 1]);
    return !(to + 1 < s->n && strchr("-/", s->p[to]) && pol_is_word(s->p[to + 1]));
}

static bool upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* The capitalised word that begins at i: its end, or i. Cyrillic and Greek capitals count. */
static size_t cap_word(const struct pol_scan *s, size_t i, size_t end)
{
    size_t j = i;
    unsigned char c = (unsigned char)s->p[i], d = i + 1 < end ? (unsigned char)s->p[i + 1] : 0;
    bool alien = (c == 0xCE && d >= 0x91 && d <= 0xA9) || (c == 0xD0 && d >= 0x90 && d <= 0xAF);

    if (!upper((char)c) && !alien)
        return i;
    j += alien ? 2 : 1;
    while (j < end && (pol_is_alpha(s->p[j]) || (unsigned char)s->p[j] >= 0x80 || s->p[j] == '\'' ||
                       (s->p[j] == '-' && j + 1 < end && pol_is_alpha(s->p[j + 1]))))
        j++;
    return j - i >= (alien ? 4u : 2u) ? j : i;
}

/* "van den", "de": lower-case words inside names. The end of them, or i. */
static size_t particles(const struct pol_scan *s, size_t i, size_t end)
{
    static const char *const words[] = {"van", "von", "de",  "den", "der", "di",  "da", "del",
                                        "la",  "le",  "du",  "dos", "das", "zu",  "af", "el",
                                        "bin", "al",  "ten", "ter", "y",   "och", "i",  "e"};

    for (int k = 0; k < 2; k++) {
        size_t n = 0;

        for (size_t w = 0; w < sizeof(words) / sizeof(words[0]) && n == 0; w++) {
            size_t len = strlen(words[w]);

            if (i + len < end && memcmp(s->p + i, words[w], len) == 0 && s->p[i + len] == ' ')
                n = len + 1;
        }
        if (n == 0)
            break;
        i += n;
    }
    return i;
}

/* Two capitalised words in a row within [from, to). */
static bool name_within(const struct pol_scan *s, size_t from, size_t to)
{
    size_t i = from;

    while (i < to) {
        size_t e;

        if (i > 0 && pol_is_word(s->p[i - 1])) {
            i++;
            continue;
        }
        e = cap_word(s, i, to);
        if (e == i) {
            i++;
            continue;
        }
        size_t next = e + 1 < to && s->p[e] == ' ' ? particles(s, e + 1, to) : to;

        if (next < to && cap_word(s, next, to) > next &&
            !(e + 1 - i > 2 && upper(s->p[i + 1]) && upper(s->p[i + 2])))
            return true;
        i = e;
    }
    return false;
}

bool pol_person_near(const struct pol_scan *s, size_t from, size_t to)
{
    size_t a = from > 64 ? from - 64 : 0, b = to + 48 < s->n ? to + 48 : s->n, lines = 0;

    if (pol_cue_near(s, from, to, CUE_NAME, 0, 64, 48))
        return true;
    for (size_t i = from; i > a; i--) {
        if (s->p[i - 1] == '\n' && ++lines > 1) {
            a = i;
            break;
        }
    }
    lines = 0;
    for (size_t i = to; i < b; i++) {
        if (s->p[i] == '\n' && ++lines > 1)
            b = i;
    }
    return name_within(s, a, from) || name_within(s, to, b);
}
