/* people.h - people on the lists of GDPR Art. 18 and 21 whose identifier is cut up over the texts
 * of a request: messages, parts, the values of JSON.
 */
#ifndef POLICY_PEOPLE_H
#define POLICY_PEOPLE_H

#include "base/buf.h"
#include "base/chat.h"
#include "conf/rights.h"

#define POL_PEOPLE_ROLES 5
/* A row of texts for each role, for all roles but one, and for what is in no message. */
#define POL_PEOPLE_ROWS (2 * POL_PEOPLE_ROLES + 1)

struct pol_people {
    const struct conf_rights *rights; /* NULL: nobody is looked for */
    struct base_buf all;              /* ends of the texts, as they follow one another */
    struct base_buf of[POL_PEOPLE_ROWS];
};

void pol_people_init(struct pol_people *p, const struct conf_rights *rights);
void pol_people_release(struct pol_people *p); /* wipes */
/* The next text; in_message: it is of a message, and follows the one before of its role, too. */
void pol_people_text(struct pol_people *p, enum chat_role role, bool in_message,
                     struct base_str text);
/* Nothing goes on here. */
void pol_people_gap(struct pol_people *p);
/* The lists that hold what short runs of base64 in text hide (longer ones: base64.h). Any thread.
 */
unsigned pol_people_hidden(const struct conf_rights *rights, struct base_str text, int64_t today);
/* The lists (bits) that hold what these texts make together; both when memory ran out. */
unsigned pol_people_find(const struct pol_people *p, int64_t today);

#endif
