/* intents.h - which requests have an intent and no outcome yet. Private to audit/. One thread. */
#ifndef AUD_INTENTS_H
#define AUD_INTENTS_H

#include "base/err.h"
#include "base/str.h"

#define AUD_INTENTS_MAX (1u << 22)

struct aud_intent {
    uint64_t index;
    uint64_t attempt;
    uint32_t n_req, n_tenant;
    char text[]; /* req, then tenant */
};

struct aud_intents {
    struct aud_intent **slot; /* open addressing, linear probing; NULL is empty */
    size_t cap, n;
};

void aud_intents_init(struct aud_intents *m);
void aud_intents_release(struct aud_intents *m);
void aud_intents_clear(struct aud_intents *m);
struct aud_intent *aud_intents_find(struct aud_intents *m, struct base_str req);
/* req must not be there. BASE_LIMIT past AUD_INTENTS_MAX. */
enum base_status aud_intents_add(struct aud_intents *m, struct base_str req, struct base_str tenant,
                                 uint64_t index, uint64_t attempt) BASE_MUST_CHECK;
/* False: there was none. */
bool aud_intents_remove(struct aud_intents *m, struct base_str req);
/* All of them in order of index; *out is the caller's (free), the intents stay the map's. */
enum base_status aud_intents_sorted(const struct aud_intents *m,
                                    struct aud_intent ***out) BASE_MUST_CHECK;

#endif
