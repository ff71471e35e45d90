/* people.c - identifiers of people that are cut up over texts; see people.h.
 *
 * A model reads "KD-2024-" in one message and "00817" in the next as one number, and so do two
 * values of a tool call. So the texts of a request are written one behind the other, with a space
 * between them, once as they stand, once for each role, once without each role (somebody else's
 * answers may stand between) and once for what is in no message, and looked through as one. The
 * search
 * passes over what separates the pieces of an identifier, so one space is right wherever it was
 * cut, within a word as well.
 *
 * Owns       the copies. Any thread. Of a text longer than 2 * END bytes only both ends are kept,
 *            with a gap between them that no identifier spans: what lies within it was looked
 *            through on its own.
 * Fails by   saying both lists.
 */
#include "policy/detect/people.h"

#include "base/clock.h"
#include "policy/text/base64.h"

#include <string.h>

#define END   256 /* more bytes than an identifier has letters, digits and gaps */
#define BYTES (256u << 20)

static const struct base_str gap = BASE_STR(" ||||||| ");

void pol_people_init(struct pol_people *p, const struct conf_rights *rights)
{
    p->rights = rights;
    base_buf_init(&p->all, BYTES);
    for (size_t i = 0; i < POL_PEOPLE_ROWS; i++)
        base_buf_init(&p->of[i], BYTES);
}

void pol_people_release(struct pol_people *p)
{
    base_buf_wipe(&p->all);
    for (size_t i = 0; i < POL_PEOPLE_ROWS; i++)
        base_buf_wipe(&p->of[i]);
}

static void put(struct base_buf *b, struct base_str text)
{
    if (text.n <= 2 * END) {
        base_buf_str(b, text);
    } else {
        base_buf_add(b, text.p, END);
        base_buf_str(b, gap);
        base_buf_add(b, text.p + text.n - END, END);
    }
    base_buf_byte(b, ' ');
}

void pol_people_text(struct pol_people *p, enum chat_role role, bool in_message,
                     struct base_str text)
{
    if (!p->rights || text.n == 0)
        return;
    put(&p->all, text);
    if (!in_message)
        put(&p->of[2 * POL_PEOPLE_ROLES], text);
    for (unsigned i = 0; i < POL_PEOPLE_ROLES && in_message; i++)
        put(&p->of[i == (unsigned)role ? i : POL_PEOPLE_ROLES + i], text);
}

void pol_people_gap(struct pol_people *p)
{
    if (p->rights)
        base_buf_str(&p->all, gap);
}

#define HIDDEN_MIN 6  /* characters: four bytes, the least that an identifier has */
#define HIDDEN_MAX 64 /* a run that is longer is read by base64.c */

unsigned pol_people_hidden(const struct conf_rights *rights, struct base_str text, int64_t today)
{
    char plain[HIDDEN_MAX];
    unsigned lists = 0;
    size_t from = 0;

    if (!rights || conf_rights_n(rights) == 0)
        return 0;
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && pol_b64_char(text.p[i]))
            continue;
        for (size_t shift = 0; shift < 4 && i - from >= HIDDEN_MIN + shift; shift++) {
            if (i - from > HIDDEN_MAX)
                break;
            /* three bytes tell nearly always: words are no base64 */
            size_t n = pol_b64_decode(text, from + shift, from + shift + 4, plain);
            if (pol_b64_text_end(plain, n, 0) == 0)
                continue;
            n = pol_b64_decode(text, from + shift, i, plain);
            if (pol_b64_text_end(plain, n, 0) == n)
                lists |= conf_rights_in_text(rights, base_str_n(plain, n), today);
        }
        from = i + 1;
    }
    base_wipe(plain, sizeof(plain));
    return lists;
}

unsigned pol_people_find(const struct pol_people *p, int64_t today)
{
    unsigned lists = 0;
    bool good = base_buf_ok(&p->all);

    if (!p->rights)
        return 0;
    lists |= conf_rights_in_text(p->rights, base_buf_view(&p->all), today);
    for (size_t i = 0; i < POL_PEOPLE_ROWS; i++) {
        good = good && base_buf_ok(&p->of[i]);
        lists |= conf_rights_in_text(p->rights, base_buf_view(&p->of[i]), today);
    }
    return good ? lists : CONF_RIGHTS_RESTRICTED | CONF_RIGHTS_OBJECTED;
}
