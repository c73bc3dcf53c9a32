/* kernels_portable.c -- AVX-512's kernels for any x86, to be tested. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/avx512_portable.h"
#include "tests/unit/kernels_under_test.h"

const char kernels_missing[] = "the portable build needs AVX2";

const struct kernels *kernels_under_test(uint32_t i)
{
	static const struct kernels *const all[] = {
	    &kernels_avx512_bf16,
	    &kernels_avx512_vnni,
	    &kernels_avx512,
	};

	if (i >= sizeof(all) / sizeof(all[0]) || !kernels_avx2_run_here())
		return NULL;
	return all[i];
}
