/* test_events.c -- the events of a stream in memory, however it is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/replay_fixture.h"

/* What an event says, in one letter, and its payload: "+a" whole, "-a" cut. */
static void assert_events(void **state, const char *stream, const char *wanted)
{
	struct replay *r = *state;
	struct span text = exact(r, span_of(stream));
	struct events events;
	struct event event;
	size_t at = 0;
	struct buf got;

	buf_init(&got, 4096);
	events_init(&events, text);
	while (events_next(&events, &r->arena, &event)) {
		assert_int_equal(event.raw.at, at);
		at += event.raw.len;
		assert_true(buf_printf(&got, "%c%.*s|",
		    event.is_whole ? (event.has_data ? '+' : '0') : '-',
		    SPAN_FMT(event.data)));
	}
	assert_false(events.is_full);
	assert_int_equal(at, text.len);
	assert_true(buf_append(&got, span_make("", 1)));
	assert_string_equal(got.data, wanted);
	buf_free(&got);
}

static void ends_lines_with_LF_CRLF_and_CR(void **state)
{
	assert_events(state, "data: a\n\ndata: b\n\n", "+a|+b|");
	assert_events(state, "data: a\r\n\r\ndata: b\r\n\r\n", "+a|+b|");
	assert_events(state, "data: a\r\rdata: b\r\r", "+a|+b|");
	assert_events(
	    state, "data: a\r\n\ndata: b\n\rdata: c\r\n\r", "+a|+b|+c|");
	assert_events(state, "data: a\n\n\ndata: b\n\n", "+a|0|+b|");
	assert_events(state, "", "");
}

static void reads_fields_as_clients_do(void **state)
{
	assert_events(state, ": hello\n\ndata:a\nid: 7\n\n", "0|+a|");
	assert_events(state, "data:  a\n\n", "+ a|");
	assert_events(state, "data\n\n", "+|");
	assert_events(state, "datas: a\n\n", "0|");
	assert_events(state, "retry: 3\ndata: {\ndata: }\n\n", "+{\n}|");
	assert_events(state, "data: a\r\ndata:b\r\ndata\r\n\r\n", "+a\nb\n|");
}

static void skips_a_byte_order_mark_at_the_start_alone(void **state)
{
	assert_events(state,
	    "\xef\xbb\xbf"
	    "data: a\n\n",
	    "+a|");
	assert_events(state,
	    "\xef\xbb\xbf"
	    "data: a\ndata: b\n\n",
	    "+a\nb|");
	assert_events(state,
	    "data: a\n\n\xef\xbb\xbf"
	    "data: b\n\n",
	    "+a|0|");
	assert_events(state,
	    "\n\xef\xbb\xbf"
	    "data: a\ndata: b\ndata: c\n\n",
	    "0|+b\nc|");
	assert_events(state, "\xef\xbb\xbf", "-|");
}

static void says_when_the_last_one_is_cut(void **state)
{
	assert_events(state, "data: a\n\ndata: b\n", "+a|-b|");
	assert_events(state, "data: a\n\ndata: b", "+a|-b|");
	assert_events(state, "data: a\n\n: x", "+a|-|");
}

static void knows_done_and_errors_by_name(void **state)
{
	struct replay *r = *state;
	struct events events;
	struct event event;

	events_init(
	    &events, SPAN("data: [DONE]\n\ndata:[DONE] \n\nevent: error\n"
			  "data: x\n\nevent: done\ndata: [DONE\n\n"));
	assert_true(events_next(&events, &r->arena, &event));
	assert_true(event_is_done(&event));
	assert_true(events_next(&events, &r->arena, &event));
	assert_true(event_is_done(&event));
	assert_true(events_next(&events, &r->arena, &event));
	assert_false(event_is_done(&event));
	assert_true(event.is_named_error);
	assert_true(events_next(&events, &r->arena, &event));
	assert_false(event_is_done(&event));
	assert_false(event.is_named_error);
}

static void stops_where_lines_cannot_be_joined(void **state)
{
	struct events events;
	struct arena arena;
	struct event event;

	(void)state;
	arena_init(&arena, 8);
	events_init(&events, SPAN("data: a\n\ndata: bbbbb\ndata: ccccc\n\n"));
	assert_true(events_next(&events, &arena, &event));
	assert_false(events_next(&events, &arena, &event));
	assert_true(events.is_full);
	arena_free(&arena);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(ends_lines_with_LF_CRLF_and_CR),
	    test(reads_fields_as_clients_do),
	    test(skips_a_byte_order_mark_at_the_start_alone),
	    test(says_when_the_last_one_is_cut),
	    test(knows_done_and_errors_by_name),
	    test(stops_where_lines_cannot_be_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
