/* weights.h -- a checkpoint's files, mapped, and the tensors in them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_WEIGHTS_WEIGHTS_H
#define LOCAL_WEIGHTS_WEIGHTS_H

#include "local/weights/gguf.h"

/*
 * A checkpoint is a directory with model.safetensors, one with shards and
 * model.safetensors.index.json, a single .safetensors file or a .gguf file.
 * Files are mapped read-only and never changed; tensors point into them. A
 * file that somebody truncates while it is mapped ends the process, as with
 * any mapped file: checkpoints are replaced by renaming, not by rewriting.
 */
struct weights;

/* Opens what <path> names; NULL with the file named in <err>. */
struct weights *weights_open(const char *path, struct error *err) must_check;

/* Unmaps and frees; NULL is fine. */
void weights_close(struct weights **weights);

/* The tensor of that name, borrowed, or NULL. */
const struct tensor *weights_find(
    const struct weights *weights, struct span name);

/* All tensors, by name. */
const struct tensor_list *weights_list(const struct weights *weights);

/* The keys of a GGUF file, or NULL for safetensors. */
const struct gguf *weights_gguf(const struct weights *weights);

/*
 * Gives back the memory of what was read so far: it is read again from the
 * system's cache, or the disk, when it is wanted.
 */
void weights_rest(const struct weights *weights);

/* Bytes of all mapped files. */
uint64_t weights_bytes(const struct weights *weights);

/*
 * The text of <name> beside the weights (config.json ...), borrowed for as
 * long as <weights> is open, at most <max> bytes. AGAIN when there is no such
 * file (or the weights are a GGUF file), FAILED when it cannot be read.
 */
enum result weights_read_beside(struct weights *weights, const char *name,
    size_t max, struct span *text, struct error *err) must_check;

#endif
