/* stream_peer.c -- who is at a stream's other end, and whether it still is. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"

struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_storage room;
	};
	socklen_t len;
};

/* False, and no family, when the kernel knows of no peer. */
static bool ask_peer(const struct stream *stream, struct address *peer)
{
	peer->any.sa_family = AF_UNSPEC;
	peer->len = sizeof(peer->room);
	return getpeername(stream->fd, &peer->any, &peer->len) == 0;
}

/* "address:port", the address in brackets where it has colons. */
static char *format_peer(const struct stream *stream)
{
	struct address address;
	char host[NI_MAXHOST];
	char port[NI_MAXSERV];
	struct buf text;
	char *peer = NULL;

	if (!ask_peer(stream, &address))
		return mem_strdup("unknown");
	if (address.any.sa_family == AF_UNIX)
		return mem_strdup("unix");
	if (getnameinfo(&address.any, address.len, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return mem_strdup("unknown");
	buf_init(&text, sizeof(host) + sizeof(port) + 4);
	if (strchr(host, ':') ? buf_printf(&text, "[%s]:%s", host, port)
			      : buf_printf(&text, "%s:%s", host, port))
		peer = span_dup(buf_span(&text));
	buf_free(&text);
	return peer ? peer : mem_strdup("unknown");
}

const char *stream_peer(struct stream *stream)
{
	if (!stream->peer)
		stream->peer = format_peer(stream);
	return stream->peer;
}

static bool is_on_loopback(const struct stream *stream)
{
	struct address peer;

	if (!ask_peer(stream, &peer))
		return false;
	if (peer.any.sa_family == AF_INET)
		return ntohl(peer.in.sin_addr.s_addr) >> 24 == 127;
	return peer.any.sa_family == AF_INET6 &&
	       IN6_IS_ADDR_LOOPBACK(&peer.in6.sin6_addr);
}

bool stream_poke(struct stream *stream)
{
	if (stream->state != STREAM_OPEN || stream->out.len > 0 ||
	    !is_on_loopback(stream))
		return false;
	return send(stream->fd, "", 1, MSG_OOB | MSG_NOSIGNAL) == 1;
}

bool stream_is_alive(struct stream *stream)
{
	return stream->state == STREAM_OPEN && !stream->saw_eof &&
	       buf_len(&stream->held) == 0 && stream->ops->is_quiet(stream);
}

int stream_take_error(const struct stream *stream)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(stream->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		return errno;
	return error;
}
