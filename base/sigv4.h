/* sigv4.h - AWS Signature Version 4 (header form), for S3-compatible stores and for Bedrock.
 *
 * Source: AWS, "Signature Version 4 signing process" (reference of the API request signing);
 * checked against botocore's signer (tests/unit/base_sigv4.c).
 */
#ifndef BASE_SIGV4_H
#define BASE_SIGV4_H

#include "base/buf.h"
#include "base/err.h"

#define BASE_SIGV4_DATE_MAX 17 /* "20261122T142950Z" and NUL */

struct base_sigv4_header {
    const char *name; /* lower case */
    struct base_str value;
};

struct base_sigv4 {
    const char *method;
    struct base_str path; /* as in the request line, already escaped; "" is "/" */
    /* S3 signs the path as it stands; every other service escapes what is escaped once more, so
     * that "%3A" becomes "%253A". */
    bool path_once;
    const char *date; /* base_sigv4_date's; the header x-amz-date must say the same */
    const char *region, *service;
    const char *access_key, *secret_key;
    const struct base_sigv4_header *headers; /* to be signed, sorted by name */
    size_t n_headers;
    const char *body_sha256; /* 64 hexadecimal digits in lower case */
};

/* UTC in the form that x-amz-date has; returns out. */
char *base_sigv4_date(int64_t wall_us, char out[BASE_SIGV4_DATE_MAX]);
/* SHA-256 of body as 64 digits and NUL. */
void base_sigv4_body(struct base_str body, char out[65]);
/* Appends s with all but RFC 3986's unreserved characters (and '/', where keep_slash) escaped. */
bool base_sigv4_escape(struct base_buf *out, struct base_str s, bool keep_slash);
/* Appends the value of the header Authorization. Pure but for out; no secret is in it. BASE_EINVAL
 * when a name is too long, BASE_LIMIT when out is full. */
enum base_status base_sigv4_sign(const struct base_sigv4 *in, struct base_buf *out,
                                 struct base_err *err) BASE_MUST_CHECK;

#endif
