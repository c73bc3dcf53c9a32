/* base.h -- what every other folder stands on: text, memory, JSON, money. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BASE_BASE_H
#define BASE_BASE_H

/*
 * base/ knows nothing of HTTP, models or policies. Each part is one small
 * header and can be read alone; other folders include this one.
 */
#include "base/apart.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "base/json_out.h"
#include "base/list.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/metric.h"
#include "base/mistakes.h"
#include "base/money.h"
#include "base/secret.h"
#include "base/settings.h"
#include "base/span.h"
#include "base/utf8.h"
#include "base/yaml.h"

#endif
