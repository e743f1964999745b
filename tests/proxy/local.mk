# Tests of this room.
proxy_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
proxy_test_libs = src/proxy/libcf-proxy.a src/audit/libcf-audit.a src/loop/libcf-loop.a \
	src/profile/libcf-profile.a src/base/libcf-base.a \
	$(PSL_LIBS) $(IDN2_LIBS) $(CMOCKA_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/proxy/test_http_connect tests/proxy/test_socks5 tests/proxy/test_words
TESTS += tests/proxy/test_http_connect tests/proxy/test_socks5 tests/proxy/test_words
tests_proxy_test_http_connect_SOURCES = tests/proxy/test_http_connect.c
tests_proxy_test_http_connect_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_http_connect_LDADD = $(proxy_test_libs)
tests_proxy_test_socks5_SOURCES = tests/proxy/test_socks5.c
tests_proxy_test_socks5_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_socks5_LDADD = $(proxy_test_libs)
tests_proxy_test_words_SOURCES = tests/proxy/test_words.c
tests_proxy_test_words_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_words_LDADD = $(proxy_test_libs)

check_PROGRAMS += tests/proxy/test_dial
TESTS += tests/proxy/test_dial
tests_proxy_test_dial_SOURCES = tests/proxy/test_dial.c tests/proxy/fake.c tests/proxy/fake.h
tests_proxy_test_dial_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_dial_LDADD = $(proxy_test_libs)

check_PROGRAMS += tests/proxy/test_tls
TESTS += tests/proxy/test_tls
tests_proxy_test_tls_SOURCES = tests/proxy/test_tls.c tests/proxy/fake.c tests/proxy/fake.h \
	tests/proxy/tls_server.c tests/proxy/tls_server.h
tests_proxy_test_tls_CFLAGS = $(proxy_test_cflags) $(OPENSSL_CFLAGS)
tests_proxy_test_tls_LDADD = $(proxy_test_libs) $(OPENSSL_LIBS)

check_PROGRAMS += tests/proxy/test_streams
TESTS += tests/proxy/test_streams
tests_proxy_test_streams_SOURCES = tests/proxy/test_streams.c tests/proxy/fake.c tests/proxy/fake.h
tests_proxy_test_streams_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_streams_LDADD = $(proxy_test_libs)

check_PROGRAMS += tests/proxy/test_way
TESTS += tests/proxy/test_way
tests_proxy_test_way_SOURCES = tests/proxy/test_way.c tests/proxy/fake.c tests/proxy/fake.h
tests_proxy_test_way_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_way_LDADD = $(proxy_test_libs)

check_PROGRAMS += tests/proxy/test_prepared
TESTS += tests/proxy/test_prepared
tests_proxy_test_prepared_SOURCES = tests/proxy/test_prepared.c tests/proxy/fake.c tests/proxy/fake.h
tests_proxy_test_prepared_CFLAGS = $(proxy_test_cflags)
tests_proxy_test_prepared_LDADD = $(proxy_test_libs)
