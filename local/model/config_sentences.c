/* config_sentences.c -- what sentence-transformers adds to a checkpoint. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/model/config.h"

#define TEXT_MAX (1 << 28) /* more than any model's positions */

static enum result open_text(struct span text, enum json_type type,
    struct arena *arena, struct json_doc *doc, struct error *err)
{
	struct json_fault fault;

	if (!json_parse(text, arena, doc, &fault)) {
		error_set(err, "is not JSON: byte %zu: %s", fault.offset,
		    fault.reason);
		return FAILED;
	}
	if (!json_is(doc, 0, type)) {
		error_set(err, "is not a JSON %s",
		    type == JSON_ARRAY ? "array" : "object");
		return FAILED;
	}
	return OK;
}

/* --- modules.json --------------------------------------------------------- */

enum module {
	MODULE_TRANSFORMER,
	MODULE_POOLING,
	MODULE_NORMALIZE,
	MODULES,
};

/* The class's own name says what it is; its package has moved before. */
static enum module module_of(struct span type)
{
	static const char *const names[MODULES] = {
	    "Transformer", "Pooling", "Normalize"};
	struct span part, last = type;

	while (span_split(&type, '.', &part))
		last = part;
	for (int i = 0; i < MODULES; i++) {
		if (span_eq(last, span_of(names[i])))
			return (enum module)i;
	}
	return MODULES;
}

static struct span member_text(const struct json_doc *doc, uint32_t object,
    const char *key, struct arena *arena)
{
	uint32_t node = json_find(doc, object, span_of(key));

	return json_is(doc, node, JSON_STRING) ? json_text(doc, node, arena)
					       : span_make(NULL, 0);
}

enum result config_read_modules(struct span text, struct arena *arena,
    struct config *config, struct span *pooling, struct error *err)
{
	struct json_doc doc;

	*pooling = span_make(NULL, 0);
	if (open_text(text, JSON_ARRAY, arena, &doc, err) != OK)
		return FAILED;
	config->is_sentences = true;
	json_for_each(&doc, 0, item) {
		struct span type = member_text(&doc, item, "type", arena);
		struct span path = member_text(&doc, item, "path", arena);
		enum module module = module_of(type);

		if (module == MODULES) {
			error_set(err,
			    "module \"%.*s\" is not supported: Transformer, "
			    "Pooling and Normalize are",
			    SPAN_FMT(type));
			return FAILED;
		}
		if (module == MODULE_POOLING &&
		    span_find(path, SPAN(".."), 0) != SIZE_MAX) {
			error_set(err, "\"path\" leaves the checkpoint");
			return FAILED;
		}
		if (module == MODULE_POOLING)
			*pooling = path;
		if (module == MODULE_NORMALIZE)
			config->is_normalised = true;
	}
	return OK;
}

/* --- sentence_bert_config.json -------------------------------------------- */

enum result config_read_sentences(struct span text, struct arena *arena,
    struct config *config, struct error *err)
{
	uint32_t max, lower;
	struct json_doc doc;
	int64_t value;

	if (open_text(text, JSON_OBJECT, arena, &doc, err) != OK)
		return FAILED;
	max = json_find(&doc, 0, SPAN("max_seq_length"));
	lower = json_find(&doc, 0, SPAN("do_lower_case"));
	if (json_is(&doc, lower, JSON_TRUE)) {
		error_set(err, "\"do_lower_case\": true is not supported");
		return FAILED;
	}
	if (max == JSON_NONE || json_is(&doc, max, JSON_NULL))
		return OK;
	if (!json_int(&doc, max, &value) || value < 1 || value > TEXT_MAX) {
		error_set(err, "\"max_seq_length\" must be 1 to %d", TEXT_MAX);
		return FAILED;
	}
	config->text_max = (uint32_t)value;
	return OK;
}

/* --- 1_Pooling/config.json ------------------------------------------------ */

enum result config_read_pooling(struct span text, struct arena *arena,
    struct config *config, struct error *err)
{
	static const struct {
		const char *key;
		enum pooling pooling;
	} modes[] = {
	    {"pooling_mode_cls_token", POOLING_CLS},
	    {"pooling_mode_mean_tokens", POOLING_MEAN},
	    {"pooling_mode_lasttoken", POOLING_LAST},
	    {"pooling_mode_max_tokens", POOLING_NONE},
	    {"pooling_mode_mean_sqrt_len_tokens", POOLING_NONE},
	    {"pooling_mode_weightedmean_tokens", POOLING_NONE},
	};
	struct json_doc doc;
	int found = 0;

	if (open_text(text, JSON_OBJECT, arena, &doc, err) != OK)
		return FAILED;
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		uint32_t node = json_find(&doc, 0, span_of(modes[i].key));

		if (!json_is(&doc, node, JSON_TRUE))
			continue;
		if (modes[i].pooling == POOLING_NONE) {
			error_set(err, "\"%s\" is not supported", modes[i].key);
			return FAILED;
		}
		config->pooling = modes[i].pooling;
		found++;
	}
	config->has_pooling = found == 1;
	if (found == 1)
		return OK;
	error_set(err,
	    "%s pooling mode that is supported: cls_token, "
	    "mean_tokens and lasttoken are",
	    found ? "more than one" : "no");
	return FAILED;
}
