/* main.c -- the fake provider: a simulated OpenAI server for tests. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "tests/fake_provider/listener.h"
#include "tests/fake_provider/out.h"
#include "tests/fake_provider/scripts.h"
#include "tests/fake_provider/service.h"

#define WORKERS_MAX 64

struct options {
	const char *listen;
	const char *control;
	const char *billed;
	const char *cert;
	const char *key;
	const char *api_key;
	const char *models;
	uint64_t workers;
	uint64_t tokens;
	uint64_t pace;
	uint64_t idle;
	bool is_quiet;
};

/* One worker's thread, and the listeners that it owns. */
struct thread {
	struct worker worker;
	struct listener *listener;
	struct listener *control;
	pthread_t id;
	bool is_started;
};

static const char usage[] =
    "Usage: fake_provider [OPTION...]\n"
    "A simulated OpenAI server for tests and benches; see README.md.\n"
    "\n"
    "  --listen ADDRESS   where to serve (127.0.0.1:9101; port 0: any)\n"
    "  --control ADDRESS  where tests steer it: /script /billed /requests "
    "/reset\n"
    "  --workers N        threads (1)\n"
    "  --tls CERT KEY     serve TLS with these PEM files\n"
    "  --key KEY          refuse requests without this API key\n"
    "  --models A,B,...   the models there are\n"
    "  --billed FILE      append a line for each request it would bill\n"
    "  --tokens N         length of an answer (16)\n"
    "  --pace MS          time between a stream's events (0)\n"
    "  --idle S           how long an idle connection is kept (300)\n"
    "  --quiet            print nothing\n"
    "\n"
    "Example: fake_provider --listen 127.0.0.1:9101 --control "
    "127.0.0.1:9102\n";

/* --- options ---------------------------------------------------------------
 */

static bool read_number(const char *text, uint64_t most, uint64_t *value)
{
	return span_to_u64(span_of(text), value) && *value <= most;
}

/* Takes one option; false when its value will not do. */
static bool take_option(
    struct options *options, int option, char **argv, int argc)
{
	switch (option) {
	case 'l':
		options->listen = optarg;
		return true;
	case 'c':
		options->control = optarg;
		return true;
	case 'w':
		return read_number(optarg, WORKERS_MAX, &options->workers) &&
		       options->workers > 0;
	case 's':
		options->cert = optarg;
		if (optind >= argc)
			return false;
		options->key = argv[optind++];
		return true;
	case 'k':
		options->api_key = optarg;
		return true;
	case 'm':
		options->models = optarg;
		return true;
	case 'b':
		options->billed = optarg;
		return true;
	case 't':
		return read_number(optarg, 1000000, &options->tokens);
	case 'p':
		return read_number(optarg, 3600000, &options->pace);
	case 'i':
		return read_number(optarg, 86400, &options->idle) &&
		       options->idle > 0;
	case 'q':
		options->is_quiet = true;
		return true;
	default:
		return false;
	}
}

/* 0 to go on, 1 to end well (--help), 2 for wrong usage. */
static int read_options(struct options *options, int argc, char **argv)
{
	static const struct option names[] = {
	    {"listen", required_argument, NULL, 'l'},
	    {"control", required_argument, NULL, 'c'},
	    {"workers", required_argument, NULL, 'w'},
	    {"tls", required_argument, NULL, 's'},
	    {"key", required_argument, NULL, 'k'},
	    {"models", required_argument, NULL, 'm'},
	    {"billed", required_argument, NULL, 'b'},
	    {"tokens", required_argument, NULL, 't'},
	    {"pace", required_argument, NULL, 'p'},
	    {"idle", required_argument, NULL, 'i'},
	    {"quiet", no_argument, NULL, 'q'},
	    {"help", no_argument, NULL, 'h'},
	    {NULL, 0, NULL, 0},
	};
	int option;

	while ((option = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (option == 'h') {
			(void)fputs(usage, stdout);
			return 1;
		}
		if (!take_option(options, option, argv, argc)) {
			(void)fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		(void)fputs(usage, stderr);
		return 2;
	}
	return 0;
}

/* --- life ------------------------------------------------------------------
 */

static enum result open_provider(
    struct provider *provider, const struct options *options, struct error *err)
{
	provider->api_key = options->api_key;
	provider->models = span_of(options->models);
	provider->tokens = (unsigned)options->tokens;
	provider->pace = (int64_t)options->pace;
	provider->shares_port = options->workers > 1;
	provider->idle_ns = (int64_t)options->idle * NS_PER_S;
	if (options->cert) {
		provider->tls =
		    tls_server_new(options->cert, options->key, err);
		if (!provider->tls)
			return FAILED;
	}
	if (options->control) {
		provider->scripts = scripts_new();
		provider->records = records_new();
	}
	if (options->control || options->billed) {
		provider->billed = billed_open(options->billed, err);
		if (!provider->billed)
			return FAILED;
	}
	return OK;
}

static void close_provider(struct provider *provider)
{
	billed_close(&provider->billed);
	records_free(&provider->records);
	scripts_free(&provider->scripts);
	tls_unref(&provider->tls);
}

static enum result open_worker(
    struct thread *thread, struct provider *provider, struct error *err)
{
	struct worker *worker = &thread->worker;

	worker->provider = provider;
	list_init(&worker->callers);
	buf_init(&worker->scratch, OUT_MAX);
	buf_init(&worker->text, OUT_MAX);
	buf_init(&worker->pieces, OUT_MAX);
	worker->loop = loop_new(err);
	if (!worker->loop)
		return FAILED;
	if (provider->billed)
		worker->billing = billing_new(provider->billed, worker->loop);
	return OK;
}

static void close_worker(struct thread *thread)
{
	struct worker *worker = &thread->worker;

	if (!worker->loop)
		return;
	listener_close(&thread->listener);
	listener_close(&thread->control);
	list_for_each_safe(link, &worker->callers)
		caller_close(container_of(link, struct caller, link));
	billing_free(&worker->billing);
	loop_free(&worker->loop);
	buf_free(&worker->scratch);
	buf_free(&worker->text);
	buf_free(&worker->pieces);
}

static void *run_worker(void *arg)
{
	struct thread *thread = arg;

	loop_run(thread->worker.loop);
	return NULL;
}

/* The first worker's port is every worker's, so that 0 is chosen once. */
static enum result start(struct thread *threads, struct provider *provider,
    const struct options *options, struct error *err)
{
	for (uint64_t i = 0; i < options->workers; i++) {
		struct thread *thread = &threads[i];
		const char *address =
		    i == 0 ? options->listen
			   : listener_address(threads[0].listener);

		if (open_worker(thread, provider, err) != OK)
			return FAILED;
		thread->listener = listener_open(
		    &thread->worker, address, &provider_service, err);
		if (!thread->listener)
			return FAILED;
	}
	if (options->control) {
		threads[0].control = listener_open(&threads[0].worker,
		    options->control, &control_service, err);
		if (!threads[0].control)
			return FAILED;
	}
	for (uint64_t i = 0; i < options->workers; i++) {
		if (pthread_create(
			&threads[i].id, NULL, run_worker, &threads[i]) != 0) {
			error_set(err, "cannot start a thread");
			return FAILED;
		}
		threads[i].is_started = true;
	}
	return OK;
}

static void stop(struct thread *threads, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++) {
		if (!threads[i].is_started)
			continue;
		loop_stop(threads[i].worker.loop);
		pthread_join(threads[i].id, NULL);
	}
	for (uint64_t i = 0; i < n; i++)
		close_worker(&threads[i]);
}

static void announce(const struct thread *threads)
{
	printf("listening on %s", listener_address(threads[0].listener));
	if (threads[0].control)
		printf(", control on %s", listener_address(threads[0].control));
	printf(" (simulated)\n");
	(void)fflush(stdout);
}

/* As many connections as the system lets us have. */
static void raise_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

int main(int argc, char **argv)
{
	struct options options = {
	    .listen = "127.0.0.1:9101",
	    .models = "small-1,large-1,tiny-1,vision-1,reason-1,embed-1",
	    .workers = 1,
	    .tokens = 16,
	    .idle = 300,
	};
	struct provider provider = {0};
	struct thread *threads;
	struct error err = {.text = ""};
	int status = read_options(&options, argc, argv), received;
	sigset_t ends;

	if (status != 0)
		return status == 1 ? 0 : status;
	raise_limits();
	(void)signal(SIGPIPE, SIG_IGN);
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	threads = mem_zalloc(options.workers * sizeof(*threads));
	if (open_provider(&provider, &options, &err) == OK &&
	    start(threads, &provider, &options, &err) == OK) {
		if (!options.is_quiet)
			announce(threads);
		(void)sigwait(&ends, &received);
	} else {
		(void)fprintf(stderr, "fake_provider: %s\n", err.text);
		status = 1;
	}
	stop(threads, options.workers);
	close_provider(&provider);
	free(threads);
	return status;
}
