/* config_read.c -- reads a configuration file into its struct. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "gateway/config_tables.h"
#include "gateway/files.h"

enum {
	FILE_MAX = 4 << 20
};

struct reader {
	struct config *config;
	struct settings_source source;
	yaml_lookup_fn *lookup;
	void *lookup_arg;
};

static void complain(const struct reader *reader, const struct yaml_node *at,
    const char *fmt, ...) printf_like(3, 4);

static void complain(const struct reader *reader, const struct yaml_node *at,
    const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	mistakes_add(reader->source.mistakes, reader->source.file, at->line,
	    at->column, "%s", text);
}

/* The list at <key> of <map>, NULL when absent; another kind is a mistake. */
static const struct yaml_node *list_at(
    const struct reader *reader, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *list = yaml_get(map, key);

	if (list && list->kind != YAML_LIST) {
		complain(reader, list, "\"%s\" must be a list", key);
		return NULL;
	}
	return list;
}

/* The list's scalars as malloc'ed strings; other elements are mistakes. */
static char **read_words(
    const struct reader *reader, const struct yaml_node *list, size_t *n)
{
	char **words = mem_zalloc((list->count + 1) * sizeof(*words));

	*n = 0;
	for (size_t i = 0; i < list->count; i++) {
		if (list->items[i]->kind != YAML_SCALAR)
			complain(reader, list->items[i], "expected a word");
		else
			words[(*n)++] = span_dup(list->items[i]->text);
	}
	return words;
}

/* --- providers ---------------------------------------------------------------
 */

static bool split_port(struct span *host, struct span authority, uint16_t *port)
{
	size_t colon = authority.len;
	uint64_t n;

	for (size_t i = 0; i < authority.len; i++)
		if (authority.ptr[i] == ':')
			colon = i;
	if (authority.len > 0 && authority.ptr[0] == '[') {
		size_t close = span_find(authority, SPAN("]"), 0);

		if (close == SIZE_MAX)
			return false;
		*host = span_make(authority.ptr + 1, close - 1);
		if (close + 1 == authority.len)
			return host->len > 0;
		if (authority.ptr[close + 1] != ':')
			return false;
		colon = close + 1;
	} else {
		*host = span_head(authority, colon);
		/* An IPv6 address without brackets has no port to find. */
		if (span_find(*host, SPAN(":"), 0) != SIZE_MAX)
			return false;
	}
	if (colon == authority.len)
		return host->len > 0;
	if (!span_to_u64(span_from(authority, colon + 1), &n) || n == 0 ||
	    n > UINT16_MAX)
		return false;
	*port = (uint16_t)n;
	return host->len > 0;
}

/* Hosts and paths of base URLs are plain ASCII without anything odd. */
static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] <= ' ' || s.ptr[i] >= 0x7f ||
		    strchr("?#@\\\"<>", s.ptr[i]))
			return false;
	return true;
}

static bool read_base_url(struct config_provider *provider, struct span url)
{
	struct span authority, path, host;
	size_t slash;

	if (span_starts_with(url, SPAN("https://"))) {
		provider->is_tls = true;
		url = span_from(url, 8);
	} else if (span_starts_with(url, SPAN("http://"))) {
		url = span_from(url, 7);
	} else {
		return false;
	}
	if (!is_plain(url))
		return false;
	slash = span_find(url, SPAN("/"), 0);
	authority = span_head(url, slash);
	path = span_from(url, slash);
	while (span_ends_with(path, SPAN("/")))
		path.len--;
	provider->port = provider->is_tls ? 443 : 80;
	if (!split_port(&host, authority, &provider->port))
		return false;
	provider->host = span_dup(host);
	provider->authority = span_dup(authority);
	provider->path = span_dup(path);
	return true;
}

static bool make_origin(const struct reader *reader, const struct yaml_node *at,
    struct config_provider *provider)
{
	struct tls_context *tls = NULL;
	struct error err;

	if (provider->is_tls) {
		tls = tls_client_new(provider->ca, &err);
		if (!tls) {
			complain(reader, at, "provider \"%s\": %s",
			    provider->name, err.text);
			return false;
		}
	}
	provider->origin = origin_new(&(struct origin_options){
	    .host = provider->host,
	    .port = provider->port,
	    .tls = tls,
	    .ca_file = provider->ca,
	    .pool_idle = (size_t)provider->pool.idle,
	    .pool_keep_ns = provider->pool.keep,
	    .timeouts =
		{
		    .connect_ns = provider->timeouts.connect,
		    .tls_ns = provider->timeouts.tls,
		    .first_byte_ns = provider->timeouts.first_byte,
		    .silence_ns = provider->timeouts.silence,
		    .total_ns = provider->timeouts.total,
		},
	});
	tls_unref(&tls);
	return true;
}

static void read_provider(struct reader *reader, const struct yaml_node *node,
    struct config_provider *provider)
{
	const struct settings_source *source = &reader->source;
	const struct yaml_node *url;

	settings_read(&config_provider_table, source, node, provider);
	if (node->kind != YAML_MAP)
		return;
	settings_read(
	    &config_pool_table, source, yaml_get(node, "pool"), provider);
	settings_read(&config_timeouts_table, source,
	    yaml_get(node, "timeouts"), provider);
	settings_read(
	    &config_breaker_table, source, yaml_get(node, "breaker"), provider);
	if (provider->api_key_text) {
		struct span text = span_of(provider->api_key_text);

		if (!http1_is_value(text) || text.len == 0)
			complain(reader, yaml_get(node, "api_key"),
			    "\"api_key\" is empty or has characters that no "
			    "header can carry");
		else
			provider->api_key = secret_new(text);
		explicit_bzero(provider->api_key_text, text.len);
		free(provider->api_key_text);
		provider->api_key_text = NULL;
	}
	url = yaml_get(node, "base_url");
	if (!url || url->kind != YAML_SCALAR)
		return;
	if (!read_base_url(provider, url->text))
		complain(reader, url,
		    "\"base_url\" must be http://host[:port][/path] or "
		    "https://..., without user, query or fragment");
	else
		make_origin(reader, url, provider);
}

/* The ledger refuses a longer name, and with it every request. */
static void check_name(
    const struct reader *reader, const struct yaml_node *node, const char *name)
{
	if (name && strlen(name) > LEDGER_NAME_MAX)
		complain(reader, yaml_get(node, "name"),
		    "a name has at most %d bytes, got %zu", LEDGER_NAME_MAX,
		    strlen(name));
}

/* A name that stands twice among the first <n> names is a mistake. */
#define REFUSE_TWIN(reader, node, array, n, what)                              \
	do {                                                                   \
		for (size_t twin = 0; (array)[n].name && twin < (n); twin++)   \
			if ((array)[twin].name &&                              \
			    !strcmp((array)[twin].name, (array)[n].name))      \
				complain((reader), (node),                     \
				    "a second " what " named \"%s\"",          \
				    (array)[n].name);                          \
	} while (0)

static void read_providers(struct reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;

	config->providers =
	    mem_zalloc((list->count + 1) * sizeof(*config->providers));
	for (size_t i = 0; i < list->count; i++) {
		read_provider(reader, list->items[i], &config->providers[i]);
		REFUSE_TWIN(
		    reader, list->items[i], config->providers, i, "provider");
		config->n_providers++;
	}
}

/* --- models
 * ------------------------------------------------------------------- */

static unsigned read_capabilities(
    const struct reader *reader, const struct yaml_node *list)
{
	static const char *const known[] = {"chat", "completions", "embeddings",
	    "tools", "json", "vision", "audio"};
	const unsigned endpoints = CAN_CHAT | CAN_COMPLETIONS | CAN_EMBEDDINGS;
	unsigned bits = 0;

	if (!list)
		return CAN_CHAT | CAN_COMPLETIONS | CAN_TOOLS | CAN_JSON;
	for (size_t i = 0; i < list->count; i++) {
		const struct yaml_node *item = list->items[i];
		unsigned bit = router_capability(item->text);
		const char *near;

		bits |= bit;
		if (bit)
			continue;
		near = mistakes_nearest(
		    item->text, known, sizeof(known) / sizeof(known[0]));
		complain(reader, item, "unknown capability \"%.*s\"%s%s%s",
		    SPAN_FMT(span_head(item->text, 60)),
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	}
	return bits & endpoints ? bits : bits | CAN_CHAT | CAN_COMPLETIONS;
}

static void find_provider(struct reader *reader, const struct yaml_node *node,
    struct config_model *model)
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
		complain(reader, yaml_get(node, "provider"),
		    "unknown provider \"%s\"%s%s%s", model->provider_name,
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	free(known);
}

static void read_model(struct reader *reader, const struct yaml_node *node,
    struct config_model *model)
{
	settings_read(&config_model_table, &reader->source, node, model);
	model->price = (struct ledger_price){
	    MONEY_UNPRICED, MONEY_UNPRICED, MONEY_UNPRICED};
	if (node->kind != YAML_MAP)
		return;
	if (yaml_get(node, "price"))
		settings_read(&config_price_table, &reader->source,
		    yaml_get(node, "price"), &model->price);
	if (model->price.cached_femto == MONEY_UNPRICED)
		model->price.cached_femto = model->price.input_femto;
	model->capabilities =
	    read_capabilities(reader, list_at(reader, node, "capabilities"));
	if (model->provider_name)
		find_provider(reader, node, model);
	if (!model->name)
		return;
	if (!strcmp(model->name, "auto"))
		complain(reader, yaml_get(node, "name"),
		    "\"auto\" is the name by which clients leave the choice "
		    "to the policy; call the model something else");
	if (!model->upstream)
		model->upstream = mem_strdup(model->name);
	check_name(reader, node, model->name);
	if (!http1_is_value(span_of(model->name)))
		complain(reader, yaml_get(node, "name"),
		    "a model's name must be printable");
}

static void read_models(struct reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;
	size_t n = list->count;

	if (n > CONFIG_MODELS_MAX) {
		complain(reader, list, "at most %d models, got %zu",
		    CONFIG_MODELS_MAX, n);
		n = CONFIG_MODELS_MAX;
	}
	config->models = mem_zalloc((n + 1) * sizeof(*config->models));
	config->catalogue = mem_zalloc((n + 1) * sizeof(*config->catalogue));
	for (size_t i = 0; i < n; i++) {
		struct config_model *model = &config->models[i];

		read_model(reader, list->items[i], model);
		REFUSE_TWIN(reader, list->items[i], config->models, i, "model");
		config->n_models++;
		config->catalogue[i] = (struct router_model){
		    .name = model->name ? model->name : "",
		    .capabilities = model->capabilities,
		    .context = model->context,
		    .input_femto = model->price.input_femto,
		    .cached_femto = model->price.cached_femto,
		    .output_femto = model->price.output_femto,
		};
	}
}

/* --- keys
 * --------------------------------------------------------------------- */

static void read_permissions(
    struct reader *reader, const struct yaml_node *list, struct config_key *key)
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
		complain(reader, item, "unknown model \"%.*s\"%s%s%s",
		    SPAN_FMT(span_head(item->text, 60)),
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
	}
	free(known);
}

static void read_digest(struct reader *reader, const struct yaml_node *node,
    struct config_key_text *text, struct config_key *key)
{
	if ((text->key != NULL) == (text->key_sha256 != NULL)) {
		complain(reader, node,
		    "exactly one of \"key\" and \"key_sha256\" must be given");
		return;
	}
	if (text->key_sha256) {
		if (!hash_parse_hex(span_of(text->key_sha256), &key->digest))
			complain(reader, yaml_get(node, "key_sha256"),
			    "\"key_sha256\" must be 64 hexadecimal digits");
		return;
	}
	if (strlen(text->key) < 8)
		complain(reader, yaml_get(node, "key"),
		    "a key must have at least 8 characters");
	key->digest = hash_sha256(span_of(text->key));
	explicit_bzero(text->key, strlen(text->key));
}

static void read_key(
    struct reader *reader, const struct yaml_node *node, struct config_key *key)
{
	struct config_key_text text = {0};
	const struct yaml_node *list;

	key->may_auto = true;
	settings_read(&config_key_table, &reader->source, node, &text);
	if (node->kind == YAML_MAP) {
		read_digest(reader, node, &text, key);
		list = list_at(reader, node, "tags");
		if (list)
			key->tags = read_words(reader, list, &key->n_tags);
		list = list_at(reader, node, "models");
		if (list)
			read_permissions(reader, list, key);
	}
	check_name(reader, node, text.name);
	key->name = text.name;
	text.name = NULL;
	settings_free(&config_key_table, &text);
}

/* Puts key <i> where it will be looked for; one that is there is a mistake. */
static void index_key(
    struct reader *reader, const struct yaml_node *node, size_t i)
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
		complain(reader, node, "the same key as \"%s\"",
		    twin->name ? twin->name : "another");
	key->next = *head;
	*head = (uint32_t)i + 1;
}

static void read_keys(struct reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;
	size_t n = list->count;

	if (n > CONFIG_KEYS_MAX) {
		complain(reader, list, "at most %d keys, got %zu",
		    CONFIG_KEYS_MAX, n);
		n = CONFIG_KEYS_MAX;
	}
	config->keys = mem_zalloc((n + 1) * sizeof(*config->keys));
	for (size_t i = 0; i < n; i++) {
		read_key(reader, list->items[i], &config->keys[i]);
		REFUSE_TWIN(reader, list->items[i], config->keys, i, "key");
		index_key(reader, list->items[i], i);
		config->n_keys++;
	}
}

/* --- the whole
 * ------------------------------------------------------------------ */

static void read_workers(struct reader *reader, const struct yaml_node *root)
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
		complain(reader, yaml_get(root, "workers"),
		    "\"workers\" must be auto or 1 to 256, got \"%s\"",
		    config->workers_text);
	else
		config->workers = (unsigned)n;
}

static void check_address(struct reader *reader, const struct yaml_node *root,
    const char *key, const char *address)
{
	const struct yaml_node *at = yaml_get(root, key);
	struct error err;

	if (server_check_address(address, &err) != OK)
		complain(reader, at ? at : root, "\"%s\": %s", key, err.text);
}

static void read_policy(struct reader *reader, const struct yaml_node *root)
{
	struct config *config = reader->config;
	struct mistakes *mistakes = reader->source.mistakes;
	struct yaml_doc *doc;
	struct error err;
	struct span text;

	if (!config->policy_file)
		return;
	if (file_read(config->policy_file, FILE_MAX, &text, &err) != OK) {
		complain(
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

static void read_tls(struct reader *reader, const struct yaml_node *root)
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
		complain(reader, tls, "tls: %s", err.text);
}

/* A password in the url is known to this function and to redis_url only. */
static void read_cache(struct reader *reader, const struct yaml_node *root)
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
		complain(reader, at,
		    "cache: store redis needs a \"url\", such as "
		    "redis://127.0.0.1:6379/0");
	if (cache->store == STORE_MEMORY && cache->url)
		complain(reader, yaml_get(at, "url"),
		    "cache: \"url\" is for store redis; this one is memory");
	if (!cache->url)
		return;
	cache->redis = redis_url_parse(span_of(cache->url), &err);
	if (!cache->redis)
		complain(reader, yaml_get(at, "url"), "cache: %s", err.text);
	explicit_bzero(cache->url, strlen(cache->url));
}

static void read_root(struct reader *reader, const struct yaml_node *root)
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
	list = list_at(reader, root, "providers");
	if (list)
		read_providers(reader, list);
	list = list_at(reader, root, "models");
	if (list)
		read_models(reader, list);
	list = list_at(reader, root, "keys");
	if (list)
		read_keys(reader, list);
	list = list_at(reader, root, "admin_hosts");
	if (list)
		config->admin_hosts =
		    read_words(reader, list, &config->n_admin_hosts);
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
	struct reader reader = {
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
