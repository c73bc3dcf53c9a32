/* kernels_under_test.h -- which kernels a program of tests is linked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_UNIT_KERNELS_UNDER_TEST_H
#define TESTS_UNIT_KERNELS_UNDER_TEST_H

#include "local/cpu/kernel.h"

/*
 * The same tests are built twice: with kernels_native.c for all that this
 * machine runs, with avx512_portable.c for those of AVX-512 on any.
 */
extern const char kernels_missing[]; /* why there are none */

/* Number <i>; NULL past the last. */
const struct kernels *kernels_under_test(uint32_t i);

/*
 * The body of main: runs <tests>, which look at <fast>, for all kernels. Exits
 * with 77, which says that they were skipped, where there are none.
 */
#define RUN_FOR_ALL_KERNELS(tests, fast)                                       \
	int failed = 0;                                                        \
                                                                               \
	if (!kernels_under_test(0)) {                                          \
		print_message("skipped: %s\n", kernels_missing);               \
		return 77;                                                     \
	}                                                                      \
	for (uint32_t i = 0; ((fast) = kernels_under_test(i)); i++) {          \
		print_message("kernels: %s\n", (fast)->name);                  \
		failed += cmocka_run_group_tests(tests, NULL, NULL);           \
	}                                                                      \
	return failed

#endif
