/* stop.c -- finds where a growing text reaches a stop string. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/engine/stop.h"

struct stop stop_make(const struct span *texts, size_t n)
{
	struct stop stop = {.texts = texts, .n = n};

	for (size_t i = 0; i < n; i++) {
		if (texts[i].len > stop.longest)
			stop.longest = texts[i].len;
	}
	return stop;
}

size_t stop_find(const struct stop *stop, struct span text, size_t searched)
{
	size_t first = SIZE_MAX;
	size_t from = searched > stop->longest ? searched - stop->longest : 0;

	for (size_t i = 0; i < stop->n; i++) {
		size_t at = span_find(text, stop->texts[i], from);

		if (at < first)
			first = at;
	}
	return first;
}

/* Whether <text> is how <whole> begins, and not all of it. */
static bool begins(struct span whole, struct span text)
{
	return text.len < whole.len && span_starts_with(whole, text);
}

size_t stop_safe(const struct stop *stop, struct span text)
{
	size_t from = text.len > stop->longest ? text.len - stop->longest : 0;

	for (size_t at = from; at < text.len; at++) {
		for (size_t i = 0; i < stop->n; i++) {
			if (begins(stop->texts[i], span_from(text, at)))
				return at;
		}
	}
	return text.len;
}
