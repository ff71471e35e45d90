/* secret.c - keys, tokens, passwords, private keys, connection strings.
 *
 * A provider's prefix with the right alphabet and length behind it is enough ("shape"); what is
 * only a word and an assignment ("api_key = ...") must in addition look random ("context"). Known
 * placeholders (${VAR}, {{ x }}, <key>, ****, your-key-here) never count. Values are never copied
 * anywhere.
 */
#include "policy/detect/detect.h"

#include <math.h>

static bool token_char(char c, unsigned set)
{
    if (pol_is_digit(c) || pol_is_alpha(c))
        return true;
    return set >= 1 && (c == '-' || c == '_') ? true : set >= 2 && strchr(".~+/=", c) && c;
}

static double entropy_bits(const char *p, size_t n)
{
    unsigned count[256] = {0};
    double h = 0;

    for (size_t i = 0; i < n; i++)
        count[(unsigned char)p[i]]++;
    for (int i = 0; i < 256; i++) {
        if (count[i])
            h -= (double)count[i] / (double)n * log2((double)count[i] / (double)n);
    }
    return h;
}

/* arg: alphabet of the rest (0 alnum, 1 with -_, 2 with .~+/=); arg2: least entropy in tenths. */
static void token(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    if (from > 0 && (pol_is_word(s->p[from - 1]) || s->p[from - 1] == '-'))
        return;
    while (to < s->n && to - from < 4096 && token_char(s->p[to], p->arg))
        to++;
    if (entropy_bits(s->p + from, to - from) * 10 < p->arg2)
        return;
    pol_found(s, from, to, POL_SECRET, POL_SHAPE, p->subtype, 95);
}

/* Inside the secret found last: many beginnings in a row cost no more than one. */
static bool inside_last(const struct pol_scan *s, size_t from)
{
    return s->n_v > 0 && s->v[s->n_v - 1].type == POL_SECRET && from >= s->v[s->n_v - 1].from &&
           from < s->v[s->n_v - 1].to;
}

static void jwt(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t dots = 0, part = 0;

    if (inside_last(s, from) || (from > 0 && pol_is_word(s->p[from - 1])))
        return;
    for (to = from; to < s->n && to - from < 65536; to++) {
        if (s->p[to] == '.' && part >= 4 && dots < 4)
            dots++, part = 0;
        else if (token_char(s->p[to], 1))
            part++;
        else
            break;
    }
    if (dots >= 1)
        pol_found(s, from, to, POL_SECRET, POL_SHAPE, p->subtype, 96);
}

static void pem(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    static const struct base_str mark = {"-----END", 8};
    size_t window = s->n - from < 32768 ? s->n - from : 32768, end;

    if (inside_last(s, from))
        return;
    end = base_str_find((struct base_str){s->p, from + window}, mark, to);
    if (end != SIZE_MAX) {
        to = end + mark.n;
        while (to < s->n && s->p[to] != '\n' && to < end + 64)
            to++;
    } else {
        while (to < s->n && to - from < 32768 &&
               (token_char(s->p[to], 2) || strchr("- \r\n:", s->p[to])))
            to++;
    }
    pol_found(s, from, to, POL_SECRET, POL_SHAPE, p->subtype, 98);
}

/* PuTTY's files: the lines of base64 behind "Private-Lines: N". */
static void putty(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t end = to;

    while (to < s->n && strchr("\r\n", s->p[to]) && s->p[to]) {
        size_t a;

        while (to < s->n && (s->p[to] == '\r' || s->p[to] == '\n'))
            to++;
        for (a = to; to < s->n && to - a < 80 && token_char(s->p[to], 2); to++)
            ;
        if (to - a < 16)
            break;
        end = to;
    }
    if (end > from + 24)
        pol_found(s, from, end, POL_SECRET, POL_SHAPE, p->subtype, 98);
}

/* Words that none of the lists of BIP 39 (English) has: prose, not a phrase. */
static bool prose(struct base_str w)
{
    static const char *const v[] = {"the", "and",   "your", "should", "for",   "are",   "from",
                                    "not", "which", "them", "they",   "never", "their", "was",
                                    "our", "has",   "its",  "but",    "must",  "been"};

    for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
        if (base_str_ieq(w, base_str_c(v[i])))
            return true;
    }
    return false;
}

/* A wallet's phrase (BIP 39): twelve to twenty-four words of three to eight letters in a row, each
 * perhaps with its number, behind a word for it. */
static void seed_phrase(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t i = to, first = 0, end = to, words = 0;

    (void)from;
    while (words < 24) {
        size_t a = i, b;

        while (i < s->n && i - a < 8 && !pol_is_alpha(s->p[i]) && (unsigned char)s->p[i] < 0x80)
            i++;
        for (b = i; i < s->n && pol_is_alpha(s->p[i]); i++)
            ;
        if (words == 0 && (base_str_ieq((struct base_str){s->p + b, i - b}, BASE_STR("is")) ||
                           base_str_ieq((struct base_str){s->p + b, i - b}, BASE_STR("ist")))) {
            if (i - to > 24)
                return;
            continue;
        }
        if (i - b < 3 || i - b > 8 || (i < s->n && pol_is_word(s->p[i])) ||
            prose((struct base_str){s->p + b, i - b}))
            break;
        first = words++ ? first : b;
        end = i;
    }
    if (words >= 12)
        pol_found(s, first, end, POL_SECRET, POL_CONTEXT, p->subtype, 90);
}

/* scheme://user:password@host/...; without a password a plain address of the web. */
static void url(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to - 3, colon = 0, at = 0, end = to;

    (void)p;
    (void)from;
    while (a > 0 && to - a < 24 &&
           (pol_is_alpha(s->p[a - 1]) || pol_is_digit(s->p[a - 1]) || s->p[a - 1] == '+' ||
            s->p[a - 1] == '-'))
        a--;
    if (a == to - 3)
        return;
    for (; end < s->n && end - to < 2048; end++) {
        char c = s->p[end];

        if ((unsigned char)c <= ' ' || strchr("\"'<>`", c))
            break;
        if ((c == '/' || c == '?' || c == '#') && at)
            break;
        if (c == '/' && !colon)
            break;
        if (c == ':' && end + 2 < s->n && s->p[end + 1] == '/' && s->p[end + 2] == '/')
            break; /* another address begins */
        if (c == ':' && !colon && !at)
            colon = end;
        if (c == '@')
            at = end;
    }
    if (colon && at > colon + 1 && colon > to - 1 && s->p[colon + 1] != '$' &&
        s->p[colon + 1] != '{' && s->p[colon + 1] != '<') {
        bool stars = true;

        for (size_t i = colon + 1; i < at; i++)
            stars = stars && (s->p[i] == '*' || s->p[i] == 'x' || s->p[i] == 'X');
        while (end < s->n && (unsigned char)s->p[end] > ' ' && !strchr("\"'<>`", s->p[end]) &&
               end - to < 2048)
            end++;
        if (!stars) {
            pol_found(s, a, end, POL_SECRET, POL_SHAPE, "connection_string", 94);
            return;
        }
    }
    if (!base_str_starts((struct base_str){s->p + a, to - a}, BASE_STR("http")))
        return;
    while (end < s->n && (unsigned char)s->p[end] > ' ' && !strchr("\"'<>`", s->p[end]) &&
           end - to < 2048)
        end++;
    while (end > to && strchr(".,;:!?)]}", s->p[end - 1]))
        end--;
    if (end > to)
        pol_found(s, a, end, POL_URL, POL_SHAPE, NULL, 5);
}

/* "${VAR}", "$(cat file)", "$VAR": not "$kTjdOX$c5JH". */
static bool variable(const char *p, size_t n)
{
    if (n == 0 || p[0] == '{' || p[0] == '(' || p[0] == '$')
        return true;
    for (size_t i = 0; i < n; i++) {
        if (!pol_is_alpha(p[i]) && !pol_is_digit(p[i]) && p[i] != '_')
            return false;
    }
    return !pol_is_digit(p[0]);
}

static bool placeholder(const char *p, size_t n)
{
    static const char *const words[] = {"your",        "example", "changeme", "placeholder",
                                        "process.env", "environ", "getenv",   "redacted",
                                        "undefined",   "null",    "none",     "true",
                                        "false",       "xxxx",    "****"};
    bool same = true;

    if (strchr("<{*[(", p[0]) || (p[0] == '$' && variable(p + 1, n - 1)) ||
        (p[0] == '%' && (n < 4 || p[n - 1] == '%' || p[1] == '(' || p[1] == '{')))
        return true;
    for (size_t i = 1; i < n; i++)
        same = same && p[i] == p[0];
    for (size_t w = 0; w < sizeof(words) / sizeof(words[0]); w++) {
        size_t k = strlen(words[w]);

        for (size_t i = 0; i + k <= n; i++) {
            if (base_str_ieq((struct base_str){p + i, k}, (struct base_str){words[w], k}))
                return true;
        }
    }
    return same;
}

/* arg 0: a password (short values count); 1: a key or token. */
static void assigned(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to, b, letters = 0, digits = 0, others = 0, upper = 0;
    bool spoken = s->p[to - 1] == ' ';

    (void)from;
    while (a < s->n && a < to + 6 && strchr(" \t\"'>`=*", s->p[a]) && s->p[a])
        a++;
    for (b = a; b < s->n && b - a < 512; b++) {
        char c = s->p[b];

        if ((unsigned char)c <= ' ' || strchr("\"'`,;<>", c) || (c == ')' && p->arg))
            break;
        letters += pol_is_alpha(c);
        upper += c >= 'A' && c <= 'Z';
        digits += pol_is_digit(c);
        others += !pol_is_alpha(c) && !pol_is_digit(c);
    }
    while (b > a && strchr(".?)*", s->p[b - 1]) &&
           (spoken || s->p[b - 1] == ')' || s->p[b - 1] == '*'))
        b--;
    if (b - a < (p->arg ? 12u : 6u) || b - a >= 512 || placeholder(s->p + a, b - a))
        return;
    for (size_t i = a; i < b; i++) {
        if (s->p[i] == '(' && i > a) /* a call, not a value */
            return;
    }
    if (p->arg && (digits == 0 || entropy_bits(s->p + a, b - a) < 3.0))
        return;
    if (!p->arg && digits == 0 && (spoken || !((others && letters) || (upper && upper < letters))))
        return;
    pol_found(s, a, b, POL_SECRET, POL_CONTEXT, p->subtype, 88);
}

/* curl -u name:password */
static void user_option(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t i = to;

    while (i < s->n && i - to < 64 && !strchr(" :\n", s->p[i]))
        i++;
    if (i > to && i < s->n && s->p[i] == ':')
        assigned(s, p, from, i + 1);
}

/* Discord's: a number in base64, a time, a check, with dots between. */
void pol_secret_at(struct pol_scan *s, size_t from, size_t to)
{
    size_t part[3] = {0}, k = 0, i = from;

    if (!strchr("MNO", s->p[from]))
        return;
    for (; i < s->n && i - from < 96; i++) {
        if (token_char(s->p[i], 1))
            part[k]++;
        else if (s->p[i] == '.' && k < 2)
            k++;
        else
            break;
    }
    (void)to;
    if (k == 2 && part[0] >= 23 && part[0] <= 28 && part[1] == 6 && part[2] >= 27 &&
        part[2] <= 40 && entropy_bits(s->p + from, i - from) >= 3.5)
        pol_found(s, from, i, POL_SECRET, POL_SHAPE, "discord_token", 95);
}

static bool password_like(const char *p, size_t n)
{
    size_t lower = 0, upper = 0, digits = 0, others = 0;

    for (size_t i = 0; i < n; i++) {
        lower += p[i] >= 'a' && p[i] <= 'z';
        upper += p[i] >= 'A' && p[i] <= 'Z';
        digits += pol_is_digit(p[i]);
        others += !pol_is_alpha(p[i]) && !pol_is_digit(p[i]);
    }
    return n >= 8 && n < 32 && digits && lower && upper + others > 0 && !placeholder(p, n);
}

static size_t password_end(const struct pol_scan *s, size_t a)
{
    size_t b = a;

    while (b < s->n && b - a < 64 && (unsigned char)s->p[b] > ' ' && !strchr("\"'`,;<>/|", s->p[b]))
        b++;
    while (b > a && strchr(".?):", s->p[b - 1]))
        b--;
    return b;
}

/* "his password !Open4Dayz", "anna@example.eu / W!nter2024": no sign says that a value follows, so
 * it must look like a password itself. */
static void said_password(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to - 1, b = password_end(s, a);

    (void)from;
    if (password_like(s->p + a, b - a))
        pol_found(s, a, b, POL_SECRET, POL_CONTEXT, p->subtype, 70);
}

/* "PIN: 4711": four to twelve digits and nothing more. */
static void pin(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to - 4, b = to;

    (void)from;
    while (b < s->n && pol_is_digit(s->p[b]))
        b++;
    if (b - a <= 12 && pol_word_bounds(s, a, b))
        pol_found(s, a, b, POL_SECRET, POL_CONTEXT, p->subtype, 60);
}

/* "token 9f8e7d...": no sign between, so it must look drawn at random. */
static void spoken_key(struct pol_scan *s, const struct pol_pat *p, size_t from, size_t to)
{
    size_t a = to - 24, b = to, digits = 0;

    (void)from;
    while (b < s->n && b - a < 512 && token_char(s->p[b], 2))
        b++;
    while (b > a && strchr(".=", s->p[b - 1]))
        b--;
    for (size_t i = a; i < b; i++)
        digits += pol_is_digit(s->p[i]);
    if (digits >= 3 && entropy_bits(s->p + a, b - a) >= 3.2 && !placeholder(s->p + a, b - a))
        pol_found(s, a, b, POL_SECRET, POL_CONTEXT, p->subtype, 86);
}

#define TOK(expr, sub, set, bits)                                                                  \
    {                                                                                              \
        expr, PAT_SOM, token, POL_SECRET, sub, set, bits                                           \
    }

const struct pol_pat pol_pats_secret[] = {
    TOK("\\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}", "aws_access_key", 0, 20),
    TOK("\\bABSK[A-Za-z0-9+/]{60}", "aws_bedrock_key", 2, 30),
    TOK("\\bbedrock-api-key-[A-Za-z0-9+/]{40}", "aws_bedrock_key", 2, 30),
    TOK("\\bLTAI[A-Za-z0-9]{20}", "alibaba_access_key", 0, 30),
    TOK("\\b[A-Za-z0-9_~.]{3}[0-9]Q~[A-Za-z0-9_~.-]{31}", "azure_client_secret", 2, 30),
    TOK("\\bsig=[A-Za-z0-9%+/]{40}", "azure_sas", 2, 30),
    TOK("\\bAIza[A-Za-z0-9_-]{35}", "google_api_key", 1, 30),
    TOK("\\bGOCSPX-[A-Za-z0-9_-]{24}", "google_oauth_secret", 1, 30),
    TOK("\\bya29\\.[A-Za-z0-9_-]{20}", "google_oauth_token", 1, 30),
    TOK("\\bgh[pousr]_[A-Za-z0-9]{30}", "github_token", 0, 30),
    TOK("\\bgithub_pat_[A-Za-z0-9_]{22}", "github_token", 1, 30),
    TOK("\\bgl(?:pat|ptt|dt|rt|soat|ft|imt|agent|cbt|oas|ffct)-[A-Za-z0-9_-]{20}", "gitlab_token",
        1, 25),
    TOK("\\b_?gitlab_session=[0-9a-z]{32}", "gitlab_session", 0, 25),
    TOK("\\bxoxe\\.xox[bp]-[A-Za-z0-9-]{40}", "slack_token", 1, 25),
    TOK("\\bxox[abeoprs]-[A-Za-z0-9-]{10}", "slack_token", 1, 25),
    TOK("\\bxapp-[0-9]-[A-Za-z0-9-]{10}", "slack_token", 1, 25),
    TOK("\\bhooks\\.slack\\.com/services/[A-Za-z0-9+/]{20}", "slack_webhook", 2, 25),
    TOK("\\bwebhook\\.office\\.com/webhookb2/[0-9a-f-]{36}@[0-9a-f-]{36}/IncomingWebhook/"
        "[0-9a-f]{20}",
        "teams_webhook", 2, 25),
    TOK("\\bdiscord(?:app)?\\.com/api/webhooks/[0-9]{16,20}/[A-Za-z0-9_-]{30}", "discord_webhook",
        1, 30),
    TOK("\\b(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{12}", "stripe_key", 0, 25),
    TOK("\\bwhsec_[A-Za-z0-9+/]{24}", "stripe_webhook_secret", 2, 25),
    TOK("\\bsk-ant-[a-z0-9]{3,8}-[A-Za-z0-9_-]{20}", "anthropic_key", 1, 25),
    TOK("\\bsk-(?:proj|svcacct|admin|None)-[A-Za-z0-9_-]{20}", "openai_key", 1, 25),
    TOK("\\bsk-or-v1-[0-9a-f]{20}", "openrouter_key", 1, 25),
    TOK("\\bsk-[A-Za-z0-9]{20}", "openai_key", 1, 30),
    TOK("\\bhf_[A-Za-z0-9]{30}", "huggingface_token", 0, 30),
    TOK("\\bapi_org_[A-Za-z0-9]{30}", "huggingface_token", 0, 30),
    TOK("\\bpplx-[A-Za-z0-9]{32}", "perplexity_key", 0, 30),
    TOK("\\bgsk_[A-Za-z0-9]{40}", "groq_key", 0, 30),
    TOK("\\bxai-[A-Za-z0-9]{40}", "xai_key", 0, 30),
    TOK("\\br8_[A-Za-z0-9]{36}", "replicate_key", 0, 30),
    TOK("\\bdapi[0-9a-f]{32}", "databricks_token", 1, 25),
    TOK("\\bnpm_[A-Za-z0-9]{36}", "npm_token", 0, 30),
    TOK("\\bpypi-AgE[A-Za-z0-9_-]{40}", "pypi_token", 1, 30),
    TOK("\\brubygems_[0-9a-f]{40}", "rubygems_token", 0, 25),
    TOK("\\bdckr_pat_[A-Za-z0-9_-]{20}", "docker_token", 1, 25),
    TOK("\\bdo[opr]_v1_[0-9a-f]{64}", "digitalocean_token", 0, 25),
    TOK("\\bdp\\.(?:pt|st|ct|sa)\\.[A-Za-z0-9]{20}", "doppler_token", 1, 25),
    TOK("\\bgl(?:sa|c)_[A-Za-z0-9+/_]{20}", "grafana_token", 2, 25),
    TOK("\\bhv[sb]\\.[A-Za-z0-9_-]{24}", "vault_token", 1, 25),
    TOK("\\b[A-Za-z0-9]{14}\\.atlasv1\\.[A-Za-z0-9_-]{40}", "terraform_token", 1, 25),
    TOK("\\bSG\\.[A-Za-z0-9_-]{16}", "sendgrid_key", 2, 30),
    TOK("\\b(?:pub)?key-[0-9a-f]{32}", "mailgun_key", 0, 25),
    TOK("\\bxkeysib-[0-9a-f]{64}-", "sendinblue_key", 1, 25),
    TOK("\\b[0-9a-f]{32}-us[0-9]{1,2}\\b", "mailchimp_key", 0, 25),
    TOK("\\bSK[0-9a-f]{32}\\b", "twilio_key", 0, 25),
    TOK("\\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}", "shopify_token", 0, 25),
    TOK("\\b(?:EAAA|sq0[a-z]{3}-)[A-Za-z0-9_-]{22}", "square_token", 1, 30),
    TOK("\\b[0-9]{8,10}:AA[A-Za-z0-9_-]{33}", "telegram_bot_token", 1, 30),
    TOK("\\bNR(?:AK|II|RA|IQ|JS)-[A-Za-z0-9_-]{19}", "newrelic_key", 1, 25),
    TOK("\\bHRKU-AA[A-Za-z0-9_-]{50}", "heroku_key", 1, 30),
    TOK("\\bAKCp[A-Za-z0-9]{60}", "jfrog_key", 0, 30),
    TOK("\\bcmVmdGtu[A-Za-z0-9]{50}", "jfrog_token", 0, 30),
    TOK("\\bA3-[A-Z0-9]{6}-(?:[A-Z0-9]{11}|[A-Z0-9]{6}-[A-Z0-9]{5})(?:-[A-Z0-9]{5}){3}\\b",
        "onepassword_key", 1, 25),
    TOK("\\bweir_[A-Za-z0-9_-]{40}", "weir_key", 1, 30),
    TOK("\\bfm[12]_[A-Za-z0-9+/]{60}", "fly_token", 2, 30),
    TOK("\\bfig[dour][hr]?_[A-Za-z0-9_-]{36}", "figma_token", 1, 30),
    TOK("\\bpat[A-Za-z0-9]{14}\\.[0-9a-f]{60}", "airtable_token", 0, 30),
    TOK("\\bPMAK-[0-9a-f]{24}-[0-9a-f]{30}", "postman_key", 1, 25),
    TOK("\\bpul-[0-9a-f]{40}", "pulumi_token", 0, 25),
    TOK("\\bpscale_(?:tkn|oauth|pw)_[A-Za-z0-9_=.-]{32}", "planetscale_token", 2, 30),
    TOK("\\bpnu_[A-Za-z0-9]{36}", "prefect_token", 0, 30),
    TOK("\\brdme_[a-z0-9]{60}", "readme_key", 0, 30),
    TOK("\\bv1\\.0-[0-9a-f]{24}-[0-9a-f]{60}", "cloudflare_ca_key", 0, 30),
    TOK("\\bsbp_[0-9a-f]{40}", "supabase_key", 0, 25),
    TOK("\\bCLOJARS_[a-z0-9]{50}", "clojars_token", 0, 30),
    TOK("\\bEZ[AT]K[A-Za-z0-9]{54}", "easypost_key", 0, 30),
    TOK("\\bfio-u-[A-Za-z0-9_=-]{60}", "frameio_token", 1, 30),
    TOK("\\blive_[A-Za-z0-9_-]{35}", "live_key", 1, 35),
    TOK("\\bico-[A-Za-z0-9]{32}\\b", "infracost_key", 0, 30),
    TOK("\\btk-us-[A-Za-z0-9_-]{48}", "scalingo_token", 1, 30),
    TOK("\\btfp_[A-Za-z0-9_.=-]{50}", "typeform_token", 2, 30),
    TOK("\\bAQVN[A-Za-z0-9_-]{35}", "yandex_key", 1, 30),
    TOK("\\b(?:shippo|duffel)_(?:live|test)_[A-Za-z0-9_=-]{40}", "live_key", 1, 25),
    TOK("\\bdt0c01\\.[A-Z0-9]{24}\\.[A-Z0-9]{60}", "dynatrace_token", 0, 30),
    TOK("\\bsgp_(?:[0-9a-f]{16}_)?[0-9a-f]{40}", "sourcegraph_token", 1, 25),
    TOK("\\bAPI-[A-Z0-9]{26}\\b", "octopus_key", 0, 30),
    TOK("\\bEAA(?:CEdEose0cBA|[MC][A-Za-z0-9]{60})[A-Za-z0-9]{20}", "facebook_token", 0, 30),
    TOK("\\bFLWSECK(?:_TEST)?-[a-hA-H0-9]{12}", "flutterwave_key", 1, 25),
    TOK("\\bsha256~[A-Za-z0-9_-]{43}", "openshift_token", 2, 30),
    TOK("\\b[ps]k\\.eyJ[A-Za-z0-9_-]{40}", "mapbox_token", 2, 30),
    TOK("\\b[xyztuv]prv[1-9A-HJ-NP-Za-km-z]{100}", "wallet_key", 0, 35),
    TOK("\\bsntry[su]_[A-Za-z0-9+/=_-]{40}", "sentry_token", 2, 25),
    TOK("\\bsq[apu]_[0-9a-f]{40}", "sonar_token", 0, 25),
    TOK("\\bops_eyJ[A-Za-z0-9+/=]{100}", "onepassword_token", 2, 30),
    TOK("\\bAGE-SECRET-KEY-1[A-Z0-9]{50}", "age_secret_key", 0, 25),
    TOK("\\blin_api_[A-Za-z0-9]{32}", "linear_key", 0, 25),
    TOK("\\bntn_[A-Za-z0-9]{40}", "notion_token", 0, 25),
    TOK("\\bsecret_[A-Za-z0-9]{43}", "notion_token", 0, 30),
    TOK("\\bATATT3x[A-Za-z0-9_=-]{50}", "atlassian_token", 2, 30),
    TOK("\\bAccountKey=[A-Za-z0-9+/]{40}", "azure_storage_key", 2, 30),
    TOK("\\botpauth://[ht]otp/[^ ]{10}", "totp_secret", 2, 20),
    {"\\beyJ[A-Za-z0-9_-]{10}", PAT_SOM, jwt, POL_SECRET, "jwt", 0, 0},
    {"-----BEGIN (?:[A-Z ]{0,24}PRIVATE KEY|OpenVPN Static key)", PAT_SOM, pem, POL_SECRET,
     "private_key", 0, 0},
    {"\\bPrivate-Lines: ?[0-9]{1,3}", PAT_SOM, putty, POL_SECRET, "private_key", 0, 0},
    {"(?:seed ?-?phrase|recovery phrase|secret phrase|backup phrase|mnemonic(?: phrase)?|seed "
     "words|"
     "wiederherstellungsphrase|phrase de recuperation|phrase secrete|frase semilla|"
     "frase de recuperac(?:ion|ao)|frase di recupero|fraza odzyskiwania|herstelzin)[^a-z0-9]",
     PAT_CASELESS, seed_phrase, POL_SECRET, "seed_phrase", 0, 0},
    {"\\s(?:-u|--user)[ =]", 0, user_option, POL_SECRET, "password", 0, 0},
    {"\\bsshpass -p ?", PAT_CASELESS, assigned, POL_SECRET, "password", 0, 0},
    {"(?:password|passwd|pwd|secret|token|api_?key)[\"'] value=[\"']", PAT_CASELESS, assigned,
     POL_SECRET, "password", 0, 0},
    {"://", 0, url, POL_URL, NULL, 0, 0},
    {"\\bAuthorization[\"']?\\s?[:=]\\s?[\"']?(?:Bearer|Basic|Token) ", PAT_CASELESS, assigned,
     POL_SECRET, "authorization_header", 1, 0},
    {"(?:password|passwd|passwort|kennwort|mot de "
     "passe|contrasena|haslo|wachtwoord|senha|passphrase"
     "|losenord|salasana|jelszo|slaptazodis|adgangskode|kodeord|\\bpassord|\\bheslo|\\bgeslo|"
     "lozinka|"
     "zaporka|\\bparool|salasona|κωδικος|κωδικο|пароль|парола|лозинка|wlan-?schlussel|"
     "netzwerkschlussel|"
     "wi-?fi key|wpa2?[ -](?:key|psk)|network key|\\bidentified "
     "by|(?:\\b|_)(?:pwd|pass|pin))[\"'*]{0,3} ?(?:[:=]| "
     "(?:is|was|ist|war|lautet|est|es|era|to|jest|is:|set to|reset to)[: ] "
     "?| [\"'])",
     PAT_CASELESS, assigned, POL_SECRET, "password", 0, 0},
    {"\\bparol[ae](?: este| ir)? ?[:=] ?[!-~]", PAT_CASELESS, said_password, POL_SECRET, "password",
     0, 0},
    {"\\bPIN(?:[ -]?(?:code|nummer|number))?(?: ?[:=]| is| ist| est| lautet) ?[0-9]{4}",
     PAT_CASELESS, pin, POL_SECRET, "pin", 0, 0},
    TOK("\\bBearer [A-Za-z0-9._~+/-]{20}", "bearer_token", 2, 30),
    {"\\b(?:token|secret|secret key|access key|api key|apikey) [A-Za-z0-9_/+-]{24}", PAT_CASELESS,
     spoken_key, POL_SECRET, "generic_key", 0, 0},
    {"(?:password|passwort|kennwort|mot de passe|contrasena|haslo|wachtwoord|senha) [!-~]",
     PAT_CASELESS, said_password, POL_SECRET, "password", 0, 0},
    {"@[a-z0-9.-]{3,60}\\.[a-z]{2,8}(?: ?/ ?| ?\\| ?|:|; ?)[!-~]", PAT_CASELESS, said_password,
     POL_SECRET, "password", 0, 0},
    {"(?:api.?key|apikey|secret.?key|client.?secret|access.?key|access.?key.?id|auth.?token|access."
     "?token|"
     "refresh.?token|private.?key|signing.?key|encryption.?key|\\bsecret|\\btoken|credential|app.?"
     "key|application.?key|sonar\\.login|"
     "_key|_token|_secret)[\"'*]{0,3} ?(?:[:=]| (?:is|ist|est|es) )",
     PAT_CASELESS, assigned, POL_SECRET, "generic_key", 1, 0},
};
const size_t pol_pats_secret_n = sizeof(pol_pats_secret) / sizeof(pol_pats_secret[0]);
