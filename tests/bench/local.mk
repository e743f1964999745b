# What childflow costs beside other programs: `make bench-engine`, as root. No part of make check.
EXTRA_PROGRAMS += tests/bench/traffic tests/bench/relay tests/bench/slirp tests/bench/floor
tests_bench_traffic_SOURCES = \
	tests/bench/connects.c \
	tests/bench/datagrams.c \
	tests/bench/hold.c \
	tests/bench/pingpong.c \
	tests/bench/queries.c \
	tests/bench/serve.c \
	tests/bench/traffic.c \
	tests/bench/traffic.h
tests_bench_traffic_CFLAGS = $(AM_CFLAGS)
tests_bench_relay_SOURCES = tests/bench/relay.c
tests_bench_relay_CFLAGS = $(AM_CFLAGS)
tests_bench_slirp_SOURCES = tests/bench/slirp.c
tests_bench_slirp_CFLAGS = $(AM_CFLAGS)
tests_bench_floor_SOURCES = tests/bench/floor.c
tests_bench_floor_CFLAGS = $(AM_CFLAGS)
tests_bench_floor_LDADD = $(childflow_LDADD)
BENCH_BUILT = tests/bench/traffic$(EXEEXT) tests/bench/relay$(EXEEXT) tests/bench/slirp$(EXEEXT) \
	tests/bench/floor$(EXEEXT)
CLEANFILES += $(BENCH_BUILT)
EXTRA_DIST += \
	tests/bench/document.py \
	tests/bench/lab.py \
	tests/bench/measures.py \
	tests/bench/plot.py \
	tests/bench/captured.py \
	tests/bench/proxied.py \
	tests/bench/queries.py \
	tests/bench/run

# What policies cost that were written to cost much; needs no root.
EXTRA_PROGRAMS += tests/bench/bombs
tests_bench_bombs_SOURCES = tests/bench/bombs.c tests/policy/bombs.c tests/policy/bombs.h \
	tests/policy/bombs_right.c tests/policy/bombs_write.h
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

# BENCH_FLAGS=--document writes doc/PERFORMANCE.md anew.
bench-engine: childflow$(EXEEXT) $(BENCH_BUILT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--programs $(abs_builddir)/tests/bench --policies $(abs_srcdir)/policies $(BENCH_FLAGS)
.PHONY: bench-engine

# The resolver alone, beside dnsmasq and unbound (which is measured when it is installed).
bench-dns: childflow$(EXEEXT) $(BENCH_BUILT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--programs $(abs_builddir)/tests/bench --policies $(abs_srcdir)/policies --only DNS
.PHONY: bench-dns

# Through squid, tinyproxy, dante and microsocks (each is measured when it is installed), beside curl's
# own use of them.
bench-proxy: childflow$(EXEEXT) $(BENCH_BUILT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--programs $(abs_builddir)/tests/bench --policies $(abs_srcdir)/policies --only ' by '
.PHONY: bench-proxy

# With a capture and without, and tcpdump beside pasta.
bench-capture: childflow$(EXEEXT) $(BENCH_BUILT)
	$(srcdir)/tests/bench/run --childflow $(abs_builddir)/childflow \
		--programs $(abs_builddir)/tests/bench --policies $(abs_srcdir)/policies --only captured
.PHONY: bench-capture

# One after the other, also with -j.
bench:
	$(MAKE) $(AM_MAKEFLAGS) bench-profile
	$(MAKE) $(AM_MAKEFLAGS) bench-engine
.PHONY: bench
