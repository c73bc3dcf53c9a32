/* call_text.c -- what the jobs of a call write, said in its answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_parts.h"

#include <stdlib.h>

static void fail_size(struct local_call *call)
{
	if (!call->was_told)
		call_fail(call, LOCAL_CALL_FAILED, "the answer is too long");
}

/* --- parts ------------------------------------------------------------------
 */

static void take_part(const struct reply_part *part, void *arg)
{
	struct call_text *text = arg;
	struct local_call *call = text->call;

	if (text->is_cut || text->is_dropped || call->was_told)
		return;
	text->has_thought |= part->kind == REPLY_REASONING;
	text->is_answering |= part->kind != REPLY_REASONING;
	if (!say_part(call->say, text->choice, part)) {
		fail_size(call);
		return;
	}
	/* One call and no more: the model may have gone on to another. */
	if (part->kind != REPLY_CALL_END || !call->takes_one_call)
		return;
	text->is_cut = true;
	if (!text->has_ended)
		job_cancel(text->job);
}

static void take_text(struct call_text *text, struct span said)
{
	const struct reply_part part = {.kind = REPLY_CONTENT, .text = said};

	if (said.len == 0)
		return;
	if (text->reply)
		reply_push(text->reply, said, take_part, text);
	else
		take_part(&part, text);
}

static bool begin(struct call_text *text)
{
	if (text->has_begun)
		return true;
	text->has_begun = true;
	return say_begin(text->call->say, text->choice);
}

/* --- logprobs ---------------------------------------------------------------
 */

/* A token's bytes in <memory>, which has room for it. */
static struct span bytes_of(
    const struct local_call *call, uint32_t token, struct buf *memory)
{
	size_t from = buf_len(memory);

	if (!token_bytes(
		checkpoint_tokenizer(call->parts->checkpoint), token, memory))
		return SPAN("");
	return span_from(buf_span(memory), from);
}

static bool say_tokens(struct call_text *text, const struct call_note *note)
{
	struct local_call *call = text->call;
	uint32_t n_tops = note->tops ? note->n_tops : 0;
	size_t n = note->n;
	struct say_token *tokens;
	struct buf memory;
	bool ok;

	if (!call->has_logprobs || n == 0)
		return true;
	/* Spans into it must stay where they are. */
	buf_init(&memory, n * (n_tops + 1) * 1024 + 1024);
	if (!buf_reserve(&memory, n * n_tops * 1024 + 1024))
		return false;
	tokens = mem_zalloc(n * (n_tops + 1) * sizeof(*tokens));
	for (size_t i = 0; i < n; i++) {
		struct say_token *tops = tokens + n + i * n_tops;

		tokens[i] = (struct say_token){
		    .bytes = note->bytes[i],
		    .logprob = note->choices[i].logprob,
		    .tops = tops,
		    .n_tops = n_tops,
		};
		for (uint32_t k = 0; k < n_tops; k++) {
			const struct sample_top *top =
			    &note->tops[i * n_tops + k];

			tops[k].bytes = bytes_of(call, top->token, &memory);
			tops[k].logprob = top->logprob;
		}
	}
	ok = say_logprobs(call->say, text->choice, tokens, (uint32_t)n);
	free(tokens);
	buf_free(&memory);
	return ok;
}

/* --- notes ------------------------------------------------------------------
 */

static void take_piece(struct call_text *text, const struct call_note *note)
{
	struct local_call *call = text->call;

	if (call->held_from_ns == 0 && call->hold == HOLD_ON)
		call->held_from_ns = loop_now_ns(call->loop);
	if (call->hold == HOLD_ON)
		call_see_tokens(text, note);
	if (call->is_sampling && !text->is_dropped) {
		if (!buf_append(&text->kept, note->text))
			fail_size(call);
		return;
	}
	if (text->is_cut || text->is_dropped)
		return;
	if (!begin(text) || !say_tokens(text, note)) {
		fail_size(call);
		return;
	}
	take_text(text, note->text);
	if (text->reply && !text->is_answering)
		text->reasoning_tokens += note->n;
}

static const char *reason_of(const struct call_text *text)
{
	if (text->end == JOB_LENGTH && !text->is_cut)
		return "length";
	return text->reply && reply_calls(text->reply) > 0 ? "tool_calls"
							   : "stop";
}

/* A text that ended inside of its reasoning gave nothing but that. */
static void end_choice(struct call_text *text)
{
	struct local_call *call = text->call;

	if (!begin(text))
		fail_size(call);
	if (call->after.len > 0 && text->end == JOB_STOP)
		take_text(text, call->after);
	if (text->reply)
		reply_finish(text->reply, take_part, text);
	if (!call->was_told &&
	    !say_finish(call->say, text->choice, reason_of(text)))
		fail_size(call);
}

void call_say_kept(struct call_text *text)
{
	if (!begin(text))
		fail_size(text->call);
	take_text(text, buf_span(&text->kept));
	if (text->has_ended)
		end_choice(text);
}

/* A job that did not come to its end. True: that is the call's too. */
static bool fails(struct call_text *text, const struct call_note *note)
{
	struct local_call *call = text->call;

	if (note->end == JOB_STOP || note->end == JOB_LENGTH ||
	    (note->end == JOB_CANCELLED && (text->is_cut || text->is_dropped)))
		return false;
	if (note->end == JOB_LATE && !call->has_head) {
		call_refuse_late(call);
		return true;
	}
	if (note->end == JOB_UNSPELLED && !call->has_head) {
		call_refuse_form(call, note->error);
		return true;
	}
	call_fail(call, LOCAL_CALL_FAILED,
	    note->error.len > 0 ? note->error.ptr
	    : note->end == JOB_LATE
		? "another part of the answer waited too long"
		: "the model was closed");
	return true;
}

static bool have_all_ended(const struct local_call *call)
{
	for (uint32_t i = 0; i < call->n_texts; i++) {
		if (!call->texts[i].has_ended)
			return false;
	}
	return true;
}

void call_say_end(struct local_call *call)
{
	struct local_call_use use;
	struct say_usage usage = {0};

	if (call->is_whole || !have_all_ended(call))
		return;
	local_call_use(call, &use);
	usage.prompt_tokens = use.prompt_tokens;
	usage.cached_tokens = use.cached_tokens;
	usage.completion_tokens = use.output_tokens;
	for (uint32_t i = 0; i < call->n_texts; i++) {
		if (call->texts[i].has_thought)
			usage.reasoning_tokens +=
			    call->texts[i].reasoning_tokens;
	}
	call->is_whole = true;
	if (!say_end(call->say, &usage))
		fail_size(call);
}

void call_take_note(struct local_call *call, const struct call_note *note)
{
	struct call_text *text = &call->texts[note->job];

	text->use = note->use;
	text->summary = note->summary;
	if (note->has_ended) {
		text->has_ended = true;
		text->end = note->end;
	}
	if (call->was_told)
		return;
	if (!note->has_ended) {
		take_piece(text, note);
	} else {
		if (fails(text, note))
			return;
		if (!call->is_sampling && !text->is_dropped)
			end_choice(text);
	}
	if (!call->was_told && call->hold == HOLD_ON)
		call_judge(call);
	if (!call->was_told && !call->is_over && !call->is_sampling)
		call_say_end(call);
	if (!call->was_told)
		call_flush(call);
}
