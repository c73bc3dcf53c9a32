/* loading.c -- says on standard error that something takes its time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/loading.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

/* Waits for the end, a second at most; the lock is held. */
static void wait_second(struct loading *l, struct timespec *until)
{
	until->tv_sec++;
	while (!l->is_done &&
	       pthread_cond_timedwait(&l->change, &l->lock, until) != ETIMEDOUT)
		;
}

static void *watch(void *arg)
{
	struct loading *l = arg;
	bool is_terminal = isatty(STDERR_FILENO);
	struct timespec until;
	int seconds = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	pthread_mutex_lock(&l->lock);
	for (;;) {
		wait_second(l, &until);
		if (l->is_done)
			break;
		seconds++;
		if (is_terminal)
			fprintf(stderr, "\r\033[Kloading %s: %s, %d s", l->name,
			    l->what, seconds);
		else if (seconds == 1)
			fprintf(stderr, "loading %s: %s\n", l->name, l->what);
	}
	pthread_mutex_unlock(&l->lock);
	if (is_terminal && seconds > 0)
		fputs("\r\033[K", stderr);
	return NULL;
}

void loading_start(struct loading *l, const char *name)
{
	pthread_condattr_t attributes;

	*l = (struct loading){.name = name, .what = "starting"};
	pthread_mutex_init(&l->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&l->change, &attributes);
	pthread_condattr_destroy(&attributes);
	/* Without the thread nothing is said, and nothing else is lost. */
	l->has_thread = pthread_create(&l->thread, NULL, watch, l) == 0;
}

void loading_stage(void *loading, const char *what)
{
	struct loading *l = loading;

	pthread_mutex_lock(&l->lock);
	l->what = what;
	pthread_mutex_unlock(&l->lock);
}

void loading_stop(struct loading *l)
{
	pthread_mutex_lock(&l->lock);
	l->is_done = true;
	pthread_cond_signal(&l->change);
	pthread_mutex_unlock(&l->lock);
	if (l->has_thread)
		pthread_join(l->thread, NULL);
	pthread_cond_destroy(&l->change);
	pthread_mutex_destroy(&l->lock);
}
