/* needs.h -- what a model takes of the machine, counted beforehand. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_NEEDS_H
#define LOCAL_MODEL_NEEDS_H

#include "local/model/parts.h"

/*
 * Bytes that computing takes once, beside the mapped files and the keys and
 * values: the rows of <chunk> tokens on their way through the layers, logits,
 * and what the sampler keeps of each token of the vocabulary.
 */
uint64_t needs_fixed(const struct parts *parts, uint32_t chunk);

/* Bytes of weights that one token's way through all layers reads. */
uint64_t needs_step(const struct parts *parts);

#endif
