/* server_bench.c -- one loop that answers every request with a few bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>

#include "net/loop.h"
#include "net/server.h"

/*
 * What a request costs in net/ alone, on one core. Run it and, say,
 * "wrk -t1 -c64 -d10 http://127.0.0.1:8080/"; at the end it prints how many
 * requests it answered and its own CPU time for each.
 */
static struct loop *loop;

struct tally {
	uint64_t requests;
};

static void on_head(struct exchange *exchange, void *arg)
{
	(void)exchange;
	(void)arg;
}

static void on_request(struct exchange *exchange, void *arg)
{
	static const struct http1_header headers[] = {
	    {SPAN("content-type"), SPAN("text/plain")},
	};
	struct tally *tally = arg;

	tally->requests++;
	exchange_answer(exchange, 200, headers, 1, SPAN("Hello, world.\n"));
}

static void on_drained(struct exchange *exchange, void *arg)
{
	(void)exchange;
	(void)arg;
}

static void on_over(
    struct exchange *exchange, enum exchange_over why, void *arg)
{
	(void)exchange;
	(void)why;
	(void)arg;
}

static void on_signal(int number)
{
	(void)number;
	loop_stop(loop);
}

int main(int argc, char **argv)
{
	static const struct server_handler handler = {
	    .on_head = on_head,
	    .on_request = on_request,
	    .on_drained = on_drained,
	    .on_over = on_over,
	};
	struct tally tally = {0};
	struct server_options options = {
	    .address = argc > 1 ? argv[1] : "127.0.0.1:8080",
	    .limits =
		{
		    .head = http1_default_limits,
		    .body = 10 << 20,
		    .header_time_ns = 10 * NS_PER_S,
		    .idle_ns = 75 * NS_PER_S,
		},
	    .handler = &handler,
	    .arg = &tally,
	};
	struct error err;
	struct server *server;

	loop = loop_new(&err);
	server = loop ? server_open(loop, &options, &err) : NULL;
	if (!server) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	loop_run(loop);
	server_close(&server);
	loop_free(&loop);
	printf("%" PRIu64 " requests, %.2f us of CPU each\n", tally.requests,
	    (double)clock_thread_cpu_ns() / 1e3 /
		(double)(tally.requests ? tally.requests : 1));
	return 0;
}
