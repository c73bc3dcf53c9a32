/* admin_range.c -- the time and the filters that a page asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_range.h"

#include <stdlib.h>

#define HOUR_NS (3600 * NS_PER_S)

static const char *const dims[PROJECTION_DIMS] = {
    [PROJECTION_KEY] = "key",
    [PROJECTION_MODEL] = "model",
    [PROJECTION_RULE] = "rule",
    [PROJECTION_TASK] = "task",
};

bool admin_parse_dim(struct span word, enum projection_dim *dim)
{
	for (unsigned i = 0; i < PROJECTION_DIMS; i++)
		if (span_eq(word, span_of(dims[i]))) {
			*dim = (enum projection_dim)i;
			return true;
		}
	return false;
}

const char *admin_dim_name(enum projection_dim dim)
{
	return dims[dim];
}

static struct span ask(struct exchange *exchange, const char *name)
{
	return admin_query(exchange_request(exchange)->query, span_of(name),
	    exchange_arena(exchange));
}

/* --- time --------------------------------------------------------------------
 */

struct times {
	int64_t since_ns;
	int64_t until_ns;
	int64_t now_ns;
};

static bool read_time(
    struct exchange *exchange, const char *name, int64_t *utc_ns)
{
	struct span text = ask(exchange, name);

	if (text.len == 0 || clock_parse_utc(text, utc_ns))
		return true;
	admin_refuse_parameter(exchange, name,
	    *name == 's' ? "since must be an RFC 3339 time or a date: "
			   "2026-11-23 or 2026-11-23T07:00:00Z."
			 : "until must be an RFC 3339 time or a date: "
			   "2026-11-23 or 2026-11-23T07:00:00Z.");
	return false;
}

static bool read_length(struct exchange *exchange, int64_t *length_ns)
{
	static const char *const known[] = {
	    "15m", "1h", "6h", "24h", "7d", "30d", "90d"};
	struct span text = ask(exchange, "range");

	*length_ns = HOUR_NS;
	if (text.len == 0)
		return true;
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (span_eq(text, span_of(known[i])) &&
		    clock_parse_duration(text, length_ns))
			return true;
	admin_refuse_parameter(exchange, "range",
	    "range must be 15m, 1h, 6h, 24h, 7d, 30d or 90d.");
	return false;
}

static bool read_times(struct exchange *exchange, struct times *times)
{
	bool has_since = ask(exchange, "since").len > 0;
	int64_t length_ns;

	times->now_ns = clock_utc_ns();
	times->until_ns = times->now_ns;
	if (!read_time(exchange, "until", &times->until_ns) ||
	    !read_length(exchange, &length_ns))
		return false;
	if (has_since && ask(exchange, "range").len > 0) {
		admin_refuse_parameter(exchange, "range",
		    "range and since exclude one another: give one of them.");
		return false;
	}
	times->since_ns = times->until_ns - length_ns;
	return read_time(exchange, "since", &times->since_ns);
}

/* --- filters -----------------------------------------------------------------
 */

static bool read_name(struct exchange *exchange, struct admin_range *range,
    enum projection_dim dim)
{
	static const char *const messages[PROJECTION_DIMS] = {
	    [PROJECTION_KEY] = "key must be a key's name of at most 255 bytes.",
	    [PROJECTION_MODEL] =
		"model must be a model's name of at most 255 bytes.",
	    [PROJECTION_RULE] =
		"rule must be a rule's name of at most 255 bytes.",
	    [PROJECTION_TASK] =
		"task must be a task's name of at most 255 bytes.",
	};
	struct span text = ask(exchange, dims[dim]);

	if (text.len == 0)
		return true;
	if (text.len > LEDGER_NAME_MAX || memchr(text.ptr, '\0', text.len)) {
		admin_refuse_parameter(exchange, dims[dim], messages[dim]);
		return false;
	}
	range->names[dim] = span_dup(text);
	return true;
}

bool admin_read_range(struct exchange *exchange, struct admin_range *range)
{
	struct times times;

	*range = (struct admin_range){0};
	if (!read_times(exchange, &times))
		return false;
	if (!projection_plan(
		times.since_ns, times.until_ns, times.now_ns, &range->query)) {
		admin_refuse_parameter(exchange, "since",
		    "since must be before until, and at most ten years.");
		return false;
	}
	for (unsigned dim = 0; dim < PROJECTION_DIMS; dim++) {
		if (!read_name(exchange, range, (enum projection_dim)dim)) {
			admin_free_range(range);
			return false;
		}
		range->query.names[dim] = range->names[dim];
	}
	return true;
}

void admin_free_range(struct admin_range *range)
{
	for (size_t dim = 0; dim < PROJECTION_DIMS; dim++)
		free(range->names[dim]);
	*range = (struct admin_range){0};
}

/* --- answers -----------------------------------------------------------------
 */

void admin_format_second(int64_t second, char *text)
{
	char *point;

	clock_format_utc(second * NS_PER_S, text);
	point = strchr(text, '.');
	if (point) {
		point[0] = 'Z';
		point[1] = '\0';
	}
}

bool admin_write_ms(const char *name, int64_t ns, struct buf *out)
{
	if (ns < 0)
		return buf_printf(out, ", \"%s\": null", name);
	return buf_printf(out, ", \"%s\": %lld.%03lld", name,
	    (long long)(ns / NS_PER_MS), (long long)(ns / 1000 % 1000));
}

bool admin_write_first_token(const struct projection_sum *sum, struct buf *out)
{
	return admin_write_ms(
		   "first_token_p50_ms", sum->first_token_p50_ns, out) &&
	       admin_write_ms(
		   "first_token_p95_ms", sum->first_token_p95_ns, out);
}

bool admin_write_duration(const struct projection_sum *sum, struct buf *out)
{
	return admin_write_ms("duration_p50_ms", sum->duration_p50_ns, out) &&
	       admin_write_ms("duration_p95_ms", sum->duration_p95_ns, out);
}

bool admin_write_sum(const struct projection_sum *sum, struct buf *out)
{
	return buf_printf(out,
	    "\"requests\": %lld, \"cache_hits\": %lld, \"errors\": %lld, "
	    "\"cost_nano_usd\": %lld, \"baseline_nano_usd\": %lld, "
	    "\"saved_nano_usd\": %lld, \"unknown\": %lld, "
	    "\"estimated\": %lld, \"unpriced\": %lld, \"escalated\": %lld, "
	    "\"input_tokens\": %lld, \"cached_tokens\": %lld, "
	    "\"output_tokens\": %lld",
	    (long long)sum->requests, (long long)sum->cache_hits,
	    (long long)sum->errors, (long long)sum->cost_nano,
	    (long long)sum->baseline_nano, (long long)sum->saved_nano,
	    (long long)sum->unknown, (long long)sum->estimated,
	    (long long)sum->unpriced, (long long)sum->escalated,
	    (long long)sum->input_tokens, (long long)sum->cached_tokens,
	    (long long)sum->output_tokens);
}
