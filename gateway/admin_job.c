/* admin_job.c -- answers that take too long for the control loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/admin_job.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
	const struct admin_task *task;
	struct gateway *gateway;
	struct exchange *exchange; /* NULL once it is over */
	void *data;
};

static void free_job(struct job *job)
{
	job->task->free(job->data);
	free(job);
}

/* On the control loop: the thread has ended. */
static void on_result(void *arg)
{
	struct job *job = arg;
	struct gateway *gateway = job->gateway;

	if (job->exchange) {
		exchange_set_user(job->exchange, NULL);
		job->task->answer(gateway, job->exchange, job->data);
	}
	gateway->heavy_jobs -= job->task->is_heavy;
	if (--gateway->jobs == 0 && gateway->is_stopping)
		loop_stop(gateway->loop);
	free_job(job);
}

static void *work(void *arg)
{
	struct job *job = arg;

	job->task->work(job->data);
	loop_post(job->gateway->loop, on_result, job);
	return NULL;
}

static bool start_thread(struct job *job)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int failed;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	failed = pthread_create(&thread, &attributes, work, job);
	pthread_attr_destroy(&attributes);
	return !failed;
}

static bool is_busy(
    const struct gateway *gateway, const struct admin_task *task)
{
	return gateway->is_stopping || gateway->jobs >= ADMIN_JOBS_MAX ||
	       (task->is_heavy && gateway->heavy_jobs >= ADMIN_HEAVY_JOBS_MAX);
}

void admin_start_job(struct gateway *gateway, struct exchange *exchange,
    const struct admin_task *task, void *data)
{
	struct job *job = mem_new(struct job);

	*job = (struct job){task, gateway, exchange, data};
	if (is_busy(gateway, task)) {
		free_job(job);
		admin_refuse(exchange, 429, "busy",
		    "Other answers are under way; try again.");
		return;
	}
	if (!start_thread(job)) {
		free_job(job);
		admin_refuse(exchange, 500, "no_thread",
		    "No thread could be started to find the answer.");
		return;
	}
	gateway->jobs++;
	gateway->heavy_jobs += task->is_heavy;
	exchange_set_user(exchange, job);
}

void admin_forget(struct exchange *exchange)
{
	struct job *job = exchange_user(exchange);

	if (job)
		job->exchange = NULL;
}
