/* json_echo.c -- says whether its input is JSON: "accept", or what is wrong. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/json.h"

#include <stdio.h>
#include <unistd.h>

#define TEXT_MAX (64u << 20)
#define READ_LEN 65536

int main(void)
{
	struct json_fault fault;
	struct arena arena;
	struct json_doc doc;
	struct buf buf;
	ssize_t got;

	buf_init(&buf, TEXT_MAX);
	arena_init(&arena, SIZE_MAX);
	for (;;) {
		char *room = buf_reserve(&buf, READ_LEN);

		got = room ? read(STDIN_FILENO, room, READ_LEN) : -1;
		if (got <= 0)
			break;
		buf_commit(&buf, (size_t)got);
	}
	if (got == 0) {
		if (json_parse(buf_span(&buf), &arena, &doc, &fault))
			puts("accept");
		else
			printf("reject %zu %s\n", fault.offset, fault.reason);
	}
	arena_free(&arena);
	buf_free(&buf);
	return got == 0 ? 0 : 1;
}
