/* fuzz_gguf.c -- any file is read as GGUF, model, tokenizer, or refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>
#include <stdlib.h>

#include "local/engine/published.h"
#include "local/model/config.h"
#include "local/weights/gguf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Touches every byte that the reader says is there. */
static size_t touch_key(const struct gguf_key *key, struct arena *arena)
{
	const struct span *strings = gguf_strings(key, arena);
	size_t sum = gguf_string(key).len;
	int64_t whole;
	double number;

	for (uint64_t i = 0; i < key->n && i < 4096; i++) {
		if (gguf_int(key, i, &whole))
			sum += (size_t)whole & 1;
		if (gguf_double(key, i, &number))
			sum += number > 0;
		for (size_t k = 0; strings && k < strings[i].len; k++)
			sum += (uint8_t)strings[i].ptr[k];
	}
	return sum;
}

static size_t touch_tensor(const struct tensor *t)
{
	size_t sum = 0;

	for (uint64_t i = 0; t->data && i < t->size; i++)
		sum += t->data[i];
	return sum;
}

/* A tokenizer that is taken encodes and decodes, and its chats render. */
static void read_text(const struct gguf *gguf)
{
	struct span text = SPAN("Hello, <s>w\xc3\xb6rld</s> 123  \n");
	struct tokenizer *tokenizer;
	struct tokenizer_work *work;
	struct chat *chat = NULL;
	struct token_buf ids;
	struct buf out;
	struct error err;

	if (published_gguf_tokenizer(gguf, &tokenizer, &err) != OK)
		return;
	work = tokenizer_work_new(tokenizer);
	token_buf_init(&ids, 1 << 16);
	buf_init(&out, 1 << 20);
	if (tokenizer_encode(work, text, 0, &ids, &err) == OK &&
	    tokenizer_decode(tokenizer, &ids, false, &out, &err) == OK)
		assert(buf_len(&out) <= 1 << 20);
	if (published_gguf_chat(gguf, tokenizer, &chat, &err) == OK && chat)
		(void)chat_end_of_turn(chat, work);
	chat_free(&chat);
	token_buf_free(&ids);
	buf_free(&out);
	tokenizer_work_free(&work);
	tokenizer_free(&tokenizer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span file = span_make((const char *)data, size);
	struct config *config = mem_new(struct config);
	volatile size_t sum = 0;
	struct tensor_list list;
	struct gguf gguf;
	struct error err;

	tensor_list_init(&list);
	if (gguf_read(file, &gguf, &list, &err) == OK) {
		for (size_t i = 0; i < gguf.n_keys; i++)
			sum += touch_key(&gguf.keys[i], &list.arena);
		for (size_t i = 0; i < list.n; i++)
			sum += touch_tensor(&list.items[i]);
		read_text(&gguf);
		if (config_from_gguf(&gguf, config, &err) == OK)
			assert(config->n_layers <= CONFIG_LAYERS_MAX);
	}
	tensor_list_free(&list);
	free(config);
	return 0;
}
