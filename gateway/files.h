/* files.h -- a small file, read whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_FILES_H
#define GATEWAY_FILES_H

#include "base/base.h"

/*
 * Reads <path> ("-" is standard input), at most <max> bytes, into malloc'ed
 * memory that file_free gives back. Blocks: for start, reload and commands.
 */
enum result file_read(const char *path, size_t max, struct span *text,
    struct error *err) must_check;
void file_free(struct span *text);

#endif
