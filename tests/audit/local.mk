# Tests of this room.
check_PROGRAMS += \
	tests/audit/test_audit \
	tests/audit/test_event \
	tests/audit/test_json \
	tests/audit/test_path \
	tests/audit/test_secret
TESTS += \
	tests/audit/test_audit \
	tests/audit/test_event \
	tests/audit/test_json \
	tests/audit/test_path \
	tests/audit/test_schema.py \
	tests/audit/test_secret
EXTRA_DIST += \
	tests/audit/samples.jsonl \
	tests/audit/test_schema.py

# jansson reads back what childflow's own code wrote.
audit_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) \
	-DTEST_DIR='"$(abs_srcdir)/tests/audit"'
audit_test_libs = src/audit/libcf-audit.a src/profile/libcf-profile.a src/base/libcf-base.a \
	$(PSL_LIBS) $(IDN2_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) $(PTHREAD_LIBS)

tests_audit_test_audit_SOURCES = tests/audit/test_audit.c
tests_audit_test_audit_CFLAGS = $(audit_test_cflags)
tests_audit_test_audit_LDADD = $(audit_test_libs)
tests_audit_test_event_SOURCES = \
	tests/audit/samples.c \
	tests/audit/samples.h \
	tests/audit/test_event.c
tests_audit_test_event_CFLAGS = $(audit_test_cflags)
tests_audit_test_event_LDADD = $(audit_test_libs)
tests_audit_test_json_SOURCES = tests/audit/test_json.c
tests_audit_test_json_CFLAGS = $(audit_test_cflags)
tests_audit_test_json_LDADD = $(audit_test_libs)
tests_audit_test_path_SOURCES = tests/audit/test_path.c
tests_audit_test_path_CFLAGS = $(audit_test_cflags)
tests_audit_test_path_LDADD = $(audit_test_libs)
tests_audit_test_secret_SOURCES = tests/audit/test_secret.c
tests_audit_test_secret_CFLAGS = $(audit_test_cflags)
tests_audit_test_secret_LDADD = $(audit_test_libs)
