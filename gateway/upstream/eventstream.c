/* eventstream.c - application/vnd.amazon.eventstream: length-prefixed frames with two checksums.
 *
 * Owns       nothing; pure.
 * Format     all numbers big endian:
 *                4  length of the whole frame           4  length of the headers
 *                4  CRC-32 of these eight bytes (the prelude)
 *                n  headers: 1 length of the name, the name, 1 type of the value, the value
 *                   (0 true, 1 false, 2 byte, 3 16 bits, 4 32 bits, 5 64 bits, 6 bytes and 7 text
 *                   with 2 bytes of length, 8 a time of 64 bits, 9 a UUID)
 *                m  payload
 *                4  CRC-32 of everything before it
 * Invariants - no length is believed before the prelude's checksum holds, so a stream that lost its
 *              step is noticed within twelve bytes and never makes us wait for 4 GiB;
 *            - nothing of a frame is given out before the frame's own checksum holds;
 *            - of two headers of one name the frame is malformed: no reader would agree with
 *              another on which counts.
 * Fails by   BASE_EPROTO.
 */
#include "gateway/upstream/eventstream.h"

#define PRELUDE_BYTES 12
#define CRC_BYTES     4

uint32_t gw_es_crc32(uint32_t crc, struct base_str bytes)
{
    /* by half bytes: a table that fits two cache lines */
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                       0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                       0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};

    crc = ~crc;
    for (size_t i = 0; i < bytes.n; i++) {
        crc ^= (uint8_t)bytes.p[i];
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

static uint32_t be32(const char *p)
{
    const uint8_t *b = (const uint8_t *)p;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Takes n bytes off the front of *rest. */
static bool take(struct base_str *rest, size_t n, struct base_str *out)
{
    if (rest->n < n)
        return false;
    *out = base_str_n(rest->p, n);
    rest->p += n;
    rest->n -= n;
    return true;
}

static bool take_value(struct base_str *rest, unsigned type, struct base_str *out)
{
    static const uint8_t size[] = {0, 0, 1, 2, 4, 8, 0, 0, 8, 16};

    if (type >= sizeof size)
        return false;
    if (type != 6 && type != 7)
        return take(rest, size[type], out);
    struct base_str n;
    return take(rest, 2, &n) && take(rest, (size_t)(uint8_t)n.p[0] << 8 | (uint8_t)n.p[1], out);
}

/* Keeps a header that means something here. False when it stands there twice. */
static bool keep(struct gw_es_frame *f, struct base_str name, unsigned type, struct base_str value)
{
    struct {
        const char *name;
        struct base_str *to;
    } const known[] = {{":message-type", &f->message_type},
                       {":event-type", &f->event_type},
                       {":exception-type", &f->exception_type},
                       {":error-code", &f->error_code},
                       {":error-message", &f->error_message}};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (!base_str_is(name, known[i].name))
            continue;
        if (type != 7 || known[i].to->p)
            return false;
        *known[i].to = value;
        return true;
    }
    return true;
}

static bool read_headers(struct base_str rest, struct gw_es_frame *f)
{
    while (rest.n > 0) {
        struct base_str n, name, type, value;
        if (!take(&rest, 1, &n) || n.p[0] == 0 || !take(&rest, (uint8_t)n.p[0], &name) ||
            !take(&rest, 1, &type) || !take_value(&rest, (uint8_t)type.p[0], &value) ||
            !keep(f, name, (uint8_t)type.p[0], value))
            return false;
    }
    return true;
}

enum base_status gw_es_frame_read(struct base_str bytes, struct gw_es_frame *out, size_t *used,
                                  struct base_err *err)
{
    *out = (struct gw_es_frame){0};
    *used = 0;
    if (bytes.n < PRELUDE_BYTES)
        return BASE_AGAIN;
    uint32_t total = be32(bytes.p), headers = be32(bytes.p + 4);
    if (gw_es_crc32(0, base_str_n(bytes.p, 8)) != be32(bytes.p + 8))
        return base_err_set(err, BASE_EPROTO,
                            "a frame of the upstream's stream has a prelude whose checksum does "
                            "not hold");
    if (total > GW_ES_FRAME_BYTES_MAX || headers > GW_ES_HEADER_BYTES_MAX ||
        total < PRELUDE_BYTES + CRC_BYTES || headers > total - PRELUDE_BYTES - CRC_BYTES)
        return base_err_set(err, BASE_EPROTO,
                            "a frame of the upstream's stream says %u bytes, %u of them headers",
                            total, headers);
    if (bytes.n < total)
        return BASE_AGAIN;
    if (gw_es_crc32(0, base_str_n(bytes.p, total - CRC_BYTES)) != be32(bytes.p + total - CRC_BYTES))
        return base_err_set(err, BASE_EPROTO,
                            "a frame of the upstream's stream has a checksum that does not hold");
    if (!read_headers(base_str_n(bytes.p + PRELUDE_BYTES, headers), out))
        return base_err_set(err, BASE_EPROTO,
                            "a frame of the upstream's stream has malformed headers");
    out->payload =
        base_str_n(bytes.p + PRELUDE_BYTES + headers, total - PRELUDE_BYTES - CRC_BYTES - headers);
    *used = total;
    return BASE_OK;
}
