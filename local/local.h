/* local.h -- the inference engine: what other folders include. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_LOCAL_H
#define LOCAL_LOCAL_H

/*
 * Open-weight models, read as they were published and computed in this
 * process. A checkpoint (local/checkpoint.h) is a model, its tokenizer and its
 * chat template; a generator (local/generate.h) writes texts with it, one
 * after the other, and a scheduler (local/scheduler.h) many at once. Below
 * them lie the parts: local/model.h computes tokens, local/sample.h chooses
 * the next and says how sure the model was, local/grammar.h holds what it says
 * to JSON, local/reply.h tells reasoning and calls of tools apart in it.
 */
#include "local/bench.h"
#include "local/calibrate.h"
#include "local/card.h"
#include "local/chat.h"
#include "local/checkpoint.h"
#include "local/confidence.h"
#include "local/engine/token_bytes.h"
#include "local/generate.h"
#include "local/grammar.h"
#include "local/model.h"
#include "local/reply.h"
#include "local/sample.h"
#include "local/scheduler.h"
#include "local/template.h"
#include "local/tokenizer.h"

#endif
