/* admin.h -- what the admin port answers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ADMIN_H
#define GATEWAY_ADMIN_H

#include "dialect/dialect.h"
#include "gateway/gateway.h"

/*
 * The admin port runs on the control thread. Reading the ledger takes as long
 * as the ledger is, so it happens on a thread of its own whose answer is
 * posted back; an exchange that is over by then is not answered.
 */
typedef void admin_route_fn(
    struct gateway *gateway, struct exchange *exchange, struct span rest);

struct admin_route {
	const char *method;
	const char *path;
	bool is_prefix;
	admin_route_fn *run;
};

admin_route_fn admin_answer_summary, admin_answer_spend, admin_answer_requests,
    admin_answer_request, admin_answer_page;

void admin_answer(
    struct exchange *exchange, int status, struct span type, struct span body);
void admin_refuse(struct exchange *exchange, int status, const char *code,
    const char *message);

/* The exchange is over: whoever works for it must not answer it. */
void admin_forget(struct exchange *exchange);

/* The value of <name> in a query string, percent-decoded in <arena>; ptr NULL
 * when it is not there. */
struct span admin_query(
    struct span query, struct span name, struct arena *arena);

/* "key", "model", "rule" or "day"; false for another word. */
bool spend_parse_by(struct span word, enum ledger_by *by);

/* The total and rows as JSON, as `sluice spend --json` prints them. */
bool spend_write_json(
    const struct ledger_spend *spend, bool with_rows, struct buf *out);

#endif
