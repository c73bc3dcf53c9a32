/* assets.c -- finds the page's files in what the build embedded. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dashboard/dashboard.h"

/* Written by dashboard/embed.sh. */
extern const struct dashboard_asset dashboard_embedded[];
extern const size_t dashboard_n_embedded;

const char dashboard_policy[] =
    "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const struct dashboard_asset *dashboard_find(struct span path)
{
	for (size_t i = 0; i < dashboard_n_embedded; i++)
		if (span_eq(path, span_of(dashboard_embedded[i].path)))
			return &dashboard_embedded[i];
	return NULL;
}

bool dashboard_is_fresh(
    const struct dashboard_asset *asset, struct span if_none_match)
{
	struct span tag;

	while (span_split(&if_none_match, ',', &tag)) {
		tag = span_trim(tag);
		if (span_eq(tag, SPAN("*")))
			return true;
		if (span_starts_with(tag, SPAN("W/")))
			tag = span_from(tag, 2);
		if (span_eq(tag, span_of(asset->etag)))
			return true;
	}
	return false;
}
