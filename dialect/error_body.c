/* error_body.c -- an error as clients of OpenAI's API expect it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#define ERROR_MAX                                                              \
	65536 /* bytes; a message names things, it quotes no bodies            \
	       */

static bool write_member(struct buf *buf, struct span name, const char *value)
{
	if (!buf_append(buf, name))
		return false;
	if (!value)
		return buf_append(buf, SPAN("null"));
	return json_write_string(buf, span_of(value));
}

struct span dialect_write_error(
    const struct dialect_error *error, struct arena *arena)
{
	struct span body = {0};
	struct buf buf;

	buf_init(&buf, ERROR_MAX);
	if (write_member(
		&buf, SPAN("{\"error\":{\"message\":"), error->message) &&
	    write_member(&buf, SPAN(",\"type\":"), error->type) &&
	    write_member(&buf, SPAN(",\"param\":"), error->param) &&
	    write_member(&buf, SPAN(",\"code\":"), error->code) &&
	    buf_append(&buf, SPAN("}}")))
		body = arena_copy(arena, buf_span(&buf));
	buf_free(&buf);
	return body;
}
