/* subst.c - valid-looking substitutes: one value for another of the same kind that is nobody's.
 *
 * A substitute is drawn from HMAC-SHA-256(key of the process, tenant, type, attempt, original), so
 * the same original has the same one in every later turn of a conversation, without any state on
 * the server and without a way back for who lacks the key. The key is random, lives in memory only
 * and ends with the process.
 *
 * Only what cannot be somebody else's, as far as public rules tell, is given out: reserved domains
 * (RFC 2606), documentation addresses (RFC 5737, RFC 3849), locally administered MACs, telephone
 * ranges for films, prefixes of test cards, IBANs with check digits that no account has, personal
 * numbers with an impossible part. Names and streets come from short lists: people of that name
 * exist. Everything else, and every value whose form is not understood, has no substitute.
 *
 * Dates move by a number of days that is constant for a tenant and process (so within a
 * conversation, too): spans between dates stay.
 */
#include "policy/redact/subst.h"

#include "base/clock.h"
#include "policy/detect/checks.h"
#include "policy/detect/detect.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <pthread.h>
#include <stdio.h>

static uint8_t process_key[32];
static pthread_once_t key_once = PTHREAD_ONCE_INIT;

static void make_key(void)
{
    base_random(process_key, sizeof(process_key));
}

static bool seed(struct base_str tenant, unsigned type, unsigned attempt, struct base_str original,
                 struct pol_subst_rand *r)
{
    uint8_t inner[EVP_MAX_MD_SIZE], mac[EVP_MAX_MD_SIZE];
    const uint8_t kind[4] = {(uint8_t)type, (uint8_t)attempt, 0, 0};
    unsigned n = 0;

    pthread_once(&key_once, make_key);
    /* a key for each tenant, then one for each kind, then the original */
    if (!HMAC(EVP_sha256(), process_key, sizeof(process_key), (const uint8_t *)tenant.p, tenant.n,
              inner, &n) ||
        !HMAC(EVP_sha256(), inner, (int)n, kind, sizeof(kind), mac, &n) ||
        !HMAC(EVP_sha256(), mac, (int)n, (const uint8_t *)original.p, original.n, inner, &n))
        return false;
    memcpy(&r->s, inner, sizeof(r->s));
    base_wipe(inner, sizeof(inner));
    base_wipe(mac, sizeof(mac));
    return true;
}

unsigned pol_subst_below(struct pol_subst_rand *r, unsigned n)
{
    uint64_t z = r->s += 0x9e3779b97f4a7c15u;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return (unsigned)((z ^ z >> 31) % n);
}

bool pol_subst_fill(struct base_str original, const char *with, size_t n, char out[POL_SUBST_MAX])
{
    size_t k = 0, i;

    for (i = 0; i < original.n && i + 1 < POL_SUBST_MAX; i++) {
        char c = original.p[i];

        if ((unsigned char)c >= 0x80 || (unsigned char)c < 0x20 || c == '"' || c == '\\')
            return false;
        if (!pol_is_digit(c) && !pol_is_alpha(c)) {
            out[i] = c;
        } else if (k == n) {
            return false;
        } else {
            out[i] = c >= 'a' && c <= 'z' && pol_is_alpha(with[k]) ? (char)(with[k] | 32) : with[k];
            k++;
        }
    }
    out[i] = 0;
    return i == original.n && k == n;
}

/* The letters and digits of s in upper case; 0 if more than cap. */
static size_t compact(struct base_str s, char *out, size_t cap)
{
    size_t n = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (!pol_is_digit(s.p[i]) && !pol_is_alpha(s.p[i]))
            continue;
        if (n == cap)
            return 0;
        out[n++] = (char)(pol_is_alpha(s.p[i]) ? s.p[i] & ~32 : s.p[i]);
    }
    return n;
}

/* ---- names ---- */

static const char *const men[] = {"Adrian", "Albin",  "Bruno",   "Casper", "Damian", "Emil",
                                  "Fabian", "Gustav", "Hugo",    "Ivo",    "Jonas",  "Konrad",
                                  "Leon",   "Marius", "Norbert", "Oskar",  "Patrik", "Quentin",
                                  "Ruben",  "Silvan", "Tobias",  "Urban",  "Viktor", "Xaver"};
static const char *const women[] = {"Alina",  "Bianca",  "Clara",  "Daria", "Elvira", "Fiona",
                                    "Gloria", "Helena",  "Ilona",  "Julia", "Klara",  "Larisa",
                                    "Marina", "Natalia", "Olivia", "Paula", "Regina", "Sabina",
                                    "Tamara", "Ursula",  "Viola",  "Wanda", "Xenia",  "Zofia"};
static const char *const families[] = {
    "Alberg", "Arden",  "Barlow", "Belmar",  "Bronte", "Calder", "Corvin",  "Dalmar",
    "Dorval", "Elsner", "Erdman", "Falken",  "Ferrol", "Galdin", "Gerlan",  "Halden",
    "Hartel", "Imhof",  "Jarvin", "Kalder",  "Kessel", "Lindal", "Lorant",  "Maldon",
    "Mervin", "Nardel", "Norrby", "Olsten",  "Orwell", "Pardel", "Pelham",  "Quilan",
    "Rendal", "Rivard", "Salder", "Sorvino", "Talman", "Torvel", "Ulmer",   "Valder",
    "Verdon", "Walden", "Wendel", "Yarrow",  "Zander", "Zeller", "Brandal", "Selmar"};

#define PICK(r, list) ((list)[pol_subst_below((r), sizeof(list) / sizeof((list)[0]))])

static bool particle(struct base_str w)
{
    static const char *const words[] = {"van", "von", "de",  "der", "den", "da", "di",
                                        "del", "la",  "dos", "do",  "du",  "le", "zu"};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (base_str_is(w, words[i]))
            return true;
    }
    return false;
}

static bool upper_only(struct base_str w)
{
    for (size_t i = 0; i < w.n; i++) {
        if (w.p[i] >= 'a' && w.p[i] <= 'z')
            return false;
    }
    return w.n > 1;
}

/* As many words, initials as initials, particles as they are, capitals as capitals. */
static bool person(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    size_t o = 0, words = 0, changed = 0;
    bool many = memchr(s.p, ' ', s.n) != NULL;

    for (size_t i = 0; i < s.n;) {
        size_t from = i;

        while (i < s.n && s.p[i] != ' ')
            i++;
        struct base_str w = {s.p + from, i - from};
        bool last = i == s.n;
        char initial[3] = {(char)('A' + pol_subst_below(r, 26)), '.', 0};
        const char *with = !many || last                   ? PICK(r, families)
                           : w.p[w.n ? w.n - 1 : 0] == 'a' ? PICK(r, women)
                                                           : PICK(r, men);
        size_t k;

        while (i < s.n && s.p[i] == ' ')
            i++;
        if (w.n == 0 || memchr(w.p, '\n', w.n) || ++words > 5)
            return false;
        if (w.n == 2 && w.p[1] == '.')
            with = initial;
        k = particle(w) ? w.n : strlen(with);
        if (o + k + 2 > POL_SUBST_MAX)
            return false;
        if (o)
            out[o++] = ' ';
        memcpy(out + o, particle(w) ? w.p : with, k);
        for (size_t j = o; j < o + k; j++) {
            if (upper_only(w) && out[j] >= 'a' && out[j] <= 'z')
                out[j] &= ~32;
        }
        if (!particle(w) && w.p[0] >= 'a' && w.p[0] <= 'z')
            out[o] |= 32;
        changed += !particle(w);
        o += k;
    }
    out[o] = 0;
    return changed > 0;
}

static bool email(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    static const char *const domains[] = {"example.com", "example.org", "example.net"};
    char between = 0;
    int n;

    for (size_t i = 0; i < s.n && s.p[i] != '@' && !between; i++) {
        if (i > 0 && strchr("._-", s.p[i]))
            between = s.p[i];
    }
    if (between)
        n = snprintf(out, POL_SUBST_MAX, "%s%c%s@%s",
                     pol_subst_below(r, 2) ? PICK(r, men) : PICK(r, women), between,
                     PICK(r, families), PICK(r, domains));
    else
        n = snprintf(out, POL_SUBST_MAX, "%s%u@%s", PICK(r, families), pol_subst_below(r, 1000),
                     PICK(r, domains));
    for (int i = 0; i < n && i < POL_SUBST_MAX; i++)
        out[i] = (char)(out[i] >= 'A' && out[i] <= 'Z' ? out[i] | 32 : out[i]);
    return n > 0 && n < POL_SUBST_MAX;
}

/* ---- accounts and cards ---- */

/* How long the bank code behind the check digits is; it becomes zeros (letters: X). That no bank
 * has such a code is a published rule for DE only (Bundesbank, leaflet on the file of bank codes:
 * the first digit is the clearing area, 1 to 8), so nothing stands on it: see iban(). */
static const struct {
    char country[3];
    uint8_t before, bank; /* characters left alone (Italy's CIN), then the code */
} banks[] = {{"DE", 0, 8}, {"AT", 0, 5}, {"CH", 0, 5}, {"PL", 0, 8}, {"FR", 0, 5}, {"ES", 0, 4},
             {"IT", 1, 5}, {"NL", 0, 4}, {"GB", 0, 4}, {"IE", 0, 4}, {"PT", 0, 4}, {"CZ", 0, 4},
             {"SK", 0, 4}, {"HU", 0, 3}, {"LU", 0, 3}, {"LT", 0, 5}, {"RO", 0, 4}, {"BG", 0, 4},
             {"LV", 0, 4}, {"MT", 0, 4}, {"DK", 0, 4}, {"SE", 0, 3}, {"NO", 0, 4}, {"GR", 0, 3}};

/* Check digits come of 98 - (rest of a division by 97) in ISO 13616: 02 to 98. 00, 01 and 99 stand
 * for 97, 98 and 02 in the same arithmetic, so a number with them passes the test and is nobody's
 * account, whatever bank it names. Three of 97 account numbers can have them; others are drawn. */
#define IBAN_DRAWS 1024

static bool iban_check(char *v, size_t n)
{
    v[2] = v[3] = '0';
    int key = 98 - pol_mod97((struct base_str){v, n}, 4);
    int other = key == 97 ? 0 : key == 98 ? 1 : key == 2 ? 99 : -1;

    v[2] = (char)('0' + other / 10);
    v[3] = (char)('0' + other % 10);
    return other >= 0;
}

static bool iban(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    char v[36];
    size_t n = compact(s, v, 34), b = 0;

    while (b < sizeof(banks) / sizeof(banks[0]) && memcmp(banks[b].country, v, 2) != 0)
        b++;
    if (n < 15 || b == sizeof(banks) / sizeof(banks[0]) || pol_iban_length(v) != n)
        return false;
    bool found = false;
    for (int draw = 0; draw < IBAN_DRAWS && !found; draw++) {
        for (size_t i = 4; i < n; i++) {
            bool code = i >= 4u + banks[b].before && i < 4u + banks[b].before + banks[b].bank;
            bool digit = pol_is_digit(v[i]);

            if (code)
                v[i] = digit ? '0' : 'X';
            else
                v[i] = (char)(digit ? '0' + pol_subst_below(r, 10) : 'A' + pol_subst_below(r, 26));
        }
        found = iban_check(v, n);
    }
    return found && pol_iban_ok((struct base_str){v, n}) && pol_subst_fill(s, v, n, out);
}

static bool card(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    /* what processors' test cards begin with */
    static const struct {
        const char *network, *prefix;
    } tests[] = {
        {"visa", "400000"}, {"mastercard", "555555"}, {"amex", "378282"}, {"discover", "601111"}};
    char v[20];
    uint8_t d[20];
    size_t n = compact(s, v, 19), t = 0;
    const char *net;

    for (size_t i = 0; i < n; i++) {
        if (!pol_is_digit(v[i]))
            return false;
        d[i] = (uint8_t)(v[i] - '0');
    }
    net = n >= 12 ? pol_card_network(d, n) : NULL;
    while (net && t < 4 && strcmp(tests[t].network, net) != 0)
        t++;
    if (!net || t == 4)
        return false;
    for (size_t i = 0; i < n; i++)
        d[i] = (uint8_t)(i < 6 ? (unsigned)(tests[t].prefix[i] - '0') : pol_subst_below(r, 10));
    d[n - 1] = 0;
    while (d[n - 1] < 9 && !pol_luhn(d, n))
        d[n - 1]++;
    for (size_t i = 0; i < n; i++)
        v[i] = (char)('0' + d[i]);
    return pol_luhn(d, n) && pol_subst_fill(s, v, n, out);
}

/* ---- networks ---- */

static bool ip(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    static const char *const nets[] = {"192.0.2", "198.51.100", "203.0.113"};

    if (memchr(s.p, ':', s.n)) {
        unsigned a = 1 + pol_subst_below(r, 65535), b = 1 + pol_subst_below(r, 65535);

        return snprintf(out, POL_SUBST_MAX, "2001:db8:%x:%x::%x", a, b,
                        1 + pol_subst_below(r, 65535)) > 0;
    }
    for (size_t i = 0; i < s.n; i++) {
        if (!pol_is_digit(s.p[i]) && s.p[i] != '.')
            return false;
    }
    return snprintf(out, POL_SUBST_MAX, "%s.%u", PICK(r, nets), 1 + pol_subst_below(r, 254)) > 0;
}

static bool mac(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    char v[16];

    if (compact(s, v, 12) != 12)
        return false;
    for (int i = 0; i < 12; i++)
        v[i] = "0123456789ABCDEF"[pol_subst_below(r, 16)];
    v[1] = "26AE"[pol_subst_below(r, 4)]; /* locally administered, one receiver */
    return pol_subst_fill(s, v, 12, out);
}

/* ---- dates and streets ---- */

/* Moves a date by days, counting: at most two years either way. */
static void move(int *y, int *m, int *d, int by)
{
    int step = by < 0 ? -1 : 1;

    for (; by; by -= step) {
        *d += step;
        if (pol_date_ok(*y, *m, *d))
            continue;
        *m += step;
        if (*m < 1 || *m > 12) {
            *y += step;
            *m = *m < 1 ? 12 : 1;
        }
        for (*d = step > 0 ? 1 : 31; !pol_date_ok(*y, *m, *d); (*d)--)
            ;
    }
}

/* Numbers with a year of four digits, day or year first (month first where only that is a date). */
static bool date(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    int v[3] = {0}, width[3] = {0}, parts = 0, y, m, d;
    int by = (int)(pol_subst_below(r, 2) ? 1 : -1) * 7 * (int)(6 + pol_subst_below(r, 90));
    char sep = 0;

    for (size_t i = 0; i < s.n; i++) {
        if (pol_is_digit(s.p[i])) {
            if (++width[parts] > 4)
                return false;
            v[parts] = v[parts] * 10 + (s.p[i] - '0');
        } else if (strchr("./-", s.p[i]) && parts < 2 && width[parts] && (!sep || sep == s.p[i])) {
            sep = s.p[i];
            parts++;
        } else {
            return false;
        }
    }
    bool year_first = width[0] == 4, month_first = !year_first && v[1] > 12;

    if (parts != 2 || width[1] > 2 || width[year_first ? 2 : 0] > 2 ||
        width[year_first ? 0 : 2] != 4)
        return false;
    y = v[year_first ? 0 : 2];
    m = year_first || !month_first ? v[1] : v[0];
    d = year_first ? v[2] : month_first ? v[1] : v[0];
    if (y < 1800 || !pol_date_ok(y, m, d))
        return false;
    move(&y, &m, &d, by);
    int a = year_first ? y : month_first ? m : d, b = month_first ? d : m, c = year_first ? d : y;

    return snprintf(out, POL_SUBST_MAX, "%0*d%c%0*d%c%0*d", width[0], a, sep, width[1], b, sep,
                    width[2], c) < POL_SUBST_MAX;
}

/* A street of that language and, where the original goes on, a town that is none. */
static bool address(struct base_str s, struct pol_subst_rand *r, char out[POL_SUBST_MAX])
{
    static const char *const de[] = {"Lindenweg", "Ahornweg", "Birkenallee", "Tannenweg"};
    static const char *const pl[] = {"Lipowa", "Klonowa", "Brzozowa", "Jesionowa"};
    static const char *const fr[] = {"des Lilas", "des Tilleuls", "des Cerisiers",
                                     "du Vieux Puits"};
    static const char *const en[] = {"Orchard", "Willow", "Meadow", "Hawthorn"};
    static const char *const german[] = {"stra\xc3\x9f", "strasse", "str.", "weg ", "allee"};
    static const char *const english[] = {" Street", " Road", " Lane", " Avenue"};
    unsigned no = 200 + pol_subst_below(r, 800);
    bool town = memchr(s.p, ',', s.n) != NULL;

    if (base_str_starts(s, BASE_STR("ul. ")))
        return snprintf(out, POL_SUBST_MAX, "ul. %s %u%s", PICK(r, pl), no,
                        town ? ", Przykladowo" : "") > 0;
    for (size_t i = 0; i < sizeof(german) / sizeof(german[0]); i++) {
        if (base_str_find(s, base_str_c(german[i]), 0) != SIZE_MAX)
            return snprintf(out, POL_SUBST_MAX, "%s %u%s", PICK(r, de), no,
                            town ? ", Musterstadt" : "") > 0;
    }
    if (base_str_find(s, BASE_STR("rue "), 0) != SIZE_MAX)
        return snprintf(out, POL_SUBST_MAX, "%u rue %s%s", no, PICK(r, fr),
                        town ? ", Ville-Exemple" : "") > 0;
    for (size_t i = 0; i < sizeof(english) / sizeof(english[0]); i++) {
        if (base_str_find(s, base_str_c(english[i]), 0) != SIZE_MAX)
            return snprintf(out, POL_SUBST_MAX, "%u %s%s%s", no, PICK(r, en), english[i],
                            town ? ", Sampletown" : "") > 0;
    }
    return false;
}

bool pol_subst_make(struct base_str tenant, enum pol_type type, const char *subtype,
                    struct base_str original, unsigned attempt, char out[POL_SUBST_MAX])
{
    struct pol_subst_rand r;
    bool is_date = type == POL_DOB || type == POL_DATE;

    if (original.n == 0 || !seed(tenant, is_date ? POL_DATE : type, is_date ? 0 : attempt,
                                 is_date ? BASE_STR("shift") : original, &r))
        return false;
    switch (type) {
    case POL_PERSON:
        return person(original, &r, out);
    case POL_EMAIL:
        return email(original, &r, out);
    case POL_PHONE:
        return pol_subst_phone(original, &r, out);
    case POL_IBAN:
        return iban(original, &r, out);
    case POL_CREDIT_CARD:
        return card(original, &r, out);
    case POL_IP:
        return ip(original, &r, out);
    case POL_MAC:
        return mac(original, &r, out);
    case POL_DOB:
    case POL_DATE:
        return date(original, &r, out);
    case POL_ADDRESS:
        return address(original, &r, out);
    case POL_NATIONAL_ID:
    case POL_TAX_ID:
    case POL_HEALTH_ID:
        return pol_subst_id(subtype, original, &r, out);
    default:
        return false;
    }
}
