/* card.c -- what a checkpoint is, for people, and what it needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "local/card.h"

#include <stdio.h>
#include <stdlib.h>

#include "local/engine/beside.h"
#include "local/model/model.h"

#define README_MAX ((size_t)16 << 20)

static void put_text(char *out, size_t size, struct span text)
{
	(void)snprintf(out, size, "%.*s", SPAN_FMT(text));
}

/* The path's last part. */
static struct span base_name(const char *path)
{
	struct span rest = span_of(path), part, last = rest;

	while (span_split(&rest, '/', &part)) {
		if (part.len > 0)
			last = part;
	}
	return last;
}

/* "license: apache-2.0" between the lines "---" that a README opens with. */
static struct span find_licence(struct span readme)
{
	struct span line;

	if (!span_split(&readme, '\n', &line) ||
	    !span_eq(span_trim(line), SPAN("---")))
		return span_make(NULL, 0);
	while (span_split(&readme, '\n', &line)) {
		if (span_eq(span_trim(line), SPAN("---")))
			break;
		if (span_starts_with(line, SPAN("license:")))
			return span_trim(span_from(line, strlen("license:")));
	}
	return span_make(NULL, 0);
}

static void read_readme(struct card *card, const char *path)
{
	char *folder = beside_folder(path);
	struct span text = {0};
	struct error err;

	if (folder &&
	    beside_read(folder, "README.md", README_MAX, &text, &err) == OK)
		put_text(
		    card->licence, sizeof(card->licence), find_licence(text));
	beside_free(&text);
	free(folder);
}

static void read_keys(struct card *card, const struct gguf *gguf)
{
	struct span name = gguf_string(gguf_find(gguf, SPAN("general.name")));
	struct span licence =
	    gguf_string(gguf_find(gguf, SPAN("general.license")));

	if (name.len)
		put_text(card->name, sizeof(card->name), name);
	if (licence.len)
		put_text(card->licence, sizeof(card->licence), licence);
}

static struct card_type *find_type(struct card *card, struct span name)
{
	for (size_t i = 0; i < card->n_types; i++) {
		if (span_eq(card->types[i].name, name))
			return &card->types[i];
	}
	if (card->n_types == CARD_TYPES_MAX)
		return NULL;
	card->types[card->n_types] = (struct card_type){.name = name};
	return &card->types[card->n_types++];
}

static int compare_types(const void *a, const void *b)
{
	const struct card_type *x = a, *y = b;

	return (x->bytes < y->bytes) - (x->bytes > y->bytes);
}

static void count_types(struct card *card, const struct tensor_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct tensor *tensor = &list->items[i];
		struct card_type *type = find_type(card, tensor->stored);
		uint64_t n = 0;

		if (!type)
			continue;
		type->is_weight = quant_type(tensor->type)->is_weight;
		type->tensors++;
		type->bytes += tensor->size;
		if (tensor_elements(tensor, &n))
			type->parameters += n;
	}
	qsort(
	    card->types, card->n_types, sizeof(card->types[0]), compare_types);
}

void card_read(struct card *card, const char *path, const struct model *model)
{
	const struct weights *weights = model_weights(model);

	*card = (struct card){.n_types = 0};
	put_text(card->name, sizeof(card->name), base_name(path));
	if (weights_gguf(weights))
		read_keys(card, weights_gguf(weights));
	else
		read_readme(card, path);
	count_types(card, weights_list(weights));
}

/* The longest text whose keys and values <bytes> hold. */
static uint32_t find_longest(
    const struct model *model, uint64_t bytes, uint32_t context)
{
	uint32_t low = 0, high = context;

	while (low < high) {
		uint32_t middle = high - (high - low) / 2;

		if (model_kv_bytes(model, middle) <= bytes)
			low = middle;
		else
			high = middle - 1;
	}
	return low;
}

struct card_needs card_needs(
    const struct model *model, const struct machine *machine)
{
	struct model_info info = model_info(model);
	struct card_needs needs = {
	    .weights = info.file_bytes,
	    .fixed = info.fixed_bytes,
	    .thousand = model_kv_bytes(model, 1000),
	};
	uint64_t taken = needs.weights + needs.fixed;

	needs.weights_fit = taken <= machine->available;
	if (needs.weights_fit)
		needs.left = machine->available - taken;
	needs.fits = find_longest(model, needs.left, info.context);
	return needs;
}
