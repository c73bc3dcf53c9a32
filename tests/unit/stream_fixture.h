/* stream_fixture.h -- for tests: one stream of ours, and its peer's socket. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_STREAM_FIXTURE_H
#define TESTS_UNIT_STREAM_FIXTURE_H

#include <netinet/in.h>

#include "net/loop_priv.h"
#include "net/stream.h"

/*
 * The peer is a bare socket, so that a test does with it what a stream of ours
 * would not: half-closing, resetting, not reading. Both ends are TCP, where
 * these are real.
 */
#define NOT_ENDED (-1)

/* A stream and what it told its owner. */
struct side {
	struct loop *loop;
	struct stream *stream;
	int peer;        /* -1: none */
	struct buf got;  /* what we took */
	size_t shown;    /* bytes of the last on_data */
	size_t appetite; /* bytes that we take of each showing */
	int opened;
	int drained;
	int sent;
	int end; /* enum stream_end of the last on_end, NOT_ENDED before */
	int ends;
};

/* Notes every event on the struct side that is its argument. */
extern const struct stream_handler side_handler;

/* A side without a stream that will take all it is shown. */
void side_init(struct side *side, struct loop *loop);

/* Closes both ends; the side is then as side_init makes it. */
void side_end(struct side *side);

/* *state is a struct side with a loop of its own: accepted, or no stream yet.
 */
int side_set_up(void **state);
int side_set_up_unconnected(void **state);
int side_tear_down(void **state);

/* Turns until <condition>, which events must bring about. */
#define turn_until(side, condition)                                            \
	do {                                                                   \
		for (int turns_ = 0; !(condition); turns_++) {                 \
			assert_true(turns_ < 10000);                           \
			loop_turn((side)->loop, NS_PER_S);                     \
		}                                                              \
	} while (0)

/* A listening socket; <address> is where. */
int listen_on_loopback(struct sockaddr_in *address);

/* Waits until the kernel has something for it, which the loop has not seen. */
void await_input(struct stream *stream);

/* What was taken, all of it. */
void assert_got(const struct side *side, const char *text);

/* --- the peer ------------------------------------------------------------ */

void peer_sends(struct side *side, const char *text);
void peer_closes(struct side *side);
void assert_peer_reads(struct side *side, const char *text);

/* Fills the kernel's buffers so that a write stays with us: bytes written. */
size_t write_until_full(struct side *side);

/* What has reached the peer; 0 when that takes longer than a moment. */
size_t read_some(struct side *side);

#endif
