/* engine.h -- what the engine's commands share: options, opening, numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_ENGINE_H
#define GATEWAY_ENGINE_H

#include "gateway/command.h"
#include "local/local.h"

/* What every command that computes is told. */
struct engine_args {
	const char *model, *threads, *context;
	bool is_exact, is_int8;
};

/* Rows of a command's options; <a> is a struct engine_args. */
#define ENGINE_MODEL_OPTION(a)                                                 \
	{                                                                      \
		"--model", &(a).model, NULL                                    \
	}
#define ENGINE_OPTIONS(a)                                                      \
	ENGINE_MODEL_OPTION(a), {"--threads", &(a).threads, NULL},             \
	    {"--int8", NULL, &(a).is_int8},                                    \
	{                                                                      \
		"--exact", NULL, &(a).is_exact                                 \
	}

/* What is said of them in --help. */
#define ENGINE_HELP                                                            \
	"    --model MODEL   a Hugging Face directory, a .gguf file, or "      \
	"hf:owner/name as pulled\n"                                            \
	"    --threads N     threads of arithmetic (all processors)\n"         \
	"    --int8          products of eight bits: faster, and further "     \
	"from --exact\n"                                                       \
	"    --exact         plain F32 arithmetic: slow, what the rest is "    \
	"checked by\n"

/* An open checkpoint, and what this machine is. */
struct engine {
	struct checkpoint *checkpoint;
	struct machine machine;
	uint32_t threads;
	uint32_t context; /* tokens of a text: what was asked for, or fits */
};

/*
 * The path that <model> is opened by, malloc'ed: that of a pulled one for
 * hf:owner/name, else itself. NULL with what to do in <err>.
 */
char *engine_path(const char *model, struct error *err) must_check;

/*
 * Opens what <args> name with <parts> of enum checkpoint_part. EXIT_DONE, or
 * the status to end with, its reason said.
 */
int engine_open(struct engine *engine, const struct command *command,
    const struct engine_args *args, unsigned parts);
void engine_close(struct engine *engine);

/*
 * The same for a language model with its tokenizer, where it has one, and
 * <parts>; refuses an encoder.
 */
int engine_open_decoder(struct engine *engine, const struct command *command,
    const struct engine_args *args, unsigned parts);

/*
 * Reads <text>, the value of option <name>, into <out>, which keeps its value
 * where <text> is NULL. False when it is not a (whole) number from <min> to
 * <max>, which is said.
 */
struct engine_number {
	const struct command *command;
	const char *name, *text;
	double min, max;
};
bool engine_whole(const struct engine_number *number, uint64_t *out);
bool engine_real(const struct engine_number *number, double *out);

/* "sluice NAME: message" on standard error; returns EXIT_NO. */
int engine_refuse(const struct command *command, const struct error *err);

#endif
