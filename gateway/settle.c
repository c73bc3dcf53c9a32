/* settle.c -- what an attempt cost, and who is told. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/keep.h"
#include "gateway/source.h"

#include <stdatomic.h>

/* Whether the client got an answer out of this attempt, or part of one. */
static bool has_delivered(
    const struct request *request, enum ledger_outcome outcome)
{
	return outcome == LEDGER_COMPLETED || request->attempt.saw_content;
}

/*
 * The usage to bill: the upstream's own where it gave one, an explicit 0
 * included. Without one, what was seen is counted and marked: an answer that
 * said something, or was being made when its client left, used its prompt. An
 * error answer used nothing. Where the request was sent and no answer came, 0
 * is only a lower limit, and marked.
 */
static struct ledger_usage find_usage(const struct request *request,
    enum ledger_outcome outcome, bool *is_estimated)
{
	const struct attempt *attempt = &request->attempt;
	const struct dialect_usage *said = &attempt->usage;
	bool counts =
	    has_delivered(request, outcome) ||
	    (outcome == LEDGER_CLIENT_GONE && source_was_asked(attempt));
	struct ledger_usage usage = {0};

	*is_estimated = said->is_odd;
	if (said->has_input) {
		usage.input_tokens = said->input_tokens;
		usage.cached_tokens = said->cached_tokens;
	} else if (counts) {
		usage.input_tokens = request->features.tokens;
		*is_estimated = true;
	}
	if (said->has_output) {
		usage.output_tokens = said->output_tokens;
	} else if (counts) {
		usage.output_tokens = attempt->output_estimate;
		*is_estimated = true;
	}
	/* A running usage is a lower limit once the stream was cut. */
	if (outcome != LEDGER_COMPLETED && outcome != LEDGER_REFUSED) {
		bool is_final = attempt->saw_finish && said->has_output;

		if (!is_final && usage.output_tokens < attempt->output_estimate)
			usage.output_tokens = attempt->output_estimate;
		*is_estimated |= source_was_asked(attempt) && !is_final;
	}
	return usage;
}

/* The engine counts what it computes, whatever way that ends. */
static struct ledger_usage usage_here(const struct local_call_use *use)
{
	return (struct ledger_usage){
	    .input_tokens = use->prompt_tokens - use->cached_tokens,
	    .cached_tokens = use->cached_tokens,
	    .output_tokens = use->output_tokens,
	};
}

/* By its tokens, or by the time that it took where those have no price. */
static int64_t cost_of(const struct config_model *model,
    const struct ledger_usage *usage, const struct local_call_use *use)
{
	bool has_price = model->price.input_femto != MONEY_UNPRICED ||
			 model->price.output_femto != MONEY_UNPRICED;

	if (use && !has_price && model->local->power.is_there)
		return local_cost_nano(model->local, use->busy_ns, true);
	return ledger_cost(&model->price, usage);
}

/* What holding an answer back has cost, and whether it was given up. */
static void note_hold(struct request *request, const struct local_call_use *use)
{
	struct attempt *attempt = &request->attempt;
	struct upstream *upstream = attempt->upstream;

	if (use->held_ns == 0 && use->confidence < 0)
		return;
	request->escalation = (struct escalation){
	    .model = attempt->model->name,
	    .why = use->given_up,
	    .confidence = use->confidence,
	    .held_ns = use->held_ns,
	};
	metric_observe(upstream->held, use->held_ns);
	if (use->given_up)
		metric_add(
		    metrics_get(request->worker->metrics, METRIC_ESCALATIONS,
			(const char *const[]){upstream->name, use->given_up}),
		    1);
}

static void note_mask(struct request *request, const struct local_call_use *use)
{
	request->masking = (struct masking){
	    .is_there = use->removed >= 0,
	    .removed = use->removed,
	};
}

static void add_money(int64_t *sum, int64_t amount)
{
	if (*sum == MONEY_UNPRICED || amount == MONEY_UNPRICED)
		*sum = MONEY_UNPRICED;
	else
		*sum += amount;
}

void amounts_add(struct amounts *sum, const struct amounts *more)
{
	sum->input_tokens += more->input_tokens;
	sum->cached_tokens += more->cached_tokens;
	sum->output_tokens += more->output_tokens;
	sum->is_estimated |= more->is_estimated;
	add_money(&sum->cost_nano, more->cost_nano);
	add_money(&sum->baseline_nano, more->baseline_nano);
	add_money(&sum->saved_nano, more->saved_nano);
}

/*
 * An engine that is full, loading or asked for what it cannot do is not one
 * that is broken, and one that was unsure has done its work.
 */
static void tell_local_breaker(
    const struct attempt *attempt, enum ledger_outcome outcome, int64_t now_ns)
{
	if (outcome == LEDGER_UPSTREAM_DIED)
		upstream_failed(attempt->upstream,
		    &attempt->model->provider->breaker, now_ns);
	else if (outcome == LEDGER_COMPLETED || outcome == LEDGER_ESCALATED)
		upstream_succeeded(attempt->upstream);
	else
		upstream_said_nothing(attempt->upstream);
}

static void tell_breaker(
    const struct attempt *attempt, enum ledger_outcome outcome, int64_t now_ns)
{
	const struct config_breaker *settings =
	    &attempt->model->provider->breaker;
	int status = attempt->status;
	bool is_credential = status == 401 || status == 403;

	if (!attempt->is_probe && !upstream_is_closed(attempt->upstream))
		return;
	if (attempt->model->local) {
		tell_local_breaker(attempt, outcome, now_ns);
		return;
	}
	/* Refused without a status: by ourselves, before it was sent. */
	if (outcome == LEDGER_CLIENT_GONE ||
	    (outcome == LEDGER_REFUSED && status == 0))
		upstream_said_nothing(attempt->upstream);
	else if (outcome == LEDGER_UPSTREAM_DIED ||
		 outcome == LEDGER_TIMED_OUT || status >= 500 ||
		 is_credential || (status >= 300 && status < 400))
		upstream_failed(attempt->upstream, settings, now_ns);
	else if (status == 408 || status == 409 || status == 429)
		upstream_said_nothing(attempt->upstream);
	else
		upstream_succeeded(attempt->upstream);
}

static void count(struct upstream *upstream, const struct ledger_settle *settle)
{
	metric_add(upstream->attempts[settle->outcome], 1);
	metric_add(upstream->input, settle->input_tokens);
	metric_add(upstream->cached, settle->cached_tokens);
	metric_add(upstream->output, settle->output_tokens);
	if (settle->is_estimated)
		metric_add(upstream->estimated, 1);
	if (settle->cost_nano == MONEY_UNPRICED) {
		metric_add(upstream->unpriced, 1);
		return;
	}
	metric_add(upstream->cost, settle->cost_nano);
	if (settle->baseline_nano == MONEY_UNPRICED)
		return;
	metric_add(upstream->baseline, settle->baseline_nano);
	metric_add(upstream->saved, settle->saved_nano);
}

/* What the same usage would have cost where the policy compares. */
static int64_t baseline_cost(const struct request *request,
    const struct ledger_usage *usage, int64_t cost_nano)
{
	const struct config *config = request->config;
	size_t baseline = request->decision.baseline;

	if (request->decision.is_pinned ||
	    request->attempt.model_index == baseline)
		return cost_nano;
	return ledger_cost(&config->models[baseline].price, usage);
}

static void tally(struct amounts *sum, const struct ledger_settle *settle)
{
	amounts_add(sum, &(struct amounts){
			     .input_tokens = settle->input_tokens,
			     .cached_tokens = settle->cached_tokens,
			     .output_tokens = settle->output_tokens,
			     .is_estimated = settle->is_estimated,
			     .cost_nano = settle->cost_nano,
			     .baseline_nano = settle->baseline_nano,
			     .saved_nano = settle->saved_nano,
			 });
}

static void land(struct upstream *upstream)
{
	atomic_fetch_sub_explicit(
	    &upstream->in_flight, 1, memory_order_relaxed);
	metric_add(upstream->flight, -1);
}

void attempt_settle(struct request *request, enum ledger_outcome outcome)
{
	struct attempt *attempt = &request->attempt;
	bool is_estimated;
	struct local_call_use use;
	struct ledger_usage usage;
	struct ledger_settle settle;

	if (!request->has_attempt || !attempt->is_reserved ||
	    attempt->is_settled)
		return;
	attempt->is_settled = true;
	request->outcome = outcome;
	if (attempt->local) {
		local_call_use(attempt->local, &use);
		usage = usage_here(&use);
		is_estimated = false;
		note_hold(request, &use);
		note_mask(request, &use);
	} else {
		usage = find_usage(request, outcome, &is_estimated);
	}
	attempt->billed = usage;
	attempt->is_estimated = is_estimated;
	settle = (struct ledger_settle){
	    .attempt = attempt->id,
	    .utc_ns = clock_utc_ns(),
	    .outcome = outcome,
	    .status = attempt->status,
	    .input_tokens = usage.input_tokens,
	    .cached_tokens = usage.cached_tokens,
	    .output_tokens = usage.output_tokens,
	    .is_estimated = is_estimated,
	    .cost_nano =
		cost_of(attempt->model, &usage, attempt->local ? &use : NULL),
	};
	/* An attempt that answered nobody saved nothing. */
	if (has_delivered(request, outcome) || outcome == LEDGER_CLIENT_GONE)
		settle.baseline_nano =
		    baseline_cost(request, &usage, settle.cost_nano);
	request_measure(request, &settle);
	if (keep_leads(request))
		settle.followers = flight_attended(request->cache.seat);
	settle.saved_nano = money_saved(settle.baseline_nano, settle.cost_nano);
	ledger_settle(request->worker->ledger, &settle);

	tally(&request->amounts, &settle);
	count(attempt->upstream, &settle);
	tell_breaker(attempt, outcome, loop_now_ns(request->worker->loop));
	land(attempt->upstream);
}
