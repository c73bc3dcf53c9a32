/* loop.h -- one thread's event loop: turns, deadlines, messages, retirement. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_LOOP_H
#define NET_LOOP_H

#include "base/base.h"

struct event;
struct event_base;

/*
 * A loop belongs to the thread that runs it; only loop_post and loop_stop may
 * be called from others. Work happens in turns: libevent reports what is
 * ready, callbacks note it and run their machines, and at the turn's end the
 * hooks run (streams flush what was written in this turn as one system call)
 * and then retired objects are freed. So nothing is freed under a caller.
 */
struct loop;

struct loop *loop_new(struct error *err) must_check;

/* Runs what is still retired, then frees; no stream may be left. */
void loop_free(struct loop **loop);

/* Turns until loop_stop. */
void loop_run(struct loop *loop);

/* From any thread: loop_run returns after its turn. */
void loop_stop(struct loop *loop);

/* From any thread: <fn>(arg) runs on the loop's thread, in order. */
typedef void loop_fn(void *arg);
void loop_post(struct loop *loop, loop_fn *fn, void *arg);

/* Frees <object> by <fn> after this turn. */
void loop_retire(struct loop *loop, loop_fn *fn, void *object);

/* A hook that runs at every turn's end; add it once, it stays. */
struct loop_hook {
	struct list link;
	loop_fn *fn;
	void *arg;
};
void loop_add_hook(struct loop *loop, struct loop_hook *hook);
void loop_remove_hook(struct loop *loop, struct loop_hook *hook);

/*
 * The monotonic time of this turn, in ns: read from the clock when a turn first
 * asks for it, the same for all that the turn does.
 */
int64_t loop_now_ns(struct loop *loop);

/* For parts that bring their own libevent users (Redis). */
struct event_base *loop_base(struct loop *loop);

/*
 * A deadline calls <fn>(arg) once when its time has come. Moving it later is a
 * store: the timer underneath stays where it is, looks at the time when it
 * fires and goes back to sleep. That makes a deadline for every step of every
 * request affordable.
 */
struct deadline {
	struct loop *loop;
	struct event *timer; /* made when first armed */
	loop_fn *fn;
	void *arg;
	int64_t at_ns;    /* 0: not set */
	int64_t armed_ns; /* when the timer underneath fires; 0: it does not */
};

void deadline_init(
    struct deadline *deadline, struct loop *loop, loop_fn *fn, void *arg);
void deadline_set(struct deadline *deadline, int64_t at_ns);
void deadline_after(struct deadline *deadline, int64_t ns);
void deadline_clear(struct deadline *deadline);

/* Clears it and gives its timer back. */
void deadline_free(struct deadline *deadline);

#endif
