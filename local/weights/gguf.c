/* gguf.c -- reads the header of a GGUF file: keys and tensors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/weights/gguf.h"

#include <stdlib.h>

#define ALIGNMENT_DEFAULT 32
#define ALIGNMENT_MAX 65536
#define KEY_BYTES_MIN 13    /* length, type and one byte of value */
#define TENSOR_BYTES_MIN 24 /* length, dimensions, type, offset */

/* What is left of the file; every take checks it first. */
struct cursor {
	const uint8_t *at;
	uint64_t left;
};

struct reader {
	struct span file;
	struct cursor c;
	struct gguf *gguf;
	struct tensor_list *list;
	uint64_t n_tensors;
};

static bool take(struct cursor *c, uint64_t len, const uint8_t **out)
{
	if (len > c->left)
		return false;
	*out = c->at;
	c->at += len;
	c->left -= len;
	return true;
}

static bool take_u32(struct cursor *c, uint32_t *out)
{
	const uint8_t *p;

	if (!take(c, 4, &p))
		return false;
	*out = quant_u32(p);
	return true;
}

static uint64_t u64_at(const uint8_t *p)
{
	return (uint64_t)quant_u32(p) | (uint64_t)quant_u32(p + 4) << 32;
}

static bool take_u64(struct cursor *c, uint64_t *out)
{
	const uint8_t *p;

	if (!take(c, 8, &p))
		return false;
	*out = u64_at(p);
	return true;
}

static bool take_string(struct cursor *c, struct span *out)
{
	const uint8_t *p;
	uint64_t len;

	if (!take_u64(c, &len) || !take(c, len, &p))
		return false;
	*out = span_make((const char *)p, (size_t)len);
	return true;
}

/* Bytes of one value of <type>; 0 for those without a fixed size. */
static uint64_t value_bytes(uint32_t type)
{
	static const uint8_t sizes[] = {
	    [GGUF_U8] = 1,
	    [GGUF_I8] = 1,
	    [GGUF_U16] = 2,
	    [GGUF_I16] = 2,
	    [GGUF_U32] = 4,
	    [GGUF_I32] = 4,
	    [GGUF_F32] = 4,
	    [GGUF_BOOL] = 1,
	    [GGUF_U64] = 8,
	    [GGUF_I64] = 8,
	    [GGUF_F64] = 8,
	};

	return type < sizeof(sizes) ? sizes[type] : 0;
}

/* Passes over <key>'s values, checking that all are there. */
static bool take_values(struct cursor *c, const struct gguf_key *key)
{
	uint64_t size = value_bytes(key->type), all;
	const uint8_t *p;
	struct span text;

	if (size)
		return !__builtin_mul_overflow(size, key->n, &all) &&
		       take(c, all, &p);
	if (key->type != GGUF_STRING || key->n > c->left / 8)
		return false;
	for (uint64_t i = 0; i < key->n; i++) {
		if (!take_string(c, &text))
			return false;
	}
	return true;
}

static enum result read_key(
    struct cursor *c, struct gguf_key *key, struct error *err)
{
	uint32_t type;

	if (!take_string(c, &key->name) || !take_u32(c, &type)) {
		error_set(err, "the file ends inside of a key");
		return FAILED;
	}
	key->n = 1;
	key->is_array = type == GGUF_ARRAY;
	if (key->is_array && (!take_u32(c, &type) || !take_u64(c, &key->n))) {
		error_set(err, "key \"%.*s\": the file ends inside of it",
		    SPAN_FMT(key->name));
		return FAILED;
	}
	if (!value_bytes(type) && type != GGUF_STRING) {
		error_set(err, "key \"%.*s\": type %u is not supported%s",
		    SPAN_FMT(key->name), type,
		    key->is_array ? " in an array" : "");
		return FAILED;
	}
	key->type = (enum gguf_type)type;
	key->value = c->at;
	if (!take_values(c, key)) {
		error_set(err, "key \"%.*s\": its value leaves the file",
		    SPAN_FMT(key->name));
		return FAILED;
	}
	return OK;
}

static int compare_keys(const void *a, const void *b)
{
	struct span x = ((const struct gguf_key *)a)->name;
	struct span y = ((const struct gguf_key *)b)->name;
	size_t len = x.len < y.len ? x.len : y.len;
	int order = len ? memcmp(x.ptr, y.ptr, len) : 0;

	return order ? order : (x.len > y.len) - (x.len < y.len);
}

static enum result read_keys(struct reader *r, struct error *err)
{
	size_t n = r->gguf->n_keys;
	struct gguf_key *keys = NULL;

	if (n <= r->c.left / KEY_BYTES_MIN)
		keys = arena_alloc(&r->list->arena, n * sizeof(*keys));
	if (!keys) {
		error_set(err, "%zu keys are more than the file can hold", n);
		return FAILED;
	}
	for (size_t i = 0; i < n; i++) {
		if (read_key(&r->c, &keys[i], err) != OK)
			return FAILED;
	}
	if (n)
		qsort(keys, n, sizeof(*keys), compare_keys);
	for (size_t i = 1; i < n; i++) {
		if (compare_keys(&keys[i - 1], &keys[i]) != 0)
			continue;
		error_set(
		    err, "key \"%.*s\" stands twice", SPAN_FMT(keys[i].name));
		return FAILED;
	}
	r->gguf->keys = keys;
	return OK;
}

/* The sizes, the type's number and the offset that follow a tensor's name. */
static bool take_place(
    struct cursor *c, struct tensor *tensor, uint64_t *offset)
{
	uint32_t type;

	/* The file writes the contiguous dimension first. */
	for (uint32_t i = tensor->n_dims; i-- > 0;) {
		if (!take_u64(c, &tensor->shape[i]))
			return false;
	}
	if (!take_u32(c, &type) || !take_u64(c, offset))
		return false;
	tensor->type = quant_type_of_gguf(type);
	tensor->stored = span_of(quant_type(tensor->type)->name);
	return true;
}

/* Its offset stays in the size until the start of the data is known. */
static enum result read_tensor(
    struct cursor *c, struct tensor *tensor, struct error *err)
{
	*tensor = (struct tensor){.n_dims = 0};
	if (!take_string(c, &tensor->name) || !take_u32(c, &tensor->n_dims)) {
		error_set(err, "the file ends inside of a tensor's name");
		return FAILED;
	}
	if (tensor->n_dims > 4) {
		error_set(err, "tensor \"%.*s\" has %u dimensions, at most 4",
		    SPAN_FMT(tensor->name), tensor->n_dims);
		return FAILED;
	}
	if (!take_place(c, tensor, &tensor->size)) {
		error_set(err, "tensor \"%.*s\": the file ends inside of it",
		    SPAN_FMT(tensor->name));
		return FAILED;
	}
	return OK;
}

static enum result place_tensor(
    struct span data, struct tensor *tensor, struct error *err)
{
	uint64_t offset = tensor->size;

	tensor->size = 0;
	if (tensor->type != TENSOR_OTHER && tensor_measure(tensor, err) != OK)
		return FAILED;
	if (offset > data.len || tensor->size > data.len - offset) {
		error_set(err, "tensor \"%.*s\": its data leave the file",
		    SPAN_FMT(tensor->name));
		return FAILED;
	}
	if (tensor->type != TENSOR_OTHER)
		tensor->data = (const uint8_t *)data.ptr + offset;
	return OK;
}

/* What follows the header, from the next aligned byte of the file on. */
static enum result find_data(
    const struct reader *r, struct span *data, struct error *err)
{
	const struct gguf_key *key =
	    gguf_find(r->gguf, SPAN("general.alignment"));
	int64_t alignment = ALIGNMENT_DEFAULT;
	uint64_t start = r->file.len - r->c.left;

	if (key &&
	    (!gguf_int(key, 0, &alignment) || alignment < 1 ||
		alignment > ALIGNMENT_MAX || (alignment & (alignment - 1)))) {
		error_set(err,
		    "key \"general.alignment\" must be a power of two, at "
		    "most %d",
		    ALIGNMENT_MAX);
		return FAILED;
	}
	start += (uint64_t)alignment - 1;
	start -= start % (uint64_t)alignment;
	*data = span_from(r->file, (size_t)start);
	return OK;
}

static enum result read_tensors(struct reader *r, struct error *err)
{
	size_t first = r->list->n;
	struct tensor tensor;
	struct span data;

	if (r->n_tensors > r->c.left / TENSOR_BYTES_MIN) {
		error_set(err, "%llu tensors are more than the file can hold",
		    (unsigned long long)r->n_tensors);
		return FAILED;
	}
	for (uint64_t i = 0; i < r->n_tensors; i++) {
		if (read_tensor(&r->c, &tensor, err) != OK)
			return FAILED;
		tensor_list_add(r->list, &tensor);
	}
	if (find_data(r, &data, err) != OK)
		return FAILED;
	for (size_t i = first; i < r->list->n; i++) {
		if (place_tensor(data, &r->list->items[i], err) != OK)
			return FAILED;
	}
	return OK;
}

enum result gguf_read(struct span file, struct gguf *gguf,
    struct tensor_list *list, struct error *err)
{
	struct reader r = {
	    .file = file,
	    .c = {.at = (const uint8_t *)file.ptr, .left = file.len},
	    .gguf = gguf,
	    .list = list,
	};
	const uint8_t *magic;
	uint64_t n_keys;

	*gguf = (struct gguf){.version = 0};
	if (!take(&r.c, 4, &magic) || memcmp(magic, "GGUF", 4) != 0 ||
	    !take_u32(&r.c, &gguf->version)) {
		error_set(err, "is not a GGUF file");
		return FAILED;
	}
	if (gguf->version < 2 || gguf->version > 3) {
		error_set(err, "GGUF version %u is not supported: 2 or 3 is",
		    gguf->version);
		return FAILED;
	}
	if (!take_u64(&r.c, &r.n_tensors) || !take_u64(&r.c, &n_keys)) {
		error_set(err, "the file ends inside of its header");
		return FAILED;
	}
	gguf->n_keys = (size_t)n_keys;
	if (read_keys(&r, err) != OK || read_tensors(&r, err) != OK)
		return FAILED;
	return OK;
}

const struct gguf_key *gguf_find(const struct gguf *gguf, struct span name)
{
	struct gguf_key key = {.name = name};

	if (!gguf->n_keys)
		return NULL;
	return bsearch(
	    &key, gguf->keys, gguf->n_keys, sizeof(key), compare_keys);
}

bool gguf_int(const struct gguf_key *key, uint64_t i, int64_t *out)
{
	const uint8_t *p;

	if (!key || i >= key->n || !value_bytes(key->type))
		return false;
	p = key->value + i * value_bytes(key->type);
	switch (key->type) {
	case GGUF_U8:
	case GGUF_BOOL:
		*out = *p;
		return true;
	case GGUF_I8:
		*out = (int8_t)*p;
		return true;
	case GGUF_U16:
		*out = quant_u16(p);
		return true;
	case GGUF_I16:
		*out = (int16_t)quant_u16(p);
		return true;
	case GGUF_U32:
		*out = quant_u32(p);
		return true;
	case GGUF_I32:
		*out = (int32_t)quant_u32(p);
		return true;
	case GGUF_U64:
	case GGUF_I64:
		*out = (int64_t)u64_at(p);
		return key->type == GGUF_I64 || *out >= 0;
	default:
		return false;
	}
}

bool gguf_double(const struct gguf_key *key, uint64_t i, double *out)
{
	int64_t whole;
	float narrow;

	if (key && i < key->n && key->type == GGUF_F32) {
		memcpy(&narrow, key->value + i * 4, sizeof(narrow));
		*out = (double)narrow;
		return true;
	}
	if (key && i < key->n && key->type == GGUF_F64) {
		memcpy(out, key->value + i * 8, sizeof(*out));
		return true;
	}
	if (!gguf_int(key, i, &whole))
		return false;
	*out = (double)whole;
	return true;
}

/* The string at <p>; its bounds were checked when the file was read. */
static struct span string_at(const uint8_t *p)
{
	return span_make((const char *)p + 8, (size_t)u64_at(p));
}

struct span gguf_string(const struct gguf_key *key)
{
	if (!key || key->is_array || key->type != GGUF_STRING)
		return span_make(NULL, 0);
	return string_at(key->value);
}

const struct span *gguf_strings(const struct gguf_key *key, struct arena *arena)
{
	struct span *strings;
	const uint8_t *p;

	if (!key || !key->is_array || key->type != GGUF_STRING)
		return NULL;
	strings = arena_alloc(arena, (size_t)key->n * sizeof(*strings));
	if (!strings)
		return NULL;
	p = key->value;
	for (uint64_t i = 0; i < key->n; i++) {
		strings[i] = string_at(p);
		p += 8 + strings[i].len;
	}
	return strings;
}
