/* bedrock_error.c - what AWS calls its errors, in a head, a body or an exception frame.
 *
 * Owns       nothing; strings go into the arena that is given.
 * Runs on    the attempt's loop.
 * Mapping    the exception's name is the error's type and code; whether another route may do
 * follows from it where it is known (a 424 of a model that broke is retryable, a quota too), else
 *            from the status.
 * Invariants what is refused for its signature is told in words of ours: AWS quotes the canonical
 *            request there, session token and all. Account numbers and ARNs of who asked are the
 *            operator's business: they stay behind too.
 */
#include "base/clock.h"
#include "gateway/upstream/bedrock_int.h"
#include <stdlib.h>
#include <time.h>

static const struct known {
    const char *name;
    int status;
    bool retryable;
} known[] = {{"ThrottlingException", 429, true},
             {"TooManyRequestsException", 429, true},
             {"ServiceQuotaExceededException", 400, true},
             {"ModelNotReadyException", 429, true},
             {"ModelTimeoutException", 408, true},
             {"ModelErrorException", 424, true},
             {"ModelStreamErrorException", 424, true},
             {"InternalServerException", 500, true},
             {"InternalFailure", 500, true},
             {"ServiceUnavailableException", 503, true},
             {"ServiceUnavailable", 503, true},
             {"ValidationException", 400, false},
             {"AccessDeniedException", 403, false},
             {"ResourceNotFoundException", 404, false}};

static const struct known *find(struct base_str name)
{
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (base_str_ieq(name, base_str_c(known[i].name)))
            return &known[i];
    return NULL;
}

/* "com.amazon.coral#ThrottlingException:http://..." -> "ThrottlingException" */
static struct base_str short_name(struct base_str s)
{
    size_t hash = base_str_find(s, BASE_STR("#"), 0);

    if (hash != SIZE_MAX)
        s = base_str_n(s.p + hash + 1, s.n - hash - 1);
    struct base_str rest = s;
    return base_str_trim(base_str_cut(&rest, ':'));
}

static struct base_str message_of(const json_t *root)
{
    struct base_str m = gw_json_get_str(root, "message");
    return m.n ? m : gw_json_get_str(root, "Message");
}

void gw_bedrock_error_parse(int status, struct base_str body, struct base_arena *a,
                            struct chat_error *out)
{
    json_t *root = body.n ? gw_json_load(body, true, NULL) : NULL;
    struct base_str type = short_name(gw_json_get_str(root, "__type"));
    const struct known *k = find(type);

    gw_wire_error_fill(a, status, type, type, message_of(root), out);
    if (k && k->status == status)
        out->retryable = k->retryable;
    out->body = base_arena_dup(a, body);
    json_decref(root);
}

/* ---- refused for who asks ---- */

/* "Sun, 22 Nov 2026 14:29:50 GMT" -> seconds since 1970, or -1. */
static int64_t http_date(struct base_str s)
{
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct tm tm = {0};
    char month[4] = "", text[40];

    if (s.n < 29 || s.n >= sizeof text)
        return -1;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (sscanf(text + 5, "%2d %3s %4d %2d:%2d:%2d GMT", &tm.tm_mday, month, &tm.tm_year,
               &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
        return -1;
    for (int i = 0; i < 12; i++) {
        if (strcmp(month, months[i]) != 0)
            continue;
        tm.tm_mon = i;
        tm.tm_year -= 1900;
        return timegm(&tm);
    }
    return -1;
}

static bool about_time(const struct chat_error *e)
{
    static const char *const words[] = {"RequestExpired", "RequestTimeTooSkewed",
                                        "RequestInTheFuture"};

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (base_str_is(e->type, words[i]))
            return true;
    return gw_json_mentions(e->message, "Signature expired") ||
           gw_json_mentions(e->message, "Signature not yet current") ||
           gw_json_mentions(e->message, "is now earlier than") ||
           gw_json_mentions(e->message, "is still later than");
}

static struct base_str clock_sentence(const struct gw_http_head *h, struct base_arena *a)
{
    const struct gw_http_header *date = gw_http_find(h, "date");
    int64_t theirs = date ? http_date(date->value) : -1, ours = base_wall_us() / 1000000;
    const char *todo = "AWS accepts a signature for five minutes: set this machine's clock (NTP)";

    if (theirs < 0)
        return base_arena_printf(a, "the upstream refused the time of the gateway's signature. %s",
                                 todo);
    return base_arena_printf(a,
                             "the upstream refused the time of the gateway's signature: this "
                             "machine's clock is %lld s %s the upstream's. %s",
                             (long long)llabs(theirs - ours), theirs > ours ? "behind" : "ahead of",
                             todo);
}

static struct base_str refused_sentence(const struct chat_error *e)
{
    static const struct {
        const char *word, *text;
    } all[] = {{"InvalidSignature", "the upstream refused the gateway's signature: secret_key does "
                                    "not belong to access_key, or region or service is another"},
               {"SignatureDoesNotMatch",
                "the upstream refused the gateway's signature: secret_key does not belong to "
                "access_key, or region or service is another"},
               {"ExpiredToken", "the gateway's session_token for the upstream has expired"},
               {"UnrecognizedClient",
                "the upstream does not know the gateway's access_key or session_token"},
               {"InvalidClientTokenId", "the upstream does not know the gateway's access_key"},
               {"IncompleteSignature", "the upstream refused the gateway's signature"},
               {"MissingAuthenticationToken", "the upstream refused the gateway's credentials"}};

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        if (gw_json_mentions(e->type, all[i].word))
            return base_str_c(all[i].text);
    return gw_json_mentions(e->message, "arn:aws")
               ? BASE_STR("the gateway's credentials may not use this model there")
               : BASE_STR_NULL;
}

void gw_bedrock_error_head(const struct gw_http_head *h, struct base_arena *a,
                           struct chat_error *out)
{
    const struct gw_http_header *type = gw_http_find(h, "x-amzn-errortype");
    struct base_str name = type ? short_name(type->value) : BASE_STR_NULL;

    if (name.n > 0 && name.n <= 64) {
        const struct known *k = find(name);
        out->type = out->code = base_arena_dup(a, name);
        if (k)
            out->retryable = k->retryable;
    }
    if (about_time(out)) {
        out->status = 403;
        out->message = clock_sentence(h, a);
        out->body = BASE_STR_NULL;
        return;
    }
    struct base_str text =
        out->status == 403 || out->status == 400 ? refused_sentence(out) : BASE_STR_NULL;
    if (text.n) {
        out->status = 403;
        out->message = text;
        out->body = BASE_STR_NULL;
    }
}

/* ---- in a stream ---- */

void gw_bedrock_exception(struct gw_wire_reader *w, struct base_str type, struct base_str payload)
{
    json_t *root = payload.n ? gw_json_load(payload, true, NULL) : NULL;
    struct base_str name = short_name(type), message = message_of(root);
    const struct known *k = find(name);

    gw_wire_fail(w, k ? k->status : 502, name, name,
                 message.n ? message : BASE_STR("The upstream reported an error."));
    if (k)
        w->error.retryable = k->retryable;
    json_decref(root);
}
