# Tests of this room. enter is a small engine, probe what it runs inside.
sandbox_tests = \
	tests/sandbox/test_automount \
	tests/sandbox/test_command \
	tests/sandbox/test_elsewhere \
	tests/sandbox/test_end \
	tests/sandbox/test_etc \
	tests/sandbox/test_filter \
	tests/sandbox/test_movable \
	tests/sandbox/test_sweep \
	tests/sandbox/test_terminal \
	tests/sandbox/test_view \
	tests/sandbox/test_walls
check_PROGRAMS += tests/sandbox/enter tests/sandbox/probe $(sandbox_tests)
TESTS += $(sandbox_tests)

sandbox_test_libs = \
	src/sandbox/libcf-sandbox.a src/loop/libcf-loop.a src/base/libcf-base.a \
	$(CMOCKA_LIBS) $(PTHREAD_LIBS)
sandbox_test_cflags = $(AM_CFLAGS) $(CMOCKA_CFLAGS) \
	-DBUILD_DIR='"$(abs_builddir)/tests/sandbox"'
sandbox_test_scene = tests/sandbox/scene.c tests/sandbox/scene.h

tests_sandbox_enter_SOURCES = tests/sandbox/enter.c
tests_sandbox_enter_LDADD = $(sandbox_test_libs)
tests_sandbox_probe_SOURCES = tests/sandbox/probe.c

tests_sandbox_test_automount_SOURCES = tests/sandbox/test_automount.c
tests_sandbox_test_automount_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_automount_LDADD = $(sandbox_test_libs)

tests_sandbox_test_command_SOURCES = tests/sandbox/test_command.c $(sandbox_test_scene)
tests_sandbox_test_command_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_command_LDADD = $(sandbox_test_libs)

tests_sandbox_test_elsewhere_SOURCES = tests/sandbox/test_elsewhere.c
tests_sandbox_test_elsewhere_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_elsewhere_LDADD = $(sandbox_test_libs)

tests_sandbox_test_end_SOURCES = tests/sandbox/test_end.c $(sandbox_test_scene)
tests_sandbox_test_end_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_end_LDADD = $(sandbox_test_libs)

tests_sandbox_test_movable_SOURCES = tests/sandbox/test_movable.c
tests_sandbox_test_movable_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_movable_LDADD = $(sandbox_test_libs)

tests_sandbox_test_etc_SOURCES = tests/sandbox/test_etc.c $(sandbox_test_scene)
tests_sandbox_test_etc_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_etc_LDADD = $(sandbox_test_libs)

tests_sandbox_test_filter_SOURCES = tests/sandbox/test_filter.c src/sandbox/filter_rules.c
tests_sandbox_test_filter_CFLAGS = $(sandbox_test_cflags) $(SECCOMP_CFLAGS)
tests_sandbox_test_filter_LDADD = $(sandbox_test_libs) $(SECCOMP_LIBS)

tests_sandbox_test_sweep_SOURCES = tests/sandbox/test_sweep.c $(sandbox_test_scene)
tests_sandbox_test_sweep_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_sweep_LDADD = $(sandbox_test_libs)

tests_sandbox_test_terminal_SOURCES = tests/sandbox/test_terminal.c $(sandbox_test_scene)
tests_sandbox_test_terminal_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_terminal_LDADD = $(sandbox_test_libs)

tests_sandbox_test_view_SOURCES = tests/sandbox/test_view.c $(sandbox_test_scene)
tests_sandbox_test_view_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_view_LDADD = $(sandbox_test_libs)

tests_sandbox_test_walls_SOURCES = tests/sandbox/test_walls.c $(sandbox_test_scene)
tests_sandbox_test_walls_CFLAGS = $(sandbox_test_cflags)
tests_sandbox_test_walls_LDADD = $(sandbox_test_libs)
