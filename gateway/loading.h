/* loading.h -- says on standard error that something takes its time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOADING_H
#define GATEWAY_LOADING_H

#include <pthread.h>
#include <stdbool.h>

/*
 * Nothing is said for a second. Then a terminal is told each second what is
 * done and for how long, in one line that is gone at the end; anything else
 * gets one line.
 */
struct loading {
	const char *name;
	const char *what; /* under the lock */
	bool is_done;     /* under the lock */
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
};

/* <name> is of what is loaded; it must live until loading_stop. */
void loading_start(struct loading *loading, const char *name);

/* What is done from now on; <loading> is a struct loading. */
void loading_stage(void *loading, const char *what);

void loading_stop(struct loading *loading);

#endif
