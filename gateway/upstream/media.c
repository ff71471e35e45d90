/* media.c - content parts that are no text, from the shapes that clients send.
 *
 * Owns       the parsed JSON of one part while a writer looks at it.
 * Runs on    the loop; pure.
 * Shapes     OpenAI's chat   image_url {url}, input_audio {data, format}, file {file_data,
 * filename}; Responses       input_image (image_url), input_file (file_data, file_url, filename);
 *            Anthropic's     image and document with a source: base64 or url.
 *            A data: URL is taken apart. Ids of uploaded files mean nothing to another provider.
 */
#include "gateway/upstream/media.h"
#include "gateway/dialect/jsonx.h"

/* "data:image/png;base64,AAAA" -> type and data. */
static void take_apart(struct gw_media *m)
{
    if (!base_str_starts(m->url, BASE_STR("data:")))
        return;
    size_t mark = base_str_find(base_str_n(m->url.p, m->url.n < 300 ? m->url.n : 300),
                                BASE_STR(";base64,"), 0);
    if (mark == SIZE_MAX || mark == 5)
        return;
    m->mime = base_str_n(m->url.p + 5, mark - 5);
    m->data = base_str_n(m->url.p + mark + 8, m->url.n - mark - 8);
    /* parameters such as ;charset= are no part of the type */
    for (size_t i = 0; i < m->mime.n; i++)
        if (m->mime.p[i] == ';')
            m->mime.n = i;
}

static struct base_str sound(struct base_str format)
{
    if (base_str_is(format, "mp3"))
        return BASE_STR("audio/mp3");
    return base_str_is(format, "wav") ? BASE_STR("audio/wav") : BASE_STR_NULL;
}

static void read_source(struct gw_media *m, const json_t *source)
{
    m->mime = gw_json_get_str(source, "media_type");
    m->url = gw_json_get_str(source, "url");
    if (base_str_is(gw_json_get_str(source, "type"), "base64"))
        m->data = gw_json_get_str(source, "data");
}

bool gw_media_read(struct base_str raw, struct gw_media *out)
{
    json_t *o = gw_json_load(raw, false, NULL);
    struct base_str type = gw_json_get_str(o, "type");

    *out = (struct gw_media){.kind = GW_MEDIA_FILE, .root = o};
    if (base_str_is(type, "image_url") || base_str_is(type, "input_image")) {
        out->kind = GW_MEDIA_IMAGE;
        out->url = gw_json_get_str(o, "image_url");
        if (out->url.n == 0)
            out->url = gw_json_get_str(gw_json_get_obj(o, "image_url"), "url");
    } else if (base_str_is(type, "input_audio")) {
        const json_t *audio = gw_json_get_obj(o, "input_audio");
        out->kind = GW_MEDIA_AUDIO;
        out->data = gw_json_get_str(audio, "data");
        out->mime = sound(gw_json_get_str(audio, "format"));
    } else if (base_str_is(type, "file") || base_str_is(type, "input_file")) {
        const json_t *file = base_str_is(type, "file") ? gw_json_get_obj(o, "file") : o;
        out->name = gw_json_get_str(file, "filename");
        out->url = gw_json_get_str(file, "file_data");
        if (out->url.n == 0)
            out->url = gw_json_get_str(file, "file_url");
    } else if (base_str_is(type, "image") || base_str_is(type, "document")) {
        out->kind = base_str_is(type, "image") ? GW_MEDIA_IMAGE : GW_MEDIA_FILE;
        read_source(out, gw_json_get_obj(o, "source"));
    }
    take_apart(out);
    if (out->data.n > 0 || out->url.n > 0)
        return true;
    gw_media_release(out);
    return false;
}

void gw_media_release(struct gw_media *m)
{
    json_decref(m->root);
    *m = (struct gw_media){.kind = GW_MEDIA_FILE};
}
