/* cmd_calibrate.c -- sluice calibrate: when a local answer can be trusted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/cascade.h"
#include "gateway/config.h"
#include "gateway/engine.h"
#include "gateway/expected.h"
#include "gateway/generate_line.h"
#include "gateway/lines.h"

#define TOKENS_DEFAULT 64
#define HOLD_DEFAULT 48
#define FILE_MAX_BYTES ((size_t)4 << 20)

struct calibrating {
	struct generator *generator;
	struct generate_line line;
	struct generate_request request; /* what the flags say */
	uint64_t hold;
	double strong_quality;
	struct calibrate_row *rows; /* (n) */
	double *strong;             /* (n) */
	size_t n, cap;
	FILE *told; /* each row's answer, or NULL */
};

/* --- one row ------------------------------------------------------------ */

/* "expected": one text or several, any of which will do. */
static enum result judge(const struct lines_question *question,
    struct span answer, bool *is_right, struct error *err)
{
	const struct json_doc *doc = &question->doc;
	uint32_t expected = json_find(doc, 0, SPAN("expected"));
	uint32_t word = json_find(doc, 0, SPAN("match"));
	enum expected_match match = EXPECTED_CONTAINS;
	struct span text;

	if (word != JSON_NONE &&
	    !expected_match_of(json_text(doc, word, question->arena), &match)) {
		error_set(err, "\"match\" must be contains, exact, starts, "
			       "number or verbatim");
		return FAILED;
	}
	*is_right = false;
	text = expected == JSON_NONE
		   ? span_make(NULL, 0)
		   : json_text(doc, expected, question->arena);
	if (text.ptr) {
		*is_right = expected_is(match, answer, text, question->arena);
		return OK;
	}
	if (expected == JSON_NONE || !json_is(doc, expected, JSON_ARRAY)) {
		error_set(err, "the line needs \"expected\": a text, or a list "
			       "of texts any of which will do");
		return FAILED;
	}
	json_for_each(doc, expected, item) {
		text = json_text(doc, item, question->arena);
		*is_right |= text.ptr &&
			     expected_is(match, answer, text, question->arena);
	}
	return OK;
}

/* Only what would be seen before an answer is let go counts. */
static void measure(const struct calibrating *c,
    const struct generated *generated, struct calibrate_row *row)
{
	struct sample_summary summary = {0};
	size_t n = generated->ids.len;

	if (c->hold > 0 && n > c->hold)
		n = (size_t)c->hold;
	for (size_t i = 0; i < n; i++)
		sample_summarise(&summary, &generated->choices[i]);
	confidence_features(&summary, row->features);
}

static struct calibrate_row *add_row(struct calibrating *c)
{
	if (c->n == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 256;
		c->rows = mem_realloc(c->rows, c->cap * sizeof(*c->rows));
		c->strong = mem_realloc(c->strong, c->cap * sizeof(*c->strong));
	}
	c->rows[c->n] = (struct calibrate_row){.is_right = false};
	return &c->rows[c->n++];
}

static enum result keep(struct calibrating *c,
    const struct lines_question *question, const struct generated *generated,
    struct error *err)
{
	const struct lines_range range = {"strong", 0, 1};
	double strong = c->strong_quality;
	struct calibrate_row *row;
	bool is_right;

	if (judge(question, buf_span(&generated->text), &is_right, err) != OK ||
	    lines_read_number(&question->doc, &range, &strong, err) != OK)
		return FAILED;
	row = add_row(c);
	row->is_right = is_right;
	c->strong[c->n - 1] = strong;
	measure(c, generated, row);
	return OK;
}

/* The row as it was answered, for who wants to look. */
static bool tell(const struct calibrating *c, const struct generated *generated)
{
	const struct calibrate_row *row = &c->rows[c->n - 1];
	struct buf out;
	bool ok;

	if (!c->told)
		return true;
	buf_init(&out, SIZE_MAX);
	ok = buf_append(&out, SPAN("{\"text\": ")) &&
	     json_write_string(&out, buf_span(&generated->text)) &&
	     buf_printf(&out, ", \"right\": %s, \"tokens\": %zu",
		 row->is_right ? "true" : "false", generated->ids.len);
	for (int i = 0; ok && i < CONFIDENCE_FEATURES; i++)
		ok = buf_printf(&out, ", \"%s\": %.5g", confidence_names[i],
		    row->features[i]);
	ok = ok && buf_append(&out, SPAN("}\n"));
	ok = ok && fwrite(buf_span(&out).ptr, 1, buf_len(&out), c->told) ==
		       buf_len(&out);
	buf_free(&out);
	return ok;
}

static enum result answer(void *arg, const struct lines_question *question,
    struct buf *out, struct error *err)
{
	struct calibrating *c = arg;
	struct generate_request request = c->request;
	struct generated generated;
	enum result result;

	(void)out;
	if (generate_line_read(&c->line, question, &request, err) != OK)
		return FAILED;
	result = generate(c->generator, &request, &generated, err);
	if (result == OK)
		result = keep(c, question, &generated, err);
	if (result == OK && !tell(c, &generated)) {
		error_set(err, "--rows: %s", strerror(errno));
		result = FAILED;
	}
	generated_free(&generated);
	if (isatty(STDERR_FILENO) && c->n % 10 == 0)
		fprintf(stderr, "\r%zu rows", c->n);
	return result;
}

/* --- the report --------------------------------------------------------- */

struct report {
	const struct calibrate_quality *quality;
	const struct cascade_row *rows; /* (n) */
	size_t n;
	struct cascade_cost cost;
	bool is_json;
};

static void print_json(const struct report *r)
{
	printf("{\"rows\": %zu, \"share_right\": %.4f, \"auroc\": %.4f, "
	       "\"ece\": %.4f, \"marks\": [",
	    r->n, r->quality->share_right, r->quality->auroc, r->quality->ece);
	for (int i = 5; i <= 9; i++) {
		struct cascade_point at =
		    cascade_at(r->rows, r->n, &r->cost, i / 10.0);

		printf("%s{\"below\": %.1f, \"escalated\": %.4f, \"quality\": "
		       "%.4f, \"by_lot\": %.4f, \"cost\": %.6g}",
		    i > 5 ? ", " : "", at.mark, at.share, at.quality, at.random,
		    at.cost);
	}
	printf("]}\n");
}

static void print_table(const struct report *r)
{
	printf("rows         %zu, right %.1f%%\n", r->n,
	    100 * r->quality->share_right);
	printf("AUROC        %.3f    (0.5 is guessing, 1 tells all apart)\n",
	    r->quality->auroc);
	printf("ECE          %.3f    (mean distance of chance and truth)\n\n",
	    r->quality->ece);
	printf("below   given up   kept and right   quality   by lot   cost\n");
	for (int i = 5; i <= 9; i++) {
		struct cascade_point at =
		    cascade_at(r->rows, r->n, &r->cost, i / 10.0);

		char kept[32] = "-";

		if (at.share < 1)
			snprintf(kept, sizeof(kept), "%.1f%%", 100 * at.kept);
		printf("%5.1f   %7.1f%%   %14s   %6.1f%%   %5.1f%%   %.6g\n",
		    at.mark, 100 * at.share, kept, 100 * at.quality,
		    100 * at.random, at.cost);
	}
}

static enum result write_file(
    const char *path, const struct buf *text, struct error *err)
{
	FILE *file = fopen(path, "w");
	struct span bytes = buf_span(text);
	bool ok = file && fwrite(bytes.ptr, 1, bytes.len, file) == bytes.len;

	if (file && fclose(file) != 0)
		ok = false;
	if (!ok)
		error_set(err, "%s: %s", path, strerror(errno));
	return ok ? OK : FAILED;
}

struct flags {
	const char *config, *data, *out, *plot, *rows;
	const char *hold, *max_tokens, *strong_quality, *local_cost,
	    *strong_cost;
	bool is_json;
};

static enum result report(struct calibrating *c, const struct flags *f,
    const struct cascade_cost *cost, struct error *err)
{
	struct cascade_row *rows = mem_alloc(c->n * sizeof(*rows) + 1);
	struct calibrate_quality quality;
	struct confidence_map map;
	enum result result;
	struct buf text;

	buf_init(&text, FILE_MAX_BYTES);
	result = calibrate_fit(c->rows, c->n, &map, &quality, err);
	if (result != OK)
		goto done;
	map.hold = (uint32_t)c->hold;
	for (size_t i = 0; i < c->n; i++)
		rows[i] = (struct cascade_row){
		    c->rows[i].chance, c->rows[i].is_right, c->strong[i]};
	if (f->out && (!calibrate_write(&map, &quality, c->n, &text) ||
			  write_file(f->out, &text, err) != OK))
		result = FAILED;
	buf_consume(&text, SIZE_MAX);
	if (result == OK && f->plot &&
	    (!cascade_plot(rows, c->n, cost, &text) ||
		write_file(f->plot, &text, err) != OK))
		result = FAILED;
	if (result == OK) {
		const struct report r = {
		    &quality, rows, c->n, *cost, f->is_json};

		(f->is_json ? print_json : print_table)(&r);
	}
done:
	buf_free(&text);
	free(rows);
	return result;
}

/* --- the command -------------------------------------------------------- */

static int answer_file(struct calibrating *c, const struct engine *engine,
    const struct flags *f, struct error *err)
{
	int fd = open(f->data, O_RDONLY | O_CLOEXEC);
	int status = EXIT_NO;

	if (fd < 0) {
		error_set(err, "%s: %s", f->data, strerror(errno));
		return EXIT_NO;
	}
	c->generator = generator_new(engine->checkpoint, err);
	c->told = f->rows ? fopen(f->rows, "w") : NULL;
	if (f->rows && !c->told) {
		error_set(err, "%s: %s", f->rows, strerror(errno));
	} else if (c->generator) {
		c->request.options.max_context = engine->context;
		generate_line_init(&c->line, engine->checkpoint);
		status = lines_run(&(struct lines){
		    .answer = answer, .arg = c, .is_plain = true, .fd = fd});
		generate_line_free(&c->line);
		error_set(err, "lines of %s could not be answered", f->data);
	}
	if (c->told && fclose(c->told) != 0 && status == EXIT_DONE) {
		error_set(err, "%s: %s", f->rows, strerror(errno));
		status = EXIT_NO;
	}
	generator_free(&c->generator);
	close(fd);
	return status;
}

static bool read_flags(const struct command *command, const struct flags *f,
    struct calibrating *c, struct cascade_cost *cost)
{
	uint64_t max_tokens = TOKENS_DEFAULT;
	const struct engine_number hold = {
	    command, "--hold", f->hold, 0, ROUTER_HOLD_MAX};
	const struct engine_number tokens = {
	    command, "--max-tokens", f->max_tokens, 1, 1 << 20};
	const struct engine_number quality = {
	    command, "--strong-quality", f->strong_quality, 0, 1};
	const struct engine_number local = {
	    command, "--local-cost", f->local_cost, 0, 1e9};
	const struct engine_number strong = {
	    command, "--strong-cost", f->strong_cost, 0, 1e9};

	c->hold = HOLD_DEFAULT;
	c->strong_quality = 1;
	*cost = (struct cascade_cost){0, 1};
	if (!engine_whole(&hold, &c->hold) ||
	    !engine_whole(&tokens, &max_tokens) ||
	    !engine_real(&quality, &c->strong_quality) ||
	    !engine_real(&local, &cost->local) ||
	    !engine_real(&strong, &cost->strong))
		return false;
	c->request.options.max_tokens = (uint32_t)max_tokens;
	return true;
}

/* The checkpoint of a local model by its name in a configuration; malloc'ed. */
static char *find_checkpoint(
    const char *file, const char *name, struct error *err)
{
	struct mistakes *mistakes = mistakes_new();
	struct config *config = config_load(file, config_environment, mistakes);
	const struct config_model *model = NULL;
	char *path = NULL;
	size_t at;

	if (config) {
		at = config_find_model(config, span_of(name));
		model = at == SIZE_MAX ? NULL : &config->models[at];
	}
	if (!config)
		error_set(err, "%s", mistakes_line(mistakes, 0));
	else if (!model || !model->local)
		error_set(
		    err, "%s: no local model is called \"%s\"", file, name);
	else
		path = mem_strdup(model->local->path);
	config_unref(&config);
	mistakes_free(&mistakes);
	return path;
}

static int open_model(struct engine *engine, const struct command *command,
    const struct engine_args *args, const struct flags *f)
{
	struct engine_args named = *args;
	struct error err;
	char *path;
	int status;

	if (!f->config || !args->model)
		return engine_open_decoder(
		    engine, command, args, CHECKPOINT_CHAT);
	path = find_checkpoint(f->config, args->model, &err);
	if (!path)
		return engine_refuse(command, &err);
	named.model = path;
	status = engine_open_decoder(engine, command, &named, CHECKPOINT_CHAT);
	free(path);
	return status;
}

static int calibrate(const struct command *command,
    const struct engine_args *args, const struct flags *f)
{
	struct calibrating c = {.hold = 0};
	struct cascade_cost cost;
	struct engine engine;
	struct error err;
	int status;

	if (!f->data)
		return command_misused(command, "--data FILE is missing");
	if (!read_flags(command, f, &c, &cost))
		return EXIT_USAGE;
	status = open_model(&engine, command, args, f);
	if (status != EXIT_DONE)
		return status;
	status = answer_file(&c, &engine, f, &err);
	if (status == EXIT_DONE && report(&c, f, &cost, &err) != OK)
		status = EXIT_NO;
	if (status != EXIT_DONE)
		(void)engine_refuse(command, &err);
	free(c.rows);
	free(c.strong);
	engine_close(&engine);
	return status;
}

static int run(const struct command *command, int argc, char **argv)
{
	struct engine_args args = {.model = NULL};
	struct flags f = {.config = NULL};
	const struct command_option options[] = {
	    ENGINE_OPTIONS(args),
	    {"--config", &f.config, NULL},
	    {"--data", &f.data, NULL},
	    {"--out", &f.out, NULL},
	    {"--plot", &f.plot, NULL},
	    {"--rows", &f.rows, NULL},
	    {"--hold", &f.hold, NULL},
	    {"--max-tokens", &f.max_tokens, NULL},
	    {"--strong-quality", &f.strong_quality, NULL},
	    {"--local-cost", &f.local_cost, NULL},
	    {"--strong-cost", &f.strong_cost, NULL},
	    {"--json", NULL, &f.is_json},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};

	if (!command_read(&line, argc, argv))
		return line.status;
	return calibrate(command, &args, &f);
}

const struct command command_calibrate = {
    .name = "calibrate",
    .summary = "fit the chance that a local answer is right",
    .help =
	"sluice calibrate --model MODEL --data FILE [--config FILE] [--hold "
	"N] [--max-tokens N]\n                 [--out FILE] [--plot FILE.svg] "
	"[--rows FILE] [--json]\n\n"
	"Answers each line of FILE, {\"prompt\" or \"messages\", \"expected\": "
	"\"text\" or [\"texts\"],\n\"match\": "
	"\"contains|exact|starts|number|verbatim\", \"strong\"?: 0..1}, and "
	"fits the chance\nthat an answer is right to how sure the model was "
	"of its first tokens. Prints AUROC,\nECE and, for five marks, what "
	"giving unsure answers up to a stronger model brings.\n\n" ENGINE_HELP
	"    --config FILE   MODEL is the name of a local model in it\n"
	"    --data FILE     JSON Lines, 50 at least\n"
	"    --hold N        tokens looked at, as in a policy's escalate (48); "
	"0: all\n"
	"    --max-tokens N  tokens of an answer (64)\n"
	"    --out FILE      the calibration, for `calibration:` of a local "
	"model\n"
	"    --plot FILE.svg quality by share given up\n"
	"    --rows FILE     each line's answer and features\n"
	"    --strong-quality Q  of the other model where a line has no "
	"\"strong\" (1)\n"
	"    --local-cost C, --strong-cost C\n"
	"                    of one answer, in any unit (0 and 1)\n"
	"    --json          the report as JSON\n\n"
	"Example: sluice calibrate --model SmolLM2-135M-Instruct.Q4_1.gguf "
	"--data sums.jsonl \\\n             --out sums.calibration.json --plot "
	"sums.svg\n",
    .computes = true,
    .run = run,
};
