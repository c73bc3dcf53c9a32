/* cmd_classify.c -- sluice classify: which label a text has. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/engine.h"
#include "gateway/lines.h"

struct classify {
	struct model *model;
	struct model_info info;
	struct tokenizer_work *work;
	unsigned flags;
	struct token_buf ids, types;
	float *logits, *scores; /* (n_labels) */
};

static enum result not_a_text(struct error *err)
{
	error_set(err, "the line must be \"text\" or [\"text\", \"pair\"]");
	return FAILED;
}

static enum result encode_pair(struct classify *c,
    const struct lines_question *question, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	uint32_t first = json_first(doc, 0);
	uint32_t second =
	    first == JSON_NONE ? first : json_after(doc, 0, first);
	struct tokenizer_pair pair = {.flags = c->flags};

	if (json_count(doc, 0) != 2 || !json_is(doc, first, JSON_STRING) ||
	    !json_is(doc, second, JSON_STRING))
		return not_a_text(err);
	pair.first = json_text(doc, first, question->arena);
	pair.second = json_text(doc, second, question->arena);
	return tokenizer_encode_pair(c->work, &pair, &c->ids, &c->types, err);
}

static enum result encode(struct classify *c,
    const struct lines_question *question, struct error *err)
{
	const struct json_doc *doc = &question->doc;

	c->ids.len = 0;
	c->types.len = 0;
	if (json_is(doc, 0, JSON_ARRAY))
		return encode_pair(c, question, err);
	if (!json_is(doc, 0, JSON_STRING))
		return not_a_text(err);
	return tokenizer_encode(c->work, json_text(doc, 0, question->arena),
	    c->flags, &c->ids, err);
}

static bool write_label(const struct classify *c, uint32_t id, struct buf *out)
{
	char name[32] = "LABEL_";
	char digits[24];
	struct span number = span_decimal(id, digits);

	if (c->info.labels && c->info.labels[id].ptr)
		return json_write_string(out, c->info.labels[id]);
	memcpy(name + strlen("LABEL_"), number.ptr, number.len);
	return json_write_string(
	    out, span_make(name, strlen("LABEL_") + number.len));
}

static bool write_classes(const struct classify *c, struct buf *out)
{
	uint32_t best = 0;
	bool ok = buf_append(out, SPAN("{\"label\": "));

	for (uint32_t i = 1; i < c->info.n_labels; i++) {
		if (c->logits[i] > c->logits[best])
			best = i;
	}
	ok = ok && write_label(c, best, out) &&
	     buf_append(out, SPAN(", \"scores\": {"));
	for (uint32_t i = 0; ok && i < c->info.n_labels; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     write_label(c, i, out) && buf_append(out, SPAN(": ")) &&
		     lines_write_float(out, c->scores[i]);
	ok = ok && buf_append(out, SPAN("}, \"logits\": ["));
	for (uint32_t i = 0; ok && i < c->info.n_labels; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     lines_write_float(out, c->logits[i]);
	return ok && buf_append(out, SPAN("]}"));
}

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct classify *c = arg;
	struct model_text text;

	if (encode(c, question, err) != OK)
		return FAILED;
	text = (struct model_text){
	    .tokens = c->ids.ids,
	    .types = c->types.len ? c->types.ids : NULL,
	    .n = (uint32_t)c->ids.len,
	};
	if (model_classify(c->model, &text, c->logits, err) != OK)
		return FAILED;
	model_scores_of(c->model, c->logits, c->scores);
	return write_classes(c, out) ? OK : lines_too_long(err);
}

static int classify_lines(struct classify *c, const struct engine *engine)
{
	size_t bytes = c->info.n_labels * sizeof(*c->logits);
	int status;

	c->work = tokenizer_work_new(checkpoint_tokenizer(engine->checkpoint));
	token_buf_init(&c->ids, SIZE_MAX);
	token_buf_init(&c->types, SIZE_MAX);
	c->logits = mem_alloc(bytes);
	c->scores = mem_alloc(bytes);
	status = lines_run(&(struct lines){.answer = answer, .arg = c});
	tokenizer_work_free(&c->work);
	token_buf_free(&c->ids);
	token_buf_free(&c->types);
	free(c->logits);
	free(c->scores);
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
	struct classify c = {.model = NULL};
	struct engine engine;
	struct error err;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	status = engine_open(
	    &engine, command, &args, CHECKPOINT_TOKENIZER | CHECKPOINT_MODEL);
	if (status != EXIT_DONE)
		return status;
	c.flags = is_plain ? TOKENIZER_PLAIN : 0;
	c.model = checkpoint_model(engine.checkpoint);
	c.info = model_info(c.model);
	if (c.info.n_labels) {
		status = classify_lines(&c, &engine);
	} else {
		error_set(&err, "%s: has no classification head", args.model);
		status = engine_refuse(command, &err);
	}
	engine_close(&engine);
	return status;
}

const struct command command_classify = {
    .name = "classify",
    .summary = "which label a classifier gives texts, or pairs of them",
    .help =
	"sluice classify --model MODEL\n\n"
	"Reads \"text\" or [\"text\", \"pair\"], one a line, and answers "
	"{\"label\", \"scores\", \"logits\"}:\nthe likeliest label, what each "
	"label's probability is (of one label in several, or of\neach by "
	"itself, as the checkpoint's \"problem_type\" and number of labels "
	"say), and the\nlogits by class id.\n\n" ENGINE_HELP
	"    --plain         reads control tokens in a text as text\n\n"
	"Example: echo '[\"how tall is it\", \"It is 3 m high.\"]' | sluice "
	"classify --model ./reranker\n",
    .computes = true,
    .reads_input = true,
    .run = run,
};
