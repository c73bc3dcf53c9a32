/* generate_line.c -- what a line of `sluice generate` asks for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/generate_line.h"

#include "gateway/files.h"

#define BIASES_MAX 65536
#define SCHEMA_MAX ((size_t)16 << 20) /* bytes of a file */

void generate_line_init(
    struct generate_line *line, const struct checkpoint *checkpoint)
{
	line->chat = checkpoint_chat(checkpoint);
	if (checkpoint_tokenizer(checkpoint))
		line->work =
		    tokenizer_work_new(checkpoint_tokenizer(checkpoint));
	token_buf_init(&line->text.ids, SIZE_MAX);
	arena_init(&line->arena, TEMPLATE_MEMORY_MAX);
	line->text.arena = &line->arena;
}

void generate_line_free(struct generate_line *line)
{
	tokenizer_work_free(&line->work);
	token_buf_free(&line->text.ids);
	arena_free(&line->arena);
	grammar_unref(&line->schema);
	grammar_unref(&line->grammar);
}

/* --- the prompt ----------------------------------------------------------- */

/*
 * An answer is asked for, so the template is told to begin one, unless the
 * line says otherwise.
 */
static enum result ask_for_answer(const struct lines_question *question,
    struct json_doc *data, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	struct span raw = span_from(json_raw(doc, 0), 1);
	struct json_fault fault;
	char *text;

	*data = *doc;
	if (json_find(doc, 0, SPAN("add_generation_prompt")) != JSON_NONE)
		return OK;
	text = arena_printf(question->arena,
	    "{\"add_generation_prompt\": true, %.*s", SPAN_FMT(raw));
	if (text && json_parse(span_of(text), question->arena, data, &fault))
		return OK;
	error_set(err, "the conversation is too long");
	return FAILED;
}

static enum result read_messages(struct generate_line *line,
    const struct lines_question *question, struct error *err)
{
	struct json_doc data;

	if (!line->chat) {
		error_set(err, "the checkpoint has no chat template: give a "
			       "\"prompt\"");
		return FAILED;
	}
	if (ask_for_answer(question, &data, err) != OK)
		return FAILED;
	arena_reset(&line->arena);
	return chat_encode(line->chat, line->work, &data, &line->text, err);
}

static enum result read_prompt(struct generate_line *line,
    const struct lines_question *question, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	uint32_t prompt = json_find(doc, 0, SPAN("prompt"));
	uint32_t messages = json_find(doc, 0, SPAN("messages"));
	struct token_buf *ids = &line->text.ids;

	ids->len = 0;
	line->text.text = SPAN("");
	if ((prompt == JSON_NONE) == (messages == JSON_NONE)) {
		error_set(err,
		    "the line must be {\"prompt\": ...} or {\"messages\": "
		    "[...]}");
		return FAILED;
	}
	if (messages != JSON_NONE)
		return read_messages(line, question, err);
	if (json_is(doc, prompt, JSON_ARRAY))
		return lines_read_ids(doc, prompt, ids, err);
	if (!json_is(doc, prompt, JSON_STRING)) {
		error_set(err, "\"prompt\" must be a string or a list of ids");
		return FAILED;
	}
	if (!line->work)
		return lines_no_tokenizer(err);
	return tokenizer_encode(line->work,
	    json_text(doc, prompt, question->arena),
	    line->is_plain ? TOKENIZER_PLAIN : 0, ids, err);
}

/* --- options -------------------------------------------------------------- */

static enum result read_whole(const struct json_doc *doc,
    const struct lines_range *range, uint64_t *out, struct error *err)
{
	double value = (double)*out;

	if (lines_read_number(doc, range, &value, err) != OK)
		return FAILED;
	*out = (uint64_t)value;
	if ((double)*out >= value && (double)*out <= value)
		return OK;
	error_set(err, "\"%s\" must be a whole number", range->name);
	return FAILED;
}

static enum result read_real(const struct json_doc *doc,
    const struct lines_range *range, float *out, struct error *err)
{
	double value = (double)*out;

	if (lines_read_number(doc, range, &value, err) != OK)
		return FAILED;
	*out = (float)value;
	return OK;
}

static enum result read_numbers(
    const struct json_doc *doc, struct generate_options *o, struct error *err)
{
	struct sample_options *s = &o->sample;
	uint64_t max_tokens = o->max_tokens, top_k = s->top_k, seed = s->seed;
	const struct {
		struct lines_range range;
		uint64_t *whole;
		float *real;
	} rows[] = {
	    {{"max_tokens", 1, 1 << 28}, &max_tokens, NULL},
	    {{"max_completion_tokens", 1, 1 << 28}, &max_tokens, NULL},
	    {{"top_k", 0, 1 << 28}, &top_k, NULL},
	    {{"seed", 0, 9007199254740992.0}, &seed, NULL},
	    {{"temperature", 0, 100}, NULL, &s->temperature},
	    {{"top_p", 0, 1}, NULL, &s->top_p},
	    {{"min_p", 0, 1}, NULL, &s->min_p},
	    {{"repetition_penalty", 0.01, 100}, NULL, &s->repetition},
	    {{"frequency_penalty", -100, 100}, NULL, &s->frequency},
	    {{"presence_penalty", -100, 100}, NULL, &s->presence},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if ((rows[i].whole ? read_whole(doc, &rows[i].range,
					 rows[i].whole, err)
				   : read_real(doc, &rows[i].range,
					 rows[i].real, err)) != OK)
			return FAILED;
	}
	o->max_tokens = (uint32_t)max_tokens;
	s->top_k = (uint32_t)top_k;
	s->seed = seed;
	return OK;
}

/* "stop": one text or a list of them, in place of --stop. */
static enum result read_stops(const struct lines_question *question,
    struct generate_options *o, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	uint32_t node = json_find(doc, 0, SPAN("stop"));
	struct span *stops;
	size_t n = 0;

	if (node == JSON_NONE || json_is(doc, node, JSON_NULL))
		return OK;
	stops =
	    arena_alloc(question->arena, GENERATE_STOPS_MAX * sizeof(*stops));
	if (!stops)
		return lines_too_long(err);
	o->stops = stops;
	o->n_stops = 1;
	stops[0] = json_text(doc, node, question->arena);
	if (stops[0].ptr)
		return OK;
	if (!json_is(doc, node, JSON_ARRAY) ||
	    json_count(doc, node) > GENERATE_STOPS_MAX) {
		error_set(err,
		    "\"stop\" must be a string or a list of up to %d",
		    GENERATE_STOPS_MAX);
		return FAILED;
	}
	json_for_each(doc, node, item) {
		stops[n] = json_text(doc, item, question->arena);
		if (!stops[n++].ptr) {
			error_set(err, "\"stop\"[%zu] must be a string", n - 1);
			return FAILED;
		}
	}
	o->n_stops = n;
	return OK;
}

/* "logit_bias": {"id": bias}. */
static enum result read_biases(const struct lines_question *question,
    struct sample_options *s, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	uint32_t map = json_find(doc, 0, SPAN("logit_bias"));
	size_t n = json_count(doc, map);
	struct sample_bias *biases;
	double bias;
	uint64_t id;

	if (map == JSON_NONE || json_is(doc, map, JSON_NULL))
		return OK;
	biases = json_is(doc, map, JSON_OBJECT) && n <= BIASES_MAX
		     ? arena_alloc(question->arena, n * sizeof(*biases) + 1)
		     : NULL;
	if (!biases)
		goto bad;
	s->biases = biases;
	s->n_biases = 0;
	for (uint32_t at = map + 1; at < doc->nodes[map].next;
	     at = doc->nodes[at + 1].next) {
		if (!span_to_u64(json_text(doc, at, question->arena), &id) ||
		    id >= UINT32_MAX || !json_double(doc, at + 1, &bias))
			goto bad;
		biases[s->n_biases++] =
		    (struct sample_bias){(uint32_t)id, (float)bias};
	}
	return OK;
bad:
	error_set(err, "\"logit_bias\" must be an object of {\"token id\": "
		       "bias}");
	return FAILED;
}

/* --- the schema ----------------------------------------------------------- */

struct grammar *generate_schema_read(const char *path, struct error *err)
{
	struct grammar *grammar = NULL;
	struct json_fault fault;
	struct json_doc doc;
	struct arena arena;
	struct error why;
	struct span text;

	if (file_read(path, SCHEMA_MAX, &text, err) != OK)
		return NULL;
	arena_init(&arena, 8 * SCHEMA_MAX);
	if (!json_parse(text, &arena, &doc, &fault))
		error_set(err, "%s: is not JSON: byte %zu: %s", path,
		    fault.offset, fault.reason);
	else if (!(grammar = grammar_schema(&doc, 0, &why)))
		error_set(err, "%s: %s", path, why.text);
	arena_free(&arena);
	file_free(&text);
	return grammar;
}

/* "schema", in place of --schema. */
static enum result read_schema(struct generate_line *line,
    const struct json_doc *doc, struct generate_request *request,
    struct error *err)
{
	uint32_t node = json_find(doc, 0, SPAN("schema"));

	grammar_unref(&line->grammar);
	request->grammar = line->schema;
	if (node == JSON_NONE || json_is(doc, node, JSON_NULL))
		return OK;
	line->grammar = grammar_schema(doc, node, err);
	request->grammar = line->grammar;
	return line->grammar ? OK : FAILED;
}

/* Where the prompt opens the model's reasoning, the answer is behind it. */
static void place_schema(
    const struct generate_line *line, struct generate_request *request)
{
	request->grammar_after =
	    reply_prompt_thinks(line->text.text) ? SPAN("</think>") : SPAN("");
}

enum result generate_line_read(struct generate_line *line,
    const struct lines_question *question, struct generate_request *request,
    struct error *err)
{
	if (!json_is(&question->doc, 0, JSON_OBJECT)) {
		error_set(err,
		    "the line must be {\"prompt\": ...} or {\"messages\": "
		    "[...]}");
		return FAILED;
	}
	if (read_numbers(&question->doc, &request->options, err) != OK ||
	    read_stops(question, &request->options, err) != OK ||
	    read_biases(question, &request->options.sample, err) != OK ||
	    read_schema(line, &question->doc, request, err) != OK ||
	    read_prompt(line, question, err) != OK)
		return FAILED;
	request->prompt = line->text.ids.ids;
	request->n = line->text.ids.len;
	place_schema(line, request);
	return OK;
}
