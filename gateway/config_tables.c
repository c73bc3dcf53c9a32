/* config_tables.c -- the rows that configuration is read and documented by. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/config_tables.h"

#include "gateway/config.h"

/* clang-format off */
#define AT(type, member) offsetof(struct type, member)
#define TABLE(list) .rows = list, .n = sizeof(list) / sizeof((list)[0])
#define MS(n) ((n) * NS_PER_MS)
#define SEC(n) ((n) * NS_PER_S)

static const struct setting top[] = {
{.key = "listen", .type = SETTING_STRING, .offset = AT(config, listen), .fallback = "127.0.0.1:8080",
 .doc = "Address and port of the data port. `:8080` means every address. A change needs a restart."},
{.key = "tls", .type = SETTING_NESTED,
 .doc = "Certificate and key of the data port; absent: plain HTTP. Both files are read again on reload."},
{.key = "admin", .type = SETTING_STRING, .offset = AT(config, admin), .fallback = "127.0.0.1:8081",
 .doc = "Address and port of metrics, admin API and dashboard. Keep it off public addresses. A change needs a restart."},
{.key = "admin_hosts", .type = SETTING_NESTED,
 .doc = "Host names, beside addresses and localhost, under which the admin port may be asked."},
{.key = "workers", .type = SETTING_STRING, .offset = AT(config, workers_text), .fallback = "auto",
 .doc = "Event loops, each a thread: 1 to 256, or `auto` for one a processor. A change needs a restart."},
{.key = "state", .type = SETTING_PATH, .offset = AT(config, state), .fallback = "./state",
 .doc = "Folder of the ledger and its projections, locked by the one `serve` that runs on it. A change needs a restart."},
{.key = "drain", .type = SETTING_DURATION, .offset = AT(config, drain), .fallback = "30s", .max = SEC(86400LL),
 .doc = "How long SIGTERM lets requests under way finish."},
{.key = "limits", .type = SETTING_NESTED, .doc = "What a client may send."},
{.key = "keys", .type = SETTING_NESTED, .doc = "Who may ask; a list. Without one every request is refused."},
{.key = "providers", .type = SETTING_NESTED, .doc = "Where answers come from; a list. Needed unless all models are local."},
{.key = "models", .type = SETTING_NESTED, .doc = "What may answer, and its price; a list. Needed unless there is `local`."},
{.key = "local", .type = SETTING_NESTED, .doc = "Open-weight models that this process answers with itself; a list. See docs/local-models.md."},
{.key = "engine", .type = SETTING_NESTED, .doc = "What all local models share. A change needs a restart."},
{.key = "cache", .type = SETTING_NESTED,
 .doc = "Answers from before; absent: no cache, and every answer says `x-sluice-cache: bypass`."},
{.key = "policy", .type = SETTING_PATH, .offset = AT(config, policy_file), .is_required = true,
 .doc = "The policy file that decides requests for the model `auto`."},
};
const struct settings config_top_table = {.name = "the configuration", TABLE(top),
 .doc = "The file's top level."};

static const struct setting tls[] = {
{.key = "cert", .type = SETTING_PATH, .offset = AT(config, tls_cert), .is_required = true,
 .doc = "PEM file with the certificate and its chain."},
{.key = "key", .type = SETTING_PATH, .offset = AT(config, tls_key), .is_required = true,
 .doc = "PEM file with the private key."},
};
const struct settings config_tls_table = {.name = "tls", TABLE(tls),
 .doc = "TLS 1.2 and 1.3 on the data port."};

static const char *const stores[] = {"memory", "redis", NULL};
static const struct setting cache[] = {
{.key = "store", .type = SETTING_ENUM, .offset = AT(config_cache, store), .fallback = "memory", .choices = stores,
 .doc = "`memory`: this process. `redis`: shared by all that use the same Redis, with memory in front of it as the near cache."},
{.key = "size", .type = SETTING_SIZE, .offset = AT(config_cache, size), .fallback = "64MiB", .min = 1 << 20, .max = 1LL << 40,
 .doc = "Memory for entries and all that it takes to find them; with Redis that of the near cache."},
{.key = "ttl", .type = SETTING_DURATION, .offset = AT(config_cache, ttl), .fallback = "1h", .min = SEC(1), .max = SEC(366LL * 86400),
 .doc = "How long an answer may be given again."},
{.key = "entry", .type = SETTING_SIZE, .offset = AT(config_cache, entry_max), .fallback = "1MiB", .min = 1024, .max = 16 << 20,
 .doc = "Largest answer that is kept."},
{.key = "url", .type = SETTING_STRING, .offset = AT(config_cache, url),
 .doc = "Of Redis: `redis://[user[:password]@]host[:port][/database]`, `rediss://` for TLS where this build has it, or `unix:///path`. A password is best taken from the environment."},
{.key = "deadline", .type = SETTING_DURATION, .offset = AT(config_cache, deadline), .fallback = "20ms", .min = MS(1), .max = SEC(10),
 .doc = "What a Redis that is slow or away may cost a request before it is a miss."},
};
const struct settings config_cache_table = {.name = "cache", TABLE(cache),
 .doc = "Where answers from before are kept. What is kept is decided by the policy: see docs/caching.md."};

static const struct setting limits[] = {
{.key = "body", .type = SETTING_SIZE, .offset = AT(config_limits, body), .fallback = "10MiB", .min = 1024, .max = 1LL << 30,
 .doc = "Largest request body; more is answered 413."},
{.key = "header_bytes", .type = SETTING_SIZE, .offset = AT(config_limits, header_bytes), .fallback = "32KiB", .min = 1024, .max = 128 << 10,
 .doc = "Largest head (request line and headers); more is answered 431."},
{.key = "headers", .type = SETTING_INT, .offset = AT(config_limits, headers), .fallback = "100", .min = 8, .max = HTTP1_HEADERS_MAX,
 .doc = "Most header lines; more is answered 431."},
{.key = "line", .type = SETTING_SIZE, .offset = AT(config_limits, line), .fallback = "8KiB", .min = 256, .max = 64 << 10,
 .doc = "Longest request line (414) or header line (431)."},
{.key = "header_time", .type = SETTING_DURATION, .offset = AT(config_limits, header_time), .fallback = "10s", .min = MS(10), .max = SEC(3600),
 .doc = "Time from a request's first byte to its head's end; more is answered 408."},
{.key = "idle", .type = SETTING_DURATION, .offset = AT(config_limits, idle), .fallback = "75s", .min = MS(10), .max = SEC(86400LL),
 .doc = "How long a connection may be silent between requests, in a body, or while it does not read its answer."},
};
const struct settings config_limits_table = {.name = "limits", TABLE(limits),
 .doc = "What a client may send, and how slowly."};

static const struct setting key[] = {
{.key = "name", .type = SETTING_STRING, .offset = AT(config_key_text, name), .is_required = true,
 .doc = "Name of the key in the ledger, in policies and on pages."},
{.key = "key", .type = SETTING_STRING, .offset = AT(config_key_text, key),
 .doc = "The key itself, best from the environment: `${SLUICE_KEY_TEAM_A}`. Only its SHA-256 is kept."},
{.key = "key_sha256", .type = SETTING_STRING, .offset = AT(config_key_text, key_sha256),
 .doc = "Instead of `key`: its SHA-256 in hexadecimal."},
{.key = "tags", .type = SETTING_NESTED, .doc = "A list of words that policies can ask for: `\"internal\" in key.tags`."},
{.key = "models", .type = SETTING_NESTED, .doc = "A list of the models it may use, `auto` among them; absent: all."},
};
const struct settings config_key_table = {.name = "keys[]", TABLE(key),
 .doc = "One who may ask. Exactly one of `key` and `key_sha256` is given."};

static const char *const dialects[] = {"openai", NULL};
static const struct setting provider[] = {
{.key = "name", .type = SETTING_STRING, .offset = AT(config_provider, name), .is_required = true,
 .doc = "Name by which models refer to it."},
{.key = "dialect", .type = SETTING_ENUM, .offset = AT(config_provider, dialect), .fallback = "openai", .choices = dialects,
 .doc = "The API that it speaks."},
{.key = "base_url", .type = SETTING_STRING, .offset = AT(config_provider, base_url), .is_required = true,
 .doc = "`http://` or `https://`, host, port and path, usually ending in `/v1`. Requests go nowhere else, and redirects are not followed."},
{.key = "api_key", .type = SETTING_STRING, .offset = AT(config_provider, api_key_text),
 .doc = "Sent as `Authorization: Bearer` to this origin only; absent: no credentials."},
{.key = "ca", .type = SETTING_PATH, .offset = AT(config_provider, ca),
 .doc = "PEM file of a private certificate authority, trusted beside the system's."},
{.key = "pool", .type = SETTING_NESTED, .doc = "Connections kept for reuse."},
{.key = "timeouts", .type = SETTING_NESTED, .doc = "How long each stage of a call may take."},
{.key = "breaker", .type = SETTING_NESTED, .doc = "When to stop asking a model that fails."},
{.key = "stream_usage", .type = SETTING_BOOL, .offset = AT(config_provider, stream_usage), .fallback = "true",
 .doc = "Ask for usage in streams (`stream_options.include_usage`); false where the provider does not know that member."},
};
const struct settings config_provider_table = {.name = "providers[]", TABLE(provider),
 .doc = "One origin that answers requests."};

static const struct setting pool[] = {
{.key = "idle", .type = SETTING_INT, .offset = AT(config_provider, pool.idle), .fallback = "128", .max = 100000,
 .doc = "Idle connections kept by each worker."},
{.key = "keep", .type = SETTING_DURATION, .offset = AT(config_provider, pool.keep), .fallback = "30s", .max = SEC(86400LL),
 .doc = "How long an idle one is kept; below the server's own keep-alive time."},
};
const struct settings config_pool_table = {.name = "providers[].pool", TABLE(pool),
 .doc = "Connections kept for reuse."};

static const struct setting timeouts[] = {
{.key = "connect", .type = SETTING_DURATION, .offset = AT(config_provider, timeouts.connect), .fallback = "5s", .min = MS(1), .max = SEC(3600),
 .doc = "Name lookup and TCP connection."},
{.key = "tls", .type = SETTING_DURATION, .offset = AT(config_provider, timeouts.tls), .fallback = "5s", .min = MS(1), .max = SEC(3600),
 .doc = "TLS handshake."},
{.key = "first_byte", .type = SETTING_DURATION, .offset = AT(config_provider, timeouts.first_byte), .fallback = "60s", .min = MS(1), .max = SEC(86400LL),
 .doc = "From the request's end to the answer's head; then the next candidate is tried."},
{.key = "silence", .type = SETTING_DURATION, .offset = AT(config_provider, timeouts.silence), .fallback = "60s", .min = MS(1), .max = SEC(86400LL),
 .doc = "Between two pieces of an answer."},
{.key = "total", .type = SETTING_DURATION, .offset = AT(config_provider, timeouts.total), .fallback = "600s", .min = MS(1), .max = SEC(7 * 86400LL),
 .doc = "The whole call."},
};
const struct settings config_timeouts_table = {.name = "providers[].timeouts", TABLE(timeouts),
 .doc = "How long each stage of a call may take."};

static const struct setting breaker[] = {
{.key = "failures", .type = SETTING_INT, .offset = AT(config_provider, breaker.failures), .fallback = "5", .min = 1, .max = 1000000,
 .doc = "Consecutive failures (no connection, timeout, 5xx, broken answer) of a model after which it is not asked."},
{.key = "open", .type = SETTING_DURATION, .offset = AT(config_provider, breaker.open), .fallback = "1s", .min = MS(1), .max = SEC(3600),
 .doc = "Time until one probe is let through; doubled each time the probe fails."},
{.key = "open_max", .type = SETTING_DURATION, .offset = AT(config_provider, breaker.open_max), .fallback = "30s", .min = MS(1), .max = SEC(86400LL),
 .doc = "Longest such time."},
};
const struct settings config_breaker_table = {.name = "providers[].breaker", TABLE(breaker),
 .doc = "When to stop asking a model that fails, and when to try it again."};

static const struct setting model[] = {
{.key = "name", .type = SETTING_STRING, .offset = AT(config_model, name), .is_required = true,
 .doc = "Name by which clients and policies ask for it."},
{.key = "provider", .type = SETTING_STRING, .offset = AT(config_model, provider_name), .is_required = true,
 .doc = "Name of its provider."},
{.key = "upstream", .type = SETTING_STRING, .offset = AT(config_model, upstream),
 .doc = "Its name there; absent: the same."},
{.key = "price", .type = SETTING_NESTED, .doc = "What it costs; absent: unpriced."},
{.key = "context", .type = SETTING_INT, .offset = AT(config_model, context), .fallback = "0", .max = 1LL << 40,
 .doc = "Tokens that prompt and answer may take together; 0: unknown, not checked."},
{.key = "capabilities", .type = SETTING_NESTED,
 .doc = "A list of `tools`, `json`, `vision`, `audio` and the endpoints `chat`, `completions`, `embeddings`. One that names no endpoint means chat and completions; no list means those with tools and json."},
};
const struct settings config_model_table = {.name = "models[]", TABLE(model),
 .doc = "One model that may answer."};

static const struct setting price[] = {
{.key = "input", .type = SETTING_PRICE, .offset = AT(ledger_price, input_femto),
 .doc = "Prompt tokens."},
{.key = "cached_input", .type = SETTING_PRICE, .offset = AT(ledger_price, cached_femto),
 .doc = "Prompt tokens that the provider read from its cache; absent: the price of input."},
{.key = "output", .type = SETTING_PRICE, .offset = AT(ledger_price, output_femto),
 .doc = "Completion tokens."},
};
const struct settings config_price_table = {.name = "models[].price", TABLE(price),
 .doc = "US dollars per million tokens, at most nine fractional digits."};

static const char *const backends[] = {"auto", "cpu", "exact", NULL};
static const struct setting local[] = {
{.key = "name", .type = SETTING_STRING, .offset = AT(config_local_text, name), .is_required = true,
 .doc = "Name by which clients and policies ask for it."},
{.key = "path", .type = SETTING_STRING, .offset = AT(config_local_text, path), .is_required = true,
 .doc = "A Hugging Face directory, a `.safetensors` file in one, a `.gguf` file, or `hf:owner/name` of what `sluice pull` has fetched."},
{.key = "backend", .type = SETTING_ENUM, .offset = AT(config_local_text, backend), .fallback = "auto", .choices = backends,
 .doc = "`auto`: the fastest that is there. `cpu`: the processor's fastest. `exact`: plain F32 arithmetic, slow, the oracle."},
{.key = "context", .type = SETTING_INT, .offset = AT(config_local_text, context), .fallback = "0", .max = 1LL << 31,
 .doc = "Tokens that prompt and answer may take together; 0: as many as the model can."},
{.key = "batch", .type = SETTING_INT, .offset = AT(config_local_text, batch), .fallback = "8", .min = 1, .max = 256,
 .doc = "Texts that are computed together, at most."},
{.key = "weight", .type = SETTING_INT, .offset = AT(config_local_text, weight), .fallback = "1", .min = 1, .max = 1000,
 .doc = "Its share of time and memory beside the other local models'."},
{.key = "int8", .type = SETTING_BOOL, .offset = AT(config_local_text, int8), .fallback = "false",
 .doc = "Products of eight bits: F32, BF16 and F16 weights are shortened at load, and what Q4 weights are multiplied with; keys and values take half the memory. Up to twice as fast, less exact: see docs/engine.md."},
{.key = "sampling", .type = SETTING_NESTED, .doc = "How it samples where a request does not say: a section, or `model` for what the checkpoint's `generation_config.json` suggests. Absent: as the API has it, temperature 1."},
{.key = "price", .type = SETTING_NESTED, .doc = "What its tokens cost; or `power`."},
{.key = "power", .type = SETTING_NESTED, .doc = "What its time costs; or `price`. Neither: unpriced."},
{.key = "capabilities", .type = SETTING_NESTED,
 .doc = "As a model's; absent: what the checkpoint says that it can. A classifier with a `class` serves no endpoint unless it is listed here."},
{.key = "escalate", .type = SETTING_NESTED, .doc = "When its answers are given up for another model's: `{below, hold, to, sample}` as in a policy, see docs/policies.md. A rule may say otherwise."},
{.key = "calibration", .type = SETTING_PATH, .offset = AT(config_local_text, calibration),
 .doc = "A file of `sluice calibrate` that turns its confidence into the chance of being right."},
{.key = "class", .type = SETTING_STRING, .offset = AT(config_local_text, class_name),
 .doc = "Of a classifier: it reads the last user message, and policies see `request.class[\"NAME\"]` and `request.score[\"NAME\"]`."},
};
const struct settings config_local_table = {.name = "local[]", TABLE(local),
 .doc = "One open-weight model that this process answers with itself."};

static const struct setting sampling[] = {
{.key = "temperature", .type = SETTING_STRING, .offset = AT(config_sampling_text, temperature), .fallback = "1",
 .doc = "0 to 2; 0 is greedy."},
{.key = "top_p", .type = SETTING_STRING, .offset = AT(config_sampling_text, top_p), .fallback = "1",
 .doc = "0 to 1: only the likeliest tokens whose probabilities reach it."},
{.key = "top_k", .type = SETTING_INT, .offset = AT(config_sampling_text, top_k), .fallback = "0", .max = 1LL << 28,
 .doc = "Only so many of the likeliest tokens; 0: all."},
{.key = "min_p", .type = SETTING_STRING, .offset = AT(config_sampling_text, min_p), .fallback = "0",
 .doc = "0 to 1: only tokens at least so likely as the likeliest times it."},
{.key = "repetition_penalty", .type = SETTING_STRING, .offset = AT(config_sampling_text, repetition_penalty), .fallback = "1",
 .doc = "0.01 to 10, over prompt and answer."},
};
const struct settings config_sampling_table = {.name = "local[].sampling", TABLE(sampling),
 .doc = "Defaults of a local model for requests that do not say otherwise; plain decimals of at most nine fractional digits."};

static const struct setting power[] = {
{.key = "watts", .type = SETTING_STRING, .offset = AT(config_power_text, watts), .is_required = true,
 .doc = "What the machine draws while the model computes."},
{.key = "tariff", .type = SETTING_STRING, .offset = AT(config_power_text, tariff), .is_required = true,
 .doc = "US dollars for a kilowatt-hour."},
{.key = "hour", .type = SETTING_STRING, .offset = AT(config_power_text, hour), .fallback = "0",
 .doc = "US dollars for an hour of the machine itself: in what is reported, not in what the router compares."},
};
const struct settings config_power_table = {.name = "local[].power", TABLE(power),
 .doc = "What a local model's time costs; plain decimals of at most nine fractional digits."};

static const struct setting engine[] = {
{.key = "threads", .type = SETTING_STRING, .offset = AT(config_engine, threads_text), .fallback = "auto",
 .doc = "Threads of arithmetic: 1 to 256, or `auto` for one a processor."},
{.key = "memory", .type = SETTING_SIZE, .offset = AT(config_engine, memory), .fallback = "1GiB", .min = 4096, .max = 1LL << 44,
 .doc = "For the keys and values of all texts, shared by the models' weights."},
{.key = "nice", .type = SETTING_INT, .offset = AT(config_engine, nice), .fallback = "5", .max = 19,
 .doc = "Nice value of the threads that compute: other requests go first."},
{.key = "queue", .type = SETTING_INT, .offset = AT(config_engine, queue), .fallback = "64", .min = 1, .max = 100000,
 .doc = "Texts that may wait for a model; one more is refused with 429 or goes to the next candidate."},
{.key = "wait", .type = SETTING_DURATION, .offset = AT(config_engine, wait), .fallback = "10s", .max = SEC(86400LL),
 .doc = "How long one may wait; 0: for ever."},
{.key = "class_wait", .type = SETTING_DURATION, .offset = AT(config_engine, class_wait), .fallback = "50ms", .max = SEC(60),
 .doc = "How long a request waits for what classifiers say of it; then it is decided without."},
};
const struct settings config_engine_table = {.name = "engine", TABLE(engine),
 .doc = "What all local models share: one scheduler computes for them."};
/* clang-format on */
