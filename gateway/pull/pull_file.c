/* pull_file.c -- one file from the hub to the disk, however often it is cut. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_file.h"

#include <stdlib.h>
#include <sys/stat.h>

#include "gateway/pull/pull_store.h"

#define PROGRESS                                                               \
	((int64_t)64 << 10) /* a try that got this far was a good one */
#define SLOWEST 1024        /* bytes a second; less is a cut */

struct pull_file {
	const struct pull_work *work;
	const struct pull_entry *entry;
	char *target; /* at the hub */
	char *path;   /* here */
	struct pull_part part;
	struct pull_fetch fetch;
	struct deadline next;  /* the next step, now or after a wait */
	struct deadline watch; /* for servers that only drip */
	loop_fn *step;
	int64_t size; /* -1: not known */
	struct sha256 sha;
	bool has_sha;
	bool is_over;
	bool is_body;       /* the answer's bytes are the file's */
	bool ends_by_close; /* and nothing else tells that they are all */
	char linked[PULL_ETAG_MAX + 1]; /* said by a redirect, or "" */
	unsigned failures;              /* in a row, without progress */
	int64_t counted;                /* bytes of it that the progress has */
	int64_t try_had;                /* bytes when this try began */
	int64_t watch_had;
	struct error err;
};

static void ask(void *arg);

/* --- steps ----------------------------------------------------------------
 */

static void run_step(void *arg)
{
	struct pull_file *f = arg;

	f->step(f);
}

/* Never runs it before this returns. */
static void go_on(struct pull_file *f, loop_fn *step, int64_t wait_ns)
{
	f->step = step;
	deadline_after(&f->next, wait_ns > 0 ? wait_ns : 1);
}

static void count(struct pull_file *f)
{
	f->work->progress->done += f->part.have - f->counted;
	f->counted = f->part.have;
}

static void end(struct pull_file *f, enum result result)
{
	f->is_over = true;
	pull_fetch_stop(&f->fetch);
	deadline_clear(&f->next);
	deadline_clear(&f->watch);
	f->work->on_over(f, result, f->work->arg);
}

/* f->err says why. */
static void fail(struct pull_file *f)
{
	end(f, FAILED);
}

static void finish(struct pull_file *f)
{
	if (pull_part_finish(&f->part, f->size, f->has_sha ? &f->sha : NULL,
		&f->err) != OK) {
		fail(f);
		return;
	}
	pull_progress_say(f->work->progress, "%s  %s", f->entry->path,
	    pull_size(f->part.have).text);
	end(f, OK);
}

/* f->err says why; tries again where that makes sense. */
static void try_again(struct pull_file *f, int64_t asked_ns)
{
	int64_t wait;

	pull_fetch_stop(&f->fetch);
	deadline_clear(&f->watch);
	f->is_body = false;
	if (f->part.have - f->try_had >= PROGRESS)
		f->failures = 0;
	wait = pull_backoff(++f->failures, f->work->hub->tries, asked_ns);
	if (wait < 0) {
		if (asked_ns > 0)
			error_prefix(&f->err, "%s: asked to wait %lld s",
			    f->entry->path, (long long)(asked_ns / NS_PER_S));
		else
			error_prefix(&f->err, "%s: given up after %u %s",
			    f->entry->path, f->failures,
			    f->failures == 1 ? "try" : "tries");
		fail(f);
		return;
	}
	pull_progress_say(f->work->progress, "%s: %s: again in %.1f s",
	    f->entry->path, f->err.text, (double)wait / (double)NS_PER_S);
	go_on(f, ask, wait);
}

/* Without what was there. */
static void begin_anew(struct pull_file *f, struct span etag)
{
	if (pull_part_restart(&f->part, etag, &f->err) != OK) {
		fail(f);
		return;
	}
	count(f);
	f->try_had = 0;
}

/* --- the answer ------------------------------------------------------------
 */

/* Large files: the hub says of what it sends on to. */
static void get_redirect(const struct http1_head *head, void *arg)
{
	struct pull_file *f = arg;
	struct span etag = pull_linked_etag(head);
	int64_t size = pull_linked_size(head);

	if (size >= 0 && f->size < 0) {
		f->size = size;
		f->work->progress->total += size;
	}
	if (size >= 0 && size != f->size) {
		error_set(&f->err,
		    "%s: the hub lists %lld bytes, and links to %lld",
		    f->entry->path, (long long)f->size, (long long)size);
		fail(f);
		return;
	}
	if (etag.len == 0 || etag.len > PULL_ETAG_MAX)
		return;
	memcpy(f->linked, etag.ptr, etag.len);
	f->linked[etag.len] = '\0';
	if (!f->has_sha)
		f->has_sha = hash_parse_hex(etag, &f->sha);
	if (f->fetch.from > 0 && !span_eq(etag, span_of(f->part.etag))) {
		begin_anew(f, SPAN(""));
		if (!f->is_over)
			pull_fetch_start(&f->fetch, f->target, 0);
	}
}

static struct span etag_of(
    const struct pull_file *f, const struct http1_head *head)
{
	return *f->linked ? span_of(f->linked) : pull_etag(head);
}

/*
 * A server that sends a byte now and then holds nobody up for ever. Looked at
 * less often than silence is, which has its own limit.
 */
static int64_t watch_ns(const struct pull_file *f)
{
	return 2 * f->work->hub->timeout_ns;
}

/* From now on bytes are written, and must come. */
static void start_body(struct pull_file *f, const struct http1_head *head)
{
	f->is_body = true;
	f->ends_by_close = head->framing == HTTP1_UNTIL_CLOSE;
	f->watch_had = f->part.have;
	deadline_after(&f->watch, watch_ns(f));
}

/* <all>: the whole file's bytes as the server has it, -1: it does not say. */
static bool has_right_size(struct pull_file *f, int64_t all)
{
	if (all < 0 || f->size == all)
		return true;
	if (f->size < 0) {
		f->size = all;
		f->work->progress->total += all;
		return true;
	}
	error_set(&f->err,
	    "%s: the hub says %lld bytes, the server has %lld: deleted",
	    f->entry->path, (long long)f->size, (long long)all);
	pull_part_delete(&f->part);
	return false;
}

static void get_whole(struct pull_file *f, const struct http1_head *head)
{
	if (!has_right_size(f, head->framing == HTTP1_LENGTH
				   ? (int64_t)head->content_length
				   : -1)) {
		fail(f);
		return;
	}
	begin_anew(f, etag_of(f, head));
	if (!f->is_over)
		start_body(f, head);
}

static void get_rest(struct pull_file *f, const struct http1_head *head)
{
	int64_t first, all;

	if (f->fetch.from == 0 || !pull_content_range(head, &first, &all) ||
	    first != f->fetch.from) {
		error_set(&f->err,
		    "%s: the server answers with a range that was not asked "
		    "for",
		    f->entry->path);
		fail(f);
	} else if (!span_eq(etag_of(f, head), span_of(f->part.etag))) {
		begin_anew(f, SPAN(""));
		if (!f->is_over)
			pull_fetch_start(&f->fetch, f->target, 0);
	} else if (!has_right_size(f, all)) {
		fail(f);
	} else {
		start_body(f, head);
	}
}

static void get_head(const struct http1_head *head, void *arg)
{
	struct pull_file *f = arg;
	const struct pull_question question = {
	    .repo = f->work->name->repo,
	    .revision = f->work->commit,
	    .page = f->work->page,
	    .path = f->entry->path,
	    .has_token = f->work->hub->token != NULL,
	    .is_elsewhere = f->fetch.is_elsewhere,
	};

	switch (pull_judge(head, &question, &f->err)) {
	case PULL_LATER:
		try_again(f, pull_asked_wait(head));
		return;
	case PULL_NEVER:
		fail(f);
		return;
	case PULL_FINE:
		break;
	}
	if (head->status == 206) {
		get_rest(f, head);
	} else if (head->status == 200) {
		get_whole(f, head);
	} else if (f->fetch.from > 0) {
		begin_anew(f, SPAN(""));
		if (!f->is_over)
			pull_fetch_start(&f->fetch, f->target, 0);
	} else {
		error_set(
		    &f->err, "%s: the server answered 416", f->entry->path);
		fail(f);
	}
}

static void get_data(struct span bytes, void *arg)
{
	struct pull_file *f = arg;

	if (!f->is_body)
		return;
	if (f->size >= 0 && (int64_t)bytes.len > f->size - f->part.have) {
		error_set(&f->err,
		    "%s: the hub says %lld bytes, and more come: deleted",
		    f->entry->path, (long long)f->size);
		pull_part_delete(&f->part);
		fail(f);
		return;
	}
	if (pull_part_write(&f->part, bytes, &f->err) != OK) {
		fail(f);
		return;
	}
	count(f);
}

static void get_done(void *arg)
{
	struct pull_file *f = arg;

	deadline_clear(&f->watch);
	if (f->ends_by_close && f->part.have < f->size) {
		error_set(&f->err, "the connection was closed too early");
		try_again(f, 0);
	} else {
		finish(f);
	}
}

static void get_failure(bool may_retry, const char *detail, void *arg)
{
	struct pull_file *f = arg;

	error_set(&f->err, "%s", detail);
	if (may_retry) {
		try_again(f, 0);
		return;
	}
	error_prefix(&f->err, "%s", f->entry->path);
	fail(f);
}

static const struct pull_fetch_handler fetch_handler = {
    .on_redirect = get_redirect,
    .on_head = get_head,
    .on_data = get_data,
    .on_done = get_done,
    .on_failed = get_failure,
};

static void look(void *arg)
{
	struct pull_file *f = arg;
	int64_t least = watch_ns(f) / NS_PER_S * SLOWEST;

	if (f->part.have - f->watch_had < least) {
		error_set(&f->err, "less than %d bytes a second came", SLOWEST);
		try_again(f, 0);
		return;
	}
	f->watch_had = f->part.have;
	deadline_after(&f->watch, watch_ns(f));
}

/* --- asking ----------------------------------------------------------------
 */

static void ask(void *arg)
{
	struct pull_file *f = arg;

	f->is_body = false;
	f->linked[0] = '\0';
	f->try_had = f->part.have;
	if (f->size >= 0 && f->part.have == f->size) {
		finish(f);
		return;
	}
	if (!*f->part.etag || (f->size >= 0 && f->part.have > f->size)) {
		begin_anew(f, SPAN(""));
		if (f->is_over)
			return;
	}
	pull_fetch_start(&f->fetch, f->target, f->part.have);
}

/* What another pull has left is hashed before the rest is asked for. */
static void hash(void *arg)
{
	struct pull_file *f = arg;
	enum result result = pull_part_hash(&f->part, &f->err);

	if (result == AGAIN) {
		go_on(f, hash, 0);
	} else if (result == FAILED) {
		fail(f);
	} else {
		pull_progress_found(f->work->progress, f->part.have);
		f->counted = f->part.have;
		ask(f);
	}
}

static void open_part(struct pull_file *f)
{
	if (pull_part_open(&f->part, f->path, &f->err) != OK)
		fail(f);
	else
		hash(f);
}

static void skip(struct pull_file *f)
{
	if (f->size > 0)
		pull_progress_found(f->work->progress, f->size);
	end(f, OK);
}

/* A file of the right name and size, which somebody else may have put there. */
static void verify(void *arg)
{
	struct pull_file *f = arg;
	bool is_right;

	if (pull_part_hash(&f->part, &f->err) == AGAIN) {
		go_on(f, verify, 0);
		return;
	}
	is_right = pull_part_is(&f->part, &f->sha);
	pull_part_close(&f->part);
	if (is_right)
		skip(f);
	else
		open_part(f);
}

/* Whether it lies there under its name, and need not be fetched. */
static bool is_there(const struct pull_file *f)
{
	struct stat st;

	return stat(f->path, &st) == 0 && S_ISREG(st.st_mode) &&
	       (f->size < 0 || st.st_size == f->size);
}

static void begin(void *arg)
{
	struct pull_file *f = arg;

	if (f->work->trusts_names && is_there(f))
		skip(f);
	else if (!f->work->trusts_names && f->has_sha &&
		 pull_part_open_whole(&f->part, f->path, f->size))
		verify(f);
	else
		open_part(f);
}

struct pull_file *pull_file_start(
    const struct pull_work *work, const struct pull_entry *entry)
{
	struct pull_file *f = mem_new(struct pull_file);
	struct loop *loop = work->hub->loop;

	f->work = work;
	f->entry = entry;
	f->size = entry->size;
	f->has_sha = entry->has_sha;
	f->sha = entry->sha;
	f->part.fd = -1;
	f->target = pull_hub_file(
	    work->hub, work->name->repo, work->commit, entry->path);
	f->path = pull_join(work->folder, entry->path);
	deadline_init(&f->next, loop, run_step, f);
	deadline_init(&f->watch, loop, look, f);
	pull_fetch_init(&f->fetch, work->hub, &fetch_handler, f);
	go_on(f, begin, 0);
	return f;
}

void pull_file_free(struct pull_file **file)
{
	struct pull_file *f = *file;

	*file = NULL;
	if (!f)
		return;
	pull_fetch_free(&f->fetch);
	deadline_free(&f->next);
	deadline_free(&f->watch);
	pull_part_close(&f->part);
	free(f->target);
	free(f->path);
	free(f);
}

const struct pull_entry *pull_file_entry(const struct pull_file *file)
{
	return file->entry;
}

const struct error *pull_file_error(const struct pull_file *file)
{
	return &file->err;
}
