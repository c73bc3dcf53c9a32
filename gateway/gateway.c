/* gateway.c -- the running gateway: start, reload, drain, stop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/gateway.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gateway/signals.h"

/* --- reading the files
 * ------------------------------------------------------------ */

static void log_warnings(const struct config *config)
{
	struct mistakes *warnings = mistakes_new();

	config_warnings(config, warnings);
	for (size_t i = 0; i < mistakes_count(warnings); i++)
		log_warn(NULL, "config_warning", "text=\"%s\"",
		    mistakes_line(warnings, i));
	mistakes_free(&warnings);
}

static struct config *load_or_print(const char *file)
{
	struct mistakes *mistakes = mistakes_new();
	struct config *config = config_load(file, config_environment, mistakes);

	for (size_t i = 0; i < mistakes_count(mistakes); i++)
		fprintf(stderr, "%s\n", mistakes_line(mistakes, i));
	mistakes_free(&mistakes);
	return config;
}

char *gateway_ledger_folder(const struct config *config)
{
	return settings_resolve_path(config->state, SPAN("ledger"));
}

static bool is_changed(const char *a, const char *b)
{
	return strcmp(a, b) != 0;
}

static bool is_same_engine(
    const struct config_engine *a, const struct config_engine *b)
{
	return a->threads == b->threads && a->memory == b->memory &&
	       a->nice == b->nice && a->queue == b->queue && a->wait == b->wait;
}

/* What only a restart changes stays as it was, and that is said. */
static void say_what_needs_a_restart(
    const struct config *old, const struct config *new)
{
	const struct {
		const char *key;
		bool is_changed;
	} fixed[] = {
	    {"listen", is_changed(old->listen, new->listen)},
	    {"admin", is_changed(old->admin, new->admin)},
	    {"workers", is_changed(old->workers_text, new->workers_text)},
	    {"state", is_changed(old->state, new->state)},
	    {"tls", (old->tls == NULL) != (new->tls == NULL)},
	    {"engine", !is_same_engine(&old->engine, &new->engine)},
	};

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (fixed[i].is_changed)
			log_warn(NULL, "needs_restart",
			    "key=%s text=\"the old value stays in force\"",
			    fixed[i].key);
}

static struct answer_cache *cache_of(struct gateway *gateway,
    const struct config *config, struct answer_cache *old)
{
	if (!config->cache.is_there)
		return NULL;
	return answer_cache_get(old, config, gateway->metrics);
}

enum result gateway_reload(struct gateway *gateway, struct mistakes *mistakes)
{
	struct config *config;
	struct snapshot *old = gateway->snapshot;

	config =
	    config_load(gateway->config_file, config_environment, mistakes);
	if (!config) {
		metric_add(gateway->reload_failures, 1);
		log_error(NULL, "reload_refused", "mistakes=%zu first=\"%s\"",
		    mistakes_count(mistakes), mistakes_line(mistakes, 0));
		return FAILED;
	}
	log_warnings(config);
	say_what_needs_a_restart(gateway->first, config);
	config->generation = old->config->generation + 1;
	gateway->snapshot = snapshot_new(
	    config, gateway->upstreams, cache_of(gateway, config, old->cache));
	snapshot_find_locals(gateway->snapshot, gateway->locals);
	for (unsigned i = 0; i < gateway->n_workers; i++)
		worker_set_snapshot(gateway->workers[i], gateway->snapshot);
	metric_set(gateway->generation, (int64_t)config->generation);
	log_info(NULL, "reloaded", "generation=%llu models=%zu keys=%zu",
	    (unsigned long long)config->generation, config->n_models,
	    config->n_keys);
	snapshot_unref(&old);
	return OK;
}

/* --- start
 * ---------------------------------------------------------------------------
 */

static enum result open_ledger(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->snapshot->config;

	if (mkdir(config->state, 0700) && errno != EEXIST) {
		error_set(err, "state: cannot make %s: %s", config->state,
		    strerror(errno));
		return FAILED;
	}
	gateway->ledger_folder = gateway_ledger_folder(config);
	gateway->ledger = ledger_open(
	    &(struct ledger_options){
		.directory = gateway->ledger_folder,
		.writers = config->workers,
	    },
	    err);
	return gateway->ledger ? OK : FAILED;
}

static enum result open_projection(struct gateway *gateway, struct error *err)
{
	gateway->projection_path =
	    gateway_projection_path(gateway->ledger_folder);
	gateway->projection = projection_open(
	    &(struct projection_options){
		.ledger = gateway->ledger_folder,
		.path = gateway->projection_path,
		.lag =
		    metrics_get(gateway->metrics, METRIC_PROJECTION_LAG, NULL),
		.rows =
		    metrics_get(gateway->metrics, METRIC_PROJECTION_ROWS, NULL),
		.fails = metrics_get(
		    gateway->metrics, METRIC_PROJECTION_FAILURES, NULL),
	    },
	    err);
	return gateway->projection ? OK : FAILED;
}

static enum result open_workers(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->snapshot->config;
	unsigned n = config->workers;

	if (server_check_free(config->listen, err) != OK)
		return FAILED;
	gateway->workers = mem_zalloc(n * sizeof(struct worker *));
	for (unsigned i = 0; i < n; i++) {
		gateway->workers[i] = worker_new(
		    &(struct worker_options){
			.index = i,
			.gateway = gateway,
			.snapshot = gateway->snapshot,
			.ledger = ledger_writer(gateway->ledger, i),
			.metrics = gateway->metrics,
			.access_log_fd = STDOUT_FILENO,
		    },
		    err);
		if (!gateway->workers[i])
			return FAILED;
		gateway->n_workers++;
	}
	return OK;
}

static enum result open_admin(struct gateway *gateway, struct error *err)
{
	const struct config *config = gateway->snapshot->config;

	gateway->admin = server_open(gateway->loop,
	    &(struct server_options){
		.address = config->admin,
		.limits =
		    {
			.head = http1_default_limits,
			.body = 64 * 1024,
			.header_time_ns = 10 * NS_PER_S,
			.idle_ns = 75 * NS_PER_S,
		    },
		.handler = &admin_handler,
		.arg = gateway,
	    },
	    err);
	return gateway->admin ? OK : FAILED;
}

static enum result open_parts(struct gateway *gateway, struct error *err)
{
	gateway->loop = loop_new(err);
	if (!gateway->loop || open_ledger(gateway, err) != OK ||
	    open_projection(gateway, err) != OK ||
	    open_workers(gateway, err) != OK || open_admin(gateway, err) != OK)
		return FAILED;
	for (unsigned i = 0; i < gateway->n_workers; i++)
		if (worker_start(gateway->workers[i], err) != OK)
			return FAILED;
	return OK;
}

struct gateway *gateway_open(const char *config_file)
{
	struct gateway *gateway;
	struct config *config = load_or_print(config_file);
	struct error err;

	if (!config)
		return NULL;
	log_warnings(config);
	config->generation = 1;
	gateway = mem_new(struct gateway);
	gateway->config_file = config_file;
	gateway->first = config_ref(config);
	gateway->started_utc_ns = clock_utc_ns();
	gateway->metrics = metrics_new(gateway_metric_specs, METRIC_COUNT);
	gateway->generation =
	    metrics_get(gateway->metrics, METRIC_CONFIG_GENERATION, NULL);
	gateway->reload_failures =
	    metrics_get(gateway->metrics, METRIC_RELOAD_FAILURES, NULL);
	metric_set(gateway->generation, 1);
	process_metrics_init(
	    &gateway->process, gateway->metrics, gateway->started_utc_ns);
	gateway->upstreams = upstreams_new(gateway->metrics);
	gateway->locals = local_models_new(&config->engine, gateway->metrics);
	gateway->snapshot = snapshot_new(
	    config, gateway->upstreams, cache_of(gateway, config, NULL));
	snapshot_find_locals(gateway->snapshot, gateway->locals);
	if (open_parts(gateway, &err) != OK) {
		fprintf(stderr, "sluice: %s\n", err.text);
		gateway_close(&gateway);
		return NULL;
	}
	log_info(NULL, "serving",
	    "listen=%s port=%u admin_port=%u workers=%u pid=%d", config->listen,
	    worker_port(gateway->workers[0]), server_port(gateway->admin),
	    gateway->n_workers, (int)getpid());
	return gateway;
}

void gateway_close(struct gateway **gateway)
{
	struct gateway *old = *gateway;
	struct loop *loop;

	if (!old)
		return;
	loop = old->loop;
	*gateway = NULL;
	for (unsigned i = 0; i < old->n_workers; i++)
		worker_stop(&old->workers[i]);
	free(old->workers);
	if (old->admin)
		server_close(&old->admin);
	/* Runs what is still posted, which may look at old->loop. */
	loop_free(&loop);
	ledger_close(&old->ledger);
	projection_close(&old->projection);
	snapshot_unref(&old->snapshot);
	config_unref(&old->first);
	local_models_free(&old->locals);
	upstreams_free(&old->upstreams);
	metrics_free(&old->metrics);
	free(old->ledger_folder);
	free(old->projection_path);
	free(old);
}

/* --- the way down
 * ---------------------------------------------------------------------- */

static void stop_control(void *arg)
{
	struct gateway *gateway = arg;

	loop_stop(gateway->loop);
}

/* On a worker's thread: its last request is over. */
static void on_worker_drained(void *arg)
{
	struct gateway *gateway = arg;

	if (atomic_fetch_sub(&gateway->draining_workers, 1) == 1)
		loop_post(gateway->loop, stop_control, gateway);
}

static void on_drain_deadline(void *arg)
{
	struct gateway *gateway = arg;

	log_warn(NULL, "drain_timed_out", "text=\"requests are cut off\"");
	loop_stop(gateway->loop);
}

static void drain(struct gateway *gateway)
{
	int64_t limit = gateway->snapshot->config->drain;

	if (gateway->is_draining) {
		log_warn(NULL, "stopping", "text=\"second signal\"");
		loop_stop(gateway->loop);
		return;
	}
	log_info(
	    NULL, "draining", "limit_ms=%lld", (long long)(limit / NS_PER_MS));
	gateway->is_draining = true;
	atomic_store(&gateway->draining_workers, gateway->n_workers);
	for (unsigned i = 0; i < gateway->n_workers; i++)
		worker_drain(gateway->workers[i], on_worker_drained, gateway);
	deadline_init(&gateway->drain_deadline, gateway->loop,
	    on_drain_deadline, gateway);
	deadline_after(&gateway->drain_deadline, limit);
}

static void on_signal(int signal, void *arg)
{
	struct gateway *gateway = arg;
	struct mistakes *mistakes;

	if (signal != SIGHUP) {
		drain(gateway);
		return;
	}
	mistakes = mistakes_new();
	if (gateway_reload(gateway, mistakes) != OK)
		for (size_t i = 0; i < mistakes_count(mistakes); i++)
			log_error(NULL, "config_mistake", "text=\"%s\"",
			    mistakes_line(mistakes, i));
	mistakes_free(&mistakes);
}

int gateway_run(struct gateway *gateway)
{
	struct signals *signals;
	struct error err;

	signals = signals_open(gateway->loop, on_signal, gateway, &err);
	if (!signals) {
		fprintf(stderr, "sluice: %s\n", err.text);
		return 1;
	}
	loop_run(gateway->loop);
	/* Jobs end on their own and report to the loop. */
	gateway->is_stopping = true;
	while (gateway->jobs > 0)
		loop_run(gateway->loop);
	if (gateway->is_draining)
		deadline_free(&gateway->drain_deadline);
	signals_close(&signals);
	log_info(NULL, "stopped", "pid=%d", (int)getpid());
	return 0;
}
