/* remote.h - the signing key in a process of its own: the gateway's side (struct aud_remote) and
 * that process (aud_signing_main).
 *
 * Frames over a stream socket: u32 length of the rest, little endian, u8 type, payload; at most
 * AUD_REMOTE_FRAME_MAX. The gateway asks, the keeper answers each with one frame.
 *
 *   H                          -> h public key[32] name           who are you
 *   Q origin                   -> q u64 size                      how far did you sign this tree
 *   X u64 from, hashes[32 n], origin  -> x                        its leaves from there on
 *   S text                     -> s signature[64]                 sign this
 *   anything                   -> e words                         refused, and why
 */
#ifndef AUD_REMOTE_H
#define AUD_REMOTE_H

#include "audit/audit.h"
#include "audit/log/note.h"

#define AUD_REMOTE_FRAME_MAX (512u * 1024u + 1024u)

struct aud_remote;

/* Takes over fd. dir (of the log) is copied. */
enum base_status aud_remote_new(int fd, const char *dir, struct aud_remote **out,
                                struct base_err *err) BASE_MUST_CHECK;
void aud_remote_free(struct aud_remote *r); /* NULL is fine; after the log has been closed */
/* Any thread: the keeper was started again; takes over fd. */
void aud_remote_replace(struct aud_remote *r, int fd);
/* How long a signature may wait for a keeper that is away, from now on; UINT32_MAX: for ever. */
void aud_remote_patience(struct aud_remote *r, uint32_t ms);
/* Any thread: is a keeper there, as far as we know? */
bool aud_remote_up(const struct aud_remote *r);

/* The key as something to sign with: a skey without a seed. */
enum base_status aud_remote_key(struct aud_remote *r, struct aud_skey *out,
                                struct base_err *err) BASE_MUST_CHECK;
/* The key of the log in dir: the remote one, or, if remote is NULL, that of dir/keys/log.key. */
enum base_status aud_key_take(const char *dir, struct aud_remote *remote, struct aud_skey *out,
                              struct base_err *err) BASE_MUST_CHECK;
/* Blocks. BASE_EIO: nobody there in time; BASE_EINVAL: refused. */
enum base_status aud_remote_sign(struct aud_remote *r, struct base_str text, uint8_t sig[64],
                                 struct base_err *err) BASE_MUST_CHECK;

/* The process: makes or loads the key in directory/keys, then answers fd until it ends. Returns the
 * exit status. origin: of the log, the name of the key. lock_down: seccomp, for a process of its
 * own. */
int aud_signing_main(const char *directory, const char *origin, int fd, bool lock_down);

#endif
