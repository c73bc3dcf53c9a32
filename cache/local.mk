# local.mk -- cache/: answers from before.

# Keys, entries and the memory store.
libsluice_a_SOURCES += \
	cache/cache.h \
	cache/entry.c cache/entry.h \
	cache/key.c cache/key.h \
	cache/flight.c cache/flight.h \
	cache/memory_shard.c cache/memory_shard.h \
	cache/memory_store.c cache/memory_store.h

UNIT_TESTS += \
	tests/unit/test_cache_entry \
	tests/unit/test_cache_key \
	tests/unit/test_flight \
	tests/unit/test_memory_store
tests_unit_test_cache_entry_SOURCES = tests/unit/test_cache_entry.c
tests_unit_test_cache_key_SOURCES = tests/unit/test_cache_key.c \
	tests/unit/json_fixture.h
tests_unit_test_flight_SOURCES = tests/unit/test_flight.c
tests_unit_test_memory_store_SOURCES = tests/unit/test_memory_store.c

# Redis.
libsluice_a_SOURCES += \
	cache/redis.h \
	cache/redis_ask.c \
	cache/redis_breaker.c cache/redis_breaker.h \
	cache/redis_conn.c cache/redis_conn.h \
	cache/redis_link.c \
	cache/redis_name.c cache/redis_name.h \
	cache/redis_priv.h \
	cache/redis_store.c \
	cache/redis_tls.h \
	cache/redis_url.c cache/redis_url.h \
	cache/redis_writes.c cache/redis_writes.h
if HAVE_HIREDIS_SSL
libsluice_a_SOURCES += cache/redis_tls.c
else
libsluice_a_SOURCES += cache/redis_no_tls.c
endif

UNIT_TESTS += \
	tests/unit/test_redis_breaker \
	tests/unit/test_redis_faults \
	tests/unit/test_redis_store \
	tests/unit/test_redis_url \
	tests/unit/test_redis_writes
tests_unit_test_redis_breaker_SOURCES = tests/unit/test_redis_breaker.c
tests_unit_test_redis_faults_SOURCES = tests/unit/test_redis_faults.c \
	tests/unit/redis_fixture.c tests/unit/redis_fixture.h
tests_unit_test_redis_store_SOURCES = tests/unit/test_redis_store.c \
	tests/unit/certificates.c tests/unit/certificates.h \
	tests/unit/redis_fixture.c tests/unit/redis_fixture.h
tests_unit_test_redis_url_SOURCES = tests/unit/test_redis_url.c
tests_unit_test_redis_writes_SOURCES = tests/unit/test_redis_writes.c
