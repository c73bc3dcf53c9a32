/* test_replay.c -- an answer in one form, then the other, is the same answer.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/replay_fixture.h"

enum {
	ROUNDS = 2000
};

/* --- answers by chance ------------------------------------------------------
 */

struct source {
	uint64_t state;
	struct buf text;
	bool has_usage;
};

static unsigned below(struct source *s, unsigned n)
{
	/* Knuth's constants for a linear congruence modulo 2^64. */
	s->state = s->state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(s->state >> 33) % n;
}

static void put(struct source *s, const char *text)
{
	assert_true(buf_append(&s->text, span_of(text)));
}

/* Characters as JSON may write them, and what they are. */
static const struct unit {
	const char *raw, *decoded;
} units[] = {
    {"a", "a"},
    {"e", "e"},
    {"word", "word"},
    {" ", " "},
    {" ", " "},
    {"\\n", "\n"},
    {"\\\"", "\""},
    {"\\\\", "\\"},
    {"\\/", "/"},
    {"\\u00e9", "\xc3\xa9"},
    {"\\u4E2D", "\xe4\xb8\xad"},
    {"\\ud83d\\ude00", "\xf0\x9f\x98\x80"},
    {"\\u0041", "A"},
    {"\xc3\xa9", "\xc3\xa9"},
    {"\xe4\xb8\xad\xe6\x96\x87", "\xe4\xb8\xad\xe6\x96\x87"},
    {"\xf0\x9f\x98\x80", "\xf0\x9f\x98\x80"},
    {"\x7f", "\x7f"},
    {"data: ", "data: "},
};

/* A string of at most <max> units, and its decoded bytes in <decoded>. */
static void put_string(struct source *s, unsigned max, struct buf *decoded)
{
	unsigned n = below(s, max + 1);

	put(s, "\"");
	for (unsigned i = 0; i < n; i++) {
		const struct unit *u =
		    &units[below(s, sizeof(units) / sizeof(units[0]))];

		put(s, u->raw);
		if (decoded)
			assert_true(buf_append(decoded, span_of(u->decoded)));
	}
	put(s, "\"");
}

static void put_number(struct source *s)
{
	static const char *const numbers[] = {"0", "-0", "-1.50", "1e3",
	    "-2.5E-7", "123456789012345678901234567890", "0.1"};

	put(s, numbers[below(s, sizeof(numbers) / sizeof(numbers[0]))]);
}

/* Members that nobody knows, each followed by a comma. */
static void put_unknown(struct source *s, const char *name)
{
	static const char *const values[] = {"null", "7.0", "[]", "{}", "\"\"",
	    "[1,{\"a\":[2.50]}]", "{\"b\":\"\\u0022\"}", "true", "\"x y\""};

	if (below(s, 3) > 0)
		return;
	assert_true(buf_printf(&s->text, "\"%s\":%s,", name,
	    values[below(s, sizeof(values) / sizeof(values[0]))]));
}

/*
 * One token of <bytes>, as chat lists it: its name may be a part of a
 * character, and its bytes then say which.
 */
static void put_token(struct source *s, struct span bytes)
{
	bool is_whole = utf8_valid_len(bytes) == bytes.len;

	put(s, "{\"token\":");
	assert_true(json_write_string(&s->text, bytes));
	put(s, ",\"logprob\":");
	put_number(s);
	put(s, ",\"bytes\":");
	if (is_whole && below(s, 2)) {
		put(s, "null}");
		return;
	}
	put(s, "[");
	for (size_t i = 0; i < bytes.len; i++)
		assert_true(buf_printf(&s->text, "%s%u", i ? ", " : "",
		    (unsigned char)bytes.ptr[i]));
	put(s, "]}");
}

/* How far the next token goes. */
static size_t token_len(struct source *s, struct span rest)
{
	size_t len = 1 + below(s, 4);

	return len < rest.len ? len : rest.len;
}

/* The tokens that <text> was, now and then others. */
static void put_tokens(struct source *s, struct span text)
{
	bool is_first = true;

	if (below(s, 8) == 0)
		text = span_from(text, 1);
	put(s, "[");
	while (text.len > 0) {
		size_t len = token_len(s, text);

		if (!is_first)
			put(s, below(s, 2) ? "," : " , ");
		is_first = false;
		put_token(s, span_head(text, len));
		text = span_from(text, len);
	}
	if (!is_first && below(s, 8) == 0)
		put(s, ",{\"token\":\"<end>\",\"bytes\":null}");
	put(s, "]");
}

static void put_chat_logprobs(
    struct source *s, struct span content, struct span refusal)
{
	unsigned kind = below(s, 3);

	if (kind == 0)
		return;
	if (kind == 1) {
		put(s, "\"logprobs\":null,");
		return;
	}
	put(s, "\"logprobs\":{\"content\":");
	if (content.ptr)
		put_tokens(s, content);
	else
		put(s, "null");
	put(s, ",\"refusal\":");
	if (refusal.ptr)
		put_tokens(s, refusal);
	else
		put(s, "null");
	put(s, "},");
}

static void put_message(
    struct source *s, struct buf *content, struct buf *refusal)
{
	static const char *const reasonings[] = {
	    "", "\"reasoning_content\":", "\"reasoning\":"};
	bool has_refusal = below(s, 4) == 0;
	bool has_content = !has_refusal && below(s, 6) > 0;
	const char *reasoning = reasonings[below(s, 3)];

	put(s, "\"message\":{\"role\":\"assistant\",");
	put_unknown(s, "alien");
	if (reasoning[0]) {
		put(s, reasoning);
		if (below(s, 4) == 0)
			put(s, "null");
		else
			put_string(s, 12, NULL);
		put(s, ",");
	}
	put_unknown(s, "provider_fields");
	put(s, "\"content\":");
	if (has_content)
		put_string(s, 40, content);
	else
		put(s, "null");
	if (has_refusal) {
		put(s, ",\"refusal\":");
		put_string(s, 9, refusal);
	} else if (below(s, 2)) {
		put(s, ",\"refusal\":null");
	}
	put(s, "},");
}

static void put_chat_choice(struct source *s)
{
	struct buf content, refusal;

	buf_init(&content, 4096);
	buf_init(&refusal, 4096);
	put_message(s, &content, &refusal);
	put_chat_logprobs(s, buf_span(&content), buf_span(&refusal));
	buf_free(&content);
	buf_free(&refusal);
}

/* Tokens as completions list them, side by side with three other lists. */
static void put_text_logprobs(struct source *s, struct span text)
{
	size_t ends[256], n = 0, at = 0;

	while (at < text.len && n < 256) {
		at += token_len(s, span_from(text, at));
		ends[n++] = at;
	}
	put(s, "\"logprobs\":{\"tokens\":[");
	for (size_t i = 0; i < n; i++) {
		size_t from = i ? ends[i - 1] : 0;
		struct span token = span_make(text.ptr + from, ends[i] - from);

		put(s, i ? "," : "");
		if (utf8_valid_len(token) == token.len) {
			assert_true(json_write_string(&s->text, token));
			continue;
		}
		put(s, "\"bytes:");
		for (size_t k = 0; k < token.len; k++)
			assert_true(buf_printf(&s->text, "\\\\x%02x",
			    (unsigned char)token.ptr[k]));
		put(s, "\"");
	}
	put(s, "],\"token_logprobs\":[");
	for (size_t i = 0; i < n; i++) {
		put(s, i ? "," : "");
		if (i)
			put_number(s);
		else
			put(s, "null");
	}
	put(s, below(s, 2) ? "],\"top_logprobs\":null" : "]");
	put(s, ",\"text_offset\":[");
	for (size_t i = 0; i < n; i++)
		assert_true(buf_printf(&s->text, "%s%zu", i ? "," : "",
		    i ? ends[i - 1] : (size_t)0));
	put(s, "]},");
}

static void put_text_choice(struct source *s)
{
	struct buf text;

	buf_init(&text, 4096);
	put(s, "\"text\":");
	put_string(s, 40, &text);
	put(s, ",");
	if (below(s, 2))
		put_text_logprobs(s, buf_span(&text));
	else if (below(s, 2))
		put(s, "\"logprobs\":null,");
	buf_free(&text);
}

/* An answer of any shape that chat or completions can have. */
static struct span make_answer(struct source *s, enum endpoint endpoint)
{
	unsigned n = 1 + below(s, 4);

	buf_consume(&s->text, buf_len(&s->text));
	put(s, "{\"id\":\"c-1\",");
	put(s, endpoint == ENDPOINT_CHAT ? "\"object\":\"chat.completion\","
					 : "\"object\":\"text_completion\",");
	put(s, "\"created\":1.7e9,");
	put_unknown(s, "system_fingerprint");
	put_unknown(s, "service_tier");
	put_unknown(s, "citations");
	put(s, "\"choices\":[");
	for (unsigned i = 0; i < n; i++) {
		assert_true(
		    buf_printf(&s->text, "%s{\"index\":%u,", i ? "," : "", i));
		put_unknown(s, "stop_reason");
		if (endpoint == ENDPOINT_CHAT)
			put_chat_choice(s);
		else
			put_text_choice(s);
		put(s, "\"finish_reason\":\"stop\"}");
	}
	put(s, "]");
	if (s->has_usage)
		put(s, ",\"usage\":{\"prompt_tokens\":3,\"total_tokens\":7.0}");
	put(s, "}");
	return buf_span(&s->text);
}

/* --- what must hold ---------------------------------------------------------
 */

/* The string in <node> of <doc> is what the tokens of <list> say, in order. */
static void check_tokens(
    struct replay *r, const struct json_doc *doc, uint32_t list, uint32_t node)
{
	struct span text = json_text(doc, node, &r->arena);
	size_t at = 0;

	json_for_each(doc, list, token) {
		uint32_t bytes = json_find(doc, token, SPAN("bytes"));
		struct span name;

		json_for_each(doc, bytes, byte) {
			int64_t value;

			assert_true(json_int(doc, byte, &value));
			assert_true(at < text.len &&
				    value == (unsigned char)text.ptr[at++]);
		}
		if (json_is(doc, bytes, JSON_ARRAY))
			continue;
		name = json_text(
		    doc, json_find(doc, token, SPAN("token")), &r->arena);
		assert_true(span_starts_with(span_from(text, at), name));
		at += name.len;
	}
	assert_int_equal(at, text.len);
}

/*
 * Every event is JSON on one line; with <is_exact>, a piece of content is what
 * its own tokens say.
 */
static void check_events(struct replay *r, struct span stream, bool is_exact)
{
	struct events events;
	struct event event;

	events_init(&events, stream);
	while (
	    events_next(&events, &r->arena, &event) && !event_is_done(&event)) {
		struct json_fault fault;
		struct json_doc doc;
		uint32_t choice, list, text;

		if (!json_parse(event.data, &r->arena, &doc, &fault))
			fail_msg("%s at %zu of %.*s", fault.reason,
			    fault.offset, SPAN_FMT(event.data));
		choice = json_first(&doc, json_find(&doc, 0, SPAN("choices")));
		list = json_find(&doc,
		    json_find(&doc, choice, SPAN("logprobs")), SPAN("content"));
		text = json_find(&doc, json_find(&doc, choice, SPAN("delta")),
		    SPAN("content"));
		if (is_exact && json_is(&doc, list, JSON_ARRAY) &&
		    json_is(&doc, text, JSON_STRING))
			check_tokens(r, &doc, list, text);
	}
	assert_true(event_is_done(&event));
	assert_int_equal(event.raw.at + event.raw.len, stream.len);
}

static void check_round_trip(
    struct replay *r, enum endpoint endpoint, struct span answer)
{
	struct span stream, again, joined;
	struct dialect_marks found;

	stream = split(r, endpoint, answer);
	if (!stream.ptr)
		fail_msg("is not split: %.*s", SPAN_FMT(answer));
	assert_true(dialect_find_marks(endpoint, stream, &found));
	assert_memory_equal(&found, &r->marks, sizeof(found));
	joined = join(r, endpoint, stream);
	assert_same_json(r, joined, answer);
	check_events(r, stream, false);
	/* From there on nothing changes any more, not by a byte. */
	again = split(r, endpoint, joined);
	assert_non_null(again.ptr);
	assert_true(span_eq(join(r, endpoint, again), joined));
}

static void check_by_chance(void **state, enum endpoint endpoint)
{
	struct source s = {.state = 42 + (unsigned)endpoint};
	struct replay *r = *state;

	buf_init(&s.text, 1 << 20);
	for (unsigned i = 0; i < ROUNDS; i++) {
		s.has_usage = below(&s, 2);
		r->has_usage = s.has_usage;
		arena_reset(&r->arena);
		check_round_trip(r, endpoint, make_answer(&s, endpoint));
	}
	buf_free(&s.text);
}

static void chat_answers_come_back_the_same(void **state)
{
	check_by_chance(state, ENDPOINT_CHAT);
}

static void completions_come_back_the_same(void **state)
{
	check_by_chance(state, ENDPOINT_COMPLETIONS);
}

static void each_piece_says_what_its_tokens_say(void **state)
{
	struct source s = {.state = 7};
	struct replay *r = *state;

	buf_init(&s.text, 1 << 20);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct buf content;
		struct span answer;

		arena_reset(&r->arena);
		buf_init(&content, 4096);
		buf_consume(&s.text, buf_len(&s.text));
		put(&s, "{\"choices\":[{\"message\":{\"content\":");
		put_string(&s, 40, &content);
		put(&s, "},\"logprobs\":{\"content\":[");
		for (struct span rest = buf_span(&content); rest.len > 0;) {
			size_t len = token_len(&s, rest);

			put_token(&s, span_head(rest, len));
			rest = span_from(rest, len);
			put(&s, rest.len ? "," : "");
		}
		put(&s, "]},\"finish_reason\":\"stop\"}]}");
		answer = split(r, ENDPOINT_CHAT, buf_span(&s.text));
		assert_non_null(answer.ptr);
		check_events(r, answer, true);
		buf_free(&content);
	}
	buf_free(&s.text);
}

/* --- by hand ----------------------------------------------------------------
 */

static const struct {
	enum endpoint endpoint;
	const char *answer;
} answers[] = {
    /* OpenAI */
    {ENDPOINT_CHAT,
	"{'id':'chatcmpl-9','object':'chat.completion','created':1794300000,"
	"'model':'gpt-6.1-sol-2026-08-01','choices':[{'index':0,'message':"
	"{'role':'assistant','content':'Hello! How can I help?','refusal':null,"
	"'annotations':[{'type':'url_citation','url_citation':{'url':'u'}}]},"
	"'logprobs':null,'finish_reason':'stop'}],'usage':{'prompt_tokens':9,"
	"'completion_tokens':6,'total_tokens':15,'prompt_tokens_details':"
	"{'cached_tokens':0,'audio_tokens':0}},'service_tier':'default',"
	"'system_fingerprint':'fp_44709d6fcb'}"},
    /* Two choices, one refused */
    {ENDPOINT_CHAT,
	"{'id':'c','choices':[{'index':0,'message':{'role':'assistant',"
	"'content':null,'refusal':'I can not help with that.'},'logprobs':"
	"{'content':null,'refusal':[{'token':'I can','logprob':-0.1},{'token':"
	"' not help with that.','logprob':-0.2}]},'finish_reason':'stop'},"
	"{'index':1,'message':{'role':'assistant','content':'Sure, yes.',"
	"'refusal':null},'logprobs':{'content':[{'token':'Sure'},{'token':"
	"', yes.'}],'refusal':null},'finish_reason':'length'}],"
	"'usage':{'total_tokens':1}}"},
    /* DeepSeek, OpenRouter, vLLM */
    {ENDPOINT_CHAT,
	"{'id':'d','choices':[{'index':0,'message':{'role':'assistant',"
	"'content':'42','reasoning_content':'6 times\\n7'},'logprobs':null,"
	"'finish_reason':'stop'}],'usage':{'prompt_cache_hit_tokens':0}}"},
    {ENDPOINT_CHAT,
	"{'id':'gen-1','provider':'Alien','choices':[{'logprobs':null,"
	"'finish_reason':'stop','native_finish_reason':'end_turn','index':0,"
	"'message':{'role':'assistant','content':'42','refusal':null,"
	"'reasoning':'6 times 7','reasoning_details':[{'type':"
	"'reasoning.text','text':'6 times 7','index':0}]}}],"
	"'usage':{'cost':0.00010}}"},
    {ENDPOINT_CHAT,
	"{'id':'v','choices':[{'index':0,'message':{'role':'assistant',"
	"'content':'hi there','refusal':null,'annotations':null,'audio':null,"
	"'function_call':null,'tool_calls':[],'reasoning':'a b',"
	"'reasoning_content':'a b'},'logprobs':null,'finish_reason':'stop',"
	"'stop_reason':null,'token_ids':[1,2]}],'usage':{'n':1},"
	"'prompt_logprobs':null,'kv_transfer_params':null}"},
    /* Calls */
    {ENDPOINT_CHAT,
	"{'id':'t','choices':[{'index':0,'message':{'role':'assistant',"
	"'content':null,'tool_calls':[{'id':'call_1','type':'function',"
	"'function':{'name':'f','arguments':'{\\'a\\': 1}'}},{'id':'call_2',"
	"'type':'function','function':{'name':'g','arguments':''}}]},"
	"'finish_reason':'tool_calls'}],'usage':{'n':1}}"},
    {ENDPOINT_CHAT,
	"{'id':'t','choices':[{'index':0,'message':{'role':'assistant',"
	"'content':'Let me see','function_call':{'name':'f','arguments':"
	"'{}'}},'finish_reason':'function_call'}],'usage':{'n':1}}"},
    /* Nothing said */
    {ENDPOINT_CHAT,
	"{'choices':[{'index':0,'message':{'role':'assistant','content':''},"
	"'logprobs':{'content':[],'refusal':null},'finish_reason':'length'}],"
	"'usage':{'n':1}}"},
    {ENDPOINT_CHAT,
	"{'choices':[{'index':0,'message':{'role':'assistant','content':null},"
	"'finish_reason':'stop'}],'usage':{'n':1}}"},
    /* Completions */
    {ENDPOINT_COMPLETIONS,
	"{'id':'cmpl-1','object':'text_completion','created':1,'model':'m',"
	"'choices':[{'text':'\\n\\nThis is it','index':0,'logprobs':{'tokens':"
	"['\\n\\n','This',' is',' it'],'token_logprobs':[-1.0,-2.50,-3,-4e-1],"
	"'top_logprobs':[{'\\n\\n':-1.0},{'This':-2.50},{' is':-3},null],"
	"'text_offset':[5,7,11,14]},'finish_reason':'length'}],"
	"'usage':{'total_tokens':7}}"},
    {ENDPOINT_COMPLETIONS,
	"{'object':'text_completion','choices':[{'text':'','index':0,"
	"'logprobs':null,'finish_reason':'stop'},{'text':'one two','index':1,"
	"'logprobs':null,'finish_reason':'stop','matched_stop':2}],"
	"'usage':{'n':1}}"},
};

static void answers_of_many_servers_come_back_the_same(void **state)
{
	struct replay *r = *state;

	r->has_usage = true;
	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		check_round_trip(
		    r, answers[i].endpoint, quoted(r, answers[i].answer));
}

#define test(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    test(answers_of_many_servers_come_back_the_same),
	    test(chat_answers_come_back_the_same),
	    test(completions_come_back_the_same),
	    test(each_piece_says_what_its_tokens_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
