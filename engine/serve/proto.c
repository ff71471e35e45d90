/* proto.c - frames between gateway and engine; the format is in proto.h. Pure.
 *
 * Ids are checked as far as a frame's type decides: STATUS and EXPERTS speak of the engine itself
 * (0), all others of a request (not 0).
 */
#include "engine/serve/proto.h"

static bool known(uint8_t type)
{
    switch (type) {
    case ENG_FRAME_SUBMIT:
    case ENG_FRAME_CANCEL:
    case ENG_FRAME_STATUS:
    case ENG_FRAME_START:
    case ENG_FRAME_TEXT:
    case ENG_FRAME_FINISH:
    case ENG_FRAME_ERROR:
    case ENG_FRAME_REASONING:
    case ENG_FRAME_CALL:
    case ENG_FRAME_ARGS:
    case ENG_FRAME_EXPERTS:
        return true;
    default:
        return false;
    }
}

static uint32_t get_u32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

enum base_status eng_frame_parse(struct base_str in, struct eng_frame *out, size_t *used,
                                 struct base_err *err)
{
    if (in.n < 4)
        return BASE_AGAIN;
    uint32_t len = get_u32(in.p);
    if (len < ENG_FRAME_HEAD - 4 || len > ENG_FRAME_MAX)
        return base_err_set(err, BASE_EPROTO, "a frame of %u bytes", len);
    if (in.n > 4 && !known((uint8_t)in.p[4]))
        return base_err_set(err, BASE_EPROTO, "a frame of type %u", (uint8_t)in.p[4]);
    if (in.n - 4 < len)
        return BASE_AGAIN;
    out->type = (enum eng_frame_type)(uint8_t)in.p[4];
    out->id = get_u32(in.p + 5);
    out->payload = base_str_n(in.p + ENG_FRAME_HEAD, len - (ENG_FRAME_HEAD - 4));
    bool of_engine = out->type == ENG_FRAME_STATUS || out->type == ENG_FRAME_EXPERTS;
    if ((out->id == 0) != of_engine)
        return base_err_set(err, BASE_EPROTO, "a frame of type %d with id %u", (int)out->type,
                            out->id);
    *used = 4 + (size_t)len;
    return BASE_OK;
}

bool eng_frame_put(struct base_buf *out, enum eng_frame_type type, uint32_t id,
                   struct base_str payload)
{
    if (payload.n > ENG_FRAME_MAX - (ENG_FRAME_HEAD - 4)) {
        out->failed = true;
        return false;
    }
    uint32_t len = (uint32_t)payload.n + ENG_FRAME_HEAD - 4;
    char *p = base_buf_room(out, ENG_FRAME_HEAD + payload.n);
    if (p == NULL) {
        out->failed = true;
        return false;
    }
    for (int i = 0; i < 4; i++) {
        p[i] = (char)(len >> (8 * i));
        p[5 + i] = (char)(id >> (8 * i));
    }
    p[4] = (char)type;
    if (payload.n)
        memcpy(p + ENG_FRAME_HEAD, payload.p, payload.n);
    base_buf_commit(out, ENG_FRAME_HEAD + payload.n);
    return true;
}
