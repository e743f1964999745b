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

# What policies cost to read and to ask, beside dnsmasq and a binary search; needs no root.
EXTRA_PROGRAMS += tests/bench/verdicts
tests_bench_verdicts_SOURCES = tests/bench/verdicts.c
tests_bench_verdicts_CFLAGS = $(AM_CFLAGS)
tests_bench_verdicts_LDADD = $(POLICY_LIBS)
CLEANFILES += tests/bench/verdicts$(EXEEXT)
EXTRA_DIST += tests/bench/profile

bench-profile: tests/bench/verdicts$(EXEEXT)
	$(srcdir)/tests/bench/profile --verdicts $(abs_builddir)/tests/bench/verdicts \
		$(BENCH_PROFILE_FLAGS)
.PHONY: bench-profile

bench: bench-profile childflow$(EXEEXT) tests/bench/connects$(EXEEXT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--connects $(abs_builddir)/tests/bench/connects \
		--policy $(abs_srcdir)/policies/build.yaml $(BENCH_FLAGS)
.PHONY: bench
