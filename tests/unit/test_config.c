/* test_config.c -- a configuration file: what it says and every mistake. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/gateway_help.h"

/* PLACE_BASE and then <more>, from line 6 on. */
#define REFUSES(more, mistake)                                                 \
	place_assert_refused(*state, PLACE_BASE more, mistake)

/* --- what is read -----------------------------------------------------------
 */

static void a_short_file_gets_every_default(void **state)
{
	const struct config *config = place_load_well(*state, PLACE_BASE);
	const struct config_provider *up = &config->providers[0];
	const struct config_model *model = &config->models[0];

	assert_string_equal(config->listen, "127.0.0.1:8080");
	assert_string_equal(config->admin, "127.0.0.1:8081");
	assert_int_equal(config->drain, 30 * NS_PER_S);
	assert_true(config->workers >= 1);
	assert_null(config->tls);
	assert_int_equal(config->n_keys, 0);
	assert_int_equal(config->limits.body, 10 << 20);
	assert_int_equal(config->limits.headers, 100);
	assert_int_equal(up->pool.idle, 128);
	assert_int_equal(up->pool.keep, 30 * NS_PER_S);
	assert_int_equal(up->timeouts.first_byte, 60 * NS_PER_S);
	assert_int_equal(up->timeouts.total, 600 * NS_PER_S);
	assert_int_equal(up->breaker.failures, 5);
	assert_true(up->stream_usage);
	assert_null(up->api_key);
	assert_string_equal(model->upstream, "up/small");
	assert_ptr_equal(model->provider, up);
	assert_int_equal(model->context, 0);
	assert_int_equal(model->capabilities,
	    CAN_CHAT | CAN_COMPLETIONS | CAN_TOOLS | CAN_JSON);
	assert_int_equal(model->price.input_femto, MONEY_UNPRICED);
	assert_int_equal(model->price.cached_femto, MONEY_UNPRICED);
	assert_string_equal(policy_name(config->policy), "p");
	assert_string_equal(config->catalogue[0].name, "up/small");
}

static void reads_all_that_a_file_may_say(void **state)
{
	const struct config *config = place_load_well(*state,
	    "listen: :0\n"
	    "admin: 127.0.0.1:0\n"
	    "workers: 3\n"
	    "drain: 5s\n"
	    "admin_hosts: [sluice.example.com, other]\n"
	    "limits: {body: 1MiB, header_bytes: 64KiB, headers: 50, "
	    "line: 4KiB, header_time: 1s, idle: 2s}\n"
	    "keys:\n"
	    "  - {name: team-a, key: \"${KEY}\", tags: [internal, b], "
	    "models: [up/small, auto]}\n"
	    "providers:\n"
	    "  - name: up\n"
	    "    base_url: http://${HOST_NAME}:9101/v1/\n"
	    "    api_key: ${KEY}\n"
	    "    pool: {idle: 4, keep: 3s}\n"
	    "    timeouts: {connect: 1s, tls: 2s, first_byte: 3s, "
	    "silence: 4s, total: 5s}\n"
	    "    breaker: {failures: 9, open: 2s, open_max: 8s}\n"
	    "    stream_usage: false\n"
	    "models:\n"
	    "  - {name: up/small, provider: up, upstream: small-1, "
	    "price: {input: 0.10, output: 0.40}, context: 128000, "
	    "capabilities: [chat, vision]}\n"
	    "policy: policy.yaml\n");
	const struct config_provider *up = &config->providers[0];
	const struct config_model *model = &config->models[0];

	assert_int_equal(config->workers, 3);
	assert_int_equal(config->drain, 5 * NS_PER_S);
	assert_int_equal(config->n_admin_hosts, 2);
	assert_string_equal(config->admin_hosts[1], "other");
	assert_int_equal(config->limits.line, 4096);
	assert_string_equal(up->host, "example.com");
	assert_true(
	    span_eq(secret_reveal(up->api_key), SPAN("sk-environment")));
	assert_null(up->api_key_text);
	assert_int_equal(up->pool.idle, 4);
	assert_int_equal(up->timeouts.silence, 4 * NS_PER_S);
	assert_int_equal(up->breaker.open_max, 8 * NS_PER_S);
	assert_false(up->stream_usage);
	assert_string_equal(model->upstream, "small-1");
	assert_int_equal(model->price.input_femto, 100000000);
	assert_int_equal(model->price.cached_femto, 100000000);
	assert_int_equal(model->price.output_femto, 400000000);
	assert_int_equal(model->capabilities, CAN_CHAT | CAN_VISION);
	assert_int_equal(config->catalogue[0].context, 128000);
}

static void paths_are_relative_to_the_file_they_stand_in(void **state)
{
	struct place *place = *state;
	const struct config *config =
	    place_load_well(place, PLACE_BASE "state: ./s\n");

	assert_string_equal(config->state, place_path(place, "s"));
	assert_string_equal(
	    config->policy_file, place_path(place, "policy.yaml"));
	config = place_load_well(place, PLACE_BASE "state: /var/s\n");
	assert_string_equal(config->state, "/var/s");
}

/* --- base URLs --------------------------------------------------------------
 */

static void load_url(struct place *place, const char *url)
{
	char text[512];

	snprintf(text, sizeof(text),
	    "models: [{name: up/small, provider: up}]\n"
	    "policy: policy.yaml\n"
	    "providers: [{name: up, base_url: \"%s\"}]\n",
	    url);
	place_load(place, text);
}

static void takes_urls_apart(void **state)
{
	static const struct {
		const char *url, *host, *authority, *path;
		uint16_t port;
		bool is_tls;
	} cases[] = {
	    {"http://a", "a", "a", "", 80, false},
	    {"https://a/", "a", "a", "", 443, true},
	    {"http://a:8080/v1", "a", "a:8080", "/v1", 8080, false},
	    {"https://api.example.com/v1/", "api.example.com",
		"api.example.com", "/v1", 443, true},
	    {"http://10.0.0.1:1/x/y//", "10.0.0.1", "10.0.0.1:1", "/x/y", 1,
		false},
	    {"http://[::1]:9/v1", "::1", "[::1]:9", "/v1", 9, false},
	    {"http://[::1]", "::1", "[::1]", "", 80, false},
	    {"http://a:65535", "a", "a:65535", "", 65535, false},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct config_provider *up;

		load_url(place, cases[i].url);
		if (!place->config)
			fail_msg("%s: %s", cases[i].url,
			    mistakes_line(place->mistakes, 0));
		up = &place->config->providers[0];
		assert_string_equal(up->host, cases[i].host);
		assert_string_equal(up->authority, cases[i].authority);
		assert_string_equal(up->path, cases[i].path);
		assert_int_equal(up->port, cases[i].port);
		assert_int_equal(up->is_tls, cases[i].is_tls);
		assert_non_null(up->origin);
	}
}

static void refuses_urls_that_are_not_plain(void **state)
{
	static const char *const urls[] = {"", "a", "//a", "ftp://a",
	    "HTTP://a", "http://", "http:///v1", "http://:80",
	    "http://a:", "http://a:0", "http://a:65536", "http://a:b",
	    "http://a:-1", "http://a:80:90", "http://::1", "http://::1/v1",
	    "http://[]", "http://[]:80", "http://[::1", "http://[::1]x",
	    "http://user@a/v1", "http://u:p@a", "http://a/v1?x=1",
	    "http://a/v1#x", "http://a b", "http://a/\\u00e9",
	    "http://a\\r\\nx: y"};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		load_url(place, urls[i]);
		if (place->config)
			fail_msg("%s was taken", urls[i]);
		if (urls[i][0])
			place_assert_said(place,
			    "3:34: \"base_url\" must be "
			    "http://host[:port][/path] or https://..., without "
			    "user, query or fragment");
		else
			place_assert_said(
			    place, "3:34: \"base_url\" must not be empty");
	}
}

/* --- mistakes ---------------------------------------------------------------
 */

static void every_range_is_held(void **state)
{
	static const struct {
		const char *more, *mistake;
	} cases[] = {
	    {"drain: 86401s",
		"6:8: \"drain\" must be 0 to 86400000 ms, got 86401s"},
	    {"limits: {body: 1023}",
		"6:16: \"body\" must be 1024 to 1073741824 bytes, got 1023"},
	    {"limits: {body: 2GiB}",
		"6:16: \"body\" must be 1024 to 1073741824 bytes, got 2GiB"},
	    {"limits: {header_bytes: 129KiB}",
		"6:24: \"header_bytes\" must be 1024 to 131072 bytes, got "
		"129KiB"},
	    {"limits: {headers: 7}",
		"6:19: \"headers\" must be 8 to 128, got 7"},
	    {"limits: {headers: 129}",
		"6:19: \"headers\" must be 8 to 128, got 129"},
	    {"limits: {line: 255}",
		"6:16: \"line\" must be 256 to 65536 bytes, got 255"},
	    {"limits: {header_time: 9ms}",
		"6:23: \"header_time\" must be 10 to 3600000 ms, got 9ms"},
	    {"limits: {idle: 2d}",
		"6:16: \"idle\" must be 10 to 86400000 ms, got 2d"},
	    {"workers: 0",
		"6:10: \"workers\" must be auto or 1 to 256, got \"0\""},
	    {"workers: 257",
		"6:10: \"workers\" must be auto or 1 to 256, got \"257\""},
	    {"workers: many",
		"6:10: \"workers\" must be auto or 1 to 256, got \"many\""},
	    {"workers: [2]",
		"6:10: \"workers\" must be a single value, got a list"},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		snprintf(
		    text, sizeof(text), "%s%s\n", PLACE_BASE, cases[i].more);
		place_assert_refused(place, text, cases[i].mistake);
	}
}

/* The only provider with <more>, which stands from 2:48 on. */
static void every_range_of_a_provider_is_held(void **state)
{
	static const struct {
		const char *more, *mistake;
	} cases[] = {
	    {"pool: {idle: 100001}",
		"\"idle\" must be 0 to 100000, got 100001"},
	    {"pool: {keep: 2d}", "\"keep\" must be 0 to 86400000 ms, got 2d"},
	    {"timeouts: {connect: 0s}",
		"\"connect\" must be 1 to 3600000 ms, got 0s"},
	    {"timeouts: {tls: 2h}", "\"tls\" must be 1 to 3600000 ms, got 2h"},
	    {"timeouts: {first_byte: 2d}",
		"\"first_byte\" must be 1 to 86400000 ms, got 2d"},
	    {"timeouts: {silence: 0ms}",
		"\"silence\" must be 1 to 86400000 ms, got 0ms"},
	    {"timeouts: {total: 8d}",
		"\"total\" must be 1 to 604800000 ms, got 8d"},
	    {"breaker: {failures: 0}",
		"\"failures\" must be 1 to 1000000, got 0"},
	    {"breaker: {open: 2h}", "\"open\" must be 1 to 3600000 ms, got 2h"},
	    {"breaker: {open_max: 0s}",
		"\"open_max\" must be 1 to 86400000 ms, got 0s"},
	    {"dialect: opnai", "\"dialect\" must be one of openai, got "
			       "\"opnai\"; did you mean \"openai\"?"},
	    {"stream_usage: maybe",
		"\"stream_usage\" must be true or false, got \"maybe\""},
	    {"timeout: {total: 1s}",
		"unknown key \"timeout\" in providers[]; did you mean "
		"\"timeouts\"?"},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
		    "models: [{name: up/small, provider: up}]\n"
		    "providers: [{name: up, base_url: 'http://a', %s}]\n"
		    "policy: policy.yaml\n",
		    cases[i].more);
		place_load(place, text);
		assert_null(place->config);
		assert_int_equal(mistakes_count(place->mistakes), 1);
		if (!strstr(
			mistakes_line(place->mistakes, 0), cases[i].mistake) ||
		    !strstr(mistakes_line(place->mistakes, 0), "yaml:2:"))
			fail_msg("%s", mistakes_line(place->mistakes, 0));
	}
}

static void tells_every_mistake_in_one_run(void **state)
{
	struct place *place = *state;

	place_load(place,
	    "lisen: :1\n"
	    "limits: {body: 1}\n"
	    "keys:\n"
	    "  - {name: a, key: short}\n"
	    "  - {name: a, key_sha256: 12}\n"
	    "providers:\n"
	    "  - {name: up, base_url: nowhere}\n"
	    "models:\n"
	    "  - {name: up/small, provider: upp}\n"
	    "  - {name: up/large, provider: up, capabilities: [chatt]}\n"
	    "policy: other.yaml\n");
	assert_null(place->config);
	place_assert_said(place,
	    "1:1: unknown key \"lisen\" in the configuration; did you mean "
	    "\"listen\"?");
	place_assert_said(
	    place, "2:16: \"body\" must be 1024 to 1073741824 bytes, got 1");
	place_assert_said(place, "4:20: a key must have at least 8 characters");
	place_assert_said(
	    place, "5:27: \"key_sha256\" must be 64 hexadecimal digits");
	place_assert_said(place, "5:5: a second key named \"a\"");
	place_assert_said(place,
	    "7:26: \"base_url\" must be http://host[:port][/path] or "
	    "https://..., without user, query or fragment");
	place_assert_said(place, "9:32: unknown provider \"upp\"; did you "
				 "mean \"up\"?");
	place_assert_said(place, "10:51: unknown capability \"chatt\"; did "
				 "you mean \"chat\"?");
	assert_int_equal(mistakes_count(place->mistakes), 9);
	assert_non_null(strstr(
	    mistakes_line(place->mistakes, 8), "sluice.yaml:11:9: policy: "));
	assert_non_null(
	    strstr(mistakes_line(place->mistakes, 8), "No such file"));
}

static void wants_what_it_cannot_do_without(void **state)
{
	struct place *place = *state;

	place_load(place, "listen: :1\n");
	assert_null(place->config);
	place_assert_said(
	    place, "1:1: \"providers\" is missing in the configuration");
	place_assert_said(
	    place, "1:1: \"models\" is missing in the configuration");
	place_assert_said(
	    place, "1:1: \"policy\" is missing in the configuration");
	place_load(place, "[]\n");
	place_assert_said(
	    place, "1:1: the configuration must be a map of settings");
	assert_int_equal(mistakes_count(place->mistakes), 1);
}

static void tells_mistakes_of_the_policy_by_its_own_file(void **state)
{
	struct place *place = *state;

	place_write(place, "policy.yaml",
	    "name: p\nbaseline: up/smal\nuse: [up/small]\n");
	place_load(place, PLACE_BASE);
	assert_null(place->config);
	assert_int_equal(mistakes_count(place->mistakes), 1);
	assert_non_null(
	    strstr(mistakes_line(place->mistakes, 0), "/policy.yaml:2:11: "));
	assert_non_null(strstr(mistakes_line(place->mistakes, 0), "up/small"));
}

static void a_variable_that_is_not_set_is_a_mistake(void **state)
{
	struct place *place = *state;

	place_load(place, PLACE_BASE "listen: \"${NOT_SET}:1\"\n");
	assert_null(place->config);
	assert_int_equal(mistakes_count(place->mistakes), 1);
	assert_non_null(
	    strstr(mistakes_line(place->mistakes, 0), "sluice.yaml:6:9: "));
	assert_non_null(strstr(mistakes_line(place->mistakes, 0), "NOT_SET"));
	place_load_well(place, PLACE_BASE "listen: \"${NOT_SET:-}:1\"\n");
	assert_string_equal(place->config->listen, ":1");
}

static void a_file_that_is_not_there_is_said(void **state)
{
	struct place *place = *state;

	place->mistakes = mistakes_new();
	place->config = config_load(place_path(place, "not-there.yaml"),
	    config_environment, place->mistakes);
	assert_null(place->config);
	assert_int_equal(mistakes_count(place->mistakes), 1);
	assert_non_null(
	    strstr(mistakes_line(place->mistakes, 0), "No such file"));
}

static void refuses_lists_and_maps_that_are_none(void **state)
{
	REFUSES("keys: a\n", "6:7: \"keys\" must be a list");
	REFUSES(
	    "admin_hosts: {a: b}\n", "6:14: \"admin_hosts\" must be a list");
	REFUSES("limits: 3\n", "6:9: limits must be a map of settings");
	REFUSES("admin_hosts: [[a]]\n", "6:15: expected a word");
	REFUSES("keys: [a]\n", "6:8: keys[] must be a map of settings");
}

static void a_tls_section_needs_both_files(void **state)
{
	struct place *place = *state;

	REFUSES("tls: {cert: a.pem}\n", "6:6: \"key\" is missing in tls");
	place_load(place, PLACE_BASE "tls: {cert: a.pem, key: b.pem}\n");
	assert_null(place->config);
	assert_non_null(strstr(
	    mistakes_line(place->mistakes, 0), "sluice.yaml:6:6: tls: "));
}

/* --- keys -------------------------------------------------------------------
 */

static void finds_keys_by_their_digest_and_name(void **state)
{
	/* b is sk-by-digest. */
	const struct config *config = place_load_well(*state, PLACE_BASE
	    "keys:\n"
	    "  - {name: a, key: sk-by-text}\n"
	    "  - {name: b, key_sha256: "
	    "1DFA8603A2ABDCFE9C523C53B53579AC45951C03066900EBBF0C03767EDFAD90}"
	    "\n");
	struct sha256 digest = hash_sha256(SPAN("sk-by-text"));
	struct sha256 other;

	assert_ptr_equal(config_find_key(config, &digest), &config->keys[0]);
	other = hash_sha256(SPAN("sk-by-digest"));
	assert_ptr_equal(config_find_key(config, &other), &config->keys[1]);
	digest = hash_sha256(SPAN("sk-by-texT"));
	assert_null(config_find_key(config, &digest));
	assert_ptr_equal(config_key_named(config, SPAN("b")), &config->keys[1]);
	assert_null(config_key_named(config, SPAN("c")));
}

static void a_key_may_use_what_it_lists(void **state)
{
	const struct config *config = place_load_well(*state, PLACE_BASE
	    "keys:\n"
	    "  - {name: all, key: sk-first-key}\n"
	    "  - {name: one, key: sk-second-key, models: [up/small]}\n"
	    "  - {name: free, key: sk-third-key, models: [auto], "
	    "tags: [x, y]}\n"
	    "  - {name: none, key: sk-fourth-key, models: []}\n");

	assert_null(config->keys[0].may_use);
	assert_true(config->keys[0].may_auto);
	assert_true(config->keys[1].may_use[0]);
	assert_false(config->keys[1].may_auto);
	assert_false(config->keys[2].may_use[0]);
	assert_true(config->keys[2].may_auto);
	assert_int_equal(config->keys[2].n_tags, 2);
	assert_string_equal(config->keys[2].tags[1], "y");
	assert_false(config->keys[3].may_use[0]);
	assert_false(config->keys[3].may_auto);
}

static void refuses_keys_that_are_wrong(void **state)
{
	struct place *place = *state;

	REFUSES("keys: [{name: a}]\n",
	    "6:8: exactly one of \"key\" and \"key_sha256\" must be given");
	REFUSES("keys: [{name: a, key: sk-a-long-key, key_sha256: 12}]\n",
	    "6:8: exactly one of \"key\" and \"key_sha256\" must be given");
	REFUSES("keys: [{key: sk-a-long-key}]\n",
	    "6:8: \"name\" is missing in keys[]");
	REFUSES("keys: [{name: '', key: sk-a-long-key}]\n",
	    "6:15: \"name\" must not be empty");
	REFUSES("keys: [{name: a, key: sk-a-long-key, models: [up/smal]}]\n",
	    "6:47: unknown model \"up/smal\"; did you mean \"up/small\"?");
	REFUSES("keys:\n  - {name: a, key: sk-a-long-key}\n"
		"  - {name: b, key: sk-a-long-key}\n",
	    "8:5: the same key as \"a\"");
	/* Two that could not be read are not the same one. */
	place_load(place, PLACE_BASE "keys:\n  - {name: a}\n  - {name: b}\n");
	assert_int_equal(mistakes_count(place->mistakes), 2);
}

static void a_name_must_fit_into_the_ledger(void **state)
{
	struct place *place = *state;
	char name[300];
	char text[1024];

	memset(name, 'n', sizeof(name));
	for (int len = LEDGER_NAME_MAX; len <= LEDGER_NAME_MAX + 1; len++) {
		snprintf(text, sizeof(text),
		    PLACE_BASE "keys: [{name: %.*s, key: sk-a-long-key}]\n",
		    len, name);
		place_load(place, text);
		assert_int_equal(
		    mistakes_count(place->mistakes), len > LEDGER_NAME_MAX);
	}
	place_assert_said(place, "6:15: a name has at most 255 bytes, got 256");
	snprintf(text, sizeof(text),
	    "providers: [{name: up, base_url: http://a}]\n"
	    "models: [{name: up/small, provider: up}, "
	    "{name: %.256s, provider: up}]\n"
	    "policy: policy.yaml\n",
	    name);
	place_load(place, text);
	place_assert_said(place, "2:49: a name has at most 255 bytes, got 256");
}

/* --- models and providers ---------------------------------------------------
 */

static void refuses_models_and_providers_that_are_wrong(void **state)
{
	static const struct {
		const char *models, *mistake;
	} cases[] = {
	    {"{name: auto, provider: up}",
		"\"auto\" is the name by which clients leave the choice to "
		"the policy; call the model something else"},
	    {"{name: up/small, provider: up}",
		"a second model named \"up/small\""},
	    {"{name: b}", "\"provider\" is missing in models[]"},
	    {"{name: '', provider: up}", "\"name\" must not be empty"},
	    {"{name: \"a\\tb\\n\", provider: up}",
		"a model's name must be printable"},
	    {"{name: b, provider: up, context: -1}",
		"\"context\" must be a whole number, got \"-1\""},
	    {"{name: b, provider: up, price: {input: 0.1234567891}}",
		"has more than nine fractional digits"},
	    {"{name: b, provider: up, price: {outptu: 1}}",
		"unknown key \"outptu\" in models[].price; did you mean "
		"\"output\"?"},
	    {"{name: b, provider: up, price: 3}",
		"models[].price must be a map of settings"},
	    {"{name: b, provider: up, capabilities: [[chat]]}",
		"unknown capability \"\""},
	    {"{name: b, provider: up, capabilities: chat}",
		"\"capabilities\" must be a list"},
	};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
		    "providers: [{name: up, base_url: http://a}]\n"
		    "models: [{name: up/small, provider: up}, %s]\n"
		    "policy: policy.yaml\n",
		    cases[i].models);
		place_load(place, text);
		assert_null(place->config);
		if (mistakes_count(place->mistakes) != 1 ||
		    !strstr(
			mistakes_line(place->mistakes, 0), cases[i].mistake))
			fail_msg("%s: %s", cases[i].models,
			    mistakes_line(place->mistakes, 0));
	}
	place_load(place, "providers: [{name: up, base_url: http://a}, "
			  "{name: up, base_url: http://b}]\n"
			  "models: [{name: up/small, provider: up}]\n"
			  "policy: policy.yaml\n");
	place_assert_said(place, "1:45: a second provider named \"up\"");
}

static void a_provider_key_must_fit_into_a_header(void **state)
{
	static const char *const keys[] = {"''", "\"a\\nb\"", "\"a\\u00000\""};
	struct place *place = *state;

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		char text[512];

		snprintf(text, sizeof(text),
		    "models: [{name: up/small, provider: up}]\n"
		    "providers: [{name: up, base_url: http://a, api_key: %s}]\n"
		    "policy: policy.yaml\n",
		    keys[i]);
		place_load(place, text);
		if (place->config)
			fail_msg("%s was taken", keys[i]);
	}
}

static void capabilities_that_name_no_endpoint_mean_chat(void **state)
{
	const struct config *config = place_load_well(*state,
	    "providers: [{name: up, base_url: http://a}]\n"
	    "models:\n"
	    "  - {name: up/small, provider: up, capabilities: [vision]}\n"
	    "  - {name: e, provider: up, capabilities: [embeddings]}\n"
	    "  - {name: c, provider: up, capabilities: [completions, tools]}\n"
	    "  - {name: n, provider: up, capabilities: []}\n"
	    "  - {name: a, provider: up, capabilities: [chat, completions, "
	    "embeddings, tools, json, vision, audio]}\n"
	    "policy: policy.yaml\n");

	assert_int_equal(config->models[0].capabilities,
	    CAN_CHAT | CAN_COMPLETIONS | CAN_VISION);
	assert_int_equal(config->models[1].capabilities, CAN_EMBEDDINGS);
	assert_int_equal(
	    config->models[2].capabilities, CAN_COMPLETIONS | CAN_TOOLS);
	assert_int_equal(
	    config->models[3].capabilities, CAN_CHAT | CAN_COMPLETIONS);
	assert_int_equal(config->models[4].capabilities, 127);
	assert_int_equal(config_find_model(config, SPAN("c")), 2);
	assert_int_equal(config_find_model(config, SPAN("d")), SIZE_MAX);
}

/* --- warnings ---------------------------------------------------------------
 */

/* How many warnings of <text> there are; <words> stand in one of them. */
static size_t warns(struct place *place, const char *text, const char *words)
{
	struct mistakes *warnings = mistakes_new();
	size_t n;
	bool is_said = false;

	config_warnings(place_load_well(place, text), warnings);
	n = mistakes_count(warnings);
	for (size_t i = 0; i < n; i++)
		is_said |= strstr(mistakes_line(warnings, i), words) != NULL;
	mistakes_free(&warnings);
	if (!is_said && words[0])
		fail_msg("no warning of \"%s\"", words);
	return n;
}

#define KEYS "keys: [{name: a, key: sk-a-long-key}]\n"
#define POLICY "policy: policy.yaml\n"
#define UP(more) "providers: [{name: up, base_url: http://localhost" more "}]\n"
#define SMALL(more) "models: [{name: up/small, provider: up" more "}]\n"
#define PRICED SMALL(", price: {input: 1, output: 2}")

static void says_aloud_what_is_allowed_but_odd(void **state)
{
	struct place *place = *state;

	assert_int_equal(warns(place, KEYS UP("") PRICED POLICY, ""), 0);
	assert_int_equal(
	    warns(place, UP("") PRICED POLICY, "no keys: every request"), 1);
	assert_int_equal(warns(place, KEYS UP("") SMALL("") POLICY,
			     "model \"up/small\" has no price"),
	    1);
	assert_int_equal(
	    warns(place, KEYS UP("") SMALL(", price: {input: 1}") POLICY,
		"has no price"),
	    1);
	assert_int_equal(
	    warns(place,
		KEYS UP("") SMALL(
		    ", price: {input: 1}, capabilities: [embeddings]") POLICY,
		""),
	    0);
	assert_int_equal(
	    warns(place, KEYS UP("") PRICED POLICY "admin: :8081\n",
		"admin listens on :8081, which is not a loopback address"),
	    1);
	assert_int_equal(
	    warns(place, KEYS UP("") PRICED POLICY "admin: '[::1]:8081'\n", ""),
	    0);
	assert_int_equal(
	    warns(place, KEYS UP(".example.com, api_key: k") PRICED POLICY,
		"provider \"up\": its key is sent over plain http"),
	    1);
	assert_int_equal(
	    warns(place, KEYS UP(", api_key: k") PRICED POLICY, ""), 0);
	assert_int_equal(
	    warns(place, KEYS UP(":80/v1, api_key: k") PRICED POLICY, ""), 0);
}

static void documents_every_section(void **state)
{
	static const char *const names[] = {"## the configuration", "## tls",
	    "## limits", "## keys[]", "## providers[]",
	    "## providers[].breaker", "## models[].price", "`cached_input`"};
	struct buf out;

	(void)state;
	buf_init(&out, 1 << 20);
	assert_true(config_write_docs(&out));
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (span_find(buf_span(&out), span_of(names[i]), 0) == SIZE_MAX)
			fail_msg("no %s", names[i]);
	buf_free(&out);
}

#define TEST(name)                                                             \
	cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_short_file_gets_every_default),
	    TEST(reads_all_that_a_file_may_say),
	    TEST(paths_are_relative_to_the_file_they_stand_in),
	    TEST(takes_urls_apart),
	    TEST(refuses_urls_that_are_not_plain),
	    TEST(every_range_is_held),
	    TEST(every_range_of_a_provider_is_held),
	    TEST(tells_every_mistake_in_one_run),
	    TEST(wants_what_it_cannot_do_without),
	    TEST(tells_mistakes_of_the_policy_by_its_own_file),
	    TEST(a_variable_that_is_not_set_is_a_mistake),
	    TEST(a_file_that_is_not_there_is_said),
	    TEST(refuses_lists_and_maps_that_are_none),
	    TEST(a_tls_section_needs_both_files),
	    TEST(finds_keys_by_their_digest_and_name),
	    TEST(a_key_may_use_what_it_lists),
	    TEST(refuses_keys_that_are_wrong),
	    TEST(a_name_must_fit_into_the_ledger),
	    TEST(refuses_models_and_providers_that_are_wrong),
	    TEST(a_provider_key_must_fit_into_a_header),
	    TEST(capabilities_that_name_no_endpoint_mean_chat),
	    TEST(says_aloud_what_is_allowed_but_odd),
	    cmocka_unit_test(documents_every_section),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
