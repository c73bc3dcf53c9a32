/* refuse.c -- why no model answers a request, in words for its client. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <inttypes.h>

#include "router/decide.h"

#define NAME_SHOWN 100 /* bytes of a client's text that a message repeats */

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

static void refuse(struct decider *d, enum router_outcome outcome,
    const char *code, const char *param, const char *message)
{
	d->decision->outcome = outcome;
	d->decision->error_code = code;
	d->decision->error_param = param;
	d->decision->error_message = message;
	decide_add_reason(d, message);
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

void refuse_unknown(struct decider *d)
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
		if (decide_may_use(q, i))
			names[n++] = q->models[i].name;
	}
	if (names && q->policy && q->caller->may_auto)
		names[n++] = "auto";
	n = names ? find_near(wanted, names, n, near) : 0;
	for (size_t i = 0; i < n; i++)
		list = decide_text(arena_printf(d->arena, "%s%s\"%s\"", list,
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
	    decide_text(message, "The model does not exist."));
}

void refuse_not_allowed(struct decider *d)
{
	struct span wanted = shown(d->question->input->model);

	refuse(d, ROUTER_NOT_ALLOWED, "model_not_allowed", "model",
	    decide_text(arena_printf(d->arena,
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
	    decide_text(
		arena_printf(d->arena,
		    "The maximum context length of rule \"%s\" is %" PRId64
		    " tokens (%s), but this request needs about %" PRId64
		    ": %" PRId64 " of prompt and %" PRId64 " of output.",
		    d->decision->rule, q->models[best].context,
		    q->models[best].name, decide_context_needed(q),
		    q->features->tokens, output),
		"The request needs more context than any candidate has."));
}

/*
 * No candidate is left. The constraints are applied in the order of the enum,
 * so the one that took the last candidate is the highest verdict.
 */
void refuse_no_candidate(struct decider *d)
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
	need = decide_need(last);
	assert(need); /* a rule has candidates, and each has a verdict */
	refuse(d, ROUTER_NO_CANDIDATE, "no_eligible_model", need->param,
	    decide_text(
		arena_printf(d->arena,
		    "No model of rule \"%s\" can answer this request: it "
		    "%s. The last candidate, %s, is out: %s.",
		    decision->rule, need->what, d->question->models[model].name,
		    need->reason),
		"No model of the policy can answer this request."));
}

void refuse_memory(struct decider *d)
{
	refuse(d, ROUTER_NO_CANDIDATE, "no_eligible_model", NULL,
	    "The request leaves no memory to decide about it.");
}
