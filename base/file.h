/* file.h - whole files, in and out. May block: never call from a loop. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/buf.h"
#include "base/err.h"

/* Reads all of path into out (appending); BASE_LIMIT if it would pass out->max. "-" is no
 * special name. */
enum base_status base_file_read(const char *path, struct base_buf *out,
                                struct base_err *err) BASE_MUST_CHECK;
/* The same for a file that somebody else may have put there: a pipe, a device or a folder under
 * that name is BASE_EIO at once and never blocks. open: the caller closes *fd, -1 on error. */
enum base_status base_file_read_regular(const char *path, struct base_buf *out,
                                        struct base_err *err) BASE_MUST_CHECK;
enum base_status base_file_open_regular(const char *path, int *fd,
                                        struct base_err *err) BASE_MUST_CHECK;
/* Reads all of an open descriptor (standard input, say). */
enum base_status base_fd_read_all(int fd, struct base_buf *out,
                                  struct base_err *err) BASE_MUST_CHECK;
/* Temporary file beside path, write, fsync, rename, fsync of the directory: after it the file is
 * either the old one or the new one, whole. mode as in open(2). Written by root, it belongs to whom
 * the old one belonged. */
enum base_status base_file_replace(const char *path, struct base_str content, unsigned mode,
                                   struct base_err *err) BASE_MUST_CHECK;
/* A file that root has just made for a service (fd, at path): it belongs to the folder's owner from
 * now on. Does nothing for other users, in root's folders, and to files with other names. Only for
 * files whose content the folder's owner may know. */
enum base_status base_file_adopt(int fd, const char *path, struct base_err *err) BASE_MUST_CHECK;
/* Waits for the lock of writers of path: FILE.lock beside it, mode 0600, made with its folder where
 * missing. Returns a descriptor (closing it lets go), or -1 with err. */
int base_file_lock(const char *path, struct base_err *err);
/* mkdir -p with mode 0700 for what it makes. */
enum base_status base_mkdirs(const char *path, struct base_err *err) BASE_MUST_CHECK;
/* write(2) until all is written or it fails. */
enum base_status base_write_all(int fd, const void *p, size_t n,
                                struct base_err *err) BASE_MUST_CHECK;

#endif
