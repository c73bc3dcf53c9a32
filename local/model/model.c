/* model.c -- opens a model: its files, its settings, its parts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/model.h"
#include "local/model/needs.h"

#include <stdio.h>
#include <stdlib.h>

#define SETTINGS_MAX ((size_t)16 << 20)
#define ARENA_MAX ((size_t)1 << 30)
#define KV_BYTES_DEFAULT ((uint64_t)1 << 30)
#define CHUNK_DEFAULT 64
#define CHUNK_MAX 4096
#define THREADS_MAX 512
#define LABELS_MAX 65536

typedef enum result (*settings_fn)(struct span text, struct arena *arena,
    struct config *config, struct error *err);

/* A settings file that may be missing. */
static enum result read_optional(
    struct model *model, const char *name, settings_fn fn, struct error *err)
{
	struct span text;
	enum result result =
	    weights_read_beside(model->weights, name, SETTINGS_MAX, &text, err);

	if (result != OK)
		return result;
	if (fn(text, &model->parts.arena, &model->parts.config, err) != OK) {
		error_prefix(err, "%s", name);
		return FAILED;
	}
	return OK;
}

/* sentence-transformers: what follows the model, module by module. */
static enum result read_modules(struct model *model, struct error *err)
{
	struct arena *arena = &model->parts.arena;
	struct span text, pooling;
	char *name = NULL;
	enum result result = weights_read_beside(
	    model->weights, "modules.json", SETTINGS_MAX, &text, err);

	if (result == AGAIN)
		return OK;
	if (result != OK)
		return FAILED;
	if (config_read_modules(
		text, arena, &model->parts.config, &pooling, err) != OK) {
		error_prefix(err, "modules.json");
		return FAILED;
	}
	if (pooling.ptr)
		name =
		    arena_printf(arena, "%.*s/config.json", SPAN_FMT(pooling));
	if (name && read_optional(model, name, config_read_pooling, err) != OK)
		return FAILED;
	result = read_optional(
	    model, "sentence_bert_config.json", config_read_sentences, err);
	return result == FAILED ? FAILED : OK;
}

/* The names of a GGUF classifier's labels. */
static void read_gguf_labels(struct model *model, const struct gguf *gguf)
{
	struct config *c = &model->parts.config;
	const struct gguf_key *key;
	const struct span *labels;
	struct span *copy;
	char name[96];

	(void)snprintf(name, sizeof(name), "%s.classifier.output_labels",
	    c->family->architecture);
	key = gguf_find(gguf, span_of(name));
	labels = gguf_strings(key, &model->parts.arena);
	copy = labels && key->n <= LABELS_MAX
		   ? arena_alloc(&model->parts.arena,
			 (size_t)key->n * sizeof(*copy) + 1)
		   : NULL;
	if (!copy)
		return;
	memcpy(copy, labels, (size_t)key->n * sizeof(*copy));
	c->labels = copy;
	c->n_labels = (uint32_t)key->n;
}

static enum result read_settings(struct model *model, struct error *err)
{
	const struct gguf *gguf = weights_gguf(model->weights);

	if (gguf) {
		if (config_from_gguf(gguf, &model->parts.config, err) != OK)
			return FAILED;
		read_gguf_labels(model, gguf);
		return OK;
	}
	if (read_optional(model, "config.json", config_from_json, err) != OK)
		return FAILED;
	if (read_optional(model, "generation_config.json",
		config_add_generation, err) == FAILED)
		return FAILED;
	return read_modules(model, err);
}

/* Lays what goes through the layers out for this machine; or only plans it. */
static void pack_weights(
    struct model *model, const struct model_options *options)
{
	struct parts *p = &model->parts;
	uint32_t n = 0, max = p->config.n_layers * 7 + 1;
	struct matrix **list = mem_alloc(max * sizeof(struct matrix *));
	struct pack_options how = {
	    .encodes = (p->config.family->traits & TRAIT_ENCODER) != 0,
	    .shortens = options->shortens,
	    .is_plan = options->is_plan,
	};

	for (uint32_t i = 0; i < p->config.n_layers; i++) {
		struct layer *layer = &p->layers[i];
		struct matrix *own[] = {&layer->q, &layer->k, &layer->v,
		    &layer->o, &layer->gate, &layer->up, &layer->down};

		for (size_t k = 0; k < sizeof(own) / sizeof(own[0]); k++)
			list[n++] = own[k];
	}
	list[n++] = &p->head;
	model->packed_bytes = cpu_pack(model->cpu, list, n, &how);
	free(list);
	if (model->packed_bytes && !options->is_plan)
		weights_rest(model->weights);
}

static enum result start_backend(
    struct model *model, const struct model_options *options, struct error *err)
{
	uint32_t threads = options->threads ? options->threads : 1;
	struct kv_shape shapes[KV_GROUPS];

	if (threads > THREADS_MAX) {
		error_set(err, "%u threads: at most %d", threads, THREADS_MAX);
		return FAILED;
	}
	model->cpu =
	    cpu_new(threads, options->is_exact ? CPU_EXACT : CPU_FAST, err);
	if (!model->cpu)
		return FAILED;
	pack_weights(model, options);
	model->has_halves = options->shortens && !options->is_exact;
	forward_shapes(&model->parts, model->has_halves, shapes);
	model->kv = kv_pool_new(
	    shapes, options->kv_bytes ? options->kv_bytes : KV_BYTES_DEFAULT);
	model->chunk = options->chunk ? options->chunk : CHUNK_DEFAULT;
	if (model->chunk > CHUNK_MAX)
		model->chunk = CHUNK_MAX;
	if (options->is_plan)
		return OK;
	model->forward = forward_new(&model->parts, model->cpu);
	return OK;
}

struct model *model_open(
    const char *path, const struct model_options *options, struct error *err)
{
	static const struct model_options none;
	struct model *model = mem_new(struct model);

	pthread_mutex_init(&model->turn, NULL);
	arena_init(&model->parts.arena, ARENA_MAX);
	model->weights = weights_open(path, err);
	if (!model->weights)
		goto failed;
	if (read_settings(model, err) != OK ||
	    parts_bind(&model->parts, model->weights, err) != OK) {
		error_prefix(err, "%s", path);
		goto failed;
	}
	if (start_backend(model, options ? options : &none, err) != OK)
		goto failed;
	return model;
failed:
	model_close(&model);
	return NULL;
}

void model_close(struct model **model)
{
	struct model *m = *model;

	if (!m)
		return;
	forward_free(&m->forward);
	kv_pool_free(&m->kv);
	free(m->heads.states);
	free(m->heads.logits);
	cpu_free(&m->cpu);
	arena_free(&m->parts.arena);
	weights_close(&m->weights);
	pthread_mutex_destroy(&m->turn);
	free(m);
	*model = NULL;
}

uint64_t model_kv_bytes(const struct model *model, uint32_t tokens)
{
	struct kv_shape shapes[KV_GROUPS];
	uint64_t sum = 0;

	forward_shapes(&model->parts, model->has_halves, shapes);
	for (int g = 0; g < KV_GROUPS; g++) {
		const struct kv_shape *s = &shapes[g];
		uint64_t kept = tokens, most = (uint64_t)s->window +
					       model->chunk + KV_PAGE_TOKENS;

		if (s->window && kept > most)
			kept = most;
		kept = (kept + KV_PAGE_TOKENS - 1) / KV_PAGE_TOKENS;
		sum += kept * kv_page_bytes(s);
	}
	return sum;
}

void model_limit_kv(struct model *model, uint64_t bytes)
{
	kv_pool_limit(model->kv, bytes);
}

static uint64_t count_parameters(const struct weights *weights)
{
	const struct tensor_list *list = weights_list(weights);
	uint64_t sum = 0, n;

	for (size_t i = 0; i < list->n; i++) {
		if (quant_type(list->items[i].type)->is_weight &&
		    tensor_elements(&list->items[i], &n))
			sum += n;
	}
	return sum;
}

/* Positions that a text may have. */
uint32_t model_context(const struct model *model)
{
	const struct config *c = &model->parts.config;

	return c->max_positions > c->first_position
		   ? c->max_positions - c->first_position
		   : 0;
}

/* Source: transformers' pipeline for the classification of texts. */
static enum model_scores scores_of(const struct config *c)
{
	if (c->is_regression)
		return MODEL_LOGITS;
	return c->is_multi_label || c->n_labels == 1 ? MODEL_SIGMOID
						     : MODEL_SOFTMAX;
}

struct model_info model_info(const struct model *model)
{
	const struct config *c = &model->parts.config;

	return (struct model_info){
	    .family = span_of(c->family->model_type),
	    .backend = cpu_name(model->cpu),
	    .weight_type = quant_type(model->parts.layers[0].up.type)->name,
	    .n_layers = c->n_layers,
	    .hidden = c->hidden,
	    .vocab = c->vocab,
	    .context = model_context(model),
	    .n_heads = c->n_heads,
	    .n_kv_heads = c->n_kv_heads,
	    .head_dim = c->head_dim,
	    .n_labels = c->has_classifier ? c->n_labels : 0,
	    .scores = scores_of(c),
	    .is_sentences = c->is_sentences,
	    .text_max = c->text_max,
	    .is_encoder = (c->family->traits & TRAIT_ENCODER) != 0,
	    .embeds = (c->family->traits & TRAIT_ENCODER) || c->has_pooling,
	    .parameters = count_parameters(model->weights),
	    .file_bytes = weights_bytes(model->weights),
	    .token_bytes = kv_token_bytes(model->kv),
	    .fixed_bytes =
		needs_fixed(&model->parts, model->chunk) + model->packed_bytes,
	    .packed_bytes = model->packed_bytes,
	    .step_bytes = needs_step(&model->parts),
	    .eos = c->eos,
	    .n_eos = c->n_eos,
	    .bos = c->bos,
	    .labels = c->labels,
	};
}
