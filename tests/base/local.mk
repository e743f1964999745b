# Tests of this room.
check_PROGRAMS += tests/base/test_hash
TESTS += tests/base/test_hash
tests_base_test_hash_SOURCES = tests/base/test_hash.c
tests_base_test_hash_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_hash_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_addr
TESTS += tests/base/test_addr
tests_base_test_addr_SOURCES = tests/base/test_addr.c
tests_base_test_addr_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_addr_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_buffer
TESTS += tests/base/test_buffer
tests_base_test_buffer_SOURCES = tests/base/test_buffer.c
tests_base_test_buffer_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_buffer_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_error
TESTS += tests/base/test_error
tests_base_test_error_SOURCES = tests/base/test_error.c
tests_base_test_error_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_error_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_fd
TESTS += tests/base/test_fd
tests_base_test_fd_SOURCES = tests/base/test_fd.c
tests_base_test_fd_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_fd_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_intern
TESTS += tests/base/test_intern
tests_base_test_intern_SOURCES = tests/base/test_intern.c
tests_base_test_intern_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_intern_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_secret
TESTS += tests/base/test_secret
tests_base_test_secret_SOURCES = tests/base/test_secret.c
tests_base_test_secret_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_secret_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_egress
TESTS += tests/base/test_egress
tests_base_test_egress_SOURCES = tests/base/test_egress.c
tests_base_test_egress_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_egress_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/base/test_text
TESTS += tests/base/test_text
tests_base_test_text_SOURCES = tests/base/test_text.c
tests_base_test_text_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_base_test_text_LDADD = src/base/libcf-base.a $(CMOCKA_LIBS) $(PTHREAD_LIBS)
