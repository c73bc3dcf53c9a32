/* scope.c -- variables, from the innermost block to the template's own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/template/run.h"

struct scope *jinja_scope_new(struct run *run, struct scope *parent)
{
	struct scope *scope = jinja_alloc(run, sizeof(*scope));

	if (scope)
		*scope = (struct scope){.parent = parent};
	return scope;
}

struct scope *jinja_scope_again(struct run *run, struct scope *scope)
{
	if (scope->is_kept)
		return jinja_scope_new(run, scope->parent);
	scope->count = 0;
	return scope;
}

const struct value *jinja_scope_get(
    const struct run *run, const struct scope *scope, uint32_t symbol)
{
	for (; scope->parent; scope = scope->parent) {
		for (uint32_t i = 0; i < scope->count; i++) {
			if (scope->bindings[i].symbol == symbol)
				return &scope->bindings[i].value;
		}
	}
	return run->globals[symbol].kind != VALUE_MISSING
		   ? &run->globals[symbol]
		   : NULL;
}

static bool grow(struct run *run, struct scope *scope)
{
	uint32_t cap = scope->cap ? scope->cap * 2 : 4;
	struct binding *bindings = jinja_alloc(run, cap * sizeof(*bindings));

	if (!bindings)
		return false;
	if (scope->count > 0)
		memcpy(bindings, scope->bindings,
		    scope->count * sizeof(*bindings));
	scope->bindings = bindings;
	scope->cap = cap;
	return true;
}

bool jinja_scope_set(struct run *run, struct scope *scope, uint32_t symbol,
    const struct value *value)
{
	if (!scope->parent) {
		run->globals[symbol] = *value;
		return true;
	}
	for (uint32_t i = 0; i < scope->count; i++) {
		if (scope->bindings[i].symbol == symbol) {
			scope->bindings[i].value = *value;
			return true;
		}
	}
	if (scope->count == scope->cap && !grow(run, scope))
		return false;
	scope->bindings[scope->count++] = (struct binding){symbol, *value};
	return true;
}
