/* decide.c -- the decision: a rule, its candidates, and why. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/policy.h"

#include <assert.h>
#include <inttypes.h>

/*
 * Memory: one array of candidates and one of reasons, taken before a condition
 * can use the arena up, and a few sentences. A sentence that no longer fits is
 * replaced by a constant one; the decision itself never depends on it.
 */
struct decider {
	const struct router_question *question;
	struct arena *arena;
	struct router_decision *decision;
	struct router_candidate *candidates; /* (n_models) */
	const char **reasons;                /* (max_reasons) */
	size_t max_reasons;
};

#define NAME_SHOWN 100 /* bytes of a client's text that a message repeats */

/* A sentence, or <otherwise> when the arena could not hold it. */
static const char *text_or(const char *text, const char *otherwise)
{
	return text ? text : otherwise;
}

static void add_reason(struct decider *d, const char *reason)
{
	if (reason && d->decision->n_reasons < d->max_reasons)
		d->reasons[d->decision->n_reasons++] = reason;
}

/* <s> cut to what a message repeats, between two characters. */
static struct span shown(struct span s)
{
	size_t len = NAME_SHOWN;

	if (s.len <= len)
		return s;
	while (len > 0 && ((unsigned char)s.ptr[len] & 0xc0) == 0x80)
		len--;
	return span_head(s, len);
}

/* --- one model ---------------------------------------------------------- */

static bool may_use(const struct router_question *q, size_t model)
{
	return !q->caller->may_use || q->caller->may_use[model];
}

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
static int64_t context_needed(const struct router_question *q)
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
	       context_needed(q) <= context;
}

/* One row a constraint, in the order in which they are applied. */
static const struct need {
	enum router_verdict verdict;
	const char *reason; /* why the model is out */
	const char *what;   /* what the request is or has */
	const char *param;
} needs[] = {
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

/* The needs' row of a verdict; NULL for MODEL_IN and MODEL_CONTEXT. */
static const struct need *need_of(enum router_verdict verdict)
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

	if (!may_use(q, model))
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
	return money_cost(terms, 2);
}

static const char *explain(
    struct decider *d, size_t model, enum router_verdict verdict)
{
	const struct router_question *q = d->question;
	const struct need *need = need_of(verdict);

	if (need)
		return need->reason;
	if (verdict == MODEL_IN)
		return is_healthy(q, model)
			   ? "fits the request"
			   : "fits the request, but is unhealthy now: behind "
			     "the healthy ones";
	return text_or(arena_printf(d->arena,
			   "the request needs about %" PRId64
			   " tokens of context, it has %" PRId64,
			   context_needed(q), q->models[model].context),
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

/* --- refusals ----------------------------------------------------------- */

static void refuse(struct decider *d, enum router_outcome outcome,
    const char *code, const char *param, const char *message)
{
	d->decision->outcome = outcome;
	d->decision->error_code = code;
	d->decision->error_param = param;
	d->decision->error_message = message;
	add_reason(d, message);
}

/* Whether <part> stands somewhere in <s>, ASCII case ignored. */
static bool contains_nocase(struct span s, struct span part)
{
	for (size_t i = 0; part.len > 0 && i + part.len <= s.len; i++) {
		if (span_eq_nocase(span_head(span_from(s, i), part.len), part))
			return true;
	}
	return false;
}

#define NEAR_MAX 3

/*
 * Up to NEAR_MAX names that the caller may use and may have meant: those that
 * contain what was asked, then the nearest by spelling. Clobbers <names> (n).
 */
static size_t find_near(
    struct span wanted, const char **names, size_t n, const char **near)
{
	size_t found = 0;
	size_t i = 0;

	while (i < n && found < NEAR_MAX && wanted.len >= 3) {
		if (contains_nocase(span_of(names[i]), wanted)) {
			near[found++] = names[i];
			names[i] = names[--n];
		} else {
			i++;
		}
	}
	while (found < NEAR_MAX) {
		const char *name = mistakes_nearest(wanted, names, n);

		if (!name)
			break;
		near[found++] = name;
		for (i = 0; names[i] != name;)
			i++;
		names[i] = names[--n];
	}
	return found;
}

static void refuse_unknown(struct decider *d)
{
	const struct router_question *q = d->question;
	struct span wanted = shown(q->input->model);
	const char **names =
	    arena_alloc(d->arena, (q->n_models + 1) * sizeof(names[0]));
	const char *near[NEAR_MAX];
	const char *list = "";
	const char *message;
	size_t n = 0;

	for (size_t i = 0; names && i < q->n_models; i++) {
		if (may_use(q, i))
			names[n++] = q->models[i].name;
	}
	if (names && q->policy && q->caller->may_auto)
		names[n++] = "auto";
	n = names ? find_near(wanted, names, n, near) : 0;
	for (size_t i = 0; i < n; i++)
		list = text_or(arena_printf(d->arena, "%s%s\"%s\"", list,
				   i == 0       ? ""
				   : i + 1 == n ? " or "
						: ", ",
				   near[i]),
		    list);
	if (n > 0)
		message = arena_printf(d->arena,
		    "The model \"%.*s\" does not exist; did you mean %s?",
		    SPAN_FMT(wanted), list);
	else
		message = arena_printf(d->arena,
		    "The model \"%.*s\" does not exist; GET /v1/models lists "
		    "those that do.",
		    SPAN_FMT(wanted));
	refuse(d, ROUTER_UNKNOWN_MODEL, "model_not_found", "model",
	    text_or(message, "The model does not exist."));
}

static void refuse_not_allowed(struct decider *d)
{
	struct span wanted = shown(d->question->input->model);

	refuse(d, ROUTER_NOT_ALLOWED, "model_not_allowed", "model",
	    text_or(arena_printf(d->arena,
			"This key may not use the model \"%.*s\"; GET "
			"/v1/models lists those that it may.",
			SPAN_FMT(wanted)),
		"This key may not use the model."));
}

/* The candidate with the most context among those that lacked it. */
static size_t largest_context(const struct decider *d)
{
	const struct router_model *models = d->question->models;
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < d->decision->n_candidates; i++) {
		size_t model = d->candidates[i].model;

		if (d->candidates[i].verdict != MODEL_CONTEXT)
			continue;
		if (best == SIZE_MAX ||
		    models[model].context > models[best].context)
			best = model;
	}
	return best;
}

static void refuse_context(struct decider *d)
{
	const struct router_question *q = d->question;
	size_t best = largest_context(d);
	int64_t output =
	    q->input->output_limit > 0 ? q->input->output_limit : 0;

	refuse(d, ROUTER_NO_CANDIDATE, "context_length_exceeded", "messages",
	    text_or(arena_printf(d->arena,
			"The maximum context length of rule \"%s\" is %" PRId64
			" tokens (%s), but this request needs about %" PRId64
			": %" PRId64 " of prompt and %" PRId64 " of output.",
			d->decision->rule, q->models[best].context,
			q->models[best].name, context_needed(q),
			q->features->tokens, output),
		"The request needs more context than any candidate has."));
}

/*
 * No candidate is left. The constraints are applied in the order of the enum,
 * so the one that took the last candidate is the highest verdict.
 */
static void refuse_no_candidate(struct decider *d)
{
	struct router_decision *decision = d->decision;
	enum router_verdict last = MODEL_IN;
	size_t model = 0;
	const struct need *need;

	for (size_t i = 0; i < decision->n_candidates; i++) {
		if (d->candidates[i].verdict >= last) {
			last = d->candidates[i].verdict;
			model = d->candidates[i].model;
		}
	}
	if (last == MODEL_CONTEXT) {
		refuse_context(d);
		return;
	}
	need = need_of(last);
	assert(need); /* a rule has candidates, and each has a verdict */
	refuse(d, ROUTER_NO_CANDIDATE, "no_eligible_model", need->param,
	    text_or(arena_printf(d->arena,
			"No model of rule \"%s\" can answer this request: it "
			"%s. The last candidate, %s, is out: %s.",
			decision->rule, need->what,
			d->question->models[model].name, need->reason),
		"No model of the policy can answer this request."));
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
	if (!may_use(q, model)) {
		refuse_not_allowed(d);
		return;
	}
	add_candidate(d, model, MODEL_IN);
	d->candidates[0].reason = "asked for by name";
	add_reason(d, "the client asked for this model by name, so it is the "
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
			add_reason(
			    d, text_or(arena_printf(d->arena,
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

/* All of <use>: those that are in, healthy before unhealthy, then the rest. */
static void add_candidates(struct decider *d, const struct policy_use *use)
{
	const struct router_question *q = d->question;

	for (unsigned pass = 0; pass < 3; pass++) {
		for (size_t i = 0; i < use->n; i++) {
			size_t model = use->models[i];
			enum router_verdict verdict = judge(q, model);
			unsigned turn = verdict != MODEL_IN    ? 2
					: is_healthy(q, model) ? 0
							       : 1;

			if (turn == pass)
				add_candidate(d, model, verdict);
		}
	}
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
	add_reason(d, arena_copy(d->arena, json_out_text(&out)).ptr);
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
	add_reason(d, arena_copy(d->arena, json_out_text(&out)).ptr);
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
		add_reason(d, q->policy->n_rules > 0
				  ? "no rule matches: the policy's own models"
				  : "the policy has no rules: its own models");
	}
	add_candidates(d, use);
	if (decision->n_eligible == 0) {
		refuse_no_candidate(d);
		return;
	}
	if (!is_healthy(q, d->candidates[0].model))
		add_reason(d, "every candidate is unhealthy; the first is "
			      "tried all the same");
	else if (d->candidates[0].model != use->models[0])
		add_reason(d, "better-placed candidates are out or unhealthy; "
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
		refuse(&d, ROUTER_NO_CANDIDATE, "no_eligible_model", NULL,
		    "The request leaves no memory to decide about it.");
		return;
	}
	decision->reasons = d.reasons;
	decision->candidates = d.candidates;
	if (policy && span_eq(question->input->model, SPAN("auto")))
		decide_auto(&d);
	else
		decide_pinned(&d);
}
