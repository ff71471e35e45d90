/* http_write.c - heads and chunks of HTTP/1.1, written. Pure; any thread.
 *
 * Header values are the only thing here that may come from outside: a control character in one is
 * refused, so no value can end its line and begin another.
 */
#include "gateway/net/http.h"

const char *gw_http_reason(int status)
{
    static const struct {
        int status;
        const char *reason;
    } table[] = {{100, "Continue"},
                 {101, "Switching Protocols"},
                 {200, "OK"},
                 {201, "Created"},
                 {202, "Accepted"},
                 {204, "No Content"},
                 {304, "Not Modified"},
                 {400, "Bad Request"},
                 {401, "Unauthorized"},
                 {402, "Payment Required"},
                 {403, "Forbidden"},
                 {404, "Not Found"},
                 {405, "Method Not Allowed"},
                 {406, "Not Acceptable"},
                 {408, "Request Timeout"},
                 {409, "Conflict"},
                 {410, "Gone"},
                 {411, "Length Required"},
                 {412, "Precondition Failed"},
                 {413, "Content Too Large"},
                 {414, "URI Too Long"},
                 {415, "Unsupported Media Type"},
                 {417, "Expectation Failed"},
                 {421, "Misdirected Request"},
                 {422, "Unprocessable Content"},
                 {429, "Too Many Requests"},
                 {431, "Request Header Fields Too Large"},
                 {500, "Internal Server Error"},
                 {501, "Not Implemented"},
                 {502, "Bad Gateway"},
                 {503, "Service Unavailable"},
                 {504, "Gateway Timeout"},
                 {505, "HTTP Version Not Supported"},
                 {529, "Overloaded"}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].status == status)
            return table[i].reason;
    return "Unknown";
}

bool gw_http_put_status(struct base_buf *out, int status)
{
    return base_buf_printf(out, "HTTP/1.1 %d %s\r\n", status, gw_http_reason(status));
}

bool gw_http_put_header(struct base_buf *out, const char *name, struct base_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < 0x20 || value.p[i] == 0x7f)
            return false;
    return base_buf_z(out, name) && base_buf_add(out, ": ", 2) && base_buf_str(out, value) &&
           base_buf_add(out, "\r\n", 2);
}

bool gw_http_put_chunk(struct base_buf *out, struct base_str data)
{
    if (data.n == 0)
        return true;
    /* Room for all of it first: a chunk goes in whole or not at all. */
    char size[20];
    size_t i = sizeof size;
    size[--i] = '\n';
    size[--i] = '\r';
    for (size_t v = data.n; v; v >>= 4)
        size[--i] = "0123456789abcdef"[v & 15];
    size_t n = sizeof size - i;
    if (data.n > out->max || !base_buf_room(out, n + data.n + 2)) {
        out->failed = true;
        return false;
    }
    return base_buf_add(out, size + i, n) && base_buf_str(out, data) &&
           base_buf_add(out, "\r\n", 2);
}

bool gw_http_put_last_chunk(struct base_buf *out)
{
    return base_buf_add(out, "0\r\n\r\n", 5);
}
