/* people.c - identifiers of people that are cut up over texts; see people.h.
 *
 * A model reads "KD-2024-" in one message and "00817" in the next as one number, and so do two
 * values of a tool call. So the texts of a request are written one behind the other, with a space
 * between them, once as they stand and once for each role, and looked through as one. The search
 * passes over what separates the pieces of an identifier, so one space is right wherever it was
 * cut, within a word as well.
 *
 * Owns       the copies. Any thread. Of a text longer than 2 * END bytes only both ends are kept,
 *            with a gap between them that no identifier spans: what lies within it was looked
 *            through on its own.
 * Fails by   saying both lists.
 */
#include "policy/detect/people.h"

#include <string.h>

#define END   256 /* more bytes than an identifier has letters, digits and gaps */
#define BYTES (256u << 20)

static const struct base_str gap = BASE_STR(" ||||||| ");

void pol_people_init(struct pol_people *p, const struct conf_rights *rights)
{
    p->rights = rights;
    base_buf_init(&p->all, BYTES);
    for (size_t i = 0; i < POL_PEOPLE_ROLES; i++)
        base_buf_init(&p->of[i], BYTES);
}

void pol_people_release(struct pol_people *p)
{
    base_buf_wipe(&p->all);
    for (size_t i = 0; i < POL_PEOPLE_ROLES; i++)
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
    if (in_message && (unsigned)role < POL_PEOPLE_ROLES)
        put(&p->of[role], text);
}

void pol_people_gap(struct pol_people *p)
{
    if (p->rights)
        base_buf_str(&p->all, gap);
}

unsigned pol_people_find(const struct pol_people *p, int64_t today)
{
    unsigned lists = 0;
    bool good = base_buf_ok(&p->all);

    if (!p->rights)
        return 0;
    lists |= conf_rights_in_text(p->rights, base_buf_view(&p->all), today);
    for (size_t i = 0; i < POL_PEOPLE_ROLES; i++) {
        good = good && base_buf_ok(&p->of[i]);
        lists |= conf_rights_in_text(p->rights, base_buf_view(&p->of[i]), today);
    }
    return good ? lists : CONF_RIGHTS_RESTRICTED | CONF_RIGHTS_OBJECTED;
}
