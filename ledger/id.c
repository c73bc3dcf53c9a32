/* id.c -- ids: the time in front, then random bits; their text. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "ledger/ledger.h"

/*
 * Two SplitMix streams (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
 * Generators, OOPSLA 2014), 64 and 16 bits of which make an id. A stream does
 * not repeat within a thread; seeds of 256 bits keep threads apart.
 */
struct generator {
	uint64_t state[2];
	uint64_t step[2]; /* odd */
	unsigned forks;   /* of the process when it was seeded */
	bool is_seeded;
};

static _Thread_local struct generator generator;

/* A child must not go on with its parent's stream. */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;
static atomic_uint forks;

static void count_fork(void)
{
	atomic_fetch_add_explicit(&forks, 1, memory_order_relaxed);
}

static void watch_forks(void)
{
	pthread_atfork(NULL, NULL, count_fork);
}

static void seed(struct generator *g)
{
	uint64_t words[4];
	size_t got = 0;

	pthread_once(&fork_once, watch_forks);
	while (got < sizeof(words)) {
		ssize_t n =
		    getrandom((char *)words + got, sizeof(words) - got, 0);

		if (n < 0 && errno != EINTR) {
			perror("sluice: the kernel gives no random bytes");
			abort();
		}
		got += n > 0 ? (size_t)n : 0;
	}
	*g = (struct generator){
	    .state = {words[0], words[1]},
	    .step = {words[2] | 1, words[3] | 1},
	    .forks = atomic_load_explicit(&forks, memory_order_relaxed),
	    .is_seeded = true,
	};
}

/* The finaliser of SplitMix64: a bijection of 64 bits. */
static uint64_t scramble(uint64_t z)
{
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static uint64_t draw(struct generator *g, int stream)
{
	g->state[stream] += g->step[stream];
	return scramble(g->state[stream]);
}

struct ledger_id ledger_id_new(int64_t utc_ns)
{
	struct generator *g = &generator;
	uint64_t ms = (uint64_t)(utc_ns / NS_PER_MS);
	struct ledger_id id;
	uint64_t low, high;

	if (!g->is_seeded ||
	    g->forks != atomic_load_explicit(&forks, memory_order_relaxed))
		seed(g);
	low = draw(g, 0);
	high = draw(g, 1);
	/* Big-endian, so that ids sort by time as text does. */
	for (int i = 0; i < 6; i++)
		id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
	id.bytes[6] = (uint8_t)(high >> 8);
	id.bytes[7] = (uint8_t)high;
	memcpy(id.bytes + 8, &low, sizeof(low));
	return id;
}

void ledger_id_format(const struct ledger_id *id, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(id->bytes); i++) {
		text[2 * i] = digits[id->bytes[i] >> 4];
		text[2 * i + 1] = digits[id->bytes[i] & 15];
	}
	text[2 * sizeof(id->bytes)] = '\0';
}

void ledger_id_format_request(const struct ledger_id *id, char *text)
{
	memcpy(text, "req_", 4);
	ledger_id_format(id, text + 4);
}

void ledger_id_format_attempt(const struct ledger_id *id, char *text)
{
	memcpy(text, "att_", 4);
	ledger_id_format(id, text + 4);
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

bool ledger_id_is_zero(const struct ledger_id *id)
{
	static const struct ledger_id zero;

	return !memcmp(id->bytes, zero.bytes, sizeof(zero.bytes));
}

bool ledger_id_parse(struct span text, struct ledger_id *id)
{
	struct ledger_id parsed;

	if (span_starts_with(text, SPAN("req_")) ||
	    span_starts_with(text, SPAN("att_")))
		text = span_from(text, 4);
	if (text.len != 2 * sizeof(parsed.bytes))
		return false;
	for (size_t i = 0; i < sizeof(parsed.bytes); i++) {
		int high = digit_of(text.ptr[2 * i]);
		int low = digit_of(text.ptr[2 * i + 1]);

		if (high < 0 || low < 0)
			return false;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*id = parsed;
	return true;
}
