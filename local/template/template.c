/* template.c -- loading a template, rendering one, and the limits of both. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "local/template/run.h"

/* What a tree may take: some hundred bytes a token. */
#define TREE_MEMORY_MAX ((size_t)256 << 20)

/* --- failing, counting -------------------------------------------------- */

void jinja_note(struct run *run, const char *fmt, ...)
{
	struct error message;
	va_list args;

	if (run->has_failed)
		return;
	run->has_failed = true;
	va_start(args, fmt);
	vsnprintf(message.text, sizeof(message.text), fmt, args);
	va_end(args);
	if (run->has_raised)
		error_set(run->err, "%s", message.text);
	else
		error_set(run->err, "line %u: %.480s", run->line, message.text);
}

bool jinja_fail_undefined(struct run *run, const struct value *undefined)
{
	const struct undefined *is = undefined->as.undefined;

	if (is->hint)
		return jinja_fail(run, "%s", is->hint);
	if (is->owner.len == 0)
		return jinja_fail(run, "'%.*s' is undefined",
		    SPAN_FMT(span_head(is->name, 100)));
	return jinja_fail(run, "'%.*s' has no attribute '%.*s'",
	    SPAN_FMT(is->owner), SPAN_FMT(span_head(is->name, 100)));
}

bool jinja_charge(struct run *run, uint64_t steps)
{
	run->steps += steps;
	return run->steps <= TEMPLATE_STEPS_MAX ||
	       jinja_fail(run, "more than %d steps", TEMPLATE_STEPS_MAX);
}

void *jinja_alloc(struct run *run, size_t len)
{
	void *memory = arena_alloc(run->arena, len);

	if (!memory)
		jinja_note(
		    run, "more than %zu bytes of memory", run->arena->max);
	return memory;
}

/* --- loading ------------------------------------------------------------ */

struct template *template_load(struct span source, struct error *err)
{
	struct template *template = mem_new(struct template);
	struct parser *parser = mem_new(struct parser);

	arena_init(&template->arena, TREE_MEMORY_MAX);
	parser->template = template;
	parser->arena = &template->arena;
	parser->err = err;
	if (jinja_parse(parser, source))
		template->facts = parser->facts;
	else
		template_free(&template);
	free(parser);
	return template;
}

void template_free(struct template **template)
{
	if (!*template)
		return;
	arena_free(&(*template)->arena);
	free(*template);
	*template = NULL;
}

bool template_reads(const struct template *template, struct span name)
{
	uint32_t symbol = jinja_symbol_find(&template->symbols, name);

	return symbol != SYMBOL_NONE &&
	       (template->facts[symbol] & NAME_IS_READ);
}

/* --- rendering ---------------------------------------------------------- */

static size_t count_parts(const struct builder *builder)
{
	size_t count = builder->len > 0;

	for (size_t i = 1; i < builder->len; i++)
		count += builder->marks[i] != builder->marks[i - 1];
	return count;
}

/* The marks of bytes into parts. */
static bool make_parts(
    const struct builder *builder, struct template_output *out)
{
	size_t n = 0, start = 0;
	struct template_part *parts;

	out->text =
	    span_make(builder->len > 0 ? builder->bytes : "", builder->len);
	out->n_parts = count_parts(builder);
	parts = jinja_alloc(builder->run, out->n_parts * sizeof(*parts));
	if (!parts)
		return false;
	while (start < builder->len) {
		uint8_t mark = builder->marks[start];
		const uint8_t *next = memchr(
		    builder->marks + start, mark ^ 1, builder->len - start);
		size_t end =
		    next ? (size_t)(next - builder->marks) : builder->len;

		parts[n++] = (struct template_part){start, end, mark != 0};
		start = end;
	}
	out->parts = parts;
	return true;
}

static bool render(struct run *run, struct template_output *out)
{
	size_t n = run->template->symbols.count;
	struct scope top = {0};

	run->globals = arena_zalloc(run->arena, n * sizeof(struct value));
	if (!run->globals)
		return jinja_fail(
		    run, "more than %zu bytes of memory", run->arena->max);
	return jinja_load_data(run) &&
	       jinja_exec(run, run->template->body, &top) != FLOW_FAIL &&
	       make_parts(run->out, out);
}

enum result template_render(const struct template *template,
    const struct template_input *input, struct arena *arena,
    struct template_output *out, struct error *err)
{
	struct builder builder;
	struct run run = {.template = template,
	    .out = &builder,
	    .input = input,
	    .arena = arena,
	    .err = err,
	    .line = 1};

	jinja_builder_init(&builder, &run);
	*out = (struct template_output){.text = SPAN("")};
	if (render(&run, out))
		return OK;
	*out = (struct template_output){
	    .text = SPAN(""), .has_raised = run.has_raised};
	return FAILED;
}
