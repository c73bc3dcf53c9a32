/* call_parts.h -- inside of a local call; for call*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_CALL_PARTS_H
#define GATEWAY_LOCAL_CALL_PARTS_H

#include "gateway/local/ask.h"
#include "gateway/local/call.h"
#include "gateway/local/call_post.h"
#include "gateway/local/embed.h"
#include "gateway/local/hold.h"
#include "gateway/local/sampling.h"
#include "gateway/local/say.h"

/*
 * A call begins in a turn of its own (call_begin.c, call_read.c), takes what
 * its jobs tell and says it (call_text.c, for vectors call_embed.c), holds that
 * back while a policy wants it (call_hold.c), and gives it to the relay
 * (call.c). The relay may cancel it out of any event, so `is_over` is looked at
 * after each; memory goes at the turn's end.
 */
#define CALL_ANSWER_MAX ((size_t)64 << 20)

/* Kicks: that it begins, and that its request is read. Jobs are below. */
#define CALL_START UINT32_MAX
#define CALL_READ (UINT32_MAX - 1)

/* Bodies past this are not read on the loop, nor is one text to embed. */
#define CALL_READ_HERE ((size_t)16 << 10)

/* One text that is being written. */
struct call_text {
	struct job *job;     /* NULL: not taken */
	struct reply *reply; /* NULL for completions */
	uint32_t choice;
	uint32_t prompt;
	struct job_use use;
	struct sample_summary summary;
	bool has_ended;
	bool is_cut;       /* after its one call: the rest is not said */
	bool is_dropped;   /* a sample that is not the answer */
	bool is_looping;   /* seen while it was held */
	bool has_begun;    /* its choice has */
	bool has_thought;  /* it said reasoning */
	bool is_answering; /* past that */
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
	struct call_reading *reading; /* its request is being read */
	struct embed *embed; /* for vectors, in the place of all below */
	struct say *say;
	struct call_text *texts; /* (n_texts) */
	uint32_t n_texts, n_choices;
	struct span after; /* a forced call's, static */
	const char *form;  /* the parameter that holds the answer to a form */
	bool takes_one_call, has_grammar, has_logprobs;

	bool is_over; /* no more events */
	bool is_paused;
	bool has_head;
	bool is_whole; /* all of it is said */
	bool was_told; /* that it is */

	enum hold_verdict hold;
	bool is_sampling;
	struct hold_loop *seen; /* (n_texts) while it is held */
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

/* The vocabulary cannot write what was asked for; <why> says what. */
void call_refuse_form(struct local_call *call, struct span why);

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

/* Asks what was read; <ask> NULL: it is refused. */
void call_start_asked(struct local_call *call, const struct ask *ask,
    const struct ask_refusal *refusal);

/* --- call_read.c -------------------------------------------------------------
 */

/* Begins to read the request; false: as many as may be are being read. */
bool call_read_apart(struct local_call *call) must_check;

/* It is read; or nobody wants it any more. */
void call_take_reading(struct local_call *call);
void call_end_reading(struct local_call *call);

/* --- call_embed.c ------------------------------------------------------------
 */
void call_open_embed(struct local_call *call);

/* Takes what was read, or refused, and goes on. */
void call_start_embed(struct local_call *call, struct embed_input *input);

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
