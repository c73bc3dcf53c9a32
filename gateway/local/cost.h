/* cost.h -- what a local model's time costs: power, and the machine. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_COST_H
#define GATEWAY_LOCAL_COST_H

#include "gateway/config.h"

/*
 * A local model without a price per token has one of its time: the power that
 * the machine draws while it computes, and the machine by the hour. Marginal
 * is what one more answer costs, its power; the router compares that. Full is
 * with the machine's hours; the ledger has that.
 */

/*
 * What <busy_ns> of the model's time cost, in nano-dollars, rounded once half
 * to even, at most INT64_MAX; MONEY_UNPRICED without power.
 */
int64_t local_cost_nano(
    const struct config_local *local, int64_t busy_ns, bool is_full);

/*
 * The marginal price of a token that takes <token_ns>, in femto-dollars,
 * rounded likewise; MONEY_UNPRICED without power or a measurement.
 */
int64_t local_token_femto(const struct config_local *local, double token_ns);

#endif
