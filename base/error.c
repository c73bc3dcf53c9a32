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

static size_t append(struct error *to, size_t at, const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof(to->text) - 1 - at)
		len = sizeof(to->text) - 1 - at;
	memcpy(to->text + at, text, len);
	to->text[at + len] = '\0';
	return at + len;
}

void error_prefix(struct error *err, const char *fmt, ...)
{
	struct error copy;
	size_t len;
	va_list args;

	if (!err)
		return;
	va_start(args, fmt);
	vsnprintf(copy.text, sizeof(copy.text), fmt, args);
	va_end(args);
	len = append(&copy, strlen(copy.text), ": ");
	len = append(&copy, len, err->text);
	memcpy(err->text, copy.text, len + 1);
}
