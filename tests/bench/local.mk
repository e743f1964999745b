# Figures beside other programs: `make bench`, as root. No part of make check.
EXTRA_PROGRAMS += tests/bench/connects
tests_bench_connects_SOURCES = tests/bench/connects.c
tests_bench_connects_CFLAGS = $(AM_CFLAGS)
CLEANFILES += tests/bench/connects$(EXEEXT)
EXTRA_DIST += tests/bench/run

bench: childflow$(EXEEXT) tests/bench/connects$(EXEEXT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--connects $(abs_builddir)/tests/bench/connects \
		--policy $(abs_srcdir)/policies/build.yaml $(BENCH_FLAGS)
.PHONY: bench
