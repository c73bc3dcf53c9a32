/* published_hf.c -- tokenizer and chat templates of a HF directory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/base.h"
#include "local/engine/beside.h"
#include "local/engine/published.h"

#define TOKENIZER_MAX ((size_t)256 << 20)
#define CONFIG_MAX ((size_t)32 << 20)
#define TRUSTED_MAX ((size_t)1 << 20)

enum result published_hf_tokenizer(
    const char *folder, struct tokenizer **tokenizer, struct error *err)
{
	struct span json, config = {0};
	enum result result =
	    beside_read(folder, "tokenizer.json", TOKENIZER_MAX, &json, err);

	*tokenizer = NULL;
	if (result != OK)
		return result;
	if (beside_read(folder, "tokenizer_config.json", CONFIG_MAX, &config,
		err) != FAILED) {
		*tokenizer = tokenizer_from_json(json, config, err);
		if (!*tokenizer)
			error_prefix(err, "%s", folder);
	}
	beside_free(&json);
	beside_free(&config);
	return *tokenizer ? OK : FAILED;
}

/* --- what a directory says of its chats ----------------------------------- */

/* A JSON file that may be missing: then the document is {}. */
struct json_file {
	struct span text; /* to be freed */
	struct json_doc doc;
};

/* What a chat's reader holds while it reads. */
struct reader {
	const char *folder;
	struct arena arena;
	struct json_file config;            /* tokenizer_config.json */
	struct json_file map;               /* special_tokens_map.json */
	struct span plain_file, tools_file; /* to be freed */
	struct buf trusted;                 /* a JSON object */
	struct error *err;
};

static enum result read_json(
    struct reader *r, const char *name, struct json_file *out)
{
	struct json_fault fault;

	if (beside_read(r->folder, name, CONFIG_MAX, &out->text, r->err) ==
	    FAILED)
		return FAILED;
	if (!json_parse(out->text.len ? out->text : SPAN("{}"), &r->arena,
		&out->doc, &fault)) {
		error_set(r->err, "%s/%s: is not JSON: byte %zu: %s", r->folder,
		    name, fault.offset, fault.reason);
		return FAILED;
	}
	return OK;
}

/* A token's text: a string, or an object with "content". */
static struct span token_raw(const struct json_doc *doc, uint32_t node)
{
	if (json_is(doc, node, JSON_OBJECT))
		node = json_find(doc, node, SPAN("content"));
	return json_is(doc, node, JSON_STRING) ? json_raw(doc, node)
					       : span_make(NULL, 0);
}

static enum result too_long(struct reader *r)
{
	error_set(
	    r->err, "%s: the names of special tokens are too long", r->folder);
	return FAILED;
}

/* Adds "name": raw; <raw> is JSON already. */
static enum result put_member(
    struct reader *r, struct span name, struct span raw)
{
	bool is_first = buf_len(&r->trusted) == 1;

	if (buf_append(&r->trusted, is_first ? SPAN("") : SPAN(", ")) &&
	    json_write_string(&r->trusted, name) &&
	    buf_append(&r->trusted, SPAN(": ")) && buf_append(&r->trusted, raw))
		return OK;
	return too_long(r);
}

/* "additional_special_tokens": a list of tokens. */
static enum result put_list(struct reader *r, const struct json_doc *doc)
{
	uint32_t list = json_find(doc, 0, SPAN("additional_special_tokens"));
	struct buf raw;
	bool ok, is_first = true;
	enum result result;

	if (!json_is(doc, list, JSON_ARRAY))
		return OK;
	buf_init(&raw, TRUSTED_MAX);
	ok = buf_append(&raw, SPAN("["));
	json_for_each(doc, list, item) {
		struct span token = token_raw(doc, item);

		if (!token.ptr)
			continue;
		ok = ok && buf_append(&raw, is_first ? SPAN("") : SPAN(", ")) &&
		     buf_append(&raw, token);
		is_first = false;
	}
	ok = ok && buf_append(&raw, SPAN("]"));
	result = ok ? put_member(
			  r, SPAN("additional_special_tokens"), buf_span(&raw))
		    : too_long(r);
	buf_free(&raw);
	return result;
}

/* Newer files name more of them: "extra_special_tokens": {name: token}. */
static enum result put_extra(struct reader *r)
{
	const struct json_doc *doc = &r->config.doc;
	uint32_t map = json_find(doc, 0, SPAN("extra_special_tokens"));

	if (!json_is(doc, map, JSON_OBJECT))
		return OK;
	for (uint32_t at = map + 1; at < doc->nodes[map].next;
	     at = doc->nodes[at + 1].next) {
		struct span name = json_text(doc, at, &r->arena);
		struct span token = token_raw(doc, at + 1);

		if (name.ptr && token.ptr && put_member(r, name, token) != OK)
			return FAILED;
	}
	return OK;
}

/* What templates call the special tokens by; Source: transformers. */
static enum result collect_trusted(struct reader *r)
{
	static const char *const names[] = {"bos_token", "eos_token",
	    "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
	    NULL};
	const struct json_doc *docs[] = {&r->config.doc, &r->map.doc};

	buf_init(&r->trusted, TRUSTED_MAX);
	if (!buf_append(&r->trusted, SPAN("{")))
		return too_long(r);
	for (int i = 0; names[i]; i++) {
		for (int k = 0; k < 2; k++) {
			struct span name = span_of(names[i]);
			uint32_t node = json_find(docs[k], 0, name);
			struct span raw = token_raw(docs[k], node);

			if (!raw.ptr)
				continue;
			if (put_member(r, name, raw) != OK)
				return FAILED;
			break;
		}
	}
	if (put_list(r, &r->config.doc) != OK || put_extra(r) != OK)
		return FAILED;
	return buf_append(&r->trusted, SPAN("}")) ? OK : too_long(r);
}

/* --- templates ------------------------------------------------------------ */

/* The template <name> in a list of {"name", "template"}. */
static struct span named_template(
    struct reader *r, uint32_t list, struct span name)
{
	const struct json_doc *doc = &r->config.doc;

	json_for_each(doc, list, item) {
		uint32_t label = json_find(doc, item, SPAN("name"));
		uint32_t text = json_find(doc, item, SPAN("template"));

		if (json_is(doc, label, JSON_STRING) &&
		    span_eq(json_text(doc, label, &r->arena), name))
			return json_text(doc, text, &r->arena);
	}
	return span_make(NULL, 0);
}

/* A file of its own goes before what tokenizer_config.json holds. */
static enum result find_templates(struct reader *r, struct chat_source *source)
{
	uint32_t node = json_find(&r->config.doc, 0, SPAN("chat_template"));

	if (beside_read(r->folder, "chat_template.jinja", TEMPLATE_SOURCE_MAX,
		&r->plain_file, r->err) == FAILED ||
	    beside_read(r->folder, "additional_chat_templates/tool_use.jinja",
		TEMPLATE_SOURCE_MAX, &r->tools_file, r->err) == FAILED)
		return FAILED;
	source->template = r->plain_file;
	source->tools_template = r->tools_file;
	if (source->template.ptr)
		return OK;
	if (json_is(&r->config.doc, node, JSON_STRING)) {
		source->template = json_text(&r->config.doc, node, &r->arena);
	} else if (json_is(&r->config.doc, node, JSON_ARRAY)) {
		source->template = named_template(r, node, SPAN("default"));
		source->tools_template =
		    named_template(r, node, SPAN("tool_use"));
	}
	return OK;
}

static void free_reader(struct reader *r)
{
	beside_free(&r->config.text);
	beside_free(&r->map.text);
	beside_free(&r->plain_file);
	beside_free(&r->tools_file);
	buf_free(&r->trusted);
	arena_free(&r->arena);
}

enum result published_hf_chat(const char *folder,
    const struct tokenizer *tokenizer, struct chat **chat, struct error *err)
{
	struct chat_source source = {.tokenizer = tokenizer};
	struct reader r = {.folder = folder, .err = err};
	enum result result = FAILED;

	*chat = NULL;
	arena_init(&r.arena, CONFIG_MAX * 32);
	if (read_json(&r, "tokenizer_config.json", &r.config) != OK ||
	    read_json(&r, "special_tokens_map.json", &r.map) != OK ||
	    collect_trusted(&r) != OK || find_templates(&r, &source) != OK)
		goto out;
	result = OK;
	if (!source.template.ptr)
		goto out;
	source.trusted = buf_span(&r.trusted);
	*chat = chat_new(&source, err);
	if (!*chat) {
		error_prefix(err, "%s", folder);
		result = FAILED;
	}
out:
	free_reader(&r);
	return result;
}
