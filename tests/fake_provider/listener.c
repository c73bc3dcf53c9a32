/* listener.c -- accepts connections for a worker. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/listener.h"

#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 4096
#define ACCEPTS_AT_ONCE 256

struct listener {
	struct worker *worker;
	const struct service *service;
	struct event *event;
	int fd;
	char address[INET6_ADDRSTRLEN + 16];
};

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
	struct listener *listener = arg;
	int on = 1;

	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE; i++) {
		int peer =
		    accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (peer < 0)
			return;
		(void)setsockopt(
		    peer, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		caller_open(listener->worker, peer, listener->service);
	}
}

/* The host and port of <address>; the host may be in brackets, or empty. */
static struct addrinfo *look_up(const char *address, struct error *err)
{
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = {
	    .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV,
	    .ai_socktype = SOCK_STREAM,
	};
	struct addrinfo *found = NULL;
	struct span host;
	char *name;
	int status = EAI_NONAME;

	if (colon) {
		host = span_make(address, (size_t)(colon - address));
		if (host.len > 1 && host.ptr[0] == '[')
			host = span_make(host.ptr + 1, host.len - 2);
		name = span_dup(host);
		status = getaddrinfo(
		    host.len ? name : NULL, colon + 1, &hints, &found);
		free(name);
	}
	if (status != 0)
		error_set(err, "%s: not an address and a port: %s", address,
		    gai_strerror(status));
	return status == 0 ? found : NULL;
}

static bool bind_to(struct listener *listener, const struct addrinfo *to)
{
	int on = 1;

	listener->fd = socket(
	    to->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (listener->fd < 0)
		return false;
	(void)setsockopt(
	    listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	/* Not where it is not needed: two providers must not share by mistake.
	 */
	if (listener->worker->provider->shares_port)
		(void)setsockopt(
		    listener->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
	return bind(listener->fd, to->ai_addr, to->ai_addrlen) == 0 &&
	       listen(listener->fd, BACKLOG) == 0;
}

static void note_address(struct listener *listener)
{
	struct sockaddr_storage bound = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(bound);
	char host[INET6_ADDRSTRLEN] = "";
	char port[8] = "";

	(void)getsockname(listener->fd, (struct sockaddr *)&bound, &len);
	(void)getnameinfo((struct sockaddr *)&bound, len, host, sizeof(host),
	    port, sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV);
	(void)snprintf(listener->address, sizeof(listener->address),
	    bound.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

struct listener *listener_open(struct worker *worker, const char *address,
    const struct service *service, struct error *err)
{
	struct listener *listener = mem_new(struct listener);
	struct addrinfo *to = look_up(address, err);

	listener->worker = worker;
	listener->service = service;
	listener->fd = -1;
	if (!to) {
		listener_close(&listener);
		return NULL;
	}
	if (bind_to(listener, to)) {
		note_address(listener);
		listener->event =
		    event_new(loop_base(worker->loop), listener->fd,
			EV_READ | EV_PERSIST, on_connection, listener);
	}
	if (!listener->event || event_add(listener->event, NULL) < 0) {
		error_set(err, "%s: cannot listen there: %s", address,
		    strerror(errno));
		listener_close(&listener);
	}
	freeaddrinfo(to);
	return listener;
}

void listener_close(struct listener **listener_ptr)
{
	struct listener *listener = *listener_ptr;

	*listener_ptr = NULL;
	if (!listener)
		return;
	if (listener->event)
		event_free(listener->event);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

const char *listener_address(const struct listener *listener)
{
	return listener->address;
}
