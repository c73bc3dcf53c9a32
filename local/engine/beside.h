/* beside.h -- the small files of a checkpoint's directory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_BESIDE_H
#define LOCAL_ENGINE_BESIDE_H

#include "base/base.h"

/*
 * The directory that holds <path>'s files: <path> itself, or the one that a
 * .safetensors file lies in; the caller's to free(). NULL for another file,
 * which must then be GGUF.
 */
char *beside_folder(const char *path);

/*
 * The text of <folder>/<name>, of at most <max> bytes, in <text>: the
 * caller's, to free(). AGAIN when there is no such file, FAILED when it cannot
 * be read; <err> names it.
 */
enum result beside_read(const char *folder, const char *name, size_t max,
    struct span *text, struct error *err) must_check;

/* Frees what beside_read gave; an empty span is fine. */
void beside_free(struct span *text);

#endif
