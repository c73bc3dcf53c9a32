/* test_recent.c -- the ring of the latest requests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "base/base.h"
#include "gateway/recent.h"

static int set_up(void **state)
{
	*state = recent_new();
	return 0;
}

static int tear_down(void **state)
{
	struct recent *recent = *state;

	recent_free(&recent);
	recent_free(&recent);
	return 0;
}

/* Adds number <n>; its texts are overwritten as soon as it is in. */
static void add(struct recent *recent, int n)
{
	const struct line_story story = {0};
	char id[16];
	struct line line = {.status = n};

	snprintf(id, sizeof(id), "req_%d", n);
	line.id = span_of(id);
	recent_add(recent, &line, &story);
	memset(id, '!', sizeof(id));
}

struct seen {
	int first, last;
	size_t n;
	size_t stop_at;
};

/* Numbers come one by one downwards, each with its own id. */
static bool look(
    const struct line *line, const struct line_story *story, void *arg)
{
	struct seen *seen = arg;
	char id[16];

	(void)story;
	if (seen->n++ == 0)
		seen->first = line->status;
	else
		assert_int_equal(line->status, seen->last - 1);
	seen->last = line->status;
	snprintf(id, sizeof(id), "req_%d", line->status);
	assert_true(span_eq(line->id, span_of(id)));
	return seen->n != seen->stop_at;
}

static void an_empty_ring_has_none(void **state)
{
	struct seen seen = {0};

	recent_each(*state, look, &seen);
	assert_int_equal(seen.n, 0);
}

static void shows_the_newest_first(void **state)
{
	struct seen seen = {0};

	for (int i = 1; i <= 3; i++)
		add(*state, i);
	recent_each(*state, look, &seen);
	assert_int_equal(seen.n, 3);
	assert_int_equal(seen.first, 3);
	assert_int_equal(seen.last, 1);
}

static void forgets_the_oldest(void **state)
{
	struct seen seen = {0};

	for (int i = 1; i <= RECENT_MAX; i++)
		add(*state, i);
	recent_each(*state, look, &seen);
	assert_int_equal(seen.n, RECENT_MAX);
	assert_int_equal(seen.last, 1);
	for (int i = RECENT_MAX + 1; i <= 2 * RECENT_MAX + 5; i++)
		add(*state, i);
	seen = (struct seen){0};
	recent_each(*state, look, &seen);
	assert_int_equal(seen.n, RECENT_MAX);
	assert_int_equal(seen.first, 2 * RECENT_MAX + 5);
	assert_int_equal(seen.last, RECENT_MAX + 6);
}

static void stops_when_it_has_shown_enough(void **state)
{
	struct seen seen = {.stop_at = 2};

	for (int i = 1; i <= 5; i++)
		add(*state, i);
	recent_each(*state, look, &seen);
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.last, 4);
}

/* --- texts ------------------------------------------------------------------
 */

struct kept {
	struct line line;
	struct line_story story;
};

static bool keep(
    const struct line *line, const struct line_story *story, void *arg)
{
	*(struct kept *)arg = (struct kept){*line, *story};
	return false;
}

static void packs_every_text_of_line_and_story(void **state)
{
	char memory[] = "abcdefghijklmnopqrst";
	struct line line = {0};
	struct line_story story = {
	    .is_decided = true, .n_reasons = 2, .n_candidates = 2};
	struct span *const texts[] = {&line.id, &line.peer, &line.key,
	    &line.method, &line.path, &line.model, &line.rule, &line.cache,
	    &line.outcome, &story.candidates[0], &story.verdicts[0],
	    &story.candidates[1], &story.verdicts[1], &story.reasons[0],
	    &story.reasons[1]};
	struct kept kept;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		*texts[i] = span_make(memory + i, 2);
	recent_add(*state, &line, &story);
	memset(memory, '!', sizeof(memory));
	recent_each(*state, keep, &kept);
	assert_true(span_eq(kept.line.id, SPAN("ab")));
	assert_true(span_eq(kept.line.path, SPAN("ef")));
	assert_true(span_eq(kept.line.outcome, SPAN("ij")));
	assert_true(span_eq(kept.story.candidates[1], SPAN("lm")));
	assert_true(span_eq(kept.story.verdicts[1], SPAN("mn")));
	assert_true(span_eq(kept.story.reasons[1], SPAN("op")));
}

static void a_text_that_is_not_there_stays_so(void **state)
{
	struct line line = {.id = SPAN("x"), .key = SPAN("")};
	struct line_story story = {0};
	struct kept kept;

	recent_add(*state, &line, &story);
	recent_each(*state, keep, &kept);
	assert_null(kept.line.model.ptr);
	assert_non_null(kept.line.key.ptr);
	assert_int_equal(kept.line.key.len, 0);
}

static void texts_past_the_room_are_left_empty(void **state)
{
	char long_text[RECENT_TEXT];
	struct line line = {.id = SPAN("req_1"), .model = SPAN("up/small")};
	struct line_story story = {.n_reasons = 2};
	struct kept kept;

	memset(long_text, 'x', sizeof(long_text));
	line.path = span_make(long_text, sizeof(long_text));
	story.reasons[0] =
	    span_make(long_text, sizeof(long_text) - strlen("req_1up/small"));
	story.reasons[1] = SPAN("y");
	recent_add(*state, &line, &story);
	recent_each(*state, keep, &kept);
	assert_non_null(kept.line.path.ptr);
	assert_int_equal(kept.line.path.len, 0);
	/* One that does not fit takes nothing from those that do. */
	assert_true(span_eq(kept.line.model, SPAN("up/small")));
	assert_true(span_eq(kept.story.reasons[0], story.reasons[0]));
	assert_int_equal(kept.story.reasons[1].len, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(an_empty_ring_has_none),
	    TEST(shows_the_newest_first),
	    TEST(forgets_the_oldest),
	    TEST(stops_when_it_has_shown_enough),
	    TEST(packs_every_text_of_line_and_story),
	    TEST(a_text_that_is_not_there_stays_so),
	    TEST(texts_past_the_room_are_left_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
