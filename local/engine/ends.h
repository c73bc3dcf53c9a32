/* ends.h -- every token that ends a text. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_ENDS_H
#define LOCAL_ENGINE_ENDS_H

#include "local/checkpoint.h"

/*
 * Checkpoints name their ends in several places that disagree: config.json,
 * generation_config.json or GGUF's keys, the tokenizer, and what the chat
 * template puts behind an answer. Any of them ends a text.
 */
#define ENDS_MAX 32

struct ends {
	uint32_t ids[ENDS_MAX]; /* (n) */
	size_t n;
};

/* All that <checkpoint> names; the first ENDS_MAX of them count. */
struct ends ends_collect(const struct checkpoint *checkpoint);

bool ends_have(const struct ends *ends, uint32_t id);

#endif
