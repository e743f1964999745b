# Tests of this room.
check_PROGRAMS += \
	tests/report/test_live \
	tests/report/test_lookups \
	tests/report/test_show \
	tests/report/test_summary
TESTS += \
	tests/report/test_live \
	tests/report/test_lookups \
	tests/report/test_show \
	tests/report/test_summary
EXTRA_DIST += \
	tests/report/audit.json \
	tests/report/audit.txt \
	tests/report/build-colour.txt \
	tests/report/build.json \
	tests/report/build.txt \
	tests/report/groups.txt \
	tests/report/hostile.json \
	tests/report/hostile.txt \
	tests/report/live-nothing.txt \
	tests/report/live.txt \
	tests/report/lookups.json \
	tests/report/lookups.txt \
	tests/report/nothing.json \
	tests/report/nothing.txt \
	tests/report/processes.txt \
	tests/report/proxy-direct.json \
	tests/report/proxy-direct.txt \
	tests/report/proxy-names.json \
	tests/report/proxy-names.txt \
	tests/report/proxy-tunnel.json \
	tests/report/proxy-tunnel.txt \
	tests/report/quiet.txt \
	tests/report/warnings.txt

report_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) $(JANSSON_CFLAGS) \
	-DTEST_DIR='"$(abs_srcdir)/tests/report"'
report_test_libs = src/report/libcf-report.a src/audit/libcf-audit.a \
	src/profile/libcf-profile.a src/base/libcf-base.a \
	$(PSL_LIBS) $(IDN2_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) $(PTHREAD_LIBS)

tests_report_test_live_SOURCES = tests/report/test_live.c
tests_report_test_live_CFLAGS = $(report_test_cflags)
tests_report_test_live_LDADD = $(report_test_libs)
tests_report_test_lookups_SOURCES = tests/report/test_lookups.c
tests_report_test_lookups_CFLAGS = $(report_test_cflags)
tests_report_test_lookups_LDADD = $(report_test_libs)
tests_report_test_show_SOURCES = tests/report/test_show.c
tests_report_test_show_CFLAGS = $(report_test_cflags)
tests_report_test_show_LDADD = $(report_test_libs)
tests_report_test_summary_SOURCES = tests/report/test_summary.c
tests_report_test_summary_CFLAGS = $(report_test_cflags)
tests_report_test_summary_LDADD = $(report_test_libs)
