/* logits_plain.c -- local/logits.c as processors without AVX2 run it. */
/* SPDX-License-Identifier: Apache-2.0 */
#define logits_look plain_look
#define logits_look_among plain_look_among
#define logits_best plain_best
#define logits_weigh plain_weigh
#define logits_weigh_block plain_weigh_block
#define LOGITS_PLAIN
#include "local/logits.c"
