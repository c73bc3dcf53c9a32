/* redis_place.c -- for redis_bench: a server, and a proxy that misbehaves. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/redis_place.h"

#include <arpa/inet.h>
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOW_US 50000

static atomic_int proxy_mode;
static struct place *open_place; /* whose server dies with this program */

static void kill_server(void)
{
	if (open_place && open_place->pid > 0)
		kill(open_place->pid, SIGKILL);
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "redis_bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* --- sockets ---------------------------------------------------------------
 */

static struct sockaddr_in loopback(uint16_t port)
{
	struct sockaddr_in a = {.sin_family = AF_INET};

	a.sin_port = htons(port);
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return a;
}

static int bind_any(uint16_t *port)
{
	struct sockaddr_in a = loopback(0);
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	must(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 &&
		 getsockname(fd, (struct sockaddr *)&a, &len) == 0,
	    "no port");
	*port = ntohs(a.sin_port);
	return fd;
}

static int dial(uint16_t port)
{
	struct sockaddr_in a = loopback(port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* --- the proxy -------------------------------------------------------------
 */

struct pair {
	int client, server;
};

static bool pass(int from, int to, bool is_answer)
{
	static const char garbage[] = "HTTP/1.1 400 Bad Request\r\n\r\n";
	char bytes[65536];
	ssize_t n = read(from, bytes, sizeof(bytes));
	enum place_mode mode = (enum place_mode)atomic_load(&proxy_mode);

	if (n <= 0)
		return false;
	if (is_answer && mode == PLACE_SLOW)
		usleep(SLOW_US);
	if (is_answer && mode == PLACE_GARBAGE)
		return send(to, garbage, strlen(garbage), MSG_NOSIGNAL) > 0;
	return send(to, bytes, (size_t)n, MSG_NOSIGNAL) == n;
}

static void *serve_pair(void *arg)
{
	struct pair pair = *(struct pair *)arg;
	struct pollfd fds[2] = {{.fd = pair.client, .events = POLLIN},
	    {.fd = pair.server, .events = POLLIN}};
	bool goes_on = pair.server >= 0;

	free(arg);
	while (goes_on && poll(fds, 2, -1) > 0) {
		if (fds[0].revents)
			goes_on = pass(pair.client, pair.server, false);
		if (goes_on && fds[1].revents)
			goes_on = pass(pair.server, pair.client, true);
	}
	close(pair.client);
	if (pair.server >= 0)
		close(pair.server);
	return NULL;
}

static int listener;

static void *run_proxy(void *arg)
{
	uint16_t port = *(uint16_t *)arg;

	for (;;) {
		struct pair *pair = calloc(1, sizeof(*pair));
		pthread_t thread;

		must(pair, "memory");
		pair->client = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		must(pair->client >= 0, "accept");
		pair->server = dial(port);
		must(pthread_create(&thread, NULL, serve_pair, pair) == 0,
		    "thread");
		pthread_detach(thread);
	}
	return NULL;
}

void place_set_mode(enum place_mode mode)
{
	atomic_store(&proxy_mode, (int)mode);
}

/* --- the server ------------------------------------------------------------
 */

void place_start(struct place *place)
{
	char port[8];
	int fd, tries = 0;

	snprintf(port, sizeof(port), "%u", place->port);
	place->pid = fork();
	must(place->pid >= 0, "fork");
	if (place->pid == 0) {
		const char *words[] = {"redis-server", "--port", port, "--bind",
		    "127.0.0.1", "--save", "", "--appendonly", "no", "--dir",
		    place->folder, "--logfile", "/dev/null"};
		char *argv[sizeof(words) / sizeof(words[0]) + 1] = {NULL};

		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			argv[i] = strdup(words[i]);
		execvp(argv[0], argv);
		_exit(127);
	}
	while ((fd = dial(place->port)) < 0) {
		must(tries++ < 1000, "redis-server does not listen");
		usleep(5000);
	}
	close(fd);
}

void place_kill(struct place *place)
{
	kill(place->pid, SIGKILL);
	waitpid(place->pid, NULL, 0);
	place->pid = 0;
}

void place_signal(struct place *place, int signal_number)
{
	must(kill(place->pid, signal_number) == 0, "kill");
}

void place_do(struct place *place, const char *command)
{
	static char last_password[64];
	redisContext *c = redisConnect("127.0.0.1", place->port);
	char copy[256], *rest = copy;
	const char *words[8];
	int n = 0;

	must(c && !c->err, "redisConnect");
	if (last_password[0])
		freeReplyObject(redisCommand(c, "AUTH %s", last_password));
	snprintf(copy, sizeof(copy), "%s", command);
	for (char *end; n < 8 && *rest; rest = end) {
		end = rest + strcspn(rest, " ");
		if (*end)
			*end++ = 0;
		words[n++] = rest;
	}
	freeReplyObject(redisCommandArgv(c, n, words, NULL));
	if (n == 4 && !strcmp(words[2], "requirepass"))
		snprintf(last_password, sizeof(last_password), "%s", words[3]);
	redisFree(c);
}

void place_open(struct place *place)
{
	pthread_t thread;

	*place = (struct place){.folder = "/tmp/sluice-bench-XXXXXX"};
	must(mkdtemp(place->folder) != NULL, "mkdtemp");
	close(bind_any(&place->port));
	open_place = place;
	atexit(kill_server);
	place_start(place);
	listener = bind_any(&place->proxy_port);
	must(listen(listener, 64) == 0, "listen");
	must(pthread_create(&thread, NULL, run_proxy, &place->port) == 0,
	    "thread");
	pthread_detach(thread);
}

void place_close(struct place *place)
{
	place_signal(place, SIGCONT);
	place_kill(place);
	rmdir(place->folder);
}
