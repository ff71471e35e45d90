/* policy_fuzz.c - any bytes through scanner, JSON editing, redaction and restoring.
 *
 * Invariants beside "no crash": spans are ordered, inside the text and do not overlap; redacting
 * a text, then restoring it in two chunks cut anywhere, gives the text back.
 */
#include "policy/policy.h"

#include <stdlib.h>

static struct pol_detector *det;
static struct pol_scratch *scratch;

static void check(bool ok)
{
    if (!ok)
        abort();
}

static void round_trip(struct base_str text, size_t cut, bool json_slot, struct base_arena *a)
{
    struct chat_part part = {.kind = json_slot ? CHAT_PART_TOOL_CALL : CHAT_PART_TEXT,
                             .text = text};
    struct chat_message msg = {.role = CHAT_USER, .parts = &part, .n_parts = 1};
    struct chat_request r = {.arena = a, .messages = &msg, .n_messages = 1};
    uint32_t counts[POL_TYPE_COUNT] = {0};
    struct pol_vault *vault;
    struct pol_restore *restore;
    struct base_buf out;

    if (pol_redact_request(det, scratch, ~(pol_types)0, &r, &vault, counts, NULL) != BASE_OK)
        return;
    restore = pol_restore_new(vault, false);
    base_buf_init(&out, 1u << 24);
    check(restore != NULL);
    cut = part.text.n ? cut % (part.text.n + 1) : 0;
    check(pol_restore_feed(restore, (struct base_str){part.text.p, cut}, &out, NULL) == BASE_OK);
    check(pol_restore_feed(restore, (struct base_str){part.text.p + cut, part.text.n - cut}, &out,
                           NULL) == BASE_OK);
    check(pol_restore_end(restore, &out, NULL) == BASE_OK);
    if (!json_slot)
        check(base_str_eq(base_buf_view(&out), text));
    base_buf_release(&out);
    pol_restore_free(restore);
    pol_vault_free(vault);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct base_arena *a = base_arena_new(16u << 20);
    struct base_str text;
    struct pol_spans spans;

    if (!det)
        check(pol_detector_new(&det, NULL) == BASE_OK &&
              pol_scratch_new(det, &scratch, NULL) == BASE_OK);
    check(a != NULL);
    if (n < 1)
        goto out;
    text = (struct base_str){(const char *)data + 1, n - 1};
    check(pol_scan_text(det, scratch, text, a, &spans, NULL) == BASE_OK);
    for (size_t i = 0; i < spans.n; i++) {
        check(spans.v[i].start <= spans.v[i].end && spans.v[i].end <= text.n);
        check(i == 0 || spans.v[i].start >= spans.v[i - 1].end);
    }
    round_trip(text, data[0] * 37u, false, a);
    round_trip(text, data[0] * 37u, true, a);
out:
    base_arena_free(a);
    return 0;
}
