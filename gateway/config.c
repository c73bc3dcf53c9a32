/* config.c -- a configuration's life, its lookups and its documentation. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "gateway/config_reader.h"
#include "gateway/config_tables.h"
#include "local/local.h"

const char *config_environment(const char *name, void *arg)
{
	(void)arg;
	return getenv(name);
}

struct config *config_ref(struct config *config)
{
	atomic_fetch_add_explicit(&config->references, 1, memory_order_relaxed);
	return config;
}

static void free_words(char **words, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(words[i]);
	free(words);
}

static void free_keys(struct config *config)
{
	for (size_t i = 0; i < config->n_keys; i++) {
		struct config_key *key = &config->keys[i];

		free(key->name);
		free_words(key->tags, key->n_tags);
		free(key->may_use);
	}
	free(config->keys);
}

static void free_providers(struct config *config)
{
	for (size_t i = 0; i < config->n_providers; i++) {
		struct config_provider *provider = &config->providers[i];

		secret_free(&provider->api_key);
		origin_unref(&provider->origin);
		free(provider->host);
		free(provider->authority);
		free(provider->path);
		settings_free(&config_provider_table, provider);
	}
	free(config->providers);
}

static void free_local(struct config_local *local)
{
	if (!local)
		return;
	free(local->path);
	free(local->class_name);
	free(local->calibration_file);
	confidence_map_free(&local->calibration);
	free(local->identity);
	free(local);
}

static void free_models(struct config *config)
{
	for (size_t i = 0; i < config->n_models; i++) {
		free_local(config->models[i].local);
		settings_free(&config_model_table, &config->models[i]);
	}
	free(config->models);
	free(config->catalogue);
}

static void free_config(struct config *config)
{
	policy_free(&config->policy);
	tls_unref(&config->tls);
	free_keys(config);
	free_providers(config);
	free_models(config);
	settings_free(&config_provider_table, &config->inside);
	settings_free(&config_engine_table, &config->engine);
	free_words(config->admin_hosts, config->n_admin_hosts);
	settings_free(&config_top_table, config);
	settings_free(&config_tls_table, config);
	settings_free(&config_cache_table, &config->cache);
	redis_url_free(&config->cache.redis);
	free(config->file);
	free(config->folder);
	free(config);
}

void config_unref(struct config **config)
{
	struct config *old = *config;

	*config = NULL;
	if (old && atomic_fetch_sub_explicit(
		       &old->references, 1, memory_order_acq_rel) == 1)
		free_config(old);
}

const struct config_key *config_find_key(
    const struct config *config, const struct sha256 *digest)
{
	const struct config_key *found = NULL;
	uint32_t i = config->key_heads[digest->bytes[0]];

	while (i != 0) {
		const struct config_key *key = &config->keys[i - 1];

		if (hash_eq_constant_time(&key->digest, digest))
			found = key;
		i = key->next;
	}
	return found;
}

const struct config_key *config_key_named(
    const struct config *config, struct span name)
{
	for (size_t i = 0; i < config->n_keys; i++)
		if (span_eq(span_of(config->keys[i].name), name))
			return &config->keys[i];
	return NULL;
}

size_t config_find_model(const struct config *config, struct span name)
{
	for (size_t i = 0; i < config->n_models; i++)
		if (span_eq(span_of(config->catalogue[i].name), name))
			return i;
	return SIZE_MAX;
}

size_t config_count_locals(const struct config *config)
{
	size_t n = 0;

	for (size_t i = 0; i < config->n_models; i++)
		n += config->models[i].local != NULL;
	return n;
}

static bool is_loopback(const char *address)
{
	struct span s = span_of(address);

	return span_starts_with(s, SPAN("127.")) ||
	       span_starts_with(s, SPAN("[::1]")) ||
	       span_eq(s, SPAN("localhost")) ||
	       span_starts_with(s, SPAN("localhost:"));
}

/* Models whose tokens cost nobody knows what. */
static void warn_of_prices(
    const struct config *config, struct mistakes *warnings)
{
	for (size_t i = 0; i < config->n_models; i++) {
		const struct config_model *model = &config->models[i];
		bool embeds = model->capabilities == CAN_EMBEDDINGS;

		if (model->local &&
		    (model->local->power.is_there || !model->capabilities))
			continue;
		if (model->price.input_femto == MONEY_UNPRICED ||
		    (!embeds && model->price.output_femto == MONEY_UNPRICED))
			mistakes_add(warnings, config->file, 0, 0,
			    "model \"%s\" has no price: its cost and savings "
			    "will be unpriced, not 0",
			    model->name);
	}
}

void config_warnings(const struct config *config, struct mistakes *warnings)
{
	const char *file = config->file;

	if (config->n_keys == 0)
		mistakes_add(warnings, file, 0, 0,
		    "no keys: every request will be refused with 401");
	if (!is_loopback(config->admin))
		mistakes_add(warnings, file, 0, 0,
		    "admin listens on %s, which is not a loopback address: "
		    "anyone who reaches it sees spend and can reload",
		    config->admin);
	warn_of_prices(config, warnings);
	config_warn_of_memory(config, warnings);
	for (size_t i = 0; i < config->n_providers; i++)
		if (config->providers[i].api_key &&
		    !config->providers[i].is_tls &&
		    !is_loopback(config->providers[i].authority))
			mistakes_add(warnings, file, 0, 0,
			    "provider \"%s\": its key is sent over plain http",
			    config->providers[i].name);
}

bool config_write_docs(struct buf *out)
{
	static const struct settings *const tables[] = {&config_top_table,
	    &config_tls_table, &config_limits_table, &config_cache_table,
	    &config_key_table, &config_provider_table, &config_pool_table,
	    &config_timeouts_table, &config_breaker_table, &config_model_table,
	    &config_price_table, &config_local_table, &config_sampling_table,
	    &config_power_table, &config_engine_table};

	if (!buf_append(out,
		SPAN("# Configuration\n\nMade from the tables in "
		     "`gateway/config_tables.c` by `make docs`; `make check` "
		     "fails when it is\nstale. A configuration is one YAML "
		     "file. `sluice check --config FILE` prints every mistake "
		     "in it,\nwith line and column. Relative paths are "
		     "relative to the file they stand in. `${NAME}` inside any "
		     "value\nis the environment's, `${NAME:-default}` gives a "
		     "default, `$$` is a dollar; a missing one is a mistake.\n"
		     "Anchors, aliases, tags and keys that stand twice are "
		     "mistakes too.\n\n")))
		return false;
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
		if (!settings_write_docs(tables[i], out))
			return false;
	return true;
}
