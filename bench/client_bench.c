/* client_bench.c -- what a call costs beside the bare system calls. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/client.h"

/*
 * A server thread answers every read with the same small answer. The client's
 * thread makes the same number of exchanges twice: with bare write and read on
 * one blocking socket, and as calls over kept streams, <width> at a time. CPU
 * time of the client's thread is compared, so the server's does not count.
 *
 * The bare socket waits inside its read; the calls pay for a turn of the loop,
 * which <width> of them share.
 */
#define CONNECTIONS_MAX 64
#define REQUEST                                                                \
	"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\n"                \
	"content-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
#define ANSWER                                                                 \
	"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"                \
	"date: Mon, 23 Nov 2026 07:19:13 GMT\r\nserver: bench\r\n"             \
	"content-length: 17\r\n\r\n{\"object\":\"chat\"}"

struct bench {
	struct loop *loop;
	struct client *client;
	struct origin *origin;
	struct call_request request;
	unsigned long to_start;
	unsigned long to_finish;
	unsigned long failed;
};

static void answer_all(struct pollfd *fds, nfds_t n)
{
	char bytes[4096];

	for (nfds_t i = 1; i < n; i++) {
		if (!fds[i].revents)
			continue;
		if (read(fds[i].fd, bytes, sizeof(bytes)) <= 0 ||
		    write(fds[i].fd, ANSWER, sizeof(ANSWER) - 1) < 0) {
			close(fds[i].fd);
			fds[i].fd = -1;
		}
	}
}

static void *serve(void *arg)
{
	struct pollfd fds[CONNECTIONS_MAX + 1];
	nfds_t n = 1;

	fds[0] = (struct pollfd){.fd = *(int *)arg, .events = POLLIN};
	while (poll(fds, n, -1) > 0) {
		answer_all(fds, n);
		if ((fds[0].revents & POLLIN) && n <= CONNECTIONS_MAX) {
			fds[n].fd = accept(fds[0].fd, NULL, NULL);
			fds[n].events = POLLIN;
			n++;
		}
	}
	return NULL;
}

static double bare(struct sockaddr_in *address, unsigned long n)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int64_t before = clock_thread_cpu_ns();
	char bytes[4096];

	if (connect(fd, (struct sockaddr *)address, sizeof(*address)) < 0)
		exit(1);
	for (unsigned long i = 0; i < n; i++) {
		if (write(fd, REQUEST, sizeof(REQUEST) - 1) < 0 ||
		    read(fd, bytes, sizeof(bytes)) <= 0)
			exit(1);
	}
	close(fd);
	return (double)(clock_thread_cpu_ns() - before) / (double)n;
}

static void start_one(struct bench *bench);

static void sent(struct call *call, void *arg)
{
	(void)call;
	(void)arg;
}

static void head(struct call *call, const struct http1_head *answer, void *arg)
{
	struct bench *bench = arg;

	(void)call;
	bench->failed += answer->status != 200;
}

static void data(struct call *call, struct span bytes, void *arg)
{
	(void)call;
	(void)bytes;
	(void)arg;
}

static void over(struct bench *bench)
{
	if (--bench->to_finish == 0)
		loop_stop(bench->loop);
	else if (bench->to_start > 0)
		start_one(bench);
}

static void done(struct call *call, void *arg)
{
	(void)call;
	over(arg);
}

static void failed(
    struct call *call, enum call_failure failure, const char *detail, void *arg)
{
	struct bench *bench = arg;

	(void)call;
	fprintf(stderr, "%s: %s\n", call_failure_name(failure), detail);
	bench->failed++;
	over(bench);
}

static void start_one(struct bench *bench)
{
	static const struct call_handler handler = {
	    .on_sent = sent,
	    .on_head = head,
	    .on_data = data,
	    .on_done = done,
	    .on_failed = failed,
	};

	bench->to_start--;
	call_start(bench->client, &bench->request, &handler, bench);
}

static void calls(struct bench *bench, unsigned long n, unsigned width)
{
	int64_t wall, cpu;

	bench->to_start = bench->to_finish = n;
	for (unsigned i = 0; i < width; i++)
		start_one(bench);
	wall = clock_mono_ns();
	cpu = clock_thread_cpu_ns();
	loop_run(bench->loop);
	cpu = clock_thread_cpu_ns() - cpu;
	wall = clock_mono_ns() - wall;
	printf("calls, %2u at a time   %8.0f ns CPU each   %7.0f/s\n", width,
	    (double)cpu / (double)n,
	    (double)n * (double)NS_PER_S / (double)wall);
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100000;
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);
	struct span body = SPAN("{}");
	struct bench bench = {0};
	struct error err;
	pthread_t thread;
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (n < CONNECTIONS_MAX ||
	    bind(listener, (struct sockaddr *)&address, len) < 0 ||
	    listen(listener, CONNECTIONS_MAX) < 0 ||
	    getsockname(listener, (struct sockaddr *)&address, &len) < 0 ||
	    pthread_create(&thread, NULL, serve, &listener) != 0)
		return 2;
	bench.loop = loop_new(&err);
	if (!bench.loop)
		return 2;
	bench.client = client_new(bench.loop);
	bench.origin = origin_new(&(struct origin_options){
	    .host = "127.0.0.1",
	    .port = ntohs(address.sin_port),
	    .pool_idle = CONNECTIONS_MAX,
	    .pool_keep_ns = 30 * NS_PER_S,
	    .timeouts = {.connect_ns = 5 * NS_PER_S,
		.first_byte_ns = 60 * NS_PER_S,
		.silence_ns = 60 * NS_PER_S,
		.total_ns = 600 * NS_PER_S},
	});
	bench.request.origin = bench.origin;
	bench.request.head = span_head(span_of(REQUEST), sizeof(REQUEST) - 3);
	bench.request.body = &body;
	bench.request.n_body = 1;
	printf("bare write and read   %8.0f ns CPU each\n", bare(&address, n));
	calls(&bench, n, 1);
	calls(&bench, n, 8);
	calls(&bench, n, 32);
	origin_unref(&bench.origin);
	client_free(&bench.client);
	loop_free(&bench.loop);
	return bench.failed > 0;
}
