/* recent.c -- the latest requests, for people who look. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/recent.h"

#include <pthread.h>
#include <stdlib.h>

struct slot {
	bool is_used;
	struct line line;
	struct line_story story;
	size_t len; /* of text */
	char text[RECENT_TEXT];
};

struct recent {
	pthread_mutex_t mutex;
	size_t next;
	struct slot slots[RECENT_MAX];
};

struct recent *recent_new(void)
{
	/* Pages are touched as slots are used: an idle ring costs none. */
	struct recent *recent = mem_new(struct recent);

	pthread_mutex_init(&recent->mutex, NULL);
	return recent;
}

void recent_free(struct recent **recent)
{
	struct recent *old = *recent;

	if (!old)
		return;
	pthread_mutex_destroy(&old->mutex);
	free(old);
	*recent = NULL;
}

/* Moves a text into the slot's own memory. */
static void keep(struct slot *slot, struct span *text)
{
	if (!text->ptr)
		return;
	if (text->len > RECENT_TEXT - slot->len)
		*text = SPAN("");
	if (text->len == 0)
		return;
	memcpy(slot->text + slot->len, text->ptr, text->len);
	text->ptr = slot->text + slot->len;
	slot->len += text->len;
}

static void fill(
    struct slot *slot, const struct line *line, const struct line_story *story)
{
	struct span *const texts[] = {&slot->line.id, &slot->line.peer,
	    &slot->line.key, &slot->line.method, &slot->line.path,
	    &slot->line.model, &slot->line.rule, &slot->line.task,
	    &slot->line.cache, &slot->line.outcome, &slot->line.held,
	    &slot->line.escalated};

	slot->is_used = true;
	slot->line = *line;
	slot->story = *story;
	slot->len = 0;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		keep(slot, texts[i]);
	for (size_t i = 0; i < story->n_candidates; i++) {
		keep(slot, &slot->story.candidates[i]);
		keep(slot, &slot->story.verdicts[i]);
	}
	for (size_t i = 0; i < story->n_reasons; i++)
		keep(slot, &slot->story.reasons[i]);
}

void recent_add(struct recent *recent, const struct line *line,
    const struct line_story *story)
{
	pthread_mutex_lock(&recent->mutex);
	fill(&recent->slots[recent->next], line, story);
	recent->next = (recent->next + 1) % RECENT_MAX;
	pthread_mutex_unlock(&recent->mutex);
}

void recent_each(struct recent *recent, recent_fn *fn, void *arg)
{
	pthread_mutex_lock(&recent->mutex);
	for (size_t i = 1; i <= RECENT_MAX; i++) {
		const struct slot *slot =
		    &recent
			 ->slots[(recent->next + RECENT_MAX - i) % RECENT_MAX];

		if (!slot->is_used || !fn(&slot->line, &slot->story, arg))
			break;
	}
	pthread_mutex_unlock(&recent->mutex);
}
