/* scheduler_bench.c -- what texts together gain, and prompts that are cached.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/local.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

/*
 * usage: scheduler_bench MODEL [THREADS [ROUNDS [TEXTS]]]
 * Interleaves, ROUNDS times: one text of TOKENS tokens; TEXTS such texts at
 * once; the same of one text drawn from; the time to the first token of a
 * prompt of PROMPT tokens that is new, and of the same again. Prints the best
 * of each by wall time, tokens a second, and the CPU time of the whole process.
 */
#define TOKENS 96
#define SHORT_PROMPT 24
#define PROMPT 1000
#define TEXTS_MAX 64

struct bench {
	struct checkpoint *checkpoint;
	struct scheduler *scheduler;
	struct lane *lane;
	uint32_t texts, seed;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	uint32_t n_ended, n_tokens;
	int64_t first_at; /* when the first token came */
};

struct timing {
	int64_t wall, cpu;
	uint32_t tokens;
};

static void quit(const char *text)
{
	fprintf(stderr, "scheduler_bench: %s\n", text);
	exit(1);
}

static int64_t process_cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void hear_piece(void *arg, const struct job_piece *piece)
{
	struct bench *b = arg;

	pthread_mutex_lock(&b->lock);
	if (b->n_tokens == 0)
		b->first_at = clock_mono_ns();
	b->n_tokens += piece->n;
	pthread_mutex_unlock(&b->lock);
}

static void hear_end(void *arg, const struct job_ended *ended)
{
	struct bench *b = arg;

	if (ended->end == JOB_FAILED)
		quit(ended->error);
	pthread_mutex_lock(&b->lock);
	b->n_ended++;
	pthread_cond_signal(&b->changed);
	pthread_mutex_unlock(&b->lock);
}

/* What a measurement asks for. */
struct load {
	uint32_t texts, prompt, tokens, seed;
	float temperature;
	struct grammar *grammar;
};

static void start(struct bench *b, const struct load *load, uint32_t i)
{
	uint32_t *ids = mem_alloc(load->prompt * sizeof(*ids));
	struct job_options options = {
	    .prompt = ids,
	    .n_prompt = load->prompt,
	    .generate = {.max_tokens = load->tokens,
		.sample = {.temperature = load->temperature, .seed = i}},
	    .grammar = load->grammar,
	    .watch = {hear_piece, hear_end, b},
	};
	struct error err;
	struct job_offer offer;

	for (uint32_t k = 0; k < load->prompt; k++)
		ids[k] = 100 + ((k + 1) * (load->seed + i + 1) * 7919) % 20000;
	offer = job_new(b->lane, &options, &err);
	if (offer.refusal != JOB_TAKEN)
		quit("a job was refused");
	job_drop(&offer.job);
	free(ids);
}

static struct timing measure(struct bench *b, const struct load *load)
{
	struct timing result;
	int64_t wall = clock_mono_ns(), cpu = process_cpu_ns();

	b->n_ended = b->n_tokens = 0;
	for (uint32_t i = 0; i < load->texts; i++)
		start(b, load, i);
	pthread_mutex_lock(&b->lock);
	while (b->n_ended < load->texts)
		pthread_cond_wait(&b->changed, &b->lock);
	pthread_mutex_unlock(&b->lock);
	result.wall = clock_mono_ns() - wall;
	result.cpu = process_cpu_ns() - cpu;
	result.tokens = b->n_tokens;
	if (load->tokens == 1)
		result.wall = b->first_at - wall;
	return result;
}

static void keep_best(struct timing *best, struct timing one)
{
	if (best->wall == 0 ||
	    (double)one.wall / one.tokens < (double)best->wall / best->tokens)
		*best = one;
}

static void print_rate(const char *name, const struct timing *r)
{
	printf("%-24s %8.1f tokens/s %8.2f ms of CPU a token\n", name,
	    r->tokens / ((double)r->wall / 1e9),
	    (double)r->cpu / 1e6 / r->tokens);
}

static void print_first(const char *name, const struct timing *r)
{
	printf("%-24s %8.2f ms to the first token %8.2f ms of CPU\n", name,
	    (double)r->wall / 1e6, (double)r->cpu / 1e6);
}

enum {
	ONE,
	TOGETHER,
	DRAWN,
	ONE_BOUND,
	BOUND,
	COLD,
	WARM,
	MEASURES
};

static void run_round(
    struct bench *b, uint32_t i, struct grammar *list, struct timing *best)
{
	struct load load = {1, SHORT_PROMPT, TOKENS, 100 * i, 0, NULL};
	struct load first = {1, PROMPT, 1, 1000 + i, 0, NULL};

	keep_best(&best[ONE], measure(b, &load));
	load.grammar = list;
	load.seed += 1;
	keep_best(&best[ONE_BOUND], measure(b, &load));
	load.texts = b->texts;
	load.seed += 10;
	keep_best(&best[BOUND], measure(b, &load));
	load.grammar = NULL;
	load.seed += 20;
	keep_best(&best[TOGETHER], measure(b, &load));
	load.seed += 20;
	load.temperature = 1;
	keep_best(&best[DRAWN], measure(b, &load));
	keep_best(&best[COLD], measure(b, &first));
	keep_best(&best[WARM], measure(b, &first));
}

static struct grammar *list_of_texts(void)
{
	static const char text[] = "{\"type\": \"array\", \"minItems\": 3, "
				   "\"items\": {\"type\": \"string\", "
				   "\"minLength\": 200}}";
	struct json_fault fault;
	struct grammar *grammar;
	struct json_doc doc;
	struct arena arena;
	struct error err;

	arena_init(&arena, 1 << 20);
	if (!json_parse(span_of(text), &arena, &doc, &fault))
		quit("the schema is no JSON");
	grammar = grammar_schema(&doc, 0, &err);
	if (!grammar)
		quit(err.text);
	arena_free(&arena);
	return grammar;
}

static double rate(const struct timing *t)
{
	return t->tokens / ((double)t->wall / 1e9);
}

static void run(struct bench *b, uint32_t rounds)
{
	struct timing best[MEASURES] = {{0}};
	struct grammar *list = list_of_texts();

	for (uint32_t i = 0; i < rounds; i++)
		run_round(b, i, list, best);
	grammar_unref(&list);
	print_rate("one text", &best[ONE]);
	print_rate("one text, bound", &best[ONE_BOUND]);
	print_rate("texts together", &best[TOGETHER]);
	print_rate("texts together, bound", &best[BOUND]);
	print_rate("texts together, drawn", &best[DRAWN]);
	print_first("new prompt of 1000", &best[COLD]);
	print_first("the same again", &best[WARM]);
	printf("together / one %.2f, bound / free %.3f and %.3f, "
	       "again / new %.3f\n",
	    rate(&best[TOGETHER]) / rate(&best[ONE]),
	    rate(&best[ONE_BOUND]) / rate(&best[ONE]),
	    rate(&best[BOUND]) / rate(&best[TOGETHER]),
	    (double)best[WARM].wall / (double)best[COLD].wall);
}

static uint32_t number(int argc, char **argv, int at, uint32_t otherwise)
{
	uint64_t value;

	if (argc <= at)
		return otherwise;
	if (!span_to_u64(span_of(argv[at]), &value) || value == 0 ||
	    value > 1000)
		quit("THREADS, ROUNDS and TEXTS are 1 to 1000");
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	struct model_options model = {.threads = number(argc, argv, 2, 2)};
	struct checkpoint_options options = {
	    .parts = CHECKPOINT_TOKENIZER | CHECKPOINT_MODEL, .model = &model};
	struct scheduler_options none = {.nice = 0};
	struct lane_options lane = {.name = "bench"};
	struct bench b = {.n_ended = 0};
	struct error err;

	if (argc < 2)
		quit("usage: scheduler_bench MODEL [THREADS [ROUNDS [TEXTS]]]");
	b.texts = lane.batch = number(argc, argv, 4, 8);
	if (b.texts > TEXTS_MAX)
		quit("at most 64 texts");
	pthread_mutex_init(&b.lock, NULL);
	pthread_cond_init(&b.changed, NULL);
	b.checkpoint = checkpoint_open(argv[1], &options, &err);
	if (!b.checkpoint)
		quit(err.text);
	b.scheduler = scheduler_new(&none, &err);
	if (!b.scheduler)
		quit(err.text);
	b.lane = lane_new(b.scheduler, b.checkpoint, &lane, &err);
	if (!b.lane)
		quit(err.text);
	run(&b, number(argc, argv, 3, 3));
	lane_close(&b.lane, 0);
	scheduler_free(&b.scheduler);
	checkpoint_close(&b.checkpoint);
	return 0;
}
