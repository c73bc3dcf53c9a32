/* pull_run.c -- one pull: asks, chooses, fetches, seals. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/files.h"
#include "gateway/pull/pull_choose.h"
#include "gateway/pull/pull_file.h"
#include "gateway/pull/pull_get.h"
#include "gateway/pull/pull_near.h"
#include "gateway/pull/pull_store.h"

#define AT_ONCE 4 /* files */
#define INDEX_MAX ((size_t)64 << 20)

struct run {
	const struct pull_options *options;
	struct pull_name name;
	struct pull_store store;
	struct pull_hub hub;
	struct pull_listing listing;
	struct pull_choice choice;
	struct pull_progress progress;
	struct pull_work work;
	char *page;               /* of the model, for people */
	char *folder;             /* the files are put in */
	struct pull_file **files; /* (choice.n), NULL: not begun */
	size_t n_begun, n_over;
	struct error *err;
};

/* --- the list of files ---------------------------------------------------- */

static enum result list(struct run *r, bool is_cached, bool *is_reached)
{
	char *target = pull_hub_model(&r->hub, &r->name);
	struct pull_get get = {
	    .target = target,
	    .question =
		{
		    .repo = r->name.repo,
		    .revision = r->name.revision,
		    .page = r->page,
		    .has_token = r->hub.token != NULL,
		},
	    /* What is here will do: the hub is not waited for. */
	    .tries = is_cached ? 1 : r->hub.tries,
	};
	struct buf body;
	enum result result;

	buf_init(&body, PULL_LISTING_BYTES_MAX);
	result = pull_get(&r->hub, &get, &body, r->err);
	*is_reached = get.is_reached;
	if (result != OK && get.is_unknown)
		pull_add_near(&r->hub, &r->name, r->err);
	if (result == OK)
		result =
		    pull_listing_read(&r->listing, buf_span(&body), r->err);
	buf_free(&body);
	free(target);
	return result;
}

static void print_ggufs(const struct run *r)
{
	for (size_t i = 0; i < r->listing.n; i++) {
		const struct pull_entry *e = &r->listing.entries[i];
		bool is_main = !strcmp(r->name.revision, "main");

		if (pull_is_gguf(e->path))
			fprintf(stderr, "    hf:%s%s%s:%s  %s\n", r->name.repo,
			    is_main ? "" : "@", is_main ? "" : r->name.revision,
			    e->path,
			    e->size < 0 ? "" : pull_size(e->size).text);
	}
}

static enum result choose(struct run *r)
{
	enum result result =
	    pull_choose(&r->listing, r->name.file, &r->choice, r->err);

	if (result != OK) {
		if (r->choice.n_gguf > 1)
			print_ggufs(r);
		error_prefix(r->err, "hf:%s", r->name.repo);
	}
	return result;
}

/* --- fetching ------------------------------------------------------------ */

/* Bytes of the chosen files that are not on the disk yet. */
static int64_t bytes_to_come(const struct run *r)
{
	int64_t sum = 0;

	for (size_t i = 0; i < r->choice.n; i++) {
		const struct pull_entry *entry = r->choice.files[i];
		char *path = pull_join(r->folder, entry->path), *part;
		size_t size = strlen(path) + sizeof(".part");
		int64_t here = 0;
		struct stat st;

		part = mem_alloc(size);
		snprintf(part, size, "%s.part", path);
		if (stat(path, &st) == 0 || stat(part, &st) == 0)
			here = st.st_size;
		if (entry->size > here)
			sum += entry->size - here;
		free(part);
		free(path);
	}
	return sum;
}

static void begin_next(struct run *r)
{
	if (r->n_begun < r->choice.n) {
		size_t i = r->n_begun++;

		r->files[i] = pull_file_start(&r->work, r->choice.files[i]);
	}
}

/* One that failed for good ends the pull: its others are kept as they are. */
static void get_over(struct pull_file *file, enum result result, void *arg)
{
	struct run *r = arg;

	r->n_over++;
	r->progress.n_done += result == OK;
	if (result != OK) {
		error_set(r->err, "%s", pull_file_error(file)->text);
		loop_stop(r->hub.loop);
	} else if (r->n_over == r->choice.n) {
		loop_stop(r->hub.loop);
	} else {
		begin_next(r);
	}
}

/* All of the choice; they are on the disk when it is OK. */
static enum result fetch(struct run *r)
{
	size_t before = r->progress.n_done;

	for (size_t i = 0; i < r->choice.n; i++)
		if (r->choice.files[i]->size > 0)
			r->progress.total += r->choice.files[i]->size;
	r->progress.n_files += r->choice.n;
	if (pull_store_has_room(&r->store, bytes_to_come(r), r->err) != OK)
		return FAILED;
	r->files = mem_zalloc((r->choice.n + 1) * sizeof(struct pull_file *));
	r->n_begun = r->n_over = 0;
	pull_progress_start(&r->progress, r->hub.loop);
	for (size_t i = 0; i < AT_ONCE; i++)
		begin_next(r);
	loop_run(r->hub.loop);
	pull_progress_stop(&r->progress);
	for (size_t i = 0; i < r->n_begun; i++)
		pull_file_free(&r->files[i]);
	free(r->files);
	r->files = NULL;
	return r->progress.n_done == before + r->choice.n ? OK : FAILED;
}

/* The index is here: what it names comes next. */
static enum result fetch_shards(struct run *r)
{
	char *path = pull_join(r->folder, PULL_INDEX);
	struct span text;
	enum result result = file_read(path, INDEX_MAX, &text, r->err);

	free(path);
	if (result != OK)
		return FAILED;
	result = pull_choose_shards(&r->listing, text, &r->choice, r->err);
	file_free(&text);
	return result == OK ? fetch(r) : FAILED;
}

static void say_what_comes(const struct run *r)
{
	fprintf(stderr, "hf:%s at %.12s; licence: %s\n", r->name.repo,
	    r->listing.commit,
	    r->listing.licence ? r->listing.licence : "not said");
	if (r->listing.id && strcmp(r->listing.id, r->name.repo) != 0)
		fprintf(
		    stderr, "note: the hub calls it %s now\n", r->listing.id);
}

static enum result fetch_all(struct run *r)
{
	r->folder = pull_store_folder(&r->store, r->listing.commit);
	r->work = (struct pull_work){
	    .hub = &r->hub,
	    .name = &r->name,
	    .page = r->page,
	    .commit = r->listing.commit,
	    .folder = r->folder,
	    .trusts_names = r->store.is_cache,
	    .progress = &r->progress,
	    .on_over = get_over,
	    .arg = r,
	};
	say_what_comes(r);
	if (pull_store_lock(&r->store, r->err) != OK)
		return FAILED;
	if (fetch(r) != OK || (r->choice.has_index && fetch_shards(r) != OK))
		return FAILED;
	if (!r->store.is_cache)
		return OK;
	if (!*r->name.file && pull_store_seal(&r->store, r->listing.commit,
				  r->choice.open, r->err) != OK)
		return FAILED;
	return pull_is_commit(span_of(r->name.revision))
		   ? OK
		   : pull_store_note(&r->store, r->name.revision,
			 r->listing.commit, r->err);
}

/* --- the whole ----------------------------------------------------------- */

static char *open_path(const struct run *r)
{
	if (!strcmp(r->choice.open, "."))
		return mem_strdup(r->folder);
	return pull_join(r->folder, r->choice.open);
}

/* A commit that is here needs no hub; nor does the newest that it has. */
static bool is_here(struct run *r, char *found)
{
	struct pull_name at = r->name;
	char *path;
	bool is_same;

	snprintf(at.revision, sizeof(at.revision), "%s", r->listing.commit);
	path = pull_store_find(&r->store, &at);
	is_same = path && found && !strcmp(path, found);
	free(path);
	return is_same;
}

static enum result ask_and_fetch(struct run *r, char **path)
{
	char *found =
	    r->store.is_cache ? pull_store_find(&r->store, &r->name) : NULL;
	bool is_reached = true;

	if (found && pull_is_commit(span_of(r->name.revision))) {
		fprintf(
		    stderr, "nothing to do: %s is here\n", r->options->name);
		*path = found;
		return OK;
	}
	if (list(r, found != NULL, &is_reached) != OK) {
		if (is_reached || !found) {
			free(found);
			return FAILED;
		}
		fprintf(stderr,
		    "note: the hub cannot be reached (%s): what was pulled "
		    "before is used\n",
		    r->err->text);
		*path = found;
		return OK;
	}
	if (is_here(r, found)) {
		fprintf(stderr, "nothing to do: %s is here, at %.12s\n",
		    r->options->name, r->listing.commit);
		*path = found;
		return OK;
	}
	free(found);
	if (choose(r) != OK || fetch_all(r) != OK)
		return FAILED;
	*path = open_path(r);
	return OK;
}

enum result pull_run(
    const struct pull_options *options, char **path, struct error *err)
{
	struct run r = {.options = options, .err = err};
	enum result result = FAILED;

	*path = NULL;
	r.store.lock = -1;
	if (!pull_name_read(&r.name, options->name, err) ||
	    pull_store_open(&r.store, &r.name, options->to, err) != OK)
		return FAILED;
	if (pull_hub_open(&r.hub, options, err) == OK) {
		r.page = pull_hub_page(&r.hub, r.name.repo);
		result = ask_and_fetch(&r, path);
	}
	pull_listing_free(&r.listing);
	pull_hub_close(&r.hub);
	pull_store_close(&r.store);
	free(r.folder);
	free(r.page);
	return result;
}
