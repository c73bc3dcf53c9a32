/* kernels_native.c -- all kernels that this machine runs, to be tested. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/kernels_under_test.h"

const char kernels_missing[] = "there is not even plain C";

const struct kernels *kernels_under_test(uint32_t i)
{
	return kernels_here(i);
}
