/* config_table.h -- the settings that are single numbers, one row each. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_MODEL_CONFIG_TABLE_H
#define LOCAL_MODEL_CONFIG_TABLE_H

#include "local/model/config.h"

/* One whole number: where it stands in either file and where it goes. */
struct config_int {
	const char *json, *json_other; /* other name, or NULL */
	const char *gguf;              /* after "<architecture>.", or NULL */
	size_t offset;                 /* of a uint32_t in struct config */
	uint32_t min, max;
};

struct config_double {
	const char *json, *json_other;
	const char *gguf;
	size_t offset; /* of a double in struct config */
	double min, max;
};

extern const struct config_int config_ints[];
extern const size_t config_n_ints;
extern const struct config_double config_doubles[];
extern const size_t config_n_doubles;

/* The family's defaults, before a file is read. */
void config_start(struct config *config, const struct family *family);

/*
 * Which layers slide, for families where every <pattern>-th does not;
 * <first> is the one it counts from: the last of each group or its first.
 */
void config_mix_layers(struct config *config, uint32_t pattern);

/* Store a number that a file gave, FAILED with <key> named out of range. */
enum result config_put_int(struct config *config, const struct config_int *row,
    int64_t value, struct error *err) must_check;
enum result config_put_double(struct config *config,
    const struct config_double *row, double value,
    struct error *err) must_check;

#endif
