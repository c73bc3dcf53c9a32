/* load_splitter.c -- pre-tokenizers from JSON: how a text is cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

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

static enum result put_split(struct reader *r, const struct split_step *step)
{
	struct split_step *at = add_split(r->t);

	if (!at)
		return load_too_many(r);
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
	    load_pattern(r, node, &step.pattern) == FAILED)
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

static enum result read_metaspace(struct reader *r, uint32_t node)
{
	struct split_step step = {.kind = SPLIT_METASPACE};
	bool splits = true;

	if (load_char(r, node, "replacement", &step.content) == FAILED ||
	    load_prepend(r, node, &step.prepend) == FAILED ||
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

	if (load_char(r, node, "delimiter", &step.pattern.text) == FAILED)
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
		return load_unsupported(r, node);
	if (read_behavior(r, node, &behavior) == FAILED)
		return FAILED;
	return put_class(r, UNICODE_PUNCTUATION, behavior);
}

enum result load_splitter(struct reader *r, uint32_t node)
{
	return load_steps(r, &(struct walk){node, "pre_tokenizer",
				 "pretokenizers", read_splitter});
}
