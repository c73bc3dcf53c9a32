/* config.h -- what a configuration file says, read whole and immutable. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CONFIG_H
#define GATEWAY_CONFIG_H

#include "base/base.h"
#include "cache/cache.h"
#include "ledger/ledger.h"
#include "net/net.h"
#include "router/router.h"

/*
 * A configuration is read once, checked to its last line, and never changed:
 * a reload reads a new one and swaps it whole. Requests hold a reference, so
 * each keeps the models, prices and policy that it began with. Lookups go by
 * index: models are an array that the policy, the keys' permissions and the
 * load table share.
 */
enum {
	CONFIG_KEYS_MAX = 10000,
	CONFIG_MODELS_MAX = 1000,
	CONFIG_BUCKETS = 256,
};

struct config_limits {
	int64_t body;
	int64_t header_bytes;
	int64_t headers;
	int64_t line;
	int64_t header_time;
	int64_t idle;
};

struct config_key {
	char *name;
	struct sha256 digest;
	char **tags; /* (n_tags) */
	size_t n_tags;
	bool *may_use; /* (n_models), or NULL: all */
	bool may_auto;
	uint32_t next; /* index + 1 of the next key of its bucket */
};

struct config_breaker {
	int64_t failures; /* consecutive ones that open it */
	int64_t open;     /* ns, doubled at each failed probe */
	int64_t open_max;
};

struct config_provider {
	char *name;
	int64_t dialect; /* index; 0: openai */
	char *base_url;
	char *api_key_text;     /* wiped once api_key is made */
	struct secret *api_key; /* NULL: none is sent */
	char *ca;
	bool stream_usage;
	struct {
		int64_t idle;
		int64_t keep;
	} pool;
	struct {
		int64_t connect, tls, first_byte, silence, total;
	} timeouts;
	struct config_breaker breaker;

	/* From base_url. */
	bool is_tls;
	char *host;
	char *authority; /* host[:port] as Host says it */
	char *path;      /* prefix without a slash at its end */
	uint16_t port;
	struct origin *origin;
};

enum config_backend {
	BACKEND_AUTO,  /* the fastest that is there */
	BACKEND_CPU,   /* the processor's fastest */
	BACKEND_EXACT, /* plain F32: slow, the oracle */
};

/* What a machine costs while a model computes. */
struct config_power {
	bool is_there;
	int64_t milliwatts;  /* drawn by it */
	int64_t tariff_nano; /* dollars per kWh */
	int64_t hour_nano;   /* dollars per hour of the machine */
};

/* A model that the engine in this process answers with. */
/* How texts are sampled where a request does not say. */
struct config_sampling {
	float temperature, top_p, min_p, repetition;
	uint32_t top_k; /* 0: all */
};

/* What the API has where nobody says anything. */
extern const struct config_sampling config_plain_sampling;

struct config_local {
	char *path;      /* of the checkpoint, resolved */
	int64_t backend; /* enum config_backend */
	int64_t context; /* tokens of a text; 0: the model's */
	int64_t batch;   /* texts at once */
	int64_t weight;  /* share of threads and memory */
	bool int8;       /* weights to eight bits at load */
	struct config_sampling sampling;
	struct config_power power;
	char *class_name;       /* offered to policies as request.class[...] */
	char *calibration_file; /* or NULL */
	struct confidence_map *calibration; /* or NULL */
	bool escalates;
	struct router_escalate escalate; /* where <escalates> */

	/* Read from the checkpoint's headers. */
	char *identity; /* its files and all settings that shape answers */
	bool is_encoder;
	uint32_t n_labels; /* 0: no classifier */
	uint64_t weight_bytes, fixed_bytes;
	uint64_t text_bytes; /* keys and values of one text of full length */
};

/* What all local models share. */
struct config_engine {
	char *threads_text; /* "auto" or a number */
	uint32_t threads;
	int64_t memory; /* bytes of keys and values */
	int64_t nice;
	int64_t queue;      /* texts that wait, of each model */
	int64_t wait;       /* ns until one that waits is refused */
	int64_t class_wait; /* ns that a request waits for its classes */
};

struct config_model {
	char *name;
	char *provider_name;
	char *upstream; /* its name there */
	struct ledger_price price;
	int64_t context;
	unsigned capabilities;
	const struct config_provider *provider;
	struct config_local *local; /* NULL: an upstream's model */
};

/* Where answers from before are kept. */
enum config_store {
	STORE_MEMORY,
	STORE_REDIS, /* and in front of it the memory store */
};

struct config_cache {
	bool is_there; /* the file has one */
	int64_t store;
	int64_t size; /* bytes of memory */
	int64_t ttl;
	int64_t entry_max;
	char *url; /* wiped once redis is made */
	struct redis_url *redis;
	int64_t deadline; /* of a Redis command */
};

struct config {
	char *file;
	char *folder;

	char *listen;
	char *admin;
	char *workers_text; /* "auto" or a number */
	char *state;
	int64_t drain;
	char *policy_file;
	char *tls_cert, *tls_key;
	struct config_limits limits;
	unsigned workers;
	struct config_cache cache;
	struct config_engine engine;

	size_t n_keys;
	struct config_key *keys;
	uint32_t key_heads[CONFIG_BUCKETS]; /* index + 1 of each one's first */
	size_t n_providers;
	struct config_provider *providers;
	size_t n_models;
	struct config_model *models; /* (n_models) those of upstreams first */
	struct router_model *catalogue; /* (n_models) the router's view */
	struct config_provider inside;  /* "local": the local models' */
	size_t n_admin_hosts;
	char **admin_hosts;

	struct policy *policy;
	struct tls_context *tls; /* NULL: plain */

	_Atomic unsigned references;
	uint64_t generation; /* 1, 2, ... set by who swaps it in */
};

/*
 * Reads <file> and what it refers to. Every mistake is added; NULL when there
 * were any. Warnings (a model without a price, say) are logged by the caller
 * through config_warnings. <lookup> gives the environment.
 */
struct config *config_load(
    const char *file, yaml_lookup_fn *lookup, struct mistakes *mistakes);

/* What is allowed but should be said aloud; adds lines to <warnings>. */
void config_warnings(const struct config *config, struct mistakes *warnings);

struct config *config_ref(struct config *config);
void config_unref(struct config **config);

/*
 * The key with <digest>; NULL: none. Digests are compared in constant time,
 * within the bucket of their first byte: what that tells of a digest tells
 * nothing of the key that it was made from.
 */
const struct config_key *config_find_key(
    const struct config *config, const struct sha256 *digest);
const struct config_key *config_key_named(
    const struct config *config, struct span name);

/* Index of a model by name; SIZE_MAX: none. */
size_t config_find_model(const struct config *config, struct span name);

/* How many of the models this process answers with itself. */
size_t config_count_locals(const struct config *config);

/* The environment, for config_load. */
const char *config_environment(const char *name, void *arg);

/* docs/configuration.md, made from the tables. */
bool config_write_docs(struct buf *out);

#endif
