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
	    [LEDGER_ESCALATED] = "escalated",
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

const char *ledger_source_name(enum ledger_source source)
{
	static const char *const names[] = {
	    [LEDGER_SOURCE_NONE] = NULL,
	    [LEDGER_SOURCE_MEMORY] = "memory",
	    [LEDGER_SOURCE_NEAR] = "near",
	    [LEDGER_SOURCE_REDIS] = "redis",
	    [LEDGER_SOURCE_COALESCED] = "coalesced",
	};

	return names[source];
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

/* A string, or null when <text> is NULL. */
static bool write_text(struct buf *buf, const char *key, const char *text)
{
	if (!text)
		return buf_printf(buf, ",\"%s\":null", key);
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

/* What rows of older versions do not have. */
static bool write_more(const struct ledger_row *row, struct buf *buf)
{
	const struct ledger_reserve *reserve = &row->reserve;
	const struct ledger_settle *settle = &row->settle;
	bool is_known = row->state == LEDGER_SETTLED;
	bool has_task = reserve->task && *reserve->task;
	bool is_own = ledger_id_is_zero(&reserve->answer_of);
	char answer_of[LEDGER_ID_TEXT_MAX];

	ledger_id_format_attempt(&reserve->answer_of, answer_of);
	return write_text(buf, "task", has_task ? reserve->task : NULL) &&
	       write_text(buf, "source", ledger_source_name(reserve->source)) &&
	       write_text(buf, "answer_of", is_own ? NULL : answer_of) &&
	       write_number(buf, "followers", is_known, settle->followers) &&
	       write_number(buf, "first_token_ns",
		   is_known && settle->first_token_ns > 0,
		   settle->first_token_ns) &&
	       write_number(buf, "duration_ns",
		   is_known && settle->duration_ns > 0, settle->duration_ns);
}

bool ledger_row_write_json(const struct ledger_row *row, struct buf *buf)
{
	const struct ledger_reserve *reserve = &row->reserve;
	const struct ledger_settle *settle = &row->settle;
	bool is_known = row->state == LEDGER_SETTLED;

	return write_head(reserve, buf) &&
	       write_text(buf, "state", ledger_state_name(row->state)) &&
	       write_text(buf, "outcome",
		   is_known ? ledger_outcome_name(settle->outcome) : NULL) &&
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
	       write_more(row, buf) && buf_append(buf, SPAN("}"));
}
