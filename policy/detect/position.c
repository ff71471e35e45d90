/* position.c - where somebody is: pairs of decimals, degrees, grids, plus codes, three words.
 *
 * A pair of decimals counts in range, with three decimals each, when it is no part of a longer list
 * ("geo:" before it belongs to it). Degrees count in pairs, with minutes or with N, S, E, W behind
 * both, so that temperatures and angles do not. Plus codes count in their full form, three words
 * behind three slashes. UTM and MGRS are forms of ids.c.
 */
#include "policy/detect/detect.h"

/* The decimal that ends at end; its start, its value and its decimals. */
static size_t decimal_before(const struct pol_scan *s, size_t end, double *v, size_t *decimals)
{
    size_t i = end, dot = 0;
    double scale = 1, f = 0, whole = 0;

    while (i > 0 && end - i < 16 && pol_is_digit(s->p[i - 1]))
        i--;
    if (i == 0 || s->p[i - 1] != '.')
        return end;
    *decimals = end - i;
    for (size_t k = i; k < end; k++) {
        scale /= 10;
        f += (s->p[k] - '0') * scale;
    }
    dot = --i;
    while (i > 0 && dot - i < 4 && pol_is_digit(s->p[i - 1]))
        i--;
    for (size_t k = i; k < dot; k++)
        whole = whole * 10 + (s->p[k] - '0');
    if (i == dot)
        return end;
    *v = whole + f;
    if (i > 0 && (s->p[i - 1] == '-' || s->p[i - 1] == '+'))
        i--;
    return i;
}

static void gps(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    double lat = 999, lon = 999;
    size_t da = 0, db = 0, a, b, i;

    (void)from;
    while (to < s->n && pol_is_digit(s->p[to]))
        to++;
    b = decimal_before(s, to, &lon, &db);
    for (i = b; i > 0 && b - i < 4 && strchr(" ,;/", s->p[i - 1]); i--)
        ;
    if (b == to || i == b)
        return;
    a = decimal_before(s, i, &lat, &da);
    if (a == i || da < 3 || db < 3 || lat > 90 || lon > 180 || (lat < 1 && lon < 1))
        return;
    if (a > 0 && (pol_is_word(s->p[a - 1]) || s->p[a - 1] == '.'))
        return;
    if (a >= 4 && base_str_ieq((struct base_str){s->p + a - 4, 4}, BASE_STR("geo:")))
        a -= 4;
    for (i = a; i > 0 && s->p[i - 1] == ' '; i--)
        ;
    if (i > 1 && s->p[i - 1] == ',' && pol_is_digit(s->p[i - 2]))
        return; /* a longer list */
    if (to + 2 < s->n && s->p[to] == ',' &&
        (pol_is_digit(s->p[to + 1]) || pol_is_digit(s->p[to + 2])))
        return;
    if (to < s->n &&
        (pol_is_word(s->p[to]) || (s->p[to] == '.' && to + 1 < s->n && pol_is_digit(s->p[to + 1]))))
        return;
    pol_found(s, a, to, p->type, POL_SHAPE, NULL, 68);
}

/* A number with decimals perhaps at i: its end, or i; *v its value. */
static size_t number_at(const struct pol_scan *s, size_t i, double *v)
{
    size_t a = i;
    double scale = 1;

    *v = 0;
    while (i < s->n && i - a < 3 && pol_is_digit(s->p[i]))
        *v = *v * 10 + (s->p[i++] - '0');
    if (i == a || i + 1 >= s->n || (s->p[i] != '.' && s->p[i] != ',') || !pol_is_digit(s->p[i + 1]))
        return i;
    for (i++; i < s->n && pol_is_digit(s->p[i]); i++)
        *v += (s->p[i] - '0') * (scale /= 10);
    return i;
}

/* The sign for degrees, minutes or seconds at i, spaces before it allowed: its end, or 0. */
static size_t sign_at(const struct pol_scan *s, size_t i, char what)
{
    static const char *const degrees[] = {"\xc2\xb0", "deg"};
    static const char *const minutes[] = {"\xe2\x80\xb2", "'", "min"};
    static const char *const seconds[] = {"\xe2\x80\xb3", "\xe2\x80\xb2\xe2\x80\xb2", "\"", "''",
                                          "sec"};
    const char *const *v = what == 'd' ? degrees : what == 'm' ? minutes : seconds;
    size_t n = what == 'd' ? 2 : what == 'm' ? 3 : 5;

    i += i < s->n && s->p[i] == ' ';
    for (size_t k = 0; k < n; k++) {
        size_t len = strlen(v[k]);

        if (s->n - i >= len && memcmp(s->p + i, v[k], len) == 0)
            return i + len;
    }
    return 0;
}

/* 52°31'12.0"N at i: its end, or 0. *exact: minutes or a quarter of the sky were there. */
static size_t degrees_at(const struct pol_scan *s, size_t i, double most, bool *exact)
{
    double v, part;
    size_t e = number_at(s, i, &v), k;
    bool quarter = false, minutes = false;

    if (e == i || v > most || (e = sign_at(s, e, 'd')) == 0)
        return 0;
    i = e + (e < s->n && s->p[e] == ' ');
    k = number_at(s, i, &part);
    if (k > i && part < 60 && (k = sign_at(s, k, 'm')) != 0) {
        minutes = true;
        e = k;
        i = e + (e < s->n && s->p[e] == ' ');
        k = number_at(s, i, &part);
        if (k > i && part < 60 && (k = sign_at(s, k, 's')) != 0)
            e = k;
    }
    i = e + (e < s->n && s->p[e] == ' ');
    if (i < s->n && strchr("NSEWO", s->p[i]) && s->p[i] &&
        (i + 1 >= s->n || !pol_is_word(s->p[i + 1]))) {
        quarter = true;
        e = i + 1;
    }
    *exact = quarter || minutes;
    return e;
}

/* Two of them side by side; to is behind the first degree sign. */
static void degrees(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to - (s->p[to - 1] == 'g' ? 3 : 2), e, i;
    bool first = false, second = false;

    (void)from;
    a -= a > 0 && s->p[a - 1] == ' ';
    while (a > 0 && to - a < 16 && (pol_is_digit(s->p[a - 1]) || s->p[a - 1] == '.'))
        a--;
    if (a > 0 && pol_is_word(s->p[a - 1]))
        return;
    if ((e = degrees_at(s, a, 90, &first)) == 0)
        return;
    for (i = e; i < s->n && i - e < 4 && strchr(" ,;/", s->p[i]) && s->p[i]; i++)
        ;
    i = degrees_at(s, i, 180, &second);
    if (i && first && second)
        pol_found(s, a, i, p->type, POL_SHAPE, NULL, 68);
}

/* "///filled.count.soap": no part of a path or an address. */
static void three_words(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    while (to < s->n && s->p[to] >= 'a' && s->p[to] <= 'z')
        to++;
    if (pol_word_bounds(s, from, to) && (from == 0 || !strchr(":/+.", s->p[from - 1])))
        pol_found(s, from, to, p->type, POL_SHAPE, NULL, 66);
}

void pol_plus_code_at(struct pol_scan *s, size_t plus)
{
    static const char signs[] = "23456789CFGHJMPQRVWX";
    size_t e = plus + 1;

    if (plus < 8 || !strchr("23456789C", s->p[plus - 8]))
        return;
    for (size_t i = plus - 8; i < plus; i++) {
        if (!s->p[i] || !strchr(signs, s->p[i]))
            return;
    }
    while (e < s->n && e - plus < 4 && s->p[e] && strchr(signs, s->p[e]))
        e++;
    if (e - plus > 2 && pol_word_bounds(s, plus - 8, e))
        pol_found(s, plus - 8, e, POL_GPS, POL_SHAPE, NULL, 66);
}

const struct pol_pat pol_pats_position[] = {
    {"\\.[0-9]{3,10} ?[,;/ ] ?[-+]?[0-9]{1,3}\\.[0-9]{3}", 0, gps, POL_GPS, NULL, 0, 0},
    {"\\xc2\\xb0", 0, degrees, POL_GPS, NULL, 0, 0},
    {"[0-9] ?deg", 0, degrees, POL_GPS, NULL, 0, 0},
    {"///[a-z]{3,20}\\.[a-z]{3,20}\\.[a-z]{3}", PAT_SOM, three_words, POL_GPS, NULL, 0, 0},
};
const size_t pol_pats_position_n = sizeof(pol_pats_position) / sizeof(pol_pats_position[0]);
