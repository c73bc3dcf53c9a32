/* generate.h -- writes texts: the loop from a prompt to its answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GENERATE_H
#define LOCAL_GENERATE_H

#include "local/checkpoint.h"
#include "local/sample.h"

/*
 * A generator feeds a prompt's tokens to a checkpoint's model and then token
 * after token of its own choice, until the model ends the text, a stop string
 * stands in it, or a limit is reached. Ends of text are all that the
 * checkpoint names: config.json, generation_config.json or GGUF's keys, the
 * tokenizer, and what its chat template puts behind an answer. Without a
 * tokenizer there are tokens and no text.
 */
struct generator;
struct grammar; /* local/grammar.h */

/* The checkpoint, opened whole, must outlive the generator. */
struct generator *generator_new(
    const struct checkpoint *checkpoint, struct error *err) must_check;
void generator_free(struct generator **generator);

/* Every id that ends a text, (*n) of them, borrowed. */
const uint32_t *generator_ends(const struct generator *generator, size_t *n);

#define GENERATE_STOPS_MAX 16
#define GENERATE_STOP_LEN_MAX 1024 /* bytes */

struct generate_options {
	struct sample_options sample;
	uint32_t max_tokens;      /* to write, at least 1 */
	uint32_t max_context;     /* prompt and answer; 0: the model's */
	const struct span *stops; /* (n_stops) at most GENERATE_STOPS_MAX */
	size_t n_stops;
};

/* Told the answer's text as it comes: whole UTF-8, nothing of a stop string. */
typedef void (*generate_piece_fn)(void *arg, struct span piece);

struct generate_watch {
	generate_piece_fn fn; /* NULL: nobody */
	void *arg;
};

enum generate_end {
	GENERATE_STOP,   /* the model ended it, a stop string did, or the
			    grammar is complete */
	GENERATE_LENGTH, /* max_tokens or the context */
};

/* An answer, the caller's; generated_free drops what it holds. */
struct generated {
	struct buf text;      /* without special tokens and stop strings */
	struct token_buf ids; /* what gave text; not what ended it */
	struct sample_choice *choices; /* (ids.len) */
	size_t cap;
	struct sample_summary summary; /* of the choices that a grammar left */
	enum generate_end end;
	uint32_t prompt_tokens;
};

void generated_free(struct generated *generated);

/*
 * Puts what the generation_config.json of the checkpoint at <path> suggests for
 * sampling in the place of <sample>'s values: temperature, top_p, min_p, top_k,
 * repetition_penalty, and temperature 0 where "do_sample" is false. AGAIN with
 * <err> when there is no such file (a GGUF file has none), FAILED with the file
 * and the key named when it is damaged.
 */
enum result generate_suggested(const char *path, struct sample_options *sample,
    struct error *err) must_check;

/* What is to be answered. */
struct generate_request {
	const uint32_t *prompt; /* (n) */
	size_t n;
	struct generate_options options;
	struct grammar *grammar;   /* that the answer is held to, borrowed;
				      NULL: free text */
	struct span grammar_after; /* text after which it begins; empty: at
				      once */
	struct generate_watch watch;
};

/*
 * Answers <request> into <out>, which is empty. FAILED when an option is out
 * of range, when the prompt is empty or leaves no room in the context, when the
 * vocabulary cannot write what the grammar asks for, or when memory for keys
 * and values runs out; <out> is then still to be freed.
 */
enum result generate(struct generator *generator,
    const struct generate_request *request, struct generated *out,
    struct error *err) must_check;

#endif
