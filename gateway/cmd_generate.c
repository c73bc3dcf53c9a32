/* cmd_generate.c -- sluice generate: a model's answers to prompts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/engine.h"
#include "gateway/generate_line.h"
#include "gateway/lines.h"

#define TOKENS_DEFAULT 256

struct answering {
	struct generator *generator;
	struct generate_line line;
	struct generate_request request; /* what the flags say */
	bool streams;
};

static void print_piece(void *arg, struct span piece)
{
	(void)arg;
	fwrite(piece.ptr, 1, piece.len, stdout);
	fflush(stdout);
}

/* Only where the answer was held to something. */
static bool write_removed(const struct sample_summary *s, struct buf *out)
{
	return s->n_masked == 0 ||
	       (buf_append(out, SPAN(", \"mean_removed\": ")) &&
		   lines_write_float(out, (float)sample_mean_removed(s)));
}

static bool write_confidence(const struct sample_summary *s, struct buf *out)
{
	double n = s->n ? s->n : 1;

	return buf_printf(out, ", \"confidence\": {\"tokens\": %u", s->n) &&
	       buf_append(out, SPAN(", \"mean_logprob\": ")) &&
	       lines_write_float(out, (float)sample_mean_logprob(s)) &&
	       buf_append(out, SPAN(", \"min_logprob\": ")) &&
	       lines_write_float(out, s->min_logprob) &&
	       buf_append(out, SPAN(", \"min_window_logprob\": ")) &&
	       lines_write_float(out, s->min_window) &&
	       buf_append(out, SPAN(", \"mean_margin\": ")) &&
	       lines_write_float(out, (float)(s->sum_margin / n)) &&
	       buf_append(out, SPAN(", \"mean_entropy\": ")) &&
	       lines_write_float(out, (float)(s->sum_entropy / n)) &&
	       write_removed(s, out) && buf_append(out, SPAN("}"));
}

static bool write_answer(const struct generated *g, struct buf *out)
{
	size_t n = g->ids.len;
	bool ok = buf_append(out, SPAN("{\"text\": ")) &&
		  json_write_string(out, buf_span(&g->text)) &&
		  buf_append(out, SPAN(", \"ids\": ")) &&
		  lines_write_ids(out, g->ids.ids, n) &&
		  buf_append(out, SPAN(", \"logprobs\": ["));

	for (size_t i = 0; ok && i < n; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     lines_write_float(out, g->choices[i].logprob);
	return ok &&
	       buf_printf(out, "], \"finish_reason\": \"%s\"",
		   g->end == GENERATE_STOP ? "stop" : "length") &&
	       write_confidence(&g->summary, out) &&
	       buf_printf(out,
		   ", \"usage\": {\"prompt_tokens\": %u, "
		   "\"completion_tokens\": %zu, \"total_tokens\": %zu}}",
		   g->prompt_tokens, n, g->prompt_tokens + n);
}

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct answering *a = arg;
	struct generate_request request = a->request;
	struct generated generated;
	enum result result;

	if (generate_line_read(&a->line, question, &request, err) != OK)
		return FAILED;
	result = generate(a->generator, &request, &generated, err);
	if (a->streams)
		fputc('\n', stdout);
	else if (result == OK && !write_answer(&generated, out))
		result = lines_too_long(err);
	generated_free(&generated);
	return result;
}

static int answer_lines(
    struct answering *a, const struct engine *engine, struct error *err)
{
	const struct checkpoint *checkpoint = engine->checkpoint;
	int status;

	a->generator = generator_new(checkpoint, err);
	if (!a->generator)
		return EXIT_NO;
	a->request.options.max_context = engine->context;
	if (a->streams)
		a->request.watch.fn = print_piece;
	generate_line_init(&a->line, checkpoint);
	status = lines_run(&(struct lines){
	    .answer = answer, .arg = a, .is_plain = a->streams});
	generate_line_free(&a->line);
	generator_free(&a->generator);
	return status;
}

/* The sampling flags, as text. */
struct flags {
	const char *max_tokens, *temperature, *top_p, *top_k, *min_p, *seed;
	const char *repetition, *frequency, *presence, *schema;
	bool is_suggested; /* what the model suggests, where they are silent */
};

/* What is meant where no flag is given. */
static enum result begin_sampling(const struct flags *f, const char *model,
    struct sample_options *sample, struct error *err)
{
	enum result result = FAILED;
	char *path;

	*sample = (struct sample_options){.top_p = 1, .repetition = 1};
	if (!f->is_suggested || !model)
		return OK;
	path = engine_path(model, err);
	if (path)
		result = generate_suggested(path, sample, err);
	free(path);
	return result == OK ? OK : FAILED;
}

static bool read_flags(const struct command *command, const struct flags *f,
    struct generate_options *o)
{
	const struct sample_options *usual = &o->sample;
	uint64_t max_tokens = TOKENS_DEFAULT, top_k = usual->top_k, seed = 0;
	double temperature = (double)usual->temperature;
	double top_p = (double)usual->top_p, min_p = (double)usual->min_p;
	double repetition = (double)usual->repetition;
	double frequency = 0, presence = 0;
	const struct {
		struct engine_number number;
		uint64_t *whole;
		double *real;
	} rows[] = {
	    {{command, "--max-tokens", f->max_tokens, 1, 1 << 28}, &max_tokens,
		NULL},
	    {{command, "--top-k", f->top_k, 0, 1 << 28}, &top_k, NULL},
	    {{command, "--seed", f->seed, 0, 9007199254740992.0}, &seed, NULL},
	    {{command, "--temperature", f->temperature, 0, 100}, NULL,
		&temperature},
	    {{command, "--top-p", f->top_p, 0, 1}, NULL, &top_p},
	    {{command, "--min-p", f->min_p, 0, 1}, NULL, &min_p},
	    {{command, "--repetition-penalty", f->repetition, 0.01, 100}, NULL,
		&repetition},
	    {{command, "--frequency-penalty", f->frequency, -100, 100}, NULL,
		&frequency},
	    {{command, "--presence-penalty", f->presence, -100, 100}, NULL,
		&presence},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].whole
			? !engine_whole(&rows[i].number, rows[i].whole)
			: !engine_real(&rows[i].number, rows[i].real))
			return false;
	}
	o->max_tokens = (uint32_t)max_tokens;
	o->sample = (struct sample_options){
	    .temperature = (float)temperature,
	    .top_p = (float)top_p,
	    .min_p = (float)min_p,
	    .top_k = (uint32_t)top_k,
	    .repetition = (float)repetition,
	    .frequency = (float)frequency,
	    .presence = (float)presence,
	    .seed = seed,
	};
	return true;
}

static int answer_with(const struct command *command,
    const struct engine_args *args, struct answering *a)
{
	struct engine engine;
	struct error err;
	int status =
	    engine_open_decoder(&engine, command, args, CHECKPOINT_CHAT);

	if (status == EXIT_DONE) {
		status = answer_lines(a, &engine, &err);
		engine_close(&engine);
	}
	grammar_unref(&a->line.schema);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	struct answering a = {.generator = NULL};
	const char *stop_texts[GENERATE_STOPS_MAX];
	struct command_repeat stop = {
	    "--stop", stop_texts, GENERATE_STOPS_MAX, 0};
	struct span stops[GENERATE_STOPS_MAX];
	struct flags f = {.max_tokens = NULL};
	const struct command_option options[] = {
	    ENGINE_OPTIONS(args),
	    {"--context", &args.context, NULL},
	    {"--max-tokens", &f.max_tokens, NULL},
	    {"--temperature", &f.temperature, NULL},
	    {"--top-p", &f.top_p, NULL},
	    {"--top-k", &f.top_k, NULL},
	    {"--min-p", &f.min_p, NULL},
	    {"--seed", &f.seed, NULL},
	    {"--repetition-penalty", &f.repetition, NULL},
	    {"--frequency-penalty", &f.frequency, NULL},
	    {"--presence-penalty", &f.presence, NULL},
	    {"--schema", &f.schema, NULL},
	    {"--suggested", NULL, &f.is_suggested},
	    {"--plain", NULL, &a.line.is_plain},
	    {"--stream", NULL, &a.streams},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .repeat = &stop,
	};
	struct error err;

	if (!command_read(&line, argc, argv))
		return line.status;
	if (begin_sampling(&f, args.model, &a.request.options.sample, &err) !=
	    OK)
		return engine_refuse(command, &err);
	if (!read_flags(command, &f, &a.request.options))
		return EXIT_USAGE;
	for (size_t i = 0; i < stop.n; i++) {
		stops[i] = span_of(stop_texts[i]);
		if (stops[i].len == 0)
			return command_misused(command, "--stop is empty");
	}
	a.request.options.stops = stops;
	a.request.options.n_stops = stop.n;
	if (f.schema && !(a.line.schema = generate_schema_read(f.schema, &err)))
		return engine_refuse(command, &err);
	a.streams |= isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	return answer_with(command, &args, &a);
}

const struct command command_generate = {
    .name = "generate",
    .summary = "a model's answers to prompts or conversations",
    .help =
	"sluice generate --model MODEL [--max-tokens N] [--temperature T] "
	"[--top-p P] [--top-k K]\n                [--min-p P] [--seed S] "
	"[--stop S]... [--schema FILE]\n\n"
	"Reads {\"prompt\": ...} or {\"messages\": [...], \"tools\"?, ...}, "
	"one a line, and answers\n{\"text\", \"ids\", \"logprobs\", "
	"\"finish_reason\", \"confidence\", \"usage\"}. Without "
	"--temperature\nthe likeliest token is taken each time. A line may "
	"have the flags' names as members\n(\"max_tokens\", \"temperature\", "
	"\"stop\" ...) and \"logit_bias\", for itself. On a terminal\nthe "
	"text is printed as it comes.\n\n" ENGINE_HELP
	"    --context N     tokens of prompt and answer (the model's, or "
	"what fits)\n"
	"    --max-tokens N  tokens of an answer (256)\n"
	"    --temperature T 0 to 100; 0, the default, is greedy\n"
	"    --top-p P, --top-k K, --min-p P\n"
	"                    leave out what is unlikely\n"
	"    --repetition-penalty R, --frequency-penalty F, "
	"--presence-penalty P\n"
	"    --suggested     samples as the model's generation_config.json "
	"suggests, where\n"
	"                    neither a flag nor the line says otherwise\n"
	"    --seed S        of the draws (0): the same answers each time\n"
	"    --stop S        ends the text before S; up to 16 times\n"
	"    --schema FILE   holds the answer to this JSON schema, which must "
	"be of the supported\n"
	"                    keywords; a line's own \"schema\" goes before it\n"
	"    --plain         reads control tokens in a prompt as text\n"
	"    --stream        prints plain text as it comes, also to a pipe\n\n"
	"Example: echo '{\"messages\": [{\"role\": \"user\", \"content\": "
	"\"Name a river.\"}]}' |\n    sluice generate --model "
	"SmolLM2-135M-Instruct.Q4_1.gguf\n",
    .computes = true,
    .reads_input = true,
    .run = run,
};
