/* template_fixture.h -- templates rendered in a line, and files of goldens. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_TEMPLATE_FIXTURE_H
#define TESTS_UNIT_TEMPLATE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "local/template.h"

/* A rendering with all that it stands on; fixture_free drops it. */
struct rendering {
	struct arena arena;  /* the documents' */
	struct arena memory; /* the rendering's own */
	struct json_doc data, trusted;
	struct template_input input;
	struct template_output out;
	struct error err;
	bool is_loaded;
	enum result result;
};

static inline struct json_doc fixture_json(
    struct arena *arena, struct span text)
{
	struct json_fault fault;
	struct json_doc doc;

	if (!json_parse(text, arena, &doc, &fault)) {
		fprintf(stderr, "%s at %zu\n", fault.reason, fault.offset);
		abort();
	}
	return doc;
}

/*
 * Renders <source> with <data>, the text of an object, and <trusted>, another
 * or NULL. The time is 2026-01-02 03:04:05.123456.
 */
static inline void fixture_render(struct rendering *r, struct span source,
    struct span data, const char *trusted)
{
	struct template *template;

	*r = (struct rendering){.result = FAILED};
	arena_init(&r->arena, (size_t)64 << 20);
	arena_init(&r->memory, TEMPLATE_MEMORY_MAX);
	r->data = fixture_json(&r->arena, data);
	r->input = (struct template_input){
	    .data = &r->data, .now_ns = INT64_C(1767323045123456000)};
	if (trusted) {
		r->trusted = fixture_json(&r->arena, span_of(trusted));
		r->input.trusted = &r->trusted;
	}
	template = template_load(source, &r->err);
	r->is_loaded = template != NULL;
	if (template)
		r->result = template_render(
		    template, &r->input, &r->memory, &r->out, &r->err);
	template_free(&template);
}

static inline void fixture_free(struct rendering *r)
{
	arena_free(&r->memory);
	arena_free(&r->arena);
}

/* A file of tests/data/templates; the caller frees its text. */
static inline struct span fixture_read(const char *name)
{
	char path[512];
	struct buf buf;
	FILE *file;
	char *room;
	size_t n;

	snprintf(path, sizeof(path), "%s/templates/%s", TEST_DATA, name);
	file = fopen(path, "rb");
	if (!file) {
		perror(path);
		abort();
	}
	buf_init(&buf, (size_t)16 << 20);
	do {
		room = buf_reserve(&buf, 65536);
		if (!room)
			abort();
		n = fread(room, 1, 65536, file);
		buf_commit(&buf, n);
	} while (n > 0);
	fclose(file);
	return buf_span(&buf);
}

static inline void fixture_drop(struct span text)
{
	free((char *)(uintptr_t)text.ptr);
}

#endif
