/* models.c -- GET /v1/models: what the key may use. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/request.h"

/* When the listed models were made is not known: a fixed, honest zero. */
#define CREATED "\"created\": 0"

/* What serves no endpoint, a classifier, is for policies alone. */
static bool may_use(const struct request *request, size_t model)
{
	return request->config->models[model].capabilities != 0 &&
	       (!request->key->may_use || request->key->may_use[model]);
}

static bool write_model(struct buf *out, struct span name, struct span owner)
{
	return buf_append(out, SPAN("{\"id\": ")) &&
	       json_write_string(out, name) &&
	       buf_append(out, SPAN(", \"object\": \"model\", " CREATED ", "
				    "\"owned_by\": ")) &&
	       json_write_string(out, owner) && buf_append(out, SPAN("}"));
}

static bool write_list(const struct request *request, struct buf *out)
{
	const struct config *config = request->config;
	bool is_first = true;
	bool ok = buf_append(out, SPAN("{\"object\": \"list\", \"data\": ["));

	if (request->key->may_auto) {
		ok = ok && write_model(out, SPAN("auto"), SPAN("sluice"));
		is_first = false;
	}
	for (size_t i = 0; ok && i < config->n_models; i++) {
		if (!may_use(request, i))
			continue;
		ok = (is_first || buf_append(out, SPAN(", "))) &&
		     write_model(out, span_of(config->models[i].name),
			 span_of(config->models[i].provider->name));
		is_first = false;
	}
	return ok && buf_append(out, SPAN("]}\n"));
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* Some clients write the slashes of a model's name as %2F. */
static struct span decode(struct arena *arena, struct span id)
{
	char *text = arena_alloc(arena, id.len + 1);
	size_t len = 0;

	for (size_t i = 0; text && i < id.len; i++) {
		int high = i + 2 < id.len ? hex_value(id.ptr[i + 1]) : -1;
		int low = i + 2 < id.len ? hex_value(id.ptr[i + 2]) : -1;

		if (id.ptr[i] == '%' && high >= 0 && low >= 0) {
			text[len++] = (char)(high * 16 + low);
			i += 2;
		} else {
			text[len++] = id.ptr[i];
		}
	}
	return span_make(text, len);
}

static enum step_result refuse_unknown(struct request *request, struct span id)
{
	struct buf quoted;

	buf_init(&quoted, 4096);
	id = span_head(id, 200);
	id.len = utf8_valid_len(id);
	if (!json_write_string(&quoted, id))
		buf_consume(&quoted, SIZE_MAX);
	char *message = arena_printf(request->arena,
	    "The model %.*s does not exist or this key may not use it; GET "
	    "/v1/models lists those it may.",
	    SPAN_FMT(buf_span(&quoted)));

	buf_free(&quoted);
	return request_refuse(request, 404,
	    &(struct dialect_error){
		.message = message,
		.type = "invalid_request_error",
		.param = "model",
		.code = "model_not_found",
	    });
}

enum step_result models_answer(struct request *request, struct span id)
{
	struct http1_header headers[9];
	size_t n = request_headers(request, headers, false);
	size_t model;
	struct buf out;
	bool ok;

	buf_init(&out, 1 << 20);
	if (id.len == 0) {
		ok = write_list(request, &out);
	} else {
		id = decode(request->arena, id);
		model = config_find_model(request->config, id);
		if (span_eq(id, SPAN("auto")) && request->key->may_auto)
			ok = write_model(&out, id, SPAN("sluice"));
		else if (model != SIZE_MAX && may_use(request, model))
			ok = write_model(&out, id,
			    span_of(
				request->config->models[model].provider->name));
		else
			return refuse_unknown(request, id);
	}
	if (!ok) {
		buf_free(&out);
		return request_refuse(request, 500, &request_internal_error);
	}
	headers[n++] = (struct http1_header){
	    SPAN("content-type"), SPAN("application/json")};
	request->status = 200;
	exchange_answer(request->exchange, 200, headers, n, buf_span(&out));
	buf_free(&out);
	return request_go(request, &step_finish);
}
