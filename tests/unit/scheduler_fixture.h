/* scheduler_fixture.h -- lanes over the tiny checkpoints, and who listens. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SCHEDULER_FIXTURE_H
#define TESTS_UNIT_SCHEDULER_FIXTURE_H

#include <pthread.h>

#include "local/local.h"

/* A scheduler with one lane over tests/data/models/NAME. */
struct place {
	struct checkpoint *checkpoint;
	struct scheduler *scheduler;
	struct lane *lane;
};

/* The plain arithmetic of one thread. */
extern const struct model_options place_exact;

#define VOCAB 101 /* of the tiny checkpoints */

struct place place_open(const char *name, const struct model_options *model,
    const struct lane_options *lane, uint64_t kv_bytes);
void place_close(struct place *place);

/* Opens one of the tiny checkpoints, which have no tokenizer. */
struct checkpoint *place_checkpoint(
    const char *name, const struct model_options *model);

/* What was heard of one job. */
#define HEARD_MAX 512
struct heard {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t tokens[HEARD_MAX]; /* (n) */
	uint32_t n;
	uint32_t pieces;
	uint32_t n_ended;
	struct job_ended ended;
	char error[256];
	struct job *job;
	uint32_t cancel_at; /* tokens after which it cancels itself; 0: never */
	void (*on_end)(void *arg, struct heard *heard);
	void *arg;
};

void heard_init(struct heard *heard);
struct job_watch heard_watch(struct heard *heard);

/* Starts a greedy text of <n> prompt tokens; must be taken. */
struct job_options heard_options(struct heard *heard, const uint32_t *prompt,
    uint32_t n, uint32_t max_tokens);
void heard_start(
    struct heard *heard, struct lane *lane, const struct job_options *options);

/* Waits until it has <n> tokens or has ended; until it has ended. */
void heard_wait_tokens(struct heard *heard, uint32_t n);
void heard_wait(struct heard *heard);

/* Waits, drops the job, and frees what the listener holds. */
void heard_done(struct heard *heard);

/* What a generator writes for the same, alone: ids (HEARD_MAX); the count. */
uint32_t write_alone(const struct checkpoint *checkpoint,
    const struct job_options *options, uint32_t *ids);

/* A prompt of <n> tokens below <vocab>, another for each <seed>. */
void make_prompt(uint32_t *ids, uint32_t n, uint32_t seed, uint32_t vocab);

#endif
