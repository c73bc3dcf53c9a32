/* crew.h -- the threads that the arithmetic is spread over. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_CREW_H
#define LOCAL_CPU_CREW_H

#include <stdint.h>

#include "base/error.h"

/*
 * A job is a number of independent tasks; the caller and the crew's threads
 * take them one by one, so that a thread which the system holds up costs one
 * task's time and not a share of the job. Threads that find no work look for
 * it for some microseconds and then sleep: an idle crew costs nothing. While
 * the system lets the threads run by turns only, the caller works alone.
 */
struct crew;

/* Task <task> of a job, on thread <thread> of 0 .. crew_threads() - 1. */
typedef void (*crew_fn)(void *arg, uint32_t task, uint32_t thread);

/* A crew of <n> threads, the caller of crew_run being one of them; n >= 1. */
struct crew *crew_new(uint32_t n, struct error *err) must_check;

/* Ends the threads; NULL is fine. No job may be running. */
void crew_free(struct crew **crew);

/*
 * Runs tasks 0 .. n - 1 of <fn> and returns when all are done. From any
 * thread, one job at a time: others wait. Tasks start no jobs.
 */
void crew_run(struct crew *crew, crew_fn fn, void *arg, uint32_t n);

uint32_t crew_threads(const struct crew *crew);

#endif
