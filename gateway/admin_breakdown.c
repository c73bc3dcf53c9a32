/* admin_breakdown.c -- the page's tables: by model, rule, key and task. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_job.h"
#include "gateway/admin_range.h"
#include "gateway/csv.h"

#include <stdio.h>
#include <stdlib.h>

enum {
	ANSWER_MAX = 8 << 20
};

struct asking {
	struct admin_range range;
	enum projection_dim by;
	bool is_csv;
	char *path;
	enum result result;
	struct error err;
	struct buf out;
	bool is_written;
};

static bool write_row(const struct projection_row *row, struct buf *out)
{
	return buf_append(out, SPAN("{\"name\": ")) &&
	       json_write_string(out, span_of(row->name)) &&
	       buf_append(out, SPAN(", ")) && admin_write_sum(&row->sum, out) &&
	       admin_write_first_token(&row->sum, out) &&
	       buf_append(out, SPAN("}"));
}

static bool write_json(const struct projection_table *table,
    enum projection_dim by, struct buf *out)
{
	bool ok =
	    buf_printf(out, "{\"by\": \"%s\", \"rows\": [", admin_dim_name(by));

	for (size_t i = 0; ok && i < table->n; i++)
		ok = (i == 0 || buf_append(out, SPAN(",\n"))) &&
		     write_row(&table->rows[i], out);
	return ok && buf_append(out, SPAN("]}\n"));
}

static bool write_csv(const struct projection_table *table, struct buf *out)
{
	static const char *const columns[] = {"name", "requests", "cache_hits",
	    "errors", "cost_nano_usd", "baseline_nano_usd", "saved_nano_usd",
	    "unknown", "estimated", "unpriced", "escalated", "input_tokens",
	    "cached_tokens", "output_tokens", "first_token_p50_ms",
	    "first_token_p95_ms"};
	struct csv csv;

	csv_init(&csv, out);
	csv_row(&csv, columns, sizeof(columns) / sizeof(columns[0]));
	for (size_t i = 0; i < table->n; i++) {
		const struct projection_sum *sum = &table->rows[i].sum;

		csv_text(&csv, span_of(table->rows[i].name));
		csv_int(&csv, sum->requests);
		csv_int(&csv, sum->cache_hits);
		csv_int(&csv, sum->errors);
		csv_int(&csv, sum->cost_nano);
		csv_int(&csv, sum->baseline_nano);
		csv_int(&csv, sum->saved_nano);
		csv_int(&csv, sum->unknown);
		csv_int(&csv, sum->estimated);
		csv_int(&csv, sum->unpriced);
		csv_int(&csv, sum->escalated);
		csv_int(&csv, sum->input_tokens);
		csv_int(&csv, sum->cached_tokens);
		csv_int(&csv, sum->output_tokens);
		csv_ms(&csv, sum->first_token_p50_ns);
		csv_ms(&csv, sum->first_token_p95_ns);
		csv_end_row(&csv);
	}
	return !csv.is_full;
}

static void find_table(void *data)
{
	struct asking *asking = data;
	struct projection_table table;

	asking->result = projection_read_table(asking->path,
	    &asking->range.query, asking->by, &table, &asking->err);
	if (asking->result != OK)
		return;
	asking->is_written = asking->is_csv
				 ? write_csv(&table, &asking->out)
				 : write_json(&table, asking->by, &asking->out);
	projection_free_table(&table);
}

static void answer_table(
    struct gateway *gateway, struct exchange *exchange, void *data)
{
	const struct asking *asking = data;
	char file[64];

	snprintf(
	    file, sizeof(file), "sluice-by-%s.csv", admin_dim_name(asking->by));
	if (asking->result != OK)
		admin_refuse_unreadable(gateway, exchange, &asking->err);
	else if (!asking->is_written)
		admin_refuse(exchange, 500, "too_large",
		    "The answer is larger than 8 MiB; ask for less time.");
	else if (asking->is_csv)
		admin_answer_csv(exchange, file, buf_span(&asking->out));
	else
		admin_answer(exchange, 200, SPAN("application/json"),
		    buf_span(&asking->out));
}

static void free_asking(void *data)
{
	struct asking *asking = data;

	admin_free_range(&asking->range);
	buf_free(&asking->out);
	free(asking->path);
	free(asking);
}

static const struct admin_task task = {
    .work = find_table,
    .answer = answer_table,
    .free = free_asking,
};

void admin_answer_breakdown(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	struct span query = exchange_request(exchange)->query;
	struct arena *arena = exchange_arena(exchange);
	struct admin_range range;
	struct asking *asking;
	enum projection_dim by;
	bool is_csv;

	(void)rest;
	if (!admin_parse_dim(admin_query(query, SPAN("by"), arena), &by)) {
		admin_refuse_parameter(
		    exchange, "by", "by must be model, rule, key or task.");
		return;
	}
	if (!admin_read_format(exchange, &is_csv) ||
	    !admin_read_range(exchange, &range))
		return;
	asking = mem_new(struct asking);
	asking->range = range;
	asking->by = by;
	asking->is_csv = is_csv;
	asking->path = mem_strdup(gateway->projection_path);
	buf_init(&asking->out, ANSWER_MAX);
	admin_start_job(gateway, exchange, &task, asking);
}
