/* cmd_route.c -- sluice route: the decision for a request, calling nobody. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/command.h"
#include "gateway/files.h"
#include "gateway/local/probe.h"
#include "gateway/request.h"

enum {
	ARENA_MAX = 256 << 20,
	ANSWER_MAX = 16 << 20
};

/* Everything is fine and idle: a dry run knows no load. */
static void assume_idle(struct router_load *load, size_t n)
{
	for (size_t i = 0; i < n; i++)
		load[i] = (struct router_load){
		    .kv_free = 1.0,
		    .is_healthy = true,
		};
}

/* Which endpoint a body is for, by the member that only it has. */
static enum endpoint guess_endpoint(struct span body, struct arena *arena)
{
	struct json_fault fault;
	struct json_doc doc;

	if (!json_parse(body, arena, &doc, &fault))
		return ENDPOINT_CHAT;
	if (json_find(&doc, 0, SPAN("messages")) != JSON_NONE)
		return ENDPOINT_CHAT;
	if (json_find(&doc, 0, SPAN("input")) != JSON_NONE)
		return ENDPOINT_EMBEDDINGS;
	if (json_find(&doc, 0, SPAN("prompt")) != JSON_NONE)
		return ENDPOINT_COMPLETIONS;
	return ENDPOINT_CHAT;
}

static bool write_candidates(const struct config *config,
    const struct router_decision *decision, struct buf *out)
{
	bool ok = buf_append(out, SPAN(", \"candidates\": ["));

	for (size_t i = 0; ok && i < decision->n_candidates; i++) {
		const struct router_candidate *one = &decision->candidates[i];

		ok = buf_append(out,
			 i ? SPAN(", {\"model\": ") : SPAN("{\"model\": ")) &&
		     json_write_string(
			 out, span_of(config->models[one->model].name)) &&
		     buf_printf(out, ", \"eligible\": %s, ",
			 one->verdict == MODEL_IN ? "true" : "false");
		if (one->estimated_cost_nano == MONEY_UNPRICED)
			ok = ok &&
			     buf_append(out,
				 SPAN("\"estimated_cost_nano_usd\": null"));
		else
			ok = ok && buf_printf(out,
				       "\"estimated_cost_nano_usd\": %lld",
				       (long long)one->estimated_cost_nano);
		ok = ok && buf_append(out, SPAN(", \"reasons\": [")) &&
		     json_write_string(out, span_of(one->reason)) &&
		     buf_append(out, SPAN("]}"));
	}
	return ok && buf_append(out, SPAN("]"));
}

/* What classifiers said: a member of the features, where any was asked. */
static bool write_classes(const struct config *config,
    const struct router_class *classes, struct buf *out)
{
	bool is_first = true;
	bool ok = true;

	for (size_t i = 0; ok && i < config->n_models; i++) {
		if (!classes[i].label)
			continue;
		ok = buf_append(
			 out, is_first ? SPAN(", \"class\": {") : SPAN(", ")) &&
		     json_write_string(
			 out, span_of(config->models[i].local->class_name)) &&
		     buf_append(out, SPAN(": {\"label\": ")) &&
		     json_write_string(out, span_of(classes[i].label)) &&
		     buf_printf(out, ", \"score\": %.4f}", classes[i].score);
		is_first = false;
	}
	return ok && (is_first || buf_append(out, SPAN("}")));
}

static const char *truth(bool value)
{
	return value ? "true" : "false";
}

struct dry_run {
	const struct config *config;
	struct router_features features;
	struct router_class *classes; /* (n_models) */
	struct router_decision decision;
};

static bool write_decision(const struct dry_run *run, struct buf *out)
{
	const struct config *config = run->config;
	const struct router_decision *decision = &run->decision;
	const struct router_features *features = &run->features;
	size_t model = decision->candidates[0].model;
	bool ok = buf_append(out, SPAN("{\"model\": ")) &&
		  json_write_string(out, span_of(config->models[model].name)) &&
		  buf_append(out, SPAN(", \"rule\": ")) &&
		  json_write_string(out, span_of(decision->rule)) &&
		  buf_append(out, SPAN(", \"reasons\": ["));

	for (size_t i = 0; ok && i < decision->n_reasons; i++)
		ok = (i == 0 || buf_append(out, SPAN(", "))) &&
		     json_write_string(out, span_of(decision->reasons[i]));
	return ok && buf_append(out, SPAN("]")) &&
	       write_candidates(config, decision, out) &&
	       buf_printf(out,
		   ", \"features\": {\"tokens\": %lld, \"task\": \"%s\", "
		   "\"language\": \"%s\", \"tools\": %s, \"images\": %s, "
		   "\"json_schema\": %s, \"turns\": %lld, \"difficulty\": "
		   "%.3f",
		   (long long)features->tokens,
		   router_task_name(features->task), features->language,
		   truth(features->tools), truth(features->images),
		   truth(features->json_schema), (long long)features->turns,
		   features->difficulty) &&
	       write_classes(config, run->classes, out) &&
	       buf_append(out, SPAN("}}\n"));
}

static int print_error(const struct dialect_error *error, struct arena *arena)
{
	printf("%.*s\n", SPAN_FMT(dialect_write_error(error, arena)));
	return EXIT_NO;
}

/* What the classifiers that the policy reads say; that takes their loading. */
static bool ask_classifiers(const struct config *config,
    const struct router_input *input, struct arena *arena,
    struct router_class *classes)
{
	struct error err;

	for (size_t i = 0; i < config->n_models; i++) {
		const struct config_local *local = config->models[i].local;
		struct model_options options;
		struct checkpoint *checkpoint;
		enum result result = FAILED;

		if (!local || !local->class_name ||
		    !span_eq(input->model, SPAN("auto")) ||
		    !policy_reads_class(config->policy, i))
			continue;
		options = local_model_options(local, config->engine.threads);
		checkpoint = checkpoint_open(local->path,
		    &(struct checkpoint_options){
			.parts = CHECKPOINT_TOKENIZER | CHECKPOINT_MODEL,
			.model = &options,
		    },
		    &err);
		if (checkpoint)
			result = classes_ask(checkpoint, input->last_user,
			    arena, &classes[i], &err);
		checkpoint_close(&checkpoint);
		if (result == OK)
			continue;
		fprintf(stderr, "sluice route: %s: %s\n",
		    config->models[i].name, err.text);
		return false;
	}
	return true;
}

static int print_decision(const struct dry_run *run, struct arena *arena)
{
	const struct router_decision *decision = &run->decision;
	int status = EXIT_NO;
	struct buf out;

	if (decision->outcome != ROUTER_DECIDED)
		return print_error(
		    &(struct dialect_error){
			.message = decision->error_message,
			.type = "invalid_request_error",
			.param = decision->error_param,
			.code = decision->error_code,
		    },
		    arena);
	buf_init(&out, ANSWER_MAX);
	if (write_decision(run, &out)) {
		fwrite(buf_span(&out).ptr, 1, buf_len(&out), stdout);
		status = EXIT_DONE;
	}
	buf_free(&out);
	return status;
}

static int decide(const struct config *config, const struct config_key *key,
    const struct dialect_request *request, struct arena *arena)
{
	const struct router_caller caller = {
	    .name = key ? key->name : "",
	    .tags = key ? (const char *const *)key->tags : NULL,
	    .n_tags = key ? key->n_tags : 0,
	    .may_use = key ? key->may_use : NULL,
	    .may_auto = !key || key->may_auto,
	};
	struct router_load *load =
	    mem_zalloc((config->n_models + 1) * sizeof(*load));
	struct dry_run run = {.config = config};
	struct router_input input;
	int status = EXIT_NO;

	run.classes = mem_zalloc((config->n_models + 1) * sizeof(*run.classes));
	assume_idle(load, config->n_models);
	request_describe(request, &input);
	router_features(&input, arena, &run.features);
	if (!ask_classifiers(config, &input, arena, run.classes))
		goto out;
	router_decide(
	    &(struct router_question){
		.features = &run.features,
		.input = &input,
		.caller = &caller,
		.models = config->catalogue,
		.load = load,
		.n_models = config->n_models,
		.policy = config->policy,
		.classes = run.classes,
	    },
	    arena, &run.decision);
	status = print_decision(&run, arena);
out:
	free(run.classes);
	free(load);
	return status;
}

static int read_and_decide(
    const struct config *config, const struct config_key *key)
{
	struct dialect_refusal refusal = {0};
	struct dialect_request request;
	struct arena arena;
	struct error err;
	struct span body;
	int status;

	if (file_read("-", (size_t)config->limits.body, &body, &err) != OK) {
		fprintf(stderr, "sluice route: %s\n", err.text);
		return EXIT_NO;
	}
	arena_init(&arena, ARENA_MAX);
	if (dialect_read_request(
		guess_endpoint(body, &arena), body, &arena, &request, &refusal))
		status = decide(config, key, &request, &arena);
	else
		status = print_error(
		    &(struct dialect_error){
			.message = refusal.message,
			.type = "invalid_request_error",
			.param = refusal.param,
			.code = refusal.code,
		    },
		    &arena);
	arena_free(&arena);
	file_free(&body);
	return status;
}

static struct config *load(const char *file)
{
	struct mistakes *mistakes = mistakes_new();
	struct config *config = config_load(file, config_environment, mistakes);

	for (size_t i = 0; i < mistakes_count(mistakes); i++)
		fprintf(stderr, "%s\n", mistakes_line(mistakes, i));
	mistakes_free(&mistakes);
	return config;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *file = NULL, *key_name = NULL, *at = NULL;
	const struct command_option options[] = {
	    {"--config", &file, NULL},
	    {"--key", &key_name, NULL},
	    {"--at", &at, NULL},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	};
	const struct config_key *key = NULL;
	struct config *config;
	int64_t at_ns;
	int status;

	if (!command_read(&line, argc, argv))
		return line.status;
	if (!file)
		return command_misused(command, "--config FILE is missing");
	if (at && !clock_parse_utc(span_of(at), &at_ns))
		return command_misused(
		    command, "--at must be an RFC 3339 time, got \"%s\"", at);
	config = load(file);
	if (!config)
		return EXIT_NO;
	if (key_name)
		key = config_key_named(config, span_of(key_name));
	if (key_name && !key)
		status = command_misused(
		    command, "no key is named \"%s\"", key_name);
	else
		status = read_and_decide(config, key);
	config_unref(&config);
	return status;
}

const struct command command_route = {
    .name = "route",
    .summary = "print where a request would be answered, calling nobody",
    .help =
	"sluice route --config FILE [--key NAME] [--at RFC3339] < "
	"request.json\n\n"
	"Reads the body of a request and prints the decision with its reasons "
	"as JSON. One\nthat would be refused prints the error that HTTP would "
	"have given; exit 1. Every\nmodel is taken as healthy and idle; "
	"classifiers that the policy reads are asked.\n\n"
	"    --key NAME    as the key of that name; without it everything is "
	"allowed\n"
	"    --at RFC3339  as at that time; prices here do not depend on "
	"time yet\n\n"
	"Example: echo '{\"model\": \"auto\", \"messages\": [{\"role\": "
	"\"user\", \"content\": \"hi\"}]}' |\n         sluice route --config "
	"etc/sluice.yaml\n",
    .run = run,
};
