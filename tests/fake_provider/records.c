/* records.c -- every request that was seen, for tests to read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fake_provider/records.h"

#include <pthread.h>
#include <stdlib.h>

#include "tests/fake_provider/out.h"

struct record {
	struct list link;
	struct records *records;
	bool is_listed; /* else dropped from the list while under way */
	bool is_over;
	uint64_t number;
	uint64_t connection;
	struct span head; /* owned, as body is */
	struct span body;
	bool has_body;
	int64_t began_ns;
	int64_t received_ns; /* the whole request; 0: not yet */
	struct record_end end;
};

struct records {
	pthread_mutex_t lock; /* guards everything, the records too */
	struct list all;
	size_t count;
	uint64_t number; /* of the next */
};

struct records *records_new(void)
{
	struct records *records = mem_new(struct records);

	pthread_mutex_init(&records->lock, NULL);
	list_init(&records->all);
	return records;
}

static void free_record(struct record *record)
{
	free((void *)(uintptr_t)record->head.ptr);
	free((void *)(uintptr_t)record->body.ptr);
	free(record);
}

/* Takes the oldest off the list; who still writes to it will free it. */
static void drop_oldest(struct records *records)
{
	struct list *oldest = records->all.next;
	struct record *record = container_of(oldest, struct record, link);

	list_remove(oldest);
	records->count--;
	record->is_listed = false;
	if (record->is_over)
		free_record(record);
}

void records_clear(struct records *records)
{
	pthread_mutex_lock(&records->lock);
	while (records->count > 0)
		drop_oldest(records);
	pthread_mutex_unlock(&records->lock);
}

void records_free(struct records **records)
{
	if (!*records)
		return;
	records_clear(*records);
	pthread_mutex_destroy(&(*records)->lock);
	free(*records);
	*records = NULL;
}

/* --- what a record says ----------------------------------------------------
 */

/* The head is kept as it came and read again when somebody asks. */
static void write_head(const struct record *record, struct buf *out)
{
	struct http1_reader reader = {0};
	struct http1_head head;

	if (http1_read_request(&reader, record->head, &head) <= 0)
		return;
	OUT(out, ",\"method\":");
	out_string(out, head.method);
	OUT(out, ",\"path\":");
	out_string(out, head.target);
	OUT(out, ",\"headers\":[");
	for (size_t i = 0; i < head.n_headers; i++) {
		out_span(out, i > 0 ? SPAN(",[") : SPAN("["));
		out_string(out, head.headers[i].name);
		OUT(out, ",");
		out_string(out, head.headers[i].value);
		OUT(out, "]");
	}
	OUT(out, "]");
}

static void write_ms(struct buf *out, int64_t from_ns, int64_t to_ns)
{
	if (from_ns == 0) {
		OUT(out, "null");
		return;
	}
	out_i64(out, (to_ns - from_ns) / NS_PER_MS);
}

/* Where the client was the one to end it, how long after what. */
static void write_gone(const struct record *record, struct buf *out)
{
	const struct record_end *end = &record->end;
	bool is_gone =
	    record->is_over && !strcmp(record->end.outcome, "client_gone");

	OUT(out, ",\"closed_early\":");
	out_bool(out, is_gone);
	if (!is_gone)
		return;
	OUT(out, ",\"gone_ms_after_head\":");
	write_ms(out, record->began_ns, end->now_ns);
	OUT(out, ",\"gone_ms_after_request\":");
	write_ms(out, record->received_ns, end->now_ns);
	OUT(out, ",\"gone_ms_after_last_write\":");
	write_ms(out, end->sent_ns, end->now_ns);
}

static void write_record(const struct record *record, struct buf *out)
{
	OUT(out, "{\"number\":");
	out_u64(out, record->number);
	OUT(out, ",\"connection\":");
	out_u64(out, record->connection);
	write_head(record, out);
	OUT(out, ",\"body\":");
	if (record->has_body) {
		out_string(out, record->body);
		OUT(out, ",\"body_sha256\":\"");
		out_sha256(out, record->body);
		OUT(out, "\"");
	} else {
		OUT(out, "null");
	}
	OUT(out, ",\"began_ns\":");
	out_i64(out, record->began_ns);
	OUT(out, ",\"received_ns\":");
	out_i64(out, record->received_ns);
	OUT(out, ",\"ended_ns\":");
	out_i64(out, record->end.now_ns);
	OUT(out, ",\"status\":");
	out_i64(out, record->end.status);
	OUT(out, ",\"outcome\":\"");
	out_span(
	    out, span_of(record->is_over ? record->end.outcome : "under_way"));
	OUT(out, "\",\"events_sent\":");
	out_u64(out, record->end.events);
	OUT(out, ",\"bytes_sent\":");
	out_u64(out, record->end.bytes);
	write_gone(record, out);
	OUT(out, "}\n");
}

void records_write(struct records *records, struct buf *out)
{
	pthread_mutex_lock(&records->lock);
	list_for_each(link, &records->all)
		write_record(container_of(link, struct record, link), out);
	pthread_mutex_unlock(&records->lock);
}

/* --- the worker's side -----------------------------------------------------
 */

struct record *record_begin(
    struct records *records, struct span bytes, uint64_t connection)
{
	struct record *record = mem_new(struct record);

	record->records = records;
	record->connection = connection;
	record->head = span_make(span_dup(bytes), bytes.len);
	record->began_ns = clock_mono_ns();
	record->is_listed = true;
	pthread_mutex_lock(&records->lock);
	record->number = ++records->number;
	list_push_back(&records->all, &record->link);
	if (++records->count > RECORDS_MAX)
		drop_oldest(records);
	pthread_mutex_unlock(&records->lock);
	return record;
}

void record_body(struct record *record, struct span body, int64_t now_ns)
{
	if (!record)
		return;
	body = span_make(span_dup(body), body.len);
	pthread_mutex_lock(&record->records->lock);
	record->body = body;
	record->has_body = true;
	record->received_ns = now_ns;
	pthread_mutex_unlock(&record->records->lock);
}

void record_end(struct record **record_ptr, const struct record_end *end)
{
	struct record *record = *record_ptr;
	struct records *records;

	*record_ptr = NULL;
	if (!record)
		return;
	records = record->records;
	pthread_mutex_lock(&records->lock);
	record->end = *end;
	record->is_over = true;
	if (!record->is_listed)
		free_record(record);
	pthread_mutex_unlock(&records->lock);
}
