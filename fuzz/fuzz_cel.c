/* fuzz_cel.c -- any bytes as a condition: compiled, and then evaluated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/cel.h"
#include "tests/unit/router_fixture.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

/* Evaluates twice: the same question has the same answer. */
static void evaluate(const struct cel_program *program, struct span text)
{
	struct fixture f;
	bool values[2];
	bool outcomes[2];

	fixture_init(&f);
	f.input.last_user = text;
	for (unsigned i = 0; i < 2; i++) {
		const char *why = NULL;

		outcomes[i] =
		    cel_eval(program, &f.question, &f.arena, &values[i], &why);
		require(outcomes[i] == (why == NULL));
		require(outcomes[i] || !values[i]);
		arena_reset(&f.arena);
	}
	require(outcomes[0] == outcomes[1] && values[0] == values[1]);
	arena_free(&f.arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mistakes *mistakes = mistakes_new();
	char *text = mem_alloc(size + 1); /* a scalar is NUL-terminated */
	struct yaml_node node = {.kind = YAML_SCALAR, .line = 1, .column = 1};
	struct cel_source source = {
	    .file = "fuzz", .node = &node, .mistakes = mistakes};
	struct cel_program *program;

	if (size > 0)
		memcpy(text, data, size);
	text[size] = '\0';
	node.text = span_make(text, size);
	node.is_quoted = size % 2 == 0;
	program = cel_compile(&source, models, N_MODELS);
	require((program == NULL) == (mistakes_count(mistakes) > 0));
	if (program)
		evaluate(program, node.text);
	cel_free(&program);
	free(text);
	mistakes_free(&mistakes);
	return 0;
}
