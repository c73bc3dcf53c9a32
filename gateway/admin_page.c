/* admin_page.c -- the web page and what it loads, from inside the program. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dashboard/dashboard.h"
#include "gateway/admin.h"

/* Browsers ask again each time and mostly hear 304: after an upgrade nobody
 * sees half of the old page. */
void admin_answer_page(
    struct gateway *gateway, struct exchange *exchange, struct span rest)
{
	const struct http1_head *head = exchange_request(exchange);
	const struct dashboard_asset *asset = dashboard_find(head->path);
	struct span tags = http1_header(head, SPAN("if-none-match"));

	(void)gateway;
	(void)rest;
	if (!asset) {
		admin_refuse(
		    exchange, 404, "unknown_url", "The page has no such file.");
		return;
	}

	const struct http1_header headers[] = {
	    {SPAN("etag"), span_of(asset->etag)},
	    {SPAN("cache-control"), SPAN("no-cache")},
	    {SPAN("content-security-policy"), span_of(dashboard_policy)},
	    {SPAN("x-content-type-options"), SPAN("nosniff")},
	    {SPAN("x-frame-options"), SPAN("DENY")},
	    {SPAN("referrer-policy"), SPAN("no-referrer")},
	    {SPAN("cross-origin-resource-policy"), SPAN("same-origin")},
	    {SPAN("content-type"), span_of(asset->type)},
	};
	size_t n = sizeof(headers) / sizeof(headers[0]);

	if (dashboard_is_fresh(asset, tags))
		exchange_answer(exchange, 304, headers, n - 1, SPAN(""));
	else
		exchange_answer(exchange, 200, headers, n, asset->bytes);
}
