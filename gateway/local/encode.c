/* encode.c -- asks an encoder's lane, from an event loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/encode.h"

#include <pthread.h>
#include <stdlib.h>

/*
 * Owned by the asker until it cancels or has been told, and by the job until
 * `ended` has been called: whoever is last frees it. `lock` guards what decides
 * that; under it a loop's queue is locked, and nothing else.
 */
struct encode {
	pthread_mutex_t lock;
	unsigned owners;
	struct loop *loop; /* NULL: nobody wants the answer */
	bool has_ended;    /* the job has, and posted that if it is wanted */
	struct local_model *model;
	struct job *job;
	void (*ended)(void *arg, const struct encode_result *result);
	void *arg;

	struct encode_result result;
	float *values; /* (n_texts, width) copied */
	uint32_t n_texts;
	struct error why;
};

static void free_encode(struct encode *e)
{
	if (e->job)
		job_drop(&e->job);
	local_model_unref(&e->model);
	pthread_mutex_destroy(&e->lock);
	free(e->values);
	free(e);
}

/* With the lock held, which it lets go of. */
static void disown(struct encode *e)
{
	bool is_last = --e->owners == 0;

	pthread_mutex_unlock(&e->lock);
	if (is_last)
		free_encode(e);
}

/* On the loop's thread. */
static void tell(void *arg)
{
	struct encode *e = arg;

	/* NULL: cancelled after it was posted. */
	if (e->loop)
		e->ended(e->arg, &e->result);
	pthread_mutex_lock(&e->lock);
	disown(e);
}

static void copy_result(struct encode *e, const struct encode_result *result)
{
	size_t n = (size_t)e->n_texts * result->width;

	e->result = *result;
	e->result.values = NULL;
	e->result.error = NULL;
	if (result->end == JOB_STOP) {
		e->values = mem_alloc(n * sizeof(*e->values));
		memcpy(e->values, result->values, n * sizeof(*e->values));
		e->result.values = e->values;
	}
	if (result->error) {
		error_set(&e->why, "%s", result->error);
		e->result.error = e->why.text;
	}
}

/* On the scheduler's thread. */
static void on_ended(void *arg, const struct encode_result *result)
{
	struct encode *e = arg;

	copy_result(e, result);
	pthread_mutex_lock(&e->lock);
	e->has_ended = true;
	if (e->loop)
		loop_post(e->loop, tell, e);
	disown(e);
}

struct encode *encode_start(struct loop *loop,
    const struct encode_question *question, struct job_offer *offer,
    struct error *err)
{
	const struct local_parts *parts = local_model_parts(question->model);
	struct encode *e = mem_new(struct encode);

	pthread_mutex_init(&e->lock, NULL);
	e->owners = 2;
	e->loop = loop;
	e->model = local_model_ref(question->model);
	e->ended = question->ended;
	e->arg = question->arg;
	e->n_texts = question->n_texts;
	/* The job may end before the next line: it posts, and the loop's
	   thread is here. */
	*offer = encode_new(parts->lane,
	    &(struct encode_options){
		.texts = question->texts,
		.n_texts = question->n_texts,
		.classifies = question->classifies,
		.tenant = question->tenant,
		.priority = question->priority,
		.ended = on_ended,
		.arg = e,
	    },
	    err);
	if (offer->refusal != JOB_TAKEN) {
		free_encode(e);
		return NULL;
	}
	e->job = offer->job;
	return e;
}

void encode_cancel(struct encode **encode)
{
	struct encode *e = *encode;
	struct job *job;

	*encode = NULL;
	if (!e)
		return;
	pthread_mutex_lock(&e->lock);
	e->loop = NULL;
	/* What was posted is still to come, and lets go of it. */
	if (e->has_ended) {
		pthread_mutex_unlock(&e->lock);
		return;
	}
	job = e->job;
	e->job = NULL;
	disown(e);
	job_cancel(job);
	job_drop(&job);
}
