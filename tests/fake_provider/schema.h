/* schema.h -- a JSON value that fits a JSON schema. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FAKE_PROVIDER_SCHEMA_H
#define FAKE_PROVIDER_SCHEMA_H

#include "base/base.h"
#include "tests/fake_provider/words.h"

/*
 * Writes a value for the schema at <node> of <doc>: objects with all of their
 * properties, arrays, strings (with length and the commoner formats), numbers
 * within their bounds, booleans, enum, const, local $ref and the first branch
 * of anyOf, oneOf and allOf. What is deeper than 12 levels, or comes after the
 * first 256 KiB, is null. A schema that is none gives {}.
 */
void schema_write(const struct json_doc *doc, uint32_t node,
    struct words *words, struct buf *out);

#endif
