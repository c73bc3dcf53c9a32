/* admin_requests.c -- the latest requests, as the rings have them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin.h"
#include "gateway/csv.h"

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

/* What a row must be to be listed; ptr NULL: anything. */
enum filter {
	FILTER_KEY,
	FILTER_MODEL,
	FILTER_RULE,
	FILTER_TASK,
	FILTER_CACHE,
	FILTER_OUTCOME,
	FILTERS
};

struct found {
	int64_t utc_ns;
	struct span text;
};

struct gathering {
	struct arena *arena;
	struct found *found; /* (max) */
	size_t n, max;
	struct span wanted; /* an id, or empty for all */
	struct span filters[FILTERS];
	bool is_csv;
};

/* --- one of them -------------------------------------------------------------
 */

static struct span task_of(const struct line_story *story)
{
	return story->is_decided
		   ? span_of(router_task_name(story->features.task))
		   : span_make(NULL, 0);
}

static bool is_listed(
    const struct gathering *all, const struct line *line, struct span task)
{
	const struct span own[FILTERS] = {
	    [FILTER_KEY] = line->key,
	    [FILTER_MODEL] = line->model,
	    [FILTER_RULE] = line->rule,
	    [FILTER_TASK] = task,
	    [FILTER_CACHE] = line->cache,
	    [FILTER_OUTCOME] = line->outcome,
	};

	for (size_t i = 0; i < FILTERS; i++)
		if (all->filters[i].len > 0 &&
		    !span_eq(all->filters[i], own[i]))
			return false;
	return true;
}

static const char *const columns[] = {"ts", "request_id", "key", "method",
    "path", "status", "model", "rule", "task", "cache", "outcome", "stream",
    "attempts", "input_tokens", "cached_tokens", "output_tokens", "estimated",
    "cost_nano_usd", "baseline_nano_usd", "saved_nano_usd", "ms",
    "first_token_ms"};

static void write_csv_row(
    const struct line *line, struct span task, struct csv *csv)
{
	char ts[CLOCK_TEXT_MAX];

	clock_format_utc(line->utc_ns, ts);
	csv_text(csv, span_of(ts));
	csv_text(csv, line->id);
	csv_text(csv, line->key);
	csv_text(csv, line->method);
	csv_text(csv, line->path);
	csv_int(csv, line->status);
	csv_text(csv, line->model);
	csv_text(csv, line->rule);
	csv_text(csv, task);
	csv_text(csv, line->cache);
	csv_text(csv, line->outcome);
	csv_text(csv, line->stream ? SPAN("true") : SPAN("false"));
	csv_int(csv, line->attempts);
	csv_int(csv, line->input_tokens);
	csv_int(csv, line->cached_tokens);
	csv_int(csv, line->output_tokens);
	csv_text(csv, line->is_estimated ? SPAN("true") : SPAN("false"));
	csv_amount(csv, line->cost_nano);
	csv_amount(csv, line->baseline_nano);
	csv_amount(csv, line->saved_nano);
	csv_ms(csv, line->duration_ns);
	csv_ms(csv, line->first_token_ns);
	csv_end_row(csv);
}

/* Its text in the arena; ptr NULL when it is too long. */
static struct span describe(const struct gathering *all,
    const struct line *line, const struct line_story *story)
{
	bool is_one = all->wanted.len > 0;
	struct line with_task = *line;
	char memory[LINE_TEXT_MAX];
	struct json_out out;
	struct buf buf;
	struct csv csv;
	struct span text = {NULL, 0};

	with_task.task = task_of(story);
	if (!all->is_csv) {
		json_out_init(&out, memory, sizeof(memory));
		line_write_json(&with_task, is_one ? story : NULL, &out);
		return out.is_full
			   ? text
			   : arena_copy(all->arena, json_out_text(&out));
	}
	buf_init(&buf, LINE_TEXT_MAX);
	csv_init(&csv, &buf);
	write_csv_row(&with_task, with_task.task, &csv);
	if (!csv.is_full)
		text = arena_copy(all->arena, buf_span(&buf));
	buf_free(&buf);
	return text;
}

/* --- all of them -------------------------------------------------------------
 */

static bool gather(
    const struct line *line, const struct line_story *story, void *arg)
{
	struct gathering *all = arg;
	bool is_one = all->wanted.len > 0;
	struct span text;

	if (is_one ? !span_eq(line->id, all->wanted)
		   : !is_listed(all, line, task_of(story)))
		return true;
	text = describe(all, line, story);
	if (!text.ptr || all->n == all->max)
		return !is_one;
	all->found[all->n++] = (struct found){line->utc_ns, text};
	return !is_one;
}

static int newest_first(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return (x->utc_ns < y->utc_ns) - (x->utc_ns > y->utc_ns);
}

static void gather_all(struct gateway *gateway, struct gathering *all)
{
	all->max = (size_t)RECENT_MAX * gateway->n_workers;
	all->found = mem_zalloc(all->max * sizeof(*all->found));
	for (unsigned i = 0; i < gateway->n_workers; i++)
		recent_each(gateway->workers[i]->recent, gather, all);
	qsort(all->found, all->n, sizeof(*all->found), newest_first);
}

static bool write_json(
    const struct gathering *all, size_t limit, struct buf *out)
{
	bool ok = buf_append(out, SPAN("{\"requests\": ["));

	for (size_t i = 0; ok && i < all->n && i < limit; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     buf_append(out, all->found[i].text);
	return ok && buf_append(out, SPAN("]}\n"));
}

static bool write_csv(
    const struct gathering *all, size_t limit, struct buf *out)
{
	struct csv csv;
	bool ok;

	csv_init(&csv, out);
	csv_row(&csv, columns, sizeof(columns) / sizeof(columns[0]));
	ok = !csv.is_full;
	for (size_t i = 0; ok && i < all->n && i < limit; i++)
		ok = buf_append(out, all->found[i].text);
	return ok;
}

static void answer_list(
    struct exchange *exchange, const struct gathering *all, size_t limit)
{
	struct buf out;

	buf_init(&out, ANSWER_MAX);
	if (!(all->is_csv ? write_csv(all, limit, &out)
			  : write_json(all, limit, &out)))
		admin_refuse(exchange, 500, "too_large",
		    "The answer is larger than 8 MiB; ask for fewer.");
	else if (all->is_csv)
		admin_answer_csv(
		    exchange, "sluice-requests.csv", buf_span(&out));
	else
		admin_answer(
		    exchange, 200, SPAN("application/json"), buf_span(&out));
	buf_free(&out);
}

void admin_answer_requests(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	static const struct span names[FILTERS] = {
	    [FILTER_KEY] = SPAN("key"),
	    [FILTER_MODEL] = SPAN("model"),
	    [FILTER_RULE] = SPAN("rule"),
	    [FILTER_TASK] = SPAN("task"),
	    [FILTER_CACHE] = SPAN("cache"),
	    [FILTER_OUTCOME] = SPAN("outcome"),
	};
	struct span query = exchange_request(exchange)->query;
	struct span text =
	    admin_query(query, SPAN("limit"), exchange_arena(exchange));
	struct gathering all = {0};
	struct arena arena;
	uint64_t limit = 50;

	(void)rest;
	if (text.len > 0 &&
	    (!span_to_u64(text, &limit) || limit < 1 || limit > LIMIT_MAX)) {
		admin_refuse_parameter(
		    exchange, "limit", "limit must be 1 to 500.");
		return;
	}
	if (!admin_read_format(exchange, &all.is_csv))
		return;
	for (size_t i = 0; i < FILTERS; i++)
		all.filters[i] =
		    admin_query(query, names[i], exchange_arena(exchange));
	arena_init(&arena, ANSWER_MAX);
	all.arena = &arena;
	gather_all(gateway, &all);
	answer_list(exchange, &all, limit);
	free(all.found);
	arena_free(&arena);
}

char *admin_find_story(struct gateway *gateway, struct span id)
{
	struct gathering all = {.wanted = id};
	struct arena arena;
	char *story = NULL;

	arena_init(&arena, ANSWER_MAX);
	all.arena = &arena;
	gather_all(gateway, &all);
	if (all.n > 0)
		story = span_dup(all.found[0].text);
	free(all.found);
	arena_free(&arena);
	return story;
}
