/* admin_requests.c -- the latest requests, and the story of one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin.h"

#include <stdlib.h>

enum {
	LIMIT_MAX = 500,
	ANSWER_MAX = 8 << 20
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static struct span decode(struct span text, struct arena *arena)
{
	char *out = arena_alloc(arena, text.len + 1);
	size_t len = 0;

	for (size_t i = 0; out && i < text.len; i++) {
		bool is_escape = text.ptr[i] == '%' && i + 2 < text.len &&
				 hex_digit(text.ptr[i + 1]) >= 0 &&
				 hex_digit(text.ptr[i + 2]) >= 0;

		if (is_escape) {
			out[len++] = (char)(hex_digit(text.ptr[i + 1]) * 16 +
					    hex_digit(text.ptr[i + 2]));
			i += 2;
		} else {
			out[len++] = text.ptr[i] == '+' ? ' ' : text.ptr[i];
		}
	}
	return span_make(out, len);
}

struct span admin_query(
    struct span query, struct span name, struct arena *arena)
{
	struct span pair;

	while (span_split(&query, '&', &pair)) {
		size_t equals = span_find(pair, SPAN("="), 0);

		if (span_eq(span_head(pair, equals), name))
			return decode(
			    span_from(pair,
				equals == SIZE_MAX ? SIZE_MAX : equals + 1),
			    arena);
	}
	return span_make(NULL, 0);
}

struct found {
	int64_t utc_ns;
	struct span text;
};

struct gathering {
	struct arena *arena;
	struct found *found; /* (LIMIT_MAX x workers) */
	size_t n, max;
	struct span wanted; /* an id, or empty for all */
};

static bool gather(
    const struct line *line, const struct line_story *story, void *arg)
{
	struct gathering *all = arg;
	bool is_one = all->wanted.len > 0;
	char memory[LINE_TEXT_MAX];
	struct json_out out;
	struct span text;

	if (is_one && !span_eq(line->id, all->wanted))
		return true;
	json_out_init(&out, memory, sizeof(memory));
	line_write_json(line, is_one ? story : NULL, &out);
	text = arena_copy(all->arena, json_out_text(&out));
	if (out.is_full || !text.ptr || all->n == all->max)
		return !is_one && text.ptr;
	all->found[all->n++] = (struct found){line->utc_ns, text};
	return !is_one;
}

static int newest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->utc_ns < y->utc_ns) - (x->utc_ns > y->utc_ns);
}

static bool gather_all(struct gateway *gateway, struct gathering *all,
    struct arena *arena, struct span wanted)
{
	arena_init(arena, ANSWER_MAX);
	*all = (struct gathering){
	    .arena = arena,
	    .max = (size_t)RECENT_MAX * gateway->n_workers,
	    .wanted = wanted,
	};
	all->found = mem_zalloc(all->max * sizeof(*all->found));
	for (unsigned i = 0; i < gateway->n_workers; i++)
		recent_each(gateway->workers[i]->recent, gather, all);
	qsort(all->found, all->n, sizeof(*all->found), newest_first);
	return all->n > 0;
}

void admin_answer_requests(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct span text = admin_query(exchange_request(exchange)->query,
	    SPAN("limit"), exchange_arena(exchange));
	struct gathering all;
	struct arena arena;
	uint64_t limit = 50;
	struct buf out;
	bool ok;

	(void)rest;
	if (text.len > 0 &&
	    (!span_to_u64(text, &limit) || limit < 1 || limit > LIMIT_MAX)) {
		admin_refuse(
		    exchange, 400, "invalid_limit", "limit must be 1 to 500.");
		return;
	}
	gather_all(gateway, &all, &arena, SPAN(""));
	buf_init(&out, ANSWER_MAX);
	ok = buf_append(&out, SPAN("{\"requests\": ["));
	for (size_t i = 0; ok && i < all.n && i < limit; i++)
		ok = (i == 0 || buf_append(&out, SPAN(", "))) &&
		     buf_append(&out, all.found[i].text);
	if (ok && buf_append(&out, SPAN("]}\n")))
		admin_answer(
		    exchange, 200, SPAN("application/json"), buf_span(&out));
	buf_free(&out);
	free(all.found);
	arena_free(&arena);
}

void admin_answer_request(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct gathering all;
	struct arena arena;

	if (rest.len > 0 && gather_all(gateway, &all, &arena, rest)) {
		admin_answer(
		    exchange, 200, SPAN("application/json"), all.found[0].text);
	} else {
		admin_refuse(exchange, 404, "unknown_request",
		    "No such request among the latest; older ones are in "
		    "sluice ledger export.");
		if (rest.len == 0)
			return;
	}
	free(all.found);
	arena_free(&arena);
}
