/* fuzz_pull.c -- any bytes as a hub's answers, redirects and names. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "gateway/pull/pull_answer.h"
#include "gateway/pull/pull_choose.h"
#include "gateway/pull/pull_near.h"
#include "gateway/pull/pull_url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool claim)
{
	if (!claim)
		abort();
}

/* Every path that would be written stays below its folder. */
static void check_choice(const struct pull_choice *choice)
{
	require(choice->n <= PULL_FILES_MAX);
	for (size_t i = 0; i < choice->n; i++)
		require(pull_path_is_safe(span_of(choice->files[i]->path)));
	require(!strcmp(choice->open, ".") ||
		pull_path_is_safe(span_of(choice->open)));
}

static void try_listing(struct span text)
{
	struct pull_listing listing;
	struct pull_choice choice;
	struct error err;

	if (pull_listing_read(&listing, text, &err) != OK)
		return;
	require(pull_is_commit(span_of(listing.commit)));
	if (pull_choose(&listing, "", &choice, &err) == OK)
		check_choice(&choice);
	/* The list is as good an index as any. */
	if (choice.files &&
	    pull_choose_shards(&listing, text, &choice, &err) == OK)
		check_choice(&choice);
	pull_listing_free(&listing);
}

static void try_near(struct span text)
{
	struct pull_name name = {.repo = "a/b", .revision = "main"}, found;
	char *names[4];
	size_t n = pull_near_models(text, &name, names, 2);

	n += pull_near_revisions(text, &name, names + n, 2);
	for (size_t i = 0; i < n; i++) {
		require(pull_name_read(&found, names[i], NULL));
		free(names[i]);
	}
}

static void try_url(struct span text)
{
	struct pull_url base, url;
	struct buf buf;

	require(pull_url_read(&base, SPAN("https://hub:8443/a")));
	if (pull_url_follow(&url, &base, text)) {
		require(url.host[0] && url.target[0] == '/' && url.port > 0);
		/* A request can be made of it. */
		buf_init(&buf, 3 * PULL_URL_MAX);
		require(http1_write_request_line(
		    &buf, SPAN("GET"), span_of(url.target)));
		require(pull_url_write_authority(&url, &buf));
		buf_free(&buf);
		pull_url_free(&url);
	}
	pull_url_free(&base);
}

static void try_name(struct span text)
{
	char *copy = span_dup(text);
	struct pull_name name;
	struct error err;

	if (pull_name_read(&name, copy, &err)) {
		require(pull_path_is_safe(span_of(name.repo)));
		require(pull_path_is_safe(span_of(name.revision)));
		require(!*name.file || pull_path_is_safe(span_of(name.file)));
	}
	free(copy);
}

static void try_head(struct span text)
{
	struct pull_question question = {
	    .repo = "a/b", .revision = "main", .page = "https://hub/a/b"};
	struct http1_reader reader = {0};
	struct http1_head head;
	struct error err;
	int64_t first, all;

	if (http1_read_response(&reader, text, &head) <= 0)
		return;
	(void)pull_judge(&head, &question, &err);
	require(pull_asked_wait(&head) >= 0);
	require(pull_linked_size(&head) >= -1);
	(void)pull_etag(&head);
	if (pull_content_range(&head, &first, &all))
		require(first >= 0 && (all == -1 || first < all));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = span_make((const char *)data, size);

	if (size == 0)
		return 0;
	text = span_from(text, 1);
	switch (data[0]) {
	case 'l':
		try_listing(text);
		break;
	case 'm':
		try_near(text);
		break;
	case 'u':
		try_url(text);
		break;
	case 'n':
		try_name(text);
		break;
	default:
		try_head(text);
	}
	return 0;
}
