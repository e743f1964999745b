# How tests are run and counted, and the check that the house keeps to its floors.
EXTRA_DIST += \
	tests/tools/check-rooms \
	tests/tools/newer-cares \
	tests/tools/summarise \
	tests/tools/test-driver
TESTS += tests/tools/check-rooms

# One result for each case, not for each program.
LOG_DRIVER = $(srcdir)/tests/tools/test-driver

# check-rooms compiles each header alone with what this build uses.
AM_TESTS_ENVIRONMENT = \
	CC='$(CC)'; CPPFLAGS='$(AM_CPPFLAGS) $(CPPFLAGS)'; CFLAGS='$(CF_CFLAGS)'; \
	export CC CPPFLAGS CFLAGS;

# What has several threads and no namespaces, which no program under TSan can make: for a build with
# --enable-thread-sanitizer. A test of shards starts threads in a process that it forked, which TSan
# does not watch unless it is told to go on.
threaded_tests = tests/engine/test_limits tests/engine/test_relay tests/engine/test_shards \
	tests/loop/test_mailbox
check-threads: $(threaded_tests)
	@for test in $(threaded_tests); do \
		TSAN_OPTIONS="die_after_fork=0 $$TSAN_OPTIONS" ./$$test || exit 1; \
	done
.PHONY: check-threads
