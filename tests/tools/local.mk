# How tests are run and counted, and the check that the house keeps to its floors.
EXTRA_DIST += \
	tests/tools/check-rooms \
	tests/tools/summarise \
	tests/tools/test-driver
TESTS += tests/tools/check-rooms

# One result for each case, not for each program.
LOG_DRIVER = $(srcdir)/tests/tools/test-driver

# check-rooms compiles each header alone with what this build uses.
AM_TESTS_ENVIRONMENT = \
	CC='$(CC)'; CPPFLAGS='$(AM_CPPFLAGS) $(CPPFLAGS)'; CFLAGS='$(CF_CFLAGS)'; \
	export CC CPPFLAGS CFLAGS;
