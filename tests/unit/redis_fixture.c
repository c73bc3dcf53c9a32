/* redis_fixture.c -- for tests: a Redis server, a false one, and a store. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/redis_fixture.h"

#define PATIENCE_S 10

static void make_folder(char folder[64], char socket[96])
{
	snprintf(folder, 64, "/tmp/sluice-redis-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(socket, 96, "%s/s", folder);
}

/* --- a server --------------------------------------------------------------
 */

bool server_is_installed(void)
{
	struct span path = span_of(getenv("PATH")), folder;

	while (span_split(&path, ':', &folder)) {
		char file[4096];

		snprintf(
		    file, sizeof(file), "%.*s/redis-server", SPAN_FMT(folder));
		if (access(file, X_OK) == 0)
			return true;
	}
	return false;
}

#define WORDS_MAX 32

static void exec_server(struct server *server, const char *const *more)
{
	const char *words[WORDS_MAX] = {"redis-server", "--bind", "127.0.0.1",
	    "--unixsocket", server->socket, "--dir", server->folder, "--save",
	    "", "--appendonly", "no", "--port", NULL};
	char port[8], *argv[WORDS_MAX];
	size_t n = 12;

	snprintf(port, sizeof(port), "%u", server->port);
	words[n++] = port;
	for (; more && *more; more++)
		words[n++] = *more;
	for (size_t i = 0; i < n; i++)
		argv[i] = mem_strdup(words[i]);
	argv[n] = NULL;
	execvp(argv[0], argv);
	_exit(127);
}

/* It says when it listens; then it may say what it likes. */
static void await_ready(int fd)
{
	char text[65536];
	size_t len = 0;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		ssize_t n;

		assert_int_equal(poll(&p, 1, PATIENCE_S * 1000), 1);
		n = read(fd, text + len, sizeof(text) - len);
		if (n <= 0)
			fail_msg("redis-server: %.*s", (int)len, text);
		len += (size_t)n;
		if (span_find(span_make(text, len),
			SPAN("Ready to accept connections"), 0) != SIZE_MAX)
			break;
	}
	close(fd);
}

static void connect_admin(struct server *server)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};

	server->admin = redisConnectUnixWithTimeout(server->socket, patience);
	assert_non_null(server->admin);
	assert_int_equal(server->admin->err, 0);
	redisSetTimeout(server->admin, patience);
}

void server_start_again(struct server *server, const char *const *more)
{
	pid_t parent = getpid();
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fflush(NULL);
	server->pid = fork();
	assert_true(server->pid >= 0);
	if (server->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		dup2(ends[1], STDOUT_FILENO);
		dup2(ends[1], STDERR_FILENO);
		exec_server(server, more);
	}
	close(ends[1]);
	await_ready(ends[0]);
	connect_admin(server);
}

static uint16_t free_port(void)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	return ntohs(a.sin_port);
}

void server_start(struct server *server, const char *const *more)
{
	*server = (struct server){.port = free_port()};
	make_folder(server->folder, server->socket);
	server_start_again(server, more);
}

void server_start_tls(
    struct server *server, const char *cert_file, const char *key_file)
{
	uint16_t port = free_port();
	char text[8];
	const char *more[] = {"--tls-port", text, "--tls-cert-file", cert_file,
	    "--tls-key-file", key_file, "--tls-auth-clients", "no", NULL};

	snprintf(text, sizeof(text), "%u", port);
	server_start(server, more);
	server->tls_port = port;
}

void server_kill(struct server *server)
{
	if (server->admin)
		redisFree(server->admin);
	server->admin = NULL;
	if (server->pid <= 0)
		return;
	kill(server->pid, SIGKILL);
	waitpid(server->pid, NULL, 0);
	server->pid = 0;
}

void server_signal(struct server *server, int signal_number)
{
	int status;

	assert_int_equal(kill(server->pid, signal_number), 0);
	if (signal_number == SIGSTOP)
		assert_int_equal(
		    waitpid(server->pid, &status, WUNTRACED), server->pid);
}

void server_free(struct server *server)
{
	server_kill(server);
	if (!server->folder[0])
		return;
	unlink(server->socket);
	rmdir(server->folder);
}

redisReply *server_do(struct server *server, const char *format, ...)
{
	static redisReply *last;
	va_list args;

	if (last)
		freeReplyObject(last);
	va_start(args, format);
	last = redisvCommand(server->admin, format, args);
	va_end(args);
	assert_non_null(last);
	return last;
}

/* --- a pretender -----------------------------------------------------------
 */

struct saying {
	struct pretender *pretender;
	unsigned n;
};

static void say(struct pretender *p, unsigned n)
{
	/* What does not fit is not said, and who has left hears nothing. */
	while (n-- && p->fd >= 0 && p->says.len)
		if (send(p->fd, p->says.ptr, p->says.len,
			MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
			break;
	if (p->hangs_up && p->fd >= 0)
		shutdown(p->fd, SHUT_RDWR);
}

static void say_now(evutil_socket_t fd, short what, void *arg)
{
	struct saying *saying = arg;

	(void)fd;
	(void)what;
	say(saying->pretender, saying->n);
	free(saying);
}

static void hear(evutil_socket_t fd, short what, void *arg)
{
	struct pretender *p = arg;
	struct timeval delay = {.tv_usec = p->delay_ms * 1000};
	static char bytes[65536];
	ssize_t len = read(fd, bytes, sizeof(bytes));
	struct saying *saying;
	size_t at = 0;
	unsigned n = 0;

	(void)what;
	if (len <= 0) {
		event_free(p->reading);
		p->reading = NULL;
		close(p->fd);
		p->fd = -1;
		return;
	}
	while ((at = span_find(span_make(bytes, (size_t)len), SPAN("GET\r\n"),
		    at)) != SIZE_MAX) {
		n++;
		at++;
	}
	p->n_commands += n;
	if (p->delay_ms == 0) {
		say(p, n);
		return;
	}
	saying = mem_new(struct saying);
	saying->pretender = p;
	saying->n = n;
	event_base_once(p->base, -1, EV_TIMEOUT, say_now, saying, &delay);
}

static void accept_one(evutil_socket_t fd, short what, void *arg)
{
	struct pretender *p = arg;

	(void)what;
	if (p->reading)
		event_free(p->reading);
	if (p->fd >= 0)
		close(p->fd);
	p->fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(p->fd >= 0);
	p->n_accepted++;
	p->reading = event_new(p->base, p->fd, EV_READ | EV_PERSIST, hear, p);
	event_add(p->reading, NULL);
	if (p->speaks_first)
		say(p, 1);
}

void pretender_start(struct pretender *p, struct event_base *base)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	p->base = base;
	p->fd = -1;
	make_folder(p->folder, p->socket);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", p->socket);
	p->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(
	    bind(p->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(p->listener, 64), 0);
	p->accepting =
	    event_new(base, p->listener, EV_READ | EV_PERSIST, accept_one, p);
	event_add(p->accepting, NULL);
}

void pretender_free(struct pretender *p)
{
	event_free(p->accepting);
	if (p->reading)
		event_free(p->reading);
	if (p->fd >= 0)
		close(p->fd);
	close(p->listener);
	unlink(p->socket);
	rmdir(p->folder);
}

/* --- the world -------------------------------------------------------------
 */

enum {
	M_HITS,
	M_MISSES,
	M_LATE,
	M_FAILED,
	M_SKIPPED,
	M_STORED,
	M_STORE_FAILED,
	M_CONNECTS,
	M_BREAKER,
	M_DURATION,
	M_BAD,
	M_COUNT = M_BAD + CACHE_FAULT_COUNT,
};

static struct metric *find(struct metrics *metrics, int spec)
{
	return metrics_get(metrics, (size_t)spec, NULL);
}

static void find_metrics(struct world *w)
{
	static struct metric_spec specs[M_COUNT];
	struct redis_metrics *m = &w->options.metrics;

	for (int i = 0; i < M_COUNT; i++)
		specs[i] = (struct metric_spec){
		    .name = "test", .kind = METRIC_COUNTER, .help = "test"};
	specs[M_BREAKER].kind = METRIC_GAUGE;
	specs[M_DURATION].kind = METRIC_HISTOGRAM;
	w->metrics = metrics_new(specs, M_COUNT);
	m->hits = find(w->metrics, M_HITS);
	m->misses = find(w->metrics, M_MISSES);
	m->late = find(w->metrics, M_LATE);
	m->failed = find(w->metrics, M_FAILED);
	m->skipped = find(w->metrics, M_SKIPPED);
	m->stored = find(w->metrics, M_STORED);
	m->store_failed = find(w->metrics, M_STORE_FAILED);
	m->connects = find(w->metrics, M_CONNECTS);
	m->breaker = find(w->metrics, M_BREAKER);
	m->duration = find(w->metrics, M_DURATION);
	for (int i = 0; i < CACHE_FAULT_COUNT; i++)
		m->bad[i] = find(w->metrics, M_BAD + i);
}

int world_start_alone(void **state)
{
	struct world *w = mem_new(struct world);

	signal(SIGPIPE, SIG_IGN);
	log_set_level(LOG_ERROR);
	w->base = event_base_new();
	w->options.base = w->base;
	w->options.deadline_ns = 5 * NS_PER_S; /* busy machines are slow */
	w->options.pause_ns = 20 * NS_PER_MS;
	w->options.pause_max_ns = 100 * NS_PER_MS;
	find_metrics(w);
	*state = w;
	return 0;
}

int world_start(void **state)
{
	world_start_alone(state);
	server_start(&((struct world *)*state)->server, NULL);
	return 0;
}

int world_stop(void **state)
{
	struct world *w = *state;

	redis_store_free(&w->store);
	world_turn(w);
	world_turn(w);
	redis_url_free(&w->url);
	server_free(&w->server);
	metrics_free(&w->metrics);
	event_base_free(w->base);
	free(w);
	return 0;
}

void world_open(struct world *w, const char *format, ...)
{
	char text[512];
	struct error err;
	va_list args;

	redis_store_free(&w->store);
	redis_url_free(&w->url);
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	w->url = redis_url_parse(span_of(text), &err);
	if (!w->url)
		fail_msg("%s", err.text);
	w->options.url = w->url;
	w->store = redis_store_new(&w->options);
}

void world_open_server(struct world *w)
{
	world_open(w, "unix://%s", w->server.socket);
	world_await_up(w);
}

static void stop_waiting(evutil_socket_t fd, short what, void *arg)
{
	bool *is_over = arg;

	(void)fd;
	(void)what;
	*is_over = true;
}

void world_await(struct world *w, claim_fn *claim, void *arg)
{
	struct timeval patience = {.tv_sec = PATIENCE_S};
	bool is_over = false;
	struct event *limit = evtimer_new(w->base, stop_waiting, &is_over);

	evtimer_add(limit, &patience);
	while (!claim(arg) && !is_over)
		event_base_loop(w->base, EVLOOP_ONCE);
	event_free(limit);
	assert_true(claim(arg));
}

static bool is_up(void *arg)
{
	struct world *w = arg;

	return redis_store_is_up(w->store);
}

static bool is_down(void *arg)
{
	return !is_up(arg);
}

void world_await_up(struct world *w)
{
	world_await(w, is_up, w);
	assert_int_equal(metric_value(w->options.metrics.breaker), 0);
}

void world_await_down(struct world *w)
{
	world_await(w, is_down, w);
}

void world_turn(struct world *w)
{
	event_base_loop(w->base, EVLOOP_NONBLOCK);
}

struct sha256 key_of(unsigned n)
{
	return hash_sha256(span_make((const char *)&n, sizeof(n)));
}

struct cache_entry *entry_of(unsigned n, size_t len, int64_t ttl_ns)
{
	char *body = mem_alloc(len);
	struct sha256 key = key_of(n);
	int64_t now = clock_utc_ns();
	struct cache_answer answer = {
	    .body = span_make(body, len),
	    .input_tokens = 3,
	    .output_tokens = 5,
	    .stored_utc_ns = ttl_ns > 0 ? now : now + ttl_ns,
	    .expires_utc_ns = now + ttl_ns,
	};
	struct cache_entry *entry;

	for (size_t i = 0; i < len; i++)
		body[i] = (char)(i * 31 + n); /* with NUL, CR and LF */
	entry = cache_entry_new(&key, &answer);
	free(body);
	return entry;
}

static void found(struct cache_entry *entry, void *arg)
{
	struct look *look = arg;

	look->lookup = NULL;
	look->n_called++;
	look->entry = entry;
}

void world_look(struct world *w, struct look *look, unsigned n)
{
	struct sha256 key = key_of(n);

	*look = (struct look){0};
	look->lookup = redis_store_get(w->store, &key, found, look);
	look->was_refused = !look->lookup;
}

static bool has_ended(void *arg)
{
	struct look *look = arg;

	return look->was_refused || look->n_called;
}

void world_await_look(struct world *w, struct look *look)
{
	world_await(w, has_ended, look);
	assert_int_equal(look->n_called, look->was_refused ? 0 : 1);
}

void look_clear(struct look *look)
{
	cache_entry_unref(&look->entry);
}

bool world_has(struct world *w, unsigned n)
{
	struct look look;
	bool has;

	world_look(w, &look, n);
	world_await_look(w, &look);
	has = look.entry != NULL;
	look_clear(&look);
	return has;
}

struct stores {
	struct world *world;
	int64_t want;
};

static int64_t stores_over(struct world *w)
{
	return metric_value(w->options.metrics.stored) +
	       metric_value(w->options.metrics.store_failed);
}

static bool are_stored(void *arg)
{
	struct stores *stores = arg;

	return stores_over(stores->world) >= stores->want;
}

void world_store(struct world *w, unsigned n)
{
	struct cache_entry *entry = entry_of(n, 1000, 3600 * NS_PER_S);
	struct stores stores = {.world = w, .want = stores_over(w) + 1};

	redis_store_put(w->store, entry);
	cache_entry_unref(&entry);
	world_await(w, are_stored, &stores);
}
