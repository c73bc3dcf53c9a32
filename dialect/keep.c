/* keep.c -- which answers may be given again, and where a stream is cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dialect/events.h"

#define FAR_CHOICE ((uint64_t)1 << 63)

static bool has_whole_usage(const struct dialect_usage *usage)
{
	return usage->has_input && usage->has_output;
}

bool dialect_keeps_answer(const struct dialect_answer *answer)
{
	return answer->is_json && !answer->is_error && answer->is_finished &&
	       !answer->is_cut && !answer->has_tool_calls &&
	       !answer->has_audio && has_whole_usage(&answer->usage);
}

void dialect_keep_add(
    struct dialect_keep *keep, const struct dialect_chunk *chunk)
{
	if (chunk->is_done)
		return;
	keep->is_spoiled |= !chunk->is_json || chunk->is_error ||
			    chunk->is_cut || chunk->has_tool_calls ||
			    chunk->has_audio;
	keep->choices |= chunk->choices;
	keep->finished |= chunk->finished;
}

bool dialect_keeps_stream(
    const struct dialect_keep *keep, const struct dialect_usage *usage)
{
	return !keep->is_spoiled && keep->choices != 0 &&
	       !(keep->choices & FAR_CHOICE) &&
	       keep->finished == keep->choices && has_whole_usage(usage);
}

/* --- marks -----------------------------------------------------------------
 */

/* Widens <range> over <raw>; false when something said stands between. */
static bool widen(struct byte_range *range, struct byte_range raw, bool has_gap)
{
	if (range->len == 0)
		*range = raw;
	else
		range->len = raw.at + raw.len - range->at;
	return !has_gap;
}

bool dialect_find_marks(
    enum endpoint endpoint, struct span text, struct dialect_marks *marks)
{
	struct dialect_stream stream = {0};
	struct dialect_chunk chunk;
	bool is_found = true, has_gap = false;
	struct events events;
	struct event event;
	struct arena arena;

	*marks = (struct dialect_marks){0};
	/* A value takes 2 bytes at least and a node 16. */
	arena_init(&arena, text.len < SIZE_MAX / 32 ? text.len * 16 + 64 : 0);
	events_init(&events, text);
	while (is_found && events_next(&events, &arena, &event)) {
		if (event_is_done(&event)) {
			marks->done = event.raw;
			break;
		}
		if (event.has_data) {
			dialect_read_chunk(
			    endpoint, event.data, &arena, &stream, &chunk);
			if (chunk.is_usage_only)
				is_found =
				    widen(&marks->usage, event.raw, has_gap);
			else
				has_gap = marks->usage.len > 0;
		}
		arena_reset(&arena);
	}
	arena_free(&arena);
	return is_found && !events.is_full;
}
