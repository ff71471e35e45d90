/* Goal: no template crashes the interpreter, runs long, or passes the caller's text off as its own.
 *
 * Method: the input is a template, parsed and rendered over fixed variables of every kind. Foreign
 * spans must ascend within the text, and a marker that only the variables hold must lie in them.
 * libFuzzer's own timeout catches what does not end. */
#include "engine/text/jinja.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char VARS[] =
    "{\"messages\":[{\"role\":\"system\",\"content\":\"S\\u0416S\"},{\"role\":\"user\",\"content\":"
    "\"S\\u0416S "
    "hi\"},{\"role\":\"assistant\",\"content\":null,\"tool_calls\":[{\"id\":\"abcdefghi\","
    "\"function\":{\"name\":\"f\",\"arguments\":{\"a\":1,\"b\":[true,1.5,\"S\\u0416S\"]}}}]}],"
    "\"tools\":"
    "[{\"function\":{\"name\":\"f\",\"parameters\":{\"x\":{}}}}],\"n\":3,\"x\":-1.5,\"t\":true,"
    "\"z\":null,"
    "\"add_generation_prompt\":true}";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct eng_jinja *t = NULL;
    struct eng_rendered r;
    struct base_err err = {0};
    if (eng_jinja_parse(base_str_n(data, size), &t, &err) != BASE_OK)
        return 0;
    json_t *vars = json_loads(VARS, 0, NULL);
    enum base_status st =
        eng_jinja_render(t, vars, BASE_STR("<s>"), BASE_STR("</s>"), 1767225600, &r, &err);
    if (st != BASE_OK && err.text[0] == 0)
        abort();
    size_t at = 0;
    for (size_t i = 0; i < r.n_foreign; i++) {
        if (r.foreign[i].from < at || r.foreign[i].to <= r.foreign[i].from ||
            r.foreign[i].to > r.text.n)
            abort();
        at = r.foreign[i].to + 1;
    }
    /* the letter U+0416 stands in no template that does not spell it */
    struct base_str zhe = BASE_STR("\xd0\x96"), src = base_str_n(data, size);
    bool spelled = base_str_find(src, BASE_STR("\xd0"), 0) != SIZE_MAX ||
                   base_str_find(src, BASE_STR("\\"), 0) != SIZE_MAX;
    struct base_str text = base_buf_view(&r.text);
    for (size_t k = text.n ? base_str_find(text, zhe, 0) : SIZE_MAX; !spelled && k != SIZE_MAX;
         k = base_str_find(text, zhe, k + 1)) {
        bool inside = false;
        for (size_t i = 0; i < r.n_foreign && !inside; i++)
            inside = r.foreign[i].from <= k && k + 2 <= r.foreign[i].to;
        if (!inside)
            abort();
    }
    eng_rendered_release(&r);
    json_decref(vars);
    eng_jinja_free(t);
    return 0;
}
