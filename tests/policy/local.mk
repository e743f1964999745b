# Tests of this room.
POLICY_TEST_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) \
	-DGOLDEN_DIR='"$(abs_srcdir)/tests/policy/golden"' \
	-DDOC_DIR='"$(abs_srcdir)/doc"' \
	-DSCHEMA_DIR='"$(abs_srcdir)/schema"' \
	-DPOLICIES_DIR='"$(abs_srcdir)/policies"' \
	-DEXAMPLES_DIR='"$(abs_srcdir)/examples"'
POLICY_LIBS = src/policy/libcf-policy.a src/capture/libcf-capture.a \
	src/profile/libcf-profile.a src/base/libcf-base.a \
	$(YAML_LIBS) $(MD_LIBS) $(PSL_LIBS) $(IDN2_LIBS) $(PTHREAD_LIBS)

# A new file in golden/ needs no line here.
EXTRA_DIST += tests/policy/golden
check_PROGRAMS += tests/policy/test_golden
TESTS += tests/policy/test_golden
tests_policy_test_golden_SOURCES = tests/policy/test_golden.c
tests_policy_test_golden_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_golden_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

# The keys of `proxy`.
EXTRA_DIST += tests/policy/golden-proxy
check_PROGRAMS += tests/policy/test_golden_proxy
TESTS += tests/policy/test_golden_proxy
tests_policy_test_golden_proxy_SOURCES = tests/policy/test_golden.c
tests_policy_test_golden_proxy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) \
	-DGOLDEN_DIR='"$(abs_srcdir)/tests/policy/golden-proxy"'
tests_policy_test_golden_proxy_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_proxy
TESTS += tests/policy/test_proxy
tests_policy_test_proxy_SOURCES = tests/policy/test_proxy.c
tests_policy_test_proxy_CFLAGS = $(AM_CFLAGS) $(CMOCKA_CFLAGS) \
	-DGOLDEN_PROXY_DIR='"$(abs_srcdir)/tests/policy/golden-proxy"'
tests_policy_test_proxy_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_groups
TESTS += tests/policy/test_groups
tests_policy_test_groups_SOURCES = tests/policy/test_groups.c
tests_policy_test_groups_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_groups_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_options
TESTS += tests/policy/test_options
tests_policy_test_options_SOURCES = tests/policy/test_options.c
tests_policy_test_options_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_options_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_schema
TESTS += tests/policy/test_schema
tests_policy_test_schema_SOURCES = tests/policy/test_schema.c
tests_policy_test_schema_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_schema_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_limits
TESTS += tests/policy/test_limits
tests_policy_test_limits_SOURCES = tests/policy/test_limits.c
tests_policy_test_limits_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_limits_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_source
TESTS += tests/policy/test_source
tests_policy_test_source_SOURCES = tests/policy/test_source.c
tests_policy_test_source_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_source_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_bombs
TESTS += tests/policy/test_bombs
tests_policy_test_bombs_SOURCES = tests/policy/test_bombs.c \
	tests/policy/bombs.c tests/policy/bombs.h \
	tests/policy/bombs_right.c tests/policy/bombs_write.h
tests_policy_test_bombs_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_bombs_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_policies
TESTS += tests/policy/test_policies
tests_policy_test_policies_SOURCES = tests/policy/test_policies.c
tests_policy_test_policies_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_policies_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_json_schema
TESTS += tests/policy/test_json_schema
tests_policy_test_json_schema_SOURCES = tests/policy/test_json_schema.c
tests_policy_test_json_schema_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_json_schema_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_man_page
TESTS += tests/policy/test_man_page
tests_policy_test_man_page_SOURCES = tests/policy/test_man_page.c
tests_policy_test_man_page_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_man_page_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_unit
TESTS += tests/policy/test_unit
tests_policy_test_unit_SOURCES = tests/policy/test_unit.c
tests_policy_test_unit_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_unit_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_extends
TESTS += tests/policy/test_extends
tests_policy_test_extends_SOURCES = tests/policy/test_extends.c
tests_policy_test_extends_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_extends_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_merge
TESTS += tests/policy/test_merge
tests_policy_test_merge_SOURCES = tests/policy/test_merge.c
tests_policy_test_merge_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_merge_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

TESTS += tests/policy/test_editor.py
EXTRA_DIST += tests/policy/test_editor.py

check_PROGRAMS += tests/policy/test_value
TESTS += tests/policy/test_value
tests_policy_test_value_SOURCES = tests/policy/test_value.c
tests_policy_test_value_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_value_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)

check_PROGRAMS += tests/policy/test_show
TESTS += tests/policy/test_show
tests_policy_test_show_SOURCES = tests/policy/test_show.c
tests_policy_test_show_CFLAGS = $(POLICY_TEST_CFLAGS)
tests_policy_test_show_LDADD = $(POLICY_LIBS) $(CMOCKA_LIBS)
