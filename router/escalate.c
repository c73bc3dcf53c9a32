/* escalate.c -- when a local answer is given up: reads an `escalate`. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "router/policy.h"

#define HOLD_USUAL 48

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* Says what is wrong at <node>; false. */
printf_like(3, 4) static bool mistake(const struct router_escalate_place *place,
    const struct yaml_node *node, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	mistakes_add(
	    place->mistakes, place->file, node->line, node->column, "%s", text);
	return false;
}

/* A whole number from <min> to <max> at <key>; <out> keeps its value if none.
 */
struct whole {
	const char *key;
	uint64_t min, max;
};

static bool read_whole(const struct router_escalate_place *place,
    const struct yaml_node *map, const struct whole *want, int64_t *out)
{
	const struct yaml_node *node = yaml_get(map, want->key);
	uint64_t value;

	if (!node)
		return true;
	if (node->kind != YAML_SCALAR || !span_to_u64(node->text, &value) ||
	    value < want->min || value > want->max)
		return mistake(place, node,
		    "\"%s\" must be a whole number from %llu to %llu",
		    want->key, (unsigned long long)want->min,
		    (unsigned long long)want->max);
	*out = (int64_t)value;
	return true;
}

static bool read_below(const struct router_escalate_place *place,
    const struct yaml_node *map, double *out)
{
	const struct yaml_node *node = yaml_get(map, "below");
	char *end = NULL;

	if (!node)
		return true;
	if (node->kind == YAML_SCALAR && node->text.len > 0)
		*out = strtod(node->text.ptr, &end);
	if (end && *end == '\0' && *out > 0 && *out <= 1)
		return true;
	*out = 0;
	return mistake(place, node,
	    "\"below\" must be a chance above 0 and up to 1, such as 0.6");
}

static bool read_to(const struct router_escalate_place *place,
    const struct yaml_node *map, size_t *out)
{
	const struct yaml_node *node = yaml_get(map, "to");
	const char **names;
	const char *near;

	if (!node)
		return true;
	if (node->kind != YAML_SCALAR)
		return mistake(place, node, "\"to\" must be a model's name");
	*out = policy_find_model(place->models, place->n_models, node->text);
	if (*out != SIZE_MAX)
		return true;
	names = mem_alloc((place->n_models + 1) * sizeof(names[0]));
	for (size_t i = 0; i < place->n_models; i++)
		names[i] = place->models[i].name;
	near = mistakes_nearest(node->text, names, place->n_models);
	free(names);
	return mistake(place, node, "unknown model \"%.*s\"%s%s%s",
	    SPAN_FMT(span_head(node->text, 100)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
}

/* More than half agree, unless the file says how many. */
static bool read_sample(const struct router_escalate_place *place,
    const struct yaml_node *map, struct router_escalate *out)
{
	static const char *const keys[] = {"n", "agree"};
	static const struct whole n = {"n", 2, ROUTER_SAMPLE_MAX};
	const struct yaml_node *node = yaml_get(map, "sample");
	struct whole agree = {"agree", 2, ROUTER_SAMPLE_MAX};

	if (!node)
		return true;
	if (node->kind != YAML_MAP || !yaml_get(node, "n"))
		return mistake(place, node,
		    "\"sample\" must be a map such as {n: 3, agree: 2}");
	if (!policy_check_keys(place, node,
		&(struct policy_keys){"\"sample\"", keys, LEN(keys)}) ||
	    !read_whole(place, node, &n, &out->sample))
		return false;
	agree.max = (uint64_t)out->sample;
	out->agree = out->sample / 2 + 1;
	return read_whole(place, node, &agree, &out->agree);
}

bool router_escalate_read(const struct router_escalate_place *place,
    const struct yaml_node *node, struct router_escalate *out)
{
	static const char *const keys[] = {"below", "hold", "to", "sample"};
	static const struct whole hold = {"hold", 1, ROUTER_HOLD_MAX};
	bool ok;

	*out = (struct router_escalate){.hold = HOLD_USUAL, .to = SIZE_MAX};
	if (node->kind == YAML_SCALAR && span_eq(node->text, SPAN("never")))
		return true;
	if (node->kind != YAML_MAP)
		return mistake(place, node,
		    "\"escalate\" must be never or a map such as "
		    "{below: 0.6, hold: 48, to: \"up/large\"}");
	ok = policy_check_keys(place, node,
	    &(struct policy_keys){"\"escalate\"", keys, LEN(keys)});
	ok = read_below(place, node, &out->below) && ok;
	ok = read_whole(place, node, &hold, &out->hold) && ok;
	ok = read_to(place, node, &out->to) && ok;
	ok = read_sample(place, node, out) && ok;
	if (ok && !router_escalates(out))
		ok = mistake(place, node,
		    "\"escalate\" needs \"below\" or \"sample\", or it "
		    "never happens");
	return ok;
}
