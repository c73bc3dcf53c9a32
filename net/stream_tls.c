/* stream_tls.c -- moves a stream's bytes through OpenSSL. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/uio.h>

#include "net/stream_io.h"
#include "net/stream_priv.h"
#include "net/tls_priv.h"

#define PIECES 16 /* blocks written in one go: a record each */

struct tls_session {
	SSL *ssl;
	struct tls_peer peer;
	char *name;         /* peer.name's memory */
	enum stream_io end; /* how reading ended; IO_OK before */
};

void stream_tls_start(
    struct stream *stream, struct tls_context *context, const char *name)
{
	struct tls_session *tls = mem_new(struct tls_session);

	tls->name = name ? mem_strdup(name) : NULL;
	tls->peer.context = tls_ref(context);
	tls->peer.name = tls->name;
	tls->ssl = tls_new_ssl(&tls->peer);
	tls->end = IO_OK;
	stream->tls = tls;
	stream->ops = &stream_tls_ops;
}

bool stream_tls_is_resumed(const struct stream *stream)
{
	return SSL_session_reused(stream->tls->ssl) == 1;
}

/*
 * What a failed call means, and which readiness it used up. Renegotiation is
 * off, but a peer's key update may still make reading wait for room to write:
 * so every event of a TLS stream counts as one for reading (stream.c).
 */
static enum stream_io judge(struct stream *stream, int returned)
{
	switch (SSL_get_error(stream->tls->ssl, returned)) {
	case SSL_ERROR_WANT_READ:
		stream->may_read = false;
		return IO_AGAIN;
	case SSL_ERROR_WANT_WRITE:
		stream->may_write = false;
		stream->may_read = false;
		return IO_AGAIN;
	case SSL_ERROR_ZERO_RETURN:
		return IO_EOF;
	default:
		return IO_FAILED;
	}
}

static void note_reason(struct stream *stream)
{
	long verdict = SSL_get_verify_result(stream->tls->ssl);
	unsigned long code = ERR_peek_error();
	const char *reason = ERR_reason_error_string(code);

	if (verdict != X509_V_OK)
		reason = X509_verify_cert_error_string(verdict);
	stream_set_detail(
	    stream, reason ? reason : "connection closed within TLS");
}

/*
 * The last bytes of the handshake may have come with the first of the data, so
 * that no event will announce these: what OpenSSL holds is looked at.
 */
static enum stream_io tls_open(struct stream *stream)
{
	struct tls_session *tls = stream->tls;
	enum stream_io result;
	int n;

	if (!tls->ssl) {
		stream_set_detail(stream, "not a name that TLS can verify");
		return IO_FAILED;
	}
	if (SSL_get_fd(tls->ssl) < 0 && SSL_set_fd(tls->ssl, stream->fd) != 1)
		return IO_FAILED;
	ERR_clear_error();
	n = SSL_do_handshake(tls->ssl);
	if (n == 1) {
		stream->may_read = true;
		return IO_OK;
	}
	result = judge(stream, n);
	if (result != IO_AGAIN)
		note_reason(stream);
	return result;
}

/* Records hold 16 KiB at most: takes as many as fit and are there. */
static enum stream_io tls_read(
    struct stream *stream, char *into, size_t len, size_t *got)
{
	struct tls_session *tls = stream->tls;
	enum stream_io result = tls->end;

	ERR_clear_error();
	while (result == IO_OK && *got < len) {
		size_t room = len - *got;
		int n = SSL_read(tls->ssl, into + *got,
		    (int)(room < INT32_MAX ? room : INT32_MAX));

		if (n > 0)
			*got += (size_t)n;
		else
			result = judge(stream, n);
	}
	if (result == IO_EOF || result == IO_FAILED)
		tls->end = result;
	if (result == IO_FAILED)
		note_reason(stream);
	return *got > 0 ? IO_OK : result;
}

static enum stream_io tls_write(struct stream *stream, size_t *sent)
{
	struct tls_session *tls = stream->tls;
	struct iovec pieces[PIECES];
	int count = chain_gather(&stream->out, pieces, PIECES);
	enum stream_io result = IO_OK;

	ERR_clear_error();
	for (int i = 0; i < count && result == IO_OK; i++) {
		int n = SSL_write(
		    tls->ssl, pieces[i].iov_base, (int)pieces[i].iov_len);

		if (n > 0)
			*sent += (size_t)n;
		if (n <= 0)
			result = judge(stream, n);
		else if ((size_t)n < pieces[i].iov_len)
			break;
	}
	if (result == IO_FAILED)
		note_reason(stream);
	else if (result == IO_AGAIN)
		stream->may_write = false;
	return *sent > 0 && result != IO_FAILED ? IO_OK : result;
}

/*
 * Tickets that wait on an idle connection are not a sign of death: OpenSSL
 * takes them in while it looks for data.
 */
static bool tls_is_quiet(struct stream *stream)
{
	char byte;
	int n;

	ERR_clear_error();
	n = SSL_peek(stream->tls->ssl, &byte, 1);
	return n <= 0 && judge(stream, n) == IO_AGAIN;
}

/* The close_notify, once and if there is room for it. */
static void tls_say_goodbye(struct stream *stream)
{
	SSL *ssl = stream->tls->ssl;

	if (SSL_get_shutdown(ssl) & SSL_SENT_SHUTDOWN)
		return;
	ERR_clear_error();
	(void)SSL_shutdown(ssl);
	ERR_clear_error();
}

static void tls_free(struct stream *stream)
{
	struct tls_session *tls = stream->tls;

	SSL_free(tls->ssl);
	tls_unref(&tls->peer.context);
	free(tls->name);
	free(tls);
}

const struct stream_ops stream_tls_ops = {
    .open = tls_open,
    .read = tls_read,
    .write = tls_write,
    .is_quiet = tls_is_quiet,
    .say_goodbye = tls_say_goodbye,
    .free = tls_free,
};
