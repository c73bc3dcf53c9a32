/* call_post.c -- what the engine's thread says, carried to a loop. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/local/call_post.h"

#include <pthread.h>
#include <stdlib.h>

struct call_post {
	pthread_mutex_t mutex;
	struct list notes;
	struct loop *loop; /* NULL: closed */
	bool is_posted;    /* the loop will look */
	unsigned references;
	call_note_fn *fn;
	void *arg;
};

/* One job's end of it. */
struct watch {
	struct call_post *post;
	uint32_t job;
};

struct call_post *call_post_new(struct loop *loop, call_note_fn *fn, void *arg)
{
	struct call_post *post = mem_new(struct call_post);

	pthread_mutex_init(&post->mutex, NULL);
	list_init(&post->notes);
	post->loop = loop;
	post->references = 1;
	post->fn = fn;
	post->arg = arg;
	return post;
}

static void drop_notes(struct list *notes)
{
	list_for_each_safe(link, notes)
		free(container_of(link, struct call_note, link));
	list_init(notes);
}

/* With the mutex held, which it lets go of. */
static void unref(struct call_post *post)
{
	bool is_last = --post->references == 0;

	pthread_mutex_unlock(&post->mutex);
	if (!is_last)
		return;
	drop_notes(&post->notes);
	pthread_mutex_destroy(&post->mutex);
	free(post);
}

/* --- on the loop -----------------------------------------------------------
 */

static struct call_note *next_note(struct call_post *post)
{
	struct list *link = NULL;

	pthread_mutex_lock(&post->mutex);
	if (post->loop)
		link = list_pop_front(&post->notes);
	if (!link)
		post->is_posted = false;
	pthread_mutex_unlock(&post->mutex);
	return link ? container_of(link, struct call_note, link) : NULL;
}

/* One who takes a note may close the post. */
static void deliver(void *arg)
{
	struct call_post *post = arg;
	struct call_note *note;

	while ((note = next_note(post))) {
		post->fn(post->arg, note);
		free(note);
	}
	pthread_mutex_lock(&post->mutex);
	unref(post);
}

void call_post_close(struct call_post **post)
{
	struct call_post *p = *post;

	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->loop = NULL;
	drop_notes(&p->notes);
	unref(p);
	*post = NULL;
}

/* --- on the scheduler's thread ----------------------------------------------
 */

/* The loop lives while it is not closed, and it closes under the mutex. */
static void put(struct call_post *post, struct call_note *note)
{
	pthread_mutex_lock(&post->mutex);
	if (!post->loop) {
		free(note);
	} else {
		list_push_back(&post->notes, &note->link);
		if (!post->is_posted) {
			post->is_posted = true;
			post->references++;
			loop_post(post->loop, deliver, post);
		}
	}
	pthread_mutex_unlock(&post->mutex);
}

void call_post_kick(struct call_post *post, uint32_t job)
{
	struct call_note *note = mem_new(struct call_note);

	note->job = job;
	put(post, note);
}

static bool is_closed(struct call_post *post)
{
	bool closed;

	pthread_mutex_lock(&post->mutex);
	closed = !post->loop;
	pthread_mutex_unlock(&post->mutex);
	return closed;
}

/* Where the parts of a note's one block of memory lie. */
struct layout {
	size_t choices, spans, tops, text, len;
};

static struct layout lay_out(const struct job_piece *piece)
{
	struct layout at = {.choices = sizeof(struct call_note)};
	size_t texts = piece->text.len;

	for (uint32_t i = 0; i < piece->n; i++)
		texts += piece->bytes ? piece->bytes[i].len : 0;
	at.spans = at.choices + piece->n * sizeof(struct sample_choice);
	at.spans = (at.spans + 15) & ~(size_t)15;
	at.tops = at.spans + piece->n * sizeof(struct span);
	at.text = at.tops + (piece->tops ? (size_t)piece->n * piece->n_tops *
					       sizeof(struct sample_top)
					 : 0);
	at.len = at.text + texts;
	return at;
}

static struct span put_text(char **at, struct span text)
{
	struct span copy = span_make(*at, text.len);

	if (text.len > 0)
		memcpy(*at, text.ptr, text.len);
	*at += text.len;
	return copy;
}

static struct call_note *copy_piece(const struct job_piece *piece)
{
	struct layout at = lay_out(piece);
	char *memory = mem_zalloc(at.len);
	struct call_note *note = (void *)memory;
	struct span *bytes = (void *)(memory + at.spans);
	char *text = memory + at.text;

	note->summary = *piece->summary;
	note->use = *piece->use;
	note->n = piece->n;
	note->text = put_text(&text, piece->text);
	if (piece->n > 0)
		memcpy(memory + at.choices, piece->choices,
		    piece->n * sizeof(*piece->choices));
	note->choices = (void *)(memory + at.choices);
	for (uint32_t i = 0; piece->bytes && i < piece->n; i++)
		bytes[i] = put_text(&text, piece->bytes[i]);
	note->bytes = bytes;
	if (piece->tops) {
		note->n_tops = piece->n_tops;
		memcpy(memory + at.tops, piece->tops, at.text - at.tops);
		note->tops = (void *)(memory + at.tops);
	}
	return note;
}

static void on_piece(void *arg, const struct job_piece *piece)
{
	struct watch *watch = arg;
	struct call_note *note;

	if (is_closed(watch->post))
		return;
	note = copy_piece(piece);
	note->job = watch->job;
	put(watch->post, note);
}

static void on_ended(void *arg, const struct job_ended *ended)
{
	struct watch *watch = arg;
	struct call_post *post = watch->post;
	size_t len = ended->error ? strlen(ended->error) : 0;
	struct call_note *note = mem_zalloc(sizeof(*note) + len);
	char *text = (char *)(note + 1);

	note->job = watch->job;
	note->has_ended = true;
	note->end = ended->end;
	note->use = ended->use;
	note->summary = ended->summary;
	note->error = put_text(&text, span_make(ended->error, len));
	put(post, note);
	free(watch);
	pthread_mutex_lock(&post->mutex);
	unref(post);
}

struct job_watch call_post_watch(struct call_post *post, uint32_t job)
{
	struct watch *watch = mem_new(struct watch);

	watch->post = post;
	watch->job = job;
	pthread_mutex_lock(&post->mutex);
	post->references++;
	pthread_mutex_unlock(&post->mutex);
	return (struct job_watch){
	    .piece = on_piece, .ended = on_ended, .arg = watch};
}

void call_post_unwatch(struct job_watch *watch)
{
	struct watch *w = watch->arg;
	struct call_post *post = w->post;

	free(w);
	watch->arg = NULL;
	pthread_mutex_lock(&post->mutex);
	unref(post);
}
