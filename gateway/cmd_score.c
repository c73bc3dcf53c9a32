/* cmd_score.c -- sluice score: how likely a model finds texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/engine.h"
#include "gateway/lines.h"

#define TOP_MAX 1000

struct score {
	struct model *model;
	struct tokenizer_work *work;
	uint32_t vocab, context;
	uint64_t k;
	unsigned flags;
	struct token_buf ids;
	float *logprobs;         /* (cap) of ids[i], after the first */
	struct sample_top *tops; /* (cap, k) */
	uint32_t *n_tops;        /* (cap) */
	size_t cap;
};

/* Logits after token <index> are those of the next. */
static void take_logits(void *arg, uint32_t index, const float *logits)
{
	struct score *s = arg;
	size_t i = (size_t)index + 1;

	if (i >= s->ids.len)
		return;
	s->logprobs[i] = sample_logprob(logits, s->vocab, s->ids.ids[i]);
	if (s->k)
		s->n_tops[i] = sample_top(
		    logits, s->vocab, (uint32_t)s->k, s->tops + i * s->k);
}

/* The line's ids: given, or those of its text. */
static enum result read_ids(
    struct score *s, const struct lines_question *question, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	uint32_t text = json_find(doc, 0, SPAN("text"));
	uint32_t ids = json_find(doc, 0, SPAN("ids"));

	s->ids.len = 0;
	if ((text == JSON_NONE) == (ids == JSON_NONE)) {
		error_set(
		    err, "the line must be {\"text\": ...} or {\"ids\": ...}");
		return FAILED;
	}
	if (ids != JSON_NONE)
		return lines_read_ids(doc, ids, &s->ids, err);
	if (!json_is(doc, text, JSON_STRING)) {
		error_set(err, "\"text\" must be a string");
		return FAILED;
	}
	if (!s->work)
		return lines_no_tokenizer(err);
	return tokenizer_encode(s->work, json_text(doc, text, question->arena),
	    s->flags, &s->ids, err);
}

static void make_room(struct score *s)
{
	size_t n = s->ids.len;

	if (n <= s->cap)
		return;
	s->cap = n;
	s->logprobs = mem_realloc(s->logprobs, n * sizeof(*s->logprobs));
	if (!s->k)
		return;
	s->tops = mem_realloc(s->tops, n * s->k * sizeof(*s->tops));
	s->n_tops = mem_realloc(s->n_tops, n * sizeof(*s->n_tops));
}

static enum result compute(struct score *s, struct error *err)
{
	struct session_watch watch = {take_logits, s};
	struct session *session;
	enum result result;

	if (s->ids.len == 0)
		return OK;
	if (s->ids.len > s->context) {
		error_set(err, "the text has %zu tokens, the context is %u",
		    s->ids.len, s->context);
		return FAILED;
	}
	make_room(s);
	session = session_new(s->model, (uint32_t)s->ids.len, err);
	if (!session)
		return FAILED;
	result = session_score(
	    session, s->ids.ids, (uint32_t)s->ids.len, &watch, err);
	session_free(&session);
	return result;
}

static bool write_tops(const struct score *s, size_t i, struct buf *out)
{
	const struct sample_top *tops = s->tops + i * s->k;
	bool ok = buf_append(out, SPAN(", ["));

	for (uint32_t k = 0; ok && k < s->n_tops[i]; k++)
		ok = buf_printf(out, k ? ", [%u, " : "[%u, ", tops[k].token) &&
		     lines_write_float(out, tops[k].logprob) &&
		     buf_append(out, SPAN("]"));
	return ok && buf_append(out, SPAN("]"));
}

static bool write_scores(const struct score *s, struct buf *out)
{
	struct span first = s->ids.len ? SPAN("null") : SPAN("");
	bool ok = buf_append(out, SPAN("{\"ids\": ")) &&
		  lines_write_ids(out, s->ids.ids, s->ids.len) &&
		  buf_append(out, SPAN(", \"logprobs\": [")) &&
		  buf_append(out, first);

	for (size_t i = 1; ok && i < s->ids.len; i++)
		ok = buf_append(out, SPAN(", ")) &&
		     lines_write_float(out, s->logprobs[i]);
	ok = ok && buf_append(out, SPAN("]"));
	if (!s->k)
		return ok && buf_append(out, SPAN("}"));
	ok = ok && buf_append(out, SPAN(", \"top\": [")) &&
	     buf_append(out, first);
	for (size_t i = 1; ok && i < s->ids.len; i++)
		ok = write_tops(s, i, out);
	return ok && buf_append(out, SPAN("]}"));
}

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct score *s = arg;

	if (read_ids(s, question, err) != OK || compute(s, err) != OK)
		return FAILED;
	return write_scores(s, out) ? OK : lines_too_long(err);
}

static int score_lines(struct score *s, const struct engine *engine)
{
	int status;

	s->model = checkpoint_model(engine->checkpoint);
	s->vocab = model_info(s->model).vocab;
	s->context = engine->context;
	if (checkpoint_tokenizer(engine->checkpoint))
		s->work = tokenizer_work_new(
		    checkpoint_tokenizer(engine->checkpoint));
	token_buf_init(&s->ids, SIZE_MAX);
	status = lines_run(&(struct lines){.answer = answer, .arg = s});
	tokenizer_work_free(&s->work);
	token_buf_free(&s->ids);
	free(s->logprobs);
	free(s->tops);
	free(s->n_tops);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	struct score s = {.model = NULL};
	const char *top = NULL;
	bool no_special = false, is_plain = false;
	const struct command_option options[] = {
	    ENGINE_OPTIONS(args),
	    {"--top", &top, NULL},
	    {"--no-special", NULL, &no_special},
	    {"--plain", NULL, &is_plain},
	    {"--context", &args.context, NULL},
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
	if (!engine_whole(
		&(struct engine_number){command, "--top", top, 1, TOP_MAX},
		&s.k))
		return EXIT_USAGE;
	s.flags = (no_special ? TOKENIZER_NO_SPECIAL : 0) |
		  (is_plain ? TOKENIZER_PLAIN : 0);
	status = engine_open_decoder(&engine, command, &args, 0);
	if (status != EXIT_DONE)
		return status;
	status = score_lines(&s, &engine);
	engine_close(&engine);
	return status;
}

const struct command command_score = {
    .name = "score",
    .summary = "how likely a model finds each token of texts",
    .help =
	"sluice score --model MODEL [--top K]\n\n"
	"Reads {\"text\": ...} or {\"ids\": [...]}, one a line, and answers "
	"{\"ids\", \"logprobs\"}:\nlogprobs[i] is the natural logarithm of "
	"the probability of ids[i] after those before\nit, null for the "
	"first. With --top also \"top\": for each token the K likeliest "
	"that\ncould have stood there, as [id, logprob], best first.\n\n" ENGINE_HELP
	"    --top K         1 to 1000\n"
	"    --no-special    adds no BOS to a text\n"
	"    --plain         reads control tokens in a text as text\n"
	"    --context N     tokens of the longest text (the model's)\n\n"
	"Example: echo '{\"text\": \"The sky is blue\"}' |\n    sluice score "
	"--top 3 --model SmolLM2-135M-Instruct.Q4_1.gguf\n",
    .computes = true,
    .reads_input = true,
    .run = run,
};
