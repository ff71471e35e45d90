/* order.h - orders to the keeper from the command line: options, the running gateway, or the log
 * and the keeper opened here. Private to audit/cmd/.
 */
#ifndef AUD_ORDER_H
#define AUD_ORDER_H

#include "audit/content/keeper.h"
#include "conf/conf.h"

struct aud_order {
    const char *dir, *config, *subject, *tenant, *req, *reason, *kind, *ground, *field;
    const char *text; /* of standard input */
    bool release, find;
    struct conf *conf;
    struct aud_log *log;
    struct aud_keeper *keeper;
};

/* -1: go on; else the exit status. */
int aud_order_parse(struct aud_order *o, int argc, char **argv, const char *help);
/* For the control socket; owned by the caller. */
json_t *aud_order_request(const struct aud_order *o, const char *op);
/* A gateway has the log open. (BASE_ENOENT of aud_control_call is "no gateway", but also the
 * gateway's own "not found": this tells them apart.) */
bool aud_order_online(const char *dir);
/* Opens log and keeper here, for when no gateway has them; close them whatever open said. */
enum base_status aud_order_open(struct aud_order *o, struct base_err *err) BASE_MUST_CHECK;
enum base_status aud_order_close(struct aud_order *o, enum base_status st, struct base_err *err);
/* Says what went wrong; the exit status. */
int aud_order_ended(const char *verb, enum base_status st, const struct base_err *err);

#endif
