noinst_LIBRARIES += src/dns/libcf-dns.a
src_dns_libcf_dns_a_CFLAGS = $(AM_CFLAGS) $(CARES_CFLAGS)
src_dns_libcf_dns_a_SOURCES = \
	src/dns/ask.c \
	src/dns/ask.h \
	src/dns/asked.c \
	src/dns/asked.h \
	src/dns/cache.c \
	src/dns/cache.h \
	src/dns/cares.c \
	src/dns/cares.h \
	src/dns/chain.c \
	src/dns/chain.h \
	src/dns/domain.c \
	src/dns/domain.h \
	src/dns/ech.c \
	src/dns/ech.h \
	src/dns/find.c \
	src/dns/find.h \
	src/dns/judge.c \
	src/dns/judge.h \
	src/dns/kept.c \
	src/dns/kept.h \
	src/dns/names.c \
	src/dns/names.h \
	src/dns/outbox.c \
	src/dns/outbox.h \
	src/dns/ports.c \
	src/dns/ports.h \
	src/dns/rdata.c \
	src/dns/rdata.h \
	src/dns/reply.c \
	src/dns/reply.h \
	src/dns/resolver.c \
	src/dns/resolver.h \
	src/dns/server.c \
	src/dns/server.h \
	src/dns/stream.c \
	src/dns/stream.h \
	src/dns/svcb.c \
	src/dns/svcb.h \
	src/dns/upstream.c \
	src/dns/upstream.h \
	src/dns/wire.c \
	src/dns/wire.h
