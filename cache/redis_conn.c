/* redis_conn.c -- one connection to Redis: commands out, replies in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/redis_conn.h"

#include <assert.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <event2/event.h>
#include <hiredis/hiredis.h>

#define READ_CHUNK 16384      /* what redisBufferRead asks the socket for */
#define READS_MAX 64          /* in one go, so that others get their turn */
#define TEXT_KEPT (64 * 1024) /* of the reply's buffer between replies */

struct redis_conn {
	struct redis_conn_options options;
	redisContext *redis; /* owns the socket */
	struct event *readable, *writable;
	struct event *flush; /* made active by the first command of a turn */
	struct redis_reply reply;
	struct buf text;      /* the reply's */
	unsigned n_greetings; /* replies to the greeting that are missing */
	unsigned n_busy;      /* calls on the stack */
	bool is_connected;
	bool is_ready;
	bool is_closed;
};

/* --- what the reader makes of a reply ----------------------------------------
 *
 * Nothing is allocated for a reply: its text is copied into one buffer, since
 * the reader moves its own before it hands a reply over. NULL makes the reader
 * give up, which breaks the connection.
 */
static void *make_text(const redisReadTask *task, char *text, size_t len)
{
	struct redis_conn *conn = task->privdata;

	conn->reply.kind = task->type == REDIS_REPLY_STRING   ? REDIS_VALUE
			   : task->type == REDIS_REPLY_STATUS ? REDIS_STATUS
							      : REDIS_ERROR;
	buf_consume(&conn->text, buf_len(&conn->text));
	if (!buf_append(&conn->text, span_make(text, len)))
		return NULL;
	conn->reply.text = buf_span(&conn->text);
	return &conn->reply;
}

/* Nothing that is sent here is answered by an array. */
#if HIREDIS_MAJOR < 1
static void *make_array(const redisReadTask *task, int n)
#else
static void *make_array(const redisReadTask *task, size_t n)
#endif
{
	(void)task;
	(void)n;
	return NULL;
}

static void *make_number(const redisReadTask *task, long long value)
{
	struct redis_conn *conn = task->privdata;

	(void)value;
	conn->reply = (struct redis_reply){.kind = REDIS_NUMBER};
	return &conn->reply;
}

static void *make_nil(const redisReadTask *task)
{
	struct redis_conn *conn = task->privdata;

	conn->reply = (struct redis_reply){.kind = REDIS_NIL};
	return &conn->reply;
}

static void free_nothing(void *reply)
{
	(void)reply;
}

static redisReplyObjectFunctions makers = {
    .createString = make_text,
    .createArray = make_array,
    .createInteger = make_number,
    .createNil = make_nil,
    .freeObject = free_nothing,
};

struct span redis_reply_code(const struct redis_reply *reply)
{
	struct span text = reply->text;
	size_t len = 0;

	while (len < text.len && text.ptr[len] >= 'A' && text.ptr[len] <= 'Z')
		len++;
	if (len == 0 || len > 32 || (len < text.len && text.ptr[len] != ' '))
		return SPAN("?");
	return span_head(text, len);
}

/* --- life ------------------------------------------------------------------
 */

static void destroy(struct redis_conn *conn)
{
	if (conn->readable)
		event_free(conn->readable);
	if (conn->writable)
		event_free(conn->writable);
	if (conn->flush)
		event_free(conn->flush);
	redisFree(conn->redis);
	buf_free(&conn->text);
	free(conn);
}

void redis_conn_close(struct redis_conn **conn_ptr)
{
	struct redis_conn *conn = *conn_ptr;

	*conn_ptr = NULL;
	if (!conn)
		return;
	conn->is_closed = true;
	event_del(conn->readable);
	event_del(conn->writable);
	event_del(conn->flush);
	if (conn->n_busy == 0)
		destroy(conn);
}

static void enter(struct redis_conn *conn)
{
	conn->n_busy++;
}

static void leave(struct redis_conn *conn)
{
	conn->n_busy--;
	if (conn->n_busy == 0 && conn->is_closed)
		destroy(conn);
}

static void break_off(struct redis_conn *conn, const char *why)
{
	if (conn->is_closed)
		return;
	conn->options.hooks->broken(why, conn->options.arg);
	assert(conn->is_closed);
}

static void break_off_by_hiredis(struct redis_conn *conn, int err)
{
	const struct redis_tls *tls = conn->options.tls;
	const char *text = tls ? redis_tls_problem(tls) : NULL;

	if (text)
		; /* it knows best */
	else if (err == REDIS_ERR_IO)
		text = strerror(errno);
	else if (err == REDIS_ERR_EOF)
		text = "closed by the server";
	else if (err == REDIS_ERR_PROTOCOL)
		text = "the answer is not Redis's protocol";
	else if (err == REDIS_ERR_OOM)
		text = "an answer of a kind or size that was not asked for";
	else
		text = conn->redis->errstr;
	break_off(conn, text);
}

/* --- writing ---------------------------------------------------------------
 */

size_t redis_conn_unsent(const struct redis_conn *conn)
{
	return sdslen(conn->redis->obuf);
}

static bool can_write_now(const struct redis_conn *conn)
{
	struct pollfd fd = {.fd = conn->redis->fd, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1 && (fd.revents & POLLOUT);
}

/*
 * TLS that makes no progress though the socket would take bytes waits to read,
 * in its handshake: reading goes on anyway, and then this is called again.
 */
static void flush(struct redis_conn *conn)
{
	size_t before = redis_conn_unsent(conn);
	int is_done = 0;

	if (before == 0)
		return;
	if (conn->options.tls)
		redis_tls_prepare();
	if (redisBufferWrite(conn->redis, &is_done) != REDIS_OK)
		break_off_by_hiredis(conn, conn->redis->err);
	else if (is_done)
		conn->options.hooks->drained(conn->options.arg);
	else if (!conn->options.tls || redis_conn_unsent(conn) < before ||
		 !can_write_now(conn))
		event_add(conn->writable, NULL);
}

static void append(struct redis_conn *conn, struct span bytes)
{
	/* Out of memory only, which ends the process elsewhere too. */
	if (redisAppendFormattedCommand(conn->redis, bytes.ptr, bytes.len) !=
	    REDIS_OK)
		abort();
}

/* "*2" or "$41" and CRLF, into <line>; its length. */
static size_t write_count(char line[32], char sign, size_t n)
{
	struct span digits = span_decimal(n, line + 1);
	size_t len = 1 + digits.len;

	memmove(line + 1, digits.ptr, digits.len);
	line[0] = sign;
	line[len++] = '\r';
	line[len++] = '\n';
	return len;
}

/*
 * Words are put together in a small block first; what does not fit goes
 * straight into the output.
 */
void redis_conn_send(
    struct redis_conn *conn, const struct span *words, size_t n)
{
	char block[256];
	size_t used;

	assert(!conn->is_closed && conn->is_connected);
	if (redis_conn_unsent(conn) == 0)
		event_active(conn->flush, EV_WRITE, 0);
	used = write_count(block, '*', n);
	for (size_t i = 0; i < n; i++) {
		if (sizeof(block) - used < 32) {
			append(conn, span_make(block, used));
			used = 0;
		}
		used += write_count(block + used, '$', words[i].len);
		if (sizeof(block) - used < words[i].len + 2) {
			append(conn, span_make(block, used));
			used = 0;
		}
		if (words[i].len + 2 > sizeof(block)) {
			append(conn, words[i]);
		} else if (words[i].len) {
			memcpy(block + used, words[i].ptr, words[i].len);
			used += words[i].len;
		}
		block[used++] = '\r';
		block[used++] = '\n';
	}
	append(conn, span_make(block, used));
}

/* --- the greeting ----------------------------------------------------------
 */

static void become_ready(struct redis_conn *conn)
{
	conn->is_ready = true;
	conn->options.hooks->ready(conn->options.arg);
}

/* AUTH and SELECT are sent together: replies come in order. */
static void greet(struct redis_conn *conn)
{
	const struct redis_url *url = conn->options.url;
	char number[24];

	if (url->user || url->password) {
		struct span words[3] = {SPAN("AUTH")};
		size_t n = 1;

		if (url->user)
			words[n++] = secret_reveal(url->user);
		words[n++] =
		    url->password ? secret_reveal(url->password) : SPAN("");
		redis_conn_send(conn, words, n);
		conn->n_greetings++;
	}
	if (url->database) {
		struct span words[] = {
		    SPAN("SELECT"), span_decimal(url->database, number)};

		redis_conn_send(conn, words, 2);
		conn->n_greetings++;
	}
	if (conn->n_greetings == 0)
		become_ready(conn);
}

static void take_greeting(struct redis_conn *conn)
{
	struct span code = redis_reply_code(&conn->reply);
	char why[96];

	if (conn->reply.kind != REDIS_STATUS) {
		snprintf(why, sizeof(why),
		    "refused at AUTH or SELECT with %.*s", SPAN_FMT(code));
		break_off(conn, conn->reply.kind == REDIS_ERROR
				    ? why
				    : "an answer that was not asked for");
		return;
	}
	if (--conn->n_greetings == 0)
		become_ready(conn);
}

static void on_connected(struct redis_conn *conn)
{
	struct error err = {0};
	int problem = 0;
	socklen_t len = sizeof(problem);

	if (getsockopt(conn->redis->fd, SOL_SOCKET, SO_ERROR, &problem, &len) <
	    0)
		problem = errno;
	if (problem) {
		break_off(conn, strerror(problem));
		return;
	}
	conn->is_connected = true;
	if (conn->options.tls &&
	    redis_tls_start(conn->options.tls, conn->redis, &err) != OK) {
		break_off(conn, err.text);
		return;
	}
	event_add(conn->readable, NULL);
	greet(conn);
}

/* --- reading ---------------------------------------------------------------
 */

static void take_replies(struct redis_conn *conn)
{
	redisReader *reader = conn->redis->reader;
	void *reply = NULL;

	while (!conn->is_closed) {
		if (redisReaderGetReply(reader, &reply) != REDIS_OK) {
			break_off_by_hiredis(conn, reader->err);
			return;
		}
		if (!reply)
			break;
		if (conn->n_greetings)
			take_greeting(conn);
		else
			conn->options.hooks->reply(
			    &conn->reply, conn->options.arg);
	}
	if (conn->is_closed)
		return;
	if (conn->text.cap > TEXT_KEPT) {
		buf_consume(&conn->text, buf_len(&conn->text));
		buf_release_if_empty(&conn->text);
	}
	if (reader->len - reader->pos > conn->options.reply_max + READ_CHUNK)
		break_off(conn, "an answer larger than any that was stored");
}

/* True: there may be more to read. */
static bool read_once(struct redis_conn *conn)
{
	redisReader *reader = conn->redis->reader;
	size_t before = reader->len;
	bool is_full;

	if (conn->options.tls)
		redis_tls_prepare();
	if (redisBufferRead(conn->redis) != REDIS_OK) {
		break_off_by_hiredis(conn, conn->redis->err);
		return false;
	}
	is_full = reader->len - before >= READ_CHUNK;
	take_replies(conn);
	return is_full && !conn->is_closed;
}

void redis_conn_read(struct redis_conn *conn)
{
	if (!conn->is_connected)
		return;
	enter(conn);
	for (int i = 0; i < READS_MAX; i++) {
		if (!read_once(conn))
			break;
	}
	if (conn->options.tls && !conn->is_closed)
		flush(conn);
	leave(conn);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	redis_conn_read(arg);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct redis_conn *conn = arg;

	(void)fd;
	(void)what;
	enter(conn);
	if (conn->is_connected)
		flush(conn);
	else
		on_connected(conn);
	leave(conn);
}

/* --- connecting ------------------------------------------------------------
 */

/* A socket that connects; -1 with errno. */
static int dial(const struct redis_address *address)
{
	int type = SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, on = 1;
	int fd = socket(address->u.any.sa_family, type, 0);
	int problem;

	if (fd < 0)
		return -1;
	if (address->u.any.sa_family != AF_UNIX) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof(on));
	}
	if (connect(fd, &address->u.any, address->len) == 0 ||
	    errno == EINPROGRESS)
		return fd;
	problem = errno;
	close(fd);
	errno = problem;
	return -1;
}

struct redis_conn *redis_conn_open(
    const struct redis_conn_options *options, struct error *err)
{
	struct redis_conn *conn;
	int fd = dial(options->address);

	if (fd < 0) {
		error_set(err, "%s", strerror(errno));
		return NULL;
	}
	conn = mem_new(struct redis_conn);
	conn->options = *options;
	conn->options.address = NULL;
	buf_init(&conn->text, options->reply_max);
	conn->redis = redisConnectFd(fd);
	if (!conn->redis)
		abort(); /* out of memory, as in base/memory.h */
	conn->readable = event_new(
	    options->base, fd, EV_READ | EV_PERSIST, on_readable, conn);
	conn->writable =
	    event_new(options->base, fd, EV_WRITE, on_writable, conn);
	conn->flush = event_new(options->base, -1, 0, on_writable, conn);
	if (!conn->readable || !conn->writable || !conn->flush ||
	    event_add(conn->writable, NULL) < 0) {
		error_set(err, "the event loop takes no more events");
		destroy(conn);
		return NULL;
	}
	conn->redis->flags &= ~REDIS_BLOCK;
	conn->redis->reader->fn = &makers;
	conn->redis->reader->privdata = conn;
	return conn;
}
