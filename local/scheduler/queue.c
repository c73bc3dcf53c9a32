/* queue.c -- who waits, and who is next. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/scheduler/internal.h"

/*
 * Fair queueing by tokens: each tenant has a count of what it was served, and
 * the least served one that has somebody waiting is next. Who is let in is
 * charged at once for what it is expected to take, and put right when it ends,
 * so that one tenant cannot fill all places before it has written anything. A
 * tenant that comes back starts at the least count of those here, or keeps its
 * own when that is higher: what it did not use is not saved up, and what it
 * used is not forgotten by leaving for a moment.
 */
#define ABSENT_MAX 256 /* tenants remembered that have nobody here */

static struct tenant *find_tenant(struct lane *lane, struct span name)
{
	struct tenant *tenant;

	list_for_each(at, &lane->tenants) {
		tenant = container_of(at, struct tenant, link);
		if (span_eq(span_make(tenant->name, tenant->len), name))
			return tenant;
	}
	tenant = mem_new(struct tenant);
	tenant->name = span_dup(name);
	tenant->len = name.len;
	list_push_back(&lane->tenants, &tenant->link);
	return tenant;
}

static void forget(struct tenant *tenant)
{
	list_remove(&tenant->link);
	free(tenant->name);
	free(tenant);
}

/*
 * Raises the floor to the least served of those that are here, and forgets who
 * is not here and below it, or left longest ago.
 */
static void tidy_tenants(struct lane *lane)
{
	uint64_t least = UINT64_MAX;
	uint32_t absent = 0;

	list_for_each(at, &lane->tenants) {
		struct tenant *t = container_of(at, struct tenant, link);

		if (t->n_jobs == 0)
			absent++;
		else if (t->served < least)
			least = t->served;
	}
	if (least != UINT64_MAX && least > lane->floor)
		lane->floor = least;
	list_for_each_safe(at, &lane->tenants) {
		struct tenant *t = container_of(at, struct tenant, link);

		if (t->n_jobs > 0 ||
		    (t->served > lane->floor && absent <= ABSENT_MAX))
			continue;
		absent--;
		forget(t);
	}
}

void queue_forget_all(struct lane *lane)
{
	list_for_each_safe(at, &lane->tenants)
		forget(container_of(at, struct tenant, link));
}

void queue_take_arrivals(struct lane *lane)
{
	struct list *link;

	while ((link = list_pop_front(&lane->arrivals)) != NULL) {
		struct job *job = container_of(link, struct job, link);

		job->tenant = find_tenant(lane, job->tenant_name);
		if (job->tenant->n_jobs++ == 0 &&
		    job->tenant->served < lane->floor)
			job->tenant->served = lane->floor;
		job->number = lane->n_came++;
		lane->n_jobs++;
		list_push_back(&lane->waiting, &job->link);
	}
	lane->stats.waiting += lane->n_arrivals;
	lane->n_arrivals = 0;
}

static bool must_leave(struct job *job, bool is_closed, int64_t now)
{
	int64_t wait = job->lane->options.wait_ns;

	if (is_closed || atomic_load(&job->is_cancelled)) {
		job->leaves_as = JOB_CANCELLED;
		return true;
	}
	if (wait > 0 && !job->was_admitted && now - job->came_ns > wait) {
		job->leaves_as = JOB_LATE;
		return true;
	}
	return false;
}

void queue_sweep(struct lane *lane, int64_t now, struct list *leaving)
{
	bool is_closed = lane->is_closing && now >= lane->close_at;
	struct list *lists[] = {&lane->waiting, &lane->running};

	for (int i = 0; i < 2; i++) {
		list_for_each_safe(at, lists[i]) {
			struct job *job = container_of(at, struct job, link);

			if (!must_leave(job, is_closed, now))
				continue;
			list_remove(&job->link);
			list_push_back(leaving, &job->link);
		}
	}
}

/* The order of admission; links are by arrival already. */
static bool is_before(const struct job *a, const struct job *b)
{
	if (a->priority != b->priority)
		return a->priority > b->priority;
	if (a->was_preempted != b->was_preempted)
		return a->was_preempted;
	if (a->tenant != b->tenant && a->tenant->served != b->tenant->served)
		return a->tenant->served < b->tenant->served;
	return a->number < b->number;
}

struct job *queue_next(struct lane *lane)
{
	struct job *next = NULL;

	list_for_each(at, &lane->waiting) {
		struct job *job = container_of(at, struct job, link);

		if (!next || is_before(job, next))
			next = job;
	}
	return next;
}

void queue_charge(struct job *job, uint64_t tokens)
{
	job->tenant->served += tokens - job->charged;
	job->charged = tokens;
}

void queue_leave(struct job *job)
{
	struct tenant *tenant = job->tenant;
	struct lane *lane = job->lane;

	lane->n_jobs--;
	if (--tenant->n_jobs == 0) {
		list_remove(&tenant->link);
		list_push_back(&lane->tenants, &tenant->link);
	}
	tidy_tenants(lane);
}
