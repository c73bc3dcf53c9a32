/* engine.c -- what the engine's commands share: options, opening, numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/engine.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "gateway/loading.h"
#include "gateway/pull/pull.h"

#define THREADS_MAX 512
#define CONTEXT_MAX (1 << 28)
#define KV_LEAST ((uint64_t)64 << 20) /* where the machine has no room left */

static bool refuse_number(const struct engine_number *n, const char *kind)
{
	(void)command_misused(n->command,
	    "%s must be a %snumber from %.15g to %.15g, got \"%s\"", n->name,
	    kind, n->min, n->max, n->text);
	return false;
}

bool engine_whole(const struct engine_number *n, uint64_t *out)
{
	uint64_t value;

	if (!n->text)
		return true;
	if (!span_to_u64(span_of(n->text), &value) || (double)value < n->min ||
	    (double)value > n->max)
		return refuse_number(n, "whole ");
	*out = value;
	return true;
}

bool engine_real(const struct engine_number *n, double *out)
{
	double value;
	char *end;

	if (!n->text)
		return true;
	value = strtod(n->text, &end);
	if (end == n->text || *end || !(value >= n->min && value <= n->max))
		return refuse_number(n, "");
	*out = value;
	return true;
}

int engine_refuse(const struct command *command, const struct error *err)
{
	fprintf(stderr, "sluice %s: %s\n", command->name, err->text);
	return EXIT_NO;
}

static double mebibytes(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

/*
 * How long a text may be: what was asked for must fit, or is refused before
 * anything is computed; else what fits.
 */
static enum result find_context(
    struct engine *e, const struct engine_args *args, struct error *err)
{
	struct model *model = checkpoint_model(e->checkpoint);
	struct model_info info = model_info(model);
	struct card_needs needs = card_needs(model, &e->machine);
	uint64_t asked = e->context;

	model_limit_kv(model, needs.left > KV_LEAST ? needs.left : KV_LEAST);
	e->context = info.context;
	if (!args->context) {
		if (!info.is_encoder && needs.fits < info.context)
			fprintf(stderr,
			    "note: %u of the context's %u tokens fit into "
			    "memory\n",
			    needs.fits, info.context);
		return OK;
	}
	if (asked > info.context) {
		error_set(err,
		    "--context %llu: the model's context is %u tokens",
		    (unsigned long long)asked, info.context);
		return FAILED;
	}
	if (asked > needs.fits) {
		error_set(err,
		    "--context %llu: its keys and values take %.0f MiB, "
		    "there are %.0f MiB for them: %u tokens fit",
		    (unsigned long long)asked,
		    mebibytes(model_kv_bytes(model, (uint32_t)asked)),
		    mebibytes(needs.left), needs.fits);
		return FAILED;
	}
	e->context = (uint32_t)asked;
	return OK;
}

char *engine_path(const char *model, struct error *err)
{
	return pull_is_name(model) ? pull_resolve(model, err)
				   : mem_strdup(model);
}

static enum result open_checkpoint(struct engine *e,
    const struct engine_args *args, unsigned parts, struct error *err)
{
	char *path = engine_path(args->model, err);
	struct model_options model = {
	    .threads = e->threads,
	    .is_exact = args->is_exact,
	    .shortens = args->is_int8,
	};
	struct loading loading;
	struct checkpoint_options options = {
	    .parts = parts,
	    .model = &model,
	    .stage = loading_stage,
	    .arg = &loading,
	};

	if (!path)
		return FAILED;
	loading_start(&loading, args->model);
	e->checkpoint = checkpoint_open(path, &options, err);
	loading_stop(&loading);
	free(path);
	return e->checkpoint ? OK : FAILED;
}

int engine_open(struct engine *e, const struct command *command,
    const struct engine_args *args, unsigned parts)
{
	uint64_t threads, context = 0;
	struct error err;

	*e = (struct engine){.machine = machine_read()};
	threads = e->machine.threads;
	if (!args->model)
		return command_misused(command, "--model MODEL is missing");
	if (args->is_exact && args->is_int8)
		return command_misused(
		    command, "--exact and --int8 exclude each other");
	if (!engine_whole(&(struct engine_number){command, "--threads",
			      args->threads, 1, THREADS_MAX},
		&threads) ||
	    !engine_whole(&(struct engine_number){command, "--context",
			      args->context, 1, CONTEXT_MAX},
		&context))
		return EXIT_USAGE;
	e->threads = (uint32_t)threads;
	e->context = (uint32_t)context;
	if (open_checkpoint(e, args, parts, &err) != OK)
		return engine_refuse(command, &err);
	if ((parts & CHECKPOINT_MODEL) && find_context(e, args, &err) != OK) {
		engine_close(e);
		return engine_refuse(command, &err);
	}
	return EXIT_DONE;
}

int engine_open_decoder(struct engine *e, const struct command *command,
    const struct engine_args *args, unsigned parts)
{
	int status = engine_open(e, command, args,
	    parts | CHECKPOINT_TOKENIZER | CHECKPOINT_MODEL | CHECKPOINT_BARE);
	struct error err;

	if (status != EXIT_DONE ||
	    !model_info(checkpoint_model(e->checkpoint)).is_encoder)
		return status;
	error_set(
	    &err, "%s: is an encoder: it embeds and classifies", args->model);
	engine_close(e);
	return engine_refuse(command, &err);
}

void engine_close(struct engine *e)
{
	checkpoint_close(&e->checkpoint);
}
