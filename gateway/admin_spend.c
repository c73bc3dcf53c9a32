/* admin_spend.c -- spend: exact sums, the ledger read on a job's thread. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_job.h"

#include <stdlib.h>

enum {
	ANSWER_MAX = 8 << 20
};

struct reading {
	char *folder;
	struct ledger_query query;
	enum result result;
	struct ledger_spend spend;
	struct error err;
};

bool spend_parse_by(struct span word, enum ledger_by *by)
{
	static const struct {
		struct span word;
		enum ledger_by by;
	} known[] = {
	    {SPAN("key"), LEDGER_BY_KEY},
	    {SPAN("model"), LEDGER_BY_MODEL},
	    {SPAN("rule"), LEDGER_BY_RULE},
	    {SPAN("task"), LEDGER_BY_TASK},
	    {SPAN("day"), LEDGER_BY_DAY},
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		if (!span_eq(word, known[i].word))
			continue;
		*by = known[i].by;
		return true;
	}
	return false;
}

bool spend_write_sum(
    const struct ledger_sum *sum, bool with_name, struct buf *out)
{
	bool ok = buf_append(out, SPAN("{"));

	if (with_name)
		ok = ok && buf_append(out, SPAN("\"name\": ")) &&
		     json_write_string(out, span_of(sum->name)) &&
		     buf_append(out, SPAN(", "));
	return ok &&
	       buf_printf(out,
		   "\"requests\": %lld, \"cache_hits\": %lld, "
		   "\"cost_nano_usd\": %lld, \"baseline_nano_usd\": %lld, "
		   "\"saved_nano_usd\": %lld, \"unknown\": %lld, "
		   "\"estimated\": %lld, \"unpriced\": %lld}",
		   (long long)sum->requests, (long long)sum->cache_hits,
		   (long long)sum->cost_nano, (long long)sum->baseline_nano,
		   (long long)sum->saved_nano, (long long)sum->unknown,
		   (long long)sum->estimated, (long long)sum->unpriced);
}

bool spend_write_json(
    const struct ledger_spend *spend, bool with_rows, struct buf *out)
{
	bool ok = buf_append(out, SPAN("{\"total\": ")) &&
		  spend_write_sum(&spend->total, false, out);

	if (with_rows) {
		ok = ok && buf_append(out, SPAN(", \"rows\": ["));
		for (size_t i = 0; ok && i < spend->n_rows; i++)
			ok = (i == 0 || buf_append(out, SPAN(", "))) &&
			     spend_write_sum(&spend->rows[i], true, out);
		ok = ok && buf_append(out, SPAN("]"));
	}
	return ok && buf_append(out, SPAN("}"));
}

static void read_spend(void *data)
{
	struct reading *reading = data;

	reading->result = ledger_spend(
	    reading->folder, &reading->query, &reading->spend, &reading->err);
}

static void answer_spend(
    struct gateway *gateway, struct exchange *exchange, void *data)
{
	const struct reading *reading = data;
	struct buf out;

	(void)gateway;
	if (reading->result != OK) {
		log_error(
		    NULL, "spend_failed", "why=\"%s\"", reading->err.text);
		admin_refuse(exchange, 500, "ledger_unreadable",
		    "The ledger could not be read; see the log.");
		return;
	}
	buf_init(&out, ANSWER_MAX);
	if (spend_write_json(&reading->spend,
		reading->query.by != LEDGER_BY_NOTHING, &out) &&
	    buf_append(&out, SPAN("\n")))
		admin_answer(
		    exchange, 200, SPAN("application/json"), buf_span(&out));
	else
		admin_refuse(exchange, 500, "too_large",
		    "The answer is larger than 8 MiB; ask for less time.");
	buf_free(&out);
}

static void free_reading(void *data)
{
	struct reading *reading = data;

	ledger_spend_free(&reading->spend);
	free(reading->folder);
	free(reading);
}

static const struct admin_task spend_task = {
    .work = read_spend,
    .answer = answer_spend,
    .free = free_reading,
    .is_heavy = true,
};

static bool read_time(
    struct exchange *exchange, struct span name, int64_t *utc_ns)
{
	struct span text = admin_query(
	    exchange_request(exchange)->query, name, exchange_arena(exchange));

	return text.len == 0 || clock_parse_utc(text, utc_ns);
}

void admin_answer_spend(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct ledger_query query = {0};
	struct span by = admin_query(exchange_request(exchange)->query,
	    SPAN("by"), exchange_arena(exchange));
	struct reading *reading;

	(void)rest;
	if (by.len > 0 && !spend_parse_by(by, &query.by)) {
		admin_refuse(exchange, 400, "invalid_by",
		    "by must be key, model, rule, task or day.");
		return;
	}
	if (!read_time(exchange, SPAN("since"), &query.since_ns) ||
	    !read_time(exchange, SPAN("until"), &query.until_ns)) {
		admin_refuse(exchange, 400, "invalid_time",
		    "since and until must be RFC 3339 times or dates: "
		    "2026-11-23 or 2026-11-23T07:00:00Z.");
		return;
	}
	reading = mem_new(struct reading);
	reading->folder = mem_strdup(gateway->ledger_folder);
	reading->query = query;
	admin_start_job(gateway, exchange, &spend_task, reading);
}
