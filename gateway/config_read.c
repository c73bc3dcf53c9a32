/* config_read.c -- reads a configuration file into its struct. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/config_reader.h"
#include "gateway/config_tables.h"
#include "gateway/files.h"

enum {
	FILE_MAX = 4 << 20
};

void config_complain(const struct config_reader *reader,
    const struct yaml_node *at, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	mistakes_add(reader->source.mistakes, reader->source.file, at->line,
	    at->column, "%s", text);
}

const struct yaml_node *config_list_at(const struct config_reader *reader,
    const struct yaml_node *map, const char *key)
{
	const struct yaml_node *list = yaml_get(map, key);

	if (list && list->kind != YAML_LIST) {
		config_complain(reader, list, "\"%s\" must be a list", key);
		return NULL;
	}
	return list;
}

char **config_read_words(
    const struct config_reader *reader, const struct yaml_node *list, size_t *n)
{
	char **words = mem_zalloc((list->count + 1) * sizeof(*words));

	*n = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i]->kind != YAML_SCALAR)
			config_complain(
			    reader, list->items[i], "expected a word");
		else
			words[(*n)++] = span_dup(list->items[i]->text);
	}
	return words;
}

void config_check_name(const struct config_reader *reader,
    const struct yaml_node *node, const char *name)
{
	if (name && strlen(name) > LEDGER_NAME_MAX)
		config_complain(reader, yaml_get(node, "name"),
		    "a name has at most %d bytes, got %zu", LEDGER_NAME_MAX,
		    strlen(name));
}

/* --- the whole
 * ------------------------------------------------------------------ */

static void read_workers(
    struct config_reader *reader, const struct yaml_node *root)
{
	struct config *config = reader->config;
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	uint64_t n;

	config->workers = processors > 0 ? (unsigned)processors : 1;
	if (config->workers > 256)
		config->workers = 256;
	if (!strcmp(config->workers_text, "auto"))
		return;
	if (!span_to_u64(span_of(config->workers_text), &n) || n < 1 || n > 256)
		config_complain(reader, yaml_get(root, "workers"),
		    "\"workers\" must be auto or 1 to 256, got \"%s\"",
		    config->workers_text);
	else
		config->workers = (unsigned)n;
}

static void check_address(struct config_reader *reader,
    const struct yaml_node *root, const char *key, const char *address)
{
	const struct yaml_node *at = yaml_get(root, key);
	struct error err;

	if (server_check_address(address, &err) != OK)
		config_complain(
		    reader, at ? at : root, "\"%s\": %s", key, err.text);
}

static void read_policy(
    struct config_reader *reader, const struct yaml_node *root)
{
	struct config *config = reader->config;
	struct mistakes *mistakes = reader->source.mistakes;
	struct yaml_doc *doc;
	struct error err;
	struct span text;

	if (!config->policy_file)
		return;
	if (file_read(config->policy_file, FILE_MAX, &text, &err) != OK) {
		config_complain(
		    reader, yaml_get(root, "policy"), "policy: %s", err.text);
		return;
	}
	doc = yaml_parse(config->policy_file, text, mistakes);
	if (doc) {
		yaml_expand(doc, reader->lookup, reader->lookup_arg, mistakes);
		config->policy = policy_new(
		    doc, config->catalogue, config->n_models, mistakes);
	}
	yaml_doc_free(&doc);
	file_free(&text);
}

static void read_tls(struct config_reader *reader, const struct yaml_node *root)
{
	struct config *config = reader->config;
	const struct yaml_node *tls = yaml_get(root, "tls");
	struct error err;

	if (!tls)
		return;
	settings_read(&config_tls_table, &reader->source, tls, config);
	if (!config->tls_cert || !config->tls_key)
		return;
	config->tls = tls_server_new(config->tls_cert, config->tls_key, &err);
	if (!config->tls)
		config_complain(reader, tls, "tls: %s", err.text);
}

/* A password in the url is known to this function and to redis_url only. */
static void read_cache(
    struct config_reader *reader, const struct yaml_node *root)
{
	struct config_cache *cache = &reader->config->cache;
	const struct yaml_node *at = yaml_get(root, "cache");
	struct error err;

	if (!at)
		return;
	cache->is_there = true;
	settings_read(&config_cache_table, &reader->source, at, cache);
	if (at->kind != YAML_MAP)
		return;
	if (cache->store == STORE_REDIS && !cache->url)
		config_complain(reader, at,
		    "cache: store redis needs a \"url\", such as "
		    "redis://127.0.0.1:6379/0");
	if (cache->store == STORE_MEMORY && cache->url)
		config_complain(reader, yaml_get(at, "url"),
		    "cache: \"url\" is for store redis; this one is memory");
	if (!cache->url)
		return;
	cache->redis = redis_url_parse(span_of(cache->url), &err);
	if (!cache->redis)
		config_complain(
		    reader, yaml_get(at, "url"), "cache: %s", err.text);
	explicit_bzero(cache->url, strlen(cache->url));
}

/* Without local models there must be others. */
static void want_upstreams(
    const struct config_reader *reader, const struct yaml_node *root)
{
	static const char *const keys[] = {"providers", "models"};

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (!yaml_get(root, keys[i]))
			config_complain(reader, root,
			    "\"%s\" is missing in the configuration", keys[i]);
}

static void read_root(
    struct config_reader *reader, const struct yaml_node *root)
{
	struct config *config = reader->config;
	const struct yaml_node *list;

	settings_read(&config_top_table, &reader->source, root, config);
	if (root->kind != YAML_MAP)
		return;
	settings_read(&config_limits_table, &reader->source,
	    yaml_get(root, "limits"), &config->limits);
	check_address(reader, root, "listen", config->listen);
	check_address(reader, root, "admin", config->admin);
	read_cache(reader, root);
	read_workers(reader, root);
	read_tls(reader, root);
	list = config_list_at(reader, root, "providers");
	if (list)
		config_read_providers(reader, list);
	list = config_list_at(reader, root, "models");
	if (list)
		config_read_models(reader, list);
	config_read_engine(reader, yaml_get(root, "engine"));
	list = config_list_at(reader, root, "local");
	if (list)
		config_read_locals(reader, list);
	else
		want_upstreams(reader, root);
	list = config_list_at(reader, root, "keys");
	if (list)
		config_read_keys(reader, list);
	list = config_list_at(reader, root, "admin_hosts");
	if (list)
		config->admin_hosts =
		    config_read_words(reader, list, &config->n_admin_hosts);
	read_policy(reader, root);
}

static char *folder_of(const char *file)
{
	const char *slash = strrchr(file, '/');

	if (!slash)
		return mem_strdup(".");
	return span_dup(
	    span_make(file, slash == file ? 1 : (size_t)(slash - file)));
}

struct config *config_load(
    const char *file, yaml_lookup_fn *lookup, struct mistakes *mistakes)
{
	size_t before = mistakes_count(mistakes);
	struct config *config = mem_new(struct config);
	struct yaml_doc *doc;
	struct error err;
	struct span text;

	config->references = 1;
	config->file = mem_strdup(file);
	config->folder = folder_of(file);
	struct config_reader reader = {
	    .config = config,
	    .source = {file, config->folder, mistakes},
	    .lookup = lookup,
	};

	if (file_read(file, FILE_MAX, &text, &err) != OK) {
		mistakes_add(mistakes, file, 0, 0, "%s", err.text);
		config_unref(&config);
		return NULL;
	}
	doc = yaml_parse(file, text, mistakes);
	if (doc) {
		yaml_expand(doc, lookup, NULL, mistakes);
		read_root(&reader, doc->root);
	}
	yaml_doc_free(&doc);
	file_free(&text);
	if (mistakes_count(mistakes) != before)
		config_unref(&config);
	return config;
}
