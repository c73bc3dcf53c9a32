/* cmd_tokenize.c -- sluice tokenize: texts to token ids. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/engine.h"
#include "gateway/lines.h"

struct tokenize {
	struct tokenizer_work *work;
	unsigned flags;
	struct token_buf ids;
};

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct tokenize *t = arg;
	struct span text = json_text(&question->doc, 0, question->arena);

	if (!text.ptr) {
		error_set(err, "the line must be a JSON string: \"text\"");
		return FAILED;
	}
	t->ids.len = 0;
	if (tokenizer_encode(t->work, text, t->flags, &t->ids, err) != OK)
		return FAILED;
	return lines_write_ids(out, t->ids.ids, t->ids.len)
		   ? OK
		   : lines_too_long(err);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	bool no_special = false, is_plain = false;
	const struct command_option options[] = {
	    ENGINE_MODEL_OPTION(args),
	    {"--no-special", NULL, &no_special},
	    {"--plain", NULL, &is_plain},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	struct tokenize t = {.work = NULL};
	struct engine engine;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	status = engine_open(&engine, command, &args, CHECKPOINT_TOKENIZER);
	if (status != EXIT_DONE)
		return status;
	t.flags = (no_special ? TOKENIZER_NO_SPECIAL : 0) |
		  (is_plain ? TOKENIZER_PLAIN : 0);
	t.work = tokenizer_work_new(checkpoint_tokenizer(engine.checkpoint));
	token_buf_init(&t.ids, SIZE_MAX);
	status = lines_run(&(struct lines){.answer = answer, .arg = &t});
	token_buf_free(&t.ids);
	tokenizer_work_free(&t.work);
	engine_close(&engine);
	return status;
}

const struct command command_tokenize = {
    .name = "tokenize",
    .summary = "texts to token ids, as Hugging Face tokenizers does it",
    .help = "sluice tokenize --model MODEL [--no-special] [--plain]\n\n"
	    "Reads JSON strings, one a line, and answers each with the list of "
	    "its token ids.\n\n"
	    "    --model MODEL   a Hugging Face directory or a .gguf file\n"
	    "    --no-special    adds no BOS, EOS, CLS or SEP\n"
	    "    --plain         reads control tokens in the text as text\n\n"
	    "Example: echo '\"Hello there\"' | sluice tokenize --model "
	    "SmolLM2-135M-Instruct.Q4_1.gguf\n",
    .run = run,
};
