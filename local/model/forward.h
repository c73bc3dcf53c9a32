/* forward.h -- the one forward pass that all families share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_FORWARD_H
#define LOCAL_MODEL_FORWARD_H

#include "local/cpu/cpu.h"

/*
 * A batch of rows, tokens of one or several sequences, goes through the layers
 * together. For each layer the rows' keys and values are stored before any of
 * them attends, so that a batch may hold a whole prompt, part of one, or one
 * token each of many sequences. The buffers belong to one thread at a time.
 */
struct forward;

struct forward *forward_new(const struct parts *parts, struct cpu *cpu);
void forward_free(struct forward **forward);

/* What each kind of layer needs to store, halves if so wanted: see kv.h. */
void forward_shapes(const struct parts *parts, bool wants_halves,
    struct kv_shape shapes[KV_GROUPS]);

/*
 * Computes <n> rows whose sequences have grown to hold them, ids and positions
 * checked. Returns the hidden states after the last norm, (n, hidden), valid
 * until the next call.
 */
const float *forward_run(
    struct forward *forward, const struct row *rows, uint32_t n);

/* Logits (n, vocab) of hidden states (n, hidden). */
void forward_head(
    struct forward *forward, const float *hidden, uint32_t n, float *logits);

/* The classifier's logits (n_labels) of a pooled state (hidden). */
void forward_classify(
    struct forward *forward, const float *pooled, float *logits);

#endif
