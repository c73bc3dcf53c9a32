/* job.c -- what is asked of a lane: taking it, ending it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/scheduler/internal.h"

#define TOPS_MAX 20
#define RETRY_UNKNOWN_NS NS_PER_S
#define RETRY_MIN_NS (100 * NS_PER_MS)

/* --- life ----------------------------------------------------------------- */

static void free_text(struct text *t)
{
	if (!t)
		return;
	session_free(&t->session);
	sampler_free(&t->sampler);
	writer_free(&t->writer);
	told_free(&t->told);
	chain_free(&t->chain);
	bound_free(&t->bound);
	free(t->biases);
	free(t->tokens);
	free(t);
}

static void free_encoding(struct encoding *e)
{
	if (!e)
		return;
	free(e->texts);
	free(e->tokens);
	free(e->values);
	free(e);
}

static void drop(struct job *job)
{
	if (atomic_fetch_sub(&job->refs, 1) != 1)
		return;
	free_text(job->text);
	free_encoding(job->encoding);
	free((void *)(uintptr_t)job->tenant_name.ptr);
	free(job);
}

void job_drop(struct job **job)
{
	if (!*job)
		return;
	drop(*job);
	*job = NULL;
}

/*
 * The thread looks at every job between two steps, and does not sleep while
 * there is one: so this wakes nobody.
 */
void job_cancel(struct job *job)
{
	atomic_store(&job->is_cancelled, true);
}

static struct job *make_job(struct lane *lane, struct span tenant, int priority)
{
	struct job *job = mem_new(struct job);

	job->lane = lane;
	job->refs = 2; /* the caller's and the lane's */
	job->priority = priority;
	job->tenant_name = span_make(span_dup(tenant), tenant.len);
	job->came_ns = clock_mono_ns();
	list_init(&job->link);
	return job;
}

/* --- taking --------------------------------------------------------------- */

static struct job_offer refuse(enum job_refusal why)
{
	return (struct job_offer){.refusal = why};
}

/*
 * A place is free when the next text ends, or when the queue's next one is let
 * in: both as often as texts ended of late.
 */
static int64_t guess_retry(const struct lane *lane)
{
	int64_t ns = lane->leave_ns ? lane->leave_ns : RETRY_UNKNOWN_NS;

	return ns < RETRY_MIN_NS ? RETRY_MIN_NS : ns;
}

/* Places for who waits: the queue's, and those where somebody may run now. */
static uint32_t places(const struct lane *lane)
{
	uint32_t batch = lane->options.batch, running = lane->stats.running;

	return lane->options.queue +
	       (lane->is_blocked || running >= batch ? 0 : batch - running);
}

/* Gives the job to the lane, or frees it. */
static struct job_offer offer(
    struct lane *lane, struct job *job, struct error *err)
{
	struct scheduler *s = lane->scheduler;
	struct job_offer offer = {.job = job};

	pthread_mutex_lock(&s->lock);
	if (lane->is_closing) {
		offer.refusal = JOB_CLOSED;
		error_set(err, "%s is closing", lane->options.name);
	} else if (lane->stats.waiting + lane->n_arrivals >= places(lane)) {
		offer.refusal = JOB_FULL;
		error_set(err, "%s: %u texts wait already", lane->options.name,
		    lane->stats.waiting + lane->n_arrivals);
		offer.retry_ns = guess_retry(lane);
		lane->n_refused++;
	} else {
		list_push_back(&lane->arrivals, &job->link);
		lane->n_arrivals++;
		pthread_cond_signal(&s->work);
	}
	pthread_mutex_unlock(&s->lock);
	if (offer.refusal == JOB_TAKEN)
		return offer;
	drop(job);
	drop(job);
	offer.job = NULL;
	return offer;
}

static struct writer_options writing(
    const struct lane *lane, const struct job_options *o)
{
	return (struct writer_options){
	    .tokenizer = checkpoint_tokenizer(lane->checkpoint),
	    .stops = o->generate.stops,
	    .n_stops = o->generate.n_stops,
	    .shown = o->shown,
	    .n_shown = o->n_shown,
	};
}

static bool are_valid(
    const struct lane *lane, const struct job_options *o, struct error *err)
{
	struct writer_options w = writing(lane, o);

	if (lane->info.is_encoder)
		error_set(err, "%s is an encoder: it writes no text",
		    lane->options.name);
	else if (o->n_prompt == 0)
		error_set(err, "the prompt has no tokens");
	else if (o->generate.max_tokens == 0)
		error_set(err, "max_tokens must be at least 1");
	else if (o->grammar && !w.tokenizer)
		error_set(err, "%s has no tokenizer: no grammar can hold it",
		    lane->options.name);
	else if (o->n_tops > TOPS_MAX)
		error_set(err, "top_logprobs must be 0 to %d, got %u", TOPS_MAX,
		    o->n_tops);
	else
		return writer_check(&w, err) == OK &&
		       sample_check(
			   &o->generate.sample, lane->info.vocab, err) == OK;
	return false;
}

static bool are_tokens(
    const struct lane *lane, const struct job_options *o, struct error *err)
{
	for (size_t i = 0; i < o->n_prompt; i++) {
		if (o->prompt[i] < lane->info.vocab)
			continue;
		error_set(err, "token %zu of the prompt: id %u is not below %u",
		    i, o->prompt[i], lane->info.vocab);
		return false;
	}
	return true;
}

static struct text *make_text(
    const struct lane *lane, const struct job_options *o, uint32_t limit)
{
	const struct sample_options *sample = &o->generate.sample;
	struct writer_options w = writing(lane, o);
	struct text *t = mem_new(struct text);

	t->n_prompt = t->n_tokens = (uint32_t)o->n_prompt;
	t->cap = t->n_tokens + 64;
	t->tokens = mem_alloc(t->cap * sizeof(*t->tokens));
	memcpy(t->tokens, o->prompt, o->n_prompt * sizeof(*t->tokens));
	t->sample = *sample;
	t->biases = mem_alloc(sample->n_biases * sizeof(*t->biases));
	if (sample->n_biases)
		memcpy(t->biases, sample->biases,
		    sample->n_biases * sizeof(*t->biases));
	t->sample.biases = t->biases;
	t->limit = limit;
	t->room = t->n_prompt + limit;
	t->n_tops = o->n_tops;
	t->writer = writer_new(&w);
	t->watch = o->watch;
	told_init(&t->told);
	bound_init(&t->bound, o->grammar, o->grammar_after);
	return t;
}

struct job_offer job_new(
    struct lane *lane, const struct job_options *options, struct error *err)
{
	const struct generate_options *g = &options->generate;
	struct job *job;
	uint32_t room;

	assert(options->watch.ended);
	if (!are_valid(lane, options, err) || !are_tokens(lane, options, err))
		return refuse(JOB_INVALID);
	pthread_mutex_lock(&lane->scheduler->lock);
	room = lane->room;
	pthread_mutex_unlock(&lane->scheduler->lock);
	if (g->max_context && g->max_context < room)
		room = g->max_context;
	if (options->n_prompt >= room) {
		error_set(err,
		    "the prompt has %zu tokens, a text may have %u: no room "
		    "for an answer",
		    options->n_prompt, room);
		return refuse(JOB_TOO_LONG);
	}
	room -= (uint32_t)options->n_prompt;
	job = make_job(lane, options->tenant, options->priority);
	job->text = make_text(
	    lane, options, g->max_tokens < room ? g->max_tokens : room);
	job->use.prompt_tokens = job->text->n_prompt;
	return offer(lane, job, err);
}

/* --- encoders ------------------------------------------------------------- */

static bool is_text_valid(const struct lane *lane,
    const struct model_text *text, uint32_t at, struct error *err)
{
	if (text->n == 0 || text->n > lane->options.context) {
		error_set(err, "text %u has %u tokens: must be 1 to %u", at,
		    text->n, lane->options.context);
		return false;
	}
	for (uint32_t i = 0; i < text->n; i++) {
		if (text->tokens[i] < lane->info.vocab)
			continue;
		error_set(err, "text %u, token %u: id %u is not below %u", at,
		    i, text->tokens[i], lane->info.vocab);
		return false;
	}
	return true;
}

static struct encoding *make_encoding(
    const struct lane *lane, const struct encode_options *o)
{
	struct encoding *e = mem_new(struct encoding);
	size_t n = 0;

	for (uint32_t i = 0; i < o->n_texts; i++)
		n += (size_t)o->texts[i].n * (o->texts[i].types ? 2 : 1);
	e->n = o->n_texts;
	e->texts = mem_alloc(e->n * sizeof(*e->texts));
	e->tokens = mem_alloc(n * sizeof(*e->tokens));
	n = 0;
	for (uint32_t i = 0; i < e->n; i++) {
		const struct model_text *from = &o->texts[i];
		size_t bytes = from->n * sizeof(*e->tokens);

		e->texts[i].n = from->n;
		e->texts[i].tokens = memcpy(e->tokens + n, from->tokens, bytes);
		n += from->n;
		e->texts[i].types = NULL;
		if (!from->types)
			continue;
		e->texts[i].types = memcpy(e->tokens + n, from->types, bytes);
		n += from->n;
	}
	e->classifies = o->classifies;
	e->width = o->classifies ? lane->info.n_labels : lane->info.hidden;
	e->values = mem_alloc((size_t)e->n * e->width * sizeof(*e->values));
	e->ended = o->ended;
	e->arg = o->arg;
	return e;
}

struct job_offer encode_new(
    struct lane *lane, const struct encode_options *options, struct error *err)
{
	struct job *job;

	assert(options->ended);
	if (!lane->info.is_encoder || options->n_texts == 0 ||
	    (options->classifies && lane->info.n_labels == 0)) {
		error_set(err, "%s %s", lane->options.name,
		    !lane->info.is_encoder  ? "is no encoder"
		    : options->n_texts == 0 ? "was given no text"
					    : "does not classify");
		return refuse(JOB_INVALID);
	}
	for (uint32_t i = 0; i < options->n_texts; i++) {
		if (!is_text_valid(lane, &options->texts[i], i, err))
			return refuse(JOB_INVALID);
	}
	job = make_job(lane, options->tenant, options->priority);
	job->encoding = make_encoding(lane, options);
	for (uint32_t i = 0; i < options->n_texts; i++)
		job->use.prompt_tokens += options->texts[i].n;
	return offer(lane, job, err);
}

/* --- ending --------------------------------------------------------------- */

static void count_end(struct lane *lane, enum job_end end)
{
	struct lane_stats *now = &lane->now;
	int64_t at = clock_mono_ns();

	if (end == JOB_STOP || end == JOB_LENGTH)
		now->finished++;
	else if (end == JOB_CANCELLED)
		now->cancelled++;
	else if (end == JOB_FAILED)
		now->failed++;
	else
		now->refused++;
	if (end == JOB_LATE || end == JOB_UNSPELLED)
		return;
	if (lane->last_end)
		late_mean(&lane->leave, (double)(at - lane->last_end));
	lane->last_end = lane->n_jobs > 1 ? at : 0;
}

static void tell_end(struct job *job, enum job_end end, const char *error)
{
	struct text *t = job->text;
	struct encoding *e = job->encoding;

	if (t) {
		struct job_ended ended = {.end = end,
		    .use = job->use,
		    .summary = t->summary,
		    .error = error};

		t->watch.ended(t->watch.arg, &ended);
	} else {
		struct encode_result result = {.end = end,
		    .values = end == JOB_STOP ? e->values : NULL,
		    .width = e->width,
		    .use = job->use,
		    .error = error};

		e->ended(e->arg, &result);
	}
}

void job_end(struct job *job, enum job_end end, const char *error)
{
	struct lane *lane = job->lane;

	list_remove(&job->link);
	if (job->is_running)
		lane->n_running--;
	job->is_running = false;
	if (job->text) {
		chain_leave(job);
		session_free(&job->text->session);
		sampler_free(&job->text->sampler);
	}
	if (!job->was_admitted)
		job->use.waited_ns = clock_mono_ns() - job->came_ns;
	queue_charge(job, job->was_admitted ? job->use.prompt_tokens -
						  job->use.cached_tokens +
						  job->use.output_tokens
					    : 0);
	count_end(lane, end);
	queue_leave(job);
	lane_publish(lane);
	tell_end(job, end, error);
	/* Who holds the job still may outlive the checkpoint. */
	free_text(job->text);
	free_encoding(job->encoding);
	job->text = NULL;
	job->encoding = NULL;
	drop(job);
}
