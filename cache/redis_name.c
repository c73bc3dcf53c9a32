/* redis_name.c -- the addresses that a Redis URL leads to. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis_name.h"

#include <arpa/inet.h>
#include <stdlib.h>

#include <event2/dns.h>
#include <event2/event.h>
#include <event2/util.h>

/*
 * One question with name servers of its own, so that it can outlive who asked:
 * libevent has no way to end one before its answer's turn has come.
 */
struct question {
	struct redis_name *name; /* NULL: nobody listens any more */
	struct event_base *base;
	struct evdns_base *dns;
	struct evdns_getaddrinfo_request *request;
};

struct redis_name {
	struct event_base *base;
	const struct redis_url *url;
	redis_name_fn *fn;
	void *arg;
	struct question *question; /* NULL: none under way */
	bool is_fixed;             /* nothing to ask for */
	bool is_asking;            /* inside of ask() */
	int64_t until_ns;          /* how long the addresses are good */
	size_t n, next;
	struct redis_address list[REDIS_NAME_MAX];
	struct error err; /* of the last answer; empty: none */
};

static bool set_local(struct redis_address *a, const char *path)
{
	size_t len = strlen(path);

	if (len >= sizeof(a->u.local.sun_path))
		return false;
	*a = (struct redis_address){.len = sizeof(a->u.local)};
	a->u.local.sun_family = AF_UNIX;
	memcpy(a->u.local.sun_path, path, len);
	return true;
}

static bool set_numeric(
    struct redis_address *a, const char *host, uint16_t port)
{
	*a = (struct redis_address){.len = sizeof(a->u.v4)};
	if (inet_pton(AF_INET, host, &a->u.v4.sin_addr) == 1) {
		a->u.v4.sin_family = AF_INET;
		a->u.v4.sin_port = htons(port);
		return true;
	}
	*a = (struct redis_address){.len = sizeof(a->u.v6)};
	if (inet_pton(AF_INET6, host, &a->u.v6.sin6_addr) == 1) {
		a->u.v6.sin6_family = AF_INET6;
		a->u.v6.sin6_port = htons(port);
		return true;
	}
	return false;
}

struct redis_name *redis_name_new(struct event_base *base,
    const struct redis_url *url, redis_name_fn *fn, void *arg)
{
	struct redis_name *name = mem_new(struct redis_name);

	name->base = base;
	name->url = url;
	name->fn = fn;
	name->arg = arg;
	name->is_fixed =
	    url->path ? set_local(&name->list[0], url->path)
		      : set_numeric(&name->list[0], url->host, url->port);
	name->n = name->is_fixed ? 1 : 0;
	return name;
}

void redis_name_forget(struct redis_name *name)
{
	struct question *question = name->question;

	name->question = NULL;
	if (!question)
		return;
	question->name = NULL;
	evdns_getaddrinfo_cancel(question->request);
}

void redis_name_free(struct redis_name **name)
{
	struct redis_name *old = *name;

	*name = NULL;
	if (!old)
		return;
	redis_name_forget(old);
	free(old);
}

/* --- questions -------------------------------------------------------------
 */

static void free_question(evutil_socket_t fd, short what, void *arg)
{
	struct question *question = arg;

	(void)fd;
	(void)what;
	evdns_base_free(question->dns, 0);
	free(question);
}

static void keep(struct redis_name *name, const struct evutil_addrinfo *found)
{
	name->n = name->next = 0;
	for (; found && name->n < REDIS_NAME_MAX; found = found->ai_next) {
		struct redis_address *a = &name->list[name->n];

		if (found->ai_addrlen > sizeof(a->u))
			continue;
		memcpy(&a->u, found->ai_addr, found->ai_addrlen);
		a->len = found->ai_addrlen;
		name->n++;
	}
	name->until_ns = clock_mono_ns() + REDIS_NAME_KEEP;
}

/* libevent goes on using its objects after this: they are freed later. */
static void on_answer(int result, struct evutil_addrinfo *found, void *arg)
{
	struct question *question = arg;
	struct redis_name *name = question->name;
	struct timeval now = {0};

	if (event_base_once(question->base, -1, EV_TIMEOUT, free_question,
		question, &now) < 0)
		abort(); /* out of memory, as in base/memory.h */
	if (name) {
		name->question = NULL;
		name->err.text[0] = 0;
		if (result == 0)
			keep(name, found);
		else
			error_set(
			    &name->err, "%s", evutil_gai_strerror(result));
	}
	if (found)
		evutil_freeaddrinfo(found);
	if (name && !name->is_asking)
		name->fn(name->err.text[0] ? &name->err : NULL, name->arg);
}

/* One second to a try: libevent's five are more than a connection is given. */
static struct evdns_base *open_dns(struct event_base *base)
{
	struct evdns_base *dns =
	    evdns_base_new(base, EVDNS_BASE_DISABLE_WHEN_INACTIVE);

	if (!dns)
		return NULL;
	evdns_base_resolv_conf_parse(dns, DNS_OPTIONS_ALL, "/etc/resolv.conf");
	evdns_base_set_option(dns, "timeout:", "1");
	return dns;
}

/* The answer from the hosts file comes before this returns. */
static void ask(struct redis_name *name)
{
	struct evutil_addrinfo hints = {
	    .ai_family = AF_UNSPEC,
	    .ai_socktype = SOCK_STREAM,
	    .ai_protocol = IPPROTO_TCP,
	    .ai_flags = EVUTIL_AI_NUMERICSERV,
	};
	struct question *question = mem_new(struct question);
	struct evdns_getaddrinfo_request *request;
	char digits[24];
	struct span port = span_decimal(name->url->port, digits);
	char service[24] = {0};

	memcpy(service, port.ptr, port.len);
	question->dns = open_dns(name->base);
	if (!question->dns)
		abort(); /* out of memory, as in base/memory.h */
	question->base = name->base;
	question->name = name;
	name->question = question;
	name->is_asking = true;
	request = evdns_getaddrinfo(question->dns, name->url->host, service,
	    &hints, on_answer, question);
	name->is_asking = false;
	if (name->question)
		question->request = request;
}

enum result redis_name_find(
    struct redis_name *name, struct redis_address *address, struct error *err)
{
	bool is_good = name->is_fixed || (name->next < name->n &&
					     clock_mono_ns() < name->until_ns);

	if (!is_good && !name->question) {
		ask(name);
		is_good = !name->question && !name->err.text[0];
	}
	if (name->question)
		return AGAIN;
	if (!is_good || name->n == 0) {
		error_set(err, "%s",
		    name->err.text[0] ? name->err.text : "it has no address");
		return FAILED;
	}
	*address = name->list[name->next];
	return OK;
}

bool redis_name_failed(struct redis_name *name)
{
	if (name->is_fixed)
		return false;
	return ++name->next < name->n;
}
