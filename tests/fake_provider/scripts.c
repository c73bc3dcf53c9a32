/* scripts.c -- directives that wait for requests to come. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/scripts.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

struct script {
	struct list link;
	char *target;
	char *list; /* the directives, already known to be right */
	uint64_t left;
	bool is_early;
};

struct scripts {
	pthread_mutex_t lock;
	struct list all;     /* oldest first */
	atomic_size_t count; /* spares the lock where there is none */
};

struct scripts *scripts_new(void)
{
	struct scripts *scripts = mem_new(struct scripts);

	pthread_mutex_init(&scripts->lock, NULL);
	list_init(&scripts->all);
	return scripts;
}

static void drop(struct scripts *scripts, struct script *script)
{
	list_remove(&script->link);
	atomic_fetch_sub(&scripts->count, 1);
	free(script->target);
	free(script->list);
	free(script);
}

void scripts_clear(struct scripts *scripts)
{
	pthread_mutex_lock(&scripts->lock);
	list_for_each_safe(link, &scripts->all)
		drop(scripts, container_of(link, struct script, link));
	pthread_mutex_unlock(&scripts->lock);
}

void scripts_free(struct scripts **scripts)
{
	if (!*scripts)
		return;
	scripts_clear(*scripts);
	pthread_mutex_destroy(&(*scripts)->lock);
	free(*scripts);
	*scripts = NULL;
}

enum result scripts_add(struct scripts *scripts, struct span target,
    uint64_t times, struct span list, struct error *err)
{
	struct directives directives = directives_none;
	struct script *script;

	if (directives_read(&directives, list, err) != OK)
		return FAILED;
	script = mem_new(struct script);
	script->target = span_dup(target);
	script->list = span_dup(list);
	script->left = times;
	script->is_early = directive_is_set(directives.early);
	pthread_mutex_lock(&scripts->lock);
	list_push_back(&scripts->all, &script->link);
	atomic_fetch_add(&scripts->count, 1);
	pthread_mutex_unlock(&scripts->lock);
	return OK;
}

static bool fits(
    const struct script *script, struct span model, struct span path)
{
	struct span target = span_of(script->target);

	if (script->is_early != (model.ptr == NULL))
		return false;
	if (span_eq(target, SPAN("*")))
		return script->is_early || model.len > 0;
	return span_eq(target, path) || span_eq(target, model);
}

/* A copy of the fitting script's directives, ptr NULL when none fits. */
static struct span take_list(struct scripts *scripts, struct span model,
    struct span path, struct arena *arena)
{
	struct span list = {.ptr = NULL, .len = 0};

	pthread_mutex_lock(&scripts->lock);
	list_for_each_safe(link, &scripts->all) {
		struct script *script = container_of(link, struct script, link);

		if (!fits(script, model, path))
			continue;
		list = arena_copy(arena, span_of(script->list));
		if (--script->left == 0)
			drop(scripts, script);
		break;
	}
	pthread_mutex_unlock(&scripts->lock);
	return list;
}

void scripts_take(struct scripts *scripts, struct span model, struct span path,
    struct directives *directives, struct arena *arena)
{
	struct span list;

	if (!scripts || atomic_load(&scripts->count) == 0)
		return;
	list = take_list(scripts, model, path, arena);
	if (list.ptr) {
		enum result result = directives_read(directives, list, NULL);

		assert(result == OK);
	}
}
