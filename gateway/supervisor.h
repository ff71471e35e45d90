/* supervisor.h - `weir serve`: the parent of the gateway, the engine and the signer.
 *
 * Starts both by fork and exec of /proc/self/exe, so that each begins with a clean address space:
 *
 *     weir gateway-child -c FILE --control-fd N       -> gw_child_main
 *     weir engine-child -c FILE --links FD,FD,...     -> eng_process_main
 *     weir signer-child --directory D --origin O --fd N   -> aud_signing_main (audit.signer:
 * process)
 *
 * One socketpair per gateway worker joins them. The gateway's ends travel over the control socket
 * with SCM_RIGHTS, at the start and again whenever the engine is restarted.
 */
#ifndef GW_SUPERVISOR_H
#define GW_SUPERVISOR_H

#include "conf/conf.h"

/* Runs until SIGTERM or SIGINT. conf_file has been loaded as c, which stays the caller's. Returns
 * the exit status: 0 after a drain, otherwise the gateway's when it could not start (1 or 2). */
int gw_supervise(const char *conf_file, const struct conf *c);

/* ---- the control socket (SOCK_SEQPACKET), one byte a message ---- */

#define GW_CTL_LINKS  'L' /* to the gateway, with the fds of the engine links, one a worker */
#define GW_CTL_SIGNER 'K' /* to the gateway, with the fd to a signer that was started again */
#define GW_CTL_RELOAD 'R' /* to the gateway */
#define GW_CTL_STOP   'S' /* to the gateway: drain and end */
#define GW_CTL_READY  'r' /* from the gateway: it listens */
#define GW_CTL_OK     'o' /* from the gateway: reloaded */
#define GW_CTL_BAD    'b' /* from the gateway: reload refused, the old configuration stays */

#define GW_CTL_FDS_MAX 64

/* Sends one message with n fds (at most GW_CTL_FDS_MAX). Blocks only as the socket does. */
enum base_status gw_ctl_send(int sock, char what, const int *fds, size_t n,
                             struct base_err *err) BASE_MUST_CHECK;
/* Receives one: *what, fds[GW_CTL_FDS_MAX] (close-on-exec, the caller's), *n. BASE_DONE at the
 * peer's end, BASE_AGAIN when nothing is there (non-blocking sockets). */
enum base_status gw_ctl_recv(int sock, char *what, int *fds, size_t *n,
                             struct base_err *err) BASE_MUST_CHECK;

#endif
