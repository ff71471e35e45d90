/* log.h - operational log lines on standard error; never a request's content, never a secret.
 *
 * One line each: RFC 3339 time, level, area, text. Level and colour (only on a terminal) are set
 * once at start. Thread safe: each line is one write(2).
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"

enum base_log_level { BASE_LOG_ERROR, BASE_LOG_WARN, BASE_LOG_INFO, BASE_LOG_DEBUG };

void base_log_level_set(enum base_log_level l);
enum base_log_level base_log_level_get(void);
void base_log(enum base_log_level l, const char *area, const char *fmt, ...) BASE_PRINTF(3, 4);

#define base_error(area, ...) base_log(BASE_LOG_ERROR, area, __VA_ARGS__)
#define base_warn(area, ...)  base_log(BASE_LOG_WARN, area, __VA_ARGS__)
#define base_info(area, ...)  base_log(BASE_LOG_INFO, area, __VA_ARGS__)
#define base_debug(area, ...) base_log(BASE_LOG_DEBUG, area, __VA_ARGS__)

#endif
