/* model_fixture.c -- the tiny checkpoints and what they must give. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/model_fixture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

const char *fixture_path(const char *name)
{
	static char path[512];
	const char *top = getenv("srcdir");

	(void)snprintf(path, sizeof(path), "%s/tests/data/models/%s",
	    top ? top : ".", name);
	return path;
}

struct weights *fixture_golden(const char *name)
{
	char file[128];
	struct weights *golden;
	struct error err;

	(void)snprintf(file, sizeof(file), "%s/golden.safetensors", name);
	golden = weights_open(fixture_path(file), &err);
	if (!golden)
		fail_msg("%s", err.text);
	return golden;
}

const float *fixture_floats(const struct weights *golden, const char *name)
{
	const struct tensor *tensor = weights_find(golden, span_of(name));

	assert_non_null(tensor);
	assert_int_equal(tensor->type, TENSOR_F32);
	assert_int_equal((uintptr_t)tensor->data % sizeof(float), 0);
	return (const float *)(const void *)tensor->data;
}

uint32_t *fixture_ids(
    const struct weights *golden, const char *name, uint32_t *n)
{
	const struct tensor *tensor = weights_find(golden, span_of(name));
	uint32_t *ids;

	assert_non_null(tensor);
	assert_int_equal(tensor->n_dims, 1);
	*n = (uint32_t)tensor->shape[0];
	ids = mem_alloc(*n * sizeof(*ids));
	for (uint32_t i = 0; i < *n; i++)
		ids[i] = (uint32_t)tensor_int(tensor, i);
	return ids;
}

struct model *fixture_model(
    const char *name, const struct model_options *options)
{
	struct error err;
	struct model *model = model_open(fixture_path(name), options, &err);

	if (!model)
		fail_msg("%s", err.text);
	return model;
}

double fixture_difference(const float *a, const float *b, size_t n)
{
	double worst = 0;

	for (size_t i = 0; i < n; i++) {
		double d = fabs((double)a[i] - (double)b[i]);

		if (!(d <= worst))
			worst = d;
	}
	return worst;
}

void fixture_log_softmax(float *x, uint32_t n)
{
	double max = -HUGE_VAL, sum = 0;

	for (uint32_t i = 0; i < n; i++)
		max = fmax(max, (double)x[i]);
	for (uint32_t i = 0; i < n; i++)
		sum += exp((double)x[i] - max);
	for (uint32_t i = 0; i < n; i++)
		x[i] = (float)((double)x[i] - max - log(sum));
}
