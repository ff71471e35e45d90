/* sink_file.c - the log as lines of JSON in a file that others tail, rotated by size.
 *
 * One line a record, whole lines only: a batch is one append and one fdatasync. What an interrupted
 * append left without its newline is cut before the next one (its record comes again). When the
 * file has reached rotate_mib it is renamed to PATH.<index of its last record, 20 digits>; with
 * keep: N all but the newest N of those are deleted. A file that somebody else moved away or
 * removed is made again.
 */
#include "audit/sinks/sink.h"

#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_MAX (16u << 20)

struct file_sink {
    struct aud_sink_env *env;
    int fd;
    struct stat as; /* of fd when it was opened */
    uint64_t bytes;
    struct base_buf text;
};

static void shut(struct file_sink *f)
{
    if (f->fd >= 0)
        close(f->fd);
    f->fd = -1;
}

static enum base_status file_open(struct aud_sink_env *e, void **state, struct base_err *err)
{
    struct file_sink *f = calloc(1, sizeof(*f));
    char folder[4096];
    const char *slash = strrchr(e->conf->path, '/');

    if (!f)
        return base_err_set(err, BASE_ENOMEM, "no memory");
    f->env = e;
    f->fd = -1;
    base_buf_init(&f->text, TEXT_MAX);
    *state = f;
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - e->conf->path), e->conf->path);
    return folder[0] ? base_mkdirs(folder, err) : BASE_OK;
}

/* Cuts what stands behind the last newline. */
static enum base_status mend(struct file_sink *f, struct base_err *err)
{
    char block[4096];
    off_t end = f->as.st_size;

    while (end > 0) {
        size_t n = end < (off_t)sizeof(block) ? (size_t)end : sizeof(block);

        if (pread(f->fd, block, n, end - (off_t)n) != (ssize_t)n)
            return base_err_sys(err, "read %s", f->env->conf->path);
        const char *nl = memrchr(block, '\n', n);
        if (nl) {
            end = end - (off_t)n + (nl - block) + 1;
            break;
        }
        end -= (off_t)n;
    }
    if (end != f->as.st_size && ftruncate(f->fd, end) != 0)
        return base_err_sys(err, "truncate %s", f->env->conf->path);
    f->bytes = (uint64_t)end;
    return BASE_OK;
}

/* A file that a power failure could take away with its name would make the cursor lie. */
static enum base_status sync_folder(const char *path, struct base_err *err)
{
    const char *slash = strrchr(path, '/');
    char folder[4096];

    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    int fd = open(folder[0] ? folder : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return base_err_sys(err, "%s", folder);
    enum base_status st = BASE_OK;
    if (fsync(fd) != 0 && errno != EINVAL)
        st = base_err_sys(err, "fsync %s", folder);
    close(fd);
    return st;
}

static enum base_status ready(struct file_sink *f, struct base_err *err)
{
    const char *path = f->env->conf->path;
    struct stat now;

    if (f->fd >= 0 &&
        (stat(path, &now) != 0 || now.st_ino != f->as.st_ino || now.st_dev != f->as.st_dev))
        shut(f);
    if (f->fd >= 0)
        return BASE_OK;
    f->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
    if (f->fd < 0 || fstat(f->fd, &f->as) != 0)
        return base_err_sys(err, "%s", path);
    enum base_status st = f->as.st_size == 0 ? sync_folder(path, err) : BASE_OK;
    if (st == BASE_OK)
        st = mend(f, err);
    if (st != BASE_OK)
        shut(f);
    return st;
}

static int is_old(const char *name, const char *stem)
{
    size_t n = strlen(stem);

    if (strncmp(name, stem, n) != 0 || name[n] != '.' || strlen(name) != n + 21)
        return 0;
    return strspn(name + n + 1, "0123456789") == 20;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Deletes all but the newest `keep`; and makes the rename durable. */
static enum base_status prune(struct file_sink *f, const char *folder, const char *stem,
                              struct base_err *err)
{
    DIR *d = opendir(folder);
    char **names = NULL;
    size_t n = 0;
    enum base_status st = BASE_OK;

    if (!d)
        return base_err_sys(err, "%s", folder);
    for (struct dirent *e = readdir(d); e && f->env->conf->keep > 0; e = readdir(d)) {
        if (!is_old(e->d_name, stem))
            continue;
        char **more = realloc(names, (n + 1) * sizeof(*names));
        if (!more)
            break;
        names = more;
        names[n] = strdup(e->d_name);
        if (!names[n])
            break;
        n++;
    }
    if (n > 0)
        qsort(names, n, sizeof(*names), by_name);
    for (size_t i = 0; i < n; i++) {
        if (i + f->env->conf->keep < n)
            unlinkat(dirfd(d), names[i], 0);
        free(names[i]);
    }
    free(names);
    if (fsync(dirfd(d)) != 0 && errno != EINVAL)
        st = base_err_sys(err, "fsync %s", folder);
    closedir(d);
    return st;
}

static enum base_status rotate(struct file_sink *f, uint64_t last, struct base_err *err)
{
    const char *path = f->env->conf->path, *slash = strrchr(path, '/');
    char to[4200], folder[4096];

    snprintf(to, sizeof(to), "%s.%020" PRIu64, path, last);
    shut(f);
    if (rename(path, to) != 0)
        return base_err_sys(err, "rename %s", path);
    snprintf(folder, sizeof(folder), "%.*s", (int)(slash - path), path);
    return prune(f, folder[0] ? folder : "/", slash + 1, err);
}

static enum base_status file_deliver(void *state, const struct aud_sink_rec *r, size_t n,
                                     size_t *done, struct base_err *err)
{
    struct file_sink *f = state;
    enum base_status st = ready(f, err);

    base_buf_clear(&f->text);
    for (size_t i = 0; i < n; i++) {
        aud_sink_line(f->env, &r[i], &f->text);
        base_buf_byte(&f->text, '\n');
    }
    if (st == BASE_OK && !base_buf_ok(&f->text))
        st = base_err_set(err, BASE_ENOMEM, "no memory for %zu lines", n);
    if (st == BASE_OK)
        st = base_write_all(f->fd, f->text.p, f->text.n, err);
    if (st == BASE_OK && fdatasync(f->fd) != 0)
        st = base_err_sys(err, "fdatasync %s", f->env->conf->path);
    if (st != BASE_OK) {
        shut(f); /* the next attempt cuts what arrived of a line; whole lines come twice */
        return st;
    }
    *done = n;
    f->bytes += f->text.n;
    if (f->bytes >= (uint64_t)f->env->conf->rotate_mib << 20 && n > 0)
        return rotate(f, r[n - 1].index, err);
    return BASE_OK;
}

static void file_close(void *state)
{
    struct file_sink *f = state;

    shut(f);
    base_buf_release(&f->text);
    free(f);
}

const struct aud_sink_ops aud_sink_file = {
    .open = file_open, .deliver = file_deliver, .close = file_close, .exact = true};
