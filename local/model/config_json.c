/* config_json.c -- reads config.json and what lies beside it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/model/config_table.h"

#define LABELS_MAX 65536

/* Where a value is looked for: the text model's object, then the whole. */
struct source {
	struct json_doc doc;
	uint32_t node;
	struct arena *arena;
};

/* A member that is there and not null. */
static uint32_t member(
    const struct json_doc *doc, uint32_t object, const char *key)
{
	uint32_t node = json_find(doc, object, span_of(key));

	return json_is(doc, node, JSON_NULL) ? JSON_NONE : node;
}

static uint32_t get(const struct source *s, const char *key)
{
	return member(&s->doc, s->node, key);
}

static bool is_true(const struct source *s, const char *key)
{
	return json_is(&s->doc, get(s, key), JSON_TRUE);
}

static struct span get_text(const struct source *s, const char *key)
{
	uint32_t node = get(s, key);

	if (!json_is(&s->doc, node, JSON_STRING))
		return span_make(NULL, 0);
	return json_text(&s->doc, node, s->arena);
}

static enum result must_be(const char *key, const char *what, struct error *err)
{
	error_set(err, "\"%s\" must be %s", key, what);
	return FAILED;
}

static enum result read_numbers(
    const struct source *s, struct config *c, struct error *err)
{
	for (size_t i = 0; i < config_n_ints; i++) {
		const struct config_int *row = &config_ints[i];
		uint32_t node = get(s, row->json);
		int64_t value;

		if (node == JSON_NONE && row->json_other)
			node = get(s, row->json_other);
		if (node == JSON_NONE)
			continue;
		if (!json_int(&s->doc, node, &value))
			return must_be(row->json, "a whole number", err);
		if (config_put_int(c, row, value, err) != OK)
			return FAILED;
	}
	for (size_t i = 0; i < config_n_doubles; i++) {
		const struct config_double *row = &config_doubles[i];
		uint32_t node = get(s, row->json);
		double value;

		if (node == JSON_NONE && row->json_other)
			node = get(s, row->json_other);
		if (node == JSON_NONE)
			continue;
		if (!json_double(&s->doc, node, &value))
			return must_be(row->json, "a number", err);
		if (config_put_double(c, row, value, err) != OK)
			return FAILED;
	}
	return OK;
}

static const struct {
	const char *name;
	enum activation activation;
} activations[] = {
    {"silu", ACTIVATION_SILU},
    {"swish", ACTIVATION_SILU},
    {"gelu", ACTIVATION_GELU},
    {"gelu_pytorch_tanh", ACTIVATION_GELU_TANH},
    {"gelu_new", ACTIVATION_GELU_TANH},
    {"relu", ACTIVATION_RELU},
    {"tanh", ACTIVATION_TANH},
};

static enum result read_activation(const struct source *s, const char *key,
    enum activation *out, struct error *err)
{
	struct span name = get_text(s, key);

	if (!name.ptr)
		return OK;
	for (size_t i = 0; i < sizeof(activations) / sizeof(activations[0]);
	     i++) {
		if (span_eq(name, span_of(activations[i].name))) {
			*out = activations[i].activation;
			return OK;
		}
	}
	error_set(
	    err, "\"%s\": \"%.*s\" is not supported", key, SPAN_FMT(name));
	return FAILED;
}

/* What would change the arithmetic in ways that are not here. */
static enum result refuse_unsupported(const struct source *s, struct error *err)
{
	static const char *const refused[] = {"quantization_config",
	    "attn_logit_softcapping", "use_bidirectional_attention",
	    "num_local_experts", "num_experts", "is_decoder",
	    "add_cross_attention", "deepnorm", NULL};
	struct span kind = get_text(s, "position_embedding_type");

	for (int i = 0; refused[i]; i++) {
		uint32_t node = get(s, refused[i]);
		int64_t value;

		if (node == JSON_NONE || json_is(&s->doc, node, JSON_FALSE) ||
		    (json_int(&s->doc, node, &value) && value == 0))
			continue;
		error_set(err, "\"%s\" is not supported", refused[i]);
		return FAILED;
	}
	if (kind.ptr && !span_eq(kind, SPAN("absolute"))) {
		error_set(err,
		    "\"position_embedding_type\": \"%.*s\" is not supported",
		    SPAN_FMT(kind));
		return FAILED;
	}
	return OK;
}

static void read_flag(const struct source *s, const char *key, bool *out)
{
	uint32_t node = get(s, key);

	if (json_is(&s->doc, node, JSON_TRUE))
		*out = true;
	else if (json_is(&s->doc, node, JSON_FALSE))
		*out = false;
}

static void read_flags(const struct source *s, struct config *c)
{
	bool attention = c->has_o_bias;

	if (!(c->family->traits & (TRAIT_QKV_BIAS | TRAIT_ALL_BIAS))) {
		read_flag(s, "attention_bias", &attention);
		c->has_qkv_bias = attention;
		c->has_o_bias = attention;
		read_flag(s, "mlp_bias", &c->has_mlp_bias);
		read_flag(s, "norm_bias", &c->has_norm_bias);
		read_flag(s, "classifier_bias", &c->has_pooler_bias);
	}
	read_flag(s, "tie_word_embeddings", &c->is_tied);
	if (span_eq(get_text(s, "classifier_pooling"), SPAN("mean")))
		c->classifier_pooling = POOLING_MEAN;
}

/* "layer_types" of newer files says it all; older ones imply it. */
static enum result read_layer_types(
    const struct source *s, uint32_t list, struct config *c, struct error *err)
{
	uint32_t i = 0;

	if (!json_is(&s->doc, list, JSON_ARRAY) ||
	    json_count(&s->doc, list) != c->n_layers)
		return must_be("layer_types", "one name for each layer", err);
	json_for_each(&s->doc, list, item) {
		struct span name = json_raw(&s->doc, item);

		if (span_eq(name, SPAN("\"full_attention\"")))
			c->kinds[i++] = LAYER_FULL;
		else if (span_eq(name, SPAN("\"sliding_attention\"")))
			c->kinds[i++] = LAYER_SLIDING;
		else {
			error_set(err, "\"layer_types\": %.*s is not supported",
			    SPAN_FMT(name));
			return FAILED;
		}
	}
	return OK;
}

static enum result read_layers(
    const struct source *s, struct config *c, struct error *err)
{
	uint32_t list = get(s, "layer_types");
	uint32_t window = json_find(&s->doc, s->node, SPAN("sliding_window"));
	int64_t first = c->n_layers, pattern = c->family->defaults.pattern;
	unsigned traits = c->family->traits;

	if (json_is(&s->doc, window, JSON_NULL) ||
	    ((traits & TRAIT_WINDOW_ASKED) &&
		!is_true(s, "use_sliding_window")))
		c->window = 0;
	if (traits & TRAIT_ENCODER)
		c->window /= 2;
	if (list != JSON_NONE &&
	    (traits & (TRAIT_WINDOW_ASKED | TRAIT_WINDOW_MIXED)))
		return read_layer_types(s, list, c, err);
	if (traits & TRAIT_WINDOW_MIXED) {
		(void)json_int(
		    &s->doc, get(s, "sliding_window_pattern"), &pattern);
		(void)json_int(
		    &s->doc, get(s, "global_attn_every_n_layers"), &pattern);
		if (pattern < 1 || pattern > CONFIG_LAYERS_MAX)
			return must_be(
			    "sliding_window_pattern", "1 to 1024", err);
		config_mix_layers(c, (uint32_t)pattern);
		return OK;
	}
	if (traits & TRAIT_WINDOW)
		first = 0;
	if (traits & TRAIT_WINDOW_ASKED) {
		first = 28;
		(void)json_int(&s->doc, get(s, "max_window_layers"), &first);
	}
	for (uint32_t i = 0; i < c->n_layers; i++)
		c->kinds[i] =
		    c->window && i >= first ? LAYER_SLIDING : LAYER_FULL;
	return OK;
}

static const struct {
	const char *name;
	enum rope_type type;
} rope_types[] = {
    {"default", ROPE_PLAIN},
    {"linear", ROPE_LINEAR},
    {"llama3", ROPE_LLAMA3},
    {"yarn", ROPE_YARN},
    {"longrope", ROPE_LONG},
    {"su", ROPE_LONG},
};

static enum result read_rope_type(const struct source *s, uint32_t node,
    struct rope_settings *rope, struct error *err)
{
	uint32_t type = member(&s->doc, node, "rope_type");
	struct span name;

	if (type == JSON_NONE)
		type = member(&s->doc, node, "type");
	if (type == JSON_NONE)
		return OK;
	name = json_text(&s->doc, type, s->arena);
	for (size_t i = 0; i < sizeof(rope_types) / sizeof(rope_types[0]);
	     i++) {
		if (name.ptr && span_eq(name, span_of(rope_types[i].name))) {
			rope->type = rope_types[i].type;
			return OK;
		}
	}
	error_set(
	    err, "\"rope_type\": \"%.*s\" is not supported", SPAN_FMT(name));
	return FAILED;
}

static void read_rope_number(
    const struct source *s, uint32_t node, const char *key, double *out)
{
	(void)json_double(&s->doc, member(&s->doc, node, key), out);
}

/* LongRoPE's factors: as many as frequencies. */
static enum result read_factors(const struct source *s, uint32_t list,
    uint32_t n, const float **out, struct error *err)
{
	float *factors;
	uint32_t i = 0;
	double value;

	if (!json_is(&s->doc, list, JSON_ARRAY) ||
	    json_count(&s->doc, list) != n)
		return must_be("short_factor\" and \"long_factor",
		    "one number for each frequency", err);
	factors = arena_alloc(s->arena, n * sizeof(*factors));
	if (!factors)
		return must_be("long_factor", "shorter", err);
	json_for_each(&s->doc, list, item) {
		if (!json_double(&s->doc, item, &value) || !(value > 1e-6))
			return must_be("long_factor", "above 0", err);
		factors[i++] = (float)value;
	}
	*out = factors;
	return OK;
}

static enum result read_rope(const struct source *s, uint32_t node,
    struct config *c, struct rope_settings *rope, struct error *err)
{
	const struct json_doc *doc = &s->doc;
	uint32_t head_dim = c->head_dim ? c->head_dim : c->hidden / c->n_heads;
	double share = 1;

	if (read_rope_type(s, node, rope, err) != OK)
		return FAILED;
	if (!strcmp(c->family->model_type, "phi3") && rope->type == ROPE_YARN)
		rope->type = ROPE_LONG;
	read_rope_number(s, s->node, "partial_rotary_factor", &share);
	read_rope_number(s, node, "partial_rotary_factor", &share);
	if (!(share > 0 && share <= 1))
		return must_be(
		    "partial_rotary_factor", "above 0, at most 1", err);
	rope->dims = (uint32_t)((double)head_dim * share);
	read_rope_number(s, node, "rope_theta", &rope->theta);
	read_rope_number(s, node, "factor", &rope->factor);
	read_rope_number(s, node, "attention_factor", &rope->attention);
	read_rope_number(s, node, "low_freq_factor", &rope->low_freq);
	read_rope_number(s, node, "high_freq_factor", &rope->high_freq);
	read_rope_number(s, node, "beta_fast", &rope->beta_fast);
	read_rope_number(s, node, "beta_slow", &rope->beta_slow);
	read_rope_number(s, node, "mscale", &rope->mscale);
	read_rope_number(s, node, "mscale_all_dim", &rope->mscale_all);
	read_rope_number(
	    s, node, "original_max_position_embeddings", &rope->original);
	read_rope_number(
	    s, s->node, "original_max_position_embeddings", &rope->original);
	rope->keeps_fraction =
	    json_is(doc, member(doc, node, "truncate"), JSON_FALSE);
	if (rope->factor <= 0 && rope->original > 0)
		rope->factor = c->max_positions / rope->original;
	if (rope->type != ROPE_LONG)
		return OK;
	if (read_factors(s, member(doc, node, "short_factor"), rope->dims / 2,
		&rope->short_factors, err) != OK)
		return FAILED;
	return read_factors(s, member(doc, node, "long_factor"), rope->dims / 2,
	    &rope->long_factors, err);
}

/*
 * Old files have "rope_theta" and "rope_scaling", the latter for full layers
 * only where a family mixes kinds; new ones "rope_parameters", with an object
 * for each kind of layer or one for all.
 */
static enum result read_ropes(
    const struct source *s, struct config *c, struct error *err)
{
	struct rope_settings *full = &c->rope[LAYER_FULL];
	struct rope_settings *sliding = &c->rope[LAYER_SLIDING];
	bool mixes = (c->family->traits & TRAIT_WINDOW_MIXED) != 0;
	uint32_t all = get(s, "rope_parameters");
	uint32_t of_full = member(&s->doc, all, "full_attention");
	uint32_t of_sliding = member(&s->doc, all, "sliding_attention");

	if (full->type == ROPE_NONE)
		return OK;
	read_rope_number(s, s->node, "rope_theta", &full->theta);
	read_rope_number(s, s->node, "global_rope_theta", &full->theta);
	read_rope_number(s, s->node, "rope_local_base_freq", &sliding->theta);
	read_rope_number(s, s->node, "local_rope_theta", &sliding->theta);
	if (of_full == JSON_NONE && of_sliding == JSON_NONE) {
		of_full = all != JSON_NONE ? all : get(s, "rope_scaling");
		if (!mixes || (c->family->traits & TRAIT_ENCODER))
			of_sliding = of_full;
	}
	if (!mixes)
		sliding->theta = full->theta;
	if (read_rope(s, of_full, c, full, err) != OK ||
	    read_rope(s, of_sliding, c, sliding, err) != OK)
		return FAILED;
	return OK;
}

/* "eos_token_id": one or several. */
static void read_eos(const struct source *s, struct config *c)
{
	uint32_t node = get(s, "eos_token_id");
	int64_t id;

	if (json_int(&s->doc, node, &id))
		config_add_eos(c, id);
	if (json_is(&s->doc, node, JSON_ARRAY)) {
		json_for_each(&s->doc, node, item) {
			if (json_int(&s->doc, item, &id))
				config_add_eos(c, id);
		}
	}
	if (json_int(&s->doc, get(s, "bos_token_id"), &id) && id >= 0 &&
	    id < UINT32_MAX)
		c->bos = (uint32_t)id;
}

/* "id2label": {"0": "negative", ...}, by id. */
static enum result read_labels(
    const struct source *s, struct config *c, struct error *err)
{
	uint32_t map = member(&s->doc, 0, "id2label");
	size_t n = json_count(&s->doc, map);

	if (!json_is(&s->doc, map, JSON_OBJECT))
		return OK;
	if (n > LABELS_MAX)
		return must_be("id2label", "at most 65536 labels", err);
	c->labels = arena_zalloc(s->arena, n * sizeof(*c->labels) + 1);
	if (!c->labels)
		return must_be("id2label", "smaller", err);
	c->n_labels = (uint32_t)n;
	for (uint32_t at = map + 1; at < s->doc.nodes[map].next;
	     at = s->doc.nodes[at + 1].next) {
		struct span key = json_text(&s->doc, at, s->arena);
		struct span label = json_text(&s->doc, at + 1, s->arena);
		uint64_t id;

		if (!span_to_u64(key, &id) || id >= n || !label.ptr)
			return must_be("id2label", "names for 0 and up", err);
		c->labels[id] = label;
	}
	return OK;
}

static enum result read_problem(
    const struct source *s, struct config *c, struct error *err)
{
	struct span type = get_text(s, "problem_type");

	c->is_multi_label =
	    type.ptr && span_eq(type, SPAN("multi_label_classification"));
	c->is_regression = type.ptr && span_eq(type, SPAN("regression"));
	if (!type.ptr || c->is_multi_label || c->is_regression ||
	    span_eq(type, SPAN("single_label_classification")))
		return OK;
	error_set(
	    err, "\"problem_type\": \"%.*s\" is not supported", SPAN_FMT(type));
	return FAILED;
}

/* What a family reads that no other does. */
static enum result read_peculiar(
    const struct source *s, struct config *c, struct error *err)
{
	double scalar = c->family->defaults.attn_scalar;
	int64_t pad = 1;

	read_rope_number(s, s->node, "query_pre_attn_scalar", &scalar);
	if (scalar < 0 || scalar > 1e6)
		return must_be("query_pre_attn_scalar", "above 0", err);
	if (scalar > 0 && c->family->defaults.attn_scalar > 0)
		c->attn_scale = 1 / sqrt(scalar);
	if (c->family->traits & TRAIT_PAST_PAD) {
		(void)json_int(&s->doc, get(s, "pad_token_id"), &pad);
		if (pad < 0 || pad >= c->max_positions)
			return must_be("pad_token_id",
			    "below \"max_position_embeddings\"", err);
		c->first_position = (uint32_t)pad + 1;
	}
	if (read_activation(s, "hidden_act", &c->activation, err) != OK ||
	    read_activation(s, "hidden_activation", &c->activation, err) !=
		OK ||
	    read_activation(s, "activation", &c->activation, err) != OK ||
	    read_activation(s, "classifier_activation", &c->pooled, err) != OK)
		return FAILED;
	return OK;
}

/* Finds the text model's object and its family. */
static enum result find_family(
    struct source *s, const struct family **family, struct error *err)
{
	struct span type;
	uint32_t nested = member(&s->doc, 0, "text_config");

	s->node = 0;
	if (json_is(&s->doc, nested, JSON_OBJECT))
		s->node = nested;
	type = get_text(s, "model_type");
	if (!type.ptr) {
		error_set(err, "\"model_type\" is missing");
		return FAILED;
	}
	*family = family_find(type);
	if (*family)
		return OK;
	error_set(err, "model_type \"%.*s\" is not supported: %s are",
	    SPAN_FMT(type), family_names());
	return FAILED;
}

static enum result open_text(
    struct span text, struct arena *arena, struct source *s, struct error *err)
{
	struct json_fault fault;

	s->arena = arena;
	s->node = 0;
	if (!json_parse(text, arena, &s->doc, &fault)) {
		error_set(err, "is not JSON: byte %zu: %s", fault.offset,
		    fault.reason);
		return FAILED;
	}
	if (!json_is(&s->doc, 0, JSON_OBJECT)) {
		error_set(err, "is not a JSON object");
		return FAILED;
	}
	return OK;
}

enum result config_from_json(struct span text, struct arena *arena,
    struct config *config, struct error *err)
{
	const struct family *family;
	struct source s;

	if (open_text(text, arena, &s, err) != OK ||
	    find_family(&s, &family, err) != OK)
		return FAILED;
	config_start(config, family);
	if (refuse_unsupported(&s, err) != OK ||
	    read_numbers(&s, config, err) != OK)
		return FAILED;
	if (!config->n_heads || !config->n_layers || !config->hidden)
		return config_finish(config, err);
	read_flags(&s, config);
	read_eos(&s, config);
	if (read_layers(&s, config, err) != OK ||
	    read_ropes(&s, config, err) != OK ||
	    read_peculiar(&s, config, err) != OK ||
	    read_labels(&s, config, err) != OK ||
	    read_problem(&s, config, err) != OK)
		return FAILED;
	/* A nested model's own file may say these for the whole. */
	if (s.node != 0) {
		s.node = 0;
		read_flag(&s, "tie_word_embeddings", &config->is_tied);
		read_eos(&s, config);
	}
	return config_finish(config, err);
}

enum result config_add_generation(struct span text, struct arena *arena,
    struct config *config, struct error *err)
{
	struct source s;

	if (open_text(text, arena, &s, err) != OK)
		return FAILED;
	read_eos(&s, config);
	return OK;
}
