/* engine_frames.c - what the engine says, frame by frame, as events.
 *
 * Runs on the loop's thread, for engine_link.c. The engine is a hostile peer: payloads are checked
 * for form (JSON, UTF-8) and for sense (calls numbered without gaps, arguments only for the open
 * call); one that does not hold ends the link.
 */
#include "gateway/dialect/jsonx.h"
#include "gateway/local/engine_link_int.h"
#include <jansson.h>
#include <stdio.h>

static json_t *parse(struct base_str s)
{
    return json_loadb(s.p ? s.p : "", s.n, JSON_REJECT_DUPLICATES, NULL);
}

static int64_t get_int(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return 0;
    return json_integer_value(v);
}

static uint32_t get_u32(const json_t *o, const char *key)
{
    int64_t v = get_int(o, key);
    return v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
}

static uint64_t get_u64(const json_t *o, const char *key)
{
    json_int_t v = json_integer_value(json_object_get(o, key));
    return v > 0 ? (uint64_t)v : 0;
}

static struct base_str get_str(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    return json_is_string(v) ? base_str_n(json_string_value(v), json_string_length(v))
                             : BASE_STR_NULL;
}

/* At most GW_GPUS_MAX; what is missing or none is 0. */
static void take_gpus(const json_t *m, struct gw_engine_figures *out)
{
    const json_t *gpus = json_object_get(m, "gpus");
    for (size_t i = 0; i < json_array_size(gpus) && i < GW_GPUS_MAX; i++) {
        const json_t *g = json_array_get(gpus, i);
        out->gpu[out->n_gpus++] = (struct gw_gpu_figures){.gpu = get_u64(g, "gpu"),
                                                          .planned = get_u64(g, "planned"),
                                                          .weights = get_u64(g, "weights"),
                                                          .experts = get_u64(g, "experts"),
                                                          .cache = get_u64(g, "cache"),
                                                          .scratch = get_u64(g, "scratch"),
                                                          .from_host = get_u64(g, "from_host"),
                                                          .to_host = get_u64(g, "to_host"),
                                                          .from_gpus = get_u64(g, "from_gpus")};
    }
}

bool gw_link_take_status(struct gw_engine_link *l, struct base_str payload)
{
    json_t *doc = parse(payload);
    const json_t *models = json_object_get(doc, "models");
    bool ok = json_is_array(models) && json_array_size(models) <= MODELS_MAX;
    if (ok)
        l->n_models = 0;
    for (size_t i = 0; ok && i < json_array_size(models); i++) {
        const json_t *m = json_array_get(models, i);
        struct base_str name = get_str(m, "name");
        struct model_status *s = &l->models[i];
        ok = name.n > 0 && name.n < NAME_MAX_BYTES;
        if (!ok)
            break;
        memset(s, 0, sizeof *s);
        memcpy(s->name, name.p, name.n);
        s->ready = json_is_true(json_object_get(m, "ready"));
        s->slots = get_u32(m, "slots");
        s->active = get_u32(m, "active");
        s->queued = get_u32(m, "queued");
        s->figures =
            (struct gw_engine_figures){.expected_wait_ms = get_u64(m, "expected_wait_ms"),
                                       .cache_tokens = get_u64(m, "cache_tokens"),
                                       .cache_used = get_u64(m, "cache_used"),
                                       .cache_kept = get_u64(m, "cache_kept"),
                                       .prefix_asked = get_u64(m, "prefix_asked"),
                                       .prefix_hit = get_u64(m, "prefix_hit"),
                                       .evicted = get_u64(m, "evicted"),
                                       .preempted = get_u64(m, "preempted"),
                                       .experts_on_device = get_u64(m, "experts_on_device"),
                                       .pairs_on_device = get_u64(m, "pairs_on_device"),
                                       .pairs_on_cpu = get_u64(m, "pairs_on_cpu"),
                                       .pairs_sent = get_u64(m, "pairs_sent"),
                                       .expert_moves = get_u64(m, "expert_moves"),
                                       .moved_bytes = get_u64(m, "moved_bytes"),
                                       .sent_bytes = get_u64(m, "sent_bytes")};
        take_gpus(m, &s->figures);
        l->n_models = i + 1;
    }
    json_decref(doc);
    return ok;
}

/* What the gateway could not carry to the engine, and what the engine has no use for. */
static void tell_dropped(struct attempt *a, struct base_str more)
{
    struct base_buf all;
    if (!a->spec.headers || (!a->dropped[0] && more.n == 0))
        return;
    base_buf_init(&all, 1024);
    base_buf_z(&all, a->dropped);
    if (base_str_is(more, "tools"))
        gw_dropped_add(&all, "", "tools");
    struct gw_attempt_headers h = {.dropped = base_buf_view(&all)};
    if (all.n > 0)
        a->spec.headers(a->spec.ctx, &h);
    base_buf_release(&all);
}

static bool take_start(struct attempt *a, struct base_str payload)
{
    json_t *doc = parse(payload);
    if (!json_is_object(doc)) {
        json_decref(doc);
        return false;
    }
    char id[24];
    snprintf(id, sizeof id, "engine-%u", a->id);
    tell_dropped(a, get_str(doc, "dropped"));
    struct chat_event ev = {
        .kind = CHAT_EV_START, .id = base_str_c(id), .name = get_str(doc, "model")};
    (void)gw_link_emit(a, &ev);
    json_decref(doc);
    return true;
}

static void note_content(struct attempt *a)
{
    if (a->first_us) {
        a->first_us = 0;
        gw_link_arm_timer(a);
    }
}

static bool take_text(struct attempt *a, enum chat_event_kind kind, struct base_str payload)
{
    if (payload.n == 0 || !base_utf8_valid(payload))
        return false;
    note_content(a);
    struct chat_event ev = {.kind = kind, .text = payload};
    (void)gw_link_emit(a, &ev);
    return true;
}

/* A call opens; the calls of an answer are numbered from 0 without gaps. */
static bool take_call(struct attempt *a, struct base_str payload)
{
    json_t *doc = parse(payload);
    struct chat_event ev = {
        .kind = CHAT_EV_TOOL_CALL, .id = get_str(doc, "id"), .name = get_str(doc, "name")};
    bool ok = json_is_integer(json_object_get(doc, "index")) &&
              get_u32(doc, "index") == a->n_calls && ev.id.n > 0 && ev.name.n > 0;
    if (ok) {
        note_content(a);
        ev.index = (int)a->n_calls++;
        (void)gw_link_emit(a, &ev);
    }
    json_decref(doc);
    return ok;
}

static bool take_args(struct attempt *a, struct base_str payload)
{
    const uint8_t *b = (const uint8_t *)payload.p;
    if (payload.n < 5 || a->n_calls == 0)
        return false;
    uint32_t index = b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
    struct chat_event ev = {.kind = CHAT_EV_TOOL_ARGS,
                            .index = (int)(a->n_calls - 1),
                            .text = base_str_n(payload.p + 4, payload.n - 4)};
    if (index != a->n_calls - 1 || !base_utf8_valid(ev.text))
        return false;
    (void)gw_link_emit(a, &ev);
    return true;
}

static bool take_finish(struct attempt *a, struct base_str payload)
{
    static const struct {
        const char *reason;
        enum chat_finish finish;
    } reasons[] = {{"stop", CHAT_FINISH_STOP},
                   {"length", CHAT_FINISH_LENGTH},
                   {"stop_sequence", CHAT_FINISH_STOP_SEQUENCE},
                   {"tool_calls", CHAT_FINISH_TOOL_CALLS}};
    json_t *doc = parse(payload);
    struct base_str reason = get_str(doc, "reason");
    bool ok = json_is_object(doc), known = false;
    struct chat_event ev = {.kind = CHAT_EV_FINISH, .text = get_str(doc, "stop")};
    for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
        if (base_str_is(reason, reasons[i].reason)) {
            ev.finish = reasons[i].finish;
            known = true;
        }
    if (ok && base_str_is(reason, "cancelled")) {
        gw_link_fail(a, 503, "engine_cancelled", BASE_STR("the local model gave the request up"));
    } else if (ok && known) {
        struct chat_event usage = {.kind = CHAT_EV_USAGE,
                                   .usage = {.set = true,
                                             .input_tokens = get_int(doc, "prompt_tokens"),
                                             .output_tokens = get_int(doc, "completion_tokens"),
                                             .cached_tokens = get_int(doc, "cached_tokens"),
                                             .reasoning_tokens = get_int(doc, "reasoning_tokens")}};
        struct chat_event last = {.kind = CHAT_EV_END};
        if (gw_link_emit(a, &ev) && gw_link_emit(a, &usage))
            gw_link_emit_last(a, &last);
    } else {
        ok = false;
    }
    json_decref(doc);
    return ok;
}

static bool take_error(struct attempt *a, struct base_str payload)
{
    json_t *doc = parse(payload);
    int64_t status = get_int(doc, "status");
    bool ok = json_is_object(doc) && status >= 400 && status <= 599;
    if (ok) {
        struct base_str message = get_str(doc, "message"), type = get_str(doc, "type");
        char type_z[64];
        snprintf(type_z, sizeof type_z, "%.*s", BASE_FMT(type));
        gw_link_fail(a, (int)status, type.n ? type_z : "server_error",
                     message.n ? message : BASE_STR("the local model failed"));
    }
    json_decref(doc);
    return ok;
}

/* One frame to its attempt; false if it does not hold. The attempt may be over (and freed, unless
 * the caller holds it busy) afterwards. */
bool gw_link_take_frame(struct attempt *a, const struct eng_frame *f)
{
    switch (f->type) {
    case ENG_FRAME_START:
        return take_start(a, f->payload);
    case ENG_FRAME_TEXT:
        return take_text(a, CHAT_EV_TEXT, f->payload);
    case ENG_FRAME_REASONING:
        return take_text(a, CHAT_EV_REASONING, f->payload);
    case ENG_FRAME_CALL:
        return take_call(a, f->payload);
    case ENG_FRAME_ARGS:
        return take_args(a, f->payload);
    case ENG_FRAME_FINISH:
        return take_finish(a, f->payload);
    case ENG_FRAME_ERROR:
        return take_error(a, f->payload);
    default:
        return false;
    }
}
