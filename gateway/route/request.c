/* request.c - the difficulty of a whole conversation.
 *
 * What counts: the last user turn, and earlier user turns with a weight that falls per turn; a
 * short follow-up ("now commit it") leans on them most. What does not: system and developer
 * prompts, tool definitions, the assistant's words, and the blocks that agent harnesses put into
 * user messages (reminders, environment, editor state): they are the same for an easy and a hard
 * question. History only raises, it never makes a hard turn easy. Tools in use make the work an
 * agent's, with a floor under its difficulty, so that a tool loop never falls back to the small
 * model half way. A part that cannot be read (picture, file) has a floor as well. An unclosed
 * harness tag is taken for text: hiding words in one must not make them cheap. Nothing here
 * allocates or fails; a message's parts and blocks beyond GW_FEAT_PIECES_MAX pieces are not read.
 */
#include "gateway/route/features.h"
#include "gateway/route/score.h"

#include <math.h>

#define HISTORY_TURNS 4    /* earlier user turns that count */
#define HISTORY_DECAY 0.6  /* per turn */
#define LEAN_LONG     0.35 /* how much of the difference a turn of its own takes over ... */
#define LEAN_SHORT    0.9  /* ... and a short follow-up */
#define AGENT_FLOOR   0.75
#define OPAQUE_FLOOR  0.6
#define TAG_NAME_MAX  32

/* Tags of blocks that harnesses, not people, write. */
static const char *const harness_tags[] = {
    "system-reminder",     "system_reminder",
    "environment_details", "environment_context",
    "user_info",           "command-name",
    "command-message",     "local-command-stdout",
    "ide_selection",       "ide_opened_file",
    "additional_data",     "attached_files",
    "context_window",      "git_status",
    "project_layout",      "user_instructions",
    "task-notification",   "open_and_recently_viewed_files",
};

static const char *harness_tag(struct base_str at)
{
    for (size_t i = 0; i < sizeof harness_tags / sizeof *harness_tags; i++) {
        size_t n = strlen(harness_tags[i]);

        if (at.n > n && memcmp(at.p, harness_tags[i], n) == 0 &&
            (at.p[n] == '>' || at.p[n] == ' ' || at.p[n] == '\n'))
            return harness_tags[i];
    }
    return NULL;
}

/* Where the block that opens at `from` (the '<') ends, or SIZE_MAX if it is none or is not closed.
 */
static size_t harness_end(struct base_str text, size_t from)
{
    const char *tag = harness_tag((struct base_str){text.p + from + 1, text.n - from - 1});
    char close[TAG_NAME_MAX + 4];
    size_t n, at;

    if (!tag)
        return SIZE_MAX;
    n = strlen(tag);
    BASE_BUG_ON(n + 3 > sizeof close);
    close[0] = '<';
    close[1] = '/';
    memcpy(close + 2, tag, n);
    close[n + 2] = '>';
    at = base_str_find(text, (struct base_str){close, n + 3}, from);
    return at == SIZE_MAX ? SIZE_MAX : at + n + 3;
}

static void piece_add(struct base_str s, struct base_str *pieces, size_t *n, size_t max)
{
    if (s.n && *n < max)
        pieces[(*n)++] = s;
}

void gw_route_strip_harness(struct base_str text, struct base_str *pieces, size_t *n, size_t max)
{
    size_t start = 0, at = 0, looked = 0;

    while (at < text.n && *n < max) {
        const char *lt = memchr(text.p + at, '<', text.n - at);
        size_t i, end;

        if (!lt)
            break;
        i = (size_t)(lt - text.p);
        end = looked < GW_FEAT_PIECES_MAX ? harness_end(text, i) : SIZE_MAX;
        if (end == SIZE_MAX) {
            /* Searching for a close that is not there costs the length of the text: a text of
             * nothing but open tags may cost that only so often. */
            looked += harness_tag((struct base_str){text.p + i + 1, text.n - i - 1}) != NULL;
            at = i + 1;
            continue;
        }
        piece_add((struct base_str){text.p + start, i - start}, pieces, n, max);
        start = at = end;
    }
    piece_add((struct base_str){text.p + start, text.n - start}, pieces, n, max);
}

static bool blank(const struct base_str *pieces, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (base_str_trim(pieces[i]).n)
            return false;
    }
    return true;
}

/* A user message's own words, without harness blocks and tool results. */
static size_t gather(const struct chat_message *m, struct base_str *pieces, bool *opaque)
{
    static const struct base_str gap = {"\n", 1};
    size_t n = 0;

    for (size_t i = 0; i < m->n_parts; i++) {
        const struct chat_part *p = &m->parts[i];

        *opaque = *opaque || p->kind == CHAT_PART_OPAQUE;
        if (p->kind != CHAT_PART_TEXT)
            continue;
        if (n)
            piece_add(gap, pieces, &n, GW_FEAT_PIECES_MAX);
        gw_route_strip_harness(p->text, pieces, &n, GW_FEAT_PIECES_MAX);
    }
    return blank(pieces, n) ? 0 : n;
}

static bool tools_in_use(const struct chat_request *r)
{
    for (size_t i = 0; i < r->n_messages; i++) {
        const struct chat_message *m = &r->messages[i];

        if (m->role == CHAT_TOOL)
            return true;
        for (size_t k = 0; k < m->n_parts; k++) {
            if (m->parts[k].kind == CHAT_PART_TOOL_CALL ||
                m->parts[k].kind == CHAT_PART_TOOL_RESULT)
                return true;
        }
    }
    return false;
}

/* "now commit it", "and why?": says little without what came before. */
static bool is_follow_up(enum gw_task task, uint32_t n_words)
{
    return task == GW_TASK_UNKNOWN ? n_words <= 6 : task != GW_TASK_CHAT && n_words <= 3;
}

static void raise_to(struct gw_score *s, double least, const char *why)
{
    if (s->difficulty < least) {
        s->difficulty = least;
        s->why = why;
    }
}

void gw_route_score(const struct chat_request *r, struct gw_score *out)
{
    struct base_str pieces[GW_FEAT_PIECES_MAX];
    bool found = false, opaque = false, ignored = false;
    double own = 0.0, weight = 1.0, lean = 0.0, raised = 0.0;
    uint32_t n_words;
    int turns = 0;

    *out = (struct gw_score){1.0, GW_TASK_UNKNOWN, true, "no text to judge"};
    for (size_t i = r->n_messages; i-- > 0 && turns <= HISTORY_TURNS;) {
        struct gw_score s;
        size_t n;

        if (r->messages[i].role != CHAT_USER)
            continue;
        n = gather(&r->messages[i], pieces, found ? &ignored : &opaque);
        if (n == 0)
            continue;
        gw_route_score_pieces(pieces, n, &s, &n_words);
        turns++;
        if (!found) {
            found = true;
            *out = s;
            own = raised = s.difficulty;
            lean = is_follow_up(s.task, n_words) ? LEAN_SHORT : LEAN_LONG;
            continue;
        }
        weight *= HISTORY_DECAY;
        if (!s.no_signal && own + weight * lean * (s.difficulty - own) > raised)
            raised = own + weight * lean * (s.difficulty - own);
    }
    if (!out->no_signal)
        raise_to(out, raised, "earlier turns of the conversation");
    if (opaque && !out->no_signal)
        raise_to(out, OPAQUE_FLOOR, "holds a part that cannot be read here");
    if (tools_in_use(r)) {
        out->task = GW_TASK_AGENT;
        raise_to(out, AGENT_FLOOR, "tools are in use");
    }
}
