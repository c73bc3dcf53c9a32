/* admin_overview.c -- the page's headline, charts and filters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_job.h"
#include "gateway/admin_range.h"

#include <stdlib.h>

enum {
	ANSWER_MAX = 8 << 20
};

struct asking {
	struct admin_range range;
	char *path;
	char *baseline;
	int64_t lag_ns;
	enum result result;
	struct error err;
	struct buf out;
	bool is_written;
};

static bool write_total(const struct projection_sum *sum, struct buf *out)
{
	int64_t millionths =
	    sum->requests > 0 ? sum->errors * 1000000 / sum->requests : 0;

	return buf_append(out, SPAN(", \"total\": {")) &&
	       admin_write_sum(sum, out) &&
	       buf_printf(out, ", \"error_rate\": %lld.%06lld",
		   (long long)(millionths / 1000000),
		   (long long)(millionths % 1000000)) &&
	       admin_write_first_token(sum, out) &&
	       admin_write_duration(sum, out) &&
	       buf_printf(out,
		   "}, \"saved_by\": {\"routing\": %lld, \"cache\": %lld}",
		   (long long)(sum->saved_nano - sum->saved_by_cache_nano),
		   (long long)sum->saved_by_cache_nano);
}

static bool write_outcomes(const struct projection_sum *sum, struct buf *out)
{
	const int64_t *n = sum->outcomes;

	return buf_printf(out,
	    ", \"outcomes\": {\"completed\": %lld, \"client_gone\": %lld, "
	    "\"upstream_died\": %lld, \"timed_out\": %lld, "
	    "\"refused\": %lld, \"unknown\": %lld}",
	    (long long)n[PROJECTION_COMPLETED],
	    (long long)n[PROJECTION_CLIENT_GONE],
	    (long long)n[PROJECTION_UPSTREAM_DIED],
	    (long long)n[PROJECTION_TIMED_OUT],
	    (long long)n[PROJECTION_REFUSED], (long long)n[PROJECTION_UNKNOWN]);
}

static bool write_cache(const struct projection_sum *sum, struct buf *out)
{
	const int64_t *n = sum->sources;

	return buf_printf(out,
	    ", \"cache\": {\"miss_or_bypass\": %lld, \"memory\": %lld, "
	    "\"near\": %lld, \"redis\": %lld, \"coalesced\": %lld}",
	    (long long)n[LEDGER_SOURCE_NONE],
	    (long long)n[LEDGER_SOURCE_MEMORY],
	    (long long)n[LEDGER_SOURCE_NEAR], (long long)n[LEDGER_SOURCE_REDIS],
	    (long long)n[LEDGER_SOURCE_COALESCED]);
}

static bool write_point(const struct projection_point *point, struct buf *out)
{
	const struct projection_sum *sum = &point->sum;

	return buf_printf(out,
		   "{\"t\": %lld, \"requests\": %lld, "
		   "\"cost_nano_usd\": %lld, \"baseline_nano_usd\": %lld, "
		   "\"saved_nano_usd\": %lld",
		   (long long)point->t, (long long)sum->requests,
		   (long long)sum->cost_nano, (long long)sum->baseline_nano,
		   (long long)sum->saved_nano) &&
	       write_outcomes(sum, out) && write_cache(sum, out) &&
	       admin_write_first_token(sum, out) &&
	       admin_write_duration(sum, out) && buf_append(out, SPAN("}"));
}

static bool write_series(
    const struct projection_overview *overview, struct buf *out)
{
	bool ok = buf_append(out, SPAN(", \"series\": ["));

	for (size_t i = 0; ok && i < overview->n_points; i++)
		ok = (i == 0 || buf_append(out, SPAN(",\n"))) &&
		     write_point(&overview->points[i], out);
	return ok && buf_append(out, SPAN("]"));
}

static bool write_names(const struct projection_names *names,
    enum projection_dim dim, struct buf *out)
{
	bool ok = buf_printf(
	    out, "%s\"%ss\": [", dim > 0 ? ", " : "", admin_dim_name(dim));

	for (size_t i = 0; ok && i < names->n; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     json_write_string(out, span_of(names->items[i]));
	return ok && buf_append(out, SPAN("]"));
}

static bool write_head(const struct asking *asking,
    const struct projection_overview *overview, struct buf *out)
{
	const struct projection_query *query = &asking->range.query;
	char since[CLOCK_TEXT_MAX], until[CLOCK_TEXT_MAX];
	char as_of[CLOCK_TEXT_MAX];

	admin_format_second(query->since_s, since);
	admin_format_second(query->until_s, until);
	admin_format_second(overview->as_of_ns / NS_PER_S, as_of);
	return buf_printf(out,
		   "{\"since\": \"%s\", \"until\": \"%s\", \"step_s\": %lld, "
		   "\"as_of\": ",
		   since, until, (long long)query->step_s) &&
	       (overview->as_of_ns > 0 ? buf_printf(out, "\"%s\"", as_of)
				       : buf_append(out, SPAN("null"))) &&
	       buf_printf(out, ", \"lag_s\": %lld.%03lld, \"baseline\": ",
		   (long long)(asking->lag_ns / NS_PER_S),
		   (long long)(asking->lag_ns / NS_PER_MS % 1000)) &&
	       json_write_string(out, span_of(asking->baseline));
}

static bool write_overview(const struct asking *asking,
    const struct projection_overview *overview, struct buf *out)
{
	bool ok = write_head(asking, overview, out) &&
		  write_total(&overview->total, out) &&
		  write_series(overview, out) &&
		  buf_append(out, SPAN(", \"names\": {"));

	for (unsigned dim = 0; ok && dim < PROJECTION_DIMS; dim++)
		ok = write_names(
		    &overview->names[dim], (enum projection_dim)dim, out);
	return ok && buf_append(out, SPAN("}}\n"));
}

static void find_overview(void *data)
{
	struct asking *asking = data;
	struct projection_overview overview;

	asking->result = projection_read_overview(
	    asking->path, &asking->range.query, &overview, &asking->err);
	if (asking->result != OK)
		return;
	asking->is_written = write_overview(asking, &overview, &asking->out);
	projection_free_overview(&overview);
}

static void answer_overview(
    struct gateway *gateway, struct exchange *exchange, void *data)
{
	const struct asking *asking = data;

	if (asking->result != OK)
		admin_refuse_unreadable(gateway, exchange, &asking->err);
	else if (asking->is_written)
		admin_answer(exchange, 200, SPAN("application/json"),
		    buf_span(&asking->out));
	else
		admin_refuse(exchange, 500, "too_large",
		    "The answer is larger than 8 MiB; ask for less time.");
}

static void free_asking(void *data)
{
	struct asking *asking = data;

	admin_free_range(&asking->range);
	buf_free(&asking->out);
	free(asking->baseline);
	free(asking->path);
	free(asking);
}

static const struct admin_task task = {
    .work = find_overview,
    .answer = answer_overview,
    .free = free_asking,
};

void admin_answer_overview(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	const struct config *config = gateway->snapshot->config;
	struct asking *asking;
	struct admin_range range;
	size_t baseline;

	(void)rest;
	if (!admin_read_range(exchange, &range))
		return;
	baseline = policy_baseline(config->policy);
	asking = mem_new(struct asking);
	asking->range = range;
	asking->path = mem_strdup(gateway->projection_path);
	asking->baseline = mem_strdup(config->models[baseline].name);
	asking->lag_ns = projection_lag(gateway->projection);
	buf_init(&asking->out, ANSWER_MAX);
	admin_start_job(gateway, exchange, &task, asking);
}
