/* redis_place.h -- for redis_bench: a server, and a proxy that misbehaves. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_REDIS_PLACE_H
#define BENCH_REDIS_PLACE_H

#include <stdint.h>
#include <sys/types.h>

/*
 * A redis-server on a port of loopback, in a temporary folder, and in front of
 * it a proxy on threads of its own that passes bytes on, holds each of the
 * server's back for 50 ms, or puts something else in their place.
 */
enum place_mode {
	PLACE_PASS,
	PLACE_SLOW,
	PLACE_GARBAGE,
};

struct place {
	char folder[64];
	uint16_t port, proxy_port;
	pid_t pid;
};

/* Ends the program where something fails. */
void place_open(struct place *place);
void place_close(struct place *place);

void place_kill(struct place *place);
void place_start(struct place *place);
void place_signal(struct place *place, int signal);
void place_set_mode(enum place_mode mode);

/* A command by hand; its reply is not looked at. */
void place_do(struct place *place, const char *command);

#endif
