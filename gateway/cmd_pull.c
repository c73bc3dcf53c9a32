/* cmd_pull.c -- sluice pull: fetches a model from a hub. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>

#include "gateway/engine.h"
#include "gateway/pull/pull.h"

#define TIMEOUT_MAX 3600
#define TRIES_MAX 100

static int fetch(
    const struct command *command, const struct pull_options *options)
{
	struct error err;
	char *path;

	if (pull_run(options, &path, &err) != OK)
		return engine_refuse(command, &err);
	puts(path);
	free(path);
	return EXIT_DONE;
}

static int run(const struct command *command, int argc, char **argv)
{
	const char *to = NULL, *timeout_text = NULL, *tries_text = NULL;
	uint64_t timeout = 30, tries = 5;
	struct pull_options pull = {
	    .endpoint = getenv("HF_ENDPOINT"),
	    .token = getenv("HF_TOKEN"),
	};
	const struct command_option options[] = {
	    {"--to", &to, NULL},
	    {"--timeout", &timeout_text, NULL},
	    {"--tries", &tries_text, NULL},
	};
	struct command_line line = {
	    .command = command,
	    .options = options,
	    .n = sizeof(options) / sizeof(options[0]),
	    .rest_max = 1,
	};

	if (!command_read(&line, argc, argv))
		return line.status;
	if (!line.n_rest)
		return command_misused(command, "NAME is missing");
	if (!pull_is_name(line.rest[0]))
		return command_misused(command,
		    "\"%s\" is not hf:owner/name[@revision][:file]",
		    line.rest[0]);
	if (to && !*to)
		return command_misused(command, "--to needs a folder");
	if (!engine_whole(&(struct engine_number){command, "--timeout",
			      timeout_text, 1, TIMEOUT_MAX},
		&timeout) ||
	    !engine_whole(&(struct engine_number){command, "--tries",
			      tries_text, 1, TRIES_MAX},
		&tries))
		return EXIT_USAGE;
	pull.name = line.rest[0];
	pull.to = to;
	pull.timeout_ns = (int64_t)timeout * NS_PER_S;
	pull.tries = (unsigned)tries;
	return fetch(command, &pull);
}

const struct command command_pull = {
    .name = "pull",
    .summary = "fetches an open-weight model from a hub into the cache",
    .help =
	"sluice pull NAME [--to DIR] [--timeout SECONDS] [--tries N]\n\n"
	"NAME is hf:owner/name[@revision][:file]. Without a file it fetches "
	"what the engine reads:\nconfiguration, tokenizer, template, licence "
	"and safetensors weights, else the one GGUF file.\nA pull that was cut "
	"goes on where it ended; sizes and SHA-256 are checked. The path to\n"
	"open the model by is printed; --model hf:owner/name finds it too.\n\n"
	"    --to DIR           puts the files there instead of into the "
	"cache\n"
	"    --timeout SECONDS  of a connection and of a silence (30)\n"
	"    --tries N          in a row without progress, for each file (5)\n"
	"\n"
	"HF_ENDPOINT is another hub, HF_TOKEN a token for private and gated "
	"models, SLUICE_CACHE\nanother cache than ~/.cache/sluice.\n\n"
	"Example: sluice pull hf:HuggingFaceTB/SmolLM2-135M-Instruct\n",
    .run = run,
};
