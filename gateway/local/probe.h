/* probe.h -- what a checkpoint is and can, told without its weights. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef GATEWAY_LOCAL_PROBE_H
#define GATEWAY_LOCAL_PROBE_H

#include "gateway/config.h"
#include "local/local.h"

/*
 * The router must know what a local model can before it is loaded, and a
 * mistake in its files is one of the configuration. So the checkpoint is read
 * whole but for its weights: settings, the tensors' names and shapes, the
 * tokenizer, the chat template. That takes some hundredths of a second.
 */
struct local_probe {
	bool is_encoder;
	bool embeds;
	uint32_t n_labels;
	uint32_t context;      /* tokens that a text may have */
	unsigned capabilities; /* CAN_ bits */
	uint64_t weight_bytes; /* of files, mapped */
	uint64_t fixed_bytes;  /* taken once for computing */
	uint64_t text_bytes;   /* keys and values of one text as long as the
				  context that was asked for */
};

/*
 * Looks at <local>'s checkpoint: path, backend, context and int8 are set. The
 * error names the file, and the key or tensor in it.
 */
enum result local_probe(const struct config_local *local,
    struct local_probe *out, struct error *err) must_check;

/*
 * A text that is the same for the same files (by name, size and time of
 * change) and settings that shape answers, and for nothing else. malloc'ed;
 * NULL when the files cannot be looked at.
 */
char *local_identity(
    const struct config_local *local, struct error *err) must_check;

/* How such a model is opened. */
struct model_options local_model_options(
    const struct config_local *local, uint32_t threads);

#endif
