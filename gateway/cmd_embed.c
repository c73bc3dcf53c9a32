/* cmd_embed.c -- sluice embed: texts to vectors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/engine.h"
#include "gateway/lines.h"

struct embed {
	struct model *model;
	struct model_info info;
	struct tokenizer_work *work;
	unsigned flags;
	struct token_buf ids, bare;
	float *vector; /* (hidden) */
};

/* What Python's str.strip takes away, beside ASCII's. */
static bool is_space(uint32_t c)
{
	return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20) || c == 0x85 ||
	       c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
	       c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f ||
	       c == 0x3000;
}

static struct span strip(struct span text)
{
	uint32_t c;
	size_t len, at;

	while ((len = utf8_decode(text, &c)) > 0 && is_space(c))
		text = span_from(text, len);
	while (text.len > 0) {
		at = text.len - 1;
		while (at > 0 && ((unsigned char)text.ptr[at] & 0xc0) == 0x80)
			at--;
		if (utf8_decode(span_from(text, at), &c) == 0 || !is_space(c))
			break;
		text.len = at;
	}
	return text;
}

/*
 * Cuts what the text gave to the checkpoint's length; what stands before and
 * behind it (CLS, SEP) stays.
 */
static enum result cut(
    struct embed *e, struct span text, uint64_t number, struct error *err)
{
	size_t max = e->info.text_max, marks, before = 0, kept;

	e->bare.len = 0;
	if (tokenizer_encode(e->work, text, e->flags | TOKENIZER_NO_SPECIAL,
		&e->bare, err) != OK)
		return FAILED;
	marks = e->ids.len - e->bare.len;
	if (marks >= max) {
		error_set(err, "\"max_seq_length\": %zu leaves no room", max);
		return FAILED;
	}
	while (before < marks && memcmp(e->ids.ids + before, e->bare.ids,
				     e->bare.len * sizeof(uint32_t)) != 0)
		before++;
	fprintf(stderr,
	    "note: line %llu: %zu tokens, cut to the %zu of "
	    "\"max_seq_length\"\n",
	    (unsigned long long)number, e->ids.len, max);
	kept = before + max - marks;
	memmove(e->ids.ids + kept, e->ids.ids + e->ids.len - (marks - before),
	    (marks - before) * sizeof(uint32_t));
	e->ids.len = max;
	return OK;
}

static enum result encode(
    struct embed *e, const struct lines_question *question, struct error *err)
{
	struct span text = json_text(&question->doc, 0, question->arena);

	if (!text.ptr) {
		error_set(err, "the line must be a JSON string: \"text\"");
		return FAILED;
	}
	if (e->info.is_sentences)
		text = strip(text);
	e->ids.len = 0;
	if (tokenizer_encode(e->work, text, e->flags, &e->ids, err) != OK)
		return FAILED;
	if (e->info.text_max && e->ids.len > e->info.text_max)
		return cut(e, text, question->number, err);
	return OK;
}

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct embed *e = arg;
	struct model_text text;
	bool ok;

	if (encode(e, question, err) != OK)
		return FAILED;
	text = (struct model_text){
	    .tokens = e->ids.ids, .n = (uint32_t)e->ids.len};
	if (model_embed(e->model, &text, 1, e->vector, err) != OK)
		return FAILED;
	ok = buf_append(out, SPAN("["));
	for (uint32_t i = 0; ok && i < e->info.hidden; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     lines_write_float(out, e->vector[i]);
	return ok && buf_append(out, SPAN("]")) ? OK : lines_too_long(err);
}

static int embed_lines(struct embed *e, const struct engine *engine)
{
	int status;

	e->work = tokenizer_work_new(checkpoint_tokenizer(engine->checkpoint));
	token_buf_init(&e->ids, SIZE_MAX);
	token_buf_init(&e->bare, SIZE_MAX);
	e->vector = mem_alloc(e->info.hidden * sizeof(*e->vector));
	status = lines_run(&(struct lines){.answer = answer, .arg = e});
	tokenizer_work_free(&e->work);
	token_buf_free(&e->ids);
	token_buf_free(&e->bare);
	free(e->vector);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {NULL};
	bool is_plain = false;
	const struct command_option options[] = {
	    ENGINE_OPTIONS(args),
	    {"--plain", NULL, &is_plain},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	struct embed e = {NULL};
	struct engine engine;
	struct error err;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	status = engine_open(
	    &engine, command, &args, CHECKPOINT_TOKENIZER | CHECKPOINT_MODEL);
	if (status != EXIT_DONE)
		return status;
	e.flags = is_plain ? TOKENIZER_PLAIN : 0;
	e.model = checkpoint_model(engine.checkpoint);
	e.info = model_info(e.model);
	if (e.info.embeds) {
		status = embed_lines(&e, &engine);
	} else {
		error_set(&err,
		    "%s: is a language model that says nothing of pooling: it "
		    "does not embed",
		    args.model);
		status = engine_refuse(command, &err);
	}
	engine_close(&engine);
	return status;
}

const struct command command_embed = {
    .name = "embed",
    .summary = "texts to vectors, pooled as the checkpoint says",
    .help =
	"sluice embed --model MODEL\n\n"
	"Reads JSON strings, one a line, and answers each with its vector, "
	"pooled and\nnormalised as the checkpoint says: modules.json and the "
	"files it names, or GGUF's\npooling key, else the mean. A text past "
	"\"max_seq_length\" is cut as sentence-transformers\n"
	"does, and a note says so; past the model's context it is an error.\n\n" ENGINE_HELP
	"    --plain         reads control tokens in a text as text\n\n"
	"Example: echo '\"That is a happy person\"' | sluice embed --model "
	"all-MiniLM-L6-v2\n",
    .run = run,
};
