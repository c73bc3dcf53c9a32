/* gateway_help.h -- what the gateway's tests share: a folder with files. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_GATEWAY_HELP_H
#define TESTS_UNIT_GATEWAY_HELP_H

#include "gateway/config.h"

/* A folder of its own, and the configuration last read from it. */
struct place {
	char folder[128];
	struct config *config;
	struct mistakes *mistakes;
};

int place_set_up(void **state);
int place_tear_down(void **state);

/* Writes <text> to the file <name> in the folder. */
void place_write(const struct place *place, const char *name, const char *text);

/* The path of <name> there; valid until the next call. */
const char *place_path(const struct place *place, const char *name);

/*
 * Five lines that are right, for what a test adds from line 6 on:
 * one provider, up, one model, up/small, and policy.yaml.
 */
#define PLACE_BASE                                                             \
	"providers:\n"                                                         \
	"  - {name: up, base_url: \"http://127.0.0.1:9101/v1\"}\n"             \
	"models:\n"                                                            \
	"  - {name: up/small, provider: up}\n"                                 \
	"policy: policy.yaml\n"

/*
 * Reads <text> as sluice.yaml. Of the environment only KEY (sk-environment)
 * and HOST_NAME (example.com) are set.
 */
void place_load(struct place *place, const char *text);

/* The same, and it must be without a mistake. */
const struct config *place_load_well(struct place *place, const char *text);

/* "LINE:COLUMN: text" is a mistake said of sluice.yaml, whole. */
void place_assert_said(const struct place *place, const char *mistake);

/* place_load, and that is the only mistake. */
void place_assert_refused(
    struct place *place, const char *text, const char *mistake);

#endif
