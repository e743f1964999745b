# Tests of this room.
check_PROGRAMS += tests/base/test_hash
TESTS += tests/base/test_hash
tests_base_test_hash_SOURCES = tests/base/test_hash.c
tests_base_test_hash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_hash_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)
