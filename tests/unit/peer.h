/* peer.h -- for tests: a scripted server, and a call that notes its events. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_PEER_H
#define TESTS_UNIT_PEER_H

#include <pthread.h>

#include "net/client.h"
#include "net/loop_priv.h"

/*
 * A server on a loopback port whose script runs on a thread of its own with
 * blocking sockets, so that it reads like the conversation it has. What goes
 * wrong in it aborts the test: cmocka's asserts work on the main thread only.
 */
struct peer {
	int listener;
	uint16_t port;
	pthread_t thread;
	void (*script)(struct peer *peer);
	int fd; /* the last one accepted */
	unsigned n_accepted;
	char request[8192]; /* the last one's head */
	size_t body_len;    /* and what came behind it */
	uint32_t body_crc;
	pthread_barrier_t barrier; /* with the test: peer_meet */
};

#define peer_check(condition) peer_check_at(condition, #condition, __LINE__)
void peer_check_at(bool condition, const char *text, int line);

/* Listens and runs the script. */
void peer_start(struct peer *peer, void (*script)(struct peer *peer));

/* Waits for the script's end. */
void peer_join(struct peer *peer);

/* The script and the test wait here for each other. */
void peer_meet(struct peer *peer);

/* --- words of scripts ------------------------------------------------------
 */

void peer_accept(struct peer *peer);

/* Reads a request with its body by content-length. */
void peer_read(struct peer *peer);

/* Reads its head only. */
void peer_read_head(struct peer *peer);

void peer_say(struct peer *peer, const char *text);

/* A whole answer, 200 with the body "ok". */
void peer_say_ok(struct peer *peer);

void peer_close(struct peer *peer);
void peer_reset(struct peer *peer);

/* Returns when the client has closed or reset. */
void peer_await_close(struct peer *peer);

/* Accepts, reads a request, says <answer> and waits for the client to close. */
void peer_serve(struct peer *peer, const char *answer);

/* --- the client's side -----------------------------------------------------
 */

struct probe;
typedef void probe_fn(struct probe *probe);

/* A call and what it told. The hooks may do what they like. */
struct probe {
	struct client *client;
	struct loop *loop;
	struct call *call; /* NULL once over */
	struct call_request request;
	unsigned n_sent, n_head, n_done, n_failed;
	int status;
	char type[64]; /* content-type */
	struct buf body;
	enum call_failure failure;
	char detail[256];
	bool was_sent, was_reused; /* at its end */
	probe_fn *at_sent, *at_head, *at_data, *at_over;
};

/* A GET of / to <origin>; change probe->request before probe_start. */
void probe_init(struct probe *probe, struct loop *loop, struct client *client,
    struct origin *origin);
void probe_start(struct probe *probe);
void probe_free(struct probe *probe);

/* Turns the loop until the call is over. */
void probe_run(struct probe *probe);

/* --- both ------------------------------------------------------------------
 */

struct fixture {
	struct loop *loop;
	struct client *client;
	struct origin *origin;
	struct peer peer;
	struct probe probe;
};

int fixture_start(void **state);
int fixture_stop(void **state);

/* An origin at <port> of the local host with long limits. */
struct origin_options plain_options(uint16_t port);

/* A server with the script, and a GET to it that is not started yet. */
struct fixture *prepare(void **state, void (*script)(struct peer *peer));

/* The same with other limits of time. */
struct fixture *prepare_hurried(void **state, void (*script)(struct peer *peer),
    struct client_timeouts timeouts);

/* Runs the call, or another one to the same server, to its end. */
void run(struct fixture *f);
void run_again(struct fixture *f);

/* What a probe must have seen; cmocka assertions. */
void assert_answer(const struct probe *probe, int status, const char *body);
void assert_failed(const struct probe *probe, enum call_failure failure,
    const char *part_of_detail);

#endif
