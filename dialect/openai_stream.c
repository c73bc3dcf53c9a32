/* openai_stream.c -- events of one stream, of which most are alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/openai.h"

/*
 * Most events of a stream are the same bytes but for the few letters that the
 * model said. Where an event begins and ends as the last one that was parsed,
 * and what lies between is a plain JSON string, parsing it would give the same
 * tree with another string in one place: so only that string is read. Anything
 * else is parsed, and becomes what the next one is held against.
 */

/* Bytes of a string that need no second look; high ones are checked after. */
static size_t plain_len(struct span s, bool *is_ascii)
{
	size_t n = 0;

	for (; n < s.len; n++) {
		unsigned char c = (unsigned char)s.ptr[n];

		if (c < 0x20 || c == '"' || c == '\\')
			break;
		*is_ascii &= c < 0x80;
	}
	return n;
}

bool openai_is_alike(
    const struct dialect_stream *stream, struct span data, struct span *said)
{
	bool is_ascii = true;

	if (stream->head_len == 0 ||
	    data.len <= stream->head_len + stream->tail_len ||
	    memcmp(data.ptr, stream->text, stream->head_len) != 0)
		return false;
	*said = span_make(data.ptr + stream->head_len,
	    data.len - stream->head_len - stream->tail_len);
	return plain_len(*said, &is_ascii) == said->len &&
	       (is_ascii || utf8_valid_len(*said) == said->len) &&
	       memcmp(said->ptr + said->len, stream->text + stream->head_len,
		   stream->tail_len) == 0;
}

void openai_remember(
    struct dialect_stream *stream, struct span data, struct span said)
{
	stream->head_len = 0;
	if (!said.ptr || data.len - said.len > sizeof(stream->text))
		return;
	stream->head_len = (size_t)(said.ptr - data.ptr);
	stream->tail_len = data.len - stream->head_len - said.len;
	memcpy(stream->text, data.ptr, stream->head_len);
	memcpy(stream->text + stream->head_len, said.ptr + said.len,
	    stream->tail_len);
}

void dialect_read_chunk(enum endpoint endpoint, struct span data,
    struct arena *arena, struct dialect_stream *stream,
    struct dialect_chunk *chunk)
{
	struct span said;

	if (openai_is_alike(stream, data, &said)) {
		*chunk = (struct dialect_chunk){
		    .is_json = true,
		    .has_content = true,
		    .output_bytes = said.len,
		    .output_estimate = dialect_estimate_tokens(said),
		    .choices = stream->choices,
		};
		return;
	}
	said = openai_read_chunk(endpoint, data, arena, chunk);
	openai_remember(stream, data, said);
	stream->choices = chunk->choices;
}
