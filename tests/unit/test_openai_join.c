/* test_openai_join.c -- what a stream's events add up to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/replay_fixture.h"

#define CHUNK "'object':'chat.completion.chunk'"
#define WHOLE "'object':'chat.completion'"
#define SAYS(delta)                                                            \
	"data: {" CHUNK ",'choices':[{'index':0,'delta':{" delta "},"          \
	"'finish_reason':null}]}\n\n"
#define STOPS                                                                  \
	"data: {" CHUNK ",'choices':[{'index':0,'delta':{},"                   \
	"'finish_reason':'stop'}]}\n\ndata: [DONE]\n\n"
#define MESSAGE(members)                                                       \
	"{" WHOLE ",'choices':[{'index':0,'message':{" members "},"            \
	"'finish_reason':'stop'}]}"

static void check(void **state, enum endpoint endpoint, const char *stream,
    const char *answer)
{
	struct replay *r = *state;

	assert_same_json(
	    r, join(r, endpoint, quoted(r, stream)), quoted(r, answer));
}

static void check_chat(void **state, const char *stream, const char *answer)
{
	check(state, ENDPOINT_CHAT, stream, answer);
}

static void check_text(void **state, const char *stream, const char *answer)
{
	check(state, ENDPOINT_COMPLETIONS, stream, answer);
}

static void refuse(void **state, const char *stream)
{
	struct replay *r = *state;
	struct span text = quoted(r, stream);

	if (join(r, ENDPOINT_CHAT, text).ptr)
		fail_msg("was joined:\n%.*s", SPAN_FMT(text));
}

static void concatenates_what_was_said(void **state)
{
	check_chat(state,
	    SAYS("'role':'assistant','content':''") SAYS("'content':'It'")
		SAYS("'content':' was'") SAYS("'content':' \\'so\\'\\n'")
		    SAYS("'content':'\\ud83d\\ude00 \xe4\xb8\xad'")
			SAYS("'content':'\xe6\x96\x87'") SAYS("") STOPS,
	    MESSAGE("'role':'assistant','content':"
		    "'It was \\'so\\'\\n\\ud83d\\ude00 \xe4\xb8\xad"
		    "\xe6\x96\x87'"));
}

static void keeps_numbers_and_unknown_members_as_they_were_sent(void **state)
{
	check_chat(state,
	    "data: {'id':'a','created':1.70e9,'provider':{'b':[ 1.0,2]},"
	    "'choices':[{'index':0,'delta':{'role':'assistant','content':'x',"
	    "'odd':'one'},'weight':0.10,'finish_reason':null}]}\n\n"
	    "data: {'id':'a','created':1.70e9,'provider':null,'late':-0,"
	    "'choices':[{'index':0,'delta':{'odd':'two'},'weight':1E+2,"
	    "'stop_reason':128009,'finish_reason':'stop'}]}\n\n"
	    "data: {'id':'a','created':1.70e9,'choices':[],'usage':"
	    "{'prompt_tokens':12345678901234567890}}\n\n",
	    "{'id':'a','created':1.70e9,'provider':{'b':[1.0,2]},'late':-0,"
	    "'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'x','odd':'two'},'weight':1E+2,'stop_reason':128009,"
	    "'finish_reason':'stop'}],"
	    "'usage':{'prompt_tokens':12345678901234567890}}");
}

static void puts_choices_in_the_order_of_their_index(void **state)
{
	check_chat(state,
	    "data: {'choices':[{'index':2,'delta':{'content':'c'}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'a'}}]}\n\n"
	    "data: {'choices':[{'index':1,'delta':{'content':'b'}},"
	    "{'index':0,'delta':{'content':'A'}}]}\n\n"
	    "data: {'choices':[{'index':2,'delta':{'content':'C'}}]}\n\n"
	    "data: {'choices':[{'index':2,'delta':{'content':'D'}}]}\n\n"
	    "data: {'choices':[{'index':2,'finish_reason':'stop'},"
	    "{'index':0,'finish_reason':'length'},"
	    "{'index':1,'finish_reason':'stop'}]}\n\n",
	    "{'choices':["
	    "{'index':0,'message':{'role':'assistant','content':'aA'},"
	    "'finish_reason':'length'},"
	    "{'index':1,'message':{'role':'assistant','content':'b'},"
	    "'finish_reason':'stop'},"
	    "{'index':2,'message':{'role':'assistant','content':'cCD'},"
	    "'finish_reason':'stop'}]}");
}

static void makes_content_null_beside_a_refusal_alone(void **state)
{
	check_chat(state,
	    SAYS("'role':'assistant','content':'','refusal':null")
		SAYS("'refusal':'I'") SAYS("'refusal':' cannot.'") STOPS,
	    MESSAGE("'role':'assistant','content':null,"
		    "'refusal':'I cannot.'"));
	check_chat(state,
	    SAYS("'role':'assistant','content':'','refusal':null") STOPS,
	    MESSAGE("'role':'assistant','content':'','refusal':null"));
	check_chat(state, SAYS("'content':'Well'") SAYS("'refusal':'no'") STOPS,
	    MESSAGE("'role':'assistant','content':'Well','refusal':'no'"));
	check_chat(state, SAYS("'reasoning':'hm'") STOPS,
	    MESSAGE("'role':'assistant','content':null,'reasoning':'hm'"));
}

static void joins_reasoning_under_each_of_its_names(void **state)
{
	check_chat(state,
	    SAYS("'role':'assistant','content':null,'reasoning_content':''")
		SAYS("'content':null,'reasoning_content':'Let'")
		    SAYS("'content':null,'reasoning_content':' me'")
			SAYS("'content':'Yes','reasoning_content':null") STOPS,
	    MESSAGE("'role':'assistant','content':'Yes',"
		    "'reasoning_content':'Let me'"));
	check_chat(state,
	    SAYS("'content':'','reasoning':'a',"
		 "'reasoning_details':[{'text':'a'}]")
		SAYS("'content':'','reasoning':'b','reasoning_details':"
		     "[ {'text':'b'} , {'signature':'s'} ]")
		    SAYS("'content':'c','reasoning_details':[]") STOPS,
	    MESSAGE("'role':'assistant','content':'c','reasoning':'ab',"
		    "'reasoning_details':[{'text':'a'},{'text':'b'},"
		    "{'signature':'s'}]"));
}

static void joins_lists_of_annotations_and_of_token_ids(void **state)
{
	check_chat(state,
	    "data: {'choices':[{'index':0,'delta':{'content':'a',"
	    "'annotations':[{'u':1}]},'token_ids':[1,2]}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'b',"
	    "'annotations':[{'u':2}]},'token_ids':[3],"
	    "'finish_reason':'stop'}]}\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'ab','annotations':[{'u':1},{'u':2}]},"
	    "'token_ids':[1,2,3],'finish_reason':'stop'}]}");
}

/* Events that differ in one text only may still say more than that. */
static void joins_all_that_alike_events_say(void **state)
{
	check_chat(state,
	    SAYS("'content':'a','annotations':[1]")
		SAYS("'content':'b','annotations':[1]")
		    SAYS("'content':'c','annotations':[1]") STOPS,
	    MESSAGE("'role':'assistant','content':'abc',"
		    "'annotations':[1,1,1]"));
	check_chat(state,
	    SAYS("'content':'a','reasoning':'x'")
		SAYS("'content':'a','reasoning':'y'")
		    SAYS("'content':'b','reasoning':'y'") STOPS,
	    MESSAGE("'role':'assistant','content':'aab','reasoning':'xyy'"));
}

static void merges_calls_by_their_index(void **state)
{
	check_chat(state,
	    SAYS("'role':'assistant','content':null")
		SAYS("'tool_calls':[{'index':0,'id':'c0','type':'function',"
		     "'function':{'name':'look','arguments':''}}]")
		    SAYS("'tool_calls':[{'index':0,'function':{'arguments':"
			 "'{\\'a'}}]")
			SAYS("'tool_calls':[{'index':1,'id':'c1','type':"
			     "'custom','custom':{'name':'run','input':'x'}},"
			     "{'index':0,'id':'','function':{'name':null,"
			     "'arguments':'\\':1}'},'extra':{'s':'t'}}]")
			    SAYS("'tool_calls':[{'index':1,'custom':"
				 "{'input':'y'}}]") STOPS,
	    MESSAGE("'role':'assistant','content':null,'tool_calls':["
		    "{'id':'c0','type':'function','function':{'name':'look',"
		    "'arguments':'{\\'a\\':1}'},'extra':{'s':'t'}},"
		    "{'id':'c1','type':'custom','custom':{'name':'run',"
		    "'input':'xy'}}]"));
	check_chat(state,
	    SAYS("'role':'assistant','content':'','function_call':"
		 "{'name':'f','arguments':''}")
		SAYS("'function_call':{'arguments':'{'}")
		    SAYS("'function_call':{'arguments':'}'}") STOPS,
	    MESSAGE("'role':'assistant','content':null,'function_call':"
		    "{'name':'f','arguments':'{}'}"));
}

static void joins_logprobs_of_chat(void **state)
{
	check_chat(state,
	    "data: {'choices':[{'index':0,'delta':{'content':''},"
	    "'logprobs':null}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'a'},"
	    "'logprobs':{'content':[{'token':'a','logprob':-0.50}],"
	    "'refusal':null}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'b'},"
	    "'logprobs':{'content':[{'token':'b','logprob':-1e-9}],"
	    "'refusal':null}}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{},'logprobs':null,"
	    "'finish_reason':'stop'}]}\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'ab'},'logprobs':{'content':["
	    "{'token':'a','logprob':-0.50},{'token':'b','logprob':-1e-9}],"
	    "'refusal':null},'finish_reason':'stop'}]}");
}

static void joins_logprobs_of_completions(void **state)
{
	check_text(state,
	    "data: {'object':'text_completion','choices':[{'text':'a',"
	    "'index':0,'logprobs':{'tokens':['a'],'token_logprobs':[null],"
	    "'top_logprobs':null,'text_offset':[0]},"
	    "'finish_reason':null}]}\n\n"
	    "data: {'object':'text_completion','choices':[{'text':' b',"
	    "'index':0,'logprobs':{'tokens':[' b'],'token_logprobs':[-2.0],"
	    "'top_logprobs':null,'text_offset':[1]},"
	    "'finish_reason':null}]}\n\n"
	    "data: {'object':'text_completion','choices':[{'text':'',"
	    "'index':0,'logprobs':null,'finish_reason':'length'}]}\n\n",
	    "{'object':'text_completion','choices':[{'text':'a b','index':0,"
	    "'logprobs':{'tokens':['a',' b'],'token_logprobs':[null,-2.0],"
	    "'top_logprobs':null,'text_offset':[0,1]},"
	    "'finish_reason':'length'}]}");
}

static void takes_the_last_usage_from_where_it_stands(void **state)
{
	const char *said = "data: {'choices':[{'index':0,'delta':"
			   "{'content':'a'}}],'usage':{'total_tokens':1}}\n\n"
			   "data: {'choices':[{'index':0,'delta':{},"
			   "'finish_reason':'stop'";
	const char *joined = "{'choices':[{'index':0,'message':{'role':"
			     "'assistant','content':'a'},"
			     "'finish_reason':'stop'}]";
	static const struct {
		const char *end, *more;
	} cases[] = {
	    {"}],'usage':{'total_tokens':2}}\n\n",
		",'usage':{'total_tokens':2}}"},
	    {"}],'usage':null}\n\n", ",'usage':{'total_tokens':1}}"},
	    {",'usage':{'total_tokens':3}}]}\n\n",
		",'usage':{'total_tokens':1}}"},
	};
	struct replay *r = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_chat(state,
		    arena_printf(&r->arena, "%s%s", said, cases[i].end),
		    arena_printf(&r->arena, "%s%s", joined, cases[i].more));
	check_chat(state,
	    "data: {'choices':[{'index':0,'delta':{'content':'a'}}],"
	    "'usage':null,'x_groq':{'id':'r'}}\n\n"
	    "data: {'choices':[{'index':0,'delta':{},'finish_reason':'stop'}],"
	    "'usage':null,'x_groq':{'id':'r','usage':{'n':1}}}\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant','content':"
	    "'a'},'finish_reason':'stop'}],'usage':{'n':1},"
	    "'x_groq':{'id':'r','usage':{'n':1}}}");
	check_chat(state,
	    "data: {'choices':[{'index':0,'delta':{'content':'a'},"
	    "'finish_reason':'stop','usage':{'n':1}}]}\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant','content':"
	    "'a'},'finish_reason':'stop'}],'usage':{'n':1}}");
	check_chat(state,
	    "data: {'choices':[{'index':0,'delta':{'content':'a'},"
	    "'finish_reason':'stop'}],'usage':null}\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant','content':"
	    "'a'},'finish_reason':'stop'}]}");
}

/* Azure begins and ends with chunks that say who they are with "" and 0. */
static void is_not_misled_by_empty_facts(void **state)
{
	check_chat(state,
	    "data: {'choices':[],'created':0,'id':'','model':'','object':'',"
	    "'prompt_filter_results':[{'prompt_index':0}]}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'role':'assistant',"
	    "'content':'','refusal':null},'finish_reason':null,"
	    "'content_filter_results':{}}],'created':17,'id':'c','model':'m',"
	    "'object':'chat.completion.chunk','obfuscation':'abc'}\n\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'x'},"
	    "'finish_reason':null,'content_filter_results':{'h':1}}],"
	    "'created':17,'id':'c','model':'m','object':"
	    "'chat.completion.chunk','obfuscation':'d'}\n\n"
	    "data: {'choices':[{'index':0,'delta':{},'finish_reason':'stop'}],"
	    "'created':17,'id':'c','model':'m','object':"
	    "'chat.completion.chunk'}\n\n"
	    "data: {'choices':[{'index':0,'finish_reason':null,"
	    "'content_filter_offsets':{'end':1}}],'created':0,'id':'',"
	    "'model':'','object':''}\n\n"
	    "data: [DONE]\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'x','refusal':null},'finish_reason':'stop',"
	    "'content_filter_results':{'h':1},"
	    "'content_filter_offsets':{'end':1}}],'created':17,'id':'c',"
	    "'model':'m','object':'chat.completion',"
	    "'prompt_filter_results':[{'prompt_index':0}]}");
}

static void does_not_count_what_is_repeated_beside_a_delta(void **state)
{
	check_chat(state,
	    "data: {'choices':[{'index':0,'message':{'content':'a'},"
	    "'delta':{'content':'a'}}]}\n\n"
	    "data: {'choices':[{'index':0,'message':{'content':'ab'},"
	    "'delta':{'content':'b'},'finish_reason':'stop'}]}\n\n",
	    "{'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'ab'},'finish_reason':'stop'}]}");
}

static void reads_any_line_ends_comments_and_lines_of_data(void **state)
{
	check_chat(state,
	    ": wait\r\n\r\nid: 1\r\ndata: {'choices':\r\ndata: [{'index':0,\r\n"
	    "data:'delta':{'content':'a'}}]}\r\n\r\n"
	    "data: {'choices':[{'index':0,'delta':{'content':'b'},"
	    "'finish_reason':'stop'}]}\r\rdata:[DONE]",
	    "{'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'ab'},'finish_reason':'stop'}]}");
}

static void looks_at_nothing_after_done(void **state)
{
	check_chat(state, SAYS("'content':'a'") STOPS "data: not JSON\n\n",
	    MESSAGE("'role':'assistant','content':'a'"));
}

static void finds_keys_however_they_are_written(void **state)
{
	check_chat(state,
	    SAYS("'cont\\u0065nt':'a'") SAYS("'content':'b'")
		SAYS("'c\\u006fntent':'c','od\\u0064':1") STOPS,
	    MESSAGE("'role':'assistant','content':'abc','odd':1"));
}

static void refuses_what_is_no_whole_answer(void **state)
{
	refuse(state, "");
	refuse(state, "data: [DONE]\n\n");
	refuse(state, ": nothing\n\n");
	refuse(state, SAYS("'content':'a'"));
	refuse(state, SAYS("'content':'a'") "data: [DONE]\n\n");
	refuse(state, SAYS("'content':'a'") "data: {'choices':[]\n\n" STOPS);
	refuse(state, SAYS("'content':'a'") "data: x\n\n" STOPS);
	refuse(state, SAYS("'content':'a'") "data: []\n\n" STOPS);
	refuse(state, "data: {'choices':[]}\n\ndata: [DONE]\n\n");
	refuse(state, "data: {'choices':{}}\n\ndata: [DONE]\n\n");
	/* One of two choices did not come, or did not end. */
	refuse(state, "data: {'choices':[{'index':1,'delta':{'content':'a'},"
		      "'finish_reason':'stop'}]}\n\n");
	refuse(state,
	    "data: {'choices':[{'index':1,'delta':{'content':'a'}}]}\n\n" SAYS(
		"'content':'a'") STOPS);
	/* The last event is cut. */
	refuse(state,
	    SAYS(
		"'content':'a'") "data: {'choices':[{'index':0,'delta':{},"
				 "'finish_reason':'stop'}]}\n\ndata: {'choices':[],'us");
	refuse(state, "data: {'choices':[{'index':0,'delta':{'content':'a'},"
		      "'finish_reason':'stop'}]}\n");
	refuse(state, "data: {'choices':[{'index':0,'delta':{'content':'a'},"
		      "'finish_reason':''}]}\n\n");
}

static void refuses_errors(void **state)
{
	refuse(state,
	    SAYS("'content':'a'") "data: {'error':{'message':'x'}}\n\n" STOPS);
	refuse(
	    state, SAYS("'content':'a'") "data: {'object':'error'}\n\n" STOPS);
	refuse(state, SAYS("'content':'a'") "event: error\ndata: {}\n\n" STOPS);
	check_chat(state,
	    SAYS("'content':'a'") "data: {'error':null}\n\n" STOPS,
	    "{'object':'chat.completion','choices':[{'index':0,'message':"
	    "{'role':'assistant','content':'a'},'finish_reason':'stop'}],"
	    "'error':null}");
}

static void refuses_what_it_cannot_join(void **state)
{
	refuse(state, SAYS("'audio':{'id':'a'}") STOPS);
	refuse(state, SAYS("'content':[{'type':'text','text':'a'}]") STOPS);
	refuse(state, SAYS("'content':7") STOPS);
	refuse(state, SAYS("'content':'a','content':'b'") STOPS);
	refuse(state, SAYS("'content':'a','c\\u006fntent':'b'") STOPS);
	refuse(state, SAYS("'annotations':{}") STOPS);
	refuse(state, SAYS("'function_call':'f'") STOPS);
	refuse(state, SAYS("'tool_calls':[{'id':'a'}]") STOPS);
	refuse(state, SAYS("'tool_calls':[{'index':1,'id':'a'}]") STOPS);
	refuse(state, SAYS("'tool_calls':[{'index':-1,'id':'a'}]") STOPS);
	refuse(state, SAYS("'tool_calls':[{'index':128,'id':'a'}]") STOPS);
	refuse(state, SAYS("'tool_calls':['a']") STOPS);
	refuse(state, "data: {'choices':[{'index':4096}]}\n\n" STOPS);
	refuse(state, "data: {'choices':[{'index':0,'message':{'content':'a'},"
		      "'finish_reason':'stop'}]}\n\n");
	refuse(state,
	    "data: {'choices':[{'index':0,'delta':{'content':'a'},'logprobs':"
	    "{'content':[1]}}]}\n\ndata: {'choices':[{'index':0,'logprobs':"
	    "{'content':2},'finish_reason':'stop'}]}\n\n");
	refuse(state, "data: {'choices':[{'index':0,'delta':null,"
		      "'finish_reason':'stop'}]}\n\n");
	assert_null(
	    join(*state, ENDPOINT_EMBEDDINGS, SPAN("data: {}\n\n")).ptr);
}

/* <n> members that nobody knows, in one delta. */
static struct span with_members(struct replay *r, unsigned n)
{
	struct span text;
	struct buf buf;

	buf_init(&buf, 1 << 16);
	assert_true(
	    buf_append(&buf, SPAN("data: {'choices':[{'index':0,'delta':{")));
	for (unsigned i = 0; i < n; i++)
		assert_true(buf_printf(&buf, "%s'm%u':1", i ? "," : "", i));
	assert_true(
	    buf_append(&buf, SPAN("},'finish_reason':'stop'}]}\n\n\0")));
	text = quoted(r, buf.data);
	buf_free(&buf);
	return text;
}

static void bounds_the_members_of_an_object(void **state)
{
	struct replay *r = *state;

	/* The role and the content are added. */
	assert_non_null(join(r, ENDPOINT_CHAT, with_members(r, 62)).ptr);
	assert_null(join(r, ENDPOINT_CHAT, with_members(r, 63)).ptr);
}

static void appends_nothing_past_a_maximum(void **state)
{
	struct replay *r = *state;
	struct span stream = quoted(r, SAYS("'content':'abcdef'") STOPS);
	struct span answer = join(r, ENDPOINT_CHAT, stream);
	struct arena arena;
	struct buf out;
	size_t max = 0;

	buf_init(&out, answer.len + 1);
	assert_true(buf_append(&out, SPAN("<>")));
	arena_init(&arena, 1 << 16);
	assert_false(dialect_join(ENDPOINT_CHAT, stream, &arena, &out));
	assert_int_equal(buf_len(&out), 2);
	buf_consume(&out, 1);
	assert_true(dialect_join(ENDPOINT_CHAT, stream, &arena, &out));
	assert_int_equal(buf_len(&out), answer.len + 1);
	buf_consume(&out, buf_len(&out));
	arena_free(&arena);
	for (;; max += 16) {
		bool is_joined;

		arena_init(&arena, max);
		is_joined = dialect_join(ENDPOINT_CHAT, stream, &arena, &out);
		arena_free(&arena);
		if (is_joined)
			break;
		assert_int_equal(buf_len(&out), 0);
	}
	assert_true(max > 0);
	assert_true(span_eq(buf_span(&out), answer));
	buf_free(&out);
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(concatenates_what_was_said),
	    test(keeps_numbers_and_unknown_members_as_they_were_sent),
	    test(puts_choices_in_the_order_of_their_index),
	    test(makes_content_null_beside_a_refusal_alone),
	    test(joins_reasoning_under_each_of_its_names),
	    test(joins_lists_of_annotations_and_of_token_ids),
	    test(joins_all_that_alike_events_say),
	    test(merges_calls_by_their_index),
	    test(joins_logprobs_of_chat),
	    test(joins_logprobs_of_completions),
	    test(takes_the_last_usage_from_where_it_stands),
	    test(is_not_misled_by_empty_facts),
	    test(does_not_count_what_is_repeated_beside_a_delta),
	    test(reads_any_line_ends_comments_and_lines_of_data),
	    test(looks_at_nothing_after_done),
	    test(finds_keys_however_they_are_written),
	    test(refuses_what_is_no_whole_answer),
	    test(refuses_errors),
	    test(refuses_what_it_cannot_join),
	    test(bounds_the_members_of_an_object),
	    test(appends_nothing_past_a_maximum),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
