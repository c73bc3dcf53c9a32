/* test_openai_split.c -- the stream that an answer would have been. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/replay_fixture.h"

#define WHOLE(message, more)                                                   \
	"{'id':'c','object':'chat.completion','choices':[{'index':0,"          \
	"'message':{'role':'assistant'," message "}" more                      \
	",'finish_reason':'stop'}]}"
#define HEAD "data: {'id':'c','object':'chat.completion.chunk','choices':["

static void check(void **state, enum endpoint endpoint, const char *answer,
    const char *stream)
{
	struct replay *r = *state;
	struct span got = split(r, endpoint, quoted(r, answer));
	struct span wanted = quoted(r, stream);

	if (!got.ptr || !span_eq(got, wanted))
		fail_msg(
		    "got\n%.*s\nwanted\n%.*s", SPAN_FMT(got), SPAN_FMT(wanted));
}

/* The pieces of a content, as they stand in the deltas, with a | between. */
static void check_pieces(void **state, const char *content, const char *wanted)
{
	struct replay *r = *state;
	struct span answer = quoted(
	    r, arena_printf(&r->arena, WHOLE("'content':'%s'", ""), content));
	struct span stream = split(r, ENDPOINT_CHAT, answer);
	const struct span before = SPAN("\"delta\":{\"content\":\"");
	struct buf got;
	size_t at = 0;

	assert_non_null(stream.ptr);
	buf_init(&got, 1 << 20);
	while ((at = span_find(stream, before, at)) != SIZE_MAX) {
		size_t end;

		at += before.len;
		end = span_find(stream, SPAN("\"},\"finish_reason\""), at);
		assert_true(buf_append(&got, SPAN("|")));
		assert_true(
		    buf_append(&got, span_make(stream.ptr + at, end - at)));
	}
	assert_true(buf_append(&got, span_make("", 1)));
	assert_string_equal(got.data, wanted);
	buf_free(&got);
}

static void refuse(void **state, const char *answer)
{
	struct replay *r = *state;

	if (split(r, ENDPOINT_CHAT, quoted(r, answer)).ptr)
		fail_msg("was split: %s", answer);
	assert_int_equal(r->marks.done.len, 0);
}

static void tells_an_answer_as_its_upstream_streams(void **state)
{
	struct replay *r = *state;

	r->has_usage = true;
	check(state, ENDPOINT_CHAT,
	    "{'id':'c','object':'chat.completion','created':17,'model':'m',"
	    "'choices':[{'index':0,'message':{'role':'assistant','content':"
	    "'It was.','refusal':null},'logprobs':null,"
	    "'finish_reason':'stop'}],'usage':{'total_tokens':9},"
	    "'service_tier':'default','system_fingerprint':'fp'}",
#define FACTS                                                                  \
	"data: {'id':'c','object':'chat.completion.chunk','created':17,"       \
	"'model':'m','service_tier':'default','system_fingerprint':'fp',"
	    FACTS
	    "'choices':[{'index':0,'delta':{'role':'assistant',"
	    "'content':'','refusal':null},'logprobs':null,"
	    "'finish_reason':null}],'usage':null}\n\n" FACTS
	    "'choices':[{'index':0,'delta':{'content':'It'},"
	    "'logprobs':null,'finish_reason':null}],'usage':null}\n\n" FACTS
	    "'choices':[{'index':0,'delta':{'content':' was.'},"
	    "'logprobs':null,'finish_reason':null}],'usage':null}\n\n" FACTS
	    "'choices':[{'index':0,'delta':{},'logprobs':null,"
	    "'finish_reason':'stop'}],'usage':null}\n\n" FACTS
	    "'choices':[],'usage':{'total_tokens':9}}\n\n"
	    "data: [DONE]\n\n");
#undef FACTS
}

static void says_nothing_of_usage_that_nobody_asked_for(void **state)
{
	struct replay *r = *state;
	const char *answer = "{'choices':[{'message':{'content':''},"
			     "'finish_reason':'stop'}],'usage':{'n':9}}";
	const char *without = "{'choices':[{'message':{'content':''},"
			      "'finish_reason':'stop'}],'usage':null}";
	const char *stream =
	    "data: {'choices':[{'index':0,'delta':{'content':''},"
	    "'finish_reason':null}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{},"
	    "'finish_reason':'stop'}]}\n\ndata: [DONE]\n\n";

	check(state, ENDPOINT_CHAT, answer, stream);
	assert_int_equal(r->marks.usage.len, 0);
	r->has_usage = true;
	check(state, ENDPOINT_CHAT, without, stream);
	assert_int_equal(r->marks.usage.len, 0);
}

static void marks_the_events_of_usage_and_done(void **state)
{
	struct replay *r = *state;
	struct dialect_marks found;
	struct span stream;
	struct arena arena;
	struct buf out;

	const struct dialect_request request = {
	    .endpoint = ENDPOINT_CHAT,
	    .has_include_usage = true,
	};

	arena_init(&arena, 1 << 20);
	buf_init(&out, 1 << 20);
	assert_true(buf_append(&out, SPAN("before")));
	assert_true(dialect_split(&request,
	    quoted(r, "{'choices':[{'message':{'content':'a b'},"
		      "'finish_reason':'stop'}],'usage':{'n':9}}"),
	    &arena, &out, &r->marks));
	stream = span_from(buf_span(&out), 6);
	assert_true(dialect_find_marks(ENDPOINT_CHAT, stream, &found));
	assert_memory_equal(&found, &r->marks, sizeof(found));
	assert_int_equal(found.done.at + found.done.len, stream.len);
	assert_int_equal(found.usage.at + found.usage.len, found.done.at);
	assert_true(span_eq(
	    span_from(stream, found.done.at), SPAN("data: [DONE]\n\n")));
	assert_true(span_starts_with(span_from(stream, found.usage.at),
	    quoted(r, "data: {'choices':[],'usage':{'n':9}}\n\n")));
	buf_free(&out);
	arena_free(&arena);
}

static void cuts_before_the_spaces_of_words(void **state)
{
	check_pieces(state, "The cat  sat.\\n\\n On\\tit\\\\n",
	    "|The| cat|  sat.|\\n\\n On|\\tit\\\\n");
	check_pieces(state, " a ", "| a| ");
	check_pieces(state, "", "");
}

static void cuts_long_words_between_characters(void **state)
{
	check_pieces(state, "abcdefghijklmnopqrstuvwxyz01234 x",
	    "|abcdefghijklmnopqrstuvwx|yz01234| x");
	check_pieces(state,
	    "\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	    "\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad",
	    "|\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87\xe4\xb8\xad"
	    "\xe6\x96\x87\xe4\xb8\xad\xe6\x96\x87|\xe4\xb8\xad");
	check_pieces(state, "abcdefghijklmnopqrstuvw\xf0\x9f\x98\x80y",
	    "|abcdefghijklmnopqrstuvw\xf0\x9f\x98\x80|y");
	check_pieces(state, "abcdefghijklmnopqrstuvw\\ud83d\\ude00\\u00e9",
	    "|abcdefghijklmnopqrstuvw\\ud83d\\ude00|\\u00e9");
	check_pieces(state, "abcdefghijklmnopqrstuvw\\\\\\\"",
	    "|abcdefghijklmnopqrstuvw\\\\|\\\"");
}

static void lets_choices_take_turns(void **state)
{
	check(state, ENDPOINT_COMPLETIONS,
	    "{'choices':[{'text':'a b c','index':1,'finish_reason':'length'},"
	    "{'text':'d','index':0,'finish_reason':'stop'}]}",
	    "data: {'choices':[{'index':1,'text':'a','finish_reason':null}]}"
	    "\n\n"
	    "data: {'choices':[{'index':0,'text':'d','finish_reason':null}]}"
	    "\n\n"
	    "data: {'choices':[{'index':1,'text':' b','finish_reason':null}]}"
	    "\n\n"
	    "data: {'choices':[{'index':0,'text':'','finish_reason':'stop'}]}"
	    "\n\n"
	    "data: {'choices':[{'index':1,'text':' c','finish_reason':null}]}"
	    "\n\n"
	    "data: {'choices':[{'index':1,'text':'','finish_reason':'length'}]}"
	    "\n\ndata: [DONE]\n\n");
}

static void tells_reasoning_then_content_then_a_refusal(void **state)
{
#define DELTA(delta)                                                           \
	HEAD "{'index':0,'delta':{" delta "},'finish_reason':null}]}\n\n"
#define STOP                                                                   \
	HEAD "{'index':0,'delta':{},'finish_reason':'stop'}]}\n\n"             \
	     "data: [DONE]\n\n"
	check(state, ENDPOINT_CHAT,
	    WHOLE("'refusal':'no','content':'c','reasoning_content':'r s'", ""),
	    DELTA("'role':'assistant','refusal':null,'content':''") DELTA(
		"'reasoning_content':'r'") DELTA("'reasoning_content':' s'")
		DELTA("'content':'c'") DELTA("'refusal':'no'") STOP);
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':null,'reasoning':'r s','reasoning_content':"
		  "'r s'",
		""),
	    DELTA("'role':'assistant','content':null")
		DELTA("'reasoning_content':'r','reasoning':'r'")
		    DELTA("'reasoning_content':' s','reasoning':' s'") STOP);
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':null,'reasoning':'s','reasoning_content':'r'", ""),
	    DELTA("'role':'assistant','content':null")
		DELTA("'reasoning_content':'r'") DELTA("'reasoning':'s'") STOP);
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':'','reasoning':'','refusal':'',"
		  "'annotations':[],'odd':{'a':1}",
		""),
	    DELTA("'role':'assistant','content':'','reasoning':'',"
		  "'refusal':'','annotations':[],'odd':{'a':1}") STOP);
}

static void gives_each_call_its_index(void **state)
{
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':null,'tool_calls':[{'id':'a','function':"
		  "{'name':'f','arguments':'{}'}},{},{'index':2.0,'id':'b'}],"
		  "'function_call':{'name':'g','arguments':''}",
		""),
	    DELTA("'role':'assistant','content':null")
		DELTA("'tool_calls':[{'index':0,'id':'a','function':"
		      "{'name':'f','arguments':'{}'}}]")
		    DELTA("'tool_calls':[{'index':1}]")
			DELTA("'tool_calls':[{'index':2.0,'id':'b'}]")
			    DELTA("'function_call':{'name':'g',"
				  "'arguments':''}") STOP);
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':'','tool_calls':[],'function_call':null", ""),
	    DELTA("'role':'assistant','content':'','tool_calls':[],"
		  "'function_call':null") STOP);
}

static void says_once_what_it_does_not_know(void **state)
{
	check(state, ENDPOINT_COMPLETIONS,
	    "{'id':'c','citations':['a'],'choices':[{'text':'a b','index':0,"
	    "'stop_reason':null,'finish_reason':'stop','seed':1.0}],'x':1}",
	    "data: {'id':'c','citations':['a'],'x':1,'choices':[{'index':0,"
	    "'text':'a','finish_reason':null}]}\n\n"
	    "data: {'id':'c','choices':[{'index':0,'text':' b',"
	    "'finish_reason':null}]}\n\n"
	    "data: {'id':'c','choices':[{'index':0,'text':'',"
	    "'finish_reason':'stop','stop_reason':null,'seed':1.0}]}\n\n"
	    "data: [DONE]\n\n");
}

static void puts_an_answer_of_many_lines_on_one(void **state)
{
	check(state, ENDPOINT_CHAT,
	    "{\n  'id': 'c',\r\n\t'choices': [ {\n 'index' : 0,\n'message': {"
	    "\n 'role':\n 'assistant', 'content': 'a\\n \\\\', 'odd': [1, \n"
	    "2.50]\n},\n 'finish_reason': 'stop'}\n]\n}\n",
	    "data: {'id':'c','choices':[{'index':0,'delta':{'role':"
	    "'assistant','content':'','odd':[1,2.50]},'finish_reason':null}]}"
	    "\n\n"
	    "data: {'id':'c','choices':[{'index':0,'delta':{'content':"
	    "'a'},'finish_reason':null}]}\n\n"
	    "data: {'id':'c','choices':[{'index':0,'delta':{'content':"
	    "'\\n \\\\'},'finish_reason':null}]}\n\n"
	    "data: {'id':'c','choices':[{'index':0,'delta':{},"
	    "'finish_reason':'stop'}]}\n\ndata: [DONE]\n\n");
}

#define TOLD(delta, logprobs)                                                  \
	HEAD "{'index':0,'delta':{" delta "},'logprobs':" logprobs             \
	     ",'finish_reason':null}]}\n\n"
#define END(logprobs)                                                          \
	HEAD "{'index':0,'delta':{},'logprobs':" logprobs                      \
	     ",'finish_reason':'stop'}]}\n\ndata: [DONE]\n\n"

static void cuts_where_the_tokens_were(void **state)
{
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':'Ha\\u00e9 x'",
		",'logprobs':{'content':[{'token':'H','logprob':-1.50,"
		"'bytes':[72]}, {'token':'a?','bytes':[97,195]},{'token':'?',"
		"'bytes':[169]},{'token':' x','bytes':null},"
		"{'token':'<end>','bytes':[]}],'refusal':null}"),
	    TOLD("'role':'assistant','content':''", "null")
		TOLD("'content':'H'",
		    "{'content':[{'token':'H','logprob':-1.50,'bytes':[72]}],"
		    "'refusal':null}") TOLD("'content':'a\\u00e9'",
		    "{'content':[{'token':'a?','bytes':[97,195]},"
		    "{'token':'?','bytes':[169]}],'refusal':null}")
		    TOLD("'content':' x'",
			"{'content':[{'token':' x','bytes':null},"
			"{'token':'<end>','bytes':[]}],'refusal':null}")
			END("null"));
}

static void keeps_a_refusals_tokens_with_the_refusal(void **state)
{
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':'a','refusal':'b'",
		",'logprobs':{'refusal':[{'token':'b'}],"
		"'content':[{'token':'a'}]}"),
	    TOLD("'role':'assistant','content':'','refusal':null", "null") TOLD(
		"'content':'a'", "{'refusal':null,'content':[{'token':'a'}]}")
		TOLD("'refusal':'b'",
		    "{'refusal':[{'token':'b'}],'content':null}") END("null"));
}

static void slices_the_lists_of_completions_alike(void **state)
{
	check(state, ENDPOINT_COMPLETIONS,
	    "{'choices':[{'text':'a\xe2\x80\x99','index':0,'logprobs':"
	    "{'text_offset':[0,1,1],'tokens':['a','bytes:\\\\xe2\\\\x80',"
	    "'bytes:\\\\x99'],'token_logprobs':[null,-1,-2.0],"
	    "'top_logprobs':null,'other':[]},'finish_reason':'stop'}]}",
	    "data: {'choices':[{'index':0,'text':'a','logprobs':"
	    "{'text_offset':[0],'tokens':['a'],'token_logprobs':[null],"
	    "'top_logprobs':null,'other':[]},'finish_reason':null}]}\n\n"
	    "data: {'choices':[{'index':0,'text':'\xe2\x80\x99','logprobs':"
	    "{'text_offset':[1,1],'tokens':['bytes:\\\\xe2\\\\x80',"
	    "'bytes:\\\\x99'],'token_logprobs':[-1,-2.0],"
	    "'top_logprobs':null,'other':[]},'finish_reason':null}]}\n\n"
	    "data: {'choices':[{'index':0,'text':'','logprobs':null,"
	    "'finish_reason':'stop'}]}\n\ndata: [DONE]\n\n");
}

static void keeps_the_rest_together_when_tokens_are_others(void **state)
{
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':'one two three'",
		",'logprobs':{'content':[{'token':'one'},{'token':'TWO'},"
		"{'token':' three'}]}"),
	    TOLD("'role':'assistant','content':''", "null")
		TOLD("'content':'one'", "{'content':[{'token':'one'}]}")
		    TOLD("'content':' two three'",
			"{'content':[{'token':'TWO'},{'token':' three'}]}")
			END("null"));
	/* Tokens that stop early leave words. */
	check(state, ENDPOINT_CHAT,
	    WHOLE("'content':'one two three'",
		",'logprobs':{'content':[{'token':'one'}]}"),
	    TOLD("'role':'assistant','content':''", "null")
		TOLD("'content':'one'", "{'content':[{'token':'one'}]}")
		    TOLD("'content':' two'", "null")
			TOLD("'content':' three'", "null") END("null"));
}

static void leaves_odd_logprobs_whole_to_the_end(void **state)
{
	static const char *const odd[] = {
	    "{'content':[],'refusal':null}",
	    "{'content':[{'token':'a'}],'more':7}",
	    "{'content':[{'token':'a'}],'refusal':[{'token':'b'}]}",
	    "{'tokens':['a']}",
	    "{'content':[{'token':'a'}],'content':[{'token':'b'}]}",
	    "7",
	};
	struct replay *r = *state;

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		const char *answer = arena_printf(&r->arena,
		    WHOLE("'content':'a'", ",'logprobs':%s"), odd[i]);
		const char *stream = arena_printf(&r->arena,
		    TOLD("'role':'assistant','content':''", "null")
			TOLD("'content':'a'", "null") END("%s"),
		    odd[i]);

		check(state, ENDPOINT_CHAT, answer, stream);
	}
}

static void refuses_what_is_no_whole_answer(void **state)
{
	refuse(state, "");
	refuse(state, "[]");
	refuse(state, "{'choices':[]}");
	refuse(state, "{'choices':{}}");
	refuse(state, "{'error':{'message':'x'}}");
	refuse(state, "{'error':{},'choices':[{'message':{'content':'a'},"
		      "'finish_reason':'stop'}]}");
	refuse(state, "{'choices':[{'message':{'content':'a'}}]}");
	refuse(state, "{'choices':[{'message':{'content':'a'},"
		      "'finish_reason':null}]}");
	refuse(state, "{'choices':[{'message':{'content':'a'},"
		      "'finish_reason':'stop'},7]}");
	refuse(state, "{'choices':[{'text':'a','finish_reason':'stop'}]}");
}

static void refuses_what_it_cannot_tell(void **state)
{
	struct replay *r = *state;

	refuse(state, WHOLE("'content':[{'type':'text','text':'a'}]", ""));
	refuse(state, WHOLE("'content':[]", ""));
	refuse(state, WHOLE("'content':null,'audio':{'id':'a'}", ""));
	refuse(state, WHOLE("'content':'a','c\\u006fntent':'b'", ""));
	refuse(state, WHOLE("'content':'a','refusal':7", ""));
	refuse(state, WHOLE("'content':'a','tool_calls':{}", ""));
	refuse(state, WHOLE("'content':'a','tool_calls':[7]", ""));
	refuse(state, WHOLE("'content':'a','tool_calls':[{'index':1}]", ""));
	refuse(state,
	    WHOLE("'content':'a','tool_calls':[{'index':0},{'index':0}]", ""));
	refuse(state, WHOLE("'content':'a','function_call':'f'", ""));
	refuse(state, WHOLE("'content':'a'", ",'index':1"));
	refuse(state, "{'choices':[{'index':1,'message':{'content':'a'},"
		      "'finish_reason':'stop'}]}");
	refuse(state, "{'choices':[{'index':0,'message':{'content':'a'},"
		      "'finish_reason':'stop'},{'index':0,'message':"
		      "{'content':'a'},'finish_reason':'stop'}]}");
	assert_null(split(r, ENDPOINT_COMPLETIONS,
	    quoted(r, "{'choices':[{'index':0,'finish_reason':'stop'}]}"))
			.ptr);
	assert_null(split(r, ENDPOINT_EMBEDDINGS, SPAN("{}")).ptr);
}

static void appends_nothing_past_a_maximum(void **state)
{
	struct replay *r = *state;
	struct span answer =
	    quoted(r, WHOLE("'content':'one \\u0074wo'",
			  ",\n'logprobs':{'content':[{'token':'one'}]}"));
	struct span stream = split(r, ENDPOINT_CHAT, answer);
	const struct dialect_request request = {.endpoint = ENDPOINT_CHAT};
	struct arena arena;
	struct buf out;

	assert_non_null(stream.ptr);
	for (size_t max = stream.len - 60; max <= stream.len; max++) {
		arena_init(&arena, 1 << 20);
		buf_init(&out, max);
		assert_int_equal(
		    dialect_split(&request, answer, &arena, &out, &r->marks),
		    max == stream.len);
		assert_int_equal(buf_len(&out), max < stream.len ? 0 : max);
		assert_int_equal(r->marks.done.len, max < stream.len ? 0 : 14);
		buf_free(&out);
		arena_free(&arena);
	}
	buf_init(&out, 1 << 20);
	for (size_t max = 0;; max += 16) {
		bool is_split;

		arena_init(&arena, max);
		is_split =
		    dialect_split(&request, answer, &arena, &out, &r->marks);
		arena_free(&arena);
		if (is_split)
			break;
		assert_int_equal(buf_len(&out), 0);
	}
	assert_true(buf_len(&out) > 0);
	buf_free(&out);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(tells_an_answer_as_its_upstream_streams),
	    test(says_nothing_of_usage_that_nobody_asked_for),
	    test(marks_the_events_of_usage_and_done),
	    test(cuts_before_the_spaces_of_words),
	    test(cuts_long_words_between_characters),
	    test(lets_choices_take_turns),
	    test(tells_reasoning_then_content_then_a_refusal),
	    test(gives_each_call_its_index),
	    test(says_once_what_it_does_not_know),
	    test(puts_an_answer_of_many_lines_on_one),
	    test(cuts_where_the_tokens_were),
	    test(keeps_a_refusals_tokens_with_the_refusal),
	    test(slices_the_lists_of_completions_alike),
	    test(keeps_the_rest_together_when_tokens_are_others),
	    test(leaves_odd_logprobs_whole_to_the_end),
	    test(refuses_what_is_no_whole_answer),
	    test(refuses_what_it_cannot_tell),
	    test(appends_nothing_past_a_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
