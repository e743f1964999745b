noinst_LIBRARIES += src/netlink/libcf-netlink.a
src_netlink_libcf_netlink_a_SOURCES = src/netlink/placeholder.c \
	src/netlink/gateway.h \
	src/netlink/nflog.h
