# Tests of this room.
PROFILE_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS)
PROFILE_TEST_LIBS = src/profile/libcf-profile.a src/base/libcf-base.a \
	$(CMOCKA_LIBS) $(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

check_PROGRAMS += tests/profile/test_endpoint
TESTS += tests/profile/test_endpoint
tests_profile_test_endpoint_SOURCES = tests/profile/test_endpoint.c
tests_profile_test_endpoint_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_endpoint_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_exe
TESTS += tests/profile/test_exe
tests_profile_test_exe_SOURCES = tests/profile/test_exe.c
tests_profile_test_exe_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_exe_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_verdict
TESTS += tests/profile/test_verdict
tests_profile_test_verdict_SOURCES = tests/profile/test_verdict.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_verdict_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_verdict_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_protection
TESTS += tests/profile/test_protection
tests_profile_test_protection_SOURCES = tests/profile/test_protection.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_protection_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_protection_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_record_type
TESTS += tests/profile/test_record_type
tests_profile_test_record_type_SOURCES = tests/profile/test_record_type.c
tests_profile_test_record_type_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_record_type_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_index
TESTS += tests/profile/test_index
tests_profile_test_index_SOURCES = tests/profile/test_index.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_index_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_index_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_oracle
TESTS += tests/profile/test_oracle
tests_profile_test_oracle_SOURCES = tests/profile/test_oracle.c \
	tests/profile/fixture.c tests/profile/fixture.h tests/profile/oracle.c tests/profile/oracle.h
tests_profile_test_oracle_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_oracle_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_name
TESTS += tests/profile/test_name
tests_profile_test_name_SOURCES = tests/profile/test_name.c
tests_profile_test_name_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_name_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_profile
TESTS += tests/profile/test_profile
tests_profile_test_profile_SOURCES = tests/profile/test_profile.c
tests_profile_test_profile_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_profile_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_lint
TESTS += tests/profile/test_lint
tests_profile_test_lint_SOURCES = tests/profile/test_lint.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_lint_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_lint_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_trace
TESTS += tests/profile/test_trace
tests_profile_test_trace_SOURCES = tests/profile/test_trace.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_trace_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_trace_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_proxy
TESTS += tests/profile/test_proxy
tests_profile_test_proxy_SOURCES = tests/profile/test_proxy.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_proxy_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_proxy_LDADD = $(PROFILE_TEST_LIBS)

check_PROGRAMS += tests/profile/test_lint_proxy
TESTS += tests/profile/test_lint_proxy
tests_profile_test_lint_proxy_SOURCES = tests/profile/test_lint_proxy.c \
	tests/profile/fixture.c tests/profile/fixture.h
tests_profile_test_lint_proxy_CFLAGS = $(PROFILE_TEST_CFLAGS)
tests_profile_test_lint_proxy_LDADD = $(PROFILE_TEST_LIBS)
