/* restrict.c - whether kept content is about somebody whose data are restricted (GDPR Art. 18).
 *
 * Content is what went over the wire: a JSON body, or the events of a stream. Its bytes are looked
 * through as they are; the strings in a body once more without their escapes; the pieces of a
 * stream (what stands under `delta`) once more as the one text that they make, an identifier being
 * cut anywhere. Bytes and strings also in the forms that a scan would read (aud_forms_use): base64,
 * escapes, look-alikes.
 *
 * Runs on the keeper's thread; what it unpacks is wiped. Fails closed: text for which there is no
 * memory counts as restricted.
 */
#include "audit/content/keeper_int.h"

#include <jansson.h>

#define DEPTH_MAX 64

static aud_forms_fn forms;

void aud_forms_use(aud_forms_fn fn)
{
    forms = fn;
}

/* Strings of v into b, apart from each other (a body) or as one text (pieces of a stream). */
static bool collect(const json_t *v, bool apart, int depth, struct base_buf *b)
{
    const char *key;
    json_t *child;
    size_t i;

    if (depth > DEPTH_MAX)
        return false;
    if (json_is_string(v))
        return base_buf_add(b, json_string_value(v), json_string_length(v)) &&
               (!apart || base_buf_z(b, "\n\n\n\n\n\n"));
    json_array_foreach((json_t *)(uintptr_t)v, i, child)
    {
        if (!collect(child, apart, depth + 1, b))
            return false;
    }
    json_object_foreach((json_t *)(uintptr_t)v, key, child)
    {
        if (!collect(child, apart, depth + 1, b))
            return false;
    }
    return true;
}

static bool unpack_stream(struct base_str plain, struct base_buf *b)
{
    bool fits = true;

    while (plain.p && plain.n && fits) {
        struct base_str line = base_str_cut(&plain, '\n');
        if (!base_str_starts(line, BASE_STR("data:")))
            continue;
        json_t *o = json_loadb(line.p + 5, line.n - 5, JSON_ALLOW_NUL, NULL), *choice;
        size_t i;
        json_array_foreach(json_object_get(o, "choices"), i, choice)
        {
            fits = fits && collect(json_object_get(choice, "delta"), false, 0, b);
        }
        json_decref(o);
    }
    return fits;
}

unsigned aud_rights_of(const struct conf_rights *lists, struct base_str plain, int64_t today)
{
    unsigned found = conf_rights_in_text(lists, plain, today);
    struct base_buf b;
    json_t *body;

    if (conf_rights_n(lists) == 0)
        return 0;
    base_buf_init(&b, 4 * AUD_BLOB_BYTES_MAX);
    body = json_loadb(plain.p ? plain.p : "", plain.n, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    if (!(body ? collect(body, true, 0, &b) : unpack_stream(plain, &b)))
        found = CONF_RIGHTS_RESTRICTED;
    found |= conf_rights_in_text(lists, base_buf_view(&b), today);
    if (forms && found == 0) {
        struct base_buf more;

        base_buf_init(&more, 8 * AUD_BLOB_BYTES_MAX);
        if (!forms(body || b.n > 0 ? base_buf_view(&b) : plain, &more))
            found = CONF_RIGHTS_RESTRICTED;
        found |= conf_rights_in_text(lists, base_buf_view(&more), today);
        base_buf_wipe(&more);
    }
    json_decref(body);
    base_buf_wipe(&b);
    return found;
}
