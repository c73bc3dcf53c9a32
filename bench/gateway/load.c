/* load.c -- a load generator: requests or streams, closed or open loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>

#include "net/net.h"

/*
 * Talks to loopback only. Closed loop: <connections> requests are always under
 * way. Open loop: requests start at a fixed rate whatever the answers do, and
 * latency counts from the time at which each was due, so that a server's stall
 * is not hidden. Prints one JSON object.
 */
struct options {
	uint16_t port;
	const char *path;
	const char *key;
	const char *body_file;
	int64_t connections;
	int64_t rate; /* requests a second; 0: closed loop */
	int64_t seconds;
	int64_t requests; /* stop after so many; 0: by time */
	int64_t vary;     /* so many bodies in turn: MARK is their number */
};

/* In the body's file, with --vary: where the body's number goes. */
#define MARK SPAN("@@@@@@@@")

struct load {
	struct options options;
	struct loop *loop;
	struct client *client;
	struct origin *origin;
	struct span head;
	struct span body;
	size_t mark; /* offset in it, with --vary */
	struct deadline tick;
	int64_t started_ns, ends_ns;
	int64_t sent, done, failed, bad_status, events, bytes;
	int64_t under_way, peak;
	int64_t *latencies; /* ns, (n, cap) */
	size_t n, cap;
};

struct one {
	struct load *load;
	int64_t due_ns;
	bool is_bad;
	char number[12];
	struct span pieces[3];
};

static void send_one(struct load *load, int64_t due_ns);

static bool is_over(const struct load *load)
{
	int64_t limit = load->options.requests;

	return loop_now_ns(load->loop) >= load->ends_ns ||
	       (limit > 0 && load->sent >= limit);
}

static void note_latency(struct load *load, int64_t ns)
{
	if (load->n == load->cap) {
		load->cap = load->cap ? load->cap * 2 : 65536;
		load->latencies = mem_realloc(
		    load->latencies, load->cap * sizeof(*load->latencies));
	}
	load->latencies[load->n++] = ns;
}

static void ended(struct one *one)
{
	struct load *load = one->load;

	load->under_way--;
	free(one);
	if (!is_over(load) && load->options.rate == 0)
		send_one(load, loop_now_ns(load->loop));
	if (is_over(load) && load->under_way == 0)
		loop_stop(load->loop);
}

static void on_sent(struct call *call, void *arg)
{
	(void)call;
	(void)arg;
}

static void on_head(struct call *call, const struct http1_head *head, void *arg)
{
	struct one *one = arg;

	(void)call;
	one->is_bad = head->status != 200;
}

static void on_data(struct call *call, struct span bytes, void *arg)
{
	struct one *one = arg;

	(void)call;
	one->load->bytes += (int64_t)bytes.len;
	for (size_t at = span_find(bytes, SPAN("data:"), 0); at != SIZE_MAX;
	     at = span_find(bytes, SPAN("data:"), at + 5))
		one->load->events++;
}

static void on_done(struct call *call, void *arg)
{
	struct one *one = arg;
	struct load *load = one->load;

	(void)call;
	load->done++;
	if (one->is_bad)
		load->bad_status++;
	note_latency(load, clock_mono_ns() - one->due_ns);
	ended(one);
}

static void on_failed(
    struct call *call, enum call_failure failure, const char *detail, void *arg)
{
	struct one *one = arg;

	(void)call;
	if (one->load->failed++ == 0)
		fprintf(stderr, "load: %s: %s\n", call_failure_name(failure),
		    detail);
	ended(one);
}

static const struct call_handler handler = {
    .on_sent = on_sent,
    .on_head = on_head,
    .on_data = on_data,
    .on_done = on_done,
    .on_failed = on_failed,
};

/* The body as it is, or with the next number in the place of the mark. */
static size_t make_body(struct load *load, struct one *one)
{
	int64_t number;

	one->pieces[0] = load->body;
	if (load->options.vary == 0)
		return 1;
	number = load->sent % load->options.vary;
	snprintf(one->number, sizeof(one->number), "%08u", (unsigned)number);
	one->pieces[0] = span_head(load->body, load->mark);
	one->pieces[1] = span_make(one->number, MARK.len);
	one->pieces[2] = span_from(load->body, load->mark + MARK.len);
	return 3;
}

static void send_one(struct load *load, int64_t due_ns)
{
	struct one *one = mem_new(struct one);
	size_t n_pieces = make_body(load, one);

	one->load = load;
	one->due_ns = due_ns;
	load->sent++;
	load->under_way++;
	if (load->under_way > load->peak)
		load->peak = load->under_way;
	call_start(load->client,
	    &(struct call_request){
		.origin = load->origin,
		.head = load->head,
		.body = one->pieces,
		.n_body = n_pieces,
	    },
	    &handler, one);
}

/* Open loop: everything that is due by now. */
static void on_tick(void *arg)
{
	struct load *load = arg;
	int64_t now = clock_mono_ns();
	int64_t due =
	    (now - load->started_ns) / 1000 * load->options.rate / 1000000;

	while (load->sent < due && !is_over(load))
		send_one(load, load->started_ns +
				   load->sent * NS_PER_S / load->options.rate);
	if (!is_over(load))
		deadline_after(&load->tick, NS_PER_MS);
	else if (load->under_way == 0)
		loop_stop(load->loop);
}

static void start(void *arg)
{
	struct load *load = arg;

	load->started_ns = clock_mono_ns();
	load->ends_ns = load->started_ns + load->options.seconds * NS_PER_S;
	if (load->options.rate > 0) {
		on_tick(load);
		return;
	}
	for (int64_t i = 0; i < load->options.connections; i++)
		send_one(load, loop_now_ns(load->loop));
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double at_quantile(const struct load *load, double q)
{
	size_t i = (size_t)((double)load->n * q);

	if (load->n == 0)
		return 0;
	return (double)load->latencies[i < load->n ? i : load->n - 1] / 1e3;
}

static void print(struct load *load)
{
	double seconds = (double)(clock_mono_ns() - load->started_ns) / 1e9;

	qsort(load->latencies, load->n, sizeof(*load->latencies), compare);
	printf("{\"sent\": %lld, \"done\": %lld, \"failed\": %lld, "
	       "\"bad_status\": %lld, \"events\": %lld, \"bytes\": %lld, "
	       "\"peak\": %lld, \"seconds\": %.3f, \"per_second\": %.0f, "
	       "\"p50_us\": %.1f, \"p90_us\": %.1f, \"p99_us\": %.1f, "
	       "\"max_us\": %.1f}\n",
	    (long long)load->sent, (long long)load->done,
	    (long long)load->failed, (long long)load->bad_status,
	    (long long)load->events, (long long)load->bytes,
	    (long long)load->peak, seconds, (double)load->done / seconds,
	    at_quantile(load, 0.5), at_quantile(load, 0.9),
	    at_quantile(load, 0.99), at_quantile(load, 1.0));
}

static char *read_whole(const char *path, size_t *len)
{
	FILE *file = fopen(path, "rb");
	char *text = mem_alloc(1 << 20);

	if (!file) {
		perror(path);
		exit(2);
	}
	*len = fread(text, 1, 1 << 20, file);
	fclose(file);
	return text;
}

static bool read_options(struct options *options, int argc, char **argv)
{
	struct {
		const char *name;
		int64_t *number;
	} const numbers[] = {
	    {"--connections", &options->connections},
	    {"--rate", &options->rate},
	    {"--seconds", &options->seconds},
	    {"--requests", &options->requests},
	    {"--vary", &options->vary},
	};
	const size_t n_numbers = sizeof(numbers) / sizeof(numbers[0]);
	uint64_t n;

	for (int i = 1; i + 1 < argc; i += 2) {
		struct span value = span_of(argv[i + 1]);

		if (!strcmp(argv[i], "--port") && span_to_u64(value, &n))
			options->port = (uint16_t)n;
		else if (!strcmp(argv[i], "--path"))
			options->path = argv[i + 1];
		else if (!strcmp(argv[i], "--key"))
			options->key = argv[i + 1];
		else if (!strcmp(argv[i], "--body"))
			options->body_file = argv[i + 1];
		for (size_t j = 0; j < n_numbers; j++)
			if (!strcmp(argv[i], numbers[j].name) &&
			    span_to_u64(value, &n))
				*numbers[j].number = (int64_t)n;
	}
	return options->port && options->body_file;
}

static void make_head(struct load *load)
{
	const struct options *options = &load->options;
	char *text = mem_alloc(4096);
	int n = snprintf(text, 4096,
	    "POST %s HTTP/1.1\r\nhost: 127.0.0.1:%u\r\nauthorization: Bearer "
	    "%s\r\ncontent-type: application/json\r\nuser-agent: load\r\n"
	    "accept: */*\r\ncontent-length: %zu\r\n\r\n",
	    options->path, options->port, options->key, load->body.len);

	load->head = span_make(text, (size_t)n);
}

int main(int argc, char **argv)
{
	struct load load = {
	    .options = {.path = "/v1/chat/completions",
		.key = "bench-key-0000",
		.connections = 64,
		.seconds = 5},
	};
	struct error err;

	if (!read_options(&load.options, argc, argv)) {
		fputs("load --port N --body FILE [--path P] [--key K] "
		      "[--connections N] [--rate N] [--seconds N] "
		      "[--requests N] [--vary N]\n",
		    stderr);
		return 2;
	}
	load.body.ptr = read_whole(load.options.body_file, &load.body.len);
	load.mark = span_find(load.body, MARK, 0);
	if (load.options.vary > 0 && load.mark == SIZE_MAX) {
		fputs("load: --vary needs @@@@@@@@ in the body\n", stderr);
		return 2;
	}
	make_head(&load);
	load.loop = loop_new(&err);
	if (!load.loop) {
		fprintf(stderr, "load: %s\n", err.text);
		return 1;
	}
	load.client = client_new(load.loop);
	load.origin = origin_new(&(struct origin_options){
	    .host = "127.0.0.1",
	    .port = load.options.port,
	    .pool_idle = 100000,
	    .pool_keep_ns = 60 * NS_PER_S,
	    .timeouts = {10 * NS_PER_S, 10 * NS_PER_S, 120 * NS_PER_S,
		120 * NS_PER_S, 600 * NS_PER_S},
	});
	deadline_init(&load.tick, load.loop, on_tick, &load);
	loop_post(load.loop, start, &load);
	loop_run(load.loop);
	print(&load);
	deadline_free(&load.tick);
	client_free(&load.client);
	origin_unref(&load.origin);
	loop_free(&load.loop);
	free(load.latencies);
	return load.failed || load.bad_status ? 1 : 0;
}
