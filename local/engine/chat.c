/* chat.c -- renders a conversation and finds its tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/chat.h"

#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/memory.h"

#define TRUSTED_MAX ((size_t)4 << 20)

struct chat {
	const struct tokenizer *tokenizer;
	struct template *plain, *with_tools; /* the latter may be NULL */
	struct span texts[2];                /* of both, in the arena */
	struct arena arena;
	struct json_doc trusted;
};

static enum result read_trusted(
    struct chat *chat, struct span text, struct error *err)
{
	struct json_fault fault;
	struct span kept =
	    arena_copy(&chat->arena, text.len ? text : SPAN("{}"));

	if (kept.ptr && json_parse(kept, &chat->arena, &chat->trusted, &fault))
		return OK;
	error_set(err, "the names of special tokens are too long");
	return FAILED;
}

struct chat *chat_new(const struct chat_source *source, struct error *err)
{
	struct chat *chat = mem_new(struct chat);

	chat->tokenizer = source->tokenizer;
	arena_init(&chat->arena, TRUSTED_MAX);
	if (read_trusted(chat, source->trusted, err) != OK)
		goto failed;
	chat->plain = template_load(source->template, err);
	if (!chat->plain) {
		error_prefix(err, "chat template");
		goto failed;
	}
	chat->texts[0] = arena_copy(&chat->arena, source->template);
	if (source->tools_template.len == 0)
		return chat;
	chat->texts[1] = arena_copy(&chat->arena, source->tools_template);
	chat->with_tools = template_load(source->tools_template, err);
	if (chat->with_tools)
		return chat;
	error_prefix(err, "chat template \"tool_use\"");
failed:
	chat_free(&chat);
	return NULL;
}

void chat_free(struct chat **chat)
{
	struct chat *c = *chat;

	if (!c)
		return;
	template_free(&c->plain);
	template_free(&c->with_tools);
	arena_free(&c->arena);
	free(c);
	*chat = NULL;
}

struct span chat_template(const struct chat *chat, bool has_tools)
{
	return chat->texts[has_tools && chat->with_tools ? 1 : 0];
}

bool chat_takes_tools(const struct chat *chat)
{
	return chat->with_tools || template_reads(chat->plain, SPAN("tools"));
}

static int32_t local_offset(int64_t now_ns)
{
	time_t now = (time_t)(now_ns / NS_PER_S);
	struct tm tm;

	return localtime_r(&now, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

static enum result render(const struct chat *chat, const struct json_doc *data,
    struct arena *arena, struct template_output *out, struct error *err)
{
	uint32_t tools = json_find(data, 0, SPAN("tools"));
	bool has_tools = tools != JSON_NONE && !json_is(data, tools, JSON_NULL);
	int64_t now = clock_utc_ns();
	struct template_input input = {
	    .data = data,
	    .trusted = &chat->trusted,
	    .now_ns = now,
	    .utc_offset_s = local_offset(now),
	};

	return template_render(
	    has_tools && chat->with_tools ? chat->with_tools : chat->plain,
	    &input, arena, out, err);
}

/* The ranges in which control tokens count. */
static enum result find_trusted(const struct template_output *out,
    struct arena *arena, struct tokenizer_marked *marked, struct error *err)
{
	struct tokenizer_range *ranges =
	    arena_alloc(arena, out->n_parts * sizeof(*ranges) + 1);

	if (!ranges) {
		error_set(err, "the conversation has too many parts");
		return FAILED;
	}
	*marked = (struct tokenizer_marked){.text = out->text};
	for (size_t i = 0; i < out->n_parts; i++) {
		if (out->parts[i].is_trusted)
			ranges[marked->n++] = (struct tokenizer_range){
			    out->parts[i].start, out->parts[i].end};
	}
	marked->trusted = ranges;
	return OK;
}

enum result chat_encode(const struct chat *chat, struct tokenizer_work *work,
    const struct json_doc *data, struct chat_text *out, struct error *err)
{
	struct template_output rendered;
	struct tokenizer_marked marked;
	uint32_t messages = json_find(data, 0, SPAN("messages"));

	if (!json_is(data, messages, JSON_ARRAY)) {
		error_set(err, "\"messages\" must be a list of messages");
		return FAILED;
	}
	if (render(chat, data, out->arena, &rendered, err) != OK) {
		error_prefix(err, "chat template");
		return FAILED;
	}
	if (find_trusted(&rendered, out->arena, &marked, err) != OK)
		return FAILED;
	out->text = rendered.text;
	return tokenizer_encode_marked(work, &marked, &out->ids, err);
}

/* --- where a turn ends ---------------------------------------------------- */

/* No template's own words. */
#define ANSWER "qzxanswerzxq"

static struct span after_answer(struct span text)
{
	size_t at = span_find(text, SPAN(ANSWER), 0);

	if (at == SIZE_MAX)
		return span_make(NULL, 0);
	text = span_from(text, at + sizeof(ANSWER) - 1);
	return span_trim(text);
}

uint32_t chat_end_of_turn(const struct chat *chat, struct tokenizer_work *work)
{
	static const char talk[] =
	    "{\"messages\": [{\"role\": \"user\", \"content\": \"question\"}, "
	    "{\"role\": \"assistant\", \"content\": \"" ANSWER "\"}]}";
	uint32_t found = TOKENIZER_NO_ID;
	struct template_output out;
	struct json_fault fault;
	struct json_doc data;
	struct token_buf ids;
	struct arena arena;
	struct error err;

	arena_init(&arena, TEMPLATE_MEMORY_MAX);
	token_buf_init(&ids, SIZE_MAX);
	if (json_parse(span_of(talk), &arena, &data, &fault) &&
	    render(chat, &data, &arena, &out, &err) == OK &&
	    tokenizer_encode(work, after_answer(out.text), TOKENIZER_NO_SPECIAL,
		&ids, &err) == OK &&
	    ids.len > 0 && tokenizer_is_special(chat->tokenizer, ids.ids[0]))
		found = ids.ids[0];
	token_buf_free(&ids);
	arena_free(&arena);
	return found;
}
