# Tests of this room. enter is a small engine, probe what it runs inside.
check_PROGRAMS += tests/sandbox/enter
tests_sandbox_enter_SOURCES = tests/sandbox/enter.c
tests_sandbox_enter_LDADD = \
	src/sandbox/libcf-sandbox.a src/loop/libcf-loop.a src/base/libcf-base.a \
	$(SECCOMP_LIBS) $(PTHREAD_LIBS)
