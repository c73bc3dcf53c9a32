/* config_model.c -- the models of a configuration, and who may use them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/config_reader.h"
#include "gateway/config_tables.h"

/* --- models
 * ------------------------------------------------------------------- */

unsigned config_read_capabilities(const struct config_reader *reader,
    const struct yaml_node *list, unsigned otherwise)
{
	static const char *const known[] = {"chat", "completions", "embeddings",
	    "tools", "json", "vision", "audio"};
	const unsigned endpoints = CAN_CHAT | CAN_COMPLETIONS | CAN_EMBEDDINGS;
	unsigned bits = 0;

	if (!list)
		return otherwise;
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->items[i];
		unsigned bit = router_capability(item->text);
		const char *near;

		bits |= bit;
		if (bit)
			continue;
		near = mistakes_nearest(
		    item->text, known, sizeof(known) / sizeof(known[0]));
		config_complain(reader, item,
		    "unknown capability \"%.*s\"%s%s%s",
		    SPAN_FMT(span_head(item->text, 60)),
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	}
	return bits & endpoints ? bits : bits | CAN_CHAT | CAN_COMPLETIONS;
}

static void find_provider(struct config_reader *reader,
    const struct yaml_node *node, struct config_model *model)
{
	const struct config *config = reader->config;
	const char **known =
	    mem_zalloc((config->n_providers + 1) * sizeof(*known));
	size_t n = 0;
	const char *near;

	for (size_t i = 0; i < config->n_providers; i++) {
		if (!config->providers[i].name)
			continue;
		known[n++] = config->providers[i].name;
		if (!strcmp(config->providers[i].name, model->provider_name))
			model->provider = &config->providers[i];
	}
	near = mistakes_nearest(span_of(model->provider_name), known, n);
	if (!model->provider)
		config_complain(reader, yaml_get(node, "provider"),
		    "unknown provider \"%s\"%s%s%s", model->provider_name,
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	free(known);
}

void config_read_price(const struct config_reader *reader,
    const struct yaml_node *node, struct ledger_price *price)
{
	*price = (struct ledger_price){
	    MONEY_UNPRICED, MONEY_UNPRICED, MONEY_UNPRICED};
	if (yaml_get(node, "price"))
		settings_read(&config_price_table, &reader->source,
		    yaml_get(node, "price"), price);
	if (price->cached_femto == MONEY_UNPRICED)
		price->cached_femto = price->input_femto;
}

void config_check_model_name(const struct config_reader *reader,
    const struct yaml_node *node, const char *name)
{
	if (!name)
		return;
	if (!strcmp(name, "auto"))
		config_complain(reader, yaml_get(node, "name"),
		    "\"auto\" is the name by which clients leave the choice "
		    "to the policy; call the model something else");
	config_check_name(reader, node, name);
	if (!http1_is_value(span_of(name)))
		config_complain(reader, yaml_get(node, "name"),
		    "a model's name must be printable");
}

void config_catalogue(struct config *config, size_t i)
{
	const struct config_model *model = &config->models[i];
	const struct config_local *local = model->local;

	config->catalogue[i] = (struct router_model){
	    .name = model->name ? model->name : "",
	    .capabilities = model->capabilities,
	    .context = model->context,
	    .input_femto = model->price.input_femto,
	    .cached_femto = model->price.cached_femto,
	    .output_femto = model->price.output_femto,
	    .is_local = local != NULL,
	    .escalate = local && local->escalates ? &local->escalate : NULL,
	    .class_name = local ? local->class_name : NULL,
	};
}

static void read_model(struct config_reader *reader,
    const struct yaml_node *node, struct config_model *model)
{
	settings_read(&config_model_table, &reader->source, node, model);
	config_read_price(reader, node, &model->price);
	if (node->kind != YAML_MAP)
		return;
	model->capabilities = config_read_capabilities(reader,
	    config_list_at(reader, node, "capabilities"),
	    CAN_CHAT | CAN_COMPLETIONS | CAN_TOOLS | CAN_JSON);
	if (model->provider_name)
		find_provider(reader, node, model);
	if (model->name && !model->upstream)
		model->upstream = mem_strdup(model->name);
	config_check_model_name(reader, node, model->name);
}

void config_read_models(
    struct config_reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;
	size_t n = list->count;

	if (n > CONFIG_MODELS_MAX) {
		config_complain(reader, list, "at most %d models, got %zu",
		    CONFIG_MODELS_MAX, n);
		n = CONFIG_MODELS_MAX;
	}
	config->models = mem_zalloc((n + 1) * sizeof(*config->models));
	config->catalogue = mem_zalloc((n + 1) * sizeof(*config->catalogue));
	for (size_t i = 0; i < n; i++) {
		read_model(reader, list->items[i], &config->models[i]);
		CONFIG_REFUSE_TWIN(
		    reader, list->items[i], config->models, i, "model");
		config->n_models++;
		config_catalogue(config, i);
	}
}

/* --- keys
 * --------------------------------------------------------------------- */

static void read_permissions(struct config_reader *reader,
    const struct yaml_node *list, struct config_key *key)
{
	const struct config *config = reader->config;
	const char **known =
	    mem_zalloc((config->n_models + 1) * sizeof(*known));

	for (size_t i = 0; i < config->n_models; i++)
		known[i] = config->catalogue[i].name;
	key->may_auto = false;
	key->may_use = mem_zalloc(config->n_models + 1);
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->items[i];
		size_t model = config_find_model(config, item->text);
		const char *near;

		if (span_eq(item->text, SPAN("auto"))) {
			key->may_auto = true;
			continue;
		}
		if (model != SIZE_MAX) {
			key->may_use[model] = true;
			continue;
		}
		near = mistakes_nearest(item->text, known, config->n_models);
		config_complain(reader, item, "unknown model \"%.*s\"%s%s%s",
		    SPAN_FMT(span_head(item->text, 60)),
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	}
	free(known);
}

static void read_digest(struct config_reader *reader,
    const struct yaml_node *node, struct config_key_text *text,
    struct config_key *key)
{
	if ((text->key != NULL) == (text->key_sha256 != NULL)) {
		config_complain(reader, node,
		    "exactly one of \"key\" and \"key_sha256\" must be given");
		return;
	}
	if (text->key_sha256) {
		if (!hash_parse_hex(span_of(text->key_sha256), &key->digest))
			config_complain(reader, yaml_get(node, "key_sha256"),
			    "\"key_sha256\" must be 64 hexadecimal digits");
		return;
	}
	if (strlen(text->key) < 8)
		config_complain(reader, yaml_get(node, "key"),
		    "a key must have at least 8 characters");
	key->digest = hash_sha256(span_of(text->key));
	explicit_bzero(text->key, strlen(text->key));
}

static void read_key(struct config_reader *reader, const struct yaml_node *node,
    struct config_key *key)
{
	struct config_key_text text = {0};
	const struct yaml_node *list;

	key->may_auto = true;
	settings_read(&config_key_table, &reader->source, node, &text);
	if (node->kind == YAML_MAP) {
		read_digest(reader, node, &text, key);
		list = config_list_at(reader, node, "tags");
		if (list)
			key->tags =
			    config_read_words(reader, list, &key->n_tags);
		list = config_list_at(reader, node, "models");
		if (list)
			read_permissions(reader, list, key);
	}
	config_check_name(reader, node, text.name);
	key->name = text.name;
	text.name = NULL;
	settings_free(&config_key_table, &text);
}

/* Puts key <i> where it will be looked for; one that is there is a mistake. */
static void index_key(
    struct config_reader *reader, const struct yaml_node *node, size_t i)
{
	static const struct sha256 none;
	struct config *config = reader->config;
	struct config_key *key = &config->keys[i];
	uint32_t *head = &config->key_heads[key->digest.bytes[0]];
	const struct config_key *twin = config_find_key(config, &key->digest);

	/* One that could not be read has zeros, which nothing hashes to. */
	if (hash_eq_constant_time(&key->digest, &none))
		return;
	if (twin)
		config_complain(reader, node, "the same key as \"%s\"",
		    twin->name ? twin->name : "another");
	key->next = *head;
	*head = (uint32_t)i + 1;
}

void config_read_keys(
    struct config_reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;
	size_t n = list->count;

	if (n > CONFIG_KEYS_MAX) {
		config_complain(reader, list, "at most %d keys, got %zu",
		    CONFIG_KEYS_MAX, n);
		n = CONFIG_KEYS_MAX;
	}
	config->keys = mem_zalloc((n + 1) * sizeof(*config->keys));
	for (size_t i = 0; i < n; i++) {
		read_key(reader, list->items[i], &config->keys[i]);
		CONFIG_REFUSE_TWIN(
		    reader, list->items[i], config->keys, i, "key");
		index_key(reader, list->items[i], i);
		config->n_keys++;
	}
}
