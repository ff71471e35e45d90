/* cmd_monitor.c - `weir audit monitor`: somebody who looks at a log again and again and remembers
 * what was signed.
 *
 * FILE holds the newest checkpoint that was seen and found good, replaced atomically. The first
 * round, and each after a change of period, verifies the whole log and that the kept checkpoint is
 * contained in it. The others read only what is new: from the segment that holds the end of the
 * kept checkpoint on, every frame, root and record; the tree has the kept root at the kept size and
 * the published root at the published size, so the new extends the old. A checkpoint that is
 * smaller than the kept one, or another at the same size, is a rollback or a fork. Needs only to
 * read DIR (a copy that is synchronised will do).
 */
#include "audit/audit.h"
#include "audit/cmd/cmd_int.h"
#include "audit/log/period.h"
#include "audit/log/reader.h"
#include "audit/verify/proof.h"
#include "audit/verify/ver.h"
#include "base/clock.h"
#include "base/file.h"

#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char help_text[] =
    "usage: weir audit monitor DIR --state FILE [--vkey KEY] [--witness VKEY]... [--quorum N]\n"
    "                          [--interval SECONDS] [--once]\n"
    "  Looks at the log every 10 seconds and keeps in FILE the last checkpoint that was good. "
    "Ends\n"
    "  with 1 and says why at the first thing that does not hold: a rollback, a fork, a changed\n"
    "  record, a missing period. --once: one look, for a timer. Put FILE on another machine than\n"
    "  the log's.\n";

struct monitor {
    const char *dir, *file;
    struct aud_verify_options o;
    struct base_buf kept; /* a note; empty: none yet */
    struct aud_checkpoint cp;
};

static volatile sig_atomic_t stopped;

static void on_signal(int sig)
{
    (void)sig;
    stopped = 1;
}

static int fails(const char *fmt, ...) BASE_PRINTF(1, 2);
static int fails(const char *fmt, ...)
{
    char when[BASE_RFC3339_MAX];
    va_list ap;

    printf("%s DOES NOT HOLD: ", base_rfc3339(base_wall_us(), when));
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    return AUD_EXIT_FAILS;
}

/* Everything, with the kept checkpoint. */
static int look_at_all(struct monitor *m)
{
    struct aud_verify_report r;
    struct base_err err = {0};

    m->o.n_checkpoints = m->kept.n > 0;
    m->o.checkpoint[0] = base_buf_view(&m->kept);
    if (aud_verify_with(m->dir, &m->o, &r, &err) != BASE_OK) {
        fprintf(stderr, "weir audit monitor: %s\n", err.text);
        return AUD_EXIT_USAGE;
    }
    return r.holds ? AUD_EXIT_HOLDS : fails("%s", r.problem);
}

/* Only what is new, in the period of the kept checkpoint. */
static enum base_status look_at_new(const struct monitor *m, const struct aud_where *at,
                                    const struct aud_checkpoint *cp, struct base_err *err)
{
    struct aud_cursor *c = calloc(1, sizeof(*c));
    bool seen = false;
    enum base_status st = c ? BASE_OK : BASE_ENOMEM;

    if (st == BASE_OK)
        st = aud_cursor_open(c, at->dir, m->cp.size - 1, &at->conf.id, err);
    while (st == BASE_OK && c->pos.tree.n < cp->size) {
        struct ver_record r;
        struct aud_hash root;

        st = aud_cursor_next(c, err);
        for (size_t i = 0; st == BASE_OK && i < c->n_leaves; i++) {
            if (!ver_record_scan(c->leaves[i].bytes, &r))
                st = base_err_set(err, BASE_EINVAL, "index %" PRIu64 " is not a record",
                                  c->leaves[i].index);
        }
        aud_range_root(&c->pos.tree, &root);
        if (st == BASE_OK && c->pos.tree.n == m->cp.size) {
            seen = true;
            if (!aud_hash_eq(&root, &m->cp.root))
                st = base_err_set(err, BASE_EINVAL,
                                  "at size %" PRIu64 " the log has another root than was seen",
                                  m->cp.size);
        }
        if (st == BASE_OK && c->pos.tree.n == cp->size && !aud_hash_eq(&root, &cp->root))
            st = base_err_set(err, BASE_EINVAL,
                              "the records up to size %" PRIu64 " do not have the signed root",
                              cp->size);
        if (st == BASE_DONE)
            st = base_err_set(err, BASE_EINVAL,
                              "the log ends at index %" PRIu64 ", %" PRIu64 " records were signed",
                              c->pos.tree.n, cp->size);
    }
    if (st == BASE_OK && (!seen || c->pos.tree.n != cp->size))
        st = base_err_set(err, BASE_EINVAL, "no batch ends at a size that was signed");
    if (c)
        aud_cursor_release(c);
    free(c);
    return st;
}

static int keep(struct monitor *m, const struct aud_checkpoint *cp, struct base_str note)
{
    char when[BASE_RFC3339_MAX];
    struct base_err err = {0};

    if (base_file_replace(m->file, note, 0600, &err) != BASE_OK) {
        fprintf(stderr, "weir audit monitor: %s\n", err.text);
        return AUD_EXIT_USAGE;
    }
    base_buf_clear(&m->kept);
    base_buf_str(&m->kept, note);
    m->cp = *cp;
    printf("%s holds: %" PRIu64 " records of %s\n", base_rfc3339(base_wall_us(), when), cp->size,
           cp->origin);
    fflush(stdout);
    return AUD_EXIT_HOLDS;
}

static int look(struct monitor *m)
{
    struct aud_where *at = calloc(1, sizeof(*at));
    struct aud_checkpoint cp;
    struct base_buf note;
    struct base_err err = {0};
    int rc = AUD_EXIT_USAGE;

    base_buf_init(&note, AUD_NOTE_MAX);
    enum base_status st = at ? aud_where_number(m->dir, UINT64_MAX, at, &err)
                             : base_err_set(&err, BASE_ENOMEM, "no memory");
    struct aud_vkey key;
    if (st == BASE_OK && m->o.vkey)
        st = aud_vkey_parse(base_str_c(m->o.vkey), &key, &err);
    if (st == BASE_OK && m->o.vkey && !aud_period_key(&key, &at->conf.vkey))
        st = base_err_set(&err, BASE_EINVAL, "log.conf: the vkey is not the one given");
    if (st == BASE_OK)
        st = aud_checkpoint_load(at->dir, &at->conf, &cp, &note, &err);
    if (st == BASE_EINVAL) {
        rc = fails("%s", err.text);
        goto out;
    }
    if (st != BASE_OK) {
        fprintf(stderr, "weir audit monitor: %s\n", err.text);
        goto out;
    }
    bool same = m->kept.n > 0 && strcmp(cp.origin, m->cp.origin) == 0;
    if (same && cp.size < m->cp.size) {
        rc = fails("the log has %" PRIu64 " signed records, %" PRIu64
                   " were seen: it was rolled back",
                   cp.size, m->cp.size);
    } else if (same && cp.size == m->cp.size) {
        rc = aud_hash_eq(&cp.root, &m->cp.root)
                 ? AUD_EXIT_HOLDS
                 : fails("at size %" PRIu64 " another root is signed than was seen: a fork",
                         cp.size);
    } else if (same && m->cp.size > 0 && m->o.n_witnesses == 0) {
        st = look_at_new(m, at, &cp, &err);
        rc = st == BASE_OK       ? keep(m, &cp, base_buf_view(&note))
             : st == BASE_EINVAL ? fails("%s", err.text)
                                 : AUD_EXIT_USAGE;
    } else {
        /* size 0 says nothing of the records before it: a period that has just begun must not make
         * us forget what the one before it signed */
        rc = look_at_all(m);
        if (rc == AUD_EXIT_HOLDS && (cp.size > 0 || m->kept.n == 0))
            rc = keep(m, &cp, base_buf_view(&note));
    }
out:
    base_buf_release(&note);
    free(at);
    return rc;
}

/* What was kept before; it must be of this log if a key is given. */
static enum base_status load_kept(struct monitor *m, struct base_err *err)
{
    struct base_str text, lines;

    base_buf_init(&m->kept, AUD_NOTE_MAX);
    enum base_status st = base_file_read(m->file, &m->kept, err);
    if (st == BASE_ENOENT)
        return BASE_OK;
    if (st == BASE_OK)
        st = aud_note_split(base_buf_view(&m->kept), &text, &lines, err);
    if (st == BASE_OK)
        st = aud_checkpoint_parse(text, &m->cp, err);
    return st;
}

static int run(struct monitor *m, uint64_t interval_s, bool once)
{
    struct sigaction sa = {.sa_handler = on_signal};
    struct base_err err = {0};
    int rc, unreadable = 0;

    if (load_kept(m, &err) != BASE_OK) {
        fprintf(stderr, "weir audit monitor: %s: %s\n", m->file, err.text);
        return AUD_EXIT_USAGE;
    }
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    for (;;) {
        rc = look(m);
        unreadable = rc == AUD_EXIT_USAGE ? unreadable + 1 : 0;
        if (once || rc == AUD_EXIT_FAILS || unreadable == 5 || stopped)
            break;
        struct timespec t = {(time_t)interval_s, 0};
        nanosleep(&t, NULL);
        if (stopped)
            break;
    }
    return rc;
}

int aud_cmd_monitor(int argc, char **argv)
{
    static const struct option options[] = {
        {"state", required_argument, NULL, 's'},    {"vkey", required_argument, NULL, 'k'},
        {"witness", required_argument, NULL, 'w'},  {"quorum", required_argument, NULL, 'q'},
        {"interval", required_argument, NULL, 'i'}, {"once", no_argument, NULL, 'o'},
        {"help", no_argument, NULL, 'h'},           {NULL, 0, NULL, 0}};
    struct monitor m = {.file = NULL};
    uint64_t interval_s = 10, n = 0;
    bool once = false;

    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        bool ok = true;

        if (c == 'h')
            return aud_cmd_help(help_text);
        if (c == 's')
            m.file = optarg;
        else if (c == 'k')
            m.o.vkey = optarg;
        else if (c == 'w' && m.o.n_witnesses < AUD_WITNESSES_MAX)
            m.o.witness[m.o.n_witnesses++] = optarg;
        else if (c == 'q')
            ok = base_str_u64(base_str_c(optarg), &n) && n >= 1 && n <= AUD_WITNESSES_MAX;
        else if (c == 'i')
            ok = base_str_u64(base_str_c(optarg), &interval_s) && interval_s >= 1 &&
                 interval_s <= 86400;
        else if (c == 'o')
            once = true;
        else
            ok = false;
        if (!ok)
            return aud_cmd_usage(help_text, NULL);
    }
    m.o.quorum = (unsigned)n;
    if (n > m.o.n_witnesses)
        return aud_cmd_usage(help_text, "--quorum is more than there are --witness");
    if (optind + 1 != argc || !m.file)
        return aud_cmd_usage(help_text, "monitor needs one DIR and --state FILE");
    m.dir = argv[optind];
    stopped = 0;
    int rc = run(&m, interval_s, once);
    base_buf_release(&m.kept);
    return rc;
}
