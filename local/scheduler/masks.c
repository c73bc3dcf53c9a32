/* masks.c -- which tokens a grammar allows next, found beside the model. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/scheduler/internal.h"

/*
 * What may come next does not depend on the logits, so a thread of its own
 * finds it while they are computed; it is started when the first text asks for
 * a grammar. The scheduler's thread gives it a step's texts and takes them back
 * before it chooses: in between their states are the other thread's.
 */
struct masks {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t thread;
	bool has_thread, is_ending;
	struct text **texts; /* (n) under lock; 0: nothing to do */
	uint32_t n, cap;
};

static void find_masks(struct text *const *texts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		bound_find_mask(&texts[i]->bound);
}

static void *run(void *arg)
{
	struct masks *m = arg;

	(void)pthread_setname_np(pthread_self(), "engine-masks");
	pthread_mutex_lock(&m->lock);
	while (!m->is_ending) {
		if (m->n == 0) {
			pthread_cond_wait(&m->changed, &m->lock);
			continue;
		}
		pthread_mutex_unlock(&m->lock);
		find_masks(m->texts, m->n);
		pthread_mutex_lock(&m->lock);
		m->n = 0;
		pthread_cond_broadcast(&m->changed);
	}
	pthread_mutex_unlock(&m->lock);
	return NULL;
}

struct masks *masks_new(void)
{
	struct masks *m = mem_new(struct masks);

	pthread_mutex_init(&m->lock, NULL);
	pthread_cond_init(&m->changed, NULL);
	return m;
}

void masks_free(struct masks **masks)
{
	struct masks *m = *masks;

	pthread_mutex_lock(&m->lock);
	m->is_ending = true;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
	if (m->has_thread)
		pthread_join(m->thread, NULL);
	pthread_cond_destroy(&m->changed);
	pthread_mutex_destroy(&m->lock);
	free(m->texts);
	free(m);
	*masks = NULL;
}

void masks_start(struct masks *m, struct text *const *texts, uint32_t n)
{
	if (n == 0)
		return;
	if (!m->has_thread)
		m->has_thread = pthread_create(&m->thread, NULL, run, m) == 0;
	if (!m->has_thread) {
		find_masks(texts, n);
		return;
	}
	pthread_mutex_lock(&m->lock);
	assert(m->n == 0);
	if (n > m->cap) {
		m->cap = n;
		m->texts = mem_realloc(m->texts, n * sizeof(struct text *));
	}
	memcpy(m->texts, texts, n * sizeof(struct text *));
	m->n = n;
	pthread_cond_broadcast(&m->changed);
	pthread_mutex_unlock(&m->lock);
}

void masks_wait(struct masks *m)
{
	if (!m->has_thread)
		return;
	pthread_mutex_lock(&m->lock);
	while (m->n > 0)
		pthread_cond_wait(&m->changed, &m->lock);
	pthread_mutex_unlock(&m->lock);
}
