/* control.h - how other processes of this machine reach a log that is in use: a socket beside it.
 *
 * DIR/control.sock (SOCK_SEQPACKET, mode 0600) is served by the process that has the log open. Who
 * may open it may read and write the directory anyway; the kernel says who that is, and every
 * request that reads or changes leaves a record with that name. One JSON object is a request, one a
 * reply: {"ok":true,...} or {"ok":false,"status":WORD,"error":TEXT}.
 */
#ifndef AUD_CONTROL_H
#define AUD_CONTROL_H

#include "audit/audit.h"

#include <jansson.h>

#define AUD_CONTROL_SOCK  "control.sock"
#define AUD_CONTROL_BYTES 60000u /* of a request or a reply */

/* ---- the server ---- */

struct aud_control;
/* Answers one request. fd: what came with it, or -1 (closed after the call). who: "uid 1000
 * (weir)", static for the call. *reply (owned by the caller afterwards) may be NULL: only ok is
 * said. Runs on the control thread and may block. */
typedef enum base_status (*aud_control_fn)(void *ctx, const char *who, const json_t *request,
                                           int fd, json_t **reply, struct base_err *err);
/* Starts the thread. Blocks on the file system. */
enum base_status aud_control_start(const char *dir, aud_control_fn fn, void *ctx,
                                   struct aud_control **out, struct base_err *err) BASE_MUST_CHECK;
/* Ends the request in progress, joins the thread, removes the socket. NULL is fine. */
void aud_control_stop(struct aud_control *c);

/* ---- the client ---- */

/* Sends request, with the descriptor fd unless it is -1, and waits for the reply (owned by the
 * caller). BASE_ENOENT: nobody has the log
 * open. Other errors are the server's, or the connection's. */
enum base_status aud_control_call(const char *dir, const json_t *request, int fd, json_t **reply,
                                  struct base_err *err) BASE_MUST_CHECK;

#endif
