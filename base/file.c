/* file.c - whole files in and out. Blocks; never called from a loop.
 *
 * Replacing a file: temporary name in the same folder (O_EXCL), write, fsync, rename, fsync of the
 * folder. A crash at any point leaves the old file or the new one, never half of either.
 */
#include "base/file.h"
#include "base/clock.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum base_status base_fd_read_all(int fd, struct base_buf *out, struct base_err *err)
{
    for (;;) {
        size_t want = 65536;
        if (out->n == out->max) { /* full: only an immediate end is fine */
            char extra;
            ssize_t got = read(fd, &extra, 1);
            if (got == 0)
                return BASE_OK;
            if (got < 0)
                return base_err_sys(err, "read");
            return base_err_set(err, BASE_LIMIT, "more than %zu bytes", out->max);
        }
        if (want > out->max - out->n)
            want = out->max - out->n;
        char *to = base_buf_room(out, want);
        if (!to)
            return base_err_set(err, BASE_ENOMEM, "out of memory");
        ssize_t got = read(fd, to, want);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return base_err_sys(err, "read");
        base_buf_commit(out, (size_t)got);
        if (got == 0)
            return BASE_OK;
    }
}

enum base_status base_file_open_regular(const char *path, int *fd, struct base_err *err)
{
    struct stat sb;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (*fd < 0) {
        enum base_status missing = errno == ENOENT ? BASE_ENOENT : BASE_EIO;
        base_err_sys(err, "%s", path);
        if (err)
            err->code = missing;
        return missing;
    }
    if (fstat(*fd, &sb) == 0 && S_ISREG(sb.st_mode))
        return BASE_OK;
    close(*fd);
    *fd = -1;
    return base_err_set(err, BASE_EIO, "%s: is not a file", path);
}

enum base_status base_file_read_regular(const char *path, struct base_buf *out,
                                        struct base_err *err)
{
    struct base_err inner;
    int fd;
    enum base_status st = base_file_open_regular(path, &fd, err);

    if (st != BASE_OK)
        return st;
    st = base_fd_read_all(fd, out, &inner);
    close(fd);
    return st == BASE_OK ? st : base_err_set(err, st, "%s: %s", path, inner.text);
}

enum base_status base_file_read(const char *path, struct base_buf *out, struct base_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        enum base_status missing = errno == ENOENT ? BASE_ENOENT : BASE_EIO;
        base_err_sys(err, "%s", path);
        if (err)
            err->code = missing;
        return missing;
    }
    struct base_err inner;
    enum base_status st = base_fd_read_all(fd, out, &inner);
    close(fd);
    if (st != BASE_OK)
        return base_err_set(err, st, "%s: %s", path, inner.text);
    return BASE_OK;
}

enum base_status base_write_all(int fd, const void *p, size_t n, struct base_err *err)
{
    const char *at = p;
    while (n > 0) {
        ssize_t put = write(fd, at, n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return base_err_sys(err, "write");
        at += put;
        n -= (size_t)put;
    }
    return BASE_OK;
}

static enum base_status sync_folder_of(const char *path, struct base_err *err)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof dir)
        return base_err_set(err, BASE_LIMIT, "%s: path too long", path);
    memcpy(dir, path, n);
    dir[n] = '\0';
    const char *name = slash ? (n ? dir : "/") : ".";
    int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return base_err_sys(err, "%s", name);
    enum base_status st = fsync(fd) == 0 ? BASE_OK : base_err_sys(err, "fsync %s", name);
    close(fd);
    return st;
}

/* Root writes for a service that must be able to read it afterwards: the new file belongs to whom
 * the old one did. */
static enum base_status keep_owner(int fd, const char *path, struct base_err *err)
{
    struct stat old;

    if (geteuid() != 0 || lstat(path, &old) != 0 || !S_ISREG(old.st_mode))
        return BASE_OK;
    if ((old.st_uid != 0 || old.st_gid != 0) && fchown(fd, old.st_uid, old.st_gid) != 0)
        return base_err_sys(err, "chown %s", path);
    return BASE_OK;
}

enum base_status base_file_adopt(int fd, const char *path, struct base_err *err)
{
    char dir[PATH_MAX];
    struct stat own, folder;

    if (geteuid() != 0)
        return BASE_OK;
    if ((size_t)snprintf(dir, sizeof dir, "%s", path) >= sizeof dir)
        return base_err_set(err, BASE_LIMIT, "%s: path too long", path);
    char *slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir] = '\0';
    if (stat(slash ? dir : ".", &folder) != 0)
        return base_err_sys(err, "%s", slash ? dir : ".");
    if (fstat(fd, &own) != 0)
        return base_err_sys(err, "%s", path);
    if (own.st_uid != 0 || own.st_nlink != 1 || folder.st_uid == 0)
        return BASE_OK;
    return fchown(fd, folder.st_uid, folder.st_gid) == 0 ? BASE_OK
                                                         : base_err_sys(err, "chown %s", path);
}

enum base_status base_file_replace(const char *path, struct base_str content, unsigned mode,
                                   struct base_err *err)
{
    char temp[PATH_MAX], id[BASE_UUID_MAX];
    enum base_status st;
    int n = snprintf(temp, sizeof temp, "%s.%s", path, base_uuid7(id));
    if (n < 0 || (size_t)n >= sizeof temp)
        return base_err_set(err, BASE_LIMIT, "%s: path too long", path);
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return base_err_sys(err, "%s", temp);
    st = keep_owner(fd, path, err);
    if (st == BASE_OK)
        st = base_write_all(fd, content.p, content.n, err);
    if (st == BASE_OK && fsync(fd) != 0)
        st = base_err_sys(err, "fsync %s", temp);
    if (close(fd) != 0 && st == BASE_OK)
        st = base_err_sys(err, "close %s", temp);
    if (st == BASE_OK && rename(temp, path) != 0)
        st = base_err_sys(err, "rename %s", path);
    if (st == BASE_OK)
        return sync_folder_of(path, err);
    unlink(temp);
    return st;
}

enum base_status base_mkdirs(const char *path, struct base_err *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof part)
        return base_err_set(err, BASE_LIMIT, "path of %zu bytes", n);
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST)
            return base_err_sys(err, "mkdir %s", part);
    }
    struct stat sb;
    if (stat(path, &sb) != 0)
        return base_err_sys(err, "%s", path);
    if (!S_ISDIR(sb.st_mode))
        return base_err_set(err, BASE_EINVAL, "%s is not a folder", path);
    return BASE_OK;
}

int base_file_lock(const char *path, struct base_err *err)
{
    struct base_buf name;
    int fd = -1;
    base_buf_init(&name, 8192);
    const char *slash = strrchr(path, '/');
    if (slash && slash != path) {
        base_buf_add(&name, path, (size_t)(slash - path));
        if (!base_buf_ok(&name) || base_mkdirs(name.p, err) != BASE_OK)
            goto out;
        base_buf_clear(&name);
    }
    if (!base_buf_printf(&name, "%s.lock", path)) {
        base_err_set(err, BASE_EINVAL, "path too long");
        goto out;
    }
    fd = open(name.p, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        base_err_sys(err, "%s", name.p);
        goto out;
    }
    if (base_file_adopt(fd, name.p, err) != BASE_OK) {
        close(fd);
        fd = -1;
        goto out;
    }
    while (flock(fd, LOCK_EX) != 0) {
        if (errno == EINTR)
            continue;
        base_err_sys(err, "locking %s", name.p);
        close(fd);
        fd = -1;
        break;
    }
out:
    base_buf_release(&name);
    return fd;
}
