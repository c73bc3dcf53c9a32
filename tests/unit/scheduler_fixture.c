/* scheduler_fixture.c -- lanes over the tiny checkpoints, and who listens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/model_fixture.h"
#include "tests/unit/scheduler_fixture.h"

const struct model_options place_exact = {
    .is_exact = true, .threads = 1, .chunk = 32};

struct checkpoint *place_checkpoint(
    const char *name, const struct model_options *model)
{
	struct checkpoint_options options = {
	    .parts = CHECKPOINT_MODEL, .model = model};
	struct error err;
	struct checkpoint *checkpoint =
	    checkpoint_open(fixture_path(name), &options, &err);

	if (!checkpoint)
		fail_msg("%s", err.text);
	return checkpoint;
}

struct place place_open(const char *name, const struct model_options *model,
    const struct lane_options *lane, uint64_t kv_bytes)
{
	struct scheduler_options options = {.kv_bytes = kv_bytes};
	struct place place = {.checkpoint = place_checkpoint(name, model)};
	struct error err;

	place.scheduler = scheduler_new(&options, &err);
	assert_non_null(place.scheduler);
	place.lane = lane_new(place.scheduler, place.checkpoint, lane, &err);
	if (!place.lane)
		fail_msg("%s", err.text);
	return place;
}

void place_close(struct place *place)
{
	lane_close(&place->lane, 0);
	scheduler_free(&place->scheduler);
	checkpoint_close(&place->checkpoint);
}

/* --- listening ------------------------------------------------------------ */

static void hear_piece(void *arg, const struct job_piece *piece)
{
	struct heard *h = arg;

	pthread_mutex_lock(&h->lock);
	for (uint32_t i = 0; i < piece->n && h->n < HEARD_MAX; i++)
		h->tokens[h->n++] = piece->choices[i].token;
	h->pieces++;
	if (h->cancel_at && h->n >= h->cancel_at && h->job)
		job_cancel(h->job);
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

static void hear_end(void *arg, const struct job_ended *ended)
{
	struct heard *h = arg;

	pthread_mutex_lock(&h->lock);
	h->n_ended++;
	h->ended = *ended;
	(void)snprintf(
	    h->error, sizeof(h->error), "%s", ended->error ? ended->error : "");
	if (h->on_end)
		h->on_end(h->arg, h);
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

void heard_init(struct heard *h)
{
	*h = (struct heard){.n = 0};
	pthread_mutex_init(&h->lock, NULL);
	pthread_cond_init(&h->changed, NULL);
}

struct job_watch heard_watch(struct heard *h)
{
	return (struct job_watch){
	    .piece = hear_piece, .ended = hear_end, .arg = h};
}

struct job_options heard_options(
    struct heard *h, const uint32_t *prompt, uint32_t n, uint32_t max_tokens)
{
	heard_init(h);
	return (struct job_options){
	    .prompt = prompt,
	    .n_prompt = n,
	    .generate = {.max_tokens = max_tokens},
	    .watch = heard_watch(h),
	};
}

void heard_start(
    struct heard *h, struct lane *lane, const struct job_options *options)
{
	struct error err;
	struct job_offer offer = job_new(lane, options, &err);

	if (offer.refusal != JOB_TAKEN)
		fail_msg("refused: %d", offer.refusal);
	pthread_mutex_lock(&h->lock);
	h->job = offer.job;
	if (h->cancel_at && h->n >= h->cancel_at)
		job_cancel(h->job);
	pthread_mutex_unlock(&h->lock);
}

void heard_wait_tokens(struct heard *h, uint32_t n)
{
	pthread_mutex_lock(&h->lock);
	while (h->n < n && h->n_ended == 0)
		pthread_cond_wait(&h->changed, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void heard_wait(struct heard *h)
{
	pthread_mutex_lock(&h->lock);
	while (h->n_ended == 0)
		pthread_cond_wait(&h->changed, &h->lock);
	pthread_mutex_unlock(&h->lock);
}

void heard_done(struct heard *h)
{
	heard_wait(h);
	job_drop(&h->job);
	pthread_cond_destroy(&h->changed);
	pthread_mutex_destroy(&h->lock);
}

/* --- alone ---------------------------------------------------------------- */

uint32_t write_alone(const struct checkpoint *checkpoint,
    const struct job_options *options, uint32_t *ids)
{
	struct generate_request request = {
	    .prompt = options->prompt,
	    .n = options->n_prompt,
	    .options = options->generate,
	};
	struct generated out;
	struct error err;
	struct generator *g = generator_new(checkpoint, &err);
	uint32_t n;

	assert_non_null(g);
	if (generate(g, &request, &out, &err) != OK)
		fail_msg("%s", err.text);
	n = (uint32_t)out.ids.len;
	assert_true(n <= HEARD_MAX);
	memcpy(ids, out.ids.ids, n * sizeof(*ids));
	generated_free(&out);
	generator_free(&g);
	return n;
}

void make_prompt(uint32_t *ids, uint32_t n, uint32_t seed, uint32_t vocab)
{
	uint64_t state = seed;

	for (uint32_t i = 0; i < n; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695041;
		ids[i] = 3 + (uint32_t)(state >> 33) % (vocab - 3);
	}
}
