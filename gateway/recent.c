/* recent.c -- the latest requests, for people who look. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/recent.h"

#include <pthread.h>
#include <stdlib.h>

enum {
	ID_MAX = 40
};

struct entry {
	char id[ID_MAX];
	size_t id_len;
	int64_t utc_ns;
	char *text; /* brief and detail, one after the other; NULL: unused */
	size_t brief_len;
	size_t detail_len;
	size_t cap;
};

struct recent {
	pthread_mutex_t mutex;
	size_t next;
	struct entry entries[RECENT_MAX];
};

struct recent *recent_new(void)
{
	struct recent *recent = mem_new(struct recent);

	pthread_mutex_init(&recent->mutex, NULL);
	return recent;
}

void recent_free(struct recent **recent)
{
	struct recent *old = *recent;

	if (!old)
		return;
	for (size_t i = 0; i < RECENT_MAX; i++)
		free(old->entries[i].text);
	pthread_mutex_destroy(&old->mutex);
	free(old);
	*recent = NULL;
}

void recent_add(struct recent *recent, struct span id, int64_t utc_ns,
    struct span brief, struct span detail)
{
	struct entry *entry;
	size_t len = brief.len + detail.len;

	if (len > RECENT_TEXT_MAX || id.len > ID_MAX)
		return;
	pthread_mutex_lock(&recent->mutex);
	entry = &recent->entries[recent->next];
	recent->next = (recent->next + 1) % RECENT_MAX;
	/* Slots keep their memory: the ring settles at what its lines need. */
	if (entry->cap < len) {
		entry->text = mem_realloc(entry->text, len);
		entry->cap = len;
	}
	memcpy(entry->id, id.ptr, id.len);
	entry->id_len = id.len;
	entry->utc_ns = utc_ns;
	memcpy(entry->text, brief.ptr, brief.len);
	memcpy(entry->text + brief.len, detail.ptr, detail.len);
	entry->brief_len = brief.len;
	entry->detail_len = detail.len;
	pthread_mutex_unlock(&recent->mutex);
}

void recent_each(struct recent *recent, recent_fn *fn, void *arg)
{
	pthread_mutex_lock(&recent->mutex);
	for (size_t i = 1; i <= RECENT_MAX; i++) {
		const struct entry *entry =
		    &recent->entries[(recent->next + RECENT_MAX - i) %
				     RECENT_MAX];
		const char *detail = entry->text + entry->brief_len;

		if (!entry->text ||
		    !fn(span_make(entry->id, entry->id_len), entry->utc_ns,
			span_make(entry->text, entry->brief_len),
			span_make(detail, entry->detail_len), arg))
			break;
	}
	pthread_mutex_unlock(&recent->mutex);
}
