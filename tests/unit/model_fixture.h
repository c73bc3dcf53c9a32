/* model_fixture.h -- the tiny checkpoints and what they must give. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_MODEL_FIXTURE_H
#define TESTS_UNIT_MODEL_FIXTURE_H

#include "local/model.h"
#include "local/weights/weights.h"

/*
 * tests/data/models/NAME/ was written by tools/make-model-goldens.py: a
 * checkpoint with random weights and, in golden.safetensors, what transformers
 * computes with it in F32.
 */

/* The path of a file below tests/data/models; a static buffer. */
const char *fixture_path(const char *name);

/* The golden answers of a checkpoint, and those of its tensors. */
struct weights *fixture_golden(const char *name);
const float *fixture_floats(const struct weights *golden, const char *name);

/* The whole numbers of a golden tensor, malloc'ed; their count in <n>. */
uint32_t *fixture_ids(
    const struct weights *golden, const char *name, uint32_t *n);

/* Opens a checkpoint that must open. */
struct model *fixture_model(
    const char *name, const struct model_options *options);

/* The largest absolute difference. */
double fixture_difference(const float *a, const float *b, size_t n);

/* Takes the logarithm of softmax of x (n) in place. */
void fixture_log_softmax(float *x, uint32_t n);

#endif
