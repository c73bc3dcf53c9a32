/* control.c -- the control port: what tests steer and question it by. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/out.h"
#include "tests/fake_provider/scripts.h"
#include "tests/fake_provider/service.h"

static void answer_with_body(struct caller *caller, struct span type)
{
	struct answer answer = {
	    .status = 200, .type = type, .directives = &directives_none};

	send_start(caller, &answer);
}

static void answer_ok(struct caller *caller)
{
	OUT(&caller->send.body, "{\"ok\":true}\n");
	answer_with_body(caller, SPAN("application/json"));
}

static struct span text_at(
    struct caller *caller, const struct json_doc *doc, struct span name)
{
	return json_text(doc, json_find(doc, 0, name), &caller->arena);
}

/* {"model": "small-1", "times": 3, "directives": "status=503"} */
static void post_script(struct caller *caller, struct span body)
{
	struct ask_fault fault = {.status = 400, .code = "bad_script"};
	struct span target, list;
	struct json_fault json_fault;
	struct json_doc doc;
	struct error err;
	uint32_t times_node;
	int64_t times = 1;

	if (!json_parse(body, &caller->arena, &doc, &json_fault)) {
		fault.message = "The script is not JSON.";
		service_refuse(caller, &fault, &directives_none);
		return;
	}
	target = text_at(caller, &doc, SPAN("model"));
	list = text_at(caller, &doc, SPAN("directives"));
	times_node = json_find(&doc, 0, SPAN("times"));
	if (!target.ptr || !list.ptr ||
	    (times_node != JSON_NONE && !json_int(&doc, times_node, &times)) ||
	    times < 1) {
		fault.message = "A script needs \"model\" and \"directives\", "
				"and \"times\" is at least 1.";
		service_refuse(caller, &fault, &directives_none);
	} else if (scripts_add(caller->worker->provider->scripts, target,
		       (uint64_t)times, list, &err) != OK) {
		fault.message = err.text;
		service_refuse(caller, &fault, &directives_none);
	} else {
		answer_ok(caller);
	}
}

static void get_billed(struct caller *caller, struct span body)
{
	(void)body;
	billing_flush(caller->worker->billing);
	billed_read(caller->worker->provider->billed, &caller->send.body);
	answer_with_body(caller, SPAN("application/jsonl"));
}

static void get_requests(struct caller *caller, struct span body)
{
	(void)body;
	records_write(caller->worker->provider->records, &caller->send.body);
	answer_with_body(caller, SPAN("application/jsonl"));
}

static void post_reset(struct caller *caller, struct span body)
{
	struct provider *provider = caller->worker->provider;

	(void)body;
	billing_flush(caller->worker->billing);
	billed_reset(provider->billed);
	records_clear(provider->records);
	scripts_clear(provider->scripts);
	answer_ok(caller);
}

static const struct route {
	const char *method;
	const char *path;
	void (*answer)(struct caller *caller, struct span body);
} routes[] = {
    {"POST", "/script", post_script},
    {"GET", "/billed", get_billed},
    {"GET", "/requests", get_requests},
    {"POST", "/reset", post_reset},
};

static void on_request(
    struct caller *caller, const struct http1_head *head, struct span body)
{
	struct ask_fault fault = {.status = 404};

	for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
		if (!span_eq(head->path, span_of(routes[i].path)))
			continue;
		fault.status = 405;
		if (!span_eq(head->method, span_of(routes[i].method)))
			continue;
		routes[i].answer(caller, body);
		return;
	}
	service_refuse(caller, &fault, &directives_none);
}

const struct service control_service = {
    .on_request = on_request,
};
