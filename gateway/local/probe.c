/* probe.c -- what a checkpoint is and can, told without its weights. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/probe.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

enum {
	FILES_MAX = 10000,
	LISTING_MAX = 8 << 20,
	ARENA_MAX = 64 << 20
};

struct model_options local_model_options(
    const struct config_local *local, uint32_t threads)
{
	return (struct model_options){
	    .threads = threads,
	    .is_exact = local->backend == BACKEND_EXACT,
	    .shortens = local->int8,
	};
}

/* --- what its template takes ---------------------------------------------- */

/* Whether the template writes the tools that it is given into the text. */
static bool takes_tools(
    const struct chat *chat, const struct tokenizer *tokenizer)
{
	static const char request[] =
	    "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], "
	    "\"add_generation_prompt\": true, \"tools\": [{\"type\": "
	    "\"function\", \"function\": {\"name\": \"find_lodging\", "
	    "\"description\": \"Finds one.\", \"parameters\": {\"type\": "
	    "\"object\", \"properties\": {}}}}]}";
	struct tokenizer_work *work = tokenizer_work_new(tokenizer);
	struct chat_text text = {0};
	struct json_fault fault;
	struct arena arena;
	struct json_doc doc;
	struct error err;
	bool takes;

	arena_init(&arena, ARENA_MAX);
	token_buf_init(&text.ids, SIZE_MAX);
	text.arena = &arena;
	takes = json_parse(span_of(request), &arena, &doc, &fault) &&
		chat_encode(chat, work, &doc, &text, &err) == OK &&
		span_find(text.text, SPAN("find_lodging"), 0) != SIZE_MAX;
	token_buf_free(&text.ids);
	arena_free(&arena);
	tokenizer_work_free(&work);
	return takes;
}

static unsigned find_capabilities(
    const struct checkpoint *checkpoint, const struct model_info *info)
{
	const struct tokenizer *tokenizer = checkpoint_tokenizer(checkpoint);
	const struct chat *chat = checkpoint_chat(checkpoint);
	unsigned bits = 0;

	if (info->is_encoder)
		return info->embeds && tokenizer ? CAN_EMBEDDINGS : 0;
	if (tokenizer)
		bits |= CAN_COMPLETIONS | CAN_JSON;
	if (chat)
		bits |= CAN_CHAT;
	if (chat && takes_tools(chat, tokenizer))
		bits |= CAN_TOOLS;
	return bits;
}

enum result local_probe(const struct config_local *local,
    struct local_probe *out, struct error *err)
{
	struct model_options plan = local_model_options(local, 1);
	const struct machine machine = {0};
	struct checkpoint *checkpoint;
	struct card_needs needs;
	struct model_info info;

	plan.is_plan = true;
	checkpoint = checkpoint_open(local->path,
	    &(struct checkpoint_options){
		.parts =
		    CHECKPOINT_TOKENIZER | CHECKPOINT_CHAT | CHECKPOINT_MODEL,
		.model = &plan,
	    },
	    err);
	if (!checkpoint)
		return FAILED;
	info = model_info(checkpoint_model(checkpoint));
	needs = card_needs(checkpoint_model(checkpoint), &machine);
	*out = (struct local_probe){
	    .is_encoder = info.is_encoder,
	    .embeds = info.embeds,
	    .n_labels = info.n_labels,
	    .context = info.context,
	    .capabilities = find_capabilities(checkpoint, &info),
	    .weight_bytes = needs.weights,
	    .fixed_bytes = needs.fixed,
	};
	if (!info.is_encoder)
		out->text_bytes = model_kv_bytes(checkpoint_model(checkpoint),
		    local->context ? (uint32_t)local->context : info.context);
	checkpoint_close(&checkpoint);
	return OK;
}

/* --- which files they are ------------------------------------------------- */

static bool add_file(struct buf *out, const char *name, const struct stat *st)
{
	return buf_printf(out, "%s %lld %lld.%09ld\n", name,
	    (long long)st->st_size, (long long)st->st_mtim.tv_sec,
	    st->st_mtim.tv_nsec);
}

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static int compare_names(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

/* The files of <folder>, by name, and those one folder below it. */
static bool list_folder(struct buf *out, const char *folder, int depth)
{
	struct dirent **entries;
	int n = scandir(folder, &entries, is_shown, compare_names);
	bool ok = n >= 0 && n <= FILES_MAX;

	for (int i = 0; i < n; i++) {
		char *path =
		    settings_resolve_path(folder, span_of(entries[i]->d_name));
		struct stat st;

		/* A link that points nowhere is no file. */
		if (ok && stat(path, &st) == 0) {
			if (S_ISREG(st.st_mode))
				ok = add_file(out, entries[i]->d_name, &st);
			else if (S_ISDIR(st.st_mode) && depth > 0)
				ok = buf_printf(
					 out, "%s/\n", entries[i]->d_name) &&
				     list_folder(out, path, depth - 1);
		}
		free(path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return ok;
}

static bool list_files(struct buf *out, const char *path)
{
	const char *slash = strrchr(path, '/');
	struct stat st;
	char *folder;
	bool ok;

	if (stat(path, &st) < 0)
		return false;
	if (S_ISDIR(st.st_mode))
		return list_folder(out, path, 1);
	if (!span_ends_with(span_of(path), SPAN(".safetensors")))
		return add_file(out, "", &st);
	folder = slash ? span_dup(span_make(path, (size_t)(slash - path)))
		       : mem_strdup(".");
	ok = list_folder(out, folder, 1);
	free(folder);
	return ok;
}

char *local_identity(const struct config_local *local, struct error *err)
{
	char hex[2 * SHA256_LEN + 1];
	struct sha256 digest;
	char *text = NULL;
	struct buf out;

	buf_init(&out, LISTING_MAX);
	if (!list_files(&out, local->path) ||
	    !buf_printf(&out,
		"%s backend=%" PRId64 " context=%" PRId64 " int8=%d\n",
		local->path, local->backend, local->context, local->int8)) {
		error_set(err, "%s: cannot be looked at: %s", local->path,
		    strerror(errno));
		goto out;
	}
	digest = hash_sha256(buf_span(&out));
	for (size_t i = 0; i < SHA256_LEN; i++)
		(void)snprintf(hex + 2 * i, 3, "%02x", digest.bytes[i]);
	text = mem_strdup(hex);
out:
	buf_free(&out);
	return text;
}
