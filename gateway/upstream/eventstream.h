/* eventstream.h - frames of application/vnd.amazon.eventstream, taken apart from a byte stream.
 *
 * Source: the event stream encoding of AWS' Smithy specification. Pure; one thread a parser.
 */
#ifndef GW_UPSTREAM_EVENTSTREAM_H
#define GW_UPSTREAM_EVENTSTREAM_H

#include "base/buf.h"
#include "base/err.h"

#define GW_ES_FRAME_BYTES_MAX  (16u << 20) /* a frame, preludes and checksums included */
#define GW_ES_HEADER_BYTES_MAX (128u << 10)

/* Borrows the buffer that it was read from. Absent headers are empty. */
struct gw_es_frame {
    struct base_str message_type;              /* :message-type: "event", "exception" or "error" */
    struct base_str event_type;                /* :event-type */
    struct base_str exception_type;            /* :exception-type */
    struct base_str error_code, error_message; /* :error-code, :error-message */
    struct base_str payload;
};

/* The first frame of bytes. BASE_OK: *out is filled and *used says how long it was. BASE_AGAIN:
 * more bytes are needed. BASE_EPROTO: a checksum or a length does not hold, or the headers are
 * malformed; err says which, and the stream is of no further use. */
enum base_status gw_es_frame_read(struct base_str bytes, struct gw_es_frame *out, size_t *used,
                                  struct base_err *err) BASE_MUST_CHECK;
/* CRC-32 as in IEEE 802.3 (reflected, 0xEDB88320), of bytes behind those that gave `crc` (0: the
 * first). */
uint32_t gw_es_crc32(uint32_t crc, struct base_str bytes);

#endif
