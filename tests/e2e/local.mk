# The real program in a lab of namespaces, once for each identity.
TESTS += \
	tests/e2e/as-root \
	tests/e2e/as-user

# What the canaries of cases/leaks.py need: a program without libraries, and a module of the C
# library's name service. Neither can have a sanitizer in it.
check_PROGRAMS += tests/e2e/static tests/e2e/libnss_leak.so.2
tests_e2e_static_SOURCES = tests/e2e/static.c
tests_e2e_static_CFLAGS = $(AM_CFLAGS) -fno-sanitize=all
tests_e2e_static_LDFLAGS = -static
tests_e2e_libnss_leak_so_2_SOURCES = tests/e2e/nss_leak.c
tests_e2e_libnss_leak_so_2_CFLAGS = $(AM_CFLAGS) -fPIC -fno-sanitize=all
tests_e2e_libnss_leak_so_2_LDFLAGS = -shared
EXTRA_DIST += \
	tests/e2e/as-root \
	tests/e2e/as-user \
	tests/e2e/cases/alone.py \
	tests/e2e/cases/capture.py \
	tests/e2e/cases/capture_filter.py \
	tests/e2e/cases/capture_keys.py \
	tests/e2e/cases/capture_proofs.py \
	tests/e2e/cases/clients.py \
	tests/e2e/cases/explain.py \
	tests/e2e/cases/hostile.py \
	tests/e2e/cases/identity.py \
	tests/e2e/cases/interface.py \
	tests/e2e/cases/jobs.py \
	tests/e2e/cases/keys.py \
	tests/e2e/cases/killed.py \
	tests/e2e/cases/leaks.py \
	tests/e2e/cases/live.py \
	tests/e2e/cases/log.py \
	tests/e2e/cases/names.py \
	tests/e2e/cases/processes.py \
	tests/e2e/cases/proxy.py \
	tests/e2e/cases/proxy_edges.py \
	tests/e2e/cases/proxy_names.py \
	tests/e2e/cases/proxy_real.py \
	tests/e2e/cases/quic.py \
	tests/e2e/cases/secrets.py \
	tests/e2e/cases/shipped.py \
	tests/e2e/cases/status.py \
	tests/e2e/cases/threads.py \
	tests/e2e/cases/traffic.py \
	tests/e2e/cases/verdicts.py \
	tests/e2e/cases/verify.py \
	tests/e2e/lab/case.py \
	tests/e2e/lab/internet.py \
	tests/e2e/lab/liar.py \
	tests/e2e/lab/proxies.py \
	tests/e2e/lab/real_proxies.py \
	tests/e2e/lab/space.py \
	tests/e2e/lab/tap.py \
	tests/e2e/lab/uplinks.py \
	tests/e2e/leak \
	tests/e2e/probe \
	tests/e2e/run
