/* metrics.c -- the metrics' specs, from their table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/metrics.h"

#include <stddef.h>

const struct metric_spec gateway_metric_specs[METRIC_COUNT] = {
#define M(id, name, kind, labels, help)                                        \
	[METRIC_##id] = {name, METRIC_##kind, help, labels},
    GATEWAY_METRICS(M)
#undef M
};
