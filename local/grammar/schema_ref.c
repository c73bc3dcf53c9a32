/* schema_ref.c -- a schema that stands at another place of the document. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/compile.h"

/* One step of a pointer: ~1 is a slash, ~0 a tilde, %22 a quote. */
static struct span decode_step(struct compiler *c, struct span step)
{
	static const char hex[] = "0123456789abcdef";
	char *text = arena_alloc(&c->scratch, step.len + 1);
	size_t n = 0;

	if (!text)
		return step;
	for (size_t i = 0; i < step.len; i++) {
		char byte = step.ptr[i];

		if (byte == '%' && i + 2 < step.len) {
			const char *high = strchr(hex, step.ptr[i + 1] | 32);
			const char *low = strchr(hex, step.ptr[i + 2] | 32);

			if (high && low) {
				byte = (char)((high - hex) * 16 + (low - hex));
				i += 2;
			}
		} else if (byte == '~' && i + 1 < step.len) {
			byte = step.ptr[++i] == '1' ? '/' : '~';
		}
		text[n++] = byte;
	}
	return span_make(text, n);
}

static uint32_t item_at(
    const struct json_doc *doc, uint32_t array, uint64_t index)
{
	uint32_t at = json_first(doc, array);

	while (index-- > 0 && at != JSON_NONE)
		at = json_after(doc, array, at);
	return at;
}

/* The node that a pointer (RFC 6901) leads to, or JSON_NONE. */
static uint32_t follow(struct compiler *c, struct span pointer)
{
	uint32_t at = c->root;
	struct span step;

	/* Down from the root only, so that it cannot leave the schema. */
	if (!span_split(&pointer, '/', &step) || !span_eq(step, SPAN("#")))
		return JSON_NONE;
	while (at != JSON_NONE && span_split(&pointer, '/', &step)) {
		uint64_t index;

		step = decode_step(c, step);
		if (json_is(c->doc, at, JSON_OBJECT)) {
			at = json_find(c->doc, at, step);
		} else if (json_is(c->doc, at, JSON_ARRAY) &&
			   span_to_u64(step, &index)) {
			at = item_at(c->doc, at, index);
		} else {
			at = JSON_NONE;
		}
	}
	return at;
}

bool compile_ref(struct compiler *c, const struct keywords *k, uint32_t node)
{
	uint32_t at = k->at[KEYWORD_REF], target;
	struct span text = json_text(c->doc, at, &c->scratch);

	if (!compile_stands_alone(c, k, KEYWORD_REF))
		return false;
	target = text.ptr ? follow(c, text) : JSON_NONE;
	if (target == JSON_NONE)
		return compile_refuse(c, at,
		    "must be the place of a schema here, like "
		    "\"#/$defs/name\"");
	target = compile_want(c, target);
	return target != NODE_NONE && compile_set_union(c, node, &target, 1);
}
