/* log.h -- one line to stderr: event name, then key=value. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>

#include "base/error.h"

/*
 * Lines are logfmt: ts=... level=info event=reloaded id=... k=v ... <id> is a
 * request's or a part's name and may be NULL. A line is one write, so threads
 * do not mix; it is at most 2,048 bytes, "..." standing for what was cut.
 * Control characters are escaped; a value that may hold blanks is quoted by the
 * caller. Prompt text and keys never go in. An error is logged once, where it
 * stops.
 */
enum log_level {
	LOG_DEBUG,
	LOG_INFO,
	LOG_WARN,
	LOG_ERROR,
};

/* Lines below <level> are dropped; LOG_INFO at start. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* One line, from any thread; errno is left as it was. <id> may be NULL. */
void log_line(enum log_level level, const char *id, const char *event,
    const char *fmt, ...) printf_like(4, 5);

#define log_debug(id, event, ...)                                              \
	do {                                                                   \
		if (log_is_on(LOG_DEBUG))                                      \
			log_line(LOG_DEBUG, id, event, __VA_ARGS__);           \
	} while (0)
#define log_info(id, event, ...) log_line(LOG_INFO, id, event, __VA_ARGS__)
#define log_warn(id, event, ...) log_line(LOG_WARN, id, event, __VA_ARGS__)
#define log_error(id, event, ...) log_line(LOG_ERROR, id, event, __VA_ARGS__)

#endif
