/* call_post.h -- what the engine's thread says, carried to a loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_CALL_POST_H
#define GATEWAY_LOCAL_CALL_POST_H

#include "local/local.h"
#include "net/net.h"

/*
 * A post stands between the scheduler's thread and the loop of one call. Jobs
 * are watched by it: each thing they tell is copied and handed over in order,
 * on the loop. The call closes it; jobs that are not over by then tell nobody,
 * and the last of them frees it. The scheduler's thread waits for nothing but
 * a lock that is held for the length of an append.
 */
struct call_post;

/* What a job told. Lives for the call of the function that takes it. */
struct call_note {
	struct list link; /* the post's */
	uint32_t job;     /* its number, or that of a kick */
	bool has_ended;   /* the last of it: end, error */
	enum job_end end;
	struct job_use use;
	struct sample_summary summary;
	struct span text;
	struct span error;
	uint32_t n; /* new tokens */
	uint32_t n_tops;
	const struct sample_choice *choices; /* (n) */
	const struct span *bytes;            /* (n) */
	const struct sample_top *tops;       /* (n, n_tops) or NULL */
};

typedef void call_note_fn(void *arg, const struct call_note *note);

/* <fn>(arg) is called on <loop>'s thread until call_post_close. */
struct call_post *call_post_new(struct loop *loop, call_note_fn *fn, void *arg);

/* Watches job number <job>, which must be taken or else given back. */
struct job_watch call_post_watch(struct call_post *post, uint32_t job);
void call_post_unwatch(struct job_watch *watch);

/* A note without anything in it but the number, in a later turn. */
void call_post_kick(struct call_post *post, uint32_t job);

/* Nothing is told any more, from now on. Leaves NULL. */
void call_post_close(struct call_post **post);

#endif
