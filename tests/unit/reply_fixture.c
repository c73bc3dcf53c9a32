/* reply_fixture.c -- what a reply told, as one text that tests can compare. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "tests/unit/reply_fixture.h"

#define TEXT_MAX ((size_t)64 << 20)

void told_init(struct told *told)
{
	memset(told, 0, sizeof(*told));
	buf_init(&told->text, TEXT_MAX);
	buf_init(&told->ids, TEXT_MAX);
	buf_init(&told->arguments, TEXT_MAX);
	told->last = -1;
}

void told_free(struct told *told)
{
	buf_free(&told->text);
	buf_free(&told->ids);
	buf_free(&told->arguments);
}

static void check_arguments(struct told *told)
{
	struct json_doc doc;
	struct json_fault fault;
	struct arena arena;

	arena_init(&arena, TEXT_MAX);
	assert_true(
	    json_parse(buf_span(&told->arguments), &arena, &doc, &fault));
	assert_true(json_is(&doc, 0, JSON_OBJECT));
	arena_free(&arena);
}

static void take_call(struct told *told, const struct reply_part *part)
{
	assert_false(told->is_in_call);
	assert_int_equal(part->call, told->n_calls);
	assert_true(part->name.len > 0 && part->id.len > 0);
	told->n_calls++;
	told->is_in_call = true;
	buf_consume(&told->arguments, buf_len(&told->arguments));
	assert_true(buf_printf(
	    &told->text, "<T%u %.*s>", part->call, SPAN_FMT(part->name)));
	assert_true(buf_printf(&told->ids, "%.*s ", SPAN_FMT(part->id)));
}

static void take_end(struct told *told, const struct reply_part *part)
{
	assert_true(told->is_in_call);
	assert_int_equal(part->call, told->n_calls - 1);
	told->is_in_call = false;
	if (part->is_whole)
		check_arguments(told);
	assert_true(buf_append(
	    &told->text, part->is_whole ? SPAN("<E>") : SPAN("<B>")));
}

static void take_text(struct told *told, const struct reply_part *part)
{
	static const char *const marks[] = {
	    [REPLY_REASONING] = "<R>",
	    [REPLY_CONTENT] = "<C>",
	    [REPLY_ARGUMENTS] = "<A>",
	};

	assert_true(part->text.len > 0);
	assert_int_equal(told->is_in_call, part->kind == REPLY_ARGUMENTS);
	if (told->checks_utf8)
		assert_int_equal(utf8_valid_len(part->text), part->text.len);
	if (told->last != (int)part->kind)
		assert_true(
		    buf_append(&told->text, span_of(marks[part->kind])));
	assert_true(buf_append(&told->text, part->text));
	if (part->kind != REPLY_ARGUMENTS)
		return;
	assert_int_equal(part->call, told->n_calls - 1);
	assert_true(buf_append(&told->arguments, part->text));
}

void told_part(const struct reply_part *part, void *arg)
{
	struct told *told = arg;

	if (part->kind == REPLY_CALL)
		take_call(told, part);
	else if (part->kind == REPLY_CALL_END)
		take_end(told, part);
	else
		take_text(told, part);
	told->last = (int)part->kind;
}

static void finish(struct told *told)
{
	reply_finish(told->reply, told_part, told);
	assert_int_equal(reply_calls(told->reply), told->n_calls);
	assert_false(told->is_in_call);
	reply_free(&told->reply);
}

void told_pieces(struct told *told, const struct reply_options *options,
    struct span text, size_t len)
{
	told->reply = reply_new(options);
	if (len == 0)
		len = text.len;
	while (text.len > 0) {
		reply_push(told->reply, span_head(text, len), told_part, told);
		text = span_from(text, len);
	}
	finish(told);
}

/* Source: splitmix64, Steele, Lea and Flood, 2014. */
size_t told_random(uint64_t *seed, size_t n)
{
	uint64_t z = *seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (size_t)((z ^ z >> 31) % n);
}

void told_cuts(struct told *told, const struct reply_options *options,
    struct span text, uint64_t *seed, bool by_characters)
{
	size_t longest = (size_t)1 << told_random(seed, 7);

	told->checks_utf8 = by_characters && utf8_valid_len(text) == text.len;
	told->reply = reply_new(options);
	while (text.len > 0) {
		size_t len = told_random(seed, longest + 1);

		while (by_characters && len < text.len &&
		       ((uint8_t)text.ptr[len] & 0xc0) == 0x80)
			len++;
		reply_push(told->reply, span_head(text, len), told_part, told);
		text = span_from(text, len);
	}
	finish(told);
}

void told_assert_equal(const struct told *a, const struct told *b)
{
	if (!span_eq(buf_span(&a->text), buf_span(&b->text)))
		fail_msg("told \"%.*s\", then \"%.*s\"",
		    SPAN_FMT(buf_span(&a->text)), SPAN_FMT(buf_span(&b->text)));
	assert_true(span_eq(buf_span(&a->ids), buf_span(&b->ids)));
}

struct reply_options told_options(const char *format)
{
	return (struct reply_options){
	    .format = reply_format_named(span_of(format)),
	    .thinks = true,
	    .has_tools = true,
	    .seed = 7,
	};
}
