/* row.c -- a row's words and its line in the export. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>

#include "ledger/ledger.h"

const char *ledger_kind_name(enum ledger_kind kind)
{
	static const char *const names[] = {
	    [LEDGER_UPSTREAM] = "upstream",
	    [LEDGER_LOCAL] = "local",
	    [LEDGER_CACHE_HIT] = "cache_hit",
	};

	return names[kind];
}

const char *ledger_outcome_name(enum ledger_outcome outcome)
{
	static const char *const names[] = {
	    [LEDGER_COMPLETED] = "completed",
	    [LEDGER_CLIENT_GONE] = "client_gone",
	    [LEDGER_UPSTREAM_DIED] = "upstream_died",
	    [LEDGER_TIMED_OUT] = "timed_out",
	    [LEDGER_REFUSED] = "refused",
	};

	return names[outcome];
}

const char *ledger_state_name(enum ledger_state state)
{
	static const char *const names[] = {
	    [LEDGER_RESERVED] = "reserved",
	    [LEDGER_SETTLED] = "settled",
	    [LEDGER_UNKNOWN] = "unknown",
	};

	return names[state];
}

const char *ledger_damage_name(enum ledger_damage_kind kind)
{
	static const char *const names[] = {
	    [LEDGER_TORN_TAIL] = "torn_tail",
	    [LEDGER_CORRUPT] = "corrupt",
	    [LEDGER_BAD_HEADER] = "bad_header",
	    [LEDGER_MISSING] = "missing",
	};

	return names[kind];
}

static bool write_text(struct buf *buf, const char *key, const char *text)
{
	return buf_printf(buf, ",\"%s\":", key) &&
	       json_write_string(buf, span_of(text));
}

/* A number, or null when it is not known. */
static bool write_number(
    struct buf *buf, const char *key, bool is_known, int64_t value)
{
	if (!is_known)
		return buf_printf(buf, ",\"%s\":null", key);
	return buf_printf(buf, ",\"%s\":%" PRId64, key, value);
}

static bool write_amount(
    struct buf *buf, const char *key, bool is_known, int64_t nano)
{
	return write_number(buf, key, is_known && nano != MONEY_UNPRICED, nano);
}

static bool write_head(const struct ledger_reserve *reserve, struct buf *buf)
{
	char ts[CLOCK_TEXT_MAX];
	char request[LEDGER_ID_TEXT_MAX], attempt[LEDGER_ID_TEXT_MAX];

	clock_format_utc(reserve->utc_ns, ts);
	ledger_id_format_request(&reserve->request, request);
	ledger_id_format_attempt(&reserve->attempt, attempt);
	return buf_printf(buf,
	    "{\"ts\":\"%s\",\"request_id\":\"%s\",\"attempt_id\":\"%s\","
	    "\"attempt\":%" PRIu32 ",\"kind\":\"%s\"",
	    ts, request, attempt, reserve->attempt_number,
	    ledger_kind_name(reserve->kind));
}

bool ledger_row_write_json(const struct ledger_row *row, struct buf *buf)
{
	const struct ledger_reserve *reserve = &row->reserve;
	const struct ledger_settle *settle = &row->settle;
	bool is_known = row->state == LEDGER_SETTLED;

	return write_head(reserve, buf) &&
	       write_text(buf, "state", ledger_state_name(row->state)) &&
	       (is_known ? write_text(buf, "outcome",
			       ledger_outcome_name(settle->outcome))
			 : buf_append(buf, SPAN(",\"outcome\":null"))) &&
	       write_number(buf, "status", is_known && settle->status != 0,
		   settle->status) &&
	       write_text(buf, "key", reserve->key) &&
	       write_text(buf, "model", reserve->model) &&
	       write_text(buf, "rule", reserve->rule) &&
	       write_number(
		   buf, "input_tokens", is_known, settle->input_tokens) &&
	       write_number(
		   buf, "cached_tokens", is_known, settle->cached_tokens) &&
	       write_number(
		   buf, "output_tokens", is_known, settle->output_tokens) &&
	       buf_printf(buf, ",\"estimated\":%s",
		   is_known && settle->is_estimated ? "true" : "false") &&
	       write_amount(
		   buf, "cost_nano_usd", is_known, settle->cost_nano) &&
	       write_amount(
		   buf, "baseline_nano_usd", is_known, settle->baseline_nano) &&
	       write_amount(
		   buf, "saved_nano_usd", is_known, settle->saved_nano) &&
	       buf_append(buf, SPAN("}"));
}
