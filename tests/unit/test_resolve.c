/* test_resolve.c -- names looked up at a name server inside the test. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/loop_priv.h"
#include "net/resolve.h"

enum {
	TYPE_A = 1,
	TYPE_AAAA = 28,
	RCODE_OK = 0,
	RCODE_NXDOMAIN = 3,
};

/* What the server says of a question; the first row that fits. */
struct row {
	const char *name;
	int type;
	bool is_silent;
	int rcode;
	unsigned ttl;
	const char *address; /* NULL: no record of that type */
};

/* A name server on the loop of the test, and the resolver under test. */
struct fixture {
	struct loop *loop;
	struct resolver *resolver;
	struct event *event;
	int fd;
	char address[32];
	char hosts[32];
	const struct row *rows;
	size_t n_rows;
	unsigned n_questions;
};

/* One who waits. */
struct ask {
	struct resolve_waiter waiter;
	struct addresses found;
	char problem[80];
	unsigned n_calls;
};

static const struct row *find_row(
    const struct fixture *f, const char *name, int type)
{
	for (size_t i = 0; i < f->n_rows; i++) {
		if (!strcmp(f->rows[i].name, name) && f->rows[i].type == type)
			return &f->rows[i];
	}
	return NULL;
}

/* The question's name in lower case with dots; returns where it ends. */
static size_t read_name(const uint8_t *packet, char *name)
{
	size_t at = 12, out = 0;

	while (packet[at] != 0) {
		uint8_t len = packet[at++];

		for (; len > 0; len--, at++) {
			char c = (char)packet[at];

			name[out++] =
			    c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
		}
		name[out++] = '.';
	}
	name[out - 1] = '\0';
	return at + 1;
}

static size_t write_record(uint8_t *out, const struct row *row)
{
	struct address address;
	size_t len = row->type == TYPE_A ? 4 : 16;
	const void *bytes;

	assert_true(address_parse(row->address, 0, &address));
	bytes = row->type == TYPE_A ? (const void *)&address.u.v4.sin_addr
				    : (const void *)&address.u.v6.sin6_addr;
	memcpy(out, "\xc0\x0c\0\0\0\1\0\0\0\0\0\0", 12);
	out[3] = (uint8_t)row->type;
	out[9] = (uint8_t)row->ttl;
	out[11] = (uint8_t)len;
	memcpy(out + 12, bytes, len);
	return 12 + len;
}

static void serve(evutil_socket_t fd, short what, void *arg)
{
	struct fixture *f = arg;
	struct sockaddr_in from;
	socklen_t from_len = sizeof(from);
	uint8_t packet[1024];
	char name[256];
	const struct row *row;
	size_t end;

	(void)what;
	assert_true(recvfrom(fd, packet, 512, 0, (struct sockaddr *)&from,
			&from_len) > 12);
	f->n_questions++;
	end = read_name(packet, name) + 4;
	row = find_row(f, name, packet[end - 3]);
	if (row && row->is_silent)
		return;
	packet[2] = 0x81;
	packet[3] = (uint8_t)(0x80 | (row ? row->rcode : RCODE_NXDOMAIN));
	if (row && row->address) {
		packet[7] = 1;
		end += write_record(packet + end, row);
	}
	assert_int_equal(
	    sendto(fd, packet, end, 0, (struct sockaddr *)&from, from_len),
	    end);
}

static void start_server(struct fixture *f)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t len = sizeof(address);

	f->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(f->fd >= 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(f->fd, (struct sockaddr *)&address, len), 0);
	assert_int_equal(
	    getsockname(f->fd, (struct sockaddr *)&address, &len), 0);
	snprintf(f->address, sizeof(f->address), "127.0.0.1:%d",
	    ntohs(address.sin_port));
	f->event = event_new(
	    loop_base(f->loop), f->fd, EV_READ | EV_PERSIST, serve, f);
	assert_int_equal(event_add(f->event, NULL), 0);
}

static int start(void **state)
{
	struct fixture *f = mem_new(struct fixture);
	struct error err;
	int fd;

	alarm(60);
	f->loop = loop_new(&err);
	assert_non_null(f->loop);
	start_server(f);
	snprintf(f->hosts, sizeof(f->hosts), "/tmp/sluice-resolve-XXXXXX");
	fd = mkstemp(f->hosts);
	assert_true(fd >= 0);
	assert_true(write(fd, "10.1.1.1 in-hosts\n", 18) == 18);
	close(fd);
	*state = f;
	return 0;
}

static int stop(void **state)
{
	struct fixture *f = *state;

	resolver_free(&f->resolver);
	event_free(f->event);
	close(f->fd);
	unlink(f->hosts);
	loop_free(&f->loop);
	free(f);
	return 0;
}

static void make_resolver(struct fixture *f, struct resolver_options options,
    const struct row *rows, size_t n_rows)
{
	options.name_server = f->address;
	options.hosts_file = f->hosts;
	f->rows = rows;
	f->n_rows = n_rows;
	f->resolver = resolver_new(f->loop, &options);
}

static void get_found(
    const struct addresses *found, const char *problem, void *arg)
{
	struct ask *ask = arg;

	ask->n_calls++;
	if (found)
		ask->found = *found;
	else
		snprintf(ask->problem, sizeof(ask->problem), "%s", problem);
}

static enum result find(struct fixture *f, const char *name, struct ask *ask)
{
	struct error err;
	enum result result;

	memset(ask, 0, sizeof(*ask));
	list_init(&ask->waiter.link);
	ask->waiter.fn = get_found;
	ask->waiter.arg = ask;
	ask->waiter.port = 443;
	result =
	    resolver_find(f->resolver, name, &ask->waiter, &ask->found, &err);
	if (result == FAILED)
		snprintf(ask->problem, sizeof(ask->problem), "%.79s", err.text);
	return result;
}

static void turn_until_told(struct fixture *f, const struct ask *ask)
{
	while (ask->n_calls == 0)
		loop_turn(f->loop, LOOP_FOREVER);
}

static const char *text_of(const struct address *address)
{
	static char text[INET6_ADDRSTRLEN];
	const void *bytes = &address->u.v6.sin6_addr;

	if (address->u.any.sa_family == AF_INET)
		bytes = &address->u.v4.sin_addr;
	return inet_ntop(address->u.any.sa_family, bytes, text, sizeof(text));
}

static const struct row plain_rows[] = {
    {"model.test", TYPE_A, false, RCODE_OK, 60, "192.0.2.1"},
    {"model.test", TYPE_AAAA, false, RCODE_OK, 60, "2001:db8::1"},
    {"v4.test", TYPE_A, false, RCODE_OK, 60, "192.0.2.4"},
    {"v4.test", TYPE_AAAA, false, RCODE_OK, 60, NULL},
    {"fleeting.test", TYPE_A, false, RCODE_OK, 0, "192.0.2.5"},
    {"fleeting.test", TYPE_AAAA, false, RCODE_OK, 0, NULL},
    {"half-mute.test", TYPE_A, false, RCODE_OK, 60, "192.0.2.6"},
    {"half-mute.test", TYPE_AAAA, true, RCODE_OK, 0, NULL},
    {"mute.test", TYPE_A, true, RCODE_OK, 0, NULL},
    {"mute.test", TYPE_AAAA, true, RCODE_OK, 0, NULL},
    {"empty.test", TYPE_A, false, RCODE_OK, 0, NULL},
    {"empty.test", TYPE_AAAA, false, RCODE_OK, 0, NULL},
};
#define N_PLAIN_ROWS (sizeof(plain_rows) / sizeof(plain_rows[0]))

static void finds_both_families_and_remembers_them(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "model.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 2);
	assert_string_equal(text_of(&ask.found.list[0]), "192.0.2.1");
	assert_string_equal(text_of(&ask.found.list[1]), "2001:db8::1");
	assert_int_equal(ntohs(ask.found.list[0].u.v4.sin_port), 443);
	assert_int_equal(f->n_questions, 2);
	assert_int_equal(find(f, "model.test", &ask), OK);
	assert_int_equal(ask.found.n, 2);
	assert_int_equal(f->n_questions, 2);
}

static void answers_from_the_hosts_file_without_asking(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "in-hosts", &ask), OK);
	assert_int_equal(ask.found.n, 1);
	assert_string_equal(text_of(&ask.found.list[0]), "10.1.1.1");
	assert_int_equal(find(f, "localhost", &ask), OK);
	assert_int_equal(f->n_questions, 0);
}

static void says_that_a_name_does_not_exist_and_asks_again_later(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(f, (struct resolver_options){.keep_bad_ns = 1},
	    plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "nobody.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 0);
	assert_string_equal(ask.problem, "name does not exist");
	assert_int_equal(find(f, "nobody.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(f->n_questions, 4);
}

static void remembers_that_a_name_does_not_exist(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(f,
	    (struct resolver_options){.keep_bad_ns = NS_PER_S * 60}, plain_rows,
	    N_PLAIN_ROWS);
	assert_int_equal(find(f, "nobody.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(find(f, "nobody.test", &ask), FAILED);
	assert_string_equal(ask.problem, "name does not exist");
	assert_int_equal(f->n_questions, 2);
}

static void a_name_without_addresses_is_a_bad_one(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "empty.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 0);
	assert_true(ask.problem[0] != '\0');
}

static void takes_one_family_when_the_other_has_nothing_or_is_late(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "v4.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 1);
	assert_int_equal(find(f, "half-mute.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 1);
	assert_string_equal(text_of(&ask.found.list[0]), "192.0.2.6");
}

static void gives_up_at_its_own_deadline(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(f,
	    (struct resolver_options){.question_ns = 20 * NS_PER_MS},
	    plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "mute.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 0);
	assert_string_equal(ask.problem, "no answer from the name servers");
	/* The cancelled question's last word comes and harms nobody. */
	loop_turn(f->loop, 0);
	assert_int_equal(find(f, "model.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(ask.found.n, 2);
}

static void asks_once_for_all_who_wait(void **state)
{
	struct fixture *f = *state;
	struct ask asks[3];

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(find(f, "model.test", &asks[i]), AGAIN);
	resolver_cancel(&asks[1].waiter);
	turn_until_told(f, &asks[2]);
	assert_int_equal(f->n_questions, 2);
	assert_int_equal(asks[0].n_calls, 1);
	assert_int_equal(asks[1].n_calls, 0);
	assert_int_equal(asks[2].found.n, 2);
}

static void a_cancelled_lookup_still_fills_the_memory(void **state)
{
	struct fixture *f = *state;
	struct ask left, other;

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "model.test", &left), AGAIN);
	resolver_cancel(&left.waiter);
	resolver_cancel(&left.waiter);
	assert_int_equal(find(f, "v4.test", &other), AGAIN);
	turn_until_told(f, &other);
	assert_int_equal(left.n_calls, 0);
	assert_int_equal(find(f, "model.test", &left), OK);
}

static void a_short_lived_answer_is_kept_a_second_at_most(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(f, (struct resolver_options){.keep_ns = 1}, plain_rows,
	    N_PLAIN_ROWS);
	/* A long life is cut to keep_ns: asked for again at once. */
	assert_int_equal(find(f, "v4.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(find(f, "v4.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	/* None at all is stretched to a second: a burst asks once. */
	assert_int_equal(find(f, "fleeting.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(find(f, "fleeting.test", &ask), OK);
	assert_int_equal(f->n_questions, 6);
}

static void forgets_the_oldest_name_past_the_bound(void **state)
{
	struct fixture *f = *state;
	struct ask ask;

	make_resolver(f, (struct resolver_options){.names_max = 2}, plain_rows,
	    N_PLAIN_ROWS);
	assert_int_equal(find(f, "model.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(find(f, "v4.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(find(f, "in-hosts", &ask), OK);
	assert_int_equal(resolver_names(f->resolver), 2);
	assert_int_equal(find(f, "v4.test", &ask), OK);
	assert_int_equal(find(f, "model.test", &ask), AGAIN);
	turn_until_told(f, &ask);
	assert_int_equal(resolver_names(f->resolver), 2);
}

static void refuses_names_while_all_places_are_being_asked_for(void **state)
{
	struct fixture *f = *state;
	struct ask first, second;

	make_resolver(f, (struct resolver_options){.names_max = 1}, plain_rows,
	    N_PLAIN_ROWS);
	assert_int_equal(find(f, "mute.test", &first), AGAIN);
	assert_int_equal(find(f, "model.test", &second), FAILED);
	assert_int_equal(find(f, "", &second), FAILED);
	assert_string_equal(second.problem, "not a host name");
	resolver_cancel(&first.waiter);
}

static void can_be_freed_while_questions_are_under_way(void **state)
{
	struct fixture *f = *state;
	struct ask first, second, third;

	make_resolver(
	    f, (struct resolver_options){0}, plain_rows, N_PLAIN_ROWS);
	assert_int_equal(find(f, "model.test", &first), AGAIN);
	assert_int_equal(find(f, "mute.test", &second), AGAIN);
	while (f->n_questions < 4)
		loop_turn(f->loop, LOOP_FOREVER);
	resolver_cancel(&first.waiter);
	resolver_cancel(&second.waiter);
	assert_int_equal(find(f, "half-mute.test", &third), AGAIN);
	resolver_cancel(&third.waiter);
	resolver_free(&f->resolver);
	loop_turn(f->loop, 0);
	loop_turn(f->loop, 0);
	assert_null(f->resolver);
}

static void reads_the_hosts_file_again_when_it_has_changed(void **state)
{
	struct fixture *f = *state;
	struct ask ask;
	FILE *file;

	make_resolver(f, (struct resolver_options){.files_ns = 1}, plain_rows,
	    N_PLAIN_ROWS);
	assert_int_equal(find(f, "in-hosts", &ask), OK);
	file = fopen(f->hosts, "a");
	assert_non_null(file);
	assert_true(fputs("10.1.1.2 added\n", file) >= 0);
	fclose(file);
	assert_int_equal(find(f, "added", &ask), OK);
	assert_string_equal(text_of(&ask.found.list[0]), "10.1.1.2");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(finds_both_families_and_remembers_them),
	    TEST(answers_from_the_hosts_file_without_asking),
	    TEST(says_that_a_name_does_not_exist_and_asks_again_later),
	    TEST(remembers_that_a_name_does_not_exist),
	    TEST(a_name_without_addresses_is_a_bad_one),
	    TEST(takes_one_family_when_the_other_has_nothing_or_is_late),
	    TEST(gives_up_at_its_own_deadline),
	    TEST(asks_once_for_all_who_wait),
	    TEST(a_cancelled_lookup_still_fills_the_memory),
	    TEST(a_short_lived_answer_is_kept_a_second_at_most),
	    TEST(forgets_the_oldest_name_past_the_bound),
	    TEST(refuses_names_while_all_places_are_being_asked_for),
	    TEST(can_be_freed_while_questions_are_under_way),
	    TEST(reads_the_hosts_file_again_when_it_has_changed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
