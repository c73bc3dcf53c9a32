/* writer.c -- chosen tokens to text that is given out. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/engine/writer.h"

#include <stdlib.h>

#include "local/engine/stop.h"

#define TEXT_MAX ((size_t)1 << 30)

struct writer {
	const struct tokenizer *tokenizer;
	struct tokenizer_stream *stream; /* NULL without a tokenizer */
	struct span *stops;              /* (stop.n) own copies */
	struct stop stop;
	uint32_t *shown; /* (n_shown) */
	size_t n_shown;
	struct buf text;
	size_t *starts; /* (n) bytes of text when a token came */
	size_t n, cap;
	size_t searched; /* bytes that have no stop string */
	size_t safe;     /* bytes that may be given out */
	size_t taken;    /* bytes that were */
	size_t settled;  /* tokens */
};

enum result writer_check(
    const struct writer_options *options, struct error *err)
{
	if (options->n_stops > GENERATE_STOPS_MAX) {
		error_set(err, "%zu stop strings: at most %d", options->n_stops,
		    GENERATE_STOPS_MAX);
		return FAILED;
	}
	for (size_t i = 0; i < options->n_stops; i++) {
		size_t len = options->stops[i].len;

		if (len > 0 && len <= GENERATE_STOP_LEN_MAX)
			continue;
		error_set(err, "stop string %zu has %zu bytes: must be 1 to %d",
		    i, len, GENERATE_STOP_LEN_MAX);
		return FAILED;
	}
	return OK;
}

struct writer *writer_new(const struct writer_options *options)
{
	struct writer *w = mem_new(struct writer);

	w->tokenizer = options->tokenizer;
	/* What is not to be shown is left out here where some is. */
	if (w->tokenizer)
		w->stream =
		    tokenizer_stream_new(w->tokenizer, options->n_shown == 0);
	w->stops = mem_alloc(options->n_stops * sizeof(*w->stops));
	for (size_t i = 0; i < options->n_stops; i++)
		w->stops[i] = span_make(
		    span_dup(options->stops[i]), options->stops[i].len);
	w->stop = stop_make(w->stops, options->n_stops);
	w->shown = mem_alloc(options->n_shown * sizeof(*w->shown));
	w->n_shown = options->n_shown;
	for (size_t i = 0; i < options->n_shown; i++)
		w->shown[i] = options->shown[i];
	buf_init(&w->text, TEXT_MAX);
	return w;
}

void writer_free(struct writer **writer)
{
	struct writer *w = *writer;

	if (!w)
		return;
	tokenizer_stream_free(&w->stream);
	for (size_t i = 0; i < w->stop.n; i++)
		free((void *)(uintptr_t)w->stops[i].ptr);
	free(w->stops);
	free(w->shown);
	free(w->starts);
	buf_free(&w->text);
	free(w);
	*writer = NULL;
}

static bool is_left_out(const struct writer *w, uint32_t token)
{
	if (w->n_shown == 0 || !tokenizer_is_special(w->tokenizer, token))
		return false;
	for (size_t i = 0; i < w->n_shown; i++) {
		if (w->shown[i] == token)
			return false;
	}
	return true;
}

/* Moves on past the tokens whose text begins before <end>. */
static void settle(struct writer *w, size_t end)
{
	while (w->settled < w->n && w->starts[w->settled] < end)
		w->settled++;
}

/* What is new in the text is looked through; true when it ends there. */
static bool meets_stop(struct writer *w, bool is_last)
{
	struct span text = buf_span(&w->text);
	size_t at = stop_find(&w->stop, text, w->searched);

	w->searched = text.len;
	if (at != SIZE_MAX) {
		w->text.end = w->text.start + at;
		w->safe = at;
		settle(w, at);
		return true;
	}
	w->safe = is_last ? text.len : stop_safe(&w->stop, text);
	settle(w, w->safe);
	return false;
}

enum result writer_push(
    struct writer *w, uint32_t token, bool *is_over, struct error *err)
{
	*is_over = false;
	if (w->n == w->cap) {
		w->cap = w->cap ? w->cap * 2 : 64;
		w->starts = mem_realloc(w->starts, w->cap * sizeof(*w->starts));
	}
	w->starts[w->n++] = buf_len(&w->text);
	if (!w->stream) {
		w->settled = w->n;
		return OK;
	}
	if (!is_left_out(w, token) &&
	    tokenizer_stream_push(w->stream, token, &w->text, err) != OK)
		return FAILED;
	*is_over = meets_stop(w, false);
	return OK;
}

enum result writer_finish(struct writer *w, bool *is_over, struct error *err)
{
	*is_over = false;
	if (!w->stream)
		return OK;
	if (tokenizer_stream_finish(w->stream, &w->text, err) != OK)
		return FAILED;
	*is_over = meets_stop(w, true);
	if (!*is_over)
		w->settled = w->n;
	return OK;
}

struct span writer_take(struct writer *w)
{
	struct span text = span_head(buf_span(&w->text), w->safe);

	text = span_from(text, w->taken);
	w->taken = w->safe;
	return text;
}

size_t writer_settled(const struct writer *w)
{
	return w->settled;
}

struct span writer_text(const struct writer *w)
{
	return buf_span(&w->text);
}
