# Tests of this room; test_engine makes namespaces of its own.
engine_test_libs = src/engine/libcf-engine.a src/proxy/libcf-proxy.a src/dns/libcf-dns.a src/netlink/libcf-netlink.a \
	src/loop/libcf-loop.a src/audit/libcf-audit.a src/profile/libcf-profile.a \
	src/base/libcf-base.a $(CARES_LIBS) $(NL_LIBS) $(CRYPTO_LIBS) \
	$(PSL_LIBS) $(IDN2_LIBS) $(CMOCKA_LIBS) $(PTHREAD_LIBS)

engine_tests = tests/engine/test_engine tests/engine/test_exhausted tests/engine/test_flow \
	tests/engine/test_hello tests/engine/test_hits tests/engine/test_judge \
	tests/engine/test_limits tests/engine/test_packet tests/engine/test_relay \
	tests/engine/test_shards tests/engine/test_tcp_proxy tests/engine/test_udp_proxy
check_PROGRAMS += $(engine_tests)
TESTS += $(engine_tests)
# A world, a gateway, an engine, and what programs in the sandbox do.
engine_test_world = tests/engine/descriptors.c tests/engine/descriptors.h \
	tests/engine/dial.c tests/engine/dial.h \
	tests/engine/fixture.c tests/engine/fixture.h \
	tests/engine/inside.c tests/engine/inside.h \
	tests/engine/world.c tests/engine/world.h \
	tests/netlink/lab.c tests/netlink/lab.h
tests_engine_test_engine_SOURCES = tests/engine/test_engine.c $(engine_test_world)
tests_engine_test_engine_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_engine_LDADD = $(engine_test_libs)

tests_engine_test_exhausted_SOURCES = tests/engine/test_exhausted.c $(engine_test_world)
tests_engine_test_exhausted_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_exhausted_LDADD = $(engine_test_libs)

tests_engine_test_flow_SOURCES = tests/engine/test_flow.c
tests_engine_test_flow_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_flow_LDADD = $(engine_test_libs)

tests_engine_test_hello_SOURCES = tests/engine/test_hello.c
tests_engine_test_hello_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) \
	-DCORPUS='"$(abs_srcdir)/tests/fuzz/corpus/hello"'
tests_engine_test_hello_LDADD = $(engine_test_libs)

tests_engine_test_hits_SOURCES = tests/engine/test_hits.c $(engine_test_world)
tests_engine_test_hits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_hits_LDADD = $(engine_test_libs)

tests_engine_test_judge_SOURCES = tests/engine/test_judge.c tests/profile/fixture.c \
	tests/profile/fixture.h
tests_engine_test_judge_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_judge_LDADD = $(engine_test_libs)

tests_engine_test_limits_SOURCES = tests/engine/test_limits.c
tests_engine_test_limits_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_limits_LDADD = $(engine_test_libs)

tests_engine_test_packet_SOURCES = tests/engine/test_packet.c
tests_engine_test_packet_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_packet_LDADD = $(engine_test_libs)

tests_engine_test_relay_SOURCES = tests/engine/test_relay.c
tests_engine_test_relay_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_relay_LDADD = $(engine_test_libs)

tests_engine_test_shards_SOURCES = tests/engine/test_shards.c tests/engine/descriptors.c \
	tests/engine/descriptors.h
tests_engine_test_shards_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_shards_LDADD = $(engine_test_libs)

tests_engine_test_udp_proxy_SOURCES = tests/engine/test_udp_proxy.c tests/proxy/fake.c \
	tests/proxy/fake.h
tests_engine_test_udp_proxy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_udp_proxy_LDADD = $(engine_test_libs)

tests_engine_test_tcp_proxy_SOURCES = tests/engine/test_tcp_proxy.c $(engine_test_world) \
	tests/proxy/fake.c tests/proxy/fake.h
tests_engine_test_tcp_proxy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_engine_test_tcp_proxy_LDADD = $(engine_test_libs)
