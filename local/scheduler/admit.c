/* admit.c -- memory for texts: reserving it, taking it back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "local/scheduler/internal.h"

/*
 * A text is let in when there is memory for its prompt and for what it is
 * expected to write: as much as the lane's texts wrote of late and a quarter
 * more, at most what it may. What is in use and what is promised never pass the
 * lane's share, so a step never runs out.
 *
 * A text that writes more than was expected asks for more. When there is none,
 * the running text that came last gives its memory back; when it is let in
 * again, it gets all that it may need, never asks again and so is not taken
 * back a second time. The one that came first is never taken back by others,
 * so somebody always gets on.
 */
#define EXPECTED_FIRST 256 /* while too few texts have ended */
#define ENOUGH_TEXTS 4
#define MARGIN 32
#define EXTENSION 64 /* tokens asked for at a time */

void admit_learn(struct lane *lane, uint32_t written)
{
	if (lane->n_written++ == 0)
		lane->mean_written = written;
	else
		lane->mean_written += (written - lane->mean_written) / 16;
}

/* Tokens that the text will yet write, as far as one can tell. */
static uint32_t expect(const struct lane *lane, const struct text *t)
{
	double mean = lane->mean_written;
	uint32_t left = t->limit - t->written, expected = EXPECTED_FIRST;

	if (lane->n_written >= ENOUGH_TEXTS)
		expected = (uint32_t)(mean + mean / 4) + MARGIN;
	return expected < left ? expected : left;
}

/* Bytes that are in use or promised. */
static uint64_t committed(const struct lane *lane)
{
	uint64_t sum = kv_pool_used(lane->model->kv);

	list_for_each(at, &lane->running) {
		struct text *t = container_of(at, struct job, link)->text;
		uint64_t held = kv_bytes(session_kv(t->session));
		uint64_t most = model_kv_bytes(lane->model, t->reserved);

		if (most > held)
			sum += most - held;
	}
	return sum;
}

static bool is_within(const struct lane *lane)
{
	return committed(lane) <= lane->kv_now;
}

/* Among the running ones by arrival. */
static void insert_running(struct lane *lane, struct job *job)
{
	struct list *at = lane->running.prev;

	while (at != &lane->running &&
	       container_of(at, struct job, link)->number > job->number)
		at = at->prev;
	list_remove(&job->link);
	list_push_front(at, &job->link);
	job->is_running = true;
	lane->n_running++;
}

static void back_to_waiting(struct job *job)
{
	struct lane *lane = job->lane;

	chain_leave(job);
	session_free(&job->text->session);
	list_remove(&job->link);
	list_push_back(&lane->waiting, &job->link);
	job->is_running = false;
	lane->n_running--;
}

void admit_preempt(struct job *job)
{
	struct text *t = job->text;

	log_info(job->lane->options.name, "engine_preempted",
	    "tokens=%u reserved=%u", session_length(t->session), t->reserved);
	t->most = session_length(t->session);
	back_to_waiting(job);
	job->was_preempted = true;
	job->use.preempted++;
	job->lane->now.preempted++;
}

/* --- letting in ----------------------------------------------------------- */

/* What changes when a text is let in for the first time. */
static void begin(struct job *job, int64_t now)
{
	struct lane *lane = job->lane;
	struct text *t = job->text;

	job->was_admitted = true;
	job->use.waited_ns = now - job->came_ns;
	if (!t)
		return;
	job->use.cached_tokens = session_length(t->session);
	lane->now.prompt_tokens += t->n_prompt;
	lane->now.cached_tokens += job->use.cached_tokens;
	t->sampler = sampler_new(&t->sample, lane->info.vocab, NULL);
	assert(t->sampler); /* its options were checked */
	sampler_see(t->sampler, t->tokens, t->n_prompt);
}

/* FAILED when the lane's share has become too small for the text. */
static enum result fit_room(struct job *job)
{
	struct text *t = job->text;
	uint32_t room = job->lane->room_now;

	if (t->n_prompt + t->limit <= room)
		return OK;
	if (t->n_tokens >= room)
		return FAILED;
	t->limit = room - t->n_prompt;
	return OK;
}

/* Whether the text fits beside those that run; it runs then. */
static bool let_in(struct job *job)
{
	struct lane *lane = job->lane;
	struct text *t = job->text;

	t->session = session_new(lane->model, t->room, NULL);
	assert(t->session); /* it is within the context */
	(void)chain_adopt(job);
	t->reserved = job->was_preempted ? t->n_prompt + t->limit
					 : t->n_tokens + expect(lane, t);
	insert_running(lane, job);
	if (is_within(lane))
		return true;
	back_to_waiting(job);
	return false;
}

static bool admit_text(struct job *job, int64_t now)
{
	struct lane *lane = job->lane;
	struct text *t = job->text;
	struct error err;

	if (vocab_bind(job, &err) != OK) {
		job_end(job, JOB_UNSPELLED, err.text);
		return true;
	}
	if (fit_room(job) != OK) {
		job_end(job, JOB_FAILED,
		    "other models took the memory that the text needs");
		return true;
	}
	if (!let_in(job)) {
		if (lane->n_running > 0)
			return false;
		job_end(job, JOB_FAILED,
		    "no memory is free for its keys and values");
		return true;
	}
	if (!job->was_admitted) {
		begin(job, now);
		queue_charge(job,
		    t->n_tokens - job->use.cached_tokens + expect(lane, t));
	} else {
		uint32_t kept = session_length(t->session);

		lane->now.recomputed_tokens +=
		    t->most > kept ? t->most - kept : 0;
	}
	return true;
}

void admit_next(struct lane *lane, int64_t now)
{
	struct job *job;

	lane->waits_for_memory = false;
	while (lane->n_running < lane->options.batch &&
	       (job = queue_next(lane)) != NULL) {
		if (job->encoding) {
			insert_running(lane, job);
			begin(job, now);
			queue_charge(job, job->use.prompt_tokens);
		} else if (!admit_text(job, now)) {
			lane->waits_for_memory = true;
			break;
		}
		/* A text may have ended, and be gone. */
	}
}

/* --- more than was expected ----------------------------------------------- */

/* Asks for memory for the text's next token, and some more if there is. */
static bool extend(struct job *job)
{
	struct text *t = job->text;
	uint32_t had = t->reserved, most = t->n_prompt + t->limit;

	if (t->n_tokens <= had)
		return true;
	t->reserved = had + EXTENSION < most ? had + EXTENSION : most;
	if (t->reserved >= t->n_tokens && is_within(job->lane))
		return true;
	t->reserved = t->n_tokens;
	if (is_within(job->lane))
		return true;
	t->reserved = had;
	return false;
}

/* The running text that came last, of those that may be taken back. */
static struct job *find_victim(struct lane *lane, bool takes_any)
{
	struct list *at = lane->running.prev;

	for (; at != &lane->running; at = at->prev) {
		struct job *job = container_of(at, struct job, link);

		if (takes_any || !job->was_preempted)
			return job;
	}
	return NULL;
}

/* True when the text goes on; false when it does not run any more. */
static bool secure(struct job *job)
{
	struct lane *lane = job->lane;

	while (!extend(job)) {
		struct job *victim;

		if (lane->n_running == 1) {
			job_end(job, JOB_FAILED,
			    "no memory is left for its keys and values");
			return false;
		}
		victim = find_victim(lane, false);
		admit_preempt(victim ? victim : job);
		if (!job->is_running)
			return false;
	}
	return true;
}

void admit_secure(struct lane *lane)
{
	struct list *at, *before = &lane->running;

	/* Other lanes may have come and taken a share. */
	while (lane->n_running > 1 && !is_within(lane))
		admit_preempt(find_victim(lane, true));
	while ((at = before->next) != &lane->running) {
		if (secure(container_of(at, struct job, link)))
			before = at;
	}
}
