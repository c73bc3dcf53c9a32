/* local.h -- the inference engine: what other folders include. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

/*
 * Open-weight models, read as they were published and computed in this
 * process: local/model.h opens one and feeds it tokens, local/sample.h chooses
 * the next and says how sure the model was.
 */
#include "local/model.h"
#include "local/sample.h"

#endif
