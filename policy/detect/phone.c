/* phone.c - telephone numbers.
 *
 * International form (+ or 00 and a country code, ITU-T E.164) is enough alone; lengths of the
 * subscriber part are known for Europe and a few others, so that a number does not swallow what
 * follows it. North American 3-3-4, French pairs and British mobile grouping are enough alone too.
 * So is a number alone on its line below somebody's name and address, as a letter is signed.
 * Everything else needs a cue ("Tel.", "Handy", ...) near.
 */
#include "policy/detect/detect.h"

static const struct {
    uint16_t code;
    uint8_t least, most; /* digits after the code */
} countries[] = {
    {1, 10, 10},  {7, 10, 10},  {20, 8, 10}, {27, 9, 9},   {30, 10, 10}, {31, 9, 9},   {32, 8, 9},
    {33, 9, 9},   {34, 9, 9},   {36, 8, 9},  {39, 6, 11},  {40, 9, 9},   {41, 9, 9},   {43, 7, 13},
    {44, 9, 10},  {45, 8, 8},   {46, 7, 10}, {47, 8, 8},   {48, 9, 9},   {49, 6, 12},  {52, 10, 10},
    {55, 10, 11}, {61, 9, 9},   {81, 9, 10}, {86, 11, 11}, {90, 10, 10}, {91, 10, 10}, {351, 9, 9},
    {352, 6, 11}, {353, 7, 9},  {354, 7, 7}, {355, 8, 9},  {356, 8, 8},  {357, 8, 8},  {358, 6, 11},
    {359, 7, 9},  {370, 8, 8},  {371, 8, 8}, {372, 7, 8},  {373, 8, 8},  {374, 8, 8},  {376, 6, 9},
    {377, 8, 9},  {378, 6, 10}, {380, 9, 9}, {381, 8, 9},  {382, 8, 8},  {383, 8, 8},  {385, 8, 9},
    {386, 8, 8},  {387, 8, 9},  {389, 8, 8}, {420, 9, 9},  {421, 9, 9},  {423, 7, 9},
};

struct number {
    char d[18];
    uint8_t group[18]; /* sizes */
    size_t n, groups, end;
};

static bool separates(char c)
{
    return c == ' ' || c == '-' || c == '.' || c == '/' || c == '(' || c == ')';
}

/* Digits from i on with separators between; at most `most` of them, whole groups only. */
static void read_number(const struct pol_scan *s, size_t i, size_t most, struct number *o)
{
    o->n = o->groups = 0;
    o->end = i;
    while (i < s->n) {
        size_t a = i, sep = 0;

        while (i < s->n && pol_is_digit(s->p[i]))
            i++;
        if (i == a || o->n + (i - a) > most || o->groups >= sizeof(o->group))
            return;
        if (i < s->n && pol_is_word(s->p[i]) && s->p[i] != 'x' && s->p[i] != 'e')
            return;
        memcpy(o->d + o->n, s->p + a, i - a);
        o->group[o->groups++] = (uint8_t)(i - a);
        o->n += i - a;
        o->end = i;
        while (i < s->n && sep < 3 && separates(s->p[i]))
            i++, sep++;
        if (sep == 0 || i >= s->n || !pol_is_digit(s->p[i]))
            return;
    }
}

/* "x123", "ext. 12" behind a number. */
static size_t extension(const struct pol_scan *s, size_t end)
{
    size_t i = end;

    if (i < s->n && s->p[i] == ' ')
        i++;
    if (i + 3 < s->n && base_str_ieq((struct base_str){s->p + i, 3}, BASE_STR("ext")))
        i += 3;
    else if (i < s->n && (s->p[i] | 32) == 'x')
        i++;
    else
        return end;
    while (i < s->n && (s->p[i] == '.' || s->p[i] == ' ') && i < end + 7)
        i++;
    size_t a = i;
    while (i < s->n && pol_is_digit(s->p[i]) && i < a + 7)
        i++;
    return i > a && (i >= s->n || !pol_is_word(s->p[i])) ? i : end;
}

static bool announced(const struct pol_scan *s, size_t from, size_t to)
{
    return pol_cue_near(s, from, to, CUE_PHONE, 0, 28, 12);
}

/* from is the '+' (or the "00"), i the first digit of the country code. */
static size_t international(struct pol_scan *s, size_t from, size_t i, bool plus)
{
    struct number o;
    size_t most = 15, least = 7, code = 0;

    for (size_t k = 1; k <= 3 && i + k <= s->n && pol_is_digit(s->p[i + k - 1]); k++) {
        code = code * 10 + (size_t)(s->p[i + k - 1] - '0');
        for (size_t c = 0; c < sizeof(countries) / sizeof(countries[0]); c++) {
            if (countries[c].code == code) {
                least = k + countries[c].least;
                most = k + countries[c].most;
                k = 3;
                break;
            }
        }
    }
    if (most == 15 && !plus)
        return 0;
    read_number(s, i, most + 1, &o); /* "+44 (0)20": one trunk zero more */
    if (o.n > most && !memchr(s->p + i, '(', o.end - i) && !memchr(o.d + 1, '0', 3))
        read_number(s, i, most, &o);
    if (o.n < least && plus) { /* not a length of that country, but still E.164 */
        read_number(s, i, 15, &o);
        if (o.n < 8 && !(o.n == 7 && announced(s, from, o.end)))
            return 0;
    } else if (o.n < least) {
        return 0;
    }
    if (o.end < s->n && pol_is_word(s->p[o.end]) && extension(s, o.end) == o.end)
        return 0;
    if (from > 0 && pol_is_word(s->p[from - 1]))
        return 0;
    if (!plus && !announced(s, from, o.end) &&
        (pol_cue_leads(s, from, CUE_ORDER, 24) || !pol_stands_alone(s, from, o.end)))
        return 0;
    o.end = extension(s, o.end);
    pol_found(s, from, o.end, POL_PHONE, announced(s, from, o.end) ? POL_CONTEXT : POL_SHAPE, NULL,
              plus ? 75 : 59);
    return o.end;
}

static bool north_american(const struct number *o)
{
    size_t k = o->groups == 4 && o->group[0] == 1 && o->d[0] == '1' ? 1 : 0;
    const char *d = o->d + k;

    return o->groups == 3 + k && o->group[k] == 3 && o->group[k + 1] == 3 && o->group[k + 2] == 4 &&
           d[0] >= '2' && d[3] >= '2';
}

static bool french(const struct number *o)
{
    if (o->groups != 5 || o->d[0] != '0' || o->d[1] == '0')
        return false;
    for (size_t i = 0; i < 5; i++) {
        if (o->group[i] != 2)
            return false;
    }
    return true;
}

static bool british_mobile(const struct number *o)
{
    return o->n == 11 && o->d[0] == '0' && o->d[1] == '7' && o->groups >= 2 && o->group[0] == 5;
}

/* The line before the one that begins at `line` ends or begins with a code of four to six digits,
 * or one like "00-950", and has letters beside it: a town. */
static bool behind_town(const struct pol_scan *s, size_t line)
{
    size_t end = line > 0 ? line - 1 : 0, a = end, letters = 0, head = 0, tail = 0;

    while (a > 0 && end - a < 80 && s->p[a - 1] != '\n')
        a--;
    while (end > a && strchr(" \r", s->p[end - 1]))
        end--;
    while (a < end && s->p[a] == ' ')
        a++;
    for (size_t i = a; i < end; i++)
        letters += pol_is_alpha(s->p[i]) || (unsigned char)s->p[i] >= 0x80;
    while (a + head < end && (pol_is_digit(s->p[a + head]) || (head && s->p[a + head] == '-')))
        head++;
    while (end > a + tail &&
           (pol_is_digit(s->p[end - tail - 1]) || (tail && s->p[end - tail - 1] == '-')))
        tail++;
    return letters >= 2 && ((head >= 4 && head <= 6) || (tail >= 4 && tail <= 6));
}

/* "office", "home" behind a number and nothing more on the line: where it rings. */
static size_t rings(const struct pol_scan *s, size_t i)
{
    static const char *const words[] = {"office", "home", "work", "privat", "buro",
                                        "bureau", "dom",  "casa", "ufficio"};

    while (i < s->n && strchr(" -,(", s->p[i]) && s->p[i])
        i++;
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        size_t n = strlen(words[w]);

        if (s->n - i >= n && base_str_ieq((struct base_str){s->p + i, n}, base_str_c(words[w])) &&
            (i + n >= s->n || !pol_is_word(s->p[i + n])))
            return i + n;
    }
    return 0;
}

/* A line of a signature: a number, perhaps with where it rings, below an address, which stands
 * below a name. */
static bool signs(const struct pol_scan *s, size_t from, const struct number *o)
{
    size_t a = from, b = o->end, said = rings(s, o->end);

    if (o->n < 6 || o->n > 12 || (o->groups < 2 && !(o->d[0] == '0' && o->n >= 9)))
        return false;
    if (o->groups == 3 && (o->group[0] == 4 ||
                           (o->group[2] == 4 && (o->d[o->n - 4] == '1' || o->d[o->n - 4] == '2'))))
        return false; /* a date */
    while (a > 0 && s->p[a - 1] == ' ')
        a--;
    b = said ? said : b;
    while (b < s->n && (s->p[b] == ' ' || s->p[b] == '\r'))
        b++;
    if (a == 0 || s->p[a - 1] != '\n' || (!said && b < s->n && s->p[b] != '\n'))
        return false;
    while (a > 1 && strchr("\r\n", s->p[a - 2]))
        a--;
    bool named = pol_named_within(s, a > 300 ? a - 300 : 0, a, false);

    return behind_town(s, a) ? said || named : said && named;
}

static size_t national(struct pol_scan *s, size_t from)
{
    size_t i = from + (s->p[from] == '(');
    struct number o;
    bool cue, bare, line;

    read_number(s, i, 15, &o);
    if (o.n < 6 || (i > from && o.groups < 2 && !memchr(s->p + i, ')', o.end - i + 1)))
        return 0;
    if (o.end < s->n && pol_is_word(s->p[o.end]) && extension(s, o.end) == o.end)
        return 0;
    cue = announced(s, from, o.end);
    line = signs(s, from, &o);
    if (!cue && !line && !(o.n <= 11 && (north_american(&o) || french(&o) || british_mobile(&o))))
        return 0;
    bare = pol_cue_leads(s, from, CUE_ORDER, 24);
    if ((!cue && (bare || (!line && !pol_stands_alone(s, from, o.end)))) || (cue && o.n > 13))
        return 0;
    if (from > 0 && pol_is_word(s->p[from - 1]))
        return 0;
    if (!cue && o.groups >= 3 && memchr(s->p + from, '/', o.end - from))
        return 0;
    if (cue && o.n < 9 && !line && !pol_cue_leads(s, from, CUE_PHONE, 28))
        return 0;
    o.end = extension(s, o.end);
    pol_found(s, from, o.end, POL_PHONE, cue ? POL_CONTEXT : POL_SHAPE, NULL, cue ? 58 : 52);
    return o.end;
}

size_t pol_phone_at(struct pol_scan *s, size_t from)
{
    size_t i = from;

    if (s->p[i] == '+') {
        i++;
        if (i < s->n && (s->p[i] == ' ' || s->p[i] == '('))
            i++;
        return i < s->n && s->p[i] >= '1' && s->p[i] <= '9' ? international(s, from, i, true) : 0;
    }
    if (i + 2 < s->n && s->p[i] == '0' && s->p[i + 1] == '0') {
        i += 2;
        if (i < s->n && s->p[i] == ' ')
            i++;
        if (i < s->n && s->p[i] >= '1' && s->p[i] <= '9') {
            size_t e = international(s, from, i, false);

            if (e)
                return e;
        }
    }
    if (s->p[from] == '(' && !(from + 1 < s->n && pol_is_digit(s->p[from + 1])))
        return 0;
    return national(s, from);
}
