/* embed.h -- a request for vectors, answered by an encoder in this process. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_EMBED_H
#define GATEWAY_LOCAL_EMBED_H

#include "dialect/dialect.h"
#include "gateway/local/embed_input.h"
#include "gateway/local/models.h"
#include "net/net.h"

/*
 * Reads the texts of a request to /v1/embeddings, asks the encoder and writes
 * the answer's JSON, all of it piece by piece, so that a thousand texts do not
 * hold up the loop that they are read and written on.
 */
struct embed;

/* What the frame around it does; all but on_data end it. */
struct embed_handler {
	/* A piece of the 200's body. */
	void (*on_data)(void *arg, struct span bytes);
	void (*on_done)(void *arg);
	/* 400: the request cannot be answered as it is. */
	void (*on_refused)(void *arg, const struct dialect_error *error);
	/* The lane did not take it. */
	void (*on_not_taken)(
	    void *arg, const struct job_offer *offer, const struct error *err);
	void (*on_failed)(void *arg, enum job_end end, const char *detail);
};

struct embed_options {
	struct local_model *model; /* ready; a reference is taken */
	const char *name;          /* as configured; outlives it */
	struct embed_input *input; /* taken: begun or refused, perhaps read;
				      its request outlives it if not */
	struct span tenant;
	int priority;
	const struct embed_handler *handler;
	void *arg;
};

struct embed *embed_new(struct loop *loop, const struct embed_options *options);

/* Reads what is left of the texts and asks. May call the handler, which may
 * cancel. */
void embed_start(struct embed *embed);

/* Nothing is called any more. Sets NULL; NULL is fine. */
void embed_cancel(struct embed **embed);

/* While paused no on_data comes. */
void embed_pause(struct embed *embed);
void embed_resume(struct embed *embed);

/* Tokens that it read, and what its job used so far. */
void embed_use(const struct embed *embed, struct job_use *use);

#endif
