/* place.c - paths below a log directory.
 *
 * While a period is being closed its files move from DIR to DIR/periods/NNNN and those of DIR/next
 * to DIR (rotate.c), one rename after another. A reader that comes in between, or after a crash in
 * between, asks here: whichever of a file's two places has it is where it is read.
 */
#include "audit/log/place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum base_status aud_path(char out[AUD_PATH_MAX], const char *dir, const char *name,
                          struct base_err *err)
{
    int n = snprintf(out, AUD_PATH_MAX, "%s/%s", dir, name);

    if (n < 0 || n >= AUD_PATH_MAX - 64)
        return base_err_set(err, BASE_LIMIT, "%s: path too long", dir);
    return BASE_OK;
}

bool aud_there(const char *dir, const char *name)
{
    char path[AUD_PATH_MAX];
    struct stat sb;

    return aud_path(path, dir, name, NULL) == BASE_OK && stat(path, &sb) == 0;
}

enum base_status aud_read_path(char out[AUD_PATH_MAX], const char *dir, const char *name,
                               struct base_err *err)
{
    char up[AUD_PATH_MAX];
    enum base_status st = aud_path(out, dir, name, err);

    if (st != BASE_OK || aud_there(dir, name))
        return st;
    st = aud_path(up, dir, ".", err); /* a copy to cut, of a path that is not too long */
    if (st != BASE_OK)
        return st;
    up[strlen(up) - 2] = 0;
    char *last = strrchr(up, '/');
    if (!last)
        return BASE_OK;
    *last = 0;
    if (strcmp(last + 1, AUD_NEXT) == 0) /* moved already */
        return aud_there(up, name) ? aud_path(out, up, name, err) : BASE_OK;
    char *above = strrchr(up, '/');
    if (above && strcmp(above + 1, "periods") == 0) {
        *above = 0;
        if (aud_there(up, AUD_NEXT) && aud_there(up, name)) /* not moved yet */
            return aud_path(out, up, name, err);
    }
    return BASE_OK;
}
