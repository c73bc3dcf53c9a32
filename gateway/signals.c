/* signals.c -- signals as events of the control loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/signals.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

/*
 * A signal may have been posted and not delivered when this is closed: the
 * last of the two frees it.
 */
struct signals {
	struct loop *loop;
	signals_fn *fn;
	void *arg;
	pthread_t thread;
	sigset_t set;
	_Atomic bool is_closed;
	_Atomic unsigned pending; /* posted, not delivered */
};

struct arrival {
	struct signals *signals;
	int signal;
};

static sigset_t our_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	/* Wakes the waiting thread, to see that it is over. */
	sigaddset(&set, SIGUSR2);
	return set;
}

void signals_block(void)
{
	sigset_t set = our_signals();

	pthread_sigmask(SIG_BLOCK, &set, NULL);
	/* A closed pipe and a full file are results of writing, not ends. */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
}

static void deliver(void *arg)
{
	struct arrival *arrival = arg;
	struct signals *signals = arrival->signals;
	int number = arrival->signal;

	free(arrival);
	signals->pending--;
	if (!signals->is_closed)
		signals->fn(number, signals->arg);
	else if (signals->pending == 0)
		free(signals);
}

static void *wait_for_signals(void *arg)
{
	struct signals *signals = arg;
	int number;

	pthread_setname_np(pthread_self(), "signals");
	while (sigwait(&signals->set, &number) == 0 && !signals->is_closed) {
		struct arrival *arrival;

		if (number == SIGUSR2)
			continue;
		signals->pending++;
		arrival = mem_new(struct arrival);
		*arrival = (struct arrival){signals, number};
		loop_post(signals->loop, deliver, arrival);
	}
	return NULL;
}

struct signals *signals_open(
    struct loop *loop, signals_fn *fn, void *arg, struct error *err)
{
	struct signals *signals = mem_new(struct signals);
	int failed;

	signals->loop = loop;
	signals->fn = fn;
	signals->arg = arg;
	signals->set = our_signals();
	failed =
	    pthread_create(&signals->thread, NULL, wait_for_signals, signals);
	if (failed) {
		error_set(err, "signals: cannot start a thread: %s",
		    strerror(failed));
		free(signals);
		return NULL;
	}
	return signals;
}

void signals_close(struct signals **signals)
{
	struct signals *old = *signals;

	*signals = NULL;
	if (!old)
		return;
	old->is_closed = true;
	pthread_kill(old->thread, SIGUSR2);
	pthread_join(old->thread, NULL);
	if (old->pending == 0)
		free(old);
}
