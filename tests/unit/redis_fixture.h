/* redis_fixture.h -- for tests: a Redis server, a false one, and a store. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_REDIS_FIXTURE_H
#define TESTS_UNIT_REDIS_FIXTURE_H

#include <sys/types.h>

#include <hiredis/hiredis.h>

#include "cache/redis_url.h"

struct event;
struct event_base;

/*
 * A redis-server of its own, in a temporary folder, on a socket there and, when
 * its port is not 0, on loopback too. It dies with the test program.
 */
struct server {
	char folder[64];
	char socket[96];
	uint16_t port;
	pid_t pid;
	uint16_t tls_port;   /* 0: none */
	redisContext *admin; /* for what a test does by hand */
};

/* False: there is no redis-server on the PATH. */
bool server_is_installed(void);

/* <more>: further words of its command line, NULL-terminated, or NULL. */
void server_start(struct server *server, const char *const *more);
void server_kill(struct server *server);
void server_start_again(struct server *server, const char *const *more);
void server_signal(struct server *server, int signal);
void server_free(struct server *server);

/* A server that speaks TLS on tls_port, with the files of a certificate. */
void server_start_tls(
    struct server *server, const char *cert_file, const char *key_file);

/* A command by hand; what comes back is freed by the next one. */
redisReply *server_do(struct server *server, const char *format, ...);

/*
 * Something on a socket that says what it is told to: for each command that
 * looks like a GET its <says>, after <delay_ms>. It lives on the test's loop.
 */
struct pretender {
	struct event_base *base;
	char folder[64];
	char socket[96];
	struct span says;
	bool speaks_first; /* says it as soon as somebody connects */
	bool hangs_up;     /* and closes */
	int delay_ms;
	int listener;
	struct event *accepting;
	struct event *reading; /* of the last connection */
	int fd;
	unsigned n_accepted, n_commands;
};
void pretender_start(struct pretender *pretender, struct event_base *base);
void pretender_free(struct pretender *pretender);

/* A look-up and its end. */
struct look {
	struct redis_lookup *lookup;
	struct cache_entry *entry;
	unsigned n_called;
	bool was_refused;
};

struct world {
	struct server server;
	struct event_base *base;
	struct metrics *metrics;
	struct redis_url *url;
	struct redis_options options; /* limits of the next store */
	struct redis_store *store;
};

/* A world with a running server that has not been connected to. */
int world_start(void **state);
/* The same, without a server. */
int world_start_alone(void **state);
int world_stop(void **state);

/* A store for <format>...: a URL. Replaces the one before. */
void world_open(struct world *world, const char *format, ...) printf_like(2, 3);
void world_open_server(struct world *world);

/* Turns the loop until <claim>(arg) holds; a failure after ten seconds. */
typedef bool claim_fn(void *arg);
void world_await(struct world *world, claim_fn *claim, void *arg);
void world_await_up(struct world *world);
void world_await_down(struct world *world);

/* Lets the loop do what is ready now. */
void world_turn(struct world *world);

struct sha256 key_of(unsigned n);

/* An entry of key <n> with a body of <len> bytes that lives <ttl_ns>. */
struct cache_entry *entry_of(unsigned n, size_t len, int64_t ttl_ns);

/* Asks for key <n>; world_await_look returns when it has ended. */
void world_look(struct world *world, struct look *look, unsigned n);
void world_await_look(struct world *world, struct look *look);
void look_clear(struct look *look);

/* Asks and waits; whether it was found. */
bool world_has(struct world *world, unsigned n);

/* Stores key <n> and waits for the server's answer. */
void world_store(struct world *world, unsigned n);

#endif
