# Tests of this room.
check_PROGRAMS += tests/loop/test_awake
TESTS += tests/loop/test_awake
tests_loop_test_awake_SOURCES = tests/loop/test_awake.c
tests_loop_test_awake_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_loop_test_awake_LDADD = src/loop/libcf-loop.a $(CMOCKA_LIBS)

check_PROGRAMS += tests/loop/test_loop
TESTS += tests/loop/test_loop
tests_loop_test_loop_SOURCES = tests/loop/test_loop.c
tests_loop_test_loop_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_loop_test_loop_LDADD = src/loop/libcf-loop.a src/base/libcf-base.a \
	$(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/loop/test_mailbox
TESTS += tests/loop/test_mailbox
tests_loop_test_mailbox_SOURCES = tests/loop/test_mailbox.c
tests_loop_test_mailbox_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_loop_test_mailbox_LDADD = src/loop/libcf-loop.a src/base/libcf-base.a \
	$(CMOCKA_LIBS) $(PTHREAD_LIBS)
