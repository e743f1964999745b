noinst_LIBRARIES += src/dns/libcf-dns.a
src_dns_libcf_dns_a_SOURCES = src/dns/placeholder.c \
	src/dns/names.h \
	src/dns/resolver.h \
	src/dns/server.h
