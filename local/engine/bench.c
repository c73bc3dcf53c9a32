/* bench.c -- how fast a model runs here. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/bench.h"

#include <stdlib.h>
#include <sys/resource.h>

#include "local/engine/machine.h"

#define READ_MAX ((uint64_t)256 << 20) /* past any cache's size */
#define READ_LEAST ((uint64_t)8 << 20)

struct watch {
	int64_t wall;
	double cpu;
};

static double cpu_seconds(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
}

static struct watch watch_start(void)
{
	return (struct watch){clock_mono_ns(), cpu_seconds()};
}

static void watch_stop(
    struct watch watch, uint64_t tokens, struct bench_time *out)
{
	out->wall_s = (double)(clock_mono_ns() - watch.wall) / (double)NS_PER_S;
	out->cpu_s = cpu_seconds() - watch.cpu;
	out->tokens = tokens;
}

/* Bytes of this process's memory that are no file's. */
static void note_peak(struct bench_result *out)
{
	uint64_t kib;

	if (machine_number("/proc/self/status", "RssAnon:", &kib) &&
	    kib * 1024 > out->peak_bytes)
		out->peak_bytes = kib * 1024;
}

struct bench {
	struct model *model;
	const struct bench_options *options;
	struct bench_result *out;
	struct model_info info;
	uint32_t *prompt;          /* (options->prompt) */
	struct session **sessions; /* (batch) */
	uint32_t *next;            /* (batch) */
	float *logits;             /* (batch, vocab) */
	struct error *err;
};

/* Ids from all over the vocabulary, the same each time. */
static void make_prompt(struct bench *b)
{
	uint64_t state = 1;

	for (uint32_t i = 0; i < b->options->prompt; i++) {
		state = state * 6364136223846793005U + 1442695040888963407U;
		b->prompt[i] = (uint32_t)((state >> 33) % b->info.vocab);
	}
}

static uint32_t find_best(const float *logits, uint32_t n)
{
	float highest = logits[0];
	uint32_t best = 0;

	for (uint32_t i = 1; i < n; i++) {
		if (logits[i] > highest) {
			highest = logits[i];
			best = i;
		}
	}
	return best;
}

static void choose(struct bench *b)
{
	for (uint32_t i = 0; i < b->options->batch; i++)
		b->next[i] = find_best(
		    b->logits + (size_t)i * b->info.vocab, b->info.vocab);
}

static enum result prefill(struct bench *b)
{
	const struct bench_options *o = b->options;
	struct watch watch = watch_start();

	for (uint32_t i = 0; i < o->batch; i++) {
		float *logits = b->logits + (size_t)i * b->info.vocab;

		if (session_feed(b->sessions[i], b->prompt, o->prompt, logits,
			b->err) != OK)
			return FAILED;
	}
	watch_stop(watch, (uint64_t)o->batch * o->prompt, &b->out->prefill);
	note_peak(b->out);
	return OK;
}

static enum result decode(struct bench *b)
{
	const struct bench_options *o = b->options;
	struct watch watch = watch_start();
	uint64_t bytes = b->info.step_bytes * o->tokens;

	for (uint32_t k = 0; k < o->tokens; k++) {
		choose(b);
		if (session_step(b->sessions, b->next, o->batch, b->logits,
			b->err) != OK)
			return FAILED;
	}
	watch_stop(watch, (uint64_t)o->batch * o->tokens, &b->out->decode);
	if (b->out->decode.wall_s > 0)
		b->out->decode_bytes_s = (double)bytes / b->out->decode.wall_s;
	note_peak(b->out);
	return OK;
}

/* The first step finds no page warm and no buffer made: it is not counted. */
static enum result warm_up(struct bench *b)
{
	struct session *session = session_new(b->model, 1, b->err);
	enum result result;

	if (!session)
		return FAILED;
	result = session_feed(session, b->prompt, 1, b->logits, b->err);
	session_free(&session);
	return result;
}

static enum result open_sessions(struct bench *b)
{
	const struct bench_options *o = b->options;

	for (uint32_t i = 0; i < o->batch; i++) {
		b->sessions[i] =
		    session_new(b->model, o->prompt + o->tokens, b->err);
		if (!b->sessions[i])
			return FAILED;
	}
	return OK;
}

static enum result run_decoder(struct bench *b)
{
	uint32_t batch = b->options->batch;
	enum result result = FAILED;

	b->sessions = mem_zalloc(batch * sizeof(*b->sessions));
	b->next = mem_alloc(batch * sizeof(*b->next));
	b->logits =
	    mem_alloc((size_t)batch * b->info.vocab * sizeof(*b->logits));
	if (warm_up(b) == OK && open_sessions(b) == OK && prefill(b) == OK)
		result = b->options->tokens ? decode(b) : OK;
	for (uint32_t i = 0; i < batch; i++)
		session_free(&b->sessions[i]);
	free(b->sessions);
	free(b->next);
	free(b->logits);
	return result;
}

static enum result run_encoder(struct bench *b)
{
	const struct bench_options *o = b->options;
	struct model_text *texts = mem_alloc(o->batch * sizeof(*texts));
	float *out =
	    mem_alloc((size_t)o->batch * b->info.hidden * sizeof(*out));
	enum result result;
	struct watch watch;

	for (uint32_t i = 0; i < o->batch; i++)
		texts[i] =
		    (struct model_text){.tokens = b->prompt, .n = o->prompt};
	result = model_embed(b->model, texts, 1, out, b->err);
	watch = watch_start();
	if (result == OK)
		result = model_embed(b->model, texts, o->batch, out, b->err);
	watch_stop(watch, (uint64_t)o->batch * o->prompt, &b->out->prefill);
	note_peak(b->out);
	free(texts);
	free(out);
	return result;
}

enum result bench_run(struct model *model, const struct bench_options *options,
    struct bench_result *out, struct error *err)
{
	struct bench b = {
	    .model = model,
	    .options = options,
	    .out = out,
	    .info = model_info(model),
	    .prompt = mem_alloc(options->prompt * sizeof(uint32_t)),
	    .err = err,
	};
	uint64_t bytes =
	    options->memory < READ_MAX ? options->memory : READ_MAX;
	enum result result;

	*out = (struct bench_result){.peak_bytes = 0};
	make_prompt(&b);
	result = b.info.is_encoder ? run_encoder(&b) : run_decoder(&b);
	free(b.prompt);
	if (result == OK)
		out->read_bytes_s = bench_read_memory(
		    options->threads, bytes < READ_LEAST ? READ_LEAST : bytes);
	return result;
}
