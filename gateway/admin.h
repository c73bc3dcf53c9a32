/* admin.h -- what the admin port answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

#include "dialect/dialect.h"
#include "gateway/gateway.h"

/*
 * The admin port runs on the control thread. Reading the ledger takes as long
 * as the ledger is, and reading the projection may wait for the disk, so both
 * happen on a job's thread (admin_job.h) whose answer is posted back; an
 * exchange that is over by then is not answered.
 */
typedef void admin_route_fn(
    struct gateway *gateway, struct exchange *exchange, struct span rest);

struct admin_route {
	const char *method;
	const char *path;
	bool is_prefix;
	admin_route_fn *run;
};

admin_route_fn admin_answer_overview, admin_answer_breakdown,
    admin_answer_summary, admin_answer_spend, admin_answer_requests,
    admin_answer_request, admin_answer_page;

void admin_answer(
    struct exchange *exchange, int status, struct span type, struct span body);
void admin_refuse(struct exchange *exchange, int status, const char *code,
    const char *message);

/* 400: <parameter> of the query is not what <message> says. */
void admin_refuse_parameter(
    struct exchange *exchange, const char *parameter, const char *message);

/* 503, logged: the projection could not be read. */
void admin_refuse_unreadable(struct gateway *gateway, struct exchange *exchange,
    const struct error *err);

/* "format" of the query: json, csv, or absent; false: it was refused. */
bool admin_read_format(struct exchange *exchange, bool *is_csv);

/*
 * What the rings have of a request, with its story, as a JSON object; NULL when
 * it has left them. malloc'ed.
 */
char *admin_find_story(struct gateway *gateway, struct span id);

/* , "name": with milliseconds; null for -1. */
bool admin_write_ms(const char *name, int64_t ns, struct buf *out);

/* A table to be saved as <file>. */
void admin_answer_csv(
    struct exchange *exchange, const char *file, struct span body);

/* The exchange is over: whoever works for it must not answer it. */
void admin_forget(struct exchange *exchange);

/* The value of <name> in a query string, percent-decoded in <arena>; ptr NULL
 * when it is not there. */
struct span admin_query(
    struct span query, struct span name, struct arena *arena);

/* "key", "model", "rule", "task" or "day"; false for another word. */
bool spend_parse_by(struct span word, enum ledger_by *by);

/* One sum as a JSON object, with its name or without. */
bool spend_write_sum(
    const struct ledger_sum *sum, bool with_name, struct buf *out);

/* The total and rows as JSON, as `sluice spend --json` prints them. */
bool spend_write_json(
    const struct ledger_spend *spend, bool with_rows, struct buf *out);

#endif
