/* reach.c - how the command line leaves a record; see reach.h.
 *
 * A log has one writer. If a gateway has it open, its control socket takes the record; else the log
 * is opened here (which recovers it if it was not closed in order), gets the record and is closed.
 * A directory without its key (a copy, or signer: process) cannot be appended to: the reading is
 * then done and said to be unrecorded.
 */
#include "audit/log/reach.h"

#include "audit/log/append.h"
#include "audit/log/control.h"
#include "audit/log/period.h"
#include "audit/log/state.h"
#include "base/clock.h"

#include <errno.h>
#include <grp.h>
#include <jansson.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

char *aud_who(char out[AUD_WHO_MAX])
{
    struct passwd pw, *found = NULL;
    char buf[4096];
    bool named = getpwuid_r(geteuid(), &pw, buf, sizeof(buf), &found) == 0 && found;

    snprintf(out, AUD_WHO_MAX, "uid %u (%.60s)", (unsigned)geteuid(),
             named ? pw.pw_name : "no name");
    return out;
}

static enum base_status become_owner(const char *dir, struct base_err *err)
{
    struct stat sb;

    if (stat(dir, &sb) != 0)
        return base_err_sys(err, "%s", dir);
    if (sb.st_uid == geteuid())
        return BASE_OK;
    if (geteuid() != 0)
        return base_err_set(err, BASE_DENIED,
                            "%s belongs to user %u: run this as that user, or while its gateway "
                            "runs as root",
                            dir, (unsigned)sb.st_uid);
    if (setgroups(0, NULL) != 0 || setresgid(sb.st_gid, sb.st_gid, sb.st_gid) != 0 ||
        setresuid(sb.st_uid, sb.st_uid, sb.st_uid) != 0)
        return base_err_sys(err, "becoming user %u", (unsigned)sb.st_uid);
    return BASE_OK;
}

enum base_status aud_offline_open(const char *dir, struct aud_log **out, struct base_err *err)
{
    struct aud_conf conf;
    char key[AUD_PATH_MAX];
    struct stat sb;
    enum base_status st = aud_conf_load(dir, BASE_STR_NULL, &conf, err);

    *out = NULL;
    if (st == BASE_OK)
        st = aud_path(key, dir, "keys/log.key", err);
    if (st != BASE_OK)
        return st;
    if (stat(key, &sb) != 0 && errno == ENOENT)
        return base_err_set(err, BASE_ENOENT,
                            "%s has no signing key, so nothing can be recorded here: start the "
                            "gateway and ask again (with signer: process the key is in "
                            "signer_directory), or go to the log that this is a copy of",
                            dir);
    st = become_owner(dir, err);
    if (st != BASE_OK)
        return st;
    /* a later period has an origin of its own; the log is opened by its first one */
    struct base_str base;
    uint64_t period;
    char origin[AUD_NAME_MAX + 1];
    aud_origin_split(conf.origin, &base, &period);
    snprintf(origin, sizeof(origin), "%.*s", BASE_FMT(base));
    struct aud_options o = {.directory = dir, .origin = origin};
    return aud_log_open(&o, out, err);
}

bool aud_leaf_read(struct base_buf *out, const char *who, const char *what,
                   struct base_str question, uint64_t rows)
{
    struct base_json j;

    base_json_init(&j, out);
    base_json_obj(&j);
    base_json_kz(&j, "by", who);
    base_json_kz(&j, "ev", "audit.read");
    base_json_key(&j, "question");
    base_json_raw(&j, question);
    base_json_kz(&j, "req", "");
    base_json_kint(&j, "rows", (int64_t)rows);
    base_json_kint(&j, "t", base_wall_us());
    base_json_kz(&j, "tenant", "");
    base_json_kint(&j, "v", 1);
    base_json_kz(&j, "what", what);
    base_json_obj_end(&j);
    return base_buf_ok(out);
}

static enum base_status online(const char *dir, const char *what, struct base_str question,
                               uint64_t rows, struct base_err *err)
{
    json_t *q = json_loadb(question.p, question.n, JSON_REJECT_DUPLICATES, NULL), *reply = NULL;
    json_t *ask = json_pack("{s:s,s:s,s:o,s:I}", "op", "read", "what", what, "question", q, "rows",
                            (json_int_t)rows);
    enum base_status st = ask ? aud_control_call(dir, ask, -1, &reply, err)
                              : base_err_set(err, BASE_EINVAL, "the question is no JSON object");

    json_decref(ask);
    json_decref(reply);
    return st;
}

enum base_status aud_reach_read(const char *dir, const char *what, struct base_str question,
                                uint64_t rows, const char **how, struct base_err *err)
{
    struct aud_log *log = NULL;
    struct base_buf leaf;
    char who[AUD_WHO_MAX];
    enum base_status st = online(dir, what, question, rows, err);

    *how = "recorded through the running gateway";
    if (st != BASE_ENOENT)
        return st;
    aud_who(who);
    base_buf_init(&leaf, AUD_LEAF_BYTES_MAX);
    st = aud_offline_open(dir, &log, err);
    if (st == BASE_ENOENT) {
        *how = "NOT recorded: no gateway runs, and this directory has no signing key (a copy, or "
               "signer: process)";
        return BASE_OK;
    }
    if (st == BASE_OK && !aud_leaf_read(&leaf, who, what, question, rows))
        st = base_err_set(err, BASE_LIMIT, "the question is too long to be recorded");
    if (st == BASE_OK)
        st = aud_log_append(log, base_buf_view(&leaf), NULL, err);
    if (log) {
        struct base_err end;
        enum base_status closed = aud_log_close(log, &end);

        if (st == BASE_OK && closed != BASE_OK)
            st = base_err_set(err, closed, "%s", end.text);
    }
    base_buf_release(&leaf);
    *how = "recorded in the log, which no gateway has open";
    return st;
}
