/* pull_choose.h -- which of a repository's files the engine reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_PULL_PULL_CHOOSE_H
#define GATEWAY_PULL_PULL_CHOOSE_H

#include "gateway/pull/pull_listing.h"

#define PULL_FILES_MAX 2000 /* of one pull */
#define PULL_INDEX "model.safetensors.index.json"

/*
 * Without a file in the name: configuration, tokenizer, template, licence, and
 * the weights as safetensors, the plain ones where there are several kinds;
 * else the one GGUF file. Pickled weights (.bin, .pt) never: they are programs.
 * Weights in shards are named by their index, which is fetched first.
 */
struct pull_choice {
	const struct pull_entry **files; /* (n), of the listing; its arena's */
	size_t n;
	const char *open; /* "." or the file that a model is opened by */
	bool has_index;   /* pull_choose_shards says the rest */
	size_t n_gguf;    /* FAILED: so many .gguf files to choose from */
};

/* FAILED with why, and what there is instead. <file> "": none is named. */
enum result pull_choose(struct pull_listing *listing, const char *file,
    struct pull_choice *choice, struct error *err) must_check;

/* Replaces the files by the shards that <index>, the JSON, names. */
enum result pull_choose_shards(struct pull_listing *listing, struct span index,
    struct pull_choice *choice, struct error *err) must_check;

/* Whether <path> ends with ".gguf", in any case. */
bool pull_is_gguf(const char *path);

#endif
