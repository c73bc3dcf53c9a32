/* call_parts.h -- inside of a local call; for call*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_CALL_PARTS_H
#define GATEWAY_LOCAL_CALL_PARTS_H

#include "gateway/local/ask.h"
#include "gateway/local/call.h"
#include "gateway/local/call_post.h"
#include "gateway/local/embed.h"
#include "gateway/local/hold.h"
#include "gateway/local/say.h"

/*
 * A call begins in a turn of its own (call_begin.c), takes what its jobs tell
 * and says it (call_text.c, for vectors call_embed.c), holds that back while a
 * policy wants it (call_hold.c), and gives it to the relay (call.c). The relay
 * may cancel it out of any event, so `is_over` is looked at after each; memory
 * goes at the turn's end.
 */
#define CALL_ANSWER_MAX ((size_t)64 << 20)

/* The kick that begins it; jobs have smaller numbers. */
#define CALL_START UINT32_MAX

/* One text that is being written. */
struct call_text {
	struct job *job;     /* NULL: not taken */
	struct reply *reply; /* NULL for completions */
	uint32_t choice;
	uint32_t prompt;
	struct job_use use;
	struct sample_summary summary;
	bool has_ended;
	bool is_cut;       /* by us: what still comes is not said */
	bool is_spare;     /* a sample that is not the one given */
	bool has_begun;    /* its choice has */
	bool has_reasoned;
	bool is_answering; /* past its reasoning */
	enum job_end end;
	int64_t reasoning_tokens;
	struct buf kept;     /* of a sample, not said yet */
	struct reply *judge; /* reads a sample to compare it */
	struct local_call *call;
};

struct local_call {
	struct local_call_options options;
	struct loop *loop;
	const struct local_parts *parts;
	struct call_post *post;
	struct embed *embed; /* for vectors, in the place of all below */
	struct say *say;
	struct call_text *texts; /* (n_texts) */
	uint32_t n_texts, n_choices;
	struct span after; /* a forced call's, static */
	bool takes_one_call, has_grammar, has_logprobs;

	bool is_over; /* no more events */
	bool is_paused;
	bool has_head;
	bool is_whole; /* all of it is said */
	bool was_told; /* that it is */

	enum hold_verdict hold;
	bool is_sampling;
	struct hold_loop *seen; /* (n_texts) while it is held */
	bool is_looping;
	int64_t held_from_ns, held_ns;
	double confidence; /* -1 */
	const char *given_up;
};

/* --- call.c -----------------------------------------------------------------
 */

/* An error object is the answer; <retry_ns> 0: no retry-after. */
void call_refuse(struct local_call *call, int status,
    const struct dialect_error *error, int64_t retry_ns);

void call_refuse_job(struct local_call *call, const struct job_offer *offer,
    const struct error *err);
void call_refuse_late(struct local_call *call);

/* Bytes of an answer, its head before the first. */
void call_give(struct local_call *call, struct span bytes);

/* The last event. */
void call_fail(struct local_call *call, enum local_call_failure failure,
    const char *detail);

/* Ends the jobs; their `ended` still comes. */
void call_end_jobs(struct local_call *call);

/* Gives what may be given. */
void call_flush(struct local_call *call);

/* --- call_begin.c ------------------------------------------------------------
 */
void call_open(struct local_call *call);

/* --- call_embed.c ------------------------------------------------------------
 */
void call_start_embed(struct local_call *call);

/* --- call_text.c -------------------------------------------------------------
 */
void call_take_note(struct local_call *call, const struct call_note *note);

/* Says what a sample had kept. */
void call_say_kept(struct call_text *text);

/* All texts have ended: says the rest. */
void call_say_end(struct local_call *call);

/* --- call_hold.c -------------------------------------------------------------
 */

/* Whether answers to <call> are to be held back at all. */
bool call_is_held(const struct local_call *call);
void call_see_tokens(struct call_text *text, const struct call_note *note);

/* Looks at how a held answer stands; releases it or gives it up. */
void call_judge(struct local_call *call);

#endif
