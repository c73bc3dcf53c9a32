/* cmd_template.c -- sluice template: conversations to what a model reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/engine.h"
#include "gateway/lines.h"

struct render {
	const struct chat *chat;
	struct tokenizer_work *work;
	struct chat_text text;
	struct arena arena;
};

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct render *r = arg;

	arena_reset(&r->arena);
	r->text.ids.len = 0;
	if (chat_encode(r->chat, r->work, &question->doc, &r->text, err) != OK)
		return FAILED;
	if (buf_append(out, SPAN("{\"text\": ")) &&
	    json_write_string(out, r->text.text) &&
	    buf_append(out, SPAN(", \"ids\": ")) &&
	    lines_write_ids(out, r->text.ids.ids, r->text.ids.len) &&
	    buf_append(out, SPAN("}")))
		return OK;
	return lines_too_long(err);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	const struct command_option options[] = {ENGINE_MODEL_OPTION(args)};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	struct render r = {.chat = NULL};
	struct engine engine;
	struct error err;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	status = engine_open(
	    &engine, command, &args, CHECKPOINT_TOKENIZER | CHECKPOINT_CHAT);
	if (status != EXIT_DONE)
		return status;
	r.chat = checkpoint_chat(engine.checkpoint);
	if (!r.chat) {
		engine_close(&engine);
		error_set(&err, "%s: has no chat template", args.model);
		return engine_refuse(command, &err);
	}
	r.work = tokenizer_work_new(checkpoint_tokenizer(engine.checkpoint));
	token_buf_init(&r.text.ids, SIZE_MAX);
	arena_init(&r.arena, TEMPLATE_MEMORY_MAX);
	r.text.arena = &r.arena;
	status = lines_run(&(struct lines){.answer = answer, .arg = &r});
	arena_free(&r.arena);
	token_buf_free(&r.text.ids);
	tokenizer_work_free(&r.work);
	engine_close(&engine);
	return status;
}

const struct command command_template = {
    .name = "template",
    .summary = "conversations to the text and tokens that a model reads",
    .help =
	"sluice template --model MODEL\n\n"
	"Reads objects, one a line: {\"messages\": [...], \"tools\"?, "
	"\"add_generation_prompt\"?, ...};\nevery member is the template's to "
	"read. Answers {\"text\", \"ids\"}. Control tokens come\nfrom the "
	"template alone: written in a message they stay text.\n\n"
	"    --model MODEL   a Hugging Face directory or a .gguf file\n\n"
	"Example: echo '{\"messages\": [{\"role\": \"user\", \"content\": "
	"\"Hi\"}]}' |\n    sluice template --model "
	"SmolLM2-135M-Instruct.Q4_1.gguf\n",
    .run = run,
};
