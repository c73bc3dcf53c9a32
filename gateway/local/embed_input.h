/* embed_input.h -- what a request for vectors asks, as tokens. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_EMBED_INPUT_H
#define GATEWAY_LOCAL_EMBED_INPUT_H

#include "dialect/dialect.h"
#include "gateway/local/encoder_text.h"
#include "gateway/local/models.h"

/*
 * The texts of a request to /v1/embeddings are read some at a time, so that a
 * loop can do it in turns; a single text that is long is not for a loop at all
 * (embed_input_is_long). A text is cut where the checkpoint says how long texts
 * are to be; past the model's context it is refused. No I/O and no clock.
 */
enum {
	EMBED_TEXTS_MAX = 2048, /* as OpenAI has it */
};

/* What it is made from; borrowed. */
struct embed_source {
	const struct dialect_request *request;
	const struct local_parts *parts; /* the model must outlive the input */
	const char *name;                /* as configured, for messages */
};

struct embed_input {
	struct embed_source source; /* needed until all is read */
	struct arena arena;         /* decoded texts */
	struct encoder_text encoder;
	uint32_t list; /* of texts, or JSON_NONE: it is one */
	uint32_t item; /* to be read next, or JSON_NONE */

	bool is_base64;
	uint32_t dimensions; /* of a vector as it is sent */
	struct token_buf ids;
	size_t ends[EMBED_TEXTS_MAX]; /* (n_texts) where each text's ids end */
	uint32_t n_texts;

	/* A 400, once something was refused: */
	const char *code, *param;
	char message[400];
};

/* Whether a text of the request has more than <bytes> as it stands there. */
bool embed_input_is_long(const struct dialect_request *request, size_t bytes);

struct embed_input *embed_input_new(const struct embed_source *source);
void embed_input_free(struct embed_input **input);

/* What is asked for, before any text. FAILED: refused. */
enum result embed_input_begin(struct embed_input *input) must_check;

/* The next texts, until <bytes> are read. OK: all are. FAILED: refused. */
enum result embed_input_read(
    struct embed_input *input, size_t bytes) must_check;

#endif
