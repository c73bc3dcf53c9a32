/* cmd_model.c -- sluice model: what a checkpoint is and what it needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/engine.h"
#include "gateway/pull/pull.h"

struct about {
	const char *path;
	struct model_info info;
	struct card card;
	struct machine machine;
	struct card_needs needs;
	struct checkpoint *text; /* tokenizer and template, or NULL: why */
	struct error why;
};

static double mebibytes(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static bool has_chat(const struct about *a)
{
	return a->text && checkpoint_chat(a->text);
}

static void print_types(const struct card *card)
{
	for (size_t i = 0; i < card->n_types; i++) {
		const struct card_type *t = &card->types[i];

		printf("%-12s%.*s: %llu tensors, %.2f million values, %.1f "
		       "MiB%s\n",
		    i ? "" : "weights", SPAN_FMT(t->name),
		    (unsigned long long)t->tensors, (double)t->parameters / 1e6,
		    mebibytes(t->bytes), t->is_weight ? "" : " (not read)");
	}
}

static void print_needs(const struct about *a)
{
	const struct card_needs *n = &a->needs;

	printf("memory      %.1f MiB of files (mapped), %.1f MiB for "
	       "computing",
	    mebibytes(n->weights), mebibytes(n->fixed - a->info.packed_bytes));
	if (!a->info.is_encoder)
		printf(", %.1f MiB for the keys and values of 1,000 tokens",
		    mebibytes(n->thousand));
	if (a->info.packed_bytes)
		printf("\npacked      %.1f MiB of weights laid out anew for "
		       "this machine, in place of the files' pages",
		    mebibytes(a->info.packed_bytes));
	printf("\nmachine     %.0f MiB of memory, %.0f MiB available, %u "
	       "threads\n",
	    mebibytes(a->machine.memory), mebibytes(a->machine.available),
	    a->machine.threads);
	if (!n->weights_fit)
		printf("fits        no: the files alone need %.0f MiB more "
		       "than is available\n",
		    mebibytes(n->weights + n->fixed - a->machine.available));
	else if (n->fits < a->info.context)
		printf("fits        %u of %u tokens of context\n", n->fits,
		    a->info.context);
	else
		printf("fits        the whole context\n");
}

static void print_labels(const struct model_info *info)
{
	printf("labels      %u", info->n_labels);
	for (uint32_t i = 0; info->labels && i < info->n_labels && i < 8; i++)
		printf("%s%.*s", i ? ", " : ": ", SPAN_FMT(info->labels[i]));
	printf("%s\n", info->labels && info->n_labels > 8 ? " ..." : "");
}

static void print_text(const struct about *a)
{
	const struct model_info *info = &a->info;

	printf("name        %s\n", a->card.name);
	printf("licence     %s\n",
	    a->card.licence[0] ? a->card.licence : "not said");
	printf("family      %.*s, %s\n", SPAN_FMT(info->family),
	    info->is_encoder ? "an encoder" : "a language model");
	printf("parameters  %.2f million\n", (double)info->parameters / 1e6);
	printf("shape       %u layers of width %u, %u heads (%u of keys and "
	       "values) of %u\n",
	    info->n_layers, info->hidden, info->n_heads, info->n_kv_heads,
	    info->head_dim);
	printf("vocabulary  %u tokens\n", info->vocab);
	printf("context     %u tokens\n", info->context);
	if (info->n_labels)
		print_labels(info);
	print_types(&a->card);
	if (a->text)
		printf("tokenizer   %u tokens; chat template: %s\n",
		    tokenizer_vocab_size(checkpoint_tokenizer(a->text)),
		    has_chat(a) ? "yes" : "none");
	else
		printf("tokenizer   not usable: %s\n", a->why.text);
	print_needs(a);
}

static bool write_types(const struct card *card, struct buf *out)
{
	bool ok = buf_append(out, SPAN(", \"weights\": ["));

	for (size_t i = 0; ok && i < card->n_types; i++) {
		const struct card_type *t = &card->types[i];

		ok = buf_append(out,
			 i ? SPAN(", {\"type\": ") : SPAN("{\"type\": ")) &&
		     json_write_string(out, t->name) &&
		     buf_printf(out,
			 ", \"tensors\": %llu, \"values\": %llu, "
			 "\"bytes\": %llu}",
			 (unsigned long long)t->tensors,
			 (unsigned long long)t->parameters,
			 (unsigned long long)t->bytes);
	}
	return ok && buf_append(out, SPAN("]"));
}

static bool write_labels(const struct model_info *info, struct buf *out)
{
	bool ok = buf_append(out, SPAN(", \"labels\": ["));

	for (uint32_t i = 0; ok && info->labels && i < info->n_labels; i++)
		ok = buf_append(out, i ? SPAN(", ") : SPAN("")) &&
		     json_write_string(out, info->labels[i]);
	return ok && buf_append(out, SPAN("]"));
}

static bool write_needs(const struct about *a, struct buf *out)
{
	const struct card_needs *n = &a->needs;

	return buf_printf(out,
	    ", \"memory\": {\"files_bytes\": %llu, \"computing_bytes\": %llu, "
	    "\"packed_bytes\": %llu, "
	    "\"kv_1000_tokens_bytes\": %llu, \"machine_bytes\": %llu, "
	    "\"available_bytes\": %llu, \"weights_fit\": %s, "
	    "\"context_that_fits\": %u}",
	    (unsigned long long)n->weights, (unsigned long long)n->fixed,
	    (unsigned long long)a->info.packed_bytes,
	    (unsigned long long)n->thousand,
	    (unsigned long long)a->machine.memory,
	    (unsigned long long)a->machine.available,
	    n->weights_fit ? "true" : "false", n->fits);
}

static bool write_tokenizer(const struct about *a, struct buf *out)
{
	if (!a->text)
		return buf_append(out, SPAN(", \"tokenizer_error\": ")) &&
		       json_write_string(out, span_of(a->why.text));
	return buf_printf(out,
	    ", \"tokenizer_tokens\": %u, "
	    "\"chat_template\": %s",
	    tokenizer_vocab_size(checkpoint_tokenizer(a->text)),
	    has_chat(a) ? "true" : "false");
}

static bool write_json(const struct about *a, struct buf *out)
{
	const struct model_info *info = &a->info;

	return buf_append(out, SPAN("{\"name\": ")) &&
	       json_write_string(out, span_of(a->card.name)) &&
	       buf_append(out, SPAN(", \"licence\": ")) &&
	       (a->card.licence[0]
		       ? json_write_string(out, span_of(a->card.licence))
		       : buf_append(out, SPAN("null"))) &&
	       buf_printf(out,
		   ", \"family\": \"%.*s\", \"is_encoder\": %s, "
		   "\"parameters\": %llu, \"layers\": %u, \"hidden\": %u, "
		   "\"heads\": %u, \"kv_heads\": %u, \"head_dim\": %u, "
		   "\"vocabulary\": %u, \"context\": %u",
		   SPAN_FMT(info->family), info->is_encoder ? "true" : "false",
		   (unsigned long long)info->parameters, info->n_layers,
		   info->hidden, info->n_heads, info->n_kv_heads,
		   info->head_dim, info->vocab, info->context) &&
	       (!info->n_labels || write_labels(info, out)) &&
	       write_types(&a->card, out) && write_tokenizer(a, out) &&
	       write_needs(a, out) && buf_append(out, SPAN("}\n"));
}

/* Opened to be told of only: nothing is allocated that a model needs. */
static struct checkpoint *open_plan(const char *path, struct error *err)
{
	static const struct model_options plan = {.is_plan = true};
	static const struct checkpoint_options options = {
	    .parts = CHECKPOINT_MODEL, .model = &plan};

	return checkpoint_open(path, &options, err);
}

/* A pulled model's folder is called as its commit: its own name says more. */
static void name_pulled(struct about *a, const char *asked)
{
	struct pull_name name;

	if (pull_is_name(asked) && pull_name_read(&name, asked, NULL) &&
	    pull_is_commit(span_of(a->card.name)))
		(void)snprintf(
		    a->card.name, sizeof(a->card.name), "%.127s", name.repo);
}

static int tell(const struct command *command, const char *path,
    const char *asked, bool is_json)
{
	static const struct checkpoint_options text = {
	    .parts = CHECKPOINT_TOKENIZER | CHECKPOINT_CHAT};
	struct about a = {.path = path, .machine = machine_read()};
	struct checkpoint *plan = open_plan(path, &a.why);
	struct model *model;
	struct buf out;

	if (!plan)
		return engine_refuse(command, &a.why);
	model = checkpoint_model(plan);
	a.info = model_info(model);
	a.needs = card_needs(model, &a.machine);
	card_read(&a.card, path, model);
	name_pulled(&a, asked);
	a.text = checkpoint_open(path, &text, &a.why);
	buf_init(&out, 16 << 20);
	if (!is_json)
		print_text(&a);
	else if (write_json(&a, &out))
		fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
	buf_free(&out);
	checkpoint_close(&a.text);
	checkpoint_close(&plan);
	return EXIT_DONE;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *model = NULL;
	bool is_json = false;
	struct error err;
	char *path;
	int status;
	const struct command_option options[] = {
	    {"--model", &model, NULL},
	    {"--json", NULL, &is_json},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .rest_max = 1,
	};

	if (!command_read(&line, argc, argv))
		return line.status;
	if (line.n_rest)
		model = line.rest[0];
	if (!model)
		return command_misused(command, "MODEL is missing");
	path = engine_path(model, &err);
	if (!path)
		return engine_refuse(command, &err);
	status = tell(command, path, model, is_json);
	free(path);
	return status;
}

const struct command command_model = {
    .name = "model",
    .summary = "what a checkpoint is, its licence, and what it needs",
    .help =
	"sluice model MODEL [--json]\n\n"
	"Tells what a Hugging Face directory or a .gguf file holds, its "
	"licence, the types of its\nweights, and the memory that it needs "
	"beside what this machine has: nothing is computed\nor allocated for "
	"it. Exit 1 when it is damaged or not supported, with the key or "
	"tensor\nnamed.\n\n"
	"Example: sluice model SmolLM2-135M-Instruct.Q4_1.gguf\n",
    .run = run,
};
