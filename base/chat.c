/* chat.c - walking a canonical request. Pure; owns nothing.
 *
 * chat_request_slots is the only list of places where a request can carry data. Detection and
 * redaction both go through it: what it forgets would leave the building unseen, so a member added
 * to chat.h is added here in the same commit (tests/unit/base_chat.c counts the slots of a request
 * that fills every member).
 */
#include "base/chat.h"

struct walk {
    chat_slot_fn fn;
    void *ctx;
    enum chat_role role;
    size_t message;
};

static enum base_status visit(const struct walk *w, enum chat_slot_kind kind, struct base_str *s,
                              const char *where)
{
    if (s->n == 0)
        return BASE_OK;
    struct chat_slot slot = {
        .kind = kind, .text = s, .role = w->role, .where = where, .message = w->message};
    return w->fn(w->ctx, &slot);
}

static enum base_status visit_part(const struct walk *w, struct chat_part *p)
{
    enum base_status st = visit(w, CHAT_SLOT_TEXT, &p->id, "id");
    if (st == BASE_OK)
        st = visit(w, CHAT_SLOT_TEXT, &p->name, "name");
    if (st != BASE_OK)
        return st;
    switch (p->kind) {
    case CHAT_PART_TEXT:
    case CHAT_PART_REASONING:
    case CHAT_PART_REFUSAL:
        st = visit(w, CHAT_SLOT_TEXT, &p->text, "content");
        break;
    case CHAT_PART_TOOL_CALL:
        st = visit(w, CHAT_SLOT_JSON, &p->text, "tool_args");
        break;
    case CHAT_PART_TOOL_RESULT:
        st = visit(w, CHAT_SLOT_TEXT, &p->text, "tool_result");
        break;
    case CHAT_PART_OPAQUE:
        st = visit(w, CHAT_SLOT_JSON, &p->raw, "opaque");
        break;
    }
    return st == BASE_OK ? visit(w, CHAT_SLOT_JSON, &p->extra, "extra") : st;
}

static enum base_status visit_tool(const struct walk *w, struct chat_tool *t)
{
    enum base_status st = visit(w, CHAT_SLOT_TEXT, &t->name, "name");
    if (st == BASE_OK)
        st = visit(w, CHAT_SLOT_TEXT, &t->description, "tool_description");
    if (st == BASE_OK)
        st = visit(w, CHAT_SLOT_JSON, &t->schema, "tool_schema");
    if (st == BASE_OK)
        st = visit(w, CHAT_SLOT_JSON, &t->extra, "extra");
    return st;
}

enum base_status chat_request_slots(struct chat_request *r, chat_slot_fn fn, void *ctx)
{
    struct walk w = {.fn = fn, .ctx = ctx};
    enum base_status st = BASE_OK;

    for (size_t i = 0; i < r->n_messages && st == BASE_OK; i++) {
        struct chat_message *m = &r->messages[i];
        w.role = m->role;
        w.message = i;
        st = visit(&w, CHAT_SLOT_TEXT, &m->name, "name");
        for (size_t k = 0; k < m->n_parts && st == BASE_OK; k++)
            st = visit_part(&w, &m->parts[k]);
        if (st == BASE_OK)
            st = visit(&w, CHAT_SLOT_JSON, &m->extra, "extra");
    }
    w.role = CHAT_SYSTEM;
    w.message = SIZE_MAX;
    for (size_t i = 0; i < r->n_tools && st == BASE_OK; i++)
        st = visit_tool(&w, &r->tools[i]);
    if (st == BASE_OK)
        st = visit(&w, CHAT_SLOT_TEXT, &r->tool_choice_name, "name");
    for (size_t i = 0; i < r->n_stop && st == BASE_OK; i++)
        st = visit(&w, CHAT_SLOT_TEXT, &r->stop[i], "stop");
    if (st == BASE_OK)
        st = visit(&w, CHAT_SLOT_TEXT, &r->user, "user");
    if (st == BASE_OK)
        st = visit(&w, CHAT_SLOT_TEXT, &r->anthropic_beta, "beta");
    if (st == BASE_OK)
        st = visit(&w, CHAT_SLOT_JSON, &r->extra, "extra");
    return st;
}

enum base_status chat_request_clone(const struct chat_request *r, struct base_arena *arena,
                                    struct chat_request *out)
{
    *out = *r;
    out->arena = arena;
    out->echo = BASE_STR_NULL;
    out->messages = base_arena_array(arena, r->n_messages, sizeof *out->messages);
    out->tools = base_arena_array(arena, r->n_tools, sizeof *out->tools);
    if (!out->messages || !out->tools)
        return BASE_ENOMEM;
    if (r->n_tools)
        memcpy(out->tools, r->tools, r->n_tools * sizeof *r->tools);
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct chat_message *from = &r->messages[i];
        struct chat_message *to = &out->messages[i];
        *to = *from;
        to->parts = base_arena_array(arena, from->n_parts, sizeof *to->parts);
        if (!to->parts)
            return BASE_ENOMEM;
        if (from->n_parts)
            memcpy(to->parts, from->parts, from->n_parts * sizeof *from->parts);
    }
    return BASE_OK;
}

bool chat_request_has_opaque(const struct chat_request *r)
{
    for (size_t i = 0; i < r->n_messages; i++)
        for (size_t k = 0; k < r->messages[i].n_parts; k++)
            if (r->messages[i].parts[k].kind == CHAT_PART_OPAQUE)
                return true;
    return false;
}

bool chat_dialect_is_openai(enum chat_dialect d)
{
    switch (d) {
    case CHAT_DIALECT_OPENAI_CHAT:
    case CHAT_DIALECT_OPENAI_RESPONSES:
    case CHAT_DIALECT_OPENAI_COMPLETIONS:
    case CHAT_DIALECT_OPENAI_EMBEDDINGS:
        return true;
    case CHAT_DIALECT_ANTHROPIC:
        break;
    }
    return false;
}

const char *chat_role_name(enum chat_role r)
{
    static const char *const name[] = {"system", "developer", "user", "assistant", "tool"};
    return name[r];
}

const char *chat_finish_name(enum chat_finish f)
{
    switch (f) {
    case CHAT_FINISH_LENGTH:
        return "length";
    case CHAT_FINISH_TOOL_CALLS:
        return "tool_calls";
    case CHAT_FINISH_CONTENT_FILTER:
        return "content_filter";
    case CHAT_FINISH_STOP:
    case CHAT_FINISH_STOP_SEQUENCE:
    case CHAT_FINISH_OTHER:
        break;
    }
    return "stop";
}
