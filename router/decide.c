/* decide.c -- the decision: a rule, its candidates, and why. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/decide.h"

#include <assert.h>
#include <inttypes.h>

void decide_add_reason(struct decider *d, const char *reason)
{
	if (reason && d->decision->n_reasons < d->max_reasons)
		d->reasons[d->decision->n_reasons++] = reason;
}

/* --- one model ---------------------------------------------------------- */

static bool is_healthy(const struct router_question *q, size_t model)
{
	return !q->load || q->load[model].is_healthy;
}

/* a + b for counts, at most INT64_MAX. */
static int64_t add_tokens(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* Tokens of context that the request asks for: prompt and promised output. */
int64_t decide_context_needed(const struct router_question *q)
{
	int64_t output = q->input->output_limit;

	return add_tokens(q->features->tokens, output > 0 ? output : 0);
}

/*
 * An embedding request is many texts, each with the context to itself, so the
 * sum of its tokens says nothing.
 */
static bool fits(const struct router_question *q, size_t model)
{
	int64_t context = q->models[model].context;

	return context <= 0 || q->features->endpoint == ROUTER_EMBEDDINGS ||
	       decide_context_needed(q) <= context;
}

/* One row a constraint, in the order in which they are applied. */
static const struct need needs[] = {
    {MODEL_NOT_ALLOWED, "this key may not use it",
	"may use none of the models left", "model"},
    {MODEL_NO_ENDPOINT, "it does not serve this endpoint",
	"needs a model that serves its endpoint", "model"},
    {MODEL_NO_TOOLS, "the request has tools, which it does not take",
	"has tools", "tools"},
    {MODEL_NO_JSON, "the request asks for JSON output, which it does not have",
	"asks for JSON output", "response_format"},
    {MODEL_NO_VISION, "the request has images, which it does not read",
	"has images", "messages"},
    {MODEL_NO_AUDIO, "the request has audio, which it does not hear",
	"has audio", "messages"},
};

const struct need *decide_need(enum router_verdict verdict)
{
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (needs[i].verdict == verdict)
			return &needs[i];
	}
	return NULL;
}

static unsigned endpoint_bit(enum router_endpoint endpoint)
{
	switch (endpoint) {
	case ROUTER_COMPLETIONS:
		return CAN_COMPLETIONS;
	case ROUTER_EMBEDDINGS:
		return CAN_EMBEDDINGS;
	case ROUTER_CHAT:
		break;
	}
	return CAN_CHAT;
}

/* The first constraint that a model fails, in the order of the enum. */
static enum router_verdict judge(const struct router_question *q, size_t model)
{
	const struct router_features *f = q->features;
	unsigned can = q->models[model].capabilities;

	if (!decide_may_use(q, model))
		return MODEL_NOT_ALLOWED;
	if (!(can & endpoint_bit(f->endpoint)))
		return MODEL_NO_ENDPOINT;
	if (f->tools && !(can & CAN_TOOLS))
		return MODEL_NO_TOOLS;
	if ((f->json_object || f->json_schema) && !(can & CAN_JSON))
		return MODEL_NO_JSON;
	if (f->images && !(can & CAN_VISION))
		return MODEL_NO_VISION;
	if (f->audio && !(can & CAN_AUDIO))
		return MODEL_NO_AUDIO;
	return fits(q, model) ? MODEL_IN : MODEL_CONTEXT;
}

/*
 * Nano-dollars, or MONEY_UNPRICED: the prompt at the input price and the
 * expected output as often as the client wants answers.
 */
static int64_t estimate_cost(const struct router_question *q, size_t model)
{
	const struct router_model *m = &q->models[model];
	int64_t choices = q->input->choices > 0 ? q->input->choices : 1;
	int64_t output;
	struct money_term terms[2];

	if (__builtin_mul_overflow(
		q->features->expected_output, choices, &output))
		output = INT64_MAX;
	terms[0] = (struct money_term){q->features->tokens, m->input_femto};
	terms[1] = (struct money_term){output, m->output_femto};
	if (q->load && q->load[model].has_price) {
		terms[0].femto_usd = q->load[model].input_femto;
		terms[1].femto_usd = q->load[model].output_femto;
	}
	return money_cost(terms, 2);
}

static const char *explain(
    struct decider *d, size_t model, enum router_verdict verdict)
{
	const struct router_question *q = d->question;
	const struct need *need = decide_need(verdict);

	if (need)
		return need->reason;
	if (verdict == MODEL_IN)
		return is_healthy(q, model)
			   ? "fits the request"
			   : "fits the request, but is unhealthy now: behind "
			     "the healthy ones";
	return decide_text(
	    arena_printf(d->arena,
		"the request needs about %" PRId64
		" tokens of context, it has %" PRId64,
		decide_context_needed(q), q->models[model].context),
	    "the request needs more context than it has");
}

static void add_candidate(
    struct decider *d, size_t model, enum router_verdict verdict)
{
	struct router_decision *decision = d->decision;

	d->candidates[decision->n_candidates++] =
	    (struct router_candidate){.model = model,
		.verdict = verdict,
		.estimated_cost_nano = estimate_cost(d->question, model),
		.reason = explain(d, model, verdict)};
	if (verdict == MODEL_IN)
		decision->n_eligible++;
}

/* --- the two ways ------------------------------------------------------- */

static void decide_pinned(struct decider *d)
{
	const struct router_question *q = d->question;
	struct router_decision *decision = d->decision;
	size_t model =
	    policy_find_model(q->models, q->n_models, q->input->model);

	decision->is_pinned = true;
	decision->rule = "pinned";
	if (model == SIZE_MAX) {
		refuse_unknown(d);
		return;
	}
	decision->baseline = model;
	if (!decide_may_use(q, model)) {
		refuse_not_allowed(d);
		return;
	}
	add_candidate(d, model, MODEL_IN);
	d->candidates[0].reason = "asked for by name";
	decide_add_reason(d,
	    "the client asked for this model by name, so it is the "
	    "only candidate");
}

/* The first rule that matches, NULL for none. */
static const struct policy_rule *find_rule(struct decider *d)
{
	const struct policy *policy = d->question->policy;

	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *rule = &policy->rules[i];
		const char *why = NULL;
		bool matches;

		if (!cel_eval(
			rule->when, d->question, d->arena, &matches, &why)) {
			decide_add_reason(d,
			    decide_text(arena_printf(d->arena,
					    "rule \"%s\" was passed over: %s",
					    rule->name, why),
				"a rule was passed over: its condition "
				"failed"));
			continue;
		}
		if (matches)
			return rule;
	}
	return NULL;
}

/* What holds for a candidate: the rule's word, its own, the policy's. */
static const struct router_escalate *find_escalate(const struct decider *d,
    const struct policy_rule *rule, const struct router_model *model)
{
	const struct policy *policy = d->question->policy;
	const struct router_escalate *found =
	    rule && rule->has_escalate ? &rule->escalate
	    : model->escalate          ? model->escalate
	    : policy->has_escalate     ? &policy->escalate
				       : NULL;

	return model->is_local && found && router_escalates(found) ? found
								   : NULL;
}

static bool is_added(const struct decider *d, size_t model)
{
	for (size_t i = 0; i < d->decision->n_candidates; i++) {
		if (d->candidates[i].model == model)
			return true;
	}
	return false;
}

/* A model that answers here, and behind it who is asked when it is unsure. */
static void add_eligible(
    struct decider *d, const struct policy_rule *rule, size_t model)
{
	const struct router_question *q = d->question;
	const struct router_escalate *escalate =
	    find_escalate(d, rule, &q->models[model]);
	size_t at = d->decision->n_candidates;

	if (is_added(d, model))
		return;
	add_candidate(d, model, MODEL_IN);
	d->candidates[at].escalate = escalate;
	if (!escalate || escalate->to == SIZE_MAX ||
	    is_added(d, escalate->to) || !is_healthy(q, escalate->to) ||
	    judge(q, escalate->to) != MODEL_IN)
		return;
	add_candidate(d, escalate->to, MODEL_IN);
	d->candidates[at + 1].escalate =
	    find_escalate(d, rule, &q->models[escalate->to]);
	d->candidates[at + 1].reason =
	    "is asked when the model before it is unsure";
}

/* The last one's answer is given, however sure it is. */
static void end_escalation(struct decider *d)
{
	struct router_decision *decision = d->decision;

	if (decision->n_eligible > 0)
		d->candidates[decision->n_eligible - 1].escalate = NULL;
}

/* All of <use>: those that are in, healthy before unhealthy, then the rest. */
static void add_candidates(struct decider *d, const struct policy_use *use,
    const struct policy_rule *rule)
{
	const struct router_question *q = d->question;

	for (unsigned pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < use->n; i++) {
			size_t model = use->models[i];
			enum router_verdict verdict = judge(q, model);
			unsigned turn = verdict != MODEL_IN    ? 2
					: is_healthy(q, model) ? 0
							       : 1;

			if (turn != pass)
				continue;
			if (verdict == MODEL_IN)
				add_eligible(d, rule, model);
			else
				add_candidate(d, model, verdict);
		}
	}
	end_escalation(d);
}

/* Without printf: this is written for every request. */
static void add_request_reason(struct decider *d)
{
	const struct router_features *f = d->question->features;
	struct json_out out;
	char text[200];

	json_out_init(&out, text, sizeof(text));
	json_out_raw(&out, SPAN("the request looks like "));
	json_out_raw(&out, span_of(router_task_name(f->task)));
	json_out_raw(&out, SPAN(" (language "));
	json_out_raw(&out, span_of(f->language));
	json_out_raw(&out, SPAN("), about "));
	json_out_int(&out, f->tokens);
	json_out_raw(&out, SPAN(" tokens, difficulty "));
	json_out_decimal(&out, (int64_t)(f->difficulty * 100 + 0.5), 2);
	decide_add_reason(d, arena_copy(d->arena, json_out_text(&out)).ptr);
}

static void add_rule_reason(struct decider *d, const struct policy_rule *rule)
{
	struct json_out out;
	char text[600];

	json_out_init(&out, text, sizeof(text));
	json_out_raw(&out, SPAN("rule \""));
	json_out_raw(&out, span_of(rule->name));
	json_out_raw(&out, SPAN("\" matches: "));
	json_out_raw(&out, span_head(span_of(rule->condition), 500));
	decide_add_reason(d, arena_copy(d->arena, json_out_text(&out)).ptr);
}

static void decide_auto(struct decider *d)
{
	const struct router_question *q = d->question;
	struct router_decision *decision = d->decision;
	const struct policy_use *use = &q->policy->use;
	const struct policy_rule *rule;

	decision->rule = "default";
	decision->baseline = q->policy->baseline;
	if (!q->caller->may_auto) {
		refuse_not_allowed(d);
		return;
	}
	add_request_reason(d);
	rule = find_rule(d);
	if (rule) {
		decision->rule = rule->name;
		decision->cache = rule->cache;
		decision->coalesces = rule->coalesces;
		if (rule->use.n > 0)
			use = &rule->use;
		add_rule_reason(d, rule);
	} else {
		decide_add_reason(
		    d, q->policy->n_rules > 0
			   ? "no rule matches: the policy's own models"
			   : "the policy has no rules: its own models");
	}
	add_candidates(d, use, rule);
	if (decision->n_eligible == 0) {
		refuse_no_candidate(d);
		return;
	}
	if (!is_healthy(q, d->candidates[0].model))
		decide_add_reason(d,
		    "every candidate is unhealthy; the first is "
		    "tried all the same");
	else if (d->candidates[0].model != use->models[0])
		decide_add_reason(d,
		    "better-placed candidates are out or unhealthy; "
		    "each says why");
}

void router_decide(const struct router_question *question, struct arena *arena,
    struct router_decision *decision)
{
	const struct policy *policy = question->policy;
	struct decider d = {
	    .question = question, .arena = arena, .decision = decision};

	*decision = (struct router_decision){.outcome = ROUTER_DECIDED,
	    .rule = "default",
	    .cache = policy ? policy->cache : POLICY_CACHE_AUTO,
	    .coalesces = !policy || policy->coalesces};
	/* The policy's indices are those of this very array. */
	assert(!policy || policy->n_models == question->n_models);
	d.max_reasons = 5 + (policy ? policy->n_rules : 0);
	d.reasons = arena_alloc(arena, d.max_reasons * sizeof(d.reasons[0]));
	d.candidates = arena_alloc(
	    arena, (question->n_models + 1) * sizeof(d.candidates[0]));
	if (!d.reasons || !d.candidates) {
		d.max_reasons = 0;
		refuse_memory(&d);
		return;
	}
	decision->reasons = d.reasons;
	decision->candidates = d.candidates;
	if (policy && span_eq(question->input->model, SPAN("auto")))
		decide_auto(&d);
	else
		decide_pinned(&d);
}
