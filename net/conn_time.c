/* conn_time.c -- how long a client may take, and whether it is still there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

/*
 * After a client's FIN: when first to ask whether it is still there, how often
 * after that, and how many times.
 */
#define FIRST_PROBE_NS (25 * NS_PER_MS)
#define NEXT_PROBE_NS NS_PER_S
#define PROBES_MAX 600

/*
 * How long an answer may take, or the rest of a body, before we look whether
 * the client is still there.
 */
#define CHECK_NS (100 * NS_PER_MS)

/* --- when ---------------------------------------------------------------- */

/* When the client has kept us waiting for too long; 0: it owes nothing. */
static int64_t patience_ends_ns(const struct conn *conn)
{
	const struct server_limits *limits = &conn->limits->limits;
	int64_t stuck_ns = stream_stuck_since_ns(conn->stream);

	if (stuck_ns != 0)
		return stuck_ns + limits->idle_ns;
	switch (conn->step) {
	case CONN_HEAD:
		return conn->waits_since_ns + (conn->is_in_head
						      ? limits->header_time_ns
						      : limits->idle_ns);
	case CONN_BODY:
		return conn->waits_since_ns + limits->idle_ns;
	case CONN_BUSY:
	case CONN_CLOSING:
	case CONN_GONE:
		break;
	}
	return 0;
}

static int64_t next_probe_ns(const struct conn *conn)
{
	if (conn->fin_ns == 0 || !conn->current || conn->probes >= PROBES_MAX)
		return 0;
	return conn->fin_ns + FIRST_PROBE_NS + conn->probes * NEXT_PROBE_NS;
}

/*
 * When to look for a reset that came along with the request or with the last of
 * it that came: one event told of both.
 */
static int64_t check_ns(const struct conn *conn)
{
	bool is_within = conn->step == CONN_BODY || conn->step == CONN_BUSY;

	if (!is_within || conn->is_checked || conn->fin_ns != 0)
		return 0;
	return conn->waits_since_ns + CHECK_NS;
}

static void put_earlier(int64_t *at, int64_t other)
{
	if (other != 0 && other < *at)
		*at = other;
}

/* Where the client owes nothing now, it may do so before the next look. */
void conn_schedule(struct conn *conn)
{
	int64_t at = patience_ends_ns(conn);

	if (at == 0)
		at = conn_now_ns(conn) + conn->limits->limits.idle_ns;
	put_earlier(&at, next_probe_ns(conn));
	put_earlier(&at, check_ns(conn));
	deadline_set(&conn->deadline, at);
}

/* --- what then ----------------------------------------------------------- */

static void send_probe(struct conn *conn)
{
	uint64_t out = stream_bytes_out(conn->stream);
	struct span probe = span_make(NULL, 0);

	conn->probes++;
	/* What was written since, or still waits, will tell by itself. */
	if (out == conn->out_at_probe && stream_pending(conn->stream) == 0 &&
	    !stream_poke(conn->stream))
		probe = exchange_probe(conn->current);
	stream_write(conn->stream, probe);
	conn->out_at_probe = out + probe.len;
}

static void lose_patience(struct conn *conn)
{
	if (stream_stuck_since_ns(conn->stream) != 0) {
		conn_break(conn, EXCHANGE_STALLED);
	} else if (conn->step == CONN_BODY) {
		exchange_refuse(
		    conn->current, 408, "the request's body came too slowly");
	} else if (conn->is_in_head && conn->is_open &&
		   stream_bytes_in(conn->stream) > 0) {
		conn_refuse(conn, 408, "the request's head came too slowly");
	} else {
		conn_close(conn);
	}
}

void conn_on_deadline(void *arg)
{
	struct conn *conn = arg;
	int64_t now = conn_now_ns(conn);
	int64_t probe = next_probe_ns(conn);
	int64_t check = check_ns(conn);
	int64_t at = patience_ends_ns(conn);

	if (probe != 0 && probe <= now)
		send_probe(conn);
	if (check != 0 && check <= now) {
		conn->is_checked = true;
		stream_check(conn->stream);
	}
	if (at != 0 && at <= now)
		lose_patience(conn);
	if (conn->step != CONN_GONE)
		conn_schedule(conn);
}
