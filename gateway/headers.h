/* headers.h -- which headers pass, and which change an answer. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_HEADERS_H
#define GATEWAY_HEADERS_H

#include "base/base.h"

/* Allow-lists: a header that none of these names stays here. Any case. */

/* Of the client's, to the upstream. */
bool header_goes_upstream(struct span name);

/* Of those, what may change the answer: part of the cache's key. */
bool header_shapes_answer(struct span name);

/* Of the upstream's, back to the client. */
bool header_comes_back(struct span name);

#endif
