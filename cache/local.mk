# local.mk -- cache/: answers from before.

# Keys, entries and the memory store.
libsluice_a_SOURCES += \
	cache/cache.h \
	cache/entry.c cache/entry.h \
	cache/key.c cache/key.h \
	cache/memory_store.c cache/memory_store.h

UNIT_TESTS += \
	tests/unit/test_cache_entry \
	tests/unit/test_cache_key \
	tests/unit/test_memory_store
tests_unit_test_cache_entry_SOURCES = tests/unit/test_cache_entry.c
tests_unit_test_cache_key_SOURCES = tests/unit/test_cache_key.c \
	tests/unit/json_fixture.h
tests_unit_test_memory_store_SOURCES = tests/unit/test_memory_store.c
