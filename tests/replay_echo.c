/* replay_echo.c -- gives the answer on its input in its other form. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/dialect.h"

#include <stdio.h>
#include <unistd.h>

/*
 *	replay_echo join|split|split-usage chat|completions
 *
 * split-usage is for a client that asked for usage in its stream. Exit 1 when
 * the answer is refused, 2 for other words.
 */
#define TEXT_MAX ((size_t)64 << 20)
#define READ_LEN 65536

static bool read_all(struct buf *buf)
{
	for (;;) {
		char *room = buf_reserve(buf, READ_LEN);
		ssize_t got = room ? read(STDIN_FILENO, room, READ_LEN) : -1;

		if (got <= 0)
			return got == 0;
		buf_commit(buf, (size_t)got);
	}
}

/* *is_good: there is another form. False when <verb> is none. */
static bool replay(
    const char *verb, enum endpoint endpoint, struct buf *out, bool *is_good)
{
	struct dialect_request request = {.endpoint = endpoint};
	struct span word = span_of(verb);
	struct dialect_marks marks;
	bool is_known = true;
	struct arena arena;
	struct buf in;

	buf_init(&in, TEXT_MAX);
	arena_init(&arena, 8 * TEXT_MAX);
	request.has_include_usage = span_eq(word, SPAN("split-usage"));
	*is_good = read_all(&in);
	if (span_eq(word, SPAN("join")))
		*is_good &= dialect_join(endpoint, buf_span(&in), &arena, out);
	else if (span_starts_with(word, SPAN("split")))
		*is_good &=
		    dialect_split(&request, buf_span(&in), &arena, out, &marks);
	else
		is_known = false;
	arena_free(&arena);
	buf_free(&in);
	return is_known;
}

int main(int argc, char **argv)
{
	enum endpoint endpoint = ENDPOINT_CHAT;
	bool is_good = false;
	struct buf out;

	buf_init(&out, 8 * TEXT_MAX);
	if (argc == 3 && span_eq(span_of(argv[2]), SPAN("completions")))
		endpoint = ENDPOINT_COMPLETIONS;
	if (argc != 3 || !replay(argv[1], endpoint, &out, &is_good)) {
		fprintf(stderr, "usage: replay_echo join|split|split-usage "
				"chat|completions\n");
		return 2;
	}
	fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
	buf_free(&out);
	return is_good ? 0 : 1;
}
