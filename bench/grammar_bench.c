/* grammar_bench.c -- what masks cost a token, over many schemas. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/base.h"
#include "local/local.h"
#include "local/logits.h"

/*
 * grammar_bench MODEL|SIZE < schemas.jsonl
 * MODEL is a checkpoint whose tokenizer is taken, SIZE a number of made-up
 * tokens. Of each schema (tests/cases/grammar_schemas.py 1000 prints some) two
 * answers are written under its masks, the second with the first one's masks at
 * hand, by a dice that likes long tokens no more than short ones; what is timed
 * is CPU time of compiling, of a token's mask and of its acceptance, and of one
 * look at the logits of a vocabulary, without and with its mask.
 */
#define ANSWER_TOKENS 100 /* after which the dice looks for the end */
#define ANSWER_MAX 500
#define LOOK_EVERY 8

struct times {
	double *us; /* (n) */
	size_t n, cap;
};

struct bench {
	struct grammar_vocab *vocab;
	struct span *tokens; /* (n) */
	uint32_t n, end;
	uint32_t closing[3]; /* ids of a quote and the brackets alone */
	uint32_t *bits;
	float *logits; /* (n) */
	uint64_t dice;
	struct times compiles, first, second, accepts, looks, masked;
};

static void quit(const char *text)
{
	fprintf(stderr, "grammar_bench: %s\n", text);
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void add_time(struct times *times, double us)
{
	if (times->n == times->cap) {
		times->cap = times->cap * 2 + 1024;
		times->us =
		    mem_realloc(times->us, times->cap * sizeof(*times->us));
	}
	times->us[times->n++] = us;
}

static int compare_times(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void report(const char *what, struct times *times)
{
	double sum = 0;

	if (times->n == 0)
		return;
	for (size_t i = 0; i < times->n; i++)
		sum += times->us[i];
	qsort(times->us, times->n, sizeof(*times->us), compare_times);
	printf("%-14s %8zu times: mean %9.2f us, p50 %9.2f, p99 %9.2f, "
	       "most %9.2f\n",
	    what, times->n, sum / (double)times->n, times->us[times->n / 2],
	    times->us[times->n * 99 / 100], times->us[times->n - 1]);
	free(times->us);
}

/* splitmix64 */
static uint32_t roll(struct bench *b, uint32_t n)
{
	uint64_t z = b->dice += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (uint32_t)((z ^ (z >> 31)) >> 32) % n;
}

/* --- vocabularies --------------------------------------------------------- */

static void open_model(struct bench *b, const char *path)
{
	struct checkpoint_options options = {.parts = CHECKPOINT_TOKENIZER};
	struct error err = {{0}};
	struct checkpoint *c = checkpoint_open(path, &options, &err);
	struct tokenizer_stream *stream;
	const struct tokenizer *t;
	double start;

	if (!c)
		quit(err.text);
	t = checkpoint_tokenizer(c);
	b->n = tokenizer_vocab_size(t);
	b->end = tokenizer_named_ids(t).eos;
	if (b->end >= b->n)
		quit("the tokenizer has no EOS");
	b->tokens = mem_zalloc(b->n * sizeof(*b->tokens));
	stream = tokenizer_stream_new(t, true);
	for (uint32_t i = 0; i < b->n; i++) {
		struct buf text;

		buf_init(&text, 1 << 20);
		if (tokenizer_stream_bytes(stream, i, &text, &err) != OK)
			quit(err.text);
		b->tokens[i] = buf_span(&text); /* as long as the program */
	}
	tokenizer_stream_free(&stream);
	start = now_us();
	b->vocab = grammar_vocab_new(t, &b->end, 1, &err);
	if (!b->vocab)
		quit(err.text);
	printf("%s: %u tokens, made in %.1f ms\n", path, b->n,
	    (now_us() - start) / 1e3);
	checkpoint_close(&c);
}

/* A word of one to four syllables, often with a blank before it. */
static struct span make_word(struct bench *b)
{
	static const char *const syllables[] = {"ta", "re", "mon", "ing", "ed",
	    "pro", "con", "ver", "s", "e", "un", "al", "tion", "er", "\xc3\xa9",
	    "\xd0\xb0", "\xe4\xb8\xad", "X", "Qu", "st"};
	static const char *const marks[] = {
	    "\"", "\",", "\":", "\"}", "', ", "1", "(", ";\n", "\\", "]"};
	struct buf text;
	unsigned n = 1 + roll(b, 4);

	buf_init(&text, 64);
	if (roll(b, 2) && !buf_append(&text, SPAN(" ")))
		quit("a word is too long");
	for (unsigned i = 0; i < n; i++) {
		const char *part =
		    roll(b, 40) ? syllables[roll(b, 20)] : marks[roll(b, 10)];

		if (!buf_append(&text, span_of(part)))
			quit("a word is too long");
	}
	return buf_span(&text); /* as long as the program */
}

static void make_up(struct bench *b, uint32_t n)
{
	static char bytes[256];
	struct error err = {{0}};
	double start;

	b->n = n;
	b->end = n - 1;
	b->tokens = mem_zalloc(n * sizeof(*b->tokens));
	for (uint32_t i = 0; i < 256; i++) {
		bytes[i] = (char)i;
		b->tokens[i] = span_make(&bytes[i], 1);
	}
	for (uint32_t i = 256; i < n - 1; i++)
		b->tokens[i] = make_word(b);
	start = now_us();
	b->vocab = grammar_vocab_of(
	    &(struct grammar_tokens){b->tokens, n, &b->end, 1}, &err);
	if (!b->vocab)
		quit(err.text);
	printf("%u made-up tokens, made in %.1f ms\n", n,
	    (now_us() - start) / 1e3);
}

static void find_closing(struct bench *b)
{
	static const char closing[] = "\"}]";

	for (size_t i = 0; i < 3; i++) {
		for (uint32_t id = 0; id < b->n; id++) {
			if (span_eq(b->tokens[id], span_make(&closing[i], 1)))
				b->closing[i] = id;
		}
	}
}

/* --- answers -------------------------------------------------------------- */

static bool is_allowed(const struct bench *b, uint32_t id)
{
	return b->bits[id / 32] >> (id % 32) & 1;
}

/* An allowed token; with <wants_end> a short one that closes something. */
static uint32_t choose(struct bench *b, bool wants_end)
{
	uint32_t start = roll(b, b->n), any = b->n;

	if (wants_end && is_allowed(b, b->end))
		return b->end;
	for (size_t i = 0; i < 3 && wants_end; i++) {
		if (is_allowed(b, b->closing[i]))
			return b->closing[i];
	}
	for (uint32_t i = 0; i < b->n && any == b->n; i++) {
		uint32_t id = (start + i) % b->n;

		if (is_allowed(b, id))
			any = id;
	}
	return any;
}

/* The two in turns, of one token in LOOK_EVERY. */
static void look(struct bench *b)
{
	struct logits_mask mask = {b->bits, grammar_vocab_words(b->vocab)};
	volatile double keep;
	double start, share;

	if (roll(b, LOOK_EVERY) != 0)
		return;
	start = now_us();
	keep = logits_look(b->logits, b->n).total;
	add_time(&b->looks, now_us() - start);
	start = now_us();
	keep = logits_look_among(b->logits, b->n, &mask, &share).total;
	add_time(&b->masked, now_us() - start);
	(void)keep;
}

static void answer(
    struct bench *b, struct grammar *grammar, struct times *times)
{
	struct grammar_state *state = grammar_state_new(grammar, b->vocab);
	uint32_t id = 0;

	for (uint32_t i = 0; i < ANSWER_MAX && id != b->end; i++) {
		double start = now_us(), middle;

		if (!grammar_mask(state, b->bits))
			quit("no token is allowed");
		middle = now_us();
		add_time(times, middle - start);
		look(b);
		id = choose(b, i > ANSWER_TOKENS || roll(b, 8) == 0);
		start = now_us();
		if (!grammar_accept(state, id))
			quit("a token is refused");
		add_time(&b->accepts, now_us() - start);
	}
	grammar_state_free(&state);
}

static void measure(struct bench *b, struct span line)
{
	struct error err = {{0}};
	struct json_fault fault;
	struct grammar *grammar;
	struct arena arena;
	struct json_doc doc;
	double start;

	arena_init(&arena, (size_t)1 << 26);
	if (!json_parse(line, &arena, &doc, &fault))
		quit("a line is not JSON");
	start = now_us();
	grammar = grammar_schema(&doc, 0, &err);
	if (!grammar)
		quit(err.text);
	add_time(&b->compiles, now_us() - start);
	answer(b, grammar, &b->first);
	answer(b, grammar, &b->second);
	grammar_unref(&grammar);
	arena_free(&arena);
}

int main(int argc, char **argv)
{
	struct bench b = {0};
	char *line = NULL;
	size_t cap = 0;
	uint64_t size;
	ssize_t len;

	if (argc != 2)
		quit("usage: grammar_bench MODEL|SIZE < schemas.jsonl");
	if (span_to_u64(span_of(argv[1]), &size) && size > 1000 &&
	    size < 10000000)
		make_up(&b, (uint32_t)size);
	else
		open_model(&b, argv[1]);
	find_closing(&b);
	b.bits = mem_zalloc(grammar_vocab_words(b.vocab) * sizeof(*b.bits));
	b.logits = mem_alloc(b.n * sizeof(*b.logits));
	for (uint32_t i = 0; i < b.n; i++)
		b.logits[i] = (float)roll(&b, 40000) / 2000 - 10;
	while ((len = getline(&line, &cap, stdin)) > 0)
		measure(&b, span_trim(span_make(line, (size_t)len)));
	report("compile", &b.compiles);
	report("mask, first", &b.first);
	report("mask, again", &b.second);
	report("accept", &b.accepts);
	report("look", &b.looks);
	report("look, masked", &b.masked);
	free(line);
	free(b.logits);
	free(b.bits);
	free(b.tokens);
	grammar_vocab_unref(&b.vocab);
	return 0;
}
