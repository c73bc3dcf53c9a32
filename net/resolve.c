/* resolve.c -- names to addresses: one question for all who wait, a cache. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolve.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include <event2/dns.h>
#include <event2/event.h>

#include "net/hosts.h"

#define N_BUCKETS 256
#define NAME_MAX_LEN 253 /* RFC 1035, 2.3.4, without the root's dot */

/* How long a good answer waits for the other family's: RFC 8305, section 3. */
#define OTHER_FAMILY_NS (50 * NS_PER_MS)

enum entry_state {
	ENTRY_ASKING,
	ENTRY_GOOD,
	ENTRY_BAD,
};

/*
 * One question to the name servers, A or AAAA. Its answer, or the news that it
 * was cancelled, comes through libevent's queue and may come late: so it lives
 * until then by itself, on the resolver's list, and its entry may let go of it.
 */
struct question {
	struct list link;
	struct resolver *resolver;
	struct entry *entry; /* NULL: nobody wants the answer any more */
	struct evdns_request *request;
};

struct entry {
	struct list chain; /* of its bucket */
	struct list age;   /* oldest first */
	struct resolver *resolver;
	enum entry_state state;
	int64_t until_ns;              /* good or bad: when it is forgotten */
	struct question *questions[2]; /* A, AAAA; NULL: answered */
	struct deadline deadline;
	struct list waiters;
	struct address_set found;
	int64_t ttl_ns;      /* the smallest of the answers' */
	const char *problem; /* static text */
	unsigned turn;
	char name[]; /* NUL-terminated */
};

struct resolver {
	struct loop *loop;
	struct resolver_options options;
	struct evdns_base *dns; /* made when first asked */
	struct hosts hosts;
	struct file_mark hosts_mark;
	struct file_mark conf_mark;
	int64_t check_files_ns; /* not before */
	struct list buckets[N_BUCKETS];
	struct list ages;
	size_t n_names;
	struct list questions;
	bool is_closing;
};

static void get_answer(
    int result, char type, int count, int ttl, void *addresses, void *arg);

/* --- the name servers ------------------------------------------------------
 */

static void log_dns(int is_warning, const char *text)
{
	if (is_warning)
		log_warn("resolver", "name_server", "detail=\"%s\"", text);
}

static void set_log(void)
{
	evdns_set_log_fn(log_dns);
}

/*
 * One second to a try instead of libevent's five: a lost datagram should not
 * cost a call its whole connect deadline. What resolv.conf says goes before.
 */
static bool open_dns(struct resolver *r)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (r->dns)
		return true;
	pthread_once(&once, set_log);
	r->dns = evdns_base_new(loop_base(r->loop), 0);
	if (!r->dns)
		return false;
	evdns_base_set_option(r->dns, "timeout:", "1");
	if (r->options.name_server)
		evdns_base_nameserver_ip_add(r->dns, r->options.name_server);
	else
		evdns_base_resolv_conf_parse(r->dns,
		    DNS_OPTION_SEARCH | DNS_OPTION_NAMESERVERS |
			DNS_OPTION_MISC,
		    r->options.resolv_conf);
	return evdns_base_count_nameservers(r->dns) > 0;
}

static void close_dns(struct resolver *r)
{
	if (r->dns)
		evdns_base_free(r->dns, 0);
	r->dns = NULL;
}

/*
 * Both files are small and local, and looked at only when a name that is not
 * remembered is asked for: the one place where the loop reads a file. New name
 * servers wait until no question is under way with the old ones.
 */
static void check_files(struct resolver *r)
{
	int64_t now = loop_now_ns(r->loop);

	if (now < r->check_files_ns || !list_is_empty(&r->questions))
		return;
	r->check_files_ns = now + r->options.files_ns;
	if (file_mark_changed(&r->hosts_mark, r->options.hosts_file))
		hosts_load(&r->hosts, r->options.hosts_file);
	if (!r->options.name_server &&
	    file_mark_changed(&r->conf_mark, r->options.resolv_conf))
		close_dns(r);
}

/* --- entries ---------------------------------------------------------------
 */

static struct list *find_bucket(struct resolver *r, struct span name)
{
	return &r->buckets[hash_fast(name, 0) % N_BUCKETS];
}

static struct entry *find_entry(struct resolver *r, struct span name)
{
	list_for_each(link, find_bucket(r, name)) {
		struct entry *entry = container_of(link, struct entry, chain);

		if (span_eq(span_of(entry->name), name))
			return entry;
	}
	return NULL;
}

static void free_entry(void *object)
{
	struct entry *entry = object;

	deadline_free(&entry->deadline);
	free(entry);
}

/* Who iterates over an entry may have caused this: it is freed later. */
static void drop_entry(struct entry *entry)
{
	struct resolver *r = entry->resolver;

	list_remove(&entry->chain);
	list_remove(&entry->age);
	deadline_clear(&entry->deadline);
	r->n_names--;
	loop_retire(r->loop, free_entry, entry);
}

/* Makes room for one more name; false when all are being asked for. */
static bool make_room(struct resolver *r)
{
	if (r->n_names < r->options.names_max)
		return true;
	list_for_each(link, &r->ages) {
		struct entry *entry = container_of(link, struct entry, age);

		if (entry->state != ENTRY_ASKING) {
			drop_entry(entry);
			return true;
		}
	}
	return false;
}

static void let_go(struct entry *entry)
{
	for (size_t i = 0; i < 2; i++) {
		struct question *question = entry->questions[i];

		if (!question)
			continue;
		entry->questions[i] = NULL;
		question->entry = NULL;
		evdns_cancel_request(entry->resolver->dns, question->request);
	}
}

static int64_t keep_for(const struct entry *entry)
{
	const struct resolver_options *options = &entry->resolver->options;

	if (entry->state == ENTRY_BAD)
		return options->keep_bad_ns;
	if (entry->ttl_ns < NS_PER_S)
		return NS_PER_S;
	return entry->ttl_ns < options->keep_ns ? entry->ttl_ns
						: options->keep_ns;
}

/* Settles what is known and tells all who wait. */
static void conclude(struct entry *entry)
{
	bool is_good = entry->found.n_v4 + entry->found.n_v6 > 0;
	struct list waiters, *link;

	let_go(entry);
	deadline_clear(&entry->deadline);
	entry->state = is_good ? ENTRY_GOOD : ENTRY_BAD;
	entry->until_ns = loop_now_ns(entry->resolver->loop) + keep_for(entry);
	list_init(&waiters);
	while ((link = list_pop_front(&entry->waiters)))
		list_push_back(&waiters, link);
	while ((link = list_pop_front(&waiters))) {
		struct resolve_waiter *waiter =
		    container_of(link, struct resolve_waiter, link);
		struct addresses found;

		address_set_order(
		    &entry->found, waiter->port, entry->turn++, &found);
		waiter->fn(
		    is_good ? &found : NULL, entry->problem, waiter->arg);
	}
}

static void end_question(void *arg)
{
	struct entry *entry = arg;

	if (!entry->problem)
		entry->problem = "no answer from the name servers";
	conclude(entry);
}

static struct entry *new_entry(struct resolver *r, struct span name)
{
	struct entry *entry = mem_zalloc(sizeof(*entry) + name.len + 1);

	entry->resolver = r;
	memcpy(entry->name, name.ptr, name.len);
	list_init(&entry->waiters);
	list_init(&entry->age);
	list_push_front(find_bucket(r, name), &entry->chain);
	deadline_init(&entry->deadline, r->loop, end_question, entry);
	r->n_names++;
	return entry;
}

/* --- questions and answers -------------------------------------------------
 */

static struct question *ask(struct entry *entry, bool is_v6)
{
	struct resolver *r = entry->resolver;
	struct question *question = mem_new(struct question);

	question->resolver = r;
	question->entry = entry;
	question->request = is_v6 ? evdns_base_resolve_ipv6(r->dns, entry->name,
					0, get_answer, question)
				  : evdns_base_resolve_ipv4(r->dns, entry->name,
					0, get_answer, question);
	if (!question->request) {
		free(question);
		return NULL;
	}
	list_push_back(&r->questions, &question->link);
	return question;
}

static void keep_addresses(
    struct entry *entry, char type, int count, const void *addresses)
{
	const struct in_addr *v4 = addresses;
	const struct in6_addr *v6 = addresses;

	for (int i = 0; i < count; i++) {
		if (type == DNS_IPv4_A)
			address_set_add_v4(&entry->found, &v4[i]);
		else if (type == DNS_IPv6_AAAA)
			address_set_add_v6(&entry->found, &v6[i]);
	}
}

static void get_answer(
    int result, char type, int count, int ttl, void *addresses, void *arg)
{
	struct question *question = arg;
	struct entry *entry = question->entry;
	bool is_last;

	if (question->resolver->is_closing)
		return; /* freed with its resolver */
	list_remove(&question->link);
	if (!entry) {
		free(question);
		return;
	}
	for (size_t i = 0; i < 2; i++) {
		if (entry->questions[i] == question)
			entry->questions[i] = NULL;
	}
	free(question);
	is_last = !entry->questions[0] && !entry->questions[1];
	if (result == DNS_ERR_NONE) {
		keep_addresses(entry, type, count, addresses);
		if (ttl * NS_PER_S < entry->ttl_ns)
			entry->ttl_ns = ttl * NS_PER_S;
	} else if (!entry->problem || result == DNS_ERR_NOTEXIST) {
		entry->problem = evdns_err_to_string(result);
	}
	if (is_last) {
		if (!entry->problem)
			entry->problem = "the name has no address";
		conclude(entry);
	} else if (entry->found.n_v4 + entry->found.n_v6 > 0) {
		deadline_after(&entry->deadline, OTHER_FAMILY_NS);
	}
}

static void start_asking(struct entry *entry)
{
	struct resolver *r = entry->resolver;

	entry->state = ENTRY_ASKING;
	entry->problem = NULL;
	entry->ttl_ns = INT64_MAX;
	memset(&entry->found, 0, sizeof(entry->found));
	list_remove(&entry->age);
	list_push_back(&r->ages, &entry->age);
	if (hosts_find(&r->hosts, span_of(entry->name), &entry->found)) {
		conclude(entry);
		return;
	}
	if (!open_dns(r)) {
		entry->problem = "no name server is configured";
		conclude(entry);
		return;
	}
	entry->questions[0] = ask(entry, false);
	entry->questions[1] = ask(entry, true);
	if (!entry->questions[0] && !entry->questions[1]) {
		entry->problem = "not a name that can be asked for";
		conclude(entry);
		return;
	}
	deadline_after(&entry->deadline, r->options.question_ns);
}

/* --- the outside -----------------------------------------------------------
 */

struct resolver *resolver_new(
    struct loop *loop, const struct resolver_options *options)
{
	struct resolver *r = mem_new(struct resolver);
	struct resolver_options *o = &r->options;

	r->loop = loop;
	if (options)
		*o = *options;
	o->resolv_conf = o->resolv_conf ? o->resolv_conf : "/etc/resolv.conf";
	o->hosts_file = o->hosts_file ? o->hosts_file : "/etc/hosts";
	o->question_ns = o->question_ns ? o->question_ns : 10 * NS_PER_S;
	o->keep_ns = o->keep_ns ? o->keep_ns : 30 * NS_PER_S;
	o->keep_bad_ns = o->keep_bad_ns ? o->keep_bad_ns : NS_PER_S;
	o->files_ns = o->files_ns ? o->files_ns : 5 * NS_PER_S;
	o->names_max = o->names_max ? o->names_max : 1024;
	for (size_t i = 0; i < N_BUCKETS; i++)
		list_init(&r->buckets[i]);
	list_init(&r->ages);
	list_init(&r->questions);
	return r;
}

static void destroy(void *object)
{
	struct resolver *r = object;
	struct list *link;

	while ((link = list_pop_front(&r->questions)))
		free(container_of(link, struct question, link));
	hosts_clear(&r->hosts);
	free(r);
}

static void retire(void *object)
{
	struct resolver *r = object;

	loop_retire(r->loop, destroy, r);
}

void resolver_free(struct resolver **resolver)
{
	struct resolver *r = *resolver;
	struct list *link;

	*resolver = NULL;
	if (!r)
		return;
	r->is_closing = true;
	while ((link = r->ages.next) != &r->ages) {
		struct entry *entry = container_of(link, struct entry, age);

		assert(list_is_empty(&entry->waiters));
		drop_entry(entry);
	}
	close_dns(r);
	/* Answers may still be in libevent's queue: after a turn they are out.
	 */
	loop_post(r->loop, retire, r);
}

enum result resolver_find(struct resolver *r, const char *name,
    struct resolve_waiter *waiter, struct addresses *found, struct error *err)
{
	struct span key = span_of(name);
	struct entry *entry = find_entry(r, key);

	if (key.len == 0 || key.len > NAME_MAX_LEN) {
		error_set(err, "not a host name");
		return FAILED;
	}
	if (!entry && !make_room(r)) {
		error_set(
		    err, "%zu names are being looked up already", r->n_names);
		return FAILED;
	}
	if (!entry || (entry->state != ENTRY_ASKING &&
			  loop_now_ns(r->loop) >= entry->until_ns)) {
		check_files(r);
		if (!entry)
			entry = new_entry(r, key);
		start_asking(entry);
	}
	if (entry->state == ENTRY_ASKING) {
		list_push_back(&entry->waiters, &waiter->link);
		return AGAIN;
	}
	if (entry->state == ENTRY_BAD) {
		error_set(err, "%s", entry->problem);
		return FAILED;
	}
	address_set_order(&entry->found, waiter->port, entry->turn++, found);
	return OK;
}

void resolver_cancel(struct resolve_waiter *waiter)
{
	list_remove(&waiter->link);
}

size_t resolver_names(const struct resolver *resolver)
{
	return resolver->n_names;
}
