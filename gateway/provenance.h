/* provenance.h - a signed statement that a text came out of a model, and which.
 *
 * AI Act Art. 50(2) asks providers of systems that generate text to mark it in a machine-readable
 * way. A provenance record travels beside the text (header, or a comment line of the stream) and
 * binds its SHA-256, its length, the route and the time to the gateway's key: anyone who holds text
 * and record can have it checked (POST /v1/provenance/verify), or check it alone with the public
 * key, since the record is a C2SP signed note. It says nothing about a text that was changed, and
 * the record can be thrown away: it is evidence for the honest, no watermark.
 *
 * Form (base64 of the note; one line each):
 *     <origin>/provenance
 *     ai-generated
 *     request <x-request-id>
 *     route <route>
 *     time <RFC 3339, UTC>
 *     bytes <decimal>
 *     sha256 <64 hex digits>
 * then an empty line and the signature line.
 */
#ifndef GW_PROVENANCE_H
#define GW_PROVENANCE_H

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/str.h"

#define GW_PROV_TOKEN_MAX 4096
#define GW_PROV_ROUTE_MAX 256

struct gw_prov; /* immutable once open: any thread */

struct gw_prov_claim {
    char request[BASE_UUID_MAX];
    char route[GW_PROV_ROUTE_MAX];
    char time[BASE_RFC3339_MAX];
    uint64_t bytes;
    uint8_t sha256[32];
};

/* Loads the key at file, or makes it (mode 0600) when there is none. origin is the log's. Blocks on
 * files: not on a loop. */
enum base_status gw_prov_open(const char *file, const char *origin, struct gw_prov **out,
                              struct base_err *err) BASE_MUST_CHECK;
void gw_prov_free(struct gw_prov *p);              /* wipes the key */
const char *gw_prov_vkey(const struct gw_prov *p); /* the public key, as a C2SP verifier key */
/* Appends the record of a claim. One Ed25519 signature: tens of microseconds. */
enum base_status gw_prov_sign(const struct gw_prov *p, const struct gw_prov_claim *c,
                              struct base_buf *out, struct base_err *err) BASE_MUST_CHECK;
/* Checks form and signature of a record, any bytes from anybody. BASE_EINVAL with err says what
 * does not hold. */
enum base_status gw_prov_verify(const struct gw_prov *p, struct base_str record,
                                struct gw_prov_claim *out, struct base_err *err) BASE_MUST_CHECK;

#endif
