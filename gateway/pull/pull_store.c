/* pull_store.c -- the folders that pulled models lie in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "gateway/files.h"
#include "gateway/pull/pull.h"

/* Left for others on the file system. */
#define ROOM_LEFT ((int64_t)64 << 20)

char *pull_join(const char *folder, const char *name)
{
	size_t size = strlen(folder) + strlen(name) + 2;
	char *path = mem_alloc(size);

	snprintf(path, size, "%s/%s", folder, name);
	return path;
}

/* $SLUICE_CACHE, $XDG_CACHE_HOME/sluice or ~/.cache/sluice; NULL: none. */
static char *cache_folder(void)
{
	const char *cache = getenv("SLUICE_CACHE");
	const char *xdg = getenv("XDG_CACHE_HOME");
	const char *home = getenv("HOME");

	if (cache && *cache)
		return mem_strdup(cache);
	/* A relative one is to be ignored: XDG base directory specification. */
	if (xdg && *xdg == '/')
		return pull_join(xdg, "sluice");
	return home && *home ? pull_join(home, ".cache/sluice") : NULL;
}

enum result pull_store_open(struct pull_store *store,
    const struct pull_name *name, const char *to, struct error *err)
{
	char *cache = NULL, *models;

	*store = (struct pull_store){.is_cache = !to, .lock = -1};
	if (to) {
		store->root = mem_strdup(to);
		return OK;
	}
	cache = cache_folder();
	if (!cache) {
		error_set(err, "no place for models: set HOME or SLUICE_CACHE");
		return FAILED;
	}
	models = pull_join(cache, "models/hf");
	store->root = pull_join(models, name->repo);
	free(models);
	free(cache);
	return OK;
}

void pull_store_close(struct pull_store *store)
{
	if (store->lock >= 0)
		close(store->lock);
	free(store->root);
	*store = (struct pull_store){.lock = -1};
}

enum result pull_make_folders(const char *path, struct error *err)
{
	char *copy = mem_strdup(path);
	enum result result = OK;

	for (char *at = strchr(copy + 1, '/'); at && result == OK;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		if (mkdir(copy, 0777) < 0 && errno != EEXIST) {
			error_set(
			    err, "make folder %s: %s", copy, strerror(errno));
			result = FAILED;
		}
		*at = '/';
	}
	free(copy);
	return result;
}

enum result pull_store_lock(struct pull_store *store, struct error *err)
{
	char *path = pull_join(store->root, ".lock");
	enum result result = FAILED;
	int status;

	if (pull_make_folders(path, err) != OK)
		goto out;
	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
	if (store->lock < 0) {
		error_set(err, "%s: %s", path, strerror(errno));
		goto out;
	}
	status = flock(store->lock, LOCK_EX | LOCK_NB);
	if (status < 0 && errno == EWOULDBLOCK) {
		fprintf(stderr, "waiting for another pull that writes to %s\n",
		    store->root);
		do {
			status = flock(store->lock, LOCK_EX);
		} while (status < 0 && errno == EINTR);
	}
	if (status < 0)
		error_set(err, "lock %s: %s", path, strerror(errno));
	else
		result = OK;
out:
	free(path);
	return result;
}

char *pull_store_folder(const struct pull_store *store, const char *commit)
{
	return store->is_cache ? pull_join(store->root, commit)
			       : mem_strdup(store->root);
}

/* --- notes: small files of one line ------------------------------------- */

/* Whole or not at all: written beside and renamed. */
static enum result write_note(
    const char *path, const char *text, struct error *err)
{
	char *beside = mem_alloc(strlen(path) + sizeof(".new"));
	size_t len = strlen(text);
	enum result result = FAILED;
	int fd = -1;

	snprintf(beside, strlen(path) + sizeof(".new"), "%s.new", path);
	if (pull_make_folders(path, err) != OK)
		goto out;
	fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, text, len) != (ssize_t)len ||
	    write(fd, "\n", 1) != 1 || fsync(fd) < 0 ||
	    rename(beside, path) < 0)
		error_set(err, "write %s: %s", path, strerror(errno));
	else
		result = OK;
out:
	if (fd >= 0)
		close(fd);
	free(beside);
	return result;
}

/* The line in <path>, malloc'ed; NULL when there is none. */
static char *read_note(const char *path)
{
	struct error err;
	struct span text;
	char *line = NULL;

	if (file_read(path, 2 * PULL_PATH_MAX, &text, &err) != OK)
		return NULL;
	if (span_trim(text).len > 0)
		line = span_dup(span_trim(text));
	file_free(&text);
	return line;
}

/* Where the commit of <revision> is noted. */
static char *ref_path(const struct pull_store *store, const char *revision)
{
	char *folder = pull_join(store->root, "refs"), *path;
	struct buf name;

	buf_init(&name, (size_t)3 * PULL_REVISION_MAX + 1);
	if (!pull_encode(&name, span_of(revision), false) ||
	    !buf_append(&name, span_make("", 1)))
		path = NULL;
	else
		path = pull_join(folder, buf_span(&name).ptr);
	buf_free(&name);
	free(folder);
	return path;
}

enum result pull_store_note(const struct pull_store *store,
    const char *revision, const char *commit, struct error *err)
{
	char *path = ref_path(store, revision);
	enum result result = path ? write_note(path, commit, err) : OK;

	free(path);
	return result;
}

static char *seal_path(const struct pull_store *store, const char *commit)
{
	char *folder = pull_store_folder(store, commit);
	char *path = pull_join(folder, ".complete");

	free(folder);
	return path;
}

enum result pull_store_seal(const struct pull_store *store, const char *commit,
    const char *open, struct error *err)
{
	char *path = seal_path(store, commit);
	enum result result = write_note(path, open, err);

	free(path);
	return result;
}

/* --- finding ------------------------------------------------------------- */

/* The commit that <name> was when it was last pulled; NULL: never. */
static char *find_commit(
    const struct pull_store *store, const struct pull_name *name)
{
	char *path, *commit;

	if (pull_is_commit(span_of(name->revision)))
		return mem_strdup(name->revision);
	path = ref_path(store, name->revision);
	commit = path ? read_note(path) : NULL;
	free(path);
	if (commit && !pull_is_commit(span_of(commit))) {
		free(commit);
		return NULL;
	}
	return commit;
}

/* What the seal of <commit> says, NULL: it is not sealed. */
static char *find_open(const struct pull_store *store, const char *commit)
{
	char *path = seal_path(store, commit);
	char *open = read_note(path);

	free(path);
	if (open && strcmp(open, ".") != 0 &&
	    !pull_path_is_safe(span_of(open))) {
		free(open);
		return NULL;
	}
	return open;
}

char *pull_store_find(
    const struct pull_store *store, const struct pull_name *name)
{
	char *commit = find_commit(store, name), *folder, *open, *path;

	if (!commit)
		return NULL;
	folder = pull_store_folder(store, commit);
	open = *name->file ? mem_strdup(name->file) : find_open(store, commit);
	if (!open)
		path = NULL;
	else if (!strcmp(open, "."))
		path = mem_strdup(folder);
	else
		path = pull_join(folder, open);
	if (path && access(path, R_OK) < 0) {
		free(path);
		path = NULL;
	}
	free(open);
	free(folder);
	free(commit);
	return path;
}

char *pull_resolve(const char *text, struct error *err)
{
	struct pull_name name;
	struct pull_store store;
	char *path;

	if (!pull_name_read(&name, text, err) ||
	    pull_store_open(&store, &name, NULL, err) != OK)
		return NULL;
	path = pull_store_find(&store, &name);
	if (!path)
		error_set(err,
		    "%.200s is not in the cache (%.200s): get it by "
		    "sluice pull %.200s",
		    text, store.root, text);
	pull_store_close(&store);
	return path;
}

enum result pull_store_has_room(
    const struct pull_store *store, int64_t bytes, struct error *err)
{
	struct statvfs fs;
	int64_t room;

	/* Where that cannot be told, writing will. */
	if (statvfs(store->root, &fs) < 0 ||
	    __builtin_mul_overflow(fs.f_bavail, fs.f_frsize, &room))
		return OK;
	room = room > ROOM_LEFT ? room - ROOM_LEFT : 0;
	if (bytes <= room)
		return OK;
	error_set(err, "%s: needs %s, and there is room for %s", store->root,
	    pull_size(bytes).text, pull_size(room).text);
	return FAILED;
}
