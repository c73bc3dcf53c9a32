/* error.c -- messages into a caller-owned struct error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * Both functions format into a copy first: callers wrap a message by passing
 * err->text as one of the arguments.
 */
void error_set(struct error *err, const char *fmt, ...)
{
	struct error copy;
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	vsnprintf(copy.text, sizeof(copy.text), fmt, args);
	va_end(args);
	memcpy(err->text, copy.text, strlen(copy.text) + 1);
}

void error_prefix(struct error *err, const char *fmt, ...)
{
	char joined[2 * sizeof(err->text) + 2] = ""; /* with ": " between */
	size_t len;
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	vsnprintf(joined, sizeof(err->text), fmt, args);
	va_end(args);
	len = strlen(joined);
	snprintf(joined + len, sizeof(joined) - len, ": %s", err->text);
	memcpy(err->text, joined, sizeof(err->text) - 1);
	err->text[sizeof(err->text) - 1] = '\0';
}
