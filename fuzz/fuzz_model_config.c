/* fuzz_model_config.c -- any config.json is read as a model, or refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "local/model/config.h"
#include "local/model/rope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was accepted can be computed with. */
static void check_config(const struct config *c, struct arena *arena)
{
	float cosines[CONFIG_ROPE_DIMS_MAX / 2],
	    sines[CONFIG_ROPE_DIMS_MAX / 2];

	assert(c->n_layers >= 1 && c->n_layers <= CONFIG_LAYERS_MAX);
	assert(c->n_heads % c->n_kv_heads == 0);
	assert(c->head_dim >= 1 && c->attn_scale > 0);
	for (int k = 0; k < LAYER_KINDS; k++) {
		struct rope rope;
		struct error err;

		if (rope_make(&c->rope[k], arena, &rope, &err) != OK ||
		    !rope.dims)
			continue;
		rope_angles(&rope, 4095, true, cosines, sines);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size);
	struct config *config = mem_new(struct config);
	struct arena arena;
	struct error err;

	arena_init(&arena, 1 << 20);
	if (config_from_json(text, &arena, config, &err) == OK)
		check_config(config, &arena);
	*config = (struct config){.n_layers = 0};
	(void)(config_add_generation(text, &arena, config, &err) == OK);
	(void)(config_read_pooling(text, &arena, config, &err) == OK);
	arena_free(&arena);
	free(config);
	return 0;
}
