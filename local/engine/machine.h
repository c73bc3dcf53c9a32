/* machine.h -- numbers that the system tells of itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef LOCAL_ENGINE_MACHINE_H
#define LOCAL_ENGINE_MACHINE_H

#include "local/card.h"

/*
 * The number behind <name> in a file of lines such as "MemTotal: 123 kB"; an
 * empty name takes a file that begins with its number. False when there is no
 * such file, line or number.
 */
bool machine_number(const char *path, const char *name, uint64_t *out);

#endif
