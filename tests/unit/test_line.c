/* test_line.c -- a request's line, read back as JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "gateway/line.h"

struct fixture {
	struct arena arena;
	char memory[LINE_TEXT_MAX];
	struct json_doc doc;
};

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);

	arena_init(&f->arena, 1 << 20);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	arena_free(&f->arena);
	free(f);
	return 0;
}

static void write_line(
    struct fixture *f, const struct line *line, const struct line_story *story)
{
	struct json_fault fault;
	struct json_out out;

	json_out_init(&out, f->memory, sizeof(f->memory));
	line_write_json(line, story, &out);
	assert_false(out.is_full);
	if (!json_parse(json_out_text(&out), &f->arena, &f->doc, &fault))
		fail_msg("%s at %zu: %.*s", fault.reason, fault.offset,
		    SPAN_FMT(json_out_text(&out)));
}

static uint32_t get(struct fixture *f, const char *name)
{
	return json_find(&f->doc, 0, span_of(name));
}

/* The member's own bytes. */
static void assert_is(struct fixture *f, const char *name, const char *raw)
{
	uint32_t node = get(f, name);

	if (node == JSON_NONE ||
	    !span_eq(json_raw(&f->doc, node), span_of(raw)))
		fail_msg("%s: %.*s", name,
		    SPAN_FMT(node == JSON_NONE ? SPAN("not there")
					       : json_raw(&f->doc, node)));
}

static struct line whole_line(void)
{
	return (struct line){
	    .utc_ns = INT64_C(1795418353123456000),
	    .id = SPAN("req_1"),
	    .peer = SPAN("127.0.0.1:5"),
	    .key = SPAN("team-a"),
	    .method = SPAN("POST"),
	    .path = SPAN("/v1/chat/completions"),
	    .model = SPAN("up/small"),
	    .rule = SPAN("default"),
	    .cache = SPAN("bypass"),
	    .outcome = SPAN("completed"),
	    .status = 200,
	    .stream = true,
	    .attempts = 2,
	    .input_tokens = 10,
	    .cached_tokens = 3,
	    .output_tokens = 5,
	    .is_estimated = true,
	    .cost_nano = 12,
	    .baseline_nano = 10,
	    .saved_nano = -2,
	    .duration_ns = 1234567,
	    .first_token_ns = 1000000,
	    .upstream_ns = 999,
	    .is_masked = true,
	    .removed = 0.1236,
	};
}

static void writes_every_member(void **state)
{
	struct fixture *f = *state;
	struct line line = whole_line();

	write_line(f, &line, NULL);
	assert_is(f, "ts", "\"2026-11-23T07:19:13.123456Z\"");
	assert_is(f, "request_id", "\"req_1\"");
	assert_is(f, "peer", "\"127.0.0.1:5\"");
	assert_is(f, "key", "\"team-a\"");
	assert_is(f, "method", "\"POST\"");
	assert_is(f, "path", "\"/v1/chat/completions\"");
	assert_is(f, "status", "200");
	assert_is(f, "model", "\"up/small\"");
	assert_is(f, "rule", "\"default\"");
	assert_is(f, "cache", "\"bypass\"");
	assert_is(f, "outcome", "\"completed\"");
	assert_is(f, "stream", "true");
	assert_is(f, "attempts", "2");
	assert_is(f, "input_tokens", "10");
	assert_is(f, "cached_tokens", "3");
	assert_is(f, "output_tokens", "5");
	assert_is(f, "estimated", "true");
	assert_is(f, "cost_nano_usd", "12");
	assert_is(f, "baseline_nano_usd", "10");
	assert_is(f, "saved_nano_usd", "-2");
	assert_is(f, "ms", "1.234");
	assert_is(f, "first_token_ms", "1.000");
	assert_is(f, "upstream_ms", "0.000");
	assert_is(f, "mean_removed", "0.124");
	assert_int_equal(json_count(&f->doc, 0), 24);
}

static void leaves_out_what_is_not_known(void **state)
{
	static const char *const absent[] = {"key", "model", "rule", "cache",
	    "outcome", "first_token_ms", "upstream_ms", "mean_removed",
	    "features"};
	struct fixture *f = *state;
	struct line line = whole_line();

	line.key = line.model = line.rule = span_make(NULL, 0);
	line.cache = line.outcome = span_make(NULL, 0);
	line.first_token_ns = line.upstream_ns = -1;
	line.is_masked = false;
	write_line(f, &line, NULL);
	for (size_t i = 0; i < sizeof(absent) / sizeof(absent[0]); i++)
		assert_int_equal(get(f, absent[i]), JSON_NONE);
	/* Known to be empty is another thing. */
	line.key = SPAN("");
	write_line(f, &line, NULL);
	assert_is(f, "key", "\"\"");
}

static void unpriced_is_null_and_never_0(void **state)
{
	struct fixture *f = *state;
	struct line line = whole_line();

	line.cost_nano = line.saved_nano = MONEY_UNPRICED;
	line.baseline_nano = 0;
	write_line(f, &line, NULL);
	assert_is(f, "cost_nano_usd", "null");
	assert_is(f, "saved_nano_usd", "null");
	assert_is(f, "baseline_nano_usd", "0");
}

static void escapes_what_a_client_wrote(void **state)
{
	struct fixture *f = *state;
	struct line line = whole_line();
	struct span path;

	line.path = SPAN("/\"},\\\n\x01\xff{");
	write_line(f, &line, NULL);
	path = json_text(&f->doc, get(f, "path"), &f->arena);
	assert_true(span_eq(path, SPAN("/\"},\\\n\x01\xef\xbf\xbd{")));
	assert_int_equal(json_count(&f->doc, 0), 24);
}

static void tells_the_story_of_a_decision(void **state)
{
	struct fixture *f = *state;
	struct line line = whole_line();
	struct line_story story = {
	    .is_decided = true,
	    .features = {.task = TASK_CODE,
		.language = "en",
		.tokens = 12,
		.turns = 3,
		.difficulty = 0.25},
	    .n_reasons = 2,
	    .reasons = {SPAN("first"), SPAN("second")},
	    .n_candidates = 2,
	    .candidates = {SPAN("up/small"), SPAN("up/large")},
	    .verdicts = {SPAN("in"), SPAN("no tools")},
	};
	struct json_doc *doc = &f->doc;
	uint32_t node, one;

	write_line(f, &line, &story);
	node = get(f, "features");
	assert_true(span_eq(json_raw(doc, node),
	    SPAN("{\"tokens\": 12, \"task\": \"code\", \"language\": \"en\", "
		 "\"turns\": 3, \"difficulty\": 0.250}")));
	assert_int_equal(json_count(doc, get(f, "reasons")), 2);
	node = get(f, "candidates");
	assert_int_equal(json_count(doc, node), 2);
	one = json_after(doc, node, json_first(doc, node));
	assert_true(span_eq(
	    json_text(doc, json_find(doc, one, SPAN("reason")), &f->arena),
	    SPAN("no tools")));
	story.is_decided = false;
	write_line(f, &line, &story);
	assert_int_equal(get(f, "features"), JSON_NONE);
	assert_int_equal(get(f, "candidates"), JSON_NONE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(writes_every_member),
	    TEST(leaves_out_what_is_not_known),
	    TEST(unpriced_is_null_and_never_0),
	    TEST(escapes_what_a_client_wrote),
	    TEST(tells_the_story_of_a_decision),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
