/* pull_fetch.c -- one GET of a pull, its redirects followed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_fetch.h"

#include <config.h>

#include <assert.h>

#define HOPS_MAX 8
#define HEAD_MAX (PULL_URL_MAX + (size_t)8192)
#define POOL_IDLE 8
#define POOL_KEEP (30 * NS_PER_S)

static const struct call_handler call_handler;

static bool is_redirect(int status)
{
	return status == 301 || status == 302 || status == 303 ||
	       status == 307 || status == 308;
}

static bool may_have_token(const struct pull_fetch *f)
{
	return f->hub->token && !f->is_elsewhere &&
	       pull_url_is_same_origin(&f->url, &f->hub->endpoint);
}

static bool write_token(struct pull_fetch *f)
{
	struct span token = secret_reveal(f->hub->token);

	return buf_append(&f->head, SPAN("authorization: Bearer ")) &&
	       buf_append(&f->head, token) &&
	       buf_append(&f->head, SPAN("\r\n"));
}

/* It may hold the token. */
static void wipe_head(struct pull_fetch *f)
{
	if (f->head.data)
		explicit_bzero(f->head.data, f->head.cap);
	buf_free(&f->head);
}

static void write_head(struct pull_fetch *f)
{
	bool ok;

	wipe_head(f);
	ok = http1_write_request_line(
		 &f->head, SPAN("GET"), span_of(f->url.target)) &&
	     buf_append(&f->head, SPAN("host: ")) &&
	     pull_url_write_authority(&f->url, &f->head) &&
	     buf_append(&f->head,
		 SPAN("\r\nuser-agent: sluice/" PACKAGE_VERSION
		      "\r\naccept: */*\r\naccept-encoding: identity\r\n")) &&
	     (f->from == 0 || buf_printf(&f->head, "range: bytes=%lld-\r\n",
				  (long long)f->from)) &&
	     (!may_have_token(f) || write_token(f)) &&
	     buf_append(&f->head, SPAN("\r\n"));
	/* URLs and tokens are bounded where they are read. */
	assert(ok);
}

static void call(struct pull_fetch *f)
{
	int64_t timeout = f->hub->timeout_ns;
	struct origin *origin = origin_new(&(struct origin_options){
	    .host = f->url.host,
	    .port = f->url.port,
	    .tls = f->url.is_tls ? f->hub->tls : NULL,
	    .pool_idle = POOL_IDLE,
	    .pool_keep_ns = POOL_KEEP,
	    .timeouts =
		{
		    .connect_ns = timeout,
		    .tls_ns = timeout,
		    .first_byte_ns = timeout,
		    .silence_ns = timeout,
		},
	});
	struct call_request request = {.origin = origin};

	write_head(f);
	request.head = buf_span(&f->head);
	f->call = call_start(f->hub->client, &request, &call_handler, f);
	origin_unref(&origin);
}

static void fail(struct pull_fetch *f, bool may_retry, const char *detail)
{
	f->handler->on_failed(may_retry, detail, f->arg);
}

/* Takes over where <location> leads; false with the reason in <err>. */
static bool move(struct pull_fetch *f, struct span location, struct error *err)
{
	struct pull_url next;

	if (++f->hops > HOPS_MAX) {
		error_set(err, "more than %d redirects", HOPS_MAX);
		return false;
	}
	if (!pull_url_follow(&next, &f->url, location)) {
		error_set(err,
		    "%s redirects to what is not an http or https URL",
		    f->url.host);
		return false;
	}
	if (f->url.is_tls && !next.is_tls) {
		error_set(err, "%s redirects from https to plain http (%s)",
		    f->url.host, next.host);
		pull_url_free(&next);
		return false;
	}
	if (!pull_url_is_same_origin(&next, &f->hub->endpoint))
		f->is_elsewhere = true;
	pull_url_free(&f->url);
	f->url = next;
	return true;
}

static void get_redirect(struct pull_fetch *f, const struct http1_head *head)
{
	struct span location = http1_header(head, SPAN("location"));
	unsigned starts = f->starts;
	struct error err;
	bool is_moved;

	if (f->handler->on_redirect)
		f->handler->on_redirect(head, f->arg);
	if (f->starts != starts || !f->call)
		return;
	is_moved = move(f, location, &err);
	/* Its few bytes are read, so that its stream can be used again. */
	call_detach(&f->call);
	if (is_moved)
		call(f);
	else
		fail(f, false, err.text);
}

static void get_head(struct call *c, const struct http1_head *head, void *arg)
{
	struct pull_fetch *f = arg;
	struct span coding = http1_header(head, SPAN("content-encoding"));

	(void)c;
	if (is_redirect(head->status)) {
		get_redirect(f, head);
	} else if (coding.len > 0 &&
		   !span_eq_nocase(coding, SPAN("identity"))) {
		call_cancel(&f->call);
		fail(f, false, "the answer is compressed, which was not asked");
	} else {
		f->handler->on_head(head, f->arg);
	}
}

static void get_data(struct call *c, struct span bytes, void *arg)
{
	struct pull_fetch *f = arg;

	(void)c;
	f->handler->on_data(bytes, f->arg);
}

static void get_done(struct call *c, void *arg)
{
	struct pull_fetch *f = arg;

	(void)c;
	f->call = NULL;
	f->handler->on_done(f->arg);
}

static void get_failure(
    struct call *c, enum call_failure failure, const char *detail, void *arg)
{
	struct pull_fetch *f = arg;

	(void)c;
	f->call = NULL;
	/* A wrong certificate does not get better by asking again. */
	fail(f, failure != CALL_ILL_FORMED && failure != CALL_TLS, detail);
}

static void get_sent(struct call *c, void *arg)
{
	(void)c;
	(void)arg;
}

static const struct call_handler call_handler = {
    .on_sent = get_sent,
    .on_head = get_head,
    .on_data = get_data,
    .on_done = get_done,
    .on_failed = get_failure,
};

void pull_fetch_init(struct pull_fetch *fetch, struct pull_hub *hub,
    const struct pull_fetch_handler *handler, void *arg)
{
	*fetch = (struct pull_fetch){
	    .hub = hub,
	    .handler = handler,
	    .arg = arg,
	};
	buf_init(&fetch->head, HEAD_MAX);
}

void pull_fetch_start(
    struct pull_fetch *fetch, const char *target, int64_t from)
{
	pull_fetch_stop(fetch);
	pull_url_free(&fetch->url);
	fetch->url = fetch->hub->endpoint;
	fetch->url.host = mem_strdup(fetch->hub->endpoint.host);
	fetch->url.target = mem_strdup(target);
	fetch->from = from;
	fetch->hops = 0;
	fetch->is_elsewhere = false;
	fetch->starts++;
	call(fetch);
}

void pull_fetch_stop(struct pull_fetch *fetch)
{
	call_cancel(&fetch->call);
}

void pull_fetch_free(struct pull_fetch *fetch)
{
	pull_fetch_stop(fetch);
	pull_url_free(&fetch->url);
	wipe_head(fetch);
}
