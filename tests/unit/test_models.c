/* test_models.c -- what a key is shown, and who is shown nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway/worker.h"
#include "net/loop_priv.h"
#include "tests/unit/certificates.h"
#include "tests/unit/gateway_help.h"

static const char text[] =
    "listen: 127.0.0.1:0\n"
    "keys:\n"
    "  - {name: all, key: sk-all-of-them}\n"
    "  - {name: one, key: sk-only-one, models: [up/large]}\n"
    "  - {name: auto, key: sk-only-auto, models: [auto]}\n"
    "providers: [{name: up, base_url: \"http://127.0.0.1:1/v1\"}]\n"
    "models:\n"
    "  - {name: up/small, provider: up}\n"
    "  - {name: up/large, provider: up}\n"
    "policy: policy.yaml\n";

/* A worker without a thread: the test turns its loop. */
struct fixture {
	struct place *place;
	struct metrics *metrics;
	struct upstreams *upstreams;
	struct snapshot *snapshot;
	struct worker *worker;
	struct buf got;
	struct arena arena;
	struct json_doc doc; /* of the last answer */
};

/* With the configuration that the place has. */
static void open_worker(struct fixture *f)
{
	struct error err;

	snapshot_unref(&f->snapshot);
	f->snapshot =
	    snapshot_new(config_ref(f->place->config), f->upstreams, NULL);
	f->worker = worker_new(
	    &(struct worker_options){
		.snapshot = f->snapshot,
		.metrics = f->metrics,
		.access_log_fd = -1,
	    },
	    &err);
	if (!f->worker)
		fail_msg("%s", err.text);
}

static int set_up(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	void *place;

	log_set_level(LOG_ERROR);
	place_set_up(&place);
	f->place = place;
	place_load_well(f->place, text);
	f->metrics = metrics_new(gateway_metric_specs, METRIC_COUNT);
	f->upstreams = upstreams_new(f->metrics);
	open_worker(f);
	buf_init(&f->got, 1 << 20);
	arena_init(&f->arena, 1 << 20);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *place = f->place;

	worker_stop(&f->worker);
	snapshot_unref(&f->snapshot);
	upstreams_free(&f->upstreams);
	metrics_free(&f->metrics);
	buf_free(&f->got);
	arena_free(&f->arena);
	place_tear_down(&place);
	free(f);
	return 0;
}

static int connect_to(struct fixture *f)
{
	struct sockaddr_in address = {
	    .sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	    .sin_port = htons(worker_port(f->worker)),
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

/* Sends <request> and reads the answer to the connection's end. */
static void ask(struct fixture *f, const char *request)
{
	int fd = connect_to(f);
	char bytes[4096];
	ssize_t n = -1;

	buf_consume(&f->got, SIZE_MAX);
	assert_int_equal(
	    send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	for (int i = 0; n != 0 && i < 10000; i++) {
		loop_turn(f->worker->loop, NS_PER_MS);
		n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT);
		if (n > 0)
			assert_true(
			    buf_append(&f->got, span_make(bytes, (size_t)n)));
		else if (n < 0 && errno != EAGAIN)
			n = 0;
	}
	assert_int_equal(n, 0);
	close(fd);
}

static bool has(const struct fixture *f, const char *words)
{
	return span_find(buf_span(&f->got), span_of(words), 0) != SIZE_MAX;
}

/* Asks, and the answer's status is <status>; its body is read as JSON. */
static void expect(struct fixture *f, int status, const char *request)
{
	struct json_fault fault;
	struct span body;
	char line[32];
	size_t at;

	ask(f, request);
	snprintf(line, sizeof(line), "HTTP/1.1 %d ", status);
	if (!span_starts_with(buf_span(&f->got), span_of(line)))
		fail_msg("%s%.*s", request, SPAN_FMT(buf_span(&f->got)));
	assert_true(has(f, "\r\nx-sluice-request-id: req_"));
	at = span_find(buf_span(&f->got), SPAN("\r\n\r\n"), 0);
	body = span_from(buf_span(&f->got), at + 4);
	arena_reset(&f->arena);
	if (body.len > 0 && !json_parse(body, &f->arena, &f->doc, &fault))
		fail_msg("%s: %.*s", fault.reason, SPAN_FMT(body));
}

static struct span member(struct fixture *f, uint32_t object, const char *name)
{
	return json_text(
	    &f->doc, json_find(&f->doc, object, span_of(name)), &f->arena);
}

/* The listed ids are <ids>, divided by blanks. */
static void lists(struct fixture *f, const char *ids)
{
	uint32_t data = json_find(&f->doc, 0, SPAN("data"));
	char found[256] = "";

	assert_true(span_eq(member(f, 0, "object"), SPAN("list")));
	json_for_each(&f->doc, data, one) {
		size_t len = strlen(found);

		assert_true(span_eq(member(f, one, "object"), SPAN("model")));
		snprintf(found + len, sizeof(found) - len, "%s%.*s",
		    len ? " " : "", SPAN_FMT(member(f, one, "id")));
	}
	assert_string_equal(found, ids);
}

/* The answer is an error with this code. */
static void assert_code(struct fixture *f, const char *code)
{
	uint32_t error = json_find(&f->doc, 0, SPAN("error"));

	assert_true(span_eq(member(f, error, "code"), span_of(code)));
	assert_true(member(f, error, "message").len > 0);
}

#define ASK(method, path, headers)                                             \
	method " " path                                                        \
	       " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" headers "\r\n"
#define GET(path, key) ASK("GET", path, "Authorization: Bearer " key "\r\n")

static void lists_what_the_key_may_use(void **state)
{
	struct fixture *f = *state;

	expect(f, 200, GET("/v1/models", "sk-all-of-them"));
	lists(f, "auto up/small up/large");
	expect(f, 200, GET("/v1/models", "sk-only-one"));
	lists(f, "up/large");
	expect(f, 200, GET("/v1/models", "sk-only-auto"));
	lists(f, "auto");
	expect(f, 200, GET("/models", "sk-only-one"));
	lists(f, "up/large");
}

static void shows_one_model(void **state)
{
	struct fixture *f = *state;

	expect(f, 200, GET("/v1/models/up/small", "sk-all-of-them"));
	assert_true(span_eq(member(f, 0, "id"), SPAN("up/small")));
	assert_true(span_eq(member(f, 0, "owned_by"), SPAN("up")));
	expect(f, 200, GET("/v1/models/up%2Fsmall", "sk-all-of-them"));
	assert_true(span_eq(member(f, 0, "id"), SPAN("up/small")));
	expect(f, 200, GET("/v1/models/%61uto", "sk-only-auto"));
	assert_true(span_eq(member(f, 0, "owned_by"), SPAN("sluice")));
}

static void a_model_that_may_not_be_used_is_as_unknown_as_any(void **state)
{
	static const char *const requests[] = {
	    GET("/v1/models/up/none", "sk-all-of-them"),
	    GET("/v1/models/up/small", "sk-only-one"),
	    GET("/v1/models/auto", "sk-only-one"),
	    GET("/v1/models/%00%ff%22%2", "sk-all-of-them"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		expect(f, 404, requests[i]);
		assert_code(f, "model_not_found");
	}
}

static void head_has_the_length_and_no_body(void **state)
{
	struct fixture *f = *state;
	struct span all;

	ask(f, ASK("HEAD", "/v1/models",
		   "Authorization: Bearer sk-all-of-them\r\n"));
	all = buf_span(&f->got);
	assert_true(span_starts_with(all, SPAN("HTTP/1.1 200 ")));
	assert_true(span_ends_with(all, SPAN("\r\n\r\n")));
	assert_false(has(f, "content-length: 0\r\n"));
	assert_true(has(f, "content-length: "));
}

static void takes_the_key_in_each_of_three_headers(void **state)
{
	static const char *const requests[] = {
	    ASK("GET", "/v1/models", "authorization: bEARER sk-only-one\r\n"),
	    ASK("GET", "/v1/models", "api-key: sk-only-one\r\n"),
	    ASK("GET", "/v1/models", "X-Api-Key: sk-only-one\r\n"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		expect(f, 200, requests[i]);
		lists(f, "up/large");
	}
}

static void whoever_has_no_key_gets_401(void **state)
{
	static const char *const requests[] = {
	    ASK("GET", "/v1/models", ""),
	    GET("/v1/models", "sk-unknown"),
	    GET("/v1/models", "sk-only-onE"),
	    GET("/v1/models/auto", ""),
	    ASK("GET", "/v1/models", "authorization: Basic c2s6\r\n"),
	    /* What a client says of itself first, counts. */
	    ASK("GET", "/v1/models",
		"authorization: Bearer no\r\napi-key: sk-only-one\r\n"),
	    ASK("POST", "/v1/chat/completions", "content-length: 0\r\n"),
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		expect(f, 401, requests[i]);
		assert_code(f, "invalid_api_key");
		assert_true(has(f, "\"Incorrect API key provided"));
		assert_true(has(f, "\r\nwww-authenticate: Bearer\r\n"));
		assert_false(has(f, "sk-"));
	}
}

static void other_urls_and_methods_are_refused(void **state)
{
	struct fixture *f = *state;

	expect(f, 404, GET("/v1/model", "sk-all-of-them"));
	assert_code(f, "unknown_url");
	expect(f, 404, ASK("GET", "/metrics", ""));
	assert_code(f, "unknown_url");
	expect(f, 405, ASK("DELETE", "/v1/models", ""));
	assert_code(f, "method_not_allowed");
	assert_true(has(f, "\r\nallow: GET, HEAD, OPTIONS\r\n"));
	expect(f, 405, GET("/v1/chat/completions", "sk-all-of-them"));
	assert_true(has(f, "\r\nallow: POST, OPTIONS\r\n"));
	ask(f, ASK("OPTIONS", "/v1/models", ""));
	assert_true(has(f, "HTTP/1.1 204 "));
	assert_true(has(f, "\r\nallow: GET, HEAD, OPTIONS\r\n"));
}

static void says_how_it_is_without_a_key(void **state)
{
	struct fixture *f = *state;

	ask(f, ASK("GET", "/healthz", ""));
	assert_true(has(f, "HTTP/1.1 200 "));
	ask(f, ASK("GET", "/readyz", ""));
	assert_true(has(f, "HTTP/1.1 200 "));
	f->worker->is_draining = true;
	ask(f, ASK("GET", "/healthz", ""));
	assert_true(has(f, "HTTP/1.1 200 "));
	ask(f, ASK("GET", "/readyz", ""));
	assert_true(has(f, "HTTP/1.1 503 "));
	expect(f, 503, GET("/v1/models", "sk-all-of-them"));
	assert_code(f, "draining");
	assert_true(has(f, "\r\nretry-after: "));
	expect(f, 401, ASK("GET", "/v1/models", ""));
}

static void a_compressed_body_is_refused_unread(void **state)
{
	struct fixture *f = *state;

	expect(f, 415,
	    ASK("POST", "/v1/chat/completions",
		"Authorization: Bearer sk-all-of-them\r\n"
		"content-encoding: gzip\r\ncontent-length: 3\r\n"));
	assert_code(f, "unsupported_content_encoding");
}

static void a_body_that_cannot_be_read_is_refused(void **state)
{
	struct fixture *f = *state;

	expect(f, 400,
	    ASK("POST", "/v1/chat/completions",
		"Authorization: Bearer sk-all-of-them\r\n"
		"content-length: 3\r\n") "{a}");
	assert_code(f, "invalid_json");
	expect(f, 404,
	    ASK("POST", "/v1/embeddings",
		"Authorization: Bearer sk-all-of-them\r\n"
		"content-length: 30\r\n") "{\"model\": \"none\", \"input\":\"a\"}");
	assert_code(f, "model_not_found");
}

/* --- a reload ---------------------------------------------------------------
 */

static void reload(struct fixture *f, const char *changed)
{
	struct snapshot *next;

	place_load_well(f->place, changed);
	next = snapshot_new(config_ref(f->place->config), f->upstreams, NULL);
	worker_set_snapshot(f->worker, next);
	snapshot_unref(&next);
	loop_turn(f->worker->loop, NS_PER_MS);
}

#define CHANGED                                                                \
	"listen: 127.0.0.1:0\n"                                                \
	"keys: [{name: new, key: sk-brand-new}]\n"                             \
	"providers: [{name: up, base_url: \"http://127.0.0.1:1/v1\"}]\n"       \
	"models: [{name: up/small, provider: up}]\n"                           \
	"policy: policy.yaml\n"

static void a_new_snapshot_is_for_new_requests(void **state)
{
	struct fixture *f = *state;

	reload(f, CHANGED);
	expect(f, 401, GET("/v1/models", "sk-only-one"));
	expect(f, 200, GET("/v1/models", "sk-brand-new"));
	lists(f, "auto up/small");
}

static void a_reload_keeps_a_port_plain_or_tls_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct certificate files;
	char with_tls[1024];

	certificate_make(&files, "DNS:localhost", 1);
	snprintf(with_tls, sizeof(with_tls), "%stls: {cert: %s, key: %s}\n",
	    CHANGED, files.cert_file, files.key_file);
	reload(f, with_tls);
	expect(f, 200, GET("/v1/models", "sk-brand-new"));
	worker_stop(&f->worker);
	open_worker(f);
	ask(f, GET("/v1/models", "sk-brand-new"));
	assert_false(has(f, "HTTP/1.1"));
	reload(f, CHANGED);
	ask(f, GET("/v1/models", "sk-brand-new"));
	assert_false(has(f, "HTTP/1.1"));
	certificate_remove(&files);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(lists_what_the_key_may_use),
	    TEST(shows_one_model),
	    TEST(a_model_that_may_not_be_used_is_as_unknown_as_any),
	    TEST(head_has_the_length_and_no_body),
	    TEST(takes_the_key_in_each_of_three_headers),
	    TEST(whoever_has_no_key_gets_401),
	    TEST(other_urls_and_methods_are_refused),
	    TEST(says_how_it_is_without_a_key),
	    TEST(a_compressed_body_is_refused_unread),
	    TEST(a_body_that_cannot_be_read_is_refused),
	    TEST(a_new_snapshot_is_for_new_requests),
	    TEST(a_reload_keeps_a_port_plain_or_tls_as_it_was),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
