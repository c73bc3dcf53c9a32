/* config_provider.c -- the providers of a configuration, and their origins. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/config_reader.h"
#include "gateway/config_tables.h"

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

static bool make_origin(const struct config_reader *reader,
    const struct yaml_node *at, struct config_provider *provider)
{
	struct tls_context *tls = NULL;
	struct error err;

	if (provider->is_tls) {
		tls = tls_client_new(provider->ca, &err);
		if (!tls) {
			config_complain(reader, at, "provider \"%s\": %s",
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

static void read_provider(struct config_reader *reader,
    const struct yaml_node *node, struct config_provider *provider)
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
			config_complain(reader, yaml_get(node, "api_key"),
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
		config_complain(reader, url,
		    "\"base_url\" must be http://host[:port][/path] or "
		    "https://..., without user, query or fragment");
	else
		make_origin(reader, url, provider);
}

void config_read_providers(
    struct config_reader *reader, const struct yaml_node *list)
{
	struct config *config = reader->config;

	config->providers =
	    mem_zalloc((list->count + 1) * sizeof(*config->providers));
	for (size_t i = 0; i < list->count; i++) {
		read_provider(reader, list->items[i], &config->providers[i]);
		CONFIG_REFUSE_TWIN(
		    reader, list->items[i], config->providers, i, "provider");
		config->n_providers++;
	}
}
