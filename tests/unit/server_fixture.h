/* server_fixture.h -- a server with a scripted handler, and one client. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_SERVER_FIXTURE_H
#define TESTS_UNIT_SERVER_FIXTURE_H

#include "net/loop_priv.h"
#include "net/server.h"

/*
 * The handler does what the path says: it answers /early in on_head, cuts /cut
 * there, leaves /later to the test, closes the server at /close and answers any
 * other request with its body, or its path where there is none. The client is
 * a bare socket, read while the loop turns.
 */
struct fixture {
	struct loop *loop;
	struct server *server;
	int client;
	struct buf got;    /* what the client has read */
	int read_errno;    /* how the client's reading ended; -1: not yet */
	struct buf events; /* what the handler was told, a word each */
	struct exchange *waiting; /* at /later: the test answers it */
	bool is_drained;
	struct deadline timer;
	bool is_late;
};

/* Limits that no test meets by accident, but for small heads and bodies. */
extern const struct server_limits patient;

extern const struct server_handler server_handler;

/* "content-type: text/event-stream". */
extern const struct http1_header server_event_stream[1];

int server_set_up(void **state);
int server_tear_down(void **state);

/* Another server with other limits, and no connections. */
void reopen(struct fixture *f, const struct server_limits *limits);

/* --- the client ---------------------------------------------------------- */

void call(struct fixture *f);
void say(struct fixture *f, const char *text);
void call_and_say(struct fixture *f, const char *text);
void hang_up(struct fixture *f);

/* Closes with a reset. */
void reset(struct fixture *f);

#define GET(path) "GET " path " HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST(path, more) "POST " path " HTTP/1.1\r\nHost: a\r\n" more "\r\n"

/* --- what happens -------------------------------------------------------- */

/* One turn of the server, then what has come to the client. */
void turn(struct fixture *f);

#define turn_until(f, condition)                                               \
	do {                                                                   \
		for (int turns_ = 0; !(condition); turns_++) {                 \
			if (turns_ == 10000)                                   \
				fail_msg("%.*s", SPAN_FMT(buf_span(&f->got))); \
			turn(f);                                               \
		}                                                              \
	} while (0)

bool has(const struct buf *buf, const char *text);
size_t count(const struct buf *buf, const char *text);

/* Turns until <text> has come. */
void hear(struct fixture *f, const char *text);

/* Turns until the end has come, which is to be a FIN (0) or ECONNRESET. */
void hear_end(struct fixture *f, int error);

/* Turns until the handler was told as much, which is to be <text>. */
void await_events(struct fixture *f, const char *text);

/* Turns until an exchange is left to the test. */
void await_waiting(struct fixture *f);

/* What stands behind the first head. */
void assert_body(struct fixture *f, const char *text);

/* A new call is refused with <status> and our own body. */
void server_refuses(struct fixture *f, const char *request, int status);

void tell(struct fixture *f, const char *fmt, ...) printf_like(2, 3);

#endif
