/* card.h -- what a checkpoint is, for people, and what it needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_CARD_H
#define LOCAL_CARD_H

#include "local/model.h"

/*
 * A card tells of a checkpoint before anything is computed: its name and
 * licence, which types its weights have, and whether its memory is there. The
 * model may be one that was opened as a plan only.
 */
#define CARD_TYPES_MAX 32

struct card_type {
	struct span name; /* as the file calls it */
	bool is_weight;   /* false: ids and the like, or nothing known */
	uint64_t tensors, parameters, bytes;
};

struct card {
	char name[128];    /* the file's, or that of the directory */
	char licence[128]; /* "" where none is said */
	struct card_type types[CARD_TYPES_MAX]; /* (n_types), largest first */
	size_t n_types;
};

/* Reads it; <path> is what the model was opened with. */
void card_read(struct card *card, const char *path, const struct model *model);

/* This machine, as far as this process may use it. */
struct machine {
	uint64_t memory;    /* bytes */
	uint64_t available; /* bytes that nobody needs now */
	uint32_t threads;   /* processors that it may run on */
};
struct machine machine_read(void);

/* What a model needs of a machine. */
struct card_needs {
	uint64_t weights;  /* mapped files: memory that can be taken back */
	uint64_t fixed;    /* taken once */
	uint64_t thousand; /* keys and values of 1,000 tokens */
	uint64_t left;     /* of the available memory, after the first two */
	uint32_t fits;     /* tokens whose keys and values that holds, at most
			      the context */
	bool weights_fit;
};
struct card_needs card_needs(
    const struct model *model, const struct machine *machine);

#endif
