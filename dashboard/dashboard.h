/* dashboard.h -- the web page of the admin port, as bytes in the program. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef DASHBOARD_DASHBOARD_H
#define DASHBOARD_DASHBOARD_H

#include "base/base.h"

/*
 * The page is plain HTML, CSS and JavaScript beside this header, and Debian's
 * Chart.js. The build turns the files into one table (dashboard/embed.sh), so
 * that the program needs nothing beside itself to show them. The page reads
 * /api/ of the port that it came from and nothing else.
 */
struct dashboard_asset {
	const char *path; /* as asked for: "/", "/assets/page.css" */
	const char *type; /* of the content, with its charset */
	const char *etag; /* quoted; another one whenever a byte differs */
	struct span bytes;
};

/*
 * What goes with every answer of the page: nothing from elsewhere, no script
 * or style in the HTML, in no other site's frame. Source: CSP level 3.
 */
extern const char dashboard_policy[];

/* The asset at <path>, which lives as long as the program; NULL: none. */
const struct dashboard_asset *dashboard_find(struct span path);

/*
 * Whether an If-None-Match names <asset>: a list of tags, weak or strong, or
 * "*". Source: RFC 9110, section 13.1.2. An absent header (ptr NULL) does not.
 */
bool dashboard_is_fresh(
    const struct dashboard_asset *asset, struct span if_none_match);

#endif
