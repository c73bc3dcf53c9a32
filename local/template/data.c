/* data.c -- what a rendering is given: JSON into variables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "local/template/run.h"

/*
 * Numbers become what Python's json makes of them: an int where there is
 * neither a point nor an exponent, however long, else a float.
 */
struct loader {
	struct run *run;
	const struct json_doc *doc;
	bool is_trusted;
};

static bool load_value(
    const struct loader *loader, uint32_t node, struct value *out);

static bool load_number(
    const struct loader *loader, uint32_t node, struct value *out)
{
	struct span raw = json_raw(loader->doc, node);
	bool is_real = memchr(raw.ptr, '.', raw.len) ||
		       memchr(raw.ptr, 'e', raw.len) ||
		       memchr(raw.ptr, 'E', raw.len);
	int64_t integer;
	double real;

	if (!is_real && json_int(loader->doc, node, &integer)) {
		*out = value_int(integer);
		return true;
	}
	if (!is_real) {
		if (!jinja_string(loader->run, raw, true, out))
			return false;
		out->kind = VALUE_BIG;
		return true;
	}
	if (!json_double(loader->doc, node, &real))
		real = raw.ptr[0] == '-' ? -HUGE_VAL : HUGE_VAL;
	*out = value_real(real);
	return true;
}

static bool load_string(
    const struct loader *loader, uint32_t node, struct value *out)
{
	struct span text = json_text(loader->doc, node, loader->run->arena);

	if (!text.ptr)
		return jinja_fail(loader->run, "too little memory");
	return jinja_string(loader->run, text, loader->is_trusted, out);
}

static bool load_array(
    const struct loader *loader, uint32_t node, struct value *out)
{
	size_t i = 0;

	if (!jinja_list(
		loader->run, LIST_LIST, json_count(loader->doc, node), out))
		return false;
	json_for_each(loader->doc, node, item) {
		if (!load_value(loader, item, &out->as.list->items[i++]))
			return false;
	}
	return true;
}

/* The members of an object, <extra> places left free behind them. */
static bool load_entries(const struct loader *loader, uint32_t node,
    size_t extra, struct entry **out, size_t *count)
{
	const struct json_doc *doc = loader->doc;
	struct entry *entries = jinja_alloc(
	    loader->run, (json_count(doc, node) + extra) * sizeof(*entries));
	uint32_t end = doc->nodes[node].next;
	size_t i = 0;

	if (!entries)
		return false;
	for (uint32_t at = node + 1; at < end; at = doc->nodes[at + 1].next) {
		if (!load_string(loader, at, &entries[i].key) ||
		    !load_value(loader, at + 1, &entries[i].value))
			return false;
		i++;
	}
	*out = entries;
	*count = i;
	return true;
}

/* As deep as documents are at most, JSON_DEPTH_MAX. */
static bool load_value(
    const struct loader *loader, uint32_t node, struct value *out)
{
	struct entry *entries = NULL;
	size_t count = 0;

	switch (json_type(loader->doc, node)) {
	case JSON_NULL:
		*out = VALUE_OF_NONE;
		return true;
	case JSON_FALSE:
	case JSON_TRUE:
		*out = value_bool(json_type(loader->doc, node) == JSON_TRUE);
		return true;
	case JSON_NUMBER:
		return load_number(loader, node, out);
	case JSON_STRING:
		return load_string(loader, node, out);
	case JSON_ARRAY:
		return load_array(loader, node, out);
	default:
		return load_entries(loader, node, 0, &entries, &count) &&
		       jinja_dict(loader->run, entries, count, out);
	}
}

/* --- messages ----------------------------------------------------------- */

/* The last member <name> of <entries> (count); NULL when there is none. */
static struct entry *find_entry(
    struct entry *entries, size_t count, struct span name)
{
	while (count-- > 0) {
		if (span_eq(text_span(entries[count].key.as.text), name))
			return &entries[count];
	}
	return NULL;
}

/*
 * Reasoning under the names that templates look for: "thinking" comes first
 * and "reasoning_content" last, unless the message has them. There is room for
 * two more.
 */
static bool add_reasoning(struct run *run, struct entry *entries, size_t *count)
{
	static const struct span names[] = {
	    {"reasoning_content", 17}, {"thinking", 8}, {"reasoning", 9}};
	struct entry *found = NULL;
	struct value reasoning;

	for (size_t i = 0; i < 3 && !found; i++)
		found = find_entry(entries, *count, names[i]);
	if (!found)
		return true;
	reasoning = found->value;
	if (!find_entry(entries, *count, names[1])) {
		memmove(entries + 1, entries, *count * sizeof(*entries));
		entries[0].value = reasoning;
		(*count)++;
		if (!jinja_string(run, names[1], true, &entries[0].key))
			return false;
	}
	if (find_entry(entries, *count, names[0]))
		return true;
	entries[*count].value = reasoning;
	return jinja_string(run, names[0], true, &entries[(*count)++].key);
}

/* A message without its nulls and with its reasoning. */
static bool load_message(
    const struct loader *loader, uint32_t node, struct value *out)
{
	struct entry *entries = NULL;
	size_t count = 0, kept = 0;

	if (!json_is(loader->doc, node, JSON_OBJECT))
		return load_value(loader, node, out);
	if (!load_entries(loader, node, 2, &entries, &count))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (entries[i].value.kind != VALUE_NONE)
			entries[kept++] = entries[i];
	}
	return add_reasoning(loader->run, entries, &kept) &&
	       jinja_dict(loader->run, entries, kept, out);
}

static bool load_messages(
    const struct loader *loader, uint32_t node, struct value *out)
{
	size_t i = 0;

	if (!json_is(loader->doc, node, JSON_ARRAY))
		return load_value(loader, node, out);
	if (!jinja_list(
		loader->run, LIST_LIST, json_count(loader->doc, node), out))
		return false;
	json_for_each(loader->doc, node, item) {
		if (!load_message(loader, item, &out->as.list->items[i++]))
			return false;
	}
	return true;
}

/* --- documents ---------------------------------------------------------- */

static void set_default(struct run *run, struct span name, struct value value)
{
	uint32_t symbol = jinja_symbol_find(&run->template->symbols, name);

	if (symbol != SYMBOL_NONE)
		run->globals[symbol] = value;
}

/* The members of <doc> that the template mentions. */
static bool load_document(const struct loader *loader)
{
	const struct symbols *symbols = &loader->run->template->symbols;
	const struct json_doc *doc = loader->doc;
	struct value name;

	if (!json_is(doc, 0, JSON_OBJECT))
		return jinja_fail(loader->run, "the input is not an object");
	for (uint32_t at = 1; at < doc->count; at = doc->nodes[at + 1].next) {
		uint32_t symbol;
		bool is_messages;

		if (!jinja_charge(loader->run, symbols->count / 8) ||
		    !load_string(loader, at, &name))
			return false;
		symbol = jinja_symbol_find(symbols, text_span(name.as.text));
		if (symbol == SYMBOL_NONE)
			continue;
		is_messages =
		    span_eq(text_span(name.as.text), SPAN("messages"));
		if (!(is_messages ? load_messages : load_value)(
			loader, at + 1, &loader->run->globals[symbol]))
			return false;
	}
	return true;
}

bool jinja_load_data(struct run *run)
{
	struct loader loader = {.run = run, .is_trusted = true};

	set_default(run, SPAN("tools"), VALUE_OF_NONE);
	set_default(run, SPAN("documents"), VALUE_OF_NONE);
	set_default(run, SPAN("add_generation_prompt"), value_bool(false));
	if (run->input->trusted) {
		loader.doc = run->input->trusted;
		if (!load_document(&loader))
			return false;
	}
	loader.is_trusted = false;
	loader.doc = run->input->data;
	return load_document(&loader);
}
