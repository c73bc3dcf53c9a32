/* config_gguf.c -- reads a model's settings from the keys of a GGUF file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "local/model/config_table.h"

/* The key "<architecture>.<name>", or NULL. */
static const struct gguf_key *find_own(
    const struct gguf *gguf, const struct config *c, const char *name)
{
	char full[128];
	int len = snprintf(
	    full, sizeof(full), "%s.%s", c->family->architecture, name);

	if (len < 0 || (size_t)len >= sizeof(full))
		return NULL;
	return gguf_find(gguf, span_make(full, (size_t)len));
}

static enum result must_be(
    const struct gguf_key *key, const char *what, struct error *err)
{
	error_set(err, "key \"%.*s\" must be %s", SPAN_FMT(key->name), what);
	return FAILED;
}

/* Arrays hold a value for each layer; only equal ones are supported. */
static bool is_even(const struct gguf_key *key)
{
	int64_t first, other;

	if (!gguf_int(key, 0, &first))
		return false;
	for (uint64_t i = 1; i < key->n; i++) {
		if (!gguf_int(key, i, &other) || other != first)
			return false;
	}
	return true;
}

static enum result read_numbers(
    const struct gguf *gguf, struct config *c, struct error *err)
{
	for (size_t i = 0; i < config_n_ints; i++) {
		const struct config_int *row = &config_ints[i];
		const struct gguf_key *key =
		    row->gguf ? find_own(gguf, c, row->gguf) : NULL;
		int64_t value;

		if (!key)
			continue;
		if (!is_even(key) || !gguf_int(key, 0, &value))
			return must_be(key,
			    "a whole number, the same for all layers", err);
		if (config_put_int(c, row, value, err) != OK)
			return FAILED;
	}
	for (size_t i = 0; i < config_n_doubles; i++) {
		const struct config_double *row = &config_doubles[i];
		const struct gguf_key *key = find_own(gguf, c, row->gguf);
		double value;

		if (!key)
			continue;
		if (!gguf_double(key, 0, &value))
			return must_be(key, "a number", err);
		if (config_put_double(c, row, value, err) != OK)
			return FAILED;
	}
	return OK;
}

static void read_double(const struct gguf *gguf, const struct config *c,
    const char *name, double *out)
{
	(void)gguf_double(find_own(gguf, c, name), 0, out);
}

static enum result read_scaling(const struct gguf *gguf, struct config *c,
    struct rope_settings *rope, struct error *err)
{
	const struct gguf_key *key = find_own(gguf, c, "rope.scaling.type");
	struct span type = gguf_string(key);

	read_double(gguf, c, "rope.scaling.factor", &rope->factor);
	read_double(gguf, c, "rope.scaling.attn_factor", &rope->attention);
	read_double(
	    gguf, c, "rope.scaling.original_context_length", &rope->original);
	read_double(gguf, c, "rope.scaling.yarn_beta_fast", &rope->beta_fast);
	read_double(gguf, c, "rope.scaling.yarn_beta_slow", &rope->beta_slow);
	if (!type.ptr || span_eq(type, SPAN("none")))
		return OK;
	if (span_eq(type, SPAN("linear")))
		rope->type = ROPE_LINEAR;
	else if (span_eq(type, SPAN("yarn")))
		rope->type = ROPE_YARN;
	else if (span_eq(type, SPAN("longrope")))
		rope->type = ROPE_PLAIN; /* its factors are tensors */
	else
		return must_be(key, "none, linear, yarn or longrope", err);
	return OK;
}

static enum result read_ropes(
    const struct gguf *gguf, struct config *c, struct error *err)
{
	struct rope_settings *full = &c->rope[LAYER_FULL];
	struct rope_settings *sliding = &c->rope[LAYER_SLIDING];
	bool mixes = (c->family->traits & TRAIT_WINDOW_MIXED) != 0;
	const struct gguf_key *key = find_own(gguf, c, "rope.dimension_count");
	int64_t dims = 0;

	if (full->type == ROPE_NONE)
		return OK;
	if (key && (!gguf_int(key, 0, &dims) || dims < 2 ||
		       dims > CONFIG_ROPE_DIMS_MAX))
		return must_be(key, "2 to 1024", err);
	full->dims = (uint32_t)dims;
	read_double(gguf, c, "rope.freq_base", &full->theta);
	if (read_scaling(gguf, c, full, err) != OK)
		return FAILED;
	if (!mixes) {
		*sliding = *full;
		return OK;
	}
	sliding->dims = (uint32_t)dims;
	read_double(gguf, c, "rope.freq_base_swa", &sliding->theta);
	return OK;
}

static void read_layers(const struct gguf *gguf, struct config *c)
{
	const struct gguf_key *key =
	    find_own(gguf, c, "attention.sliding_window_pattern");
	int64_t pattern = c->family->defaults.pattern;
	unsigned traits = c->family->traits;

	if (!find_own(gguf, c, "attention.sliding_window"))
		c->window = 0;
	if (traits & TRAIT_WINDOW_MIXED && c->window) {
		if (key && !key->is_array)
			(void)gguf_int(key, 0, &pattern);
		if (pattern < 1 || pattern > CONFIG_LAYERS_MAX)
			pattern = c->family->defaults.pattern;
		config_mix_layers(c, (uint32_t)pattern);
		return;
	}
	for (uint32_t i = 0; i < c->n_layers; i++)
		c->kinds[i] = (traits & TRAIT_WINDOW) && c->window
				  ? LAYER_SLIDING
				  : LAYER_FULL;
}

static void read_ends(const struct gguf *gguf, struct config *c)
{
	static const char *const names[] = {"tokenizer.ggml.eos_token_id",
	    "tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id", NULL};
	int64_t id;

	for (int i = 0; names[i]; i++) {
		if (gguf_int(gguf_find(gguf, span_of(names[i])), 0, &id))
			config_add_eos(c, id);
	}
	if (gguf_int(
		gguf_find(gguf, SPAN("tokenizer.ggml.bos_token_id")), 0, &id) &&
	    id >= 0 && id < UINT32_MAX)
		c->bos = (uint32_t)id;
}

/*
 * Gemma 3's largest model scales its scores by its width over its heads; the
 * file does not say so, only its size does (62 layers).
 */
static void read_peculiar(const struct gguf *gguf, struct config *c)
{
	const struct gguf_key *tokens =
	    gguf_find(gguf, SPAN("tokenizer.ggml.tokens"));
	const struct gguf_key *pooling = find_own(gguf, c, "pooling_type");
	int64_t type;

	c->norm_plus_one = false;
	if (!c->vocab && tokens && tokens->n <= 1 << 24)
		c->vocab = (uint32_t)tokens->n;
	if (c->family->traits & TRAIT_EMBED_SCALE && c->n_layers == 62 &&
	    c->n_heads)
		c->attn_scale =
		    1 / sqrt((double)c->hidden / (double)c->n_heads);
	if (!gguf_int(pooling, 0, &type))
		return;
	c->has_pooling = true;
	c->pooling = type == 2   ? POOLING_CLS
		     : type == 3 ? POOLING_LAST
				 : POOLING_MEAN;
}

enum result config_from_gguf(
    const struct gguf *gguf, struct config *config, struct error *err)
{
	struct span name =
	    gguf_string(gguf_find(gguf, SPAN("general.architecture")));
	const struct family *family;

	if (!name.ptr) {
		error_set(err, "key \"general.architecture\" is missing");
		return FAILED;
	}
	family = family_find_gguf(name);
	if (!family) {
		error_set(err, "architecture \"%.*s\" is not supported: %s are",
		    SPAN_FMT(name), family_names());
		return FAILED;
	}
	config_start(config, family);
	config->vocab = 0;
	config->head_dim = 0;
	if (read_numbers(gguf, config, err) != OK)
		return FAILED;
	if (!config->n_layers)
		return config_finish(config, err);
	read_layers(gguf, config);
	read_peculiar(gguf, config);
	read_ends(gguf, config);
	config->rope_in_pairs = (family->traits & TRAIT_PAIRS_IN_GGUF) != 0;
	if (read_ropes(gguf, config, err) != OK)
		return FAILED;
	return config_finish(config, err);
}
