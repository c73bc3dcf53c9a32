/* pull_near.c -- what a hub has that is called nearly so. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/pull/pull_near.h"

#include <stdio.h>
#include <stdlib.h>

#include "gateway/pull/pull_get.h"

#define ANSWER_MAX ((size_t)4 << 20)
#define NODES_MAX ((size_t)64 << 20)
#define KNOWN_MAX 1000 /* names of an answer that are looked at */
#define SHOWN 5

/* Names that pull would take. */
struct known {
	char *names[KNOWN_MAX];
	size_t n;
};

static void add(struct known *known, const char *repo, struct span revision)
{
	char text[PULL_REPO_MAX + PULL_REVISION_MAX + 8];
	struct pull_name name;
	int len = snprintf(text, sizeof(text), "hf:%s%s%.*s", repo,
	    revision.len ? "@" : "", SPAN_FMT(revision));

	if (known->n < KNOWN_MAX && len > 0 && (size_t)len < sizeof(text) &&
	    pull_name_read(&name, text, NULL) && !*name.file)
		known->names[known->n++] = mem_strdup(text);
}

/* Copies of the first <max> of them, the nearest to <wanted> before all. */
static size_t take(
    struct known *known, const char *wanted, char **names, size_t max)
{
	const char *near = mistakes_nearest(
	    span_of(wanted), (const char *const *)known->names, known->n);
	size_t n = 0;

	if (near && n < max)
		names[n++] = mem_strdup(near);
	for (size_t i = 0; i < known->n; i++) {
		if (n < max && known->names[i] != near)
			names[n++] = mem_strdup(known->names[i]);
	}
	for (size_t i = 0; i < known->n; i++)
		free(known->names[i]);
	return n;
}

static void add_revisions(struct known *known, const struct json_doc *doc,
    struct span key, const char *repo)
{
	uint32_t list = json_find(doc, 0, key);
	struct arena arena;

	if (!json_is(doc, list, JSON_ARRAY))
		return;
	arena_init(&arena, NODES_MAX);
	json_for_each(doc, list, ref) {
		struct span revision =
		    json_text(doc, json_find(doc, ref, SPAN("name")), &arena);

		if (revision.len > 0)
			add(known, repo, revision);
	}
	arena_free(&arena);
}

size_t pull_near_revisions(
    struct span json, const struct pull_name *name, char **names, size_t max)
{
	char wanted[PULL_REPO_MAX + PULL_REVISION_MAX + 8];
	struct known known = {.n = 0};
	struct json_fault fault;
	struct json_doc doc;
	struct arena nodes;

	arena_init(&nodes, NODES_MAX);
	if (json_parse(json, &nodes, &doc, &fault)) {
		add_revisions(&known, &doc, SPAN("branches"), name->repo);
		add_revisions(&known, &doc, SPAN("tags"), name->repo);
	}
	arena_free(&nodes);
	snprintf(
	    wanted, sizeof(wanted), "hf:%s@%s", name->repo, name->revision);
	return take(&known, wanted, names, max);
}

size_t pull_near_models(
    struct span json, const struct pull_name *name, char **names, size_t max)
{
	char wanted[PULL_REPO_MAX + 8];
	struct known known = {.n = 0};
	struct json_fault fault;
	struct json_doc doc;
	struct arena nodes;

	arena_init(&nodes, NODES_MAX);
	if (json_parse(json, &nodes, &doc, &fault) &&
	    json_is(&doc, 0, JSON_ARRAY))
		json_for_each(&doc, 0, model) {
			char id[PULL_REPO_MAX + 1];
			struct span text = json_text(
			    &doc, json_find(&doc, model, SPAN("id")), &nodes);

			if (text.len == 0 || text.len >= sizeof(id) ||
			    memchr(text.ptr, ':', text.len) ||
			    memchr(text.ptr, '@', text.len))
				continue;
			snprintf(id, sizeof(id), "%.*s", SPAN_FMT(text));
			add(&known, id, SPAN(""));
		}
	arena_free(&nodes);
	snprintf(wanted, sizeof(wanted), "hf:%s", name->repo);
	return take(&known, wanted, names, max);
}

/* --- asking --------------------------------------------------------------- */

typedef size_t near_fn(
    struct span json, const struct pull_name *name, char **names, size_t max);

static void append(struct error *err, const char *text)
{
	size_t len = strlen(err->text);

	snprintf(err->text + len, sizeof(err->text) - len, "%s", text);
}

/* Whether the hub answered with any, added to <err>. <target> is freed. */
static bool add_found(struct pull_hub *hub, const struct pull_name *name,
    char *target, near_fn *find, struct error *err)
{
	struct pull_get get = {
	    .target = target,
	    .question = {.repo = name->repo, .revision = "", .page = ""},
	    .tries = 1,
	};
	char *names[SHOWN];
	struct error ignored;
	struct buf body;
	size_t n = 0;

	buf_init(&body, ANSWER_MAX);
	if (pull_get(hub, &get, &body, &ignored) == OK)
		n = find(buf_span(&body), name, names, SHOWN);
	for (size_t i = 0; i < n; i++) {
		append(err, i ? ", " : "; it has ");
		append(err, names[i]);
		free(names[i]);
	}
	buf_free(&body);
	free(target);
	return n > 0;
}

static char *target_of(
    const struct pull_hub *hub, const char *form, struct span word)
{
	size_t size =
	    strlen(hub->endpoint.target) + strlen(form) + word.len + 1;
	char *target = mem_alloc(size);

	/* A repository's name needs no %XX. */
	snprintf(target, size, "%s", hub->endpoint.target);
	size -= strlen(target);
	snprintf(target + strlen(target), size, "%.*s%.*s%s",
	    (int)strcspn(form, "*"), form, SPAN_FMT(word),
	    form + strcspn(form, "*") + 1);
	return target;
}

void pull_add_near(
    struct pull_hub *hub, const struct pull_name *name, struct error *err)
{
	struct span repo = span_of(name->repo);
	size_t slash = span_find(repo, SPAN("/"), 0);

	if (add_found(hub, name, target_of(hub, "/api/models/*/refs", repo),
		pull_near_revisions, err) ||
	    add_found(hub, name,
		target_of(hub, "/api/models?limit=200&author=*",
		    span_head(repo, slash)),
		pull_near_models, err))
		return;
	(void)add_found(hub, name,
	    target_of(hub, "/api/models?limit=5&search=*",
		span_from(repo, slash + 1)),
	    pull_near_models, err);
}
