/* notify.h - tells the service manager that started weir how far it is (sd_notify(3)'s protocol).
 *
 * One datagram to the socket that NOTIFY_SOCKET names; without that variable nothing happens. The
 * supervisor's thread only; never blocks.
 */
#ifndef GW_NOTIFY_H
#define GW_NOTIFY_H

/* Once, at the start: takes NOTIFY_SOCKET out of the environment, so that no child speaks for the
 * service. */
void gw_notify_init(void);
/* The gateway listens. */
void gw_notify_ready(void);
/* A reload begins; gw_notify_ready ends it, whether it was taken or not. */
void gw_notify_reloading(void);
void gw_notify_stopping(void);
/* A line for `systemctl status`; not over 200 bytes, no newline. */
void gw_notify_status(const char *text);

#endif
