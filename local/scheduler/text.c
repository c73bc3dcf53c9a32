/* text.c -- one step of the texts of a lane. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/scheduler/internal.h"

/* What a step has to compute. */
struct plan {
	uint32_t n;          /* parts: lane->parts and lane->planned */
	uint32_t n_logits;   /* rows of lane->logits in use */
	uint32_t rows;       /* tokens */
	uint32_t n_decoding; /* of them, those that are written */
};

/* Tokens of the text that were not computed yet; never none. */
static uint32_t pending(const struct text *t)
{
	return t->n_tokens - session_length(t->session);
}

/* Pieces end at pages' borders, but for the last. */
static uint32_t cut_piece(const struct text *t, uint32_t budget)
{
	uint32_t n = pending(t), from = session_length(t->session), end;

	if (n <= budget)
		return n;
	end = (from + budget) / KV_PAGE_TOKENS * KV_PAGE_TOKENS;
	return end > from ? end - from : budget;
}

static void add_part(struct plan *plan, struct job *job, uint32_t n)
{
	struct lane *lane = job->lane;
	struct text *t = job->text;
	struct session_part *part = &lane->parts[plan->n];

	*part = (struct session_part){
	    .session = t->session,
	    .tokens = t->tokens + session_length(t->session),
	    .n = n,
	};
	if (n == pending(t))
		part->logits =
		    lane->logits + (size_t)plan->n_logits++ * lane->info.vocab;
	lane->planned[plan->n++] = job;
	plan->rows += n;
}

/* What others computed since the text was let in. */
static void take_over(struct job *job)
{
	uint32_t n = chain_adopt(job) * KV_PAGE_TOKENS;

	if (n == 0 || job->was_preempted)
		return;
	job->use.cached_tokens += n;
	job->lane->now.cached_tokens += n;
}

/* The prompt with the fewest tokens left, of equal ones the first to come. */
static struct job *find_shortest(struct lane *lane)
{
	struct job *shortest = NULL;

	list_for_each(at, &lane->running) {
		struct job *job = container_of(at, struct job, link);

		if (job->text->is_ready &&
		    (!shortest || pending(job->text) < pending(shortest->text)))
			shortest = job;
	}
	return shortest;
}

static struct job *find_first(struct lane *lane)
{
	list_for_each(at, &lane->running) {
		struct job *job = container_of(at, struct job, link);

		if (job->text->is_ready)
			return job;
	}
	return NULL;
}

static void add_piece(struct plan *plan, struct job *job, uint32_t budget)
{
	job->text->is_ready = false;
	if (budget > 0)
		add_part(plan, job, cut_piece(job->text, budget));
}

/*
 * The shortest prompts first, so that short ones do not wait for a long one;
 * but the one that came first gets half of what there is, so that it gets on.
 */
static void plan_prompts(struct lane *lane, struct plan *plan)
{
	uint32_t budget = lane->options.budget;
	struct job *job = find_first(lane);

	if (job && job != find_shortest(lane) && plan->rows < budget)
		add_piece(plan, job, (budget - plan->rows + 1) / 2);
	while (plan->rows < budget && (job = find_shortest(lane)) != NULL)
		add_piece(plan, job, budget - plan->rows);
}

/* First who writes, a token each; then prompts that wait for nobody. */
static struct plan make_plan(struct lane *lane)
{
	struct plan plan = {.n = 0};

	list_for_each(at, &lane->running) {
		struct job *job = container_of(at, struct job, link);

		job->text->is_ready = false;
		if (pending(job->text) == 1)
			add_part(&plan, job, 1);
	}
	plan.n_decoding = plan.n;
	list_for_each(at, &lane->running) {
		struct job *job = container_of(at, struct job, link);

		if (pending(job->text) == 1)
			continue;
		take_over(job);
		job->text->is_ready = !chain_awaits(job);
	}
	plan_prompts(lane, &plan);
	return plan;
}

/* --- what came of it ------------------------------------------------------ */

/* Ends a text by itself, giving out what was held back. */
static void finish(struct job *job, enum job_end end, bool is_over)
{
	struct text *t = job->text;
	struct error err;

	if (!is_over && writer_finish(t->writer, &is_over, &err) != OK) {
		job_end(job, JOB_FAILED, err.text);
		return;
	}
	told_give(job);
	admit_learn(job->lane, t->written);
	job_end(job, is_over ? JOB_STOP : end, NULL);
}

static void append(struct text *t, uint32_t token)
{
	if (t->n_tokens == t->cap) {
		t->cap *= 2;
		t->tokens = mem_realloc(t->tokens, t->cap * sizeof(*t->tokens));
	}
	t->tokens[t->n_tokens++] = token;
}

/* Whether something can follow: a grammar may allow what nothing spells. */
static bool may_go_on(const struct text *t)
{
	return !t->bound.is_on || t->bound.has_mask;
}

/* Chooses what follows, for each part apart: a look at a whole vocabulary. */
static void choose_some(void *arg, uint32_t first, uint32_t n)
{
	const struct lane *lane = arg;

	for (uint32_t i = first; i < first + n; i++) {
		const float *logits = lane->parts[i].logits;
		struct sample_mask mask;
		struct text *t;

		if (!lane->planned[i] || !logits)
			continue;
		t = lane->planned[i]->text;
		if (!may_go_on(t))
			continue;
		mask = (struct sample_mask){t->bound.words, t->bound.n_words};
		t->choice = sampler_choose(
		    t->sampler, logits, t->bound.is_on ? &mask : NULL);
	}
}

/* Takes what was chosen and tells of it. */
static void go_on(struct job *job, const float *logits)
{
	struct text *t = job->text;
	struct bound_step step;
	struct error err;
	bool is_over;

	if (!may_go_on(t)) {
		job_end(job, JOB_FAILED,
		    "the vocabulary has no token for what must come next");
		return;
	}
	if (ends_have(&job->lane->ends, t->choice.token)) {
		finish(job, JOB_STOP, false);
		return;
	}
	if (!bound_accept(&t->bound,
		checkpoint_tokenizer(job->lane->checkpoint), t->choice.token,
		&step)) {
		job_end(job, JOB_FAILED,
		    "the answer does not begin as its grammar asks");
		return;
	}
	t->written++;
	append(t, t->choice.token);
	told_add(job, &t->choice, logits, step.is_free);
	if (writer_push(t->writer, t->choice.token, &is_over, &err) != OK)
		job_end(job, JOB_FAILED, err.text);
	else if (is_over || step.is_over || t->written == t->limit)
		finish(job, step.is_over ? JOB_STOP : JOB_LENGTH, is_over);
	else
		told_give(job);
}

/* Each part alone, when not all could be computed: whose fault is it? */
static void run_apart(struct lane *lane, const struct plan *plan)
{
	struct error err;

	for (uint32_t i = 0; i < plan->n; i++) {
		struct job *job = lane->planned[i];

		if (session_run(&lane->parts[i], 1, &err) == OK)
			continue;
		lane->planned[i] = NULL;
		job_end(job, JOB_FAILED, err.text);
	}
}

/* Divides the step's time by rows, and learns what a token takes. */
static void account(struct lane *lane, const struct plan *plan, int64_t took)
{
	double row = (double)took / plan->rows, written;
	uint32_t prompt = plan->rows - plan->n_decoding;

	lane->now.rows += plan->rows;
	for (uint32_t i = 0; i < plan->n; i++) {
		if (lane->planned[i])
			lane->planned[i]->use.busy_ns +=
			    (int64_t)(row * lane->parts[i].n);
	}
	if (prompt == 0) {
		late_mean(&lane->now.output_token_ns, row);
		return;
	}
	/* A row that is written costs what it did alone, or its share. */
	written = lane->now.output_token_ns;
	if (written <= 0 || written > row)
		written = row;
	late_mean(&lane->now.prompt_token_ns,
	    ((double)took - written * plan->n_decoding) / prompt);
}

/* What is cached goes where the step needs the memory. */
static void make_room(struct lane *lane, const struct plan *plan)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < plan->n; i++) {
		struct session *s = lane->parts[i].session;

		sum += kv_needs(
		    session_kv(s), session_length(s) + lane->parts[i].n);
	}
	(void)prefix_make_room(lane->prefix, sum);
}

static void enter_pages(struct lane *lane, const struct plan *plan)
{
	for (uint32_t i = 0; i < plan->n; i++) {
		struct session_part *part = &lane->parts[i];

		if (lane->planned[i])
			chain_enter(lane->planned[i],
			    session_length(part->session) - part->n);
	}
}

/* Those of the step whose next token a grammar binds. */
static uint32_t find_bound(struct lane *lane, const struct plan *plan)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < plan->n; i++) {
		struct text *t = lane->planned[i]->text;

		if (lane->parts[i].logits && t->bound.is_on)
			lane->bound[n++] = t;
	}
	return n;
}

void text_step(struct lane *lane)
{
	struct masks *masks = lane->scheduler->masks;
	int64_t from = clock_mono_ns();
	enum result result;
	struct plan plan;
	struct error err;

	admit_secure(lane);
	plan = make_plan(lane);
	if (plan.n == 0)
		return;
	make_room(lane, &plan);
	masks_start(masks, lane->bound, find_bound(lane, &plan));
	result = session_run(lane->parts, plan.n, &err);
	masks_wait(masks);
	if (result != OK)
		run_apart(lane, &plan);
	enter_pages(lane, &plan);
	account(lane, &plan, clock_mono_ns() - from);
	cpu_each(lane->model->cpu, plan.n, choose_some, lane);
	for (uint32_t i = 0; i < plan.n; i++) {
		if (lane->planned[i] && lane->parts[i].logits)
			go_on(lane->planned[i], lane->parts[i].logits);
	}
}
