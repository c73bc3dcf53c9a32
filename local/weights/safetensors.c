/* safetensors.c -- reads the header of a safetensors file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/weights/safetensors.h"

struct header {
	struct json_doc doc;
	struct span data; /* what follows the header */
	struct tensor_list *list;
};

static enum result ill_formed(
    struct span name, const char *what, struct error *err)
{
	error_set(err, "tensor \"%.*s\": %s", SPAN_FMT(name), what);
	return FAILED;
}

static enum result read_shape(const struct json_doc *doc, uint32_t node,
    struct tensor *tensor, struct error *err)
{
	uint32_t shape = json_find(doc, node, SPAN("shape"));

	if (!json_is(doc, shape, JSON_ARRAY))
		return ill_formed(tensor->name, "has no \"shape\" array", err);
	json_for_each(doc, shape, item) {
		int64_t size;

		if (tensor->n_dims == TENSOR_DIMS_MAX)
			return ill_formed(
			    tensor->name, "has more than 6 dimensions", err);
		if (!json_int(doc, item, &size) || size < 0)
			return ill_formed(
			    tensor->name, "a size is no whole number", err);
		tensor->shape[tensor->n_dims++] = (uint64_t)size;
	}
	return OK;
}

/* The range must be the tensor's size and inside of the data. */
static enum result read_range(const struct header *h, uint32_t node,
    struct tensor *tensor, struct error *err)
{
	uint32_t range = json_find(&h->doc, node, SPAN("data_offsets"));
	int64_t begin, end;
	uint32_t first = json_first(&h->doc, range);

	if (!json_is(&h->doc, range, JSON_ARRAY) ||
	    json_count(&h->doc, range) != 2 ||
	    !json_int(&h->doc, first, &begin) ||
	    !json_int(&h->doc, json_after(&h->doc, range, first), &end))
		return ill_formed(tensor->name,
		    "\"data_offsets\" must be two whole numbers", err);
	if (begin < 0 || end < begin || (uint64_t)end > h->data.len)
		return ill_formed(
		    tensor->name, "its data lie outside of the file", err);
	if (tensor->type == TENSOR_OTHER)
		return OK;
	if (tensor_measure(tensor, err) != OK)
		return FAILED;
	if ((uint64_t)(end - begin) != tensor->size)
		return ill_formed(
		    tensor->name, "its shape and its data differ in size", err);
	tensor->data = (const uint8_t *)h->data.ptr + begin;
	return OK;
}

static enum result read_tensor(
    struct header *h, uint32_t key, struct error *err)
{
	struct tensor tensor = {.n_dims = 0};
	uint32_t node = key + 1, dtype;

	tensor.name = json_text(&h->doc, key, &h->list->arena);
	if (!tensor.name.ptr) {
		error_set(err, "the header's names are too long");
		return FAILED;
	}
	if (!json_is(&h->doc, node, JSON_OBJECT))
		return ill_formed(tensor.name, "is not an object", err);
	dtype = json_find(&h->doc, node, SPAN("dtype"));
	if (!json_is(&h->doc, dtype, JSON_STRING))
		return ill_formed(tensor.name, "has no \"dtype\"", err);
	tensor.stored = json_text(&h->doc, dtype, &h->list->arena);
	tensor.type = quant_type_of_safetensors(tensor.stored);
	if (read_shape(&h->doc, node, &tensor, err) != OK ||
	    read_range(h, node, &tensor, err) != OK)
		return FAILED;
	tensor_list_add(h->list, &tensor);
	return OK;
}

/* The header's text and the data after it. */
static enum result split_file(
    struct span file, struct span *text, struct span *data, struct error *err)
{
	uint64_t len = 0;

	if (file.len < 8) {
		error_set(err, "is not safetensors: shorter than 8 bytes");
		return FAILED;
	}
	for (int i = 7; i >= 0; i--)
		len = len << 8 | (uint8_t)file.ptr[i];
	if (len > SAFETENSORS_HEADER_MAX || len > file.len - 8) {
		error_set(err,
		    "is not safetensors: a header of %llu bytes in a file of "
		    "%zu",
		    (unsigned long long)len, file.len);
		return FAILED;
	}
	*text = span_make(file.ptr + 8, (size_t)len);
	*data = span_from(file, (size_t)len + 8);
	return OK;
}

static enum result parse_header(
    struct header *h, struct span text, struct arena *nodes, struct error *err)
{
	struct json_fault fault;

	if (!json_parse(text, nodes, &h->doc, &fault)) {
		error_set(err, "the header is not JSON: byte %zu: %s",
		    fault.offset, fault.reason);
		return FAILED;
	}
	if (!json_is(&h->doc, 0, JSON_OBJECT)) {
		error_set(err, "the header is not a JSON object");
		return FAILED;
	}
	for (uint32_t at = 1; at < h->doc.nodes[0].next;
	     at = h->doc.nodes[at + 1].next) {
		if (span_eq(json_raw(&h->doc, at), SPAN("\"__metadata__\"")))
			continue;
		if (read_tensor(h, at, err) != OK)
			return FAILED;
	}
	return OK;
}

enum result safetensors_read(
    struct span file, struct tensor_list *list, struct error *err)
{
	struct header h = {.list = list};
	struct arena nodes;
	struct span text;
	enum result result;

	if (split_file(file, &text, &h.data, err) != OK)
		return FAILED;
	arena_init(&nodes, TENSOR_LIST_ARENA);
	result = parse_header(&h, text, &nodes, err);
	arena_free(&nodes);
	return result;
}

/* A shard lies beside its index: anything else would be a way out of it. */
static bool is_plain_name(struct span name)
{
	return name.len > 0 && name.len < 256 && name.ptr[0] != '.' &&
	       !memchr(name.ptr, '/', name.len) &&
	       !memchr(name.ptr, '\0', name.len);
}

enum result safetensors_read_index(struct span text, struct arena *arena,
    safetensors_index_fn each, void *arg, struct error *err)
{
	struct json_fault fault;
	struct json_doc doc;
	uint32_t map;

	if (!json_parse(text, arena, &doc, &fault)) {
		error_set(err, "is not JSON: byte %zu: %s", fault.offset,
		    fault.reason);
		return FAILED;
	}
	map = json_find(&doc, 0, SPAN("weight_map"));
	if (!json_is(&doc, map, JSON_OBJECT)) {
		error_set(err, "has no \"weight_map\" object");
		return FAILED;
	}
	for (uint32_t at = map + 1; at < doc.nodes[map].next;
	     at = doc.nodes[at + 1].next) {
		struct span name = json_text(&doc, at, arena);
		struct span file = json_text(&doc, at + 1, arena);

		if (!name.ptr || !is_plain_name(file)) {
			error_set(err,
			    "\"%.*s\": its file must be a plain file name",
			    SPAN_FMT(name));
			return FAILED;
		}
		if (each(arg, name, file, err) != OK)
			return FAILED;
	}
	return OK;
}
