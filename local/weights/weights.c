/* weights.c -- a checkpoint's files, mapped, and the tensors in them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/weights/weights.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "local/weights/safetensors.h"

#define FILES_MAX 1024
#define INDEX_MAX ((size_t)64 << 20)

struct mapping {
	char *name; /* its path */
	struct span bytes;
};

struct weights {
	char *folder;          /* NULL for a GGUF file */
	struct mapping *files; /* (n_files) */
	size_t n_files;
	struct tensor_list list;
	struct gguf gguf;
	bool is_gguf;
};

/* Maps all of the file; an empty one is an empty span. */
static enum result map_file(
    const char *path, struct span *bytes, struct error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum result result = FAILED;
	struct stat st;
	void *at;

	*bytes = span_make(NULL, 0);
	if (fd < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		return errno == ENOENT ? AGAIN : FAILED;
	}
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		error_set(err, "%s: is not a file", path);
		goto out;
	}
	result = OK;
	if (st.st_size == 0)
		goto out;
	at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED) {
		error_set(
		    err, "%s: cannot be mapped: %s", path, strerror(errno));
		result = FAILED;
		goto out;
	}
	*bytes = span_make(at, (size_t)st.st_size);
out:
	close(fd);
	return result;
}

/* Maps <path>, taking it over, and keeps it for as long as <weights> lives. */
static enum result keep_file(
    struct weights *weights, char *path, struct span *bytes, struct error *err)
{
	enum result result = map_file(path, bytes, err);

	if (result == OK && weights->n_files == FILES_MAX) {
		error_set(err, "%s: more than %d files", path, FILES_MAX);
		if (bytes->ptr)
			munmap((void *)(uintptr_t)bytes->ptr, bytes->len);
		result = FAILED;
	}
	if (result != OK) {
		free(path);
		return result;
	}
	weights->files = mem_realloc(
	    weights->files, (weights->n_files + 1) * sizeof(*weights->files));
	weights->files[weights->n_files++] =
	    (struct mapping){.name = path, .bytes = *bytes};
	return OK;
}

static char *path_of(const char *folder, struct span name)
{
	size_t len = strlen(folder) + 1 + name.len + 1;
	char *path = mem_alloc(len);

	(void)snprintf(path, len, "%s/%.*s", folder, SPAN_FMT(name));
	return path;
}

static enum result read_safetensors(
    struct weights *weights, char *path, struct error *err)
{
	char *name = mem_strdup(path);
	struct span bytes;
	enum result result = keep_file(weights, path, &bytes, err);

	if (result == OK) {
		result = safetensors_read(bytes, &weights->list, err);
		if (result != OK)
			error_prefix(err, "%s", name);
	}
	free(name);
	return result;
}

struct index_walk {
	struct weights *weights;
	struct span *files; /* (n), those met so far */
	size_t n;
};

static enum result read_shard(
    void *arg, struct span tensor, struct span file, struct error *err)
{
	struct index_walk *walk = arg;
	enum result result;

	(void)tensor;
	for (size_t i = walk->n; i-- > 0;) {
		if (span_eq(walk->files[i], file))
			return OK;
	}
	result = read_safetensors(
	    walk->weights, path_of(walk->weights->folder, file), err);
	if (result != OK)
		return FAILED;
	walk->files =
	    mem_realloc(walk->files, (walk->n + 1) * sizeof(*walk->files));
	walk->files[walk->n++] = file;
	return OK;
}

static enum result check_indexed(
    void *arg, struct span tensor, struct span file, struct error *err)
{
	const struct weights *weights = arg;

	if (tensor_list_find(&weights->list, tensor))
		return OK;
	error_set(err, "tensor \"%.*s\" is not in %.*s", SPAN_FMT(tensor),
	    SPAN_FMT(file));
	return FAILED;
}

static enum result read_shards(
    struct weights *weights, struct span text, struct error *err)
{
	struct index_walk walk = {.weights = weights};
	struct arena arena;
	enum result result;

	arena_init(&arena, TENSOR_LIST_ARENA);
	result = safetensors_read_index(text, &arena, read_shard, &walk, err);
	free(walk.files);
	if (result == OK)
		result = tensor_list_sort(&weights->list, err);
	arena_reset(&arena);
	if (result == OK)
		result = safetensors_read_index(
		    text, &arena, check_indexed, weights, err);
	arena_free(&arena);
	return result;
}

static enum result read_folder(struct weights *weights, struct error *err)
{
	static const char index[] = "model.safetensors.index.json";
	struct span text;
	enum result result =
	    weights_read_beside(weights, index, INDEX_MAX, &text, err);

	if (result == OK) {
		result = read_shards(weights, text, err);
		if (result != OK)
			error_prefix(err, "%s/%s", weights->folder, index);
		return result;
	}
	if (result == FAILED)
		return FAILED;
	if (read_safetensors(weights,
		path_of(weights->folder, SPAN("model.safetensors")), err) != OK)
		return FAILED;
	return tensor_list_sort(&weights->list, err);
}

static enum result read_gguf(
    struct weights *weights, const char *path, struct error *err)
{
	struct span bytes;

	weights->is_gguf = true;
	if (keep_file(weights, mem_strdup(path), &bytes, err) != OK)
		return FAILED;
	if (gguf_read(bytes, &weights->gguf, &weights->list, err) != OK ||
	    tensor_list_sort(&weights->list, err) != OK) {
		error_prefix(err, "%s", path);
		return FAILED;
	}
	return OK;
}

/* A single .safetensors file: the others lie in its folder. */
static enum result read_single(
    struct weights *weights, const char *path, struct error *err)
{
	const char *slash = strrchr(path, '/');

	weights->folder =
	    slash ? span_dup(span_make(path, (size_t)(slash - path)))
		  : mem_strdup(".");
	if (read_safetensors(weights, mem_strdup(path), err) != OK)
		return FAILED;
	return tensor_list_sort(&weights->list, err);
}

struct weights *weights_open(const char *path, struct error *err)
{
	struct weights *weights = mem_new(struct weights);
	enum result result;
	struct stat st;

	tensor_list_init(&weights->list);
	if (stat(path, &st) < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		result = FAILED;
	} else if (S_ISDIR(st.st_mode)) {
		weights->folder = mem_strdup(path);
		result = read_folder(weights, err);
	} else if (span_ends_with(span_of(path), SPAN(".safetensors"))) {
		result = read_single(weights, path, err);
	} else {
		result = read_gguf(weights, path, err);
	}
	if (result != OK)
		weights_close(&weights);
	return weights;
}

void weights_close(struct weights **weights)
{
	struct weights *w = *weights;

	if (!w)
		return;
	for (size_t i = 0; i < w->n_files; i++) {
		struct span bytes = w->files[i].bytes;

		if (bytes.ptr)
			munmap((void *)(uintptr_t)bytes.ptr, bytes.len);
		free(w->files[i].name);
	}
	tensor_list_free(&w->list);
	free(w->files);
	free(w->folder);
	free(w);
	*weights = NULL;
}

const struct tensor *weights_find(
    const struct weights *weights, struct span name)
{
	return tensor_list_find(&weights->list, name);
}

const struct tensor_list *weights_list(const struct weights *weights)
{
	return &weights->list;
}

const struct gguf *weights_gguf(const struct weights *weights)
{
	return weights->is_gguf ? &weights->gguf : NULL;
}

void weights_rest(const struct weights *weights)
{
	for (size_t i = 0; i < weights->n_files; i++) {
		struct span bytes = weights->files[i].bytes;

		/* A private matter between process and kernel: no error
		 * changes what is read. */
		if (bytes.ptr)
			(void)madvise((void *)(uintptr_t)bytes.ptr, bytes.len,
			    MADV_DONTNEED);
	}
}

uint64_t weights_bytes(const struct weights *weights)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < weights->n_files; i++)
		sum += weights->files[i].bytes.len;
	return sum;
}

enum result weights_read_beside(struct weights *weights, const char *name,
    size_t max, struct span *text, struct error *err)
{
	enum result result;

	if (!weights->folder) {
		error_set(err, "%s: a GGUF file has no files beside it", name);
		return AGAIN;
	}
	result = keep_file(
	    weights, path_of(weights->folder, span_of(name)), text, err);
	if (result == OK && text->len > max) {
		error_set(err, "%s/%s: %zu bytes, at most %zu", weights->folder,
		    name, text->len, max);
		return FAILED;
	}
	return result;
}
