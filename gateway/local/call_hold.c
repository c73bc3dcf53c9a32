/* call_hold.c -- an answer that is held back, released or given up. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

#include <stdio.h>
#include <stdlib.h>

bool call_is_held(const struct local_call *call)
{
	return call->options.escalate &&
	       router_escalates(call->options.escalate);
}

void call_see_tokens(struct call_text *text, const struct call_note *note)
{
	struct local_call *call = text->call;
	struct hold_loop *seen = &call->seen[text - call->texts];

	for (uint32_t i = 0; i < note->n; i++)
		text->is_looping |=
		    hold_sees_loop(seen, note->choices[i].token);
}

static void end_hold(struct local_call *call, enum hold_verdict verdict)
{
	call->hold = verdict;
	if (call->held_from_ns > 0)
		call->held_ns = loop_now_ns(call->loop) - call->held_from_ns;
	call->held_from_ns = 0;
	free(call->seen);
	call->seen = NULL;
}

static double confidence_in(const struct call_text *text)
{
	return confidence_of(
	    text->call->options.config->local->calibration, &text->summary);
}

/* --- samples ----------------------------------------------------------------
 */

static void drop_sample(struct call_text *text)
{
	text->is_dropped = true;
	if (!text->has_ended)
		job_cancel(text->job);
}

static void say_sample(struct local_call *call, uint32_t chosen)
{
	call->is_sampling = false;
	for (uint32_t i = 0; i < call->n_texts; i++) {
		if (i != chosen)
			drop_sample(&call->texts[i]);
	}
	call_say_kept(&call->texts[chosen]);
}

/* What a sample says, without what led to it. */
struct gist {
	struct buf text;
	bool is_full;
};

static void add_to_gist(const struct reply_part *part, void *arg)
{
	struct gist *gist = arg;
	bool is_call = part->kind == REPLY_CALL;

	if (part->kind == REPLY_REASONING || part->kind == REPLY_CALL_END)
		return;
	gist->is_full |=
	    !buf_append(&gist->text, is_call ? part->name : part->text);
}

static struct span gist_of(const struct call_text *text, struct arena *arena)
{
	struct gist gist = {.is_full = false};
	struct span copy = span_make(NULL, 0);

	buf_init(&gist.text, CALL_ANSWER_MAX);
	if (text->judge) {
		reply_push(
		    text->judge, buf_span(&text->kept), add_to_gist, &gist);
		reply_finish(text->judge, add_to_gist, &gist);
	} else {
		gist.is_full = !buf_append(&gist.text, buf_span(&text->kept));
	}
	if (!gist.is_full)
		copy = arena_copy(arena, buf_span(&gist.text));
	buf_free(&gist.text);
	return copy;
}

static size_t find_agreed(struct local_call *call)
{
	struct span texts[HOLD_SAMPLES_MAX];
	struct arena arena;
	size_t found;

	arena_init(&arena, CALL_ANSWER_MAX);
	for (uint32_t i = 0; i < call->n_texts; i++)
		texts[i] = call->texts[i].is_dropped
			       ? span_make(NULL, 0)
			       : gist_of(&call->texts[i], &arena);
	found = hold_agreed(texts, call->n_texts,
	    (size_t)call->options.escalate->agree, &arena);
	arena_free(&arena);
	return found;
}

/* --- the verdict ------------------------------------------------------------
 */

static void release(struct local_call *call)
{
	if (call->is_sampling)
		say_sample(call, 0);
	end_hold(call, HOLD_RELEASED);
}

static void give_up(struct local_call *call, enum hold_reason reason)
{
	const struct local_call_handler *handler = call->options.handler;
	char detail[120];

	if (handler->may_give_up && !handler->may_give_up(call->options.arg)) {
		release(call);
		return;
	}
	end_hold(call, HOLD_GIVEN_UP);
	call->given_up = hold_reason_name(reason);
	snprintf(detail, sizeof(detail), "%s, confidence %.3f", call->given_up,
	    call->confidence);
	call_fail(call, LOCAL_CALL_UNSURE, detail);
}

static void view_text(const struct call_text *text, struct hold_view *view)
{
	const struct local_call *call = text->call;

	*view = (struct hold_view){
	    .tokens = text->use.output_tokens,
	    .confidence = confidence_in(text),
	    .is_looping = text->is_looping,
	    .has_ended = text->has_ended,
	    .is_cut =
		text->has_ended && text->end == JOB_LENGTH && call->has_grammar,
	};
}

/* Each of the choices must be good enough, the worst one decides. */
static void judge_choices(struct local_call *call)
{
	enum hold_reason reason = HOLD_UNSURE;
	bool is_held = false;

	call->confidence = 1;
	for (uint32_t i = 0; i < call->n_texts; i++) {
		struct hold_view view;

		if (call->texts[i].is_dropped)
			continue;
		view_text(&call->texts[i], &view);
		if (view.confidence < call->confidence)
			call->confidence = view.confidence;
		switch (hold_judge(call->options.escalate, &view, &reason)) {
		case HOLD_GIVEN_UP:
			give_up(call, reason);
			return;
		case HOLD_ON:
			is_held = true;
			break;
		case HOLD_RELEASED:
			break;
		}
	}
	if (!is_held)
		release(call);
}

static bool is_all_there(const struct local_call *call)
{
	for (uint32_t i = 0; i < call->n_texts; i++) {
		if (!call->texts[i].has_ended)
			return false;
	}
	return true;
}

static bool is_long(const struct call_text *text)
{
	const struct router_escalate *rule = text->call->options.escalate;

	return !text->has_ended && !text->is_dropped &&
	       text->use.output_tokens >= rule->hold;
}

/*
 * Answers that are not short are not compared: when the likeliest is long it
 * goes on alone, and another that is long agrees with nothing.
 */
static void judge_samples(struct local_call *call)
{
	size_t agreed;

	if (is_long(&call->texts[0])) {
		say_sample(call, 0);
		judge_choices(call);
		return;
	}
	for (uint32_t i = 1; i < call->n_texts; i++) {
		if (is_long(&call->texts[i]))
			drop_sample(&call->texts[i]);
	}
	if (!is_all_there(call))
		return;
	agreed = find_agreed(call);
	call->confidence =
	    confidence_in(&call->texts[agreed == SIZE_MAX ? 0 : agreed]);
	if (agreed == SIZE_MAX) {
		give_up(call, HOLD_DISAGREED);
		return;
	}
	say_sample(call, (uint32_t)agreed);
	end_hold(call, HOLD_RELEASED);
}

void call_judge(struct local_call *call)
{
	if (call->is_sampling)
		judge_samples(call);
	else
		judge_choices(call);
}
