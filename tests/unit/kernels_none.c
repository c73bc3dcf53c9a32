/* kernels_none.c -- in the place of kernels_portable.c without SIMDe. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/kernels_under_test.h"

const char kernels_missing[] =
    "AVX-512 on any x86: needs x86-64 and libsimde-dev (tools/deps test)";

const struct kernels *kernels_under_test(uint32_t i)
{
	(void)i;
	return NULL;
}
