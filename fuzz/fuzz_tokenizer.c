/* fuzz_tokenizer.c -- any bytes as a tokenizer.json, then text through it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/buf.h"
#include "base/utf8.h"
#include "local/tokenizer.h"

/*
 * The input is a tokenizer.json, up to a NUL, and a text after it; without a
 * NUL the file is its own text, so that its vocabulary is met.
 */
#define TEXT_MAX 512

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

/* Pieces of a stream are whole characters. */
static void check_stream(const struct tokenizer *t, const struct token_buf *ids)
{
	struct tokenizer_stream *stream = tokenizer_stream_new(t, false);
	struct error err;
	struct buf out;
	size_t done = 0;

	buf_init(&out, 1 << 24);
	for (size_t i = 0; i <= ids->len; i++) {
		struct span piece;
		enum result result =
		    i < ids->len
			? tokenizer_stream_push(stream, ids->ids[i], &out, &err)
			: tokenizer_stream_finish(stream, &out, &err);

		if (result == FAILED)
			break;
		piece = span_from(buf_span(&out), done);
		require(utf8_valid_len(piece) == piece.len);
		done += piece.len;
	}
	buf_free(&out);
	tokenizer_stream_free(&stream);
}

static void check_text(const struct tokenizer *t, struct span text)
{
	struct tokenizer_work *work = tokenizer_work_new(t);
	struct tokenizer_pair pair = {text, SPAN("a b"), 0};
	struct token_buf ids, types;
	struct error err;
	struct buf out;

	token_buf_init(&ids, 1 << 20);
	token_buf_init(&types, 1 << 20);
	buf_init(&out, 1 << 24);
	for (unsigned flags = 0; flags < 4; flags++) {
		ids.len = 0;
		if (tokenizer_encode(work, text, flags, &ids, &err) == FAILED)
			continue;
		check_stream(t, &ids);
		buf_consume(&out, SIZE_MAX);
		if (tokenizer_decode(t, &ids, true, &out, &err) == OK)
			require(
			    utf8_valid_len(buf_span(&out)) == buf_len(&out));
	}
	ids.len = 0;
	if (tokenizer_encode_pair(work, &pair, &ids, &types, &err) == OK)
		require(ids.len == types.len);
	buf_free(&out);
	token_buf_free(&ids);
	token_buf_free(&types);
	tokenizer_work_free(&work);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = span_make((const char *)data, size);
	const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
	size_t len = nul ? (size_t)(nul - data) : size;
	struct span text = nul ? span_from(all, len + 1) : all;
	struct error err = {{0}};
	struct tokenizer *t =
	    tokenizer_from_json(span_head(all, len), SPAN(""), &err);

	if (!t) {
		require(err.text[0]);
		return 0;
	}
	text = span_head(text, TEXT_MAX);
	text = span_head(text, utf8_valid_len(text));
	check_text(t, text);
	tokenizer_free(&t);
	return 0;
}
