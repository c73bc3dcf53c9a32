/* test_template.c -- renderings against HF's, marks, refusals and limits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "tests/unit/template_fixture.h"

/* --- goldens ------------------------------------------------------------ */

/* What a row of goldens expects: "text", "raised" or "fails". */
static bool is_as_expected(const struct rendering *r,
    const struct json_doc *doc, uint32_t row, struct arena *arena)
{
	uint32_t text = json_find(doc, row, SPAN("text"));
	uint32_t raised = json_find(doc, row, SPAN("raised"));

	if (text != JSON_NONE)
		return r->result == OK &&
		       span_eq(r->out.text, json_text(doc, text, arena));
	if (raised != JSON_NONE)
		return r->result == FAILED && r->out.has_raised &&
		       span_eq(
			   span_of(r->err.text), json_text(doc, raised, arena));
	return r->result == FAILED && !r->out.has_raised &&
	       r->err.text[0] != '\0';
}

/* The parts are the whole text, in turns trusted and not. */
static void check_parts(const struct template_output *out)
{
	size_t at = 0;

	for (size_t i = 0; i < out->n_parts; i++) {
		assert_int_equal(out->parts[i].start, at);
		assert_true(out->parts[i].end > at);
		assert_true(i == 0 || out->parts[i].is_trusted !=
					  out->parts[i - 1].is_trusted);
		at = out->parts[i].end;
	}
	assert_int_equal(at, out->text.len);
}

static void equals_hf_on_each_template_and_conversation(void **state)
{
	struct span golden_text = fixture_read("goldens.json");
	struct span chat_text = fixture_read("conversations.json");
	struct arena arena;
	struct json_doc goldens, chats;
	uint32_t rows, all;
	char name[96], trusted[512];
	size_t n = 0;

	(void)state;
	arena_init(&arena, (size_t)64 << 20);
	goldens = fixture_json(&arena, golden_text);
	chats = fixture_json(&arena, chat_text);
	rows = json_find(&goldens, 0, SPAN("rows"));
	all = json_find(&chats, 0, SPAN("conversations"));
	snprintf(trusted, sizeof(trusted), "%.*s",
	    SPAN_FMT(json_raw(&chats, json_find(&chats, 0, SPAN("trusted")))));
	json_for_each(&goldens, rows, row) {
		struct span template = json_text(&goldens,
		    json_find(&goldens, row, SPAN("template")), &arena);
		struct span chat = json_text(&goldens,
		    json_find(&goldens, row, SPAN("conversation")), &arena);
		struct span source;
		struct rendering r;

		snprintf(name, sizeof(name), "%.*s.jinja", SPAN_FMT(template));
		source = fixture_read(name);
		fixture_render(&r, source,
		    json_raw(&chats, json_find(&chats, all, chat)), trusted);
		if (!is_as_expected(&r, &goldens, row, &arena))
			fail_msg("%s, %.*s: \"%.*s\" %s", name, SPAN_FMT(chat),
			    SPAN_FMT(r.out.text), r.err.text);
		check_parts(&r.out);
		fixture_free(&r);
		fixture_drop(source);
		n++;
	}
	assert_true(n >= 30 * 12);
	arena_free(&arena);
	fixture_drop(golden_text);
	fixture_drop(chat_text);
}

static void equals_hf_on_each_small_template(void **state)
{
	struct span text = fixture_read("expressions.json"), data;
	struct json_doc doc;
	struct arena arena;
	uint32_t rows;
	size_t n = 0, n_wrong = 0;

	(void)state;
	arena_init(&arena, (size_t)64 << 20);
	doc = fixture_json(&arena, text);
	rows = json_find(&doc, 0, SPAN("rows"));
	data = json_raw(&doc, json_find(&doc, 0, SPAN("data")));
	json_for_each(&doc, rows, row) {
		struct span source = json_text(
		    &doc, json_find(&doc, row, SPAN("template")), &arena);
		struct rendering r;

		fixture_render(&r, source, data, NULL);
		if (!is_as_expected(&r, &doc, row, &arena)) {
			print_error("%.*s: \"%.*s\" %s\n", SPAN_FMT(source),
			    SPAN_FMT(r.out.text), r.err.text);
			n_wrong++;
		}
		fixture_free(&r);
		n++;
	}
	assert_int_equal(n_wrong, 0);
	assert_true(n > 5000);
	arena_free(&arena);
	fixture_drop(text);
}

/* --- trust -------------------------------------------------------------- */

/* The text with its untrusted parts between two marks. */
static void check_marks(
    const char *source, const char *data, const char *expected)
{
	struct rendering r;
	struct buf buf;

	fixture_render(&r, span_of(source), span_of(data),
	    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
	if (r.result != OK)
		fail_msg("%s: %s", source, r.err.text);
	check_parts(&r.out);
	buf_init(&buf, 1 << 16);
	for (size_t i = 0; i < r.out.n_parts; i++) {
		const struct template_part *part = &r.out.parts[i];
		struct span text = span_make(
		    r.out.text.ptr + part->start, part->end - part->start);

		assert_true(buf_printf(&buf,
		    part->is_trusted ? "%.*s" : "«%.*s»", SPAN_FMT(text)));
	}
	assert_true(buf_append(&buf, span_make("", 1)));
	assert_string_equal(buf_span(&buf).ptr, expected);
	buf_free(&buf);
	fixture_free(&r);
}

static void marks_what_stems_from_the_conversation(void **state)
{
	static const char data[] =
	    "{\"u\": \"a<s>B\", \"n\": 5, \"l\": [\"x\", \"y\"], "
	    "\"d\": {\"k\": \"v\"}, \"pad\": \" p \"}";
	static const char *const rows[][2] = {
	    {"{{ bos_token }}{{ u }}{{ eos_token }}", "<s>«a<s>B»</s>"},
	    {"{{ bos_token + u + '!' }}", "<s>«a<s>B»!"},
	    {"{{ u ~ n ~ none }}", "«a<s>B»5None"},
	    {"{{ (bos_token ~ u)[::-1] }}", "«B>s<a»>s<"},
	    {"{{ (bos_token ~ u)[2:5] }}", ">«a<»"},
	    {"{{ ('X' ~ u)|lower }}", "x«a<s>b»"},
	    {"{{ ('X' ~ u)|upper }}", "X«A<S>B»"},
	    {"{{ 'u=u'|replace('u', u) }}", "«a<s>B»=«a<s>B»"},
	    {"{{ u|replace('<s>', bos_token) }}", "«a»<s>«B»"},
	    {"{{ u.split('<')[1] ~ '<' }}", "«s>B»<"},
	    {"{{ l|join(', ') }}", "«x», «y»"},
	    {"{{ 'ab'|join(u) }}", "a«a<s>B»b"},
	    {"{{ pad|trim }}|{{ pad.rstrip() }}", "«p»|« p»"},
	    {"{{ d|tojson }}", "{\"«k»\": \"«v»\"}"},
	    {"{{ {'k': 'v'}|tojson }}", "{\"k\": \"v\"}"},
	    {"{{ d }}", "{'«k»': '«v»'}"},
	    {"{{ '%s-%s' % (u, 1) }}", "«a<s>B»-1"},
	    {"{{ '<{}>'.format(u) }}", "<«a<s>B»>"},
	    {"{{ u|indent(2, true) }}", "  «a<s>B»"},
	    {"{% set x %}[{{ u }}]{% endset %}{{ x|length }}{{ x }}",
		"7[«a<s>B»]"},
	    {"{% macro m(a) %}({{ a }}){% endmacro %}{{ m(u) ~ m('t') }}",
		"(«a<s>B»)(t)"},
	    {"{% filter upper %}a{{ u }}{% endfilter %}", "A«A<S>B»"},
	    {"{% set ns = namespace(s='') %}{% for x in l %}"
	     "{% set ns.s = ns.s ~ '<' ~ x ~ '>' %}{% endfor %}{{ ns.s }}",
		"<«x»><«y»>"},
	    {"{% for k, v in d|items %}{{ k }}{{ v }}{% endfor %}", "«kv»"},
	    {"{{ '<' ~ u[1:4] }}{{ u[:1] * 2 }}", "<«<s>aa»"},
	    {"{{ (u ~ 'é').title() }}", "«A<S>B»é"},
	    {"{{ u.partition('<s>')[1] }}", "<s>"},
	    {"{{ dict(**d)|tojson }}", "{\"«k»\": \"«v»\"}"},
	    {"{{ dict(k='v')|tojson }}", "{\"k\": \"v\"}"},
	    {"{% macro m() %}{{ kwargs }}{% endmacro %}{{ m(**d) }}",
		"{'«k»': '«v»'}"},
	    {"{{ namespace(d) }}", "<Namespace {'«k»': '«v»'}>"},
	    {"{{ strftime_now(u) }}{{ strftime_now('%Y') }}", "«a<s>B»2026"},
	    {"{{ [1, 2]|tojson(separators=(u, ':')) }}", "[1«a<s>B»2]"},
	    {"{{ 'x'.center(5, u[0]) }}", "«aa»x«aa»"},
	    {"{% set j = joiner(u) %}{{ j() }}{{ j() }}", "«a<s>B»"},
	    {"{{ [bos_token, u]|sort|join }}", "<s>«a<s>B»"},
	    {"{{ u|first }}{{ u|list|last }}", "«aB»"},
	    {"{{ u is string }}{{ u == 'a<s>B' }}{{ u|length }}", "TrueTrue5"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_marks(rows[i][0], data, rows[i][1]);
}

static void does_not_trust_a_token_that_the_conversation_names(void **state)
{
	(void)state;
	check_marks("{{ bos_token }}|{{ eos_token }}",
	    "{\"bos_token\": \"mine\"}", "«mine»|</s>");
}

/* A conversation of snowmen: none may be trusted, all else must be. */
static void keeps_marks_through_every_template(void **state)
{
	static const char *const names[] = {"alpaca", "chatml", "command-r",
	    "deepseek-r1", "exaone", "falcon", "gemma3", "gpt-oss-macros",
	    "granite", "hermes-tools", "internlm", "llama2", "llama3",
	    "llama31-tools", "llama32-date", "mistral", "mistral-tools",
	    "nemotron", "olmo2", "phi3", "phi4-mini", "qwen25",
	    "qwen3-thinking", "smollm3-generation", "vicuna", "zephyr"};
	static const char chat[] =
	    "{\"messages\": [{\"role\": \"user\", \"content\": "
	    "\"\u2603\u2603\"}, {\"role\": \"assistant\", \"content\": "
	    "\"\u2603\"}, {\"role\": \"user\", \"content\": \"\u2603\"}], "
	    "\"add_generation_prompt\": true}";
	char file[96];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct span source;
		struct rendering r;
		size_t n_snowmen = 0;

		snprintf(file, sizeof(file), "%s.jinja", names[i]);
		source = fixture_read(file);
		fixture_render(&r, source, span_of(chat),
		    "{\"bos_token\": \"<s>\", \"eos_token\": \"</s>\"}");
		assert_int_equal(r.result, OK);
		for (size_t j = 0; j < r.out.n_parts; j++) {
			const struct template_part *part = &r.out.parts[j];
			struct span text =
			    span_make(r.out.text.ptr + part->start,
				part->end - part->start);
			bool has_snowman =
			    span_find(text, SPAN("\u2603"), 0) != SIZE_MAX;

			assert_false(part->is_trusted && has_snowman);
			n_snowmen += has_snowman;
			/* Roles and snowmen: no tag comes from the chat. */
			assert_true(
			    part->is_trusted ||
			    (span_find(text, SPAN("<"), 0) == SIZE_MAX &&
				span_find(text, SPAN("["), 0) == SIZE_MAX));
		}
		assert_true(n_snowmen >= 3);
		fixture_free(&r);
		fixture_drop(source);
	}
}

/* --- refusals ----------------------------------------------------------- */

static void check_refused(const char *source, const char *expected)
{
	struct error err = {""};
	struct template *template = template_load(span_of(source), &err);

	if (template)
		fail_msg("loaded: %s", source);
	assert_string_equal(err.text, expected);
}

static void refuses_at_load_what_is_not_here(void **state)
{
	static const char *const rows[][2] = {
	    {"a\n{{ x|xmlattr }}", "line 2: unknown filter \"xmlattr\""},
	    {"{% if no %}\n\n{{ x|e }}{% endif %}",
		"line 3: unknown filter \"e\""},
	    {"{{ x|map('urlize') }}", "line 1: unknown filter \"urlize\""},
	    {"{{ x is fancy }}", "line 1: unknown test \"fancy\""},
	    {"{{ x|selectattr('a', 'fancy') }}",
		"line 1: unknown test \"fancy\""},
	    {"{{ x|reject('fancy') }}", "line 1: unknown test \"fancy\""},
	    {"\n{{ lipsum() }}", "line 2: unknown function \"lipsum\""},
	    {"{{ x.encode('utf-8') }}", "line 1: unknown method \"encode\""},
	    {"{% include 'x' %}",
		"line 1: the statement \"include\" is not supported"},
	    {"\n\n{% block a %}{% endblock %}",
		"line 3: the statement \"block\" is not supported"},
	    {"{% do x %}", "line 1: unknown statement \"do\""},
	    {"{% for x in y %}\n",
		"line 1: unexpected end of template, expected {% endfor %}"},
	    {"{% break %}", "line 1: \"break\" outside of a loop"},
	    {"{{ 1 + }}", "line 1: expected an expression, got }}"},
	    {"{{ 'a\\N{BULLET}' }}",
		"line 1: \\N{...} is not supported in a string"},
	    {"{{ 99999999999999999999 }}",
		"line 1: the number 99999999999999999999 is ill-formed or "
		"past 64 bits"},
	    {"{# x", "line 1: missing end of comment"},
	    {"\xff", "the template is not UTF-8"},
	    {"{{ a b }}", "line 1: expected }}, got \"b\""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_refused(rows[i][0], rows[i][1]);
}

static void loads_what_it_asks_for_before_it_calls(void **state)
{
	struct rendering r;

	(void)state;
	fixture_render(&r, SPAN("{% if f is defined %}{{ f() }}{% endif %}ok"),
	    SPAN("{}"), NULL);
	assert_int_equal(r.result, OK);
	assert_true(span_eq(r.out.text, SPAN("ok")));
	fixture_free(&r);
}

static void refuses_a_template_that_is_too_large_or_deep(void **state)
{
	size_t len = TEMPLATE_SOURCE_MAX + 1;
	char *source = mem_alloc(len);
	struct error err;

	(void)state;
	memset(source, 'a', len);
	assert_null(template_load(span_make(source, len), &err));
	assert_string_equal(
	    err.text, "the template is larger than 1048576 bytes");
	memset(source, '[', 2000);
	memcpy(source, "{{", 2);
	assert_null(template_load(span_make(source, 2000), &err));
	assert_string_equal(err.text, "line 1: nested deeper than 64 levels");
	for (size_t i = 0; i + 11 < 4000; i += 11)
		memcpy(source + i, "{% if yes %}", 12);
	assert_null(template_load(span_make(source, 3950), &err));
	memset(source, '-', 2000);
	memcpy(source, "{{", 2);
	assert_null(template_load(span_make(source, 2000), &err));
	free(source);
}

/* --- failing ------------------------------------------------------------ */

static void check_fails(const char *source, const char *expected)
{
	struct rendering r;

	fixture_render(&r, span_of(source), SPAN("{\"u\": \"text\"}"), NULL);
	assert_true(r.is_loaded);
	assert_int_equal(r.result, FAILED);
	assert_string_equal(r.err.text, expected);
	assert_int_equal(r.out.text.len, 0);
	assert_int_equal(r.out.n_parts, 0);
	fixture_free(&r);
}

static void says_where_and_why_it_failed(void **state)
{
	static const char *const rows[][2] = {
	    {"\n{{ x.y }}", "line 2: 'x' is undefined"},
	    {"{{ u.y.z }}", "line 1: 'str object' has no attribute 'y'"},
	    {"{{ u\n + 1 }}",
		"line 1: unsupported operand type(s) for +: 'str' and 'int'"},
	    {"{{ [].append(1) }}", "line 1: access to attribute 'append' of "
				   "'list' object is unsafe."},
	    {"{% for a in 5 %}{% endfor %}",
		"line 1: 'int' object is not iterable"},
	    {"{% macro m(a) %}{% endmacro %}\n{{ m(1, 2) }}",
		"line 2: macro takes not more than 1 argument(s)"},
	    {"{{ 9223372036854775807 + 1 }}",
		"line 1: an integer past 64 bits"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_fails(rows[i][0], rows[i][1]);
}

static void hands_on_what_the_template_raises(void **state)
{
	struct rendering r;

	(void)state;
	fixture_render(&r, SPAN("\n{{ raise_exception('not ' ~ u ~ '!') }}"),
	    SPAN("{\"u\": \"you\"}"), NULL);
	assert_int_equal(r.result, FAILED);
	assert_true(r.out.has_raised);
	assert_string_equal(r.err.text, "not you!");
	fixture_free(&r);
}

static void ends_what_would_not_end(void **state)
{
	static const char *const rows[][2] = {
	    {"{% for a in range(99999) %}{% for b in range(99999) %}"
	     "{% endfor %}{% endfor %}",
		"line 1: more than 2000000 steps"},
	    {"{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
		"line 1: more than 64 calls in each other"},
	    {"{% set ns = namespace(s='0123456789') %}"
	     "{% for i in range(40) %}{% set ns.s = ns.s ~ ns.s %}"
	     "{% endfor %}",
		"line 1: a text of more than 16777216 bytes"},
	    {"{{ 'a' * 99999999 }}", "line 1: more than 2000000 steps"},
	    {"{{ ('a' * 9999) * 9999 }}",
		"line 1: a text of more than 16777216 bytes"},
	    {"{% set ns = namespace(x=[]) %}{% for i in range(999) %}"
	     "{% set ns.x = [ns.x] %}{% endfor %}{{ ns.x }}",
		"line 1: values nested too deeply"},
	    {"{% set ns = namespace() %}{% set ns.x = ns %}{{ ns }}",
		"line 1: values nested too deeply"},
	    {"{{ [1] * 9999999 }}", NULL},
	    {"{{ (range(99999)|list * 99)|sort|join }}", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct rendering r;

		fixture_render(&r, span_of(rows[i][0]), SPAN("{}"), NULL);
		assert_true(r.is_loaded);
		assert_int_equal(r.result, FAILED);
		if (rows[i][1])
			assert_string_equal(r.err.text, rows[i][1]);
		fixture_free(&r);
	}
}

static void stays_within_the_arena_it_was_given(void **state)
{
	struct error err;
	struct template *template = template_load(
	    SPAN("{% for i in range(1000) %}{{ i }} {% endfor %}"), &err);
	struct template_output out;
	struct json_doc data;
	struct arena arena, docs;
	struct template_input input = {.data = &data};
	unsigned n_failed = 0;

	(void)state;
	arena_init(&docs, 1 << 16);
	data = fixture_json(&docs, SPAN("{}"));
	for (size_t max = 0; max < 200000; max += 1000) {
		arena_init(&arena, max);
		if (template_render(template, &input, &arena, &out, &err) ==
		    FAILED)
			n_failed++;
		else
			assert_int_equal(out.text.len, 3890);
		arena_free(&arena);
	}
	assert_true(n_failed > 10 && n_failed < 200);
	arena_free(&docs);
	template_free(&template);
}

/* --- what goes in ------------------------------------------------------- */

static void takes_messages_as_transformers_hands_them_on(void **state)
{
	(void)state;
	check_marks("{{ messages[0].content is defined }}"
		    "{{ messages[0].keys()|list|length }}{{ tools }}"
		    "{{ documents }}{{ add_generation_prompt }}",
	    "{\"messages\": [{\"role\": \"x\", \"content\": null}]}",
	    "False1NoneNoneFalse");
	check_marks("{{ messages[0]|list|join(' ') }}",
	    "{\"messages\": [{\"role\": \"x\", \"reasoning\": \"r\"}]}",
	    "thinking «role» «reasoning» reasoning_content");
	check_marks("{{ messages[0].thinking }}{{ messages[0].reasoning_content"
		    " }}",
	    "{\"messages\": [{\"reasoning_content\": \"a\", "
	    "\"thinking\": null}]}",
	    "«aa»");
}

static void keeps_numbers_as_python_does(void **state)
{
	(void)state;
	check_marks("{{ n }}",
	    "{\"n\": [1, 1.0, -0, -0.0, 1e2, 1E400, 123456789012345678901, "
	    "0.1, 1e-5, 100000000000000000000.0]}",
	    "[1, 1.0, 0, -0.0, 100.0, inf, 123456789012345678901, 0.1, "
	    "1e-05, 1e+20]");
}

static void appends_in_a_loop_in_linear_time(void **state)
{
	struct rendering r;

	(void)state;
	/* Copied each time it would be 200 MB, more than there is. */
	fixture_render(&r,
	    SPAN("{% set ns = namespace(s='') %}{% for i in range(20000) %}"
		 "{% set ns.s = ns.s ~ '0123456789012345678901234567890' %}"
		 "{% endfor %}{{ ns.s|length }}"),
	    SPAN("{}"), NULL);
	assert_int_equal(r.result, OK);
	assert_true(span_eq(r.out.text, SPAN("620000")));
	fixture_free(&r);
}

static void branches_of_one_string_do_not_meet(void **state)
{
	(void)state;
	check_marks("{% set a = 'x' ~ 'y' ~ 'z' ~ 'w' %}{% set b = a ~ '1' %}"
		    "{% set c = a ~ '2' %}{% set d = b ~ '3' %}"
		    "{{ a }} {{ b }} {{ c }} {{ d }}",
	    "{}", "xyzw xyzw1 xyzw2 xyzw13");
}

static bool reads_variable(struct span source, const char *name)
{
	struct error err = {""};
	struct template *template = template_load(source, &err);
	bool is_read;

	assert_non_null(template);
	is_read = template_reads(template, span_of(name));
	template_free(&template);
	return is_read;
}

static bool reads(const char *source, const char *name)
{
	return reads_variable(span_of(source), name);
}

static void knows_which_variables_it_reads(void **state)
{
	(void)state;
	assert_true(reads("{{ tools }}", "tools"));
	assert_true(reads("{% if tools is defined %}x{% endif %}", "tools"));
	assert_true(reads("{% for t in tools or [] %}{% endfor %}", "tools"));
	assert_true(
	    reads("{{ f(x=tools) }}{% macro f(x) %}{% endmacro %}", "tools"));
	assert_true(reads("{{ m[tools] }}", "tools"));
	assert_false(reads("", "tools"));
	assert_false(reads("tools", "tools"));
	assert_false(reads("{# tools #}{{ 'tools' }}", "tools"));
	assert_false(reads("{{ m.tools }}{{ m['tools'] }}", "tools"));
	assert_false(reads("{% set tools = 1 %}{{ tool }}", "tools"));
	assert_false(reads("{% for tools in m %}{% endfor %}", "tools"));
	assert_false(reads("{{ dict(tools=1) }}", "tools"));
	assert_true(reads("{% set tools = 1 %}{{ tools }}", "tools"));
}

static void knows_which_published_shapes_take_tools(void **state)
{
	static const struct {
		const char *name;
		bool takes_tools;
	} rows[] = {{"qwen25.jinja", true}, {"qwen3-thinking.jinja", true},
	    {"hermes-tools.jinja", true}, {"llama31-tools.jinja", true},
	    {"mistral-tools.jinja", true}, {"granite.jinja", true},
	    {"gpt-oss-macros.jinja", true}, {"smollm3-generation.jinja", true},
	    {"chatml.jinja", false}, {"llama3.jinja", false},
	    {"gemma3.jinja", false}, {"mistral.jinja", false},
	    /* The tools are a member of the system message. */
	    {"phi4-mini.jinja", false},
	    /* Calls are rendered, but no tools. */
	    {"deepseek-r1.jinja", false}};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct span text = fixture_read(rows[i].name);

		if (reads_variable(text, "tools") != rows[i].takes_tools)
			fail_msg("%s", rows[i].name);
		fixture_drop(text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_hf_on_each_template_and_conversation),
	    cmocka_unit_test(equals_hf_on_each_small_template),
	    cmocka_unit_test(marks_what_stems_from_the_conversation),
	    cmocka_unit_test(
		does_not_trust_a_token_that_the_conversation_names),
	    cmocka_unit_test(keeps_marks_through_every_template),
	    cmocka_unit_test(refuses_at_load_what_is_not_here),
	    cmocka_unit_test(loads_what_it_asks_for_before_it_calls),
	    cmocka_unit_test(refuses_a_template_that_is_too_large_or_deep),
	    cmocka_unit_test(says_where_and_why_it_failed),
	    cmocka_unit_test(hands_on_what_the_template_raises),
	    cmocka_unit_test(ends_what_would_not_end),
	    cmocka_unit_test(stays_within_the_arena_it_was_given),
	    cmocka_unit_test(takes_messages_as_transformers_hands_them_on),
	    cmocka_unit_test(keeps_numbers_as_python_does),
	    cmocka_unit_test(appends_in_a_loop_in_linear_time),
	    cmocka_unit_test(branches_of_one_string_do_not_meet),
	    cmocka_unit_test(knows_which_variables_it_reads),
	    cmocka_unit_test(knows_which_published_shapes_take_tools),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
