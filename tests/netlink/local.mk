# Tests of this room.
check_PROGRAMS += tests/netlink/test_owner
TESTS += tests/netlink/test_owner
tests_netlink_test_owner_SOURCES = tests/netlink/test_owner.c
tests_netlink_test_owner_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
tests_netlink_test_owner_LDADD = src/netlink/libcf-netlink.a src/base/libcf-base.a \
	$(CMOCKA_LIBS) $(NL_LIBS) $(NFTABLES_LIBS) $(PTHREAD_LIBS)
