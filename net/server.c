/* server.c -- listens, accepts, and keeps count of its connections. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/server.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/server_priv.h"
#include "net/tls.h"

#define BACKLOG 4096
#define ACCEPTS_AT_ONCE 64
#define PAUSE_NS (100 * NS_PER_MS) /* when descriptors have run out */
#define HEAD_MAX ((size_t)1 << 20) /* of an answer */

struct listener {
	struct server *server;
	int fd;
	struct event *event;
	struct deadline pause;
	int64_t complained_ns; /* when running out was logged last */
};

/* --- accepting ----------------------------------------------------------- */

/* No descriptor or memory for another connection: others may end soon. */
static void take_a_break(struct listener *listener, int error)
{
	int64_t now = loop_now_ns(listener->server->loop);

	if (listener->complained_ns == 0 ||
	    now - listener->complained_ns >= NS_PER_S) {
		log_warn(NULL, "accept_failed",
		    "port=%d error=\"%s\" connections=%zu",
		    listener->server->port, strerror(error),
		    listener->server->n_conns);
		listener->complained_ns = now;
	}
	event_del(listener->event);
	deadline_after(&listener->pause, PAUSE_NS);
}

static void on_pause_over(void *arg)
{
	struct listener *listener = arg;

	event_add(listener->event, NULL);
}

/* Whether there may be more to accept at once. */
static bool accept_one(struct listener *listener)
{
	int fd =
	    accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd >= 0) {
		conn_start(listener->server, fd);
		return true;
	}
	if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
	    errno == ENOMEM)
		take_a_break(listener, errno);
	return errno == EINTR || errno == ECONNABORTED || errno == EPROTO;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE && accept_one(arg); i++)
		;
}

/* --- listening ----------------------------------------------------------- */

static void listener_close(struct listener **listener_ptr)
{
	struct listener *listener = *listener_ptr;

	*listener_ptr = NULL;
	if (!listener)
		return;
	deadline_free(&listener->pause);
	if (listener->event)
		event_free(listener->event);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

/*
 * "HOST:PORT", "[ADDRESS]:PORT" or ":PORT" into its halves; the host empty for
 * all addresses. False when there is no port from 0 to 65535.
 */
static bool split_address(const char *address, char **host, char **port)
{
	const char *colon = strrchr(address, ':');
	struct span name;
	uint64_t number;

	if (!colon || !span_to_u64(span_of(colon + 1), &number) ||
	    number > UINT16_MAX)
		return false;
	name = span_make(address, (size_t)(colon - address));
	if (name.len >= 2 && name.ptr[0] == '[' &&
	    name.ptr[name.len - 1] == ']')
		name = span_make(name.ptr + 1, name.len - 2);
	*host = span_dup(name);
	*port = mem_strdup(colon + 1);
	return true;
}

/*
 * A socket that listens on <info>, or -1 with errno. What is set on it here is
 * inherited by the connections that it accepts.
 */
static int listen_on(const struct addrinfo *info, bool reuse_port)
{
	int fd = socket(
	    info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1;
	int off = 0;
	int error;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) == 0 &&
	    (!reuse_port || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on,
				sizeof(on)) == 0) &&
	    (info->ai_family != AF_INET6 ||
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) ==
		    0) &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) == 0 &&
	    bind(fd, info->ai_addr, info->ai_addrlen) == 0 &&
	    listen(fd, BACKLOG) == 0)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* For all addresses IPv6's own is tried first, since it takes IPv4 too. */
static int listen_anywhere(const struct addrinfo *list, bool reuse_port)
{
	static const int families[] = {AF_INET6, AF_INET};
	int fd = -1;

	for (size_t i = 0; i < 2; i++) {
		const struct addrinfo *info = list;

		for (; info && fd < 0; info = info->ai_next) {
			if (info->ai_family == families[i])
				fd = listen_on(info, reuse_port);
		}
	}
	return fd;
}

enum result server_check_address(const char *address, struct error *err)
{
	char *host = NULL;
	char *port = NULL;
	bool ok = split_address(address, &host, &port);

	free(host);
	free(port);
	if (ok)
		return OK;
	error_set(err,
	    "%s: not an address to listen on, expected HOST:PORT, [ADDRESS]:PORT or :PORT",
	    address);
	return FAILED;
}

static int open_socket(const struct server_options *options, struct error *err)
{
	const struct addrinfo hints = {
	    .ai_socktype = SOCK_STREAM,
	    .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
	};
	struct addrinfo *list = NULL;
	char *host = NULL;
	char *port = NULL;
	int failure;
	int fd = -1;

	if (server_check_address(options->address, err) != OK ||
	    !split_address(options->address, &host, &port))
		return -1;
	failure = getaddrinfo(*host ? host : NULL, port, &hints, &list);
	if (failure != 0) {
		error_set(err, "%s: cannot listen there: %s", options->address,
		    gai_strerror(failure));
		goto out;
	}
	fd = listen_anywhere(list, options->reuse_port);
	if (fd < 0)
		error_set(err, "%s: cannot listen there: %s", options->address,
		    strerror(errno));
	freeaddrinfo(list);
out:
	free(host);
	free(port);
	return fd;
}

enum result server_check_free(const char *address, struct error *err)
{
	const struct server_options options = {.address = address};
	int fd = open_socket(&options, err);

	if (fd < 0)
		return FAILED;
	close(fd);
	return OK;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t len = sizeof(address);
	uint16_t port = 0;

	if (getsockname(fd, (struct sockaddr *)&address, &len) < 0)
		return 0;
	if (address.ss_family == AF_INET6)
		port = ((struct sockaddr_in6 *)&address)->sin6_port;
	else if (address.ss_family == AF_INET)
		port = ((struct sockaddr_in *)&address)->sin_port;
	return ntohs(port);
}

static struct listener *listener_open(struct server *server,
    const struct server_options *options, struct error *err)
{
	struct listener *listener = mem_new(struct listener);

	listener->server = server;
	deadline_init(&listener->pause, server->loop, on_pause_over, listener);
	listener->fd = open_socket(options, err);
	if (listener->fd < 0) {
		listener_close(&listener);
		return NULL;
	}
	server->port = port_of(listener->fd);
	listener->event = event_new(loop_base(server->loop), listener->fd,
	    EV_READ | EV_PERSIST, on_accept, listener);
	if (!listener->event || event_add(listener->event, NULL) < 0) {
		error_set(err, "%s: cannot watch the listening socket",
		    options->address);
		listener_close(&listener);
	}
	return listener;
}

/* --- the server ---------------------------------------------------------- */

static void set_limits(
    struct server *server, const struct server_limits *limits)
{
	server->limits = mem_new(struct kept_limits);
	server->limits->references = 1;
	server->limits->limits = *limits;
}

void server_limits_unref(struct kept_limits **limits)
{
	if (--(*limits)->references == 0)
		free(*limits);
	*limits = NULL;
}

static void free_server(void *arg)
{
	struct server *server = arg;
	struct list *link;

	while ((link = list_pop_front(&server->free_exchanges)))
		exchange_free(container_of(link, struct exchange, link));
	if (server->spare)
		exchange_free(server->spare);
	buf_free(&server->head);
	tls_unref(&server->tls);
	server_limits_unref(&server->limits);
	free(server);
}

struct server *server_open(
    struct loop *loop, const struct server_options *options, struct error *err)
{
	struct server *server = mem_new(struct server);

	assert(options->limits.head.headers <= HTTP1_HEADERS_MAX);
	server->loop = loop;
	server->handler = options->handler;
	server->arg = options->arg;
	server->tls = tls_ref(options->tls);
	set_limits(server, &options->limits);
	list_init(&server->conns);
	list_init(&server->free_exchanges);
	buf_init(&server->head, HEAD_MAX);
	server->listener = listener_open(server, options, err);
	if (!server->listener) {
		free_server(server);
		return NULL;
	}
	return server;
}

uint16_t server_port(const struct server *server)
{
	return server->port;
}

void server_set_tls(struct server *server, struct tls_context *tls)
{
	struct tls_context *old = server->tls;

	server->tls = tls_ref(tls);
	tls_unref(&old);
}

void server_set_limits(
    struct server *server, const struct server_limits *limits)
{
	assert(limits->head.headers <= HTTP1_HEADERS_MAX);
	server_limits_unref(&server->limits);
	set_limits(server, limits);
}

/* Told after the turn, when the last answer has left. */
static void say_drained(void *arg)
{
	struct server *server = arg;

	if (server->drained_fn)
		server->drained_fn(server->drained_arg);
}

static bool is_empty(const struct server *server)
{
	return server->n_conns == 0 && server->n_held == 0;
}

void server_forget(struct server *server)
{
	server->n_conns--;
	if (server->is_draining && is_empty(server))
		loop_retire(server->loop, say_drained, server);
}

void server_let_go(struct server *server)
{
	server->n_held--;
	if (server->is_draining && is_empty(server))
		loop_retire(server->loop, say_drained, server);
}

/*
 * Connections that the kernel has accepted for us are taken before the socket
 * is closed, which would reset them.
 */
void server_drain(struct server *server, loop_fn *fn, void *arg)
{
	if (server->is_draining)
		return;
	if (server->listener) {
		for (int i = 0; i < BACKLOG && accept_one(server->listener);
		     i++)
			;
		listener_close(&server->listener);
	}
	server->is_draining = true;
	server->drained_fn = fn;
	server->drained_arg = arg;
	if (is_empty(server))
		loop_retire(server->loop, say_drained, server);
	list_for_each_safe(link, &server->conns)
		conn_drain(conn_of_link(link));
}

void server_close(struct server **server_ptr)
{
	struct server *server = *server_ptr;
	struct list *link;

	*server_ptr = NULL;
	if (!server)
		return;
	server->drained_fn = NULL;
	listener_close(&server->listener);
	while ((link = list_pop_front(&server->conns)))
		conn_break(conn_of_link(link), EXCHANGE_CUT);
	loop_retire(server->loop, free_server, server);
}

size_t server_connections(const struct server *server)
{
	return server->n_conns;
}

size_t server_exchanges(const struct server *server)
{
	return server->n_exchanges;
}
