/* config_local.c -- the models that this process answers with itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/config_reader.h"
#include "gateway/config_tables.h"
#include "gateway/files.h"
#include "gateway/local/probe.h"
#include "gateway/pull/pull.h"

#define NANO INT64_C(1000000000)
#define WATTS_MAX 1000000
#define TARIFF_MAX 1000
#define HOUR_MAX 100000
#define CLASS_NAME_MAX 64
#define THREADS_MAX 256
#define CALIBRATION_MAX (1 << 20)

/* --- the engine
 * ----------------------------------------------------------------- */

void config_read_engine(
    struct config_reader *reader, const struct yaml_node *map)
{
	struct config_engine *engine = &reader->config->engine;
	uint64_t n;

	settings_read(&config_engine_table, &reader->source, map, engine);
	engine->threads = machine_read().threads;
	if (engine->threads > THREADS_MAX)
		engine->threads = THREADS_MAX;
	if (!strcmp(engine->threads_text, "auto"))
		return;
	if (!span_to_u64(span_of(engine->threads_text), &n) || n < 1 ||
	    n > THREADS_MAX)
		config_complain(reader, yaml_get(map, "threads"),
		    "\"threads\" must be auto or 1 to %d, got \"%s\"",
		    THREADS_MAX, engine->threads_text);
	else
		engine->threads = (uint32_t)n;
}

/* --- what its time costs
 * --------------------------------------------------------- */

/* A decimal up to <max>, in billionths. */
static int64_t read_decimal(const struct config_reader *reader,
    const struct yaml_node *map, const char *key, const char *text, int64_t max)
{
	const struct yaml_node *at = yaml_get(map, key);
	int64_t value;

	if (!text || (at && at->kind != YAML_SCALAR))
		return 0;
	if (money_parse_price(span_of(text), &value, NULL) == OK &&
	    value <= max * NANO)
		return value;
	config_complain(reader, at ? at : map,
	    "\"%s\" must be 0 to %lld, a plain decimal of at most nine "
	    "fractional digits, got \"%.60s\"",
	    key, (long long)max, text);
	return 0;
}

static void read_power(const struct config_reader *reader,
    const struct yaml_node *node, struct config_power *power)
{
	const struct yaml_node *map = yaml_get(node, "power");
	struct config_power_text text = {0};
	int64_t nanowatts;

	if (!map)
		return;
	if (yaml_get(node, "price"))
		config_complain(reader, map,
		    "\"price\" and \"power\" are two ways to say what it "
		    "costs; give one");
	power->is_there = true;
	settings_read(&config_power_table, &reader->source, map, &text);
	nanowatts = read_decimal(reader, map, "watts", text.watts, WATTS_MAX);
	power->milliwatts = nanowatts / 1000000;
	if (nanowatts % 1000000)
		config_complain(reader, yaml_get(map, "watts"),
		    "\"watts\" has at most three fractional digits");
	power->tariff_nano =
	    read_decimal(reader, map, "tariff", text.tariff, TARIFF_MAX);
	power->hour_nano =
	    read_decimal(reader, map, "hour", text.hour, HOUR_MAX);
	settings_free(&config_power_table, &text);
}

/* --- when its answers are given up
 * ------------------------------------------------- */

/* Once all models are known, since it may name any of them. */
static void read_escalate(const struct config_reader *reader,
    const struct yaml_node *node, struct config_model *model)
{
	const struct config *config = reader->config;
	const struct yaml_node *at = yaml_get(node, "escalate");
	const struct yaml_node *to = yaml_get(at, "to");
	const struct router_escalate_place place = {
	    .file = reader->source.file,
	    .models = config->catalogue,
	    .n_models = config->n_models,
	    .mistakes = reader->source.mistakes,
	};
	struct config_local *local = model->local;

	if (!at || !router_escalate_read(&place, at, &local->escalate))
		return;
	local->escalates = true;
	if (to && local->escalate.to < config->n_models &&
	    &config->models[local->escalate.to] == model)
		config_complain(reader, to,
		    "\"to\" must name another model than \"%s\" itself",
		    model->name);
}

static void read_calibration(const struct config_reader *reader,
    const struct yaml_node *node, struct config_local *local)
{
	struct error err;
	struct span text;

	if (!local->calibration_file)
		return;
	if (file_read(local->calibration_file, CALIBRATION_MAX, &text, &err) ==
	    OK) {
		local->calibration = confidence_map_new(text, &err);
		if (!local->calibration)
			error_prefix(&err, "%s", local->calibration_file);
		file_free(&text);
	}
	if (!local->calibration)
		config_complain(reader, yaml_get(node, "calibration"),
		    "\"calibration\": %s", err.text);
}

/* --- its checkpoint
 * ---------------------------------------------------------------- */

static void check_class(const struct config_reader *reader,
    const struct yaml_node *node, const struct config_local *local)
{
	const struct config *config = reader->config;
	const struct yaml_node *at = yaml_get(node, "class");
	struct span name = span_of(local->class_name);
	bool is_plain = name.len > 0 && name.len <= CLASS_NAME_MAX;

	for (size_t i = 0; i < name.len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz"
			    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-/",
			name.ptr[i]))
			is_plain = false;
	if (!is_plain)
		config_complain(reader, at,
		    "\"class\" must be 1 to %d letters, digits, . _ - or /",
		    CLASS_NAME_MAX);
	for (size_t i = 0; i < config->n_models; i++) {
		const struct config_local *other = config->models[i].local;

		if (other && other != local && other->class_name &&
		    !strcmp(other->class_name, local->class_name))
			config_complain(reader, at,
			    "a second class named \"%s\"", local->class_name);
	}
}

/* What the checkpoint says of itself, and what was asked of it. */
static void read_checkpoint(const struct config_reader *reader,
    const struct yaml_node *node, struct config_model *model)
{
	const struct yaml_node *path = yaml_get(node, "path");
	struct config_local *local = model->local;
	struct local_probe probe;
	struct error err;

	local->identity = local_identity(local, &err);
	if (!local->identity || local_probe(local, &probe, &err) != OK) {
		config_complain(reader, path, "\"path\": %s", err.text);
		return;
	}
	local->is_encoder = probe.is_encoder;
	local->n_labels = probe.n_labels;
	local->weight_bytes = probe.weight_bytes;
	local->fixed_bytes = probe.fixed_bytes;
	local->text_bytes = probe.text_bytes;
	if (local->context > probe.context)
		config_complain(reader, yaml_get(node, "context"),
		    "\"context\" must be at most the model's %u tokens, got "
		    "%lld",
		    probe.context, (long long)local->context);
	model->context = local->context ? local->context : probe.context;
	if (local->class_name && probe.n_labels == 0)
		config_complain(reader, yaml_get(node, "class"),
		    "\"class\": %s has no classification head", local->path);
	model->capabilities = config_read_capabilities(reader,
	    config_list_at(reader, node, "capabilities"),
	    local->class_name ? 0 : probe.capabilities);
	if (model->capabilities & ~probe.capabilities &
	    (CAN_CHAT | CAN_COMPLETIONS | CAN_EMBEDDINGS))
		config_complain(reader, yaml_get(node, "capabilities"),
		    "\"capabilities\": %s does not serve all of these "
		    "endpoints: %s",
		    local->path,
		    probe.is_encoder ? "it is an encoder"
				     : "a chat needs a chat template, an "
				       "embedding an encoder");
}

static char *find_path(const struct config_reader *reader,
    const struct yaml_node *node, const char *path)
{
	char *found;
	struct error err;

	if (!span_starts_with(span_of(path), SPAN("hf:")))
		return settings_resolve_path(
		    reader->source.folder, span_of(path));
	found = pull_resolve(path, &err);
	if (!found)
		config_complain(
		    reader, yaml_get(node, "path"), "\"path\": %s", err.text);
	return found;
}

/* --- the whole
 * ------------------------------------------------------------------ */

static void read_local(struct config_reader *reader,
    const struct yaml_node *node, struct config_model *model)
{
	struct config_local *local = mem_new(struct config_local);
	struct config_local_text text = {0};

	model->local = local;
	model->provider = &reader->config->inside;
	model->provider_name = mem_strdup(model->provider->name);
	settings_read(&config_local_table, &reader->source, node, &text);
	model->name = text.name;
	local->class_name = text.class_name;
	local->calibration_file = text.calibration;
	local->backend = text.backend;
	local->context = text.context;
	local->batch = text.batch;
	local->weight = text.weight;
	local->int8 = text.int8;
	config_read_price(reader, node, &model->price);
	config_check_model_name(reader, node, model->name);
	if (local->class_name)
		check_class(reader, node, local);
	read_power(reader, node, &local->power);
	read_calibration(reader, node, local);
	if (text.path)
		local->path = find_path(reader, node, text.path);
	free(text.path);
	if (local->path)
		read_checkpoint(reader, node, model);
	config_read_sampling(reader, node, local);
	model->upstream =
	    mem_strdup(local->identity ? local->identity : "unknown");
}

/* What reads a model's provider finds one, with the usual settings. */
static void fill_inside(
    const struct config_reader *reader, struct config_provider *inside)
{
	static const struct settings *const tables[] = {&config_provider_table,
	    &config_pool_table, &config_timeouts_table, &config_breaker_table};

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		settings_read(tables[i], &reader->source, NULL, inside);
	inside->name = mem_strdup("local");
	inside->base_url = mem_strdup("local:");
}

void config_read_locals(
    struct config_reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;
	size_t first = config->n_models;
	size_t n = list->count;

	if (first + n > CONFIG_MODELS_MAX) {
		config_complain(reader, list, "at most %d models, got %zu",
		    CONFIG_MODELS_MAX, first + n);
		n = CONFIG_MODELS_MAX - first;
	}
	fill_inside(reader, &config->inside);
	config->models = mem_realloc(
	    config->models, (first + n + 1) * sizeof(*config->models));
	config->catalogue = mem_realloc(
	    config->catalogue, (first + n + 1) * sizeof(*config->catalogue));
	for (size_t i = 0; i < n; i++) {
		size_t at = first + i;

		config->models[at] = (struct config_model){.name = NULL};
		read_local(reader, list->items[i], &config->models[at]);
		CONFIG_REFUSE_TWIN(
		    reader, list->items[i], config->models, at, "model");
		config->n_models++;
		config_catalogue(config, at);
	}
	for (size_t i = 0; i < n; i++) {
		read_escalate(
		    reader, list->items[i], &config->models[first + i]);
		config_catalogue(config, first + i);
	}
}

void config_warn_of_memory(
    const struct config *config, struct mistakes *warnings)
{
	const uint64_t mebi = 1 << 20;
	uint64_t needed = 0, texts = (uint64_t)config->engine.memory;
	uint64_t weights = 0;
	struct machine machine;

	for (size_t i = 0; i < config->n_models; i++)
		if (config->models[i].local &&
		    !config->models[i].local->is_encoder)
			weights += (uint64_t)config->models[i].local->weight;
	if (config_count_locals(config) == 0)
		return;
	for (size_t i = 0; i < config->n_models; i++) {
		const struct config_local *local = config->models[i].local;
		uint64_t share;

		if (!local)
			continue;
		needed += local->weight_bytes + local->fixed_bytes;
		if (local->is_encoder)
			continue;
		share = texts / weights * (uint64_t)local->weight;
		if (local->text_bytes > share)
			mistakes_add(warnings, config->file, 0, 0,
			    "model \"%s\": a text of full length takes %llu "
			    "MiB of keys and values, its share of "
			    "engine.memory is %llu MiB",
			    config->models[i].name,
			    (unsigned long long)(local->text_bytes / mebi),
			    (unsigned long long)(share / mebi));
	}
	machine = machine_read();
	if (needed + texts > machine.memory)
		mistakes_add(warnings, config->file, 0, 0,
		    "local models take up to %llu MiB (weights %llu, keys and "
		    "values %llu), and this machine has %llu MiB",
		    (unsigned long long)((needed + texts) / mebi),
		    (unsigned long long)(needed / mebi),
		    (unsigned long long)(texts / mebi),
		    (unsigned long long)(machine.memory / mebi));
}
