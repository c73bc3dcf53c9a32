/* safetensors.h -- reads the header of a safetensors file. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_WEIGHTS_SAFETENSORS_H
#define LOCAL_WEIGHTS_SAFETENSORS_H

#include "local/weights/tensor.h"

/* Headers of published files are below 1 MiB; this is past any real one. */
#define SAFETENSORS_HEADER_MAX ((uint64_t)32 << 20)

/*
 * Appends the tensors of <file>, the whole of a safetensors file, to <list>;
 * they point into it. Memory is bounded by a multiple of the header and by the
 * list's arena. FAILED with the tensor named when the header is not what the
 * format says or a range leaves the file; the list may then hold some of them.
 * Source: the format's own page, github.com/huggingface/safetensors.
 */
enum result safetensors_read(
    struct span file, struct tensor_list *list, struct error *err) must_check;

/*
 * The text of model.safetensors.index.json: for each tensor the file that has
 * it. Calls <each> with every pair, stopping when that fails. A file's name is
 * a plain name: no folder, not hidden.
 */
typedef enum result (*safetensors_index_fn)(
    void *arg, struct span tensor, struct span file, struct error *err);
enum result safetensors_read_index(struct span text, struct arena *arena,
    safetensors_index_fn each, void *arg, struct error *err) must_check;

#endif
