/* config.c -- a model's settings: their table, their ranges, what follows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/config.h"

#include <math.h>

#include "local/model/config_table.h"

#define INT(json, other, gguf, member, min, max)                               \
	{                                                                      \
		json, other, gguf, offsetof(struct config, member), min, max   \
	}

/* Products of any three stay below 2^53, of bytes below 2^63. */
const struct config_int config_ints[] = {
    INT("num_hidden_layers", "n_layers", "block_count", n_layers, 1,
	CONFIG_LAYERS_MAX),
    INT("hidden_size", "dim", "embedding_length", hidden, 1, 65536),
    INT("intermediate_size", "hidden_dim", "feed_forward_length", ff, 1,
	1 << 20),
    INT("num_attention_heads", "n_heads", "attention.head_count", n_heads, 1,
	1024),
    INT("num_key_value_heads", NULL, "attention.head_count_kv", n_kv_heads, 1,
	1024),
    INT("head_dim", NULL, "attention.key_length", head_dim, 2,
	CONFIG_ROPE_DIMS_MAX),
    INT("vocab_size", NULL, "vocab_size", vocab, 1, 1 << 24),
    INT("max_position_embeddings", NULL, "context_length", max_positions, 1,
	1 << 28),
    INT("type_vocab_size", NULL, NULL, n_types, 1, 65536),
    INT("sliding_window", "local_attention", "attention.sliding_window", window,
	0, 1 << 28),
};
const size_t config_n_ints = sizeof(config_ints) / sizeof(config_ints[0]);

const struct config_double config_doubles[] = {
    INT("rms_norm_eps", NULL, "attention.layer_norm_rms_epsilon", norm_eps, 0,
	1),
    INT("layer_norm_eps", "norm_eps", "attention.layer_norm_epsilon", norm_eps,
	0, 1),
    INT("final_logit_softcapping", NULL, "final_logit_softcapping",
	final_softcap, 0, 1e6),
};
const size_t config_n_doubles =
    sizeof(config_doubles) / sizeof(config_doubles[0]);

enum result config_put_int(struct config *config, const struct config_int *row,
    int64_t value, struct error *err)
{
	uint32_t stored = (uint32_t)value;

	if (value < row->min || value > row->max) {
		error_set(err, "\"%s\" must be %u to %u, got %lld", row->json,
		    row->min, row->max, (long long)value);
		return FAILED;
	}
	memcpy((char *)config + row->offset, &stored, sizeof(stored));
	return OK;
}

enum result config_put_double(struct config *config,
    const struct config_double *row, double value, struct error *err)
{
	if (!(value >= row->min && value <= row->max)) {
		error_set(err, "\"%s\" must be %g to %g, got %g", row->json,
		    row->min, row->max, value);
		return FAILED;
	}
	memcpy((char *)config + row->offset, &value, sizeof(value));
	return OK;
}

void config_start(struct config *config, const struct family *family)
{
	const struct family_defaults *d = &family->defaults;
	unsigned traits = family->traits;
	bool all_bias = (traits & TRAIT_ALL_BIAS) != 0;

	*config = (struct config){
	    .family = family,
	    .n_heads = d->n_heads,
	    .n_kv_heads = d->n_kv_heads,
	    .head_dim = d->head_dim,
	    .vocab = d->vocab,
	    .max_positions = d->max_positions,
	    .window = d->window,
	    .norm_eps = d->norm_eps,
	    .activation = d->activation,
	    .pooled = family->pooled,
	    .is_tied = (traits & TRAIT_TIED) != 0,
	    .has_qkv_bias = all_bias || (traits & TRAIT_QKV_BIAS),
	    .has_o_bias = all_bias,
	    .has_mlp_bias = all_bias,
	    .has_norm_bias = all_bias,
	    .has_pooler_bias = all_bias,
	    .has_classifier_bias = true,
	    .norm_plus_one = (traits & TRAIT_NORM_PLUS_ONE) != 0,
	    .pooling = traits & TRAIT_ENCODER ? POOLING_MEAN : POOLING_LAST,
	    .classifier_pooling =
		traits & TRAIT_ENCODER ? POOLING_CLS : POOLING_LAST,
	    .bos = UINT32_MAX,
	};
	for (int k = 0; k < LAYER_KINDS; k++)
		config->rope[k] = (struct rope_settings){
		    .type = traits & TRAIT_POSITIONS ? ROPE_NONE : ROPE_PLAIN,
		    .theta = d->rope_theta,
		};
	if (d->local_theta > 0)
		config->rope[LAYER_SLIDING].theta = d->local_theta;
}

void config_mix_layers(struct config *config, uint32_t pattern)
{
	/* Gemma's full layer is the last of each group, ModernBERT's the
	 * first. */
	bool last = !(config->family->traits & TRAIT_ENCODER);

	for (uint32_t i = 0; i < config->n_layers; i++) {
		bool is_full = (i + last) % pattern == 0;

		config->kinds[i] = is_full ? LAYER_FULL : LAYER_SLIDING;
	}
}

void config_add_eos(struct config *config, int64_t id)
{
	if (id < 0 || id >= UINT32_MAX)
		return;
	for (uint32_t i = 0; i < config->n_eos; i++) {
		if (config->eos[i] == (uint32_t)id)
			return;
	}
	if (config->n_eos < CONFIG_EOS_MAX)
		config->eos[config->n_eos++] = (uint32_t)id;
}

static enum result check_present(const struct config *c, struct error *err)
{
	const struct {
		const char *name;
		uint32_t value;
	} needed[] = {
	    {"num_hidden_layers", c->n_layers},
	    {"hidden_size", c->hidden},
	    {"intermediate_size", c->ff},
	    {"num_attention_heads", c->n_heads},
	    {"vocab_size", c->vocab},
	    {"max_position_embeddings", c->max_positions},
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		if (needed[i].value)
			continue;
		error_set(err, "\"%s\" is missing", needed[i].name);
		return FAILED;
	}
	return OK;
}

static enum result check_heads(struct config *c, struct error *err)
{
	if (!c->n_kv_heads)
		c->n_kv_heads = c->n_heads;
	if (c->n_heads % c->n_kv_heads) {
		error_set(err,
		    "\"num_attention_heads\" %u is no multiple of "
		    "\"num_key_value_heads\" %u",
		    c->n_heads, c->n_kv_heads);
		return FAILED;
	}
	if (!c->head_dim && c->hidden % c->n_heads) {
		error_set(err,
		    "\"hidden_size\" %u is no multiple of "
		    "\"num_attention_heads\" %u",
		    c->hidden, c->n_heads);
		return FAILED;
	}
	if (!c->head_dim)
		c->head_dim = c->hidden / c->n_heads;
	if (c->head_dim > CONFIG_ROPE_DIMS_MAX) {
		error_set(err, "heads of %u are not supported: at most %d",
		    c->head_dim, CONFIG_ROPE_DIMS_MAX);
		return FAILED;
	}
	return OK;
}

/* Ropes whose settings would divide by zero or never end. */
static enum result check_rope(
    const struct config *c, const struct rope_settings *rope, struct error *err)
{
	if (rope->type == ROPE_NONE)
		return OK;
	if (!(rope->theta > 1 && rope->theta < 1e15)) {
		error_set(
		    err, "\"rope_theta\" must be above 1, got %g", rope->theta);
		return FAILED;
	}
	if (!rope->dims || rope->dims % 2 || rope->dims > c->head_dim) {
		error_set(err,
		    "%u of a head's %u dimensions turn: must be even",
		    rope->dims, c->head_dim);
		return FAILED;
	}
	if (rope->factor < 0 || rope->factor > 1e6 || rope->original < 0 ||
	    rope->original > 1e9 || rope->attention < 0 ||
	    rope->attention > 1e3) {
		error_set(err, "\"rope_scaling\": a number is out of range");
		return FAILED;
	}
	if (rope->type == ROPE_LLAMA3 &&
	    !(rope->low_freq > 0 && rope->high_freq > rope->low_freq)) {
		error_set(err,
		    "\"rope_scaling\": \"high_freq_factor\" must be above "
		    "\"low_freq_factor\", and that above 0");
		return FAILED;
	}
	return OK;
}

enum result config_finish(struct config *c, struct error *err)
{
	if (check_present(c, err) != OK || check_heads(c, err) != OK)
		return FAILED;
	if (!(c->attn_scale > 0))
		c->attn_scale = 1 / sqrt((double)c->head_dim);
	if (!(c->embed_scale > 0))
		c->embed_scale = c->family->traits & TRAIT_EMBED_SCALE
				     ? (double)sqrtf((float)c->hidden)
				     : 1;
	for (int k = 0; k < LAYER_KINDS; k++) {
		struct rope_settings *rope = &c->rope[k];

		if (!rope->dims)
			rope->dims = c->head_dim;
		if (rope->factor <= 0)
			rope->factor = 1;
		if (rope->original <= 0)
			rope->original = c->max_positions;
		if (check_rope(c, rope, err) != OK)
			return FAILED;
	}
	for (uint32_t i = 0; i < c->n_layers; i++) {
		if (c->kinds[i] == LAYER_SLIDING && !c->window) {
			error_set(err,
			    "layer %u slides, and there is no "
			    "\"sliding_window\"",
			    i);
			return FAILED;
		}
	}
	return OK;
}
