/* config_reader.h -- inside config_*.c: what the readers of sections share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CONFIG_READER_H
#define GATEWAY_CONFIG_READER_H

#include "gateway/config.h"

/*
 * One reading of a configuration file: each section has a function that fills
 * its part of the configuration and adds every mistake, with its place.
 */
struct config_reader {
	struct config *config;
	struct settings_source source;
	yaml_lookup_fn *lookup;
	void *lookup_arg;
};

/* Adds a mistake at <at>. */
void config_complain(const struct config_reader *reader,
    const struct yaml_node *at, const char *fmt, ...) printf_like(3, 4);

/* The list at <key> of <map>, NULL when absent; another kind is a mistake. */
const struct yaml_node *config_list_at(const struct config_reader *reader,
    const struct yaml_node *map, const char *key);

/* The list's scalars as malloc'ed strings; other elements are mistakes. */
char **config_read_words(const struct config_reader *reader,
    const struct yaml_node *list, size_t *n);

/* A name that the ledger would refuse, and with it every request. */
void config_check_name(const struct config_reader *reader,
    const struct yaml_node *node, const char *name);

/* A name that stands twice among the first <n> names is a mistake. */
#define CONFIG_REFUSE_TWIN(reader, node, array, n, what)                       \
	do {                                                                   \
		for (size_t twin = 0; (array)[n].name && twin < (n); twin++)   \
			if ((array)[twin].name &&                              \
			    !strcmp((array)[twin].name, (array)[n].name))      \
				config_complain((reader), (node),              \
				    "a second " what " named \"%s\"",          \
				    (array)[n].name);                          \
	} while (0)

/* --- the sections
 * ----------------------------------------------------------------- */

void config_read_providers(
    struct config_reader *reader, const struct yaml_node *list);
void config_read_models(
    struct config_reader *reader, const struct yaml_node *list);
void config_read_keys(
    struct config_reader *reader, const struct yaml_node *list);

/* After the models of upstreams: those of this process join them. */
void config_read_locals(
    struct config_reader *reader, const struct yaml_node *list);
void config_read_engine(
    struct config_reader *reader, const struct yaml_node *map);

/* Of <node>, a local model whose checkpoint was looked at. */
void config_read_sampling(const struct config_reader *reader,
    const struct yaml_node *node, struct config_local *local);

/* --- what models of both kinds have
 * ----------------------------------------------- */

/* CAN_ bits of a list; <otherwise> where there is none. */
unsigned config_read_capabilities(const struct config_reader *reader,
    const struct yaml_node *list, unsigned otherwise);

/* The price of <node>, a model; MONEY_UNPRICED where it says none. */
void config_read_price(const struct config_reader *reader,
    const struct yaml_node *node, struct ledger_price *price);

/* A model's name, NULL where it could not be read. */
void config_check_model_name(const struct config_reader *reader,
    const struct yaml_node *node, const char *name);

/* Local models that this machine's memory cannot hold: <warnings>. */
void config_warn_of_memory(
    const struct config *config, struct mistakes *warnings);

/* The router's view of model <i>. */
void config_catalogue(struct config *config, size_t i);

#endif
