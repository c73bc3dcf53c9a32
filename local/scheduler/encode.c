/* encode.c -- one step of an encoder's lane. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/scheduler/internal.h"

#define BATCH_TOKENS 256 /* of a step, at least one text */
#define BATCH_TEXTS 64

/* Texts of several jobs that are computed together. */
struct batch {
	struct model_text texts[BATCH_TEXTS]; /* (n) */
	struct job *jobs[BATCH_TEXTS];        /* whose they are */
	float *places[BATCH_TEXTS];           /* (width) where each goes */
	uint32_t n, tokens;
	bool classifies;
};

/* Adds the job's next texts as far as there is room. */
static void add_texts(struct batch *batch, struct job *job)
{
	struct encoding *e = job->encoding;

	for (uint32_t i = e->done; i < e->n && batch->n < BATCH_TEXTS; i++) {
		const struct model_text *text = &e->texts[i];

		if (batch->n > 0 && batch->tokens + text->n > BATCH_TOKENS)
			return;
		batch->texts[batch->n] = *text;
		batch->jobs[batch->n] = job;
		batch->places[batch->n++] = e->values + (size_t)i * e->width;
		batch->tokens += text->n;
	}
}

static void collect(struct lane *lane, struct batch *batch)
{
	list_for_each(at, &lane->running) {
		struct job *job = container_of(at, struct job, link);

		if (batch->n == 0)
			batch->classifies = job->encoding->classifies;
		if (job->encoding->classifies == batch->classifies)
			add_texts(batch, job);
	}
}

static enum result compute_one(
    struct lane *lane, const struct batch *batch, uint32_t i, struct error *err)
{
	return batch->classifies ? model_classify(lane->model, &batch->texts[i],
				       batch->places[i], err)
				 : model_embed(lane->model, &batch->texts[i], 1,
				       batch->places[i], err);
}

/* Each text alone; a job whose text cannot be computed fails by itself. */
static void compute_apart(struct lane *lane, struct batch *batch)
{
	struct error err;

	for (uint32_t i = 0; i < batch->n; i++) {
		struct job *job = batch->jobs[i];

		if (!job || compute_one(lane, batch, i, &err) == OK)
			continue;
		for (uint32_t k = i; k < batch->n; k++) {
			if (batch->jobs[k] == job)
				batch->jobs[k] = NULL;
		}
		for (uint32_t k = 0; k < i; k++) {
			if (batch->jobs[k] == job)
				batch->jobs[k] = NULL;
		}
		job_end(job, JOB_FAILED, err.text);
	}
}

static void compute(struct lane *lane, struct batch *batch)
{
	size_t width = lane->info.hidden;
	struct error err;
	float *out;

	if (batch->classifies || batch->n == 1) {
		compute_apart(lane, batch);
		return;
	}
	out = mem_alloc(batch->n * width * sizeof(*out));
	if (model_embed(lane->model, batch->texts, batch->n, out, &err) == OK) {
		for (uint32_t i = 0; i < batch->n; i++)
			memcpy(batch->places[i], out + i * width,
			    width * sizeof(*out));
	} else {
		compute_apart(lane, batch);
	}
	free(out);
}

void encode_step(struct lane *lane)
{
	struct batch batch = {.n = 0};
	int64_t from = clock_mono_ns();
	double token;

	collect(lane, &batch);
	if (batch.n == 0)
		return;
	compute(lane, &batch);
	token = (double)(clock_mono_ns() - from) / batch.tokens;
	late_mean(&lane->now.prompt_token_ns, token);
	lane->now.rows += batch.tokens;
	lane->now.prompt_tokens += batch.tokens;
	for (uint32_t i = 0; i < batch.n; i++) {
		struct job *job = batch.jobs[i];

		if (!job)
			continue;
		job->use.busy_ns += (int64_t)(token * batch.texts[i].n);
		job->encoding->done++;
		if (job->encoding->done == job->encoding->n)
			job_end(job, JOB_STOP, NULL);
	}
}
