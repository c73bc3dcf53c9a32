/* pool.h -- the threads that the arithmetic is spread over. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CPU_POOL_H
#define LOCAL_CPU_POOL_H

#include <stdint.h>

#include "base/error.h"

/*
 * A job is a number of independent tasks; the caller and the pool's threads
 * take them one by one, so that a thread which the system holds up costs one
 * task's time and not a share of the job. Threads that find no work look for
 * it for some microseconds and then sleep: an idle pool costs nothing.
 */
struct pool;

/* Task <task> of a job, on thread <thread> of 0 .. pool_threads() - 1. */
typedef void (*pool_fn)(void *arg, uint32_t task, uint32_t thread);

/* A pool of <n> threads, the caller of pool_run being one of them; n >= 1. */
struct pool *pool_new(uint32_t n, struct error *err) must_check;

/* Ends the threads; NULL is fine. No job may be running. */
void pool_free(struct pool **pool);

/*
 * Runs tasks 0 .. n - 1 of <fn> and returns when all are done. From any
 * thread, one job at a time: others wait. Tasks start no jobs.
 */
void pool_run(struct pool *pool, pool_fn fn, void *arg, uint32_t n);

uint32_t pool_threads(const struct pool *pool);

#endif
