/* resolve.h -- inside net/: names to addresses without blocking the loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NET_RESOLVE_H
#define NET_RESOLVE_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "net/loop.h"

/*
 * One resolver a loop. It asks the name servers of resolv.conf for A and AAAA
 * at once, honours the hosts file before them, and remembers answers for a
 * short while, bad ones for a shorter one. Many calls that need the same name
 * at the same time wait for one question. A waiter that leaves takes nothing
 * with it: the question goes on to its own deadline and fills the cache.
 *
 * The two files are looked at again, at most every few seconds, and read when
 * they have changed.
 */
struct address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} u;
	socklen_t len;
};

#define RESOLVE_FAMILY_MAX 8 /* addresses kept of each family */
#define RESOLVE_MAX (2 * RESOLVE_FAMILY_MAX)

/* In the order in which they are to be tried: families take turns. */
struct addresses {
	size_t n;
	struct address list[RESOLVE_MAX];
};

struct resolver;

struct resolver_options {
	const char *name_server; /* "ip:port"; NULL: those of resolv.conf */
	const char *resolv_conf; /* NULL: /etc/resolv.conf */
	const char *hosts_file;  /* NULL: /etc/hosts */
	int64_t question_ns;     /* an unanswered question's end; 0: 10 s */
	int64_t keep_ns;         /* good answers; 0: 30 s */
	int64_t keep_bad_ns;     /* bad ones; 0: 1 s */
	int64_t files_ns;        /* between looks at the two files; 0: 5 s */
	size_t names_max;        /* names remembered or asked for; 0: 1,024 */
};

/* <found> NULL: <problem> says why, in a few words. Called once. */
typedef void resolve_fn(
    const struct addresses *found, const char *problem, void *arg);

/* Part of who waits; it must stay where it is until <fn> or the cancelling. */
struct resolve_waiter {
	struct list link;
	resolve_fn *fn;
	void *arg;
	uint16_t port;
};

/* Opens nothing yet. The strings of <options> must outlive the resolver. */
struct resolver *resolver_new(
    struct loop *loop, const struct resolver_options *options);

/* Nobody may wait any more. */
void resolver_free(struct resolver **resolver);

/*
 * Looks <name> up, with waiter->port set into the answers. OK: <found> is
 * filled from memory. FAILED: it is known to fail, <err> says why. AGAIN:
 * waiter->fn will be called, not before this returns.
 */
enum result resolver_find(struct resolver *resolver, const char *name,
    struct resolve_waiter *waiter, struct addresses *found,
    struct error *err) must_check;

/* Stops waiting; harmless when it does not wait. */
void resolver_cancel(struct resolve_waiter *waiter);

/* Names remembered or being asked for. */
size_t resolver_names(const struct resolver *resolver);

/* A numeric IPv4 or IPv6 address (no brackets, no zone); false otherwise. */
bool address_parse(const char *text, uint16_t port, struct address *out);

#endif
