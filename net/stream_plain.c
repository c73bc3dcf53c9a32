/* stream_plain.c -- moves a stream's bytes over a bare socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"

#define PIECES 16 /* blocks sent by one system call */

static enum stream_io plain_open(struct stream *stream)
{
	(void)stream;
	return IO_OK;
}

/*
 * Fewer bytes than asked for mean that the socket is empty, so the call that
 * would only say so is spared; unless the peer's FIN or reset has been seen,
 * which no further event will announce.
 */
static enum stream_io plain_read(
    struct stream *stream, char *into, size_t len, size_t *got)
{
	ssize_t n;

	do
		n = recv(stream->fd, into, len, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0) {
		*got = (size_t)n;
		if (*got < len && !stream->saw_fin && !stream->is_broken)
			stream->may_read = false;
		return IO_OK;
	}
	if (n == 0 && !stream->is_broken)
		return IO_EOF;
	stream->may_read = false;
	if (n < 0 && errno == EAGAIN)
		return IO_AGAIN;
	stream_set_detail(stream, strerror(n < 0 ? errno : ECONNRESET));
	return IO_FAILED;
}

static enum stream_io plain_write(struct stream *stream, size_t *sent)
{
	struct iovec pieces[PIECES];
	int count = chain_gather(&stream->out, pieces, PIECES);
	struct msghdr message = {
	    .msg_iov = pieces,
	    .msg_iovlen = (size_t)count,
	};
	size_t offered = 0;
	ssize_t n;

	for (int i = 0; i < count; i++)
		offered += pieces[i].iov_len;
	do
		n = count == 1 ? send(stream->fd, pieces[0].iov_base, offered,
				     MSG_NOSIGNAL)
			       : sendmsg(stream->fd, &message, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0 && errno != EAGAIN) {
		stream_set_detail(stream, strerror(errno));
		return IO_FAILED;
	}
	if (n < (ssize_t)offered)
		stream->may_write = false;
	if (n <= 0)
		return IO_AGAIN;
	*sent = (size_t)n;
	return IO_OK;
}

static bool plain_is_quiet(struct stream *stream)
{
	char byte;
	ssize_t n = recv(stream->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

	return n < 0 && errno == EAGAIN;
}

static void plain_nothing(struct stream *stream)
{
	(void)stream;
}

const struct stream_ops stream_plain_ops = {
    .open = plain_open,
    .read = plain_read,
    .write = plain_write,
    .is_quiet = plain_is_quiet,
    .say_goodbye = plain_nothing,
    .free = plain_nothing,
};
