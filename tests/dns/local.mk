# Tests of this room.
dns_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
dns_test_libs = src/dns/libcf-dns.a src/audit/libcf-audit.a src/loop/libcf-loop.a \
	src/profile/libcf-profile.a src/base/libcf-base.a \
	$(CARES_LIBS) $(PSL_LIBS) $(IDN2_LIBS) $(CMOCKA_LIBS) $(PTHREAD_LIBS)
dns_test_message = tests/dns/message.c tests/dns/message.h
dns_test_fixture = $(dns_test_message) \
	tests/dns/fixture.c tests/dns/fixture.h \
	tests/dns/upstream_fake.c tests/dns/upstream_fake.h

check_PROGRAMS += tests/dns/test_resolver
TESTS += tests/dns/test_resolver
tests_dns_test_resolver_SOURCES = tests/dns/test_resolver.c $(dns_test_fixture)
tests_dns_test_resolver_CFLAGS = $(dns_test_cflags)
tests_dns_test_resolver_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_asker
TESTS += tests/dns/test_asker
tests_dns_test_asker_SOURCES = tests/dns/test_asker.c $(dns_test_fixture)
tests_dns_test_asker_CFLAGS = $(dns_test_cflags)
tests_dns_test_asker_LDADD = $(dns_test_libs)

# With a clock of its own.
check_PROGRAMS += tests/dns/test_clock
TESTS += tests/dns/test_clock
tests_dns_test_clock_SOURCES = tests/dns/test_clock.c $(dns_test_fixture)
tests_dns_test_clock_CFLAGS = $(dns_test_cflags)
tests_dns_test_clock_LDFLAGS = $(AM_LDFLAGS) \
	-Wl,--wrap=cf_clock_monotonic_us -Wl,--wrap=cf_loop_timer_start
tests_dns_test_clock_LDADD = $(dns_test_libs)

TESTS += tests/dns/test_documented.py
EXTRA_DIST += tests/dns/test_documented.py

check_PROGRAMS += tests/dns/test_edns
TESTS += tests/dns/test_edns
tests_dns_test_edns_SOURCES = tests/dns/test_edns.c $(dns_test_fixture)
tests_dns_test_edns_CFLAGS = $(dns_test_cflags)
tests_dns_test_edns_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_hostile
TESTS += tests/dns/test_hostile
tests_dns_test_hostile_SOURCES = tests/dns/test_hostile.c $(dns_test_fixture)
tests_dns_test_hostile_CFLAGS = $(dns_test_cflags)
tests_dns_test_hostile_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_ech
TESTS += tests/dns/test_ech
tests_dns_test_ech_SOURCES = tests/dns/test_ech.c $(dns_test_message)
tests_dns_test_ech_CFLAGS = $(dns_test_cflags)
tests_dns_test_ech_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_cares
TESTS += tests/dns/test_cares
tests_dns_test_cares_SOURCES = tests/dns/test_cares.c $(dns_test_fixture)
tests_dns_test_cares_CFLAGS = $(dns_test_cflags)
tests_dns_test_cares_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_kept
TESTS += tests/dns/test_kept
tests_dns_test_kept_SOURCES = tests/dns/test_kept.c $(dns_test_message)
tests_dns_test_kept_CFLAGS = $(dns_test_cflags)
tests_dns_test_kept_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_proxied
TESTS += tests/dns/test_proxied
tests_dns_test_proxied_SOURCES = tests/dns/test_proxied.c $(dns_test_fixture)
tests_dns_test_proxied_CFLAGS = $(dns_test_cflags)
tests_dns_test_proxied_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_standins
TESTS += tests/dns/test_standins
tests_dns_test_standins_SOURCES = tests/dns/test_standins.c
tests_dns_test_standins_CFLAGS = $(dns_test_cflags)
tests_dns_test_standins_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_tunnel
TESTS += tests/dns/test_tunnel
tests_dns_test_tunnel_SOURCES = tests/dns/test_tunnel.c $(dns_test_fixture)
tests_dns_test_tunnel_CFLAGS = $(dns_test_cflags)
tests_dns_test_tunnel_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_ports
TESTS += tests/dns/test_ports
tests_dns_test_ports_SOURCES = tests/dns/test_ports.c $(dns_test_fixture)
tests_dns_test_ports_CFLAGS = $(dns_test_cflags)
tests_dns_test_ports_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_protection
TESTS += tests/dns/test_protection
tests_dns_test_protection_SOURCES = tests/dns/test_protection.c $(dns_test_fixture)
tests_dns_test_protection_CFLAGS = $(dns_test_cflags)
tests_dns_test_protection_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_settings
TESTS += tests/dns/test_settings
tests_dns_test_settings_SOURCES = tests/dns/test_settings.c $(dns_test_fixture)
tests_dns_test_settings_CFLAGS = $(dns_test_cflags)
tests_dns_test_settings_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_server
TESTS += tests/dns/test_server
tests_dns_test_server_SOURCES = tests/dns/test_server.c $(dns_test_fixture)
tests_dns_test_server_CFLAGS = $(dns_test_cflags)
tests_dns_test_server_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_outbox
TESTS += tests/dns/test_outbox
tests_dns_test_outbox_SOURCES = tests/dns/test_outbox.c
tests_dns_test_outbox_CFLAGS = $(dns_test_cflags)
tests_dns_test_outbox_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_wire tests/dns/test_cache tests/dns/test_names
TESTS += tests/dns/test_wire tests/dns/test_cache tests/dns/test_names
tests_dns_test_wire_SOURCES = tests/dns/test_wire.c $(dns_test_message)
tests_dns_test_wire_CFLAGS = $(dns_test_cflags)
tests_dns_test_wire_LDADD = $(dns_test_libs)
tests_dns_test_cache_SOURCES = tests/dns/test_cache.c $(dns_test_message)
tests_dns_test_cache_CFLAGS = $(dns_test_cflags)
tests_dns_test_cache_LDADD = $(dns_test_libs)
tests_dns_test_names_SOURCES = tests/dns/test_names.c
tests_dns_test_names_CFLAGS = $(dns_test_cflags)
tests_dns_test_names_LDADD = $(dns_test_libs)

check_PROGRAMS += tests/dns/test_find
TESTS += tests/dns/test_find
tests_dns_test_find_SOURCES = tests/dns/test_find.c $(dns_test_message) \
	tests/dns/upstream_fake.c tests/dns/upstream_fake.h
tests_dns_test_find_CFLAGS = $(dns_test_cflags)
tests_dns_test_find_LDADD = $(dns_test_libs)
