/* fuzz_template.c -- any bytes as a template, rendered with a fixed chat. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/template.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char chat[] =
    "{\"messages\": [{\"role\": \"system\", \"content\": \"Be \\\"terse\\\".\"}, "
    "{\"role\": \"user\", \"content\": \"  caf\u00e9 \u6f22\u5b57 \\n<s>\"}, "
    "{\"role\": \"assistant\", \"content\": \"<think>x</think>y\", "
    "\"tool_calls\": [{\"id\": \"123456789\", \"function\": {\"name\": \"f\", "
    "\"arguments\": {\"a\": 1, \"b\": [1.5, null, true]}}}]}, "
    "{\"role\": \"tool\", \"content\": \"42\"}], "
    "\"tools\": [{\"type\": \"function\", \"function\": {\"name\": \"f\", "
    "\"parameters\": {\"type\": \"object\", \"properties\": {\"a\": "
    "{\"type\": \"integer\"}}}}}], "
    "\"s\": \"Hello, World\", \"n\": 7, \"f\": 2.5, \"big\": "
    "12345678901234567890, \"l\": [3, 1, 2], \"d\": {\"b\": 1, \"a\": 2}, "
    "\"add_generation_prompt\": true}";

static void require(bool claim)
{
	if (!claim)
		abort();
}

static void check_parts(const struct template_output *out)
{
	size_t at = 0;

	for (size_t i = 0; i < out->n_parts; i++) {
		require(out->parts[i].start == at);
		require(out->parts[i].end > at);
		at = out->parts[i].end;
	}
	require(at == out->text.len);
	require(utf8_valid_len(out->text) == out->text.len);
}

static void render(
    const struct template *template, const struct template_input *input)
{
	struct template_output out;
	struct error err = {""};
	struct arena arena;

	arena_init(&arena, (size_t)64 << 20);
	if (template_render(template, input, &arena, &out, &err) == OK)
		check_parts(&out);
	else
		require(out.text.len == 0 &&
			(out.has_raised || err.text[0] != '\0'));
	arena_free(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct error err = {""};
	struct template *template =
	    template_load(span_make((const char *)data, size), &err);
	struct template_input input = {.now_ns = INT64_C(1767323045123456789)};
	struct json_doc doc, trusted;
	struct json_fault fault;
	struct arena arena;

	require(template != NULL || err.text[0] != '\0');
	if (!template)
		return 0;
	arena_init(&arena, 1 << 20);
	require(json_parse(
	    span_make(chat, sizeof(chat) - 1), &arena, &doc, &fault));
	require(json_parse(
	    SPAN("{\"bos_token\": \"<s>\"}"), &arena, &trusted, &fault));
	input.data = &doc;
	input.trusted = &trusted;
	render(template, &input);
	arena_free(&arena);
	template_free(&template);
	return 0;
}
