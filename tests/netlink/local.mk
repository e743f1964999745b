# Tests of this room: they make namespaces of their own.
netlink_tests = tests/netlink/test_gateway tests/netlink/test_hints tests/netlink/test_host \
	tests/netlink/test_interface tests/netlink/test_owner tests/netlink/test_rules \
	tests/netlink/test_stray tests/netlink/test_sysctl
check_PROGRAMS += $(netlink_tests)
TESTS += $(netlink_tests)

netlink_test_libs = src/netlink/libcf-netlink.a src/loop/libcf-loop.a src/base/libcf-base.a \
	$(CMOCKA_LIBS) $(NL_LIBS) $(PTHREAD_LIBS)

tests_netlink_test_gateway_SOURCES = tests/netlink/test_gateway.c \
	tests/netlink/lab.c tests/netlink/lab.h tests/netlink/packet.c tests/netlink/packet.h
tests_netlink_test_gateway_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_gateway_LDADD = $(netlink_test_libs)

tests_netlink_test_hints_SOURCES = tests/netlink/test_hints.c
tests_netlink_test_hints_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_hints_LDADD = $(netlink_test_libs)

tests_netlink_test_host_SOURCES = tests/netlink/test_host.c \
	tests/netlink/lab.c tests/netlink/lab.h
tests_netlink_test_host_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_host_LDADD = $(netlink_test_libs)

tests_netlink_test_interface_SOURCES = tests/netlink/test_interface.c \
	tests/netlink/lab.c tests/netlink/lab.h
tests_netlink_test_interface_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_interface_LDADD = $(netlink_test_libs)

tests_netlink_test_owner_SOURCES = tests/netlink/test_owner.c
tests_netlink_test_owner_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_owner_LDADD = $(netlink_test_libs)

tests_netlink_test_stray_SOURCES = tests/netlink/test_stray.c
tests_netlink_test_stray_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_stray_LDADD = $(netlink_test_libs)

tests_netlink_test_sysctl_SOURCES = tests/netlink/test_sysctl.c \
	tests/netlink/lab.c tests/netlink/lab.h
tests_netlink_test_sysctl_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_sysctl_LDADD = $(netlink_test_libs)

tests_netlink_test_rules_SOURCES = tests/netlink/test_rules.c \
	tests/netlink/lab.c tests/netlink/lab.h tests/netlink/packet.c tests/netlink/packet.h
tests_netlink_test_rules_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_rules_LDADD = $(netlink_test_libs)
