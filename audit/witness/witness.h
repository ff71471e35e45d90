/* witness.h - the witness's end of the C2SP tlog-witness protocol. Private to audit/; witnesses.h
 * is the log's end. */
#ifndef AUD_WITNESS_H
#define AUD_WITNESS_H

#include "audit/audit.h"
#include "audit/log/note.h"
#include "base/buf.h"

#define AUD_WITNESS_LOGS_MAX 256
#define AUD_WITNESS_BODY_MAX (AUD_NOTE_MAX + 64u * 46u)

struct aud_witness; /* one folder, one key, the logs it knows */

/* Opens folder; makes a key under name if there is none (name NULL: there must be one). */
enum base_status aud_witness_open(const char *dir, const char *name, struct aud_witness **out,
                                  struct base_err *err) BASE_MUST_CHECK;
void aud_witness_close(struct aud_witness *w);
bool aud_witness_vkey(const struct aud_witness *w, char out[AUD_VKEY_MAX]);
/* Trusts the log with this vkey, all periods of it. */
enum base_status aud_witness_trust(struct aud_witness *w, const char *vkey,
                                   struct base_err *err) BASE_MUST_CHECK;
/* The answer to POST add-checkpoint: an HTTP status; body and content type in *out, *type. What it
 * signs is on disk before it returns 200. Calls of several threads take turns. */
int aud_witness_add(struct aud_witness *w, struct base_str body, struct base_buf *out,
                    const char **type);
/* GET HEX/checkpoint: 200 or 404. */
int aud_witness_get(struct aud_witness *w, struct base_str hex, struct base_buf *out);

/* Serves it until *stop; see witness_serve.c. Prints one line when it is ready. */
struct aud_witness_listen {
    const char *address;    /* HOST:PORT */
    const char *cert, *key; /* PEM files; NULL: plain HTTP, on loopback only */
    unsigned per_minute;    /* requests a minute and client address; 0: 120 */
};
enum base_status aud_witness_serve(struct aud_witness *w, const struct aud_witness_listen *l,
                                   const volatile int *stop, struct base_err *err) BASE_MUST_CHECK;

#endif
