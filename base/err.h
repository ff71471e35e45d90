/* err.h - one status enum and one error carrier for the whole program.
 *
 * Every function that can fail returns enum base_status and takes, last, a struct base_err that the
 * caller owns (usually on its stack; NULL is allowed and means "I only want the code"). Nothing
 * here allocates. Text in an error may be shown to an operator or a client, so it never contains a
 * secret or a request's content.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stddef.h>

#define BASE_MUST_CHECK      __attribute__((warn_unused_result))
#define BASE_PRINTF(fmt, va) __attribute__((format(printf, fmt, va)))

enum base_status {
    BASE_OK = 0,
    BASE_AGAIN,  /* would block or not enough input yet: call again, nothing was lost */
    BASE_DONE,   /* a stream or iterator has ended in good order */
    BASE_DENIED, /* refused by policy, by a key or by a permission */
    BASE_LIMIT,  /* a configured or built-in maximum would be passed */
    BASE_EINVAL, /* input that does not hold (bad file, bad configuration, bad request) */
    BASE_ENOENT, /* a named thing does not exist */
    BASE_EIO,    /* the operating system refused; base_err.sys is errno */
    BASE_ENOMEM,
    BASE_EPROTO, /* a peer broke its protocol */
    BASE_ETIME,  /* a deadline passed */
    BASE_EBUG    /* our own invariant does not hold */
};

#define BASE_ERR_TEXT_MAX 512

struct base_err {
    enum base_status code;
    int sys; /* errno where code is BASE_EIO, else 0 */
    char text[BASE_ERR_TEXT_MAX];
};

/* Fills *e (if not NULL) with code and the formatted text, cut at BASE_ERR_TEXT_MAX - 1, and
 * returns code, so that a failing function can end in `return base_err_set(err, ...)`. */
enum base_status base_err_set(struct base_err *e, enum base_status code, const char *fmt, ...)
    BASE_PRINTF(3, 4);

/* As base_err_set with BASE_EIO; appends ": strerror(errno)" and records errno. */
enum base_status base_err_sys(struct base_err *e, const char *fmt, ...) BASE_PRINTF(2, 3);

/* A short lower-case word for a status ("ok", "again", ...). Static storage. */
const char *base_status_name(enum base_status s);

/* For states that only a defect of ours can reach, in every build: prints file and line and
 * aborts. Never put a condition here that input can make true. */
#define BASE_BUG_ON(cond)                                                                          \
    do {                                                                                           \
        if (__builtin_expect(!!(cond), 0))                                                         \
            base_bug(__FILE__, __LINE__, #cond);                                                   \
    } while (0)
void base_bug(const char *file, int line, const char *what) __attribute__((noreturn));

#endif
