/* list.h -- intrusive doubly linked lists. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/*
 * A list head and its links are the same type; a head points to itself when
 * the list is empty, and so does a link that is on no list.
 */
struct list {
	struct list *prev;
	struct list *next;
};

#define container_of(member_ptr, type, member)                                 \
	((type *)(void *)((char *)(member_ptr)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->prev = list;
	list->next = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

/* Takes a link off its list; harmless when it is on none. */
static inline void list_remove(struct list *link)
{
	link->prev->next = link->next;
	link->next->prev = link->prev;
	list_init(link);
}

static inline void list_push_back(struct list *head, struct list *link)
{
	link->prev = head->prev;
	link->next = head;
	head->prev->next = link;
	head->prev = link;
}

static inline void list_push_front(struct list *head, struct list *link)
{
	list_push_back(head->next, link);
}

/* The first link, taken off; NULL when the list is empty. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *link = head->next;

	if (link == head)
		return NULL;
	list_remove(link);
	return link;
}

#define list_for_each(pos, head)                                               \
	for (struct list *pos = (head)->next; pos != (head); pos = pos->next)

/* The same, when the body may remove <pos>. */
#define list_for_each_safe(pos, head)                                          \
	for (struct list *pos = (head)->next, *pos##_next = pos->next;         \
	     pos != (head); pos = pos##_next, pos##_next = pos->next)

#endif
