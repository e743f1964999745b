# Figures beside other programs: `make bench`, as root. No part of make check.
EXTRA_PROGRAMS += tests/bench/connects
tests_bench_connects_SOURCES = tests/bench/connects.c
tests_bench_connects_CFLAGS = $(AM_CFLAGS)
CLEANFILES += tests/bench/connects$(EXEEXT)
EXTRA_DIST += tests/bench/run

# What policies cost that were written to cost much; needs no root.
EXTRA_PROGRAMS += tests/bench/bombs
tests_bench_bombs_SOURCES = tests/bench/bombs.c tests/policy/bombs.c tests/policy/bombs.h
tests_bench_bombs_CFLAGS = $(AM_CFLAGS)
tests_bench_bombs_LDADD = $(POLICY_LIBS)
CLEANFILES += tests/bench/bombs$(EXEEXT)

bench-bombs: tests/bench/bombs$(EXEEXT)
	tests/bench/bombs
.PHONY: bench-bombs

bench: childflow$(EXEEXT) tests/bench/connects$(EXEEXT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--connects $(abs_builddir)/tests/bench/connects \
		--policy $(abs_srcdir)/policies/build.yaml $(BENCH_FLAGS)
.PHONY: bench
