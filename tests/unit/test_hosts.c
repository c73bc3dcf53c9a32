/* test_hosts.c -- the hosts file, and the order of addresses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/hosts.h"

static char path[] = "/tmp/sluice-hosts-XXXXXX";

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_true(fputs(text, file) >= 0);
	assert_int_equal(fclose(file), 0);
}

static int make_file(void **state)
{
	int fd;

	(void)state;
	snprintf(path, sizeof(path), "/tmp/sluice-hosts-XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static const char *text_of(const struct address *address)
{
	static char text[INET6_ADDRSTRLEN];
	const void *bytes = &address->u.v6.sin6_addr;

	if (address->u.any.sa_family == AF_INET)
		bytes = &address->u.v4.sin_addr;
	return inet_ntop(address->u.any.sa_family, bytes, text, sizeof(text));
}

static void finds_every_address_of_a_name_in_any_case(void **state)
{
	struct hosts hosts = {0};
	struct address_set set;
	struct addresses found;

	(void)state;
	write_file("# 9.9.9.9 model.test\n"
		   "\t10.0.0.1  other model.test # 10.0.0.9\n"
		   "fd00::1 MODEL.test\r\n"
		   "10.0.0.2 model.test model.test\n"
		   "nonsense model.test\n"
		   "10.0.0.3 notmodel.test model.tes # model.test");
	hosts_load(&hosts, path);
	assert_true(hosts_find(&hosts, SPAN("Model.Test."), &set));
	assert_int_equal(set.n_v4, 2);
	assert_int_equal(set.n_v6, 1);
	address_set_order(&set, 8080, 0, &found);
	assert_int_equal(found.n, 3);
	assert_string_equal(text_of(&found.list[0]), "10.0.0.1");
	assert_string_equal(text_of(&found.list[1]), "fd00::1");
	assert_string_equal(text_of(&found.list[2]), "10.0.0.2");
	assert_int_equal(ntohs(found.list[0].u.v4.sin_port), 8080);
	assert_int_equal(ntohs(found.list[1].u.v6.sin6_port), 8080);
	assert_false(hosts_find(&hosts, SPAN("model"), &set));
	hosts_clear(&hosts);
}

static void rotates_each_family_by_the_turn(void **state)
{
	struct hosts hosts = {0};
	struct address_set set;
	struct addresses found;

	(void)state;
	write_file("10.0.0.1 m\n10.0.0.2 m\nfd00::1 m\nfd00::2 m\n");
	hosts_load(&hosts, path);
	assert_true(hosts_find(&hosts, SPAN("m"), &set));
	address_set_order(&set, 1, 1, &found);
	assert_int_equal(found.n, 4);
	assert_string_equal(text_of(&found.list[0]), "10.0.0.2");
	assert_string_equal(text_of(&found.list[1]), "fd00::2");
	assert_string_equal(text_of(&found.list[2]), "10.0.0.1");
	assert_string_equal(text_of(&found.list[3]), "fd00::1");
	hosts_clear(&hosts);
}

static void keeps_a_bounded_number_of_addresses(void **state)
{
	struct hosts hosts = {0};
	struct address_set set;
	char text[1024];
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 20; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len,
		    "10.0.0.%d m\nfd00::%d m\n", i, i);
	write_file(text);
	hosts_load(&hosts, path);
	assert_true(hosts_find(&hosts, SPAN("m"), &set));
	assert_int_equal(set.n_v4, RESOLVE_FAMILY_MAX);
	assert_int_equal(set.n_v6, RESOLVE_FAMILY_MAX);
	hosts_clear(&hosts);
}

static void knows_localhost_without_a_file(void **state)
{
	struct hosts hosts = {0};
	struct address_set set;

	(void)state;
	hosts_load(&hosts, "/nonexistent/hosts");
	assert_true(hosts_find(&hosts, SPAN("localhost"), &set));
	assert_int_equal(set.n_v4, 1);
	assert_int_equal(set.n_v6, 1);
	assert_true(hosts_find(&hosts, SPAN("a.LOCALHOST"), &set));
	assert_false(hosts_find(&hosts, SPAN("nolocalhost"), &set));
	assert_false(hosts_find(&hosts, SPAN(""), &set));
	hosts_clear(&hosts);
}

static void sees_that_a_file_has_changed(void **state)
{
	struct file_mark mark = {0};

	(void)state;
	write_file("10.0.0.1 m\n");
	assert_true(file_mark_changed(&mark, path));
	assert_false(file_mark_changed(&mark, path));
	write_file("10.0.0.1 m\n10.0.0.2 m\n");
	assert_true(file_mark_changed(&mark, path));
	assert_true(file_mark_changed(&mark, "/nonexistent/hosts"));
	assert_false(file_mark_changed(&mark, "/nonexistent/hosts"));
}

static void parses_addresses_and_nothing_else(void **state)
{
	struct address address;

	(void)state;
	assert_true(address_parse("192.0.2.7", 443, &address));
	assert_string_equal(text_of(&address), "192.0.2.7");
	assert_int_equal(address.len, sizeof(struct sockaddr_in));
	assert_true(address_parse("2001:db8::1", 443, &address));
	assert_string_equal(text_of(&address), "2001:db8::1");
	assert_int_equal(ntohs(address.u.v6.sin6_port), 443);
	assert_false(address_parse("localhost", 443, &address));
	assert_false(address_parse("127.1", 443, &address));
	assert_false(address_parse("[::1]", 443, &address));
	assert_false(address_parse("", 443, &address));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(
		finds_every_address_of_a_name_in_any_case, make_file,
		remove_file),
	    cmocka_unit_test_setup_teardown(
		rotates_each_family_by_the_turn, make_file, remove_file),
	    cmocka_unit_test_setup_teardown(
		keeps_a_bounded_number_of_addresses, make_file, remove_file),
	    cmocka_unit_test(knows_localhost_without_a_file),
	    cmocka_unit_test_setup_teardown(
		sees_that_a_file_has_changed, make_file, remove_file),
	    cmocka_unit_test(parses_addresses_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
