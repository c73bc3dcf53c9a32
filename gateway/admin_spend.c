/* admin_spend.c -- spend and summary: the ledger read on a thread of its own.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "gateway/admin.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	ANSWER_MAX = 8 << 20
};

/*
 * A job belongs to its exchange until that is over, and to its thread until it
 * has posted its result: whoever is last frees it.
 */
struct job {
	struct exchange *exchange; /* NULL once it is over */
	struct gateway *gateway;
	char *folder;
	struct ledger_query query;
	bool is_summary;
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

static bool write_sum(
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
		  write_sum(&spend->total, false, out);

	if (with_rows) {
		ok = ok && buf_append(out, SPAN(", \"rows\": ["));
		for (size_t i = 0; ok && i < spend->n_rows; i++)
			ok = (i == 0 || buf_append(out, SPAN(", "))) &&
			     write_sum(&spend->rows[i], true, out);
		ok = ok && buf_append(out, SPAN("]"));
	}
	return ok && buf_append(out, SPAN("}"));
}

static bool write_summary(const struct job *job, struct buf *out)
{
	const struct gateway *gateway = job->gateway;
	char since[CLOCK_TEXT_MAX];

	clock_format_utc(gateway->started_utc_ns, since);
	return buf_printf(out,
		   "{\"version\": \"" PACKAGE_VERSION "\", \"started\": "
		   "\"%s\", \"generation\": %llu, \"policy\": ",
		   since,
		   (unsigned long long)gateway->snapshot->config->generation) &&
	       json_write_string(out,
		   span_of(policy_name(gateway->snapshot->config->policy))) &&
	       buf_append(out, SPAN(", \"spend\": ")) &&
	       write_sum(&job->spend.total, false, out) &&
	       buf_append(out, SPAN("}\n"));
}

static void answer(struct job *job)
{
	struct buf out;
	bool ok;

	if (job->result != OK) {
		log_error(NULL, "spend_failed", "why=\"%s\"", job->err.text);
		admin_refuse(job->exchange, 500, "ledger_unreadable",
		    "The ledger could not be read; see the log.");
		return;
	}
	buf_init(&out, ANSWER_MAX);
	if (job->is_summary)
		ok = write_summary(job, &out);
	else
		ok = spend_write_json(&job->spend,
			 job->query.by != LEDGER_BY_NOTHING, &out) &&
		     buf_append(&out, SPAN("\n"));
	if (ok)
		admin_answer(job->exchange, 200, SPAN("application/json"),
		    buf_span(&out));
	else
		admin_refuse(job->exchange, 500, "too_large",
		    "The answer is larger than 8 MiB; ask for less time.");
	buf_free(&out);
}

/* On the control loop: the thread has ended. */
static void on_result(void *arg)
{
	struct job *job = arg;

	if (job->exchange) {
		exchange_set_user(job->exchange, NULL);
		answer(job);
	}
	if (--job->gateway->jobs == 0 && job->gateway->is_stopping)
		loop_stop(job->gateway->loop);
	ledger_spend_free(&job->spend);
	free(job->folder);
	free(job);
}

static void *work(void *arg)
{
	struct job *job = arg;

	job->result =
	    ledger_spend(job->folder, &job->query, &job->spend, &job->err);
	loop_post(job->gateway->loop, on_result, job);
	return NULL;
}

void admin_forget(struct exchange *exchange)
{
	struct job *job = exchange_user(exchange);

	if (job)
		job->exchange = NULL;
}

static void start(struct job *job, struct exchange *exchange)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int failed;

	if (job->gateway->is_stopping || job->gateway->jobs >= ADMIN_JOBS_MAX) {
		free(job);
		admin_refuse(exchange, 429, "busy",
		    "Other readings of the ledger are under way; try again.");
		return;
	}
	job->exchange = exchange;
	job->folder = mem_strdup(job->gateway->ledger_folder);
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	failed = pthread_create(&thread, &attributes, work, job);
	pthread_attr_destroy(&attributes);
	if (failed) {
		free(job->folder);
		free(job);
		admin_refuse(exchange, 500, "no_thread",
		    "No thread could be started to read the ledger.");
		return;
	}
	job->gateway->jobs++;
	exchange_set_user(exchange, job);
}

void admin_answer_summary(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct job *job = mem_new(struct job);

	(void)rest;
	job->gateway = gateway;
	job->is_summary = true;
	start(job, exchange);
}

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
	struct job *job;

	(void)rest;
	if (by.len > 0 && !spend_parse_by(by, &query.by)) {
		admin_refuse(exchange, 400, "invalid_by",
		    "by must be key, model, rule or day.");
		return;
	}
	if (!read_time(exchange, SPAN("since"), &query.since_ns) ||
	    !read_time(exchange, SPAN("until"), &query.until_ns)) {
		admin_refuse(exchange, 400, "invalid_time",
		    "since and until must be RFC 3339 times or dates: "
		    "2026-11-23 or 2026-11-23T07:00:00Z.");
		return;
	}
	job = mem_new(struct job);
	job->gateway = gateway;
	job->query = query;
	start(job, exchange);
}
