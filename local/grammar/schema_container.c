/* schema_container.c -- arrays and objects of a schema. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/grammar/compile.h"
#include "local/grammar/regex.h"

#define PROPERTIES_MAX 1024 /* of an object, the required ones too */

/* --- arrays --------------------------------------------------------------- */

static bool read_items(
    struct compiler *c, const struct keywords *k, struct array_node *array)
{
	uint32_t items = k->at[KEYWORD_ITEMS];
	uint32_t list = k->at[KEYWORD_PREFIX_ITEMS];

	if (list != JSON_NONE && !json_is(c->doc, list, JSON_ARRAY))
		return compile_refuse(c, list, "must be a list of schemas");
	if (json_is(c->doc, items, JSON_ARRAY))
		return compile_refuse(c, items,
		    "is a list, which is not supported: use \"prefixItems\"");
	if (list != JSON_NONE) {
		array->first = compile_take(
		    c, json_count(c->doc, list) * sizeof(*array->first));
		if (!array->first)
			return false;
		json_for_each(c->doc, list, item) {
			uint32_t node = compile_want(c, item);

			array->first[array->n_first++] = node;
			if (node == NODE_NONE)
				return false;
		}
	}
	/* Like properties, items that nothing is said of are not written. */
	array->rest = NODE_NONE;
	if (items == JSON_NONE && list != JSON_NONE)
		return true;
	if (json_is(c->doc, items, JSON_FALSE))
		return true;
	array->rest =
	    items == JSON_NONE ? compile_any(c) : compile_want(c, items);
	return array->rest != NODE_NONE;
}

bool compile_array(struct compiler *c, const struct keywords *k, uint32_t node)
{
	struct array_node array = {.max = ENDLESS};
	uint32_t unique = k->at[KEYWORD_UNIQUE_ITEMS];

	if (unique != JSON_NONE && !json_is(c->doc, unique, JSON_FALSE))
		return compile_refuse(
		    c, k->schema, "\"uniqueItems\" is not supported");
	if (!compile_count(c, k, KEYWORD_MIN_ITEMS, &array.min) ||
	    !compile_count(c, k, KEYWORD_MAX_ITEMS, &array.max))
		return false;
	if (array.min > array.max)
		return compile_refuse(
		    c, k->schema, "\"minItems\" is above \"maxItems\"");
	if (!read_items(c, k, &array))
		return false;
	if (array.rest == NODE_NONE && array.min > array.n_first)
		return compile_refuse(
		    c, k->schema, "\"minItems\" is above the number of items");
	c->grammar->nodes[node].kind = NODE_ARRAY;
	c->grammar->nodes[node].array = array;
	return true;
}

/* --- objects -------------------------------------------------------------- */

static struct property *find_property(
    struct object_node *object, struct span name)
{
	for (uint32_t i = 0; i < object->n; i++) {
		if (span_eq(object->properties[i].name, name))
			return &object->properties[i];
	}
	return NULL;
}

static bool add_property(struct compiler *c, struct object_node *object,
    struct span name, uint32_t node)
{
	struct property *property = &object->properties[object->n++];
	struct arena *arena = &c->grammar->arena;
	struct buf key;
	bool is_ok;

	buf_init(&key, (size_t)1 << 20);
	is_ok = json_write_string(&key, name) && buf_append(&key, SPAN(":"));
	*property = (struct property){.name = arena_copy(arena, name),
	    .key = arena_copy(arena, buf_span(&key)),
	    .node = node};
	buf_free(&key);
	if (is_ok && property->name.ptr && property->key.ptr)
		return node != NODE_NONE;
	error_set(c->err, "schema: is too large");
	return false;
}

static bool read_properties(
    struct compiler *c, const struct keywords *k, struct object_node *object)
{
	uint32_t at = k->at[KEYWORD_PROPERTIES];

	if (at == JSON_NONE)
		return true;
	if (!json_is(c->doc, at, JSON_OBJECT))
		return compile_refuse(c, at, "must be an object of schemas");
	for (uint32_t key = json_first(c->doc, at); key != JSON_NONE;) {
		uint32_t value = json_after(c->doc, at, key);
		struct span name = json_text(c->doc, key, &c->scratch);

		if (find_property(object, name))
			return compile_refuse(
			    c, at, "\"%.*s\" is there twice", SPAN_FMT(name));
		if (!add_property(c, object, name, compile_want(c, value)))
			return false;
		key = json_after(c->doc, at, value);
	}
	return true;
}

/* Required names that are no property's are properties of the other kind. */
static bool read_required(
    struct compiler *c, const struct keywords *k, struct object_node *object)
{
	uint32_t list = k->at[KEYWORD_REQUIRED];

	if (list == JSON_NONE)
		return true;
	if (!json_is(c->doc, list, JSON_ARRAY))
		return compile_refuse(c, list, "must be a list of names");
	json_for_each(c->doc, list, item) {
		struct span name = json_text(c->doc, item, &c->scratch);
		struct property *property;

		if (!name.ptr)
			return compile_refuse(c, item, "must be a name");
		property = find_property(object, name);
		if (!property) {
			uint32_t rest = object->rest;

			if (object->is_closed)
				return compile_refuse(c, item,
				    "\"%.*s\" is not among the properties",
				    SPAN_FMT(name));
			if (rest == NODE_NONE)
				rest = compile_any(c);
			if (!add_property(c, object, name, rest))
				return false;
			property = &object->properties[object->n - 1];
		}
		property->is_required = true;
	}
	for (uint32_t i = 0; i < object->n; i++) {
		if (object->properties[i].is_required)
			object->n_to_required = i + 1;
	}
	return true;
}

/*
 * Properties that the schema does not speak of are written where it allows
 * them aloud, or where it names none at all.
 */
static bool read_rest(
    struct compiler *c, const struct keywords *k, struct object_node *object)
{
	uint32_t at = k->at[KEYWORD_ADDITIONAL];

	object->rest = NODE_NONE;
	if (json_is(c->doc, at, JSON_FALSE)) {
		object->is_closed = true;
		return true;
	}
	if (at == JSON_NONE && k->at[KEYWORD_PROPERTIES] != JSON_NONE)
		return true;
	object->rest = at == JSON_NONE ? compile_any(c) : compile_want(c, at);
	return object->rest != NODE_NONE;
}

/* Keys without escapes that are none of the properties'. */
static bool make_rest_key(struct compiler *c, const struct keywords *k,
    uint32_t node, struct object_node *object)
{
	struct dfa *any, *names, *others = NULL;
	struct nfa_piece piece;
	struct nfa nfa;

	if (object->rest == NODE_NONE || object->n == 0)
		return true;
	nfa_init(&nfa, c->left);
	piece = nfa_piece_new(&nfa);
	for (uint32_t i = 0; i < object->n; i++)
		nfa_piece_text(&nfa, &piece, object->properties[i].key);
	names = nfa_to_dfa(&nfa, piece);
	c->left = nfa.left;
	nfa_free(&nfa);
	any = regex_of_keys(&c->left);
	if (names && any)
		others = dfa_combine(any, names, true);
	dfa_free(&names);
	dfa_free(&any);
	/* The node takes it for a moment, so that it is owned like the others.
	 */
	if (!compile_set_dfa(c, node, others, k))
		return false;
	object->rest_key = others;
	return true;
}

bool compile_object(struct compiler *c, const struct keywords *k, uint32_t node)
{
	struct object_node object = {.rest = NODE_NONE};
	uint32_t at = k->at[KEYWORD_PROPERTIES], list = k->at[KEYWORD_REQUIRED];
	size_t most = 0;

	if (json_is(c->doc, at, JSON_OBJECT))
		most += json_count(c->doc, at);
	if (json_is(c->doc, list, JSON_ARRAY))
		most += json_count(c->doc, list);
	if (most > PROPERTIES_MAX)
		return compile_refuse(c, k->schema,
		    "has more than %d properties and required names",
		    PROPERTIES_MAX);
	object.properties =
	    compile_take(c, (most + 1) * sizeof(*object.properties));
	if (!object.properties || !read_properties(c, k, &object) ||
	    !read_rest(c, k, &object) || !read_required(c, k, &object) ||
	    !make_rest_key(c, k, node, &object))
		return false;
	c->grammar->nodes[node].kind = NODE_OBJECT;
	c->grammar->nodes[node].object = object;
	return true;
}
