/* look_up.c -- an answer from before: in memory, under way, or in Redis. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/look_up.h"

#include "gateway/headers.h"
#include "gateway/keep.h"
#include "gateway/local/sampling.h"

/* --- the key
 * ---------------------------------------------------------------------------
 */

/*
 * What is asked of whom: the provider, the model's name there, and of a model
 * inside what its configuration says where the request does not.
 */
static struct span whom(
    struct request *request, const struct config_model *model)
{
	struct arena *scratch = &request->worker->scratch;
	struct buf *out = &request->worker->text;
	bool ok;

	buf_consume(out, SIZE_MAX);
	ok = buf_printf(out, "%s\n%s\n%s", model->provider->name,
	    model->provider->base_url, model->upstream);
	if (ok && model->local)
		ok = sampling_write(
		    &model->local->sampling, &request->dialect, out);
	return ok ? arena_copy(scratch, buf_span(out)) : span_make(NULL, 0);
}

/* Headers that may change what comes back; ptr NULL: no room for them. */
static struct span shaping_headers(struct request *request)
{
	const struct http1_head *head = exchange_request(request->exchange);
	struct buf *out = &request->worker->text;
	bool ok = true;

	buf_consume(out, SIZE_MAX);
	for (size_t i = 0; ok && i < head->n_headers; i++)
		if (header_shapes_answer(head->headers[i].name))
			ok = http1_write_header(
			    out, head->headers[i].name, head->headers[i].value);
	return ok ? arena_copy(&request->worker->scratch, buf_span(out))
		  : span_make(NULL, 0);
}

bool look_up_key(struct request *request, size_t candidate, struct sha256 *key)
{
	struct arena *scratch = &request->worker->scratch;
	const struct config_model *model =
	    &request->config
		 ->models[request->decision.candidates[candidate].model];
	struct span headers, upstream;

	arena_reset(scratch);
	headers = shaping_headers(request);
	upstream = whom(request, model);
	if (!headers.ptr || !upstream.ptr)
		return false;
	return cache_key(
	    &(struct cache_question){
		.tenant = span_of(request->key->name),
		.upstream = upstream,
		.policy = span_of(policy_name(request->config->policy)),
		.endpoint = span_of(endpoint_name(request->endpoint)),
		.headers = headers,
		.body = &request->dialect.doc,
	    },
	    scratch, key);
}

/* --- what may be
 * -----------------------------------------------------------------------
 */

/* RFC 9111 5.2.1: of the directives of a request those that mean us. */
static void read_cache_control(struct request *request)
{
	struct request_cache *cache = &request->cache;
	struct span list = http1_header(
	    exchange_request(request->exchange), SPAN("cache-control"));
	struct span word;

	while (span_split(&list, ',', &word)) {
		const struct span age = SPAN("max-age=");
		uint64_t seconds;

		word = span_trim(word);
		if (span_eq_nocase(word, SPAN("no-store")))
			cache->may_keep = false;
		else if (span_eq_nocase(word, SPAN("no-cache")))
			cache->may_read = false;
		else if (span_eq_nocase(span_head(word, age.len), age) &&
			 span_to_u64(span_from(word, age.len), &seconds)) {
			if (seconds == 0)
				cache->may_read = false;
			else if (seconds < UINT32_MAX)
				cache->max_age_ns = (int64_t)seconds * NS_PER_S;
		}
	}
	cache->may_read = cache->may_read && cache->may_keep;
}

/*
 * A chat's answer is taken for the one to be had again when nothing was left
 * to chance, or when the policy says that any answer will do; a vector always
 * is. What asks for more than an answer must be asked for each time.
 */
static void decide_what_may_be(struct request *request)
{
	struct request_cache *cache = &request->cache;
	enum policy_cache word = request->decision.cache;

	if (!request->snapshot->cache || word == POLICY_CACHE_NEVER ||
	    request->dialect.has_side_effects)
		return;
	cache->may_keep = word == POLICY_CACHE_ALWAYS ||
			  request->endpoint == ENDPOINT_EMBEDDINGS ||
			  request->dialect.is_deterministic;
	if (!cache->may_keep)
		return;
	cache->may_read = true;
	read_cache_control(request);
	if (cache->may_keep)
		cache->may_keep = look_up_key(request, 0, &cache->key);
	cache->may_read = cache->may_read && cache->may_keep;
}

/* Index of the candidate that is next to be asked. */
static size_t next_model(const struct request *request)
{
	return request->decision.candidates[request->candidate].model;
}

static const char *next_name(const struct request *request)
{
	return request->config->models[next_model(request)].name;
}

static bool is_too_old(
    const struct request *request, const struct cache_entry *entry)
{
	struct cache_answer answer;

	if (request->cache.max_age_ns == 0)
		return false;
	cache_entry_answer(entry, &answer);
	return request->utc_ns - answer.stored_utc_ns >
	       request->cache.max_age_ns;
}

/* Takes the reference. */
static enum step_result answer_from(struct request *request,
    struct cache_entry *entry, enum cache_source source)
{
	request->cache.entry = entry;
	request->cache.source = source;
	request->cache.state = CACHE_HIT;
	request->cache.model_index = next_model(request);
	request->cache.model = next_name(request);
	return request_go(request, &step_hit);
}

/* --- look up: in memory
 * --------------------------------------------------------------- */

/* The entry in memory that may answer, with a reference, or NULL. */
static struct cache_entry *recall(
    struct request *request, const struct sha256 *key)
{
	struct cache_entry *entry = memory_store_get(
	    request->snapshot->cache->memory, key, request->utc_ns);

	if (entry && is_too_old(request, entry))
		cache_entry_unref(&entry);
	return entry;
}

static enum cache_source memory_source(const struct request *request)
{
	return request->worker->redis ? CACHE_FROM_NEAR : CACHE_FROM_MEMORY;
}

static enum step_result look_up(struct request *request)
{
	struct request_cache *cache = &request->cache;
	struct cache_entry *entry;

	decide_what_may_be(request);
	if (!cache->may_read)
		metric_add(request->worker->cache_bypassed, 1);
	if (!cache->may_keep)
		return request_go(request, &step_reserve);
	if (!cache->may_read)
		return request_go(request, &step_board);
	entry = recall(request, &cache->key);
	if (entry)
		return answer_from(request, entry, memory_source(request));
	return request_go(request, &step_board);
}

/* --- board: the flight of equal requests
 * ---------------------------------------------- */

static void on_news(void *arg)
{
	struct request *request = seat_awake(arg);

	if (request)
		request_event(request, EVENT_FLIGHT);
}

static void wake(struct seat *seat, void *home)
{
	loop_post(home, on_news, seat);
}

static enum step_result miss(struct request *request)
{
	request->cache.state = CACHE_MISS;
	metric_add(request->snapshot->cache->misses, 1);
	return request_go(request, &step_reserve);
}

/* The answer is there already: for this request and for all who attend. */
static enum step_result land_with(struct request *request,
    struct cache_entry *entry, enum cache_source source)
{
	struct seat **seat = &request->cache.seat;

	flight_begin(*seat, CACHE_JSON, next_name(request));
	flight_end(*seat, &(struct flight_result){
			      .end = FLIGHT_LANDED,
			      .entry = entry,
			      .status = 200,
			  });
	seat_leave(seat);
	return answer_from(request, entry, source);
}

/* Whether it asks for usage that an equal request's stream may not have. */
static bool may_lack_usage(const struct request *request)
{
	const struct router_decision *decision = &request->decision;

	if (!request->dialect.has_include_usage)
		return false;
	for (size_t i = 0; i < decision->n_eligible; i++) {
		size_t model = decision->candidates[i].model;

		if (!request->config->models[model].provider->stream_usage)
			return true;
	}
	return false;
}

/*
 * Whoever may not be given an answer from before, or may not share by the
 * policy, leads a flight of its own: its answer is kept all the same. Who asks
 * for usage in a stream attends only where every stream is asked for it.
 */
static enum step_result board(struct request *request)
{
	struct request_cache *cache = &request->cache;
	struct cache_entry *entry;

	cache->seat = flight_board(request->snapshot->cache->flights,
	    &cache->key,
	    &(struct seat_options){
		.wake = wake,
		.home = request->worker->loop,
		.arg = request,
		.only_lead = !cache->may_read || cache->is_lone ||
			     cache->max_age_ns > 0 || may_lack_usage(request) ||
			     !request->decision.coalesces,
	    });
	if (!seat_leads(cache->seat))
		return request_go(request, &step_attend);
	if (!cache->may_read)
		return request_go(request, &step_reserve);
	/* A flight may have landed since the look into memory. */
	entry = recall(request, &cache->key);
	if (entry)
		return land_with(request, entry, memory_source(request));
	return request_go(request, &step_fetch);
}

/* --- fetch: from Redis
 * ---------------------------------------------------------------- */

static void on_fetched(struct cache_entry *entry, void *arg)
{
	struct request *request = arg;

	request->cache.lookup = NULL;
	request->cache.entry = entry;
	request_event(request, EVENT_FETCHED);
}

static enum step_result fetch(struct request *request)
{
	struct request_cache *cache = &request->cache;
	struct redis_store *redis = request->worker->redis;
	struct cache_entry *entry = cache->entry;

	if (request->events & EVENT_GONE)
		return request_go(request, &step_finish);
	if (!(request->events & EVENT_FETCHED)) {
		if (cache->lookup)
			return STEP_WAIT;
		if (redis)
			cache->lookup = redis_store_get(
			    redis, &cache->key, on_fetched, request);
		return cache->lookup ? STEP_WAIT : miss(request);
	}
	cache->entry = NULL;
	if (entry && is_too_old(request, entry))
		cache_entry_unref(&entry);
	if (!entry)
		return miss(request);
	memory_store_put(request->snapshot->cache->memory, entry);
	return land_with(request, entry, CACHE_FROM_REDIS);
}

/* --- again: what the next candidate has answered before
 * ------------------------------------------------------------------------ */

enum step_result look_up_again(struct request *request)
{
	struct request_cache *cache = &request->cache;
	struct cache_entry *entry = NULL;
	struct sha256 key;

	if (cache->may_read && look_up_key(request, request->candidate, &key))
		entry = recall(request, &key);
	if (!entry)
		return request_go(request, &step_reserve);
	if (cache->seat && seat_leads(cache->seat))
		return land_with(request, entry, memory_source(request));
	return answer_from(request, entry, memory_source(request));
}

void look_up_drop(struct request *request)
{
	struct request_cache *cache = &request->cache;

	redis_lookup_cancel(&cache->lookup);
	seat_leave(&cache->seat);
	cache_entry_unref(&cache->entry);
}

#define S(name, fn) const struct request_step step_##name = {#name, fn}
S(look_up, look_up);
S(board, board);
S(fetch, fetch);
#undef S
