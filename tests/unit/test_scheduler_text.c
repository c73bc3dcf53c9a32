/* test_scheduler_text.c -- what is heard of a text, and texts bound to JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "tests/unit/grammar_fixture.h"
#include "tests/unit/model_fixture.h"
#include "tests/unit/scheduler_fixture.h"

/* A tokenizer of 101 tokens: two specials, an end, ASCII, three bytes. */
#define FIRST_ASCII 3
#define MAX_TOKENS 60

static const struct model_options exact = {.is_exact = true, .threads = 1};
static char folder[64];

static void write_tokenizer(FILE *out)
{
	(void)fprintf(out, "{\"model\": {\"type\": \"BPE\", \"merges\": [], "
			   "\"vocab\": {\"<unk>\": 0, \"<s>\": 1, \"</s>\": 2");
	for (int i = 0; i < 95; i++) {
		const char *escape = i == 2 || i == 60 ? "\\" : "";

		if (i == 0)
			(void)fprintf(out, ", \"\\u0120\": %d", FIRST_ASCII);
		else
			(void)fprintf(out, ", \"%s%c\": %d", escape, ' ' + i,
			    FIRST_ASCII + i);
	}
	(void)fprintf(out,
	    ", \"\\u00c3\": 98, \"\\u00a9\": 99, \"\\u010a\": 100}}, "
	    "\"added_tokens\": [");
	for (int i = 0; i < 3; i++)
		(void)fprintf(out,
		    "%s{\"id\": %d, \"content\": \"%s\", \"special\": true}",
		    i ? ", " : "", i,
		    i == 0   ? "<unk>"
		    : i == 1 ? "<s>"
			     : "</s>");
	(void)fprintf(out,
	    "], \"pre_tokenizer\": {\"type\": \"ByteLevel\", "
	    "\"add_prefix_space\": false, \"use_regex\": false}, "
	    "\"decoder\": {\"type\": \"ByteLevel\"}}");
}

static char *path_in_folder(const char *name)
{
	static char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", folder, name);
	return path;
}

/* The tiny llama with that tokenizer beside it. */
static int make_folder(void **state)
{
	static const char *const names[] = {
	    "config.json", "generation_config.json", "model.safetensors"};
	char name[64], *whole;
	FILE *out;

	(void)state;
	(void)snprintf(folder, sizeof(folder), "/tmp/test-scheduler-XXXXXX");
	assert_non_null(mkdtemp(folder));
	for (int i = 0; i < 3; i++) {
		(void)snprintf(name, sizeof(name), "llama/%s", names[i]);
		whole = realpath(fixture_path(name), NULL);
		assert_non_null(whole);
		assert_int_equal(symlink(whole, path_in_folder(names[i])), 0);
		free(whole);
	}
	out = fopen(path_in_folder("tokenizer.json"), "w");
	assert_non_null(out);
	write_tokenizer(out);
	assert_int_equal(fclose(out), 0);
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const names[] = {"config.json", "model.safetensors",
	    "generation_config.json", "tokenizer.json"};

	(void)state;
	for (int i = 0; i < 4; i++)
		(void)unlink(path_in_folder(names[i]));
	return rmdir(folder);
}

static struct place open_folder(void)
{
	struct checkpoint_options options = {
	    .parts = CHECKPOINT_MODEL | CHECKPOINT_TOKENIZER, .model = &exact};
	struct scheduler_options none = {.nice = 0};
	struct lane_options usual = {.name = "tiny"};
	struct place place;
	struct error err;

	place.checkpoint = checkpoint_open(folder, &options, &err);
	if (!place.checkpoint)
		fail_msg("%s", err.text);
	place.scheduler = scheduler_new(&none, &err);
	place.lane = lane_new(place.scheduler, place.checkpoint, &usual, &err);
	if (!place.lane)
		fail_msg("%s", err.text);
	return place;
}

/* --- listening ------------------------------------------------------------ */

/* All that a text's pieces gave. */
struct told_text {
	struct heard heard;
	struct buf text, bytes;
	uint32_t n_tops, n_tokens;
};

static void hear_text(void *arg, const struct job_piece *piece)
{
	struct told_text *t = arg;

	assert_true(buf_append(&t->text, piece->text));
	assert_int_equal(utf8_valid_len(piece->text), piece->text.len);
	for (uint32_t i = 0; i < piece->n; i++) {
		assert_true(buf_append(&t->bytes, piece->bytes[i]));
		for (uint32_t k = 1; k < piece->n_tops; k++)
			assert_true(
			    piece->tops[i * piece->n_tops + k].logprob <=
			    piece->tops[i * piece->n_tops].logprob);
		t->n_tops += piece->n_tops;
	}
	t->n_tokens += piece->n;
	assert_int_equal(piece->use->output_tokens, t->n_tokens);
}

static struct job_options listen_to(
    struct told_text *t, const uint32_t *prompt, uint32_t n)
{
	struct job_options options =
	    heard_options(&t->heard, prompt, n, MAX_TOKENS);

	buf_init(&t->text, 1 << 16);
	buf_init(&t->bytes, 1 << 16);
	t->n_tops = t->n_tokens = 0;
	options.watch.piece = hear_text;
	options.watch.arg = t;
	return options;
}

/* The end goes to the listener within. */
static void end_text(void *arg, const struct job_ended *ended)
{
	struct told_text *t = arg;

	heard_watch(&t->heard).ended(&t->heard, ended);
}

static void run_text(
    struct told_text *t, struct lane *lane, struct job_options *options)
{
	options->watch.ended = end_text;
	heard_start(&t->heard, lane, options);
	heard_done(&t->heard);
}

static void drop_text(struct told_text *t)
{
	buf_free(&t->text);
	buf_free(&t->bytes);
}

/* --- text ----------------------------------------------------------------- */

static void check_text(struct place *place, struct job_options *options)
{
	struct generate_request request = {.prompt = options->prompt,
	    .n = options->n_prompt,
	    .options = options->generate};
	struct told_text *t = options->watch.arg;
	struct generator *g;
	struct generated out;
	struct error err;

	run_text(t, place->lane, options);
	g = generator_new(place->checkpoint, &err);
	assert_int_equal(generate(g, &request, &out, &err), OK);
	assert_true(span_eq(buf_span(&t->text), buf_span(&out.text)));
	assert_int_equal(t->n_tokens, out.ids.len);
	assert_int_equal(t->heard.ended.end,
	    out.end == GENERATE_STOP ? JOB_STOP : JOB_LENGTH);
	assert_int_equal(t->heard.ended.summary.n, out.summary.n);
	generated_free(&out);
	generator_free(&g);
}

static void gives_the_text_that_a_generator_gives(void **state)
{
	struct place place = open_folder();
	struct span stops[] = {SPAN("ab"), SPAN("\n"), SPAN("e")};
	uint32_t prompt[12];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		struct told_text t;
		struct job_options options = listen_to(&t, prompt, 12);

		make_prompt(prompt, 12, i, VOCAB);
		options.generate.sample.temperature = (float)(i % 2);
		options.generate.sample.seed = i;
		options.generate.stops = stops;
		options.generate.n_stops = i % 4;
		options.n_tops = i % 5;
		check_text(&place, &options);
		assert_int_equal(t.n_tops, t.n_tokens * (i % 5));
		drop_text(&t);
	}
	place_close(&place);
}

static void tells_the_bytes_of_each_token(void **state)
{
	struct place place = open_folder();
	uint32_t prompt[12];
	struct told_text t;
	struct job_options options = listen_to(&t, prompt, 12);

	(void)state;
	make_prompt(prompt, 12, 3, VOCAB);
	options.generate.sample.temperature = 1;
	run_text(&t, place.lane, &options);
	/* Each token is a byte, but for special ones, which have names. */
	assert_true(buf_len(&t.bytes) >= t.n_tokens);
	assert_true(t.n_tokens > 0);
	drop_text(&t);
	place_close(&place);
}

/* --- grammars ------------------------------------------------------------- */

static const char schema_text[] =
    "{\"type\": \"object\", \"properties\": {"
    "\"kind\": {\"enum\": [\"river\", \"road\"]},"
    "\"long\": {\"type\": \"integer\", \"minimum\": 0, \"maximum\": 99},"
    "\"open\": {\"type\": \"boolean\"}},"
    "\"required\": [\"kind\", \"long\", \"open\"],"
    "\"additionalProperties\": false}";

static void writes_what_a_schema_accepts(void **state)
{
	struct place place = open_folder();
	struct grammar *grammar = compile(schema_text);
	uint32_t prompt[12];

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		struct told_text t;
		struct job_options options = listen_to(&t, prompt, 12);

		make_prompt(prompt, 12, i, VOCAB);
		options.generate.sample.temperature = (float)(i % 2);
		options.generate.sample.seed = i;
		options.grammar = grammar;
		run_text(&t, place.lane, &options);
		assert_int_equal(t.heard.ended.end, JOB_STOP);
		assert_true(takes_all(grammar, buf_span(&t.text)));
		/* Most of it is forced: only few choices are free. */
		assert_true(t.heard.ended.summary.n > 0);
		assert_true(t.heard.ended.summary.n < t.n_tokens / 2);
		drop_text(&t);
	}
	grammar_unref(&grammar);
	place_close(&place);
}

static void begins_a_grammar_after_a_text(void **state)
{
	struct place place = open_folder();
	struct grammar *grammar = compile(schema_text);
	uint32_t prompt[12], bound = 0;

	(void)state;
	for (uint32_t i = 0; i < 20; i++) {
		struct told_text t;
		struct job_options options = listen_to(&t, prompt, 12);
		struct span text, after = SPAN("k");
		size_t at;

		make_prompt(prompt, 12, i, VOCAB);
		options.generate.max_tokens = 200;
		options.generate.sample.temperature = 1;
		options.generate.sample.seed = i;
		options.grammar = grammar;
		options.grammar_after = after;
		run_text(&t, place.lane, &options);
		text = buf_span(&t.text);
		at = span_find(text, after, 0);
		if (at != SIZE_MAX && at > 0) {
			bound++;
			assert_int_equal(t.heard.ended.end, JOB_STOP);
			assert_true(
			    takes_all(grammar, span_from(text, at + 1)));
		}
		drop_text(&t);
	}
	assert_true(bound > 2);
	grammar_unref(&grammar);
	place_close(&place);
}

/* Texts that run together, some bound and some free, do not mix. */
static void binds_some_of_several_texts(void **state)
{
	struct place place = open_folder();
	struct grammar *grammar = compile(schema_text);
	static struct told_text t[8];
	struct job_options options[8];
	uint32_t prompt[12];

	(void)state;
	make_prompt(prompt, 12, 1, VOCAB);
	for (uint32_t i = 0; i < 8; i++) {
		options[i] = listen_to(&t[i], prompt, 12);
		options[i].watch.ended = end_text;
		options[i].generate.sample.temperature = 1;
		options[i].generate.sample.seed = i;
		options[i].grammar = i % 2 ? grammar : NULL;
		heard_start(&t[i].heard, place.lane, &options[i]);
	}
	for (uint32_t i = 0; i < 8; i++) {
		heard_done(&t[i].heard);
		if (i % 2)
			assert_true(takes_all(grammar, buf_span(&t[i].text)));
		drop_text(&t[i]);
	}
	grammar_unref(&grammar);
	place_close(&place);
}

static void says_that_a_grammar_needs_a_tokenizer(void **state)
{
	struct lane_options usual = {.name = "tiny"};
	struct place place = place_open("llama", &exact, &usual, 0);
	struct grammar *grammar = grammar_json();
	uint32_t prompt[1] = {5};
	struct heard heard;
	struct job_options options = heard_options(&heard, prompt, 1, 5);
	struct error err;

	(void)state;
	options.grammar = grammar;
	assert_int_equal(
	    job_new(place.lane, &options, &err).refusal, JOB_INVALID);
	assert_non_null(strstr(err.text, "no tokenizer"));
	grammar_unref(&grammar);
	place_close(&place);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(gives_the_text_that_a_generator_gives),
	    cmocka_unit_test(tells_the_bytes_of_each_token),
	    cmocka_unit_test(writes_what_a_schema_accepts),
	    cmocka_unit_test(begins_a_grammar_after_a_text),
	    cmocka_unit_test(binds_some_of_several_texts),
	    cmocka_unit_test(says_that_a_grammar_needs_a_tokenizer),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
