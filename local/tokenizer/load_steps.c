/* load_steps.c -- normalisers, pre-tokenizers and decoders from JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

#include <stdio.h>

/* --- walking -------------------------------------------------------------- */

#define NESTING_MAX 8

struct level {
	uint32_t list, item;
	size_t index;
};

static void name_path(struct reader *r, const struct walk *walk,
    const struct level *levels, size_t depth)
{
	char path[PATH_MAX_LEN];
	size_t len;

	snprintf(path, sizeof(path), "%s", walk->name);
	for (size_t i = 0; i < depth; i++) {
		len = strlen(path);
		snprintf(path + len, sizeof(path) - len, ".%s[%zu]", walk->list,
		    levels[i].index);
	}
	reader_at(r, "%s", path);
}

static void advance(struct reader *r, struct level *level)
{
	level->item = json_after(r->doc, level->list, level->item);
	level->index++;
}

enum result load_steps(struct reader *r, const struct walk *walk)
{
	struct level levels[NESTING_MAX];
	uint32_t node = walk->root;
	size_t depth = 0;

	while (node != JSON_NONE) {
		name_path(r, walk, levels, depth);
		if (!json_is(r->doc, node, JSON_OBJECT))
			return reader_fail(r, "", "must be an object");
		if (reader_is_type(r, node, "Sequence")) {
			uint32_t list = reader_find(r, node, walk->list);

			if (!json_is(r->doc, list, JSON_ARRAY))
				return reader_fail(
				    r, walk->list, "must be a list");
			if (depth == NESTING_MAX)
				return reader_fail(
				    r, "", "sequences nest too deep");
			levels[depth++] =
			    (struct level){list, json_first(r->doc, list), 0};
		} else {
			if (walk->read(r, node) == FAILED)
				return FAILED;
			if (depth == 0)
				return OK;
			advance(r, &levels[depth - 1]);
		}
		while (depth > 0 && levels[depth - 1].item == JSON_NONE) {
			if (--depth > 0)
				advance(r, &levels[depth - 1]);
		}
		node = depth > 0 ? levels[depth - 1].item : JSON_NONE;
	}
	return OK;
}

/* --- what several steps have ---------------------------------------------- */

/* {"String": "..."} or {"Regex": "..."} */
static enum result read_pattern(
    struct reader *r, uint32_t step, struct pattern *pattern)
{
	uint32_t node = reader_find(r, step, "pattern");
	uint32_t text = reader_find(r, node, "String");
	uint32_t regex = reader_find(r, node, "Regex");
	struct error why;

	if (json_is(r->doc, text, JSON_STRING)) {
		pattern->text = reader_keep(r, text);
		pattern->kind = PATTERN_TEXT;
		if (pattern->text.len == 0)
			return reader_fail(r, "pattern", "is empty");
		return OK;
	}
	if (!json_is(r->doc, regex, JSON_STRING))
		return reader_fail(r, "pattern",
		    "must be {\"String\": ...} or {\"Regex\": ...}");
	if (pattern_from_regex(pattern, reader_keep(r, regex), &why) == FAILED)
		return reader_fail(r, "pattern", "%s", why.text);
	return OK;
}

static enum result read_behavior(
    struct reader *r, uint32_t step, enum split_behavior *behavior)
{
	static const struct {
		const char *name;
		enum split_behavior behavior;
	} names[] = {
	    {"Removed", SPLIT_REMOVED},
	    {"Isolated", SPLIT_ISOLATED},
	    {"MergedWithPrevious", SPLIT_MERGED_WITH_PREVIOUS},
	    {"MergedWithNext", SPLIT_MERGED_WITH_NEXT},
	    {"Contiguous", SPLIT_CONTIGUOUS},
	};
	struct span text = SPAN("Isolated");

	if (reader_text_or(r, step, "behavior", &text) == FAILED)
		return FAILED;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (span_eq(text, span_of(names[i].name))) {
			*behavior = names[i].behavior;
			return OK;
		}
	}
	return reader_fail(r, "behavior", "\"%.*s\" is not supported",
	    SPAN_FMT(span_head(text, 64)));
}

static enum result unsupported(struct reader *r, uint32_t node)
{
	struct span type = SPAN("");

	if (reader_text(r, node, "type", &type) == FAILED)
		return FAILED;
	return reader_fail(r, "", "type \"%.*s\" is not supported",
	    SPAN_FMT(span_head(type, 64)));
}

static enum result too_many(struct reader *r)
{
	return reader_fail(r, "", "more than %d steps", STEPS_MAX);
}

/* --- normalisers ---------------------------------------------------------- */

/* Types without members, and what they come to. */
static const struct {
	const char *type;
	struct normalize_step step;
} plain_normalizers[] = {
    {"NFC", {.kind = NORMALIZE_FORM, .form = UNICODE_NFC}},
    {"NFD", {.kind = NORMALIZE_FORM, .form = UNICODE_NFD}},
    {"NFKC", {.kind = NORMALIZE_FORM, .form = UNICODE_NFKC}},
    {"NFKD", {.kind = NORMALIZE_FORM, .form = UNICODE_NFKD}},
    {"Lowercase", {.kind = NORMALIZE_LOWER}},
    {"StripAccents", {.kind = NORMALIZE_DROP, .flags = UNICODE_MARK}},
    {"ByteLevel", {.kind = NORMALIZE_BYTES}},
    {"Nmt", {.kind = NORMALIZE_NMT}},
};

static enum result put_normalize(
    struct reader *r, const struct normalize_step *step)
{
	struct normalize_step *at = add_normalize(r->t);

	if (!at)
		return too_many(r);
	*at = *step;
	return OK;
}

/* BERT's four passes, each only where it is asked for. */
static enum result read_bert(struct reader *r, uint32_t node)
{
	bool cleans = true, spaces = true, lowers = true, strips;
	struct normalize_step steps[5];
	size_t n = 0;

	if (reader_bool_or(r, node, "clean_text", &cleans) == FAILED ||
	    reader_bool_or(r, node, "handle_chinese_chars", &spaces) ==
		FAILED ||
	    reader_bool_or(r, node, "lowercase", &lowers) == FAILED)
		return FAILED;
	strips = lowers;
	if (reader_bool_or(r, node, "strip_accents", &strips) == FAILED)
		return FAILED;
	if (cleans)
		steps[n++] =
		    (struct normalize_step){.kind = NORMALIZE_BERT_CLEAN};
	if (spaces)
		steps[n++] = (struct normalize_step){.kind = NORMALIZE_CHINESE};
	if (strips) {
		steps[n++] = (struct normalize_step){
		    .kind = NORMALIZE_FORM, .form = UNICODE_NFD};
		steps[n++] = (struct normalize_step){
		    .kind = NORMALIZE_DROP, .flags = UNICODE_NONSPACING};
	}
	if (lowers)
		steps[n++] = (struct normalize_step){.kind = NORMALIZE_LOWER};
	for (size_t i = 0; i < n; i++) {
		if (put_normalize(r, &steps[i]) == FAILED)
			return FAILED;
	}
	return OK;
}

static int base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Decodes <text> into <out> (3/4 of it); SIZE_MAX when it is not base64. */
static size_t decode_base64(struct span text, char *out)
{
	uint32_t bits = 0;
	size_t n = 0;

	if (text.len % 4)
		return SIZE_MAX;
	for (int pad = 0; pad < 2 && span_ends_with(text, SPAN("=")); pad++)
		text.len--;
	for (size_t i = 0; i < text.len; i++) {
		int value = base64_value(text.ptr[i]);

		if (value < 0)
			return SIZE_MAX;
		bits = bits << 6 | (uint32_t)value;
		if (i % 4)
			out[n++] = (char)(bits >> (6 - 2 * (i % 4)));
	}
	return n;
}

static enum result read_charsmap(
    struct reader *r, uint32_t node, struct charsmap *map)
{
	struct span text = SPAN("");
	struct error why;
	uint32_t *units;
	size_t len;
	char *blob;

	if (reader_text(r, node, "precompiled_charsmap", &text) == FAILED)
		return FAILED;
	blob = tokenizer_take(r->t, text.len + 1);
	len = decode_base64(text, blob);
	if (len == SIZE_MAX)
		return reader_fail(r, "precompiled_charsmap", "is not base64");
	units = tokenizer_take(r->t, len + 4);
	if (charsmap_read(map, units, span_make(blob, len), &why) == FAILED)
		return reader_fail(r, "precompiled_charsmap", "%s", why.text);
	return OK;
}

static enum result read_normalizer(struct reader *r, uint32_t node)
{
	struct normalize_step step = {0};
	size_t n = sizeof(plain_normalizers) / sizeof(*plain_normalizers);

	for (size_t i = 0; i < n; i++) {
		if (reader_is_type(r, node, plain_normalizers[i].type))
			return put_normalize(r, &plain_normalizers[i].step);
	}
	if (reader_is_type(r, node, "BertNormalizer"))
		return read_bert(r, node);
	if (reader_is_type(r, node, "Strip")) {
		step.kind = NORMALIZE_STRIP;
		if (reader_bool_or(r, node, "strip_left", &step.left) ==
			FAILED ||
		    reader_bool_or(r, node, "strip_right", &step.right) ==
			FAILED)
			return FAILED;
		return put_normalize(r, &step);
	}
	if (reader_is_type(r, node, "Prepend")) {
		step.kind = NORMALIZE_PREPEND;
		if (reader_text(r, node, "prepend", &step.content) == FAILED)
			return FAILED;
		return put_normalize(r, &step);
	}
	if (reader_is_type(r, node, "Precompiled")) {
		step.kind = NORMALIZE_CHARSMAP;
		if (read_charsmap(r, node, &step.charsmap) == FAILED)
			return FAILED;
		return put_normalize(r, &step);
	}
	if (!reader_is_type(r, node, "Replace"))
		return unsupported(r, node);
	step.kind = NORMALIZE_REPLACE;
	if (reader_text(r, node, "content", &step.content) == FAILED ||
	    read_pattern(r, node, &step.pattern) == FAILED)
		return FAILED;
	if (put_normalize(r, &step) == OK)
		return OK;
	pattern_free(&step.pattern);
	return FAILED;
}

enum result load_normalizer(struct reader *r, uint32_t node)
{
	return load_steps(r,
	    &(struct walk){node, "normalizer", "normalizers", read_normalizer});
}

/* --- pre-tokenizers ------------------------------------------------------- */

static enum result put_split(struct reader *r, const struct split_step *step)
{
	struct split_step *at = add_split(r->t);

	if (!at)
		return too_many(r);
	*at = *step;
	return OK;
}

static enum result put_class(
    struct reader *r, unsigned flags, enum split_behavior behavior)
{
	return put_split(
	    r, &(struct split_step){
		   .kind = SPLIT_CUT,
		   .behavior = behavior,
		   .pattern = {.kind = PATTERN_CLASS, .flags = flags},
	       });
}

static enum result put_known(struct reader *r, const char *name)
{
	return put_split(r, &(struct split_step){
				.kind = SPLIT_CUT,
				.behavior = SPLIT_ISOLATED,
				.pattern = pattern_known(name),
			    });
}

static enum result read_split(struct reader *r, uint32_t node)
{
	struct split_step step = {.kind = SPLIT_CUT};

	if (read_behavior(r, node, &step.behavior) == FAILED ||
	    reader_bool_or(r, node, "invert", &step.is_inverted) == FAILED ||
	    read_pattern(r, node, &step.pattern) == FAILED)
		return FAILED;
	if (put_split(r, &step) == OK)
		return OK;
	pattern_free(&step.pattern);
	return FAILED;
}

static enum result read_byte_level(struct reader *r, uint32_t node)
{
	bool has_prefix = true, has_regex = true;

	if (reader_bool_or(r, node, "add_prefix_space", &has_prefix) ==
		FAILED ||
	    reader_bool_or(r, node, "use_regex", &has_regex) == FAILED)
		return FAILED;
	if (has_prefix &&
	    put_split(r, &(struct split_step){.kind = SPLIT_PREFIX_SPACE}) ==
		FAILED)
		return FAILED;
	if (has_regex && put_known(r, "gpt2") == FAILED)
		return FAILED;
	return put_split(r, &(struct split_step){.kind = SPLIT_BYTES});
}

/* One character, as the file's type asks. */
static enum result read_char(
    struct reader *r, uint32_t node, const char *key, struct span *out)
{
	size_t len = 0;

	if (reader_text(r, node, key, out) == FAILED)
		return FAILED;
	if (out->len > 0)
		unicode_next(out->ptr, &len);
	if (len > 0 && len == out->len)
		return OK;
	return reader_fail(r, key, "must be one character");
}

static enum result read_prepend(
    struct reader *r, uint32_t node, enum split_prepend *prepend)
{
	struct span scheme = SPAN("always");
	bool has_prefix = true;

	if (reader_text_or(r, node, "prepend_scheme", &scheme) == FAILED ||
	    reader_bool_or(r, node, "add_prefix_space", &has_prefix) == FAILED)
		return FAILED;
	if (span_eq(scheme, SPAN("always")))
		*prepend = PREPEND_ALWAYS;
	else if (span_eq(scheme, SPAN("first")))
		*prepend = PREPEND_FIRST;
	else if (span_eq(scheme, SPAN("never")))
		*prepend = PREPEND_NEVER;
	else
		return reader_fail(r, "prepend_scheme",
		    "must be \"always\", \"first\" or \"never\"");
	if (has_prefix || *prepend == PREPEND_NEVER)
		return OK;
	return reader_fail(
	    r, "add_prefix_space", "does not go with prepend_scheme");
}

static enum result read_metaspace(struct reader *r, uint32_t node)
{
	struct split_step step = {.kind = SPLIT_METASPACE};
	bool splits = true;

	if (read_char(r, node, "replacement", &step.content) == FAILED ||
	    read_prepend(r, node, &step.prepend) == FAILED ||
	    reader_bool_or(r, node, "split", &splits) == FAILED ||
	    put_split(r, &step) == FAILED)
		return FAILED;
	if (!splits)
		return OK;
	return put_split(
	    r, &(struct split_step){
		   .kind = SPLIT_CUT,
		   .behavior = SPLIT_MERGED_WITH_NEXT,
		   .pattern = {.kind = PATTERN_TEXT, .text = step.content},
	       });
}

static enum result read_words(struct reader *r)
{
	return put_split(r, &(struct split_step){
				.kind = SPLIT_CUT,
				.behavior = SPLIT_REMOVED,
				.is_inverted = true,
				.pattern = pattern_known("words"),
			    });
}

static enum result read_delimiter(struct reader *r, uint32_t node)
{
	struct split_step step = {
	    .kind = SPLIT_CUT,
	    .behavior = SPLIT_REMOVED,
	    .pattern = {.kind = PATTERN_TEXT},
	};

	if (read_char(r, node, "delimiter", &step.pattern.text) == FAILED)
		return FAILED;
	return put_split(r, &step);
}

static enum result read_splitter(struct reader *r, uint32_t node)
{
	enum split_behavior behavior = SPLIT_ISOLATED;
	bool is_each = false;

	if (reader_is_type(r, node, "Split"))
		return read_split(r, node);
	if (reader_is_type(r, node, "ByteLevel"))
		return read_byte_level(r, node);
	if (reader_is_type(r, node, "Metaspace"))
		return read_metaspace(r, node);
	if (reader_is_type(r, node, "BertPreTokenizer"))
		return put_class(r, UNICODE_SPACE, SPLIT_REMOVED) == FAILED
			   ? FAILED
			   : put_class(r, UNICODE_PUNCTUATION, SPLIT_ISOLATED);
	if (reader_is_type(r, node, "WhitespaceSplit"))
		return put_class(r, UNICODE_SPACE, SPLIT_REMOVED);
	if (reader_is_type(r, node, "Whitespace"))
		return read_words(r);
	if (reader_is_type(r, node, "CharDelimiterSplit"))
		return read_delimiter(r, node);
	if (reader_is_type(r, node, "Digits")) {
		if (reader_bool_or(r, node, "individual_digits", &is_each) ==
		    FAILED)
			return FAILED;
		return put_class(r, UNICODE_NUMERIC,
		    is_each ? SPLIT_ISOLATED : SPLIT_CONTIGUOUS);
	}
	if (!reader_is_type(r, node, "Punctuation"))
		return unsupported(r, node);
	if (read_behavior(r, node, &behavior) == FAILED)
		return FAILED;
	return put_class(r, UNICODE_PUNCTUATION, behavior);
}

enum result load_splitter(struct reader *r, uint32_t node)
{
	return load_steps(r, &(struct walk){node, "pre_tokenizer",
				 "pretokenizers", read_splitter});
}

/* --- decoders ------------------------------------------------------------- */

static enum result fill_decode(
    struct reader *r, uint32_t node, struct decode_step *step)
{
	enum split_prepend prepend = PREPEND_ALWAYS;

	switch (step->kind) {
	case DECODE_REPLACE:
		if (reader_text(r, node, "content", &step->content) == FAILED)
			return FAILED;
		return read_pattern(r, node, &step->pattern);
	case DECODE_STRIP:
		if (read_char(r, node, "content", &step->content) == FAILED ||
		    reader_size_or(r, node, "start", &step->start) == FAILED)
			return FAILED;
		return reader_size_or(r, node, "stop", &step->stop);
	case DECODE_WORDPIECE:
		step->flag = true;
		if (reader_bool_or(r, node, "cleanup", &step->flag) == FAILED)
			return FAILED;
		return reader_text(r, node, "prefix", &step->content);
	case DECODE_METASPACE:
		if (read_prepend(r, node, &prepend) == FAILED)
			return FAILED;
		step->flag = prepend != PREPEND_NEVER;
		return read_char(r, node, "replacement", &step->content);
	case DECODE_SUFFIX:
		if (reader_text(r, node, "suffix", &step->content) == FAILED)
			return FAILED;
		return step->content.len ? OK
					 : reader_fail(r, "suffix", "is empty");
	case DECODE_BYTES:
	case DECODE_FALLBACK:
	case DECODE_FUSE:
	case DECODE_JOIN:
		break;
	}
	return OK;
}

static enum result read_decoder(struct reader *r, uint32_t node)
{
	static const struct {
		const char *type;
		enum decode_kind kind;
	} types[] = {
	    {"ByteLevel", DECODE_BYTES},
	    {"ByteFallback", DECODE_FALLBACK},
	    {"Fuse", DECODE_FUSE},
	    {"Replace", DECODE_REPLACE},
	    {"Strip", DECODE_STRIP},
	    {"WordPiece", DECODE_WORDPIECE},
	    {"Metaspace", DECODE_METASPACE},
	    {"BPEDecoder", DECODE_SUFFIX},
	};
	struct decode_step *step;

	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
		if (!reader_is_type(r, node, types[i].type))
			continue;
		step = add_decode(r->t);
		if (!step)
			return too_many(r);
		step->kind = types[i].kind;
		return fill_decode(r, node, step);
	}
	return unsupported(r, node);
}

enum result load_decoder(struct reader *r, uint32_t node)
{
	if (node == JSON_NONE) {
		add_decode(r->t)->kind = DECODE_JOIN;
		return OK;
	}
	return load_steps(
	    r, &(struct walk){node, "decoder", "decoders", read_decoder});
}
