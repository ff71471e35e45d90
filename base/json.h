/* json.h - the writer for all JSON that Weir emits. Parsing is jansson's job, with
 * JSON_REJECT_DUPLICATES on everything from outside.
 *
 * Output is compact and byte-for-byte determined by the calls: keys in call order, control
 * characters as \u00xx (short forms for \b \t \n \f \r), '"' and '\' escaped, everything else as
 * UTF-8; bytes that are no valid UTF-8 become U+FFFD. This is RFC 8785's string form; canonical
 * documents (audit leaves) follow from writing keys in sorted order and integers only.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"
#include "base/str.h"

#define BASE_JSON_DEPTH_MAX 64

struct base_json {
    struct base_buf *out;
    int depth;
    bool after_key;
    bool first[BASE_JSON_DEPTH_MAX]; /* nothing written yet at this depth */
};

/* Writes into out, which the caller owns; failures show in out->failed. */
void base_json_init(struct base_json *j, struct base_buf *out);
void base_json_obj(struct base_json *j);
void base_json_obj_end(struct base_json *j);
void base_json_arr(struct base_json *j);
void base_json_arr_end(struct base_json *j);
void base_json_key(struct base_json *j, const char *key);
void base_json_str(struct base_json *j, struct base_str s);
void base_json_z(struct base_json *j, const char *z); /* NULL writes null */
void base_json_int(struct base_json *j, int64_t v);
void base_json_bool(struct base_json *j, bool v);
void base_json_null(struct base_json *j);
/* Fixed-point with `digits` decimals (0 to 9), "null" for NaN and infinities. */
void base_json_num(struct base_json *j, double v, int digits);
/* s must already be one valid JSON value. */
void base_json_raw(struct base_json *j, struct base_str s);

/* key and value in one call */
void base_json_kstr(struct base_json *j, const char *key, struct base_str s);
void base_json_kz(struct base_json *j, const char *key, const char *z);
void base_json_kint(struct base_json *j, const char *key, int64_t v);
void base_json_kbool(struct base_json *j, const char *key, bool v);

/* Appends s as a quoted, escaped JSON string. */
bool base_json_quote(struct base_buf *out, struct base_str s);

#endif
