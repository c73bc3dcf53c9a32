/* pull_hub.c -- the hub that a pull asks: where it is, and with which token. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_hub.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define ENDPOINT "https://huggingface.co"
#define TOKEN_MAX 4096
#define PREFIX_MAX 500 /* of an endpoint's path */

static enum result read_endpoint(
    struct pull_hub *hub, const char *text, struct error *err)
{
	char *target;

	if (!text || !*text)
		text = ENDPOINT;
	if (!pull_url_read(&hub->endpoint, span_of(text)) ||
	    strchr(hub->endpoint.target, '?') ||
	    strlen(hub->endpoint.target) > PREFIX_MAX) {
		error_set(err,
		    "HF_ENDPOINT must be https://host[:port][/path] without "
		    "user and query, got \"%.200s\"",
		    text);
		return FAILED;
	}
	target = hub->endpoint.target;
	for (size_t len = strlen(target); len > 0 && target[len - 1] == '/';)
		target[--len] = '\0';
	return OK;
}

/* A token goes over TLS, or not beyond this machine. */
static enum result read_token(
    struct pull_hub *hub, const char *text, struct error *err)
{
	struct span token = span_trim(span_of(text));

	if (token.len == 0)
		return OK;
	if (token.len > TOKEN_MAX || !http1_is_value(token)) {
		error_set(err, "HF_TOKEN has characters that no token has");
		return FAILED;
	}
	if (!hub->endpoint.is_tls && !pull_url_is_loopback(&hub->endpoint)) {
		fprintf(stderr,
		    "note: HF_ENDPOINT is plain http: HF_TOKEN is not sent\n");
		return OK;
	}
	hub->token = secret_new(token);
	return OK;
}

enum result pull_hub_open(
    struct pull_hub *hub, const struct pull_options *options, struct error *err)
{
	*hub = (struct pull_hub){
	    .timeout_ns = options->timeout_ns,
	    .tries = options->tries,
	};
	/* TLS writes with write(2). */
	signal(SIGPIPE, SIG_IGN);
	if (read_endpoint(hub, options->endpoint, err) != OK ||
	    read_token(hub, options->token, err) != OK)
		goto fail;
	hub->tls = tls_client_new(NULL, err);
	if (!hub->tls)
		goto fail;
	hub->loop = loop_new(err);
	if (!hub->loop)
		goto fail;
	hub->client = client_new(hub->loop);
	return OK;
fail:
	pull_hub_close(hub);
	return FAILED;
}

void pull_hub_close(struct pull_hub *hub)
{
	client_free(&hub->client);
	if (hub->loop)
		loop_free(&hub->loop);
	tls_unref(&hub->tls);
	secret_free(&hub->token);
	pull_url_free(&hub->endpoint);
}

/* The parts in <name> are short: the buffer holds them three times over. */
#define TARGET_MAX (4 * (size_t)PULL_PATH_MAX + PULL_URL_MAX)

static char *take(struct buf *buf, bool is_whole)
{
	char *text = is_whole ? span_dup(buf_span(buf)) : mem_strdup("/");

	buf_free(buf);
	return text;
}

char *pull_hub_model(const struct pull_hub *hub, const struct pull_name *name)
{
	struct buf buf;

	buf_init(&buf, TARGET_MAX);
	return take(
	    &buf, buf_printf(&buf, "%s/api/models/%s/revision/",
		      hub->endpoint.target, name->repo) &&
		      pull_encode(&buf, span_of(name->revision), false) &&
		      buf_append(&buf, SPAN("?blobs=true")));
}

char *pull_hub_file(const struct pull_hub *hub, const char *repo,
    const char *commit, const char *path)
{
	struct buf buf;

	buf_init(&buf, TARGET_MAX);
	return take(&buf, buf_printf(&buf, "%s/%s/resolve/%s/",
			      hub->endpoint.target, repo, commit) &&
			      pull_encode(&buf, span_of(path), true));
}

char *pull_hub_page(const struct pull_hub *hub, const char *repo)
{
	struct buf buf;

	buf_init(&buf, TARGET_MAX);
	return take(&buf,
	    buf_append(&buf,
		hub->endpoint.is_tls ? SPAN("https://") : SPAN("http://")) &&
		pull_url_write_authority(&hub->endpoint, &buf) &&
		buf_printf(&buf, "%s/%s", hub->endpoint.target, repo));
}
