/* chain.c -- a text's pages: those it takes over, those it leaves behind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "local/scheduler/internal.h"

/*
 * The chain of a text is the hashes of its full pages, and for each the entry
 * that it holds. Pages are taken over as long as there are any, but for the
 * page of the last token, whose logits are needed; what was computed is entered
 * as soon as a page is full, for whoever comes next.
 */

static void hash_pages(struct job *job)
{
	struct text *t = job->text;
	struct chain *c = &t->chain;
	uint32_t n = t->n_tokens / KV_PAGE_TOKENS;

	if (c->n == 0)
		c->root = prefix_root(job->lane->prefix, job->tenant_name,
		    model_is_long(job->lane->model, t->room));
	if (n > c->cap) {
		c->cap = n + n / 2 + 8;
		c->hashes = mem_realloc(c->hashes, c->cap * sizeof(*c->hashes));
		c->entries =
		    mem_realloc(c->entries, c->cap * sizeof(*c->entries));
	}
	for (; c->n < n; c->n++)
		c->hashes[c->n] =
		    prefix_next(c->n ? &c->hashes[c->n - 1] : &c->root,
			t->tokens + (size_t)c->n * KV_PAGE_TOKENS);
}

uint32_t chain_adopt(struct job *job)
{
	struct prefix *prefix = job->lane->prefix;
	struct text *t = job->text;
	struct chain *c = &t->chain;
	uint32_t length = session_length(t->session), end;
	struct prefix_search search = {
	    .from = length / KV_PAGE_TOKENS,
	    .n = (t->n_tokens - 1) / KV_PAGE_TOKENS,
	};
	struct kv_block block;

	if (length % KV_PAGE_TOKENS != 0 || search.from >= search.n)
		return 0;
	hash_pages(job);
	search.hashes = c->hashes;
	search.entries = c->entries;
	end = prefix_find(prefix, &search);
	for (uint32_t i = search.from; i < end; i++) {
		prefix_hold(prefix, c->entries[i]);
		block = *prefix_block(c->entries[i]);
		kv_adopt(session_kv(t->session), &block);
	}
	session_adopted(t->session);
	c->n_held = end;
	return end - search.from;
}

void chain_enter(struct job *job, uint32_t from)
{
	struct prefix *prefix = job->lane->prefix;
	struct text *t = job->text;
	struct chain *c = &t->chain;
	uint32_t end = session_length(t->session) / KV_PAGE_TOKENS;

	if (end == from / KV_PAGE_TOKENS)
		return;
	hash_pages(job);
	for (uint32_t i = from / KV_PAGE_TOKENS; i < end; i++) {
		struct kv_block block;

		c->entries[i] = NULL;
		c->n_held = i + 1;
		if (prefix_has(prefix, &c->hashes[i]))
			continue;
		block = kv_keep(session_kv(t->session), i);
		c->entries[i] = prefix_enter(prefix, &c->hashes[i], &block);
	}
}

void chain_leave(struct job *job)
{
	struct chain *c = &job->text->chain;

	if (c->n_held)
		prefix_leave(job->lane->prefix, c->entries, c->n_held);
	c->n_held = 0;
}

bool chain_awaits(struct job *job)
{
	struct lane *lane = job->lane;
	struct chain *c = &job->text->chain;
	uint32_t length = session_length(job->text->session);
	uint32_t page = length / KV_PAGE_TOKENS;

	if (length % KV_PAGE_TOKENS != 0 || page >= c->n)
		return false;
	for (struct list *at = lane->running.next; at != &job->link;
	     at = at->next) {
		struct text *t = container_of(at, struct job, link)->text;

		/* Its page is not yet full, and the same. */
		if (page < t->chain.n &&
		    session_length(t->session) < (page + 1) * KV_PAGE_TOKENS &&
		    !memcmp(&t->chain.hashes[page], &c->hashes[page],
			sizeof(c->hashes[page])))
			return true;
	}
	return false;
}

void chain_free(struct chain *chain)
{
	free(chain->hashes);
	free(chain->entries);
}
