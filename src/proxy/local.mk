noinst_LIBRARIES += src/proxy/libcf-proxy.a
src_proxy_libcf_proxy_a_CFLAGS = $(AM_CFLAGS) $(OPENSSL_CFLAGS)
src_proxy_libcf_proxy_a_SOURCES = \
	src/proxy/basic.c \
	src/proxy/basic.h \
	src/proxy/dial.c \
	src/proxy/dial.h \
	src/proxy/http_connect.c \
	src/proxy/http_connect.h \
	src/proxy/outcome.c \
	src/proxy/outcome.h \
	src/proxy/race.c \
	src/proxy/race.h \
	src/proxy/socks5.c \
	src/proxy/socks5.h \
	src/proxy/streams.c \
	src/proxy/streams.h \
	src/proxy/target.h \
	src/proxy/tls.c \
	src/proxy/tls.h \
	src/proxy/tls_pump.c \
	src/proxy/tls_pump.h \
	src/proxy/way.c \
	src/proxy/way.h \
	src/proxy/words.c \
	src/proxy/words.h
