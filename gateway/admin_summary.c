/* admin_summary.c -- what runs here, and what it has cost in all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "gateway/admin_job.h"

#include <stdlib.h>

#include "gateway/ready.h"

enum {
	ANSWER_MAX = 64 << 10
};

struct asking {
	char *path;
	enum result result;
	struct projection_sum sum;
	struct error err;
};

static void find_total(void *data)
{
	struct asking *asking = data;
	int64_t as_of_ns;

	asking->result = projection_read_total(
	    asking->path, &asking->sum, &as_of_ns, &asking->err);
}

static bool write_summary(
    struct gateway *gateway, const struct projection_sum *sum, struct buf *out)
{
	const struct config *config = gateway->snapshot->config;
	const struct ledger_sum spend = {
	    .name = "",
	    .requests = sum->requests,
	    .cache_hits = sum->cache_hits,
	    .cost_nano = sum->cost_nano,
	    .baseline_nano = sum->baseline_nano,
	    .saved_nano = sum->saved_nano,
	    .unknown = sum->unknown,
	    .estimated = sum->estimated,
	    .unpriced = sum->unpriced,
	};
	char since[CLOCK_TEXT_MAX];

	clock_format_utc(gateway->started_utc_ns, since);
	return buf_printf(out,
		   "{\"version\": \"" PACKAGE_VERSION "\", \"started\": "
		   "\"%s\", \"generation\": %llu, \"policy\": ",
		   since, (unsigned long long)config->generation) &&
	       json_write_string(out, span_of(policy_name(config->policy))) &&
	       buf_append(out, SPAN(", \"listen\": ")) &&
	       json_write_string(out, span_of(config->listen)) &&
	       buf_printf(
		   out, ", \"tls\": %s", config->tls ? "true" : "false") &&
	       buf_append(out, SPAN(", \"spend\": ")) &&
	       spend_write_sum(&spend, false, out) &&
	       ready_write_locals(gateway->snapshot, false, out) &&
	       buf_append(out, SPAN("}\n"));
}

static void answer_summary(
    struct gateway *gateway, struct exchange *exchange, void *data)
{
	const struct asking *asking = data;
	struct buf out;

	if (asking->result != OK) {
		admin_refuse_unreadable(gateway, exchange, &asking->err);
		return;
	}
	buf_init(&out, ANSWER_MAX);
	if (write_summary(gateway, &asking->sum, &out))
		admin_answer(
		    exchange, 200, SPAN("application/json"), buf_span(&out));
	else
		admin_refuse(exchange, 500, "too_large",
		    "The summary is larger than 64 KiB.");
	buf_free(&out);
}

static void free_asking(void *data)
{
	struct asking *asking = data;

	free(asking->path);
	free(asking);
}

static const struct admin_task task = {
    .work = find_total,
    .answer = answer_summary,
    .free = free_asking,
};

void admin_answer_summary(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct asking *asking = mem_new(struct asking);

	(void)rest;
	asking->path = mem_strdup(gateway->projection_path);
	admin_start_job(gateway, exchange, &task, asking);
}
