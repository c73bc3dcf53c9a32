/* config_tables.h -- the rows that configuration is read and documented by. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_CONFIG_TABLES_H
#define GATEWAY_CONFIG_TABLES_H

#include "base/base.h"

extern const struct settings config_top_table;
extern const struct settings config_tls_table;
extern const struct settings config_limits_table;
extern const struct settings config_cache_table;
extern const struct settings config_key_table;
extern const struct settings config_provider_table;
extern const struct settings config_pool_table;
extern const struct settings config_timeouts_table;
extern const struct settings config_breaker_table;
extern const struct settings config_model_table;
extern const struct settings config_price_table;
extern const struct settings config_local_table;
extern const struct settings config_sampling_table;
extern const struct settings config_power_table;
extern const struct settings config_engine_table;

/* A key's file members that are not kept as text. */
struct config_key_text {
	char *name;
	char *key;
	char *key_sha256;
};

/* A local model's members that are not kept as text. */
struct config_local_text {
	char *name;
	char *path;
	char *class_name;
	char *calibration;
	int64_t backend, context, batch, weight;
	bool int8;
};

struct config_sampling_text {
	char *temperature, *top_p, *min_p, *repetition_penalty;
	int64_t top_k;
};

struct config_power_text {
	char *watts;
	char *tariff;
	char *hour;
};

#endif
