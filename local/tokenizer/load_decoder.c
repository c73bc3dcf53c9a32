/* load_decoder.c -- decoders from JSON: how tokens become text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/tokenizer/load.h"

static enum result fill_decode(
    struct reader *r, uint32_t node, struct decode_step *step)
{
	enum split_prepend prepend = PREPEND_ALWAYS;

	switch (step->kind) {
	case DECODE_REPLACE:
		if (reader_text(r, node, "content", &step->content) == FAILED)
			return FAILED;
		return load_pattern(r, node, &step->pattern);
	case DECODE_STRIP:
		if (load_char(r, node, "content", &step->content) == FAILED ||
		    reader_size_or(r, node, "start", &step->start) == FAILED)
			return FAILED;
		return reader_size_or(r, node, "stop", &step->stop);
	case DECODE_WORDPIECE:
		step->flag = true;
		if (reader_bool_or(r, node, "cleanup", &step->flag) == FAILED)
			return FAILED;
		return reader_text(r, node, "prefix", &step->content);
	case DECODE_METASPACE:
		if (load_prepend(r, node, &prepend) == FAILED)
			return FAILED;
		step->flag = prepend != PREPEND_NEVER;
		return load_char(r, node, "replacement", &step->content);
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
			return load_too_many(r);
		step->kind = types[i].kind;
		return fill_decode(r, node, step);
	}
	return load_unsupported(r, node);
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
