/* load_normalizer.c -- normalisers from JSON. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

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
		return load_too_many(r);
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
		return load_unsupported(r, node);
	step.kind = NORMALIZE_REPLACE;
	if (reader_text(r, node, "content", &step.content) == FAILED ||
	    load_pattern(r, node, &step.pattern) == FAILED)
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
