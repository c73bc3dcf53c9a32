/* classes.c -- what classifiers in this process say of a request. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/classes.h"

#include <stdlib.h>

#include "gateway/local/encode.h"
#include "gateway/local/encoder_text.h"
#include "gateway/request.h"

/* More of a text than so many bytes for each token is not looked at. */
#define BYTES_PER_TOKEN 16
#define TOKENS_MAX 65536

/* One question to one classifier; it may outlive its request. */
struct class_ask {
	struct list link; /* the worker's */
	struct worker *worker;
	struct request *request; /* NULL: it has gone on without */
	struct local_model *model;
	size_t index; /* the model's */
	struct class_memo_key key;
	struct encode *encode;
};

/* What a request waits for. */
struct inspection {
	struct deadline deadline;
	unsigned waiting; /* asks */
	bool is_late;
};

/* --- a text's tokens, a vector's class --------------------------------------
 */

static enum result find_tokens(const struct checkpoint *checkpoint,
    struct span text, struct token_buf *ids, struct error *err)
{
	struct model_info info = model_info(checkpoint_model(checkpoint));
	struct encoder_text encoder;
	enum result result;
	size_t whole;

	encoder_text_init(&encoder, checkpoint, TOKENIZER_PLAIN);
	if (!encoder.max || encoder.max > info.context)
		encoder.max = info.context;
	text = span_head(text, (size_t)encoder.max * BYTES_PER_TOKEN);
	text.len = utf8_valid_len(text);
	result = encoder_text_add(&encoder, text, ids, &whole, err);
	encoder_text_free(&encoder);
	if (result == OK && ids->len == 0) {
		error_set(err, "the text is empty");
		return FAILED;
	}
	return result;
}

static struct class_said pick(const struct model *model, const float *logits)
{
	struct model_info info = model_info(model);
	float *scores = mem_alloc(info.n_labels * sizeof(*scores));
	struct class_said said = {.label = 0};

	for (uint32_t i = 1; i < info.n_labels; i++)
		if (logits[i] > logits[said.label])
			said.label = i;
	model_scores_of(model, logits, scores);
	said.score = scores[said.label];
	free(scores);
	return said;
}

/* NULL label when <arena> is full: it has said nothing. */
static struct router_class name_class(const struct model_info *info,
    const struct class_said *said, struct arena *arena)
{
	struct span label = {0};

	if (info->labels)
		label = info->labels[said->label];
	return (struct router_class){
	    .label = label.ptr ? arena_printf(arena, "%.*s", SPAN_FMT(label))
			       : arena_printf(arena, "LABEL_%u", said->label),
	    .score = (double)said->score,
	};
}

enum result classes_ask(const struct checkpoint *checkpoint, struct span text,
    struct arena *arena, struct router_class *out, struct error *err)
{
	struct model *model = checkpoint_model(checkpoint);
	struct model_info info = model_info(model);
	float *logits = mem_alloc(info.n_labels * sizeof(*logits));
	enum result result = FAILED;
	struct class_said said;
	struct model_text one;
	struct token_buf ids;

	token_buf_init(&ids, TOKENS_MAX);
	if (find_tokens(checkpoint, text, &ids, err) != OK)
		goto out;
	one = (struct model_text){.tokens = ids.ids, .n = (uint32_t)ids.len};
	result = model_classify(model, &one, logits, err);
	if (result != OK)
		goto out;
	said = pick(model, logits);
	*out = name_class(&info, &said, arena);
out:
	token_buf_free(&ids);
	free(logits);
	return result;
}

/* --- asking -----------------------------------------------------------------
 */

static void free_ask(struct class_ask *ask)
{
	list_remove(&ask->link);
	encode_cancel(&ask->encode);
	local_model_unref(&ask->model);
	free(ask);
}

static void take(struct request *request, size_t index,
    const struct local_model *model, const struct class_said *said)
{
	request->classes[index] =
	    name_class(&local_model_parts(model)->info, said, request->arena);
}

static void on_classified(void *arg, const struct encode_result *result)
{
	struct class_ask *ask = arg;
	struct request *request = ask->request;
	const struct local_parts *parts = local_model_parts(ask->model);
	struct class_said said;

	ask->encode = NULL;
	if (result->end == JOB_STOP) {
		said =
		    pick(checkpoint_model(parts->checkpoint), result->values);
		class_memo_keep(ask->worker->class_memo, &ask->key, &said);
		if (request)
			take(request, ask->index, ask->model, &said);
	}
	free_ask(ask);
	if (!request)
		return;
	request->inspection->waiting--;
	request_event(request, EVENT_CLASSES);
}

static struct class_ask *new_ask(
    struct request *request, size_t index, const struct class_memo_key *key)
{
	struct class_ask *ask = mem_new(struct class_ask);

	ask->worker = request->worker;
	ask->request = request;
	ask->model = local_model_ref(request->snapshot->locals[index]);
	ask->index = index;
	ask->key = *key;
	list_push_back(&request->worker->class_asks, &ask->link);
	return ask;
}

/* A lane that is full has said nothing. */
static void start(struct class_ask *ask, const struct token_buf *ids)
{
	const struct model_text text = {
	    .tokens = ids->ids, .n = (uint32_t)ids->len};
	struct request *request = ask->request;
	struct job_offer offer;
	struct error err;

	ask->encode = encode_start(request->worker->loop,
	    &(struct encode_question){
		.model = ask->model,
		.texts = &text,
		.n_texts = 1,
		.classifies = true,
		.tenant = span_of(request->key->name),
		.ended = on_classified,
		.arg = ask,
	    },
	    &offer, &err);
	if (ask->encode)
		request->inspection->waiting++;
	else
		free_ask(ask);
}

/* Asks the classifier unless it is known what it says. */
static void ask(struct request *request, size_t index)
{
	struct class_memo *memo = request->worker->class_memo;
	struct local_model *model = request->snapshot->locals[index];
	const struct local_parts *parts = local_model_parts(model);
	const char *identity = request->config->models[index].local->identity;
	struct span text = request->input.last_user;
	struct class_memo_key key = class_memo_key(memo, identity, text);
	struct class_said said;
	struct token_buf ids;
	struct error err;

	if (!parts)
		return;
	if (class_memo_find(memo, &key, &said)) {
		take(request, index, model, &said);
		return;
	}
	token_buf_init(&ids, TOKENS_MAX);
	if (find_tokens(parts->checkpoint, text, &ids, &err) == OK)
		start(new_ask(request, index, &key), &ids);
	token_buf_free(&ids);
}

void classes_drop(struct request *request)
{
	if (!request->inspection)
		return;
	deadline_free(&request->inspection->deadline);
	list_for_each(link, &request->worker->class_asks) {
		struct class_ask *one =
		    container_of(link, struct class_ask, link);

		if (one->request == request)
			one->request = NULL;
	}
	request->inspection = NULL;
}

void classes_close(struct worker *worker)
{
	list_for_each_safe(link, &worker->class_asks)
		free_ask(container_of(link, struct class_ask, link));
}

/* --- the step ---------------------------------------------------------------
 */

static bool is_asked(const struct request *request, size_t model)
{
	return request->snapshot->locals[model] &&
	       request->config->models[model].local->class_name &&
	       policy_reads_class(request->config->policy, model);
}

static void on_late(void *arg)
{
	struct request *request = arg;

	request->inspection->is_late = true;
	request_event(request, EVENT_CLASSES);
}

/* Asks all that the policy reads. False: there is nothing to wait for. */
static bool begin(struct request *request)
{
	const struct config *config = request->config;
	struct arena *arena = request->arena;
	struct inspection *inspection = arena_new(arena, struct inspection);

	request->classes =
	    arena_zalloc(arena, config->n_models * sizeof(*request->classes));
	if (!inspection || !request->classes)
		return false;
	request->inspection = inspection;
	deadline_init(
	    &inspection->deadline, request->worker->loop, on_late, request);
	for (size_t i = 0; i < config->n_models; i++)
		if (is_asked(request, i))
			ask(request, i);
	if (inspection->waiting == 0 || config->engine.class_wait == 0)
		return false;
	deadline_after(&inspection->deadline, config->engine.class_wait);
	return true;
}

/* Whether the policy decides, and by what a classifier says. */
static bool is_wanted(const struct request *request)
{
	if (!span_eq(request->input.model, SPAN("auto")) ||
	    request->endpoint == ENDPOINT_EMBEDDINGS ||
	    request->input.last_user.len == 0)
		return false;
	for (size_t i = 0; i < request->config->n_models; i++)
		if (is_asked(request, i))
			return true;
	return false;
}

static enum step_result inspect(struct request *request)
{
	const struct inspection *inspection = request->inspection;

	if (!inspection && is_wanted(request) && begin(request))
		return STEP_WAIT;
	if (inspection && request->events & EVENT_GONE)
		return request_go(request, &step_finish);
	if (inspection && inspection->waiting > 0 && !inspection->is_late)
		return STEP_WAIT;
	classes_drop(request);
	return request_go(request, &step_decide);
}

const struct request_step step_inspect = {"inspect", inspect};
