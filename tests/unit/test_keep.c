/* test_keep.c -- which answers may be given again, and where streams end. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/replay_fixture.h"

#define USAGE "'usage':{'prompt_tokens':3,'completion_tokens':2}"
#define ANSWER(message, reason)                                                \
	"{'choices':[{'index':0,'message':{" message                           \
	"},'finish_reason':" reason "}]," USAGE "}"
#define SAYS "data: {'choices':[{'index':0,'delta':{'content':'a'}}]}\n\n"
#define STOPS                                                                  \
	"data: {'choices':[{'index':0,'delta':{},'finish_reason':'stop'}]}\n\n"
#define USES "data: {'choices':[]," USAGE "}\n\n"
#define DONE "data: [DONE]\n\n"

static bool keeps_answer(void **state, const char *text)
{
	struct replay *r = *state;
	struct dialect_answer answer;

	dialect_read_answer(ENDPOINT_CHAT, quoted(r, text), &r->arena, &answer);
	return dialect_keeps_answer(&answer);
}

/* As a relay does: every event, in order, is looked at once. */
static bool keeps_stream(void **state, const char *text)
{
	struct replay *r = *state;
	struct dialect_stream stream = {0};
	struct dialect_usage usage = {0};
	struct dialect_keep keep = {0};
	struct dialect_chunk chunk;
	struct events events;
	struct event event;

	events_init(&events, quoted(r, text));
	while (events_next(&events, &r->arena, &event)) {
		if (!event.has_data)
			continue;
		dialect_read_chunk(
		    ENDPOINT_CHAT, event.data, &r->arena, &stream, &chunk);
		dialect_usage_merge(&usage, &chunk.usage);
		dialect_keep_add(&keep, &chunk);
	}
	return dialect_keeps_stream(&keep, &usage);
}

static void keeps_good_answers(void **state)
{
	assert_true(keeps_answer(state, ANSWER("'content':'a'", "'stop'")));
	assert_true(keeps_answer(state, ANSWER("'content':'a'", "'length'")));
	assert_true(
	    keeps_answer(state, ANSWER("'refusal':'no'", "'end_turn'")));
	assert_true(keeps_answer(state,
	    ANSWER("'content':'a','audio':null,'tool_calls':[]", "'stop'")));
}

static void keeps_no_answer_that_is_not_whole_or_not_text(void **state)
{
	static const char *const bad[] = {
	    "",
	    "{'error':{'message':'x'}}",
	    ANSWER("'content':'a'", "null"),
	    ANSWER("'content':'a'", "'content_filter'"),
	    ANSWER("'content':'a'", "'error'"),
	    ANSWER("'content':'a'", "'abort'"),
	    ANSWER("'content':'a'", "7"),
	    ANSWER("'content':null,'tool_calls':[{'id':'a'}]", "'stop'"),
	    ANSWER("'content':null", "'tool_calls'"),
	    ANSWER("'content':null,'function_call':{'name':'f'}", "'stop'"),
	    ANSWER("'content':null,'audio':{'id':'a'}", "'stop'"),
	    "{'choices':[{'index':0,'message':{'content':'a'},"
	    "'finish_reason':'stop'}]}",
	    "{'choices':[{'index':0,'message':{'content':'a'},"
	    "'finish_reason':'stop'}],'usage':{'prompt_tokens':3}}",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (keeps_answer(state, bad[i]))
			fail_msg("is kept: %s", bad[i]);
	}
}

static void keeps_good_streams(void **state)
{
	assert_true(keeps_stream(state, SAYS SAYS SAYS STOPS USES DONE));
	assert_true(keeps_stream(state, SAYS STOPS USES));
	assert_true(keeps_stream(state, SAYS
	    "data: {'choices':[{'index':1,'delta':{'content':'a'}}]}\n\n"
	    "data: {'choices':[{'index':1,'finish_reason':'length'}]}\n\n" STOPS
		USES DONE));
}

static void keeps_no_stream_that_is_not_whole_or_not_text(void **state)
{
	static const char *const bad[] = {
	    "",
	    DONE,
	    SAYS USES DONE,
	    SAYS STOPS DONE,
	    SAYS "data: x\n\n" STOPS USES DONE,
	    SAYS "data: {'error':{'message':'x'}}\n\n" STOPS USES DONE,
	    SAYS
	    "data: {'choices':[{'index':1,'delta':{}}]}\n\n" STOPS USES DONE,
	    SAYS "data: {'choices':[{'index':0,'delta':{},'finish_reason':"
		 "'content_filter'}]}\n\n" STOPS USES DONE,
	    SAYS "data: {'choices':[{'index':0,'delta':{'tool_calls':"
		 "[{'index':0}]}}]}\n\n" STOPS USES DONE,
	    SAYS "data: {'choices':[{'index':0,'delta':{'audio':"
		 "{'data':'a'}}}]}\n\n" STOPS USES DONE,
	    SAYS STOPS "data: {'choices':[{'index':63,'delta':{},"
		       "'finish_reason':'stop'}]}\n\n" USES DONE,
	    SAYS STOPS "data: {'choices':[{'index':-1,'delta':{},"
		       "'finish_reason':'stop'}]}\n\n" USES DONE,
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (keeps_stream(state, bad[i]))
			fail_msg("is kept: %s", bad[i]);
	}
}

/* --- marks -----------------------------------------------------------------
 */

/* <before> is what stands before the marked bytes, for each of both. */
static void check_marks(
    void **state, const char *text, const char *usage, const char *done)
{
	struct replay *r = *state;
	struct span stream = quoted(r, text);
	struct span wanted_usage = quoted(r, usage);
	struct span wanted_done = quoted(r, done);
	struct dialect_marks marks;

	assert_true(dialect_find_marks(ENDPOINT_CHAT, stream, &marks));
	assert_int_equal(marks.usage.len, wanted_usage.len);
	assert_int_equal(marks.done.len, wanted_done.len);
	assert_true(
	    span_starts_with(span_from(stream, marks.usage.at), wanted_usage));
	assert_true(
	    span_starts_with(span_from(stream, marks.done.at), wanted_done));
}

static void finds_the_events_of_usage_and_done(void **state)
{
	check_marks(state, SAYS STOPS USES DONE, USES, DONE);
	check_marks(state, SAYS STOPS USES "data: [DONE]\r\n\r\n" SAYS, USES,
	    "data: [DONE]\r\n\r\n");
	check_marks(state, SAYS STOPS DONE, "", DONE);
	check_marks(state, SAYS STOPS USES, USES, "");
	check_marks(state, SAYS STOPS "data: [DONE]", "", "data: [DONE]");
	check_marks(state, "", "", "");
	check_marks(state, SAYS USES STOPS DONE, USES, DONE);
	check_marks(state, SAYS STOPS USES ": x\n\n" USES DONE,
	    USES ": x\n\n" USES, DONE);
	check_marks(state,
	    SAYS "data: {'choices':[{'index':0,'finish_reason':'stop'}]," USAGE
		 "}\n\n" DONE,
	    "", DONE);
}

static void finds_no_one_range_for_usage_that_stands_apart(void **state)
{
	struct replay *r = *state;
	struct dialect_marks marks;

	assert_false(dialect_find_marks(
	    ENDPOINT_CHAT, quoted(r, USES SAYS USES DONE), &marks));
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(keeps_good_answers),
	    test(keeps_no_answer_that_is_not_whole_or_not_text),
	    test(keeps_good_streams),
	    test(keeps_no_stream_that_is_not_whole_or_not_text),
	    test(finds_the_events_of_usage_and_done),
	    test(finds_no_one_range_for_usage_that_stands_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
