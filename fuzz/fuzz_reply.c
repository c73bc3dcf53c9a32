/* fuzz_reply.c -- any bytes as what a model wrote, cut anywhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/reply.h"

#include <assert.h>

/*
 * The first four bytes choose the format, the options and where the rest is
 * cut. Beyond not crashing: the parts of the text in pieces, joined, are those
 * of the whole; calls begin and end in turn; the arguments of a whole one are a
 * JSON object; and a text that gave no call and no reasoning is all content.
 */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

#define TOLD_MAX ((size_t)1 << 26)

struct told {
	struct buf text;      /* kinds and texts, neighbours of a kind joined */
	struct buf arguments; /* of the last call */
	struct buf content;
	bool is_in_call, has_other;
	uint32_t n_calls;
	int last;
};

static void add(struct buf *buf, struct span text)
{
	bool is_added = buf_append(buf, text);

	assert(is_added);
	(void)is_added;
}

static void check_arguments(struct told *told)
{
	struct arena arena;
	struct json_doc doc;
	struct json_fault fault;
	bool is_json;

	arena_init(&arena, TOLD_MAX);
	is_json = json_parse(buf_span(&told->arguments), &arena, &doc, &fault);
	assert(is_json && json_is(&doc, 0, JSON_OBJECT));
	(void)is_json;
	arena_free(&arena);
}

static void take_mark(struct told *told, const struct reply_part *part)
{
	bool begins = part->kind == REPLY_CALL;

	assert(told->is_in_call != begins);
	told->is_in_call = begins;
	if (!begins) {
		assert(part->call == told->n_calls - 1);
		if (part->is_whole)
			check_arguments(told);
		add(&told->text, part->is_whole ? SPAN("E") : SPAN("B"));
		return;
	}
	assert(part->call == told->n_calls && part->name.len > 0);
	assert(part->id.len == 9 || part->id.len == 29);
	told->n_calls++;
	buf_consume(&told->arguments, buf_len(&told->arguments));
	add(&told->text, part->id);
	add(&told->text, part->name);
}

static void take(const struct reply_part *part, void *arg)
{
	struct told *told = arg;
	char kind = (char)('0' + (int)part->kind);

	if (part->kind == REPLY_CALL || part->kind == REPLY_CALL_END) {
		take_mark(told, part);
	} else {
		assert(part->text.len > 0);
		assert(told->is_in_call == (part->kind == REPLY_ARGUMENTS));
		if (told->last != (int)part->kind)
			add(&told->text, span_make(&kind, 1));
		add(&told->text, part->text);
		if (part->kind == REPLY_CONTENT)
			add(&told->content, part->text);
		if (part->kind == REPLY_ARGUMENTS)
			add(&told->arguments, part->text);
	}
	told->has_other |= part->kind != REPLY_CONTENT;
	told->last = (int)part->kind;
}

static void told_init(struct told *told)
{
	memset(told, 0, sizeof(*told));
	buf_init(&told->text, TOLD_MAX);
	buf_init(&told->arguments, TOLD_MAX);
	buf_init(&told->content, TOLD_MAX);
	told->last = -1;
}

static void told_free(struct told *told)
{
	buf_free(&told->text);
	buf_free(&told->arguments);
	buf_free(&told->content);
}

/* Pieces of 0 to 15 bytes by <seed>; of 1 when that is 0. */
static void push_pieces(struct told *told, const struct reply_options *options,
    struct span text, uint32_t seed)
{
	struct reply *reply = reply_new(options);

	while (text.len > 0) {
		size_t len = seed == 0 ? 1 : seed >> 16 & 15;

		reply_push(reply, span_head(text, len), take, told);
		text = span_from(text, len);
		seed = seed == 0 ? 0 : seed * 1664525 + 1013904223;
	}
	reply_finish(reply, take, told);
	assert(reply_calls(reply) == told->n_calls);
	reply_free(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const char *const formats[] = {
	    "hermes", "llama3", "mistral", "phi", "deepseek", "none"};
	const struct span tools[] = {SPAN("f"), SPAN("get_weather")};
	struct reply_options options = {.seed = 1, .tools = tools};
	struct told whole, pieces;
	struct span text;

	if (len < 4)
		return 0;
	options.format = reply_format_named(span_of(formats[data[0] % 6]));
	options.has_tools = !(data[1] & 1);
	options.thinks = data[1] & 2;
	options.starts_thinking = data[1] & 4;
	options.holds_calls = data[1] & 8;
	options.n_tools = data[1] & 16 ? 2 : 0;
	text = span_make((const char *)data + 4, len - 4);
	told_init(&whole);
	told_init(&pieces);
	reply_split(&options, text, take, &whole);
	push_pieces(&pieces, &options, text, (uint32_t)data[2] << 16 | data[3]);
	assert(span_eq(buf_span(&whole.text), buf_span(&pieces.text)));
	if (!whole.has_other && !options.starts_thinking && !options.thinks)
		assert(span_eq(buf_span(&whole.content), text));
	told_free(&whole);
	told_free(&pieces);
	return 0;
}
