/* compile.h -- a schema on its way to a grammar, for the files of schema*.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_COMPILE_H
#define LOCAL_GRAMMAR_COMPILE_H

#include "local/grammar/program.h"

/*
 * Each schema in the document has a node of its own, made when something first
 * asks for it and filled in turn from a queue: references and recursion are
 * then nothing special, and nothing recurses.
 */

/* Keywords that are read: name, and what they are about (enum about). */
#define KEYWORDS(X)                                                            \
	X(TYPE, "type", ABOUT_ALL)                                             \
	X(ENUM, "enum", ABOUT_ALL)                                             \
	X(CONST, "const", ABOUT_ALL)                                           \
	X(REF, "$ref", ABOUT_ALL)                                              \
	X(ANY_OF, "anyOf", ABOUT_ALL)                                          \
	X(ONE_OF, "oneOf", ABOUT_ALL)                                          \
	X(ALL_OF, "allOf", ABOUT_ALL)                                          \
	X(PROPERTIES, "properties", ABOUT_OBJECTS)                             \
	X(REQUIRED, "required", ABOUT_OBJECTS)                                 \
	X(ADDITIONAL, "additionalProperties", ABOUT_OBJECTS)                   \
	X(ITEMS, "items", ABOUT_ARRAYS)                                        \
	X(PREFIX_ITEMS, "prefixItems", ABOUT_ARRAYS)                           \
	X(MIN_ITEMS, "minItems", ABOUT_ARRAYS)                                 \
	X(MAX_ITEMS, "maxItems", ABOUT_ARRAYS)                                 \
	X(UNIQUE_ITEMS, "uniqueItems", ABOUT_ARRAYS)                           \
	X(MIN_LENGTH, "minLength", ABOUT_STRINGS)                              \
	X(MAX_LENGTH, "maxLength", ABOUT_STRINGS)                              \
	X(PATTERN, "pattern", ABOUT_STRINGS)                                   \
	X(FORMAT, "format", ABOUT_STRINGS)                                     \
	X(MINIMUM, "minimum", ABOUT_NUMBERS)                                   \
	X(MAXIMUM, "maximum", ABOUT_NUMBERS)                                   \
	X(ABOVE, "exclusiveMinimum", ABOUT_NUMBERS)                            \
	X(BELOW, "exclusiveMaximum", ABOUT_NUMBERS)                            \
	X(MULTIPLE_OF, "multipleOf", ABOUT_NUMBERS)                            \
	X(TITLE, "title", ABOUT_NOTHING)                                       \
	X(DESCRIPTION, "description", ABOUT_NOTHING)                           \
	X(DEFAULT, "default", ABOUT_NOTHING)                                   \
	X(EXAMPLES, "examples", ABOUT_NOTHING)                                 \
	X(COMMENT, "$comment", ABOUT_NOTHING)                                  \
	X(SCHEMA, "$schema", ABOUT_NOTHING)                                    \
	X(ID, "$id", ABOUT_NOTHING)                                            \
	X(DEFS, "$defs", ABOUT_NOTHING)                                        \
	X(DEFINITIONS, "definitions", ABOUT_NOTHING)                           \
	X(DEPRECATED, "deprecated", ABOUT_NOTHING)                             \
	X(READ_ONLY, "readOnly", ABOUT_NOTHING)                                \
	X(WRITE_ONLY, "writeOnly", ABOUT_NOTHING)

enum about {
	ABOUT_NOTHING, /* says nothing of the value */
	ABOUT_ALL,
	ABOUT_STRINGS,
	ABOUT_NUMBERS,
	ABOUT_ARRAYS,
	ABOUT_OBJECTS,
};

enum keyword {
#define KEYWORD_NAME(id, name, about) KEYWORD_##id,
	KEYWORDS(KEYWORD_NAME)
#undef KEYWORD_NAME
	KEYWORD_COUNT,
};

/* A schema's keywords: the node of each one's value, or JSON_NONE. */
struct keywords {
	uint32_t schema; /* the document's node */
	uint32_t at[KEYWORD_COUNT];
};

struct wanted {
	uint32_t schema; /* node of the document */
	uint32_t node;   /* of the grammar */
};

struct compiler {
	const struct json_doc *doc;
	uint32_t root;
	struct grammar *grammar;
	struct arena scratch;
	uint32_t *node_of;    /* (doc->count) or NODE_NONE */
	struct wanted *queue; /* (n_queue) */
	uint32_t n_queue;
	struct wanted *chosen; /* (n_chosen) unions of "oneOf" */
	uint32_t n_chosen;
	uint32_t any; /* node of any value, or NODE_NONE */
	size_t cells; /* of all automata */
	size_t left;  /* work that may still be done for them */
	struct error *err;
};

/* --- compile.c ------------------------------------------------------------ */

/* Sets the error with the place of the document's <node>; returns false. */
bool compile_refuse(struct compiler *c, uint32_t node, const char *fmt, ...)
    printf_like(3, 4);

/* A fresh node of <kind>, NODE_NONE with the error set past the bound. */
uint32_t compile_node(struct compiler *c, enum node_kind kind);

/* The node for the schema at <schema>, now or soon; NODE_NONE with error. */
uint32_t compile_want(struct compiler *c, uint32_t schema);

/* Memory that lives with the grammar; NULL with the error set. */
void *compile_take(struct compiler *c, size_t len);

/* Makes <node> that of <dfa>, which the grammar then owns; NULL is refused. */
bool compile_set_dfa(struct compiler *c, uint32_t node, struct dfa *dfa,
    const struct keywords *k);

/* Makes <node> the union of <of> (n), which are copied. */
bool compile_set_union(
    struct compiler *c, uint32_t node, const uint32_t *of, uint32_t n);

/* --- schema_keyword.c ----------------------------------------------------- */

bool compile_read_keywords(
    struct compiler *c, uint32_t schema, struct keywords *k);

/* Refuses what stands beside a keyword that decides all by itself. */
bool compile_stands_alone(
    struct compiler *c, const struct keywords *k, enum keyword keyword);

/* Without "type" the value is of those types that other keywords speak of. */
unsigned compile_guess_types(const struct keywords *k);

/* A number of things that is not negative; <value> stays when not there. */
bool compile_count(struct compiler *c, const struct keywords *k,
    enum keyword keyword, uint32_t *value);

/* --- schema_ref.c --------------------------------------------------------- */

/* Makes <node> what "$ref" leads to. */
bool compile_ref(struct compiler *c, const struct keywords *k, uint32_t node);

/* --- schema_value.c, schema_container.c ----------------------------------- */

/* Each fills <node> with what one type's keywords ask for. */
bool compile_string(
    struct compiler *c, const struct keywords *k, uint32_t node);
bool compile_number(struct compiler *c, const struct keywords *k, uint32_t node,
    bool is_integer);
bool compile_array(struct compiler *c, const struct keywords *k, uint32_t node);
bool compile_object(
    struct compiler *c, const struct keywords *k, uint32_t node);

/* "enum" and "const", of the values of <types> (enum value_type). */
bool compile_constants(struct compiler *c, const struct keywords *k,
    unsigned types, uint32_t node);

/* --- schema_type.c -------------------------------------------------------- */

/* Types by name, in the order of the bits; whether "integer" alone is one. */
unsigned compile_types(
    struct compiler *c, const struct keywords *k, bool *is_integer);

/* Fills <node> with a value of any of the schema's types. */
bool compile_all_types(
    struct compiler *c, const struct keywords *k, uint32_t node);

/* The node of any value; NODE_NONE with the error set. */
uint32_t compile_any(struct compiler *c);

#endif
