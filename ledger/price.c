/* price.c -- what tokens cost. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "ledger/ledger.h"

int64_t ledger_cost(
    const struct ledger_price *price, const struct ledger_usage *usage)
{
	const struct money_term terms[] = {
	    {usage->input_tokens, price->input_femto},
	    {usage->cached_tokens, price->cached_femto},
	    {usage->output_tokens, price->output_femto},
	};

	/* A provider's odd answer must not become a credit, or an abort. */
	for (size_t i = 0; i < sizeof(terms) / sizeof(terms[0]); i++)
		if (terms[i].tokens < 0)
			return MONEY_UNPRICED;
	return money_cost(terms, sizeof(terms) / sizeof(terms[0]));
}
