/* loop.c -- turns of libevent, with deadlines, messages and retirement. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/time.h>
#include <unistd.h>

#include "net/loop_priv.h"
#include "net/stream_hub.h"

/* A call to be made later: a message, or an object to be freed. */
struct later {
	loop_fn *fn;
	void *arg;
};

/* A queue of them that keeps its memory from turn to turn. */
struct later_queue {
	struct later *calls;
	size_t count;
	size_t cap;
};

struct loop {
	struct event_base *base;
	struct event *wake;       /* reads wake_fd */
	struct event *turn_limit; /* ends a turn that may wait only so long */
	int wake_fd;
	bool is_turning;
	int64_t now_ns; /* of this turn; 0 while it has not asked */
	struct list hooks;
	struct later_queue retired;
	struct stream_hub *hub;
	atomic_bool is_stopping;
	pthread_mutex_t lock; /* guards posted */
	struct later_queue posted;
};

static void add_later(struct later_queue *queue, loop_fn *fn, void *arg)
{
	if (queue->count == queue->cap) {
		queue->cap = queue->cap ? queue->cap * 2 : 16;
		queue->calls = mem_realloc(
		    queue->calls, queue->cap * sizeof(struct later));
	}
	queue->calls[queue->count++] = (struct later){.fn = fn, .arg = arg};
}

/* Retired objects may retire others while they are freed. */
static void free_retired(struct loop *loop)
{
	for (size_t i = 0; i < loop->retired.count; i++) {
		struct later call = loop->retired.calls[i];

		call.fn(call.arg);
	}
	loop->retired.count = 0;
}

/* Messages are run outside of the lock, since they may post others. */
static void run_posted(struct loop *loop)
{
	struct later_queue queue;

	pthread_mutex_lock(&loop->lock);
	queue = loop->posted;
	loop->posted = (struct later_queue){0};
	pthread_mutex_unlock(&loop->lock);
	for (size_t i = 0; i < queue.count; i++)
		queue.calls[i].fn(queue.calls[i].arg);
	free(queue.calls);
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0)
		assert(errno == EAGAIN || errno == EINTR);
	run_posted(arg);
}

static void on_turn_limit(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* An eventfd's counter cannot overflow by ones, so this cannot fail. */
static void wake_up(struct loop *loop)
{
	uint64_t one = 1;
	ssize_t n;

	do
		n = write(loop->wake_fd, &one, sizeof(one));
	while (n < 0 && errno == EINTR);
}

/*
 * Only the loop's own thread touches its base, so libevent needs no locks. The
 * epoll backend is asked for by what it can do: streams are edge-triggered.
 */
static struct event_base *make_base(void)
{
	struct event_config *config = event_config_new();
	struct event_base *base;

	if (!config)
		return NULL;
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	event_config_require_features(
	    config, EV_FEATURE_ET | EV_FEATURE_O1 | EV_FEATURE_EARLY_CLOSE);
	base = event_base_new_with_config(config);
	event_config_free(config);
	return base;
}

struct loop *loop_new(struct error *err)
{
	struct loop *loop = mem_new(struct loop);

	list_init(&loop->hooks);
	pthread_mutex_init(&loop->lock, NULL);
	atomic_init(&loop->is_stopping, false);
	loop->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (loop->wake_fd < 0) {
		error_set(err, "event loop: cannot make an eventfd: %s",
		    strerror(errno));
		loop_free(&loop);
		return NULL;
	}
	loop->base = make_base();
	if (loop->base) {
		loop->wake = event_new(loop->base, loop->wake_fd,
		    EV_READ | EV_PERSIST, on_wake, loop);
		loop->turn_limit = evtimer_new(loop->base, on_turn_limit, NULL);
	}
	if (!loop->wake || !loop->turn_limit ||
	    event_add(loop->wake, NULL) < 0) {
		error_set(err,
		    "event loop: libevent offers no edge-triggered epoll here");
		loop_free(&loop);
	}
	return loop;
}

void loop_free(struct loop **loop_ptr)
{
	struct loop *loop = *loop_ptr;

	*loop_ptr = NULL;
	if (!loop)
		return;
	run_posted(loop);
	free_retired(loop);
	stream_hub_free(&loop->hub);
	free_retired(loop);
	if (loop->turn_limit)
		event_free(loop->turn_limit);
	if (loop->wake)
		event_free(loop->wake);
	if (loop->base)
		event_base_free(loop->base);
	if (loop->wake_fd >= 0)
		close(loop->wake_fd);
	pthread_mutex_destroy(&loop->lock);
	free(loop->retired.calls);
	free(loop);
}

/*
 * Hooks first, so that what they write still leaves in this turn; then the
 * streams; and what was retired by any of it last.
 */
static void end_turn(struct loop *loop)
{
	list_for_each_safe(link, &loop->hooks) {
		struct loop_hook *hook =
		    container_of(link, struct loop_hook, link);

		hook->fn(hook->arg);
	}
	stream_hub_settle(loop->hub);
	free_retired(loop);
}

void loop_turn(struct loop *loop, int64_t max_wait_ns)
{
	int flags = EVLOOP_ONCE;

	assert(!loop->is_turning);
	loop->is_turning = true;
	loop->now_ns = 0;
	if (max_wait_ns == 0 || loop->retired.count > 0 ||
	    stream_hub_has_work(loop->hub)) {
		flags = EVLOOP_NONBLOCK;
	} else if (max_wait_ns > 0) {
		struct timeval wait = {
		    .tv_sec = max_wait_ns / NS_PER_S,
		    .tv_usec = max_wait_ns % NS_PER_S / 1000,
		};

		event_add(loop->turn_limit, &wait);
	}
	event_base_loop(loop->base, flags);
	if (max_wait_ns > 0)
		event_del(loop->turn_limit);
	end_turn(loop);
	loop->now_ns = 0;
	loop->is_turning = false;
}

void loop_run(struct loop *loop)
{
	while (!atomic_exchange(&loop->is_stopping, false))
		loop_turn(loop, LOOP_FOREVER);
}

void loop_stop(struct loop *loop)
{
	atomic_store(&loop->is_stopping, true);
	wake_up(loop);
}

void loop_post(struct loop *loop, loop_fn *fn, void *arg)
{
	bool is_first;

	pthread_mutex_lock(&loop->lock);
	is_first = loop->posted.count == 0;
	add_later(&loop->posted, fn, arg);
	pthread_mutex_unlock(&loop->lock);
	if (is_first)
		wake_up(loop);
}

void loop_retire(struct loop *loop, loop_fn *fn, void *object)
{
	add_later(&loop->retired, fn, object);
}

void loop_add_hook(struct loop *loop, struct loop_hook *hook)
{
	list_push_back(&loop->hooks, &hook->link);
}

void loop_remove_hook(struct loop *loop, struct loop_hook *hook)
{
	(void)loop;
	list_remove(&hook->link);
}

int64_t loop_now_ns(struct loop *loop)
{
	if (!loop->is_turning)
		return clock_mono_ns();
	if (loop->now_ns == 0)
		loop->now_ns = clock_mono_ns();
	return loop->now_ns;
}

struct event_base *loop_base(struct loop *loop)
{
	return loop->base;
}

struct stream_hub *loop_hub(const struct loop *loop)
{
	return loop->hub;
}

void loop_set_hub(struct loop *loop, struct stream_hub *hub)
{
	assert(!loop->hub);
	loop->hub = hub;
}

static void arm(struct deadline *deadline)
{
	int64_t wait = deadline->at_ns - loop_now_ns(deadline->loop);
	struct timeval tv;

	if (wait < 0)
		wait = 0;
	/* Rounded up, so that it does not fire just before its time. */
	wait += 999;
	tv.tv_sec = wait / NS_PER_S;
	tv.tv_usec = wait % NS_PER_S / 1000;
	deadline->armed_ns = deadline->at_ns;
	event_add(deadline->timer, &tv);
}

/*
 * libevent's clock is the kernel's coarse one, which lags by some
 * milliseconds: a timer that fires early goes back to sleep for the rest, as
 * one whose deadline was moved does.
 */
static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct deadline *deadline = arg;

	(void)fd;
	(void)what;
	deadline->armed_ns = 0;
	if (deadline->at_ns == 0)
		return;
	if (loop_now_ns(deadline->loop) < deadline->at_ns) {
		arm(deadline);
		return;
	}
	deadline->at_ns = 0;
	deadline->fn(deadline->arg);
}

void deadline_init(
    struct deadline *deadline, struct loop *loop, loop_fn *fn, void *arg)
{
	*deadline = (struct deadline){.loop = loop, .fn = fn, .arg = arg};
}

void deadline_set(struct deadline *deadline, int64_t at_ns)
{
	assert(at_ns > 0);
	deadline->at_ns = at_ns;
	if (deadline->armed_ns != 0 && deadline->armed_ns <= at_ns)
		return;
	if (!deadline->timer) {
		deadline->timer =
		    evtimer_new(loop_base(deadline->loop), on_timer, deadline);
		assert(deadline->timer);
	}
	arm(deadline);
}

void deadline_after(struct deadline *deadline, int64_t ns)
{
	deadline_set(deadline, loop_now_ns(deadline->loop) + ns);
}

void deadline_clear(struct deadline *deadline)
{
	deadline->at_ns = 0;
}

void deadline_free(struct deadline *deadline)
{
	if (deadline->timer)
		event_free(deadline->timer);
	deadline->timer = NULL;
	deadline->at_ns = 0;
	deadline->armed_ns = 0;
}
