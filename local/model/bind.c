/* bind.c -- finds a model's parts among the tensors and checks them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/model/parts.h"

#define NAME_MAX_LEN 192

struct binder {
	struct parts *parts;
	const struct weights *weights;
	const struct scheme *scheme;
	const char *prefix;
	uint32_t layer;
	size_t used_in_layers;
	struct error *err;
};

/* "layers.#.mlp" and 3 and ".weight" to "model.layers.3.mlp.weight". */
static struct span spell(const struct binder *b, enum role role,
    const char *ending, char name[NAME_MAX_LEN])
{
	const char *pattern = b->scheme->names[role];
	const char *hash = strchr(pattern, '#');
	const char *prefix = b->prefix;
	int len;

	if (*pattern == '/') {
		pattern++;
		prefix = "";
	}
	if (hash)
		len = snprintf(name, NAME_MAX_LEN, "%s%.*s%u%s%s", prefix,
		    (int)(hash - pattern), pattern, b->layer, hash + 1, ending);
	else
		len = snprintf(
		    name, NAME_MAX_LEN, "%s%s%s", prefix, pattern, ending);
	return span_make(name, len < 0 ? 0 : (size_t)len);
}

/* The tensor of that role, or NULL; <name> is what it should be called. */
static const struct tensor *look(struct binder *b, enum role role,
    const char *ending, char name[NAME_MAX_LEN])
{
	const struct tensor *tensor;
	const char *pattern = b->scheme->names[role];

	if (!pattern)
		return NULL;
	tensor = weights_find(b->weights, spell(b, role, ending, name));
	if (tensor && strchr(pattern, '#'))
		b->used_in_layers++;
	return tensor;
}

static bool has(struct binder *b, enum role role)
{
	char name[NAME_MAX_LEN];

	return b->scheme->names[role] &&
	       weights_find(b->weights, spell(b, role, ".weight", name));
}

static enum result missing(const struct binder *b, const char *name)
{
	error_set(b->err, "tensor \"%s\" is missing", name);
	return FAILED;
}

static enum result check_type(
    const struct binder *b, const struct tensor *tensor)
{
	if (quant_type(tensor->type)->is_weight)
		return OK;
	error_set(b->err, "tensor \"%.*s\": type %.*s is not supported",
	    SPAN_FMT(tensor->name), SPAN_FMT(tensor->stored));
	return FAILED;
}

/* <n> values as F32 in the arena; <plus> is added to each. */
static enum result copy_vector(struct binder *b, const struct tensor *tensor,
    uint32_t n, float plus, const float **out)
{
	float *copy;
	uint64_t elements;

	if (check_type(b, tensor) != OK)
		return FAILED;
	if (!tensor_elements(tensor, &elements) || elements != n ||
	    tensor->n_dims < 1 || tensor->shape[tensor->n_dims - 1] != n) {
		error_set(b->err, "tensor \"%.*s\" must have %u elements",
		    SPAN_FMT(tensor->name), n);
		return FAILED;
	}
	copy = arena_alloc(&b->parts->arena, n * sizeof(*copy));
	if (!copy) {
		error_set(b->err, "the model has too many parts");
		return FAILED;
	}
	quant_to_f32(tensor->type, tensor->data, copy, n);
	for (uint32_t i = 0; i < n; i++)
		copy[i] += plus;
	*out = copy;
	return OK;
}

/* What a matrix must be: its role and shape, whether it has a bias. */
struct wanted {
	enum role role;
	uint32_t rows, cols;
	bool has_bias;
};

static enum result bind_matrix(
    struct binder *b, const struct wanted *w, struct matrix *m)
{
	char name[NAME_MAX_LEN];
	const struct tensor *tensor = look(b, w->role, ".weight", name);

	if (!tensor)
		return missing(b, name);
	if (check_type(b, tensor) != OK)
		return FAILED;
	if (tensor->n_dims != 2 || tensor->shape[0] != w->rows ||
	    tensor->shape[1] != w->cols) {
		error_set(b->err,
		    "tensor \"%s\" must be %u x %u, is %llu x %llu", name,
		    w->rows, w->cols,
		    (unsigned long long)(tensor->n_dims ? tensor->shape[0] : 0),
		    (unsigned long long)(tensor->n_dims > 1 ? tensor->shape[1]
							    : 0));
		return FAILED;
	}
	*m = (struct matrix){
	    .data = tensor->data,
	    .row_bytes = quant_row_bytes(tensor->type, w->cols),
	    .rows = w->rows,
	    .cols = w->cols,
	    .type = tensor->type,
	};
	if (!w->has_bias)
		return OK;
	tensor = look(b, w->role, ".bias", name);
	if (!tensor)
		return missing(b, name);
	return copy_vector(b, tensor, w->rows, 0, &m->bias);
}

/* Old BERT checkpoints call a norm's weight gamma and its bias beta. */
static enum result bind_norm(
    struct binder *b, enum role role, uint32_t n, struct norm *norm)
{
	const struct config *c = &b->parts->config;
	char name[NAME_MAX_LEN];
	const struct tensor *tensor = look(b, role, ".weight", name);

	if (!tensor)
		tensor = look(b, role, ".gamma", name);
	if (!tensor) {
		(void)spell(b, role, ".weight", name);
		return missing(b, name);
	}
	norm->n = n;
	if (copy_vector(
		b, tensor, n, c->norm_plus_one ? 1 : 0, &norm->weight) != OK)
		return FAILED;
	if (!c->has_norm_bias)
		return OK;
	tensor = look(b, role, ".bias", name);
	if (!tensor)
		tensor = look(b, role, ".beta", name);
	if (!tensor) {
		(void)spell(b, role, ".bias", name);
		return missing(b, name);
	}
	return copy_vector(b, tensor, n, 0, &norm->bias);
}

/* Takes the first <rows> rows off <fused>. */
static void split_rows(struct matrix *fused, uint32_t rows, struct matrix *part)
{
	*part = *fused;
	part->rows = rows;
	fused->data += rows * fused->row_bytes;
	fused->rows -= rows;
	if (fused->bias)
		fused->bias += rows;
}

static enum result bind_attention(struct binder *b, struct layer *layer)
{
	const struct config *c = &b->parts->config;
	uint32_t q = c->n_heads * c->head_dim, kv = c->n_kv_heads * c->head_dim;
	bool bias = c->has_qkv_bias;
	struct matrix fused;

	if (bind_matrix(b,
		&(struct wanted){ROLE_O, c->hidden, q, c->has_o_bias},
		&layer->o) != OK)
		return FAILED;
	if (c->family->traits & TRAIT_FUSED_QKV) {
		if (bind_matrix(b,
			&(struct wanted){ROLE_QKV, q + 2 * kv, c->hidden, bias},
			&fused) != OK)
			return FAILED;
		split_rows(&fused, q, &layer->q);
		split_rows(&fused, kv, &layer->k);
		split_rows(&fused, kv, &layer->v);
	} else if (bind_matrix(b, &(struct wanted){ROLE_Q, q, c->hidden, bias},
		       &layer->q) != OK ||
		   bind_matrix(b, &(struct wanted){ROLE_K, kv, c->hidden, bias},
		       &layer->k) != OK ||
		   bind_matrix(b, &(struct wanted){ROLE_V, kv, c->hidden, bias},
		       &layer->v) != OK) {
		return FAILED;
	}
	if (!(c->family->traits & TRAIT_QK_NORM))
		return OK;
	if (bind_norm(b, ROLE_Q_NORM, c->head_dim, &layer->q_norm) != OK)
		return FAILED;
	return bind_norm(b, ROLE_K_NORM, c->head_dim, &layer->k_norm);
}

static enum result bind_mlp(struct binder *b, struct layer *layer)
{
	const struct config *c = &b->parts->config;
	unsigned traits = c->family->traits;
	bool bias = c->has_mlp_bias;
	struct matrix fused;

	if (bind_matrix(b, &(struct wanted){ROLE_DOWN, c->hidden, c->ff, bias},
		&layer->down) != OK)
		return FAILED;
	if (traits & TRAIT_FUSED_MLP) {
		if (bind_matrix(b,
			&(struct wanted){
			    ROLE_GATE_UP, 2 * c->ff, c->hidden, bias},
			&fused) != OK)
			return FAILED;
		split_rows(&fused, c->ff, &layer->gate);
		split_rows(&fused, c->ff, &layer->up);
		return OK;
	}
	if (!(traits & TRAIT_PLAIN_MLP) &&
	    bind_matrix(b, &(struct wanted){ROLE_GATE, c->ff, c->hidden, bias},
		&layer->gate) != OK)
		return FAILED;
	return bind_matrix(
	    b, &(struct wanted){ROLE_UP, c->ff, c->hidden, bias}, &layer->up);
}

static enum result bind_norms(struct binder *b, struct layer *layer)
{
	const struct config *c = &b->parts->config;
	unsigned traits = c->family->traits;
	bool first = !(traits & TRAIT_NO_FIRST_NORM) || b->layer > 0;

	if (!(traits & TRAIT_POST_NORM)) {
		if (first && bind_norm(b, ROLE_ATTN_NORM, c->hidden,
				 &layer->attn_norm) != OK)
			return FAILED;
		if (bind_norm(b, ROLE_MLP_NORM, c->hidden, &layer->mlp_norm) !=
		    OK)
			return FAILED;
	}
	if (!(traits & (TRAIT_POST_NORM | TRAIT_SANDWICH)))
		return OK;
	if (bind_norm(b, ROLE_ATTN_POST_NORM, c->hidden,
		&layer->attn_post_norm) != OK)
		return FAILED;
	return bind_norm(
	    b, ROLE_MLP_POST_NORM, c->hidden, &layer->mlp_post_norm);
}

static enum result bind_layers(struct binder *b)
{
	struct parts *parts = b->parts;
	const struct config *c = &parts->config;

	parts->layers =
	    arena_zalloc(&parts->arena, c->n_layers * sizeof(*parts->layers));
	if (!parts->layers) {
		error_set(b->err, "the model has too many parts");
		return FAILED;
	}
	for (uint32_t i = 0; i < c->n_layers; i++) {
		struct layer *layer = &parts->layers[i];

		b->layer = i;
		layer->kind = c->kinds[i];
		if (bind_norms(b, layer) != OK ||
		    bind_attention(b, layer) != OK || bind_mlp(b, layer) != OK)
			return FAILED;
	}
	return OK;
}

/*
 * A tensor among the layers that no role took would be left out of the
 * arithmetic: the answers would be wrong without a word.
 */
static enum result refuse_unknown(const struct binder *b)
{
	const struct tensor_list *list = weights_list(b->weights);
	size_t n_prefix = strlen(b->prefix), n_found = 0;
	struct span layers = span_of(b->scheme->layers);

	for (size_t i = 0; i < list->n; i++) {
		struct span name = list->items[i].name;
		struct span rest = span_from(name, n_prefix);

		if (!span_starts_with(name, span_of(b->prefix)) ||
		    !span_starts_with(rest, layers) ||
		    span_ends_with(name, SPAN(".rotary_emb.inv_freq")) ||
		    span_ends_with(name, SPAN(".attention.self.position_ids")))
			continue;
		n_found++;
	}
	if (n_found <= b->used_in_layers)
		return OK;
	error_set(b->err,
	    "%zu tensors below \"%s%s\" are not known to %s: a family or "
	    "format that is not supported",
	    n_found - b->used_in_layers, b->prefix, b->scheme->layers,
	    b->parts->config.family->model_type);
	return FAILED;
}

/* Rows of the table of token types, which GGUF files do not say. */
static void count_types(struct binder *b)
{
	struct config *c = &b->parts->config;
	char name[NAME_MAX_LEN];
	const struct tensor *tensor = look(b, ROLE_TYPES, ".weight", name);

	if (!c->n_types && tensor && tensor->n_dims == 2 &&
	    tensor->shape[0] <= 65536)
		c->n_types = (uint32_t)tensor->shape[0];
}

static enum result bind_embeddings(struct binder *b)
{
	struct parts *parts = b->parts;
	const struct config *c = &parts->config;
	unsigned traits = c->family->traits;

	count_types(b);
	if (bind_matrix(b, &(struct wanted){ROLE_EMBED, c->vocab, c->hidden, 0},
		&parts->embed) != OK)
		return FAILED;
	if (traits & TRAIT_POSITIONS && bind_matrix(b,
					    &(struct wanted){ROLE_POSITIONS,
						c->max_positions, c->hidden, 0},
					    &parts->positions) != OK)
		return FAILED;
	if (b->scheme->names[ROLE_TYPES] && c->n_types &&
	    bind_matrix(b,
		&(struct wanted){ROLE_TYPES, c->n_types, c->hidden, 0},
		&parts->types) != OK)
		return FAILED;
	if (b->scheme->names[ROLE_EMBED_NORM] &&
	    bind_norm(b, ROLE_EMBED_NORM, c->hidden, &parts->embed_norm) != OK)
		return FAILED;
	if (b->scheme->names[ROLE_FINAL_NORM] &&
	    bind_norm(b, ROLE_FINAL_NORM, c->hidden, &parts->final_norm) != OK)
		return FAILED;
	return OK;
}

/* The language model's head, or a classifier and what stands before it. */
static enum result bind_heads(struct binder *b)
{
	struct parts *parts = b->parts;
	struct config *c = &parts->config;
	char name[NAME_MAX_LEN];
	const struct tensor *tensor;

	if (!(c->family->traits & TRAIT_ENCODER)) {
		parts->head = parts->embed;
		if (c->is_tied ||
		    (weights_gguf(b->weights) && !has(b, ROLE_HEAD)))
			return OK;
		return bind_matrix(b,
		    &(struct wanted){ROLE_HEAD, c->vocab, c->hidden, 0},
		    &parts->head);
	}
	tensor = look(b, ROLE_CLASSIFIER, ".weight", name);
	if (!tensor || tensor->n_dims != 2 || tensor->shape[0] > 65536)
		return OK;
	c->has_classifier = true;
	if (c->n_labels != tensor->shape[0])
		c->labels = NULL;
	c->n_labels = (uint32_t)tensor->shape[0];
	if (bind_matrix(b,
		&(struct wanted){ROLE_CLASSIFIER, c->n_labels, c->hidden,
		    c->has_classifier_bias},
		&parts->classifier) != OK)
		return FAILED;
	/* GGUF files may leave out what stands before the classifier. */
	if ((!weights_gguf(b->weights) || has(b, ROLE_POOLER)) &&
	    bind_matrix(b,
		&(struct wanted){
		    ROLE_POOLER, c->hidden, c->hidden, c->has_pooler_bias},
		&parts->pooler) != OK)
		return FAILED;
	if (!b->scheme->names[ROLE_POOLER_NORM])
		return OK;
	return bind_norm(b, ROLE_POOLER_NORM, c->hidden, &parts->pooler_norm);
}

/* GGUF: the divisors of llama3 and LongRoPE frequencies are tensors. */
static enum result bind_divisors(struct binder *b)
{
	static const char *const names[] = {"rope_freqs.weight",
	    "rope_factors_short.weight", "rope_factors_long.weight"};
	struct rope_settings *rope = &b->parts->config.rope[LAYER_FULL];
	const float *found[3] = {NULL, NULL, NULL};

	for (int i = 0; i < 3; i++) {
		const struct tensor *tensor =
		    weights_find(b->weights, span_of(names[i]));

		if (!tensor || rope->type == ROPE_NONE)
			continue;
		if (copy_vector(b, tensor, rope->dims / 2, 0, &found[i]) != OK)
			return FAILED;
		for (uint32_t k = 0; k < rope->dims / 2; k++) {
			if (found[i][k] > 1e-6F)
				continue;
			error_set(
			    b->err, "tensor \"%s\" must be above 0", names[i]);
			return FAILED;
		}
	}
	if (found[0]) {
		rope->type = ROPE_DIVIDED;
		rope->short_factors = found[0];
	}
	if (found[1] && found[2]) {
		rope->type = ROPE_LONG;
		rope->short_factors = found[1];
		rope->long_factors = found[2];
		if (rope->factor <= 1 && rope->original > 0)
			rope->factor =
			    b->parts->config.max_positions / rope->original;
	}
	if (!(b->parts->config.family->traits & TRAIT_WINDOW_MIXED))
		b->parts->config.rope[LAYER_SLIDING] = *rope;
	return OK;
}

static enum result find_prefix(struct binder *b)
{
	const char *const *prefixes = b->scheme->prefixes;
	char name[NAME_MAX_LEN];

	for (int i = 0; prefixes[i]; i++) {
		b->prefix = prefixes[i];
		if (has(b, ROLE_EMBED))
			return OK;
	}
	b->prefix = prefixes[0];
	(void)spell(b, ROLE_EMBED, ".weight", name);
	return missing(b, name);
}

enum result parts_bind(
    struct parts *parts, const struct weights *weights, struct error *err)
{
	struct config *c = &parts->config;
	bool is_gguf = weights_gguf(weights) != NULL;
	struct binder b = {
	    .parts = parts,
	    .weights = weights,
	    .scheme = is_gguf ? c->family->gguf_scheme : c->family->scheme,
	    .err = err,
	};

	if (find_prefix(&b) != OK || bind_embeddings(&b) != OK ||
	    bind_layers(&b) != OK || bind_heads(&b) != OK ||
	    refuse_unknown(&b) != OK)
		return FAILED;
	if (is_gguf && bind_divisors(&b) != OK)
		return FAILED;
	for (int k = 0; k < LAYER_KINDS; k++) {
		if (rope_make(
			&c->rope[k], &parts->arena, &parts->rope[k], err) != OK)
			return FAILED;
	}
	return OK;
}
