/* yaml_expand.c -- ${NAME} in a configuration's texts. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"
#include "base/yaml.h"

#define TEXT_MAX ((size_t)1 << 20) /* bytes of one expanded text */
#define NAME_MAX_LEN 255

struct expansion {
	struct yaml_doc *doc;
	yaml_lookup_fn *lookup;
	void *arg;
	struct mistakes *mistakes;
	struct buf text; /* the one at hand, so far */
};

#define add_mistake(x, node, ...)                                              \
	mistakes_add((x)->mistakes, (x)->doc->file, (node)->line,              \
	    (node)->column, __VA_ARGS__)

/* Length of the variable's name at the front of <s>, 0 when there is none. */
static size_t name_len(struct span s)
{
	size_t len = 0;

	for (; len < s.len; len++) {
		unsigned char c = (unsigned char)s.ptr[len];
		bool is_letter =
		    c == '_' || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');

		if (!is_letter && (len == 0 || c < '0' || c > '9'))
			break;
	}
	return len;
}

/* <body> is what stands between "${" and "}". */
static bool append_variable(
    struct expansion *x, const struct yaml_node *node, struct span body)
{
	struct span name = span_head(body, name_len(body));
	struct span rest = span_from(body, name.len);
	bool has_default = span_starts_with(rest, SPAN(":-"));
	char name_z[NAME_MAX_LEN + 1];
	const char *value;

	if (name.len == 0 || name.len > NAME_MAX_LEN ||
	    (rest.len > 0 && !has_default)) {
		add_mistake(x, node,
		    "\"${%.*s}\" is neither ${NAME} nor ${NAME:-default}; a "
		    "plain dollar before a brace is $$",
		    SPAN_FMT(span_head(body, 100)));
		return false;
	}
	if (span_find(rest, SPAN("${"), 0) != SIZE_MAX) {
		add_mistake(x, node,
		    "the default of \"${%.*s}\" holds a variable, it must be "
		    "plain text",
		    SPAN_FMT(name));
		return false;
	}
	memcpy(name_z, name.ptr, name.len);
	name_z[name.len] = '\0';
	value = x->lookup(name_z, x->arg);
	if (!value && !has_default) {
		add_mistake(x, node,
		    "variable \"%s\" is not set and has no default "
		    "(${%s:-default})",
		    name_z, name_z);
		return false;
	}
	if (has_default && (!value || !*value))
		return buf_append(&x->text, span_from(rest, 2));
	return buf_append(&x->text, span_of(value));
}

/*
 * Appends what the dollar at the front of <rest> stands for and takes it off.
 * False after a mistake or past the maximum.
 */
static bool append_dollar(
    struct expansion *x, const struct yaml_node *node, struct span *rest)
{
	struct span body;
	size_t end;

	if (!span_starts_with(*rest, SPAN("${"))) {
		*rest = span_from(
		    *rest, span_starts_with(*rest, SPAN("$$")) ? 2 : 1);
		return buf_append(&x->text, SPAN("$"));
	}
	end = span_find(*rest, SPAN("}"), 0);
	if (end == SIZE_MAX) {
		add_mistake(x, node,
		    "\"${\" without a closing \"}\"; a plain dollar before a "
		    "brace is $$");
		return false;
	}
	body = span_make(rest->ptr + 2, end - 2);
	*rest = span_from(*rest, end + 1);
	return append_variable(x, node, body);
}

static void expand_scalar(struct expansion *x, struct yaml_node *node)
{
	size_t before = mistakes_count(x->mistakes);
	struct span rest = node->text, expanded;
	bool is_whole = true;

	if (span_find(rest, SPAN("$"), 0) == SIZE_MAX)
		return;
	buf_consume(&x->text, buf_len(&x->text));
	while (is_whole && rest.len > 0) {
		size_t dollar = span_find(rest, SPAN("$"), 0);

		is_whole = buf_append(&x->text, span_head(rest, dollar));
		rest = span_from(rest, dollar);
		if (is_whole && rest.len > 0)
			is_whole = append_dollar(x, node, &rest);
	}
	if (is_whole) {
		expanded = arena_copy(&x->doc->arena, buf_span(&x->text));
		if (expanded.ptr) {
			node->text = expanded;
			return;
		}
	}
	if (mistakes_count(x->mistakes) == before)
		add_mistake(x, node, "too long once its variables are put in");
}

void yaml_expand(struct yaml_doc *doc, yaml_lookup_fn *lookup, void *arg,
    struct mistakes *mistakes)
{
	struct expansion x = {
	    .doc = doc, .lookup = lookup, .arg = arg, .mistakes = mistakes};

	buf_init(&x.text, TEXT_MAX);
	if (doc->root->kind == YAML_SCALAR)
		expand_scalar(&x, doc->root);
	/* Through the containers, so as to pass by keys and dropped pairs. */
	for (size_t i = 0; i < doc->n_nodes; i++) {
		struct yaml_node *node = &doc->nodes[i];

		for (size_t k = 0; k < node->count; k++) {
			if (node->items[k]->kind == YAML_SCALAR)
				expand_scalar(&x, node->items[k]);
		}
	}
	buf_free(&x.text);
}
