/* policy.c -- reads a policy file: candidates, and the rules between them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "router/policy.h"

#include <stdlib.h>

/* A rule's name goes out in a header. */
#define NAME_MAX_LEN 64

struct loader {
	const struct yaml_doc *doc;
	const struct router_model *models;
	size_t n_models;
	const char **model_names; /* (n_models) for "did you mean" */
	struct mistakes *mistakes;
	bool has_failed;
};

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The list of mistakes is bounded, so its count does not tell a new one. */
#define mistake(l, node, ...)                                                  \
	do {                                                                   \
		mistakes_add((l)->mistakes, (l)->doc->file, (node)->line,      \
		    (node)->column, __VA_ARGS__);                              \
		(l)->has_failed = true;                                        \
	} while (0)

static const char *const policy_keys[] = {
    "name", "baseline", "use", "cache", "coalesce", "escalate", "rules"};
static const char *const rule_keys[] = {
    "name", "when", "use", "cache", "coalesce", "escalate"};
static const char *const cache_words[] = {
    [POLICY_CACHE_AUTO] = "auto",
    [POLICY_CACHE_ALWAYS] = "always",
    [POLICY_CACHE_NEVER] = "never",
};

size_t policy_find_model(
    const struct router_model *models, size_t n, struct span name)
{
	for (size_t i = 0; i < n; i++) {
		if (span_eq(name, span_of(models[i].name)))
			return i;
	}
	return SIZE_MAX;
}

/* --- pieces of a file --------------------------------------------------- */

bool policy_check_keys(const struct router_escalate_place *place,
    const struct yaml_node *map, const struct policy_keys *keys)
{
	bool ok = true;

	for (size_t i = 0; i < map->count; i++) {
		const struct yaml_node *key = map->keys[i];
		const char *near;
		size_t k = 0;

		while (
		    k < keys->n && !span_eq(key->text, span_of(keys->known[k])))
			k++;
		if (k < keys->n)
			continue;
		near = mistakes_nearest(key->text, keys->known, keys->n);
		mistakes_add(place->mistakes, place->file, key->line,
		    key->column, "%s has no \"%.*s\"%s%s%s", keys->what,
		    SPAN_FMT(span_head(key->text, 60)),
		    near ? "; did you mean \"" : "", near ? near : "",
		    near ? "\"?" : "");
		ok = false;
	}
	return ok;
}

static struct router_escalate_place place_of(const struct loader *l)
{
	return (struct router_escalate_place){
	    l->doc->file, l->models, l->n_models, l->mistakes};
}

/* Whether <map> is a map; reports the keys that <keys> does not have. */
static bool check_map(struct loader *l, const struct yaml_node *map,
    const struct policy_keys *keys)
{
	const struct router_escalate_place place = place_of(l);

	if (map->kind != YAML_MAP) {
		mistake(
		    l, map, "%s must be a map of names and values", keys->what);
		return false;
	}
	if (!policy_check_keys(&place, map, keys))
		l->has_failed = true;
	return true;
}

/* The text at <key>; NULL when absent, or of another kind (a mistake). */
static const struct yaml_node *get_text(
    struct loader *l, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	if (!node)
		return NULL;
	if (node->kind != YAML_SCALAR || node->text.len == 0) {
		mistake(l, node, "\"%s\" must be a text", key);
		return NULL;
	}
	return node;
}

static bool is_name(struct span name)
{
	for (size_t i = 0; i < name.len; i++) {
		char c = name.ptr[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z') &&
		    !(c >= '0' && c <= '9') && !strchr("-_./", c))
			return false;
	}
	return name.len > 0 && name.len <= NAME_MAX_LEN;
}

/* The name of a policy or rule, owned by the caller; NULL after a mistake. */
static char *read_name(
    struct loader *l, const struct yaml_node *map, const char *what)
{
	const struct yaml_node *node = get_text(l, map, "name");

	if (!node) {
		if (!yaml_get(map, "name"))
			mistake(l, map, "%s needs a \"name\"", what);
		return NULL;
	}
	if (!is_name(node->text)) {
		mistake(l, node,
		    "a name has 1 to %d letters, digits, - _ . or /, got "
		    "\"%.*s\"",
		    NAME_MAX_LEN, SPAN_FMT(span_head(node->text, 80)));
		return NULL;
	}
	return span_dup(node->text);
}

/* Index of the model that <node> names; SIZE_MAX after a mistake. */
static size_t read_model(struct loader *l, const struct yaml_node *node)
{
	size_t index;
	const char *near;

	if (node->kind != YAML_SCALAR) {
		mistake(l, node, "expected a model's name");
		return SIZE_MAX;
	}
	index = policy_find_model(l->models, l->n_models, node->text);
	if (index != SIZE_MAX)
		return index;
	near = mistakes_nearest(node->text, l->model_names, l->n_models);
	mistake(l, node, "unknown model \"%.*s\"%s%s%s",
	    SPAN_FMT(span_head(node->text, 100)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	return SIZE_MAX;
}

/* The candidates at "use"; none when absent or after a mistake. */
static struct policy_use read_use(struct loader *l, const struct yaml_node *map)
{
	const struct yaml_node *list = yaml_get(map, "use");
	struct policy_use use = {0};

	if (!list)
		return use;
	if (list->kind != YAML_LIST || list->count == 0) {
		mistake(
		    l, list, "\"use\" must be a list of models, best first");
		return use;
	}
	use.models = mem_alloc(list->count * sizeof(use.models[0]));
	for (size_t i = 0; i < list->count; i++) {
		size_t model = read_model(l, list->items[i]);
		bool is_twice = false;

		for (size_t k = 0; k < use.n; k++)
			is_twice = is_twice || use.models[k] == model;
		if (is_twice)
			mistake(l, list->items[i], "\"%s\" stands twice",
			    l->models[model].name);
		else if (model != SIZE_MAX)
			use.models[use.n++] = model;
	}
	return use;
}

/* The word at "cache"; <otherwise> when absent. */
static enum policy_cache read_cache(
    struct loader *l, const struct yaml_node *map, enum policy_cache otherwise)
{
	const struct yaml_node *node = get_text(l, map, "cache");
	const char *near;

	if (!node)
		return otherwise;
	for (size_t i = 0; i < LEN(cache_words); i++) {
		if (span_eq(node->text, span_of(cache_words[i])))
			return (enum policy_cache)i;
	}
	near = mistakes_nearest(node->text, cache_words, LEN(cache_words));
	mistake(l, node,
	    "\"cache\" must be auto, always or never, got \"%.*s\"%s%s%s",
	    SPAN_FMT(span_head(node->text, 60)),
	    near ? "; did you mean \"" : "", near ? near : "",
	    near ? "\"?" : "");
	return otherwise;
}

/* The word at "coalesce"; <otherwise> when absent. */
static bool read_coalesce(
    struct loader *l, const struct yaml_node *map, bool otherwise)
{
	const struct yaml_node *node = get_text(l, map, "coalesce");

	if (!node)
		return otherwise;
	if (span_eq(node->text, SPAN("true")))
		return true;
	if (!span_eq(node->text, SPAN("false")))
		mistake(l, node,
		    "\"coalesce\" must be true or false, got \"%.*s\"",
		    SPAN_FMT(span_head(node->text, 60)));
	return false;
}

/* Whether <map> has an "escalate" of its own, in <out>. */
static bool read_escalate(
    struct loader *l, const struct yaml_node *map, struct router_escalate *out)
{
	const struct yaml_node *node = yaml_get(map, "escalate");
	const struct router_escalate_place place = place_of(l);

	if (!node)
		return false;
	if (!router_escalate_read(&place, node, out))
		l->has_failed = true;
	return true;
}

/* --- rules -------------------------------------------------------------- */

static void check_rule_name(struct loader *l, const struct policy *policy,
    const struct policy_rule *rule, const struct yaml_node *map)
{
	static const char *const reserved[] = {"default", "pinned"};

	if (!rule->name)
		return;
	for (size_t i = 0; i < LEN(reserved); i++) {
		if (!strcmp(rule->name, reserved[i]))
			mistake(l, yaml_get(map, "name"),
			    "\"%s\" is what requests that no rule decided are "
			    "reported under; give the rule another name",
			    reserved[i]);
	}
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct policy_rule *other = &policy->rules[i];

		if (other != rule && other->name &&
		    !strcmp(rule->name, other->name)) {
			mistake(l, yaml_get(map, "name"),
			    "two rules have the name \"%s\"", rule->name);
			return;
		}
	}
}

static void read_rule(
    struct loader *l, struct policy *policy, const struct yaml_node *map)
{
	struct policy_rule *rule = &policy->rules[policy->n_rules++];
	const struct yaml_node *when;
	struct cel_source source = {
	    .file = l->doc->file, .mistakes = l->mistakes};

	rule->cache = policy->cache;
	rule->coalesces = policy->coalesces;
	if (!check_map(l, map,
		&(struct policy_keys){"a rule", rule_keys, LEN(rule_keys)}))
		return;
	rule->name = read_name(l, map, "a rule");
	check_rule_name(l, policy, rule, map);
	rule->use = read_use(l, map);
	rule->cache = read_cache(l, map, policy->cache);
	rule->coalesces = read_coalesce(l, map, policy->coalesces);
	rule->has_escalate = read_escalate(l, map, &rule->escalate);
	if (!yaml_get(map, "use") && !yaml_get(map, "cache") &&
	    !yaml_get(map, "coalesce") && !yaml_get(map, "escalate"))
		mistake(l, map,
		    "a rule needs \"use\", \"cache\", \"coalesce\" or "
		    "\"escalate\", or it changes nothing");
	when = get_text(l, map, "when");
	if (when) {
		source.node = when;
		rule->condition = span_dup(when->text);
		rule->when = cel_compile(&source, l->models, l->n_models);
		l->has_failed = l->has_failed || !rule->when;
	} else if (!yaml_get(map, "when")) {
		mistake(l, map, "a rule needs a condition, \"when\"");
	}
}

static void read_rules(
    struct loader *l, struct policy *policy, const struct yaml_node *root)
{
	const struct yaml_node *list = yaml_get(root, "rules");

	if (!list)
		return;
	if (list->kind != YAML_LIST) {
		mistake(l, list, "\"rules\" must be a list");
		return;
	}
	policy->rules =
	    mem_zalloc((list->count + 1) * sizeof(policy->rules[0]));
	for (size_t i = 0; i < list->count; i++)
		read_rule(l, policy, list->items[i]);
}

/* --- the file ----------------------------------------------------------- */

static void read_policy(struct loader *l, struct policy *policy)
{
	const struct yaml_node *root = l->doc->root;
	const struct yaml_node *baseline;

	if (!check_map(l, root,
		&(struct policy_keys){
		    "a policy", policy_keys, LEN(policy_keys)}))
		return;
	policy->name = read_name(l, root, "a policy");
	baseline = get_text(l, root, "baseline");
	if (baseline)
		policy->baseline = read_model(l, baseline);
	else if (!yaml_get(root, "baseline"))
		mistake(l, root,
		    "a policy needs a \"baseline\", the model that its savings "
		    "are measured against");
	policy->use = read_use(l, root);
	if (!yaml_get(root, "use"))
		mistake(
		    l, root, "a policy needs \"use\", its models, best first");
	policy->cache = read_cache(l, root, POLICY_CACHE_AUTO);
	policy->coalesces = read_coalesce(l, root, true);
	policy->has_escalate = read_escalate(l, root, &policy->escalate);
	read_rules(l, policy, root);
}

struct policy *policy_new(const struct yaml_doc *doc,
    const struct router_model *models, size_t n_models,
    struct mistakes *mistakes)
{
	struct loader l = {.doc = doc,
	    .models = models,
	    .n_models = n_models,
	    .mistakes = mistakes};
	struct policy *policy = mem_new(struct policy);

	l.model_names = mem_alloc((n_models + 1) * sizeof(l.model_names[0]));
	for (size_t i = 0; i < n_models; i++)
		l.model_names[i] = models[i].name;
	policy->n_models = n_models;
	read_policy(&l, policy);
	free(l.model_names);
	if (l.has_failed)
		policy_free(&policy);
	return policy;
}

void policy_free(struct policy **policy)
{
	struct policy *p = *policy;

	if (!p)
		return;
	for (size_t i = 0; i < p->n_rules; i++) {
		free(p->rules[i].name);
		free(p->rules[i].condition);
		free(p->rules[i].use.models);
		cel_free(&p->rules[i].when);
	}
	free(p->rules);
	free(p->use.models);
	free(p->name);
	free(p);
	*policy = NULL;
}

const char *policy_name(const struct policy *policy)
{
	return policy->name;
}

size_t policy_baseline(const struct policy *policy)
{
	return policy->baseline;
}

bool policy_reads_class(const struct policy *policy, size_t model)
{
	for (size_t i = 0; i < policy->n_rules; i++) {
		const struct cel_program *when = policy->rules[i].when;

		for (size_t k = 0; k < when->n_nodes; k++) {
			const struct cel_node *node = &when->nodes[k];

			if (node->op == CEL_OP_MODEL &&
			    node->as.model.index == model &&
			    (node->as.model.field == MODEL_FIELD_CLASS ||
				node->as.model.field == MODEL_FIELD_SCORE))
				return true;
		}
	}
	return false;
}
