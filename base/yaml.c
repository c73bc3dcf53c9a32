/* yaml.c -- turns libyaml's events into a tree, and refuses what misleads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/yaml.h"
#include "base/memory.h"

#include <stdlib.h>
#include <yaml.h>

#define DEPTH_MAX 32
#define SIZE_MAX_MIB 4
#define NODES_MAX 200000
#define ARENA_MAX ((size_t)64 << 20) /* tree and texts, expanded ones too */

/* A node while the file is read: how many children it has is not known yet. */
struct draft {
	struct yaml_node node;
	uint32_t parent; /* index; the root's own is 0 */
	uint32_t n_children;
	uint32_t n_linked;
};

struct builder {
	yaml_parser_t parser;
	struct yaml_doc *doc;
	struct span text;
	struct mistakes *mistakes;
	struct draft *drafts; /* (n_drafts), in the file's order */
	size_t n_drafts;
	size_t cap;
	uint32_t open[DEPTH_MAX]; /* (depth) containers not yet closed */
	unsigned depth;
	bool has_document;
};

enum step {
	GO_ON,
	COMPLETE,
	GIVE_UP, /* with a mistake */
};

#define add_mistake_at(b, mark, ...)                                           \
	mistakes_add((b)->mistakes, (b)->doc->file, (unsigned)(mark).line + 1, \
	    (unsigned)(mark).column + 1, __VA_ARGS__)

/* --- from events to drafts ------------------------------------------------ */

static enum step add_draft(
    struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
	struct draft *draft;

	if (b->n_drafts == NODES_MAX) {
		add_mistake_at(
		    b, mark, "more than %d values in one file", NODES_MAX);
		return GIVE_UP;
	}
	if (b->n_drafts == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 256;
		b->drafts = mem_realloc(b->drafts, b->cap * sizeof(*draft));
	}
	draft = &b->drafts[b->n_drafts++];
	*draft = (struct draft){0};
	draft->node.kind = kind;
	draft->node.line = (unsigned)mark.line + 1;
	draft->node.column = (unsigned)mark.column + 1;
	if (b->depth > 0) {
		draft->parent = b->open[b->depth - 1];
		b->drafts[draft->parent].n_children++;
	}
	return GO_ON;
}

static enum step open_container(
    struct builder *b, enum yaml_kind kind, yaml_mark_t mark)
{
	if (b->depth == DEPTH_MAX) {
		add_mistake_at(
		    b, mark, "nested deeper than %d levels", DEPTH_MAX);
		return GIVE_UP;
	}
	if (add_draft(b, kind, mark) != GO_ON)
		return GIVE_UP;
	b->open[b->depth++] = (uint32_t)(b->n_drafts - 1);
	return GO_ON;
}

static void check_properties(struct builder *b, const yaml_char_t *anchor,
    const yaml_char_t *tag, yaml_mark_t mark)
{
	if (anchor)
		add_mistake_at(b, mark,
		    "anchor \"&%s\": anchors are not read, write the value "
		    "where it is used",
		    (const char *)anchor);
	if (tag)
		add_mistake_at(b, mark,
		    "tag \"%s\": tags are not read, put a text in quotes",
		    (const char *)tag);
}

static enum step add_scalar(struct builder *b, const yaml_event_t *event)
{
	struct span value = span_make(
	    (const char *)event->data.scalar.value, event->data.scalar.length);
	struct yaml_node *node;

	check_properties(b, event->data.scalar.anchor, event->data.scalar.tag,
	    event->start_mark);
	if (value.len > 0 && memchr(value.ptr, '\0', value.len)) {
		add_mistake_at(b, event->start_mark, "NUL byte in a text");
		value = SPAN("");
	}
	if (add_draft(b, YAML_SCALAR, event->start_mark) != GO_ON)
		return GIVE_UP;
	node = &b->drafts[b->n_drafts - 1].node;
	/* A block scalar, | or >, is a text as much as one in quotes. */
	node->is_quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->text = arena_copy(&b->doc->arena, value);
	if (!node->text.ptr) {
		add_mistake_at(b, event->start_mark, "too much text");
		return GIVE_UP;
	}
	return GO_ON;
}

/* Reads on as if an alias were an empty scalar. */
static enum step add_alias(struct builder *b, const yaml_event_t *event)
{
	add_mistake_at(b, event->start_mark,
	    "alias \"*%s\": aliases are not read, write the value out",
	    (const char *)event->data.alias.anchor);
	if (add_draft(b, YAML_SCALAR, event->start_mark) != GO_ON)
		return GIVE_UP;
	b->drafts[b->n_drafts - 1].node.text = SPAN("");
	return GO_ON;
}

static enum step start_document(struct builder *b, const yaml_event_t *event)
{
	if (b->has_document) {
		add_mistake_at(b, event->start_mark,
		    "a second document begins, a file holds one");
		return COMPLETE;
	}
	b->has_document = true;
	if (event->data.document_start.tag_directives.start !=
	    event->data.document_start.tag_directives.end)
		add_mistake_at(
		    b, event->start_mark, "%%TAG directive: tags are not read");
	return GO_ON;
}

static enum step take_event(struct builder *b, const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_DOCUMENT_START_EVENT:
		return start_document(b, event);
	case YAML_ALIAS_EVENT:
		return add_alias(b, event);
	case YAML_SCALAR_EVENT:
		return add_scalar(b, event);
	case YAML_SEQUENCE_START_EVENT:
		check_properties(b, event->data.sequence_start.anchor,
		    event->data.sequence_start.tag, event->start_mark);
		return open_container(b, YAML_LIST, event->start_mark);
	case YAML_MAPPING_START_EVENT:
		check_properties(b, event->data.mapping_start.anchor,
		    event->data.mapping_start.tag, event->start_mark);
		return open_container(b, YAML_MAP, event->start_mark);
	case YAML_SEQUENCE_END_EVENT:
	case YAML_MAPPING_END_EVENT:
		b->depth--;
		return GO_ON;
	case YAML_STREAM_END_EVENT:
		return COMPLETE;
	default:
		return GO_ON;
	}
}

/* --- what libyaml itself refuses ------------------------------------------ */

/* Whether line <line> (from 0) has a tab among its leading blanks. */
static bool is_indented_by_tab(struct span text, size_t line)
{
	struct span part;

	for (size_t i = 0; span_split(&text, '\n', &part); i++) {
		if (i < line)
			continue;
		for (size_t at = 0; at < part.len; at++) {
			if (part.ptr[at] == '\t')
				return true;
			if (part.ptr[at] != ' ')
				return false;
		}
		return false;
	}
	return false;
}

/* An encoding mistake comes with a byte offset in place of a mark. */
static yaml_mark_t mark_of_offset(struct span text, size_t offset)
{
	yaml_mark_t mark = {.index = offset};

	for (size_t i = 0; i < offset && i < text.len; i++) {
		mark.column++;
		if (text.ptr[i] == '\n') {
			mark.line++;
			mark.column = 0;
		} else if (((unsigned char)text.ptr[i] & 0xc0) == 0x80) {
			mark.column--; /* a character's further bytes */
		}
	}
	return mark;
}

static void add_syntax_mistake(struct builder *b)
{
	const yaml_parser_t *parser = &b->parser;
	const char *problem = parser->problem, *tab;
	yaml_mark_t mark = parser->problem_mark;

	if (parser->error == YAML_READER_ERROR)
		mark = mark_of_offset(b->text, parser->problem_offset);
	tab = is_indented_by_tab(b->text, mark.line)
		  ? " (a tab indents this line, use spaces)"
		  : "";
	if (parser->context)
		add_mistake_at(b, mark, "not valid YAML: %s %s from line %u%s",
		    problem, parser->context,
		    (unsigned)parser->context_mark.line + 1, tab);
	else
		add_mistake_at(b, mark, "not valid YAML: %s%s",
		    problem ? problem : "out of memory", tab);
}

static enum step read_events(struct builder *b)
{
	enum step step = GO_ON;

	yaml_parser_set_encoding(&b->parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&b->parser,
	    (const unsigned char *)(b->text.ptr ? b->text.ptr : ""),
	    b->text.len);
	while (step == GO_ON) {
		yaml_event_t event;

		if (!yaml_parser_parse(&b->parser, &event)) {
			add_syntax_mistake(b);
			return GIVE_UP;
		}
		step = take_event(b, &event);
		yaml_event_delete(&event);
	}
	return step;
}

/* --- from drafts to the tree ---------------------------------------------- */

/* The nodes, with room for their children; false past the arena's max. */
static bool make_room(struct yaml_doc *doc, const struct builder *b)
{
	struct arena *arena = &doc->arena;

	doc->n_nodes = b->n_drafts;
	doc->nodes = arena_alloc(arena, doc->n_nodes * sizeof(*doc->nodes));
	for (size_t i = 0; doc->nodes && i < doc->n_nodes; i++) {
		struct yaml_node *node = &doc->nodes[i];
		bool is_map = b->drafts[i].node.kind == YAML_MAP;
		size_t n = b->drafts[i].n_children, len;

		*node = b->drafts[i].node;
		if (n == 0)
			continue;
		node->count = is_map ? n / 2 : n;
		len = node->count * sizeof(struct yaml_node *);
		node->items = arena_alloc(arena, len);
		node->keys = is_map ? arena_alloc(arena, len) : NULL;
		if (!node->items || (is_map && !node->keys))
			return false;
	}
	return doc->nodes != NULL;
}

static bool link_nodes(struct builder *b)
{
	struct yaml_doc *doc = b->doc;

	if (!make_room(doc, b)) {
		mistakes_add(b->mistakes, doc->file, 0, 0, "too much text");
		return false;
	}
	for (size_t i = 1; i < doc->n_nodes; i++) {
		uint32_t parent = b->drafts[i].parent;
		uint32_t at = b->drafts[parent].n_linked++;
		struct yaml_node *to = &doc->nodes[parent];

		if (to->kind == YAML_LIST)
			to->items[at] = &doc->nodes[i];
		else if (at % 2 == 0)
			to->keys[at / 2] = &doc->nodes[i];
		else
			to->items[at / 2] = &doc->nodes[i];
	}
	doc->root = doc->nodes;
	return true;
}

/* Orders places of keys by text, equal ones as in the file. */
static int compare_keys(const void *pa, const void *pb)
{
	struct yaml_node *const *a = *(struct yaml_node *const *const *)pa;
	struct yaml_node *const *b = *(struct yaml_node *const *const *)pb;
	int order = strcmp((*a)->text.ptr, (*b)->text.ptr);

	return order != 0 ? order : (a > b) - (a < b);
}

/* Sets the second and further ones of equal keys to NULL. */
static void drop_twins(struct builder *b, struct yaml_node *map)
{
	struct yaml_node ***places = mem_alloc(map->count * sizeof(*places));
	const struct yaml_node *first = NULL;

	for (size_t i = 0; i < map->count; i++)
		places[i] = &map->keys[i];
	qsort(places, map->count, sizeof(*places), compare_keys);
	for (size_t i = 0; i < map->count; i++) {
		struct yaml_node *key = *places[i];

		if (!first || !span_eq(first->text, key->text)) {
			first = key;
			continue;
		}
		mistakes_add(b->mistakes, b->doc->file, key->line, key->column,
		    "key \"%.*s\" stands twice, first in line %u",
		    SPAN_FMT(span_head(key->text, 100)), first->line);
		*places[i] = NULL;
	}
	free(places);
}

/* Moves the pairs that still have a key together. */
static void close_gaps(struct yaml_node *map)
{
	size_t kept = 0;

	for (size_t i = 0; i < map->count; i++) {
		if (!map->keys[i])
			continue;
		map->keys[kept] = map->keys[i];
		map->items[kept++] = map->items[i];
	}
	map->count = kept;
}

static void check_map(struct builder *b, struct yaml_node *map)
{
	for (size_t i = 0; i < map->count; i++) {
		struct yaml_node *key = map->keys[i];
		bool is_merge = key->kind == YAML_SCALAR && !key->is_quoted &&
				span_eq(key->text, SPAN("<<"));

		if (key->kind == YAML_SCALAR && !is_merge)
			continue;
		mistakes_add(b->mistakes, b->doc->file, key->line, key->column,
		    is_merge ? "merge key \"<<\": merges are not read, write "
			       "the pairs out"
			     : "a key must be a plain text, not a list or map");
		map->keys[i] = NULL;
	}
	close_gaps(map);
	if (map->count < 2)
		return;
	drop_twins(b, map);
	close_gaps(map);
}

/* --- life ----------------------------------------------------------------- */

static bool build(struct builder *b)
{
	struct yaml_doc *doc = b->doc;
	yaml_mark_t top = {0};

	if (b->text.len > (size_t)SIZE_MAX_MIB << 20) {
		mistakes_add(b->mistakes, doc->file, 0, 0, "larger than %d MiB",
		    SIZE_MAX_MIB);
		return false;
	}
	if (read_events(b) == GIVE_UP)
		return false;
	if (b->n_drafts == 0 && add_draft(b, YAML_MAP, top) != GO_ON)
		return false;
	if (!link_nodes(b))
		return false;
	if (doc->root->kind == YAML_SCALAR && !doc->root->is_quoted &&
	    doc->root->text.len == 0)
		doc->root->kind = YAML_MAP; /* a lone "---" is empty, too */
	for (size_t i = 0; i < doc->n_nodes; i++) {
		if (doc->nodes[i].kind == YAML_MAP)
			check_map(b, &doc->nodes[i]);
	}
	return true;
}

struct yaml_doc *yaml_parse(
    const char *file, struct span text, struct mistakes *mistakes)
{
	struct builder b = {.text = text, .mistakes = mistakes};

	b.doc = mem_new(struct yaml_doc);
	b.doc->file = mem_strdup(file);
	arena_init(&b.doc->arena, ARENA_MAX);
	if (!yaml_parser_initialize(&b.parser)) {
		mistakes_add(mistakes, file, 0, 0, "out of memory");
		yaml_doc_free(&b.doc);
		return NULL;
	}
	if (!build(&b))
		yaml_doc_free(&b.doc);
	yaml_parser_delete(&b.parser);
	free(b.drafts);
	return b.doc;
}

void yaml_doc_free(struct yaml_doc **doc)
{
	if (!doc || !*doc)
		return;
	arena_free(&(*doc)->arena);
	free((*doc)->file);
	free(*doc);
	*doc = NULL;
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (!map || map->kind != YAML_MAP)
		return NULL;
	for (size_t i = 0; i < map->count; i++) {
		if (span_eq(map->keys[i]->text, span_of(key)))
			return map->items[i];
	}
	return NULL;
}
