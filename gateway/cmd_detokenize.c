/* cmd_detokenize.c -- sluice detokenize: token ids to texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/engine.h"
#include "gateway/lines.h"

#define TEXT_MAX ((size_t)1 << 30)

struct detokenize {
	const struct tokenizer *tokenizer;
	bool keeps_special;
	struct token_buf ids;
	struct buf text;
};

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct detokenize *d = arg;

	d->ids.len = 0;
	buf_consume(&d->text, SIZE_MAX);
	if (lines_read_ids(&question->doc, 0, &d->ids, err) != OK ||
	    tokenizer_decode(
		d->tokenizer, &d->ids, !d->keeps_special, &d->text, err) != OK)
		return FAILED;
	return json_write_string(out, buf_span(&d->text)) ? OK
							  : lines_too_long(err);
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	struct detokenize d = {.tokenizer = NULL};
	const struct command_option options[] = {
	    ENGINE_MODEL_OPTION(args),
	    {"--special", NULL, &d.keeps_special},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	struct engine engine;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	status = engine_open(&engine, command, &args, CHECKPOINT_TOKENIZER);
	if (status != EXIT_DONE)
		return status;
	d.tokenizer = checkpoint_tokenizer(engine.checkpoint);
	token_buf_init(&d.ids, SIZE_MAX);
	buf_init(&d.text, TEXT_MAX);
	status = lines_run(&(struct lines){.answer = answer, .arg = &d});
	token_buf_free(&d.ids);
	buf_free(&d.text);
	engine_close(&engine);
	return status;
}

const struct command command_detokenize = {
    .name = "detokenize",
    .summary = "token ids to texts",
    .help =
	"sluice detokenize --model MODEL [--special]\n\n"
	"Reads lists of token ids, one a line, and answers each with its text "
	"as a JSON string.\nIds that the vocabulary lacks give nothing; bytes "
	"that are not UTF-8 give U+FFFD.\n\n"
	"    --model MODEL   a Hugging Face directory or a .gguf file\n"
	"    --special       special tokens too, which are left out else\n\n"
	"Example: echo '[19556, 665]' | sluice detokenize --model "
	"SmolLM2-135M-Instruct.Q4_1.gguf\n",
    .run = run,
};
