/* admin_range.h -- the time and the filters that a page asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ADMIN_RANGE_H
#define GATEWAY_ADMIN_RANGE_H

#include "gateway/admin.h"
#include "ledger/projection.h"

/*
 * since and until (RFC 3339) or range (15m, 1h, ...), and key, model, rule,
 * task by their exact names; what is absent or empty does not filter. The
 * names are the range's own, so that it can go to another thread.
 */
struct admin_range {
	struct projection_query query;
	char *names[PROJECTION_DIMS];
};

/* False when the exchange was refused: a parameter is not what it must be. */
bool admin_read_range(struct exchange *exchange, struct admin_range *range);
void admin_free_range(struct admin_range *range);

/* "key", "model", "rule", "task"; false for another word. */
bool admin_parse_dim(struct span word, enum projection_dim *dim);
const char *admin_dim_name(enum projection_dim dim);

/* "2026-11-23T07:19:13Z" into <text> of CLOCK_TEXT_MAX bytes. */
void admin_format_second(int64_t second, char *text);

/* Members, each with its comma, of a sum and of its percentiles. */
bool admin_write_sum(const struct projection_sum *sum, struct buf *out);
bool admin_write_first_token(const struct projection_sum *sum, struct buf *out);
bool admin_write_duration(const struct projection_sum *sum, struct buf *out);

#endif
