noinst_LIBRARIES += src/netlink/libcf-netlink.a
src_netlink_libcf_netlink_a_CFLAGS = $(AM_CFLAGS) $(NL_CFLAGS)
src_netlink_libcf_netlink_a_SOURCES = \
	src/netlink/count.c \
	src/netlink/count.h \
	src/netlink/gateway.c \
	src/netlink/gateway.h \
	src/netlink/hints.c \
	src/netlink/hints.h \
	src/netlink/host.c \
	src/netlink/interface.c \
	src/netlink/interface.h \
	src/netlink/link.c \
	src/netlink/link.h \
	src/netlink/nflog.c \
	src/netlink/nflog.h \
	src/netlink/nft.c \
	src/netlink/nft.h \
	src/netlink/nft_message.c \
	src/netlink/nft_message.h \
	src/netlink/owner.c \
	src/netlink/owner.h \
	src/netlink/process.c \
	src/netlink/process.h \
	src/netlink/request.c \
	src/netlink/request.h \
	src/netlink/sockets.c \
	src/netlink/sockets.h \
	src/netlink/stray.c \
	src/netlink/stray.h \
	src/netlink/sysctl.c \
	src/netlink/sysctl.h \
	src/netlink/thread.c \
	src/netlink/thread.h
