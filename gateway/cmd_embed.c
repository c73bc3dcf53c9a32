/* cmd_embed.c -- sluice embed: texts to vectors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/engine.h"
#include "gateway/lines.h"
#include "gateway/local/encoder_text.h"

struct embed {
	struct model *model;
	struct model_info info;
	struct encoder_text text;
	struct token_buf ids;
	float *vector; /* (hidden) */
};

static enum result encode(
    struct embed *e, const struct lines_question *question, struct error *err)
{
	struct span text = json_text(&question->doc, 0, question->arena);
	size_t whole;

	if (!text.ptr) {
		error_set(err, "the line must be a JSON string: \"text\"");
		return FAILED;
	}
	e->ids.len = 0;
	if (encoder_text_add(&e->text, text, &e->ids, &whole, err) != OK)
		return FAILED;
	if (whole > e->ids.len)
		fprintf(stderr,
		    "note: line %llu: %zu tokens, cut to the %zu of "
		    "\"max_seq_length\"\n",
		    (unsigned long long)question->number, whole, e->ids.len);
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

static int embed_lines(
    struct embed *e, const struct engine *engine, unsigned flags)
{
	int status;

	encoder_text_init(&e->text, engine->checkpoint, flags);
	token_buf_init(&e->ids, SIZE_MAX);
	e->vector = mem_alloc(e->info.hidden * sizeof(*e->vector));
	status = lines_run(&(struct lines){.answer = answer, .arg = e});
	encoder_text_free(&e->text);
	token_buf_free(&e->ids);
	free(e->vector);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
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
	struct embed e = {.model = NULL};
	struct engine engine;
	struct error err;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	status = engine_open(
	    &engine, command, &args, CHECKPOINT_TOKENIZER | CHECKPOINT_MODEL);
	if (status != EXIT_DONE)
		return status;
	e.model = checkpoint_model(engine.checkpoint);
	e.info = model_info(e.model);
	if (e.info.embeds) {
		status =
		    embed_lines(&e, &engine, is_plain ? TOKENIZER_PLAIN : 0);
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
    .computes = true,
    .reads_input = true,
    .run = run,
};
