/* ask_chat.c -- a conversation through the checkpoint's chat template. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/ask_parts.h"

static bool refuse_long(struct asker *a)
{
	return ask_refuse(a, "request_too_large", "messages",
	    "The conversation is too long.");
}

/* --- what the template reads
 * --------------------------------------------------
 */

/* Names that are ours to say, whatever chat_template_kwargs has. */
static bool is_ours(struct span name)
{
	return span_eq(name, SPAN("messages")) ||
	       span_eq(name, SPAN("tools")) ||
	       span_eq(name, SPAN("add_generation_prompt"));
}

static bool write_extras(struct asker *a, struct buf *out)
{
	uint32_t extras = ask_find(a, SPAN("chat_template_kwargs"));

	if (extras == JSON_NONE)
		return true;
	if (!json_is(a->doc, extras, JSON_OBJECT))
		return ask_refuse(a, "invalid_type", "chat_template_kwargs",
		    "Invalid type for 'chat_template_kwargs': expected an "
		    "object.");
	for (uint32_t key = json_first(a->doc, extras); key != JSON_NONE;
	     key = ask_next_key(a->doc, extras, key)) {
		if (is_ours(ask_text(a, key)))
			continue;
		if (!buf_append(out, SPAN(",")) ||
		    !ask_copy(a->doc, key, out) ||
		    !buf_append(out, SPAN(":")) ||
		    !ask_copy(a->doc, key + 1, out))
			return refuse_long(a);
	}
	return true;
}

/*
 * How much to think: templates that know effort are told it, those that can
 * only think or not are told that. chat_template_kwargs stand behind and win.
 */
static bool write_effort(struct asker *a, struct buf *out)
{
	uint32_t node = ask_find(a, SPAN("reasoning_effort"));
	struct span effort = ask_text(a, node);
	bool is_none =
	    span_eq(effort, SPAN("none")) || span_eq(effort, SPAN("minimal"));

	if (node == JSON_NONE)
		return true;
	if (!effort.ptr)
		return ask_refuse(a, "invalid_type", "reasoning_effort",
		    "Invalid type for 'reasoning_effort': expected a text.");
	return (buf_append(out, SPAN(",\"reasoning_effort\":")) &&
		   ask_copy(a->doc, node, out) &&
		   buf_append(out, SPAN(",\"enable_thinking\":")) &&
		   buf_append(out, is_none ? SPAN("false") : SPAN("true"))) ||
	       refuse_long(a);
}

static bool write_tools(struct asker *a, struct buf *out)
{
	if (a->tools == JSON_NONE)
		return true;
	return (buf_append(out, SPAN(",\"tools\":")) &&
		   ask_copy(a->doc, a->tools, out)) ||
	       refuse_long(a);
}

static bool write_data(struct asker *a, struct buf *out)
{
	return (buf_append(out, SPAN("{\"messages\":")) || refuse_long(a)) &&
	       ask_write_messages(a, out) &&
	       (buf_append(out, SPAN(",\"add_generation_prompt\":true")) ||
		   refuse_long(a)) &&
	       write_tools(a, out) && write_effort(a, out) &&
	       write_extras(a, out) &&
	       (buf_append(out, SPAN("}")) || refuse_long(a));
}

/* --- rendering ---------------------------------------------------------------
 */

struct rendering {
	const struct chat *chat;
	struct tokenizer_work *work;
	struct span text;
	struct error err;
};

static bool encode(struct asker *a, struct rendering *r, struct span data)
{
	struct chat_text out = {.arena = &a->ask->arena, .ids = a->ask->ids};
	struct json_fault fault;
	struct json_doc doc;
	bool ok;

	data = arena_copy(&a->ask->arena, data);
	if (!data.ptr || !json_parse(data, &a->ask->arena, &doc, &fault)) {
		error_set(&r->err, "the conversation is too long");
		return false;
	}
	ok = chat_encode(r->chat, r->work, &doc, &out, &r->err) == OK;
	a->ask->ids = out.ids;
	r->text = out.text;
	return ok;
}

static bool render(struct asker *a, struct rendering *r)
{
	struct buf out;
	bool ok = false;

	buf_init(&out, ASK_TEXT_MAX);
	/* Few templates want arguments as the API has them, a string. */
	for (int i = 0; i < 2 && !ok && !a->ask->ids.is_full; i++) {
		a->keeps_arguments = i == 1;
		buf_consume(&out, SIZE_MAX);
		if (!write_data(a, &out)) {
			buf_free(&out);
			return false;
		}
		ok = encode(a, r, buf_span(&out));
	}
	buf_free(&out);
	if (!ok && a->ask->ids.is_full)
		return ask_refuse_length(a);
	return ok || ask_refuse(a, "invalid_value", "messages",
			 "The model's chat template does not take this "
			 "conversation: %s.",
			 r->err.text);
}

/* --- how the answer is read
 * ---------------------------------------------------
 */

#define SHOWN_MAX 32

static void add_shown(struct asker *a, const struct tokenizer *tokenizer,
    const char *text, uint32_t *shown)
{
	uint32_t id = tokenizer_token_id(tokenizer, span_of(text));

	if (id != TOKENIZER_NO_ID && tokenizer_is_special(tokenizer, id) &&
	    a->ask->n_shown < SHOWN_MAX)
		shown[a->ask->n_shown++] = id;
}

static bool find_shown(struct asker *a)
{
	const struct reply_options *reply = &a->ask->reply;
	const struct tokenizer *tokenizer =
	    checkpoint_tokenizer(a->source->parts->checkpoint);
	uint32_t *shown =
	    arena_alloc(&a->ask->arena, SHOWN_MAX * sizeof(*shown));
	const char *marker;
	size_t n = 0;

	if (!shown)
		return refuse_long(a);
	for (; (marker = reply_marker(NULL, n)); n++) {
		if (reply->thinks)
			add_shown(a, tokenizer, marker, shown);
	}
	for (; reply->has_tools && (marker = reply_marker(reply->format, n));
	     n++)
		add_shown(a, tokenizer, marker, shown);
	a->ask->shown = shown;
	return true;
}

/* What goes before a call of each format, beyond what the template wrote. */
static struct span opening(const struct reply_format *format)
{
	struct span name = span_of(reply_format_name(format));

	if (span_eq(name, SPAN("hermes")))
		return SPAN("<tool_call>\n");
	if (span_eq(name, SPAN("mistral")))
		return SPAN("[TOOL_CALLS] [");
	if (span_eq(name, SPAN("phi")))
		return SPAN("<|tool_call|>[");
	return SPAN("");
}

static bool add_text(struct asker *a, struct rendering *r, struct span text)
{
	return tokenizer_encode(r->work, text, TOKENIZER_NO_SPECIAL,
		   &a->ask->ids, &r->err) == OK ||
	       ask_refuse_length(a);
}

/* The call comes at once, without a thought before it. */
static bool open_call(struct asker *a, struct rendering *r)
{
	struct reply_options *reply = &a->ask->reply;
	struct span text = opening(reply->format);

	if (reply->starts_thinking && !add_text(a, r, SPAN("\n</think>\n\n")))
		return false;
	reply->starts_thinking = false;
	reply->thinks = false;
	if (text.len > 0 && !add_text(a, r, text))
		return false;
	reply->format = reply_format_named(SPAN("hermes"));
	return ask_force_call(a);
}

static bool read_back(struct asker *a, struct rendering *r)
{
	struct reply_options *reply = &a->ask->reply;
	bool has_tools = a->tools != JSON_NONE;
	struct span template = chat_template(r->chat, has_tools);

	*reply = (struct reply_options){
	    .format =
		reply_format_detect(template, a->source->parts->info.family),
	    .thinks = reply_template_thinks(template),
	    .starts_thinking = reply_prompt_thinks(r->text),
	    .has_tools = has_tools,
	    .tools = a->names,
	    .n_tools = has_tools ? a->n_names : 0,
	};
	reply->thinks |= reply->starts_thinking;
	if (a->calls == ASK_CALLS_FORCED && !open_call(a, r))
		return false;
	if (a->ask->grammar && a->calls != ASK_CALLS_FORCED) {
		if (reply->starts_thinking)
			a->ask->grammar_after = SPAN("</think>");
		else
			reply->thinks = false;
	}
	return find_shown(a);
}

static bool read_all(struct asker *a, struct rendering *r)
{
	struct ask *ask = a->ask;

	if (a->tools != JSON_NONE && !chat_takes_tools(r->chat))
		return ask_refuse_unsupported(
		    a, "tools", "its chat template takes none");
	if (!render(a, r) || !read_back(a, r))
		return false;
	ask->prompts[0] =
	    (struct ask_prompt){.ids = ask->ids.ids, .n = ask->ids.len};
	ask->n_prompts = 1;
	return true;
}

bool ask_read_chat(struct asker *a)
{
	const struct checkpoint *checkpoint = a->source->parts->checkpoint;
	struct rendering r = {.chat = checkpoint_chat(checkpoint)};
	bool ok;

	if (!r.chat)
		return ask_refuse(a, "unsupported_parameter", "messages",
		    "The model %.*s has no chat template; send its prompt to "
		    "/v1/completions.",
		    SPAN_FMT(span_head(a->source->model, 100)));
	r.work = tokenizer_work_new(checkpoint_tokenizer(checkpoint));
	ok = read_all(a, &r);
	tokenizer_work_free(&r.work);
	return ok;
}
