/* admin_request.c -- one request: its story, and its attempts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_job.h"

#include <stdlib.h>

enum {
	ANSWER_MAX = 1 << 20,
	ATTEMPTS_MAX = 100
};

/* What the attempts tell of a request that has left the rings. */
struct gist {
	size_t n;
	int64_t utc_ns; /* of the first one's reserve */
	int64_t input_tokens, cached_tokens, output_tokens;
	bool is_estimated;
	int64_t cost_nano, baseline_nano, saved_nano; /* may be unpriced */
	struct ledger_row last; /* its names are in the next */
	char key[LEDGER_NAME_MAX + 1], model[LEDGER_NAME_MAX + 1];
	char rule[LEDGER_NAME_MAX + 1], task[LEDGER_NAME_MAX + 1];
};

struct asking {
	struct ledger_id id;
	char *path;
	char *story; /* what the rings have; NULL: nothing */
	enum result result;
	struct error err;
	struct gist gist;
	struct buf out; /* the list of attempts */
	bool is_full;
};

/* --- one attempt -------------------------------------------------------------
 */

static bool write_text(struct buf *out, const char *name, const char *text)
{
	if (!text || !*text)
		return buf_printf(out, ", \"%s\": null", name);
	return buf_printf(out, ", \"%s\": ", name) &&
	       json_write_string(out, span_of(text));
}

static bool write_number(
    struct buf *out, const char *name, bool is_known, int64_t value)
{
	if (!is_known)
		return buf_printf(out, ", \"%s\": null", name);
	return buf_printf(out, ", \"%s\": %lld", name, (long long)value);
}

static bool write_amount(
    struct buf *out, const char *name, bool is_known, int64_t nano)
{
	return write_number(
	    out, name, is_known && nano != MONEY_UNPRICED, nano);
}

/* Nanoseconds of which 0 and less are not known. */
static bool write_ms(struct buf *out, const char *name, int64_t ns)
{
	return admin_write_ms(name, ns > 0 ? ns : -1, out);
}

static bool write_usage(
    const struct ledger_settle *settle, bool is_known, struct buf *out)
{
	return write_number(
		   out, "input_tokens", is_known, settle->input_tokens) &&
	       write_number(
		   out, "cached_tokens", is_known, settle->cached_tokens) &&
	       write_number(
		   out, "output_tokens", is_known, settle->output_tokens) &&
	       buf_printf(out, ", \"estimated\": %s",
		   settle->is_estimated ? "true" : "false") &&
	       write_amount(
		   out, "cost_nano_usd", is_known, settle->cost_nano) &&
	       write_amount(
		   out, "baseline_nano_usd", is_known, settle->baseline_nano) &&
	       write_amount(
		   out, "saved_nano_usd", is_known, settle->saved_nano);
}

static bool write_names(const struct ledger_reserve *reserve, struct buf *out)
{
	return write_text(out, "model", reserve->model) &&
	       write_text(out, "rule", reserve->rule) &&
	       write_text(out, "task", reserve->task);
}

static bool write_attempt(const struct ledger_row *row, struct buf *out)
{
	const struct ledger_reserve *reserve = &row->reserve;
	const struct ledger_settle *settle = &row->settle;
	bool is_known = row->state == LEDGER_SETTLED;
	char id[LEDGER_ID_TEXT_MAX], answer_of[LEDGER_ID_TEXT_MAX];
	char started[CLOCK_TEXT_MAX];

	ledger_id_format_attempt(&reserve->attempt, id);
	ledger_id_format_attempt(&reserve->answer_of, answer_of);
	clock_format_utc(reserve->utc_ns, started);
	return buf_printf(out, "{\"attempt_id\": \"%s\", \"attempt\": %u", id,
		   reserve->attempt_number) &&
	       write_text(out, "kind", ledger_kind_name(reserve->kind)) &&
	       write_text(out, "source", ledger_source_name(reserve->source)) &&
	       write_text(out, "state", ledger_state_name(row->state)) &&
	       write_text(out, "outcome",
		   is_known ? ledger_outcome_name(settle->outcome) : NULL) &&
	       write_number(out, "status", is_known && settle->status != 0,
		   settle->status) &&
	       write_names(reserve, out) &&
	       write_text(out, "started", started) &&
	       write_ms(out, "first_token_ms", settle->first_token_ns) &&
	       write_ms(out, "duration_ms", settle->duration_ns) &&
	       write_usage(settle, is_known, out) &&
	       write_text(out, "answer_of",
		   ledger_id_is_zero(&reserve->answer_of) ? NULL : answer_of) &&
	       write_number(out, "followers", is_known, settle->followers) &&
	       buf_append(out, SPAN("}"));
}

/* --- the request -------------------------------------------------------------
 */

static void add_amount(int64_t *sum, int64_t nano)
{
	if (*sum == MONEY_UNPRICED || nano == MONEY_UNPRICED)
		*sum = MONEY_UNPRICED;
	else if (__builtin_add_overflow(*sum, nano, sum))
		*sum = nano > 0 ? INT64_MAX : -INT64_MAX;
}

static void keep_name(char *place, const char *name)
{
	struct span text = span_head(span_of(name), LEDGER_NAME_MAX);

	if (text.len > 0)
		memcpy(place, text.ptr, text.len);
	place[text.len] = '\0';
}

static void take_gist(struct gist *gist, const struct ledger_row *row)
{
	const struct ledger_settle *settle = &row->settle;

	if (gist->n++ == 0)
		gist->utc_ns = row->reserve.utc_ns;
	gist->last = *row;
	keep_name(gist->key, row->reserve.key);
	keep_name(gist->model, row->reserve.model);
	keep_name(gist->rule, row->reserve.rule);
	keep_name(gist->task, row->reserve.task);
	if (row->state != LEDGER_SETTLED)
		return;
	gist->input_tokens += settle->input_tokens;
	gist->cached_tokens += settle->cached_tokens;
	gist->output_tokens += settle->output_tokens;
	gist->is_estimated |= settle->is_estimated;
	add_amount(&gist->cost_nano, settle->cost_nano);
	add_amount(&gist->baseline_nano, settle->baseline_nano);
	add_amount(&gist->saved_nano, settle->saved_nano);
}

static bool take_attempt(const struct ledger_row *row, void *arg)
{
	struct asking *asking = arg;

	if (asking->gist.n == ATTEMPTS_MAX)
		return false;
	asking->is_full =
	    asking->is_full ||
	    !((asking->gist.n == 0 || buf_append(&asking->out, SPAN(", "))) &&
		write_attempt(row, &asking->out));
	take_gist(&asking->gist, row);
	return true;
}

static bool write_gist(const struct asking *asking, struct buf *out)
{
	const struct gist *gist = &asking->gist;
	const struct ledger_settle *last = &gist->last.settle;
	bool is_known = gist->last.state == LEDGER_SETTLED;
	const struct ledger_settle sums = {
	    .input_tokens = gist->input_tokens,
	    .cached_tokens = gist->cached_tokens,
	    .output_tokens = gist->output_tokens,
	    .is_estimated = gist->is_estimated,
	    .cost_nano = gist->cost_nano,
	    .baseline_nano = gist->baseline_nano,
	    .saved_nano = gist->saved_nano,
	};
	char ts[CLOCK_TEXT_MAX], id[LEDGER_ID_TEXT_MAX];

	clock_format_utc(gist->utc_ns, ts);
	ledger_id_format_request(&asking->id, id);
	return buf_printf(
		   out, "{\"ts\": \"%s\", \"request_id\": \"%s\"", ts, id) &&
	       write_text(out, "key", gist->key) &&
	       write_text(out, "model", gist->model) &&
	       write_text(out, "rule", gist->rule) &&
	       write_text(out, "task", gist->task) &&
	       write_text(out, "outcome",
		   is_known ? ledger_outcome_name(last->outcome) : NULL) &&
	       write_number(out, "status", is_known && last->status != 0,
		   last->status) &&
	       write_usage(&sums, true, out) &&
	       write_ms(out, "ms", last->duration_ns) &&
	       write_ms(out, "first_token_ms", last->first_token_ns) &&
	       buf_append(out, SPAN(", \"story\": null"));
}

static void find_attempts(void *data)
{
	struct asking *asking = data;

	asking->result = projection_read_attempts(
	    asking->path, &asking->id, take_attempt, asking, &asking->err);
}

/* What is known with the attempts as its last member. */
static bool write_answer(const struct asking *asking, struct buf *out)
{
	struct span story = asking->story ? span_of(asking->story) : SPAN("");
	bool ok;

	if (asking->story)
		ok = buf_append(out, span_head(story, story.len - 1));
	else
		ok = write_gist(asking, out);
	ok = ok && buf_append(out, SPAN(", \"attempts\": "));
	if (asking->result != OK)
		return ok && buf_append(out, SPAN("null}\n"));
	return ok && buf_append(out, SPAN("[")) &&
	       buf_append(out, buf_span(&asking->out)) &&
	       buf_append(out, SPAN("]}\n"));
}

static void answer_request(
    struct gateway *gateway, struct exchange *exchange, void *data)
{
	const struct asking *asking = data;
	struct buf out;

	if (!asking->story && asking->result != OK) {
		admin_refuse_unreadable(gateway, exchange, &asking->err);
		return;
	}
	if (!asking->story && asking->gist.n == 0) {
		admin_refuse(exchange, 404, "unknown_request",
		    "No such request among the latest; older ones are in "
		    "sluice ledger export.");
		return;
	}
	buf_init(&out, ANSWER_MAX);
	if (!asking->is_full && write_answer(asking, &out))
		admin_answer(
		    exchange, 200, SPAN("application/json"), buf_span(&out));
	else
		admin_refuse(exchange, 500, "too_large",
		    "The answer is larger than 1 MiB.");
	buf_free(&out);
}

static void free_asking(void *data)
{
	struct asking *asking = data;

	buf_free(&asking->out);
	free(asking->story);
	free(asking->path);
	free(asking);
}

static const struct admin_task task = {
    .work = find_attempts,
    .answer = answer_request,
    .free = free_asking,
};

void admin_answer_request(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	char text[LEDGER_ID_TEXT_MAX];
	struct asking *asking;
	struct ledger_id id;

	if (!ledger_id_parse(rest, &id)) {
		admin_refuse(exchange, 404, "unknown_request",
		    "A request's id is req_ and 32 hexadecimal digits.");
		return;
	}
	asking = mem_new(struct asking);
	asking->id = id;
	ledger_id_format_request(&id, text);
	asking->story = admin_find_story(gateway, span_of(text));
	asking->path = mem_strdup(gateway->projection_path);
	buf_init(&asking->out, ANSWER_MAX);
	admin_start_job(gateway, exchange, &task, asking);
}
