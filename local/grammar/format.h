/* format.h -- what strings of a "format" look like. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_GRAMMAR_FORMAT_H
#define LOCAL_GRAMMAR_FORMAT_H

#include "base/base.h"

/*
 * The pattern of a format's strings, static text; ptr NULL for a format that
 * is not known. Each is a subset of what its RFC allows that all readers take.
 */
struct span format_pattern(struct span name);

#endif
