/* needs.c -- what a model takes of the machine, counted beforehand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/needs.h"

#define HEAD_ROWS 16     /* rows of logits that are held at a time */
#define SAMPLER_BYTES 17 /* for each token of the vocabulary */
#define OPERAND_BYTES 3  /* for each value, of a faster kernel's copy */
#define VALUE sizeof(float)

uint64_t needs_fixed(const struct parts *parts, uint32_t chunk)
{
	const struct config *c = &parts->config;
	uint64_t q = (uint64_t)c->n_heads * c->head_dim;
	uint64_t kv = (uint64_t)c->n_kv_heads * c->head_dim;
	uint64_t widest = c->ff > q ? c->ff : q;
	uint64_t row = 3 * (uint64_t)c->hidden + 2 * q + 2 * kv +
		       2 * (uint64_t)c->ff + 2 * c->head_dim;
	uint64_t bytes = chunk * (row * VALUE + widest * OPERAND_BYTES);

	if (c->family->traits & TRAIT_ENCODER)
		return bytes;
	return bytes +
	       (uint64_t)c->vocab * ((HEAD_ROWS + 1) * VALUE + SAMPLER_BYTES);
}

static uint64_t bytes_of(const struct matrix *m)
{
	return m->data ? m->rows * m->row_bytes : 0;
}

uint64_t needs_step(const struct parts *parts)
{
	uint64_t sum = bytes_of(&parts->head);

	for (uint32_t i = 0; i < parts->config.n_layers; i++) {
		const struct layer *l = &parts->layers[i];
		const struct matrix *matrices[] = {
		    &l->q, &l->k, &l->v, &l->o, &l->gate, &l->up, &l->down};

		for (size_t k = 0; k < sizeof(matrices) / sizeof(*matrices);
		     k++)
			sum += bytes_of(matrices[k]);
	}
	return sum;
}
