# One fuzz target for each parser. A target is three blocks: its sources and
# libraries, a replay of its corpus in `make check` (replay_NAME), and the
# libFuzzer program (fuzz_NAME), built with
#
#   configure CC=clang --enable-fuzzers --enable-sanitizers CFLAGS='-O1 -g'
#   make tests/fuzz/fuzz_NAME
#   tests/fuzz/fuzz_NAME NEW-FOLDER tests/fuzz/corpus/NAME
#
# A new file in corpus/NAME needs no line here. Where there is a NAME.dict, add
# -dict=tests/fuzz/NAME.dict.
fuzz_corpora = -DCORPORA='"$(abs_srcdir)/tests/fuzz/corpus/"'

# endpoint
fuzz_endpoint_sources = tests/fuzz/fuzz_endpoint.c
fuzz_endpoint_libs = src/profile/libcf-profile.a src/base/libcf-base.a \
	$(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

EXTRA_DIST += tests/fuzz/corpus/endpoint
check_PROGRAMS += tests/fuzz/replay_endpoint
TESTS += tests/fuzz/replay_endpoint
tests_fuzz_replay_endpoint_SOURCES = tests/fuzz/replay.c $(fuzz_endpoint_sources)
tests_fuzz_replay_endpoint_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"endpoint"'
tests_fuzz_replay_endpoint_LDADD = $(fuzz_endpoint_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_endpoint
tests_fuzz_fuzz_endpoint_SOURCES = $(fuzz_endpoint_sources)
tests_fuzz_fuzz_endpoint_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_endpoint_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_endpoint_LDADD = $(fuzz_endpoint_libs)
endif

# proxy
fuzz_proxy_sources = tests/fuzz/fuzz_proxy.c
fuzz_proxy_libs = $(fuzz_endpoint_libs)

EXTRA_DIST += tests/fuzz/corpus/proxy
check_PROGRAMS += tests/fuzz/replay_proxy
TESTS += tests/fuzz/replay_proxy
tests_fuzz_replay_proxy_SOURCES = tests/fuzz/replay.c $(fuzz_proxy_sources)
tests_fuzz_replay_proxy_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"proxy"'
tests_fuzz_replay_proxy_LDADD = $(fuzz_proxy_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_proxy
tests_fuzz_fuzz_proxy_SOURCES = $(fuzz_proxy_sources)
tests_fuzz_fuzz_proxy_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_proxy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_proxy_LDADD = $(fuzz_proxy_libs)
endif

# name
fuzz_name_sources = tests/fuzz/fuzz_name.c
fuzz_name_libs = $(fuzz_endpoint_libs)

EXTRA_DIST += tests/fuzz/corpus/name
check_PROGRAMS += tests/fuzz/replay_name
TESTS += tests/fuzz/replay_name
tests_fuzz_replay_name_SOURCES = tests/fuzz/replay.c $(fuzz_name_sources)
tests_fuzz_replay_name_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"name"'
tests_fuzz_replay_name_LDADD = $(fuzz_name_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_name
tests_fuzz_fuzz_name_SOURCES = $(fuzz_name_sources)
tests_fuzz_fuzz_name_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_name_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_name_LDADD = $(fuzz_name_libs)
endif

# prefix
fuzz_prefix_sources = tests/fuzz/fuzz_prefix.c
fuzz_prefix_libs = $(fuzz_endpoint_libs)

EXTRA_DIST += tests/fuzz/corpus/prefix
check_PROGRAMS += tests/fuzz/replay_prefix
TESTS += tests/fuzz/replay_prefix
tests_fuzz_replay_prefix_SOURCES = tests/fuzz/replay.c $(fuzz_prefix_sources)
tests_fuzz_replay_prefix_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"prefix"'
tests_fuzz_replay_prefix_LDADD = $(fuzz_prefix_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_prefix
tests_fuzz_fuzz_prefix_SOURCES = $(fuzz_prefix_sources)
tests_fuzz_fuzz_prefix_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_prefix_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_prefix_LDADD = $(fuzz_prefix_libs)
endif

# verdict
fuzz_verdict_sources = tests/fuzz/fuzz_verdict.c tests/profile/oracle.c tests/profile/oracle.h
fuzz_verdict_libs = $(fuzz_endpoint_libs)

EXTRA_DIST += tests/fuzz/corpus/verdict
check_PROGRAMS += tests/fuzz/replay_verdict
TESTS += tests/fuzz/replay_verdict
tests_fuzz_replay_verdict_SOURCES = tests/fuzz/replay.c $(fuzz_verdict_sources)
tests_fuzz_replay_verdict_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"verdict"'
tests_fuzz_replay_verdict_LDADD = $(fuzz_verdict_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_verdict
tests_fuzz_fuzz_verdict_SOURCES = $(fuzz_verdict_sources)
tests_fuzz_fuzz_verdict_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_verdict_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_verdict_LDADD = $(fuzz_verdict_libs)
endif

# policy
fuzz_policy_sources = tests/fuzz/fuzz_policy.c
fuzz_policy_libs = src/policy/libcf-policy.a src/capture/libcf-capture.a \
	src/profile/libcf-profile.a src/base/libcf-base.a \
	$(YAML_LIBS) $(MD_LIBS) $(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

EXTRA_DIST += tests/fuzz/corpus/policy
check_PROGRAMS += tests/fuzz/replay_policy
TESTS += tests/fuzz/replay_policy
tests_fuzz_replay_policy_SOURCES = tests/fuzz/replay.c $(fuzz_policy_sources)
tests_fuzz_replay_policy_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"policy"'
tests_fuzz_replay_policy_LDADD = $(fuzz_policy_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_policy
tests_fuzz_fuzz_policy_SOURCES = $(fuzz_policy_sources)
tests_fuzz_fuzz_policy_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_policy_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_policy_LDADD = $(fuzz_policy_libs)
endif

# dns
fuzz_dns_sources = tests/fuzz/fuzz_dns.c
fuzz_dns_libs = src/dns/libcf-dns.a src/profile/libcf-profile.a src/base/libcf-base.a \
	$(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

EXTRA_DIST += tests/fuzz/corpus/dns
check_PROGRAMS += tests/fuzz/replay_dns
TESTS += tests/fuzz/replay_dns
tests_fuzz_replay_dns_SOURCES = tests/fuzz/replay.c $(fuzz_dns_sources)
tests_fuzz_replay_dns_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"dns"'
tests_fuzz_replay_dns_LDADD = $(fuzz_dns_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_dns
tests_fuzz_fuzz_dns_SOURCES = $(fuzz_dns_sources)
tests_fuzz_fuzz_dns_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_dns_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_dns_LDADD = $(fuzz_dns_libs)
endif

# domain
fuzz_domain_sources = tests/fuzz/fuzz_domain.c
fuzz_domain_libs = $(fuzz_dns_libs)

EXTRA_DIST += tests/fuzz/corpus/domain
check_PROGRAMS += tests/fuzz/replay_domain
TESTS += tests/fuzz/replay_domain
tests_fuzz_replay_domain_SOURCES = tests/fuzz/replay.c $(fuzz_domain_sources)
tests_fuzz_replay_domain_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"domain"'
tests_fuzz_replay_domain_LDADD = $(fuzz_domain_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_domain
tests_fuzz_fuzz_domain_SOURCES = $(fuzz_domain_sources)
tests_fuzz_fuzz_domain_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_domain_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_domain_LDADD = $(fuzz_domain_libs)
endif

# kept
fuzz_kept_sources = tests/fuzz/fuzz_kept.c
fuzz_kept_libs = $(fuzz_dns_libs)

EXTRA_DIST += tests/fuzz/corpus/kept
check_PROGRAMS += tests/fuzz/replay_kept
TESTS += tests/fuzz/replay_kept
tests_fuzz_replay_kept_SOURCES = tests/fuzz/replay.c $(fuzz_kept_sources)
tests_fuzz_replay_kept_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"kept"'
tests_fuzz_replay_kept_LDADD = $(fuzz_kept_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_kept
tests_fuzz_fuzz_kept_SOURCES = $(fuzz_kept_sources)
tests_fuzz_fuzz_kept_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_kept_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_kept_LDADD = $(fuzz_kept_libs)
endif

# query
fuzz_query_sources = tests/fuzz/fuzz_query.c
fuzz_query_libs = src/dns/libcf-dns.a src/audit/libcf-audit.a src/loop/libcf-loop.a \
	src/profile/libcf-profile.a src/base/libcf-base.a $(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

EXTRA_DIST += tests/fuzz/corpus/query
check_PROGRAMS += tests/fuzz/replay_query
TESTS += tests/fuzz/replay_query
tests_fuzz_replay_query_SOURCES = tests/fuzz/replay.c $(fuzz_query_sources)
tests_fuzz_replay_query_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"query"'
tests_fuzz_replay_query_LDADD = $(fuzz_query_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_query
tests_fuzz_fuzz_query_SOURCES = $(fuzz_query_sources)
tests_fuzz_fuzz_query_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_query_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_query_LDADD = $(fuzz_query_libs)
endif

# connect_reply
fuzz_connect_reply_sources = tests/fuzz/fuzz_connect_reply.c
fuzz_connect_reply_libs = src/proxy/libcf-proxy.a src/audit/libcf-audit.a \
	src/profile/libcf-profile.a src/base/libcf-base.a $(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

EXTRA_DIST += tests/fuzz/corpus/connect_reply
check_PROGRAMS += tests/fuzz/replay_connect_reply
TESTS += tests/fuzz/replay_connect_reply
tests_fuzz_replay_connect_reply_SOURCES = tests/fuzz/replay.c $(fuzz_connect_reply_sources)
tests_fuzz_replay_connect_reply_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"connect_reply"'
tests_fuzz_replay_connect_reply_LDADD = $(fuzz_connect_reply_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_connect_reply
tests_fuzz_fuzz_connect_reply_SOURCES = $(fuzz_connect_reply_sources)
tests_fuzz_fuzz_connect_reply_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_connect_reply_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_connect_reply_LDADD = $(fuzz_connect_reply_libs)
endif

# socks5
fuzz_socks5_sources = tests/fuzz/fuzz_socks5.c
fuzz_socks5_libs = $(fuzz_connect_reply_libs)

EXTRA_DIST += tests/fuzz/corpus/socks5
check_PROGRAMS += tests/fuzz/replay_socks5
TESTS += tests/fuzz/replay_socks5
tests_fuzz_replay_socks5_SOURCES = tests/fuzz/replay.c $(fuzz_socks5_sources)
tests_fuzz_replay_socks5_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"socks5"'
tests_fuzz_replay_socks5_LDADD = $(fuzz_socks5_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_socks5
tests_fuzz_fuzz_socks5_SOURCES = $(fuzz_socks5_sources)
tests_fuzz_fuzz_socks5_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_socks5_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_socks5_LDADD = $(fuzz_socks5_libs)
endif

# The dictionary of fuzz_policy is made from the table of keys.
EXTRA_DIST += tests/fuzz/policy.dict
check_PROGRAMS += tests/fuzz/test_dictionary
TESTS += tests/fuzz/test_dictionary
tests_fuzz_test_dictionary_SOURCES = tests/fuzz/test_dictionary.c
tests_fuzz_test_dictionary_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) \
	-DDICTIONARY='"$(abs_srcdir)/tests/fuzz/policy.dict"'
tests_fuzz_test_dictionary_LDADD = $(fuzz_policy_libs) $(CMOCKA_LIBS)

# hello
fuzz_hello_sources = tests/fuzz/fuzz_hello.c
fuzz_hello_libs = src/engine/libcf-engine.a $(fuzz_endpoint_libs)

EXTRA_DIST += tests/fuzz/corpus/hello
check_PROGRAMS += tests/fuzz/replay_hello
TESTS += tests/fuzz/replay_hello
tests_fuzz_replay_hello_SOURCES = tests/fuzz/replay.c $(fuzz_hello_sources)
tests_fuzz_replay_hello_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"hello"'
tests_fuzz_replay_hello_LDADD = $(fuzz_hello_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_hello
tests_fuzz_fuzz_hello_SOURCES = $(fuzz_hello_sources)
tests_fuzz_fuzz_hello_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_hello_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_hello_LDADD = $(fuzz_hello_libs)
endif

# filter
fuzz_filter_sources = tests/fuzz/fuzz_filter.c tests/capture/lookups.c tests/capture/lookups.h
fuzz_filter_libs = src/capture/libcf-capture.a $(fuzz_endpoint_libs)

EXTRA_DIST += tests/fuzz/corpus/filter tests/fuzz/filter.dict
check_PROGRAMS += tests/fuzz/replay_filter
TESTS += tests/fuzz/replay_filter
tests_fuzz_replay_filter_SOURCES = tests/fuzz/replay.c $(fuzz_filter_sources)
tests_fuzz_replay_filter_CFLAGS = $(AM_CFLAGS) $(fuzz_corpora) -DCORPUS='"filter"'
tests_fuzz_replay_filter_LDADD = $(fuzz_filter_libs)

if FUZZERS
noinst_PROGRAMS += tests/fuzz/fuzz_filter
tests_fuzz_fuzz_filter_SOURCES = $(fuzz_filter_sources)
tests_fuzz_fuzz_filter_CFLAGS = $(AM_CFLAGS)
tests_fuzz_fuzz_filter_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_fuzz_filter_LDADD = $(fuzz_filter_libs)
endif
